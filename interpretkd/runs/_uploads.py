"""What a person uploads: looked at byte by byte before anything is made of it.

Nothing here runs what it reads. A table goes through `tables`, a zipped run is unpacked
under its own limits and then checked by `load_run`, a teacher is an ONNX file and
nothing else. Whatever is wrong is said in one sentence.
"""

import contextlib
import io
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet

from interpretkd._base import InputError
from interpretkd.data import ReadTable, parse_table
from interpretkd.runs._limits import (
    MOST_CELLS,
    MOST_MEMBERS,
    MOST_UNPACKED,
    Room,
    counted_batches,
)
from interpretkd.runs._onnx_limits import _check_onnx, _try_onnx
from interpretkd.teachers import OnnxTeacher

MOST_BYTES = 200 * 2**20
"""Of one file, as it is uploaded."""
_MOST_CELLS = MOST_CELLS
_MOST_UNPACKED = MOST_UNPACKED
_MOST_RATIO = 100
_SMALL = 10 * 2**20
"""What unpacks to less is no bomb, whatever its ratio."""
_MOST_MEMBERS = MOST_MEMBERS
_PICKLED = (
    "can run code on this machine when it is opened, so it is never read; save the run "
    "with save(model, path) and upload that folder as a zip file, or the table as a "
    "CSV or Parquet file"
)
_ENCODING_OPTION = ", or name its encoding (--encoding latin-1, say)"
"""What somebody who uploads a file cannot do."""
_PICKLE_ENDINGS = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".skops", ".dill")
_OTHER_FILES = {
    b"MZ": "is a program for Windows",
    b"\x7fELF": "is a program for Linux",
    b"\xcf\xfa\xed\xfe": "is a program for macOS",
    b"\xfe\xed\xfa\xcf": "is a program for macOS",
    b"\xca\xfe\xba\xbe": "is a program for Java or macOS",
    b"#!": "is a script",
    b"%PDF": "is a PDF document",
    b"\x89PNG": "is a picture",
    b"\xff\xd8\xff": "is a picture",
    b"GIF8": "is a picture",
    b"\x1f\x8b": "is compressed with gzip: unpack it first",
    b"BZh": "is compressed with bzip2: unpack it first",
    b"\xfd7zXZ": "is compressed with xz: unpack it first",
    b"7z\xbc\xaf": "is a 7-Zip archive: unpack it first",
    b"Rar!": "is a RAR archive: unpack it first",
    b"(\xb5/\xfd": "is compressed with Zstandard: unpack it first",
    b"\x89HDF": "is an HDF5 file: save it as CSV or Parquet",
    b"SQLite format 3": "is an SQLite database: save its table as CSV or Parquet",
    b"\xd0\xcf\x11\xe0": "is an old Office document: save it as CSV",
}


def read_upload(content: bytes, name: str) -> ReadTable:
    r"""Read a table that was uploaded; its columns are not judged yet.

    Parameters
    ----------
    content : bytes
        The whole file.
    name : str
        What its owner calls it; it is only read, no file is made of it.

    Returns
    -------
    ReadTable
        At least one row; its problems are not raised.

    Raises
    ------
    InputError
        For a file that is too large, could run code, is no table, is empty or damaged,
        and for a duplicate header.

    Examples
    --------
    >>> read_upload(b"age,home\n31,own\n", "people.csv").frame
       age home
    0   31  own
    >>> read_upload(b"\x80\x04\x95", "people.csv")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    interpretkd._base.errors.InputError: The file 'people.csv' is a pickle, which ...
    """
    _check_size(content, name)
    _refuse_code(content, name)
    if content.startswith(b"PK\x03\x04"):
        _refuse_archive(content, name)
    if _is_array(content):
        raise InputError(
            f"The file {name!r} is a NumPy array without column names; save it as CSV "
            "or Parquet with a header."
        )
    _refuse_others(content, name)
    _check_cells(content, name)
    try:
        return parse_table(content, name)
    except InputError as error:
        raise InputError(str(error).replace(_ENCODING_OPTION, "")) from error


def check_teacher(content: bytes, name: str) -> None:
    """Refuse an uploaded file that cannot be an ONNX teacher.

    Parameters
    ----------
    content : bytes
        The whole file.
    name : str
        What its owner calls it.

    Raises
    ------
    InputError
        For a file that is too large, could run code, is no ONNX file, has its weights
        in other files, or takes too much memory or time: a child process tries it.
    """
    _check_size(content, name)
    if not content.strip():
        raise InputError(f"The file {name!r} is empty.")
    _refuse_code(content, name)
    if content.startswith(b"PK\x03\x04"):
        raise InputError(
            f"The file {name!r} is a zip archive; a teacher is one .onnx file."
        )
    _refuse_others(content, name)
    _check_onnx(content, name)
    _try_onnx(content, name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "teacher.onnx"
        path.write_bytes(content)
        with _speaking_of(path, name):
            OnnxTeacher(path, output="logits")


def _check_size(content: bytes, name: str) -> None:
    if len(content) > MOST_BYTES:
        raise InputError(
            f"The file {name!r} is too large: {len(content) / 2**20:,.0f} MB, and "
            f"{MOST_BYTES // 2**20} MB is the most. Upload a part of its rows."
        )


def _refuse_code(content: bytes, name: str) -> None:
    """Refuse pickles, by their first bytes and by their ending."""
    if _is_pickle(content) or Path(name).suffix.lower() in _PICKLE_ENDINGS:
        raise InputError(f"The file {name!r} is a pickle, which {_PICKLED}.")
    if _is_array(content) and _holds_objects(content):
        raise InputError(
            f"The file {name!r} is a NumPy array of pickled objects, which {_PICKLED}."
        )
    if content.startswith(b"PK"):
        _refuse_code_inside(content, name)


def _refuse_code_inside(content: bytes, name: str) -> None:
    with _reading_zip(name), zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist()[:_MOST_MEMBERS]:
            if info.is_dir() or info.flag_bits & 1:
                continue
            with archive.open(info) as member:
                start = member.read(1024)
            inside = Path(info.filename).suffix.lower() in _PICKLE_ENDINGS
            objects = _is_array(start) and _holds_objects(start)
            if inside or _is_pickle(start) or objects:
                raise InputError(
                    f"The zip file {name!r} holds the pickle "
                    f"{info.filename[:80]!r}, which {_PICKLED}."
                )


def _is_pickle(content: bytes) -> bool:
    return len(content) > 1 and content[0] == 0x80 and 2 <= content[1] <= 5


def _is_array(content: bytes) -> bool:
    return content.startswith(b"\x93NUMPY")


def _holds_objects(content: bytes) -> bool:
    return re.search(rb"'\|?O\d*'", content[:1024]) is not None


def _refuse_archive(content: bytes, name: str) -> None:
    with _reading_zip(name), zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.namelist()
    if "[Content_Types].xml" in members:
        raise InputError(
            f"The file {name!r} is an Office document; save its table as CSV."
        )
    raise InputError(
        f"The file {name!r} is a zip archive; unpack it and upload the table that is "
        "in it. A zipped run is uploaded on the Start page."
    )


def _refuse_others(content: bytes, name: str) -> None:
    for start, what in _OTHER_FILES.items():
        if content.startswith(start):
            raise InputError(f"The file {name!r} {what}.")


def _check_cells(content: bytes, name: str) -> None:
    """Refuse more cells than there is room for, before they are parsed."""
    n_rows, n_columns = _table_size(content, name)
    if n_rows * n_columns > _MOST_CELLS:
        raise InputError(
            f"The file {name!r} is too large: about {n_rows:,} rows of {n_columns:,} "
            f"columns, and {_MOST_CELLS:,} cells is the most. Upload a part of its "
            "rows or columns."
        )
    if content.startswith(b"PAR1"):
        _check_rows(content, name)


def _check_rows(content: bytes, name: str) -> None:
    """Refuse rows that unpack to more than the file says."""
    try:
        for _ in counted_batches(content, Room(_MOST_UNPACKED)):
            pass
    except InputError as error:
        raise InputError(
            f"The file {name!r} is too large: it unpacks to more than "
            f"{_MOST_UNPACKED // 2**20} MB. Upload a part of its rows or columns."
        ) from error
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(
            f"The file {name!r} is not a readable Parquet file."
        ) from error


def _table_size(content: bytes, name: str) -> tuple[int, int]:
    if content.startswith(b"PAR1"):
        return _parquet_size(content, name)
    line = content.lstrip(b"\r\n").partition(b"\n")[0]
    n_columns = 1 + max(map(line.count, (b",", b";", b"\t", b"|")))
    return max(content.count(b"\n"), content.count(b"\r")), n_columns


def _parquet_size(content: bytes, name: str) -> tuple[int, int]:
    try:
        said = pyarrow.parquet.read_metadata(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(
            f"The file {name!r} is not a readable Parquet file."
        ) from error
    unpacked = sum(
        said.row_group(i).total_byte_size for i in range(said.num_row_groups)
    )
    if unpacked > max(_MOST_UNPACKED, _SMALL):
        raise InputError(
            f"The file {name!r} is too large: it unpacks to {unpacked / 2**20:,.0f} "
            f"MB, and {_MOST_UNPACKED // 2**20} MB is the most."
        )
    return said.num_rows, said.num_columns


@contextlib.contextmanager
def _reading_zip(name: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    # What zipfile raises on damaged or unusual archives.
    except (
        *(zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError),
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise InputError(f"The file {name!r} is not a readable zip file.") from error


@contextlib.contextmanager
def _speaking_of(path: Path, name: str) -> Iterator[None]:
    """Let a sentence name what the person knows, not where it was put."""
    try:
        yield
    except InputError as error:
        raise InputError(str(error).replace(str(path), name)) from error
