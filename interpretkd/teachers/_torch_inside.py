"""What lies inside a torch module: its hidden layers, and the slopes of its logits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd.teachers._asking import _SMALLEST


def _hidden_layers(module: Any) -> tuple[str, ...]:
    """Return the submodules without parts, before the last that has weights."""
    leaves = [
        (name, any(True for _ in part.parameters()))
        for name, part in module.named_modules()
        if name and next(part.children(), None) is None
    ]
    with_weights = [i for i, (_, weights) in enumerate(leaves) if weights]
    last = with_weights[-1] if with_weights else 0
    return tuple(name for name, _ in leaves[:last])


def _parameters_to(module: Any, layer: str) -> list[Any]:
    """Return the parameters that stand before the end of a submodule, each once."""
    names = [name for name, _ in module.named_modules()]
    inside = [
        i
        for i, name in enumerate(names)
        if name == layer or name.startswith(f"{layer}.")
    ]
    before = names[: max(inside, default=len(names) - 1) + 1]
    found = {
        id(parameter): parameter
        for name in before
        for parameter in module.get_submodule(name).parameters(recurse=False)
    }
    return list(found.values())


def _logits_of(said: Any, kind: str, task: str) -> Any:
    """Turn a module's outputs into logits as `_to_logits` does, for torch to follow."""
    import torch

    values = said.double()
    if values.ndim == 1:
        values = values[:, None]
    is_share = kind == "probabilities"
    if task == "multiclass" and values.shape[1] == 1:
        sides = [1 - values, values] if is_share else [-values / 2, values / 2]
        values = torch.cat(sides, dim=1)
    if is_share and task == "multilabel":
        p = values.clamp(_SMALLEST, 1 - _SMALLEST)
        return p.log() - torch.log1p(-p)
    return values.clamp(min=_SMALLEST).log() if is_share else values


def _slopes_of(logits: Any, leaf: Any, outputs: NDArray[np.int64], task: str) -> Any:
    """Return the derivative of one output a row with respect to the inputs."""
    import torch

    if not logits.requires_grad:
        raise RuntimeError("its outputs do not depend on them")
    place = torch.tensor(outputs, device=logits.device)[:, None]
    chosen = logits.gather(1, place).sum()
    if task == "multiclass":
        chosen = chosen - logits.mean(dim=1).sum()
    (slopes,) = torch.autograd.grad(chosen, leaf, allow_unused=True)
    if slopes is None:
        raise RuntimeError("its outputs do not depend on them")
    return slopes
