"""Teachers: networks as scikit-learn estimators with logits, and what adapts others."""

from interpretkd.adapters import Teacher, as_teacher
from interpretkd.adapters_frozen import CallableTeacher
from interpretkd.adapters_onnx import OnnxTeacher
from interpretkd.adapters_torch import TorchTeacher
from interpretkd.networks_cnn import CNNRegressorTeacher, CNNTeacher
from interpretkd.networks_mlp import MLPRegressorTeacher, MLPTeacher

__all__ = [
    "CNNRegressorTeacher",
    "CNNTeacher",
    "CallableTeacher",
    "MLPRegressorTeacher",
    "MLPTeacher",
    "OnnxTeacher",
    "Teacher",
    "TorchTeacher",
    "as_teacher",
]
