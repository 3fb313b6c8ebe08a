"""Fitted network teachers from their saved state.

Everything is compared with what settings and schema call for before any of it is taken:
a file may come from anybody.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.data import Schema
from interpretkd.teachers._networks.base import Arrays, _NetworkTeacher
from interpretkd.teachers._networks.cnn import CNNRegressorTeacher, CNNTeacher
from interpretkd.teachers._networks.mlp import MLPRegressorTeacher, MLPTeacher
from interpretkd.teachers._networks.modules import CNN, Network
from interpretkd.teachers._networks.tasks import _NetworkClassifier, _NetworkRegressor

_CLASSES: dict[str, type[_NetworkTeacher]] = {
    teacher.__name__: teacher
    for teacher in (MLPTeacher, MLPRegressorTeacher, CNNTeacher, CNNRegressorTeacher)
}
_TASKS = {
    _NetworkClassifier: ("multiclass", "multilabel"),
    _NetworkRegressor: ("regression",),
}


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
    settings: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in config["settings"].items()
    }
    teacher: Any = _CLASSES[name](**settings)
    teacher._check_settings()
    teacher.schema_ = Schema.from_dict(config["schema"])
    teacher.task_ = config["task"]
    n_outputs = config["sizes"]["n_outputs"]
    if isinstance(teacher, _NetworkClassifier):
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
    tensors = network.state_dict()
    if set(tensors) != set(arrays):
        raise InputError(
            f"The teacher's arrays lack {sorted(set(tensors) - set(arrays))} and hold "
            f"the unknown {sorted(set(arrays) - set(tensors))}."
        )
    for name, tensor in tensors.items():
        _check_array(name, arrays[name], tensor)
    state = {name: torch.tensor(array) for name, array in arrays.items()}
    network.load_state_dict(state, assign=True)
    # torch's stubs know `to` by tensor, device and dtype alone.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.to_inference()
    return network


def _check_array(name: str, array: NDArray[Any], expected: torch.Tensor) -> None:
    dtype = str(expected.dtype).removeprefix("torch.")
    if array.shape != tuple(expected.shape) or array.dtype != dtype:
        raise InputError(
            f"The teacher's array {name!r} must be {dtype} of shape "
            f"{tuple(expected.shape)}. Got {array.dtype} of shape {array.shape}."
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
