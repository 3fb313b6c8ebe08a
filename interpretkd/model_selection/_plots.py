"""Figures of fidelity and accuracy: against size, and against the number of rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from interpretkd._base import Array, InputError, check_choice
from interpretkd.drawing import (
    LINE_COLOURS,
    LINES,
    MARKERS,
    Display,
    label,
    numbers,
    shortened,
)
from interpretkd.students import PruningPath

_AXES = {
    "items": "size (items to read: tests and answers, or terms)",
    "leaves": "size (leaves)",
    "size": "size (leaves or terms)",
    "n_parameters": "size (parameters)",
}
_MARKS = ("recommended", "knee", "pareto")


@dataclass(frozen=True, eq=False)
class SizeDisplay(Display):
    """Size against fidelity or accuracy, over students; a `from_` method makes it.

    Parameters
    ----------
    data : DataFrame
        One row a student of one size: student, the column that `by` names, the one
        that `measure` names, and as far as known its _low and _high; pareto, knee,
        recommended.
    by : str, default="items"
        The column that holds the size.
    measure : str, default="fidelity"
        The column that is drawn over it.
    unit : str, default="share of rows"
        Of the measure.
    """

    by: str = "items"
    measure: str = "fidelity"
    unit: str = "share of rows"

    @classmethod
    def from_frontier(
        cls, frontier: Any, *, by: str | None = None, measure: str = "fidelity"
    ) -> Self:
        """Show students of several families and sizes.

        Parameters
        ----------
        frontier : Frontier or DataFrame
            What `frontier` returned, or a table like its `to_frame`. Only
            student, a size and the measure are needed.
        by : {"items", "leaves", "size", "n_parameters"} or None, default=None
            The size; None for the first of these that the table has.
        measure : {"fidelity", "accuracy"}, default="fidelity"
            What is drawn over it.

        Returns
        -------
        SizeDisplay
            What is drawn.

        Raises
        ------
        InputError
            For a table without these columns or without rows.
        """
        owner = "SizeDisplay.from_frontier"
        check_choice(owner, "measure", measure, ("fidelity", "accuracy"))
        frame = frontier if isinstance(frontier, pd.DataFrame) else frontier.to_frame()
        sizes = [name for name in _AXES if name in frame.columns]
        if by is None and sizes:
            by = sizes[0]
        check_choice(owner, "by", by, sizes or _AXES)
        absent = [name for name in ("student", measure) if name not in frame.columns]
        known = not absent and bool(frame[[by, measure]].notna().all(axis=1).any())
        if not known:
            raise InputError(
                f"{owner} needs a table with a row, and the columns student, {by} and "
                f"{measure}. Got {len(frame)} rows, the columns "
                f"{', '.join(map(str, frame.columns))}."
            )
        values = getattr(frontier, "task", "") == "regression"
        unit = "R2" if values else "share of rows"
        return cls(frame.reset_index(drop=True), str(by), measure, unit)

    @classmethod
    def from_path(cls, path: PruningPath, *, unit: str = "share of rows") -> Self:
        """Show the best tree of every size.

        Parameters
        ----------
        path : PruningPath
            What `students.prune_path` returned, scored against the teacher. With
            held-out rows these are a second line, with an interval of 1.96 standard
            errors.
        unit : str, default="share of rows"
            Of the path's score; "R2" for squared errors.

        Returns
        -------
        SizeDisplay
            What is drawn.
        """
        score, error = path.validation, path.standard_error
        parts = [_scores("on the training rows", path.train, None)]
        if score is not None:
            parts.append(_scores("on held-out rows", score, error))
        data = pd.concat(parts, ignore_index=True)
        last = data["student"] == data["student"].iloc[-1]
        data["knee"] = last & (data["leaves"] == path.choose("knee"))
        if error is not None:
            data["recommended"] = last & (data["leaves"] == path.choose())
        return cls(data, "leaves", "fidelity", unit)

    @property
    def title(self) -> str:
        """What is shown, in a few words."""
        return f"{self.measure.capitalize()} against size"

    @property
    def alt(self) -> str:
        """The same in a sentence or two, for those who do not see it."""
        parts = []
        for name, part in self._students():
            first, last = (
                f"{row[self.measure]:.3f} at {row[self.by]:,.0f}"
                for row in (part.iloc[0], part.iloc[-1])
            )
            parts.append(f"{shortened(name)} from {first} to {last}")
        text = f"{self.title} ({self.unit}, {self.by}): {'; '.join(parts)}."
        for mark in _MARKS[:2]:
            chosen = self._marked(mark)
            if len(chosen):
                first = chosen.iloc[0]
                text += (
                    f" {mark.capitalize()}: {shortened(first['student'])} at "
                    f"{first[self.by]:,.0f}, {first[self.measure]:.3f}."
                )
        n_left = len(self.data) - len(self._known)
        return text + (f" {n_left} without a known size." if n_left else "")

    @property
    def _inches(self) -> tuple[float, float]:
        return 8.0, 4.6

    @property
    def _known(self) -> pd.DataFrame:
        return self.data[self.data[[self.by, self.measure]].notna().all(axis=1)]

    def _students(self) -> Iterator[tuple[Any, pd.DataFrame]]:
        for name, part in self._known.groupby("student", sort=False):
            yield name, part.sort_values(self.by, kind="stable")

    def _marked(self, mark: str) -> pd.DataFrame:
        known = self._known
        return known[known[mark].astype(bool)] if mark in known else known.iloc[:0]

    def _draw(self, ax: Any) -> None:
        ax.set_xscale("log", base=2)
        for i, (name, part) in enumerate(self._students()):
            self._draw_student(ax, i, name, part)
        looks = {
            "recommended": ("*", 260, "#F0E442", "recommended"),
            "knee": ("o", 190, "none", "knee"),
        }
        for mark, (marker, size, fill, said) in looks.items():
            chosen = self._marked(mark)
            if len(chosen):
                x, y = numbers(chosen, self.by), numbers(chosen, self.measure)
                ax.scatter(
                    x,
                    y,
                    size,
                    marker=marker,
                    facecolor=fill,
                    edgecolor="black",
                    linewidth=1.3,
                    zorder=5,
                    label=said,
                )
        _by_doublings(ax)
        ax.set_xlabel(_AXES[self.by])
        ax.set_ylabel(f"{self.measure} ({self.unit})")
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)

    def _draw_student(self, ax: Any, i: int, name: Any, part: pd.DataFrame) -> None:
        x, y = numbers(part, self.by), numbers(part, self.measure)
        colour = LINE_COLOURS[i % len(LINE_COLOURS)]
        # The second seven students have the first's colours and other lines.
        line = LINES[(i + i // len(LINE_COLOURS)) % len(LINES)]
        marker = MARKERS[(i + 2 * (i // len(LINE_COLOURS))) % len(MARKERS)]
        low, high = (
            numbers(part, self.measure + end) if self.measure + end in part else y
            for end in ("_low", "_high")
        )
        if len(x) > 40:
            ax.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        else:
            ends = np.nan_to_num(np.maximum([y - low, high - y], 0))
            ax.errorbar(x, y, ends, fmt="none", ecolor=colour, elinewidth=1, capsize=3)
        ax.plot(
            x,
            y,
            color=colour,
            linestyle=line,
            marker=marker,
            markersize=5,
            markevery=max(1, len(x) // 20),
            label=label(name),
        )


@dataclass(frozen=True, eq=False)
class LearningCurveDisplay(Display):
    """Fidelity and accuracy over the number of rows; `from_curve` makes it.

    Parameters
    ----------
    data : DataFrame
        One row a share: n_rows, fidelity, and as far as known accuracy, each with its
        _low and _high.
    constant : float, default=0.0
        The fidelity of always saying the teacher's commonest decision; 0 is not drawn.
    unit : str, default="share of rows"
        Of fidelity and accuracy.
    verdict : str, default=""
        What more rows are worth, in a sentence.
    """

    constant: float = 0.0
    unit: str = "share of rows"
    verdict: str = ""

    @classmethod
    def from_curve(cls, curve: Any) -> Self:
        """Show a learning curve.

        Parameters
        ----------
        curve : LearningCurve
            What `learning_curve` returned.

        Returns
        -------
        LearningCurveDisplay
            What is drawn.
        """
        unit = "R2" if curve.task == "regression" else "share of rows"
        return cls(curve.to_frame(), curve.constant_fidelity, unit, curve.verdict)

    @property
    def title(self) -> str:
        """What is shown, in a few words."""
        return "Fidelity against rows"

    @property
    def alt(self) -> str:
        """The same in a sentence or two, for those who do not see it."""
        parts = []
        for name in self._measures():
            first, last = (
                f"{row[name]:.3f} at {row['n_rows']:,.0f}"
                for _, row in self.data.iloc[[0, -1]].iterrows()
            )
            parts.append(f"{name} from {first} to {last}")
        return f"{self.title} ({self.unit}): {'; '.join(parts)}. {self.verdict}".strip()

    @property
    def _inches(self) -> tuple[float, float]:
        return 8.0, 4.2

    def _measures(self) -> list[str]:
        return [
            name
            for name in ("fidelity", "accuracy")
            if name in self.data and self.data[name].notna().all()
        ]

    def _draw(self, ax: Any) -> None:
        ax.set_xscale("log", base=2)
        x = numbers(self.data, "n_rows")
        for i, name in enumerate(self._measures()):
            y = numbers(self.data, name)
            ends = [y - numbers(self.data, f"{name}_low")]
            ends.append(numbers(self.data, f"{name}_high") - y)
            ax.errorbar(
                x,
                y,
                np.maximum(ends, 0),
                color=LINE_COLOURS[i],
                linestyle=LINES[i],
                marker=MARKERS[i],
                markersize=5,
                elinewidth=1,
                capsize=3,
                label=name,
            )
        if self.constant > 0:
            ax.axhline(
                self.constant,
                color="black",
                linestyle=LINES[3],
                linewidth=1,
                label="the commonest decision",
            )
        _by_doublings(ax)
        ax.set_xlabel("rows that the student is fitted to")
        ax.set_ylabel(self.unit)
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)


def _by_doublings(ax: Any) -> None:
    """Mark an axis at powers of two, as whole numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    ax.xaxis.set_major_locator(LogLocator(base=2))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))


def _scores(name: str, score: Array, error: Array | None) -> pd.DataFrame:
    wide = np.full(len(score), np.nan) if error is None else 1.96 * error
    return pd.DataFrame(
        {
            "student": name,
            "leaves": np.arange(1, len(score) + 1),
            "fidelity": score,
            "fidelity_low": score - wide,
            "fidelity_high": score + wide,
        }
    )
