"""From what a model answers to checked logits, piece by piece."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError
from interpretkd.data import batches, to_pandas

_SMALLEST = 1e-12
"""Probabilities below this count as this much: their logarithm must be finite."""
_BATCH = 16_384


def _in_batches(
    ask: Callable[[Any], NDArray[Any]], X: Any, batch_size: int
) -> NDArray[Any]:
    """Fill the answer piece by piece: only it grows with the rows."""
    frame = to_pandas(X)
    rows = np.asarray(X) if frame is None else frame
    if rows.ndim < 2:
        raise InputError(f"X must have rows and columns. Got shape {rows.shape}.")
    answers: NDArray[Any] | None = None
    start = 0
    for piece in batches(rows, batch_size):
        part = ask(piece)
        if answers is None:
            answers = np.empty((len(rows), *part.shape[1:]), dtype=part.dtype)
        answers[start : start + len(part)] = part
        start += len(part)
    if answers is None:
        raise InputError(
            "Found an array with 0 samples while a minimum of 1 is required."
        )
    return answers


def _as_matrix(values: Any) -> Array:
    matrix = np.asarray(values, dtype=np.float64)
    return matrix[:, None] if matrix.ndim == 1 else matrix


def _length(X: Any) -> int:
    frame = to_pandas(X) if hasattr(X, "columns") else None
    return len(X) if frame is None else len(frame)


def _to_logits(
    said: Any, kind: str, task: str, name: str, n_rows: int, n_outputs: int | None
) -> Array:
    """Turn a model's answer into logits: one column a class, label or value."""
    values = np.asarray(said, dtype=np.float64)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if kind == "probabilities":
        _check_probabilities(values, name)
    one_column = values.ndim == 2 and values.shape[1] == 1
    if task == "multiclass" and one_column:
        p = values
        values = np.hstack([1 - p, p] if kind == "probabilities" else [-p / 2, p / 2])
    if kind == "probabilities" and task == "multilabel":
        p = np.clip(values, _SMALLEST, 1 - _SMALLEST)
        values = np.log(p) - np.log1p(-p)
    elif kind == "probabilities":
        values = np.log(np.clip(values, _SMALLEST, None))
    return _checked(values, name, n_rows, n_outputs)


def _check_probabilities(values: Array, name: str) -> None:
    if values.size and not (values.min() >= -1e-6 and values.max() <= 1 + 1e-6):
        raise InputError(
            f"The probabilities of {name} must lie in [0, 1]. Got values from "
            f"{values.min():g} to {values.max():g}."
        )


def _checked(said: Any, name: str, n_rows: int, n_outputs: int | None) -> Array:
    logits = np.asarray(said, dtype=np.float64)
    expected = (n_rows, "n_outputs" if n_outputs is None else n_outputs)
    right = logits.ndim == 2 and len(logits) == n_rows
    if not right or (n_outputs is not None and logits.shape[1] != n_outputs):
        raise InputError(
            f"The answer of {name} must be of shape {expected}. Got {logits.shape}."
        )
    if not np.isfinite(logits).all():
        row = int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
        raise InputError(
            f"The answer of {name} must be finite. Got {logits[row].tolist()} for row "
            f"{row}."
        )
    return logits


def _label_columns(said: list[Any], classes: list[Any]) -> Array:
    """Return the probability of 1 for each label; some were never, or always, there."""
    columns = [
        np.asarray(part)[:, np.asarray(known) == 1].sum(axis=1)
        for part, known in zip(said, classes, strict=True)
    ]
    return np.column_stack(columns)
