"""The rows of the benchmark "methods", a file for each slot."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench.method_rows import (  # type: ignore[import-not-found]
    targets,
    teachers,
    transfer,
    weights,
)

__all__ = ["ROWS"]


def _of(room: ModuleType) -> list[Any]:
    return [replace(row, file=Path(str(room.__file__))) for row in room.ROWS]


ROWS = tuple(
    sorted(
        (row for room in (targets, weights, transfer, teachers) for row in _of(room)),
        key=lambda row: row.key,
    )
)
"""By their numbers."""
