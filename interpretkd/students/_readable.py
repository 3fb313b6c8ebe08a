"""Thresholds that people can read, set once, when a student is fitted.

Between two neighbouring values of the training rows every threshold fits them alike,
and the middle is as arbitrary as any. So the student itself decides by the number of
the fewest digits there: what is shown, saved and exported is what decides, and nothing
is left to be rounded.
"""

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.data import Codes
from interpretkd.models import (
    Forest,
    Tree,
    column_gaps,
    node_gaps,
    numeric_tests,
    shortest_thresholds,
)

THRESHOLDS = ("readable", "exact")

_TreeForm = TypeVar("_TreeForm", bound=Tree | Forest)


def readable_thresholds(form: _TreeForm, codes: Codes, kept: int = 0) -> _TreeForm:
    """Give a tree, or trees, short thresholds under which no training row moves.

    Parameters
    ----------
    form : Tree or Forest
        What was fitted; it stays as it is.
    codes : ndarray of shape (n_samples, n_features), float32
        The rows that it was fitted to, as `Schema.encode` returns them.
    kept : int, default=0
        In [0, n_nodes]: so many nodes, the first, stay as they are: those of trees that
        were fitted to other rows.

    Returns
    -------
    Tree or Forest
        The same tests at other thresholds; each of the rows reaches the same leaves.

    Notes
    -----
    A threshold of one tree may move between the values of the rows that reach it, where
    the middle was taken; one of many trees, whose tests come from a grid, between the
    values of its column. It stays in the middle half of the gap, well away from both
    values, but where a column of whole numbers has none there. Dates stay: they read
    well anyhow.
    """
    nodes = form.nodes
    asked = numeric_tests(nodes)
    asked = asked[asked >= kept]
    low, high, whole = column_gaps(nodes, asked, codes)
    if isinstance(form, Tree):
        low, high = node_gaps(nodes, codes)
    asked = asked[np.isfinite(low[asked]) & np.isfinite(high[asked])]
    room = _room(low[asked], high[asked], whole[asked])
    threshold = shortest_thresholds(nodes, asked, *room, whole[asked])
    return replace(form, nodes=replace(nodes, threshold=threshold))


def _room(low: Codes, high: Codes, whole: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return the middle half of each gap; all of it where whole numbers need it."""
    first, last = low.astype(np.float64), high.astype(np.float64)
    quarter = last / 4 - first / 4
    inner, outer = first + quarter, last - quarter
    all_of_it = whole & (np.ceil(inner) >= outer)
    return np.where(all_of_it, first, inner), np.where(all_of_it, last, outer)
