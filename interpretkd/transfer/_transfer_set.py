"""The transfer set: rows, what the teacher says of them, and the labels."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.data import Encoded, Rows, stack_rows, take_rows
from interpretkd.targets import Answers, label_target


@dataclass(frozen=True, eq=False)
class TransferSet:
    """Rows, what the teacher says of them, and the labels where there are any.

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
    given : ndarray of shape (n_samples,), bool, or None
        Which rows were given; None for all. The others were generated: they teach, but
        whoever counts the training rows does not mean them.
    """

    rows: Rows
    logits: Array
    labels: Array | None = None
    weight: Array | None = None
    known: Encoded | None = None
    own: NDArray[np.int64] | None = None
    given: NDArray[np.bool_] | None = None

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
    def is_given(self) -> NDArray[np.bool_]:
        """Which rows were given and not generated, shape (n_samples,)."""
        return np.ones(len(self), dtype=np.bool_) if self.given is None else self.given

    def take(self, index: NDArray[np.integer]) -> "TransferSet":
        """Return some of the rows.

        Parameters
        ----------
        index : ndarray of int
            The rows' positions.

        Returns
        -------
        TransferSet
            These rows; the same object when they are all.
        """
        if np.array_equal(index, np.arange(len(self))):
            return self
        return TransferSet(
            take_rows(self.rows, index),
            self.logits[index],
            None if self.labels is None else self.labels[index],
            None if self.weight is None else self.weight[index],
            self.encoded.take(index),
            None if self.own is None else self.own[index],
            None if self.given is None else self.given[index],
        )

    def join(self, further: "TransferSet") -> "TransferSet":
        """Return both sets as one.

        Parameters
        ----------
        further : TransferSet
            Generated rows, without labels.

        Returns
        -------
        TransferSet
            All rows.
        """
        labels = None
        if self.labels is not None:
            labels = np.vstack([self.labels, np.full(further.logits.shape, np.nan)])
        both = self.answers.join(further.answers)
        return TransferSet(
            stack_rows(self.rows, further.rows),
            both.logits,
            labels,
            np.concatenate([self.weights, further.weights]),
            self.encoded.join(further.encoded),
            both.own,
            np.append(self.is_given, np.zeros(len(further), dtype=np.bool_)),
        )

    @property
    def weights(self) -> Array:
        """How much each row counts, shape (n_samples,)."""
        return np.ones(len(self)) if self.weight is None else self.weight

    def without_teacher(self, task: str) -> "TransferSet":
        """Return what the baseline is fitted to: the labels in the teacher's place.

        Parameters
        ----------
        task : {"multiclass", "multilabel", "regression"}
            What is decided.

        Returns
        -------
        TransferSet
            The rows that have a label.
        """
        assert self.labels is not None
        labelled = self.take(np.flatnonzero(~np.isnan(self.labels).any(axis=1)))
        assert labelled.labels is not None
        logits = label_target(task).decode(labelled.labels)
        known = labelled.encoded
        return TransferSet(labelled.rows, logits, labelled.labels, known=known)
