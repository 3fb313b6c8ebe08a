"""Distilling a classifier."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags

from interpretkd._base import Array, InputError, check_choice, check_real
from interpretkd.data import group_positions
from interpretkd.distillation._base import _Distilled
from interpretkd.distillation._recipe import (
    _checked_weight,
    _groups_of_all,
    _methods,
    _origin,
)
from interpretkd.targets import DecisionMixin, Target, check_labels, indicate
from interpretkd.teachers import Teacher, needs_labels
from interpretkd.transfer import TransferSet

TARGETS = ("auto", "hard", "soft", "logits")

_AUTO_TEMPERATURES = (0.5, 1.0, 2.0, 4.0)


class DistilledClassifier(ClassifierMixin, DecisionMixin, _Distilled):
    """A surrogate of a classifier: a readable student fitted to its logits.

    `fit` asks the teacher about every row, turns the logits into target columns, fits
    the student to them and, where there are labels, fits the same student to the
    labels alone: the baseline that shows whether the teacher was of any use.

    What the student was fitted to serves its decisions. Its probabilities are made the
    teacher's when all is settled: the leaves of a tree are filled with the teacher's
    mean probabilities over their rows (with alpha's share of the labels), and any other
    student gets one temperature, from rows it was not fitted to. `predict` is always
    the most probable class.

    Parameters
    ----------
    teacher : estimator or adapter
        ``FrozenEstimator(fitted)`` or an adapter is used as it is; an unfitted
        classifier is cloned and fitted here, to the rows that are not kept for
        validation.
    student : regressor, default=None
        Any regressor that takes several target columns; None for ``CartStudent()``.
    target : {"auto", "hard", "soft", "logits"}, default="auto"
        What the student is fitted to. "auto" tries all of them, the soft ones at four
        temperatures, and takes the one with the highest fidelity on validation rows.
        With labels a `CartStudent` is then compared with the labels' tree, its leaves
        filled by the teacher, and gives way where that agrees more with the teacher.
    temperature : float, default=1.0
        In (0, inf): flattens the targets of ``target="soft"``; any other target
        takes 1.0 alone.
    alpha : float or "auto", default=0.0
        In [0, 1]: the weight of the labels in the targets, and in the probabilities;
        it is the same at every temperature. "auto" tries 0, 0.1, 0.3 and 0.5, and takes
        one above 0 where the student is right about more labels of the validation rows
        by more than one standard error: it is chosen by accuracy, not by fidelity.
    replies : Reply or list of Reply, default=None
        What is taught in the place of the teacher's answers, such as
        `methods.Conditional`.
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
    weights : Weighting, list of Weighting, "auto" or None, default=None
        How much each row counts, such as `methods.Confidence`. "auto" takes this one
        where it gains by more than a standard error on folds of the rows kept, and
        loses nothing on the validation rows.
    view : View, default=None
        What the student reads, such as ``methods.Columns(["age", "amount"])``; None for
        what the teacher reads.
    scheme : Scheme, default=None
        The order of several fits; None for one.
    validation_fraction : float, default=0.2
        In (0, 0.5]: the share of the given rows on which targets are compared and
        boosting is stopped. A student that does not watch rows while it is fitted is
        fitted to all rows in the end.
    random_state : int, RandomState or None, default=None
        Of the validation part; students and teachers have their own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The teacher's classes, in the order of its logits (for a multi-label teacher
        the labels' positions).
    teacher_ : Teacher
        The fitted teacher.
    target_ : Target
        What the student was fitted to; hard targets with alpha 1 for the labels' tree.
    reading_ : Target
        How the student's outputs are read into logits, by ``reading_.decode``: the
        probabilities in the leaves of a tree, or the target's columns at a temperature
        that was found.
    trials_ : tuple of TargetTrial
        The targets that were compared, with their fidelity, then the trees of which
        one was kept; with labels also the labels' tree. Empty for a fixed target and a
        student that is fitted once.
    student_ : estimator
        The fitted student.
    baseline_ : estimator or None
        The same student fitted to the labels; None without labels.
    baseline_reading_ : Target or None
        How the baseline's outputs are read: its probabilities are those of the labels,
        found as the student's are.
    schema_ : Schema
        The columns.
    task_ : {"multiclass", "multilabel"}
        What the teacher decides.
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

    References
    ----------
    Liu, Wang & Matwin (2018), and Hinton, Vinyals & Dean (2015), as told by
    Alkhulaifi, Alsahli & Ahmad (2020), "Knowledge distillation in deep learning and its
    applications".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> import interpretkd as ikd
    >>> X, y = load_iris(return_X_y=True)
    >>> teacher = LogisticRegression(max_iter=1000).fit(X[::2], y[::2])
    >>> student = ikd.CartStudent(max_leaves=3)
    >>> teacher = FrozenEstimator(teacher)
    >>> model = ikd.DistilledClassifier(teacher, student, random_state=0)
    >>> model.fit(X[::2], y[::2]).predict(X[:2])
    array([0, 0])
    >>> print(model.fidelity(X[1::2]))
    0.920 [0.836, 0.963]
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        teacher: Any,
        student: Any = None,
        *,
        target: str = "auto",
        temperature: float = 1.0,
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
        self.target = target
        self.temperature = temperature
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
        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Labels: needed to fit an unfitted teacher, for `alpha`, and for the
            baseline.
        X_unlabelled : array-like or frame of shape (n_further, n_features), optional
            Further rows without labels.
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
        DistilledClassifier
            Itself.

        Raises
        ------
        InputError
            For a parameter out of range, a temperature without soft targets, labels
            the teacher does not know, or a teacher that does not classify.
        """
        name = type(self).__name__
        check_choice(name, "target", self.target, TARGETS)
        check_real(name, "temperature", self.temperature, 0)
        if self.target != "soft" and self.temperature != 1:
            raise InputError(
                f"The 'temperature' parameter of {name} needs target='soft'. Got "
                f"temperature={self.temperature!r} with target={self.target!r}."
            )
        self._check_alpha(y)
        methods = _methods(name, self)
        rows, encoded, n_given = self._begin(X, y, X_unlabelled)
        y = None if y is None else check_labels(y)
        weight = _checked_weight(sample_weight, n_given, len(rows))
        place = None if groups is None else group_positions(groups, n_given)
        said = self._ask_teacher(rows, n_given, y, place, weight, teacher_rows)
        self.classes_ = _classes(self.teacher_, said.logits)
        labels = None
        if y is not None:
            labels = np.full(said.shape, np.nan)
            labels[:n_given] = indicate(y, self.classes_, self.task_)
        transfer_set = TransferSet(
            rows,
            said.logits,
            labels,
            weight,
            encoded,
            said.own,
            origin=_origin(n_given, len(rows)),
            task=self.task_,
            classes=self.classes_,
        )
        groups_of_all = _groups_of_all(place, len(rows))
        self._distil(transfer_set, self._targets(), methods, groups_of_all)
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = needs_labels(self.teacher)
        return tags

    def _strata(self, y: Any) -> NDArray[Any] | None:
        return y if y is not None and y.ndim == 1 else None

    def _targets(self) -> list[Target]:
        alpha = 0.0 if self.alpha == "auto" else self.alpha
        if self.target != "auto":
            return [Target(self.target, self.temperature, alpha, self.task_)]
        soft = [Target("soft", t, alpha, self.task_) for t in _AUTO_TEMPERATURES]
        others = [Target(k, 1.0, alpha, self.task_) for k in ("hard", "logits")]
        return [*soft, *others]


def _classes(teacher: Teacher, logits: Array) -> NDArray[Any]:
    if teacher.classes is not None:
        return teacher.classes
    return np.arange(logits.shape[1])
