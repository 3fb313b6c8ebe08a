"""A method is a step from transfer set to transfer set."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from interpretkd.methods._context import Context
from interpretkd.targets import TASKS, Target
from interpretkd.teachers import Teacher
from interpretkd.transfer import TransferSet


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

    def check_among(self, steps: tuple["Step", ...], place: int) -> None:
        """Check that it may stand where it does.

        Parameters
        ----------
        steps : tuple of Step
            All of its slot, in their order.
        place : int
            Its own position.

        Raises
        ------
        InputError
            When it may not.
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
            The rows so far; their arrays cannot be written to, for the next fit begins
            with the same ones.
        context : Context
            Teacher, columns, a random stream.

        Returns
        -------
        TransferSet
            The next one, of at least one row.
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


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(one is other or one == other)
