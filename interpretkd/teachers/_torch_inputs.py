"""What a torch module reads: of which type, how many rows at once; why it failed."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from interpretkd._base import InputError
from interpretkd.teachers._frozen import _first_line


@dataclass(frozen=True)
class _Exported:
    """What a `torch.export` program says of its one input.

    Parameters
    ----------
    n_rows : int or None
        The rows of every call; None where any number will do.
    dtype : torch.dtype or None
        The type of its numbers; None where it is not told.
    """

    n_rows: int | None = None
    dtype: Any = None

    @classmethod
    def of(cls, program: Any) -> "_Exported":
        """Read the first of the inputs that a user gives."""
        names = list(program.graph_signature.user_inputs)
        for node in program.graph.nodes:
            is_first = bool(names) and node.name == names[0]
            value: Any = node.meta.get("val") if is_first else None
            if len(getattr(value, "shape", ())):
                first = value.shape[0]
                return cls(first if type(first) is int else None, value.dtype)
        return cls()


def _is_exported(module: Any) -> bool:
    """Tell a program of `torch.export`, which is asked through its ``module()``."""
    return hasattr(module, "graph_signature") and callable(
        getattr(module, "module", None)
    )


def _weights_dtype(module: Any) -> Any:
    """Return the type of the module's first weights that are no whole numbers."""
    import torch

    for tensors in (module.parameters(), module.buffers()):
        for tensor in tensors:
            if tensor.is_floating_point():
                return tensor.dtype
    return torch.float32


def _wants_indices(error: Exception) -> bool:
    """Tell whether torch asked for whole numbers in the place of fractions."""
    text = str(error)
    return "Long" in text and ("indices" in text or "index" in text)


def _as_indices(inputs: Any) -> Any:
    """Return whole numbers as such, for a module that looks them up."""
    import torch

    if not inputs.is_floating_point():
        return inputs
    whole = inputs.isfinite() & (inputs == inputs.round())
    if not bool(whole.all()):
        value = inputs[~whole].flatten()[0].item()
        raise InputError(
            "The module looks up whole numbers (its embedding takes indices), so every "
            f"value of the rows must be one. Got {value:g}; give a 'preprocess' "
            "function that makes indices of them."
        )
    return inputs.to(torch.int64)


def _failure(module: Any, inputs: Any, error: Exception) -> InputError:
    """Say why a module could not be asked, in one sentence."""
    said = _first_line(error) or type(error).__name__
    if isinstance(error, IndexError) and "out of range" in said:
        return _outside(module, inputs)
    kind = str(inputs.dtype).removeprefix("torch.")
    if not isinstance(error, RuntimeError):
        said = f"{type(error).__name__}: {said}"
    return InputError(
        f"The module cannot read inputs of shape {tuple(inputs.shape)} and type "
        f"{kind}. torch says: {said}"
    )


def _outside(module: Any, inputs: Any) -> InputError:
    sizes = sorted(
        {
            int(part.num_embeddings)
            for part in module.modules()
            if hasattr(part, "num_embeddings")
        }
    )
    held = " or ".join(f"{size:,}" for size in sizes) or "too few"
    values = np.asarray(inputs.detach().double().cpu())
    return InputError(
        f"A value of the rows is out of the range of the module's embedding, which has "
        f"{held} entries, numbered from 0. The rows hold {values.min():g} to "
        f"{values.max():g}."
    )
