import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.ensemble import RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB

from interpretkd._base import InputError
from interpretkd.data import replace_cells, spreads
from interpretkd.distillation import DistilledClassifier, DistilledRegressor, given_rows
from interpretkd.explain import explain_row
from interpretkd.explain._counterfactuals import _leaf_boxes, _nearest_rows
from interpretkd.explain._desired import _Desired
from interpretkd.explain._scale import _Scale
from interpretkd.models import ALL_NUMBERS
from interpretkd.runs import load_run, save
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.targets import Target
from tests.students.cart.small_trees import HOSTILE, SCHEMA, frame_of, new_tree

nan = np.nan
FLOAT32 = np.float32
GREEDY = CartStudent(12, search="greedy")
STUDENTS = (GREEDY, BoostedStudent(n_rounds=8, max_depth=3), LinearStudent())
TYPES = [type(student).__name__ for student in STUDENTS]
VALUES = Target("logits", task="regression")


@pytest.fixture(scope="module")
def german_models(german: Any, german_teacher: Any) -> list[Any]:
    return [
        DistilledClassifier(
            FrozenEstimator(german_teacher),
            student,
            target="soft",
            transfer=None,
            random_state=0,
        ).fit(german.data, german.target)
        for student in STUDENTS
    ]


@pytest.fixture(scope="module")
def iris_models() -> list[Any]:
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    return [
        DistilledClassifier(teacher, student, transfer=None, random_state=0).fit(X)
        for student in STUDENTS
    ]


@pytest.fixture(scope="module")
def regressors() -> list[Any]:
    X, y = load_diabetes(return_X_y=True)
    teacher = FrozenEstimator(RandomForestRegressor(10, random_state=0).fit(X, y))
    return [
        DistilledRegressor(teacher, student, transfer=None, random_state=0).fit(X)
        for student in STUDENTS
    ]


@pytest.fixture(scope="module")
def labellers() -> list[Any]:
    X, Y = make_multilabel_classification(200, 6, n_classes=3, random_state=0)
    fitted = MultiOutputClassifier(LogisticRegression(max_iter=1000)).fit(X, Y)
    return [
        DistilledClassifier(
            FrozenEstimator(fitted), student, transfer=None, random_state=0
        ).fit(X)
        for student in STUDENTS
    ]


def _plain_scale(n: int, frozen: frozenset[int] = frozenset()) -> _Scale:
    return _Scale(np.ones(n), np.zeros(n, bool), np.full(n, nan), frozen)


# Trees: nobody knows a nearer change.


def _grid(tree: Any, row: Any) -> Any:
    """All values of each feature that a tree of these tests can tell apart."""
    nodes, choices = tree.nodes, []
    for j, feature in enumerate(tree.schema.features):
        if feature.is_categorical:
            options = list(range(len(feature.categories)))
        else:
            cuts = nodes.threshold[(nodes.feature == j)]
            cuts = cuts[cuts < ALL_NUMBERS]
            options = [*cuts, *np.nextafter(cuts, FLOAT32(np.inf))]
            options = options or [FLOAT32(0)]
        choices.append([row[j], *options])
    return choices


def _cost(schema: Any, row: Any, other: Any) -> tuple[int, float]:
    count, size = 0, 0.0
    for feature, a, b in zip(schema.features, row, other, strict=True):
        if a == b or (math.isnan(a) and math.isnan(b)):
            continue
        count += 1
        plain = feature.is_categorical or math.isnan(a)
        size += 1 if plain else abs(float(b) - float(a))
    return count, size


AGES = st.sampled_from([-2.0, 0.5, 1.0, 2.5, 7.0])


def _tests() -> Any:
    def category(j: int) -> Any:
        n = len(SCHEMA.features[j].categories)
        sets = st.sets(st.integers(0, n - 1), max_size=n)
        return st.tuples(st.just(j), sets, st.booleans())

    numbers = st.tuples(st.sampled_from([0, 1]), AGES, st.booleans())
    return st.one_of(numbers, category(2), category(3), category(4))


TREES = st.recursive(
    st.just(None),
    lambda below: st.tuples(_tests(), below, below).map(lambda t: (*t[0], *t[1:])),
    max_leaves=7,
)
ROWS = st.tuples(
    st.sampled_from([nan, -3.0, 0.5, 0.75, 3.0, 9.0]),
    st.sampled_from([-3.0, 0.5, 0.75, 3.0, 9.0]),
    st.sampled_from([nan, 0.0, 1.0, 2.0]),
    st.sampled_from([0.0, 1.0]),
    st.sampled_from([0.0, 1.0, 2.0, 3.0]),
)


@given(TREES, ROWS, st.sets(st.integers(0, 4), max_size=2))
def test_no_change_into_another_leaf_is_nearer(
    nested: Any, cells: Any, fixed: set[int]
) -> None:
    tree = new_tree(nested)
    row = np.asarray(cells, dtype=FLOAT32)
    leaf = tree.nodes.apply(row[None])[0]
    desired = _Desired("regression", tree.value[leaf], at_least=0.5)
    scale = _plain_scale(5, frozenset(fixed))
    found = _nearest_rows(tree, VALUES, row, desired, scale, 1)
    grid = _grid(tree, row)
    for j in fixed:
        grid[j] = [row[j]]
    others = np.asarray(list(itertools.product(*grid)), dtype=FLOAT32)
    others = others[tree.nodes.apply(others) != leaf]
    if not found:
        assert not len(others)
        return
    changed = found[0].astype(FLOAT32)
    assert tree.nodes.apply(changed[None])[0] != leaf
    assert all(
        changed[j] == row[j] or j not in fixed or np.isnan(row[j]) for j in fixed
    )
    best = min(_cost(SCHEMA, row, other) for other in others)
    count, size = _cost(SCHEMA, row, changed)
    assert count == best[0]
    # A readable number may lie a hundredth of a spread beyond the threshold.
    assert best[1] - 1e-5 <= size <= best[1] + 0.0101 * count


@given(TREES, ROWS)
def test_a_row_lies_in_the_box_of_its_leaf_alone(nested: Any, cells: Any) -> None:
    tree = new_tree(nested)
    row = np.asarray([cells], dtype=FLOAT32)
    inside = [
        leaf
        for leaf, box in _leaf_boxes(tree.nodes).items()
        if all(condition.holds(row)[0] for condition in box.values())
    ]
    assert inside == tree.nodes.apply(row).tolist()


def test_no_value_is_taken_away() -> None:
    tree = new_tree((0, ALL_NUMBERS, False, None, None))
    known, gap = FLOAT32([3, 0, 0, 0, 0]), FLOAT32([nan, 0, 0, 0, 0])
    for row, serves in ((known, False), (gap, True)):
        leaf = tree.nodes.apply(row[None])[0]
        desired = _Desired("regression", tree.value[leaf], at_least=0.5)
        found = _nearest_rows(tree, VALUES, row, desired, _plain_scale(5), 1)
        assert bool(found) == serves


def test_values_across_a_threshold_are_readable_or_whole() -> None:
    tree = new_tree((1, 0.7499999403953552, False, None, None))
    for start, whole, expected in (
        (9.0, False, 0.74),
        (-1.0, False, 0.75),
        (9.0, True, 0),
        (-1.0, True, 1),
    ):
        row = FLOAT32([0, start, 0, 0, 0])
        leaf = tree.nodes.apply(row[None])[0]
        desired = _Desired("regression", tree.value[leaf], at_least=0.5)
        scale = _Scale(np.ones(5), np.full(5, whole), np.full(5, nan), frozenset())
        assert _nearest_rows(tree, VALUES, row, desired, scale, 1)[0][1] == expected


# Boosted and linear students: no single change is nearer.


@pytest.mark.parametrize("which", [1, 2])
def test_no_single_change_is_nearer(iris_models: Any, which: int) -> None:
    model = iris_models[which]
    X = load_iris().data
    units = X.std(axis=0)
    for i in (3, 70, 120):
        found = explain_row(model, X[i], X=X, n_counterfactuals=9).counterfactuals
        nearest = min(found, key=lambda one: one.size)
        assert len(nearest.changes) == 1
        own = model.predict(X[i : i + 1])[0]
        best = np.inf
        for j in range(4):
            steps = np.linspace(-12, 12, 4001) * units[j]
            rows = np.tile(X[i], (len(steps), 1))
            rows[:, j] = np.clip(X[i, j] + steps, X[:, j].min(), X[:, j].max())
            steps = rows[:, j] - X[i, j]
            crossings = np.abs(steps[model.predict(rows) != own]) / units[j]
            best = min(best, crossings.min(initial=np.inf))
        assert nearest.size <= best + 0.011
        assert nearest.size >= best - 0.007


# Every student, every task: the decision changes.


@pytest.mark.parametrize("which", range(3), ids=TYPES)
def test_counterfactuals_change_the_decision_and_nothing_else(
    german: Any, german_models: Any, which: int
) -> None:
    model, rows = german_models[which], german.data
    n_found = 0
    for i in range(0, 60, 6):
        found = explain_row(model, rows.iloc[i], X=rows, immutable=["credit_amount"])
        own = model.predict(rows.iloc[[i]])[0]
        assert found.prediction == own
        order = [
            (one.stands_alone, len(one.changes), one.size + 1 - one.plausibility)
            for one in found.counterfactuals
        ]
        assert order == sorted(order)
        for one in found.counterfactuals:
            n_found += 1
            assert model.predict(one.row)[0] == one.prediction != own
            told = model.teacher_.logits(one.row).argmax(axis=1)[0]
            assert model.classes_[told] == one.teacher_prediction
            same = one.teacher_prediction == one.prediction
            assert one.teacher_follows == same
            names = {change.feature for change in one.changes}
            assert "credit_amount" not in names
            for name in set(rows) - names:
                assert one.row[name].iloc[0] == rows[name].iloc[i]
            assert all(
                str(one.row[n].dtype) == str(rows[n].dtype)
                for n in rows
                if pd.api.types.is_integer_dtype(rows[n])
            )
    assert n_found >= 10


def test_the_way_through_the_tree(german: Any, german_models: Any) -> None:
    model, rows = german_models[0], german.data
    tree = model.tree_
    for i in range(5):
        found = explain_row(model, rows.iloc[[i]], X=rows, n_counterfactuals=0)
        leaf = tree.apply(given_rows(model, rows.iloc[[i]]))[0]
        assert found.leaf == leaf
        assert len(found.steps) == tree.nodes.depths[leaf]
        codes = tree.schema.encode(rows.iloc[[i]])[0]
        units = spreads(tree.schema, tree.schema.encode(rows))
        for step in found.steps:
            j = tree.nodes.feature[step.node]
            if tree.schema.features[j].is_categorical:
                assert step.margin is None
                continue
            margin = abs(float(codes[j]) - float(tree.nodes.threshold[step.node]))
            assert step.margin == pytest.approx(margin)
            assert step.relative_margin == pytest.approx(margin / units[j])
        assert found.counterfactuals == ()
        assert list(found.to_frame()["node"]) == [step.node for step in found.steps]


def test_without_rows_there_is_no_relative_margin(iris_models: Any) -> None:
    X = load_iris().data
    found = explain_row(iris_models[0], X[70])
    assert found.to_frame()["relative_margin"].isna().all()
    assert found.counterfactuals[0].plausibility is None
    assert found.counterfactuals[0].prediction != found.prediction


@pytest.mark.parametrize("which", range(3), ids=TYPES)
def test_values_move_as_far_as_asked(regressors: Any, which: int) -> None:
    model = regressors[which]
    X = load_diabetes().data
    found = explain_row(model, X[3], X=X, min_difference=20.0)
    assert found.agrees is None
    assert found.probability is None
    assert found.counterfactuals
    for one in found.counterfactuals:
        assert model.predict(one.row)[0] == one.prediction
        moved = one.prediction - found.prediction
        assert abs(moved) >= 20
        followed = one.teacher_prediction - found.teacher_prediction
        assert one.teacher_follows == (followed * np.sign(moved) >= 20)
    low, high = found.prediction + 15, found.prediction + 40
    within = explain_row(model, X[3], X=X, desired=(low, high))
    assert all(low <= one.prediction <= high for one in within.counterfactuals)
    assert within.counterfactuals
    already = explain_row(model, X[3], desired=(found.prediction - 1, np.inf))
    assert already.is_as_desired
    assert not already.counterfactuals
    assert "as desired already" in str(already)
    assert explain_row(model, X[3]).counterfactuals  # a difference of its own


@pytest.mark.parametrize("which", range(3), ids=TYPES)
def test_labels(labellers: Any, which: int) -> None:
    model = labellers[which]
    X, _ = make_multilabel_classification(200, 6, n_classes=3, random_state=0)
    found = explain_row(model, X[3], X=X)
    assert found.counterfactuals
    for one in found.counterfactuals:
        on = np.flatnonzero(model.predict(one.row)[0])
        assert tuple(on.tolist()) == one.prediction != found.prediction
    for one in explain_row(model, X[3], X=X, desired=[2]).counterfactuals:
        assert one.prediction == (2,)


@pytest.mark.parametrize("which", range(3), ids=TYPES)
def test_a_desired_class(iris_models: Any, which: int) -> None:
    X = load_iris().data
    found = explain_row(iris_models[which], X[70], X=X, desired=0)
    assert found.counterfactuals
    assert {one.prediction for one in found.counterfactuals} == {0}


def test_a_row_may_come_in_many_forms(german: Any, german_models: Any) -> None:
    model, frame = german_models[0], german.data
    texts = {
        str(explain_row(model, row))
        for row in (
            frame.iloc[5],
            frame.iloc[[5]],
            frame.iloc[5].to_dict(),
            frame.iloc[5].to_numpy(dtype=object),
            frame.iloc[5][::-1],
        )
    }
    assert len(texts) == 1


@pytest.mark.parametrize("student", STUDENTS, ids=TYPES)
def test_gaps_dates_and_booleans(student: Any) -> None:
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 300), "D")
    frame = pd.DataFrame(
        {
            "since": days,
            "smoker": rng.random(300) < 0.5,
            "dose": np.where(rng.random(300) < 0.2, nan, rng.normal(size=300)),
        }
    )
    late = (frame["since"] > pd.Timestamp("2021-05-05")).to_numpy()
    decided = late ^ (frame["smoker"].to_numpy() & (frame["dose"] > 0).to_numpy())
    teacher = _Remembered(decided)
    model = DistilledClassifier(teacher, student, transfer=None, random_state=0)
    model.fit(frame)
    touched = set()
    for i in range(0, 40, 4):
        found = explain_row(model, frame.iloc[i], X=frame)
        for one in found.counterfactuals:
            assert model.predict(one.row)[0] == one.prediction != found.prediction
            touched |= {change.feature for change in one.changes}
            assert one.row["since"].dtype.kind == "M"
    assert "since" in touched
    text = str(explain_row(model, {"since": days[0], "smoker": True, "dose": None}))
    assert "dose = missing" in text or type(student) is CartStudent


@dataclass
class _Remembered:
    """A rule of its own: late, or smoking; a teacher without a library."""

    decided: Any
    classes_ = np.asarray([False, True])
    n_parameters = size_bytes = None

    def fit(self, X: Any, y: Any) -> Any:
        return self

    def get_params(self, deep: bool = True) -> Any:
        return {"decided": self.decided}

    def __sklearn_clone__(self) -> Any:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        return LogisticRegression().__sklearn_tags__()

    def predict_proba(self, X: Any) -> Any:
        late = (X["since"] > pd.Timestamp("2021-05-05")).to_numpy()
        on = late ^ ((X["smoker"] == True).to_numpy() & (X["dose"] > 0).to_numpy())  # noqa: E712
        return np.where(on[:, None], [0.1, 0.9], [0.9, 0.1])


def test_an_absent_teacher_is_not_asked(tmp_path: Any) -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    teacher = FrozenEstimator(GaussianNB().fit(X, y))
    model = DistilledClassifier(teacher, GREEDY, transfer=None, random_state=0).fit(X)
    save(model, tmp_path / "run", X[::2], y[::2])
    run = load_run(tmp_path / "run")
    row, logits = run.evaluation.X.iloc[[5]], run.evaluation.teacher_logits[5]
    found = explain_row(run.model, row, teacher_logits=logits)
    assert found.teacher_prediction == model.teacher_.logits(row).argmax()
    assert found.counterfactuals
    assert all(one.teacher_follows is None for one in found.counterfactuals)
    assert "cannot be asked" in str(found)
    with pytest.raises(InputError, match="not saved with this run"):
        explain_row(run.model, row)


def test_names_from_data_stay_text(german_teacher: Any) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(80, 3)), columns=list(HOSTILE[:3]))
    frame["c"] = rng.choice(HOSTILE, 80)
    y = np.asarray(HOSTILE)[(frame["c"].isin(HOSTILE[:7])).astype(int)]
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    encode = make_column_transformer((OneHotEncoder(), ["c"]), remainder="passthrough")
    teacher = make_pipeline(encode, LogisticRegression()).fit(frame, y)
    for student in STUDENTS:
        model = DistilledClassifier(
            FrozenEstimator(teacher), student, transfer=None, random_state=0
        ).fit(frame)
        for i in range(5):
            found = explain_row(model, frame.iloc[i], X=frame)
            page = found._repr_html_()
            assert "<img" not in page
            assert "</script>" not in page
            assert page.count("<table") == page.count("</table>") >= 2
            lines = str(found).splitlines()
            assert len(lines) <= 8 + len(found.steps) + 14 + len(found.counterfactuals)
            assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"desired": 7}, "one of the classes 0, 1, 2. Got 7"),
        ({"immutable": ["x9"]}, "must hold column names. Got 'x9'"),
        ({"n_counterfactuals": -1}, "must be an int in"),
        ({"min_difference": 0}, "must be a float in"),
        ({"teacher_logits": [1.0, 2.0]}, "finite numbers of shape"),
        ({"row": np.zeros((2, 4))}, "must be one row of 4 columns"),
        ({"row": 5}, r"Got the number 5; give the row itself: X\[position\]"),
        ({"row": np.int64(5)}, r"Got the number 5; give the row itself: X"),
        ({"row": "b"}, r"Got the text b; give the row itself: X"),
        ({"row": {"x0": 1.0}}, "must be one row of the 4 columns"),
    ],
)
def test_what_cannot_be_used(iris_models: Any, given: Any, message: str) -> None:
    given = {"row": np.zeros(4), **given}
    with pytest.raises(InputError, match=message):
        explain_row(iris_models[0], given.pop("row"), **given)


def test_other_desires_that_cannot_be(labellers: Any, regressors: Any) -> None:
    with pytest.raises(InputError, match="hold the labels"):
        explain_row(labellers[0], np.zeros(6), desired=["a"])
    with pytest.raises(InputError, match="two ends of an interval"):
        explain_row(regressors[0], np.zeros(10), desired=3.0)
    with pytest.raises(InputError, match="Got LogisticRegression"):
        explain_row(LogisticRegression(), np.zeros(4))


def test_replaced_cells_leave_the_others_as_they_are() -> None:
    frame = frame_of(FLOAT32([[1, 2, 0, 1, 2], [nan, 4, nan, 0, 0]]))
    frame["dose"] = [0.1, 0.30000000000000004]
    codes = SCHEMA.encode(frame).astype(np.float64)
    codes[0, 1], codes[1, 2] = 0.7, 2
    other = replace_cells(SCHEMA, frame, codes)
    assert other["dose"].tolist() == [0.7, 0.30000000000000004]
    assert other["purpose"].tolist() == ["car (new)", "trip"]
    assert frame["dose"].tolist() == [0.1, 0.30000000000000004]
    assert other["home"].tolist() == frame["home"].tolist()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["a", "b", "c", "d"], "Column 'x0' of the row must hold a number. Got 'a'."),
        ([1.0, 2.0, object, 4.0], "Column 'x2' of the row must hold a number."),
        ([1.0, 2.0, 3.0, [4.0]], "Column 'x3' of the row must hold a number."),
        ([[1.0], [2.0, 3.0]], "must be one row of 4 columns"),
        ([None] * 4, "The rows cannot be read: Input X contains NaN."),
        (None, "must be one row of 4 columns"),
    ],
)
def test_a_row_that_cannot_be_read(iris_models: Any, row: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        explain_row(iris_models[0], row)


def test_other_arguments_that_cannot_be_read(iris_models: Any) -> None:
    X = load_iris().data
    with pytest.raises(InputError, match=r"^The rows cannot be read: .*\.$"):
        explain_row(iris_models[0], X[0], X=3)
    with pytest.raises(InputError, match="must be numbers"):
        explain_row(iris_models[0], X[0], teacher_logits="x")
