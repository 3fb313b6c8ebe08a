"""A fitted model's answer to rows, as a table: of a file, or of the evaluation."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError, closest
from interpretkd.data import as_frame, plain_value, require_columns
from interpretkd.distillation import certainty
from interpretkd.evaluation import Analysis


def take_labels(
    model: Any, table: pd.DataFrame, target: str | None
) -> NDArray[Any] | None:
    """Take the labels of new rows, in the form of a fitted model's classes.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    table : DataFrame
        What `read_rows_for` read.
    target : str or None
        The labels' column; None when there is none.

    Returns
    -------
    ndarray of shape (n_samples,) or None
        The labels.

    Raises
    ------
    InputError
        For an unknown column, one with gaps, and labels that the model does not know.
    """
    if target is None:
        return None
    if target not in table.columns:
        raise InputError(
            f"There is no column {target!r}.{closest(target, table.columns)}"
        )
    column = table[target]
    if column.isna().any():
        raise InputError(
            f"The target {target!r} is missing in {column.isna().sum()} rows."
        )
    if not hasattr(model, "classes_"):
        if not pd.api.types.is_numeric_dtype(column):
            raise InputError(
                f"The target {target!r} must hold numbers. Got e.g. "
                f"{plain_value(column.iloc[0])!r}."
            )
        return column.to_numpy(dtype=np.float64)
    known = {str(name): name for name in model.classes_.tolist()}
    texts = column.astype(str)
    strange = sorted(set(texts) - set(known))
    if strange:
        raise InputError(
            f"The target {target!r} holds classes that the model does not know: "
            f"{', '.join(map(repr, strange[:5]))}. It knows "
            f"{', '.join(map(repr, list(known)[:20]))}."
        )
    return np.asarray([known[text] for text in texts])


def take_rows_for(model: Any, table: pd.DataFrame) -> Any:
    """Take the columns of new rows that a fitted model reads.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    table : DataFrame
        What `read_rows_for` read.

    Returns
    -------
    DataFrame or ndarray of shape (n_samples, n_features)
        The rows; an array for a model that was fitted to an array.

    Raises
    ------
    InputError
        When a column is absent.
    """
    require_columns(table, model.schema_.names)
    rows = table[list(model.schema_.names)]
    return rows if hasattr(model, "feature_names_in_") else rows.to_numpy()


def _prediction_table(found: Analysis) -> pd.DataFrame:
    """Return what student and teacher say of each row, numbered in the whole run.

    Beside the rows' own columns stand student, teacher, agrees and, where there are
    labels, label. Of several classes also the probability that each gives its decision;
    of several labels or values a column of each. A name that a column of the data has
    already gets an underscore.
    """
    numbers = np.arange(len(found)) if found.numbers is None else found.numbers
    rows: Any = as_frame(found.X)
    if rows is None:
        names = [f"x{i}" for i in range(np.shape(found.X)[1])]
        rows = pd.DataFrame(np.asarray(found.X), columns=names)
    said = {"row": numbers + 1, **_decisions(found)}
    table = rows.reset_index(drop=True)
    taken = set(map(str, table.columns))
    for place, (name, column) in enumerate(said.items()):
        while name in taken:
            name += "_"
        taken.add(name)
        table.insert(0 if place == 0 else len(table.columns), name, column)
    return table


def _decisions(found: Analysis) -> dict[str, Any]:
    said: dict[str, Any] = {}
    roles: dict[str, Any] = {
        "student": found.student_decisions,
        "teacher": found.teacher_decisions,
    }
    if found.labels is not None:
        roles["label"] = found.y if found.task == "multiclass" else found.labels
    for role, values in roles.items():
        said |= _columns(found, role, np.asarray(values))
    if found.task == "multiclass":
        for role, logits in (("student", found.logits), ("teacher", found.answers)):
            said[f"{role}_probability"] = certainty(found.task, logits)
    if found.has_classes:
        said["agrees"] = found.agrees
    return said


def _columns(found: Analysis, role: str, values: NDArray[Any]) -> dict[str, Any]:
    """Return a column of classes or values, or one for each of several outputs."""
    if found.task == "multiclass":
        is_place = role != "label"
        return {role: np.asarray(found.model.classes_)[values] if is_place else values}
    wide = values.reshape(len(found), -1)
    if wide.shape[1] == 1:
        return {role: wide[:, 0]}
    ends = getattr(found.model, "classes_", range(1, wide.shape[1] + 1))
    return {f"{role}_{end}": wide[:, i] for i, end in enumerate(ends)}
