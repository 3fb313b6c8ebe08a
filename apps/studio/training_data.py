"""The Train page's rows: a demo's or an uploaded table, its columns and its target."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import altair as alt
import pandas as pd
import session
import streamlit as st
import widgets
from chart_colours import BLUE

from interpretkd import datasets
from interpretkd._base import InputError, amount_text
from interpretkd.data import (
    RowChoice,
    choose_rows,
    counter_notes,
    describe_columns,
    group_notes,
    split_target,
    target_balance,
)
from interpretkd.runs import read_upload

__all__ = ["TrainingData", "choose_data"]

_MOST_ROWS = 100_000
_MOST_SHOWN = 50
_MOST_PROBLEMS = 5
_MOST_NOTES = 8
_SHIPPED = {"german": "German credit", "connect4": "Connect-4", "digits": "Digits"}
_LOADERS = {
    "german": datasets.load_german_credit,
    "connect4": datasets.load_connect4,
    "digits": datasets.load_digits,
}
_TASKS = {
    "auto": "Find out",
    "classification": "A class",
    "regression": "A number",
}


class _Upload(NamedTuple):
    """A table that was uploaded and could be read."""

    token: str
    name: str
    content: bytes
    table: pd.DataFrame
    columns: pd.DataFrame
    notes: tuple[str, ...]


class TrainingData(NamedTuple):
    """What a run can be made from: parts of an order, and what they are called."""

    title: str
    task: str
    has_images: bool
    order: dict[str, Any]
    files: dict[str, bytes]
    columns: tuple[str, ...]


def choose_data() -> TrainingData | None:
    """Let the user choose rows and target; None while there is nothing to learn."""
    st.subheader("1. Data", anchor=False)
    source = st.segmented_control(
        "Rows from",
        ["A file", "A demo"],
        default="A file",
        required=True,
        key="train_from",
        persist_state="session",
    )
    if source == "A demo":
        return _choose_shipped()
    upload = _take_upload()
    return None if upload is None else _choose_columns(upload)


def _choose_shipped() -> TrainingData:
    name = st.selectbox(
        "Data set",
        list(_SHIPPED),
        format_func=_SHIPPED.__getitem__,
        key="train_demo",
        persist_state="session",
    )
    dataset = _once("dataset", name, _LOADERS[name])
    st.dataframe(_preview(dataset.data), hide_index=True)
    st.caption(
        f"{len(dataset.data):,} rows of {dataset.data.shape[1]} columns; the first "
        f"10 are shown. {widgets.plain(dataset.source)}, {dataset.licence}."
    )
    st.subheader("2. Target", anchor=False)
    _show_balance(dataset.target, "multiclass")
    has_images = dataset.schema.image_shape is not None
    columns = tuple(map(str, dataset.data.columns))
    order = {"data": name}
    return TrainingData(_SHIPPED[name], "multiclass", has_images, order, {}, columns)


def _take_upload() -> _Upload | None:
    """Return the table that was uploaded last and could be read."""
    held: _Upload | None = session.remembered("upload")
    file = st.file_uploader(
        "A CSV or Parquet file with a header",
        key=f"table_{session.remembered('n_forgotten', 0)}",
        max_upload_size=200,
        help="Up to 200 MB. It stays on this machine.",
    )
    if file is not None and (held is None or held.token != file.file_id):
        held = _read(file) or held
    if held is None:
        st.info("Upload a table, or take a demo's rows.", title="No data yet")
        return None
    said, button = st.columns([4, 1], vertical_alignment="center")
    said.markdown(f"In use: **{widgets.plain(held.name)}**, {len(held.table):,} rows.")
    if button.button("Forget it", help="Removes the table from this session"):
        session.remember("upload", None)
        session.remember("n_forgotten", session.remembered("n_forgotten", 0) + 1)
        st.rerun()
    return held


def _read(file: Any) -> _Upload | None:
    """Read a file once; what is wrong with it is said for as long as it is there."""

    def read() -> _Upload | str:
        content = file.getvalue()
        try:
            read = read_upload(content, file.name)
            columns = describe_columns(read.frame, read.problems)
        except InputError as error:
            return str(error)
        notes = (*read.notes, *counter_notes(read.frame), *group_notes(read.frame))
        return _Upload(file.file_id, file.name, content, read.frame, columns, notes)

    with st.spinner("Reading the table ..."):
        found: _Upload | str = _once("reading", file.file_id, read)
    if isinstance(found, str):
        st.error(widgets.plain(found), title="This file cannot be used")
        return None
    session.remember("reading", None)
    session.remember("upload", found)
    return found


def _choose_columns(upload: _Upload) -> TrainingData | None:
    widgets.table(_preview(upload.table))
    st.caption("The first 10 rows, and what each column holds:")
    widgets.table(
        upload.columns.drop(columns="problem"), height=_height(upload.columns)
    )
    _show_notes(upload.notes)
    names = [str(name) for name in upload.table.columns]
    drop = st.multiselect(
        "Columns to leave out",
        names,
        key=f"train_drop_{upload.token}",
        persist_state="session",
        help="Row numbers, names, and whatever is known only after the target.",
    )
    group = st.selectbox(
        "Rows that belong together",
        [name for name in names if name not in drop],
        index=None,
        placeholder="All rows are independent",
        key=f"train_group_{upload.token}",
        persist_state="session",
        help="A column that names the customer, patient or series of a row: no group "
        "is both trained on and judged on, and intervals are over groups. Nobody is "
        "fitted to it.",
    )
    kept = [name for name in names if name not in drop and name != group]
    problems = upload.columns[upload.columns["column"].isin(kept)]
    choice = _choose_rows(problems, upload)
    st.subheader("2. Target", anchor=False)
    if not kept:
        st.error("Every column is left out.", title="No column")
        return None
    target = st.selectbox(
        "Column to predict",
        kept,
        index=len(kept) - 1,
        key=f"train_target_{upload.token}",
        persist_state="session",
    )
    task = st.radio(
        "It is",
        list(_TASKS),
        format_func=_TASKS.__getitem__,
        horizontal=True,
        key=f"train_task_{upload.token}",
        persist_state="session",
    )
    wrong = [text for text in problems["problem"] if text]
    for text in wrong[:_MOST_PROBLEMS]:
        text = text.replace("leave it out (--drop)", "leave it out above")
        st.error(widgets.plain(text), title="A column cannot be used")
    if wrong:
        st.info("Leave such columns out above, or mend the file and upload it again.")
        return None
    return _prepare(upload, target, tuple(drop), group, task, choice)


def _show_notes(notes: tuple[str, ...]) -> None:
    """Say what was read in another way than it is written."""
    if not notes:
        return
    more = len(notes) - _MOST_NOTES
    told = [widgets.plain(note) for note in notes[:_MOST_NOTES]]
    told += [f"And {more} more."] if more > 0 else []
    st.info("\n\n".join(told), title="How the columns were read")


def _choose_rows(columns: pd.DataFrame, upload: _Upload) -> RowChoice:
    """Ask what becomes of gaps and infinities, where there are any."""
    missing, infinite = "keep", "refuse"
    gaps = columns[columns["missing"] > 0]
    if len(gaps):
        st.warning(_counted(gaps, "missing"), title="Missing values")
        missing = st.radio(
            "Missing values",
            ["keep", "drop", "refuse"],
            format_func={
                "keep": "Keep them as missing, which students and networks understand",
                "drop": "Leave out rows that have one",
                "refuse": "Stop: I will mend the file",
            }.__getitem__,
            key=f"train_missing_{upload.token}",
            persist_state="session",
        )
    endless = columns[columns["infinite"] > 0]
    if len(endless):
        st.warning(_counted(endless, "infinite"), title="Infinite values")
        infinite = st.radio(
            "Infinite values",
            ["refuse", "missing", "drop"],
            format_func={
                "refuse": "Stop: I will mend the file",
                "missing": "Take them for missing",
                "drop": "Leave out rows that have one",
            }.__getitem__,
            key=f"train_infinite_{upload.token}",
            persist_state="session",
        )
    return RowChoice(missing, infinite, "drop", _MOST_ROWS)


def _counted(columns: pd.DataFrame, what: str) -> str:
    """Say how many values of each column are missing or infinite."""
    shown = columns.head(10)
    counts = [
        f"{count:,} in {widgets.plain(name)}"
        for name, count in zip(shown["column"], shown[what], strict=True)
    ]
    more = f" and {len(columns) - 10} further columns" if len(columns) > 10 else ""
    return f"Values are {what}: {', '.join(counts)}{more}."


def _prepare(
    upload: _Upload,
    target: str,
    drop: tuple[str, ...],
    group: str | None,
    task: str,
    choice: RowChoice,
) -> TrainingData | None:
    """Take out the target as the training will, and show what it is."""

    def take() -> Any:
        left_out = [*drop, *([] if group is None else [group])]
        table = upload.table.drop(columns=left_out)
        rows, facts = choose_rows(table, target, choice)
        return facts, *split_target(rows, target, task=task)

    settings = (upload.token, target, drop, group, task, choice)
    with widgets.problems("There is nothing to learn from this yet"):
        facts, rows, y, found = _once("prepared", settings, take)
        for name, value in facts.items():
            st.info(widgets.plain(f"{name.capitalize()}: {value}."))
        kind = "a class" if found == "multiclass" else "a number"
        said = f"{len(y):,} rows and {rows.shape[1]} columns; the target is {kind}."
        st.markdown(said)
        _show_balance(y, found)
        ending = Path(upload.name).suffix.lower()
        order = {
            "data": f"table{ending}",
            "target": target,
            "name": upload.name,
            "drop": drop,
            "group": group,
            "task": task,
            "rows": asdict(choice),
        }
        files = {f"table{ending}": upload.content}
        columns = tuple(map(str, rows.columns))
        return TrainingData(upload.name, found, False, order, files, columns)
    return None


def _show_balance(y: Any, task: str) -> None:
    counts = target_balance(y, task)
    share = alt.X("rows:Q", title="Rows")
    if task == "regression":
        chart = alt.Chart(counts).mark_bar(color=BLUE)
        chart = chart.encode(
            alt.X("from:Q", bin="binned", title="Target"),
            alt.X2("to:Q"),
            alt.Y("rows:Q", title="Rows"),
        )
        least, most = amount_text(y.min(), 4), amount_text(y.max(), 4)
        said = f"The target lies between {least} and {most}."
    else:
        chart = alt.Chart(counts).mark_bar(color=BLUE)
        chart = chart.encode(share, alt.Y("class:N", sort=None, title=None))
        said = (
            f"The largest of the classes has {counts['share'].max():.1%} of the rows."
        )
    chart = chart.encode(tooltip=list(counts.columns))
    st.altair_chart(chart.properties(height=200, description=said))
    with st.expander("The same as a table"):
        widgets.table(counts)
    st.caption(said)


def _height(table: pd.DataFrame) -> int | str:
    """Return a table's height: what it needs, up to seven rows."""
    return "content" if len(table) <= 7 else 285


def _preview(table: pd.DataFrame) -> pd.DataFrame:
    """Return the first rows, with what is no number as text."""
    first = table.iloc[:10, :_MOST_SHOWN].copy()
    for i in range(first.shape[1]):
        if pd.api.types.is_object_dtype(first.dtypes.iloc[i]):
            first.isetitem(i, first.iloc[:, i].map(str))
    return first


def _once(name: str, settings: Any, compute: Any) -> Any:
    """Compute something when its settings change; this session keeps the last."""
    kept = session.remembered(name)
    if kept is None or kept[0] != settings:
        kept = (settings, compute())
        session.remember(name, kept)
    return kept[1]
