import shutil

import pytest
from sklearn.frozen import FrozenEstimator

from interpretkd.datasets import load_german_credit
from interpretkd.distillation import DistilledClassifier
from interpretkd.evaluation import chart_sizes, compare
from interpretkd.runs import analyse_run, load_run, save, saved_run
from interpretkd.students import LinearStudent
from interpretkd.studio import RUNS


@pytest.fixture(scope="module")
def weighted(make_run, tmp_path_factory):
    """Return a run with a linear student of the teacher of "german"."""
    kept = load_run(make_run("german"))
    rows = load_german_credit().data.iloc[:500]
    teacher = FrozenEstimator(kept.model.teacher_.estimator)
    model = DistilledClassifier(teacher, LinearStudent(max_terms=5), random_state=0)
    path = tmp_path_factory.mktemp("weighted") / "weighted"
    return save(model.fit(rows), path, kept.evaluation.X, kept.evaluation.y)


@pytest.fixture
def runs(tmp_path, make_run, weighted):
    """Return a runs folder with a run that fits "german" and one that does not."""
    shutil.copytree(weighted, tmp_path / "runs" / "weighted")
    shutil.copytree(make_run("hostile"), tmp_path / "runs" / "hostile")
    return tmp_path / "runs"


def _metrics(app):
    return {metric.label: metric.value for metric in app.metric}


def _box(app, key):
    return next(box for box in app.selectbox if box.key == key)


def test_one_run_shows_the_sizes_of_its_tree(studio, make_run):
    app = studio("german", "compare", cuts="true")
    assert not app.exception
    whole = analyse_run(load_run(make_run("german")))
    found = compare({"german": whole}, sizes={"german": chart_sizes(whole.sizes)})
    table = app.dataframe[0].value
    assert table["Student"].tolist() == [one.name for one in found.students]
    assert table["Fidelity"].tolist() == [f"{one:.1%}" for one in found.fidelity]
    assert _metrics(app)["Fidelity"] == f"{found.fidelity[0].value:.1%}"
    assert f"{found.n_rows:,} of the held" in "".join(
        caption.value for caption in app.caption
    )
    assert not app.multiselect


def test_without_sizes_all_rows_are_used(studio, make_run):
    app = studio("german", "compare", cuts="false")
    whole = analyse_run(load_run(make_run("german")))
    assert _metrics(app)["Fidelity"] == f"{whole.evaluation.student.fidelity.value:.1%}"
    assert app.info[0].value.startswith("Make other students")
    assert len(app.dataframe[0].value) == 1


@pytest.mark.parametrize(
    "run", ["connect4", "digits_linear", "regression_boosted", "multilabel", "hostile"]
)
def test_other_kinds_of_run_have_their_own_measures(studio, make_run, run):
    app = studio(run, "compare")
    assert not app.exception
    whole = analyse_run(load_run(make_run(run)))
    first = app.dataframe[0].value.iloc[0]
    form = ".1%" if whole.has_classes else ".3f"
    name = "Fidelity" if whole.has_classes else "Fidelity (R2)"
    assert first[name] == format(whole.evaluation.student.fidelity, form)
    assert app.info
    assert bool(app.toggle) == (whole.sizes is not None)


@pytest.mark.parametrize(
    ("run", "size"),
    [("german", None), ("german", 3), ("connect4", None), ("regression", None),
     ("regression", 3), ("multilabel", None), ("digits_linear", None)],
)  # fmt: skip
def test_it_tells_the_figures_of_the_overview(studio, run, size):
    """Of the same rows, beside the same baseline."""
    given = {} if size is None else {"size": size}
    overview, here = (studio(run, page, **given) for page in ("overview", "compare"))
    figures = [
        {
            name: value
            for name, value in _metrics(app).items()
            if "cc" in name or "Fid" in name
        }
        for app in (overview, here)
    ]
    figures[0] = {n: value for n, value in figures[0].items() if "teacher" not in n}
    assert figures[0] == figures[1]
    assert len(figures[0]) == 3
    n_rows = next(c.value for c in overview.caption if c.value.startswith("On "))
    said = next(c.value for c in here.caption if c.value.startswith("Everything here"))
    assert n_rows.split()[1] in said.split()


def test_runs_of_the_same_rows_stand_beside_it_at_first(studio, runs):
    app = studio("german", "compare")
    assert not app.exception
    weighted = saved_run(runs / "weighted")
    assert app.multiselect[0].value == [weighted.key]
    table = app.dataframe[0].value
    assert (
        table["Family" if "Family" in table else "Student"]
        .iloc[-1]
        .startswith("weighted (linear, ")
    )
    assert _box(app, "first").value == 0
    assert _box(app, "second").value == len(table) - 1


def test_two_students_are_compared_row_by_row(studio, runs, make_run):
    app = studio("german", "compare", cuts="false")
    found = compare(
        {
            "german": analyse_run(load_run(make_run("german"))),
            "weighted": analyse_run(load_run(runs / "weighted")),
        }
    )
    pair = found.pair(0, 1)
    tests = app.dataframe[1].value
    assert tests["p"].tolist() == [pair.fidelity.p_text, pair.accuracy.p_text]
    assert tests["Only the first right"].tolist()[0] == pair.fidelity.only_first
    said = " ".join(text.value for text in app.markdown)
    assert f"{100 * pair.agreement.value:.1f}%"[:-1].replace(".", "\\.") in said
    _box(app, "second").set_value(0).run()
    assert app.info[0].value == "Choose two different students."


def test_slices_follow_the_column(studio, runs, make_run):
    app = studio("german", "compare", slice_by="housing", cuts="false")
    found = compare({"german": analyse_run(load_run(make_run("german")))})
    expected = found.slices("housing", [0])
    table = app.dataframe[2].value
    assert table["Slice"].tolist() == expected["slice"].tolist()
    assert table["Rows"].tolist() == expected["n"].tolist()
    assert table.iloc[:, 2].tolist() == expected["fidelity"].tolist()
    assert table.shape[1] == 4


def test_what_does_not_fit_is_left_out_with_the_reason(studio, runs):
    app = studio("german", "compare")
    options = app.multiselect[0].options
    hostile = next(name for name in options if name.startswith("hostile"))
    app.multiselect[0].set_value(
        [saved_run(runs / "hostile").key, saved_run(runs / "weighted").key]
    ).run()
    assert hostile
    assert not app.exception
    assert "other columns" in app.error[0].value
    assert app.dataframe[0].value["Student"].iloc[-1].startswith("weighted")


def test_the_address_sets_what_is_looked_at(studio, runs):
    app = studio("german", "compare", measured="accuracy", sized="bytes")
    places = _box(app, "student").options
    assert app.radio[0].value == "accuracy"
    assert app.radio[1].value == "bytes"
    again = studio("german", "compare", student=places[-1])
    assert _box(again, "student").value == len(places) - 1
    assert (
        again.dataframe[0]
        .value["Fidelity"]
        .iloc[-1]
        .startswith(_metrics(again)["Fidelity"])
    )


def test_a_bad_address_changes_nothing(studio, runs):
    app = studio(
        "german",
        "compare",
        student="99",
        slice_by="<b>",
        measured="?",
        **{"with": "../../etc"},
    )
    assert not app.exception
    assert _box(app, "student").value == 0


def test_a_size_is_opened(studio, monkeypatch, tmp_path):
    monkeypatch.setenv(RUNS, str(tmp_path))
    app = studio("german", "compare", cuts="true")
    box = _box(app, "student")
    place = next(i for i, name in enumerate(box.options) if "4 leaves" in name)
    box.set_value(place).run()
    button = next(b for b in app.button if b.key == "_open_this")
    button.click().run()
    assert not app.exception
    assert app.title[0].value != "Compare"
    assert app.sidebar.slider[0].value == 4


def test_the_size_of_the_sidebar_is_among_them_and_looked_at(studio, make_run):
    whole = analyse_run(load_run(make_run("german")))
    size = next(size for size in range(2, 12) if size not in chart_sizes(whole.sizes))
    app = studio("german", "compare", size=size)
    assert not app.exception
    table = app.dataframe[0].value
    assert f"german (tree, {size} leaves)" in table["Student"].tolist()
    assert f"{size} leaves" in _box(app, "student").options[_box(app, "student").value]
    fidelity = whole.cut(size).evaluation.student.fidelity
    assert _metrics(app)["Fidelity"] == f"{fidelity.value:.1%}"
