"""What several commands take or print with."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from interpretkd._base import Steps


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")]


Seed = Annotated[int, typer.Option(min=0, help="Of splits, networks and students.")]


def new_console() -> "Console":
    """Return what prints: as wide as the terminal, and a file or pipe as it needs."""
    from rich.console import Console

    found = Console(soft_wrap=True)
    if not found.is_terminal:  # a file or a pipe has no width of its own
        found = Console(soft_wrap=True, width=120)
    return found


def watched(expected: Sequence[float]) -> "AbstractContextManager[Steps]":
    """Show steps of so many seconds as a bar, if the standard error is a terminal."""
    from interpretkd._base import showing

    return showing(expected, shown=sys.stderr.isatty())


def warn(text: str) -> None:
    """Say on the standard error what a person has to know of the data."""
    typer.echo(f"Note: {' '.join(text.split())}", err=True)
