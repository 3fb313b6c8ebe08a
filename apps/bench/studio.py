"""The studio: how long a person waits, and how much memory a run takes.

On 100,000 held-out rows of 31 columns, with a tree of 512 leaves, boosted trees and a
linear student, each page is run on the server twice: in a first session, which
computes, and in a second one, which shares it. The size slider is moved to sizes it was
not at before. An empty Streamlit page in the same process says what of it is not ours.
Then the app is started, and a browser waits for its first page.

    interpretkd bench studio [--quick] [--out FOLDER]
"""

import importlib.util
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator

from interpretkd._base import InputError, patient_threads, write_atomically
from interpretkd.distillation import DistilledClassifier
from interpretkd.runs import save
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.studio import RUN, RUNS, find_studio, free_port
from interpretkd.teachers import MLPTeacher

GOALS = {
    "page, second session": 1.0,
    "slider": 0.3,
    "memory": 1.5,
    "start to page": 5.0,
}
"""Seconds; memory in GB."""
PAGES = (
    *("start", "train", "overview", "tree", "rules", "effects", "disagreements"),
    *("row", "whatif", "compare", "export"),
)
STUDENTS = {
    "cart": CartStudent(512, search="greedy"),
    "boosted": BoostedStudent(max_depth=4, n_rounds=60, random_state=0),
    "linear": LinearStudent(),
}
_NEW_SIZES = (300, 64, 17, 9, 33)
_TIMEOUT = 120.0


def main(path: Path, *, quick: bool = False, console: Any) -> None:
    """Run the benchmark, print its table, write ``studio.json`` and ``studio.md``.

    Parameters
    ----------
    path : Path
        The folder to write to.
    quick : bool, default=False
        Few rows: whether it all works.
    console : rich.console.Console
        Where to print.
    """
    path.mkdir(parents=True, exist_ok=True)
    records = []
    n_rows = 2_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as folder:
        made = _runs(Path(folder) / "large", n_rows)
        for name, run in made.items():
            for record in _apart(run, folder):
                records.append({"student": name, **record})
                console.print(str(records[-1]), markup=False, highlight=False)
        small = _runs(Path(folder) / "small", 1_000)["cart"]
        start = {"1,000 rows": _start(small, folder)}
        start |= {f"{n_rows:,} rows": _start(made["cart"], folder)}
    console.print(str(start), markup=False, highlight=False)
    result = {
        "python": platform.python_version(),
        "rows": n_rows,
        "goals": GOALS,
        "pages": records,
        "start": start,
    }
    write_atomically(path / "studio.json", json.dumps(result, indent=1).encode())
    write_atomically(path / "studio.md", _markdown(result).encode())
    console.print(f"Written: {path / 'studio.md'}")


def _runs(folder: Path, n_rows: int) -> dict[str, Path]:
    """Train a small network and three students on 30,000 rows; hold the others out."""
    rng = np.random.default_rng(0)
    fitted = min(30_000, n_rows)
    n = fitted + n_rows
    X = pd.DataFrame(
        rng.normal(size=(n, 30)).round(3), columns=[f"x{i}" for i in range(30)]
    )
    X["city"] = pd.Categorical(rng.choice(list("abcdefgh"), n))
    score = X["x0"] * X["x1"] + np.sin(2 * X["x2"]) + X["x3"] * (X["city"] == "a")
    noisy = score + X["x4"] ** 2 / 2 + rng.normal(size=n) / 2
    y = np.array(["low", "middle", "high"])[np.digitize(noisy, [0, 1])]
    teacher = MLPTeacher((64,), max_epochs=6, random_state=0)
    teacher.fit(X[:fitted], y[:fitted])
    made = {}
    for name, student in STUDENTS.items():
        frozen = FrozenEstimator(teacher)
        model = DistilledClassifier(frozen, student, target="soft", random_state=0)
        model.fit(X[:fitted], y[:fitted])
        held_out = X[fitted:].reset_index(drop=True)
        made[name] = save(model, folder / name, held_out, y[fitted:])
    return made


def _apart(run: Path, runs: str) -> list[dict[str, Any]]:
    """Measure in a process of its own, whose memory is its own."""
    code = (
        "import json; from interpretkd.cli.bench import find_benchmark;"
        "print(json.dumps(find_benchmark('studio').measure()))"
    )
    told = patient_threads(os.environ) | {RUN: str(run), RUNS: runs}
    done = subprocess.run(
        [sys.executable, "-c", code], env=told, stdout=subprocess.PIPE, check=True
    )
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure() -> list[dict[str, Any]]:
    """Open every page of the run that the environment names, twice.

    Returns
    -------
    list of dict
        What was measured, in seconds; the last one is memory.
    """
    records: list[dict[str, Any]] = [{"what": "an empty page", "second": _empty()}]
    for page in PAGES:
        first, second = _seconds(page), _seconds(page)
        records.append({"what": page, "first": first, "second": second})
    for shift, page in enumerate(("tree", "overview", "rules", "row")):
        moved = _moved(page, shift)
        if moved is not None:
            records.append({"what": f"{page}: slider", **moved})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return [*records, {"what": "peak memory, GB", "second": round(peak, 2)}]


def _empty() -> float:
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_string("import streamlit as st\nst.title('empty')").run()
    began = time.perf_counter()
    app.run()
    return round(time.perf_counter() - began, 3)


def _opened(page: str) -> Any:
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(find_studio()), default_timeout=_TIMEOUT)
    return app.switch_page(f"views/{page}.py")


def _seconds(page: str) -> float:
    app = _opened(page)
    began = time.perf_counter()
    app.run()
    took = time.perf_counter() - began
    if app.exception:
        raise InputError(f"The page {page!r} failed: {app.exception[0].value}")
    return round(took, 3)


def _moved(page: str, shift: int) -> dict[str, float] | None:
    """Move the slider to sizes that nobody has looked at; None where there is none."""
    app = _opened(page).run()
    sliders = [slider for slider in app.sidebar.slider if slider.label == "Leaves"]
    if not sliders:
        return None
    took = []
    for size in _NEW_SIZES:
        began = time.perf_counter()
        app.sidebar.slider(key=sliders[0].key).set_value(size - shift).run()
        took.append(time.perf_counter() - began)
    return {"first": round(max(took), 3), "second": round(statistics.median(took), 3)}


def _start(run: Path, runs: str) -> dict[str, float]:
    """Start the app as the command does; wait for its server, then for a page."""
    port = free_port()
    flags = [*_program(), "app", str(run), "--runs", runs, "--no-browser"]
    with _browser() as browser:
        began = time.perf_counter()
        app = subprocess.Popen([*flags, "--port", str(port)], stdout=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/_stcore/health")
            found = {"start to server": round(time.perf_counter() - began, 2)}
            if browser is not None:
                page = browser.new_page()
                page.goto(url)
                page.get_by_test_id("stMetric").first.wait_for(timeout=60_000)
                found["start to page"] = round(time.perf_counter() - began, 2)
            return found
        finally:
            app.terminate()
            app.wait()


def _program() -> list[str]:
    return [sys.executable, "-c", "from interpretkd.cli import main; main()"]


def _wait_for(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise InputError(f"{url} does not answer.")


@contextmanager
def _browser() -> Iterator[Any]:
    """Start a browser, as a person has one running; None where there is none."""
    program = shutil.which("chromium")
    if program is None or importlib.util.find_spec("playwright") is None:
        yield None
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


def _markdown(result: dict[str, Any]) -> str:
    lines = [
        "# The studio",
        "",
        f"Seconds on the server, {result['rows']:,} held-out rows; `interpretkd bench "
        "studio`. The first session computes, the second shares. Of a slider: the "
        "slowest and the median of five sizes nobody has looked at.",
        "",
        "| student | what | first or slowest | second or median |",
        "|---|---|---:|---:|",
    ]
    for record in result["pages"]:
        cells = (
            record.get(name, "") for name in ("student", "what", "first", "second")
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    for rows, times in result["start"].items():
        told = ", ".join(f"{name} {value} s" for name, value in times.items())
        lines += ["", f"With {rows}: {told}."]
    goals = ", ".join(f"{name} {value}" for name, value in result["goals"].items())
    return "\n".join([*lines, "", f"Goals (s, GB): {goals}.", ""])
