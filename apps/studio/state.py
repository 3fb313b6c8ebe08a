"""What a session remembers, what all sessions share, and what stands in the address.

Nothing else touches caches, session state or the address. An analysis is kept for each
open run, known by its hash and never by its content, and shared by all sessions. A page
asks for `analysis` and gets the student cut to the size that the sidebar is set to.
"""

import os
from collections.abc import Callable, Hashable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import streamlit as st

from interpretkd._validation import InputError
from interpretkd.analysis import Analysis, analyse_run
from interpretkd.persistence import load_run
from interpretkd.schema import image_schema
from interpretkd.shelf import SavedRun, find_runs, saved_run
from interpretkd.studio import RUN, SHELF

__all__ = [
    "Chosen",
    "address",
    "analysis",
    "analysis_of",
    "chosen",
    "follow_click",
    "go",
    "happened",
    "kept",
    "kept_whole",
    "link",
    "look_at",
    "note",
    "noted",
    "number",
    "offered_pages",
    "open_run",
    "picked",
    "put",
    "remember",
    "remembered",
    "row_number",
    "runs",
    "shelf",
    "show_run",
    "show_size",
    "sidebar",
    "whole",
]


_PAGES = frozenset(
    {
        *("start", "train", "overview", "tree", "rules", "effects", "disagreements"),
        *("row", "whatif", "images", "compare", "export"),
    }
)


class Chosen(NamedTuple):
    """The run and the size that the sidebar shows."""

    run: SavedRun
    size: int | None


def shelf() -> Path:
    """Return the folder of runs."""
    return Path(os.environ.get(SHELF, "runs"))


def runs() -> tuple[SavedRun, ...]:
    """Return the runs that can be chosen: the one given, those opened, the shelf's."""
    found: dict[str, SavedRun] = {}
    first = []
    with suppress(InputError):  # it may have been deleted since
        first += [saved_run(os.environ[RUN])] if RUN in os.environ else []
    for run in [*first, *_opened(), *find_runs(shelf())]:
        found.setdefault(run.key, run)
    return tuple(found.values())


def open_run(path: str | os.PathLike[str]) -> None:
    """Open a run, show its overview.

    Raises InputError when it cannot be used; the session stays as it was.
    """
    run = saved_run(path)
    _load(run.key, str(run.path))
    if run.key not in {known.key for known in runs()}:
        st.session_state["_opened"] = (*_opened(), run)
    show_run(run)


def sidebar() -> None:
    """Let the user choose the run, and of a tree the size; both are in the address."""
    offered = {run.key: run for run in runs()}
    st.session_state["_chosen"] = None
    if not offered:
        return
    key = st.sidebar.selectbox(
        "Run",
        list(offered),
        index=_asked_for(list(offered)),
        format_func=lambda key: offered[key].name,
        key="_run",
        help="Runs are read from folders; nothing in them is ever executed.",
    )
    _write("run", key, "_run")
    run = offered[key]
    try:
        found = _load(run.key, str(run.path))
    except (InputError, OSError) as error:
        st.sidebar.error(str(error), title="This run cannot be opened")
        return
    st.session_state["_chosen"] = Chosen(run, _choose_size(found, run))


def offered_pages() -> frozenset[str]:
    """Return the pages that have something to show for the chosen run."""
    found = chosen()
    if found is None:
        return frozenset({"start", "train"})
    shown = whole()
    absent = set()
    if shown.family == "LinearStudent":
        absent |= {"tree", "rules"}
    if shown.tree is not None:
        absent.add("effects")
    if image_schema(shown.model.schema_, shown.model) is None:
        absent.add("images")
    return _PAGES - absent


def address() -> dict[str, str]:
    """Return what every page's address says: the run, and the size if it was cut."""
    found = chosen()
    if found is None:
        return {}
    size = {} if found.size is None else {"size": str(found.size)}
    return {"run": found.run.key, **size}


def chosen() -> Chosen | None:
    """Return the run and the size that are shown; None when no run is open."""
    found: Chosen | None = st.session_state.get("_chosen")
    return found


def analysis() -> Analysis:
    """Return the student of the chosen size, on the rows it is measured on."""
    run, size = _need_run()
    if size is None:
        return _load(run.key, str(run.path))
    return _cut(run.key, size, str(run.path))


def whole() -> Analysis:
    """Return the student as it was saved, on all rows of the run."""
    run, _ = _need_run()
    return _load(run.key, str(run.path))


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


def number(name: str, default: int, low: int, high: int) -> int:
    """Return a whole number of the address; the default where there is none.

    Out of range or no number, it is the default, and the page says so.
    """
    given = st.query_params.get(name)
    if given is None:
        return default
    if given.isascii() and given.isdigit() and low <= int(given[:12]) <= high:
        return int(given)
    st.warning(
        f"The address asks for the {name} {given[:40]!r}; there are {low} to {high}. "
        f"This is {name} {default}.",
        title=f"No such {name}",
    )
    return default


def row_number() -> int:
    """Return which row of the whole run is looked at, from 1; it is in the address."""
    n_rows = len(whole())
    row = number("row", min(remembered("row", 1), n_rows), 1, n_rows)
    st.query_params["row"] = str(row)
    remember("row", row)
    return row


def look_at(row: int) -> None:
    """Look at another row, from 1, on whatever page this is."""
    st.query_params["row"] = str(row)
    remember("row", row)


def remembered(name: str, default: Any = None) -> Any:
    """Return what this session keeps under a name."""
    return st.session_state.get(f"_{name}", default)


def remember(name: str, value: Any) -> None:
    """Keep something for this session."""
    st.session_state[f"_{name}"] = value


def go(page: str, **where: Any) -> NoReturn:
    """Show another page, with what stands in its address."""
    texts = {name: str(value) for name, value in where.items()}
    st.switch_page(f"views/{page}.py", query_params=address() | texts)


def link(label: str, page: str, **where: Any) -> None:
    """Show a link to another page, with what stands in its address.

    A link and no button: only then does the browser's Back lead to the page as it was.
    """
    st.page_link(
        f"views/{page}.py",
        label=label,
        icon=":material/arrow_forward:",
        query_params=address() | {name: str(value) for name, value in where.items()},
    )


def put(**widgets: Any) -> None:
    """Set widgets by their keys: in a callback, before they are shown anew."""
    for key, value in widgets.items():
        st.session_state[key] = value


def picked(table: str) -> list[int]:
    """Return the positions of the rows that are picked in a table of that key."""
    selection = st.session_state.get(table, {}).get("selection", {})
    return list(selection.get("rows", []))


def noted(name: str) -> str | None:
    """Return what the address says under a name; None where it says nothing."""
    found: str | None = st.query_params.get(name)
    return found


def note(name: str, text: str | None) -> None:
    """Write something under a name into the address; None takes it out."""
    if text is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != text:
        st.query_params[name] = text


def analysis_of(run: SavedRun) -> Analysis:
    """Return another run's student, as it was saved, on all its rows.

    Raises InputError when it cannot be used.
    """
    return _load(run.key, str(run.path))


def follow_click(chart: str, field: str, widget: str) -> None:
    """Set a widget to what was clicked in a chart; for the chart's `on_select`.

    The chart's selection must be called "point". A click beside all points leaves the
    widget as it is.
    """
    picked = st.session_state[chart]["selection"].get("point", [])
    if picked and field in picked[0]:
        st.session_state[widget] = picked[0][field]


def show_size(run: SavedRun, size: int | None) -> None:
    """Set the sidebar's slider for a run: in a callback, before it is shown anew."""
    if size is not None:
        st.session_state[f"_size_{run.key}"] = size


def happened(component: str) -> dict[str, Any]:
    """Return the event that a component of that key just sent; in its callback."""
    event = st.session_state.get(component, {}).get("event")
    return dict(event or {})


def show_run(run: SavedRun) -> NoReturn:
    """Show the overview of another run that is offered."""
    st.session_state["_next_run"] = run.key
    # Without an address of its own, a page whose widgets stand in it cannot be left.
    st.switch_page("views/overview.py", query_params={"run": run.key})


def kept_whole(name: str, compute: Callable[[], Any], *settings: Hashable) -> Any:
    """Compute something once for the chosen run, as `kept`, whatever its size."""
    return _kept(_need_run().run.key, None, name, ("whole", *settings), compute)


def _need_run() -> Chosen:
    found = chosen()
    if found is None:
        st.info("Open a run, or make one, on the Start page.", title="No run is open")
        if st.button("Go to Start", type="primary"):
            go("start")
        st.stop()
    return found


def _asked_for(offered: list[str]) -> int:
    """Return which run to show: the one just opened, or the address's if it is here."""
    if "_next_run" in st.session_state:
        st.session_state["_run"] = st.session_state.pop("_next_run")
    if "_run" in st.session_state and not _is_followed("run", "_run"):
        return 0
    asked = st.query_params.get("run")
    if asked is None:
        return 0
    if asked in offered:
        st.session_state["_run"] = asked
        return 0
    st.sidebar.warning(
        f"The link's run {asked[:40]!r} is not among the runs here. Open its folder on "
        "the Start page, then follow the link again.",
        title="Another run",
    )
    return 0


def _is_followed(name: str, widget: str) -> bool:
    """Say whether the address was changed by a person: typed, or by Back.

    Not so when the widget itself was moved: its next move may come before the address
    of the last one has reached the browser.
    """
    text, value = remembered("written", {}).get(name, (None, None))
    moved = st.session_state.get(widget) != value
    return not moved and st.query_params.get(name) != text


def _write(name: str, text: str | None, widget: str) -> None:
    """Write what a widget says into the address, and note that it was us."""
    said = (text, st.session_state.get(widget))
    remember("written", remembered("written", {}) | {name: said})
    note(name, text)


def _opened() -> tuple[SavedRun, ...]:
    found: tuple[SavedRun, ...] = st.session_state.get("_opened", ())
    return found


def _choose_size(found: Analysis, run: SavedRun) -> int | None:
    """Show the slider over the pruning path; None for the whole student."""
    if found.sizes is None or found.tree is None or found.tree.n_leaves < 3:
        return None
    most = found.tree.n_leaves
    key = f"_size_{run.key}"  # of its own for each run: another tree, another range
    if key not in st.session_state or _is_followed("size", key):
        st.session_state[key] = number("size", most, 2, most)
    size = st.sidebar.slider(
        "Leaves",
        2,
        most,
        key=key,
        help="The best tree of every size within this one. A smaller one is cut on "
        "one half of the held-out rows and measured on the other half.",
    )
    _write("size", None if size == most else str(size), key)
    if size == most:
        return None
    n_rows = len(_cut(run.key, size, str(run.path)))
    st.sidebar.caption(f"Cut back from {most} leaves; measured on {n_rows:,} rows.")
    return size


@st.cache_resource(max_entries=8, show_spinner="Opening the run ...")
def _load(key: str, path: str) -> Analysis:
    return analyse_run(load_run(path, late_teacher=True))


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
