"""The networks of teachers: their layers.

A network takes the expanded matrix of `interpretkd.data` (original units, NaN for
missing) and scales it itself, so its state dict is the complete model.
"""

import itertools
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from interpretkd._base import InputError


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

    def to_inference(self) -> None:
        """Switch to inference: evaluation mode, dense layers in float64.

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
