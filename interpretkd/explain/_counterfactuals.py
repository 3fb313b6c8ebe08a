"""The nearest change of a row that makes the student decide otherwise.

For a tree the leaves are boxes, so the least change into each is known exactly, and
the least of them is the answer. For sums of trees and weighted sums the same is done
one feature at a time: between two thresholds of a feature nothing changes, and between
two crossings of the weighted sums neither. Where no feature alone serves, one is added
to the other. Numbers stay within what was seen of their column, and rows that are like
given ones come before those that stand alone.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from interpretkd._base import Array
from interpretkd.data import VALUE, Codes
from interpretkd.explain._crowd import UNLIKELY, _Crowd
from interpretkd.explain._desired import _Desired
from interpretkd.explain._scale import _Scale
from interpretkd.models import (
    ALL_NUMBERS,
    Condition,
    Forest,
    Form,
    Linear,
    Nodes,
    Tree,
    branch_tests,
    design_matrix,
)
from interpretkd.targets import Target, apply_link, decide

_SLACK = 0.01
"""Of a spread: how far beyond the threshold a readable number may lie."""
_MOST_TRIED = 20_000
"""Changes of single features that are tried, the smallest first."""
_AT_ONCE = 256
_MOST_CHANGED = 4
"""Features of a boosted or linear student that are changed together."""
_POOL = 48
"""Changes of a boosted or linear student out of which the plausible ones are taken."""


@dataclass(frozen=True)
class _Move:
    """One cell's new value, and what it costs."""

    feature: int
    value: float
    size: float


_Candidate: TypeAlias = tuple[tuple[_Move, ...], Any]
"""What is changed together, and what the student then decides."""


def _leaf_boxes(nodes: Nodes) -> dict[int, dict[int, Condition]]:
    """Return for each leaf the one condition of each feature asked for above it."""
    known: dict[int, dict[int, Condition]] = {int(nodes.roots[0]): {}}
    for node in np.flatnonzero(~nodes.is_leaf).tolist():
        above, j = known.pop(node), int(nodes.feature[node])
        for child, test in zip(
            (int(nodes.left[node]), int(nodes.right[node])),
            branch_tests(nodes, node),
            strict=True,
        ):
            both = _meet(above[j], test) if j in above else test
            known[child] = {**above, j: both}
    return known


def _nearest_rows(
    form: Form,
    target: Target,
    row: Codes,
    desired: _Desired,
    scale: _Scale,
    n_rows: int,
    crowd: _Crowd | None = None,
) -> list[Array]:
    """Find the best rows about which the student decides as desired.

    Few changed features come first, then small and plausible changes; what is like no
    given row comes last. A row is left out when a better one has the same outcome and
    changes only some of its features.
    """
    if n_rows == 0 or desired.is_met_already:
        return []
    found: Iterable[_Candidate]
    if isinstance(form, Tree):
        found = _through_leaves(form, target, row, desired, scale)
    else:
        found = _diverse(_single_changes(form, target, row, desired, scale), _POOL)
        found = found or _step_by_step(form, target, row, desired, scale)
    best = _diverse(_by_plausibility(row, list(found), crowd), n_rows)
    return [_moved(row, moves) for moves, _ in best]


def _by_plausibility(
    row: Codes, found: list[_Candidate], crowd: _Crowd | None
) -> list[_Candidate]:
    """Sort changes; what is as good as another keeps its place."""
    if crowd is None or not found:
        return found
    shares = crowd.plausibility(np.stack([_moved(row, moves) for moves, _ in found]))

    def rank(place: int) -> tuple[bool, int, float]:
        moves, share = found[place][0], float(shares[place])
        size = sum(move.size for move in moves)
        return share < UNLIKELY, len(moves), size + 1 - share

    return [found[place] for place in sorted(range(len(found)), key=rank)]


def _through_leaves(
    tree: Tree, target: Target, row: Codes, desired: _Desired, scale: _Scale
) -> Iterable[_Candidate]:
    """Yield the least change into each leaf that serves, the least of all first."""
    leaves = np.flatnonzero(tree.nodes.is_leaf)
    logits = target.decode(tree.value[leaves])
    boxes = _leaf_boxes(tree.nodes)
    found = []
    serve = desired.met(logits)
    for leaf, one in zip(leaves[serve], logits[serve], strict=True):
        moves = _into(boxes[int(leaf)], row, scale)
        if moves:
            size = sum(move.size for move in moves)
            found.append((len(moves), size, -tree.cover[leaf], int(leaf), moves, one))
    found.sort(key=lambda one: one[:4])
    for *_, moves, one in found:
        yield moves, _outcome(desired, one)


def _into(
    box: dict[int, Condition], row: Codes, scale: _Scale
) -> tuple[_Move, ...] | None:
    """Return the least change that brings the row into a box; None if there is none."""
    moves = []
    for j, condition in box.items():
        if condition.holds(row[None])[0]:
            continue
        move = None if j in scale.immutable else _least(condition, float(row[j]), scale)
        if move is None:
            return None
        moves.append(move)
    return tuple(moves)


def _least(condition: Condition, x: float, scale: _Scale) -> _Move | None:
    j, feature = condition.position, condition.feature
    typical = float(scale.typical[j])
    if feature.is_categorical:
        if not condition.categories:
            return None
        usual = typical in condition.categories
        return _Move(j, typical if usual else float(condition.categories[0]), 1.0)
    if not condition.values:
        return None  # only a missing value passes, and none is taken away
    start = typical if math.isnan(x) else x
    whole, unit = bool(scale.whole[j]) or feature.is_date, float(scale.units[j])
    value = _number_in(condition.low, condition.high, start, unit, whole, scale.ends(j))
    if value is None:
        return None
    return _Move(j, value, 1.0 if math.isnan(x) else abs(value - x) / unit)


def _number_in(
    low: float,
    high: float,
    x: float,
    unit: float,
    whole: bool,
    ends: tuple[float, float],
) -> float | None:
    """Return the number in (low, high] next to x, or a readable one just beside it.

    It lies within the ends, and so is None where the two have nothing in common.
    """
    first = max(low if low == -math.inf else _above(low), ends[0])
    high = min(high, ends[1])
    if first > high:
        return None
    if math.isnan(x):  # nothing is known of the column
        known = [end for end in (first, high) if math.isfinite(end)]
        x = sum(known) / len(known) if known else 0.0
    if first <= x <= high:
        return x
    if whole:
        near = float(math.floor(high) if x > high else math.ceil(first))
        return near if first <= np.float32(near) <= high else None
    if x > high:
        return _shortest(max(first, high - _SLACK * unit), high, from_above=True)
    return _shortest(first, min(high, first + _SLACK * unit), from_above=False)


def _shortest(first: float, last: float, *, from_above: bool) -> float:
    """Return the number of fewest digits in [first, last]; the nearest of equals."""
    size = max(abs(first), abs(last))
    top = math.floor(math.log10(size)) + 1 if size > 0 else 0
    edge = last if from_above else first
    for places in range(-top, 12 - top):
        steps = edge * 10.0**places
        whole = math.floor(steps) if from_above else math.ceil(steps)
        number = round(whole / 10.0**places, places)
        if first <= np.float32(number) <= last:
            return float(number)
    return edge


def _above(threshold: float) -> float:
    return float(np.nextafter(np.float32(threshold), np.float32(np.inf)))


def _single_moves(
    form: Forest | Linear, row: Codes, desired: _Desired, scale: _Scale
) -> Iterable[_Move]:
    """Yield every change of one feature that can matter."""
    numbers = _crossings if isinstance(form, Linear) else _between_thresholds
    for j, feature in enumerate(form.schema.features):
        if j in scale.immutable:
            continue
        x = float(row[j])
        if feature.is_categorical:
            others = (c for c in range(len(feature.categories)) if c != x)
            yield from (_Move(j, float(c), 1.0) for c in others)
            continue
        start = float(scale.typical[j]) if math.isnan(x) else x
        for value in numbers(form, row, j, start, desired, scale):
            size = 1.0 if math.isnan(x) else abs(value - x) / float(scale.units[j])
            if value != x:
                yield _Move(j, value, size)


def _between_thresholds(
    form: Any, _row: Codes, j: int, start: float, _desired: _Desired, scale: _Scale
) -> Iterable[float]:
    """Yield for each stretch between two thresholds its number next to the row's."""
    nodes = form.nodes
    cuts = np.unique(nodes.threshold[nodes.feature == j].astype(np.float64))
    cuts = cuts[cuts < ALL_NUMBERS].tolist()
    if not cuts:
        return
    whole = bool(scale.whole[j]) or form.schema.features[j].is_date
    unit, ends = float(scale.units[j]), scale.ends(j)
    for low, high in zip([-math.inf, *cuts], [*cuts, math.inf], strict=True):
        value = _number_in(low, high, start, unit, whole, ends)
        if value is not None:
            yield value


def _crossings(
    form: Any, row: Codes, j: int, start: float, desired: _Desired, scale: _Scale
) -> Iterable[float]:
    """Yield numbers on both sides of where the weighted sums cross as desired."""
    columns = form.schema.columns(indicate_missing=True)
    own = [i for i, c in enumerate(columns) if c.feature == j and c.part == VALUE]
    slope, ends = form.coefficients[own[0]], scale.ends(j)
    if not slope.any() or not np.isfinite(ends).all():
        return  # a line goes on for ever: without ends it leads anywhere
    base = row.copy()
    base[j] = 0.0 if math.isnan(start) else start
    margins = (design_matrix(form.schema, base[None], form.fill) @ form.coefficients)[0]
    gaps = _gaps(form.link, margins + form.intercept, slope, desired)
    whole = bool(scale.whole[j]) or form.schema.features[j].is_date
    unit = float(scale.units[j])
    for gap, rise in gaps:
        if rise == 0:
            continue
        cross = float(base[j]) - gap / rise
        if not abs(cross) < ALL_NUMBERS:
            continue
        room = max(1e-6 * unit, 4 * float(np.spacing(np.float32(abs(cross)))))
        for low, high, far in (
            (-math.inf, cross - room, math.inf),
            (cross + room, math.inf, -math.inf),
        ):
            value = _number_in(low, high, far, unit, whole, ends)
            if value is not None:
                yield value


def _gaps(
    link: str, margins: Array, slope: Array, desired: _Desired
) -> Iterable[tuple[float, float]]:
    """Yield differences that decide by their sign, and how fast each rises."""
    if desired.task == "multiclass":
        now = int(decide(desired.before[None])[0])
        pivot = now if desired.outcome is None else desired.outcome
        for k in range(len(margins)):
            if k != pivot:
                yield margins[k] - margins[pivot], slope[k] - slope[pivot]
    elif desired.task == "multilabel":
        even = (0.0,) if link == "sigmoid" else (0.0, 0.5)
        for level in even:
            yield from zip(margins - level, slope, strict=True)
    else:
        ends = desired.outcome or (-desired.at_least, desired.at_least)
        start = desired.before if desired.outcome is None else np.zeros(len(margins))
        for end in ends:
            yield from zip(margins - start - end, slope, strict=True)


def _sorted_moves(
    form: Forest | Linear, row: Codes, desired: _Desired, scale: _Scale
) -> list[_Move]:
    moves = list(_single_moves(form, row, desired, scale))
    moves.sort(key=lambda move: (move.size, move.feature, move.value))
    return moves[:_MOST_TRIED]


def _single_changes(
    form: Forest | Linear, target: Target, row: Codes, desired: _Desired, scale: _Scale
) -> Iterable[_Candidate]:
    """Yield the moves after which the student decides as desired, in their order."""
    moves = _sorted_moves(form, row, desired, scale)
    for begin in range(0, len(moves), _AT_ONCE):
        some = moves[begin : begin + _AT_ONCE]
        logits = _after(form, target, row, some)
        for i in np.flatnonzero(desired.met(logits)).tolist():
            yield (some[i],), _outcome(desired, logits[i])


def _step_by_step(
    form: Forest | Linear, target: Target, row: Codes, desired: _Desired, scale: _Scale
) -> list[_Candidate]:
    """Change one feature after the other, each time the one that helps most."""
    made: list[_Move] = []
    shortfall = float(desired.shortfall(_after(form, target, row, [None]))[0])
    for _ in range(_MOST_CHANGED):
        fixed = scale.immutable | {move.feature for move in made}
        here = _moved(row, made).astype(np.float32)
        moves = _sorted_moves(form, here, desired, replace(scale, immutable=fixed))
        if not moves:
            return []
        logits = _after(form, target, here, moves)
        serve = np.flatnonzero(desired.met(logits))
        if len(serve):
            first = serve[0]
            return [((*made, moves[first]), _outcome(desired, logits[first]))]
        shortfalls = desired.shortfall(logits)
        best = int(shortfalls.argmin())
        if shortfalls[best] >= shortfall:
            return []
        made.append(moves[best])
        shortfall = float(shortfalls[best])
    return []


def _after(
    form: Forest | Linear, target: Target, row: Codes, moves: Sequence[_Move | None]
) -> Array:
    """Return what the student says after each of the moves."""
    parts = []
    for begin in range(0, len(moves), _AT_ONCE):
        some = moves[begin : begin + _AT_ONCE]
        codes = np.tile(row, (len(some), 1))
        for i, move in enumerate(some):
            if move is not None:
                codes[i, move.feature] = move.value
        parts.append(target.decode(_outputs(form, codes)))
    return np.concatenate(parts)


def _outputs(form: Forest | Linear, codes: Codes) -> Array:
    if isinstance(form, Linear):
        matrix = design_matrix(form.schema, codes, form.fill)
        return apply_link(matrix @ form.coefficients + form.intercept, form.link)
    out = np.tile(form.base, (len(codes), 1))
    form.nodes.add_up(codes, form.value, form.column, out)
    return apply_link(out, form.link)


def _diverse(found: Iterable[_Candidate], n_rows: int) -> list[_Candidate]:
    """Keep the first of their kind: other features, or another outcome."""
    kept: list[_Candidate] = []
    for moves, outcome in found:
        features = {move.feature for move in moves}
        if any(
            outcome == other and {move.feature for move in before} <= features
            for before, other in kept
        ):
            continue
        kept.append((moves, outcome))
        if len(kept) == n_rows:
            break
    return kept


def _outcome(desired: _Desired, logits: Array) -> Any:
    """Return what tells two outcomes apart: the decision, or which way values move."""
    if desired.task == "regression":
        return tuple(np.sign(logits - desired.before).tolist())
    return tuple(decide(logits[None], desired.task).reshape(-1).tolist())


def _moved(row: Codes, moves: Sequence[_Move]) -> Array:
    values = row.astype(np.float64)
    for move in moves:
        values[move.feature] = move.value
    return values


def _meet(first: Condition, second: Condition) -> Condition:
    within = set(second.categories)
    return replace(
        first,
        low=max(first.low, second.low),
        high=min(first.high, second.high),
        categories=tuple(c for c in first.categories if c in within),
        values=first.values and second.values,
        missing=first.missing and second.missing,
    )
