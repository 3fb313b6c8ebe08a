"""What several rows claim, as a number that is above 0 where it holds."""

from collections.abc import Callable
from typing import Any

import numpy as np

from interpretkd.targets import probabilities

__all__ = ["above", "confident_half", "differs", "hints_told", "on_rows", "within"]

Claim = Callable[[Any], float]


def above(other: str, measure: str = "fidelity") -> Claim:
    """Return the claim that the method's measure is above another's.

    Parameters
    ----------
    other : {"control", "plain", "baseline"}
        Whose.
    measure : {"fidelity", "accuracy"}, default="fidelity"
        What.

    Returns
    -------
    callable
        Of a trial: the difference in points.
    """

    def claim(trial: Any) -> float:
        judged = trial.judged
        return float(judged["method"].measure(measure) - judged[other].measure(measure))

    return claim


def on_rows(chosen: Callable[[Any], Any], other: str, measure: str = "fidelity") -> Claim:
    """Return the claim that the method is above another on some of the test rows.

    Parameters
    ----------
    chosen : callable
        Of a case: which test rows, as a mask.
    other : str
        As of `above`.
    measure : {"fidelity", "accuracy"}, default="fidelity"
        What.

    Returns
    -------
    callable
        Of a trial: the difference in points, there; NaN where there are no such rows.
    """

    def claim(trial: Any) -> float:
        mask = chosen(trial.case)
        if not mask.any():
            return float("nan")
        ours, theirs = (trial.judged[name].hits(measure) for name in ("method", other))
        return 100 * float(ours[mask].mean() - theirs[mask].mean())

    return claim


def within(points: float, other: str, measure: str = "fidelity") -> Claim:
    """Return the claim that the method loses less than so many points.

    Parameters
    ----------
    points : float
        Of 100.
    other : str
        As of `above`: against whom.
    measure : {"fidelity", "accuracy"}, default="fidelity"
        What.

    Returns
    -------
    callable
        Of a trial: what is left of the points.
    """
    gap = above(other, measure)
    return lambda trial: points + gap(trial)


def differs(trial: Any) -> float:
    """Return on how many of 100 test rows method and plain decide otherwise.

    Parameters
    ----------
    trial : Trial
        A method beside plain.

    Returns
    -------
    float
        In [0, 100].
    """
    ours, theirs = (trial.judged[name].logits for name in ("method", "plain"))
    return 100 * float((ours.argmax(axis=1) != theirs.argmax(axis=1)).mean())


def hints_told(trial: Any) -> float:
    """Return how much more the method's leaves know of the teacher's first layer.

    Parameters
    ----------
    trial : Trial
        Method and control are trees.

    Returns
    -------
    float
        100 times the R2, on test rows, of the means of the layer's units in the leaves
        of the method's tree, found on the rows that it was fitted to, less the
        control's.
    """
    case = trial.case
    teacher = trial.models["plain"].teacher_
    fitted, judged = (
        np.asarray(teacher.activations(X, 0)).reshape(len(X), -1)
        for X in (case.X, case.X_test)
    )

    def r2(model: Any) -> float:
        places = [model.tree_.apply(X) for X in (case.X, case.X_test)]
        means = np.tile(fitted.mean(axis=0), (int(max(map(np.max, places))) + 1, 1))
        for leaf in np.unique(places[0]):
            means[leaf] = fitted[places[0] == leaf].mean(axis=0)
        missed = ((judged - means[places[1]]) ** 2).sum()
        return 1 - float(missed / ((judged - judged.mean(axis=0)) ** 2).sum())

    return 100 * (r2(trial.models["method"]) - r2(trial.models["control"]))


def confident_half(case: Any) -> Any:
    """Return the test rows of which the network is surer than of half of them.

    Parameters
    ----------
    case : Case
        Rows and networks.

    Returns
    -------
    ndarray of shape (n_test,), bool
        A mask.
    """
    sure = probabilities(case.network(0).estimator.logits(case.X_test), "multiclass")
    highest = sure.max(axis=1)
    return highest >= np.median(highest)
