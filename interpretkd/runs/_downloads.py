"""What a run can be downloaded as: each format, what builds it, or why it cannot be.

The app's Export page shows these; nothing here knows of the app. Each file is built in
memory, and a file of another language is checked against the student first.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from interpretkd._base import InputError, csv_text, html_page
from interpretkd.drawing import draw_pages, draw_tree, pages_pdf
from interpretkd.evaluation import Analysis
from interpretkd.explain import linear_terms, shape_effects
from interpretkd.export import DIALECTS, EXPORTS, export_student
from interpretkd.models import Forest, Linear, Tree, check_reads_given
from interpretkd.reports import Report
from interpretkd.rules import RuleSet
from interpretkd.runs._archive import _run_archive
from interpretkd.runs._predictions import _prediction_table

MEDIA_TYPES: Mapping[str, str] = {
    "c": "text/x-c",
    "csv": "text/csv",
    "dot": "text/vnd.graphviz",
    "html": "text/html",
    "json": "application/json",
    "md": "text/markdown",
    "onnx": "application/octet-stream",
    "pdf": "application/pdf",
    "png": "image/png",
    "pmml": "application/xml",
    "py": "text/x-python",
    "sql": "application/sql",
    "svg": "image/svg+xml",
    "tex": "application/x-tex",
    "txt": "text/plain",
    "zip": "application/zip",
}
"""What browsers call a file with an ending."""

_EXTRAS = {"onnx": "export", "png": "viz", "pdf": "viz", "report": "viz"}
_NEEDED = {
    "onnx": ("onnx", "onnxruntime"),
    "png": ("typst",),
    "pdf": ("typst",),
    "report": ("typst",),
}
_ENDINGS = {"python": "py"}
_LONGEST_NAME = 60
_UNSAFE = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True)
class Built:
    """A finished file.

    Parameters
    ----------
    content : bytes
        What it holds.
    said : str, default=""
        How it was checked, as a sentence; nothing where there is nothing to check.
    """

    content: bytes
    said: str = ""


@dataclass(frozen=True, eq=False)
class Download:
    """A kind of file that a student can be downloaded as.

    Parameters
    ----------
    name : str
        Short, as people call it: "SQL", "Rules".
    group : str
        What it is of: "Student", "Rules", "Diagram", "Measures", "Run".
    about : str
        What it is for, in a sentence.
    endings : mapping of str to (str or None)
        How its file can end, and why not when something is missing for that.
    settings : tuple of str
        What its builder takes beside the ending.
    build : callable
        Takes an ending and settings by name, returns what was `Built`; raises
        InputError with a sentence when that cannot be.
    missing : str or None, default=None
        Why this student has no such file at all.
    is_quick : bool, default=True
        Whether it takes less than a blink with 100,000 rows.
    """

    name: str
    group: str
    about: str
    endings: Mapping[str, str | None]
    settings: tuple[str, ...]
    build: Callable[..., Built]
    missing: str | None = None
    is_quick: bool = True


def downloads(found: Analysis, folder: Path | None = None) -> tuple[Download, ...]:
    """List the files that can be made of a student.

    Parameters
    ----------
    found : Analysis
        The student, of the size that is wanted, and its rows.
    folder : Path or None, default=None
        Where its run lies; None leaves the run itself out.

    Returns
    -------
    tuple of Download
        All kinds of files, those that this student cannot be included, with the reason.
    """
    known = [
        *_of_rules(found),
        *_of_sums(found),
        _diagram(found),
        *(_language(found, to) for to in EXPORTS if to != "csv"),
        *_of_measures(found),
    ]
    if folder is not None:
        run = folder
        known.append(
            Download(
                "Run",
                "Run",
                "The whole run as it was saved, for another person's Start page: the "
                "student with all its sizes, the teacher, and the evaluation rows.",
                {"zip": None},
                (),
                lambda ending: Built(_run_archive(run)),
                is_quick=False,
            )
        )
    return tuple(known)


def file_name(run: str, name: str, ending: str, size: int | None = None) -> str:
    """Return a name that is good on every system.

    Parameters
    ----------
    run : str
        What the run is called; anything.
    name : str
        What the file is of.
    ending : str
        Without a dot.
    size : int or None, default=None
        The leaves that the student was cut back to.

    Returns
    -------
    str
        Letters, digits and hyphens.

    Examples
    --------
    >>> file_name("runs/../my run", "Decision table", "csv", 8)
    'runs-my-run-8-leaves-decision-table.csv'
    >>> file_name("☃", "student", "sql")
    'run-student.sql'
    """
    safe = _UNSAFE.sub("-", run)[:_LONGEST_NAME].strip("-") or "run"
    cut = "" if size is None else f"-{size}-leaves"
    return f"{safe}{cut}-{_UNSAFE.sub('-', name).strip('-').lower()}.{ending}"


def report_files(report: Report) -> dict[str, bytes | str]:
    """Return a report in every form.

    Parameters
    ----------
    report : Report
        What `interpretkd.reports.report_on` returned.

    Returns
    -------
    dict of str to (bytes or str)
        By ending (html, pdf, md, json) the file; a text is why there is none.
    """
    files: dict[str, bytes | str] = {"html": report.html().encode()}
    missing = _missing("report")
    try:
        files["pdf"] = missing or report.pdf()
    except InputError as error:
        files["pdf"] = str(error)
    files["md"] = report.markdown().encode()
    files["json"] = report.json().encode()
    return files


def _of_rules(found: Analysis) -> list[Download]:
    reason = None
    if found.tree is None:
        reason = (
            f"Only a tree has rules, and this student is {_in_words(found.form)}: take "
            "what it adds up instead."
        )
    rules: tuple[str, ...] = ("order", "readable", "merge")
    texts = dict.fromkeys(("md", "txt", "csv", "tex", "html"))
    return [
        Download(
            "Rules",
            "Rules",
            "Every rule in words, with coverage, fidelity and accuracy.",
            texts,
            rules,
            lambda ending, **settings: Built(_rules(found, ending, **settings)),
            reason,
        ),
        Download(
            "Decision table",
            "Rules",
            "One row a rule, one column a feature: exactly one row fits each case.",
            dict.fromkeys(("md", "csv", "tex", "html")),
            rules,
            lambda ending, **settings: Built(_decisions_as(found, ending, **settings)),
            reason,
        ),
        Download(
            "Outline",
            "Rules",
            "The tree as indented lines of text.",
            {"txt": None},
            ("readable",),
            lambda ending, readable=False: Built(
                f"{_chosen_rules(found, readable=readable).outline()}\n".encode()
            ),
            reason,
        ),
    ]


def _of_sums(found: Analysis) -> list[Download]:
    """Offer what boosted trees and coefficients add up; a tree has rules instead."""
    if found.tree is not None:
        return []
    return [
        Download(
            "Sums",
            "Rules",
            "What each feature adds: the effects of boosted trees on average over the "
            "rows, or the coefficients of a linear student.",
            dict.fromkeys(("txt", "csv")),
            (),
            lambda ending: Built(_sums(found, ending)),
            is_quick=False,
        )
    ]


def _diagram(found: Analysis) -> Download:
    is_forest = isinstance(found.form, Forest)
    settings = ("max_depth", "page_depth", "direction", "theme")
    reason = None
    if found.tree is None and not is_forest:
        reason = (
            "Only trees are drawn, and this student is "
            f"{_in_words(found.form)}: take its report, which shows its coefficients."
        )
    return Download(
        "Diagram",
        "Diagram",
        "A picture of the tree for a report; as PDF also in pages of a large one.",
        {"svg": None, "png": _missing("png"), "pdf": _missing("pdf")},
        ("tree", *settings) if is_forest else settings,
        lambda ending, **settings: Built(_drawn(found, ending, **settings)),
        reason,
        is_quick=False,
    )


def _language(found: Analysis, to: str) -> Download:
    about = {
        "sql": "A query that decides as the student does, in a database.",
        "python": "A module without any import, for wherever Python runs.",
        "c": "A C source file without any library, for devices.",
        "json": "Everything about the student as plain data.",
        "onnx": "For ONNX runtimes; its values are in float32.",
        "pmml": "For scoring engines that read PMML 4.4.",
        "dot": "Text for Graphviz.",
    }
    names = {"python": "Python", "c": "C", "dot": "DOT"}
    settings = {"sql": ("dialect", "table"), "c": ("prefix",)}
    return Download(
        names.get(to, to.upper()),
        "Student",
        about[to],
        {_ENDINGS.get(to, to): _missing(to)},
        settings.get(to, ()),
        lambda ending, **settings: _exported(found, to, **settings),
        _no_language(found, to),
        is_quick=False,
    )


def _of_measures(found: Analysis) -> list[Download]:
    return [
        Download(
            "Evaluation",
            "Measures",
            "Fidelity, accuracy and sizes of teacher, student and baseline.",
            dict.fromkeys(("csv", "json")),
            (),
            lambda ending: Built(_measured(found, ending)),
            is_quick=False,
        ),
        Download(
            "Predictions",
            "Measures",
            "Every evaluation row with what student and teacher say of it.",
            {"csv": None},
            (),
            lambda ending: Built(csv_text(_prediction_table(found)).encode()),
            is_quick=False,
        ),
    ]


def _exported(
    found: Analysis,
    to: str,
    *,
    dialect: str = DIALECTS[0],
    table: str = "rows",
    prefix: str = "student",
) -> Built:
    written = export_student(
        found.model, to, found.X, dialect=dialect, table=table, name=prefix
    )
    return Built(written.content, str(written))


def _chosen_rules(
    found: Analysis,
    *,
    order: str = "coverage",
    readable: bool = False,
    merge: bool = False,
) -> RuleSet:
    rules = found.rules.merged() if merge else found.rules
    return (rules.readable(found.X) if readable else rules).sort(order)


def _rules(found: Analysis, ending: str, **settings: Any) -> bytes:
    return _chosen_rules(found, **settings)._written(f".{ending}").encode()


def _decisions_as(found: Analysis, ending: str, **settings: Any) -> bytes:
    rules = _chosen_rules(found, **settings)
    if ending == "csv":
        return csv_text(rules.decision_table()).encode()
    if ending == "md":
        return rules.to_markdown("decisions").encode()
    if ending == "tex":
        return rules.to_latex("decisions").encode()
    return html_page("Decision table", rules.to_html("decisions")).encode()


def _sums(found: Analysis, ending: str) -> bytes:
    is_linear = isinstance(found.form, Linear)
    added: Any = (linear_terms if is_linear else shape_effects)(found.model, found.X)
    if ending == "txt":
        return f"{added}\n".encode()
    return csv_text(added.table if is_linear else added.to_frame()).encode()


def _drawn(
    found: Analysis,
    ending: str,
    *,
    max_depth: int | None = None,
    page_depth: int | None = None,
    direction: str = "auto",
    theme: str = "light",
    tree: int | None = None,
) -> bytes:
    if page_depth is not None:
        sheets = draw_pages(
            found.model, depth=page_depth, direction=direction, tree=tree
        )
        return pages_pdf(sheets, theme=theme)
    drawing = draw_tree(
        found.model, max_depth=max_depth, direction=direction, tree=tree
    )
    if ending == "svg":
        return (drawing.svg(theme=theme) + "\n").encode()
    return drawing.png(theme=theme) if ending == "png" else drawing.pdf(theme=theme)


def _measured(found: Analysis, ending: str) -> bytes:
    if ending == "csv":
        return csv_text(found.evaluation.to_frame().reset_index()).encode()
    content = {"about": dict(found.about), **found.evaluation.to_dict()}
    text = json.dumps(
        content, ensure_ascii=False, indent=1, allow_nan=False, default=_plain
    )
    return f"{text}\n".encode()


def _no_language(found: Analysis, to: str) -> str | None:
    if to != "dot":
        try:
            check_reads_given("An export", found.model)
        except InputError as error:
            return str(error)
    if to == "dot" and found.tree is None:
        return (
            "Only a tree is a diagram, and this student is "
            f"{_in_words(found.form)}: export it to another format."
        )
    n_targets = found.teacher_logits.shape[1]
    if to == "pmml" and found.task != "multiclass" and n_targets > 1:
        return (
            f"A PMML model predicts one target, and this student has {n_targets}: "
            "export it to another format."
        )
    return None


def _missing(name: str) -> str | None:
    """Say what has to be installed for a kind of file."""
    absent = [need for need in _NEEDED.get(name, ()) if find_spec(need) is None]
    if not absent:
        return None
    what = "A PDF report" if name == "report" else name.upper()
    return (
        f"{what} needs {' and '.join(absent)}: pip install "
        f"'interpretkd[{_EXTRAS[name]}]'."
    )


def _in_words(form: Any) -> str:
    if isinstance(form, Tree):
        return "a tree"
    return "a sum of trees" if isinstance(form, Forest) else "a linear model"


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise InputError(f"A measure is no plain value: {value!r}.")
