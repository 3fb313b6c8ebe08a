"""What the box of one node of a tree says, and what it looks like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, one_line, prediction_text
from interpretkd.drawing._colours import N_VALUE_ROLES, _class_role, _value_role
from interpretkd.drawing._pixels import _grey_or_colours, as_png, pixel_place
from interpretkd.drawing._shapes import FONT_SIZES, Group, Pixels, Rect, Shape, Text
from interpretkd.drawing._text_metrics import text_width, wrap
from interpretkd.models import Condition, Tree, leaf_outcomes, node_test

_WIDEST, _NARROWEST = 184.0, 74.0
"""Of the text in a box."""
_PAD, _LINE, _SMALL_LINE, _STRIPE = 9.0, 15.0, 13.0, 5.0
_BAR, _COLUMNS, _STRIP = 8.0, 20.0, 3.0
_THUMB, _PICTURE = 34.0, 44.0
_LONGEST_TITLE = 2000
_MOST_NAMES = 16
"""In the legend."""


@dataclass(frozen=True, eq=False)
class Look:
    """A tree with all that its boxes say.

    Parameters
    ----------
    tree : Tree
        The tree.
    name : str
        What it is, in a few words.
    kind : {"classes", "labels", "value", "values"}
        What the bars show: shares of one whole, the chance of each label, one number,
        several numbers.
    said : tuple of str
        By node what would be predicted there.
    bars : ndarray of shape (n_nodes, n_columns), float64
        In [0, 1]: the lengths of the bars.
    names : tuple of str
        The names of the columns.
    pictures : mapping of int to ndarray
        By leaf a picture to show there, values in [0, 1].
    meaning : str
        What the bars mean, in a few words.
    image_shape : tuple of int or None, default=None
        (height, width) or (channels, height, width) when the columns are pixels.
    """

    tree: Tree
    name: str
    kind: str
    said: tuple[str, ...]
    bars: Array
    names: tuple[str, ...]
    pictures: Mapping[int, NDArray[Any]]
    meaning: str
    image_shape: tuple[int, ...] | None = None

    @cached_property
    def share(self) -> list[float]:
        """By node the share of the training rows that come by, by weight."""
        cover = self.tree.cover
        shares: list[float] = (cover / max(float(cover[0]), 1e-300)).tolist()
        return shares

    @cached_property
    def n_leaves(self) -> list[int]:
        """By node the leaves below it; of a leaf 1."""
        left, right = self.children
        counts = [1] * len(left)
        for node in reversed(range(len(left))):
            if left[node] >= 0:
                counts[node] = counts[left[node]] + counts[right[node]]
        return counts

    @cached_property
    def _tests(self) -> dict[int, Condition]:
        return {}

    def test(self, node: int) -> Condition:
        """Return the test of a node that is no leaf.

        Parameters
        ----------
        node : int
            The node.

        Returns
        -------
        Condition
            What sends a row to the left, which is "yes".
        """
        if node not in self._tests:
            self._tests[node] = node_test(self.tree.nodes, node)
        return self._tests[node]

    @cached_property
    def is_leaf(self) -> list[bool]:
        """By node whether it is a leaf."""
        leaves: list[bool] = self.tree.nodes.is_leaf.tolist()
        return leaves

    @cached_property
    def features(self) -> list[int]:
        """By node the column tested; -1 at leaves."""
        columns: list[int] = self.tree.nodes.feature.tolist()
        return columns

    @cached_property
    def children(self) -> tuple[list[int], list[int]]:
        """By node its left and its right child; -1 at leaves."""
        return self.tree.nodes.left.tolist(), self.tree.nodes.right.tolist()

    @cached_property
    def best(self) -> list[int]:
        """By node the column that is highest."""
        columns: list[int] = self.bars.argmax(axis=1).tolist()
        return columns

    def way_to(self, node: int) -> list[int]:
        """Return a node and all above it.

        Parameters
        ----------
        node : int
            The node.

        Returns
        -------
        list of int
            From the node up, the root last.
        """
        left, right = self.children
        way = [node]
        # Children come behind their parents: one walk back finds all of them.
        for above in range(node - 1, -1, -1):
            if way[-1] in (left[above], right[above]):
                way.append(above)
        return way

    def below(self, node: int) -> NDArray[np.bool_]:
        """Mark a node and all below it.

        Parameters
        ----------
        node : int
            The node.

        Returns
        -------
        ndarray of shape (n_nodes,), bool
            Whether each node is that, or below it.
        """
        left, right = self.children
        marks = np.zeros(len(left), dtype=np.bool_)
        waiting = [node]
        while waiting:
            here = waiting.pop()
            marks[here] = True
            if left[here] >= 0:
                waiting += [left[here], right[here]]
        return marks

    def rows(self, node: int) -> str:
        """Say which share of the rows comes by a node.

        Parameters
        ----------
        node : int
            The node.

        Returns
        -------
        str
            A percentage; what is rounded to nothing is told from nothing.
        """
        share = self.share[node]
        text = f"{share:.1%}".replace("100.0%", "100%")
        return f"{'<0.1%' if 0 < share < 0.0005 else text} of rows"

    def tendency(self, node: int) -> str:
        """Say what most of the rows at a node, or their mean, would be answered.

        Parameters
        ----------
        node : int
            The node.

        Returns
        -------
        str
            A few words.
        """
        is_mean = self.kind in ("value", "values")
        return f"{'mean' if is_mean else 'mostly'} {self.said[node]}"

    def in_words(self, node: int, folded: str | None) -> str:
        """Say what a node's box shows.

        Parameters
        ----------
        node : int
            The node.
        folded : str or None
            What is said of the branch, if it is not drawn.

        Returns
        -------
        str
            One line.
        """
        rows = f"({self.rows(node)})"
        if folded is not None:
            return f"{folded}, {self.tendency(node)} {rows}"
        if self.is_leaf[node]:
            return f"{self.said[node]} {rows}"
        return f"{self.test(node).brief} {rows}"

    def title(self, node: int, folded: str | None) -> str:
        """Say all that is known of a node.

        Parameters
        ----------
        node : int
            The node.
        folded : str or None
            What is said of the branch, if it is not drawn.

        Returns
        -------
        str
            One line.
        """
        parts = [] if folded is None else [folded]
        if not self.is_leaf[node]:
            parts.append(str(self.test(node)))
            parts.append(self.tendency(node))
        else:
            parts.append(self.said[node])
        parts.append(self.rows(node))
        if self.kind in ("classes", "labels"):
            shares = zip(self.names, self.bars[node].tolist(), strict=True)
            parts.append(", ".join(f"{name} {share:.1%}" for name, share in shares))
        text = one_line(f"Node {node}: {'; '.join(parts)}")
        return text if len(text) <= _LONGEST_TITLE else f"{text[:_LONGEST_TITLE]}…"


@dataclass(frozen=True, eq=False)
class _Box:
    """The box of one node, wherever it is put.

    Parameters
    ----------
    look : Look
        The tree.
    node : int
        The node.
    lines : tuple of str
        The text.
    width, height : float
        The size.
    folded : str or None, default=None
        What is said of a branch that is not drawn.
    hot : bool, default=False
        Whether it is on the way of the row.
    """

    look: Look
    node: int
    lines: tuple[str, ...]
    width: float
    height: float
    folded: str | None = None
    hot: bool = False

    def widened(self, width: float) -> "_Box":
        """Return the same box in another width."""
        return replace(self, width=width)

    def at(self, x: float, y: float) -> Group:
        """Put the box somewhere."""
        look, node = self.look, self.node
        is_leaf = look.is_leaf[node]
        role = "fold" if self.folded is not None else "leaf" if is_leaf else "box"
        radius = 3 if is_leaf else 7
        shapes: list[Shape] = [
            Rect(x, y, self.width, self.height, role, radius, self.hot)
        ]
        if is_leaf:
            shapes.append(Rect(x, y, _STRIPE, self.height, self._stripe, 2))
        side = _side(look, node, self.folded)
        inside = x + _PAD + (_STRIPE if is_leaf else 0)
        if side:
            shapes += self._picture(inside, y + 7)
        bold = is_leaf or self.folded is not None
        start, line = inside + side, y + 6.0
        for text in self.lines:
            shapes.append(Text(start, line + 11.5, text, bold=bold))
            line += _LINE
        line = max(line + 4, y + 7 + (_side_height(look, node) if side else 0))
        end = x + self.width - _PAD
        room = end - inside
        shapes += self._bars(inside, line, room)
        line += _bar_height(look) + _SMALL_LINE
        small = _small(look, node)
        shapes.append(Text(inside, line - 0.5, small, "muted", "small"))
        shapes.append(Text(end, line - 0.5, f"#{node}", "muted", "small", "end"))
        strip = y + self.height - _STRIP - 4
        shapes.append(Rect(inside, strip, room, _STRIP, "track"))
        filled = max(room * min(look.share[node], 1), 0.6)
        shapes.append(Rect(inside, strip, filled, _STRIP, "share"))
        return Group(node, look.title(node, self.folded), tuple(shapes))

    @property
    def _stripe(self) -> str:
        bars, best = self.look.bars[self.node], self.look.best[self.node]
        if self.look.kind == "value":
            return _value_role(float(bars[0]))
        if self.look.kind == "values":
            return "line"
        if self.look.kind == "labels" and bars[best] < 0.5:
            return "line"
        return _class_role(best)

    def _picture(self, x: float, y: float) -> list[Shape]:
        look, node = self.look, self.node
        if node in look.pictures:
            image = look.pictures[node]
            pixels = _grey_or_colours(image)
            tall, wide = (
                _PICTURE * n / max(pixels.shape[:2]) for n in pixels.shape[:2]
            )
            return [Pixels(x, y, wide, tall, as_png(pixels))]
        shape = look.image_shape
        assert shape is not None
        _, row, column = pixel_place(shape, look.features[node])
        height, width = shape[-2:]
        unit = _THUMB / max(height, width)
        dot = max(unit, 3.0)
        return [
            Rect(x, y, width * unit, height * unit, "leaf"),
            Rect(
                x + min(column * unit, width * unit - dot),
                y + min(row * unit, height * unit - dot),
                dot,
                dot,
                "ink",
            ),
        ]

    def _bars(self, x: float, y: float, width: float) -> list[Shape]:
        look, lengths = self.look, self.look.bars[self.node].tolist()
        if look.kind == "classes":
            return _stacked(lengths, x, y, width)
        if look.kind == "value":
            return _one_bar(look, self.node, x, y, width)
        step = width / len(lengths)
        thick = max(step - 1.5, step * 0.7)
        shapes: list[Shape] = []
        for i, length in enumerate(lengths):
            tall = max(length * _COLUMNS, 0.8)
            place = x + i * step
            shapes.append(Rect(place, y, thick, _COLUMNS, "track"))
            shapes.append(Rect(place, y + _COLUMNS - tall, thick, tall, _class_role(i)))
        return shapes


def _look_at(
    model: Any, tree: Tree, name: str, pictures: Mapping[int, NDArray[Any]]
) -> Look:
    """Bring together what the boxes of a tree say."""
    if model is None:
        said = [f"{value:+.4g}" for value in tree.value[:, 0].tolist()]
        bars, names, meaning = _scaled(tree.value), ["value"], "what is added"
        return Look(
            tree, name, "value", tuple(said), bars, tuple(names), pictures, meaning
        )
    outcomes = leaf_outcomes(model, tree.value)
    said = [
        one_line(prediction_text(prediction)) + ("" if c is None else f" ({c:.0%})")
        for prediction, c in zip(
            outcomes.predictions, outcomes.probabilities, strict=True
        )
    ]
    classes = outcomes.classes
    names = (
        [f"output {i}" for i in range(tree.n_outputs)]
        if classes is None
        else [one_line(str(label)) for label in classes.tolist()]
    )
    if outcomes.chances is not None:
        several = outcomes.task == "multilabel"
        kind, bars = "labels" if several else "classes", outcomes.chances
        meaning = f"probability of each {'label' if several else 'class'}"
    elif classes is not None and _are_shares(tree.value):
        # At which temperature, only the model knows: no probabilities.
        kind, bars, meaning = "classes", tree.value, "mean target of each class"
    else:
        kind, bars = "value" if tree.n_outputs == 1 else "values", _scaled(tree.value)
        meaning = "the value"
        if kind == "values":
            meaning = "each output, from its smallest to its largest value"
    return Look(tree, name, kind, tuple(said), bars, tuple(names), pictures, meaning)


def _node_box(look: Look, node: int, folded: str | None, *, hot: bool) -> _Box:
    """Make the box of a node, as large as it must be."""
    size = FONT_SIZES["body"]
    bold = True
    if folded is not None:
        texts, most = [folded, look.tendency(node)], 2
    elif look.is_leaf[node]:
        texts, most = [look.said[node]], 2
        if hot:
            texts.append("the row ends here")
    else:
        texts, most, bold = [one_line(look.test(node).brief)], 3, False
    lines = [
        line
        for text in texts
        for line in wrap(text, _WIDEST, size, most_lines=most, bold=bold)
    ]
    side = _side(look, node, folded)
    widths = [text_width(line, size, bold=bold) + side for line in lines]
    small = f"{_small(look, node)}   #{node}"
    widths.append(text_width(small, FONT_SIZES["small"]))
    if look.kind in ("labels", "values"):
        widths.append(4.0 * len(look.names))
    text_height = max(
        len(lines) * _LINE + 4, 1 + (_side_height(look, node) if side else 0)
    )
    height = 6 + text_height + _bar_height(look) + _SMALL_LINE + _STRIP + 8
    width = max(_NARROWEST, *widths) + 2 * _PAD
    width += _STRIPE if look.is_leaf[node] else 0
    return _Box(look, node, tuple(lines), width, height, folded, hot)


def _legend(
    look: Look, nodes: Sequence[int], width: float
) -> tuple[list[Rect | Text], float]:
    """Return shapes that say what colours and bars mean, and the height they need."""
    shapes: list[Rect | Text] = []
    x, y = 0.0, 0.0
    if look.kind == "value":
        x = _scale(look, shapes)
    else:
        decided = sorted({look.best[node] for node in nodes})
        chosen: Sequence[int] = range(len(look.names))
        if len(look.names) > _MOST_NAMES:
            chosen = decided[:_MOST_NAMES]
        for i in chosen:
            (name,) = wrap(look.names[i], 150, FONT_SIZES["small"], most_lines=1)
            needed = 16 + text_width(name, FONT_SIZES["small"]) + 14
            if x and x + needed > width:
                x, y = 0.0, y + 17
            shapes.append(Rect(x, y, 11, 11, _class_role(i)))
            shapes.append(Text(x + 15, y + 9.5, name, "ink", "small"))
            x += needed
        if len(look.names) > len(chosen):
            more = f"and {len(look.names) - len(chosen)} more"
            shapes.append(Text(x, y + 9.5, more, "muted", "small"))
    text = f"Bars: {look.meaning}. Grey: share of the training rows. #: node."
    for line in wrap(text, width, FONT_SIZES["small"], most_lines=4):
        y += 17 if shapes else 0
        shapes.append(Text(0, y + 9.5, line, "muted", "small"))
    return shapes, y + 26


def _scale(look: Look, shapes: list[Rect | Text]) -> float:
    """Draw what colour stands for what value."""
    value = look.tree.value[:, 0]
    size = FONT_SIZES["small"]
    low, high = f"{value.min():.4g}", f"{value.max():.4g}"
    x = text_width(low, size) + 6
    shapes.append(Text(0, 9.5, low, "ink", "small"))
    shapes += [Rect(x + 12 * i, 0, 12, 11, f"v{i}") for i in range(N_VALUE_ROLES)]
    x += 12 * N_VALUE_ROLES + 6
    shapes.append(Text(x, 9.5, high, "ink", "small"))
    return x


def _small(look: Look, node: int) -> str:
    text = look.rows(node)
    shape, feature = look.image_shape, look.features[node]
    if shape is not None and len(shape) == 3 and shape[0] > 1 and feature >= 0:
        channel = pixel_place(shape, feature)[0] + 1
        return f"{text}, channel {channel}"
    return text


def _side(look: Look, node: int, folded: str | None) -> float:
    """Return the room for what is shown beside the text."""
    if look.is_leaf[node]:
        return _PICTURE + 7 if node in look.pictures else 0.0
    if look.image_shape is None or folded is not None:
        return 0.0
    return _THUMB + 7


def _side_height(look: Look, node: int) -> float:
    return (_PICTURE if node in look.pictures else _THUMB) + 5


def _bar_height(look: Look) -> float:
    return _COLUMNS if look.kind in ("labels", "values") else _BAR


def _stacked(shares: Sequence[float], x: float, y: float, width: float) -> list[Shape]:
    total = sum(shares) or 1.0
    shapes: list[Shape] = [Rect(x, y, width, _BAR, "track")]
    for i, share in enumerate(shares):
        wide = share / total * width
        if wide >= 0.4:
            # A gap tells neighbours apart in print.
            shapes.append(Rect(x, y, max(wide - 0.8, 0.4), _BAR, _class_role(i)))
        x += wide
    return shapes


def _one_bar(look: Look, node: int, x: float, y: float, width: float) -> list[Shape]:
    """Draw how far a value is from zero, or from the smallest if all are on a side."""
    value = look.tree.value[:, 0]
    low, high = float(value.min()), float(value.max())
    here = float(look.bars[node, 0])
    zero = (0 - low) / (high - low) if low < 0 < high else 0.0
    first, last = min(here, zero), max(here, zero)
    wide = max((last - first) * width, 1.5)
    shapes: list[Shape] = [Rect(x, y, width, _BAR, "track")]
    place = min(x + first * width, x + width - wide)
    shapes.append(Rect(place, y, wide, _BAR, _value_role(here)))
    if 0 < zero < 1:
        shapes.append(Rect(x + zero * width - 0.5, y - 1.5, 1, _BAR + 3, "ink"))
    return shapes


def _are_shares(value: Array) -> bool:
    return bool((value >= 0).all() and np.allclose(value.sum(axis=1), 1, atol=1e-6))


def _scaled(value: Array) -> Array:
    """Bring each column into [0, 1]."""
    low, high = value.min(axis=0), value.max(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        # Halves, for the difference of two huge values may be none.
        part = (value / 2 - low / 2) / np.where(high > low, high / 2 - low / 2, 1)
    return np.clip(np.nan_to_num(part), 0, 1)
