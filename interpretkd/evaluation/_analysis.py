"""One model on one set of held-out rows: everything asked for once, when it is needed.

The report and the app read from here, so that both show the same figures.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import Array, InputError, check_integer
from interpretkd.data import group_positions, hold_out, take_rows
from interpretkd.distillation import certainty
from interpretkd.evaluation._disagreements import Disagreements, disagreements
from interpretkd.evaluation._evaluate import evaluate
from interpretkd.evaluation._evaluation import Evaluation
from interpretkd.evaluation._interventions import Interventions, interventions
from interpretkd.evaluation._stability import Stability, stability
from interpretkd.metrics import slice_fidelities, slices_of
from interpretkd.models import Tree, codes_seen, has_own_columns, rows_seen
from interpretkd.rules import RuleSet, extract_rules
from interpretkd.students import Losses, PruningPath, prune_path, squared_errors
from interpretkd.targets import Answers, Target, answers_of, decide

Made = TypeVar("Made")


_FEWEST_TO_HALVE = 50
"""Rows below which no size is chosen on one half and measured on the other."""

_MOST_ROWS_SUMMED = 2_000
"""Rows over which what trees or coefficients add is averaged."""

_ROWS_CHANGED, _MOST_RULES_CHANGED = 100, 20


@dataclass(frozen=True, eq=False)
class Analysis:
    """A distilled model, held-out rows, and what follows from them.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    X : frame or ndarray of shape (n_samples, n_features)
        Rows that neither the teacher nor the student was fitted to.
    y : ndarray of shape (n_samples,), or None
        Their labels.
    teacher_logits : ndarray of shape (n_samples, n_outputs)
        What the teacher says of them.
    about : mapping, default={}
        Where the model comes from.
    seed : int, default=0
        Of what is drawn.
    numbers : ndarray of shape (n_samples,), or None
        Which of the run's rows these are, from 0; None when they are all of them.
    own : ndarray of shape (n_samples,) or (n_samples, n_outputs), or None
        What the teacher decides, where that is not what its logits do; see `answers`.
    groups : ndarray of shape (n_samples,), int64, or None
        Which rows belong together: `data.group_positions`. Disagreements, interventions
        and stability take the rows as independent all the same.
    """

    model: Any
    X: Any
    y: NDArray[Any] | None
    teacher_logits: Array
    about: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    numbers: NDArray[np.int64] | None = None
    own: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None
    _refitted: dict[int, Stability] = field(
        default_factory=dict, init=False, repr=False
    )
    _found: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.teacher_logits)

    @property
    def answers(self) -> Answers:
        """The teacher's logits, with its own decisions."""
        return Answers(self.teacher_logits, self.own)

    @property
    def task(self) -> str:
        """What is decided: "multiclass", "multilabel" or "regression"."""
        return str(self.model.task_)

    @property
    def has_classes(self) -> bool:
        """Whether there are decisions to agree on, and not values."""
        return self.task != "regression"

    @property
    def family(self) -> str:
        """The kind of student."""
        return type(self.model.student_).__name__

    @property
    def form(self) -> Any:
        """The student's frozen arrays: a Tree, a Forest or a Linear."""
        return self.model.student_.form_

    @cached_property
    def tree(self) -> Tree | None:
        """The student's tree, if it is one."""
        return self.form if isinstance(self.form, Tree) else None

    @cached_property
    def codes(self) -> NDArray[np.float32]:
        """The rows as the student reads them, shape (n_samples, n_seen)."""
        return codes_seen(self.model, self.X)

    @cached_property
    def given_codes(self) -> NDArray[np.float32]:
        """The rows by their own columns, shape (n_samples, n_features).

        They are `codes`, but where a view makes the columns that the student reads.
        """
        if not has_own_columns(self.model):
            return self.codes
        codes: NDArray[np.float32] = self.model.schema_.encode(self.X)
        return codes

    @cached_property
    def logits(self) -> Array:
        """The student's logits, shape (n_samples, n_outputs)."""
        return np.asarray(self.model.logits(self.X), dtype=np.float64)

    @cached_property
    def teacher_decisions(self) -> NDArray[Any]:
        """What the teacher decides: positions, columns of 0 and 1, or values."""
        if not self.has_classes:
            return self.teacher_logits
        return decide(self.answers, self.task)

    @cached_property
    def student_decisions(self) -> NDArray[Any]:
        """What the student decides, in the same form."""
        return self.logits if not self.has_classes else decide(self.logits, self.task)

    @cached_property
    def agrees(self) -> NDArray[np.bool_]:
        """Whether student and teacher decide alike, shape (n_samples,)."""
        same = np.asarray(self.student_decisions == self.teacher_decisions).reshape(
            len(self), -1
        )
        return np.asarray(same.all(axis=1))

    @cached_property
    def confidence(self) -> Array | None:
        """The probability that the teacher gives its decision; None for values."""
        if self.task != "multiclass":
            return None
        return certainty(self.task, self.answers)

    @cached_property
    def labels(self) -> NDArray[Any] | None:
        """The labels in the form of the decisions; -1 for a class that nobody knows."""
        if self.y is None:
            return None
        if self.task == "multiclass":
            return pd.Index(self.model.classes_).get_indexer(pd.Index(self.y))
        values = np.asarray(self.y, dtype=np.float64)
        return values.reshape(len(self), -1)

    @cached_property
    def evaluation(self) -> Evaluation:
        """Fidelity, accuracy and sizes, with intervals."""
        return evaluate(
            self.model,
            self.X,
            self.y,
            teacher_logits=self.answers,
            groups=self.groups,
        )

    @cached_property
    def rules(self) -> RuleSet:
        """The rules of a tree, measured on these rows."""
        return extract_rules(
            self.model,
            self.X,
            self.y,
            teacher_logits=self.answers,
            groups=self.groups,
        )

    @cached_property
    def disagreements(self) -> Disagreements:
        """Where student and teacher disagree, and who is right there."""
        return disagreements(self.model, self.X, self.y, teacher_logits=self.answers)

    @cached_property
    def interventions(self) -> Interventions:
        """What becomes of the teacher's answer when rows are made to fulfil a rule.

        Only for a tree, and where the teacher answers: see `teacher_answers`.
        """
        return interventions(
            self.model,
            self.X,
            teacher_logits=self.answers,
            n_rows=_ROWS_CHANGED,
            n_rules=_MOST_RULES_CHANGED,
            random_state=self.seed,
        )

    @cached_property
    def some_rows(self) -> Any:
        """Some rows, drawn by the seed, for what takes long to add up over all."""
        order = np.random.default_rng(self.seed).permutation(len(self))
        some = np.sort(order[:_MOST_ROWS_SUMMED])
        return self.X.iloc[some] if isinstance(self.X, pd.DataFrame) else self.X[some]

    def over_some_rows(self, measure: Callable[[Any, Any], Made]) -> Made:
        """Return what a function finds in the model and `some_rows`, found once.

        Parameters
        ----------
        measure : callable
            Such as `explain.shape_effects`; takes a model and rows.

        Returns
        -------
        object
            What it returned when it was first asked.
        """
        if measure not in self._found:
            self._found[measure] = measure(self.model, self.some_rows)
        found: Made = self._found[measure]
        return found

    @cached_property
    def teacher_answers(self) -> bool:
        """Whether the teacher itself is at hand, and not only what it said."""
        try:
            self.model.teacher_.logits(self.X[:1])
        except InputError:
            return False
        return True

    @cached_property
    def sizes(self) -> PruningPath | None:
        """The best tree of every size within the student's.

        The sizes are cut on one half of the rows and measured on the other; None
        without a tree or with too few rows.
        """
        if self.tree is None or len(self) < _FEWEST_TO_HALVE:
            return None
        first, second = self._halves
        losses = self._losses()
        held_out = self.codes[second], losses(second)
        return prune_path(
            self.tree, self.codes[first], losses(first), held_out=held_out
        )

    def cut(self, size: int) -> "Analysis":
        """Return the student cut back to a size, on rows that did not choose the cut.

        The baseline is cut to the same size by the labels of the same rows.

        Parameters
        ----------
        size : int
            In [1, n_leaves]: how many leaves to keep. The whole tree is measured on all
            rows, for nothing was chosen.

        Returns
        -------
        Analysis
            Of a smaller model, on the half of the rows that `sizes` is measured on.

        Raises
        ------
        InputError
            For a student without a tree, too few rows to halve, and sizes outside.
        """
        path = self.sizes
        if path is None or self.tree is None:
            raise InputError(
                f"Analysis.cut needs a tree and at least {_FEWEST_TO_HALVE} rows. Got "
                f"a {self.family} on {len(self)} rows."
            )
        check_integer("Analysis.cut", "size", size, 1, self.tree.n_leaves)
        if size == self.tree.n_leaves:
            return self
        model = copy.copy(self.model)
        model.student_ = _with_tree(model.student_, path.tree(size))
        model.baseline_ = self._cut_baseline(size)
        rows = np.sort(self._halves[1])
        about = dict(self.about) | {
            "cut back": f"to {size} of {self.tree.n_leaves} leaves, on "
            f"{len(self) - len(rows)} held-out rows; measured on the other {len(rows)}",
        }
        return Analysis(
            model,
            self.X.iloc[rows] if isinstance(self.X, pd.DataFrame) else self.X[rows],
            None if self.y is None else self.y[rows],
            self.teacher_logits[rows],
            about,
            self.seed,
            rows,
            None if self.own is None else self.own[rows],
            None if self.groups is None else self.groups[rows],
        )

    def stability(self, n_refits: int) -> Stability:
        """Return how steady the student is when it is fitted anew to these rows.

        Parameters
        ----------
        n_refits : int
            In [2, inf): how many students are fitted; once for each number.

        Returns
        -------
        Stability
            As `evaluation.stability`.

        Raises
        ------
        InputError
            As `evaluation.stability`.
        """
        if n_refits not in self._refitted:
            self._refitted[n_refits] = stability(
                self.model,
                self.X,
                self.y,
                teacher_logits=self.answers,
                n_refits=n_refits,
                random_state=self.seed,
            )
        return self._refitted[n_refits]

    def slices(self, column: str) -> pd.DataFrame:
        """Return the fidelity on each part of the rows.

        Parameters
        ----------
        column : str
            By which the rows are cut.

        Returns
        -------
        DataFrame
            As `fidelity_by_slice`.

        Raises
        ------
        InputError
            For an absent column.
        """
        named = slices_of(self.X, column)
        return slice_fidelities(
            self.task, self.answers, self.logits, named, self.groups
        )

    @cached_property
    def _halves(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows that choose a size, and those that it is measured on."""
        if self.groups is not None:  # a group that chose a size does not measure it
            rows = np.arange(len(self))
            return hold_out(rows, len(self) // 2, self.seed, None, self.groups)
        order = np.random.default_rng(self.seed).permutation(len(self))
        first, second = np.array_split(order, 2)
        return first, second

    def _cut_baseline(self, size: int) -> Any:
        """Return the student of the labels, cut by the labels; None without labels."""
        baseline = self.model.baseline_
        if baseline is None or self.labels is None:
            return None
        tree: Tree = baseline.form_
        first = self._halves[0]
        codes = self.codes[first]
        if tree.schema != self.form.schema:  # each of two scored trees has its own
            codes = tree.schema.encode(rows_seen(self.model, take_rows(self.X, first)))
        target = self.labels[first].reshape(len(first), -1).astype(np.float64)
        losses = squared_errors(target)
        if self.has_classes:
            differ = _differences(self.task, self.model.baseline_reading_)
            losses = Losses(target, differ, len(first))
        path = prune_path(tree, codes, losses)
        return _with_tree(baseline, path.tree(min(size, tree.n_leaves)))

    def _losses(self) -> Callable[[NDArray[np.integer]], Losses]:
        """Return what it costs not to answer as the teacher, on chosen rows."""
        if not self.has_classes:
            return lambda rows: squared_errors(self.teacher_logits[rows])
        differ = _differences(self.task, self.model.reading_)
        decided = self.teacher_decisions.reshape(len(self), -1).astype(np.float64)

        return lambda rows: Losses(decided[rows], differ, len(rows))


def _differences(task: str, target: Target) -> Callable[[Array, Array], Array]:
    """Return what tells the rows that a leaf's value decides otherwise."""

    def differ(rows: Array, value: Array) -> Array:
        own = decide(target.decode(value[None]), task).reshape(1, -1)
        return np.asarray((rows != own).any(axis=1), dtype=np.float64)

    return differ


def _with_tree(student: Any, tree: Tree) -> Any:
    """Return a student that holds another tree, without what was proven of its own."""
    version = copy.copy(student)
    version.form_ = tree
    for name in ("certificate_", "search_"):
        vars(version).pop(name, None)
    return version


def analyse(
    model: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    teacher_logits: ArrayLike | None = None,
    about: Mapping[str, Any] | None = None,
    seed: int = 0,
    groups: ArrayLike | None = None,
) -> Analysis:
    """Bring a model and held-out rows together.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    X : array-like or frame of shape (n_samples, n_features)
        Rows that neither the teacher nor the student was fitted to.
    y : array-like of shape (n_samples,), default=None
        Their labels.
    teacher_logits : array-like of shape (n_samples, n_outputs), default=None
        What the teacher says of them, its logits or its `Answers`; None asks it.
    about : mapping, default=None
        Where the model comes from.
    seed : int, default=0
        Of what is drawn.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to - customers, patients, series -: intervals and
        comparisons are then over groups. None takes the rows as independent.

    Returns
    -------
    Analysis
        What follows is computed when it is asked for, and kept.
    """
    said = answers_of(model.teacher_, X, teacher_logits)
    labels = None if y is None else np.asarray(y)
    facts = dict(about or {})
    place = None if groups is None else group_positions(groups, len(said))
    return Analysis(model, X, labels, said.logits, facts, seed, None, said.own, place)
