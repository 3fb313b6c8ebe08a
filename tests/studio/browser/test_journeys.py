"""The ways a person goes through the studio, in a real browser."""

import pickle
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from interpretkd.runs import analyse_run, load_run
from tests.studio.browsing import wait_until_idle

pytestmark = pytest.mark.browser


def main(page):
    return page.get_by_test_id("stMain")


def test_the_size_is_slid_and_the_link_shows_the_same(visit, make_run):
    page = visit("german")
    fidelity = page.get_by_test_id("stMetric").first
    before = fidelity.inner_text()
    slider = page.get_by_role("slider", name="Leaves")
    slider.focus()
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile("size=4"))
    wait_until_idle(page)
    cut = analyse_run(load_run(make_run("german"))).cut(4)
    expect(fidelity).to_contain_text(f"{cut.evaluation.student.fidelity.value:.1%}")
    assert fidelity.inner_text() != before
    page.get_by_role("link", name="Tree").click()
    page.get_by_role("heading", name="Tree").wait_for()
    wait_until_idle(page)
    expect(page.locator("g.node")).to_have_count(7)
    again = visit("german", "/" + page.url.split("/", 3)[3])
    expect(again.locator("g.node")).to_have_count(7)


def test_back_undoes_a_size(visit):
    page = visit("german")
    slider = page.get_by_role("slider", name="Leaves")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile("size=11"))
    wait_until_idle(page)
    page.go_back()
    expect(slider).to_have_value("12")
    expect(page).not_to_have_url(re.compile("size="))


def test_a_filter_narrows_the_rules_and_stands_in_the_address(visit, make_run):
    page = visit("german", "/rules")
    whole = analyse_run(load_run(make_run("german"))).rules
    expect(main(page)).to_contain_text(f"{len(whole)} of {len(whole)} rules")
    search = page.get_by_role("textbox", name="Search")
    search.fill("housing")
    search.press("Enter")
    expect(page).to_have_url(re.compile("find=housing"))
    kept = len(whole.filter("housing"))
    assert 0 < kept < len(whole)
    expect(main(page)).to_contain_text(f"{kept} of {len(whole)} rules")
    again = visit("german", "/rules?find=housing")
    expect(main(again)).to_contain_text(f"{kept} of {len(whole)} rules")
    again.get_by_role("textbox", name="Search").fill("no such words")
    again.keyboard.press("Enter")
    expect(main(again)).to_contain_text(f"0 of {len(whole)} rules")
    again.get_by_role("button", name="Clear the filters").click()
    expect(main(again)).to_contain_text(f"{len(whole)} of {len(whole)} rules")


def test_a_disagreement_is_followed_to_its_row_and_changed(visit):
    page = visit("german")
    page.get_by_role("link", name="Show these rows").click()
    page.get_by_role("heading", name="Disagreements", exact=True).wait_for()
    wait_until_idle(page)
    assert re.search("teacher=(bad|good)", page.url)
    assert re.search("student=(bad|good)", page.url)
    page.get_by_role("link", name="Open row").click()
    page.get_by_role("heading", name="Row", exact=True).wait_for()
    wait_until_idle(page)
    row = re.search(r"row=(\d+)", page.url)[1]
    expect(page.get_by_role("spinbutton", name="Row")).to_have_value(row)
    expect(main(page)).to_contain_text("They disagree")
    page.get_by_role("link", name="What if ...").click()
    page.get_by_role("heading", name="What-if").wait_for()
    wait_until_idle(page)
    assert f"row={row}" in page.url
    number = page.get_by_test_id("stMain").get_by_role("spinbutton").nth(1)
    number.fill("7")
    number.press("Enter")
    expect(page).to_have_url(re.compile(r"set="))
    page.get_by_role("button", name="Reset").click()
    expect(page).not_to_have_url(re.compile(r"set="))


def test_back_shows_the_filtered_list_again(visit):
    page = visit("german", "/disagreements?teacher=bad&student=good")
    listed = main(page).inner_text()
    page.get_by_role("link", name="Open row").click()
    page.get_by_role("heading", name="Row", exact=True).wait_for()
    wait_until_idle(page)
    # Streamlit writes the new address under the old page's path before it leaves it.
    page.go_back()
    page.go_back()
    expect(page).to_have_url(re.compile("teacher=bad"))
    page.get_by_role("heading", name="Disagreements", exact=True).wait_for()
    wait_until_idle(page)
    shown = re.search(r"[\d,]+ to [\d,]+ of [\d,]+ rows", listed)[0]
    expect(main(page)).to_contain_text(shown)


def test_a_report_is_made_saved_and_opened_without_a_network(visit, chromium, tmp_path):
    page = visit("german", "/export")
    page.get_by_role("textbox", name="Title").fill("<b>Loans</b> & more")
    page.get_by_role("button", name="Make the report").click()
    button = page.get_by_role("button", name=re.compile(r"^HTML \("))
    button.wait_for(timeout=90_000)
    with page.expect_download() as saved:
        button.click()
    path = tmp_path / "report.html"
    saved.value.save_as(path)
    context = chromium.new_context(offline=True)
    said, asked = [], []
    report = context.new_page()
    report.on("console", lambda message: said.append(message.text))
    report.on("request", lambda request: asked.append(request.url))
    report.goto(path.as_uri())
    assert report.title() == "<b>Loans</b> & more"
    assert report.locator("svg").count() > 0
    assert said == []
    assert asked == [path.as_uri()]
    context.close()


def bad_files(folder: Path) -> dict[str, str]:
    """Write files that cannot be used; what each is told, in part."""
    good = "a,b,y\n" + "".join(
        f"{i},{i % 7},{'no' if i % 2 else 'yes'}\n" for i in range(60)
    )
    texts = {
        "empty.csv": ("", "is empty"),
        "header.csv": ("a,b,y\n", "a header and no rows"),
        "twice.csv": ("a,a,y\n1,2,x\n", "names a column twice"),
        "text.csv": (good.replace("30,2,", "n/v,2,"), "are not numbers, e.g. 'n/v'"),
        "torn.csv": (good + "1,2\n", "Expected 3 fields"),
    }
    for name, (text, _) in texts.items():
        (folder / name).write_text(text)
    (folder / "binary.csv").write_bytes(bytes(range(256)) * 4)
    (folder / "model.csv").write_bytes(pickle.dumps({"a": np.arange(3)}))
    (folder / "kind.exe").write_bytes(b"MZ" + bytes(100))
    with zipfile.ZipFile(folder / "up.zip", "w") as archive:
        archive.writestr("../../evil.csv", good)
    return {name: said for name, (_, said) in texts.items()} | {
        "binary.csv": "is not UTF-8 text",
        "model.csv": "is a pickle, which can run code",
        "kind.exe": "is a program",
        "up.zip": "up.zip",
    }


def test_each_bad_upload_has_its_own_sentence_and_harms_nothing(visit, tmp_path):
    page = visit("german", "/train")
    said = {}
    for name, part in bad_files(tmp_path).items():
        page.locator("input[type=file]").first.set_input_files(tmp_path / name)
        error = main(page).get_by_test_id("stAlert").first
        expect(error).to_contain_text(part, timeout=20_000)
        wait_until_idle(page)
        said[name] = error.inner_text()
        assert page.get_by_test_id("stException").count() == 0
    assert len(set(said.values())) == len(said)
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_test_id("stMetric").nth(3)).to_be_visible()


def test_a_zip_that_climbs_is_refused_on_the_start_page(visit, tmp_path):
    bad_files(tmp_path)
    page = visit("german", "/start")
    page.locator("input[type=file]").first.set_input_files(tmp_path / "up.zip")
    expect(main(page)).to_contain_text("This run cannot be used")
    page.get_by_role("textbox", name="Folder").fill(str(tmp_path))
    page.get_by_role("button", name="Open the folder").click()
    expect(main(page)).to_contain_text("There is no run in")


def test_a_node_is_clicked_and_its_rule_is_shown(visit):
    page = visit("german", "/tree")
    node = page.locator("g.node").nth(2)
    number = node.get_attribute("data-node")
    node.click()
    expect(page).to_have_url(re.compile(rf"node={number}\b"))
    expect(main(page)).to_contain_text(f"Node {number}")


def test_a_page_loaded_anew_finds_the_training_and_cancels_it(visit):
    page = visit(None, "/train")
    page.get_by_test_id("stMain").get_by_text("A demo", exact=True).click()
    wait_until_idle(page)
    epochs = page.get_by_role("spinbutton", name="Epochs, at most")
    epochs.fill("500")
    epochs.press("Enter")
    page.get_by_role("textbox", name="Name of the run").fill("slow one")
    page.get_by_role("textbox", name="Name of the run").press("Enter")
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("progressbar").first.wait_for()
    page.reload()
    expect(main(page)).to_contain_text("Making slow one")
    page.get_by_role("button", name="Cancel").click()
    expect(main(page)).to_contain_text("It was cancelled.")
    page.reload()
    expect(main(page)).to_contain_text("It was cancelled.")
    page.get_by_role("button", name="Dismiss").click()
    expect(main(page)).not_to_contain_text("It was cancelled.")


def test_a_run_opened_by_its_folder_survives_a_reload_and_its_end(
    visit, make_run, tmp_path
):
    away = shutil.copytree(make_run("regression"), tmp_path / "away")
    page = visit(None)
    page.get_by_role("textbox", name="Folder").fill(str(away))
    page.get_by_role("button", name="Open the folder").click()
    page.get_by_role("heading", name="Overview").wait_for()
    page.reload()
    page.get_by_role("heading", name="Overview").wait_for()
    wait_until_idle(page)
    expect(page.get_by_test_id("stMetric").first).to_be_visible()
    shutil.rmtree(away)
    page.reload()
    gone = page.get_by_test_id("stSidebar")
    expect(gone).to_contain_text("The run 'away' is no longer there")
    expect(page.get_by_test_id("stMetric")).to_have_count(0)
