"""An ONNX graph that grows by one node a call."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interpretkd.export._specification import _ModelSpec

_OPSET, _ML_OPSET, _IR = 17, 3, 8


def _is_counted(spec: _ModelSpec) -> bool:
    return any(feature.scale is not None for feature in spec.schema.features)


@dataclass
class _Graph:
    """A graph that grows by one node a call."""

    onnx: Any
    nodes: list[Any] = field(default_factory=list)
    codes: str = "X"
    constants: list[Any] = field(default_factory=list)

    def constant(self, value: Any) -> str:
        """Add a constant and return its name."""
        name = f"c{len(self.constants)}"
        array = np.asarray(value)
        if array.dtype.kind in "UO":
            texts = [str(text).encode() for text in array.ravel()]
            tensor = self.onnx.helper.make_tensor(
                name, self.onnx.TensorProto.STRING, array.shape, texts
            )
        else:
            tensor = self.onnx.numpy_helper.from_array(array, name)
        self.constants.append(tensor)
        return name

    def add(
        self, operation: str, *inputs: str, out: str = "", domain: str = "", **kw: Any
    ) -> str:
        """Add a node and return its output's name."""
        output = out or f"n{len(self.nodes)}"
        self.nodes.append(
            self.onnx.helper.make_node(
                operation, list(inputs), [output], domain=domain, **kw
            )
        )
        return output

    def model(self, spec: _ModelSpec, outputs: Sequence[Any]) -> bytes:
        """Finish, check and write."""
        helper, kinds = self.onnx.helper, self.onnx.TensorProto
        kind = kinds.DOUBLE if _is_counted(spec) else kinds.FLOAT
        x = helper.make_tensor_value_info("X", kind, [None, len(spec.schema)])
        made = [helper.make_tensor_value_info(*output) for output in outputs]
        graph = helper.make_graph(self.nodes, "student", [x], made, self.constants)
        opsets = [("", _OPSET), ("ai.onnx.ml", _ML_OPSET)]
        model = helper.make_model(
            graph,
            producer_name="interpretkd",
            ir_version=_IR,
            opset_imports=[helper.make_opsetid(*opset) for opset in opsets],
        )
        helper.set_model_props(
            model,
            {
                "interpretkd.schema": json.dumps(spec.schema.to_dict()),
                "interpretkd.task": spec.task,
                "interpretkd.labels": json.dumps(list(spec.labels)),
            },
        )
        self.onnx.checker.check_model(model)
        content: bytes = model.SerializeToString()
        return content
