"""Several teachers as one: mixed logits, mixed probabilities, or votes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_regressor
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, column_or_1d

from interpretkd._base import Array, InputError, check_choice, check_real, one_line
from interpretkd.data import (
    as_columns,
    group_positions,
    hold_out,
    take_rows,
    to_pandas,
)
from interpretkd.targets import Answers, check_labels, indicate
from interpretkd.teachers._base import Teacher, as_teacher
from interpretkd.teachers._composite import (
    _check_labels_given,
    _check_part,
    _Composite,
    _fitted_part,
    _told,
    _told_of,
)
from interpretkd.teachers._fitted import is_fitted
from interpretkd.teachers._member_weights import (
    _agreement_weights,
    _given_weights,
    _validated_weights,
)
from interpretkd.teachers._members import _in_one_order
from interpretkd.teachers._mixing import _mixed

_HOW = ("logits", "probabilities", "votes")
_CHOSEN = ("validation", "agreement")
_FEWEST_HELD_OUT = 2


@dataclass(frozen=True, eq=False)
class _Mixture:
    """Fitted members in one order of classes, and their weights."""

    estimators: tuple[Any, ...]
    members: tuple[Teacher, ...]
    weights: Array
    how: str

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        pairs = zip(self.members, self.weights, strict=True)
        return tuple(member for member, weight in pairs if weight > 0)

    @property
    def task(self) -> str:
        return self.members[0].task

    @property
    def classes(self) -> NDArray[Any] | None:
        return self.members[0].classes

    def answers(self, X: Any) -> Answers:
        said = [teacher.answers(X) for teacher in self.teachers]
        return _mixed(said, self.weights[self.weights > 0], self.how, self.task)


class EnsembleTeacher(_Composite):
    """Several teachers that answer as one, wherever a teacher goes.

    Parameters
    ----------
    members : list of estimator or adapter
        One or more, of the same task and the same classes; classes in another order
        are brought into that of the first. A fitted one is used as it is, frozen or
        not; any other is cloned and fitted by `fit`, with the seed it was given.
    how : {"logits", "probabilities", "votes"}, default="logits"
        What is mixed. "logits": ``z = sum v_m z_m``, so that who speaks of larger
        logits counts more. "probabilities": ``z = log sum v_m p_m``, but for a constant
        of the row (the log-odds of it, for labels). "votes": the share of members, by
        weight, that decide for a class, each by its own `predict`, and a millionth of
        the mean probability, which decides between equally many votes. Regression has
        "logits" alone: the mean of the values.
    weights : {"validation", "agreement"}, array of shape (n_members,) or None, optional
        How much each member counts; they are made to sum to 1. None for all equally.
        "validation": those with which the mixture tells labels best on held-out rows,
        by cross-entropy, each member at the temperature that suits it there, each vote
        at the shares of labels that it meets there (by the squared error of the
        values, for regression). "agreement", without labels: the leading eigenvector
        of the matrix of Cohen's kappas (correlations, for regression), so that a member
        counts as much as those that it agrees with.
    validation_fraction : float, default=0.2
        In (0, 0.5]: the share of the rows given to `fit` that is kept from members
        fitted here, for "validation" and "agreement". Where all members were fitted
        before, all rows serve.
    random_state : int, RandomState or None, default=None
        Of the rows that are kept; members have their own.

    Attributes
    ----------
    members_ : tuple of Teacher
        The fitted members; all have the classes in the order of `classes_`.
    estimators_ : tuple of estimator
        The fitted members as they are: ``EnsembleTeacher(estimators_, how=how,
        weights=weights_)`` is the same ensemble.
    weights_ : ndarray of shape (n_members,), float64
        In [0, 1]; they sum to 1. A member of weight 0 is never asked.
    validation_rows_ : ndarray of int
        The positions, in the `X` given to `fit`, of the rows on which weights were
        chosen; absent before `fit`.
    classes_ : ndarray of shape (n_classes,)
        The classes, in the order of the logits.
    task_ : {"multiclass", "multilabel", "regression"}
        What they do.
    n_parameters, size_bytes : int or None
        Of all members together; None where one cannot be counted.

    Notes
    -----
    Measured here (rows 12 and 12b of docs/methods.md: five networks, nine or ten sets):
    a tree of 16 leaves agrees with the ensemble by +0.4 ± 0.6 points more than with one
    network, significant nowhere; with weights by validation its accuracy is +0.6 ± 0.7
    points, and a teacher that was spoilt gets a weight below 0.05.

    If all members are fitted, and the weights are None or given, nothing is left to
    fit. Weights are honest only of rows that no member was fitted to: of fitted members
    nobody here knows which these are, so give `fit` others than they had. The weights
    of members much alike say little: what they share can be given to either.

    Asking costs what all members of weight above 0 cost together. One member, or equal
    ones, is that teacher to the last bit, with decisions of its own (for "votes" in its
    decisions). On nine samples of German credit, Connect-4 and digits a fourth network,
    taught shuffled labels, got a weight of 0.000 by "validation" and of at most 0.055
    by "agreement". A tree of 16 leaves agreed with three networks in 0 to 9 rows of a
    hundred more than with one of them (greedy search; the refined one gained nothing
    in other trials).

    References
    ----------
    Hinton, Vinyals & Dean (2015), "Distilling the knowledge in a neural network",
    section 1 (means of predictions); Chebotar & Waters (2016), "Distilling knowledge
    from ensembles of neural networks for speech recognition" (weights by validation);
    the graph over teachers as told by Abbasi, Hajabdollahi, Karimi & Samavi (2020),
    "Modeling teacher-student techniques in deep neural networks for knowledge
    distillation".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = load_iris(return_X_y=True)
    >>> members = [LogisticRegression(max_iter=1000), GaussianNB()]
    >>> teacher = EnsembleTeacher(members, how="probabilities").fit(X[::2], y[::2])
    >>> teacher.weights_
    array([0.5, 0.5])
    >>> round(teacher.score(X[1::2], y[1::2]), 2)
    0.96
    """

    validation_rows_: NDArray[np.int64]

    def __init__(
        self,
        members: Sequence[Any],
        *,
        how: str = "logits",
        weights: Any = None,
        validation_fraction: float = 0.2,
        random_state: Any = None,
    ) -> None:
        self.members = members
        self.how = how
        self.weights = weights
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the members that are not fitted, and choose the weights.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Labels or values: needed for members that are not fitted, and for
            ``weights="validation"``.
        groups : array-like of shape (n_samples,), default=None
            What the rows belong to: whole groups are kept for the weights. Passed on
            to members that take groups.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts; passed on to members that take weights.
            The members' own weights are chosen on the rows above 0, which count alike.

        Returns
        -------
        EnsembleTeacher
            Itself.

        Raises
        ------
        InputError
            For settings out of range, members that differ in task or classes, and
            labels that they do not know.
        """
        parts, name = self._checked_parts(), type(self).__name__
        _check_labels_given(name, self.needs_labels, y)
        given = self._learn_columns(X)
        frame = to_pandas(given)
        rows = np.asarray(given) if frame is None else frame
        if y is not None:
            check_consistent_length(rows, y)
            y = _one_column(y) if isinstance(self.weights, str) else y
        told = _told(len(rows), groups, sample_weight)
        kept, held_out = self._split(parts, len(rows), y, groups)
        if len(kept) < len(rows):
            own = None if y is None else y[kept]
            seen: tuple[Any, ...] = (take_rows(rows, kept), own, _told_of(told, kept))
        else:
            seen = (given, y, told)
        if sample_weight is not None:
            held_out = _counted(held_out, told["sample_weight"])
        fitted = [_fitted_part(part, *seen) for part in parts]
        members = self._together(fitted)
        weights = self._told_weights(len(members))
        if weights is None:
            held_y = None if y is None else y[held_out]
            weights = self._chosen_weights(members, take_rows(rows, held_out), held_y)
        self._made = _Mixture(tuple(fitted), members, weights, self.how)
        self.validation_rows_ = held_out
        return self

    @property
    def members_(self) -> tuple[Teacher, ...]:
        """The fitted members, with the classes in one order."""
        return self._mixture().members

    @property
    def estimators_(self) -> tuple[Any, ...]:
        """The fitted members as they are."""
        return self._mixture().estimators

    @property
    def weights_(self) -> Array:
        """How much each member counts."""
        return self._mixture().weights

    @property
    def needs_labels(self) -> bool:
        """Whether `fit` cannot do without labels."""
        return _is(self.weights, "validation") or super().needs_labels

    def _mixture(self) -> _Mixture:
        made = self._ready()
        assert isinstance(made, _Mixture)
        return made

    def _parts(self) -> list[Any]:
        return list(self.members) if isinstance(self.members, list | tuple) else []

    def _checked_parts(self) -> list[Any]:
        """Check the settings; return the members."""
        name, parts = type(self).__name__, self._parts()
        if not parts:
            raise InputError(
                f"The 'members' parameter of {name} must be a list of one or more "
                f"teachers. Got {one_line(repr(self.members))}."
            )
        for part in parts:
            _check_part(name, part)
        check_choice(name, "how", self.how, _HOW)
        share = self.validation_fraction
        check_real(name, "validation_fraction", share, 0, 0.5, closed="right")
        if isinstance(self.weights, str) and self.weights not in _CHOSEN:
            _given_weights(name, self.weights, len(parts))
        return parts

    def _needs_no_fit(self) -> bool:
        return not isinstance(self.weights, str) and super()._needs_no_fit()

    def _make(self, parts: list[Any]) -> _Mixture:
        parts = self._checked_parts()
        members = self._together(parts)
        weights = self._told_weights(len(members))
        assert weights is not None  # see `_needs_no_fit`
        return _Mixture(tuple(parts), members, weights, self.how)

    def _together(self, fitted: list[Any]) -> tuple[Teacher, ...]:
        """Bring the members' classes into one order."""
        name = type(self).__name__
        members = _in_one_order(name, [as_teacher(part) for part in fitted])
        if members[0].task == "regression" and self.how != "logits":
            raise InputError(
                f"The 'how' parameter of {name} must be 'logits' for members that "
                f"predict values: their mean. Got {self.how!r}."
            )
        return members

    def _told_weights(self, n_members: int) -> Array | None:
        """Return weights that need no rows; None where they are chosen."""
        if isinstance(self.weights, str):
            return None
        given = np.ones(n_members) if self.weights is None else self.weights
        return _given_weights(type(self).__name__, given, n_members)

    def _chosen_weights(
        self, members: tuple[Teacher, ...], rows: Any, y: NDArray[Any] | None
    ) -> Array:
        """Choose weights on rows that the members were not fitted to here."""
        said, task = [member.answers(rows) for member in members], members[0].task
        if y is None or self.weights == "agreement":
            return _agreement_weights(said, task)
        classes = members[0].classes
        if task == "regression":
            targets = as_columns(y)
        else:
            known = np.arange(said[0].shape[1]) if classes is None else classes
            targets = indicate(check_labels(y), known, task)
        _check_alike(said, targets)
        return _validated_weights(said, targets, self.how, task)

    def _split(
        self, parts: list[Any], n_rows: int, y: Any, groups: ArrayLike | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows that members are fitted to, and those for the weights."""
        rows = np.arange(n_rows)
        if not isinstance(self.weights, str):
            return rows, rows[:0]
        if all(is_fitted(part) for part in parts):
            return rows, rows
        size = round(self.validation_fraction * n_rows)
        if size < _FEWEST_HELD_OUT:
            raise InputError(
                f"{type(self).__name__} keeps {self.validation_fraction:g} of the rows "
                f"to choose weights on, at least {_FEWEST_HELD_OUT}. Got n_samples = "
                f"{n_rows}."
            )
        seed = check_random_state(self.random_state)
        if groups is not None:
            return hold_out(rows, size, seed, None, group_positions(groups, n_rows))
        labels = None if y is None or is_regressor(self) else y
        if labels is None or labels.ndim > 1:
            return hold_out(rows, size, seed)
        place, counts = np.unique(labels, return_inverse=True, return_counts=True)[1:]
        free = rows[counts[place] > 1]  # the only row of a class teaches it
        if len(free) <= size:
            return hold_out(rows, size, seed)
        held_out = hold_out(free, size, seed, place[free])[1]
        return np.setdiff1d(rows, held_out), held_out


def _one_column(y: Any) -> NDArray[Any]:
    labels = np.asarray(y)
    is_column = labels.ndim == 2 and labels.shape[1] == 1
    return column_or_1d(labels, warn=True) if is_column else labels


def _counted(rows: NDArray[np.int64], weight: Array) -> NDArray[np.int64]:
    """Return the rows that count something; all, where too few do."""
    counted = rows[weight[rows] > 0]
    return counted if len(counted) >= _FEWEST_HELD_OUT else rows


def _is(weights: Any, name: str) -> bool:
    return isinstance(weights, str) and weights == name


def _check_alike(said: Sequence[Answers], targets: Array) -> None:
    for answers in said:
        if answers.shape != targets.shape:
            raise InputError(
                f"The values y must be of shape {answers.shape}, as the members "
                f"predict them. Got {targets.shape}."
            )
