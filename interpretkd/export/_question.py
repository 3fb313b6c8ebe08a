"""Rows as an export is asked about them: cells, codes, and which are refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd.data import Codes, Rows, Schema, as_frame, value_name

PlainColumns: TypeAlias = dict[str, list[Any]]
"""For each column the values of all rows as plain Python objects; None is missing."""


@dataclass(frozen=True, eq=False)
class Question:
    """Rows as an export is asked about them.

    Parameters
    ----------
    schema : Schema
        The columns.
    rows : DataFrame or ndarray of shape (n_samples, n_features)
        The rows.
    codes : ndarray of shape (n_samples, n_features), float32
        The same as codes: -1 for a category that was not seen in training, infinity
        for a number that float32 does not hold.
    refused : ndarray of shape (n_samples,), bool
        Which of them the student refuses.
    """

    schema: Schema
    rows: Rows
    codes: Codes
    refused: NDArray[np.bool_]

    @classmethod
    def of(cls, schema: Schema, X: Rows) -> "Question":
        """Ask about rows that the student takes.

        Parameters
        ----------
        schema : Schema
            The columns.
        X : array-like or frame of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        Question
            The rows.
        """
        frame = as_frame(X)
        rows = np.asarray(X) if frame is None else frame
        codes = schema.encode(rows)
        return cls(schema, rows, codes, np.zeros(len(codes), dtype=bool))

    def __len__(self) -> int:
        return len(self.codes)

    def part(self, chosen: NDArray[np.bool_]) -> "Question":
        """Ask about some of the rows.

        Parameters
        ----------
        chosen : ndarray of shape (n_samples,), bool
            Which of them.

        Returns
        -------
        Question
            These rows.
        """
        rows, codes = self.rows[chosen], self.codes[chosen]
        return Question(self.schema, rows, codes, self.refused[chosen])

    def cells(self, positions: Sequence[int]) -> PlainColumns:
        """Return the cells of some features as plain Python values.

        Parameters
        ----------
        positions : sequence of int
            The features.

        Returns
        -------
        dict of str to list
            One entry a feature, by its name; None is missing.
        """
        frame = as_frame(self.rows)
        if frame is None:
            frame = self.schema.frame_of_array(self.rows)
        place = {value_name(name): i for i, name in enumerate(frame.columns)}
        found: PlainColumns = {}
        for position in positions:
            feature = self.schema.features[position]
            column = frame.iloc[:, place[feature.name]]
            codes = self.codes[:, position]
            values = _plain_cells(feature, column, codes)
            gaps = np.isnan(codes)
            found[feature.name] = [
                None if missing else value
                for missing, value in zip(gaps, values, strict=True)
            ]
        return found


def _plain_cells(feature: Any, column: "pd.Series[Any]", codes: Codes) -> list[Any]:
    if feature.is_categorical:
        given = column.astype(object).tolist()
        known = np.nan_to_num(codes).astype(np.int64)
        return [
            cell if code < 0 else feature.categories[code]
            for code, cell in zip(known, given, strict=True)
        ]
    if feature.kind == "date":
        return list(pd.to_datetime(column).dt.to_pydatetime())
    numbers: list[Any] = pd.to_numeric(column.astype(object)).astype(float).tolist()
    return numbers
