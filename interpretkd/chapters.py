"""The sections of a report, each built from one analysis."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd import __version__
from interpretkd._validation import InputError
from interpretkd.analysis import Analysis
from interpretkd.diagrams import draw_pages, draw_tree
from interpretkd.disagreements import disagreements
from interpretkd.documents import (
    Block,
    Bullets,
    Code,
    Document,
    Figure,
    Paragraph,
    Section,
    Table,
)
from interpretkd.effects import shape_effects
from interpretkd.figures_effects import ShapeDisplay
from interpretkd.figures_reliability import ReliabilityDisplay
from interpretkd.figures_sizes import SizeDisplay
from interpretkd.figures_terms import CoefficientDisplay
from interpretkd.frontiers import Frontier
from interpretkd.info import INFO, NOT_PROVIDED
from interpretkd.intervals import Estimate
from interpretkd.interventions import interventions
from interpretkd.linear import Linear
from interpretkd.readable import readable
from interpretkd.stability import stability
from interpretkd.targets import decide, probabilities
from interpretkd.wording import prediction_text

__all__ = ["put_together"]

Array = NDArray[np.float64]

_FEW_ROWS = 30
"""A rule or a slice with fewer rows is called thin."""
_SIGNED = ("#", "rule", "prediction", "covers", "rows", "fidelity", "accuracy")
"""The columns that a reviewer of rules needs."""
_LEVELS_A_PAGE, _MOST_PAGES, _FEW_LEAVES = 4, 40, 4
_FEWEST_TO_REFIT = 20
_ROWS_CHANGED, _MOST_RULES_CHANGED = 100, 20
_SHAKY = 0.8
"""Refitted students that agree on fewer rows are called unstable."""
_MOST_ROWS_SUMMED = 2_000
"""Rows over which the effects of boosted trees are averaged."""
_MOST_LEAVES_DRAWN = 32
_MOST_ROWS_TOLD = 20


@dataclass(frozen=True, eq=False)
class _Subject:
    """What a report is about, and what was asked for."""

    found: Analysis
    info: Mapping[str, str]
    examples: bool
    n_refits: int
    frontier: Frontier | None

    def words(self, estimate: Estimate | None) -> str:
        if estimate is None:
            return "not known"
        return format(estimate, ".1%" if self.found.has_classes else ".3f")


@dataclass(frozen=True)
class _Finding:
    """Something that a reader has to weigh."""

    where: str
    what: str


def put_together(
    found: Analysis,
    info: Mapping[str, str],
    *,
    examples: bool,
    n_refits: int,
    frontier: Frontier | None = None,
) -> tuple[Document, list[dict[str, str]]]:
    """Build the document of a report.

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
    frontier : Frontier or None, default=None
        Other families and sizes, to be shown beside the student.

    Returns
    -------
    document : Document
        All sections.
    findings : list of dict
        What a reader has to weigh: "where" and "what".
    """
    subject = _Subject(found, info, examples, n_refits, frontier)
    findings: list[_Finding] = []
    parts: list[Callable[[_Subject, list[_Finding]], Section | None]] = [
        _purpose,
        _teacher,
        _data,
        _distillation,
        _fidelity,
        _accuracy,
        _size,
        _student,
        _review,
        _disagreements,
        _stability,
        _interventions,
        _slices,
    ]
    sections = [part(subject, findings) for part in parts]
    body = [section for section in sections if section is not None]
    document = Document(
        subject.info.get("title", f"A {subject.found.family} in place of its teacher"),
        _cover(subject),
        (
            _summary(subject, findings),
            *body,
            _limits(subject, findings),
            _reproduction(subject),
            _glossary(),
        ),
    )
    told = [{"where": finding.where, "what": finding.what} for finding in findings]
    return document, told


def _cover(subject: _Subject) -> tuple[tuple[str, str], ...]:
    said = subject.info
    facts = {
        "Author": said.get("author", NOT_PROVIDED),
        "Owner": said.get("owner", NOT_PROVIDED),
        "Status": said.get("status", NOT_PROVIDED),
        "Made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, interpretkd {__version__}",
        "Data": str(subject.found.about.get("data", NOT_PROVIDED)),
        "Measured on": f"{len(subject.found.logits):,} held-out rows",
    }
    return tuple(facts.items())


def _summary(subject: _Subject, findings: list[_Finding]) -> Section:
    found = subject.found.evaluation
    baseline = found.baseline
    figures: dict[str, Estimate | None] = {
        "Fidelity: the student decides as the teacher": found.student.fidelity,
        "The same of a student fitted to the labels alone": None
        if baseline is None
        else baseline.fidelity,
        "Accuracy of the student, with the labels": found.student.accuracy,
        "Accuracy of the teacher": found.teacher.accuracy,
        "Accuracy of a student fitted to the labels alone": None
        if baseline is None
        else baseline.accuracy,
    }
    table = pd.DataFrame(
        {
            "measure": figures.keys(),
            "figure": [subject.words(e) for e in figures.values()],
        }
    )
    blocks: list[Block] = [
        Paragraph(found.verdict, loud=True),
        Table(table, f"On {found.n:,} held-out rows, with 95 % intervals"),
    ]
    if subject.found.tree is not None:
        top = subject.found.rules.sentences[:5]
        total = len(subject.found.rules)
        blocks += [
            Paragraph(f"The rules that cover most rows ({len(top)} of {total}):"),
            Bullets(top),
        ]
    worst = findings[:3]
    if worst:
        blocks += [
            Paragraph("What to weigh first:"),
            Bullets(tuple(f"{f.what} (see {f.where})" for f in worst)),
        ]
    return Section("Summary", tuple(blocks))


def _purpose(subject: _Subject, findings: list[_Finding]) -> Section:
    asked = ("purpose", "intended_use", "out_of_scope", "owner")
    return Section(
        "Purpose and limits of use",
        (
            _free(subject, asked),
            Paragraph(
                "This report explains the teacher through a surrogate. What it says of "
                "the teacher holds to the stated fidelity, on data like the stated "
                "data, and no further."
            ),
        ),
    )


def _teacher(subject: _Subject, findings: list[_Finding]) -> Section:
    teacher, found = subject.found.model.teacher_, subject.found.evaluation
    facts = {
        "Kind": _teacher_name(teacher),
        "Decides": subject.found.task,
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
    blocks: list[Block] = [_facts(facts, "The teacher")]
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
    if subject.found.task != "multiclass" or subject.found.y is None:
        return None
    position = pd.Index(subject.found.model.classes_).get_indexer(
        pd.Index(subject.found.y)
    )
    edges = np.linspace(0, 1, 11)
    columns: dict[str, Any] = {
        "claimed": [f"{a:.0%} to {b:.0%}" for a, b in pairwise(edges)]
    }
    for name, logits in (
        ("teacher", subject.found.teacher_logits),
        ("student", subject.found.logits),
    ):
        chances = probabilities(logits, subject.found.task)
        claimed, right = chances.max(axis=1), chances.argmax(axis=1) == position
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


def _data(subject: _Subject, findings: list[_Finding]) -> Section:
    facts = {str(k): str(v) for k, v in subject.found.about.items() if k != "command"}
    blocks: list[Block] = [
        _facts(
            {**facts, "Known faults": subject.info.get("data", NOT_PROVIDED)}, "Source"
        )
    ]
    blocks.append(
        Table(_columns(subject), "The columns, over the held-out rows", folded=True)
    )
    if subject.found.has_classes and subject.found.task == "multiclass":
        blocks.append(_balance(subject))
    return Section("The data", tuple(blocks))


def _columns(subject: _Subject) -> pd.DataFrame:
    schema = subject.found.model.schema_
    codes = schema.encode(subject.found.X)
    rows = []
    for j, feature in enumerate(schema.features):
        column = codes[:, j].astype(np.float64)
        known = column[~np.isnan(column)]
        if feature.is_categorical:
            what = f"{len(feature.categories)} categories"
        elif len(known):
            low, middle, high = (_short(q) for q in np.quantile(known, (0, 0.5, 1)))
            what = f"{low} to {high}, median {middle}"
        else:
            what = "all missing"
        rows.append((feature.name, feature.kind, what, len(column) - len(known)))
    if schema.image_shape is not None:
        shape = " x ".join(map(str, schema.image_shape))
        low, high = np.nanmin(codes), np.nanmax(codes)
        rows = [(f"{len(schema)} pixels", "image", f"{shape}, {low:g} to {high:g}", 0)]
    return pd.DataFrame(rows, columns=["column", "kind", "values", "missing rows"])


def _balance(subject: _Subject) -> Table:
    n_classes = len(subject.found.model.classes_)
    shares: dict[str, Any] = {
        "class": [str(name) for name in subject.found.model.classes_]
    }
    if subject.found.y is not None:
        place = pd.Index(subject.found.model.classes_).get_indexer(
            pd.Index(subject.found.y)
        )
        shares["labels"] = np.bincount(place[place >= 0], minlength=n_classes)
    for name, logits in (
        ("teacher", subject.found.teacher_logits),
        ("student", subject.found.logits),
    ):
        shares[name] = np.bincount(
            decide(logits, subject.found.task), minlength=n_classes
        )
    return Table(
        pd.DataFrame(shares), "How many held-out rows are of each class, after each"
    )


def _distillation(subject: _Subject, findings: list[_Finding]) -> Section:
    model, student = subject.found.model, subject.found.model.student_
    settings = student.get_params(deep=False)
    facts = {
        "Student": subject.found.family,
        "Fitted to": str(getattr(model, "target_", "the teacher's values")),
        "Weight of the labels (alpha)": str(model.alpha),
        "Further rows that were asked about": f"{getattr(model, 'n_asked_', 0):,}",
        "Size": f"{_count(student.form_.n_parameters)} parameters",
        **{f"Setting {name}": str(value) for name, value in settings.items()},
    }
    blocks: list[Block] = [_facts(facts, "How the student was made")]
    certificate = getattr(student, "certificate_", None)
    if certificate is not None:
        blocks.append(Paragraph(f"Certificate: {certificate}."))
    trials = getattr(model, "trials_", None)
    if trials:
        blocks.append(
            Paragraph(
                "Several targets were compared on validation rows; the best was taken."
            )
        )
    return Section("Distillation", tuple(blocks))


def _fidelity(subject: _Subject, findings: list[_Finding]) -> Section:
    found = subject.found.evaluation
    blocks: list[Block] = [
        Table(
            found.to_text().reset_index(),
            f"On {found.n:,} held-out rows, with 95 % intervals",
        )
    ]
    if not subject.found.has_classes:
        return Section("Fidelity", tuple(blocks))
    parts = 1 - float(subject.found.agrees.mean())
    findings.append(
        _Finding(
            "Fidelity", f"Student and teacher part on {parts:.1%} of held-out rows."
        )
    )
    if found.by_class is not None:
        shown = found.by_class.astype({"class": str})
        blocks.append(Table(shown, "By the class that the teacher decides", _SHARES))
        overall = found.student.fidelity
        for row in found.by_class.itertuples():
            if overall is not None and row.n and row.high < overall.low:
                text = f"Class {row[1]}: fidelity {row.fidelity:.1%} on {row.n} rows."
                findings.append(_Finding("Fidelity", text))
    if subject.found.task == "multiclass" and len(subject.found.model.classes_) <= 20:
        blocks.append(_confusion(subject))
    return Section("Fidelity", tuple(blocks))


_SHARES = {"fidelity": ".1%", "low": ".1%", "high": ".1%", "coverage": ".1%"}


def _confusion(subject: _Subject) -> Table:
    names = [str(name) for name in subject.found.model.classes_]
    theirs = decide(subject.found.teacher_logits, subject.found.task)
    mine = decide(subject.found.logits, subject.found.task)
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (theirs, mine), 1)
    frame = pd.DataFrame(counts, columns=[f"student: {name}" for name in names])
    frame.insert(0, "", [f"teacher: {name}" for name in names])
    return Table(frame, "Rows by what teacher and student decide")


def _accuracy(subject: _Subject, findings: list[_Finding]) -> Section | None:
    found = subject.found.evaluation
    if subject.found.y is None:
        findings.append(
            _Finding("Accuracy", "The rows have no labels: accuracy is not known.")
        )
        return None
    if not subject.found.has_classes:
        return Section("Accuracy", (Paragraph(found.verdict),))
    truth = np.asarray(subject.found.y).reshape(len(subject.found.y), -1)
    right = {}
    for name, logits in (
        ("teacher", subject.found.teacher_logits),
        ("student", subject.found.logits),
    ):
        decided = decide(logits, subject.found.task)
        said = (
            decided
            if subject.found.task == "multilabel"
            else subject.found.model.classes_[decided]
        )
        right[name] = (np.asarray(said).reshape(len(truth), -1) == truth).all(axis=1)
    both = pd.DataFrame(
        {
            "rows": [
                int((right["teacher"] & right["student"]).sum()),
                int((right["teacher"] & ~right["student"]).sum()),
                int((~right["teacher"] & right["student"]).sum()),
                int((~right["teacher"] & ~right["student"]).sum()),
            ]
        }
    )
    both.insert(
        0, "", ["both right", "only the teacher", "only the student", "both wrong"]
    )
    reduction = found.accuracy_reduction
    blocks: list[Block] = [Table(both, "Who is right with the labels")]
    if reduction is not None:
        change = "below" if reduction >= 0 else "above"
        text = f"{abs(reduction):.1f} % {change} the teacher's"
        blocks.append(Paragraph(f"The student's accuracy is {text}."))
    return Section("Accuracy", tuple(blocks))


def _size(subject: _Subject, findings: list[_Finding]) -> Section | None:
    blocks = [*_size_curve(subject), *_families(subject)]
    return Section("Size", tuple(blocks)) if blocks else None


def _families(subject: _Subject) -> list[Block]:
    """Show what other families and sizes would have been worth."""
    frontier = subject.frontier
    if frontier is None:
        return []
    frame = frontier.to_text()
    caption = "Families and sizes, chosen on validation rows, measured on test rows"
    return [Paragraph(frontier.reason), Table(frame, caption)]


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


def _student(subject: _Subject, findings: list[_Finding]) -> Section:
    found = subject.found
    if found.tree is not None:
        return Section("The student", tuple(_tree_blocks(subject)))
    if isinstance(found.form, Linear):
        return Section("The student", tuple(_linear_blocks(subject)))
    return Section("The student", tuple(_forest_blocks(subject)))


def _tree_blocks(subject: _Subject) -> list[Block]:
    """Draw the tree: whole, or in pages that a person can read."""
    found = subject.found
    outline = Code(found.rules.outline())
    n_leaves = found.rules.tree.n_leaves
    if n_leaves <= _MOST_LEAVES_DRAWN:
        drawing = draw_tree(found.model)
        wide = n_leaves > _FEW_LEAVES
        return [Figure(drawing.svg(), "The tree", drawing.alt, wide=wide), outline]
    pages = draw_pages(found.model, depth=_LEVELS_A_PAGE)
    blocks: list[Block] = [
        Figure(page.svg(), f"The tree, page {i} of {len(pages)}", page.alt, wide=True)
        for i, page in enumerate(pages[:_MOST_PAGES], start=1)
    ]
    if len(pages) > _MOST_PAGES:
        left = len(pages) - _MOST_PAGES
        blocks.append(Paragraph(f"{left} more pages are left out: see the outline."))
    return [*blocks, outline]


def _linear_blocks(subject: _Subject) -> list[Block]:
    found = subject.found
    names = [str(name) for name in getattr(found.model, "classes_", ["value"])]
    wide = found.form.n_outputs == len(names)
    frame = found.form.to_frame(names if wide else None)
    drawn = CoefficientDisplay.from_model(found.model, found.X)
    caption = "The largest coefficients, for a change of one standard deviation"
    blocks: list[Block] = [
        *_pictured(drawn, caption),
        Table(frame, "All coefficients", folded=len(frame) > _MOST_ROWS_TOLD),
    ]
    cards = () if found.form.points is None else found.model.student_.scorecards_
    for card in cards:
        blocks += [Paragraph("Scorecard"), Code(str(card))]
    return blocks


def _forest_blocks(subject: _Subject) -> list[Block]:
    found = subject.found
    rng = np.random.default_rng(found.seed)
    some = np.sort(rng.permutation(len(found))[:_MOST_ROWS_SUMMED])
    rows = found.X.iloc[some] if isinstance(found.X, pd.DataFrame) else found.X[some]
    effects = shape_effects(found.model, rows)
    formats = {"strength": ".3g", "share": ".1%", "h": ".2f", "coverage": ".1%"}
    form = found.form
    shapes = ShapeDisplay.from_effects(effects)
    return [
        Paragraph(
            f"{_plural(form.n_trees, 'tree', 'trees')} with {form.n_leaves:,} leaves, "
            f"read as a sum of effects over {len(some):,} rows. {effects.shares}"
        ),
        Table(
            effects.importances(), "Features by the strength of their effect", formats
        ),
        *_pictured(shapes, "The shapes of the strongest effects"),
        Table(effects.pairs().head(10), "The strongest pairs", formats),
        Table(effects.top_rules(), "The rules that contribute most", formats),
        Table(effects.to_frame(), "The shape of each effect", {}, folded=True),
    ]


def _pictured(display: Any, caption: str) -> list[Block]:
    """Draw a figure where matplotlib is installed; its table stands there anyhow."""
    try:
        return [Figure(display.svg(), caption, display.alt)]
    except InputError:
        return []


def _review(subject: _Subject, findings: list[_Finding]) -> Section | None:
    """Show the rules with thresholds that people can read, and room to sign."""
    found = subject.found
    if found.tree is None:
        return None
    rules, price = found.rules, None
    if found.model.schema_.image_shape is None:
        price = readable(found.tree, found.X)
        rules = rules.readable(found.X)
    whole = rules.to_text()
    frame = whole[[name for name in _SIGNED if name in whole.columns]].copy()
    for title in ("agrees with practice?", "comment"):
        frame[title] = ""
    thin = [rule for rule in found.rules if rule.n_rows < _FEW_ROWS]
    if thin:
        text = (
            f"{_plural(len(thin), 'rule covers', 'rules cover')} fewer than "
            f"{_FEW_ROWS} held-out rows: little is known of them."
        )
        findings.append(_Finding("Rule review", text))
    overall = found.evaluation.student.fidelity
    for rule in found.rules:
        if rule.fidelity is None or overall is None:
            continue
        if rule.fidelity.high < overall.low:
            text = (
                f"Rule {rule.number} has fidelity {rule.fidelity.value:.1%} on "
                f"{rule.n_rows} rows, against {overall.value:.1%} overall."
            )
            findings.append(_Finding("Rule review", text))
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


def _disagreements(subject: _Subject, findings: list[_Finding]) -> Section:
    found = subject.found
    parts = disagreements(
        found.model, found.X, found.y, teacher_logits=found.teacher_logits
    )
    blocks: list[Block] = [Paragraph(parts.sentence)]
    if len(parts.pairs):
        pairs = _in_words(parts.pairs.head(_MOST_ROWS_TOLD))
        formats = {"share": ".1%", "teacher_confidence": ".2f"}
        blocks.append(Table(pairs, "The most frequent pairs of decisions", formats))
    if parts.regions:
        frame = parts.regions_frame()
        spec = ".1%" if found.has_classes else ".4g"
        formats = dict.fromkeys(("rate", "low", "high"), spec) | {"coverage": ".1%"}
        caption = (
            "Where they part more, or less, than elsewhere: regions found on one half "
            "of the rows, measured on the other"
        )
        blocks.append(Table(frame, caption, formats))
    if subject.examples and len(parts):
        rows = _in_words(parts.rows.head(_MOST_ROWS_TOLD))
        blocks.append(Table(rows, "Rows on which they part, the teacher surest first"))
    return Section("Disagreements", tuple(blocks))


def _stability(subject: _Subject, findings: list[_Finding]) -> Section | None:
    found = subject.found
    if subject.n_refits == 0 or len(found) < _FEWEST_TO_REFIT:
        return None
    steady = stability(
        found.model,
        found.X,
        found.y,
        teacher_logits=found.teacher_logits,
        n_refits=subject.n_refits,
        random_state=found.seed,
    )
    if steady.agreement.value < _SHAKY:
        findings.append(_Finding("Stability", steady.sentence))
    blocks: list[Block] = [
        Paragraph(
            f"{steady.sentence} The run keeps no training rows: the students were "
            "fitted to bootstrap samples of the held-out rows, which are fewer, and "
            "compared on held-out rows that they had not seen. With more rows they "
            "would be steadier."
        ),
        Table(_in_words(steady.features), "What the refitted students use"),
    ]
    if steady.rules is not None:
        number = {rule.leaf: rule.number for rule in found.rules}
        rules = _in_words(steady.rules).drop(columns=["rule"], errors="ignore")
        rules.insert(0, "rule", rules.pop("leaf").map(number))
        caption = "How often each rule, and what it decides, comes out again"
        blocks.append(Table(rules, caption, folded=len(rules) > _MOST_ROWS_TOLD))
    else:
        parts = _in_words(steady.parts)
        caption = "What the student is made of, in the refits"
        blocks.append(Table(parts, caption, folded=len(parts) > _MOST_ROWS_TOLD))
    return Section("Stability", tuple(blocks))


def _interventions(subject: _Subject, findings: list[_Finding]) -> Section | None:
    found = subject.found
    if found.tree is None or found.tree.n_leaves < 2:
        return None
    if not found.teacher_answers:
        text = "The teacher was not saved with the run: it could not be asked."
        findings.append(_Finding("Intervention", text))
        return Section("Intervention", (Paragraph(text),))
    logits = found.teacher_logits
    changed = interventions(
        found.model,
        found.X,
        teacher_logits=logits,
        n_rows=_ROWS_CHANGED,
        n_rules=_MOST_RULES_CHANGED,
        random_state=found.seed,
    )
    told = ["number", "prediction", "n_rows", "fidelity", "before", "follows"]
    ends = ["follows_low", "follows_high", "unusual"]
    frame = _in_words(changed.to_frame())
    frame = frame[[name for name in (*told, *ends) if name in frame.columns]]
    follows, before = changed.follows, changed.before
    fidelity = found.evaluation.student.fidelity
    if follows is not None and before is not None and fidelity is not None:
        gain = (follows - before) / max(fidelity.value - before, 1e-9)
        if gain < 0.5:
            findings.append(_Finding("Intervention", changed.sentence))
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


def _slices(subject: _Subject, findings: list[_Finding]) -> Section | None:
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
    thick = every[every["n"] >= _FEW_ROWS]
    worst = thick.sort_values("fidelity").head(10)
    if overall is not None:
        for row in worst[worst["high"] < overall.low].itertuples():
            text = (
                f"{row.column} {row.slice}: fidelity {row.fidelity:.1%} on {row.n} "
                f"rows, against {overall.value:.1%} on all."
            )
            findings.append(_Finding("Slices", text))
    caption = f"The ten slices of {_FEW_ROWS} rows or more with the lowest fidelity"
    blocks: list[Block] = [
        Paragraph(
            f"Each column was cut into slices: {len(every):,} in all. Among so many, "
            "some are low by chance."
        ),
        Table(worst, caption, _SHARES),
        Table(every, "Every slice", _SHARES, folded=True),
    ]
    return Section("Slices", tuple(blocks))


def _limits(subject: _Subject, findings: list[_Finding]) -> Section:
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
    blocks.append(_free(subject, ("assumptions", "findings", "monitoring")))
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
    blocks.append(_facts(versions, "What this report was made with"))
    return Section("Reproduction", tuple(blocks))


def _glossary() -> Section:
    words = {
        "teacher": "the network that is explained",
        "student": "the small model that was taught by the teacher's logits",
        "baseline": "the same student, fitted to the labels alone",
        "fidelity": "the share of rows on which the student decides as the teacher; "
        "for values, R2 with the teacher's",
        "accuracy": "the share of rows on which a model decides as the label says; for "
        "values, R2 with the labels",
        "coverage": "the share of rows to which a rule applies",
        "support": "their number",
        "lift": "the accuracy of a rule over the share of its class in all rows",
        "interval": "of 95 % confidence: Wilson's for shares, else a bootstrap",
        "distillation score": "loss of accuracy and share of the size in one number, "
        "best near 0",
    }
    return Section("Glossary", (_facts(words, "Words"),))


def _in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose predictions are texts."""
    decided = ("prediction", "teacher", "student", "label")
    told = [name for name in decided if name in frame.columns]
    return frame.assign(**{name: frame[name].map(prediction_text) for name in told})


def _plural(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _free(subject: _Subject, keys: tuple[str, ...]) -> Table:
    said = {INFO[key]: subject.info.get(key, NOT_PROVIDED) for key in keys}
    return _facts(said, "Filled in by a person")


def _facts(values: Mapping[str, Any], caption: str) -> Table:
    frame = pd.DataFrame({"": values.keys(), " ": [str(v) for v in values.values()]})
    return Table(frame, caption)


def _count(number: Any) -> str:
    return "not known" if number is None else f"{int(number):,}"


def _short(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
