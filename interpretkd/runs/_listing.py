"""The saved runs in a folder, known by a name and by what they hold."""

import contextlib
import datetime
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interpretkd._base import InputError
from interpretkd.runs._limits import MOST_UNPACKED, Room, read_plain_file
from interpretkd.runs._replace import _place_free

_MANIFEST = "manifest.json"
_MOST_MANIFEST = 2**20
_DEEPEST = 3
"""How many folders below the runs folder a run may lie."""
_LONGEST_NAME = 60


@dataclass(frozen=True)
class SavedRun:
    """Where a run lies, not opened yet.

    Parameters
    ----------
    path : Path
        The run's folder.
    name : str
        What people call it: its place in the runs folder.
    key : str
        Stands for the run in an address: eight hexadecimal digits of the hash of its
        manifest, which holds the hashes of its files. A run made anew has another.
    """

    path: Path
    name: str
    key: str


@dataclass(frozen=True)
class RunFacts:
    """What a list of runs says of one of them.

    Parameters
    ----------
    data : str
        What it was made from; "" when that is not known.
    student : str
        The kind of student; "" when that is not known.
    made : datetime
        When it was saved, by the clock of this machine.
    """

    data: str
    student: str
    made: datetime.datetime


def saved_run(path: str | os.PathLike[str], *, name: str | None = None) -> SavedRun:
    """Find a run in its folder; nothing but its manifest is read.

    Parameters
    ----------
    path : str or path
        The run's folder, or the manifest in it.
    name : str, default=None
        What to call it; None takes the folder's name.

    Returns
    -------
    SavedRun
        For `interpretkd.runs.load_run`, which checks it.

    Raises
    ------
    InputError
        When there is no run.
    """
    folder = Path(path)
    folder = folder.parent if folder.name == _MANIFEST else folder
    try:
        content = read_plain_file(folder / _MANIFEST, Room(_MOST_MANIFEST))
    except (OSError, ValueError):  # ValueError: a NUL in the path
        raise InputError(
            f"There is no run in {str(path)!r}: a run is a folder that save() or "
            f"`interpretkd distill` made, with a file {_MANIFEST!r}."
        ) from None
    key = hashlib.sha256(content).hexdigest()[:8]
    return SavedRun(folder, folder.resolve().name if name is None else name, key)


def find_runs(folder: str | os.PathLike[str]) -> tuple[SavedRun, ...]:
    """Find the runs in a folder and the folders in it.

    Parameters
    ----------
    folder : str or path
        The runs folder; where there is none, it holds nothing.

    Returns
    -------
    tuple of SavedRun
        In the order of their names.
    """
    top = Path(folder)
    found = []
    for path in _folders(top):
        with contextlib.suppress(InputError):  # no file, or gone since it was found
            name = path.relative_to(top).as_posix() or path.name
            found.append(saved_run(path, name=name))
    return tuple(sorted(found, key=lambda run: run.name))


def read_facts(run: SavedRun) -> RunFacts:
    """Read from a run's files what a list says of it, without opening the run.

    Parameters
    ----------
    run : SavedRun
        Where it lies; a damaged one is no error here, only when it is opened.

    Returns
    -------
    RunFacts
        Data, kind and date.
    """
    about = _read_object(run.path / _MANIFEST).get("about")
    student = _read_object(run.path / "model.json").get("student")
    data = about.get("data") if isinstance(about, dict) else None
    kind = student.get("class") if isinstance(student, dict) else None
    try:
        seconds = (run.path / _MANIFEST).stat().st_mtime
    except OSError:  # removed since it was found
        seconds = 0.0
    return RunFacts(
        str(data or ""), str(kind or ""), datetime.datetime.fromtimestamp(seconds)
    )


def run_folder(runs: str | os.PathLike[str], name: str) -> Path:
    """Return the folder for a new run that a person has named.

    Parameters
    ----------
    runs : str or path
        The folder of runs.
    name : str
        Letters, digits, spaces, dots, dashes and underscores.

    Returns
    -------
    Path
        A folder in the runs folder that is not there yet.

    Raises
    ------
    InputError
        For another name, and one that is taken.

    Examples
    --------
    >>> run_folder("runs", "../etc")
    Traceback (most recent call last):
    interpretkd._base.errors.InputError: A run's name must be of letters, digits, \
spaces, '.', '-' and '_', 60 at most, and begin with a letter or digit. Got '../etc'.
    """
    if name != _safe_name(name) or name != name.strip(" ."):
        raise InputError(
            "A run's name must be of letters, digits, spaces, '.', '-' and '_', "
            f"{_LONGEST_NAME} at most, and begin with a letter or digit. "
            f"Got {name[:80]!r}."
        )
    folder = Path(runs) / name
    if os.path.lexists(folder):
        raise InputError(f"There is a run {name!r} already; give another name.")
    return folder


def _place_run(made: Path, wanted: Path) -> Path:
    """Move a run that was made beside to where it is wanted, or to the next free name.

    Parameters
    ----------
    made : Path
        The run's folder as it was made, on the same drive.
    wanted : Path
        What to call it; with "-2" behind it, and so on, where that is taken.

    Returns
    -------
    Path
        Where it lies now. Nothing that is there is ever replaced.
    """
    return _place_free(made, lambda: _free_folder(wanted.parent, wanted.name))


def suggest_name(runs: str | os.PathLike[str], title: str) -> str:
    """Suggest a name for a new run that is not taken.

    Parameters
    ----------
    runs : str or path
        The folder of runs.
    title : str
        What it is made from; any text.

    Returns
    -------
    str
        A name that `run_folder` takes.

    Examples
    --------
    >>> suggest_name("no such folder", "<b>people</b> cart")
    'b_people__b_ cart'
    """
    return _free_folder(Path(runs), _safe_name(title)).name


def _folders(top: Path) -> Iterator[Path]:
    """Walk down to the runs, not into them and not into hidden folders."""
    for place, inner, files in os.walk(top):
        here = Path(place)
        if _MANIFEST in files:
            inner.clear()
            yield here
        elif len(here.relative_to(top).parts) == _DEEPEST:
            inner.clear()
        else:
            inner[:] = [name for name in inner if not name.startswith(".")]


def _read_object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_plain_file(path, Room(MOST_UNPACKED)))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def same_rows_runs(run: SavedRun, others: Iterable[SavedRun]) -> tuple[SavedRun, ...]:
    """Find the runs that were saved with exactly the same rows, without opening them.

    Parameters
    ----------
    run : SavedRun
        The one to compare with.
    others : iterable of SavedRun
        Those to choose from.

    Returns
    -------
    tuple of SavedRun
        Those whose file of rows, labels and teacher's logits has the same hash.
    """
    own = _rows_hash(run)
    if own is None:
        return ()
    return tuple(other for other in others if _rows_hash(other) == own)


def _rows_hash(run: SavedRun) -> object:
    """Return what a manifest says of the rows; None where it cannot be read."""
    hashes = _read_object(run.path / _MANIFEST).get("sha256")
    return hashes.get("evaluation.parquet") if isinstance(hashes, dict) else None


def _safe_name(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in " .-_" else "_" for c in name)
    return kept.lstrip(" .-_")[:_LONGEST_NAME].rstrip(" .") or "run"


def _free_folder(runs: Path, name: str) -> Path:
    number, folder = 1, runs / name
    while os.path.lexists(folder):
        number += 1
        ending = f"-{number}"
        folder = runs / f"{name[: _LONGEST_NAME - len(ending)].rstrip(' .')}{ending}"
    return folder
