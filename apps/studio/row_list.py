"""Lists of rows, which more than one page shows, and how one of them is opened."""

from collections.abc import Callable, Sequence
from typing import Any

import address
import numpy as np
import pandas as pd
import session
import streamlit as st
import widgets
from numpy.typing import NDArray

from interpretkd._base import prediction_text
from interpretkd.distillation import decisions
from interpretkd.evaluation import Analysis

__all__ = ["labels_said", "row_list", "said", "who_says"]

Places = NDArray[np.int64]

_NUMBER = st.column_config.NumberColumn
COLUMNS = {
    "row": _NUMBER(pinned=True, format="%d"),
    "teacher_confidence": _NUMBER(
        "teacher's confidence",
        format="%.3f",
        help="The probability that the teacher gives its own decision.",
    ),
    "student_confidence": _NUMBER("student's confidence", format="%.3f"),
    "lead": _NUMBER(
        "lead",
        format="%.3f",
        help="How much more probable the teacher finds its own decision than the "
        "student's: near 0, near the boundary.",
    ),
    "difference": _NUMBER("difference", format="%.4g", help="Student less teacher."),
}
_ROWS_A_PAGE = 50
_MOST_FEATURES = 40


def said(values: Any) -> list[str]:
    """Return decisions in words."""
    return [prediction_text(value) for value in values]


def who_says(found: Analysis, places: Places) -> pd.DataFrame:
    """Return what teacher and student decide of some rows, and the labels."""
    columns = {
        "teacher": said(decisions(found.model, found.answers[places])),
        "student": said(decisions(found.model, found.logits[places])),
    }
    if found.y is not None:
        columns["label"] = labels_said(found, found.y[places].tolist())
    return pd.DataFrame(columns)


def labels_said(found: Analysis, values: Sequence[Any]) -> list[str]:
    """Return labels in words; of several columns of 0 and 1 those that are on."""
    if found.task != "multilabel":
        return said(values)
    names = list(found.model.classes_)
    return said(
        tuple(n for n, on in zip(names, row, strict=True) if on) for row in values
    )


def row_list(
    found: Analysis,
    places: NDArray[np.int64],
    key: str,
    describe: Callable[[NDArray[np.int64]], pd.DataFrame],
    first: Sequence[str] = (),
) -> None:
    """Show rows in pages, with a way to open one on the Row page.

    The places are those in `found`, the numbers that are shown those of the whole run.
    `describe` says what stands beside the features, for some positions in `places`;
    of the features, the first ones come first.
    """
    n_pages = max(1, -(-len(places) // _ROWS_A_PAGE))
    shown = 1
    if n_pages > 1:
        shown = st.pagination(n_pages, key=key, bind="query-params")
    start = (shown - 1) * _ROWS_A_PAGE
    some = np.arange(start, min(start + _ROWS_A_PAGE, len(places)))
    here = places[some]
    numbers = (here if found.numbers is None else found.numbers[here]) + 1
    frame = describe(some).reset_index(drop=True)
    frame.insert(0, "row", numbers)
    # Another table of other rows: what was picked in this one is not picked there.
    table_key = f"{key}_table_{hash(here.tobytes())}"
    choice = f"{key}_row"

    def follow() -> None:
        for row in session.picked(table_key):
            session.put(**{choice: int(numbers[row])})

    widgets.table(
        _beside(frame, found, here, first),
        key=table_key,
        on_select=follow,
        selection_mode="single-row",
        column_config=COLUMNS,
        alt=f"{len(here)} rows, numbers {numbers[:1]} to {numbers[-1:]} among them",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        row = st.selectbox("Row", numbers.tolist(), key=choice, width=160)
        address.link("Open row", "row", row=row)
        first_row = start + 1
        st.caption(f"{first_row:,} to {start + len(here):,} of {len(places):,} rows")


def _beside(
    frame: pd.DataFrame,
    found: Analysis,
    places: NDArray[np.int64],
    first: Sequence[str],
) -> pd.DataFrame:
    """Add the features' columns; those that cannot have their name get another."""
    names = found.model.schema_.names
    order = sorted(range(len(names)), key=lambda i: names[i] not in first)
    frame = frame.copy()
    for i in order[:_MOST_FEATURES]:
        name = names[i]
        while name in frame:
            name += "_"
        whole = found.X[names[i]] if hasattr(found.X, "columns") else found.X[:, i]
        frame[name] = np.asarray(whole)[places]
    return frame
