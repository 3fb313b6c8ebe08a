from typing import Any

import numpy as np
import pytest

from interpretkd._base import InputError
from interpretkd.data import Feature, Schema
from interpretkd.models import ALL_NUMBERS, Nodes
from interpretkd.pipelines._rewriting import _rewrite, _Split

OLD = Schema((Feature("code"), Feature("other")))
AGE = Schema((Feature("age", has_missing=True),))
CITY = Schema((Feature("city", "categorical", ("a", "b", "c"), has_missing=True),))


def _nodes(depth: int) -> Nodes:
    """Test one column again and again: a full tree."""
    n_inner, n_nodes = 2**depth - 1, 2 ** (depth + 1) - 1
    inner = np.arange(n_nodes) < n_inner
    own = np.arange(n_nodes)
    arrays: Any = (
        *(np.where(inner, 0, -1), np.zeros(n_nodes), np.zeros(n_nodes, dtype=bool)),
        *(np.where(inner, 2 * own + 1, -1), np.where(inner, 2 * own + 2, -1)),
        *(np.zeros(0, dtype=bool), np.zeros(1, dtype=np.int32)),
    )
    return Nodes(OLD, *arrays)


def _leaves(parts: _Split, schema: Schema, values: list[float]) -> tuple[Any, Any]:
    new = _rewrite(_nodes(1), {0: parts}, schema)
    codes = np.array(values, dtype=np.float32)[:, None]
    return new.nodes, new.origin[new.nodes.apply(codes)].tolist()


@pytest.mark.parametrize("missing_left", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_intervals(first: bool, missing_left: bool) -> None:
    cuts = np.array([1, 2, 3], dtype=np.float32)
    left = np.array([first, not first, first, not first])
    values = [0.5, 1, 1.5, 2, 2.5, 3, 3.5, np.nan]
    _, leaves = _leaves(_Split(0, left, cuts, missing_left), AGE, values)
    sides = [*np.repeat(left, 2)[:7], missing_left]
    assert leaves == [1 if side else 2 for side in sides]


@pytest.mark.parametrize("left", [True, False])
def test_where_only_missing_values_go_another_way(left: bool) -> None:
    none = np.zeros(0, dtype=np.float32)
    for parts, schema in (
        (_Split(0, np.array([left]), none, not left), AGE),
        (_Split(0, np.array([left] * 3), None, not left), CITY),
    ):
        nodes, leaves = _leaves(parts, schema, [0, 1, 2, np.nan])
        assert leaves == [1 if side else 2 for side in [left] * 3 + [not left]]
        assert nodes.missing_left[0] == np.False_
        if schema is AGE:
            assert nodes.threshold[0] == np.float32(ALL_NUMBERS)
        else:
            assert nodes.left_categories.all()


def test_decided_tests_are_left_out() -> None:
    none = np.zeros(0, dtype=np.float32)
    for parts, schema in (
        (_Split(0, np.array([True]), none, True), AGE),
        (_Split(0, np.array([True]), none), AGE),
        (_Split(0, np.array([True] * 3), None, True), CITY),
        (_Split(-1, np.array([True])), AGE),
    ):
        nodes, leaves = _leaves(parts, schema, [0, 1])
        assert len(nodes.feature) == 1
        assert leaves == [1, 1]


def test_the_same_test_twice_is_asked_once() -> None:
    cuts = np.array([1], dtype=np.float32)
    parts = _Split(0, np.array([True, False]), cuts)
    new = _rewrite(_nodes(3), dict.fromkeys(range(7), parts), AGE)
    assert new.nodes.is_leaf.sum() == 2
    assert new.origin[new.nodes.is_leaf].tolist() == [7, 14]
    assert new.stands_alone.all()


def test_trees_that_would_explode_are_refused() -> None:
    rng = np.random.default_rng(0)
    parts = {
        node: _Split(
            node % 7,
            np.arange(61) % 2 == 0,
            np.sort(rng.random(60)).astype(np.float32),
        )
        for node in range(127)
    }
    schema = Schema(tuple(Feature(f"x{i}") for i in range(7)))
    with pytest.raises(InputError, match=r"more than \d+ nodes instead of 255"):
        _rewrite(_nodes(7), parts, schema)
