"""The ways to a small tree that the benchmark "trees" compares.

Each is a function of a `TrainingSet`, a `Budget` and a seed that returns the tree
`Grown`. The packages of others get the teacher's decisions as labels and one column a
category; trustee and MimicExplainer ask the teacher itself, as they do by design. Ours
gets the rows as they are, and the labels, of which its baseline is made. Each has the
bound it knows: leaves, depth or both. What a search may take stands in `TIME_LIMIT`.

DPDT lies on GitHub alone. Not among them are GOSDT and FastSmallTree of imodels, which
solve what pystreed solves here, the one with no bound on its memory, the other with
none on the depth; C4.5 of imodels, which goes beyond its bound; and TAO of imodels,
which takes the number of a class for a quantity.
"""

import contextlib
import importlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._binary_tests import (  # type: ignore[import-not-found]
    BinaryTests,
)
from interpretkd_bench._contest import (  # type: ignore[import-not-found]
    Budget,
    Grown,
    Method,
    Positions,
    Rows,
    TrainingSet,
    as_frame,
)
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from interpretkd.data import Codes
from interpretkd.distillation import DistilledClassifier
from interpretkd.students import CartStudent
from interpretkd.targets import centred_logits, decide, soft_targets

__all__ = ["METHODS"]

_MIMIC = "interpret_community.mimic"
TIME_LIMIT = 60.0
"""Seconds that a search for the optimum may take."""
CUTS = {2: 150, 3: 150, 4: 70}
"""By depth: the binary tests that pystreed searches; at 4 more take minutes."""
SPLIT_CUTS, SPLIT_PENALTY = 150, 0.001
"""The binary tests of LicketySPLIT; the share of rows that each leaf has to win."""
LOOKAHEAD_CUTS = 300
"""The binary tests of LGDT."""
DPDT_CUTS = (16, 8)
"""The leaves of the trees whose tests DPDT tries, at the root and below."""
SAMPLED = 2000
"""The rows that trustee draws in each of its rounds, its default."""


@contextlib.contextmanager
def _numpy_seeded(seed: int) -> Iterator[None]:
    """Seed numpy's global generator, which some peers draw from, in here alone."""
    # They know no other generator: the old interface is what there is.
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


def _read(predict: Callable[[Codes], Any]) -> Callable[[Rows], Positions]:
    """Return how rows are decided, of a function of the matrix."""
    return lambda rows: np.asarray(predict(rows.matrix), dtype=np.int64)


def _grown(tree: Any, predict: Callable[[Codes], Any], note: str = "") -> Grown:
    return Grown(_read(predict), int(tree.get_n_leaves()), int(tree.get_depth()), note)


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
        return self.training.teacher.logits(as_frame(self.training.schema, matrix))


def _trustee(training: TrainingSet, budget: Budget, seed: int) -> Grown:
    n_drawn_from = int(0.7 * len(training.truth))
    # It draws without replacement: fewer rows than its default need a share.
    share = None if n_drawn_from >= SAMPLED else 0.5
    trustee = importlib.import_module("trustee")
    explainer = trustee.ClassificationTrustee(_Answering(training))
    with _numpy_seeded(seed):
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
    with _numpy_seeded(seed):
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


# Searches for the best tree


def _streed(training: TrainingSet, budget: Budget, seed: int) -> Grown:
    pystreed = importlib.import_module("pystreed")
    depth = _streed_depth(budget)
    n_tests = 2**depth - 1 if budget.leaves is None else budget.leaves - 1
    matrix, decided = training.rows.matrix, training.decided
    tests = BinaryTests.choose(matrix, decided, CUTS[depth], seed)
    model = pystreed.STreeDClassifier(
        max_depth=depth,
        max_num_nodes=n_tests,
        min_leaf_node_size=5,
        time_limit=TIME_LIMIT,
        random_seed=seed,
    ).fit(tests(matrix), decided)
    result = getattr(model, "fit_result", None)
    if result is None:
        raise TimeoutError(f"no tree within {TIME_LIMIT:g} s")
    return Grown(
        _read(lambda matrix: model.predict(tests(matrix))),
        int(result.tree_nodes()) + 1,
        int(result.tree_depth()),
        "proven" if result.is_optimal() else "not proven",
    )


def _streed_depth(budget: Budget) -> int:
    return budget.depth or min(4, (budget.leaves or 0) - 1)


def _contree(training: TrainingSet, budget: Budget, seed: int) -> Grown:
    contree = importlib.import_module("pycontree")
    model = contree.ConTree(max_depth=budget.depth, time_limit=TIME_LIMIT)
    classes, positions = np.unique(training.decided, return_inverse=True)
    with warnings.catch_warnings(record=True) as said:  # its word for a time-out
        warnings.simplefilter("always")
        model.fit(training.rows.matrix, positions)
    stopped = any("time limit" in str(warning.message) for warning in said)
    return Grown(
        _read(lambda matrix: classes[np.asarray(model.predict(matrix), np.intp)]),
        model.get_num_leaf_nodes(),
        model.get_depth(),
        "not proven" if stopped else "proven",
    )


def _licketysplit(training: TrainingSet, budget: Budget, seed: int) -> Grown:
    licketysplit = importlib.import_module("licketysplit")
    depth, matrix = budget.depth or 0, training.rows.matrix
    tests = BinaryTests.choose(matrix, training.decided, SPLIT_CUTS, seed)
    classes, positions = np.unique(training.decided, return_inverse=True)
    model = licketysplit.LicketySPLITClassifier(
        lambda_leaf=SPLIT_PENALTY,
        depth_budget=depth,
        lookahead_k=2 if depth <= 4 else 1,
    ).fit(tests(matrix), positions)
    paths, _ = model.get_tree_paths()
    return Grown(
        _read(lambda matrix: classes[model.predict(tests(matrix))]),
        len(paths),
        max(map(len, paths)),
    )


def _lgdt(training: TrainingSet, budget: Budget, seed: int) -> Grown:
    pytrees = importlib.import_module("pytrees")
    matrix, decided = training.rows.matrix, training.decided
    tests = BinaryTests.choose(matrix, decided, LOOKAHEAD_CUTS, seed)
    model = pytrees.LGDTClassifier(max_depth=budget.depth).fit(tests(matrix), decided)
    tree = model.tree_
    return Grown(
        _read(lambda matrix: model.predict(tests(matrix))),
        tree.n_leaves,
        tree.max_depth,
    )


def _dpdt(training: TrainingSet, budget: Budget, seed: int) -> Grown:
    dpdt = importlib.import_module("dpdt")
    model = dpdt.DPDTreeClassifier(
        max_depth=budget.depth, cart_nodes_list=DPDT_CUTS, random_state=seed
    ).fit(training.rows.matrix, training.decided)
    leaves = len(model._decision_rules[-1])  # it tells its size nowhere else
    return Grown(_read(model.predict), leaves, _dpdt_depth(model))


def _dpdt_depth(model: Any) -> int:
    """Follow DPDT's policy from the root: bounds of columns, and how many tests."""
    middle = len(model._root.obs) // 2

    def deepest(bounds: NDArray[np.float64], depth: int) -> int:
        action = model._trees[(*bounds.tolist(), depth)][-1]
        if not isinstance(action, tuple):
            return depth
        (feature, threshold), sides = action, (bounds.copy(), bounds.copy())
        sides[0][middle + feature] = sides[1][feature] = threshold
        return max(deepest(side, depth + 1) for side in sides)

    return deepest(model._root.obs, 0)


# Trees of imodels


def _figs(training: TrainingSet, budget: Budget, seed: int) -> Grown:
    imodels = importlib.import_module("imodels")
    # As many tests as a tree of that many leaves has.
    model = imodels.FIGSClassifier(max_rules=(budget.leaves or 0) - 1)
    with _numpy_seeded(seed):
        model.fit(training.rows.matrix, training.decided)
    sizes = [_figs_size(tree) for tree in model.trees_]
    leaves, depths = zip(*sizes, strict=True)
    return Grown(
        _read(model.predict), sum(leaves), max(depths), n_trees=len(model.trees_)
    )


def _figs_size(node: Any) -> tuple[int, int]:
    """Return the leaves and the depth below a node of FIGS."""
    if node.left is None:
        return 1, 0
    left, right = _figs_size(node.left), _figs_size(node.right)
    return left[0] + right[0], 1 + max(left[1], right[1])


def _shrunk(training: TrainingSet, budget: Budget, seed: int) -> Grown:
    imodels = importlib.import_module("imodels")
    tree = DecisionTreeClassifier(
        max_leaf_nodes=budget.leaves, max_depth=budget.depth, random_state=seed
    )
    model = imodels.HSTreeClassifierCV(tree)
    model.fit(training.rows.matrix, training.decided)
    return _grown(model.estimator_, model.predict)


# Ours


def _ours(training: TrainingSet, budget: Budget, seed: int) -> Grown:
    model, cost = _distilled(training, budget, seed)
    tree = model.tree_
    return Grown(
        lambda rows: decide(model.logits(rows.frame)),
        tree.n_leaves,
        tree.depth,
        str(model.target_),
        cost=cost,
    )


def _ours_on_labels(training: TrainingSet, budget: Budget, seed: int) -> Grown:
    model, cost = _distilled(training, budget, seed)
    tree = model.baseline_.form_
    return Grown(
        lambda rows: decide(model.baseline_logits(rows.frame)),
        tree.n_leaves,
        tree.depth,
        cost=cost,
    )


@lru_cache(maxsize=1)
def _distilled(
    training: TrainingSet, budget: Budget, seed: int
) -> tuple[Any, tuple[float, float]]:
    """Return student and baseline, which one fit makes, and what it took."""
    student = CartStudent(budget.leaves, max_depth=budget.depth, random_state=seed)
    frozen = FrozenEstimator(training.teacher)
    model = DistilledClassifier(frozen, student, random_state=seed)
    labels = np.asarray(training.teacher.classes_)[training.truth]
    start = time.perf_counter(), time.process_time()
    model.fit(training.rows.frame, labels)
    return model, (time.perf_counter() - start[0], time.process_time() - start[1])


def _has_depth(most: int) -> Callable[[Budget], bool]:
    return lambda budget: budget.depth is not None and budget.depth <= most


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
    "contree": Method(
        _contree, "pycontree", "pycontree", f"{TIME_LIMIT:g} s", _has_depth(4)
    ),
    "licketysplit": Method(
        _licketysplit,
        "licketysplit",
        "licketysplit",
        f"{SPLIT_CUTS} tests, {SPLIT_PENALTY:g} a leaf, lookahead 2 (1 beyond depth 4)",
        _has_depth(10),
    ),
    "lgdt": Method(
        _lgdt, "pytrees-rs", "pytrees", f"{LOOKAHEAD_CUTS} tests", _has_depth(10)
    ),
    "dpdt": Method(
        _dpdt, "dpdt", "dpdt", f"tests of {DPDT_CUTS} leaves", _has_depth(4)
    ),
    "figs": Method(
        _figs,
        "imodels",
        "imodels",
        "as many tests",
        lambda budget: budget.leaves is not None,
    ),
    "shrunk": Method(_shrunk, "imodels", "imodels", "shrinkage by cross-validation"),
    "ours": Method(_ours, "interpretkd", "interpretkd"),
    "ours on labels": Method(
        _ours_on_labels, "interpretkd", "interpretkd", "the baseline of the same fit"
    ),
}
"""By name; " 5" behind a name stands for ``min_samples_leaf=5``."""
