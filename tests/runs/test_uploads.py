import io
import json
import pickle
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier
from interpretkd.runs import (
    _uploads as uploads,
    check_teacher,
    load_run,
    read_upload,
    run_folder,
    save,
    suggest_name,
    unpack_run,
)
from interpretkd.students import CartStudent
from interpretkd.teachers import CallableTeacher

GOOD = b"age,home\n31,own\n40,rent\n"
NAMES = ["<img src=x onerror=alert(1)>", "a\"b'c", "two\nlines", "عربي 🌳", "=1+1"]
PICKLE = pickle.dumps({"model": [1, 2]})


def _joblib() -> bytes:
    buffer = io.BytesIO()
    joblib.dump([1, 2, 3], buffer)
    return buffer.getvalue()


def _npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def _zip(**files: bytes) -> bytes:
    return _zip_of(
        [(zipfile.ZipInfo(name), content) for name, content in files.items()]
    )


def _zip_of(members: list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, content in members:
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def _sentence(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert text[0].isupper()
    assert text.endswith((".", "?"))
    return text


# --- tables


def test_tables_are_read_whatever_their_names() -> None:
    table = pd.DataFrame({name: [1.0, 2.0] for name in NAMES})
    for content, name in [
        (table.to_csv(index=False).encode(), "<b>people</b>.csv"),
        (_parquet(table), "../../people.PARQUET"),
    ]:
        pd.testing.assert_frame_equal(
            read_upload(content, name).frame, table, check_dtype=False
        )


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "a.csv", "is empty"),
        (b"\xef\xbb\xbf \n", "a.csv", "is empty"),
        (b"age,home\n", "a.csv", "has a header and no rows"),
        (b"age,age\n1,2\n", "a.csv", "names a column twice: 'age'"),
        (b"age,home\n1\n", "a.csv", "Expected 2 fields in line 2, saw 1"),
        (b"\xff\xfeage\n1\n", "a.csv", "is not UTF-8 text"),
        (GOOD, "a.docx", "must be a .csv, .tsv, .txt or .parquet file"),
        (b"PAR1 and more", "a.parquet", "is not a readable Parquet file"),
        (GOOD, "a.parquet", "is not a readable Parquet file"),
        (PICKLE, "a.csv", "'a.csv' is a pickle, which can run code"),
        (_joblib(), "a.parquet", "'a.parquet' is a pickle, which can run code"),
        (GOOD, "a.pkl", "'a.pkl' is a pickle"),
        (GOOD, "a.joblib", "save the run with save(model, path)"),
        (_npy(np.array([{}])), "a.csv", "a NumPy array of pickled objects"),
        (_npy(np.zeros(3)), "a.csv", "a NumPy array without column names"),
        (_zip(**{"data.pkl": PICKLE}), "a.pt", "is a pickle"),
        (_zip(**{"net/data.pkl": b"x"}), "a.csv", "holds the pickle 'net/data.pkl'"),
        (_zip(**{"a.csv": PICKLE}), "a.csv", "holds the pickle 'a.csv'"),
        (_zip(**{"a.npy": _npy(np.array([{}]))}), "a.csv", "holds the pickle 'a.npy'"),
        (_zip(**{"a.csv": GOOD}), "a.csv", "is a zip archive; unpack it"),
        (_zip(**{"[Content_Types].xml": b""}), "a.csv", "is an Office document"),
        (b"PK\x03\x04 and nothing", "a.csv", "is not a readable zip file"),
        (b"MZ\x90\0", "a.csv", "is a program for Windows"),
        (b"\x7fELF\x02", "a.csv", "is a program for Linux"),
        (b"#!/bin/sh\n", "a.csv", "is a script"),
        (b"%PDF-1.7", "a.csv", "is a PDF document"),
        (b"\x1f\x8b\x08", "a.csv.gz", "is compressed with gzip"),
        (b"SQLite format 3\0", "a.csv", "is an SQLite database"),
        (b"a\0b\n1\n", "a.csv", "holds NUL bytes"),
    ],
)
def test_every_bad_table_has_its_sentence(content: bytes, name: str, said: str) -> None:
    assert said in _sentence(lambda: read_upload(content, name))


def test_large_tables_are_refused_before_they_are_parsed(monkeypatch: Any) -> None:
    monkeypatch.setattr(uploads, "parse_table", lambda *_: pytest.fail("parsed"))
    monkeypatch.setattr(uploads, "_MOST_CELLS", 5)
    said = _sentence(lambda: read_upload(GOOD * 2, "a.csv"))
    assert "about 6 rows of 2 columns, and 5 cells is the most" in said
    frame = pd.DataFrame({"a": np.zeros(1000)})  # a few bytes
    said = _sentence(lambda: read_upload(_parquet(frame), "a.parquet"))
    assert "about 1,000 rows of 1 columns" in said
    monkeypatch.setattr(uploads, "_MOST_UNPACKED", 10)
    monkeypatch.setattr(uploads, "_SMALL", 10)
    said = _sentence(lambda: read_upload(_parquet(frame), "a.parquet"))
    assert "it unpacks to" in said
    monkeypatch.setattr(uploads, "MOST_BYTES", 2**20)
    said = _sentence(lambda: read_upload(b"a\n" * 2**20, "a.csv"))
    assert said == (
        "The file 'a.csv' is too large: 2 MB, and 1 MB is the most. Upload a part of "
        "its rows."
    )


# --- zipped runs


@pytest.fixture(scope="module")
def run(tmp_path_factory: Any) -> Path:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(80, len(NAMES))), columns=NAMES)
    teacher = CallableTeacher(
        lambda rows: np.asarray(rows, dtype=float)[:, :2], classes=["<b>", "=1"]
    )
    model = DistilledClassifier(teacher, CartStudent(4, search="greedy"))
    model.fit(X, np.array(["<b>", "=1"])[(X[NAMES[1]] > X[NAMES[0]]).astype(int)])
    folder = tmp_path_factory.mktemp("runs") / "made"
    return save(model, folder, X, about={"data": "<b>people</b>"})


def _files(run: Path, folder: str = "") -> dict[str, bytes]:
    return {f"{folder}{path.name}": path.read_bytes() for path in run.iterdir()}


@pytest.mark.parametrize("folder", ["", "made/"])
def test_a_zipped_run_comes_into_the_runs_folder(
    run: Path, tmp_path: Path, folder: str
) -> None:
    litter = {"__MACOSX/made/._x": b"x", f"{folder}.DS_Store": b"x"}
    content = _zip(**_files(run, folder), **litter)
    runs = tmp_path / "runs"
    path = unpack_run(content, runs, "../<b>my run</b>.zip")
    assert path.parent == runs
    assert path.name == "b_"
    assert load_run(path).about == {"data": "<b>people</b>"}
    assert sorted(p.name for p in path.iterdir()) == sorted(_files(run))
    # The same run once more is the one that is there.
    assert unpack_run(content, runs, "again.zip") == path
    assert [p.name for p in runs.iterdir()] == [path.name]


def test_another_run_of_the_same_name_gets_a_number(run: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    first = unpack_run(_zip(**_files(run)), runs, "a.zip")
    other = shutil.copytree(run, tmp_path / "other")
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["about"] = {"data": "others"}
    (other / "manifest.json").write_text(json.dumps(manifest))
    second = unpack_run(_zip(**_files(other)), runs, "a.zip")
    assert (first.name, second.name) == ("a", "a-2")


def _linked(run: Path) -> bytes:
    info = zipfile.ZipInfo("teacher.onnx")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    rest = [(zipfile.ZipInfo(n), c) for n, c in _files(run).items()]
    return _zip_of([(info, b"/etc/passwd"), *rest])


def _with(run: Path, **more: bytes) -> bytes:
    return _zip(**(_files(run) | more))


def _npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _claiming(shape: tuple[int, ...]) -> bytes:
    """Return an archive of one array that says it is larger than it is."""
    buffer = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return _zip(**{"a.npy": buffer.getvalue() + bytes(8)})


BAD_RUNS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "no zip": (lambda _: GOOD, "is not a zip file; zip the folder of a run"),
    "empty": (lambda _: b"", "is not a zip file"),
    "pickle": (lambda _: PICKLE, "is a pickle"),
    "program": (lambda _: b"MZ\x90", "is a program for Windows"),
    "cut off": (lambda run: _with(run)[:-30], "is not a readable zip file"),
    "nothing in it": (lambda _: _zip(), "holds no run: there is no manifest.json"),
    "parent": (lambda run: _with(run, **{"../x": b"x"}), "write outside its folder"),
    "deep parent": (lambda run: _with(run, **{"a/../../x": b"x"}), "write outside"),
    "absolute": (lambda run: _with(run, **{"/etc/x": b"x"}), "to '/etc/x'"),
    "backslash": (lambda run: _with(run, **{"..\\x": b"x"}), "write outside"),
    "drive": (lambda run: _with(run, **{"C:x": b"x"}), "to 'C:x'; nothing was"),
    "link": (_linked, "which is a link or device"),
    "pickle inside": (
        lambda run: _with(run, **{"teacher.pkl": b"x"}),
        "holds the pickle 'teacher.pkl', which can run code",
    ),
    "pickle in disguise": (
        lambda run: _with(run, **{"schema.json": PICKLE}),
        "holds the pickle 'schema.json'",
    ),
    "objects in an array": (
        lambda run: _with(run, **{"student.npz": _npz(a=np.array([{}]))}),
        "holds the pickle 'a.npy'",
    ),
    "unknown file": (
        lambda run: _with(run, **{"<b>x.txt": b"x"}),
        "holds '<b>x.txt', which is no file of a run",
    ),
    "two runs": (
        lambda run: _zip(**_files(run, "a/"), **_files(run, "b/")),
        "must hold the files of one run",
    ),
    "too deep": (lambda run: _zip(**_files(run, "a/b/")), "the files of one run"),
    "many files": (
        lambda _: _zip(**{f"{i}": b"" for i in range(70)}),
        "holds 70 files; a run has at most 11",
    ),
    "bomb": (lambda run: _with(run, **{"schema.json": bytes(2**25)}), "a zip bomb"),
    "bomb of arrays": (
        lambda run: _with(run, **{"student.npz": _npz(a=np.zeros(2**22))}),
        "a zip bomb",
    ),
    "array that lies": (
        lambda run: _with(run, **{"student.npz": _claiming((10**12,))}),
        "holds a damaged array",
    ),
    "another file": (
        lambda run: _with(run, **{"schema.json": b"{}"}),
        "its SHA-256 is not the one in manifest.json",
    ),
    "file lacks": (
        lambda run: _zip(**{"manifest.json": (run / "manifest.json").read_bytes()}),
        "cannot be used",
    ),
}


@pytest.mark.parametrize("kind", BAD_RUNS)
def test_every_bad_run_has_its_sentence_and_leaves_nothing(
    run: Path, tmp_path: Path, kind: str
) -> None:
    make, said = BAD_RUNS[kind]
    content, runs = make(run), tmp_path / "runs"
    text = _sentence(lambda: unpack_run(content, runs, "run.zip"))
    assert said in text
    assert str(tmp_path) not in text
    assert not runs.exists() or list(runs.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] in ([], ["runs"])


def test_an_encrypted_zip_is_refused(run: Path, tmp_path: Path) -> None:
    content = bytearray(_with(run))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(mark)
        while start >= 0:
            content[start + place] |= 1
            start = content.find(mark, start + 4)
    said = _sentence(lambda: unpack_run(bytes(content), tmp_path, "run.zip"))
    assert "is encrypted" in said


def test_a_file_that_stands_twice_is_refused(run: Path, tmp_path: Path) -> None:
    members = [(zipfile.ZipInfo(n), c) for n, c in _files(run).items()]
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = _zip_of([*members, members[0]])
    assert "twice" in _sentence(lambda: unpack_run(content, tmp_path, "run.zip"))


def test_parquet_in_a_run_may_not_explode(
    run: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("interpretkd.runs._archive._MOST_CELLS", 100)
    said = _sentence(lambda: unpack_run(_with(run), tmp_path, "run.zip"))
    assert "'evaluation.parquet in run.zip' holds 80 rows" in said


# --- teachers


def _onnx(*, external: bool = False, inner: bool = False) -> bytes:
    weights = numpy_helper.from_array(np.eye(2, dtype=np.float32), "W")
    if external:
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value="../../etc/passwd")
    rows = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 2])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [None, 2])
    nodes = [helper.make_node("MatMul", ["X", "W"], ["logits"])]
    start = [weights]
    if inner:
        constant = helper.make_node("Constant", [], ["W"], value=weights)
        nodes, start = [constant, *nodes], []
    graph = helper.make_graph(nodes, "g", [rows], [logits], start)
    opset = [helper.make_opsetid("", 17)]
    made = helper.make_model(graph, opset_imports=opset, ir_version=8)
    content: bytes = made.SerializeToString()
    return content


def test_an_onnx_file_is_a_teacher() -> None:
    check_teacher(_onnx(), "<b>net</b>.onnx")
    check_teacher(_onnx(inner=True), "net.bin")


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "a.onnx", "is empty"),
        (PICKLE, "a.onnx", "is a pickle"),
        (GOOD, "a.onnx", "is not an ONNX file"),
        (b"\x08\x08", "a.onnx", "is not an ONNX file"),
        (b"\x7fELF", "a.onnx", "is a program for Linux"),
        (_zip(**{"a.onnx": b"x"}), "a.onnx", "a teacher is one .onnx file"),
        (_zip(**{"data.pkl": PICKLE}), "a.onnx", "holds the pickle"),
        (_onnx(external=True), "a.onnx", "keeps its weights in other files"),
        (_onnx(external=True, inner=True), "a.onnx", "its weights in other files"),
        (_onnx()[:-20], "a.onnx", "ONNX"),
        (onnx.ModelProto(ir_version=8).SerializeToString(), "a.onnx", "is not an ONNX"),
    ],
)
def test_every_bad_teacher_has_its_sentence(
    content: bytes, name: str, said: str
) -> None:
    assert said in _sentence(lambda: check_teacher(content, name))


def test_a_run_may_not_read_weights_from_elsewhere(run: Path, tmp_path: Path) -> None:
    content = _with(run, **{"teacher.onnx": _onnx(external=True)})
    said = _sentence(lambda: unpack_run(content, tmp_path, "run.zip"))
    assert "keeps its weights in other files" in said


# --- names


@pytest.mark.parametrize(
    "name", ["", "..", ".hidden", "a/b", "a\\b", "a\0b", "x" * 61, "a.", " a", "<b>"]
)
def test_names_that_are_no_folder_are_refused(tmp_path: Path, name: str) -> None:
    assert "A run's name must" in _sentence(lambda: run_folder(tmp_path, name))


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    assert run_folder(tmp_path, "my run-1.عربي") == tmp_path / "my run-1.عربي"
    (tmp_path / "a").mkdir()
    assert "There is a run 'a' already" in _sentence(lambda: run_folder(tmp_path, "a"))


@pytest.mark.parametrize("title", ["a", *NAMES, "../../etc", "\0", "..", "x" * 300])
def test_a_suggested_name_can_be_taken(tmp_path: Path, title: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / suggest_name(tmp_path, title)).mkdir()
    again = suggest_name(tmp_path, title)
    assert run_folder(tmp_path, again).parent == tmp_path
