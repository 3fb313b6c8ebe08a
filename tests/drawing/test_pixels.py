import io

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from interpretkd._base import InputError
from interpretkd.drawing import as_png
from interpretkd.drawing._pixels import _grey_or_colours

SHAPES = st.tuples(
    st.integers(1, 90), st.integers(1, 90), st.sampled_from([(), (2,), (3,)])
).map(lambda sides: (*sides[:2], *sides[2]))


@given(hnp.arrays(np.uint8, SHAPES))
def test_a_png_holds_the_pixels(pixels: np.ndarray) -> None:
    image = Image.open(io.BytesIO(as_png(pixels)))
    image.load()
    read = np.asarray(image)
    factor = read.shape[0] // pixels.shape[0]
    assert factor == max(1, round(64 / max(pixels.shape[:2])))
    expected = np.repeat(np.repeat(pixels, factor, axis=0), factor, axis=1)
    np.testing.assert_array_equal(read, expected)


def test_values_become_shades() -> None:
    shades = _grey_or_colours(np.array([[0.0, 0.5, 1.0, -3.0, 7.0]]))
    assert shades.tolist() == [[0, 128, 255, 0, 255]]
    assert _grey_or_colours(np.ones((2, 3, 3))).shape == (2, 3, 3)


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2), (2, 2, 3, 1)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="A picture must have the shape"):
        _grey_or_colours(np.zeros(shape))
