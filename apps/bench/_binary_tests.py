"""The tests of columns that peers are given who read nothing but yes and no."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier

from interpretkd.data import Codes

__all__ = ["BinaryTests"]

CUTS_A_COLUMN = 20


@dataclass(frozen=True, eq=False)
class BinaryTests:
    """Binary columns: a column of the matrix and a threshold each.

    Parameters
    ----------
    column : ndarray of shape (n_tests,), int
        What is tested.
    threshold : ndarray of shape (n_tests,), float32
        It is passed by values up to this one.
    """

    column: NDArray[np.int64]
    threshold: NDArray[np.float32]

    def __call__(self, matrix: Codes) -> NDArray[np.intc]:
        """Return which rows pass which tests.

        Parameters
        ----------
        matrix : ndarray of shape (n_samples, n_columns)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_tests), int
            Of 0 and 1.
        """
        return (matrix[:, self.column] <= self.threshold).astype(np.intc)

    @classmethod
    def choose(
        cls, matrix: Codes, decided: NDArray[np.int64], most: int, seed: int
    ) -> Any:
        """Take quantiles, then what a forest leans on, as pystreed's binariser does.

        That one's forest is not seeded, and it looks at every quantile of every column
        at once: gigabytes for images.

        Parameters
        ----------
        matrix : ndarray of shape (n_samples, n_columns)
            Rows.
        decided : ndarray of shape (n_samples,), int
            Their classes.
        most : int
            The most tests.
        seed : int
            Of the forest.

        Returns
        -------
        BinaryTests
            At most that many.
        """
        forest = ExtraTreesClassifier(100, max_depth=8, random_state=seed)
        leading = np.argsort(forest.fit(matrix, decided).feature_importances_)[::-1]
        found: list[tuple[int, float]] = []
        for j in leading[:most]:
            distinct = np.unique(matrix[:, j])
            if len(distinct) <= CUTS_A_COLUMN + 1:
                cuts = (distinct[:-1] + distinct[1:]) / 2
            else:
                shares = np.linspace(0, 1, CUTS_A_COLUMN + 2)[1:-1]
                cuts = np.unique(np.quantile(matrix[:, j], shares))
            found += [(int(j), float(cut)) for cut in cuts]
        every = cls(
            np.asarray([j for j, _ in found], dtype=np.int64),
            np.asarray([cut for _, cut in found], dtype=np.float32),
        )
        if len(found) <= most:
            return every
        forest.fit(every(matrix), decided)
        kept = np.sort(np.argsort(forest.feature_importances_)[::-1][:most])
        return cls(every.column[kept], every.threshold[kept])
