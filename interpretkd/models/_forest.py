"""Sums of trees as frozen arrays: what a boosted student becomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import InputError, Shown, check_choice, counted
from interpretkd.data import Codes, Schema
from interpretkd.models._frozen import _SumForm
from interpretkd.models._nodes import NODE_ARRAYS, Nodes, _check_arrays, freeze
from interpretkd.models._tree import Tree
from interpretkd.targets import LINKS

_FOREST_ARRAYS = ("value", "cover", "column", "base")


@dataclass(frozen=True, eq=False, repr=False)
class Forest(Shown, _SumForm):
    """A sum of trees, each of which adds one number to one output.

    Parameters
    ----------
    nodes : Nodes
        The tests of all trees.
    value : ndarray of shape (n_nodes,), float32
        What a leaf adds.
    cover : ndarray of shape (n_nodes,), float32
        The sum of the training rows' second derivatives at each node (for squared
        error, their weight).
    column : ndarray of shape (n_trees,), int32
        The output that each tree adds to.
    base : ndarray of shape (n_outputs,), float64
        What the sums start from.
    link : {"identity", "softmax", "sigmoid"}, default="identity"
        What turns the sums into predictions.

    Raises
    ------
    InputError
        When the arrays do not fit one another or are not finite.
    """

    nodes: Nodes
    value: NDArray[np.float32]
    cover: NDArray[np.float32]
    column: NDArray[np.int32]
    base: NDArray[np.float64]
    link: str = "identity"

    def __post_init__(self) -> None:
        dtypes = {"value": np.float32, "cover": np.float32, "column": np.int32}
        for name, dtype in {**dtypes, "base": np.float64}.items():
            freeze(self, name, dtype, n_dims=1)
        n_nodes, n_outputs = len(self.nodes.feature), len(self.base)
        if len(self.value) != n_nodes or len(self.cover) != n_nodes:
            raise InputError(
                f"A forest of {n_nodes} nodes needs as many values and covers. Got "
                f"{len(self.value)} and {len(self.cover)}."
            )
        if len(self.column) != len(self.nodes.roots):
            raise InputError("A forest needs one output index a tree.")
        if n_outputs == 0 or self.column.min() < 0 or self.column.max() >= n_outputs:
            raise InputError(
                f"A forest's trees must add to outputs in [0, {n_outputs})."
            )
        if not all(np.isfinite(a).all() for a in (self.value, self.cover, self.base)):
            raise InputError("A forest's values must be finite.")
        if (self.cover < 0).any():
            raise InputError("A forest's covers must not be negative.")
        check_choice("Forest", "link", self.link, LINKS)

    def __str__(self) -> str:
        """Say how large it is: it is read by what it adds up, not tree by tree."""
        outputs = counted(self.n_outputs, "output")
        return f"{counted(self.n_trees, 'tree')}, {self.n_leaves:,} leaves, {outputs}"

    @property
    def schema(self) -> Schema:
        """The columns that the trees read."""
        return self.nodes.schema

    @property
    def n_outputs(self) -> int:
        """The number of sums."""
        return len(self.base)

    @property
    def n_trees(self) -> int:
        """The number of trees."""
        return len(self.column)

    @property
    def n_leaves(self) -> int:
        """The number of leaves of all trees together."""
        return int(self.nodes.is_leaf.sum())

    @cached_property
    def n_parameters(self) -> int:
        """Two numbers a test (column; threshold or set) and one a leaf.

        Trees that follow one another, ask the same and add to different outputs are one
        tree with a vector at each leaf: their tests count once.
        """
        sizes = np.bincount(self.nodes.tree_of, minlength=self.n_trees)
        n_tests = int((~self.nodes.is_leaf).sum())
        shared = sum(int(sizes[tree]) // 2 for tree in self._repeating)
        return 2 * (n_tests - shared) + self.n_leaves

    @property
    def _repeating(self) -> list[int]:
        """The trees that ask what the one before asks, for another output."""
        nodes, roots = self.nodes, self.nodes.roots
        sizes = np.bincount(nodes.tree_of, minlength=self.n_trees)
        alike = sizes[1:] == sizes[:-1]
        for name in ("feature", "threshold"):
            at_root = getattr(nodes, name)[roots]
            alike &= at_root[1:] == at_root[:-1]
        found: list[int] = []
        outputs: set[int] = set()
        for tree in (np.flatnonzero(alike) + 1).tolist():
            if found[-1:] != [tree - 1]:
                outputs = {int(self.column[tree - 1])}
            own = int(self.column[tree])
            if own not in outputs and _ask_the_same(nodes, tree - 1, tree):
                outputs.add(own)
                found.append(tree)
        return found

    def _margins(self, codes: Codes) -> NDArray[np.float64]:
        out = np.tile(self.base, (len(codes), 1))
        self.nodes.add_up(codes, self.value, self.column, out)
        return out

    def tree(self, index: int) -> Tree:
        """Return one of the trees, to read or to draw.

        Parameters
        ----------
        index : int
            Which.

        Returns
        -------
        Tree
            The tree; its one output is what it adds to ``column[index]``.
        """
        members = self.nodes.members(index)
        place = np.full(len(self.nodes.feature), -1, dtype=np.int32)
        place[members] = np.arange(len(members))
        inner = ~self.nodes.is_leaf[members]
        nodes = Nodes(
            schema=self.schema,
            feature=self.nodes.feature[members],
            threshold=self.nodes.threshold[members],
            missing_left=self.nodes.missing_left[members],
            left=np.where(inner, place[self.nodes.left[members]], -1),
            right=np.where(inner, place[self.nodes.right[members]], -1),
            left_categories=np.concatenate(
                [
                    self.nodes.left_set(node)
                    for node in members
                    if self.nodes.category_start[node] >= 0
                ]
                or [np.zeros(0, dtype=bool)]
            ),
            roots=np.zeros(1, dtype=np.int32),
        )
        return Tree(
            nodes,
            self.value[members, None].astype(np.float64),
            self.cover[members].astype(np.float64),
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for saving.

        Returns
        -------
        dict
            What `from_arrays` reads.
        """
        own = {name: getattr(self, name) for name in _FOREST_ARRAYS}
        return {**self.nodes.to_arrays(), "roots": self.nodes.roots, **own}

    @classmethod
    def from_arrays(
        cls, schema: Schema, arrays: Mapping[str, NDArray[Any]], link: str
    ) -> "Forest":
        """Build a forest from `to_arrays`' values, checking each.

        Parameters
        ----------
        schema : Schema
            The columns.
        arrays : mapping of str to ndarray
            What `to_arrays` returned, perhaps by way of a file.
        link : {"identity", "softmax", "sigmoid"}
            What turns the sums into predictions.

        Returns
        -------
        Forest
            The forest.
        """
        _check_arrays(arrays, {*NODE_ARRAYS, "roots", *_FOREST_ARRAYS})
        tests = {name: arrays[name] for name in (*NODE_ARRAYS, "roots")}
        own = {name: arrays[name] for name in _FOREST_ARRAYS}
        return cls(Nodes(schema=schema, **tests), link=link, **own)


def _ask_the_same(nodes: Nodes, one: int, other: int) -> bool:
    """Say whether two trees of as many nodes have the same tests."""
    own, others = nodes.members(one), nodes.members(other)
    for name in ("feature", "threshold", "missing_left"):
        array = getattr(nodes, name)
        if not np.array_equal(array[own], array[others]):
            return False
    inner = ~nodes.is_leaf[own]
    for child in (nodes.left, nodes.right):
        place = np.searchsorted(own, child[own[inner]])
        if not np.array_equal(place, np.searchsorted(others, child[others[inner]])):
            return False
    sets = nodes.category_start[own] >= 0
    return all(
        np.array_equal(nodes.left_set(a), nodes.left_set(b))
        for a, b in zip(own[sets], others[sets], strict=True)
    )
