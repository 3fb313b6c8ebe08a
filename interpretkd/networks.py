"""The networks that teach: their layers, and how they are trained and asked.

A network takes the expanded matrix of `interpretkd.schema` (original units, NaN for
missing) and scales it itself, so its state dict is the complete model.
"""

import copy
import itertools
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from interpretkd._errors import InputError

__all__ = [
    "CNN",
    "MLP",
    "BatchPlan",
    "Network",
    "Objective",
    "classification",
    "forward_batches",
    "multilabel",
    "regression",
    "train",
]

_FORWARD_ROWS = 1024


class _Standardise(nn.Module):
    """Scale columns to mean 0 and deviation 1; a missing value becomes the mean."""

    mean: Tensor
    scale: Tensor

    def __init__(self, n_columns: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_columns))
        self.register_buffer("scale", torch.ones(n_columns))

    def forward(self, rows: Tensor) -> Tensor:
        return torch.nan_to_num((rows - self.mean) / self.scale, nan=0.0)


class _Restore(nn.Module):
    """Give outputs their units back, in float64: a large mean would lose digits."""

    mean: Tensor
    scale: Tensor

    def __init__(self, n_outputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_outputs, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(n_outputs, dtype=torch.float64))

    def forward(self, outputs: Tensor) -> Tensor:
        return outputs.double() * self.scale + self.mean


class _Image(nn.Module):
    """Give rows of pixels their places, channels last: convolutions are faster so."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, rows: Tensor) -> Tensor:
        images = rows.reshape(-1, *self.shape)
        return images.contiguous(memory_format=torch.channels_last)


class Network(nn.Module):
    """Scaling, hidden layers, one linear layer on top.

    Parameters
    ----------
    n_inputs : int
        How many columns are scaled on their own; 1 for one scale for all of them.
    blocks : list of Module
        The hidden layers.
    n_hidden : int
        The units of the last of them.
    n_outputs : int
        The logits (values, for regression).
    sizes : dict
        The arguments that build this network again, as plain JSON values.
    """

    def __init__(
        self,
        n_inputs: int,
        blocks: list[nn.Module],
        n_hidden: int,
        n_outputs: int,
        sizes: dict[str, Any],
    ) -> None:
        super().__init__()
        self.inputs = _Standardise(n_inputs)
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(n_hidden, n_outputs)
        self.outputs = _Restore(n_outputs)
        self.sizes = sizes

    def forward(self, rows: Tensor) -> Tensor:
        """Return the logits (values, for regression).

        Parameters
        ----------
        rows : Tensor of shape (n_samples, n_columns), float32
            Rows in original units; NaN is missing.

        Returns
        -------
        Tensor of shape (n_samples, n_outputs), float64
            One column a class, label or target column.
        """
        activations = self.activations(rows, -1).to(self.head.weight.dtype)
        outputs: Tensor = self.outputs(self.head(activations))
        return outputs

    def activations(self, rows: Tensor, layer: int) -> Tensor:
        """Return the activations after a hidden layer.

        Parameters
        ----------
        rows : Tensor of shape (n_samples, n_columns), float32
            Rows in original units; NaN is missing.
        layer : int
            In [-n_layers, n_layers); negative ones count from the last.

        Returns
        -------
        Tensor of shape (n_samples, n_units), float32
            Or (n_samples, channels, height, width) after a convolution.

        Raises
        ------
        InputError
            When there is no such layer.
        """
        n_layers = len(self.blocks)
        if not isinstance(layer, int) or not -n_layers <= layer < n_layers:
            raise InputError(
                f"The 'layer' parameter of activations must be an int in [{-n_layers}, "
                f"{n_layers}). Got {layer!r}."
            )
        activations: Tensor = self.inputs(rows)
        for block in self.blocks[: layer % n_layers + 1]:
            activations = block(activations.to(next(block.parameters()).dtype))
        return activations

    def settle(self) -> None:
        """Go over to answering: evaluation mode, dense layers in float64.

        In float32 a dense layer's answer for a row depends a little on which rows are
        asked together; that of a convolution does not.
        """
        self.eval()
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.BatchNorm1d):
                module.double()

    def state(self) -> dict[str, Tensor]:
        """Return a copy of the state dict on the CPU, weights in float32 as trained.

        Returns
        -------
        dict of Tensor
            The weights and constants by their names.
        """
        state = {}
        for name, tensor in self.state_dict().items():
            as_trained = tensor.is_floating_point() and not name.startswith("outputs.")
            dtype = torch.float32 if as_trained else tensor.dtype
            state[name] = tensor.detach().to("cpu", dtype, copy=True)
        return state

    @property
    def n_parameters(self) -> int:
        """The numbers that training sets."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


class MLP(Network):
    """Dense layers with batch normalisation, ReLU and dropout.

    Parameters
    ----------
    n_inputs : int
        Columns of the expanded matrix.
    hidden : sequence of int
        The units of each hidden layer; at least one.
    n_outputs : int
        The logits (values, for regression).
    batch_norm : bool, default=True
        Whether each hidden layer is normalised over the batch.
    dropout : float, default=0.0
        In [0, 1): the share of units left out in training.

    Examples
    --------
    >>> network = MLP(4, (8, 5), 3)
    >>> network(torch.zeros(2, 4)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        n_inputs: int,
        hidden: Iterable[int],
        n_outputs: int,
        *,
        batch_norm: bool = True,
        dropout: float = 0.0,
    ) -> None:
        sides = [n_inputs, *hidden]
        sizes = {
            "n_inputs": n_inputs,
            "hidden": sides[1:],
            "n_outputs": n_outputs,
            "batch_norm": batch_norm,
            "dropout": dropout,
        }
        blocks: list[nn.Module] = [
            nn.Sequential(*_dense(a, b, batch_norm, dropout))
            for a, b in itertools.pairwise(sides)
        ]
        super().__init__(n_inputs, blocks, sides[-1], n_outputs, sizes)


class CNN(Network):
    """Convolutions 3 x 3, each halving the image, then dense layers.

    Parameters
    ----------
    image_shape : tuple of int
        (channels, height, width).
    channels : sequence of int
        The channels of each convolution; at least one.
    hidden : sequence of int
        The units of each dense layer; at least one.
    n_outputs : int
        The logits (values, for regression).
    batch_norm : bool, default=True
        Whether each hidden layer is normalised over the batch.
    dropout : float, default=0.0
        In [0, 1): the share of units of the dense layers left out in training.

    Examples
    --------
    >>> network = CNN((1, 8, 8), (4, 6), (5,), 3)
    >>> network.activations(torch.zeros(2, 64), 0).shape
    torch.Size([2, 4, 4, 4])
    """

    def __init__(
        self,
        image_shape: Iterable[int],
        channels: Iterable[int],
        hidden: Iterable[int],
        n_outputs: int,
        *,
        batch_norm: bool = True,
        dropout: float = 0.0,
    ) -> None:
        depth, height, width = image_shape
        depths, units = [depth, *channels], [*hidden]
        sizes = {
            "image_shape": [depth, height, width],
            "channels": depths[1:],
            "hidden": units,
            "n_outputs": n_outputs,
            "batch_norm": batch_norm,
            "dropout": dropout,
        }
        blocks: list[nn.Module] = []
        for i, (a, b) in enumerate(itertools.pairwise(depths)):
            first: list[nn.Module] = [_Image((depth, height, width))] if i == 0 else []
            blocks.append(nn.Sequential(*first, *_convolution(a, b, batch_norm)))
            height, width = math.ceil(height / 2), math.ceil(width / 2)
        sides = [depths[-1] * height * width, *units]
        for i, (a, b) in enumerate(itertools.pairwise(sides)):
            flatten = [nn.Flatten()] if i == 0 else []
            blocks.append(nn.Sequential(*flatten, *_dense(a, b, batch_norm, dropout)))
        super().__init__(1, blocks, sides[-1], n_outputs, sizes)
        # torch's stubs know `to` by tensor, device and dtype alone.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _dense(a: int, b: int, batch_norm: bool, dropout: float) -> list[nn.Module]:
    return [
        nn.Linear(a, b, bias=not batch_norm),
        *([nn.BatchNorm1d(b)] if batch_norm else []),
        nn.ReLU(),
        *([nn.Dropout(dropout)] if dropout else []),
    ]


def _convolution(a: int, b: int, batch_norm: bool) -> list[nn.Module]:
    """Pool first: normalisation and ReLU then cost a quarter."""
    return [
        nn.Conv2d(a, b, 3, padding=1, bias=not batch_norm),
        nn.MaxPool2d(2, ceil_mode=True),
        *([nn.BatchNorm2d(b)] if batch_norm else []),
        nn.ReLU(),
    ]


@dataclass(frozen=True)
class BatchPlan:
    """How long and in what steps a network is trained.

    Parameters
    ----------
    max_epochs : int, default=40
        In [1, inf): the most passes over the rows.
    patience : int, default=10
        In [1, inf): the epochs to wait for a better validation loss.
    batch_size : int, default=256
        In [2, inf): the rows of one step.
    learning_rate : float, default=3e-3
        In (0, inf): the largest of the one cycle.
    weight_decay : float, default=1e-2
        In [0, inf).
    """

    max_epochs: int = 40
    patience: int = 10
    batch_size: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2

    def n_batches(self, n_rows: int) -> int:
        """Return the steps of one epoch; no step has a single row.

        Parameters
        ----------
        n_rows : int
            In [2, inf).

        Returns
        -------
        int
            How many.
        """
        return max(1, min(math.ceil(n_rows / self.batch_size), n_rows // 2))


@dataclass(frozen=True)
class Objective:
    """What training lowers, and what it is judged by.

    Parameters
    ----------
    loss : callable
        (outputs, targets) -> scalar tensor: lowered on the training rows.
    validation_loss : callable
        The same on the held-out rows; the weights where it is smallest are kept.
    score : callable
        (outputs, targets) -> scalar tensor: what people read, the larger the better.
    score_name : str
        Its key in the history.
    """

    loss: Callable[[Tensor, Tensor], Tensor]
    validation_loss: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[Tensor, Tensor], Tensor]
    score_name: str = "validation_accuracy"


def classification(label_smoothing: float = 0.0) -> Objective:
    """Return softmax cross-entropy, with accuracy as the score.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        In [0, 1): the part of each label spread over all classes; in training only.

    Returns
    -------
    Objective
        Its targets are class positions, of shape (n_samples,), int64.
    """

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(
            outputs, targets, label_smoothing=label_smoothing
        )

    def score(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs.argmax(dim=1) == targets).double().mean()

    return Objective(loss, nn.functional.cross_entropy, score)


def multilabel(label_smoothing: float = 0.0) -> Objective:
    """Return binary cross-entropy a label, with the share of right labels as the score.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        In [0, 1): the part of each label spread over 0 and 1; in training only.

    Returns
    -------
    Objective
        Its targets are 0 and 1, of shape (n_samples, n_labels), float64.
    """

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        smoothed = targets * (1 - label_smoothing) + label_smoothing / 2
        return nn.functional.binary_cross_entropy_with_logits(outputs, smoothed)

    def score(outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs > 0) == (targets > 0.5)).double().mean()

    return Objective(loss, nn.functional.binary_cross_entropy_with_logits, score)


def regression(scale: Tensor) -> Objective:
    """Return squared error in units of each column's deviation, with R2 as the score.

    Parameters
    ----------
    scale : Tensor of shape (n_outputs,), float64
        The deviations.

    Returns
    -------
    Objective
        Its targets are values, of shape (n_samples, n_outputs), float64.
    """

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs - targets) / scale.to(outputs.device)).square().mean()

    def score(outputs: Tensor, targets: Tensor) -> Tensor:
        spread = (targets - targets.mean(dim=0)).square().sum(dim=0)
        error = (outputs - targets).square().sum(dim=0)
        tiny = torch.finfo(torch.float64).tiny
        return (1 - error / spread.clamp_min(tiny)).mean()

    return Objective(loss, loss, score, "validation_r2")


def train(
    network: Network,
    rows: Tensor,
    targets: Tensor,
    objective: Objective,
    *,
    plan: BatchPlan,
    held_out: tuple[Tensor, Tensor] | None = None,
    on_epoch: Callable[[dict[str, Any], Network], None] | None = None,
) -> list[dict[str, Any]]:
    """Train a network with AdamW and one cycle of the learning rate.

    Draws from torch's global generator: seed it, inside `torch.random.fork_rng`.

    Parameters
    ----------
    network : Network
        It is changed in place and settled, with the weights of the best epoch (the
        last one without held-out rows).
    rows : Tensor of shape (n_samples, n_columns), float32
        At least two rows in original units.
    targets : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        As the objective reads them.
    objective : Objective
        What is lowered.
    plan : BatchPlan
        Steps and learning rate.
    held_out : (rows, targets), default=None
        Rows that decide when training ends; None to run the whole schedule.
    on_epoch : callable, default=None
        Called with the record and the network after each epoch.

    Returns
    -------
    list of dict
        For each epoch its number (from 1), the losses, the score on held-out rows
        (None without), and the seconds it took.

    Raises
    ------
    InputError
        When the loss is no longer finite.
    """
    device = network.head.weight.device
    n_batches = plan.n_batches(len(rows))
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=plan.learning_rate,
        weight_decay=plan.weight_decay,
        fused=device.type in ("cpu", "cuda"),
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.learning_rate, total_steps=plan.max_epochs * n_batches
    )
    history: list[dict[str, Any]] = []
    # By loss, not accuracy: overconfident logits are harder to learn from.
    best, best_epoch, best_state = math.inf, 0, None
    for epoch in range(1, plan.max_epochs + 1):
        started = time.perf_counter()
        network.train()
        total = torch.zeros((), dtype=torch.float64, device=device)
        for index in torch.randperm(len(rows)).tensor_split(n_batches):
            optimizer.zero_grad(set_to_none=True)
            outputs = network(rows[index].to(device))
            loss = objective.loss(outputs, targets[index].to(device))
            # `backward` has no types in torch.
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += loss.detach() * len(index)
        network.eval()
        record = {"epoch": epoch, "loss": float(total) / len(rows)}
        record |= _judge(network, objective, held_out)
        record["seconds"] = time.perf_counter() - started
        history.append(record)
        _check_finite(record)
        if on_epoch is not None:
            on_epoch(record, network)
        if held_out is None:
            continue
        if record["validation_loss"] < best:
            best, best_epoch = record["validation_loss"], epoch
            best_state = copy.deepcopy(network.state_dict())
        elif epoch - best_epoch >= plan.patience:
            break
    if best_state is not None:
        network.load_state_dict(best_state)
    network.settle()
    return history


def _judge(
    network: Network, objective: Objective, held_out: tuple[Tensor, Tensor] | None
) -> dict[str, Any]:
    if held_out is None:
        return {"validation_loss": None, objective.score_name: None}
    rows, targets = held_out
    starts = range(0, len(rows), _FORWARD_ROWS)
    pieces = (rows[start : start + _FORWARD_ROWS].numpy() for start in starts)
    outputs = torch.from_numpy(forward_batches(network, pieces, len(rows)))
    return {
        "validation_loss": float(objective.validation_loss(outputs, targets)),
        objective.score_name: float(objective.score(outputs, targets)),
    }


def _check_finite(record: dict[str, Any]) -> None:
    losses = (record["loss"], record["validation_loss"] or 0.0)
    if not all(map(math.isfinite, losses)):
        raise InputError(
            f"Training diverged: the loss is not finite in epoch {record['epoch']}. "
            "Lower the 'learning_rate' parameter."
        )


def forward_batches(
    network: Network,
    pieces: Iterable[NDArray[np.float32]],
    n_rows: int,
    layer: int | None = None,
) -> NDArray[Any]:
    """Ask a network in evaluation mode piece by piece.

    Parameters
    ----------
    network : Network
        In evaluation mode; asked on the device where it is.
    pieces : iterable of ndarray of shape (<= n_rows, n_columns), float32
        The rows.
    n_rows : int
        How many there are in all.
    layer : int, default=None
        Which hidden layer's activations are wanted; None for the logits.

    Returns
    -------
    ndarray of shape (n_rows, ...)
        Logits as float64, or activations as float32.
    """
    device = network.head.weight.device
    answers: NDArray[Any] | None = None
    start = 0
    with torch.inference_mode():
        for piece in pieces:
            rows = torch.tensor(piece, device=device)
            if len(rows) == 1:  # for a single image another algorithm is chosen
                rows = rows.repeat(2, 1)
            if layer is None:
                answer = network(rows)
            else:
                answer = network.activations(rows, layer).float()
            part = answer[: len(piece)].cpu().numpy()
            if answers is None:
                answers = np.empty((n_rows, *part.shape[1:]), dtype=part.dtype)
            answers[start : start + len(part)] = part
            start += len(part)
    assert answers is not None
    return answers
