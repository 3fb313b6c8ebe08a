"""Linear students read aloud: every sum is the model's own."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.explain import linear_terms, model_scorecards, points_text
from interpretkd.models import Scorecard, design_matrix
from interpretkd.students import BoostedStudent, LinearStudent
from interpretkd.targets import probabilities


@pytest.fixture(scope="module")
def german_model(german: Any, german_teacher: Any) -> Any:
    def fit(student: Any, **settings: Any) -> Any:
        X = german.data.iloc[german.split().train]
        teacher = FrozenEstimator(german_teacher)
        model = DistilledClassifier(teacher, student, random_state=0, **settings)
        return model.fit(X)

    return fit


def test_contributions_add_up_to_the_logit(german: Any, german_model: Any) -> None:
    model = german_model(LinearStudent(max_terms=6), target="soft", temperature=2.0)
    added = linear_terms(model, german.data)
    logits = model.logits(german.data)
    np.testing.assert_allclose(added.sums[:, 0], logits[:, 1] - logits[:, 0], atol=1e-9)
    train = linear_terms(model, german.data.iloc[german.split().train])
    np.testing.assert_allclose(train.values.mean(axis=0), 0, atol=1e-6)
    row = added.to_frame(row=3)
    assert row["contribution"].sum() + added.base[0] == pytest.approx(added.sums[3, 0])
    assert row["contribution"].abs().is_monotonic_decreasing
    assert set(row["feature"]) == set(added.importances()["feature"])
    assert len(row) == len(model.student_.form_.features)
    whole = added.to_frame()
    np.testing.assert_allclose(whole.loc[3, row["feature"]], row["contribution"])
    first, _, head, *_ = str(added).splitlines()
    base = f"{added.base[0]:+.4g}"
    assert first == f"Intercept, for a mean row: the logit of good {base}."
    assert head == "Contribution of one standard deviation (and of one unit):"


def _least(model: Any) -> float:
    """Return what the limit of a model's probabilities can add to one of three."""
    return 1e-6 + 2 * 1e-6 ** float(model.reading_.temperature)


@pytest.mark.parametrize("penalty", ["l1", "l2", "group"])
def test_of_several_classes_each_has_its_own(penalty: str) -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    student = LinearStudent(penalty, max_terms=3)
    model = DistilledClassifier(teacher, student, target="soft", random_state=0)
    added = linear_terms(model.fit(X), X)
    np.testing.assert_allclose(
        probabilities(added.sums), model.predict_proba(X), atol=_least(model)
    )
    assert added.to_frame().shape == (150, 12)
    assert list(added.to_frame(0).columns[2:]) == [
        f"contribution to {i}" for i in range(3)
    ]
    # Not centred: what a sparse penalty set to 0 stays 0.
    assert len(added.table) == np.count_nonzero(model.student_.linear_.coefficients)


def test_the_table_is_standardised(gaps: Any) -> None:
    X = gaps[["age_in_years", "purpose"]]
    y = X["age_in_years"].fillna(80.0) * 2
    student = LinearStudent(strength=0).fit(X, y)
    added = linear_terms(student, X)
    table = added.table
    form = student.linear_
    matrix = design_matrix(form.schema, form.schema.encode(X), form.fill)
    place = [form.terms.index(term) for term in table["term"]]
    np.testing.assert_allclose(table["deviation"], matrix.std(axis=0)[place])
    np.testing.assert_allclose(table["coefficient"], form.coefficients[place, 0])
    assert table["standardised"].abs().is_monotonic_decreasing
    assert set(table["term"][:2]) == {"age_in_years", "age_in_years is missing"}
    assert added.to_frame(0).set_index("feature")["value"]["age_in_years"] == "missing"
    single = added.importances().set_index("feature")["strength"]["age_in_years"]
    own = added.to_frame()["age_in_years"]
    assert single == pytest.approx(own.std(ddof=0))


def by_hand(card: Scorecard, model: Any, X: Any) -> Any:
    """Add up points as a reader does."""
    totals = np.full(len(X), float(card.base))
    for row in card.rows:
        if row.step is not None:
            totals += row.points * X[row.term] / row.step
        else:
            name, level = row.term.split(" is ", 1)
            totals += row.points * (X[name].astype(str) == level)
    return totals


def test_a_distilled_model_has_scorecards_with_names(
    german: Any, german_model: Any
) -> None:
    student = LinearStudent(max_terms=5, points=True)
    model = german_model(student, target="soft", temperature=2.0)
    X = german.data.iloc[:50]
    (card,) = model_scorecards(model)
    assert card.name == str(model.classes_[1])
    totals = by_hand(card, model, X)
    np.testing.assert_allclose(
        [card.value(total) for total in totals], model.predict_proba(X)[:, 1], atol=1e-5
    )
    lines = points_text(card).splitlines()
    assert len(lines) == len(card.rows) + 2
    assert lines[0] == f"Start with {card.base} points."
    even = float(lines[-1].split("above ")[1].split(" ")[0])
    assert card.value(even) == pytest.approx(0.5, abs=0.01)


def test_scorecards_of_values_labels_and_classes() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    teacher = FrozenEstimator(Ridge().fit(X, y))
    student = LinearStudent(max_terms=3, points=True)
    model = DistilledRegressor(teacher, student, random_state=0).fit(X)
    (card,) = model_scorecards(model)
    values = [card.value(total) for total in by_hand(card, model, X)]
    np.testing.assert_allclose(values, model.predict(X))
    assert "times the total" in points_text(card)
    added = linear_terms(model, X)
    np.testing.assert_allclose(added.sums[:, 0], model.predict(X))
    X, y = load_iris(return_X_y=True, as_frame=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    model = DistilledClassifier(teacher, student, target="soft", random_state=0).fit(X)
    cards = model_scorecards(model)
    odds = np.column_stack(
        [[card.value(t) for t in by_hand(card, model, X)] for card in cards]
    )
    np.testing.assert_allclose(
        odds / odds.sum(axis=1, keepdims=True),
        model.predict_proba(X),
        atol=_least(model),
    )
    assert "for each class" in points_text(cards[0])
    labels = np.column_stack([y > 0, y > 1]).astype(int)
    forest = RandomForestClassifier(20, random_state=0).fit(X, labels)
    student = LinearStudent(points=True, loss="sigmoid")
    model = DistilledClassifier(FrozenEstimator(forest), student, random_state=0)
    model.set_params(target="soft", temperature=2.0).fit(X)
    assert [card.name for card in model_scorecards(model)] == ["0", "1"]
    for i, card in enumerate(model_scorecards(model)):
        chances = [card.value(total) for total in by_hand(card, model, X)]
        said = model.predict_proba(X)[:, i]
        np.testing.assert_allclose(chances, said, atol=_least(model))


def test_hostile_names_stay_text() -> None:
    hostile = '<img src=x onerror=alert(1)>"\n|=1+1 %_#$\\'
    X = pd.DataFrame({hostile: [1.0, 2, 3, 4] * 5, "b": [hostile, "\u202eم"] * 10})
    student = LinearStudent(points=True).fit(X, X[hostile] + (X["b"] == hostile))
    added = linear_terms(student, X)
    assert "<img" not in added._repr_html_()
    assert all(line.isprintable() for line in str(added).splitlines())
    assert len(str(added).splitlines()) == 3 + len(added.table)
    (card,) = model_scorecards(student)
    lines = points_text(card).splitlines()
    assert len(lines) == len(card.rows) + 2
    assert all(line.isprintable() for line in lines)


def test_what_cannot_be_used_is_refused(german: Any, german_model: Any) -> None:
    X = german.data.iloc[:50]
    boosted = german_model(BoostedStudent(3), target="soft")
    with pytest.raises(InputError, match=r"LinearStudent.*Got BoostedStudent"):
        linear_terms(boosted, X)
    linear = german_model(LinearStudent(), target="soft")
    with pytest.raises(InputError, match="points=True"):
        model_scorecards(linear)
    with pytest.raises(InputError, match="at least one row"):
        linear_terms(linear, X.iloc[:0])
    with pytest.raises(InputError, match=r"'row' parameter.*\[0, 49\]"):
        linear_terms(linear, X).to_frame(row=50)
