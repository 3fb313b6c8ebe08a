"""Measuring teacher, student and baseline on one held-out set."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import (
    Array,
    InputError,
)
from interpretkd.data import group_positions
from interpretkd.evaluation._cautions import _cautions, _Decided
from interpretkd.evaluation._evaluation import Evaluation, Scores, Size
from interpretkd.evaluation._origin import _Origin
from interpretkd.evaluation._teacher_words import teacher_notes
from interpretkd.metrics import (
    FEW_GROUPS,
    Estimate,
    PairedTest,
    accuracy,
    as_matrix,
    check_distilled,
    check_known,
    checked_pair,
    class_fidelities,
    constant_fidelity,
    kl_divergence,
    mcnemar,
    measure_fidelity,
    named_slices,
    paired_bootstrap,
    paired_divergence,
    r2,
    rows_to_measure,
    slice_fidelities,
    slices_of,
)
from interpretkd.models import view_size
from interpretkd.targets import TASKS, Answers, answers_of, decide


def evaluate(
    model: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    slices: Sequence[str] | Mapping[str, ArrayLike] | None = None,
    teacher_logits: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> Evaluation:
    """Measure teacher, student and baseline on one held-out set.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    X : array-like or frame of shape (n_samples, n_features)
        Rows that neither the teacher nor the student was fitted to.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Their labels; without them there is no accuracy.
    slices : sequence of str, or mapping of str to array-like, default=None
        Columns of `X`, or labels of the rows by name, for each of which the fidelity
        is given slice by slice.
    teacher_logits : array-like of shape (n_samples, n_outputs), default=None
        What the teacher said of these rows, its logits or its `Answers`; else it is
        asked.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to - customers, patients, series -: intervals and
        comparisons are then over groups. None takes the rows as independent.

    Returns
    -------
    Evaluation
        All measures. Each model is asked once.

    Raises
    ------
    InputError
        For labels that are missing or none of which the model knows; an absent column.
    """
    check_distilled("evaluate", model)
    task = model.task_
    parts = {name: slices_of(X, by) for name, by in named_slices(slices).items()}
    X = rows_to_measure(model, X)
    said = answers_of(model.teacher_, X, teacher_logits)
    teacher, student = checked_pair(said, model.logits(X), task, TASKS)
    truth = None if y is None else _truth(model, y, student.shape)
    place = None if groups is None else group_positions(groups, len(student))
    first = _Origin.of(model, X, student.shape)
    decided = teacher if task == "regression" else decide(said, task)
    baseline = accuracy_test = fidelity_test = kl_test = None
    if model.baseline_ is not None:
        logits = as_matrix(model.baseline_logits(X))
        size = _student_size(model, model.baseline_)
        baseline = _scores(task, truth, said, logits, size, place, first)
        fidelity_test = _compare(task, decided, student, logits, place)
        if task != "regression":
            kl_test = paired_divergence(teacher, student, logits, task, groups=place)
        if truth is not None:
            accuracy_test = _compare(task, truth, student, logits, place)
    of_teacher = Scores(
        _size(model.teacher_),
        _accuracy(task, truth, said, place),
        origin_fidelity=first.fidelity(task, said, place),
    )
    size = _student_size(model, model.student_)
    of_student = _scores(task, truth, said, student, size, place, first)
    assert of_student.fidelity is not None
    found = _Decided(
        task,
        () if task == "regression" else _class_names(model, student),
        decided,
        student if task == "regression" else decide(student, task),
        truth,
        of_student.fidelity,
        of_student.accuracy,
        of_teacher.accuracy,
        kl_test,
    )
    return Evaluation(
        task=task,
        n=len(student),
        teacher=of_teacher,
        student=of_student,
        baseline=baseline,
        accuracy_test=accuracy_test,
        fidelity_test=fidelity_test,
        by_class=None
        if task == "regression"
        else class_fidelities(model, said, student, place),
        slices={
            name: slice_fidelities(task, said, student, part, place)
            for name, part in parts.items()
        },
        kl_test=kl_test,
        cautions=(
            *teacher_notes(model, said, truth, y),
            *_cautions(found),
            *_group_notes(place),
            *_size_notes(model),
            *_labels_notes(model),
            *filter(None, [getattr(model, "memorised_", "")]),
            *((first.caution,) if first.caution else ()),
        ),
        n_groups=None if place is None else len(np.unique(place)),
        constant_fidelity=None if task == "regression" else constant_fidelity(decided),
        origin=first.name,
    )


def _labels_notes(model: Any) -> tuple[str, ...]:
    """Say that the labels' tree took the place of one that was taught."""
    if getattr(model, "target", None) != "auto" or model.target_.alpha != 1:
        return ()
    return (
        "The student has the tests of the tree that was fitted to the labels, with the "
        "teacher's probabilities in its leaves: where trees were compared it agreed "
        "more with the teacher than those that were fitted to what the teacher says "
        '(target="hard" keeps these).',
    )


def _size_notes(model: Any) -> tuple[str, ...]:
    """Say that a size counts the network that the student reads its columns from."""
    n_parameters = view_size(model)[0]
    if not n_parameters:
        return ()
    return (
        "The sizes of student and baseline are with the network up to its layer, which "
        f"they need to see: {n_parameters:,} parameters of it.",
    )


def _class_names(model: Any, logits: Array) -> Sequence[Any]:
    """Return the classes; positions, where a model has no names for them."""
    classes = getattr(model, "classes_", None)
    n_outputs = logits.shape[1]
    if classes is None or len(classes) != n_outputs:
        return range(n_outputs)
    return list(classes)


def _truth(model: Any, y: ArrayLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return labels as the positions, columns of 0 and 1, or values of the logits."""
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    wide = model.task_ == "multilabel" or (
        model.task_ == "regression" and labels.ndim == 2
    )
    if labels.shape != (shape if wide else shape[:1]):
        raise InputError(
            f"The labels y must have the shape {shape if wide else shape[:1]}, as the "
            f"rows of X. Got {labels.shape}."
        )
    check_known(labels)
    if model.task_ == "regression":
        return as_matrix(labels)
    if model.task_ == "multilabel":
        if not np.isin(labels, (0, 1)).all():
            raise InputError("The labels y must be 0 or 1 in each column.")
        return labels.astype(np.int64)
    # A class that the teacher does not know is -1: nobody decides it, so all are wrong.
    place = pd.Index(model.classes_).get_indexer(pd.Index(labels))
    if (place < 0).all():
        raise InputError(
            f"None of the labels y is a class of the model: {model.classes_.tolist()}. "
            f"Got e.g. {labels[:1].tolist()[0]!r}."
        )
    return place


def _group_notes(groups: NDArray[np.int64] | None) -> tuple[str, ...]:
    """Say that groups are too few to be sure of an interval."""
    n_groups = FEW_GROUPS if groups is None else len(np.unique(groups))
    if n_groups >= FEW_GROUPS:
        return ()
    return (
        f"The rows belong to {n_groups} groups only: the intervals, which are over "
        f"groups, are rough below {FEW_GROUPS}.",
    )


def _accuracy(
    task: str,
    truth: NDArray[Any] | None,
    logits: Array | Answers,
    groups: NDArray[np.int64] | None,
) -> Estimate | None:
    if truth is None:
        return None
    if task == "regression":
        return r2(truth, np.asarray(logits), task, groups=groups)
    return accuracy(truth, decide(logits, task), groups=groups)


def _compare(
    task: str,
    reference: NDArray[Any],
    first: Array,
    second: Array,
    groups: NDArray[np.int64] | None,
) -> PairedTest:
    if task == "regression":
        return paired_bootstrap(reference, first, second, groups=groups)
    pair = decide(first, task), decide(second, task)
    return mcnemar(reference, *pair, groups=groups)


def _scores(
    task: str,
    truth: NDArray[Any] | None,
    teacher: Answers,
    logits: Array,
    size: Size,
    groups: NDArray[np.int64] | None,
    first: _Origin,
) -> Scores:
    return Scores(
        size=size,
        accuracy=_accuracy(task, truth, logits, groups),
        fidelity=measure_fidelity(task, teacher, logits, groups),
        kl=None
        if task == "regression"
        else kl_divergence(teacher.logits, logits, task, groups=groups),
        r2=r2(teacher.logits, logits, task, groups=groups),
        origin_fidelity=first.fidelity(task, logits, groups),
    )


def _student_size(model: Any, student: Any) -> Size:
    """Return the size of a student with what it needs to see what it reads."""
    own = _size(getattr(student, "form_", None))
    if own.parameters is None or own.bytes is None:
        return own
    n_parameters, size_bytes = view_size(model)
    return Size(own.parameters + n_parameters, own.bytes + size_bytes)


def _size(model: Any) -> Size:
    numbers = (getattr(model, name, None) for name in ("n_parameters", "size_bytes"))
    return Size(*(None if number is None else int(number) for number in numbers))
