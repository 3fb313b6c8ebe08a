"""One measurement of the benchmark "speed": a process of its own, run as a script.

    python _engines.py JOB FOLDER

JOB is a `Job` as JSON, FOLDER holds the images and logits; what was measured goes to
the standard output as a line of JSON. What is imported here counts as held before a
fit, so each engine is imported where it is used, and warms up first.
"""

import ctypes
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CORES", "MAX_BIN", "MIN_SAMPLES_LEAF", "Data", "Job", "work"]

Array = NDArray[Any]

CORES = 2
"""How many a fit may use; prediction gets one."""
MIN_SAMPLES_LEAF = 5
"""For ours and scikit-learn; xgboost passes it over for vector leaves before 3.3."""
MAX_BIN = 256
WARM_UP = 500
"""Rows."""


@dataclass(frozen=True)
class Data:
    """Rows and targets.

    Parameters
    ----------
    name : {"mnist", "digits", "normal"}
        Images with a network's logits, or made here.
    rows, columns, outputs : int
        How many.
    """

    name: str
    rows: int
    columns: int
    outputs: int

    def __str__(self) -> str:
        return f"{self.name} {self.rows:,} x {self.columns} x {self.outputs}"


@dataclass(frozen=True)
class Job:
    """What one process does.

    Parameters
    ----------
    engine : {"ours", "scikit-learn", "xgboost"}
        Who grows the tree.
    data : Data
        Of what.
    depth, leaves : int or None, default=None
        The tree's size.
    search : str, default="greedy"
        How ours searches.
    targets : {"logits", "hard"}, default="logits"
        What is fitted.
    measure : {"fit", "predict"}, default="fit"
        What is timed.
    """

    engine: str
    data: Data
    depth: int | None = None
    leaves: int | None = None
    search: str = "greedy"
    targets: str = "logits"
    measure: str = "fit"


def work(job: Job, folder: Path) -> dict[str, Any]:
    """Measure one job in this process.

    Parameters
    ----------
    job : Job
        What to do.
    folder : Path
        Where images and logits lie.

    Returns
    -------
    dict
        Seconds, bytes at the peak (None where they are not told), and how good and
        how large the tree is.
    """
    _keep_to(1 if job.measure == "predict" else CORES)
    X, Y = _load(job, folder)
    if job.measure == "predict":
        return _time_predictions(job, X, Y)
    start = time.perf_counter()
    _fit(replace(job, depth=3, leaves=None), X[:WARM_UP], Y[:WARM_UP])
    if job.search != "greedy":
        _fit(job, X[:WARM_UP], Y[:WARM_UP])
    warm = time.perf_counter() - start
    before = _start_watching()
    start, start_cpu = time.perf_counter(), time.process_time()
    predict, leaves, depth = _fit(job, X, Y)
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    peak = None if before is None else _memory("VmHWM") - before
    outputs = predict(X).reshape(len(X), -1)
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak": peak,
        "warm_up_seconds": warm,
        "r2": _r2(Y, outputs),
        "agreement": float((Y.argmax(axis=1) == outputs.argmax(axis=1)).mean()),
        "leaves": leaves,
        "depth": depth,
    }


def _keep_to(cores: int) -> None:
    """Keep this process to so many cores, whatever its libraries think of threads."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[:cores])


def _load(job: Job, folder: Path) -> tuple[Array, Array]:
    data = job.data
    if data.name == "normal":
        return _normal(data)
    X = np.load(folder / f"{data.name}-X.npy", allow_pickle=False)[: data.rows]
    logits = np.load(folder / f"{data.name}-logits.npy", allow_pickle=False)
    logits = logits[: data.rows]
    if job.targets == "hard":
        return X, np.eye(logits.shape[1])[logits.argmax(axis=1)]
    return X, logits


def _normal(data: Data) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((data.rows, data.columns), dtype=np.float32)
    weights = rng.standard_normal((2, data.columns, data.outputs)).astype(np.float32)
    weights /= np.sqrt(data.columns)
    Y = np.tanh(2 * (X @ weights[0])) + np.square(X @ weights[1])
    Y += X[:, :1] * X[:, -1:]
    Y += 0.3 * rng.standard_normal(Y.shape, dtype=np.float32)
    return X, Y.astype(np.float64)


def _fit(job: Job, X: Array, Y: Array) -> tuple[Callable[[Array], Array], int, int]:
    """Return how to predict, the leaves and the depth."""
    if job.engine == "ours":
        student = _student(job).fit(X, Y)
        return student.predict, student.tree_.n_leaves, student.tree_.depth
    if job.engine == "scikit-learn":
        tree = _cart(job).fit(X, Y)
        return tree.predict, int(tree.get_n_leaves()), int(tree.get_depth())
    return _boost_once(job, X, Y)


def _student(job: Job) -> Any:
    from interpretkd.students import CartStudent

    return CartStudent(
        job.leaves,
        max_depth=job.depth,
        min_samples_leaf=MIN_SAMPLES_LEAF,
        search=job.search,
    )


def _cart(job: Job) -> Any:
    from sklearn.tree import DecisionTreeRegressor

    return DecisionTreeRegressor(
        max_depth=job.depth,
        max_leaf_nodes=job.leaves,
        min_samples_leaf=MIN_SAMPLES_LEAF,
        random_state=0,
    )


def _boost_once(
    job: Job, X: Array, Y: Array
) -> tuple[Callable[[Array], Array], int, int]:
    import xgboost

    settings = {
        "multi_strategy": "multi_output_tree",
        "objective": "reg:squarederror",
        "learning_rate": 1.0,
        "reg_lambda": 0.0,
        "min_child_weight": 0,
        "tree_method": "hist",
        "base_score": 0.0,
        "max_bin": MAX_BIN,
        "max_depth": job.depth or 0,
        "max_leaves": job.leaves or 0,
        "grow_policy": "lossguide" if job.leaves else "depthwise",
        "nthread": CORES,
    }
    quantised = xgboost.QuantileDMatrix(X, Y, max_bin=MAX_BIN, nthread=CORES)
    booster = xgboost.train(settings, quantised, 1)
    tree = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]
    left = tree["model"]["trees"][0]["left_children"]
    parents = np.asarray(tree["model"]["trees"][0]["parents"])
    depths = np.zeros(len(left), dtype=int)
    for node in range(1, len(left)):
        depths[node] = depths[parents[node]] + 1
    leaves = sum(child == -1 for child in left)
    return booster.inplace_predict, leaves, int(depths.max())


def _time_predictions(job: Job, X: Array, Y: Array) -> dict[str, Any]:
    """Return the best of five: the walk alone, and everything the user calls."""
    rows = slice(0, 200_000)
    if job.engine == "ours":
        student = _student(job).fit(X[rows], Y[rows])
        tree = student.tree_
        leaves, depth = tree.n_leaves, tree.depth
        walk, predict = tree.nodes.apply, student.predict
    else:
        fitted = _cart(job).fit(X[rows], Y[rows])
        leaves, depth = int(fitted.get_n_leaves()), int(fitted.get_depth())
        walk, predict = fitted.tree_.apply, fitted.predict
    walk_seconds, seconds = _best(walk, X), _best(predict, X)
    return {
        "seconds": seconds,
        "peak": None,
        "walk_seconds": walk_seconds,
        "rows_a_second": len(X) / seconds,
        "rows_a_second_walk": len(X) / walk_seconds,
        "leaves": leaves,
        "depth": depth,
    }


def _best(function: Callable[[Array], Any], X: Array, repeats: int = 5) -> float:
    function(X[:WARM_UP])
    every = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(X)
        every.append(time.perf_counter() - start)
    return min(every)


def _r2(Y: Array, outputs: Array) -> float:
    rest = float(np.square(Y - outputs).sum())
    return 1 - rest / float(np.square(Y - Y.mean(axis=0)).sum())


def _start_watching() -> int | None:
    """Forget the peak so far; return the bytes held now, None where that is not told.

    Memory that was freed but not given back would hide what the fit takes.
    """
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return _memory("VmRSS")
    except OSError:
        return None


def _memory(name: str) -> int:
    """Return a line of this process's status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise OSError(f"There is no {name} in /proc/self/status.")


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    asked = Job(**{**given, "data": Data(**given["data"])})
    sys.stdout.write(json.dumps(work(asked, Path(sys.argv[2]))) + "\n")
