"""Making a run: data, target, teacher, student, and watching it being made."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import altair as alt
import pandas as pd
import session
import sidebar
import streamlit as st
import widgets
from chart_colours import BLUE

from interpretkd import datasets
from interpretkd._base import InputError
from interpretkd.data import (
    RowChoice,
    check_columns,
    choose_rows,
    describe_columns,
    split_target,
    target_balance,
)
from interpretkd.runs import (
    Job,
    TrainOrder,
    check_teacher,
    read_upload,
    run_folder,
    start_job,
    suggest_name,
)

_MOST_ROWS = 100_000
_MOST_SHOWN = 50
_MOST_PROBLEMS = 5
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
_STUDENTS = {
    "cart": "One tree",
    "boosted": "Boosted trees",
    "linear": "Coefficients",
}
_FIT_TO = {
    "auto": "By trial",
    "hard": "Decisions",
    "soft": "Probabilities",
    "logits": "Logits",
}


class _Upload(NamedTuple):
    """A table that was uploaded and could be read."""

    token: str
    name: str
    content: bytes
    table: pd.DataFrame
    columns: pd.DataFrame


class _Data(NamedTuple):
    """What a run can be made from: parts of an order, and what they are called."""

    title: str
    task: str
    has_images: bool
    order: dict[str, Any]
    files: dict[str, bytes]


def choose_data() -> _Data | None:
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


def _choose_shipped() -> _Data:
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
    return _Data(_SHIPPED[name], "multiclass", has_images, {"data": name}, {})


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
            table = read_upload(content, file.name)
            columns = describe_columns(table)
        except InputError as error:
            return str(error)
        return _Upload(file.file_id, file.name, content, table, columns)

    with st.spinner("Reading the table ..."):
        found: _Upload | str = _once("reading", file.file_id, read)
    if isinstance(found, str):
        st.error(widgets.plain(found), title="This file cannot be used")
        return None
    session.remember("reading", None)
    session.remember("upload", found)
    return found


def _choose_columns(upload: _Upload) -> _Data | None:
    st.dataframe(_preview(upload.table), hide_index=True)
    st.caption("The first 10 rows, and what each column holds:")
    widgets.table(
        upload.columns.drop(columns="problem"), height=_height(upload.columns)
    )
    names = [str(name) for name in upload.table.columns]
    drop = st.multiselect(
        "Columns to leave out",
        names,
        key=f"train_drop_{upload.token}",
        persist_state="session",
        help="Row numbers, names, and whatever is known only after the target.",
    )
    kept = [name for name in names if name not in drop]
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
    return _prepare(upload, target, tuple(drop), task, choice)


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
    upload: _Upload, target: str, drop: tuple[str, ...], task: str, choice: RowChoice
) -> _Data | None:
    """Take out the target as the training will, and show what it is."""

    def take() -> Any:
        table = upload.table.drop(columns=list(drop))
        check_columns(table)
        rows, facts = choose_rows(table, target, choice)
        return facts, *split_target(rows, target, task=task)

    settings = (upload.token, target, drop, task, choice)
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
            "task": task,
            "rows": asdict(choice),
        }
        files = {f"table{ending}": upload.content}
        return _Data(upload.name, found, False, order, files)
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
        said = f"The target lies between {y.min():,.4g} and {y.max():,.4g}."
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


def choose_teacher(data: _Data) -> tuple[dict[str, Any], dict[str, bytes]] | None:
    """Let the user choose the teacher; None while it cannot be used."""
    st.subheader("3. Teacher", anchor=False)
    kinds = {"mlp": "A network (MLP)"}
    if data.has_images:
        kinds["cnn"] = "A convolutional network (CNN)"
    kinds["onnx"] = "An ONNX file"
    kind = st.radio(
        "What is distilled",
        list(kinds),
        format_func=kinds.__getitem__,
        horizontal=True,
        key=f"train_teacher_{data.has_images}",
        persist_state="session",
    )
    if kind == "onnx":
        return _take_teacher()
    epochs = st.number_input(
        "Epochs, at most",
        1,
        500,
        40,
        key="train_epochs",
        persist_state="session",
        help="It ends earlier when held-out rows are not read better for 10 epochs.",
    )
    network: dict[str, Any] = {"max_epochs": epochs}
    if kind == "mlp":
        text = st.text_input(
            "Hidden layers",
            "256, 128",
            key="train_hidden",
            persist_state="session",
            help="The width of each, with commas between.",
        )
        sizes = _sizes(text)
        if sizes is None:
            st.error(
                "Hidden layers must be 1 to 6 whole numbers from 1 to 4096, with "
                f"commas between. Got {widgets.plain(repr(text[:60]))}.",
                title="No such network",
            )
            return None
        network["hidden"] = sizes
    return {"teacher": kind, "network": network}, {}


def _sizes(text: str) -> list[int] | None:
    pieces = [piece.strip() for piece in text.split(",")]
    if not all(piece.isascii() and piece.isdigit() for piece in pieces):
        return None
    sizes = [int(piece[:6]) for piece in pieces]
    return sizes if len(sizes) <= 6 and all(1 <= n <= 4096 for n in sizes) else None


def _take_teacher() -> tuple[dict[str, Any], dict[str, bytes]] | None:
    """Keep an ONNX file for the session, if it can be a teacher."""
    file = st.file_uploader(
        "An ONNX file",
        key="teacher",
        max_upload_size=200,
        help="Its input are the columns above, in their order, as numbers; its output "
        "are logits or probabilities (values, for a number), the classes sorted.",
    )
    held: tuple[str, str, bytes] | None = session.remembered("teacher")
    if file is not None and (held is None or held[0] != file.file_id):
        with widgets.problems("This teacher cannot be used"):
            check_teacher(file.getvalue(), file.name)
            held = (file.file_id, file.name, file.getvalue())
            session.remember("teacher", held)
    if held is None:
        st.info("Upload a model that was saved as one .onnx file.", title="No teacher")
        return None
    st.markdown(f"In use: **{widgets.plain(held[1])}**, {len(held[2]):,} bytes.")
    return {"teacher": "teacher.onnx"}, {"teacher.onnx": held[2]}


def choose_student(data: _Data) -> dict[str, Any]:
    """Let the user choose the student and what it is fitted to."""
    st.subheader("4. Student", anchor=False)
    family = st.radio(
        "Kind",
        list(_STUDENTS),
        format_func=_STUDENTS.__getitem__,
        horizontal=True,
        key="train_student",
        persist_state="session",
    )
    settings = _choose_size(family)
    left, middle, right = st.columns(3)
    fit_to = "auto"
    if data.task != "regression":
        fit_to = left.selectbox(
            "Fitted to",
            list(_FIT_TO),
            format_func=_FIT_TO.__getitem__,
            key="train_fit_to",
            persist_state="session",
            help="What the student learns of the teacher; by trial takes the best.",
        )
    alpha = middle.slider(
        "Weight of the labels",
        0.0,
        1.0,
        0.0,
        0.05,
        key="train_alpha",
        persist_state="session",
        help="0 listens to the teacher alone, 1 to the labels alone.",
    )
    seed = right.number_input(
        "Seed", 0, 2**31 - 1, 0, key="train_seed", persist_state="session"
    )
    return {
        "student": family,
        "settings": settings,
        "fit_to": fit_to,
        "alpha": alpha,
        "seed": seed,
    }


def _choose_size(family: str) -> dict[str, Any]:
    """Ask for leaves, a budget or terms."""
    if family == "cart":
        leaves = st.slider(
            "Leaves, at most", 2, 128, 16, key="train_leaves", persist_state="session"
        )
        return {"max_leaves": leaves}
    limited = st.toggle(
        "Within a budget of leaves" if family == "boosted" else "Few columns only",
        key=f"train_limited_{family}",
        persist_state="session",
    )
    if not limited:
        return {}
    if family == "boosted":
        budget = st.slider(
            "Leaves of all trees together, at most",
            *(2, 256, 64),
            key="train_budget",
            persist_state="session",
        )
        return {"budget": budget}
    terms = st.slider(
        "Columns, at most", 1, 50, 8, key="train_terms", persist_state="session"
    )
    return {"max_terms": terms}


def offer_start(order: dict[str, Any], title: str, files: dict[str, bytes]) -> None:
    """Name the run and start it."""
    free = suggest_name(session.runs_folder(), f"{Path(title).stem} {order['student']}")
    name = st.text_input(
        "Name of the run",
        free,
        key=f"train_name_{free}",
        persist_state="session",
        help="The folder it is saved in, among the other runs.",
    )
    if not st.button("Start training", type="primary"):
        return
    with widgets.problems("The training cannot start"):
        folder = run_folder(session.runs_folder(), name)
        job = start_job(TrainOrder(out=str(folder), **order), files=files)
        session.remember("training", job)
        st.rerun()


def show_training(job: Job) -> None:
    """Show what has become of the training."""
    found = job.poll()
    if found.state == "done":
        st.success(widgets.plain(found.verdict), title="The run is made")
        if st.button("Open the run", type="primary"):
            with widgets.problems("This run cannot be opened"):
                sidebar.open_run(found.paths[0])
    elif found.state == "cancelled":
        st.info("No run was made; all settings are as they were.", title="Cancelled")
    else:
        st.error(widgets.plain(found.text), title="No run was made")


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


widgets.head("Train", "Make a run of your own: rows, a teacher, a student, then Start.")
training: Job | None = session.remembered("training")
data = choose_data()
if data is not None:
    teacher = choose_teacher(data)
    student = choose_student(data)
    st.subheader("5. Run", anchor=False)
    if training is not None and training.poll().state == "running":
        widgets.follow(training)
    elif teacher is not None:
        told, more = teacher
        offer_start(data.order | told | student, data.title, data.files | more)
if training is not None and training.poll().state != "running":
    show_training(training)
elif training is not None and data is None:
    widgets.follow(training)
