"""Threads are given by work and allowance; control groups are read from fake files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from interpretkd._base import allowed_threads, patient_threads, threads, threads_for

UNIFIED = "0::/user.slice/job\n"
LEGACY = "9:name=systemd:/\n4:memory:/\n3:cpu,cpuacct:/docker/job\n0::/\n"


def _machine(root: Path, groups: str, **files: str) -> Path:
    """Write the files of a machine; of a name each "__" is a "/"."""
    told = {"proc__self__cgroup": groups}
    told |= {f"sys__fs__cgroup__{name}": text for name, text in files.items()}
    for name, text in told.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("said", "cores"),
    [
        ("max 100000", None),
        ("200000 100000", 2),
        ("250000 100000", 3),  # half a core counts as one
        ("50000 100000", 1),
        ("1000 100000", 1),
        ("", None),
        ("nonsense", None),
        ("100000 0", None),
        ("-1 100000", None),
    ],
)
def test_quota_of_version_2(said: str, cores: int | None, tmp_path: Path) -> None:
    files = {"user.slice__job__cpu.max": said + "\n"}
    assert threads._quota(_machine(tmp_path, UNIFIED, **files)) == cores


def test_the_tightest_of_the_groups_above_counts(tmp_path: Path) -> None:
    files = {
        "cpu.max": "700000 100000\n",
        "user.slice__cpu.max": "200000 100000\n",
        "user.slice__job__cpu.max": "400000 100000\n",
    }
    assert threads._quota(_machine(tmp_path, UNIFIED, **files)) == 2


def test_quota_of_a_container_whose_path_is_the_host_s(tmp_path: Path) -> None:
    files = {"cpu.max": "300000 100000\n"}
    assert threads._quota(_machine(tmp_path, UNIFIED, **files)) == 3
    assert threads._quota(_machine(tmp_path, "0::/../..\n", **files)) == 3


@pytest.mark.parametrize(("quota", "cores"), [("150000", 2), ("-1", None)])
@pytest.mark.parametrize("place", ["cpu,cpuacct__docker__job__", "cpu,cpuacct__"])
def test_quota_of_version_1(
    quota: str, cores: int | None, place: str, tmp_path: Path
) -> None:
    files = {
        f"{place}cpu.cfs_quota_us": quota + "\n",
        f"{place}cpu.cfs_period_us": "100000\n",
        "memory__cpu.cfs_quota_us": "1000\n",  # not the group of this controller
        "memory__cpu.cfs_period_us": "100000\n",
    }
    assert threads._quota(_machine(tmp_path, LEGACY, **files)) == cores


def test_no_quota_without_control_groups(tmp_path: Path) -> None:
    assert threads._quota(tmp_path) is None
    assert threads._quota(_machine(tmp_path, "not a line of them\n")) is None


@pytest.mark.parametrize(
    ("said", "told"),
    [("3", 3), ("2,4", 2), (" 5 ", 5), ("0", None), ("", None), ("many", None)],
)
def test_what_the_user_told_openmp(said: str, told: int | None) -> None:
    assert threads._told({"OMP_NUM_THREADS": said}) == told


def test_the_least_bound_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "_cores", lambda: 8)
    monkeypatch.setattr(threads, "_quota", lambda root: None)
    assert allowed_threads() == 8
    monkeypatch.setattr(threads, "_quota", lambda root: 4)
    assert allowed_threads() == 4
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert allowed_threads() == 2


@given(st.floats(0, 1e12), st.floats(1, 1e9))
def test_more_work_never_gets_fewer(work: float, share: float) -> None:
    few, many = threads_for(work, share), threads_for(2 * work, share)
    assert 1 <= few <= many <= allowed_threads()
    assert threads_for(work, share, n_jobs=3) == 3


def test_threads_come_one_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "allowed_threads", lambda: 4)
    assert [threads_for(w, 10) for w in (0, 9, 10, 29, 30, 1e9)] == [1, 1, 2, 3, 4, 4]


@pytest.mark.parametrize("name", threads._SPINNING)
def test_how_the_user_s_threads_wait_stands(name: str) -> None:
    assert patient_threads({name: "x"}) == {name: "x"}


def _openmp_of_the_command(**told: str) -> str:
    """Return how OpenMP says that it was set when a command's process loads it."""
    code = (
        "import sys; from interpretkd import cli\n"
        "sys.argv = ['interpretkd', '--help']\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "import sklearn.utils._openmp_helpers"
    )
    bare = {k: v for k, v in os.environ.items() if k not in threads._SPINNING}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=bare | {"OMP_DISPLAY_ENV": "VERBOSE"} | told,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.strip().removeprefix("[host] ") for line in done.stderr.splitlines()]
    return " ".join(line for line in lines if "WAIT_POLICY" in line or "SPIN" in line)


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP says how it was set")
def test_the_command_reaches_openmp_before_it_is_loaded() -> None:
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in (said := _openmp_of_the_command())
    assert "GOMP_SPINCOUNT = '0'" in said
    kept = _openmp_of_the_command(OMP_WAIT_POLICY="ACTIVE")
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in kept
    kept = _openmp_of_the_command(GOMP_SPINCOUNT="77")
    assert "GOMP_SPINCOUNT = '77'" in kept
