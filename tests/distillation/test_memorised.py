"""Rows that the teacher was fitted to are noticed, and are not chosen on."""

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_friedman1
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from interpretkd import CartStudent, DistilledClassifier, DistilledRegressor, InputError

GREEDY = CartStudent(4, search="greedy")


@pytest.fixture(scope="module")
def labelled():
    X, y = make_classification(600, 5, flip_y=0.3, random_state=0)
    return X, y, np.arange(600) < 300


def fitted(teacher, X, y, **told):
    model = DistilledClassifier(teacher, GREEDY, target="hard", random_state=0)
    return model.fit(X, y, **told)


def test_a_teacher_that_knows_rows_by_heart_is_noticed(labelled):
    X, y, own = labelled
    teacher = KNeighborsClassifier(1).fit(X[own], y[own])
    model = fitted(FrozenEstimator(teacher), X, y, teacher_rows=own)
    others = (teacher.predict(X[~own]) == y[~own]).mean()
    assert model.memorised_ == (
        "The teacher is right on 100.0% of the rows that it was fitted to and on "
        f"{others:.1%} of 300 others: some of what it says of its own rows it knows by "
        "heart."
    )
    assert model.memorised_ in model.evaluate(X, y).cautions
    assert not own[model.validation_rows_].any()
    assert len(model.validation_rows_) == 120


def test_one_that_does_not_is_not(labelled):
    X, y, own = labelled
    teacher = FrozenEstimator(LogisticRegression().fit(X[own], y[own]))
    model = fitted(teacher, X, y, teacher_rows=own)
    assert model.memorised_ == ""
    assert not own[model.validation_rows_].any()


def test_without_being_told_nothing_is_known(labelled):
    X, y, own = labelled
    teacher = FrozenEstimator(KNeighborsClassifier(1).fit(X[own], y[own]))
    model = fitted(teacher, X, y)
    assert model.memorised_ == ""
    assert own[model.validation_rows_].any()


def test_few_other_rows_are_left_to_be_fitted_to(labelled):
    X, y, _ = labelled
    own = np.arange(600) < 400  # 200 others, of which 120 would be held out
    teacher = FrozenEstimator(KNeighborsClassifier(1).fit(X[own], y[own]))
    model = fitted(teacher, X, y, teacher_rows=own)
    assert own[model.validation_rows_].any()
    assert "by heart" in model.memorised_


def test_a_teacher_that_is_fitted_here_is_noticed_too(labelled):
    X, y, _ = labelled
    model = fitted(KNeighborsClassifier(1), X, y)
    assert "right on 100.0% of the rows that it was fitted to" in model.memorised_
    assert "of 120 others" in model.memorised_


def test_values_are_compared_by_their_squared_error():
    X, y = make_friedman1(400, n_features=5, noise=3, random_state=0)
    own = np.arange(400) < 200
    for teacher, noticed in (
        (KNeighborsRegressor(1), True),
        (LinearRegression(), False),
    ):
        frozen = FrozenEstimator(teacher.fit(X[own], y[own]))
        model = DistilledRegressor(frozen, GREEDY, random_state=0)
        model.fit(X, y, teacher_rows=own)
        assert noticed == ("squared error of 0 on" in model.memorised_)


def test_whole_groups_stay_together(labelled):
    X, y, own = labelled
    teacher = FrozenEstimator(KNeighborsClassifier(1).fit(X[own], y[own]))
    groups = np.arange(600) % 30
    model = fitted(teacher, X, y, teacher_rows=own, groups=groups)
    held_out = np.isin(np.arange(600), model.validation_rows_)
    assert not set(groups[held_out]) & set(groups[~held_out])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.arange(600), "must be 600 truth values, one a row of X. Got int64"),
        (np.ones(5, dtype=bool), r"Got bool of shape \(5,\)"),
    ],
)
def test_what_is_no_mask_is_refused(labelled, given, message):
    X, y, own = labelled
    teacher = FrozenEstimator(KNeighborsClassifier(1).fit(X[own], y[own]))
    with pytest.raises(InputError, match=message):
        fitted(teacher, X, y, teacher_rows=given)


def test_a_teacher_that_is_fitted_here_knows_its_rows(labelled):
    X, y, own = labelled
    with pytest.raises(InputError, match="are for a teacher that is fitted already"):
        fitted(KNeighborsClassifier(1), X, y, teacher_rows=own)


def test_a_fitted_teacher_that_is_not_frozen_is_fitted_here(labelled):
    X, y, own = labelled
    teacher = KNeighborsClassifier(1).fit(X[own], y[own])
    with pytest.raises(InputError, match="fitted already and frozen"):
        fitted(teacher, X, y, teacher_rows=own)
    model = fitted(teacher, X, y)
    assert "of 120 others" in model.memorised_  # those that it was not fitted to here
    again = DistilledClassifier(teacher, GREEDY, random_state=0).teacher_for(X, y)
    asked = again.logits(X)
    np.testing.assert_array_equal(asked, model.teacher_.logits(X))
