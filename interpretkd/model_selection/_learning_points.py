"""What a learning curve says: fidelity by rows, and what more rows are worth."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from interpretkd._base import InputError, check_integer, html_table
from interpretkd.metrics import Estimate

_FLAT = 0.01
"""A rise by a doubling that is surely below this is none to speak of."""


@dataclass(frozen=True)
class LearningPoint:
    """Students fitted to one share of the rows.

    Parameters
    ----------
    share : float
        In (0, 1]: of the rows that are not held out.
    n_rows : int
        How many these are, on average over the repeats.
    fidelity : Estimate
        With the teacher, on the held-out rows; the mean of the repeats.
    accuracy : Estimate or None
        With the labels, on the same rows; None without labels.
    deviation : float
        Of the fidelity over the repeats, a standard deviation; NaN for one.
    """

    share: float
    n_rows: int
    fidelity: Estimate
    accuracy: Estimate | None
    deviation: float


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Fidelity and accuracy over the number of rows that a student is fitted to.

    Parameters
    ----------
    points : tuple of LearningPoint
        By rising share.
    slope : Estimate or None
        What a doubling of the rows adds to the fidelity (R2, for regression), over the
        upper part of the curve, with a 95 % interval; None for a single share.
    slope_from : int
        The rows at which that part begins.
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    n_test : int
        The held-out rows.
    n_repeats : int
        How often the rows of each share were drawn.
    teacher_accuracy : Estimate or None
        On the held-out rows.
    constant_fidelity : float
        That of always saying the teacher's commonest decision; 0 for regression.
    """

    points: tuple[LearningPoint, ...]
    slope: Estimate | None
    slope_from: int
    task: str
    n_test: int
    n_repeats: int
    teacher_accuracy: Estimate | None
    constant_fidelity: float

    def __len__(self) -> int:
        return len(self.points)

    @property
    def n_rows(self) -> int:
        """The most rows that a student was fitted to."""
        return self.points[-1].n_rows

    def worth(self, n_more: int) -> Estimate:
        """Return how much more fidelity further rows of the same kind would bring.

        Parameters
        ----------
        n_more : int
            In [1, n_rows]: how many more than `n_rows`; one doubling at most, for
            nothing is known of more.

        Returns
        -------
        Estimate
            The slope times the doublings, ``log2((n_rows + n_more) / n_rows)``; a
            curve that bends brings less.

        Raises
        ------
        InputError
            For more than a doubling, and for a curve of a single share.
        """
        check_integer("LearningCurve.worth", "n_more", n_more, 1, self.n_rows)
        if self.slope is None:
            raise InputError(
                "A curve of one share does not say what more rows are worth. Give two "
                "or more shares."
            )
        by = math.log2((self.n_rows + n_more) / self.n_rows)
        slope = self.slope
        return Estimate(by * slope.value, by * slope.low, by * slope.high, slope.n)

    @property
    def verdict(self) -> str:
        """What more rows are worth, in a sentence; or that it cannot be told."""
        slope, n = self.slope, self.n_rows
        if slope is None:
            return "One share of the rows does not say what more rows are worth."
        said, span = self._amount(slope), f"from {self.slope_from:,} to {n:,} rows"
        doubled = f"with each doubling {span}"
        if slope.low > 0:
            text = (
                f"{n:,} more rows, as many again, are worth about {said}: so much it "
                f"rose {doubled}."
            )
        elif slope.high < 0:
            text = f"More rows were worth nothing: fidelity fell, by {said} {doubled}."
        elif slope.high < _FLAT:
            text = f"The curve is flat: {said} {doubled}."
        else:
            text = (
                f"The curve is too noisy to say what more rows are worth: {said} "
                f"{doubled}."
            )
        if self.n_repeats > 1:
            return text
        return (
            f"{text} The interval is that of the {self.n_test:,} held-out rows alone: "
            "the rows were drawn once."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row a share.

        Returns
        -------
        DataFrame
            The columns share, n_rows, fidelity, accuracy, each of these two with its
            _low and _high, and deviation; what is unknown is missing.
        """
        return pd.DataFrame([_record(point) for point in self.points])

    def to_text(self) -> pd.DataFrame:
        """Return one row a share, for reading.

        Returns
        -------
        DataFrame of str
            An estimate and its interval share a cell, and what is unknown is "-".
        """
        return pd.DataFrame(
            [
                {
                    "share": f"{point.share:g}",
                    "rows": f"{point.n_rows:,}",
                    "fidelity": str(point.fidelity),
                    "accuracy": "-" if point.accuracy is None else str(point.accuracy),
                }
                for point in self.points
            ]
        )

    def __repr__(self) -> str:
        return f"LearningCurve({len(self)} shares of {self.n_rows} rows)"

    def __str__(self) -> str:
        return f"{self.to_text().to_string(index=False)}\n\n{self._summary()}"

    def _repr_html_(self) -> str:
        cells = self.to_text()
        return html_table(cells, list(cells.columns), self._summary())

    def _summary(self) -> str:
        text = f"{self.verdict} Held out: {self.n_test:,} rows"
        if self.task != "regression":
            text += f"; the teacher's commonest decision: {self.constant_fidelity:.3f}"
        if self.teacher_accuracy is not None:
            text += f"; the teacher's accuracy: {self.teacher_accuracy}"
        return f"{text}."

    def _amount(self, change: Estimate) -> str:
        """Return a change of fidelity with its interval."""
        if self.task == "regression":
            return f"{change:+.3f} of R2"
        ends = f"[{100 * change.low:+.1f}, {100 * change.high:+.1f}]"
        return f"{100 * change.value:+.1f} points of fidelity {ends}"


def _record(point: LearningPoint) -> dict[str, Any]:
    record: dict[str, Any] = {"share": point.share, "n_rows": point.n_rows}
    for name in ("fidelity", "accuracy"):
        estimate = getattr(point, name)
        for suffix, part in (("", "value"), ("_low", "low"), ("_high", "high")):
            value = np.nan if estimate is None else getattr(estimate, part)
            record[name + suffix] = value
    return record | {"deviation": point.deviation}
