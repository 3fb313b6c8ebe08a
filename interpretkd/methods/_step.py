"""The protocol: a method is a step from transfer set to transfer set.

A new method is a class with one pure function: `Reply.reply`, `Hint.columns`,
`Weighting.weigh` or `RowGenerator.draw`. What all of a kind have in common - asking the
teacher, keeping the mean weight, marking where rows come from - is done here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from interpretkd._base import Array, InputError, check_integer, check_real, joined
from interpretkd.data import Rows
from interpretkd.methods._context import Context, unit_variance
from interpretkd.targets import TASKS, Answers, Target, decide
from interpretkd.teachers import Teacher
from interpretkd.transfer import TransferSet

SLOTS = ("transfer", "replies", "weights", "hints")
"""In this order the steps of a model are applied."""

_WHY_NOT = {
    "labels": "`fit` was given no labels y",
    "images": "the rows are no images that the teacher reads as such",
    "activations": "the teacher shows no hidden layers",
    "gradients": "the teacher has no derivatives by its inputs",
    "checkpoints": "the teacher kept no checkpoints (keep_checkpoints=True)",
    "members": "the teacher is no EnsembleTeacher of two or more members",
    "student": "no student can be fitted here",
}


@dataclass(frozen=True, eq=False)
class Use:
    """What a step is used on: by it a step says whether it would do anything.

    Parameters
    ----------
    student : student
        In the contract of students: `hint_refusal`, `weight_refusal` and so on.
    targets : tuple of Target
        What it is, or may be, fitted to.
    teacher : Teacher
        The teacher.
    n_outputs : int
        Classes, labels or values.
    """

    student: Any
    targets: tuple[Target, ...]
    teacher: Teacher
    n_outputs: int

    @property
    def is_hard(self) -> bool:
        """Whether it can be fitted to nothing but decisions as 0 and 1."""
        return all(target.kind == "hard" for target in self.targets)


class Step(BaseEstimator):
    """A method: from a transfer set to the one that teaches better, or otherwise.

    A subclass sets its parameters in ``__init__`` and nothing else. It learns from the
    rows that it is given, never from held-out ones: those pass through no step.

    Attributes
    ----------
    needs : frozenset of str
        What it cannot do without, out of `NEEDS`; `fit` says what is lacking.
    tasks : tuple of str
        What it is for, out of "multiclass", "multilabel" and "regression".
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    tasks: ClassVar[tuple[str, ...]] = TASKS
    is_default: ClassVar[bool] = False

    def check(self) -> None:
        """Check the parameters, before anything is fitted.

        Raises
        ------
        InputError
            For one out of range.
        """

    def refusal(self, use: Use) -> str | None:
        """Say why it would do nothing, if it would.

        Parameters
        ----------
        use : Use
            Student, targets and teacher.

        Returns
        -------
        str or None
            A clause, such as "there are two classes"; None where it does something.
        """
        return None

    def apply(self, transfer_set: TransferSet, context: Context) -> TransferSet:
        """Return the transfer set after this step.

        Parameters
        ----------
        transfer_set : TransferSet
            The rows so far.
        context : Context
            Teacher, columns, a random stream.

        Returns
        -------
        TransferSet
            The next one.
        """
        raise NotImplementedError

    def __str__(self) -> str:
        """Say in one sentence what it does; a step without one shows its parameters."""
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        assert isinstance(other, Step)
        ours, theirs = self.get_params(deep=False), other.get_params(deep=False)
        return all(_is_same(ours[name], theirs[name]) for name in ours)

    def __hash__(self) -> int:
        return hash(type(self))


class Reply(Step):
    """Another answer in the teacher's place.

    Attributes
    ----------
    keeps_decisions : bool
        Of a teacher that decides otherwise than its logits: whether its own decisions
        stay wherever the new logits still decide as its logits did. If not, new logits
        decide.
    """

    keeps_decisions: ClassVar[bool] = False

    def reply(self, transfer_set: TransferSet, context: Context) -> Array:
        """Return the logits that take the place of the teacher's.

        Parameters
        ----------
        transfer_set : TransferSet
            The rows so far.
        context : Context
            Teacher, columns, a random stream.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits (values, for regression).
        """
        raise NotImplementedError

    def apply(self, transfer_set: TransferSet, context: Context) -> TransferSet:
        """Return the transfer set with the other answers.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Step.apply`.

        Returns
        -------
        TransferSet
            A row whose logits are as they were keeps the teacher's own decision.
        """
        logits = _finite(self, self.reply(transfer_set, context))
        if logits.shape != transfer_set.logits.shape:
            raise InputError(
                f"The replies of {type(self).__name__} must have the shape "
                f"{transfer_set.logits.shape}. Got {logits.shape}."
            )
        own = transfer_set.own
        if own is not None:
            said = decide(logits, context.task)
            if self.keeps_decisions:
                changed = said != decide(transfer_set.logits, context.task)
            else:
                changed = logits != transfer_set.logits
                changed = changed if own.ndim == 2 else changed.any(axis=1)
            own = np.where(changed, said, own)
        return replace(transfer_set, logits=logits, own=own)


class Hint(Step):
    """Guide columns: a student's tests shall serve them, too, and never predict them.

    A subclass has a parameter `share`, in [0, inf): the columns' summed variance beside
    that of the target columns. 0 changes nothing.
    """

    share: float

    def check(self) -> None:
        """Check `share`.

        Raises
        ------
        InputError
            When it is out of range.
        """
        check_real(
            type(self).__name__, "share", self.share, 0, float("inf"), closed="left"
        )

    def refusal(self, use: Use) -> str | None:
        """Say why hints cannot shape a student.

        Parameters
        ----------
        use : Use
            As of `Step.refusal`.

        Returns
        -------
        str or None
            The student's reason.
        """
        reason: str | None = use.student.hint_refusal
        return reason

    def columns(self, transfer_set: TransferSet, context: Context) -> Array:
        """Return the guide columns, in any unit: they are centred and scaled together.

        Parameters
        ----------
        transfer_set : TransferSet
            The rows so far.
        context : Context
            Teacher, columns, a random stream.

        Returns
        -------
        ndarray of shape (n_samples, n_hints), float64
            Numbers.
        """
        raise NotImplementedError

    def apply(self, transfer_set: TransferSet, context: Context) -> TransferSet:
        """Return the transfer set with further guide columns.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Step.apply`.

        Returns
        -------
        TransferSet
            With `hints` whose variances add up to `share` times 1.
        """
        if self.share == 0:
            return transfer_set
        columns = _finite(self, self.columns(transfer_set, context))
        columns = columns.reshape(len(transfer_set), -1)
        hints = np.sqrt(self.share) * unit_variance(columns, transfer_set.weights)
        if transfer_set.hints is not None:
            hints = np.hstack([transfer_set.hints, hints])
        return replace(transfer_set, hints=hints)


class Weighting(Step):
    """Weights of the rows, multiplied to those there are; their mean is kept."""

    def refusal(self, use: Use) -> str | None:
        """Say why weights do nothing on a student.

        Parameters
        ----------
        use : Use
            As of `Step.refusal`.

        Returns
        -------
        str or None
            The student's reason.
        """
        reason: str | None = use.student.weight_refusal
        return reason

    def weigh(self, transfer_set: TransferSet, context: Context) -> Array:
        """Return how much each row counts, in any unit.

        Parameters
        ----------
        transfer_set : TransferSet
            The rows so far.
        context : Context
            Teacher, columns, a random stream.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            In [0, inf), not all 0.
        """
        raise NotImplementedError

    def apply(self, transfer_set: TransferSet, context: Context) -> TransferSet:
        """Return the transfer set with other weights of the same sum.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Step.apply`.

        Returns
        -------
        TransferSet
            The same rows.
        """
        own = _finite(self, self.weigh(transfer_set, context))
        before = transfer_set.weights
        weight = before * own if own.shape == before.shape else own
        if weight.shape != before.shape or weight.min() < 0 or not weight.any():
            raise InputError(
                f"The weights of {type(self).__name__} must be {len(before)} numbers "
                f"in [0, inf), not all zero. Got shape {own.shape}."
            )
        return replace(transfer_set, weight=weight * (before.sum() / weight.sum()))


class RowGenerator(Step):
    """Further rows: the teacher is asked about them, and each is marked as made.

    A subclass has the parameters `n_rows` and `share`, and may have `budget`: how many
    rows (a whole number) or how many for each given one (a float); their weight
    together, as a share of that of the given ones, though no made row counts more than
    a given one; and the most questions to the teacher in the whole fit, None for as
    many as it takes. 0 rows or a share of 0 change nothing.

    A student that chooses is fitted twice, first without the validation rows, and each
    time rows are drawn; with a budget they are drawn once, the first time.
    """

    n_rows: float
    share: float
    budget: int | None = None

    @property
    def origin(self) -> str:
        """The name that its rows carry."""
        return type(self).__name__.lower()

    def check(self) -> None:
        """Check the number of rows, their share and the budget.

        Raises
        ------
        InputError
            When one is out of range.
        """
        name = type(self).__name__
        if isinstance(self.n_rows, float | np.floating):
            check_real(name, "n_rows", self.n_rows, 0, float("inf"), closed="left")
        else:
            check_integer(name, "n_rows", self.n_rows, 0)
        check_real(name, "share", self.share, 0, 1, closed="both")
        check_integer(name, "budget", self.budget, 1, optional=True)

    def count(self, transfer_set: TransferSet) -> int:
        """Return how many rows to draw.

        Parameters
        ----------
        transfer_set : TransferSet
            The rows so far; made ones do not count.

        Returns
        -------
        int
            Within the budget.
        """
        n_rows = int(self.n_rows)
        if isinstance(self.n_rows, float | np.floating):
            n_rows = round(float(self.n_rows) * int(transfer_set.is_counted.sum()))
        return n_rows if self.budget is None else min(n_rows, self.budget)

    def draw(
        self, transfer_set: TransferSet, context: Context, n_rows: int
    ) -> Rows | tuple[Rows, Array]:
        """Return new rows.

        Parameters
        ----------
        transfer_set : TransferSet
            The rows so far.
        context : Context
            Teacher, columns, a random stream.
        n_rows : int
            How many.

        Returns
        -------
        DataFrame or ndarray of shape (n_rows, n_features)
            In original columns; with weights of their own, a pair of rows and weights.
        """
        raise NotImplementedError

    def answer(self, rows: Rows, context: Context) -> Answers:
        """Return what is taught of the new rows; the teacher's answers.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_rows, n_features)
            The new rows.
        context : Context
            Whose `ask` counts the questions.

        Returns
        -------
        Answers
            Logits (values, for regression).
        """
        return context.ask(rows)

    def apply(self, transfer_set: TransferSet, context: Context) -> TransferSet:
        """Return the transfer set with the new rows below.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Step.apply`.

        Returns
        -------
        TransferSet
            The given rows as they were.
        """
        n_rows = self.count(transfer_set)
        if n_rows == 0 or self.share == 0:
            return transfer_set
        if self.budget is None:
            drawn = self.draw(transfer_set, context, n_rows)
        else:
            drawn = context.once(lambda: self.draw(transfer_set, context, n_rows))
        rows, importance = drawn if isinstance(drawn, tuple) else (drawn, None)
        rows = context.schema.conform(rows)
        said = self.answer(rows, context)
        weight = np.ones(len(said))
        if importance is not None:
            weight = importance / importance.mean()
        whole = float(transfer_set.weights[transfer_set.is_given].sum())
        each = min(
            whole / int(transfer_set.is_counted.sum()), self.share * whole / len(said)
        )
        further = TransferSet(
            rows,
            said.logits,
            weight=weight * each,
            known=context.encode(rows),
            own=said.own,
            origin=np.full(len(said), self.origin),
        )
        return transfer_set.join(further)


def as_steps(owner: str, slot: str, given: Any) -> tuple[Step, ...]:
    """Return what a parameter holds as steps, and check them.

    Parameters
    ----------
    owner : str
        The estimator whose parameter it is.
    slot : str
        The parameter: a name out of `SLOTS`.
    given : Step, sequence of Step, or None
        What the user gave.

    Returns
    -------
    tuple of Step
        None of them for None.

    Raises
    ------
    InputError
        For what is no step of this slot, or has parameters out of range.
    """
    steps = () if given is None else tuple(given) if _is_list(given) else (given,)
    kind = {"replies": Reply, "weights": Weighting, "hints": Hint}.get(
        slot, RowGenerator
    )
    for step in steps:
        if not isinstance(step, Step) or slot not in _slots_of(step):
            or_text = "a name, a function, " if slot == "transfer" else ""
            raise InputError(
                f"The '{slot}' parameter of {owner} must be {or_text}a "
                f"{kind.__name__}, a list of them, or None. Got {step!r}."
            )
        step.check()
    return steps


def _slots_of(step: Step) -> tuple[str, ...]:
    """Return where a step may stand; one that is of no kind says so itself."""
    kinds = {
        "transfer": RowGenerator,
        "replies": Reply,
        "weights": Weighting,
        "hints": Hint,
    }
    slots = tuple(slot for slot, kind in kinds.items() if isinstance(step, kind))
    return slots or (getattr(step, "slot", ""),)


def check_steps(owner: str, steps: Iterable[Step], use: Use, offers: Any) -> None:
    """Check that steps are for such a task, have what they need, and do something.

    Parameters
    ----------
    owner : str
        The estimator whose steps they are.
    steps : iterable of Step
        All of them.
    use : Use
        Student, targets, teacher.
    offers : frozenset of str
        What there is; see `Context.offers`.

    Raises
    ------
    InputError
        For one that is not, has not or does not, with the reason.
    """
    task = use.teacher.task
    for step in steps:
        name = type(step).__name__
        if task not in step.tasks:
            raise InputError(
                f"The step {name} of {owner} is for {joined(step.tasks)} teachers. Got "
                f"a {task} teacher."
            )
        lacking = [need for need in sorted(step.needs) if need not in offers]
        if lacking:
            why = joined([_WHY_NOT.get(need, f"no {need}") for need in lacking])
            raise InputError(
                f"The step {name} of {owner} needs {joined(lacking)}: {why}."
            )
        reason = step.refusal(use)
        if reason is not None:
            raise InputError(f"The step {name} of {owner} would do nothing: {reason}.")


def apply_steps(
    steps: Iterable[Step], transfer_set: TransferSet, context: Context
) -> TransferSet:
    """Apply steps one after another, each with a random stream of its own.

    Parameters
    ----------
    steps : iterable of Step
        In their order.
    transfer_set : TransferSet
        Rows to fit to; held-out ones never come here.
    context : Context
        What the steps may look at.

    Returns
    -------
    TransferSet
        The last one.
    """
    seen: dict[str, int] = {}
    for step in steps:
        name = type(step).__name__
        own = context.for_step(step, seen.get(name, 0), transfer_set)
        transfer_set = step.apply(transfer_set, own)
        if own.notes:
            notes = (*transfer_set.notes, *own.notes)
            transfer_set = replace(transfer_set, notes=notes)
        seen[name] = seen.get(name, 0) + 1
    return transfer_set


def _is_list(given: Any) -> bool:
    return isinstance(given, list | tuple)


def _finite(step: Step, values: Any) -> Array:
    numbers = np.asarray(values, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise InputError(f"What {type(step).__name__} returns must be finite.")
    return numbers


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(one is other or one == other)
