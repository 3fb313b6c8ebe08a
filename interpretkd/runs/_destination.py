"""Where a run may be saved: asked before anything is computed, and again at the end."""

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from interpretkd._base import InputError
from interpretkd.runs._replace import _naming_target

_MANIFEST = "manifest.json"
_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
"""What systems put into any folder on their own."""
_MOST_MANIFEST = 2**20
RUN_FILES = frozenset(
    {
        *(_MANIFEST, "model.json", "schema.json", "student.npz", "baseline.npz"),
        *("teacher.json", "teacher.safetensors", "teacher.onnx", "teacher.zip"),
        *("view.npz", "evaluation.parquet"),
    }
)
"""Every file that a run may have."""


def check_destination(path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Say before a training whether its run can be saved to a folder.

    Parameters
    ----------
    path : str or path
        The run's folder; what is missing above it is made when it is saved.
    overwrite : bool, default=False
        Whether a run that is there may be replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        When there is a run already, a file, or a folder that is no run, and where
        nothing can be written.
    """
    target = _as_folder(path)
    with _naming_target(target):
        _check_replaceable(target)
        if not overwrite and target.is_dir() and any(target.iterdir()):
            raise InputError(
                f"There is a run in {str(target)!r} already: give another folder, or "
                "allow to replace it with overwrite (--overwrite)."
            )
        _check_outside(target)
        _try_to_write(Path(os.path.realpath(target)).parent)
    return target


def _as_folder(path: Any) -> Path:
    """Return a path that a user gave, if it is one."""
    if not isinstance(path, str | os.PathLike):
        raise InputError(
            f"A run's folder must be a path. Got {path!r:.80}, of type "
            f"{type(path).__name__}."
        )
    text = os.fspath(path)
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise InputError(f"A run's folder must be a path. Got {text!r:.80}.")
    return Path(path)


def _check_replaceable(target: Path) -> None:
    """Refuse to replace what is no run, or holds more than a run's files."""
    while True:
        before = _identity(target)
        try:
            _check_now(target)
            return
        except InputError:
            if _identity(target) == before:
                raise
        except FileNotFoundError:
            pass  # another writer has just moved it


def _identity(folder: Path) -> tuple[int, int] | None:
    with contextlib.suppress(FileNotFoundError):
        found = folder.stat()
        return found.st_dev, found.st_ino
    return None


def _check_now(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError(f"The run {str(target)!r} must be a folder. There is a file.")
    found = {entry.name for entry in target.iterdir()} - _LITTER
    if not found:
        return
    if not _has_manifest(target):
        raise InputError(
            f"The folder {str(target)!r} holds something that is not a run; it is left "
            "alone. Name another folder."
        )
    others = sorted(found - RUN_FILES)
    if others:
        raise InputError(
            f"The run {str(target)!r} holds {others[0]!r}, which is no file of a run "
            "and would be lost; move it away or name another folder."
        )


def _has_manifest(folder: Path) -> bool:
    """Say whether a folder has the manifest of a run, of whatever format."""
    manifest = folder / _MANIFEST
    try:
        if not manifest.is_file() or manifest.stat().st_size > _MOST_MANIFEST:
            return False
        found = json.loads(manifest.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"format", "sha256"} <= set(found)


def _check_outside(target: Path) -> None:
    for above in target.absolute().parents:
        if _has_manifest(above):
            raise InputError(
                f"The folder {str(target)!r} lies inside the run {str(above)!r}; name "
                "one outside of it."
            )


def _try_to_write(parent: Path) -> None:
    """Make a folder where the run will lie, and leave all as it was."""
    made = []
    try:
        for folder in reversed([parent, *parent.parents]):
            if not os.path.lexists(folder):
                folder.mkdir()
                made.append(folder)
        os.rmdir(tempfile.mkdtemp(dir=parent, prefix=".try."))
    finally:
        for folder in reversed(made):
            folder.rmdir()
