"""Colours that are told apart by the colour-blind, on paper and in the dark."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from interpretkd._base import check_choice

Theme: TypeAlias = Mapping[str, str]

THEMES = ("light", "dark", "auto")

# Okabe & Ito (2008).
_BLUE, _ORANGE, _GREEN, _PURPLE = "#0072b2", "#e69f00", "#009e73", "#cc79a7"
_SKY, _VERMILION, _YELLOW, _BLACK = "#56b4e9", "#d55e00", "#f0e442", "#000000"
LINE_COLOURS = (_BLUE, _VERMILION, _GREEN, _PURPLE, _ORANGE, _SKY, _BLACK)
"""Of lines on white, on which yellow is lost, the strongest contrasts first."""
# Behind those of Okabe & Ito the same, darker and lighter in turn.
CLASS_COLOURS = (
    _BLUE, _ORANGE, _GREEN, _PURPLE, _SKY, _VERMILION, _YELLOW, "#999999", "#003f66",
    "#f5cf80", "#00573f", "#e6bcd3", "#1f6f9f", "#7a3600", "#a39a10", "#4d4d4d",
)  # fmt: skip
_DARK_CLASSES = (
    "#3d9fdc", "#e69f00", "#1fbf92", "#e08dbd", "#8ccbf5", "#f07a2b", "#f0e442",
    "#a8a8a8", "#1d6ea6", "#f5cf80", "#0f8f6c", "#f0c9de", "#5f9fc4", "#b35a17",
    "#bdb42e", "#6e6e6e",
)  # fmt: skip
# Cividis (Nunez, Anderton & Renslow 2018): lightness grows with the value.
VALUE_COLOURS = (
    "#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74",
    "#c3b369", "#e1cc55", "#fee838",
)  # fmt: skip
_TINT = 0.4
N_CLASS_ROLES, N_VALUE_ROLES = len(CLASS_COLOURS), len(VALUE_COLOURS)

_LIGHT = {
    "paper": "#ffffff",
    "ink": "#1b1f24",
    "muted": "#57606a",
    "box": "#eef1f4",
    "leaf": "#ffffff",
    "fold": "#ffffff",
    "line": "#8c959f",
    "track": "#d5dae0",
    "share": "#6e7781",
    "less": "#d55e00",
    "hot": "#1b1f24",
}
_DARK = {
    "paper": "#16191d",
    "ink": "#f0f3f6",
    "muted": "#aeb6bf",
    "box": "#2b3138",
    "leaf": "#1b1f24",
    "fold": "#1b1f24",
    "line": "#7d8590",
    "track": "#454d57",
    "share": "#9aa4af",
    "less": "#f07a2b",
    "hot": "#ffffff",
}


_MARKS = {
    "above": "#b34700",
    "below": "#00568a",
    "both": "#7a3b6b",
    "other": "#3d444d",
    "mark": "#ffffff",
    "zero": "#cdd0d4",
    "minus": "#ffffff",
    "rim": "#000000",
}
"""On images, which the dark leaves as they are; white digits are read on the marks."""
# Blue, white, orange, and dark at both ends: what is 0 is grey, on neither way.
SIGNED_COLOURS = ("#003a6e", "#56a0d3", "#ffffff", "#f0a35e", "#963400")
"""From -1 over 0 to 1, in even steps."""


def _check_theme(owner: str, theme: object) -> str:
    """Return the name of a theme, or raise."""
    return check_choice(owner, "theme", theme, THEMES)


def _class_role(position: int) -> str:
    """Return the role of a class's colour."""
    return f"c{position % N_CLASS_ROLES}"


def _class_tint(position: int) -> str:
    """Return a class's colour so light that black text is read on it.

    Examples
    --------
    >>> _class_tint(0)
    '#99c7e0'
    """
    full = bytes.fromhex(CLASS_COLOURS[position % N_CLASS_ROLES][1:])
    return "#" + bytes(255 - round(_TINT * (255 - part)) for part in full).hex()


def _value_role(share: float) -> str:
    """Return the role of a value's colour."""
    return f"v{min(int(share * N_VALUE_ROLES), N_VALUE_ROLES - 1)}"


def _theme(base: dict[str, str], classes: tuple[str, ...]) -> Theme:
    return MappingProxyType(
        base
        | _MARKS
        | {f"c{i}": colour for i, colour in enumerate(classes)}
        | {f"v{i}": colour for i, colour in enumerate(VALUE_COLOURS)}
    )


_ALL = {"light": _theme(_LIGHT, CLASS_COLOURS), "dark": _theme(_DARK, _DARK_CLASSES)}


def colours(theme: str) -> Theme:
    """Return what each role looks like.

    Parameters
    ----------
    theme : {"light", "dark"}
        Dark ink on white paper, or the reverse.

    Returns
    -------
    mapping of str to str
        By role a colour, as #rrggbb.
    """
    return _ALL[theme]
