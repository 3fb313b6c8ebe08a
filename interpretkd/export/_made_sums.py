"""Rows made so that a sum of points comes out where an export could go wrong."""

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from interpretkd._base import Array
from interpretkd.data import Codes, Schema
from interpretkd.export._specification import _double_threshold
from interpretkd.models import ALL_NUMBERS, Nodes, Score, Term

_MOST_SOLVED = 6
"""Numbers of one sum that are set so that the sum meets its threshold."""


def _around_score(nodes: Nodes, node: int, row: Array) -> list[Array]:
    """Return the row with the sum on the threshold, just beside it, and with gaps.

    A number of the sum is set so that the sum is the threshold, the next float32, or
    the float64 between them that still rounds to the threshold; then another number
    makes up for what rounding left. So is one for each gap, and for each category.
    """
    schema: Any = nodes.schema
    score: Score = schema.score_at(int(nodes.feature[node]))
    numbers = _some([term for term in score.terms if not term.is_set])
    targets = _targets(float(nodes.threshold[node]), score.unit)
    found = []
    for changed, column in _other_cells(schema, score, row):
        found.append(changed)
        free = [term for term in numbers if term.column != column][:1]
        for term, target in product(free, targets):
            value = _solved(score, changed, term, target)
            found += [_set(changed, term, one) for one in _steps(value)]
    for target in targets:
        for term in numbers:
            value = _solved(score, row, term, target)
            found += [_set(row, term, one) for one in _beside(value)]
        for first, second in zip(numbers, numbers[1:] + numbers[:1], strict=True):
            near = _set(row, first, _solved(score, row, first, target))
            value = _solved(score, near, second, target)
            found += [_set(near, second, one) for one in _beside(value)]
    return found


def _sent_by_score(
    nodes: Nodes, node: int, row: Array, near: Sequence[Array]
) -> tuple[Array, Array]:
    """Return a row for each side: this one or the first near it that gets there.

    Columns of sums overlap, so what passes one test may no longer pass those above it;
    where every row does so, the first that passes this test is taken.
    """
    schema: Any = nodes.schema
    rows = np.stack([row, *near])
    seen = schema.see(_codes(schema.given, rows))
    left = seen[:, int(nodes.feature[node])] <= nodes.threshold[node]
    leaf = nodes.apply(seen)
    sent = []
    for child, passes in ((nodes.left[node], left), (nodes.right[node], ~left)):
        arrived = np.flatnonzero(np.isin(leaf, _below(nodes, int(child))))
        passed = np.flatnonzero(passes)
        first = [*arrived[:1], *passed[:1], 0][0]
        sent.append(rows[first])
    return sent[0], sent[1]


def _below(nodes: Nodes, node: int) -> list[int]:
    """Return the leaves below a node."""
    found, waiting = [], [node]
    while waiting:
        here = waiting.pop()
        if nodes.feature[here] < 0:
            found.append(here)
        else:
            waiting += [int(nodes.left[here]), int(nodes.right[here])]
    return found


def _codes(given: Schema, rows: Array) -> Codes:
    """Return codes of rows in which numbers with a scale are as in the column."""
    codes = rows.copy()
    for position, feature in enumerate(given.features):
        if feature.scale is not None:
            codes[:, position] = feature.scale.encode(rows[:, position])
    return codes.astype(np.float32)


def _other_cells(
    schema: Any, score: Score, row: Array
) -> Iterator[tuple[Array, int | None]]:
    """Yield the row with a gap or with another category, and in which column.

    Of a set that is about a number any value is as good as another: it is there.
    """
    for term in score.terms:
        yield _set(row, term, np.nan), term.column
        if term.is_set:
            n_categories = len(schema.given.features[term.column].categories)
            for value in range(max(n_categories, 1)):
                yield _set(row, term, value), term.column
    nothing = row.copy()
    nothing[list(score.columns)] = np.nan
    yield nothing, None


def _some(terms: list[Term]) -> list[Term]:
    step = max(1, -(-len(terms) // _MOST_SOLVED))
    return terms[::step]


def _targets(threshold: float, unit: int) -> list[float]:
    """Return sums of whole weights on both sides of what passes."""
    above = float(_next(np.float32(threshold), np.inf))
    ends = [threshold, _double_threshold(threshold), above]
    return [end * unit for end in ends if math.isfinite(end)]


def _solved(score: Score, row: Array, term: Term, target: float) -> float:
    """Return the float32 number with which the sum comes nearest to the target."""
    rest = 0.0
    own = 1
    for other, weight in zip(score.terms, score.weights, strict=True):
        if other == term:
            own = weight
            continue
        rest += weight * _counted(other, float(row[other.column]))
    return float(np.float32(min(max((target - rest) / own, -ALL_NUMBERS), ALL_NUMBERS)))


def _counted(term: Term, x: float) -> float:
    if term.is_set:
        inside = term.missing if np.isnan(x) else int(x) in (term.categories or ())
        return float(inside)
    return term.fill if np.isnan(x) else float(np.float32(x))


def _beside(value: float) -> Iterator[float]:
    """Yield the number, its neighbours, and the last float64 that round to each."""
    for one in _steps(value):
        yield one
        yield from _last_rounded(one)


def _steps(value: float) -> list[float]:
    here = np.float32(value)
    beside = (here, _next(here, -np.inf), _next(here, np.inf))
    return [float(one) for one in beside if np.isfinite(one)]


def _last_rounded(value: float) -> Iterator[float]:
    """Yield the least and the largest float64 that float32 takes for a number."""
    if abs(value) < ALL_NUMBERS:
        below = float(_next(np.float32(value), -np.inf))
        yield float(np.nextafter(_double_threshold(below), np.inf))
        yield _double_threshold(value)


def _next(value: np.float32, side: float) -> np.float32:
    with np.errstate(over="ignore"):  # behind the largest comes infinity
        return np.nextafter(value, np.float32(side))


def _set(row: Array, term: Term, value: float) -> Array:
    changed = row.copy()
    changed[term.column] = value
    return changed
