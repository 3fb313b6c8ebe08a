"""Tables as Markdown, LaTeX and HTML, in which no cell is taken for markup.

Names and cells come from data. Each writer escapes whatever its reader could take for
a command, a link or another cell.
"""

import datetime
import html
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from interpretkd._base.text import amount_text, one_line, signed_text

UNKNOWN = "-"
"""What a cell shows for a value that is not known."""

_NO_MATHS = "tex2jax_ignore mathjax_ignore"
"""Notebooks read formulas in what has not these classes."""
_LONG_TEXT = 40
_MARKDOWN = re.compile(
    r"""[\\`*_{}\[\]<>#|~&$@^]"""  # markup wherever it stands
    r"""|(?<!\w)["']|["'](?!\w)"""  # quotation marks, which some readers bend
    r"""|(?<=-)-|-(?=-)|(?<=\+)\+|\+(?=\+)"""  # dashes and insertions
    r"""|^[-+=](?=[-+=]*(?:\s|$))"""  # at the start: a list, a line below a heading
)
_NUMBERED = re.compile(r"^(\d+)([.)])(?=\s|$)")
_ADDRESS = re.compile(r"(?i)(:)(?=//)|(?<=\bwww)(\.)")
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "_": r"\_",
        "%": r"\%",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "'": r"\textquotesingle{}",
        "`": r"\textasciigrave{}",
        "-": "{-}",
    }
)
_LONG_CELL, _LONG_WORD = 24, 16
_PIECE = re.compile(rf"[^_/.:-]{{1,{_LONG_WORD}}}[_/.:-]?|[_/.:-]")
_STYLE = """\
.interpretkd-scroll{overflow-x:auto}
.interpretkd-table{--line:#8886;--head:#8882;color:inherit;background:transparent;\
border-collapse:collapse;font-size:.9em;text-align:left}
.interpretkd-table caption{text-align:left;padding:.3em 0;font-weight:600}
.interpretkd-table th,.interpretkd-table td{border-bottom:1px solid var(--line);\
padding:.3em .6em;vertical-align:top;text-align:left}
.interpretkd-table thead th{background:var(--head)}
.interpretkd-table .long{min-width:20rem;overflow-wrap:anywhere}
.interpretkd-table .n{text-align:right;font-variant-numeric:tabular-nums;\
white-space:nowrap}
@media print{.interpretkd-table thead{display:table-header-group}\
.interpretkd-table tr{break-inside:avoid}}"""
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root{{color-scheme:light dark}}
body{{font-family:system-ui,sans-serif;margin:2em}}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def escape_markdown(text: str) -> str:
    r"""Return text that Markdown shows as it is, in one line.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text without blanks at its ends, with backslashes before what could be
        markup or an address, also at the start of a line.

    Examples
    --------
    >>> print(escape_markdown("a|b <img> *c*"))
    a\|b \<img\> \*c\*
    """
    plain = _MARKDOWN.sub(lambda found: "\\" + found[0], one_line(text).strip())
    plain = _NUMBERED.sub(r"\1\\\2", plain)
    return _ADDRESS.sub(lambda found: "\\" + found[0], plain)


def _escape_latex(text: str) -> str:
    r"""Return text that LaTeX sets as it is, in one paragraph; long words may break.

    Letters that are not Latin need XeLaTeX or LuaLaTeX and a font that has them.

    Examples
    --------
    >>> print(_escape_latex("100 % of a_b"))
    100 \% of a\_b
    """
    words = one_line(text).split(" ")
    return " ".join(_latex_word(word) for word in words)


def escape_html(text: str) -> str:
    """Return text that HTML shows as it is, wherever it stands in an element.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text without markup.

    Examples
    --------
    >>> escape_html('<img src="x">')
    '&lt;img src=&quot;x&quot;&gt;'
    """
    return html.escape(one_line(text), quote=True)


def _cell_text(value: Any, spec: str = "") -> str:
    """Return the text of a cell.

    A number is written as the specification says, such as ``".1%"``, else with four
    digits, and thousands apart for whole numbers.

    Examples
    --------
    >>> [_cell_text(value) for value in (1234, 0.123456, None, True, "a")]
    ['1,234', '0.1235', '-', 'yes', 'a']
    >>> _cell_text(pd.Timestamp("2021-03-05"))
    '2021-03-05'
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return UNKNOWN
    if value is pd.NA or value is pd.NaT:
        return UNKNOWN
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, datetime.datetime):
        return str(value).removesuffix(" 00:00:00")
    if spec and isinstance(value, int | float | np.number):
        if spec.endswith("g"):  # which would write an exponent
            write = signed_text if spec.startswith("+") else amount_text
            return write(float(value), int(spec.strip("+,.g")))
        return format(value, spec)
    if isinstance(value, float | np.floating):
        return amount_text(float(value), 4)
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return str(value)


def table_cells(
    frame: pd.DataFrame, formats: Mapping[str, str] | None = None
) -> list[list[str]]:
    """Return every cell of a table as text, row by row.

    Parameters
    ----------
    frame : DataFrame
        Its index is not shown.
    formats : mapping of str to str, default=None
        For a column of numbers how they are written.

    Returns
    -------
    list of list of str
        The cells, not escaped yet.
    """
    specs = [(formats or {}).get(str(name), "") for name in frame.columns]
    return [
        [_cell_text(value, spec) for value, spec in zip(row, specs, strict=True)]
        for row in frame.itertuples(index=False, name=None)
    ]


def numeric_columns(frame: pd.DataFrame) -> list[bool]:
    """Tell which columns of a table hold numbers.

    Parameters
    ----------
    frame : DataFrame
        The table.

    Returns
    -------
    list of bool
        One a column; booleans are no numbers.
    """
    return [
        is_numeric_dtype(dtype) and not is_bool_dtype(dtype) for dtype in frame.dtypes
    ]


def markdown_table(
    frame: pd.DataFrame,
    numbers: Sequence[str] | None = None,
    *,
    formats: Mapping[str, str] | None = None,
) -> str:
    """Write a table in Markdown's pipe form.

    Parameters
    ----------
    frame : DataFrame
        The cells.
    numbers : sequence of str, default=None
        The columns to set flush right; None for those that hold numbers.
    formats : mapping of str to str, default=None
        For a column of numbers how they are written, as for `_cell_text`.

    Returns
    -------
    str
        The lines, the last one ended.
    """
    head = [str(name) for name in frame.columns]
    marks = ["---:" if n else "---" for n in _flush_right(frame, numbers)]
    texts = [head, *table_cells(frame, formats)]
    lines = [[escape_markdown(text) for text in row] for row in texts]
    lines.insert(1, marks)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def latex_table(
    frame: pd.DataFrame,
    numbers: Sequence[str] | None = None,
    caption: str = "",
    *,
    formats: Mapping[str, str] | None = None,
) -> str:
    """Write a table that may run over pages, for the packages named in it.

    Parameters
    ----------
    frame : DataFrame
        The cells.
    numbers : sequence of str, default=None
        The columns to set flush right; None for those that hold numbers.
    caption : str, default=""
        What the table shows.
    formats : mapping of str to str, default=None
        For a column of numbers how they are written, as for `_cell_text`.

    Returns
    -------
    str
        A longtable; its first line, a comment, names the packages.
    """
    names = [str(name) for name in frame.columns]
    cells = table_cells(frame, formats)
    columns = _latex_columns(names, cells, _flush_right(frame, numbers))
    head = " & ".join(_escape_latex(name) for name in names) + r" \\"
    title = [rf"\caption{{{_escape_latex(caption)}}}\\"] if caption else []
    lines = [
        r"% \usepackage[T1]{fontenc} \usepackage{textcomp,array,booktabs,longtable}",
        rf"\begin{{longtable}}{{{columns}}}",
        *title,
        *(r"\toprule", head, r"\midrule", r"\endfirsthead"),
        *(r"\toprule", head, r"\midrule", r"\endhead"),
        *(r"\bottomrule", r"\endfoot"),
        *(" & ".join(map(_escape_latex, row)) + r" \\" for row in cells),
        r"\end{longtable}",
    ]
    return "\n".join(lines) + "\n"


def html_table(
    frame: pd.DataFrame,
    numbers: Sequence[str] | None = None,
    caption: str = "",
    *,
    formats: Mapping[str, str] | None = None,
    styled: bool = True,
) -> str:
    """Write a table as an HTML fragment that needs no script and no address.

    Parameters
    ----------
    frame : DataFrame
        The cells; the first column names the rows.
    numbers : sequence of str, default=None
        The columns to set flush right; None for those that hold numbers.
    caption : str, default=""
        What the table shows.
    formats : mapping of str to str, default=None
        For a column of numbers how they are written, as for `_cell_text`.
    styled : bool, default=True
        Whether the style comes along; a page of its own has one.

    Returns
    -------
    str
        A style and a table, in the colours of the page that it stands in. Notebooks
        read no formulas in it.
    """
    marks = _flush_right(frame, numbers)
    head = "".join(
        f'<th scope="col"{_class(name, mark)}><bdi>{_breakable(name)}</bdi></th>'
        for name, mark in zip(map(str, frame.columns), marks, strict=True)
    )
    body = "\n".join(_html_row(row, marks) for row in table_cells(frame, formats))
    title = f"<caption>{escape_html(caption)}</caption>\n" if caption else ""
    return (
        (f"<style>\n{_STYLE}\n</style>\n" if styled else "")
        + f'<div class="interpretkd-scroll {_NO_MATHS}" tabindex="0" role="region" '
        f'aria-label="{escape_html(caption or "Table")}">\n'
        f'<table class="interpretkd-table">\n{title}'
        f"<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>\n"
        "</div>\n"
    )


def html_block(sentences: Sequence[str], tables: Sequence[str]) -> str:
    """Put sentences and tables into one element that notebooks show.

    Parameters
    ----------
    sentences : sequence of str
        Texts, escaped here.
    tables : sequence of str
        What `html_table` returned.

    Returns
    -------
    str
        The element; notebooks read no formulas in it.
    """
    texts = "".join(f"<p>{escape_html(sentence)}</p>" for sentence in sentences)
    return f'<div class="{_NO_MATHS}">{texts}{"".join(tables)}</div>'


def html_page(title: str, body: str) -> str:
    """Write a whole HTML page around fragments.

    Parameters
    ----------
    title : str
        Its title, any text.
    body : str
        Fragments, which are HTML already.

    Returns
    -------
    str
        The page.
    """
    return _PAGE.format(title=escape_html(title), body=body)


def _flush_right(frame: pd.DataFrame, numbers: Sequence[str] | None) -> list[bool]:
    if numbers is None:
        return numeric_columns(frame)
    return [str(name) in numbers for name in frame.columns]


def _html_row(row: list[str], numeric: list[bool]) -> str:
    cells = []
    for i, (cell, is_number) in enumerate(zip(row, numeric, strict=True)):
        tag, scope = ("th", ' scope="row"') if i == 0 else ("td", "")
        kind = _class(cell, is_number)
        cells.append(f"<{tag}{scope}{kind}><bdi>{_breakable(cell)}</bdi></{tag}>")
    return f"<tr>{''.join(cells)}</tr>"


def _class(cell: str, is_number: bool) -> str:
    if is_number:
        return ' class="n"'
    return ' class="long"' if len(cell) > _LONG_TEXT else ""


def _breakable(text: str) -> str:
    """Escape text for HTML, and say where long words may be broken."""
    if len(text) <= _LONG_WORD:
        return escape_html(text)
    return " ".join(
        "<wbr>".join(escape_html(piece) for piece in _pieces(word))
        for word in one_line(text).split(" ")
    )


def _pieces(word: str) -> list[str]:
    """Cut a long word, best behind a mark that joins two."""
    if len(word) <= _LONG_WORD:
        return [word]
    return _PIECE.findall(word)


def _latex_word(word: str) -> str:
    return r"\allowbreak{}".join(piece.translate(_LATEX) for piece in _pieces(word))


def _latex_columns(
    names: list[str], cells: list[list[str]], numeric: list[bool]
) -> str:
    """Return the columns' kinds; long texts share the width that the others leave."""
    lengths = [
        max([len(name), *(len(row[i]) for row in cells)])
        for i, name in enumerate(names)
    ]
    long = [
        length > _LONG_CELL and not is_number
        for length, is_number in zip(lengths, numeric, strict=True)
    ]
    if not any(long):
        return "".join("r" if is_number else "l" for is_number in numeric)
    share = max(0.3, 0.95 - 0.08 * (len(names) - sum(long))) / sum(long)
    paragraph = rf">{{\raggedright\arraybackslash}}p{{{share:.2f}\linewidth}}"
    kinds = [
        paragraph if is_long else "r" if is_number else "l"
        for is_long, is_number in zip(long, numeric, strict=True)
    ]
    return "".join(kinds)
