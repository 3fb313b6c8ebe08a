"""What changes when some values of a row are set, and what both models say of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import Array, InputError, one_line, prediction_text
from interpretkd.data import Codes, Rows, replace_cells, value_text
from interpretkd.distillation import (
    certainty,
    decisions,
    given_rows,
    output_names,
    same_decisions,
    teacher_is_here,
)
from interpretkd.explain._row_sum import _RowSum
from interpretkd.explain._what_if.inputs import _differing
from interpretkd.models import (
    Tree,
    check_reads_given,
    codes_seen,
    decision_path,
    path_conditions,
    used_positions,
)
from interpretkd.targets import Answers, answers_of, probabilities


@dataclass(frozen=True, eq=False)
class Answer:
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
    own : ndarray of shape (1,) or (1, n_outputs), or None, default=None
        What a teacher decides, where its logits do not tell.
    """

    decision: str
    scores: Array
    certainty: float | None
    logits: Array
    own: NDArray[np.int64] | None = None

    def __str__(self) -> str:
        if self.certainty is None:
            return self.decision
        return f"{self.decision} (probability {self.certainty:.3f})"


@dataclass(frozen=True, eq=False)
class WhatIf:
    """A row as it is, the same with other values, and what both models say of them.

    Parameters
    ----------
    outputs : tuple of str
        The names of the classes, labels or values.
    changes : DataFrame
        One row a changed column: feature, before, after and is_used.
    student_before, student_after : Answer
        What the student says.
    teacher_before : Answer
        What the teacher says of the row as it is.
    teacher_after : Answer or None
        What it says of the changed row; None where it cannot be asked.
    leaf_before, leaf_after : int or None
        The leaves' node numbers; None for other students than a tree.
    rule : str or None
        What rows of the new leaf fulfil; None for other students than a tree.
    tests : DataFrame or None
        For a tree the tests on the way of the row as it is: node, test, before, after
        and holds (whether the changed row fulfils it, too).
    parts : DataFrame or None
        For other students what each feature adds to a sum of `explain_row`: feature,
        before, after and difference, the largest differences first.
    parts_of : str
        What the sum is, such as "the logit of good"; empty for a tree.
    row : DataFrame or ndarray of shape (1, n_features)
        The changed row.
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    """

    outputs: tuple[str, ...]
    changes: pd.DataFrame
    student_before: Answer
    student_after: Answer
    teacher_before: Answer
    teacher_after: Answer | None
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
        verdict = {True: " They agree.", False: " They disagree.", None: ""}[
            self.agrees
        ]
        return f"{student}; {teacher}.{verdict}"

    @property
    def agrees(self) -> bool | None:
        """Whether both decide the changed row alike; None where that is not known."""
        if self.teacher_after is None or self.task == "regression":
            return None
        pair = (
            Answers(each.logits[None], each.own)
            for each in (self.student_after, self.teacher_after)
        )
        return bool(same_decisions(self.task, *pair)[0])

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


def try_values(
    model: Any,
    row: Any,
    values: Mapping[int, float],
    *,
    teacher_logits: ArrayLike | None = None,
) -> WhatIf:
    """Ask what if: set values of a row, and compare what is said before and after.

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
    WhatIf
        Both rows, and what both models say of them.

    Raises
    ------
    InputError
        For a position or a code that does not exist, and when the teacher is absent
        and `teacher_logits` too.
    """
    check_reads_given("What-if", model)
    rows = given_rows(model, row)
    before = model.schema_.encode(rows)
    desired = before.astype(np.float64)
    for position, value in values.items():
        if not 0 <= position < len(model.schema_):
            raise InputError(f"There is no column number {position + 1}.")
        desired[0, position] = value
    changed = replace_cells(model.schema_, rows, desired)
    after = model.schema_.encode(changed)
    own = [np.asarray(model.logits(each))[0] for each in (rows, changed)]
    form = model.student_.form_
    is_tree = isinstance(form, Tree)
    parts, parts_of = (None, "") if is_tree else _parts(model, before, after, own)
    leaves, tests = None, None
    if is_tree:
        seen = [codes_seen(model, each)[0] for each in (rows, changed)]
        leaves = form.nodes.apply(np.stack(seen)).tolist()
        tests = _tests(form, *seen)
    if teacher_logits is not None and not isinstance(teacher_logits, Answers):
        teacher_logits = np.asarray(teacher_logits, dtype=np.float64).reshape(1, -1)
    before_it = answers_of(model.teacher_, rows, teacher_logits)
    asked = answers_of(model.teacher_, changed) if teacher_is_here(model) else None
    return WhatIf(
        outputs=tuple(output_names(model)),
        changes=_changes(model, before[0], after[0]),
        student_before=_answer(model, Answers(own[0][None])),
        student_after=_answer(model, Answers(own[1][None])),
        teacher_before=_answer(model, before_it),
        teacher_after=None if asked is None else _answer(model, asked),
        leaf_before=None if leaves is None else leaves[0],
        leaf_after=None if leaves is None else leaves[1],
        rule=None if leaves is None else _rule(form, leaves[1]),
        tests=tests,
        parts=parts,
        parts_of=parts_of,
        row=changed,
        task=model.task_,
    )


def _tests(tree: Tree, before: Codes, after: Codes) -> pd.DataFrame:
    rows = [
        (
            node,
            one_line(str(test)),
            value_text(test.feature, float(before[test.position])),
            value_text(test.feature, float(after[test.position])),
            bool(test.holds(after[None])[0]),
        )
        for node, test in decision_path(tree.nodes, before)
    ]
    return pd.DataFrame(rows, columns=["node", "test", "before", "after", "holds"])


def _rule(tree: Tree, leaf: int) -> str:
    conditions = path_conditions(tree.nodes)[leaf]
    texts = [one_line(condition.brief) for condition in conditions]
    return " and ".join(texts) if texts else "any row"


def _parts(
    model: Any, before: Codes, after: Codes, own: Sequence[Array]
) -> tuple[pd.DataFrame, str]:
    """Return what each feature adds to what the student says of the changed row."""
    sums = [
        _RowSum.of(model, codes[0], logits)
        for codes, logits in zip((before, after), own, strict=True)
    ]
    tables = [np.vstack([each.parts, each.limit]) for each in sums]
    about, output = sums[1].about, 0
    if len(about) > 1:
        moved = np.abs(tables[1] - tables[0]).sum(axis=0)
        one = model.task_ == "multiclass"
        output = int(own[1].argmax() if one else moved.argmax())
    first, second = (table[:, output] for table in tables)
    frame = pd.DataFrame(
        {
            "feature": [*map(one_line, model.schema_.names), "(limit)"],
            "before": first,
            "after": second,
            "difference": second - first,
        }
    )
    order = np.lexsort((-np.abs(second), -np.abs(second - first)))
    kept = frame.iloc[order].query("before != 0 or after != 0")
    return kept.reset_index(drop=True), about[output]


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


def _answer(model: Any, said: Answers) -> Answer:
    each, task = said.logits, model.task_
    chance = certainty(task, said)
    return Answer(
        one_line(prediction_text(decisions(model, said)[0])),
        each[0] if task == "regression" else probabilities(each, task)[0],
        None if chance is None else float(chance[0]),
        each[0],
        said.own,
    )


def _became(who: str, before: Answer, after: Answer) -> str:
    if before.decision == after.decision:
        return f"{who} stays at {after}"
    return f"{who} goes from {before} to {after}"
