"""Speed and memory of our trees beside scikit-learn and xgboost.

Every measurement is a process of its own that loads the data, fits the same kind of
tree to a few rows (so that compiled code is there), and then fits the real one. Peak
memory is what the process held at most while it fitted, less what it held before.
scikit-learn is `DecisionTreeRegressor`, xgboost one tree with a vector at each leaf,
its quantisation included; ours is ``CartStudent(search="greedy")``.

The logits of MNIST are those of a small network (one layer of 128 units, three
epochs) that is trained here once, on the 60,000 rows it is then asked about: what is
timed is the tree. The other rows are normal numbers with smooth, interacting targets.

    interpretkd bench speed [--quick] [--out FOLDER]
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench import _engines  # type: ignore[import-not-found]
from interpretkd_bench._engines import (  # type: ignore[import-not-found]
    CORES,
    MAX_BIN,
    MIN_SAMPLES_LEAF,
    Data,
    Job,
)

from interpretkd._base import patient_threads, write_atomically
from interpretkd.datasets import load_digits, load_mnist
from interpretkd.teachers import MLPTeacher

MEGABYTE = 2**20


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Parameters
    ----------
    large : sequence of Data
        For the comparison at depth 8.
    refined : Data
        For the refined tree of 32 leaves.
    growth : dict of str to sequence of Job
        For each axis the points of its curve, with any engine.
    predicted : Data
        What trees of 256 leaves are asked about.
    engines : tuple of str
        Who takes part in `large` and `growth`.
    repeats : int, default=3
        Of each point of `large`, `refined` and `predicted`.
    growth_repeats : int, default=2
        Of each point of a curve.
    """

    large: Sequence[Data]
    refined: Data
    growth: dict[str, Sequence[Job]]
    predicted: Data
    engines: tuple[str, ...] = ("ours", "scikit-learn", "xgboost")
    repeats: int = 3
    growth_repeats: int = 2


MNIST = Data("mnist", 60_000, 784, 10)
BASE = Job("ours", Data("normal", 100_000, 20, 5), depth=8)


def _along(axis: str, values: Iterable[int]) -> list[Job]:
    if axis == "leaves":
        return [replace(BASE, depth=None, leaves=value) for value in values]
    sizes = {name: getattr(BASE.data, name) for name in ("rows", "columns", "outputs")}
    return [
        replace(BASE, data=Data(BASE.data.name, **{**sizes, axis: value}))
        for value in values
    ]


PLAN = Plan(
    large=(MNIST, Data("normal", 1_000_000, 50, 5)),
    refined=MNIST,
    growth={
        "rows": _along("rows", (50_000, 100_000, 200_000, 400_000)),
        "columns": _along("columns", (10, 20, 40, 80)),
        "outputs": _along("outputs", (1, 5, 20, 80)),
        "leaves": _along("leaves", (16, 64, 256, 1024)),
    },
    predicted=Data("normal", 1_000_000, 30, 5),
)
QUICK = Plan(
    large=(Data("digits", 1_797, 64, 10),),
    refined=Data("digits", 1_797, 64, 10),
    growth={
        "rows": [replace(j, depth=4) for j in _along("rows", (2_000,))],
    },
    predicted=Data("normal", 20_000, 30, 5),
    repeats=1,
    growth_repeats=1,
)


def main(
    path: Path, *, quick: bool = False, console: Any, plan: Plan | None = None
) -> None:
    """Run the benchmark, print its tables, write ``speed.json`` and ``speed.md``.

    Parameters
    ----------
    path : Path
        The folder to write to.
    quick : bool, default=False
        A few thousand rows: whether it all works.
    console : rich.console.Console
        Where to print.
    plan : Plan, default=None
        What is measured; None for `PLAN`, or `QUICK`.
    """
    plan = plan or (QUICK if quick else PLAN)
    path.mkdir(parents=True, exist_ok=True)
    results: dict[Job, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        _prepare(plan, Path(folder))
        for jobs, repeats in _rounds(plan):
            new = [job for job in jobs if job not in results]
            # In turns: what else the machine does falls upon all alike.
            said = [[_run(job, Path(folder)) for job in new] for _ in range(repeats)]
            for job, *records in zip(new, *said, strict=True):
                results[job] = _summary(records)
                line = _line(job, results[job])
                console.print(line, markup=False, highlight=False)
            _write(path, plan, results, quick=quick)
    text = _markdown(plan, results, quick=quick)
    console.print(text, markup=False, highlight=False)


def _rounds(plan: Plan) -> list[tuple[list[Job], int]]:
    """Return which jobs are compared with one another, and how often each is done."""
    rounds = [(_eight(plan, data), plan.repeats) for data in plan.large]
    rounds += [(_refined(plan), plan.repeats), (_predicting(plan), plan.repeats)]
    for points in plan.growth.values():
        rounds += [
            ([replace(point, engine=e) for e in plan.engines], plan.growth_repeats)
            for point in points
        ]
    return rounds


def _eight(plan: Plan, data: Data) -> list[Job]:
    return [Job(engine, data, depth=8) for engine in plan.engines]


def _refined(plan: Plan) -> list[Job]:
    ours = Job("ours", plan.refined, leaves=32, targets="hard")
    return [
        replace(ours, search="refined"),
        ours,
        replace(ours, engine="scikit-learn"),
    ]


def _predicting(plan: Plan) -> list[Job]:
    job = Job("ours", plan.predicted, depth=8, leaves=256, measure="predict")
    return [job, replace(job, engine="scikit-learn")]


# The parent: data for the processes, and what they say


def _prepare(plan: Plan, folder: Path) -> None:
    """Put images and logits where the processes find them."""
    wanted = {data.name for data in [*plan.large, plan.refined]} - {"normal"}
    for name in wanted:
        dataset = (load_mnist if name == "mnist" else load_digits)()
        n_rows = len(dataset.target) - dataset.n_test
        X = dataset.data.to_numpy(dtype=np.float32)[:n_rows]
        network = MLPTeacher((128,), max_epochs=3, random_state=0)
        logits = network.fit(X, dataset.target[:n_rows]).logits(X)
        np.save(folder / f"{name}-X.npy", np.ascontiguousarray(X))
        np.save(folder / f"{name}-logits.npy", logits)


def _run(job: Job, folder: Path) -> dict[str, Any]:
    """Do a job in a process of its own and return what it says."""
    cores = str(1 if job.measure == "predict" else CORES)
    threads = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-P", _engines.__file__, json.dumps(asdict(job)), str(folder)],
        capture_output=True,
        text=True,
        env=patient_threads(os.environ) | dict.fromkeys(threads, cores),
    )
    if done.returncode:
        reason = (done.stderr.strip() or "no word").splitlines()[-1]
        return {"error": f"exit {done.returncode}: {reason}"}
    said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return said


def _summary(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the fastest of several, with the largest peak of all."""
    failed = [record for record in records if "error" in record]
    if failed:
        return failed[0]
    peaks = [record["peak"] for record in records if record["peak"] is not None]
    fastest = min(records, key=lambda record: float(record["seconds"]))
    every = [record["seconds"] for record in records]
    return {**fastest, "every_seconds": every, "peak": max(peaks, default=None)}


# Tables


def _line(job: Job, result: dict[str, Any]) -> str:
    what = f"{job.engine}, {job.data}, {_size(job)}"
    if "error" in result:
        return f"{what}: {result['error']}"
    if job.measure == "predict":
        return f"{what}: {_million(result['rows_a_second'])} M rows/s"
    return (
        f"{what}: {result['seconds']:.2f} s, {_megabytes(result['peak'])} MB, "
        f"R2 {result['r2']:.4f}, {result['leaves']} leaves"
    )


def _size(job: Job) -> str:
    size = f"depth {job.depth}" if job.depth else f"{job.leaves} leaves"
    return f"{size}, {job.search}" if job.search != "greedy" else size


def _megabytes(peak: int | None) -> str:
    return "?" if peak is None else f"{peak / MEGABYTE:,.0f}"


def _million(rows: float) -> str:
    return f"{rows / 1e6:.1f}"


def _write(
    path: Path, plan: Plan, results: dict[Job, dict[str, Any]], *, quick: bool
) -> None:
    packages = ("numba", "numpy", "scikit-learn", "xgboost")
    record = {
        "quick": quick,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "cores_used": CORES,
        "libraries": {name: version(name) for name in packages},
        "results": [{**asdict(job), **found} for job, found in results.items()],
    }
    text = _markdown(plan, results, quick=quick)
    write_atomically(path / "speed.json", json.dumps(record, indent=1).encode())
    write_atomically(path / "speed.md", text.encode())


def _markdown(plan: Plan, results: dict[Job, dict[str, Any]], *, quick: bool) -> str:
    lines = [
        "# Speed and memory",
        "",
        f"On {CORES} cores of {os.cpu_count()}, each measurement in a fresh process "
        "that is warm; the least of the seconds of several, the largest of the peaks. "
        "Peak: memory held while fitting beyond what was held before. "
        f"scikit-learn {version('scikit-learn')}, xgboost {version('xgboost')}; "
        f"`min_samples_leaf={MIN_SAMPLES_LEAF}` (xgboost's vector leaf has no such "
        f"bound before 3.3), {MAX_BIN} bins for xgboost, its quantisation included. "
        "R2 of all outputs together and agreement of the largest output, both on the "
        "training rows. A ratio above 1: the first line is faster, or needs less.",
        "",
    ]
    if quick:
        lines += ["A trial run (`--quick`): these numbers mean little.", ""]
    for data in plan.large:
        found = [(job, results[job]) for job in _eight(plan, data) if job in results]
        cells = data.rows * data.columns / MEGABYTE
        lines += [
            f"## {data}, depth 8",
            "",
            _fits(found),
            "",
            f"The binned matrix, a byte a cell, is {cells:,.0f} MB.",
            "",
        ]
    found = [(job, results[job]) for job in _refined(plan) if job in results]
    lines += [f"## 32 leaves, hard targets, {plan.refined}", "", _fits(found), ""]
    lines += [f"## Prediction, one core, {plan.predicted}", ""]
    lines += [_predictions(plan, results), ""]
    for axis, points in plan.growth.items():
        lines += [f"## Growth in {axis}", "", f"From {BASE.data}, depth 8.", ""]
        lines += [_curve(plan, axis, points, results), ""]
    return "\n".join(lines)


def _fits(found: Sequence[tuple[Job, dict[str, Any]]]) -> str:
    head = (
        *("", "seconds", "ratio", "CPU seconds", "ratio", "peak MB", "ratio"),
        *("R2", "agreement", "leaves"),
    )
    rows = []
    ours = found[0][1] if found else {}
    for job, result in found:
        name = job.engine if job.search == "greedy" else f"{job.engine}, {job.search}"
        if "error" in result:
            rows.append((name, result["error"], *[""] * 8))
            continue
        rows.append(
            (
                name,
                f"{result['seconds']:.2f}",
                _ratio(result, ours, "seconds"),
                f"{result['cpu_seconds']:.2f}",
                _ratio(result, ours, "cpu_seconds"),
                _megabytes(result["peak"]),
                _ratio(result, ours, "peak"),
                f"{result['r2']:.4f}",
                f"{result['agreement']:.4f}",
                str(result["leaves"]),
            )
        )
    return _render(head, rows)


def _ratio(result: dict[str, Any], ours: dict[str, Any], key: str) -> str:
    if not ours.get(key) or not result.get(key):
        return ""
    return f"{result[key] / ours[key]:.2f}"


def _predictions(plan: Plan, results: dict[Job, dict[str, Any]]) -> str:
    head = ("", "leaves", "depth", "walk, M rows/s", "all of predict, M rows/s")
    rows = [
        (
            job.engine,
            str(result["leaves"]),
            str(result["depth"]),
            _million(result["rows_a_second_walk"]),
            _million(result["rows_a_second"]),
        )
        for job in _predicting(plan)
        if "error" not in (result := results.get(job, {"error": ""}))
    ]
    return _render(head, rows)


def _curve(
    plan: Plan,
    axis: str,
    points: Sequence[Job],
    results: dict[Job, dict[str, Any]],
) -> str:
    head = (axis, *(f"{e}: s (MB)" for e in plan.engines), "R2 of each")
    rows = []
    for point in points:
        at = point.leaves if axis == "leaves" else getattr(point.data, axis)
        found = [results.get(replace(point, engine=e), {}) for e in plan.engines]
        texts = [
            f"{r['seconds']:.2f} ({_megabytes(r['peak'])})" if "seconds" in r else ""
            for r in found
        ]
        quality = " / ".join(f"{r['r2']:.4f}" for r in found if "r2" in r)
        rows.append((f"{at:,}", *texts, quality))
    return _render(head, rows)


def _render(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
