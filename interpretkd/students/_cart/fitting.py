"""Fitting one tree: which objective, which search, which size.

What cannot be known beforehand is chosen on held-out rows: whether a refined tree
serves better than the greedy one, and how many leaves are worth their price.
"""

import time
from dataclasses import asdict, dataclass, replace
from functools import cache

import numpy as np
import pandas as pd

from interpretkd._base import Array, InputError
from interpretkd.data import Codes, Encoded, Schema
from interpretkd.models import Tree
from interpretkd.students._base import _Given
from interpretkd.students._cart.binning import Binned, _bin_columns, _bin_rows
from interpretkd.students._cart.certificate import Certificate
from interpretkd.students._cart.draft import Draft, _finish_draft
from interpretkd.students._cart.growing import Limits
from interpretkd.students._cart.lookahead import _best_branch
from interpretkd.students._cart.objective import (
    COSTS,
    CROSS_ENTROPY,
    PAIRS,
    SQUARES,
    TreeObjective,
    _agree_with_decisions,
    _losses_elsewhere,
)
from interpretkd.students._cart.pruning import (
    Losses,
    PruningPath,
    _decision_costs,
    prune_path,
    squared_errors,
)
from interpretkd.students._cart.search import _optimise, _Problem, _refine
from interpretkd.students._cart.sharpening import _sharpen
from interpretkd.students._readable import readable_thresholds

OBJECTIVES = (
    "auto",
    "disagreement",
    "expected_disagreement",
    "label_disagreement",
    "cross_entropy",
    "squared_error",
)
SEARCHES = ("auto", "greedy", "refined", "optimal")
_TO_CHOOSE = 0.4
"""The share of the steps taken to choose: the order of trees is clear early."""
_LARGEST = 64
"""The leaves of the tree that `max_leaves="auto"` prunes."""


@dataclass(frozen=True, eq=False)
class Settings:
    """How a tree is to be fitted.

    Parameters
    ----------
    limits : Limits
        What it may be.
    choose_size : bool, default=False
        Whether the number of leaves is chosen, too.
    search : {"auto", "greedy", "refined", "optimal"}, default="auto"
        How it is searched.
    objective : str, default="auto"
        A name out of `OBJECTIVES`.
    class_cost : ndarray of shape (n_outputs, n_outputs), float64, or None
        What it costs to decide for the second class where the targets say the first.
    work : float, default=1.0
        The steps of a search, 1 for what its data asks for.
    time_limit : float, default=60.0
        In seconds.
    seed : int, default=0
        Of everything that is drawn.
    thresholds : {"readable", "exact"}, default="readable"
        Which number between two neighbouring values a threshold is.
    """

    limits: Limits
    choose_size: bool = False
    search: str = "auto"
    objective: str = "auto"
    class_cost: Array | None = None
    work: float = 1.0
    time_limit: float = 60.0
    seed: int = 0
    thresholds: str = "readable"

    def with_choice(self, trial: "Fit") -> "Settings":
        """Return the settings with the search, and the size, that a fit has chosen.

        Parameters
        ----------
        trial : Fit
            The fit.

        Returns
        -------
        Settings
            Nothing is left to be chosen.
        """
        limits = self.limits
        if self.choose_size:
            limits = replace(limits, max_leaves=max(trial.tree.n_leaves, 2))
        return replace(self, search=trial.search, choose_size=False, limits=limits)


@dataclass(frozen=True, eq=False)
class _HeldOut:
    """Rows on which trees are compared, their target columns, how much each counts."""

    rows: Encoded
    targets: Array
    weight: Array


@dataclass(frozen=True)
class Attempt:
    """One tree that was tried.

    Parameters
    ----------
    search : str
        How it was found.
    n_leaves : int
        Its leaves.
    loss : float
        The objective on the rows it was fitted to, as a mean over them (for
        decisions the share, or the cost, of wrong ones).
    held_out_loss : float
        The same on the held-out rows; NaN where there were none.
    seconds : float
        How long it took.
    """

    search: str
    n_leaves: int
    loss: float
    held_out_loss: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted tree and how it came about.

    Parameters
    ----------
    tree : Tree
        The tree.
    search : {"greedy", "refined", "optimal"}
        How it was found.
    attempts : tuple of Attempt
        What was tried.
    in_time : bool
        Whether the search ended before its time limit: only then does the same seed
        give the same tree on any machine.
    path : PruningPath or None
        The sizes that were compared, where one was to be chosen.
    certificate : Certificate or None
        What was proven of the tree's tests, for ``search="optimal"``.
    """

    tree: Tree
    search: str
    attempts: tuple[Attempt, ...] = ()
    in_time: bool = True
    path: PruningPath | None = None
    certificate: Certificate | None = None

    def to_frame(self) -> pd.DataFrame:
        """Return what was tried.

        Returns
        -------
        DataFrame
            One row a tree.
        """
        return pd.DataFrame([asdict(attempt) for attempt in self.attempts])


def _fit_tree(
    given: _Given, settings: Settings, held_out: _HeldOut | None = None
) -> Fit:
    """Fit one tree to target columns.

    The rows are binned once, however many trees are fitted to them. Held-out rows are
    needed by the search "auto" and to choose a size. Hints are seen by greedy growth
    alone: by the tree it leaves, or by the start of a search.
    """
    rows, targets = given.rows, given.targets
    objective = _objective_of(settings, targets, given.weights, len(rows.schema))
    _prepare(settings.search != "greedy")
    problem = _Problem(rows.once(_bin_rows), targets, objective, settings.limits)
    return _TreeFit(problem, rows.codes, settings, held_out, given.hints).run()


@cache
def _prepare(searches: bool) -> None:
    """Compile what a fit needs, or load it, before its seconds are counted."""
    codes = np.arange(16, dtype=np.float32).reshape(-1, 2) % 5
    targets = np.eye(2)[(codes[:, 0] > 1).astype(int)]
    weight = np.ones(len(codes))
    settings = Settings(Limits(max_leaves=3))
    schema = Schema.from_data(codes)
    objective = _objective_of(settings, targets, weight, 2)
    problem = _Problem(_bin_columns(schema, codes), targets, objective, settings.limits)
    draft = problem.grow()
    if searches:
        draft, _ = _refine(problem, draft, effort=0.1)
        columns, rows = np.arange(2), np.arange(len(codes))
        rng = np.random.default_rng(0)
        _best_branch(
            problem.binned,
            objective,
            rows,
            columns,
            depth=2,
            min_samples_leaf=1,
            rng=rng,
        )
        tree = _finish_draft(draft, problem.binned, codes, targets, weight)
        readable_thresholds(tree, codes)


def _objective_of(
    settings: Settings, targets: Array, weight: Array, n_features: int
) -> TreeObjective:
    """Turn target columns into the objective of a search, or refuse them."""
    name, class_cost = settings.objective, settings.class_cost
    n_outputs = targets.shape[1]
    inside = bool(targets.min() >= 0 and targets.max() <= 1 + 1e-6)
    sums = np.allclose(targets.sum(axis=1), 1, atol=1e-6)
    is_distribution = inside and sums and n_outputs > 1
    if name == "auto":
        name = "disagreement" if is_distribution else "squared_error"
    _check_objective(name, class_cost, n_outputs, inside, is_distribution)
    price = np.zeros(n_features)
    if settings.limits.feature_cost is not None:
        price = settings.limits.feature_cost * weight.sum()
    if name in ("squared_error", "cross_entropy"):
        kind = SQUARES if name == "squared_error" else CROSS_ENTROPY
        return TreeObjective(kind, _weighted(targets, weight), weight, price)
    if name == "label_disagreement":
        on = (targets > 0.5).astype(np.float64)
        pairs = np.stack([on, 1 - on], axis=2).reshape(len(targets), -1)
        return TreeObjective(PAIRS, pairs * weight[:, None] / n_outputs, weight, price)
    if name == "disagreement":
        targets = np.eye(n_outputs)[targets.argmax(axis=1)]
    costs = 1 - targets if class_cost is None else targets @ class_cost
    return TreeObjective(COSTS, costs * weight[:, None], weight, price)


def _weighted(targets: Array, weight: Array) -> Array:
    """Return the targets times the rows' weight; themselves where all weigh 1."""
    return targets if (weight == 1).all() else targets * weight[:, None]


def _check_objective(
    name: str,
    class_cost: Array | None,
    n_outputs: int,
    inside: bool,
    is_distribution: bool,
) -> None:
    where = "The 'objective' parameter of CartStudent may be"
    if name in ("expected_disagreement", "cross_entropy") and not is_distribution:
        raise InputError(
            f"{where} {name!r} when every row of the targets is a distribution over "
            "two or more columns. Got other targets."
        )
    if name == "disagreement" and n_outputs < 2:
        raise InputError(
            f"{where} {name!r} for two or more target columns. Got {n_outputs}."
        )
    if name == "label_disagreement" and not inside:
        raise InputError(f"{where} {name!r} for targets in [0, 1]. Got others.")
    if class_cost is None:
        return
    if "disagreement" not in name or name == "label_disagreement":
        raise InputError(
            "The 'class_cost' parameter of CartStudent may be given when classes are "
            f"decided. Got the objective {name!r}."
        )
    if class_cost.shape != (n_outputs, n_outputs):
        raise InputError(
            "The 'class_cost' parameter of CartStudent must have one row and one "
            f"column a class, {n_outputs}. Got shape {class_cost.shape}."
        )


def _mean_loss(
    draft: Draft,
    binned: Binned,
    objective: TreeObjective,
    others: Binned,
    elsewhere: TreeObjective,
) -> float:
    total = 0.0
    for losses, rows in _losses_elsewhere(draft, binned, objective, others, elsewhere):
        if objective.kind == SQUARES:  # the part that no answer changes
            weight = np.maximum(elsewhere.weight[rows], 1e-300)[:, None]
            losses = losses + (elsewhere.table[rows] ** 2 / weight).sum(axis=1)
        total += float(losses.sum())
    return total / float(elsewhere.weight.sum())


def _losses(objective: TreeObjective) -> Losses:
    """Say the objective as the pruning path asks for it."""
    table, scale = objective.table, float(objective.weight.sum())
    if objective.kind == COSTS:
        return _decision_costs(table, scale)
    if objective.kind == SQUARES:
        weight = np.maximum(objective.weight, 1e-300)
        return squared_errors(table / weight[:, None], objective.weight)
    if objective.kind == CROSS_ENTROPY:
        return Losses(table, _cross_entropy, scale)
    return Losses(table, _pairs, scale)


def _cross_entropy(table: Array, value: Array) -> Array:
    return -(table * np.log(np.maximum(value, 1e-9))).sum(axis=1)


def _pairs(table: Array, value: Array) -> Array:
    on = table[:, 1::2][:, value > 0.5].sum(axis=1)
    return on + table[:, 0::2][:, value <= 0.5].sum(axis=1)


class _TreeFit:
    """One fit: the problem, the rows to choose on, what was tried."""

    def __init__(
        self,
        problem: _Problem,
        codes: Codes,
        settings: Settings,
        held_out: _HeldOut | None,
        hints: Array | None = None,
    ) -> None:
        self.problem, self.codes, self.settings = problem, codes, settings
        self.hints = hints
        self.deadline = time.monotonic() + settings.time_limit
        self.attempts: list[Attempt] = []
        self.in_time = True
        self.certificate: Certificate | None = None
        self.others: tuple[Binned, TreeObjective] | None = None
        self.held_out = held_out
        if held_out is not None:
            n_features = len(problem.binned.matrix)
            self.others = (
                held_out.rows.once(problem.binned.bin),
                _objective_of(settings, held_out.targets, held_out.weight, n_features),
            )

    def run(self) -> Fit:
        if self.settings.choose_size:
            return self._choose_size()
        search = self.settings.search
        if search != "auto":
            return self._finish(getattr(self, f"_{search}")(), search)
        greedy = self._greedy()
        refined = self._refined(greedy)
        before, after = self.attempts[0], self.attempts[-1]
        if after.held_out_loss > before.held_out_loss:
            return self._finish(greedy, "greedy")
        return self._finish(refined, "refined")

    def _choose_size(self) -> Fit:
        """Fit a large tree, and prune it to the size that held-out rows ask for."""
        limits = replace(self.settings.limits, max_leaves=_LARGEST)
        self.problem = replace(self.problem, limits=limits)
        settings = replace(self.settings, choose_size=False)
        self.settings = settings
        large = self.run()
        path = self._path(large.tree)
        size = path.choose("knee" if self.held_out is None else "one_standard_error")
        return replace(large, tree=path.tree(size), path=path)

    def _path(self, tree: Tree) -> PruningPath:
        own = _losses(self.problem.objective)
        held_out = None
        if self.others is not None and self.held_out is not None:
            held_out = (self.held_out.rows.codes, _losses(self.others[1]))
        return prune_path(tree, self.codes, own, held_out=held_out)

    def _greedy(self) -> Draft:
        start = time.monotonic()
        draft = self.problem.grow(seed=self.settings.seed, hints=self.hints)
        self._note("greedy", draft, start)
        return draft

    def _refined(self, greedy: Draft | None = None) -> Draft:
        start = time.monotonic()
        draft, in_time = _refine(
            self.problem,
            self._greedy() if greedy is None else greedy,
            seed=self.settings.seed,
            deadline=self.deadline,
            effort=self.settings.work * (1.0 if self.held_out is None else _TO_CHOOSE),
        )
        self.in_time &= in_time
        self._note("refined", draft, start)
        return draft

    def _optimal(self) -> Draft:
        refined = self._refined()
        start = time.monotonic()
        draft, self.certificate = _optimise(
            self.problem,
            refined,
            seed=self.settings.seed,
            time_limit=max(self.deadline - start, 1.0),
        )
        self._note("optimal", draft, start)
        return draft

    def _sharpened(self, draft: Draft) -> tuple[_Problem, Draft]:
        """Improve the thresholds of the tree that was found last."""
        problem, draft = _sharpen(self.problem, draft, self.codes)
        binned, objective = problem.binned, problem.objective
        if problem is self.problem:
            return problem, draft
        own = _mean_loss(draft, binned, objective, binned, objective)
        last = replace(self.attempts[-1], loss=own)
        if self.held_out is not None and self.others is not None:
            others = binned.bin(self.held_out.rows), self.others[1]
            held_out = _mean_loss(draft, binned, objective, *others)
            last = replace(last, held_out_loss=held_out)
        self.attempts[-1] = last
        return problem, draft

    def _note(self, search: str, draft: Draft, start: float) -> None:
        objective, binned = self.problem.objective, self.problem.binned
        seconds, held_out = time.monotonic() - start, np.nan
        own = _mean_loss(draft, binned, objective, binned, objective)
        if self.others is not None:
            held_out = _mean_loss(draft, binned, objective, *self.others)
        self.attempts.append(Attempt(search, draft.n_leaves, own, held_out, seconds))

    def _finish(self, draft: Draft, search: str) -> Fit:
        problem = self.problem
        if search != "greedy":
            problem, draft = self._sharpened(draft)
        objective = problem.objective
        tree = _finish_draft(
            draft, problem.binned, self.codes, problem.targets, objective.weight
        )
        if self.settings.thresholds == "readable":
            tree = readable_thresholds(tree, self.codes)
        if search != "greedy" and objective.kind in (COSTS, PAIRS):
            ones = np.ones(len(objective.weight))  # the table is weighted already
            costs = _finish_draft(
                draft, problem.binned, self.codes, objective.table, ones
            ).value
            values = _agree_with_decisions(tree.value, costs, objective.kind)
            tree = replace(tree, value=values)
        return Fit(
            tree, search, tuple(self.attempts), self.in_time, None, self.certificate
        )
