"""The same trees over other columns: tests are replaced, leaves stay what they were.

Where one column of a tree is a function of one column of another schema, a test of it
divides that column's values into a left and a right part. `translate` rebuilds trees
from these parts: an interval takes two tests instead of one, and a test whose outcome
earlier tests have settled is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Flags, InputError
from interpretkd.data import Schema
from interpretkd.models import ALL_NUMBERS, Nodes

_MOST_NODES = 64
"""Nodes for one node of the original from which on a translation is given up."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Which values of one column go left at a test.

    Parameters
    ----------
    column : int
        The column; -1 for a test with the same outcome for every row.
    left : ndarray of bool
        One value a category; for a number one a piece between cuts; for column -1
        the one outcome.
    cuts : ndarray of shape (n_pieces - 1,), float32, or None
        Ascending; piece k ends with, and includes, cut k. None for categories.
    missing_left : bool or None, default=None
        Where a missing value goes; None where there can be none.
    """

    column: int
    left: Flags
    cuts: NDArray[np.float32] | None = None
    missing_left: bool | None = None


@dataclass(frozen=True, eq=False)
class Translation:
    """Rebuilt trees.

    Parameters
    ----------
    nodes : Nodes
        Their tests.
    origin : ndarray of shape (n_nodes,), int64
        For each node the one of the original that it stands for.
    stands_alone : ndarray of shape (n_nodes,), bool
        Whether exactly the rows of that node of the original come to this one.
    """

    nodes: Nodes
    origin: NDArray[np.int64]
    stands_alone: Flags


def translate(nodes: Nodes, parts: Mapping[int, Parts], schema: Schema) -> Translation:
    """Rebuild trees over the columns of another schema.

    Parameters
    ----------
    nodes : Nodes
        The original's tests.
    parts : mapping of int to Parts
        For each node that is not a leaf, which values go left there.
    schema : Schema
        The other columns.

    Returns
    -------
    Translation
        The trees: every row reaches a leaf that stands for the one it reached.

    Raises
    ------
    InputError
        When the trees would become many times as large.

    Examples
    --------
    >>> from interpretkd.data import Feature
    >>> tree = dict(left=[1, -1, -1], right=[2, -1, -1], missing_left=[False] * 3)
    >>> is_mid = Nodes(Schema((Feature("is_mid"),)), feature=[0, -1, -1],
    ...     threshold=[0.5, 0, 0], left_categories=np.zeros(0), roots=[0], **tree)
    >>> cuts = np.array([1.0, 2.0], dtype=np.float32)
    >>> parts = Parts(0, np.array([True, False, True]), cuts)
    >>> new = translate(is_mid, {0: parts}, Schema((Feature("size"),)))
    >>> new.nodes.threshold[new.nodes.feature == 0], new.origin
    (array([1., 2.], dtype=float32), array([0, 1, 0, 2, 1]))
    """
    rebuilt = _Rebuilt(nodes, parts, schema)
    anywhere = {
        part.column: _anywhere(schema, part)
        for part in parts.values()
        if part.column >= 0
    }
    roots = [rebuilt.add(int(root), anywhere) for root in nodes.roots]
    return rebuilt.finish(roots)


@dataclass(frozen=True)
class _Region:
    """The values of one column that still come to a node."""

    low: float = -np.inf
    high: float = np.inf
    categories: tuple[bool, ...] = ()
    missing: bool = False

    def without_numbers(self) -> "_Region":
        nothing = (False,) * len(self.categories)
        return replace(self, low=np.inf, high=-np.inf, categories=nothing)


def _anywhere(schema: Schema, part: Parts) -> _Region:
    n_categories = len(schema.features[part.column].categories)
    every = (True,) * n_categories
    return _Region(categories=every, missing=part.missing_left is not None)


@dataclass
class _Rebuilt:
    """The new nodes, in the order in which they are made: parents come first."""

    old: Nodes
    parts: Mapping[int, Parts]
    schema: Schema
    rows: list[dict[str, Any]] = field(default_factory=list)
    sets: list[Flags] = field(default_factory=list)
    visits: dict[int, int] = field(default_factory=dict)

    def add(self, node: int, regions: dict[int, _Region]) -> int:
        """Add what stands for a node and all below it; return the new root."""
        self.visits[node] = self.visits.get(node, 0) + 1
        if self.old.feature[node] < 0:
            return self._append(node, is_head=True)
        part = self.parts[node]
        if part.column < 0:
            return self.add(self._child(node, bool(part.left[0])), regions)
        region = regions[part.column]
        missing = bool(part.missing_left) if region.missing else None
        add = self._add_set if part.cuts is None else self._add_numbers
        return add(node, part, regions, missing)

    def finish(self, roots: list[int]) -> Translation:
        arrays = {name: [row[name] for row in self.rows] for name in _NODE}
        origin = np.array(arrays.pop("origin"), dtype=np.int64)
        heads = np.array(arrays.pop("is_head"))
        once = np.array([self.visits[node] == 1 for node in origin])
        empty = np.zeros(0, dtype=np.bool_)
        nodes = Nodes(
            schema=self.schema,
            left_categories=np.concatenate([empty, *self.sets]),
            roots=np.array(roots, dtype=np.int32),
            **{name: np.array(values) for name, values in arrays.items()},
        )
        return Translation(nodes, origin, heads & once)

    def _add_numbers(
        self,
        node: int,
        part: Parts,
        regions: dict[int, _Region],
        missing: bool | None,
    ) -> int:
        region = regions[part.column]
        assert part.cuts is not None
        pieces = _pieces(part, region)
        sides = {left for _, left in pieces} | ({missing} - {None})
        if len(sides) == 1:
            return self.add(self._child(node, bool(sides.pop())), regions)
        if len({left for _, left in pieces}) == 1:
            return self._add_gap_test(node, part, regions, pieces[0][1])
        is_head, above, first = True, None, -1
        for high, left in pieces[:-1]:
            with_missing = region.missing and missing == left
            new = self._append(
                node,
                feature=part.column,
                threshold=high,
                missing_left=with_missing,
                is_head=is_head,
            )
            if above is None:
                first = new
            else:
                self.rows[above]["right"] = new
            inside = replace(region, high=high, missing=with_missing)
            region = replace(
                region, low=high, missing=region.missing and not with_missing
            )
            self.rows[new]["left"] = self.add(
                self._child(node, left), {**regions, part.column: inside}
            )
            above, is_head = new, False
        assert above is not None
        self.rows[above]["right"] = self.add(
            self._child(node, pieces[-1][1]), {**regions, part.column: region}
        )
        return first

    def _add_set(
        self,
        node: int,
        part: Parts,
        regions: dict[int, _Region],
        missing: bool | None,
    ) -> int:
        region = regions[part.column]
        here = np.array(region.categories, dtype=np.bool_)
        sides = set(part.left[here].tolist()) | ({missing} - {None})
        if len(sides) == 1:
            return self.add(self._child(node, bool(sides.pop())), regions)
        if len(set(part.left[here].tolist())) == 1:
            side = bool(part.left[here][0])
            return self._add_gap_test(node, part, regions, side)
        new = self._append(
            node, feature=part.column, missing_left=bool(missing), is_head=True
        )
        self.sets.append(part.left & here)
        for name, left in (("left", True), ("right", False)):
            inside = replace(
                region,
                categories=tuple((here & (part.left == left)).tolist()),
                missing=missing is left,
            )
            self.rows[new][name] = self.add(
                self._child(node, left), {**regions, part.column: inside}
            )
        return new

    def _add_gap_test(
        self, node: int, part: Parts, regions: dict[int, _Region], side: bool
    ) -> int:
        """Add "is missing": all values go one way (left), missing ones the other."""
        region = regions[part.column]
        threshold = ALL_NUMBERS if part.cuts is not None else 0.0
        new = self._append(node, feature=part.column, threshold=threshold, is_head=True)
        if part.cuts is None:
            self.sets.append(np.ones(len(part.left), dtype=np.bool_))
        known = {**regions, part.column: replace(region, missing=False)}
        gaps = {**regions, part.column: region.without_numbers()}
        self.rows[new]["left"] = self.add(self._child(node, side), known)
        self.rows[new]["right"] = self.add(self._child(node, not side), gaps)
        return new

    def _child(self, node: int, left: bool) -> int:
        return int(self.old.left[node] if left else self.old.right[node])

    def _append(self, origin: int, **values: Any) -> int:
        if len(self.rows) > _MOST_NODES * len(self.old.feature) + 1000:
            raise InputError(
                f"In original units the trees would have more than {len(self.rows)} "
                f"nodes instead of {len(self.old.feature)}: their tests fall into too "
                "many pieces."
            )
        self.rows.append({**_NODE, "origin": origin, **values})
        return len(self.rows) - 1


_NODE = {
    "feature": -1,
    "threshold": 0.0,
    "missing_left": False,
    "left": -1,
    "right": -1,
    "origin": -1,
    "is_head": False,
}


def _pieces(part: Parts, region: _Region) -> list[tuple[float, bool]]:
    """Return the pieces that reach into the region: where each ends, and its side."""
    assert part.cuts is not None
    ends = [*part.cuts.tolist(), np.inf]
    starts = [-np.inf, *ends[:-1]]
    pieces: list[tuple[float, bool]] = []
    for start, end, left in zip(starts, ends, part.left.tolist(), strict=True):
        if max(start, region.low) >= min(end, region.high):
            continue
        if pieces and pieces[-1][1] == left:
            pieces.pop()
        pieces.append((end, left))
    return pieces
