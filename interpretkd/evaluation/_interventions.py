"""Whether the teacher follows when exactly what a rule tests is changed.

A rule can agree with the teacher on every row and yet speak of features that the
teacher does not look at: they only go together with what it does look at. So the rows
are changed, and the teacher is asked again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state

from interpretkd._base import (
    Array,
    InputError,
    Shown,
    check_integer,
    html_block,
    html_table,
    one_line,
    prediction_text,
)
from interpretkd.data import Codes, Rows, even_space, replace_cells, take_rows
from interpretkd.distillation import (
    check_model,
    given_rows,
    same_decisions,
    teacher_is_here,
    teacher_says,
)
from interpretkd.evaluation._evaluation import _estimate_cells
from interpretkd.metrics import Estimate, bootstrap_interval, wilson_interval
from interpretkd.models import (
    Condition,
    Tree,
    check_reads_given,
    codes_seen,
    columns_of,
)
from interpretkd.rules import Rule, extract_rules
from interpretkd.targets import Answers, answers_of

_USUAL_SHARE = 0.95
_MOST_COMPARED = 2000


@dataclass(frozen=True)
class ConditionBreak:
    """What happens to covered rows when one condition of their rule is broken.

    Parameters
    ----------
    condition : str
        The condition in words.
    n_rows : int
        The rows that were changed.
    student : Estimate or None
        How often the student's decision changes; None for regression and where no
        row could be changed.
    teacher : Estimate or None
        How often the teacher's does. For regression the share of the student's
        change that the teacher makes (1 follows fully, 0 not at all, below 0 goes the
        other way).
    together : Estimate or None
        Of the rows on which the student's decision changes, how often the teacher
        then decides like it; None where it never changes, and for regression.
    unusual : float or None
        In [0, 1]: the share of the changed rows that are unlike the given ones.
    """

    condition: str
    n_rows: int
    student: Estimate | None
    teacher: Estimate | None
    together: Estimate | None
    unusual: float | None


@dataclass(frozen=True, eq=False, repr=False)
class RuleIntervention(Shown):
    """What happens when other rows are made to satisfy a rule.

    Parameters
    ----------
    number : int
        The rule's number in `extract_rules`, from 1.
    leaf : int
        The leaf's index in the tree.
    rule : str
        The conditions in words.
    prediction : object
        What the rule says.
    coverage : float
        In [0, 1]: the share of the given rows that it covers.
    fidelity : Estimate or None
        The share of the covered rows on which the teacher decides like the rule,
        nothing being changed; None for regression and where no row is covered.
    n_rows : int
        The rows outside the rule that were changed.
    before : Estimate or None
        The share of these on which the teacher decides like the rule as they are;
        None for regression.
    follows : Estimate or None
        The share of these on which it does so after the change. For regression the
        share of the student's change that the teacher makes. None where no row could
        be changed.
    moved : Estimate or None
        The same among those on which the teacher did not decide so before; None for
        regression.
    unusual : float or None
        In [0, 1]: the share of the changed rows that are unlike the given ones.
    breaks : tuple of ConditionBreak
        The covered rows, one condition broken at a time.
    """

    number: int
    leaf: int
    rule: str
    prediction: Any
    coverage: float
    fidelity: Estimate | None
    n_rows: int
    before: Estimate | None
    follows: Estimate | None
    moved: Estimate | None
    unusual: float | None
    breaks: tuple[ConditionBreak, ...]

    def __str__(self) -> str:
        head = f"IF {self.rule} THEN {one_line(prediction_text(self.prediction))}"
        if self.follows is None:
            return f"{head}: no row could be changed"
        text = f"{head}: the teacher follows {self.follows}"
        if self.before is not None:
            text += f", before the change {self.before.value:.3f}"
        if self.fidelity is not None:
            text += f", fidelity {self.fidelity.value:.3f}"
        return text


@dataclass(frozen=True, eq=False, repr=False)
class Interventions(Shown):
    """How far the teacher follows the rules when rows are changed.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    n_rows : int
        The given rows.
    rules : tuple of RuleIntervention
        One a rule, those first that cover most rows.
    """

    task: str
    n_rows: int
    rules: tuple[RuleIntervention, ...]

    def __len__(self) -> int:
        return len(self.rules)

    @property
    def follows(self) -> float | None:
        """The rules' follow rates, averaged by coverage; None where there is none."""
        return _weighted(self.rules, "follows")

    @property
    def before(self) -> float | None:
        """The same before the changes; None for regression."""
        return _weighted(self.rules, "before")

    def to_frame(self) -> pd.DataFrame:
        """Return one row a rule.

        Returns
        -------
        DataFrame
            Columns rule, prediction, coverage, n_rows, then each of fidelity, before,
            follows and moved with its interval (_low and _high), unusual, number and
            leaf.
        """
        return pd.DataFrame(
            [
                {
                    "rule": one.rule,
                    "prediction": one.prediction,
                    "coverage": one.coverage,
                    "n_rows": one.n_rows,
                    **_estimate_cells(one, "fidelity", "before", "follows", "moved"),
                    "unusual": np.nan if one.unusual is None else one.unusual,
                    "number": one.number,
                    "leaf": one.leaf,
                }
                for one in self.rules
            ]
        )

    def breaks_frame(self) -> pd.DataFrame:
        """Return one row a condition of a rule.

        Returns
        -------
        DataFrame
            Columns number (the rule's), condition, n_rows, then each of student,
            teacher and together with its interval (_low and _high), and unusual.
        """
        measures = ("student", "teacher", "together")
        names = ["number", "condition", "n_rows"]
        names += [f"{m}{end}" for m in measures for end in ("", "_low", "_high")]
        return pd.DataFrame(
            [
                {
                    "number": rule.number,
                    "condition": one.condition,
                    "n_rows": one.n_rows,
                    **_estimate_cells(one, *measures),
                    "unusual": np.nan if one.unusual is None else one.unusual,
                }
                for rule in self.rules
                for one in rule.breaks
            ],
            columns=[*names, "unusual"],
        )

    @property
    def sentence(self) -> str:
        """How far the teacher follows, in one sentence."""
        follows, before = self.follows, self.before
        if follows is None:
            return "No row could be changed: there is no other rule to come from."
        if before is None:
            return (
                "Where rows were changed to satisfy a rule, the teacher's value made "
                f"{follows:.0%} of the student's change."
            )
        return (
            "Of the rows that were changed to satisfy a rule, the teacher decides "
            f"{follows:.1%} like it, before the change {before:.1%}."
        )

    def __str__(self) -> str:
        return "\n".join([self.sentence, *(f"  {rule}" for rule in self.rules)])

    def _repr_html_(self) -> str:
        frame = self.to_frame()
        frame = frame.assign(prediction=frame["prediction"].map(prediction_text))
        tables = [
            html_table(frame, caption="Rows changed to satisfy a rule"),
            html_table(
                self.breaks_frame(), caption="Covered rows, one condition broken"
            ),
        ]
        return html_block([self.sentence], tables)


def interventions(
    model: Any,
    X: ArrayLike,
    *,
    teacher_logits: ArrayLike | None = None,
    n_rows: int = 300,
    n_rules: int | None = None,
    random_state: Any = 0,
) -> Interventions:
    """Change exactly what each rule tests, and ask the teacher whether it follows.

    Into the rule: rows about which the student decides otherwise than the rule get, in
    exactly the columns that the rule tests, the values of a random row that it covers,
    all of one row, so that they occur together; all other columns stay. The student
    then decides like the rule, by construction. Reported is how often the teacher
    does, before and after. A rule that names what the teacher goes by has a follow
    rate near its fidelity; one that only goes together with it has one near the rate
    before.

    Out of the rule: covered rows get, in the column of one condition alone (of a sum,
    in all that it adds up), the value of a random given row that does not fulfil it.
    Reported is how often each model's decision changes.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted, with a `CartStudent`, and a teacher that can be asked.
    X : array-like or frame of shape (n_samples, n_features)
        Rows, best ones that nobody was fitted to; they are changed, and give the
        values.
    teacher_logits : array-like of shape (n_samples, n_outputs), default=None
        What the teacher says of them as they are; None asks it.
    n_rows : int, default=300
        In [1, inf): the most rows that are changed for each rule and condition.
    n_rules : int or None, default=None
        In [1, inf): the rules that are tried, those first that cover most rows; None
        for all.
    random_state : int, RandomState or None, default=0
        Of the rows and values.

    Returns
    -------
    Interventions
        The rates, with Wilson's intervals (for regression bootstrap intervals).

    Raises
    ------
    InputError
        For a student without a tree, and for a teacher that was not saved with the
        run.

    Notes
    -----
    A changed row may be one that cannot occur, such as a young person with a long
    employment, and nobody knows what a teacher says there, nor whether it matters.
    ``unusual`` is the share of changed rows that are farther from their nearest given
    row than 95 % of the given rows are from theirs, in columns of equal spread: where
    it is well above 0.05, a low follow rate may tell of the change and not of the
    rule. To change a column that other columns depend on without them is no statement
    about the world; it tells what the teacher reads, not what causes what.

    References
    ----------
    Jacobs, Beltiukov, Willinger, Ferreira, Gupta & Granville (2022), "AI/ML for network
    security: the emperor has no clothes": a tree of fidelity 1.00 on three bytes of a
    packet, whose tampering left the teacher's decisions as they were.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from interpretkd.distillation import DistilledClassifier
    >>> from interpretkd.students import CartStudent
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X[::2], y[::2]))
    >>> student = CartStudent(3, search="greedy")
    >>> model = DistilledClassifier(teacher, student, transfer=None, random_state=0)
    >>> print(interventions(model.fit(X[::2]), X[1::2]).sentence)
    Of the rows that were changed to satisfy a rule, the teacher decides ...
    """
    owner = "interventions"
    check_model(owner, model)
    check_integer(owner, "n_rows", n_rows, 1)
    check_integer(owner, "n_rules", n_rules, 1, optional=True)
    if not isinstance(model.student_.form_, Tree):
        raise InputError(
            "The 'model' parameter of interventions must have a tree, a CartStudent. "
            f"Got a {type(model.student_).__name__}."
        )
    check_reads_given("Interventions", model)
    if not teacher_is_here(model):
        raise InputError(
            "The teacher was not saved with this run, so it cannot be asked about "
            "changed rows: interventions need the fitted model itself."
        )
    rows = given_rows(model, X)
    teacher = teacher_says(model, rows, teacher_logits)
    trial = _Trial.of(model, rows, teacher, n_rows, random_state)
    rules = extract_rules(model, rows, teacher_logits=teacher).rules[:n_rules]
    done = [trial.change(i, rule) for i, rule in enumerate(rules, start=1)]
    return Interventions(model.task_, len(rows), tuple(done))


@dataclass(frozen=True, eq=False)
class _Trial:
    """The rows as they are, and what is needed to change them."""

    model: Any
    rows: Rows
    codes: Codes
    seen: Codes
    student: Array
    teacher: Answers
    reached: NDArray[np.int32]
    n_rows: int
    rng: np.random.RandomState
    is_unusual: Callable[[Codes], float | None]

    @classmethod
    def of(
        cls, model: Any, rows: Rows, teacher: Answers, n_rows: int, random_state: Any
    ) -> "_Trial":
        rng = check_random_state(random_state)
        codes, seen = model.schema_.encode(rows), codes_seen(model, rows)
        reached = model.student_.form_.nodes.apply(seen)
        return cls(
            model,
            rows,
            codes,
            seen,
            np.asarray(model.logits(rows)),
            teacher,
            reached,
            n_rows,
            rng,
            _plausibility(model, codes, rng),
        )

    def change(self, number: int, rule: Rule) -> RuleIntervention:
        covered = np.flatnonzero(self.reached == rule.leaf)
        says = self.student[covered[:1]]
        fidelity = before = moved = follows = unusual = None
        outside = np.zeros(0, dtype=np.int64)
        if len(covered):
            outside = self._some(np.flatnonzero(~self._alike(self.student, says)))
            if self.model.task_ != "regression":
                alike = self._alike(self.teacher[covered], says)
                fidelity = _share(alike)
        if len(outside):
            donors = self.rng.choice(covered, len(outside))
            tested = [j for one in rule.conditions for j in self._columns(one)]
            values = self.codes[outside].copy()
            values[:, tested] = self.codes[donors][:, tested]
            student, teacher = self._ask(outside, values)
            unusual = self.is_unusual(values)
            if self.model.task_ == "regression":
                follows = self._followed(outside, student, teacher)
            else:
                then = self._alike(self.teacher[outside], says)
                now = self._alike(teacher, says)
                before, follows, moved = _share(then), _share(now), _share(now[~then])
        return RuleIntervention(
            number,
            rule.leaf,
            rule.condition_text,
            rule.prediction,
            rule.coverage,
            fidelity,
            len(outside),
            before,
            follows,
            moved,
            unusual,
            tuple(self._break(covered, one) for one in rule.conditions),
        )

    def _break(
        self, covered: NDArray[np.int64], condition: Condition
    ) -> ConditionBreak:
        text = one_line(str(condition))
        donors = np.flatnonzero(~condition.holds(self.seen))
        if not len(covered) or not len(donors):
            return ConditionBreak(text, 0, None, None, None, None)
        some = self._some(covered)
        values = self.codes[some].copy()
        drawn = self.rng.choice(donors, len(some))
        columns = self._columns(condition)
        values[:, columns] = self.codes[drawn][:, columns]
        student, teacher = self._ask(some, values)
        unusual = self.is_unusual(values)
        if self.model.task_ == "regression":
            share = self._followed(some, student, teacher)
            return ConditionBreak(text, len(some), None, share, None, unusual)
        changes = ~self._alike(student, self.student[some])
        return ConditionBreak(
            text,
            len(some),
            _share(changes),
            _share(~self._alike(teacher, self.teacher[some])),
            _share(self._alike(teacher, student)[changes]),
            unusual,
        )

    def _columns(self, condition: Condition) -> list[int]:
        return list(columns_of(self.model.student_.form_, condition.position))

    def _some(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.sort(self.rng.permutation(rows)[: self.n_rows])

    def _ask(self, place: NDArray[np.int64], values: Codes) -> tuple[Array, Answers]:
        rows = replace_cells(self.model.schema_, take_rows(self.rows, place), values)
        return np.asarray(self.model.logits(rows)), answers_of(
            self.model.teacher_, rows
        )

    def _alike(
        self, first: Array | Answers, second: Array | Answers
    ) -> NDArray[np.bool_]:
        if not isinstance(second, Answers):
            second = np.broadcast_to(second, first.shape)
        if self.model.task_ == "regression":
            return np.asarray((np.asarray(first) == np.asarray(second)).all(axis=1))
        return same_decisions(self.model.task_, first, second)

    def _followed(
        self, place: NDArray[np.int64], student: Array, teacher: Answers
    ) -> Estimate | None:
        """Return the share of the student's change that the teacher makes."""
        asked = student - self.student[place]
        made = teacher.logits - self.teacher.logits[place]
        products = np.column_stack([(made * asked).sum(axis=1), (asked**2).sum(axis=1)])
        products = products[products[:, 1] > 0]
        if not len(products):
            return None
        return bootstrap_interval(products, lambda means: means[:, 0] / means[:, 1])


def _share(hits: NDArray[np.bool_]) -> Estimate | None:
    return wilson_interval(int(hits.sum()), len(hits)) if len(hits) else None


def _plausibility(
    model: Any, codes: Codes, rng: np.random.RandomState
) -> Callable[[Codes], float | None]:
    """Return what tells the share of rows that are far from all given ones."""
    among = codes[np.sort(rng.permutation(len(codes))[:_MOST_COMPARED])]

    def share(values: Codes) -> float | None:
        if len(among) < 3:
            return None
        space = even_space(model.schema_, np.vstack([among, values]))
        known, asked = space[: len(among)], space[len(among) :]
        search = NearestNeighbors(n_neighbors=1).fit(known)
        usual = np.quantile(search.kneighbors()[0], _USUAL_SHARE)
        return float((search.kneighbors(asked)[0][:, 0] > usual).mean())

    return share


def _weighted(rules: Sequence[RuleIntervention], name: str) -> float | None:
    known = [(r.coverage, getattr(r, name)) for r in rules if getattr(r, name)]
    if not known:
        return None
    weights = [coverage for coverage, _ in known]
    return float(np.average([rate.value for _, rate in known], weights=weights))
