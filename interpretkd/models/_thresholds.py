"""Between which values of the rows a threshold lies, and the shortest number there.

A threshold may lie anywhere between the largest value that goes left and the smallest
that goes right: no row moves.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.data import Codes, Scale
from interpretkd.models._nodes import ALL_NUMBERS, Nodes

_MOST_DIGITS = 9
"""As many tell any two float32 numbers apart."""


def numeric_tests(nodes: Nodes) -> NDArray[np.int64]:
    """Return the nodes whose threshold is a number that may be rounded.

    Parameters
    ----------
    nodes : Nodes
        The tests of one or more trees.

    Returns
    -------
    ndarray of int64
        Their indices: without sets of categories, dates (which read well anyhow), and
        tests that tell numbers from missing values.
    """
    number = [not (f.is_categorical or f.is_date) for f in nodes.schema.features]
    asked = np.asarray([*number, False])[nodes.feature]
    return np.flatnonzero(asked & (np.abs(nodes.threshold) < np.float32(ALL_NUMBERS)))


def column_gaps(
    nodes: Nodes, asked: NDArray[np.int64], codes: Codes
) -> tuple[Codes, Codes, NDArray[np.bool_]]:
    """Return the neighbouring values of each threshold in its column.

    Parameters
    ----------
    nodes : Nodes
        The tests of one or more trees.
    asked : ndarray of int64
        The nodes that are asked about.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.

    Returns
    -------
    low, high : ndarray of shape (n_nodes,), float32
        The largest value up to the threshold and the smallest above it, infinite where
        there is none; and at all other nodes.
    whole : ndarray of shape (n_nodes,), bool
        Whether all values of the column are whole numbers.
    """
    n_nodes = len(nodes.feature)
    low = np.full(n_nodes, -np.inf, dtype=np.float32)
    high = np.full(n_nodes, np.inf, dtype=np.float32)
    whole = np.zeros(n_nodes, dtype=bool)
    used = np.unique(nodes.feature[asked])
    for position in used:
        here = asked[nodes.feature[asked] == position]
        values = np.sort(codes[:, position])  # missing ones come last
        values = values[: len(values) - int(np.isnan(values).sum())]
        place = np.searchsorted(values, nodes.threshold[here], side="right")
        inside = np.concatenate([[-np.inf], values, [np.inf]]).astype(np.float32)
        low[here], high[here] = inside[place], inside[place + 1]
        whole[here] = bool((np.floor(values) == values).all())
    return low, high, whole


def node_gaps(nodes: Nodes, codes: Codes) -> tuple[Codes, Codes]:
    """Return the neighbouring values of each threshold among the rows that come by.

    Parameters
    ----------
    nodes : Nodes
        The tests of one or more trees.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.

    Returns
    -------
    low, high : ndarray of shape (n_nodes,), float32
        The largest value that goes left at each node and the smallest that goes right,
        infinite where there is none.
    """
    low = np.full(len(nodes.feature), -np.inf, dtype=np.float32)
    high = np.full(len(nodes.feature), np.inf, dtype=np.float32)
    tests = (nodes.feature, nodes.threshold, nodes.missing_left)
    children = (nodes.left, nodes.right)
    sets = (nodes.category_start, nodes.left_categories)
    rows = np.ascontiguousarray(codes, dtype=np.float32)
    _node_gaps(rows, tests, children, sets, nodes.roots, low, high)
    return low, high


def shortest_thresholds(
    nodes: Nodes,
    asked: NDArray[np.int64],
    low: NDArray[np.floating],
    high: NDArray[np.floating],
    whole: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Return thresholds of the fewest digits in [low, high), each near the old one.

    Parameters
    ----------
    nodes : Nodes
        The tests of one or more trees.
    asked : ndarray of shape (n,), int64
        The nodes whose thresholds are to be short; all others stay.
    low, high : ndarray of shape (n,)
        The ends of their gaps, as codes.
    whole : ndarray of shape (n,), bool
        Where only whole numbers are asked.

    Returns
    -------
    ndarray of shape (n_nodes,), float32
        Thresholds, all of them. The digits are those of the numbers in the column: of
        whole numbers with a scale the last one that passes gets short, fractions with
        a scale stay as they are.
    """
    threshold = nodes.threshold.copy()
    scales = [nodes.schema.features[j].scale for j in nodes.feature[asked].tolist()]
    plain = np.asarray([scale is None for scale in scales], dtype=bool)
    here = asked[plain]
    threshold[here] = _shortest(threshold[here], low[plain], high[plain], whole[plain])
    for i in np.flatnonzero(~plain).tolist():
        scale, node = scales[i], asked[i]
        if scale is not None and scale.whole:
            gap = (float(low[i]), float(high[i]))
            threshold[node] = _on_scale(scale, float(threshold[node]), *gap)
    return threshold


def _shortest(
    threshold: NDArray[np.float32],
    low: NDArray[np.floating],
    high: NDArray[np.floating],
    whole: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Return the numbers of the fewest digits in [low, high), each near its threshold.

    With k digits, the nearest numbers on both sides of t are multiples of one power of
    ten, that of t's k-th digit: further away the multiples may get coarser, but t's
    own decade ends in a number of one digit. So two candidates a k are enough. Where
    no number of nine digits lies in the gap, t stays.
    """
    exact = threshold.astype(np.float64)
    chosen, open_ = threshold.copy(), np.ones(len(threshold), dtype=bool)
    size = np.abs(exact)
    decade = np.floor(np.log10(np.where(size > 0, size, 1.0))).astype(np.int64)
    for n_digits in range(1, _MOST_DIGITS + 1):
        power = decade - n_digits + 1
        power = np.where(whole, np.maximum(power, 0), power)
        steps = np.floor(_scaled(exact, -power))
        with np.errstate(over="ignore"):  # infinity is in no gap
            below = _scaled(steps, power).astype(np.float32)
            above = _scaled(steps + 1, power).astype(np.float32)
        fits = [(low <= c) & (c < high) & open_ for c in (below, above)]
        nearer = np.abs(exact - below) <= np.abs(above - exact)
        first = fits[0] & (nearer | ~fits[1])
        chosen[first] = below[first]
        second = fits[1] & ~first
        chosen[second] = above[second]
        open_ &= ~(first | second)
        if not open_.any():
            break
    return chosen


def _on_scale(scale: Scale, threshold: float, low: float, high: float) -> float:
    """Return the code in [low, high) whose last whole number has the fewest digits."""
    near = int(scale.last(threshold))
    first, after = (int(end) for end in scale.decode(np.asarray([low, high])))
    for power in range(len(str(abs(near))), -1, -1):
        step = 10**power
        below = near // step * step
        fits = [n for n in (below, below + step) if first <= n < after]
        for number in sorted(fits, key=lambda n: abs(n - near)):
            code = float(scale.encode(np.asarray([number], dtype=np.float64))[0])
            if low <= code < high and scale.last(code) == number:
                return code
    return threshold


def _scaled(values: Array, power: NDArray[np.int64]) -> Array:
    """Multiply by powers of ten, dividing by negative ones: they alone are exact."""
    up, down = 10.0 ** np.maximum(power, 0), 10.0 ** np.maximum(-power, 0)
    return values * up / down


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True)
def _node_gaps(  # type: ignore[no-untyped-def]
    codes, tests, children, sets, roots, low, high
):
    (feature, threshold, missing_left), (left, right) = tests, children
    start, in_left = sets
    for i in range(len(codes)):
        for root in roots:
            node = root
            while feature[node] >= 0:
                x = codes[i, feature[node]]
                if np.isnan(x):
                    goes_left = missing_left[node]
                elif start[node] >= 0:
                    goes_left = in_left[start[node] + np.int64(x)]
                else:
                    goes_left = x <= threshold[node]
                    if goes_left:
                        low[node] = max(low[node], x)
                    else:
                        high[node] = min(high[node], x)
                node = left[node] if goes_left else right[node]
