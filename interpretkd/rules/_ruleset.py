"""Rules: what a tree says, in words and as a table.

A leaf is one rule. Its conditions hold one interval or one set of categories a
feature, and apply to a row exactly when the row reaches the leaf.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import (
    InputError,
    Shown,
    check_boolean,
    check_choice,
    closest,
    counted,
    csv_text,
    html_page,
    html_table,
    latex_table,
    markdown_table,
    write_atomically,
)
from interpretkd.metrics import Estimate, rows_to_measure
from interpretkd.models import (
    Forest,
    LeafOutcomes,
    Linear,
    Tree,
    decision_cells,
    from_left,
    leaf_outcomes,
    outline,
    path_conditions,
    rows_seen,
)
from interpretkd.rules._counts import (
    _alike,
    _count_rows,
    _judge_rows,
    _Judged,
    _node_counts,
)
from interpretkd.rules._rounding import readable
from interpretkd.rules._rule import ALWAYS, COLUMNS, NUMBERS, Rule

_TABLES = ("rules", "decisions")
_WRITERS = (".csv", ".txt", ".md", ".tex", ".html")


@dataclass(frozen=True, eq=False, repr=False)
class RuleSet(Shown):
    """Rules of a tree, at first all of them, those that cover most rows first.

    Parameters
    ----------
    rules : tuple of Rule
        The rules; no row is covered by two of them.
    tree : Tree
        The tree they were read from.
    source : object, default=None
        What they were measured with: to measure them anew.
    """

    rules: tuple[Rule, ...]
    tree: Tree
    source: "_Source | None" = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __getitem__(self, index: int) -> Rule:
        return self.rules[index]

    def __str__(self) -> str:
        width = len(str(max((rule.number for rule in self.rules), default=0)))
        return "\n".join(f"{rule.number:>{width}}. {rule}" for rule in self.rules)

    @property
    def _headline(self) -> str:
        first = f"; the first: {self.rules[0].sentence}" if self.rules else ""
        return counted(len(self), "rule") + first

    @property
    def classes(self) -> tuple[Any, ...]:
        """The classes (labels), in the order of a rule's probabilities."""
        known = None if self.source is None else self.source.classes
        return () if known is None else tuple(known.tolist())

    @property
    def sentences(self) -> tuple[str, ...]:
        """One sentence a rule."""
        return tuple(rule.sentence for rule in self.rules)

    def apply(self, X: ArrayLike) -> NDArray[np.int64]:
        """Find the rule that covers each row.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples,), int64
            The position of the rule in `rules`; -1 where none of them covers the row,
            which needs a set that was filtered.
        """
        place = np.full(len(self.tree.nodes.feature), -1, dtype=np.int64)
        for i, rule in enumerate(self.rules):
            place[list(rule.leaves)] = i
        return place[self.tree.apply(self._seen(X))]

    def sort(self, by: str = "coverage", *, ascending: bool | None = None) -> "RuleSet":
        """Return the same rules in another order; their numbers stay with them.

        Parameters
        ----------
        by : str, default="coverage"
            "coverage", "fidelity", "accuracy", "lift", "recall", "confidence",
            "probability", "disagreements", "teacher_rmse", "label_rmse": the largest
            first. "number", "conditions" (how many), "prediction" (then by
            probability, the largest first), "tree" (left to right): the smallest
            first.
        ascending : bool or None, default=None
            Whether the smallest comes first; None for the usual order.

        Returns
        -------
        RuleSet
            The rules; those of which `by` is not known come last.

        Raises
        ------
        InputError
            For another order.
        """
        check_choice("RuleSet.sort", "by", by, tuple(_ORDERS))
        if ascending is not None:
            check_boolean("RuleSet.sort", "ascending", ascending)
        upwards = by in _UPWARDS if ascending is None else ascending
        key = {rule.leaf: _ORDERS[by](rule) for rule in self.rules}
        if by == "tree":
            key = from_left(self.tree.nodes)
        known = [rule for rule in self.rules if key[rule.leaf] is not None]
        unknown = [rule for rule in self.rules if key[rule.leaf] is None]
        if by == "prediction":  # within a prediction, the surest first either way
            known.sort(key=lambda rule: -(rule.probability or 0.0))
        known.sort(key=lambda rule: key[rule.leaf], reverse=not upwards)
        return replace(self, rules=(*known, *unknown))

    def filter(
        self,
        text: str = "",
        *,
        features: Collection[str] = (),
        predictions: Collection[Any] = (),
        min_coverage: float = 0.0,
        min_rows: int = 0,
        min_fidelity: float | None = None,
        min_accuracy: float | None = None,
    ) -> "RuleSet":
        """Return the rules that meet every condition; their numbers stay with them.

        Parameters
        ----------
        text : str, default=""
            What the rule must hold in its conditions or its prediction, upper or lower
            case.
        features : collection of str, default=()
            Columns of which it must ask for each.
        predictions : collection, default=()
            Classes of which it must predict one (labels of which one must be on);
            empty for any.
        min_coverage : float, default=0.0
            In [0, 1].
        min_rows : int, default=0
            The least support.
        min_fidelity, min_accuracy : float or None, default=None
            In [0, 1]; rules of which it is not known are left out.

        Returns
        -------
        RuleSet
            Some, all or none of the rules.

        Raises
        ------
        InputError
            For a column that the tree does not have.
        """
        for name in features:
            if name not in self.tree.schema.names:
                raise InputError(
                    f"There is no column {name!r}"
                    f"{closest(name, self.tree.schema.names)}."
                )
        least = {"fidelity": min_fidelity, "accuracy": min_accuracy}
        chosen = tuple(
            rule
            for rule in self.rules
            if text.casefold()
            in f"{rule.condition_text} {rule.prediction_text}".casefold()
            and set(features) <= {c.feature.name for c in rule.conditions}
            and (not predictions or rule._predicts(predictions))
            and rule.coverage >= min_coverage
            and rule.n_rows >= min_rows
            and all(_reaches(getattr(rule, name), low) for name, low in least.items())
        )
        return replace(self, rules=chosen)

    def merged(self) -> "RuleSet":
        """Return all rules of the tree, neighbours that decide the same joined.

        Returns
        -------
        RuleSet
            Rules that decide every row as before, and say from which leaves they were
            joined. Their probabilities are means: ask the tree for those.
        """
        return _rules_of(self._known_source(), self.tree, merge=True)

    def readable(
        self, X: ArrayLike | None = None, *, aggressive: bool = False
    ) -> "RuleSet":
        """Return all rules of the tree with thresholds of the fewest digits.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            The rows that must not change their rule: those that the tree was fitted
            to, best with all others at hand.
        aggressive : bool, default=False
            As for `rules.readable`, which also says what it costs.

        Returns
        -------
        RuleSet
            The rules of the rounded tree, measured anew on the rows that these were
            measured on.

        Raises
        ------
        InputError
            Without rows.
        """
        if X is None:
            raise InputError(
                "The 'X' parameter of RuleSet.readable must be the rows that may not "
                "change their rule. Got None."
            )
        rounded = readable(self.tree, self._seen(X), aggressive=aggressive).tree
        assert isinstance(rounded, Tree)
        merge = any(len(rule.leaves) > 1 for rule in self.rules)
        return _rules_of(self._known_source(), rounded, merge=merge)

    def to_frame(self, *, probabilities: bool = False) -> pd.DataFrame:
        """Return the rules as a table.

        Parameters
        ----------
        probabilities : bool, default=False
            Whether to add a column "probability of c" for each class c.

        Returns
        -------
        DataFrame
            One row a rule: its number, text, prediction, coverage, and what was
            measured.
        """
        names = self.classes if probabilities else ()
        records = [rule._record(names) for rule in self.rules]
        columns = None if records else ["number", "rule", "prediction"]
        return pd.DataFrame(records, columns=columns).dropna(axis="columns", how="all")

    def to_text(self) -> pd.DataFrame:
        """Return the rules as a table for reading.

        Returns
        -------
        DataFrame of str
            One row a rule; an estimate and its interval share a cell, and what is
            unknown is "-". Columns of which nothing is known are absent.
        """
        records = [rule.cells for rule in self.rules]
        frame = pd.DataFrame(records, columns=list(COLUMNS), dtype=object)
        known = [name for name in frame if name in ALWAYS or (frame[name] != "-").any()]
        return frame[known]

    def outline(self) -> str:
        """Return the tree as indented lines, with the rows that reach each node.

        Returns
        -------
        str
            Tests in words; a branch ends with the rule's number and prediction.
            Branches without a rule of this set are left out.
        """
        ends = {rule.leaf: rule._end_text for rule in self.rules}
        counts = {} if self.source is None else self.source.counts(self.tree)
        heads = {node: counted(n, "row") for node, n in counts.items()}
        return outline(self.tree.nodes, ends, heads)

    def decision_table(self) -> pd.DataFrame:
        """Return the rules as a decision table.

        Returns
        -------
        DataFrame of str
            One row a rule, one column a feature that is asked for; "-" means any. The
            hit policy is unique: of all rows of the table exactly one fits a case.
            The last columns are the prediction and the share of rows.
        """
        cells = decision_cells(
            self.tree.schema, [rule.conditions for rule in self.rules]
        )
        last = {
            "THEN": [rule.prediction_text for rule in self.rules],
            "covers": [f"{rule.coverage:.1%}" for rule in self.rules],
        }
        for name, column in last.items():
            cells[_free(name, cells)] = column
        cells.insert(0, _free("#", cells), [str(rule.number) for rule in self.rules])
        cells.attrs["hit_policy"] = "unique"
        return cells

    def to_markdown(self, table: str = "rules") -> str:
        """Return a table in Markdown.

        Parameters
        ----------
        table : {"rules", "decisions"}, default="rules"
            `to_text` or `decision_table`.

        Returns
        -------
        str
            The table; names are escaped.
        """
        return markdown_table(self._table(table), NUMBERS)

    def to_latex(self, table: str = "rules") -> str:
        """Return a table in LaTeX.

        Parameters
        ----------
        table : {"rules", "decisions"}, default="rules"
            `to_text` or `decision_table`.

        Returns
        -------
        str
            A longtable with the rules of booktabs; names are escaped.
        """
        return latex_table(self._table(table), NUMBERS, self._caption(table))

    def to_html(self, table: str = "rules") -> str:
        """Return a table in HTML.

        Parameters
        ----------
        table : {"rules", "decisions"}, default="rules"
            `to_text` or `decision_table`.

        Returns
        -------
        str
            A fragment without scripts and addresses; names are escaped.
        """
        return html_table(self._table(table), NUMBERS, self._caption(table))

    def _repr_html_(self) -> str:
        return self.to_html()

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the rules to a file.

        Parameters
        ----------
        path : str or path
            A .csv file gets the table, a .txt file the sentences, .md, .tex and .html
            files the table for reading.

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
        if ending not in _WRITERS:
            raise InputError(
                f"Rules are written to a {', '.join(_WRITERS[:-1])} or {_WRITERS[-1]} "
                f"file. Got {target.name!r}."
            )
        write_atomically(target, self._written(ending).encode())
        return target

    def _written(self, ending: str) -> str:
        if ending == ".csv":
            return csv_text(self.to_frame())
        if ending == ".txt":
            return f"{self}\n"
        if ending == ".md":
            return self.to_markdown()
        if ending == ".tex":
            return self.to_latex()
        return html_page(self._caption("rules"), self.to_html())

    def _table(self, table: str) -> pd.DataFrame:
        check_choice("RuleSet", "table", table, _TABLES)
        return self.to_text() if table == "rules" else self.decision_table()

    def _caption(self, table: str) -> str:
        rows = "the training rows"
        if self.source is not None and self.source.judged is not None:
            rows = counted(len(self.source.judged.codes), "row")
        caption = f"{counted(len(self), 'rule')}, measured on {rows}"
        if table == "decisions":
            caption += "; exactly one applies to each case (hit policy: unique)"
        return caption

    def _seen(self, X: ArrayLike) -> Any:
        """Return rows as the tree reads them: those of a view, where it has one."""
        return X if self.source is None else rows_seen(self.source.model, X)

    def _known_source(self) -> "_Source":
        return self.source or _Source(self.tree, None)


@dataclass(frozen=True, eq=False)
class _Source:
    """What rules are read from and measured with."""

    model: Any
    judged: _Judged | None

    @cached_property
    def classes(self) -> NDArray[Any] | None:
        tree = getattr(self.model, "tree_", self.model)
        return leaf_outcomes(self.model, tree.value[:1]).classes

    def counts(self, tree: Tree) -> dict[int, int]:
        """Count the rows that reach each node."""
        if self.judged is None:
            return {node: round(n) for node, n in enumerate(tree.n_rows.tolist())}
        return dict(enumerate(_node_counts(tree, self.judged.codes).tolist()))


def extract_rules(
    model: Any,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    teacher_logits: ArrayLike | None = None,
    merge: bool = False,
    groups: ArrayLike | None = None,
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
        Their labels (values, for regression), for the accuracy.
    teacher_logits : array-like of shape (n_samples, n_outputs), default=None
        The teacher's logits of these rows (values, for regression); None asks the
        model's teacher, if it has one.
    merge : bool, default=False
        Whether neighbouring leaves that decide the same become one rule. Decisions
        stay exact, probabilities become means.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to: a rule's intervals are then over groups. None takes the
        rows as independent.

    Returns
    -------
    RuleSet
        The rules.

    Raises
    ------
    InputError
        When the model has no tree, when `y` or `teacher_logits` come without `X` or do
        not fit it, or when the teacher was not saved with the model.

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
    >>> model = DistilledClassifier(teacher, student, random_state=0).fit(X)
    >>> for rule in extract_rules(model).readable(X):
    ...     print(rule.condition_text, "->", rule.prediction)
    petal length (cm) > 4.7 -> 2
    petal length (cm) <= 2 -> 0
    2 < petal length (cm) <= 4.7 -> 1
    """
    tree = getattr(model, "tree_", model)
    if not isinstance(tree, Tree):
        student = getattr(model, "student_", model)
        form = type(getattr(student, "form_", student))
        instead = {Forest: "shape_effects", Linear: "linear_terms"}
        raise InputError(
            f"Rules are read from a CartStudent. Got a {type(student).__name__}"
            f"{' as the student' if student is not model else ''}"
            f"{f': see explain.{instead[form]}' if form in instead else ''}."
        )
    check_boolean("extract_rules", "merge", merge)
    judged = None
    if X is not None:
        X = rows_to_measure(model, X)
        outcomes = leaf_outcomes(model, tree.value[:1])
        judged = _judge_rows(model, tree, outcomes, X, y, teacher_logits, groups)
    elif y is not None or teacher_logits is not None:
        given = "y" if y is not None else "teacher_logits"
        raise InputError(f"The '{given}' parameter of extract_rules needs the rows X.")
    return _rules_of(_Source(model, judged), tree, merge=merge)


def _rules_of(source: _Source, tree: Tree, *, merge: bool) -> RuleSet:
    leaves = np.flatnonzero(tree.nodes.is_leaf)
    outcomes = leaf_outcomes(source.model, tree.value[leaves])
    groups = {int(leaf): [int(leaf)] for leaf in leaves}
    if merge:
        decided = dict(zip(leaves.tolist(), outcomes.predictions, strict=True))
        groups = _alike(tree, decided)
        position = np.full(len(tree.nodes.feature), -1)
        position[leaves] = np.arange(len(leaves))
        places = [position[group] for group in groups.values()]
        outcomes = outcomes.pooled(places, tree.cover[leaves])
    measured = _measured(source, tree, groups, outcomes)
    conditions = path_conditions(tree.nodes)
    order = np.lexsort([list(groups), [-entry["n_rows"] for entry in measured]])
    nodes, members = list(groups), list(groups.values())
    predictions, sure = outcomes.predictions, outcomes.probabilities
    chances = (
        [[]] * len(nodes) if outcomes.chances is None else outcomes.chances.tolist()
    )
    rules = tuple(
        Rule(
            conditions[nodes[i]],
            nodes[i],
            predictions[i],
            sure[i],
            number=number,
            leaves=tuple(members[i]),
            probabilities=tuple(chances[i]),
            **measured[i],
        )
        for number, i in enumerate(order.tolist(), start=1)
    )
    return RuleSet(rules, tree, source)


def _measured(
    source: _Source, tree: Tree, groups: Mapping[int, list[int]], outcomes: LeafOutcomes
) -> list[dict[str, Any]]:
    if source.judged is None:
        reached = [float(tree.n_rows[group].sum()) for group in groups.values()]
        whole = max(float(tree.n_rows[0]), 1e-300)
        return [{"n_rows": round(n), "coverage": n / whole} for n in reached]
    place = np.full(len(tree.nodes.feature), -1)
    for i, group in enumerate(groups.values()):
        place[group] = i
    return _count_rows(
        source.judged, outcomes, place[tree.nodes.apply(source.judged.codes)]
    )


def _reaches(estimate: Estimate | None, low: float | None) -> bool:
    return low is None or (estimate is not None and estimate.value >= low)


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value


_ORDERS: dict[str, Any] = {
    "coverage": lambda rule: rule.n_rows,
    "fidelity": lambda rule: _value(rule.fidelity),
    "accuracy": lambda rule: _value(rule.accuracy),
    "lift": lambda rule: rule.lift,
    "recall": lambda rule: rule.recall,
    "confidence": lambda rule: rule.confidence,
    "probability": lambda rule: rule.probability,
    "disagreements": lambda rule: rule.n_disagree,
    "teacher_rmse": lambda rule: rule.teacher_rmse,
    "label_rmse": lambda rule: rule.label_rmse,
    "number": lambda rule: rule.number,
    "conditions": lambda rule: len(rule.conditions),
    "prediction": lambda rule: rule.prediction,
    "tree": lambda rule: rule.leaf,
}
_UPWARDS = ("number", "conditions", "prediction", "tree")


def _free(name: str, cells: pd.DataFrame) -> str:
    """Return a column's name that no feature has."""
    while name in cells.columns:
        name += "_"
    return name
