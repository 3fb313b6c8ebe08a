"""An ONNX file that would take up the machine is refused before it is opened here."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_iris

from interpretkd._base import BundleError, InputError
from interpretkd.distillation import DistilledClassifier
from interpretkd.runs import _onnx_limits, check_teacher, load, save
from interpretkd.runs._onnx_limits import _check_onnx
from interpretkd.students import CartStudent
from interpretkd.teachers import OnnxTeacher
from tests.runs.test_limits import _resign


def _whole(name: str, *values: int) -> Any:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def _net(*nodes: Any, initializers: Any = (), sparse: Any = ()) -> bytes:
    """Return a linear net of four columns whose logits get a number "r" added."""
    X = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 4])
    Y = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [None, 3])
    weights = numpy_helper.from_array(np.eye(4, 3, dtype=np.float32), "W")
    last = [helper.make_node("MatMul", ["X", "W"], ["m"])]
    if nodes:
        last.append(helper.make_node("ReduceSum", ["b"], ["r"], keepdims=0))
        last.append(helper.make_node("Add", ["m", "r"], ["logits"]))
    else:
        last.append(helper.make_node("Identity", ["m"], ["logits"]))
    graph = helper.make_graph(
        [*nodes, *last],
        "g",
        [X],
        [Y],
        [weights, *initializers],
        sparse_initializer=sparse,
    )
    made = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    content: bytes = made.SerializeToString()
    return content


def _filled(*sides: int) -> bytes:
    node = helper.make_node("ConstantOfShape", ["s"], ["b"])
    return _net(node, initializers=[_whole("s", *sides)])


def _expanded(kind: str, *sides: int) -> bytes:
    one = numpy_helper.from_array(np.ones([1] * len(sides), np.float32), "one")
    node = helper.make_node(kind, ["one", "s"], ["b"])
    return _net(node, initializers=[_whole("s", *sides), one])


def _computed(*times: int) -> bytes:
    """Make a shape of the rows' own, which no look at the graph can tell."""
    nodes = [
        helper.make_node("Shape", ["X"], ["sx"]),
        helper.make_node("Mul", ["sx", "k"], ["s"]),
        helper.make_node("ConstantOfShape", ["s"], ["b"]),
    ]
    return _net(*nodes, initializers=[_whole("k", *times)])


def _claiming() -> bytes:
    tensor = TensorProto(name="b", data_type=TensorProto.FLOAT, dims=[10**6, 10**6])
    return _net(helper.make_node("Identity", ["b"], ["c"]), initializers=[tensor])


def _sparse() -> bytes:
    values = numpy_helper.from_array(np.ones(1, np.float32), "b")
    places = _whole("places", 0)
    tensor = helper.make_sparse_tensor(values, places, [10**11])
    return _net(helper.make_node("Identity", ["b"], ["c"]), sparse=[tensor])


BOMBS = {
    "ConstantOfShape": (_filled(10**11), "makes a tensor of 100,000,000,000 values"),
    "ConstantOfShape of many sides": (_filled(*[2**8] * 7), "makes a tensor of"),
    "Expand": (_expanded("Expand", 10**6, 10**5), "makes a tensor of"),
    "Tile": (_expanded("Tile", 10**6, 10**5), "makes a tensor of"),
    "a tensor that lies": (_claiming(), "more than the file can hold"),
    "a sparse tensor": (_sparse(), "makes a tensor of 100,000,000,000 values"),
    "a computed shape": (_computed(10**5, 10**5), "takes more than 4 GB of memory"),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_one_sentence(kind: str) -> None:
    content, said = BOMBS[kind]
    with pytest.raises(InputError) as error:
        check_teacher(content, "net.onnx")
    assert said in str(error.value)
    assert "'net.onnx'" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [_net(), _filled(10**6), _computed(10, 10)])
def test_what_takes_little_is_taken(content: bytes) -> None:
    check_teacher(content, "net.onnx")


def test_one_that_takes_its_time_is_refused(monkeypatch: Any) -> None:
    monkeypatch.setattr(_onnx_limits, "_MOST_SECONDS", 0.001)
    with pytest.raises(InputError, match="seconds for 256 rows"):
        check_teacher(_net(), "net.onnx")


@given(sides=st.lists(st.integers(1, 3000), min_size=1, max_size=5))
def test_the_size_of_a_constant_is_told_unopened(sides: list[int]) -> None:
    content = _filled(*sides)
    if np.prod(sides, dtype=object) > _onnx_limits._MOST_VALUES:
        with pytest.raises(InputError, match="makes a tensor of"):
            _check_onnx(content, "net.onnx")
    else:
        _check_onnx(content, "net.onnx")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    X, y = load_iris(return_X_y=True)
    (tmp_path / "net.onnx").write_bytes(_net())
    teacher = OnnxTeacher(tmp_path / "net.onnx", output="logits")
    student = CartStudent(3, search="greedy")
    model = DistilledClassifier(teacher, student, random_state=0).fit(X, y)
    return save(model, tmp_path / "run", X, y)


def test_a_saved_run_is_looked_at_too(run: Path) -> None:
    (run / "teacher.onnx").write_bytes(_filled(10**11))
    _resign(run)
    with pytest.raises(BundleError, match=r"teacher\.json.*makes a tensor of"):
        load(run)


def test_a_loaded_teacher_needs_its_folder_no_more(run: Path, tmp_path: Path) -> None:
    X, _ = load_iris(return_X_y=True)
    model = load(run)
    said = model.teacher_.logits(X)
    content = (run / "teacher.onnx").read_bytes()
    shutil.rmtree(run)
    np.testing.assert_array_equal(model.teacher_.logits(X), said)
    again = save(model, tmp_path / "again", X)
    assert (again / "teacher.onnx").read_bytes() == content
    assert load(again).teacher_.n_parameters == model.teacher_.n_parameters == 12
