"""How wide a text is in Helvetica, and where it is broken into lines."""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

# Helvetica's widths of the characters from the blank to the tilde, in 1/1000 of the
# font size; Arial, Liberation Sans and Arimo have the same.
_REGULAR = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip
_BOLD = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611,
    975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556,
    333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611,
    611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
)  # fmt: skip
_OTHER, _WIDE, _EMOJI, _DOTS = 620, 1000, 1300, 1000
_JOINTS = "_/.:-"
_TAIL = 18
"""The end of a text that is kept when its middle is left out: "<= 30 or missing"."""


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Estimate how wide a text is in Helvetica or Arial.

    Parameters
    ----------
    text : str
        One line.
    size : float
        The font size; the result is in the same unit.
    bold : bool, default=False
        Whether it is set in bold.

    Returns
    -------
    float
        The width; exact for ASCII, a cautious guess for other scripts.

    Examples
    --------
    >>> round(text_width("credit <= 30", 12), 1)
    63.4
    """
    return _units(text, bold) * size / 1000


def wrap(
    text: str, width: float, size: float, *, most_lines: int = 3, bold: bool = False
) -> tuple[str, ...]:
    """Break a text into lines; of one that is too long the middle is left out.

    Parameters
    ----------
    text : str
        One line.
    width : float
        How wide the lines may be.
    size : float
        The font size.
    most_lines : int, default=3
        In [1, inf).
    bold : bool, default=False
        Whether it is set in bold.

    Returns
    -------
    tuple of str
        At least one line; what is left out is marked by an ellipsis.

    Examples
    --------
    >>> wrap("duration of the credit <= 30", 90, 12)
    ('duration of the', 'credit <= 30')
    >>> wrap("a" * 200 + " <= 30", 90, 12, most_lines=2)
    ('aaaaaaa…aaaa', 'aaaaaaaa <= 30')
    """
    return _wrapped(text, round(width * 1000 / size), most_lines, bold)


def _table(widths: Sequence[int]) -> Mapping[str, int]:
    return {chr(32 + i): width for i, width in enumerate(widths)} | {"…": _DOTS}


_WIDTHS = {False: _table(_REGULAR), True: _table(_BOLD)}


@lru_cache(maxsize=1 << 14)
def _units(text: str, bold: bool) -> int:
    known = _WIDTHS[bold]
    try:
        return sum([known[c] for c in text])
    except KeyError:
        return sum(known[c] if c in known else _foreign(c) for c in text)


def _foreign(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    if ord(char) >= 0x1F000:
        return _EMOJI
    return _WIDE if unicodedata.east_asian_width(char) in "WF" else _OTHER


@lru_cache(maxsize=1 << 13)
def _wrapped(text: str, width: int, most_lines: int, bold: bool) -> tuple[str, ...]:
    if _units(text, bold) <= width:
        return (text.strip() or " ",)
    lines = _broken(text, width, most_lines, bold)
    if lines is not None:
        return lines
    end = text[-_TAIL:] if most_lines > 1 else ""
    few, many = 0, len(text) - len(end)
    while few < many:  # the most that can be kept of the beginning
        kept = (few + many + 1) // 2
        if _broken(f"{text[:kept]}…{end}", width, most_lines, bold) is None:
            many = kept - 1
        else:
            few = kept
    return _broken(f"{text[:few]}…{end}", width, most_lines, bold) or ("…",)


def _broken(
    text: str, width: int, most_lines: int, bold: bool
) -> tuple[str, ...] | None:
    """Break a text at blanks, a long word anywhere; None if that is too long."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if _units(longer, bold) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while _units(line, bold) > width:
            if len(lines) >= most_lines:
                return None
            n = _fitting(line, width, bold)
            lines.append(line[:n])
            line = line[n:]
        if len(lines) >= most_lines:
            return None
    return tuple([*lines, line] if line else lines) or (" ",)


def _fitting(word: str, width: int, bold: bool) -> int:
    """Return how many characters fit, best up to a mark that joins two words."""
    known, total = _WIDTHS[bold], 0
    joint = 1
    for n, char in enumerate(word):
        total += known[char] if char in known else _foreign(char)
        if total > width and n > 0:
            return joint if 2 * joint > n else n
        if char in _JOINTS:
            joint = n + 1
    return len(word)
