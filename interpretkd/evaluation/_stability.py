"""What of a student would come out again, had the rows been others.

The same student is fitted anew to rows drawn with replacement, with the same
teacher; what all these students share can be relied on, what only one has cannot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.utils import check_random_state

from interpretkd._base import (
    Array,
    InputError,
    check_boolean,
    check_choice,
    check_integer,
    check_real,
    html_block,
    html_table,
    number_text,
    one_line,
    prediction_text,
)
from interpretkd.data import Codes, as_columns, spreads, take_rows
from interpretkd.distillation import (
    check_model,
    fit_student,
    given_rows,
    output_names,
    teacher_says,
)
from interpretkd.evaluation._evaluate import _truth
from interpretkd.metrics import Estimate, bootstrap_interval, measure_fidelity
from interpretkd.models import (
    Condition,
    Forest,
    Form,
    Linear,
    Tree,
    feature_importance,
    node_test,
    path_conditions,
)
from interpretkd.rules import extract_rules
from interpretkd.students import as_student
from interpretkd.targets import decide
from interpretkd.transfer import TransferSet

Index = NDArray[np.int64]

SEARCHES = ("same", "greedy")
_FEWEST_ROWS = 20
_FEWEST_REFITS = 2
_PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, eq=False)
class Stability:
    """How far students fitted to other rows are alike.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    n_refits : int
        The students that were fitted anew.
    n_compared : int
        The rows on which they were compared; none of them was fitted to these.
    agreement : Estimate
        How far two of them agree, on average over all pairs: the share of rows that
        are decided alike; for regression the share of the values' variance that the
        students have in common. With a bootstrap interval over the rows.
    with_model : Estimate
        The same between them and the given model.
    fidelity : tuple of float
        The fidelity of each with the teacher, on the rows compared.
    features : DataFrame
        One row a feature, the most used first: feature, used (the share of students
        that use it) and used_by_model; for trees also root (the share whose first test
        it is) and n_tests (mean); for boosted students importance (the model's), rank,
        and the percentiles rank_low and rank_high.
    parts : DataFrame
        What the model is made of. For trees one row a test: node, test, survives (the
        share of students with such a test), found (the share with any test of this
        feature) and, for numbers, threshold and the percentiles low and high of the
        nearest threshold of this feature in each student that has one. For linear
        students one row a coefficient: term, output, coefficient, same_sign (the share
        of students in which it has the model's sign), zero (the share in which it is
        0), and the percentiles low and high. For boosted students as `features`.
    rules : DataFrame or None
        For trees one row a rule: rule, prediction, coverage (of the rows compared),
        survives (the share of students with a rule of the same prediction and the same
        conditions), decided_alike (how many of the covered rows the students decide as
        the rule, on average; None for regression), leaf.
    rank_correlation : float or None
        In [-1, 1], for boosted students: Spearman's, between the importance of the
        features in two of them, on average over all pairs.
    """

    task: str
    n_refits: int
    n_compared: int
    agreement: Estimate
    with_model: Estimate
    fidelity: tuple[float, ...]
    features: pd.DataFrame
    parts: pd.DataFrame
    rules: pd.DataFrame | None = None
    rank_correlation: float | None = None

    def to_frame(self) -> pd.DataFrame:
        """Return what the model is made of, and how much of it comes out again.

        Returns
        -------
        DataFrame
            As `parts`.
        """
        return self.parts

    @property
    def sentence(self) -> str:
        """How far the students agree, in one sentence."""
        measure = "of the rows"
        if self.task == "regression":
            measure = "of the variance"
        return (
            f"Two of {self.n_refits} students fitted to other rows agree on "
            f"{self.agreement:.1%} {measure}; with this model they do on "
            f"{self.with_model:.1%}."
        )

    def __str__(self) -> str:
        lines = [self.sentence]
        low, high = min(self.fidelity), max(self.fidelity)
        lines.append(f"Their fidelity lies between {low:.3f} and {high:.3f}.")
        if self.rank_correlation is not None:
            lines.append(f"Rank correlation of features: {self.rank_correlation:.2f}.")
        lines += [f"  {_part_text(part)}" for part in self.parts.to_dict("records")]
        if self.rules is not None:
            for rule in self.rules.to_dict("records"):
                says = one_line(prediction_text(rule["prediction"]))
                text = f"IF {rule['rule']} THEN {says}: in {rule['survives']:.0%}"
                if rule["decided_alike"] is not None:
                    text += f", decided alike {rule['decided_alike']:.0%}"
                lines.append(f"  {text}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        tables = [html_table(self.features, caption="Features")]
        if self.rank_correlation is None:
            tables.append(html_table(self.parts, caption="What the model is made of"))
        if self.rules is not None:
            says = self.rules["prediction"].map(prediction_text)
            tables.append(
                html_table(self.rules.assign(prediction=says), caption="Rules")
            )
        return html_block([self.sentence], tables)


def stability(
    model: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    teacher_logits: ArrayLike | None = None,
    n_refits: int = 20,
    search: str = "same",
    held_out: float = 0.3,
    tolerance: float = 0.1,
    overlap: float = 0.5,
    random_state: Any = 0,
    verbose: bool = False,
) -> Stability:
    """Fit the same student to other rows, and see what stays.

    A part of the rows is kept for comparison. From the others as many are drawn, with
    replacement, for each student; all have the settings that the model's student had
    (what was "auto" there is chosen) and the same target. The teacher is asked once,
    about the given rows, and about no further ones: a model that was fitted to
    further rows (`n_asked_`) is steadier than its refits here.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted, with a student of ours, or loaded.
    X : array-like or frame of shape (n_samples, n_features)
        Rows, best those that the model was fitted to.
    y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
        Their labels (values, for regression); needed for a model with ``alpha`` above
        0, and used by it alone.
    teacher_logits : array-like of shape (n_samples, n_outputs), default=None
        What the teacher says of the rows; None asks it.
    n_refits : int, default=20
        In [2, inf): how many students are fitted; each takes about as long as the
        model's student did, without its trials of targets.
    search : {"same", "greedy"}, default="same"
        How trees are searched for: as the model's was, or greedily, which takes
        a hundredth of the time and says how stable a greedy tree of that size would
        be.
    held_out : float, default=0.3
        In (0, 1): the share of the rows that is kept for comparison.
    tolerance : float, default=0.1
        In [0, inf), in standard deviations of a column: thresholds that are no
        farther apart are the same.
    overlap : float, default=0.5
        In (0, 1]: sets of categories are the same from this Jaccard index on (shared
        categories by all categories in either).
    random_state : int, RandomState or None, default=0
        Of the rows drawn.
    verbose : bool, default=False
        Whether progress is shown.

    Returns
    -------
    Stability
        What was found.

    Raises
    ------
    InputError
        For a model without a student of ours, a parameter out of range, fewer than 20
        rows, and when the teacher is absent and `teacher_logits` too.

    Notes
    -----
    The tests of two trees are compared wherever they stand. A rule survives only when
    a rule of the other tree has the same prediction (for regression: any) and the same
    features, with the same ends and sets of categories: neither more nor fewer.
    ``decided_alike`` is milder, and what matters to those whom the rule decides about.

    References
    ----------
    Breiman (1996), "Heuristics of instability and stabilization in model selection";
    Efron & Tibshirani (1993), "An introduction to the bootstrap".

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
    >>> found = stability(model.fit(X), X, n_refits=5)
    >>> found.n_refits, found.n_compared
    (5, 45)
    """
    owner = "stability"
    check_model(owner, model)
    check_integer(owner, "n_refits", n_refits, _FEWEST_REFITS)
    check_choice(owner, "search", search, SEARCHES)
    check_real(owner, "held_out", held_out, 0, 1)
    check_real(owner, "tolerance", tolerance, 0, closed="left")
    check_real(owner, "overlap", overlap, 0, 1, closed="right")
    check_boolean(owner, "verbose", verbose)
    rows = given_rows(model, X)
    if len(rows) < _FEWEST_ROWS:
        raise InputError(
            f"The rows X given to stability must be {_FEWEST_ROWS} or more. Got "
            f"{len(rows)}."
        )
    asked = TransferSet(
        rows, teacher_says(model, rows, teacher_logits), _labels(model, y)
    )
    rng = check_random_state(random_state)
    kept, compared = _split(len(rows), held_out, rng)
    refits = _refit(model, asked, kept, n_refits, search, rng, verbose)
    there = take_rows(rows, compared)
    logits = [model.target_.decode(as_columns(s.predict(there))) for s in refits]
    mine = np.asarray(model.logits(there))
    task = model.task_
    codes = model.schema_.encode(rows)
    forms = [student.form_ for student in refits]
    sameness = _Sameness(spreads(model.schema_, codes) * tolerance, overlap)
    return Stability(
        task=task,
        n_refits=n_refits,
        n_compared=len(compared),
        agreement=_agreement(task, np.stack(logits)),
        with_model=_agreement_with(task, mine, np.stack(logits)),
        fidelity=tuple(
            measure_fidelity(task, asked.logits[compared], one).value for one in logits
        ),
        **_read(model, forms, logits, codes[compared], sameness),
    )


def _labels(model: Any, y: ArrayLike | None) -> Array | None:
    if model.target_.alpha == 0:
        return None
    if y is None:
        raise InputError(
            "The labels y must be given to stability for a model with alpha above 0. "
            f"Got alpha {model.target_.alpha:g} and no y."
        )
    shape = (len(np.asarray(y)), model.student_.form_.n_outputs)
    truth = _truth(model, y, shape)
    if model.task_ != "multiclass":
        return truth.reshape(shape).astype(np.float64)
    known = np.eye(shape[1])[truth]
    known[truth < 0] = np.nan
    return known


def _split(
    n_rows: int, held_out: float, rng: np.random.RandomState
) -> tuple[Index, Index]:
    order = rng.permutation(n_rows)
    n_compared = min(max(round(held_out * n_rows), 2), n_rows - 5)
    return np.sort(order[n_compared:]), np.sort(order[:n_compared])


def _refit(
    model: Any,
    asked: TransferSet,
    kept: Index,
    n_refits: int,
    search: str,
    rng: np.random.RandomState,
    verbose: bool,
) -> list[Any]:
    from rich.progress import track

    student = clone(model.student_)
    if search == "greedy" and "search" in student.get_params():
        student.set_params(search="greedy")
    watches = as_student(student).validation == "watch"
    rounds = track(range(n_refits), "Fitting students anew", disable=not verbose)
    refits = []
    for _ in rounds:
        drawn = rng.choice(kept, len(kept))
        left = np.setdiff1d(kept, drawn) if watches else drawn[:0]
        watched = asked.take(left) if len(left) else None
        refits.append(fit_student(student, model.target_, asked.take(drawn), watched))
    return refits


def _agreement(task: str, logits: Array) -> Estimate:
    """Return how far two students agree, over all pairs, with an interval over rows."""
    n_students = len(logits)
    if task == "regression":
        within = logits.var(axis=0, ddof=1)
        return _common_variance(within, logits)
    alike = np.zeros(logits.shape[1])
    ends = np.stack([_keys(task, one) for one in logits])
    for column, keys in enumerate(ends.T):
        counts = np.unique(keys, return_counts=True)[1]
        alike[column] = (counts * (counts - 1)).sum()
    return bootstrap_interval(alike / (n_students * (n_students - 1)))


def _agreement_with(task: str, mine: Array, logits: Array) -> Estimate:
    if task == "regression":
        both = np.concatenate([logits, np.broadcast_to(mine, logits.shape)])
        return _common_variance(((logits - mine) ** 2).mean(axis=0) / 2, both)
    own = _keys(task, mine)
    alike = np.stack([_keys(task, one) == own for one in logits])
    return bootstrap_interval(alike.mean(axis=0))


def _common_variance(within: Array, values: Array) -> Estimate:
    """Return one less the variance between students over that over rows and students.

    Half the mean squared difference of two students is the variance within a row.
    """
    n_outputs = values.shape[2]
    squares, means = (values**2).mean(axis=0), values.mean(axis=0)
    columns = np.hstack([within, squares, means])

    def share(average: Array) -> Array:
        inside, square, mean = np.split(average, 3, axis=1)
        whole = (square - mean**2).sum(axis=1)
        return 1 - inside.sum(axis=1) / np.where(whole > 0, whole, np.inf)

    assert columns.shape[1] == 3 * n_outputs
    return bootstrap_interval(columns, share)


def _keys(task: str, logits: Array) -> NDArray[np.int64]:
    """Return a number a row: the same for the same decision."""
    chosen = decide(logits, task)
    if task != "multilabel":
        return chosen
    texts = ["".join(map(str, row)) for row in chosen.tolist()]
    return np.asarray([int("1" + text, 2) % (2**61 - 1) for text in texts])


def _read(
    model: Any,
    forms: Sequence[Form],
    logits: Sequence[Array],
    codes: Codes,
    sameness: "_Sameness",
) -> dict[str, Any]:
    form = model.student_.form_
    if isinstance(form, Linear):
        parts = _coefficients(model, form, forms)
        return {"features": _used(model.schema_.names, form, forms), "parts": parts}
    if isinstance(form, Forest):
        return _boosted(model.schema_.names, form, forms)
    return {
        "features": _tree_features(model.schema_.names, form, forms),
        "parts": _tests(form, forms, sameness),
        "rules": _rules(model, forms, logits, codes, sameness),
    }


def _used(names: Sequence[str], form: Form, forms: Sequence[Form]) -> pd.DataFrame:
    own, others = _uses(form), np.stack([_uses(one) for one in forms])
    return _sorted(
        pd.DataFrame(
            {
                "feature": [one_line(name) for name in names],
                "used": others.mean(axis=0),
                "used_by_model": own,
            }
        ),
        "used",
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


def _tree_features(
    names: Sequence[str], tree: Tree, trees: Sequence[Any]
) -> pd.DataFrame:
    n_features = len(names)
    tests, roots = np.zeros((2, n_features))
    for one in trees:
        tested = one.nodes.feature[~one.nodes.is_leaf]
        tests += np.bincount(tested, minlength=n_features) / len(trees)
        if len(tested):
            roots[one.nodes.feature[0]] += 1 / len(trees)
    own, others = _uses(tree), np.stack([_uses(one) for one in trees])
    return _sorted(
        pd.DataFrame(
            {
                "feature": [one_line(name) for name in names],
                "used": others.mean(axis=0),
                "used_by_model": own,
                "root": roots,
                "n_tests": tests,
            }
        ),
        "used",
    )


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
            record["threshold"] = test.high
            ends = [[one.high for one in some] for some in others]
            nearest = [_nearest(end, test.high) for end in ends]
            finite = [end for end in nearest if np.isfinite(end)]
            if finite:
                record["low"], record["high"] = np.percentile(finite, _PERCENTILES)
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
    trees: Sequence[Any],
    logits: Sequence[Array],
    codes: Codes,
    sameness: _Sameness,
) -> pd.DataFrame:
    task, target = model.task_, model.target_
    known = [_rules_by_decision(task, target.decode(one.value), one) for one in trees]
    form = model.student_.form_
    own = _ends(task, target.decode(form.value))
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


def _boosted(
    names: Sequence[str], form: Forest, forms: Sequence[Any]
) -> dict[str, Any]:
    own = feature_importance(form)
    others = np.stack([feature_importance(one) for one in forms])
    ranks = np.stack([rankdata(-one) for one in others])
    low, high = np.percentile(ranks, _PERCENTILES, axis=0)
    given = pd.DataFrame(
        {
            "feature": [one_line(name) for name in names],
            "used": np.stack([_uses(one) for one in forms]).mean(axis=0),
            "used_by_model": _uses(form),
            "importance": own,
            "rank": rankdata(-own),
            "rank_low": low,
            "rank_high": high,
        }
    )
    table = _sorted(given, "importance")
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


def _part_text(part: dict[str, Any]) -> str:
    if "test" in part:
        text = f"{part['test']}: in {part['survives']:.0%}"
        if np.isfinite(part["low"]):
            ends = (number_text(part["low"]), number_text(part["high"]))
            text += f", threshold {ends[0]} to {ends[1]}"
        return text
    if "term" in part:
        return (
            f"{part['term']} to {part['output']}: {part['coefficient']:+.4g} "
            f"[{part['low']:+.4g}, {part['high']:+.4g}], same sign in "
            f"{part['same_sign']:.0%}"
        )
    return (
        f"{part['feature']}: rank {part['rank']:g} "
        f"[{part['rank_low']:g}, {part['rank_high']:g}]"
    )
