"""A run's folder on disk: its files and their hashes, written and read as a whole.

Nothing here knows of models; what the files hold is read in `_bundle.py`, how a folder
gets in its place is in `_replace.py`.
"""

import contextlib
import hashlib
import io
import json
import math
import os
import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import BundleError, InputError, __version__, naming_file
from interpretkd.runs._destination import RUN_FILES, _check_replaceable
from interpretkd.runs._limits import MOST_UNPACKED, Room, read_plain_file
from interpretkd.runs._replace import _holders, _put_in_place

BUNDLE_FORMAT = 1
"""The version of the bundle; a reader refuses any other."""
_REQUIRED = ("model.json", "schema.json", "student.npz", "teacher.json")
_OPTIONAL = RUN_FILES - {*_REQUIRED, "manifest.json"}
_MOST_MANIFEST = 2**20
_PATIENCE = 5.0
"""Seconds for which a run that is replaced again and again is tried to be read."""


def _write_folder(
    target: Path, files: Mapping[str, bytes], about: Mapping[str, Any]
) -> None:
    """Write files and manifest, and put the folder in its place."""
    manifest = {
        "format": BUNDLE_FORMAT,
        "interpretkd": __version__,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in ("numpy", "scikit-learn")},
        "about": about,
        "sha256": {name: _sha256(content) for name, content in files.items()},
    }
    files = {**files, "manifest.json": _json(manifest)}
    _put_in_place(target, files, _check_replaceable)


def _verified(
    path: Path, most_bytes: int = MOST_UNPACKED
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Read the files that the manifest names, if they are what it says.

    A run that is replaced meanwhile is read anew: never half of one, half of another.
    """
    ends = time.monotonic() + _PATIENCE
    while True:
        before = _stamp(path)
        try:
            return _read_files(path, Room(most_bytes))
        except BundleError:
            if time.monotonic() > ends or not _was_replaced(path, before):
                raise
            time.sleep(0.005)


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Return what tells a saved run from one that is saved anew; None without a run."""
    with contextlib.suppress(OSError):
        of = os.stat(path / "manifest.json")
        return of.st_dev, of.st_ino, of.st_mtime_ns, of.st_ctime_ns
    return None


def _was_replaced(path: Path, before: tuple[int, ...] | None) -> bool:
    """Say whether a writer was, or is, at work where a run could not be read."""
    now = _stamp(path)
    if now is not None or before is not None:
        return now != before
    with contextlib.suppress(OSError):
        if _holders(Path(os.path.realpath(path))):
            return True
    return _stamp(path) is not None


def _read_files(path: Path, room: Room) -> tuple[dict[str, bytes], dict[str, Any]]:
    if not os.path.lexists(path / "manifest.json"):
        raise BundleError(f"{str(path)!r} is not a run: it has no manifest.json.")
    with naming_file("manifest.json"):
        said = read_plain_file(path / "manifest.json", Room(_MOST_MANIFEST))
        manifest = _parse_json(said)
        if manifest["format"] != BUNDLE_FORMAT:
            raise InputError(
                f"this version reads format {BUNDLE_FORMAT}. Got format "
                f"{manifest['format']!r}"
            )
        manifest["about"] = _facts(manifest.get("about", {}))
        hashes = dict(manifest["sha256"])
        unknown = sorted(set(hashes) - {*_REQUIRED, *_OPTIONAL})
        absent = sorted(set(_REQUIRED) - set(hashes))
        if unknown or absent:
            raise InputError(f"it names the unknown {unknown} and lacks {absent}")
    files = {"manifest.json": said}
    for name, expected in hashes.items():
        with naming_file(name):
            files[name] = read_plain_file(path / name, room)
            if _sha256(files[name]) != expected:
                raise InputError(
                    "its SHA-256 is not the one in manifest.json: the file is damaged, "
                    "was swapped, or belongs to another run"
                )
    return files, manifest


def _facts(about: Mapping[str, Any]) -> dict[str, str | int | float]:
    if not isinstance(about, Mapping):
        raise InputError(
            "The 'about' of a run must map texts to texts or numbers. Got a "
            f"{type(about).__name__}."
        )
    wrong = [
        name
        for name, value in about.items()
        if not isinstance(name, str)
        or not isinstance(value, str | int | float)
        or (isinstance(value, float) and not math.isfinite(value))
    ]
    if wrong:
        raise InputError(
            "The 'about' of a run must map texts to texts or numbers. Got another kind "
            f"of value for {wrong[0]!r}."
        )
    return dict(about)


def _json(values: Any) -> bytes:
    return json.dumps(values, indent=1, allow_nan=False, sort_keys=True).encode()


def _parse_json(content: bytes) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise InputError(f"{constant} is not allowed")

    values = json.loads(content, parse_constant=refuse)
    if not isinstance(values, dict):
        raise InputError(f"it must hold a JSON object. Got {type(values).__name__}")
    return values


def _npz(arrays: dict[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
