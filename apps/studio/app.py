"""The studio's pages and how one gets from one to another; nothing else."""

from pathlib import Path

import address
import session
import sidebar
import streamlit as st
import widgets

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

STATIC = Path(__file__).parent / "static"
# A file of ours: a browser fetches the picture of an icon's name from another machine.
ICON = STATIC / "icon.svg"
st.set_page_config(page_title="interpretkd", page_icon=ICON, layout="wide")
st.html(STATIC / "studio.css")
if st.context.theme.type == "dark":
    st.html(STATIC / "dark.css")
sidebar.show()
# A run that is gone leaves the pages where they were: a reload must find its own.
is_new = session.chosen() is None and not session.remembered("gone")
home = "start" if is_new else "overview"
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
offered = sidebar.offered_pages()
for group, names in GROUPS.items():
    shown = [name for name in names if name in offered]
    if shown:
        st.sidebar.caption(group)
    for name in shown:
        st.sidebar.page_link(pages[name], query_params=address.of_run())
with widgets.problems("This page cannot be shown"):
    page.run()
