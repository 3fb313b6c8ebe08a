"""Views: what the student reads, where that is not what the teacher reads.

A view either leaves out columns (`ColumnView`): the student's tests then stand on
columns that people know, and all that is done with a student works. Or it makes columns
of its own (`DerivedView`): neurons, or pooled pixels.
"""

from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from interpretkd._base import InputError, joined, one_line
from interpretkd.data import Encoded, Rows, Schema, as_frame
from interpretkd.methods._context import Context
from interpretkd.methods._step import Use
from interpretkd.targets import TASKS
from interpretkd.transfer import TransferSet


class View(BaseEstimator):
    """What the student reads of the rows.

    It is fitted to the rows that the student is fitted to while it chooses; held-out
    rows are only seen through it.

    Attributes
    ----------
    needs : frozenset of str
        As of `Step`.
    tasks : tuple of str
        As of `Step`.
    own_columns : bool
        Whether the columns that the student reads are the view's and not the rows'.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    tasks: ClassVar[tuple[str, ...]] = TASKS
    own_columns: ClassVar[bool] = False
    schema_: Schema
    """The columns that the student reads."""

    def check(self) -> None:
        """Check the parameters, before anything is fitted.

        Raises
        ------
        InputError
            For one out of range.
        """

    def refusal(self, use: Use) -> str | None:
        """Say why a student on this view is none, if so.

        Parameters
        ----------
        use : Use
            As of `Step.refusal`.

        Returns
        -------
        str or None
            A clause; None where it is one.
        """
        return None

    def fit(self, rows: Rows, context: Context) -> Self:
        """Learn what is to be learnt.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Rows in original columns, none held out.
        context : Context
            Teacher and columns.

        Returns
        -------
        View
            Itself.
        """
        raise NotImplementedError

    def see(self, rows: Rows) -> Rows:
        """Return what the student reads of rows.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        DataFrame or ndarray of shape (n_samples, n_seen)
            The columns of `schema_`.
        """
        raise NotImplementedError

    def complete(self, X: ArrayLike) -> Any:
        """Return rows that may lack what the student does not read.

        Parameters
        ----------
        X : array-like or frame
            Rows as a user has them.

        Returns
        -------
        array-like or frame of shape (n_samples, n_features)
            Rows that `see` can be given.
        """
        return X

    def own_rows(self, X: ArrayLike, schema: Schema) -> Rows | None:
        """Return rows that are given as the student reads them, and need no view.

        Parameters
        ----------
        X : array-like or frame
            Rows as a user has them.
        schema : Schema
            The teacher's columns.

        Returns
        -------
        DataFrame or ndarray of shape (n_samples, n_seen), or None
            The columns of `schema_`; None for rows to be completed and seen.
        """
        return None

    def for_student(self, student: Any) -> Self:
        """Return the view for a student in the contract of students.

        Parameters
        ----------
        student : student
            As `students.as_student` returns it.

        Returns
        -------
        View
            Itself.
        """
        return self

    @property
    def n_parameters(self) -> int:
        """The numbers that are needed to see: those of a network up to a layer."""
        return 0

    @property
    def size_bytes(self) -> int:
        """Their bytes."""
        return 0

    def encoded(self, rows: Rows) -> Encoded:
        """Return seen rows as codes.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_seen)
            What `see` returned.

        Returns
        -------
        Encoded
            The same rows.
        """
        return Encoded(self.schema_, self.schema_.encode(rows))

    def seen(self, transfer_set: TransferSet) -> TransferSet:
        """Return a transfer set as the student reads it where it is judged.

        Parameters
        ----------
        transfer_set : TransferSet
            Its rows in original columns.

        Returns
        -------
        TransferSet
            The same answers, labels and weights.
        """
        rows = self.see(transfer_set.rows)
        return replace(transfer_set, rows=rows, known=self.encoded(rows))

    def taught(self, transfer_set: TransferSet, context: Context) -> TransferSet:
        """Return what the student is fitted to; the same as it sees, mostly.

        Parameters
        ----------
        transfer_set : TransferSet
            Its rows in original columns.
        context : Context
            A random stream, for a view that is noisy.

        Returns
        -------
        TransferSet
            The same answers, labels and weights.
        """
        return self.seen(transfer_set)

    def __str__(self) -> str:
        """Say in one sentence what the student reads."""
        return repr(self)


class ColumnView(View):
    """A view of some of the columns: the others are held at one value.

    The student's form keeps the columns of the teacher, and reads these alone. A
    regressor of another library is given these alone.

    Attributes
    ----------
    reads_ : tuple of int
        The positions of the columns that the student reads.
    fill_ : list
        What stands in a column that is not read, one value for each of the teacher's.
    """

    reads_: tuple[int, ...]
    fill_: list[Any]
    narrow_: bool = False

    def read_columns(self, schema: Schema) -> tuple[int, ...]:
        """Return the positions of the columns that the student reads.

        Parameters
        ----------
        schema : Schema
            The teacher's columns.

        Returns
        -------
        tuple of int
            In rising order, at least one.
        """
        raise NotImplementedError

    def fit(self, rows: Rows, context: Context) -> Self:
        """Find the columns, and a value to stand in each other one.

        Parameters
        ----------
        rows, context : DataFrame or ndarray, Context
            As of `View.fit`.

        Returns
        -------
        View
            Itself.
        """
        return self.of_columns(context.schema)

    def of_columns(self, schema: Schema) -> Self:
        """Find the columns, and a value to stand in each other one, without any row.

        Parameters
        ----------
        schema : Schema
            The teacher's columns.

        Returns
        -------
        View
            Itself.
        """
        self.schema_ = schema
        self.reads_ = self.read_columns(schema)
        self.fill_ = [
            pd.Series(feature.decode(np.zeros(1))).iloc[0]
            for feature in schema.features
        ]
        return self

    def for_student(self, student: Any) -> Self:
        """Return the view: other libraries' regressors get the read columns alone.

        Not all of them read texts, or pass over a column that is always the same.

        Parameters
        ----------
        student : student
            As of `View.for_student`.

        Returns
        -------
        View
            Itself.
        """
        if not getattr(student, "ours", True) and self._others:
            self.narrow_ = True
        return self

    def see(self, rows: Rows) -> Rows:
        """Return rows whose other columns are held at one value.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        DataFrame or ndarray of shape (n_samples, n_features)
            The same columns; those that are read alone, for another library's student.
        """
        others = self._others
        if not others:
            return rows
        if not isinstance(rows, pd.DataFrame):
            if self.narrow_:
                return rows[:, list(self.reads_)]
            held = np.array(rows)
            held[:, others] = [self.fill_[j] for j in others]
            return held
        if self.narrow_:
            return rows.iloc[:, list(self.reads_)]
        held_frame = rows.copy(deep=False)
        for j in others:
            held_frame.isetitem(j, self._held(j, len(rows)))
        return held_frame

    def seen(self, transfer_set: TransferSet) -> TransferSet:
        """Return a transfer set as the student reads it.

        Parameters
        ----------
        transfer_set : TransferSet
            Its rows in original columns.

        Returns
        -------
        TransferSet
            The same answers, labels and weights.
        """
        others = self._others
        if not others:
            return transfer_set
        rows, known = self.see(transfer_set.rows), transfer_set.encoded
        schema, codes = known.schema, known.codes
        if self.narrow_:
            schema = Schema(tuple(schema.features[j] for j in self.reads_))
            codes = codes[:, list(self.reads_)]
        else:
            # What had gaps still says so: by that a form is known that is read again.
            codes = codes.copy(order="K")
            codes[:, others] = 0
        return replace(transfer_set, rows=rows, known=Encoded(schema, codes))

    def complete(self, X: ArrayLike) -> Any:
        """Return rows with all columns, where those that are not read may be lacking.

        Parameters
        ----------
        X : array-like or frame
            A frame with at least the columns that are read, in any order, or an array
            of these alone, in `array_order`, or of all. What stands in others is passed
            over.

        Returns
        -------
        array-like or frame of shape (n_samples, n_features)
            Rows of all columns.

        Raises
        ------
        InputError
            When a column is lacking that the student reads.
        """
        frame = as_frame(X)
        if frame is None:
            return self._complete_array(X)
        names = self.schema_.names
        there = set(frame.columns)
        lacking = [names[j] for j in self.reads_ if names[j] not in there]
        if lacking:
            some = joined([one_line(repr(name)) for name in lacking], 5)
            raise InputError(
                f"The rows X must have the {len(self.reads_)} columns that the student "
                f"reads. They lack {some}."
            )
        if not self._others or not frame.columns.is_unique:
            return X
        columns = {name: self._held(j, len(frame)) for j, name in enumerate(names)}
        columns |= {names[j]: frame[names[j]].array for j in self.reads_}
        return pd.DataFrame(columns, index=frame.index)

    def _complete_array(self, X: ArrayLike) -> ArrayLike:
        array = np.asarray(X)
        if not self._others or array.ndim != 2:
            return X
        n_columns, reads = len(self.fill_), list(self.reads_)
        if array.shape[1] not in (n_columns, len(reads)):
            raise InputError(
                f"An array X must have {n_columns} columns, or the {len(reads)} that "
                f"the student reads. Got shape {array.shape}."
            )
        plain = array.dtype.kind in "biuf" and self.schema_.holds_numbers
        if not plain:
            array = np.asarray(X, dtype=object)
        whole = np.empty((len(array), n_columns), dtype=array.dtype)
        whole[:] = self.fill_
        if array.shape[1] == len(reads):
            whole[:, list(self.array_order)] = array
        else:
            whole[:, reads] = array[:, reads]
        return whole

    def _held(self, position: int, n_rows: int) -> Any:
        """Return a column that is not read: the same value in each row."""
        feature, cells = self.schema_.features[position], [self.fill_[position]]
        if feature.is_categorical:
            levels = list(feature.categories)
            return pd.Categorical(cells * n_rows, categories=levels)
        return pd.Series(cells * n_rows).array

    @property
    def array_order(self) -> tuple[int, ...]:
        """The positions of an array's columns that has only those read."""
        return self.reads_

    @property
    def _others(self) -> list[int]:
        return sorted(set(range(len(self.fill_))) - set(self.reads_))


class DerivedView(View):
    """A view with columns of its own, made of the rows.

    What is known of the teacher's columns - limits, what-if changes, exports - does not
    fit the student's tests then; what needs it says so. The student can be asked about
    rows that have the view's own columns, too.
    """

    own_columns: ClassVar[bool] = True

    def columns(self, rows: Rows) -> pd.DataFrame:
        """Return the columns that the student reads.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        DataFrame of shape (n_samples, n_seen)
            With names that people can read.
        """
        raise NotImplementedError

    def see(self, rows: Rows) -> Rows:
        """Return the columns that the student reads.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        DataFrame of shape (n_samples, n_seen)
            As `columns`.
        """
        return self.columns(rows)

    def own_rows(self, X: ArrayLike, schema: Schema) -> Rows | None:
        """Return rows that have the view's own columns, and not the teacher's.

        Parameters
        ----------
        X : array-like or frame
            Rows as a user has them.
        schema : Schema
            The teacher's columns.

        Returns
        -------
        DataFrame of shape (n_samples, n_seen), or None
            Rows are told by the names of a frame, and by the number of columns of an
            array: one with as many as the teacher reads holds these.
        """
        own = list(self.schema_.names)
        frame = as_frame(X)
        if frame is not None:
            names = set(frame.columns)
            theirs = set(schema.names)
            if not names >= set(own) or names >= theirs or theirs & set(own):
                return None
            return frame[own]
        shape = np.shape(X)
        if len(shape) != 2 or shape[1] != len(own) or len(own) == len(schema):
            return None
        return pd.DataFrame(np.asarray(X), columns=own)
