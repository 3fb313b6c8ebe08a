"""Everything that a student can be downloaded as: reports, rules, pictures, code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import address
import caches
import session
import streamlit as st
import widgets

from interpretkd._base import InputError
from interpretkd.evaluation import Analysis
from interpretkd.export import DIALECTS
from interpretkd.models import Forest, ScoredTree, Tree, size_of
from interpretkd.reports import INFO, report_on
from interpretkd.runs import (
    MEDIA_TYPES,
    Built,
    Download,
    SavedRun,
    downloads,
    file_name,
    report_files,
)

REPORT = "Report"
SHORT = ("title", "author", "owner")
STATUSES = ("", "draft", "under review", "validated")
ORDERS = (
    "coverage",
    "fidelity",
    "accuracy",
    "confidence",
    "lift",
    "disagreements",
    "tree",
)
LANGUAGES = {
    "c": "c",
    "csv": None,
    "dot": None,
    "html": "html",
    "json": "json",
    "md": "markdown",
    "pmml": "xml",
    "py": "python",
    "sql": "sql",
    "tex": "latex",
    "txt": None,
}
PICTURE = "The tree as it is in the file; the outline says the same in words."
SHOWN_LETTERS = 20_000
NAMES = {
    "csv": "CSV",
    "html": "HTML",
    "json": "JSON",
    "md": "Markdown",
    "pdf": "PDF",
    "png": "PNG",
    "svg": "SVG",
    "tex": "LaTeX",
    "txt": "Text",
}


def say_what(found: Analysis, run: SavedRun, cut: int | None) -> None:
    """Say of which student and rows everything here is."""
    size, unit = size_of(found.form)
    kind = {Tree: "tree", ScoredTree: "tree of sums", Forest: "sum of trees"}
    family = kind.get(type(found.form), "linear model")
    made = "of" if cut is None else "cut back to"
    st.markdown(
        widgets.plain(
            f"Of the run {run.name}: its {family} {made} {size or 0:,} {unit}, "
            f"measured on {len(found):,} rows."
        )
    )


def choose(offered: dict[str, Download]) -> str:
    """Let the user choose what to download."""
    name: str = st.selectbox(
        "What to download",
        [REPORT, *offered],
        key="format",
        bind="query-params",
        help="Rules, pictures, programs and tables are of the size that the sidebar "
        "shows.",
    )
    return name


def show_download(found: Analysis, download: Download, run: SavedRun) -> None:
    """Show a kind of file: its settings, then the file."""
    st.caption(download.about)
    if download.missing:
        st.info(widgets.plain(download.missing), title="This student has none")
        return
    ending = choose_ending(download)
    settings = choose_settings(found, download, ending)
    reason = download.endings[ending]
    if reason:
        st.info(widgets.plain(reason), title="Something has to be installed")
        return
    made = build(download, ending, settings)
    if made is None:
        return
    if made.said:
        st.success(widgets.plain(f"Compared with the student: {made.said}."))
    # The whole run has all sizes.
    size = None if download.name == "Run" else shown_size()
    what = "student" if download.group == "Student" else download.name
    offer(file_name(run.name, what, ending, size), made.content)
    preview(made.content, ending)


def shown_size() -> int | None:
    """Return the size that the sidebar's slider is set to; None for the whole."""
    chosen = session.chosen()
    return None if chosen is None else chosen.size


def choose_ending(download: Download) -> str:
    """Let the user choose how the file ends, where there is a choice."""
    endings = list(download.endings)
    if len(endings) == 1:
        return endings[0]
    chosen: str = st.radio(
        "File",
        endings,
        format_func=NAMES.__getitem__,
        horizontal=True,
        key=f"{download.name.split()[0].lower()}_as",
        bind="query-params",
    )
    return chosen


def choose_settings(found: Analysis, download: Download, ending: str) -> dict[str, Any]:
    """Show a widget for each setting of a kind of file."""
    asked = {
        name: ASKED[name](found, ending) for name in download.settings if name in ASKED
    }
    if asked.get("page_depth") is not None:
        asked["max_depth"] = None
    return {name: value for name, value in asked.items() if value is not None}


def ask_order(found: Analysis, ending: str) -> str:
    """Ask what the rules are ordered by."""
    orders = [name for name in ORDERS if found.y is not None or name != "accuracy"]
    order: str = st.selectbox("Order", orders, key="order_by", bind="query-params")
    return order


def ask_readable(found: Analysis, ending: str) -> bool:
    """Ask whether thresholds are rounded."""
    return st.toggle(
        "Shorter thresholds",
        key="short_numbers",
        bind="query-params",
        help="Thresholds get as few digits as they can: no evaluation row moves.",
    )


def ask_merge(found: Analysis, ending: str) -> bool:
    """Ask whether leaves are joined."""
    return st.toggle(
        "Join neighbouring leaves that decide the same",
        key="merged",
        bind="query-params",
    )


def ask_dialect(found: Analysis, ending: str) -> str:
    """Ask for which database."""
    dialect: str = st.selectbox(
        "Database", DIALECTS, key="sql_dialect", bind="query-params"
    )
    return dialect


def ask_table(found: Analysis, ending: str) -> str:
    """Ask which table holds the rows."""
    return st.text_input(
        "Table with the rows", "rows", key="table", bind="query-params", max_chars=120
    )


def ask_prefix(found: Analysis, ending: str) -> str:
    """Ask what the names in C begin with."""
    return st.text_input(
        "What every name begins with",
        "student",
        key="prefix",
        bind="query-params",
        max_chars=60,
    )


def ask_tree(found: Analysis, ending: str) -> int:
    """Ask which of the boosted trees."""
    most = len(found.form.nodes.roots)
    return int(st.number_input(f"Tree (1 to {most:,})", 1, most, key="of_trees")) - 1


def ask_max_depth(found: Analysis, ending: str) -> int | None:
    """Ask how deep to draw."""
    depth = st.number_input(
        "Deepest test drawn",
        1,
        50,
        None,
        key="drawn_depth",
        bind="query-params",
        placeholder="as fits one picture",
        help="Branches below are folded into one box each.",
    )
    return None if depth is None else int(depth)


def ask_page_depth(found: Analysis, ending: str) -> int | None:
    """Ask whether a PDF has many pages."""
    if ending != "pdf":
        return None
    depth = st.number_input(
        "Tests below each other on a page",
        1,
        12,
        None,
        key="page_depth",
        bind="query-params",
        placeholder="one page",
        help="A large tree goes on from page to page; then all of it is drawn.",
    )
    return None if depth is None else int(depth)


def ask_direction(found: Analysis, ending: str) -> str:
    """Ask where the tree grows to."""
    direction: str = st.radio(
        "Grows",
        ("auto", "down", "right"),
        horizontal=True,
        key="drawn_to",
        bind="query-params",
    )
    return direction


def ask_theme(found: Analysis, ending: str) -> str:
    """Ask for the colours."""
    themes = ("light", "dark", "auto") if ending == "svg" else ("light", "dark")
    theme: str = st.radio(
        "Colours",
        themes,
        horizontal=True,
        key=f"{ending}_theme",
        bind="query-params",
        help="Auto follows the reader's own setting.",
    )
    return theme


ASKED = {
    "order": ask_order,
    "readable": ask_readable,
    "merge": ask_merge,
    "dialect": ask_dialect,
    "table": ask_table,
    "prefix": ask_prefix,
    "tree": ask_tree,
    "max_depth": ask_max_depth,
    "page_depth": ask_page_depth,
    "direction": ask_direction,
    "theme": ask_theme,
}


def build(download: Download, ending: str, settings: dict[str, Any]) -> Built | None:
    """Make a file: at once, or where it may take long when the user asks for it."""
    what = (download.name, ending, *sorted(settings.items()))
    if download.is_quick:
        with widgets.problems("This file cannot be made"):
            quick: Built = caches.kept(
                "file", lambda: download.build(ending, **settings), what
            )
            return quick
        return None
    # A session holds one of the larger files, and all sessions together none.
    mark = (tuple(address.of_run().items()), what)
    if st.button("Make the file", type="primary", key="_make"):
        with widgets.problems("This file cannot be made"), in_steps("file"):
            session.remember("file", (mark, download.build(ending, **settings)))
    known: tuple[Any, Built] | None = session.remembered("file")
    return known[1] if known is not None and known[0] == mark else None


@contextmanager
def in_steps(what: str) -> Iterator[Any]:
    """Show that something is being made, that it is, or that it is not."""
    with st.status(f"Making the {what} ...") as status:
        try:
            yield status
        except (InputError, OSError):
            status.update(label=f"No {what} was made", state="error")
            raise
        status.update(label=f"The {what} is made", state="complete")


def offer(name: str, content: bytes, label: str = "Download") -> None:
    """Show a button that hands a file over."""
    st.download_button(
        f"{label} ({size_in_words(len(content))})",
        content,
        file_name=name,
        mime=MEDIA_TYPES[name.rpartition(".")[2]],
        on_click="ignore",
        key=f"_download_{name}",
        help=f"Saved as {widgets.plain(name)}",
    )


def size_in_words(n_bytes: int) -> str:
    """Return a number of bytes for people."""
    if n_bytes < 10_000:
        return f"{n_bytes:,} bytes"
    return f"{n_bytes / 1e3:,.0f} kB" if n_bytes < 1e6 else f"{n_bytes / 1e6:,.1f} MB"


def preview(content: bytes, ending: str) -> None:
    """Show what is in a file, as far as it can be shown."""
    if ending == "svg":
        st.image(content.decode(), width="stretch", alt=PICTURE)
    elif ending == "png":
        st.image(content, width="stretch", alt=PICTURE)
    elif ending in LANGUAGES:
        text = content.decode()
        st.code(text[:SHOWN_LETTERS], language=LANGUAGES[ending], height=420)
        if len(text) > SHOWN_LETTERS:
            st.caption(f"The first {SHOWN_LETTERS:,} of {len(text):,} characters.")


def show_report(found: Analysis, run: SavedRun) -> None:
    """Ask for what only a person can say, then make the report."""
    st.caption(
        "All that is known of this student, for a person to sign: as a page, a PDF, "
        "Markdown and JSON. What you leave empty says NOT PROVIDED."
    )
    with st.form("report", border=True):
        info = ask_info()
        left, right = st.columns(2, vertical_alignment="bottom")
        examples = left.toggle(
            "Show single rows",
            key="examples",
            help="Rows on which student and teacher disagree. They are data of real "
            "people or things: leave this off when the report goes to others.",
        )
        n_refits = right.selectbox(
            "Students fitted anew, to see how stable they are",
            (0, 2, 3, 5, 10, 20),
            index=3,
            key="refits",
        )
        sent = st.form_submit_button("Make the report", type="primary")
    mark = tuple(address.of_run().items())
    if sent:
        with (
            widgets.problems("The report cannot be made"),
            in_steps("report") as status,
        ):
            report = report_on(found, info=info, examples=examples, n_refits=n_refits)
            status.update(label="Writing it as page, PDF, Markdown and JSON ...")
            made = report_files(report), report._repr_html_()
            session.remember("report", (mark, *made))
    known = session.remembered("report")
    if known is not None and known[0] == mark:
        offer_report(run, known[1], known[2])


def ask_info() -> dict[str, str]:
    """Show a field for everything that a person has to say; return what was said."""
    columns = st.columns(len(SHORT))
    said = {}
    for column, name in zip(columns, SHORT, strict=True):
        said[name] = column.text_input(
            name.capitalize(), key=f"_info_{name}", help=INFO[name], max_chars=200
        )
    left, right = st.columns(2)
    said["status"] = left.selectbox(
        "Status",
        STATUSES,
        format_func=lambda status: status or "not said",
        key="_info_status",
    )
    rest = [name for name in INFO if name not in said]
    for i, name in enumerate(rest):
        place = (right, left)[i % 2]
        said[name] = place.text_area(
            name.replace("_", " ").capitalize(),
            key=f"_info_{name}",
            placeholder=INFO[name],
            max_chars=5000,
            height=100,
        )
    return {name: text.strip() for name, text in said.items() if text.strip()}


def offer_report(run: SavedRun, files: dict[str, bytes | str], framed: str) -> None:
    """Hand over a report in all its forms, and show the page."""
    places = st.columns(len(files))
    for place, (ending, content) in zip(places, files.items(), strict=True):
        with place:
            if isinstance(content, str):
                st.info(widgets.plain(content))
                continue
            name = file_name(run.name, "report", ending, shown_size())
            offer(name, content, NAMES[ending])
    # The page stands in a frame of its own, in which nothing runs and that sees
    # nothing of the app: names in it are the data's.
    st.iframe(framed, height=680, alt="The report, as the HTML file")


widgets.head(
    "Export",
    "Choose a format for this student, set it up, and download the file; every "
    "program is compared with the student before you get it.",
)
found = caches.analysis()
chosen = session.chosen()
assert chosen is not None  # `caches.analysis` ends the page before
run = chosen.run
say_what(found, run, chosen.size)
offered = {one.name: one for one in downloads(found, run.path)}
name = choose(offered)
if name == REPORT:
    show_report(found, run)
else:
    show_download(found, offered[name], run)
