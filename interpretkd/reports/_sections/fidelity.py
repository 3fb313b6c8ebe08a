"""How like the student is to the teacher, how often both are right, other sizes."""

import numpy as np
import pandas as pd

from interpretkd.model_selection import Frontier, SizeDisplay
from interpretkd.reports._document import Block, Paragraph, Section, Table
from interpretkd.reports._sections.subject import (
    SHARES,
    Builder,
    _pictured,
    _plural,
    _Subject,
)


def _fidelity(subject: _Subject) -> Section:
    found = subject.found.evaluation
    blocks: list[Block] = [
        Table(
            found.to_text().reset_index(),
            f"On {found.n:,} held-out rows{found.groups_text}, with 95 % intervals",
        )
    ]
    if not subject.found.has_classes:
        return Section("Fidelity", tuple(blocks))
    parts = 1 - float(subject.found.agrees.mean())
    subject.weigh(
        "Fidelity", f"Student and teacher disagree on {parts:.1%} of held-out rows."
    )
    if found.by_class is not None:
        shown = found.by_class.astype({"class": str})
        blocks.append(Table(shown, "By the class that the teacher decides", SHARES))
        overall = found.student.fidelity
        for row in found.by_class.itertuples():
            if overall is not None and row.n and row.high < overall.low:
                text = f"Class {row[1]}: fidelity {row.fidelity:.1%} on {row.n} rows."
                subject.weigh("Fidelity", text)
    if subject.found.task == "multiclass" and len(subject.found.model.classes_) <= 20:
        blocks.append(_confusion(subject))
    return Section("Fidelity", tuple(blocks))


def _confusion(subject: _Subject) -> Table:
    names = [str(name) for name in subject.found.model.classes_]
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(
        counts, (subject.found.teacher_decisions, subject.found.student_decisions), 1
    )
    frame = pd.DataFrame(counts, columns=[f"student: {name}" for name in names])
    frame.insert(0, "", [f"teacher: {name}" for name in names])
    return Table(frame, "Rows by what teacher and student decide")


def _accuracy(subject: _Subject) -> Section | None:
    found, labels = subject.found.evaluation, subject.found.labels
    if labels is None:
        subject.weigh("Accuracy", "The rows have no labels: accuracy is not known.")
        return None
    if not subject.found.has_classes:
        return Section("Accuracy", (Paragraph(found.verdict),))
    truth = labels.reshape(len(labels), -1)
    teacher, student = (
        (np.asarray(said).reshape(truth.shape) == truth).all(axis=1)
        for said in (subject.found.teacher_decisions, subject.found.student_decisions)
    )
    counts = {
        "both right": teacher & student,
        "only the teacher": teacher & ~student,
        "only the student": ~teacher & student,
        "both wrong": ~teacher & ~student,
    }
    both = pd.DataFrame(
        {"": counts.keys(), "rows": [int(rows.sum()) for rows in counts.values()]}
    )
    blocks: list[Block] = [Table(both, "Who is right with the labels")]
    of_teacher, of_student = found.teacher.accuracy, found.student.accuracy
    if of_teacher is not None and of_student is not None:
        # In points, as the verdict says it: a share of the teacher's accuracy beside it
        # would read as another figure of the same thing.
        gap = 100 * (of_teacher.value - of_student.value)
        change = "below" if gap > 0 else "above"
        size = f"{abs(gap):.1f} points {change}" if gap else "equal to"
        text = f"{size} the teacher's"
        blocks.append(Paragraph(f"The student's accuracy is {text}."))
    return Section("Accuracy", tuple(blocks))


def _size(subject: _Subject) -> Section | None:
    blocks = [*_size_curve(subject), *_families(subject)]
    return Section("Size", tuple(blocks)) if blocks else None


def _families(subject: _Subject) -> list[Block]:
    """Show what other families and sizes would have been worth."""
    frontier = subject.frontier
    if frontier is None:
        return []
    text = (
        "Other families and sizes, distilled from the same teacher. Recommended: "
        f"{frontier.reason}"
    )
    caption = (
        f"Families and sizes: chosen on {len(frontier.validation_rows):,} validation "
        f"rows, measured on {frontier.n_test:,} test rows"
    )
    blocks: list[Block] = [Paragraph(text), *_families_drawn(frontier)]
    if frontier.left_out:
        blocks.append(Paragraph(f"Over the budget: {'; '.join(frontier.left_out)}."))
    return [*blocks, Table(frontier.to_text(), caption)]


def _families_drawn(frontier: Frontier) -> list[Block]:
    if all(point.items is None for point in frontier.points):
        return []  # of students that are not ours nothing is known to draw over
    drawn = SizeDisplay.from_frontier(frontier, by="items")
    return _pictured(drawn, "Fidelity by what a person has to read, on the test rows")


def _size_curve(subject: _Subject) -> list[Block]:
    path = subject.found.sizes
    if path is None or path.validation is None or path.standard_error is None:
        return []
    doubled = {2**k for k in range(1, 12) if 2**k < len(path.sizes)}
    sizes = sorted({*doubled, len(path.sizes)})
    at = np.asarray(sizes) - 1
    frame = pd.DataFrame(
        {
            "leaves": sizes,
            "fidelity": path.validation[at],
            "standard error": path.standard_error[at],
        }
    )
    spec = ".1%" if subject.found.has_classes else ".3f"
    text = (
        "The best tree of every size within the student's, cut on one half of the "
        "held-out rows and measured on the other. Beyond "
        f"{_plural(path.choose('knee'), 'leaf', 'leaves')} a doubling pays less; "
        f"{_plural(path.choose(), 'leaf is', 'leaves are')} within one standard error "
        "of the best."
    )
    formats = {"fidelity": spec, "standard error": spec}
    table = Table(frame, "Fidelity by the number of leaves", formats)
    unit = "share of rows" if subject.found.has_classes else "R2"
    drawn = SizeDisplay.from_path(path, unit=unit)
    caption = "Fidelity by size; the training rows here are the half that was cut on"
    return [Paragraph(text), *_pictured(drawn, caption), table]


FIDELITY: tuple[Builder, ...] = (_fidelity, _accuracy, _size)
"""Fidelity, accuracy and size."""
