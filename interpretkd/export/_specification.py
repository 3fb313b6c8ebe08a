"""What an export writes down: a student, what its outputs mean, exact thresholds."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError
from interpretkd.data import Feature, Rows, Schema, plain_value
from interpretkd.models import (
    ALL_NUMBERS,
    Forest,
    Form,
    Linear,
    Score,
    ScoredSchema,
    ScoredTree,
    Tree,
    given_schema,
    used_positions,
)
from interpretkd.targets import Target, decide, probabilities

Label: TypeAlias = str | int | float | bool

_KINDS = {Tree: "tree", ScoredTree: "scored_tree", Forest: "forest", Linear: "linear"}
_VALUES = Target("logits", task="regression")


@dataclass(frozen=True, eq=False)
class _ModelSpec:
    """All that is needed to predict as a distilled model does, and nothing else.

    Parameters
    ----------
    form : Tree, Forest or Linear
        The fitted student.
    target : Target
        What its outputs stand for.
    labels : tuple of str, int, float or bool
        One an output: the classes, the labels, or the names of the values.

    Raises
    ------
    InputError
        When there is not one label an output, or two read the same.
    """

    form: Form
    target: Target
    labels: tuple[Label, ...]

    def __post_init__(self) -> None:
        if len(self.labels) != self.form.n_outputs:
            raise InputError(
                f"A student of {self.form.n_outputs} outputs needs as many labels. Got "
                f"{len(self.labels)}."
            )
        if not all(isinstance(label, str | int | float) for label in self.labels):
            raise InputError("Labels must be texts, numbers or booleans.")
        if len({str(label) for label in self.labels}) != len(self.labels):
            raise InputError("Two labels read the same.")

    @property
    def schema(self) -> Schema:
        """The columns of the rows."""
        return given_schema(self.form)

    @property
    def task(self) -> str:
        """Out of "multiclass", "multilabel" and "regression"."""
        return self.target.task

    @property
    def link(self) -> str:
        """What turns the form's sums into its outputs; a tree has no sums."""
        return getattr(self.form, "link", "identity")

    @property
    def used(self) -> tuple[int, ...]:
        """The positions of the columns that the form reads, in order."""
        return used_positions(self.form)

    @property
    def scores(self) -> dict[int, Score]:
        """The sums that tests are about, by their position among the tested columns."""
        schema = self.form.schema
        if not isinstance(schema, ScoredSchema) or not isinstance(self.form, Tree):
            return {}
        tested = np.unique(self.form.nodes.feature)
        found = {i: schema.score_at(i) for i in tested[tested >= 0].tolist()}
        return {i: score for i, score in found.items() if score is not None}

    def given(self, tested: int) -> int:
        """Return where a tested column that is no sum stands in `schema`."""
        schema = self.form.schema
        return schema.plain[tested] if isinstance(schema, ScoredSchema) else tested

    def results(self, outputs: Array) -> tuple[Array, NDArray[Any]]:
        """Return what outputs of the form mean, as values and decisions.

        Values are probabilities at temperature 1 (the values, for regression), and
        decisions positions in `labels`, 0 and 1 for each of several labels, or zeros
        for regression, which decides nothing.
        """
        logits = self.target.decode(outputs)
        if self.task == "regression":
            return logits, np.zeros(len(logits), dtype=np.int64)
        return probabilities(logits, self.task), decide(logits, self.task)

    def predict(self, X: Rows) -> tuple[Array, NDArray[Any]]:
        """Return values and decisions of rows, as `results` does."""
        return self.results(self.form.predict(X))


def _model_spec(model: Any) -> _ModelSpec:
    """Read from a fitted model what an export has to write down.

    A student or form by itself knows no classes: its outputs are exported as values.
    """
    if isinstance(model, _ModelSpec):
        return model
    student = getattr(model, "student_", model)
    form = getattr(student, "form_", student)
    if not isinstance(form, Tree | Forest | Linear):
        raise InputError(
            "Only CartStudent, ScoredTreeStudent, BoostedStudent, LinearStudent and "
            f"CommitteeStudent can be exported. Got a {type(student).__name__}."
        )
    target = getattr(model, "reading_", _VALUES)
    if target.task == "regression":
        return _ModelSpec(form, target, _value_names(form))
    return _ModelSpec(form, target, tuple(map(_plain, model.classes_)))


def _form_kind(form: Form) -> str:
    """Return "tree", "forest" or "linear"."""
    return _KINDS[type(form)]


def _double_threshold(threshold: float) -> float:
    """Return the float64 that separates the same rows as a float32 threshold.

    Students compare ``float32(x) <= threshold``. Wherever numbers are float64, the
    same test is ``x <= _double_threshold(threshold)``: x is rounded to the nearest
    float32, so the border lies half-way to the next one, and which side the border
    itself belongs to follows from rounding half to even.

    Examples
    --------
    >>> _double_threshold(0.5)
    0.5000000298023224
    >>> float(np.float32(0.5000000298023224))
    0.5
    """
    low = np.float32(threshold)
    with np.errstate(over="ignore"):  # above the largest float32 comes infinity
        high = np.nextafter(low, np.float32(np.inf))
        above = float(high) if np.isfinite(high) else 2.0**128
        middle = (float(low) + above) / 2  # exact: 25 bits
        belongs = np.float32(middle) <= low
    return middle if belongs else float(np.nextafter(middle, -np.inf))


def _border_of(feature: Feature, threshold: float) -> int | float:
    """Return the last number of a column that passes ``code <= threshold``.

    An int for whole numbers with a scale, which every language compares exactly.
    """
    if feature.scale is None:
        return _double_threshold(threshold)
    last = feature.scale.last(threshold)
    return last if abs(last) <= _WHOLE else float(last)


_WHOLE = 2**53
"""Up to here float64, as which columns are read, holds every whole number."""

LARGEST = _double_threshold(ALL_NUMBERS)
"""The largest float64 that is still a number as a float32."""


SMALLEST = 1e-6
"""Probabilities below this count as this much, in `Target.decode` and every export."""


def _check_texts(spec: _ModelSpec) -> None:
    """Refuse texts that a file cannot hold: with NUL, or half a surrogate pair."""
    features = [spec.schema.features[position] for position in spec.used]
    texts = [str(label) for label in spec.labels]
    for feature in features:
        texts += [feature.name, *map(str, feature.categories)]
    for text in texts:
        if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
            raise InputError(
                f"The text {text!r} cannot be exported: it holds a character that "
                "text files cannot hold."
            )


def _value_names(form: Form) -> tuple[Label, ...]:
    names = getattr(form, "names", None)
    if names is not None:
        return tuple(names)
    if form.n_outputs == 1:
        return ("value",)
    return tuple(f"output {i}" for i in range(form.n_outputs))


def _plain(label: Any) -> Label:
    value = plain_value(label)
    return value if isinstance(value, str | int | float) else str(value)
