import json

import pytest

from interpretkd._base import counted
from interpretkd.evaluation import ConfusionDisplay, ResidualDisplay
from interpretkd.runs import analyse_run, load_run


@pytest.fixture
def analysed(make_run):
    return lambda name: analyse_run(load_run(make_run(name)))


def metrics(app):
    return {one.label: one.value for one in app.metric}


def charts(app):
    return [json.loads(chart.proto.spec) for chart in app.get("vega_lite_chart")]


def chart(app, words):
    return next(spec for spec in charts(app) if words in spec["description"])


def frames(app):
    return [one.value for one in app.dataframe]


@pytest.mark.parametrize("run", ["german", "connect4", "digits_linear", "multilabel"])
def test_the_figures_are_those_of_the_library(studio, analysed, run):
    app = studio(run, "overview")
    measured = analysed(run).evaluation
    shown = metrics(app)
    assert shown["Fidelity"] == f"{measured.student.fidelity.value:.1%}"
    for who in ("teacher", "student", "baseline"):
        accuracy = getattr(measured, who).accuracy
        assert shown[f"Accuracy of the {who}"] == f"{accuracy.value:.1%}"
    low, high = measured.student.fidelity.low, measured.student.fidelity.high
    assert app.metric[0].delta == f"{low:.1%} to {high:.1%}"
    assert measured.verdict[:12] in app.info[0].value
    score = measured.distillation_score["bytes"]
    assert shown["Distillation score"] == ("n/a" if score is None else f"{score:.3f}")


@pytest.mark.parametrize("run", ["regression", "regression_boosted"])
def test_values_have_r2_and_a_figure_of_differences(studio, analysed, run):
    app = studio(run, "overview")
    found = analysed(run)
    fidelity = found.evaluation.student.fidelity
    assert metrics(app)["Fidelity (R2)"] == f"{fidelity.value:.3f}"
    assert chart(app, ResidualDisplay.from_analysis(found).alt)
    assert not app.get("selectbox")[1:2] or app.main.selectbox[0].label.startswith(
        "Cut"
    )


@pytest.mark.parametrize(
    ("run", "names"),
    [
        ("german", {"Leaves", "Tests deep", "Columns used"}),
        ("connect4", {"Trees", "Leaves", "Columns used"}),
        ("cancer_linear", {"Numbers held", "Columns used"}),
    ],
)
def test_sizes_are_those_of_the_family(studio, analysed, run, names):
    shown = metrics(studio(run, "overview"))
    assert names <= set(shown)
    form = analysed(run).form
    assert shown["Numbers held"] == f"{form.n_parameters:,}"
    used = shown["Columns used"].split(" of ")
    assert 0 < int(used[0].replace(",", "")) <= int(used[1].replace(",", ""))


def test_the_columns_used_are_those_that_are_read(studio, analysed):
    shown = metrics(studio("cancer_linear", "overview"))
    assert shown["Columns used"].startswith(
        f"{len(analysed('cancer_linear').form.features)} of"
    )
    features = analysed("german").tree.nodes.feature
    shown = metrics(studio("german", "overview"))
    assert shown["Columns used"].startswith(f"{len(set(features[features >= 0]))} of")


@pytest.mark.parametrize("run", ["german", "digits", "multilabel", "hostile"])
def test_the_decisions_are_counted_as_the_library_does(studio, analysed, run):
    app = studio(run, "overview")
    shown = ConfusionDisplay.from_analysis(analysed(run))
    assert chart(app, shown.alt)
    table = next(frame for frame in frames(app) if "share" in frame)
    assert table["n_rows"].sum() == shown.data["n_rows"].sum()
    assert table["n_rows"].is_monotonic_decreasing


def test_the_pairs_are_the_cells_beside_the_diagonal(studio, analysed):
    app = studio("digits", "overview")
    data = ConfusionDisplay.from_analysis(analysed("digits")).data
    apart = data[(data["teacher"] != data["student"]) & (data["n_rows"] > 0)]
    pairs = app.main.selectbox[0]
    assert len(pairs.options) == len(apart)
    most = apart.loc[apart["n_rows"].idxmax()]
    assert pairs.options[0].endswith(f": {counted(most['n_rows'], 'row')}")


@pytest.mark.parametrize("run", ["german", "multilabel", "hostile", "regression"])
def test_the_button_leads_to_the_rows(studio, follow, run):
    app = studio(run, "overview")
    wanted = ("Show these rows", "Show the largest differences")
    links = [one.proto.label for one in app.get("page_link")]
    app = follow(app, next(label for label in links if label in wanted))
    assert not app.exception
    assert app.title[0].value == "Disagreements"


def test_the_link_says_which_rows(studio, follow):
    app = studio("german", "overview")
    text = app.main.selectbox[0].options[0]
    app = follow(app, "Show these rows")
    asked = app.query_params
    assert text.startswith(f"teacher {asked['teacher']}, student {asked['student']}: ")


def test_the_curve_marks_the_size_that_is_shown(studio):
    app = studio("german", "overview", size=5)
    spec = chart(app, "Fidelity against size")
    assert spec["description"].endswith("Shown now: 5 leaves.")
    assert metrics(app)["Leaves"] == "5"
    texts = [one.value for one in app.caption]
    assert any("The diamond is the size shown now: 5 leaves." in text for text in texts)


def test_no_curve_without_a_tree(studio):
    app = studio("cancer_linear", "overview")
    assert not [s for s in charts(app) if "against size" in s["description"]]


def test_slices_are_those_of_the_column(studio, analysed):
    app = studio("german", "overview", cut_by="housing")
    assert app.main.selectbox(key="cut_by").value == "housing"
    parts = analysed("german").slices("housing")
    table = next(frame for frame in frames(app) if "slice" in frame)
    assert table["n"].tolist() == parts["n"].tolist()
    assert "Fidelity by housing" in chart(app, "Fidelity by")["description"]


@pytest.mark.parametrize("column", ["nothing", "", "<b>", "0"])
def test_a_column_that_is_not_there_breaks_nothing(studio, column):
    app = studio("german", "overview", cut_by=column)
    assert not app.exception
    assert (
        app.main.selectbox(key="cut_by").value
        in app.main.selectbox(key="cut_by").options
    )


@pytest.mark.parametrize("run", ["german", "digits", "hostile", "regression"])
def test_every_figure_has_a_text(studio, run):
    app = studio(run, "overview")
    assert charts(app)
    assert all(len(spec["description"]) > 30 for spec in charts(app))


def test_where_a_run_comes_from_and_its_methods_are_told(studio, make_run):
    app = studio("german", "overview")
    assert not app.exception
    place = next(one for one in app.expander if one.label == "How it was made")
    facts = place.dataframe[0].value
    assert facts["which"].tolist() == ["german"]
    told = " ".join(text.value for text in place.markdown)
    for sentence in load_run(make_run("german")).model.recipe_:
        assert sentence.split(":")[0] in told
