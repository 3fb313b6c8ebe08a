"""The rows on which student and teacher disagree: counted by label, and filtered."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from interpretkd._base import Array, Flags
from interpretkd.targets import Answers, decide, probabilities


def leads(task: str, teacher_logits: ArrayLike, student_logits: ArrayLike) -> Array:
    """Tell how far the teacher is from deciding as the student does.

    Parameters
    ----------
    task : {"multiclass", "multilabel"}
        What is decided.
    teacher_logits, student_logits : array-like of shape (n_samples, n_outputs)
        What the two say; of the teacher its logits, or its `Answers`.

    Returns
    -------
    ndarray of shape (n_samples,), float64
        In [0, 1]: how much more probable the teacher finds its own decision than the
        student's; 0 where they decide alike, below 0 where it decides against its
        scores. Labels are taken as independent.

    Examples
    --------
    >>> leads("multiclass", [[2.0, 0.0, -9.0]], [[0.0, 1.0, 0.0]]).round(2)
    array([0.76])
    """
    teacher = np.asarray(teacher_logits, dtype=np.float64)
    student = np.asarray(student_logits, dtype=np.float64)
    chance = probabilities(teacher, task)
    own = decide(
        teacher_logits if isinstance(teacher_logits, Answers) else teacher, task
    )
    other = decide(student, task)
    if task == "multilabel":
        of_own, of_other = (
            np.where(on == 1, chance, 1 - chance).prod(axis=1) for on in (own, other)
        )
        return np.asarray(of_own - of_other)
    row = np.arange(len(chance))
    return np.asarray(chance[row, own] - chance[row, other])


def label_disagreements(
    labels: Sequence[Any], teacher: ArrayLike, student: ArrayLike
) -> pd.DataFrame:
    """Count for each label the rows on which only one of the two says it.

    Parameters
    ----------
    labels : sequence
        The labels.
    teacher, student : array-like of shape (n_samples, n_labels)
        What the teacher and the student decide, 0 or 1.

    Returns
    -------
    DataFrame
        One row a label, the most frequent first: label, teacher_only, student_only, n
        (their sum).

    Examples
    --------
    >>> label_disagreements(["a", "b"], [[0, 1], [0, 1]], [[1, 1], [0, 0]])
      label  teacher_only  student_only  n
    0     a             0             1  1
    1     b             1             0  1
    """
    theirs, own = np.asarray(teacher) == 1, np.asarray(student) == 1
    frame = pd.DataFrame(
        {
            "label": pd.Series(list(labels), dtype=object),
            "teacher_only": (theirs & ~own).sum(axis=0),
            "student_only": (own & ~theirs).sum(axis=0),
        }
    )
    frame["n"] = frame["teacher_only"] + frame["student_only"]
    return frame.sort_values("n", ascending=False, kind="stable", ignore_index=True)


def filter_disagreements(
    rows: pd.DataFrame,
    *,
    teacher: Any = None,
    student: Any = None,
    leaf: int | None = None,
    right: str | None = None,
    min_confidence: float = 0.0,
    max_lead: float | None = None,
) -> pd.DataFrame:
    """Choose among the rows on which student and teacher disagree.

    Parameters
    ----------
    rows : DataFrame
        As `Disagreements.rows`, or some of it.
    teacher, student : object, default=None
        The decision of each; for several labels one label, that it says and the other
        does not. None for any.
    leaf : int or None, default=None
        Of a tree, the leaf that the row reaches.
    right : {"teacher", "student", "neither"} or None, default=None
        Who is right; it is not known of rows without labels.
    min_confidence : float, default=0.0
        In [0, 1]: how sure the teacher is at least; 0 also for regression.
    max_lead : float or None, default=None
        In [0, 1]: how much more probable the teacher may find its own decision than
        the student's, in the column lead, filled by `leads`.

    Returns
    -------
    DataFrame
        The rows that meet every condition, in their order.

    Examples
    --------
    >>> rows = pd.DataFrame({"teacher": ["a", "a", "b"], "student": ["b", "c", "a"]})
    >>> filter_disagreements(rows, teacher="a", student="c")
      teacher student
    1       a       c
    """
    kept = np.ones(len(rows), dtype=bool)
    for who, other, decision in (
        ("teacher", "student", teacher),
        ("student", "teacher", student),
    ):
        if decision is not None:
            kept &= _says(rows[who], rows[other], decision)
    for name, value in (("leaf", leaf), ("right", right)):
        if value is not None:
            kept &= (rows[name] == value).to_numpy()
    if min_confidence > 0:
        kept &= (rows["teacher_confidence"] >= min_confidence).to_numpy()
    if max_lead is not None:
        kept &= (rows["lead"] <= max_lead).to_numpy()
    return rows[kept]


def _says(own: "pd.Series[Any]", other: "pd.Series[Any]", decision: Any) -> Flags:
    if len(own) and isinstance(own.iloc[0], tuple):
        says, not_so = (cells.map(lambda on: decision in on) for cells in (own, other))
        return np.asarray(says & ~not_so, dtype=bool)
    return np.asarray(own == decision, dtype=bool)
