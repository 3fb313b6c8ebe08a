"""What student and teacher say of rows, given ones and changed ones.

The shared ground of `explanations`, `stability`, `interventions` and `disagreements`.
"""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._validation import InputError
from interpretkd.persistence import AbsentTeacher
from interpretkd.rows import checked_rows
from interpretkd.schema import Codes, Feature, Rows, Schema
from interpretkd.targets import decide, probabilities
from interpretkd.wording import number_text, one_line

__all__ = [
    "certainty",
    "check_model",
    "decisions",
    "given_rows",
    "html_block",
    "html_table",
    "output_names",
    "replace_cells",
    "same_decisions",
    "spreads",
    "teacher_is_here",
    "teacher_says",
    "value_text",
]

Array = NDArray[np.float64]


def check_model(owner: str, model: Any) -> None:
    """Check that it is a fitted distilled model with a student of ours.

    Parameters
    ----------
    owner : str
        The function that was called.
    model : object
        What it was given.

    Raises
    ------
    InputError
        When it is anything else.
    """
    if getattr(getattr(model, "student_", None), "form_", None) is None:
        raise InputError(
            f"The 'model' parameter of {owner} must be a fitted DistilledClassifier or "
            "DistilledRegressor with a CartStudent, BoostedStudent or LinearStudent. "
            f"Got {type(model).__name__}."
        )


def given_rows(model: Any, X: ArrayLike) -> Rows:
    """Return rows as the model's teacher and student are asked about them.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    X : array-like or frame of shape (n_samples, n_features)
        Rows in original columns.

    Returns
    -------
    DataFrame or ndarray of shape (n_samples, n_features)
        The checked rows; categorical columns know all categories.
    """
    return model.schema_.conform(checked_rows(model, X, reset=False))


def teacher_is_here(model: Any) -> bool:
    """Tell whether the teacher can be asked, or was not saved with the run.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted or loaded.

    Returns
    -------
    bool
        Whether it can be asked.
    """
    return not isinstance(model.teacher_.estimator, AbsentTeacher)


def teacher_says(
    model: Any, rows: ArrayLike, teacher_logits: ArrayLike | None = None
) -> Array:
    """Return the teacher's logits of rows, the stored ones where there are some.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted or loaded.
    rows : array-like or frame of shape (n_samples, n_features)
        Rows in original columns, such as `given_rows` returned.
    teacher_logits : array-like of shape (n_samples, n_outputs), default=None
        What it said of them before; None asks it.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs), float64
        Logits (values, for regression).

    Raises
    ------
    InputError
        For stored logits of another shape, and when the teacher is absent.
    """
    if teacher_logits is None:
        return np.asarray(model.teacher_.logits(rows), dtype=np.float64)
    logits = np.asarray(teacher_logits, dtype=np.float64)
    shape = (np.shape(rows)[0], _n_outputs(model, logits))
    if logits.shape == shape[:1] and shape[1] == 1:
        logits = logits[:, None]
    if logits.shape != shape or not np.isfinite(logits).all():
        raise InputError(
            f"The 'teacher_logits' must be finite numbers of shape {shape}, one row "
            f"for each of X. Got shape {logits.shape}."
        )
    return logits


def _n_outputs(model: Any, logits: Array) -> int:
    """Return how many logits a row has; of another's regressor, as many as given."""
    if model.task_ != "regression":
        return len(model.classes_)
    form = getattr(model.student_, "form_", None)
    return logits[:1].size if form is None else form.n_outputs


def decisions(model: Any, logits: Array) -> list[Any]:
    """Return what logits decide, as plain values.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Whose classes they are.
    logits : ndarray of shape (n_samples, n_outputs)
        Logits (values, for regression).

    Returns
    -------
    list of length n_samples
        Classes; tuples of the labels that are on; or the value(s).
    """
    if model.task_ == "regression":
        return logits[:, 0].tolist() if logits.shape[1] == 1 else logits.tolist()
    chosen = decide(logits, model.task_)
    if model.task_ == "multilabel":
        return [tuple(model.classes_[on.astype(bool)].tolist()) for on in chosen]
    return model.classes_[chosen].tolist()


def same_decisions(task: str, first: Array, second: Array) -> NDArray[np.bool_]:
    """Tell on which rows two models decide the same; for labels, all of them.

    Parameters
    ----------
    task : {"multiclass", "multilabel"}
        What is decided.
    first, second : ndarray of shape (n_samples, n_outputs)
        Logits of the same rows.

    Returns
    -------
    ndarray of shape (n_samples,), bool
        One value a row.
    """
    same = decide(first, task) == decide(second, task)
    return np.asarray(same.reshape(len(first), -1).all(axis=1))


def certainty(task: str, logits: Array) -> Array | None:
    """Return the probability of each decision.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    logits : ndarray of shape (n_samples, n_outputs)
        Logits (values, for regression).

    Returns
    -------
    ndarray of shape (n_samples,), float64, or None
        In [0, 1]; for labels the product over all of them; None for regression.
    """
    if task == "regression":
        return None
    chance = probabilities(logits, task)
    if task == "multilabel":
        product: Array = np.maximum(chance, 1 - chance).prod(axis=1)
        return product
    best: Array = chance.max(axis=1)
    return best


def output_names(model: Any) -> list[str]:
    """Return the names of the columns of the logits.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.

    Returns
    -------
    list of str
        The classes or labels; "value", or "value 0" and so on, for regression.
    """
    if model.task_ != "regression":
        return [one_line(str(name)) for name in model.classes_]
    n_outputs = model.student_.form_.n_outputs
    return ["value"] if n_outputs == 1 else [f"value {i}" for i in range(n_outputs)]


def spreads(schema: Schema, codes: Codes) -> Array:
    """Return the unit in which changes of each column are measured.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.

    Returns
    -------
    ndarray of shape (n_features,), float64
        In (0, inf): the standard deviation of the known numbers; 1 for categories
        and for columns that do not vary.
    """
    units = np.ones(len(schema))
    for j, feature in enumerate(schema.features):
        known = codes[~np.isnan(codes[:, j]), j].astype(np.float64)
        if not feature.is_categorical and len(known) and np.ptp(known) > 0:
            units[j] = known.std()
    return units


def value_text(feature: Feature, value: float) -> str:
    """Say a cell in words, in one line.

    Parameters
    ----------
    feature : Feature
        The column.
    value : float
        Its code; a number may have more digits than float32 holds.

    Returns
    -------
    str
        A category, a date, "missing" or a number without an exponent.
    """
    if feature.is_categorical or feature.is_date or np.isnan(value):
        return one_line(feature.text(value))
    return number_text(value)


def replace_cells(schema: Schema, rows: Rows, values: NDArray[Any]) -> Rows:
    """Return rows with other values in some cells.

    Parameters
    ----------
    schema : Schema
        The columns.
    rows : DataFrame or ndarray of shape (n_samples, n_features)
        What `given_rows` returned.
    values : ndarray of shape (n_samples, n_features), float
        The codes that the rows shall have, in float32 or as decimals that round to
        them.

    Returns
    -------
    DataFrame or ndarray of shape (n_samples, n_features)
        A copy; cells whose code does not change stay as they are to the bit.
    """
    before, after = schema.encode(rows), values.astype(np.float32)
    changed = (before != after) & ~(np.isnan(before) & np.isnan(after))
    if not isinstance(rows, pd.DataFrame):
        cells = np.array(rows, dtype=np.float64)
        cells[changed] = values[changed]
        return cells
    frame = rows.copy(deep=False)
    place = {str(name): i for i, name in enumerate(frame.columns)}
    for j in np.flatnonzero(changed.any(axis=0)).tolist():
        feature = schema.features[j]
        i, here = place[feature.name], changed[:, j]
        frame.isetitem(i, _column(feature, frame.iloc[:, i], values[:, j], here))
    return frame


def _column(
    feature: Feature,
    column: "pd.Series[Any]",
    values: NDArray[Any],
    changed: NDArray[np.bool_],
) -> "pd.Series[Any]":
    if feature.is_categorical:
        return pd.Series(feature.decode(values), index=column.index)
    if feature.is_date:
        dates = pd.Series(feature.decode(values)).set_axis(column.index)
        if not pd.api.types.is_datetime64_any_dtype(column.dtype):
            return dates
        return column.astype(dates.dtype).where(~changed, dates)
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        numbers = pd.to_numeric(column.astype(object)).to_numpy(dtype=np.float64)
    mixed = np.where(changed, values, numbers)
    is_integer = pd.api.types.is_integer_dtype(column.dtype)
    if is_integer and (mixed == np.floor(mixed)).all():
        # A teacher may take 3.0 for another level than 3.
        return pd.Series(mixed, index=column.index).astype(column.dtype)
    return pd.Series(mixed, index=column.index)


def html_table(frame: pd.DataFrame, caption: str) -> str:
    """Write a frame as an HTML table in which every text is only text.

    Parameters
    ----------
    frame : DataFrame
        Its index is not shown.
    caption : str
        What it shows.

    Returns
    -------
    str
        The table element.
    """
    head = "".join(f"<th>{_cell(name)}</th>" for name in frame.columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>"
        for row in frame.itertuples(index=False, name=None)
    )
    return (
        f"<table><caption>{_cell(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def html_block(sentences: Sequence[str], tables: Sequence[str]) -> str:
    """Put sentences and tables into one element that notebooks show.

    Parameters
    ----------
    sentences : sequence of str
        Texts, escaped here.
    tables : sequence of str
        What `html_table` returned.

    Returns
    -------
    str
        The element; notebooks do not read formulas in it.
    """
    texts = "".join(f"<p>{_cell(sentence)}</p>" for sentence in sentences)
    return f'<div class="tex2jax_ignore mathjax_ignore">{texts}{"".join(tables)}</div>'


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return html.escape(one_line(str(value)))
