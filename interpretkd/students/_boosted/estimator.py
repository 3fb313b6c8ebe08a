"""Boosted trees, as an estimator."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from interpretkd._base import (
    InputError,
    check_choice,
    check_integer,
    check_real,
)
from interpretkd.data import Codes
from interpretkd.models import Forest, Form
from interpretkd.students._base import (
    LOSSES,
    Watch,
    _Given,
    _link,
    _seed,
    _Student,
)
from interpretkd.students._boosted.leaf_budget import BoostingSearch, _boost_within
from interpretkd.students._boosted.rounds import Score, _boost
from interpretkd.students._readable import THRESHOLDS, readable_thresholds

_QUICK_ROUNDS, _QUICK_RATE = 50, 0.5
"""As many rounds of this rate tell targets apart as several times as many slow ones."""


class BoostedStudent(_Student):
    """Gradient-boosted trees: as many as serve, or the best within a budget.

    Without `max_leaves` xgboost grows one tree a round and target column. With it the
    trees are few and small, each on the column where it helps most, and all leaves
    are fitted together; what shape they have is found out.

    Parameters
    ----------
    n_rounds : int, default=400
        In [1, inf): the most rounds.
    max_leaves : int or None, default=None
        In [2, inf): the most leaves of all trees together. From it follow `n_rounds`,
        `learning_rate` and `max_depth`, which are not used then, nor are `patience`
        and `n_jobs`. None for no bound.
    learning_rate : float, default=0.2
        In (0, 1]: how much of each tree is added.
    max_depth : int, default=6
        In [1, inf): the depth of each tree.
    min_child_weight : float, default=1.0
        In [0, inf): the least sum of second derivatives in a leaf; for squared error
        the fewest rows.
    subsample : float, default=1.0
        In (0, 1]: the share of rows each tree sees.
    column_share : float, default=1.0
        In (0, 1]: the share of columns each tree sees.
    loss : {"auto", "squared_error", "softmax", "sigmoid"}, default="auto"
        "softmax" and "sigmoid" are cross-entropy with probabilities; "auto" takes
        the softmax when every row of the targets is a distribution over two or more
        columns, else squared error.
    patience : int, default=100
        In [1, inf): the rounds to wait for a better score on watched rows.
    thresholds : {"readable", "exact"}, default="readable"
        Which number between two neighbouring values of a column a threshold is: the one
        of the fewest digits in the middle half between them, or the one that was found.
        The rows that it is fitted to, or watches, are answered alike.
    random_state : int, RandomState or None, default=0
        Of the subsampling.
    n_jobs : int or None, default=None
        In [1, inf): threads of each round; None for as many as the rows are worth and
        this process may use.

    Attributes
    ----------
    forest_ : Forest
        The frozen trees, also as `form_`.
    scores_ : list of float
        The score of the watched rows after each round; empty when none were watched,
        and with `max_leaves`.
    shapes_ : BoostingSearch or None
        With `max_leaves` what was tried, as a table by ``shapes_.to_frame()``.
    schema_ : Schema
        The columns it reads.

    Notes
    -----
    A leaf holds one number, for one target column: a budget for many columns must be
    larger than a `CartStudent`'s, whose leaves hold one for each. At equally many
    parameters trees with such leaves agreed less with the teacher, on average
    (``interpretkd bench boosted``).

    ``fit_encoded(training, start=forest)`` goes on from the trees of an earlier fit,
    such as one to other rows or weights, and leaves both as one forest. The earlier
    trees stay as they are; some rounds and then more on the same rows are all of them
    at once, to float32, but where `subsample` or `column_share` draw. Where rows are
    watched, it is never worse on them than the start.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(40.0).reshape(-1, 1)
    >>> student = BoostedStudent(n_rounds=50, max_depth=2).fit(X, X[:, 0] ** 2)
    >>> round(student.score(X, X[:, 0] ** 2), 2)
    1.0
    >>> small = BoostedStudent(max_leaves=8).fit(X, X[:, 0] ** 2)
    >>> small.forest_.n_leaves
    8
    """

    family = "boosted"
    form_: Forest
    scores_: list[float]
    shapes_: BoostingSearch | None = None

    def __init__(
        self,
        n_rounds: int = 400,
        *,
        max_leaves: int | None = None,
        learning_rate: float = 0.2,
        max_depth: int = 6,
        min_child_weight: float = 1.0,
        subsample: float = 1.0,
        column_share: float = 1.0,
        loss: str = "auto",
        patience: int = 100,
        thresholds: str = "readable",
        random_state: Any = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.n_rounds = n_rounds
        self.max_leaves = max_leaves
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_child_weight = min_child_weight
        self.subsample = subsample
        self.column_share = column_share
        self.loss = loss
        self.patience = patience
        self.thresholds = thresholds
        self.random_state = random_state
        self.n_jobs = n_jobs

    @property
    def forest_(self) -> Forest:
        """The frozen trees."""
        check_is_fitted(self)
        return self.form_

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        watch: Watch | None = None,
    ) -> Self:
        """Boost the trees.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.
        y : array-like of shape (n_samples, n_columns) or (n_samples,)
            Target columns.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.
        watch : (X_held_out, score), default=None
            Rows that are not fitted, and a function that turns predictions of them,
            of shape (n_rows, n_columns), into a number, the larger the better. With
            it the rounds end early and the best are kept; with `max_leaves` the
            shapes are compared by it (else by the loss on a fifth of the rows).

        Returns
        -------
        BoostedStudent
            Itself.
        """
        return self._fit_rows(X, y, sample_weight, watch)

    def _check(self) -> None:
        name = "BoostedStudent"
        check_integer(name, "n_rounds", self.n_rounds, 1)
        check_integer(name, "max_leaves", self.max_leaves, 2, optional=True)
        check_real(name, "learning_rate", self.learning_rate, 0, 1, closed="right")
        check_integer(name, "max_depth", self.max_depth, 1)
        check_real(name, "min_child_weight", self.min_child_weight, 0, closed="left")
        check_real(name, "subsample", self.subsample, 0, 1, closed="right")
        check_real(name, "column_share", self.column_share, 0, 1, closed="right")
        check_choice(name, "loss", self.loss, LOSSES)
        check_integer(name, "patience", self.patience, 1)
        check_choice(name, "thresholds", self.thresholds, THRESHOLDS)
        check_integer(name, "n_jobs", self.n_jobs, 1, optional=True)

    @property
    def hint_refusal(self) -> str:
        """Why hints would not change this student, a clause."""
        return (
            "BoostedStudent grows a tree for each target column, so that hints share "
            "no test with them; CartStudent takes them"
        )

    @property
    def continues(self) -> bool:
        """Whether a fit can go on from an earlier forest: without `max_leaves`."""
        return self.max_leaves is None

    def without_search(self) -> Self:
        """Return a faster student that ranks targets in the same order.

        Returns
        -------
        BoostedStudent
            An unfitted copy of few and large steps; itself where the rounds are few, or
            follow from `max_leaves`.
        """
        given = self.get_params()  # a subclass may have fewer
        n_rounds, rate = given.get("n_rounds"), given.get("learning_rate")
        few = n_rounds is None or rate is None or n_rounds <= _QUICK_ROUNDS
        if few or given.get("max_leaves") is not None:
            return self
        faster = min(_QUICK_RATE, rate * n_rounds / _QUICK_ROUNDS)
        return clone(self).set_params(
            n_rounds=_QUICK_ROUNDS, learning_rate=max(rate, faster)
        )

    def _fit(self, given: _Given, held_out: tuple[Codes, Score] | None) -> None:
        shared: dict[str, Any] = {
            "link": _link("BoostedStudent", self.loss, given.targets),
            "min_child_weight": self.min_child_weight,
            "subsample": self.subsample,
            "column_share": self.column_share,
            "watch": held_out,
            "seed": _seed(self.random_state),
        }
        start = self._start(given.start)
        self.shapes_, self.scores_ = None, []
        forest = self._boosted(given, shared, start)
        if self.thresholds == "readable":
            seen = [given.rows.codes]
            if held_out is not None:
                seen.append(held_out[0])
            before = 0 if start is None else len(start.nodes.feature)
            forest = readable_thresholds(forest, np.concatenate(seen), before)
        self.form_ = forest

    def _boosted(
        self, given: _Given, shared: dict[str, Any], start: Forest | None
    ) -> Forest:
        data = given.rows, given.targets, given.weight
        if self.max_leaves is not None:
            forest, self.shapes_ = _boost_within(
                *data, max_leaves=self.max_leaves, **shared
            )
            return forest
        forest, self.scores_ = _boost(
            *data,
            n_rounds=self.n_rounds,
            learning_rate=self.learning_rate,
            max_depth=self.max_depth,
            patience=self.patience,
            n_jobs=self.n_jobs,
            start=start,
            **shared,
        )
        return forest

    @staticmethod
    def _start(given: Form | None) -> Forest | None:
        if given is None or isinstance(given, Forest):
            return given
        raise InputError(
            "The 'start' of a BoostedStudent must be a Forest, as its `form_` is. Got "
            f"a {type(given).__name__}."
        )
