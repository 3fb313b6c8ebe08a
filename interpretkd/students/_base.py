"""What students share: checks on the way in, the frozen form on the way out."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    check_is_fitted,
)

from interpretkd._base import Array, InputError
from interpretkd.data import Encoded, Rows, Schema, batches, checked_rows
from interpretkd.models import Form
from interpretkd.students._boosted.rounds import Score
from interpretkd.targets import Target

Watch: TypeAlias = tuple[Any, Callable[[Array], float]]

LOSSES = ("auto", "squared_error", "softmax", "sigmoid")

_BATCH = 16_384


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
    rows : DataFrame or ndarray of shape (n_samples, n_features)
        Rows in original columns, for students that are not ours.
    encoded : Encoded
        The same rows, for ours.
    targets : ndarray of shape (n_samples, n_columns) or (n_samples,), float64
        Target columns.
    weight : ndarray of shape (n_samples,), float64, or None
        How much each row counts; None for 1.
    score : callable
        Turns predictions of these rows, of shape (n_samples, n_columns), into a
        number, the larger the better.
    """

    score: Score


class _Student(RegressorMixin, BaseEstimator, ABC):
    """What the three share: checks on the way in, the frozen form on the way out.

    Whoever distils asks for no more than `family`, `validation`, `is_open`, `prepare`,
    `quick`, `learn` and `outputs`: the contract, which `_Foreign` keeps too.
    """

    family: str
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

    @abstractmethod
    def _check(self) -> None:
        """Check the parameters."""

    @abstractmethod
    def _fit(
        self, rows: Encoded, targets: Array, weight: Array | None, held_out: Any
    ) -> None:
        """Fit the form to target columns."""

    def _heed(self, judged: Judged) -> Any:
        """Return what of held-out rows `_fit` asks for."""
        return judged.encoded.codes, judged.score


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


AnyStudent = TypeVar("AnyStudent", bound=_Student)


def _answer(
    student: AnyStudent, name: str, value: str, known: bool = True
) -> AnyStudent:
    """Replace the "auto" of a parameter, which a subclass may not have."""
    if known and student.get_params().get(name) == "auto":
        student.set_params(**{name: value})
    return student
