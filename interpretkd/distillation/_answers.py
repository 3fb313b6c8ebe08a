"""What student and teacher say of rows, given ones and changed ones.

The shared ground of `explanations`, `stability`, `interventions` and `disagreements`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import Array, InputError, one_line
from interpretkd.data import Rows, checked_rows
from interpretkd.models import decision_probability
from interpretkd.targets import Answers, answers_of, decide, probabilities
from interpretkd.teachers import AbsentTeacher


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
    student = getattr(model, "student_", None)
    if getattr(student, "form_", None) is None:
        by = "" if student is None else f" with a {type(student).__name__}"
        raise InputError(
            f"The 'model' parameter of {owner} must be a fitted DistilledClassifier or "
            "DistilledRegressor with a CartStudent, BoostedStudent or LinearStudent. "
            f"Got {type(model).__name__}{by}."
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

    Raises
    ------
    InputError
        For what are no such rows.
    """
    try:
        return model.schema_.conform(checked_rows(model, X, reset=False))
    except InputError:
        raise
    except (TypeError, ValueError) as error:  # scikit-learn's, of several lines
        said = str(error).strip().partition("\n")[0].rstrip(".:")
        raise InputError(f"The rows cannot be read: {one_line(said)}.") from error


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
) -> Answers:
    """Return the teacher's answers of rows, the stored ones where there are some.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted or loaded.
    rows : array-like or frame of shape (n_samples, n_features)
        Rows in original columns, such as `given_rows` returned.
    teacher_logits : array-like of shape (n_samples, n_outputs), default=None
        What it said of them before, its logits or its `Answers`; None asks it.

    Returns
    -------
    Answers
        Logits (values, for regression), and the teacher's own decisions where they are
        others: of logits alone, it is asked for these if it can be.

    Raises
    ------
    InputError
        For stored logits of another shape, and when the teacher is absent.
    """
    if teacher_logits is None:
        return answers_of(model.teacher_, rows)
    logits = np.asarray(teacher_logits, dtype=np.float64)
    shape = (np.shape(rows)[0], _n_outputs(model, logits))
    if logits.shape == shape[:1] and shape[1] == 1:
        logits = logits[:, None]
    if logits.shape != shape or not np.isfinite(logits).all():
        raise InputError(
            f"The 'teacher_logits' must be finite numbers of shape {shape}, one row "
            f"for each of X. Got shape {logits.shape}."
        )
    known = isinstance(teacher_logits, Answers)
    said = teacher_logits if known else logits
    return answers_of(getattr(model, "teacher_", None), rows, said)


def _n_outputs(model: Any, logits: Array) -> int:
    """Return how many logits a row has; of another's regressor, as many as given."""
    if model.task_ != "regression":
        return len(model.classes_)
    form = getattr(model.student_, "form_", None)
    return logits[:1].size if form is None else form.n_outputs


def decisions(model: Any, logits: Array | Answers) -> list[Any]:
    """Return what is decided, as plain values.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Whose classes they are.
    logits : ndarray of shape (n_samples, n_outputs), or Answers
        Logits (values, for regression); a teacher's answers, with its own decisions.

    Returns
    -------
    list of length n_samples
        Classes; tuples of the labels that are on; or the value(s).
    """
    if model.task_ == "regression":
        values = np.asarray(logits)
        return values[:, 0].tolist() if values.shape[1] == 1 else values.tolist()
    chosen = decide(logits, model.task_)
    if model.task_ == "multilabel":
        return [tuple(model.classes_[on.astype(bool)].tolist()) for on in chosen]
    return model.classes_[chosen].tolist()


def same_decisions(
    task: str, first: Array | Answers, second: Array | Answers
) -> NDArray[np.bool_]:
    """Tell on which rows two models decide the same; for labels, all of them.

    Parameters
    ----------
    task : {"multiclass", "multilabel"}
        What is decided.
    first, second : ndarray of shape (n_samples, n_outputs), or Answers
        Logits of the same rows; of a teacher, its answers.

    Returns
    -------
    ndarray of shape (n_samples,), bool
        One value a row.
    """
    same = decide(first, task) == decide(second, task)
    return np.asarray(same.reshape(len(first), -1).all(axis=1))


def certainty(task: str, logits: Array | Answers) -> Array | None:
    """Return the probability of each decision.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    logits : ndarray of shape (n_samples, n_outputs), or Answers
        Logits (values, for regression); a teacher's answers, with its own decisions.

    Returns
    -------
    ndarray of shape (n_samples,), float64, or None
        In [0, 1]; for labels the product over all of them; None for regression.
    """
    if task == "regression":
        return None
    chance = probabilities(np.asarray(logits), task)
    decided = decide(logits, task)
    columns = decided[:, None] if decided.ndim == 1 else decided
    return decision_probability(chance, columns, task)


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


def task_text(model: Any) -> str:
    """Say what a model decides.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted or loaded.

    Returns
    -------
    str
        Such as "one of two classes", "which of 3 labels apply" or "a value".
    """
    if model.task_ == "regression":
        n_values = getattr(getattr(model.student_, "form_", None), "n_outputs", 1)
        return "a value" if n_values == 1 else f"{n_values} values"
    n = len(model.classes_)
    if model.task_ == "multilabel":
        return f"which of {n} labels apply"
    return f"one of {'two' if n == 2 else n} classes"
