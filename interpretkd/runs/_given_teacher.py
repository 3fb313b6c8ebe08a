"""A teacher that no run can hold is given to it again, if it is the one it was."""

from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator

from interpretkd._base import InputError
from interpretkd.runs._layer_probe import _check_probe
from interpretkd.runs._view_state import _attach_to_view
from interpretkd.teachers import as_teacher


def _give_teacher(model: Any, kept: Any, given: Any) -> None:
    """Attach a teacher to a loaded model, if it says what was kept of it, if any."""
    teacher = as_teacher(given)
    if teacher.task != model.task_:
        raise InputError(
            f"The teacher given does {teacher.task}, and the run's did {model.task_}."
        )
    saved, own = getattr(model, "classes_", None), teacher.classes
    if saved is not None and own is not None and list(saved) != list(own):
        raise InputError(
            f"The teacher given has the classes {np.asarray(own).tolist()}, and the "
            f"run's had {np.asarray(saved).tolist()}."
        )
    if kept is not None:
        said, says = kept.teacher_logits, teacher.logits(kept.X)
        if says.shape != said.shape or not np.allclose(says, said, 1e-3, 1e-3):
            raise InputError(
                "The teacher given is not the run's: it says something else of the "
                "run's evaluation rows than was saved with them."
            )
    _check_probe(model, teacher)
    is_frozen = isinstance(given, FrozenEstimator)
    model.teacher = given if is_frozen else FrozenEstimator(given)
    model.teacher_ = teacher
    _attach_to_view(model.view_, teacher)
