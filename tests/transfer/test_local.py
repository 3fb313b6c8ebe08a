"""Rows around the given ones, in the shape of their neighbours."""

import numpy as np
from hypothesis import given, settings, strategies as st

from interpretkd.data import Schema
from interpretkd.transfer import local_rows
from tests.transfer.tables import mixed_rows

SEEDS = st.integers(0, 2**32 - 1)


@given(
    seed=SEEDS,
    n_given=st.integers(1, 30),
    n_rows=st.integers(1, 70),
    n_neighbours=st.integers(1, 12),
    spread=st.floats(0, 5),
)
@settings(max_examples=60)
def test_cells_keep_their_kind(seed, n_given, n_rows, n_neighbours, spread):
    frame = mixed_rows(seed, n_given)
    schema, codes = Schema.read(frame)
    kinds = np.random.default_rng(seed).integers(0, 3, n_given)
    drawn, again = (
        local_rows(
            schema,
            codes,
            n_rows,
            np.random.default_rng(seed),
            kinds=kinds,
            n_neighbours=n_neighbours,
            spread=spread,
        )
        for _ in range(2)
    )
    np.testing.assert_array_equal(drawn, again)
    assert drawn.shape == (n_rows, len(schema))
    assert drawn.dtype == np.float32
    for own, new, feature in zip(codes.T, drawn.T, schema.features, strict=True):
        if not np.isnan(own).any():
            assert not np.isnan(new).any()
        known, new = own[~np.isnan(own)], new[~np.isnan(new)]
        if not len(known):
            assert not len(new)
        elif feature.is_categorical or feature.name == "level":
            assert np.isin(new, known).all()
        elif len(new):
            assert known.min() <= new.min() <= new.max() <= known.max()
        if feature.name in ("age", "day"):
            assert (new == np.round(new)).all()


def test_a_spread_and_swap_of_0_draw_the_given_rows():
    schema, codes = Schema.read(mixed_rows(0, 40))
    rng = np.random.default_rng(0)
    drawn = local_rows(schema, codes, 40, rng, spread=0, swap=0)
    given = {row.tobytes() for row in codes}
    assert {row.tobytes() for row in drawn} == given


def test_rows_follow_the_shape_of_their_neighbours():
    """Two columns that go together still do; noise of each alone would blur them."""
    rng = np.random.default_rng(0)
    line = rng.normal(size=400)
    codes = np.column_stack([line, line + rng.normal(0, 0.01, 400)])
    codes = codes.astype(np.float32)
    schema = Schema.from_data(codes)
    drawn = local_rows(schema, codes, 4000, np.random.default_rng(1))
    apart = np.abs(drawn[:, 0] - drawn[:, 1])
    assert apart.mean() < 0.02
    moved = np.abs(drawn[:, None, 0] - codes[None, :, 0]).min(axis=1)
    assert np.median(moved) > 0  # and they are new


def test_neighbours_are_of_the_same_kind():
    """Between two clouds of different decisions there is nothing to draw."""
    rng = np.random.default_rng(0)
    kinds = np.repeat([0, 1], 12)
    codes = (rng.normal(0, 0.01, (24, 2)) + kinds[:, None]).astype(np.float32)
    schema = Schema.from_data(codes)
    drawing = (schema, codes, 2000)
    kept = local_rows(*drawing, np.random.default_rng(1), kinds=kinds, n_neighbours=15)
    mixed = local_rows(*drawing, np.random.default_rng(1), n_neighbours=15)
    between = [((rows > 0.1) & (rows < 0.9)).mean() for rows in (kept, mixed)]
    assert between[0] == 0
    assert between[1] > 0.1


def test_whole_numbers_and_means_are_kept():
    rng = np.random.default_rng(0)
    codes = rng.poisson(20, (600, 3)).astype(np.float32)
    schema = Schema.from_data(codes)
    drawn = local_rows(schema, codes, 60_000, np.random.default_rng(1))
    assert (drawn == np.floor(drawn)).all()
    np.testing.assert_allclose(drawn.mean(axis=0), codes.mean(axis=0), atol=0.15)


def test_gaps_are_as_frequent():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(500, 2)).astype(np.float32)
    codes[rng.random(500) < 0.3, 0] = np.nan
    schema = Schema.from_data(codes)
    drawn = local_rows(schema, codes, 20_000, np.random.default_rng(1))
    assert abs(np.isnan(drawn[:, 0]).mean() - np.isnan(codes[:, 0]).mean()) < 0.02
