"""What the benchmark "trees" measures - sets, sizes, methods - and a part of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._contest import Budget  # type: ignore[import-not-found]
from interpretkd_bench._peers import METHODS  # type: ignore[import-not-found]

from interpretkd._base import InputError
from interpretkd.datasets import (
    load_breast_cancer,
    load_connect4,
    load_digits,
    load_german_credit,
    load_mnist,
)
from interpretkd.runs import DEMOS, Task, read_task, task_of

__all__ = ["SETTINGS", "Setting", "restricted", "settings_for"]

LEAVES = (4, 8, 16, 32, 64, 128)
DEPTHS = (2, 3, 4)
BUDGETS = (*(Budget(leaves=n) for n in LEAVES), *(Budget(depth=n) for n in DEPTHS))
SLOW = ("trustee", "contree", "dpdt", "figs")
"""The methods that nothing keeps from taking very long for a tree of MNIST."""


@dataclass(frozen=True)
class Setting:
    """How one data set is run.

    Parameters
    ----------
    load : callable
        Of a seed; returns the task.
    seeds : int, default=5
        How many splits, networks and trees.
    budgets : sequence of Budget, default=BUDGETS
        The sizes of the trees.
    network : mapping, default={}
        The teacher's parameters.
    methods : sequence of str, default all
        The ways to a tree.
    group : str, default=""
        Sets of one group also get a mean of their own.
    """

    load: Callable[[int], Task]
    seeds: int = 5
    budgets: Sequence[Budget] = BUDGETS
    network: Mapping[str, Any] = field(default_factory=dict)
    methods: Sequence[str] = tuple(METHODS)
    group: str = ""

    @property
    def pairs(self) -> list[tuple[Budget, str]]:
        """The sizes with the methods that take them."""
        return [
            (budget, method)
            for budget in self.budgets
            for method in self.methods
            if METHODS[method].allows(budget)
        ]


SETTINGS = {
    "breast_cancer": Setting(lambda seed: task_of(load_breast_cancer(), seed=seed)),
    "digits": Setting(
        lambda seed: task_of(load_digits(), seed=seed),
        network=DEMOS["digits"].settings,
    ),
    "german_credit": Setting(
        lambda seed: task_of(load_german_credit(), seed=seed),
        network=DEMOS["german"].settings,
    ),
    "connect4": Setting(
        lambda seed: task_of(load_connect4(), seed=seed),
        seeds=1,
        network=DEMOS["connect4"].settings,
    ),
    "mnist": Setting(
        lambda seed: task_of(load_mnist(), seed=seed),
        seeds=1,
        budgets=(*BUDGETS, Budget(depth=8), Budget(depth=10)),
        network={"hidden": (512, 256), "dropout": 0.2, "max_epochs": 15},
        methods=tuple(name for name in METHODS if name not in SLOW),
    ),
}
"""Beside these, the sets of the folder that is given run as `Setting` has it."""
QUICK_BUDGETS = (Budget(leaves=4), Budget(depth=3))


def settings_for(data: Path | None = None, *, quick: bool = False) -> dict[str, Any]:
    """List the sets and how each is run.

    Parameters
    ----------
    data : Path, default=None
        A folder of CSV files.
    quick : bool, default=False
        Two small sets at most, one seed, two sizes, a short training.

    Returns
    -------
    dict of str to Setting
        The folder's sets first, by name.

    Raises
    ------
    InputError
        When the folder holds no CSV file.
    """

    def of_file(file: Path) -> Setting:
        return Setting(
            lambda seed: read_task(file, "target", task="classification", seed=seed),
            group=f"the sets of {file.parent.name}",
        )

    files = sorted(data.glob("*.csv")) if data is not None else []
    if data is not None and not files:
        raise InputError(f"The folder {str(data)!r} holds no .csv file.")
    names = [file.name if file.stem in SETTINGS else file.stem for file in files]
    every = {**dict(zip(names, map(of_file, files), strict=True)), **SETTINGS}
    if not quick:
        return every
    small = [*names[:1], "breast_cancer"]
    return {
        name: Setting(
            every[name].load,
            seeds=1,
            budgets=QUICK_BUDGETS,
            network={"hidden": (32,), "max_epochs": 5},
            group=every[name].group,
        )
        for name in small
    }


def restricted(
    settings: Mapping[str, Setting],
    *,
    sets: str | None = None,
    sizes: str | None = None,
    methods: str | None = None,
    seeds: int | None = None,
) -> dict[str, Setting]:
    """Return a part of what there is to measure.

    Parameters
    ----------
    settings : mapping of str to Setting
        The whole.
    sets, sizes, methods : str, default=None
        Names with commas between them; None for all.
    seeds : int, default=None
        The most seeds of a set; None for all.

    Returns
    -------
    dict of str to Setting
        In the order of the whole; a set of which nothing is left is left out.

    Raises
    ------
    InputError
        For a name that is not there, or when nothing is left.
    """
    budgets = [str(b) for own in settings.values() for b in own.budgets]
    ways = [name for own in settings.values() for name in own.methods]
    kept, kept_ways = (
        _chosen("data set", sets, settings),
        _chosen("method", methods, ways),
    )
    kept_sizes = _chosen("size", sizes, budgets)
    part = {
        name: replace(
            settings[name],
            seeds=min(settings[name].seeds, seeds or settings[name].seeds),
            budgets=[b for b in settings[name].budgets if str(b) in kept_sizes],
            methods=[way for way in settings[name].methods if way in kept_ways],
        )
        for name in kept
    }
    part = {name: own for name, own in part.items() if own.pairs}
    if not part:
        raise InputError("None of the methods takes any of the sizes on these sets.")
    return part


def _chosen(what: str, wanted: str | None, known: Iterable[str]) -> list[str]:
    """Return the names that are wanted, in the order in which they are known."""
    names = list(dict.fromkeys(known))
    if wanted is None:
        return names
    chosen = [name.strip() for name in wanted.split(",")]
    for name in chosen:
        if name not in names:
            raise InputError(
                f"There is no {what} {name!r}. There are: {', '.join(names)}."
            )
    return [name for name in names if name in chosen]
