"""Which numbers a column was ever seen to hold."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError
from interpretkd.data._feature import Codes
from interpretkd.data._schema import Schema


@dataclass(frozen=True, eq=False)
class Ranges:
    """The ends of each column's numbers, and which columns hold whole ones only.

    Parameters
    ----------
    low, high : ndarray of shape (n_features,), float64
        The smallest and the largest code; NaN for categories and where none is known.
    whole : ndarray of shape (n_features,), bool
        Whether all known codes are whole numbers.

    Examples
    --------
    >>> rows = np.array([[18.0, 0.5], [75.0, 2.5]], dtype=np.float32)
    >>> seen = Ranges.of(Schema.from_data(rows), rows)
    >>> seen.low, seen.high, seen.whole
    (array([18. ,  0.5]), array([75. ,  2.5]), array([ True, False]))
    """

    low: Array
    high: Array
    whole: NDArray[np.bool_]

    @classmethod
    def of(cls, schema: Schema, codes: Codes) -> "Ranges":
        """Look at rows.

        Parameters
        ----------
        schema : Schema
            The columns.
        codes : ndarray of shape (n_samples, n_features), float32
            The rows, as `Schema.encode` returns them.

        Returns
        -------
        Ranges
            Theirs.
        """
        low, high = np.full((2, len(schema)), np.nan)
        whole = np.zeros(len(schema), dtype=bool)
        for j, feature in enumerate(schema.features):
            known = codes[~np.isnan(codes[:, j]), j]
            if feature.is_categorical or not len(known):
                continue
            low[j], high[j] = known.min(), known.max()
            whole[j] = bool((known == np.floor(known)).all())
        return cls(low, high, whole)

    def to_list(self) -> list[list[Any]]:
        """Return plain JSON values.

        Returns
        -------
        list
            For each column low, high (None for NaN) and whole.
        """
        ends = [
            [None if np.isnan(end) else float(end) for end in pair]
            for pair in zip(self.low, self.high, strict=True)
        ]
        pairs = zip(ends, self.whole.tolist(), strict=True)
        return [[*pair, whole] for pair, whole in pairs]

    @classmethod
    def from_list(cls, values: Any, n_features: int) -> "Ranges":
        """Read `to_list`'s values, checking each.

        Parameters
        ----------
        values : list
            What `to_list` returned, perhaps by way of a file.
        n_features : int
            How many columns there are.

        Returns
        -------
        Ranges
            The same.

        Raises
        ------
        InputError
            When it is anything else.
        """
        if not isinstance(values, list) or len(values) != n_features:
            raise InputError("the ranges must be one a column")
        for each in values:
            if not isinstance(each, list) or len(each) != 3 or not _is_range(*each):
                raise InputError(f"a column has no such range: {each!r}")
        ends = np.asarray([each[:2] for each in values], dtype=np.float64)
        ends = ends.reshape(n_features, 2)
        whole = np.asarray([each[2] for each in values], dtype=bool)
        return cls(ends[:, 0], ends[:, 1], whole)


def _is_range(low: Any, high: Any, whole: Any) -> bool:
    if not isinstance(whole, bool):
        return False
    if low is None and high is None:
        return True
    numbers = all(type(end) in (int, float) and np.isfinite(end) for end in (low, high))
    return numbers and low <= high
