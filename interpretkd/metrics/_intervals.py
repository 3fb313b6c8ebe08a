"""How sure a measured number is: intervals for shares and means, paired comparisons.

Rows are taken as independent draws, unless it is said which ones belong together: then
groups are (`_groups.py`). Shares get Wilson's interval; everything that is not a share
gets a bootstrap over rows. Two models measured on the same rows are compared row by
row, which is far sharper than comparing their intervals.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, ndtri

from interpretkd._base import Array, InputError, Shown, check_integer, check_real
from interpretkd.data import group_positions
from interpretkd.metrics._groups import effective_rows, of_sums, sums_of_groups

Statistic = Callable[[Array], Array]

_SIGNIFICANT = 0.05
_BATCH = 1_000_000
"""Row numbers drawn at a time: bounds the memory whatever the number of rows."""
_NORMAL_FROM = 20_000
"""Rows above which the means of resamples are as good as normal."""


@dataclass(frozen=True)
class Estimate(Shown):
    """A measured number and the interval it lies in.

    Parameters
    ----------
    value : float
        The number.
    low, high : float
        The interval's ends (of 95 % confidence unless said otherwise).
    n : int
        The rows it was measured on.

    Examples
    --------
    >>> share = Estimate(0.931, 0.924, 0.938, 5000)
    >>> print(share)
    0.931 [0.924, 0.938]
    >>> f"{share:.1%}"
    '93.1% [92.4%, 93.8%]'
    >>> float(share)
    0.931
    """

    value: float
    low: float
    high: float
    n: int

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return format(self, "")

    def __format__(self, spec: str) -> str:
        if not spec:
            large = max(abs(self.low), abs(self.value), abs(self.high)) >= 10_000
            spec = ",.0f" if large else ",.3f"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


@dataclass(frozen=True)
class PairedTest:
    """Two models compared on the same rows.

    Parameters
    ----------
    difference : Estimate
        The first's measure less the second's.
    only_first, only_second : int
        The rows on which only that one is right; for values, on which it is closer.
    p_value : float
        In [0, 1]: how probable so large a difference would be, were there none.

    Examples
    --------
    >>> test = compare_shares([1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0])
    >>> print(test)
    +0.857 [+0.345, +0.974], p = 0.031
    >>> test.direction
    1
    """

    difference: Estimate
    only_first: int
    only_second: int
    p_value: float

    @property
    def direction(self) -> int:
        """1 or -1 when the first is significantly better or worse at 5 %, else 0."""
        if self.p_value >= _SIGNIFICANT:
            return 0
        return int(np.sign(self.difference.value))

    @property
    def p_text(self) -> str:
        """The p value in words: "p = 0.031", "p < 0.001"."""
        return "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"

    def __str__(self) -> str:
        return f"{self.difference:+.3f}, {self.p_text}"


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> Estimate:
    """Return a share with Wilson's score interval.

    Parameters
    ----------
    successes : int
        In [0, n].
    n : int
        In [1, inf): the rows.
    confidence : float, default=0.95
        In (0, 1).

    Returns
    -------
    Estimate
        The share; the interval lies in [0, 1] and holds it.

    Raises
    ------
    InputError
        For a number out of range.

    References
    ----------
    Wilson (1927), "Probable inference, the law of succession, and statistical
    inference".

    Examples
    --------
    >>> print(wilson_interval(9, 10))
    0.900 [0.596, 0.982]
    """
    check_integer("wilson_interval", "n", n, 1)
    check_integer("wilson_interval", "successes", successes, 0, n)
    check_real("wilson_interval", "confidence", confidence, 0, 1)
    return _wilson(int(successes) / int(n), int(n), int(n), confidence)


def share_interval(hits: ArrayLike, groups: ArrayLike | None = None) -> Estimate:
    """Return the share of rows that count, with its 95 % interval.

    Parameters
    ----------
    hits : array-like of shape (n_samples,), bool
        Whether each row counts.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to; None takes them as independent.

    Returns
    -------
    Estimate
        Wilson's interval; of groups, on as many rows as they are worth.

    Raises
    ------
    InputError
        Without rows, and for groups that do not fit them.

    Examples
    --------
    >>> hits = [1, 1, 1, 1, 1, 1, 0, 0, 0]
    >>> print(share_interval(hits))
    0.667 [0.354, 0.879]
    >>> print(share_interval(hits, ["Ann"] * 3 + ["Ben"] * 3 + ["Cleo"] * 3))
    0.667 [0.044, 0.989]
    """
    counted = np.asarray(hits, dtype=bool)
    if groups is None:
        return wilson_interval(int(counted.sum()), len(counted))
    n, share = len(counted), float(counted.mean())
    worth = effective_rows(counted, group_positions(groups, n))
    return _wilson(share, worth, n, 0.95)


def part_interval(
    hits: NDArray[np.bool_], groups: NDArray[np.int64] | None = None
) -> Estimate:
    """Return the share of a part of the rows, such as those of one rule.

    Parameters
    ----------
    hits : ndarray of shape (n_samples,), bool
        Whether each row of the part counts; at least one row.
    groups : ndarray of shape (n_samples,), int64, default=None
        Which rows belong together; None takes them as independent.

    Returns
    -------
    Estimate
        As `share_interval`; of rows of one group from 0 to 1, for they say nothing of
        others.
    """
    if groups is not None and len(np.unique(groups)) < 2:
        return Estimate(float(hits.mean()), 0.0, 1.0, len(hits))
    return share_interval(hits, groups)


def _wilson(share: float, worth: float, n: int, confidence: float) -> Estimate:
    """Return Wilson's interval of a share of n rows that are worth so many."""
    z = float(ndtri(0.5 + confidence / 2))
    scale = 1 / (1 + z * z / worth)
    centre = scale * (share + z * z / (2 * worth))
    spread = share * (1 - share) / worth + z * z / (4 * worth * worth)
    half = scale * z * math.sqrt(spread)
    low = 0.0 if share == 0 else centre - half
    high = 1.0 if share == 1 else centre + half
    # Rounding alone could put the share outside, at vanishing confidence.
    return Estimate(share, min(low, share), max(high, share), n)


def bootstrap_interval(
    values: ArrayLike,
    statistic: Statistic | None = None,
    *,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    random_state: int = 0,
    groups: ArrayLike | None = None,
) -> Estimate:
    """Return a function of column means with its percentile bootstrap interval.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or (n_samples, n_columns)
        What was measured on each row.
    statistic : callable, default=None
        Turns means of shape (n_resamples, n_columns) into (n_resamples,) numbers;
        None for the mean of the first column.
    n_resamples : int, default=1000
        In [1, inf).
    confidence : float, default=0.95
        In (0, 1).
    random_state : int, default=0
        In [0, inf): the same seed gives the same interval.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to: whole groups are drawn. None takes the rows as
        independent.

    Returns
    -------
    Estimate
        The statistic of all rows; the interval holds it.

    Raises
    ------
    InputError
        For a parameter out of range, no rows, or values that are not finite.

    Notes
    -----
    A resample is kept as how often each row was drawn, so the memory is that of the
    rows. Above 20,000 rows the means of the resamples are drawn from the normal law
    that they have in the limit, with the rows' covariance: the interval's ends then
    agree with those of drawn rows to the noise of 1,000 resamples, in milliseconds.

    References
    ----------
    Efron & Tibshirani (1993), "An introduction to the bootstrap", chapter 13.

    Examples
    --------
    >>> print(bootstrap_interval([1.0, 2.0, 3.0, 4.0]))
    2.500 [1.500, 3.500]
    """
    check_real("bootstrap_interval", "confidence", confidence, 0, 1)
    values = _columns("bootstrap_interval", values)
    n, (values, statistic) = len(values), _grouped(values, statistic or _first, groups)
    resampled = resample(values, statistic, n_resamples, random_state)
    return replace(percentile_interval(values, statistic, resampled, confidence), n=n)


def compare_shares(
    first: ArrayLike, second: ArrayLike, *, groups: ArrayLike | None = None
) -> PairedTest:
    """Compare how often two models are right on the same rows.

    Parameters
    ----------
    first, second : array-like of shape (n_samples,), bool
        Whether each model is right on each row.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to; the test is then `compare_means` over groups. None
        takes the rows as independent.

    Returns
    -------
    PairedTest
        Difference of the shares with Newcombe's 95 % interval, in [-1, 1]; p value of
        the exact (binomial) McNemar test.

    Raises
    ------
    InputError
        For arrays of different length or without rows.

    Notes
    -----
    Newcombe's method 10 joins the two Wilson intervals by the correlation of the
    pairs. It keeps its level in small sets, where the usual interval does not.

    References
    ----------
    McNemar (1947), "Note on the sampling error of the difference between correlated
    proportions or percentages"; Newcombe (1998), "Improved confidence intervals for
    the difference between binomial proportions based on paired data", method 10.
    """
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if first.ndim != 1 or first.shape != second.shape or not len(first):
        raise InputError(
            "compare_shares needs two arrays of one length, at least 1. Got the shapes "
            f"{first.shape} and {second.shape}."
        )
    n = len(first)
    both, only_first = int((first & second).sum()), int((first & ~second).sum())
    only_second = int((second & ~first).sum())
    if groups is not None:
        ahead = first.astype(np.float64) - second
        counts = {"only_first": only_first, "only_second": only_second}
        return compare_means(ahead, _first, **counts, groups=groups)
    discordant = only_first + only_second
    p_value = min(1.0, 2 * float(bdtr(min(only_first, only_second), discordant, 0.5)))
    difference = _newcombe(both, only_first, only_second, n)
    return PairedTest(difference, only_first, only_second, p_value)


def compare_means(
    values: ArrayLike,
    statistic: Statistic,
    *,
    only_first: int,
    only_second: int,
    n_resamples: int = 1000,
    random_state: int = 0,
    groups: ArrayLike | None = None,
) -> PairedTest:
    """Test a difference that is a function of column means, by a paired bootstrap.

    Parameters
    ----------
    values : array-like of shape (n_samples, n_columns)
        What was measured on each row, of both models.
    statistic : callable
        Turns means of shape (n_resamples, n_columns) into (n_resamples,) differences,
        the first model's less the second's.
    only_first, only_second : int
        The rows on which that one is closer.
    n_resamples : int, default=1000
        In [1, inf): the p value cannot be below 2 / (n_resamples + 1).
    random_state : int, default=0
        In [0, inf).
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to: whole groups are drawn. None takes the rows as
        independent.

    Returns
    -------
    PairedTest
        Difference with its 95 % percentile interval; p value two-sided, twice the
        share of resamples on the other side of 0. It is at least 2 ** (1 - n) with
        n rows (or groups): so often all of them lie on one side by chance, and drawing
        few rows anew shows none of that.

    Raises
    ------
    InputError
        As `bootstrap_interval`.
    """
    values = _columns("compare_means", values)
    n, (values, statistic) = len(values), _grouped(values, statistic, groups)
    resampled = resample(values, statistic, n_resamples, random_state)
    interval = percentile_interval(values, statistic, resampled, 0.95)
    difference = replace(interval, n=n)
    beyond = min((resampled <= 0).sum(), (resampled >= 0).sum())
    p_value = min(1.0, 2 * (int(beyond) + 1) / (n_resamples + 1))
    p_value = max(p_value, 2.0 ** (1 - len(values)))
    return PairedTest(difference, only_first, only_second, p_value)


def _grouped(
    values: Array, statistic: Statistic, groups: ArrayLike | None
) -> tuple[Array, Statistic]:
    """Return what is drawn, rows or whole groups, and the statistic of it."""
    if groups is None:
        return values, statistic
    place = group_positions(groups, len(values))
    return sums_of_groups(values, place), of_sums(statistic)


def _newcombe(both: int, only_first: int, only_second: int, n: int) -> Estimate:
    neither = n - both - only_first - only_second
    one = wilson_interval(both + only_first, n)
    two = wilson_interval(both + only_second, n)
    difference = (only_first - only_second) / n
    # Python's integers: this product of four counts overflows 64 bits at 100,000 rows.
    margins = (both + only_first) * (only_second + neither)
    margins *= (both + only_second) * (only_first + neither)
    excess: float = both * neither - only_first * only_second
    if excess > 0:
        excess = max(excess - n / 2, 0)
    phi = excess / math.sqrt(margins) if margins else 0.0
    down = _joined(one.value - one.low, two.high - two.value, phi)
    up = _joined(one.high - one.value, two.value - two.low, phi)
    low, high = max(-1.0, difference - down), min(1.0, difference + up)
    return Estimate(difference, low, high, n)


def _joined(a: float, b: float, correlation: float) -> float:
    return math.sqrt(max(0.0, a * a - 2 * correlation * a * b + b * b))


def _columns(owner: str, values: ArrayLike) -> Array:
    columns = np.asarray(values, dtype=np.float64)
    if columns.ndim == 1:
        columns = columns[:, None]
    if columns.ndim != 2 or 0 in columns.shape:
        raise InputError(
            f"The 'values' parameter of {owner} must have shape (n_samples,) or "
            f"(n_samples, n_columns), at least one row. Got {np.shape(values)}."
        )
    if not np.isfinite(columns).all():
        row = int(np.flatnonzero(~np.isfinite(columns).all(axis=1))[0])
        raise InputError(
            f"The 'values' parameter of {owner} must be finite. Got "
            f"{columns[row].tolist()} in row {row}."
        )
    return columns


def _first(means: Array) -> Array:
    return means[:, 0]


def resample(values: Array, statistic: Statistic, n_resamples: int, seed: int) -> Array:
    """Return a statistic of the column means of resampled rows.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns), float64
        Finite.
    statistic : callable
        Turns means of shape (n_resamples, n_columns) into n_resamples values.
    n_resamples : int
        In [1, inf).
    seed : int
        In [0, inf).

    Returns
    -------
    ndarray of shape (n_resamples, ...), float64
        What the statistic returned; of very many rows, from the normal law.
    """
    check_integer("the bootstrap", "n_resamples", n_resamples, 1)
    check_integer("the bootstrap", "random_state", seed, 0)
    rng, n = np.random.default_rng(seed), len(values)
    if n > _NORMAL_FROM:
        return statistic(_normal_means(values, n_resamples, rng))
    size = max(1, _BATCH // n)
    means = np.empty((n_resamples, values.shape[1]))
    for start in range(0, n_resamples, size):
        batch = min(size, n_resamples - start)
        drawn = rng.integers(n, size=(batch, n)) + n * np.arange(batch)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=batch * n).reshape(batch, n)
        means[start : start + batch] = counts @ values / n
    return statistic(means)


def _normal_means(values: Array, n_resamples: int, rng: np.random.Generator) -> Array:
    """Draw the column means of resamples from the normal law that they tend to."""
    centre = values.mean(axis=0)
    spread = (values - centre).T @ (values - centre) / len(values) ** 2
    # Columns may be each other's sums: the factor of such a matrix has zeros.
    share, axes = np.linalg.eigh(spread)
    factor = axes * np.sqrt(np.maximum(share, 0))
    return centre + rng.standard_normal((n_resamples, len(centre))) @ factor.T


def percentile_interval(
    values: Array, statistic: Statistic, resampled: Array, confidence: float
) -> Estimate:
    """Return a statistic of rows with the percentiles of its resamples.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns), float64
        The rows.
    statistic : callable
        Turns means of shape (n_resamples, n_columns) into n_resamples values.
    resampled : ndarray of shape (n_resamples,), float64
        What `resample` returned.
    confidence : float
        In (0, 1).

    Returns
    -------
    Estimate
        The statistic of all rows; its interval holds it.
    """
    value = float(statistic(values.mean(axis=0, keepdims=True))[0])
    tail = (1 - confidence) / 2
    ends: NDArray[Any] = np.quantile(resampled, [tail, 1 - tail])
    # Equal rows resample to themselves but for rounding: the interval holds the value.
    low, high = min(float(ends[0]), value), max(float(ends[1]), value)
    return Estimate(value, low, high, len(values))
