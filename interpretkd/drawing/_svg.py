"""Shapes written as SVG: one element that asks for nothing outside it."""

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from interpretkd._base import InputError, one_line
from interpretkd.drawing._colours import _check_theme, colours
from interpretkd.drawing._shapes import (
    FONT_SIZES,
    Curve,
    Group,
    Pixels,
    Polygon,
    Rect,
    Shape,
    Strokes,
    Text,
)

FONTS = ("Helvetica", "Arial", "Liberation Sans", "Arimo", "DejaVu Sans")
"""All but the last one are equally wide."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff]"
    "(?:[\\s\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff]*"
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff])?"
)
_OUTLINED = ("box", "leaf", "fold", "frame")
"""Roles of boxes that have a border."""
_DRAWN = ("hot", "rim", "minus")
"""Roles of lines."""


def _to_svg(
    shapes: Sequence[Shape],
    size: tuple[float, float],
    title: str,
    text: str,
    *,
    theme: str = "auto",
    name: str | None = None,
    letters: float = 1,
) -> str:
    """Write shapes, the hindmost first, as an SVG element without script or address."""
    _check_theme("svg", theme)
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
    x, y, width, height, png = shape
    return (
        f'<image x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        'preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{base64.b64encode(png).decode()}"/>'
    )


def _polygon(shape: Polygon) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
    return f'<polygon class="{shape.role} marked" points="{points}"/>'


def _strokes(shape: Strokes) -> str:
    starts, length, width, role = shape
    lines = "".join(f"M{x:.1f} {y:.1f}h{length:.1f}" for x, y in starts)
    return f'<path class="{role}" stroke-width="{width:.1f}" d="{lines}"/>'


def _group(shape: Group) -> str:
    return (
        f'<g class="node" data-node="{shape.node}">'
        f"<title>{_escaped(one_line(shape.title))}</title>"
        f"{''.join(_written(shape.shapes))}</g>"
    )


_WRITERS = {
    Rect: _rect,
    Text: _text,
    Curve: _curve,
    Pixels: _pixels,
    Polygon: _polygon,
    Strokes: _strokes,
    Group: _group,
}


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
        f"#{name} .frame,#{name} .rim,#{name} .minus{{fill:none}}",
        f"#{name} .marked{{stroke-width:1.2px;stroke-linejoin:round}}",
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
    by_role = colours(theme)
    filled = {role: colour for role, colour in by_role.items() if role not in _DRAWN}
    lines = {role: by_role[role] for role in _DRAWN}
    lines |= dict.fromkeys((*_OUTLINED, "edge"), by_role["line"])
    lines |= {"on": by_role["hot"], "marked": by_role["mark"], "track": "none"}
    rules = [f"#{name} .{role}{{fill:{colour}}}" for role, colour in filled.items()]
    return [*rules, *(f"#{name} .{r}{{stroke:{c}}}" for r, c in lines.items())]
