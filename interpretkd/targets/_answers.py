"""What a model says of rows, and what it decides: mostly, but not always, the same.

A teacher decides by its `predict`. A threshold of its own, a vote or a calibration
apart from the scores can make that another decision than its largest score.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError


@dataclass(frozen=True, eq=False)
class Answers:
    """A teacher's logits of rows and, where these do not tell, its own decisions.

    Wherever the teacher's logits are read as an array, this can be given.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_outputs), float64
        Logits (values, for regression).
    own : ndarray of shape (n_samples,) or (n_samples, n_outputs), or None, default=None
        What the teacher decides, as `decide` returns it; None where that is what its
        logits decide.

    Raises
    ------
    InputError
        When the two do not have the same rows.

    Examples
    --------
    >>> answers = Answers(np.array([[2.0, 0.0], [1.0, 0.0]]), np.array([0, 1]))
    >>> decide(answers)
    array([0, 1])
    >>> decide(answers.logits)
    array([0, 0])
    """

    logits: Array
    own: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.own is not None and len(self.own) != len(self.logits):
            raise InputError(
                "A teacher's logits and its decisions must be of the same rows. Got "
                f"{len(self.logits)} and {len(self.own)}."
            )

    def __len__(self) -> int:
        return len(self.logits)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy:
            return np.array(self.logits, dtype=dtype)
        return np.asarray(self.logits, dtype=dtype)

    def __getitem__(self, rows: Any) -> "Answers":
        """Return what is said of some rows; of one, still as an array of rows."""
        if isinstance(rows, int | np.integer):
            rows = [int(rows)]
        return Answers(self.logits[rows], None if self.own is None else self.own[rows])

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the logits."""
        return self.logits.shape

    def differs(self, task: str) -> NDArray[np.bool_]:
        """Tell on which rows the teacher decides otherwise than its logits.

        Parameters
        ----------
        task : {"multiclass", "multilabel", "regression"}
            What is decided.

        Returns
        -------
        ndarray of shape (n_samples,), bool
            One value a row; of several labels, whether one of them is other.
        """
        if self.own is None:
            return np.zeros(len(self), dtype=bool)
        other = self.own != decide(self.logits, task)
        return np.asarray(other.any(axis=1) if other.ndim == 2 else other)

    def join(self, further: "Answers") -> "Answers":
        """Return both as one.

        Parameters
        ----------
        further : Answers
            Of other rows.

        Returns
        -------
        Answers
            Of all rows.
        """
        logits = np.vstack([self.logits, further.logits])
        known = self.own if self.own is not None else further.own
        if known is None:
            return Answers(logits)
        task = "multilabel" if known.ndim == 2 else "multiclass"
        both = [decide(part, task) for part in (self, further)]
        return Answers(logits, np.concatenate(both))


def answers_of(teacher: Any, X: Any, logits: Any = None) -> Answers:
    """Return what a teacher says of rows, and decides.

    Parameters
    ----------
    teacher : object
        A `Teacher`, or anything with `logits`.
    X : array-like or frame of shape (n_samples, n_features)
        Rows.
    logits : array-like of shape (n_samples, n_outputs), or Answers, default=None
        What it said of them before; None asks it.

    Returns
    -------
    Answers
        Decisions of its own where it has an `answers`, and its logits do not tell.
    """
    if isinstance(logits, Answers):
        return logits
    if hasattr(teacher, "answers"):
        answers: Answers = teacher.answers(X, logits)
        return answers
    said = np.asarray(teacher.logits(X) if logits is None else logits, np.float64)
    return Answers(said[:, None] if said.ndim == 1 else said)


def decide(logits: Array | Answers, task: str = "multiclass") -> NDArray[Any]:
    """Return what a model decides.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_outputs), or Answers
        Logits; the answers of a teacher, whose decisions may be its own.
    task : {"multiclass", "multilabel"}, default="multiclass"
        Of logits the largest column, or every positive one.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_outputs), int64
        Class positions, or 0 and 1 for each label.
    """
    if isinstance(logits, Answers) and logits.own is not None:
        return logits.own
    if task == "multilabel":
        return (np.asarray(logits) > 0).astype(np.int64)
    return np.asarray(logits).argmax(axis=1)
