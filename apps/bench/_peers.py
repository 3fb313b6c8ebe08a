"""The ways to a small tree that the benchmark "trees" compares.

Each is a function of a `TrainingSet`, a `Budget` and a seed that returns the tree
`Grown`.
scikit-learn and the packages that stand on it read one column a category; ours reads
the rows as they are.
"""

import contextlib
import importlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from interpretkd.data import VALUE, Codes, Column, Schema, expand
from interpretkd.distillation import DistilledClassifier
from interpretkd.students import CartStudent
from interpretkd.targets import centred_logits, decide, soft_targets

__all__ = ["METHODS", "Budget", "Grown", "Method", "Rows", "TrainingSet", "missing"]

Positions = NDArray[np.int64]

_MIMIC = "interpret_community.mimic"
CUTS = {2: 150, 3: 150, 4: 70}
"""By depth: the binary columns that pystreed searches; at 4 more take minutes."""
CUTS_A_COLUMN = 20
TIME_LIMIT = 60.0
"""Seconds that pystreed may take."""
SAMPLED = 2000
"""The rows that trustee draws in each of its rounds, its default."""


@dataclass(frozen=True)
class Budget:
    """How large a tree may be.

    Parameters
    ----------
    leaves : int or None, default=None
        The most leaves.
    depth : int or None, default=None
        The most tests of a row.
    """

    leaves: int | None = None
    depth: int | None = None

    def __str__(self) -> str:
        return f"depth {self.depth}" if self.depth else f"{self.leaves} leaves"


@dataclass(frozen=True, eq=False)
class Rows:
    """The same rows as people and as scikit-learn read them.

    Parameters
    ----------
    frame : DataFrame of shape (n_samples, n_features)
        Original columns.
    matrix : ndarray of shape (n_samples, n_columns), float32
        One column a category.
    """

    frame: pd.DataFrame
    matrix: Codes


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """What a student may know.

    Parameters
    ----------
    rows : Rows
        The rows of train and transfer.
    truth : ndarray of shape (n_samples,), int
        Their labels, as positions in the teacher's classes.
    teacher : estimator
        Fitted; has ``logits``.
    schema : Schema
        The columns.
    """

    rows: Rows
    truth: Positions
    teacher: Any
    schema: Schema

    @cached_property
    def logits(self) -> NDArray[np.float64]:
        """The teacher's logits, of shape (n_samples, n_classes)."""
        return self.teacher.logits(self.rows.frame)

    @cached_property
    def decided(self) -> Positions:
        """The teacher's decisions, as positions in its classes."""
        return decide(self.logits)

    def read(self, frame: pd.DataFrame) -> Rows:
        """Return rows in both forms.

        Parameters
        ----------
        frame : DataFrame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        Rows
            The same.
        """
        return as_rows(self.schema, frame)


@dataclass(frozen=True, eq=False)
class Grown:
    """A fitted tree.

    Parameters
    ----------
    decide : callable
        Turns `Rows` into class positions.
    leaves, depth : int
        Its size.
    note : str, default=""
        What else there is to say of it.
    """

    decide: Callable[[Rows], Positions]
    leaves: int
    depth: int
    note: str = ""


@dataclass(frozen=True)
class Method:
    """One way to a tree.

    Parameters
    ----------
    grow : callable
        Of a training set, a budget and a seed.
    package : str
        The distribution that does it.
    module : str
        What is imported of it.
    settings : str, default=""
        What sets this way apart from others of the package.
    allows : callable, default allows all
        Whether a budget is for it.
    """

    grow: Callable[[TrainingSet, Budget, int], Grown]
    package: str
    module: str
    settings: str = ""
    allows: Callable[[Budget], bool] = field(default=lambda budget: True)

    @property
    def version(self) -> str:
        """What a result of this method was made with."""
        return ", ".join(filter(None, [_version(self.package), self.settings]))


def as_rows(schema: Schema, frame: pd.DataFrame) -> Rows:
    """Return rows in both forms.

    Parameters
    ----------
    schema : Schema
        The columns.
    frame : DataFrame of shape (n_samples, n_features)
        Rows in original columns.

    Returns
    -------
    Rows
        The same.
    """
    matrix = expand(schema.encode(frame), _columns(schema))
    return Rows(frame, np.ascontiguousarray(matrix))


def missing(methods: Mapping[str, Method]) -> dict[str, str]:
    """Find the methods whose package cannot be used here.

    Parameters
    ----------
    methods : mapping of str to Method
        Those wanted.

    Returns
    -------
    dict of str to str
        By name, why not.
    """
    reasons = {}
    for name, method in methods.items():
        try:
            with _quiet():
                importlib.import_module(method.module)
        # Whatever a package dies of while it is imported, it cannot be used.
        except Exception as error:
            reasons[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    return reasons


def _columns(schema: Schema) -> tuple[Column, ...]:
    return schema.columns(indicate_missing=False)


def _version(package: str) -> str:
    return f"{package} {version(package)}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the peers from printing into the benchmark's table."""
    nowhere = io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield


@contextlib.contextmanager
def _numpy_seeded(seed: int) -> Iterator[None]:
    """Seed numpy's global generator, which trustee draws from, in here alone."""
    # trustee knows no other generator: the old interface is what there is.
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


# scikit-learn


def _sklearn(kind: str, min_samples_leaf: int) -> Method:
    def grow(training: TrainingSet, budget: Budget, seed: int) -> Grown:
        classifies = kind in ("labels", "naive")
        tree = (DecisionTreeClassifier if classifies else DecisionTreeRegressor)(
            max_leaf_nodes=budget.leaves,
            max_depth=budget.depth,
            min_samples_leaf=min_samples_leaf,
            random_state=seed,
        )
        tree.fit(training.rows.matrix, _target(kind, training))
        return _grown(tree, tree.predict if classifies else _largest(tree.predict))

    package = "scikit-learn"
    return Method(grow, package, "sklearn", f"min_samples_leaf={min_samples_leaf}")


def _target(kind: str, training: TrainingSet) -> NDArray[Any]:
    if kind == "labels":
        return training.truth
    if kind == "naive":
        return training.decided
    return (soft_targets if kind == "soft" else centred_logits)(training.logits)


def _largest(predict: Callable[[Codes], Any]) -> Callable[[Codes], Positions]:
    return lambda matrix: decide(predict(matrix))


def _grown(tree: Any, predict: Callable[[Codes], Any], note: str = "") -> Grown:
    return Grown(
        lambda rows: np.asarray(predict(rows.matrix), dtype=np.int64),
        int(tree.get_n_leaves()),
        int(tree.get_depth()),
        note,
    )


# The packages that ask the teacher themselves


@dataclass(frozen=True, eq=False)
class _Answering:
    """The teacher behind the matrix that the peers read."""

    training: TrainingSet

    def predict(self, matrix: Any) -> Positions:
        return decide(self._logits(matrix))

    def predict_proba(self, matrix: Any) -> NDArray[np.float64]:
        return soft_targets(self._logits(matrix))

    def _logits(self, matrix: Any) -> NDArray[np.float64]:
        return self.training.teacher.logits(_frame(self.training.schema, matrix))


def _frame(schema: Schema, matrix: Any) -> pd.DataFrame:
    """Return the rows of an expanded matrix in original columns."""
    values, columns = np.asarray(matrix, dtype=np.float32), _columns(schema)
    found: dict[str, Any] = {}
    for i, feature in enumerate(schema.features):
        own = [j for j, column in enumerate(columns) if column.feature == i]
        if columns[own[0]].part == VALUE:
            found[feature.name] = values[:, own[0]]
            continue
        codes = values[:, own].argmax(axis=1)
        parts = np.asarray([columns[j].part for j in own])
        if len(own) == 1:  # two categories, of which the matrix shows the second
            codes = np.where(values[:, own[0]] > 0.5, parts[0], 1 - parts[0])
        else:
            codes = parts[codes]
        categories = pd.CategoricalDtype(list(feature.categories))
        # What is not a category's position is the indicator of a missing value.
        known = np.where(codes < 0, -1, codes)
        found[feature.name] = pd.Categorical.from_codes(known, dtype=categories)
    return pd.DataFrame(found)


def _trustee(training: TrainingSet, budget: Budget, seed: int) -> Grown:
    n_drawn_from = int(0.7 * len(training.truth))
    # It draws without replacement: fewer rows than its default need a share.
    share = None if n_drawn_from >= SAMPLED else 0.5
    trustee = importlib.import_module("trustee")
    explainer = trustee.ClassificationTrustee(_Answering(training))
    with _numpy_seeded(seed), _quiet():
        explainer.fit(
            training.rows.matrix,
            training.decided,
            max_leaf_nodes=budget.leaves,
            max_depth=budget.depth,
            samples_size=share,
        )
        tree = explainer.explain()[0]
    return _grown(tree, tree.predict)


def _mimic(training: TrainingSet, budget: Budget, seed: int) -> Grown:
    mimic = importlib.import_module(f"{_MIMIC}.mimic_explainer")
    models = importlib.import_module(f"{_MIMIC}.models")
    sizes = {"max_leaf_nodes": budget.leaves, "max_depth": budget.depth}
    n_classes = training.logits.shape[1]
    with _numpy_seeded(seed), _quiet():
        surrogate = mimic.MimicExplainer(
            _Answering(training),
            training.rows.matrix,
            models.DecisionTreeExplainableModel,
            explainable_model_args={**sizes, "random_state": seed},
            classes=list(range(n_classes)),
        ).surrogate_model

    def predict(matrix: Codes) -> Any:
        said = surrogate.predict(matrix)
        return said > 0 if n_classes == 2 else said  # of two classes it fits a logit

    return _grown(surrogate.model, predict)


# Provably optimal trees


def _streed(training: TrainingSet, budget: Budget, seed: int) -> Grown:
    pystreed = importlib.import_module("pystreed")
    depth = _streed_depth(budget)
    n_tests = 2**depth - 1 if budget.leaves is None else budget.leaves - 1
    cuts = _Cuts.choose(training.rows.matrix, training.decided, CUTS[depth], seed)
    model = pystreed.STreeDClassifier(
        max_depth=depth,
        max_num_nodes=n_tests,
        min_leaf_node_size=5,
        time_limit=TIME_LIMIT,
        random_seed=seed,
    ).fit(cuts.tests(training.rows.matrix), training.decided)
    result = getattr(model, "fit_result", None)
    if result is None:
        raise TimeoutError(f"no tree within {TIME_LIMIT:g} s")
    return Grown(
        lambda rows: np.asarray(model.predict(cuts.tests(rows.matrix)), np.int64),
        int(result.tree_nodes()) + 1,
        int(result.tree_depth()),
        "proven" if result.is_optimal() else "not proven",
    )


def _streed_depth(budget: Budget) -> int:
    return budget.depth or min(4, (budget.leaves or 0) - 1)


@dataclass(frozen=True, eq=False)
class _Cuts:
    """Binary columns: a column of the matrix and a threshold each."""

    column: NDArray[np.int64]
    threshold: NDArray[np.float32]

    def tests(self, matrix: Codes) -> NDArray[np.intc]:
        return (matrix[:, self.column] <= self.threshold).astype(np.intc)

    @classmethod
    def choose(cls, matrix: Codes, decided: Positions, most: int, seed: int) -> Any:
        """Take quantiles, then what a forest leans on, as pystreed's binariser does.

        That one's forest is not seeded, and it looks at every quantile of every column
        at once: gigabytes for images.
        """
        forest = ExtraTreesClassifier(100, max_depth=8, random_state=seed)
        leading = np.argsort(forest.fit(matrix, decided).feature_importances_)[::-1]
        found: list[tuple[int, float]] = []
        for j in leading[:most]:
            distinct = np.unique(matrix[:, j])
            if len(distinct) <= CUTS_A_COLUMN + 1:
                cuts = (distinct[:-1] + distinct[1:]) / 2
            else:
                shares = np.linspace(0, 1, CUTS_A_COLUMN + 2)[1:-1]
                cuts = np.unique(np.quantile(matrix[:, j], shares))
            found += [(int(j), float(cut)) for cut in cuts]
        every = cls(
            np.asarray([j for j, _ in found], dtype=np.int64),
            np.asarray([cut for _, cut in found], dtype=np.float32),
        )
        if len(found) <= most:
            return every
        forest.fit(every.tests(matrix), decided)
        kept = np.sort(np.argsort(forest.feature_importances_)[::-1][:most])
        return cls(every.column[kept], every.threshold[kept])


# Ours


def _ours(training: TrainingSet, budget: Budget, seed: int) -> Grown:
    student = CartStudent(budget.leaves, max_depth=budget.depth, random_state=seed)
    frozen = FrozenEstimator(training.teacher)
    # Without labels: they would only fit the baseline, and the seconds count.
    model = DistilledClassifier(frozen, student, random_state=seed)
    model.fit(training.rows.frame)
    return Grown(
        lambda rows: decide(model.logits(rows.frame)),
        model.tree_.n_leaves,
        model.tree_.depth,
        str(model.target_),
    )


METHODS: Mapping[str, Method] = {
    **{
        f"{kind}{'' if fewest == 1 else ' 5'}": _sklearn(kind, fewest)
        for kind in ("labels", "naive", "soft", "logits")
        for fewest in (1, 5)
    },
    "trustee": Method(_trustee, "trustee", "trustee"),
    "mimic": Method(_mimic, "interpret-community", f"{_MIMIC}.mimic_explainer"),
    "streed": Method(
        _streed,
        "pystreed",
        "pystreed",
        f"{CUTS[3]} tests ({CUTS[4]} at depth 4), {TIME_LIMIT:g} s",
        lambda budget: (budget.depth or 0) <= 4 and (budget.leaves or 0) <= 8,
    ),
    "ours": Method(_ours, "interpretkd", "interpretkd"),
}
"""By name; " 5" behind a name stands for ``min_samples_leaf=5``."""
