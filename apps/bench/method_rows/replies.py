"""Rows of replies: what is taught in the place of the teacher's answers."""

from typing import Any

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._method_data import TABLES  # type: ignore[import-not-found]
from interpretkd_bench._method_row import Row  # type: ignore[import-not-found]
from interpretkd_bench.method_rows._claims import (  # type: ignore[import-not-found]
    above,
    within,
)
from interpretkd_bench.method_rows._controls import (  # type: ignore[import-not-found]
    OfOtherRows,
    RandomClasses,
    RandomGraph,
)
from sklearn.base import clone

from interpretkd.distillation import DistilledClassifier
from interpretkd.methods import Conditional, KBest, Permuted, Smoothed, TopK

__all__ = ["ROWS"]


def _softly(frozen: Any, student: Any) -> DistilledClassifier:
    return DistilledClassifier(frozen, student, target="soft", transfer=None)


def _misled_a_little(case: Any) -> Any:
    return case.misled(0.1)


def _misled(case: Any) -> Any:
    return case.misled(0.2)


def _nearer_than_hard(trial: Any) -> float:
    """Return how much nearer to plain the method decides than hard targets do."""
    plain, case = trial.models["plain"], trial.case
    hard = clone(plain).set_params(target="hard").fit(case.X, case.y)
    own = trial.judged["plain"].logits.argmax(axis=1)
    said = [trial.judged["method"].logits, hard.logits(case.X_test)]
    equal = [float((one.argmax(axis=1) == own).mean()) for one in said]
    return 100 * (equal[0] - equal[1])


ROWS = (
    Row(
        number="16",
        name="Conditional",
        source="Meng, Li, Zhao & Gong 2019",
        data=("german_credit", "breast_cancer"),
        build=lambda f, s: DistilledClassifier(
            f, s, target="soft", replies=Conditional(), transfer=None
        ),
        control=lambda f, s: DistilledClassifier(
            f, s, target="soft", replies=OfOtherRows(Conditional()), transfer=None
        ),
        control_text="as many replies changed, of other rows",
        claim=above("plain", "accuracy"),
        claim_text="of a teacher trained with 10 % wrong labels, the student is more "
        "often right",
        neutral_text="a teacher without errors",
        plain=_softly,
        teachers=_misled_a_little,
        plain_teachers=_misled_a_little,
        judged_by="accuracy",
        of="own",
    ),
    Row(
        number="32",
        name="Smoothed",
        source="graph-based distillation; Zhou et al. 2003",
        data=("german_credit", TABLES),
        build=lambda f, s: DistilledClassifier(
            f, s, target="soft", replies=Smoothed(0.5), transfer=None
        ),
        control=lambda f, s: DistilledClassifier(
            f, s, target="soft", replies=RandomGraph(0.5), transfer=None
        ),
        control_text="answers moved towards those of rows drawn by lot",
        claim=above("plain", "accuracy"),
        claim_text="of a teacher trained with 20 % wrong labels, the student is more "
        "often right",
        neutral={"replies__beta": 0.0},
        plain=_softly,
        teachers=_misled,
        plain_teachers=_misled,
        judged_by="accuracy",
        of="own",
    ),
    Row(
        number="34",
        name="The three likeliest classes",
        source="Parthasarathi & Strom 2019",
        data=("digits", "mnist"),
        build=lambda f, s: DistilledClassifier(
            f, s, target="soft", replies=TopK(3), transfer=None
        ),
        control=lambda f, s: DistilledClassifier(
            f, s, target="soft", replies=RandomClasses(3), transfer=None
        ),
        control_text="the decided class and two by lot",
        claim=within(0.5, "plain"),
        claim_text="3 of 10 probabilities, 30 % of the bytes, cost less than half a "
        "point",
        neutral={"replies__k": 10},
        plain=_softly,
        students=("greedy tree", "linear"),
    ),
    Row(
        number="34b",
        name="The three best outputs",
        source="Munim, Inoue & Shinoda 2019",
        data=("digits",),
        build=lambda f, s: DistilledClassifier(
            f, s, target="soft", replies=KBest(3), transfer=None
        ),
        control=lambda f, s: DistilledClassifier(
            f, s, target="soft", replies=[RandomClasses(3), KBest(3)], transfer=None
        ),
        control_text="the decided class and two by lot",
        claim=within(0.5, "plain"),
        claim_text="whole outputs, each row up to three times, cost less than half a "
        "point",
        neutral_text="for one output the targets are hard ones",
        plain=_softly,
        students=("greedy tree",),
    ),
    Row(
        number="41",
        name="Permuted",
        source="Furlanello et al. 2018",
        data=("digits", "mnist"),
        build=lambda f, s: DistilledClassifier(
            f, s, target="soft", replies=Permuted(), transfer=None
        ),
        control=lambda f, s: DistilledClassifier(
            f, s, target="soft", replies=TopK(1), transfer=None
        ),
        control_text="the rest spread evenly",
        claim=_nearer_than_hard,
        claim_text="with the smaller probabilities in another order the student still "
        "decides more like plain than with hard targets",
        neutral_text="two classes, where it is refused",
        plain=_softly,
        students=("greedy tree", "linear"),
    ),
)
