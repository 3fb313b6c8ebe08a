"""Rows of students: several in the place of one."""

from typing import Any

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._method_data import TABLES  # type: ignore[import-not-found]
from interpretkd_bench._method_row import Row  # type: ignore[import-not-found]
from interpretkd_bench.method_rows._claims import (  # type: ignore[import-not-found]
    above,
)
from sklearn.base import clone

from interpretkd.distillation import DistilledClassifier
from interpretkd.students import CommitteeStudent

__all__ = ["ROWS"]

_ALONE = "one member, which is fitted as it would be alone: see tests/students"


def _quarter(student: Any) -> Any:
    return clone(student).set_params(max_leaves=student.max_leaves // 4)


ROWS = (
    Row(
        number="42",
        name="Committee of four small trees",
        source="Abbasi et al. 2020; Alkhulaifi et al. 2020",
        data=("connect4", TABLES),
        build=lambda f, s: DistilledClassifier(
            f, CommitteeStudent(_quarter(s), 4), transfer=None
        ),
        control=lambda f, s: DistilledClassifier(f, _quarter(s), transfer=None),
        control_text="members on the same rows, that is one of the small trees",
        claim=above("control"),
        claim_text="four trees of 4 leaves on a quarter of the rows each are more than "
        "one of them on all rows; plain is one tree of 16 leaves",
        neutral_text=_ALONE,
    ),
    Row(
        number="42b",
        name="Committee over the columns",
        source="Abbasi et al. 2020; Alkhulaifi et al. 2020",
        data=(TABLES,),
        build=lambda f, s: DistilledClassifier(
            f, CommitteeStudent(_quarter(s), 4, over="columns"), transfer=None
        ),
        control=lambda f, s: DistilledClassifier(f, _quarter(s), transfer=None),
        control_text="one of the small trees on all columns",
        claim=above("control"),
        claim_text="four trees of 4 leaves that read a quarter of the columns each are "
        "more than one of them that reads all",
        neutral_text=_ALONE,
    ),
)
