"""Trees of few levels: every test on top is judged by the best that can stand below.

Up to two levels the best tree is found; with three, tests on top are tried until none
is left that could be better, or the work is done. With four, many are tried with few
tests below, and the best of them again with more, and again. What is found is improved
node by node; then its branches are searched for once more.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from interpretkd.students._cart.draft import Draft
from interpretkd.students._cart.lookahead import Meter, _leaf, _Lookahead, _Tops
from interpretkd.students._cart.problem import _Problem

_DEEPEST = 4
_ROUNDS, _SHARE = 3, 4
"""Rounds of a search of four levels; a test on top out of so many gets to the next."""
_FEWEST, _MOST = 4, 64
"""Tests on top in the first round."""
_WIDTH, _MOST_WIDER = 4, 16
"""Tests tried below each of them in the first round, and how many times as many where
there is work to spare."""
_RESERVE = 1.5
"""The first round takes a round's share of the work, divided by this."""
_MOST_CELLS = 5e7
"""Rows times the square of the columns that are searched."""
_MOST_COLUMNS = 100
_PENALTIES = 3
"""Prices of a leaf that are tried where leaves are bounded."""


def _deepen(
    problem: _Problem, draft: Draft, *, depth: int, meter: Meter, seed: int = 0
) -> Draft:
    """Search for a tree of so many levels that is better than a given one.

    The depth is in [1, 4]; the objective are costs of decisions. What comes out is no
    worse, and keeps to the limits that the given one keeps to.
    """
    whole, rng = problem, np.random.default_rng(seed)
    columns = np.flatnonzero(problem.binned.n_bins > 0)
    if len(columns) > _MOST_COLUMNS:
        used = np.unique(draft.feature[draft.feature >= 0])
        others = rng.permutation(np.setdiff1d(columns, used))
        columns = np.sort(np.append(used, others)[:_MOST_COLUMNS])
    most = int(_MOST_CELLS / max(len(columns), 1) ** 2)
    if problem.binned.n_samples > most:
        problem = problem.take(
            np.sort(rng.permutation(problem.binned.n_samples)[:most])
        )
    leaves = 2**depth
    if problem.limits.max_leaves is not None:
        leaves = min(leaves, problem.limits.max_leaves)
    found = [draft]
    penalty, n_runs = 0.0, 1 if leaves == 2**depth else _PENALTIES
    for run in range(n_runs):
        part = replace(meter, most=(meter.most - meter.read) / (n_runs - run), read=0.0)
        priced = replace(problem.objective, price=problem.objective.price + penalty)
        own = replace(problem, objective=priced)
        better = _search(own, columns, depth, part)
        meter.read += part.read
        meter.in_time &= part.in_time
        cut = whole.prune(better)
        found.append(whole.improve(cut))
        if run == 0:
            if better.n_leaves <= leaves:
                break
            lost = problem.loss(problem.prune(better)) - problem.loss(better)
            penalty = lost / (better.n_leaves - leaves)
        else:
            penalty *= 2 if better.n_leaves > leaves else 0.5
    losses = [whole.loss(one) for one in found]
    return found[int(np.argmin(losses))]


def _search(
    problem: _Problem, columns: NDArray[np.int64], depth: int, meter: Meter
) -> Draft:
    """Search without a bound on leaves."""
    look = _Lookahead(
        problem.binned,
        problem.objective,
        columns,
        problem.limits.min_samples_leaf,
        meter,
    )
    rows = np.arange(problem.binned.n_samples)
    if depth < 3:
        return look.solve(rows, depth, 0.0, 0).draft
    known = look.solve(rows, 3, 0.0, 0)
    found = [known.draft]
    if known.tops is not None and problem.loss(known.draft) > 0:
        found.append(_try_tops(problem, look, known.tops, depth))
    if depth == 3:  # those that are left, as long as they could be better
        found.append(look.solve(rows, 3, 0.0, len(known.tops or ())).draft)
    losses = [problem.loss(draft) for draft in found]
    return found[int(np.argmin(losses))]


def _try_tops(problem: _Problem, look: _Lookahead, tops: _Tops, depth: int) -> Draft:
    """Try many tests on top with few below, the best again with more, and so on."""
    rows, meter = np.arange(problem.binned.n_samples), look.meter
    chosen, width, wait = list(range(min(_FEWEST, len(tops)))), _WIDTH, True
    before, best, lowest = meter.read, _leaf(), np.inf
    n_rounds = _ROUNDS if depth > 3 else 1
    for _ in range(n_rounds):
        tried: list[tuple[float, int, Draft]] = []
        while chosen:
            for i in chosen:
                if meter.ended and tried:
                    break
                test = tops.test(problem.binned, i)
                branch = look.try_test(rows, test, depth, 0.0, width)
                if depth == 3:
                    tops.note(i, branch.bound)
                draft = problem.improve(branch.draft, passes=5)
                tried.append((problem.loss(draft), i, draft))
            chosen = []
            if wait:  # only now it is known what a test costs
                each = max((meter.read - before) / max(len(tried), 1), 1.0)
                n_tops = (meter.most - before) / (_RESERVE * n_rounds * each)
                width = int(width * np.clip(n_tops / _MOST, 1, _MOST_WIDER))
                n_tops = int(np.clip(n_tops, _FEWEST, _MOST))
                chosen, wait = list(range(_FEWEST, min(n_tops, len(tops)))), False
        tried = sorted(tried, key=lambda one: one[:2])[: max(len(tried) // _SHARE, 2)]
        for _, _, draft in tried:
            draft = _polish(problem, look, draft, depth, width)
            loss = problem.loss(draft)
            if loss < lowest:
                best, lowest = draft, loss
        chosen = [i for _, i, _ in tried]
        width *= _SHARE
    return best


def _polish(
    problem: _Problem, look: _Lookahead, draft: Draft, depth: int, width: int
) -> Draft:
    """Improve a tree and search for its branches anew, turn by turn."""
    rows = np.arange(problem.binned.n_samples)
    best = problem.improve(draft)
    while best.feature[0] >= 0 and not look.meter.ended:
        test = int(best.feature[0]), best.goes_left[0]
        branch = look.try_test(rows, test, depth, 0.0, width)
        draft = problem.improve(branch.draft)
        if problem.loss(draft) >= problem.loss(best) * (1 - 1e-9):
            break
        best = draft
    return best
