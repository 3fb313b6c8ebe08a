"""One rule: what a leaf of a tree says, in words, as a record and as cells."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from interpretkd._base import Shown, amount_text, counted, one_line, prediction_text
from interpretkd.metrics import Estimate
from interpretkd.models import Condition

ALWAYS = ("#", "rule", "prediction", "covers", "rows")
"""The cells that a table has even where nothing was measured."""
NUMBERS = (
    *("#", "probability", "covers", "rows", "fidelity", "disagree", "confidence"),
    *("accuracy", "lift", "recall", "teacher", "RMSE to teacher", "label"),
    "RMSE to label",
)
"""The cells that are read as numbers."""
COLUMNS = (*ALWAYS[:3], "probability", *ALWAYS[3:], *NUMBERS[4:], "merged")
"""The names of `Rule.cells`."""

_ESTIMATES = ("fidelity", "accuracy")
_MEASURES = (
    *("n_disagree", "confidence", "lift", "recall"),
    *("teacher_value", "teacher_rmse", "label_value", "label_rmse"),
)


@dataclass(frozen=True, repr=False)
class Rule(Shown):
    """One leaf of a tree, or some neighbouring leaves that decide the same.

    Parameters
    ----------
    conditions : tuple of Condition
        One a feature, in the order in which the tree first asks for it.
    leaf : int
        The node's index in the tree.
    prediction : object
        The class; a tuple of the labels that are on; or the value(s).
    probability : float or None
        The student's probability of that class (of exactly these labels, taken as
        independent); None without classes. Of merged leaves, the mean by cover.
    n_rows : int
        How many of the given rows it covers (of the training rows, if none were
        given): its support.
    coverage : float
        The same as a share, in [0, 1].
    fidelity : Estimate or None, default=None
        The share of the covered rows on which the teacher decides the same, with
        Wilson's interval; None for regression, which has `teacher_rmse`.
    accuracy : Estimate or None, default=None
        The share of the covered rows that have this label: the rule's precision.
    number : int, default=0
        Its place in the order of coverage, from 1; it stays with the rule.
    leaves : tuple of int, default=()
        The leaves it stands for.
    probabilities : tuple of float, default=()
        The student's probability of each of the set's classes (labels).
    n_disagree : int or None, default=None
        The covered rows on which the teacher decides otherwise.
    confidence : float or None, default=None
        The mean probability that the teacher gives its own decision on these rows.
    lift : float or None, default=None
        Accuracy over the share of this label among all given rows: 1 is no better
        than chance, 2 twice as good.
    recall : float or None, default=None
        The share of all given rows of this label that the rule covers.
    teacher_value, label_value : float, list of float, or None, default=None
        For regression: the mean of what the teacher, or the label, says.
    teacher_rmse, label_rmse : float or None, default=None
        For regression: the root of the mean squared difference between the rule's
        value and the teacher's, or the label's. R2 would say nothing here, for a rule
        is a constant.

    References
    ----------
    Bayardo & Agrawal (1999), "Mining the most interesting rules", for the lift.
    """

    conditions: tuple[Condition, ...]
    leaf: int
    prediction: Any
    probability: float | None
    n_rows: int
    coverage: float
    fidelity: Estimate | None = None
    accuracy: Estimate | None = None
    number: int = 0
    leaves: tuple[int, ...] = ()
    probabilities: tuple[float, ...] = ()
    n_disagree: int | None = None
    confidence: float | None = None
    lift: float | None = None
    recall: float | None = None
    teacher_value: float | list[float] | None = None
    label_value: float | list[float] | None = None
    teacher_rmse: float | None = None
    label_rmse: float | None = None

    @property
    def condition_text(self) -> str:
        """The conditions in words, joined by AND, in one line, with every category."""
        return one_line(" AND ".join(map(str, self.conditions)) or "always")

    @property
    def brief_text(self) -> str:
        """The same, of long lists of categories only the first five."""
        return one_line(" AND ".join(c.brief for c in self.conditions) or "always")

    @property
    def prediction_text(self) -> str:
        """The prediction in words, in one line."""
        return one_line(prediction_text(self.prediction))

    @property
    def merged_text(self) -> str:
        """Which leaves were joined, in words; "" for one leaf alone."""
        if len(self.leaves) < 2:
            return ""
        return f"merged from leaves {', '.join(map(str, self.leaves))}"

    @property
    def sentence(self) -> str:
        """The rule for people who read no tables, in one line."""
        facts = [f"covers {self.coverage:.0%} = {counted(self.n_rows, 'row')}"]
        if self.fidelity is not None:
            facts.insert(0, f"teacher agrees {self.fidelity.value:.0%}")
        if self.teacher_value is not None:
            facts.insert(0, f"teacher says {prediction_text(self.teacher_value)}")
        head = f"IF {self.brief_text} THEN {self.prediction_text}"
        return f"{head} ({', '.join(facts)})"

    @property
    def _end_text(self) -> str:
        """What stands at the end of a branch of the outline, in one line."""
        facts = [f"{counted(self.n_rows, 'row')} = {self.coverage:.1%}"]
        if self.fidelity is not None:
            facts.append(f"teacher agrees {self.fidelity.value:.0%}")
        if self.merged_text:
            facts.append(self.merged_text)
        return f"{self.prediction_text} (rule {self.number}: {', '.join(facts)})"

    @property
    def cells(self) -> list[str]:
        """The texts of `COLUMNS`; what is not known is "-"."""
        return [
            str(self.number),
            self.brief_text,
            self.prediction_text,
            _said(self.probability, ".3f"),
            f"{self.coverage:.1%}",
            f"{self.n_rows:,}",
            _said(self.fidelity, ".3f"),
            _said(self.n_disagree, ","),
            _said(self.confidence, ".3f"),
            _said(self.accuracy, ".3f"),
            _said(self.lift, ".2f"),
            _said(self.recall, ".3f"),
            "-" if self.teacher_value is None else prediction_text(self.teacher_value),
            _amount(self.teacher_rmse),
            "-" if self.label_value is None else prediction_text(self.label_value),
            _amount(self.label_rmse),
            self.merged_text or "-",
        ]

    def _predicts(self, predictions: Collection[Any]) -> bool:
        """Tell whether the prediction is one of some (has a label that is)."""
        if isinstance(self.prediction, tuple):
            return any(label in predictions for label in self.prediction)
        return self.prediction in predictions

    def _record(self, classes: Sequence[Any] = ()) -> dict[str, Any]:
        """Return what is known of the rule as a row of a table, None if unmeasured."""
        record: dict[str, Any] = {
            "number": self.number,
            "rule": self.condition_text,
            "prediction": self.prediction,
            "probability": self.probability,
        }
        for name, chance in zip(classes, self.probabilities, strict=False):
            record[f"probability of {name}"] = chance
        record |= {"coverage": self.coverage, "n_rows": self.n_rows}
        for name in _ESTIMATES:
            estimate = getattr(self, name)
            record[name] = None if estimate is None else estimate.value
            record[f"{name}_low"] = None if estimate is None else estimate.low
            record[f"{name}_high"] = None if estimate is None else estimate.high
        record |= {name: getattr(self, name) for name in _MEASURES}
        record["n_conditions"] = len(self.conditions)
        record["leaf"] = self.leaf
        record["merged"] = self.merged_text or None
        return record

    def __str__(self) -> str:
        facts = [f"covers {self.coverage:.1%} = {counted(self.n_rows, 'row')}"]
        if self.probability is not None:
            facts.insert(0, f"probability {self.probability:.3f}")
        for name in _ESTIMATES:
            estimate = getattr(self, name)
            if estimate is not None:
                facts.append(f"{name} {estimate}")
        for name in ("teacher", "label"):
            error = getattr(self, f"{name}_rmse")
            if error is not None:
                facts.append(f"RMSE to the {name} {amount_text(error, 4)}")
        if self.merged_text:
            facts.append(self.merged_text)
        head = f"IF {self.brief_text} THEN {self.prediction_text}"
        return f"{head} ({'; '.join(facts)})"


def _amount(value: float | None) -> str:
    return "-" if value is None else amount_text(value, 4)


def _said(value: Any, spec: str) -> str:
    return "-" if value is None else format(value, spec)
