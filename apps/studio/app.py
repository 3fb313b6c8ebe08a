"""The studio's pages and how one gets from one to another; nothing else."""

from pathlib import Path

import parts
import state
import streamlit as st

GROUPS = {
    "Run": {
        "start": ("Start", "folder_open"),
        "train": ("Train", "model_training"),
    },
    "Explore": {
        "overview": ("Overview", "dashboard"),
        "tree": ("Tree", "account_tree"),
        "rules": ("Rules", "rule"),
        "effects": ("Effects", "show_chart"),
        "disagreements": ("Disagreements", "difference"),
    },
    "One row": {
        "row": ("Row", "table_rows"),
        "whatif": ("What-if", "tune"),
        "images": ("Images", "image"),
    },
    "Decide": {
        "compare": ("Compare", "compare_arrows"),
        "export": ("Export", "download"),
    },
}

HERE = Path(__file__).parent
# A file of ours: a browser fetches the picture of an icon's name from another machine.
ICON = HERE / "icon.svg"
st.set_page_config(page_title="interpretkd", page_icon=ICON, layout="wide")
st.html(HERE / "studio.css")
if st.context.theme.type == "dark":
    st.html(HERE / "dark.css")
state.sidebar()
home = "start" if state.chosen() is None else "overview"
pages = {
    name: st.Page(
        f"views/{name}.py",
        title=title,
        icon=f":material/{icon}:",
        url_path=name,
        default=name == home,
    )
    for group in GROUPS.values()
    for name, (title, icon) in group.items()
}
page = st.navigation(list(pages.values()), position="hidden")
offered = state.offered_pages()
for group, names in GROUPS.items():
    shown = [name for name in names if name in offered]
    if shown:
        st.sidebar.caption(group)
    for name in shown:
        st.sidebar.page_link(pages[name], query_params=state.address())
with parts.problems("This page cannot be shown"):
    page.run()
