"""How far a search for students is, and how long it will take."""

import logging
import time
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from interpretkd._base import counted, one_line
from interpretkd.model_selection._candidates import Candidate, cost_of

_LONG = 20.0
"""Seconds from which on a user is told what is to come, without being asked."""


def _shown(
    candidates: Sequence[Candidate], effort: str, *, verbose: bool
) -> Iterator[Candidate]:
    """Yield students; after the first fit say how long the others will take."""
    costs = [cost_of(candidate) for candidate in candidates]
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    begun = time.monotonic()
    with Progress(*columns, console=console, disable=not verbose) as progress:
        bar = progress.add_task("", total=sum(costs))
        for i, (candidate, cost) in enumerate(zip(candidates, costs, strict=True)):
            progress.update(bar, description=one_line(candidate.family))
            yield candidate
            progress.advance(bar, cost)
            if i == 0 and len(candidates) > 1:
                left = (time.monotonic() - begun) / cost * sum(costs[1:])
                said = _forecast(len(candidates) - 1, left, effort)
                if verbose:
                    progress.console.print(said, highlight=False)
                elif left > _LONG:
                    logging.getLogger("interpretkd").warning(said)


def _forecast(n_left: int, seconds: float, effort: str) -> str:
    said = f"frontier: {counted(n_left, 'further student')}, about {_duration(seconds)}"
    tail = "; effort='quick' takes about half" if effort != "quick" else ""
    return f"{said}, judging by the first{tail}."


def _duration(seconds: float) -> str:
    if seconds < 90:
        return counted(max(round(seconds), 1), "second")
    return counted(round(seconds / 60), "minute")
