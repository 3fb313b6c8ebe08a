"""How many threads a fit may ask of the linear algebra beneath numpy and scipy."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

from interpretkd._base import threads_for

_MANY_CELLS = 2_000_000
"""Cells for which a further thread multiplies faster than it waits."""


@contextmanager
def few_threads(n_cells: int = 0) -> Iterator[None]:
    """Keep to one thread where matrices are small, to few where few may be used.

    A solver that asks for thousands of tiny products waits for its threads far longer
    than it computes: on 144 rows and 64 leaves a boosted student took 2.3 seconds of
    processor time with the threads of a machine of two cores, and 0.15 without.

    Parameters
    ----------
    n_cells : int, default=0
        Rows times columns: the work, as of `interpretkd._base.threads_for`. There are
        never more threads than before.

    Yields
    ------
    None
        While there are few.
    """
    pools = ThreadpoolController().select(user_api="blas")
    limits = dict.fromkeys(
        (one["prefix"] for one in pools.info()), threads_for(n_cells, _MANY_CELLS)
    )
    for one in pools.info():
        limits[one["prefix"]] = min(limits[one["prefix"]], one["num_threads"])
    with pools.limit(limits=limits):
        yield
