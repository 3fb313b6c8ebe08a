"""What is asked of every cell, a block after the other, against all of it at once."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd.data import Schema, _passes
from interpretkd.data._scale import Scale, scales_of

ODD = [np.nan, np.inf, -np.inf, 0.0, 2.5, -(2.0**24), 2.0**24 + 2, 20_240_101.0, 3e38]


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.sampled_from(ODD), min_size=12, max_size=12),
    size=st.sampled_from([1, 6, 1000]),
)
def test_blocks_say_what_the_whole_says(values, size):
    matrix = np.asarray(values, dtype=np.float32).reshape(4, 3)
    expected = np.nan_to_num(np.abs(matrix), nan=0.0, posinf=np.inf).max(axis=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_passes, "_CELLS", size)
        compare(matrix, expected)


def compare(matrix, expected):
    np.testing.assert_array_equal(_passes.largest(matrix), expected)
    np.testing.assert_array_equal(_passes.missing(matrix), np.isnan(matrix).any(axis=0))
    assert _passes.holds_infinity(matrix) == np.isinf(matrix).any()
    assert scales_of(matrix) == [Scale.of(column) for column in matrix.T]


def test_codes_that_were_checked_are_not_read_again():
    rows = np.array([[1.0, 2.0], [np.nan, 4.0]], dtype=np.float32)
    schema = Schema.from_data(rows)
    assert schema.encode_checked(rows) is rows
    large = rows.astype(np.float64)
    np.testing.assert_array_equal(schema.encode_checked(large), rows)
    dates = np.array([[20_240_101.0], [20_240_102], [20_250_101]])
    scaled = Schema.from_data(dates)
    assert scaled.encode_checked(dates.astype(np.float32)).max() < 2**24
