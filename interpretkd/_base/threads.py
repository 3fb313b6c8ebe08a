"""How many threads a piece of work gets, and how idle ones wait: said here alone.

Threads that wait for each other cost most where others work on the same machine: those
of OpenMP spin for as long as the one they wait for has no turn.
"""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

_SPINNING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
"""By any of these a user says how threads of OpenMP wait."""


def threads_for(work: float, share: float, n_jobs: int | None = None) -> int:
    """Return how many threads a piece of work is worth.

    It follows from the work and from what the process may use, never from how busy the
    machine is: sums of floats depend on it, and the same seed gives the same student.

    Parameters
    ----------
    work : float
        In [0, inf): its size, such as cells to read.
    share : float
        In (0, inf): how much of it is worth a further thread.
    n_jobs : int or None, default=None
        In [1, inf): what the user asked for, which is what they get; None to choose.

    Returns
    -------
    int
        In [1, inf); chosen, at most `allowed_threads`.

    Examples
    --------
    >>> threads_for(10, 1_000), threads_for(10, 1_000, n_jobs=3)
    (1, 3)
    """
    if n_jobs is not None:
        return n_jobs
    if work < share:
        return 1
    return min(1 + int(work // share), allowed_threads())


def allowed_threads() -> int:
    """Return how many threads can be at work at once in this process.

    Returns
    -------
    int
        The least of the cores that it may run on, the share of them that its control
        groups allow (Linux, both versions; part of a core counts as one) and
        the environment variable OMP_NUM_THREADS.
    """
    bounds = [_cores(), _told(os.environ), _quota(Path("/"))]
    return min(bound for bound in bounds if bound is not None)


def patient_threads(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which idle threads of OpenMP sleep instead of spinning.

    OpenMP reads it once, when it is loaded: it is for a process that begins.

    Parameters
    ----------
    environment : mapping of str to str
        Variables; where one of them says how threads wait, that stands.

    Returns
    -------
    dict of str to str
        The same variables, and perhaps one more.

    Examples
    --------
    >>> patient_threads({"HOME": "/root"})
    {'HOME': '/root', 'OMP_WAIT_POLICY': 'PASSIVE'}
    >>> patient_threads({"GOMP_SPINCOUNT": "1000"})
    {'GOMP_SPINCOUNT': '1000'}
    """
    if any(name in environment for name in _SPINNING):
        return dict(environment)
    return {**environment, "OMP_WAIT_POLICY": "PASSIVE"}


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux alone
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _told(environment: Mapping[str, str]) -> int | None:
    """Return the threads of the outermost level, as OpenMP reads the variable."""
    first = environment.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    # isdecimal() alone also takes digits of other scripts, and OpenMP does not.
    return int(first) or None if first.isascii() and first.isdecimal() else None


def _quota(root: Path) -> int | None:
    """Return the cores of the tightest control group, rounded up; None for no bound."""
    quotas = [
        quota
        for place in _groups(root)
        if (quota := _unified(place) or _legacy(place)) is not None
    ]
    return max(1, math.ceil(min(quotas))) if quotas else None


def _groups(root: Path) -> Iterator[Path]:
    """Yield the folders of this process's groups and of those that hold them.

    In a container the path may be one of the host: then its upper part is not there,
    and what is mounted is the container's own group.
    """
    mounted = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        inside = PurePosixPath(path.lstrip("/"))
        for place in (inside, *inside.parents):
            if ".." not in place.parts:
                yield mounted / controllers / place


def _unified(group: Path) -> float | None:
    """Read the quota of version 2: microseconds of each period, or "max"."""
    return _ratio("".join(_lines(group / "cpu.max")[:1]).split())


def _legacy(group: Path) -> float | None:
    """Read the quota of version 1: -1 is none."""
    names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    return _ratio([text for name in names for text in _lines(group / name)[:1]])


def _ratio(pair: list[str]) -> float | None:
    if len(pair) != 2 or not all(text.strip().isdecimal() for text in pair):
        return None
    quota, period = map(int, pair)
    return quota / period if quota and period else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
