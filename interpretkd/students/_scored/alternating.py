"""Alternating optimisation: one test after the other, the rest of the tree held fixed.

With all other tests and answers fixed, what a test is to do is known for each of its
rows: go where the branch loses less on it. So a tree gets better test by test, from the
deepest up, then every leaf answers anew. Branches that no row reaches are cut off, and
leaves are parted as long as the tree may have more.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.data import Codes
from interpretkd.models import ScoredSchema, Tree
from interpretkd.students._cart.fitting import Attempt
from interpretkd.students._cart.objective import (
    SQUARES,
    TreeObjective,
    _impurity,
    _leaf_sums,
    _write_answer,
)
from interpretkd.students._scored.addends import Addends
from interpretkd.students._scored.node import WholePoints, _best_cut, propose
from interpretkd.students._scored.sketch import Sketch, Test, first_sketch, plain_sketch

_PASSES = 15
_SPLIT_ROUNDS = 3
_MOST_FAILURES = 4
"""Joined leaves, one after the other, that make no better tree, before that ends."""
_FEW = 10
"""A part of the rows that is so many times smaller is copied with all columns."""
_WORK, _MOST_REGROWN = 2e8, 40
"""Cells of the rows, times the trees that are made by moving leaves; and these."""
_REFILLS = 3
"""So often leaves are parted again after branches were cut off."""


@dataclass(frozen=True)
class ScoredLimits:
    """What a scored tree may be.

    Parameters
    ----------
    max_leaves : int
        In [2, inf).
    max_columns : int
        In [2, inf): the most columns that a test adds up.
    max_points : int
        In [1, inf): the most points of one.
    min_samples_leaf : int
        In [1, inf): the least sum of weights in a leaf.
    """

    max_leaves: int
    max_columns: int
    max_points: int
    min_samples_leaf: int


@dataclass(frozen=True)
class _Cut:
    """A sum of points, where it is cut, and what that is worth."""

    points: WholePoints
    cut: float
    worth: float


class Alternation:
    """The search for a tree of scores on given rows.

    Parameters
    ----------
    addends : Addends
        What may be added up.
    codes : ndarray of shape (n_samples, n_features), float32
        The rows.
    targets : ndarray of shape (n_samples, n_outputs), float64
        Target columns, which guide the parting of leaves.
    objective : TreeObjective
        What is to be small in the end.
    limits : ScoredLimits
        What the tree may be.
    seed : int
        Which rows are read where there are very many.
    deadline : float
        When to end, by ``time.monotonic``.

    Attributes
    ----------
    in_time : bool
        Whether the search ended by itself.
    """

    def __init__(
        self,
        addends: Addends,
        codes: Codes,
        targets: Array,
        objective: TreeObjective,
        limits: ScoredLimits,
        seed: int,
        deadline: float,
    ) -> None:
        self.addends, self.codes, self.targets = addends, codes, targets
        self.objective, self.limits = objective, limits
        self.deadline = deadline
        self.rng = np.random.default_rng(seed)
        self.in_time = True

    def run(self, tree: Tree) -> tuple[Sketch, tuple[Attempt, ...]]:
        """Search from a tree of single columns, and from nothing.

        Parameters
        ----------
        tree : Tree
            Of no more leaves than allowed.

        Returns
        -------
        sketch : Sketch
            What loses least on the rows; no more than the tree.
        attempts : tuple of Attempt
            What each search came to.
        """
        attempts: list[Attempt] = []
        columns = plain_sketch(tree, self.codes)
        found = [
            self._told("columns", columns, self._search, attempts),
            self._told("sums", first_sketch(len(self.codes)), self._search, attempts),
        ]
        best = min(found, key=self.loss)
        best = self._told("moved leaves", best, self._regrown, attempts)
        return best, tuple(attempts)

    def _told(
        self,
        name: str,
        start: Sketch,
        search: Callable[[Sketch], Sketch],
        attempts: list[Attempt],
    ) -> Sketch:
        """Search from a start, and note what that came to."""
        began = time.monotonic()
        sketch = search(start)
        loss, seconds = self.loss(sketch) + self._constant(), time.monotonic() - began
        mean = loss / float(self.objective.weight.sum())
        attempts.append(Attempt(name, sketch.n_leaves, mean, math.nan, seconds))
        return sketch

    def _constant(self) -> float:
        """Return the part of squared errors that no tree changes."""
        if self.objective.kind != SQUARES:
            return 0.0
        weight = np.maximum(self.objective.weight, 1e-300)[:, None]
        return float((self.objective.table**2 / weight).sum())

    def loss(self, sketch: Sketch) -> float:
        """Return the objective with the best answer in each leaf.

        Parameters
        ----------
        sketch : Sketch
            A tree.

        Returns
        -------
        float
            A sum over the rows; for squared errors less a constant of them.
        """
        sums, weights = self._sums(sketch)
        reached = np.flatnonzero(weights > 0)
        kind = self.objective.kind
        return float(sum(_impurity(kind, sums[i], weights[i]) for i in reached))

    def _search(self, start: Sketch) -> Sketch:
        best, least = start, self.loss(start)
        sketch = start.copy()
        for _ in range(1 + _REFILLS):
            n_leaves = sketch.n_leaves
            self._part_leaves(sketch)
            for _ in range(_PASSES):
                if self._late():
                    break
                before = self.loss(sketch)
                self._pass(sketch)
                sketch.drop_small(self.objective.weight, self.limits.min_samples_leaf)
                loss = self.loss(sketch)
                if loss < least:
                    best, least = sketch.copy(), loss
                if loss > before - 1e-4 * abs(before):
                    break
            if self._late() or sketch.n_leaves in (n_leaves, self.limits.max_leaves):
                break
        return best

    def _regrown(self, sketch: Sketch) -> Sketch:
        """Take leaves from where they matter least to where they matter most."""
        best, least, n_failed = sketch, self.loss(sketch), 0
        most = min(int(_WORK / self.codes.size), _MOST_REGROWN)
        for _ in range(most):
            places = self._cheapest(best)
            if n_failed >= min(len(places), _MOST_FAILURES) or self._late():
                break
            trial = best.copy()
            trial.join(places[n_failed])
            trial.tidy()
            trial = self._search(trial)
            loss = self.loss(trial)
            if loss < least - 1e-4 * abs(least):
                best, least, n_failed = trial, loss, 0
            else:
                n_failed += 1
        return best

    def _cheapest(self, sketch: Sketch) -> list[int]:
        """Return the tests of two leaves, those first without which least is lost."""
        sums, weights = self._sums(sketch)
        kind, lost = self.objective.kind, {}
        for node in np.flatnonzero(sketch.left >= 0).tolist():
            both = [int(sketch.left[node]), int(sketch.right[node])]
            if (sketch.left[both] >= 0).any() or (weights[both] <= 0).any():
                continue
            apart = sum(_impurity(kind, sums[i], weights[i]) for i in both)
            joined = _impurity(kind, sums[both].sum(axis=0), weights[both].sum())
            lost[node] = float(joined - apart)
        return sorted(lost, key=lambda node: (lost[node], node))

    def _late(self) -> bool:
        self.in_time &= time.monotonic() <= self.deadline
        return not self.in_time

    def _sums(self, sketch: Sketch) -> tuple[Array, Array]:
        table, weight = self.objective.table, self.objective.weight
        sums, weights = _leaf_sums(sketch.leaves(), len(sketch.left), table, weight)
        return sums, weights

    def _pass(self, sketch: Sketch) -> None:
        """Better every test once, from the deepest to the root."""
        sums, weights = self._sums(sketch)
        slopes, constants = np.zeros_like(sums), np.zeros(len(sums))
        kind = self.objective.kind
        for node in np.flatnonzero(sketch.left < 0).tolist():
            constants[node] = _write_answer(
                kind, sums[node], weights[node], slopes[node]
            )
        depth, reached = sketch.depths(), sketch.reached()
        inner = np.flatnonzero(sketch.left >= 0).tolist()
        for node in sorted(inner, key=lambda node: (-depth[node], node)):
            rows = np.flatnonzero(reached[node])
            if not len(rows) or self._late():
                continue
            table, weight = self.objective.table[rows], self.objective.weight[rows]
            losses = []
            for child in (sketch.left[node], sketch.right[node]):
                leaf = sketch.leaves_below(child, rows)
                losses.append(
                    np.einsum("ij,ij->i", table, slopes[leaf])
                    + weight * constants[leaf]
                )
            self._better(sketch, node, rows, losses[1] - losses[0])

    def _better(
        self, sketch: Sketch, node: int, rows: NDArray[np.intp], worth: Array
    ) -> None:
        """Replace a test by a better one, if there is any."""
        test = sketch.tests[node]
        assert test is not None
        mark = hash((worth.tobytes(), rows.tobytes()))
        if sketch.settled.get(node) == mark:  # nothing was found for just this before
            return
        found = self._best(rows, worth, test.points)
        now = float(worth[sketch.sides[node, rows]].sum())
        if test.points is not None:
            now = self._worth(self._total(test.points, rows), worth)
        if found is None or not found.worth > now + 1e-9 * (1 + abs(now)):
            sketch.settled[node] = mark
            return
        self._set(sketch, node, found)

    def _best(
        self, rows: NDArray[np.intp], worth: Array, now: WholePoints | None
    ) -> _Cut | None:
        """Return the best sum that is found for some rows, and its cut."""
        limits, best = self.limits, None
        offered = propose(
            self.addends,
            self.codes,
            rows,
            worth,
            now,
            max_columns=limits.max_columns,
            max_points=limits.max_points,
            rng=self.rng,
        )
        for points in offered:
            total = self._total(points, rows)
            cut = self._cut(total, worth, rows)
            value = self._worth(total, worth)
            if cut is not None and (best is None or value > best.worth):
                best = _Cut(points, cut, value)
        return best

    @staticmethod
    def _worth(total: Codes, worth: Array) -> float:
        return float(_best_cut(total.astype(np.float64), worth))

    def _total(self, points: WholePoints, rows: NDArray[np.intp]) -> Codes:
        """Return a sum of rows just as the finished tree computes it."""
        schema = self._schema(points)
        if _FEW * len(rows) < len(self.codes):
            return schema.see(self.codes[rows])[:, 0]
        return schema.see(self.codes)[rows, 0]  # all columns need not be copied

    def _schema(self, points: WholePoints) -> ScoredSchema:
        score = self.addends.score(points.which, points.points)
        return ScoredSchema(self.addends.schema, (), (score,))

    def _cut(self, total: Codes, worth: Array, rows: NDArray[np.intp]) -> float | None:
        """Return where to cut, exactly; None where no cut leaves enough rows."""
        order = np.argsort(total, kind="stable")
        ordered, below = total[order], np.cumsum(worth[order])
        weight = np.cumsum(self.objective.weight[rows][order])
        least = self.limits.min_samples_leaf
        allowed = ordered[:-1] < ordered[1:]
        allowed &= (weight[:-1] >= least) & (weight[-1] - weight[:-1] >= least)
        places = np.flatnonzero(allowed)
        if not len(places):
            return None
        return float(ordered[places[below[places].argmax()]])

    def _set(self, sketch: Sketch, node: int, found: _Cut) -> None:
        schema = self._schema(found.points)
        sketch.sides[node] = schema.see(self.codes)[:, 0] <= found.cut
        blank = np.full((1, self.codes.shape[1]), np.nan, dtype=np.float32)
        blank_left = bool(schema.see(blank)[0, 0] <= found.cut)
        sketch.tests[node] = Test(found.points, missing_left=blank_left)

    def _part_leaves(self, sketch: Sketch) -> None:
        """Part the leaf that gains the most by it, until there are leaves enough."""
        found: dict[int, tuple[float, _Cut]] = {}
        leaf = sketch.leaves()
        asked = np.flatnonzero(sketch.left < 0).tolist()
        while sketch.n_leaves < self.limits.max_leaves and not self._late():
            for node in asked:
                split = self._split(np.flatnonzero(leaf == node))
                if split is not None:
                    found[node] = split
            if not found:
                break
            node = max(found, key=lambda node: (found[node][0], -node))
            self._set(sketch, node, found.pop(node)[1])
            asked = sketch.part(node)
            leaf = sketch.leaves()
        sketch.tidy()

    def _split(self, rows: NDArray[np.intp]) -> tuple[float, _Cut] | None:
        """Return the best split of a leaf's rows, by squared error, and its gain.

        It begins along the direction in which the targets differ the most; then the
        means of both sides say where each row belongs, and so on.
        """
        weight, targets = self.objective.weight[rows], self.targets[rows]
        if weight.sum() < 2 * self.limits.min_samples_leaf or len(rows) < 2:
            return None
        centred = targets - np.average(targets, axis=0, weights=weight)
        spread = (centred * weight[:, None]).T @ centred
        if not np.trace(spread) > 1e-12 * weight.sum():
            return None
        direction = np.linalg.eigh(spread)[1][:, -1]
        direction *= np.sign(direction[np.abs(direction).argmax()])
        worth, best, now = weight * (centred @ direction), None, None
        for _ in range(_SPLIT_ROUNDS):
            cut = self._best(rows, worth, now)
            if cut is None:
                break
            side = self._total(cut.points, rows) <= cut.cut
            left, right = (
                np.average(centred[s], axis=0, weights=weight[s]) for s in (side, ~side)
            )
            share = weight[side].sum() * weight[~side].sum() / weight.sum()
            gain = float(share * ((left - right) ** 2).sum())
            if best is not None and gain <= best[0]:
                break
            best, now = (gain, cut), cut.points
            worth = weight * ((centred - (left + right) / 2) @ (left - right))
        return best if best is not None and best[0] > 0 else None
