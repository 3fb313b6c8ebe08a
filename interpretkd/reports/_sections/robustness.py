"""Whether it holds: with other rows, on changed rows, and in each part of the rows."""

import pandas as pd

from interpretkd.models import view_makes_columns
from interpretkd.reports._document import Block, Paragraph, Section, Table
from interpretkd.reports._sections.subject import (
    FEW_ROWS,
    MOST_ROWS_TOLD,
    SHARES,
    Builder,
    _in_words,
    _Subject,
)

_FEWEST_TO_REFIT = 20
_SHAKY = 0.8
"""Refitted students that agree on fewer rows are called unstable."""


def _stability(subject: _Subject) -> Section | None:
    found = subject.found
    if subject.n_refits == 0 or len(found) < _FEWEST_TO_REFIT:
        return None
    steady = found.stability(subject.n_refits)
    if steady.agreement.value < _SHAKY:
        subject.weigh("Stability", steady.sentence)
    blocks: list[Block] = [
        Paragraph(
            f"{steady.sentence} The run keeps no training rows: the students were "
            "fitted to bootstrap samples of the held-out rows, which are fewer, and "
            "compared on held-out rows that they had not seen. With more rows they "
            "would be steadier."
        ),
        *map(Paragraph, steady.notes),
        Table(_in_words(steady.features), "What the refitted students use"),
    ]
    if steady.rules is not None:
        number = {rule.leaf: rule.number for rule in found.rules}
        rules = _in_words(steady.rules).drop(columns=["rule"], errors="ignore")
        rules.insert(0, "rule", rules.pop("leaf").map(number))
        caption = "How often each rule, and what it decides, comes out again"
        blocks.append(Table(rules, caption, folded=len(rules) > MOST_ROWS_TOLD))
    else:
        parts = _in_words(steady.parts)
        caption = "What the student is made of, in the refits"
        blocks.append(Table(parts, caption, folded=len(parts) > MOST_ROWS_TOLD))
    return Section("Stability", tuple(blocks))


def _interventions(subject: _Subject) -> Section | None:
    found = subject.found
    if found.tree is None or found.tree.n_leaves < 2:
        return None
    if view_makes_columns(found.model):
        text = (
            "The student's tests are about columns that are made of those of the rows: "
            "what its rules test cannot be changed in a row by itself."
        )
        return Section("Intervention", (Paragraph(text),))
    if not found.teacher_answers:
        text = "The teacher was not saved with the run: it could not be asked."
        subject.weigh("Intervention", text)
        return Section("Intervention", (Paragraph(text),))
    changed = found.interventions
    told = ["number", "prediction", "n_rows", "fidelity", "before", "follows"]
    ends = ["follows_low", "follows_high", "unusual"]
    frame = _in_words(changed.to_frame())
    frame = frame[[name for name in (*told, *ends) if name in frame.columns]]
    follows, before = changed.follows, changed.before
    fidelity = found.evaluation.student.fidelity
    if follows is not None and before is not None and fidelity is not None:
        gain = (follows - before) / max(fidelity.value - before, 1e-9)
        if gain < 0.5:
            subject.weigh("Intervention", changed.sentence)
    shares = [c for c in frame.columns if frame[c].dtype.kind == "f"]
    caption = "Rows changed to satisfy a rule"
    if len(found.rules) > len(changed):
        caption += f", for the {len(changed)} rules that cover most rows"
    blocks: list[Block] = [
        Paragraph(
            "Fidelity says that the rules decide as the teacher on rows as they come, "
            "not that the teacher goes by what the rules test. Here exactly the "
            "columns that a rule tests were given the values of a row that it covers, "
            "and the teacher was asked anew."
        ),
        Paragraph(changed.sentence),
        Table(frame, caption, dict.fromkeys(shares, ".2f")),
    ]
    return Section("Intervention", tuple(blocks))


def _slices(subject: _Subject) -> Section | None:
    found = subject.found
    schema = found.model.schema_
    if schema.image_shape is not None or not found.has_classes:
        return None
    if not isinstance(found.X, pd.DataFrame):
        return None
    overall = found.evaluation.student.fidelity
    tables = [found.slices(name).assign(column=name) for name in schema.names]
    every = pd.concat(tables, ignore_index=True)
    every = every[["column", "slice", "n", "fidelity", "low", "high"]]
    thick = every[every["n"] >= FEW_ROWS]
    worst = thick.sort_values("fidelity").head(10)
    if overall is not None:
        for row in worst[worst["high"] < overall.low].itertuples():
            text = (
                f"{row.column} {row.slice}: fidelity {row.fidelity:.1%} on {row.n} "
                f"rows, against {overall.value:.1%} on all."
            )
            subject.weigh("Slices", text)
    caption = f"The ten slices of {FEW_ROWS} rows or more with the lowest fidelity"
    blocks: list[Block] = [
        Paragraph(
            f"Each column was cut into slices: {len(every):,} in all. Among so many, "
            "some are low by chance."
        ),
        Table(worst, caption, SHARES),
        Table(every, "Every slice", SHARES, folded=True),
    ]
    return Section("Slices", tuple(blocks))


ROBUSTNESS: tuple[Builder, ...] = (_stability, _interventions, _slices)
"""Refits, changed rows and slices."""
