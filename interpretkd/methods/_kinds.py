"""The four kinds of step: what all of a kind have in common is done here.

A new method is a class with one pure function: `Reply.reply`, `Hint.columns`,
`Weighting.weigh` or `RowGenerator.draw`. Asking the teacher, keeping the mean weight,
marking where rows come from are not its business.
"""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from interpretkd._base import (
    Array,
    InputError,
    check_integer,
    check_real,
    joined,
    one_line,
)
from interpretkd.data import Encoded, Rows
from interpretkd.methods._context import Context, unit_variance
from interpretkd.methods._step import Step, Use
from interpretkd.targets import Answers, decide
from interpretkd.transfer import TransferSet

_DRAWN_PER_ROW, _MOST_DRAWN = 20, 10_000
"""So many rows are drawn for each given one, and in all, unless it is said."""

_FEW_GIVEN = 4_000
"""Given rows up to which drawn ones count as much in all, unless it is said."""


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

    share: float = 0.3

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
        if columns.shape == (len(transfer_set),):
            columns = columns[:, None]
        if columns.ndim != 2 or len(columns) != len(transfer_set):
            raise InputError(
                f"The hints of {type(self).__name__} must have the shape "
                f"({len(transfer_set)}, n_hints). Got {columns.shape}."
            )
        if not columns.size or not np.ptp(columns, axis=0).any():
            raise InputError(
                f"The hints of {type(self).__name__} must vary. Got the same for all "
                "rows."
            )
        columns = _moderate(columns)
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
        if own.shape == before.shape and own.min() >= 0:
            weight = before * _moderate(own)
            if weight.any():
                weight = weight * (before.sum() / weight.sum())
                return replace(transfer_set, weight=weight)
        got = f"shape {own.shape}"
        if own.shape == before.shape:
            got = f"numbers from {own.min():g} to {own.max():g}"
        raise InputError(
            f"The weights of {type(self).__name__} must be {len(before)} numbers in "
            f"[0, inf), not all zero where rows count. Got {got}."
        )


class RowGenerator(Step):
    """Further rows: the teacher is asked about them, and each is marked as made.

    A subclass has the parameters `n_rows` and `share`, and may have `budget`: how many
    rows (a whole number) or how many for each given one (a float), "auto" for 20 for
    each and 10,000 at most; their weight together, as a share of that of the given
    ones, though no made row counts more than a given one, "auto" for 1 up to 4,000
    given rows and less for more of them; and the most questions about its rows in the
    whole fit, None for as many as it takes. The given rows are asked about besides,
    and by `EachTeacher` all rows once more by every member. 0 rows or a share of 0
    change nothing. One without parameters makes 4 rows for each given one.

    For a student that takes no weights at most as many are drawn as have their share
    when each counts as a given one, and the recipe says so.

    A student that chooses is fitted twice, first without the validation rows, and each
    time rows are drawn; with a budget they are drawn once, the first time.
    """

    n_rows: Any = 4.0
    share: Any = 1.0
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
        elif not _is_auto(self.n_rows):
            check_integer(name, "n_rows", self.n_rows, 0)
        if not _is_auto(self.share):
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
        n_given = int(transfer_set.is_counted.sum())
        if _is_auto(self.n_rows):
            n_rows = min(_DRAWN_PER_ROW * n_given, _MOST_DRAWN)
        elif isinstance(self.n_rows, float | np.floating):
            n_rows = round(float(self.n_rows) * n_given)
        else:
            n_rows = int(self.n_rows)
        return n_rows if self.budget is None else min(n_rows, self.budget)

    def weight_share(self, transfer_set: TransferSet) -> float:
        """Return the weight of the rows together, as a share of that of the given ones.

        Parameters
        ----------
        transfer_set : TransferSet
            The rows so far.

        Returns
        -------
        float
            In [0, 1].
        """
        if not _is_auto(self.share):
            return float(self.share)
        return min(1.0, _FEW_GIVEN / max(int(transfer_set.is_counted.sum()), 1))

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
            In original columns, one row at least; with weights of their own, a pair of
            rows and weights in [0, inf), not all 0.
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
        n_rows, share = self.count(transfer_set), self.weight_share(transfer_set)
        if n_rows == 0 or share == 0:
            return transfer_set
        if not context.weighs:
            n_rows = self._most_alike(n_rows, share, transfer_set, context)
        if self.budget is None:
            drawn = self.draw(transfer_set, context, n_rows)
        else:
            drawn = context.once(lambda: self.draw(transfer_set, context, n_rows))
        rows, importance = drawn if isinstance(drawn, tuple) else (drawn, None)
        rows, known = _drawn_rows(self, rows, n_rows, transfer_set, context)
        weight = np.ones(len(rows))
        if importance is not None:
            weight = self._checked_importance(importance, len(rows))
        said = self.answer(rows, context)
        whole = float(transfer_set.weights[transfer_set.is_given].sum())
        each = min(
            whole / int(transfer_set.is_counted.sum()), share * whole / len(said)
        )
        further = TransferSet(
            rows,
            said.logits,
            weight=weight * each,
            known=known,
            own=said.own,
            origin=np.full(len(said), self.origin),
        )
        return transfer_set.join(further)

    def _most_alike(
        self, n_rows: int, share: float, transfer_set: TransferSet, context: Context
    ) -> int:
        """Return how many rows have their share where each counts as a given one."""
        most = max(1, int(share * int(transfer_set.is_counted.sum())))
        if n_rows <= most:
            return n_rows
        context.tell(
            f"Of {n_rows:,} further rows ({self.origin}) {most:,} are drawn: the "
            "student takes no weights, and so each counts as a given one"
        )
        return most

    def _checked_importance(self, given: Any, n_rows: int) -> Array:
        """Return the weights of rows that were drawn, of mean 1."""
        try:
            weight = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            weight = np.full(np.asarray(given, dtype=object).shape, np.nan)
        got = f"shape {weight.shape}"
        fits = weight.shape == (n_rows,) and np.isfinite(weight).all()
        if fits:
            got += f" from {weight.min():g}"
        elif weight.shape == (n_rows,):
            got += ", not all of them finite"
        if not fits or weight.min() < 0 or not weight.any():
            raise InputError(
                f"The weights that {type(self).__name__} draws must be {n_rows} "
                f"numbers in [0, inf), not all zero, one a row. Got {got}."
            )
        weight = weight / weight.max()  # the sum of large ones is infinite
        return weight / weight.mean()


def _is_auto(given: Any) -> bool:
    return isinstance(given, str) and given == "auto"


def _drawn_rows(
    generator: RowGenerator,
    drawn: Any,
    n_rows: int,
    transfer_set: TransferSet,
    context: Context,
) -> tuple[Rows, Encoded]:
    """Return drawn rows in the form of the given ones, with codes, checked."""
    what, like = f"{type(generator).__name__}.draw", transfer_set.rows
    try:
        rows = context.schema.conform(_in_form(drawn, like))
        known = context.encode(rows)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{what} must return rows of the {len(context.schema)} columns that it is "
            f"given. {error}"
        ) from error
    if not len(rows) or np.isnan(known.codes).all():
        raise InputError(
            f"{what} must return rows. Got {'only gaps' if len(rows) else 'none'}."
        )
    if generator.budget is not None and len(rows) > n_rows:
        raise InputError(
            f"{what} must return {n_rows:,} rows at most, for there is a budget of "
            f"{generator.budget:,} questions. Got {len(rows):,}."
        )
    if len(rows) != n_rows:
        context.tell(f"{what} made {len(rows):,} rows and not {n_rows:,}")
    return rows, known


def _in_form(drawn: Any, like: Rows) -> Rows:
    """Return rows as a frame or array as others are, with their columns in order."""
    if not isinstance(drawn, pd.DataFrame):
        drawn = np.asarray(drawn)
    elif isinstance(like, pd.DataFrame):
        lacking = [one_line(repr(name)) for name in like if name not in drawn]
        if lacking:
            raise InputError(f"There is no {joined(lacking, 5)}.")
        return drawn if list(drawn) == list(like) else drawn[list(like)]
    else:
        drawn = drawn.to_numpy()
    if drawn.ndim != 2 or drawn.shape[1] != like.shape[1]:
        got = f"shape {drawn.shape}" if drawn.ndim else one_line(repr(drawn.item()))
        raise InputError(f"Got {got}.")
    if isinstance(like, pd.DataFrame):
        return pd.DataFrame(drawn, columns=like.columns).infer_objects()
    return drawn


def _moderate(numbers: Array) -> Array:
    """Return numbers in a unit in which their squares and sums are floats.

    It is a power of two: not a bit of what is made of their ratios changes.
    """
    unit = int(np.frexp(np.abs(numbers).max())[1])
    return np.ldexp(numbers, -unit)


def _finite(step: Step, values: Any) -> Array:
    """Return what a step returned as finite numbers."""
    what = f"What {type(step).__name__} returns must be"
    try:
        given = np.asarray(values)
        # A text may read as a number, and a complex number would lose a part.
        if values is None or given.dtype.kind not in "biufO":
            raise TypeError(f"Got {type(values).__name__} of dtype {given.dtype}")
        numbers: Array = given.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} numbers. {error}.") from error
    if not np.isfinite(numbers).all():
        raise InputError(f"{what} finite.")
    return numbers
