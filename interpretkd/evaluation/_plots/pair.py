"""What figures of a student beside its teacher share: where their logits come from."""

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from interpretkd._base import Array
from interpretkd.distillation import teacher_says
from interpretkd.drawing import Display
from interpretkd.targets import Answers


class _PairDisplay(Display):
    """A figure of what two models say of the same rows."""

    @classmethod
    def from_model(
        cls, model: Any, X: ArrayLike, *, teacher_logits: ArrayLike | None = None
    ) -> Self:
        """Compare a model with its teacher.

        Parameters
        ----------
        model : DistilledClassifier or DistilledRegressor
            Fitted.
        X : array-like or frame of shape (n_samples, n_features)
            Rows.
        teacher_logits : array-like of shape (n_samples, n_outputs), default=None
            What the teacher says of them; None asks it.

        Returns
        -------
        Display
            What is drawn.

        Raises
        ------
        InputError
            For a model of another task.
        """
        cls._check(model)
        teacher = teacher_says(model, X, teacher_logits)
        return cls._pair(model, teacher, np.asarray(model.logits(X), dtype=np.float64))

    @classmethod
    def from_analysis(cls, found: Any) -> Self:
        """Compare a student with its teacher.

        Parameters
        ----------
        found : Analysis
            The student, and rows.

        Returns
        -------
        Display
            What is drawn.

        Raises
        ------
        InputError
            For a model of another task.
        """
        cls._check(found.model)
        return cls._pair(found.model, found.answers, found.logits)

    @classmethod
    @abstractmethod
    def _check(cls, model: Any) -> None:
        """Raise for a model of another task."""

    @classmethod
    @abstractmethod
    def _pair(cls, model: Any, teacher: Answers, own: Array) -> Self:
        """Bring together what the two say."""
