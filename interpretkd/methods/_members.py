"""An ensemble's members as single teachers: each row by each of them, or by one."""

from dataclasses import replace
from functools import reduce
from typing import ClassVar

import numpy as np

from interpretkd._base import InputError
from interpretkd.data import take_rows
from interpretkd.methods._context import Context, ensemble_of
from interpretkd.methods._step import Step, Use
from interpretkd.targets import Answers, Target
from interpretkd.transfer import REPEATED, TransferSet

_EQUAL = 1e-12
"""Weights of members that differ by less are equal, but for rounding."""


class EachTeacher(Step):
    """Each row once for every member of an ensemble, with that member's answer.

    Of M members each of a row's M copies counts 1/M; one stands for the row where
    training rows are counted, the others are "repeated".

    Notes
    -----
    Measured here (row 13 of docs/methods.md: two sets, hard targets): fidelity -0.4 ±
    3.5 points to the mean of the members.

    The teacher must be an `EnsembleTeacher` of two or more. A row costs M further
    questions, and a fit about M times the time. Where a student is fitted by squared
    errors or cross-entropy, only the mean of a row's target columns counts: with
    logits of an ensemble of mean logits, or probabilities of one of mean
    probabilities, all of equal weights, it would be the student without this step, and
    that is refused. With hard targets the members vote.

    References
    ----------
    Fukuda et al. (2017), "Efficient knowledge distillation from an ensemble of
    teachers", as told by Alkhulaifi et al. (2020) and Gou et al. (2021).

    Examples
    --------
    >>> print(EachTeacher())
    Each row once for every member of the ensemble, with its own answer
    """

    needs: ClassVar[frozenset[str]] = frozenset({"members"})
    slot = "transfer"

    def check_among(self, steps: tuple[Step, ...], place: int) -> None:
        """Check that no other step about members stands before it.

        Parameters
        ----------
        steps, place : tuple of Step, int
            As of `Step.check_among`.

        Raises
        ------
        InputError
            When one does.
        """
        _check_alone(self, steps[:place])

    def refusal(self, use: Use) -> str | None:
        """Say why the student would be the one without this step, if so.

        Parameters
        ----------
        use : Use
            As of `Step.refusal`.

        Returns
        -------
        str or None
            A clause.
        """
        if not all(_averages(use, target) for target in use.targets):
            return None
        what = {"logits": "logits", "soft": "probabilities"}[use.targets[0].kind]
        if use.targets[0].task == "regression":
            what = "values"
        return (
            f"to a {type(use.student).__name__} only the mean of a row's {what} over "
            "the members counts, and that is what the ensemble says itself; hard "
            "targets or RandomTeacher() differ"
        )

    def apply(self, transfer_set: TransferSet, context: Context) -> TransferSet:
        """Return the rows as often as there are members.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Step.apply`.

        Returns
        -------
        TransferSet
            All rows by the first member, then by the second, and so on.
        """
        n_rows, n_members = len(transfer_set), len(context.members)
        said = [context.ask_member(m, transfer_set.rows) for m in range(n_members)]
        whole = reduce(Answers.join, said)
        repeated = transfer_set.take(np.tile(np.arange(n_rows), n_members))
        again = np.where(transfer_set.is_given, REPEATED, transfer_set.origins)
        origin = [transfer_set.origins, *[again] * (n_members - 1)]
        return replace(
            repeated,
            logits=whole.logits,
            own=whole.own,
            weight=repeated.weights / n_members,
            origin=np.concatenate(origin),
        )

    def __str__(self) -> str:
        """Say what becomes of the rows."""
        return "Each row once for every member of the ensemble, with its own answer"


class RandomTeacher(Step):
    """Each row with the answer of one member of an ensemble, drawn by lot.

    Notes
    -----
    Measured here (row 13b of docs/methods.md: two sets, hard targets): fidelity -0.0 ±
    0.6 points to the mean of the members.

    The teacher must be an `EnsembleTeacher` of two or more; each member is as likely.
    A row costs one further question, a fit no more time.

    References
    ----------
    Fukuda et al. (2017), as of `EachTeacher`: a teacher drawn for each step.

    Examples
    --------
    >>> print(RandomTeacher())
    Each row with the answer of one member of the ensemble, drawn by lot
    """

    needs: ClassVar[frozenset[str]] = frozenset({"members"})
    slot = "transfer"

    def check_among(self, steps: tuple[Step, ...], place: int) -> None:
        """Check that no other step about members stands before it.

        Parameters
        ----------
        steps, place : tuple of Step, int
            As of `Step.check_among`.

        Raises
        ------
        InputError
            When one does.
        """
        _check_alone(self, steps[:place])

    def apply(self, transfer_set: TransferSet, context: Context) -> TransferSet:
        """Return the rows with other answers.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Step.apply`.

        Returns
        -------
        TransferSet
            The same rows.
        """
        drawn = context.rng.integers(len(context.members), size=len(transfer_set))
        order = np.argsort(drawn, kind="stable")
        said = [
            context.ask_member(
                int(member),
                take_rows(transfer_set.rows, np.flatnonzero(drawn == member)),
            )
            for member in np.unique(drawn)
        ]
        whole = reduce(Answers.join, said)[np.argsort(order)]
        return replace(transfer_set, logits=whole.logits, own=whole.own)

    def __str__(self) -> str:
        """Say what becomes of the rows."""
        return "Each row with the answer of one member of the ensemble, drawn by lot"


def _check_alone(step: Step, before: tuple[Step, ...]) -> None:
    for other in before:
        if isinstance(other, EachTeacher | RandomTeacher):
            raise InputError(
                f"{type(step).__name__} would put its answers in the place of those of "
                f"{type(other).__name__}, which stands before it: take one of the two."
            )


def _averages(use: Use, target: Target) -> bool:
    """Tell whether the mean of the members' columns is the ensemble's, and counts."""
    ensemble = ensemble_of(use.teacher)
    if ensemble is None or not use.student.averages(target):
        return False
    weights = ensemble.weights_[ensemble.weights_ > 0]
    if np.ptp(weights) > _EQUAL:
        return False
    if target.kind == "soft":
        return target.temperature == 1 and ensemble.how == "probabilities"
    return target.kind == "logits" and ensemble.how == "logits"
