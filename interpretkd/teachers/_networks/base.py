"""Networks as scikit-learn estimators with logits: what all of them share.

They read frames and arrays as they are: numbers are standardised inside the network,
categories become indicators, a missing value an indicator of its own.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from interpretkd._base import (
    Array,
    InputError,
    check_boolean,
    check_integer,
    check_real,
)
from interpretkd.data import (
    VALUE,
    Codes,
    Column,
    Schema,
    batches,
    checked_rows,
    expand,
    learn_schema,
)
from interpretkd.teachers._inside import _layer_position, _output_positions
from interpretkd.teachers._networks.modules import Network
from interpretkd.teachers._networks.training import (
    BatchPlan,
    TrainingLoss,
    _forward_batches,
    _gradients,
    _own_threads,
    _progress,
    _seeded,
    _split,
    train,
)

Arrays: TypeAlias = dict[str, NDArray[Any]]
_BATCH = 1024
_ENCODED = 8 * _BATCH
"""Rows of a frame that are encoded together: each column of it costs a while."""


@dataclass(kw_only=True, eq=False, repr=False)
class _Settings:
    """The parameters that all four have; each class says what they do."""

    max_epochs: int = 40
    patience: int = 10
    batch_size: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    batch_norm: bool = True
    dropout: float = 0.1
    validation_fraction: float = 0.1
    keep_checkpoints: bool = False
    device: str = "auto"
    verbose: bool = False
    random_state: Any = None


class _NetworkTeacher(_Settings, BaseEstimator, ABC):
    """What the four share: from rows to a trained network, and asking it."""

    _network_class: ClassVar[type[Network]]

    hidden: Sequence[int]
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

    def activations(self, X: ArrayLike, layer: int | str = -1) -> NDArray[np.float32]:
        """Return what a hidden layer says.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.
        layer : int or str, default=-1
            Its position among the hidden layers (convolutions first), negative ones
            from the last; or its name in `layers`.

        Returns
        -------
        ndarray of shape (n_samples, n_units), float32
            Or (n_samples, channels, height, width) after a convolution.

        Raises
        ------
        InputError
            When there is no such layer.
        """
        return self._ask(X, _layer_position(type(self).__name__, layer, self.layers))

    def size_to(self, layer: int | str = -1) -> tuple[int, int]:
        """Return the size of the network up to a hidden layer.

        Parameters
        ----------
        layer : int or str, default=-1
            As of `activations`.

        Returns
        -------
        n_parameters : int
            The numbers that training set up to there.
        size_bytes : int
            Their bytes, as float32.
        """
        last = _layer_position(type(self).__name__, layer, self.layers)
        blocks = self.network_.blocks[: last + 1]
        count = sum(p.numel() for p in blocks.parameters() if p.requires_grad)
        return count, 4 * count

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the hidden layers, as in `network_`."""
        check_is_fitted(self)
        return tuple(f"blocks.{i}" for i in range(len(self.network_.blocks)))

    def gradients(self, X: ArrayLike, output: Any = None) -> Array:
        """Return how a logit changes with the numbers of each row.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.
        output : int or ndarray of shape (n_samples,), default=None
            The position of a class, label or value; None for the decided class, or the
            only output.

        Returns
        -------
        ndarray of shape (n_samples, n_features), float64
            The derivative of the logit less the mean of the row's logits (of several
            labels, and values, of the output itself), per unit of the column. NaN for
            categories, dates and missing cells.

        Raises
        ------
        InputError
            For an output that is not there, or none of several labels or values.
        """
        asked = _output_positions(output, self.logits(X), self.task_)
        rows = checked_rows(self, X, reset=False)
        columns = self._columns(self.schema_)
        features = self.schema_.features
        found = np.full((len(rows), len(features)), np.nan)
        start = 0
        for part in batches(rows, _BATCH):
            codes = self.schema_.encode(part)
            piece = slice(start, start + len(codes))
            with _own_threads(self.network_, _BATCH):
                slopes = _gradients(
                    self.network_,
                    expand(codes, columns),
                    asked[piece],
                    centred=self.task_ == "multiclass",
                )
            for j, column in enumerate(columns):
                feature = features[column.feature]
                if column.part == VALUE and feature.kind in ("numeric", "pixel"):
                    found[piece, column.feature] = slopes[:, j] / feature.unit
            found[piece][np.isnan(codes)] = np.nan
            start += len(codes)
        return found

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
        codes = map(self.schema_.encode, batches(rows, _ENCODED))
        pieces = (
            expand(part[start : start + _BATCH], columns)
            for part in codes
            for start in range(0, len(part), _BATCH)
        )
        with _own_threads(self.network_, _BATCH):
            return _forward_batches(self.network_, pieces, len(rows), layer)

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
        objective: TrainingLoss,
        strata: NDArray[np.integer] | None,
        groups: ArrayLike | None,
        restore: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> Self:
        plan, device = self._check_settings(), _device(self)
        generator = check_random_state(self.random_state)
        seed = int(generator.randint(2**31 - 1))
        kept, held_out = _split(
            len(matrix), self.validation_fraction, strata, generator, groups
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
            further = (rows[held_out], targets[held_out]) if len(held_out) else None
            with _own_threads(network, plan.batch_size):
                self.history_ = train(
                    network,
                    rows[kept],
                    targets[kept],
                    objective,
                    plan=plan,
                    held_out=further,
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
