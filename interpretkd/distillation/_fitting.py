"""Fitting a student to a transfer set."""

from typing import Any

import numpy as np

from interpretkd._base import Array
from interpretkd.metrics import plain_fidelity
from interpretkd.students import TrainingData, ValidationData, as_student
from interpretkd.targets import Target
from interpretkd.transfer import TransferSet


def fit_student(
    student: Any,
    target: Target,
    transfer_set: TransferSet,
    held_out: TransferSet | None = None,
    *,
    start: Any = None,
) -> Any:
    """Fit a copy of a student to a target.

    Parameters
    ----------
    student : regressor
        It is cloned; of our own, one with ``loss="auto"`` or ``objective="auto"`` gets
        the target's.
    target : Target
        What it is fitted to.
    transfer_set : TransferSet
        The rows it is fitted to.
    held_out : TransferSet, default=None
        Rows on which a student that can choose, or watch its score, does so.
    start : regressor, default=None
        A student fitted before, from which one that `continues` goes on.

    Returns
    -------
    regressor
        The fitted copy.
    """
    validation = None
    if held_out is not None:
        teacher = held_out.answers

        def score(outputs: Array) -> float:
            return plain_fidelity(target.task, target.decode(outputs), teacher)

        own = _columns(target, held_out), held_out.weights
        validation = ValidationData(held_out.rows, held_out.encoded, *own, score)
    rows, columns = transfer_set.rows, _columns(target, transfer_set)
    hints = transfer_set.hints
    if hints is not None:  # in the unit of the columns that they stand beside
        share = transfer_set.weights / transfer_set.weights.sum()
        matrix = columns.reshape(len(columns), -1)
        spread = share @ (matrix - share @ matrix) ** 2
        hints = hints * np.sqrt(spread.sum())
    told = (rows, transfer_set.encoded, columns, transfer_set.weight)
    training = TrainingData(*told, hints=hints)
    own = as_student(student).prepare(target)
    going_on = {} if start is None else {"start": start.form_}
    fitted = own.fit_encoded(training, validation, **going_on)
    if transfer_set.origin is not None and hasattr(fitted, "count_support"):
        given = transfer_set.take(np.flatnonzero(transfer_set.is_counted))
        fitted.count_support(given.rows, given.encoded)
    return fitted


def _columns(target: Target, transfer_set: TransferSet) -> Array:
    columns = target.encode(transfer_set.answers, transfer_set.labels)
    return columns[:, 0] if columns.shape[1] == 1 else columns
