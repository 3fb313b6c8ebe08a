"""Rows made where an export could go wrong: beside thresholds, far out, refused."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from interpretkd._base import Array, InputError
from interpretkd.data import Feature, Rows, Schema
from interpretkd.export._made_sums import _around_score, _sent_by_score
from interpretkd.export._question import Question
from interpretkd.export._specification import (
    LARGEST,
    _border_of,
    _double_threshold,
    _ModelSpec,
)
from interpretkd.models import ALL_NUMBERS, Linear, Nodes

_MOST_MADE = 2_000
_MOST_FAR = 150
_MOST_REFUSED = 40

_TINY = (2.0**-126, 2.0**-149, 1.5 * 2.0**-149, 2.0**-150, 1e-46, 1e-310, 5e-324)
"""Where float32 loses digits, where it ends, and where float64 does."""
_FAR = (0.0, -0.0, 1e30, LARGEST, float(math.nextafter(LARGEST, 0)))
_TOO_FAR = (math.inf, 1e39, 1e300, math.nextafter(LARGEST, math.inf))


def _made_rows(spec: _ModelSpec, X: Rows | None = None, seed: int = 0) -> Question:
    """Make rows that lie where an export could go wrong.

    For tests of trees: rows that reach the test, with the tested number, or sum, on
    the threshold, one float32 and one float64 step beside it and beside the float64
    that rounds to it, missing, and with every category. For linear forms: each category
    and each gap. For each number that is read: 0, denormal and very large ones. And
    rows that the student refuses: numbers that float32 does not hold, categories that
    it has not seen. Of more than 2,000 rows, 2,000 are chosen.
    """
    schema = spec.schema
    start = np.zeros(len(schema))
    if X is not None and len(X):
        start = schema.encode(X[:1]).astype(np.float64)[0]
    # Numbers with a scale are as in the column, all else as codes.
    pairs = zip(schema.features, start.tolist(), strict=True)
    start = np.asarray([feature.raw(code) for feature, code in pairs])
    rng = np.random.default_rng(seed)
    if isinstance(spec.form, Linear):
        rows = _around_row(schema, start, spec.used)
    else:
        rows = []
        roots = spec.form.nodes.roots
        for tree in rng.permutation(len(roots)):
            rows += _around_tests(spec, int(roots[tree]), start)
            if len(rows) > 5 * _MOST_MADE:
                break
    rows = _some(rows or [start], _MOST_MADE, rng)
    taken = _as_cells(schema, np.asarray(rows))
    far = _with_cells(schema, start, _some(_far_cells(spec), _MOST_FAR, rng))
    refused = _refused_cells(spec, rng)
    known = pd.concat([taken, far], ignore_index=True) if len(far) else taken
    codes = schema.encode(known)
    if not refused:
        return Question(schema, known, codes, np.zeros(len(codes), dtype=bool))
    beyond = np.tile(schema.encode(_as_cells(schema, start[None])), (len(refused), 1))
    for row, (position, cell) in zip(beyond, refused, strict=True):
        categorical = schema.features[position].is_categorical
        row[position] = -1 if categorical else math.copysign(math.inf, cell)
    frame = _with_cells(schema, start, refused)
    together = pd.concat([known, frame], ignore_index=True)
    is_refused = np.arange(len(together)) >= len(known)
    return Question(schema, together, np.vstack([codes, beyond]), is_refused)


def _some(items: list[Any], most: int, rng: np.random.Generator) -> list[Any]:
    if len(items) <= most:
        return items
    return [items[i] for i in np.sort(rng.choice(len(items), most, replace=False))]


def _far_cells(spec: _ModelSpec) -> list[tuple[int, Any]]:
    """List numbers that a careless reading would take for others, or for an error."""
    numbers = [i for i in spec.used if spec.schema.features[i].kind != "date"]
    numbers = [i for i in numbers if not spec.schema.features[i].is_categorical]
    below = [sign * tiny for tiny in _TINY for sign in (1, -1)]
    beside = [math.nextafter(2.0**-150, side) for side in (0.0, 1.0)]
    far = [sign * value for value in _FAR for sign in (1, -1)]
    return [(i, cell) for i in numbers for cell in (*below, *beside, *far)]


def _refused_cells(spec: _ModelSpec, rng: np.random.Generator) -> list[tuple[int, Any]]:
    """List cells that the student refuses, which it is asked itself."""
    features = spec.schema.features
    tried = [(i, cell) for i in spec.used for cell in _strange(features[i])]
    chosen = _some(tried, _MOST_REFUSED, rng)
    return [(i, cell) for i, cell in chosen if _refuses(features[i], cell)]


def _strange(feature: Feature) -> list[Any]:
    if feature.kind == "date" or feature.is_boolean:
        return []  # no other value has its type
    if not feature.is_categorical:
        return [sign * value for value in _TOO_FAR for sign in (1, -1)]
    levels = feature.categories
    if all(isinstance(level, str) for level in levels):
        first = str(levels[0])
        tried = [f"{first} ", first.swapcase(), "", "never seen before"]
        return [text for text in tried if text not in levels]
    if any(isinstance(level, str | bool) for level in levels):
        return []
    highest: Any = max(levels)
    return [level for level in (highest + 1, highest + 0.5) if level not in levels]


def _refuses(feature: Feature, cell: Any) -> bool:
    column = pd.Series([cell], dtype=object if feature.is_categorical else float)
    try:
        Schema((feature,)).encode(pd.DataFrame({feature.name: column}))
    except InputError:
        return True
    return False


def _with_cells(
    schema: Schema, start: Array, changes: Sequence[tuple[int, Any]]
) -> pd.DataFrame:
    """Repeat a row, with one cell changed in each copy."""
    frame = _as_cells(schema, np.tile(start, (len(changes), 1)))
    columns: dict[str, Any] = {name: frame[name] for name in frame.columns}
    for position in {position for position, _ in changes}:
        name = schema.names[position]
        cells = columns[name].tolist()
        for row, (changed, cell) in enumerate(changes):
            if changed == position:
                cells[row] = cell
        columns[name] = pd.Series(cells, dtype=columns[name].dtype)
    return pd.DataFrame(columns)


def _around_row(schema: Schema, start: Array, used: Sequence[int]) -> list[Array]:
    rows = [start]
    for position in used:
        feature = schema.features[position]
        tried: Sequence[float] = (0.0, 1.0, -2.5, 1 / 3)
        if feature.is_categorical:
            tried = range(len(feature.categories))
        elif feature.scale is not None:
            origin, unit = float(feature.scale.origin), float(feature.scale.unit)
            tried = (*tried, origin, origin + 1, origin + unit, origin - unit / 3)
        for value in (*tried, np.nan):
            row = start.copy()
            row[position] = value
            rows.append(row)
    gaps = start.copy()
    gaps[list(used)] = np.nan
    return [*rows, gaps]


def _around_tests(spec: _ModelSpec, root: int, start: Array) -> list[Array]:
    """Walk down with a row that reaches each node, changed as little as possible."""
    form: Any = spec.form
    nodes, scores = form.nodes, spec.scores
    rows, waiting = [], [(root, start)]
    while waiting:
        node, row = waiting.pop()
        position = int(nodes.feature[node])
        if position < 0:
            continue
        if position in scores:
            near = _around_score(nodes, node, row)
            rows += near
            sent = _sent_by_score(nodes, node, row, near)
        else:
            place = spec.given(position)
            for value in _tried(nodes, node):
                changed = row.copy()
                changed[place] = value
                rows.append(changed)
            sent = (
                _sent(nodes, node, row, place, left=True),
                _sent(nodes, node, row, place, left=False),
            )
        children = (int(nodes.left[node]), int(nodes.right[node]))
        waiting += zip(children, sent, strict=True)
    return rows


def _tried(nodes: Nodes, node: int) -> list[float]:
    feature = nodes.schema.features[nodes.feature[node]]
    if feature.is_categorical:
        return [*range(len(feature.categories)), np.nan]
    on = np.float32(nodes.threshold[node])
    if feature.scale is not None:
        return _beside(feature, float(on))
    if feature.kind == "date":
        return [np.floor(on), np.floor(on) + 1, np.ceil(on) - 1, np.nan]
    below = np.nextafter(on, np.float32(-np.inf))
    tried = [np.nan, float(on), float(below), float(np.nextafter(on, -np.inf))]
    if on < np.float32(ALL_NUMBERS):
        border = _double_threshold(float(on))
        tried += [float(np.nextafter(on, np.float32(np.inf))), border]
        tried += [float(np.nextafter(border, side)) for side in (-np.inf, np.inf)]
        tried.append(float(np.nextafter(float(on), np.inf)))
    return tried


def _beside(feature: Feature, threshold: float) -> list[float]:
    """Return numbers on both sides of what a test of a scale asks for."""
    if threshold >= ALL_NUMBERS:
        return [0.0, np.nan]
    on = float(_border_of(feature, threshold))
    after = _beyond(feature, on)
    tried = [np.nan, on, after, 2 * on - after]
    if feature.scale is not None and feature.scale.whole:
        tried += [on + (after - on) / 2, on - (after - on) / 2]
    return tried


def _beyond(feature: Feature, on: float) -> float:
    """Return the next number that differs for a column."""
    following = float(np.nextafter(on, np.inf))
    is_whole = feature.scale is not None and feature.scale.whole
    return max(on + 1, following) if is_whole else following


def _sent(nodes: Nodes, node: int, row: Array, position: int, *, left: bool) -> Array:
    """Return the row, changed so that it passes the test to this side."""
    value, on = row[position], float(nodes.threshold[node])
    sent = row.copy()
    feature = nodes.schema.features[int(nodes.feature[node])]
    if feature.scale is not None and on < ALL_NUMBERS:
        on = float(_border_of(feature, on))
        if not (value <= on if left else value > on):
            sent[position] = on if left else _beyond(feature, on)
    elif feature.is_categorical:
        fitting = np.flatnonzero(nodes.left_set(node) == left)
        if len(fitting) and value not in fitting:
            sent[position] = fitting[0]
        elif not len(fitting):
            sent[position] = np.nan
    elif left and not value <= on:
        sent[position] = on
    elif not left and not value > on:
        largest = on >= ALL_NUMBERS
        above = on if largest else np.nextafter(np.float32(on), np.float32(np.inf))
        sent[position] = np.nan if largest else float(above)
    return sent


def _as_cells(schema: Schema, codes: Array) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for feature, column in zip(schema.features, codes.T, strict=True):
        if feature.is_categorical:
            levels = [
                None if np.isnan(c) else feature.categories[int(c)] for c in column
            ]
            columns[feature.name] = pd.Series(levels, dtype=object)
        elif feature.kind == "date":
            columns[feature.name] = feature.decode(column)
        else:
            columns[feature.name] = column
    return pd.DataFrame(columns)
