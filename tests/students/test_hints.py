"""Guide columns: they shape a student, and no answer of it is about them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import MultiTaskLasso, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from interpretkd._base import InputError
from interpretkd.data import Encoded
from interpretkd.students import (
    BoostedStudent,
    CartStudent,
    LinearStudent,
    TrainingData,
    ValidationData,
    as_student,
)

Array = NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)


def _digits() -> tuple[Array, Array, Array]:
    """Return rows, soft targets of ten classes, and guide columns."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    hidden = np.tanh(X @ rng.normal(size=(64, 4)) / 30)
    soft = softmax(5 * np.eye(10)[y] + rng.normal(size=(len(y), 10)), axis=1)
    return X, soft, hidden


DIGITS, SOFT, HIDDEN = _digits()
GREEDY = CartStudent(12, search="greedy", thresholds="exact")


def _fit(
    student: Any,
    X: Array,
    targets: Array,
    hints: Array | None = None,
    weight: Array | None = None,
    validation: ValidationData | None = None,
) -> Any:
    rows = X.astype(float)
    training = TrainingData(rows, Encoded.of(rows), targets, weight, hints=hints)
    return as_student(student).fit_encoded(training, validation)


def _arrays(student: Any) -> dict[str, Any]:
    return dict(student.form_.to_arrays())


def _equal(one: Any, other: Any) -> bool:
    theirs = _arrays(other)
    return all(np.array_equal(a, theirs[name]) for name, a in _arrays(one).items())


@pytest.mark.parametrize("limits", [{"max_leaves": 24}, {"max_depth": 4}])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_hinted_tree_is_scikit_learns_on_all_columns_together(
    limits: dict[str, int], weighted: bool
) -> None:
    weight = None
    if weighted:
        weight = np.random.default_rng(1).integers(1, 4, len(DIGITS)).astype(float)
    bounds = {"max_leaves": None, **limits}
    student = CartStudent(**bounds, search="greedy", thresholds="exact")
    tree = _fit(clone(student), DIGITS, SOFT, HIDDEN, weight).tree_
    oracle = DecisionTreeRegressor(
        max_depth=limits.get("max_depth"),
        max_leaf_nodes=limits.get("max_leaves"),
        random_state=0,
    ).fit(DIGITS, np.hstack([SOFT, HIDDEN]), weight)
    assert tree.n_outputs == 10
    np.testing.assert_allclose(
        tree.predict(DIGITS), oracle.predict(DIGITS)[:, :10], atol=1e-9
    )
    alone = _fit(clone(student), DIGITS, SOFT, None, weight).tree_
    assert not np.array_equal(alone.nodes.feature, tree.nodes.feature)


@given(SEEDS, st.integers(1, 3), st.integers(1, 20))
@settings(max_examples=25)
def test_every_hinted_tree_is_the_tree_of_all_columns(
    seed: int, n_outputs: int, n_hints: int
) -> None:
    # Of two columns that sum up to 1 growth reads one, and of many their components.
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 6, size=(60, 3)).astype(float)
    targets = softmax(rng.normal(size=(60, n_outputs)), axis=1)
    hints = rng.normal(size=(60, 2)) @ rng.normal(size=(2, n_hints))
    student = CartStudent(6, search="greedy")
    tree = _fit(clone(student), X, targets, hints).tree_
    together = _fit(clone(student), X, np.hstack([targets, hints])).tree_
    for name, array in tree.nodes.to_arrays().items():
        np.testing.assert_array_equal(together.nodes.to_arrays()[name], array)
    np.testing.assert_allclose(together.value[:, :n_outputs], tree.value, atol=1e-9)


STUDENTS = [
    GREEDY,
    CartStudent(6),
    CartStudent("auto", search="greedy"),
    CartStudent(6, search="refined"),
    LinearStudent("group", strength=0.02),
    LinearStudent(max_terms=5),
]


@pytest.mark.parametrize("student", STUDENTS, ids=repr)
def test_hints_that_tell_no_rows_apart_change_nothing(student: Any) -> None:
    X, soft = DIGITS[:150], SOFT[:150]
    plain = _fit(clone(student), X, soft)
    assert _equal(plain, _fit(clone(student), X, soft, np.full((150, 2), 7.0)))


@pytest.mark.parametrize("student", STUDENTS, ids=repr)
def test_hints_shape_a_student_and_never_leave_it(student: Any) -> None:
    X, soft, hidden = DIGITS[:300], SOFT[:300], HIDDEN[:300]
    assert student.hint_refusal is None
    fitted = _fit(clone(student), X, soft, hidden)
    assert fitted.predict(X).shape == (300, 10)
    if "refined" not in repr(student) and student != STUDENTS[1]:
        plain = _fit(clone(student), X, soft)
        assert _arrays(plain).keys() == _arrays(fitted).keys()
        assert not _equal(plain, fitted)


def test_leaves_answer_the_mean_target_of_their_rows() -> None:
    fitted = _fit(clone(GREEDY), DIGITS, SOFT, 10 * HIDDEN)
    leaf = fitted.tree_.apply(DIGITS)
    for node in set(leaf.tolist()):
        np.testing.assert_allclose(
            fitted.tree_.value[node], SOFT[leaf == node].mean(axis=0)
        )
    wrong = SOFT.argmax(axis=1) != fitted.predict(DIGITS).argmax(axis=1)
    assert fitted.search_.attempts[0].loss == pytest.approx(wrong.mean())


def test_a_size_is_chosen_by_the_targets_alone() -> None:
    rows, other = DIGITS[:600].astype(float), DIGITS[600:900].astype(float)
    held_out = ValidationData(
        other, Encoded.of(other), SOFT[600:900], np.ones(300), lambda _: 0.0
    )
    student = CartStudent("auto", search="greedy")
    fitted = _fit(student, rows, SOFT[:600], HIDDEN[:600], None, held_out)
    path = fitted.search_.path
    agree = path.whole.predict(other).argmax(axis=1) == SOFT[600:900].argmax(axis=1)
    assert path.validation[-1] == pytest.approx(agree.mean())
    assert fitted.chosen_ == {"search": "greedy", "max_leaves": fitted.tree_.n_leaves}


def test_a_monotone_tree_stays_so_under_hints() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2)).round(1)
    rise = 1 / (1 + np.exp(-X[:, 0] - rng.normal(size=300)))
    targets = np.column_stack([1 - rise, rise])
    student = CartStudent(10, search="greedy", monotone=[1, 0])
    fitted = _fit(student, X, targets, np.column_stack([-X[:, 0], X[:, 1]]))
    grid = np.column_stack([np.linspace(-3, 3, 50), np.zeros(50)])
    assert (np.diff(fitted.predict(grid)[:, 1]) >= 0).all()
    assert fitted.tree_.n_leaves > 2


def test_rows_without_weight_lose_their_hints_too() -> None:
    weight = (np.arange(300) % 3 > 0).astype(float)
    fitted = _fit(clone(GREEDY), DIGITS[:300], SOFT[:300], HIDDEN[:300], weight)
    kept = np.flatnonzero(weight)
    alone = _fit(clone(GREEDY), DIGITS[kept], SOFT[kept], HIDDEN[kept])
    np.testing.assert_array_equal(fitted.tree_.value, alone.tree_.value)


def test_a_group_penalty_with_hints_is_scikit_learns_over_all_columns() -> None:
    X, y = load_iris(return_X_y=True)
    rng = np.random.default_rng(0)
    targets = np.eye(3)[y]
    hints = 3 * np.tanh(X @ rng.normal(size=(4, 2)) / 4)
    strength = 0.05
    student = LinearStudent("group", strength=strength, loss="squared_error")
    fitted = _fit(clone(student), X, targets, hints)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    # The penalty is scaled by the root of the target columns.
    oracle = MultiTaskLasso(strength * np.sqrt(3), max_iter=100_000, tol=1e-10).fit(
        scaled, np.hstack([targets, hints])
    )
    expected = oracle.coef_[:3].T / X.std(axis=0)[:, None]
    np.testing.assert_allclose(fitted.form_.coefficients, expected, atol=1e-4)
    plain = _fit(clone(student), X, targets)
    assert np.abs(plain.form_.coefficients - expected).max() > 0.01


def test_hints_choose_terms_by_the_loss_of_the_targets() -> None:
    X, soft, hidden = DIGITS[:300], SOFT[:300], HIDDEN[:300]
    for student in (LinearStudent(max_terms=4), LinearStudent("group", max_terms=4)):
        fitted = _fit(clone(student), X, soft, 3 * hidden)
        assert len(fitted.form_.features) <= 4
        entropy = -(soft * np.log(fitted.predict(X))).sum(axis=1).mean()
        chosen = [form is fitted.form_ for form in fitted.path_.forms].index(True)
        assert fitted.path_.losses[chosen] == pytest.approx(entropy, rel=1e-6)


class OwnTree(CartStudent):
    pass


@pytest.mark.parametrize(
    ("student", "reason"),
    [
        (BoostedStudent(5), "no test with them; CartStudent takes them"),
        (BoostedStudent(max_leaves=9), "grows a tree for each target column"),
        (LinearStudent(), r"LinearStudent\('l2'\) finds the coefficients of each"),
        (
            LinearStudent("l1"),
            r"give LinearStudent\(max_terms=5\) or LinearStudent\('g",
        ),
        (LinearStudent("l1", max_terms=3), r"LinearStudent\('l1'\) finds the coeff"),
        (CartStudent(search="optimal", max_depth=2), "proves its tree best"),
        (OwnTree(4), "the fit of OwnTree takes no hints"),
        (Ridge(), "the fit of Ridge takes no hints"),
    ],
)
def test_where_hints_would_do_nothing_they_are_refused(
    student: Any, reason: str
) -> None:
    contract = as_student(student)
    assert contract.hint_refusal is not None
    with pytest.raises(InputError, match=f"Hints would change nothing: .*{reason}"):
        _fit(student, DIGITS[:50], SOFT[:50], HIDDEN[:50])


def test_the_reason_is_true() -> None:
    # A tree a column: those of the targets come out as without the other columns.
    X, soft, hidden = DIGITS[:200], SOFT[:200], HIDDEN[:200]
    stacked = np.hstack([soft, hidden])
    for student, slack in (
        (BoostedStudent(3, loss="squared_error", n_jobs=1), 0.0),
        (LinearStudent(loss="squared_error", strength=1e-2), 1e-4),
        (LinearStudent("l1", loss="squared_error", strength=1e-2), 1e-4),
    ):
        alone = clone(student).fit(X, soft).predict(X)
        beside = clone(student).fit(X, stacked).predict(X)[:, :10]
        np.testing.assert_allclose(beside, alone, rtol=0, atol=slack)


def test_no_hint_columns_are_no_hints() -> None:
    plain = _fit(clone(GREEDY), DIGITS[:150], SOFT[:150])
    none = _fit(clone(GREEDY), DIGITS[:150], SOFT[:150], np.zeros((150, 0)))
    assert _equal(plain, none)


def test_hints_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        _fit(clone(GREEDY), DIGITS[:50], SOFT[:50], HIDDEN[:49])
    with pytest.raises(ValueError, match="hints contains NaN"):
        _fit(clone(GREEDY), DIGITS[:50], SOFT[:50], np.full((50, 1), np.nan))


def test_a_regressor_that_knows_no_weights_refuses_them() -> None:
    neighbours = as_student(KNeighborsRegressor())
    assert neighbours.weight_refusal == (
        "the fit of KNeighborsRegressor takes no sample_weight"
    )
    assert as_student(Ridge()).weight_refusal is None
    for student in (CartStudent(), BoostedStudent(), LinearStudent()):
        assert as_student(student).weight_refusal is None
    weight = np.arange(50.0) + 1
    with pytest.raises(InputError, match="Weights of rows would change nothing: the"):
        _fit(KNeighborsRegressor(), DIGITS[:50], SOFT[:50], None, weight)
    _fit(KNeighborsRegressor(), DIGITS[:50], SOFT[:50], None, np.ones(50))
