"""On which code a result was measured: nobody shall take an old one for a new one."""

import ast
import hashlib
import subprocess
from collections.abc import Callable, Iterable
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
    """Return a digest of the library's code, less the rooms on which no fit depends.

    What is said of it, in docstrings and comments, changes no figure.

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
    counted = (
        (place.as_posix(), file)
        for place, file in places
        if place.parts[0] not in _PASSED_OVER
    )
    return _digest(counted, _code)


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
    return _digest(((file.name, file) for file in files), Path.read_bytes)


def _digest(files: Iterable[tuple[str, Path]], content: Callable[[Path], bytes]) -> str:
    digest = hashlib.sha256()
    for name, file in files:
        digest.update(name.encode() + content(file))
    return digest.hexdigest()[:12]


def _code(file: Path) -> bytes:
    """Return a file's code without docstrings, comments and layout."""
    tree = ast.parse(file.read_text("utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [line for line in body if not _is_text(line)]
    return ast.dump(tree).encode()


def _is_text(line: ast.AST) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


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
        "files": _digest(((file.name, file) for file in files), _code),
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
