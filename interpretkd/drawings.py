"""Pictures as a list of shapes, and their SVG: one file that asks for nothing.

`diagrams` and `images` make the shapes; `canvas` draws the same ones as PNG and PDF.
"""

import hashlib
import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from interpretkd._errors import InputError
from interpretkd.palettes import check_theme, colours
from interpretkd.wording import one_line

__all__ = [
    "FONT_SIZES",
    "Curve",
    "Drawing",
    "Group",
    "Pixels",
    "Rect",
    "Shape",
    "Text",
    "left_to_right",
]

FONT_SIZES = {"title": 15.0, "body": 12.0, "small": 10.5}

_FONTS = "Helvetica,Arial,'Liberation Sans',Arimo,sans-serif"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff]"
    "(?:[\\s\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff]*"
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff])?"
)
_OUTLINED = ("box", "leaf", "fold")
"""Roles of boxes that have a border."""
_DRAWN = ("edge", "hot")
"""Roles of curves."""


class Rect(NamedTuple):
    """A box.

    Parameters
    ----------
    x, y : float
        Its upper left corner.
    width, height : float
        Its size.
    role : str
        What it is, which gives its colours.
    radius : float, default=0
        That of its corners.
    hot : bool, default=False
        Whether it has a strong border.
    """

    x: float
    y: float
    width: float
    height: float
    role: str
    radius: float = 0
    hot: bool = False


class Text(NamedTuple):
    """One line of text.

    Parameters
    ----------
    x, y : float
        A point on its base line.
    text : str
        The text, whatever it says.
    role : str, default="ink"
        What it is, which gives its colour.
    size : {"title", "body", "small"}, default="body"
        Its size, in `FONT_SIZES`.
    anchor : {"start", "middle", "end"}, default="start"
        Which of its points is meant.
    bold : bool, default=False
        Whether it is set in bold.
    """

    x: float
    y: float
    text: str
    role: str = "ink"
    size: str = "body"
    anchor: str = "start"
    bold: bool = False


class Curve(NamedTuple):
    """A curve from a point to another, that starts and ends along one axis.

    Parameters
    ----------
    x0, y0 : float
        Where it starts.
    x1, y1 : float
        Where it ends.
    width : float, default=1.2
        How thick it is.
    upright : bool, default=False
        Whether that axis is the upright one.
    hot : bool, default=False
        Whether it has a strong colour.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    width: float = 1.2
    upright: bool = False
    hot: bool = False


class Pixels(NamedTuple):
    """An image.

    Parameters
    ----------
    x, y : float
        Its upper left corner.
    width, height : float
        Its size.
    rows : tuple of tuple of str
        For each row of it the colours of its pixels, as #rrggbb.
    """

    x: float
    y: float
    width: float
    height: float
    rows: tuple[tuple[str, ...], ...]


class Group(NamedTuple):
    """The shapes of one node of a tree.

    Parameters
    ----------
    node : int
        The node's index.
    title : str
        All that is known of it: a browser shows it under the pointer.
    shapes : tuple
        The shapes.
    """

    node: int
    title: str
    shapes: tuple["Shape", ...]


Shape: TypeAlias = Rect | Text | Curve | Pixels | Group


@dataclass(frozen=True)
class Drawing:
    """A picture; shows itself in a notebook.

    Parameters
    ----------
    width, height : float
        Its size in pixels.
    title : str
        What it shows, in a line.
    text : str
        The same for those who do not see it: all that the picture says.
    shapes : tuple
        What is drawn, the hindmost first.
    theme : {"auto", "light", "dark"}, default="auto"
        How a notebook shows it.
    """

    width: float
    height: float
    title: str
    text: str
    shapes: tuple[Shape, ...] = field(repr=False)
    theme: str = "auto"

    @property
    def alt(self) -> str:
        """The text that stands in for the picture."""
        return f"{self.title}\n{self.text}" if self.text else self.title

    def svg(self, *, theme: str = "auto", name: str | None = None) -> str:
        """Write the picture as an SVG element.

        Parameters
        ----------
        theme : {"auto", "light", "dark"}, default="auto"
            "auto" follows the reader's settings and prints light.
        name : str or None, default=None
            The element's id, which must be the only one of its page; None makes one
            from what is drawn, so that different pictures have different ids.

        Returns
        -------
        str
            It has no script, no address and no XML declaration: it can be written to
            a file, and stand in an HTML page beside others.

        Raises
        ------
        InputError
            For another theme, or a name that is no id.
        """
        check_theme("svg", theme)
        body = "".join(_written(self.shapes))
        size = f"{_number(self.width)} {_number(self.height)}"
        if name is None:
            drawn = f"{theme} {size} {self.title} {self.text} {body}"
            digest = hashlib.sha256(drawn.encode("utf-8", "replace")).hexdigest()
            name = f"ikd-{digest[:10]}"
        if not _NAME.fullmatch(name):
            raise InputError(
                "The 'name' parameter of svg must be a letter and up to 63 letters, "
                f"digits, hyphens and underscores. Got {name!r}."
            )
        width, height = size.split()
        lines = "\n".join(map(one_line, self.text.splitlines()))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" role="img" '
            f'aria-labelledby="{name}-t" aria-describedby="{name}-d" '
            f'width="{width}" height="{height}" viewBox="0 0 {size}">'
            f'<title id="{name}-t">{_escaped(one_line(self.title))}</title>'
            f'<desc id="{name}-d">{_escaped(lines)}</desc>'
            f"<style>{_styles(name, theme)}</style>"
            f'<rect class="paper" width="{width}" height="{height}"/>'
            f"{body}</svg>"
        )

    def png(self, *, theme: str = "light", scale: float = 2) -> bytes:
        """Draw the picture as PNG.

        Parameters
        ----------
        theme : {"light", "dark"}, default="light"
            The colours.
        scale : float, default=2
            In (0, 10]: image pixels for one of the picture's; of a very large picture
            fewer are taken.

        Returns
        -------
        bytes
            The file's content; needs the extra ``[viz]``.
        """
        from interpretkd.canvas import to_png  # a method for convenience

        return to_png(self, theme=theme, scale=scale)

    def pdf(self, *, theme: str = "light") -> bytes:
        """Draw the picture as a PDF of one page of its size.

        Parameters
        ----------
        theme : {"light", "dark"}, default="light"
            The colours.

        Returns
        -------
        bytes
            The file's content; needs the extra ``[viz]``.
        """
        from interpretkd.canvas import to_pdf  # a method for convenience

        return to_pdf([self], theme=theme)

    def _repr_html_(self) -> str:
        return (
            '<div class="tex2jax_ignore mathjax_ignore" style="overflow:auto;'
            f'max-height:85vh">{self.svg(theme=self.theme)}</div>'
        )


def _written(shapes: Iterable[Shape]) -> list[str]:
    # Each kind of shape has its writer; the type checker cannot pair them.
    return [_WRITERS[type(shape)](shape) for shape in shapes]  # type: ignore[operator]


def _rect(shape: Rect) -> str:
    x, y, width, height, role, radius, hot = shape
    corner = f' rx="{radius:.1f}"' if radius else ""
    marked = f"{role} on" if hot else role
    return (
        f'<rect class="{marked}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}"{corner}/>'
    )


def _text(shape: Text) -> str:
    x, y, text, role, size, anchor, bold = shape
    classes = role if size == "body" else f"{role} {size}"
    classes = f"{classes} b" if bold else classes
    aligned = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return (
        f'<text class="{classes}" x="{x:.1f}" y="{y:.1f}"{aligned}>{_line(text)}</text>'
    )


def _curve(shape: Curve) -> str:
    x0, y0, x1, y1, width, upright, hot = shape
    if upright:
        middle = (y0 + y1) / 2
        bend = f"{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f}"
    else:
        middle = (x0 + x1) / 2
        bend = f"{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f}"
    return (
        f'<path class="{"hot" if hot else "edge"}" stroke-width="{width:.1f}" '
        f'd="M{x0:.1f} {y0:.1f}C{bend} {x1:.1f} {y1:.1f}"/>'
    )


def _pixels(shape: Pixels) -> str:
    """Write an image as one path a colour: no address, sharp at every size."""
    x, y, width, height, rows = shape
    n_rows, n_columns = len(rows), len(rows[0])
    runs: dict[str, list[str]] = {}
    for i, row in enumerate(rows):
        start = 0
        for j in range(1, n_columns + 1):
            if j == n_columns or row[j] != row[start]:
                run = f"M{start} {i}h{j - start}v1h{start - j}z"
                runs.setdefault(row[start], []).append(run)
                start = j
    paths = "".join(f'<path fill="{c}" d="{"".join(d)}"/>' for c, d in runs.items())
    stretched = f"scale({width / n_columns:.4f} {height / n_rows:.4f})"
    return (
        f'<g shape-rendering="crispEdges" transform="translate({x:.1f} {y:.1f}) '
        f'{stretched}">{paths}</g>'
    )


def _group(shape: Group) -> str:
    return (
        f'<g class="node" data-node="{shape.node}">'
        f"<title>{_escaped(one_line(shape.title))}</title>"
        f"{''.join(_written(shape.shapes))}</g>"
    )


_WRITERS = {Rect: _rect, Text: _text, Curve: _curve, Pixels: _pixels, Group: _group}


def left_to_right(text: str) -> str:
    r"""Keep what follows letters that run left from being drawn into them.

    Without that, "x <= 30" would be read as "30 => x" where x is an Arabic name.

    Parameters
    ----------
    text : str
        One line.

    Returns
    -------
    str
        The line, with invisible marks of direction if there are such letters.

    Examples
    --------
    >>> left_to_right("x <= 30")
    'x <= 30'
    >>> ascii(left_to_right("\u05d0\u05d1 <= 30"))
    "'\\u200e\\u05d0\\u05d1\\u200e <= 30'"
    """
    if text.isascii():
        return text
    marked = _RIGHT_TO_LEFT.sub(lambda found: f"{found[0]}\u200e", text)
    return f"\u200e{marked}" if marked != text else text


@lru_cache(maxsize=1 << 12)
def _line(text: str) -> str:
    return _escaped(left_to_right(one_line(text)))


def _escaped(text: str) -> str:
    return html.escape(text, quote=True)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


@lru_cache(maxsize=64)
def _styles(name: str, theme: str) -> str:
    sizes = {k: f"font-size:{v:g}px" for k, v in FONT_SIZES.items() if k != "body"}
    fixed = [
        f"#{name}{{font:{FONT_SIZES['body']:g}px {_FONTS}}}",
        *(f"#{name} .{k}{{{v}}}" for k, v in sizes.items()),
        f"#{name} .b{{font-weight:bold}}",
        f"#{name} .hot,#{name} .edge{{fill:none;stroke-linecap:round}}",
        f"#{name} .on{{stroke-width:2.6px}}",
        f"#{name} .fold{{stroke-dasharray:4 3}}",
    ]
    first = "dark" if theme == "dark" else "light"
    text = "".join([*fixed, *_coloured(name, first)])
    if theme == "auto":
        dark = "".join(_coloured(name, "dark"))
        text += f"@media screen and (prefers-color-scheme:dark){{{dark}}}"
    return text


def _coloured(name: str, theme: str) -> Sequence[str]:
    palette = colours(theme)
    rules = [f"#{name} .{r}{{fill:{c}}}" for r, c in palette.items() if r != "hot"]
    line, hot = palette["line"], palette["hot"]
    rules += [f"#{name} .{role}{{stroke:{line}}}" for role in (*_OUTLINED, "edge")]
    rules.append(f"#{name} .hot{{stroke:{hot}}}#{name} .on{{stroke:{hot}}}")
    rules.append(f"#{name} .track{{stroke:none}}")
    return rules
