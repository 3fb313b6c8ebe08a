"""Small trees that are proven to be the best over a given set of tests.

The proof is by exhaustive search with bounds, through `pystreed`: no better tree is
left out, however it looks. The time grows steeply with the depth and the number of
tests, and about linearly with the rows.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, check_integer, check_real
from interpretkd.models import freeze
from interpretkd.students._cart.certificate import _DEEPEST, MEASURES, Certificate

Bits = NDArray[np.bool_]
Structure = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]
"""Of each node the test, and where a row goes that passes or fails."""

_TOLERANCE = 2e-4
"""The solver takes costs as equal that differ by 1e-4 of themselves, twice a level
above the lowest two, which it searches at once."""
_GRID = 50
"""Costs are scaled to integers that add up to less than two to this power."""
_LEAF: Structure = (np.array([-1], np.int32),) * 3


@dataclass(frozen=True, eq=False)
class Solution:
    """The best tree found, depth first.

    Parameters
    ----------
    test : ndarray of shape (n_nodes,), int32
        The column of the tests that each node asks; -1 at leaves.
    left, right : ndarray of shape (n_nodes,), int32
        Where a row goes that passes or fails; always behind the parent, -1 at leaves.
    decision : ndarray of shape (n_nodes,), int32
        The cheapest class for the rows at each node, inner ones included.
    certificate : Certificate
        What was proven.
    """

    test: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    decision: NDArray[np.int32]
    certificate: Certificate

    def __post_init__(self) -> None:
        for name in ("test", "left", "right", "decision"):
            freeze(self, name, np.int32, n_dims=1)

    @property
    def n_leaves(self) -> int:
        """The number of leaves."""
        return int((self.test < 0).sum())

    def decide(self, tests: Bits) -> NDArray[np.int32]:
        """Decide rows.

        Parameters
        ----------
        tests : ndarray of shape (n_samples, n_tests), bool
            Whether each row passes each test.

        Returns
        -------
        ndarray of shape (n_samples,), int32
            A class each.
        """
        return self.decision[_leaves(tests, (self.test, self.left, self.right))]


def solve(
    tests: Bits,
    costs: Array,
    *,
    max_depth: int,
    max_leaves: int | None = None,
    min_samples_leaf: int = 1,
    time_limit: float = 60.0,
) -> Solution:
    """Find the cheapest tree of all trees over the given tests, and prove it.

    Parameters
    ----------
    tests : ndarray of shape (n_samples, n_tests), bool
        Whether each row passes each test.
    costs : ndarray of shape (n_samples, n_classes), float64
        Not negative: what it costs to decide each class for each row, times the row's
        weight. Where each row has one class that is free and all others cost the same
        everywhere, the cost is a disagreement.
    max_depth : int
        In [1, 4].
    max_leaves : int or None, default=None
        The most leaves; None for as many as the depth allows.
    min_samples_leaf : int, default=1
        The least rows a leaf.
    time_limit : float, default=60.0
        In seconds. It is looked at once a second, between the solver's inner steps.

    Returns
    -------
    Solution
        The tree and its certificate. When the time runs out, the best tree so far; and
        where a leaf of the best tree would be too small, at times a good tree without
        a proof.

    Raises
    ------
    InputError
        For arguments out of range, arrays that do not fit, and without `pystreed`.

    Notes
    -----
    Rows that pass the same tests are merged while each leaf may keep a single row,
    and what a row costs whatever is decided is left out of the search: both sharpen
    its bounds. The solver holds Python's global lock, so that an interruption waits
    for its end.

    References
    ----------
    J. van der Linden, M. de Weerdt and E. Demirovic (2023). "Necessary and sufficient
    conditions for optimal decision trees using dynamic programming". NeurIPS.

    E. Demirovic, A. Lukina, E. Hebrard, J. Chan, J. Bailey, C. Leckie, K. Ramamohanarao
    and P. J. Stuckey (2022). "MurTree: optimal decision trees via dynamic programming
    and search". JMLR 23.

    Examples
    --------
    >>> either = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=bool)
    >>> exclusive = np.array([[0, 1], [1, 0], [1, 0], [0, 1]], dtype=float)
    >>> solution = solve(either, exclusive, max_depth=2)
    >>> solution.certificate.cost, solution.certificate.proven
    (0.0, True)
    >>> solution.decide(either)
    array([0, 1, 1, 0], dtype=int32)
    """
    check_integer("solve", "max_depth", max_depth, 1, _DEEPEST)
    check_integer("solve", "max_leaves", max_leaves, 1, optional=True)
    check_integer("solve", "min_samples_leaf", min_samples_leaf, 1)
    check_real("solve", "time_limit", time_limit, 0)
    tests, costs = _check_arrays(tests, costs)
    start = time.monotonic()
    unit = _unit_of(costs)
    weighs = costs.any(axis=1) | (unit == 0)
    search = _Search(
        tests[weighs],
        costs[weighs],
        unit=unit,
        max_depth=max_depth,
        max_leaves=min(max_leaves or 2**max_depth, 2**max_depth),
        deadline=start + time_limit,
    )
    structure, bound = search.run(min_samples_leaf)
    cost, decision = _decide(tests, costs, structure)
    # Rows that no test can tell apart are decided alike, whatever the tree.
    bound = max(bound, float(_merge(tests, costs)[1].min(axis=1).sum()))
    if bound > cost or cost - bound < 0.999 * unit:
        bound = cost
    needed = cost * (1 - search.tolerance)
    certificate = Certificate(
        proven=bound >= needed * (1 - 1e-12),
        cost=cost,
        bound=bound,
        measure=MEASURES[0] if unit else MEASURES[1],
        n_tests=tests.shape[1],
        n_samples=len(tests),
        max_depth=max_depth,
        max_leaves=max_leaves,
        min_samples_leaf=min_samples_leaf,
        seconds=time.monotonic() - start,
    )
    return Solution(*structure, decision, certificate)


@dataclass(frozen=True, eq=False)
class _Search:
    """A search by pystreed, around what its version 1.4 gets wrong.

    Its two-level trees are not always the best under two limits: with fewer leaves
    than the depth allows, it stops looking at two tests once three tests cost nothing;
    and with a least number of rows, it may leave out a test both of whose sides hold
    less than twice as many.
    """

    tests: Bits
    costs: Array
    unit: float
    max_depth: int
    max_leaves: int
    deadline: float

    @property
    def counts(self) -> bool:
        """Whether the solver that counts rows will do, which is exact."""
        return self.unit > 0 and self.max_leaves == 2**self.max_depth

    @property
    def tolerance(self) -> float:
        """The share of the cost by which the tree may miss the best one."""
        return 0.0 if self.counts else _TOLERANCE * max(self.max_depth - 2, 0)

    def run(self, least: int) -> tuple[Structure, float]:
        """Return the best tree found, and what no tree undercuts."""
        divisible = self.tests.shape[1] > 0 and len(self.tests) >= 2 * least
        if self.max_leaves == 1 or not divisible:
            return _LEAF, np.inf
        # A tree that is left out wrongly has three leaves among less than four times
        # the least number of rows: there is none that has a third more in each leaf.
        relaxed = max(1, 3 * least // 4)
        structure, bound = self._attempt(relaxed)
        if least == 1 or self._smallest(structure) >= least:
            return structure, bound
        return self._attempt(least)[0], bound

    def _attempt(self, least: int) -> tuple[Structure, float]:
        tests, costs = self.tests, self.costs
        if least == 1:
            tests, costs = _merge(tests, costs)
        costs = costs - costs.min(axis=1, keepdims=True)
        if not costs.any(axis=0).all():  # a class costs nothing at all
            return _LEAF, np.inf
        limits = {
            "max_depth": self.max_depth,
            "max_num_nodes": self.max_leaves - 1,
            "min_leaf_node_size": least,
            # It counts whole seconds of the clock: one may be over at once.
            "time_limit": max(math.ceil(self.deadline - time.monotonic()), 0) + 1,
        }
        if self.counts:
            ended, structure = _count(tests, costs / self.unit, limits)
        else:
            ended, structure = _add_up(tests, costs, limits)
        if not ended:
            return structure, 0.0
        cost, _ = _decide(self.tests, self.costs, structure)
        return structure, cost * (1 - self.tolerance)

    def _smallest(self, structure: Structure) -> int:
        sizes = np.bincount(_leaves(self.tests, structure))
        return int(sizes[sizes > 0].min())


def _check_arrays(tests: Bits, costs: Array) -> tuple[Bits, Array]:
    tests, costs = np.asarray(tests), np.asarray(costs, dtype=np.float64)
    if tests.dtype != np.bool_ or tests.ndim != 2 or len(tests) == 0:
        raise InputError(
            "The 'tests' parameter of solve must be a boolean array of shape "
            f"(n_samples, n_tests), of one row or more. Got shape {tests.shape}, dtype "
            f"{tests.dtype}."
        )
    if costs.ndim != 2 or len(costs) != len(tests) or costs.shape[1] == 0:
        raise InputError(
            "The 'costs' parameter of solve must have one row for each of the "
            f"{len(tests)} rows of tests and one column a class. Got shape "
            f"{costs.shape}."
        )
    if not np.isfinite(costs).all() or costs.min() < 0:
        raise InputError(
            "The 'costs' parameter of solve must be finite and not negative."
        )
    return tests, costs


def _unit_of(costs: Array) -> float:
    """Return what a wrong decision costs if it is the same everywhere, else 0.

    A row without weight, which costs nothing at all, does not disturb.
    """
    unit = float(costs.max())
    paid = (costs > 0).sum(axis=1)
    same = ((costs == 0) | (costs == unit)).all()
    plain = ((paid == 0) | (paid == costs.shape[1] - 1)).all()
    return unit if same and plain else 0.0


def _merge(tests: Bits, costs: Array) -> tuple[Bits, Array]:
    """Make one row of all those that pass the same tests."""
    if tests.shape[1] == 0:
        return tests[:1], costs.sum(axis=0, keepdims=True)
    packed = np.packbits(tests, axis=1)
    keys = (
        np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
    )
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    sums = [np.bincount(group, column, len(first)) for column in costs.T]
    return tests[first], np.stack(sums, axis=1)


def _count(tests: Bits, costs: Array, limits: dict[str, int]) -> tuple[bool, Structure]:
    """Search with the solver that counts rows, which is exact."""
    STreeDClassifier = _solvers().STreeDClassifier
    # Of merged rows only those count that do not balance one another.
    copies = np.rint(costs.max(axis=1, keepdims=True) - costs).astype(np.int64)
    row, label = np.nonzero(copies)
    times = copies[row, label]
    solver = STreeDClassifier("accuracy", **limits)
    return _run(solver, tests[np.repeat(row, times)], np.repeat(label, times))


def _add_up(
    tests: Bits, costs: Array, limits: dict[str, int]
) -> tuple[bool, Structure]:
    """Search with the solver that adds up a cost for each row and class."""
    STreeDInstanceCostSensitiveClassifier = (
        _solvers().STreeDInstanceCostSensitiveClassifier
    )
    # Bounds from similar rows would add up the tolerance beyond control.
    solver = STreeDInstanceCostSensitiveClassifier(
        use_similarity_lower_bound=False, **limits
    )
    # On integers the solver's running sums, which add and subtract, stay exact; and
    # no tree shall cost nothing (see `_Search`).
    _, size = math.frexp(costs.max(axis=1).sum())
    return _run(solver, tests, np.rint(np.ldexp(costs, _GRID - size)) + 1)


def _solvers() -> Any:
    try:
        import pystreed
    except ImportError as error:
        raise InputError(
            "Proving that a tree is the best needs pystreed. Install it with: "
            "pip install 'interpretkd[optimal]'"
        ) from error
    return pystreed


def _run(
    solver: Any, tests: Bits, targets: NDArray[np.generic]
) -> tuple[bool, Structure]:
    solver.fit(tests.astype(np.intc), targets)
    test: list[int] = []
    left: list[int] = []
    right: list[int] = []

    def add(node: Any) -> int:
        place = len(test)
        inner = node.is_branching_node()
        test.append(node.feature if inner else -1)
        left.append(-1)
        right.append(-1)
        if inner:  # the solver's left child is where a test fails
            left[place] = add(node.right_child)
            right[place] = add(node.left_child)
        return place

    add(solver.get_tree())
    structure = np.array([test, left, right], dtype=np.int32)
    return bool(solver.fit_result.is_optimal()), (*structure,)


def _leaves(tests: Bits, structure: Structure) -> NDArray[np.int64]:
    """Find the leaf of each row."""
    test, left, right = structure
    leaf = np.zeros(len(tests), dtype=np.int64)
    for node in np.flatnonzero(test >= 0):  # parents come before children
        here = np.flatnonzero(leaf == node)
        leaf[here] = np.where(tests[here, test[node]], left[node], right[node])
    return leaf


def _decide(
    tests: Bits, costs: Array, structure: Structure
) -> tuple[float, NDArray[np.int32]]:
    """Return what the tree costs, and each node's cheapest class."""
    test, left, right = structure
    leaf = _leaves(tests, structure)
    sums = [np.bincount(leaf, column, len(test)) for column in costs.T]
    total = np.stack(sums, axis=1)
    for node in np.flatnonzero(test >= 0)[::-1]:  # children before parents
        total[node] = total[left[node]] + total[right[node]]
    cost = float(total[test < 0].min(axis=1).sum())
    return cost, total.argmin(axis=1).astype(np.int32)
