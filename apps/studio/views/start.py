"""Opening a run, or letting a demo make one."""

from pathlib import Path
from typing import NamedTuple

import session
import sidebar
import streamlit as st
import widgets

from interpretkd.runs import (
    DEMO_STUDENTS,
    DemoOrder,
    Job,
    SavedRun,
    find_runs,
    read_facts,
    start_job,
    unpack_run,
)

_SHOWN_AT_ONCE = 8
_KINDS = {
    "CartStudent": "one tree",
    "ScoredTreeStudent": "a tree of sums",
    "BoostedStudent": "boosted trees",
    "LinearStudent": "coefficients",
}


class _Demo(NamedTuple):
    title: str
    about: str
    takes: str


_DEMOS = {
    "german": _Demo(
        "German credit",
        "Who pays a loan back: 1,000 people, 20 columns, most of them in words.",
        "10 seconds",
    ),
    "digits": _Demo(
        "Digits",
        "Which digit was written: 1,797 pictures of 8 by 8 pixels.",
        "half a minute",
    ),
    "connect4": _Demo(
        "Connect-4",
        "Who wins: 67,557 positions, 42 columns. The tree is there before the rest.",
        "3 minutes",
    ),
}


def show_runs() -> None:
    """Offer the runs that are there, the last made first."""
    facts = {run: read_facts(run) for run in session.runs()}
    order = sorted(facts, key=lambda run: facts[run].made, reverse=True)
    st.subheader("Runs that are here", anchor=False)
    if not order:
        st.write("There is none yet. Make one with a demo, or from your data.")
        return
    shown = order
    if len(order) > _SHOWN_AT_ONCE and not st.toggle(f"Show all {len(order)} runs"):
        shown = order[:_SHOWN_AT_ONCE]
    for run in shown:
        name, about, when, button = st.columns(
            [4, 4, 3, 2], vertical_alignment="center"
        )
        name.markdown(f"**{widgets.plain(run.name)}**")
        kind = _KINDS.get(facts[run].student, facts[run].student)
        said = " · ".join(
            widgets.plain(text) for text in (facts[run].data, kind) if text
        )
        about.markdown(said or "Nothing is said of it")
        when.markdown(f"{facts[run].made:%Y-%m-%d %H:%M}")
        if button.button("Open", key=f"open_{run.key}", help=widgets.plain(run.name)):
            _open(run.path)


def ask_for_folder() -> None:
    """Open a run that lies somewhere else on this machine."""
    st.subheader("A run in another folder", anchor=False)
    with st.form("folder", border=False):
        path = st.text_input("Folder", placeholder="runs/credit/cart")
        wanted = st.form_submit_button("Open the folder")
    if wanted and not path.strip():
        st.error("Type the path of a run's folder.", title="No folder")
    elif wanted:
        _open(Path(path.strip()).expanduser())


def ask_for_upload() -> None:
    """Unpack a zipped run into the runs folder, and open it."""
    st.subheader("A zipped run", anchor=False)
    # Its kind is checked by its content: Streamlit breaks off at another ending.
    file = st.file_uploader(
        "Zip file of a run's folder",
        key="zipped",
        max_upload_size=200,
        help="It is unpacked among the runs; nothing in it is ever executed.",
    )
    if file is None:
        return
    path = None
    with widgets.problems("This run cannot be used"):
        path = unpack_run(file.getvalue(), session.runs_folder(), file.name)
    if path is not None:
        _open(path)


def show_demos() -> None:
    """Open or make the demos; what takes time is watched and can be stopped."""
    st.subheader("Demos", anchor=False)
    st.write(
        "Each trains a network and distils it into a tree, boosted trees and "
        "coefficients, on data that comes along."
    )
    name, job = session.remembered("demo", (None, None))
    busy = isinstance(job, Job) and job.poll().state == "running"
    for column, (demo, told) in zip(st.columns(3), _DEMOS.items(), strict=True):
        with column.container(border=True):
            st.markdown(f"**{told.title}**")
            st.write(told.about)
            _offer(demo, find_runs(_folder(demo)), busy)
    if isinstance(job, Job):
        _show_job(_DEMOS[name].title, job)


def _offer(demo: str, made: tuple[SavedRun, ...], busy: bool) -> None:
    """Show the button that opens a demo, and the one that makes what is not there."""
    best = sorted(made, key=lambda run: (run.name != "cart", run.name))
    if best and st.button(f"Open {_DEMOS[demo].title}", key=f"open_{demo}"):
        _open(best[0].path)
    if len(made) == len(DEMO_STUDENTS):
        return
    st.caption(f"Making it takes about {_DEMOS[demo].takes}.")
    title = "Make the rest" if made else f"Make {_DEMOS[demo].title}"
    if st.button(title, key=f"make_{demo}", disabled=busy):
        with widgets.problems("The demo cannot be made"):
            job = start_job(DemoOrder(str(_folder(demo)), demo))
            session.remember("demo", (demo, job))
            session.board().add(_DEMOS[demo].title, job)
            st.rerun()


def _show_job(title: str, job: Job) -> None:
    found = job.poll()
    if found.state == "running":
        st.markdown(f"**Making {title}**")
        widgets.follow(job, len(found.paths))
    elif found.state == "done":
        st.success(f"The demo {title} is made.")
        _show_ready(found.paths)
    elif found.state == "cancelled":
        st.info("Runs that were finished before are kept.", title=f"{title}: cancelled")
    else:
        st.error(widgets.plain(found.text), title=f"{title} was not made")


def _show_ready(paths: tuple[str, ...]) -> None:
    if paths and st.button("Open what is made", type="primary"):
        _open(Path(paths[0]))


def _folder(demo: str) -> Path:
    return session.runs_folder() / "demo" / demo


def _open(path: str | Path) -> None:
    with widgets.problems("This run cannot be opened"):
        sidebar.open_run(path)


widgets.head("Start", "Open a run that was saved, or let a demo make one to look at.")
show_runs()
show_demos()
widgets.show_jobs(session.remembered("demo", (None, None))[1], _open)
left, right = st.columns(2)
with left:
    ask_for_folder()
with right:
    ask_for_upload()
