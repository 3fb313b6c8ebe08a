"""A diagram with hostile names, opened in a real browser."""

import shutil

import pandas as pd
import pytest

from interpretkd.plotting import save_diagram
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


@pytest.mark.browser
def test_hostile_names_are_text_in_the_browser(tmp_path):
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    assert chromium, "Chromium is needed: `make test` as root installs it"
    # Every name decides something, as a column and as a category.
    bits = {name: [i >> k & 1 for i in range(2048)] for k, name in enumerate(NAMES)}
    rows = pd.DataFrame(bits).assign(city=[NAMES[i // 256] for i in range(2048)])
    target = rows[NAMES] @ range(1, 9) + 20 * rows["city"].map(NAMES.index)
    student = CartStudent(None, min_samples_leaf=8).fit(rows, target)
    path = save_diagram(student, tmp_path / "tree.svg")

    asked, said = [], []
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-background-networking", "--disable-quic"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on(
            "dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss())
        )
        page.on("console", lambda message: said.append(message.text))
        page.goto(path.as_uri())
        texts = page.locator("text").all_text_contents()
        tags = page.evaluate(
            "[...document.querySelectorAll('*')].map(e => e.localName)"
        )
        links = page.evaluate("document.querySelectorAll('[href], [*|href]').length")
        browser.close()
    assert asked == [path.as_uri()]
    assert said == []
    assert links == 0
    assert set(tags) == {"svg", "g", "title", "polygon", "path", "text"}
    joined = " ".join(texts).replace("\xa0", " ")
    assert "<img src=x" in joined
    assert '"];x[label=' in joined
    assert "عربي 🌳" in joined
