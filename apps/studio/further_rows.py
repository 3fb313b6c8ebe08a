"""What a student gets beside its training rows, or less: further rows, some columns."""

from pathlib import Path
from typing import Any, NamedTuple

import session
import streamlit as st
import widgets
from training_data import TrainingData

from interpretkd._base import InputError, counted
from interpretkd.runs import read_upload

__all__ = ["choose_columns", "choose_further"]

_MOST_NAMED = 5


class _Further(NamedTuple):
    """A file of further rows that could be read."""

    token: str
    name: str
    content: bytes
    n_rows: int
    columns: tuple[str, ...]


def choose_further(
    data: TrainingData,
) -> tuple[dict[str, Any], dict[str, bytes]] | None:
    """Let the user give rows without labels; None while they cannot be used."""
    if "target" not in data.order:  # a demo's rows are all there are
        return {}, {}
    held = _take_upload()
    if held is None:
        return {}, {}
    lacking = [name for name in data.columns if name not in held.columns]
    if lacking:
        some = ", ".join(map(repr, lacking[:_MOST_NAMED]))
        more = len(lacking) - _MOST_NAMED
        st.error(
            widgets.plain(
                f"The file {held.name!r} lacks columns that the rows above have: "
                f"{some}{f' and {more} more' if more > 0 else ''}."
            ),
            title="These further rows cannot be used",
        )
        return None
    file = f"further{Path(held.name).suffix.lower()}"  # beside the labelled rows' own
    return {"unlabelled": file, "unlabelled_name": held.name}, {file: held.content}


def _take_upload() -> _Further | None:
    """Return the rows that were uploaded last and could be read."""
    held: _Further | None = session.remembered("further")
    file = st.file_uploader(
        "Further rows, without labels",
        key=f"further_{session.remembered('n_further_forgotten', 0)}",
        max_upload_size=200,
        help="A CSV or Parquet file with the columns above; the target is not needed. "
        "The teacher is asked about them, and the student learns its answers. Rows "
        "that the run is judged on are left out.",
    )
    if file is not None and (held is None or held.token != file.file_id):
        held = _read(file) or held
    if held is None:
        return None
    said, button = st.columns([4, 1], vertical_alignment="center")
    rows = counted(held.n_rows, "further row")
    said.markdown(f"Read: **{widgets.plain(held.name)}**, {rows}.")
    if button.button("Remove", help="Removes the further rows from this session"):
        n_before = session.remembered("n_further_forgotten", 0)
        session.remember("further", None)
        session.remember("n_further_forgotten", n_before + 1)
        st.rerun()
    return held


def _read(file: Any) -> _Further | None:
    """Read a file once; what is wrong with it is said for as long as it is there."""
    known = session.remembered("further_wrong")
    if known is None or known[0] != file.file_id:
        content = file.getvalue()
        try:
            with st.spinner("Reading the further rows ..."):
                frame = read_upload(content, file.name).frame
        except InputError as error:
            session.remember("further_wrong", (file.file_id, str(error)))
        else:
            names = tuple(str(name) for name in frame.columns)
            read = _Further(file.file_id, file.name, content, len(frame), names)
            session.remember("further", read)
            return read
    said = session.remembered("further_wrong")[1]
    st.error(widgets.plain(said), title="These further rows cannot be used")
    return None


def choose_columns(data: TrainingData) -> dict[str, Any]:
    """Let the user choose what the student may read; pixels are not asked for."""
    if data.has_images:
        return {}
    chosen = st.multiselect(
        "Columns that the student may read",
        data.columns,
        placeholder="All of them",
        key=f"train_reads_{'/'.join(map(str, data.columns))}",
        persist_state="session",
        help="The teacher reads all; what the student does not read it needs not be "
        "given when it decides.",
    )
    return {"student_columns": tuple(chosen)}
