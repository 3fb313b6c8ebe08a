"""A document of paragraphs, tables and figures, and its four writers.

What is said is put together once, as plain values; how it looks is decided here. Every
text may come from data, so each writer takes it as text and nothing else.
"""

import base64
import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from interpretkd._files import write_atomically
from interpretkd._validation import InputError

__all__ = [
    "Block",
    "Bullets",
    "Code",
    "Document",
    "Figure",
    "Paragraph",
    "Section",
    "Table",
    "to_html",
    "to_json",
    "to_markdown",
    "to_pdf",
    "to_typst",
    "visible",
    "write_document",
]

_LONG_CELL = 30
UNKNOWN = "-"
"""What a cell shows for a value that is not known."""


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

    @property
    def header(self) -> list[str]:
        """The names of the columns."""
        return [str(name) for name in self.frame.columns]

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers."""
        return [
            is_numeric_dtype(dtype) and not is_bool_dtype(dtype)
            for dtype in self.frame.dtypes
        ]

    def cells(self) -> list[list[str]]:
        """Return every cell as text, row by row.

        Returns
        -------
        list of list of str
            The cells.
        """
        specs = [self.formats.get(name, "") for name in self.header]
        return [
            [_cell(value, spec) for value, spec in zip(row, specs, strict=True)]
            for row in self.frame.itertuples(index=False, name=None)
        ]


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


def write_document(
    document: Document,
    path: str | Path,
    measures: Mapping[str, Any] | None = None,
) -> Path:
    """Write a document in the format that the file's ending names.

    Parameters
    ----------
    document : Document
        What to write.
    path : str or path
        A .html, .md, .json or .pdf file; the last needs the extra ``[viz]``.
    measures : mapping, default=None
        Plain values that the JSON form holds besides.

    Returns
    -------
    Path
        The file, complete.

    Raises
    ------
    InputError
        For another ending, or when typst is not installed.
    """
    target = Path(path)
    writers: dict[str, Callable[[], bytes]] = {
        ".html": lambda: to_html(document).encode(),
        ".md": lambda: to_markdown(document).encode(),
        ".json": lambda: to_json(document, measures).encode(),
        ".pdf": lambda: to_pdf(document),
    }
    ending = target.suffix.lower()
    if ending not in writers:
        raise InputError(
            f"A report's file must end in {', '.join(writers)}. Got {target.name!r}."
        )
    content = writers[ending]()
    write_atomically(target, content)
    return target


def to_html(document: Document) -> str:
    """Return one self-contained HTML page.

    Parameters
    ----------
    document : Document
        What to write.

    Returns
    -------
    str
        HTML that asks for nothing, runs nothing, and prints well.
    """
    return _page().render(document=document, kinds=_kind, anchor=_anchor, plain=visible)


def to_markdown(document: Document) -> str:
    """Return the document as Markdown, the figures as embedded images.

    Parameters
    ----------
    document : Document
        What to write.

    Returns
    -------
    str
        GitHub-flavoured Markdown.
    """
    lines = [f"# {_md(document.title)}", ""]
    lines += [f"- **{_md(name)}:** {_md(value)}" for name, value in document.facts]
    for number, section in enumerate(document.sections, start=1):
        lines += ["", f"## {number}. {_md(section.title)}"]
        for block in section.blocks:
            lines += ["", *_markdown_block(block)]
    return "\n".join(lines) + "\n"


def to_json(document: Document, measures: Mapping[str, Any] | None = None) -> str:
    """Return the document as JSON.

    Parameters
    ----------
    document : Document
        What to write; of a figure its text alone.
    measures : mapping, default=None
        Plain values to add under "measures".

    Returns
    -------
    str
        JSON; a value that is not known is null.
    """
    content = {
        "format": "interpretkd report 1",
        "title": document.title,
        "facts": dict(document.facts),
        "measures": _plain(dict(measures or {})),
        "sections": [
            {"title": s.title, "blocks": [_json_block(b) for b in s.blocks]}
            for s in document.sections
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def to_pdf(document: Document) -> bytes:
    """Return the document as an accessible PDF.

    Parameters
    ----------
    document : Document
        What to write.

    Returns
    -------
    bytes
        PDF 1.7 after PDF/UA-1.

    Raises
    ------
    InputError
        When typst is not installed, and for letters that no font here has.
    """
    try:
        import typst
    except ImportError as error:
        raise InputError(
            "A PDF report needs typst: pip install 'interpretkd[viz]'. A report that "
            "ends in .html needs nothing, and every browser prints it to PDF."
        ) from error
    source, files = to_typst(document)
    everything = {"main": source.encode(), **files}
    compiler: Any = typst.compile  # its types do not know that files may come along
    try:
        drawn: bytes = compiler(everything, format="pdf", pdf_standards=["ua-1"])
    except RuntimeError as error:  # what typst raises: a letter that no font has
        raise InputError(
            f"The PDF cannot be set ({error}): take the .html file, which every "
            "browser prints to PDF."
        ) from error
    return drawn


def to_typst(document: Document) -> tuple[str, dict[str, bytes]]:
    """Return the document as Typst markup with the figures beside it.

    Parameters
    ----------
    document : Document
        What to write.

    Returns
    -------
    source : str
        Typst markup.
    files : dict of str to bytes
        The figures by the names under which the markup asks for them.
    """
    files: dict[str, bytes] = {}
    lines = [_TYPST_HEAD.replace("TITLE", _typ(document.title.strip() or UNKNOWN))]
    lines += [f"#cover-title({_typ(document.title)})"]
    facts = ", ".join(f"({_typ(n)}, {_typ(v)})" for n, v in document.facts)
    lines += [f"#facts(({facts}{',' if facts else ''}))", "#contents()"]
    for section in document.sections:
        lines += [f"= #{_typ(section.title)}"]
        for block in section.blocks:
            lines += [_typst_block(block, files)]
    return "\n\n".join(lines) + "\n", files


def visible(text: str) -> str:
    """Return a text in one line, without characters that hide or turn others.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text; what cannot be printed is a blank.
    """
    return "".join(
        c if (c.isprintable() or c == "\u200b") and not _turns(c) else " " for c in text
    )


def _turns(character: str) -> bool:
    """Tell whether a character changes the direction of what follows."""
    return unicodedata.category(character) == "Cf" and character not in "\u200b\u200d"


def _cell(value: Any, spec: str) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return UNKNOWN
    if value is pd.NA or value is pd.NaT:
        return UNKNOWN
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if spec and isinstance(value, int | float | np.number):
        return format(value, spec)
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return str(value)


def _kind(block: Block) -> str:
    return type(block).__name__.lower()


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"


@cache
def _page() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("document.html")


_MD_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~$&])")


def _md(text: str) -> str:
    """Return text that Markdown shows as it is, wherever it stands in a line."""
    escaped = _MD_SPECIAL.sub(r"\\\1", visible(text).strip())
    # At a line's start these would begin a list, a quotation or a heading.
    escaped = re.sub(r"^(\s*)([-+=]+)(?=\s|$)", r"\1\\\2", escaped)
    escaped = re.sub(r"^(\s*\d+)([.)])(?=\s|$)", r"\1\\\2", escaped)
    # A bare address would become a link.
    return escaped.replace("://", ":\\//").replace("www.", "www\\.").replace("@", "\\@")


def _markdown_block(block: Block) -> list[str]:
    if isinstance(block, Paragraph):
        text = _md(block.text)
        return [f"**{text}**" if block.loud else text]
    if isinstance(block, Bullets):
        return [f"- {_md(item)}" for item in block.items]
    if isinstance(block, Code):
        return _fenced(block.text)
    if isinstance(block, Figure):
        data = base64.b64encode(block.svg.encode()).decode()
        image = f"![{_md(block.caption)}](data:image/svg+xml;base64,{data})"
        return [image, "", f"*{_md(block.caption)}*", "", *_fenced(block.text)]
    head = "| " + " | ".join(_md(name) for name in block.header) + " |"
    rule = "|" + "|".join(" ---: " if n else " --- " for n in block.numeric) + "|"
    rows = ["| " + " | ".join(map(_md, row)) + " |" for row in block.cells()]
    return [f"*{_md(block.caption)}*", "", head, rule, *rows]


def _fenced(text: str) -> list[str]:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *(visible(line) for line in text.split("\n")), fence]


def _json_block(block: Block) -> dict[str, Any]:
    if isinstance(block, Table):
        rows = block.frame.itertuples(index=False, name=None)
        cells = [[_plain(cell) for cell in row] for row in rows]
        named = {"caption": block.caption, "columns": block.header, "rows": cells}
        return {"kind": "table", **named}
    if isinstance(block, Figure):
        return {"kind": "figure", "caption": block.caption, "text": block.text}
    if isinstance(block, Bullets):
        return {"kind": "bullets", "items": list(block.items)}
    return {"kind": _kind(block), "text": block.text}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: no NaN, no numpy."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _typ(text: str) -> str:
    """Return a Typst string literal, in which nothing is markup."""
    quoted = visible(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def _typst_block(block: Block, files: dict[str, bytes]) -> str:
    if isinstance(block, Paragraph):
        return f"#{'loud' if block.loud else 'par'}({_typ(block.text)})"
    if isinstance(block, Bullets):
        return f"#list({', '.join(_typ(item) for item in block.items)})"
    if isinstance(block, Code):
        lines = "\\n".join(_typ(line)[1:-1] for line in block.text.split("\n"))
        return f'#listing("{lines}")'
    if isinstance(block, Figure):
        name = f"figure-{len(files) + 1}.svg"
        files[name] = block.svg.encode()
        call = "wide-drawing" if block.wide else "drawing"
        return f"#{call}({_typ(name)}, {_typ(block.caption)}, {_typ(block.text)})"
    return _typst_table(block)


def _typst_table(block: Table) -> str:
    rows = block.cells()
    # Long texts share what the others leave; they may break behind an underscore.
    long = [
        any(len(row[j]) > _LONG_CELL for row in rows) for j in range(len(block.header))
    ]
    if not rows and not block.header:
        return ""
    columns = ", ".join("1fr" if is_long else "auto" for is_long in long)
    sides = ", ".join("right" if number else "left" for number in block.numeric)
    head = ", ".join(map(_typ, block.header))
    texts = [cell.replace("_", "_\u200b") for row in rows for cell in row]
    cells = ", ".join(map(_typ, texts))
    return (
        f"#grid-table(({head},), ({columns},), ({sides},), ({cells}"
        f"{',' if texts else ''}), {_typ(block.caption)})"
    )


_TYPST_HEAD = """\
#set document(title: TITLE)
#set text(lang: "en", size: 10pt)
#set page(paper: "a4", margin: 2cm, numbering: "1 / 1")
#set heading(numbering: "1.")
#set par(justify: false)
#show heading.where(level: 1): set block(above: 1.6em, below: 0.8em)
#let cover-title(words) = text(size: 20pt, weight: "bold", words)
#let facts(pairs) = table(
  columns: (auto, 1fr), stroke: none, inset: 3pt,
  ..pairs.map(((name, value)) => (strong(name), value)).flatten()
)
#let contents() = outline(depth: 1)
#let loud(words) = block(
  fill: luma(235), inset: 8pt, width: 100%, strong(words)
)
#let listing(words) = block(
  fill: luma(245), inset: 6pt, width: 100%, text(size: 8pt, raw(words, block: true))
)
#let drawing(name, words, instead) = figure(
  image(name, width: 100%, alt: instead), caption: words, alt: instead
)
#let wide-drawing(name, words, instead) = page(flipped: true, figure(
  image(name, width: 100%, height: 85%, fit: "contain", alt: instead),
  caption: words, alt: instead
))
#let grid-table(head, columns, sides, cells, words) = figure(
  kind: table,
  caption: figure.caption(position: top, words),
  {
    set text(size: 8pt)
    table(
      columns: columns, align: sides, inset: 3pt,
      stroke: (_, y) => if y > 0 { (top: 0.3pt + luma(180)) },
      table.header(..head.map(strong)), ..cells
    )
  }
)
#show figure.where(kind: table): set block(breakable: true)
"""
