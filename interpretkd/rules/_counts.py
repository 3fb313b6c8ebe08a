"""What is counted at the leaves of a tree: rows, agreements, hits, errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import Array, InputError
from interpretkd.data import Codes, as_frame, group_positions
from interpretkd.metrics import Estimate, part_interval
from interpretkd.models import LeafOutcomes, Tree, decision_probability, rows_seen
from interpretkd.targets import Answers, answers_of, decide, probabilities

_FEW_CLASSES = 32
"""Up to here it is faster to compare with each than to build an index."""


@dataclass(frozen=True, eq=False)
class _Judged:
    """Rows, and what teacher and labels say of them.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_features), float32
        The rows as `Schema.encode` returns them.
    teacher : ndarray of shape (n_samples, n_columns) or None
        The teacher's decisions, in the form of `LeafOutcomes.decisions`.
    confidence : ndarray of shape (n_samples,), float64, or None
        The teacher's probability of its own decision; None for regression.
    labels : ndarray of shape (n_samples, n_columns) or None
        The labels in the same form; -1 for a class that the model does not know.
    groups : ndarray of shape (n_samples,), int64, or None
        Which rows belong together; None where they are independent.
    """

    codes: Codes
    teacher: NDArray[Any] | None
    confidence: Array | None
    labels: NDArray[Any] | None
    groups: NDArray[np.int64] | None = None

    def share(self, hits: NDArray[np.bool_], rows: NDArray[np.integer]) -> Estimate:
        """Return the share of some rows that count, with its interval."""
        of_rows = None if self.groups is None else self.groups[rows]
        return part_interval(hits[rows], of_rows)


def _judge_rows(
    model: Any,
    tree: Tree,
    outcomes: LeafOutcomes,
    X: ArrayLike,
    y: ArrayLike | None = None,
    teacher_logits: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> _Judged:
    """Bring rows, labels and the teacher's logits into the form of the rules."""
    frame = as_frame(X)
    rows: Any = X if frame is None else frame
    codes = tree.schema.encode(rows_seen(model, rows))
    task, n_rows = outcomes.task, len(codes)
    teacher = confidence = labels = None
    answers = _teacher_answers(model, rows, teacher_logits, (n_rows, tree.n_outputs))
    if answers is not None:
        logits = teacher = answers.logits
        if task != "regression":
            teacher = _as_columns(decide(answers, task))
            chances = probabilities(logits, task)
            confidence = decision_probability(chances, teacher, task)
    if y is not None:
        labels = _labels(outcomes, np.asarray(y))
        _check_shape("y", labels, (n_rows, outcomes.decisions.shape[1]))
    place = None if groups is None else group_positions(groups, n_rows)
    return _Judged(codes, teacher, confidence, labels, place)


def _teacher_answers(
    model: Any, rows: Any, given: ArrayLike | None, shape: tuple[int, int]
) -> Answers | None:
    """Return what the teacher says of rows; None where there is none."""
    if given is not None and not isinstance(given, Answers):
        given = _as_columns(np.asarray(given, dtype=np.float64))
        _check_shape("teacher_logits", given, shape)
    teacher = getattr(model, "teacher_", None)
    if teacher is None and given is None:
        return None
    answers = answers_of(teacher, rows, given)
    _check_shape("teacher_logits", answers.logits, shape)
    return answers


def _count_rows(
    judged: _Judged, outcomes: LeafOutcomes, place: NDArray[np.integer]
) -> list[dict[str, Any]]:
    """Measure each rule on its rows: the fields of `Rule`, without the unknown ones."""
    n_rules, n_rows = len(outcomes.decisions), len(place)
    counts = np.bincount(place, minlength=n_rules)
    entries: list[dict[str, Any]] = [
        {"n_rows": int(n), "coverage": int(n) / max(n_rows, 1)} for n in counts
    ]
    covering = np.flatnonzero(counts)
    rows = np.split(np.argsort(place, kind="stable"), np.cumsum(counts)[:-1])
    said = outcomes.decisions[place]
    if outcomes.task == "regression":
        for name, truth in (("teacher", judged.teacher), ("label", judged.labels)):
            if truth is not None:
                _add_errors(entries, name, truth, said, place, counts)
        return entries
    if judged.teacher is not None and judged.confidence is not None:
        agreed = (said == judged.teacher).all(axis=1)
        confidence = _sums(place, judged.confidence, n_rules)
        for i in covering:
            entries[i]["fidelity"] = judged.share(agreed, rows[i])
            entries[i]["n_disagree"] = int((~agreed[rows[i]]).sum())
            entries[i]["confidence"] = float(confidence[i] / counts[i])
    if judged.labels is not None:
        correct = (said == judged.labels).all(axis=1)
        base = _how_often(outcomes.decisions, judged.labels)
        for i in covering:
            n_correct, n = int(correct[rows[i]].sum()), int(counts[i])
            entries[i]["accuracy"] = judged.share(correct, rows[i])
            if base[i]:
                entries[i]["lift"] = (n_correct / n) / (int(base[i]) / n_rows)
                entries[i]["recall"] = n_correct / int(base[i])
    return entries


def _node_counts(tree: Tree, codes: Codes) -> NDArray[np.int64]:
    """Count the rows that reach each node."""
    nodes = tree.nodes
    counts = np.bincount(nodes.apply(codes), minlength=len(nodes.feature))
    for node in np.flatnonzero(~nodes.is_leaf)[::-1]:  # children come behind
        counts[node] = counts[nodes.left[node]] + counts[nodes.right[node]]
    return counts


def _alike(tree: Tree, decided: Mapping[int, Any]) -> dict[int, list[int]]:
    """Return the leaves below each highest node whose leaves all decide the same."""
    left, right = tree.nodes.left.tolist(), tree.nodes.right.tolist()
    groups = {leaf: [leaf] for leaf in decided}
    for node in reversed(range(len(left))):  # children come behind their parents
        one, other = groups.get(left[node]), groups.get(right[node])
        if one and other and decided[one[0]] == decided[other[0]]:
            groups[node] = sorted(one + other)
            del groups[left[node]], groups[right[node]]
    return dict(sorted(groups.items()))


def _add_errors(
    entries: list[dict[str, Any]],
    name: str,
    truth: Array,
    said: Array,
    place: NDArray[np.integer],
    counts: NDArray[np.integer],
) -> None:
    squared = _sums(place, ((said - truth) ** 2).mean(axis=1), len(counts))
    sums = np.column_stack([_sums(place, column, len(counts)) for column in truth.T])
    for i in np.flatnonzero(counts):
        mean = (sums[i] / counts[i]).tolist()
        entries[i][f"{name}_value"] = mean[0] if len(mean) == 1 else mean
        entries[i][f"{name}_rmse"] = float(np.sqrt(squared[i] / counts[i]))


def _labels(outcomes: LeafOutcomes, y: NDArray[Any]) -> NDArray[Any]:
    if outcomes.task != "multiclass" or outcomes.classes is None:
        return _as_columns(y)
    if y.ndim != 1:
        raise InputError(
            f"The labels y must be one class a row. Got an array of shape {y.shape}."
        )
    place = _positions(outcomes.classes, y)
    if len(y) and (place < 0).all():
        known = ", ".join(map(repr, outcomes.classes[:5].tolist()))
        raise InputError(
            f"No label y is a class of the model ({known}). Got, for example, "
            f"{y[0].item() if isinstance(y[0], np.generic) else y[0]!r}."
        )
    return place[:, None]


def _positions(classes: NDArray[Any], y: NDArray[Any]) -> NDArray[np.int64]:
    if y.dtype == object or len(classes) > _FEW_CLASSES:
        found: NDArray[np.int64] = pd.Index(classes).get_indexer(pd.Index(y))
        return found
    place = np.full(len(y), -1)
    for i, name in enumerate(classes.tolist()):
        place[y == name] = i
    return place


def _how_often(decisions: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.int64]:
    """Count the rows that are labelled as each rule decides."""
    distinct, place = np.unique(decisions, axis=0, return_inverse=True)
    rows = [int((labels == one).all(axis=1).sum()) for one in distinct]
    return np.asarray(rows, dtype=np.int64)[place.ravel()]


def _sums(place: NDArray[np.integer], weights: NDArray[Any], n_rules: int) -> Array:
    sums: Array = np.bincount(place, weights=weights, minlength=n_rules).astype(
        np.float64
    )
    return sums


def _as_columns(values: NDArray[Any]) -> NDArray[Any]:
    return values[:, None] if values.ndim == 1 else values


def _check_shape(name: str, values: NDArray[Any], shape: tuple[int, int]) -> None:
    if values.shape != shape:
        raise InputError(
            f"The '{name}' parameter of extract_rules must have {shape[0]} rows and "
            f"{shape[1]} columns, as X and the model say. Got shape {values.shape}."
        )
