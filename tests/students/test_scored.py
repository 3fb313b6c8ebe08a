"""Trees of scores: no worse than single columns, told as they decide."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from interpretkd._base import InputError
from interpretkd.data import Schema
from interpretkd.datasets import load_digits
from interpretkd.distillation import DistilledClassifier
from interpretkd.models import ScoredTree
from interpretkd.students import CartStudent, ScoredTreeStudent
from interpretkd.students._scored.addends import Addends


def sums(n_rows: int = 400, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows that one test of a sum parts, and no test of a column."""
    X = np.random.default_rng(seed).integers(0, 30, (n_rows, 4)).astype(float)
    y = 2 * X[:, 0] + X[:, 1] - 3 * X[:, 2] > 4
    return X, np.column_stack([~y, y]).astype(float)


def mixed(n_rows: int = 300, seed: int = 0) -> tuple[pd.DataFrame, NDArray[Any]]:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "amount": rng.lognormal(8, 1, n_rows).round(2),
            "age": rng.integers(18, 80, n_rows).astype(float),
            "home": rng.choice(["own", "rent", "free"], n_rows),
            "share": rng.random(n_rows) / 100,
            "since": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 900, n_rows), "D"),
        }
    )
    z = rows["amount"] / 3000 + rows["age"] / 20 + 1.5 * (rows["home"] == "rent")
    z = (z + 100 * rows["share"] + (rows["since"] > "2021-06-01")).to_numpy()
    rows.loc[rng.random(n_rows) < 0.1, "age"] = np.nan
    rows.loc[rng.random(n_rows) < 0.1, "home"] = None
    return rows, z


def test_a_sum_that_parts_the_rows_is_found() -> None:
    X, Y = sums()
    tree = ScoredTreeStudent(2).fit(X, Y).tree_
    assert tree.schema.names == ("3 x x2 - 2 x x0 - 1 x x1",)
    assert (tree.predict(X) == Y).all()
    assert tree.n_terms == 3


@pytest.mark.parametrize("kind", ["decisions", "values"])
def test_it_loses_no_more_than_the_tree_it_begins_with(kind: str) -> None:
    rows, z = mixed()
    target = z if kind == "values" else np.column_stack([z > 5, z <= 5]).astype(float)
    greedy = CartStudent(6, search="greedy").fit(rows, target)
    scored = ScoredTreeStudent(6).fit(rows, target)
    losses = scored.search_.to_frame()["loss"]
    assert losses[1:].min() < losses[0]

    def loss(student: Any) -> float:
        if kind == "values":
            return float(((student.predict(rows) - z) ** 2).mean())
        return float(
            (student.predict(rows).argmax(axis=1) != target.argmax(axis=1)).mean()
        )

    assert loss(scored) < loss(greedy)
    assert loss(scored) == pytest.approx(losses.min())


def test_one_column_is_the_refined_tree() -> None:
    rows, z = mixed()
    refined = CartStudent(5, search="refined").fit(rows, z)
    scored = ScoredTreeStudent(5, max_columns=1).fit(rows, z)
    assert str(scored.tree_) == str(refined.tree_)
    np.testing.assert_array_equal(scored.predict(rows), refined.predict(rows))


def test_what_is_told_is_what_decides() -> None:
    """The printed sums, added up by hand, send every row where the tree sends it."""
    rows, z = mixed()
    student = ScoredTreeStudent(8, max_columns=4, random_state=1).fit(rows, z)
    tree = student.tree_
    schema = tree.scored_schema
    codes = schema.given.encode(rows)
    seen = schema.see(codes)
    assert schema.scores
    for i, score in enumerate(schema.scores):
        column = seen[:, len(schema.plain) + i]
        by_hand = [sum(p for _, p in score.parts(schema.given, row)) for row in codes]
        np.testing.assert_allclose(column, by_hand, rtol=1e-6, atol=1e-5)
        nodes = np.flatnonzero(tree.nodes.feature == len(schema.plain) + i)
        for threshold in tree.nodes.threshold[nodes]:
            np.testing.assert_array_equal(column <= threshold, by_hand <= threshold)


def test_the_limits_are_kept() -> None:
    rows, z = mixed()
    student = ScoredTreeStudent(
        6, max_columns=2, max_points=3, min_samples_leaf=12
    ).fit(rows, z)
    tree = student.tree_
    assert tree.n_leaves <= 6
    assert tree.support is not None
    assert tree.support[tree.nodes.is_leaf].min() >= 12
    for score in tree.scored_schema.scores:
        assert len(score.terms) <= 2
        assert all(abs(t.points) <= 3 for t in score.terms if t.is_set or t.tens)


def test_dates_and_long_numbers_stand_alone() -> None:
    rows, z = mixed()
    rows["stamp"] = 1_700_000_000 + np.arange(len(rows))
    tree = ScoredTreeStudent(6, max_columns=4).fit(rows, z).tree_
    alone = {rows.columns.get_loc("since"), rows.columns.get_loc("stamp")}
    for score in tree.scored_schema.scores:
        assert not alone & set(score.columns)


def test_units_far_apart_are_not_added_up() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.random(200) * 1e-9, rng.random(200) * 1e9])
    y = X[:, 0] * 1e9 + X[:, 1] / 1e9
    tree = ScoredTreeStudent(4, max_columns=2).fit(X, y).tree_
    assert tree.n_leaves == 4


def addends_of(rows: pd.DataFrame) -> Addends:
    schema = Schema.from_data(rows)
    return Addends.of(schema, schema.encode(rows), np.ones(len(rows)))


def test_categories_of_the_same_points_are_one_term() -> None:
    rng = np.random.default_rng(0)
    home = rng.choice(["free", "own", "rent"], 90)
    addends = addends_of(pd.DataFrame({"home": home, "age": rng.integers(18, 80, 90)}))
    free, own, rent, age = range(4)
    said = addends.score((free, own, age), (3, 3, 1)).text(addends.schema)
    assert said == "1 x (age / 10) + (3 if home is not rent)"
    said = addends.score((free, own, age), (4, 2, 2)).text(addends.schema)
    assert said == "1 x (age / 10) + (2 if home is free) + (1 if home is own)"
    every = addends.score((free, own, rent, age), (3, 3, 3, 1))
    assert every.text(addends.schema) == "1 x (age / 10)"


def test_numbers_are_added_in_powers_of_ten() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "amount": rng.normal(0, 3000, 90),
            "age": rng.normal(0, 12, 90),
            "share": rng.normal(0, 0.01, 90),
        }
    )
    addends = addends_of(rows)
    assert addends.tens.tolist() == [3, 1, -2]
    said = addends.score((0, 1), (2, -1)).text(addends.schema)
    assert said == "2 x (amount / 100) - 1 x age"
    said = addends.score((1, 2), (4, 2)).text(addends.schema)
    assert said == "2 x (age / 1000) + 1 x share"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.booleans())
def test_every_row_goes_where_it_went_while_the_tree_was_sought(
    seed: int, n_leaves: int, weighted: bool
) -> None:
    rng = np.random.default_rng(seed)
    rows, z = mixed(60, seed)
    weight = rng.integers(1, 4, 60).astype(float) if weighted else None
    student = ScoredTreeStudent(n_leaves, max_columns=3).fit(rows, z, weight)
    told = student.search_.to_frame()["loss"].min()
    error = (student.predict(rows) - z) ** 2
    assert np.average(error, weights=weight) == pytest.approx(told)


def test_pixels_share_one_unit() -> None:
    digits = load_digits()
    codes = digits.schema.encode(digits.data)
    addends = Addends.of(digits.schema, codes, np.ones(len(codes)))
    assert len(set(addends.tens[codes.any(axis=0)].tolist())) == 1


def test_images_are_scored_and_rules_read() -> None:
    digits = load_digits()
    X, y = digits.data[:600], digits.target[:600]
    Y = np.eye(10)[np.asarray(y, dtype=int)]
    axis = CartStudent(16, search="greedy").fit(X, Y)
    scored = ScoredTreeStudent(16).fit(X, Y)
    others, truth = digits.data[600:], np.asarray(digits.target[600:], dtype=int)
    right = [(s.predict(others).argmax(axis=1) == truth).mean() for s in (axis, scored)]
    assert right[1] > right[0] + 0.03


def test_weights_count() -> None:
    X, Y = sums()
    other = np.random.default_rng(1).random((400, 2)).round()
    rows, targets = np.vstack([X, X]), np.vstack([Y, other])
    weight = np.repeat([1.0, 0.0], 400)
    one = ScoredTreeStudent(2).fit(rows, targets, sample_weight=weight)
    assert str(one.tree_) == str(ScoredTreeStudent(2).fit(X, Y).tree_)


def test_a_clock_that_runs_out_is_told() -> None:
    X, Y = sums()
    ScoredTreeStudent(2).fit(X, Y)  # compiled
    student = ScoredTreeStudent(8, time_limit=1e-9).fit(X, Y)
    assert not student.search_.in_time
    assert student.tree_.n_leaves >= 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_leaves": 1}, "max_leaves"),
        ({"max_leaves": "auto"}, "max_leaves"),
        ({"max_columns": 0}, "max_columns"),
        ({"max_points": 0}, "max_points"),
        ({"max_points": 1001}, "max_points"),
        ({"objective": "all"}, "objective"),
        ({"time_limit": 0}, "time_limit"),
    ],
)
def test_parameters_out_of_range_are_refused(settings: Any, words: str) -> None:
    X, Y = sums(20)
    with pytest.raises(InputError, match=f"'{words}' parameter of ScoredTreeStudent"):
        ScoredTreeStudent(**settings).fit(X, Y)


def test_it_is_taught_by_a_teacher() -> None:
    rows, z = mixed(400)
    rows = rows[["amount", "share"]].assign(age=rows["age"].fillna(40))
    y = np.where(z > np.median(z), "bad", "good")
    teacher = LogisticRegression(max_iter=5000).fit(rows, y)
    student = ScoredTreeStudent(4)
    model = DistilledClassifier(FrozenEstimator(teacher), student, random_state=0)
    model.fit(rows, y)
    assert isinstance(model.tree_, ScoredTree)
    assert model.baseline_ is not None
    assert model.fidelity(rows).value > 0.9
    rules = model.rules(rows, y)
    covered = sum(rule.n_rows for rule in rules)
    assert covered == len(rows)
    reached = rules[0].conditions[0]
    assert " x " in str(reached)
    model.export("sql", rows)  # which is compared with the student before it is made
    explained = model.explain(rows.iloc[0])
    assert any(" x " in step.feature for step in explained.steps)


def test_the_schema_that_is_learnt_is_that_of_the_rows() -> None:
    rows, z = mixed()
    student = ScoredTreeStudent(4).fit(rows, z)
    assert student.schema_ == Schema.from_data(rows)
    assert student.n_features_in_ == rows.shape[1]


def test_float32_rows_are_added_up_like_others() -> None:
    """Such an array is its own codes, but for a tree of sums these are not enough."""
    X = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    y = (X[:, 0] + X[:, 1] > 0).astype(float)
    student = ScoredTreeStudent(2).fit(X, np.column_stack([1 - y, y]))
    np.testing.assert_array_equal(
        student.predict(X), student.predict(X.astype(np.float64))
    )
    assert (student.predict(X).argmax(1) == y).mean() > 0.9
