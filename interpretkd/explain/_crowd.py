"""How far a changed row stands from all rows that there were."""

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from interpretkd._base import Array
from interpretkd.data import Codes, Schema, even_space

UNLIKELY = 0.01
"""Of the given rows: where fewer stand as alone as a changed row, it is like none."""

_MOST_ROWS = 1_000
"""Of many rows evenly spaced ones are looked at: what counts is how close they lie."""


@dataclass(frozen=True, eq=False)
class _Crowd:
    """Rows as points, and how far each of them stands from its nearest other row.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_rows, n_features), float32
        The rows.
    """

    schema: Schema
    codes: Codes

    @classmethod
    def around(cls, schema: Schema, known: Codes | None, row: Codes) -> "_Crowd | None":
        """Look at all rows but the one that is explained; None for too few."""
        if known is None:
            return None
        own = ((known == row) | (np.isnan(known) & np.isnan(row))).all(axis=1)
        others = known[~own]
        if len(others) < 2:
            return None
        some = np.linspace(0, len(others) - 1, min(len(others), _MOST_ROWS))
        return cls(schema, others[np.unique(some.astype(np.int64))])

    def plausibility(self, values: Array) -> Array:
        """Return the share of rows that stand at least as alone as each of these.

        Near 1 for a row like many others; 0 for one that is farther from all rows than
        any of them is from its nearest.
        """
        changed = values.astype(np.float32)
        points = even_space(self.schema, self.codes, np.vstack([self.codes, changed]))
        crowd, asked = points[: len(self.codes)], points[len(self.codes) :]
        nearest = NearestNeighbors(n_neighbors=2).fit(crowd)
        alone = np.sort(nearest.kneighbors(crowd)[0][:, 1])
        distance = nearest.kneighbors(asked, n_neighbors=1)[0][:, 0]
        slack = 1e-9 * (1 + distance)
        as_alone = len(alone) - np.searchsorted(alone, distance - slack)
        return np.asarray(as_alone / len(alone))
