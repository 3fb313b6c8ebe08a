"""The leaves of many trees as rules: what rows of one kind get added."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interpretkd._base import one_line, signed_text
from interpretkd.data import Codes
from interpretkd.explain._functional_anova import _Cells, _Decomposition, _Leaves
from interpretkd.models import Condition, Outputs


@dataclass(frozen=True)
class AdditiveRule:
    """What rows of one kind get added, by one or more trees.

    Parameters
    ----------
    conditions : tuple of Condition
        What a row must be; all of them.
    output : str
        What it is added to: a class, a label or an output.
    value : float
        What is added, against the mean of the trees that say so.
    coverage : float
        In [0, 1]: the share of the rows.
    n_rows : int
        The rows.
    n_trees : int
        How many trees have this very leaf.
    """

    conditions: tuple[Condition, ...]
    output: str
    value: float
    coverage: float
    n_rows: int
    n_trees: int

    @property
    def contribution(self) -> float:
        """How much it moves the mean row: the size of the value times the coverage."""
        return abs(self.value) * self.coverage

    @property
    def condition_text(self) -> str:
        """The conditions in words."""
        return one_line(" and ".join(c.brief for c in self.conditions))

    def __str__(self) -> str:
        adds = signed_text(self.value, 3)
        return f"{adds} if {self.condition_text} ({self.coverage:.1%})"


def _leaf_rules(
    parts: _Decomposition, outputs: Outputs, codes: Codes
) -> Iterator[AdditiveRule]:
    """Add up what leaves of the same conditions say; yield the strongest first."""
    leaves, forest = parts.leaves, parts.forest
    counts = np.zeros(len(forest.value), dtype=np.int64)
    for tree in range(forest.n_trees):
        reached = forest.nodes.apply(codes, tree)
        counts += np.bincount(reached, minlength=len(counts))
    n_rows = counts[leaves.node]
    value = forest.value[leaves.node].astype(np.float64)
    total = np.bincount(leaves.tree, value * n_rows, minlength=forest.n_trees)
    value -= (total / len(codes))[leaves.tree]
    column = forest.column[leaves.tree]
    alike: dict[Any, list[int]] = {}
    for leaf, key in enumerate(_keys(parts)):
        alike.setdefault((int(column[leaf]), *key), []).append(leaf)
    groups = list(alike.values())
    sums = np.asarray([value[group].sum() for group in groups])
    rows = np.asarray([n_rows[group[0]] for group in groups])
    for place in np.argsort(-np.abs(sums) * rows, kind="stable").tolist():
        first = groups[place][0]
        conditions = tuple(_conditions(parts.cells, leaves, first))
        if not conditions:
            continue
        weight = outputs.weights[column[first]]
        shown = int(np.abs(weight).argmax())
        yield AdditiveRule(
            conditions,
            outputs.names[shown],
            float(sums[place] * weight[shown]),
            float(rows[place] / len(codes)),
            int(rows[place]),
            len(groups[place]),
        )


def _set_condition(
    cells: _Cells, position: int, runs: Sequence[tuple[int, int]], *, missing: bool
) -> Condition:
    """Return the condition to lie in some runs of cells (of a number one run)."""
    feature, cuts = cells.schema.features[position], cells.cuts[position]
    if feature.is_categorical:
        inside = [cell for low, high in runs for cell in range(low, high)]
        return Condition(feature, position, categories=tuple(inside), missing=missing)
    if not runs:
        return Condition(feature, position, values=False, missing=missing)
    first, last = runs[0][0], runs[-1][1]
    low = float(cuts[first - 1]) if first else -np.inf
    high = float(cuts[last - 1]) if last <= len(cuts) else np.inf
    return Condition(feature, position, low, high, missing=missing)


def _conditions(cells: _Cells, leaves: _Leaves, leaf: int) -> Iterator[Condition]:
    for factor in range(leaves.first[leaf], leaves.first[leaf + 1]):
        condition = _set_condition(
            cells,
            int(leaves.feature[factor]),
            leaves.runs(factor),
            missing=bool(leaves.missing[factor]),
        )
        if not condition.says_nothing:
            yield condition


def _keys(parts: _Decomposition) -> Iterator[tuple[bytes, ...]]:
    """Yield, leaf by leaf, what is the same for leaves of the same conditions."""
    leaves = parts.leaves
    gaps = np.asarray([f.has_missing for f in parts.cells.schema.features])
    # Where nothing was ever missing, the side of missing values is no difference.
    missing = leaves.missing & gaps[leaves.feature]
    n_runs = np.diff(leaves.first_run)
    for first, last in zip(leaves.first[:-1], leaves.first[1:], strict=True):
        own = slice(first, last)
        runs = slice(leaves.first_run[first], leaves.first_run[last])
        arrays = (leaves.feature[own], n_runs[own], missing[own])
        ends = (leaves.low[runs], leaves.high[runs])
        yield tuple(array.tobytes() for array in (*arrays, *ends))
