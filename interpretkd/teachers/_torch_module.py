"""A trained torch module as a teacher."""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import Array, InputError, closest
from interpretkd.teachers._asking import _in_batches
from interpretkd.teachers._frozen import _first_line, _Frozen, _numbers, _reshaped
from interpretkd.teachers._inside import _layer_position, _output_positions
from interpretkd.teachers._torch_inputs import (
    _as_indices,
    _Exported,
    _failure,
    _is_exported,
    _wants_indices,
    _weights_dtype,
)
from interpretkd.teachers._torch_inside import (
    _hidden_layers,
    _logits_of,
    _parameters_to,
    _slopes_of,
)

_MOST_CHANNELS = 4
"""More than these, and an input of three sides is no image."""


class TorchTeacher(_Frozen):
    """A trained `torch.nn.Module` as a teacher.

    Parameters
    ----------
    module : torch.nn.Module
        Asked in evaluation mode, then put back into the mode it was in; or a program
        of `torch.export`.
    task : {"multiclass", "multilabel", "regression"}, default="multiclass"
        What it does.
    classes : array-like of shape (n_classes,), default=None
        In the order of its outputs; None for 0, 1, ...
    output : {"auto", "logits", "probabilities", "values"}, default="auto"
        What it returns; "auto" takes rows that are distributions for probabilities,
        all else for logits. For "multiclass" a single column belongs to the second of
        two classes.
    preprocess : callable, default=None
        Rows (a part of the frame or array given) -> array or tensor; None for the
        numbers as they are. Numbers get the type of the module's weights, or become
        indices where it looks them up.
    input_shape : tuple of int, default=None
        The shape of one input, e.g. (1, 28, 28); None for the rows as they are. Three
        sides, channels first, say that the columns are the pixels of an image.
    batch_size : int, default=1024
        In [1, inf): the most rows in one forward pass.
    device : str, default="auto"
        Where the module is moved; "auto" leaves it where it is.

    Examples
    --------
    >>> import numpy as np, torch
    >>> module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 3))
    >>> teacher = TorchTeacher(module, classes=["a", "b", "c"])
    >>> teacher.logits(np.zeros((2, 4))).shape, teacher.n_parameters
    ((2, 3), 67)
    >>> teacher.activations(np.zeros((2, 4)), "0").shape
    (2, 8)
    """

    def __init__(
        self,
        module: Any,
        *,
        task: str = "multiclass",
        classes: Any = None,
        output: str = "auto",
        preprocess: Callable[[Any], Any] | None = None,
        input_shape: tuple[int, ...] | None = None,
        batch_size: int = 1024,
        device: str = "auto",
    ) -> None:
        self.module = module
        self.task = task
        self.classes = classes
        self.output = output
        self.preprocess = preprocess
        self.input_shape = input_shape
        self.batch_size = batch_size
        self.device = device
        self._check()
        self._exported: _Exported | None = None
        self._asked = module
        if _is_exported(module):
            self._exported, self._asked = _Exported.of(module), module.module()
        elif not hasattr(module, "forward") or not hasattr(module, "parameters"):
            raise InputError(
                "The 'module' parameter of TorchTeacher must be a torch.nn.Module. "
                f"Got {module!r}."
            )

    @property
    def image_shape_(self) -> tuple[int, ...] | None:
        """(channels, height, width) where the columns are the pixels of an image."""
        shape = self.input_shape
        is_image = shape is not None and len(shape) == 3 and shape[0] <= _MOST_CHANNELS
        if shape is None or not is_image or self.preprocess is not None:
            return None
        return tuple(int(side) for side in shape)

    @property
    def n_parameters(self) -> int:
        """The numbers in the module's parameters."""
        return sum(p.numel() for p in self.module.parameters())

    @property
    def size_bytes(self) -> int:
        """Their bytes."""
        return sum(p.numel() * p.element_size() for p in self.module.parameters())

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of its hidden layers: submodules before its last with weights.

        Those without submodules of their own, in the order in which the module holds
        them. A program of `torch.export` has none.
        """
        if self._exported is not None:
            return ()
        return _hidden_layers(self.module)

    def activations(self, X: ArrayLike, layer: int | str = -1) -> NDArray[Any]:
        """Return what a submodule says.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, ...)
            Rows.
        layer : int or str, default=-1
            Its position in `layers`, negative ones from the last; or the name of any
            submodule, as `module.named_modules` gives it.

        Returns
        -------
        ndarray of shape (n_samples, ...)
            Its output.

        Raises
        ------
        InputError
            When there is no such submodule, or it is not passed through.
        """
        layer = self._submodule(layer)
        modules = dict(self._asked.named_modules())
        caught: list[Any] = []
        hook = modules[layer].register_forward_hook(
            lambda _module, _inputs, output: caught.append(output)
        )

        def part(rows: Any) -> NDArray[Any]:
            caught.clear()
            self._ask(rows)
            if len(caught) != 1 or not hasattr(caught[0], "numpy"):
                raise InputError(
                    f"The submodule {layer!r} must give one tensor in each forward "
                    f"pass. Got {[type(value).__name__ for value in caught]}."
                )
            array: NDArray[Any] = caught[0].detach().float().cpu().numpy()
            return array

        try:
            return _in_batches(part, X, self._rows_at_once)
        finally:
            hook.remove()

    def size_to(self, layer: int | str = -1) -> tuple[int, int]:
        """Return the size of what stands in the module up to a submodule.

        Parameters
        ----------
        layer : int or str, default=-1
            As of `activations`.

        Returns
        -------
        n_parameters : int
            The numbers in the parameters of all submodules up to this one, in the
            order in which the module holds them.
        size_bytes : int
            Their bytes.

        Raises
        ------
        InputError
            When there is no such submodule.
        """
        name = self._submodule(layer)
        parameters = _parameters_to(self._asked, name)
        count = sum(p.numel() for p in parameters)
        return count, sum(p.numel() * p.element_size() for p in parameters)

    def _submodule(self, layer: int | str) -> str:
        """Return a submodule's name, of its name or its position in `layers`."""
        if not isinstance(layer, str):
            names = self.layers
            return names[_layer_position(type(self).__name__, layer, names)]
        there = tuple(name for name, _ in self._asked.named_modules() if name)
        if layer not in there:
            raise InputError(
                f"The module has no submodule {layer!r}.{closest(layer, there)} "
                f"It has {list(there)}."
            )
        return layer

    @property
    def has_gradients(self) -> bool:
        """Whether the columns are the module's inputs, and numbers to it."""
        is_program = self._exported is not None
        looks_up = any(hasattr(m, "num_embeddings") for m in self._asked.modules())
        return self.preprocess is None and not is_program and not looks_up

    def gradients(self, X: ArrayLike, output: Any = None) -> Array:
        """Return how a logit changes with the numbers of each row.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, ...)
            Rows of numbers.
        output : int or ndarray of shape (n_samples,), default=None
            The position of a class, label or value; None for the decided class, or the
            only output.

        Returns
        -------
        ndarray of shape (n_samples, n_features), float64
            The derivative of the logit less the mean of the row's logits (of several
            labels, and values, of the output itself), per unit of the column.

        Raises
        ------
        InputError
            Where torch cannot say: rows are prepared, or looked up in an embedding; a
            program of `torch.export`; outputs that do not hang on the rows.
        """
        if not self.has_gradients:
            raise InputError(
                "Gradients need a module that reads the columns themselves as numbers: "
                "no 'preprocess', no embedding, no program of torch.export."
            )
        asked = _output_positions(output, self.logits(X), self.task)
        start = 0

        def part(rows: Any) -> Array:
            nonlocal start
            piece, start = asked[start : start + len(rows)], start + len(rows)
            return self._slopes(rows, piece)

        return _in_batches(part, X, self._rows_at_once)

    def _slopes(self, rows: Any, outputs: NDArray[np.int64]) -> Array:
        import torch

        numbers = _numbers(rows, np.float64)
        with torch.inference_mode(False), torch.enable_grad():
            leaf = torch.tensor(numbers, requires_grad=True)
            inputs = leaf.to(_weights_dtype(self._asked))
            if self.input_shape is not None:
                inputs = _reshaped(inputs, self.input_shape)
            try:
                said = self._run(inputs, differentiable=True)
                kind = self._kind(said.detach().double().cpu().numpy())
                logits = _logits_of(said, kind, self.task)
                slopes = _slopes_of(logits, leaf, outputs, self.task)
            # Of a module that is not ours, anything can come.
            except Exception as error:
                raise InputError(
                    "torch cannot say how the module's outputs change with the rows: "
                    f"{_first_line(error) or type(error).__name__}."
                ) from error
        found = slopes.double().cpu().numpy().reshape(len(numbers), -1)
        found[np.isnan(numbers.reshape(found.shape))] = np.nan
        return found

    def _ask(self, rows: Any) -> Any:
        import torch

        inputs = rows if self.preprocess is None else self.preprocess(rows)
        if not isinstance(inputs, torch.Tensor):
            inputs = torch.tensor(_numbers(inputs, np.float64))
        if self.input_shape is not None:
            inputs = _reshaped(inputs, self.input_shape)
        return self._forward(inputs)

    def _forward(self, inputs: Any) -> NDArray[Any]:
        """Ask for some rows, of a fixed number with the last of them repeated."""
        import torch

        n_rows, known = len(inputs), self._exported or _Exported()
        if known.n_rows is not None and 0 < n_rows < known.n_rows:
            last = inputs[-1:].expand(known.n_rows - n_rows, *inputs.shape[1:])
            inputs = torch.cat([inputs, last])
        dtype = known.dtype or _weights_dtype(self._asked)
        if not dtype.is_floating_point:
            said = self._said(_as_indices(inputs).to(dtype))
        else:
            said = self._said_of_numbers(inputs, dtype)
        if not isinstance(said, torch.Tensor):
            raise InputError(
                f"The module must return one tensor. Got {type(said).__name__}."
            )
        array: NDArray[Any] = said[:n_rows].double().cpu().numpy()
        return array

    def _said_of_numbers(self, inputs: Any, dtype: Any) -> Any:
        """Ask in the type of the weights; for indices, where the module wants some."""
        if not inputs.is_floating_point():
            return self._said(inputs)
        try:
            return self._run(inputs.to(dtype))
        # Of a module that is not ours, anything can come.
        except Exception as error:
            if not _wants_indices(error):
                raise _failure(self._asked, inputs.to(dtype), error) from error
        return self._said(_as_indices(inputs))

    def _said(self, inputs: Any) -> Any:
        try:
            return self._run(inputs)
        except Exception as error:
            raise _failure(self._asked, inputs, error) from error

    def _run(self, inputs: Any, *, differentiable: bool = False) -> Any:
        """Run the module in evaluation mode, and put it back into its own."""
        import torch

        if self.device != "auto":
            self._asked.to(self.device)
        home = next(self._asked.parameters(), inputs).device
        if self._exported is not None:  # whose mode is settled
            with torch.inference_mode():
                return self._asked(inputs.to(home))
        modes = [(module, module.training) for module in self._asked.modules()]
        try:
            self._asked.eval()
            with torch.inference_mode(not differentiable):
                return self._asked(inputs.to(home))
        finally:
            # Submodules may have been in different modes, so train() is not enough.
            for module, mode in modes:
                module.training = mode

    @property
    def _rows_at_once(self) -> int:
        fixed = None if self._exported is None else self._exported.n_rows
        return fixed or self.batch_size

    def _try_one_row(self) -> None:
        import torch

        shape = self.input_shape
        if shape is None:
            layers = [m for m in self._asked.modules() if hasattr(m, "in_features")]
            shape = (layers[0].in_features,) if layers else None
        if shape is not None:
            # A guess: the first dense layer may read something else than the rows.
            with contextlib.suppress(InputError):
                self._read(self._forward(torch.zeros(1, *shape)), 1)
