import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from interpretkd._base import InputError
from interpretkd.runs import DemoOrder, Job, TrainOrder, find_runs, load_run, start_job
from interpretkd.runs.jobs import Progress

NAMES = ("<img src=x>", "=1+1", "two\nlines", "عربي 🌳")
QUICK = {"network": {"hidden": [8], "max_epochs": 4}, "settings": {"max_leaves": 4}}


def _table(n_rows: int = 200) -> bytes:
    """Write a small table with hostile names."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(n_rows, 3)).round(3), columns=NAMES[:3])
    rows[NAMES[3]] = np.where(rows[NAMES[0]] > 0, "=yes", "<b>no</b>")
    return rows.to_csv(index=False).encode()


def _order(folder: Path, **settings: Any) -> TrainOrder:
    told = {"data": "table.csv", "target": NAMES[3], "name": "people.csv", **QUICK}
    return TrainOrder(str(folder / "runs" / "made"), **(told | settings))


def _wait_for(job: Job, text: str) -> Progress:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        found = job.poll()
        if text in found.text or found.state != "running":
            return found
        time.sleep(0.01)
    raise AssertionError(f"never said {text!r}, but {job.poll()}")


def _is_gone(pid: int) -> bool:
    """Say whether a process has ended and was waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _ends(pid: int) -> bool:
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        if _is_gone(pid):
            return True
        time.sleep(0.02)
    return False


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "runs").iterdir())


def test_a_table_with_hostile_names_becomes_a_run(tmp_path: Path) -> None:
    # Enough epochs to be seen at work, however seldom this process has its turn.
    network = {"hidden": [8], "max_epochs": 400, "patience": 400}
    order = _order(tmp_path, seed=3, network=network)
    job = start_job(order, files={"table.csv": _table()})
    seen = []
    while (found := job.poll()).state == "running":
        seen.append(found)
        time.sleep(0.005)
    job.wait(10)
    assert (found.state, found.text, found.fraction) == ("done", "Done", 1.0)
    assert found.paths == (str(tmp_path / "runs" / "made"),)
    run = load_run(found.paths[0])
    assert run.model.schema_.names == NAMES[:3]
    assert list(run.model.classes_) == ["<b>no</b>", "=yes"]
    assert run.about["data"] == "people.csv"
    assert run.model.student_.form_.n_leaves <= 4
    assert "teacher" in found.verdict
    assert found.verdict.endswith(".")
    # Nothing but the run is left, and the child was waited for.
    assert _left(tmp_path) == ["made"]
    assert _is_gone(job.pid)
    # Progress only grows, and the epochs were counted.
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert any(progress.share and progress.step == 2 for progress in seen)
    assert all(progress.n_steps == 4 for progress in seen[-5:])
    assert found.seconds >= seen[-1].seconds > 0


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="Linux tells it")
@pytest.mark.parametrize("told", [None, "ACTIVE"])
def test_a_job_s_idle_threads_sleep_unless_told_otherwise(
    told: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY"):
        monkeypatch.delenv(name, raising=False)
    if told is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", told)
    job = start_job(_order(tmp_path), files={"table.csv": _table()})
    _wait_for(job, "Loading")  # a process that has only begun shows none
    environment = Path(f"/proc/{job.pid}/environ").read_bytes().split(b"\0")
    job.cancel()
    assert f"OMP_WAIT_POLICY={told or 'PASSIVE'}".encode() in environment


def test_a_cancelled_training_leaves_nothing(tmp_path: Path) -> None:
    settings = {"network": {"hidden": [8], "max_epochs": 10**6, "patience": 10**6}}
    job = start_job(_order(tmp_path, **settings), files={"table.csv": _table()})
    found = _wait_for(job, "epoch")
    assert found.state == "running"
    assert 0 <= found.fraction < 0.5
    started = time.monotonic()
    cancelled = job.cancel()
    assert cancelled.state == "cancelled"
    assert time.monotonic() - started < 20  # its epochs would take days
    assert _is_gone(job.pid)
    assert _left(tmp_path) == []
    assert job.cancel().state == "cancelled"  # once more changes nothing


def test_settings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    order = _order(tmp_path, rows={"missing": "guess"})
    found = start_job(order, files={"table.csv": _table()}).wait(60)
    assert found.state == "failed"
    assert "'missing' parameter of RowChoice" in found.text


def test_a_job_that_nobody_holds_is_ended(tmp_path: Path) -> None:
    settings = {"network": {"hidden": [8], "max_epochs": 10**6, "patience": 10**6}}
    job = start_job(_order(tmp_path, **settings), files={"table.csv": _table()})
    assert _wait_for(job, "Training").state == "running"
    pid = job.pid
    del job
    assert _ends(pid)
    assert _left(tmp_path) == []


PARENT = """
import sys, time
from interpretkd.runs.jobs import TrainOrder, start_job
job = start_job(TrainOrder(sys.argv[1], "german", network={"max_epochs": 10**6,
                "patience": 10**6}))
print(job.pid, flush=True)
time.sleep(100)
"""


def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    out = str(tmp_path / "runs" / "made")
    command = [sys.executable, "-c", PARENT, out]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.kill()
    # Its new parent may not wait for it: a zombie counts as ended, too.
    ends = time.monotonic() + 15
    while time.monotonic() < ends and not _is_gone(pid):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":
            break
        time.sleep(0.05)
    else:
        assert _is_gone(pid)
    assert _left(tmp_path) == []


def test_a_killed_child_is_said_to_have_ended(tmp_path: Path) -> None:
    settings = {"network": {"hidden": [8], "max_epochs": 10**6, "patience": 10**6}}
    job = start_job(_order(tmp_path, **settings), files={"table.csv": _table()})
    assert _wait_for(job, "Loading").state == "running"
    os.killpg(job.pid, 9)
    found = job.wait(10)
    assert found.state == "failed"
    assert "signal 9" in found.text
    assert _left(tmp_path) == []


def test_bad_data_end_in_one_sentence_and_stop_no_other_job(tmp_path: Path) -> None:
    files = {"table.csv": _table()}
    first = start_job(_order(tmp_path), files=files)
    second = start_job(_order(tmp_path, target="no column"), files=files)
    failed = second.wait(60)
    assert failed.state == "failed"
    assert failed.text.startswith("There is no column 'no column'. The columns are ")
    assert "\n" not in failed.text
    assert first.wait(60).state == "done"
    assert [run.name for run in find_runs(tmp_path / "runs")] == ["made"]


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Nothing can be written to"):
        start_job(DemoOrder(str(tmp_path / "file" / "inside" / "demo"), "german"))


@pytest.mark.slow
def test_a_demo_says_what_is_made_before_all_is(tmp_path: Path) -> None:
    job = start_job(DemoOrder(str(tmp_path / "demo" / "german"), "german"))
    found = job.poll()
    while not found.paths and found.state == "running":
        found = job.poll()
        time.sleep(0.02)
    assert found.paths == (str(tmp_path / "demo" / "german" / "cart"),)
    assert load_run(found.paths[0]).about["data"] == "german_credit"
    job.cancel()
    # The whole run stays; nothing half made is beside it.
    assert find_runs(tmp_path)[0].name == "demo/german/cart"


def test_the_child_speaks_only_json(tmp_path: Path) -> None:
    order = {"out": str(tmp_path / "made"), "data": "unheard of"}
    told = {"kind": "train", "scratch": str(tmp_path / "none"), "order": order}
    with subprocess.Popen(
        [sys.executable, "-m", "interpretkd.runs.jobs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(told) + "\n")
        child.stdin.flush()
        lines = [json.loads(line) for line in child.stdout]
        assert child.wait(30) == 1
    assert lines[0]["step"] == 1
    assert lines[-1]["state"] == "failed"
    assert lines[-1]["text"] == "There is no data set 'unheard of'."
