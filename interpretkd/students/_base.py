"""The contract of students: what is checked before a fit, what is kept after it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
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
)

from interpretkd._base import Array, InputError
from interpretkd.data import Encoded, Rows, Schema, batches, checked_rows
from interpretkd.models import Form, Tree
from interpretkd.students._boosted.rounds import Score
from interpretkd.students._compiling import saying_when_compiling
from interpretkd.targets import Target

Watch: TypeAlias = tuple[Any, Callable[[Array], float]]

LOSSES = ("auto", "squared_error", "softmax", "sigmoid")

_BATCH = 16_384


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Rows and target columns that a student is fitted to.

    Parameters
    ----------
    rows : DataFrame or ndarray of shape (n_samples, n_features)
        Rows in original columns, for students that are not ours.
    encoded : Encoded
        The same rows as codes, for ours.
    targets : ndarray of shape (n_samples, n_columns) or (n_samples,), float64
        Target columns.
    weight : ndarray of shape (n_samples,), float64, or None
        How much each row counts; None for 1.
    hints : ndarray of shape (n_samples, n_hints), float64, or None, default=None
        Guide columns, in the unit of the target columns: they shape a student that can
        use them (`hint_refusal`), and it never answers them. By name only.
    """

    rows: Rows
    encoded: Encoded
    targets: Array
    weight: Array | None
    hints: Array | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class ValidationData(TrainingData):
    """Held-out rows, on which a student chooses or watches its score.

    Parameters
    ----------
    rows, encoded, targets, weight : DataFrame or ndarray, Encoded, ndarray, ndarray
        As of `TrainingData`.
    score : callable
        Turns predictions of these rows, of shape (n_samples, n_columns), into a
        number, the larger the better.
    hints : ndarray of shape (n_samples, n_hints), float64, or None, default=None
        Not read: nothing is fitted to these rows.
    """

    score: Score


@dataclass(frozen=True, eq=False)
class Contender:
    """One of several students that are tried, where a teacher can tell them apart.

    Parameters
    ----------
    name : str
        What sets it apart, in a few words.
    student : regressor
        Unfitted; nothing is left for it to choose.
    target : Target
        What it is fitted to.
    draw : int or None
        Which draw of further rows it gets; None for none.
    """

    name: str
    student: Any
    target: Target
    draw: int | None


@dataclass(frozen=True, eq=False)
class _Given:
    """What a student of ours is fitted to, checked.

    Parameters
    ----------
    rows : Encoded
        The rows, without those that count nothing.
    targets : ndarray of shape (n_samples, n_columns), float64
        Target columns.
    weight : ndarray of shape (n_samples,), float64, or None
        How much each row counts.
    hints : ndarray of shape (n_samples, n_hints), float64, or None
        Guide columns.
    start : Form or None
        What the fit goes on from.
    """

    rows: Encoded
    targets: Array
    weight: Array | None
    hints: Array | None = None
    start: Form | None = None

    @property
    def weights(self) -> Array:
        """How much each row counts, shape (n_samples,)."""
        return np.ones(len(self.rows)) if self.weight is None else self.weight

    def take(self, index: NDArray[np.integer]) -> "_Given":
        """Return some of the rows, over the columns of all."""
        return replace(
            self,
            rows=Encoded(self.rows.schema, self.rows.codes[index]),
            targets=self.targets[index],
            weight=None if self.weight is None else self.weight[index],
            hints=None if self.hints is None else self.hints[index],
        )


class _Student(RegressorMixin, BaseEstimator, ABC):
    """What every student of ours can do: fit target columns, predict them.

    Higher rooms use only `family`, `validation`, `uses_validation`, `hint_refusal`,
    `weight_refusal`, `continues`, `squares`, `averages`, `prepare`, `without_search`,
    `candidates`, `fit_encoded` and `predict_encoded`: the contract, which `_Foreign`
    keeps for the regressors of other libraries. A new student adds a public `fit` (over
    `_fit_rows`), and implements `_check`, `_fit`, `family` and `hint_refusal`.
    """

    family: str
    form_: Form
    schema_: Schema
    n_features_in_: int
    chosen_: dict[str, Any]

    @property
    def validation(self) -> str:
        """What validation rows are for: "choose", "watch" or "none".

        "choose": a first fit compares alternatives on them and names the best in
        ``chosen_``, as parameters; a second fit with these takes all rows. "watch":
        the one fit stops, or selects, by its score on them, and never learns from
        them. "none": they are not held out.
        """
        return "watch"

    @property
    def uses_validation(self) -> bool:
        """Whether the result depends on validation rows, with these parameters."""
        return self.validation != "none"

    @property
    @abstractmethod
    def hint_refusal(self) -> str | None:
        """Why hints would not change this student, a clause; None where they can."""

    @property
    def weight_refusal(self) -> str | None:
        """Why weights of rows would not change this student; None where they do."""
        return None

    @property
    def continues(self) -> bool:
        """Whether a fit can go on from an earlier student's form, the `start`."""
        return False

    def squares(self, target: Target) -> bool:
        """Say whether columns that are all scaled and moved alike are as good.

        So it is where nothing but a squared error counts, whatever searches for the
        least of it. Steps whose answers are such columns would do nothing then.

        Parameters
        ----------
        target : Target
            What it would be fitted to.

        Returns
        -------
        bool
            Whether it would decide the same; False where that is not known.
        """
        loss = getattr(self, "loss", None)  # a subclass may have fewer parameters
        identity = loss == "auto" and target.link == "identity"
        return loss == "squared_error" or identity

    def averages(self, target: Target) -> bool:
        """Say whether of equal rows only the mean of their target columns counts.

        So it is with a loss that is linear in the columns but for what no fit changes:
        squared errors and cross-entropy. Not so where each row votes for one class.

        Parameters
        ----------
        target : Target
            What it would be fitted to.

        Returns
        -------
        bool
            Whether several answers to a row teach what their mean does.
        """
        return True

    def prepare(self, target: Target) -> Self:
        """Return an unfitted copy; an "auto" that the target decides is replaced."""
        return _replace_auto(clone(self), "loss", "sigmoid", target.link == "sigmoid")

    def without_search(self) -> Self:
        """Return a faster student that ranks targets in the same order."""
        return self

    def candidates(self, target: Target, *, free: bool) -> tuple[Contender, ...]:
        """List students of which the best for a teacher is to be kept, if it is one.

        Parameters
        ----------
        target : Target
            What they are to be fitted to.
        free : bool
            Whether another target may serve.

        Returns
        -------
        tuple of Contender
            In the order in which they are tried; () for a student that is fitted once.
        """
        return ()

    def fit_encoded(
        self,
        training: TrainingData,
        validation: ValidationData | None = None,
        start: Form | None = None,
    ) -> Self:
        """Fit to rows that are encoded already; otherwise as `fit`.

        Parameters
        ----------
        training : TrainingData
            The rows, and what is to be learnt from them.
        validation : ValidationData or None, default=None
            Held-out rows, for what `validation` says.
        start : Form or None, default=None
            What an earlier fit has left, to go on from (`continues`).

        Returns
        -------
        student
            Itself.

        Raises
        ------
        InputError
            For hints or a start that this student can do nothing with.
        """
        self._check()
        checked_rows(self, training.rows[:1], reset=True)
        if start is not None and not self.continues:
            raise InputError(
                f"{self!r} cannot go on from an earlier fit: only a BoostedStudent "
                "without a budget of leaves can."
            )
        given = self._checked(
            training.encoded, training.targets, training.weight, training.hints
        )
        held_out = None if validation is None else self._held_out(validation)
        self._fit_told(replace(given, start=start), held_out)
        return self

    def predict_encoded(self, rows: Rows, encoded: Encoded) -> Array:
        """Predict the target columns, as a matrix, of rows that are encoded already."""
        return self._outputs(batches(encoded.codes, _BATCH), len(encoded))

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
        codes = map(self.form_.schema.encode_checked, batches(rows, _BATCH))
        outputs = self._outputs(codes, len(rows))
        return outputs[:, 0] if self._flat else outputs

    def count_support(
        self, rows: Rows, encoded: Encoded, weight: Array | None = None
    ) -> Self:
        """Count these rows at each node, instead of all that it was fitted to.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Such as the rows that were given, without those that were generated.
        encoded : Encoded
            The same rows as codes.
        weight : ndarray of shape (n_samples,), float64, default=None
            How much each counts; None to leave what the nodes cover as it is.

        Returns
        -------
        student
            Itself. What it predicts stays as it is.
        """
        check_is_fitted(self)
        if isinstance(self.form_, Tree):
            codes = encoded.codes
            if encoded.schema != self.form_.schema:  # a subclass learns its own
                codes = self.form_.schema.encode(rows)
            self._set_tree(self.form_.with_support(codes, weight))
        return self

    def _set_tree(self, tree: Tree) -> None:
        self.form_ = tree

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.target_tags.multi_output = True
        return tags

    def _outputs(self, codes: Iterable[Any], n_rows: int) -> Array:
        outputs = np.empty((n_rows, self.form_.n_outputs))
        for i, part in enumerate(codes):
            outputs[i * _BATCH : (i + 1) * _BATCH] = self.form_.predict_codes(part)
        return outputs

    def _fit_rows(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        watch: Watch | None,
    ) -> Self:
        """Fit to rows in original columns, with rows to watch."""
        given = self._read(X, y, sample_weight)
        held_out = None
        if watch is not None:
            held_out = (self._encode_held_out(watch[0]).codes, watch[1])
        self._fit_told(given, held_out)
        return self

    def _fit_told(self, given: _Given, held_out: Any) -> None:
        """Fit, with a word to the user if code is compiled first."""
        with saying_when_compiling():
            self._fit(given, held_out)

    def _read(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None
    ) -> _Given:
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
        return self._checked(rows, y, weight)

    def _checked(
        self,
        rows: Encoded,
        y: ArrayLike,
        weight: Array | None,
        hints: ArrayLike | None = None,
    ) -> _Given:
        self.schema_ = rows.schema
        targets = check_array(
            y, dtype=np.float64, ensure_2d=False, input_name="y", estimator=self
        )
        check_consistent_length(rows.codes, targets)
        self._flat = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        if hints is not None:
            hints = self._checked_hints(rows, hints)
        given = _Given(rows, targets, weight, hints)
        if weight is None or weight.all() or not weight.any():
            return given
        # A row without weight is as good as absent.
        return given.take(np.flatnonzero(weight > 0))

    def _checked_hints(self, rows: Encoded, given: ArrayLike) -> Array | None:
        """Return the guide columns; None where none of them tells rows apart."""
        if self.hint_refusal is not None:
            raise InputError(f"Hints would change nothing: {self.hint_refusal}.")
        hints: Array = check_array(
            given, dtype=np.float64, input_name="hints", ensure_min_features=0
        )
        check_consistent_length(rows.codes, hints)
        hints = hints[:, np.ptp(hints, axis=0) > 0]
        return hints if hints.shape[1] else None

    def _encode_held_out(self, X: ArrayLike) -> Encoded:
        rows = checked_rows(self, X, reset=False)
        return Encoded(self.schema_, self.schema_.encode(rows))

    @abstractmethod
    def _check(self) -> None:
        """Check the parameters."""

    @abstractmethod
    def _fit(self, given: _Given, held_out: Any) -> None:
        """Fit the form to target columns."""

    def _held_out(self, validation: ValidationData) -> Any:
        """Return validation rows in the form that `_fit` takes."""
        return validation.encoded.codes, validation.score


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


_AnyStudent = TypeVar("_AnyStudent", bound=_Student)


def _replace_auto(
    student: _AnyStudent, name: str, value: str, known: bool = True
) -> _AnyStudent:
    """Replace the "auto" of a parameter, which a subclass may not have."""
    if known and student.get_params().get(name) == "auto":
        student.set_params(**{name: value})
    return student
