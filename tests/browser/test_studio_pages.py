"""Every page in a real browser: whole, quiet, and open to everybody."""

import pytest
from axe_playwright_python.sync_playwright import Axe

PAGES = (
    *("start", "train", "overview", "tree", "rules", "effects", "disagreements"),
    *("row", "whatif", "images", "compare", "export"),
)

CUT_OFF = """() => [...document.querySelectorAll(
    '[data-testid=stMain] :is(button, input:not([type=range]), textarea, select, ' +
    '[role=slider], a, svg)'
)].filter(e => {
    const box = e.getBoundingClientRect();
    const scrolls = e.closest('[data-testid=stDataFrame], [data-testid=stCode], pre,' +
        '[data-testid=stTabs] [role=tablist], .frame');
    return !scrolls && box.width && (box.right > innerWidth + 1 || box.left < -1);
}).map(e => e.outerHTML.slice(0, 200))"""


def address(page):
    return "/" if page == "overview" else f"/{page}"


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 800])
@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_cut_off(visit, page, width, shots):
    shown = visit("digits" if page == "images" else "hostile", address(page), width)
    shown.screenshot(path=shots / f"{page}-{width}.png", full_page=True)
    assert shown.evaluate(CUT_OFF) == []
    wide = "() => document.documentElement.scrollWidth - innerWidth"
    assert shown.evaluate(wide) <= 0
    assert shown.get_by_test_id("stException").count() == 0
    # Names of columns and classes are text: no link, picture or script comes of them.
    assert shown.locator("a[href*='example.com'], img[src=x], [onerror]").count() == 0


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_serious(visit, page, theme):
    runs = {"effects": "connect4", "images": "digits"}
    shown = visit(runs.get(page, "german"), address(page), color_scheme=theme)
    found = Axe().run(shown).response["violations"]
    serious = [
        (one["id"], one["impact"], [node["html"][:300] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
