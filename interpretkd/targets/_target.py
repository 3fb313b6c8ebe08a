"""What the student is fitted to: logits <-> target columns.

A teacher's logits become one target column a class (or label, or output), and a
student's predictions of these columns become logits again. Which of the targets
serves a student best differs from student to student (raw logits are the weakest for
a small tree, the strongest for a booster), so it is a choice made on validation rows,
never a constant.
"""

from dataclasses import dataclass

import numpy as np

from interpretkd._base import Array, InputError, check_choice, check_real
from interpretkd.targets._answers import Answers
from interpretkd.targets._logits import (
    TASKS,
    centred_logits,
    hard_targets,
    probabilities,
    soft_targets,
)

TARGET_KINDS = ("hard", "soft", "logits")

_SMALLEST = 1e-6
"""Predicted probabilities below this count as this much: a tree's leaf may say 0."""


@dataclass(frozen=True)
class Target:
    """One way of turning logits into target columns and back.

    Parameters
    ----------
    kind : {"hard", "soft", "logits"}, default="soft"
        The teacher's decision as 0 and 1; its probabilities at `temperature`; its
        logits, centred row by row.
    temperature : float, default=1.0
        In (0, inf); flattens the soft targets. Used by "soft" alone.
    alpha : float, default=0.0
        In [0, 1]: the weight of the labels, mixed with the teacher's probabilities at
        temperature 1, whatever the temperature of the columns is (with its decision
        as 0 and 1, for "hard"); 0 for the teacher alone, 1 for the labels alone.
    task : {"multiclass", "multilabel", "regression"}, default="multiclass"
        Softmax over the columns, a sigmoid for each, or plain values (for which only
        "logits" makes sense: the values themselves).

    References
    ----------
    Hinton, Vinyals & Dean (2015), soft targets at a temperature; Liu, Wang & Matwin
    (2018), trees on logits; both as told by Alkhulaifi, Alsahli & Ahmad (2020).

    Examples
    --------
    >>> logits = np.array([[2.0, 0.0, -2.0]])
    >>> Target("soft", temperature=2.0).encode(logits).round(3)
    array([[0.665, 0.245, 0.09 ]])
    >>> Target("logits").encode(logits)
    array([[ 2.,  0., -2.]])
    """

    kind: str = "soft"
    temperature: float = 1.0
    alpha: float = 0.0
    task: str = "multiclass"

    def __post_init__(self) -> None:
        check_choice("Target", "kind", self.kind, TARGET_KINDS)
        check_choice("Target", "task", self.task, TASKS)
        check_real("Target", "temperature", self.temperature, 0)
        check_real("Target", "alpha", self.alpha, 0, 1, closed="both")
        if self.task == "regression" and self.kind != "logits":
            raise InputError(
                "The 'kind' parameter of Target must be 'logits' for regression. Got "
                f"{self.kind!r}."
            )

    def __str__(self) -> str:
        name = {"hard": "hard targets", "logits": "logits"}.get(
            self.kind, f"soft targets at temperature {self.temperature:g}"
        )
        if self.task == "regression":
            name = "values"
        return f"{name}, alpha {self.alpha:g}" if self.alpha else name

    @property
    def link(self) -> str:
        """The function whose range the columns lie in: a name out of `LINKS`."""
        if self.kind == "logits":
            return "identity"
        return "softmax" if self.task == "multiclass" else "sigmoid"

    def encode(self, logits: Array | Answers, labels: Array | None = None) -> Array:
        """Turn the teacher's logits into target columns.

        Parameters
        ----------
        logits : ndarray of shape (n_samples, n_outputs), or Answers
            The teacher's logits (values, for regression); with its own decisions, which
            are what "hard" is about.
        labels : ndarray of shape (n_samples, n_outputs), default=None
            The true labels as 0 and 1 (values, for regression), mixed in by `alpha`;
            a row of NaN has no label, and gets the teacher's columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            The target columns.

        Raises
        ------
        InputError
            When `alpha` is above 0 and there are no labels.
        """
        if self.alpha == 0:
            return self._columns(logits)
        if labels is None:
            raise InputError(
                f"The labels y are needed when alpha is above 0. Got alpha "
                f"{self.alpha:g} and no y."
            )
        known = ~np.isnan(labels).any(axis=1)
        mixed = self._columns(logits)
        mixed[known] = self._mix(logits[known], labels[known])
        return mixed

    def mixture(self, logits: Array, labels: Array | None = None) -> Array:
        """Return the probabilities that the columns stand for, at temperature 1.

        Parameters
        ----------
        logits : ndarray of shape (n_samples, n_outputs)
            The teacher's logits; not for regression.
        labels : ndarray of shape (n_samples, n_outputs), default=None
            As of `encode`; needed when `alpha` is above 0.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            ``(1 - alpha)`` times the teacher's probabilities and `alpha` times the
            labels; the teacher's alone where there is no label.
        """
        mixed = probabilities(logits, self.task)
        if self.alpha == 0 or labels is None:
            return mixed
        known = ~np.isnan(labels).any(axis=1)
        mixed[known] = (1 - self.alpha) * mixed[known] + self.alpha * labels[known]
        return mixed

    def decode(self, outputs: Array) -> Array:
        """Turn a student's predictions of the columns into logits.

        Those of a distilled model are read by its ``reading_``.

        Parameters
        ----------
        outputs : ndarray of shape (n_samples, n_outputs)
            Predictions; those of probabilities may lie outside [0, 1] and are
            limited from below at 1e-6 (for labels from above, too).

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits at temperature 1 (values, for regression).
        """
        if self.kind == "logits":
            return outputs
        temperature = self.temperature if self.kind == "soft" else 1.0
        if self.task == "multilabel":
            inside = np.clip(outputs, _SMALLEST, 1 - _SMALLEST)
            return temperature * (np.log(inside) - np.log1p(-inside))
        return temperature * np.log(np.maximum(outputs, _SMALLEST))

    def _columns(self, said: Array | Answers) -> Array:
        if self.kind == "hard":
            return hard_targets(said, self.task)
        logits = np.array(said, dtype=np.float64)
        if self.task == "regression":
            return logits
        if self.kind == "soft":
            return soft_targets(logits, self.temperature, self.task)
        if self.task == "multiclass":
            return centred_logits(logits)
        return logits

    def _mix(self, said: Array | Answers, labels: Array) -> Array:
        if self.kind == "hard" or self.task == "regression":
            columns = self._columns(said)
            return (1 - self.alpha) * columns + self.alpha * labels
        mixed = self.mixture(np.asarray(said), labels)
        if self.kind == "soft" and self.temperature == 1:
            return mixed
        # Labels have no logits, but the mixture has: it is mixed as it shall be read,
        # and tempered then. A label mixed in at a temperature T would count to the
        # power T when it is read at temperature 1.
        mixed = np.clip(mixed, _SMALLEST, 1 - _SMALLEST)
        if self.task == "multilabel":
            return self._columns(np.log(mixed) - np.log1p(-mixed))
        return self._columns(np.log(mixed))
