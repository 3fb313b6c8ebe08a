"""Is an export equal to the student? Rows to ask about, answers, the comparison."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError
from interpretkd.data import Rows
from interpretkd.export._made_rows import _made_rows
from interpretkd.export._question import Question
from interpretkd.export._specification import LARGEST, _ModelSpec

_ALLOWED = 1e-9


class ParityError(InputError):
    """An export decides a row otherwise than the student; nothing was written."""


class NotChecked(Exception):
    """What is needed to run an export is not there; the text says what."""


@dataclass(frozen=True, eq=False)
class Decided:
    """What an export said of rows.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_outputs), float64
        Probabilities, or the values for regression; NaN for a refused row.
    decisions : ndarray of shape (n_samples,) or (n_samples, n_outputs), int64
        Positions of classes, 0 and 1 for labels, -1 for a refused row; passed over
        for regression.
    """

    values: Array
    decisions: NDArray[Any]


Checker: TypeAlias = Callable[[Question], Decided]
Predict: TypeAlias = Callable[[Rows], tuple[Array, NDArray[Any]]]


@dataclass(frozen=True)
class Parity:
    """How an export was compared with the student.

    Parameters
    ----------
    by : str
        What ran the export; "" when nothing did.
    n_rows, n_equal : int
        The given rows, and those of equal decision and values.
    n_made, n_made_equal : int
        The same of the rows made from the student's own thresholds, and of those that
        the student refuses, as the export must.
    largest_difference : float
        Of any value, as a part of it where it is above 1.
    reason : str
        Why it was not checked, or "".

    Examples
    --------
    >>> print(Parity("SQLite 3.40.1", 1000, 1000, 512, 512))
    1,000 of 1,000 rows equal, 512 of 512 made-up rows equal (checked in SQLite 3.40.1)
    """

    by: str = ""
    n_rows: int = 0
    n_equal: int = 0
    n_made: int = 0
    n_made_equal: int = 0
    largest_difference: float = 0.0
    reason: str = ""

    def __str__(self) -> str:
        if self.reason:
            return f"not checked: {self.reason}"
        facts = []
        if self.n_rows:
            facts.append(f"{self.n_equal:,} of {self.n_rows:,} rows equal")
        if self.n_made:
            facts.append(f"{self.n_made_equal:,} of {self.n_made:,} made-up rows equal")
        return f"{', '.join(facts)} (checked in {self.by})"


def check(
    spec: _ModelSpec,
    by: str,
    ask: Checker,
    X: Rows | None,
    *,
    allowed: float = _ALLOWED,
) -> Parity:
    """Compare an export with the student, row by row.

    Parameters
    ----------
    spec : ModelSpec
        The student.
    by : str
        What runs the export.
    ask : callable
        Takes a `Question`, returns `Decided`; may raise `NotChecked`.
    X : array-like or frame of shape (n_samples, n_features), or None
        Rows; those made from the thresholds are added.
    allowed : float, default=1e-9
        The largest difference of values, absolute or relative, that is rounding.

    Returns
    -------
    Parity
        The counts, or the reason why there are none.

    Raises
    ------
    ParityError
        When any row differs.
    """
    given = np.zeros(2, dtype=int)
    made = np.zeros(2, dtype=int)
    largest = 0.0
    parts = [(made, _made_rows(spec, X))]
    if X is not None and len(X):
        parts.insert(0, (given, Question.of(spec.schema, X)))
    for counts, question in parts:
        try:
            answers = ask(question)
        except NotChecked as reason:
            return Parity(reason=str(reason))
        meant = _meant(question, spec.predict)
        equal, difference = _compare(spec, meant, answers, allowed)
        counts += (len(equal), int(equal.sum()))
        largest = max(largest, difference)
        if not equal.all():
            raise ParityError(_sentence(by, meant, answers, equal))
    n_rows, n_equal, n_made, n_made_equal = map(int, (*given, *made))
    return Parity(by, n_rows, n_equal, n_made, n_made_equal, largest)


def _asked(question: Question, predict: Predict) -> Decided:
    """Ask what refuses whole tables about each row that is to be refused by itself."""
    answers = _meant(question, predict)
    for row in np.flatnonzero(question.refused):
        alone = np.arange(len(question)) == row
        with suppress(InputError):
            said, decided = predict(question.part(alone).rows)
            answers.values[row], answers.decisions[row] = said[0], decided[0]
    return answers


def _meant(question: Question, predict: Predict) -> Decided:
    """Ask about the rows that are not refused; of the others nothing is said."""
    known = ~question.refused
    said, decided = predict(question.part(known).rows)
    values = np.full((len(question), said.shape[1]), np.nan)
    decisions = np.full((len(question), *decided.shape[1:]), -1, dtype=np.int64)
    values[known], decisions[known] = said, decided
    return Decided(values, decisions)


def _compare(
    spec: _ModelSpec, meant: Decided, answers: Decided, allowed: float
) -> tuple[NDArray[np.bool_], float]:
    values, said = meant.values, answers.values
    if said.shape != values.shape:
        return np.zeros(len(values), dtype=bool), np.inf
    refused = np.isnan(values)
    with np.errstate(invalid="ignore"):
        difference = np.abs(said - values) / np.maximum(1, np.abs(values))
        # What says its values in float32 says infinity of these.
        beyond = np.isinf(said) & (np.sign(said) == np.sign(values))
        beyond &= np.abs(values) > LARGEST
    difference[beyond | (refused & np.isnan(said))] = 0
    close = difference <= allowed  # NaN is not
    equal: NDArray[np.bool_] = np.asarray(close.all(axis=1))
    if spec.task != "regression":
        same = np.asarray(answers.decisions == meant.decisions)
        equal &= same.reshape(len(values), -1).all(axis=1)
    return equal, float(np.nan_to_num(difference, nan=np.inf).max(initial=0))


def _sentence(
    by: str, meant: Decided, answers: Decided, equal: NDArray[np.bool_]
) -> str:
    n_wrong = int((~equal).sum())
    first = int(np.flatnonzero(~equal)[0])
    said, right = (
        "nothing" if np.isnan(values[first]).all() else str(values[first].tolist())
        for values in (answers.values, meant.values)
    )
    return (
        f"Nothing was written: {n_wrong:,} of {len(equal):,} rows came out otherwise "
        f"in {by} than from the student, e.g. row {first}: {said} for {right}."
    )
