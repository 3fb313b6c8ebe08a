"""What a person may set of a row: its columns, those the student reads first.

Values are the codes of `data.Schema`, so that one number says a category, a date or a
missing value, too.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from interpretkd._base import InputError, number_text, one_line, prediction_text
from interpretkd.data import Codes, Feature, Rows, value_text
from interpretkd.distillation import given_rows
from interpretkd.models import (
    Linear,
    Tree,
    check_reads_given,
    codes_seen,
    columns_of,
    decision_path,
    feature_importance,
    path_contributions,
    used_positions,
    view_makes_columns,
)

_USUAL = (0.01, 0.99)
"""Between which quantiles a slider runs: one far value would take all its length."""


@dataclass(frozen=True)
class Input:
    """One column of a row, and how a person may set it.

    Parameters
    ----------
    feature : Feature
        The column.
    position : int
        Where it stands among the columns, from 0.
    is_used : bool
        Whether the student reads it.
    is_whole : bool
        Whether all known numbers are whole; False for all but numbers.
    low, high : float
        The range of a slider: nearly all known values lie within; NaN for categories
        and where no value is known.
    least, most : float
        The smallest and the largest known value; NaN as above.
    may_miss : bool
        Whether a value was ever missing here.
    """

    feature: Feature
    position: int
    is_used: bool
    is_whole: bool
    low: float
    high: float
    least: float
    most: float
    may_miss: bool

    @property
    def kind(self) -> str:
        """How it is set: "number", "date", "choice" or "switch"."""
        if self.feature.is_date:
            return "date"
        if not self.feature.is_categorical:
            return "number"
        return "switch" if self.feature.is_boolean and not self.may_miss else "choice"

    @property
    def choices(self) -> tuple[float, ...]:
        """The codes of the categories, in order, and NaN where a value may miss."""
        codes = tuple(map(float, range(len(self.feature.categories))))
        return (*codes, float("nan")) if self.may_miss else codes

    def text(self, value: float) -> str:
        """Say a value in words.

        Parameters
        ----------
        value : float
            A code of the column.

        Returns
        -------
        str
            A category, a date, a number or "missing".
        """
        return value_text(self.feature, value)

    def number(self, code: float) -> float:
        """Return the shortest decimal that a code stands for, to be shown and edited.

        Parameters
        ----------
        code : float
            A number's, as float32 holds it.

        Returns
        -------
        float
            The same to float32; NaN stays NaN.
        """
        if np.isnan(code):
            return code
        if self.feature.scale is not None:
            return float(self.feature.scale.text(code))
        return float(number_text(code))

    def code(self, number: float) -> float:
        """Return the code of a number that was shown by `number`, or edited.

        Parameters
        ----------
        number : float
            What a person set.

        Returns
        -------
        float
            The number itself, but for a column with a scale.
        """
        scale = self.feature.scale
        if scale is None:
            return float(number)
        return float(scale.encode(np.asarray([number], dtype=np.float64))[0])

    def read(self, text: str) -> float:
        """Return the value that a text means.

        Parameters
        ----------
        text : str
            A number, a date in ISO 8601 or a category; "missing" where that may be.

        Returns
        -------
        float
            Its code.

        Raises
        ------
        InputError
            When it means nothing here.
        """
        cell = text.strip()
        if cell == "missing" and self.may_miss:
            return float("nan")
        column = pd.Series([cell], dtype=object)
        if self.feature.calendar is not None:
            return float(self.feature.calendar.encode(self.feature.name, column)[0])
        if self.feature.is_categorical:
            names = [str(level) for level in self.feature.categories]
            if cell not in names:
                raise InputError(f"{self.feature.name!r} has no category {cell!r}.")
            return float(names.index(cell))
        number = pd.to_numeric(column, errors="coerce").iloc[0]
        if not np.isfinite(number):
            raise InputError(f"{self.feature.name!r} must be a number. Got {cell!r}.")
        return self.code(float(number))

    def check(self, value: float) -> None:
        """Refuse what the column cannot hold.

        Parameters
        ----------
        value : float
            What a person set.

        Raises
        ------
        InputError
            For an absent category, a number too large, and a missing value where none
            ever was.
        """
        name = self.feature.name
        if np.isnan(value):
            if not self.may_miss:
                raise InputError(f"{name!r} was never missing, and cannot be left out.")
            return
        if self.feature.is_categorical:
            if value not in self.choices:
                raise InputError(
                    f"{name!r} has {len(self.feature.categories)} categories. Got "
                    f"number {value:g}."
                )
            return
        if abs(value) > float(np.finfo(np.float32).max):
            raise InputError(f"{name!r} cannot be {value:g}: it is too large.")

    @property
    def seen(self) -> str:
        """The range of the known values in words; empty where there is none."""
        if np.isnan(self.least):
            return ""
        return f"{self.text(self.least)} to {self.text(self.most)}"

    def is_beyond(self, value: float) -> bool:
        """Tell whether a value lies outside of what was seen.

        Parameters
        ----------
        value : float
            What a person set.

        Returns
        -------
        bool
            False for categories, for missing values, and where no value is known.
        """
        if np.isnan(value) or np.isnan(self.least):
            return False
        low, high = np.float32(self.least), np.float32(self.most)
        return not low <= np.float32(value) <= high


def label_text(model: Any, label: Any) -> str:
    """Say a row's label in words, as its prediction is said.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted or loaded.
    label : object
        A class; for labels a vector of 0 and 1; a value or several.

    Returns
    -------
    str
        The text, in one line.
    """
    if model.task_ == "multiclass":
        return one_line(str(label))
    values = np.ravel(np.asarray(label)).astype(np.float64)
    if model.task_ == "multilabel":
        return one_line(prediction_text(tuple(model.classes_[values > 0].tolist())))
    numbers = values.tolist()
    return prediction_text(numbers[0] if len(numbers) == 1 else numbers)


def positions_read(model: Any) -> tuple[int, ...]:
    """Return which columns of the rows a model needs to decide.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted, with a student of ours, or loaded.

    Returns
    -------
    tuple of int
        Positions in ``model.schema_``, in order: those that the student's tests are
        about or add up, or all where a view makes other columns of them.
    """
    if view_makes_columns(model):
        return tuple(range(len(model.schema_)))
    return used_positions(model.student_.form_)


def inputs_of(model: Any, X: ArrayLike) -> tuple[Input, ...]:
    """Return how each column of a row may be set.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted, with a student of ours, or loaded.
    X : array-like or frame of shape (n_samples, n_features)
        Rows that tell where the values lie, such as the held-out ones.

    Returns
    -------
    tuple of Input
        One a column, in order.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from interpretkd.distillation import DistilledClassifier
    >>> from interpretkd.students import CartStudent
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    >>> student = CartStudent(3, search="greedy")
    >>> model = DistilledClassifier(teacher, student, transfer=None, random_state=0)
    >>> length = inputs_of(model.fit(X), X)[0]
    >>> length.kind, length.seen, length.is_beyond(9.5)
    ('number', '4.3 to 7.9', True)
    """
    check_reads_given("What-if", model)
    codes = model.schema_.encode(given_rows(model, X))
    used = set(used_positions(model.student_.form_))
    return tuple(
        _input(feature, position, position in used, codes[:, position])
        for position, feature in enumerate(model.schema_.features)
    )


def order_of_inputs(model: Any, row: Any) -> tuple[int, ...]:
    """Return the columns that the student reads, those that matter to a row first.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted, with a student of ours, or loaded.
    row : array-like or frame of shape (1, n_features)
        The row.

    Returns
    -------
    tuple of int
        Positions: for a tree first those on the row's way, from the root; else those
        that add most to any output; of equals those that tell most apart.
    """
    check_reads_given("What-if", model)
    form, rows = model.student_.form_, given_rows(model, row)
    codes = model.schema_.encode(rows)[0]
    used = used_positions(form)
    if isinstance(form, Tree):
        path = decision_path(form.nodes, codes_seen(model, rows)[0])
        first = [j for _, test in path for j in columns_of(form, test.position)]
        tested = form.nodes.feature[form.nodes.feature >= 0].tolist()
        spread = Counter(j for position in tested for j in columns_of(form, position))
        rest = sorted(used, key=lambda j: (-spread[j], j))
        return tuple(dict.fromkeys([*first, *rest]))
    strength = np.abs(path_contributions(form, codes)[1]).max(axis=1)
    weight = (
        np.zeros(len(codes)) if isinstance(form, Linear) else feature_importance(form)
    )
    return tuple(sorted(used, key=lambda j: (-strength[j], -weight[j], j)))


def row_of(X: Rows, position: int) -> Rows:
    """Return one row, as rows.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
        Rows.
    position : int
        Which one, from 0.

    Returns
    -------
    DataFrame or ndarray of shape (1, n_features)
        The row.
    """
    return X.iloc[[position]] if isinstance(X, pd.DataFrame) else X[[position]]


def _differing(before: Codes, after: Codes) -> list[int]:
    """Return the columns in which two rows differ."""
    both_miss = np.isnan(before) & np.isnan(after)
    found: list[int] = np.flatnonzero((before != after) & ~both_miss).tolist()
    return found


def _input(feature: Feature, position: int, is_used: bool, column: Codes) -> Input:
    known = column[~np.isnan(column)].astype(np.float64)
    may_miss = feature.has_missing or len(known) < len(column)
    if feature.is_categorical or not len(known):
        gap = float("nan")
        return Input(feature, position, is_used, False, gap, gap, gap, gap, may_miss)
    low, high = map(float, np.quantile(known, _USUAL, method="nearest"))
    least, most = float(known.min()), float(known.max())
    if low == high:
        low, high = least, most
    is_whole = not feature.is_date and bool((known == np.floor(known)).all())
    ends = (low, high, least, most)
    return Input(feature, position, is_used, is_whole, *ends, may_miss)
