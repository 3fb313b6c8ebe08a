"""One number for a whole distillation: what was gained in size and lost in accuracy."""

import numpy as np
from numpy.typing import ArrayLike

from interpretkd._base import check_real


def accuracy_reduction(teacher: float, student: float) -> float:
    """Return by how much the student is less accurate, in percent of the teacher.

    Parameters
    ----------
    teacher : float
        In (0, 100]: the teacher's accuracy, as a share or in percent.
    student : float
        In (-inf, 100]: the student's, in the same unit (an R2 may be negative).

    Returns
    -------
    float
        ``100 * (teacher - student) / teacher``; negative for an increase.

    Raises
    ------
    InputError
        For a number out of range.

    References
    ----------
    Alkhulaifi, Alsahli & Ahmad (2020), tables I and II.

    Examples
    --------
    >>> round(accuracy_reduction(99.25, 86.55), 3)
    12.796
    """
    owner = "accuracy_reduction"
    teacher = check_real(owner, "teacher", teacher, 0, 100, closed="right")
    student = check_real(owner, "student", student, high=100, closed="right")
    return 100 * (teacher - student) / teacher


def accuracy_improvement(baseline: float, student: float) -> float:
    """Return by how much the student is more accurate, in percent of the baseline.

    Parameters
    ----------
    baseline : float
        In (0, 100]: the accuracy of the same student fitted to the labels alone, as a
        share or in percent.
    student : float
        In (-inf, 100]: the student's, in the same unit.

    Returns
    -------
    float
        ``100 * (student - baseline) / baseline``; negative for a decrease.

    Raises
    ------
    InputError
        For a number out of range.

    References
    ----------
    Alkhulaifi, Alsahli & Ahmad (2020), tables I and II.

    Examples
    --------
    >>> round(accuracy_improvement(67.96, 70.77), 3)
    4.135
    """
    owner = "accuracy_improvement"
    baseline = check_real(owner, "baseline", baseline, 0, 100, closed="right")
    student = check_real(owner, "student", student, high=100, closed="right")
    return 100 * (student - baseline) / baseline


def size_reduction(teacher: float, student: float) -> float:
    """Return by how much the student is smaller, in percent of the teacher.

    Parameters
    ----------
    teacher : float
        In (0, inf): the teacher's size.
    student : float
        In [0, inf): the student's, in the same unit: parameters or bytes.

    Returns
    -------
    float
        ``100 * (teacher - student) / teacher``; negative for a larger student.

    Raises
    ------
    InputError
        For a number out of range.

    References
    ----------
    Alkhulaifi, Alsahli & Ahmad (2020), tables I and II.

    Examples
    --------
    >>> round(size_reduction(36.5e6, 17.2e6), 2)
    52.88
    """
    teacher = check_real("size_reduction", "teacher", teacher, 0)
    student = check_real("size_reduction", "student", student, 0, closed="left")
    return 100 * (teacher - student) / teacher


def distillation_score(
    teacher_size: float,
    student_size: float,
    teacher_accuracy: float,
    student_accuracy: float,
    alpha: float = 0.5,
) -> float:
    """Return the distillation score: the closer to 0, the better.

    ``DS = alpha * student_size / teacher_size
    + (1 - alpha) * (1 - student_accuracy / teacher_accuracy)``; negative when a small
    student beats its teacher.

    Parameters
    ----------
    teacher_size : float
        In (0, inf).
    student_size : float
        In [0, inf). Both sizes must be in one unit: parameters with parameters, or
        bytes with bytes.
    teacher_accuracy : float
        In (0, 100], as a share or in percent.
    student_accuracy : float
        In (-inf, 100], in the same unit.
    alpha : float, default=0.5
        In [0, 1]: the weight of the size; here, as in the survey, not that of labels.

    Returns
    -------
    float
        The score.

    Raises
    ------
    InputError
        For a number out of range.

    References
    ----------
    Alkhulaifi, Alsahli & Ahmad (2020), equation 1.

    Examples
    --------
    >>> round(distillation_score(16.8e6, 1.7e6, 84.7, 77.7), 5)
    0.09192
    """
    alpha = check_real("distillation_score", "alpha", alpha, 0, 1, closed="both")
    smaller = 1 - size_reduction(teacher_size, student_size) / 100
    worse = accuracy_reduction(teacher_accuracy, student_accuracy) / 100
    return alpha * smaller + (1 - alpha) * worse


def constant_fidelity(decisions: ArrayLike) -> float:
    """Return the fidelity of always deciding as the teacher decides most often.

    Parameters
    ----------
    decisions : array-like of shape (n_samples,) or (n_samples, n_labels)
        The teacher's; for labels its commonest set of them.

    Returns
    -------
    float
        In (0, 1]: what any constant reaches. A student of a blander teacher has a
        higher fidelity: what counts is how much of the rest it reaches.

    Examples
    --------
    >>> constant_fidelity([0, 0, 0, 1])
    0.75
    """
    counts = np.unique(np.asarray(decisions), axis=0, return_counts=True)[1]
    return float(counts.max() / counts.sum())
