"""Fidelity as the scorer of scikit-learn's searches."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    cross_val_score,
)

from interpretkd import (
    CallableTeacher,
    CartStudent,
    DistilledClassifier,
    DistilledRegressor,
    InputError,
    LinearStudent,
)
from interpretkd.methods import Confidence, Munge
from interpretkd.metrics import fidelity, fidelity_scorer

GREEDY = CartStudent(search="greedy")
FOLDS = KFold(3, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X = X.iloc[:300, :6].assign(size=np.where(X["mean area"][:300] > 600, "l", "s"))
    numbers = LogisticRegression(max_iter=10_000).fit(X.iloc[:, :6], y[:300])

    def answers(rows):
        assert set(rows["size"]) <= {"l", "s"}
        return numbers.decision_function(rows.iloc[:, :6])

    return X, y[:300], CallableTeacher(answers, classes=[0, 1])


def test_the_score_is_the_fidelity(cancer):
    X, _, teacher = cancer
    model = DistilledClassifier(teacher, GREEDY, random_state=0).fit(X[:150])
    score = fidelity_scorer(model, X[150:])
    assert isinstance(score, float)
    assert score == fidelity(model, X[150:]).value
    assert score == fidelity_scorer(model, X[150:], np.zeros(150))
    X, y = load_diabetes(return_X_y=True)
    teacher = FrozenEstimator(LinearRegression().fit(X, y))
    model = DistilledRegressor(teacher, GREEDY, random_state=0).fit(X[:200])
    expected = fidelity(model, X[200:]).value
    assert fidelity_scorer(model, X[200:]) == pytest.approx(expected)


@pytest.mark.parametrize("kind", [GridSearchCV, HalvingGridSearchCV])
def test_a_search_over_students_and_steps(cancer, kind):
    X, y, teacher = cancer
    model = DistilledClassifier(teacher, target="hard", transfer=None, random_state=0)
    grid = [
        {
            "student": [GREEDY],
            "student__max_leaves": [2, 12],
            "transfer": [None, Munge(60)],
        },
        {"student": [LinearStudent()], "weights": [None, [Confidence(1.0)]]},
    ]
    search = kind(model, grid, scoring=fidelity_scorer, cv=FOLDS, error_score="raise")
    if kind is HalvingGridSearchCV:
        search.set_params(random_state=0, min_resources=100)
    search.fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert search.best_score_ > 0.8
    assert not isinstance(search.best_params_["student"], str)
    best = search.best_estimator_
    assert search.score(X) == fidelity_scorer(best, X)
    if kind is GridSearchCV:
        one = clone_with(model, search.best_params_)
        by_hand = []
        for kept, held_out in FOLDS.split(X):
            fitted = one.fit(X.iloc[kept], y.iloc[kept])
            by_hand.append(fidelity(fitted, X.iloc[held_out]).value)
        assert search.best_score_ == pytest.approx(np.mean(by_hand))


def clone_with(model, params):
    from sklearn.base import clone

    return clone(model).set_params(
        **{name: clone(v, safe=False) for name, v in params.items()}
    )


def test_without_labels_and_into_a_step(cancer):
    X, _, teacher = cancer
    model = DistilledClassifier(
        teacher, GREEDY, target="soft", transfer=Munge(50), random_state=0
    )
    grid = {"transfer__p": [0.2, 0.8], "transfer__share": [0.0, 1.0]}
    search = GridSearchCV(
        model, grid, scoring=fidelity_scorer, cv=FOLDS, error_score="raise"
    ).fit(pd.DataFrame(X))
    neutral = search.cv_results_["mean_test_score"][
        [p["transfer__share"] == 0 for p in search.cv_results_["params"]]
    ]
    assert neutral[0] == neutral[1]
    scores = cross_val_score(model, X, scoring=fidelity_scorer, cv=FOLDS)
    assert len(scores) == 3


def test_what_is_no_distilled_model_is_refused():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(InputError, match="The 'model' parameter of fidelity_scorer"):
        fidelity_scorer(LinearRegression().fit(X, y), X)
