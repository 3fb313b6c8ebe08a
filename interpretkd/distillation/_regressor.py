"""Distilling a regressor."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_array

from interpretkd._base import Array
from interpretkd.data import group_positions
from interpretkd.distillation._base import _Distilled
from interpretkd.distillation._recipe import (
    _checked_weight,
    _groups_of_all,
    _methods,
    _origin,
)
from interpretkd.targets import Target
from interpretkd.teachers import has_tags, needs_labels
from interpretkd.transfer import TransferSet


class DistilledRegressor(RegressorMixin, _Distilled):
    """A surrogate of a regressor: a readable student fitted to what it predicts.

    Parameters
    ----------
    teacher : estimator or adapter
        ``FrozenEstimator(fitted)`` or an adapter is used as it is; an unfitted
        regressor is cloned and fitted here, to the rows that are not kept for
        validation.
    student : regressor, default=None
        None for ``CartStudent()``.
    alpha : float or "auto", default=0.0
        In [0, 1]: the weight of the labels in the targets. "auto" tries 0, 0.1, 0.3 and
        0.5, and takes one above 0 where the student is closer to the labels of the
        validation rows by more than one standard error.
    replies : Reply or list of Reply, default=None
        What is taught in the place of the teacher's answers, such as
        `methods.Smoothed`.
    hints : Hint or list of Hint, default=None
        Guide columns that shape the student's tests, such as `methods.Features` of a
        hidden layer; refused where they cannot do anything.
    transfer : {"auto", "mix", "resample", None}, callable, RowGenerator, Auto or \
            list, default="auto"
        Further rows about which the teacher is asked, with together at most the weight
        of the given ones: drawn between neighbours ("mix"), with cells of neighbours
        ("resample"), by a function ``(schema, codes, n_rows, rng) -> codes``, or by
        the steps of `methods`, one after another. "auto" is for a student that searches
        (`CartStudent`) while `alpha` is 0: below 20,000 rows that are no images it
        draws `methods.Local` rows unless the student is clearly better without them on
        the validation rows; so does ``methods.Auto(step)`` with a step. With such rows
        several trees are fitted to all the given ones, with draws and without, and the
        one is kept that agrees most with the teacher on rows drawn afresh and on the
        given ones (`trials_`); of images, and from 20,000 rows on, they are fitted
        without the validation rows, and compared on these. Rows that are asked for by
        name are in every tree. None for one tree and no questions.
    weights : Weighting, list of Weighting or None, default=None
        How much each row counts, such as `methods.Error`.
    view : View, default=None
        What the student reads, such as ``methods.Columns(["age", "amount"])``; None for
        what the teacher reads.
    scheme : Scheme, default=None
        The order of several fits; None for one.
    validation_fraction : float, default=0.2
        In (0, 0.5]: the share of the given rows on which boosting is stopped.
    random_state : int, RandomState or None, default=None
        Of the validation part; students and teachers have their own.

    Attributes
    ----------
    teacher_ : Teacher
        The fitted teacher.
    target_ : Target
        What the student was fitted to.
    reading_ : Target
        How the student's outputs are read: as they were fitted, for values.
    student_ : estimator
        The fitted student.
    baseline_ : estimator or None
        The same student fitted to the labels; None without labels.
    baseline_reading_ : Target or None
        How the baseline's outputs are read.
    schema_ : Schema
        The columns.
    task_ : "regression"
        What the teacher does.
    validation_rows_ : ndarray of int
        The positions, in the `X` given to `fit`, of the validation rows.
    n_asked_ : int
        The made rows that the student was fitted to; one counts once, however often it
        was repeated.
    queries_ : int
        The rows about which the teacher was asked in the whole fit: a given one each
        time it occurs, a further one once. Those about which single members of an
        ensemble were asked count for each of them.
    recipe_ : tuple of str
        The steps, each as a sentence.
    memorised_ : str
        By how much the teacher is better on the labelled rows that it was fitted to
        than on others, in a sentence; "" where it is not, or that is not known.
    transfer_set_ : TransferSet or None
        What the student was fitted to, after all steps; ``.to_frame()`` shows each row
        with its origin, its weight and the teacher's decision. None for a loaded model.
    view_ : View or None
        The fitted view.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> import interpretkd as ikd
    >>> X, y = load_diabetes(return_X_y=True)
    >>> teacher = RandomForestRegressor(n_estimators=20, random_state=0)
    >>> model = ikd.DistilledRegressor(teacher, ikd.CartStudent(8), random_state=0)
    >>> model = model.fit(X, y)
    >>> model.predict(X).shape
    (442,)
    """

    def __init__(
        self,
        teacher: Any,
        student: Any = None,
        *,
        alpha: Any = 0.0,
        replies: Any = None,
        hints: Any = None,
        transfer: Any = "auto",
        weights: Any = None,
        view: Any = None,
        scheme: Any = None,
        validation_fraction: float = 0.2,
        random_state: Any = None,
    ) -> None:
        self.teacher = teacher
        self.student = student
        self.alpha = alpha
        self.replies = replies
        self.hints = hints
        self.transfer = transfer
        self.weights = weights
        self.view = view
        self.scheme = scheme
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        X_unlabelled: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        teacher_rows: ArrayLike | None = None,
    ) -> Self:
        """Distil the teacher.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows for the teacher to be asked about, best ones it was not trained on.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            True values: needed to fit an unfitted teacher, for `alpha`, and for the
            baseline.
        X_unlabelled : array-like or frame of shape (n_further, n_features), optional
            Further rows without values.
        sample_weight : array-like of shape (n_samples,), default=None
            In [0, inf): how much each row counts, for student, baseline and all that is
            chosen, and for a teacher that is fitted here, if its `fit` takes it. Only
            shares matter: their mean becomes 1, and further rows count 1.
        groups : array-like of shape (n_samples,), default=None
            What the rows belong to - a customer, a patient, a series -: none is among
            the validation rows and among the others. Passed on to a teacher that is
            fitted here, if its `fit` takes groups.
        teacher_rows : array-like of shape (n_samples,), bool, default=None
            Which of the rows a frozen teacher was fitted to: it may know them by heart.
            Then the validation rows, on which is chosen, are others - unless these are
            fewer than twice as many, or there are groups -, and `memorised_` says by
            how much the teacher is better on its own. None where that is not known.

        Returns
        -------
        DistilledRegressor
            Itself.

        Raises
        ------
        InputError
            For a parameter out of range or a teacher that classifies.
        """
        self._check_alpha(y)
        methods = _methods(type(self).__name__, self)
        rows, encoded, n_given = self._begin(X, y, X_unlabelled)
        if y is not None:
            y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        weight = _checked_weight(sample_weight, n_given, len(rows))
        place = None if groups is None else group_positions(groups, n_given)
        logits = self._ask_teacher(rows, n_given, y, place, weight, teacher_rows).logits
        labels = None
        if y is not None:
            labels = np.full(logits.shape, np.nan)
            labels[:n_given] = y.reshape(n_given, -1)
        alpha = 0.0 if self.alpha == "auto" else self.alpha
        target = Target("logits", alpha=alpha, task="regression")
        self._flat = logits.shape[1] == 1
        origin = _origin(n_given, len(rows))
        transfer_set = TransferSet(
            rows, logits, labels, weight, encoded, origin=origin, task="regression"
        )
        groups_of_all = _groups_of_all(place, len(rows))
        self._distil(transfer_set, [target], methods, groups_of_all)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the student's values.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted values.
        """
        values = self.logits(X)
        return values[:, 0] if self._flat else values

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = needs_labels(self.teacher)
        if has_tags(self.teacher):
            of_teacher = get_tags(self.teacher).target_tags
            tags.target_tags.multi_output = of_teacher.multi_output
        return tags
