"""How much of what a student is made of comes out again in others.

Trees are read test by test and rule by rule, linear students coefficient by
coefficient, boosted ones by the ranks of their features.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from interpretkd._base import Array, one_line
from interpretkd.data import Codes
from interpretkd.distillation import Taught, output_names
from interpretkd.models import (
    Condition,
    Forest,
    Form,
    Linear,
    ScoredTree,
    Tree,
    feature_importance,
    node_test,
    on_common_scores,
    path_conditions,
    schema_seen,
)
from interpretkd.rules import extract_rules
from interpretkd.targets import decide

_PERCENTILES = (2.5, 97.5)


def _read(
    model: Any,
    refits: Sequence[Taught],
    logits: Sequence[Array],
    codes: Codes,
    sameness: "_Sameness",
) -> dict[str, Any]:
    """Return the tables of `Stability` that say how much of a student comes again."""
    form = model.student_.form_
    forms = [refit.student.form_ for refit in refits]
    used = _used(schema_seen(model).names, form, forms)
    if isinstance(form, Linear):
        parts = _coefficients(model, form, forms)
        return {"features": _sorted(used, "used"), "parts": parts}
    if isinstance(form, Forest):
        return _boosted(used, form, forms)
    return {
        "features": _tree_features(used, forms),
        "parts": _tests(form, forms, sameness),
        "rules": _rules(model, refits, logits, codes, sameness),
    }


def _comparable(model: Any, refits: list[Taught]) -> tuple[Any, list[Taught]]:
    """Return model and refits over the same columns: each scored tree has its own."""
    students = [model.student_, *(refit.student for refit in refits)]
    forms: list[Any] = [getattr(student, "form_", None) for student in students]
    if not all(isinstance(form, ScoredTree) for form in forms):
        return model, refits
    told = copy.copy(model)
    told.student_, *others = map(_with_form, students, on_common_scores(forms))
    both = zip(refits, others, strict=True)
    return told, [replace(refit, student=student) for refit, student in both]


def _with_form(student: Any, form: ScoredTree) -> Any:
    copied = copy.copy(student)
    copied.form_ = form
    return copied


def _used(names: Sequence[str], form: Form, forms: Sequence[Form]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "feature": [one_line(name) for name in names],
            "used": np.stack([_uses(one) for one in forms]).mean(axis=0),
            "used_by_model": _uses(form),
        }
    )


def _uses(form: Form) -> NDArray[np.bool_]:
    used = np.zeros(len(form.schema), dtype=bool)
    if isinstance(form, Linear):
        used[list(form.features)] = True
    else:
        used[form.nodes.feature[~form.nodes.is_leaf]] = True
    return used


def _sorted(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    """Put the largest first, and leave out what nobody uses."""
    some = frame[(frame["used"] > 0) | frame["used_by_model"]]
    return some.sort_values(by, ascending=False, kind="stable", ignore_index=True)


def _tree_features(used: pd.DataFrame, trees: Sequence[Any]) -> pd.DataFrame:
    n_features = len(used)
    tests, roots = np.zeros((2, n_features))
    for one in trees:
        tested = one.nodes.feature[~one.nodes.is_leaf]
        tests += np.bincount(tested, minlength=n_features) / len(trees)
        if len(tested):
            roots[one.nodes.feature[0]] += 1 / len(trees)
    return _sorted(used.assign(root=roots, n_tests=tests), "used")


@dataclass(frozen=True, eq=False)
class _Sameness:
    """When two conditions count as the same."""

    tolerance: Array
    overlap: float

    def of_ends(self, j: int, first: float, second: float) -> bool:
        return first == second or bool(abs(first - second) <= self.tolerance[j])

    def of_sets(self, first: Sequence[int], second: Sequence[int]) -> bool:
        return _jaccard(first, second) >= self.overlap

    def of_conditions(self, first: Condition, second: Condition) -> bool:
        if first.feature.is_categorical:
            if not first.categories and not second.categories:
                return first.missing == second.missing
            return self.of_sets(first.categories, second.categories)
        j = first.position
        return (
            first.values == second.values
            and self.of_ends(j, first.low, second.low)
            and self.of_ends(j, first.high, second.high)
        )

    def of_rules(self, first: Sequence[Condition], second: Sequence[Condition]) -> bool:
        others = {condition.position: condition for condition in second}
        return len(first) == len(second) and all(
            one.position in others and self.of_conditions(one, others[one.position])
            for one in first
        )


def _jaccard(first: Sequence[int], second: Sequence[int]) -> float:
    either = set(first) | set(second)
    return len(set(first) & set(second)) / len(either) if either else 1.0


def _tests(tree: Tree, trees: Sequence[Any], sameness: _Sameness) -> pd.DataFrame:
    known = [_tests_by_feature(one) for one in trees]
    records, above = [], path_conditions(tree.nodes)
    for node in np.flatnonzero(~tree.nodes.is_leaf).tolist():
        test = node_test(tree.nodes, node)
        reaching = set(range(len(test.feature.categories)))
        for before in above[node]:
            if before.position == test.position:
                reaching &= set(before.categories)
        hits = [
            _has(test, reaching, tests.get(test.position, ()), sameness)
            for tests in known
        ]
        others = [tests[test.position] for tests in known if test.position in tests]
        record: dict[str, Any] = {
            "node": node,
            "test": one_line(str(test)),
            "survives": float(np.mean(hits)),
            "found": len(others) / len(trees),
            "threshold": np.nan,
            "low": np.nan,
            "high": np.nan,
        }
        if not test.feature.is_categorical and np.isfinite(test.high):
            raw = partial(test.feature.raw, threshold=True)
            record["threshold"] = raw(test.high)
            ends = [[one.high for one in some] for some in others]
            nearest = [_nearest(end, test.high) for end in ends]
            finite = [end for end in nearest if np.isfinite(end)]
            if finite:
                ends = np.percentile(finite, _PERCENTILES).tolist()
                record["low"], record["high"] = map(raw, ends)
        records.append(record)
    columns = ["node", "test", "survives", "found", "threshold", "low", "high"]
    return pd.DataFrame(records, columns=columns)


def _tests_by_feature(tree: Tree) -> dict[int, list[Condition]]:
    tests: dict[int, list[Condition]] = {}
    for node in np.flatnonzero(~tree.nodes.is_leaf).tolist():
        test = node_test(tree.nodes, node)
        tests.setdefault(test.position, []).append(test)
    return tests


def _has(
    test: Condition,
    reaching: set[int],
    others: Sequence[Condition],
    sameness: _Sameness,
) -> bool:
    """Tell whether one of the tests divides the rows alike, left and right aside."""
    if not test.feature.is_categorical:
        return any(sameness.of_conditions(test, other) for other in others)

    def sides(one: Condition) -> list[list[int]]:
        left = reaching & set(one.categories)
        return [sorted(left), sorted(reaching - left)]

    left, right = sides(test)
    if not left or not right:  # it asks whether the value is missing
        return any(not all(sides(other)) for other in others)
    return any(
        sameness.of_sets(left, one) and sameness.of_sets(right, two)
        for other in others
        for one, two in (sides(other), sides(other)[::-1])
    )


def _nearest(ends: Sequence[float], threshold: float) -> float:
    return min(ends, key=lambda end: abs(end - threshold))


def _rules(
    model: Any,
    refits: Sequence[Taught],
    logits: Sequence[Array],
    codes: Codes,
    sameness: _Sameness,
) -> pd.DataFrame:
    task, form = model.task_, model.student_.form_
    trees = [(refit.student.form_, refit.reading) for refit in refits]
    known = [_rules_by_decision(task, at.decode(one.value), one) for one, at in trees]
    own = _ends(task, model.reading_.decode(form.value))
    reached = form.nodes.apply(codes)
    chosen = None if task == "regression" else [_ends(task, one) for one in logits]
    records = []
    for rule in extract_rules(model):
        here = reached == rule.leaf
        alike = None
        if chosen is not None and here.any():
            end = own[rule.leaf]
            hits = [[one == end for one in _some(ends, here)] for ends in chosen]
            alike = float(np.mean(hits))
        survives = [
            any(
                sameness.of_rules(rule.conditions, other)
                for other in rules.get(own[rule.leaf], ())
            )
            for rules in known
        ]
        records.append(
            {
                "rule": rule.condition_text,
                "prediction": rule.prediction,
                "coverage": float(here.mean()),
                "survives": float(np.mean(survives)),
                "decided_alike": alike,
                "leaf": rule.leaf,
            }
        )
    return pd.DataFrame(records).astype({"decided_alike": object})


def _rules_by_decision(
    task: str, logits: Array, tree: Tree
) -> dict[Any, list[tuple[Condition, ...]]]:
    ends = _ends(task, logits)
    conditions = path_conditions(tree.nodes)
    found: dict[Any, list[tuple[Condition, ...]]] = {}
    for leaf in np.flatnonzero(tree.nodes.is_leaf).tolist():
        found.setdefault(ends[leaf], []).append(conditions[leaf])
    return found


def _ends(task: str, logits: Array) -> list[Any]:
    if task == "regression":
        return [None] * len(logits)
    chosen = decide(logits, task).reshape(len(logits), -1)
    return [tuple(row) for row in chosen.tolist()]


def _some(values: Sequence[Any], here: NDArray[np.bool_]) -> list[Any]:
    return [values[i] for i in np.flatnonzero(here).tolist()]


def _coefficients(model: Any, form: Linear, forms: Sequence[Any]) -> pd.DataFrame:
    """Compare the coefficients term by term; a term that is not there is 0."""
    names = output_names(model)
    binary = model.task_ == "multiclass" and form.n_outputs == 2
    own = _by_term(form, binary)
    others = [_by_term(one, binary) for one in forms]
    nothing = np.zeros(1 if binary else form.n_outputs)
    outputs = [names[1]] if binary else names
    records = []
    for term, values in own.items():
        again = np.stack([one.get(term, nothing) for one in others])
        if not values.any() and not again.any():
            continue
        for k, output in enumerate(outputs):
            low, high = np.percentile(again[:, k], _PERCENTILES)
            records.append(
                {
                    "term": one_line(term),
                    "output": output,
                    "coefficient": values[k],
                    "same_sign": np.mean(np.sign(again[:, k]) == np.sign(values[k])),
                    "zero": np.mean(again[:, k] == 0),
                    "low": low,
                    "high": high,
                }
            )
    columns = ["term", "output", "coefficient", "same_sign", "zero", "low", "high"]
    return pd.DataFrame(records, columns=columns)


def _by_term(form: Linear, binary: bool) -> dict[str, Array]:
    weights = form.coefficients
    if binary:  # only the difference decides
        weights = weights[:, 1:] - weights[:, :1]
    return dict(zip(form.terms, weights, strict=True))


def _boosted(used: pd.DataFrame, form: Forest, forms: Sequence[Any]) -> dict[str, Any]:
    own = feature_importance(form)
    others = np.stack([feature_importance(one) for one in forms])
    ranks = np.stack([rankdata(-one) for one in others])
    low, high = np.percentile(ranks, _PERCENTILES, axis=0)
    table = used.assign(
        importance=own, rank=rankdata(-own), rank_low=low, rank_high=high
    )
    table = _sorted(table, "importance")
    return {
        "features": table,
        "parts": table,
        "rank_correlation": _rank_correlation(ranks),
    }


def _rank_correlation(ranks: Array) -> float:
    """Return the mean over all pairs; two without any order are taken as alike."""
    if not np.ptp(ranks, axis=1).all():
        varied = ranks[np.ptp(ranks, axis=1) > 0]
        return float("nan") if len(varied) < 2 else _rank_correlation(varied)
    correlation: Array = np.asarray(np.corrcoef(ranks))
    return float(correlation[np.triu_indices(len(ranks), 1)].mean())
