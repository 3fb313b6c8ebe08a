"""Scheduled learning: passes over the labels between those of the teacher's answers."""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from interpretkd._base import check_integer, check_real
from interpretkd.methods._context import Context
from interpretkd.methods._scheme import Pupil, Scheme, StudentFit
from interpretkd.methods._step import Use
from interpretkd.targets import certain_logits
from interpretkd.transfer import TransferSet


class Interleaved(Scheme):
    """Every so many passes the labelled rows with their labels, else the teacher.

    A pass is a round of boosting. Passes 1 to ``every - 1`` are fitted to all rows with
    the teacher's answers, pass `every` to the labelled rows alone, with the label at
    `certainty` (the others share the rest evenly; of a regression the value itself) in
    the answer's place; then it begins anew, until the student has its rounds. Targets,
    weights and temperature are those of the model.

    Parameters
    ----------
    every : int or None, default=4
        In [2, inf): which pass is the labels'. None for none: the plain fit.
    certainty : float, default=0.95
        In (0.5, 1): the probability that stands for a label. Labels have no logits, and
        one of probability 1 would have infinite ones.

    Notes
    -----
    Measured here (row 26b of docs/methods.md: six tables, a quarter of the rows
    labelled): accuracy +3.6 ± 4.6 points over the labelled rows alone, significant on
    three tables; against the same rows without the passes of labels on none. The rows
    help, the schedule hardly.

    It is for a student that goes on from an earlier fit: a `BoostedStudent` without
    `max_leaves`. Its early stopping looks at whole cycles: after each the fidelity on
    the held-out rows is measured, with the teacher's raw answers; the best cycle is
    kept, and the fit ends when none was better for `patience` rounds. Judged round by
    round, each pass of labels would be dropped for what it costs in fidelity. It costs
    no questions, and more time the more rounds there are, for each part of a cycle
    begins with the sum of the trees before it. Expect the student to follow the labels
    where they and the teacher differ, and its fidelity to fall: judge it by accuracy.

    References
    ----------
    Parthasarathi & Strom (2019), "Lessons from building acoustic models with a million
    hours of speech", scheduled learning; as told by Gou et al. (2021).

    Examples
    --------
    >>> print(Interleaved())
    Every 4th pass fits the labelled rows with their labels, at certainty 0.95
    """

    needs: ClassVar[frozenset[str]] = frozenset({"labels"})

    def __init__(self, every: int | None = 4, *, certainty: float = 0.95) -> None:
        self.every = every
        self.certainty = certainty

    def check(self) -> None:
        """Check the parameters.

        Raises
        ------
        InputError
            When one is out of range.
        """
        check_integer("Interleaved", "every", self.every, 2, optional=True)
        check_real("Interleaved", "certainty", self.certainty, 0.5, 1)

    def refusal(self, use: Use) -> str | None:
        """Say why there would be no pass of labels, if so.

        Parameters
        ----------
        use : Use
            As of `Step.refusal`.

        Returns
        -------
        str or None
            A clause.
        """
        if self.every is None:
            return None
        if not use.student.continues:
            return (
                f"{use.student!r} cannot go on from an earlier fit; a BoostedStudent "
                "without max_leaves can"
            )
        n_rounds = use.student.n_rounds
        if n_rounds < self.every:
            return f"of {n_rounds} rounds none is the {_ordinal(self.every)}"
        return None

    def run(
        self, transfer_set: TransferSet, context: Context, fit: StudentFit
    ) -> Pupil:
        """Fit the passes, and return the student after the best whole cycle.

        Parameters
        ----------
        transfer_set, context, fit : TransferSet, Context, callable
            As of `Scheme.run`.

        Returns
        -------
        Pupil
            The student.
        """
        if self.every is None:
            return fit(transfer_set)
        labelled = _with_labels(transfer_set, context.task, self.certainty)
        n_rounds, patience = fit.student.n_rounds, fit.student.patience
        best: tuple[float, int, Pupil] | None = None
        pupil: Pupil | None = None
        done = 0
        while done < n_rounds:
            n_by_teacher = min(self.every - 1, n_rounds - done)
            pupil = _go_on(fit, transfer_set, pupil, n_by_teacher)
            done += n_by_teacher
            if done < n_rounds:
                pupil = _go_on(fit, labelled, pupil, 1)
                done += 1
            score = fit.score(pupil)
            if score is None:
                continue
            if best is None or score > best[0]:
                best = score, done, pupil
            elif done - best[1] >= patience:
                break
        kept = pupil if best is None else best[2]
        assert kept is not None
        return kept

    def __str__(self) -> str:
        """Say which pass is the labels'."""
        if self.every is None:
            return "No pass of labels"
        return (
            f"Every {_ordinal(self.every)} pass fits the labelled rows with their "
            f"labels, at certainty {self.certainty:g}"
        )


def _go_on(
    fit: StudentFit, rows: TransferSet, start: Pupil | None, n_rounds: int
) -> Pupil:
    return fit(rows, start=start, watches=False, n_rounds=n_rounds)


def _with_labels(transfer_set: TransferSet, task: str, certainty: float) -> TransferSet:
    """Return the labelled rows with their labels in the place of the answers."""
    labelled = transfer_set.take(np.flatnonzero(transfer_set.is_labelled))
    labels: Any = labelled.labels
    said = labels if task == "regression" else certain_logits(labels, certainty, task)
    return replace(labelled, logits=said, own=None, known=labelled.encoded)


def _ordinal(number: int) -> str:
    ends = {1: "st", 2: "nd", 3: "rd"}
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else ends.get(number % 10, 'th')}"
