"""A view of each kind, for the tests of all that uses a fitted model."""

from typing import Any

import numpy as np
import pandas as pd

from interpretkd.methods import ColumnView, DerivedView, positions_of


class Some(ColumnView):
    """Some of the columns."""

    def __init__(self, columns: Any) -> None:
        self.columns = columns

    def read_columns(self, schema: Any) -> tuple[int, ...]:
        return positions_of("Some", "columns", self.columns, schema)

    def __str__(self) -> str:
        return f"The student reads {', '.join(map(str, self.columns))}"


class Blend(DerivedView):
    """As many made columns as there are given ones, each a turned mixture of all.

    As many, so that whoever takes the rows' own codes for the student's is not stopped
    by their number.
    """

    def __init__(self, held: int = 0) -> None:
        self.held = held

    def fit(self, rows: Any, context: Any) -> "Blend":
        codes = context.schema.encode(rows)
        self.names_ = [f"blend {j}" for j in range(codes.shape[1])]
        self.own_ = context.schema
        matrix = np.random.default_rng(0).normal(size=(codes.shape[1],) * 2)
        self.matrix_ = matrix / np.nanstd(codes, axis=0)[:, None].clip(1e-6)
        return self

    def columns(self, rows: Any) -> Any:
        codes = np.nan_to_num(self.own_.encode(rows)).astype(np.float64)
        return pd.DataFrame(codes @ self.matrix_, columns=self.names_)

    @property
    def n_parameters(self) -> int:
        return self.held

    @property
    def size_bytes(self) -> int:
        return 4 * self.held

    def __str__(self) -> str:
        return "The student reads mixtures of all columns"
