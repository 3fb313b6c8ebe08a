"""What all sessions share: an analysis for each open run, and what was computed of it.

A run is known by its hash and never by its content. A page asks for `analysis` and gets
the student cut to the size that the sidebar is set to.
"""

from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st
from session import Chosen, chosen

from interpretkd.evaluation import Analysis
from interpretkd.models import view_makes_columns
from interpretkd.runs import SavedRun, analyse_run, load_run

__all__ = [
    "analysis",
    "analysis_of",
    "cut",
    "kept",
    "kept_whole",
    "whole",
]


def analysis() -> Analysis:
    """Return the student of the chosen size, on the rows it is measured on."""
    run, size = _need_run()
    return analysis_of(run) if size is None else cut(run, size)


def whole() -> Analysis:
    """Return the student as it was saved, on all rows of the run."""
    return analysis_of(_need_run().run)


def analysis_of(run: SavedRun) -> Analysis:
    """Return another run's student, as it was saved, on all its rows.

    Raises InputError when it cannot be used.
    """
    return _load(run.key, str(run.path))


def cut(run: SavedRun, size: int) -> Analysis:
    """Return a run's student cut to a size, on the rows that it is measured on."""
    return _cut(run.key, size, str(run.path))


def kept(name: str, compute: Callable[[], Any], *settings: Hashable) -> Any:
    """Compute something once for the chosen run and size, for all sessions.

    Parameters
    ----------
    name : str
        Of what is computed.
    compute : callable
        Makes it, out of the run, the size and the settings alone.
    *settings : hashable
        What else the result depends on.
    """
    run, size = _need_run()
    return _kept(run.key, size, name, settings, compute)


def kept_whole(name: str, compute: Callable[[], Any], *settings: Hashable) -> Any:
    """Compute something once for the chosen run, as `kept`, whatever its size."""
    return _kept(_need_run().run.key, None, name, ("whole", *settings), compute)


def _need_run() -> Chosen:
    found = chosen()
    if found is None:
        st.info("Open a run, or make one, on the Start page.", title="No run is open")
        if st.button("Go to Start", type="primary"):
            st.switch_page("views/start.py", query_params={})
        st.stop()
    return found


@st.cache_resource(max_entries=8, show_spinner="Opening the run ...")
def _load(key: str, path: str) -> Analysis:
    found = analyse_run(load_run(path, late_teacher=True))
    if view_makes_columns(found.model):
        _ = found.codes  # a layer that cannot be read leaves no page with anything
    return found


@st.cache_resource(max_entries=16, show_spinner=False)
def _cut(key: str, size: int, path: str) -> Analysis:
    return _load(key, path).cut(size)


@st.cache_resource(max_entries=128, show_spinner=False)
def _kept(
    key: str,
    size: int | None,
    name: str,
    settings: tuple[Hashable, ...],
    _compute: Callable[[], Any],
) -> Any:
    return _compute()
