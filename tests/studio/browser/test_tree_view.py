"""The tree by pointer and by keyboard, in a real browser."""

import re

import pytest

pytestmark = pytest.mark.browser


def node(page, index):
    return page.locator(f'g.node[data-node="{index}"]')


def wait_until_idle(page):
    page.wait_for_timeout(300)
    page.wait_for_function(
        """() => document.querySelector('[data-test-script-state]')
             ?.dataset.testScriptState === 'notRunning'"""
    )
    page.wait_for_timeout(200)


def heading(page, text):
    return page.get_by_role("heading", name=text, exact=True)


def box(page):
    return page.locator(".frame svg").get_attribute("viewBox")


def test_a_click_on_a_node_shows_what_is_known_of_it(visit):
    page = visit("german", "/tree")
    heading(page, "Node 0").wait_for()
    node(page, 2).click()
    heading(page, "Node 2").wait_for()
    assert "node=2" in page.url
    assert node(page, 2).get_attribute("aria-selected") == "true"
    assert node(page, 0).get_attribute("aria-selected") == "false"


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_goes_from_node_to_node_and_chooses(visit, key):
    page = visit("german", "/tree?grows=right")
    page.get_by_role("button", name="Open or fold the branch").focus()
    page.keyboard.press("Tab")
    assert focused(page) == "0"
    page.keyboard.press("ArrowRight")
    child = focused(page)
    assert child != "0"
    page.keyboard.press("ArrowDown")
    sibling = focused(page)
    assert sibling not in (child, "0")
    page.keyboard.press("ArrowLeft")
    assert focused(page) == "0"
    page.keyboard.press("ArrowRight")
    page.keyboard.press(key)
    heading(page, f"Node {child}").wait_for()
    wait_until_idle(page)
    # Only one stop for the Tab key, and the keyboard stays where it was.
    assert focused(page) == child
    assert page.locator('g.node[tabindex="0"]').count() == 1


def test_a_branch_is_folded_and_opened_by_key_and_by_sign(visit):
    page = visit("german", "/tree")
    page.wait_for_selector("g.node")
    wait_until_idle(page)
    all_nodes = page.locator("g.node").count()
    node(page, 0).focus()
    page.keyboard.press("o")
    page.wait_for_function("() => location.search.includes('closed=0')")
    wait_until_idle(page)
    assert page.locator("g.node").count() == 1
    assert node(page, 0).get_attribute("aria-expanded") == "false"
    assert focused(page) == "0"
    node(page, 0).locator(".badge").click()
    page.wait_for_function("() => !location.search.includes('closed=0')")
    wait_until_idle(page)
    assert page.locator("g.node").count() == all_nodes


def test_zoom_and_pan_by_keys_buttons_wheel_and_pointer(visit):
    page = visit("german", "/tree?grows=right")
    page.wait_for_selector("g.node")
    wait_until_idle(page)
    seen = {box(page)}

    def changed():
        now = box(page)
        assert now not in seen
        seen.add(now)

    node(page, 0).focus()
    for key in ("+", "Shift+ArrowRight", "Shift+ArrowDown", "-", "0"):
        page.keyboard.press(key)
        changed()
    page.get_by_role("button", name="Zoom in").click()
    changed()
    frame = page.locator(".frame").bounding_box()
    middle = frame["x"] + frame["width"] / 2, frame["y"] + 60
    page.mouse.move(*middle)
    page.mouse.wheel(0, 0)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_timeout(200)
    changed()
    page.mouse.down()
    page.mouse.move(middle[0] + 50, middle[1] + 40, steps=4)
    page.mouse.up()
    changed()
    # Dragging chooses nothing.
    assert "node=" not in page.url


def test_the_way_of_a_row_and_a_branch_alone(visit):
    page = visit("german", "/tree?way=true&row=7&node=1")
    page.wait_for_selector("g.node")
    assert page.locator(".frame .on").count() >= 2
    page.get_by_role("button", name="Focus this branch").click()
    page.wait_for_function("() => location.search.includes('branch=1')")
    wait_until_idle(page)
    assert node(page, 0).count() == 0
    page.get_by_role("button", name="Back to the whole tree").click()
    wait_until_idle(page)
    assert node(page, 0).count() == 1


def test_hostile_names_are_only_names(visit):
    page = visit("hostile", "/tree")
    page.wait_for_selector("g.node")
    assert page.locator(".frame img, .frame script").count() == 0
    labels = [
        group.get_attribute("aria-label") for group in page.locator("g.node").all()
    ]
    assert all(re.match(r"Node \d+: ", label) for label in labels)


def test_a_boosted_students_trees_come_one_at_a_time(visit):
    page = visit("connect4", "/tree?tree=2&node=1")
    heading(page, "Node 1").wait_for()
    first = page.locator(".frame svg").get_attribute("aria-label")
    assert first.startswith("Tree 2 of")
    page.get_by_test_id("stNumberInputStepUp").first.click()
    page.wait_for_function("() => location.search.includes('tree=3')")
    wait_until_idle(page)
    # Another tree is shown from its first node.
    heading(page, "Node 0").wait_for()


def focused(page):
    return page.evaluate(
        """() => {
            let here = document.activeElement;
            while (here?.shadowRoot?.activeElement) {
                here = here.shadowRoot.activeElement;
            }
            return here?.dataset?.node ?? here?.tagName;
        }"""
    )
