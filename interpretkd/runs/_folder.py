"""A run's folder on disk: its files, their hashes, and how it is put in its place.

Nothing here knows of models; what the files hold is read in `_bundle.py`.
"""

import hashlib
import io
import json
import platform
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import BundleError, InputError, __version__, naming_file

BUNDLE_FORMAT = 1
"""The version of the bundle; a reader refuses any other."""
_REQUIRED = ("model.json", "schema.json", "student.npz", "teacher.json")
_OPTIONAL = (
    "baseline.npz",
    "teacher.safetensors",
    "teacher.onnx",
    "evaluation.parquet",
)
_RUN_FILES = frozenset({"manifest.json", *_REQUIRED, *_OPTIONAL})


def _write_folder(
    target: Path, files: Mapping[str, bytes], about: Mapping[str, Any]
) -> None:
    """Write files and manifest beside the target, then put the folder in its place."""
    manifest = {
        "format": BUNDLE_FORMAT,
        "interpretkd": __version__,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in ("numpy", "scikit-learn")},
        "about": _facts(about),
        "sha256": {name: _sha256(content) for name, content in files.items()},
    }
    files = {**files, "manifest.json": _json(manifest)}
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        fresh.chmod(0o755)
        if target.exists():
            old = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
            target.rename(old / "old")
            fresh.rename(target)
            shutil.rmtree(old)
        else:
            fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _check_replaceable(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError(f"The run {str(target)!r} must be a folder. There is a file.")
    if any(target.iterdir()) and not (target / "manifest.json").is_file():
        raise InputError(
            f"The folder {str(target)!r} holds something that is not a run; it is left "
            "alone. Name another folder."
        )


def _verified(path: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Read the files that the manifest names, if they are what it says."""
    if not (path / "manifest.json").is_file():
        raise BundleError(f"{str(path)!r} is not a run: it has no manifest.json.")
    with naming_file("manifest.json"):
        manifest = _parse_json((path / "manifest.json").read_bytes())
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
    files = {}
    for name, expected in hashes.items():
        with naming_file(name):
            files[name] = (path / name).read_bytes()
            if _sha256(files[name]) != expected:
                raise InputError(
                    "its SHA-256 is not the one in manifest.json: the file is damaged, "
                    "was swapped, or belongs to another run"
                )
    return files, manifest


def _facts(about: Mapping[str, Any]) -> dict[str, str | int | float]:
    wrong = [
        name
        for name, value in about.items()
        if not isinstance(name, str) or not isinstance(value, str | int | float)
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


def _parse_npz(content: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
