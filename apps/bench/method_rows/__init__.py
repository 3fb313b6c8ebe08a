"""The rows of the benchmark "methods", a file for each slot."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench.method_rows import (  # type: ignore[import-not-found]
    hints,
    replies,
    students,
    targets,
    teachers,
    transfer,
    views,
    weights,
)

__all__ = ["ROWS"]


def _of(room: ModuleType) -> list[Any]:
    return [replace(row, file=Path(str(room.__file__))) for row in room.ROWS]


_SLOTS = (transfer, replies, weights, hints, targets, views, teachers, students)

ROWS = tuple(
    sorted((row for slot in _SLOTS for row in _of(slot)), key=lambda row: row.key)
)
"""By their numbers."""
