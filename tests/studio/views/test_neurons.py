"""A run whose student reads neurons: each page is about what is known, or says so."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from interpretkd.runs import analyse_run, load_run
from interpretkd.studio import RUN
from tests.runs.test_limits import _resign


@pytest.fixture
def found(make_run):
    return analyse_run(load_run(make_run("neurons")))


@pytest.mark.parametrize(
    "page",
    ["overview", "tree", "rules", "row", "disagreements", "export", "compare"],
)
def test_every_page_opens(studio, page):
    app = studio("neurons", page)
    assert not app.exception
    assert not app.error


def test_the_size_is_with_the_network(studio, found):
    app = studio("neurons", "overview")
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Numbers held"] == f"{found.model.n_parameters:,}"
    assert found.model.n_parameters > found.form.n_parameters + 64 * 64
    assert any("network up to its layer" in one.value for one in app.warning)
    assert any("decides most often" in one.value for one in app.caption)


def test_a_row_is_told_by_neurons_and_not_as_an_image(studio, found):
    app = studio("neurons", "row", row=3)
    row = next(t.value for t in app.dataframe if "student reads it" in t.value)
    assert set(row["feature"]) == set(found.model.view_.schema_.names)
    links = {one.proto.label for one in app.get("page_link")}
    assert not {"What if ...", "Show it as an image"} & links
    assert any("view makes" in one.value for one in app.info)
    leaf = found.tree.nodes.apply(found.codes[2:3])
    assert np.allclose(
        found.model.reading_.decode(found.tree.value[leaf]), found.logits[2:3]
    )


@pytest.mark.parametrize("page", ["train", "start", "overview"])
@pytest.mark.parametrize("absent", [True, False], ids=["no network", "no layer"])
def test_a_layer_that_cannot_be_read_leaves_the_app_open(
    studio, make_run, tmp_path, monkeypatch, page, absent
):
    copy = Path(shutil.copytree(make_run("neurons"), tmp_path / "copy"))
    file = copy / ("teacher.json" if absent else "model.json")
    state = json.loads(file.read_text())
    if absent:
        state["kind"] = "described"
    else:
        state["view"]["view"]["params"]["layer"] = 7
    file.write_text(json.dumps(state))
    _resign(copy)
    monkeypatch.setenv(RUN, str(copy))
    app = studio(None, page)
    assert not app.exception
    said = "was not saved with this run" if absent else "layer"
    assert any(said in one.value for one in app.sidebar.error)
