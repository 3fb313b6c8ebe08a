"""Whose fidelity a figure is: to the teacher, or also to a chain's first teacher."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from interpretkd._base import Array, InputError, one_line
from interpretkd.metrics import (
    Estimate,
    label_matches,
    measure_fidelity,
    share_interval,
)
from interpretkd.targets import Answers, decide


@dataclass(frozen=True, eq=False)
class _Origin:
    """The first teacher of a chain, and what it says of the rows.

    Parameters
    ----------
    name : str or None, default=None
        What it is; None where the teacher is the first, or cannot be asked.
    answers : Answers or None, default=None
        What it says.
    caution : str, default=""
        Why it could not be asked.
    """

    name: str | None = None
    answers: Answers | None = None
    caution: str = ""

    @classmethod
    def of(cls, model: Any, X: Any, shape: tuple[int, ...]) -> "_Origin":
        """Ask the first teacher, where it is not the teacher itself."""
        teacher = model.teacher_
        try:
            first = getattr(teacher, "origin", teacher)
        except InputError as error:
            return cls(caution=f"Fidelity is to the teacher. {error}")
        if first is teacher or first.estimator is teacher.estimator:
            return cls()
        name = _name(first)
        unknown = (
            f"The teacher is itself distilled, from a {name}, and fidelity is to the "
            "teacher; how far the student agrees with the first teacher is not known"
        )
        try:
            said = teacher.origin_answers(X)
        except InputError as error:
            return cls(caution=f"{unknown}: {error}")
        if said.shape != shape:
            return cls(caution=f"{unknown}: it has other outputs.")
        return cls(name, said)

    def fidelity(
        self, task: str, logits: Array | Answers, groups: ArrayLike | None
    ) -> Estimate | None:
        """Return the fidelity of a model to it; None where there is none."""
        if self.answers is None:
            return None
        if task == "regression":
            return measure_fidelity(task, self.answers, np.asarray(logits), groups)
        same = label_matches(decide(self.answers, task), decide(logits, task))
        return share_interval(same, groups)


def _name(teacher: Any) -> str:
    estimator = teacher.estimator
    return one_line(str(getattr(estimator, "description", type(estimator).__name__)))
