"""The same trees over other columns: tests are replaced, leaves stay what they were.

Where one column of a tree is a function of one column of another schema, a test of it
divides that column's values into a left and a right part. `_rewrite` builds trees anew
from these parts: an interval takes two tests instead of one, and a test whose outcome
earlier tests have decided is left out.
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
"""Nodes for one node of the original from which on rewriting is given up."""


@dataclass(frozen=True, eq=False)
class _Split:
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
class _Rewritten:
    """Trees over other columns.

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


def _rewrite(nodes: Nodes, splits: Mapping[int, _Split], schema: Schema) -> _Rewritten:
    """Rebuild trees over the columns of another schema.

    Examples
    --------
    >>> from interpretkd.data import Feature
    >>> tree = dict(left=[1, -1, -1], right=[2, -1, -1], missing_left=[False] * 3)
    >>> is_mid = Nodes(Schema((Feature("is_mid"),)), feature=[0, -1, -1],
    ...     threshold=[0.5, 0, 0], left_categories=np.zeros(0), roots=[0], **tree)
    >>> cuts = np.array([1.0, 2.0], dtype=np.float32)
    >>> splits = _Split(0, np.array([True, False, True]), cuts)
    >>> new = _rewrite(is_mid, {0: splits}, Schema((Feature("size"),)))
    >>> new.nodes.threshold[new.nodes.feature == 0], new.origin
    (array([1., 2.], dtype=float32), array([0, 1, 0, 2, 1]))
    """
    rebuilt = _Rebuilt(nodes, splits, schema)
    anywhere = {
        split.column: _anywhere(schema, split)
        for split in splits.values()
        if split.column >= 0
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


def _anywhere(schema: Schema, split: _Split) -> _Region:
    n_categories = len(schema.features[split.column].categories)
    every = (True,) * n_categories
    return _Region(categories=every, missing=split.missing_left is not None)


@dataclass
class _Rebuilt:
    """The new nodes, in the order in which they are made: parents come first."""

    old: Nodes
    splits: Mapping[int, _Split]
    schema: Schema
    rows: list[dict[str, Any]] = field(default_factory=list)
    sets: list[Flags] = field(default_factory=list)
    visits: dict[int, int] = field(default_factory=dict)

    def add(self, node: int, regions: dict[int, _Region]) -> int:
        """Add what stands for a node and all below it; return the new root."""
        self.visits[node] = self.visits.get(node, 0) + 1
        if self.old.feature[node] < 0:
            return self._append(node, is_head=True)
        split = self.splits[node]
        if split.column < 0:
            return self.add(self._child(node, bool(split.left[0])), regions)
        region = regions[split.column]
        missing = bool(split.missing_left) if region.missing else None
        add = self._add_set if split.cuts is None else self._add_numbers
        return add(node, split, regions, missing)

    def finish(self, roots: list[int]) -> _Rewritten:
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
        return _Rewritten(nodes, origin, heads & once)

    def _add_numbers(
        self,
        node: int,
        split: _Split,
        regions: dict[int, _Region],
        missing: bool | None,
    ) -> int:
        region = regions[split.column]
        assert split.cuts is not None
        pieces = _pieces(split, region)
        sides = {left for _, left in pieces} | ({missing} - {None})
        if len(sides) == 1:
            return self.add(self._child(node, bool(sides.pop())), regions)
        if len({left for _, left in pieces}) == 1:
            return self._add_gap_test(node, split, regions, pieces[0][1])
        is_head, above, first = True, None, -1
        for high, left in pieces[:-1]:
            with_missing = region.missing and missing == left
            new = self._append(
                node,
                feature=split.column,
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
                self._child(node, left), {**regions, split.column: inside}
            )
            above, is_head = new, False
        assert above is not None
        self.rows[above]["right"] = self.add(
            self._child(node, pieces[-1][1]), {**regions, split.column: region}
        )
        return first

    def _add_set(
        self,
        node: int,
        split: _Split,
        regions: dict[int, _Region],
        missing: bool | None,
    ) -> int:
        region = regions[split.column]
        here = np.array(region.categories, dtype=np.bool_)
        sides = set(split.left[here].tolist()) | ({missing} - {None})
        if len(sides) == 1:
            return self.add(self._child(node, bool(sides.pop())), regions)
        if len(set(split.left[here].tolist())) == 1:
            side = bool(split.left[here][0])
            return self._add_gap_test(node, split, regions, side)
        new = self._append(
            node, feature=split.column, missing_left=bool(missing), is_head=True
        )
        self.sets.append(split.left & here)
        for name, left in (("left", True), ("right", False)):
            inside = replace(
                region,
                categories=tuple((here & (split.left == left)).tolist()),
                missing=missing is left,
            )
            self.rows[new][name] = self.add(
                self._child(node, left), {**regions, split.column: inside}
            )
        return new

    def _add_gap_test(
        self, node: int, split: _Split, regions: dict[int, _Region], side: bool
    ) -> int:
        """Add "is missing": all values go one way (left), missing ones the other."""
        region = regions[split.column]
        threshold = ALL_NUMBERS if split.cuts is not None else 0.0
        new = self._append(
            node, feature=split.column, threshold=threshold, is_head=True
        )
        if split.cuts is None:
            self.sets.append(np.ones(len(split.left), dtype=np.bool_))
        known = {**regions, split.column: replace(region, missing=False)}
        gaps = {**regions, split.column: region.without_numbers()}
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


def _pieces(split: _Split, region: _Region) -> list[tuple[float, bool]]:
    """Return the pieces that reach into the region: where each ends, and its side."""
    assert split.cuts is not None
    ends = [*split.cuts.tolist(), np.inf]
    starts = [-np.inf, *ends[:-1]]
    pieces: list[tuple[float, bool]] = []
    for start, end, left in zip(starts, ends, split.left.tolist(), strict=True):
        if max(start, region.low) >= min(end, region.high):
            continue
        if pieces and pieces[-1][1] == left:
            pieces.pop()
        pieces.append((end, left))
    return pieces
