"""Rows that belong together are on one side of every split."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd import CartStudent, DistilledClassifier, MLPTeacher
from interpretkd.data import group_positions, hold_out, split_rows


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), st.integers(3, 30), st.booleans())
def test_no_group_is_on_two_sides(seed, n_groups, classes):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), rng.integers(4, 12, n_groups))
    strata = (rng.random(len(groups)) < 0.3).astype(int) if classes else None
    split = split_rows(len(groups), strata, seed, groups=groups)
    parts = [split.train, split.transfer, split.test]
    assert sorted(np.concatenate(parts)) == list(range(len(groups)))
    for i in range(3):
        assert len(parts[i])
        for j in range(i):
            assert not set(groups[parts[i]]) & set(groups[parts[j]])


def test_the_size_is_met_and_the_classes_keep_their_shares():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(200), rng.integers(1, 9, 200))
    strata = (rng.random(200) < 0.25)[groups]
    kept, held_out = hold_out(np.arange(len(groups)), 180, 0, strata, groups)
    assert abs(len(held_out) - 180) < 30
    assert abs(strata[held_out].mean() - strata.mean()) < 0.02
    assert len(kept) + len(held_out) == len(groups)


def test_a_group_in_an_official_test_and_outside_is_refused():
    groups = np.array(["Ann"] * 12 + ["Ben"] * 8 + ["Ann"] * 5)
    with pytest.raises(ValueError, match=r"one side.*'Ann'"):
        split_rows(25, None, 0, n_test=5, groups=groups)


def test_one_group_cannot_be_split():
    with pytest.raises(ValueError, match="two groups"):
        hold_out(np.arange(20), 4, 0, None, np.zeros(20))
    with pytest.raises(ValueError, match="two groups"):
        group_positions(["a", "a"], 2)


def test_a_model_and_its_network_hold_out_whole_groups(monkeypatch):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    X = rng.normal(size=(400, 3))
    y = (X[:, 0] > 0).astype(int)
    seen = []

    class Watching(MLPTeacher):
        def fit(self, X, y, groups=None):
            seen.append(groups)
            return super().fit(X, y, groups)

    teacher = Watching(hidden=(4,), max_epochs=2, random_state=0)
    student = CartStudent(3, search="greedy")
    model = DistilledClassifier(teacher, student, transfer=None, random_state=0)
    model.fit(X, y, groups=groups)
    held = set(groups[model.validation_rows_])
    others = np.setdiff1d(np.arange(400), model.validation_rows_)
    assert held
    assert not held & set(groups[others])
    assert sorted(set(seen[0])) == sorted(set(groups[others]))


def test_a_network_s_validation_rows_are_whole_groups():
    from interpretkd.teachers._networks.training import _split

    groups = np.repeat(np.arange(30), 10)
    kept, held_out = _split(300, 0.2, None, np.random.RandomState(0), groups)
    assert len(held_out) == 60
    assert not set(groups[kept]) & set(groups[held_out])
