"""Labels: checked as scikit-learn does, and as columns in the teacher's order."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d

from interpretkd._base import Array, InputError
from interpretkd.targets._target import Target


def label_target(task: str) -> Target:
    """Return the target that stands for the labels themselves.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.

    Returns
    -------
    Target
        Hard targets; values, for regression.
    """
    return Target("logits" if task == "regression" else "hard", task=task)


def check_labels(y: Any) -> NDArray[Any]:
    """Check the labels given to `fit`, as scikit-learn does.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        Labels.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_labels)
        The labels.

    Raises
    ------
    ValueError
        For values that are no classes, and for gaps.
    """
    given = np.asarray(y)
    if given.ndim == 2 and given.shape[1] > 1:
        return check_array(given, dtype=None)
    labels: NDArray[Any] = column_or_1d(given, warn=True)
    if pd.isna(labels).any():
        row = int(np.flatnonzero(pd.isna(labels))[0])
        raise InputError(
            "Input y contains NaN: the labels must be known for every row of X. Got "
            f"none in row {row}; give such rows as X_unlabelled."
        )
    if labels.dtype.kind == "f":
        assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    return labels


def indicate(y: NDArray[Any], classes: NDArray[Any], task: str) -> Array:
    """Return labels as columns of 0 and 1, in the order of the teacher's classes.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Labels.
    classes : ndarray of shape (n_classes,)
        The teacher's.
    task : {"multiclass", "multilabel"}
        Whether they exclude each other.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        Zeros and ones.

    Raises
    ------
    InputError
        For labels that the teacher does not know.
    """
    if task == "multilabel":
        if y.ndim != 2 or y.shape[1] != len(classes) or not np.isin(y, (0, 1)).all():
            raise InputError(
                f"The labels y must be 0 or 1 in {len(classes)} columns for this "
                f"multi-label teacher. Got shape {y.shape}."
            )
        return y.astype(np.float64)
    if y.ndim != 1:
        raise InputError(
            f"The labels y must be one column for a teacher of {len(classes)} classes. "
            f"Got shape {y.shape}."
        )
    place = pd.Index(classes).get_indexer(pd.Index(y))
    if (place < 0).any():
        unknown = sorted({repr(value) for value in np.unique(y[place < 0]).tolist()})
        known = ", ".join(map(repr, classes.tolist()[:20]))
        raise InputError(
            "The labels y hold classes that the teacher does not know: "
            f"{', '.join(unknown[:5])}. It knows {known}."
        )
    return np.eye(len(classes))[place]
