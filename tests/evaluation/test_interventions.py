from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.evaluation import interventions
from interpretkd.models import Condition, codes_seen, columns_of
from interpretkd.rules import extract_rules
from interpretkd.runs import load, save
from interpretkd.students import CartStudent, LinearStudent, ScoredTreeStudent
from tests.students.cart.small_trees import HOSTILE


def _twins(n: int = 600) -> Any:
    """Two columns that go together; a teacher that reads the second alone."""
    rng = np.random.default_rng(0)
    cause = rng.uniform(size=n)
    X = np.column_stack([cause, cause, rng.uniform(size=n)])
    y = (cause > 0.5).astype(int)
    reads_second = DecisionTreeClassifier(random_state=0).fit(X * [0, 1, 0], y)
    assert reads_second.tree_.feature[0] == 1
    return X, y, FrozenEstimator(reads_second)


def _reading(X: Any, teacher: Any, column: int) -> Any:
    """Fit a student of fidelity 1 that reads one of the two columns."""
    cost = np.full(3, 1e6)
    cost[column] = 0
    student = CartStudent(2, search="greedy", feature_cost=cost)
    model = DistilledClassifier(teacher, student, transfer=None, random_state=0)
    model.fit(X)
    assert model.tree_.nodes.feature[0] == column
    assert model.fidelity(X).value == 1
    return model


def test_a_faithful_tree_that_the_teacher_does_not_follow_is_found() -> None:
    X, _, teacher = _twins()
    told, wrong = (interventions(_reading(X, teacher, column), X) for column in (1, 0))
    for rule in told.rules:
        assert rule.fidelity.value == rule.follows.value == rule.moved.value == 1
        assert rule.before.value == 0
        assert rule.breaks[0].student.value == rule.breaks[0].teacher.value == 1
        assert rule.breaks[0].together.value == 1
    for rule in wrong.rules:
        assert rule.fidelity.value == 1
        assert rule.follows.value == rule.moved.value == rule.before.value == 0
        assert rule.breaks[0].student.value == 1
        assert rule.breaks[0].teacher.value == rule.breaks[0].together.value == 0
        # Rows off the diagonal that all given ones lie on.
        assert rule.unusual > 0.5
    assert (told.follows, wrong.follows) == (1, 0)
    assert wrong.before == 0
    assert "0.0% like it" in wrong.sentence


@pytest.mark.parametrize(
    "student", [CartStudent(5, search="greedy"), ScoredTreeStudent(5)]
)
def test_changed_rows_satisfy_the_rule_and_only_tested_columns_change(
    german: Any, german_teacher: Any, monkeypatch: Any, student: CartStudent
) -> None:
    X = german.data
    model = DistilledClassifier(
        FrozenEstimator(german_teacher), student, transfer=None, random_state=0
    ).fit(X)
    asked: list[Any] = []
    logits = type(model.teacher_).logits

    def note(teacher: Any, rows: Any) -> Any:
        asked.append(rows)
        return logits(teacher, rows)

    known = model.teacher_.logits(X)
    monkeypatch.setattr(type(model.teacher_), "logits", note)
    found = interventions(model, X, teacher_logits=known, n_rows=40)
    rules = extract_rules(model, X, teacher_logits=known)
    # For each rule first the rows that are made to satisfy it, then its conditions.
    calls = iter(asked)
    for rule, done in zip(rules, found.rules, strict=True):
        assert done.n_rows == 40
        assert done.rule == rule.condition_text
        assert done.fidelity == rule.fidelity
        tested = {
            n for condition in rule.conditions for n in names_of(model, condition)
        }
        rows = next(calls)
        others = [name for name in X if name not in tested]
        assert (rules.apply(rows) == rules.rules.index(rule)).all()
        pd.testing.assert_frame_equal(
            rows[others].astype(object), X.loc[rows.index, others].astype(object)
        )
        covered = X[rules.apply(X) == rules.rules.index(rule)]
        names = sorted(tested)
        together = set(covered[names].itertuples(index=False, name=None))
        assert set(rows[names].itertuples(index=False, name=None)) <= together
        decided = model.classes_[logits(model.teacher_, rows).argmax(axis=1)]
        follows = (decided == rule.prediction).mean()
        assert done.follows.value == pytest.approx(follows)
        for condition, one in zip(rule.conditions, done.breaks, strict=True):
            rows = next(calls)
            assert one.n_rows == len(rows)
            assert not condition.holds(codes_seen(model, rows)).any()
            broken = names_of(model, condition)
            others = [name for name in X if name not in broken]
            pd.testing.assert_frame_equal(
                rows[others].astype(object), X.loc[rows.index, others].astype(object)
            )
            before = model.predict(X.loc[rows.index])
            changed = (model.predict(rows) != before).mean()
            assert one.student.value == pytest.approx(changed)
    assert next(calls, None) is None


def names_of(model: Any, condition: Condition) -> list[str]:
    positions = columns_of(model.student_.form_, condition.position)
    return [model.schema_.names[j] for j in positions]


def test_tables(german: Any, german_teacher: Any) -> None:
    X = german.data
    student = CartStudent(5, search="greedy")
    model = DistilledClassifier(
        FrozenEstimator(german_teacher), student, transfer=None, random_state=0
    ).fit(X)
    found, again = (
        interventions(model, X, n_rows=60, random_state=3) for _ in range(2)
    )
    pd.testing.assert_frame_equal(found.to_frame(), again.to_frame())
    pd.testing.assert_frame_equal(found.breaks_frame(), again.breaks_frame())
    frame = found.to_frame()
    assert len(frame) == len(found) == 5
    assert frame["coverage"].sum() == pytest.approx(1)
    weighted = np.average(frame["follows"], weights=frame["coverage"])
    assert found.follows == pytest.approx(weighted)
    assert frame["follows"].between(frame["follows_low"], frame["follows_high"]).all()
    n_conditions = sum(len(r.conditions) for r in extract_rules(model, X))
    assert len(found.breaks_frame()) == n_conditions
    assert len(str(found).splitlines()) == 6
    assert found._repr_html_().count("<table") == 2


def test_values() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(400, 2))
    teacher = FrozenEstimator(LinearRegression().fit(X, 10 * X[:, 0]))
    student = CartStudent(8, search="greedy")
    model = DistilledRegressor(teacher, student, transfer=None, random_state=0).fit(X)
    found = interventions(model, X)
    assert found.before is None
    assert found.follows == pytest.approx(1, abs=0.05)
    for rule in found.rules:
        assert rule.fidelity is rule.moved is rule.before is None
        assert rule.follows.low <= 1.03
        assert rule.follows.high >= 0.97
    assert found.to_frame()["before"].isna().all()
    assert "% of the student's change" in found.sentence
    deaf = interventions(model, X, teacher_logits=teacher.predict(X)[:, None] * 0)
    assert deaf.follows != found.follows


def test_labels() -> None:
    X, Y = make_multilabel_classification(200, 6, n_classes=3, random_state=0)
    teacher = FrozenEstimator(MultiOutputClassifier(GaussianNB()).fit(X, Y))
    student = CartStudent(4, search="greedy")
    model = DistilledClassifier(teacher, student, transfer=None, random_state=0).fit(X)
    found = interventions(model, X)
    assert 0 < found.before < found.follows < 1
    assert all(isinstance(rule.prediction, tuple) for rule in found.rules)


def test_only_the_largest_rules_when_asked() -> None:
    X, _, teacher = _twins()
    model = _reading(X, teacher, 1)
    (first,) = interventions(model, X, n_rules=1).rules
    assert first.coverage == max(r.coverage for r in interventions(model, X).rules)
    with pytest.raises(InputError, match="n_rules"):
        interventions(model, X, n_rules=0)


def test_one_rule_alone() -> None:
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    student = CartStudent(3, search="greedy")
    model = DistilledClassifier(teacher, student, transfer=None, random_state=0).fit(X)
    found = interventions(model, X[:30])  # all of one class
    assert found.follows is None
    assert "No row could be changed" in str(found)
    assert found.to_frame()["follows"].isna().all()
    found._repr_html_()


def test_names_from_data_stay_text() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 3)), columns=list(HOSTILE[:3]))
    y = np.asarray(HOSTILE)[(frame.iloc[:, 0] > 0).astype(int)]
    teacher = FrozenEstimator(LogisticRegression().fit(frame, y))
    model = DistilledClassifier(teacher, CartStudent(2), random_state=0).fit(frame)
    found = interventions(model, frame)
    assert "<img" not in found._repr_html_()
    assert all(line.isprintable() for line in str(found).splitlines())


def test_what_cannot_be_used(tmp_path: Any) -> None:
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(GaussianNB().fit(X, y))
    linear = DistilledClassifier(teacher, LinearStudent(), random_state=0).fit(X)
    with pytest.raises(InputError, match="Got a LinearStudent"):
        interventions(linear, X)
    model = DistilledClassifier(teacher, CartStudent(3), random_state=0).fit(X)
    with pytest.raises(InputError, match="must be an int in"):
        interventions(model, X, n_rows=0)
    save(model, tmp_path / "run")
    with pytest.raises(InputError, match="was not saved with this run"):
        interventions(load(tmp_path / "run"), X, teacher_logits=np.zeros((150, 3)))
