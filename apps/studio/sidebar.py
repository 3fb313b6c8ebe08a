"""The run and the size that all pages show, and how a page sets them."""

import os
from contextlib import suppress
from typing import NoReturn

import address
import caches
import session
import streamlit as st
import widgets
from board import is_there

from interpretkd._base import InputError
from interpretkd.data import image_schema
from interpretkd.evaluation import Analysis
from interpretkd.models import Linear, given_schema, view_makes_columns
from interpretkd.runs import SavedRun, saved_run

__all__ = [
    "offered_pages",
    "open_run",
    "show",
    "show_run",
    "show_size",
]

_PAGES = frozenset(
    {
        *("start", "train", "overview", "tree", "rules", "effects", "disagreements"),
        *("row", "whatif", "images", "compare", "export"),
    }
)


def show() -> None:
    """Let the user choose the run, and of a tree the size; both are in the address."""
    _find_again(address.noted("run"))
    offered = {run.key: run for run in session.runs()}
    st.session_state["_chosen"] = None
    index = _asked_for(list(offered))
    problem = session.remembered("gone")
    if problem and index is None:
        st.sidebar.error(problem, title="No run is shown")
    if not offered:
        return
    key = st.sidebar.selectbox(
        "Run",
        list(offered),
        index=index,
        format_func=lambda key: offered[key].name,
        placeholder="Choose a run",
        key="_run",
        help="Runs are read from folders; nothing in them is ever executed.",
    )
    if key is None:  # the address stays: loaded anew, it says the same
        address.write("run", address.noted("run"), "_run")
        return
    session.remember("gone", None)
    address.write("run", key, "_run")
    run = offered[key]
    session.board().note_shown(run)
    try:
        size = _choose_size(caches.analysis_of(run), run)
    except (InputError, OSError) as error:
        st.sidebar.error(str(error), title="This run cannot be opened")
        return
    st.session_state["_chosen"] = session.Chosen(run, size)


def offered_pages() -> frozenset[str]:
    """Return the pages that have something to show for the chosen run."""
    found = session.chosen()
    if found is None:
        return frozenset({"start", "train"})
    shown = caches.whole()
    absent = set()
    if isinstance(shown.form, Linear):
        absent |= {"tree", "rules"}
    if shown.tree is not None:
        absent.add("effects")
    if view_makes_columns(shown.model):  # no value of a row is one that is tested
        absent.add("whatif")
    if image_schema(given_schema(shown.form), shown.model) is None:
        absent.add("images")
    return _PAGES - absent


def open_run(path: str | os.PathLike[str]) -> None:
    """Open a run, show its overview.

    Raises InputError when it cannot be used; the session stays as it was.
    """
    run = saved_run(path)
    caches.analysis_of(run)
    session.note_opened(run)
    session.board().note_shown(run)
    show_run(run)


def show_run(run: SavedRun) -> NoReturn:
    """Show the overview of another run that is offered."""
    st.session_state["_next_run"] = run.key
    # Without an address of its own, a page whose widgets stand in it cannot be left.
    st.switch_page("views/overview.py", query_params={"run": run.key})


def show_size(run: SavedRun, size: int | None) -> None:
    """Set the sidebar's slider for a run: in a callback, before it is shown anew."""
    if size is not None:
        st.session_state[f"_size_{run.key}"] = size


def _find_again(key: str | None) -> None:
    """Offer the address's run again if this server has shown it, wherever it lies."""
    known = None if key is None else session.board().shown(key)
    if known is not None and is_there(known):
        session.note_opened(known)


def _asked_for(offered: list[str]) -> int | None:
    """Return which run to show: the one just opened, or the address's.

    None when that one is not there: another one is never shown in its place.
    """
    if "_next_run" in st.session_state:
        st.session_state["_run"] = st.session_state.pop("_next_run")
    asked = address.noted("run")
    if "_run" in st.session_state and not address.is_followed("run", "_run"):
        asked = st.session_state["_run"]
        if asked is None:
            return None
    if asked is None:
        return 0
    if asked in offered:
        st.session_state["_run"] = asked
        return 0
    session.remember("gone", _why_gone(asked))
    st.session_state["_run"] = None
    return None


def _why_gone(key: str) -> str:
    known = session.board().shown(key)
    if known is None:
        return (
            f"The link's run {widgets.plain(repr(key[:40]))} is not among the runs "
            "here. Open its folder on the Start page, then follow the link again."
        )
    name = f"The run {widgets.plain(repr(known.name))}"
    with suppress(InputError):
        saved_run(known.path)
        return f"{name} was replaced by another one since; choose it to see that."
    return f"{name} is no longer there: its folder was deleted or moved."


def _choose_size(found: Analysis, run: SavedRun) -> int | None:
    """Show the slider over the pruning path; None for the whole student."""
    if found.sizes is None or found.tree is None or found.tree.n_leaves < 3:
        return None
    most = found.tree.n_leaves
    key = f"_size_{run.key}"  # of its own for each run: another tree, another range
    if key not in st.session_state or address.is_followed("size", key):
        st.session_state[key] = address.number("size", most, 2, most)
    size = st.sidebar.slider(
        "Leaves",
        2,
        most,
        key=key,
        help="The best tree of every size within this one. A smaller one is cut on "
        "one half of the held-out rows and measured on the other half.",
    )
    address.write("size", None if size == most else str(size), key)
    if size == most:
        return None
    n_rows = len(caches.cut(run, size))
    st.sidebar.caption(f"Cut back from {most} leaves; measured on {n_rows:,} rows.")
    return size
