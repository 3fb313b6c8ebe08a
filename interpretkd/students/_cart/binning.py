"""Columns cut into at most 255 bins and one for missing values.

Growing and improving a tree reads every cell of the rows many times over; a bin is one
byte. A number's bins are intervals in rising order, exact when the column has no more
values than bins; a category is a bin of its own (the rarest share one when there are
too many).
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd._base import threads_for
from interpretkd.data import Codes, Encoded, Schema
from interpretkd.models import floor_to_float32

MAX_BINS = 255
"""The bins of a column beside the one for missing values."""
N_BYTES = 256
"""The values of a byte: bins and the missing one."""
_BLOCK = 16
"""Columns that are read together: their float32 cells fill one line of the cache."""
_HELD = 65_536
"""Up to so many rows, the columns that are read together are copied once."""
_PIECE = 16_384
"""So many rows of them are copied at a time where there are more."""
_SAMPLE = 200_000
"""Rows from which the bins of a column of many values are found."""
_MOST_WHOLE = 65_536
"""From this range of whole numbers on they are treated as any other numbers."""
_SMALL = 2_000_000
"""Cells for which a further thread gives more than it costs."""


@dataclass(frozen=True, eq=False)
class Binned:
    """Rows as bins.

    Parameters
    ----------
    schema : Schema
        The columns.
    matrix : ndarray of shape (n_features, n_samples), uint8
        The bin of each cell, a column after the other.
    n_bins : ndarray of shape (n_features,), int32
        The bins of each column; ``n_bins[j]`` itself is the bin of its missing values.
    is_set : ndarray of shape (n_features,), bool
        Whether the column is categorical: its bins have no order.
    edges : tuple of ndarray, float32
        For a number the largest value of each bin but the last, as a threshold; for
        a categorical column the bin of each category.
    """

    schema: Schema
    matrix: NDArray[np.uint8]
    n_bins: NDArray[np.int32]
    is_set: NDArray[np.bool_]
    edges: tuple[NDArray[Any], ...]

    @property
    def n_samples(self) -> int:
        """The number of rows."""
        return self.matrix.shape[1]

    def bin(self, rows: Encoded) -> "Binned":
        """Put other rows into the same bins.

        Parameters
        ----------
        rows : Encoded
            Rows of the same columns.

        Returns
        -------
        Binned
            These rows.
        """
        codes = rows.codes
        matrix = np.empty(codes.shape[::-1], dtype=np.uint8)

        def fill(first: int, last: int) -> None:
            for rows, columns in _Pieces(codes, first, last):
                for j, column in enumerate(columns, start=first):
                    out = matrix[j, rows]
                    if self.is_set[j]:
                        _look_up(column, 0, self.edges[j], self.n_bins[j], out)
                    else:
                        _assign(column, self.edges[j], self.n_bins[j], out)

        _spread(fill, codes.shape[1], codes.size, _BLOCK)
        return Binned(self.schema, matrix, self.n_bins, self.is_set, self.edges)

    def take(self, rows: NDArray[np.integer]) -> "Binned":
        """Return some of the rows.

        Parameters
        ----------
        rows : ndarray of int
            Their positions.

        Returns
        -------
        Binned
            These rows.
        """
        part = np.ascontiguousarray(self.matrix[:, rows])
        return Binned(self.schema, part, self.n_bins, self.is_set, self.edges)


def _bin_columns(schema: Schema, codes: Codes, max_bins: int = MAX_BINS) -> Binned:
    """Find the bins of each column, 255 at the most, and put the rows into them.

    Examples
    --------
    >>> codes = np.array([[1.0], [5.0], [np.nan], [5.0]], dtype=np.float32)
    >>> binned = _bin_columns(Schema.from_data(codes), codes)
    >>> binned.matrix, binned.edges[0]
    (array([[0, 1, 2, 1]], dtype=uint8), array([3.], dtype=float32))
    """
    n_samples, n_features = codes.shape
    matrix = np.empty((n_features, n_samples), dtype=np.uint8)
    n_bins = np.empty(n_features, dtype=np.int32)
    is_set = np.asarray([f.is_categorical for f in schema.features], dtype=np.bool_)
    edges: list[Any] = [None] * n_features
    sample = _sample(n_samples)

    def fill(first: int, last: int) -> None:
        pieces = _Pieces(codes, first, last)
        low, sizes = _whole_ranges(pieces, is_set[first:last])
        counts = _count_whole_numbers(pieces, low, sizes)
        tables: list[Any] = [None] * (last - first)
        for c, j in enumerate(range(first, last)):
            if is_set[j]:
                n_categories = len(schema.features[j].categories)
                edges[j], n_bins[j] = _bins_of_categories(
                    codes[:, j], n_categories, max_bins
                )
                tables[c] = edges[j]
                continue
            if sizes[c]:  # a table is faster than any search
                there = np.flatnonzero(counts[c])
                values = (there + low[c]).astype(np.float32)
                edges[j] = _edges(values, counts[c][there], max_bins)
                every = np.arange(low[c], low[c] + sizes[c])
                tables[c] = np.searchsorted(edges[j], every).astype(np.uint8)
            else:
                known = _values_of(codes[:, j], sample, max_bins)
                edges[j] = _edges(*known, max_bins)
            n_bins[j] = len(edges[j]) + 1
        for rows, columns in pieces:
            for c, column in enumerate(columns):
                j, out = first + c, matrix[first + c, rows]
                if tables[c] is None:
                    _assign(column, edges[j], n_bins[j], out)
                else:
                    _look_up(column, low[c], tables[c], n_bins[j], out)

    _spread(fill, n_features, codes.size, _BLOCK)
    return Binned(schema, matrix, n_bins, is_set, tuple(edges))


class _Pieces:
    """A few columns, a contiguous copy of some rows after the other.

    Iteration yields which rows, and for each column their numbers.
    """

    def __init__(self, codes: Codes, first: int, last: int) -> None:
        self.codes, self.columns = codes, slice(first, last)
        self.held = self._copy(slice(None)) if len(codes) <= _HELD else None

    def __iter__(self) -> Iterator[tuple[slice, Codes]]:
        if self.held is not None:
            yield slice(None), self.held
            return
        for start in range(0, len(self.codes), _PIECE):
            rows = slice(start, start + _PIECE)
            yield rows, self._copy(rows)

    def _copy(self, rows: slice) -> Codes:
        return np.ascontiguousarray(self.codes[rows, self.columns].T)


def _whole_ranges(
    pieces: _Pieces, is_set: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the least value and the range of each column of whole numbers.

    A range of 0 stands for sets, other numbers, and ranges too large for a table.
    """
    low, high = np.full(len(is_set), np.inf), np.full(len(is_set), -np.inf)
    is_whole = ~is_set
    for _, columns in pieces:
        for c in np.flatnonzero(is_whole):
            least, most, is_whole[c] = _whole_range(columns[c])
            low[c], high[c] = min(low[c], least), max(high[c], most)
    is_whole &= (low <= high) & (high - low < _MOST_WHOLE)
    sizes = np.where(is_whole, high - low + 1, 0)
    return np.where(is_whole, low, 0).astype(np.int64), sizes.astype(np.int64)


def _count_whole_numbers(
    pieces: _Pieces, low: NDArray[np.int64], sizes: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Return how often each whole number comes, from the least one of its column on."""
    counts = [np.zeros(size, dtype=np.int64) for size in sizes]
    for _, columns in pieces:
        for c in np.flatnonzero(sizes):
            _count_whole(columns[c], low[c], counts[c])
    return counts


def _sample(n_samples: int) -> NDArray[np.int32] | None:
    """Return the rows that values are looked for in first; None for all of them."""
    if n_samples <= _SAMPLE:
        return None
    order = np.random.default_rng(0).permutation(n_samples)
    return np.sort(order[:_SAMPLE]).astype(np.int32)


def _values_of(
    column: NDArray[np.float32], sample: NDArray[np.int32] | None, max_bins: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the values of a column, or of a sample of its rows, and their counts."""
    if sample is not None:
        values, counts = _distinct(column[sample])
        if len(values) > max_bins:  # of few values it may have missed some
            return values, counts
    return _distinct(column)


def _bin_rows(rows: Encoded) -> Binned:
    """Put rows into bins of their own, for `Encoded.once`."""
    return _bin_columns(rows.schema, rows.codes)


def _n_threads(n_cells: int) -> int:
    """Return how many threads are worth it to read so many cells, at least 1."""
    return threads_for(n_cells, _SMALL)


def _spread(
    work: Callable[[int, int], None], n_items: int, n_cells: int, block: int = 1
) -> None:
    """Run ``work(first, last)`` over ranges of items, in threads when it is worth it.

    `work` must release the interpreter's lock and write to places of its own;
    `n_cells` are read altogether, `block` items at a time.
    """
    threads = _n_threads(n_cells)
    if threads == 1:
        for first in range(0, n_items, block):
            work(first, min(first + block, n_items))
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = [
            pool.submit(work, first, min(first + block, n_items))
            for first in range(0, n_items, block)
        ]
        for item in waiting:
            item.result()


def _bins_of_categories(
    column: NDArray[np.float32], n_categories: int, max_bins: int
) -> tuple[NDArray[np.uint8], int]:
    """Give each category a bin, the rarest one together when they are too many."""
    if n_categories <= max_bins:
        return np.arange(n_categories, dtype=np.uint8), n_categories
    known = column[~np.isnan(column)].astype(np.int64)
    counts = np.bincount(known, minlength=n_categories)
    bins = np.full(n_categories, max_bins - 1, dtype=np.uint8)
    frequent = np.argsort(-counts, kind="stable")[: max_bins - 1]
    bins[frequent] = np.arange(max_bins - 1)
    return bins, max_bins


def _edges(
    values: NDArray[np.float32], counts: NDArray[np.int64], max_bins: int
) -> NDArray[np.float32]:
    """Return the thresholds between the bins of a column of numbers."""
    if len(values) <= max_bins:
        ends = np.arange(max(len(values) - 1, 0))
    else:
        ends = _ends(counts, max_bins)
    middle = (values[ends].astype(np.float64) + values[ends + 1]) / 2
    return floor_to_float32(middle)


def _distinct(
    column: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    values = np.sort(column[~np.isnan(column)])
    starts = np.flatnonzero(np.diff(values, prepend=-np.inf))
    return values[starts], np.diff(starts, append=len(values))


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True, error_model="numpy")
def _whole_range(column):  # type: ignore[no-untyped-def]
    """Return the least and the largest number, and whether all are whole and small."""
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for x in column:
        if x != x:
            continue
        if x != np.floor(x) or abs(x) > 1e6:
            return low, high, False
        low, high = min(low, x), max(high, x)
    return low, high, True


@njit(cache=True, nogil=True, error_model="numpy")
def _count_whole(column, low, counts):  # type: ignore[no-untyped-def]
    for x in column:
        if x == x:
            counts[np.int64(x) - low] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _ends(counts, max_bins):  # type: ignore[no-untyped-def]
    """Return the last value of each bin but the last, all about equally full.

    A value as frequent as a whole bin gets one for itself.
    """
    left, bins = counts.sum(), max_bins
    heavy = counts >= left / max_bins
    for i in range(len(counts)):
        if heavy[i]:
            left -= counts[i]
            bins -= 1
    size = left / max(bins, 1)
    ends = np.empty(max_bins - 1, dtype=np.int64)
    n_ends, inside = 0, 0
    for i in range(len(counts) - 1):
        if n_ends == max_bins - 1:
            break
        inside += counts[i]
        if heavy[i] or inside >= size or (heavy[i + 1] and inside >= 0.5 * size):
            ends[n_ends] = i
            n_ends += 1
            if not heavy[i]:
                left -= inside
                bins -= 1
                size = left / max(bins, 1)
            inside = 0
    return ends[:n_ends].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def _assign(column, edges, missing, out):  # type: ignore[no-untyped-def]
    padded = np.full(N_BYTES, np.float32(np.inf), dtype=np.float32)
    padded[: len(edges)] = edges
    for i in range(len(column)):
        x = column[i]
        below = 0  # the number of edges below x, bit by bit: no branch to guess
        for bit in (128, 64, 32, 16, 8, 4, 2, 1):
            below += bit if padded[below + bit - 1] < x else 0
        out[i] = missing if np.isnan(x) else below


@njit(cache=True, nogil=True, error_model="numpy")
def _look_up(column, low, bins, missing, out):  # type: ignore[no-untyped-def]
    for i in range(len(column)):
        x = column[i]
        out[i] = bins[np.int64(x) - low] if x == x else missing
