from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from interpretkd._base import InputError
from interpretkd.data import Schema
from interpretkd.models import Linear
from interpretkd.students import LinearPath, LinearStudent
from interpretkd.students._linear.path import (
    _cross_validate,
    _linear_path,
    _relax,
    _watch_path,
)
from interpretkd.students._linear.solvers import _fit_linear, _row_losses

Array = NDArray[np.float64]
nan = np.nan


def _iris() -> tuple[Schema, Any, Array, NDArray[np.int64]]:
    X, y = load_iris(return_X_y=True, as_frame=True)
    schema = Schema.from_data(X)
    codes = schema.encode(X)
    return schema, codes, StandardScaler().fit_transform(codes.astype(float)), y


IRIS, CODES, SCALED, LABELS = _iris()
HARD = np.eye(3)[LABELS]
SOFT = softmax(1.5 * HARD + np.random.default_rng(0).normal(size=HARD.shape), axis=1)


@pytest.mark.parametrize("strength", [1e-3, 1e-2, 1.0])
def test_softmax_with_l2_equals_logistic_regression(strength: float) -> None:
    linear, _ = _fit_linear(
        IRIS, CODES, HARD, link="softmax", strength=strength, tol=1e-9, max_iter=5000
    )
    oracle = LogisticRegression(C=1 / (strength * 150), tol=1e-10, max_iter=5000)
    expected = oracle.fit(SCALED, LABELS).predict_proba(SCALED)
    np.testing.assert_allclose(linear.predict(CODES), expected, atol=2e-4)


def test_soft_targets_equal_rows_that_come_once_a_class_with_weights() -> None:
    strength = 1e-2
    linear, _ = _fit_linear(
        IRIS, CODES, SOFT, link="softmax", strength=strength, tol=1e-9, max_iter=5000
    )
    oracle = LogisticRegression(C=1 / (strength * 150), tol=1e-10, max_iter=5000)
    oracle.fit(np.repeat(SCALED, 3, axis=0), np.tile(np.arange(3), 150), SOFT.ravel())
    expected = oracle.predict_proba(SCALED)
    np.testing.assert_allclose(linear.predict(CODES), expected, atol=1e-4)


def test_sigmoid_is_one_logistic_regression_a_column() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    schema = Schema.from_data(X)
    codes = schema.encode(X)
    scaled = StandardScaler().fit_transform(codes.astype(float))
    both = np.column_stack([y, X[:, 0] > 14]).astype(float)
    linear, _ = _fit_linear(
        schema, codes, both, link="sigmoid", strength=1e-2, tol=1e-9, max_iter=5000
    )
    for column in range(2):
        oracle = LogisticRegression(C=1 / (1e-2 * len(X)), tol=1e-10, max_iter=5000)
        oracle.fit(scaled, both[:, column])
        expected = oracle.predict_proba(scaled)[:, 1]
        np.testing.assert_allclose(linear.predict(X)[:, column], expected, atol=2e-4)


@pytest.mark.parametrize("strength", [0.0, 1e-2, 1.0])
def test_squared_error_with_l2_equals_ridge(strength: float) -> None:
    X, y = load_diabetes(return_X_y=True)
    schema = Schema.from_data(X)
    codes = schema.encode(X)
    scaled = StandardScaler().fit_transform(codes.astype(float))
    both = np.column_stack([y, X[:, 2] * y]) / 100
    linear, _ = _fit_linear(
        schema, codes, both, strength=strength, tol=1e-10, max_iter=20_000
    )
    oracle = Ridge(alpha=strength * len(X)).fit(scaled, both)
    np.testing.assert_allclose(linear.predict(X), oracle.predict(scaled), atol=1e-3)


@pytest.mark.parametrize("strength", [1e-3, 1e-2, 0.1])
def test_squared_error_with_l1_equals_lasso(strength: float) -> None:
    X, y = load_diabetes(return_X_y=True)
    schema = Schema.from_data(X)
    codes = schema.encode(X)
    scaled = StandardScaler().fit_transform(codes.astype(float))
    target = (y - y.mean()) / y.std()
    linear, _ = _fit_linear(
        schema,
        codes,
        target[:, None],
        penalty="l1",
        strength=strength,
        tol=1e-9,
        max_iter=20_000,
    )
    oracle = Lasso(alpha=strength, tol=1e-10, max_iter=100_000).fit(scaled, target)
    np.testing.assert_allclose(
        linear.predict(X)[:, 0], oracle.predict(scaled), atol=1e-4
    )
    np.testing.assert_array_equal(linear.coefficients[:, 0] != 0, oracle.coef_ != 0)


def _objective(
    linear: Linear, codes: Any, targets: Array, strength: float, norm: Any
) -> float:
    """Compute mean cross-entropy plus penalty, without the library's help."""
    margins = linear.margins(codes)
    log_total = np.log(np.exp(margins).sum(axis=1))
    loss = float(np.mean(log_total - (targets * margins).sum(axis=1)))
    return loss + strength * norm(linear.coefficients * codes.std(axis=0)[:, None])


@pytest.mark.parametrize("strength", [1e-3, 1e-2, 0.1])
def test_softmax_with_l1_is_as_good_as_saga(strength: float) -> None:
    linear, _ = _fit_linear(
        IRIS,
        CODES,
        HARD,
        link="softmax",
        penalty="l1",
        strength=strength,
        tol=1e-8,
        max_iter=20_000,
    )
    oracle = LogisticRegression(
        C=1 / (strength * 150),
        l1_ratio=1,
        solver="saga",
        tol=1e-9,
        max_iter=20_000,
        random_state=0,
    ).fit(SCALED, LABELS)
    spread = CODES.astype(float).std(axis=0)[:, None]
    coefficients = oracle.coef_.T / spread
    intercept = oracle.intercept_ - CODES.astype(float).mean(axis=0) @ coefficients
    theirs = Linear(IRIS, coefficients, intercept, np.zeros(4), "softmax")

    def norm(scaled: Array) -> float:
        return float(np.abs(scaled).sum())

    codes = CODES.astype(float)
    ours = _objective(linear, codes, HARD, strength, norm)
    assert ours <= _objective(theirs, codes, HARD, strength, norm) + 1e-5
    np.testing.assert_allclose(linear.predict(CODES), theirs.predict(CODES), atol=0.02)
    assert (linear.coefficients == 0).sum() >= 4  # of 12


def _rows(n_rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    age = rng.normal(40, 10, n_rows)
    age[::7] = nan
    home = rng.choice(["own", "rent", "free"], n_rows).astype(object)
    home[::11] = None
    return pd.DataFrame(
        {
            "age": age,
            "home": home,
            "sex": rng.choice(["f", "m"], n_rows),
            "noise": rng.normal(size=n_rows),
            "kind": rng.choice(list("abcd"), n_rows),
        }
    )


ROWS = _rows()
SCHEMA = Schema.from_data(ROWS)
VALUES = np.column_stack(
    [
        ROWS["age"].fillna(60) / 10 + 2 * (ROWS["home"] == "own"),
        3 * (ROWS["sex"] == "m") - (ROWS["home"] == "free"),
    ]
).astype(float)


def _norm_of_groups(linear: Linear) -> dict[str, float]:
    columns = SCHEMA.columns(indicate_missing=True)
    squares = dict.fromkeys(SCHEMA.names, 0.0)
    for column, row in zip(columns, linear.coefficients, strict=True):
        squares[SCHEMA.names[column.feature]] += float((row**2).sum())
    return squares


def test_group_penalty_drops_whole_features() -> None:
    linear, _ = _fit_linear(
        SCHEMA, SCHEMA.encode(ROWS), VALUES, penalty="group", strength=0.1
    )
    dropped = {name for name, square in _norm_of_groups(linear).items() if square == 0}
    assert dropped == {"noise", "kind"}
    for name in ("age", "home"):  # kept whole: no column of theirs is 0
        terms = [i for i, term in enumerate(linear.terms) if term.startswith(name)]
        assert (linear.coefficients[terms] != 0).any(axis=1).all()
    one, _ = _fit_linear(
        SCHEMA, SCHEMA.encode(ROWS), VALUES, penalty="group", strength=10
    )
    assert one.n_terms == 0
    mean = np.tile(VALUES.mean(axis=0), (len(ROWS), 1))
    np.testing.assert_allclose(one.predict(ROWS), mean, atol=1e-5)


def test_group_penalty_is_at_its_minimum() -> None:
    # The condition of Yuan & Lin (2006): in each kept group the slope of the loss is
    # strength * sqrt(size) * direction of the coefficients; in each dropped, less.
    strength = 0.05
    linear, _ = _fit_linear(
        SCHEMA,
        SCHEMA.encode(ROWS),
        VALUES,
        penalty="group",
        strength=strength,
        tol=1e-10,
        max_iter=50_000,
    )
    columns = SCHEMA.columns(indicate_missing=True)
    matrix = _spelled_out(ROWS)
    spread = matrix.std(axis=0)
    scaled = (matrix - matrix.mean(axis=0)) / spread
    slope = scaled.T @ (linear.predict(ROWS) - VALUES) / len(ROWS)
    solution = linear.coefficients * spread[:, None]
    feature = np.asarray([column.feature for column in columns])
    for group in range(len(SCHEMA)):
        mine = feature == group
        limit = strength * np.sqrt(mine.sum() * 2)
        norm = np.linalg.norm(solution[mine])
        if norm == 0:
            assert np.linalg.norm(slope[mine]) <= limit + 1e-6
        else:
            np.testing.assert_allclose(
                slope[mine], -limit * solution[mine] / norm, atol=1e-5
            )


def _spelled_out(rows: pd.DataFrame) -> Array:
    """Build the expanded matrix, without the library's help."""
    columns = [
        rows["age"].fillna(ROWS["age"].mean()),
        rows["age"].isna(),
        *(rows["home"] == name for name in ("free", "own", "rent")),
        rows["home"].isna(),
        rows["sex"] == "m",
        rows["noise"],
        *(rows["kind"] == name for name in "abcd"),
    ]
    return np.column_stack([np.asarray(column, dtype=float) for column in columns])


@pytest.mark.parametrize("link", ["identity", "softmax", "sigmoid"])
def test_coefficients_are_in_original_units(link: str) -> None:
    targets = {"identity": VALUES, "softmax": softmax(VALUES, axis=1)}.get(
        link, expit(VALUES - 3)
    )
    linear, n_steps = _fit_linear(SCHEMA, SCHEMA.encode(ROWS), targets, link=link)
    frame = linear.to_frame(["first", "second"])
    assert list(frame.index) == [
        *("(intercept)", "age", "age is missing", "home is free", "home is own"),
        *("home is rent", "home is missing", "sex is m", "noise"),
        *("kind is a", "kind is b", "kind is c", "kind is d"),
    ]
    assert list(frame.columns) == ["first", "second"]
    by_hand = frame.iloc[0].to_numpy() + _spelled_out(ROWS) @ frame.iloc[1:].to_numpy()
    np.testing.assert_allclose(linear.margins(ROWS), by_hand, atol=1e-5)
    through = {"identity": by_hand, "softmax": softmax(by_hand, axis=1)}
    np.testing.assert_allclose(
        linear.predict(ROWS), through.get(link, expit(by_hand)), atol=1e-5
    )
    assert n_steps >= 1


def test_dropped_terms_are_not_in_the_table() -> None:
    linear, _ = _fit_linear(
        SCHEMA, SCHEMA.encode(ROWS), VALUES, penalty="l1", strength=0.3
    )
    table = linear.to_frame()
    assert list(table.columns) == ["output 0", "output 1"]
    assert len(table) == linear.n_terms + 1 < len(linear.terms)
    assert "(intercept)" in table.index
    assert "noise" not in table.index
    assert linear.n_parameters == np.count_nonzero(linear.coefficients) + 2


def test_a_missing_number_counts_as_the_mean_plus_its_indicator() -> None:
    linear, _ = _fit_linear(SCHEMA, SCHEMA.encode(ROWS), VALUES)
    known = ROWS.iloc[[1]].assign(age=ROWS["age"].mean())
    gap = known.assign(age=nan)
    place = linear.terms.index("age is missing")
    assert linear.fill[linear.terms.index("age")] == pytest.approx(ROWS["age"].mean())
    np.testing.assert_allclose(
        linear.margins(gap) - linear.margins(known),
        linear.coefficients[[place]],
        atol=1e-5,
    )


def test_a_number_that_was_never_missing_is_filled_by_the_mean() -> None:
    linear, _ = _fit_linear(SCHEMA, SCHEMA.encode(ROWS), VALUES)
    row = ROWS.iloc[[1]]
    np.testing.assert_allclose(
        linear.predict(row.assign(noise=nan)),
        linear.predict(row.assign(noise=ROWS["noise"].mean())),
    )


@pytest.mark.parametrize("penalty", ["l2", "l1", "group"])
def test_constant_columns_get_no_coefficient(penalty: str) -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(50, 3))
    rows[:, 1] = 1e6
    targets = rows[:, [0]] * 2 + 1
    schema = Schema.from_data(rows)
    linear, _ = _fit_linear(
        schema, schema.encode(rows), targets, penalty=penalty, strength=1e-6
    )
    assert linear.coefficients[1, 0] == 0
    np.testing.assert_allclose(linear.predict(rows), targets, atol=1e-3)


@pytest.mark.parametrize("penalty", ["l2", "l1", "group"])
def test_a_column_without_any_value_does_no_harm(penalty: str) -> None:
    rows = np.column_stack([np.arange(20.0), np.full(20, nan)])
    schema = Schema.from_data(rows)
    linear, _ = _fit_linear(
        schema, schema.encode(rows), rows[:, :1], penalty=penalty, strength=1e-6
    )
    np.testing.assert_allclose(linear.predict(rows)[:, 0], rows[:, 0], atol=1e-2)


@pytest.mark.parametrize("link", ["identity", "softmax"])
@pytest.mark.parametrize("penalty", ["l2", "l1", "group"])
def test_weights_equal_repetition(penalty: str, link: str) -> None:
    targets = VALUES if link == "identity" else softmax(VALUES, axis=1)
    codes = SCHEMA.encode(ROWS)
    times = np.random.default_rng(3).integers(0, 4, size=len(ROWS))
    again = np.repeat(np.arange(len(ROWS)), times)
    how = {
        "link": link,
        "penalty": penalty,
        "strength": 0.02,
        "tol": 1e-9,
        "max_iter": 20_000,
    }
    weighted, _ = _fit_linear(SCHEMA, codes, targets, times.astype(float), **how)
    repeated, _ = _fit_linear(SCHEMA, codes[again], targets[again], **how)
    np.testing.assert_allclose(
        weighted.predict(ROWS), repeated.predict(ROWS), atol=1e-4
    )


def test_the_scale_of_columns_and_weights_does_not_matter() -> None:
    X = load_iris().data
    by = np.array([1e-3, 1.0, 1e4, 10.0])
    fits = []
    for rows, weight in ((X, 1.0), (X * by, 250.0)):
        schema = Schema.from_data(rows)
        linear, _ = _fit_linear(
            schema,
            schema.encode(rows),
            HARD,
            np.full(150, weight),
            link="softmax",
            strength=1e-2,
            tol=1e-9,
            max_iter=5000,
        )
        fits.append((linear.predict(rows), linear.coefficients))
    np.testing.assert_allclose(fits[0][0], fits[1][0], atol=1e-4)
    np.testing.assert_allclose(fits[0][1], fits[1][1] * by[:, None], atol=1e-3)


def test_softmax_outputs_are_centred() -> None:
    linear, _ = _fit_linear(IRIS, CODES, HARD, link="softmax", strength=1e-2)
    np.testing.assert_allclose(linear.coefficients.sum(axis=1), 0, atol=1e-12)
    assert linear.intercept.sum() == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("penalty", ["l2", "l1", "group"])
def test_steps_are_limited_and_counted(penalty: str) -> None:
    _, n_steps = _fit_linear(
        IRIS, CODES, HARD, link="softmax", penalty=penalty, max_iter=3
    )
    assert n_steps == 3


def test_linear_survives_its_arrays() -> None:
    linear, _ = _fit_linear(IRIS, CODES, HARD, link="softmax")
    back = Linear.from_arrays(IRIS, linear.to_arrays(), "softmax")
    for name, array in linear.to_arrays().items():
        np.testing.assert_array_equal(back.to_arrays()[name], array)
        with pytest.raises(ValueError, match="read-only"):
            back.to_arrays()[name][:] = 0
    np.testing.assert_array_equal(back.predict(CODES), linear.predict(CODES))
    assert back.size_bytes == (4 * 3 + 3 + 4) * 8


GOOD = {
    "coefficients": np.ones((4, 3)),
    "intercept": np.ones(3),
    "fill": np.ones(4),
}


@pytest.mark.parametrize(
    "changes",
    [
        {"coefficients": np.ones((3, 3))},
        {"coefficients": np.ones((4, 2))},
        {"coefficients": np.ones(4)},
        {"coefficients": np.full((4, 3), nan)},
        {"coefficients": np.ones((4, 3)).astype(object)},
        {"coefficients": np.ones((4, 3)) * 1j},
        {"intercept": np.ones(2)},
        {"intercept": np.array([1, np.inf, 1])},
        {"intercept": np.ones((1, 3))},
        {"intercept": np.array(1.0)},
        {"intercept": np.ones(0), "coefficients": np.ones((4, 0))},
        {"fill": np.ones(5)},
        {"fill": np.array(["a"] * 4)},
        {"steps": np.ones(4), "multiplier": np.ones(2)},
        {"steps": np.ones(3), "multiplier": np.ones(3)},
        {"steps": np.array([1, 1, 0, 1]), "multiplier": np.ones(3)},
        {"steps": np.array([1, 1, -1, 1]), "multiplier": np.ones(3)},
        {"steps": np.ones(4), "multiplier": np.array([1.0, 0.0, 1.0])},
        {"steps": np.ones(4), "multiplier": np.array([1.0, 2.0, 1.0])},
        {"steps": np.ones(4), "multiplier": np.array([1.0, nan, 1.0])},
        {"steps": np.ones(4), "multiplier": np.array([1.0, 1e-320, 1.0])},
    ],
)
def test_damaged_arrays_are_refused(changes: dict[str, Any]) -> None:
    Linear.from_arrays(IRIS, GOOD, "identity")
    with pytest.raises(InputError, match="of Linear must"):
        Linear.from_arrays(IRIS, {**GOOD, **changes}, "identity")


def test_arrays_of_other_names_and_links_are_refused() -> None:
    with pytest.raises(InputError, match="are needed"):
        Linear.from_arrays(IRIS, {**GOOD, "more": np.ones(1)}, "identity")
    for part in ({"intercept": np.ones(3)}, {**GOOD, "steps": np.ones(4)}):
        with pytest.raises(InputError, match="are needed"):
            Linear.from_arrays(IRIS, part, "identity")
    with pytest.raises(InputError, match="'multiplier' of Linear is absent"):
        Linear(IRIS, **GOOD, steps=np.ones(4))
    with pytest.raises(InputError, match="The 'link' parameter of Linear"):
        Linear.from_arrays(IRIS, GOOD, "probit")


# --- the path ---------------------------------------------------------------------

MIXED = {
    "identity": VALUES,
    "softmax": softmax(VALUES, axis=1),
    "sigmoid": expit(VALUES - 3),
}
ENCODED = SCHEMA.encode(ROWS)


@pytest.mark.parametrize("link", list(MIXED))
@pytest.mark.parametrize("penalty", ["l1", "group"])
def test_the_first_strength_is_the_smallest_without_a_term(
    link: str, penalty: str
) -> None:
    targets = MIXED[link]
    path, _ = _linear_path(SCHEMA, ENCODED, targets, link=link, penalty=penalty)
    assert path.n_terms[0] == 0
    assert path.n_terms[1] > 0
    assert path.strengths[-1] == pytest.approx(path.strengths[0] * 1e-3)
    assert len(path) == 30
    mean = np.tile(targets.mean(axis=0), (len(ROWS), 1))
    np.testing.assert_allclose(path.forms[0].predict(ROWS), mean, atol=1e-9)
    for factor, is_empty in ((1 + 1e-9, True), (1 - 1e-4, False)):
        alone, _ = _fit_linear(
            SCHEMA,
            ENCODED,
            targets,
            link=link,
            penalty=penalty,
            strength=path.strengths[0] * factor,
            tol=1e-12,
            max_iter=5000,
        )
        assert (alone.n_terms == 0) == is_empty


@pytest.mark.parametrize("link", list(MIXED))
@pytest.mark.parametrize("penalty", ["l1", "group"])
def test_every_step_is_what_its_strength_gives_alone(link: str, penalty: str) -> None:
    how: dict[str, Any] = {"tol": 1e-9, "max_iter": 20_000}
    how |= {"link": link, "penalty": penalty}
    targets = MIXED[link]
    path, _ = _linear_path(SCHEMA, ENCODED, targets, n_strengths=6, **how)
    for strength, form, loss in zip(
        path.strengths, path.forms, path.losses, strict=True
    ):
        alone, _ = _fit_linear(SCHEMA, ENCODED, targets, strength=strength, **how)
        np.testing.assert_allclose(form.predict(ROWS), alone.predict(ROWS), atol=1e-5)
        if form is not path.forms[0]:  # there, rounding decides
            assert form.features == alone.features
        assert loss == pytest.approx(
            _row_losses(alone.margins(ROWS), targets, link).mean(), abs=1e-6
        )


def test_the_path_ends_at_the_lasso() -> None:
    X, y = load_diabetes(return_X_y=True)
    schema = Schema.from_data(X)
    codes = schema.encode(X)
    scaled = StandardScaler().fit_transform(codes.astype(float))
    target = (y - y.mean()) / y.std()
    path, _ = _linear_path(
        schema,
        codes,
        target[:, None],
        penalty="l1",
        smallest=1e-2,
        tol=1e-9,
        max_iter=20_000,
    )
    assert path.strengths[0] == pytest.approx(np.abs(scaled.T @ target).max() / len(X))
    for step in (5, 20, 29):
        oracle = Lasso(alpha=path.strengths[step], tol=1e-10, max_iter=100_000)
        oracle.fit(scaled, target)
        found = path.forms[step]
        np.testing.assert_allclose(
            found.predict(X)[:, 0], oracle.predict(scaled), atol=1e-4
        )
        np.testing.assert_array_equal(found.coefficients[:, 0] != 0, oracle.coef_ != 0)


def test_the_path_ends_at_logistic_regression_with_l1() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    schema = Schema.from_data(X)
    codes = schema.encode(X)
    scaled = StandardScaler().fit_transform(codes.astype(float))
    path, _ = _linear_path(
        schema,
        codes,
        y[:, None].astype(float),
        link="sigmoid",
        penalty="l1",
        smallest=0.02,
        tol=1e-8,
        max_iter=20_000,
    )
    oracle = LogisticRegression(
        C=1 / (path.strengths[-1] * len(X)),
        l1_ratio=1,
        solver="saga",
        tol=1e-7,
        max_iter=20_000,
        random_state=0,
    ).fit(scaled, y)
    np.testing.assert_allclose(
        path.forms[-1].predict(X)[:, 0], oracle.predict_proba(scaled)[:, 1], atol=1e-3
    )


@pytest.mark.parametrize("penalty", ["l1", "group"])
def test_loss_falls_along_the_path(penalty: str) -> None:
    path, n_steps = _linear_path(IRIS, CODES, SOFT, link="softmax", penalty=penalty)
    assert (np.diff(path.losses) <= 1e-9).all()
    assert (np.diff(path.strengths) < 0).all()
    assert n_steps > 30
    table = path.to_frame()
    assert list(table.columns) == ["strength", "n_terms", "loss", "score"]
    assert table["score"].isna().all()
    np.testing.assert_array_equal(table["n_terms"], path.n_terms)


@pytest.mark.parametrize("budget", [1, 2, 3, 4])
def test_a_budget_is_kept_and_used_up(budget: int) -> None:
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(200, 8))
    targets = rows[:, [0, 1, 2, 3]] @ [[1.0], [0.99], [0.98], [0.97]]
    schema = Schema.from_data(rows)
    path, _ = _linear_path(
        schema, schema.encode(rows), targets, n_strengths=4, max_terms=budget
    )
    assert path.n_terms.max() == budget
    assert path.n_terms[path.within_budget(budget)] == budget


def test_rows_without_anything_to_learn_give_a_path_of_one_step() -> None:
    path, n_steps = _linear_path(SCHEMA, ENCODED, np.ones((len(ROWS), 1)))
    assert len(path) == 1
    assert path.n_terms[0] == 0
    assert n_steps == 1
    np.testing.assert_allclose(path.forms[0].predict(ROWS), 1)


def test_a_penalty_that_drops_nothing_has_no_path() -> None:
    with pytest.raises(InputError, match="The 'penalty' parameter of linear_path"):
        _linear_path(SCHEMA, ENCODED, VALUES, penalty="l2")


def test_relaxed_forms_keep_the_features_and_lose_less() -> None:
    targets = MIXED["softmax"]
    path, _ = _linear_path(SCHEMA, ENCODED, targets, link="softmax")
    relaxed, _ = _relax(path, ENCODED, targets, strength=0)
    for tight, free in zip(path.forms, relaxed.forms, strict=True):
        assert free.features == tight.features
    assert (relaxed.losses <= path.losses + 1e-6).all()
    assert relaxed.losses[2] < path.losses[2] - 1e-3


def test_chosen_features_alone_are_fitted() -> None:
    part, _ = _fit_linear(SCHEMA, ENCODED, VALUES, features=(0, 2))
    small = ROWS[["age", "sex"]]
    schema = Schema.from_data(small)
    whole, _ = _fit_linear(schema, schema.encode(small), VALUES)
    assert part.features == (0, 2)
    np.testing.assert_allclose(part.predict(ROWS), whole.predict(small), atol=1e-6)
    none, _ = _fit_linear(SCHEMA, ENCODED, VALUES, features=())
    assert none.features == ()
    np.testing.assert_allclose(none.predict(ROWS)[0], VALUES.mean(axis=0), atol=1e-5)


def test_watched_errors_are_those_of_paired_rows() -> None:
    rows, targets = CODES[:100:5], SOFT[:100:5]
    path, _ = _linear_path(IRIS, CODES, SOFT, link="softmax", n_strengths=8)

    def score(outputs: Array) -> float:
        return -float(((outputs - targets) ** 2).sum(axis=1).mean())

    watched = _watch_path(path, rows, score)
    each = np.asarray(
        [-((form.predict(rows) - targets) ** 2).sum(axis=1) for form in path.forms]
    )
    np.testing.assert_allclose(watched.scores, each.mean(axis=1))
    more = each - each[each.mean(axis=1).argmax()]
    expected = more.std(axis=1, ddof=1) / np.sqrt(len(rows))
    np.testing.assert_allclose(watched.errors, expected, atol=1e-12)
    assert not watched.to_frame()["score"].isna().any()


def test_cross_validation_scores_rows_that_were_left_out() -> None:
    path, _ = _linear_path(IRIS, CODES, SOFT, link="softmax", n_strengths=5)
    used: list[NDArray[np.intp]] = []

    def fit_path(index: NDArray[np.intp]) -> LinearPath:
        used.append(index)
        known = path.strengths.tolist()
        return _linear_path(
            IRIS, CODES[index], SOFT[index], link="softmax", strengths=known
        )[0]

    scored = _cross_validate(path, fit_path, CODES, SOFT)
    total = np.zeros(len(path))
    for index in tuple(used):
        out = np.setdiff1d(np.arange(150), index)
        assert len(out) == 30
        forms = fit_path(index).forms
        total -= [
            _row_losses(form.margins(CODES[out]), SOFT[out], "softmax").sum()
            for form in forms
        ]
    used_out = np.concatenate([np.setdiff1d(np.arange(150), i) for i in used[:5]])
    np.testing.assert_array_equal(np.sort(used_out), np.arange(150))
    assert scored.scores is not None
    np.testing.assert_allclose(scored.scores, total / 150, atol=1e-9)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.floats(-1, 1), st.floats(0, 1)), min_size=1
    )
)
def test_the_fewest_terms_within_one_error_of_the_best(
    steps: list[tuple[int, float, float]],
) -> None:
    forms = []
    for n_terms, _, _ in steps:
        coefficients = np.zeros((len(IRIS) + 2, 1))
        coefficients[:n_terms] = 1
        schema = Schema.from_data(np.zeros((1, len(coefficients))))
        forms.append(Linear(schema, coefficients, np.zeros(1), np.zeros(6)))
    scores = np.asarray([step[1] for step in steps])
    errors = np.asarray([step[2] for step in steps])
    errors[scores.argmax()] = 0
    path = LinearPath(scores, tuple(forms), -scores, scores, errors)
    chosen = path.within_one_error()
    good = [i for i in range(len(steps)) if scores[i] >= scores.max() - errors[i]]
    assert chosen in good
    fewest = min(steps[i][0] for i in good)
    assert path.n_terms[chosen] == fewest
    assert scores[chosen] == max(scores[i] for i in good if steps[i][0] == fewest)


def test_a_path_without_scores_has_no_errors() -> None:
    path, _ = _linear_path(IRIS, CODES, SOFT, link="softmax", n_strengths=3)
    with pytest.raises(InputError, match="has no scores"):
        path.within_one_error()


# --- the student ------------------------------------------------------------------


@pytest.mark.parametrize("penalty", ["l2", "l1", "group"])
@pytest.mark.parametrize("budget", [1, 2, 4])
def test_the_student_keeps_its_budget(penalty: str, budget: int) -> None:
    student = LinearStudent(penalty, max_terms=budget).fit(ROWS, MIXED["softmax"])
    assert len(student.linear_.features) == min(budget, 3)  # "noise" and "kind" are so
    assert student.path_ is not None
    assert student.path_.to_frame()["n_terms"].max() <= budget


def test_auto_drops_what_is_noise() -> None:
    student = LinearStudent(max_terms="auto").fit(ROWS, VALUES)
    assert {SCHEMA.names[i] for i in student.linear_.features} == {"age", "home", "sex"}
    assert student.path_ is not None
    assert not student.path_.to_frame()["score"].isna().any()
    everything = LinearStudent().fit(ROWS, VALUES)
    assert everything.path_ is None
    assert len(everything.linear_.features) == 5


def test_auto_chooses_by_watched_rows() -> None:
    fitted, held = ROWS[:200], ROWS[200:]
    n_calls = 0

    def only_age(outputs: Array) -> float:
        nonlocal n_calls
        n_calls += 1
        assert outputs.shape == (100, 2)
        ages = held["age"].fillna(ROWS["age"].mean())
        return float(np.corrcoef(outputs[:, 0] + 1e-9 * ages, ages)[0, 1])

    watch = (held, only_age)
    student = LinearStudent(max_terms="auto").fit(fitted, VALUES[:200], watch=watch)
    assert n_calls > 0
    assert student.path_ is not None
    best = student.path_.scores.argmax()
    assert student.path_.n_terms[best] >= len(student.linear_.features)
    assert student.validation == "watch"
    assert LinearStudent(max_terms=2).validation == "none"


def test_watching_does_not_change_a_student_of_all_terms() -> None:
    watch = (ROWS, lambda outputs: float(outputs.mean()))
    watched = LinearStudent().fit(ROWS, VALUES, watch=watch)
    alone = LinearStudent().fit(ROWS, VALUES)
    np.testing.assert_array_equal(watched.predict(ROWS), alone.predict(ROWS))


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "best", True])
def test_wrong_budgets_are_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match="The 'max_terms' parameter of LinearStudent"):
        LinearStudent(max_terms=wrong).fit(ROWS, VALUES)
