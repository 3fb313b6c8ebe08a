"""What may change in a row, how far, and what counts as a small change."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, closest
from interpretkd.data import Codes, Ranges, Schema, spreads
from interpretkd.models import ALL_NUMBERS, Linear


@dataclass(frozen=True)
class _Limits:
    """Which columns may not change, or in one direction only.

    Parameters
    ----------
    immutable : frozenset of int, default=frozenset()
        The features that may not change.
    only_up, only_down : frozenset of int, default=frozenset()
        The numbers that may only rise, or only fall.
    """

    immutable: frozenset[int] = frozenset()
    only_up: frozenset[int] = frozenset()
    only_down: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls, schema: Schema, immutable: Any, only_up: Any, only_down: Any
    ) -> "_Limits":
        """Read the columns that a user names."""
        fixed = _positions(schema, "immutable", immutable)
        ways = [
            _positions(schema, name, given, numbers=True)
            for name, given in (("only_up", only_up), ("only_down", only_down))
        ]
        return cls(fixed | (ways[0] & ways[1]), *ways)


@dataclass(frozen=True, eq=False)
class _Scale:
    """What the columns are like: the unit of a change, and what they can hold.

    Parameters
    ----------
    units : ndarray of shape (n_features,)
        In (0, inf): how large a change of 1 is; a category or gap counts 1.
    whole : ndarray of shape (n_features,), bool
        Whether only whole numbers occur.
    typical : ndarray of shape (n_features,)
        A value to put where one is missing: a median, or a frequent category; NaN
        where it is not known.
    immutable : frozenset of int
        The features that may not change.
    low, high : ndarray of shape (n_features,), default=None
        The numbers that can be; infinite where that is not known, as is None.
    """

    units: Array
    whole: NDArray[np.bool_]
    typical: Array
    immutable: frozenset[int]
    low: Array | None = None
    high: Array | None = None

    def ends(self, feature: int) -> tuple[float, float]:
        """Return the smallest and the largest number that a feature can hold."""
        if self.low is None or self.high is None:
            return -math.inf, math.inf
        return float(self.low[feature]), float(self.high[feature])

    @property
    def knows_ranges(self) -> bool:
        """Whether it is known of any column what it can hold."""
        return self.low is not None and bool(np.isfinite(self.low).any())


def _scale_of(model: Any, codes: Codes, known: Codes | None, limits: _Limits) -> _Scale:
    """Return what counts as a small change of a row, and what it may change to."""
    schema, n_features = model.schema_, len(model.schema_)
    seen = _seen(model, known)
    low, high = np.full(n_features, -np.inf), np.full(n_features, np.inf)
    whole = np.asarray([bool(f.scale and f.scale.whole) for f in schema.features])
    if seen is not None:
        low = np.where(np.isnan(seen.low), low, seen.low)
        high = np.where(np.isnan(seen.high), high, seen.high)
        whole = seen.whole
    for j in range(n_features):
        if not math.isnan(codes[j]):
            low[j] = max(low[j], codes[j]) if j in limits.only_up else low[j]
            high[j] = min(high[j], codes[j]) if j in limits.only_down else high[j]
    if known is None:
        units = _units_of(model.student_.form_, codes)
        nothing = np.full(n_features, np.nan)
        return _Scale(units, whole, nothing, limits.immutable, low, high)
    typical = [
        _typical(known[~np.isnan(known[:, j]), j], feature.is_categorical or whole[j])
        for j, feature in enumerate(schema.features)
    ]
    units = spreads(schema, known)
    return _Scale(units, whole, np.asarray(typical), limits.immutable, low, high)


def _positions(
    schema: Schema, name: str, given: Any, *, numbers: bool = False
) -> frozenset[int]:
    asked = (given,) if isinstance(given, str) else () if given is None else given
    if not isinstance(asked, Sequence | set | frozenset | np.ndarray):
        asked = (given,)
    for column in asked:
        if not isinstance(column, str) or column not in schema.names:
            raise InputError(
                f"The '{name}' parameter of explain_row must hold column names. Got "
                f"{column!r}.{closest(str(column), schema.names)}"
            )
        if numbers and schema.features[schema.names.index(column)].is_categorical:
            raise InputError(
                f"The '{name}' parameter of explain_row must hold columns of numbers "
                f"or dates. Got {column!r}, which holds categories; 'immutable' keeps "
                "it as it is."
            )
    return frozenset(schema.names.index(column) for column in asked)


def _seen(model: Any, known: Codes | None) -> Ranges | None:
    """Return the ranges of the given rows; of the training rows where those are none.

    A fraction among the training rows tells that a column is no count, whatever the
    given rows happen to hold.
    """
    trained: Ranges | None = getattr(model, "ranges_", None)
    if known is None or not len(known):
        return trained
    here = Ranges.of(model.schema_, known)
    if trained is None:
        return here
    absent = np.isnan(here.low)
    return Ranges(
        np.where(absent, trained.low, here.low),
        np.where(absent, trained.high, here.high),
        trained.whole & (absent | here.whole),
    )


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
