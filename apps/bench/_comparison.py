"""What the benchmark "trees" makes of its results: differences, intervals, tests.

A difference is always paired: the same rows, the same teacher, the same size. Over
sets its interval is Student's t over the sets' means; within a set, over the seeds. A
set is won or lost when McNemar's exact test on the test rows of all seeds together
says so at 5 %, after Holm's correction over the family: the sets of a group at one
size, or its sets and sizes together, as is said of each table. A row may be a test row
of several seeds, so that test is somewhat too sure of itself; the interval over the
seeds stands beside it.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t

from interpretkd.metrics import PairedTest, compare_shares

__all__ = [
    "PEER",
    "Gap",
    "best_variant",
    "difference",
    "holm",
    "judged",
    "mean_interval",
    "unpack",
]

Key = TypeVar("Key", bound=Hashable)

VARIANTS = ("labels", "naive", "soft", "logits")
"""The methods that were run with two values of ``min_samples_leaf``."""
PEER = "naive"
"""The method to beat."""


@dataclass(frozen=True)
class Gap:
    """How much one method is above another at one size.

    Parameters
    ----------
    value, low, high : float
        The mean over the sets of the mean differences over the seeds, in points (of
        100), and its 95 % t interval; the interval is NaN for fewer than two sets.
    by_set : dict of str to tuple of float
        For each set the mean difference and half the width of its 95 % t interval over
        the seeds, in points.
    tests : dict of str to PairedTest
        For each set McNemar's test, not corrected.
    """

    value: float
    low: float
    high: float
    by_set: dict[str, tuple[float, float]]
    tests: dict[str, PairedTest]

    @property
    def verdict(self) -> dict[str, int]:
        """For each set 1, 0 or -1, as `judged` says of the sets."""
        return judged(self.tests)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Wins, ties and losses."""
        said = list(self.verdict.values())
        return said.count(1), said.count(0), said.count(-1)


def mean_interval(values: Iterable[float]) -> tuple[float, float]:
    """Return a mean and half the width of its 95 % t interval.

    Parameters
    ----------
    values : iterable of float
        At least one.

    Returns
    -------
    mean, half : float
        The half width is NaN for a single value.

    Examples
    --------
    >>> mean, half = mean_interval([1.0, 2.0, 3.0])
    >>> print(f"{mean:.2f} ± {half:.2f}")
    2.00 ± 2.48
    """
    array = np.asarray(list(values), dtype=np.float64)
    if len(array) < 2:
        return float(array.mean()), float("nan")
    error = array.std(ddof=1) / np.sqrt(len(array))
    return float(array.mean()), float(t.ppf(0.975, len(array) - 1) * error)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct the p values of one family by Holm's step-down method.

    Parameters
    ----------
    p_values : sequence of float
        In any order.

    Returns
    -------
    list of float
        In the same order; each is at least as large as it was.

    References
    ----------
    Holm (1979), "A simple sequentially rejective multiple test procedure".

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    steps = given[order] * np.arange(len(given), 0, -1)
    corrected = np.empty(len(given))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    result: list[float] = corrected.tolist()
    return result


def judged(tests: Mapping[Key, PairedTest]) -> dict[Key, int]:
    """Say which tests of one family are significant.

    Parameters
    ----------
    tests : mapping of key to PairedTest
        The family.

    Returns
    -------
    dict of key to int
        1, 0 or -1: the first is better, no difference, worse, at 5 % after Holm's
        correction.
    """
    corrected = holm([test.p_value for test in tests.values()])
    return {
        key: replace(test, p_value=p_value).direction
        for (key, test), p_value in zip(tests.items(), corrected, strict=True)
    }


def unpack(packed: str, n_rows: int) -> NDArray[np.bool_]:
    """Return a truth value for each test row.

    Parameters
    ----------
    packed : str
        The packed bits, in hexadecimal.
    n_rows : int
        How many there are.

    Returns
    -------
    ndarray of shape (n_rows,), bool
        One value a row.
    """
    bits = np.frombuffer(bytes.fromhex(packed), dtype=np.uint8)
    return np.unpackbits(bits, count=n_rows).astype(bool)


def best_variant(results: pd.DataFrame, method: str, budget: str) -> str:
    """Choose between ``min_samples_leaf`` of 1 and of 5 for a method.

    Parameters
    ----------
    results : DataFrame
        One row a tree.
    method : str
        One of `VARIANTS`, or another method, which is returned as it is.
    budget : str
        The size.

    Returns
    -------
    str
        The variant with the higher mean test fidelity over the sets at that size (for
        "labels" accuracy): the fairer of the two to compare with.
    """
    if method not in VARIANTS:
        return method
    measure = "accuracy" if method == "labels" else "fidelity"
    names = [method, f"{method} 5"]
    own = results[(results.budget == budget) & results.method.isin(names)]
    by_set = own.groupby(["method", "data"])[measure].mean()
    means = by_set.groupby("method").mean()
    return method if means.empty else str(means.idxmax())


def difference(
    results: pd.DataFrame,
    budget: str,
    *,
    first: str = "ours",
    second: str = PEER,
    measure: str = "fidelity",
) -> Gap | None:
    """Compare two methods at one size.

    Parameters
    ----------
    results : DataFrame
        One row a tree.
    budget : str
        The size.
    first, second : str, default="ours" and "naive"
        The methods; of variants the best is taken.
    measure : {"fidelity", "accuracy"}, default="fidelity"
        What of them.

    Returns
    -------
    Gap or None
        The first's measure less the second's; None where they met on no set.
    """
    at = results[results.budget == budget]
    names = [best_variant(results, name, budget) for name in (first, second)]
    sides = [at[at.method == name].set_index(["data", "seed"]) for name in names]
    pairs = sides[0].merge(
        sides[1], left_index=True, right_index=True, suffixes=("", "_second")
    )
    if pairs.empty:
        return None
    bits = {"fidelity": "agrees", "accuracy": "right"}[measure]
    by_set, tests = {}, {}
    for name, own in pairs.groupby("data", sort=False):
        gaps = 100 * (own[measure] - own[f"{measure}_second"])
        by_set[str(name)] = mean_interval(gaps)
        packed = zip(own[bits], own[f"{bits}_second"], own.n_test, strict=True)
        rows = [(unpack(a, n), unpack(b, n)) for a, b, n in packed]
        one, two = (np.concatenate(side) for side in zip(*rows, strict=True))
        tests[str(name)] = compare_shares(one, two)
    value, half = mean_interval(mean for mean, _ in by_set.values())
    return Gap(value, value - half, value + half, by_set, tests)
