"""What is said of one row, and how it reads as text and as tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from interpretkd._base import (
    Array,
    Shown,
    html_block,
    html_table,
    one_line,
    prediction_text,
    signed_text,
    threshold_text,
)
from interpretkd.data import Rows

_MOST_PARTS = 10
"""How many contributions the text names; the table holds all."""


@dataclass(frozen=True)
class Step:
    """One test on the way of a row through a tree.

    Parameters
    ----------
    node : int
        The node's index in the tree.
    feature : str
        The column tested.
    value : str
        The row's value in words.
    test : str
        What the row fulfils there, in words.
    margin : float or None
        In [0, inf), in the column's units (days and the like, for dates): how far the
        value is from the threshold; None for categories and missing values.
    relative_margin : float or None
        The same in standard deviations of the column; None where no rows were given.
    """

    node: int
    feature: str
    value: str
    test: str
    margin: float | None
    relative_margin: float | None


@dataclass(frozen=True)
class Change:
    """One cell of a row, and what it becomes.

    Parameters
    ----------
    feature : str
        The column.
    before, after : str
        The values in words.
    size : float
        In [0, inf): the distance in standard deviations of the column; 1 for a
        category or a gap.
    is_usual : bool or None
        Whether the new number lies within the range of the given rows; None where no
        rows were given.
    """

    feature: str
    before: str
    after: str
    size: float
    is_usual: bool | None

    def __str__(self) -> str:
        note = " (no given row goes so far)" if self.is_usual is False else ""
        return one_line(f"{self.feature}: {self.before} -> {self.after}{note}")


@dataclass(frozen=True, eq=False, repr=False)
class Counterfactual(Shown):
    """A change of the row after which the student decides otherwise.

    Parameters
    ----------
    changes : tuple of Change
        The cells that change.
    row : DataFrame or ndarray of shape (1, n_features)
        The changed row, in original columns.
    prediction : object
        What the student then says.
    probability : float or None
        Its probability of that; None for regression.
    teacher_prediction : object
        What the teacher then says; None where it cannot be asked.
    teacher_follows : bool or None
        Whether it goes along, as `explain_row` says; None where it cannot be asked.
    """

    changes: tuple[Change, ...]
    row: Rows
    prediction: Any
    probability: float | None
    teacher_prediction: Any
    teacher_follows: bool | None

    @property
    def size(self) -> float:
        """The sum of the changes, in standard deviations."""
        return sum(change.size for change in self.changes)

    def __str__(self) -> str:
        says = _with_chance(self.prediction, self.probability)
        teacher = "the teacher cannot be asked"
        if self.teacher_follows is not None:
            verb = "goes along" if self.teacher_follows else "does not go along"
            teacher = f"the teacher {verb}: {prediction_text(self.teacher_prediction)}"
        changes = " and ".join(map(str, self.changes))
        return one_line(f"{changes} => {says}; {teacher}")


@dataclass(frozen=True, eq=False, repr=False)
class RowExplanation(Shown):
    """What student and teacher say of one row, and why the student says so.

    Parameters
    ----------
    values : mapping of str to str
        The row in words, by column.
    prediction, teacher_prediction : object
        The class; a tuple of the labels that are on; or the value(s).
    outputs : tuple of str
        The names of the classes, labels or values.
    student_scores, teacher_scores : ndarray of shape (n_outputs,)
        The probabilities at temperature 1; the values, for regression.
    probability, teacher_probability : float or None
        Of the predictions; None for regression.
    agrees : bool or None
        Whether both decide alike; None for regression.
    leaf : int or None
        The leaf's index in the tree; None for other students.
    steps : tuple of Step
        The way through the tree, from its root; empty for other students.
    contributions : DataFrame or None
        For boosted and linear students what each feature adds to each output's sum,
        and in the first row what it is added to; None for a tree. For classes that
        exclude each other the sums are those less their mean, which decides the same.
    counterfactuals : tuple of Counterfactual
        The nearest changes that make the student decide otherwise, the nearest first.
    is_as_desired : bool, default=False
        Whether it decides as was desired already, so that nothing has to change.
    """

    values: Mapping[str, str]
    prediction: Any
    teacher_prediction: Any
    outputs: tuple[str, ...]
    student_scores: Array
    teacher_scores: Array
    probability: float | None
    teacher_probability: float | None
    agrees: bool | None
    leaf: int | None
    steps: tuple[Step, ...]
    contributions: pd.DataFrame | None
    counterfactuals: tuple[Counterfactual, ...]
    is_as_desired: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return the way through the tree, or the contributions, as a table.

        Returns
        -------
        DataFrame
            For a tree one row a test: node, feature, value, test, margin and
            relative_margin. Else one row a feature, the largest contributions first:
            feature, value, and a column an output.
        """
        if self.contributions is not None:
            return self.contributions
        columns = list(Step.__dataclass_fields__)
        rows = [[getattr(step, name) for name in columns] for step in self.steps]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.astype({"margin": float, "relative_margin": float})

    def counterfactuals_frame(self) -> pd.DataFrame:
        """Return the counterfactuals as a table.

        Returns
        -------
        DataFrame
            One row a changed cell: counterfactual (from 1), feature, before, after,
            size, is_usual, prediction, probability, teacher_prediction,
            teacher_follows.
        """
        rows = [
            {
                "counterfactual": i,
                **{name: getattr(change, name) for name in Change.__dataclass_fields__},
                "prediction": one.prediction,
                "probability": one.probability,
                "teacher_prediction": one.teacher_prediction,
                "teacher_follows": one.teacher_follows,
            }
            for i, one in enumerate(self.counterfactuals, start=1)
            for change in one.changes
        ]
        columns = [
            "counterfactual",
            *Change.__dataclass_fields__,
            "prediction",
            "probability",
        ]
        columns += ["teacher_prediction", "teacher_follows"]
        return pd.DataFrame(rows, columns=columns)

    def scores_frame(self) -> pd.DataFrame:
        """Return what student and teacher say of each output.

        Returns
        -------
        DataFrame
            Columns output, student and teacher: probabilities, or values.
        """
        return pd.DataFrame(
            {
                "output": list(self.outputs),
                "student": self.student_scores,
                "teacher": self.teacher_scores,
            }
        )

    @property
    def sentence(self) -> str:
        """What both say of the row, in one sentence."""
        student = _with_chance(self.prediction, self.probability)
        teacher = _with_chance(self.teacher_prediction, self.teacher_probability)
        verdict = {True: " They agree.", False: " They disagree.", None: ""}[
            self.agrees
        ]
        return one_line(f"The student says {student}, the teacher {teacher}.{verdict}")

    def __str__(self) -> str:
        lines = [self.sentence]
        if self.leaf is not None:
            lines.append(f"The way to leaf {self.leaf}:")
            lines += [f"  {_step_text(step)}" for step in self.steps]
            if not self.steps:
                lines.append("  there is no test")
        lines += _parts_text(self)
        lines.append("What would make the student decide otherwise:")
        lines += [f"  {one}" for one in self.counterfactuals]
        if not self.counterfactuals:
            lines.append(f"  {self._none_found}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        caption = (
            "What adds to the sums" if self.leaf is None else "The way to the leaf"
        )
        tables = [
            html_table(self.scores_frame(), caption="Student and teacher"),
            html_table(self.to_frame(), caption=caption),
        ]
        sentences = [self.sentence]
        if self.counterfactuals:
            caption = "What would make the student decide otherwise"
            tables.append(html_table(self.counterfactuals_frame(), caption=caption))
        else:
            sentences.append(f"What would change it: {self._none_found}.")
        return html_block(sentences, tables)

    @property
    def _none_found(self) -> str:
        if self.is_as_desired:
            return "it decides as desired already"
        if self.leaf is None:
            return "no change of one feature, nor of a few one after the other"
        return "no change of the features that may change"


def _with_chance(prediction: Any, chance: float | None) -> str:
    text = prediction_text(prediction)
    return text if chance is None else f"{text} (probability {chance:.3f})"


def _step_text(step: Step) -> str:
    text = f"{step.feature} = {step.value} fulfils {step.test}"
    if step.margin is None:
        return text
    far = f"by {threshold_text(float(f'{step.margin:.3g}'))}"
    if step.relative_margin is not None:
        far += f", {step.relative_margin:.2f} standard deviations"
    return f"{text} ({far})"


def _parts_text(explanation: RowExplanation) -> list[str]:
    frame = explanation.contributions
    if frame is None:
        return []
    column = frame.columns[2]
    if explanation.agrees is not None and not isinstance(explanation.prediction, tuple):
        column = frame.columns[2 + int(explanation.student_scores.argmax())]
    elif len(frame.columns) > 3:
        return ["What adds to the sums: see to_frame()."]
    lines = [f"What adds {column}:"]
    shown = frame[1:][frame[column][1:] != 0]
    for name, value, number in shown[["feature", "value", column]][:_MOST_PARTS].values:
        lines.append(f"  {name} = {value}: {signed_text(number)}")
    if len(shown) > _MOST_PARTS:
        lines.append(f"  and {len(shown) - _MOST_PARTS} more")
    return lines
