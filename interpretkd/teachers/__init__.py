"""Anything with logits: networks trained here, and adapters for what users bring.

Belongs here: the `Teacher` contract, adapters, networks, saved and cached teachers.
Does not: rows that a teacher is asked about (`transfer`).
Read first: `_base.py` (the contract, `as_teacher`), `_networks/base.py` (networks).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.teachers._base import Teacher as Teacher, as_teacher as as_teacher
    from interpretkd.teachers._cached import CachedTeacher as CachedTeacher
    from interpretkd.teachers._frozen import CallableTeacher as CallableTeacher
    from interpretkd.teachers._networks.cnn import (
        CNNRegressorTeacher as CNNRegressorTeacher,
        CNNTeacher as CNNTeacher,
    )
    from interpretkd.teachers._networks.mlp import (
        MLPRegressorTeacher as MLPRegressorTeacher,
        MLPTeacher as MLPTeacher,
    )
    from interpretkd.teachers._networks.state import (
        teacher_from_state as teacher_from_state,
    )
    from interpretkd.teachers._networks.training import BatchPlan as BatchPlan
    from interpretkd.teachers._onnx_file import OnnxTeacher as OnnxTeacher
    from interpretkd.teachers._saved import (
        AbsentTeacher as AbsentTeacher,
        LazyTeacher as LazyTeacher,
    )
    from interpretkd.teachers._torch_module import TorchTeacher as TorchTeacher
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _base: Teacher as_teacher
        _cached: CachedTeacher
        _frozen: CallableTeacher
        _networks.cnn: CNNRegressorTeacher CNNTeacher
        _networks.mlp: MLPRegressorTeacher MLPTeacher
        _networks.state: teacher_from_state
        _networks.training: BatchPlan
        _onnx_file: OnnxTeacher
        _saved: AbsentTeacher LazyTeacher
        _torch_module: TorchTeacher
        """,
    )
