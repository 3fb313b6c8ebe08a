"""What a step may look at while it works, and where its chance comes from."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from interpretkd._base import Array
from interpretkd.data import Encoded, Rows, Schema
from interpretkd.methods._questions import Questions
from interpretkd.targets import Answers
from interpretkd.teachers import Teacher
from interpretkd.transfer import TransferSet

NEEDS = ("labels", "images", "activations", "gradients", "checkpoints", "student")
"""What a step may say that it needs."""


@dataclass(frozen=True, eq=False)
class Context:
    """What a step may look at.

    Parameters
    ----------
    teacher : Teacher
        The teacher, with its `layers`, `activations`, `gradients` and `checkpoints`
        where it has them.
    schema : Schema
        The columns that the teacher reads.
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    seed : int
        Of the whole fit.
    questions : Questions
        The answers so far: ask by `ask`.
    fit : callable or None
        Fits a quick student to a transfer set; what it returns is a `Pupil`.
    rng : numpy.random.Generator
        A stream of its own for each step: one more step moves no other step's draws.
    student : object or None
        The quick student, a `Pupil`, for a step that needs "student".
    """

    teacher: Teacher
    schema: Schema
    task: str
    seed: int
    questions: Questions
    fit: Callable[[TransferSet], Any] | None = None
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    student: Any = None

    @property
    def n_asked(self) -> int:
        """The different rows that the teacher was asked about so far."""
        return self.questions.n_asked

    def ask(self, rows: Rows) -> Answers:
        """Ask the teacher; a row that it was asked about before costs nothing.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        Answers
            Its logits and own decisions.
        """
        return self.questions.ask(rows)

    def encode(self, rows: Rows) -> Encoded:
        """Return rows as codes of the fit's columns.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        Encoded
            The same rows.
        """
        return Encoded(self.schema, self.schema.encode(rows))

    def offers(self, transfer_set: TransferSet) -> frozenset[str]:
        """Return which of `NEEDS` there are.

        Parameters
        ----------
        transfer_set : TransferSet
            The rows that a step would get.

        Returns
        -------
        frozenset of str
            Names out of `NEEDS`.
        """
        there = set(getattr(self.teacher, "offers", ()))
        if transfer_set.is_labelled.any():
            there.add("labels")
        if self.schema.image_shape is not None:
            there.add("images")
        if self.fit is not None:
            there.add("student")
        return frozenset(there)

    def for_step(
        self, step: Any, occurrence: int, transfer_set: TransferSet
    ) -> "Context":
        """Return what one step gets: its own chance, a student if it needs one.

        Parameters
        ----------
        step : Step
            Which.
        occurrence : int
            How many steps of its class stand before it.
        transfer_set : TransferSet
            What it will work on.

        Returns
        -------
        Context
            The same for this step.
        """
        name = zlib.crc32(type(step).__name__.encode())
        own = [self.seed] if step.is_default else [self.seed, name, occurrence]
        rng = np.random.default_rng(own if len(own) > 1 else self.seed)
        student = None
        if "student" in step.needs and self.fit is not None:
            student = self.fit(transfer_set)
        return replace(self, rng=rng, student=student)

    def for_scheme(self, scheme: Any) -> "Context":
        """Return what a scheme gets: its own chance.

        Parameters
        ----------
        scheme : Scheme
            Which.

        Returns
        -------
        Context
            The same for it.
        """
        name = zlib.crc32(type(scheme).__name__.encode())
        return replace(self, rng=np.random.default_rng([self.seed, name]))


def unit_variance(columns: Array, weights: Array) -> Array:
    """Centre columns and scale them together: their variances add up to 1.

    Parameters
    ----------
    columns : ndarray of shape (n_samples, n_columns)
        Numbers.
    weights : ndarray of shape (n_samples,)
        How much each row counts.

    Returns
    -------
    ndarray of shape (n_samples, n_columns), float64
        The columns; 0 where none of them varies.
    """
    share = weights / weights.sum()
    centred = columns - share @ columns
    total = float((share @ centred**2).sum())
    return centred / np.sqrt(total) if total > 0 else centred
