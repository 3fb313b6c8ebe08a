"""Rows of views: what the student reads."""

from typing import Any

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._method_data import TABLES  # type: ignore[import-not-found]
from interpretkd_bench._method_row import Row  # type: ignore[import-not-found]
from interpretkd_bench.method_rows._claims import (  # type: ignore[import-not-found]
    above,
)
from interpretkd_bench.method_rows._controls import (  # type: ignore[import-not-found]
    HiddenOf,
    ShuffledReplies,
)

from interpretkd.distillation import DistilledClassifier
from interpretkd.methods import Columns, Corrupted, Hidden, Pooled, Prefix

__all__ = ["ROWS"]

_READABLE = (
    "status_of_existing_checking_account",
    "duration_in_month",
    "credit_history",
    "purpose",
    "credit_amount",
    "savings_account_and_bonds",
    "present_employment_since",
    "age_in_years",
)
"""Eight columns of German credit that a person at a counter knows."""


def _mixed_up(view: Any) -> Any:
    """Return the control of a view: every row has the reply of another one."""

    def build(frozen: Any, student: Any) -> DistilledClassifier:
        others = ShuffledReplies(("given",))
        settings = {"view": view(), "replies": others, "transfer": None}
        return DistilledClassifier(frozen, student, **settings)

    return build


def _seen(
    number: str,
    name: str,
    source: str,
    data: tuple[str, ...],
    view: Any,
    neutral: Any,
    **settings: Any,
) -> Any:
    """Return a row of a view whose claim is that the teacher beats the labels on it."""
    return Row(
        number=number,
        name=name,
        source=source,
        data=data,
        build=lambda f, s: DistilledClassifier(f, s, view=view(), transfer=None),
        control=_mixed_up(view),
        control_text="the same view with one another's replies",
        claim=above("baseline"),
        claim_text="the student agrees more with the teacher than the same view on the "
        "labels does; plain reads all",
        neutral=neutral,
        **settings,
    )


def _worse_rows(trial: Any) -> float:
    """Return how much more the method agrees than plain on corrupted test rows."""
    case, view = trial.case, trial.models["method"].view_
    rows = view.corrupt(case.X_test)
    method, plain = (
        float((trial.models[name].logits(rows).argmax(axis=1) == case.decided).mean())
        for name in ("method", "plain")
    )
    return 100 * (method - plain)


ROWS = (
    Row(
        number="10",
        name="Hidden layer",
        source="Mahbod et al. 2017",
        data=("connect4", TABLES),
        build=lambda f, s: DistilledClassifier(
            f[0], s, view=Hidden(layer=0), transfer=None
        ),
        control=lambda f, s: DistilledClassifier(
            f[0], s, view=HiddenOf(f[1], layer=0), transfer=None
        ),
        control_text="the layer of an untrained network of the same shape",
        claim=above("plain"),
        claim_text="a tree on the first layer beats one on the rows at equal leaves; the "
        "network up to there counts in its size, and nobody can read it",
        neutral_text="a layer that returns the rows: see tests/methods",
        teachers=lambda case: [case.network(0), case.untrained()],
        students=("greedy tree",),
    ),
    _seen(
        "11",
        "Eight columns",
        "Zhu et al. 2019; Gupta, Hoffman & Malik 2016",
        ("german_credit",),
        lambda: Columns(list(_READABLE)),
        lambda f, s: DistilledClassifier(
            f, s, view=Columns(list(range(20))), transfer=None
        ),
    ),
    _seen(
        "11b",
        "Pooled pixels",
        "Zhu et al. 2019",
        ("digits", "mnist"),
        lambda: Pooled(2),
        lambda f, s: DistilledClassifier(f, s, view=Pooled(1), transfer=None),
        students=("greedy tree", "linear"),
    ),
    _seen(
        "47",
        "Prefix of a quarter",
        "early prediction, S1 [14]",
        ("italy_power",),
        lambda: Prefix(0.25),
        {"view__share": 1.0},
    ),
    _seen(
        "47b",
        "Prefix of a half",
        "early prediction, S1 [14]",
        ("italy_power",),
        lambda: Prefix(0.5),
        {"view__share": 1.0},
    ),
    _seen(
        "47c",
        "Prefix of three quarters",
        "early prediction, S1 [14]",
        ("italy_power",),
        lambda: Prefix(0.75),
        {"view__share": 1.0},
    ),
    Row(
        number="47d",
        name="Noisy rows",
        source="Watanabe et al. 2017",
        data=("italy_power", TABLES),
        build=lambda f, s: DistilledClassifier(
            f, s, view=Corrupted(noise=0.5), transfer=None
        ),
        control=_mixed_up(lambda: Corrupted(noise=0.5)),
        control_text="the same view with one another's replies",
        claim=_worse_rows,
        claim_text="on rows with noise of half a deviation the student agrees more with "
        "what the teacher says of the clean ones than plain does",
        neutral={"view__noise": 0.0},
    ),
)
