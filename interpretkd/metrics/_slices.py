"""Fidelity part by part: class by class, slice by slice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import Array, InputError, closest, thousands_apart
from interpretkd.data import as_frame
from interpretkd.metrics._agreement import _check_task, measure_fidelity
from interpretkd.metrics._intervals import Estimate, share_interval
from interpretkd.metrics._rows import rows_to_measure
from interpretkd.targets import Answers, answers_of, decide

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
    rows = rows_to_measure(model, X)
    return class_fidelities(model, answers_of(model.teacher_, rows), model.logits(rows))


def fidelity_by_slice(model: Any, X: ArrayLike, by: Any) -> pd.DataFrame:
    """Return the fidelity on each part of the rows.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    X : array-like or frame of shape (n_samples, n_features)
        Rows that neither the teacher nor the student was fitted to.
    by : str or array-like of shape (n_samples,)
        A column of the frame `X`, or a label for each row. Numbers and dates with more
        than ten distinct values are cut at their quartiles. Missing values are a slice
        of their own, the last.

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
    rows = rows_to_measure(model, X)
    return slice_fidelities(
        model.task_, answers_of(model.teacher_, rows), model.logits(rows), names
    )


def class_fidelities(
    model: Any,
    teacher: Array | Answers,
    student: Array,
    groups: NDArray[np.int64] | None = None,
) -> pd.DataFrame:
    """Return the fidelity on the rows of each class, from logits.

    Parameters
    ----------
    model : DistilledClassifier
        Whose classes they are.
    teacher : ndarray of shape (n_samples, n_outputs), float64, or Answers
        Logits (values, for regression); with the teacher's own decisions.
    student : ndarray of shape (n_samples, n_outputs), float64
        Logits of the same rows.
    groups : ndarray of shape (n_samples,), int64, default=None
        What `data.group_positions` returned: intervals are over groups, and a part
        that is one group has none. None takes the rows as independent.

    Returns
    -------
    DataFrame
        As `fidelity_by_class` returns.
    """
    said, done = decide(teacher, model.task_), decide(student, model.task_)
    if model.task_ == "multilabel":
        rows = [np.flatnonzero(column) for column in said.T]
        hits = [done[part, i] == 1 for i, part in enumerate(rows)]
    else:
        rows = [np.flatnonzero(said == i) for i in range(teacher.shape[1])]
        hits = [done[part] == i for i, part in enumerate(rows)]
    shares = [
        _over_groups(share_interval, hit, part, groups) if len(part) else None
        for hit, part in zip(hits, rows, strict=True)
    ]
    return _table("class", np.asarray(model.classes_).tolist(), shares)


def slice_fidelities(
    task: str,
    teacher: Array | Answers,
    student: Array,
    slices: Slices,
    groups: NDArray[np.int64] | None = None,
) -> pd.DataFrame:
    """Return the fidelity on each slice of the rows, from logits.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    teacher : ndarray of shape (n_samples, n_outputs), float64, or Answers
        Logits (values, for regression); with the teacher's own decisions.
    student : ndarray of shape (n_samples, n_outputs), float64
        Logits of the same rows.
    slices : tuple
        The slice of each row, and the slices' names: what `slices_of` returned.
    groups : ndarray of shape (n_samples,), int64, default=None
        As of `class_fidelities`.

    Returns
    -------
    DataFrame
        As `fidelity_by_slice` returns.
    """
    place, names = slices
    counts = np.bincount(place, minlength=len(names))
    parts = np.split(np.argsort(place, kind="stable"), np.cumsum(counts)[:-1])
    found = {i: part for i, part in enumerate(parts) if len(part)}
    measured = []
    for part in found.values():
        measure = partial(measure_fidelity, task, teacher[part])
        measured.append(_over_groups(measure, student[part], part, groups))
    return _table("slice", [names[i] for i in found], measured)


def _over_groups(
    measure: Callable[..., Estimate],
    values: NDArray[Any],
    rows: NDArray[np.integer],
    groups: NDArray[np.int64] | None,
) -> Estimate:
    """Measure some rows; those of one group have no interval."""
    if groups is None:
        return measure(values)
    if len(np.unique(groups[rows])) > 1:
        return measure(values, groups=groups[rows])
    return replace(measure(values), low=np.nan, high=np.nan)


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
    if pd.api.types.infer_dtype(column, skipna=True) in ("date", "datetime"):
        column = pd.to_datetime(column)  # Python's own, in a column of objects
    is_date = pd.api.types.is_datetime64_any_dtype(column)
    is_number = pd.api.types.is_numeric_dtype(column)
    is_number = is_number and not pd.api.types.is_bool_dtype(column)
    if (is_number or is_date) and column.nunique() > _MOST_VALUES:
        place, names = _quarters_of_dates(column) if is_date else _quartiles(column)
    else:
        levels = pd.Categorical(column)
        place = levels.codes.astype(np.intp)
        names = list(map(str, levels.categories))
        if is_date:
            names = _date_texts(pd.Series(levels.categories))
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
    return np.where(np.isnan(values), -1, place), _intervals(_texts(edges))


def _quarters_of_dates(column: "pd.Series[Any]") -> Slices:
    known = column.dropna().sort_values(ignore_index=True)
    ends = np.ceil(np.asarray(_QUARTILES) * len(known)).astype(int) - 1
    edges = known.iloc[np.maximum(ends, 0)].drop_duplicates()
    place = np.searchsorted(edges.iloc[1:-1], column, side="left")
    place = np.where(column.isna(), -1, place)
    return place, _intervals(_date_texts(edges))


def _date_texts(moments: "pd.Series[Any]") -> list[str]:
    """Write moments no finer than they need."""
    form = "%Y-%m-%d %H:%M:%S"
    if (moments == moments.dt.normalize()).all():
        form = "%Y-%m-%d"
    elif (moments == moments.dt.floor("min")).all():
        form = "%Y-%m-%d %H:%M"
    return moments.dt.strftime(form).tolist()


def _intervals(texts: list[str]) -> list[str]:
    return [
        f"{'(' if i else '['}{low}, {high}]"
        for i, (low, high) in enumerate(pairwise(texts))
    ]


def _texts(edges: Array) -> list[str]:
    """Write whole numbers in full, others with the fewest digits from four on."""
    if (edges == np.round(edges)).all():
        return [thousands_apart(f"{edge:.16g}") for edge in edges]
    for digits in range(4, 17):
        texts = [f"{float(f'{edge:.{digits}g}'):.16g}" for edge in edges]
        if len(set(texts)) == len(texts):
            break
    return list(map(thousands_apart, texts))


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
