"""What a tree is searched for: rows, targets, an objective, and what it may be."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.students._cart.binning import Binned
from interpretkd.students._cart.cutting import _prune_draft
from interpretkd.students._cart.draft import Draft, _is_monotone, leaves_of
from interpretkd.students._cart.growing import Limits, grow_draft
from interpretkd.students._cart.objective import (
    TreeObjective,
    _agree_with_decisions,
    _leaf_sums,
    _loss_of,
)
from interpretkd.students._cart.refinement import _improve_draft


@dataclass(frozen=True, eq=False)
class _Problem:
    """Rows, what a tree is to learn from them, and what it may be.

    Parameters
    ----------
    binned : Binned
        The rows.
    targets : ndarray of shape (n_samples, n_outputs), float64
        Target columns, which guide greedy growth.
    objective : TreeObjective
        What is to be small in the end.
    limits : Limits
        What the tree may be.
    """

    binned: Binned
    targets: Array
    objective: TreeObjective
    limits: Limits

    def take(self, rows: NDArray[np.integer]) -> "_Problem":
        """Return the problem on some of the rows."""
        objective = self.objective.take(rows)
        share = objective.weight.sum() / self.objective.weight.sum()
        least = max(1.0, self.limits.min_samples_leaf * share)
        limits = replace(self.limits, min_samples_leaf=least)
        return _Problem(self.binned.take(rows), self.targets[rows], objective, limits)

    def branch(
        self, rows: NDArray[np.integer], max_leaves: int | None, max_depth: int | None
    ) -> "_Problem":
        """Return the problem of a branch that these rows reach.

        What its tests and leaves cost is as in the whole.
        """
        whole = self.objective
        objective = replace(whole, table=whole.table[rows], weight=whole.weight[rows])
        share = objective.weight.sum() / whole.weight.sum()
        limits = replace(
            self.limits,
            max_leaves=max_leaves,
            max_depth=max_depth,
            min_gain=self.limits.min_gain / max(share, 1e-300),
        )
        return _Problem(self.binned.take(rows), self.targets[rows], objective, limits)

    def grow(
        self,
        *,
        seed: int = 0,
        feature_share: float = 1.0,
        hints: Array | None = None,
    ) -> Draft:
        """Grow a greedy tree; each node may test a share of the columns."""
        return grow_draft(
            self.binned,
            self.targets,
            self.objective.weight,
            self.limits,
            seed=seed,
            feature_share=feature_share,
            hints=hints,
        )

    def improve(self, draft: Draft, passes: int = 20) -> Draft:
        """Improve a tree without making it larger than it may be."""
        least = self.limits.min_samples_leaf
        return _improve_draft(
            draft, self.binned, self.objective, min_samples_leaf=least, passes=passes
        )

    def prune(self, draft: Draft) -> Draft:
        """Cut a tree back to what it may be."""
        limits = self.limits
        return _prune_draft(
            draft,
            self.binned,
            self.objective,
            limits.max_leaves,
            min_samples_leaf=limits.min_samples_leaf,
            min_gain=limits.min_gain,
        )

    def loss(self, draft: Draft) -> float:
        """Return the objective; infinite where a monotone constraint is broken."""
        monotone = self.limits.monotone
        if monotone is not None and not _is_monotone(
            draft, self._answers(draft), monotone, self.binned
        ):
            return np.inf
        return _loss_of(draft, self.binned, self.objective)

    def _answers(self, draft: Draft) -> Array:
        """Return each leaf's answer, moved to what it decides; else 0."""
        leaf, weight = leaves_of(draft, self.binned), self.objective.weight
        n_nodes = len(draft.feature)
        kind, table = self.objective.kind, self.objective.table
        means, cover = _leaf_sums(leaf, n_nodes, self.targets * weight[:, None], weight)
        sums, _ = _leaf_sums(leaf, n_nodes, table, weight)
        own = cover > 0
        means[own] /= cover[own, None]
        means[own] = _agree_with_decisions(means[own], sums[own], kind)
        return means[:, -1]
