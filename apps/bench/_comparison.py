"""What the benchmark "trees" makes of its results: differences, intervals, tables.

A difference is always paired: the same rows, the same teacher, the same size. Over
sets its interval is Student's t over the sets' means; within a set, over the seeds. A
set is won or lost when McNemar's exact test on the test rows of all seeds together
says so at 5 %. A row may be a test row of several seeds, so that test is somewhat too
sure of itself; the interval over the seeds stands beside it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t

from interpretkd.metrics import compare_shares

__all__ = ["Gap", "best_variant", "difference", "markdown", "mean_interval", "unpack"]

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
    verdict : dict of str to int
        For each set 1, 0 or -1: significantly better, no difference, worse.
    """

    value: float
    low: float
    high: float
    by_set: dict[str, tuple[float, float]]
    verdict: dict[str, int]

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


def unpack(agrees: str, n_rows: int) -> NDArray[np.bool_]:
    """Return whether each test row was decided as by the teacher.

    Parameters
    ----------
    agrees : str
        The packed bits, in hexadecimal.
    n_rows : int
        How many there are.

    Returns
    -------
    ndarray of shape (n_rows,), bool
        One value a row.
    """
    packed = np.frombuffer(bytes.fromhex(agrees), dtype=np.uint8)
    return np.unpackbits(packed, count=n_rows).astype(bool)


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
        Wins and losses are known for fidelity alone.

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
    by_set, verdict = {}, {}
    for name, own in pairs.groupby("data", sort=False):
        gaps = 100 * (own[measure] - own[f"{measure}_second"])
        by_set[str(name)] = mean_interval(gaps)
        if measure == "fidelity":
            bits = zip(own.agrees, own.agrees_second, own.n_test, strict=True)
            rows = [(unpack(a, n), unpack(b, n)) for a, b, n in bits]
            one, two = (np.concatenate(side) for side in zip(*rows, strict=True))
            verdict[str(name)] = compare_shares(one, two).direction
    value, half = mean_interval(mean for mean, _ in by_set.values())
    return Gap(value, value - half, value + half, by_set, verdict)


# Tables


def markdown(results: pd.DataFrame, head: Sequence[str]) -> str:
    """Write the report.

    Parameters
    ----------
    results : DataFrame
        One row a tree: data, group, seed, budget, method, fidelity, accuracy,
        train_fidelity, teacher_accuracy, leaves, seconds, note, agrees, n_test.
    head : sequence of str
        Lines to stand below the title.

    Returns
    -------
    str
        Markdown.
    """
    lines = ["# Small trees: ours and the others", "", *head, ""]
    groups = {
        str(name): own for name, own in results.groupby("group", sort=False) if name
    }
    for name, own in {**groups, "all sets": results}.items():
        lines += _group(name, own)
    lines += ["## Set by set", "", _by_set(results), ""]
    lines += ["## Depth 3: how far to the proven optimum", "", *_optimum(results), ""]
    lines += ["## Seconds for a fit, median (longest)", "", _seconds(results), ""]
    lines += ["## Everything", ""]
    for name, own in results.groupby("data", sort=False):
        lines += _everything(str(name), own)
    return "\n".join(lines)


def _group(name: str, results: pd.DataFrame) -> list[str]:
    n_sets = results.data.nunique()
    sets = f"{n_sets} set{'s' if n_sets > 1 else ''}"
    lines = [f"## Mean over {name} ({sets})", ""]
    for measure in ("fidelity", "accuracy"):
        lines += [f"Test {measure} in percent:", "", _means(results, measure), ""]
    lines += ["Ours less the others, points of test fidelity:", "", _gaps(results), ""]
    lines += [f"Against {PEER}, and in accuracy against the labels:", ""]
    return [*lines, _headline(results), ""]


def _common_budgets(results: pd.DataFrame) -> list[str]:
    """Return the sizes that were tried on every set."""
    n_sets = results.groupby("budget", sort=False).data.nunique()
    return [str(b) for b in n_sets.index[n_sets == results.data.nunique()]]


def _methods(results: pd.DataFrame) -> list[str]:
    names = dict.fromkeys(name.removesuffix(" 5") for name in results.method)
    return list(names)


def _means(results: pd.DataFrame, measure: str) -> str:
    """Return the means; empty where a method was not run on every set."""
    cells: dict[str, dict[str, str]] = {}
    n_sets = results.data.nunique()
    for budget in _common_budgets(results):
        for method in _methods(results):
            name = best_variant(results, method, budget)
            own = results[(results.budget == budget) & (results.method == name)]
            by_set = own.groupby("data")[measure].mean()
            mark = "" if name == method else " (5)"
            text = f"{100 * by_set.mean():.2f}{mark}" if len(by_set) == n_sets else ""
            cells.setdefault(budget, {})[method] = text
    return _render(cells)


def _gaps(results: pd.DataFrame) -> str:
    cells: dict[str, dict[str, str]] = {}
    others = [method for method in _methods(results) if method != "ours"]
    for budget in _common_budgets(results):
        for method in others:
            gap = difference(results, budget, second=method)
            cells.setdefault(budget, {})[method] = _gap_text(gap)
    return _render(cells)


def _gap_text(gap: Gap | None) -> str:
    if gap is None:
        return ""
    counts = "/".join(map(str, gap.counts))
    return f"{_plus_minus(gap.value, gap.high - gap.value)}, {counts}"


def _headline(results: pd.DataFrame) -> str:
    cells: dict[str, dict[str, str]] = {}
    for budget in _common_budgets(results):
        gap = difference(results, budget)
        labels = difference(results, budget, second="labels", measure="accuracy")
        if gap is None or labels is None:
            continue
        worst = min(gap.by_set, key=lambda name: gap.by_set[name][0])
        lost = [name for name, verdict in gap.verdict.items() if verdict < 0]
        cells[budget] = {
            "fidelity, ours - naive": _interval(gap),
            "wins / ties / losses": " / ".join(map(str, gap.counts)),
            "lost": ", ".join(lost),
            "least": f"{worst} {gap.by_set[worst][0]:+.2f}",
            "accuracy, ours - labels": _interval(labels),
        }
    return _render(cells)


def _interval(gap: Gap) -> str:
    if np.isnan(gap.low):
        return f"{gap.value:+.2f}"
    return f"{gap.value:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]"


def _by_set(results: pd.DataFrame) -> str:
    """Return ours less naive for each set and size, with the verdict."""
    cells: dict[str, dict[str, str]] = {}
    for budget in dict.fromkeys(results.budget):
        gap = difference(results, budget)
        for name in dict.fromkeys(results.data) if gap else ():
            mean = gap.by_set.get(name) if gap else None
            sign = "" if mean is None or gap is None else "=+-"[gap.verdict[name]]
            cells.setdefault(name, {})[budget] = (
                "" if mean is None else f"{_plus_minus(*mean)} {sign}"
            )
    return "Ours less naive, points of test fidelity:\n\n" + _render(cells)


def _optimum(results: pd.DataFrame) -> list[str]:
    """Compare naive, ours and the proven optimum where all three are known."""
    at = results[results.budget == "depth 3"]
    if at.empty or "streed" not in set(at.method):
        return ["pystreed was not run."]
    naive = best_variant(results, PEER, "depth 3")
    names = {naive: "naive", "ours": "ours", "streed": "optimum"}
    cells: dict[str, dict[str, str]] = {}
    sums = {}
    for measure, words in (("train_fidelity", "train"), ("fidelity", "test")):
        wide = at[at.method.isin(names)].pivot_table(
            index="data", columns="method", values=measure, sort=False
        )
        wide = 100 * wide.rename(columns=names).dropna()
        sums[words] = wide.mean()
        for name, row in [*wide.iterrows(), ("mean", wide.mean())]:
            parts = {f"{words} {kind}": f"{row[kind]:.2f}" for kind in names.values()}
            parts[f"{words} share of the way"] = _share_text(row)
            cells.setdefault(str(name), {}).update(parts)
    streed = at[at.method == "streed"]
    proven = int((streed.note == "proven").sum())
    text = (
        f"pystreed proved {proven} of {len(streed)} of its trees best over its tests. "
        f"The way from naive to the optimum that ours goes, of the means: "
        f"{_share_text(sums['train'])} on the rows it was fitted to, "
        f"{_share_text(sums['test'])} on test rows."
    )
    return [text, "", _render(cells)]


def _share_text(row: Any) -> str:
    way = row["optimum"] - row["naive"]
    return f"{100 * (row['ours'] - row['naive']) / way:.0f} %" if way > 0.05 else ""


def _seconds(results: pd.DataFrame) -> str:
    cells: dict[str, dict[str, str]] = {}
    grouped = results.groupby(["budget", "method"], sort=False).seconds
    for (budget, method), seconds in grouped:
        text = f"{seconds.median():.2f} ({seconds.max():.1f})"
        cells.setdefault(budget, {})[method] = text
    return _render(cells)


def _everything(name: str, results: pd.DataFrame) -> list[str]:
    teacher = 100 * results.groupby("seed").teacher_accuracy.first().mean()
    n_seeds = results.seed.nunique()
    seeds = f"{n_seeds} seed{'s' if n_seeds > 1 else ''}"
    lines = [f"### {name}", "", f"Teacher {teacher:.2f} % accurate, {seeds}.", ""]
    for measure in ("fidelity", "accuracy"):
        cells: dict[str, dict[str, str]] = {}
        grouped = results.groupby(["budget", "method"], sort=False)[measure]
        for (budget, method), values in grouped:
            mean, half = mean_interval(100 * values)
            cells.setdefault(budget, {})[method] = _plus_minus(mean, half, sign="")
        lines += [f"Test {measure}:", "", _render(cells), ""]
    return lines


def _plus_minus(mean: float, half: float, sign: str = "+") -> str:
    return f"{mean:{sign}.2f}" + ("" if np.isnan(half) else f" ± {half:.2f}")


def _render(cells: dict[str, dict[str, str]]) -> str:
    """Return texts by row and column as a Markdown table."""
    columns = list(dict.fromkeys(name for row in cells.values() for name in row))
    rows = [["", *columns], ["---"] * (len(columns) + 1)]
    rows += [[name, *(row.get(c, "") for c in columns)] for name, row in cells.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
