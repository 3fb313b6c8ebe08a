"""What a changed row shall be decided, and what counts as a small change."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, check_real, closest
from interpretkd.data import Codes, spreads
from interpretkd.models import ALL_NUMBERS, Linear
from interpretkd.targets import decide


@dataclass(frozen=True)
class _Desired:
    """What the student shall decide instead.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    before : ndarray of shape (n_outputs,)
        The logits (values, for regression) of the row as it is.
    outcome : object, default=None
        The position of a class; a vector of 0 and 1 for labels; the ends of an
        interval of values; None for anything else than now.
    at_least : float, default=0.0
        For regression without `outcome`: how far a value must move.
    """

    task: str
    before: Array
    outcome: Any = None
    at_least: float = 0.0

    @classmethod
    def of(cls, model: Any, before: Array, desired: Any, at_least: float) -> "_Desired":
        """Read what a user desires."""
        task = model.task_
        if desired is not None:
            read = {"multiclass": _class, "multilabel": _labels}.get(task, _interval)
            desired = read(model, desired)
        return cls(task, before, desired, at_least)

    @property
    def is_met_already(self) -> bool:
        """Whether the row is decided as desired without any change."""
        return bool(self.met(self.before[None])[0])

    def met(self, logits: Array) -> NDArray[np.bool_]:
        """Tell which logits are decided as desired."""
        if self.task == "regression":
            if self.outcome is not None:
                low, high = self.outcome
                return ((logits >= low) & (logits <= high)).all(axis=1)
            moved = np.abs(logits - self.before).max(axis=1)
            return moved >= max(self.at_least, np.finfo(float).tiny)
        chosen = decide(logits, self.task).reshape(len(logits), -1)
        if self.outcome is not None:
            return (chosen == self.outcome).all(axis=1)
        now = decide(self.before[None], self.task).reshape(1, -1)
        return (chosen != now).any(axis=1)

    def shortfall(self, logits: Array) -> Array:
        """Return how far logits are from what is desired, the smaller the closer."""
        if self.task == "regression":
            if self.outcome is not None:
                low, high = self.outcome
                return np.maximum(low - logits, logits - high).max(axis=1)
            return self.at_least - np.abs(logits - self.before).max(axis=1)
        if self.task == "multilabel":
            if self.outcome is not None:
                return np.where(self.outcome, -logits, logits).max(axis=1)
            return np.where(self.before > 0, logits, -logits).min(axis=1)
        now = int(decide(self.before[None])[0])
        pivot = now if self.outcome is None else self.outcome
        others = np.delete(logits, pivot, axis=1).max(axis=1)
        ahead = logits[:, pivot] - others
        return ahead if self.outcome is None else -ahead

    def followed(self, student: Array, before: Array, after: Array) -> bool:
        """Tell whether the teacher goes along with the student, see `explain_row`."""
        if self.task != "regression":
            same = decide(student[None], self.task) == decide(after[None], self.task)
            return bool(same.all())
        if self.outcome is not None:
            return bool(self.met(after[None])[0])
        direction = np.sign(student - self.before)
        asked = np.abs(student - self.before) >= self.at_least
        return bool((direction * (after - before) >= self.at_least)[asked].all())


@dataclass(frozen=True, eq=False)
class _Scale:
    """What the columns are like: the unit of a change, and which hold whole numbers.

    Parameters
    ----------
    units : ndarray of shape (n_features,)
        In (0, inf): how large a change of 1 is; a category or gap counts 1.
    whole : ndarray of shape (n_features,), bool
        Whether only whole numbers occur.
    typical : ndarray of shape (n_features,)
        A value to put where one is missing: a median, or a frequent category; NaN
        where it is not known.
    frozen : frozenset of int
        The features that may not change.
    """

    units: Array
    whole: NDArray[np.bool_]
    typical: Array
    frozen: frozenset[int]


def _scale_of(
    model: Any, codes: Codes, known: Codes | None, frozen: Sequence[str]
) -> _Scale:
    """Return what counts as a small change of a row."""
    schema = model.schema_
    if isinstance(frozen, str):
        frozen = (frozen,)
    for name in frozen:
        if name not in schema.names:
            raise InputError(
                "The 'frozen' parameter of explain_row must hold column names. Got "
                f"{name!r}.{closest(str(name), schema.names)}"
            )
    fixed = frozenset(schema.names.index(name) for name in frozen)
    if known is None:
        n_features = len(schema)
        nothing = np.full(n_features, np.nan)
        units = _units_of(model.student_.form_, codes)
        whole = [bool(f.scale and f.scale.whole) for f in schema.features]
        return _Scale(units, np.asarray(whole), nothing, fixed)
    gaps = np.isnan(known)
    whole = (gaps | (known == np.floor(known))).all(axis=0) & ~gaps.all(axis=0)
    typical = [
        _typical(known[~gaps[:, j], j], feature.is_categorical or whole[j])
        for j, feature in enumerate(schema.features)
    ]
    return _Scale(spreads(schema, known), whole, np.asarray(typical), fixed)


def _typical(column: Codes, occurs: bool) -> float:
    if not len(column):
        return np.nan
    if not occurs:
        return float(np.median(column))
    values, counts = np.unique(column, return_counts=True)
    return float(values[counts.argmax()])


def _units_of(form: Any, codes: Codes) -> Array:
    """Return units for numbers of which nothing but the student is known."""
    units = np.ones(len(form.schema))
    if isinstance(form, Linear):
        columns = form.schema.columns(indicate_missing=True)
        for column, mean in zip(columns, form.fill, strict=True):
            size = np.nanmax(np.abs([mean, codes[column.feature]]))
            if not form.schema.features[column.feature].is_categorical and size > 0:
                units[column.feature] = size
        return units
    nodes = form.nodes
    for j in np.unique(nodes.feature[nodes.feature >= 0]).tolist():
        cuts = nodes.threshold[nodes.feature == j].astype(np.float64)
        known = np.append(cuts[cuts < ALL_NUMBERS], codes[j])
        known = known[~np.isnan(known)]
        if len(known) and np.ptp(known) > 0:
            units[j] = np.ptp(known)
    return np.where([f.is_categorical for f in form.schema.features], 1.0, units)


def _class(model: Any, desired: Any) -> int:
    classes = model.classes_.tolist()
    if desired not in classes:
        raise InputError(
            "The 'desired' parameter of explain_row must be one of the classes "
            f"{', '.join(map(repr, classes[:20]))}. Got {desired!r}."
        )
    return classes.index(desired)


def _labels(model: Any, desired: Any) -> NDArray[np.int64]:
    labels = model.classes_.tolist()
    given = (
        [desired] if isinstance(desired, str) or not np.iterable(desired) else desired
    )
    unknown = [name for name in given if name not in labels]
    if unknown:
        raise InputError(
            "The 'desired' parameter of explain_row must hold the labels that shall be "
            f"on, out of {', '.join(map(repr, labels[:20]))}. Got {unknown[0]!r}."
        )
    return np.asarray([int(name in list(given)) for name in labels])


def _interval(model: Any, desired: Any) -> tuple[float, float]:
    ends = tuple(desired) if np.iterable(desired) else ()
    if len(ends) != 2:
        raise InputError(
            "The 'desired' parameter of explain_row must be the two ends of an "
            f"interval of values, for regression. Got {desired!r}."
        )
    low = check_real("explain_row", "desired", ends[0], -math.inf, closed="both")
    return low, check_real("explain_row", "desired", ends[1], low, closed="both")
