"""The sections of a report in their order, all built from one analysis."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from interpretkd._base import __version__
from interpretkd.evaluation import Analysis
from interpretkd.model_selection import Frontier
from interpretkd.reports._document import Document, Section
from interpretkd.reports._manual_sections import NOT_PROVIDED
from interpretkd.reports._sections.closing import CLOSING
from interpretkd.reports._sections.fidelity import FIDELITY
from interpretkd.reports._sections.review import REVIEW
from interpretkd.reports._sections.robustness import ROBUSTNESS, _stability
from interpretkd.reports._sections.setting import SETTING
from interpretkd.reports._sections.student import STUDENT
from interpretkd.reports._sections.subject import Builder, _Subject
from interpretkd.reports._sections.summary import SUMMARY


def _put_together(
    found: Analysis,
    info: Mapping[str, str],
    *,
    examples: bool,
    n_refits: int,
    frontier: Frontier | None,
    on_section: Callable[[float, float], object],
) -> tuple[Document, list[dict[str, str]]]:
    """Build a report's document, and list what a reader has to weigh."""
    subject = _Subject(found, info, examples, n_refits, frontier)
    middle = (*SETTING, *FIDELITY, *STUDENT, *REVIEW, *ROBUSTNESS)
    # The students that are fitted anew take longer than all the rest.
    costs: dict[Builder, float] = {_stability: 3.0 * n_refits + 1.0}
    most = sum(costs.get(build, 1.0) for build in middle)
    body: list[Section] = []
    done = 0.0
    for build in middle:
        body += _built([build], subject)
        done += costs.get(build, 1.0)
        on_section(done, most)
    # The first and the last sections tell what was found in those between.
    document = Document(
        info.get("title", f"A {found.family} in place of its teacher"),
        _cover(subject),
        (*_built(SUMMARY, subject), *body, *_built(CLOSING, subject)),
    )
    return document, [asdict(finding) for finding in subject.findings]


def _built(builders: Iterable[Builder], subject: _Subject) -> list[Section]:
    sections = (build(subject) for build in builders)
    return [section for section in sections if section is not None]


def _cover(subject: _Subject) -> tuple[tuple[str, str], ...]:
    said = subject.info
    facts = {
        "Author": said.get("author", NOT_PROVIDED),
        "Owner": said.get("owner", NOT_PROVIDED),
        "Status": said.get("status", NOT_PROVIDED),
        "Made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, interpretkd {__version__}",
        "Data": str(subject.found.about.get("data", NOT_PROVIDED)),
        "Measured on": f"{len(subject.found):,} held-out rows"
        f"{subject.found.evaluation.groups_text}",
    }
    return tuple(facts.items())
