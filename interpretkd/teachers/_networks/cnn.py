"""Teachers of convolutions, over the pixels of images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from interpretkd._base import Array, InputError
from interpretkd.data import Codes, Column, Schema
from interpretkd.teachers._networks.base import _check_sides, _moments, _NetworkTeacher
from interpretkd.teachers._networks.modules import CNN
from interpretkd.teachers._networks.tasks import _NetworkClassifier, _NetworkRegressor
from interpretkd.teachers._networks.training import BatchPlan


@dataclass(eq=False, repr=False)
class _Convolutional(_NetworkTeacher):
    """The columns are the pixels of an image; all have one scale."""

    _network_class = CNN

    channels: Sequence[int] = (32, 64)
    hidden: Sequence[int] = (128,)
    image_shape: Sequence[int] | None = None

    @property
    def image_shape_(self) -> tuple[int, ...]:
        """The shape of the images that it reads, once it is fitted."""
        check_is_fitted(self)
        shape = self.schema_.image_shape
        assert shape is not None
        return shape

    def _check_settings(self) -> BatchPlan:
        _check_sides(type(self).__name__, "channels", self.channels)
        return super()._check_settings()

    def _see(self, schema: Schema) -> Schema:
        categorical = [f.name for f in schema.features if f.is_categorical]
        if categorical:
            raise InputError(
                f"{type(self).__name__} reads pixels: every column must be numeric. "
                f"Got the categorical columns {categorical[:5]}."
            )
        pixels = tuple(replace(f, kind="pixel") for f in schema.features)
        return Schema(pixels, self._shape(schema))

    def _shape(self, schema: Schema) -> tuple[int, ...]:
        n_pixels = len(schema)
        if self.image_shape is None:
            side = math.isqrt(n_pixels)
            return (side, side) if side**2 == n_pixels else (1, n_pixels)
        name = type(self).__name__
        shape = _check_sides(name, "image_shape", self.image_shape)
        if len(shape) not in (2, 3) or math.prod(shape) != n_pixels:
            raise InputError(
                f"The 'image_shape' parameter of {name} must be (height, width) or "
                f"(channels, height, width) of {n_pixels} pixels, the columns of X. "
                f"Got {self.image_shape!r}."
            )
        return shape

    def _columns(self, schema: Schema) -> tuple[Column, ...]:
        return schema.columns(indicate_missing=False)

    def _sizes(self, schema: Schema, n_outputs: int) -> dict[str, Any]:
        assert schema.image_shape is not None
        return {
            "image_shape": [1, *schema.image_shape][-3:],
            "channels": [int(side) for side in self.channels],
            "hidden": [int(side) for side in self.hidden],
            "n_outputs": n_outputs,
            "batch_norm": self.batch_norm,
            "dropout": float(self.dropout),
        }

    def _scaling(self, schema: Schema, matrix: Codes) -> tuple[Array, Array]:
        mean, scale = _moments(matrix)
        return np.array([mean]), np.array([scale])


@dataclass(eq=False, repr=False)
class CNNTeacher(_NetworkClassifier, _Convolutional):
    """A classifier of images by convolutions; rows are their pixels.

    It takes classes or labels as `MLPTeacher` does. A missing pixel counts as the
    mean.

    Parameters
    ----------
    channels : tuple of int, default=(32, 64)
        The channels of each convolution (3 x 3, then halved by pooling).
    hidden : tuple of int, default=(128,)
        The units of each dense layer after them.
    image_shape : tuple of int or None, default=None
        (height, width) or (channels, height, width). None for a square when the
        number of columns is one, else a single row of pixels.
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
        In [0, 1): the share of dense units left out in training.
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
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> teacher = CNNTeacher((8, 16), hidden=(32,), max_epochs=3, random_state=0)
    >>> teacher.fit(X[:600], y[:600]).schema_.image_shape
    (8, 8)
    >>> teacher.activations(X[:2], 0).shape
    (2, 8, 4, 4)
    """


@dataclass(eq=False, repr=False)
class CNNRegressorTeacher(_NetworkRegressor, _Convolutional):
    """A regressor of images by convolutions, of one or several target columns.

    Rows are pixels; a missing one counts as the mean.

    Parameters
    ----------
    channels, hidden, image_shape : default as for `CNNTeacher`
        The layers.
    max_epochs, patience, batch_size, learning_rate, weight_decay : default as there
        The training.
    batch_norm, dropout, validation_fraction, keep_checkpoints : default as there
        Regularisation, and what is kept; see `CNNTeacher`.
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
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> teacher = CNNRegressorTeacher((8, 16), max_epochs=3, random_state=0)
    >>> teacher.fit(X[:600], X[:600].mean(axis=1)).predict(X[:2]).shape
    (2,)
    """
