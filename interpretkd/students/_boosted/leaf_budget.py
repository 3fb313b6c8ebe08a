"""The best sum of trees within a budget of leaves.

Trees are grown one where it helps most, and all their leaves are fitted together;
sizes and learning rates are compared on held-out rows.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from interpretkd._base import Array
from interpretkd.data import Codes, Encoded
from interpretkd.models import Forest
from interpretkd.students._boosted.rounds import Score
from interpretkd.students._boosted.tree_sum import (
    PENALTY,
    BoostingRows,
    GrownTree,
    TreeSum,
)
from interpretkd.students._cart.draft import leaves_of
from interpretkd.students._cart.growing import Limits, grow_draft
from interpretkd.students._threads import few_threads

TREE_LEAVES = (2, 3, 4, 6, 8, 16)
"""The sizes of trees that are tried; trees of two leaves make an additive model."""
LEARNING_RATES = (0.6, 1.0)
SHARES = (1, 2, 4, 8)
"""Of the leaves one in so many is also tried."""
_MOST_TREES = 256
"""Shapes that need more are not tried; the largest always is."""
_MOST_TO_TRY = 20_000
_MOST_CELLS = 4_000_000
_FEWEST_TO_TRY = 2_000
"""Shapes are compared on so many rows; the best is then fitted to all."""
_PATIENCE = 2
"""Sizes in succession that may be worse than the best before larger ones are left."""
_FEWEST_TO_HOLD_OUT = 50
"""Rows below which none are held out."""
_OUTPUTS_A_TREE = 3
"""One tree is kept of so many that are grown together, one an output."""


@dataclass(frozen=True)
class BoostingTrial:
    """One sum of trees that was tried.

    Parameters
    ----------
    tree_leaves : int
        The most leaves of a tree.
    learning_rate : float
        In (0, 1]: how much of a tree was added before the next was grown.
    max_leaves : int
        The most leaves of all trees together.
    n_trees, n_leaves : int
        What it has.
    score : float
        On the rows that were held out, the larger the better.
    """

    tree_leaves: int
    learning_rate: float
    max_leaves: int
    n_trees: int
    n_leaves: int
    score: float


@dataclass(frozen=True)
class BoostingSearch:
    """What was tried to make the most of so many leaves.

    Parameters
    ----------
    trials : tuple of BoostingTrial
        In the order in which they were tried.
    chosen : int
        The position of the best.
    """

    trials: tuple[BoostingTrial, ...]
    chosen: int

    @property
    def best(self) -> BoostingTrial:
        """The one that was chosen."""
        return self.trials[self.chosen]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a trial.

        Returns
        -------
        DataFrame
            The trials, and whether each was chosen.
        """
        frame = pd.DataFrame([asdict(trial) for trial in self.trials])
        return frame.assign(chosen=np.arange(len(frame)) == self.chosen)


def _boost_within(
    rows: Encoded,
    targets: Array,
    sample_weight: Array | None = None,
    *,
    max_leaves: int,
    link: str = "identity",
    min_child_weight: float = 1.0,
    subsample: float = 1.0,
    column_share: float = 1.0,
    watch: tuple[Codes, Score] | None = None,
    seed: int = 0,
) -> tuple[Forest, BoostingSearch]:
    """Find the best sum of trees that have so many leaves altogether, of two at least.

    Trees of several sizes, grown best-first at two learning rates, are tried, and of
    each sum also its first half, quarter and eighth. There are no rounds of a tree an
    output that would have to be cut at the end: a tree goes to the output where it
    gains most a leaf (of many outputs, to the best third at once), and the last one
    has the leaves that are left over. Now and then, and in the end, the values of all
    leaves are fitted anew together.

    Settings are those of `BoostedStudent`; the link "identity" stands for squared error
    on the target columns, the others for cross-entropy with them. `watch` are held-out
    rows and a function that turns predictions of them into a number, the larger the
    better. Without them the sums are compared by their loss on a fifth of the rows, and
    the best is then fitted to all. Returns the trees over the original columns, and
    what was tried.

    Notes
    -----
    Why no vector leaves: on digits, Connect-4 and three further sets of 3 to 11 classes
    one number a leaf agreed more with the teacher by 22.9, 5.4 and 1.6 points on
    average, with 16, 64 and 256 leaves against vectors of as many parameters
    (``interpretkd bench boosted``; two splits each). A vector is cheaper counted by
    leaves: with 16 leaves for 10 classes a single tree is the better choice.

    References
    ----------
    Friedman (2001), "Greedy function approximation: a gradient boosting machine".
    Johnson & Zhang (2014), "Learning nonlinear functions using regularized greedy
    forest": the leaves of all trees fitted anew together.

    Examples
    --------
    >>> codes = np.arange(60, dtype=np.float32).reshape(-1, 1)
    >>> targets = np.where(codes > 20, 1.0, 0.0) + np.where(codes > 40, 2.0, 0.0)
    >>> forest, search = _boost_within(Encoded.of(codes), targets, max_leaves=4)
    >>> forest.n_leaves <= 4, bool(abs(forest.predict(codes) - targets).max() < 0.2)
    (True, True)
    """
    weight = np.ones(len(rows)) if sample_weight is None else sample_weight
    settings = (link, min_child_weight, subsample, column_share, seed)
    data = BoostingRows(rows, targets, weight, *settings)
    if not weight.all():  # a row without weight is as good as absent
        data = data.take(np.flatnonzero(weight > 0))
    order = np.random.default_rng(seed).permutation(len(data.codes))
    if watch is None:
        n_held_out = len(order) // 5 if len(order) >= _FEWEST_TO_HOLD_OUT else 0
        held_out = data.take(order[:n_held_out]) if n_held_out else data
        watch, order = (held_out.codes, held_out.score), order[n_held_out:]
    n_columns = len(rows.schema)
    n_tried = max(min(_MOST_TO_TRY, _MOST_CELLS // n_columns), _FEWEST_TO_TRY)
    order = order[:n_tried]
    known = data if len(order) == len(data.codes) else data.take(order)
    with few_threads():
        search, best = _search(known, max_leaves, watch)
        if known is data:
            return best.freeze(), search
        shape = search.best
        whole = _grow(data, shape.tree_leaves, shape.learning_rate, shape.max_leaves)
        return whole.freeze(), search


def _search(
    data: BoostingRows, max_leaves: int, watch: tuple[Codes, Score]
) -> tuple[BoostingSearch, TreeSum]:
    """Try sizes of trees in rising order, then the other rates at the best size."""
    trials: list[BoostingTrial] = []
    sums: dict[int, TreeSum] = {}  # of the best so far alone

    def best() -> int:
        return max(
            range(len(trials)), key=lambda i: (trials[i].score, trials[i].n_leaves, -i)
        )

    def attempt(size: int, rate: float) -> None:
        for trial, grown in _attempt(data, size, rate, max_leaves, watch):
            trials.append(trial)
            if best() == len(trials) - 1:
                sums.clear()
                sums[len(trials) - 1] = grown

    first, *others = LEARNING_RATES
    n_worse = 0
    for size in _sizes(max_leaves, len(data.outputs)):
        attempt(size, first)
        n_worse = 0 if trials[best()].tree_leaves == size else n_worse + 1
        if n_worse == _PATIENCE:
            break
    size = trials[best()].tree_leaves
    for rate in others:
        attempt(size, rate)
    return BoostingSearch(tuple(trials), best()), sums[best()]


def _sizes(max_leaves: int, n_outputs: int) -> list[int]:
    """Return the sizes of trees that are neither too many nor too few to matter."""
    sizes = [size for size in TREE_LEAVES if size <= max_leaves]
    few = [size for size in sizes if max_leaves <= size * _MOST_TREES] or sizes[-1:]
    enough = [size for size in few if size * n_outputs <= max_leaves]
    return enough or few[:1]


def _attempt(
    data: BoostingRows,
    size: int,
    rate: float,
    max_leaves: int,
    watch: tuple[Codes, Score],
) -> Iterator[tuple[BoostingTrial, TreeSum]]:
    """Grow trees of one size; yield all of them, then fewer and fewer."""
    held_out, score = watch
    grown = _grow(data, size, rate, max_leaves)
    before = None
    for share in SHARES:
        budget = max_leaves // share
        part = grown if share == 1 else grown.cut(budget)
        n_trees = len(part.trees)
        if budget < 2 or n_trees == before or (n_trees == 0 and share > 1):
            return
        before = n_trees
        found = float(score(part.freeze().predict_codes(held_out)))
        yield BoostingTrial(size, rate, budget, n_trees, part.n_leaves, found), part


def _grow(
    data: BoostingRows, tree_leaves: int, learning_rate: float, max_leaves: int
) -> TreeSum:
    """Grow trees as long as there are leaves for them."""
    rng = np.random.default_rng(data.seed)
    grown = TreeSum(data, [])
    margins, next_refit = grown.margins(), 4.0
    while (left := max_leaves - grown.n_leaves) >= 2:
        trees = _candidates(data, margins, min(tree_leaves, left), learning_rate, rng)
        if not trees:
            break
        for tree in trees[: max(1, len(trees) // _OUTPUTS_A_TREE)]:
            if grown.n_leaves + tree.draft.n_leaves > max_leaves:
                break
            grown.add(tree)
            margins[:, tree.output] += tree.value[tree.leaf]
        if grown.n_leaves >= next_refit:
            grown.refit()
            margins, next_refit = grown.margins(), 1.5 * grown.n_leaves
    grown.refit()
    return grown


def _candidates(
    data: BoostingRows,
    margins: Array,
    max_leaves: int,
    learning_rate: float,
    rng: np.random.Generator,
) -> list[GrownTree]:
    """Grow a tree for each output; the one that gains most a leaf comes first."""
    limits = Limits(max_leaves=max_leaves, min_samples_leaf=data.min_child_weight)
    slope, curvature = data.slopes(margins)
    drawn = np.ones(len(margins))
    if data.subsample < 1:
        drawn = (rng.random(len(margins)) < data.subsample).astype(np.float64)
    if not drawn.any():
        return []
    trees = []
    for output in data.outputs:
        own, weight = slope[:, output], curvature[:, output]
        # A weighted mean of these is Newton's step, and their fall his gain.
        draft = grow_draft(
            data.binned,
            (-own / weight)[:, None],
            weight * drawn,
            limits,
            seed=int(rng.integers(2**31)) if data.column_share < 1 else data.seed,
            feature_share=data.column_share,
        )
        if draft.n_leaves < 2:
            continue
        leaf = leaves_of(draft, data.binned)
        n_nodes = len(draft.feature)
        step = -np.bincount(leaf, own, n_nodes)
        size = np.bincount(leaf, weight, n_nodes) + PENALTY
        trees.append(
            GrownTree(
                draft,
                leaf.astype(np.uint8),
                output,
                learning_rate * step / size,
                float((step**2 / size).sum()) / draft.n_leaves,
            )
        )
    return sorted(trees, key=lambda tree: -tree.gain)
