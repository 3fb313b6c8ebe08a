"""The command that opens the studio: `app`."""

from pathlib import Path
from typing import Annotated

import typer


def studio(
    run: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="The run to open.")
    ] = None,
    runs: Annotated[
        Path, typer.Option(help="A folder: its runs are offered, new ones made there.")
    ] = Path("runs"),
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Else the first free one from 8501 on."),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only say where the app is.")
    ] = False,
) -> None:
    """Explore runs in the browser, or train one there; on this machine alone."""
    from interpretkd.studio import find_studio, open_studio

    try:
        find_studio()
    except ValueError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(open_studio(run, runs=runs, port=port, browser=not no_browser))
