"""Shapes written as SVG: one element that asks for nothing."""

import hashlib
import html
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from interpretkd._errors import InputError
from interpretkd.palettes import check_theme, colours
from interpretkd.shapes import FONT_SIZES, Curve, Group, Pixels, Rect, Shape, Text
from interpretkd.wording import one_line

__all__ = ["FONTS", "to_svg"]

FONTS = ("Helvetica", "Arial", "Liberation Sans", "Arimo", "DejaVu Sans")
"""All but the last one are equally wide."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff]"
    "(?:[\\s\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff]*"
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff])?"
)
_OUTLINED = ("box", "leaf", "fold")
"""Roles of boxes that have a border."""


def to_svg(
    shapes: Sequence[Shape],
    size: tuple[float, float],
    title: str,
    text: str,
    *,
    theme: str = "auto",
    name: str | None = None,
    letters: float = 1,
) -> str:
    """Write shapes as an SVG element.

    Parameters
    ----------
    shapes : sequence
        What is drawn, the hindmost first.
    size : tuple of float
        (width, height) in pixels.
    title : str
        What the picture shows, in a line.
    text : str
        The same for those who do not see it.
    theme : {"auto", "light", "dark"}, default="auto"
        "auto" follows the reader's settings and prints light.
    name : str or None, default=None
        The element's id; None makes one from what is drawn.
    letters : float, default=1
        How large letters are set, by their usual size.

    Returns
    -------
    str
        No script, no address and no XML declaration.

    Raises
    ------
    InputError
        For another theme, or a name that is no id.
    """
    check_theme("svg", theme)
    body = "".join(_written(shapes))
    width, height = map(_number, size)
    if name is None:
        drawn = f"{theme} {width} {height} {title} {text} {body}"
        digest = hashlib.sha256(drawn.encode("utf-8", "replace")).hexdigest()
        name = f"ikd-{digest[:10]}"
    if not _NAME.fullmatch(name):
        raise InputError(
            "The 'name' parameter of svg must be a letter and up to 63 letters, "
            f"digits, hyphens and underscores. Got {name!r}."
        )
    lines = "\n".join(map(one_line, text.splitlines()))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" role="img" '
        f'aria-labelledby="{name}-t" aria-describedby="{name}-d" '
        f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<title id="{name}-t">{_escaped(one_line(title))}</title>'
        f'<desc id="{name}-d">{_escaped(lines)}</desc>'
        f"<style>{_styles(name, theme, letters)}</style>"
        f'<rect class="paper" width="{width}" height="{height}"/>'
        f"{body}</svg>"
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


def _left_to_right(text: str) -> str:
    """Keep what follows letters that run left from being drawn into them.

    Without that, "x <= 30" would be read as "30 => x" where x is an Arabic name.
    """
    if text.isascii():
        return text
    marked = _RIGHT_TO_LEFT.sub(lambda found: f"{found[0]}\u200e", text)
    return f"\u200e{marked}" if marked != text else text


@lru_cache(maxsize=1 << 12)
def _line(text: str) -> str:
    return _escaped(_left_to_right(one_line(text)))


def _escaped(text: str) -> str:
    return html.escape(text, quote=True)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


@lru_cache(maxsize=64)
def _styles(name: str, theme: str, letters: float) -> str:
    sizes = {k: f"{v * letters:g}px" for k, v in FONT_SIZES.items()}
    families = ",".join(f"'{f}'" if " " in f else f for f in FONTS)
    fixed = [
        f"#{name}{{font:{sizes.pop('body')} {families},sans-serif}}",
        *(f"#{name} .{k}{{font-size:{v}}}" for k, v in sizes.items()),
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
