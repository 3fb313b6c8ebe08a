"""The first section of a report, which is all that many read."""

import pandas as pd

from interpretkd.metrics import Estimate
from interpretkd.reports._document import Block, Bullets, Paragraph, Section, Table
from interpretkd.reports._sections.subject import Builder, _Subject


def _summary(subject: _Subject) -> Section:
    found = subject.found.evaluation
    baseline = found.baseline
    figures: dict[str, Estimate | None] = {
        "Fidelity: the student decides as the teacher": found.student.fidelity,
        **(
            {"Fidelity to the first teacher of the chain": first}
            if (first := found.student.origin_fidelity) is not None
            else {}
        ),
        "Fidelity of a student fitted to the labels alone": None
        if baseline is None
        else baseline.fidelity,
        "Accuracy of the student, with the labels": found.student.accuracy,
        "Accuracy of the teacher": found.teacher.accuracy,
        "Accuracy of a student fitted to the labels alone": None
        if baseline is None
        else baseline.accuracy,
    }
    notes = (*found.beside, *found.cautions)
    table = pd.DataFrame(
        {
            "measure": figures.keys(),
            "figure": [subject.words(e) for e in figures.values()],
        }
    )
    blocks: list[Block] = [
        Paragraph(found.verdict, loud=True),
        *([Bullets(notes)] if notes else []),
        Table(
            table,
            f"On {found.n:,} held-out rows{found.groups_text}, with 95 % intervals",
        ),
    ]
    if subject.found.tree is not None:
        top = subject.found.rules.sentences[:5]
        total = len(subject.found.rules)
        blocks += [
            Paragraph(f"The rules that cover most rows ({len(top)} of {total}):"),
            Bullets(top),
        ]
    worst = subject.findings[:3]
    if worst:
        blocks += [
            Paragraph("What to weigh first:"),
            Bullets(tuple(f"{f.what} (see {f.where})" for f in worst)),
        ]
    return Section("Summary", tuple(blocks))


SUMMARY: tuple[Builder, ...] = (_summary,)
"""The verdict and what to weigh first; to be built last."""
