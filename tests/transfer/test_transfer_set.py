"""Rows keep to be the ones that they are, wherever they are taken and joined."""

from dataclasses import replace

import numpy as np
import pytest

from interpretkd import CartStudent, DistilledClassifier
from interpretkd.methods import EachTeacher, KBest, Mix
from interpretkd.teachers import CallableTeacher, EnsembleTeacher
from interpretkd.transfer import TransferSet

X = np.random.default_rng(0).normal(size=(40, 3))


def some(n_rows, origin=None):
    origin = None if origin is None else np.full(n_rows, origin)
    return TransferSet(X[:n_rows], X[:n_rows, :2], origin=origin)


def test_a_row_that_stands_there_again_is_the_same():
    both = some(4).join(some(3, "mix"))
    assert both.numbers.tolist() == [0, 1, 2, 3, 4, 5, 6]
    twice = both.take(np.array([0, 1, 4, 5, 1, 4, 4]))
    assert twice.numbers.tolist() == [0, 1, 4, 5, 1, 4, 4]
    assert (both.n_made, twice.n_made) == (3, 2)
    assert twice.take(np.array([5, 6])).n_made == 1  # whether the first is there or not
    assert twice.join(some(2, "munge")).numbers.tolist()[-2:] == [6, 7]
    assert twice.join(some(2, "munge")).n_made == 4


def test_a_step_may_put_other_rows_in_the_place_of_all():
    used = some(4, "mix").take(np.array([0, 0, 1]))
    other = replace(used, rows=X, logits=X[:, :2], origin=np.full(len(X), "own"))
    other = replace(other, known=None)
    assert other.n_made == len(X)


def teacher(sign):
    return CallableTeacher(
        lambda rows: sign * rows + rows[:, ::-1] ** 2, classes=[0, 1, 2]
    )


@pytest.mark.parametrize(
    ("settings", "times"),
    [
        ({"transfer": [Mix(1.0), EachTeacher()]}, 3),
        ({"transfer": [EachTeacher(), Mix(1.0)]}, 1),
        ({"transfer": Mix(1.0), "replies": KBest(2)}, 2),
    ],
)
def test_a_made_row_counts_once_among_those_that_were_made(settings, times):
    """Each of its copies counted: 100 made rows were 300."""
    ensemble = EnsembleTeacher([teacher(sign) for sign in (1, -1, 2)])
    student = CartStudent(3, search="greedy")
    settings = {"target": "hard", "random_state": 0} | settings
    model = DistilledClassifier(ensemble, student, **settings).fit(X)
    assert model.n_asked_ == len(X)
    assert np.count_nonzero(~model.transfer_set_.is_given) == times * len(X)
