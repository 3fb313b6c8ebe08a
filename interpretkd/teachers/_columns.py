"""A teacher that reads some of the columns: several of them make one ensemble."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import InputError, closest, one_line
from interpretkd.data import to_pandas, value_name
from interpretkd.targets import Answers
from interpretkd.teachers._base import Teacher, as_teacher
from interpretkd.teachers._composite import (
    _check_labels_given,
    _check_part,
    _Composite,
    _fitted_part,
    _told,
)


@dataclass(frozen=True, eq=False)
class _Reader:
    """A fitted teacher, and which columns it reads."""

    teacher: Teacher
    columns: tuple[str | int, ...]
    names: tuple[str, ...] | None

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        return (self.teacher,)

    @property
    def classes(self) -> NDArray[Any] | None:
        return self.teacher.classes

    @property
    def task(self) -> str:
        return self.teacher.task

    def answers(self, X: Any) -> Answers:
        return self.teacher.answers(self.select(X))

    def select(self, X: Any) -> Any:
        return _selected(X, self.columns, self.names)


class ColumnsTeacher(_Composite):
    """A teacher that reads some of the columns, and passes over the others.

    Teachers of different columns - of several sensors, modes of a scanner, tables that
    were joined - become one as ``EnsembleTeacher([ColumnsTeacher(a, ["x", "y"]),
    ColumnsTeacher(b, ["z"])], how="probabilities")``.

    Parameters
    ----------
    teacher : estimator or adapter
        A fitted one, frozen or not, is used as it is: it was fitted to rows of these
        columns alone, in this order. Any other is cloned and fitted by `fit`.
    columns : list of str or int
        The columns' names, or their positions (negative ones from the last).

    Attributes
    ----------
    teacher_of_columns_ : Teacher
        The fitted teacher, which reads rows of these columns alone.
    classes_ : ndarray of shape (n_classes,)
        The teacher's.
    n_parameters, size_bytes : int or None
        The teacher's.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from interpretkd.teachers import EnsembleTeacher
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> sepal = ColumnsTeacher(LogisticRegression(), list(X.columns[:2]))
    >>> petal = ColumnsTeacher(LogisticRegression(), list(X.columns[2:]))
    >>> both = EnsembleTeacher([sepal, petal], how="probabilities").fit(X, y)
    >>> both.n_parameters
    18
    """

    def __init__(self, teacher: Any, columns: Sequence[str | int]) -> None:
        self.teacher = teacher
        self.columns = columns

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the teacher to these columns, unless it is fitted.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows of all columns.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Labels or values, where the teacher needs some.
        groups : array-like of shape (n_samples,), default=None
            What the rows belong to; passed on to a teacher that takes groups.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts; passed on to a teacher that takes weights.

        Returns
        -------
        ColumnsTeacher
            Itself.

        Raises
        ------
        InputError
            For columns that are not there.
        """
        name = type(self).__name__
        _check_part(name, self.teacher)
        _check_labels_given(name, self.needs_labels, y)
        given = self._learn_columns(X)
        names = _names_of(given)
        rows = _selected(given, self._checked_columns(), names)
        told = _told(np.shape(rows)[0], groups, sample_weight)
        fitted = _fitted_part(self.teacher, rows, y, told)
        self._made = _Reader(as_teacher(fitted), self._checked_columns(), names)
        return self

    @property
    def teacher_of_columns_(self) -> Teacher:
        """The fitted teacher."""
        return self._ready().teachers[0]

    def _parts(self) -> list[Any]:
        return [self.teacher]

    def _select(self, X: Any) -> Any:
        made = self._ready()
        assert isinstance(made, _Reader)
        return made.select(X)

    @property
    def _selects(self) -> tuple[Any, ...]:
        return self._checked_columns()

    def _make(self, parts: list[Any]) -> _Reader:
        return _Reader(as_teacher(parts[0]), self._checked_columns(), None)

    @property
    def image_shape_(self) -> None:
        """None: a part of the columns is no image."""

    def _checked_columns(self) -> tuple[str | int, ...]:
        given = self.columns
        is_list = isinstance(given, list | tuple | np.ndarray | pd.Index)
        columns = tuple(given) if is_list else ()
        kinds = {_kind(column) for column in columns}
        if len(kinds) != 1 or None in kinds or len(set(columns)) < len(columns):
            raise InputError(
                f"The 'columns' parameter of {type(self).__name__} must be a list of "
                "different names of columns, or of positions. Got "
                f"{one_line(repr(given))}."
            )
        return columns


def _kind(column: Any) -> type | None:
    if isinstance(column, str):
        return str
    is_position = isinstance(column, int | np.integer) and not isinstance(column, bool)
    return int if is_position else None


def _names_of(X: Any) -> tuple[str, ...] | None:
    frame = to_pandas(X)
    return None if frame is None else tuple(map(value_name, frame.columns))


def _selected(
    X: Any, columns: tuple[str | int, ...], names: tuple[str, ...] | None
) -> Any:
    """Return some columns of a frame or an array; `names` are those of an array."""
    frame = to_pandas(X)
    there = names if frame is None else _names_of(frame)
    if frame is None:
        X = np.asarray(X)
        if X.ndim != 2:
            raise InputError(f"X must have rows and columns. Got shape {X.shape}.")
    width = X.shape[1] if frame is None else frame.shape[1]
    if isinstance(columns[0], str):
        places = [_place(str(column), there) for column in columns]
    else:
        places = [int(column) for column in columns]
        beyond = [place for place in places if not -width <= place < width]
        if beyond:
            raise InputError(
                f"ColumnsTeacher reads the column at {beyond[0]}, but the rows have "
                f"{width} columns."
            )
    return X[:, places] if frame is None else frame.iloc[:, places]


def _place(name: str, there: tuple[str, ...] | None) -> int:
    if there is not None and name in there:
        return there.index(name)
    if there is None:
        raise InputError(
            f"ColumnsTeacher reads the column {name!r} by its name, but the rows are "
            "an array without names: give a frame, or positions."
        )
    raise InputError(
        f"ColumnsTeacher reads the column {name!r}, which the rows lack."
        f"{closest(name, there)}"
    )
