"""The tree that agrees most with its teacher, as an estimator."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_array, check_is_fitted

from interpretkd._base import Array, InputError, check_choice, check_integer, check_real
from interpretkd.data import Encoded, Schema
from interpretkd.models import Tree
from interpretkd.students._base import (
    Contender,
    ValidationData,
    _Given,
    _replace_auto,
    _seed,
    _Student,
)
from interpretkd.students._cart.certificate import Certificate
from interpretkd.students._cart.fitting import (
    OBJECTIVES,
    SEARCHES,
    Fit,
    Settings,
    _fit_tree,
    _HeldOut,
)
from interpretkd.students._cart.growing import Limits
from interpretkd.students._cart.pool import EFFORTS, _candidates
from interpretkd.students._readable import THRESHOLDS
from interpretkd.targets import Target

_FEWEST_TO_CHOOSE = 50
"""Rows below which nothing is chosen on a part of them: the greedy tree is taken."""


class CartStudent(_Student):
    """The most faithful decision tree of a size that can be found.

    It has a vector at each leaf.

    Parameters
    ----------
    max_leaves : int, None or "auto", default=16
        In [2, inf). None for no bound. "auto" chooses on held-out rows: the fewest
        leaves within one standard error of the best, 64 at most.
    max_depth : int or None, default=None
        In [1, inf); the most tests a row passes. None for no bound.
    min_samples_leaf : int, default=1
        In [1, inf): the fewest training rows a leaf may have; with sample weights,
        their least sum.
    min_gain : float, default=0.0
        In [0, inf): what a test must gain. For greedy growth the fall of the mean
        squared error, summed over the columns; for the refined search the fall of
        the mean objective a leaf.
    search : {"auto", "greedy", "refined", "optimal"}, default="auto"
        "greedy" takes the best test node by node, as CART does. "refined" goes on
        to lower the objective itself, over all nodes and many shapes. "optimal" proves
        that no tree over well-chosen thresholds is better, for a `max_depth` up to 4;
        it needs ``pip install interpretkd[optimal]``. "auto" refines unless the greedy
        tree is better on held-out rows.
    objective : str, default="auto"
        What the search minimises, as a mean over the rows. "disagreement": the share
        of rows that are decided otherwise than by the largest target.
        "expected_disagreement": the same, with the targets as probabilities.
        "label_disagreement": the share of columns on another side of 0.5.
        "cross_entropy" and "squared_error": with the targets themselves. "auto" is
        "disagreement" when each row of targets is a distribution over two or more
        columns, else "squared_error".
    class_cost : array-like of shape (n_classes, n_classes), default=None
        In [0, inf): what it costs to decide for the second class (column) where the
        targets say the first (row); None for 1 unless they are the same.
    monotone : dict or array-like of shape (n_features,), default=None
        By column, 1 where the (last) target must not fall as the number rises, -1
        where it must not rise. For one target column, or two that sum up to 1.
    feature_cost : dict or array-like of shape (n_features,), default=None
        In [0, inf), by column: what a test of it costs, in units of `min_gain`.
    effort : {"quick", "normal", "thorough"}, default="normal"
        How much is done to find it, by search "auto", "refined" and "optimal". Taught
        by a teacher that can be asked, "quick" tries 2 trees, "normal" 5, "thorough"
        16, each searched for longer. One fitted to target columns alone is searched
        for with 0.4, 1 and 2.5 times the steps.
    time_limit : float, default=60.0
        In (0, inf): seconds after which a search ends with the best so far, and no
        further tree is tried. The work is bounded by the data's size, mostly far below
        this; a tree whose search was ended by the clock may come out otherwise
        elsewhere, and `search_` says so.
    thresholds : {"readable", "exact"}, default="readable"
        Which number between two neighbouring values of the rows a threshold is: the one
        of the fewest digits in the middle half between them, or the middle itself. The
        rows that it is fitted to are decided alike.
    random_state : int, RandomState or None, default=0
        Of ties and of the search.

    Attributes
    ----------
    tree_ : Tree
        The frozen tree, also as `form_`.
    search_ : Fit
        How it was found: what was tried and what was chosen; not kept in a saved run.
    certificate_ : Certificate or None
        What was proven of the tree, for ``search="optimal"``.
    chosen_ : dict
        The parameters that "auto" stood for.
    schema_ : Schema
        The columns it reads.

    Notes
    -----
    Hints (of `TrainingData`) are guide columns that greedy growth looks at beside the
    targets: a test gains what it gains on both, which counts for `min_gain`, too. So
    they shape the greedy tree, and of the refined search the tree it begins with. What
    a leaf answers, objective, size and scores are about the targets alone. They cost
    growth in proportion to their number.

    References
    ----------
    Liu, Wang & Matwin (2018), as told by Alkhulaifi, Alsahli & Ahmad (2020): CART by
    multi-output regression on logits.
    Carreira-Perpinan & Tavallali (2018), "Alternating optimization of decision trees".
    Van der Linden, de Weerdt & Demirovic (2023), "Necessary and sufficient conditions
    for optimal decision trees using dynamic programming".

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"home": ["own", "rent", "own", "free"] * 10})
    >>> student = CartStudent(max_leaves=2).fit(X, [0.0, 1.0, 0.0, 0.0] * 10)
    >>> student.predict(X[:2])
    array([0., 1.])
    """

    family = "tree"
    form_: Tree
    search_: Fit
    certificate_: Certificate | None

    def __init__(
        self,
        max_leaves: int | str | None = 16,
        *,
        max_depth: int | None = None,
        min_samples_leaf: int = 1,
        min_gain: float = 0.0,
        search: str = "auto",
        objective: str = "auto",
        class_cost: Any = None,
        monotone: Any = None,
        feature_cost: Any = None,
        effort: str = "normal",
        time_limit: float = 60.0,
        thresholds: str = "readable",
        random_state: Any = 0,
    ) -> None:
        self.max_leaves = max_leaves
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.min_gain = min_gain
        self.search = search
        self.objective = objective
        self.class_cost = class_cost
        self.monotone = monotone
        self.feature_cost = feature_cost
        self.effort = effort
        self.time_limit = time_limit
        self.thresholds = thresholds
        self.random_state = random_state

    @property
    def tree_(self) -> Tree:
        """The frozen tree."""
        check_is_fitted(self)
        return self.form_

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        held_out: tuple[Any, ...] | None = None,
    ) -> Self:
        """Find the tree.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.
        y : array-like of shape (n_samples, n_columns) or (n_samples,)
            Target columns.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.
        held_out : (X, y) or (X, y, sample_weight), default=None
            Rows to choose on. Without them, what is "auto" is chosen on a fifth of
            the rows and then fitted to all.

        Returns
        -------
        CartStudent
            Itself.

        Raises
        ------
        InputError
            For parameters out of range, or that do not suit the targets.
        """
        given = self._read(X, y, sample_weight)
        chosen_on = None
        if held_out is not None:
            X_held_out, *others = held_out
            rows = self._encode_held_out(X_held_out)
            chosen_on = _as_held_out(rows, *others)
        self._fit_told(given, chosen_on)
        return self

    @property
    def validation(self) -> str:
        """What validation rows are for: "choose"."""
        return "choose"

    @property
    def uses_validation(self) -> bool:
        """Whether the search or the size is to be chosen on held-out rows."""
        return self.search == "auto" or self.max_leaves == "auto"

    def prepare(self, target: Target) -> Self:
        """Return an unfitted copy; ``objective="auto"`` becomes the target's.

        Parameters
        ----------
        target : Target
            What it will be fitted to.

        Returns
        -------
        CartStudent
            The copy.
        """
        return _replace_auto(clone(self), "objective", _objective(target))

    def averages(self, target: Target) -> bool:
        """Say whether of equal rows only the mean of their target columns counts.

        So it is while a tree grows, by squared error. A search lowers its objective,
        in which each row may vote.

        Parameters
        ----------
        target : Target
            What it would be fitted to.

        Returns
        -------
        bool
            False for a search that counts the rows that are decided otherwise.
        """
        objective = _objective(target) if self.objective == "auto" else self.objective
        votes = objective in ("disagreement", "label_disagreement")
        return self.search == "greedy" or not votes

    def without_search(self) -> Self:
        """Return a faster student that ranks targets in the same order.

        Returns
        -------
        CartStudent
            An unfitted copy that does not search, of 16 leaves for "auto".
        """
        given = self.get_params()  # a subclass may have fewer
        if "search" not in given:
            return self
        size = {"max_leaves": 16} if given.get("max_leaves") == "auto" else {}
        return clone(self).set_params(search="greedy", **size)

    def candidates(self, target: Target, *, free: bool) -> tuple[Contender, ...]:
        """List the trees of which the best is kept, where a teacher can be asked.

        Parameters
        ----------
        target : Target
            What they are to be fitted to.
        free : bool
            Whether another target may serve: its decisions or its probabilities.

        Returns
        -------
        tuple of Contender
            As many as `effort` says; () unless the search is "auto".
        """
        return _candidates(self, target, free=free)

    def squares(self, target: Target) -> bool:
        """Say whether columns that are all scaled and moved alike are as good.

        So it is for every search, but for costs and gains with a unit of their own.

        Parameters
        ----------
        target : Target
            What it would be fitted to.

        Returns
        -------
        bool
            Whether its tests and decisions would be the same.
        """
        costs = self.class_cost is None and self.feature_cost is None
        return costs and not self.min_gain and self.objective != "cross_entropy"

    @property
    def hint_refusal(self) -> str | None:
        """Why hints would not change this student, a clause; None where they can."""
        if self.search != "optimal":
            return None
        return (
            "CartStudent(search='optimal') proves its tree best for the target columns "
            "alone"
        )

    def _fit(self, given: _Given, held_out: _HeldOut | None) -> None:
        settings = self._settings(given.targets)
        if held_out is None and self.uses_validation:
            settings = _choose_on_a_part(given, settings)
        fit = _fit_tree(given, settings, held_out)
        self.form_, self.search_ = fit.tree, fit
        self.certificate_ = fit.certificate
        self.chosen_ = {"search": fit.search}
        if self.max_leaves == "auto":
            self.chosen_["max_leaves"] = max(fit.tree.n_leaves, 2)

    def _set_tree(self, tree: Tree) -> None:
        self.form_, self.search_ = tree, replace(self.search_, tree=tree)

    def _held_out(self, validation: ValidationData) -> _HeldOut:
        return _as_held_out(validation.encoded, validation.targets, validation.weight)

    def _check(self) -> None:
        name = "CartStudent"
        if self.max_leaves != "auto":
            check_integer(name, "max_leaves", self.max_leaves, 2, optional=True)
        check_integer(name, "max_depth", self.max_depth, 1, optional=True)
        check_integer(name, "min_samples_leaf", self.min_samples_leaf, 1)
        check_real(name, "min_gain", self.min_gain, 0, closed="left")
        check_choice(name, "search", self.search, SEARCHES)
        check_choice(name, "objective", self.objective, OBJECTIVES)
        check_choice(name, "effort", self.effort, EFFORTS)
        check_real(name, "time_limit", self.time_limit, 0)
        check_choice(name, "thresholds", self.thresholds, THRESHOLDS)

    def _settings(self, targets: Array) -> Settings:
        choose_size = self.max_leaves == "auto"
        # `_check` has looked: no text but "auto", which the type checker cannot see.
        limits = Limits(
            max_leaves=None if choose_size else self.max_leaves,  # type: ignore[arg-type]
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            min_gain=self.min_gain,
            monotone=self._monotone(targets),
            feature_cost=self._feature_cost(),
        )
        return Settings(
            limits,
            choose_size,
            self.search,
            self.objective,
            self._class_cost(),
            EFFORTS[self.effort].work,
            self.time_limit,
            _seed(self.random_state),
            self.thresholds,
        )

    def _monotone(self, targets: Array) -> NDArray[np.int8] | None:
        if self.monotone is None:
            return None
        signs = _by_column("CartStudent", "monotone", self.monotone, self.schema_)
        n_columns = targets.shape[1]
        if n_columns > 2 or (n_columns == 2 and np.ptp(targets.sum(axis=1)) > 1e-6):
            raise InputError(
                "The 'monotone' parameter of CartStudent needs one target column, or "
                f"two that sum up to 1. Got {n_columns}."
            )
        if not np.isin(signs, (-1, 0, 1)).all():
            raise InputError(
                "The 'monotone' parameter of CartStudent must hold -1, 0 or 1. Got "
                f"{sorted(set(signs.tolist()))}."
            )
        for feature, sign in zip(self.schema_.features, signs, strict=True):
            if sign and feature.is_categorical:
                raise InputError(
                    "The 'monotone' parameter of CartStudent is for numbers. Got "
                    f"{sign:g} for the categorical column {feature.name!r}."
                )
        return signs.astype(np.int8)

    def _feature_cost(self) -> Array | None:
        if self.feature_cost is None:
            return None
        cost = _by_column(
            "CartStudent", "feature_cost", self.feature_cost, self.schema_
        )
        if cost.min() < 0:
            raise InputError(
                "The 'feature_cost' parameter of CartStudent must lie in [0, inf). Got "
                f"{cost.min():g}."
            )
        return cost

    def _class_cost(self) -> Array | None:
        if self.class_cost is None:
            return None
        cost = check_array(self.class_cost, dtype=np.float64, input_name="class_cost")
        if cost.min() < 0:
            raise InputError(
                "The 'class_cost' parameter of CartStudent must lie in [0, inf). Got "
                f"{cost.min():g}."
            )
        return cost


def _as_held_out(rows: Encoded, y: Any, sample_weight: Any = None) -> _HeldOut:
    targets = np.asarray(y, dtype=np.float64).reshape(len(rows), -1)
    if sample_weight is None:
        sample_weight = np.ones(len(rows))
    return _HeldOut(rows, targets, np.asarray(sample_weight, dtype=np.float64))


def _by_column(owner: str, name: str, given: Any, schema: Schema) -> Array:
    """Return one number a column, given by name or as a list.

    Columns that a dict leaves out get 0.
    """
    if isinstance(given, Mapping):
        unknown = [str(key) for key in given if key not in schema.names]
        if unknown:
            raise InputError(
                f"The '{name}' parameter of {owner} names columns that are not there: "
                f"{unknown}."
            )
        given = [given.get(column, 0) for column in schema.names]
    numbers = np.asarray(given, dtype=np.float64)
    if numbers.shape != (len(schema),) or not np.isfinite(numbers).all():
        raise InputError(
            f"The '{name}' parameter of {owner} must hold one number a column, "
            f"{len(schema)}. Got shape {numbers.shape}."
        )
    return numbers


def _choose_on_a_part(given: _Given, settings: Settings) -> Settings:
    """Choose on a seeded fifth of the rows what is open, where there are enough."""
    n_rows = len(given.rows)
    if n_rows < _FEWEST_TO_CHOOSE:
        return replace(settings, search="greedy")
    order = np.random.default_rng(settings.seed).permutation(n_rows)
    chosen_on, kept = np.split(order, [n_rows // 5])
    kept.sort()
    chosen_on.sort()
    other = given.take(chosen_on)
    held_out = _HeldOut(other.rows, other.targets, other.weights)
    trial = _fit_tree(given.take(kept), settings, held_out)
    return settings.with_choice(trial)


def _objective(target: Target) -> str:
    """Return what a search is to minimise when it is fitted to this target."""
    if target.task == "regression":
        return "squared_error"
    if target.task == "multilabel":
        return "squared_error" if target.kind == "logits" else "label_disagreement"
    if target.alpha and target.kind != "logits":
        return "expected_disagreement"  # with the teacher and with the label
    return "disagreement"
