"""Pure effects against averages taken over every combination of values."""

from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from interpretkd.explain._functional_anova import _Cells, _decompose
from interpretkd.models import Forest
from interpretkd.students import BoostedStudent


def rows(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.integers(20, 26, n).astype(float),
            "home": rng.choice(["own", "rent", "free"], n),
            "years": rng.integers(0, 4, n).astype(float),
        }
    )
    frame.loc[::5, "years"] = np.nan
    frame.loc[::7, "home"] = None
    return frame


def values(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    age, years = frame["age"] - 22, frame["years"].fillna(-3)
    rent = (frame["home"] == "rent").astype(float)
    return np.asarray(np.column_stack([age * rent * years + age, years - rent * age]))


def forest(**settings: Any) -> tuple[Forest, pd.DataFrame]:
    frame = rows()
    student = BoostedStudent(**settings).fit(frame, values(frame))
    return student.forest_, frame


def on_grid(form: Forest, cells: _Cells) -> np.ndarray[Any, Any]:
    """Ask the forest about every combination of cells."""
    columns = []
    for feature, cuts, size in zip(
        form.schema.features, cells.cuts, cells.sizes, strict=True
    ):
        inside = np.arange(size, dtype=np.float32)
        if not feature.is_categorical:
            inside = np.append(cuts, np.float32(1e6))
        columns.append([*inside.tolist(), np.nan])
    codes = np.asarray(list(product(*columns)), dtype=np.float32)
    out = np.tile(form.base, (len(codes), 1))
    form.nodes.add_up(codes, form.value, form.column, out)
    return out.reshape(*map(len, columns), -1)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_effects_are_means_over_independent_features(depth: int) -> None:
    form, frame = forest(n_rounds=15, max_depth=depth)
    parts = _decompose(form, form.schema.encode(frame))
    grid, shares = on_grid(form, parts.cells), parts.shares

    def mean(table: Any, kept: tuple[int, ...]) -> Any:
        for axis in reversed(range(3)):
            if axis not in kept:
                table = np.tensordot(shares[axis], table, axes=(0, axis))
        return table

    np.testing.assert_allclose(parts.intercept, mean(grid, ()), atol=1e-9)
    expected = {i: mean(grid, (i,)) - mean(grid, ()) for i in range(3)}
    for i, effect in expected.items():
        found = parts.mains.get(i, np.zeros_like(effect))
        np.testing.assert_allclose(found, effect, atol=1e-9)
    pairs = {(i, j): effect for i, j, effect in parts.pairs()}
    for i, j in combinations(range(3), 2):
        own = mean(grid, (i, j)) - parts.intercept
        own = own - expected[i][:, None] - expected[j][None]
        found = pairs.get((i, j), np.zeros_like(own))
        np.testing.assert_allclose(found, own, atol=1e-9)
    assert bool(pairs) == (depth > 1)


@pytest.mark.parametrize("settings", [{"n_rounds": 40}, {"max_leaves": 24}])
def test_effects_have_no_mean_along_any_feature(settings: Any) -> None:
    form, frame = forest(**settings)
    parts = _decompose(form, form.schema.encode(frame))
    for i, effect in parts.mains.items():
        np.testing.assert_allclose(parts.shares[i] @ effect, 0, atol=1e-9)
    for i, j, effect in parts.pairs():
        for share, along in ((parts.shares[i], 0), (parts.shares[j], 1)):
            means = np.tensordot(share, effect, axes=(0, along))
            np.testing.assert_allclose(means, 0, atol=1e-9)


def test_cells_hold_values_that_no_test_tells_apart() -> None:
    form, frame = forest(n_rounds=30, max_depth=3)
    cells = _Cells.of(form.nodes)
    codes = form.schema.encode(frame)
    places = cells.places(codes)
    _, first, kind = np.unique(places, axis=0, return_index=True, return_inverse=True)
    said = form.margins(frame)
    np.testing.assert_array_equal(said, said[first][kind.ravel()])
    assert (places <= cells.sizes).all()
    assert (
        places[np.isnan(codes)]
        == np.tile(cells.sizes, (len(codes), 1))[np.isnan(codes)]
    ).all()


def test_a_value_on_a_threshold_is_below_it() -> None:
    form, _ = forest(n_rounds=10, max_depth=2)
    cells = _Cells.of(form.nodes)
    cut = cells.cuts[0][0]
    codes = np.zeros((3, 3), dtype=np.float32)
    codes[:, 0] = np.nextafter(cut, np.float32(-1)), cut, np.nextafter(cut, 1e9)
    assert cells.places(codes)[:, 0].tolist() == [0, 0, 1]


def test_leaves_are_where_their_tests_lead() -> None:
    form, frame = forest(n_rounds=10, max_depth=4)
    codes = form.schema.encode(frame)
    parts = _decompose(form, codes)
    leaves, places = parts.leaves, parts.cells.places(codes)
    reached = [form.nodes.apply(codes, tree) for tree in range(form.n_trees)]
    for leaf in range(len(leaves.node)):
        inside = np.ones(len(codes), dtype=bool)
        for factor in range(leaves.first[leaf], leaves.first[leaf + 1]):
            feature = leaves.feature[factor]
            cells = [c for low, high in leaves.runs(factor) for c in range(low, high)]
            if leaves.missing[factor]:
                cells.append(int(parts.cells.sizes[feature]))
            own = np.isin(places[:, feature], cells)
            assert leaves.share[factor] == pytest.approx(own.mean())
            inside &= own
        there = reached[leaves.tree[leaf]] == leaves.node[leaf]
        np.testing.assert_array_equal(inside, there)
