"""What rows count reaches the teachers inside those that are made of several."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from interpretkd import CartStudent, DistilledClassifier, InputError
from interpretkd.teachers import ColumnsTeacher, EnsembleTeacher, SpecialistTeacher

X, Y = load_iris(return_X_y=True)
X = X[:, :2]
WEIGHT = np.where(Y == 0, 100.0, 0.01)
PLAIN = LogisticRegression(max_iter=1000)


@pytest.mark.parametrize(
    "teacher",
    [
        EnsembleTeacher([PLAIN]),
        SpecialistTeacher(PLAIN, {}),
        ColumnsTeacher(PLAIN, [0, 1]),
        EnsembleTeacher([ColumnsTeacher(EnsembleTeacher([PLAIN, PLAIN]), [0, 1])]),
    ],
)
def test_one_teacher_is_that_teacher_with_weights_too(teacher):
    def said(teacher):
        student = CartStudent(3, search="greedy")
        settings = {"random_state": 0, "transfer": None, "target": "soft"}
        model = DistilledClassifier(teacher, student, **settings)
        return model.fit(X, Y, sample_weight=WEIGHT).teacher_.logits(X)

    np.testing.assert_allclose(said(teacher), said(PLAIN))


def test_a_specialist_is_fitted_to_what_its_rows_count():
    teacher = SpecialistTeacher(PLAIN, {(1, 2): PLAIN})
    weight = np.where(Y == 1, 5.0, 1.0)
    expert = teacher.fit(X, Y, sample_weight=weight).specialists_[1, 2]
    part = Y > 0
    alone = LogisticRegression(max_iter=1000).fit(X[part], Y[part], weight[part])
    np.testing.assert_array_equal(expert.estimator.coef_, alone.coef_)


def test_rows_that_count_nothing_choose_no_weights_of_members():
    weight = np.arange(len(X)) % 2.0
    members = [LogisticRegression(max_iter=1000), KNeighborsClassifier()]
    teacher = EnsembleTeacher(members, weights="validation", random_state=0)
    rows = teacher.fit(X, Y, sample_weight=weight).validation_rows_
    assert len(rows)
    assert (weight[rows] > 0).all()


@pytest.mark.parametrize("weight", [np.ones(3), -np.ones(150), np.zeros(150)])
def test_weights_that_are_none_are_refused(weight):
    with pytest.raises(InputError, match="must be 150 numbers in"):
        EnsembleTeacher([PLAIN]).fit(X, Y, sample_weight=weight)
