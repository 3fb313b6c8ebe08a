"""What the pages are put together from: heads, figures, tables, and said problems."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import address
import caches
import numpy as np
import pandas as pd
import session
import streamlit as st
from board import Entry

from interpretkd._base import InputError
from interpretkd.explain import disagreeing_rows
from interpretkd.runs import Job

__all__ = [
    "beside",
    "follow",
    "head",
    "plain",
    "problems",
    "row_chooser",
    "show_jobs",
    "table",
]

_MEANING = re.compile(r"([\\`*{}\[\]()<>#+.!|~$&^=-]|(?<![^\W_])_|_(?![^\W_]))")
"""What Markdown reads as a mark: not an underscore inside a word, as names have it."""
_JOINED = re.compile(r":(?=[\w/])|@(?=\w)|-(?=[->])|<(?=[-=])|[>~](?==)|www(?=\.)")
"""What Streamlit makes links, icons, emojis, arrows and dashes of, escaped or not."""
_LARGE = 1000
"""From where a number of three digits and %g gets an exponent."""


def head(title: str, hint: str) -> None:
    """Start a page: what it is, and in one sentence what to do with it."""
    st.title(title, anchor=False)
    st.caption(hint)


def plain(text: object) -> str:
    """Return a name or a cell of the data as Markdown for just its characters."""
    line = " ".join(str(text).split())
    return _MEANING.sub(r"\\\1", _JOINED.sub("\\g<0>\u2060", line))


@contextmanager
def problems(title: str) -> Iterator[None]:
    """Say in one sentence what a user's input lacks, instead of breaking off."""
    try:
        yield
    except (InputError, OSError) as error:
        st.error(plain(error), title=title)


def table(frame: pd.DataFrame, **settings: Any) -> Any:
    """Show a table for people: no row numbers, no exponents, days without a time."""
    columns = settings.get("column_config") or {}
    settings["column_config"] = {
        name: _without_exponent(frame, name, config) for name, config in columns.items()
    }
    return st.dataframe(_whole_days(frame), hide_index=True, **settings)


def _whole_days(frame: pd.DataFrame) -> pd.DataFrame:
    """Write days as days; a column with times of day stays as it is."""
    shown = frame.copy(deep=False)
    for i, dtype in enumerate(frame.dtypes):
        if not pd.api.types.is_datetime64_any_dtype(dtype):
            continue
        cells = frame.iloc[:, i]
        there = cells.dropna()
        if (there == there.dt.normalize()).all():
            shown.isetitem(i, cells.dt.strftime("%Y-%m-%d"))
    return shown


def _without_exponent(frame: pd.DataFrame, name: str, config: Any) -> Any:
    """Set the thousands of a column apart where a %g would write an exponent."""
    kind = config.get("type_config") if isinstance(config, dict) else None
    spec = str((kind or {}).get("format") or "")
    if not spec.endswith("g") or name not in frame:
        return config
    if not (pd.to_numeric(frame[name], errors="coerce").abs() >= _LARGE).any():
        return config
    return {**config, "type_config": {**(kind or {}), "format": "localized"}}


def row_chooser() -> int:
    """Let the user choose a row of the whole run; return its number, from 1."""
    n_rows, row = len(caches.whole()), address.row_number()
    disagreeing = caches.kept("disagreeing_rows", _disagreeing_rows) + 1
    later = disagreeing[disagreeing > row]
    session.remember("row_typed", row)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input(
            "Row",
            step=1,
            key="_row_typed",
            on_change=_look_at_typed,
            args=(n_rows,),
            width=150,
        )
        steps = [("Previous", row - 1, row == 1, "P"), ("Next", row + 1, False, "N")]
        for label, to, is_off, key in steps:
            _step(label, to, key, is_off=is_off or to > n_rows)
        st.button(
            "Random",
            on_click=_look_at_any,
            args=(row, n_rows),
            disabled=n_rows == 1,
            shortcut="A",
        )
        to = int(later[0]) if len(later) else row
        miss = "large miss" if caches.whole().task == "regression" else "disagreement"
        _step(f"Next {miss}", to, "D", is_off=not len(later))
    problem = session.remembered("row_problem")
    if problem:
        st.error(problem, title="No such row")
        session.remember("row_problem", None)
    st.caption(_rows_said(row, n_rows, disagreeing))
    return row


def _step(label: str, to: int, key: str, *, is_off: bool) -> None:
    st.button(
        label, on_click=address.look_at, args=(to,), disabled=is_off, shortcut=key
    )


def _disagreeing_rows() -> Any:
    found, whole = caches.analysis(), caches.whole()
    logits = whole.logits if found is whole else found.model.logits(whole.X)
    return disagreeing_rows(whole.task, logits, whole.answers)


def _look_at_typed(n_rows: int) -> None:
    typed = session.remembered("row_typed")
    if typed is not None and 1 <= typed <= n_rows:
        address.look_at(typed)
        return
    asked = "no number" if typed is None else f"row {typed:,}"
    session.remember(
        "row_problem", f"There are the rows 1 to {n_rows:,}. Asked for was {asked}."
    )


def _look_at_any(row: int, n_rows: int) -> None:
    other = int(np.random.default_rng().integers(1, n_rows))
    address.look_at(other + (other >= row))


def _rows_said(row: int, n_rows: int, disagreeing: Any) -> str:
    here = "this is one of them" if row in disagreeing else "this is none of them"
    if caches.whole().task == "regression":
        found = f"the tenth that differs most: {len(disagreeing):,} rows"
    else:
        found = f"student and teacher disagree on {len(disagreeing):,}"
    return f"Row {row:,} of {n_rows:,} held-out rows; {found}; {here}."


@st.fragment(run_every=0.5)
def follow(job: Job, n_made: int = 0, key: str = "cancel_job") -> None:
    """Show how far a job is until it ends or has made more; it can be cancelled."""
    found = job.poll()
    if found.state != "running" or len(found.paths) != n_made:
        st.rerun()
    text = f"Step {found.step} of {found.n_steps}: {found.text}"
    st.progress(found.fraction, text=plain(text))
    st.caption(f"{found.seconds:.0f} seconds so far.")
    if st.button("Cancel", key=key):
        job.cancel()
        st.rerun()


def show_jobs(own: Job | None, open_run: Callable[[str], None]) -> None:
    """Show the jobs of this server but the page's own: those of a page before, too."""
    entries = [entry for entry in session.board().jobs() if entry.job is not own]
    if not entries:
        return
    st.subheader("Jobs", anchor=False)
    for entry in entries:
        with st.container(border=True):
            _show_entry(entry, open_run)


def _show_entry(entry: Entry, open_run: Callable[[str], None]) -> None:
    found, title = entry.job.poll(), plain(entry.title)
    if found.state == "running":
        st.markdown(f"**Making {title}**")
        follow(entry.job, len(found.paths), f"cancel_{entry.number}")
        return
    if found.state == "done":
        names = ", ".join(plain(Path(path).name) for path in found.paths)
        st.success(f"Made: {names}. {plain(found.verdict)}", title=title)
        if found.paths and st.button("Open", key=f"open_job_{entry.number}"):
            open_run(found.paths[0])
    elif found.state == "cancelled":
        st.info("It was cancelled.", title=title)
    else:
        st.error(plain(found.text), title=f"{title}: failed")
    if st.button("Dismiss", key=f"dismiss_{entry.number}"):
        session.board().dismiss(entry)
        st.rerun()


def beside(key: str, width: float = 0.68) -> Any:
    """Return two columns, the first that wide; in a narrow window one below another."""
    with st.container(key=key):
        st.html(
            f"<style>@media (max-width: 1000px) {{ .st-key-{key} "
            "[data-testid='stColumn'] { min-width: 100%; } }</style>"
        )
        return st.columns([width, 1 - width], gap="medium")
