"""Where student and teacher disagree: the rows, the pairs of classes, the regions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from interpretkd._base import (
    Array,
    Flags,
    Shown,
    check_integer,
    check_real,
    counted,
    html_block,
    html_table,
    one_line,
    prediction_text,
)
from interpretkd.data import Codes
from interpretkd.distillation import (
    certainty,
    check_model,
    decisions,
    given_rows,
    same_decisions,
    teacher_says,
)
from interpretkd.evaluation._evaluate import _truth
from interpretkd.metrics import Estimate, bootstrap_interval, wilson_interval
from interpretkd.models import Tree, codes_seen, path_conditions
from interpretkd.rules import extract_rules
from interpretkd.students import Limits, grow, readable_thresholds
from interpretkd.targets import Answers, decide

_TOP_SHARE = 0.1
"""Of the values of a regression: those that differ most are called disagreements."""
_FEWEST_ROWS, _FEWEST_IN_REGION = 40, 10
_SHOWN = 20


@dataclass(frozen=True)
class Region:
    """A part of the rows, and how often student and teacher disagree there.

    Parameters
    ----------
    text : str
        The conditions in words.
    rate : Estimate or None
        The share of rows on which they disagree, with Wilson's interval, or for
        regression the mean absolute difference, with a bootstrap interval: of rows that
        were not used to find the region; None where none of these lies in it.
    n_disagree : int
        On how many of these rows they disagree.
    coverage : float
        In [0, 1]: the share of these rows that lie in it.
    """

    text: str
    rate: Estimate | None
    n_disagree: int
    coverage: float

    def __str__(self) -> str:
        if self.rate is None:
            return f"{self.text}: no row"
        return f"{self.text}: {self.rate}, {counted(self.rate.n, 'row')}"


@dataclass(frozen=True, eq=False, repr=False)
class Disagreements(Shown):
    """The rows on which student and teacher disagree, and what they have in common.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    n_rows : int
        How many rows were compared.
    rate : Estimate
        The share of them on which they disagree, with Wilson's interval.
    rows : DataFrame
        One row a disagreement, those first of which the teacher is surest (for
        regression the largest difference): position and index in the given rows,
        teacher and student (their decisions), teacher_confidence and
        student_confidence (difference for regression), rule (of a tree, its number by
        coverage) and leaf, and where labels were given label and right ("teacher",
        "student" or "neither"; who is closer, for regression).
    pairs : DataFrame
        One row a pair of decisions, the most frequent first: teacher, student, n,
        share (of all disagreements), teacher_confidence (mean), and where labels were
        given teacher_right and student_right (rows). None of it for regression.
    regions : tuple of Region
        The leaves of a small tree over "they disagree", the worst first; empty when
        there were too few rows, or no disagreement.
    tolerance : float or None
        For regression: the absolute difference above which values disagree.
    typical : float or None, default=None
        For regression where no tolerance was given, and it is what a tenth of the rows
        differ by at least: what half of them do.
    """

    task: str
    n_rows: int
    rate: Estimate
    rows: pd.DataFrame
    pairs: pd.DataFrame
    regions: tuple[Region, ...]
    tolerance: float | None = None
    typical: float | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def to_frame(self) -> pd.DataFrame:
        """Return the rows on which they disagree.

        Returns
        -------
        DataFrame
            As `rows`.
        """
        return self.rows

    def table(self) -> pd.DataFrame:
        """Return how often each pair of decisions comes together, as a matrix.

        Returns
        -------
        DataFrame
            One row a decision of the teacher, one column one of the student, both in
            words; of the disagreements, so that the diagonal is 0. Empty for
            regression.
        """
        pairs = self.pairs
        if not len(pairs):
            return pd.DataFrame()
        texts = [pairs[who].map(prediction_text) for who in ("teacher", "student")]
        names = sorted(set(texts[0]) | set(texts[1]))
        counts = pd.crosstab(*texts, values=pairs["n"], aggfunc="sum")
        full = counts.reindex(index=names, columns=names).fillna(0).astype(int)
        return full.rename_axis(index="teacher", columns="student")

    def regions_frame(self) -> pd.DataFrame:
        """Return the regions as a table.

        Returns
        -------
        DataFrame
            Columns region, rate, low, high, n (rows), n_disagree and coverage.
        """
        nothing = Estimate(np.nan, np.nan, np.nan, 0)
        known = [(region, region.rate or nothing) for region in self.regions]
        return pd.DataFrame(
            {
                "region": [region.text for region, _ in known],
                "rate": [rate.value for _, rate in known],
                "low": [rate.low for _, rate in known],
                "high": [rate.high for _, rate in known],
                "n": [rate.n for _, rate in known],
                "n_disagree": [region.n_disagree for region, _ in known],
                "coverage": [region.coverage for region, _ in known],
            }
        )

    @property
    def sentence(self) -> str:
        """On how many rows they disagree, or how far values differ, in one sentence."""
        if self.tolerance is not None:
            return self._in_values(_amount(self.tolerance))
        if not len(self):
            return f"Student and teacher agree on all {self.n_rows} rows."
        return (
            f"Student and teacher disagree on {len(self)} of {self.n_rows} rows: "
            f"{self.rate:.1%}."
        )

    def _in_values(self, far: str) -> str:
        """Say how far values differ, in their own unit.

        That a tenth of the rows differs by more than the ninth tenth of them is no
        finding: without a given tolerance only the amounts are.
        """
        who = "The student's value differs from the teacher's"
        if not len(self):
            return f"{who} by no more than {far} on any of {self.n_rows:,} rows."
        share = f"{len(self):,} of {self.n_rows:,} rows"
        if self.typical is None:
            return f"{who} by more than {far} on {share}: {self.rate:.1%}."
        return (
            f"{who} by more than {_amount(self.typical)} in half of {self.n_rows:,} "
            f"rows, and by more than {far} in {self.rate.value:.0%} of them."
        )

    def __str__(self) -> str:
        lines = [self.sentence]
        for pair in self.pairs.head(_SHOWN).to_dict("records"):
            teacher, student = (
                one_line(prediction_text(pair[who])) for who in ("teacher", "student")
            )
            rows = counted(pair["n"], "row")
            lines.append(f"  teacher {teacher}, student {student}: {rows}")
        if self.regions:
            measure = "mean difference" if self.tolerance is not None else "share"
            lines.append(f"By region ({measure}, on rows not used to find them):")
            lines += [f"  {region}" for region in self.regions]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        tables = []
        if len(self.pairs):
            tables.append(
                html_table(_in_words(self.pairs), caption="Pairs of decisions")
            )
        if self.regions:
            caption = "Regions, measured on rows that were not used to find them"
            tables.append(html_table(self.regions_frame(), caption=caption))
        if len(self):
            shown = _in_words(self.rows.head(_SHOWN))
            tables.append(html_table(shown, caption=f"The first {len(shown)} rows"))
        return html_block([self.sentence], tables)


def disagreements(
    model: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    teacher_logits: ArrayLike | None = None,
    max_leaves: int = 4,
    tolerance: float | None = None,
    random_state: Any = 0,
) -> Disagreements:
    """Find where student and teacher disagree.

    The regions are the leaves of a small tree, grown on a random half of the rows to
    tell where the two disagree; their rates come from the other half, so that a region
    does not look worse, or better, than it is because it was chosen for that.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted, with a student of ours, or loaded.
    X : array-like or frame of shape (n_samples, n_features)
        Rows that neither teacher nor student was fitted to.
    y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
        Their labels (values, for regression), to say who is right.
    teacher_logits : array-like of shape (n_samples, n_outputs), default=None
        What the teacher says of the rows; None asks it.
    max_leaves : int, default=4
        In [2, inf): the most regions.
    tolerance : float, default=None
        In [0, inf), for regression: how far values may differ (of several the one
        that differs most); None for the difference that nine in ten rows stay below.
    random_state : int, RandomState or None, default=0
        Of the halves.

    Returns
    -------
    Disagreements
        The rows, pairs and regions; without any row where the two always agree.

    Raises
    ------
    InputError
        For a model without a student of ours, no rows, labels of another shape, and
        when the teacher is absent and `teacher_logits` too.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from interpretkd.distillation import DistilledClassifier
    >>> from interpretkd.students import CartStudent
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X[::2], y[::2]))
    >>> student = CartStudent(2, search="greedy")
    >>> model = DistilledClassifier(teacher, student, random_state=0).fit(X[::2])
    >>> print(disagreements(model, X[1::2], y[1::2]).sentence)
    Student and teacher disagree on 26 of 75 rows: 34.7% [24.9%, 45.9%].
    """
    owner = "disagreements"
    check_model(owner, model)
    check_integer(owner, "max_leaves", max_leaves, 2)
    if tolerance is not None:
        check_real(owner, "tolerance", tolerance, 0, closed="left")
    rows = given_rows(model, X)
    codes = model.schema_.encode(rows)
    teacher = teacher_says(model, rows, teacher_logits)
    student = np.asarray(model.logits(rows))
    typical = None
    if model.task_ == "regression":
        differs = np.abs(student - teacher.logits).max(axis=1)
        if tolerance is None:
            typical = float(np.median(differs))
            tolerance = float(np.quantile(differs, 1 - _TOP_SHARE, method="lower"))
        parts = differs > tolerance
    else:
        tolerance = None
        parts = ~same_decisions(model.task_, teacher, student)
        differs = parts.astype(np.float64)
    listed = _rows(model, X, rows, teacher, student, parts, y)
    return Disagreements(
        task=model.task_,
        n_rows=len(rows),
        rate=wilson_interval(int(parts.sum()), len(parts)),
        rows=listed,
        pairs=_pairs(model.task_, listed),
        regions=_regions(model, codes, differs, parts, max_leaves, random_state),
        tolerance=tolerance,
        typical=typical,
    )


def _amount(value: float) -> str:
    """Say a difference in three digits, without an exponent."""
    digits = np.format_float_positional(float(f"{value:.3g}"), trim="-")
    whole, point, rest = digits.partition(".")
    return f"{int(whole):,}{point}{rest}"


def _rows(
    model: Any,
    X: Any,
    rows: Any,
    teacher: Answers,
    student: Array,
    parts: Flags,
    y: ArrayLike | None,
) -> pd.DataFrame:
    place = np.flatnonzero(parts)
    index = X.index if isinstance(X, pd.DataFrame) else np.arange(len(rows))
    columns: dict[str, Any] = {
        "position": place,
        "index": np.asarray(index)[place],
        "teacher": _series(decisions(model, teacher[place])),
        "student": _series(decisions(model, student[place])),
    }
    if model.task_ == "regression":
        key = "difference"
        apart = student - teacher.logits
        columns[key] = apart[place, np.abs(apart).argmax(axis=1)[place]]
    else:
        key = "teacher_confidence"
        columns[key] = certainty(model.task_, teacher[place])
        columns["student_confidence"] = certainty(model.task_, student[place])
    form = model.student_.form_
    if isinstance(form, Tree):
        leaf = form.nodes.apply(codes_seen(model, rows)[place])
        number = {rule.leaf: i for i, rule in enumerate(extract_rules(model), start=1)}
        columns["rule"] = np.asarray([number[n] for n in leaf.tolist()], dtype=int)
        columns["leaf"] = leaf
    if y is not None:
        truth = _truth(model, y, teacher.shape)
        columns["label"] = _series(np.asarray(y)[place].tolist())
        columns["right"] = _right(model.task_, truth, teacher, student)[place]
    frame = pd.DataFrame(columns)
    order = np.argsort(-np.abs(frame[key].to_numpy()), kind="stable")
    return frame.iloc[order].reset_index(drop=True)


def _series(values: list[Any]) -> "pd.Series[Any]":
    """Keep tuples and lists as cells."""
    if any(isinstance(value, tuple | list) for value in values):
        return pd.Series(values, dtype=object)
    return pd.Series(values)


def _right(
    task: str, truth: NDArray[Any], teacher: Answers, student: Array
) -> NDArray[np.object_]:
    if task == "regression":
        truth = truth.reshape(len(truth), -1)
        said = (teacher.logits, student)
        miss = [np.abs(values - truth).sum(axis=1) for values in said]
        return np.where(miss[0] <= miss[1], "teacher", "student").astype(object)
    truth = truth.reshape(len(truth), -1)
    right = [
        (decide(logits, task).reshape(len(logits), -1) == truth).all(axis=1)
        for logits in (teacher, student)
    ]
    either = np.where(right[0], "teacher", np.where(right[1], "student", "neither"))
    return np.where(right[0] & right[1], "both", either).astype(object)


def _pairs(task: str, listed: pd.DataFrame) -> pd.DataFrame:
    names = ["teacher", "student", "n", "share", "teacher_confidence"]
    if "right" in listed:
        names += ["teacher_right", "student_right"]
    if task == "regression" or not len(listed):
        return pd.DataFrame(columns=names)
    # Text of a type with the value: classes may be 1 and "1".
    keys = [listed[who].map(repr) for who in ("teacher", "student")]
    records = []
    for _, some in listed.groupby(keys, sort=False):
        record = {
            "teacher": some["teacher"].iloc[0],
            "student": some["student"].iloc[0],
            "n": len(some),
            "share": len(some) / len(listed),
            "teacher_confidence": some["teacher_confidence"].mean(),
        }
        if "right" in listed:
            for who in ("teacher", "student"):
                record[f"{who}_right"] = int((some["right"] == who).sum())
        records.append(record)
    frame = pd.DataFrame(records, columns=names)
    return frame.sort_values("n", ascending=False, kind="stable", ignore_index=True)


def _regions(
    model: Any,
    codes: Codes,
    differs: Array,
    parts: Flags,
    max_leaves: int,
    random_state: Any,
) -> tuple[Region, ...]:
    if len(codes) < _FEWEST_ROWS or not parts.any():
        return ()
    order = check_random_state(random_state).permutation(len(codes))
    seen, unseen = np.array_split(order, 2)
    limits = Limits(max_leaves=max_leaves, min_samples_leaf=_FEWEST_IN_REGION)
    tree = grow(model.schema_, codes[seen], differs[seen, None], limits=limits)
    tree = readable_thresholds(tree, codes[seen])
    reached = tree.nodes.apply(codes[unseen])
    found = []
    conditions = path_conditions(tree.nodes)
    for leaf in np.flatnonzero(tree.nodes.is_leaf).tolist():
        here = unseen[reached == leaf]
        text = " AND ".join(map(str, conditions[leaf])) or "always"
        rate = _rate(model.task_, differs[here], parts[here]) if len(here) else None
        share = len(here) / len(unseen)
        found.append(Region(one_line(text), rate, int(parts[here].sum()), share))
    found.sort(
        key=lambda region: -np.inf if region.rate is None else -region.rate.value
    )
    return tuple(found)


def _rate(task: str, differs: Array, parts: Flags) -> Estimate:
    if task == "regression":
        return bootstrap_interval(differs)
    return wilson_interval(int(parts.sum()), len(parts))


def _in_words(frame: pd.DataFrame) -> pd.DataFrame:
    says = {
        name: frame[name].map(prediction_text)
        for name in ("teacher", "student", "label")
        if name in frame
    }
    return frame.assign(**says)
