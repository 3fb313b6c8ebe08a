"""Rules, diagrams and exports: how quick they are, and whether they say the same.

The first table times, on 100,000 rows of 30 columns and a tree of 512 leaves, what the
app does while a person waits, beside scikit-learn's ``export_text`` of the same tree
(which measures nothing) and Graphviz's ``dot``. The second distils a logistic
regression on four data sets into small students and exports each to every format: the
rows that come out otherwise, of all held-out rows and of rows made from the student's
own thresholds.

    interpretkd bench rules [--quick] [--out FOLDER]
"""

import json
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, export_graphviz, export_text

from interpretkd._base import InputError, write_atomically
from interpretkd.datasets import (
    Dataset,
    load_breast_cancer,
    load_connect4,
    load_digits,
    load_german_credit,
)
from interpretkd.distillation import DistilledClassifier
from interpretkd.drawing import tree_svg
from interpretkd.export import EXPORTS, export_student
from interpretkd.rules import extract_rules, readable
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.teachers import CallableTeacher

GOALS = {
    "rule table, 512 rules": 50.0,
    "readable thresholds, 512 rules": 250.0,
    "SVG of 255 leaves": 50.0,
}
"""Milliseconds."""
DATA = (load_german_credit, load_breast_cancer, load_digits, load_connect4)
STUDENTS = {
    "tree": CartStudent(32, search="greedy"),
    "boosted": BoostedStudent(max_leaves=64, random_state=0),
    "linear": LinearStudent(),
}


def main(path: Path, *, quick: bool = False, console: Any) -> None:
    """Run the benchmark, print its tables, write ``rules.json`` and ``rules.md``.

    Parameters
    ----------
    path : Path
        The folder to write to.
    quick : bool, default=False
        Few rows and one data set: whether it all works.
    console : rich.console.Console
        Where to print.
    """
    path.mkdir(parents=True, exist_ok=True)
    times = _times(2_000 if quick else 100_000, 2 if quick else 9)
    for line in times.to_dict("records"):
        console.print(str(line), markup=False, highlight=False)
    parity = []
    for load in DATA[:1] if quick else DATA:
        for record in _parity(load()):
            parity.append(record)
            console.print(str(record), markup=False, highlight=False)
    text = _markdown(times, pd.DataFrame(parity))
    console.print(text, markup=False, highlight=False)
    results = {"times": times.to_dict("records"), "parity": parity}
    write_atomically(path / "rules.json", json.dumps(results, indent=1).encode())
    write_atomically(path / "rules.md", text.encode())


def _times(n_rows: int, repeats: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = [f"feature {i}" for i in range(30)]
    X = pd.DataFrame(rng.normal(size=(n_rows, 30)).astype(np.float32), columns=names)
    values = np.sin(X.iloc[:, :10]).sum(axis=1) + X.iloc[:, 10] * X.iloc[:, 11]
    y = np.array(["bad", "fair", "good"])[np.digitize(values, [-1, 1])]
    logits = np.eye(3)[np.unique(y, return_inverse=True)[1]] * 2
    logits += rng.normal(size=logits.shape)
    known = dict(zip(X.index, logits, strict=True))

    teacher = CallableTeacher(
        lambda rows: np.asarray([known[i] for i in rows.index]), classes=np.unique(y)
    )
    student = CartStudent(512, search="greedy", min_samples_leaf=5)
    model = DistilledClassifier(teacher, student, target="hard", transfer=None).fit(X)
    small = CartStudent(255, search="greedy").fit(X, logits)
    peer = DecisionTreeClassifier(max_leaf_nodes=512, min_samples_leaf=5).fit(X, y)
    drawn = DecisionTreeClassifier(max_leaf_nodes=255).fit(X, y)

    def table() -> Any:
        return extract_rules(model, X, y, teacher_logits=logits).to_frame()

    lines = [
        ("rule table, 512 rules", table, "export_text", lambda: _texts(peer)),
        (
            "readable thresholds, 512 rules",
            lambda: readable(model.tree_, X),
            "-",
            None,
        ),
        ("SVG of 255 leaves", lambda: tree_svg(small, max_depth=99), *_dot(drawn)),
    ]
    return pd.DataFrame(
        [_line(name, ours, of, theirs, repeats) for name, ours, of, theirs in lines]
    )


def _texts(peer: DecisionTreeClassifier) -> str:
    text: str = export_text(peer, max_depth=99)
    return text


def _dot(tree: DecisionTreeClassifier) -> tuple[str, Callable[[], Any] | None]:
    if shutil.which("dot") is None:
        return "dot (not installed)", None
    source = export_graphviz(tree).encode()
    command = ["dot", "-Tsvg"]
    return "dot", lambda: subprocess.run(
        command, input=source, capture_output=True, check=True
    )


def _line(
    name: str,
    ours: Callable[[], Any],
    of: str,
    theirs: Callable[[], Any] | None,
    repeats: int,
) -> dict[str, Any]:
    mine = _least(ours, repeats)
    other = None if theirs is None else _least(theirs, min(repeats, 3))
    return {
        "what": name,
        "ms": round(mine, 1),
        "goal, ms": GOALS[name],
        "peer": of,
        "peer, ms": None if other is None else round(other, 1),
        "ratio": None if other is None else round(other / mine, 1),
    }


def _least(work: Callable[[], Any], repeats: int) -> float:
    seconds = []
    for _ in range(repeats + 1):  # the first warms up
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return 1e3 * min(seconds[1:])


def _parity(dataset: Dataset) -> list[dict[str, Any]]:
    split = dataset.split()
    fitted = np.concatenate([split.train, split.transfer])
    texts = make_column_selector(dtype_include=["category", object, "string"])
    teacher = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), texts), remainder=StandardScaler()
        ),
        LogisticRegression(max_iter=500),
    )
    rows, labels = dataset.data.iloc[fitted], dataset.target[fitted]
    teacher.fit(rows, labels)
    records = []
    for name, student in STUDENTS.items():
        frozen = FrozenEstimator(teacher)
        model = DistilledClassifier(frozen, student, target="hard", random_state=0)
        model.fit(rows)
        for to in EXPORTS:
            said = _exported(model, to, dataset.data)
            records.append({"data": dataset.name, "student": name, "to": to, **said})
    return records


def _exported(model: Any, to: str, rows: pd.DataFrame) -> dict[str, Any]:
    try:
        return {"outcome": str(export_student(model, to, rows))}
    except InputError as error:
        return {"outcome": str(error)}


def _markdown(times: pd.DataFrame, parity: pd.DataFrame) -> str:
    head = (
        "# Rules, diagrams and exports\n\n"
        f"Python {platform.python_version()}; the least of several runs on one core; "
        "a ratio above 1: ours is faster.\n"
    )
    cells = times.astype(object).where(times.notna(), "-")
    tables = [_table(cells), _table(parity)]
    return "\n\n".join([head, tables[0], "## Exports beside their student", tables[1]])


def _table(frame: pd.DataFrame) -> str:
    lines = ["| " + " | ".join(frame.columns) + " |", "| --- " * frame.shape[1] + "|"]
    rows = frame.itertuples(index=False, name=None)
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines)
