"""From the sketch of a tree to its frozen form."""

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.data import Codes
from interpretkd.models import (
    ALL_NUMBERS,
    Nodes,
    Score,
    ScoredSchema,
    ScoredTree,
    floor_to_float32,
)
from interpretkd.students._cart.draft import _counts, _means
from interpretkd.students._scored.addends import Addends
from interpretkd.students._scored.sketch import Plain, Sketch, Test


def finish(
    sketch: Sketch, addends: Addends, codes: Codes, targets: Array, weight: Array
) -> ScoredTree:
    """Turn a sketch into a tree whose thresholds lie half-way between its rows.

    A sum of one column becomes a test of that column; of several, the first has points
    above 0. The nodes are given the means of the target columns.

    Parameters
    ----------
    sketch : Sketch
        The tests.
    addends : Addends
        What they add up.
    codes : ndarray of shape (n_samples, n_features), float32
        The rows that it was sought on.
    targets : ndarray of shape (n_samples, n_outputs), float64
        Their target columns.
    weight : ndarray of shape (n_samples,), float64
        How much each counts.

    Returns
    -------
    ScoredTree
        The tree; each of the rows takes the way that it had.
    """
    turned = [_turned(test, addends) for test in sketch.tests]
    found = [test for test, _ in turned]
    flip = np.asarray([is_flipped for _, is_flipped in turned])
    columns = sorted({test.column for test in found if isinstance(test, Plain)})
    scores = dict.fromkeys(test for test in found if isinstance(test, Score))
    schema = ScoredSchema(addends.schema, tuple(columns), tuple(scores))
    place = {tested: i for i, tested in enumerate([*columns, *scores])}
    seen, reached = schema.see(codes), sketch.reached()
    sides = sketch.sides ^ flip[:, None]
    n_nodes = len(found)
    feature = np.full(n_nodes, -1, dtype=np.int32)
    threshold = np.zeros(n_nodes, dtype=np.float32)
    missing_left = np.zeros(n_nodes, dtype=np.bool_)
    sets: list[bool] = []
    for node, test in enumerate(found):
        if test is None:
            continue
        left_set: tuple[bool, ...] = ()
        if isinstance(test, Plain):
            feature[node], left_set = place[test.column], test.left_set
            missing_left[node] = test.missing_left
        else:
            feature[node] = place[test]
        sets += left_set
        if not left_set:
            here = reached[node]
            threshold[node] = _middle(seen[here, feature[node]], sides[node, here])
    nodes = Nodes(
        schema,
        feature,
        threshold,
        missing_left,
        np.where(flip, sketch.right, sketch.left),
        np.where(flip, sketch.left, sketch.right),
        np.asarray(sets, dtype=np.bool_),
        np.zeros(1, dtype=np.int32),
    )
    leaf = nodes.apply(seen)
    cover, value = _means(nodes, leaf, targets, weight)
    return ScoredTree(nodes, value, cover, support=_counts(nodes, leaf))


def _turned(test: Test | None, addends: Addends) -> tuple[Plain | Score | None, bool]:
    """Return a test as it is told, and whether that sends the rows the other way.

    A sum of one column is a test of that column.
    """
    if test is None or test.points is None:
        return (None if test is None else test.plain), False
    points, which = test.points.points, test.points.which
    score = addends.score(which, points)
    first = score.terms[0]
    if first.points < 0:
        score = addends.score(which, [-p for p in points])
        first = score.terms[0]
        # The sum had the rows of the fewest points on the left.
        flipped = True
    else:
        flipped = False
    if len(score.terms) > 1:
        return score, flipped
    if not first.is_set:
        return Plain(first.column, missing_left=test.missing_left ^ flipped), flipped
    feature = addends.schema.features[first.column]
    if not feature.is_categorical:  # "is missing": the numbers are on the left
        return Plain(first.column), flipped
    inside = set(first.categories or ())
    left = tuple(i not in inside for i in range(len(feature.categories)))
    return Plain(first.column, not first.missing, left), flipped


def _middle(column: Codes, side: NDArray[np.bool_]) -> np.float32:
    """Return the threshold half-way between what goes left and what goes right.

    Without a number on one side only "is missing" is asked.
    """
    left, right = column[side], column[~side]
    left, right = left[~np.isnan(left)], right[~np.isnan(right)]
    if not len(right):
        return np.float32(ALL_NUMBERS)
    if not len(left):
        return np.float32(-ALL_NUMBERS)
    middle = float(left.max()) / 2 + float(right.min()) / 2
    return np.float32(floor_to_float32(np.asarray([middle]))[0])
