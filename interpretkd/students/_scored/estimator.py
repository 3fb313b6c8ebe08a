"""The tree of whole-number scores that agrees most with its teacher."""

import math
import time
from dataclasses import replace
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from interpretkd._base import Array, check_choice, check_integer, check_real
from interpretkd.data import Codes, Encoded, Rows, Schema, batches
from interpretkd.models import ScoredTree
from interpretkd.students._base import _BATCH, _Given, _seed
from interpretkd.students._cart.draft import _means
from interpretkd.students._cart.estimator import CartStudent
from interpretkd.students._cart.fitting import (
    OBJECTIVES,
    Fit,
    Settings,
    _fit_tree,
    _HeldOut,
    _objective_of,
)
from interpretkd.students._cart.growing import Limits, grow
from interpretkd.students._cart.objective import (
    COSTS,
    PAIRS,
    TreeObjective,
    _agree_with_decisions,
)
from interpretkd.students._readable import THRESHOLDS, readable_thresholds
from interpretkd.students._scored.addends import Addends
from interpretkd.students._scored.alternating import Alternation, ScoredLimits
from interpretkd.students._scored.finishing import finish
from interpretkd.students._scored.sketch import plain_sketch
from interpretkd.targets import Target


class ScoredTreeStudent(CartStudent):
    """A tree whose tests add up whole-number points of a few columns.

    ``2 x duration + 1 x age <= 40`` is one of its tests. Sixteen such leaves often
    agree with the teacher as much as many more of single columns; where what counts is
    how much there is to be read, compare the columns of all tests, ``tree_.n_terms``.

    Parameters
    ----------
    max_leaves : int, default=16
        In [2, inf).
    max_columns : int, default=3
        In [1, inf): the most columns that a test adds up; each category of a column
        that gets points counts. 1 is the tree of `CartStudent` by its refined search.
    max_points : int, default=5
        In [1, 1000]: the most points of one column for one unit of it. Units are
        powers of ten; as told, points of finer units may be a power of ten larger.
    min_samples_leaf : int, default=1
        In [1, inf): the fewest training rows a leaf may have; with sample weights,
        their least sum.
    objective : str, default="auto"
        As of `CartStudent`.
    class_cost : array-like of shape (n_classes, n_classes), default=None
        As of `CartStudent`.
    time_limit : float, default=300.0
        In (0, inf): seconds after which the search ends with the best so far, and
        ``search_.in_time`` is False; otherwise it ends by itself, after work that is
        bounded by the data's size.
    thresholds : {"readable", "exact"}, default="readable"
        As of `CartStudent`, of sums too.
    random_state : int, RandomState or None, default=0
        Of ties, and of the rows that are looked at where there are very many.

    Attributes
    ----------
    tree_ : ScoredTree
        The frozen tree, also as `form_`.
    search_ : Fit
        How it was found: where the searches began, and what each came to; not kept in a
        saved run.
    schema_ : Schema
        The columns of the rows.

    Notes
    -----
    The search begins with a greedy tree of single columns and, by itself, with a tree
    that is grown of sums; each is bettered by alternating optimisation. Of the one that
    loses less on the rows, leaves are moved from where they matter least, as long as
    that helps. Dates, and numbers that float32 does not hold, are tested by themselves
    only. A missing number counts as its column's mean in two digits.

    References
    ----------
    Carreira-Perpinan & Tavallali (2018), "Alternating optimization of decision trees,
    with application to learning sparse oblique trees".

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.integers(0, 30, (400, 2)).astype(float)
    >>> y = (2 * X[:, 0] + X[:, 1] > 45).astype(float)
    >>> Y = np.column_stack([1 - y, y])
    >>> student = ScoredTreeStudent(2, max_columns=2).fit(X, Y)
    >>> print(student.tree_)
    2 x x0 + 1 x x1 <= 45: 1, 0 (48.8% of rows)
    2 x x0 + 1 x x1 > 45: 0, 1 (51.2% of rows)
    """

    family = "scored tree"
    form_: ScoredTree
    max_leaves: int

    def __init__(
        self,
        max_leaves: int = 16,
        *,
        max_columns: int = 3,
        max_points: int = 5,
        min_samples_leaf: int = 1,
        objective: str = "auto",
        class_cost: Any = None,
        time_limit: float = 300.0,
        thresholds: str = "readable",
        random_state: Any = 0,
    ) -> None:
        self.max_leaves = max_leaves
        self.max_columns = max_columns
        self.max_points = max_points
        self.min_samples_leaf = min_samples_leaf
        self.objective = objective
        self.class_cost = class_cost
        self.time_limit = time_limit
        self.thresholds = thresholds
        self.random_state = random_state

    def fit(  # type: ignore[override]  # nothing is chosen on held-out rows
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Find the tree.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.
        y : array-like of shape (n_samples, n_columns) or (n_samples,)
            Target columns.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        Returns
        -------
        ScoredTreeStudent
            Itself.

        Raises
        ------
        InputError
            For parameters out of range, or that do not suit the targets.
        """
        self._fit_told(self._read(X, y, sample_weight), None)
        return self

    @property
    def uses_validation(self) -> bool:
        """Whether anything is to be chosen on held-out rows: no."""
        return False

    @property
    def hint_refusal(self) -> str | None:
        """Why hints would not change this student, a clause."""
        return "a ScoredTreeStudent adds up columns for its target columns alone"

    def averages(self, target: Target) -> bool:
        """Say whether of equal rows only the mean of their target columns counts.

        Parameters
        ----------
        target : Target
            What it would be fitted to.

        Returns
        -------
        bool
            False for an objective that counts the rows that are decided otherwise.
        """
        asked = self.prepare(target).objective
        return asked not in ("disagreement", "label_disagreement")

    def squares(self, target: Target) -> bool:
        """Say whether columns that are all scaled and moved alike are as good.

        Parameters
        ----------
        target : Target
            What it would be fitted to.

        Returns
        -------
        bool
            Whether its tests and decisions would be the same.
        """
        return self.class_cost is None and self.objective != "cross_entropy"

    def without_search(self) -> CartStudent:
        """Return a faster student that ranks targets in the same order.

        Returns
        -------
        CartStudent
            A greedy tree of single columns with as many leaves.
        """
        least = self.min_samples_leaf
        return CartStudent(self.max_leaves, min_samples_leaf=least, search="greedy")

    def predict_encoded(self, rows: Rows, encoded: Encoded) -> Array:
        """Predict the target columns, as a matrix, of rows that are encoded already.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Not read.
        encoded : Encoded
            The rows as codes.

        Returns
        -------
        ndarray of shape (n_samples, n_columns), float64
            The predictions.
        """
        schema = self.form_.scored_schema
        codes = map(schema.see, batches(encoded.codes, _BATCH))
        return self._outputs(codes, len(encoded))

    def _fit(self, given: _Given, held_out: _HeldOut | None) -> None:
        if self.max_columns > 1:
            _prepare()
        start = time.monotonic()
        codes, weight = given.rows.codes, given.weights
        settings = Settings(
            Limits(self.max_leaves, min_samples_leaf=self.min_samples_leaf),
            search="greedy" if self.max_columns > 1 else "refined",
            objective=self.objective,
            class_cost=self._class_cost(),
            time_limit=self.time_limit,
            seed=_seed(self.random_state),
        )
        first = _fit_tree(given, settings)
        schema = given.rows.schema
        addends = Addends.of(schema, codes, weight)
        objective = _objective_of(settings, given.targets, weight, len(schema))
        search = Alternation(
            addends,
            codes,
            given.targets,
            objective,
            ScoredLimits(
                self.max_leaves,
                self.max_columns,
                self.max_points,
                self.min_samples_leaf,
            ),
            settings.seed,
            start + self.time_limit,
        )
        sketch, attempts = plain_sketch(first.tree, codes), first.attempts
        if self.max_columns > 1:
            sketch, found = search.run(first.tree)
            attempts += found
        tree = finish(sketch, addends, codes, given.targets, weight)
        if self.thresholds == "readable":
            tree = readable_thresholds(tree, tree.scored_schema.see(codes))
        self.form_ = _deciding(tree, codes, objective)
        in_time = search.in_time and first.in_time
        self.search_ = Fit(self.form_, "scored", attempts, in_time)
        self.certificate_, self.chosen_ = None, {}

    def _check(self) -> None:
        name = "ScoredTreeStudent"
        check_integer(name, "max_leaves", self.max_leaves, 2)
        check_integer(name, "max_columns", self.max_columns, 1)
        check_integer(name, "max_points", self.max_points, 1, 1000)
        check_integer(name, "min_samples_leaf", self.min_samples_leaf, 1)
        check_choice(name, "objective", self.objective, OBJECTIVES)
        check_real(name, "time_limit", self.time_limit, 0)
        check_choice(name, "thresholds", self.thresholds, THRESHOLDS)


@cache
def _prepare() -> None:
    """Compile what a search needs, or load it, before its seconds are counted."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 9, (60, 3)).astype(np.float32)
    y = X[:, 0] + X[:, 1] > X[:, 2] + 4
    codes, schema = X, Schema.from_data(X)
    targets, weight = np.column_stack([y, ~y]).astype(np.float64), np.ones(60)
    settings = Settings(Limits(3), search="greedy")
    objective = _objective_of(settings, targets, weight, 3)
    addends = Addends.of(schema, codes, weight)
    limits = ScoredLimits(3, 2, 2, 1)
    search = Alternation(addends, codes, targets, objective, limits, 0, math.inf)
    sketch, _ = search.run(grow(schema, codes, targets, limits=Limits(3)))
    tree = finish(sketch, addends, codes, targets, weight)
    readable_thresholds(tree, tree.scored_schema.see(codes))


def _deciding(tree: ScoredTree, codes: Codes, objective: TreeObjective) -> ScoredTree:
    """Return the tree with means that decide what costs least on its rows."""
    if objective.kind not in (COSTS, PAIRS):
        return tree
    nodes, ones = tree.nodes, np.ones(len(codes))  # the table is weighted already
    leaf = nodes.apply(tree.scored_schema.see(codes))
    costs = _means(nodes, leaf, objective.table, ones)[1]
    value = _agree_with_decisions(tree.value, costs, objective.kind)
    return replace(tree, value=value)
