"""Anything with logits: networks trained here, and adapters for what users bring.

Belongs here: the `Teacher` contract, adapters, networks, saved and cached teachers.
Does not: rows that a teacher is asked about (`transfer`).
Read first: `_base.py` (the contract, `as_teacher`), `_networks/base.py` (networks).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.teachers._base import *
    from interpretkd.teachers._cached import *
    from interpretkd.teachers._columns import ColumnsTeacher as ColumnsTeacher
    from interpretkd.teachers._ensemble import EnsembleTeacher as EnsembleTeacher
    from interpretkd.teachers._fitted import *
    from interpretkd.teachers._frozen import CallableTeacher as CallableTeacher
    from interpretkd.teachers._networks.cnn import *
    from interpretkd.teachers._networks.mlp import *
    from interpretkd.teachers._networks.state import *
    from interpretkd.teachers._networks.training import BatchPlan as BatchPlan
    from interpretkd.teachers._onnx_file import *
    from interpretkd.teachers._own_decisions import check_answers as check_answers
    from interpretkd.teachers._saved import *
    from interpretkd.teachers._specialists import (
        SpecialistTeacher as SpecialistTeacher,
    )
    from interpretkd.teachers._torch_module import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _base: Teacher as_teacher
        _cached: CachedTeacher
        _columns: ColumnsTeacher
        _ensemble: EnsembleTeacher
        _fitted: has_tags is_fitted needs_labels
        _frozen: CallableTeacher
        _networks.cnn: CNNRegressorTeacher CNNTeacher
        _networks.mlp: MLPRegressorTeacher MLPTeacher
        _networks.state: teacher_from_state
        _networks.training: BatchPlan
        _onnx_file: OnnxTeacher
        _own_decisions: check_answers
        _saved: AbsentTeacher LazyTeacher
        _specialists: SpecialistTeacher
        _torch_module: TorchTeacher
        """,
    )
