"""A tree as a picture: tests in words, shares as bars, the way of one row.

The picture holds what the tree holds, and no row of the data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from interpretkd.data import (
    Codes,
    Schema,
    as_frame,
    check_schema,
    image_schema,
    value_name,
)
from interpretkd.drawing._drawing import Drawing
from interpretkd.drawing._look import Look, _look_at
from interpretkd.drawing._pixels import _as_picture
from interpretkd.drawing._tree_shapes import _drawing, _Part
from interpretkd.models import (
    Forest,
    Nodes,
    Tree,
    given_schema,
    path_conditions,
    rows_seen,
)

DIRECTIONS = ("auto", "down", "right")

_SMALL_BRANCH = 3
"""A branch of so few leaves gets no page of its own."""


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
    petal length (cm) <= 2.4 (100% of rows)
      yes: (1, 0, 0) (33.3% of rows)
      no: 2 leaves below, mean (0, 0.5, 0.5) (66.7% of rows)
    """
    owner = "draw_tree"
    check_integer(owner, "max_depth", max_depth, 0, optional=True)
    check_integer(owner, "most_leaves", most_leaves, 1)
    check_choice(owner, "direction", direction, DIRECTIONS)
    check_boolean(owner, "weigh_edges", weigh_edges)
    look = look_of(model, owner, tree, schema, _shown_pictures(pictures))
    way = _way(model, look.tree.nodes, row)
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
    owner = "draw_pages"
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
    given = given_schema(drawn)
    known = image_schema(given, model)
    if schema is not None:
        known = check_schema(owner, schema, given)
    shape = None if known is None else known.image_shape
    return replace(look, image_shape=shape, noun=_counted_noun(model))


def _counted_noun(model: Any) -> str:
    """Name what a tree's shares count: of boosted classes each row's curvature."""
    student = getattr(model, "student_", model)
    form = getattr(student, "form_", student)
    counts = not isinstance(form, Forest) or form.link == "identity"
    return "rows" if counts else "weight"


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
            f"Only trees are drawn; a {type(student).__name__} has none. Use a "
            "CartStudent or a BoostedStudent."
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


def _row_codes(model: Any, schema: Schema, row: Any, owner: str) -> Codes:
    """Turn one row, however it is given, into codes."""
    if isinstance(row, pd.Series | Mapping):
        row = pd.DataFrame({value_name(name): [value] for name, value in row.items()})
    rows: Any = as_frame(row)
    if rows is None:
        array = np.asarray(row)
        rows = array.reshape(1, -1) if array.ndim == 1 else array
    codes = schema.encode(rows_seen(model, rows))
    if len(codes) != 1:
        raise InputError(
            f"The 'row' parameter of {owner} must be one row. Got {len(codes)}."
        )
    return codes


def _way(model: Any, nodes: Nodes, row: Any) -> tuple[int, ...]:
    """Return the nodes that a row passes."""
    if row is None:
        return ()
    codes = _row_codes(model, nodes.schema, row, "draw_tree")
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
