"""Rows of weights: which rows count more."""

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._method_data import TABLES  # type: ignore[import-not-found]
from interpretkd_bench._method_row import Row  # type: ignore[import-not-found]
from interpretkd_bench.method_rows._claims import (  # type: ignore[import-not-found]
    confident_half,
    on_rows,
)
from interpretkd_bench.method_rows._controls import (  # type: ignore[import-not-found]
    ShuffledWeights,
)

from interpretkd.distillation import DistilledClassifier
from interpretkd.methods import Confidence

__all__ = ["ROWS"]

ROWS = (
    Row(
        number="17",
        name="Confidence",
        source="Furlanello et al. 2018; Kim et al. 2019",
        data=("connect4", TABLES),
        build=lambda f, s: DistilledClassifier(
            f, s, weights=Confidence(), transfer=None
        ),
        control=lambda f, s: DistilledClassifier(
            f, s, weights=ShuffledWeights(Confidence()), transfer=None
        ),
        control_text="the same weights, shuffled over the rows",
        claim=on_rows(confident_half, "control"),
        claim_text="on the half of the rows of which the teacher is surer the student "
        "agrees more with it",
        neutral={"weights__exponent": 0.0},
        students=("tree", "booster"),
    ),
    Row(
        number="17b",
        name="Confidence beside drawn rows",
        source="Furlanello et al. 2018; Kim et al. 2019",
        data=(TABLES,),
        build=lambda f, s: DistilledClassifier(f, s, weights=Confidence()),
        control=lambda f, s: DistilledClassifier(
            f, s, weights=ShuffledWeights(Confidence())
        ),
        control_text="the same weights, shuffled over the rows",
        claim=on_rows(confident_half, "control"),
        claim_text="as 17, where the rows of transfer=\"auto\" are taught, too",
        neutral={"weights__exponent": 0.0},
        plain=lambda f, s: DistilledClassifier(f, s),
    ),
)
