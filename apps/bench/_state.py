"""On which code a result was measured, so that nobody takes an old one for a new one."""

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import interpretkd

__all__ = ["LIBRARY", "files_digest", "source_digest", "state_of"]

LIBRARY = Path(interpretkd.__file__).parent
_PASSED_OVER = {
    *("cli", "drawing", "evaluation", "explain", "export", "reports", "rules"),
    "studio",
}
"""The rooms on which no fit depends."""


def source_digest(library: Path) -> str:
    """Return a digest of the library, less the rooms on which no fit depends.

    Parameters
    ----------
    library : Path
        The folder of the package.

    Returns
    -------
    str
        Twelve hexadecimal digits.
    """
    files = sorted(library.rglob("*.py"))
    places = [(file.relative_to(library), file) for file in files]
    return _digest(
        (place.as_posix(), file)
        for place, file in places
        if place.parts[0] not in _PASSED_OVER
    )


def files_digest(*files: Path) -> str:
    """Return a digest of some files, whatever folder they lie in.

    Parameters
    ----------
    *files : Path
        The files.

    Returns
    -------
    str
        Twelve hexadecimal digits.
    """
    return _digest((file.name, file) for file in files)


def _digest(files: Iterable[tuple[str, Path]]) -> str:
    digest = hashlib.sha256()
    for name, file in files:
        digest.update(name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def state_of(*files: Path) -> dict[str, Any]:
    """Return what tells one state of the code from another.

    Parameters
    ----------
    *files : Path
        What is measured beside the library, such as the file of a benchmark's row.

    Returns
    -------
    dict
        The version; the digests "library" and "files", which are compared; and the
        "commit", None outside of git, with "+" behind it when there was more.
    """
    return {
        "version": interpretkd.__version__,
        "commit": _commit(),
        "library": source_digest(LIBRARY),
        "files": files_digest(*files),
    }


def _commit() -> str | None:
    def git(*words: str) -> str:
        command = ["git", "-C", str(LIBRARY), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
