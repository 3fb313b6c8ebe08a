"""How many threads a fit may ask of the linear algebra beneath numpy and scipy."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

_MANY_CELLS = 2_000_000
"""From this size of the rows on, several threads multiply faster than one."""


@contextmanager
def few_threads(n_cells: int = 0) -> Iterator[None]:
    """Keep to one thread where matrices are small.

    A solver that asks for thousands of tiny products waits for its threads far longer
    than it computes: on 144 rows and 64 leaves a boosted student took 2.3 seconds of
    processor time with the threads of a machine of two cores, and 0.15 without.

    Parameters
    ----------
    n_cells : int, default=0
        Rows times columns; for many the threads stay.

    Yields
    ------
    None
        While there are few.
    """
    if n_cells > _MANY_CELLS:
        yield
        return
    with threadpool_limits(limits=1, user_api="blas"):
        yield
