"""A document's writers: HTML, Markdown, JSON, Typst and PDF.

Every text may come from data, so each writer takes it as text and nothing else.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from interpretkd._base import (
    UNKNOWN,
    InputError,
    escape_markdown,
    html_table,
    markdown_table,
    numeric_columns,
    one_line,
    table_cells,
    write_atomically,
)
from interpretkd.reports._document import (
    Block,
    Bullets,
    Code,
    Document,
    Figure,
    Paragraph,
    Table,
)
from interpretkd.reports._letters import (
    _as_numbers,
    _letters_without_font,
    _with_note,
)

_LONG_CELL = 30


def _write_document(
    document: Document,
    path: str | Path,
    measures: Mapping[str, Any] | None = None,
) -> Path:
    """Write a document in the format that the file's ending names."""
    target = Path(path)
    writers: dict[str, Callable[[], bytes]] = {
        ".html": lambda: _to_html(document).encode(),
        ".md": lambda: _to_markdown(document).encode(),
        ".json": lambda: _to_json(document, measures).encode(),
        ".pdf": lambda: _to_pdf(document),
    }
    ending = target.suffix.lower()
    if ending not in writers:
        raise InputError(
            f"A report's file must end in {', '.join(writers)}. Got {target.name!r}."
        )
    content = writers[ending]()
    write_atomically(target, content)
    return target


def _to_html(document: Document) -> str:
    """Return one self-contained HTML page."""
    return _page().render(
        document=document,
        kinds=_kind,
        anchor=_anchor,
        line=one_line,
        lines=_lines,
        table=_html_table,
    )


def _to_markdown(document: Document) -> str:
    """Return the document as Markdown, the figures as embedded images."""
    lines = [f"# {escape_markdown(document.title)}", ""]
    lines += [
        f"- **{escape_markdown(name)}:** {escape_markdown(value)}"
        for name, value in document.facts
    ]
    for number, section in enumerate(document.sections, start=1):
        lines += ["", f"## {number}. {escape_markdown(section.title)}"]
        for block in section.blocks:
            lines += ["", *_markdown_block(block)]
    return "\n".join(lines) + "\n"


def _to_json(document: Document, measures: Mapping[str, Any] | None = None) -> str:
    """Return the document as JSON."""
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


def _to_pdf(document: Document) -> bytes:
    """Return the document as an accessible PDF: PDF 1.7 after PDF/UA-1.

    Letters that no font has stand as their numbers, which the cover says.
    """
    try:
        import typst
    except ImportError as error:
        raise InputError(
            "A PDF report needs typst: pip install 'interpretkd[viz]'. A report that "
            "ends in .html needs nothing, and every browser prints it to PDF."
        ) from error
    absent: set[str] = set()
    while True:
        try:
            return _typeset(typst.compile, document, absent)
        except RuntimeError as error:  # what typst raises
            said = str(getattr(error, "diagnostic", error))
            further = _letters_without_font(said) - absent
            if not further:
                raise InputError(
                    f"The PDF cannot be set ({error}): take the .html file, which "
                    "every browser prints to PDF."
                ) from error
            absent |= further


def _typeset(compiler: Any, document: Document, absent: set[str]) -> bytes:
    source, files = _to_typst(_with_note(document, absent))
    numbers = _as_numbers(absent)
    drawn = {
        name: svg.decode().translate(numbers).encode() for name, svg in files.items()
    }
    everything = {"main": source.translate(numbers).encode(), **drawn}
    with TemporaryDirectory() as root:  # an empty one: no text can name a file
        made: bytes = compiler(
            everything, root=root, format="pdf", pdf_standards=["ua-1"]
        )
    return made


def _to_typst(document: Document) -> tuple[str, dict[str, bytes]]:
    """Return the document as Typst markup, and its figures by their files' names."""
    files: dict[str, bytes] = {}
    lines = [_TYPST_HEAD.replace("TITLE", _named(document.title))]
    lines += [f"#cover-title({_typ(document.title)})"]
    facts = ", ".join(f"({_typ(n)}, {_typ(v)})" for n, v in document.facts)
    lines += [f"#facts(({facts}{',' if facts else ''}))", "#contents()"]
    for section in document.sections:
        lines += [f"= #{_named(section.title)}"]
        for block in section.blocks:
            lines += [_typst_block(block, files)]
    return "\n\n".join(lines) + "\n", files


def _kind(block: Block) -> str:
    return type(block).__name__.lower()


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"


def _lines(text: str) -> str:
    """Return lines that hold nothing but what can be seen."""
    return "\n".join(map(one_line, text.split("\n")))


def _html_table(block: Table) -> str:
    return html_table(
        block.frame, caption=block.caption, formats=block.formats, styled=False
    )


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


def _markdown_block(block: Block) -> list[str]:
    if isinstance(block, Paragraph):
        text = escape_markdown(block.text)
        return [f"**{text}**" if block.loud else text]
    if isinstance(block, Bullets):
        return [f"- {escape_markdown(item)}" for item in block.items]
    if isinstance(block, Code):
        return _fenced(block.text)
    if isinstance(block, Figure):
        data = base64.b64encode(block.svg.encode()).decode()
        image = f"![{escape_markdown(block.caption)}](data:image/svg+xml;base64,{data})"
        return [
            image,
            "",
            f"*{escape_markdown(block.caption)}*",
            "",
            *_fenced(block.text),
        ]
    table = markdown_table(block.frame, formats=block.formats)
    return [f"*{escape_markdown(block.caption)}*", "", *table.splitlines()]


def _fenced(text: str) -> list[str]:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, _lines(text), fence]


def _json_block(block: Block) -> dict[str, Any]:
    if isinstance(block, Table):
        rows = block.frame.itertuples(index=False, name=None)
        cells = [[_plain(cell) for cell in row] for row in rows]
        columns = [str(name) for name in block.frame.columns]
        named = {"caption": block.caption, "columns": columns, "rows": cells}
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
    quoted = one_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def _named(title: str) -> str:
    """Return a title as Typst has it: what shows nothing is no title."""
    return _typ(one_line(title).strip() or UNKNOWN)


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
        return f"#{call}({_typ(name)}, {_typ(block.caption)}, {_named(block.text)})"
    return _typst_table(block)


def _typst_table(block: Table) -> str:
    head = [str(name) for name in block.frame.columns]
    if not head:
        return ""
    rows = table_cells(block.frame, block.formats)
    # Long texts share what the others leave; they may break behind an underscore.
    long = [any(len(row[j]) > _LONG_CELL for row in rows) for j in range(len(head))]
    columns = ", ".join("1fr" if is_long else "auto" for is_long in long)
    numeric = numeric_columns(block.frame)
    sides = ", ".join("right" if number else "left" for number in numeric)
    cells = "".join(
        f"{_typ(cell)},".replace("_", "_\u200b") for row in rows for cell in row
    )
    return (
        f"#grid-table(({', '.join(map(_typ, head))},), ({columns},), ({sides},), "
        f"({cells}), {_typ(block.caption)})"
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
