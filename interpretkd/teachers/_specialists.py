"""A teacher of all classes, with teachers of some of them that are asked where due."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax
from sklearn.utils.validation import check_consistent_length

from interpretkd._base import Array, InputError, check_integer, one_line
from interpretkd.data import take_rows, to_pandas
from interpretkd.targets import Answers, decide, probabilities
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
from interpretkd.teachers._panels import _agreed_shares


@dataclass(frozen=True, eq=False)
class _Specialist:
    """A teacher of some classes.

    Parameters
    ----------
    teacher : Teacher
        Its logits have a column a class of its own.
    own : ndarray of int
        Which of the general teacher's classes are its own.
    columns : ndarray of int
        Which of its columns are these, in the same order.
    knows_rest : bool
        Whether its other columns say how likely it is none of them.
    """

    teacher: Teacher
    own: NDArray[np.int64]
    columns: NDArray[np.int64]
    knows_rest: bool

    def shares(self, X: Any, general: Array) -> Array:
        """Return the probability of each of its classes, then that of the rest."""
        said = probabilities(self.teacher.logits(X))
        own = said[:, self.columns]
        if self.knows_rest:
            return np.column_stack([own, np.maximum(1 - own.sum(axis=1), 0)])
        mass = general[:, self.own].sum(axis=1)
        return np.column_stack([own * mass[:, None], 1 - mass])


@dataclass(frozen=True, eq=False)
class _Panel:
    """The fitted general teacher and its specialists."""

    general: Teacher
    specialists: tuple[_Specialist, ...]
    n_likeliest: int

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        return (self.general, *(s.teacher for s in self.specialists))

    @property
    def task(self) -> str:
        return "multiclass"

    @property
    def classes(self) -> NDArray[Any] | None:
        return self.general.classes

    def answers(self, X: Any) -> Answers:
        said = self.general.answers(X)
        asked = self._asked(said)
        if not asked.any():
            return said
        logits, logs = said.logits.copy(), log_softmax(said.logits, axis=1)
        due = np.flatnonzero(asked.any(axis=1))
        frame = to_pandas(X)
        rows = np.asarray(X) if frame is None else frame
        shares = []
        for specialist, column in zip(self.specialists, asked.T, strict=True):
            found = np.full((len(said), len(specialist.own) + 1), np.nan)
            place = np.flatnonzero(column)
            if len(place):
                general = np.exp(logs[place])
                found[place] = specialist.shares(take_rows(rows, place), general)
            shares.append(found[due])
        own = [specialist.own for specialist in self.specialists]
        agreed = _agreed_shares(np.exp(logs[due]), own, shares, asked[due])
        logits[due] = np.log(np.maximum(agreed, 1e-300))
        if said.own is None:
            return Answers(logits)
        decided = np.where(asked.any(axis=1), decide(logits), said.own)
        return Answers(logits, decided)

    def _asked(self, said: Answers) -> NDArray[np.bool_]:
        """Tell for each row which specialists know one of the likeliest classes."""
        order = np.argsort(-said.logits, axis=1, kind="stable")[:, : self.n_likeliest]
        columns = [np.isin(order, s.own).any(axis=1) for s in self.specialists]
        return np.stack(columns, axis=1) if columns else np.zeros((len(said), 0), bool)


class SpecialistTeacher(_Composite):
    """A teacher of all classes, helped by teachers of some that are easily confused.

    Where one of a specialist's classes is among the likeliest, it is asked as well, and
    the answer is the distribution nearest to what all that were asked say.

    Parameters
    ----------
    general : estimator or adapter
        A classifier of all classes.
    specialists : dict of tuple to estimator or adapter
        By the classes that it is for, such as ``{("4", "9"): expert}``, a classifier of
        these alone; of these and one further class, the rest; or of all classes. They
        may overlap. Fitted ones are used as they are, frozen or not; any other is
        cloned and fitted by `fit`, to the rows of its classes alone.
    n_likeliest : int, default=1
        In [1, n_classes]: a specialist is asked about a row where one of its classes
        is among so many of the general teacher's likeliest.

    Attributes
    ----------
    general_ : Teacher
        The fitted general teacher.
    specialists_ : dict of tuple to Teacher
        The fitted specialists. ``SpecialistTeacher(general_.estimator, {classes:
        teacher.estimator for classes, teacher in specialists_.items()})`` is the same
        teacher.
    classes_ : ndarray of shape (n_classes,)
        The general teacher's.
    n_parameters, size_bytes : int or None
        Of all of them together; None where one cannot be counted.

    Notes
    -----
    Measured here (row 14 of docs/methods.md: digits and MNIST, a specialist for two
    pairs of digits): the student's accuracy -0.1 ± 5.3 points, not significant.

    Of the general teacher's probabilities p_g and those p_m of the specialists asked
    about a row, over their classes S_m and the rest, the answer is the q for which
    ``KL(p_g || q) + sum_m KL(p_m || q over S_m and the rest)`` is least. With one of
    them that is the mean: in S_m ``(p_g + p_m) / 2``; outside, p_g times one factor. A
    specialist that knows its classes alone takes the share of the rest from the general
    teacher: it divides what that one gives to S_m. With several it is found by
    alternating steps, to 1e-9.

    Without specialists, and where none is asked, the answer is the general teacher's to
    the last bit, with decisions of its own; elsewhere the likeliest class is decided.
    Each specialist is asked about its rows alone, so the cost is that of the general
    teacher and a share of the others'.

    For teachers of different columns see `ColumnsTeacher`.

    References
    ----------
    Hinton, Vinyals & Dean (2015), "Distilling the knowledge in a neural network",
    section 5.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = load_iris(return_X_y=True)
    >>> expert = LogisticRegression(max_iter=1000)
    >>> teacher = SpecialistTeacher(GaussianNB(), {(1, 2): expert}).fit(X[::2], y[::2])
    >>> round(teacher.score(X[1::2], y[1::2]), 2)
    0.96
    """

    def __init__(
        self,
        general: Any,
        specialists: Mapping[tuple[Any, ...], Any],
        *,
        n_likeliest: int = 1,
    ) -> None:
        self.general = general
        self.specialists = specialists
        self.n_likeliest = n_likeliest

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit what is not fitted: the general teacher to all rows, others to theirs.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.
        y : array-like of shape (n_samples,), default=None
            Classes; needed where something is to be fitted.
        groups : array-like of shape (n_samples,), default=None
            What the rows belong to; passed on where `fit` takes groups.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts; passed on to teachers that take weights.

        Returns
        -------
        SpecialistTeacher
            Itself.

        Raises
        ------
        InputError
            For classes that the general teacher does not know, and for specialists
            that do not know theirs.
        """
        name = type(self).__name__
        keys = self._checked_keys()
        _check_labels_given(name, self.needs_labels, y)
        given = self._learn_columns(X)
        told = _told(np.shape(given)[0], groups, sample_weight)
        general = _fitted_part(self.general, given, y, told)
        parts = [general]
        for classes, part in zip(keys, self._parts()[1:], strict=True):
            if not is_fitted(part):
                part = _fitted_part(part, *_of_classes(classes, given, y, told))
            parts.append(part)
        self._made = self._make(parts)
        return self

    @property
    def general_(self) -> Teacher:
        """The fitted general teacher."""
        return self._panel().general

    @property
    def specialists_(self) -> dict[tuple[Any, ...], Teacher]:
        """The fitted specialists by their classes."""
        found = [specialist.teacher for specialist in self._panel().specialists]
        return dict(zip(self._checked_keys(), found, strict=True))

    def _panel(self) -> _Panel:
        made = self._ready()
        assert isinstance(made, _Panel)
        return made

    def _parts(self) -> list[Any]:
        is_dict = isinstance(self.specialists, Mapping)
        return [self.general, *(self.specialists.values() if is_dict else ())]

    def _checked_keys(self) -> list[tuple[Any, ...]]:
        """Check the settings; return the specialists' classes."""
        name = type(self).__name__
        if not isinstance(self.specialists, Mapping):
            raise InputError(
                f"The 'specialists' parameter of {name} must be a dict of teachers by "
                f"tuples of their classes. Got {one_line(repr(self.specialists))}."
            )
        for classes in self.specialists:
            is_tuple = isinstance(classes, tuple) and len(classes) > 0
            if not is_tuple or len(set(classes)) < len(classes):
                raise InputError(
                    f"The 'specialists' parameter of {name} must have tuples of "
                    'different classes as its keys, such as ("4", "9"). Got '
                    f"{one_line(repr(classes))}."
                )
        for part in self._parts():
            _check_part(name, part)
        check_integer(name, "n_likeliest", self.n_likeliest, 1)
        return list(self.specialists)

    def _make(self, parts: list[Any]) -> _Panel:
        name, keys = type(self).__name__, self._checked_keys()
        general = as_teacher(parts[0])
        if general.task != "multiclass" or general.classes is None:
            raise InputError(
                f"The 'general' teacher of {name} must be a classifier that knows the "
                f"names of its classes. Got a {type(general.estimator).__name__} that "
                f"does {general.task}; tell an adapter its classes with classes=..."
            )
        check_integer(name, "n_likeliest", self.n_likeliest, 1, len(general.classes))
        panel = [
            _specialist(general.classes, key, as_teacher(part))
            for key, part in zip(keys, parts[1:], strict=True)
        ]
        return _Panel(general, tuple(panel), int(self.n_likeliest))


def _specialist(
    known: NDArray[Any], key: tuple[Any, ...], teacher: Teacher
) -> _Specialist:
    """Find a specialist's classes among those of the general teacher, and its own."""
    who = f"The specialist of {one_line(repr(key))}"
    own = _places(key, known)
    if (own < 0).any() or len(key) == len(known):
        raise InputError(
            f"{who} must be for some of the general teacher's classes, "
            f"{one_line(repr(known.tolist()[:20]))}, as these are written."
        )
    if teacher.task != "multiclass" or teacher.classes is None:
        raise InputError(
            f"{who} must be a classifier that knows the names of its classes. Got a "
            f"{type(teacher.estimator).__name__} that does {teacher.task}."
        )
    classes = teacher.classes
    columns = _places(key, classes)
    others = [c for c in classes.tolist() if c not in key]
    is_rest = len(others) == 1 and others[0] not in known.tolist()
    is_all = set(classes.tolist()) == set(known.tolist())
    if (columns < 0).any() or not (not others or is_rest or is_all):
        raise InputError(
            f"{who} must know these classes alone, or these and one further class that "
            "stands for the rest, or all classes. It knows "
            f"{one_line(repr(classes.tolist()[:20]))}."
        )
    if not others and len(key) < 2:
        raise InputError(f"{who} knows one class alone, so it has nothing to tell.")
    return _Specialist(teacher, own, columns, bool(others))


def _places(key: tuple[Any, ...], classes: NDArray[Any]) -> NDArray[np.int64]:
    place = {name: i for i, name in enumerate(classes.tolist())}
    return np.array([place.get(name, -1) for name in key], dtype=np.int64)


def _of_classes(
    classes: tuple[Any, ...], X: Any, y: Any, told: dict[str, NDArray[Any]]
) -> tuple[Any, Any, dict[str, NDArray[Any]]]:
    """Return the rows of some classes."""
    check_consistent_length(X, y)
    labels = np.asarray(y).ravel()
    place = np.flatnonzero(np.isin(labels, list(classes)))
    if len(np.unique(labels[place])) < len(classes):
        raise InputError(
            f"The specialist of {one_line(repr(classes))} must have rows of each of "
            f"these classes to be fitted to. y has {np.unique(labels[place]).tolist()}."
        )
    frame = to_pandas(X)
    rows = take_rows(np.asarray(X) if frame is None else frame, place)
    return rows, labels[place], _told_of(told, place)
