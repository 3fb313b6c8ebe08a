"""Small trees compared: ours, plain distillation, and the packages that do the same.

Each network is fitted to the rows of `train`; every tree is fitted to `train` and
`transfer` and judged on `test`: fidelity with the network, accuracy with the labels.
"naive" is scikit-learn's tree on the network's decisions, the one to beat; "labels",
"soft" and "logits" are its trees on the labels, the soft targets and the logits;
"streed" is the proven optimum over some binary tests. A " 5" behind a name stands for
``min_samples_leaf=5``.

    interpretkd bench trees [--data FOLDER] [--quick] [--out FOLDER]

The folder holds further sets, CSV files whose column "target" is the class. What has
been measured is kept in ``OUT/trees`` and not measured again: a run that was stopped
goes on where it was, and after a change of the library our trees alone are grown anew.
"""

import hashlib
import json
import math
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._comparison import (  # type: ignore[import-not-found]
    difference,
    markdown,
)
from interpretkd_bench._peers import (  # type: ignore[import-not-found]
    METHODS,
    Budget,
    Rows,
    TrainingSet,
    as_rows,
    missing,
)
from interpretkd_bench._state import (  # type: ignore[import-not-found]
    LIBRARY,
    source_digest,
)

from interpretkd._base import InputError, write_atomically
from interpretkd.data import Schema
from interpretkd.datasets import (
    load_breast_cancer,
    load_connect4,
    load_digits,
    load_german_credit,
    load_mnist,
)
from interpretkd.runs import DEMOS, Task, read_task, task_of, train_teacher
from interpretkd.students import CartStudent
from interpretkd.targets import decide

LEAVES = (4, 8, 16, 32, 64, 128)
DEPTHS = (2, 3, 4)
BUDGETS = (*(Budget(leaves=n) for n in LEAVES), *(Budget(depth=n) for n in DEPTHS))
SLOW = ("trustee",)
"""The methods that take minutes for a tree of MNIST, and are left out there."""


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


def main(
    path: Path,
    *,
    data: Path | None = None,
    quick: bool = False,
    console: Any,
    settings: Mapping[str, Setting] | None = None,
) -> None:
    """Run the benchmark, print its tables, write ``trees.json`` and ``trees.md``.

    Parameters
    ----------
    path : Path
        The folder to write to; what it already holds is not measured again.
    data : Path, default=None
        A folder of CSV files with a column "target".
    quick : bool, default=False
        Two small sets, one seed, two sizes: whether it all works.
    console : rich.console.Console
        Where to print.
    settings : mapping of str to Setting, default=None
        The sets and how each is run; None for those of `settings_for`.
    """
    settings = settings or settings_for(data, quick=quick)
    left_out = missing(METHODS)
    for name, reason in left_out.items():
        console.print(f"{name} is left out: {reason}", markup=False, highlight=False)
    (path / "trees").mkdir(parents=True, exist_ok=True)
    _warm_up()
    records: list[dict[str, Any]] = []
    for name, setting in settings.items():
        for seed in range(setting.seeds):
            unit = _Unit(name, setting, seed, path / "trees", tuple(left_out))
            for line in unit.run():
                console.print(line, markup=False, highlight=False)
            records += unit.records
        _write(path, records, left_out, quick=quick)
    text = _markdown(records, left_out, quick=quick)
    console.print(text, markup=False, highlight=False)


class _Unit:
    """One set and seed: a teacher and its trees, kept in a file of its own."""

    def __init__(
        self, name: str, setting: Setting, seed: int, folder: Path, left_out: Any
    ) -> None:
        self.name, self.setting, self.seed = name, setting, seed
        self.file = folder / f"{name}-{seed}.json"
        self.wanted = [
            (budget, method)
            for budget in setting.budgets
            for method in setting.methods
            if method not in left_out and METHODS[method].allows(budget)
        ]
        self.facts: dict[str, Any] = {}
        self.trees: dict[tuple[str, str], dict[str, Any]] = {}

    @property
    def records(self) -> list[dict[str, Any]]:
        """One a tree, in the order in which they were wanted, failures included."""
        about = {"data": self.name, "group": self.setting.group, "seed": self.seed}
        keys = [(str(budget), method) for budget, method in self.wanted]
        return [{**about, **self.facts, **self.trees[key]} for key in keys]

    def run(self) -> Iterator[str]:
        """Grow what is not known yet; say a line a size."""
        kept = self._kept()
        if all((str(b), m) in kept["trees"] for b, m in self.wanted):
            self.facts, self.trees = kept["facts"], kept["trees"]
            yield f"{self.name}, seed {self.seed}: known from {self.file.name}"
            return
        training, test, truth, self.facts = self._train()
        yield (
            f"{self.name}, seed {self.seed}: {len(training.truth):,} rows to fit to, "
            f"{len(truth):,} to judge; teacher {self.facts['teacher_accuracy']:.2%}, "
            f"{self.facts['teacher_seconds']:.0f} s"
        )
        if kept["facts"].get("teacher") == self.facts["teacher"]:
            self.trees = kept["trees"]
        decided = decide(training.teacher.logits(test.frame))
        for budget in self.setting.budgets:
            for method in [m for b, m in self.wanted if b == budget]:
                key = (str(budget), method)
                if key not in self.trees:
                    grown = _grow(training, test, truth, decided, budget, method, self)
                    self.trees[key] = grown
            self._save()
            yield self._line(str(budget))

    def _train(self) -> tuple[TrainingSet, Rows, Any, dict[str, Any]]:
        task = self.setting.load(self.seed)
        start = time.perf_counter()
        teacher = train_teacher(task, "mlp", seed=self.seed, **self.setting.network)
        seconds = time.perf_counter() - start
        schema = Schema.from_data(task.X)
        truth = np.searchsorted(teacher.classes_, task.y)
        fitted, judged = task.student_rows, task.split.test
        rows = as_rows(schema, task.X.iloc[fitted])
        training = TrainingSet(rows, truth[fitted], teacher, schema)
        test = training.read(task.X.iloc[judged])
        decided = decide(teacher.logits(test.frame))
        digest = hashlib.sha256(training.decided.tobytes() + decided.tobytes())
        facts = {
            "teacher": digest.hexdigest()[:16],
            "teacher_accuracy": float((decided == truth[judged]).mean()),
            "teacher_parameters": int(teacher.n_parameters),
            "teacher_seconds": seconds,
            "n_fitted": len(fitted),
            "n_test": len(judged),
            "n_classes": len(teacher.classes_),
        }
        return training, test, truth[judged], facts

    def _kept(self) -> dict[str, Any]:
        """Return what the file holds, less what another version has made."""
        nothing: dict[str, Any] = {"facts": {}, "trees": {}}
        if not self.file.is_file():
            return nothing
        record = json.loads(self.file.read_text())
        if record["network"] != _plain(self.setting.network):
            return nothing
        trees = {
            (tree["budget"], tree["method"]): tree
            for tree in record["trees"]
            if tree["method"] in METHODS
            and tree["version"] == _version_of(tree["method"])
        }
        return {"facts": record["facts"], "trees": trees}

    def _save(self) -> None:
        record = {
            "network": _plain(self.setting.network),
            "facts": self.facts,
            "trees": list(self.trees.values()),
        }
        write_atomically(self.file, json.dumps(record, indent=1).encode())

    def _line(self, budget: str) -> str:
        own = [tree for (b, _), tree in self.trees.items() if b == budget]
        parts = [
            f"{tree['method']} failed ({tree['failed']})"
            if "failed" in tree
            else f"{tree['method']} {100 * tree['fidelity']:.1f} "
            f"({tree['seconds']:.1f} s)"
            for tree in own
        ]
        return f"  {budget}: {', '.join(parts)}"


@dataclass(frozen=True)
class Result:
    """One tree.

    Parameters
    ----------
    budget, method : str
        What it was allowed and how it was grown.
    version : str
        Of what grew it.
    fidelity, accuracy : float
        On the test rows.
    train_fidelity : float
        On the rows it was fitted to.
    leaves, depth : int
        Its size.
    seconds : float
        To fit it.
    note : str
        What else there is to say.
    agrees : str
        For each test row whether it is decided as by the teacher; packed bits.
    """

    budget: str
    method: str
    version: str
    fidelity: float
    accuracy: float
    train_fidelity: float
    leaves: int
    depth: int
    seconds: float
    note: str
    agrees: str


def _grow(
    training: TrainingSet,
    test: Rows,
    truth: Any,
    decided: Any,
    budget: Budget,
    method: str,
    unit: _Unit,
) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        grown = METHODS[method].grow(training, budget, unit.seed)
    except Exception as error:
        if method == "ours":
            raise
        # What a peer cannot do is told, and the others go on.
        about = {"budget": str(budget), "method": method}
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return {**about, "version": _version_of(method), "failed": reason}
    seconds = time.perf_counter() - start
    chosen = grown.decide(test)
    agrees = chosen == decided
    result = Result(
        budget=str(budget),
        method=method,
        version=_version_of(method),
        fidelity=float(agrees.mean()),
        accuracy=float((chosen == truth).mean()),
        train_fidelity=float((grown.decide(training.rows) == training.decided).mean()),
        leaves=grown.leaves,
        depth=grown.depth,
        seconds=seconds,
        note=grown.note,
        agrees=np.packbits(agrees).tobytes().hex(),
    )
    return asdict(result)


def _warm_up() -> None:
    """Load compiled code, which no fit's seconds shall pay for."""
    X = np.random.default_rng(0).normal(size=(200, 3))
    classes = np.digitize(X[:, 0] * X[:, 1], [-0.3, 0.3])
    CartStudent(4).fit(X, np.eye(3)[classes])


def _version_of(method: str) -> str:
    if method == "ours":
        return f"{METHODS[method].version}, source {_SOURCE}"
    return str(METHODS[method].version)


_SOURCE = source_digest(LIBRARY)


def _plain(settings: Mapping[str, Any]) -> Any:
    """Return settings as they come back from JSON."""
    return json.loads(json.dumps(dict(settings)))


def _write(
    path: Path, records: list[dict[str, Any]], left_out: dict[str, str], *, quick: bool
) -> None:
    results, failed = _sorted_out(records)
    frame = pd.DataFrame(results)
    groups = {name: own for name, own in frame.groupby("group", sort=False) if name}
    record = {
        "quick": quick,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "left_out": left_out,
        "failed": failed,
        "ours_less_naive": {
            name: _gaps(own) for name, own in {**groups, "all sets": frame}.items()
        },
        "results": [
            {key: value for key, value in result.items() if key != "agrees"}
            for result in results
        ],
    }
    text = _markdown(records, left_out, quick=quick)
    write_atomically(path / "trees.json", json.dumps(record, indent=1).encode())
    write_atomically(path / "trees.md", text.encode())


def _sorted_out(
    records: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the trees there are and those that failed."""
    failed = [record for record in records if "failed" in record]
    return [record for record in records if "failed" not in record], failed


def _gaps(frame: pd.DataFrame) -> dict[str, Any]:
    gaps = {budget: difference(frame, budget) for budget in dict.fromkeys(frame.budget)}
    return {budget: _finite(asdict(gap)) for budget, gap in gaps.items() if gap}


def _finite(value: Any) -> Any:
    """Return JSON values with None for NaN, which JSON has not."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _markdown(
    records: list[dict[str, Any]], left_out: dict[str, str], *, quick: bool
) -> str:
    results, failed = _sorted_out(records)
    versions = dict.fromkeys(result["version"] for result in results)
    head = [f"Made with {'; '.join(versions)}."]
    head += [f"Left out: {name} ({reason})." for name, reason in left_out.items()]
    reasons: dict[tuple[str, str], list[str]] = {}
    for record in failed:
        key = (record["method"], record["data"])
        reasons.setdefault(key, []).append(record["failed"])
    for (method, data), found in reasons.items():
        trees = f"{len(found)} tree{'s' if len(found) > 1 else ''}"
        head += [f"{method} failed on {data} ({trees}): {found[0]}."]
    if quick:
        head += ["", "A trial run (`--quick`): these numbers mean little."]
    head += [
        "",
        "Points are of 100. After ± stands half the width of a 95 % t interval: over "
        "the sets' means in means over sets, over the seeds within a set. Wins / ties "
        "/ losses count sets by McNemar's exact test on the test rows of all seeds, "
        "at 5 %. Of scikit-learn's trees with `min_samples_leaf` 1 and 5 the better "
        "on these very test rows is compared with, which favours them: (5) marks 5.",
    ]
    return str(markdown(pd.DataFrame(results), head))
