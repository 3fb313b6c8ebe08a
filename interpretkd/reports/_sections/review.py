"""What a reviewer goes through one by one: the rules, and where the two models part."""

from interpretkd.models import schema_seen
from interpretkd.reports._document import Block, Paragraph, Section, Table
from interpretkd.reports._sections.subject import (
    FEW_ROWS,
    MOST_ROWS_TOLD,
    Builder,
    _in_words,
    _plural,
    _Subject,
)
from interpretkd.rules import readable

_SIGNED = ("#", "rule", "prediction", "covers", "rows", "fidelity", "accuracy")
"""The columns that a reviewer of rules needs."""


def _review(subject: _Subject) -> Section | None:
    """Show the rules with thresholds that people can read, and room to sign."""
    found = subject.found
    if found.tree is None:
        return None
    rules, price = found.rules, None
    exact = getattr(found.model.student_, "thresholds", "exact") == "exact"
    if exact and schema_seen(found.model).image_shape is None:
        price = readable(found.model, found.X)
        rules = rules.readable(found.X)
    whole = rules.to_text()
    frame = whole[[name for name in _SIGNED if name in whole.columns]].copy()
    for title in ("agrees with practice?", "comment"):
        frame[title] = ""
    thin = [rule for rule in found.rules if rule.n_rows < FEW_ROWS]
    if thin:
        text = (
            f"{_plural(len(thin), 'rule covers', 'rules cover')} fewer than "
            f"{FEW_ROWS} held-out rows: little is known of them."
        )
        subject.weigh("Rule review", text)
    overall = found.evaluation.student.fidelity
    for rule in found.rules:
        if rule.fidelity is None or overall is None:
            continue
        if rule.fidelity.high < overall.low:
            text = (
                f"Rule {rule.number} has fidelity {rule.fidelity.value:.1%} on "
                f"{rule.n_rows} rows, against {overall.value:.1%} overall."
            )
            subject.weigh("Rule review", text)
    blocks: list[Block] = []
    if price is not None:
        blocks.append(Paragraph(f"The thresholds are rounded: {price}."))
    caption = (
        f"All {len(rules)} rules by coverage; the last columns are for the reviewer"
    )
    blocks += [
        Table(frame, caption),
        Table(whole, "Everything that was measured of each rule", folded=True),
    ]
    return Section("Rule review", tuple(blocks))


def _disagreements(subject: _Subject) -> Section:
    found = subject.found
    parts = found.disagreements
    blocks: list[Block] = [Paragraph(parts.sentence)]
    if len(parts.pairs):
        pairs = _in_words(parts.pairs.head(MOST_ROWS_TOLD))
        formats = {"share": ".1%", "teacher_confidence": ".2f"}
        blocks.append(Table(pairs, "The most frequent pairs of decisions", formats))
    if parts.regions:
        frame = parts.regions_frame()
        spec = ".1%" if found.has_classes else ".4g"
        formats = dict.fromkeys(("rate", "low", "high"), spec) | {"coverage": ".1%"}
        caption = (
            "Where they disagree more, or less, than elsewhere: regions found on one "
            "half of the rows, measured on the other"
        )
        blocks.append(Table(frame, caption, formats))
    if subject.examples and len(parts):
        rows = _in_words(parts.rows.head(MOST_ROWS_TOLD))
        first = "the teacher surest" if found.has_classes else "the largest difference"
        blocks.append(Table(rows, f"Where they disagree, {first} first"))
    return Section("Disagreements", tuple(blocks))


REVIEW: tuple[Builder, ...] = (_review, _disagreements)
"""Rules and disagreements."""
