"""How a method is judged: paired over seeds and over rows, corrected over the family.

The difference is the mean over the seeds of the method's measure less the other's, in
points, with a 95 % t interval. The p value is McNemar's exact test on the test rows of
all seeds together, corrected by Holm's step-down over all comparisons of one family. A
row may be a test row of several seeds, so that test is somewhat too sure of itself: a
method helps or hurts only where the t interval over the seeds says so, too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._comparison import (  # type: ignore[import-not-found]
    mean_interval,
)
from numpy.typing import NDArray

from interpretkd.metrics import (
    accuracy_improvement,
    accuracy_reduction,
    compare_shares,
    distillation_score,
    size_reduction,
    wilson_interval,
)

__all__ = [
    "Difference",
    "Judged",
    "compared",
    "counts_of",
    "excess",
    "judge",
    "judge_baseline",
    "word_of",
]

_LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class Judged:
    """A fitted model on the test rows.

    Parameters
    ----------
    agrees : ndarray of shape (n_test,), bool
        Whether it decides as its teacher.
    right : ndarray of shape (n_test,), bool
        Whether it decides as the label.
    commonest : float
        The share of the teacher's commonest decision.
    teacher_right : ndarray of shape (n_test,), bool
        Whether the teacher decides as the label.
    teacher_sizes, sizes : tuple of (int or None, int or None)
        Parameters and bytes of teacher and student.
    seconds : float or None
        To fit it, its baseline included.
    queries : int
        The different rows about which the teacher was asked.
    logits : ndarray of shape (n_test, n_classes)
        What it says.
    """

    agrees: NDArray[np.bool_]
    right: NDArray[np.bool_]
    commonest: float
    teacher_right: NDArray[np.bool_]
    teacher_sizes: tuple[Any, Any]
    sizes: tuple[Any, Any]
    seconds: float | None
    queries: int
    logits: NDArray[np.float64]

    def measure(self, name: str) -> float:
        """Return fidelity or accuracy, in points.

        Parameters
        ----------
        name : {"fidelity", "accuracy"}
            Which.

        Returns
        -------
        float
            In [0, 100].
        """
        return 100 * float(self.hits(name).mean())

    def hits(self, name: str) -> NDArray[np.bool_]:
        """Return the rows that count for a measure.

        Parameters
        ----------
        name : {"fidelity", "accuracy"}
            Which.

        Returns
        -------
        ndarray of shape (n_test,), bool
            The mean is the measure.
        """
        return self.agrees if name == "fidelity" else self.right

    def record(self, baseline: float | None) -> dict[str, Any]:
        """Return what is written down.

        Parameters
        ----------
        baseline : float or None
            The baseline's accuracy, as a share.

        Returns
        -------
        dict
            Shares, reductions in percent, sizes, seconds and questions.
        """
        interval = wilson_interval(int(self.agrees.sum()), len(self.agrees))
        accuracy = float(self.right.mean())
        teacher = float(self.teacher_right.mean())
        found: dict[str, Any] = {
            "fidelity": interval.value,
            "fidelity_low": interval.low,
            "fidelity_high": interval.high,
            "commonest": self.commonest,
            "excess": excess(interval.value, self.commonest),
            "accuracy": accuracy,
            "teacher_accuracy": teacher,
            "n_parameters": self.sizes[0],
            "size_bytes": self.sizes[1],
            "seconds": self.seconds,
            "queries": self.queries,
        }
        if teacher > 0:
            found["accuracy_reduction"] = accuracy_reduction(teacher, accuracy)
        if baseline:
            found["accuracy_improvement"] = accuracy_improvement(baseline, accuracy)
        for unit, own, other in zip(
            ("parameters", "bytes"), self.sizes, self.teacher_sizes, strict=True
        ):
            if own is not None and other and teacher > 0:
                sizes = (other, own)
                found[f"size_reduction_{unit}"] = size_reduction(*sizes)
                score = distillation_score(*sizes, teacher, accuracy)
                found[f"distillation_score_{unit}"] = score
        return found


def judge(
    model: Any, case: Any, of: str = "network", seconds: float | None = None
) -> Judged:
    """Judge a fitted model on the test rows.

    Parameters
    ----------
    model : DistilledClassifier
        Fitted.
    case : Case
        Rows and networks.
    of : {"network", "own"}, default="network"
        Whose fidelity.
    seconds : float, default=None
        What it took to fit it.

    Returns
    -------
    Judged
        What it does there.
    """
    return _judged(model.logits(case.X_test), model, case, of, seconds)


def judge_baseline(model: Any, case: Any, of: str = "network") -> Judged:
    """Judge a model's baseline on the test rows.

    Parameters
    ----------
    model, case, of : DistilledClassifier, Case, str
        As of `judge`.

    Returns
    -------
    Judged
        What the same student does that was fitted to the labels.
    """
    return _judged(model.baseline_logits(case.X_test), model, case, of, None)


def _judged(
    logits: NDArray[np.float64], model: Any, case: Any, of: str, seconds: float | None
) -> Judged:
    from interpretkd.targets import decide

    teacher = model.teacher_
    decided = case.decided
    sizes = _sizes(case.network(0).estimator)
    if of == "own":
        decided = np.asarray(decide(teacher.logits(case.X_test)))
        sizes = _sizes(teacher)
    chosen = np.asarray(decide(logits))
    return Judged(
        agrees=chosen == decided,
        right=chosen == case.truth,
        commonest=float(np.bincount(decided).max() / len(decided)),
        teacher_right=decided == case.truth,
        teacher_sizes=sizes,
        sizes=_sizes(model),
        seconds=seconds,
        queries=int(model.queries_),
        logits=logits,
    )


def _sizes(model: Any) -> tuple[Any, Any]:
    return model.n_parameters, model.size_bytes


def excess(fidelity: float, commonest: float) -> float:
    """Return the agreement above that of always saying the commonest decision.

    Parameters
    ----------
    fidelity : float
        In [0, 1].
    commonest : float
        In [0, 1]: the share of the teacher's commonest decision.

    Returns
    -------
    float
        ``(fidelity - commonest) / (1 - commonest)``: 1 for full agreement, 0 for a
        student that knows no more than the commonest decision; NaN for a teacher that
        knows one only.

    Examples
    --------
    >>> print(f"{excess(0.9, 0.6):.2f}")
    0.75
    """
    if commonest >= 1:
        return math.nan
    return (fidelity - commonest) / (1 - commonest)


def counts_of(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> list[int]:
    """Return on how many rows both, only one, or none of two models hit.

    Parameters
    ----------
    first, second : ndarray of shape (n_test,), bool
        Their hits.

    Returns
    -------
    list of four int
        Both, only the first, only the second, none.
    """
    pairs = ((first, second), (first, ~second), (~first, second), (~first, ~second))
    return [int((one & other).sum()) for one, other in pairs]


@dataclass(frozen=True)
class Difference:
    """A method's measure less another's, on one data set with one student.

    Parameters
    ----------
    mean, half : float
        Over the seeds, in points, and half the width of the 95 % t interval; NaN for
        one seed.
    p_value : float
        Of McNemar's exact test on the rows of all seeds.
    """

    mean: float
    half: float
    p_value: float


def compared(gaps: Sequence[float], counts: Sequence[Sequence[int]]) -> Difference:
    """Compare two models over seeds and rows.

    Parameters
    ----------
    gaps : sequence of float
        For each seed the difference in points.
    counts : sequence of four int each
        For each seed what `counts_of` returned.

    Returns
    -------
    Difference
        With an interval over the seeds and a p value over the rows.

    Examples
    --------
    >>> found = compared([10.0, 20.0], [[5, 2, 1, 2], [5, 3, 1, 1]])
    >>> print(f"{found.mean:.0f} ± {found.half:.0f}, p = {found.p_value:.3f}")
    15 ± 64, p = 0.453
    """
    both, only_first, only_second, none = np.sum(counts, axis=0).tolist()
    sizes = [both, only_first, only_second, none]
    first = np.repeat([True, True, False, False], sizes)
    second = np.repeat([True, False, True, False], sizes)
    mean, half = mean_interval(gaps)
    return Difference(mean, half, compare_shares(first, second).p_value)


def word_of(difference: Difference, corrected: float) -> str:
    """Say whether a method helps.

    Parameters
    ----------
    difference : Difference
        Its measure less another's.
    corrected : float
        The p value after `holm`.

    Returns
    -------
    {"helps", "nothing", "hurts"}
        "nothing" where the corrected p value is not below 5 %, or the interval over
        the seeds holds 0.

    Examples
    --------
    >>> word_of(Difference(1.5, 0.4, 0.001), 0.02)
    'helps'
    """
    sure = corrected < _LEVEL and abs(difference.mean) > difference.half
    if not sure:
        return "nothing"
    return "helps" if difference.mean > 0 else "hurts"
