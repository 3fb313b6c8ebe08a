"""Bins against `numpy.searchsorted`, and the quick ways against the general one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from interpretkd.data import Encoded, Feature, Schema
from interpretkd.students._cart import binning
from interpretkd.students._cart.binning import MAX_BINS, _bin_columns, _spread

nan = np.nan
NUMBERS = st.one_of(
    st.integers(-5, 5).map(float),
    st.floats(width=32, allow_infinity=False, allow_nan=True),
)


def binned_column(values, max_bins=MAX_BINS):
    codes = np.asarray(values, dtype=np.float32).reshape(-1, 1)
    return _bin_columns(Schema((Feature("x"),)), codes, max_bins)


def searched(binned, codes, j=0):
    """Say with numpy which bin each row of a numeric column belongs into."""
    column = codes[:, j]
    bins = np.searchsorted(binned.edges[j], column, side="left")
    return np.where(np.isnan(column), binned.n_bins[j], bins)


@given(
    arrays(
        np.float32, st.tuples(st.integers(1, 60), st.integers(1, 3)), elements=NUMBERS
    ),
    st.sampled_from([2, 3, 7, MAX_BINS]),
)
def test_bins_are_where_numpy_finds_them(codes, max_bins):
    binned = _bin_columns(Schema.from_data(codes), codes, max_bins)
    assert binned.matrix.dtype == np.uint8
    assert binned.n_samples == len(codes)
    for j in range(codes.shape[1]):
        edges = binned.edges[j]
        assert edges.dtype == np.float32
        assert (np.diff(edges.astype(np.float64)) > 0).all()
        assert len(edges) + 1 == binned.n_bins[j] <= max_bins
        np.testing.assert_array_equal(binned.matrix[j], searched(binned, codes, j))
        numbers = codes[~np.isnan(codes[:, j]), j]
        filled = np.unique(binned.matrix[j][~np.isnan(codes[:, j])])
        if len(numbers):  # no bin is empty
            np.testing.assert_array_equal(filled, np.arange(binned.n_bins[j]))


@given(arrays(np.float32, st.integers(1, 80), elements=NUMBERS))
def test_few_values_have_a_bin_each_with_thresholds_half_way(column):
    binned = binned_column(column)
    values = np.unique(column[~np.isnan(column)])
    known = ~np.isnan(column)
    np.testing.assert_array_equal(
        binned.matrix[0, known], np.searchsorted(values, column[known])
    )
    assert (binned.matrix[0, ~known] == binned.n_bins[0]).all()
    middle = (values[:-1].astype(np.float64) + values[1:]) / 2
    edges = binned.edges[0]
    assert (edges <= middle).all()
    assert (np.nextafter(edges, np.float32(np.inf)) > middle).all()


def test_255_values_are_exact_and_256_are_not():
    rng = np.random.default_rng(0)
    for n_values, exact in ((255, True), (256, False)):
        for values in (np.arange(n_values), rng.normal(size=n_values)):
            column = rng.permutation(np.repeat(values, 3))
            binned = binned_column(column)
            assert binned.n_bins[0] <= MAX_BINS
            assert bool(binned.n_bins[0] == n_values) is exact


@pytest.mark.parametrize("max_bins", [2, 16, 255])
@pytest.mark.parametrize("skew", [False, True])
def test_bins_of_a_continuous_column_are_equally_full(max_bins, skew):
    column = np.random.default_rng(1).normal(size=20_000)
    binned = binned_column(np.exp(3 * column) if skew else column, max_bins)
    counts = np.bincount(binned.matrix[0])
    assert len(counts) == binned.n_bins[0] == max_bins
    assert counts.min() > 0.9 * 20_000 / max_bins
    assert counts.max() < 1.1 * 20_000 / max_bins


@pytest.mark.parametrize(("n_heavy", "share"), [(4, 38), (40, 2), (90, 1.2)])
def test_frequent_values_have_their_own_bins(n_heavy, share):
    rng = np.random.default_rng(2)
    fair = 10_000 / MAX_BINS
    heavy = rng.normal(size=n_heavy).astype(np.float32)
    often = np.repeat(heavy, int(share * fair) + 1)
    column = rng.normal(size=10_000).astype(np.float32)
    column[: len(often)] = often
    binned = binned_column(rng.permutation(column))
    bins = binned_column(column).matrix[0]
    assert binned.n_bins[0] <= MAX_BINS
    for value in heavy:
        here = bins == bins[column == value][0]
        # What is left of the numbers just below may come along, if it is little.
        assert (column[here] <= value).all()
        assert (column[here] != value).sum() < fair / 2
    light = np.bincount(bins[~np.isin(column, heavy)])
    n_light = (~np.isin(column, heavy)).sum()
    assert light.max() < 2 * max(n_light / (MAX_BINS - n_heavy), 1)


@pytest.mark.parametrize(
    ("low", "high"), [(-3, 3), (-40_000, 20_000), (0, 65_535), (-999_999, -950_000)]
)
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_whole_numbers_are_binned_as_any_numbers(monkeypatch, low, high, missing):
    rng = np.random.default_rng(3)
    column = rng.integers(low, high + 1, size=3_000).astype(np.float32)
    column[rng.random(3_000) < missing] = nan
    column[:2] = low, high
    assert binning._whole_range(column) == (low, high, True)
    quick = binned_column(column)
    monkeypatch.setattr(binning, "_whole_range", lambda column: (0, 0, False))
    general = binned_column(column)
    np.testing.assert_array_equal(quick.edges[0], general.edges[0])
    np.testing.assert_array_equal(quick.matrix, general.matrix)
    assert quick.n_bins == general.n_bins


@pytest.mark.parametrize(
    "column",
    [
        [0, 65_536],  # too wide for a table
        [-40_000, 40_000],
        [1_000_001, 1_000_002],  # too large
        [1, 2, 2.5],
        [3e38, -3e38],
        [nan, nan],
    ],
)
def test_other_numbers_take_the_general_way(column):
    column = np.asarray(column * 3, dtype=np.float32)
    pieces = binning._Pieces(column[:, None], 0, 1)
    _, sizes = binning._whole_ranges(pieces, np.zeros(1, dtype=bool))
    assert sizes.tolist() == [0]
    binned = binned_column(column)
    np.testing.assert_array_equal(binned.matrix[0], searched(binned, column[:, None]))
    n_values = len(np.unique(column[~np.isnan(column)]))
    assert binned.n_bins[0] == max(n_values, 1)


def test_a_column_of_one_value_and_an_empty_one():
    codes = np.array([[7, nan], [7, nan], [nan, nan]], dtype=np.float32)
    binned = _bin_columns(Schema.from_data(codes), codes)
    assert binned.n_bins.tolist() == [1, 1]
    np.testing.assert_array_equal(binned.matrix, [[0, 0, 1], [1, 1, 1]])
    others = np.array([[-1e30, 5], [nan, nan]], dtype=np.float32)
    other = binned.bin(Encoded(binned.schema, others))
    np.testing.assert_array_equal(other.matrix, [[0, 1], [0, 1]])


@pytest.mark.parametrize("n_categories", [2, 254, 255, 256, 400])
def test_categories_have_their_own_bins_but_the_rarest(n_categories):
    rng = np.random.default_rng(4)
    schema = Schema((Feature("c", "categorical", tuple(range(n_categories))),))
    often = rng.permutation(n_categories) + 1
    column = np.repeat(np.arange(n_categories), often).astype(np.float32)
    column = rng.permutation(np.append(column, [nan] * 5))
    binned = _bin_columns(schema, column[:, None])
    assert binned.is_set.all()
    assert binned.n_bins[0] == min(n_categories, MAX_BINS)
    known = ~np.isnan(column)
    assert (binned.matrix[0, ~known] == binned.n_bins[0]).all()
    place = column[known].astype(int)
    np.testing.assert_array_equal(binned.matrix[0, known], binned.edges[0][place])
    shared = np.bincount(binned.edges[0], minlength=binned.n_bins[0])
    assert (shared[:-1] == 1).all()  # only the last bin is shared
    n_shared = max(n_categories - MAX_BINS + 1, 1)
    assert shared[-1] == n_shared
    if n_shared > 1:
        together = np.flatnonzero(binned.edges[0] == MAX_BINS - 1)
        assert set(often[together]) == set(range(1, n_shared + 1))


def mixed_rows(n_rows=500):
    rng = np.random.default_rng(5)
    numbers = rng.normal(size=n_rows)
    numbers[::9] = nan
    names = rng.choice([f"town {i}" for i in range(300)], n_rows).astype(object)
    names[::7] = None
    return pd.DataFrame(
        {"number": numbers, "town": names, "count": rng.integers(-50, 1000, n_rows)}
    )


def test_other_rows_go_into_the_same_bins():
    rows = mixed_rows()
    schema = Schema.from_data(rows)
    codes = schema.encode(rows)
    binned = _bin_columns(schema, codes, 32)
    np.testing.assert_array_equal(
        binned.bin(Encoded(schema, codes)).matrix, binned.matrix
    )
    order = np.random.default_rng(6).permutation(len(codes))[:100]
    taken = binned.take(order)
    np.testing.assert_array_equal(
        binned.bin(Encoded(schema, codes[order])).matrix, taken.matrix
    )
    assert taken.n_samples == 100
    others = codes[order].copy()
    others[:, [0, 2]] *= 1.37  # values that were not seen, also out of range
    found = binned.bin(Encoded(schema, others))
    for j in (0, 2):
        np.testing.assert_array_equal(found.matrix[j], searched(binned, others, j))


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(monkeypatch, threads):
    rng = np.random.default_rng(7)
    codes = rng.normal(size=(300, 40)).astype(np.float32)
    codes[:, ::3] = np.round(3 * codes[:, ::3])
    codes[rng.random(codes.shape) < 0.1] = nan
    schema = Schema.from_data(codes)
    alone = _bin_columns(schema, codes, 16)
    asked = []
    monkeypatch.setattr(
        binning, "_n_threads", lambda n_cells: asked.append(n_cells) or threads
    )
    together = _bin_columns(schema, codes, 16)
    np.testing.assert_array_equal(together.matrix, alone.matrix)
    np.testing.assert_array_equal(
        together.bin(Encoded(schema, codes)).matrix, alone.matrix
    )
    for mine, other in zip(together.edges, alone.edges, strict=True):
        np.testing.assert_array_equal(mine, other)
    assert asked == [codes.size] * 2


def test_few_cells_need_one_thread():
    assert binning._n_threads(1_000) == 1
    assert binning._n_threads(10**9) >= 1


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("block", [1, 3, 100])
def test_spread_covers_every_item_once(monkeypatch, threads, block):
    monkeypatch.setattr(binning, "_n_threads", lambda n_cells: threads)
    hits = np.zeros(10, dtype=int)

    def work(first, last):
        hits[first:last] += 1

    _spread(work, 10, 1, block)
    np.testing.assert_array_equal(hits, 1)

    def fail(first, last):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _spread(fail, 10, 1, block)


def test_a_sample_of_many_rows_misses_no_rare_value(monkeypatch):
    monkeypatch.setattr(binning, "_SAMPLE", 200)
    rng = np.random.default_rng(8)
    few = rng.choice([0.25, 0.5, 0.75], 5_000)
    few[[17, 4_000]] = 0.125, 9.5  # too rare for the sample
    many = rng.normal(size=5_000)
    codes = np.column_stack([few, many]).astype(np.float32)
    binned = _bin_columns(Schema.from_data(codes), codes, 16)
    assert binned.n_bins.tolist() == [5, 16]
    np.testing.assert_array_equal(binned.matrix[1], searched(binned, codes, 1))
    counts = np.bincount(binned.matrix[1])
    assert 0.3 * 5_000 / 16 < counts.min() < counts.max() < 3 * 5_000 / 16


def test_rows_in_pieces_get_the_same_bins(monkeypatch):
    rng = np.random.default_rng(4)
    codes = rng.normal(size=(700, 4)).astype(np.float32)
    codes[:, 1] = rng.integers(-5, 400, 700)
    codes[:, 2] = np.round(codes[:, 2], 1)
    codes[rng.random(codes.shape) < 0.1] = nan
    schema = Schema.from_data(codes)
    whole = _bin_columns(schema, codes)
    monkeypatch.setattr(binning, "_HELD", 0)
    monkeypatch.setattr(binning, "_PIECE", 64)
    parts = _bin_columns(schema, codes)
    np.testing.assert_array_equal(parts.matrix, whole.matrix)
    for one, other in zip(parts.edges, whole.edges, strict=True):
        np.testing.assert_array_equal(one, other)
    again = whole.bin(Encoded(schema, codes))
    np.testing.assert_array_equal(again.matrix, whole.matrix)
