"""Every page in a real browser: whole, quiet, and open to everybody."""

import contextlib

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import TimeoutError

from tests.studio.browsing import wait_until_idle

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
    const outside = box.right > innerWidth + 1 || box.left < -1;
    return outside && !scrolls && e.checkVisibility();
}).map(e => e.outerHTML.slice(0, 200))"""


def address(page):
    return "/" if page == "overview" else f"/{page}"


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_whole_and_open_to_everybody(visit, page, theme, shots):
    run = {"effects": "connect4", "images": "digits"}.get(page, "hostile")
    shown = visit(run, address(page), color_scheme=theme)
    assert shown.get_by_test_id("stException").count() == 0
    # Names of columns and classes are text: no link, picture or script comes of them.
    assert shown.locator("a[href*='example.com'], img[src=x], [onerror]").count() == 0
    assert serious_violations(shown) == []
    for width in (1280, 800):
        shown.set_viewport_size({"width": width, "height": 900})
        wait_until_idle(shown)
        with contextlib.suppress(TimeoutError):  # what stays cut off is named below
            shown.wait_for_function(f"() => !({CUT_OFF})().length", timeout=5_000)
        shown.screenshot(path=shots / f"{page}-{theme}-{width}.png")
        assert shown.evaluate(CUT_OFF) == []
        wide = "() => document.documentElement.scrollWidth - innerWidth"
        assert shown.evaluate(wide) <= 0


def serious_violations(page):
    return [
        (one["id"], one["impact"], [node["html"][:300] for node in one["nodes"][:3]])
        for one in Axe().run(page).response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
