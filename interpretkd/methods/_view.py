"""Views: what the student reads, where that is not what the teacher reads.

A view either leaves out columns (`ColumnView`): the student's tests then stand on
columns that people know, and all that is done with a student works. Or it makes columns
of its own (`DerivedView`): neurons, or pooled pixels.
"""

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from interpretkd._base import InputError, joined, one_line
from interpretkd.data import Encoded, Rows, Schema, as_frame, value_name
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

    def training_rows(self, rows: Rows, context: Context) -> Rows:
        """Return what the student is fitted to; the same as it sees, mostly.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Rows in original columns.
        context : Context
            A random stream, for a view that is noisy.

        Returns
        -------
        DataFrame or ndarray of shape (n_samples, n_seen)
            The columns of `schema_`.
        """
        return self.see(rows)

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
        from dataclasses import replace

        rows = self.see(transfer_set.rows)
        return replace(transfer_set, rows=rows, known=self.encoded(rows))

    def __str__(self) -> str:
        """Say in one sentence what the student reads."""
        return repr(self)


class ColumnView(View):
    """A view of some of the columns: the others are held at one value.

    The student's form keeps the columns of the teacher, and reads these alone.

    Attributes
    ----------
    reads_ : tuple of int
        The positions of the columns that the student reads.
    fill_ : list
        What stands in the others, one value a column of the teacher.
    """

    reads_: tuple[int, ...]
    fill_: list[Any]

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
        self.schema_ = context.schema
        self.reads_ = self.read_columns(context.schema)
        first = rows.iloc[0] if isinstance(rows, pd.DataFrame) else rows[0]
        self.fill_ = list(first)
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
            The same columns.
        """
        others = self._others
        if not isinstance(rows, pd.DataFrame):
            held = np.array(rows)
            held[:, others] = [self.fill_[j] for j in others]
            return held
        held_frame = rows.copy(deep=False)
        for j in others:
            column = rows.iloc[:, j]
            held_frame.isetitem(
                j, pd.Series(self.fill_[j], rows.index).astype(column.dtype)
            )
        return held_frame

    def complete(self, X: ArrayLike) -> Any:
        """Return rows with all columns, where those that are not read may be lacking.

        Parameters
        ----------
        X : array-like or frame
            A frame with at least the columns that are read, or an array of these
            alone, in their order, or of all.

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
        there = {value_name(name): name for name in frame.columns}
        lacking = [names[j] for j in self.reads_ if names[j] not in there]
        if lacking:
            some = joined([one_line(repr(name)) for name in lacking], 5)
            raise InputError(
                f"The rows X must have the {len(self.reads_)} columns that the student "
                f"reads. They lack {some}."
            )
        if all(name in there for name in names):
            return X
        columns: dict[Any, Any] = {}
        for name, fill in zip(names, self.fill_, strict=True):
            own = there.get(name)
            columns[own or name] = fill if own is None else frame[own]
        return pd.DataFrame(columns, index=frame.index)

    def _complete_array(self, X: ArrayLike) -> ArrayLike:
        array = np.asarray(X)
        if array.ndim != 2 or array.shape[1] != len(self.reads_):
            return X
        if len(self.reads_) == len(self.fill_):
            return X
        whole = np.empty((len(array), len(self.fill_)), dtype=array.dtype)
        if array.dtype.kind != "O" and not all(
            isinstance(self.fill_[j], int | float | np.number) for j in self._others
        ):
            whole = whole.astype(object)
        whole[:] = self.fill_
        whole[:, list(self.reads_)] = array
        return whole

    @property
    def _others(self) -> list[int]:
        return sorted(set(range(len(self.fill_))) - set(self.reads_))


class DerivedView(View):
    """A view with columns of its own, made of the rows.

    What is known of the teacher's columns - limits, what-if changes, exports - does not
    fit the student's tests then; what needs it says so.
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


def positions_of(owner: str, name: str, given: Any, schema: Schema) -> tuple[int, ...]:
    """Return the positions of columns that are named, or given by position.

    Parameters
    ----------
    owner : str
        The class whose parameter it is.
    name : str
        The parameter.
    given : sequence of str or int
        Names or positions.
    schema : Schema
        The columns there are.

    Returns
    -------
    tuple of int
        Rising, without doubles.

    Raises
    ------
    InputError
        For none, and for columns that are not there.
    """
    wanted: list[Any] = [given] if isinstance(given, str | int) else list(given)
    places: set[int] = set()
    unknown = []
    for column in wanted:
        if isinstance(column, int | np.integer) and not isinstance(column, bool):
            known = -len(schema) <= column < len(schema)
            places |= {int(column) % len(schema)} if known else set()
        else:
            known = value_name(column) in schema.names
            places |= {schema.names.index(value_name(column))} if known else set()
        if not known:
            unknown.append(one_line(repr(column)))
    if unknown or not places:
        got = joined(unknown, 5) if unknown else "none"
        raise InputError(
            f"The '{name}' parameter of {owner} must hold columns of the rows, by name "
            f"or by position in [0, {len(schema) - 1}]. Got {got}."
        )
    return tuple(sorted(places))
