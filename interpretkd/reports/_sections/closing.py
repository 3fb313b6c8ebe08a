"""What a report ends with: what to weigh, how to make it again, and its words."""

import platform
from importlib.metadata import version

import pandas as pd

from interpretkd._base import __version__
from interpretkd.reports._document import Block, Code, Paragraph, Section, Table
from interpretkd.reports._manual_sections import NOT_PROVIDED
from interpretkd.reports._sections.subject import (
    Builder,
    _fact_table,
    _free_table,
    _Subject,
)


def _limits(subject: _Subject) -> Section:
    findings = subject.findings
    listed = pd.DataFrame(
        {
            "no.": range(1, len(findings) + 1),
            "found in": [f.where for f in findings],
            "what": [f.what for f in findings],
            "severity": "",
            "owner": "",
            "due": "",
        }
    )
    blocks: list[Block] = []
    if findings:
        caption = "What the figures show; the last three columns are for the reviewer"
        blocks.append(Table(listed, caption))
    blocks.append(_free_table(subject, ("assumptions", "findings", "monitoring")))
    return Section("Limits, findings and monitoring", tuple(blocks))


def _reproduction(subject: _Subject) -> Section:
    versions = {
        "interpretkd": __version__,
        "Python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scikit-learn", "torch")},
    }
    blocks: list[Block] = []
    command = subject.found.about.get("command")
    if command:
        blocks += [Paragraph("The run is made again by:"), Code(str(command))]
    else:
        blocks.append(Paragraph(f"The command that made the run: {NOT_PROVIDED}"))
    blocks.append(_fact_table(versions, "What this report was made with"))
    return Section("Reproduction", tuple(blocks))


def _glossary(_: _Subject) -> Section:
    words = {
        "teacher": "the network that is explained",
        "student": "the small model that was fitted to the teacher's logits",
        "baseline": "the same student, fitted to the labels alone",
        "fidelity": "the share of rows on which the student decides as the teacher; "
        "for values, R2 with the teacher's",
        "accuracy": "the share of rows on which a model decides as the label says; for "
        "values, R2 with the labels",
        "coverage": "the share of rows to which a rule applies",
        "support": "their number",
        "lift": "the accuracy of a rule over the share of its class in all rows",
        "interval": "of 95 % confidence: Wilson's for shares, else a bootstrap",
        "logits": "the scores from which the teacher's probabilities are made",
        "KL": "how far the student's probabilities are from the teacher's, in nats; "
        "0 if they are the same",
        "R2 of logits": "the share of the variance of the teacher's logits that the "
        "student explains; 1 at best, below 0 if it does worse than their mean",
        "ECE": "expected calibration error: how far, on average, claimed probabilities "
        "are from how often they are right",
        "distillation score": "loss of accuracy and share of the size in one number, "
        "best near 0",
    }
    return Section("Glossary", (_fact_table(words, "Words"),))


CLOSING: tuple[Builder, ...] = (_limits, _reproduction, _glossary)
"""Limits and findings, reproduction and words."""
