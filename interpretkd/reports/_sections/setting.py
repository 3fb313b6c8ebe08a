"""What a report is about: its purpose, the teacher, the data, how it was distilled."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from interpretkd._base import threshold_text
from interpretkd.distillation import certainty, task_text
from interpretkd.evaluation import Analysis, ReliabilityDisplay
from interpretkd.models import view_size_text
from interpretkd.reports._document import Block, Paragraph, Section, Table
from interpretkd.reports._manual_sections import NOT_PROVIDED
from interpretkd.reports._sections.recipe import _alpha_text, _recipe_blocks
from interpretkd.reports._sections.subject import (
    Builder,
    _fact_table,
    _free_table,
    _pictured,
    _Subject,
)
from interpretkd.targets import decide


def _purpose(subject: _Subject) -> Section:
    asked = ("purpose", "intended_use", "out_of_scope", "owner")
    return Section(
        "Purpose and limits of use",
        (
            _free_table(subject, asked),
            Paragraph(
                "This report explains the teacher through a surrogate. What it says of "
                "the teacher holds to the stated fidelity, on data like the stated "
                "data, and no further."
            ),
        ),
    )


def _teacher(subject: _Subject) -> Section:
    teacher, found = subject.found.model.teacher_, subject.found.evaluation
    facts = {
        "Kind": _teacher_name(teacher),
        "Decides": task_text(subject.found.model),
        "Parameters": _count(teacher.n_parameters),
        "Bytes": _count(teacher.size_bytes),
        "Accuracy": subject.words(found.teacher.accuracy),
        "Described as": subject.info.get("teacher", NOT_PROVIDED),
    }
    if subject.found.has_classes:
        names = [str(name) for name in subject.found.model.classes_]
        facts["Classes"] = f"{len(names)}: {', '.join(names[:20])}" + (
            ", ..." if len(names) > 20 else ""
        )
    blocks: list[Block] = [_fact_table(facts, "The teacher")]
    reliability = _reliability(subject)
    if reliability is not None:
        drawn = ReliabilityDisplay.from_analysis(subject.found)
        caption = "How often each is right, by the probability that it claims"
        blocks += [*_pictured(drawn, caption), reliability]
    return Section("The teacher", tuple(blocks))


def _teacher_name(teacher: Any) -> str:
    described = getattr(teacher.estimator, "description", None)
    return str(described) if described else type(teacher.estimator).__name__


def _reliability(subject: _Subject) -> Table | None:
    """How often each is right when it claims to be sure of so much."""
    found, position = subject.found, subject.found.labels
    if found.task != "multiclass" or position is None:
        return None
    edges = np.linspace(0, 1, 11)
    columns: dict[str, Any] = {
        "claimed": [f"{a:.0%} to {b:.0%}" for a, b in pairwise(edges)]
    }
    for name, said in (("teacher", found.answers), ("student", found.logits)):
        claimed = np.asarray(certainty(found.task, said))
        right = decide(said, found.task) == position
        place = np.clip((claimed * 10).astype(int), 0, 9)
        n_rows = np.bincount(place, minlength=10)
        hits = np.bincount(place, weights=right, minlength=10)
        columns[f"{name}: rows"] = n_rows
        columns[f"{name}: right"] = np.where(
            n_rows, hits / np.maximum(n_rows, 1), np.nan
        )
    frame = pd.DataFrame(columns)
    frame = frame[(frame["teacher: rows"] + frame["student: rows"]) > 0]
    formats = {"teacher: right": ".1%", "student: right": ".1%"}
    caption = "Reliability: how often each is right, by the probability that it claims"
    return Table(frame, caption, formats)


def _data(subject: _Subject) -> Section:
    about = subject.found.about
    facts = {str(k): _plain_fact(str(v)) for k, v in about.items() if k != "command"}
    blocks: list[Block] = [
        _fact_table(
            {**facts, "Known faults": subject.info.get("data", NOT_PROVIDED)}, "Source"
        )
    ]
    blocks.append(
        Table(_columns(subject), "The columns, over the held-out rows", folded=True)
    )
    for doubt in subject.found.model.schema_.doubts:
        subject.weigh("The data", doubt)
    if subject.found.task == "multiclass":
        blocks.append(_balance(subject.found))
    return Section("The data", tuple(blocks))


def _plain_fact(text: str) -> str:
    """Say a fact that a run keeps as JSON in words; any other as it stands."""
    if not text.startswith("{"):
        return text
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError):
        return text
    said = []
    for name, part in parts.items():
        if isinstance(part, dict):
            said += [f"{column}: {form}" for column, form in part.items()]
        elif isinstance(part, list):
            said.append(f"{name}: {', '.join(map(str, part))}")
        else:
            said.append(f"{name}: {part}")
    return "; ".join(said)


def _columns(subject: _Subject) -> pd.DataFrame:
    schema, codes = subject.found.model.schema_, subject.found.given_codes
    rows = []
    for j, feature in enumerate(schema.features):
        column = codes[:, j].astype(np.float64)
        known = column[~np.isnan(column)]
        if feature.is_categorical:
            what = f"{len(feature.categories)} categories"
        elif len(known):
            say = feature.text if feature.is_date or feature.scale else _short
            parts = np.quantile(known, (0, 0.5, 1), method="inverted_cdf")
            low, middle, high = map(say, parts.tolist())
            what = f"{low} to {high}, median {middle}"
        else:
            what = "all missing"
        rows.append((feature.name, feature.kind, what, len(column) - len(known)))
    if schema.image_shape is not None:
        shape = " x ".join(map(str, schema.image_shape))
        ends = f"{np.nanmin(codes):g} to {np.nanmax(codes):g}"
        rows = [(f"{len(schema)} pixels", "image", f"{shape}, {ends}", 0)]
    return pd.DataFrame(rows, columns=["column", "kind", "values", "missing rows"])


def _balance(found: Analysis) -> Table:
    names = [str(name) for name in found.model.classes_]
    said = {
        "labels": found.labels,
        "teacher": found.teacher_decisions,
        "student": found.student_decisions,
    }
    shares: dict[str, Any] = {"class": names}
    for who, places in said.items():
        if places is not None:
            shares[who] = np.bincount(places[places >= 0], minlength=len(names))
    caption = "How many held-out rows are of each class, after each"
    return Table(pd.DataFrame(shares), caption)


def _distillation(subject: _Subject) -> Section:
    model, student = subject.found.model, subject.found.model.student_
    settings = student.get_params(deep=False)
    facts = {
        "Student": subject.found.family,
        "Fitted to": str(getattr(model, "target_", "the teacher's values")),
        "Weight of the labels (alpha)": _alpha_text(model),
        "Further rows, made and fitted to": f"{getattr(model, 'n_asked_', 0):,}",
        **_questions(model),
        "Size": f"{_count(model.n_parameters)} parameters{view_size_text(model)}",
        **{f"Setting {name}": str(value) for name, value in settings.items()},
    }
    blocks: list[Block] = [_fact_table(facts, "How the student was made")]
    certificate = getattr(student, "certificate_", None)
    if certificate is not None:
        blocks.append(Paragraph(f"Certificate: {certificate}."))
    blocks += _recipe_blocks(subject)
    return Section("Distillation", tuple(blocks))


def _questions(model: Any) -> dict[str, str]:
    """Say how many rows the teacher was asked about; a run of old does not know."""
    asked = getattr(model, "queries_", None)
    return {} if asked is None else {"Questions to the teacher": _count(asked)}


def _count(number: Any) -> str:
    return "not known" if number is None else f"{int(number):,}"


def _short(value: float) -> str:
    large = abs(value) >= 10_000
    return threshold_text(round(value) if large else float(f"{value:.4g}"))


SETTING: tuple[Builder, ...] = (_purpose, _teacher, _data, _distillation)
"""Purpose, teacher, data and distillation."""
