"""SVG drawn as PNG and PDF, by typst: no program beside Python, nothing read from disk.

The pictures are handed over in memory; of the machine only its fonts are read.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from interpretkd._base import InputError, check_real
from interpretkd.drawing._svg import FONTS

_WIDER = 0.86
"""How much smaller DejaVu Sans must be to be as wide as Helvetica."""
_POINTS = 72
"""A picture's pixels to the inch, so that they are a PDF's points."""
_LONGEST, _MOST_PIXELS = 30_000, 200_000_000
"""Image pixels along one side, and of a whole image: 800 MB while it is drawn."""
_LONGEST_PAGE = 14_400
"""The most points that readers of PDF know: larger pictures are drawn smaller."""
_SOURCE = b"""\
#let about = json("about.json")
#set document(title: about.title, date: none)
#set page(margin: 0pt)
#for (svg, alt, paper, width, height) in about.sheets {
  page(width: width * 1pt, height: height * 1pt, fill: rgb(paper),
    image(bytes(svg), format: "svg", alt: alt, width: 100%, height: 100%))
}
"""


class _Sheet(NamedTuple):
    """A picture to be drawn.

    Parameters
    ----------
    svg : str
        The picture, in one theme.
    alt : str
        What it says, for those who do not see it.
    paper : str
        The colour of what is behind it, as #rrggbb.
    width, height : float
        Its size in pixels.
    """

    svg: str
    alt: str
    paper: str
    width: float
    height: float


def _letter_size() -> float:
    """Return how large letters are set; less than 1 where only a wider font is."""
    families = set(_fonts().families())
    return _WIDER if families & set(FONTS) == set(FONTS[-1:]) else 1.0


def _to_png(sheet: _Sheet, scale: float = 2) -> bytes:
    """Draw a picture as PNG: `scale` pixels for one, fewer of a very large picture."""
    scale = check_real("png", "scale", scale, 0, 10, closed="right")
    longest, area = max(sheet.width, sheet.height), sheet.width * sheet.height
    scale = min(scale, _LONGEST / longest, (_MOST_PIXELS / area) ** 0.5)
    return _drawn([sheet], "", format="png", ppi=_POINTS * scale)


def _to_pdf(sheets: Sequence[_Sheet], title: str) -> bytes:
    """Draw pictures as the pages of a PDF, its text to be searched and read aloud."""
    fitting = []
    for sheet in sheets:
        factor = min(1.0, _LONGEST_PAGE / max(sheet.width, sheet.height))
        width, height = sheet.width * factor, sheet.height * factor
        fitting.append(sheet._replace(width=width, height=height))
    return _drawn(fitting, title, format="pdf")


def _drawn(sheets: Sequence[_Sheet], title: str, **settings: Any) -> bytes:
    typst = _typst()
    about = {"title": title, "sheets": [sheet._asdict() for sheet in sheets]}
    files = {"main": _SOURCE, "about.json": json.dumps(about).encode()}
    with TemporaryDirectory() as root:  # an empty one: no picture can name a file
        drawn: bytes = typst.compile(files, root=root, font_paths=_fonts(), **settings)
    return drawn


def _typst() -> Any:
    try:
        import typst
    except ImportError as error:
        raise InputError(
            "PNG and PDF need typst: pip install 'interpretkd[viz]'. A tree's .svg "
            "needs nothing."
        ) from error
    return typst


@lru_cache(maxsize=1)
def _fonts() -> Any:
    """Return the fonts of this machine; where it has none of ours, matplotlib's, too.

    Only there, for among those is one that covers letters that others have with signs
    for their scripts.
    """
    installed = _typst().Fonts()
    found = find_spec("matplotlib")
    if set(installed.families()) & set(FONTS) or found is None:
        return installed
    folders = found.submodule_search_locations or []
    own = [str(Path(folder) / "mpl-data" / "fonts" / "ttf") for folder in folders]
    return _typst().Fonts(font_paths=own)
