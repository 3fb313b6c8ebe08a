"""Rows by MUNGE: cells of the nearest row, numbers spread around them."""

import numpy as np
from hypothesis import given, settings, strategies as st

from interpretkd.data import Schema
from interpretkd.transfer import munge
from tests.transfer.tables import mixed_rows

SEEDS = st.integers(0, 2**32 - 1)
nan = np.nan


@given(
    seed=SEEDS,
    n_given=st.integers(1, 30),
    n_rows=st.integers(1, 70),
    p=st.floats(0.01, 1),
    s=st.floats(0.1, 20),
)
@settings(max_examples=40)
def test_cells_keep_their_kind(seed, n_given, n_rows, p, s):
    frame = mixed_rows(seed, n_given)
    schema, codes = Schema.read(frame)
    drawn = munge(schema, codes, n_rows, np.random.default_rng(seed), p=p, s=s)
    again = munge(schema, codes, n_rows, np.random.default_rng(seed), p=p, s=s)
    np.testing.assert_array_equal(drawn, again)
    assert drawn.shape == (n_rows, len(schema))
    assert drawn.dtype == np.float32
    for own, new, feature in zip(codes.T, drawn.T, schema.features, strict=True):
        if not np.isnan(own).any():
            assert not np.isnan(new).any()
        known, new = own[~np.isnan(own)], new[~np.isnan(new)]
        if not len(known):
            assert not len(new)
            continue
        if feature.is_categorical:
            assert np.isin(new, known).all()
        elif len(new):
            assert known.min() <= new.min() <= new.max() <= known.max()
        if feature.name in ("age", "day"):
            assert (new == np.round(new)).all()


def test_cells_are_drawn_around_the_nearest_row():
    codes = np.array([[0.25], [4.25]], dtype=np.float32)
    schema, rng = Schema.from_data(codes), np.random.default_rng(0)
    drawn = munge(schema, codes, 40_000, rng, p=0.4, s=8.0)[:, 0]
    inside = drawn[(drawn > 0.25) & (drawn < 4.25)]
    # N(the other row's, 4 / 8), and the half beyond the column's range is at its end.
    assert abs(len(inside) / len(drawn) - 0.4 / 2) < 0.01
    away = np.minimum(inside - 0.25, 4.25 - inside)
    assert abs(away.mean() - 0.5 * np.sqrt(2 / np.pi)) < 0.01
    assert abs((away**2).mean() - 0.25) < 0.01
    assert abs((drawn == 0.25).mean() - 0.4) < 0.01  # 0.3 that stayed, 0.1 held


def test_the_more_s_the_closer_to_the_neighbour():
    rng = np.random.default_rng(1)
    codes = rng.normal(size=(300, 3)).astype(np.float32)
    schema = Schema.from_data(codes)
    far, near = (
        munge(schema, codes, 3_000, np.random.default_rng(2), p=1.0, s=s)
        for s in (1.0, 1e6)
    )
    own = {tuple(row) for row in codes.round(3).tolist()}
    assert np.mean([tuple(row) in own for row in near.round(3).tolist()]) > 0.99
    assert np.mean([tuple(row) in own for row in far.round(3).tolist()]) < 0.01


def test_rows_take_turns():
    codes = np.arange(50, dtype=np.float32)[:, None] * 1000
    schema = Schema.from_data(codes)
    drawn = munge(schema, codes, 125, np.random.default_rng(0), p=1e-9)
    counts = np.unique(drawn, return_counts=True)[1]
    assert len(counts) == 50
    assert set(counts.tolist()) == {2, 3}
