"""A run's folder put in its place at once: a reader sees the old run or the new one.

A writer works in a hidden folder beside the target, which it holds locked for as long
as it lives. Where the system can exchange two folders in one step (Linux, macOS), the
path is never empty. Elsewhere the old folder steps aside first: there the path is empty
for an instant, which readers wait out (`_folder.py`), and whatever goes wrong puts the
old folder back. What a killed writer left is removed by the next one.
"""

import contextlib
import ctypes
import errno
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from interpretkd._base import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_NEW, _OLD, _MADE = "new", "old", "made"
_AT_CWD = {"linux": -100, "darwin": -2}
_SWAP = 2
"""RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS."""
_MOST_TRIES = 100
_OLD_ENOUGH = 3600.0
"""Seconds after which a folder is taken for left, where folders cannot be locked."""
_IN_THE_WAY = {errno.ENOTEMPTY, errno.EEXIST} | (
    {errno.EACCES} if os.name == "nt" else set()
)


def _put_in_place(
    target: Path, files: Mapping[str, bytes], check: Callable[[Path], None]
) -> None:
    """Write files into a folder, and put it in the place of the one that is there.

    `check` raises InputError for a folder that must not be replaced.
    """
    place = Path(os.path.realpath(target))  # a link stays, what it leads to is replaced
    with _naming_target(target):
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            _clear_leftovers(place)
        with _holder(place) as holder:
            fresh = holder / _NEW
            fresh.mkdir()
            for name, content in files.items():
                _write_synced(fresh / name, content)
            _sync(fresh)
            _place(fresh, place, check)
            _sync(place.parent)
        _clear_leftovers(place)


def _place_free(made: Path, free: Callable[[], Path]) -> Path:
    """Move a folder to a name that is free; nothing is ever replaced."""
    for _ in range(_MOST_TRIES):
        target = free()
        try:
            os.rename(made, target)
        except OSError as error:
            if error.errno not in _IN_THE_WAY | {errno.ENOTDIR}:
                raise
        else:
            _sync(target.parent)
            return target
    raise InputError(f"There is no free name like {made.name!r}; give another one.")


@contextlib.contextmanager
def _naming_target(target: Path) -> Iterator[None]:
    """Say what cannot be written by the name that the user gave."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise InputError(
            f"The run cannot be written to {str(target)!r}: {why}."
        ) from error


def _place(fresh: Path, target: Path, check: Callable[[Path], None]) -> None:
    for _ in range(_MOST_TRIES):
        try:
            os.rename(fresh, target)  # where there is nothing, or an empty folder
            return
        except OSError as error:
            if error.errno not in _IN_THE_WAY:
                raise
        check(target)
        try:
            if not _exchange(fresh, target):
                _step_aside(fresh, target)
            return
        except FileNotFoundError:
            continue  # somebody removed it meanwhile
        except OSError as error:
            if error.errno not in _IN_THE_WAY:
                raise
    raise InputError(f"Others replace the run {str(target)!r} all the time.")


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two folders in one step; False where the system cannot."""
    swap = _swapper()
    if swap is None:
        return False
    if swap(os.fsencode(first), os.fsencode(second)) == 0:
        return True
    code = ctypes.get_errno()
    if code == errno.ENOENT:
        raise FileNotFoundError(code, os.strerror(code))
    return False  # a file system that cannot; a rename will tell any other reason


@cache
def _swapper() -> Callable[[bytes, bytes], int] | None:
    name = {"linux": "renameat2", "darwin": "renameatx_np"}.get(sys.platform)
    if name is None:
        return None
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is None:
        return None
    here = _AT_CWD[sys.platform]
    function.argtypes = (
        *(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p),
        ctypes.c_uint,
    )
    return lambda first, second: int(function(here, first, here, second, _SWAP))


def _step_aside(fresh: Path, target: Path) -> None:
    """Replace a folder in two steps; it is put back when the second one fails."""
    aside = fresh.with_name(_OLD)
    try:
        os.rename(target, aside)
        os.rename(fresh, target)
    except BaseException:
        if os.path.lexists(aside) and not os.path.lexists(target):
            with contextlib.suppress(OSError):  # another writer's is there by now
                os.rename(aside, target)
        raise
    finally:
        _forget(aside, target)


def _forget(aside: Path, target: Path) -> None:
    """Remove an old folder, unless there is nothing in its place."""
    if os.path.lexists(target):
        shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def _holder(target: Path) -> Iterator[Path]:
    """Make a hidden folder beside the target, locked, and remove it in the end."""
    holder, lock = _make_holder(target)
    try:
        yield holder
    finally:
        try:
            _remove(holder, target)
        except BaseException:  # interrupted once: the second time it ends the work
            _remove(holder, target)
            raise
        finally:
            _unlock(lock)


@contextlib.contextmanager
def _scratch(folder: Path, purpose: str) -> Iterator[Path]:
    """Make a hidden folder in a folder, to work in; those of killed ones are removed.

    What lies in it when the work is done or has failed is removed.
    """
    place = folder / purpose
    _clear_leftovers(place)
    with _holder(place) as holder:
        inner = holder / _NEW
        inner.mkdir()
        yield inner


def _remove(holder: Path, target: Path) -> None:
    # An old run in it may be all that is left, if there is nothing in its place.
    if os.path.lexists(target) or not os.path.lexists(holder / _OLD):
        shutil.rmtree(holder, ignore_errors=True)


def _make_holder(target: Path) -> tuple[Path, int | None]:
    while True:
        holder = Path(tempfile.mkdtemp(dir=target.parent, prefix=_prefix(target)))
        try:
            lock = _lock(holder)
        except (BlockingIOError, FileNotFoundError):
            continue  # another writer took it for left, before it was locked
        if lock is None or _is_there(holder, lock):
            return holder, lock
        _unlock(lock)


def _prefix(target: Path) -> str:
    return f".{target.name[:50]}."  # a long name with more behind it may be too long


def _lock(folder: Path) -> int | None:
    """Lock a folder while this process lives; None where folders cannot be locked.

    Raises BlockingIOError when somebody else holds it.
    """
    if fcntl is None:
        return None
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise
    except OSError:
        os.close(lock)
        return None
    return lock


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _is_there(folder: Path, lock: int) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(os.stat(folder), os.fstat(lock))
    return False


def _clear_leftovers(target: Path) -> None:
    """Remove the hidden folders beside a target whose writers are gone."""
    with contextlib.suppress(OSError):
        for folder in _holders(target):
            _clear(folder)


def _holders(target: Path) -> list[Path]:
    """Return the hidden folders beside a target that writers made: by name and kind."""
    named = re.compile(re.escape(_prefix(target)) + "[a-z0-9_]{8}")
    with os.scandir(target.parent) as entries:
        return [
            Path(entry.path)
            for entry in entries
            if named.fullmatch(entry.name)
            and entry.is_dir(follow_symlinks=False)
            and {*os.listdir(entry.path)} <= {_NEW, _OLD, _MADE}
        ]


def _clear(folder: Path) -> None:
    try:
        lock = _lock(folder)
    except OSError:  # its writer is at work, or has just ended
        return
    try:
        if lock is None and time.time() - folder.stat().st_mtime < _OLD_ENOUGH:
            return
        if lock is None or _is_there(folder, lock):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        _unlock(lock)


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Let a folder's entries reach the disk, where a folder can be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class _Scratch:
    """A hidden folder for a job's files, locked while this process lives.

    What a server that was killed has left is removed by the next job.
    """

    def __init__(self, parent: Path) -> None:
        place = parent / "job"
        _clear_leftovers(place)
        self.folder, self._held = _make_holder(place)
        self.inner = self.folder / _NEW
        self.inner.mkdir()
        self._lock = threading.Lock()

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        with self._lock:
            _unlock(self._held)
            self._held = None
