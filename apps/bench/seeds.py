"""The seed's headline: a CNN on MNIST and an MLP on Connect-4, distilled into CART.

Liu, Wang & Matwin (2018), as told by Alkhulaifi, Alsahli & Ahmad (2020): on MNIST the
network has 99.25 % and its tree 86.55 %; on Connect-4 86.62 % and 73.42 %. The depths
of their trees are not told, so ours are shown for depths 6 to 12.

Each tree is fitted on the rows of `train` and `transfer`; the network has seen `train`
alone; all figures are of `test`, which none has seen. "labels" is the baseline: the
same tree without a teacher.

    interpretkd bench seeds [--quick] [--out FOLDER]
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
from sklearn.frozen import FrozenEstimator

from interpretkd._base import write_atomically
from interpretkd.datasets import Dataset, load_connect4, load_mnist
from interpretkd.distillation import DistilledClassifier
from interpretkd.metrics import (
    Estimate,
    accuracy_improvement,
    accuracy_reduction,
    distillation_score,
    size_reduction,
    wilson_interval,
)
from interpretkd.runs import DEMOS, task_of, train_teacher
from interpretkd.students import CartStudent
from interpretkd.targets import Target, decide

PRINTED = {"mnist": (99.25, 86.55), "connect4": (86.62, 73.42)}
"""The paper's accuracies of teacher and tree, in percent."""
TARGETS = ("labels", "hard", "soft", "logits", "auto")


@dataclass(frozen=True)
class Setting:
    """How one data set is run.

    Parameters
    ----------
    load : callable
        Returns the data set.
    depths : tuple of int
        Of the trees.
    seeds : int
        How many splits and networks.
    """

    load: Callable[[], Dataset]
    depths: tuple[int, ...]
    seeds: int


SETTINGS = {
    "connect4": Setting(load_connect4, tuple(range(6, 13)), 5),
    "mnist": Setting(load_mnist, tuple(range(6, 13)), 1),
}
QUICK = {"connect4": Setting(load_connect4, (6,), 1)}


@dataclass(frozen=True)
class Result:
    """One tree.

    Parameters
    ----------
    data : str
        The data set.
    seed : int
        Of split, network and tree.
    depth : int
        The most tests of a row.
    fitted_to : str
        One of `TARGETS`; with what "auto" chose behind it.
    teacher_accuracy, accuracy, fidelity : Estimate
        On the test rows.
    leaves : int
        Of the tree.
    distillation_score, size_reduction, accuracy_reduction : float
        By parameters; the reductions in percent.
    seconds : float
        To fit it.
    """

    data: str
    seed: int
    depth: int
    fitted_to: str
    chosen: str
    teacher_accuracy: Estimate
    accuracy: Estimate
    fidelity: Estimate
    leaves: int
    distillation_score: float
    size_reduction: float
    accuracy_reduction: float
    seconds: float


def main(path: Path, *, quick: bool = False, console: Any) -> None:
    """Run the benchmark, print its tables, write ``seeds.json`` and ``seeds.md``.

    Parameters
    ----------
    path : Path
        The folder to write to.
    quick : bool, default=False
        One data set, one seed, one depth, a short training: whether it all works.
    console : rich.console.Console
        Where to print.
    """
    results: list[Result] = []
    for name, setting in (QUICK if quick else SETTINGS).items():
        for seed in range(setting.seeds):
            for result in _distil(name, setting, seed, quick=quick, console=console):
                results.append(result)
                console.print(_line(result), highlight=False)
    text = _markdown(results, quick=quick)
    console.print(text, markup=False, highlight=False)
    path.mkdir(parents=True, exist_ok=True)
    record = {
        "quick": quick,
        "python": platform.python_version(),
        "libraries": {n: version(n) for n in ("torch", "scikit-learn", "numpy")},
        "printed": PRINTED,
        "results": [asdict(result) for result in results],
    }
    write_atomically(path / "seeds.json", json.dumps(record, indent=1).encode())
    write_atomically(path / "seeds.md", text.encode())


def _distil(
    name: str, setting: Setting, seed: int, *, quick: bool, console: Any
) -> Iterator[Result]:
    demo = DEMOS[name]
    task = task_of(setting.load(), seed=seed)
    settings = {**demo.settings, **({"max_epochs": 2} if quick else {})}
    start = time.perf_counter()
    teacher = train_teacher(task, demo.network, seed=seed, **settings)
    X, y = task.X.iloc[task.student_rows], task.y[task.student_rows]
    X_test, y_test = task.X.iloc[task.split.test], task.y[task.split.test]
    logits, logits_test = teacher.logits(X), teacher.logits(X_test)
    decided = decide(logits_test)
    truth = np.searchsorted(teacher.classes_, y_test)
    teacher_accuracy = _share(decided == truth)
    console.print(
        f"{name}, seed {seed}: teacher {teacher_accuracy:.2%}, "
        f"{teacher.n_parameters:,} parameters, {time.perf_counter() - start:.0f} s",
        highlight=False,
    )
    labels = np.eye(len(teacher.classes_))[np.searchsorted(teacher.classes_, y)]
    for depth in setting.depths:
        student = CartStudent(
            None,
            max_depth=depth,
            min_samples_leaf=5,
            search="greedy",
            random_state=seed,
        )
        for fitted_to in TARGETS:
            start = time.perf_counter()
            if fitted_to == "auto":
                frozen = FrozenEstimator(teacher)
                model = DistilledClassifier(frozen, student, random_state=seed).fit(X)
                target, tree = model.reading_, model.tree_
            else:
                kind = "hard" if fitted_to == "labels" else fitted_to
                target = Target(kind)
                columns = labels if fitted_to == "labels" else target.encode(logits)
                tree = student.fit(X, columns).tree_
            seconds = time.perf_counter() - start
            chosen = decide(target.decode(tree.predict(X_test)))
            accuracy = _share(chosen == truth)
            sizes = (teacher.n_parameters, tree.n_parameters)
            rates = (teacher_accuracy.value, accuracy.value)
            yield Result(
                data=name,
                seed=seed,
                depth=depth,
                fitted_to=fitted_to,
                chosen=str(target) if fitted_to == "auto" else "",
                teacher_accuracy=teacher_accuracy,
                accuracy=accuracy,
                fidelity=_share(chosen == decided),
                leaves=tree.n_leaves,
                distillation_score=distillation_score(*sizes, *rates),
                size_reduction=size_reduction(*sizes),
                accuracy_reduction=accuracy_reduction(*rates),
                seconds=seconds,
            )


def _share(right: Any) -> Estimate:
    return wilson_interval(int(right.sum()), len(right))


def _line(result: Result) -> str:
    return (
        f"  depth {result.depth:2d}, {result.fitted_to:6s}: accuracy "
        f"{result.accuracy:.2%}, fidelity {result.fidelity:.2%}, {result.leaves} "
        f"leaves, {result.seconds:.1f} s {result.chosen}"
    )


def _markdown(results: list[Result], *, quick: bool) -> str:
    lines = ["# The seed's headline", ""]
    if quick:
        lines += ["A trial run (`--quick`): these numbers mean little.", ""]
    for name in dict.fromkeys(result.data for result in results):
        own = [result for result in results if result.data == name]
        lines += [f"## {name}", "", _headline(name, own), ""]
        for measure in ("accuracy", "fidelity"):
            lines += [f"Test {measure} in percent, {_spread(own)}:", ""]
            lines += [_table(own, measure), ""]
        lines += [
            "The tree fitted to `auto`: distillation score by parameters; in percent "
            "accuracy reduction against the teacher, accuracy improvement against the "
            "baseline, size reduction:",
            "",
            _scores(own),
            "",
        ]
    return "\n".join(lines)


def _headline(name: str, results: list[Result]) -> str:
    seeds = {r.seed: r.teacher_accuracy.value for r in results}
    teacher = 100 * float(np.mean(list(seeds.values())))
    printed = PRINTED[name]
    return (
        f"The paper: teacher {printed[0]:.2f} %, tree {printed[1]:.2f} %. Ours: "
        f"teacher {teacher:.2f} % (mean of {len(seeds)} seeds), trees by depth below."
    )


def _spread(results: list[Result]) -> str:
    if len({result.seed for result in results}) > 1:
        return "mean over the seeds and half the width of its 95 % t interval"
    return "with the 95 % Wilson interval"


def _table(results: list[Result], measure: str) -> str:
    cells: dict[str, dict[str, str]] = {}
    for depth in dict.fromkeys(r.depth for r in results):
        for target in TARGETS:
            found = [
                getattr(r, measure)
                for r in results
                if r.depth == depth and r.fitted_to == target
            ]
            cells.setdefault(f"{depth}", {})[target] = _cell(found)
    return _render(pd.DataFrame.from_dict(cells, orient="index"), "depth")


def _cell(found: list[Estimate]) -> str:
    values = 100 * np.asarray([estimate.value for estimate in found])
    if len(values) == 1:
        only = found[0]
        return f"{values[0]:.2f} [{100 * only.low:.2f}, {100 * only.high:.2f}]"
    from scipy.stats import t

    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.2f} ± {half:.2f}"


def _scores(results: list[Result]) -> str:
    own = [result for result in results if result.fitted_to == "auto"]
    labels = {
        (r.seed, r.depth): r.accuracy.value for r in results if r.fitted_to == "labels"
    }
    frame = pd.DataFrame(
        {
            "depth": [r.depth for r in own],
            "leaves": [r.leaves for r in own],
            "score": [r.distillation_score for r in own],
            "accuracy reduction": [r.accuracy_reduction for r in own],
            "accuracy improvement": [
                accuracy_improvement(labels[r.seed, r.depth], r.accuracy.value)
                for r in own
            ],
            "size reduction": [r.size_reduction for r in own],
        }
    )
    means = frame.groupby("depth").mean()
    means["leaves"] = means["leaves"].map("{:.0f}".format)
    means["score"] = means["score"].map("{:.4f}".format)
    for name in means.columns.drop(["leaves", "score"]):
        means[name] = means[name].map("{:.2f}".format)
    chosen = {
        depth: ", ".join(dict.fromkeys(r.chosen for r in own if r.depth == depth))
        for depth in means.index
    }
    means["auto chose"] = means.index.map(chosen)
    return _render(means, "depth")


def _render(frame: pd.DataFrame, index: str) -> str:
    """Return a frame of texts as a Markdown table."""
    rows = [[index, *frame.columns], ["---"] * (frame.shape[1] + 1)]
    rows += [[str(name), *map(str, row)] for name, *row in frame.itertuples()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
