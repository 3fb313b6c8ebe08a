"""A run as one zip file: packed for another person, unpacked after a look inside."""

import contextlib
import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from interpretkd._base import InputError
from interpretkd.runs._bundle import load_run
from interpretkd.runs._destination import RUN_FILES
from interpretkd.runs._folder import _verified
from interpretkd.runs._limits import Room, read_archive, read_arrays, read_member
from interpretkd.runs._listing import _place_run, _safe_name, find_runs, saved_run
from interpretkd.runs._onnx_limits import _check_onnx, _try_onnx
from interpretkd.runs._replace import _scratch, _write_synced
from interpretkd.runs._teacher_files import DEEPEST_CHAIN
from interpretkd.runs._uploads import (
    _MOST_CELLS,
    _MOST_MEMBERS,
    _MOST_RATIO,
    _MOST_UNPACKED,
    _SMALL,
    _check_size,
    _parquet_size,
    _reading_zip,
    _refuse_code,
    _refuse_code_inside,
    _refuse_others,
    _speaking_of,
)

_UNSAFE = re.compile(r"[^A-Za-z0-9]+")


def _run_archive(folder: Path) -> bytes:
    """Check a saved run, and pack the files its manifest names into a zip."""
    files, _ = _verified(folder)
    top = _UNSAFE.sub("-", folder.resolve().name).strip("-") or "run"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            # A fixed date: the same run gives the same bytes.
            entry = zipfile.ZipInfo(f"{top}/{name}")
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def unpack_run(content: bytes, runs: str | os.PathLike[str], name: str) -> Path:
    """Unpack a zipped run into the runs folder.

    Parameters
    ----------
    content : bytes
        The zip file.
    runs : str or path
        The folder of runs; it is made if it is not there.
    name : str
        The zip file's name, after which the run is called.

    Returns
    -------
    Path
        The run's folder. A run that is there already is not unpacked again.

    Raises
    ------
    InputError
        For anything in the file that is not exactly a run, of sane size.
    """
    _check_size(content, name)
    _refuse_code(content, name)
    if not content.startswith(b"PK"):
        _refuse_others(content, name)
        raise InputError(
            f"The file {name!r} is not a zip file; zip the folder of a run, the one "
            "with manifest.json, and upload that."
        )
    files = _read_members(content, name)
    for member, inner in files.items():
        _check_inside(inner, member, name)
    folder = Path(runs)
    folder.mkdir(parents=True, exist_ok=True)
    with _scratch(folder, "upload") as scratch:
        fresh = scratch / "run"
        fresh.mkdir()
        for member, inner in files.items():
            _write_synced(fresh / member, inner)
        with _speaking_of(fresh, name):
            load_run(fresh)
        known = {run.key: run.path for run in find_runs(folder)}
        key = saved_run(fresh).key
        if key in known:
            return known[key]
        return _place_run(fresh, folder / _safe_name(Path(name).stem))


def _read_members(content: bytes, name: str) -> dict[str, bytes]:
    """Read the files of a run out of a zip file, after a look at each one's name."""
    with _reading_zip(name), zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [info for info in archive.infolist() if not _is_litter(info)]
        if len(members) > _MOST_MEMBERS:
            raise InputError(
                f"The zip file {name!r} holds {len(members)} files; a run has at most "
                f"{len(RUN_FILES)}."
            )
        for info in members:
            _check_member(info, name)
        inside = [info for info in members if not info.is_dir()]
        places = {PurePosixPath(info.filename).parent for info in inside}
        files: dict[str, bytes] = {}
        room = _room_for(content)
        for info in inside:
            member = PurePosixPath(info.filename).name
            if len(places) > 1 or len(PurePosixPath(info.filename).parts) > 2:
                raise InputError(
                    f"The zip file {name!r} must hold the files of one run, in one "
                    f"folder or in none. It holds {info.filename[:80]!r}."
                )
            if member not in RUN_FILES:
                raise InputError(
                    f"The zip file {name!r} holds {info.filename[:80]!r}, which is no "
                    "file of a run."
                )
            if member in files:
                raise InputError(f"The zip file {name!r} holds {member!r} twice.")
            with _no_bomb(room, name):
                files[member] = read_member(archive, info, room)
    if "manifest.json" not in files:
        raise InputError(
            f"The zip file {name!r} holds no run: there is no manifest.json in it."
        )
    return files


def _is_litter(info: zipfile.ZipInfo) -> bool:
    """Say whether macOS put it there; it is left where it is."""
    is_store = PurePosixPath(info.filename).name == ".DS_Store"
    return is_store or info.filename.startswith("__MACOSX/")


def _check_member(info: zipfile.ZipInfo, name: str) -> None:
    # The name as it stands in the file: zipfile cuts it at a NUL.
    member = info.orig_filename
    outside = (
        member.startswith(("/", "\\", "~"))
        or re.match(r"[A-Za-z]:", member) is not None
        or ".." in re.split(r"[/\\]", member)
        or "\\" in member
        or "\0" in member
    )
    if outside:
        raise InputError(
            f"The zip file {name!r} would write outside its folder, to "
            f"{member[:80]!r}; nothing was unpacked."
        )
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(
            f"The zip file {name!r} holds {member[:80]!r}, which is a link or device "
            "and no file; nothing was unpacked."
        )
    if info.flag_bits & 1:
        raise InputError(f"The zip file {name!r} is encrypted; zip it anew without.")


@contextlib.contextmanager
def _no_bomb(room: Room, name: str) -> Iterator[None]:
    """Say what cannot be unpacked, or not within the room that there is."""
    try:
        yield
    except InputError as error:
        if room.left < 0:
            raise InputError(
                f"The file {name!r} unpacks to far more than a run is: a zip bomb. "
                "Nothing was unpacked."
            ) from error
        raise InputError(f"The file {name!r} cannot be used: {error}.") from error


def _check_inside(content: bytes, member: str, name: str) -> None:
    """Look into the files of a run that are themselves packed."""
    whole = f"{member} in {name}"
    if member.endswith(".npz"):
        _check_arrays(content, whole)
    elif member.endswith(".parquet"):
        n_rows, n_columns = _parquet_size(content, whole)
        if n_rows * n_columns > _MOST_CELLS:
            raise InputError(
                f"The file {whole!r} holds {n_rows:,} rows of {n_columns:,} columns, "
                "far more than a run: a zip bomb. Nothing was unpacked."
            )
    elif member.endswith(".onnx"):
        _check_onnx(content, whole)
        _try_onnx(content, whole)
    elif member.endswith(".zip"):
        _check_teachers(content, whole, _room_for(content), 0)


def _check_teachers(content: bytes, name: str, room: Room, deep: int) -> None:
    """Look into the run of a teacher that was taught itself, and into an ensemble."""
    if deep >= DEEPEST_CHAIN:  # a zip can hold itself
        raise InputError(
            f"The file {name!r} holds more teachers above each other than a run: "
            f"{DEEPEST_CHAIN} are the most. Nothing was unpacked."
        )
    _refuse_code_inside(content, name)
    with _reading_zip(name), _no_bomb(room, name):
        files = read_archive(content, room)
    for member, inner in files.items():
        if PurePosixPath(member).name == "teacher.zip":
            _check_teachers(inner, f"{member} in {name}", room, deep + 1)
        elif member.endswith(".zip"):
            raise InputError(f"The file {name!r} holds the zip file {member[:80]!r}.")
        else:
            _check_inside(inner, member, name)


def _check_arrays(content: bytes, name: str) -> None:
    _refuse_code_inside(content, name)
    room = _room_for(content)
    with _reading_zip(name), _no_bomb(room, name):
        read_arrays(content, room)


def _room_for(content: bytes) -> Room:
    """Return how much a file of that size may unpack to."""
    return Room(min(_MOST_UNPACKED, max(_SMALL, _MOST_RATIO * len(content))))
