"""What the box of one node of a tree says, and what it looks like."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from interpretkd._base import amount_text, one_line
from interpretkd.drawing._colours import N_VALUE_ROLES, _class_role, _value_role
from interpretkd.drawing._look import Look
from interpretkd.drawing._pixels import _grey_or_colours, as_png, pixel_place
from interpretkd.drawing._shapes import FONT_SIZES, Group, Pixels, Rect, Shape, Text
from interpretkd.drawing._text_metrics import text_width, wrap
from interpretkd.models import Score, ScoredSchema, given_schema

_WIDEST, _NARROWEST = 184.0, 74.0
"""Of the text in a box."""
_PAD, _LINE, _SMALL_LINE, _STRIPE = 9.0, 15.0, 13.0, 5.0
_BAR, _COLUMNS, _STRIP = 8.0, 20.0, 3.0
_THUMB, _PICTURE = 34.0, 44.0
_MOST_TERMS = 6
"""Of a sum so many columns are told, if two or more would be left out."""
_MOST_NAMES = 16
"""In the legend."""


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
        height, width = shape[-2:]
        unit = _THUMB / max(height, width)
        dot = max(unit, 3.0)
        shapes: list[Shape] = [Rect(x, y, width * unit, height * unit, "leaf")]
        for position, role in _dots(look, node):
            _, row, column = pixel_place(shape, position)
            left = x + min(column * unit, width * unit - dot)
            top = y + min(row * unit, height * unit - dot)
            shapes.append(Rect(left, top, dot, dot, role))
        return shapes

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
        texts, most, bold = _test_lines(look, node), 3, False
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


def _score(look: Look, node: int) -> Score | None:
    """Return what a test adds up, if it does."""
    schema = look.tree.schema
    if look.is_leaf[node] or not isinstance(schema, ScoredSchema):
        return None
    return schema.score_at(look.features[node])


def _test_lines(look: Look, node: int) -> list[str]:
    """Return the texts of a test: of a sum one a column, and what it is to be."""
    test, score = look.test(node), _score(look, node)
    if score is None:
        return [one_line(test.brief)]
    given = given_schema(look.tree)
    said = [
        f"{'-' if term.points < 0 else '+'} {term.text(given)}" for term in score.terms
    ]
    if len(said) > _MOST_TERMS + 1:
        said[_MOST_TERMS:] = [f"and {len(said) - _MOST_TERMS} more"]
    return [*map(one_line, said), one_line(test.cell)]


def _dots(look: Look, node: int) -> list[tuple[int, str]]:
    """Return the pixels that a test reads, and the colours of their points' signs."""
    score = _score(look, node)
    if score is not None:
        return [(t.column, "ink" if t.points > 0 else "less") for t in score.terms]
    return [(_pixel(look, node), "ink")]


def _pixel(look: Look, node: int) -> int:
    schema, position = look.tree.schema, look.features[node]
    if isinstance(schema, ScoredSchema):
        return schema.columns_of(position)[0]
    return position


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
    if look.image_shape is not None and isinstance(look.tree.schema, ScoredSchema):
        text += " Dots: pixels that are added, in orange those taken off."
    for line in wrap(text, width, FONT_SIZES["small"], most_lines=4):
        y += 17 if shapes else 0
        shapes.append(Text(0, y + 9.5, line, "muted", "small"))
    return shapes, y + 26


def _scale(look: Look, shapes: list[Rect | Text]) -> float:
    """Draw what colour stands for what value."""
    value = look.tree.value[:, 0]
    size = FONT_SIZES["small"]
    low, high = amount_text(value.min(), 4), amount_text(value.max(), 4)
    x = text_width(low, size) + 6
    shapes.append(Text(0, 9.5, low, "ink", "small"))
    shapes += [Rect(x + 12 * i, 0, 12, 11, f"v{i}") for i in range(N_VALUE_ROLES)]
    x += 12 * N_VALUE_ROLES + 6
    shapes.append(Text(x, 9.5, high, "ink", "small"))
    return x


def _small(look: Look, node: int) -> str:
    text = look.rows(node)
    shape = look.image_shape
    told = not look.is_leaf[node] and _score(look, node) is None
    if shape is not None and len(shape) == 3 and shape[0] > 1 and told:
        channel = pixel_place(shape, _pixel(look, node))[0] + 1
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
