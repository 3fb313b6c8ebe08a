"""What a session remembers: the run that is shown, what was picked, what was opened.

Nothing else touches the session state, beside the sidebar for its own widgets.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st
from board import Board, board_of, is_there

from interpretkd._base import InputError
from interpretkd.runs import SavedRun, find_runs, saved_run
from interpretkd.studio import RUN, RUNS

__all__ = [
    "Chosen",
    "board",
    "chosen",
    "follow_click",
    "happened",
    "note_opened",
    "picked",
    "put",
    "remember",
    "remembered",
    "runs",
    "runs_folder",
]


class Chosen(NamedTuple):
    """The run and the size that the sidebar shows."""

    run: SavedRun
    size: int | None


def runs_folder() -> Path:
    """Return the folder of runs."""
    return Path(os.environ.get(RUNS, "runs"))


def board() -> Board:
    """Return what all sessions of this server know."""
    return board_of(runs_folder())


def runs() -> tuple[SavedRun, ...]:
    """Return the runs to choose from: the one given, those opened, the folder's."""
    found: dict[str, SavedRun] = {}
    first = []
    with suppress(InputError):  # it may have been deleted since
        first += [saved_run(os.environ[RUN])] if RUN in os.environ else []
    opened = [run for run in _opened() if is_there(run)]
    for run in [*first, *opened, *find_runs(runs_folder())]:
        found.setdefault(run.key, run)
    return tuple(found.values())


def note_opened(run: SavedRun) -> None:
    """Offer a run in this session, wherever it lies."""
    if run.key not in {known.key for known in runs()}:
        st.session_state["_opened"] = (*_opened(), run)


def chosen() -> Chosen | None:
    """Return the run and the size that are shown; None when no run is open."""
    found: Chosen | None = st.session_state.get("_chosen")
    return found


def remembered(name: str, default: Any = None) -> Any:
    """Return what this session keeps under a name."""
    return st.session_state.get(f"_{name}", default)


def remember(name: str, value: Any) -> None:
    """Keep something for this session."""
    st.session_state[f"_{name}"] = value


def put(**widgets: Any) -> None:
    """Set widgets by their keys: in a callback, before they are shown anew."""
    for key, value in widgets.items():
        st.session_state[key] = value


def picked(table: str) -> list[int]:
    """Return the positions of the rows that are picked in a table of that key."""
    selection = st.session_state.get(table, {}).get("selection", {})
    return list(selection.get("rows", []))


def follow_click(chart: str, field: str, widget: str) -> None:
    """Set a widget to what was clicked in a chart; for the chart's `on_select`.

    The chart's selection must be called "point". A click beside all points leaves the
    widget as it is.
    """
    picked = st.session_state[chart]["selection"].get("point", [])
    if picked and field in picked[0]:
        st.session_state[widget] = picked[0][field]


def happened(component: str) -> dict[str, Any]:
    """Return the event that a component of that key just sent; in its callback."""
    event = st.session_state.get(component, {}).get("event")
    return dict(event or {})


def _opened() -> tuple[SavedRun, ...]:
    found: tuple[SavedRun, ...] = st.session_state.get("_opened", ())
    return found
