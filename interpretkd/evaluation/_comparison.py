"""Several students of one teacher, side by side on the same rows.

Students are compared only where that is fair: same task, same classes, same rows, and
the same teacher's logits on them. The pruned sizes of a tree are cut on one half of the
rows; as soon as one is among the students, all are measured on the other half.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import (
    UNKNOWN,
    Array,
    InputError,
    Shown,
    check_choice,
    check_integer,
    counted,
    html_table,
    one_line,
)
from interpretkd.evaluation._analysis import Analysis
from interpretkd.evaluation._comparable import why_not_comparable
from interpretkd.evaluation._evaluate import _compare
from interpretkd.metrics import (
    Estimate,
    PairedTest,
    label_matches,
    measure_fidelity,
    percentile_interval,
    r2,
    r2_of_means,
    resample,
    share_interval,
    slice_fidelities,
    slices_of,
    squared_parts,
)
from interpretkd.models import items_of, size_of
from interpretkd.students import PruningPath, as_student
from interpretkd.targets import Answers, decide

AXES = ("items", "size", "parameters", "bytes")
"""The sizes by which students are laid out."""

MEASURES = ("fidelity", "accuracy")
"""What is measured of each."""

_RESAMPLES = 1000


@dataclass(frozen=True, eq=False, repr=False)
class ComparedStudent(Shown):
    """One student of one size.

    Parameters
    ----------
    run : str
        What its run is called.
    family : str
        What it belongs to, such as "tree".
    size : int or None
        Leaves of all trees, or features of a weighted sum.
    unit : str
        "leaves", "terms", or "" when unknown.
    items : int or None
        What a person has to read: tests and answers, or coefficients and intercepts.
    parameters, bytes : int or None
        The numbers that it holds, with a network up to the layer that it reads, and
        their bytes.
    is_whole : bool
        Whether it is the student as it was saved, and not cut back.
    logits : ndarray of shape (n_samples, n_outputs)
        What it says of the rows.
    baseline : ndarray of shape (n_samples, n_outputs), or None
        What the same student says that was fitted to the labels alone.
    """

    run: str
    family: str
    size: int | None
    unit: str
    items: int | None
    parameters: int | None
    bytes: int | None
    is_whole: bool
    logits: Array
    baseline: Array | None

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What it is, in a few words."""
        if self.size is None:
            return f"{self.run} ({self.family})"
        one = {"leaves": "leaf", "terms": "term"}[self.unit]
        unit = one if self.size == 1 else self.unit
        return f"{self.run} ({self.family}, {self.size:,} {unit})"


@dataclass(frozen=True)
class Pair:
    """Two students on the same rows.

    Parameters
    ----------
    agreement : Estimate
        How often the two decide alike; for values, how much of the first's variance
        the second reproduces (R2).
    fidelity : PairedTest
        The first's less the second's.
    accuracy : PairedTest or None
        The same with the labels; None where there are none.
    """

    agreement: Estimate
    fidelity: PairedTest
    accuracy: PairedTest | None


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Shown):
    """Students side by side; `compare` makes it.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What they decide.
    X : frame or ndarray of shape (n_samples, n_features)
        The rows that all are measured on.
    labels : ndarray or None
        Their labels, as `Analysis.labels`.
    teacher_logits : ndarray of shape (n_samples, n_outputs)
        What the teacher says of them.
    students : tuple of ComparedStudent
        The students.
    numbers : ndarray of shape (n_samples,), or None
        Which of the runs' rows these are, from 0; None when they are all of them.
    own : ndarray of shape (n_samples,) or (n_samples, n_outputs), or None
        What the teacher decides, where that is not what its logits do.
    groups : ndarray of shape (n_samples,), int64, or None
        Which rows belong together; None where they are independent.
    """

    task: str
    X: Any = field(repr=False)
    labels: NDArray[Any] | None = field(repr=False)
    teacher_logits: Array = field(repr=False)
    students: tuple[ComparedStudent, ...]
    numbers: NDArray[np.int64] | None = field(default=None, repr=False)
    own: NDArray[np.int64] | None = field(default=None, repr=False)
    groups: NDArray[np.int64] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.students)

    def __str__(self) -> str:
        """Return one line a student."""
        lines = [f"{counted(len(self), 'student')} on {counted(self.n_rows, 'row')}"]
        for cells in self._told():
            told = [f"{name} {text}" for name, text in cells.items() if text != UNKNOWN]
            lines.append(one_line(f"  {'; '.join(told).removeprefix('student ')}"))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        table = pd.DataFrame(self._told())
        caption = f"On {counted(self.n_rows, 'row')}, with 95 % intervals"
        return html_table(table, list(table.columns[1:]), caption)

    def _told(self) -> list[dict[str, str]]:
        """Return what is told of each student; what is not known is "-"."""
        spec = ".3f" if self.task == "regression" else ".1%"

        def said(estimate: Estimate | None) -> str:
            return UNKNOWN if estimate is None else format(estimate, spec)

        shares = self.accuracy or (None,) * len(self)
        several = zip(
            self.students, self.fidelity, shares, self.baseline_accuracy, strict=True
        )
        return [
            {
                "student": one.name,
                "fidelity": said(fidelity),
                "accuracy": said(accuracy),
                "accuracy of the baseline": said(baseline),
                "to read": UNKNOWN if one.items is None else f"{one.items:,}",
                "parameters": UNKNOWN
                if one.parameters is None
                else f"{one.parameters:,}",
            }
            for one, fidelity, accuracy, baseline in several
        ]

    @property
    def n_rows(self) -> int:
        """How many rows all are measured on."""
        return len(self.teacher_logits)

    @cached_property
    def fidelity(self) -> tuple[Estimate, ...]:
        """The agreement of each student with the teacher; R2, for regression."""
        said = [one.logits for one in self.students]
        return _scores(self.task, self._teacher_decisions, said, self.groups)

    @cached_property
    def accuracy(self) -> tuple[Estimate, ...] | None:
        """That of each student with the labels; None without labels."""
        if self.labels is None:
            return None
        said = [one.logits for one in self.students]
        return _scores(self.task, self.labels, said, self.groups)

    @cached_property
    def teacher_accuracy(self) -> Estimate | None:
        """The teacher's own; None without labels."""
        if self.labels is None:
            return None
        return _scores(self.task, self.labels, [self._answers], self.groups)[0]

    @cached_property
    def baseline_accuracy(self) -> tuple[Estimate | None, ...]:
        """Of each student fitted to the labels alone; None where there is none."""
        said = [one.baseline for one in self.students]
        known = [logits for logits in said if logits is not None]
        if self.labels is None or not known:
            return (None,) * len(self)
        found = iter(_scores(self.task, self.labels, known, self.groups))
        return tuple(None if logits is None else next(found) for logits in said)

    def to_frame(self, *, by: str = "items", measure: str = "fidelity") -> pd.DataFrame:
        """Return one row a student.

        Parameters
        ----------
        by : {"items", "size", "parameters", "bytes"}, default="items"
            The size that "front" goes by.
        measure : {"fidelity", "accuracy"}, default="fidelity"
            What "front" goes by.

        Returns
        -------
        DataFrame
            The columns student, run, family, size, unit, items, parameters, bytes,
            whole; fidelity, accuracy, each with its _low and _high, and
            baseline_accuracy; front (nothing as small is better, and nothing smaller as
            good). What is unknown is missing.

        Raises
        ------
        InputError
            For another size or measure.
        """
        check_choice("Comparison.to_frame", "by", by, AXES)
        check_choice("Comparison.to_frame", "measure", measure, MEASURES)
        shares = self.accuracy or (None,) * len(self)
        rows = [
            {
                "student": one.name,
                "run": one.run,
                "family": one.family,
                "size": one.size,
                "unit": one.unit,
                "items": one.items,
                "parameters": one.parameters,
                "bytes": one.bytes,
                "whole": one.is_whole,
                **_cells("fidelity", agreement),
                **_cells("accuracy", share),
                "baseline_accuracy": np.nan if base is None else base.value,
            }
            for one, agreement, share, base in zip(
                self.students,
                self.fidelity,
                shares,
                self.baseline_accuracy,
                strict=True,
            )
        ]
        frame = pd.DataFrame(rows).astype(dict.fromkeys(AXES, "Int64"))
        size = frame[by].to_numpy(dtype=np.float64, na_value=np.nan)
        frame["front"] = _front(size, frame[measure].to_numpy())
        return frame

    def pair(self, first: int, second: int) -> Pair:
        """Compare two of the students row by row.

        Parameters
        ----------
        first, second : int
            In [0, n_students): which.

        Returns
        -------
        Pair
            Differences are the first's less the second's: with Newcombe's interval
            and the exact McNemar test for decisions, with a seeded paired bootstrap for
            values.

        Raises
        ------
        InputError
            For numbers outside.
        """
        for name, value in (("first", first), ("second", second)):
            check_integer("Comparison.pair", name, value, 0, len(self) - 1)
        one, two = self.students[first].logits, self.students[second].logits
        truth = self.labels
        return Pair(
            measure_fidelity(self.task, one, two, self.groups),
            _compare(self.task, self._teacher_decisions, one, two, self.groups),
            None
            if truth is None
            else _compare(self.task, truth, one, two, self.groups),
        )

    def slices(self, column: str, which: Sequence[int] | None = None) -> pd.DataFrame:
        """Return the fidelity of students on each part of the rows.

        Parameters
        ----------
        column : str
            By which the rows are cut.
        which : sequence of int, default=None
            Of the students; None for all.

        Returns
        -------
        DataFrame
            One row a slice and student: slice, n, number (of the student), student,
            fidelity, low, high.

        Raises
        ------
        InputError
            For an absent column.
        """
        named = slices_of(self.X, column)
        numbers = range(len(self)) if which is None else which
        parts = []
        for number in numbers:
            one = self.students[number]
            part = slice_fidelities(
                self.task, self._answers, one.logits, named, self.groups
            )
            part.insert(2, "number", number)
            part.insert(3, "student", one.name)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def with_size(self, run: str, small: Analysis) -> "Comparison":
        """Return the same students and one more size of a tree.

        Parameters
        ----------
        run : str
            What its run is called here.
        small : Analysis
            What `Analysis.cut` returned.

        Returns
        -------
        Comparison
            The new one stands among the run's sizes.

        Raises
        ------
        InputError
            When it was measured on other rows than these.
        """
        ours, theirs = self.numbers, small.numbers
        if ours is None or theirs is None or not np.array_equal(ours, theirs):
            raise InputError(
                "Comparison.with_size needs a size measured on the comparison's own "
                "rows: give 'sizes' to compare."
            )
        new = _compared_student(run, small, None, is_whole=False)
        before = [
            place
            for place, one in enumerate(self.students)
            if one.run == run and (one.is_whole or (one.size or 0) < (new.size or 0))
        ]
        place = before[-1] + 1 if before else len(self)
        students = (*self.students[:place], new, *self.students[place:])
        return replace(self, students=students)

    @cached_property
    def _teacher_decisions(self) -> NDArray[Any]:
        """What the teacher decides, as labels are written."""
        if self.task == "regression":
            return self.teacher_logits
        return decide(self._answers, self.task)

    @property
    def _answers(self) -> Answers:
        return Answers(self.teacher_logits, self.own)


def compare(
    found: Mapping[str, Analysis], *, sizes: Mapping[str, Sequence[int]] | None = None
) -> Comparison:
    """Put students side by side.

    Parameters
    ----------
    found : mapping of str to Analysis
        The runs by name, whole and on all their rows; at least one.
    sizes : mapping of str to sequence of int, default=None
        Of which runs' trees which numbers of leaves are to be shown beside them.

    Returns
    -------
    Comparison
        The runs' students, each followed by its smaller sizes.

    Raises
    ------
    InputError
        When two of them cannot be compared, with the reason; for sizes that a student
        does not have.
    """
    if not found:
        raise InputError("compare needs at least one run.")
    (first_name, first), *others = found.items()
    for name, other in others:
        reason = why_not_comparable(first, other)
        if reason:
            raise InputError(f"{name} cannot be compared with {first_name}: {reason}.")
    cuts = {name: sorted(set(asked)) for name, asked in (sizes or {}).items()}
    cut = {
        (name, size): found[name].cut(size)
        for name, asked in cuts.items()
        for size in asked
        if size != size_of(found[name].form)[0]
    }
    rows = next((small.numbers for small in cut.values()), None)
    students = []
    for name, one in found.items():
        students.append(_compared_student(name, one, rows, is_whole=True))
        students += [
            _compared_student(name, small, None, is_whole=False)
            for (run, _), small in cut.items()
            if run == name
        ]
    judged = next(iter(cut.values()), first)
    return Comparison(
        first.task,
        judged.X,
        judged.labels,
        judged.teacher_logits,
        tuple(students),
        rows,
        judged.own,
        judged.groups,
    )


def chart_sizes(path: PruningPath, *, also: Sequence[int] = ()) -> tuple[int, ...]:
    """Return the sizes of a pruning path that are worth a point in a chart.

    Parameters
    ----------
    path : PruningPath
        Scored on held-out rows.
    also : sequence of int, default=()
        Sizes that must be among them.

    Returns
    -------
    tuple of int
        From 2 leaves on, each about 1.4 times the one before; the whole tree, the
        knee, and the smallest within one standard error of the best.
    """
    most = len(path.sizes)
    spaced = np.round(2 ** np.arange(1, np.log2(most) + 0.1, 0.5)).astype(int)
    chosen = {path.choose("knee"), path.choose(), most, *also, *spaced.tolist()}
    return tuple(sorted(size for size in chosen if 2 <= size <= most))


def _compared_student(
    run: str, one: Analysis, rows: NDArray[np.int64] | None, *, is_whole: bool
) -> ComparedStudent:
    size, unit = size_of(one.form)
    model = one.model
    chosen: Any = slice(None) if rows is None else rows
    baseline = None
    if model.baseline_ is not None:
        baseline = np.asarray(model.baseline_logits(one.X), dtype=np.float64)[chosen]
    return ComparedStudent(
        run,
        as_student(model.student_).family,
        size,
        unit,
        items_of(model, one.form),
        model.n_parameters,
        model.size_bytes,
        is_whole,
        one.logits[chosen],
        baseline,
    )


def _scores(
    task: str,
    truth: NDArray[Any],
    said: Sequence[Array | Answers],
    groups: NDArray[np.int64] | None,
) -> tuple[Estimate, ...]:
    """Measure many models; of values, all by the same draws of rows."""
    if task != "regression":
        right = [label_matches(truth, decide(logits, task)) for logits in said]
        return tuple(share_interval(row, groups) for row in right)
    if groups is not None:
        return tuple(r2(truth, np.asarray(one), task, groups=groups) for one in said)
    # Drawing is what a bootstrap takes its time for, and it serves all models.
    values = [np.asarray(logits) for logits in said]
    squares = [squared_parts(task, np.asarray(truth), logits) for logits in values]
    columns = np.column_stack([*(part[:, 0] for part in squares), squares[0][:, 1]])
    means: Any = resample(columns, lambda drawn: drawn, _RESAMPLES, 0)
    return tuple(
        percentile_interval(
            columns[:, [i, -1]], r2_of_means, r2_of_means(means[:, [i, -1]]), 0.95
        )
        for i in range(len(said))
    )


def _front(size: Array, value: Array) -> NDArray[np.bool_]:
    """Mark what nothing beats that is not larger."""
    known = ~(np.isnan(size) | np.isnan(value))
    front = np.zeros(len(size), dtype=np.bool_)
    best = -np.inf
    for i in np.lexsort((-value, size)):
        if known[i] and value[i] > best:
            front[i], best = True, value[i]
    return front


def _cells(name: str, estimate: Estimate | None) -> dict[str, float]:
    found = estimate or Estimate(np.nan, np.nan, np.nan, 0)
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
