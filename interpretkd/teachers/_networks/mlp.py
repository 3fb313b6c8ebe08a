"""Teachers of dense layers, over any columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interpretkd._base import Array
from interpretkd.data import VALUE, Codes, Column, Schema
from interpretkd.teachers._networks.base import _moments, _NetworkTeacher
from interpretkd.teachers._networks.modules import MLP
from interpretkd.teachers._networks.tasks import _NetworkClassifier, _NetworkRegressor


@dataclass(eq=False, repr=False)
class _Dense(_NetworkTeacher):
    """Any columns; each number has its own scale."""

    _network_class = MLP

    hidden: Sequence[int] = (256, 128)

    def _see(self, schema: Schema) -> Schema:
        return schema

    def _columns(self, schema: Schema) -> tuple[Column, ...]:
        return schema.columns(indicate_missing=True)

    def _sizes(self, schema: Schema, n_outputs: int) -> dict[str, Any]:
        return {
            "n_inputs": len(self._columns(schema)),
            "hidden": [int(side) for side in self.hidden],
            "n_outputs": n_outputs,
            "batch_norm": self.batch_norm,
            "dropout": float(self.dropout),
        }

    def _scaling(self, schema: Schema, matrix: Codes) -> tuple[Array, Array]:
        columns = self._columns(schema)
        mean, scale = np.zeros(len(columns)), np.ones(len(columns))
        for j, column in enumerate(columns):
            if column.part == VALUE:
                mean[j], scale[j] = _moments(matrix[:, j])
        return mean, scale


@dataclass(eq=False, repr=False)
class MLPTeacher(_NetworkClassifier, _Dense):
    """A classifier of dense layers.

    It takes classes (one logit each, two for two classes) or, for `y` of several
    columns of 0 and 1, labels that do not exclude each other (one logit each).

    Parameters
    ----------
    hidden : tuple of int, default=(256, 128)
        The units of each hidden layer.
    max_epochs : int, default=40
        In [1, inf): the most passes over the rows.
    patience : int, default=10
        In [1, inf): the epochs to wait for a better validation loss; the weights of
        the best epoch are kept.
    batch_size : int, default=256
        In [2, inf): the rows of one step.
    learning_rate : float, default=3e-3
        In (0, inf): the largest of AdamW's one cycle.
    weight_decay : float, default=1e-2
        In [0, inf): AdamW's.
    batch_norm : bool, default=True
        Whether each hidden layer is normalised over the batch.
    dropout : float, default=0.1
        In [0, 1): the share of units left out in training.
    validation_fraction : float, default=0.1
        In [0, 0.5]: the share of rows on which training is stopped, each class in
        proportion. When that is fewer than 20 rows, the network is trained on all of
        them, for the whole schedule.
    keep_checkpoints : bool, default=False
        Whether to keep the weights after every epoch.
    device : str, default="auto"
        "cpu", "cuda" or "cuda:<index>"; "auto" takes CUDA where it is.
    verbose : bool, default=False
        Whether to show progress, on stderr.
    random_state : int, RandomState or None, default=None
        Of the weights, the order of the rows and the validation part; torch's own
        generator is left alone.
    label_smoothing : float, default=0.0
        In [0, 1): the part of each label spread over all classes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, in the order of the logits; for labels their positions.
    schema_ : Schema
        The columns it reads.
    task_ : {"multiclass", "multilabel"}
        What it decides.
    network_ : Network
        The trained network.
    history_ : list of dict
        For each epoch: epoch, loss, validation_loss, validation_accuracy (None
        without a validation part), seconds.
    checkpoints_ : tuple of dict
        The state dict after each epoch; empty unless `keep_checkpoints`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> teacher = MLPTeacher(random_state=0).fit(X, y)
    >>> teacher.logits(X).shape
    (150, 3)
    >>> teacher.score(X, y) > 0.9
    True
    """


@dataclass(eq=False, repr=False)
class MLPRegressorTeacher(_NetworkRegressor, _Dense):
    """A regressor of dense layers, of one or several target columns.

    Parameters
    ----------
    hidden : default as for `MLPTeacher`
        The layers.
    max_epochs, patience, batch_size, learning_rate, weight_decay : default as there
        The training.
    batch_norm, dropout, validation_fraction, keep_checkpoints : default as there
        Regularisation, and what is kept; see `MLPTeacher`.
    device, verbose, random_state : default as there
        How it runs.

    Attributes
    ----------
    schema_ : Schema
        The columns it reads.
    task_ : "regression"
        What it does.
    network_ : Network
        The trained network.
    history_ : list of dict
        For each epoch: epoch, loss, validation_loss, validation_r2 (None
        without a validation part), seconds.
    checkpoints_ : tuple of dict
        The state dict after each epoch; empty unless `keep_checkpoints`.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(0, 1, 200).reshape(-1, 1)
    >>> teacher = MLPRegressorTeacher(batch_size=32, random_state=0).fit(X, X**2)
    >>> teacher.score(X, X**2) > 0.9
    True
    """
