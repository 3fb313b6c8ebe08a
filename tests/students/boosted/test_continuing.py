"""Boosting that goes on from trees that are there already."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import Ridge

from interpretkd._base import InputError
from interpretkd.data import Encoded
from interpretkd.models import Forest
from interpretkd.students import (
    BoostedStudent,
    CartStudent,
    LinearStudent,
    TrainingData,
    ValidationData,
    as_student,
)
from interpretkd.students._boosted.rounds import _boost

Array = NDArray[np.float64]
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(300, 4)).round(1)
ROWS[::9, 1] = np.nan
RAW = np.column_stack([ROWS[:, 0], np.nan_to_num(ROWS[:, 1]) ** 2, ROWS[:, 2] > 0])
TARGETS = {
    "identity": RAW,
    "softmax": softmax(RAW, axis=1),
    "two classes": softmax(RAW[:, :2], axis=1),
    "sigmoid": 1 / (1 + np.exp(-RAW)),
}
WEIGHT = RNG.integers(1, 4, 300).astype(float)


def _link(kind: str) -> str:
    return "softmax" if kind == "two classes" else kind


def _data(part: Any, kind: str, weight: Array | None = None) -> TrainingData:
    own = None if weight is None else weight[part]
    return TrainingData(ROWS[part], Encoded.of(ROWS[part]), TARGETS[kind][part], own)


def _student(n_rounds: int, kind: str, **settings: Any) -> BoostedStudent:
    loss = "squared_error" if kind == "identity" else _link(kind)
    return BoostedStudent(n_rounds, max_depth=3, loss=loss, n_jobs=1, **settings)


ALL = slice(None)


@pytest.mark.parametrize("kind", list(TARGETS))
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["even", "weighted"])
def test_some_rounds_and_then_more_are_all_at_once(
    kind: str, weight: Array | None
) -> None:
    data = _data(ALL, kind, weight)
    start = _student(5, kind).fit_encoded(data).forest_
    more = _student(7, kind).fit_encoded(data, start=start).forest_
    once = _student(12, kind).fit_encoded(data).forest_
    assert more.n_trees == once.n_trees
    assert more.link == once.link == _link(kind)
    np.testing.assert_array_equal(more.column, once.column)
    np.testing.assert_allclose(more.predict(ROWS), once.predict(ROWS), atol=1e-5)
    further = np.abs(start.predict(ROWS) - once.predict(ROWS)).max()
    assert further > 0.01


@given(st.integers(1, 4), st.integers(0, 4), st.sampled_from(list(TARGETS)))
@settings(max_examples=15)
def test_the_joined_forest_is_the_start_and_what_was_added(
    n_before: int, n_after: int, kind: str
) -> None:
    rows, link = Encoded.of(ROWS), _link(kind)
    how: dict[str, Any] = {"link": link, "max_depth": 2, "n_jobs": 1}
    start, _ = _boost(rows, TARGETS[kind], n_rounds=n_before, **how)
    joined, scores = _boost(rows, TARGETS[kind], n_rounds=n_after, start=start, **how)
    assert scores == []
    assert joined.n_trees == start.n_trees * (n_before + n_after) // n_before
    for name in ("feature", "threshold"):
        kept = getattr(joined.nodes, name)[: len(start.nodes.feature)]
        np.testing.assert_array_equal(kept, getattr(start.nodes, name))
    np.testing.assert_array_equal(joined.value[: len(start.value)], start.value)
    np.testing.assert_array_equal(joined.base, start.base)
    if n_after == 0:
        assert joined is start


def test_the_rows_can_be_used_without_a_start_again() -> None:
    # They are binned once: what a continued fit starts from must not stay there.
    data = _data(ALL, "softmax")
    first = _student(4, "softmax").fit_encoded(data).forest_
    _student(4, "softmax").fit_encoded(data, start=first)
    again = _student(4, "softmax").fit_encoded(data).forest_
    np.testing.assert_array_equal(first.value, again.value)


def test_the_loss_falls_on_from_where_it_was() -> None:
    # Stages on other rows: what the earlier trees say of all rows stays as it is.
    data, half = _data(ALL, "identity"), _data(slice(0, 300, 2), "identity")
    start = _student(10, "identity").fit_encoded(data).forest_
    joined = _student(20, "identity").fit_encoded(half, start=start).forest_
    n_nodes = len(start.nodes.feature)
    np.testing.assert_array_equal(
        joined.nodes.threshold[:n_nodes], start.nodes.threshold
    )

    def loss(forest: Forest) -> float:
        return float(((forest.predict(half.rows) - half.targets) ** 2).mean())

    assert loss(joined) < 0.5 * loss(start)


def _watching(score: Any, kind: str = "softmax") -> ValidationData:
    rows = ROWS[200:]
    return ValidationData(
        rows, Encoded.of(rows), TARGETS[kind][200:], np.ones(100), score
    )


def test_watched_rows_are_never_worse_than_at_the_start() -> None:
    data = _data(slice(0, 200), "softmax")
    start = _student(10, "softmax").fit_encoded(data).forest_
    target = TARGETS["softmax"][200:]

    def score(outputs: Array) -> float:
        return -float(np.abs(outputs - target).mean())

    kept = _student(10, "softmax", patience=2).fit_encoded(
        data, _watching(lambda outputs: -float(np.abs(outputs - 1 / 3).sum())), start
    )
    assert kept.forest_ is start or kept.forest_.n_trees == start.n_trees
    assert len(kept.scores_) == 3
    better = _student(30, "softmax").fit_encoded(data, _watching(score), start)
    before, after = start.predict(ROWS[200:]), better.forest_.predict(ROWS[200:])
    assert better.forest_.n_trees > start.n_trees
    assert score(after) > score(before)
    assert score(after) == pytest.approx(max(better.scores_), abs=1e-6)


def test_two_classes_start_from_trees_for_both() -> None:
    # A start may have trees for the first class too: the difference is what counts.
    data = _data(ALL, "two classes")
    own = _student(6, "two classes").fit_encoded(data).forest_
    halves = Forest(
        own.nodes, own.value, own.cover, own.column * 0, own.base[::-1], "softmax"
    )
    turned = 1 - data.targets
    mirrored = TrainingData(data.rows, data.encoded, turned, None)
    joined = _student(4, "two classes").fit_encoded(mirrored, start=halves).forest_
    plain = _student(4, "two classes").fit_encoded(data, start=own).forest_
    np.testing.assert_allclose(
        joined.predict(ROWS), plain.predict(ROWS)[:, ::-1], atol=1e-5
    )


def test_gaps_in_one_of_the_stages_are_gaps_of_the_whole() -> None:
    whole = Encoded.of(ROWS)
    full = np.flatnonzero(~np.isnan(ROWS).any(axis=1))
    part = TrainingData(ROWS[full], whole.take(full), TARGETS["softmax"][full], None)
    first = _student(2, "softmax").fit_encoded(part).forest_
    joined = _student(2, "softmax").fit_encoded(_data(ALL, "softmax"), start=first)
    assert not first.schema.features[1].has_missing
    assert joined.forest_.schema == whole.schema


def test_passes_on_shares_of_the_rows_draw_others_each_time() -> None:
    data = _data(ALL, "identity")
    how: dict[str, Any] = {"subsample": 0.3, "thresholds": "exact"}
    first = _student(1, "identity", **how).fit_encoded(data).forest_
    zero = Forest(first.nodes, first.value * 0, first.cover, first.column, first.base)
    second = _student(1, "identity", **how).fit_encoded(data, start=zero).forest_
    n_nodes = len(first.nodes.feature)
    assert second.value[n_nodes:].tolist() != first.value.tolist()


def test_only_boosted_students_without_a_budget_continue() -> None:
    assert BoostedStudent().continues
    data = _data(ALL, "softmax")
    start = _student(2, "softmax").fit_encoded(data).forest_
    for student in (
        BoostedStudent(max_leaves=9),
        CartStudent(4),
        LinearStudent(),
        Ridge(),
    ):
        contract = as_student(student)
        assert not contract.continues
        with pytest.raises(InputError, match="cannot go on from an earlier fit"):
            contract.fit_encoded(data, start=start)


def test_a_start_must_fit_rows_and_targets() -> None:
    data = _data(ALL, "softmax")
    start = _student(2, "softmax").fit_encoded(data).forest_
    with pytest.raises(InputError, match="its 3 outputs and its link, 'identity'"):
        _student(2, "identity").fit_encoded(data, start=start)
    with pytest.raises(InputError, match="must have its 2 outputs"):
        _student(2, "softmax").fit_encoded(_data(ALL, "two classes"), start=start)
    few = TrainingData(ROWS[:, :3], Encoded.of(ROWS[:, :3]), data.targets, None)
    with pytest.raises(InputError, match="must read the same columns"):
        _student(2, "softmax").fit_encoded(few, start=start)
    tree = CartStudent(4).fit(ROWS, data.targets).tree_
    with pytest.raises(InputError, match=r"must be a Forest.* Got a Tree"):
        _student(2, "softmax").fit_encoded(data, start=tree)
