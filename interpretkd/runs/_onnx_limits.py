"""What an ONNX file of a stranger may take up: looked at, then tried in a child.

A few bytes of a graph can ask for any memory (`ConstantOfShape`, `Expand`, `Tile`, a
loop). What its shapes tell is refused unopened. For the rest, a child process with a
limit of memory and time opens the file and runs it on made rows. Not covered: a graph
that grows with the values of its rows beyond those that are tried, and systems that do
not limit a process's memory (macOS, Windows), where only time is limited.
"""

import contextlib
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from interpretkd._base import InputError

_MOST_VALUES = 2**28
"""Of one tensor: a gigabyte of float32."""
_MOST_BYTES = 4 * 2**30
_MOST_SECONDS = 60.0
_TOO_MUCH = 3
"""The child's exit status when the memory was not enough."""


def _check_onnx(content: bytes, name: str) -> None:
    """Refuse what is no ONNX file, weights from elsewhere, and shapes that are huge."""
    try:
        import onnx
    except ImportError as error:
        raise InputError(
            "Looking into an ONNX file needs onnx. Install it with: "
            "pip install 'interpretkd[export]'"
        ) from error
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:  # protobuf's own, which it does not export with types
        raise InputError(f"The file {name!r} is not an ONNX file.") from error
    if not model.ir_version or not model.graph.output:
        raise InputError(f"The file {name!r} is not an ONNX file.")
    for tensor in _messages(model, "onnx.TensorProto"):
        if tensor.data_location == tensor.EXTERNAL:
            raise InputError(
                f"The ONNX file {name!r} keeps its weights in other files, which were "
                "not uploaded; save it as one file."
            )
        if _n_values(tensor.dims) > 8 * len(content):  # eight to a byte at the most
            raise InputError(
                f"The ONNX file {name!r} says that a tensor of it has "
                f"{_n_values(tensor.dims):,} values, more than the file can hold."
            )
    if _largest(model, onnx) > _MOST_VALUES:
        raise InputError(
            f"The ONNX file {name!r} makes a tensor of {_largest(model, onnx):,} "
            f"values, and {_MOST_VALUES:,} is the most."
        )


def _largest(model: Any, onnx: Any) -> int:
    """Return the values of the largest tensor whose shape can be told unopened."""
    sizes = [_n_values(s.dims) for s in _messages(model, "onnx.SparseTensorProto")]
    with contextlib.suppress(Exception):  # what it cannot infer, the child will try
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    for shape in _messages(model, "onnx.TensorShapeProto"):
        known = [d.dim_value for d in shape.dim if d.HasField("dim_value")]
        sizes.append(_n_values(known))  # of an open side, at least one
    return max(sizes, default=0)


def _n_values(sides: Any) -> int:
    return math.prod(max(int(side), 0) for side in sides)


def _messages(message: Any, kind: str) -> Iterator[Any]:
    """Walk to every message of a kind, also in graphs in graphs and in functions."""
    if message.DESCRIPTOR.full_name == kind:
        yield message
    for part, value in message.ListFields():
        if part.message_type is None:
            continue
        single = hasattr(value, "ListFields")
        for inner in [value] if single else value:
            if hasattr(inner, "ListFields"):
                yield from _messages(inner, kind)


def _try_onnx(content: bytes, name: str) -> None:
    """Open and run a file in a child; refuse one that takes too much."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "teacher.onnx"
        path.write_bytes(content)
        module = "interpretkd.runs._onnx_probe"
        command = [sys.executable, "-m", module, str(path), str(_MOST_BYTES)]
        try:
            status = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_MOST_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise InputError(
                f"The ONNX file {name!r} takes more than {_MOST_SECONDS:.0f} seconds "
                "for 256 rows; a teacher must be quicker."
            ) from None
    if status == _TOO_MUCH or status < 0:
        raise InputError(
            f"The ONNX file {name!r} takes more than {_MOST_BYTES // 2**30} GB of "
            "memory for 256 rows, or breaks off; it cannot be a teacher here."
        )
