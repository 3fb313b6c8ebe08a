"""Students: small models that people can read, fitted to target columns.

A student is a regressor on target columns, ``fit(X, y)`` and ``predict(X)``, so that
any multi-output regressor can take its place. These three read categories and missing
values as they are, and after `fit` predict from their frozen form alone.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    check_is_fitted,
)

from interpretkd._validation import (
    InputError,
    check_choice,
    check_integer,
    check_real,
)
from interpretkd.boosting import boost
from interpretkd.induction import grow
from interpretkd.linear import PENALTIES, Linear, fit_linear
from interpretkd.rows import checked_rows, learn_schema
from interpretkd.schema import Codes, Rows, Schema
from interpretkd.trees import Forest, Tree

__all__ = ["BoostedStudent", "CartStudent", "Form", "LinearStudent", "Watch"]

Array = NDArray[np.float64]
Form: TypeAlias = Tree | Forest | Linear
Watch: TypeAlias = tuple[Any, Callable[[Array], float]]

LOSSES = ("auto", "squared_error", "softmax", "sigmoid")
_BATCH = 16_384


class _Student(RegressorMixin, BaseEstimator):
    """What the three share: checks on the way in, the frozen form on the way out."""

    form_: Form
    schema_: Schema
    n_features_in_: int

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
        parts = [self.form_.predict(part) for part in _pieces(rows)]
        outputs = np.concatenate(parts)
        return outputs[:, 0] if self._flat else outputs

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.target_tags.multi_output = True
        return tags

    def _start(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None
    ) -> tuple[Codes, Array, Array | None]:
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        self.schema_, rows = learn_schema(self, X)
        targets = check_array(
            y, dtype=np.float64, ensure_2d=False, input_name="y", estimator=self
        )
        check_consistent_length(rows, targets)
        self._flat = targets.ndim == 1
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, rows, dtype=np.float64, ensure_non_negative=True
            )
        codes = self.schema_.encode(rows)
        return codes, targets.reshape(len(targets), -1), weight


class CartStudent(_Student):
    """One tree with a vector at each leaf.

    Parameters
    ----------
    max_leaves : int or None, default=16
        In [2, inf); with it the tree grows best-first. None for no bound.
    max_depth : int or None, default=None
        In [1, inf); the most tests a row passes. None for no bound.
    min_samples_leaf : int, default=5
        In [1, inf): the fewest training rows a leaf may have; with sample weights,
        their least sum.
    random_state : int, RandomState or None, default=0
        Decides between tests of equal gain.

    Attributes
    ----------
    tree_ : Tree
        The frozen tree, also as `form_`.
    schema_ : Schema
        The columns it reads.

    References
    ----------
    Liu, Wang & Matwin (2018), as told by Alkhulaifi, Alsahli & Ahmad (2020): CART by
    multi-output regression on logits.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"home": ["own", "rent", "own", "free"] * 10})
    >>> student = CartStudent(max_leaves=2).fit(X, [0.0, 1.0, 0.0, 0.0] * 10)
    >>> student.predict(X[:2])
    array([0., 1.])
    """

    form_: Tree

    def __init__(
        self,
        max_leaves: int | None = 16,
        *,
        max_depth: int | None = None,
        min_samples_leaf: int = 5,
        random_state: Any = 0,
    ) -> None:
        self.max_leaves = max_leaves
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.random_state = random_state

    @property
    def tree_(self) -> Tree:
        """The frozen tree."""
        check_is_fitted(self)
        return self.form_

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Grow the tree.

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
        CartStudent
            Itself.
        """
        name = "CartStudent"
        check_integer(name, "max_leaves", self.max_leaves, 2, optional=True)
        check_integer(name, "max_depth", self.max_depth, 1, optional=True)
        check_integer(name, "min_samples_leaf", self.min_samples_leaf, 1)
        codes, targets, weight = self._start(X, y, sample_weight)
        self.form_ = grow(
            self.schema_,
            codes,
            targets,
            weight,
            max_leaves=self.max_leaves,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            seed=_seed(self.random_state),
        )
        return self


class BoostedStudent(_Student):
    """Gradient-boosted trees, one a round and target column.

    Parameters
    ----------
    n_rounds : int, default=400
        In [1, inf): the most rounds.
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
        The score of the watched rows after each round; empty when none were watched.
    schema_ : Schema
        The columns it reads.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(40.0).reshape(-1, 1)
    >>> student = BoostedStudent(n_rounds=50, max_depth=2).fit(X, X[:, 0] ** 2)
    >>> round(student.score(X, X[:, 0] ** 2), 2)
    1.0
    """

    form_: Forest
    scores_: list[float]

    def __init__(
        self,
        n_rounds: int = 400,
        *,
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
            it the rounds end early and the best are kept.

        Returns
        -------
        BoostedStudent
            Itself.
        """
        name = "BoostedStudent"
        check_integer(name, "n_rounds", self.n_rounds, 1)
        check_real(name, "learning_rate", self.learning_rate, 0, 1, closed="right")
        check_integer(name, "max_depth", self.max_depth, 1)
        check_real(name, "min_child_weight", self.min_child_weight, 0, closed="left")
        check_real(name, "subsample", self.subsample, 0, 1, closed="right")
        check_real(name, "column_share", self.column_share, 0, 1, closed="right")
        check_choice(name, "loss", self.loss, LOSSES)
        check_integer(name, "patience", self.patience, 1)
        check_integer(name, "n_jobs", self.n_jobs, 1, optional=True)
        codes, targets, weight = self._start(X, y, sample_weight)
        watched = None
        if watch is not None:
            rows = checked_rows(self, watch[0], reset=False)
            watched = (self.schema_.encode(rows), watch[1])
        self.form_, self.scores_ = boost(
            self.schema_,
            codes,
            targets,
            weight,
            link=_link(name, self.loss, targets),
            n_rounds=self.n_rounds,
            learning_rate=self.learning_rate,
            max_depth=self.max_depth,
            min_child_weight=self.min_child_weight,
            subsample=self.subsample,
            column_share=self.column_share,
            watch=watched,
            patience=self.patience,
            seed=_seed(self.random_state),
            n_jobs=self.n_jobs,
        )
        return self


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

    Attributes
    ----------
    linear_ : Linear
        The frozen coefficients, also as `form_`.
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

    def __init__(
        self,
        penalty: str = "l2",
        *,
        strength: float = 1e-4,
        loss: str = "auto",
        max_iter: int = 500,
    ) -> None:
        self.penalty = penalty
        self.strength = strength
        self.loss = loss
        self.max_iter = max_iter

    @property
    def linear_(self) -> Linear:
        """The frozen coefficients."""
        check_is_fitted(self)
        return self.form_

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
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

        Returns
        -------
        LinearStudent
            Itself.
        """
        name = "LinearStudent"
        check_choice(name, "penalty", self.penalty, PENALTIES)
        check_real(name, "strength", self.strength, 0, closed="left")
        check_choice(name, "loss", self.loss, LOSSES)
        check_integer(name, "max_iter", self.max_iter, 1)
        codes, targets, weight = self._start(X, y, sample_weight)
        self.form_, self.n_iter_ = fit_linear(
            self.schema_,
            codes,
            targets,
            weight,
            link=_link(name, self.loss, targets),
            penalty=self.penalty,
            strength=self.strength,
            max_iter=self.max_iter,
        )
        return self


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


def _pieces(rows: Rows) -> Iterator[Rows]:
    for start in range(0, len(rows), _BATCH):
        piece = slice(start, start + _BATCH)
        yield rows[piece] if isinstance(rows, np.ndarray) else rows.iloc[piece]
