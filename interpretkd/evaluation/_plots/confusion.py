"""A figure of where a student and its teacher decide differently."""

from dataclasses import dataclass
from itertools import product
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import Array, counted
from interpretkd.drawing import check_classes, label, shortened
from interpretkd.evaluation._plots.pair import _PairDisplay
from interpretkd.targets import Answers, decide

_MOST_CLASSES = 16
"""Classes that are drawn; further ones are joined."""
_CASES = ("both", "teacher alone", "student alone", "neither")


@dataclass(frozen=True, eq=False)
class ConfusionDisplay(_PairDisplay):
    """What the student decides where the teacher decides what; a `from_` makes it.

    Parameters
    ----------
    data : DataFrame
        One row a cell, row after row: teacher and student (of several labels: label
        and decided_by), n_rows, share (of the row's).
    n_columns : int
        In [1, inf): the cells in a row.
    """

    n_columns: int

    @classmethod
    def _check(cls, model: Any) -> None:
        check_classes("ConfusionDisplay", model)

    @classmethod
    def _pair(cls, model: Any, teacher: Answers, own: Array) -> Self:
        names = [str(name) for name in model.classes_]
        first, second = decide(teacher, model.task_), decide(own, model.task_)
        if model.task_ == "multilabel":
            first, second = first.astype(bool), second.astype(bool)
            cases = (first & second, first & ~second, ~first & second)
            counts = np.stack([case.sum(axis=0) for case in cases], axis=1)
            rest = len(first) - counts.sum(axis=1)
            counts = np.column_stack([counts, rest])
            columns: tuple[str, ...] = _CASES
            heads = "label", "decided_by"
        else:
            size = len(names)
            counts = np.bincount(first * size + second, minlength=size**2)
            counts = counts.reshape(size, size)
            columns, heads = tuple(names), ("teacher", "student")
        return cls(_cells(counts, names, columns, heads), len(columns))

    @property
    def title(self) -> str:
        """What is shown, in a few words."""
        if self._labels:
            return "Who gives each label"
        return "Decisions of the teacher and the student"

    @property
    def alt(self) -> str:
        """The same in a sentence or two, for those who do not see it."""
        counts = self._counts
        total = max(int(counts.sum()), 1)
        if self._labels:
            apart = counts[:, 1] + counts[:, 2]
            worst = int(apart.argmax())
            name = self.data["label"].iloc[worst * self.n_columns]
            return (
                f"{self.title}: of {len(counts):,} labels, teacher and student differ "
                f"most on {shortened(name)}, in {apart[worst]:,} of "
                f"{counts[worst].sum():,} rows."
            )
        same = int(np.trace(counts))
        text = f"{self.title}: the same for {same:,} of {counts.sum():,} rows "
        text += f"({same / total:.1%})."
        apart = counts - np.diag(np.diag(counts))
        if apart.any():
            cell = self.data.iloc[int(apart.argmax())]
            text += (
                f" The most frequent difference: the teacher decides "
                f"{shortened(cell['teacher'])}, the student "
                f"{shortened(cell['student'])} ({counted(cell['n_rows'], 'row')})."
            )
        return text

    @property
    def _labels(self) -> bool:
        return "label" in self.data

    @property
    def _counts(self) -> NDArray[np.int64]:
        return self.data["n_rows"].to_numpy(np.int64).reshape(-1, self.n_columns)

    @property
    def _inches(self) -> tuple[float, float]:
        return 8.0, 1.6 + 0.42 * min(len(self._counts), _MOST_CLASSES + 1)

    def _draw(self, ax: Any) -> None:
        first, second = self.data.columns[:2]
        rows = list(self.data[first].iloc[:: self.n_columns])
        columns = list(self.data[second].iloc[: self.n_columns])
        counts, rows, columns = _joined_classes(
            self._counts, rows, columns, square=not self._labels
        )
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        ax.pcolormesh(
            shares, cmap="Blues", vmin=0, vmax=1, edgecolor="#bbbbbb", linewidth=0.5
        )
        small = 7 if len(columns) > 8 else 9
        for i, j in product(range(len(rows)), range(len(columns))):
            text = f"{counts[i, j]:,}"
            text += f"\n{shares[i, j]:.0%}" if counts[i, j] else ""
            ax.text(
                j + 0.5,
                i + 0.5,
                text,
                ha="center",
                va="center",
                fontsize=small,
                linespacing=0.95,
                color="white" if shares[i, j] > 0.55 else "black",
            )
        longest = 12 if len(columns) > 6 else 20
        turned = len(columns) > 4 and any(len(str(name)) > 6 for name in columns)
        ax.set_xticks(
            np.arange(len(columns)) + 0.5,
            [label(name, longest) for name in columns],
            rotation=40 if turned else 0,
            ha="right" if turned else "center",
        )
        ax.set_yticks(np.arange(len(rows)) + 0.5, [label(name, 20) for name in rows])
        ax.invert_yaxis()
        ax.grid(visible=False)
        ax.tick_params(length=0)
        ax.set_xlabel("decided by" if self._labels else "the student decides")
        ax.set_ylabel("label" if self._labels else "the teacher decides")
        ax.set_title("rows, and their share of the line's", fontsize=9.5, loc="left")


def _cells(
    counts: NDArray[np.int64],
    rows: list[str],
    columns: tuple[str, ...],
    heads: tuple[str, str],
) -> pd.DataFrame:
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.where(totals, counts / np.maximum(totals, 1), np.nan)
    return pd.DataFrame(
        {
            heads[0]: np.repeat(np.asarray(rows, dtype=object), len(columns)),
            heads[1]: np.tile(np.asarray(columns, dtype=object), len(rows)),
            "n_rows": counts.ravel(),
            "share": shares.ravel(),
        }
    )


def _joined_classes(
    counts: NDArray[np.int64], rows: list[str], columns: list[str], *, square: bool
) -> tuple[NDArray[np.int64], list[str], list[str]]:
    """Keep the classes with most differences, and join the others."""
    if len(rows) <= _MOST_CLASSES:
        return counts, rows, columns
    if square:
        apart = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    else:
        apart = counts[:, 1] + counts[:, 2]
    kept = np.sort(np.argsort(-apart, kind="stable")[:_MOST_CLASSES])
    place = np.full(len(rows), _MOST_CLASSES)
    place[kept] = np.arange(_MOST_CLASSES)
    others = f"{len(rows) - _MOST_CLASSES:,} others"
    across = np.zeros((_MOST_CLASSES + 1, counts.shape[1]), dtype=np.int64)
    np.add.at(across, place, counts)
    names = [*(rows[i] for i in kept), others]
    if not square:
        return across, names, columns
    both = np.zeros((_MOST_CLASSES + 1, _MOST_CLASSES + 1), dtype=np.int64)
    np.add.at(both.T, place, across.T)
    return both, names, names
