"""Teachers: networks as scikit-learn estimators with logits, and what adapts others.

They read frames and arrays as they are: numbers are standardised inside the network,
categories become indicators, a missing value an indicator of its own.
"""

import contextlib
import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from interpretkd._errors import InputError
from interpretkd._validation import check_boolean, check_integer, check_real
from interpretkd.adapters import (
    CallableTeacher,
    OnnxTeacher,
    Teacher,
    TorchTeacher,
    as_teacher,
)
from interpretkd.datasets import hold_out
from interpretkd.logits import decide, probabilities
from interpretkd.networks import (
    CNN,
    MLP,
    BatchPlan,
    Network,
    Objective,
    classification,
    forward_batches,
    multilabel,
    regression,
    train,
)
from interpretkd.rows import batches, checked_rows, learn_schema
from interpretkd.schema import VALUE, Codes, Column, Schema, expand

__all__ = [
    "CNNRegressorTeacher",
    "CNNTeacher",
    "CallableTeacher",
    "MLPRegressorTeacher",
    "MLPTeacher",
    "OnnxTeacher",
    "Teacher",
    "TorchTeacher",
    "as_teacher",
    "teacher_from_state",
]

Array: TypeAlias = NDArray[np.float64]
Arrays: TypeAlias = dict[str, NDArray[Any]]

_BATCH = 1024
_FEWEST_HELD_OUT = 20
"""Fewer rows say too little about when to stop."""


class _NetworkTeacher(BaseEstimator, ABC):
    """What the four share: from rows to a trained network, and asking it."""

    _network_class: ClassVar[type[Network]]

    hidden: Sequence[int]
    max_epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    batch_norm: bool
    dropout: float
    validation_fraction: float
    keep_checkpoints: bool
    device: str
    verbose: bool
    random_state: Any

    schema_: Schema
    network_: Network
    history_: list[dict[str, Any]]
    checkpoints_: tuple[dict[str, torch.Tensor], ...]
    task_: str
    n_features_in_: int

    def logits(self, X: ArrayLike) -> Array:
        """Return the network's outputs.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns; NaN and None are missing values.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits, one column a class or label; the values, for regression.
        """
        return self._ask(X)

    def activations(self, X: ArrayLike, layer: int = -1) -> NDArray[np.float32]:
        """Return what a hidden layer says.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.
        layer : int, default=-1
            Its position among the hidden layers (convolutions first); negative ones
            count from the last.

        Returns
        -------
        ndarray of shape (n_samples, n_units), float32
            Or (n_samples, channels, height, width) after a convolution.

        Raises
        ------
        InputError
            When there is no such layer.
        """
        return self._ask(X, layer)

    def at_checkpoint(self, epoch: int) -> Self:
        """Return a fitted copy with the weights after an epoch of the training.

        Parameters
        ----------
        epoch : int
            In [1, len(history_)].

        Returns
        -------
        estimator
            The copy.

        Raises
        ------
        InputError
            When there is no such epoch, or `keep_checkpoints` was False.
        """
        check_is_fitted(self)
        if not self.checkpoints_:
            raise InputError(
                f"This {type(self).__name__} kept no checkpoints. Fit it with "
                "keep_checkpoints=True."
            )
        check_integer("at_checkpoint", "epoch", epoch, 1, len(self.checkpoints_))
        earlier = copy.copy(self)
        earlier.network_ = copy.deepcopy(self.network_)
        earlier.network_.load_state_dict(self.checkpoints_[epoch - 1])
        return earlier

    @property
    def n_parameters(self) -> int:
        """The numbers that training set."""
        check_is_fitted(self)
        return self.network_.n_parameters

    @property
    def size_bytes(self) -> int:
        """The bytes of these numbers, as float32."""
        return 4 * self.n_parameters

    def get_state(self) -> tuple[dict[str, Any], Arrays]:
        """Return all that makes up the fitted teacher, as plain values.

        Returns
        -------
        config : dict
            JSON values: class, settings, schema, classes, task, sizes, history.
        arrays : dict of ndarray
            The network's state dict.
        """
        check_is_fitted(self)
        classes = getattr(self, "classes_", None)
        config = {
            "class": type(self).__name__,
            "settings": _plain_settings(self.get_params(deep=False)),
            "schema": self.schema_.to_dict(),
            "from_frame": hasattr(self, "feature_names_in_"),
            "task": self.task_,
            "classes": classes
            if classes is None
            else {"kind": classes.dtype.kind, "values": classes.tolist()},
            "flat": getattr(self, "_flat", None),
            "sizes": self.network_.sizes,
            "history": self.history_,
        }
        # A copy, for layers of images are not contiguous; 0-d stays 0-d.
        arrays = {name: t.numpy().copy() for name, t in self.network_.state().items()}
        return config, arrays

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    def _ask(self, X: ArrayLike, layer: int | None = None) -> NDArray[Any]:
        check_is_fitted(self)
        rows = checked_rows(self, X, reset=False)
        self.network_.to(_device(self))
        columns = self._columns(self.schema_)
        codes = map(self.schema_.encode, batches(rows, _BATCH))
        pieces = (expand(part, columns) for part in codes)
        return forward_batches(self.network_, pieces, len(rows), layer)

    def _learn(self, X: ArrayLike, y: Any) -> tuple[Schema, Codes]:
        """Check settings and rows; return the columns and the expanded matrix."""
        self._check_settings()
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        learnt, rows = learn_schema(self, X)
        check_consistent_length(rows, y)
        schema = self._see(learnt)
        return schema, expand(schema.encode(rows), self._columns(schema))

    def _check_settings(self) -> BatchPlan:
        name = type(self).__name__
        _check_sides(name, "hidden", self.hidden)
        check_integer(name, "max_epochs", self.max_epochs, 1)
        check_integer(name, "patience", self.patience, 1)
        check_integer(name, "batch_size", self.batch_size, 2)
        check_real(name, "learning_rate", self.learning_rate, 0)
        check_real(name, "weight_decay", self.weight_decay, 0, closed="left")
        check_boolean(name, "batch_norm", self.batch_norm)
        check_real(name, "dropout", self.dropout, 0, 1, closed="left")
        fraction = self.validation_fraction
        check_real(name, "validation_fraction", fraction, 0, 0.5, closed="both")
        check_boolean(name, "keep_checkpoints", self.keep_checkpoints)
        check_boolean(name, "verbose", self.verbose)
        return BatchPlan(
            self.max_epochs,
            self.patience,
            self.batch_size,
            self.learning_rate,
            self.weight_decay,
        )

    def _train(
        self,
        schema: Schema,
        matrix: Codes,
        targets: torch.Tensor,
        objective: Objective,
        strata: NDArray[np.integer] | None,
        restore: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> Self:
        plan, device = self._check_settings(), _device(self)
        generator = check_random_state(self.random_state)
        seed = int(generator.randint(2**31 - 1))
        kept, held_out = _split(
            len(matrix), self.validation_fraction, strata, generator
        )
        n_outputs = len(self.classes_) if restore is None else len(restore[0])
        checkpoints: list[dict[str, torch.Tensor]] = []
        with _seeded(seed, device), _progress(self.verbose, plan.max_epochs) as show:

            def note(record: dict[str, Any], network: Network) -> None:
                show(record)
                if self.keep_checkpoints:
                    checkpoints.append(network.state())

            network = self._network_class(**self._sizes(schema, n_outputs))
            mean, scale = self._scaling(schema, matrix[kept])
            network.inputs.mean.copy_(torch.from_numpy(mean))
            network.inputs.scale.copy_(torch.from_numpy(scale))
            if restore is not None:
                network.outputs.mean.copy_(restore[0])
                network.outputs.scale.copy_(restore[1])
            network.to(device)
            rows = torch.tensor(matrix)
            self.history_ = train(
                network,
                rows[kept],
                targets[kept],
                objective,
                plan=plan,
                held_out=(rows[held_out], targets[held_out]) if len(held_out) else None,
                on_epoch=note,
            )
        self.schema_ = schema
        self.network_ = network
        self.checkpoints_ = tuple(checkpoints)
        return self

    @abstractmethod
    def _see(self, schema: Schema) -> Schema:
        """Return the schema as this kind of network understands it."""

    @abstractmethod
    def _columns(self, schema: Schema) -> tuple[Column, ...]:
        """Return the columns of the expanded matrix."""

    @abstractmethod
    def _sizes(self, schema: Schema, n_outputs: int) -> dict[str, Any]:
        """Return the arguments of the network's class."""

    @abstractmethod
    def _scaling(self, schema: Schema, matrix: Codes) -> tuple[Array, Array]:
        """Return mean and deviation of the columns that the network scales."""


class _Dense(_NetworkTeacher):
    """Any columns; each number has its own scale."""

    _network_class = MLP

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


class _Convolutional(_NetworkTeacher):
    """The columns are the pixels of an image; all have one scale."""

    _network_class = CNN

    channels: Sequence[int]
    image_shape: Sequence[int] | None

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


class _Classifier(ClassifierMixin, _NetworkTeacher):
    """Labels in, decisions out."""

    label_smoothing: float
    classes_: NDArray[Any]

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns; NaN and None are missing values.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Classes, or 0 and 1 in a column for each label.

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
            return self._train(schema, matrix, targets, objective, None)
        classes, positions = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise InputError(
                f"{type(self).__name__} needs at least 2 classes. Got one class, "
                f"{classes.tolist()[0]!r}."
            )
        self.task_, self.classes_ = "multiclass", classes
        objective = classification(self.label_smoothing)
        targets = torch.from_numpy(positions)
        return self._train(schema, matrix, targets, objective, positions)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the decisions.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Classes, or 0 and 1 for each label.
        """
        decisions = decide(self.logits(X), self.task_)
        return decisions if self.task_ == "multilabel" else self.classes_[decisions]

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class or label.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            In [0, 1]; the rows sum to 1 unless these are labels.
        """
        return probabilities(self.logits(X), self.task_)

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the logits; for two classes their difference.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
            Positive for the second of two classes, and for a label that is there.
        """
        logits = self.logits(X)
        if self.task_ == "multiclass" and len(self.classes_) == 2:
            return logits[:, 1] - logits[:, 0]
        return logits

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _check_settings(self) -> BatchPlan:
        name, smoothing = type(self).__name__, self.label_smoothing
        check_real(name, "label_smoothing", smoothing, 0, 1, closed="left")
        return super()._check_settings()


class _Regressor(RegressorMixin, _NetworkTeacher):
    """Values in, values out."""

    _flat: bool

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns; NaN and None are missing values.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Values.

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
        return self._train(schema, matrix, targets, regression(scale), None, restore)

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


class MLPTeacher(_Classifier, _Dense):
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
    label_smoothing : float, default=0.0
        In [0, 1): the part of each label spread over all classes.
    validation_fraction : float, default=0.1
        In [0, 0.5]: the share of rows on which training is stopped,
        each class in proportion. When
        that is fewer than 20 rows, the network is trained on all of them, for the
        whole schedule.
    keep_checkpoints : bool, default=False
        Whether to keep the weights after every epoch.
    device : str, default="auto"
        "cpu", "cuda" or "cuda:<index>"; "auto" takes CUDA where it is.
    verbose : bool, default=False
        Whether to show progress, on stderr.
    random_state : int, RandomState or None, default=None
        Of the weights, the order of the rows and the validation part; torch's own
        generator is left alone.

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

    def __init__(
        self,
        hidden: tuple[int, ...] = (256, 128),
        *,
        max_epochs: int = 40,
        patience: int = 10,
        batch_size: int = 256,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        batch_norm: bool = True,
        dropout: float = 0.1,
        label_smoothing: float = 0.0,
        validation_fraction: float = 0.1,
        keep_checkpoints: bool = False,
        device: str = "auto",
        verbose: bool = False,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.max_epochs = max_epochs
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.validation_fraction = validation_fraction
        self.keep_checkpoints = keep_checkpoints
        self.device = device
        self.verbose = verbose
        self.random_state = random_state


class MLPRegressorTeacher(_Regressor, _Dense):
    """A regressor of dense layers, of one or several target columns.

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
        In [0, 0.5]: the share of rows on which training is stopped. When
        that is fewer than 20 rows, the network is trained on all of them, for the
        whole schedule.
    keep_checkpoints : bool, default=False
        Whether to keep the weights after every epoch.
    device : str, default="auto"
        "cpu", "cuda" or "cuda:<index>"; "auto" takes CUDA where it is.
    verbose : bool, default=False
        Whether to show progress, on stderr.
    random_state : int, RandomState or None, default=None
        Of the weights, the order of the rows and the validation part; torch's own
        generator is left alone.

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

    def __init__(
        self,
        hidden: tuple[int, ...] = (256, 128),
        *,
        max_epochs: int = 40,
        patience: int = 10,
        batch_size: int = 256,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        batch_norm: bool = True,
        dropout: float = 0.1,
        validation_fraction: float = 0.1,
        keep_checkpoints: bool = False,
        device: str = "auto",
        verbose: bool = False,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.max_epochs = max_epochs
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.validation_fraction = validation_fraction
        self.keep_checkpoints = keep_checkpoints
        self.device = device
        self.verbose = verbose
        self.random_state = random_state


class CNNTeacher(_Classifier, _Convolutional):
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
    label_smoothing : float, default=0.0
        In [0, 1): the part of each label spread over all classes.
    validation_fraction : float, default=0.1
        In [0, 0.5]: the share of rows on which training is stopped,
        each class in proportion. When
        that is fewer than 20 rows, the network is trained on all of them, for the
        whole schedule.
    keep_checkpoints : bool, default=False
        Whether to keep the weights after every epoch.
    device : str, default="auto"
        "cpu", "cuda" or "cuda:<index>"; "auto" takes CUDA where it is.
    verbose : bool, default=False
        Whether to show progress, on stderr.
    random_state : int, RandomState or None, default=None
        Of the weights, the order of the rows and the validation part; torch's own
        generator is left alone.

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

    def __init__(
        self,
        channels: tuple[int, ...] = (32, 64),
        *,
        hidden: tuple[int, ...] = (128,),
        image_shape: tuple[int, ...] | None = None,
        max_epochs: int = 40,
        patience: int = 10,
        batch_size: int = 256,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        batch_norm: bool = True,
        dropout: float = 0.1,
        label_smoothing: float = 0.0,
        validation_fraction: float = 0.1,
        keep_checkpoints: bool = False,
        device: str = "auto",
        verbose: bool = False,
        random_state: Any = None,
    ) -> None:
        self.channels = channels
        self.hidden = hidden
        self.image_shape = image_shape
        self.max_epochs = max_epochs
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.validation_fraction = validation_fraction
        self.keep_checkpoints = keep_checkpoints
        self.device = device
        self.verbose = verbose
        self.random_state = random_state


class CNNRegressorTeacher(_Regressor, _Convolutional):
    """A regressor of images by convolutions, of one or several target columns.

    Rows are pixels; a missing one counts as the mean.

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
        In [0, 0.5]: the share of rows on which training is stopped. When
        that is fewer than 20 rows, the network is trained on all of them, for the
        whole schedule.
    keep_checkpoints : bool, default=False
        Whether to keep the weights after every epoch.
    device : str, default="auto"
        "cpu", "cuda" or "cuda:<index>"; "auto" takes CUDA where it is.
    verbose : bool, default=False
        Whether to show progress, on stderr.
    random_state : int, RandomState or None, default=None
        Of the weights, the order of the rows and the validation part; torch's own
        generator is left alone.

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

    def __init__(
        self,
        channels: tuple[int, ...] = (32, 64),
        *,
        hidden: tuple[int, ...] = (128,),
        image_shape: tuple[int, ...] | None = None,
        max_epochs: int = 40,
        patience: int = 10,
        batch_size: int = 256,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        batch_norm: bool = True,
        dropout: float = 0.1,
        validation_fraction: float = 0.1,
        keep_checkpoints: bool = False,
        device: str = "auto",
        verbose: bool = False,
        random_state: Any = None,
    ) -> None:
        self.channels = channels
        self.hidden = hidden
        self.image_shape = image_shape
        self.max_epochs = max_epochs
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.validation_fraction = validation_fraction
        self.keep_checkpoints = keep_checkpoints
        self.device = device
        self.verbose = verbose
        self.random_state = random_state


_CLASSES: dict[str, type[_NetworkTeacher]] = {
    teacher.__name__: teacher
    for teacher in (MLPTeacher, MLPRegressorTeacher, CNNTeacher, CNNRegressorTeacher)
}
_TASKS = {_Classifier: ("multiclass", "multilabel"), _Regressor: ("regression",)}


def teacher_from_state(config: dict[str, Any], arrays: Arrays) -> Any:
    """Build a fitted teacher from what `get_state` returned.

    Parameters
    ----------
    config : dict
        JSON values, perhaps by way of a file.
    arrays : dict of ndarray
        The network's state dict.

    Returns
    -------
    estimator
        A fitted teacher; its logits are equal to the bit to those of the original.

    Raises
    ------
    InputError
        When anything is absent, unknown, of another shape or not finite.
    """
    try:
        return _from_state(config, arrays)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise InputError(
            f"The teacher is not readable: {type(error).__name__} {error}."
        ) from error


def _from_state(config: dict[str, Any], arrays: Arrays) -> Any:
    name = config["class"]
    if name not in _CLASSES:
        raise InputError(
            f"The teacher's class must be one of {', '.join(_CLASSES)}. Got {name!r}."
        )
    teacher: Any = _CLASSES[name](
        **{
            key: tuple(value) if isinstance(value, list) else value
            for key, value in config["settings"].items()
        }
    )
    teacher._check_settings()
    teacher.schema_ = Schema.from_dict(config["schema"])
    teacher.task_ = config["task"]
    n_outputs = config["sizes"]["n_outputs"]
    if isinstance(teacher, _Classifier):
        teacher.classes_ = _classes_from_state(config, n_outputs)
    else:
        teacher._flat = bool(config["flat"]) and n_outputs == 1
    allowed = next(t for kind, t in _TASKS.items() if isinstance(teacher, kind))
    if teacher.task_ not in allowed:
        raise InputError(f"{name} cannot do the task {teacher.task_!r}.")
    teacher.network_ = _network_from_state(teacher, config["sizes"], arrays)
    teacher.history_ = [dict(record) for record in config["history"]]
    teacher.checkpoints_ = ()
    teacher.n_features_in_ = len(teacher.schema_)
    if config["from_frame"]:
        teacher.feature_names_in_ = np.array(teacher.schema_.names, dtype=object)
    return teacher


def _network_from_state(
    teacher: _NetworkTeacher, sizes: dict[str, Any], arrays: Arrays
) -> Network:
    """Compare everything with a network without memory before taking any of it."""
    with torch.device("meta"):
        network = teacher._network_class(**sizes)
    # A schema of other columns would feed the network something else.
    columns = teacher._columns(teacher.schema_)
    if isinstance(network, CNN):
        expected = [1, *(teacher.schema_.image_shape or ())][-3:]
        fits = list(sizes["image_shape"]) == expected
    else:
        fits = sizes["n_inputs"] == len(columns)
    if not fits:
        raise InputError(
            "The teacher's network and its schema differ in their columns."
        )
    wanted = network.state_dict()
    if set(wanted) != set(arrays):
        raise InputError(
            f"The teacher's arrays lack {sorted(set(wanted) - set(arrays))} and hold "
            f"the unknown {sorted(set(arrays) - set(wanted))}."
        )
    for name, tensor in wanted.items():
        _check_array(name, arrays[name], tensor)
    state = {name: torch.tensor(array) for name, array in arrays.items()}
    network.load_state_dict(state, assign=True)
    # torch's stubs know `to` by tensor, device and dtype alone.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.settle()
    return network


def _check_array(name: str, array: NDArray[Any], wanted: torch.Tensor) -> None:
    dtype = str(wanted.dtype).removeprefix("torch.")
    if array.shape != tuple(wanted.shape) or array.dtype != dtype:
        raise InputError(
            f"The teacher's array {name!r} must be {dtype} of shape "
            f"{tuple(wanted.shape)}. Got {array.dtype} of shape {array.shape}."
        )
    if not np.isfinite(array).all():
        raise InputError(
            f"The teacher's array {name!r} holds values that are not finite."
        )


def _classes_from_state(config: dict[str, Any], n_outputs: int) -> NDArray[Any]:
    kinds: dict[str, Any] = {
        "b": bool,
        "i": np.int64,
        "u": np.uint64,
        "f": np.float64,
        "U": str,
        "O": object,
    }
    kind, values = config["classes"]["kind"], config["classes"]["values"]
    plain = all(isinstance(value, str | int | float) for value in values)
    if kind not in kinds or not plain or len(set(values)) != n_outputs:
        raise InputError(
            f"The teacher's classes must be {n_outputs} different texts or numbers. "
            f"Got {values!r} of kind {kind!r}."
        )
    return np.array(values, dtype=kinds[kind])


def _plain_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings as JSON values; what belongs to this machine is left out."""
    plain: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, np.generic):
            plain[name] = value.item()
        elif isinstance(value, np.ndarray | list | tuple):
            plain[name] = [int(side) for side in value]
        else:
            plain[name] = value
    if not isinstance(plain["random_state"], int):
        plain["random_state"] = None
    return plain | {"device": "auto"}


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


def _check_sides(owner: str, name: str, sides: Any) -> tuple[int, ...]:
    checked = isinstance(sides, Sequence | np.ndarray) and not isinstance(sides, str)
    if not checked or len(sides) == 0:
        raise InputError(
            f"The '{name}' parameter of {owner} must be a tuple of ints in [1, inf), "
            f"at least one. Got {sides!r}."
        )
    return tuple(check_integer(owner, name, side, 1) or 0 for side in sides)


def _moments(values: Codes) -> tuple[float, float]:
    known = values[~np.isnan(values)].astype(np.float64)
    if not len(known):
        return 0.0, 1.0
    deviation = float(known.std())
    return float(known.mean()), (np.float32(deviation) and deviation) or 1.0


def _split(
    n_rows: int,
    fraction: float,
    strata: NDArray[np.integer] | None,
    generator: np.random.RandomState,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold rows out, each class in proportion; the only row of a class is kept."""
    rows, size = np.arange(n_rows), round(fraction * n_rows)
    if size < _FEWEST_HELD_OUT:
        return rows, rows[:0]
    free = rows
    if strata is not None:
        free = rows[np.bincount(strata)[strata] > 1]
        n_classes = len(np.unique(strata[free]))
        if min(size, len(free) - size) < max(n_classes, 1):
            return rows, rows[:0]
        strata = strata[free]
    _, held_out = hold_out(free, size, generator, strata)
    return np.setdiff1d(rows, held_out), held_out


def _device(teacher: _NetworkTeacher) -> torch.device:
    if teacher.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(teacher.device)
        torch.empty(0, device=device)
    except (RuntimeError, TypeError, AssertionError):
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise InputError(
            f"The 'device' parameter of {type(teacher).__name__} must be 'auto', 'cpu' "
            f"or a CUDA device that this machine has. Got {teacher.device!r}."
        )
    return device


@contextlib.contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch in here alone: `torch.manual_seed` would reach every device."""
    on_cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_cuda else []):
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


@contextlib.contextmanager
def _progress(
    verbose: bool, max_epochs: int
) -> Iterator[Callable[[dict[str, Any]], None]]:
    if not verbose:
        yield lambda _: None
        return
    columns = (
        TextColumn("epoch {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=max_epochs)

        def show(record: dict[str, Any]) -> None:
            progress.update(bar, advance=1, description=_summary(record))

        yield show


def _summary(record: dict[str, Any]) -> str:
    text = f"loss {record['loss']:.4f}"
    for name, word in (("validation_accuracy", "accuracy"), ("validation_r2", "R2")):
        if record.get(name) is not None:
            text += f", validation {word} {record[name]:.3f}"
    return text
