"""Making a run: data, target, teacher, student, and watching it being made."""

from pathlib import Path
from typing import Any

import session
import sidebar
import streamlit as st
import widgets
from further_rows import choose_columns, choose_further
from training_data import TrainingData, choose_data

from interpretkd.runs import (
    Job,
    TrainOrder,
    check_teacher,
    run_folder,
    start_job,
    suggest_name,
)

_STUDENTS = {
    "cart": "One tree",
    "scored": "A tree of sums",
    "boosted": "Boosted trees",
    "linear": "Coefficients",
}
_FIT_TO = {
    "auto": "By trial",
    "hard": "Decisions",
    "soft": "Probabilities",
    "logits": "Logits",
}

_MOST_NOTES = 20


def choose_teacher(
    data: TrainingData,
) -> tuple[dict[str, Any], dict[str, bytes]] | None:
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
    left, right = st.columns(2)
    epochs = left.number_input(
        "Epochs, at most",
        1,
        500,
        40,
        key="train_epochs",
        persist_state="session",
        help="It ends earlier when held-out rows are not read better for 10 epochs.",
    )
    n_networks = right.number_input(
        "Networks",
        1,
        9,
        1,
        key="train_networks",
        persist_state="session",
        help="Several differ in their seed; what they say on average is distilled. It "
        "takes so many times as long.",
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
    return {"teacher": kind, "network": network, "n_networks": n_networks}, {}


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


def choose_student(data: TrainingData) -> dict[str, Any]:
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
    columns = choose_columns(data)
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
        **columns,
    }


def _choose_size(family: str) -> dict[str, Any]:
    """Ask for leaves, the columns of a sum, a budget or terms."""
    if family in ("cart", "scored"):
        leaves = st.slider(
            "Leaves, at most", 2, 128, 16, key="train_leaves", persist_state="session"
        )
        if family == "cart":
            return {"max_leaves": leaves}
        columns = st.slider(
            "Columns that a test adds up, at most",
            *(1, 10, 3),
            key="train_columns_of_test",
            persist_state="session",
            help="Whole-number points for each; with more of them fewer leaves do.",
        )
        return {"max_leaves": leaves, "max_columns": columns}
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
        session.board().add(name, job)
        st.rerun()


def show_training(job: Job) -> None:
    """Show what has become of the training."""
    found = job.poll()
    if found.state == "done":
        name = widgets.plain(Path(found.paths[0]).name)
        st.success(widgets.plain(found.verdict), title="The run is made")
        st.caption(f"It is among the runs as **{name}**.")
        if found.notes:
            with st.expander("What was unusual about the rows"):
                for note in found.notes[:_MOST_NOTES]:
                    st.markdown(widgets.plain(note))
                if len(found.notes) > _MOST_NOTES:
                    st.caption(f"And {len(found.notes) - _MOST_NOTES:,} more.")
        if st.button("Open the run", type="primary"):
            _open(found.paths[0])
    elif found.state == "cancelled":
        st.info("No run was made; all settings are as they were.", title="Cancelled")
    else:
        st.error(widgets.plain(found.text), title="No run was made")


def _open(path: str) -> None:
    with widgets.problems("This run cannot be opened"):
        sidebar.open_run(path)


widgets.head("Train", "Make a run of your own: rows, a teacher, a student, then Start.")
training: Job | None = session.remembered("training")
data = choose_data()
if data is not None:
    teacher = choose_teacher(data)
    student = choose_student(data)
    further = choose_further(data)
    st.subheader("5. Run", anchor=False)
    if training is not None and training.poll().state == "running":
        widgets.follow(training)
    elif teacher is not None and further is not None:
        told, more = teacher
        rows, files = further
        order = data.order | told | student | rows
        offer_start(order, data.title, data.files | more | files)
if training is not None and training.poll().state != "running":
    show_training(training)
elif training is not None and data is None:
    widgets.follow(training)
widgets.show_jobs(training, _open)
