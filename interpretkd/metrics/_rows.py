"""Rows to measure on, as the model that is measured reads them."""

from typing import Any

from numpy.typing import ArrayLike

from interpretkd._base import InputError, joined, one_line
from interpretkd.data import as_frame


def rows_to_measure(model: Any, X: ArrayLike) -> Any:
    """Return rows with the columns that a model was fitted to, in their order.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    X : array-like or frame of shape (n_samples, n_features)
        Rows; further columns of a frame are left out.

    Returns
    -------
    DataFrame or array-like of shape (n_samples, n_features)
        The same object when its columns are these already.

    Raises
    ------
    InputError
        For columns that are lacking.
    """
    names = getattr(model, "feature_names_in_", None)
    frame = as_frame(X) if hasattr(X, "columns") else None
    if frame is None or names is None:
        _check_width(model, X)
        return X
    wanted, there = list(names), list(frame.columns)
    if there == wanted:
        return X
    lacking = [name for name in wanted if name not in set(there)]
    if lacking:
        some = joined([one_line(repr(name)) for name in lacking], 5)
        why = (
            " The student can be asked without them; the teacher, beside whom it is "
            "measured, cannot."
            if getattr(model, "view_", None) is not None
            else ""
        )
        raise InputError(
            f"The rows X must have the {len(wanted)} columns that the model was fitted "
            f"to. They lack {some}.{why}"
        )
    return frame[wanted]


def _check_width(model: Any, X: Any) -> None:
    shape: tuple[int, ...] = getattr(X, "shape", ())
    width = getattr(model, "n_features_in_", None)
    if len(shape) == 2 and width is not None and shape[1] != width:
        raise InputError(
            f"The rows X must have the {width} columns that the model was fitted to. "
            f"They have {shape[1]}."
        )
