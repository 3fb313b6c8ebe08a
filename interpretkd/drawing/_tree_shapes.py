"""The nodes of a tree that are drawn, put in their places, as shapes and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from interpretkd._base import one_line
from interpretkd.drawing._drawing import Drawing
from interpretkd.drawing._look import Look
from interpretkd.drawing._node_boxes import _Box, _legend, _node_box
from interpretkd.drawing._shapes import Curve, Shape, Text, moved
from interpretkd.drawing._text_metrics import wrap
from interpretkd.drawing._tree_layout import _place_in_levels, _place_tidily

_FEW_LEAVES = 8
"""Up to here a tree that grows downwards is not too wide for a page."""


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
        said = look._in_words(node, part.folded.get(node))
        passed = ", on the way of the row" if node in part.hot else ""
        lines.append(f"{'  ' * level[node]}{word[node]}{said}{passed}")
        if left[node] >= 0 and node not in part.folded:
            for child, answer in ((left[node], "yes: "), (right[node], "no: ")):
                level[child], word[child] = level[node] + 1, answer
    return "\n".join(lines)
