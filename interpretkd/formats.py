"""Tables of text as Markdown, LaTeX and HTML, in which no cell is taken for markup.

Names and cells come from data. Each writer escapes whatever its reader could take for
a command, a link or another cell.
"""

import html
import re
from collections.abc import Sequence

import pandas as pd

from interpretkd.wording import one_line

__all__ = [
    "escape_html",
    "escape_latex",
    "escape_markdown",
    "html_page",
    "html_table",
    "latex_table",
    "markdown_table",
]

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+|~&!$@^\"'-])")
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
        The text, with backslashes before what could be markup or an address.

    Examples
    --------
    >>> print(escape_markdown("a|b <img> *c*"))
    a\|b \<img\> \*c\*
    """
    plain = _MARKDOWN.sub(lambda found: "\\" + found[0], one_line(text))
    return _ADDRESS.sub(lambda found: "\\" + found[0], plain)


def escape_latex(text: str) -> str:
    r"""Return text that LaTeX sets as it is, in one paragraph.

    Parameters
    ----------
    text : str
        Any text. Letters that are not Latin need XeLaTeX or LuaLaTeX and a font that
        has them.

    Returns
    -------
    str
        The text without commands; long words may be broken.

    Examples
    --------
    >>> print(escape_latex("100 % of a_b"))
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


def markdown_table(frame: pd.DataFrame, numbers: Sequence[str] = ()) -> str:
    """Write a table in Markdown's pipe form.

    Parameters
    ----------
    frame : DataFrame of str
        The cells.
    numbers : sequence of str, default=()
        The columns to set flush right.

    Returns
    -------
    str
        The lines, the last one ended.
    """
    names = [str(name) for name in frame.columns]
    marks = ["---:" if name in numbers else "---" for name in names]
    rows = [[escape_markdown(cell) for cell in row] for row in _cells(frame)]
    lines = [[escape_markdown(name) for name in names], marks, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def latex_table(
    frame: pd.DataFrame, numbers: Sequence[str] = (), caption: str = ""
) -> str:
    """Write a table that may run over pages, for the packages named in it.

    Parameters
    ----------
    frame : DataFrame of str
        The cells.
    numbers : sequence of str, default=()
        The columns to set flush right.
    caption : str, default=""
        What the table shows.

    Returns
    -------
    str
        A longtable; its first line, a comment, names the packages.
    """
    names = [str(name) for name in frame.columns]
    cells = _cells(frame)
    head = " & ".join(escape_latex(name) for name in names) + r" \\"
    title = [rf"\caption{{{escape_latex(caption)}}}\\"] if caption else []
    lines = [
        r"% \usepackage[T1]{fontenc} \usepackage{textcomp,array,booktabs,longtable}",
        rf"\begin{{longtable}}{{{_latex_columns(names, cells, numbers)}}}",
        *title,
        *(r"\toprule", head, r"\midrule", r"\endfirsthead"),
        *(r"\toprule", head, r"\midrule", r"\endhead"),
        *(r"\bottomrule", r"\endfoot"),
        *(" & ".join(map(escape_latex, row)) + r" \\" for row in cells),
        r"\end{longtable}",
    ]
    return "\n".join(lines) + "\n"


def html_table(
    frame: pd.DataFrame, numbers: Sequence[str] = (), caption: str = ""
) -> str:
    """Write a table as an HTML fragment that needs no script and no address.

    Parameters
    ----------
    frame : DataFrame of str
        The cells; the first column names the rows.
    numbers : sequence of str, default=()
        The columns to set flush right.
    caption : str, default=""
        What the table shows.

    Returns
    -------
    str
        A style and a table, in the colours of the page that it stands in.
    """
    names = [str(name) for name in frame.columns]
    marks = [' class="n"' if name in numbers else "" for name in names]
    head = "".join(
        f'<th scope="col"{mark}><bdi>{_breakable(name)}</bdi></th>'
        for name, mark in zip(names, marks, strict=True)
    )
    body = "\n".join(_html_row(row, marks) for row in _cells(frame))
    title = f"<caption>{escape_html(caption)}</caption>\n" if caption else ""
    return (
        f"<style>\n{_STYLE}\n</style>\n"
        '<div class="interpretkd-scroll" tabindex="0" role="region" '
        f'aria-label="{escape_html(caption or "Table")}">\n'
        f'<table class="interpretkd-table">\n{title}'
        f"<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>\n"
        "</div>\n"
    )


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


def _cells(frame: pd.DataFrame) -> list[list[str]]:
    return [[str(cell) for cell in row] for row in frame.to_numpy(dtype=object)]


def _html_row(row: list[str], marks: list[str]) -> str:
    cells = []
    for i, (cell, mark) in enumerate(zip(row, marks, strict=True)):
        tag, scope = ("th", ' scope="row"') if i == 0 else ("td", "")
        cells.append(f"<{tag}{scope}{mark}><bdi>{_breakable(cell)}</bdi></{tag}>")
    return f"<tr>{''.join(cells)}</tr>"


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
    names: list[str], cells: list[list[str]], numbers: Sequence[str]
) -> str:
    """Return the columns' kinds; long texts share the width that the others leave."""
    lengths = [
        max([len(name), *(len(row[i]) for row in cells)])
        for i, name in enumerate(names)
    ]
    long = [
        n > _LONG_CELL and name not in numbers
        for n, name in zip(lengths, names, strict=True)
    ]
    if not any(long):
        return "".join("r" if name in numbers else "l" for name in names)
    share = max(0.3, 0.95 - 0.08 * (len(names) - sum(long))) / sum(long)
    paragraph = rf">{{\raggedright\arraybackslash}}p{{{share:.2f}\linewidth}}"
    kinds = [
        paragraph if is_long else "r" if name in numbers else "l"
        for is_long, name in zip(long, names, strict=True)
    ]
    return "".join(kinds)
