"""The search for whole points: coefficients become a scorecard that loses little."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from interpretkd._base import Array, Whole, check_integer
from interpretkd.data import VALUE, Codes
from interpretkd.models import Linear, design_matrix, readable_step
from interpretkd.students._linear.solvers import _row_losses
from interpretkd.targets import apply_link

_TRIED = (1.0, 1.25, 1.6, 2.5, 0.7)
"""Points of the largest coefficient at the start, as parts of the most allowed."""
_N_SINGLE = 8


def _fit_points(
    linear: Linear,
    codes: Codes,
    targets: Array,
    sample_weight: Array | None = None,
    *,
    max_points: int = 10,
    strength: float = 1e-4,
) -> Linear:
    """Turn coefficients into whole points that lose as little as possible.

    Rounded points for several multipliers are improved one by one, or many at once
    where that is better still, as long as the loss falls; multiplier and intercept
    follow by Newton's method. Plain rounding is among the starts, so the result is
    never worse. Rows and targets are those that the form was fitted to; coefficients
    that are 0 stay 0, and no point is larger than `max_points`. `strength` is that of
    an L2 penalty as in `_fit_linear`, which keeps the multiplier finite where the
    columns tell the targets exactly. What stands in for a missing number becomes a
    whole number of steps, too.

    References
    ----------
    Ustun & Rudin (2019), "Learning optimized risk scores"; Liu, Zhong, Li, Seltzer &
    Rudin (2022), "FasterRisk", whose multipliers and coordinate moves these are.
    """
    check_integer("fit_points", "max_points", max_points, 1)
    weight = np.ones(len(codes)) if sample_weight is None else sample_weight
    weight = weight / weight.sum()
    steps, fill = _steps(linear, codes, weight)
    used = linear.coefficients.any(axis=1)
    matrix = design_matrix(linear.schema, codes, fill)[:, used] / steps[used]
    mean = weight @ matrix
    matrix = matrix - mean
    ridge = strength * (weight @ matrix**2)
    desired = linear.coefficients[used] * steps[used, None]
    points = np.zeros(linear.coefficients.shape, dtype=np.int64)
    multiplier, intercept = np.ones(linear.n_outputs), np.zeros(linear.n_outputs)
    for outputs, link, own, aims in _tasks(linear, desired, targets):
        task = _Task(matrix, aims, weight, link, ridge)
        found = _search(task, own, max_points)
        whole, worth = _reduced(found.points, found.multiplier)
        start = found.intercept - worth * (mean @ whole)
        sign = np.array([-0.5, 0.5]) if link != linear.link else np.ones(len(outputs))
        points[np.ix_(np.flatnonzero(used), np.asarray(outputs))] = whole
        multiplier[outputs], intercept[outputs] = worth * sign, start * sign
    coefficients = points * multiplier / steps[:, None]
    return Linear(
        linear.schema, coefficients, intercept, fill, linear.link, steps, multiplier
    )


def _steps(linear: Linear, codes: Codes, weight: Array) -> tuple[Array, Array]:
    """Return a readable step for each column, and the means in whole steps."""
    columns = linear.schema.columns(indicate_missing=True)
    steps, fill = np.ones(len(columns)), np.array(linear.fill)
    for i, column in enumerate(columns):
        if column.part != VALUE:
            continue
        values = codes[:, column.feature].astype(np.float64)
        known = ~np.isnan(values) & (weight > 0)
        values, mass = values[known], weight[known]
        if not len(values) or values.min() == values.max():
            continue
        mean = mass @ values / mass.sum()
        spread = math.sqrt(mass @ (values - mean) ** 2 / mass.sum())
        counts = bool((values == np.round(values)).all())
        steps[i] = readable_step(spread, at_least=1.0 if counts else 0.0)
        fill[i] = steps[i] * round(fill[i] / steps[i])
    return steps, fill


def _tasks(
    linear: Linear, desired: Array, targets: Array
) -> Iterator[tuple[list[int], str, Array, Array]]:
    """Yield outputs that share a multiplier, the coefficients desired, the targets.

    Two classes are one question, whose two logits mirror each other; other classes are
    told apart by comparing totals; labels and values have nothing to do with another.
    """
    outputs = list(range(linear.n_outputs))
    if linear.link == "softmax" and len(outputs) == 2:
        yield outputs, "sigmoid", desired[:, 1:] - desired[:, :1], targets[:, 1:]
    elif linear.link == "softmax":
        yield outputs, "softmax", desired, targets
    else:
        for i in outputs:
            yield [i], linear.link, desired[:, [i]], targets[:, [i]]


@dataclass(frozen=True, eq=False)
class _Task:
    """The loss of points: rows in steps, centred, and a penalty for each column."""

    matrix: Array
    targets: Array
    weight: Array
    link: str
    ridge: Array

    def value(self, sums: Array, penalty: float, scale: Array) -> float:
        """Return the objective; `scale` is the multiplier and the intercepts."""
        margins = scale[0] * sums + scale[1:]
        losses = _row_losses(margins, self.targets, self.link)
        return float(self.weight @ losses) + 0.5 * penalty * scale[0] ** 2

    def penalty(self, points: Whole) -> float:
        return float(self.ridge @ (points.astype(np.float64) ** 2).sum(axis=1))

    def at(self, points: Whole, scale: Array) -> "_State":
        """Return points with the best multiplier and intercepts, by Newton's method."""
        sums, penalty = self.matrix @ points, self.penalty(points)
        value = self.value(sums, penalty, scale)
        for _ in range(30):
            slope, bend = self._newton(sums, penalty, scale)
            move = np.linalg.solve(bend, slope)
            part = 1.0
            while part > 1e-6:
                moved = scale - part * move
                after = self.value(sums, penalty, moved)
                if after <= value:
                    break
                part /= 2
            else:
                break
            gain, scale, value = value - after, moved, after
            if gain <= 1e-12 * max(1.0, abs(value)):
                break
        return _State(points, scale, value)

    def _newton(self, sums: Array, penalty: float, scale: Array) -> tuple[Array, Array]:
        predicted = apply_link(scale[0] * sums + scale[1:], self.link)
        error = self.weight[:, None] * (predicted - self.targets)
        slope = np.concatenate([[(error * sums).sum()], error.sum(axis=0)])
        slope[0] += penalty * scale[0]
        bent = self._bend(predicted) * self.weight[:, None]
        bend = np.diag(np.concatenate([[(bent * sums**2).sum()], bent.sum(axis=0)]))
        cross = (bent * sums).sum(axis=0)
        if self.link == "softmax":
            share = self.weight[:, None] * predicted
            along = (predicted * sums).sum(axis=1)
            bend[0, 0] = (share * sums**2).sum() - self.weight @ along**2
            bend[1:, 1:] = np.diag(share.sum(axis=0)) - predicted.T @ share
            cross = (share * (sums - along[:, None])).sum(axis=0)
        bend[0, 1:] = bend[1:, 0] = cross
        bend[0, 0] += penalty
        # Where nothing bends (no points, a constant added to all classes) stay put.
        return slope, bend + 1e-10 * np.eye(len(bend)) * max(1.0, bend.max())

    def _bend(self, predicted: Array) -> Array:
        """Return the second derivatives of the row losses by each margin alone."""
        if self.link == "identity":
            return np.ones_like(predicted)
        return predicted * (1 - predicted)

    def gains(self, state: "_State", max_points: int) -> tuple[Array, Whole]:
        """Estimate what one point more or less would gain, for each coefficient."""
        sums = self.matrix @ state.points
        scale = state.scale[0]
        predicted = apply_link(scale * sums + state.scale[1:], self.link)
        error = self.weight[:, None] * (predicted - self.targets)
        bent = self.weight[:, None] * self._bend(predicted)
        ridge = self.ridge[:, None]
        slope = scale * (self.matrix.T @ error + scale * ridge * state.points)
        bend = scale**2 * ((self.matrix**2).T @ bent + ridge)
        way = np.where(slope > 0, -1, 1)
        free = np.abs(state.points + way) <= max_points
        return np.where(free, np.abs(slope) - 0.5 * bend, -math.inf), way


@dataclass(frozen=True, eq=False)
class _State:
    """Points with the best multiplier and intercepts for them."""

    points: Whole
    scale: Array
    value: float

    @property
    def multiplier(self) -> float:
        return float(self.scale[0])

    @property
    def intercept(self) -> Array:
        return self.scale[1:]


def _search(task: _Task, desired: Array, max_points: int) -> _State:
    largest = float(np.abs(desired).max(initial=0))
    level = np.concatenate([[1.0], _levels(task)])
    told = np.ptp(task.targets[task.weight > 0], axis=0).max(initial=0)
    if largest == 0 or told <= 1e-12 * np.abs(task.targets).max():
        return task.at(np.zeros(desired.shape, dtype=np.int64), level)
    found = []
    for part in _TRIED:
        level[0] = largest / max(part * max_points, 1.0)
        rounded = np.rint(desired / level[0]).astype(np.int64)
        rounded = np.clip(rounded, -max_points, max_points)
        start = task.at(rounded, level.copy())
        found.append(_improve(task, start, max_points))
    return min(found, key=lambda state: state.value)


def _improve(task: _Task, state: _State, max_points: int) -> _State:
    """Move points while the loss falls: many at once, then fewer, at last singly."""
    while True:
        gains, way = task.gains(state, max_points)
        order = np.argsort(-gains, axis=None, kind="stable")
        size = int((gains > 0).sum())
        counts = []
        while size > 1:
            counts.append(order[:size])
            size //= 2
        counts += [order[i : i + 1] for i in range(min(_N_SINGLE, order.size))]
        for chosen in counts:
            if not np.isfinite(gains.flat[chosen]).all():
                continue
            points = state.points.copy()
            points.flat[chosen] += way.flat[chosen]
            moved = task.at(points, state.scale)
            if moved.value < state.value - 1e-10 * max(1.0, abs(state.value)):
                state = moved
                break
        else:
            return state


def _levels(task: _Task) -> Array:
    """Return the intercepts of a card without points."""
    mean = task.weight @ task.targets
    if task.link == "identity":
        return mean
    inside = np.clip(mean, 1e-6, 1 - 1e-6)
    if task.link == "softmax":
        return np.log(inside)
    return np.log(inside) - np.log1p(-inside)


def _reduced(points: Whole, multiplier: float) -> tuple[Whole, float]:
    """Return the same card with the smallest points and a multiplier above 0."""
    common = int(np.gcd.reduce(points, axis=None)) if points.any() else 0
    if common == 0:
        return points, 1.0
    if multiplier < 0:
        points, multiplier = -points, -multiplier
    return points // common, multiplier * common
