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
from interpretkd.teachers import EnsembleTeacher, Teacher
from interpretkd.transfer import TransferSet

NEEDS = (
    *("labels", "images", "activations", "gradients", "checkpoints", "members"),
    "student",
)
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
    restore : callable or None
        Gives rows the form in which the user has them, for another teacher that was
        fitted to such; None where that is their own.
    rng : numpy.random.Generator
        A stream of its own for each step: one more step moves no other step's draws.
    notes : list of str
        What a step found out, as sentences for the recipe; see `tell`.
    student : object or None
        The quick student, a `Pupil`, for a step that needs "student".
    step : str, default=""
        Which step's this is: its class, and how many of it stand before.
    weighs : bool, default=True
        Whether the student takes weights of rows; for one that does not, made rows
        must count as much as given ones.
    """

    teacher: Teacher
    schema: Schema
    task: str
    seed: int
    questions: Questions
    fit: Callable[[TransferSet], Any] | None = None
    restore: Callable[[Any], Any] | None = None
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    notes: list[str] = field(default_factory=list)
    student: Any = None
    step: str = ""
    weighs: bool = True

    @property
    def n_asked(self) -> int:
        """The questions to the teacher so far; see `Questions.n_asked`."""
        return self.questions.n_asked

    @property
    def members(self) -> tuple[Teacher, ...]:
        """The members that a teacher asks, if it is an ensemble; () of any other.

        They read rows as the ensemble does.
        """
        return _members_of(self.teacher)

    def ask_member(self, place: int, rows: Rows) -> Answers:
        """Ask one member alone; each row that it was asked about before is free.

        Parameters
        ----------
        place : int
            Its position in `members`.
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        Answers
            Its logits and own decisions.
        """
        return self.questions.of_member(place, self.members[place]).ask(rows)

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

    def once(self, make: Callable[[], Any]) -> Any:
        """Return what a step makes when it is first applied in a fit, and that again.

        Parameters
        ----------
        make : callable
            Makes it.

        Returns
        -------
        object
            The same one in the whole fit.
        """
        kept = self.questions.kept
        if self.step not in kept:
            kept[self.step] = make()
        return kept[self.step]

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

    def tell(self, sentence: str) -> None:
        """Add a sentence to the recipe: a figure that the step alone knows.

        Parameters
        ----------
        sentence : str
            Such as how much of a layer its hints keep; it stands in `recipe_` for the
            rows that the student was fitted to.
        """
        self.notes.append(sentence)

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
        if len(self.members) > 1:
            there.add("members")
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
        own: Any = [self.seed, name, occurrence]
        if step.is_default and occurrence == 0:
            own = self.seed  # as it was before there were steps
        rng = np.random.default_rng(own)
        student = None
        if "student" in step.needs and self.fit is not None:
            student = self.fit(transfer_set)
        place = f"{type(step).__name__} {occurrence}"
        return replace(self, rng=rng, student=student, step=place, notes=[])

    def for_scheme(self, scheme: Any) -> "Context":
        """Return what a scheme or a view gets: its own chance, from its beginning.

        Parameters
        ----------
        scheme : Scheme or View
            Which.

        Returns
        -------
        Context
            The same for it.
        """
        name = zlib.crc32(type(scheme).__name__.encode())
        return replace(self, rng=np.random.default_rng([self.seed, name]))


def ensemble_of(teacher: Teacher) -> EnsembleTeacher | None:
    """Return the ensemble that a teacher is, or that stands behind it.

    Parameters
    ----------
    teacher : Teacher
        The handle.

    Returns
    -------
    EnsembleTeacher or None
        None where it is none.
    """
    model = teacher.estimator
    if isinstance(model, EnsembleTeacher):
        return model
    behind = getattr(model, "teacher", None)
    return ensemble_of(behind) if isinstance(behind, Teacher) else None


def _members_of(teacher: Teacher) -> tuple[Teacher, ...]:
    """Return the members of an ensemble that it asks, as they read its rows."""
    ensemble = ensemble_of(teacher)
    if ensemble is None:
        return ()
    pairs = zip(ensemble.members_, ensemble.weights_, strict=True)
    members = tuple(member for member, weight in pairs if weight > 0)
    handle = teacher
    while handle.estimator is not ensemble:  # one that stands before it
        members = _reading(members, handle)
        handle = handle.estimator.teacher
    return _reading(members, handle)


def _reading(members: tuple[Teacher, ...], handle: Teacher) -> tuple[Teacher, ...]:
    """Return members that are given rows as a handle is."""
    reads = handle.reads
    if reads is None:
        return members
    return tuple(replace(m, reads=_first(reads, m.reads)) for m in members)


def _first(
    before: Callable[[Any], Any], after: Callable[[Any], Any] | None
) -> Callable[[Any], Any]:
    return before if after is None else lambda X: after(before(X))


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
