"""Is a run still as faithful as when it was signed? Its student on later rows."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import InputError, Shown, counted, escape_html
from interpretkd.data import (
    Codes,
    Ranges,
    TableOptions,
    as_they_stand,
)
from interpretkd.distillation import teacher_is_here
from interpretkd.evaluation import Evaluation, evaluate
from interpretkd.explain import positions_read
from interpretkd.metrics import Estimate
from interpretkd.runs._analysis import analyse_run
from interpretkd.runs._bundle import Run
from interpretkd.runs._deciding import new_rows
from interpretkd.runs._predictions import take_labels
from interpretkd.runs._reading import group_feature, read_rows_for
from interpretkd.runs._task import GROUP_FACT

_MEASURES = {"fidelity": "fidelity to the teacher", "accuracy": "accuracy"}


@dataclass(frozen=True, eq=False, repr=False)
class Recheck(Shown):
    """What a run was signed with beside what is measured on later rows.

    Parameters
    ----------
    signed : Evaluation
        On the rows that were saved with the run.
    now : Evaluation
        On the later rows.
    changes : dict of str to Estimate
        "fidelity" and, with labels on both sides, "accuracy": now less then, with a
        95 % interval.
    outside : DataFrame
        Of the columns that the student reads, those that hold what training had not:
        column, rows, share, what.
    n_outside : int
        The later rows that hold any of it.
    notes : tuple of str, default=()
        What there is to say of the rows, in sentences.
    """

    signed: Evaluation
    now: Evaluation
    changes: Mapping[str, Estimate]
    outside: pd.DataFrame
    n_outside: int
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """Whether the run is as good as it was, in one sentence a measure."""
        return " ".join(self._sentence(name) for name in self.changes)

    @property
    def outside_text(self) -> str:
        """Which rows lie outside what training had seen, in one sentence."""
        if not self.n_outside:
            return (
                "No row lies outside what the training rows had in the columns that "
                "the student reads."
            )
        rows = f"{counted(self.n_outside, 'row')} of {self.now.n:,}"
        verb = "lies" if self.n_outside == 1 else "lie"
        columns = self.outside[["column", "rows", "what"]].itertuples(index=False)
        parts = [f"{column} ({what}: {n:,})" for column, n, what in columns]
        more = f" and {len(parts) - 5} more" if len(parts) > 5 else ""
        return (
            f"{rows} {verb} outside what the training rows had: {', '.join(parts[:5])}"
            f"{more}. What is decided there was never measured."
        )

    @property
    def is_worse(self) -> bool:
        """Whether a measure is significantly lower than it was signed with."""
        return any(change.high < 0 for change in self.changes.values())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values.

        Returns
        -------
        dict
            The measures by name.
        """
        return {
            "verdict": self.verdict,
            "is_worse": self.is_worse,
            "outside": self.outside_text,
            "signed": self.signed.to_dict(),
            "now": self.now.to_dict(),
            "changes": {
                name: {"value": c.value, "low": c.low, "high": c.high}
                for name, c in self.changes.items()
            },
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        said = (self.verdict, self.outside_text, *self.notes)
        return "\n".join([*said, "", str(self.now)])

    @property
    def _headline(self) -> str:
        return self.verdict

    def _repr_html_(self) -> str:
        said = (self.verdict, self.outside_text, *self.notes)
        sentences = "".join(f"<p>{escape_html(text)}</p>" for text in said)
        return sentences + self.now._repr_html_()

    def _sentence(self, name: str) -> str:
        change = self.changes[name]
        then, now = getattr(self.signed.student, name), getattr(self.now.student, name)
        how = "as high as"
        if change.high < 0:
            how = "lower than"
        elif change.low > 0:
            how = "higher than"
        else:
            how = "not significantly different from"
        of_values = self.now.task == "regression"
        spec, unit = (".3f", " (R2)") if of_values else (".1%", "")
        gap = format(change, "+" + spec) if of_values else _points(change)
        return (
            f"The {_MEASURES[name]}{unit} is {how} what the run was signed with: "
            f"{now:{spec}} on these {self.now.rows_text}, {then:{spec}} on "
            f"{self.signed.rows_text} then (difference {gap})."
        )


def recheck(
    run: Run,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    notes: tuple[str, ...] = (),
) -> Recheck:
    """Measure a run on later rows, beside what it was signed with.

    Parameters
    ----------
    run : Run
        What `load_run` returned, with its evaluation rows.
    X : array-like or frame of shape (n_samples, n_features)
        Later rows, in original columns.
    y : array-like of shape (n_samples,), default=None
        Their labels.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to; None takes them as independent.
    notes : tuple of str, default=()
        What there is to say of the rows.

    Returns
    -------
    Recheck
        Fidelity and accuracy now and then, and the rows outside what was seen.

    Raises
    ------
    InputError
        When the run has no evaluation rows, or its teacher was not saved with it.
    """
    model: Any = run.model
    if not teacher_is_here(model):
        raise InputError(
            "Whether a run is still faithful is asked of its teacher, and the teacher "
            f"({model.teacher_.estimator.description}) was not saved with it: load the "
            "run with the teacher, load_run(path, teacher=...)."
        )
    signed = analyse_run(run).evaluation
    now = evaluate(model, X, y, groups=groups)
    pairs = {
        name: (getattr(now.student, name), getattr(signed.student, name))
        for name in _MEASURES
    }
    changes = {
        name: _difference(*pair) for name, pair in pairs.items() if None not in pair
    }
    seen = model.ranges_
    if seen is None and run.evaluation is not None:  # a run of old does not know them
        seen = Ranges.of(model.schema_, model.schema_.encode(run.evaluation.X))
    outside, n_outside = _outside(model, model.schema_.encode(X), seen)
    return Recheck(signed, now, changes, outside, n_outside, notes)


def recheck_table(
    run: Run,
    path: str | os.PathLike[str],
    target: str | None = None,
    *,
    group: str | None = None,
    on_unknown: str = "error",
    options: TableOptions | None = None,
) -> Recheck:
    """Do what `recheck` does with the rows of a file.

    Parameters
    ----------
    run : Run
        What `load_run` returned.
    path : str or path
        A CSV or Parquet file with the model's columns.
    target : str or None, default=None
        The column of the labels; None for the one of the training, if it is there.
    group : str or None, default=None
        The column that says what the rows belong to.
    on_unknown : {"error", "missing", "skip"}, default="error"
        What becomes of a cell that the model cannot read; as of `new_rows`.
    options : TableOptions, default=None
        How the file is written, where it is not found out.

    Returns
    -------
    Recheck
        As `recheck` returns it.

    Raises
    ------
    InputError
        As `recheck`, and for a file that cannot be read.
    """
    model, about = run.model, run.about
    named = {str(name) for name in as_they_stand(path, options).columns}
    target = target or _known_name(about, "target", named)
    group = group or _known_name(about, GROUP_FACT, named)
    further = [] if group is None else [group_feature(group)]
    read = read_rows_for(
        model,
        path,
        target=target,
        about=about,
        options=options,
        further=further,
        keep_unread=True,
    )
    rows = new_rows(model, read.frame, on_unknown, needed=model.schema_.names)
    left = read.frame.iloc[rows.numbers]
    labels = take_labels(model, left, target)
    groups = None if group is None else left[group]
    notes = (*read.notes, *rows.notes)
    return recheck(run, rows.X, labels, groups=groups, notes=notes)


def _known_name(about: Mapping[str, Any], fact: str, named: set[str]) -> str | None:
    """Return the column that the run had for something, if the file has it, too."""
    name = about.get(fact)
    return str(name) if name is not None and str(name) in named else None


def _difference(now: Estimate, then: Estimate) -> Estimate:
    """Return one estimate less another of other rows, with their joint interval.

    References: Zou & Donner (2008), "Construction of confidence limits about effect
    measures: a general approach"; of two shares Newcombe's (1998) method 10 for
    independent samples.
    """
    value = now.value - then.value
    down = np.hypot(now.value - now.low, then.high - then.value)
    up = np.hypot(now.high - now.value, then.value - then.low)
    return Estimate(value, value - float(down), value + float(up), now.n)


def _points(gap: Estimate) -> str:
    """Say a difference of two shares: in points, for "%" would be of something."""
    value, low, high = (100 * part for part in (gap.value, gap.low, gap.high))
    return f"{value:+.1f} points [{low:+.1f}, {high:+.1f}]"


def _outside(model: Any, codes: Codes, seen: Ranges | None) -> tuple[pd.DataFrame, int]:
    """Find rows that hold what training had not, in the columns the student reads."""
    found: list[dict[str, Any]] = []
    any_outside: NDArray[np.bool_] = np.zeros(len(codes), dtype=bool)
    for place in positions_read(model):
        feature, column = model.schema_.features[place], codes[:, place]
        gaps = np.isnan(column)
        cases = {"missing": gaps & (not feature.has_missing)}
        if seen is not None and not feature.is_categorical:
            low, high = seen.low[place], seen.high[place]
            cases[f"below {feature.text(low)}"] = column < low
            cases[f"above {feature.text(high)}"] = column > high
        for what, rows in cases.items():
            any_outside |= rows
            n = int(rows.sum())
            entry = {"column": feature.name, "rows": n, "share": n / len(codes)}
            found += [entry | {"what": what}] if n else []
    table = pd.DataFrame(found, columns=["column", "rows", "share", "what"])
    order = table.sort_values("rows", ascending=False, kind="stable")
    return order.reset_index(drop=True), int(any_outside.sum())
