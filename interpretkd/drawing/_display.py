"""What all figures share: safe labels, panels, colours, and SVG that stands in a page.

Matplotlib draws, never by way of pyplot: a figure leaves no trace in the process, and
none of the caller's settings changes it.
"""

import copy
import html
import io
import os
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError, one_line, write_atomically

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES: tuple[Any, ...] = (
    "-",
    "--",
    "-.",
    ":",
    (0, (5, 1)),
    (0, (3, 1, 1, 1)),
    (0, (1, 1)),
)
_LONGEST = 28
_FIRST_FONT = "DejaVu Sans"
"""It comes with matplotlib, so that every machine makes the same layout."""
_FURTHER_FONTS = (
    "Helvetica", "Arial", "Liberation Sans", "Arimo", "Noto Sans CJK SC",
    "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Noto Emoji",
)  # fmt: skip
"""For letters that the first one lacks."""
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9.5,
    "grid.alpha": 0.5,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "interpretkd",
}
_SAFE: dict[Any, Any] = {"text.usetex": False, "text.parse_math": True}
_FORMATS: dict[str, Mapping[str, str | None]] = {
    "svg": {"Date": None},
    "pdf": {"Creator": "interpretkd", "CreationDate": None},
    "png": {"Software": "interpretkd"},
}
_FONT = re.compile("(font-family: [^;]*)")
_LINK = re.compile(r"url\(#([^)]*)\)")


@dataclass(frozen=True, eq=False)
class Display(ABC):
    """Numbers, and how they are drawn.

    Parameters
    ----------
    data : DataFrame
        All that is shown.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure, or None
        Of a display that `plot` returned: where it is drawn.
    """

    data: pd.DataFrame
    ax_: Any = field(default=None, init=False, repr=False)
    figure_: Any = field(default=None, init=False, repr=False)

    @property
    @abstractmethod
    def title(self) -> str:
        """What is shown, in a few words."""

    @property
    @abstractmethod
    def alt(self) -> str:
        """The same in a sentence or two, for those who do not see it."""

    @property
    @abstractmethod
    def _inches(self) -> tuple[float, float]:
        """How wide and high a figure of its own is."""

    @abstractmethod
    def _draw(self, ax: Any) -> None:
        """Draw onto axes."""

    def frame(self) -> pd.DataFrame:
        """Return the numbers.

        Returns
        -------
        DataFrame
            A copy of all that is shown.
        """
        return self.data.copy()

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to; None makes a figure. A figure of several panels divides the place
            of these axes, which are then turned off.

        Returns
        -------
        Display
            The same numbers, with the attributes `ax_` and `figure_`.

        Raises
        ------
        InputError
            When matplotlib is not installed.
        """
        _need_matplotlib()
        if ax is None:
            with _own_style():
                ax = self._own_axes()
        else:
            import matplotlib as mpl

            with mpl.rc_context(_SAFE):
                self._draw(ax)
        drawn = copy.copy(self)
        object.__setattr__(drawn, "ax_", ax)
        object.__setattr__(drawn, "figure_", ax.figure)
        return drawn

    def svg(self) -> str:
        """Return the figure as one SVG element.

        Returns
        -------
        str
            The same bytes for the same numbers: no date, no script, no address, its
            texts are texts, and its ids are those of no other figure, so that it may
            stand in an HTML page as it is.

        Raises
        ------
        InputError
            When matplotlib is not installed.
        """
        return _one_element(self._written("svg"), self.title, self.alt)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Draw into a file.

        Parameters
        ----------
        path : str or path
            A .svg, .pdf or .png file.

        Returns
        -------
        Path
            The file, complete: it is written under another name and moved into place.

        Raises
        ------
        InputError
            For another ending, or when matplotlib is not installed.
        """
        target = Path(path)
        ending = target.suffix.lower().lstrip(".")
        if ending not in _FORMATS:
            raise InputError(
                f"A figure's file must end in {', '.join('.' + f for f in _FORMATS)}. "
                f"Got {target.name!r}."
            )
        drawn = self.svg().encode() if ending == "svg" else self._written(ending)
        write_atomically(target, drawn)
        return target

    def _repr_html_(self) -> str:
        caption = html.escape(self.alt)
        return (
            f'<figure style="margin:0">{self.svg()}'
            f"<figcaption>{caption}</figcaption></figure>"
        )

    def _own_axes(self) -> Any:
        from matplotlib.figure import Figure

        ax = Figure(figsize=self._inches, layout="constrained").add_subplot()
        self._draw(ax)
        return ax

    def _written(self, ending: str) -> bytes:
        _need_matplotlib()
        written = io.BytesIO()
        with _own_style(), warnings.catch_warnings():
            # A letter that no font has is a box in PNG and PDF, and a letter in SVG.
            warnings.filterwarnings("ignore", "(?s).*[Gg]lyph.*missing", UserWarning)
            figure = self._own_axes().figure
            figure.savefig(written, format=ending, metadata=_FORMATS[ending], dpi=144)
        return written.getvalue()


def shortened(name: object, longest: int = _LONGEST) -> str:
    """Return a name in one line, its middle cut out where it is long.

    Parameters
    ----------
    name : object
        A name from data.
    longest : int, default=28
        In [2, inf): the letters that are kept.

    Returns
    -------
    str
        Text.

    Examples
    --------
    >>> shortened("duration_in_months", 9)
    'durat…ths'
    """
    text = one_line(str(name)).strip()
    if len(text) <= longest:
        return text
    # Names of one family differ at their ends: "purpose is car", "purpose is repairs".
    tail = longest // 2 - 1
    return f"{text[: longest - 1 - tail]}…{text[len(text) - tail :]}"


def label(name: object, longest: int = _LONGEST) -> str:
    r"""Return a name as matplotlib shows it as it is.

    Parameters
    ----------
    name : object
        A name from data: any text.
    longest : int, default=28
        In [2, inf): the letters that are kept.

    Returns
    -------
    str
        The name in one line, without formulas.

    Examples
    --------
    >>> print(label("$x$"))
    \$x\$
    """
    text = shortened(name, longest).replace("$", r"\$")
    # A legend leaves out what begins with an underscore.
    return f" {text}" if text.startswith("_") else text or " "


def panels(ax: Any, n_rows: int, n_columns: int = 1, **ratios: Any) -> list[list[Any]]:
    """Divide the place of axes.

    Parameters
    ----------
    ax : matplotlib Axes
        Turned off: only their place is used.
    n_rows, n_columns : int
        In [1, inf): how many panels one above and one beside the other.
    **ratios
        As for matplotlib's GridSpec: ``height_ratios``, ``width_ratios``, ``hspace``.

    Returns
    -------
    list of list of matplotlib Axes
        The panels, row by row.
    """
    ax.set_axis_off()
    spec = ax.get_subplotspec()
    if spec is None:  # axes that were put anywhere
        box = ax.get_position()
        place = {"left": box.x0, "right": box.x1, "bottom": box.y0, "top": box.y1}
        grid = ax.figure.add_gridspec(n_rows, n_columns, **place, **ratios)
    else:
        grid = spec.subgridspec(n_rows, n_columns, **ratios)
    return [
        [ax.figure.add_subplot(grid[i, j]) for j in range(n_columns)]
        for i in range(n_rows)
    ]


def numbers(frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Return a column as numbers.

    Parameters
    ----------
    frame : DataFrame
        A table.
    column : str
        Its column.

    Returns
    -------
    ndarray of shape (n_rows,), float64
        What is missing is NaN.
    """
    return frame[column].to_numpy(dtype=np.float64, na_value=np.nan)


def check_classes(owner: str, model: Any) -> None:
    """Raise for a regression, which has no classes.

    Parameters
    ----------
    owner : str
        The display.
    model : DistilledClassifier or DistilledRegressor
        What it was given.

    Raises
    ------
    InputError
        For a regression.
    """
    if model.task_ == "regression":
        raise InputError(
            f"The model given to {owner} must be a classifier. Got a regression, which "
            "has no classes; use ResidualDisplay."
        )


def _need_matplotlib() -> None:
    """Say in a sentence what is needed, where matplotlib is not installed."""
    try:
        # Only whether it is there is asked; who draws imports it.
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise InputError(
            "Figures need matplotlib: pip install 'interpretkd[viz]'."
        ) from error


@lru_cache(maxsize=1)
def _further_fonts() -> tuple[str, ...]:
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return tuple(name for name in _FURTHER_FONTS if name in installed)


@contextmanager
def _own_style() -> Iterator[None]:
    import matplotlib.style

    families = [_FIRST_FONT, *_further_fonts()]
    own = {**_STYLE, **_SAFE, "font.family": families}
    with matplotlib.style.context(["default", own]):
        yield


def _one_element(drawn: bytes, title: str, text: str) -> str:
    """Return matplotlib's SVG without what disturbs a page around it."""
    root = ElementTree.fromstring(drawn)
    for element in root.iter():
        element.tag = _local(element.tag)
        if not (element.text or "").strip():
            element.text = None
        element.tail = None
        if "style" in element.attrib:
            look = _FONT.sub(r"\1, sans-serif", element.attrib["style"])
            element.attrib["style"] = look
    _drop(root, ("metadata", "style"))
    # Matplotlib's own ids hang on the last bit of its layout, which is not always the
    # same; so they are numbered first, and then named after all that is drawn.
    ids = _linked(root)
    _rename(root, {old: str(i) for i, old in enumerate(ids)})
    content = f"{title}{text}{ElementTree.tostring(root, encoding='unicode')}"
    prefix = f"f{sha256(content.encode()).hexdigest()[:12]}-"
    _rename(root, {str(i): f"{prefix}{i}" for i in range(len(ids))})
    # Matplotlib writes these as a style of every element, of the page around it, too.
    look = "stroke-linejoin:round;stroke-linecap:butt;max-width:100%;height:auto"
    names = {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "style": look}
    names["aria-labelledby"] = f"{prefix}title {prefix}desc"
    root.attrib = {**names, **root.attrib}
    for place, (kind, said) in enumerate({"title": title, "desc": text}.items()):
        child = ElementTree.Element(kind, {"id": f"{prefix}{kind}"})
        child.text = said
        root.insert(place, child)
    return ElementTree.tostring(root, encoding="unicode")


def _linked(root: Any) -> list[str]:
    """Return the ids that something points to, in the order of their elements."""
    values = [value for element in root.iter() for value in element.attrib.values()]
    targets = {target for value in values for target in _LINK.findall(value)}
    targets |= {value[1:] for value in values if value.startswith("#")}
    ids = (element.get("id") for element in root.iter())
    return [name for name in ids if name in targets]


def _rename(root: Any, ids: Mapping[str, str]) -> None:
    """Rename ids wherever they stand; an id without a new name is dropped."""
    for element in root.iter():
        element.attrib = _attributes(element, ids)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _attributes(element: Any, ids: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for name, value in element.attrib.items():
        if name == "id":
            if value in ids:
                kept[name] = ids[value]
        elif _local(name) == "href" and value.startswith("#"):
            kept["href"] = f"#{ids[value[1:]]}"
        else:
            kept[_local(name)] = _LINK.sub(lambda m: f"url(#{ids[m[1]]})", value)
    return kept


def _drop(root: Any, tags: tuple[str, ...]) -> None:
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in tags:
                parent.remove(child)
