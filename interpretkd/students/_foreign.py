"""Regressors of other libraries by the contract of our students."""

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from interpretkd._base import Array, InputError
from interpretkd.data import Encoded, Rows
from interpretkd.models import Form
from interpretkd.students._base import TrainingData, ValidationData, _Student
from interpretkd.students._boosted.estimator import BoostedStudent
from interpretkd.students._cart.estimator import CartStudent
from interpretkd.students._committee import CommitteeStudent
from interpretkd.students._linear.estimator import LinearStudent
from interpretkd.targets import Target

_EQUAL = 1e-9
"""Weights that differ by a smaller share are equal, but for rounding."""


class _Foreign:
    """The contract of students over the public `fit` and `predict` of a regressor.

    For those of other libraries and for subclasses of ours, whose `fit` may be their
    own: they get rows, not codes. What their `fit` takes is read from its signature.
    """

    def __init__(self, regressor: Any) -> None:
        self.regressor = regressor
        self.ours = isinstance(regressor, _Student)

    @property
    def family(self) -> str:
        return type(self.regressor).__name__

    @property
    def validation(self) -> str:
        if self.ours and self.regressor.validation == "none":
            return "none"
        if has_fit_parameter(self.regressor, "held_out"):
            return "choose"
        return "watch" if has_fit_parameter(self.regressor, "watch") else "none"

    @property
    def uses_validation(self) -> bool:
        return self.validation != "none"

    @property
    def hint_refusal(self) -> str:
        return f"the fit of {self.family} takes no hints"

    @property
    def weight_refusal(self) -> str | None:
        if has_fit_parameter(self.regressor, "sample_weight"):
            return None
        return f"the fit of {self.family} takes no sample_weight"

    @property
    def continues(self) -> bool:
        return False

    def squares(self, target: Target) -> bool:
        """Say False: what others do with columns is not known."""
        return False

    def averages(self, target: Target) -> bool:
        """Say False: what others do with several answers to a row is not known."""
        return False

    def prepare(self, target: Target) -> "_Foreign":
        copy = self.regressor.prepare(target) if self.ours else clone(self.regressor)
        return _Foreign(copy)

    def without_search(self) -> Any:
        return self.regressor.without_search() if self.ours else self.regressor

    def candidates(self, target: Target, *, free: bool) -> tuple[()]:
        """Return none: what others could be tried is not known."""
        return ()

    def fit_encoded(
        self,
        training: TrainingData,
        validation: ValidationData | None = None,
        start: Form | None = None,
    ) -> Any:
        """Fit the regressor to the rows in original columns, and return it."""
        self._check_given(training, start)
        further: dict[str, Any] = {}
        if self.weight_refusal is None and training.weight is not None:
            further["sample_weight"] = training.weight
        if validation is not None and self.validation == "choose":
            further["held_out"] = (
                validation.rows,
                validation.targets,
                validation.weight,
            )
        if validation is not None and self.validation == "watch":
            further["watch"] = (validation.rows, validation.score)
        return self.regressor.fit(training.rows, training.targets, **further)

    def _check_given(self, training: TrainingData, start: Form | None) -> None:
        """Refuse what would be passed over in silence."""
        if training.hints is not None:
            raise InputError(f"Hints would change nothing: {self.hint_refusal}.")
        if start is not None:
            raise InputError(f"A {self.family} cannot go on from an earlier fit.")
        weight, refusal = training.weight, self.weight_refusal
        if refusal is None or weight is None:
            return
        if np.ptp(weight) > _EQUAL * np.max(weight):
            raise InputError(
                f"Weights of rows would change nothing: {refusal}. (Rows that are made "
                "have weights, too, where they are more than the given ones, or than "
                "their share.)"
            )

    def predict_encoded(self, rows: Rows, encoded: Encoded) -> Array:
        outputs = np.asarray(self.regressor.predict(rows), dtype=np.float64)
        return outputs.reshape(len(outputs), -1)


def as_student(given: Any) -> Any:
    """Return a regressor in the contract of students.

    Parameters
    ----------
    given : regressor
        A student of ours or any other, fitted or not.

    Returns
    -------
    student
        One of exactly ours as it is, anything else behind an adapter.
    """
    ours = (CartStudent, BoostedStudent, LinearStudent, CommitteeStudent)
    return given if type(given) in ours else _Foreign(given)
