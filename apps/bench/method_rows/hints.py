"""Rows of hints: what a hidden layer says shapes the student's tests."""

from typing import Any

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._method_data import TABLES  # type: ignore[import-not-found]
from interpretkd_bench._method_row import (  # type: ignore[import-not-found]
    Row,
    taught_plainly,
)
from interpretkd_bench.method_rows._claims import (  # type: ignore[import-not-found]
    hints_told,
)
from interpretkd_bench.method_rows._controls import (  # type: ignore[import-not-found]
    RandomHints,
)

from interpretkd.distillation import DistilledClassifier
from interpretkd.methods import Features

__all__ = ["ROWS"]

_CLAIM = (
    "the leaves know more of the teacher's first layer (R2 on test rows) than those of "
    "a tree with columns drawn by lot"
)


def _random(frozen: Any, student: Any) -> DistilledClassifier:
    teacher = frozen[0] if isinstance(frozen, list) else frozen
    hints = RandomHints(8, share=1.0)
    return DistilledClassifier(teacher, student, hints=hints, transfer=None)


_COMMON: dict[str, Any] = {
    "control": _random,
    "control_text": "8 columns drawn by lot, of equal variance",
    "claim": hints_told,
    "claim_text": _CLAIM,
    "neutral": {"hints__share": 0.0},
    "plain": taught_plainly,
    "students": ("greedy tree",),
}

ROWS = (
    Row(
        number="5",
        name="Features of a layer",
        source="Romero et al. 2015; He et al. 2019",
        data=("digits", TABLES),
        build=lambda f, s: DistilledClassifier(
            f, s, hints=Features(layer=0, n=8, share=1.0), transfer=None
        ),
        **{**_COMMON, "students": ("greedy tree", "large tree")},
    ),
    Row(
        number="45",
        name="Features of another teacher",
        source="multi-teacher distillation, as told by Gou et al. 2021",
        data=("digits",),
        build=lambda f, s: DistilledClassifier(
            f[0], s, hints=Features(layer=0, share=1.0, teacher=f[1]), transfer=None
        ),
        teachers=lambda case: case.networks(2),
        **_COMMON,
    ),
    Row(
        number="46",
        name="Features of several layers",
        source="Sun et al. 2019",
        data=("digits", TABLES),
        build=lambda f, s: DistilledClassifier(
            f, s, hints=Features(layer=[0, 1], share=1.0), transfer=None
        ),
        **_COMMON,
    ),
)
