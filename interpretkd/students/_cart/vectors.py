"""Additions of several numbers at once, which numba does not find by itself.

Its compiler makes vector instructions of long loops alone; what a tree adds up a
million times is a row of few target columns.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 4
"""How many numbers `_add_lanes` adds; rows of sums are padded to a multiple of it."""


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def _add_lanes(typing_context: Any, out: Any, at: Any, values: Any, start: Any) -> Any:
    """Add ``values[start : start + LANES]`` to ``out[at : at + LANES]``, for numba.

    Both are one-dimensional, contiguous arrays of float64. Nothing checks the places.
    """

    def emit(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        lanes = ir.VectorType(ir.DoubleType(), LANES)

        def place(array: int) -> Any:
            data = context.make_array(signature.args[array])
            data = data(context, builder, given[array]).data
            return builder.bitcast(
                builder.gep(data, [given[array + 1]]), lanes.as_pointer()
            )

        target, source = place(0), place(2)
        total = builder.fadd(
            builder.load(target, align=8), builder.load(source, align=8)
        )
        builder.store(total, target, align=8)
        return context.get_dummy_value()

    return types.void(out, types.intp, values, types.intp), emit
