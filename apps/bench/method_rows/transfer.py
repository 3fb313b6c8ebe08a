"""Rows of transfer sets: more rows about which the teacher is asked."""

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._method_data import TABLES  # type: ignore[import-not-found]
from interpretkd_bench._method_row import (  # type: ignore[import-not-found]
    Row,
    taught_plainly,
)
from interpretkd_bench.method_rows._claims import (  # type: ignore[import-not-found]
    above,
)
from interpretkd_bench.method_rows._controls import (  # type: ignore[import-not-found]
    OfNearest,
    ShuffledReplies,
)

from interpretkd.distillation import DistilledClassifier
from interpretkd.methods import Images, Interleaved, Mix, Munge, Resample

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
        source="the default of this library: rows around the given ones, a pool",
        data=(TABLES,),
        build=lambda f, s: DistilledClassifier(f, s, transfer="auto"),
        control=lambda f, s: DistilledClassifier(
            f, s, replies=ShuffledReplies(("local",)), transfer="auto"
        ),
        control_text="the same rows with one another's replies",
        claim=above("control"),
        claim_text="what helps is what the teacher says of the drawn rows",
        neutral={"transfer": None},
        students=("tree", "large tree"),
    ),
    Row(
        number="28b",
        name="Mix",
        source="Chawla et al. 2002, without labels",
        data=(TABLES,),
        build=lambda f, s: DistilledClassifier(f, s, transfer=Mix(2.0)),
        control=lambda f, s: DistilledClassifier(
            f, s, transfer=Mix(2.0), replies=OfNearest(("mix",))
        ),
        control_text="the same rows with the reply of the nearest given row",
        claim=above("control"),
        claim_text="the teacher's own reply to a made row is worth more than that of "
        "the row that it was made of",
        neutral={"transfer__n_rows": 0},
        plain=taught_plainly,
        students=("large tree", "booster"),
    ),
    Row(
        number="28c",
        name="Resample",
        source="cells of neighbours",
        data=(TABLES,),
        build=lambda f, s: DistilledClassifier(f, s, transfer=Resample(2.0)),
        control=lambda f, s: DistilledClassifier(
            f, s, transfer=Resample(2.0), replies=OfNearest(("resample",))
        ),
        control_text="the same rows with the reply of the nearest given row",
        claim=above("control"),
        claim_text="the teacher's own reply to a made row is worth more than that of "
        "the row that it was made of",
        neutral={"transfer__n_rows": 0},
        plain=taught_plainly,
        students=("large tree", "booster"),
    ),
    Row(
        number="28d",
        name="Images",
        source="Simard, Steinkraus & Platt 2003",
        data=("digits", "mnist"),
        build=lambda f, s: DistilledClassifier(f, s, transfer=Images(1.0)),
        control=lambda f, s: DistilledClassifier(
            f, s, transfer=Images(1.0), replies=OfNearest(("images",))
        ),
        control_text="the same rows with the reply of the nearest given row",
        claim=above("control"),
        claim_text="the teacher's own reply to a made row is worth more than that of "
        "the row that it was made of",
        neutral={"transfer__n_rows": 0},
        plain=taught_plainly,
        students=("greedy tree", "linear"),
    ),
    Row(
        number="39",
        name="Munge",
        source="Bucila, Caruana & Niculescu-Mizil 2006",
        data=(TABLES,),
        build=lambda f, s: DistilledClassifier(f, s, transfer=Munge(2.0)),
        control=lambda f, s: DistilledClassifier(
            f, s, transfer=Munge(2.0), replies=OfNearest(("munge",))
        ),
        control_text="the same rows with the reply of the nearest given row",
        claim=above("control"),
        claim_text="the teacher's own reply to a made row is worth more than that of "
        "the row that it was made of",
        neutral={"transfer__share": 0.0},
        plain=taught_plainly,
        students=("large tree", "booster"),
    ),
    Row(
        number="26b",
        name="Scheduled learning",
        source="Parthasarathi & Strom 2019",
        data=("german_credit", TABLES),
        build=lambda f, s: DistilledClassifier(
            f, s, target="soft", scheme=Interleaved(4), transfer=None
        ),
        control=lambda f, s: DistilledClassifier(f, s, target="soft", transfer=None),
        control_text="the same rows, without the passes of labels",
        claim=above("control", "accuracy"),
        claim_text="every fourth pass on the labels makes the student more often "
        "right; plain has the labelled quarter of the rows alone",
        neutral={"scheme__every": None},
        plain=lambda f, s: DistilledClassifier(f, s, target="soft", transfer=None),
        students=("booster",),
        judged_by="accuracy",
        labelled=0.25,
        further=True,
    ),
)
