"""A figure of how often teacher and student are right when they claim so."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import Array, InputError, check_integer, counted
from interpretkd.distillation import teacher_says
from interpretkd.drawing import (
    LINE_COLOURS,
    LINES,
    MARKERS,
    Display,
    check_classes,
    label,
    numbers,
    panels,
    shortened,
)
from interpretkd.metrics import wilson_interval
from interpretkd.targets import Answers, decide, probabilities


@dataclass(frozen=True, eq=False)
class ReliabilityDisplay(Display):
    """Calibration: how often both models are right when they claim so.

    One of the `from_` methods makes it.

    Parameters
    ----------
    data : DataFrame
        One row an interval of claimed probabilities that has rows: model, low, high,
        n_rows, claimed (the mean), observed (the share), observed_low, observed_high.
    event : str
        What the probabilities are of.
    """

    event: str

    @classmethod
    def from_model(
        cls,
        model: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        teacher_logits: ArrayLike | None = None,
        n_bins: int = 10,
    ) -> Self:
        """Compare the probabilities of a model and its teacher with labels.

        Parameters
        ----------
        model : DistilledClassifier
            Fitted.
        X : array-like or frame of shape (n_samples, n_features)
            Rows that neither was fitted to.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their labels.
        teacher_logits : array-like of shape (n_samples, n_outputs), default=None
            What the teacher says of them; None asks it.
        n_bins : int, default=10
            In [1, 100]: the intervals of probability.

        Returns
        -------
        ReliabilityDisplay
            What is drawn. For two classes the probability is that of the second, for
            more that of the class that is decided, for labels those of all of them.

        Raises
        ------
        InputError
            For a regression, and for labels that do not fit.
        """
        check_classes("ReliabilityDisplay", model)
        teacher = teacher_says(model, X, teacher_logits)
        own = np.asarray(model.logits(X), dtype=np.float64)
        labels = np.asarray(y)
        shape = own.shape if model.task_ == "multilabel" else own.shape[:1]
        if labels.shape != shape:
            raise InputError(
                f"The labels y for ReliabilityDisplay must have the shape {shape}. Got "
                f"{labels.shape}."
            )
        if model.task_ == "multiclass":
            labels = pd.Index(model.classes_).get_indexer(pd.Index(labels))
        return cls._compare(model, {"teacher": teacher, "student": own}, labels, n_bins)

    @classmethod
    def from_analysis(cls, found: Any, *, n_bins: int = 10) -> Self:
        """Compare the probabilities of a student and its teacher with labels.

        Parameters
        ----------
        found : Analysis
            Of a classifier, with labels.
        n_bins : int, default=10
            In [1, 100]: the intervals of probability.

        Returns
        -------
        ReliabilityDisplay
            What is drawn.

        Raises
        ------
        InputError
            For a regression, and without labels.
        """
        check_classes("ReliabilityDisplay", found.model)
        if found.labels is None:
            raise InputError("ReliabilityDisplay needs an analysis with labels y.")
        said = {"teacher": found.answers, "student": found.logits}
        return cls._compare(found.model, said, found.labels, n_bins)

    @classmethod
    def _compare(
        cls,
        model: Any,
        said: dict[str, Array | Answers],
        labels: NDArray[Any],
        n_bins: int,
    ) -> Self:
        check_integer("ReliabilityDisplay", "n_bins", n_bins, 1, 100)
        parts = []
        for name, logits in said.items():
            chances = probabilities(np.asarray(logits), model.task_)
            if model.task_ == "multilabel":
                claimed, right = chances.ravel(), np.ravel(labels) == 1
            elif chances.shape[1] == 2:
                claimed, right = chances[:, 1], labels == 1
            else:
                decided = decide(logits)
                claimed = chances[np.arange(len(chances)), decided]
                right = decided == labels
            parts.append(_reliability(name, claimed, right, n_bins))
        event = "the class that is decided"
        if model.task_ == "multilabel":
            event = "a label"
        elif len(model.classes_) == 2:
            event = str(model.classes_[1])
        return cls(pd.concat(parts, ignore_index=True), event)

    @property
    def errors(self) -> dict[str, float]:
        """The expected calibration error of each, in [0, 1].

        The mean distance of what is claimed from what is observed, over rows.
        """
        return {
            str(name): float(
                np.average(
                    (part["claimed"] - part["observed"]).abs(), weights=part["n_rows"]
                )
            )
            for name, part in self.data.groupby("model", sort=False)
        }

    @property
    def title(self) -> str:
        """What is shown, in a few words."""
        return f"Reliability of the probability of {shortened(self.event)}"

    @property
    def alt(self) -> str:
        """The same in a sentence or two, for those who do not see it."""
        parts = []
        for name, part in self.data.groupby("model", sort=False):
            gap = part["observed"] - part["claimed"]
            worst = part.loc[gap.abs().idxmax()]
            parts.append(
                f"the {name}'s expected calibration error is {self.errors[name]:.3f}, "
                f"farthest off where it claims {worst['claimed']:.0%} and "
                f"{worst['observed']:.0%} is observed "
                f"({counted(worst['n_rows'], 'row')})"
            )
        return f"{self.title}: {'; '.join(parts)}."

    @property
    def _inches(self) -> tuple[float, float]:
        return 8.0, 5.6

    def _draw(self, ax: Any) -> None:
        (top,), (bottom,) = panels(ax, 2, height_ratios=(4, 1.1))
        top.plot([0, 1], [0, 1], color="#555555", linewidth=1, label="as claimed")
        looks = zip(LINE_COLOURS, MARKERS, LINES, ("", "///"), strict=False)
        for (name, part), look in zip(
            self.data.groupby("model", sort=False), looks, strict=False
        ):
            colour, marker, line, hatch = look
            y = numbers(part, "observed")
            ends = np.maximum([y - part["observed_low"], part["observed_high"] - y], 0)
            top.errorbar(
                part["claimed"],
                y,
                ends,
                color=colour,
                marker=marker,
                linestyle=line,
                markersize=6,
                elinewidth=1,
                capsize=3,
                label=f"{name} (ECE {self.errors[name]:.3f})",
            )
            width = numbers(part, "high") - numbers(part, "low")
            student = name != "teacher"
            bottom.bar(
                part["low"] + width * (0.5 if student else 0.05),
                part["n_rows"],
                width * 0.45,
                align="edge",
                color="white" if student else colour,
                edgecolor=colour,
                hatch=hatch,
            )
        top.set_ylim(-0.03, 1.03)
        top.set_ylabel("observed (share of rows)")
        top.legend(loc="upper left")
        bottom.set_ylabel("rows")
        bottom.set_xlabel(f"claimed probability of {label(self.event, 40)}")
        bottom.yaxis.get_major_locator().set_params(integer=True, nbins=3)
        for each in (top, bottom):
            each.set_xlim(-0.02, 1.02)


def _reliability(
    name: str, claimed: Array, right: NDArray[np.bool_], n_bins: int
) -> pd.DataFrame:
    edges = np.linspace(0, 1, n_bins + 1)
    place = np.clip((claimed * n_bins).astype(int), 0, n_bins - 1)
    n_rows = np.bincount(place, minlength=n_bins)
    hits = np.bincount(place, weights=right, minlength=n_bins).astype(int)
    sums = np.bincount(place, weights=claimed, minlength=n_bins)
    there = np.flatnonzero(n_rows)
    shares = [wilson_interval(int(hits[i]), int(n_rows[i])) for i in there]
    return pd.DataFrame(
        {
            "model": name,
            "low": edges[there],
            "high": edges[there + 1],
            "n_rows": n_rows[there],
            "claimed": sums[there] / n_rows[there],
            "observed": [share.value for share in shares],
            "observed_low": [share.low for share in shares],
            "observed_high": [share.high for share in shares],
        }
    )
