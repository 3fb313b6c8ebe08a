"""A frontier hands every slot of the models on, and its sizes count what is read."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

import interpretkd as ikd
from interpretkd.methods import Confidence, FromFunction
from tests.views_for_tests import Blend, Some


@pytest.fixture(scope="module")
def rows():
    X, y = load_iris(return_X_y=True, as_frame=True)
    order = np.random.default_rng(0).permutation(len(X))
    return X.iloc[order].reset_index(drop=True), y.to_numpy()[order]


def trace(rows, students=None, **settings):
    X, y = rows
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    students = students or [ikd.CartStudent(n, search="greedy") for n in (2, 3)]
    own = {"transfer": None, "random_state": 0, "target": "soft"}
    return ikd.frontier(teacher, X, y, students=students, **{**own, **settings})


def test_every_slot_is_handed_on(rows):
    steps = {"weights": Confidence(3), "view": Some([2, 3])}
    found = trace(rows, transfer=FromFunction("mix", n_rows=50), **steps)
    for model in found.models:
        assert model.weights == steps["weights"]
        assert model.view_.reads_ == (2, 3)
        assert str(Confidence(3)) in model.recipe_
        assert model.n_asked_ == 50
        lesson = model.transfer_set_
        assert np.ptp(lesson.weights) > 0


def test_rows_count_as_they_are_weighed(rows):
    X, y = rows
    weight = np.where(y == 2, 0.0, 1.0)
    for model in trace(rows, sample_weight=weight).models:
        assert not (model.predict(X) == 2).any()
    with pytest.raises(ikd.InputError, match="sample_weight given to frontier"):
        trace(rows, sample_weight=[1.0, 2.0])


def test_sizes_count_the_network_that_is_read(rows):
    students = [ikd.CartStudent(2, search="greedy"), ikd.LinearStudent(max_terms=2)]
    found = trace(rows, students, view=Blend(held=500))
    for point in found.points:
        own = point.model.student_.form_.n_parameters
        assert point.n_parameters == own + 500
    assert "network up to the layer" in str(found)


def test_labels_weigh_as_was_chosen(rows):
    found = trace(rows, alpha="auto", target="auto", effort="quick")
    assert {model.alpha for model in found.models} == {"auto"}
