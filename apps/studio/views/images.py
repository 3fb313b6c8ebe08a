"""Rows that are images: the tested pixels, mean images, and what each pixel adds."""

from dataclasses import replace
from typing import Any

import address
import caches
import streamlit as st
import widgets

from interpretkd.data import Schema, image_schema
from interpretkd.explain import (
    contribution_image,
    explain_row,
    label_text,
    leaf_images,
    path_image,
    row_of,
)
from interpretkd.models import ScoredTree, given_schema, view_makes_columns

ANY = "any decision"


def theme() -> str:
    """Return which colours the page has."""
    return "dark" if st.context.theme.type == "dark" else "light"


def show_picture(picture: Any, table_title: str, **settings: Any) -> None:
    """Show one of the library's pictures, and the same as text and table."""
    st.image(picture.svg(theme=theme(), **settings), alt=picture.alt)
    with st.expander(table_title):
        frame = picture.frame()
        named = frame.index.name is not None
        widgets.table(frame.reset_index() if named else frame)


def show_leaves(found: Any, schema: Schema) -> None:
    """Show the mean image of each leaf, of one decision or of all."""
    st.subheader("What the leaves look like", anchor=False)
    images = caches.kept(
        "leaf_images", lambda: leaf_images(found.model, found.X, schema=schema)
    )
    names = list(dict.fromkeys(frame.decision for frame in images.frames))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        decision = st.selectbox(
            "Leaves that decide", [ANY, *names], key="decides", bind="query-params"
        )
        most = len(images.frames)
        if most > 6:
            most = st.slider(
                "At most so many",
                6,
                min(len(images.frames), 120),
                min(len(images.frames), 30),
                key="most",
                bind="query-params",
            )
    kept = images.frames
    if decision != ANY or ANY in names:
        kept = tuple(frame for frame in kept if frame.decision == decision)
    st.caption(
        f"The mean of the held-out rows in each leaf, those of most rows first: "
        f"{min(most, len(kept))} of {len(images.frames)} leaves."
    )
    show_picture(
        replace(images, frames=kept), "The leaves in words, as a table", most=most
    )


widgets.head(
    "Images",
    "Choose a row to see which of its pixels the student tests or counts, and what the "
    "rows that it takes for alike look like.",
)
found, whole = caches.analysis(), caches.whole()
schema = image_schema(given_schema(found.form), found.model)
if schema is None:
    st.info("The rows of this run are no images, so there is nothing to show here.")
    st.stop()
row = widgets.row_chooser()
rows = row_of(whole.X, row - 1)
explanation = caches.kept(
    "explain_row",
    lambda: explain_row(
        found.model,
        rows,
        X=whole.X,
        teacher_logits=whole.answers[row - 1],
        n_counterfactuals=0,
    ),
    *(row, 0, repr(None), ()),
)
label = ""
if whole.y is not None:
    label = f" The label is {label_text(found.model, whole.y[row - 1])}."
st.markdown(widgets.plain(explanation.sentence + label))
with st.container(horizontal=True):
    address.link("Explain this row", "row", row=row)
    if not view_makes_columns(found.model):
        address.link("What if ...", "whatif", row=row)
if isinstance(found.form, ScoredTree):
    st.caption(
        "Each test adds up several pixels: the Row page lists what each adds, the Tree "
        "page shows where they lie."
    )
    show_leaves(found, schema)
elif found.tree is not None:
    st.subheader("The pixels on its way", anchor=False)
    picture = caches.kept(
        "path_image", lambda: path_image(found.model, rows, schema=schema), row
    )
    show_picture(picture, "The tests as a table")
    show_leaves(found, schema)
else:
    st.subheader("What each pixel adds", anchor=False)
    picture = caches.kept(
        "contribution_image",
        lambda: contribution_image(found.model, rows, schema=schema),
        row,
    )
    show_picture(picture, "The numbers as a table")
    st.subheader("What the pixels count in the student", anchor=False)
    picture = caches.kept(
        "contribution_image",
        lambda: contribution_image(found.model, schema=schema),
        None,
    )
    show_picture(picture, "These numbers as a table")
