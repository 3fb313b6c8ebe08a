"""What a report is about, and the blocks that several of its sections are made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pandas as pd

from interpretkd._base import InputError, prediction_text
from interpretkd.evaluation import Analysis
from interpretkd.metrics import Estimate
from interpretkd.model_selection import Frontier
from interpretkd.reports._document import Block, Figure, Section, Table
from interpretkd.reports._manual_sections import INFO, NOT_PROVIDED

FEW_ROWS = 30
"""A rule or a slice with fewer rows is called thin."""
MOST_ROWS_TOLD = 20
SHARES = {"fidelity": ".1%", "low": ".1%", "high": ".1%", "coverage": ".1%"}


@dataclass(frozen=True)
class Finding:
    """Something that a reader has to weigh.

    Parameters
    ----------
    where : str
        The section that says more.
    what : str
        A sentence.
    """

    where: str
    what: str


@dataclass(frozen=True, eq=False)
class Subject:
    """What a report is about, what was asked for, and what came up on the way.

    Parameters
    ----------
    found : Analysis
        The model and its held-out rows.
    info : mapping of str to str
        The free sections.
    examples : bool
        Whether single rows may be shown.
    n_refits : int
        The students that are fitted anew for the section on stability.
    frontier : Frontier or None
        Other families and sizes, to be shown beside the student.
    findings : list of Finding
        What a reader has to weigh: each section adds its own.
    """

    found: Analysis
    info: Mapping[str, str]
    examples: bool
    n_refits: int
    frontier: Frontier | None
    findings: list[Finding] = field(default_factory=list)

    def weigh(self, where: str, what: str) -> None:
        """Note something that a reader has to weigh.

        Parameters
        ----------
        where : str
            The section that says more.
        what : str
            A sentence.
        """
        self.findings.append(Finding(where, what))

    def words(self, estimate: Estimate | None) -> str:
        """Say an estimate with its interval: a share, or R2.

        Parameters
        ----------
        estimate : Estimate or None
            What was measured.

        Returns
        -------
        str
            In percent for shares; "not known" for None.
        """
        if estimate is None:
            return "not known"
        return format(estimate, ".1%" if self.found.has_classes else ".3f")


Builder: TypeAlias = Callable[[Subject], Section | None]
"""What makes a section; None where there is nothing to say."""


def pictured(display: Any, caption: str) -> list[Block]:
    """Draw a figure where matplotlib is installed; its table stands there anyhow.

    Parameters
    ----------
    display : Display
        What to draw.
    caption : str
        What it shows.

    Returns
    -------
    list of Block
        One figure, or nothing.
    """
    try:
        return [Figure(display.svg(), caption, display.alt)]
    except InputError:
        return []


def in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose predictions are texts.

    Parameters
    ----------
    frame : DataFrame
        With any of the columns prediction, teacher, student and label.

    Returns
    -------
    DataFrame
        The same otherwise.
    """
    decided = ("prediction", "teacher", "student", "label")
    told = [name for name in decided if name in frame.columns]
    return frame.assign(**{name: frame[name].map(prediction_text) for name in told})


def plural(count: int, one: str, many: str) -> str:
    """Return a number with its noun.

    Parameters
    ----------
    count : int
        How many.
    one, many : str
        The noun for one, and for any other number.

    Returns
    -------
    str
        As "1,000 trees".
    """
    return f"{count:,} {one if count == 1 else many}"


def free_table(subject: Subject, keys: tuple[str, ...]) -> Table:
    """Show what a person had to say.

    Parameters
    ----------
    subject : Subject
        What the report is about.
    keys : tuple of str
        Of `interpretkd.reports.INFO`.

    Returns
    -------
    Table
        One row each; what was not said is NOT PROVIDED.
    """
    said = {INFO[key]: subject.info.get(key, NOT_PROVIDED) for key in keys}
    return fact_table(said, "Filled in by a person")


def fact_table(values: Mapping[str, Any], caption: str) -> Table:
    """Show names and values as a table without a header.

    Parameters
    ----------
    values : mapping
        By name.
    caption : str
        What it shows.

    Returns
    -------
    Table
        One row each.
    """
    frame = pd.DataFrame({"": values.keys(), " ": [str(v) for v in values.values()]})
    return Table(frame, caption)
