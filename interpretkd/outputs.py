"""What the sums of a boosted or linear student are about, and in which unit."""

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interpretkd._errors import InputError
from interpretkd.forests import Forest
from interpretkd.linear import Linear

__all__ = ["Outputs", "read_outputs"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outputs:
    """How the sums of a form are shown.

    Parameters
    ----------
    names : tuple of str
        What each shown number is about: a class, a label or an output.
    unit : {"logit", "probability", "value"}
        What is added up.
    weights : ndarray of shape (n_outputs, n_shown), float64
        What each of the form's outputs counts in each of the shown numbers.
    exclusive : bool, default=False
        Whether these are logits of classes that exclude each other, so that a number
        added to all of them changes nothing.
    """

    names: tuple[str, ...]
    unit: str
    weights: Array
    exclusive: bool = False

    def show(self, sums: Array) -> Array:
        """Turn what a form adds up into what is shown.

        Parameters
        ----------
        sums : ndarray of shape (..., n_outputs)
            Margins, or parts of them.

        Returns
        -------
        ndarray of shape (..., n_shown)
            The same of the shown numbers.
        """
        return sums @ self.weights

    def centred(self) -> "Outputs":
        """Take off, of classes that exclude each other, what is added to all.

        Returns
        -------
        Outputs
            The same names; of two classes only one is shown, and of labels and values
            none depends on another, so that those stay as they are.
        """
        if not self.exclusive or len(self.names) == 1:
            return self
        mean = self.weights.mean(axis=1, keepdims=True)
        return replace(self, weights=self.weights - mean)

    def describe(self, shown: int) -> str:
        """Say what one of the shown numbers is.

        Parameters
        ----------
        shown : int
            Its position.

        Returns
        -------
        str
            "the value", or "the logit of" a name.
        """
        if self.names == ("output",):
            return f"the {self.unit}"
        return f"the {self.unit} of {self.names[shown]}"


def read_outputs(model: Any, kind: type[Forest] | type[Linear]) -> tuple[Any, Outputs]:
    """Find the sums of a model, and say what they are about.

    Parameters
    ----------
    model : DistilledClassifier, DistilledRegressor, student or form
        Fitted.
    kind : type
        The form that is needed, `Forest` or `Linear`.

    Returns
    -------
    form : Forest or Linear
        The student's.
    outputs : Outputs
        For two classes one number, the logit of the second against the first; the
        logits are those of the model itself, at temperature 1, whatever the target was.

    Raises
    ------
    InputError
        For a model of another form.
    """
    student = getattr(model, "student_", model)
    form = getattr(student, "form_", student)
    if not isinstance(form, kind):
        needed = {Forest: "a BoostedStudent", Linear: "a LinearStudent"}[kind]
        raise InputError(
            f"This summary is read from {needed} or a model with such a student. Got "
            f"{type(student).__name__}."
        )
    target, classes = getattr(model, "target_", None), getattr(model, "classes_", None)
    n_outputs = form.n_outputs
    names = [f"output {i}" for i in range(n_outputs)]
    if n_outputs == 1:
        names = ["output"]
    if classes is not None:
        names = [str(name) for name in classes]
    unit = "value" if form.link == "identity" else "logit"
    exclusive, scale = form.link == "softmax", 1.0
    if target is not None and target.task != "regression":
        if form.link == "identity":
            unit = "logit" if target.kind == "logits" else "probability"
        elif target.kind == "soft":
            scale = target.temperature
        exclusive = target.task == "multiclass" and unit == "logit"
    weights = scale * np.eye(n_outputs)
    if exclusive and n_outputs == 2:
        names, weights = names[1:], scale * np.array([[-1.0], [1.0]])
    return form, Outputs(tuple(names), unit, weights, exclusive)
