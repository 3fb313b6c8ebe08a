"""Other answers in the teacher's place: its classes by rank, or whole outputs."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from interpretkd._base import Array, InputError, check_integer
from interpretkd.methods._context import Context
from interpretkd.methods._kinds import Reply
from interpretkd.methods._step import Step, Use
from interpretkd.targets import (
    Target,
    best_outputs,
    label_target,
    permute_rest,
    spread_rest,
)
from interpretkd.transfer import REPEATED, TransferSet

_TINY = np.finfo(np.float64).tiny


class TopK(Reply):
    """The largest probabilities of each row alone; the other classes share the rest.

    What is taught is what can be kept in ``k`` positions and ``k`` probabilities a row
    - 4 k bytes as int16 and float16 instead of 4 K -, so it matters for many classes.
    With ``k=K`` nothing changes; ``K - 1`` would change nothing either, since a single
    class has the whole rest already, and is refused. ``k=1`` teaches the decision and
    how sure it is.

    Costs nothing, and no gain is expected: it shows how little of an answer is enough.

    Parameters
    ----------
    k : int, default=3
        In [1, K], for K classes.

    Notes
    -----
    Measured here (row 34 of docs/methods.md: images of ten classes, k = 3): fidelity
    +0.0 to +0.1 points. It saves space and changes no decision worth naming.

    References
    ----------
    Parthasarathi & Strom (2019), who keep the highest logits; as told by Abbasi et al.
    (2020).

    Examples
    --------
    >>> print(TopK(2))
    The 2 largest probabilities of a row are taught, the other classes share the rest
    """

    tasks: ClassVar[tuple[str, ...]] = ("multiclass",)
    keeps_decisions: ClassVar[bool] = True

    def __init__(self, k: int = 3) -> None:
        self.k = k

    def check(self) -> None:
        """Check `k`.

        Raises
        ------
        InputError
            When it is out of range.
        """
        check_integer(type(self).__name__, "k", self.k, 1)

    def refusal(self, use: Use) -> str | None:
        """Say where nothing is cut off.

        Parameters
        ----------
        use : Use
            As of `Step.refusal`.

        Returns
        -------
        str or None
            For two classes, for more than there are or all but one, and for hard
            targets.
        """
        if use.n_outputs == 2:
            return "of two classes the smaller one has the whole rest already"
        if self.k > use.n_outputs:
            return f"k={self.k} and the teacher has {use.n_outputs} classes"
        if self.k == use.n_outputs - 1:
            return (
                f"of {use.n_outputs} classes k={self.k} leaves one, which has the "
                "whole rest already"
            )
        if use.is_hard:
            return "hard targets are the teacher's decisions, and these stay"
        return None

    def reply(self, transfer_set: TransferSet, context: Context) -> Array:
        """Return the logits with an even rest.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Reply.reply`.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Those that are kept as they are.
        """
        return spread_rest(transfer_set.logits, self.k)

    def __str__(self) -> str:
        """Say what is taught."""
        kept = f"{self.k} largest probabilities of a row are taught"
        if self.k == 1:
            kept = "largest probability of a row is taught"
        return f"The {kept}, the other classes share the rest"


class Permuted(Reply):
    """The teacher's probabilities, dealt out anew among the classes it decides against.

    Each row keeps its decision, how sure it is and the other numbers, in an order by
    lot. It is a method of its own right and, above all, the control of what the other
    classes of an answer teach: what a student does not lose by it, they did not teach.

    Costs nothing; no gain is expected. For two classes and for hard targets it is
    refused, since there is nothing to deal.

    Notes
    -----
    Measured here (row 41 of docs/methods.md: images of ten classes): fidelity -0.0 ±
    0.9 points for trees, -0.4 for a linear student: which of the smaller probabilities
    is whose hardly teaches.

    References
    ----------
    Furlanello, Lipton, Tschannen, Itti & Anandkumar (2018), "Born again neural
    networks": dark knowledge with permuted predictions; as told by Alkhulaifi, Alsahli
    & Ahmad (2020).

    Examples
    --------
    >>> print(Permuted())
    The probabilities of the classes that are not decided are dealt out by lot
    """

    tasks: ClassVar[tuple[str, ...]] = ("multiclass",)
    keeps_decisions: ClassVar[bool] = True

    def refusal(self, use: Use) -> str | None:
        """Say where there is nothing to deal.

        Parameters
        ----------
        use : Use
            As of `Step.refusal`.

        Returns
        -------
        str or None
            For two classes, and for hard targets.
        """
        if use.n_outputs == 2:
            return "of two classes only one is not decided"
        if use.is_hard:
            return "hard targets are the teacher's decisions, and these stay"
        return None

    def reply(self, transfer_set: TransferSet, context: Context) -> Array:
        """Return the logits in another order.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Reply.reply`.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            The same numbers in each row.
        """
        return permute_rest(transfer_set.logits, context.rng)

    def __str__(self) -> str:
        """Say what is taught."""
        return (
            "The probabilities of the classes that are not decided are dealt out by lot"
        )


class KBest(Step):
    """Whole outputs: each row once for each of its most probable ones.

    An output is a class or, of several labels, a set of them, the best first over the
    product of the labels' probabilities. A row becomes up to ``k`` rows, each of which
    teaches one output for certain; their weights are the outputs' probabilities,
    divided by their sum, so that together they count what the row counted. Under
    squared error that is the mean of the outputs. ``k=1`` teaches as hard targets do.

    Costs up to k times the rows. In a list of replies it stands last: those behind it
    would take the second outputs for the teacher's. Outputs are taught for certain, so
    that a temperature of the targets changes next to nothing. All K classes of a row
    are on the mean its probabilities: to a student that takes means they are what soft
    targets are, at K times the rows, and refused. No gain is expected for classes;
    of several labels it teaches which sets go together, as far as the product of their
    probabilities knows.

    Parameters
    ----------
    k : int, default=3
        In [1, inf): how many outputs a row.

    Notes
    -----
    Measured here (row 34b of docs/methods.md: digits, k = 3): fidelity +0.2 points, not
    significant.

    References
    ----------
    Munim, Inoue & Shinoda (2019), "Sequence-level knowledge distillation for model
    compression of attention-based sequence-to-sequence speech recognition", after Kim &
    Rush (2016); as told by Abbasi et al. (2020).

    Examples
    --------
    >>> print(KBest(2))
    Each row teaches its 2 most probable outputs, weighted by their probabilities
    """

    slot: ClassVar[str] = "replies"
    tasks: ClassVar[tuple[str, ...]] = ("multiclass", "multilabel")

    def __init__(self, k: int = 3) -> None:
        self.k = k

    def check(self) -> None:
        """Check `k`.

        Raises
        ------
        InputError
            When it is out of range.
        """
        check_integer(type(self).__name__, "k", self.k, 1)

    def check_among(self, steps: tuple[Step, ...], place: int) -> None:
        """Check that it stands last.

        Parameters
        ----------
        steps, place : tuple of Step, int
            As of `Step.check_among`.

        Raises
        ------
        InputError
            When another reply follows.
        """
        if place < len(steps) - 1:
            raise InputError(
                f"{type(self).__name__} must stand last in a list of replies: those "
                "behind it would take the second outputs for the teacher's. Got "
                f"{type(steps[place + 1]).__name__} behind it."
            )

    def refusal(self, use: Use) -> str | None:
        """Say where whole outputs are what is taught anyway, or cannot be weighted.

        Parameters
        ----------
        use : Use
            As of `Step.refusal`.

        Returns
        -------
        str or None
            For one output and hard targets; for all classes, to a student that takes
            means; the student's reason against weights.
        """
        if self.k == 1 and use.is_hard:
            return "hard targets are the teacher's best outputs, once a row"
        if self.k >= use.n_outputs and all(_is_mean(use, t) for t in use.targets):
            return (
                f"the {use.n_outputs} classes of a row, weighted by their "
                f"probabilities, are to a {type(use.student).__name__} what soft "
                f"targets are by themselves; take k below {use.n_outputs}"
            )
        reason: str | None = use.student.weight_refusal
        return reason if self.k > 1 else None

    def apply(self, transfer_set: TransferSet, context: Context) -> TransferSet:
        """Return each row as often as it has outputs to teach.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Step.apply`.

        Returns
        -------
        TransferSet
            The most probable output of each row first, then the second ones, and so on.
        """
        said, task = _deciding_logits(transfer_set, context.task), context.task
        outputs, share = best_outputs(said, self.k, task)
        n_rows, n_best = share.shape
        once_more = np.tile(np.arange(n_rows), n_best)
        taught = transfer_set.take(once_more)
        columns = outputs.swapaxes(0, 1).reshape(-1, outputs.shape[2])
        origin = transfer_set.origins[once_more]
        repeats = np.arange(len(origin)) >= n_rows
        origin = np.where(repeats & taught.is_given, REPEATED, origin)
        return replace(
            taught,
            logits=label_target(task).decode(columns.astype(np.float64)),
            weight=taught.weights * share.T.ravel(),
            origin=origin if n_best > 1 else transfer_set.origin,
            own=None,
        )

    def __str__(self) -> str:
        """Say what is taught."""
        if self.k == 1:
            return "Each row teaches its most probable output for certain"
        return (
            f"Each row teaches its {self.k} most probable outputs, weighted by their "
            "probabilities"
        )


def _is_mean(use: Use, target: Target) -> bool:
    """Tell whether of all classes of a row only their probabilities reach a student.

    Columns of sure outputs are 0 and 1. A higher temperature, or logits, makes other
    numbers of these two: the same to who lowers a squared error.
    """
    student, soft = use.student, target.kind == "soft" and target.temperature <= 1
    plain: bool = soft or target.kind == "hard" or student.squares(target)
    return target.task == "multiclass" and student.averages(target) and plain


def _deciding_logits(transfer_set: TransferSet, task: str) -> Array:
    """Return logits that decide as the teacher: moved to the tie where they do not."""
    logits, own = transfer_set.logits, transfer_set.own
    if own is None:
        return logits
    if task == "multilabel":
        tie = np.where(own == 1, _TINY, 0.0)
        return np.where((logits > 0) == (own == 1), logits, tie)
    moved: Array = logits.copy()
    other = np.flatnonzero(logits.argmax(axis=1) != own)
    moved[other, own[other]] = np.nextafter(logits[other].max(axis=1), np.inf)
    return moved
