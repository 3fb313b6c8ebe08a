"""Rows of targets and replies: what is taught in the place of the teacher's answers."""

from typing import Any

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._method_data import TABLES  # type: ignore[import-not-found]
from interpretkd_bench._method_row import Row  # type: ignore[import-not-found]
from interpretkd_bench.method_rows._claims import (  # type: ignore[import-not-found]
    above,
)

from interpretkd.distillation import DistilledClassifier

__all__ = ["ROWS"]


def _at(temperature: float) -> Any:
    def build(frozen: Any, student: Any) -> DistilledClassifier:
        soft = {"target": "soft", "temperature": temperature}
        return DistilledClassifier(frozen, student, **soft, transfer=None)

    return build


ROWS = (
    Row(
        number="1",
        name="Temperature",
        source="Hinton, Vinyals & Dean 2015",
        data=("connect4", TABLES),
        build=_at(2.0),
        control=_at(8.0),
        control_text="temperature 8",
        claim=above("control"),
        claim_text="a moderate temperature teaches better than a high one",
        neutral=lambda f, s: DistilledClassifier(
            f, s, target="soft", temperature=1.0, alpha=0.0, transfer=None
        ),
        plain=_at(1.0),
        students=("tree", "booster"),
    ),
    Row(
        number="1b",
        name="Labels beside the teacher",
        source="Hinton, Vinyals & Dean 2015; Urban et al. 2017",
        data=("german_credit", "connect4", TABLES),
        build=lambda f, s: DistilledClassifier(
            f, s, target="soft", alpha="auto", transfer=None
        ),
        control=lambda f, s: DistilledClassifier(
            f, s, target="soft", alpha=1.0, transfer=None
        ),
        control_text="the labels alone, alpha 1",
        claim=above("control"),
        claim_text="a share of the labels chosen by accuracy costs less fidelity than "
        "the labels alone",
        neutral={"alpha": 0.0},
        plain=lambda f, s: DistilledClassifier(f, s, target="soft", transfer=None),
        judged_by="accuracy",
    ),
)
