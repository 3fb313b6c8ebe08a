"""One document, four writers; whatever stands in the data is shown, never obeyed."""

import html
import html.parser
import json
import re

import markdown_it
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings, strategies as st

from interpretkd._base import InputError, one_line
from interpretkd.reports import (
    Bullets,
    Code,
    Document,
    Figure,
    Paragraph,
    Section,
    Table,
)
from interpretkd.reports._writers import (
    _to_html,
    _to_json,
    _to_markdown,
    _to_pdf,
    _to_typst,
    _write_document,
)

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 4" width="9" height="4">'
    '<rect width="9" height="4"/></svg>'
)
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "a\"b'c",
    "first\nsecond",
    "x" * 200,
    "عربي",
    "😀",
    "=1+1",
    "a|b",
    "back\\slash",
    "</script><script>alert(1)</script>",
    "100% #1 $x$ {{ 7*7 }} {% x %}",
    "![](http://evil.example/x.png) [a](javascript:alert(1))",
    "http://evil.example www.evil.example me@evil.example",
    "1. one",
    "- item",
    "---",
    "# head",
    "&lt;b&gt; &#x41;",
    "``` `` `",
    '#eval("1+1") @label <label> $x$ // comment',
    "*bold* _under_ ~strike~",
    "\u202eturned",
)


def document_with(text: str, svg: str = SVG) -> Document:
    frame = pd.DataFrame({text: [text, "b"], "share": [0.5, np.nan], "n": [1234, 2]})
    return Document(
        text,
        ((text, text),),
        (
            Section(
                text,
                (
                    Paragraph(text),
                    Paragraph(text, loud=True),
                    Bullets((text, "b")),
                    Code(text),
                    Table(frame, text, {"share": ".1%"}, folded=True),
                    Figure(svg, text, text),
                ),
            ),
        ),
    )


class _Page(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []

        self.broken = False

    def handle_starttag(self, tag, attrs):
        self.broken = tag == "wbr"  # a place where a long word may be broken
        if not self.broken:
            self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        self.broken = False

    def handle_data(self, data):
        if self.broken:
            self.said[-1] += data
        else:
            self.said.append(data)


def read(page: str) -> _Page:
    parser = _Page()
    parser.feed(page)
    return parser


def named(page: _Page) -> list[set[str]]:
    """Return each tag's attributes; long cells have a class of their own."""
    return [set(attributes) - {"class"} for _, attributes in page.tags]


PLAIN = read(_to_html(document_with("plain")))


@pytest.mark.parametrize("text", HOSTILE)
def test_html_shows_every_text_as_it_is(text):
    page = read(_to_html(document_with(text)))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in PLAIN.tags]
    assert named(page) == named(PLAIN)
    assert page.said.count(one_line(text)) >= 8
    assert {a.get("href", "#")[:1] for _, a in page.tags} == {"#"}


@given(st.text(min_size=1, max_size=40))
def test_html_holds_no_tag_from_any_text(text):
    page = read(_to_html(document_with(text)))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in PLAIN.tags]


def rendered(text: str) -> list[str]:
    tokens = markdown_it.MarkdownIt("gfm-like", {"linkify": False}).parse(
        _to_markdown(document_with(text))
    )
    flat = [token.type for token in tokens]
    return flat + [c.type for token in tokens for c in token.children or ()]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_every_text_as_it_is(text):
    found = rendered(text)
    assert not {"html_block", "html_inline", "link_open"} & set(found)
    for kind in ("image", "heading_open", "table_open", "tr_open", "th_open"):
        assert found.count(kind) == rendered("plain").count(kind), kind
    assert found.count("list_item_open") == 3
    assert found.count("fence") == 2


def test_json_is_plain_and_whole():
    measures = {"share": np.float32(0.5), "gap": float("nan"), "rows": np.arange(2)}
    content = json.loads(_to_json(document_with("=1+1"), measures))
    assert content["measures"] == {"share": 0.5, "gap": None, "rows": [0, 1]}
    (section,) = content["sections"]
    kinds = [block["kind"] for block in section["blocks"]]
    assert kinds == ["paragraph", "paragraph", "bullets", "code", "table", "figure"]
    assert section["blocks"][4]["rows"] == [["=1+1", 0.5, 1234], ["b", None, 2]]


@pytest.mark.parametrize("text", HOSTILE)
def test_typst_takes_every_text_as_a_string(text):
    def outside(text):
        source = _to_typst(document_with(text))[0].split("#cover-title", 1)[1]
        without = re.sub(r'"(?:[^"\\]|\\.)*"', '""', source)
        return without.replace("1fr", "auto")  # columns of long texts are wider

    assert outside(text) == outside("plain")
    assert list(_to_typst(document_with(text))[1].values()) == [SVG.encode()]


def test_pdf_with_all_of_it():
    pytest.importorskip("typst")
    hostile = document_with(" ".join(HOSTILE))
    assert _to_pdf(hostile).startswith(b"%PDF-")
    sections = tuple(document_with(text).sections[0] for text in HOSTILE)
    assert _to_pdf(Document("All", (), sections)).startswith(b"%PDF-")
    assert _to_pdf(Document("", (), ())).startswith(b"%PDF-")


LETTERS = st.characters(min_codepoint=0x250, exclude_categories=["Cs"])


@given(st.text(LETTERS, max_size=9))
@settings(max_examples=8, deadline=None)
@example("漢字 and 𒀀, x\u0301, 👩\u200d🦾")
def test_a_pdf_is_written_whatever_fonts_there_are(text):
    pytest.importorskip("typst")
    assert _to_pdf(document_with(text, figure_of(one_line(text)))).startswith(b"%PDF-")


def figure_of(text):
    return SVG.replace("<rect", f"<text>{html.escape(text)}</text><rect")


def test_letters_without_a_font_stand_as_numbers_and_the_cover_says_so(monkeypatch):
    typst = pytest.importorskip("typst")
    rounds = []

    def compile_without_han(files, **settings):
        rounds.append(files)
        for letter in "漢字"[len(rounds) - 1 : len(rounds)]:
            error = RuntimeError("PDF/UA-1 error")
            error.diagnostic = f'error: the text `"{letter}"` could not be displayed'
            raise error
        return files["main"] + files["figure-1.svg"]

    monkeypatch.setattr(typst, "compile", compile_without_han)
    set_ = _to_pdf(document_with("漢字 é", figure_of("漢"))).decode()
    assert len(rounds) == 3
    assert "漢" not in set_
    assert "字" not in set_
    assert "[U+6F22][U+5B57] é" in set_
    assert "<text>[U+6F22]</text>" in set_
    assert "No font of this machine has 2 of the letters" in set_


def test_a_pdf_reads_no_file_of_the_working_folder(tmp_path, monkeypatch):
    pytest.importorskip("typst")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.chdir(tmp_path)
    asking = ('#read("/secret.txt")', {})
    monkeypatch.setattr("interpretkd.reports._writers._to_typst", lambda _: asking)
    with pytest.raises(InputError, match=r"cannot be set.*not found"):
        _to_pdf(Document("", (), ()))


@pytest.mark.parametrize("ending", ["html", "md", "json"])
def test_a_file_is_written(tmp_path, ending):
    path = _write_document(document_with("a"), tmp_path / f"report.{ending}")
    assert path.read_text().count("a") > 8


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"\.html, \.md, \.json, \.pdf.*docx"):
        _write_document(document_with("a"), tmp_path / "report.docx")
    assert not list(tmp_path.iterdir())
