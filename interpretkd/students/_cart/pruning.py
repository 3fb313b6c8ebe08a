"""Every size of a tree at once: the pruning path, and the size to choose.

Cutting branches off a grown tree gives smaller trees with the same tests. For every
number of leaves the path holds the one that loses least on the training rows, found
by dynamic programming, with what it loses on held-out rows.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, check_choice, check_integer
from interpretkd.data import Codes
from interpretkd.models import Nodes, Tree, freeze

_WHOLE = np.zeros(1, dtype=np.int32)
"""The division of a node that is not divided."""

RULES = ("one_standard_error", "knee", "best")


@dataclass(frozen=True, eq=False)
class Losses:
    """What answers cost on some rows; `_decision_costs` and `squared_errors` build it.

    Parameters
    ----------
    table : ndarray of shape (n_samples, n_columns), float64
        What is known of each row.
    of : callable
        Given some rows of the table and the value of a node, of shape (n_outputs,),
        it returns what each of these rows loses there, of shape (n_rows,).
    scale : float
        The score is one less the sum of the losses divided by this.

    Raises
    ------
    InputError
        For a table that is not finite.
    """

    table: Array
    of: Callable[[Array, Array], Array]
    scale: float

    def __post_init__(self) -> None:
        table = np.asarray(self.table, dtype=np.float64)
        if table.ndim != 2 or 0 in table.shape or not np.isfinite(table).all():
            raise InputError(
                "The losses for prune_path must be finite, of one row and one column "
                f"or more. Got shape {table.shape}."
            )
        object.__setattr__(self, "table", table)


def _decision_costs(costs: Array, scale: float | None = None) -> Losses:
    """Count what it costs to decide each class for each row.

    A node decides for the class of its largest value, as the model does; the score is
    one less the mean cost: the fidelity, where a wrong decision costs 1. Costs are
    times the row's weight; `scale` is the sum of the weights, by default 1 each.
    """
    return Losses(costs, _cost_of_decision, len(costs) if scale is None else scale)


def squared_errors(targets: Array, weight: Array | None = None) -> Losses:
    """Count how far answers are from target columns.

    The score is R2, over all columns together.

    Parameters
    ----------
    targets : ndarray of shape (n_samples, n_outputs), float64
        The targets.
    weight : ndarray of shape (n_samples,), float64, or None, default=None
        The rows' weights; None for 1 each.

    Returns
    -------
    Losses
        For `prune_path`.
    """
    weight = np.ones(len(targets)) if weight is None else weight
    table = np.column_stack([targets, weight])
    mean = np.average(targets, axis=0, weights=weight)
    return Losses(table, _squared_error, float(_squared_error(table, mean).sum()))


@dataclass(frozen=True, eq=False, repr=False)
class PruningPath:
    """The best pruned tree of every size.

    Parameters
    ----------
    whole : Tree
        The tree that is cut back.
    train : ndarray of shape (n_sizes,), float64
        The score on the training rows, for 1, 2, ... leaves.
    validation : ndarray of shape (n_sizes,), float64, or None
        The score on the held-out rows, if there are any.
    standard_error : ndarray of shape (n_sizes,), float64, or None
        Of the validation score, over rows.
    divisions : tuple of ndarray of int32
        For each node, and each number of leaves that it may keep, how many of them lie
        on its left; 0 where the node becomes a leaf.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from interpretkd.students import grow
    >>> from interpretkd.data import Schema
    >>> X, y = load_iris(return_X_y=True)
    >>> onehot, codes = np.eye(3)[y], X.astype(np.float32)
    >>> tree = grow(Schema.from_data(X), codes, onehot)
    >>> path = prune_path(tree, codes, 1 - onehot)
    >>> path.train[:3].round(3).tolist()
    [0.333, 0.667, 0.96]
    >>> path.tree(path.choose("knee")).n_leaves
    3
    """

    whole: Tree
    train: Array
    validation: Array | None
    standard_error: Array | None
    divisions: tuple[NDArray[np.int32], ...]

    def __post_init__(self) -> None:
        for name in ("train", "validation", "standard_error"):
            if getattr(self, name) is not None:
                freeze(self, name, np.float64, n_dims=1)

    def __repr__(self) -> str:
        return f"PruningPath(1 to {len(self.train)} leaves)"

    def __str__(self) -> str:
        doubled = 2 ** np.arange(int(math.log2(len(self.train))) + 1)
        lines = ["leaves  train" + ("" if self.validation is None else "  held out")]
        for size in sorted({*doubled.tolist(), len(self.train)}):
            line = f"{size:6,}  {self.train[size - 1]:.3f}"
            if self.validation is not None and self.standard_error is not None:
                error = self.standard_error[size - 1]
                line += f"  {self.validation[size - 1]:.3f} ± {error:.3f}"
            lines.append(line)
        return "\n".join(lines)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The numbers of leaves, from 1 to those of the whole tree."""
        return np.arange(1, len(self.train) + 1)

    @property
    def nested(self) -> NDArray[np.bool_]:
        """Which sizes lie on the weakest-link path, shape (n_sizes,).

        Each of these trees is the next larger one with branches cut off: they are what
        cost-complexity pruning finds.
        """
        slack = 1e-12 * float(np.abs(self.train).max())
        end = _first_best(self.train)
        hull: list[int] = []
        for i in range(end + 1):
            while len(hull) > 1 and self._sags(hull[-2], hull[-1], i, slack):
                hull.pop()
            hull.append(i)
        marks = np.zeros(len(self.train), dtype=np.bool_)
        marks[hull] = True
        return marks

    def tree(self, size: int) -> Tree:
        """Return the best tree of a size.

        Parameters
        ----------
        size : int
            In [1, n_sizes]: the leaves.

        Returns
        -------
        Tree
            The tree, with the tests, values and covers of the whole one.

        Raises
        ------
        InputError
            For sizes outside.
        """
        check_integer("PruningPath.tree", "size", size, 1, len(self.train))
        kept, leaves = [], []
        waiting = [(0, size)]
        nodes = self.whole.nodes
        while waiting:
            node, n_leaves = waiting.pop()
            kept.append(node)
            if n_leaves == 1:
                leaves.append(node)
                continue
            n_left = int(self.divisions[node][n_leaves - 1])
            waiting.append((int(nodes.left[node]), n_left))
            waiting.append((int(nodes.right[node]), n_leaves - n_left))
        return _cut(self.whole, np.sort(kept), np.asarray(leaves))

    def choose(self, rule: str = "one_standard_error") -> int:
        """Choose a size.

        Parameters
        ----------
        rule : {"one_standard_error", "knee", "best"}, default="one_standard_error"
            "one_standard_error": the smallest tree whose validation score is within
            one standard error of the best (Breiman et al. 1984). "knee": where a
            further doubling of the leaves begins to pay less, which is the size
            farthest above the chord of score over the logarithm of size (Satopaa et
            al. 2011). "best": the smallest of those with the highest score. The latter
            two go by the training score where there are no held-out rows.

        Returns
        -------
        int
            The number of leaves.

        Raises
        ------
        InputError
            For other rules, and without held-out rows for the first.

        References
        ----------
        L. Breiman, J. Friedman, R. Olshen and C. Stone (1984). "Classification and
        regression trees". Section 3.4.3.

        V. Satopaa, J. Albrecht, D. Irwin and B. Raghavan (2011). "Finding a 'kneedle'
        in a haystack: detecting knee points in system behavior". ICDCS workshops.
        """
        check_choice("PruningPath.choose", "rule", rule, RULES)
        score = self.train if self.validation is None else self.validation
        best = _first_best(score)
        if rule == "best" or best == 0:
            return best + 1
        if rule == "knee":
            height = np.maximum.accumulate(score[: best + 1])
            along = np.log2(self.sizes[: best + 1]) / np.log2(best + 1)
            chord = height[0] + along * (height[-1] - height[0])
            return int((height - chord).argmax()) + 1
        if self.standard_error is None:
            raise InputError(
                "The 'rule' parameter of PruningPath.choose may be "
                "'one_standard_error' where there are held-out rows. Got a path "
                "without."
            )
        enough = score[best] - self.standard_error[best]
        return int((score >= enough).argmax()) + 1

    def to_frame(self) -> pd.DataFrame:
        """Return the path.

        Returns
        -------
        DataFrame
            One row a size: leaves, train, validation and standard_error where there
            are held-out rows, nested.
        """
        columns: dict[str, Any] = {"leaves": self.sizes, "train": self.train}
        if self.validation is not None:
            columns["validation"] = self.validation
            columns["standard_error"] = self.standard_error
        return pd.DataFrame({**columns, "nested": self.nested})

    def _sags(self, a: int, b: int, c: int, slack: float) -> bool:
        """Say whether the middle one of three sizes is not above the outer two."""
        y = self.train
        return bool((y[b] - y[a]) * (c - b) <= (y[c] - y[b]) * (b - a) + slack)


def prune_path(
    tree: Tree,
    codes: Codes,
    losses: Losses | Array,
    *,
    held_out: tuple[Codes, Losses | Array] | None = None,
) -> PruningPath:
    """Find the best pruned tree of every size.

    Parameters
    ----------
    tree : Tree
        The tree to be cut back.
    codes : ndarray of shape (n_samples, n_features), float32
        Training rows as `Schema.encode` returns them.
    losses : Losses, or ndarray of shape (n_samples, n_classes)
        What answers cost on them. An array is what it costs to decide each class: for
        other rows than of weight 1, and other losses, see `Losses`.
    held_out : tuple of codes and losses, default=None
        Other rows, to choose a size on.

    Returns
    -------
    PruningPath
        The trees and their scores.

    Raises
    ------
    InputError
        For rows and losses that do not fit one another or the tree.

    Notes
    -----
    A node answers with its value, whether it is a leaf yet or not: what is summed is
    what the pruned tree will do. For a tree of L leaves the dynamic program takes
    O(L^2) steps at most (Bohanec and Bratko 1994). Its trees are optimal at every size;
    they are not all nested, but the weakest-link path of cost-complexity pruning,
    which is, runs through them: its trees are the corners of the score's upper hull.

    References
    ----------
    M. Bohanec and I. Bratko (1994). "Trading accuracy for simplicity in decision
    trees". Machine Learning 15.
    """
    own = _sums(tree, codes, losses)
    other = None if held_out is None else _sums(tree, *held_out)
    extra = np.zeros((2, len(own.loss)))
    if other is not None:
        extra = np.stack([other.loss, other.square])
    tables, divisions = _best_of_each_size(tree.nodes, own.loss, extra)
    train = 1 - tables[0] / own.scale
    if other is None:
        return PruningPath(tree, train, None, None, divisions)
    n = other.n_samples
    spread = np.maximum(tables[2] - tables[1] ** 2 / n, 0) * n / max(n - 1, 1)
    return PruningPath(
        tree,
        train,
        1 - tables[1] / other.scale,
        np.sqrt(spread) / other.scale,
        divisions,
    )


@dataclass(frozen=True, eq=False)
class _Sums:
    """The rows' losses and their squares, added up at each node."""

    loss: Array
    square: Array
    n_samples: int
    scale: float


def _sums(tree: Tree, codes: Codes, losses: Losses | Array) -> _Sums:
    losses = _decision_costs(losses) if isinstance(losses, np.ndarray) else losses
    if len(losses.table) != len(codes):
        raise InputError(
            "The losses for prune_path must be of as many rows as the codes, "
            f"{len(codes)}. Got {len(losses.table)}."
        )
    nodes = tree.nodes
    first, count = _intervals(nodes)
    place = first[nodes.apply(codes)]
    # In the order of the leaves the rows of every node stand side by side.
    table = losses.table[np.argsort(place, kind="stable")]
    start = np.concatenate([[0], np.bincount(place, minlength=count[0]).cumsum()])
    loss, square = np.zeros((2, len(first)))
    for node, (begin, n_leaves) in enumerate(zip(first, count, strict=True)):
        rows = slice(start[begin], start[begin + n_leaves])
        own = losses.of(table[rows], tree.value[node])
        loss[node], square[node] = own.sum(), own @ own
    # Where all rows want the same, the score shall be 1 or negative.
    return _Sums(loss, square, len(codes), losses.scale or 1.0)


def _first_best(score: Array) -> int:
    """Return the first of the highest, but for what rounding adds."""
    best = float(score.max())
    return int((score >= best - 1e-12 * abs(best)).argmax())


def _intervals(nodes: Nodes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each node's first leaf, counted from the left, and how many it has."""
    inner = np.flatnonzero(~nodes.is_leaf)  # parents come before children
    count = np.ones(len(nodes.feature), dtype=np.int64)
    for node in inner[::-1]:
        count[node] = count[nodes.left[node]] + count[nodes.right[node]]
    first = np.zeros_like(count)
    for node in inner:
        left, right = nodes.left[node], nodes.right[node]
        first[left] = first[node]
        first[right] = first[node] + count[left]
    return first, count


def _best_of_each_size(
    nodes: Nodes, loss: Array, extra: Array
) -> tuple[Array, tuple[NDArray[np.int32], ...]]:
    """Return for each size the least loss, with the extra sums of the same tree."""
    tables: dict[int, Array] = {}
    divisions: list[NDArray[np.int32]] = [_WHOLE] * len(loss)
    for node in range(len(loss) - 1, -1, -1):  # children before parents
        own = np.array([[loss[node]], [extra[0, node]], [extra[1, node]]])
        if nodes.is_leaf[node]:
            tables[node] = own
            continue
        left = tables.pop(int(nodes.left[node]))
        right = tables.pop(int(nodes.right[node]))
        n_left = _divide(left[0], right[0])
        n_right = np.arange(2, len(n_left) + 2) - n_left
        tables[node] = np.hstack([own, left[:, n_left - 1] + right[:, n_right - 1]])
        divisions[node] = np.concatenate([_WHOLE, n_left])
    return tables[0], tuple(divisions)


def _divide(left: Array, right: Array) -> NDArray[np.int32]:
    """Return for 2, 3, ... leaves how many of them are best on the left."""
    n_left, n_right = len(left), len(right)
    least = np.full(n_left + n_right - 1, np.inf)
    best = np.zeros(len(least), dtype=np.int32)
    if n_left <= n_right:  # the shorter side is gone through, the longer one at once
        for i in range(n_left):
            sums = left[i] + right
            better = sums < least[i : i + n_right]
            least[i : i + n_right][better] = sums[better]
            best[i : i + n_right][better] = i + 1
        return best
    size = np.arange(n_left + n_right - 1, dtype=np.int32) + 2
    return size - _divide(right, left)


def _cut(tree: Tree, kept: NDArray[np.integer], leaves: NDArray[np.integer]) -> Tree:
    """Return the tree of the nodes that are kept, some as leaves."""
    nodes = tree.nodes
    inner = ~np.isin(kept, leaves)
    place = np.full(len(nodes.feature), -1, dtype=np.int32)
    place[kept] = np.arange(len(kept))
    sets = [nodes.left_set(node) for node in kept[inner] if _tests_a_set(nodes, node)]
    return type(tree)(  # a tree of scores stays one
        Nodes(
            schema=tree.schema,
            feature=np.where(inner, nodes.feature[kept], -1),
            threshold=np.where(inner, nodes.threshold[kept], 0),
            missing_left=inner & nodes.missing_left[kept],
            left=np.where(inner, place[nodes.left[kept]], -1),
            right=np.where(inner, place[nodes.right[kept]], -1),
            left_categories=np.concatenate([*sets, np.zeros(0, dtype=np.bool_)]),
            roots=np.zeros(1, dtype=np.int32),
        ),
        tree.value[kept],
        tree.cover[kept],
        tree.names,
        None if tree.support is None else tree.support[kept],
    )


def _tests_a_set(nodes: Nodes, node: int) -> bool:
    return bool(nodes.category_start[node] >= 0)


def _cost_of_decision(table: Array, value: Array) -> Array:
    if table.shape[1] != len(value):
        raise InputError(
            f"The costs for prune_path must have one column for each of the tree's "
            f"{len(value)} outputs. Got {table.shape[1]}."
        )
    return table[:, value.argmax()]


def _squared_error(table: Array, value: Array) -> Array:
    targets, weight = table[:, :-1], table[:, -1]
    if targets.shape[1] != len(value):
        raise InputError(
            f"The targets for prune_path must have one column for each of the tree's "
            f"{len(value)} outputs. Got {targets.shape[1]}."
        )
    return weight * ((targets - value) ** 2).sum(axis=1)
