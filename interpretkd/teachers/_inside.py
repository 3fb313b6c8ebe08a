"""What a teacher has besides its logits: hidden layers, slopes, earlier stages.

An estimator has them by these names: `layers` and `activations(X, layer)`;
`gradients(X, output)`, and `has_gradients` where not all of its kind can say them;
`checkpoints_` and `at_checkpoint(epoch)`.
"""

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, closest
from interpretkd.targets import decide

if TYPE_CHECKING:
    from interpretkd.teachers._base import Teacher

_LACKS = {
    "activations": "has no hidden layers that can be read",
    "gradients": "cannot say how its logits change with the numbers of a row",
    "checkpoints": "has no earlier stages of its training",
}


def _offers(estimator: Any) -> frozenset[str]:
    if isinstance(estimator, _StandsBefore):
        return estimator.teacher.offers
    found = {
        "activations": callable(getattr(estimator, "activations", None)),
        "gradients": callable(getattr(estimator, "gradients", None))
        and bool(getattr(estimator, "has_gradients", True)),
        "checkpoints": callable(getattr(estimator, "at_checkpoint", None))
        and len(getattr(estimator, "checkpoints_", ())) > 0,
    }
    return frozenset(name for name, there in found.items() if there)


def _check_offered(estimator: Any, what: str) -> None:
    if what not in _offers(estimator):
        raise InputError(
            f"The teacher, a {type(estimator).__name__}, {_LACKS[what]}. MLPTeacher, "
            "CNNTeacher and TorchTeacher of a module have layers and gradients; our "
            "networks keep stages with keep_checkpoints=True."
        )


def _layer_names(estimator: Any) -> tuple[str, ...]:
    """Return the names of hidden layers; what else is called layers is none of ours."""
    if "activations" not in _offers(estimator):
        return ()
    found = getattr(estimator, "layers", ())
    if not isinstance(found, tuple) or not all(isinstance(n, str) for n in found):
        return ()
    return found


def _layer_position(owner: str, layer: Any, names: Sequence[str]) -> int:
    """Return a hidden layer's position, of its position or its name."""
    n = len(names)
    if isinstance(layer, str) and layer in names:
        return list(names).index(layer)
    is_position = isinstance(layer, Integral) and not isinstance(layer, bool)
    if is_position and -n <= int(layer) < n:
        return int(layer) % n
    hint = closest(layer, names) if isinstance(layer, str) else ""
    there = f"an int in [{-n}, {n}) or one of {', '.join(names)}" if n else "absent"
    raise InputError(
        f"The 'layer' parameter of activations must be {there}: {owner} has {n} hidden "
        f"layers. Got {layer!r}.{hint}"
    )


def _output_positions(output: Any, logits: Array, task: str) -> NDArray[np.int64]:
    """Return for each row the column of the logits whose slope is asked for."""
    n_rows, n_outputs = logits.shape
    if output is None and task == "multiclass":
        return np.asarray(decide(logits))
    if output is None and n_outputs == 1:
        return np.zeros(n_rows, dtype=np.int64)
    found = np.asarray(output)
    fits = found.dtype.kind in "iu" and found.shape in ((), (n_rows,))
    if not fits or (found.size and not (found.min() >= 0 and found.max() < n_outputs)):
        got = "None" if output is None else repr(output)
        raise InputError(
            "The 'output' parameter of gradients must be an int in [0, "
            f"{n_outputs}), the position of a class, label or value, or one for each "
            f"of the {n_rows} rows; None is the decided class, or the only output. "
            f"Got {got}."
        )
    return np.broadcast_to(found.astype(np.int64), (n_rows,))


class _StandsBefore:
    """An estimator that stands before a teacher: it has what that one has."""

    teacher: "Teacher"
    _may_be_taught: ClassVar[bool] = True
    """Whether that teacher may have one of its own."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The teacher's hidden layers."""
        return self.teacher.layers

    def activations(self, X: Any, layer: int | str = -1) -> NDArray[Any]:
        """Return what a hidden layer of the teacher says.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows.
        layer : int or str, default=-1
            Its position or name.

        Returns
        -------
        ndarray of shape (n_samples, ...)
            As of the teacher.
        """
        return self.teacher.activations(X, layer)

    def size_to(self, layer: int | str = -1) -> tuple[int, int]:
        """Return the size of the part of the teacher up to a hidden layer.

        Parameters
        ----------
        layer : int or str, default=-1
            Its position or name.

        Returns
        -------
        n_parameters, size_bytes : int
            As of the teacher.
        """
        return self.teacher.size_to(layer)

    def gradients(self, X: Any, output: Any = None) -> Array:
        """Return how a logit of the teacher changes with the numbers of each row.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows.
        output : int or ndarray of shape (n_samples,), default=None
            The position of the logit.

        Returns
        -------
        ndarray of shape (n_samples, n_features), float64
            As of the teacher.
        """
        return self.teacher.gradients(X, output)

    @property
    def checkpoints_(self) -> tuple[Any, ...]:
        """The teacher's earlier stages."""
        return self.teacher.checkpoints

    def at_checkpoint(self, epoch: int) -> Any:
        """Return the teacher after an epoch.

        Parameters
        ----------
        epoch : int
            From 1.

        Returns
        -------
        Teacher
            The earlier stage.
        """
        return self.teacher.checkpoints[epoch - 1]
