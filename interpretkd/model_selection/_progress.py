"""How far a search for students is, and how long it will take."""

import logging
import time
from collections.abc import Iterator, Sequence

from rich.console import Console

from interpretkd._base import counted, duration_text, showing
from interpretkd.model_selection._candidates import Candidate, cost_of

_LONG = 20.0
"""Seconds from which on a user is told what is to come, without being asked."""


def _shown(
    candidates: Sequence[Candidate], effort: str, *, verbose: bool
) -> Iterator[Candidate]:
    """Yield students; after the first fit say how long the others will take."""
    costs = [cost_of(candidate) for candidate in candidates]
    begun, n = time.monotonic(), len(candidates)
    with showing(costs, shown=verbose) as steps:
        for i, candidate in enumerate(candidates):
            steps.begin(f"{candidate.family}, student {i + 1} of {n}")
            yield candidate
            if i == 0 and n > 1:
                left = (time.monotonic() - begun) / costs[0] * sum(costs[1:])
                said = _forecast(n - 1, left, effort)
                if verbose:
                    Console(stderr=True).print(said, highlight=False)
                elif left > _LONG:
                    logging.getLogger("interpretkd").warning(said)


def _forecast(n_left: int, seconds: float, effort: str) -> str:
    time_left = duration_text(seconds)
    said = f"frontier: {counted(n_left, 'further student')}, about {time_left}"
    tail = "; effort='quick' takes about half" if effort != "quick" else ""
    return f"{said}, judging by the first{tail}."
