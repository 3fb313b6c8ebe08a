"""Small trees compared: ours, plain distillation, and the packages that do the same.

Each network is fitted to the rows of `train`; every tree is fitted to `train` and
`transfer` and judged on `test`: fidelity with the network, accuracy with the labels,
and the items to read, which are the tests in the tree. Seconds are those of the fit.

=============== =====================================================================
naive           scikit-learn's tree on the network's decisions, the one to beat
labels          the same on the labels
soft, logits    its regression trees on the soft targets and the logits
trustee, mimic  trustee and MimicExplainer, which ask the network themselves
streed          pystreed: the optimum over some binary tests
contree         pycontree: the optimum over all thresholds, by depth
licketysplit    LicketySPLIT: near the optimum over some binary tests, by depth
lgdt            pytrees-rs: greedy, looking ahead two levels, by depth
dpdt            DPDT: the best of the tests that greedy trees suggest, by depth
figs            imodels: a sum of trees that have as many tests together, by leaves
shrunk          imodels: scikit-learn's tree with hierarchical shrinkage
ours            `DistilledClassifier` with `CartStudent`, its defaults, with labels
ours on labels  its baseline: the same student fitted to the labels alone
=============== =====================================================================

A " 5" behind a name stands for ``min_samples_leaf=5``. Ours and its baseline come of
one fit, whose seconds stand at both. A package that is not installed is left out, as is
what a package refuses, and the report says so. DPDT is not on PyPI.

    interpretkd bench trees [--data FOLDER] [--sets A,B] [--sizes "8 leaves,depth 3"]
                            [--methods ours,naive] [--seeds N] [--quick] [--out FOLDER]

The folder holds further sets, CSV files whose column "target" is the class. What has
been measured is kept in ``OUT/trees`` and not measured again: a run that was stopped
goes on where it was, one of some sets, sizes, methods or seeds is a part of the whole,
and after a change of the library our trees alone are grown anew.
"""

import hashlib
import json
import math
import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._comparison import (  # type: ignore[import-not-found]
    difference,
)
from interpretkd_bench._contest import (  # type: ignore[import-not-found]
    Budget,
    Rows,
    TrainingSet,
    as_rows,
    missing,
    quiet,
)
from interpretkd_bench._peers import METHODS  # type: ignore[import-not-found]
from interpretkd_bench._state import (  # type: ignore[import-not-found]
    LIBRARY,
    source_digest,
    state_of,
)
from interpretkd_bench._tree_settings import (  # type: ignore[import-not-found]
    Setting,
    restricted,
    settings_for,
)
from interpretkd_bench._tree_tables import markdown  # type: ignore[import-not-found]

from interpretkd._base import InputError, write_atomically
from interpretkd.data import Schema
from interpretkd.runs import train_teacher
from interpretkd.students import CartStudent
from interpretkd.targets import decide

_FILES = (
    "_binary_tests.py",
    "_contest.py",
    "_peers.py",
    "_tree_settings.py",
    "trees.py",
)
"""What the figures depend on beside the library."""


def main(
    path: Path,
    *,
    data: Path | None = None,
    quick: bool = False,
    sets: str | None = None,
    sizes: str | None = None,
    methods: str | None = None,
    seeds: int | None = None,
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
    sets, sizes, methods : str, default=None
        The names of those that are wanted, with commas between them; None for all.
    seeds : int, default=None
        The most seeds of a set; None for all.
    console : rich.console.Console
        Where to print.
    settings : mapping of str to Setting, default=None
        The sets and how each is run; None for those of `settings_for`.

    Raises
    ------
    InputError
        As `settings_for` and `restricted`; where no method can be used.
    """
    part = {"sets": sets, "sizes": sizes, "methods": methods, "seeds": seeds}
    whole = settings or settings_for(data, quick=quick)
    settings = restricted(whole, **part)
    wanted = {name for own in settings.values() for name in own.methods}
    left_out = missing({name: METHODS[name] for name in METHODS if name in wanted})
    if wanted == set(left_out):
        raise InputError(
            f"No method can be used here: {next(iter(left_out.values()))}."
        )
    about = _Run(left_out, _command(data, quick, part), quick)
    for name, reason in left_out.items():
        console.print(f"{name} is left out: {reason}", markup=False, highlight=False)
    folder = path / ("trees-quick" if quick else "trees")
    folder.mkdir(parents=True, exist_ok=True)
    _warm_up()
    records: list[dict[str, Any]] = []
    for name, setting in settings.items():
        for seed in range(setting.seeds):
            unit = _Unit(name, setting, seed, folder, tuple(left_out))
            for line in unit.run():
                console.print(line, markup=False, highlight=False)
            records += unit.records
        _write(path, records, about)
    text = _markdown(records, about)
    console.print(text, markup=False, highlight=False)


@dataclass(frozen=True)
class _Run:
    """What is to be said of a run beside what it found."""

    left_out: Mapping[str, str]
    command: str
    quick: bool


def _command(data: Path | None, quick: bool, part: Mapping[str, Any]) -> str:
    """Return what was typed, less where it was typed."""
    words = ["interpretkd bench trees"]
    words += [f"--data {data.name}"] if data is not None else []
    words += [f"--{name} {_quoted(value)}" for name, value in part.items() if value]
    return " ".join([*words, "--quick"] if quick else words)


def _quoted(value: Any) -> str:
    return f'"{value}"' if " " in str(value) else str(value)


class _Unit:
    """One set and seed: a teacher and its trees, kept in a file of its own."""

    def __init__(
        self, name: str, setting: Setting, seed: int, folder: Path, left_out: Any
    ) -> None:
        self.name, self.setting, self.seed = name, setting, seed
        self.file = folder / f"{name}-{seed}.json"
        self.wanted = [pair for pair in setting.pairs if pair[1] not in left_out]
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
            and ("failed" in tree or tree.keys() == _MEASURED)
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
    leaves, depth, items : int
        Its size, and the conditions that a person reads.
    seconds, cpu_seconds : float
        To fit it, on the clock and of all cores.
    note : str
        What else there is to say.
    agrees, right : str
        For each test row whether it is decided as by the teacher, and as the label
        says; packed bits.
    """

    budget: str
    method: str
    version: str
    fidelity: float
    accuracy: float
    train_fidelity: float
    leaves: int
    depth: int
    items: int
    seconds: float
    cpu_seconds: float
    note: str
    agrees: str
    right: str


_MEASURED = {one.name for one in fields(Result)}
_BITS = ("agrees", "right")


def _grow(
    training: TrainingSet,
    test: Rows,
    truth: Any,
    decided: Any,
    budget: Budget,
    method: str,
    unit: _Unit,
) -> dict[str, Any]:
    way = METHODS[method]
    with nullcontext() if way.is_ours else quiet():
        try:
            start = time.perf_counter(), time.process_time()
            grown = way.grow(training, budget, unit.seed)
            spent = time.perf_counter() - start[0], time.process_time() - start[1]
            chosen, learnt = grown.decide(test), grown.decide(training.rows)
        except Exception as error:
            if way.is_ours:
                raise
            # What a peer cannot do is told, and the others go on.
            about = {"budget": str(budget), "method": method}
            reason = (str(error).splitlines() or [""])[0]
            said = f"{type(error).__name__}: {reason}"
            return {**about, "version": _version_of(method), "failed": said}
    seconds, cpu_seconds = grown.cost or spent
    agrees, right = chosen == decided, chosen == truth
    result = Result(
        budget=str(budget),
        method=method,
        version=_version_of(method),
        fidelity=float(agrees.mean()),
        accuracy=float(right.mean()),
        train_fidelity=float((learnt == training.decided).mean()),
        leaves=grown.leaves,
        depth=grown.depth,
        items=grown.items,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        note=grown.note,
        agrees=_packed(agrees),
        right=_packed(right),
    )
    return asdict(result)


def _packed(rows: Any) -> str:
    return np.packbits(rows).tobytes().hex()


def _warm_up() -> None:
    """Load compiled code, which no fit's seconds shall pay for."""
    X = np.random.default_rng(0).normal(size=(200, 3))
    classes = np.digitize(X[:, 0] * X[:, 1], [-0.3, 0.3])
    CartStudent(4).fit(X, np.eye(3)[classes])


def _version_of(method: str) -> str:
    known = str(METHODS[method].version)
    return f"{known}, source {_SOURCE}" if METHODS[method].is_ours else known


_SOURCE = source_digest(LIBRARY)


def _plain(settings: Mapping[str, Any]) -> Any:
    """Return settings as they come back from JSON."""
    return json.loads(json.dumps(dict(settings)))


def _write(path: Path, records: list[dict[str, Any]], about: _Run) -> None:
    results, failed = _sorted_out(records)
    frame = _frame(results)
    groups = {name: own for name, own in frame.groupby("group", sort=False) if name}
    record = {
        "quick": about.quick,
        "command": about.command,
        "state": _state(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "left_out": about.left_out,
        "failed": failed,
        "ours_less_naive": {
            name: _gaps(own) for name, own in {**groups, "all sets": frame}.items()
        },
        "results": [
            {key: value for key, value in result.items() if key not in _BITS}
            for result in results
        ],
    }
    text = _markdown(records, about)
    write_atomically(path / "trees.json", json.dumps(record, indent=1).encode())
    write_atomically(path / "trees.md", text.encode())


def _state() -> dict[str, Any]:
    state: dict[str, Any] = state_of(*(Path(__file__).parent / name for name in _FILES))
    return state


def _sorted_out(
    records: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the trees there are and those that failed."""
    failed = [record for record in records if "failed" in record]
    return [record for record in records if "failed" not in record], failed


def _gaps(frame: pd.DataFrame) -> dict[str, Any]:
    gaps = {budget: difference(frame, budget) for budget in dict.fromkeys(frame.budget)}
    return {
        budget: _finite({**asdict(gap), "verdict": gap.verdict})
        for budget, gap in gaps.items()
        if gap
    }


def _finite(value: Any) -> Any:
    """Return JSON values with None for NaN, which JSON has not."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _markdown(records: list[dict[str, Any]], about: _Run) -> str:
    results, failed = _sorted_out(records)
    versions = dict.fromkeys(result["version"] for result in results)
    state = _state()
    head = [
        f"`{about.command}`, at commit {state['commit']}, library {state['library']}, "
        f"benchmark {state['files']}; Python {platform.python_version()}, "
        f"{os.cpu_count()} cores.",
        "",
        f"Made with {'; '.join(versions)}.",
    ]
    head += [f"Left out: {name} ({why})." for name, why in about.left_out.items()]
    reasons: dict[tuple[str, str], list[str]] = {}
    for record in failed:
        key = (record["method"], record["data"])
        reasons.setdefault(key, []).append(record["failed"])
    for (method, data), found in reasons.items():
        trees = f"{len(found)} tree{'s' if len(found) > 1 else ''}"
        head += [f"{method} failed on {data} ({trees}): {found[0]}."]
    if about.quick:
        head += ["", "A trial run (`--quick`): these numbers mean little."]
    head += [
        "",
        "Points are of 100. After ± stands half the width of a 95 % t interval: over "
        "the sets' means in means over sets, over the seeds within a set. Wins / ties "
        "/ losses count sets by McNemar's exact test on the test rows of all seeds, "
        "at 5 % after Holm's correction over the sets of the table. "
        "Of scikit-learn's trees with `min_samples_leaf` 1 and 5 the better "
        "on these very test rows is compared with, which favours them: (5) marks 5. "
        "Ours is given the labels too; the others have the network's decisions alone, "
        "trustee and mimic the network.",
    ]
    return str(markdown(_frame(results), head))


def _frame(results: list[dict[str, Any]]) -> pd.DataFrame:
    """Return one row a tree, in the order of the methods; none where all failed."""
    columns = None if results else ["data", "group", "seed", *_MEASURED]
    places = list(METHODS)
    ordered = sorted(results, key=lambda result: places.index(result["method"]))
    return pd.DataFrame(ordered, columns=columns)
