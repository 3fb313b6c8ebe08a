"""How far a long task is, and how long the rest will take: a bar on the standard error.

The library shows none unless it is asked to; what is shown disappears with the task.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn

from interpretkd._base.text import counted, one_line

_TRUST = 0.05
"""The share of a task after which what was seen counts as much as was expected."""


@dataclass(eq=False)
class Steps:
    """How far a task of several steps is.

    Parameters
    ----------
    expected : sequence of float
        For each step the seconds that it takes on a machine at rest, in (0, inf). Only
        their proportions matter in the long run: as it goes on, what the steps really
        took is taken for the speed of this machine.
    now : callable, default=`time.monotonic`
        The clock, in seconds.

    Examples
    --------
    >>> clock = iter([0.0, 0.0, 0.0, 26.0, 30.0])
    >>> steps = Steps([10.0, 30.0], now=lambda: next(clock))
    >>> steps.begin("Training")
    >>> steps.share, steps.seconds_left()
    (0.0, 40.0)
    >>> steps.begin("Fitting")  # the machine is busy
    >>> steps.share, steps.seconds_left()
    (0.25, 66.0)
    """

    expected: Sequence[float]
    now: Callable[[], float] = field(default_factory=lambda: time.monotonic)
    text: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._begun = self._told = self.now()
        self._whole = math.fsum(self.expected)
        self._before = self._own = self._done = 0.0
        self._n_begun, self._pace = 0, 1.0

    def begin(self, text: str) -> None:
        """Begin the next step; a step more than was expected counts nothing.

        Parameters
        ----------
        text : str
            What is done in it.
        """
        self._before += self._own
        known = self._n_begun < len(self.expected)
        self._own = self.expected[self._n_begun] if known else 0.0
        self._n_begun += 1
        self.part(0, 1, text)

    def part(self, done: float, most: float, text: str | None = None) -> None:
        """Say how much of the step is done.

        Parameters
        ----------
        done, most : float
            So much of so much, in [0, inf).
        text : str or None, default=None
            What is being done; None for the same as before.
        """
        if text is not None:
            self.text = one_line(text).rstrip(" .")
        self._done = self._before + self._own * min(done / most, 1.0)
        self._told = self.now()
        trust = _TRUST * self._whole
        self._pace = (self._told - self._begun + trust) / (self._done + trust)

    def end(self) -> None:
        """Say that nothing is left to do."""
        self._done = self._whole

    @property
    def share(self) -> float:
        """How much of the whole task is done, in [0, 1]."""
        return self._done / self._whole

    def seconds_left(self) -> float:
        """Return about how long the rest will take.

        Returns
        -------
        float
            Seconds, in [0, inf).
        """
        left = (self._whole - self._done) * self._pace
        return max(left - (self.now() - self._told), 0.0)


@contextmanager
def showing(expected: Sequence[float], *, shown: bool) -> Iterator[Steps]:
    """Show steps as a bar on the standard error while they are at work.

    Parameters
    ----------
    expected : sequence of float
        As of `Steps`.
    shown : bool
        Whether to; where the standard error is no terminal, only the end is written.

    Yields
    ------
    Steps
        To be told.
    """
    steps = Steps(expected)
    if not shown:
        yield steps
        return
    console = Console(stderr=True)
    # What is printed elsewhere must not be turned to the terminal of the bar.
    settings = {"redirect_stdout": Console().is_terminal, "console": console}
    with _Bar(steps, transient=console.is_terminal, **settings):
        yield steps
        steps.end()


class _Bar(Progress):
    """A bar that asks the steps each time it is drawn."""

    def __init__(self, steps: Steps, **settings: Any) -> None:
        said = TextColumn("{task.description}", markup=False)
        left = TextColumn("{task.fields[left]}", markup=False)
        self._steps = steps
        super().__init__(said, BarColumn(), left, **settings)
        self.add_task("", total=1.0, left="")

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bar as it is now."""
        steps, left = self._steps, ""
        if steps.share < 1:
            left = f"about {duration_text(steps.seconds_left())} left"
        for task in self.task_ids:
            self.update(task, completed=steps.share, description=steps.text, left=left)
        return super().get_renderables()


def duration_text(seconds: float) -> str:
    """Write a duration as people say it.

    Parameters
    ----------
    seconds : float
        In [0, inf).

    Returns
    -------
    str
        In seconds or minutes; of at least a second.

    Examples
    --------
    >>> duration_text(0.2), duration_text(75), duration_text(200)
    ('1 second', '75 seconds', '3 minutes')
    """
    if seconds < 90:
        return counted(max(round(seconds), 1), "second")
    return counted(round(seconds / 60), "minute")
