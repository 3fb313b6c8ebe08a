"""What a student's numbers mean: the decisions of leaves, and what sums are about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError
from interpretkd.models._forest import Forest
from interpretkd.models._linear import Linear
from interpretkd.targets import Target, apply_link, decide, probabilities


@dataclass(frozen=True, eq=False)
class Outputs:
    """How the sums of a form are shown.

    Parameters
    ----------
    names : tuple of str
        What each shown number is about: a class, a label or an output.
    unit : str
        What is added up: "logit" and "value" are what the model itself says;
        "probability" (of a target at another temperature than 1 "probability at
        temperature 2") and "separate logit" (of classes fitted each by itself) what its
        answer is read from.
    weights : ndarray of shape (n_outputs, n_shown), float64
        What each of the form's outputs counts in each of the shown numbers.
    exclusive : bool, default=False
        Whether these are logits of classes that exclude each other, so that a number
        added to all of them changes nothing.
    scale : float, default=1.0
        What one unit of the form's sums adds to a logit of the model; it is a part of
        `weights`.
    """

    names: tuple[str, ...]
    unit: str
    weights: Array
    exclusive: bool = False
    scale: float = 1.0

    @property
    def units(self) -> str:
        """Several of the unit: "logits", "values" or "probabilities"."""
        head, space, tail = self.unit.partition(" ")
        several = {"probability": "probabilities"}.get(head, f"{head}s")
        return f"{several}{space}{tail}"

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

    def show_logits(self, logits: Array) -> Array:
        """Turn a model's own logits into what is shown.

        Parameters
        ----------
        logits : ndarray of shape (..., n_outputs)
            What ``model.logits`` returns; what is shown must be logits or values.

        Returns
        -------
        ndarray of shape (..., n_shown)
            What the sums come to, where nothing limits them.
        """
        return logits @ (self.weights / self.scale)

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
    target = getattr(model, "reading_", None)
    classes = getattr(model, "classes_", None)
    n_outputs = form.n_outputs
    names = [f"output {i}" for i in range(n_outputs)]
    if n_outputs == 1:
        names = ["output"]
    if classes is not None:
        names = [str(name) for name in classes]
    unit = "value" if form.link == "identity" else "logit"
    exclusive, scale = form.link == "softmax", 1.0
    if target is not None and target.task != "regression":
        if form.link == "identity" and target.kind != "logits":
            unit = _of_probabilities(target)
        elif form.link == "sigmoid" and target.task == "multiclass":
            unit = "separate logit"  # each class's own: their ratios decide
        else:
            unit, scale = "logit", _logits_a_unit(target, form.link, n_outputs)
        exclusive = target.task == "multiclass" and unit == "logit"
    weights = scale * np.eye(n_outputs)
    if exclusive and n_outputs == 2:
        names, weights = names[1:], scale * np.array([[-1.0], [1.0]])
    return form, Outputs(tuple(names), unit, weights, exclusive, scale)


def _of_probabilities(target: Target) -> str:
    if target.kind != "soft" or target.temperature == 1:
        return "probability"
    return f"probability at temperature {target.temperature:.3g}"


def _logits_a_unit(target: Target, link: str, n_outputs: int) -> float:
    """Return what one unit of the sums adds to the logits that the model tells.

    It is asked of `Target.decode`, which alone knows how a student's predictions
    become logits: at a temperature one unit is worth several.
    """
    margins = np.zeros((2, n_outputs))
    margins[1, 0] = 1.0
    logits = target.decode(np.asarray(apply_link(margins, link)))
    if target.task == "multiclass":  # only differences count
        logits = logits - logits[:, -1:]
    return float(f"{logits[1, 0] - logits[0, 0]:.12g}")


@dataclass(frozen=True, eq=False)
class LeafOutcomes:
    """What a model says where its student says given values.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    decisions : ndarray of shape (n_nodes, n_columns)
        One column with the class's position; 0 and 1 for each label; or the values.
    chances : ndarray of shape (n_nodes, n_classes), float64, or None
        The student's probability of each class or label; None without classes, and
        where the values of a tree alone may be anything.
    classes : ndarray of shape (n_classes,) or None
        Their names.
    """

    task: str
    decisions: NDArray[Any]
    chances: Array | None
    classes: NDArray[Any] | None

    @property
    def predictions(self) -> list[Any]:
        """Classes, tuples of the labels that are on, or values."""
        if self.classes is None:
            single = self.decisions.shape[1] == 1
            values: list[Any] = self.decisions.tolist()
            return [value[0] for value in values] if single else values
        if self.task == "multilabel":
            on = self.decisions.astype(bool)
            return [tuple(self.classes[row].tolist()) for row in on]
        names: list[Any] = self.classes[self.decisions[:, 0]].tolist()
        return names

    @property
    def probabilities(self) -> list[float | None]:
        """The probability of each decision; of labels, that all of them are so."""
        if self.chances is None:
            return [None] * len(self.decisions)
        chosen: list[float | None] = decision_probability(
            self.chances, self.decisions, self.task
        ).tolist()
        return chosen

    def pooled(
        self, groups: Sequence[NDArray[np.integer]], weight: Array
    ) -> "LeafOutcomes":
        """Join nodes that decide the same.

        Parameters
        ----------
        groups : sequence of ndarray of int
            The positions of the nodes to join; each group decides one thing.
        weight : ndarray of shape (n_nodes,)
            How much each node's probabilities count.

        Returns
        -------
        LeafOutcomes
            One entry a group.
        """
        first = [int(group[0]) for group in groups]
        chances = None
        if self.chances is not None:
            chances = np.stack(
                [_mean(self.chances[group], weight[group]) for group in groups]
            )
        return LeafOutcomes(self.task, self.decisions[first], chances, self.classes)


def leaf_outcomes(model: Any, value: Array) -> LeafOutcomes:
    """Return what a model says where its student says these values.

    Parameters
    ----------
    model : DistilledClassifier, DistilledRegressor, CartStudent or Tree
        Whose decisions they are; a tree with names has classes, but no probabilities.
    value : ndarray of shape (n_nodes, n_outputs)
        Target columns.

    Returns
    -------
    LeafOutcomes
        One entry a row of `value`.
    """
    names = getattr(model, "names", None)
    if names is not None and len(names) > 1:
        best = value.argmax(axis=1)[:, None]
        return LeafOutcomes("multiclass", best, None, np.asarray(names, dtype=object))
    task = getattr(model, "task_", "regression")
    if task == "regression":
        return LeafOutcomes(task, value, None, None)
    logits = model.reading_.decode(value)
    decisions = decide(logits, task).reshape(len(value), -1)
    return LeafOutcomes(task, decisions, probabilities(logits, task), model.classes_)


def decision_probability(chances: Array, decisions: NDArray[Any], task: str) -> Array:
    """Return how probable each decision is.

    Parameters
    ----------
    chances : ndarray of shape (n_samples, n_classes)
        The probability of each class or label.
    decisions : ndarray of shape (n_samples, n_columns)
        In the form of `LeafOutcomes.decisions`.
    task : {"multiclass", "multilabel"}
        What is decided.

    Returns
    -------
    ndarray of shape (n_samples,), float64
        In [0, 1]; of labels, that all of them are so.
    """
    if task == "multilabel":
        each: Array = np.where(decisions == 1, chances, 1 - chances)
        return each.prod(axis=1)
    return np.take_along_axis(chances, decisions, axis=1)[:, 0]


def _mean(values: Array, weight: Array) -> Array:
    weights = weight if weight.sum() > 0 else np.ones(len(weight))
    mean: Array = np.average(values, axis=0, weights=weights)
    return mean
