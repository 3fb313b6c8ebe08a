"""Rows of transfer sets: more rows about which the teacher is asked."""

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._method_data import TABLES  # type: ignore[import-not-found]
from interpretkd_bench._method_row import Row  # type: ignore[import-not-found]
from interpretkd_bench.method_rows._claims import (  # type: ignore[import-not-found]
    above,
)
from interpretkd_bench.method_rows._controls import (  # type: ignore[import-not-found]
    ShuffledReplies,
)

from interpretkd.distillation import DistilledClassifier

__all__ = ["ROWS"]

ROWS = (
    Row(
        number="26",
        name="Unlabelled rows",
        source="Hinton, Vinyals & Dean 2015; Parthasarathi & Strom 2019",
        data=("connect4", TABLES),
        build=lambda f, s: DistilledClassifier(f, s, transfer=None),
        control=lambda f, s: DistilledClassifier(
            f, s, replies=ShuffledReplies(("unlabelled",)), transfer=None
        ),
        control_text="the same rows with one another's replies",
        claim=above("plain"),
        claim_text="three times as many rows again, without labels, raise fidelity",
        neutral=lambda f, s: DistilledClassifier(f, s, transfer=None),
        students=("tree", "large tree", "booster"),
        labelled=0.25,
        further=True,
    ),
    Row(
        number="28",
        name="Rows drawn by default",
        source="the default of this library: neighbours' cells, and rows between them",
        data=(TABLES,),
        build=lambda f, s: DistilledClassifier(f, s, transfer="auto"),
        control=lambda f, s: DistilledClassifier(
            f, s, replies=ShuffledReplies(("drawn",)), transfer="auto"
        ),
        control_text="the same rows with one another's replies",
        claim=above("control"),
        claim_text="what helps is what the teacher says of the drawn rows",
        neutral={"transfer": None},
        students=("tree", "large tree"),
    ),
)
