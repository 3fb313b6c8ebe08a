"""Fidelity part by part: class by class, slice by slice."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import Array, InputError, closest
from interpretkd.data import as_frame
from interpretkd.metrics._agreement import _check_task, measure_fidelity
from interpretkd.metrics._intervals import Estimate, wilson_interval
from interpretkd.targets import decide

Slices = tuple[NDArray[np.intp], list[str]]

MISSING_SLICE = "(missing)"
_MOST_VALUES = 10
"""A numeric column with more distinct values than this is cut at its quartiles."""
_QUARTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def fidelity_by_class(model: Any, X: ArrayLike) -> pd.DataFrame:
    """Return the fidelity on the rows of each class, as the teacher decides them.

    Parameters
    ----------
    model : DistilledClassifier
        Fitted.
    X : array-like or frame of shape (n_samples, n_features)
        Rows that neither the teacher nor the student was fitted to.

    Returns
    -------
    DataFrame
        Columns class, n (rows for which the teacher decides so), fidelity (the share
        of these for which the student does), low and high (Wilson, 95 %). A class
        that the teacher never decides has n 0 and no fidelity.

    Raises
    ------
    InputError
        For a regression, which has no classes.
    """
    _check_task("fidelity_by_class", model.task_)
    return class_fidelities(model, model.teacher_.logits(X), model.logits(X))


def fidelity_by_slice(model: Any, X: ArrayLike, by: Any) -> pd.DataFrame:
    """Return the fidelity on each part of the rows.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    X : array-like or frame of shape (n_samples, n_features)
        Rows that neither the teacher nor the student was fitted to.
    by : str or array-like of shape (n_samples,)
        A column of the frame `X`, or a label for each row. Numbers with more than ten
        distinct values are cut at their quartiles. Missing values are a slice of
        their own, the last.

    Returns
    -------
    DataFrame
        Columns slice (text), n, fidelity (agreement; R2 for regression), low, high.

    Raises
    ------
    InputError
        For an absent column or labels of another length.
    """
    names = slices_of(X, by)
    return slice_fidelities(
        model.task_, model.teacher_.logits(X), model.logits(X), names
    )


def class_fidelities(model: Any, teacher: Array, student: Array) -> pd.DataFrame:
    """Return the fidelity on the rows of each class, from logits.

    Parameters
    ----------
    model : DistilledClassifier
        Whose classes they are.
    teacher, student : ndarray of shape (n_samples, n_outputs), float64
        Logits of the same rows (values, for regression).

    Returns
    -------
    DataFrame
        As `fidelity_by_class` returns.
    """
    said, done = decide(teacher, model.task_), decide(student, model.task_)
    if model.task_ == "multilabel":
        counts, hits = said.sum(axis=0), (said & done).sum(axis=0)
    else:
        n_classes = teacher.shape[1]
        counts = np.bincount(said, minlength=n_classes)
        hits = np.bincount(said[said == done], minlength=n_classes)
    shares = [
        wilson_interval(int(hit), int(n)) if n else None
        for hit, n in zip(hits, counts, strict=True)
    ]
    return _table("class", np.asarray(model.classes_).tolist(), shares)


def slice_fidelities(
    task: str, teacher: Array, student: Array, slices: Slices
) -> pd.DataFrame:
    """Return the fidelity on each slice of the rows, from logits.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    teacher, student : ndarray of shape (n_samples, n_outputs), float64
        Logits of the same rows (values, for regression).
    slices : tuple
        The slice of each row, and the slices' names: what `slices_of` returned.

    Returns
    -------
    DataFrame
        As `fidelity_by_slice` returns.
    """
    place, names = slices
    counts = np.bincount(place, minlength=len(names))
    parts = np.split(np.argsort(place, kind="stable"), np.cumsum(counts)[:-1])
    found = {i: part for i, part in enumerate(parts) if len(part)}
    measured = [measure_fidelity(task, teacher[p], student[p]) for p in found.values()]
    return _table("slice", [names[i] for i in found], measured)


def _table(
    title: str, names: Sequence[Any], estimates: Sequence[Estimate | None]
) -> pd.DataFrame:
    nothing = Estimate(np.nan, np.nan, np.nan, 0)
    rows = [estimate or nothing for estimate in estimates]
    return pd.DataFrame(
        {
            title: names,
            "n": [row.n for row in rows],
            "fidelity": [row.value for row in rows],
            "low": [row.low for row in rows],
            "high": [row.high for row in rows],
        }
    )


def slices_of(X: Any, by: Any) -> Slices:
    """Find the slice of each row.

    Parameters
    ----------
    X : array-like or frame of shape (n_samples, n_features)
        Rows.
    by : str or array-like of shape (n_samples,)
        As for `fidelity_by_slice`.

    Returns
    -------
    place : ndarray of shape (n_samples,), intp
        The position of each row's slice.
    names : list of str
        The slices.

    Raises
    ------
    InputError
        For an absent column or labels of another length.
    """
    column = _slice_column(X, by)
    is_number = pd.api.types.is_numeric_dtype(column)
    is_number = is_number and not pd.api.types.is_bool_dtype(column)
    if is_number and column.nunique() > _MOST_VALUES:
        place, names = _quartiles(column)
    else:
        levels = pd.Categorical(column)
        place, names = levels.codes.astype(np.intp), list(map(str, levels.categories))
    if (place < 0).any():
        place = np.where(place < 0, len(names), place)
        names = [*names, MISSING_SLICE]
    return place, names


def _slice_column(X: Any, by: Any) -> "pd.Series[Any]":
    if not isinstance(by, str):
        if np.ndim(by) != 1 or len(by) != len(X):
            raise InputError(
                f"The slices must be a column's name or one label for each of the "
                f"{len(X)} rows. Got an array of shape {np.shape(by)}."
            )
        return pd.Series(by).infer_objects()
    frame = as_frame(X)
    if frame is None:
        raise InputError(
            f"The rows have no column names, so there is no column {by!r}: give X as a "
            "frame, or the slices as an array."
        )
    if by not in frame.columns:
        names = list(map(str, frame.columns))
        raise InputError(f"The rows have no column {by!r}.{closest(by, names)}")
    return frame[by].infer_objects()


def _quartiles(column: "pd.Series[Any]") -> Slices:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    known = values[~np.isnan(values)]
    # Edges are values that occur: an interpolated year or count would read oddly.
    edges = np.unique(np.quantile(known, _QUARTILES, method="inverted_cdf"))
    if len(edges) == 1:  # whole numbers above 2**53 that float64 takes for one
        edges = np.repeat(edges, 2)
    place = np.searchsorted(edges[1:-1], values, side="left")
    texts = _texts(edges)
    names = [
        f"{'(' if i else '['}{low}, {high}]"
        for i, (low, high) in enumerate(pairwise(texts))
    ]
    return np.where(np.isnan(values), -1, place), names


def _texts(edges: Array) -> list[str]:
    """Write whole numbers in full, others with the fewest digits from four on."""
    if (edges == np.round(edges)).all():
        return [f"{edge:.16g}" for edge in edges]
    for digits in range(4, 17):
        texts = [f"{float(f'{edge:.{digits}g}'):.16g}" for edge in edges]
        if len(set(texts)) == len(texts):
            break
    return texts


def named_slices(slices: Any) -> dict[str, Any]:
    """Return a name for each way of slicing rows.

    Parameters
    ----------
    slices : mapping, str, sequence of str, or None
        Column names; or labels of the rows by the name of their slicing.

    Returns
    -------
    dict
        What `slices_of` takes, by name.
    """
    if slices is None:
        return {}
    if isinstance(slices, str):
        slices = [slices]
    return dict(slices) if isinstance(slices, Mapping) else {s: s for s in slices}
