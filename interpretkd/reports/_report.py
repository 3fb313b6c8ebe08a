"""The report that a person signs: what was measured of a run, put into a document.

Everything here was measured on rows that neither teacher nor student was fitted to, or
says that it was not. `documents` writes it as HTML, Markdown, JSON or PDF.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from interpretkd._base import InputError, check_integer
from interpretkd.distillation import check_model, task_text
from interpretkd.evaluation import Analysis, analyse
from interpretkd.model_selection import Frontier
from interpretkd.reports._document import Document
from interpretkd.reports._manual_sections import _check_info
from interpretkd.reports._sections.order import _put_together
from interpretkd.reports._writers import (
    _to_html,
    _to_json,
    _to_markdown,
    _to_pdf,
    _write_document,
)


@dataclass(frozen=True, eq=False)
class Report:
    """What `report_on` put together; shows itself in a notebook.

    Parameters
    ----------
    document : Document
        Sections of paragraphs, tables and figures.
    measures : mapping
        The figures as plain values, for the JSON form.
    """

    document: Document
    measures: Mapping[str, Any]

    def html(self) -> str:
        """Return one self-contained HTML page.

        Returns
        -------
        str
            It asks for nothing and runs nothing.
        """
        return _to_html(self.document)

    def markdown(self) -> str:
        """Return the report as Markdown.

        Returns
        -------
        str
            GitHub-flavoured, the figures embedded.
        """
        return _to_markdown(self.document)

    def json(self) -> str:
        """Return the report as JSON.

        Returns
        -------
        str
            The sections, and every figure under "measures".
        """
        return _to_json(self.document, self.measures)

    def pdf(self) -> bytes:
        """Return the report as a PDF.

        Returns
        -------
        bytes
            PDF/UA-1; needs the extra ``[viz]``.
        """
        return _to_pdf(self.document)

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the report to a file.

        Parameters
        ----------
        path : str or path
            A .html, .md, .json or .pdf file.

        Returns
        -------
        Path
            The file, complete.

        Raises
        ------
        InputError
            For another ending.
        """
        return _write_document(self.document, Path(path), self.measures)

    def __repr__(self) -> str:
        return f"Report({self.document.title!r})"

    def _repr_html_(self) -> str:
        page = escape(self.html(), quote=True)
        return (
            f'<iframe srcdoc="{page}" sandbox="" title="Report" '
            'style="width:100%;height:40rem;border:1px solid #888"></iframe>'
        )


def make_report(
    model: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    teacher_logits: ArrayLike | None = None,
    about: Mapping[str, Any] | None = None,
    info: Mapping[str, str] | None = None,
    examples: bool = False,
    n_refits: int = 5,
    frontier: Frontier | None = None,
    random_state: int = 0,
    groups: ArrayLike | None = None,
) -> Report:
    """Put together all that is known of a distilled model.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    X : array-like or frame of shape (n_samples, n_features)
        Rows that neither the teacher nor the student was fitted to.
    y : array-like of shape (n_samples,), default=None
        Their labels; without them there is no accuracy.
    teacher_logits : array-like of shape (n_samples, n_outputs), default=None
        What the teacher said of these rows; None asks it.
    about : mapping, default=None
        Where the model comes from: `Run.about`.
    info : mapping of str to str, default=None
        The free sections, as `read_info` returns them; what is absent is shown as NOT
        PROVIDED.
    examples : bool, default=False
        Whether single rows may be shown, where student and teacher disagree.
    n_refits : int, default=5
        0, or in [2, inf): the students that are fitted anew to see how stable they
        are; 0 leaves that section out.
    frontier : Frontier or None, default=None
        What `interpretkd.model_selection.frontier` returned for the same teacher, to be
        shown beside the student.
    random_state : int, default=0
        Of what is drawn.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to - customers, patients, series -: intervals and
        comparisons are then over groups. None takes the rows as independent.

    Returns
    -------
    Report
        Write it with ``.write("report.html")``; .md, .json and .pdf do as well.

    Raises
    ------
    InputError
        For a model without a student of ours, rows or labels that do not fit it, and
        as `report_on`.
    """
    check_model("make_report", model)
    found = analyse(
        model,
        X,
        y,
        teacher_logits=teacher_logits,
        about=about,
        seed=random_state,
        groups=groups,
    )
    return report_on(
        found, info=info, examples=examples, n_refits=n_refits, frontier=frontier
    )


def report_on(
    found: Analysis,
    *,
    info: Mapping[str, str] | None = None,
    examples: bool = False,
    n_refits: int = 5,
    frontier: Frontier | None = None,
    on_section: Callable[[float, float], object] = lambda done, most: None,
) -> Report:
    """Put together all that is known of an analysed model.

    What was measured of the analysis already is not measured again.

    Parameters
    ----------
    found : Analysis
        The model and its held-out rows.
    info, examples, n_refits, frontier : default as for `make_report`
        What is shown of it, and beside it.
    on_section : callable, default does nothing
        Called after each section with how much is done, and how much there is to do.

    Returns
    -------
    Report
        Write it with ``.write("report.html")``; .md, .json and .pdf do as well.

    Raises
    ------
    InputError
        For an unknown key of `info`, and a frontier of another task, other columns or
        other classes.
    """
    if check_integer("make_report", "n_refits", n_refits, 0) == 1:
        raise InputError(
            "The 'n_refits' parameter of make_report must be 0, or an int in [2, inf), "
            "for one refit shows no spread. Got 1."
        )
    _check_frontier(frontier, found)
    told = _check_info(info or {}, "info")
    document, findings = _put_together(
        found,
        told,
        examples=examples,
        n_refits=n_refits,
        frontier=frontier,
        on_section=on_section,
    )
    measures = {
        "evaluation": found.evaluation.to_dict(),
        "about": dict(found.about),
        "info": told,
        "findings": findings,
    }
    if frontier is not None:
        measures["frontier"] = frontier.to_frame().to_dict("records")
    return Report(document, measures)


def _check_frontier(frontier: object, found: Analysis) -> None:
    """Refuse what is no frontier, or one of students that decide something else."""
    if frontier is None:
        return
    must = "The 'frontier' parameter of the report must be"
    if not isinstance(frontier, Frontier):
        raise InputError(
            f"{must} a Frontier, as interpretkd.frontier returns it. Got a "
            f"{type(frontier).__name__}."
        )
    if frontier.task != found.task:
        raise InputError(
            f"{must} of models that decide {task_text(found.model)}, as the model "
            f"does. Got one that decides {task_text(frontier.models[0])}."
        )
    other = frontier.models[0]
    if other.schema_.names != found.model.schema_.names:
        raise InputError(f"{must} of the model's columns. Got one of other columns.")
    if found.has_classes and list(other.classes_) != list(found.model.classes_):
        raise InputError(f"{must} of the model's classes. Got one of other classes.")
