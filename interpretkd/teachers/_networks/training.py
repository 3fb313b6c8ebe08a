"""How networks are trained, and asked piece by piece."""

import contextlib
import copy
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from interpretkd._base import InputError, showing, threads_for
from interpretkd.data import group_positions, hold_out
from interpretkd.teachers._networks.modules import Network

_FORWARD_ROWS = 1024
_FEWEST_HELD_OUT = 20
"""Fewer rows say too little about when to stop."""
_MANY_PRODUCTS = 100_000_000
"""Multiplications of a step for which a further thread gives more than it waits."""


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
class TrainingLoss:
    """What training minimises, and the score it reports.

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


def classification(label_smoothing: float = 0.0) -> TrainingLoss:
    """Return softmax cross-entropy, with accuracy as the score.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        In [0, 1): the part of each label spread over all classes; in training only.

    Returns
    -------
    TrainingLoss
        Its targets are class positions, of shape (n_samples,), int64.
    """

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(
            outputs, targets, label_smoothing=label_smoothing
        )

    def score(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs.argmax(dim=1) == targets).double().mean()

    return TrainingLoss(loss, nn.functional.cross_entropy, score)


def multilabel(label_smoothing: float = 0.0) -> TrainingLoss:
    """Return binary cross-entropy a label, with the share of right labels as the score.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        In [0, 1): the part of each label spread over 0 and 1; in training only.

    Returns
    -------
    TrainingLoss
        Its targets are 0 and 1, of shape (n_samples, n_labels), float64.
    """

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        smoothed = targets * (1 - label_smoothing) + label_smoothing / 2
        return nn.functional.binary_cross_entropy_with_logits(outputs, smoothed)

    def score(outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs > 0) == (targets > 0.5)).double().mean()

    return TrainingLoss(loss, nn.functional.binary_cross_entropy_with_logits, score)


def regression(scale: Tensor) -> TrainingLoss:
    """Return squared error in units of each column's deviation, with R2 as the score.

    Parameters
    ----------
    scale : Tensor of shape (n_outputs,), float64
        The deviations.

    Returns
    -------
    TrainingLoss
        Its targets are values, of shape (n_samples, n_outputs), float64.
    """

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs - targets) / scale.to(outputs.device)).square().mean()

    def score(outputs: Tensor, targets: Tensor) -> Tensor:
        spread = (targets - targets.mean(dim=0)).square().sum(dim=0)
        error = (outputs - targets).square().sum(dim=0)
        tiny = torch.finfo(torch.float64).tiny
        return (1 - error / spread.clamp_min(tiny)).mean()

    return TrainingLoss(loss, loss, score, "validation_r2")


def train(
    network: Network,
    rows: Tensor,
    targets: Tensor,
    objective: TrainingLoss,
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
        It is changed in place: ready for inference, with the weights of the best epoch
        (the last one without held-out rows).
    rows : Tensor of shape (n_samples, n_columns), float32
        At least two rows in original units.
    targets : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        As the objective reads them.
    objective : TrainingLoss
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
        record |= _validate(network, objective, held_out)
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
    network.to_inference()
    return history


def _validate(
    network: Network, objective: TrainingLoss, held_out: tuple[Tensor, Tensor] | None
) -> dict[str, Any]:
    if held_out is None:
        return {"validation_loss": None, objective.score_name: None}
    rows, targets = held_out
    starts = range(0, len(rows), _FORWARD_ROWS)
    pieces = (rows[start : start + _FORWARD_ROWS].numpy() for start in starts)
    outputs = torch.from_numpy(_forward_batches(network, pieces, len(rows)))
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


def _forward_batches(
    network: Network,
    pieces: Iterable[NDArray[np.float32]],
    n_rows: int,
    layer: int | None = None,
) -> NDArray[Any]:
    """Ask a network in evaluation mode piece by piece.

    Returns logits as float64, or the activations of a hidden layer as float32, for
    `n_rows` in all; the network stays on its device.
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


def _gradients(
    network: Network,
    piece: NDArray[np.float32],
    outputs: NDArray[np.int64],
    *,
    centred: bool,
) -> NDArray[Any]:
    """Return the derivative of one output a row with respect to its columns."""
    device = network.head.weight.device
    with torch.inference_mode(False), torch.enable_grad():
        rows = torch.tensor(piece, device=device, requires_grad=True)
        said = network(rows)
        chosen = said.gather(1, torch.tensor(outputs, device=device)[:, None]).sum()
        if centred:
            chosen = chosen - said.mean(dim=1).sum()
        (slopes,) = torch.autograd.grad(chosen, rows)
    slopes_here: NDArray[Any] = slopes.cpu().numpy()
    return slopes_here


def _split(
    n_rows: int,
    fraction: float,
    strata: NDArray[np.integer] | None,
    generator: np.random.RandomState,
    groups: ArrayLike | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold rows out, each class in proportion; the only row of a class is kept."""
    rows, size = np.arange(n_rows), round(fraction * n_rows)
    if size < _FEWEST_HELD_OUT:
        return rows, rows[:0]
    if groups is not None:
        return hold_out(rows, size, generator, strata, group_positions(groups, n_rows))
    free = rows
    if strata is not None:
        free = rows[np.bincount(strata)[strata] > 1]
        n_classes = len(np.unique(strata[free]))
        if min(size, len(free) - size) < max(n_classes, 1):
            return rows, rows[:0]
        strata = strata[free]
    _, held_out = hold_out(free, size, generator, strata)
    return np.setdiff1d(rows, held_out), held_out


_torch_threads: list[int] = []
"""For each network at work what torch had before the first of them: all are equal."""
_torch_lock = threading.Lock()


@contextlib.contextmanager
def _own_threads(network: Network, n_rows: int) -> Iterator[None]:
    """Give torch the threads that a step is worth, never more than it has.

    The setting is the process's: it is given back, after the last of several networks
    that are at work side by side.
    """
    with _torch_lock:
        before = _torch_threads[0] if _torch_threads else torch.get_num_threads()
        _torch_threads.append(before)
    wanted = threads_for(n_rows * _products(network), _MANY_PRODUCTS)
    torch.set_num_threads(min(before, wanted))
    try:
        yield
    finally:
        with _torch_lock:
            torch.set_num_threads(_torch_threads.pop())


def _products(network: Network) -> int:
    """Return the multiplications of one row, those of a convolution at each pixel."""
    _, height, width = network.sizes.get("image_shape", (1, 1, 1))
    n_products = 0
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            n_products += module.weight.numel() * height * width
            height, width = math.ceil(height / 2), math.ceil(width / 2)
        elif isinstance(module, nn.Linear):
            n_products += module.weight.numel()
    return n_products


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
    with showing([1.0] * max_epochs, shown=verbose) as steps:

        def show(record: dict[str, Any]) -> None:
            steps.begin("")
            epoch = f"epoch {record['epoch']}/{max_epochs}"
            steps.part(1, 1, f"{epoch}, {_summary(record)}")

        yield show


def _summary(record: dict[str, Any]) -> str:
    text = f"loss {record['loss']:.4f}"
    for name, word in (("validation_accuracy", "accuracy"), ("validation_r2", "R2")):
        if record.get(name) is not None:
            text += f", validation {word} {record[name]:.3f}"
    return text
