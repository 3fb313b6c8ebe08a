"""What is said of one row, and how it reads as text and as tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from interpretkd._base import (
    Array,
    Shown,
    amount_text,
    html_block,
    html_table,
    one_line,
    prediction_text,
    signed_text,
    threshold_text,
)
from interpretkd.data import Rows
from interpretkd.explain._crowd import UNLIKELY

_MOST_PARTS = 10
"""How many contributions the text names; the table holds all."""


@dataclass(frozen=True)
class PathStep:
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
    parts : tuple of (str, float), default=()
        Of a test that adds up columns, what each of them adds.
    """

    node: int
    feature: str
    value: str
    test: str
    margin: float | None
    relative_margin: float | None
    parts: tuple[tuple[str, float], ...] = ()


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
    """

    feature: str
    before: str
    after: str
    size: float

    def __str__(self) -> str:
        return one_line(f"{self.feature}: {self.before} -> {self.after}")


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
    plausibility : float or None, default=None
        In [0, 1]: the share of the given rows that stand at least as far from their
        nearest other row as the changed row does; 0 where none does. None where too
        few rows were given.
    """

    changes: tuple[Change, ...]
    row: Rows
    prediction: Any
    probability: float | None
    teacher_prediction: Any
    teacher_follows: bool | None
    plausibility: float | None = None

    @property
    def stands_alone(self) -> bool:
        """Whether it is farther from all given rows than nearly each of them is."""
        return self.plausibility is not None and self.plausibility < UNLIKELY

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
        note = " (hardly any given row is like that)" if self.stands_alone else ""
        return one_line(f"{changes}{note} => {says}; {teacher}")


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
    steps : tuple of PathStep
        The way through the tree, from its root; empty for other students.
    contributions : DataFrame or None
        For boosted and linear students what each feature adds, and in the first row,
        "(base)", what a mean row comes to; None for a tree. A column's sum is what the
        model itself says: for two classes the logit of the second, as
        ``decision_function``; for more each logit less the mean of all; for labels the
        logits; for regression the value. A last row, "(limit)", is there where the
        smallest probability that counts cuts the sum off. Of a student that adds up
        something else, such as probabilities, it is that, as `sums_of` says.
    counterfactuals : tuple of Counterfactual
        Changes that make the student decide otherwise, the best first.
    is_as_desired : bool, default=False
        Whether it decides as was desired already, so that nothing has to change.
    sums_of : tuple of str, default=()
        What the columns of `contributions` add up to, such as "the logit of good".
    none_found : str, default=""
        Why there is no counterfactual, in a sentence; empty where there is one.
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
    steps: tuple[PathStep, ...]
    contributions: pd.DataFrame | None
    counterfactuals: tuple[Counterfactual, ...]
    is_as_desired: bool = False
    sums_of: tuple[str, ...] = ()
    none_found: str = ""

    @property
    def sums(self) -> dict[str, float]:
        """What the contributions come to, by what that is; empty for a tree."""
        if self.contributions is None:
            return {}
        totals = self.contributions.iloc[:, 2:].sum().tolist()
        return dict(zip(self.sums_of, totals, strict=True))

    @property
    def main_sum(self) -> int:
        """The position of the sum that the decision goes by, or of the first."""
        if len(self.sums_of) < 2 or isinstance(self.prediction, tuple | list):
            return 0
        return int(self.student_scores.argmax())

    def to_frame(self) -> pd.DataFrame:
        """Return the way through the tree, or the contributions, as a table.

        Returns
        -------
        DataFrame
            For a tree one row a test: node, feature, value, test, margin and
            relative_margin. Else one row a feature, the largest contributions first:
            feature, value, and a column a sum.
        """
        if self.contributions is not None:
            return self.contributions
        columns = list(PathStep.__dataclass_fields__)
        rows = [[getattr(step, name) for name in columns] for step in self.steps]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.astype({"margin": float, "relative_margin": float})

    def counterfactuals_frame(self) -> pd.DataFrame:
        """Return the counterfactuals as a table.

        Returns
        -------
        DataFrame
            One row a changed cell: counterfactual (from 1), feature, before, after,
            size, prediction, probability, teacher_prediction, teacher_follows,
            plausibility.
        """
        rows = [
            {
                "counterfactual": i,
                **{name: getattr(change, name) for name in Change.__dataclass_fields__},
                "prediction": one.prediction,
                "probability": one.probability,
                "teacher_prediction": one.teacher_prediction,
                "teacher_follows": one.teacher_follows,
                "plausibility": one.plausibility,
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
        columns += ["teacher_prediction", "teacher_follows", "plausibility"]
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
            lines.append(f"  {self.none_found}")
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
            sentences.append(self.none_found)
        return html_block(sentences, tables)


def _with_chance(prediction: Any, chance: float | None) -> str:
    text = prediction_text(prediction)
    return text if chance is None else f"{text} (probability {chance:.3f})"


def _step_text(step: PathStep) -> str:
    text = f"{step.feature} = {step.value} fulfils {step.test}"
    if step.parts:
        added = ", ".join(f"{signed_text(x, 6)} from {name}" for name, x in step.parts)
        text = f"{added}: in all {step.value}, which fulfils {step.test}"
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
    decided = explanation.agrees is not None
    if len(explanation.sums_of) > 1 and (
        not decided or isinstance(explanation.prediction, tuple)
    ):
        return ["What adds to the sums: see to_frame()."]
    place = explanation.main_sum
    column, about = frame.columns[2 + place], explanation.sums_of[place]
    total, base = frame[column].sum(), frame[column].iloc[0]
    lines = [
        f"{about[:1].upper()}{about[1:]} is {amount_text(total, 4)}: "
        f"{amount_text(base, 4)} for a mean row"
    ]
    shown = frame[1:][frame[column][1:] != 0]
    for name, value, number in shown[["feature", "value", column]][:_MOST_PARTS].values:
        given = f"{name} = {value}" if value else name
        lines.append(f"  {given}: {signed_text(number)}")
    if len(shown) > _MOST_PARTS:
        left = shown[column][_MOST_PARTS:].sum()
        lines.append(f"  and {len(shown) - _MOST_PARTS} more: {signed_text(left)}")
    return lines
