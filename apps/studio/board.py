"""What the server knows beyond one session: its jobs, and the runs that were shown.

A page that is loaded anew is another session; here it finds what the one before it
started or opened. It lasts as long as the server does, one board for a runs folder.
"""

import itertools
import threading
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from interpretkd._base import InputError
from interpretkd.runs import Job, SavedRun, saved_run

__all__ = ["Board", "Entry", "board_of", "is_there"]

_MOST_ENDED = 10


class Entry(NamedTuple):
    """A job, and what people call it."""

    number: int
    title: str
    job: Job


class Board:
    """The jobs of a server, the last started first, and the runs it has shown."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._jobs: list[Entry] = []
        self._runs: dict[str, SavedRun] = {}

    def add(self, title: str, job: Job) -> None:
        """Note a job that was started; of those that have ended, the oldest go."""
        with self._lock:
            self._jobs.insert(0, Entry(next(self._numbers), title, job))
            ended = [e for e in self._jobs if e.job.poll().state != "running"]
            for entry in ended[_MOST_ENDED:]:
                self._jobs.remove(entry)

    def jobs(self) -> tuple[Entry, ...]:
        """Return the jobs that run, and the ended ones that nobody dismissed."""
        with self._lock:
            return tuple(self._jobs)

    def dismiss(self, entry: Entry) -> None:
        """Forget a job that has ended."""
        with self._lock:
            if entry in self._jobs:
                self._jobs.remove(entry)

    def note_shown(self, run: SavedRun) -> None:
        """Remember a run by its key, so that an address leads to it again."""
        with self._lock:
            self._runs[run.key] = run

    def shown(self, key: str) -> SavedRun | None:
        """Return the run of that key, if this server has shown it; it may be gone."""
        with self._lock:
            return self._runs.get(key)


def is_there(run: SavedRun) -> bool:
    """Say whether a run still lies where it lay, and is still the same."""
    try:
        return saved_run(run.path).key == run.key
    except InputError:
        return False


def board_of(runs: Path) -> Board:
    """Return the board of a runs folder, the same for all sessions."""
    return _boards(str(runs.absolute()))


@st.cache_resource
def _boards(runs: str) -> Board:
    return Board()
