"""What a person may set of a row, and what changes when it is set.

The inputs of a student are its columns: those it reads, and those that only its teacher
reads. Values are the codes of `schema.Schema`, so that one number says a category, a
date or a missing value, too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._validation import InputError
from interpretkd.answers import (
    certainty,
    decisions,
    given_rows,
    output_names,
    replace_cells,
    same_decisions,
    teacher_is_here,
    value_text,
)
from interpretkd.conditions import Condition, branch_tests, path_conditions
from interpretkd.contributions import contributions, feature_importance
from interpretkd.linear import Linear
from interpretkd.schema import Codes, Feature, Rows
from interpretkd.targets import probabilities
from interpretkd.trees import Tree
from interpretkd.wording import number_text, one_line, prediction_text

__all__ = [
    "Input",
    "Said",
    "Trial",
    "inputs_of",
    "label_text",
    "order_of_inputs",
    "read_settings",
    "row_of",
    "settings_between",
    "try_values",
    "used_positions",
    "write_settings",
]

Array = NDArray[np.float64]

_USUAL = (0.01, 0.99)
"""Between which quantiles a slider runs: one far value would take all its length."""

_SETTING = re.compile(r"(\d{1,7})_(na|-?\d{1,20}(?:\.\d{1,20})?(?:e[+-]?\d{1,3})?)")


@dataclass(frozen=True)
class Input:
    """One column of a row, and how a person may set it.

    Parameters
    ----------
    feature : Feature
        The column.
    position : int
        Where it stands among the columns, from 0.
    is_used : bool
        Whether the student reads it.
    is_whole : bool
        Whether all known numbers are whole; False for all but numbers.
    low, high : float
        The range of a slider: nearly all known values lie within; NaN for categories
        and where no value is known.
    least, most : float
        The smallest and the largest known value; NaN as above.
    may_miss : bool
        Whether a value was ever missing here.
    """

    feature: Feature
    position: int
    is_used: bool
    is_whole: bool
    low: float
    high: float
    least: float
    most: float
    may_miss: bool

    @property
    def kind(self) -> str:
        """How it is set: "number", "date", "choice" or "switch"."""
        if self.feature.is_date:
            return "date"
        if not self.feature.is_categorical:
            return "number"
        return "switch" if self.feature.is_boolean and not self.may_miss else "choice"

    @property
    def choices(self) -> tuple[float, ...]:
        """The codes of the categories, in order, and NaN where a value may miss."""
        codes = tuple(map(float, range(len(self.feature.categories))))
        return (*codes, float("nan")) if self.may_miss else codes

    def text(self, value: float) -> str:
        """Say a value in words.

        Parameters
        ----------
        value : float
            A code of the column.

        Returns
        -------
        str
            A category, a date, a number or "missing".
        """
        return value_text(self.feature, value)

    def number(self, code: float) -> float:
        """Return the shortest decimal that a code stands for, to be shown and edited.

        Parameters
        ----------
        code : float
            A number, as float32 holds it.

        Returns
        -------
        float
            The same to float32; NaN stays NaN.
        """
        return code if np.isnan(code) else float(number_text(code))

    def read(self, text: str) -> float:
        """Return the value that a text means.

        Parameters
        ----------
        text : str
            A number, a date in ISO 8601 or a category; "missing" where that may be.

        Returns
        -------
        float
            Its code.

        Raises
        ------
        InputError
            When it means nothing here.
        """
        cell = text.strip()
        if cell == "missing" and self.may_miss:
            return float("nan")
        column = pd.Series([cell], dtype=object)
        if self.feature.calendar is not None:
            return float(self.feature.calendar.encode(self.feature.name, column)[0])
        if self.feature.is_categorical:
            names = [str(level) for level in self.feature.categories]
            if cell not in names:
                raise InputError(f"{self.feature.name!r} has no category {cell!r}.")
            return float(names.index(cell))
        number = pd.to_numeric(column, errors="coerce").iloc[0]
        if not np.isfinite(number):
            raise InputError(f"{self.feature.name!r} must be a number. Got {cell!r}.")
        return float(number)

    def check(self, value: float) -> None:
        """Refuse what the column cannot hold.

        Parameters
        ----------
        value : float
            What a person set.

        Raises
        ------
        InputError
            For an absent category, a number too large, and a missing value where none
            ever was.
        """
        name = self.feature.name
        if np.isnan(value):
            if not self.may_miss:
                raise InputError(f"{name!r} was never missing, and cannot be left out.")
            return
        if self.feature.is_categorical:
            if value not in self.choices:
                raise InputError(
                    f"{name!r} has {len(self.feature.categories)} categories. Got "
                    f"number {value:g}."
                )
            return
        if abs(value) > float(np.finfo(np.float32).max):
            raise InputError(f"{name!r} cannot be {value:g}: it is too large.")

    @property
    def seen(self) -> str:
        """The range of the known values in words; empty where there is none."""
        if np.isnan(self.least):
            return ""
        return f"{self.text(self.least)} to {self.text(self.most)}"

    def is_beyond(self, value: float) -> bool:
        """Tell whether a value lies outside of what was seen.

        Parameters
        ----------
        value : float
            What a person set.

        Returns
        -------
        bool
            False for categories, for missing values, and where no value is known.
        """
        if np.isnan(value) or np.isnan(self.least):
            return False
        low, high = np.float32(self.least), np.float32(self.most)
        return not low <= np.float32(value) <= high


@dataclass(frozen=True, eq=False)
class Said:
    """What a model says of a row.

    Parameters
    ----------
    decision : str
        In words.
    scores : ndarray of shape (n_outputs,)
        Probabilities; values, for regression.
    certainty : float or None
        The probability of the decision; None for regression.
    logits : ndarray of shape (n_outputs,)
        What it was read from.
    """

    decision: str
    scores: Array
    certainty: float | None
    logits: Array

    def __str__(self) -> str:
        if self.certainty is None:
            return self.decision
        return f"{self.decision} (probability {self.certainty:.3f})"


@dataclass(frozen=True, eq=False)
class Trial:
    """A row as it is, the same with other values, and what both models say of them.

    Parameters
    ----------
    outputs : tuple of str
        The names of the classes, labels or values.
    changes : DataFrame
        One row a changed column: feature, before, after and is_used.
    student_before, student_after : Said
        What the student says.
    teacher_before : Said
        What the teacher says of the row as it is.
    teacher_after : Said or None
        What it says of the changed row; None where it cannot be asked.
    leaf_before, leaf_after : int or None
        The leaves' node numbers; None for other students than a tree.
    rule : str or None
        What rows of the new leaf fulfil; None for other students than a tree.
    tests : DataFrame or None
        For a tree the tests on the way of the row as it is: node, test, before, after
        and holds (whether the changed row fulfils it, too).
    parts : DataFrame or None
        For other students what each feature adds to an output's sum: feature, before,
        after and difference, the largest differences first.
    parts_of : str
        Which output that is; empty for a tree.
    row : DataFrame or ndarray of shape (1, n_features)
        The changed row.
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    """

    outputs: tuple[str, ...]
    changes: pd.DataFrame
    student_before: Said
    student_after: Said
    teacher_before: Said
    teacher_after: Said | None
    leaf_before: int | None
    leaf_after: int | None
    rule: str | None
    tests: pd.DataFrame | None
    parts: pd.DataFrame | None
    parts_of: str
    row: Rows
    task: str

    @property
    def sentence(self) -> str:
        """What became of the decisions."""
        if self.changes.empty:
            return "Nothing is changed yet."
        student = _became("The student", self.student_before, self.student_after)
        if self.teacher_after is None:
            return f"{student}."
        teacher = _became("the teacher", self.teacher_before, self.teacher_after)
        verdict = {True: " They agree.", False: " They part.", None: ""}[self.agrees]
        return f"{student}; {teacher}.{verdict}"

    @property
    def agrees(self) -> bool | None:
        """Whether both decide the changed row alike; None where that is not known."""
        if self.teacher_after is None or self.task == "regression":
            return None
        pair = (self.student_after.logits, self.teacher_after.logits)
        return bool(same_decisions(self.task, pair[0][None], pair[1][None])[0])

    def frame(self) -> pd.DataFrame:
        """Return what is said of each output.

        Returns
        -------
        DataFrame
            Columns output, model ("student" or "teacher"), row ("as it is" or
            "changed") and score.
        """
        said = {
            ("student", "as it is"): self.student_before,
            ("student", "changed"): self.student_after,
            ("teacher", "as it is"): self.teacher_before,
            ("teacher", "changed"): self.teacher_after,
        }
        tables = [
            pd.DataFrame(
                {"output": self.outputs, "model": model, "row": row, "score": s.scores}
            )
            for (model, row), s in said.items()
            if s is not None
        ]
        return pd.concat(tables, ignore_index=True)


def label_text(model: Any, label: Any) -> str:
    """Say a row's label in words, as its prediction is said.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted or loaded.
    label : object
        A class; for labels a vector of 0 and 1; a value or several.

    Returns
    -------
    str
        The text, in one line.
    """
    if model.task_ == "multiclass":
        return one_line(str(label))
    values = np.ravel(np.asarray(label)).astype(np.float64)
    if model.task_ == "multilabel":
        return one_line(prediction_text(tuple(model.classes_[values > 0].tolist())))
    numbers = values.tolist()
    return prediction_text(numbers[0] if len(numbers) == 1 else numbers)


def used_positions(form: Any) -> tuple[int, ...]:
    """Return which columns a student reads.

    Parameters
    ----------
    form : Tree, Forest or Linear
        The student.

    Returns
    -------
    tuple of int
        Positions, from 0, in order.
    """
    if isinstance(form, Linear):
        return form.features
    found = form.nodes.feature
    return tuple(np.unique(found[found >= 0]).tolist())


def inputs_of(model: Any, X: ArrayLike) -> tuple[Input, ...]:
    """Return how each column of a row may be set.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted, with a student of ours, or loaded.
    X : array-like or frame of shape (n_samples, n_features)
        Rows that tell where the values lie, such as the held-out ones.

    Returns
    -------
    tuple of Input
        One a column, in order.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from interpretkd.distillation import DistilledClassifier
    >>> from interpretkd.students import CartStudent
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    >>> student = CartStudent(3, search="greedy")
    >>> model = DistilledClassifier(teacher, student, transfer=None, random_state=0)
    >>> length = inputs_of(model.fit(X), X)[0]
    >>> length.kind, length.seen, length.is_beyond(9.5)
    ('number', '4.3 to 7.9', True)
    """
    codes = model.schema_.encode(given_rows(model, X))
    used = set(used_positions(model.student_.form_))
    return tuple(
        _input(feature, position, position in used, codes[:, position])
        for position, feature in enumerate(model.schema_.features)
    )


def order_of_inputs(model: Any, row: Any) -> tuple[int, ...]:
    """Return the columns that the student reads, those that matter to a row first.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted, with a student of ours, or loaded.
    row : array-like or frame of shape (1, n_features)
        The row.

    Returns
    -------
    tuple of int
        Positions: for a tree first those on the row's way, from the root; else those
        that add most to any output; of equals those that tell most apart.
    """
    form = model.student_.form_
    codes = model.schema_.encode(given_rows(model, row))[0]
    used = used_positions(form)
    if isinstance(form, Tree):
        path = [test.position for _, test in _way(form, codes)]
        spread = np.bincount(form.nodes.feature[form.nodes.feature >= 0])
        rest = sorted(used, key=lambda j: (-int(spread[j]), j))
        return tuple(dict.fromkeys([*path, *rest]))
    strength = np.abs(contributions(form, codes)[1]).max(axis=1)
    weight = (
        np.zeros(len(codes)) if isinstance(form, Linear) else feature_importance(form)
    )
    return tuple(sorted(used, key=lambda j: (-strength[j], -weight[j], j)))


def row_of(X: Rows, position: int) -> Rows:
    """Return one row, as rows.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
        Rows.
    position : int
        Which one, from 0.

    Returns
    -------
    DataFrame or ndarray of shape (1, n_features)
        The row.
    """
    return X.iloc[[position]] if isinstance(X, pd.DataFrame) else X[[position]]


def try_values(
    model: Any,
    row: Any,
    values: Mapping[int, float],
    *,
    teacher_logits: ArrayLike | None = None,
) -> Trial:
    """Set some values of a row, and compare what is said of it before and after.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted, with a student of ours, or loaded.
    row : array-like or frame of shape (1, n_features)
        The row as it is.
    values : mapping of int to float
        By a column's position the code that it shall have.
    teacher_logits : array-like of shape (n_outputs,), default=None
        What the teacher says of the row as it is; None asks it.

    Returns
    -------
    Trial
        Both rows, and what both models say of them.

    Raises
    ------
    InputError
        For a position or a code that does not exist, and when the teacher is absent
        and `teacher_logits` too.
    """
    rows = given_rows(model, row)
    before = model.schema_.encode(rows)
    wished = before.astype(np.float64)
    for position, value in values.items():
        if not 0 <= position < len(model.schema_):
            raise InputError(f"There is no column number {position + 1}.")
        wished[0, position] = value
    changed = replace_cells(model.schema_, rows, wished)
    after = model.schema_.encode(changed)
    own = [np.asarray(model.logits(each))[0] for each in (rows, changed)]
    form = model.student_.form_
    is_tree = isinstance(form, Tree)
    parts, parts_of = (None, "") if is_tree else _parts(model, before, after, own[1])
    leaves = form.nodes.apply(np.vstack([before, after])).tolist() if is_tree else None
    if teacher_logits is None:
        teacher_logits = model.teacher_.logits(rows)
    asked = model.teacher_.logits(changed)[0] if teacher_is_here(model) else None
    return Trial(
        outputs=tuple(output_names(model)),
        changes=_changes(model, before[0], after[0]),
        student_before=_said(model, own[0]),
        student_after=_said(model, own[1]),
        teacher_before=_said(model, np.ravel(np.asarray(teacher_logits))),
        teacher_after=None if asked is None else _said(model, asked),
        leaf_before=None if leaves is None else leaves[0],
        leaf_after=None if leaves is None else leaves[1],
        rule=None if leaves is None else _rule(form, leaves[1]),
        tests=_tests(form, before[0], after[0]) if is_tree else None,
        parts=parts,
        parts_of=parts_of,
        row=changed,
        task=model.task_,
    )


def settings_between(model: Any, before: Any, after: Any) -> dict[int, float]:
    """Return which values of a row differ from another's.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted or loaded.
    before, after : array-like or frame of shape (1, n_features)
        Two rows.

    Returns
    -------
    dict of int to float
        By a column's position the code that it has in the second.
    """
    first, second = (
        model.schema_.encode(given_rows(model, row))[0] for row in (before, after)
    )
    return {j: float(second[j]) for j in _differing(first, second)}


def write_settings(row: int, values: Mapping[int, float]) -> str:
    """Write set values as a short text that is safe in an address.

    Parameters
    ----------
    row : int
        The number of the row that they belong to.
    values : mapping of int to float
        By a column's position, from 0, its code.

    Returns
    -------
    str
        The row, and column and code of each value; columns count from 1.

    Examples
    --------
    >>> write_settings(12, {2: 0.5, 6: float("nan")})
    '12~3_0.5~7_na'
    """
    cells = [f"{j + 1}_{_short(value)}" for j, value in sorted(values.items())]
    return "~".join([str(row), *cells])


def read_settings(text: str, row: int, inputs: Sequence[Input]) -> dict[int, float]:
    """Read what `write_settings` wrote; every value is checked.

    Parameters
    ----------
    text : str
        Perhaps of an address.
    row : int
        The number of the row that is looked at.
    inputs : sequence of Input
        What may be set.

    Returns
    -------
    dict of int to float
        By a column's position its code; empty for another row's values.

    Raises
    ------
    InputError
        For a text that was not written so, and values that a column cannot hold.

    Examples
    --------
    >>> read_settings("12~", 12, ())
    Traceback (most recent call last):
    interpretkd._validation.InputError: The address sets '', which is no value ...
    """
    given, *cells = text.split("~")
    if given != str(row):
        return {}
    values = {}
    for cell in cells:
        found = _SETTING.fullmatch(cell)
        if found is None:
            raise InputError(
                f"The address sets {cell[:40]!r}, which is no value of a column."
            )
        position = int(found[1]) - 1
        if not 0 <= position < len(inputs):
            raise InputError(
                f"The address sets column {found[1]}; there are {len(inputs)}."
            )
        value = float("nan") if found[2] == "na" else float(found[2])
        inputs[position].check(value)
        values[position] = value
    return values


def _input(feature: Feature, position: int, is_used: bool, column: Codes) -> Input:
    known = column[~np.isnan(column)].astype(np.float64)
    may_miss = feature.has_missing or len(known) < len(column)
    if feature.is_categorical or not len(known):
        gap = float("nan")
        return Input(feature, position, is_used, False, gap, gap, gap, gap, may_miss)
    low, high = map(float, np.quantile(known, _USUAL, method="nearest"))
    least, most = float(known.min()), float(known.max())
    if low == high:
        low, high = least, most
    is_whole = not feature.is_date and bool((known == np.floor(known)).all())
    ends = (low, high, least, most)
    return Input(feature, position, is_used, is_whole, *ends, may_miss)


def _way(tree: Tree, codes: Codes) -> list[tuple[int, Condition]]:
    """Return the nodes above a row's leaf, and what the row fulfils there."""
    nodes, found, node = tree.nodes, [], 0
    while nodes.feature[node] >= 0:
        left, right = branch_tests(nodes, node)
        goes_left = bool(left.holds(codes[None])[0])
        found.append((node, left if goes_left else right))
        node = int(nodes.left[node] if goes_left else nodes.right[node])
    return found


def _tests(tree: Tree, before: Codes, after: Codes) -> pd.DataFrame:
    rows = [
        (
            node,
            one_line(str(test)),
            value_text(test.feature, float(before[test.position])),
            value_text(test.feature, float(after[test.position])),
            bool(test.holds(after[None])[0]),
        )
        for node, test in _way(tree, before)
    ]
    return pd.DataFrame(rows, columns=["node", "test", "before", "after", "holds"])


def _rule(tree: Tree, leaf: int) -> str:
    conditions = path_conditions(tree.nodes)[leaf]
    texts = [one_line(condition.brief) for condition in conditions]
    return " and ".join(texts) if texts else "any row"


def _parts(
    model: Any, before: Codes, after: Codes, logits: Array
) -> tuple[pd.DataFrame, str]:
    """Return what each feature adds to what the student says of the changed row."""
    form = model.student_.form_
    tables = [contributions(form, codes[0])[1] for codes in (before, after)]
    output = 0
    if model.task_ == "multiclass":
        tables = [table - table.mean(axis=1, keepdims=True) for table in tables]
        output = int(logits.argmax())
    elif len(logits) > 1:
        output = int(np.abs(tables[1] - tables[0]).sum(axis=0).argmax())
    first, second = (table[:, output] for table in tables)
    frame = pd.DataFrame(
        {
            "feature": [one_line(name) for name in model.schema_.names],
            "before": first,
            "after": second,
            "difference": second - first,
        }
    )
    order = np.lexsort((-np.abs(second), -np.abs(second - first)))
    kept = frame.iloc[order].query("before != 0 or after != 0")
    return kept.reset_index(drop=True), output_names(model)[output]


def _changes(model: Any, before: Codes, after: Codes) -> pd.DataFrame:
    used = set(used_positions(model.student_.form_))
    features = model.schema_.features
    rows = [
        (
            one_line(features[j].name),
            value_text(features[j], float(before[j])),
            value_text(features[j], float(after[j])),
            j in used,
        )
        for j in _differing(before, after)
    ]
    return pd.DataFrame(rows, columns=["feature", "before", "after", "is_used"])


def _differing(before: Codes, after: Codes) -> list[int]:
    both_miss = np.isnan(before) & np.isnan(after)
    found: list[int] = np.flatnonzero((before != after) & ~both_miss).tolist()
    return found


def _said(model: Any, logits: Array) -> Said:
    each = np.asarray(logits, dtype=np.float64).reshape(1, -1)
    task = model.task_
    chance = certainty(task, each)
    return Said(
        one_line(prediction_text(decisions(model, each)[0])),
        each[0] if task == "regression" else probabilities(each, task)[0],
        None if chance is None else float(chance[0]),
        each[0],
    )


def _became(who: str, before: Said, after: Said) -> str:
    if before.decision == after.decision:
        return f"{who} stays at {after}"
    return f"{who} goes from {before} to {after}"


def _short(value: float) -> str:
    if np.isnan(value):
        return "na"
    return repr(float(str(np.float32(value)))).removesuffix(".0").replace("e+", "e")
