"""Images moved a little: within their range, the same ones by the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd._base import InputError
from interpretkd.data import Feature, Schema
from interpretkd.transfer import augment_images

STILL = {"shift": 0.0, "turn": 0.0, "zoom": 0.0, "alpha": 0.0}


def pixels(shape):
    n = int(np.prod(shape))
    return Schema(tuple(Feature(f"x{i}", kind="pixel") for i in range(n)), shape)


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from([(5, 7), (3, 4, 4), (1, 6)]),
    whole=st.booleans(),
    n_rows=st.integers(1, 12),
)
@settings(max_examples=30)
def test_pixels_keep_their_range_and_whole_numbers(seed, shape, whole, n_rows):
    rng = np.random.default_rng(seed)
    codes = rng.uniform(-3, 200, (4, int(np.prod(shape)))).astype(np.float32)
    codes = np.round(codes) if whole else codes
    drawn = augment_images(pixels(shape), codes, n_rows, np.random.default_rng(seed))
    again = augment_images(pixels(shape), codes, n_rows, np.random.default_rng(seed))
    np.testing.assert_array_equal(drawn, again)
    assert drawn.shape == (n_rows, codes.shape[1])
    assert drawn.dtype == np.float32
    assert codes.min() <= drawn.min() <= drawn.max() <= codes.max()
    if whole:
        np.testing.assert_array_equal(drawn, np.round(drawn))


def test_what_moves_nothing_gives_the_images_in_turn():
    codes = np.random.default_rng(0).random((6, 20)).astype(np.float32)
    rng = np.random.default_rng(1)
    drawn = augment_images(pixels((4, 5)), codes, 12, rng, **STILL)
    rows = {tuple(row) for row in codes.tolist()}
    assert [tuple(row) in rows for row in drawn.tolist()] == [True] * 12
    assert len({tuple(row) for row in drawn[:6].tolist()}) == 6


def spot(row, column, size=21):
    image = np.zeros((size, size), dtype=np.float32)
    image[row - 1 : row + 2, column - 1 : column + 2] = 1
    return image.ravel()[None]


def centres(drawn, size=21):
    images = drawn.reshape(-1, size, size).astype(float)
    weight = images.sum(axis=(1, 2))
    grid = np.arange(size)
    down = (images.sum(axis=2) @ grid) / weight
    return np.column_stack([down, (images.sum(axis=1) @ grid) / weight])


@pytest.mark.parametrize(
    ("moved", "most"),
    [
        ({"shift": 2.0}, 2.0),
        ({"turn": 10.0}, 6 * np.radians(10.0)),
        ({"zoom": 0.1}, 6 * 0.1),
    ],
)
def test_what_is_seen_moves_as_far_as_is_said(moved, most):
    # A spot six pixels beside the middle of the image.
    rng = np.random.default_rng(0)
    drawn = augment_images(pixels((21, 21)), spot(10, 16), 300, rng, **STILL | moved)
    away = np.abs(centres(drawn) - [10, 16]).max(axis=1)
    assert away.max() < most + 0.15
    assert away.max() > 0.8 * most
    assert np.abs(centres(drawn).mean(axis=0) - [10, 16]).max() < 0.25


def test_bending_moves_pixels_smoothly():
    rng = np.random.default_rng(0)
    bent = {**STILL, "alpha": 8.0}
    drawn = augment_images(pixels((21, 21)), spot(10, 10), 300, rng, **bent)
    away = np.abs(centres(drawn) - 10)
    # Noise of variance 1/3, smoothed over 2 sigma sqrt(pi): 0.33 pixels.
    assert 0.15 < away.std() < 0.45
    assert np.abs(drawn.sum(axis=1) - 9).mean() < 1.5


def test_channels_move_together_and_gaps_along():
    image = np.stack([spot(10, 10).reshape(21, 21)] * 2)
    drawn = augment_images(
        pixels((2, 21, 21)), image.reshape(1, -1), 20, np.random.default_rng(0)
    ).reshape(20, 2, -1)
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 1])
    gap = spot(10, 10)
    gap[0, 10 * 21 + 10] = np.nan
    drawn = augment_images(pixels((21, 21)), gap, 20, np.random.default_rng(0))
    n_missing = np.isnan(drawn).sum(axis=1)
    assert n_missing.min() > 0
    assert n_missing.max() < 5
    assert np.isin(drawn[~np.isnan(drawn)], [0, 1]).all()


def test_rows_that_are_no_images_are_refused():
    codes = np.zeros((3, 4), dtype=np.float32)
    with pytest.raises(InputError, match="Images can be moved only if the schema"):
        augment_images(Schema.from_data(codes), codes, 2, np.random.default_rng(0))
