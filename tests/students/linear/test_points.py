import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.datasets import load_breast_cancer, load_iris

from interpretkd._base import InputError
from interpretkd.data import Feature, Schema
from interpretkd.models import Linear, Points, Scorecard, read_scorecards
from interpretkd.students import LinearStudent
from interpretkd.students._linear.points import _fit_points
from interpretkd.students._linear.solvers import _fit_linear, _row_losses

Array = NDArray[np.float64]
nan = math.nan


def _by_hand(card: Scorecard, row: dict[str, Any]) -> float:
    """Add up a card as a reader does, from its table alone."""
    total = 0.0
    frame = card.to_frame()
    terms = dict(zip(frame["term"], frame["points"], strict=True))
    for term, points, step in frame.itertuples(index=False):
        if term == "(start)":
            total += points
        elif not math.isnan(step):
            if not pd.isna(row[term]):
                total += points * row[term] / step
        elif term.endswith(" is missing"):
            total += points * pd.isna(row[term.removesuffix(" is missing")])
        else:
            name, level = term.split(" is ", maxsplit=1)
            total += points * (row[name] == level)
    assert len(terms) == len(frame)
    return total


def _rows(n_rows: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    age = rng.normal(40, 11, n_rows)
    age[::7] = nan
    home = rng.choice(["own", "rent", "free"], n_rows).astype(object)
    home[::11] = None
    return pd.DataFrame(
        {
            "age": age,
            "home": home,
            "sex": rng.choice(["f", "m"], n_rows),
            "income": np.exp(rng.normal(8, 1, n_rows)),
            "children": rng.integers(0, 4, n_rows),
        }
    )


ROWS = _rows()
_MARGINS = np.column_stack(
    [
        (ROWS["age"].fillna(60) - 40) / 10 + 2 * (ROWS["home"] == "own"),
        1.5 * (ROWS["sex"] == "m") - (ROWS["home"] == "free"),
        ROWS["children"] - np.log(ROWS["income"]) / 4,
    ]
).astype(float)
TARGETS = {
    "two classes": softmax(_MARGINS[:, :2], axis=1),
    "three classes": softmax(_MARGINS, axis=1),
    "labels": expit(_MARGINS),
    "values": _MARGINS * [1.0, 1000.0, 1e-3],
}
LOSSES = {"labels": "sigmoid", "values": "squared_error"}


def _student(kind: str, **settings: Any) -> LinearStudent:
    student = LinearStudent(points=True, loss=LOSSES.get(kind, "softmax"), **settings)
    return student.fit(ROWS, TARGETS[kind])


@pytest.mark.parametrize("max_points", [3, 10])
@pytest.mark.parametrize("kind", list(TARGETS))
def test_adding_up_by_hand_is_predicting(kind: str, max_points: int) -> None:
    student = _student(kind, max_points=max_points)
    cards = student.scorecards_
    assert len(cards) == (1 if kind == "two classes" else 3)
    rows = ROWS[:60].to_dict("records")
    values = np.asarray(
        [[card.value(_by_hand(card, row)) for card in cards] for row in rows]
    )
    predicted = student.predict(ROWS[:60])
    if kind == "two classes":
        predicted = predicted[:, 1:]
    if kind == "three classes":
        values /= values.sum(axis=1, keepdims=True)
    scale = np.abs(predicted).max(axis=0)
    np.testing.assert_allclose(values / scale, predicted / scale, atol=1e-5)


@pytest.mark.parametrize("kind", list(TARGETS))
def test_points_are_whole_and_within_bounds(kind: str) -> None:
    linear = _student(kind, max_points=4).linear_
    points = linear.points
    assert points is not None
    assert 0 < np.abs(points).max() <= 4
    assert linear.steps is not None
    assert linear.multiplier is not None
    exact = linear.coefficients * linear.steps[:, None] / linear.multiplier
    np.testing.assert_allclose(exact, points, atol=1e-9)


def test_steps_are_readable() -> None:
    cards = _student("values").scorecards_
    steps = {row.term: row.step for card in cards for row in card.rows}
    assert steps["age"] == 10
    assert steps["children"] == 1  # its standard deviation is 1.1
    assert steps["income"] in (2000, 5000)
    assert steps["sex is m"] is None
    X = load_breast_cancer().data
    linear = LinearStudent(points=True).fit(X, X[:, :1] * [[1.0, 2.0]]).linear_
    assert linear.steps is not None
    for step, spread in zip(linear.steps, X.std(axis=0), strict=True):
        assert f"{step:e}"[0] in "125"
        assert f"{step:e}"[1:8] == ".000000"
        assert 0.5 < step / spread < 2


def test_a_count_is_not_cut_into_fractions() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2, size=(100, 2)) * [1, 1] + [0, 7]
    student = LinearStudent(points=True).fit(rows, rows @ [1.0, 2.0])
    assert [row.step for row in student.scorecards_[0].rows] == [1.0, 1.0]


def _objective(
    linear: Linear, X: Any, targets: Array, weight: Array, strength: float
) -> float:
    """Compute what the points make small, without the search's help."""
    columns = linear.schema.columns(indicate_missing=True)
    assert len(columns) == X.shape[1]  # numbers only
    mean = weight @ X / weight.sum()
    spread = np.sqrt(weight @ (X - mean) ** 2 / weight.sum())
    losses = _row_losses(linear.margins(X), targets, linear.link)
    coefficients = linear.coefficients * spread[:, None]
    if linear.link == "softmax" and linear.n_outputs == 2:
        coefficients = coefficients[:, 1:] - coefficients[:, :1]
    penalty = 0.5 * strength * float((coefficients**2).sum())
    return float(weight @ losses / weight.sum()) + penalty


@given(
    st.integers(0, 10_000),
    st.sampled_from(["identity", "softmax", "sigmoid"]),
    st.integers(1, 3),
    st.integers(1, 8),
    st.booleans(),
)
@settings(max_examples=30)
def test_never_worse_than_plain_rounding(
    seed: int, link: str, n_outputs: int, max_points: int, weighted: bool
) -> None:
    rng = np.random.default_rng(seed)
    n_outputs += link == "softmax"
    X = (rng.normal(size=(60, 4)) * [1, 30, 0.1, 4]).astype(np.float32)
    margins = X / X.std(axis=0) @ rng.normal(size=(4, n_outputs)) * 2
    targets = {"identity": margins, "softmax": softmax(margins, axis=1)}.get(
        link, expit(margins)
    )
    weight = rng.integers(1, 4, size=60) * 1.0 if weighted else np.ones(60)
    schema = Schema.from_data(X)
    codes = schema.encode(X)
    linear, _ = _fit_linear(schema, codes, targets, weight, link=link)
    found = _fit_points(linear, codes, targets, weight, max_points=max_points)
    assert found.steps is not None
    assert found.points is not None
    assert np.abs(found.points).max() <= max_points
    exact = linear.coefficients * found.steps[:, None]
    pairs = link == "softmax" and n_outputs == 2
    together = exact[:, 1] - exact[:, 0] if pairs else exact
    worth = np.abs(together).max(axis=None if link == "softmax" else 0) / max_points
    points = np.rint(together / worth)
    if pairs:
        points = np.column_stack([-0.5 * points, 0.5 * points])
    rounded = points * worth / found.steps[:, None]
    shift = weight @ X.astype(float) / weight.sum() @ (linear.coefficients - rounded)
    plain = Linear(schema, rounded, linear.intercept + shift, linear.fill, link)
    ours = _objective(found, codes.astype(float), targets, weight, 1e-4)
    theirs = _objective(plain, codes.astype(float), targets, weight, 1e-4)
    assert ours <= theirs + 1e-7


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("link", ["identity", "sigmoid"])
def test_small_cards_are_as_good_as_any(seed: int, link: str) -> None:
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 2, size=(80, 3)).astype(np.float32)
    margins = X @ rng.normal(size=(3, 1)) * 2 + rng.normal(size=(80, 1))
    targets = margins if link == "identity" else expit(margins)
    schema = Schema.from_data(X)
    linear, _ = _fit_linear(schema, X, targets, link=link)
    found = _fit_points(linear, X, targets, max_points=2, strength=0)
    values = []
    for points in itertools.product(range(-2, 3), repeat=3):
        total = X @ np.asarray(points, dtype=float)
        values.append(_best_of_scale(total, targets[:, 0], link))
    ours = _row_losses(found.margins(X), targets, link).mean()
    assert ours <= min(values) + 1e-6


def _best_of_scale(total: Array, target: Array, link: str) -> float:
    """Fit multiplier and intercept by scipy (squares: in closed form)."""
    from scipy.optimize import minimize

    def loss(scale: Array) -> float:
        margins = (scale[0] * total + scale[1])[:, None]
        return float(_row_losses(margins, target[:, None], link).mean())

    return float(minimize(loss, np.zeros(2), method="BFGS").fun)


def test_points_lose_little() -> None:
    X, y = load_iris(return_X_y=True)
    targets = softmax(2 * np.eye(3)[y] + np.random.default_rng(0).normal(size=(150, 3)))
    targets /= targets.sum(axis=1, keepdims=True)
    schema = Schema.from_data(X)
    codes = schema.encode(X)
    linear, _ = _fit_linear(schema, codes, targets, link="softmax")
    losses = [
        _row_losses(form.margins(X), targets, "softmax").mean()
        for form in (
            linear,
            _fit_points(linear, codes, targets, max_points=10),
            _fit_points(linear, codes, targets, max_points=1),
        )
    ]
    assert losses[0] <= losses[1] <= losses[0] + 0.002
    assert losses[1] < losses[2] < losses[0] + 0.1


def test_features_without_a_coefficient_get_no_points() -> None:
    student = _student("three classes", max_terms=2)
    assert len(student.linear_.features) <= 2
    terms = {row.term.split(" is ")[0] for c in student.scorecards_ for row in c.rows}
    assert len(terms) <= 2


def test_a_separable_card_stays_finite() -> None:
    X = np.arange(20.0)[:, None]
    student = LinearStudent(points=True, loss="softmax")
    student.fit(X, np.eye(2)[(X[:, 0] > 9).astype(int)])
    (card,) = student.scorecards_
    assert [row.points for row in card.rows] == [1]
    assert card.value(_by_hand(card, {"x0": 0.0})) < 0.01
    assert card.value(_by_hand(card, {"x0": 19.0})) > 0.99


def test_nothing_to_learn_is_an_empty_card() -> None:
    student = LinearStudent(points=True).fit(ROWS, np.full(len(ROWS), 7.0))
    (card,) = student.scorecards_
    assert card.rows == ()
    assert card.value(card.base) == pytest.approx(7)


@pytest.mark.parametrize("kind", list(TARGETS))
def test_cards_survive_the_arrays(kind: str) -> None:
    linear = _student(kind).linear_
    back = Linear.from_arrays(linear.schema, linear.to_arrays(), linear.link)
    assert read_scorecards(back) == read_scorecards(linear)
    np.testing.assert_array_equal(back.predict(ROWS), linear.predict(ROWS))


def test_a_form_without_points_has_no_card() -> None:
    with pytest.raises(InputError, match="fit LinearStudent with points=True"):
        _ = LinearStudent().fit(ROWS, TARGETS["values"]).scorecards_


def test_cards_bear_the_names_of_their_outputs() -> None:
    three = read_scorecards(_student("three classes").linear_, ["a", "b", "c"])
    assert [card.name for card in three] == ["a", "b", "c"]
    assert {card.multiplier for card in three} == {three[0].multiplier}
    (two,) = read_scorecards(_student("two classes").linear_, ["good", "bad"])
    assert (two.name, two.link) == ("bad", "sigmoid")


@pytest.mark.parametrize("kind", list(TARGETS))
def test_the_table_says_what_totals_mean(kind: str) -> None:
    for card in _student(kind).scorecards_:
        table = card.table
        assert 5 <= len(table) <= 22
        meaning = table.columns[1]
        assert meaning == {"values": "value", "three classes": "odds"}.get(
            kind, "probability"
        )
        assert (np.diff(table["total"]) == np.diff(table["total"])[0]).all()
        assert (np.diff(table[meaning]) > 0).all()
        for total, value in table.itertuples(index=False):
            assert value == card.value(total)
        if meaning == "probability":
            assert 0.01 <= table[meaning].min() < 0.1
            assert 0.9 < table[meaning].max() <= 0.99


@given(
    st.floats(1e-6, 1e6), st.floats(-1e4, 1e4), st.sampled_from(["sigmoid", "identity"])
)
def test_tables_are_short_whatever_the_multiplier(
    multiplier: float, logit: float, link: str
) -> None:
    base = round(logit / multiplier)
    rest = logit - base * multiplier
    card = Scorecard("any", (), base, multiplier, rest, link)
    assert len(card.table) <= 22
    assert card.to_text().startswith("Scorecard of any")


def test_the_text_shows_every_term_in_a_line_of_its_own() -> None:
    rows = (Points("a\nb\x1b[31m", 2, 0.5), Points("c is\t<b>", -10))
    text = Scorecard("x\ny", rows, -3, 0.3, 0.1).to_text()
    lines = text.splitlines()
    assert lines[0] == "Scorecard of x y"
    assert lines[1].split() == ["start", "-3"]
    assert lines[2].split() == ["a", "b", "[31m,", "for", "every", "0.5", "+2"]
    assert lines[3].startswith("  c is <b>")
    assert lines[3].endswith("-10")
    assert "\x1b" not in text


def test_a_number_never_seen_missing_counts_in_whole_steps() -> None:
    student = _student("values")
    linear = student.linear_
    assert linear.steps is not None
    place = linear.terms.index("income")
    ratio = linear.fill[place] / linear.steps[place]
    assert ratio == round(ratio)
    gap = ROWS.iloc[[1]].assign(income=nan)
    known = gap.assign(income=linear.fill[place])
    np.testing.assert_allclose(student.predict(gap), student.predict(known))


def test_weights_equal_repetition() -> None:
    times = np.random.default_rng(3).integers(0, 4, size=len(ROWS))
    again = np.repeat(np.arange(len(ROWS)), times)
    settings = {"points": True, "max_points": 5, "strength": 1e-2}
    targets = TARGETS["three classes"]
    weighted = LinearStudent(**settings).fit(ROWS, targets, times)
    repeated = LinearStudent(**settings).fit(ROWS.iloc[again], targets[again])
    np.testing.assert_array_equal(weighted.linear_.points, repeated.linear_.points)
    np.testing.assert_allclose(
        weighted.predict(ROWS), repeated.predict(ROWS), atol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "wrong"), [("points", 1), ("max_points", 0), ("max_points", 2.0)]
)
def test_wrong_settings_are_refused(name: str, wrong: Any) -> None:
    with pytest.raises(InputError, match=f"The '{name}' parameter of LinearStudent"):
        LinearStudent(**{name: wrong}).fit(ROWS, TARGETS["values"])
    if name == "max_points":
        schema = Schema((Feature("x"),))
        linear = Linear(schema, np.ones((1, 1)), np.zeros(1), np.zeros(1))
        with pytest.raises(InputError, match="'max_points' parameter of fit_points"):
            _fit_points(
                linear, np.ones((2, 1), np.float32), np.ones((2, 1)), max_points=wrong
            )
