from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from interpretkd._base import InputError
from interpretkd.models import Forest, Linear, Tree
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent

Array = NDArray[np.float64]
nan = np.nan


def _rows(n_rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    age = rng.normal(40, 10, n_rows)
    age[::7] = nan
    home = rng.choice(["own", "rent", "free"], n_rows).astype(object)
    home[::11] = None
    return pd.DataFrame(
        {
            "age": age,
            "home": home,
            "smoker": rng.choice([False, True], n_rows),
            "grade": pd.Categorical(
                rng.choice(["low", "mid", "high"], n_rows), ["low", "mid", "high"]
            ),
        }
    )


ROWS = _rows()
VALUES = np.column_stack(
    [
        (ROWS["age"].fillna(60) > 42) + 2.0 * (ROWS["home"] == "own"),
        ROWS["smoker"] - 1.5 * (ROWS["grade"] == "high"),
        np.zeros(len(ROWS)),
    ]
).astype(float)
SOFT = softmax(VALUES, axis=1)
STUDENTS = [
    CartStudent(min_samples_leaf=1),
    BoostedStudent(n_rounds=40, max_depth=3, n_jobs=1),
    LinearStudent(),
    LinearStudent("l1"),
    LinearStudent("group"),
]
each_student = pytest.mark.parametrize(
    "student", STUDENTS, ids=["cart", "boosted", "l2", "l1", "group"]
)


@each_student
def test_frames_with_categories_and_gaps_are_learnt(student: Any) -> None:
    fitted = clone(student).fit(ROWS, VALUES)
    predicted = fitted.predict(ROWS)
    assert predicted.shape == VALUES.shape
    assert fitted.score(ROWS, VALUES[:, :2] @ np.eye(2, 3)) > 0.75
    assert fitted.schema_.names == ("age", "home", "smoker", "grade")
    assert fitted.n_features_in_ == 4
    np.testing.assert_array_equal(predicted, fitted.form_.predict(ROWS))


@each_student
def test_polars_frames_give_the_same_student(student: Any) -> None:
    plain = ROWS.astype(object).where(ROWS.notna(), None)
    rows = pl.DataFrame(
        {name: plain[name].to_list() for name in ROWS},
        schema_overrides={"grade": pl.Enum(["low", "mid", "high"])},
    )
    expected = clone(student).fit(ROWS, VALUES).predict(ROWS)
    fitted = clone(student).fit(rows, VALUES)
    np.testing.assert_array_equal(fitted.predict(rows), expected)
    np.testing.assert_array_equal(fitted.predict(ROWS), expected)


@each_student
def test_targets_of_one_dimension_stay_so(student: Any) -> None:
    flat = clone(student).fit(ROWS, VALUES[:, 0])
    column = clone(student).fit(ROWS, VALUES[:, :1])
    assert flat.predict(ROWS).shape == (len(ROWS),)
    assert column.predict(ROWS).shape == (len(ROWS), 1)
    np.testing.assert_array_equal(flat.predict(ROWS), column.predict(ROWS)[:, 0])


@each_student
def test_fitting_again_gives_the_same_student(student: Any) -> None:
    first = clone(student).fit(ROWS, SOFT)
    second = clone(student).fit(ROWS, SOFT)
    second.fit(ROWS, SOFT)
    for name, array in first.form_.to_arrays().items():
        np.testing.assert_array_equal(second.form_.to_arrays()[name], array)


@each_student
def test_fitting_leaves_rows_targets_and_parameters_alone(student: Any) -> None:
    rows, values, weight = ROWS.copy(), VALUES.copy(), np.ones(len(ROWS))
    fitted = clone(student)
    fitted.fit(rows, values, sample_weight=weight).predict(rows)
    pd.testing.assert_frame_equal(rows, ROWS)
    np.testing.assert_array_equal(values, VALUES)
    np.testing.assert_array_equal(weight, 1)
    assert fitted.get_params() == student.get_params()


@each_student
def test_many_rows_are_predicted_in_pieces(student: Any) -> None:
    fitted = clone(student).fit(ROWS, VALUES)
    many = pd.concat([ROWS] * 170, ignore_index=True)  # more than two pieces
    expected = np.tile(fitted.predict(ROWS), (170, 1))
    np.testing.assert_allclose(fitted.predict(many), expected, rtol=1e-12)


@each_student
def test_an_array_fits_a_student_of_a_frame_with_categories(student: Any) -> None:
    fitted = clone(student).fit(ROWS, VALUES)
    rows = ROWS.astype(object).to_numpy()
    np.testing.assert_array_equal(fitted.predict(rows), fitted.predict(ROWS))


@each_student
def test_unseen_categories_are_refused(student: Any) -> None:
    fitted = clone(student).fit(ROWS, VALUES)
    with pytest.raises(InputError) as caught:
        fitted.predict(ROWS.assign(home="boat"))
    assert str(caught.value) == (
        "Column 'home' holds values that were not seen in training: 'boat'. Allowed: "
        "'free', 'own', 'rent'."
    )


@each_student
def test_other_columns_are_refused(student: Any) -> None:
    fitted = clone(student).fit(ROWS, VALUES)
    with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- years"):
        fitted.predict(ROWS.rename(columns={"age": "years"}))
    with pytest.raises(ValueError, match="missing"):
        fitted.predict(ROWS.drop(columns="age"))
    with pytest.raises(ValueError, match="same order"):
        fitted.predict(ROWS[ROWS.columns[::-1]])
    with pytest.raises(InputError, match="X must have 4 columns"):
        fitted.predict(np.zeros((2, 3)))


@each_student
def test_an_unfitted_student_says_so(student: Any) -> None:
    with pytest.raises(NotFittedError):
        clone(student).predict(ROWS)
    for name in ("tree_", "forest_", "linear_"):
        if hasattr(type(student), name):
            with pytest.raises(NotFittedError):
                getattr(clone(student), name)


@each_student
def test_rows_and_targets_must_fit_one_another(student: Any) -> None:
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(student).fit(ROWS, VALUES[:-1])
    with pytest.raises(ValueError, match="contains NaN"):
        clone(student).fit(ROWS, np.full(len(ROWS), nan))
    with pytest.raises(ValueError, match="requires y to be passed"):
        clone(student).fit(ROWS, None)
    with pytest.raises(InputError, match=r"Found a frame of shape \(0, 4\)"):
        clone(student).fit(ROWS[:0], VALUES[:0])
    with pytest.raises(ValueError, match="Negative values"):
        clone(student).fit(ROWS, VALUES, sample_weight=-np.ones(len(ROWS)))


@each_student
def test_weights_equal_repetition(student: Any) -> None:
    rng = np.random.default_rng(1)
    noisy = VALUES + rng.normal(size=VALUES.shape) / 4
    times = rng.integers(1, 4, size=len(ROWS))
    again = np.repeat(np.arange(len(ROWS)), times)
    weighted = clone(student).fit(ROWS, noisy, sample_weight=times).predict(ROWS)
    repeated = clone(student).fit(ROWS.iloc[again], noisy[again]).predict(ROWS)
    np.testing.assert_allclose(weighted, repeated, atol=2e-3)
    unweighted = clone(student).fit(ROWS, noisy).predict(ROWS)
    assert np.abs(unweighted - weighted).max() > 0.01


@each_student
def test_students_work_in_a_pipeline_and_a_search(student: Any) -> None:
    X, y = load_iris(return_X_y=True)
    targets = np.eye(3)[y]
    grids: dict[type, dict[str, list[Any]]] = {
        CartStudent: {"max_leaves": [2, 6]},
        BoostedStudent: {"n_rounds": [1, 20]},
        LinearStudent: {"strength": [10.0, 1e-4]},
    }
    grid = grids[type(student)]
    folds = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(clone(student), grid, cv=folds).fit(X[::2], targets[::2])
    assert search.best_params_ == {name: values[1] for name, values in grid.items()}
    pipeline = make_pipeline(StandardScaler(), clone(student)).fit(X[::2], targets[::2])
    decided = pipeline.predict(X[1::2]).argmax(axis=1)
    assert (decided == y[1::2]).mean() > 0.9


@each_student
def test_clone_and_parameters(student: Any) -> None:
    copy = clone(student.set_params(**student.get_params()))
    assert type(copy) is type(student)
    assert copy.get_params() == student.get_params()
    assert not hasattr(copy, "form_")


def test_forms_are_frozen_and_named() -> None:
    cart = CartStudent().fit(ROWS, VALUES)
    boosted = BoostedStudent(n_rounds=2, n_jobs=1).fit(ROWS, VALUES)
    linear = LinearStudent().fit(ROWS, VALUES)
    assert isinstance(cart.tree_, Tree)
    assert isinstance(boosted.forest_, Forest)
    assert isinstance(linear.linear_, Linear)
    assert cart.tree_ is cart.form_
    assert boosted.forest_ is boosted.form_
    assert linear.linear_ is linear.form_


def test_cart_keeps_its_bounds() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(300, 3)), rng.normal(size=300)
    tree = CartStudent(7, min_samples_leaf=1).fit(X, y).tree_
    assert tree.n_leaves == 7
    tree = CartStudent(None, max_depth=3, min_samples_leaf=1).fit(X, y).tree_
    assert (tree.depth, tree.n_leaves) == (3, 8)
    tree = CartStudent(None, min_samples_leaf=30).fit(X, y).tree_
    assert tree.cover[tree.nodes.is_leaf].min() >= 30


def test_cart_is_scikit_learns_tree() -> None:
    X, y = load_diabetes(return_X_y=True)
    X = X.round(3)  # no column has more values than bins
    oracle = DecisionTreeRegressor(
        max_leaf_nodes=16, min_samples_leaf=5, random_state=0
    )
    expected = oracle.fit(X.astype(np.float32), y).predict(X)
    student = CartStudent(16, min_samples_leaf=5, search="greedy").fit(X, y)
    np.testing.assert_allclose(student.predict(X), expected, rtol=1e-12)


def test_the_seed_decides_between_equal_tests() -> None:
    column = np.arange(40.0)
    X = np.column_stack([column] * 6)
    chosen = {
        int(CartStudent(2, random_state=seed).fit(X, column).tree_.nodes.feature[0])
        for seed in range(12)
    }
    assert len(chosen) > 1
    generators = [np.random.RandomState(3), np.random.RandomState(3)]
    first, second = (
        BoostedStudent(n_rounds=5, subsample=0.5, random_state=g, n_jobs=1)
        .fit(X, column)
        .predict(X)
        for g in generators
    )
    np.testing.assert_array_equal(first, second)


def test_linear_is_ridge_on_standardised_columns() -> None:
    X, y = load_diabetes(return_X_y=True)
    scaled = StandardScaler().fit_transform(X)
    expected = Ridge(alpha=0.1 * len(X)).fit(scaled, y).predict(scaled)
    student = LinearStudent(strength=0.1, max_iter=2000).fit(X, y)
    np.testing.assert_allclose(student.predict(X), expected, atol=0.05)
    assert 1 <= student.n_iter_ <= 2000


@pytest.mark.parametrize("kind", [LinearStudent, BoostedStudent])
@pytest.mark.parametrize(
    ("targets", "link"),
    [
        (SOFT, "softmax"),
        (SOFT[:, :2] / SOFT[:, :2].sum(axis=1, keepdims=True), "softmax"),
        (SOFT + 1e-9, "softmax"),
        (SOFT + 1e-3, "identity"),  # does not sum to 1
        (SOFT[:, :2], "identity"),
        (SOFT[:, 0], "identity"),  # one column is no distribution
        (np.ones((len(ROWS), 1)), "identity"),
        (VALUES, "identity"),
        (np.tile([-0.2, 0.6, 0.6], (len(ROWS), 1)), "identity"),
        (np.column_stack([VALUES[:, 0], 1 - VALUES[:, 0]]), "identity"),  # below 0
    ],
)
def test_auto_loss_is_softmax_for_distributions(
    kind: Any, targets: Array, link: str
) -> None:
    few = {"n_rounds": 2, "n_jobs": 1} if kind is BoostedStudent else {"max_iter": 2}
    assert kind(**few).fit(ROWS, targets).form_.link == link


@pytest.mark.parametrize("kind", [LinearStudent, BoostedStudent])
@pytest.mark.parametrize(
    ("loss", "link"),
    [("squared_error", "identity"), ("softmax", "softmax"), ("sigmoid", "sigmoid")],
)
def test_a_loss_that_is_told_is_taken(kind: Any, loss: str, link: str) -> None:
    few = {"n_rounds": 2, "n_jobs": 1} if kind is BoostedStudent else {"max_iter": 2}
    student = kind(loss=loss, **few).fit(ROWS, SOFT)
    assert student.form_.link == link
    predicted = student.predict(ROWS)
    if loss == "softmax":
        np.testing.assert_allclose(predicted.sum(axis=1), 1)
    if loss != "squared_error":
        assert (predicted.min(), predicted.max()) > (0, 0)
        assert predicted.max() < 1


def _noisy() -> tuple[Array, Array]:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(400, 5))
    return X, X[:, 0] + 2 * rng.normal(size=400)


def test_boosting_stops_early_and_keeps_the_best_round() -> None:
    X, y = _noisy()

    def score(outputs: Array) -> float:
        assert outputs.shape == (200, 1)
        return -float(np.mean((outputs[:, 0] - y[200:]) ** 2))

    student = BoostedStudent(n_rounds=300, patience=7, n_jobs=1)
    student.fit(X[:200], y[:200], watch=(X[200:], score))
    best = int(np.argmax(student.scores_))
    assert len(student.scores_) == best + 1 + 7 < 300
    assert student.forest_.n_trees == best + 1
    now = score(student.predict(X[200:])[:, None])
    assert now == pytest.approx(student.scores_[best], rel=1e-5)
    unwatched = BoostedStudent(n_rounds=300, n_jobs=1).fit(X[:200], y[:200])
    assert unwatched.scores_ == []
    assert unwatched.forest_.n_trees == 300
    assert score(unwatched.predict(X[200:])[:, None]) < now


@pytest.mark.parametrize("columns", [2, 3])
def test_watching_sees_every_column_of_a_softmax(columns: int) -> None:
    targets = SOFT[:, :columns] / SOFT[:, :columns].sum(axis=1, keepdims=True)
    seen: list[Array] = []

    def score(outputs: Array) -> float:
        seen.append(outputs)
        return -float(np.abs(outputs - targets[100:]).mean())

    student = BoostedStudent(n_rounds=6, max_depth=3, n_jobs=1)
    student.fit(ROWS[:100], targets[:100], watch=(ROWS[100:], score))
    assert all(outputs.shape == (100, columns) for outputs in seen)
    best = int(np.argmax(student.scores_))
    np.testing.assert_allclose(student.predict(ROWS[100:]), seen[best], atol=1e-5)


def test_watched_rows_must_be_known() -> None:
    boat = ROWS.assign(home="boat")
    with pytest.raises(InputError, match="'boat'"):
        BoostedStudent(n_rounds=2, n_jobs=1).fit(
            ROWS, VALUES, watch=(boat, lambda outputs: 0.0)
        )


def test_a_column_without_values_does_no_harm() -> None:
    rows = ROWS.assign(empty=pd.Series([None] * len(ROWS), dtype=object))
    for student in STUDENTS:
        fitted = clone(student).fit(rows, VALUES)
        assert np.isfinite(fitted.predict(rows)).all()


@pytest.mark.parametrize(
    ("student", "sentence"),
    [
        (
            CartStudent(1),
            "The 'max_leaves' parameter of CartStudent must be an int in [2, inf) or "
            "None. Got 1.",
        ),
        (
            CartStudent(max_depth=0),
            "The 'max_depth' parameter of CartStudent must be an int in [1, inf) or "
            "None. Got 0.",
        ),
        (
            CartStudent(min_samples_leaf=0.5),  # type: ignore[arg-type]
            "The 'min_samples_leaf' parameter of CartStudent must be an int in "
            "[1, inf). Got 0.5.",
        ),
        (
            BoostedStudent(0),
            "The 'n_rounds' parameter of BoostedStudent must be an int in [1, inf). "
            "Got 0.",
        ),
        (
            BoostedStudent(learning_rate=0),
            "The 'learning_rate' parameter of BoostedStudent must be a float in "
            "(0, 1]. Got 0.",
        ),
        (
            BoostedStudent(max_depth=0),
            "The 'max_depth' parameter of BoostedStudent must be an int in [1, inf). "
            "Got 0.",
        ),
        (
            BoostedStudent(min_child_weight=-1),
            "The 'min_child_weight' parameter of BoostedStudent must be a float in "
            "[0, inf). Got -1.",
        ),
        (
            BoostedStudent(subsample=1.5),
            "The 'subsample' parameter of BoostedStudent must be a float in (0, 1]. "
            "Got 1.5.",
        ),
        (
            BoostedStudent(column_share=0),
            "The 'column_share' parameter of BoostedStudent must be a float in (0, 1]. "
            "Got 0.",
        ),
        (
            BoostedStudent(loss="hinge"),
            "The 'loss' parameter of BoostedStudent must be one of 'auto', "
            "'squared_error', 'softmax', 'sigmoid'. Got 'hinge'.",
        ),
        (
            BoostedStudent(patience=0),
            "The 'patience' parameter of BoostedStudent must be an int in [1, inf). "
            "Got 0.",
        ),
        (
            LinearStudent("l3"),
            "The 'penalty' parameter of LinearStudent must be one of 'l2', 'l1', "
            "'group'. Got 'l3'.",
        ),
        (
            LinearStudent(strength=-1),
            "The 'strength' parameter of LinearStudent must be a float in [0, inf). "
            "Got -1.",
        ),
        (
            LinearStudent(max_iter=True),
            "The 'max_iter' parameter of LinearStudent must be an int in [1, inf). "
            "Got True.",
        ),
        (
            LinearStudent(loss="hinge"),
            "The 'loss' parameter of LinearStudent must be one of 'auto', "
            "'squared_error', 'softmax', 'sigmoid'. Got 'hinge'.",
        ),
    ],
)
def test_parameters_are_checked(student: Any, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        student.fit(ROWS, VALUES)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("kind", [LinearStudent, BoostedStudent])
@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_cross_entropy_needs_probabilities(kind: Any, loss: str) -> None:
    few = {"n_rounds": 2, "n_jobs": 1} if kind is BoostedStudent else {"max_iter": 2}
    with pytest.raises(InputError):
        kind(loss=loss, **few).fit(ROWS, VALUES * 5)


@pytest.mark.parametrize("kind", [LinearStudent, BoostedStudent])
def test_a_softmax_needs_two_columns(kind: Any) -> None:
    few = {"n_rounds": 2, "n_jobs": 1} if kind is BoostedStudent else {"max_iter": 2}
    with pytest.raises(InputError):
        kind(loss="softmax", **few).fit(ROWS, SOFT[:, 0])


@each_student
def test_weights_must_not_all_be_zero(student: Any) -> None:
    with pytest.raises(ValueError, match="weight"):
        clone(student).fit(ROWS, VALUES, sample_weight=np.zeros(len(ROWS)))


@pytest.mark.parametrize("value", ["many", 1.5])
def test_the_number_of_threads_is_checked(value: Any) -> None:
    with pytest.raises(InputError, match="The 'n_jobs' parameter of BoostedStudent"):
        BoostedStudent(n_rounds=1, n_jobs=value).fit(ROWS, VALUES)
