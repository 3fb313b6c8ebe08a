"""The command line: parse, call the library, print; a file a group of commands.

Belongs here: arguments, messages, exit codes (0 good, 1 our sentence, 2 wrong usage).
Does not: computing. What is heavy is imported inside a command, so `--help` is quick.
Read first: `distill.py` (from a table to a run), `_console.py` (how errors are told).
"""

import os
import shlex
import sys
import warnings
from typing import Annotated, TextIO

import typer

from interpretkd._base import PrecisionWarning, __version__, patient_threads
from interpretkd.cli import bench, distill, export, inspect, studio

__all__ = ["app", "main"]

app = typer.Typer(
    name="interpretkd",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Distil a neural network into a small model that people can read, and show "
    "how far it can be trusted.",
)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        What stands behind the program's name; None takes it from the process, whose
        idle threads then sleep instead of spinning, unless its environment says how
        they wait.

    Raises
    ------
    SystemExit
        Always, with the exit code.
    """
    if arguments is None:  # the process is ours, and nothing has loaded OpenMP yet
        os.environ.update(patient_threads(os.environ))
    try:
        typed = sys.argv[1:] if arguments is None else arguments
        with warnings.catch_warnings():
            warnings.showwarning = _tell
            app(arguments, obj=shlex.join(["interpretkd", *typed]))
    except (ValueError, OSError) as error:  # InputError and the library's own errors
        text = " ".join(_said(error).split())
        typer.echo(f"Error: {text}", err=True)
        sys.exit(1)


def _said(error: ValueError | OSError) -> str:
    """Say what went wrong; of the system's errors the file and the reason."""
    if not isinstance(error, OSError) or error.filename is None:
        return str(error)
    return f"{str(error.filename)!r} cannot be used: {error.strerror}."


def _tell(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print our own warnings in one line, all others as Python does."""
    text = warnings.formatwarning(message, category, filename, lineno, line)
    if issubclass(category, PrecisionWarning):
        text = f"Warning: {' '.join(str(message).split())}\n"
    typer.echo(text, file=file, nl=False, err=file is None)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


for command in (
    distill.demo,
    distill.distill,
    inspect.rules,
    inspect.tree,
    export.export,
    export.report,
    inspect.explain,
    inspect.predict,
    inspect.evaluate,
):
    app.command()(command)
app.command("app")(studio.studio)
app.command()(bench.bench)
