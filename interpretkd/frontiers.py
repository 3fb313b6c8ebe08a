"""Size against fidelity and accuracy, over families of students and their sizes.

Three sets of rows are kept apart: students are fitted on the first, chosen on the
second, and reported on the third. What is chosen is thus chosen without the numbers
that are reported, and these are those of rows that nothing was fitted to.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from sklearn.base import clone

from interpretkd._errors import InputError
from interpretkd.formats import html_table
from interpretkd.intervals import Estimate
from interpretkd.lineups import Budget, Lineup, items_of, size_of
from interpretkd.portions import JudgedRows, Portions, RememberingTeacher
from interpretkd.wording import one_line

__all__ = ["Candidate", "Frontier", "trace"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """One fitted student, and what was measured of it.

    Parameters
    ----------
    family : str
        What it belongs to, such as "tree".
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    size : int or None
        Leaves of all trees, or features of a weighted sum; None when unknown.
    unit : str
        "leaves", "terms", or "" when unknown.
    items : int or None
        What a person has to read: tests and answers, or coefficients and intercepts.
    n_parameters : int or None
        The numbers that it holds.
    fidelity : Estimate
        With the teacher, on the test rows.
    accuracy, baseline_accuracy : Estimate or None
        With the labels, on the test rows: its own, and that of the same student fitted
        to the labels alone.
    validation_fidelity : float
        By which it is chosen.
    standard_error : float
        Of that.
    pareto, knee, recommended : bool, default=False
        Whether nothing smaller is as faithful; whether a further doubling of the items
        begins to pay less; whether it is the one to take. All on the validation rows.
    """

    family: str
    model: Any
    size: int | None
    unit: str
    items: int | None
    n_parameters: int | None
    fidelity: Estimate
    accuracy: Estimate | None
    baseline_accuracy: Estimate | None
    validation_fidelity: float
    standard_error: float
    pareto: bool = False
    knee: bool = False
    recommended: bool = False

    @property
    def label(self) -> str:
        """What it is, in a few words."""
        if self.size is None:
            return self.family
        unit = self.unit if self.size != 1 else self.unit.removesuffix("s")
        unit = "leaf" if unit == "leave" else unit
        return f"{self.family}, {self.size:,} {unit}"


@dataclass(frozen=True, eq=False)
class Frontier:
    """Students of many families and sizes, and which of them to take.

    Parameters
    ----------
    candidates : tuple of Candidate
        All that keep within the budget, family by family.
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    train_rows, validation_rows, test_rows : ndarray of int
        The positions, in the given `X`, of the rows that students were fitted on,
        chosen on and reported on; the last is empty when test rows were given.
    n_test : int
        How many rows they are reported on.
    teacher_accuracy : Estimate or None
        On the test rows; None without labels.
    left_out : tuple of str
        The students that broke the budget.
    """

    candidates: tuple[Candidate, ...]
    task: str
    train_rows: NDArray[np.int64]
    validation_rows: NDArray[np.int64]
    test_rows: NDArray[np.int64]
    n_test: int
    teacher_accuracy: Estimate | None
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def models(self) -> tuple[Any, ...]:
        """The fitted models, in the order of `to_frame`."""
        return tuple(candidate.model for candidate in self.candidates)

    @property
    def recommended(self) -> Any:
        """The model to take: the smallest about as faithful as the most faithful."""
        return self._chosen.model

    @property
    def knee(self) -> Any:
        """The model from which on a further doubling of what is read pays less."""
        return next(c for c in self.candidates if c.knee).model

    @property
    def reason(self) -> str:
        """Why this one is recommended, in a sentence."""
        chosen, best = self._chosen, _most_faithful(self.candidates)
        rows = f"on {len(self.validation_rows):,} validation rows"
        error = f"one standard error ({best.standard_error:.3f})"
        own = f"{chosen.validation_fidelity:.3f}"
        if chosen is best:
            text = (
                f"{chosen.label}: the most faithful ({own} {rows}), and nothing "
                f"smaller comes within {error} of it."
            )
        else:
            text = (
                f"{chosen.label} ({own}): the smallest within {error} of the most "
                f"faithful, {best.label} ({best.validation_fidelity:.3f}), {rows}."
            )
        return one_line(text)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a student.

        Returns
        -------
        DataFrame
            The columns student, size (leaves of all trees, or terms), unit, items (what
            a person has to read), n_parameters; fidelity, accuracy, each with its _low
            and _high, and baseline_accuracy, all on the test rows;
            validation_fidelity, pareto, knee, recommended. What is unknown is missing.
        """
        frame = pd.DataFrame([_record(candidate) for candidate in self.candidates])
        whole = ["size", "items", "n_parameters"]
        return frame.astype(dict.fromkeys(whole, "Int64"))

    def to_text(self) -> pd.DataFrame:
        """Return one row a student, for reading.

        Returns
        -------
        DataFrame of str
            As `to_frame`; an estimate and its interval share a cell, and what is
            unknown is "-".
        """
        return pd.DataFrame([_cells(candidate) for candidate in self.candidates])

    def __repr__(self) -> str:
        return f"Frontier({len(self)} students)"

    def __str__(self) -> str:
        cells = self.to_text().map(one_line)
        return f"{cells.to_string(index=False)}\n\n{self._summary()}"

    def _repr_html_(self) -> str:
        cells = self.to_text()
        numbers = [name for name in cells.columns if name not in ("student", "marks")]
        return html_table(cells, numbers, self._summary().replace("\n", " "))

    @property
    def _chosen(self) -> Candidate:
        return next(c for c in self.candidates if c.recommended)

    def _summary(self) -> str:
        chosen = self._chosen
        measured = " (R2)" if self.task == "regression" else ""
        lines = [f"Recommended: {self.reason}"]
        line = f"On {self.n_test:,} test rows its fidelity{measured} is "
        line += str(chosen.fidelity)
        if chosen.accuracy is not None:
            line += f", its accuracy{measured} {chosen.accuracy}"
        if chosen.baseline_accuracy is not None:
            line += f"; fitted to the labels alone {chosen.baseline_accuracy}"
        if self.teacher_accuracy is not None:
            line += f"; the teacher's {self.teacher_accuracy}"
        lines.append(f"{line}.")
        if self.left_out:
            lines.append(one_line(f"Over the budget: {'; '.join(self.left_out)}."))
        return "\n".join(lines)


def trace(
    teacher: RememberingTeacher,
    portions: Portions,
    lineup: Sequence[Lineup],
    fit: Callable[[Any], Any],
    budget: Budget,
    *,
    verbose: bool = False,
) -> Frontier:
    """Fit students and measure them.

    Parameters
    ----------
    teacher : RememberingTeacher
        What they are to agree with.
    portions : Portions
        The rows.
    lineup : sequence of Lineup
        What to fit.
    fit : callable
        Turns a student into a distilled model, fitted to the first part of the rows.
    budget : Budget
        Those over it are left out.
    verbose : bool, default=False
        Whether to show progress on stderr.

    Returns
    -------
    Frontier
        Those within the budget, the Pareto-optimal, the knee and the recommended one
        marked.

    Raises
    ------
    InputError
        When none keeps within the budget.
    """
    chosen_by = JudgedRows(portions.validation, teacher.logits(portions.validation))
    said = teacher.logits(portions.test)
    reported = JudgedRows(portions.test, said, portions.y_test)
    found: list[Candidate] = []
    left_out: list[str] = []
    ended: set[str] = set()
    for entry in _shown(lineup, verbose=verbose):
        if entry.family in ended:
            continue
        for model in _versions(fit(entry.student), entry.terms):
            candidate = _measure(entry.family, model, chosen_by, reported)
            if budget.allows(_form(model)):
                found.append(candidate)
            else:
                left_out.append(candidate.label)
            if entry.limit is not None and (candidate.size or 0) < entry.limit:
                ended.add(entry.family)
    if not found:
        raise InputError(
            f"No student keeps within the budget. Tried: {'; '.join(left_out)}."
        )
    return Frontier(
        tuple(_marked(found, chosen_by.constant_fidelity(teacher.task))),
        task=teacher.task,
        train_rows=portions.train_rows,
        validation_rows=portions.validation_rows,
        test_rows=portions.test_rows,
        n_test=len(said),
        teacher_accuracy=reported.accuracy(said, found[0].model),
        left_out=tuple(left_out),
    )


def _shown(lineup: Sequence[Lineup], *, verbose: bool) -> Iterator[Lineup]:
    if not verbose:
        yield from lineup
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=len(lineup))
        for entry in lineup:
            progress.update(bar, description=one_line(entry.family))
            yield entry
            progress.advance(bar)


def _versions(model: Any, terms: tuple[int, ...]) -> Iterator[Any]:
    """Yield a model at each number of terms on its path, or the model itself."""
    if not terms:
        yield model
        return
    known: set[int] = set()
    for n_terms in terms:
        version = copy.copy(model)
        version.student = clone(model.student).set_params(max_terms=n_terms)
        version.student_ = _at(model.student_, n_terms)
        if model.baseline_ is not None:
            version.baseline_ = _at(model.baseline_, n_terms)
        size = len(version.student_.form_.features)
        if size not in known and (size or n_terms == terms[-1]):
            known.add(size)
            yield version


def _at(student: Any, n_terms: int) -> Any:
    version = copy.copy(student).set_params(max_terms=n_terms)
    version.form_ = student.path_.forms[student.path_.within_budget(n_terms)]
    return version


def _measure(
    family: str, model: Any, validation: JudgedRows, test: JudgedRows
) -> Candidate:
    task, form = model.task_, _form(model)
    chosen_by, reported = model.logits(validation.rows), model.logits(test.rows)
    baseline = None
    if model.baseline_ is not None and test.labels is not None:
        baseline = test.accuracy(model.baseline_logits(test.rows), model)
    size, unit = size_of(form)
    return Candidate(
        family=family,
        model=model,
        size=size,
        unit=unit,
        items=items_of(model, form),
        n_parameters=getattr(form, "n_parameters", None),
        fidelity=test.fidelity(reported, task),
        accuracy=test.accuracy(reported, model),
        baseline_accuracy=baseline,
        validation_fidelity=validation.fidelity(chosen_by, task).value,
        standard_error=validation.standard_error(chosen_by, task),
    )


def _form(model: Any) -> Any:
    return getattr(model.student_, "form_", None)


def _marked(found: Sequence[Candidate], start: float) -> list[Candidate]:
    best = _most_faithful(found)
    enough = best.validation_fidelity - best.standard_error
    good = [c for c in found if c.validation_fidelity >= enough]
    chosen = min(good, key=_by_size)
    front = _front(found)
    knee = _knee(front, start) if front else chosen
    return [
        replace(c, pareto=c in front, knee=c is knee, recommended=c is chosen)
        for c in found
    ]


def _front(found: Sequence[Candidate]) -> list[Candidate]:
    """Return those that nothing as small is as faithful as, by rising size."""
    front: list[Candidate] = []
    for candidate in sorted((c for c in found if c.items is not None), key=_by_size):
        best = front[-1].validation_fidelity if front else -np.inf
        if candidate.validation_fidelity > best:
            front.append(candidate)
    return front


def _knee(front: Sequence[Candidate], start: float) -> Candidate:
    """Return the one farthest above the chord, as `pruning.PruningPath.choose`.

    As there the chord starts at one item: a student that says the same to all.
    """
    height = np.asarray([c.validation_fidelity for c in front])
    along = np.log2([float(c.items or 1) for c in front])
    chord = start + along / max(along[-1], 1e-12) * (height[-1] - start)
    return front[int((height - chord).argmax())]


def _by_size(candidate: Candidate) -> tuple[float, float]:
    items = np.inf if candidate.items is None else candidate.items
    return items, -candidate.validation_fidelity


def _most_faithful(found: Sequence[Candidate]) -> Candidate:
    """Return the most faithful; of equals the smallest."""
    return min(found, key=lambda c: (-c.validation_fidelity, _by_size(c)))


def _record(candidate: Candidate) -> dict[str, Any]:
    record: dict[str, Any] = {
        "student": candidate.family,
        "size": candidate.size,
        "unit": candidate.unit,
        "items": candidate.items,
        "n_parameters": candidate.n_parameters,
    }
    for name in ("fidelity", "accuracy"):
        estimate = getattr(candidate, name)
        for suffix, part in (("", "value"), ("_low", "low"), ("_high", "high")):
            value = np.nan if estimate is None else getattr(estimate, part)
            record[name + suffix] = value
    baseline = candidate.baseline_accuracy
    record["baseline_accuracy"] = np.nan if baseline is None else baseline.value
    names = ("validation_fidelity", "pareto", "knee", "recommended")
    return record | {name: getattr(candidate, name) for name in names}


def _cells(candidate: Candidate) -> dict[str, str]:
    baseline = candidate.baseline_accuracy
    marks = [name for name in ("recommended", "knee") if getattr(candidate, name)]
    marks += ["Pareto"] if candidate.pareto else []
    return {
        "student": candidate.label,
        "items": _whole(candidate.items),
        "parameters": _whole(candidate.n_parameters),
        "fidelity": str(candidate.fidelity),
        "accuracy": "-" if candidate.accuracy is None else str(candidate.accuracy),
        "baseline": "-" if baseline is None else f"{baseline.value:.3f}",
        "validation": f"{candidate.validation_fidelity:.3f}",
        "marks": ", ".join(marks),
    }


def _whole(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
