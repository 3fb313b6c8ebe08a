"""The best test of one node: few columns, whole-number points, for given rows.

Every row says by how much it is worth more to it to go left than to go right. Its sign
is a class and its size a weight; what is to be made large is the sum over the rows that
go left. Two ways lead to a score: the points that the node has are bettered one by one,
columns are added and exchanged; and a sparse logistic regression, grown column by
column, is rounded to points and bettered likewise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.data import Codes
from interpretkd.students._scored.addends import Addends, addend_spreads

_MOST_ROWS = 12_000
"""A search for points reads no more rows; what it finds is judged on all."""
_OFFERED = 12
"""Columns that a score may take in, each time."""
_RIDGE = 1e-3
_ROUNDS = 4
_BINS = 256
_BLUR = 0.1
"""How far a cut is moved, as a part of the spread of its sums."""
_ROUNDINGS = (1.0, 0.8, 0.6, 0.45, 0.3)
"""WholePoints of the largest coefficient, as parts of the most allowed."""


@dataclass(frozen=True)
class WholePoints:
    """Whole numbers of points for some addends.

    Parameters
    ----------
    which : tuple of int
        The addends.
    points : tuple of int
        None of them 0.
    """

    which: tuple[int, ...]
    points: tuple[int, ...]


def propose(
    addends: Addends,
    codes: Codes,
    rows: NDArray[np.intp],
    gain: Array,
    now: WholePoints | None,
    *,
    max_columns: int,
    max_points: int,
    rng: np.random.Generator,
) -> list[WholePoints]:
    """Look for scores that send rows where they are worth more.

    Parameters
    ----------
    addends : Addends
        What may be added up.
    codes : ndarray of shape (n_samples, n_features), float32
        All rows.
    rows : ndarray of shape (n_rows,), int
        Those of the node.
    gain : ndarray of shape (n_rows,), float64
        By how much each row is worth more on the left.
    now : WholePoints or None
        The score that the node has.
    max_columns : int
        The most addends.
    max_points : int
        The most points of one.
    rng : Generator
        Which rows are read, where there are many.

    Returns
    -------
    list of WholePoints
        Those that may be better than `now`.
    """
    asked = np.flatnonzero(gain != 0)
    if len(asked) < 2:
        return []
    scale = 1.0
    if len(asked) > _MOST_ROWS:
        scale = len(asked) / _MOST_ROWS
        asked = np.sort(rng.choice(asked, _MOST_ROWS, replace=False))
    values, worth = addends.values(codes[rows[asked]]), gain[asked] * scale
    task = _Task(addends, values, worth, max_columns, max_points)
    found = [task.rounded(*task.regress())]
    if now is not None:
        found.append(now)
    return [task.bettered(points) for points in found if points.which]


class _Task:
    """The rows of one node, and what they say."""

    def __init__(
        self,
        addends: Addends,
        values: Codes,
        worth: Array,
        max_columns: int,
        max_points: int,
    ) -> None:
        self.addends, self.values, self.worth = addends, values, worth
        self.max_columns, self.max_points = max_columns, max_points
        size = np.abs(worth)
        self.weight = size / size.sum()
        self.left = (worth > 0).astype(np.float64)
        self.mean, self.spread = addend_spreads(values, self.weight)

    def regress(self) -> tuple[list[int], Array]:
        """Grow a logistic regression by the column of the steepest slope."""
        chosen: list[int] = []
        coefficients = np.zeros(1)
        matrix = np.ones((len(self.weight), 1))
        for _ in range(self.max_columns):
            slope = self._slopes(matrix @ coefficients)
            j = self._steepest(slope, chosen, 1)
            if not j:
                break
            chosen.append(j[0])
            column = (self.values[j[0]] - self.mean[j[0]]) / self.spread[j[0]]
            matrix = np.column_stack([matrix, column])
            coefficients = np.append(coefficients, 0.0)
            coefficients = self._newton(matrix, coefficients)
        return chosen, coefficients[1:] / self.spread[chosen]

    def rounded(self, chosen: Sequence[int], coefficients: Array) -> WholePoints:
        """Round coefficients to points, at the multiplier that serves best."""
        best, most = WholePoints((), ()), -np.inf
        largest = np.abs(coefficients).max(initial=0.0)
        if not largest > 0:
            return best
        for share in _ROUNDINGS:
            points = np.rint(-coefficients / largest * share * self.max_points)
            kept = np.flatnonzero(points)
            if not len(kept):
                continue
            which = tuple(np.asarray(chosen)[kept].tolist())
            whole = tuple(points[kept].astype(int).tolist())
            value = self._value(np.asarray(which), np.asarray(whole))
            if value > most:
                best, most = WholePoints(which, whole), value
        return best

    def bettered(self, start: WholePoints) -> WholePoints:
        """Change points one by one, add and exchange columns, while that helps."""
        which, points = list(start.which), np.asarray(start.points, dtype=np.int64)
        value = self._value(np.asarray(which), points)
        for _ in range(2 + self.max_columns):
            total: Array = points.astype(np.float64) @ self.values[which]
            offered = self._steepest(self._slopes_of(total), which, _OFFERED)
            offered = [
                j for j in offered if self.addends.fits([*which, j], self.max_points)
            ]
            pool = np.asarray([*which, *offered])
            whole = np.append(points, np.zeros(len(offered), dtype=np.int64))
            after, reached = _climb(
                self.values[pool],
                whole,
                self.worth,
                self.max_columns,
                self.max_points,
            )
            kept = np.flatnonzero(after)
            if reached <= value + 1e-9 * abs(value) or not len(kept):
                break
            which, points, value = pool[kept].tolist(), after[kept], reached
        return WholePoints(tuple(which), tuple(points.tolist()))

    def _value(self, which: NDArray[np.integer], points: NDArray[np.integer]) -> float:
        total = points @ self.values[which].astype(np.float64)
        return float(_best_cut(total, self.worth))

    def _slopes_of(self, total: Array) -> Array:
        """Return the slopes beside a score, scaled as a regression would."""
        mean = self.weight @ total
        spread = np.sqrt(max(self.weight @ (total - mean) ** 2, 1e-300))
        matrix = np.column_stack([np.ones(len(total)), (total - mean) / spread])
        return self._slopes(matrix @ self._newton(matrix, np.zeros(2)))

    def _slopes(self, margins: Array) -> Array:
        residual = self.weight * (self.left - _sigmoid(margins))
        slope = (self.values @ residual.astype(np.float32)).astype(np.float64)
        whole: Array = (slope - self.mean * residual.sum()) / self.spread
        return whole

    def _steepest(self, slope: Array, taken: Sequence[int], most: int) -> list[int]:
        size = np.abs(slope)
        size[list(taken)] = 0
        order = np.argsort(-size, kind="stable")[: most + 8]
        found: list[int] = []
        for j in order.tolist():
            if len(found) == most or not size[j] > 1e-12:
                break
            if self.addends.fits([*taken, j], self.max_points):
                found.append(j)
        return found

    def _newton(self, matrix: Array, start: Array) -> Array:
        coefficients = start.copy()
        ridge = np.full(len(start), _RIDGE)
        ridge[0] = 1e-9
        for _ in range(6):
            share = _sigmoid(matrix @ coefficients)
            slope = matrix.T @ (self.weight * (share - self.left))
            slope += ridge * coefficients
            bend = self.weight * np.maximum(share * (1 - share), 1e-6)
            curvature = (matrix * bend[:, None]).T @ matrix
            curvature[np.diag_indices_from(curvature)] += ridge
            step = np.linalg.solve(curvature, slope)
            size = np.abs(step).max()
            coefficients -= step * min(1.0, 4.0 / max(size, 1e-300))
            if size < 1e-3:
                break
        return coefficients


def _sigmoid(margins: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * margins))


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True, error_model="numpy")
def _best_cut(total, worth):  # type: ignore[no-untyped-def]
    """Return about the most that rows below a cut of their sums are worth together.

    Sums are put into bins, so that no order is needed. The cut is moved up and down by
    up to `_BLUR` spreads, and the mean is taken: rows near it count on both sides, so
    that a sum is preferred which keeps the rows well apart.
    """
    low, high, mean, square, size = total[0], total[0], 0.0, 0.0, 0.0
    for i in range(len(total)):
        low = min(low, total[i])
        high = max(high, total[i])
        own = abs(worth[i])
        size += own
        mean += own * total[i]
        square += own * total[i] * total[i]
    if not high > low or not size > 0:
        return 0.0
    left = np.zeros(_BINS)
    factor = (_BINS - 0.001) / (high - low)
    for i in range(len(total)):
        left[int((total[i] - low) * factor)] += worth[i]
    for b in range(1, _BINS):
        left[b] += left[b - 1]
    mean /= size
    spread = np.sqrt(max(square / size - mean * mean, 0.0))
    reach = min(int(_BLUR * spread * factor + 0.5), _BINS)
    left = _blurred(_blurred(left, reach), reach)
    return left[: _BINS - 1].max()


@njit(cache=True, nogil=True, error_model="numpy")
def _blurred(left, reach):  # type: ignore[no-untyped-def]
    """Return means over neighbouring bins; beyond the ends their values go on."""
    if reach == 0:
        return left
    ahead = np.zeros(_BINS + 1)
    for b in range(_BINS):
        ahead[b + 1] = ahead[b] + left[b]
    blurred = np.empty(_BINS)
    for b in range(_BINS):
        begin, end = b - reach, b + reach + 1
        value = ahead[min(end, _BINS)] - ahead[max(begin, 0)]
        value += max(end - _BINS, 0) * left[_BINS - 1] + max(-begin, 0) * left[0]
        blurred[b] = value / (2 * reach + 1)
    return blurred


@njit(cache=True, nogil=True, error_model="numpy")
def _climb(  # type: ignore[no-untyped-def]
    values, points, worth, max_columns, max_points
):
    """Change the points of one column, or exchange one, while the cut gets better."""
    n_columns, n_rows = values.shape
    points = points.copy()
    total, trial = np.zeros(n_rows), np.empty(n_rows)
    used = 0
    for j in range(n_columns):
        if points[j] != 0:
            used += 1
            _add(total, values[j], points[j], total)
    best = _best_cut(total, worth)
    for _ in range(_ROUNDS):
        before = best
        for j in range(n_columns):
            if points[j] == 0 and used == max_columns:
                best = _exchange(
                    values, points, worth, max_points, total, trial, j, best
                )
                continue
            own, chosen = points[j], points[j]
            for p in range(-max_points, max_points + 1):
                count = used + (p != 0) - (own != 0)
                if p == own or count == 0:
                    continue
                _add(total, values[j], p - own, trial)
                value = _best_cut(trial, worth)
                if value > best + 1e-12:
                    best, chosen = value, p
            used += (chosen != 0) - (own != 0)
            _add(total, values[j], chosen - own, total)
            points[j] = chosen
        if not best > before:
            break
    return points, best


@njit(cache=True, nogil=True, error_model="numpy")
def _exchange(  # type: ignore[no-untyped-def]
    values, points, worth, max_points, total, trial, j, best
):
    """Put a column into the place of another where that is better; return the best."""
    for other in range(len(points)):
        gone = points[other]
        if gone == 0 or other == j:
            continue
        for p in (gone, -gone, 1, -1, 2, -2):
            if abs(p) > max_points:
                continue
            _add(total, values[other], -gone, trial)
            _add(trial, values[j], p, trial)
            value = _best_cut(trial, worth)
            if value > best + 1e-12:
                points[other], points[j] = 0, p
                total[:] = trial
                return value
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def _add(total, column, points, out):  # type: ignore[no-untyped-def]
    for i in range(len(total)):
        out[i] = total[i] + points * column[i]
