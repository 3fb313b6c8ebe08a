"""What a changed row shall be decided."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, check_real
from interpretkd.targets import Answers, decide


@dataclass(frozen=True)
class _Desired:
    """What the student shall decide instead.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    before : ndarray of shape (n_outputs,)
        The logits (values, for regression) of the row as it is.
    outcome : object, default=None
        The position of a class; a vector of 0 and 1 for labels; the ends of an
        interval of values; None for anything else than now.
    at_least : float, default=0.0
        For regression without `outcome`: how far a value must move.
    """

    task: str
    before: Array
    outcome: Any = None
    at_least: float = 0.0

    @classmethod
    def of(cls, model: Any, before: Array, desired: Any, at_least: float) -> "_Desired":
        """Read what a user desires."""
        task = model.task_
        if desired is not None:
            read = {"multiclass": _class, "multilabel": _labels}.get(task, _interval)
            desired = read(model, desired)
        return cls(task, before, desired, at_least)

    @property
    def is_met_already(self) -> bool:
        """Whether the row is decided as desired without any change."""
        return bool(self.met(self.before[None])[0])

    def met(self, logits: Array) -> NDArray[np.bool_]:
        """Tell which logits are decided as desired."""
        if self.task == "regression":
            if self.outcome is not None:
                low, high = self.outcome
                return ((logits >= low) & (logits <= high)).all(axis=1)
            moved = np.abs(logits - self.before).max(axis=1)
            return moved >= max(self.at_least, np.finfo(float).tiny)
        chosen = decide(logits, self.task).reshape(len(logits), -1)
        if self.outcome is not None:
            return (chosen == self.outcome).all(axis=1)
        now = decide(self.before[None], self.task).reshape(1, -1)
        return (chosen != now).any(axis=1)

    def shortfall(self, logits: Array) -> Array:
        """Return how far logits are from what is desired, the smaller the closer."""
        if self.task == "regression":
            if self.outcome is not None:
                low, high = self.outcome
                return np.maximum(low - logits, logits - high).max(axis=1)
            return self.at_least - np.abs(logits - self.before).max(axis=1)
        if self.task == "multilabel":
            if self.outcome is not None:
                return np.where(self.outcome, -logits, logits).max(axis=1)
            return np.where(self.before > 0, logits, -logits).min(axis=1)
        now = int(decide(self.before[None])[0])
        pivot = now if self.outcome is None else self.outcome
        others = np.delete(logits, pivot, axis=1).max(axis=1)
        ahead = logits[:, pivot] - others
        return ahead if self.outcome is None else -ahead

    def followed(self, student: Array, before: Answers, after: Answers) -> bool:
        """Tell whether the teacher goes along with the student, see `explain_row`."""
        if self.task != "regression":
            same = decide(student[None], self.task) == decide(after, self.task)
            return bool(same.all())
        if self.outcome is not None:
            return bool(self.met(after.logits)[0])
        direction = np.sign(student - self.before)
        asked = np.abs(student - self.before) >= self.at_least
        moved = after.logits[0] - before.logits[0]
        return bool((direction * moved >= self.at_least)[asked].all())


def _class(model: Any, desired: Any) -> int:
    classes = model.classes_.tolist()
    if desired not in classes:
        raise InputError(
            "The 'desired' parameter of explain_row must be one of the classes "
            f"{', '.join(map(repr, classes[:20]))}. Got {desired!r}."
        )
    return classes.index(desired)


def _labels(model: Any, desired: Any) -> NDArray[np.int64]:
    labels = model.classes_.tolist()
    given = (
        [desired] if isinstance(desired, str) or not np.iterable(desired) else desired
    )
    unknown = [name for name in given if name not in labels]
    if unknown:
        raise InputError(
            "The 'desired' parameter of explain_row must hold the labels that shall be "
            f"on, out of {', '.join(map(repr, labels[:20]))}. Got {unknown[0]!r}."
        )
    return np.asarray([int(name in list(given)) for name in labels])


def _interval(model: Any, desired: Any) -> tuple[float, float]:
    ends = tuple(desired) if np.iterable(desired) else ()
    if len(ends) != 2:
        raise InputError(
            "The 'desired' parameter of explain_row must be the two ends of an "
            f"interval of values, for regression. Got {desired!r}."
        )
    low = check_real("explain_row", "desired", ends[0], -math.inf, closed="both")
    return low, check_real("explain_row", "desired", ends[1], low, closed="both")
