"""Trials of a target take few rounds; what is fitted in the end takes them all."""

from typing import Any

import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from interpretkd.distillation import DistilledClassifier
from interpretkd.students import BoostedStudent
from interpretkd.students._boosted import estimator


@pytest.mark.parametrize(
    ("given", "quick"),
    [
        ((400, 0.2), (50, 0.5)),
        ((100, 0.1), (50, 0.2)),  # as far as the slow ones go
        ((600, 0.8), (50, 0.8)),  # never slower than asked for
        ((50, 0.1), (50, 0.1)),
        ((5, 0.1), (5, 0.1)),
    ],
)
def test_trials_take_few_rounds(
    given: tuple[int, float], quick: tuple[int, float]
) -> None:
    n_rounds, rate = given
    student = BoostedStudent(n_rounds, learning_rate=rate, max_depth=3, random_state=7)
    fast = student.without_search()
    assert (fast.n_rounds, fast.learning_rate) == (quick[0], pytest.approx(quick[1]))
    changed = {"n_rounds": n_rounds, "learning_rate": rate}
    assert clone(fast).set_params(**changed).get_params() == student.get_params()
    assert student.get_params()["n_rounds"] == n_rounds


def test_a_budget_of_leaves_has_no_rounds_to_save() -> None:
    student = BoostedStudent(max_leaves=8)
    assert student.without_search() is student


def test_the_student_itself_takes_all_its_rounds(monkeypatch: Any) -> None:
    asked = []
    boost = estimator._boost

    def noted(*data: Any, **settings: Any) -> Any:
        asked.append((settings["n_rounds"], settings["learning_rate"]))
        return boost(*data, **settings)

    monkeypatch.setattr(estimator, "_boost", noted)
    monkeypatch.setattr(estimator, "_QUICK_ROUNDS", 4)
    X, y = load_digits(n_class=3, return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=2000).fit(X, y))
    student = BoostedStudent(10, learning_rate=0.1, max_depth=2)
    DistilledClassifier(teacher, student, random_state=0).fit(X, y)
    trials, full = asked[:6], asked[6:]
    assert trials == [(4, 0.25)] * 6
    assert full
    assert set(full) == {(10, 0.1)}
