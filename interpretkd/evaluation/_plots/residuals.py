"""A figure of a student's values beside its teacher's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from interpretkd._base import Array, InputError, amount_text
from interpretkd.drawing import LINE_COLOURS, MARKERS, panels
from interpretkd.evaluation._plots.pair import _PairDisplay
from interpretkd.targets import Answers

_MOST_POINTS = 2_000
"""Rows that are drawn one by one; more are counted in hexagons."""


@dataclass(frozen=True, eq=False)
class ResidualDisplay(_PairDisplay):
    """A student's values beside its teacher's, row by row; a `from_` makes it.

    Parameters
    ----------
    data : DataFrame
        One row a row and output: output, teacher, student, difference (student less
        teacher).
    """

    @classmethod
    def _check(cls, model: Any) -> None:
        if model.task_ != "regression":
            raise InputError(
                "The model given to ResidualDisplay must be a regressor. Got a "
                "classifier; use ConfusionDisplay."
            )

    @classmethod
    def _pair(cls, model: Any, teacher: Answers, own: Array) -> Self:
        n_outputs = own.shape[1]
        names = (
            [f"output {i}" for i in range(n_outputs)] if n_outputs > 1 else ["value"]
        )
        data = pd.DataFrame(
            {
                "output": np.repeat(np.asarray(names, dtype=object), len(own)),
                "teacher": teacher.logits.T.ravel(),
                "student": own.T.ravel(),
            }
        )
        return cls(data.assign(difference=data["student"] - data["teacher"]))

    @property
    def title(self) -> str:
        """What is shown, in a few words."""
        return "The student's values beside the teacher's"

    @property
    def alt(self) -> str:
        """The same in a sentence or two, for those who do not see it."""
        parts = []
        for name, part in self._outputs():
            apart = part["difference"]
            rest = float((apart**2).sum())
            spread = float(((part["teacher"] - part["teacher"].mean()) ** 2).sum())
            explained = f"R2 {1 - rest / spread:.3f}, " if spread else ""
            parts.append(
                f"{name}: {explained}the difference is "
                f"{amount_text(apart.abs().mean(), 3)} in the mean and "
                f"{amount_text(apart.abs().max(), 3)} at most, over {len(part):,} rows"
            )
        return f"{self.title}: {'; '.join(parts)}."

    @property
    def _inches(self) -> tuple[float, float]:
        return 8.0, 5.4

    def _outputs(self) -> Iterator[tuple[str, pd.DataFrame]]:
        for name, part in self.data.groupby("output", sort=False):
            yield str(name), part

    def _draw(self, ax: Any) -> None:
        parts = list(self._outputs())
        shown = parts[: len(MARKERS)]
        (top,), (bottom,) = panels(ax, 2, height_ratios=(2, 1))
        values = self.data[["teacher", "student"]].to_numpy(np.float64)
        ends = [values.min(), values.max()]
        top.plot(ends, ends, color="#555555", linewidth=1, label="alike")
        bottom.axhline(0, color="#555555", linewidth=1)
        many = len(shown) == 1 and len(self.data) > _MOST_POINTS
        for i, (name, part) in enumerate(shown):
            drawn = _spread(part)
            for place, column in ((top, "student"), (bottom, "difference")):
                if many:
                    _hexagons(place, part["teacher"], part[column])
                    continue
                place.scatter(
                    drawn["teacher"],
                    drawn[column],
                    14,
                    marker=MARKERS[i],
                    color=LINE_COLOURS[i],
                    alpha=0.6,
                    linewidth=0,
                    label=name if len(shown) > 1 else "a row",
                )
        top.set_ylabel("student (value)")
        bottom.set_ylabel("student - teacher")
        bottom.set_xlabel("teacher (value)")
        bottom.sharex(top)
        top.legend(loc="upper left")


def _spread(part: pd.DataFrame) -> pd.DataFrame:
    """Return all rows, or of many as many as can be seen, spread over the teacher's."""
    if len(part) <= _MOST_POINTS:
        return part
    ordered = part.sort_values(["teacher", "student"], kind="stable")
    chosen = np.linspace(0, len(part) - 1, _MOST_POINTS).astype(int)
    return ordered.iloc[chosen]


def _hexagons(ax: Any, x: Any, y: Any) -> None:
    import matplotlib as mpl

    # A bar of more colours would be an image and not a drawing.
    shades = mpl.colormaps["cividis_r"].resampled(16)
    mesh = ax.hexbin(x, y, gridsize=(44, 12), cmap=shades, mincnt=1, linewidths=0)
    bar = ax.figure.colorbar(mesh, ax=ax, fraction=0.04, pad=0.02)
    bar.set_label("rows")
