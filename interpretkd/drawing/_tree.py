"""A tree as a picture: tests in words, shares as bars, the way of one row.

The picture holds what the tree holds, and no row of the data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import (
    InputError,
    check_boolean,
    check_choice,
    check_integer,
    one_line,
)
from interpretkd.data import Codes, Schema, as_frame, check_schema, image_schema
from interpretkd.drawing._drawing import Drawing
from interpretkd.drawing._node_boxes import Look, _Box, _legend, _look_at, _node_box
from interpretkd.drawing._pixels import _as_picture
from interpretkd.drawing._shapes import Curve, Shape, Text, moved
from interpretkd.drawing._text_metrics import wrap
from interpretkd.drawing._tree_layout import _place_in_levels, _place_tidily
from interpretkd.models import Forest, Nodes, Tree, path_conditions

DIRECTIONS = ("auto", "down", "right")

_FEW_LEAVES = 8
"""Up to here a tree that grows downwards is not too wide for a page."""
_SMALL_BRANCH = 3
"""A branch of so few leaves gets no page of its own."""
_MARGIN, _TITLE = 14.0, 24.0
_GAPS = {"down": (14.0, 40.0), "right": (8.0, 46.0)}
"""Between neighbours, and between levels."""


@dataclass(frozen=True)
class _Part:
    """Which nodes of a tree are drawn."""

    nodes: tuple[int, ...]
    """Parents before their children."""
    folded: Mapping[int, str]
    """What is said at a branch that is not drawn."""
    hot: frozenset[int] = frozenset()
    """The way of a row."""


@dataclass(frozen=True)
class _Placed:
    """Boxes and their upper left corners."""

    boxes: Mapping[int, _Box]
    x: Mapping[int, float]
    y: Mapping[int, float]
    width: float
    height: float
    direction: str
    hot: frozenset[int] = field(default_factory=frozenset)


def draw_tree(
    model: Any,
    *,
    max_depth: int | None = None,
    most_leaves: int = 64,
    direction: str = "auto",
    row: Any = None,
    weigh_edges: bool = False,
    tree: int | None = None,
    title: str | None = None,
    schema: Schema | None = None,
    pictures: Any = None,
) -> Drawing:
    """Draw a tree.

    Each test stands in words at its node, and whether it holds at the branches. Bars
    show the shares of the classes, those of labels, or where the value lies; a number
    says which share of the training rows comes by, by weight. Classes are told apart
    by names, never by colours alone.

    Parameters
    ----------
    model : Tree, Forest, student or fitted model
        What to draw; a distilled model adds its classes and probabilities.
    max_depth : int or None, default=None
        In [0, inf): branches below this depth are folded, which says how many leaves
        are in them. None folds as much as `most_leaves` needs.
    most_leaves : int, default=64
        In [1, inf): without `max_depth`, the tree is drawn to the largest depth at
        which so many boxes end it.
    direction : {"auto", "down", "right"}, default="auto"
        Where the tree grows to; "auto" is down for up to 8 leaves.
    row : one row in original columns, default=None
        Its way is marked, and unfolded; nothing else of it is in the picture.
    weigh_edges : bool, default=False
        Whether branches are as thick as the share of the rows that take them.
    tree : int or None, default=None
        In [0, n_trees): which tree of a boosted student; needed there, and only there.
    title : str or None, default=None
        A line above the picture; None shows none.
    schema : Schema or None, default=None
        For images the columns with their ``image_shape``: each test shows where its
        pixel lies. None takes the model's or its teacher's.
    pictures : LeafImages or mapping of int to ndarray, default=None
        For images what to show at the leaves: what `leaf_images` returned, or by leaf
        values in [0, 1] of shape (height, width) or (height, width, 3). Only these come
        from rows, and the former only from many together.

    Returns
    -------
    Drawing
        The picture: ``.svg()``, ``.png()``, ``.pdf()``; shows itself in a notebook.

    Raises
    ------
    InputError
        When the model has no tree, and for values that are not allowed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from interpretkd.students import CartStudent
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> student = CartStudent(3, search="greedy").fit(X, np.eye(3)[y])
    >>> drawing = draw_tree(student, max_depth=1)
    >>> print(drawing.alt)
    Decision tree: 3 leaves, 2 tests deep
    petal length (cm) <= 2.4499998 (100% of rows)
      yes: (1, 0, 0) (33.3% of rows)
      no: 2 leaves below, mean (0, 0.5, 0.5) (66.7% of rows)
    """
    owner = "draw_tree"
    check_integer(owner, "max_depth", max_depth, 0, optional=True)
    check_integer(owner, "most_leaves", most_leaves, 1)
    check_choice(owner, "direction", direction, DIRECTIONS)
    check_boolean(owner, "weigh_edges", weigh_edges)
    look = look_of(model, owner, tree, schema, _shown_pictures(pictures))
    way = _way(look.tree.nodes, row)
    if max_depth is None:
        max_depth = _deepest(look.tree.nodes, most_leaves)
    part = _part(look, 0, max_depth, way)
    shown = [] if title is None else [title]
    return _drawing(look, part, direction, shown, weigh_edges=weigh_edges)


def tree_svg(
    model: Any, *, theme: str = "auto", name: str | None = None, **settings: Any
) -> str:
    """Draw a tree as SVG.

    Parameters
    ----------
    model : Tree, Forest, student or fitted model
        What to draw.
    theme : {"auto", "light", "dark"}, default="auto"
        "auto" follows the reader's settings and prints light.
    name : str or None, default=None
        The element's id; None makes one from what is drawn.
    **settings
        As of `draw_tree`.

    Returns
    -------
    str
        One SVG element that asks for nothing: no script, no data row. Each node is a
        group with ``data-node``, the node's index in the tree.
    """
    return draw_tree(model, **settings).svg(theme=theme, name=name)


def draw_pages(
    model: Any,
    *,
    depth: int = 4,
    direction: str = "right",
    weigh_edges: bool = False,
    tree: int | None = None,
    title: str | None = None,
    schema: Schema | None = None,
) -> list[Drawing]:
    """Draw a large tree as pages that can be read and printed.

    Parameters
    ----------
    model : Tree, Forest, student or fitted model
        What to draw.
    depth : int, default=4
        In [1, inf): the tests below each other on one page. A branch goes on on a page
        of its own, unless it has so few leaves that it fits.
    direction : {"auto", "down", "right"}, default="right"
        Where the trees grow to.
    weigh_edges : bool, default=False
        Whether branches are as thick as the share of the rows that take them.
    tree : int or None, default=None
        Which tree of a boosted student.
    title : str or None, default=None
        A line above each page.
    schema : Schema or None, default=None
        As of `draw_tree`.

    Returns
    -------
    list of Drawing
        The first page has the top of the tree; each other one says where it comes from
        and which rows come there.

    Raises
    ------
    InputError
        As of `draw_tree`.
    """
    owner = "pages"
    check_integer(owner, "depth", depth, 1)
    check_choice(owner, "direction", direction, DIRECTIONS)
    check_boolean(owner, "weigh_edges", weigh_edges)
    look = look_of(model, owner, tree, schema)
    starts, origin = [0], {0: 0}
    parts = []
    for page, start in enumerate(starts):  # which grows while it is walked along
        part = _part(look, start, depth, (), small=_SMALL_BRANCH)
        for branch in part.folded:
            origin[branch] = page
            starts.append(branch)
        parts.append(part)
    number = {start: page for page, start in enumerate(starts, start=1)}
    conditions = path_conditions(look.tree.nodes)
    drawings = []
    for start, part in zip(starts, parts, strict=True):
        folded = {
            branch: f"{text.removesuffix(' below')}: page {number[branch]}"
            for branch, text in part.folded.items()
        }
        head = [title] if title else []
        head.append(f"Page {number[start]} of {len(starts)}")
        if start:
            head[-1] += f": goes on from node {start} on page {origin[start] + 1}"
            there = " and ".join(map(str, conditions[start]))
            head.append(f"Here: {there}")
        drawings.append(
            _drawing(
                look,
                replace(part, folded=folded),
                direction,
                head,
                weigh_edges=weigh_edges,
            )
        )
    return drawings


def pages(
    model: Any, *, depth: int = 4, theme: str = "auto", **settings: Any
) -> list[str]:
    """Draw a large tree as SVG pages.

    Parameters
    ----------
    model : Tree, Forest, student or fitted model
        What to draw.
    depth : int, default=4
        In [1, inf): the tests below each other on one page.
    theme : {"auto", "light", "dark"}, default="auto"
        "auto" follows the reader's settings and prints light.
    **settings
        As of `draw_pages`.

    Returns
    -------
    list of str
        The pages, each one SVG element.
    """
    drawings = draw_pages(model, depth=depth, **settings)
    return [drawing.svg(theme=theme) for drawing in drawings]


def look_of(
    model: Any,
    owner: str,
    tree: int | None = None,
    schema: Schema | None = None,
    pictures: Mapping[int, NDArray[Any]] | None = None,
) -> Look:
    """Find the tree to draw, and what its boxes say.

    Parameters
    ----------
    model : Tree, Forest, student or fitted model
        What was given.
    owner : str
        The function that was called.
    tree : int or None, default=None
        Which tree of a forest; None for a single tree.
    schema : Schema or None, default=None
        Columns with an image's shape; None takes the model's or its teacher's.
    pictures : mapping of int to ndarray, default=None
        By leaf a picture to show there.

    Returns
    -------
    Look
        All of it.

    Raises
    ------
    InputError
        When there is no tree, when `tree` is missing, too large or not needed, and when
        `schema` does not fit the columns.
    """
    knower, drawn, name = _tree_of(model, tree, owner)
    look = _look_at(knower, drawn, name, pictures or {})
    own = drawn.schema
    known = image_schema(own, model)
    if schema is not None:
        known = check_schema(owner, schema, own)
    return replace(look, image_shape=None if known is None else known.image_shape)


def _shown_pictures(given: Any) -> Mapping[int, NDArray[Any]]:
    """Return by leaf what is shown there, all in the same shades."""
    frames = getattr(given, "frames", None)
    if frames is None:
        return given or {}
    means = {f.leaf: f.mean for f in frames if f.mean is not None}
    known = np.concatenate([[0.0], *(np.ravel(mean) for mean in means.values())])
    low, high = float(np.nanmin(known)), float(np.nanmax(known))
    return {leaf: _as_picture(m, m.shape, low, high) for leaf, m in means.items()}


def _tree_of(model: Any, index: int | None, owner: str) -> tuple[Any, Tree, str]:
    """Return who knows what a tree's values mean, the tree, and what it is."""
    student = getattr(model, "student_", model)
    form = getattr(student, "form_", student)
    if isinstance(form, Forest):
        last = form.n_trees - 1
        if index is None:
            raise InputError(
                f"A boosted student has {form.n_trees} trees: the 'tree' parameter of "
                f"{owner} must be an int in [0, {last}]. Got None."
            )
        check_integer(owner, "tree", index, 0, last)
        return None, _with_means(form.tree(index)), _added_to(model, form, index)
    if not isinstance(form, Tree):
        raise InputError(
            f"Only trees are drawn; {type(model).__name__} has none. Use a CartStudent."
        )
    if index is not None:
        raise InputError(
            f"The 'tree' parameter of {owner} is for boosted students; this is one "
            f"tree. Got {index!r}."
        )
    # A fitted model's tree has the classes' names.
    tree = getattr(model, "tree_", form)
    return model, tree, "Decision tree"


def _added_to(model: Any, form: Forest, index: int) -> str:
    column = int(form.column[index])
    names = getattr(model, "classes_", None)
    of = f"output {column}"
    if names is not None and len(names) == form.n_outputs:
        of = one_line(str(names[column]))
    elif form.n_outputs == 1:
        of = "the sum"
    return f"Tree {index} of {form.n_trees}, numbers added to {of}"


def _with_means(tree: Tree) -> Tree:
    """Return a forest's tree with a value at each node: the mean of its leaves."""
    value = np.array(tree.value)
    cover = tree.cover
    for node in reversed(np.flatnonzero(~tree.nodes.is_leaf).tolist()):
        below = [int(tree.nodes.left[node]), int(tree.nodes.right[node])]
        weight = cover[below] if cover[below].sum() > 0 else np.ones(2)
        value[node] = np.average(value[below], axis=0, weights=weight)
    return replace(tree, value=value)


def _row_codes(schema: Schema, row: Any, owner: str) -> Codes:
    """Turn one row, however it is given, into codes."""
    frame = as_frame(row)
    if isinstance(row, pd.Series | Mapping):
        frame = pd.DataFrame({str(name): [value] for name, value in row.items()})
    if frame is None:
        array = np.asarray(row)
        codes = schema.encode(array.reshape(1, -1) if array.ndim == 1 else array)
    else:
        codes = schema.encode(frame)
    if len(codes) != 1:
        raise InputError(
            f"The 'row' parameter of {owner} must be one row. Got {len(codes)}."
        )
    return codes


def _way(nodes: Nodes, row: Any) -> tuple[int, ...]:
    """Return the nodes that a row passes."""
    if row is None:
        return ()
    codes = _row_codes(nodes.schema, row, "draw_tree")
    node = int(nodes.apply(codes)[0])
    parent = {}
    for above in np.flatnonzero(~nodes.is_leaf).tolist():
        parent[int(nodes.left[above])] = parent[int(nodes.right[above])] = above
    way = [node]
    while way[-1] in parent:
        way.append(parent[way[-1]])
    return tuple(way)


def _deepest(nodes: Nodes, most_leaves: int) -> int:
    """Return the largest depth at which no more boxes than that end the picture."""
    per_depth = np.bincount(nodes.depths)
    ended = np.cumsum(
        np.bincount(nodes.depths[nodes.is_leaf], minlength=len(per_depth))
    )
    ends = per_depth + np.concatenate([[0], ended[:-1]])
    fitting = np.flatnonzero(ends <= most_leaves)
    return int(fitting[-1])


def _part(
    look: Look, root: int, max_depth: int, way: Sequence[int], *, small: int = 0
) -> _Part:
    left, right = look.children
    unfolded = set(way)
    shown, folded = [], {}
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        shown.append(node)
        if left[node] < 0:
            continue
        below = look.n_leaves[node]
        if depth >= max_depth and node not in unfolded and below > small:
            folded[node] = f"{below:,} leaves below"
            continue
        waiting += [(right[node], depth + 1), (left[node], depth + 1)]
    return _Part(tuple(shown), folded, frozenset(unfolded))


def _drawing(
    look: Look,
    part: _Part,
    direction: str,
    head: Sequence[str],
    *,
    weigh_edges: bool,
) -> Drawing:
    ends = sum(
        look.tree.nodes.left[node] < 0 or node in part.folded for node in part.nodes
    )
    if direction == "auto":
        direction = "down" if ends <= _FEW_LEAVES else "right"
    placed = _place(look, part, direction)
    width = max(placed.width, 320.0)
    top, lines = _head(head, width)
    shapes: list[Shape] = [*lines]
    key, key_height = _legend(look, part.nodes, width)
    shapes += [moved(shape, _MARGIN, top) for shape in key]
    top += key_height
    left = _MARGIN + (width - placed.width) / 2 if direction == "down" else _MARGIN
    branches, words = _edges(look, placed, left, top, weigh_edges=weigh_edges)
    shapes += [*branches, *words]
    shapes += [
        box.at(placed.x[node] + left, placed.y[node] + top)
        for node, box in placed.boxes.items()
    ]
    tree = look.tree
    title = f"{look.name}: {tree.n_leaves} leaves, {tree.depth} tests deep"
    if tree.n_leaves == 1:
        title = f"{look.name}: one leaf, no test"
    title = f"{' - '.join(head)} - {title}" if head else title
    return Drawing(
        width + 2 * _MARGIN,
        placed.height + top + _MARGIN,
        one_line(title),
        _in_words(look, part),
        tuple(shapes),
    )


def _place(look: Look, part: _Part, direction: str) -> _Placed:
    nodes = look.tree.nodes
    boxes = {
        node: _node_box(look, node, part.folded.get(node), hot=node in part.hot)
        for node in part.nodes
    }
    local = {node: i for i, node in enumerate(part.nodes)}
    open_ = [not look.is_leaf[n] and n not in part.folded for n in part.nodes]
    left, right = (
        [
            local[child[n]] if is_open else -1
            for n, is_open in zip(part.nodes, open_, strict=True)
        ]
        for child in look.children
    )
    depth = nodes.depths[list(part.nodes)]
    depth = (depth - depth[0]).tolist()
    if direction == "right":
        boxes = _as_wide(boxes, depth)
    sizes = [(box.width, box.height) for box in boxes.values()]
    across, along = (0, 1) if direction == "down" else (1, 0)
    beside, between = _GAPS[direction]
    breadth = [size[across] for size in sizes]
    centre = _place_tidily(left, right, breadth, beside)
    start, length = _place_in_levels(depth, [size[along] for size in sizes], between)
    first = (centre - np.asarray(breadth) / 2).tolist()
    span = max(f + b for f, b in zip(first, breadth, strict=True))
    x, y = (first, start.tolist()) if direction == "down" else (start.tolist(), first)
    width, height = (span, length) if direction == "down" else (length, span)
    return _Placed(
        boxes,
        dict(zip(part.nodes, x, strict=True)),
        dict(zip(part.nodes, y, strict=True)),
        width,
        height,
        direction,
        part.hot,
    )


def _as_wide(boxes: Mapping[int, _Box], depth: Sequence[int]) -> dict[int, _Box]:
    """Make the boxes of each level as wide as the widest of them."""
    widest: dict[int, float] = {}
    for box, level in zip(boxes.values(), depth, strict=True):
        widest[level] = max(widest.get(level, 0), box.width)
    return {
        node: box.widened(widest[level])
        for (node, box), level in zip(boxes.items(), depth, strict=True)
    }


def _edges(
    look: Look, placed: _Placed, left: float, top: float, *, weigh_edges: bool
) -> tuple[list[Curve], list[Text]]:
    curves: list[Curve] = []
    words: list[Text] = []
    join = _downwards if placed.direction == "down" else _rightwards
    for answer, children in zip(("yes", "no"), look.children, strict=True):
        for node in placed.boxes:
            child = children[node]
            if child not in placed.boxes:
                continue
            hot = child in placed.hot
            thick = 1 + 9 * look.share[child] if weigh_edges else 1.2
            thick = max(thick, 3.0) if hot else thick
            ends, word = join(placed, node, child, answer, thick)
            x0, y0, x1, y1 = ends
            curve = Curve(x0 + left, y0 + top, x1 + left, y1 + top, thick)
            upright = placed.direction == "down"
            curves.append(curve._replace(upright=upright, hot=hot))
            role = "ink" if hot else "muted"
            words.append(
                word._replace(x=word.x + left, y=word.y + top, role=role, bold=hot)
            )
    return sorted(curves, key=lambda curve: curve.hot), words


def _downwards(
    placed: _Placed, node: int, child: int, answer: str, thick: float
) -> tuple[tuple[float, float, float, float], Text]:
    box, to = placed.boxes[node], placed.boxes[child]
    x0, y0 = placed.x[node] + box.width / 2, placed.y[node] + box.height
    x1, y1 = placed.x[child] + to.width / 2, placed.y[child]
    side, anchor = (-1, "end") if answer == "yes" else (1, "start")
    place = x1 + side * (5 + thick / 2)
    return (x0, y0, x1, y1), Text(place, y1 - 7, answer, "muted", "small", anchor)


def _rightwards(
    placed: _Placed, node: int, child: int, answer: str, thick: float
) -> tuple[tuple[float, float, float, float], Text]:
    box, to = placed.boxes[node], placed.boxes[child]
    x0, y0 = placed.x[node] + box.width, placed.y[node] + box.height / 2
    x1, y1 = placed.x[child], placed.y[child] + to.height / 2
    # On the side that the curve does not come from.
    beside = -4 - thick / 2 if y1 < y0 else 11 + thick / 2
    return (x0, y0, x1, y1), Text(x1 - 6, y1 + beside, answer, "muted", "small", "end")


def _head(lines: Sequence[str], width: float) -> tuple[float, list[Text]]:
    """Write the lines above a picture, the first one large."""
    top, texts = _MARGIN, []
    for i, line in enumerate(lines):
        size, height = ("title", _TITLE) if i == 0 else ("body", 17.0)
        points = 15.0 if i == 0 else 12.0
        for piece in wrap(one_line(line), width, points, most_lines=4, bold=i == 0):
            texts.append(Text(_MARGIN, top + points, piece, "ink", size, bold=i == 0))
            top += height - (3 if i else 0)
    return top + (6 if lines else 0), texts


def _in_words(look: Look, part: _Part) -> str:
    """Say the same as the picture, one line a box."""
    left, right = look.children
    level, word = {part.nodes[0]: 0}, {part.nodes[0]: ""}
    lines = []
    for node in part.nodes:
        said = look.in_words(node, part.folded.get(node))
        passed = ", on the way of the row" if node in part.hot else ""
        lines.append(f"{'  ' * level[node]}{word[node]}{said}{passed}")
        if left[node] >= 0 and node not in part.folded:
            for child, answer in ((left[node], "yes: "), (right[node], "no: ")):
                level[child], word[child] = level[node] + 1, answer
    return "\n".join(lines)
