"""A run whose student reads neurons: each page is about what is known, or says so."""

import numpy as np
import pytest

from interpretkd.runs import analyse_run, load_run


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
