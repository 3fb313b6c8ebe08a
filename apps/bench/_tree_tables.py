"""The tables of the benchmark "trees"."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._comparison import (  # type: ignore[import-not-found]
    PEER,
    Gap,
    best_variant,
    difference,
    judged,
    mean_interval,
)

__all__ = ["markdown"]

OURS, BASELINE = "ours", "ours on labels"
OPTIMA = ("streed", "contree")
"""The peers that prove their trees best over the tests they know."""

Cells = dict[str, dict[str, str]]
"""Texts by row and column."""


def markdown(results: pd.DataFrame, head: Sequence[str]) -> str:
    """Write the report.

    Parameters
    ----------
    results : DataFrame
        One row a tree: data, group, seed, budget, method, fidelity, accuracy,
        train_fidelity, teacher_accuracy, leaves, items, seconds, cpu_seconds, note,
        agrees, right, n_test.
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
    lines += ["## Set by set", ""]
    lines += [f"Ours less {PEER}, points of test fidelity:", ""]
    lines += [_by_set(results, PEER, "fidelity"), ""]
    for measure in ("fidelity", "accuracy"):
        what = f"Ours less the same student on the labels, points of test {measure}:"
        lines += [what, "", _by_set(results, BASELINE, measure), ""]
    for budget in ("depth 3", "depth 4"):
        title = f"## {budget.capitalize()}: how far to the proven optimum"
        lines += [title, "", *_optimum(results, budget), ""]
    for column, title in (
        ("seconds", "Seconds for a fit, median (longest)"),
        ("cpu_seconds", "CPU seconds for a fit, median (longest)"),
    ):
        lines += [f"## {title}", "", _costs(results, column), ""]
    lines += ["## Everything", ""]
    for name, own in results.groupby("data", sort=False):
        lines += _everything(str(name), own)
    return "\n".join(lines)


def _group(name: str, results: pd.DataFrame) -> list[str]:
    n_sets = results.data.nunique()
    sets = f"{n_sets} set{'' if n_sets == 1 else 's'}"
    lines = [f"## Mean over {name} ({sets})", ""]
    for measure, what in (
        ("fidelity", "Test fidelity in percent"),
        ("accuracy", "Test accuracy in percent"),
        ("train_fidelity", "Fidelity on the rows fitted to, in percent"),
    ):
        table = _means(results, measure, lambda mean: f"{100 * mean:.2f}")
        lines += [f"{what}:", "", table, ""]
    items = _means(results, "items", lambda mean: f"{mean:.1f}")
    lines += ["Items to read, the tests in the tree:", "", items, ""]
    lines += ["Ours less the others, points of test fidelity:", "", _gaps(results), ""]
    lines += [f"Against {PEER}, and in accuracy against the labels:", ""]
    lines += [_headline(results), ""]
    lines += ["All sizes together, after Holm's correction over sets and sizes:", ""]
    return [*lines, _all_sizes(results), ""]


def _common_budgets(results: pd.DataFrame) -> list[str]:
    """Return the sizes that were tried on every set."""
    n_sets = results.groupby("budget", sort=False).data.nunique()
    return [str(b) for b in n_sets.index[n_sets == results.data.nunique()]]


def _methods(results: pd.DataFrame) -> list[str]:
    names = dict.fromkeys(name.removesuffix(" 5") for name in results.method)
    return list(names)


def _others(results: pd.DataFrame) -> list[str]:
    return [method for method in _methods(results) if method != OURS]


def _means(results: pd.DataFrame, measure: str, text: Callable[[float], str]) -> str:
    """Return the means; empty where a method was not run on every set."""
    cells: Cells = {}
    n_sets = results.data.nunique()
    for budget in _common_budgets(results):
        for method in _methods(results):
            name = best_variant(results, method, budget)
            own = results[(results.budget == budget) & (results.method == name)]
            by_set = own.groupby("data")[measure].mean()
            mark = "" if name == method else " (5)"
            known = len(by_set) == n_sets
            said = f"{text(by_set.mean())}{mark}" if known else ""
            cells.setdefault(budget, {})[method] = said
    return _render(cells)


def _gaps(results: pd.DataFrame) -> str:
    cells: Cells = {}
    for budget in _common_budgets(results):
        for method in _others(results):
            gap = difference(results, budget, second=method)
            cells.setdefault(budget, {})[method] = _gap_text(gap)
    return _render(cells)


def _gap_text(gap: Gap | None) -> str:
    if gap is None:
        return ""
    counts = "/".join(map(str, gap.counts))
    return f"{_plus_minus(gap.value, gap.high - gap.value)}, {counts}"


def _headline(results: pd.DataFrame) -> str:
    cells: Cells = {}
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


def _all_sizes(results: pd.DataFrame) -> str:
    """Return what ours wins and loses against each of the others, a family each."""
    cells: Cells = {}
    for measure in ("fidelity", "accuracy"):
        for method in _others(results):
            cells[f"{measure}, {method}"] = _family(results, method, measure)
    return _render({name: row for name, row in cells.items() if row})


def _family(results: pd.DataFrame, method: str, measure: str) -> dict[str, str]:
    budgets = dict.fromkeys(results.budget)
    gaps = {
        budget: difference(results, budget, second=method, measure=measure)
        for budget in budgets
    }
    tests = {
        (budget, name): test
        for budget, gap in gaps.items()
        if gap is not None
        for name, test in gap.tests.items()
    }
    if not tests:
        return {}
    verdict = judged(tests)
    means = [mean for gap in gaps.values() if gap for mean, _ in gap.by_set.values()]
    lost = [f"{name} {budget}" for (budget, name), said in verdict.items() if said < 0]
    said = list(verdict.values())
    return {
        "mean": f"{np.mean(means):+.2f}",
        "cells": str(len(tests)),
        "won / tied / lost": f"{said.count(1)} / {said.count(0)} / {said.count(-1)}",
        "lost": ", ".join(lost),
    }


def _by_set(results: pd.DataFrame, second: str, measure: str) -> str:
    """Return ours less another for each set and size, with the verdict."""
    cells: Cells = {}
    for budget in dict.fromkeys(results.budget):
        gap = difference(results, budget, second=second, measure=measure)
        if gap is None:
            continue
        verdict = gap.verdict
        for name in dict.fromkeys(results.data):
            row = cells.setdefault(name, {})
            if name in gap.by_set:
                sign = "=+-"[verdict[name]]
                row[budget] = f"{_plus_minus(*gap.by_set[name])} {sign}"
    return _render(cells)


def _optimum(results: pd.DataFrame, budget: str) -> list[str]:
    """Compare naive, ours and the proven optima where all of them are known."""
    at = results[results.budget == budget]
    optima = [name for name in OPTIMA if name in set(at.method)]
    if not optima or not {PEER, OURS} <= set(at.method):
        return ["Neither pystreed nor pycontree was run beside ours and naive."]
    naive = best_variant(results, PEER, budget)
    names = {naive: PEER, OURS: OURS, **{name: name for name in optima}}
    cells: Cells = {}
    ways: dict[str, list[str]] = {name: [] for name in optima}
    for measure, words in (("train_fidelity", "train"), ("fidelity", "test")):
        wide = at[at.method.isin(names)].pivot_table(
            index="data", columns="method", values=measure, sort=False
        )
        wide = 100 * wide.rename(columns=names).dropna()
        for name, row in [*wide.iterrows(), ("mean", wide.mean())]:
            parts = {f"{words} {kind}": f"{row[kind]:.2f}" for kind in names.values()}
            cells.setdefault(str(name), {}).update(parts)
        for name in optima:
            ways[name].append(_way(wide.mean(), name))
    lines = []
    for name in optima:
        notes = at[at.method == name].note
        train, test = ways[name]
        lines += [
            f"{name} proved {int((notes == 'proven').sum())} of {len(notes)} of its "
            f"trees best over its tests. The way from naive to it that ours goes, of "
            f"the means: {train} on the rows fitted to, {test} on test rows.",
            "",
        ]
    return [*lines, _render(cells)]


def _way(means: Any, optimum: str) -> str:
    way = means[optimum] - means[PEER]
    return f"{100 * (means[OURS] - means[PEER]) / way:.0f} %" if way > 0.05 else "-"


def _costs(results: pd.DataFrame, column: str) -> str:
    return _each(
        results,
        column,
        lambda seconds: f"{seconds.median():.2f} ({seconds.max():.1f})",
    )


def _each(results: pd.DataFrame, column: str, text: Callable[[Any], str]) -> str:
    """Return what is to be said of the values of each method and size."""
    methods = dict.fromkeys(results.method)
    cells: Cells = {b: dict.fromkeys(methods, "") for b in results.budget}
    for (budget, method), values in results.groupby(["budget", "method"])[column]:
        cells[budget][method] = text(values)
    return _render(cells)


def _everything(name: str, results: pd.DataFrame) -> list[str]:
    teacher = 100 * results.groupby("seed").teacher_accuracy.first().mean()
    n_seeds = results.seed.nunique()
    seeds = f"{n_seeds} seed{'s' if n_seeds > 1 else ''}"
    lines = [f"### {name}", "", f"Teacher {teacher:.2f} % accurate, {seeds}.", ""]
    for measure in ("fidelity", "accuracy"):
        lines += [f"Test {measure}:", "", _each(results, measure, _percent), ""]
    return lines


def _percent(shares: Any) -> str:
    mean, half = mean_interval(100 * shares)
    return _plus_minus(mean, half, sign="")


def _plus_minus(mean: float, half: float, sign: str = "+") -> str:
    return f"{mean:{sign}.2f}" + ("" if np.isnan(half) else f" ± {half:.2f}")


def _render(cells: Cells) -> str:
    """Return texts by row and column as a Markdown table."""
    if not cells:
        return "Nothing to compare."
    columns = list(dict.fromkeys(name for row in cells.values() for name in row))
    rows = [["", *columns], ["---"] * (len(columns) + 1)]
    rows += [[name, *(row.get(c, "") for c in columns)] for name, row in cells.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
