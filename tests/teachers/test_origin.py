"""The first teacher of a chain, whatever its distilled models stand in."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from interpretkd import CartStudent, DistilledClassifier, InputError
from interpretkd.methods import Columns
from interpretkd.teachers import (
    CallableTeacher,
    ColumnsTeacher,
    EnsembleTeacher,
    SpecialistTeacher,
    as_teacher,
)

X, Y = load_iris(return_X_y=True)
X = X[:, :2]  # few columns, so that students differ from their teachers
FOREST = RandomForestClassifier(5, random_state=0).fit(X, Y)
SCALER = StandardScaler().fit(X)


def distilled(teacher, n_leaves=2, **settings):
    settings = {"transfer": None, "random_state": 0, "target": "soft"} | settings
    student = CartStudent(n_leaves, search="greedy")
    return DistilledClassifier(FrozenEstimator(teacher), student, **settings)


ONE = distilled(FOREST).fit(X, Y)
TWO = distilled(FOREST, 3).fit(X, Y)
OTHER = distilled(GaussianNB().fit(X, Y)).fit(X, Y)
FROZEN = FrozenEstimator(ONE)


@pytest.mark.parametrize(
    "teacher",
    [
        EnsembleTeacher([FROZEN]),
        EnsembleTeacher([FROZEN, FrozenEstimator(TWO)]),
        EnsembleTeacher([FROZEN, FrozenEstimator(FOREST)]),
        EnsembleTeacher([FROZEN, FrozenEstimator(OTHER)], weights=[1, 0]),
        SpecialistTeacher(FROZEN, {}),
        ColumnsTeacher(FROZEN, [0, 1]),
        GridSearchCV(distilled(FOREST), {"alpha": [0.0]}, cv=2).fit(X, Y),
        make_pipeline(ONE),
        EnsembleTeacher([FrozenEstimator(ColumnsTeacher(make_pipeline(ONE), [0, 1]))]),
    ],
)
def test_the_origin_is_found_in_what_a_distilled_model_stands_in(teacher):
    model = distilled(teacher).fit(X, Y)
    assert model.teacher_.origin.estimator is FOREST
    agreed = np.mean(model.predict(X) == FOREST.predict(X))
    assert model.fidelity(X, of="origin").value == pytest.approx(agreed)
    assert model.evaluate(X).origin == "RandomForestClassifier"
    assert model.fidelity(X).value != model.fidelity(X, of="origin").value


def test_the_origin_reads_rows_as_they_come_to_it():
    rows = SCALER.transform(X)
    forest = RandomForestClassifier(5, random_state=0).fit(rows, Y)
    scaled = make_pipeline(SCALER, distilled(forest).fit(rows, Y))
    first = as_teacher(scaled).origin
    np.testing.assert_array_equal(first.predict(X), forest.predict(rows))
    swapped = as_teacher(ColumnsTeacher(FROZEN, [1, 0])).origin
    np.testing.assert_array_equal(swapped.predict(X[:, ::-1]), FOREST.predict(X))


@pytest.mark.parametrize(
    "teacher",
    [
        EnsembleTeacher([FROZEN, FrozenEstimator(OTHER)]),
        EnsembleTeacher([FROZEN, ColumnsTeacher(FrozenEstimator(TWO), [1, 0])]),
        SpecialistTeacher(FROZEN, {(0, 1): FrozenEstimator(OTHER)}),
        CalibratedClassifierCV(FROZEN).fit(X, Y),
        CallableTeacher(ONE.logits, classes=[0, 1, 2]),
    ],
)
def test_where_no_one_teacher_stands_behind_all_it_is_not_named(teacher):
    model = distilled(teacher).fit(X, Y)
    with pytest.raises(InputError, match="no one first teacher stands behind all"):
        model.fidelity(X, of="origin")
    found = model.evaluate(X)
    assert found.origin is None
    assert any("no one first teacher" in text for text in found.cautions)


def test_what_holds_no_distilled_model_is_its_own_origin():
    for model in (
        EnsembleTeacher([FrozenEstimator(FOREST), GaussianNB().fit(X, Y)]),
        make_pipeline(SCALER, FOREST),
        CalibratedClassifierCV(FrozenEstimator(FOREST)).fit(X, Y),
    ):
        teacher = as_teacher(model)
        assert teacher.origin is teacher


def test_an_origin_of_more_columns_says_that_it_cannot_read_the_rows():
    frame = pd.DataFrame(X, columns=["a", "b"])
    forest = RandomForestClassifier(5, random_state=0).fit(frame, Y)
    first = distilled(forest, view=Columns(["a"])).fit(frame, Y)
    second = distilled(first).fit(frame[["a"]], Y)
    with pytest.raises(InputError, match="a RandomForestClassifier, cannot read these"):
        second.fidelity(frame[["a"]], of="origin")
    cautions = second.evaluate(frame[["a"]]).cautions
    assert any("cannot read these rows" in text for text in cautions)
