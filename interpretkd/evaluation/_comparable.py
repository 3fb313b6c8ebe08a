"""Whether students may be compared: same task, columns, classes, rows and teacher."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from interpretkd.distillation import task_text
from interpretkd.evaluation._analysis import Analysis

_ROUNDING = 1e-5
"""How far one teacher's logits may lie apart, asked twice."""


def why_not_comparable(first: Analysis, second: Analysis) -> str | None:
    """Say why two students cannot be compared.

    Parameters
    ----------
    first, second : Analysis
        Each on all rows of its run.

    Returns
    -------
    str or None
        The reason, as half a sentence; None when they can: task, columns, classes, rows
        and the teacher's logits are the same.
    """
    if first.task != second.task:
        return f"it decides {task_text(second.model)}, not {task_text(first.model)}"
    ours, theirs = list(first.model.schema_.names), list(second.model.schema_.names)
    if ours != theirs:
        return f"it has other columns{_odd_ones(ours, theirs)}"
    if first.has_classes and _classes(first) != _classes(second):
        return f"it has other classes{_odd_ones(_classes(first), _classes(second))}"
    if len(first) != len(second):
        return (
            f"it has other evaluation rows ({len(second):,} of them, not "
            f"{len(first):,})"
        )
    if not _same_rows(first, second):
        return "it has other evaluation rows"
    if not _same_labels(first, second):
        return "its evaluation rows have other labels"
    logits = (first.teacher_logits, second.teacher_logits)
    if not np.allclose(*logits, rtol=_ROUNDING, atol=_ROUNDING):
        return "it was distilled from another teacher, whose logits differ"
    # What logits decide has been compared: rounding may turn it near a tie.
    own = first.own is not None or second.own is not None
    if own and (first.teacher_decisions != second.teacher_decisions).any():
        return "it was distilled from another teacher, whose decisions differ"
    return None


def _classes(found: Analysis) -> list[str]:
    return [str(name) for name in np.asarray(found.model.classes_).tolist()]


def _odd_ones(ours: Sequence[str], theirs: Sequence[str]) -> str:
    """Name one that only one of the two has."""
    for here, there, which in ((theirs, ours, "only it"), (ours, theirs, "it lacks")):
        odd = [name for name in here if name not in set(there)]
        if odd:
            has = " has" if which == "only it" else ""
            return f" ({which}{has} {odd[0]!r})"
    return " (in another order)"


def _same_rows(first: Analysis, second: Analysis) -> bool:
    if isinstance(first.X, pd.DataFrame) != isinstance(second.X, pd.DataFrame):
        return bool(
            np.array_equal(first.given_codes, second.given_codes, equal_nan=True)
        )
    if isinstance(first.X, pd.DataFrame):
        hashed = [
            pd.util.hash_pandas_object(found.X, index=False).to_numpy()
            for found in (first, second)
        ]
        return bool(np.array_equal(*hashed))
    return bool(np.array_equal(first.X, second.X, equal_nan=True))


def _same_labels(first: Analysis, second: Analysis) -> bool:
    if first.labels is None or second.labels is None:
        return True
    return bool(np.array_equal(first.labels, second.labels))
