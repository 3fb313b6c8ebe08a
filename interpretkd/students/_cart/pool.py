"""The trees that are worth trying where a teacher can tell them apart."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any

from sklearn.base import clone

from interpretkd.students._base import Contender, _seed
from interpretkd.targets import Target

DECISIONS, PROBABILITIES = "disagreement", "expected_disagreement"


@dataclass(frozen=True)
class Effort:
    """How much is done for a tree.

    Parameters
    ----------
    work : float
        The steps of a search, 1 for what its data asks for.
    n_trees : int
        The trees of a pool.
    of_each : str
        The effort for each of them.
    """

    work: float
    n_trees: int
    of_each: str


EFFORTS = {
    "quick": Effort(0.4, 2, "quick"),
    "normal": Effort(1.0, 5, "quick"),
    "thorough": Effort(2.5, 16, "normal"),
}


def _candidates(student: Any, target: Target, *, free: bool) -> tuple[Contender, ...]:
    """List trees for a target, each another way to the same end.

    First those that served best: to decisions and to probabilities, with further rows
    and without; then other draws and chances. `free` says whether they may be fitted
    to soft targets where the target is another. There are none where more than the
    teacher's decisions counts: what a mistake, or a test, costs.
    """
    costs = (student.class_cost, student.feature_cost)
    judged = student.objective in ("auto", DECISIONS, PROBABILITIES)
    if student.search != "auto" or not judged or any(c is not None for c in costs):
        return ()
    effort = EFFORTS[student.effort]
    return tuple(islice(_ways(student, target, effort, free), effort.n_trees))


def _ways(
    student: Any, target: Target, effort: Effort, free: bool
) -> Iterator[Contender]:
    seed, n_draws = _seed(student.random_state), max(2, effort.n_trees // 4)
    refined = {"search": "refined", "effort": effort.of_each}
    aims = _aims(student, target, free)
    for round_ in count():
        own = {"random_state": (seed + round_) % 2**31}
        for i, (name, objective, wanted) in enumerate(aims):
            given = refined | own | {"objective": objective}
            yield Contender(
                name, clone(student).set_params(**given), wanted, (round_ + i) % n_draws
            )
        name, objective, wanted = aims[0]
        alone = clone(student).set_params(**refined, **own, objective=objective)
        yield Contender(name, alone, wanted, None)
        if round_ == 0:
            greedy = clone(student).set_params(search="greedy", **own)
            yield Contender("greedily", greedy, target, 0)


def _aims(student: Any, target: Target, free: bool) -> list[tuple[str, str, Target]]:
    """Return what the trees may be fitted to: a name, an objective, a target each."""
    plain = (f"to {target}", student.objective, target)
    if target.task != "multiclass":
        return [plain]
    soft = replace(target, kind="soft", temperature=1.0) if free else target
    aims = [("to decisions", DECISIONS, target)]
    if soft.kind == "soft":
        aims.append(("to probabilities", PROBABILITIES, soft))
    asked = [aim for aim in aims if aim[1] == student.objective]
    return aims if student.objective == "auto" else asked or [plain]
