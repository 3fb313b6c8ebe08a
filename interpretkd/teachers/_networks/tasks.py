"""Networks that classify, and networks that predict values."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, column_or_1d

from interpretkd._base import Array, InputError, check_real
from interpretkd.targets import DecisionMixin
from interpretkd.teachers._networks.base import _NetworkTeacher
from interpretkd.teachers._networks.training import (
    BatchPlan,
    classification,
    multilabel,
    regression,
)


@dataclass(kw_only=True, eq=False, repr=False)
class _NetworkClassifier(ClassifierMixin, DecisionMixin, _NetworkTeacher):
    """Labels in, decisions out."""

    label_smoothing: float = 0.0

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns; NaN and None are missing values.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Classes, or 0 and 1 in a column for each label.
        groups : array-like of shape (n_samples,), default=None
            What the rows belong to: none is among the validation rows and among the
            others.

        Returns
        -------
        estimator
            Itself.

        Raises
        ------
        ValueError
            For rows or labels that cannot be used, and for a single class.
        """
        schema, matrix = self._learn(X, y)
        labels = _check_labels(self, y)
        if labels.ndim == 2:
            self.task_, self.classes_ = "multilabel", np.arange(labels.shape[1])
            targets = torch.from_numpy(labels.astype(np.float64))
            objective = multilabel(self.label_smoothing)
            return self._train(schema, matrix, targets, objective, None, groups)
        classes, positions = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise InputError(
                f"{type(self).__name__} needs at least 2 classes. Got one class, "
                f"{classes.tolist()[0]!r}."
            )
        self.task_, self.classes_ = "multiclass", classes
        objective = classification(self.label_smoothing)
        targets = torch.from_numpy(positions)
        return self._train(schema, matrix, targets, objective, positions, groups)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _check_settings(self) -> BatchPlan:
        name, smoothing = type(self).__name__, self.label_smoothing
        check_real(name, "label_smoothing", smoothing, 0, 1, closed="left")
        return super()._check_settings()


class _NetworkRegressor(RegressorMixin, _NetworkTeacher):
    """Values in, values out."""

    _flat: bool

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns; NaN and None are missing values.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Values.
        groups : array-like of shape (n_samples,), default=None
            What the rows belong to: none is among the validation rows and among the
            others.

        Returns
        -------
        estimator
            Itself.

        Raises
        ------
        ValueError
            For rows or values that cannot be used, and for a single row.
        """
        schema, matrix = self._learn(X, y)
        values: Array = check_array(
            y, dtype=np.float64, ensure_2d=False, input_name="y", estimator=self
        )
        if len(values) < 2:
            raise InputError(
                f"Found array with 1 sample while a minimum of 2 is required by "
                f"{type(self).__name__}."
            )
        self.task_, self._flat = "regression", values.ndim == 1
        targets = torch.tensor(values.reshape(len(values), -1))
        scale = targets.std(dim=0, correction=0)
        scale[scale == 0] = 1
        restore = (targets.mean(dim=0), scale)
        objective = regression(scale)
        return self._train(schema, matrix, targets, objective, None, groups, restore)

    def predict(self, X: ArrayLike) -> Array:
        """Return the values.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
            Of the shape of the values given to `fit`.
        """
        values = self.logits(X)
        return values[:, 0] if self._flat else values

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _check_labels(estimator: Any, y: ArrayLike) -> NDArray[Any]:
    """Return one column of classes, or 0 and 1 for each of several labels."""
    labels: NDArray[Any] = check_array(
        y, dtype=None, ensure_2d=False, input_name="y", estimator=estimator
    )
    if pd.isna(labels).any():
        raise InputError("Input y contains NaN: every row must have a label.")
    if labels.ndim == 1 or labels.shape[1] == 1:
        labels = column_or_1d(labels, warn=True)
        check_classification_targets(labels)
        return labels
    if type_of_target(labels) != "multilabel-indicator":
        raise InputError(
            "Several columns of y must be labels, 0 or 1 each. Got shape "
            f"{labels.shape} with values such as {labels.flat[0]!r}."
        )
    return labels
