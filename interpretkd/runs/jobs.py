"""Training in a process of its own, that can be watched and really be stopped.

The child, ``python -m interpretkd.runs.jobs``, reads its order as one line of JSON from
its standard input, and says how far it is in lines of JSON on its standard output. It
ends when it is done, when it is told to, and when its standard input closes: so it
never outlives the process that started it, however that one ends.
"""

import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from interpretkd._base import InputError, patient_threads
from interpretkd.runs._replace import _Scratch

_SAID_EVERY = 0.1
"""Seconds between two lines about the same step."""
_GRACE = 5.0
"""Seconds in which a child that was killed must be gone."""


@dataclass(frozen=True)
class TrainOrder:
    """What a run is made from.

    Parameters
    ----------
    out : str
        The run's folder; with "-2" behind it, and so on, where there is something when
        the run is made. Nothing is replaced.
    data : str
        The path of a CSV or Parquet file; without a target the name of a shipped data
        set: one of `interpretkd.runs.DEMOS`.
    target : str or None, default=None
        The column to predict.
    name : str or None, default=None
        What to call the data; None takes the file's name.
    drop : tuple of str, default=()
        Columns to leave out.
    group : str or None, default=None
        The column that says which rows belong together.
    unlabelled : str or None, default=None
        The path of a file of further rows for the student, without labels.
    unlabelled_name : str or None, default=None
        What to call that file; None takes its own name.
    student_columns : tuple of str, default=()
        The columns that the student may read; () for all.
    task : {"auto", "classification", "regression"}, default="auto"
        What the target is.
    rows : mapping, default={}
        Parameters of `interpretkd.data.RowChoice`.
    teacher : str, default="mlp"
        "mlp", "cnn", or the path of an ONNX file.
    network : mapping, default={}
        The network's parameters.
    n_networks : int, default=1
        How many networks that differ in their seeds are the teacher together.
    student : {"cart", "scored", "boosted", "linear"}, default="cart"
        The family.
    settings : mapping, default={}
        Parameters of `interpretkd.runs.new_student`.
    fit_to : {"auto", "hard", "soft", "logits"}, default="auto"
        What the student is fitted to.
    alpha : float, default=0.0
        In [0, 1]: the weight of the labels.
    seed : int, default=0
        Of split, network and student.
    """

    out: str
    data: str
    target: str | None = None
    name: str | None = None
    drop: tuple[str, ...] = ()
    group: str | None = None
    unlabelled: str | None = None
    unlabelled_name: str | None = None
    student_columns: tuple[str, ...] = ()
    task: str = "auto"
    rows: Mapping[str, Any] = field(default_factory=dict)
    teacher: str = "mlp"
    network: Mapping[str, Any] = field(default_factory=dict)
    n_networks: int = 1
    student: str = "cart"
    settings: Mapping[str, Any] = field(default_factory=dict)
    fit_to: str = "auto"
    alpha: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class DemoOrder:
    """Which of the built-in demos is made.

    Parameters
    ----------
    out : str
        The folder for its runs.
    name : str
        One of `interpretkd.runs.DEMOS`.
    """

    out: str
    name: str


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Parameters
    ----------
    state : {"running", "done", "failed", "cancelled"}
        What has become of it.
    text : str
        What is being done; of a failed job what was wrong, in one sentence.
    step, n_steps : int
        Which of how many steps that is, from 1.
    share : float or None
        How much of the step is done, where that is known.
    seconds : float
        Since it was started, until now or its end.
    paths : tuple of str
        The runs that it has made, the first to be looked at first.
    verdict : str
        Of a run that was trained: what it is worth, in a sentence.
    notes : tuple of str
        Of such a run: what was unusual about its tables, in a sentence each.
    """

    state: str = "running"
    text: str = "Starting"
    step: int = 1
    n_steps: int = 1
    share: float | None = None
    seconds: float = 0.0
    paths: tuple[str, ...] = ()
    verdict: str = ""
    notes: tuple[str, ...] = ()

    @property
    def fraction(self) -> float:
        """How much of all steps is done; a step of unknown length counts at its end."""
        if self.state == "done":
            return 1.0
        return min((self.step - 1 + (self.share or 0.0)) / self.n_steps, 1.0)


class Job:
    """A child process at work; `start_job` starts it.

    Parameters
    ----------
    process : Popen
        The child.
    scratch : Scratch
        A folder of its own, removed when it has ended.
    """

    def __init__(self, process: "subprocess.Popen[str]", scratch: _Scratch) -> None:
        self._process, self._log = process, _Log()
        self._finalizer = weakref.finalize(self, _end, process, scratch)
        # The thread must not know the job: one that nobody looks at is ended.
        self._reader = threading.Thread(
            target=_listen, args=(process, self._log, scratch), daemon=True
        )
        self._reader.start()

    @property
    def pid(self) -> int:
        """The child's process id, which is also its group's."""
        return self._process.pid

    def poll(self) -> Progress:
        """Return how far it is.

        Returns
        -------
        Progress
            At this moment.
        """
        return self._log.now()

    def wait(self, timeout: float | None = None) -> Progress:
        """Wait until it has ended.

        Parameters
        ----------
        timeout : float, default=None
            Seconds after which no longer to wait; None for no bound.

        Returns
        -------
        Progress
            At the end, or at the time's.
        """
        self._reader.join(timeout)
        return self.poll()

    def cancel(self) -> Progress:
        """Stop it, with all it has started; a run that is half made is not kept.

        Returns
        -------
        Progress
            "cancelled", unless it had ended before.
        """
        self._log.cancel()
        self._finalizer()
        return self.wait(_GRACE)


def start_job(
    order: TrainOrder | DemoOrder,
    *,
    files: Mapping[str, bytes] | None = None,
) -> Job:
    """Start a child that carries out an order.

    Parameters
    ----------
    order : TrainOrder or DemoOrder
        What to make.
    files : mapping of str to bytes, default=None
        Files that the order names without a folder; they are kept in a hidden folder
        beside the run for as long as the job lasts.

    Returns
    -------
    Job
        To be polled.

    Raises
    ------
    InputError
        When there is no room for the files.
    """
    out = Path(order.out).absolute()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch = _Scratch(out.parent)
        for name, content in (files or {}).items():
            (scratch.inner / Path(name).name).write_bytes(content)
    except OSError as error:
        raise InputError(f"Nothing can be written to {str(out.parent)!r}.") from error
    order = _with_places(replace(order, out=str(out)), scratch.inner, set(files or {}))
    kind = "demo" if isinstance(order, DemoOrder) else "train"
    told = {"kind": kind, "scratch": str(scratch.folder), "order": asdict(order)}
    line = json.dumps(told)
    process = subprocess.Popen(
        [sys.executable, "-m", "interpretkd.runs.jobs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=patient_threads(os.environ),
        start_new_session=True,  # a group of its own, to be ended as a whole
    )
    job = Job(process, scratch)
    with contextlib.suppress(OSError):  # it has ended: the reader will say so
        assert process.stdin is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()
    return job


def _with_places(order: Any, scratch: Path, names: set[str]) -> Any:
    """Put the folder before the files that are named without one."""
    placed = {
        part: str(scratch / Path(getattr(order, part)).name)
        for part in ("data", "teacher", "unlabelled")
        if getattr(order, part, None) in names
    }
    return replace(order, **placed)


class _Log:
    """What a child has said, as one state; written by one thread, read by others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._state = Progress()

    def now(self) -> Progress:
        with self._lock:
            if self._state.state != "running":
                return self._state
            seconds = time.monotonic() - self._started
            return replace(self._state, seconds=seconds)

    def hear(self, said: Mapping[str, Any]) -> None:
        """Take over what a line said."""
        lists = {part: tuple(said.get(part, ())) for part in ("paths", "notes")}
        self._change(**(dict(said) | lists))

    def cancel(self) -> None:
        self._change(state="cancelled", text="Cancelled")

    def end(self, status: int) -> None:
        """Note that the child has gone, if it did not say why."""
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        self._change(
            state="failed",
            text=f"The training ended before it was done ({how}); the machine may "
            "have been short of memory.",
        )

    def _change(self, **parts: Any) -> None:
        with self._lock:
            if self._state.state != "running":
                return
            seconds = time.monotonic() - self._started
            parts["paths"] = parts.get("paths") or self._state.paths
            self._state = replace(self._state, **parts, seconds=seconds)


def _listen(process: "subprocess.Popen[str]", log: _Log, scratch: _Scratch) -> None:
    """Read the child's lines until it ends; then nothing of it is left."""
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            with contextlib.suppress(ValueError, TypeError):
                log.hear(json.loads(line))
    status = process.wait()
    _end(process, scratch)
    log.end(status)


def _end(process: "subprocess.Popen[str]", scratch: _Scratch) -> None:
    """End the child with its group, and remove its folder."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            _kill_group(process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    scratch.remove()


def _kill_group(pid: int) -> None:
    """End a process with all that it has started."""
    if sys.platform != "win32":
        os.killpg(pid, signal.SIGKILL)
        return
    tree = ["taskkill", "/T", "/F", "/PID", str(pid)]
    subprocess.run(tree, capture_output=True, check=False)


def main() -> None:
    """Carry out the order that stands on the standard input.

    Raises
    ------
    SystemExit
        With 1 when the order could not be carried out; what was wrong has been said.
    """
    # Its own channel: whatever a library prints goes to the standard error.
    with os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1) as channel:
        os.dup2(2, 1)
        told = json.loads(sys.stdin.readline())
        _watch_parent(sys.stdin, Path(told["scratch"]))
        if not _carry_out(told, _Speaker(channel)):
            sys.exit(1)


def _watch_parent(stdin: IO[str], scratch: Path) -> None:
    """End at once, with the group, when the one who gave the order is gone."""

    def watch() -> None:
        stdin.read()
        shutil.rmtree(scratch, ignore_errors=True)
        _kill_group(0 if sys.platform != "win32" else os.getpid())

    threading.Thread(target=watch, daemon=True).start()


class _Speaker(logging.Handler):
    """Says how far the work is; the library's log lines stand beside the step."""

    def __init__(self, channel: IO[str]) -> None:
        super().__init__(logging.WARNING)
        self._channel = channel
        self._step, self._n_steps, self._text = 1, 1, ""
        self._said = 0.0

    def plan(self, n_steps: int) -> None:
        self._step, self._n_steps = 0, n_steps

    def begin(self, text: str) -> None:
        """Say that the next step begins."""
        self._step, self._text, self._said = self._step + 1, text.rstrip(" ."), 0.0
        self._n_steps = max(self._n_steps, self._step)
        self._say(text=self._text, share=None)

    def count(self, epochs: float, most: int) -> None:
        """Say how many epochs are done."""
        if time.monotonic() - self._said < _SAID_EVERY and epochs < most:
            return
        self._said = time.monotonic()
        text = f"{self._text}: epoch {min(int(epochs) + 1, most)} of at most {most}"
        self._say(text=text, share=epochs / most)

    def made(self, *paths: str) -> None:
        """Say that runs are there, while others are still made."""
        self._say(paths=paths)

    def end(self, **result: Any) -> None:
        self._say(**result)

    def emit(self, record: logging.LogRecord) -> None:
        self._say(text=f"{self._text}. {record.getMessage()}")

    def _say(self, **parts: Any) -> None:
        line = {"step": max(self._step, 1), "n_steps": self._n_steps, **parts}
        with contextlib.suppress(OSError):  # nobody listens: the watch ends all
            self._channel.write(json.dumps(line) + "\n")
            self._channel.flush()


def _carry_out(told: Mapping[str, Any], speaker: _Speaker) -> bool:
    logging.getLogger("interpretkd").addHandler(speaker)
    try:
        if told["kind"] == "demo":
            result = _make_demo(told["order"], speaker)
        else:
            result = _train(told["order"], Path(told["scratch"]), speaker)
    except (ValueError, OSError) as error:  # InputError and the library's own errors
        speaker.end(state="failed", text=" ".join(str(error).split()))
        return False
    except MemoryError:
        speaker.end(state="failed", text="The machine is short of memory for this.")
        return False
    except Exception as error:  # a fault of ours: its place is told to the terminal
        traceback.print_exc()
        kind = type(error).__name__
        speaker.end(state="failed", text=f"An error in interpretkd itself: {kind}.")
        return False
    speaker.end(state="done", text="Done", **result)
    return True


def _train(told: Mapping[str, Any], scratch: Path, speaker: _Speaker) -> dict[str, Any]:
    order = TrainOrder(**told)
    speaker.plan(4)
    speaker.begin("Loading the library and the rows")
    from interpretkd.runs import _workflow as runs
    from interpretkd.runs._listing import _place_run

    task = _task(order)
    n_rows = len(task.split.train)
    what = "the teacher" if order.n_networks == 1 else f"{order.n_networks} networks"
    speaker.begin(
        f"Training {what} on {n_rows:,} rows"
        if order.teacher in ("mlp", "cnn")
        else "Opening the teacher"
    )
    teacher = runs.train_teacher(
        task,
        order.teacher,
        n_networks=order.n_networks,
        seed=order.seed,
        on_epoch=speaker.count,
        **order.network,
    )
    student = runs.new_student(order.student, seed=order.seed, **order.settings)
    outcome = runs.distil(
        task,
        teacher,
        student,
        scratch / "made",
        target=order.fit_to,
        alpha=order.alpha,
        seed=order.seed,
        tell=speaker.begin,
    )
    # Others may have taken the name while this one was trained: then the next one.
    path = _place_run(outcome.path, Path(order.out))
    said = {"verdict": outcome.evaluation.verdict, "notes": task.notes}
    return {"paths": [str(path)], **said}


def _task(order: TrainOrder) -> Any:
    from interpretkd.data import RowChoice
    from interpretkd.runs import _task as runs
    from interpretkd.runs._demo import DEMOS

    if order.target is None and order.data not in DEMOS:
        raise InputError(f"There is no data set {order.data!r}.")
    if order.target is None and order.unlabelled is not None:
        raise InputError("Further rows are for a table of one's own. Got a data set.")
    if order.target is None:
        dataset, columns = DEMOS[order.data].load(), order.student_columns
        return runs.task_of(dataset, seed=order.seed, student_columns=columns)
    return runs.read_task(
        order.data,
        order.target,
        drop=order.drop,
        group=order.group,
        task=order.task,
        seed=order.seed,
        name=order.name,
        choice=RowChoice(**order.rows),
        unlabelled=order.unlabelled,
        unlabelled_name=order.unlabelled_name,
        student_columns=order.student_columns,
    )


def _make_demo(told: Mapping[str, Any], speaker: _Speaker) -> dict[str, Any]:
    order = DemoOrder(**told)
    speaker.plan(7)
    speaker.begin("Loading the library and the rows")
    from interpretkd.runs._demo import run_demo
    from interpretkd.runs._listing import find_runs

    def tell(text: str) -> None:
        speaker.made(*_first_the_tree(find_runs(order.out)))
        speaker.begin(text)

    run_demo(order.name, order.out, tell=tell, on_epoch=speaker.count)
    return {"paths": _first_the_tree(find_runs(order.out))}


def _first_the_tree(found: Any) -> list[str]:
    paths = sorted(found, key=lambda run: (run.name != "cart", run.name))
    return [str(run.path) for run in paths]


if __name__ == "__main__":
    main()
