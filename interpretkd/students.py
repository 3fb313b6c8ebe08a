"""Students: small models that people can read, fitted to target columns.

A student is a regressor on target columns, ``fit(X, y)`` and ``predict(X)``, so that
any multi-output regressor can take its place. These three read categories and missing
values as they are, and after `fit` predict from their frozen form alone.

Whoever distils asks them by one contract, `_Student`, which takes rows that are encoded
already; `as_student` gives any other regressor the same, over its public `fit`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    check_is_fitted,
    has_fit_parameter,
)

from interpretkd._errors import InputError
from interpretkd._typing import Array
from interpretkd._validation import (
    check_boolean,
    check_choice,
    check_integer,
    check_real,
)
from interpretkd.boosting import Score, boost
from interpretkd.budgets import BoostingSearch, boost_within
from interpretkd.forests import Forest
from interpretkd.induction import Limits
from interpretkd.linear import (
    PENALTIES,
    SPARSE,
    Linear,
    LinearPath,
    cross_validate,
    fit_linear,
    linear_path,
    relax,
    watch_path,
)
from interpretkd.optima import Certificate
from interpretkd.points import fit_points
from interpretkd.rows import Encoded, batches, checked_rows
from interpretkd.schema import Codes, Rows, Schema
from interpretkd.scorecards import Scorecard, read_scorecards
from interpretkd.selection import (
    OBJECTIVES,
    SEARCHES,
    Fit,
    HeldOut,
    Settings,
    fit_tree,
)
from interpretkd.targets import Target
from interpretkd.trees import Tree

__all__ = [
    "BoostedStudent",
    "CartStudent",
    "Form",
    "Judged",
    "LinearStudent",
    "Taught",
    "Watch",
    "as_student",
]

Form: TypeAlias = Tree | Forest | Linear
Watch: TypeAlias = tuple[Any, Callable[[Array], float]]

LOSSES = ("auto", "squared_error", "softmax", "sigmoid")
_BATCH = 16_384
_ROUGHLY = 1e-4
"""How exactly a path is solved that only selects features, to be fitted anew."""
_FEWEST_TO_CHOOSE = 50
"""Rows below which nothing is chosen on a part of them: the greedy tree is taken."""


@dataclass(frozen=True, eq=False)
class Taught:
    """Rows and the target columns that a student is taught for them.

    Parameters
    ----------
    rows : DataFrame or ndarray of shape (n_samples, n_features)
        Rows in original columns, for students that are not ours.
    encoded : Encoded
        The same rows, for ours.
    targets : ndarray of shape (n_samples, n_columns) or (n_samples,), float64
        Target columns.
    weight : ndarray of shape (n_samples,), float64, or None
        How much each row counts; None for 1.
    """

    rows: Rows
    encoded: Encoded
    targets: Array
    weight: Array | None


@dataclass(frozen=True, eq=False)
class Judged(Taught):
    """Held-out rows, on which a student chooses.

    Parameters
    ----------
    rows, encoded, targets, weight
        As for `Taught`.
    score : callable
        Turns predictions of these rows, of shape (n_samples, n_columns), into a
        number, the larger the better.
    """

    score: Score


class _Student(RegressorMixin, BaseEstimator):
    """What the three share: checks on the way in, the frozen form on the way out.

    Whoever distils asks for no more than `validation`, `is_open`, `prepare`, `quick`,
    `learn` and `outputs`: the contract, which `_Foreign` keeps too.
    """

    form_: Form
    schema_: Schema
    n_features_in_: int
    settled_: dict[str, Any]

    @property
    def validation(self) -> str:
        """What held-out rows are for: "choose", "watch" or "none".

        With "choose" the student says in ``settled_`` what it chose, to be fitted to
        all rows; with "watch" the held-out rows are never fitted.
        """
        return "watch"

    @property
    def is_open(self) -> bool:
        """Whether anything is to be chosen on held-out rows."""
        return self.validation != "none"

    def prepare(self, target: Target) -> Self:
        """Return an unfitted copy; an "auto" that the target answers is replaced."""
        return _answer(clone(self), "loss", "sigmoid", target.link == "sigmoid")

    def quick(self) -> Self:
        """Return a student that puts targets in the same order, in less time."""
        return self

    def learn(self, taught: Taught, judged: Judged | None = None) -> Self:
        """Fit to rows that are encoded already, as `fit` does to others."""
        self._check()
        checked_rows(self, taught.rows[:1], reset=True)
        given = self._take_in(taught.encoded, taught.targets, taught.weight)
        self._fit(*given, None if judged is None else self._heed(judged))
        return self

    def outputs(self, rows: Rows, encoded: Encoded) -> Array:
        """Predict the target columns, a matrix, of rows that are encoded already."""
        codes = encoded.codes
        starts = range(0, len(codes), _BATCH)
        parts = [self.form_.predict_codes(codes[i : i + _BATCH]) for i in starts]
        return np.concatenate(parts)

    def predict(self, X: ArrayLike) -> Array:
        """Predict the target columns.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns; NaN and None are missing values.

        Returns
        -------
        ndarray of shape (n_samples, n_columns) or (n_samples,)
            The predictions, of the shape of the targets given to `fit`.
        """
        check_is_fitted(self)
        rows = checked_rows(self, X, reset=False)
        pieces = map(self.form_.schema.encode, batches(rows, _BATCH))
        outputs = np.concatenate([self.form_.predict_codes(codes) for codes in pieces])
        return outputs[:, 0] if self._flat else outputs

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.target_tags.multi_output = True
        return tags

    def _read(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None
    ) -> tuple[Encoded, Array, Array | None]:
        self._check()
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        rows = Encoded.of(checked_rows(self, X, reset=True))
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, rows.codes, dtype=np.float64, ensure_non_negative=True
            )
        return self._take_in(rows, y, weight)

    def _take_in(
        self, rows: Encoded, y: ArrayLike, weight: Array | None
    ) -> tuple[Encoded, Array, Array | None]:
        self.schema_ = rows.schema
        targets = check_array(
            y, dtype=np.float64, ensure_2d=False, input_name="y", estimator=self
        )
        check_consistent_length(rows.codes, targets)
        self._flat = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        if weight is None or weight.all() or not weight.any():
            return rows, targets, weight
        counts = weight > 0  # a row without weight is as good as absent
        rows = Encoded(rows.schema, rows.codes[counts])
        return rows, targets[counts], weight[counts]

    def _read_others(self, X: ArrayLike) -> Encoded:
        """Encode rows that are held out."""
        rows = checked_rows(self, X, reset=False)
        return Encoded(self.schema_, self.schema_.encode(rows))

    def _check(self) -> None:
        """Check the parameters."""
        raise NotImplementedError

    def _fit(
        self, rows: Encoded, targets: Array, weight: Array | None, held_out: Any
    ) -> None:
        raise NotImplementedError

    def _heed(self, judged: Judged) -> Any:
        """Return what of held-out rows `_fit` asks for."""
        return judged.encoded.codes, judged.score


class CartStudent(_Student):
    """The most faithful tree of a size that can be found, a vector at each leaf.

    Parameters
    ----------
    max_leaves : int, None or "auto", default=16
        In [2, inf). None for no bound. "auto" chooses on held-out rows: the fewest
        leaves within one standard error of the best, 64 at most.
    max_depth : int or None, default=None
        In [1, inf); the most tests a row passes. None for no bound.
    min_samples_leaf : int, default=1
        In [1, inf): the fewest training rows a leaf may have; with sample weights,
        their least sum.
    min_gain : float, default=0.0
        In [0, inf): what a test must gain. For greedy growth the fall of the mean
        squared error, summed over the columns; for the refined search the fall of
        the mean objective a leaf.
    search : {"auto", "greedy", "refined", "optimal"}, default="auto"
        "greedy" takes the best test node by node, as CART does. "refined" goes on
        to lower the objective itself, over all nodes and many shapes. "optimal" proves
        that no tree over well-chosen thresholds is better, for a `max_depth` up to 4;
        it needs ``pip install interpretkd[optimal]``. "auto" refines unless the greedy
        tree is better on held-out rows.
    objective : str, default="auto"
        What the search makes small, as a mean over the rows. "disagreement": the share
        of rows that are decided otherwise than by the largest target.
        "expected_disagreement": the same, with the targets as probabilities.
        "label_disagreement": the share of columns on another side of 0.5.
        "cross_entropy" and "squared_error": with the targets themselves. "auto" is
        "disagreement" when each row of targets is a distribution over two or more
        columns, else "squared_error".
    class_cost : array-like of shape (n_classes, n_classes), default=None
        In [0, inf): what it costs to decide for the second class (column) where the
        targets say the first (row); None for 1 unless they are the same.
    monotone : dict or array-like of shape (n_features,), default=None
        By column, 1 where the (last) target must not fall as the number rises, -1
        where it must not rise. For one target column, or two that sum up to 1.
    feature_cost : dict or array-like of shape (n_features,), default=None
        In [0, inf), by column: what a test of it costs, in units of `min_gain`.
    time_limit : float, default=60.0
        In (0, inf): seconds after which a search ends with the best so far. The work
        is bounded by the data's size, mostly far below this; a tree whose search was
        ended by the clock may come out otherwise elsewhere, and `search_` says so.
    random_state : int, RandomState or None, default=0
        Of ties and of the search.

    Attributes
    ----------
    tree_ : Tree
        The frozen tree, also as `form_`.
    search_ : Fit
        How it was found: what was tried and what was chosen; not kept in a saved run.
    certificate_ : Certificate or None
        What was proven of the tree, for ``search="optimal"``.
    settled_ : dict
        The parameters that "auto" stood for.
    schema_ : Schema
        The columns it reads.

    References
    ----------
    Liu, Wang & Matwin (2018), as told by Alkhulaifi, Alsahli & Ahmad (2020): CART by
    multi-output regression on logits.
    Carreira-Perpinan & Tavallali (2018), "Alternating optimization of decision trees".
    Van der Linden, de Weerdt & Demirovic (2023), "Necessary and sufficient conditions
    for optimal decision trees using dynamic programming".

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"home": ["own", "rent", "own", "free"] * 10})
    >>> student = CartStudent(max_leaves=2).fit(X, [0.0, 1.0, 0.0, 0.0] * 10)
    >>> student.predict(X[:2])
    array([0., 1.])
    """

    form_: Tree
    search_: Fit
    certificate_: Certificate | None

    def __init__(
        self,
        max_leaves: int | str | None = 16,
        *,
        max_depth: int | None = None,
        min_samples_leaf: int = 1,
        min_gain: float = 0.0,
        search: str = "auto",
        objective: str = "auto",
        class_cost: Any = None,
        monotone: Any = None,
        feature_cost: Any = None,
        time_limit: float = 60.0,
        random_state: Any = 0,
    ) -> None:
        self.max_leaves = max_leaves
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.min_gain = min_gain
        self.search = search
        self.objective = objective
        self.class_cost = class_cost
        self.monotone = monotone
        self.feature_cost = feature_cost
        self.time_limit = time_limit
        self.random_state = random_state

    @property
    def tree_(self) -> Tree:
        """The frozen tree."""
        check_is_fitted(self)
        return self.form_

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        held_out: tuple[Any, ...] | None = None,
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
        held_out : (X, y) or (X, y, sample_weight), default=None
            Rows to choose on. Without them, what is "auto" is chosen on a fifth of
            the rows and then fitted to all.

        Returns
        -------
        CartStudent
            Itself.

        Raises
        ------
        InputError
            For parameters out of range, or that do not suit the targets.
        """
        given = self._read(X, y, sample_weight)
        self._fit(*given, None if held_out is None else self._held_out(*held_out))
        return self

    @property
    def validation(self) -> str:
        """What held-out rows are for: "choose"."""
        return "choose"

    @property
    def is_open(self) -> bool:
        """Whether the search or the size is to be chosen on held-out rows."""
        return self.search == "auto" or self.max_leaves == "auto"

    def prepare(self, target: Target) -> Self:
        """Return an unfitted copy for a target.

        Parameters
        ----------
        target : Target
            What it will be taught.

        Returns
        -------
        CartStudent
            The copy; ``objective="auto"`` is replaced by what suits the target.
        """
        return _answer(clone(self), "objective", _objective(target))

    def quick(self) -> Self:
        """Return a student that puts targets in the same order, in less time.

        Returns
        -------
        CartStudent
            An unfitted copy that does not search, of 16 leaves for "auto".
        """
        given = self.get_params()  # a subclass may have fewer
        if "search" not in given:
            return self
        size = {"max_leaves": 16} if given.get("max_leaves") == "auto" else {}
        return clone(self).set_params(search="greedy", **size)

    def _fit(
        self,
        rows: Encoded,
        targets: Array,
        weight: Array | None,
        held_out: HeldOut | None,
    ) -> None:
        weight = np.ones(len(rows)) if weight is None else weight
        settings = self._settings(targets)
        if held_out is None and self.is_open:
            settings = _choose_on_a_part(rows, targets, weight, settings)
        fit = fit_tree(rows, targets, weight, settings, held_out)
        self.form_, self.search_ = fit.tree, fit
        self.certificate_ = fit.certificate
        self.settled_ = {"search": fit.search}
        if self.max_leaves == "auto":
            self.settled_["max_leaves"] = max(fit.tree.n_leaves, 2)

    def _heed(self, judged: Judged) -> HeldOut:
        targets = judged.targets.reshape(len(judged.targets), -1)
        weight = np.ones(len(targets)) if judged.weight is None else judged.weight
        return HeldOut(judged.encoded, targets, weight)

    def _check(self) -> None:
        name = "CartStudent"
        if self.max_leaves != "auto":
            check_integer(name, "max_leaves", self.max_leaves, 2, optional=True)
        check_integer(name, "max_depth", self.max_depth, 1, optional=True)
        check_integer(name, "min_samples_leaf", self.min_samples_leaf, 1)
        check_real(name, "min_gain", self.min_gain, 0, closed="left")
        check_choice(name, "search", self.search, SEARCHES)
        check_choice(name, "objective", self.objective, OBJECTIVES)
        check_real(name, "time_limit", self.time_limit, 0)

    def _settings(self, targets: Array) -> Settings:
        choose_size = self.max_leaves == "auto"
        # `_check` has looked: no text but "auto", which the type checker cannot see.
        limits = Limits(
            max_leaves=None if choose_size else self.max_leaves,  # type: ignore[arg-type]
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            min_gain=self.min_gain,
            monotone=self._monotone(targets),
            feature_cost=self._feature_cost(),
        )
        return Settings(
            limits,
            choose_size,
            self.search,
            self.objective,
            self._class_cost(),
            self.time_limit,
            _seed(self.random_state),
        )

    def _monotone(self, targets: Array) -> NDArray[np.int8] | None:
        if self.monotone is None:
            return None
        signs = _by_column("CartStudent", "monotone", self.monotone, self.schema_)
        n_columns = targets.shape[1]
        if n_columns > 2 or (n_columns == 2 and np.ptp(targets.sum(axis=1)) > 1e-6):
            raise InputError(
                "The 'monotone' parameter of CartStudent needs one target column, or "
                f"two that sum up to 1. Got {n_columns}."
            )
        if not np.isin(signs, (-1, 0, 1)).all():
            raise InputError(
                "The 'monotone' parameter of CartStudent must hold -1, 0 or 1. Got "
                f"{sorted(set(signs.tolist()))}."
            )
        for feature, sign in zip(self.schema_.features, signs, strict=True):
            if sign and feature.is_categorical:
                raise InputError(
                    "The 'monotone' parameter of CartStudent is for numbers. Got "
                    f"{sign:g} for the categorical column {feature.name!r}."
                )
        return signs.astype(np.int8)

    def _feature_cost(self) -> Array | None:
        if self.feature_cost is None:
            return None
        cost = _by_column(
            "CartStudent", "feature_cost", self.feature_cost, self.schema_
        )
        if cost.min() < 0:
            raise InputError(
                "The 'feature_cost' parameter of CartStudent must lie in [0, inf). Got "
                f"{cost.min():g}."
            )
        return cost

    def _class_cost(self) -> Array | None:
        if self.class_cost is None:
            return None
        cost = check_array(self.class_cost, dtype=np.float64, input_name="class_cost")
        if cost.min() < 0:
            raise InputError(
                "The 'class_cost' parameter of CartStudent must lie in [0, inf). Got "
                f"{cost.min():g}."
            )
        return cost

    def _held_out(self, X: Any, y: Any, sample_weight: Any = None) -> HeldOut:
        rows = self._read_others(X)
        targets = np.asarray(y, dtype=np.float64).reshape(len(rows), -1)
        if sample_weight is None:
            sample_weight = np.ones(len(rows))
        return HeldOut(rows, targets, np.asarray(sample_weight, dtype=np.float64))


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
    random_state : int, RandomState or None, default=0
        Of the subsampling.
    n_jobs : int or None, default=None
        In [1, inf): threads; None for all.

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
        given = self._read(X, y, sample_weight)
        held_out = None
        if watch is not None:
            held_out = (self._read_others(watch[0]).codes, watch[1])
        self._fit(*given, held_out)
        return self

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
        check_integer(name, "n_jobs", self.n_jobs, 1, optional=True)

    def _fit(
        self,
        rows: Encoded,
        targets: Array,
        weight: Array | None,
        held_out: tuple[Codes, Score] | None,
    ) -> None:
        shared: dict[str, Any] = {
            "link": _link("BoostedStudent", self.loss, targets),
            "min_child_weight": self.min_child_weight,
            "subsample": self.subsample,
            "column_share": self.column_share,
            "watch": held_out,
            "seed": _seed(self.random_state),
        }
        self.shapes_, self.scores_ = None, []
        if self.max_leaves is not None:
            self.form_, self.shapes_ = boost_within(
                rows, targets, weight, max_leaves=self.max_leaves, **shared
            )
            return
        self.form_, self.scores_ = boost(
            rows,
            targets,
            weight,
            n_rounds=self.n_rounds,
            learning_rate=self.learning_rate,
            max_depth=self.max_depth,
            patience=self.patience,
            n_jobs=self.n_jobs,
            **shared,
        )


class LinearStudent(_Student):
    """A weighted sum of the columns for each target column.

    Standardises inside and reports coefficients in original units. Fitted to soft
    targets it is multinomial logistic regression on probabilities instead of labels.

    Parameters
    ----------
    penalty : {"l2", "l1", "group"}, default="l2"
        "l1" sets single coefficients to 0, "group" whole features.
    strength : float, default=1e-4
        In [0, inf): the weight of the penalty beside the mean loss.
    loss : {"auto", "squared_error", "softmax", "sigmoid"}, default="auto"
        "softmax" and "sigmoid" are cross-entropy with probabilities; "auto" takes
        the softmax when every row of the targets is a distribution over two or more
        columns, else squared error.
    max_iter : int, default=500
        In [1, inf): the most steps of the solver.
    max_terms : int, "auto" or None, default=None
        In [1, inf): the most features that are used. They, and for a sparse penalty
        its strength, are chosen on a path of strengths from the first feature to all;
        with "l2" the group penalty chooses, and the chosen are fitted anew. "auto"
        takes the fewest whose score is within one standard error of the best: on
        watched rows, else by cross-validation. None uses all.
    points : bool, default=False
        Whether the coefficients become whole points of a scorecard.
    max_points : int, default=10
        In [1, inf): the points lie between this and its negative.

    Attributes
    ----------
    linear_ : Linear
        The frozen coefficients, also as `form_`.
    scorecards_ : tuple of Scorecard
        With `points` the cards, one an output (for two classes one, about the second).
    path_ : LinearPath or None
        With `max_terms` what it was chosen from, as a table by ``path_.to_frame()``.
    n_iter_ : int
        The steps that the solver took.
    schema_ : Schema
        The columns it reads.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"age": [20.0, 30.0, 40.0, 50.0]})
    >>> student = LinearStudent(strength=0).fit(X, [1.0, 2.0, 3.0, 4.0])
    >>> student.linear_.to_frame().round(3)
                 output 0
    term
    (intercept)      -1.0
    age               0.1
    """

    form_: Linear
    n_iter_: int
    path_: LinearPath | None = None

    def __init__(
        self,
        penalty: str = "l2",
        *,
        strength: float = 1e-4,
        loss: str = "auto",
        max_iter: int = 500,
        max_terms: int | str | None = None,
        points: bool = False,
        max_points: int = 10,
    ) -> None:
        self.penalty = penalty
        self.strength = strength
        self.loss = loss
        self.max_iter = max_iter
        self.max_terms = max_terms
        self.points = points
        self.max_points = max_points

    @property
    def linear_(self) -> Linear:
        """The frozen coefficients."""
        check_is_fitted(self)
        return self.form_

    @property
    def validation(self) -> str:
        """What held-out rows are for: "watch" where terms are chosen, else "none"."""
        return "watch" if isinstance(self.max_terms, str) else "none"

    @property
    def scorecards_(self) -> tuple[Scorecard, ...]:
        """The points, to be added up by hand."""
        check_is_fitted(self)
        return read_scorecards(self.form_)

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        watch: Watch | None = None,
    ) -> Self:
        """Find the coefficients.

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
            of shape (n_rows, n_columns), into a number, the larger the better: a mean
            over the rows. With ``max_terms="auto"`` the features are chosen by it.

        Returns
        -------
        LinearStudent
            Itself.
        """
        given = self._read(X, y, sample_weight)
        held_out = None
        if watch is not None:
            held_out = (self._read_others(watch[0]).codes, watch[1])
        self._fit(*given, held_out)
        return self

    def _check(self) -> None:
        name = "LinearStudent"
        check_choice(name, "penalty", self.penalty, PENALTIES)
        check_real(name, "strength", self.strength, 0, closed="left")
        check_choice(name, "loss", self.loss, LOSSES)
        check_integer(name, "max_iter", self.max_iter, 1)
        if isinstance(self.max_terms, str):
            check_choice(name, "max_terms", self.max_terms, ("auto",))
        else:
            check_integer(name, "max_terms", self.max_terms, 1, optional=True)
        check_boolean(name, "points", self.points)
        check_integer(name, "max_points", self.max_points, 1)

    def _fit(
        self,
        rows: Encoded,
        targets: Array,
        weight: Array | None,
        held_out: tuple[Codes, Score] | None,
    ) -> None:
        codes = rows.codes
        link = _link("LinearStudent", self.loss, targets)
        self.path_ = None
        if self.max_terms is None:
            self.form_, self.n_iter_ = fit_linear(
                self.schema_,
                codes,
                targets,
                weight,
                link=link,
                penalty=self.penalty,
                strength=self.strength,
                max_iter=self.max_iter,
            )
        else:
            self._choose_terms(codes, targets, weight, link, held_out)
        if self.points:
            self.form_ = fit_points(
                self.form_,
                codes,
                targets,
                weight,
                max_points=self.max_points,
                strength=self.strength,
            )

    def _choose_terms(
        self,
        codes: Codes,
        targets: Array,
        weight: Array | None,
        link: str,
        held_out: tuple[Codes, Score] | None,
    ) -> None:
        path, self.n_iter_ = self._path(codes, targets, weight, link)
        if held_out is not None:
            path = watch_path(path, *held_out)
        elif self.validation == "watch":

            def fit_path(index: NDArray[np.intp]) -> LinearPath:
                part = None if weight is None else weight[index]
                known = path.strengths.tolist()
                return self._path(codes[index], targets[index], part, link, known)[0]

            path = cross_validate(path, fit_path, codes, targets, weight)
        if isinstance(self.max_terms, str):
            chosen = path.within_one_error()
        else:
            assert self.max_terms is not None
            chosen = path.within_budget(self.max_terms)
        self.path_, self.form_ = path, path.forms[chosen]

    def _path(
        self,
        codes: Codes,
        targets: Array,
        weight: Array | None,
        link: str,
        strengths: list[float] | None = None,
    ) -> tuple[LinearPath, int]:
        path, n_steps = linear_path(
            self.schema_,
            codes,
            targets,
            weight,
            link=link,
            penalty=self.penalty if self.penalty in SPARSE else "group",
            strengths=strengths,
            max_terms=None if isinstance(self.max_terms, str) else self.max_terms,
            max_iter=self.max_iter,
            tol=1e-6 if self.penalty in SPARSE else _ROUGHLY,
        )
        if self.penalty in SPARSE:
            return path, n_steps
        relaxed, more = relax(
            path,
            codes,
            targets,
            weight,
            strength=self.strength,
            max_iter=self.max_iter,
        )
        return relaxed, n_steps + more


def _link(owner: str, loss: str, targets: Array) -> str:
    """Return the link that belongs to a loss, if the targets allow it."""
    inside = targets.min() >= 0 and targets.max() <= 1 + 1e-6
    sums = np.allclose(targets.sum(axis=1), 1, atol=1e-6)
    is_distribution = bool(inside and sums and targets.shape[1] > 1)
    if loss == "auto":
        return "softmax" if is_distribution else "identity"
    if loss == "softmax" and not is_distribution:
        raise InputError(
            f"The 'loss' parameter of {owner} may be 'softmax' when every row of the "
            "targets is a distribution over two or more columns. Got other targets."
        )
    if loss == "sigmoid" and not inside:
        raise InputError(
            f"The 'loss' parameter of {owner} may be 'sigmoid' when the targets lie in "
            f"[0, 1]. Got {targets.min():g} to {targets.max():g}."
        )
    return "identity" if loss == "squared_error" else loss


def _seed(random_state: Any) -> int:
    if isinstance(random_state, int):
        return random_state
    return int(check_random_state(random_state).randint(2**31 - 1))


def _by_column(owner: str, name: str, given: Any, schema: Schema) -> Array:
    """Return one number a column, given by name or as a list.

    Parameters
    ----------
    owner : str
        The estimator whose parameter it is.
    name : str
        The parameter's name.
    given : dict or array-like of shape (n_features,)
        Columns that a dict leaves out get 0.
    schema : Schema
        The columns.

    Returns
    -------
    ndarray of shape (n_features,), float64
        The numbers.

    Raises
    ------
    InputError
        For unknown columns and other lengths.
    """
    if isinstance(given, Mapping):
        unknown = [str(key) for key in given if key not in schema.names]
        if unknown:
            raise InputError(
                f"The '{name}' parameter of {owner} names columns that are not there: "
                f"{unknown}."
            )
        given = [given.get(column, 0) for column in schema.names]
    numbers = np.asarray(given, dtype=np.float64)
    if numbers.shape != (len(schema),) or not np.isfinite(numbers).all():
        raise InputError(
            f"The '{name}' parameter of {owner} must hold one number a column, "
            f"{len(schema)}. Got shape {numbers.shape}."
        )
    return numbers


def _choose_on_a_part(
    rows: Encoded, targets: Array, weight: Array, settings: Settings
) -> Settings:
    """Choose on a seeded fifth of the rows what is open, where there are enough."""
    if len(rows) < _FEWEST_TO_CHOOSE:
        return replace(settings, search="greedy")
    order = np.random.default_rng(settings.seed).permutation(len(rows))
    judged, kept = np.split(order, [len(rows) // 5])
    kept.sort()
    judged.sort()

    def part(index: NDArray[np.integer]) -> tuple[Encoded, Array, Array]:
        codes = Encoded(rows.schema, rows.codes[index])
        return codes, targets[index], weight[index]

    trial = fit_tree(*part(kept), settings, HeldOut(*part(judged)))
    return settings.settle(trial)


def _objective(target: Target) -> str:
    """Return what a search is to make small when it is taught this target."""
    if target.task == "regression":
        return "squared_error"
    if target.task == "multilabel":
        return "squared_error" if target.kind == "logits" else "label_disagreement"
    if target.alpha and target.kind != "logits":
        return "expected_disagreement"  # with the teacher and with the label
    return "disagreement"


AnyStudent = TypeVar("AnyStudent", bound=_Student)


def _answer(
    student: AnyStudent, name: str, value: str, known: bool = True
) -> AnyStudent:
    """Replace the "auto" of a parameter, which a subclass may not have."""
    if known and student.get_params().get(name) == "auto":
        student.set_params(**{name: value})
    return student


class _Foreign:
    """The students' contract over the public `fit` and `predict` of a regressor.

    For those of other libraries and for subclasses of ours, whose `fit` may be their
    own: they get rows, not codes. What their `fit` takes is read from its signature.
    """

    def __init__(self, regressor: Any) -> None:
        self.regressor = regressor
        self.ours = isinstance(regressor, _Student)

    @property
    def validation(self) -> str:
        if self.ours and self.regressor.validation == "none":
            return "none"
        if has_fit_parameter(self.regressor, "held_out"):
            return "choose"
        return "watch" if has_fit_parameter(self.regressor, "watch") else "none"

    @property
    def is_open(self) -> bool:
        return self.validation != "none"

    def prepare(self, target: Target) -> "_Foreign":
        copy = self.regressor.prepare(target) if self.ours else clone(self.regressor)
        return _Foreign(copy)

    def quick(self) -> Any:
        return self.regressor.quick() if self.ours else self.regressor

    def learn(self, taught: Taught, judged: Judged | None = None) -> Any:
        """Fit the regressor to rows and return it."""
        further: dict[str, Any] = {}
        weighs = has_fit_parameter(self.regressor, "sample_weight")
        if weighs and taught.weight is not None:
            further["sample_weight"] = taught.weight
        if judged is not None and self.validation == "choose":
            further["held_out"] = (judged.rows, judged.targets, judged.weight)
        if judged is not None and self.validation == "watch":
            further["watch"] = (judged.rows, judged.score)
        return self.regressor.fit(taught.rows, taught.targets, **further)

    def outputs(self, rows: Rows, encoded: Encoded) -> Array:
        outputs = np.asarray(self.regressor.predict(rows), dtype=np.float64)
        return outputs.reshape(len(outputs), -1)


def as_student(given: Any) -> Any:
    """Return a regressor by the students' contract.

    Parameters
    ----------
    given : regressor
        A student of ours or any other, fitted or not.

    Returns
    -------
    student
        One of exactly our three as it is, anything else behind an adapter.
    """
    ours = (CartStudent, BoostedStudent, LinearStudent)
    return given if type(given) in ours else _Foreign(given)
