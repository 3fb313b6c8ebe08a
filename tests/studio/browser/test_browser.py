"""A diagram with hostile names, opened in a real browser."""

import shutil
from contextlib import contextmanager

import pandas as pd
import pytest

from interpretkd.drawing import draw_pages, save_diagram, tree_svg
from interpretkd.students import CartStudent

NAMES = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(2)</script>",
    '"];x[label="pwned"];',
    "back\\slash\\nand\\Gname",
    "two\nlines\tand a tab",
    "عربي 🌳 ≤ &amp;",
    "=1+1",
    "n" * 200,
]


@pytest.fixture(scope="module")
def student():
    # Every name decides something, as a column and as a category.
    bits = {name: [i >> k & 1 for i in range(2048)] for k, name in enumerate(NAMES)}
    rows = pd.DataFrame(bits).assign(city=[NAMES[i // 256] for i in range(2048)])
    target = rows[NAMES] @ range(1, 9) + 20 * rows["city"].map(NAMES.index)
    return CartStudent(None, min_samples_leaf=8).fit(rows, target)


@contextmanager
def opened(**settings):
    """Open a page; what it asks for and says is noted."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    assert chromium, "Chromium is needed: `make test` as root installs it"
    asked, said = [], []
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-background-networking", "--disable-quic"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(**settings)
        page.on("request", lambda request: asked.append(request.url))
        page.on(
            "dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss())
        )
        page.on("console", lambda message: said.append(message.text))
        yield page, asked, said
        browser.close()


@pytest.mark.browser
def test_hostile_names_are_text_in_the_browser(tmp_path, student):
    path = save_diagram(student, tmp_path / "tree.svg", title=NAMES[0])
    with opened() as (page, asked, said):
        page.goto(path.as_uri())
        texts = page.locator("text").all_text_contents()
        tags = page.evaluate(
            "[...document.querySelectorAll('*')].map(e => e.localName)"
        )
        links = page.evaluate("document.querySelectorAll('[href], [*|href]').length")
    assert asked == [path.as_uri()]
    assert said == []
    assert links == 0
    assert set(tags) == {"svg", "g", "title", "desc", "style", "rect", "path", "text"}
    # A mark keeps what follows from being drawn into letters that run left.
    joined = " ".join(texts).replace("\u200e", "")
    assert "<img src=x" in joined
    assert '"];x[label=' in joined
    assert "عربي 🌳" in joined


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_stand_in_one_page_and_keep_to_their_boxes(tmp_path, student, scheme):
    drawn = [
        tree_svg(student, most_leaves=12, direction="down", title=NAMES[1]),
        tree_svg(student, most_leaves=12, theme="light"),
        *(page.svg() for page in draw_pages(student, depth=6)[:2]),
    ]
    path = tmp_path / "page.html"
    body = "".join(f"<div>{svg}</div>" for svg in drawn)
    path.write_text(f"<!doctype html><meta charset=utf-8><body>{body}", "utf-8")
    with opened(color_scheme=scheme) as (page, asked, said):
        page.goto(path.as_uri())
        sheets = page.locator("svg").count()
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        papers = page.evaluate(
            "[...document.querySelectorAll('.paper')]"
            ".map(e => getComputedStyle(e).fill)"
        )
        # Only Latin letters: of others the fonts, and so the widths, are anybody's.
        outside = page.evaluate(
            """[...document.querySelectorAll('g.node text')].filter(text => {
                const box = text.closest('g.node').querySelector('rect').getBBox();
                const own = text.getBBox();
                return /^[\\x20-\\x7e]*$/.test(text.textContent)
                    && (own.x < box.x || own.x + own.width > box.x + box.width + 1);
            }).map(text => text.textContent)"""
        )
        strange = page.evaluate("document.querySelectorAll('img, script, b').length")
        ems = page.evaluate(
            """(() => {
                const context = document.createElement('canvas').getContext('2d');
                context.font = "100px Helvetica, Arial, 'Liberation Sans'";
                return context.measureText('m').width / 100;
            })()"""
        )
    assert asked == [path.as_uri()]
    assert said == []
    assert sheets == len(drawn)
    assert len(ids) == len(set(ids))
    dark, light = "rgb(22, 25, 29)", "rgb(255, 255, 255)"
    follows = dark if scheme == "dark" else light
    assert papers == [follows, light, *[follows] * (len(drawn) - 2)]
    assert strange == 0
    # Without Helvetica or a font of its widths (fonts-liberation) texts are wider.
    assert outside == [] or ems != pytest.approx(0.833, abs=0.01)
