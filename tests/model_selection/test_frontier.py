"""Many students: chosen on some rows, reported on others, fitted to neither."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression as Foreign, LogisticRegression

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier
from interpretkd.metrics import accuracy, agreement, fidelity, r2
from interpretkd.model_selection import (
    Budget,
    Frontier,
    FrontierPoint,
    _progress,
    frontier,
)
from interpretkd.model_selection._candidates import _default_candidates
from interpretkd.model_selection._frontier import _marked
from interpretkd.model_selection._partition import _EvaluationRows, partition
from interpretkd.models import items_of
from interpretkd.runs import load, save
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent, PruningPath
from interpretkd.teachers import CachedTeacher, as_teacher

STUDENTS = {
    "tree": [CartStudent(n, search="greedy") for n in (2, 4, 8)],
    "boosted": BoostedStudent(max_leaves=8),
    "linear": [LinearStudent(max_terms=n) for n in (1, 3)],
    "points": LinearStudent(max_terms=3, points=True),
}
FAST: Any = {"target": "soft", "transfer": None, "random_state": 0}


@pytest.fixture(scope="module")
def found(german: Any, german_teacher: Any) -> Frontier:
    X, y = german.data.iloc[::2], german.target[::2]
    return frontier(FrozenEstimator(german_teacher), X, y, students=STUDENTS, **FAST)


def test_what_is_reported_is_measured_on_the_test_rows(
    found: Frontier, german: Any
) -> None:
    X, y = german.data.iloc[::2], german.target[::2]
    test, validation = found.test_rows, found.validation_rows
    frame = found.to_frame()
    assert len(frame) == len(found) == 7
    for model, row in zip(found.models, frame.itertuples(), strict=True):
        known = fidelity(model, X.iloc[test])
        assert (row.fidelity, row.fidelity_low, row.fidelity_high) == (
            *(known.value, known.low, known.high),
        )
        right = accuracy(y[test], model.predict(X.iloc[test]))
        assert (row.accuracy, row.accuracy_low, row.accuracy_high) == (
            *(right.value, right.low, right.high),
        )
        decided = model.baseline_logits(X.iloc[test]).argmax(axis=1)
        baseline = (model.classes_[decided] == y[test]).mean()
        assert row.baseline_accuracy == pytest.approx(baseline)
        assert row.validation_fidelity == fidelity(model, X.iloc[validation]).value
        assert row.n_parameters == model.n_parameters
    parts = (found.train_rows, validation, test)
    assert sorted(np.concatenate(parts)) == list(range(len(X)))
    assert [round(len(part) / len(X), 2) for part in parts] == [0.55, 0.2, 0.25]


def test_what_is_chosen_is_chosen_on_the_validation_rows(found: Frontier) -> None:
    frame = found.to_frame()
    score, items = frame["validation_fidelity"], frame["items"]
    for row in frame.itertuples():
        beaten = (score >= row.validation_fidelity) & (items <= row.items)
        strictly = beaten & ((score > row.validation_fidelity) | (items < row.items))
        assert row.pareto == (not strictly.any())
    best = score.max()
    n = len(found.validation_rows)
    middle = (best * n + 2) / (n + 4)
    error = max(np.sqrt(middle * (1 - middle) / (n + 4)), (1 + 1e-9) / n)
    enough = score >= best - error
    chosen = frame[frame["recommended"]].iloc[0]
    assert chosen["items"] == items[enough].min()
    assert frame["recommended"].sum() == frame["knee"].sum() == 1
    assert frame.loc[frame["knee"], "pareto"].all()
    place = int(np.flatnonzero(frame["recommended"])[0])
    assert found.recommended is found.models[place]
    assert found.points[place].label in found.reason


def test_the_knee_is_that_of_a_pruning_path(found: Frontier) -> None:
    """With one student of every size both speak of the same curve."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3))
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5) + (X[:, 2] > 1)
    teacher = FrozenEstimator(RandomForestClassifier(30, random_state=0).fit(X, y))
    students = [CartStudent(n, search="greedy") for n in range(2, 14)]
    traced = frontier(teacher, X, students=students, **FAST)
    front = traced.to_frame().query("pareto")
    validation = as_teacher(teacher).logits(X[traced.validation_rows]).argmax(axis=1)
    start = np.bincount(validation).max() / len(validation)
    height = np.array([start, *front["validation_fidelity"]])
    items = np.array([1, *front["items"]])
    size = np.arange(1, items[-1] + 1)
    score = height[np.searchsorted(items, size, side="right") - 1]
    path = PruningPath(_any_tree(), score, None, None, ())
    knee = front.loc[front["knee"], "items"].iloc[0]
    assert path.choose("knee") == knee


def _any_tree() -> Any:
    X = np.arange(4.0)[:, None]
    return CartStudent(2, search="greedy").fit(X, X[:, 0]).tree_


def test_test_labels_are_not_used(german: Any, german_teacher: Any) -> None:
    data, target = german.data, german.target
    X, y, X_test = data.iloc[:300], target[:300], data.iloc[300:500]
    students = [CartStudent(4, search="greedy"), BoostedStudent(max_leaves=8)]

    def run(y_test: Any, rows: Any = X_test) -> Frontier:
        teacher = FrozenEstimator(german_teacher)
        given = {"students": students, "X_test": rows, "y_test": y_test}
        return frontier(teacher, X, y, **given, **FAST)

    one, two = run(target[300:500]), run(target[300:500][::-1])
    for a, b in zip(one.models, two.models, strict=True):
        np.testing.assert_array_equal(a.logits(data), b.logits(data))
    frames = one.to_frame(), two.to_frame()
    measured = ["accuracy", "accuracy_low", "accuracy_high", "baseline_accuracy"]
    pd.testing.assert_frame_equal(*(f.drop(columns=measured) for f in frames))
    assert (frames[0]["accuracy"] != frames[1]["accuracy"]).any()
    three = run(target[300:500], X_test.iloc[::-1])
    for a, b in zip(one.models, three.models, strict=True):
        np.testing.assert_array_equal(a.logits(data), b.logits(data))
    assert len(one.test_rows) == 0
    assert one.n_test == 200
    unlabelled = run(None)
    assert unlabelled.to_frame()["accuracy"].isna().all()
    assert unlabelled.teacher_accuracy is None


def test_the_same_seed_gives_the_same_frontier() -> None:
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    students = [CartStudent(4), BoostedStudent(max_leaves=8)]

    def run(seed: int) -> Frontier:
        return frontier(
            teacher, X, y, students=students, target="soft", random_state=seed
        )

    one, two, other = run(0), run(0), run(1)
    pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())
    assert not np.array_equal(one.test_rows, other.test_rows)
    assert one.reason == two.reason


class Counting(ClassifierMixin, BaseEstimator):
    """A teacher that counts how many rows it is asked about."""

    def fit(self, X: Any, y: Any) -> Any:
        self.inner_ = LogisticRegression(max_iter=1000).fit(X, y)
        self.classes_ = self.inner_.classes_
        self.asked_: list[int] = []
        self.fits_ = getattr(self, "fits_", 0) + 1
        return self

    def predict_proba(self, X: Any) -> Any:
        self.asked_.append(len(X))
        return self.inner_.predict_proba(X)


def test_a_teacher_is_asked_once_about_the_same_rows() -> None:
    X, y = load_iris(return_X_y=True)
    teacher = Counting().fit(X, y)
    students = [CartStudent(n, search="greedy") for n in (2, 3, 4, 5)]
    found = frontier(FrozenEstimator(teacher), X, y, students=students, **FAST)
    parts = (found.train_rows, found.validation_rows, found.test_rows)
    assert sorted(teacher.asked_) == sorted(map(len, parts))
    assert found.recommended.teacher_.estimator is teacher


def test_an_unfitted_teacher_is_fitted_once_and_never_to_rows_kept_apart() -> None:
    X, y = load_iris(return_X_y=True)
    students = [CartStudent(n, search="greedy") for n in (2, 3, 4)]
    found = frontier(Counting(), X, y, students=students, **FAST)
    handles = {id(model.teacher_.estimator) for model in found.models}
    assert len(handles) == 1
    model = found.recommended
    assert isinstance(model.teacher, Counting)
    again = DistilledClassifier(
        Counting(),
        model.student,
        target="soft",
        transfer=None,
        random_state=model.random_state,
    ).fit(X[found.train_rows], y[found.train_rows])
    np.testing.assert_array_equal(
        again.teacher_.estimator.inner_.coef_, model.teacher_.estimator.inner_.coef_
    )
    np.testing.assert_array_equal(again.logits(X), model.logits(X))


def test_the_default_students_of_a_regression_keep_within_the_budget() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    teacher = FrozenEstimator(RandomForestRegressor(20, random_state=0).fit(X, y))
    budget = {"max_rules": 12, "max_depth": 3, "max_terms": 4}
    found = frontier(teacher, X, y, random_state=0, transfer=None, **budget)
    frame = found.to_frame()
    assert set(frame["student"]) == {"tree", "boosted", "linear", "points"}
    for model, row in zip(found.models, frame.itertuples(), strict=True):
        form = model.student_.form_
        if row.unit == "leaves":
            assert row.size == form.n_leaves <= 12
            assert form.nodes.depths.max() <= 3
            assert row.items == len(form.nodes.feature)
        else:
            assert row.size == len(form.features) <= 4
            assert row.items == np.count_nonzero(form.coefficients) + 1
        known = r2(teacher.predict(X), model.logits(X), "regression")
        assert known.n == len(X)
        own = fidelity(model, X.iloc[found.test_rows])
        assert row.fidelity == own.value
        truth = r2(
            y.iloc[found.test_rows],
            model.predict(X.iloc[found.test_rows]),
            "regression",
        )
        assert row.accuracy == truth.value
    linear = frame[frame["student"] == "linear"]
    assert linear["size"].tolist() == sorted(set(linear["size"]))
    for model in np.asarray(found.models, dtype=object)[linear.index]:
        assert model.student.max_terms == model.student_.max_terms
        assert len(model.student_.linear_.features) <= model.student.max_terms
        assert model.student_.path_ is not None
    assert "R2" in str(found)


def test_students_over_the_budget_are_left_out(
    german: Any, german_teacher: Any
) -> None:
    X, y = german.data.iloc[:300], german.target[:300]
    teacher = FrozenEstimator(german_teacher)
    given = {"students": STUDENTS, **FAST}
    found = frontier(teacher, X, y, max_rules=4, max_terms=1, **given)
    assert found.to_frame()["size"].tolist() == [2, 4, 1]
    assert len(found.left_out) == 4
    assert "Over the budget: tree, 8 leaves; boosted" in str(found)
    shallow = frontier(teacher, X, y, max_depth=1, **given)
    trees = shallow.to_frame().query("student == 'tree'")
    assert trees["size"].tolist() == [2]
    with pytest.raises(InputError, match=r"within the budget. Tried: tree, 8 leaves."):
        frontier(
            teacher,
            X,
            y,
            max_rules=2,
            students=[CartStudent(8, search="greedy")],
            **FAST,
        )


def test_the_default_candidates_use_up_their_budget() -> None:
    def sizes(family: str, **bounds: int) -> list[int]:
        found = _default_candidates(7, Budget(**bounds))
        chosen = [one.student for one in found if one.family == family]
        name = "max_leaves" if family in ("tree", "boosted") else "max_terms"
        return [getattr(student, name) for student in chosen]

    assert sizes("tree") == sizes("boosted") == [4, 8, 16, 32, 64, 128]
    assert sizes("tree", max_rules=20) == [4, 8, 16, 20]
    assert sizes("tree", max_depth=3) == [4, 8]
    assert sizes("tree", max_rules=200)[-1] == 200
    assert sizes("linear") == [7]
    assert sizes("points") == [3, 5, 7]
    assert sizes("points", max_terms=2) == [2]
    (path,) = (e for e in _default_candidates(7, Budget()) if e.family == "linear")
    assert path.terms == (1, 2, 3, 5, 7)


def test_larger_trees_are_not_tried_when_a_smaller_one_is_pure() -> None:
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    found = frontier(teacher, X, y, max_terms=2, **{**FAST, "target": "hard"})
    trees = found.to_frame().query("student == 'tree'")
    assert trees["size"].is_monotonic_increasing
    assert len(trees) < 6
    assert found.to_frame()["student"].nunique() == 4


def test_other_regressors_take_part_without_a_size(found: Frontier) -> None:
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    students = [Foreign(), CartStudent(3, search="greedy")]
    frame = frontier(teacher, X, students=students, **FAST).to_frame()
    assert frame["student"].tolist() == ["LinearRegression", "tree"]
    assert frame["size"].isna().tolist() == [True, False]
    assert frame["pareto"].tolist() == [False, True]
    assert frame["baseline_accuracy"].isna().all()
    alone = frontier(teacher, X, y, students=[Foreign()], **FAST)
    assert alone.recommended is alone.knee
    assert "LinearRegression: the most faithful" in alone.reason


def test_labels_are_compared_as_whole_rows() -> None:
    X, y = load_iris(return_X_y=True)
    labels = np.column_stack([y > 0, y > 1]).astype(int)
    forest = RandomForestClassifier(20, random_state=0).fit(X[::2], labels[::2])
    students = [CartStudent(n, search="greedy") for n in (2, 4)]
    found = frontier(FrozenEstimator(forest), X, labels, students=students, **FAST)
    test = found.test_rows
    for model, row in zip(found.models, found.to_frame().itertuples(), strict=True):
        said = as_teacher(forest).logits(X[test])
        known = agreement(said, model.logits(X[test]), "multilabel")
        assert row.fidelity == known.value
        right = (model.predict(X[test]) == labels[test]).all(axis=1).mean()
        assert row.accuracy == right


def test_the_recommended_model_can_be_saved(found: Frontier, tmp_path: Any) -> None:
    from interpretkd.datasets import load_german_credit

    german = load_german_credit()
    X, y = german.data.iloc[::2], german.target[::2]
    test = found.test_rows
    for i, model in enumerate(found.models):
        path = tmp_path / str(i)
        save(model, path, X.iloc[test], y[test])
        again = load(path)
        np.testing.assert_array_equal(again.logits(X), model.logits(X))


def test_items_are_what_a_reader_reads(found: Frontier) -> None:
    for model in found.models:
        form = model.student_.form_
        if hasattr(form, "coefficients"):
            difference = form.coefficients[:, 1] - form.coefficients[:, 0]
            expected = np.count_nonzero(difference) + 1
        else:
            expected = int((~form.nodes.is_leaf).sum()) + form.n_leaves
        assert items_of(model, form) == expected


def test_text_and_tables(found: Frontier) -> None:
    text = str(found)
    assert text.count("recommended") == 1
    assert f"Recommended: {found.reason}" in text
    assert "the teacher's" in text
    assert found._repr_html_().count("<tr>") == len(found) + 1
    assert repr(found) == "Frontier(7 students)"
    frame = found.to_frame()
    expected = ["student", "size", "unit", "items", "n_parameters"]
    for name in ("fidelity", "accuracy"):
        expected += [name, f"{name}_low", f"{name}_high"]
    expected += ["baseline_accuracy", "validation_fidelity"]
    assert list(frame.columns) == [*expected, "pareto", "knee", "recommended"]


def test_hostile_family_names_stay_text() -> None:
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    name = '<img src=x onerror=alert(1)>"\n|=1+1 \u202e'
    students = {name: CartStudent(3, search="greedy")}
    found = frontier(teacher, X, y, students=students, **FAST)
    assert found.to_frame()["student"].tolist() == [name]
    assert "<img" not in found._repr_html_()
    assert "\u202e" not in str(found) + found._repr_html_()
    assert len(str(found).splitlines()) == 5


def test_progress_is_shown_when_asked(capsys: Any) -> None:
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    students = [CartStudent(3, search="greedy")]
    frontier(teacher, X, y, students=students, verbose=True, **FAST)
    shown = capsys.readouterr()
    assert "tree" in shown.err
    assert shown.out == ""
    frontier(teacher, X, y, students=students, **FAST)
    assert capsys.readouterr().err == ""


def test_rows_are_divided_with_their_classes_and_rare_categories() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"home": ["rare", *rng.choice(["a", "b"], 99)], "n": range(100)})
    y = np.repeat([0, 1], [90, 10])
    parts = partition(X, y, seed=0)
    assert y[parts.test_rows].sum() == y[parts.validation_rows].sum() == 2
    for rows in (parts.train, parts.validation, parts.test):
        assert list(rows["home"].cat.categories) == ["a", "b", "rare"]
    y[:30] = np.repeat(np.arange(2, 32), 1)  # classes of one row cannot be divided
    assert len(partition(X, y, seed=0).test_rows) == 25


def test_cached_logits_are_those_of_the_same_rows() -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    teacher = Counting().fit(X, y)
    asked = CachedTeacher(as_teacher(teacher))
    first = asked.logits(X)
    first[:] = 0  # what a caller does with an answer is its own affair
    np.testing.assert_array_equal(asked.logits(X), as_teacher(teacher).logits(X))
    assert len(teacher.asked_) == 2
    asked.logits(X.iloc[::-1])
    asked.logits(X.set_axis(list(X.columns[::-1]), axis=1).iloc[:, ::-1])
    assert len(teacher.asked_) == 4


def test_what_cannot_be_used_is_refused() -> None:
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    for name, value in (
        *(("max_rules", 1), ("max_depth", 0), ("max_terms", 0)),
        *(("test_size", 1.0), ("validation_size", 0), ("verbose", 1)),
    ):
        with pytest.raises(InputError, match=f"'{name}' parameter of frontier"):
            frontier(teacher, X, y, **{name: value})
    for students in ([], {}, "tree", 3, [3], {"a": [None]}):
        with pytest.raises(InputError, match="'students' parameter of frontier"):
            frontier(teacher, X, y, students=students)
    with pytest.raises(InputError, match="needs the rows X_test"):
        frontier(teacher, X, y, y_test=y)
    with pytest.raises(InputError, match="too few rows"):
        frontier(teacher, X[:2], y[:2])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        frontier(teacher, X, y, X_test=X[:5], y_test=y[:4])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        frontier(teacher, X, y[:-1])
    with pytest.raises(ValueError, match="requires y to be passed"):
        frontier(LogisticRegression(), X)


@given(
    n=st.integers(10, 2000),
    wrong=st.integers(0, 1),
    small=st.integers(2, 20),
)
def test_no_size_is_bought_for_one_row(n: int, wrong: int, small: int) -> None:
    """Agreement on all rows has an error, too: the 49th may differ."""
    teacher = np.eye(2)[np.zeros(n, dtype=int)]
    rows = _EvaluationRows(None, teacher)

    def point(n_wrong: int, items: int) -> Any:
        logits = teacher.copy()
        logits[:n_wrong] = [0.0, 1.0]
        return FrontierPoint(
            *("tree", None, items, "leaves", items, items),
            *(None, None, None),
            rows.fidelity(logits, "multiclass").value,
            rows.standard_error(logits, "multiclass"),
        )

    found = _marked([point(wrong + 1, small), point(wrong, small + 10)], 0.5)
    assert [p.recommended for p in found] == [True, False]
    assert 0 < found[1].standard_error < 1.1 * np.sqrt(2) / n + 1 / n


def test_a_quick_search_shares_the_target_within_a_family(german: Any) -> None:
    X, y = german.data.iloc[:240], german.target[:240]
    students = {
        "tree": [CartStudent(n, search="greedy") for n in (2, 4, 8)],
        "linear": LinearStudent(max_terms=2),
    }
    teacher = RandomForestClassifier(5, random_state=0)
    numeric = X.select_dtypes("number")
    settings: Any = {"students": students, "transfer": None, "random_state": 0}
    quick = frontier(teacher, numeric, y, effort="quick", **settings)
    whole = frontier(teacher, numeric, y, **settings)
    tried = [len(model.trials_) > 0 for model in quick.models]
    assert tried == [False, True, False, True]
    assert len({model.target_ for model in quick.models[:3]}) == 1
    assert all(model.trials_ for model in whole.models)
    first, second = (found.models[1].logits(numeric) for found in (quick, whole))
    np.testing.assert_array_equal(first, second)  # the middle one chose as before
    with pytest.raises(InputError, match="'effort' parameter of frontier"):
        frontier(teacher, numeric, y, effort="lazy", **settings)
    small = _default_candidates(5, Budget(), "quick")
    assert 2 * len(small) <= len(_default_candidates(5, Budget())) + 3


def test_what_it_will_take_is_said_beforehand(
    caplog: Any, capsys: Any, monkeypatch: Any
) -> None:
    X, y = load_iris(return_X_y=True)
    students = [CartStudent(n, search="greedy") for n in (2, 3, 4)]
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    frontier(teacher, X, y, students=students, **FAST)
    assert not caplog.records  # that is short
    monkeypatch.setattr(_progress, "_LONG", 0.0)
    frontier(teacher, X, y, students=students, **FAST)
    (record,) = caplog.records
    assert "2 further students, about 1 second, judging" in record.getMessage()
    frontier(teacher, X, y, students=students, verbose=True, **FAST)
    told = capsys.readouterr()
    assert "2 further students" in told.err
    assert not told.out
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("teacher", "X", "message"),
    [
        ("x", [[0.0, 1.0]], "'teacher' parameter of frontier .* Got 'x'"),
        (None, [[0.0, 1.0]], "'teacher' parameter of frontier .* Got None"),
        (LogisticRegression(), None, "'X' parameter of frontier .* Got None"),
        (LogisticRegression(), 3, "'X' parameter of frontier .* Got 3"),
        (LogisticRegression(), "data.csv", "'X' parameter of frontier .* Got 'data"),
    ],
)
def test_what_is_no_teacher_and_no_rows(teacher: Any, X: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        frontier(teacher, X, None)
