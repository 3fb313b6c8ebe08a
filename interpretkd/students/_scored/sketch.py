"""A tree while it is sought: its tests, and which way every row would go at each."""

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.data import Codes
from interpretkd.models import Nodes, Tree
from interpretkd.students._scored.node import WholePoints


@dataclass(frozen=True)
class Plain:
    """A test of one column by itself, as `Nodes` have it.

    Parameters
    ----------
    column : int
        The column.
    missing_left : bool, default=False
        Whether a missing value goes left.
    left_set : tuple of bool, default=()
        For each category whether it goes left; () for a number.
    """

    column: int
    missing_left: bool = False
    left_set: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Test:
    """One test: a sum of points, or a column by itself.

    Parameters
    ----------
    points : WholePoints or None, default=None
        The sum.
    plain : Plain or None, default=None
        The column. Where a number is cut, in a sum too, is told by the rows: between
        those that go left and those that go right.
    missing_left : bool, default=False
        Of a sum of one number whether a missing one goes left, by what it counts as.
    """

    points: WholePoints | None = None
    plain: Plain | None = None
    missing_left: bool = False


@dataclass(eq=False)
class Sketch:
    """The tests of one tree, and which way each row would go at each of them.

    Parameters
    ----------
    left, right : ndarray of shape (n_nodes,), int32
        The children; -1 at leaves.
    tests : list of Test or None
        None at leaves.
    sides : ndarray of shape (n_nodes, n_samples), bool
        Whether each row goes left.
    settled : dict of int to int
        By node the mark of the question for which nothing better was found.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    tests: list[Test | None]
    sides: NDArray[np.bool_]
    settled: dict[int, int] = field(default_factory=dict)

    @property
    def n_leaves(self) -> int:
        """The number of leaves."""
        return int((self.left < 0).sum())

    def copy(self) -> "Sketch":
        """Return a sketch with arrays of its own.

        Returns
        -------
        Sketch
            The same tree.
        """
        own = (self.left.copy(), self.right.copy(), list(self.tests))
        return Sketch(*own, self.sides.copy(), dict(self.settled))

    def leaves(self) -> NDArray[np.int32]:
        """Find the leaf of each row.

        Returns
        -------
        ndarray of shape (n_samples,), int32
            The index of each row's leaf.
        """
        return self.leaves_below(0, np.arange(self.sides.shape[1]))

    def leaves_below(self, node: int, rows: NDArray[np.intp]) -> NDArray[np.int32]:
        """Find the leaves of some rows, if they started at a node.

        Parameters
        ----------
        node : int
            Where they start.
        rows : ndarray of int
            Which rows.

        Returns
        -------
        ndarray of shape (n_rows,), int32
            The index of each one's leaf.
        """
        return _walk(self.left, self.right, self.sides, node, rows)

    def depths(self) -> NDArray[np.int64]:
        """Return the number of tests above each node.

        Returns
        -------
        ndarray of shape (n_nodes,), int64
            0 at the root.
        """
        depths = np.zeros(len(self.left), dtype=np.int64)
        for node in self._inner():
            depths[[self.left[node], self.right[node]]] = depths[node] + 1
        return depths

    def reached(self) -> NDArray[np.bool_]:
        """Return which rows come by each node.

        Returns
        -------
        ndarray of shape (n_nodes, n_samples), bool
            All of them at the root.
        """
        reached = np.zeros(self.sides.shape, dtype=np.bool_)
        reached[0] = True
        for node in self._inner():
            reached[self.left[node]] = reached[node] & self.sides[node]
            reached[self.right[node]] = reached[node] & ~self.sides[node]
        return reached

    def part(self, leaf: int) -> list[int]:
        """Give a leaf two children, at the end.

        Parameters
        ----------
        leaf : int
            Its test and sides are set already.

        Returns
        -------
        list of int
            The children.
        """
        n_nodes = len(self.left)
        children = [n_nodes, n_nodes + 1]
        none = np.full(2, -1, dtype=np.int32)
        self.left = np.append(self.left, none)
        self.right = np.append(self.right, none)
        self.left[leaf], self.right[leaf] = children
        self.tests += [None, None]
        nowhere = np.zeros((2, self.sides.shape[1]), dtype=np.bool_)
        self.sides = np.vstack([self.sides, nowhere])
        return children

    def join(self, node: int) -> None:
        """Make a leaf of a test; what was below can no longer be reached.

        Parameters
        ----------
        node : int
            The test.
        """
        self.left[node] = self.right[node] = -1
        self.tests[node] = None
        self.settled.pop(node, None)

    def drop_small(self, weight: Array, least: float) -> None:
        """Put the other branch in the place of a test that leaves one almost empty.

        Parameters
        ----------
        weight : ndarray of shape (n_samples,), float64
            How much each row counts.
        least : float
            The least sum of weights of a branch.
        """
        while True:
            reached = self.reached() @ weight
            for node in self._inner():
                left, right = int(self.left[node]), int(self.right[node])
                if min(reached[left], reached[right]) < least:
                    kept = left if reached[left] >= reached[right] else right
                    self._move(kept, node)
                    break
            else:
                return
            self.tidy()

    def tidy(self) -> None:
        """Keep the nodes that can be reached, depth first, left before right."""
        order, waiting = [], [0]
        while waiting:
            node = waiting.pop()
            order.append(node)
            if self.left[node] >= 0:
                waiting += [int(self.right[node]), int(self.left[node])]
        place = np.full(len(self.left), -1, dtype=np.int32)
        place[order] = np.arange(len(order))
        leaf = self.left[order] < 0
        self.left, self.right = (
            np.where(leaf, np.int32(-1), place[child[order]]).astype(np.int32)
            for child in (self.left, self.right)
        )
        self.tests = [self.tests[node] for node in order]
        self.sides = self.sides[order]
        known = {int(place[node]): mark for node, mark in self.settled.items()}
        self.settled = {node: mark for node, mark in known.items() if node >= 0}

    def _inner(self) -> list[int]:
        """Return the nodes with a test, parents before children."""
        found: list[int] = []
        waiting = [0]
        while waiting:
            node = waiting.pop()
            if self.left[node] >= 0:
                found.append(node)
                waiting += [int(self.right[node]), int(self.left[node])]
        return found

    def _move(self, source: int, target: int) -> None:
        self.left[target], self.right[target] = self.left[source], self.right[source]
        self.tests[target] = self.tests[source]
        self.sides[target] = self.sides[source]
        self.settled.pop(target, None)


def first_sketch(n_samples: int) -> Sketch:
    """Return a tree of one leaf.

    Parameters
    ----------
    n_samples : int
        How many rows it is sought on.

    Returns
    -------
    Sketch
        The tree.
    """
    none = np.full(1, -1, dtype=np.int32)
    sides = np.zeros((1, n_samples), dtype=np.bool_)
    return Sketch(none, none.copy(), [None], sides)


def plain_sketch(tree: Tree, codes: Codes) -> Sketch:
    """Take over a tree of single columns.

    Parameters
    ----------
    tree : Tree
        The tree.
    codes : ndarray of shape (n_samples, n_features), float32
        The rows.

    Returns
    -------
    Sketch
        The same tests.
    """
    nodes = tree.nodes
    sides = np.zeros((len(nodes.feature), len(codes)), dtype=np.bool_)
    tests: list[Test | None] = [None] * len(sides)
    for node in np.flatnonzero(~nodes.is_leaf).tolist():
        sides[node] = _sides_of(nodes, node, codes)
        column, is_set = int(nodes.feature[node]), nodes.category_start[node] >= 0
        left_set = tuple(nodes.left_set(node).tolist()) if is_set else ()
        missing_left = bool(nodes.missing_left[node])
        tests[node] = Test(plain=Plain(column, missing_left, left_set))
    return Sketch(nodes.left.copy(), nodes.right.copy(), tests, sides)


def _sides_of(nodes: Nodes, node: int, codes: Codes) -> NDArray[np.bool_]:
    column = codes[:, nodes.feature[node]]
    gap = np.isnan(column)
    if nodes.category_start[node] >= 0:
        inside = nodes.left_set(node)[np.where(gap, 0, column).astype(np.int64)]
    else:
        inside = column <= nodes.threshold[node]
    return np.where(gap, nodes.missing_left[node], inside)


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True)
def _walk(left, right, sides, start, rows):  # type: ignore[no-untyped-def]
    leaf = np.empty(len(rows), dtype=np.int32)
    for k in range(len(rows)):
        node = start
        while left[node] >= 0:
            node = left[node] if sides[node, rows[k]] else right[node]
        leaf[k] = node
    return leaf
