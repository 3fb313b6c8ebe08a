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
class _Subject:
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
        """Note something that a reader has to weigh, and the section that says more."""
        self.findings.append(Finding(where, what))

    def words(self, estimate: Estimate | None) -> str:
        """Say an estimate with its interval: a share in percent, or R2."""
        if estimate is None:
            return "not known"
        return format(estimate, ".1%" if self.found.has_classes else ".3f")


Builder: TypeAlias = Callable[[_Subject], Section | None]
"""What makes a section; None where there is nothing to say."""


def _pictured(display: Any, caption: str) -> list[Block]:
    """Draw a figure where matplotlib is installed; its table stands there anyhow."""
    try:
        return [Figure(display.svg(), caption, display.alt)]
    except InputError:
        return []


def _in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose predictions are texts."""
    decided = ("prediction", "teacher", "student", "label")
    told = [name for name in decided if name in frame.columns]
    return frame.assign(**{name: frame[name].map(prediction_text) for name in told})


def _plural(count: int, one: str, many: str) -> str:
    """Return a number with its noun, as "1,000 trees"."""
    return f"{count:,} {one if count == 1 else many}"


def _free_table(subject: _Subject, keys: tuple[str, ...]) -> Table:
    """Show what a person had to say."""
    said = {INFO[key]: subject.info.get(key, NOT_PROVIDED) for key in keys}
    return _fact_table(said, "Filled in by a person")


def _fact_table(values: Mapping[str, Any], caption: str) -> Table:
    """Show names and values as a table without a header."""
    frame = pd.DataFrame({"": values.keys(), " ": [str(v) for v in values.values()]})
    return Table(frame, caption)
