"""Small boosters: of so many leaves, and with a vector or one number at each leaf.

The first table: test fidelity of ``BoostedStudent(max_leaves=N)`` beside greedy CART of
as many leaves and beside the booster without a budget. A booster's leaf holds one
number, a tree's leaf one an output, so the parameters stand beside the leaves.

The second: the same booster beside one whose trees serve all outputs at once, with a
vector at each leaf, of no more parameters. That one is grown here, tried with the same
sizes of trees (and larger ones) and the same rates, its leaves are fitted anew together
in the same way, and it is chosen on the same watched rows. Its tests are sought by
first derivatives, Newton's step having another weight for each output. Two classes make
one output and no vector: what is left of the difference there is the way of growing
and chance, and it stands in a table of its own.

Students are fitted to four fifths of the rows of `train` and `transfer` (at most
10,000), watched on the rest, and judged on `test`; targets are soft at temperature 1.

    interpretkd bench boosted [--data FOLDER] [--quick] [--out FOLDER]

The folder holds further sets, CSV files whose column "target" is the class.
"""

import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import write_atomically
from interpretkd.data import Codes, Encoded, Schema
from interpretkd.datasets import load_connect4, load_digits
from interpretkd.metrics import wilson_interval
from interpretkd.runs import Task, read_task, task_of, train_teacher
from interpretkd.students import (
    LEARNING_RATES,
    PENALTY,
    TREE_LEAVES,
    BoostedStudent,
    BoostingRows,
    CartStudent,
    GrownTree,
    Limits,
    TreeSum,
    grow_draft,
    leaves_of,
)
from interpretkd.targets import decide, soft_targets

Array = NDArray[np.float64]

LEAVES = (16, 64, 256)
QUICK_LEAVES = (16,)
SEEDS = 2
MOST_ROWS = 10_000
NETWORK = {"hidden": (64, 32), "max_epochs": 40}
METHODS = ("boosted", "vector", "cart", "all rounds")


@dataclass(frozen=True)
class Result:
    """One student.

    Parameters
    ----------
    data : str
        The data set.
    classes : int
        How many it has.
    seed : int
        Of split, network and student.
    leaves_allowed : int
        The budget; 0 for none.
    method : str
        One of `METHODS`.
    fidelity : float
        On the test rows.
    low, high : float
        Its 95 % Wilson interval.
    leaves, n_parameters : int
        What it has.
    shape : str
        Leaves a tree and learning rate.
    seconds : float
        To find it.
    """

    data: str
    classes: int
    seed: int
    leaves_allowed: int
    method: str
    fidelity: float
    low: float
    high: float
    leaves: int
    n_parameters: int
    shape: str
    seconds: float


@dataclass(frozen=True, eq=False)
class RowParts:
    """What the students are given, with the teacher's logits on each part.

    Parameters
    ----------
    X, watched, test : DataFrame
        Rows to fit, to watch and to judge by.
    logits, watched_logits, test_logits : ndarray of shape (n_rows, n_classes)
        What the teacher says of them.
    """

    X: pd.DataFrame
    watched: pd.DataFrame
    test: pd.DataFrame
    logits: Array
    watched_logits: Array
    test_logits: Array

    @property
    def targets(self) -> Array:
        """What the students are fitted to."""
        return soft_targets(self.logits)

    def score(self, outputs: Array) -> float:
        """Return the agreement with the teacher on the watched rows."""
        return float((decide(outputs) == decide(self.watched_logits)).mean())


def main(
    path: Path, *, data: Path | None = None, quick: bool = False, console: Any
) -> None:
    """Run the benchmark, print its tables, write ``boosted.json`` and ``boosted.md``.

    Parameters
    ----------
    path : Path
        The folder to write to.
    data : Path, default=None
        A folder of CSV files with a column "target".
    quick : bool, default=False
        One small set, one seed, one budget: whether it all works.
    console : rich.console.Console
        Where to print.
    """
    results: list[Result] = []
    for name, load in _tasks(data, quick=quick).items():
        for seed in range(1 if quick else SEEDS):
            parts = _train(load(seed), seed, quick=quick)
            for result in _measure(name, seed, parts, quick=quick):
                results.append(result)
                console.print(_line(result), markup=False, highlight=False)
    text = _markdown(results, quick=quick)
    console.print(text, markup=False, highlight=False)
    path.mkdir(parents=True, exist_ok=True)
    record = {
        "quick": quick,
        "python": platform.python_version(),
        "libraries": {n: version(n) for n in ("torch", "xgboost", "numpy")},
        "results": [asdict(result) for result in results],
    }
    write_atomically(path / "boosted.json", json.dumps(record, indent=1).encode())
    write_atomically(path / "boosted.md", text.encode())


def _tasks(data: Path | None, *, quick: bool) -> dict[str, Callable[[int], Task]]:
    tasks: dict[str, Callable[[int], Task]] = {
        "digits": lambda seed: task_of(load_digits(), seed=seed)
    }
    if quick:
        return tasks
    tasks["connect4"] = lambda seed: task_of(load_connect4(), seed=seed)
    for file in sorted(data.glob("*.csv")) if data is not None else ():
        # The type checker does not count a default as bound.
        tasks[file.stem] = lambda seed, file=file: read_task(  # type: ignore[misc]
            file, "target", task="classification", seed=seed
        )
    return tasks


def _train(task: Task, seed: int, *, quick: bool) -> RowParts:
    settings: dict[str, Any] = {**NETWORK, **({"max_epochs": 5} if quick else {})}
    teacher = train_teacher(task, "mlp", seed=seed, **settings)
    rows = np.random.default_rng(seed).permutation(task.student_rows)[:MOST_ROWS]
    n_watched = len(rows) // 5
    frames = [
        task.X.iloc[np.sort(chosen)]
        for chosen in (rows[n_watched:], rows[:n_watched], task.split.test)
    ]
    return RowParts(*frames, *(teacher.logits(part) for part in frames))


def _measure(name: str, seed: int, parts: RowParts, *, quick: bool) -> Iterator[Result]:
    decided = decide(parts.test_logits)
    watch = (parts.watched, parts.score)

    def result(
        method: str, allowed: int, start: float, outputs: Array, size: Any, shape: str
    ) -> Result:
        seconds = time.perf_counter() - start
        agrees = int((decide(outputs) == decided).sum())
        share = wilson_interval(agrees, len(decided))
        return Result(
            data=name,
            classes=parts.logits.shape[1],
            seed=seed,
            leaves_allowed=allowed,
            method=method,
            fidelity=share.value,
            low=share.low,
            high=share.high,
            leaves=size.n_leaves,
            n_parameters=size.n_parameters,
            shape=shape,
            seconds=seconds,
        )

    for allowed in QUICK_LEAVES if quick else LEAVES:
        start = time.perf_counter()
        small = BoostedStudent(max_leaves=allowed, random_state=seed)
        small.fit(parts.X, parts.targets, watch=watch)
        assert small.shapes_ is not None
        best = small.shapes_.best
        shape = f"{best.tree_leaves} leaves a tree, rate {best.learning_rate:g}"
        outputs = small.predict(parts.test)
        yield result("boosted", allowed, start, outputs, small.forest_, shape)
        start = time.perf_counter()
        vector = _fit_vector(parts, small.forest_.n_parameters)
        yield result("vector", allowed, start, vector.outputs, vector, vector.shape)
        start = time.perf_counter()
        tree = CartStudent(allowed, search="greedy", random_state=seed)
        tree.fit(parts.X, parts.targets)
        yield result(
            "cart", allowed, start, tree.predict(parts.test), tree.tree_, "one tree"
        )
    start = time.perf_counter()
    # On shared cores the threads of xgboost mostly wait for one another.
    full = BoostedStudent(20 if quick else 400, random_state=seed, n_jobs=1)
    full.fit(parts.X, parts.targets, watch=watch)
    shape = f"depth {full.max_depth}, rate {full.learning_rate:g}"
    outputs = full.predict(parts.test)
    yield result("all rounds", 0, start, outputs, full.forest_, shape)


# Vector leaves


@dataclass(frozen=True, eq=False)
class Vector:
    """The best booster with vector leaves.

    Parameters
    ----------
    outputs : ndarray of shape (n_rows, n_classes)
        Its predictions of the test rows.
    score : float
        On the watched rows.
    n_leaves, n_parameters : int
        Its size.
    shape : str
        Leaves a tree and learning rate.
    """

    outputs: Array
    score: float
    n_leaves: int
    n_parameters: int
    shape: str


def _fit_vector(parts: RowParts, n_parameters: int) -> Vector:
    schema = Schema.from_data(pd.concat([parts.X, parts.watched, parts.test]))
    codes, watched, test = (
        schema.encode(part) for part in (parts.X, parts.watched, parts.test)
    )
    rows = BoostingRows(
        Encoded(schema, codes),
        parts.targets,
        np.ones(len(codes)),
        "softmax",
    )
    found: list[Vector] = []
    for size in (*TREE_LEAVES, 32, 64, 128, 256):
        if _size_of(size, rows) > n_parameters:
            break
        for rate in LEARNING_RATES:
            grown = _grow_vectors(rows, size, rate, n_parameters)
            found.append(
                Vector(
                    outputs=_outputs(grown, test),
                    score=parts.score(_outputs(grown, watched)),
                    n_leaves=grown.n_leaves // len(rows.outputs),
                    n_parameters=_n_parameters(grown, rows),
                    shape=f"{size} leaves a tree, rate {rate:g}",
                )
            )
    return max(found, key=lambda vector: vector.score)


def _size_of(n_leaves: int, rows: BoostingRows) -> int:
    """Return the parameters of one tree: two a test, and the vectors."""
    return 2 * (n_leaves - 1) + n_leaves * len(rows.outputs)


def _n_parameters(grown: TreeSum, rows: BoostingRows) -> int:
    trees = grown.trees[:: len(rows.outputs)]
    return sum(_size_of(tree.draft.n_leaves, rows) for tree in trees)


def _grow_vectors(
    rows: BoostingRows, tree_leaves: int, rate: float, n_parameters: int
) -> TreeSum:
    """Grow trees that serve all outputs; each is kept as one an output, all alike."""
    grown, next_refit = TreeSum(rows, []), 4.0
    weight = np.ones(len(rows.codes))
    limits = Limits(max_leaves=tree_leaves, min_samples_leaf=2)
    outputs = list(rows.outputs)
    margins = grown.margins()
    while True:
        slope, curvature = rows.slopes(margins)
        draft = grow_draft(rows.binned, -slope[:, outputs], weight, limits)
        size = _n_parameters(grown, rows) + _size_of(draft.n_leaves, rows)
        if draft.n_leaves < 2 or size > n_parameters:
            break
        leaf = leaves_of(draft, rows.binned)
        for output in outputs:
            step = -np.bincount(leaf, slope[:, output], len(draft.feature))
            own = np.bincount(leaf, curvature[:, output], len(draft.feature))
            value = rate * step / (own + PENALTY)
            grown.add(GrownTree(draft, leaf.astype(np.int64), output, value))
            margins[:, output] += value[leaf]
        if grown.n_leaves // len(outputs) >= next_refit:
            grown.refit()
            margins = grown.margins()
            next_refit = 1.5 * grown.n_leaves / len(outputs)
    grown.refit()
    return grown


def _outputs(grown: TreeSum, codes: Codes) -> Array:
    forest = grown.freeze()
    out = np.tile(forest.base, (len(codes), 1))
    forest.nodes.add_up(codes, forest.value, forest.column, out)
    return out


# Tables


def _line(result: Result) -> str:
    allowed = (
        f"{result.leaves_allowed} leaves" if result.leaves_allowed else "no budget"
    )
    return (
        f"{result.data}, seed {result.seed}, {allowed}, {result.method}: fidelity "
        f"{100 * result.fidelity:.2f} [{100 * result.low:.2f}, {100 * result.high:.2f}]"
        f", {result.leaves} leaves, {result.n_parameters} parameters, {result.shape}, "
        f"{result.seconds:.1f} s"
    )


def _markdown(results: list[Result], *, quick: bool) -> str:
    frame = pd.DataFrame([asdict(result) for result in results])
    budgets = [int(n) for n in dict.fromkeys(frame.leaves_allowed) if n]
    lines = ["# Small boosters", ""]
    if quick:
        lines += ["A trial run (`--quick`): these numbers mean little.", ""]
    lines += ["Test fidelity in percent, mean over the seeds (parameters, median):", ""]
    methods = ("cart", "boosted")
    rows = {
        name: {
            **{f"{m} {n}": _cell(own, m, n) for n in budgets for m in methods},
            "boosted, no budget": _cell(own, "all rounds", 0),
        }
        for name, own in _groups(frame)
    }
    lines += [_table(rows), ""]
    lines += ["One number a leaf less a vector a leaf, of equally many parameters:", ""]
    lines += [_gains(frame[frame.classes > 2], budgets), ""]
    if (frame.classes == 2).any():
        lines += ["The same of two classes, where neither has vectors:", ""]
        lines += [_gains(frame[frame.classes == 2], budgets), ""]
    return "\n".join(lines)


def _groups(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the results set by set, and then all of them."""
    by_set = [(str(name), own) for name, own in frame.groupby("data", sort=False)]
    return [*by_set, ("mean", frame)]


def _gains(frame: pd.DataFrame, budgets: list[int]) -> str:
    cells: dict[str, dict[str, str]] = {}
    for name, own in _groups(frame):
        row = cells.setdefault(name, {})
        for n in budgets:
            gap = _mean(own, "boosted", n) - _mean(own, "vector", n)
            row[f"boosted {n}"] = _cell(own, "boosted", n)
            row[f"vector {n}"] = _cell(own, "vector", n)
            row[f"gain {n}"] = f"{100 * gap:+.2f}"
    return _table(cells)


def _pick(frame: pd.DataFrame, method: str, allowed: int) -> pd.DataFrame:
    return frame[(frame.method == method) & (frame.leaves_allowed == allowed)]


def _mean(frame: pd.DataFrame, method: str, allowed: int) -> float:
    return float(_pick(frame, method, allowed).fidelity.mean())


def _cell(frame: pd.DataFrame, method: str, allowed: int) -> str:
    size = _pick(frame, method, allowed).n_parameters.median()
    return f"{100 * _mean(frame, method, allowed):.2f} ({size:.0f})"


def _table(cells: dict[str, dict[str, str]]) -> str:
    columns = list(dict.fromkeys(name for row in cells.values() for name in row))
    rows = [["data", *columns], ["---"] * (len(columns) + 1)]
    rows += [
        [name, *(row[column] for column in columns)] for name, row in cells.items()
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
