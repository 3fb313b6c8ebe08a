"""The same pictures with matplotlib: PNG and PDF, where no program draws SVG.

Nothing here touches pyplot: figures are built by themselves and forgotten.
"""

import io
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from interpretkd._errors import InputError
from interpretkd._validation import check_choice, check_real
from interpretkd.drawings import (
    FONT_SIZES,
    Curve,
    Drawing,
    Group,
    Pixels,
    Rect,
    Shape,
    Text,
    left_to_right,
)
from interpretkd.palettes import Theme, colours
from interpretkd.wording import one_line

__all__ = ["fonts", "need_matplotlib", "plain_text", "to_pdf", "to_png"]

_LIKE_HELVETICA = ("Helvetica", "Arial", "Liberation Sans", "Arimo", "Nimbus Sans")
_FURTHER = ("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Noto Emoji")
_WIDER = 0.86
"""How much smaller DejaVu Sans must be to be as wide as Helvetica."""
_DOTS = 72
"""A picture's pixels to the inch, so that they are a PDF's points."""
_MOST_PIXELS = 30_000
"""Along one side; beyond twice of that Agg fails."""
_LONGEST_PAGE = 14_400
"""The most points that readers of PDF know: larger pictures are drawn smaller."""
_DASHES = {"fold": (0, (3, 2))}
_LEFT_OF = {"start": "left", "middle": "center", "end": "right"}


def need_matplotlib() -> None:
    """Say in a sentence what is needed, where matplotlib is not installed.

    Raises
    ------
    InputError
        When it is not.
    """
    try:
        # Only whether it is there is asked; who draws imports it.
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise InputError(
            "PNG, PDF and figures need matplotlib: pip install 'interpretkd[viz]'. A "
            "tree's .svg needs nothing."
        ) from error


@lru_cache(maxsize=1)
def fonts() -> tuple[str, ...]:
    """Return the installed fonts to draw with, the first choice first.

    Returns
    -------
    tuple of str
        The families; the last resort comes with matplotlib.
    """
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    first = next((name for name in _LIKE_HELVETICA if name in installed), None)
    further = [name for name in _FURTHER if name in installed]
    return (*([first] if first else []), "DejaVu Sans", *further)


def plain_text(text: str) -> str:
    r"""Return text that can be drawn: in one line, of characters that a font has.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        What no font has is shown as a question mark in a rhombus.

    Examples
    --------
    >>> plain_text("a\nb")
    'a b'
    """
    line = one_line(text)
    if line.isascii():
        return line
    return "".join(c if c.isascii() or _is_drawn(c) else "\ufffd" for c in line)


def to_png(drawing: Drawing, *, theme: str = "light", scale: float = 2) -> bytes:
    """Draw a picture as PNG.

    Parameters
    ----------
    drawing : Drawing
        The picture.
    theme : {"light", "dark"}, default="light"
        The colours.
    scale : float, default=2
        In (0, 10]: image pixels for one of the picture's; of a very large picture
        fewer are taken.

    Returns
    -------
    bytes
        The file's content.

    Raises
    ------
    InputError
        For other values, and without matplotlib.
    """
    check_choice("png", "theme", theme, ("light", "dark"))
    scale = check_real("png", "scale", scale, 0, 10, closed="right")
    need_matplotlib()
    made = io.BytesIO()
    longest = max(drawing.width, drawing.height)
    dpi = _DOTS * min(scale, _MOST_PIXELS / longest)
    about = {"Software": "interpretkd", "Title": _latin(drawing.title)}
    with _own_style():
        figure = _figure(drawing, colours(theme))
        figure.savefig(made, format="png", dpi=dpi, metadata=about)
    return made.getvalue()


def to_pdf(drawings: Sequence[Drawing], *, theme: str = "light") -> bytes:
    """Draw pictures as the pages of a PDF.

    Parameters
    ----------
    drawings : sequence of Drawing
        The pages, each of its own size.
    theme : {"light", "dark"}, default="light"
        The colours.

    Returns
    -------
    bytes
        The file's content; the same pictures give the same bytes.

    Raises
    ------
    InputError
        For another theme, and without matplotlib.
    """
    check_choice("pdf", "theme", theme, ("light", "dark"))
    need_matplotlib()
    from matplotlib.backends.backend_pdf import PdfPages

    made = io.BytesIO()
    about = {
        "Title": one_line(drawings[0].title),
        "Creator": "interpretkd",
        "CreationDate": None,
    }
    with _own_style(), PdfPages(made, metadata=about) as pages:
        for drawing in drawings:
            longest = max(drawing.width, drawing.height)
            factor = min(1.0, _LONGEST_PAGE / longest)
            pages.savefig(_figure(drawing, colours(theme), factor), dpi=_DOTS)
    return made.getvalue()


def _own_style() -> Any:
    """Return a context in which the user's own style does not count."""
    import matplotlib.style

    # Type 42 keeps the letters as text that can be searched and copied.
    own = {"pdf.fonttype": 42, "text.usetex": False}
    return matplotlib.style.context(["default", own])


class _Pen(NamedTuple):
    """What is drawn on, with what, and how much smaller than the picture."""

    ax: Any
    palette: Theme
    factor: float


def _figure(drawing: Drawing, palette: Theme, factor: float = 1) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (drawing.width * factor / _DOTS, drawing.height * factor / _DOTS)
    figure = Figure(size, dpi=_DOTS, facecolor=palette["paper"])
    FigureCanvasAgg(figure)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    for order, shape in enumerate(_flat(drawing.shapes)):
        _draw(_Pen(ax, palette, factor), shape, order)
    # Last, for an image sets them to its own.
    ax.set(xlim=(0, drawing.width), ylim=(drawing.height, 0))
    return figure


def _flat(shapes: Iterable[Shape]) -> Iterable[Any]:
    for shape in shapes:
        if isinstance(shape, Group):
            yield from _flat(shape.shapes)
        else:
            yield shape


def _draw(pen: _Pen, shape: Any, order: int) -> None:
    if isinstance(shape, Rect):
        pen.ax.add_artist(_box(pen, shape, order))
    elif isinstance(shape, Text):
        _letter(pen, shape, order)
    elif isinstance(shape, Curve):
        pen.ax.add_artist(_bent(pen, shape, order))
    elif isinstance(shape, Pixels):
        _image(pen, shape, order)


def _box(pen: _Pen, shape: Rect, order: int) -> Any:
    from matplotlib.patches import FancyBboxPatch, Rectangle

    place = (shape.x, shape.y)
    outlined = shape.role in ("box", "leaf", "fold")
    palette, factor = pen.palette, pen.factor
    edge = palette["hot"] if shape.hot else palette["line"]
    looks: dict[str, Any] = {
        "facecolor": palette[shape.role],
        "edgecolor": edge if outlined or shape.hot else "none",
        "linewidth": (2.6 if shape.hot else 1.0 if outlined else 0.0) * factor,
        "linestyle": _DASHES.get(shape.role, "solid"),
        "zorder": order,
    }
    if not shape.radius:
        return Rectangle(place, shape.width, shape.height, **looks)
    style = f"round,pad=0,rounding_size={shape.radius}"
    return FancyBboxPatch(
        place, shape.width, shape.height, boxstyle=style, mutation_aspect=1, **looks
    )


def _letter(pen: _Pen, shape: Text, order: int) -> None:
    families = fonts()
    size = FONT_SIZES[shape.size] * (_WIDER if families[0] == "DejaVu Sans" else 1)
    pen.ax.text(
        shape.x,
        shape.y,
        left_to_right(plain_text(shape.text)),
        color=pen.palette[shape.role],
        fontsize=size * pen.factor,
        fontweight="bold" if shape.bold else "normal",
        family=list(families),
        ha=_LEFT_OF[shape.anchor],
        va="baseline",
        zorder=order,
        parse_math=False,
        usetex=False,
    )


def _bent(pen: _Pen, shape: Curve, order: int) -> Any:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    x0, y0, x1, y1, width, upright, hot = shape
    if upright:
        middle = (y0 + y1) / 2
        points = [(x0, y0), (x0, middle), (x1, middle), (x1, y1)]
    else:
        middle = (x0 + x1) / 2
        points = [(x0, y0), (middle, y0), (middle, y1), (x1, y1)]
    path = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    return PathPatch(
        path,
        facecolor="none",
        edgecolor=pen.palette["hot" if hot else "line"],
        linewidth=width * pen.factor,
        capstyle="round",
        zorder=order,
    )


def _image(pen: _Pen, shape: Pixels, order: int) -> None:
    table = np.asarray(
        [
            [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in row]
            for row in shape.rows
        ],
        dtype=np.uint8,
    )
    place = (shape.x, shape.x + shape.width, shape.y + shape.height, shape.y)
    pen.ax.imshow(
        table, extent=place, interpolation="nearest", aspect="auto", zorder=order
    )


@lru_cache(maxsize=4096)
def _is_drawn(char: str) -> bool:
    return any(face.get_char_index(ord(char)) for face in _faces())


@lru_cache(maxsize=1)
def _faces() -> tuple[Any, ...]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return tuple(get_font(findfont(FontProperties(family=[f]))) for f in fonts())


def _latin(text: str) -> str:
    """Return what a PNG's own text fields can hold."""
    return re.sub(r"[^\x20-\x7e\xa1-\xff]", "?", one_line(text))
