"""Rows of teachers: who teaches."""

from typing import Any

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._method_data import TABLES  # type: ignore[import-not-found]
from interpretkd_bench._method_row import Row  # type: ignore[import-not-found]
from interpretkd_bench.method_rows._claims import (  # type: ignore[import-not-found]
    above,
    differs,
)

from interpretkd.distillation import DistilledClassifier
from interpretkd.methods import EachTeacher, RandomTeacher
from interpretkd.students import BoostedStudent
from interpretkd.targets import decide
from interpretkd.teachers import EnsembleTeacher

__all__ = ["ROWS"]


def _chain(n_rounds: int) -> Any:
    def build(frozen: Any, student: Any) -> DistilledClassifier:
        size = {"n_rounds": n_rounds, "max_depth": 4, "n_jobs": 1}
        assistant = DistilledClassifier(frozen, BoostedStudent(**size), transfer=None)
        return DistilledClassifier(assistant, student, transfer=None)

    return build


def _five(case: Any) -> Any:
    return case.networks(5)


def _five_as_one(case: Any) -> Any:
    return EnsembleTeacher(case.networks(5))


def _three_and_a_bad_one(case: Any) -> Any:
    return [*case.networks(3), case.mindless()]


def _above_each_member(trial: Any) -> float:
    """Return how much more accurate the ensemble is than its best member."""
    case = trial.case
    own = [network.estimator.logits(case.X_test) for network in case.networks(5)]
    best = max(float((decide(one) == case.truth).mean()) for one in own)
    return 100 * (float(trial.judged["method"].teacher_right.mean()) - best)


def _finds_the_bad_one(trial: Any) -> float:
    """Return what is left of a weight of 5 % for the member that knows nothing."""
    weights = trial.models["method"].teacher_.estimator.weights_
    return 100 * (0.05 - float(weights[-1]))


def _hard(teacher: Any, student: Any) -> DistilledClassifier:
    return DistilledClassifier(teacher, student, target="hard", transfer=None)


ROWS = (
    Row(
        number="12",
        name="Ensemble of five",
        source="Hinton, Vinyals & Dean 2015; You et al. 2017",
        data=("german_credit", "connect4", TABLES),
        build=lambda f, s: DistilledClassifier(EnsembleTeacher(f), s, transfer=None),
        control=lambda f, s: DistilledClassifier(f[1], s, transfer=None),
        control_text="another single network",
        claim=_above_each_member,
        claim_text="the ensemble is more often right than each of its members",
        neutral=lambda f, s: DistilledClassifier(
            EnsembleTeacher(f[:1]), s, transfer=None
        ),
        teachers=_five,
        of="own",
    ),
    Row(
        number="12b",
        name="Ensemble with weights by validation",
        source="Chebotar & Waters 2016",
        data=("german_credit", TABLES),
        build=lambda f, s: DistilledClassifier(
            EnsembleTeacher(f, weights="validation", random_state=0), s, transfer=None
        ),
        control=lambda f, s: DistilledClassifier(
            EnsembleTeacher(f, weights=[0.1, 0.2, 0.3, 0.4]), s, transfer=None
        ),
        control_text="weights that nothing was learnt for",
        claim=_finds_the_bad_one,
        claim_text="a network trained on the labels of other rows gets less than 5 % "
        "of the weight",
        neutral=lambda f, s: DistilledClassifier(
            EnsembleTeacher(f[:1], weights="validation"), s, transfer=None
        ),
        teachers=_three_and_a_bad_one,
        judged_by="accuracy",
        of="own",
    ),
    Row(
        number="13",
        name="Each teacher",
        source="Fukuda et al. 2017",
        data=("german_credit", "connect4"),
        build=lambda f, s: DistilledClassifier(
            EnsembleTeacher(f), s, target="hard", transfer=EachTeacher()
        ),
        control=None,
        control_text="",
        claim=differs,
        claim_text="with hard targets the student differs from that of the mean; under "
        "squared error it does not, and is refused",
        neutral_text="squared error, where it is refused",
        plain=_hard,
        teachers=_five,
        plain_teachers=_five_as_one,
        of="own",
    ),
    Row(
        number="13b",
        name="A teacher by lot",
        source="Fukuda et al. 2017",
        data=("german_credit", "connect4"),
        build=lambda f, s: DistilledClassifier(
            EnsembleTeacher(f), s, target="hard", transfer=RandomTeacher()
        ),
        control=None,
        control_text="",
        claim=differs,
        claim_text="the student differs from that of the mean",
        neutral_text="members that agree",
        plain=_hard,
        teachers=_five,
        plain_teachers=_five_as_one,
        of="own",
    ),
    Row(
        number="22",
        name="Chain",
        source="Mirzadeh et al. 2020",
        data=("connect4", TABLES),
        build=_chain(60),
        control=_chain(2),
        control_text="a chain through a booster of two rounds, which must hurt",
        claim=above("control"),
        claim_text="what the student learns by way of a good assistant is above what it "
        "learns by way of a bad one, told against the network",
    ),
)
