"""Is an export equal to the student? Rows to ask about, answers, the comparison."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import Array, InputError
from interpretkd.data import Feature, Rows, Schema, as_frame, value_name
from interpretkd.export._specification import (
    _border_of,
    _double_threshold,
    _ModelSpec,
)
from interpretkd.models import ALL_NUMBERS, Linear, Nodes

PlainColumns: TypeAlias = dict[str, list[Any]]
"""For each column the values of all rows as plain Python objects; None is missing."""

_ALLOWED = 1e-9
_MOST_MADE = 2_000


class ParityError(InputError):
    """An export decides a row otherwise than the student; nothing was written."""


class NotChecked(Exception):
    """What is needed to run an export is not there; the text says what."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What an export said of rows.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_outputs), float64
        Probabilities, or the values for regression.
    decisions : ndarray of shape (n_samples,) or (n_samples, n_outputs), int64
        Positions of classes, 0 and 1 for labels; passed over for regression.
    """

    values: Array
    decisions: NDArray[Any]


Checker: TypeAlias = Callable[[Rows], Answers]


@dataclass(frozen=True)
class Parity:
    """How an export was compared with the student.

    Parameters
    ----------
    by : str
        What ran the export; "" when nothing did.
    n_rows, n_equal : int
        The given rows, and those of equal decision and values.
    n_made, n_made_equal : int
        The same of the rows made from the student's own thresholds.
    largest_difference : float
        Of any value, as a part of it where it is above 1.
    reason : str
        Why it was not checked, or "".

    Examples
    --------
    >>> print(Parity("SQLite 3.40.1", 1000, 1000, 512, 512))
    1,000 of 1,000 rows equal, 512 of 512 made-up rows equal (checked in SQLite 3.40.1)
    """

    by: str = ""
    n_rows: int = 0
    n_equal: int = 0
    n_made: int = 0
    n_made_equal: int = 0
    largest_difference: float = 0.0
    reason: str = ""

    def __str__(self) -> str:
        if self.reason:
            return f"not checked: {self.reason}"
        facts = []
        if self.n_rows:
            facts.append(f"{self.n_equal:,} of {self.n_rows:,} rows equal")
        if self.n_made:
            facts.append(f"{self.n_made_equal:,} of {self.n_made:,} made-up rows equal")
        return f"{', '.join(facts)} (checked in {self.by})"


def check(
    spec: _ModelSpec,
    by: str,
    ask: Checker,
    X: Rows | None,
    *,
    allowed: float = _ALLOWED,
) -> Parity:
    """Compare an export with the student, row by row.

    Parameters
    ----------
    spec : ModelSpec
        The student.
    by : str
        What runs the export.
    ask : callable
        Takes rows, returns `Answers`; may raise `NotChecked`.
    X : array-like or frame of shape (n_samples, n_features), or None
        Rows; those made from the thresholds are added.
    allowed : float, default=1e-9
        The largest difference of values, absolute or relative, that is rounding.

    Returns
    -------
    Parity
        The counts, or the reason why there are none.

    Raises
    ------
    ParityError
        When any row differs.
    """
    given = np.zeros(2, dtype=int)
    made = np.zeros(2, dtype=int)
    largest = 0.0
    parts = [(given, X), (made, _made_rows(spec, X))]
    for counts, rows in parts:
        if rows is None or len(rows) == 0:
            continue
        try:
            answers = ask(rows)
        except NotChecked as reason:
            return Parity(reason=str(reason))
        equal, difference = _compare(spec, rows, answers, allowed)
        counts += (len(equal), int(equal.sum()))
        largest = max(largest, difference)
        if not equal.all():
            raise ParityError(_sentence(spec, by, rows, answers, equal))
    n_rows, n_equal, n_made, n_made_equal = map(int, (*given, *made))
    return Parity(by, n_rows, n_equal, n_made, n_made_equal, largest)


def _cells(schema: Schema, X: Rows, positions: Sequence[int]) -> PlainColumns:
    """Return rows as plain Python values of the features at these positions."""
    frame = as_frame(X)
    if frame is None:
        frame = schema.frame_of_array(X)
    place = {value_name(name): i for i, name in enumerate(frame.columns)}
    codes = schema.encode(frame)
    found: PlainColumns = {}
    for position in positions:
        feature = schema.features[position]
        column = frame.iloc[:, place[feature.name]]
        gap = np.isnan(codes[:, position])
        if feature.is_categorical:
            known = [int(c) for c in np.where(gap, 0, codes[:, position])]
            values: list[Any] = [feature.categories[c] for c in known]
        elif feature.kind == "date":
            values = list(pd.to_datetime(column).dt.to_pydatetime())
        else:
            values = pd.to_numeric(column.astype(object)).astype(float).tolist()
        found[feature.name] = [
            None if missing else value
            for missing, value in zip(gap, values, strict=True)
        ]
    return found


def _made_rows(spec: _ModelSpec, X: Rows | None = None, seed: int = 0) -> pd.DataFrame:
    """Make rows that lie where an export could go wrong.

    For tests of trees: rows that reach the test, with the tested number on the
    threshold, one float32 and one float64 step beside it and beside the float64 that
    rounds to it, missing, and with every category. For linear forms: each category
    and each gap. Of more than 2,000 rows, 2,000 are chosen.
    """
    start = np.zeros(len(spec.schema))
    if X is not None and len(X):
        start = spec.schema.encode(X[:1]).astype(np.float64)[0]
    features = spec.schema.features  # numbers are as in the column, all else as codes
    start = np.asarray([f.raw(x) for f, x in zip(features, start, strict=True)])
    rng = np.random.default_rng(seed)
    if isinstance(spec.form, Linear):
        rows = _around_row(spec.schema, start, spec.used)
    else:
        rows = []
        nodes = spec.form.nodes
        for tree in rng.permutation(len(nodes.roots)):
            rows += _around_tests(nodes, int(nodes.roots[tree]), start)
            if len(rows) > 5 * _MOST_MADE:
                break
    if not rows:
        rows = [start]
    if len(rows) > _MOST_MADE:
        chosen = np.sort(rng.choice(len(rows), _MOST_MADE, replace=False))
        rows = [rows[i] for i in chosen]
    return _as_cells(spec.schema, np.asarray(rows))


def _compare(
    spec: _ModelSpec, rows: Rows, answers: Answers, allowed: float
) -> tuple[NDArray[np.bool_], float]:
    values, decisions = spec.predict(rows)
    if answers.values.shape != values.shape:
        return np.zeros(len(values), dtype=bool), np.inf
    with np.errstate(invalid="ignore"):
        difference = np.abs(answers.values - values) / np.maximum(1, np.abs(values))
    close = difference <= allowed  # NaN is not
    equal: NDArray[np.bool_] = np.asarray(close.all(axis=1))
    if spec.task != "regression":
        same = np.asarray(answers.decisions == decisions)
        equal &= same.reshape(len(values), -1).all(axis=1)
    return equal, float(np.nan_to_num(difference, nan=np.inf).max(initial=0))


def _sentence(
    spec: _ModelSpec,
    by: str,
    rows: Rows,
    answers: Answers,
    equal: NDArray[np.bool_],
) -> str:
    n_wrong = int((~equal).sum())
    first = int(np.flatnonzero(~equal)[0])
    said = answers.values[first].tolist()
    meant = spec.predict(rows[first : first + 1])[0][0].tolist()
    return (
        f"Nothing was written: {n_wrong:,} of {len(equal):,} rows came out otherwise "
        f"in {by} than from the student, e.g. row {first}: {said} for {meant}."
    )


def _around_row(schema: Schema, start: Array, used: Sequence[int]) -> list[Array]:
    rows = [start]
    for position in used:
        feature = schema.features[position]
        n_categories = len(feature.categories)
        tried = range(n_categories) if n_categories else (0.0, 1.0, -2.5, 1 / 3)
        for value in (*tried, np.nan):
            row = start.copy()
            row[position] = value
            rows.append(row)
    gaps = start.copy()
    gaps[list(used)] = np.nan
    return [*rows, gaps]


def _around_tests(nodes: Nodes, root: int, start: Array) -> list[Array]:
    """Walk down with a row that reaches each node, changed as little as possible."""
    rows, waiting = [], [(root, start)]
    while waiting:
        node, row = waiting.pop()
        position = int(nodes.feature[node])
        if position < 0:
            continue
        for value in _tried(nodes, node):
            changed = row.copy()
            changed[position] = value
            rows.append(changed)
        waiting.append((int(nodes.left[node]), _sent(nodes, node, row, left=True)))
        waiting.append((int(nodes.right[node]), _sent(nodes, node, row, left=False)))
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


def _sent(nodes: Nodes, node: int, row: Array, *, left: bool) -> Array:
    """Return the row, changed so that it passes the test to this side."""
    position = int(nodes.feature[node])
    feature = nodes.schema.features[position]
    value, on = row[position], float(nodes.threshold[node])
    sent = row.copy()
    if feature.scale is not None and on < ALL_NUMBERS:
        on = float(_border_of(feature, on))
        if left != (value <= on):
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
