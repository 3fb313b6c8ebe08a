"""The transfer set: rows, what the teacher says of them, and the labels."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import Array, counted, joined
from interpretkd.data import Encoded, Rows, stack_rows, take_rows
from interpretkd.targets import Answers, decide, label_target

GIVEN, UNLABELLED, REPEATED = "given", "unlabelled", "repeated"
"""Where rows come from that were not made: with labels or not, and once more."""

_REAL = (GIVEN, UNLABELLED, REPEATED)

LOCKED = ("rows", "logits", "labels", "weight", "own", "hints", "origin")
"""What `TransferSet.locked` protects."""


@dataclass(frozen=True, eq=False, repr=False)
class TransferSet:
    """Rows, what the teacher says of them, and the labels where there are any.

    A method of distillation is a step from one transfer set to the next.

    Parameters
    ----------
    rows : DataFrame or ndarray of shape (n_samples, n_features)
        Rows in original columns.
    logits : ndarray of shape (n_samples, n_outputs), float64
        The teacher's.
    labels : ndarray of shape (n_samples, n_outputs), or None
        0 and 1 (values, for regression); NaN in the rows without label.
    weight : ndarray of shape (n_samples,), float64, or None
        How much each row counts; None for 1.
    known : Encoded or None
        The rows encoded, where they are already; see `encoded`.
    own : ndarray of shape (n_samples,) or (n_samples, n_outputs), or None
        The teacher's own decisions, where they are not those of its logits; see
        `answers`.
    hints : ndarray of shape (n_samples, n_hints), float64, or None
        Guide columns: they shape a student's tests, and it never predicts them. Their
        variances add up to a share of those of the target columns.
    origin : ndarray of shape (n_samples,), str, or None
        Where each row comes from: "given", "unlabelled", "repeated" or the name of the
        step that made it; None for all given. Made rows teach, but whoever counts the
        training rows does not mean them.
    task : {"multiclass", "multilabel", "regression"}, default="multiclass"
        What is decided.
    classes : ndarray of shape (n_outputs,), or None, default=None
        The names of the outputs; None where they have none.
    notes : tuple of str, default=()
        What the steps found out on the way here.
    number : ndarray of shape (n_samples,), int, or None, default=None
        Which row each is; `take` and `join` keep it. See `numbers`.
    """

    rows: Rows
    logits: Array
    labels: Array | None = None
    weight: Array | None = None
    known: Encoded | None = None
    own: NDArray[np.int64] | None = None
    hints: Array | None = None
    origin: NDArray[np.str_] | None = None
    task: str = "multiclass"
    classes: NDArray[Any] | None = None
    notes: tuple[str, ...] = ()
    number: NDArray[np.int64] | None = None

    @property
    def answers(self) -> Answers:
        """The logits with the teacher's own decisions."""
        return Answers(self.logits, self.own)

    def __len__(self) -> int:
        return len(self.logits)

    @cached_property
    def encoded(self) -> Encoded:
        """The rows as codes: those of a part or a whole are not encoded anew."""
        return Encoded.of(self.rows) if self.known is None else self.known

    @property
    def origins(self) -> NDArray[np.str_]:
        """Where each row comes from, shape (n_samples,)."""
        return np.full(len(self), GIVEN) if self.origin is None else self.origin

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Which row each is, shape (n_samples,): one that was taken twice has one."""
        if self.number is None or len(self.number) != len(self):
            return np.arange(len(self))
        return self.number

    @property
    def n_made(self) -> int:
        """How many rows were made: one counts once, however often it stands there."""
        return len(np.unique(self.numbers[~self.is_given]))

    @property
    def is_given(self) -> NDArray[np.bool_]:
        """Which rows were given and not made, shape (n_samples,)."""
        if self.origin is None:
            return np.ones(len(self), dtype=np.bool_)
        real: NDArray[np.bool_] = np.asarray(np.isin(self.origin, _REAL))
        return real

    @property
    def is_counted(self) -> NDArray[np.bool_]:
        """Which rows were given, each once: what counts the training rows means them.

        Shape (n_samples,).
        """
        if self.origin is None:
            return np.ones(len(self), dtype=np.bool_)
        return np.isin(self.origin, (GIVEN, UNLABELLED))

    @property
    def is_labelled(self) -> NDArray[np.bool_]:
        """Which rows have a label, shape (n_samples,)."""
        if self.labels is None:
            return np.zeros(len(self), dtype=np.bool_)
        return ~np.asarray(np.isnan(self.labels).any(axis=1))

    @property
    def weights(self) -> Array:
        """How much each row counts, shape (n_samples,)."""
        return np.ones(len(self)) if self.weight is None else self.weight

    def take(self, index: NDArray[np.integer]) -> "TransferSet":
        """Return some of the rows.

        Parameters
        ----------
        index : ndarray of int
            The rows' positions; one may occur several times.

        Returns
        -------
        TransferSet
            These rows; the same object when they are all.
        """
        if np.array_equal(index, np.arange(len(self))):
            return self

        def part(column: Any) -> Any:
            return None if column is None else column[index]

        return replace(
            self,
            rows=take_rows(self.rows, index),
            logits=self.logits[index],
            labels=part(self.labels),
            weight=part(self.weight),
            known=self.encoded.take(index),
            own=part(self.own),
            hints=part(self.hints),
            origin=part(self.origin),
            number=self.numbers[index],
        )

    def join(self, further: "TransferSet") -> "TransferSet":
        """Return both sets as one.

        Parameters
        ----------
        further : TransferSet
            Made rows, or other ones of the same columns.

        Returns
        -------
        TransferSet
            All rows; with hints when both have them.
        """
        labels, hints = None, None
        if self.labels is not None or further.labels is not None:
            labels = np.vstack([_or_nan(self), _or_nan(further)])
        if self.hints is not None and further.hints is not None:
            hints = np.vstack([self.hints, further.hints])
        both = self.answers.join(further.answers)
        ours, theirs = self.numbers, further.numbers
        return replace(
            self,
            rows=stack_rows(self.rows, further.rows),
            logits=both.logits,
            labels=labels,
            weight=np.concatenate([self.weights, further.weights]),
            known=self.encoded.join(further.encoded),
            own=both.own,
            hints=hints,
            origin=np.concatenate([self.origins, further.origins]),
            number=np.concatenate([ours, theirs + ours.max(initial=-1) + 1]),
        )

    def without_teacher(self, task: str) -> "TransferSet":
        """Return what the baseline is fitted to: the labels in the teacher's place.

        Parameters
        ----------
        task : {"multiclass", "multilabel", "regression"}
            What is decided.

        Returns
        -------
        TransferSet
            The rows that have a label, as they were given.
        """
        assert self.labels is not None
        labelled = self.take(np.flatnonzero(self.is_labelled))
        assert labelled.labels is not None
        logits = label_target(task).decode(labelled.labels)
        known = labelled.encoded
        return replace(labelled, logits=logits, own=None, hints=None, known=known)

    def bare(self) -> "TransferSet":
        """Return the set without what students made of its rows to be fitted.

        Returns
        -------
        TransferSet
            The same rows: a model can keep them, and can be pickled.
        """
        return replace(self, known=replace(self.encoded))

    def locked(self) -> "TransferSet":
        """Return the set with arrays that cannot be written to, without a copy.

        Returns
        -------
        TransferSet
            The same rows; a frame is one of its own, of the same cells.
        """
        parts = {name: _locked(getattr(self, name)) for name in LOCKED}
        return replace(self, known=self.encoded, **parts)

    def to_frame(self) -> pd.DataFrame:
        """Return the rows as a table, with what is known of each.

        Returns
        -------
        DataFrame
            The columns of the rows, and behind them "(origin)", "(weight)",
            "(decision)" of the teacher and, where there are labels, "(label)"; where
            the rows have such a column, in brackets once more. Of several labels or
            values these two are tuples.
        """
        rows = self.rows
        if not isinstance(rows, pd.DataFrame):
            rows = pd.DataFrame(rows, columns=list(self.encoded.schema.names))
        told: dict[str, Any] = {
            "(origin)": self.origins,
            "(weight)": self.weights,
            "(decision)": self._named(self.answers),
        }
        if self.labels is not None:
            known = self._named(label_target(self.task).decode(self.labels))
            told["(label)"] = [
                value if there else None
                for value, there in zip(known, self.is_labelled, strict=True)
            ]
        table = rows.reset_index(drop=True)
        for name, column in told.items():
            while name in table:
                name = f"({name})"
            table[name] = column
        return table

    def __repr__(self) -> str:
        """Say how many rows there are, from where, and of what."""
        names, first, counts = np.unique(
            self.origins, return_index=True, return_counts=True
        )
        parts = [f"{counts[i]:,} {names[i]}" for i in np.argsort(first)]
        what = "values" if self.task == "regression" else "logits"
        columns = f"{counted(self.logits.shape[1], 'column')} of {what}"
        if self.hints is not None:
            columns += f", {self.hints.shape[1]:,} of hints"
        rows = counted(len(self), "row")
        return f"<TransferSet: {rows}, {joined(parts)}; {columns}>"

    def _named(self, said: Answers | Array) -> list[Any]:
        """Return decisions by the classes' names, or values."""
        if self.task == "regression":
            values = np.asarray(said)
            one = values.shape[1] == 1
            return values[:, 0].tolist() if one else [*map(tuple, values.tolist())]
        chosen = decide(said, self.task)
        names = np.arange(said.shape[1]) if self.classes is None else self.classes
        if self.task == "multilabel":
            return [tuple(names[on.astype(bool)].tolist()) for on in chosen]
        named: list[Any] = names[chosen].tolist()
        return named


def _locked(part: Any) -> Any:
    if part is None:
        return None
    if isinstance(part, pd.DataFrame):
        return part.copy(deep=False)
    view = part.view()
    view.flags.writeable = False
    return view


def _or_nan(transfer_set: TransferSet) -> Array:
    if transfer_set.labels is None:
        return np.full(transfer_set.logits.shape, np.nan)
    return transfer_set.labels
