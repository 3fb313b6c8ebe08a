"""What a teacher decides by its own `predict`, which is the last word on it.

Its largest score says the same nearly always. Where it does not (a threshold of its
own, a vote, a calibration apart), the teacher's decision is the teacher's.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from interpretkd._base import Array, InputError, one_line
from interpretkd.targets import Answers, DecisionMixin, decide, log_probabilities

_MOST_OTHERWISE = 0.5
"""Scores that decide otherwise in a larger share of the rows are looked into."""

_FEWEST_TO_JUDGE, _MOST_TO_JUDGE = 20, 2_000


def _decides_for_itself(estimator: Any, task: str) -> bool:
    """Tell whether a classifier's `predict` is more than our reading of its logits."""
    from interpretkd.teachers._frozen import _Frozen

    ours = (DecisionMixin.predict, _Frozen.predict)
    if task == "regression" or not callable(getattr(estimator, "predict", None)):
        return False
    return getattr(type(estimator), "predict", None) not in ours


def _read_decisions(
    estimator: Any, rows: Any, classes: NDArray[Any] | None, task: str, n_outputs: int
) -> NDArray[np.int64]:
    """Ask a classifier's `predict`; return what `decide` would of its logits."""
    name = type(estimator).__name__
    try:
        said = estimator.predict(rows)
    except (InputError, NotFittedError):
        raise
    # Of a model that is not ours, anything can come.
    except Exception as error:
        raise InputError(
            f"The teacher's decisions cannot be read: the predict method of {name} "
            f"says {type(error).__name__}: {one_line(str(error))}"
        ) from error
    decided = said.toarray() if hasattr(said, "toarray") else np.asarray(said)
    n_rows = len(rows)
    if task == "multilabel":
        return _label_columns(decided, name, (n_rows, n_outputs))
    if decided.shape == (n_rows, 1):
        decided = decided[:, 0]
    if decided.shape != (n_rows,):
        raise InputError(
            f"The predict method of {name} must return one class for each of the "
            f"{n_rows} rows. Got an array of shape {decided.shape}."
        )
    known = np.arange(n_outputs) if classes is None else classes
    return _positions(decided, known, name)


def _label_columns(
    decided: NDArray[Any], name: str, shape: tuple[int, int]
) -> NDArray[np.int64]:
    if decided.shape == shape[:1] and shape[1] == 1:
        decided = decided[:, None]
    if decided.shape != shape or not np.isin(decided, (0, 1)).all():
        raise InputError(
            f"The predict method of {name} must return 0 or 1 for each label, of shape "
            f"{shape}. Got an array of shape {decided.shape}."
        )
    return decided.astype(np.int64)


def _positions(
    decided: NDArray[Any], classes: NDArray[Any], name: str
) -> NDArray[np.int64]:
    place: NDArray[np.int64] = pd.Index(classes).get_indexer(pd.Index(decided))
    if (place >= 0).all():
        return place
    unknown = pd.unique(pd.Series(decided[place < 0]))[:3].tolist()
    raise InputError(
        f"The predict method of {name} decides {_listed(unknown)}, which is not among "
        f"the teacher's classes, {_listed(classes.tolist()[:20])}: its classes_ must "
        "hold, in the order of its scores, all that it decides."
    )


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(one_line(repr(value)) for value in values)


def _check_one_score_a_class(
    estimator: Any, shape: tuple[int, int], n_classes: int
) -> None:
    """Refuse a decision function whose columns stand for pairs of classes.

    Of three classes there are as many pairs: the shape alone does not tell.
    """
    pairs = n_classes * (n_classes - 1) // 2
    if shape[1] != pairs or n_classes < 3:
        return
    asked = _innermost(estimator)
    if pairs != n_classes or _is_pairwise(asked):
        raise InputError(
            f"The answer of {type(asked).__name__} must be one score a class. Got one "
            f"for each of the {pairs} pairs of its {n_classes} classes: give it "
            "decision_function_shape='ovr' (which needs no new fit), or predict_proba."
        )


def _is_pairwise(estimator: Any) -> bool:
    return getattr(estimator, "decision_function_shape", None) == "ovo"


def _innermost(estimator: Any) -> Any:
    """Return the estimator that a pipeline, or a search, hands the rows to."""
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator[-1]
            continue
        inside = getattr(estimator, "best_estimator_", None)
        if inside is None:
            inside = getattr(estimator, "estimator_", None)
        if inside is None or inside is estimator:
            return estimator
        estimator = inside


def check_answers(name: str, answers: Answers, task: str) -> None:
    """Refuse a teacher whose scores say nothing of what it decides.

    A threshold moves decisions, but a higher score still makes a class more likely to
    be decided. Scores of which not even that is true belong to something else: to pairs
    of classes, or to classes in another order.

    Parameters
    ----------
    name : str
        The teacher's.
    answers : Answers
        What it said of many rows.
    task : {"multiclass", "multilabel", "regression"}
        What it decides.

    Raises
    ------
    InputError
        For such scores.
    """
    differs = answers.differs(task)
    if len(answers) < _FEWEST_TO_JUDGE or differs.mean() <= _MOST_OTHERWISE:
        return
    if _tell_decisions(answers, task):
        return
    raise InputError(
        f"The scores of {name} contradict its decisions: in {differs.mean():.1%} of "
        f"{len(answers):,} rows its predict decides otherwise than the largest score, "
        "and no thresholds make the one follow from the other. Its scores must be one "
        "a class, in the order of its classes_."
    )


def _tell_decisions(answers: Answers, task: str) -> bool:
    """Tell whether scores say anything of what is decided, whatever the thresholds."""
    drawn = np.random.default_rng(0).permutation(len(answers))[:_MOST_TO_JUDGE]
    some = answers[np.sort(drawn)]
    decided = decide(some, task)
    problems = [(some.logits, decided)]
    if task == "multilabel":
        columns = zip(some.logits.T, decided.T, strict=True)
        problems = [(np.column_stack([-z, z]), on) for z, on in columns]
    varied = [(z, own) for z, own in problems if len(np.unique(own)) > 1]
    return not varied or any(_weight_of_scores(z, own) > 0 for z, own in varied)


def _weight_of_scores(logits: Array, decided: NDArray[np.int64]) -> float:
    """Return how much scores count in the best account of decisions, in [0, inf).

    Of decisions read as draws from softmax(weight * scores + thresholds), the most
    likely weight that is not negative. 0 where scores mislead.
    """
    n_rows, n_classes = logits.shape
    scores = logits - logits.mean(axis=1, keepdims=True)
    scores = scores / (scores.std() or 1.0)
    rows = np.arange(n_rows)

    def loss(settings: Array) -> tuple[float, Array]:
        said = log_probabilities(settings[0] * scores + settings[1:])
        slope = np.exp(said)
        slope[rows, decided] -= 1
        gradient = [(slope * scores).sum(), *slope.sum(axis=0)]
        return -said[rows, decided].mean(), np.asarray(gradient) / n_rows

    bounds = [(0, 50)] + [(-50, 50)] * n_classes
    start = np.zeros(n_classes + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return float(found.x[0])
