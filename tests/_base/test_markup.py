import html
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from markdown_it import MarkdownIt

from interpretkd._base import (
    escape_html,
    escape_markdown,
    html_block,
    html_page,
    html_table,
    latex_table,
    markdown_table,
    numeric_columns,
    table_cells,
)
from interpretkd._base.markup import _escape_latex
from tests.students.cart.small_trees import HOSTILE

TABLE = pd.DataFrame({"#": [str(i) for i in range(len(HOSTILE))], "name": HOSTILE})


class Reader(HTMLParser):
    """Collect the cells of a table, and every tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells and self.lasttag in ("td", "th", "bdi", "wbr"):
            self.cells[-1] += data.strip("\n")


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


# --- cells


def test_cells_are_written_as_asked() -> None:
    frame = pd.DataFrame(
        {
            "share": [0.123456, None],
            "n": pd.array([12345, None], dtype="Int64"),
            "on": [True, False],
            "x": [np.float32(1) / 3, 2.0],
            "name": ["a", None],
        }
    )
    assert table_cells(frame, {"share": ".1%"}) == [
        ["12.3%", "12,345", "yes", "0.3333", "a"],
        ["-", "-", "no", "2", "-"],
    ]
    assert numeric_columns(frame) == [True, True, False, True, False]


@pytest.mark.parametrize("write", [html_table, markdown_table, latex_table])
def test_every_writer_tells_numbers_from_texts(write: Callable[..., str]) -> None:
    frame = pd.DataFrame({"share": [0.5], "name": ["a"]})
    text = write(frame, formats={"share": ".0%"})
    assert "50" in text
    assert text == write(frame, ["share"], formats={"share": ".0%"})
    assert text != write(frame, (), formats={"share": ".0%"})


# --- HTML


def test_html_shows_every_cell_as_it_is() -> None:
    read = Reader(html_table(TABLE, ["#"], "<b>Caption</b>"))
    assert read.tags == {
        *("style", "div", "table", "caption", "thead", "tbody", "tr", "th", "td"),
        *("bdi", "wbr"),
    }
    assert read.attributes == {"class", "scope", "tabindex", "role", "aria-label"}
    expected = ["#", "name"]
    for row in TABLE.to_numpy().tolist():
        expected += map(_line, row)
    assert read.cells == expected


def test_html_says_what_its_rows_and_columns_are() -> None:
    text = html_table(pd.DataFrame({"#": ["1"], "rule": ["a < 1"]}), ["#"], "Rules")
    assert "<caption>Rules</caption>" in text
    assert '<th scope="col" class="n"><bdi>#</bdi></th>' in text
    assert '<th scope="row" class="n"><bdi>1</bdi></th><td><bdi>a &lt; 1</bdi>' in text
    assert "http" not in text
    assert "script" not in text
    assert "<caption>" not in html_table(TABLE)


def test_a_page_is_whole() -> None:
    page = html_page("<b>", html_table(TABLE))
    assert page.startswith("<!doctype html>")
    assert '<html lang="en">' in page
    assert "<title>&lt;b&gt;</title>" in page


def test_notebooks_read_no_formulas_in_a_table() -> None:
    assert "mathjax_ignore" in html_table(pd.DataFrame({"$x$": ["$y$"]}))
    block = html_block(["<b>$x$</b>"], [html_table(TABLE)])
    assert block.startswith(
        '<div class="tex2jax_ignore mathjax_ignore"><p>&lt;b&gt;$x$&lt;/b&gt;</p>'
    )


def test_the_style_of_a_table_can_be_left_to_the_page() -> None:
    assert html_table(TABLE).endswith(html_table(TABLE, styled=False))
    assert "style" not in Reader(html_table(TABLE, styled=False)).tags


@given(st.text())
def test_any_text_is_harmless_in_html(text: str) -> None:
    assert not set(escape_html(text)) & set("<>\"'\n")
    assert Reader(f"<td>{escape_html(text)}</td>").cells == [_line(text)]


@given(st.text(min_size=17))
def test_long_words_may_be_broken_but_lose_nothing(text: str) -> None:
    table = html_table(pd.DataFrame({"name": [text]}))
    assert Reader(table).cells[1] == _line(text)
    shown = re.sub(r"<[^>]*>", "\n", table.split("<tbody>")[1])
    words = html.unescape(shown).split()
    assert all(len(word) <= 17 for word in words)


# --- Markdown


def _as_html(text: str) -> str:
    return str(MarkdownIt("gfm-like", {"linkify": False}).render(text))


def test_markdown_shows_every_cell_as_it_is() -> None:
    read = Reader(_as_html(markdown_table(TABLE, ["#"])))
    assert read.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    expected = ["#", "name"]
    for row in TABLE.to_numpy().tolist():
        expected += map(_line, row)
    assert read.cells == expected


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"])))
def test_any_text_is_harmless_in_markdown(text: str) -> None:
    table = markdown_table(pd.DataFrame({"a": [text]}))
    read = Reader(_as_html(table))
    assert read.tags <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert len(read.cells) == 2
    assert read.cells[1].split() == _line(text).split()


@pytest.mark.parametrize(
    "text",
    [*HOSTILE, "- item", "+ item", "1. one", "2) two", "---", "===", "    code", "> a"],
)
def test_markdown_takes_no_text_for_a_list_or_heading(text: str) -> None:
    reader = MarkdownIt("gfm-like", {"linkify": False})
    alone = {token.type for token in reader.parse(escape_markdown(text))}
    assert alone <= {"paragraph_open", "inline", "paragraph_close"}
    below = {token.type for token in reader.parse(f"a\n{escape_markdown(text)}")}
    assert below == {"paragraph_open", "inline", "paragraph_close"}


@pytest.mark.parametrize("text", ["a -- b --- c", "\"a\" 'b'", "++a++ ^b^ ~c~"])
def test_no_typographer_bends_a_text(text: str) -> None:
    clever = MarkdownIt("gfm-like", {"typographer": True, "linkify": False})
    clever.enable(["replacements", "smartquotes"])
    shown = clever.render(escape_markdown(text))
    assert html.unescape(re.sub("<[^>]*>", "", shown)).strip() == text


def test_markdown_stays_readable() -> None:
    prose = "The teacher's rows (1,234 of them) are well-known: 95 % agree!"
    assert escape_markdown(prose) == prose


def test_addresses_are_no_links() -> None:
    escaped = escape_markdown("see http://evil.example and www.evil.example")
    assert "http:" not in escaped
    assert "www." not in escaped


# --- LaTeX


@pytest.mark.parametrize("text", HOSTILE)
def test_latex_holds_no_command_but_ours(text: str) -> None:
    escaped = _escape_latex(text)
    ours = r"\\(text[a-z]+|allowbreak)\{\}|\\[{}$&#_%]|\{-\}"
    rest = re.sub(ours, "", escaped)
    assert not set(rest) & set("\\{}$&#_%~^\n")


def test_columns_of_long_texts_are_paragraphs() -> None:
    text = latex_table(TABLE, ["#"], "100 % of them")
    assert r"\caption{100 \% of them}" in text
    assert text.splitlines()[1].startswith(
        r"\begin{longtable}{r>{\raggedright\arraybackslash}p{"
    )
    short = latex_table(pd.DataFrame({"#": ["1"], "a": ["b"]}), ["#"])
    assert r"\begin{longtable}{rl}" in short
    assert "caption" not in short


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="there is no LaTeX here")
def test_latex_compiles(tmp_path: Path) -> None:
    latin = TABLE[[name.isascii() for name in TABLE["name"]]]
    packages = latex_table(latin).splitlines()[0].removeprefix("% ")
    document = (
        rf"\documentclass{{article}}{packages}\begin{{document}}"
        f"\n{latex_table(latin, ['#'], 'Rules & more')}\n\\end{{document}}\n"
    )
    (tmp_path / "rules.tex").write_text(document)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "rules.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert (tmp_path / "rules.pdf").read_bytes().startswith(b"%PDF")
