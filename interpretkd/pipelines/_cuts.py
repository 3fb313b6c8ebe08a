"""How the tests of prepared columns divide the values of the original ones.

A number's or date's values are tried, densely, and where the outcome of a test changes
between two of them, the last float32 value before the change is looked for. Of a
category or boolean every level is tried.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.data import Codes, Feature, Schema
from interpretkd.models import Nodes
from interpretkd.pipelines._probing import (
    NONE,
    SEVERAL,
    TEMPLATES,
    _gap_like,
    _Preparation,
)
from interpretkd.pipelines._rewriting import _Split
from interpretkd.pipelines._structure import (
    _known_levels,
    _name_and_step,
    _unread_columns,
)

_EVEN, _WIDE = 1_025, 257
"""Values tried between the rows' least and largest value, and over all of float32."""
_MOST_CUTS = 64
"""Pieces into which a test may divide a column before it is called derived."""
_AT_ONCE = 4_000
"""Values that are asked about at once in looking for thresholds."""


@dataclass(frozen=True, eq=False)
class _Original:
    """The original columns, as a schema and as rows.

    Parameters
    ----------
    preparation : transformer or callable
        What prepares them.
    asked : Preparation
        The same, with rows.
    kept : tuple of int
        The columns of the rows that the preparation reads.
    levels : mapping of int to list
        What its encoders know of columns of the rows.
    schema : Schema
        The kept columns; numbers that an encoder reads are categories.
    """

    preparation: Any
    asked: _Preparation
    kept: tuple[int, ...]
    levels: Mapping[int, list[Any]]
    schema: Schema

    @classmethod
    def learn(cls, preparation: Any, prepared: Schema, X: Any) -> "_Original":
        """Learn the columns from rows and from the preparation."""
        asked = _Preparation.of(preparation, prepared, X)
        levels = _known_levels(preparation, asked.cells, asked.names)
        unread: set[int] = set()
        if isinstance(asked.rows, pd.DataFrame):  # an array is read by position
            unread = _unread_columns(preparation, asked.names)
        kept = tuple(c for c in asked.cells.columns if c not in unread)
        levels = {c: levels[c] for c in kept if c in levels}
        cells = _named(asked.cells, kept, [asked.names[c] for c in kept])
        if len(set(cells.columns)) < len(kept):
            Schema(tuple(Feature(name) for name in cells.columns))  # says which
        schema = Schema.from_data(cells.infer_objects())
        features = tuple(
            _with_levels(feature, cells.iloc[:, place], levels.get(c, ()))
            for place, (feature, c) in enumerate(
                zip(schema.features, kept, strict=True)
            )
        )
        is_image = len(prepared) == len(features) and schema.holds_numbers
        if is_image and prepared.image_shape is not None:
            features = tuple(replace(f, kind="pixel", scale=None) for f in features)
            schema = Schema(features, prepared.image_shape)
        return cls(
            preparation, asked, kept, levels, Schema(features, schema.image_shape)
        )

    def encode(self, cells: pd.DataFrame) -> Codes:
        """Turn rows into codes."""
        return self.schema.encode(_named(cells, self.kept, self.schema.names))


def _find_cuts(
    original: _Original, nodes: Nodes
) -> tuple[dict[int, _Split], pd.DataFrame]:
    """Return by node its split of an original column, and rows to check them with."""
    tested = np.unique(nodes.feature[~nodes.is_leaf])
    sources, exchanged = original.asked.sources(tested, original.levels)
    source = dict(zip(tested.tolist(), sources.tolist(), strict=True))
    for j, column in source.items():
        if column == SEVERAL:
            raise _of_several(original, j)
    return _Splits(original, nodes, source).of_all(), exchanged


def _of_several(original: _Original, j: int) -> InputError:
    asked = original.asked
    name, step = _name_and_step(original.preparation, j, asked.prepared.names[j])
    behind = asked.columns_behind(j)
    some = ", ".join(map(repr, behind[:5])) + (", ..." if len(behind) > 5 else "")
    return InputError(
        f"The prepared column {name!r} ({step}) is derived from several original "
        f"columns, {some}: its tests cannot be put in units of one. Distil the "
        "pipeline as a whole, on original columns, instead."
    )


def _named(cells: pd.DataFrame, kept: Iterable[int], names: Any) -> pd.DataFrame:
    return cells[list(kept)].set_axis(list(names), axis=1)


@dataclass(frozen=True, eq=False)
class _Ordered:
    """The values of a column of numbers or dates that were tried, ascending."""

    values: NDArray[np.float32]
    prepared: dict[int, Codes]
    missing: Codes | None


@dataclass(frozen=True)
class _Bracket:
    """Two neighbouring values between which the side at a test changes."""

    node: int
    low: np.float32
    high: np.float32
    left: bool


class _Splits:
    """For every test, which values of its original column go left."""

    def __init__(
        self, original: _Original, nodes: Nodes, source: Mapping[int, int]
    ) -> None:
        self.original, self.nodes, self.source = original, nodes, source
        self.asked, self.schema = original.asked, original.schema
        self.codes = original.encode(self.asked.cells)
        self.place = {c: place for place, c in enumerate(original.kept)}
        self.tests: dict[int, list[int]] = {}
        for node in np.flatnonzero(~nodes.is_leaf).tolist():
            column = source[int(nodes.feature[node])]
            self.tests.setdefault(column, []).append(node)

    def of_all(self) -> dict[int, _Split]:
        """Return the split of every test."""
        splits: dict[int, _Split] = {}
        numbers = []
        for column, tests in self.tests.items():
            if column == NONE:
                for node in tests:
                    left = self._goes_left(node, self.asked.codes[:1])
                    splits[node] = _Split(-1, left)
            elif self.schema.features[self.place[column]].is_categorical:
                splits |= self._sets(column, tests)
            else:
                numbers.append(column)
        return splits | self._pieces(self._try_values(numbers))

    def _goes_left(self, node: int, prepared: Codes) -> NDArray[np.bool_]:
        codes = prepared[:, self.nodes.feature[node]]
        return self._each_goes_left(np.full(len(codes), node), codes)

    def _each_goes_left(
        self, tests: NDArray[np.int64], codes: Codes
    ) -> NDArray[np.bool_]:
        """Put each code to the test of its own."""
        nodes = self.nodes
        gap, start = np.isnan(codes), nodes.category_start[tests]
        left = codes <= nodes.threshold[tests]
        is_set = (start >= 0) & ~gap
        place = start[is_set] + codes[is_set].astype(np.int64)
        left[is_set] = nodes.left_categories[place]
        return np.where(gap, nodes.missing_left[tests], left)

    def _sets(self, column: int, tests: list[int]) -> dict[int, _Split]:
        place = self.place[column]
        feature = self.schema.features[place]
        prepared = self._ask_each(column, list(feature.categories))
        missing = self._missing(column)
        return {
            node: _Split(
                place,
                self._goes_left(node, prepared),
                missing_left=self._missing_left(node, missing),
            )
            for node in tests
        }

    def _ask_each(self, column: int, cells: list[Any]) -> Codes:
        """Ask about cells; one that is refused alone counts as missing."""
        prepared = self.asked.try_asking({column: cells}, len(cells))
        if prepared is not None:
            return prepared
        alone = [self.asked.try_asking({column: [cell]}, 1) for cell in cells]
        nothing = np.full((1, len(self.asked.prepared)), np.nan, dtype=np.float32)
        return np.concatenate([nothing if p is None else p for p in alone])

    def _missing(self, column: int) -> Codes | None:
        """Return the codes of a missing cell; None if it is refused, or depends."""
        gap = _gap_like(self.asked.cells[column])
        prepared = self.asked.try_asking({column: [gap] * TEMPLATES}, TEMPLATES)
        if prepared is None:
            return None
        own = [j for j, c in self.source.items() if c == column]
        first = prepared[:1, own]
        same = (prepared[:, own] == first) | np.isnan(prepared[:, own] + first)
        return prepared[:1] if same.all() else None

    def _missing_left(self, node: int, missing: Codes | None) -> bool | None:
        return None if missing is None else bool(self._goes_left(node, missing)[0])

    def _try_values(self, columns: list[int]) -> dict[int, _Ordered]:
        """Ask about values between and beyond those of the rows."""
        codes = {c: self.codes[:, self.place[c]] for c in columns}
        known = {c: np.flatnonzero(~np.isnan(codes[c])) for c in columns}
        seen, first = {}, {}
        for c in columns:
            seen[c], first[c] = np.unique(codes[c][known[c]], return_index=True)
        tries = {
            c: [np.setdiff1d(tried, seen[c]) for tried in _values_to_try(seen[c])]
            for c in columns
        }
        # Columns do not look at one another: one question will do for all of them.
        everywhere = {c: tried[0] for c, tried in tries.items()}
        together = self._try(everywhere) if columns else None
        ordered = {}
        for c in columns:
            tried, answer = everywhere[c], together
            if answer is None:
                tried, answer = self._try_alone(c, tries[c])
            own = [j for j, source in self.source.items() if source == c]
            answer = answer[: len(tried), own]
            # Outside of what a function is made for there is no side to be on.
            inside = ~np.isnan(answer).any(axis=1)
            values = np.concatenate([seen[c], tried[inside]])
            order = np.argsort(values, kind="stable")
            rows = known[c][first[c]][:, None]
            prepared = np.concatenate([self.asked.codes[rows, own], answer[inside]])
            by_column = dict(zip(own, prepared[order].T, strict=True))
            ordered[c] = _Ordered(values[order], by_column, self._missing(c))
        return ordered

    def _try_alone(
        self, column: int, tries: list[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float32], Codes]:
        """Return the first values that are not refused, and what they become."""
        for tried in tries:
            answer = self._try({column: tried})
            if answer is not None:
                return tried, answer
        width = len(self.asked.prepared)
        return tries[0][:0], np.zeros((0, width), dtype=np.float32)

    def _try(self, values: Mapping[int, NDArray[np.float32]]) -> Codes | None:
        size = max(map(len, values.values()))
        if size == 0:
            return np.zeros((0, len(self.asked.prepared)), dtype=np.float32)
        cells = {
            c: self._cells(c, np.resize(own, size))
            for c, own in values.items()
            if len(own)
        }
        return self.asked.try_asking(cells, size)

    def _cells(self, column: int, values: NDArray[np.float32]) -> Any:
        return self.schema.features[self.place[column]].decode(values)

    def _pieces(self, ordered: dict[int, _Ordered]) -> dict[int, _Split]:
        """Find for every test the values at which the side changes."""
        brackets: dict[int, list[_Bracket]] = {c: [] for c in ordered}
        first: dict[int, bool] = {}
        for column, tried in ordered.items():
            for node in self.tests[column]:
                codes = tried.prepared[int(self.nodes.feature[node])]
                left = self._each_goes_left(np.full(len(codes), node), codes)
                first[node] = bool(left[0]) if len(left) else True
                turns = np.flatnonzero(left[1:] != left[:-1])
                if len(turns) > _MOST_CUTS:
                    raise self._wavy(node, column, len(turns))
                brackets[column] += [
                    _Bracket(node, tried.values[i], tried.values[i + 1], left[i])
                    for i in turns
                ]
        cuts = self._halve(brackets)
        splits = {}
        for column, tried in ordered.items():
            place = self.place[column]
            is_date = self.schema.features[place].is_date
            for node in self.tests[column]:
                own = np.array(cuts.get(node, []), dtype=np.float32)
                # A date's codes are whole: the last of them tells its date.
                own = np.floor(own) if is_date else own
                sides = first[node] ^ (np.arange(len(own) + 1) % 2 == 1)
                missing_left = self._missing_left(node, tried.missing)
                splits[node] = _Split(place, sides, own, missing_left)
        return splits

    def _wavy(self, node: int, column: int, n_turns: int) -> InputError:
        j = int(self.nodes.feature[node])
        name, step = _name_and_step(
            self.original.preparation, j, self.asked.prepared.names[j]
        )
        return InputError(
            f"The prepared column {name!r} ({step}) is derived from "
            f"{self.asked.names[column]!r} by going up and down: a test of it would "
            f"fall into {n_turns + 1} intervals. Distil the pipeline as a whole, on "
            "original columns, instead."
        )

    def _halve(self, brackets: dict[int, list[_Bracket]]) -> dict[int, list[float]]:
        """Find, all at once, the last value of each bracket on its first one's side."""
        brackets = {column: found for column, found in brackets.items() if found}
        if not brackets:
            return {}
        nodes, low, high, start = {}, {}, {}, {}
        for c, found in brackets.items():
            nodes[c] = np.array([bracket.node for bracket in found])
            low[c] = _to_order([bracket.low for bracket in found])
            high[c] = _to_order([bracket.high for bracket in found])
            # Of the row, not of its rounded value, which may be on the other side.
            start[c] = np.array([[bracket.left] for bracket in found])
        most = max(map(len, nodes.values()))
        n_inside = int(np.clip(_AT_ONCE // most, 1, 63))
        while any((high[c] - low[c] > 1).any() for c in nodes):
            inside = {c: _between(low[c], high[c], n_inside) for c in nodes}
            sides = self._sides(nodes, inside)
            for c in nodes:
                other = sides[c] != start[c]
                turn = np.where(other.any(axis=1), other.argmax(axis=1), n_inside)
                ends = np.column_stack([low[c], inside[c], high[c]])
                rows = np.arange(len(ends))
                low[c], high[c] = ends[rows, turn], ends[rows, turn + 1]
        cuts: dict[int, list[float]] = {}
        for c, tests in nodes.items():
            for node, cut in zip(tests.tolist(), _from_order(low[c]), strict=True):
                cuts.setdefault(node, []).append(float(cut))
        return cuts

    def _sides(
        self,
        nodes: dict[int, NDArray[np.int64]],
        places: dict[int, NDArray[np.int64]],
    ) -> dict[int, NDArray[np.bool_]]:
        """Put values of each column, a row of them a test, to their tests."""
        size = max(place.size for place in places.values())
        columns = {
            c: self._cells(c, np.resize(_from_order(place.ravel()), size))
            for c, place in places.items()
        }
        prepared = self.asked.ask(columns, size)
        sides = {}
        for c, tests in nodes.items():
            each = np.repeat(tests, places[c].shape[1])
            codes = prepared[np.arange(len(each)), self.nodes.feature[each]]
            found = self._each_goes_left(each, codes)
            sides[c] = found.reshape(places[c].shape)
        return sides


def _between(
    low: NDArray[np.int64], high: NDArray[np.int64], n_inside: int
) -> NDArray[np.int64]:
    """Return evenly spaced places from each `low`, included, to below `high`."""
    parts = np.arange(1, n_inside + 1)
    return low[:, None] + (high - low)[:, None] * parts // (n_inside + 1)


def _with_levels(
    feature: Feature, cells: "pd.Series[Any]", levels: Iterable[Any]
) -> Feature:
    levels = list(levels)
    if not levels or feature.is_date or feature.is_boolean:
        return feature
    if feature.is_categorical:
        new = [level for level in levels if level not in feature.categories]
        categories: list[Any] = [*feature.categories, *new]
        if new and all(isinstance(c, str) for c in categories):
            categories.sort()
        return replace(feature, categories=tuple(categories))
    numbers = {*pd.Series(cells).dropna().tolist(), *levels}
    whole = all(float(number).is_integer() for number in numbers)
    plain = sorted({int(n) if whole else float(n) for n in numbers})
    return replace(feature, kind="categorical", categories=tuple(plain))


def _values_to_try(seen: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return values to try: over all of float32, else only within those seen."""
    if len(seen) == 0:
        seen = np.zeros(1, dtype=np.float32)
    low, high = float(seen[0]), float(seen[-1])
    even = np.linspace(low, high, _EVEN)
    between = (seen[1:].astype(np.float64) + seen[:-1]) / 2
    inside = np.concatenate([even, between]).astype(np.float32)
    largest = np.finfo(np.float32).max
    least, last = _to_order([-largest, largest]).tolist()
    wide = _from_order(np.linspace(least, last, _WIDE).astype(np.int64))
    span = max(high - low, abs(high), 1.0)
    beyond = [
        np.clip([low - far * span, high + far * span], -largest, largest)
        for far in (1e-6, 1e-3, 0.1, 1.0, 10.0)
    ]
    everywhere = np.concatenate([inside, wide, np.ravel(beyond).astype(np.float32)])
    return [np.unique(everywhere), np.unique(np.clip(inside, seen[0], seen[-1]))]


def _to_order(values: Any) -> NDArray[np.int64]:
    """Return the numbers of float32 values in the order of all of them."""
    bits = np.asarray(values, dtype=np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _from_order(order: NDArray[np.int64]) -> NDArray[np.float32]:
    bits = np.where(order < 0, -order | 0x80000000, order).astype(np.uint32)
    return bits.view(np.float32)
