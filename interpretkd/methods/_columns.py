"""Views of the teacher's own columns: some of them, the first ones, noisy ones."""

import math
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd

from interpretkd._base import (
    Array,
    InputError,
    check_integer,
    check_real,
    joined,
    one_line,
)
from interpretkd.data import Codes, Encoded, Rows, Schema, as_frame
from interpretkd.methods._context import Context
from interpretkd.methods._positions import positions_of
from interpretkd.methods._step import Use
from interpretkd.methods._view import ColumnView
from interpretkd.transfer import TransferSet

_MOST_NAMED = 8
_LARGEST = float(np.finfo(np.float32).max)
"""Codes are float32: noise beyond is no number, and no date."""


class Columns(ColumnView):
    """The student reads some of the columns; the teacher is still asked about all.

    What the student has learnt of the others stands in the teacher's answers alone, so
    it predicts without them; what asks the teacher, too (`evaluate`, `explain`), needs
    all. Its fidelity is at most that
    of a student of all columns; what is gained is a student that needs less, of columns
    that a person can check. It costs no question and no time.

    Parameters
    ----------
    columns : list of str or int
        Names, or positions from 0. All of them change nothing. An array of these
        columns alone has them in this order.

    Attributes
    ----------
    reads_ : tuple of int
        The positions of the columns that the student reads.
    fill_ : list
        What stands in a column that is not read.
    schema_ : Schema
        The teacher's columns.

    Notes
    -----
    Measured here (row 11 of docs/methods.md: German credit, eight columns of twenty):
    fidelity +2.3 points to a tree of all columns, not significant.

    References
    ----------
    Zhu et al. (2019), a student of poorer input than its teacher's; the cross-modal
    transfer of Gupta et al. (2016).

    Examples
    --------
    >>> print(Columns(["age", "amount"]))
    The student reads the columns age, amount
    """

    def __init__(self, columns: Any) -> None:
        self.columns = columns

    def check(self) -> None:
        """Check that there are names or positions.

        Raises
        ------
        InputError
            For anything else, and for none.
        """
        given = self.columns
        is_list = isinstance(given, list | tuple | np.ndarray | pd.Index)
        if not isinstance(given, str | int) and not (is_list and len(given)):
            raise InputError(
                "The 'columns' parameter of Columns must be a list of names or "
                f"positions. Got {given!r}."
            )

    def read_columns(self, schema: Schema) -> tuple[int, ...]:
        """Return the positions of the columns that the student reads.

        Parameters
        ----------
        schema : Schema
            The teacher's columns.

        Returns
        -------
        tuple of int
            In rising order.
        """
        return tuple(sorted(positions_of("Columns", "columns", self.columns, schema)))

    @property
    def array_order(self) -> tuple[int, ...]:
        """The positions of an array's columns that has only those read: as given."""
        return positions_of("Columns", "columns", self.columns, self.schema_)

    def __str__(self) -> str:
        """Say which columns are read."""
        given = self.columns
        names = [given] if isinstance(given, str | int) else list(given)
        shown = [one_line(str(name)) for name in names]
        return f"The student reads the columns {joined(shown, _MOST_NAMED)}"


class Prefix(ColumnView):
    """The student reads the beginning of a series; the teacher is asked about all.

    An early prediction: when the first part of a series is there, the student says what
    the teacher will say of the whole. It costs no question and no time; fidelity falls
    with what is left out.

    Parameters
    ----------
    share : float
        In (0, 1]: how much of the series is read, rounded up to whole steps. 1 changes
        nothing.
    width : int, default=1
        In [1, inf): how many columns a step has, side by side.

    Attributes
    ----------
    reads_ : tuple of int
        The positions of the columns that the student reads.
    fill_ : list
        What stands in a column that is not read.
    schema_ : Schema
        The teacher's columns.

    Notes
    -----
    Measured here (row 47 of docs/methods.md: a day's electricity by the hour): fidelity
    -26 points with a quarter of the day, -10 with a half, -7 with three quarters; above
    the prefix of another row each time.

    References
    ----------
    The early and progressive prediction of S1 [14]: the teacher sees the whole, the
    student its beginning.

    Examples
    --------
    >>> print(Prefix(0.25))
    The student reads the first 25 % of each series
    """

    def __init__(self, share: float, width: int = 1) -> None:
        self.share = share
        self.width = width

    def check(self) -> None:
        """Check share and width.

        Raises
        ------
        InputError
            When one is out of range.
        """
        check_real("Prefix", "share", self.share, 0, 1, closed="right")
        check_integer("Prefix", "width", self.width, 1)

    def read_columns(self, schema: Schema) -> tuple[int, ...]:
        """Return the positions of the columns that the student reads.

        Parameters
        ----------
        schema : Schema
            The teacher's columns, in the order of time.

        Returns
        -------
        tuple of int
            The first ones.

        Raises
        ------
        InputError
            When the columns are no whole number of steps.
        """
        n_steps, over = divmod(len(schema), self.width)
        if over or not n_steps:
            raise InputError(
                "The 'width' parameter of Prefix must divide the number of columns, "
                f"{len(schema)}. Got {self.width}."
            )
        n_read = math.ceil(round(self.share * n_steps, 9))  # .7 * 10 is 7
        return tuple(range(max(n_read, 1) * self.width))

    def __str__(self) -> str:
        """Say how much is read."""
        return f"The student reads the first {100 * self.share:g} % of each series"


class Corrupted(ColumnView):
    """The student is fitted to noisy rows; the teacher was asked about clean ones.

    For a student that will be given worse rows than the teacher: noisy measurements,
    slips in categories, gaps. Each cell is corrupted by itself: of a number or a date
    ``x + noise * s * e``, with its column's standard deviation `s` and `e` from the
    standard normal distribution; a category becomes, by chance, one drawn from its
    column; then a cell becomes missing, by chance.

    What is chosen - target, search, the number of trees, how sure the student is - is
    chosen on validation rows that are corrupted in the same way, for such rows the
    student will read. But **once fitted, it reads rows as they are given**: `predict`,
    `fidelity` and `evaluate` add no noise. How it does on worse rows is found by
    ``model.predict(model.view_.corrupt(X))`` beside what the teacher says of `X`. It
    costs no question. On clean rows fidelity falls a little.

    Parameters
    ----------
    noise : float, default=0.1
        In [0, inf): the deviation of the noise, in deviations of each column.
    categories : float, default=0.0
        In [0, 1]: the probability that a category is drawn anew, which may draw the
        same one.
    missing : float, default=0.0
        In [0, 1): the probability that a cell is missing. All three 0 change nothing.

    Attributes
    ----------
    reads_ : tuple of int
        All columns.
    fill_ : list
        As of `Columns`, without use here.
    schema_ : Schema
        The teacher's columns; all may have gaps, if cells become missing.
    deviations_ : ndarray of shape (n_features,), float64
        Of numbers and dates, in codes; 0 for categories.
    shares_ : ndarray of shape (n_features, n_most_categories), float64
        How often each category occurs; 0 where there is none.
    seed_ : int
        Of the noise of training and validation rows.

    Notes
    -----
    Measured here (row 47d of docs/methods.md: nine sets): on clean rows fidelity -3.8 ±
    2.9 points; on noisy rows it agreed more with what the teacher says of the clean
    ones on three sets, and open on six.

    References
    ----------
    Noise-robust students of a teacher that hears clean speech, as told in S3, such as
    Watanabe et al. (2017); Bishop (1995) on noise as a penalty.

    Examples
    --------
    >>> print(Corrupted(0.3, missing=0.05))
    The student is fitted to rows with noise of 0.3 deviations and 5 % of cells missing
    """

    def __init__(
        self, noise: float = 0.1, categories: float = 0.0, missing: float = 0.0
    ) -> None:
        self.noise = noise
        self.categories = categories
        self.missing = missing

    def check(self) -> None:
        """Check the three amounts.

        Raises
        ------
        InputError
            When one is out of range.
        """
        name = type(self).__name__
        check_real(name, "noise", self.noise, 0, float("inf"), closed="left")
        check_real(name, "categories", self.categories, 0, 1, closed="both")
        check_real(name, "missing", self.missing, 0, 1, closed="left")

    def refusal(self, use: Use) -> str | None:
        """Say why there can be no gaps, if the student reads none.

        Parameters
        ----------
        use : Use
            As of `Step.refusal`.

        Returns
        -------
        str or None
            A clause.
        """
        student = getattr(use.student, "regressor", use.student)
        tags = getattr(student, "__sklearn_tags__", None)
        if self.missing == 0 or tags is None or tags().input_tags.allow_nan:
            return None
        return f"a {type(student).__name__} reads no missing cells"

    def read_columns(self, schema: Schema) -> tuple[int, ...]:
        """Return the positions of all columns.

        Parameters
        ----------
        schema : Schema
            The teacher's columns.

        Returns
        -------
        tuple of int
            All.
        """
        return tuple(range(len(schema)))

    def fit(self, rows: Rows, context: Context) -> Self:
        """Learn each column's deviation, and how often categories occur.

        Parameters
        ----------
        rows, context : DataFrame or ndarray, Context
            As of `View.fit`.

        Returns
        -------
        View
            Itself.
        """
        super().fit(rows, context)
        if self.missing > 0:
            gaps = (replace(f, has_missing=True) for f in self.schema_.features)
            self.schema_ = replace(self.schema_, features=tuple(gaps))
        codes = self.schema_.encode(rows)
        features = self.schema_.features
        most = max([1, *(len(feature.categories) for feature in features)])
        self.deviations_ = np.zeros(len(features))
        self.shares_ = np.zeros((len(features), most))
        for j, feature in enumerate(features):
            known = codes[~np.isnan(codes[:, j]), j].astype(np.float64)
            if not len(known):
                continue
            if feature.is_categorical:
                counts = np.bincount(known.astype(np.int64), minlength=most)
                self.shares_[j] = counts / counts.sum()
            else:
                self.deviations_[j] = known.std()
        self.seed_ = int(context.rng.integers(2**31))
        return self

    def seen(self, transfer_set: TransferSet) -> TransferSet:
        """Return a transfer set with noisy rows: on such ones the student is judged.

        Parameters
        ----------
        transfer_set : TransferSet
            Its rows in original columns.

        Returns
        -------
        TransferSet
            The same answers, labels and weights.
        """
        return self._corrupted(transfer_set, 1)

    def taught(self, transfer_set: TransferSet, context: Context) -> TransferSet:
        """Return noisy rows to be fitted to.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `View.taught`.

        Returns
        -------
        TransferSet
            The same answers, labels and weights.
        """
        return self._corrupted(transfer_set, 0)

    def _corrupted(self, transfer_set: TransferSet, part: int) -> TransferSet:
        if not self._corrupts:
            return transfer_set
        rng = np.random.default_rng([self.seed_, part])
        known = transfer_set.encoded
        codes = self._noisy(known.codes, rng)
        schema = self.schema_ if self.missing > 0 else known.schema
        encoded = Encoded(schema, codes)
        rows = self._cells(transfer_set.rows, codes)
        return replace(transfer_set, rows=rows, known=encoded)

    def corrupt(self, X: Any, random_state: Any = 0) -> Rows:
        """Return rows with the noise to which the student was fitted.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.
        random_state : int, Generator or None, default=0
            Of the noise; None for another one each time.

        Returns
        -------
        DataFrame or ndarray of shape (n_samples, n_features)
            To be given to the model's `predict`.
        """
        frame = as_frame(X)
        if frame is None and not self.schema_.holds_numbers:
            frame = self.schema_.frame_of_array(X)
        rows = np.asarray(X) if frame is None else frame
        if not self._corrupts:
            return rows
        noisy = self._noisy(
            self.schema_.encode(rows), np.random.default_rng(random_state)
        )
        return self._cells(rows, noisy)

    @property
    def _corrupts(self) -> bool:
        return max(self.noise, self.categories, self.missing) > 0

    def _noisy(self, codes: Codes, rng: np.random.Generator) -> Codes:
        noisy = codes.copy(order="K")
        for j, feature in enumerate(self.schema_.features):
            if feature.is_categorical:
                noisy[:, j] = self._drawn_anew(j, codes[:, j], rng)
            elif self.noise > 0 and self.deviations_[j] > 0:
                added = rng.standard_normal(len(codes))
                with np.errstate(over="ignore"):  # what is too large is cut off
                    moved = codes[:, j] + self.noise * self.deviations_[j] * added
                noisy[:, j] = np.clip(moved, -_LARGEST, _LARGEST)
        if self.missing > 0:
            noisy[rng.random(noisy.shape) < self.missing] = np.nan
        return noisy

    def _drawn_anew(self, j: int, own: Codes, rng: np.random.Generator) -> Codes:
        """Return a category's codes, some of them drawn from the column."""
        if self.categories == 0 or not self.shares_[j].any():
            return own
        drawn = rng.choice(self.shares_.shape[1], len(own), p=self.shares_[j])
        chosen = ~np.isnan(own) & (rng.random(len(own)) < self.categories)
        return np.where(chosen, drawn.astype(np.float32), own)

    def _cells(self, rows: Rows, codes: Codes) -> Rows:
        """Return rows whose changed cells are those of the codes."""
        features = self.schema_.features
        if not isinstance(rows, pd.DataFrame):
            columns: list[Array] = [
                feature.decode(codes[:, j]) for j, feature in enumerate(features)
            ]
            return np.column_stack(columns)
        frame = rows.copy(deep=False)
        place = {name: i for i, name in enumerate(rows.columns)}
        for j, feature in enumerate(features):
            cells = pd.Series(feature.decode(codes[:, j])).set_axis(rows.index)
            frame.isetitem(place[feature.name], cells)
        return frame

    def __str__(self) -> str:
        """Say how rows are corrupted."""
        parts = [
            (self.noise, f"noise of {self.noise:g} deviations"),
            (self.categories, f"{100 * self.categories:g} % of categories drawn anew"),
            (self.missing, f"{100 * self.missing:g} % of cells missing"),
        ]
        said = " and ".join(text for amount, text in parts if amount > 0)
        return f"The student is fitted to rows with {said or 'no noise'}"
