"""Rows of teachers: who teaches."""

from typing import Any

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._method_data import TABLES  # type: ignore[import-not-found]
from interpretkd_bench._method_row import Row  # type: ignore[import-not-found]
from interpretkd_bench.method_rows._claims import (  # type: ignore[import-not-found]
    above,
)

from interpretkd.distillation import DistilledClassifier
from interpretkd.students import BoostedStudent

__all__ = ["ROWS"]


def _chain(n_rounds: int) -> Any:
    def build(frozen: Any, student: Any) -> DistilledClassifier:
        size = {"n_rounds": n_rounds, "max_depth": 4, "n_jobs": 1}
        assistant = DistilledClassifier(frozen, BoostedStudent(**size), transfer=None)
        return DistilledClassifier(assistant, student, transfer=None)

    return build


ROWS = (
    Row(
        number="22",
        name="Chain",
        source="Mirzadeh et al. 2020",
        data=("connect4", TABLES),
        build=_chain(60),
        control=_chain(2),
        control_text="a chain through a booster of two rounds, which must hurt",
        claim=above("control"),
        claim_text="what the student learns by way of a good assistant is above what it "
        "learns by way of a bad one, told against the network",
    ),
)
