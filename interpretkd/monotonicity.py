"""Whether a tree only rises, or only falls, with a column."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd.binning import N_BYTES, Binned
from interpretkd.drafts import Draft

__all__ = ["is_monotone"]


def is_monotone(
    draft: Draft,
    answers: NDArray[np.float64],
    monotone: NDArray[np.int8],
    binned: Binned,
) -> bool:
    """Say whether a tree keeps to its monotone constraints, everywhere.

    Two leaves matter to a column when some row could move from one to the other by a
    change of that column alone.

    Parameters
    ----------
    draft : Draft
        The tree.
    answers : ndarray of shape (n_nodes,), float64
        The leaves' answers.
    monotone : ndarray of shape (n_features,), int8
        1 where the answer must not fall as the number rises, -1 where it must not
        rise, 0 where it may do both.
    binned : Binned
        The bins.

    Returns
    -------
    bool
        Whether it does.
    """
    leaves = np.flatnonzero(draft.feature < 0)
    boxes = np.ones((len(draft.feature), len(monotone), N_BYTES), dtype=np.bool_)
    for node in np.flatnonzero(draft.feature >= 0):  # parents before children
        column = draft.feature[node]
        for child, side in ((draft.left, True), (draft.right, False)):
            boxes[child[node]] = boxes[node]
            boxes[child[node], column] &= draft.goes_left[node] == side
    return bool(_is_monotone(boxes[leaves], answers[leaves], monotone, binned.n_bins))


@njit(cache=True, nogil=True, error_model="numpy")
def _is_monotone(boxes, answers, monotone, n_bins):  # type: ignore[no-untyped-def]
    n_leaves = len(answers)
    for j in range(len(monotone)):
        if monotone[j] == 0:
            continue
        for a in range(n_leaves):
            for b in range(n_leaves):
                rises = monotone[j] * (answers[b] - answers[a])
                if rises >= -1e-12 or not _meet(boxes, a, b, j, n_bins):
                    continue
                lowest_a, highest_b = -1, -1
                for x in range(n_bins[j]):  # missing values have no order
                    if boxes[a, j, x] and lowest_a < 0:
                        lowest_a = x
                    if boxes[b, j, x]:
                        highest_b = x
                if 0 <= lowest_a < highest_b:
                    return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _meet(boxes, a, b, j, n_bins):  # type: ignore[no-untyped-def]
    """Say whether two leaves share a value of every column but j."""
    for f in range(boxes.shape[1]):
        if f == j:
            continue
        shared = False
        for x in range(n_bins[f] + 1):
            if boxes[a, f, x] and boxes[b, f, x]:
                shared = True
                break
        if not shared:
            return False
    return True
