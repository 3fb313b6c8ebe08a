"""Sums of trees split into pure effects: of one feature, of two, and the rest.

Every leaf is a number times a product of tests, one a feature: "is the value in this
set?". Under independent features such a product splits exactly, factor by factor, into
its mean and its deviation from it, whatever the depth of the tree; what the leaves say
of one feature, or of a pair, is then added up over all trees.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd._base import Array, Whole
from interpretkd.data import Codes, Schema
from interpretkd.models import ALL_NUMBERS, Forest, Nodes


@dataclass(frozen=True, eq=False)
class _Cells:
    """The values of each feature that the tests of trees do not tell apart.

    Parameters
    ----------
    schema : Schema
        The columns.
    cuts : tuple of ndarray of float32
        Of each number the thresholds, rising: the cells are the intervals between them,
        each with its upper end. Of a categorical feature nothing: each category is a
        cell. One more cell, the last, is for missing values.
    """

    schema: Schema
    cuts: tuple[NDArray[np.float32], ...]

    @classmethod
    def of(cls, nodes: Nodes) -> "_Cells":
        """Return the cells of the tests of trees."""
        cuts = []
        for position, feature in enumerate(nodes.schema.features):
            asked = nodes.threshold[nodes.feature == position]
            tells = (asked < ALL_NUMBERS) & (not feature.is_categorical)
            cuts.append(np.unique(asked[tells]))
        return cls(nodes.schema, tuple(cuts))

    @cached_property
    def sizes(self) -> Whole:
        """The number of cells of each feature without that of missing values."""
        features = zip(self.schema.features, self.cuts, strict=True)
        return np.asarray([len(f.categories) or len(cuts) + 1 for f, cuts in features])

    def places(self, codes: Codes) -> NDArray[np.int32]:
        """Find the cell of each value of encoded rows."""
        places = np.empty(codes.shape, dtype=np.int32)
        for i, (feature, cuts) in enumerate(
            zip(self.schema.features, self.cuts, strict=True)
        ):
            column = codes[:, i]
            gap = np.isnan(column)
            inside = np.searchsorted(cuts, column, side="left")
            if feature.is_categorical:
                inside = np.where(gap, 0, column).astype(np.int64)
            places[:, i] = np.where(gap, self.sizes[i], inside)
        return places


@dataclass(frozen=True, eq=False)
class _Leaves:
    """The leaves of all trees as products of sets of cells, one a feature asked for.

    Parameters
    ----------
    node : ndarray of shape (n_leaves,), int64
        Each leaf's node.
    tree : ndarray of shape (n_leaves,), int64
        Whose leaf it is.
    first : ndarray of shape (n_leaves + 1,), int64
        Where the factors of each leaf start.
    feature : ndarray of shape (n_factors,), int64
        The feature that a factor is about; rising within a leaf.
    missing : ndarray of shape (n_factors,), bool
        Whether missing values are in the set.
    share : ndarray of shape (n_factors,), float64
        In [0, 1]: the share of the rows whose value is in the set.
    first_run : ndarray of shape (n_factors + 1,), int64
        Where the runs of cells of each factor start.
    low, high : ndarray of shape (n_runs,), int64
        The cells from `low` to before `high` are in the set.
    """

    node: Whole
    tree: Whole
    first: Whole
    feature: Whole
    missing: NDArray[np.bool_]
    share: Array
    first_run: Whole
    low: Whole
    high: Whole

    def runs(self, factor: int) -> list[tuple[int, int]]:
        """Return the cells of a set."""
        own = slice(self.first_run[factor], self.first_run[factor + 1])
        return list(zip(self.low[own].tolist(), self.high[own].tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class _Decomposition:
    """The parts of a forest's margins.

    Parameters
    ----------
    cells : Cells
        What the effects are tables over.
    shares : tuple of ndarray of shape (n_cells + 1,), float64
        For each feature the share of the rows in each cell, the missing last.
    intercept : ndarray of shape (n_outputs,), float64
        The mean of the margins, were the features independent.
    mains : dict of int to ndarray of shape (n_cells + 1, n_outputs)
        By position of the feature what it adds by itself, with a mean of 0 over the
        rows.
    leaves : Leaves
        What they were added up from.
    forest : Forest
        The trees.
    """

    cells: _Cells
    shares: tuple[Array, ...]
    intercept: Array
    mains: dict[int, Array]
    leaves: _Leaves
    forest: Forest

    def pairs(self) -> Iterator[tuple[int, int, Array]]:
        """Add up what two features add together, beyond each by itself."""
        leaves, forest = self.leaves, self.forest
        output = forest.column[leaves.tree].astype(np.int64)
        value = forest.value[leaves.node].astype(np.float64)
        one, two, weight, owner = _pair_items(leaves.first, leaves.share, value)
        n_features = len(self.cells.sizes)
        key = leaves.feature[one] * n_features + leaves.feature[two]
        order = np.argsort(key, kind="stable")
        known, start = np.unique(key[order], return_index=True)
        if not len(known):
            return
        runs = (leaves.first_run, leaves.low, leaves.high, leaves.missing)
        for pair, items in zip(known, np.split(order, start[1:]), strict=True):
            i, j = divmod(int(pair), n_features)
            n, m = int(self.cells.sizes[i]), int(self.cells.sizes[j])
            table = np.zeros((n + 2, m + 2, forest.n_outputs))
            given = (one[items], two[items], weight[items], output[owner[items]])
            _add_pairs(*given, *runs, n, m, table)
            table = table.cumsum(axis=0).cumsum(axis=1)[:-1, :-1]
            yield i, j, _centred_both(table, self.shares[i], self.shares[j])


def _decompose(forest: Forest, codes: Codes) -> _Decomposition:
    """Split the margins of trees into pure effects.

    Notes
    -----
    The measure is that of independent features, each distributed as in the rows: of the
    effects, which then are those of Hoeffding and Sobol', each has a mean of 0 along
    each of its features, so that nothing of a main effect hides in a pair. For trees
    that ask for two features at most, the main effect is Friedman's partial dependence,
    less its mean, and intercept, mains and pairs add up to the margins exactly.
    The time is that of the leaves times the square of their depth, and for the pairs
    the cells of each.

    References
    ----------
    Hoeffding (1948), "A class of statistics with asymptotically normal distribution";
    Hutter, Hoos & Leyton-Brown (2014), "An efficient approach for assessing
    hyperparameter importance", which does so for one tree; Lengerich, Tan, Chang,
    Hooker & Caruana (2020), "Purifying interaction effects with the functional ANOVA";
    Friedman (2001), "Greedy function approximation".
    """
    cells = _Cells.of(forest.nodes)
    places = cells.places(codes)
    shares = tuple(
        np.bincount(places[:, i], minlength=size + 1) / max(len(codes), 1)
        for i, size in enumerate(cells.sizes.tolist())
    )
    leaves = _leaves(forest.nodes, cells, shares)
    width = cells.sizes + 2  # of the cells, missing, and the end of a run there
    start = np.cumsum(width) - width
    table = np.zeros((int(width.sum()), forest.n_outputs))
    intercept = forest.base.copy()
    _add_mains(
        leaves.first,
        leaves.feature,
        leaves.share,
        leaves.first_run,
        leaves.low,
        leaves.high,
        leaves.missing,
        forest.value[leaves.node].astype(np.float64),
        forest.column[leaves.tree].astype(np.int64),
        start,
        cells.sizes,
        table,
        intercept,
    )
    mains = {}
    for i in np.unique(leaves.feature).tolist():
        raw = table[start[i] : start[i] + width[i]].cumsum(axis=0)[:-1]
        mains[i] = raw - shares[i] @ raw
    return _Decomposition(cells, shares, intercept, mains, leaves, forest)


def _centred_both(table: Array, first: Array, second: Array) -> Array:
    rows = np.einsum("ijk,j->ik", table, second)
    columns = np.einsum("ijk,i->jk", table, first)
    return table - rows[:, None] - columns[None] + first @ rows


def _leaves(nodes: Nodes, cells: _Cells, shares: tuple[Array, ...]) -> _Leaves:
    inner = np.flatnonzero(~nodes.is_leaf)
    parent = np.full(len(nodes.feature), -1, dtype=np.int64)
    parent[nodes.left[inner]] = parent[nodes.right[inner]] = inner
    tree = np.full(len(nodes.feature), -1, dtype=np.int64)
    tree[nodes.roots] = np.arange(len(nodes.roots))
    n_left = np.zeros(len(nodes.feature), dtype=np.int64)
    for position, cuts in enumerate(cells.cuts):
        own = np.flatnonzero(nodes.feature == position)
        place = np.searchsorted(cuts, nodes.threshold[own], side="left") + 1
        n_left[own] = np.minimum(place, len(cuts) + 1)
    for node in inner.tolist():  # parents come before their children
        tree[[nodes.left[node], nodes.right[node]]] = tree[node]
    leaf = np.flatnonzero(nodes.is_leaf)
    most = np.asarray(
        [(len(f.categories) + 1) // 2 or 1 for f in nodes.schema.features]
    )
    above, bound = _bounds(leaf, parent, nodes.feature, most)
    width = cells.sizes + 1
    first = np.zeros(len(leaf) + 1, dtype=np.int64)
    feature = np.zeros(above, dtype=np.int64)
    missing = np.zeros(above, dtype=np.bool_)
    share = np.zeros(above)
    first_run = np.zeros(above + 1, dtype=np.int64)
    low, high = np.zeros((2, bound), dtype=np.int64)
    n_factors, n_runs = _fill_leaves(
        leaf,
        parent,
        nodes.feature,
        nodes.left,
        n_left,
        nodes.category_start,
        nodes.left_categories,
        nodes.missing_left,
        cells.sizes,
        np.concatenate(shares),
        np.cumsum(width) - width,
        first,
        feature,
        missing,
        share,
        first_run,
        low,
        high,
    )
    return _Leaves(
        leaf,
        tree[leaf],
        first,
        feature[:n_factors],
        missing[:n_factors],
        share[:n_factors],
        first_run[: n_factors + 1],
        low[:n_runs],
        high[:n_runs],
    )


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True)
def _bounds(leaves, parent, feature, most):  # type: ignore[no-untyped-def]
    n_above, n_runs = 0, 0
    for leaf in leaves:
        node = parent[leaf]
        while node >= 0:
            n_above += 1
            n_runs += most[feature[node]]
            node = parent[node]
    return n_above, n_runs


@njit(cache=True, nogil=True)
def _fill_leaves(  # type: ignore[no-untyped-def]
    leaves,
    parent,
    tested,
    left,
    n_left,
    category_start,
    in_left,
    missing_left,
    sizes,
    shares,
    first_share,
    first,
    feature,
    missing,
    share,
    first_run,
    low,
    high,
):
    n_factors, n_runs = 0, 0
    inside = np.empty(sizes.max(), dtype=np.bool_)
    for i in range(len(leaves)):
        begin = n_factors
        node = leaves[i]
        while parent[node] >= 0:  # each feature that is asked above, once, in order
            node = parent[node]
            place = n_factors
            while place > begin and feature[place - 1] > tested[node]:
                place -= 1
            if place > begin and feature[place - 1] == tested[node]:
                continue
            for k in range(n_factors, place, -1):
                feature[k] = feature[k - 1]
            feature[place] = tested[node]
            n_factors += 1
        for factor in range(begin, n_factors):
            own = feature[factor]
            size = sizes[own]
            inside[:size] = True
            gap = True
            below = leaves[i]
            while parent[below] >= 0:
                node = parent[below]
                if tested[node] == own:
                    goes_left = left[node] == below
                    gap = gap and missing_left[node] == goes_left
                    for cell in range(size):
                        if category_start[node] >= 0:
                            to_left = in_left[category_start[node] + cell]
                        else:
                            to_left = cell < n_left[node]
                        if to_left != goes_left:
                            inside[cell] = False
                below = node
            total = shares[first_share[own] + size] if gap else 0.0
            for cell in range(size):
                if not inside[cell]:
                    continue
                total += shares[first_share[own] + cell]
                if cell == 0 or not inside[cell - 1]:
                    low[n_runs] = cell
                if cell == size - 1 or not inside[cell + 1]:
                    high[n_runs] = cell + 1
                    n_runs += 1
            missing[factor] = gap
            share[factor] = total
            first_run[factor + 1] = n_runs
        first[i + 1] = n_factors
    return n_factors, n_runs


@njit(cache=True, nogil=True)
def _add_mains(  # type: ignore[no-untyped-def]
    first,
    feature,
    share,
    first_run,
    low,
    high,
    missing,
    value,
    output,
    start,
    sizes,
    table,
    intercept,
):
    for leaf in range(len(value)):
        whole = value[leaf]
        for factor in range(first[leaf], first[leaf + 1]):
            whole *= share[factor]
            weight = value[leaf]
            for other in range(first[leaf], first[leaf + 1]):
                if other != factor:
                    weight *= share[other]
            at = start[feature[factor]]
            for run in range(first_run[factor], first_run[factor + 1]):
                table[at + low[run], output[leaf]] += weight
                table[at + high[run], output[leaf]] -= weight
            if missing[factor]:
                end = at + sizes[feature[factor]]
                table[end, output[leaf]] += weight
                table[end + 1, output[leaf]] -= weight
        intercept[output[leaf]] += whole


@njit(cache=True, nogil=True)
def _pair_items(first, share, value):  # type: ignore[no-untyped-def]
    total = 0
    for leaf in range(len(value)):
        n = first[leaf + 1] - first[leaf]
        total += n * (n - 1) // 2
    one = np.empty(total, dtype=np.int64)
    two = np.empty(total, dtype=np.int64)
    owner = np.empty(total, dtype=np.int64)
    weight = np.empty(total)
    item = 0
    for leaf in range(len(value)):
        for a in range(first[leaf], first[leaf + 1]):
            for b in range(a + 1, first[leaf + 1]):
                amount = value[leaf]
                for other in range(first[leaf], first[leaf + 1]):
                    if other not in (a, b):
                        amount *= share[other]
                one[item], two[item] = a, b
                owner[item], weight[item] = leaf, amount
                item += 1
    return one, two, weight, owner


@njit(cache=True, nogil=True)
def _ends(factor, first_run, low, high, missing, size, at, sign):  # type: ignore[no-untyped-def]
    """Write where a set begins (+1) and ends (-1); return how many such places."""
    n = 0
    for run in range(first_run[factor], first_run[factor + 1]):
        at[n], sign[n] = low[run], 1.0
        at[n + 1], sign[n + 1] = high[run], -1.0
        n += 2
    if missing[factor]:
        at[n], sign[n] = size, 1.0
        at[n + 1], sign[n + 1] = size + 1, -1.0
        n += 2
    return n


@njit(cache=True, nogil=True)
def _add_pairs(  # type: ignore[no-untyped-def]
    one, two, weight, output, first_run, low, high, missing, n, m, table
):
    at_i, sign_i = np.empty(n + 4, dtype=np.int64), np.empty(n + 4)
    at_j, sign_j = np.empty(m + 4, dtype=np.int64), np.empty(m + 4)
    for item in range(len(weight)):
        n_i = _ends(one[item], first_run, low, high, missing, n, at_i, sign_i)
        n_j = _ends(two[item], first_run, low, high, missing, m, at_j, sign_j)
        for i in range(n_i):
            for j in range(n_j):
                amount = weight[item] * sign_i[i] * sign_j[j]
                table[at_i[i], at_j[j], output[item]] += amount
