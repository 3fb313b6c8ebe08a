"""What several rows claim, as a number that is above 0 where it holds."""

from collections.abc import Callable
from typing import Any

import numpy as np

from interpretkd.targets import probabilities

__all__ = ["above", "confident_half", "on_rows"]

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
