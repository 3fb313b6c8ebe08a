"""A document of paragraphs, tables and figures: what is said, as plain values.

How it looks is decided by `writers`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import pandas as pd


@dataclass(frozen=True)
class Paragraph:
    """A few sentences.

    Parameters
    ----------
    text : str
        What they say.
    loud : bool, default=False
        Whether it is what the reader must not miss.
    """

    text: str
    loud: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list.

    Parameters
    ----------
    items : tuple of str
        What it lists.
    """

    items: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """Text that is shown as it is, letter by letter.

    Parameters
    ----------
    text : str
        The lines.
    """

    text: str


@dataclass(frozen=True, eq=False)
class Table:
    """A table with a header.

    Parameters
    ----------
    frame : DataFrame
        Its cells; the index is not shown.
    caption : str
        What it shows, on what rows.
    formats : mapping of str to str, default={}
        For a column of numbers how they are written, e.g. ``".1%"``.
    folded : bool, default=False
        Whether a reader on a screen opens it first.
    """

    frame: pd.DataFrame
    caption: str
    formats: Mapping[str, str] = field(default_factory=dict)
    folded: bool = False


@dataclass(frozen=True)
class Figure:
    """A drawing.

    Parameters
    ----------
    svg : str
        An SVG element of ours, without scripts and external addresses.
    caption : str
        What it shows.
    text : str
        The same for those who do not see it.
    wide : bool, default=False
        Whether it needs a page of its own when printed, lying on its side.
    """

    svg: str
    caption: str
    text: str
    wide: bool = False


Block: TypeAlias = Paragraph | Bullets | Code | Table | Figure


@dataclass(frozen=True)
class Section:
    """A part of a document.

    Parameters
    ----------
    title : str
        Its heading.
    blocks : tuple of Block
        What stands in it.
    """

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """All that is said.

    Parameters
    ----------
    title : str
        The heading of all.
    facts : tuple of (str, str)
        What stands on the cover: a name and a value each.
    sections : tuple of Section
        The parts, in order.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
