import json

import numpy as np
import pytest

from interpretkd.drawing import draw_branch, look_of
from interpretkd.evaluation import node_facts
from interpretkd.runs import analyse_run, load_run


@pytest.fixture
def analysed(make_run):
    return lambda name: analyse_run(load_run(make_run(name)))


def view(app):
    """Return what the picture was given."""
    (found,) = [
        element
        for element in app.main.get("bidi_component")
        if element.proto.component_name == "interpretkd_tree"
    ]
    return json.loads(found.proto.json or found.proto.mixed.json)


def metric(app, label):
    return next(one.value for one in app.metric if one.label == label)


def heading(app):
    return app.subheader[0].value


def button(app, label):
    return next(one for one in app.button if one.label == label)


def links(app):
    return [one.proto.label for one in app.get("page_link")]


def labels(app):
    return [one.label for one in app.button]


@pytest.mark.parametrize("run", ["german", "digits", "multilabel", "hostile"])
def test_the_figures_are_those_of_the_library(studio, analysed, run):
    app = studio(run, "tree")
    found = analysed(run)
    fidelity = found.evaluation.student.fidelity
    assert metric(app, "Fidelity") == f"{fidelity.value:.1%}"
    assert metric(app, "95 % interval") == f"{fidelity.low:.1%} to {fidelity.high:.1%}"
    assert metric(app, "Leaves") == str(found.tree.n_leaves)
    assert metric(app, "Rows") == f"{len(found):,}"


def test_values_have_r2(studio, analysed):
    app = studio("regression", "tree")
    fidelity = analysed("regression").evaluation.student.fidelity
    assert metric(app, "Fidelity (R2)") == f"{fidelity.value:.3f}"
    assert "RMSE" in " ".join(text.value for text in app.markdown)


def test_the_picture_is_the_librarys(studio, analysed):
    shown = view(studio("german", "tree"))
    drawn = draw_branch(look_of(analysed("german").model, "test"))
    assert shown["svg"] == drawn.drawing.svg(theme="light")
    assert [node["node"] for node in shown["nodes"]] == [n.node for n in drawn.nodes]
    assert shown["selected"] == shown["root"] == 0


def test_a_node_of_the_address_is_shown(studio, analysed):
    app = studio("german", "tree", node=2)
    found = analysed("german")
    facts = node_facts(found, look_of(found.model, "test"), 2)
    assert heading(app) == "Node 2"
    assert view(app)["selected"] == 2
    text = " ".join(one.value for one in app.markdown)
    assert f"{len(facts.rows):,} of {len(found):,} rows" in text
    assert f"{facts.fidelity.value:.1%}" in text
    counts = app.dataframe[0].value
    assert counts["teacher"].tolist() == facts.answers["teacher"].tolist()


@pytest.mark.parametrize("node", ["999", "-1", "abc", "1e3", "²", "<script>"])
def test_no_such_node_is_a_warning_and_the_root(studio, node):
    app = studio("german", "tree", node=node)
    assert not app.exception
    assert "asks for the node" in app.warning[0].value
    assert heading(app) == "Node 0"


@pytest.mark.parametrize(
    "address",
    [
        {"branch": "77777"},
        {"opened": "a-b-<x>-99999"},
        {"closed": "--5-é-5"},
        {"grows": "up"},
        {"levels": "many"},
        {"levels": "-3"},
        {"way": "maybe"},
        {"tree": "900"},
        {"size": "0"},
    ],
)
def test_bad_addresses_break_nothing(studio, address):
    app = studio("connect4" if "tree" in address else "german", "tree", **address)
    assert not app.exception
    assert heading(app) == "Node 0"


def test_the_way_to_a_chosen_node_is_open(studio, analysed):
    tree = analysed("digits").tree
    deepest = int(np.argmax(tree.nodes.depths))
    shown = view(studio("digits", "tree", levels=1, node=deepest))
    assert deepest in [node["node"] for node in shown["nodes"]]


def test_settings_change_the_picture(studio):
    usual = view(studio("german", "tree"))
    flat = view(studio("german", "tree", levels=1))
    assert [node["kind"] for node in flat["nodes"]].count("folded")
    assert len(flat["nodes"]) == 3 < len(usual["nodes"])
    assert view(studio("german", "tree", grows="down"))["direction"] == "down"
    assert view(studio("german", "tree", grows="right"))["direction"] == "right"
    closed = view(studio("german", "tree", closed="0"))
    assert [node["kind"] for node in closed["nodes"]] == ["folded"]
    alone = view(studio("german", "tree", branch=1))
    assert alone["root"] == 1


def test_the_way_of_the_row_ends_in_its_leaf(studio, analysed):
    shown = view(studio("german", "tree", way="true", row=7))
    found = analysed("german")
    leaf = int(found.tree.nodes.apply(found.codes[6:7])[0])
    hot = [node for node in shown["nodes"] if node["hot"]]
    assert leaf in [node["node"] for node in hot]
    assert all(node["kind"] == "leaf" for node in hot if node["node"] == leaf)
    usual = view(studio("german", "tree"))
    assert not any(node["hot"] for node in usual["nodes"])


def test_a_branch_alone_and_back(studio):
    app = studio("german", "tree", node=1)
    button(app, "Focus this branch").click().run()
    assert view(app)["root"] == 1
    assert "Focus this branch" not in labels(app)
    button(app, "Back to the whole tree").click().run()
    assert view(app)["root"] == 0
    button(app, "One up").click().run()
    assert heading(app) == "Node 0"


def test_what_was_opened_is_forgotten_on_demand(studio):
    app = studio("german", "tree", closed="0")
    button(app, "Fold as at first").click().run()
    assert len(view(app)["nodes"]) > 1
    assert "Fold as at first" not in labels(app)


def test_the_slider_cuts_the_tree_and_says_what_it_costs(studio, analysed):
    app = studio("german", "tree", node=2)
    app.sidebar.slider[0].set_value(4).run()
    assert not app.exception
    found = analysed("german")
    assert metric(app, "Leaves") == "4"
    ends = [node for node in view(app)["nodes"] if node["kind"] == "leaf"]
    assert len(ends) == 4
    cut = found.cut(4)
    assert metric(app, "Fidelity") == f"{cut.agrees.mean():.1%}"
    path = found.sizes.validation
    lost = 100 * (path[3] - path[-1])
    assert app.metric[0].delta == f"{lost:+.1f} points against {len(path)} leaves"
    # Node 2 of the other tree is not node 2 of this one.
    assert heading(app) == "Node 0"
    assert not app.warning


def test_rows_of_a_node_are_rows_of_the_whole_run(studio, analysed):
    app = studio("german", "tree", size=4, node=1)
    cut = analysed("german").cut(4)
    facts = node_facts(cut, look_of(cut.model, "test"), 1)
    numbers = {f"Row {number + 1:,}" for number in cut.numbers[facts.rows].tolist()}
    shown = {label for label in links(app) if label.startswith("Row ")}
    assert shown
    assert shown <= numbers


def test_boosted_trees_one_at_a_time(studio, analysed):
    app = studio("connect4", "tree", tree=2)
    found = analysed("connect4")
    assert view(app)["label"].startswith(f"Tree 2 of {found.form.n_trees}")
    tree = found.form.tree(1)
    assert metric(app, "Leaves") == str(tree.n_leaves)
    app.main.number_input[0].set_value(3).run()
    assert view(app)["label"].startswith("Tree 3 of")


def test_a_linear_student_has_no_tree(studio):
    app = studio("cancer_linear", "tree")
    assert "no tree" in app.info[0].value
    assert "Go to Effects" in links(app)


def test_the_text_says_what_the_picture_says(studio, analysed):
    app = studio("german", "tree")
    tree = analysed("german").tree
    assert app.code[0].value.count(" (#") == tree.n_leaves
    assert [one.label for one in app.get("download_button")] == [
        "Download this diagram as SVG",
        "Download this diagram as PNG",
    ]
