"""Where the boxes of a tree stand: no drawing, only numbers.

Subtrees are put as close together as they go, a parent in the middle above its
children, and equal subtrees look equal wherever they stand.
"""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray


def _place_tidily(
    left: Sequence[int], right: Sequence[int], breadth: Sequence[float], gap: float
) -> NDArray[np.float64]:
    """Return the middles of the nodes of a binary tree, placed beside each other.

    References
    ----------
    Reingold & Tilford (1981), "Tidier drawings of trees". Where two subtrees are
    joined, only the levels that both have are looked at, so that the time is linear in
    the number of nodes, as in Buchheim, Juenger & Leipert (2002).
    """
    shift = [0.0] * len(left)
    contours: dict[int, _Contour] = {}
    for node in reversed(range(len(left))):
        half = breadth[node] / 2
        if left[node] < 0:
            contours[node] = _Contour([-half], [half])
            continue
        first, second = contours.pop(left[node]), contours.pop(right[node])
        distance = first.distance(second) + gap
        shift[left[node]], shift[right[node]] = -distance / 2, distance / 2
        contours[node] = first.joined(second, distance, half)
    centre = np.asarray(shift)
    for node, child in enumerate(left):
        if child >= 0:
            centre[child] += centre[node]
            centre[right[node]] += centre[node]
    return centre - (centre - np.asarray(breadth, dtype=np.float64) / 2).min()


def _place_in_levels(
    depth: Sequence[int], length: Sequence[float], gap: float
) -> tuple[NDArray[np.float64], float]:
    """Return where each node begins, all of one depth in one level, and the length."""
    longest = np.zeros(max(depth) + 1)
    np.maximum.at(longest, np.asarray(depth), np.asarray(length, dtype=np.float64))
    starts = list(accumulate(longest[:-1] + gap, initial=0.0))
    return np.asarray(starts)[np.asarray(depth)], float(starts[-1] + longest[-1])


class _Contour:
    """How far a subtree reaches on each level, the root's level last.

    The numbers are in a frame of their own, in which the root lies at `origin`: so
    joining leaves the levels alone that only one of the subtrees has.
    """

    def __init__(self, low: list[float], high: list[float], origin: float = 0) -> None:
        self.low, self.high, self.origin = low, high, origin

    def distance(self, other: "_Contour") -> float:
        """Return how far apart the roots must be for the contours to touch."""
        shared = min(len(self.low), len(other.low))
        ends = zip(self.high[-shared:], other.low[-shared:], strict=True)
        overlap = max(high - low for high, low in ends)
        return overlap - self.origin + other.origin

    def joined(self, other: "_Contour", distance: float, half: float) -> "_Contour":
        """Put `other` at a distance behind, and a root above the two."""
        shared = min(len(self.low), len(other.low))
        move = self.origin + distance - other.origin
        if len(self.low) >= len(other.low):
            whole, part, side, sign = self, other.high, self.high, move
            origin = self.origin + distance / 2
        else:
            whole, part, side, sign = other, self.low, other.low, -move
            origin = other.origin - distance / 2
        side[-shared:] = [end + sign for end in part[-shared:]]
        whole.low.append(origin - half)
        whole.high.append(origin + half)
        whole.origin = origin
        return whole
