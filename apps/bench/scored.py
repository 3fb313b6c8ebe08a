"""Trees whose tests add up points: fidelity by the columns that a test may add up.

On each set a network is fitted to the rows of `train`; trees are fitted to its
decisions on `train` and `transfer` and judged on `test`: fidelity with the network,
accuracy with the labels, items to read (each column of each test, each leaf), seconds
of this process. "axis" is `CartStudent` with as many leaves; "k" is the most columns of
a test of `ScoredTreeStudent`. Where there are fewer than 5,000 rows all is measured
again with further rows, drawn between neighbours and answered by the network.

    interpretkd bench scored [--quick] [--out FOLDER]

What has been measured is kept in ``OUT/scored`` and not measured again, as long as the
library is the same.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._state import (  # type: ignore[import-not-found]
    LIBRARY,
    source_digest,
)
from sklearn.frozen import FrozenEstimator

from interpretkd._base import write_atomically
from interpretkd.datasets import (
    load_connect4,
    load_digits,
    load_german_credit,
    load_mnist,
)
from interpretkd.distillation import DistilledClassifier
from interpretkd.methods import Mix
from interpretkd.models import items_of
from interpretkd.runs import DEMOS, Task, task_of, train_teacher
from interpretkd.students import CartStudent, ScoredTreeStudent
from interpretkd.targets import decide

LEAVES = (16, 32)
COLUMNS = (1, 2, 3, 5, 10, 20, 50)
GOALS = {("digits", 32, "k = 5"): 0.93, ("mnist", 32, "k = 5"): 0.84}
"""Fidelity, the better of with and without further rows."""
_FEW_ROWS = 5_000
_TIME_LIMIT = 600.0


@dataclass(frozen=True)
class Setting:
    """How one data set is run.

    Parameters
    ----------
    load : callable
        Of a seed; returns the task.
    seeds : int
        How many splits, networks and trees.
    network : mapping, default={}
        The teacher's parameters.
    leaves, columns : tuple of int
        What the trees may be.
    """

    load: Callable[[int], Task]
    seeds: int
    network: Mapping[str, Any] = field(default_factory=dict)
    leaves: tuple[int, ...] = LEAVES
    columns: tuple[int, ...] = COLUMNS


SETTINGS = {
    "digits": Setting(
        lambda seed: task_of(load_digits(), seed=seed), 3, DEMOS["digits"].settings
    ),
    "german_credit": Setting(
        lambda seed: task_of(load_german_credit(), seed=seed),
        3,
        DEMOS["german"].settings,
    ),
    "connect4": Setting(
        lambda seed: task_of(load_connect4(), seed=seed), 1, DEMOS["connect4"].settings
    ),
    "mnist": Setting(
        lambda seed: task_of(load_mnist(), seed=seed),
        1,
        {"hidden": (512, 256), "dropout": 0.2, "max_epochs": 15},
    ),
}
QUICK = {
    "digits": Setting(
        SETTINGS["digits"].load, 1, {"hidden": (32,), "max_epochs": 5}, (16,), (1, 3)
    )
}


def main(path: Path, *, quick: bool = False, console: Any) -> None:
    """Run the benchmark, print its table, write ``scored.json`` and ``scored.md``.

    Parameters
    ----------
    path : Path
        The folder to write to; what it already holds is not measured again.
    quick : bool, default=False
        One small set, few sizes, a short training: whether it all works.
    console : rich.console.Console
        Where to print.
    """
    (path / "scored").mkdir(parents=True, exist_ok=True)
    records: list[dict[str, Any]] = []
    for name, setting in (QUICK if quick else SETTINGS).items():
        for seed in range(setting.seeds):
            file = path / "scored" / f"{name}-{seed}.json"
            for record in _unit(name, setting, seed, file):
                records.append(record)
                console.print(str(record), markup=False, highlight=False)
    text = _markdown(pd.DataFrame(records), quick=quick)
    console.print(text, markup=False, highlight=False)
    write_atomically(path / "scored.json", json.dumps(records, indent=1).encode())
    write_atomically(path / "scored.md", text.encode())


def _unit(
    name: str, setting: Setting, seed: int, file: Path
) -> Iterator[dict[str, Any]]:
    """Yield the trees of one set and seed; those that the file holds are not grown."""
    kept = json.loads(file.read_text()) if file.is_file() else []
    kept = [record for record in kept if record["source"] == source_digest(LIBRARY)]
    known = {(r["leaves"], r["tree"], r["further rows"]): r for r in kept}
    task = setting.load(seed)
    students = {
        (leaves, tree): student
        for leaves in setting.leaves
        for tree, student in _students(leaves, setting.columns, seed).items()
    }
    further = (False, True) if len(task.student_rows) < _FEW_ROWS else (False,)
    wanted = [(*key, rows) for key in students for rows in further]
    teacher = None
    for key in wanted:
        if key not in known:
            if teacher is None:
                teacher = train_teacher(task, "mlp", seed=seed, **setting.network)
            about = {"data": name, "seed": seed, "source": source_digest(LIBRARY)}
            about |= {"leaves": key[0], "tree": key[1], "further rows": key[2]}
            measured = _measured(task, teacher, students[key[:2]], seed, further=key[2])
            known[key] = {**about, **measured}
            write_atomically(file, json.dumps(list(known.values()), indent=1).encode())
        yield known[key]


def _students(leaves: int, columns: tuple[int, ...], seed: int) -> dict[str, Any]:
    settings: dict[str, Any] = {"time_limit": _TIME_LIMIT, "random_state": seed}
    axis = {"axis": CartStudent(leaves, **settings)}
    scored = {
        f"k = {k}": ScoredTreeStudent(leaves, max_columns=k, **settings)
        for k in columns
    }
    return axis | scored


def _measured(
    task: Task, teacher: Any, student: Any, seed: int, *, further: bool
) -> dict[str, Any]:
    fitted, judged = task.X.iloc[task.student_rows], task.X.iloc[task.split.test]
    model = DistilledClassifier(
        FrozenEstimator(teacher),
        student,
        target="hard",
        transfer=Mix() if further else None,
        random_state=seed,
    )
    start = time.process_time()
    model.fit(fitted)
    seconds = time.process_time() - start
    chosen, decided = model.predict(judged), decide(teacher.logits(judged))
    truth = np.asarray(task.y)[task.split.test]
    form = model.student_.form_
    return {
        "fidelity": float((chosen == teacher.classes_[decided]).mean()),
        "accuracy": float((chosen == truth).mean()),
        "teacher accuracy": float((teacher.classes_[decided] == truth).mean()),
        "items": items_of(model, form),
        "found leaves": form.n_leaves,
        "CPU seconds": round(seconds, 1),
    }


def _markdown(records: pd.DataFrame, *, quick: bool) -> str:
    by = ["data", "leaves", "further rows", "tree"]
    figures = ["fidelity", "accuracy", "items", "found leaves", "CPU seconds"]
    means = records.groupby(by, sort=False)[figures].mean()
    lines = [
        "# Trees whose tests add up points",
        "",
        "Means over seeds, on test rows; fidelity and accuracy in percent. Items to "
        "read are the columns of all tests and the leaves."
        + (" A quick run: it only says that all works." if quick else ""),
        "",
        f"| {' | '.join([*by, *figures])} | seeds |",
        f"|{'---|' * (len(by) + len(figures) + 1)}",
    ]
    seeds = records.groupby(by, sort=False).size()
    for key, row in means.iterrows():
        told = [str(part) for part in key]
        told += [f"{100 * row[name]:.1f}" for name in figures[:2]]
        told += [f"{row[name]:.1f}" for name in figures[2:]]
        lines.append(f"| {' | '.join(told)} | {seeds[key]} |")
    for (data, leaves, tree), goal in GOALS.items():
        found = means.query("data == @data and leaves == @leaves and tree == @tree")
        if len(found):
            best = found["fidelity"].max()
            said = "reached" if best >= goal else "not reached"
            lines += [
                "",
                f"Goal for {data}, {leaves} leaves, {tree}: {goal:.0%} fidelity; "
                f"{best:.1%}, {said}.",
            ]
    return "\n".join(lines) + "\n"
