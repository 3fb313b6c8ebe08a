"""A run that is made to be huge is refused before it takes up the memory."""

import io
import json
import os
import resource
import shutil
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, strategies as st
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from interpretkd._base import BundleError, InputError
from interpretkd.distillation import DistilledClassifier
from interpretkd.runs import load, load_run, read_upload, save, unpack_run
from interpretkd.runs._folder import _sha256
from interpretkd.runs._limits import MOST_UNPACKED, Room, bounded_table, read_arrays
from interpretkd.students import CartStudent

SOME = 30 * 2**20
"""Bytes: more than the small limit of these tests, few enough to be made."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: Any) -> Path:
    X, y = load_iris(return_X_y=True, as_frame=True)
    student = CartStudent(3, search="greedy")
    model = DistilledClassifier(LogisticRegression(max_iter=999), student).fit(X, y)
    return save(model, tmp_path_factory.mktemp("runs") / "run", X, y)


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


def _resign(path: Path) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["sha256"] = {
        name: _sha256((path / name).read_bytes()) for name in manifest["sha256"]
    }
    (path / "manifest.json").write_text(json.dumps(manifest))


def _zip(method: int, **files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _header(shape: tuple[int, ...], kind: str = "<f8") -> bytes:
    buffer = io.BytesIO()
    said = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, said)
    return buffer.getvalue()


def _parquet(table: pyarrow.Table, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, **settings)
    return buffer.getvalue()


def _said_smaller(content: bytes) -> bytes:
    """Let a zip's directory say that its first file unpacks to one byte."""
    place = content.rfind(b"PK\x01\x02") + 24
    return content[:place] + b"\1\0\0\0" + content[place + 4 :]


def _shared_text() -> bytes:
    """Many rows that share a text: little in the file, gigabytes when written out."""
    place = pyarrow.array(np.zeros(6000, np.int32))
    text = pyarrow.DictionaryArray.from_arrays(place, ["x" * 10**5])
    return _parquet(pyarrow.table({"x.a": text}), dictionary_pagesize_limit=10**6)


def _zeros(method: int) -> bytes:
    return _zip(method, **{"a.npy": _npy(np.zeros(SOME, np.int8))})


BOMBS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "arrays": ("student.npz", lambda: _zeros(8), "unpacks to more than 20 MB"),
    "arrays, said to be small": (
        "student.npz",
        lambda: _said_smaller(_zeros(8)),
        "student.npz cannot be used",
    ),
    "arrays in bzip2": ("student.npz", lambda: _zeros(12), "packed in another way"),
    "arrays in lzma": ("student.npz", lambda: _zeros(14), "packed in another way"),
    "many arrays": (
        "baseline.npz",
        lambda: _zip(8, **{f"a{i}.npy": _npy(np.zeros(2)) for i in range(70)}),
        "too many arrays",
    ),
    "many arrays of some size": (
        "baseline.npz",
        lambda: _zip(8, **{f"a{i}.npy": _npy(np.zeros(2**17)) for i in range(40)}),
        "unpacks to more than 20 MB",
    ),
    "a header that lies": (
        "student.npz",
        lambda: _zip(8, **{"a.npy": _header((10**12,)) + bytes(8)}),
        "holds a damaged array",
    ),
    "a header of an endless array": (
        "student.npz",
        lambda: _zip(8, **{"a.npy": _header((10**9, 0))}),
        "student.npz cannot be used",
    ),
    "long texts in an array": (
        "student.npz",
        lambda: _zip(8, **{"a.npy": _header((2,), "<U2000000000")}),
        "student.npz cannot be used",
    ),
    "rows": (
        "evaluation.parquet",
        lambda: _parquet(pyarrow.table({"x.a": np.zeros(4 * 10**6)})),
        "unpacks to more than 20 MB",
    ),
    "rows that share a long text": (
        "evaluation.parquet",
        _shared_text,
        "unpacks to more than 20 MB",
    ),
    "rows in zstd": (
        "evaluation.parquet",
        lambda: _parquet(pyarrow.table({"x.a": np.zeros(9)}), compression="zstd"),
        "packed in another way",
    ),
    "a large JSON file": (
        "schema.json",
        lambda: b'{"a": "' + b"x" * (3 * 2**20) + b'"}',
        "has more than 2 MB",
    ),
    "a deep JSON file": (
        "model.json",
        lambda: b'{"a": ' + b"[" * 10**5,
        "nested too deep",
    ),
    "a large file": (
        "student.npz",
        lambda: bytes(21 * 2**20),
        "unpacks to more than 20 MB",
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_one_sentence(copy: Path, kind: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("interpretkd.runs._limits._MOST_JSON", 2 * 2**20)
    name, make, said = BOMBS[kind]
    (copy / name).write_bytes(make())
    _resign(copy)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BundleError) as error:
        load_run(copy, most_bytes=20 * 2**20)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 150 * 2**10  # KiB: the limit, and what the file itself takes


def test_one_s_own_large_run_is_loaded_with_another_limit(run: Path) -> None:
    with pytest.raises(BundleError, match="with a larger most_bytes"):
        load(run, most_bytes=1000)
    assert load(run, most_bytes=10**6).n_parameters == load(run).n_parameters
    for wrong in (0, -1, 1.5, None, "1"):
        with pytest.raises((InputError, TypeError)):
            load(run, most_bytes=wrong)  # type: ignore[arg-type]


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _socket(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as made:
        here = os.open(".", os.O_RDONLY)
        os.chdir(path.parent)  # the name of a socket must be short
        made.bind(path.name)
        os.fchdir(here)
        os.close(here)


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("name", ["manifest.json", "student.npz", "evaluation.parquet"])
@pytest.mark.parametrize("change", [_link, _pipe, _folder, _socket, _device])
def test_what_is_no_plain_file_is_not_read(
    copy: Path, change: Callable[[Path], None], name: str
) -> None:
    change(copy / name)
    with pytest.raises(BundleError) as error:
        load_run(copy)
    assert name in str(error.value)
    assert "no file" in str(error.value)


def test_a_run_may_be_reached_over_a_link(run: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(run)
    assert load(tmp_path / "latest").n_parameters == load(run).n_parameters


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_upload_is_not_unpacked_whole_either(
    run: Path, tmp_path: Path, method: int
) -> None:
    files = {path.name: path.read_bytes() for path in run.iterdir()}
    content = _zip(method, **files)
    with pytest.raises(InputError, match="packed in another way"):
        unpack_run(content, tmp_path / "runs", "run.zip")
    assert os.listdir(tmp_path / "runs") == [] if (tmp_path / "runs").exists() else True


def test_an_uploaded_table_is_measured_on_what_comes_out() -> None:
    with pytest.raises(InputError, match="it unpacks to more than 500 MB"):
        read_upload(_shared_text(), "table.parquet")


@given(
    sizes=st.lists(st.integers(0, 40_000), min_size=1, max_size=4),
    kind=st.sampled_from(["<f8", "<i4", "|b1", "<U3"]),
    room=st.integers(100, 200_000),
    packed=st.booleans(),
)
def test_arrays_come_out_whole_or_not_at_all(
    sizes: list[int], kind: str, room: int, packed: bool
) -> None:
    """Against what numpy reads: equal within the limit, refused above it."""
    arrays = {f"a{i}": np.zeros(size, kind) for i, size in enumerate(sizes)}
    buffer = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(buffer, **arrays)
    content = buffer.getvalue()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        n_bytes = sum(len(archive.read(name)) for name in archive.namelist())
    if n_bytes > room:
        with pytest.raises(InputError, match="unpacks to more"):
            read_arrays(content, Room(room))
        return
    found = read_arrays(content, Room(room))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


TEXTS = st.sampled_from(["", "a", "None", "<b>", "é" * 3, None])


@given(
    texts=st.lists(TEXTS, min_size=0, max_size=30),
    row_group=st.integers(1, 7),
    levels=st.permutations(["a", "<b>", "", "None", "é" * 3]),
    with_pages=st.booleans(),
)
def test_rows_come_out_as_arrow_reads_them(
    texts: list[str | None], row_group: int, levels: list[str], with_pages: bool
) -> None:
    """Against Arrow's own reader: same values, kinds and order of categories."""
    frame = pd.DataFrame({"text": pd.Series(texts, dtype=object)})
    frame["category"] = pd.Categorical(texts, categories=levels)
    frame["ordered"] = pd.Categorical(texts, categories=levels, ordered=True)
    frame["number"] = np.arange(len(texts)) / 3
    frame["whole"] = pd.array(np.arange(len(texts)), dtype="Int64")
    frame["day"] = pd.date_range("2020-01-01", periods=len(texts))
    frame["yes"] = np.arange(len(texts)) % 2 == 0
    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    content = _parquet(table, row_group_size=row_group, use_dictionary=with_pages)
    expected = pyarrow.parquet.read_table(io.BytesIO(content)).to_pandas()
    found = bounded_table(content, Room(MOST_UNPACKED)).to_pandas()
    pd.testing.assert_frame_equal(found, expected)
