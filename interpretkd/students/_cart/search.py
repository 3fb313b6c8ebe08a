"""Searching for the best tree of a size: greedy, refined, or chosen between the two.

A greedy tree is improved node by node; then branches are torn out, grown again at
random a little too large, improved and cut back, and what is better stays. The amount
of work is fixed by the data, so that the result does not depend on the machine, unless
a time limit ends it.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.students._cart.binning import _n_threads
from interpretkd.students._cart.certificate import Certificate
from interpretkd.students._cart.deepening import _DEEPEST, _deepen
from interpretkd.students._cart.draft import (
    Draft,
    _branch_of,
    _graft,
    _parents,
    leaves_of,
)
from interpretkd.students._cart.growing import Limits, grow_draft
from interpretkd.students._cart.lookahead import Meter, _best_branch
from interpretkd.students._cart.objective import COSTS
from interpretkd.students._cart.optimal import solve
from interpretkd.students._cart.problem import _Problem as _Problem
from interpretkd.students._cart.refinement import _revise

_WORK = 1e9
"""Cells that one chain of a search may read."""
_DEEP_WORK = 8e8
"""Cells that a search for a tree of few levels may read."""
_MOST_STEPS, _FEWEST_STEPS = 150, 6
_FEW_LEAVES = 8
"""Trees of no more leaves get twice the steps, which are quick there."""
_MORE_STEPS = 3
"""How many times as many steps there are where only a high depth bounds the leaves."""
_PATIENCE = 80
"""Steps without a better tree after which a chain ends."""
_MOST_ROWS = 100_000
"""A search reads no more rows; what it finds is then improved on all of them."""
_DEEPEST_PROOF = 4
_PROPOSERS = 60
_TESTS, _TESTS_DEEP = 150, 60
"""Tests among which a proof searches; four levels take far longer than three."""
_AHEAD = 0.5
"""How often a branch of at most eight leaves is looked for as a whole."""
_ANEW = (0.3, 0.1)
"""How often all of the tree is grown anew, when it has at most eight leaves or more."""
_SMALL, _LOCAL = 16, (0.3, 0.8)
"""How often a branch is bettered on its own rows alone, in small and in large trees:
that is quick, but moves no leaf to another branch and no test above."""
_ONE_LEAF = Limits(max_leaves=1)
_MOST_COLUMNS = 100
"""Columns that one step looks at."""
_SHARES = (0.3, 0.5, 0.8)
"""Columns that a branch may test when it is grown again: chance finds other ways."""


def _refine(
    problem: _Problem,
    start: Draft,
    *,
    seed: int = 0,
    deadline: float = np.inf,
    effort: float = 1.0,
) -> tuple[Draft, bool]:
    """Search for a tree that is better than the greedy one it begins with.

    It ends at the deadline, by `time.monotonic`; `effort`, above 0, multiplies the
    work. Returns the best tree found, never worse than the start
    on the problem's rows, and whether the search ended by itself: only then does the
    same seed lead to the same tree again.
    """
    whole, rows = problem, problem.binned.n_samples
    if rows > _MOST_ROWS:
        chosen = np.random.default_rng(seed).permutation(rows)[:_MOST_ROWS]
        problem = problem.take(np.sort(chosen))
    first = problem.improve(start)
    meter = Meter(effort * _DEEP_WORK, deadline)
    begins = [first, _best_small(problem, first, seed, meter)]
    chains = [
        _Chain(problem, begin, (seed, i), deadline, effort)
        for i, begin in enumerate(begins)
    ]
    n_cells = problem.binned.matrix.size
    with ThreadPoolExecutor(min(len(chains), _n_threads(20 * n_cells))) as pool:
        waiting = [pool.submit(chain.run) for chain in chains]
        ends = [item.result() for item in waiting]
    found = [start, first, *(draft for draft, _ in ends)]
    if problem.limits.monotone is not None:  # which perhaps no other tree is
        found.append(replace(problem, limits=_ONE_LEAF).prune(start))
    if problem is not whole:  # a leaf may be too small for all the rows
        found = [start, *(whole.improve(whole.prune(draft)) for draft in found)]
    losses = [whole.loss(draft) for draft in found]
    best = found[int(np.argmin(losses))]  # the start, if nothing is better
    return best, meter.in_time and all(in_time for _, in_time in ends)


def _optimise(
    problem: _Problem, start: Draft, *, seed: int = 0, time_limit: float = 60.0
) -> tuple[Draft, Certificate]:
    """Find the best tree over well-chosen tests, with the proof that it is.

    The tests are those that many refined and greedy trees use, the start among them.
    The proven tree is then improved over all thresholds; what comes out is no worse.
    An InputError is raised for trees deeper than 4 and for objectives other than costs
    of decisions. The time limit is in seconds.
    """
    limits, objective = problem.limits, problem.objective
    if limits.max_depth is None or limits.max_depth > _DEEPEST_PROOF:
        raise InputError(
            "The 'search' parameter of CartStudent may be 'optimal' for a max_depth "
            f"in [1, {_DEEPEST_PROOF}]. Got max_depth {limits.max_depth}."
        )
    if objective.kind != COSTS:
        raise InputError(
            "The 'search' parameter of CartStudent may be 'optimal' when classes are "
            "decided: for the objectives 'disagreement' and 'expected_disagreement'."
        )
    most = _TESTS_DEEP if limits.max_depth > 3 else _TESTS
    feature, goes_left = _candidates(problem, start, seed, _PROPOSERS, most)
    passes = np.stack(
        [
            sets[problem.binned.matrix[j]]
            for j, sets in zip(feature, goes_left, strict=True)
        ],
        axis=1,
    )
    draft, began = start, time.monotonic()
    least: int | None = 1
    # Without a bound on leaves the proof is faster, and mostly none is too small.
    while least is not None:
        solution = solve(
            passes,
            objective.table,
            max_depth=limits.max_depth,
            max_leaves=limits.max_leaves,
            min_samples_leaf=least,
            time_limit=max(time_limit - (time.monotonic() - began), 1.0),
        )
        test = solution.test
        draft = Draft(
            np.where(test >= 0, feature[test], -1).astype(np.int32),
            goes_left[test] & (test >= 0)[:, None],
            solution.left.astype(np.int32),
            solution.right.astype(np.int32),
        )
        cover = np.bincount(
            leaves_of(draft, problem.binned), objective.weight, len(test)
        )
        smallest = cover[draft.feature < 0].min()
        needed = int(np.ceil(limits.min_samples_leaf))
        least = needed if least == 1 and smallest < needed else None
    found = [start, problem.improve(problem.prune(draft))]
    losses = [problem.loss(draft) for draft in found]
    return found[int(np.argmin(losses))], solution.certificate


def _best_small(problem: _Problem, start: Draft, seed: int, meter: Meter) -> Draft:
    """Return a tree of few levels that is best as a whole, or the start."""
    limits = problem.limits
    leaves = np.inf if limits.max_leaves is None else limits.max_leaves
    depth = np.inf if limits.max_depth is None else limits.max_depth
    if problem.objective.kind != COSTS or limits.monotone is not None:
        return start
    if depth > _DEEPEST:
        if leaves > _FEW_LEAVES:
            return start
        depth, meter.most = 3, meter.most / 4
    if depth == 3:  # chosen from few trees
        meter.most /= 2
    return _deepen(problem, start, depth=int(depth), meter=meter, seed=seed)


def _candidates(
    problem: _Problem, start: Draft, seed: int, n_proposers: int, most: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the tests that good trees use most, each as its column and its bins."""
    drafts = [start]
    for i in range(n_proposers):
        greedy = problem.grow(
            seed=seed + 1 + i, feature_share=_SHARES[i % len(_SHARES)]
        )
        drafts += [greedy, problem.improve(greedy, passes=5)]
    counts: dict[bytes, list[float]] = {}
    tests: dict[bytes, tuple[int, NDArray[np.bool_]]] = {}
    for i, draft in enumerate(drafts):
        leaf_depths = draft.depths
        for node in np.flatnonzero(draft.feature >= 0):
            column = int(draft.feature[node])
            left = draft.goes_left[node]
            key = column.to_bytes(4, "little") + np.packbits(left).tobytes()
            tests[key] = (column, left)
            # The best tree's tests come first; then what is used often, high up.
            vote = 1e6 if i == 0 else 0.5 ** float(leaf_depths[node])
            counts.setdefault(key, []).append(vote)
    order = sorted(counts, key=lambda key: (-sum(counts[key]), key))
    chosen = [tests[key] for key in order[:most]]
    return (
        np.asarray([column for column, _ in chosen], dtype=np.int32),
        np.stack([left for _, left in chosen]),
    )


class _Chain:
    """One walk from tree to tree, downhill."""

    def __init__(
        self,
        problem: _Problem,
        start: Draft,
        seed: tuple[int, int],
        deadline: float,
        effort: float = 1.0,
    ) -> None:
        self.problem, self.deadline = problem, deadline
        self.rng = np.random.default_rng(seed)
        self.draft, self.loss = start, problem.loss(start)
        n_columns = min(len(problem.binned.matrix), _MOST_COLUMNS)
        depth = np.log2(max(start.n_leaves, 2)) + 2
        steps = _WORK / max(problem.binned.n_samples * n_columns * depth, 1)
        limits, most = problem.limits, _MOST_STEPS
        if start.n_leaves <= _FEW_LEAVES:
            most *= 2
        elif limits.max_leaves is None and (limits.max_depth or 0) > _DEEPEST:
            most *= _MORE_STEPS
        self.steps = int(np.ceil(effort * np.clip(steps, _FEWEST_STEPS, most)))
        self.patience = _PATIENCE * max(effort * most / _MOST_STEPS / 2, 1.0)

    def run(self) -> tuple[Draft, bool]:
        idle, before = 0, self.loss
        for _ in range(self.steps):
            idle = 0 if self.loss < before else idle + 1
            before = self.loss
            nothing_left = self.problem.objective.kind == COSTS and self.loss <= 0
            if nothing_left or idle > self.patience:
                break
            if time.monotonic() > self.deadline:
                return self.draft, False
            node = 0
            if (
                self.rng.random() > _ANEW[self.draft.n_leaves > _FEW_LEAVES]
            ):  # or begin anew
                node = int(self.rng.integers(len(self.draft.feature)))
            self._vary(node)
        return self.draft, True

    def _vary(self, node: int) -> None:
        """Tear out a branch and grow another; keep the better tree."""
        draft, limits = self.draft, self.problem.limits
        below = _below(draft, node)
        rows = np.flatnonzero(below[leaves_of(draft, self.problem.binned)])
        n_leaves = int((below & (draft.feature < 0)).sum())
        depth = None
        if limits.max_depth is not None:
            depth = limits.max_depth - int(draft.depths[node])
        if depth == 0 or len(rows) < 2:
            return
        spare = 0
        if limits.max_leaves is not None:
            spare = limits.max_leaves - draft.n_leaves
        most = None if limits.max_leaves is None else n_leaves + spare
        is_part = node > 0 and limits.monotone is None and most != 1
        if is_part and self.rng.random() < _LOCAL[draft.n_leaves > _SMALL]:
            self._vary_within(node, rows, below, self.problem.branch(rows, most, depth))
            return
        extra = int(self.rng.integers(1, 5))
        part = self.problem.branch(rows, max(2, n_leaves + spare + extra), depth)
        branch = self._grow(part, n_leaves)
        draft = _revise(
            _graft(draft, node, branch),
            self.problem.binned,
            self.problem.objective,
            limits.max_leaves,
            min_samples_leaf=limits.min_samples_leaf,
            min_gain=limits.min_gain,
            first=node,
            last=node + len(branch.feature),
            columns=self._some_columns(),
        )
        loss = self.problem.loss(draft)
        if loss <= self.loss:
            self.draft, self.loss = draft, loss

    def _vary_within(
        self,
        node: int,
        rows: NDArray[np.int64],
        below: NDArray[np.bool_],
        part: _Problem,
    ) -> None:
        """Look for a better branch of the same size, on its own rows alone."""
        old = _branch_of(self.draft, below)
        limits = part.limits
        larger = limits
        if limits.max_leaves is not None:
            extra = int(self.rng.integers(1, 5))
            larger = replace(limits, max_leaves=limits.max_leaves + extra)
        branch = self._grow(replace(part, limits=larger), old.n_leaves)
        branch = part.improve(part.prune(part.improve(branch, passes=3)), passes=10)
        gain = part.loss(old) - part.loss(branch)
        if gain >= 0:
            self.draft = _graft(self.draft, node, branch)
            self.loss -= gain

    def _grow(self, part: _Problem, n_leaves: int) -> Draft:
        """Grow a branch by chance, or one of few levels that is best as a whole."""
        limits = part.limits
        ahead = _AHEAD if n_leaves <= _FEW_LEAVES else 0.0
        if part.objective.kind == COSTS and self.rng.random() < ahead:
            levels = 3 if n_leaves > 4 else 2
            if limits.max_depth is not None:
                levels = min(limits.max_depth, levels)
            return _best_branch(
                part.binned,
                part.objective,
                np.arange(part.binned.n_samples),
                self._some_columns(),
                depth=levels,
                min_samples_leaf=limits.min_samples_leaf,
                rng=self.rng,
            )
        return grow_draft(
            part.binned,
            part.targets,
            part.objective.weight,
            replace(limits, min_gain=0.0),
            seed=int(self.rng.integers(1, 2**31)),
            feature_share=float(self.rng.choice(_SHARES)),
        )

    def _some_columns(self) -> NDArray[np.int64]:
        """Draw columns: where there are hundreds, most steps change little by all."""
        columns = np.flatnonzero(self.problem.binned.n_bins > 0)
        if len(columns) <= _MOST_COLUMNS:
            return columns
        return np.sort(self.rng.permutation(columns)[:_MOST_COLUMNS])


def _below(draft: Draft, node: int) -> NDArray[np.bool_]:
    """Say of each node whether it is the given one or lies below it."""
    above = _parents(draft)
    inside = np.zeros(len(above), dtype=np.bool_)
    inside[node] = True
    for other in range(node + 1, len(above)):  # parents come before children
        inside[other] |= above[other] >= 0 and inside[above[other]]
    return inside
