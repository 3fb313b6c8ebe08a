"""Rules: what a tree says, in words and as a table.

A leaf is one rule. Its conditions hold one interval or one set of categories a
feature, and apply to a row exactly when the row reaches the leaf.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._files import csv_text, write_atomically
from interpretkd._validation import InputError
from interpretkd.intervals import Estimate, wilson_interval
from interpretkd.nodes import ALL_NUMBERS, Nodes
from interpretkd.schema import Codes, Feature, as_frame
from interpretkd.targets import decide, probabilities
from interpretkd.trees import Tree

__all__ = [
    "Condition",
    "Rule",
    "RuleSet",
    "extract_rules",
    "leaf_decisions",
    "node_test",
    "path_conditions",
    "prediction_text",
]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Condition:
    """What one feature of a row must be.

    Parameters
    ----------
    feature : Feature
        The column.
    position : int
        Where it stands among the columns.
    low, high : float
        Numbers in (low, high] pass; for a number only.
    categories : tuple of int
        The positions of the categories that pass; for a categorical feature only.
    values : bool
        Whether any number passes at all; False for "is missing".
    missing : bool
        Whether a missing value passes.
    """

    feature: Feature
    position: int
    low: float = -np.inf
    high: float = np.inf
    categories: tuple[int, ...] = ()
    values: bool = True
    missing: bool = True

    def __str__(self) -> str:
        return (
            _category_text(self) if self.feature.is_categorical else _number_text(self)
        )

    @property
    def says_nothing(self) -> bool:
        """Whether every value passes, of those that the training rows had."""
        if self.feature.has_missing and not self.missing:
            return False
        if self.feature.is_categorical:
            return len(self.categories) == len(self.feature.categories)
        return self.values and self.low == -np.inf and self.high == np.inf

    def holds(self, codes: Codes) -> NDArray[np.bool_]:
        """Tell for which rows the condition holds.

        Parameters
        ----------
        codes : ndarray of shape (n_samples, n_features), float32
            Rows as `Schema.encode` returns them.

        Returns
        -------
        ndarray of shape (n_samples,), bool
            One value a row.
        """
        column = codes[:, self.position]
        gap = np.isnan(column)
        if self.feature.is_categorical:
            inside = np.isin(column, self.categories)
        else:
            inside = (column > self.low) & (column <= self.high) & self.values
        return np.where(gap, self.missing, inside)


@dataclass(frozen=True)
class Rule:
    """One leaf of a tree.

    Parameters
    ----------
    conditions : tuple of Condition
        One a feature, in the order in which the tree first asks for it.
    leaf : int
        The leaf's index in the tree.
    prediction : object
        The class; a tuple of the labels that are on; or the value(s).
    probability : float or None
        The student's probability of that class; None without classes.
    n_rows : int
        How many of the given rows it covers (of the training rows, if none were
        given).
    coverage : float
        The same as a share, in [0, 1].
    fidelity : Estimate or None
        The share of the covered rows on which the teacher decides the same.
    accuracy : Estimate or None
        The share of the covered rows that have this label.
    """

    conditions: tuple[Condition, ...]
    leaf: int
    prediction: Any
    probability: float | None
    n_rows: int
    coverage: float
    fidelity: Estimate | None = None
    accuracy: Estimate | None = None

    @property
    def condition_text(self) -> str:
        """The conditions in words, joined by AND, in one line."""
        return _one_line(" AND ".join(map(str, self.conditions)) or "always")

    def __str__(self) -> str:
        facts = [f"covers {self.coverage:.1%} = {self.n_rows} rows"]
        if self.probability is not None:
            facts.insert(0, f"probability {self.probability:.3f}")
        for name, estimate in (
            ("fidelity", self.fidelity),
            ("accuracy", self.accuracy),
        ):
            if estimate is not None:
                facts.append(f"{name} {estimate}")
        prediction = _one_line(prediction_text(self.prediction))
        head = f"IF {self.condition_text} THEN {prediction}"
        return f"{head} ({'; '.join(facts)})"


@dataclass(frozen=True, eq=False)
class RuleSet:
    """All rules of a tree, those that cover most rows first.

    Parameters
    ----------
    rules : tuple of Rule
        One a leaf.
    tree : Tree
        The tree they were read from.
    """

    rules: tuple[Rule, ...]
    tree: Tree

    def __len__(self) -> int:
        return len(self.rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __getitem__(self, index: int) -> Rule:
        return self.rules[index]

    def __str__(self) -> str:
        width = len(str(len(self)))
        lines = [f"{i:>{width}}. {rule}" for i, rule in enumerate(self.rules, start=1)]
        return "\n".join(lines)

    def apply(self, X: ArrayLike) -> NDArray[np.int64]:
        """Find the rule that covers each row, by its conditions alone.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples,), int64
            The position of the rule in `rules`.
        """
        codes = self.tree.schema.encode(X)
        found = np.full(len(codes), -1)
        for i, rule in enumerate(self.rules):
            holds = np.ones(len(codes), dtype=bool)
            for condition in rule.conditions:
                holds &= condition.holds(codes)
            found[holds] = i
        return found

    def to_frame(self) -> pd.DataFrame:
        """Return the rules as a table.

        Returns
        -------
        DataFrame
            One row a rule: its text, prediction, coverage, and what was measured.
        """
        return pd.DataFrame([_record(rule) for rule in self.rules]).dropna(
            axis="columns", how="all"
        )

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the rules to a file.

        Parameters
        ----------
        path : str or path
            A .csv file gets the table, a .txt file the sentences.

        Returns
        -------
        Path
            The file, complete.

        Raises
        ------
        InputError
            For another ending.
        """
        target = Path(path)
        ending = target.suffix.lower()
        if ending not in (".csv", ".txt"):
            raise InputError(
                f"Rules are written to a .csv or .txt file. Got {target.name!r}."
            )
        text = csv_text(self.to_frame()) if ending == ".csv" else f"{self}\n"
        write_atomically(target, text.encode())
        return target


def extract_rules(
    model: Any,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    teacher_logits: Array | None = None,
) -> RuleSet:
    """Read the rules of a tree, ordered by coverage.

    Parameters
    ----------
    model : DistilledClassifier, DistilledRegressor, CartStudent or Tree
        A fitted model with a tree.
    X : array-like or frame of shape (n_samples, n_features), default=None
        Rows on which coverage, fidelity and accuracy are measured, best ones that
        nobody was fitted to. None takes the coverage from the training rows.
    y : array-like of shape (n_samples,), default=None
        Their labels, for the accuracy.
    teacher_logits : ndarray of shape (n_samples, n_outputs), default=None
        The teacher's logits of these rows; None asks the model's teacher.

    Returns
    -------
    RuleSet
        The rules.

    Raises
    ------
    InputError
        When the model has no tree.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from interpretkd.distillation import DistilledClassifier
    >>> from interpretkd.students import CartStudent
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    >>> model = DistilledClassifier(teacher, CartStudent(3), random_state=0).fit(X)
    >>> for rule in extract_rules(model):
    ...     print(rule.condition_text, "->", rule.prediction)
    petal length (cm) > 4.7975683 -> 2
    petal length (cm) <= 2.2029405 -> 0
    2.2029405 < petal length (cm) <= 4.7975683 -> 1
    """
    tree = getattr(model, "tree_", model)
    if not isinstance(tree, Tree):
        raise InputError(
            f"Rules are read from trees; {type(model).__name__} has none. Use a "
            "CartStudent."
        )
    leaves = np.flatnonzero(tree.nodes.is_leaf)
    measured = _measure(model, tree, leaves, X, y, teacher_logits)
    conditions = path_conditions(tree.nodes)
    decided, chance = leaf_decisions(model, tree.value[leaves])
    rules = [
        Rule(conditions[int(leaf)], int(leaf), decided[i], chance[i], **measured[i])
        for i, leaf in enumerate(leaves)
    ]
    rules.sort(key=lambda rule: (-rule.n_rows, rule.leaf))
    return RuleSet(tuple(rules), tree)


def path_conditions(nodes: Nodes) -> dict[int, tuple[Condition, ...]]:
    """Return what a row must be to reach each node of a tree.

    Tests of one feature are joined; those that say nothing are left out.

    Parameters
    ----------
    nodes : Nodes
        The tests of one tree.

    Returns
    -------
    dict of int to tuple of Condition
        For each node one condition a feature that was asked for above it.
    """
    known: dict[int, dict[int, Condition]] = {int(nodes.roots[0]): {}}
    for node in range(len(nodes.feature)):  # parents come before their children
        if nodes.is_leaf[node]:
            continue
        position = int(nodes.feature[node])
        before = known[node].get(position) or _anything(nodes, position)
        for child, goes_left in ((nodes.left, True), (nodes.right, False)):
            after = _narrow(nodes, node, before, goes_left=goes_left)
            known[int(child[node])] = {**known[node], position: after}
    return {
        node: tuple(c for c in by_feature.values() if not c.says_nothing)
        for node, by_feature in known.items()
    }


def node_test(nodes: Nodes, node: int) -> Condition:
    """Return a node's test by itself: the condition under which a row goes left.

    Parameters
    ----------
    nodes : Nodes
        The tests of one or more trees.
    node : int
        A node that is no leaf.

    Returns
    -------
    Condition
        The condition.
    """
    whole = _anything(nodes, int(nodes.feature[node]))
    return _narrow(nodes, node, whole, goes_left=True)


def _anything(nodes: Nodes, position: int) -> Condition:
    feature = nodes.schema.features[position]
    categories = tuple(range(len(feature.categories)))
    return Condition(feature, position, categories=categories)


def _narrow(
    nodes: Nodes, node: int, before: Condition, *, goes_left: bool
) -> Condition:
    """Return what is left of a condition after one more test."""
    missing = before.missing and bool(nodes.missing_left[node]) == goes_left
    low, high, values = before.low, before.high, before.values
    categories = before.categories
    if before.feature.is_categorical:
        left = nodes.left_set(node)
        categories = tuple(c for c in categories if left[c] == goes_left)
    else:
        threshold = float(nodes.threshold[node])
        if goes_left:
            high = min(high, threshold) if threshold < ALL_NUMBERS else high
        else:
            low = max(low, threshold)
            values = values and threshold < ALL_NUMBERS
    return Condition(
        before.feature, before.position, low, high, categories, values, missing
    )


def _measure(
    model: Any,
    tree: Tree,
    leaves: NDArray[np.integer],
    X: ArrayLike | None,
    y: ArrayLike | None,
    teacher_logits: Array | None,
) -> list[dict[str, Any]]:
    if X is None:
        cover = tree.cover[leaves]
        shares = cover / max(tree.cover[0], 1e-300)
        return [
            {"n_rows": round(n), "coverage": float(share)}
            for n, share in zip(cover, shares, strict=True)
        ]
    frame = as_frame(X)
    rows = X if frame is None else frame
    reached = tree.apply(rows)
    task = getattr(model, "task_", None)
    agrees = correct = None
    if task in ("multiclass", "multilabel"):
        student = decide(model.logits(rows), task)
        if teacher_logits is None:
            teacher_logits = model.teacher_.logits(rows)
        agrees = _same(student, decide(teacher_logits, task))
        if y is not None:
            correct = _same(model.predict(rows), np.asarray(y))
    measured = []
    for leaf in leaves:
        here = reached == leaf
        n_rows = int(here.sum())
        entry: dict[str, Any] = {
            "n_rows": n_rows,
            "coverage": n_rows / max(len(reached), 1),
        }
        if n_rows and agrees is not None:
            entry["fidelity"] = wilson_interval(int(agrees[here].sum()), n_rows)
        if n_rows and correct is not None:
            entry["accuracy"] = wilson_interval(int(correct[here].sum()), n_rows)
        measured.append(entry)
    return measured


def _same(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.bool_]:
    equal = np.asarray(first == second).reshape(len(first), -1)
    return np.asarray(equal.all(axis=1))


def leaf_decisions(model: Any, value: Array) -> tuple[list[Any], list[float | None]]:
    """Return what a model predicts where its student says these values.

    Parameters
    ----------
    model : DistilledClassifier, DistilledRegressor, CartStudent or Tree
        Whose decisions they are; a tree with names has classes, but no probabilities.
    value : ndarray of shape (n_nodes, n_outputs)
        Target columns.

    Returns
    -------
    predictions : list
        Classes, tuples of labels, or values.
    probabilities : list of float or None
        The student's probability of each class; None without classes.
    """
    names = getattr(model, "names", None)
    if names is not None and len(names) > 1:
        return [names[best] for best in value.argmax(axis=1)], [None] * len(value)
    task = getattr(model, "task_", "regression")
    if task == "regression":
        plain = value[:, 0].tolist() if value.shape[1] == 1 else value.tolist()
        return plain, [None] * len(value)
    logits = model.target_.decode(value)
    chosen, chance = decide(logits, task), probabilities(logits, task)
    if task == "multilabel":
        names = [tuple(model.classes_[on.astype(bool)].tolist()) for on in chosen]
        each = np.where(chosen == 1, chance, 1 - chance)
        return names, each.prod(axis=1).tolist()
    return (
        model.classes_[chosen].tolist(),
        chance[np.arange(len(chosen)), chosen].tolist(),
    )


def _record(rule: Rule) -> dict[str, Any]:
    record: dict[str, Any] = {
        "rule": rule.condition_text,
        "prediction": rule.prediction,
        "probability": rule.probability,
        "coverage": rule.coverage,
        "n_rows": rule.n_rows,
    }
    for name in ("fidelity", "accuracy"):
        estimate = getattr(rule, name)
        record[name] = None if estimate is None else estimate.value
        record[f"{name}_low"] = None if estimate is None else estimate.low
        record[f"{name}_high"] = None if estimate is None else estimate.high
    record["n_conditions"] = len(rule.conditions)
    record["leaf"] = rule.leaf
    return record


def _one_line(text: str) -> str:
    """Names come from data: a line break in one must not look like another rule."""
    return "".join(c if c.isprintable() else " " for c in text)


def _number(value: float) -> str:
    """Return the shortest decimal that is this float32 and no other."""
    return np.format_float_positional(np.float32(value), unique=True, trim="-")


def _number_text(condition: Condition) -> str:
    feature, low, high = condition.feature, condition.low, condition.high
    if not condition.values:
        return f"{feature.name} is missing"
    if low == -np.inf and high == np.inf:
        return f"{feature.name} is not missing"
    if low == -np.inf:
        text = f"{feature.name} <= {_number(high)}"
    elif high == np.inf:
        text = f"{feature.name} > {_number(low)}"
    else:
        text = f"{_number(low)} < {feature.name} <= {_number(high)}"
    return text + _or_missing(condition)


def _category_text(condition: Condition) -> str:
    feature, chosen = condition.feature, condition.categories
    names = [str(category) for category in feature.categories]
    if not chosen:
        return f"{feature.name} is missing"
    if len(chosen) == len(names):
        return f"{feature.name} is not missing"
    others = [i for i in range(len(names)) if i not in chosen]
    verb, listed = ("is", list(chosen))
    if len(others) < len(chosen):
        verb, listed = "is not", others
    if len(listed) == 1:
        what = names[listed[0]]
    else:
        what = "in {" + ", ".join(names[i] for i in listed) + "}"
    return f"{feature.name} {verb} {what}" + _or_missing(condition)


def _or_missing(condition: Condition) -> str:
    if not condition.feature.has_missing or not condition.missing:
        return ""
    return " or missing"


def prediction_text(prediction: Any) -> str:
    """Say a prediction in words.

    Parameters
    ----------
    prediction : object
        A class, a tuple of labels, or values.

    Returns
    -------
    str
        The text.
    """
    if isinstance(prediction, float):
        return f"{prediction:.6g}"
    if isinstance(prediction, tuple):
        return "{" + ", ".join(map(str, prediction)) + "}"
    if isinstance(prediction, list):
        return "(" + ", ".join(f"{value:.6g}" for value in prediction) + ")"
    return str(prediction)
