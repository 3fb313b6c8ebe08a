"""The methods of distillation, each beside plain distillation and a control.

Each row is one method of `methods`, on some data sets with one student or more. For
each seed a network is trained (once for all rows), and four models are fitted to the
same rows: the baseline (the same student on the labels), plain distillation
(``target="auto"``, given rows alone, no method), the method, and its control: what a
stub would do as well. All are judged on the same held-out rows.

    interpretkd bench methods [--row NUMBER] [--seeds N] [--data FOLDER] [--quick]
                              [--out FOLDER]

The folder holds further sets, CSV files whose column "target" is the class. Each row is
kept in ``OUT/methods/NN_name.json`` with the state of the code; one that was measured on
this code is not measured again unless it is asked for by ``--row``. `--quick` checks, on
one seed and 600 rows, that every method equals plain distillation at its neutral value
and differs from its control.
"""

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._method_data import (  # type: ignore[import-not-found]
    STUDENTS,
    TABLES,
    Case,
    Setting,
    Store,
    case_of,
    settings_for,
)
from interpretkd_bench._method_judging import (  # type: ignore[import-not-found]
    Judged,
    counts_of,
    judge,
    judge_baseline,
)
from interpretkd_bench._method_row import (  # type: ignore[import-not-found]
    Row,
    Trial,
    first_network,
)
from interpretkd_bench._method_tables import (  # type: ignore[import-not-found]
    markdown,
    read_results,
)
from interpretkd_bench._state import state_of  # type: ignore[import-not-found]
from interpretkd_bench.method_rows import ROWS  # type: ignore[import-not-found]

from interpretkd._base import InputError, write_atomically

_SEEDS, _QUICK_TRIES = 5, 3
_WITHOUT_FOLDER = ("german_credit", "breast_cancer")
"""What stands for the tables of a folder where none is given."""
_SAME = 1e-12
"""Two models are the same when their logits differ by less."""


def main(
    path: Path,
    *,
    data: Path | None = None,
    quick: bool = False,
    row: str | None = None,
    seeds: int | None = None,
    console: Any,
    rows: Sequence[Any] | None = None,
) -> None:
    """Run the benchmark; write a JSON for each row and ``methods.md``.

    Parameters
    ----------
    path : Path
        The folder to write to.
    data : Path, default=None
        A folder of CSV files with a column "target".
    quick : bool, default=False
        One seed, one set, 600 rows: whether every row does what it must.
    row : str, default=None
        A number: this row alone, in any case.
    seeds : int, default=None
        How many; None for 5.
    console : rich.console.Console
        Where to print.
    rows : sequence of Row, default=None
        None for all.

    Raises
    ------
    InputError
        For a row that is not there; after a trial, for each row that is not what it
        must be.
    """
    chosen = _chosen(ROWS if rows is None else rows, row)
    if seeds is not None and seeds < 1:
        raise InputError(f"The number of seeds must be at least 1. Got {seeds}.")
    n_seeds = 1 if quick else (seeds or _SEEDS)
    folder = path / ("methods-quick" if quick else "methods")
    folder.mkdir(parents=True, exist_ok=True)
    bench = _Bench(settings_for(data), Store(path / "networks"), n_seeds, quick)
    problems: list[str] = []
    for one in chosen:
        file = folder / f"{one.key}.json"
        state = state_of(one.file)
        if row is None and not quick and _is_known(file, state, bench, one):
            console.print(f"{one.number} {one.name}: known from {file.name}")
            continue
        start = time.perf_counter()
        record = {**_about(one), "state": state, "quick": quick, "seeds": n_seeds}
        record["cells"] = list(bench.cells(one))
        record["seconds"] = time.perf_counter() - start
        write_atomically(file, json.dumps(record, indent=1).encode())
        problems += [p for cell in record["cells"] for p in cell.get("problems", ())]
        said = f"{one.number} {one.name}: {record['seconds']:.1f} s"
        console.print(said, markup=False, highlight=False)
    if not quick:
        text = markdown(read_results(folder), _states(ROWS))
        write_atomically(path / "methods.md", text.encode())
        console.print(text, markup=False, highlight=False)
    if problems:
        raise InputError("\n".join(problems))


def _chosen(rows: Sequence[Any], number: str | None) -> list[Any]:
    """Return the rows of a number; "17" is also 17b."""
    if number is None:
        return list(rows)
    found = [one for one in rows if number in (one.number, one.number.rstrip("abcdef"))]
    if not found:
        known = ", ".join(one.number for one in rows)
        raise InputError(f"There is no row {number!r}. There are: {known}.")
    return found


def _states(rows: Sequence[Any]) -> dict[str, Any]:
    """Return by each row's key what its code is now."""
    return {one.key: state_of(one.file) for one in rows}


def _is_known(file: Path, state: dict[str, Any], bench: "_Bench", row: Row) -> bool:
    """Tell whether a file holds the row as it would be measured now."""
    if not file.is_file():
        return False
    kept = json.loads(file.read_text())
    wanted = {(d, s, k) for d, s in bench.places(row) for k in range(bench.seeds)}
    there = {(cell["data"], cell["student"], cell["seed"]) for cell in kept["cells"]}
    same = all(kept["state"][key] == state[key] for key in ("library", "files"))
    return same and wanted <= there


def _about(row: Row) -> dict[str, Any]:
    names = ("number", "name", "source", "claim_text", "control_text", "judged_by")
    return {**{name: getattr(row, name) for name in names}, "of": row.of}


class _Bench:
    """The cases and the plain models, which all rows share."""

    def __init__(
        self, settings: Mapping[str, Setting], store: Store, seeds: int, quick: bool
    ) -> None:
        self.settings, self.store = settings, store
        self.seeds, self.quick = seeds, quick
        self._cases: dict[tuple[str, int], Case] = {}
        self._plain: dict[Any, tuple[Any, Judged, Judged]] = {}

    def places(self, row: Row) -> list[tuple[str, str]]:
        """Return the data sets and students of a row."""
        from interpretkd_bench._method_data import (
            SETTINGS,
        )

        if self.quick and TABLES in row.data:
            return [("breast_cancer", row.students[0])]
        names: list[str] = []
        folder = [name for name in self.settings if name not in SETTINGS]
        for name in row.data:
            names += (folder or _WITHOUT_FOLDER) if name == TABLES else [name]
        names = list(dict.fromkeys(names))
        pairs = [(name, student) for name in names for student in row.students]
        return pairs[:1] if self.quick else pairs

    def cells(self, row: Row) -> Iterator[dict[str, Any]]:
        """Measure a row; a cell a data set, student and seed."""
        for data, student in self.places(row):
            if self.quick:
                yield self._trial(row, data, student)
                continue
            for seed in range(self.seeds):
                about = {"data": data, "student": student, "seed": seed}
                try:
                    yield {**about, **self._cell(row, data, student, seed)}
                except Exception as error:
                    # What one row cannot do is told, and the others go on.
                    reason = f"{type(error).__name__}: {error}".splitlines()[0]
                    yield {**about, "failed": reason}

    def _trial(self, row: Row, data: str, student: str) -> dict[str, Any]:
        """Measure one cell; a control that equals the method by chance gets more."""
        cell: dict[str, Any] = {}
        for seed in range(_QUICK_TRIES):
            about = {"data": data, "student": student, "seed": seed}
            cell = {**about, **self._cell(row, data, student, seed)}
            if not cell["problems"]:
                break
        return cell

    def _cell(self, row: Row, data: str, student: str, seed: int) -> dict[str, Any]:
        case = self._case(data, seed)
        plain, judged_plain, baseline = self._plainly(row, case, student)
        models, judged = {"plain": plain}, {"plain": judged_plain}
        teachers = row.teachers(case)
        for name, build in (("method", row.build), ("control", row.control)):
            if build is not None:
                model, seconds = _fit(row, build(teachers, self._student(student, seed)), case)
                models[name] = model
                judged[name] = judge(model, case, row.of, seconds)
        if models["method"].view_ is not None:  # the baseline has the same view
            baseline = judge_baseline(models["method"], case, row.of)
        judged["baseline"] = baseline
        found = self._record(row, Trial(case, models, judged))
        if self.quick:
            found["problems"] = self._problems(row, Trial(case, models, judged), student)
        return found

    def _case(self, data: str, seed: int) -> Case:
        key = (data, seed)
        if key not in self._cases:
            if data not in self.settings:
                raise InputError(f"There is no data set {data!r}.")
            told = (data, self.settings[data], seed, self.store)
            self._cases[key] = case_of(*told, quick=self.quick)
        return self._cases[key]

    def _student(self, name: str, seed: int) -> Any:
        return STUDENTS[name](seed, self.quick)

    def _plainly(
        self, row: Row, case: Case, student: str
    ) -> tuple[Any, Judged, Judged]:
        """Return the plain model, fitted once for all rows that share it."""
        asked = row.plain_teachers
        key = (case.data, case.seed, student, row.plain, row.labelled, asked)
        if key not in self._plain:
            of = "network" if asked is first_network else "own"
            unfitted = row.plain(asked(case), self._student(student, case.seed))
            model, seconds = _fit(row, unfitted, case, further=False)
            judged = judge(model, case, of, seconds)
            self._plain[key] = (model, judged, judge_baseline(model, case, of))
        return self._plain[key]

    def _record(self, row: Row, trial: Trial) -> dict[str, Any]:
        case, judged = trial.case, trial.judged
        base = float(judged["baseline"].right.mean())
        others = [name for name in ("plain", "control") if name in judged]
        return {
            "n_fitted": len(case.y),
            "n_test": len(case.y_test),
            "results": {name: one.record(base) for name, one in judged.items()},
            "counts": {
                name: {
                    measure: counts_of(
                        judged["method"].hits(measure), judged[name].hits(measure)
                    )
                    for measure in ("fidelity", "accuracy")
                }
                for name in others
            },
            "claim": _finite(row.claim(trial)),
            "recipe": list(trial.models["method"].recipe_),
        }

    def _problems(self, row: Row, trial: Trial, student: str) -> list[str]:
        """Return what is not as it must be: the identity, the control."""
        case, said = trial.case, f"Row {row.number} ({row.name}): "
        method = trial.judged["method"].logits
        problems = []
        if row.control is not None and _same(method, trial.judged["control"].logits):
            problems.append(f"{said}the control is the same model as the method.")
        if row.neutral is None:
            return problems
        own = self._student(student, case.seed)
        teachers = row.teachers(case)
        if callable(row.neutral):
            neutral = row.neutral(teachers, own)
        else:
            neutral = row.build(teachers, own).set_params(**row.neutral)
        fitted, _ = _fit(row, neutral, case, further=False)
        plain = trial.judged["plain"].logits
        if not _same(judge(fitted, case).logits, plain):
            problems.append(f"{said}its neutral setting is not plain distillation.")
        if row.control is None and _same(method, plain):
            problems.append(f"{said}the method is the same model as the plain one.")
        return problems


def _fit(
    row: Row, model: Any, case: Case, *, further: bool = True
) -> tuple[Any, float]:
    X, y, others = case.given(row.labelled, further=row.further and further)
    start = time.perf_counter()
    model.set_params(random_state=case.seed).fit(X, y, X_unlabelled=others)
    return model, time.perf_counter() - start


def _same(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    return one.shape == other.shape and bool(np.abs(one - other).max() <= _SAME)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
