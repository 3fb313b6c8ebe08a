"""How much a run's files may be and unpack to: measured on what comes out of them.

What a file says of its own size is never trusted where memory is taken for it: arrays
are unpacked piece by piece up to a limit, rows are counted while they come.
"""

import errno
import io
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.parquet
from numpy.typing import NDArray

from interpretkd._base import InputError

MOST_UNPACKED = 500 * 2**20
"""Bytes that a run's files may unpack to, all together."""
MOST_CELLS = 60_000_000
"""Values that a run's rows may have."""
MOST_MEMBERS = 64
"""Arrays in one file, files in one zip."""
_MOST_JSON = 64 * 2**20
_BATCH = 4096
_CODECS = {"SNAPPY", "UNCOMPRESSED"}
"""Those that cannot make much of little: 21 bytes of one at the most."""
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


class Room:
    """What is left of a run's limit, while its files are read.

    Parameters
    ----------
    most_bytes : int
        In [1, inf): the bytes that they may unpack to.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = self.left = most_bytes

    def take(self, n_bytes: int) -> None:
        """Take some of it.

        Parameters
        ----------
        n_bytes : int
            Bytes that have come out of a file.

        Raises
        ------
        InputError
            When there is not as much left.
        """
        self.left -= n_bytes
        if self.left < 0:
            raise InputError(
                f"the run unpacks to more than {self.most_bytes / 2**20:,.0f} MB; if "
                "it is one of your own, load it with a larger most_bytes"
            )


def read_plain_file(path: Path, room: Room) -> bytes:
    """Read a file of a run, if it is a plain file and there is room for it.

    Parameters
    ----------
    path : Path
        The file.
    room : Room
        What is left of the limit.

    Returns
    -------
    bytes
        All of it.

    Raises
    ------
    InputError
        For a link, a pipe or a device, and for more than there is room for.
    OSError
        When it cannot be read.
    """
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)  # a pipe must not make the reader wait
    if path.is_symlink():
        raise InputError("it is a link and no file")
    try:
        handle = os.open(path, flags)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EMLINK):
            raise InputError("it is a link, pipe or device and no file") from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InputError("it is a folder, pipe or device and no file")
    with os.fdopen(handle, "rb") as file:
        most = room.left if path.suffix != ".json" else min(room.left, _MOST_JSON)
        content = file.read(most + 1)
    if len(content) > most and most < room.left:
        raise InputError(f"it has more than {_MOST_JSON // 2**20} MB")
    room.take(len(content))
    return content


def read_arrays(content: bytes, room: Room) -> dict[str, NDArray[Any]]:
    """Read the arrays of an .npz file, none of them pickled, up to a limit.

    Parameters
    ----------
    content : bytes
        The file.
    room : Room
        What is left of the limit.

    Returns
    -------
    dict of str to ndarray
        By their names.

    Raises
    ------
    InputError
        For too many arrays, too much in them, and a header that asks for more memory
        than its bytes fill.
    """
    arrays: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS:
            raise InputError("it holds too many arrays for a run")
        for info in members:
            name = info.filename.removesuffix(".npy")
            if name in arrays:
                raise InputError(f"it holds the array {name[:80]!r} twice")
            arrays[name] = _read_array(read_member(archive, info, room), name)
    return arrays


def read_archive(content: bytes, room: Room) -> dict[str, bytes]:
    """Read the files of a zip that lies in a run, in memory and up to a limit.

    Parameters
    ----------
    content : bytes
        The zip.
    room : Room
        What is left of the limit.

    Returns
    -------
    dict of str to bytes
        By their names, which nobody has looked at.

    Raises
    ------
    InputError
        For too many files, one that is there twice, and too much in them.
    """
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS:
            raise InputError("it holds too many files for a run")
        for info in members:
            if info.filename in files:
                raise InputError(f"it holds {info.filename[:80]!r} twice")
            files[info.filename] = read_member(archive, info, room)
    return files


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, room: Room) -> bytes:
    """Read a file in a zip, no more than there is room for, whatever it says of itself.

    Parameters
    ----------
    archive : ZipFile
        The zip.
    info : ZipInfo
        Which of its files.
    room : Room
        What is left of the limit.

    Returns
    -------
    bytes
        All of it.

    Raises
    ------
    InputError
        When there is more, or when it is packed in a way that is unpacked only whole.
    """
    if info.compress_type not in _METHODS:
        raise InputError("it is packed in another way than save packs it")
    with archive.open(info) as member:
        content = member.read(room.left + 1)
    room.take(len(content))
    return content


def _read_array(content: bytes, name: str) -> NDArray[Any]:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise InputError(f"its array {name[:80]!r} has an unknown format")
    shape, _, dtype = read(stream)
    wanted = dtype.itemsize
    for side in shape:
        wanted *= side
    if not dtype.hasobject and wanted != len(content) - stream.tell():
        raise InputError(f"it holds a damaged array, {name[:80]!r}")
    stream.seek(0)
    array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def bounded_table(content: bytes, room: Room) -> pyarrow.Table:
    """Read a Parquet file, and count what comes out while it does.

    Parameters
    ----------
    content : bytes
        The file.
    room : Room
        What is left of the limit.

    Returns
    -------
    Table
        Its rows; texts may be told by their places in a list of them.

    Raises
    ------
    InputError
        When there is more than there is room for.
    """
    file = pyarrow.parquet.ParquetFile(io.BytesIO(content))
    if not _packings(file.metadata) <= _CODECS:
        raise InputError("it is packed in another way than save packs it")
    batches = list(counted_batches(content, room))
    if not batches:
        return file.read()
    table = pyarrow.Table.from_batches(batches).unify_dictionaries()
    texts = {field.name for field in file.schema_arrow if _is_text(field.type)}
    plain = [
        column.cast(column.type.value_type) if name in texts else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    found = pyarrow.table(plain, names=table.column_names)
    return found.replace_schema_metadata(file.schema_arrow.metadata)


def counted_batches(content: bytes, room: Room) -> Iterator[pyarrow.RecordBatch]:
    """Read a Parquet file in parts, and count what comes out.

    Parameters
    ----------
    content : bytes
        The file.
    room : Room
        What is left of the limit.

    Yields
    ------
    RecordBatch
        Some rows; texts are told by their places in a list of them, so that one that a
        million rows share stands in memory once.

    Raises
    ------
    InputError
        When there is more than there is room for.
    """
    said = pyarrow.parquet.ParquetFile(io.BytesIO(content))
    n_rows, n_columns = said.metadata.num_rows, said.metadata.num_columns
    if n_columns * n_rows > MOST_CELLS:
        raise InputError(
            f"it holds {n_rows:,} rows of {n_columns:,} columns, and {MOST_CELLS:,} "
            "values is the most"
        )
    texts = [field.name for field in said.schema_arrow if _is_text(field.type)]
    file = pyarrow.parquet.ParquetFile(io.BytesIO(content), read_dictionary=texts)
    n_values = 0
    for batch in file.iter_batches(batch_size=_BATCH):
        n_values += batch.num_rows * batch.num_columns
        if n_values > MOST_CELLS:
            raise InputError(f"it holds more than {MOST_CELLS:,} values")
        room.take(sum(_n_bytes(column) for column in batch.columns))
        yield batch


def _packings(said: pyarrow.parquet.FileMetaData) -> set[str]:
    groups = [said.row_group(i) for i in range(said.num_row_groups)]
    return {g.column(i).compression for g in groups for i in range(g.num_columns)}


def _is_text(kind: pyarrow.DataType) -> bool:
    is_text = pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)
    is_bytes = pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind)
    return bool(is_text or is_bytes)


def _n_bytes(column: pyarrow.Array) -> int:
    """Return the bytes of a column once every text in it is written out."""
    if not isinstance(column, pyarrow.DictionaryArray):
        return int(column.nbytes)
    lengths = pyarrow.compute.binary_length(column.dictionary)
    taken = lengths.take(column.indices).cast(pyarrow.int64())
    written_out = int(pyarrow.compute.sum(taken).as_py() or 0)
    return written_out + int(column.dictionary.nbytes) + 8 * len(column)
