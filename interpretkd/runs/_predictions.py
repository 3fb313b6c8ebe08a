"""A fitted model's answer to a table: its rows, their labels, a file of decisions."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError, closest, csv_text, write_atomically
from interpretkd.data import plain_value, read_table, require_columns


def take_labels(
    model: Any, table: pd.DataFrame, target: str | None
) -> NDArray[Any] | None:
    """Take the labels of new rows, in the form of a fitted model's classes.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    table : DataFrame
        What `read_table` returned.
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
        What `read_table` returned.

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


def predict_table(
    model: Any, path: str | os.PathLike[str], out: str | os.PathLike[str]
) -> Path:
    """Let a fitted model decide the rows of a file, and write its decisions.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    path : str or path
        A CSV or Parquet file with the model's columns; others are passed over.
    out : str or path
        A .csv or .parquet file; it gets the column "prediction" and, for classes, one
        "probability of ..." a class, row by row as in `path`.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        For rows that do not fit the model, or another ending.
    """
    target = Path(out)
    if target.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(
            f"Predictions are written to a .csv or .parquet file. Got {target.name!r}."
        )
    rows = take_rows_for(model, read_table(path, only=model.schema_.names))
    decided = pd.DataFrame({"prediction": list(model.predict(rows))})
    if hasattr(model, "classes_"):
        chances = model.predict_proba(rows)
        for i, name in enumerate(model.classes_):
            decided[f"probability of {name}"] = chances[:, i]
    if target.suffix.lower() == ".csv":
        write_atomically(target, csv_text(decided).encode())
    else:
        buffer = io.BytesIO()
        decided.to_parquet(buffer, index=False)
        write_atomically(target, buffer.getvalue())
    return target
