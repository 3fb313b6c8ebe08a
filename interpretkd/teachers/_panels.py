"""The distribution that is nearest to what several teachers say of parts of it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array

_CLOSE, _MOST_STEPS = 1e-10, 5_000


def _agreed_shares(
    general: Array,
    own: Sequence[NDArray[np.int64]],
    shares: Sequence[Array],
    asked: NDArray[np.bool_],
) -> Array:
    """Minimise KL(p_g || q) + sum KL(p_m || q over S_m and the rest), row by row.

    Each p_m is a row of the probabilities of S_m, then of the rest. Rows that ask the
    same specialists are done together. `general` is above 0.
    """
    agreed = np.empty_like(general)
    patterns, place = np.unique(asked, axis=0, return_inverse=True)
    for i, pattern in enumerate(patterns):
        rows = np.flatnonzero(place.ravel() == i)
        who = np.flatnonzero(pattern).tolist()
        said = [(own[m], shares[m][rows]) for m in who]
        if len(who) == 1:
            agreed[rows] = _with_one(general[rows], *said[0])
        else:
            agreed[rows] = _with_several(general[rows], said)
    return agreed


def _with_one(general: Array, own: NDArray[np.int64], said: Array) -> Array:
    """Return the closed form: means in S_m; the rest keeps its proportions."""
    rest = np.delete(general, own, axis=1).sum(axis=1)
    rest = np.maximum(rest, np.finfo(float).tiny)
    agreed = general * ((rest + said[:, -1]) / rest / 2)[:, None]
    agreed[:, own] = (general[:, own] + said[:, :-1]) / 2
    return agreed / agreed.sum(axis=1, keepdims=True)


def _with_several(
    general: Array, said: Sequence[tuple[NDArray[np.int64], Array]]
) -> Array:
    """Let each rest be spread as q is, then q be the mean of all, until both agree.

    This is expectation and maximisation for counts of which some are known by groups:
    the sum of divergences is convex, and falls with every step.
    """
    agreed, open_rows = general.copy(), np.arange(len(general))
    for _ in range(_MOST_STEPS):
        q, total = agreed[open_rows], general[open_rows].copy()
        for own, shares in said:
            share = shares[open_rows]
            rest = q.copy()
            rest[:, own] = 0
            mass = np.maximum(rest.sum(axis=1), np.finfo(float).tiny)
            total += rest * (share[:, -1] / mass)[:, None]
            total[:, own] += share[:, :-1]
        agreed[open_rows] = new = total / total.sum(axis=1, keepdims=True)
        open_rows = open_rows[np.abs(new - q).max(axis=1) > _CLOSE]
        if not len(open_rows):
            break
    return agreed
