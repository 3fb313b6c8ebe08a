"""Size against fidelity and accuracy, over families of students and their sizes.

Three sets of rows are kept apart: students are fitted on the first, chosen on the
second, and reported on the third. What is chosen is thus chosen without the numbers
that are reported, and these are those of rows that nothing was fitted to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import html_table, one_line
from interpretkd.metrics import Estimate
from interpretkd.models import view_size


@dataclass(frozen=True, eq=False)
class FrontierPoint:
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
        The numbers that it holds, with a network up to the layer that it reads.
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
    points : tuple of FrontierPoint
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

    points: tuple[FrontierPoint, ...]
    task: str
    train_rows: NDArray[np.int64]
    validation_rows: NDArray[np.int64]
    test_rows: NDArray[np.int64]
    n_test: int
    teacher_accuracy: Estimate | None
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.points)

    @property
    def models(self) -> tuple[Any, ...]:
        """The fitted models, in the order of `to_frame`."""
        return tuple(point.model for point in self.points)

    @property
    def recommended(self) -> Any:
        """The model to take: the smallest about as faithful as the most faithful."""
        return self._chosen.model

    @property
    def knee(self) -> Any:
        """The model from which on a further doubling of what is read pays less."""
        return next(p for p in self.points if p.knee).model

    @property
    def reason(self) -> str:
        """Why this one is recommended, in a sentence."""
        chosen, best = self._chosen, _most_faithful(self.points)
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
        frame = pd.DataFrame([_record(point) for point in self.points])
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
        return pd.DataFrame([_cells(point) for point in self.points])

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
    def _chosen(self) -> FrontierPoint:
        return next(p for p in self.points if p.recommended)

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
        n_parameters = view_size(chosen.model)[0]
        if n_parameters:
            lines.append(
                "Parameters are with the network up to the layer that the students "
                f"read: {n_parameters:,} of it."
            )
        if self.left_out:
            lines.append(one_line(f"Over the budget: {'; '.join(self.left_out)}."))
        return "\n".join(lines)


def _by_size(point: FrontierPoint) -> tuple[float, float]:
    items = np.inf if point.items is None else point.items
    return items, -point.validation_fidelity


def _most_faithful(found: Sequence[FrontierPoint]) -> FrontierPoint:
    """Return the most faithful; of equals the smallest."""
    return min(found, key=lambda c: (-c.validation_fidelity, _by_size(c)))


def _record(point: FrontierPoint) -> dict[str, Any]:
    record: dict[str, Any] = {
        "student": point.family,
        "size": point.size,
        "unit": point.unit,
        "items": point.items,
        "n_parameters": point.n_parameters,
    }
    for name in ("fidelity", "accuracy"):
        estimate = getattr(point, name)
        for suffix, part in (("", "value"), ("_low", "low"), ("_high", "high")):
            value = np.nan if estimate is None else getattr(estimate, part)
            record[name + suffix] = value
    baseline = point.baseline_accuracy
    record["baseline_accuracy"] = np.nan if baseline is None else baseline.value
    names = ("validation_fidelity", "pareto", "knee", "recommended")
    return record | {name: getattr(point, name) for name in names}


def _cells(point: FrontierPoint) -> dict[str, str]:
    baseline = point.baseline_accuracy
    marks = [name for name in ("recommended", "knee") if getattr(point, name)]
    marks += ["Pareto"] if point.pareto else []
    return {
        "student": point.label,
        "items": _whole(point.items),
        "parameters": _whole(point.n_parameters),
        "fidelity": str(point.fidelity),
        "accuracy": "-" if point.accuracy is None else str(point.accuracy),
        "baseline": "-" if baseline is None else f"{baseline.value:.3f}",
        "validation": f"{point.validation_fidelity:.3f}",
        "marks": ", ".join(marks),
    }


def _whole(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
