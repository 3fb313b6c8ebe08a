"""Rows of weights: which rows count more."""

from typing import Any

import numpy as np

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._method_data import TABLES  # type: ignore[import-not-found]
from interpretkd_bench._method_row import (  # type: ignore[import-not-found]
    Row,
    Unchanged,
    taught_plainly,
)
from interpretkd_bench.method_rows._claims import (  # type: ignore[import-not-found]
    above,
    confident_half,
    on_rows,
    within,
)
from interpretkd_bench.method_rows._controls import (  # type: ignore[import-not-found]
    ShuffledWeights,
)
from numpy.typing import NDArray

from interpretkd.distillation import DistilledClassifier
from interpretkd.methods import Confidence, Error, Hardness, Masked

__all__ = ["ROWS"]


def _hollow(rows: Any) -> Any:
    """Tell images with an empty middle from others."""
    pixels = np.asarray(rows, dtype=np.float64)
    side = round(pixels.shape[1] ** 0.5)
    low, high = side // 2 - 1, side // 2 + 1
    middle = pixels.reshape(-1, side, side)[:, low:high, low:high].mean(axis=(1, 2))
    hollow: NDArray[np.bool_] = middle < 0.25 * pixels.max()
    return hollow


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
        plain=taught_plainly,
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
        claim_text='as 17, where the rows of transfer="auto" are taught, too',
        neutral={"weights__exponent": 0.0},
        plain=lambda f, s: DistilledClassifier(f, s, weights=Unchanged()),
    ),
    Row(
        number="17c",
        name="Error",
        source="Furlanello et al. 2018; Kim et al. 2019",
        data=("german_credit", TABLES),
        build=lambda f, s: DistilledClassifier(f, s, weights=Error(), transfer=None),
        control=lambda f, s: DistilledClassifier(
            f, s, weights=ShuffledWeights(Error()), transfer=None
        ),
        control_text="the same weights, shuffled over the rows",
        claim=above("plain", "accuracy"),
        claim_text="the student is more often right where rows count by the teacher's "
        "error",
        neutral={"weights__exponent": 0.0},
        plain=taught_plainly,
        judged_by="accuracy",
    ),
    Row(
        number="40",
        name="Masked",
        source="Wang, Yuan, Zhang & Feng 2019",
        data=("digits", "mnist"),
        build=lambda f, s: DistilledClassifier(
            f, s, weights=Masked(_hollow, outside=0.2), transfer=None
        ),
        control=lambda f, s: DistilledClassifier(
            f, s, weights=ShuffledWeights(Masked(_hollow, outside=0.2)), transfer=None
        ),
        control_text="as many rows in full, drawn by lot",
        claim=on_rows(lambda case: _hollow(case.X_test), "control"),
        claim_text="on images with an empty middle, which count in full, the student "
        "agrees more",
        neutral={"weights__outside": 1.0},
        plain=taught_plainly,
        students=("greedy tree",),
    ),
    Row(
        number="49",
        name="The easiest half of the rows",
        source="Jin et al. 2019; Yim et al. 2017",
        data=("connect4", TABLES),
        build=lambda f, s: DistilledClassifier(
            f, s, weights=Hardness(0.5), transfer=None
        ),
        control=lambda f, s: DistilledClassifier(
            f, s, weights=ShuffledWeights(Hardness(0.5)), transfer=None
        ),
        control_text="half of the rows, drawn by lot",
        claim=within(5.0, "plain"),
        claim_text="half of the rows, the easy ones, teach all but 5 points; the "
        "seconds stand in the costs",
        neutral={"weights__share": 1.0},
        plain=taught_plainly,
    ),
)
