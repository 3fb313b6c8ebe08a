"""The command `bench`, and how it finds the benchmarks of ``apps/bench``."""

import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from interpretkd._base import InputError
from interpretkd.cli._console import new_console

_FOLDER = Path(__file__).parents[2] / "apps" / "bench"
"""They lie in a checkout alone: a wheel has none."""
_PACKAGE = "interpretkd_bench"
"""What the benchmarks import their common parts from."""

_OPTIONS = {
    "data": "folder of data",
    "row": "row",
    "seeds": "number of seeds",
    "sets": "names of data sets",
    "sizes": "sizes",
    "methods": "names of methods",
}
"""What an option is, for a benchmark that does not take it."""


def bench(
    name: Annotated[
        str,
        typer.Argument(
            metavar="seeds|trees|boosted|scored|methods|rules|speed|studio",
            help="Which benchmark.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="A folder for the JSON and Markdown.")
    ] = Path("runs/bench"),
    data: Annotated[
        Path | None,
        typer.Option(
            help='Further sets for "trees" and "methods": CSV files with a column '
            '"target".'
        ),
    ] = None,
    row: Annotated[
        str | None, typer.Option(help='One row of "methods" alone, by its number.')
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help='How many seeds "methods" and "trees" take.'),
    ] = None,
    sets: Annotated[
        str | None, typer.Option(help='These sets of "trees" alone: names with commas.')
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option(help='These sizes of "trees" alone, as in "8 leaves,depth 3".'),
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(help='These ways of "trees" alone, as in "ours,naive".'),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer seeds, depths and epochs: a trial.")
    ] = False,
) -> None:
    """Run a benchmark.

    "seeds" is the seed paper's headline, on MNIST and Connect-4; "trees" compares small
    trees with those of other packages; "boosted" compares ways to spend a budget of
    leaves on boosted trees; "scored" measures trees whose tests add up points by how
    many columns these may be; "methods" measures every method of distillation beside a
    control; "rules" times and checks rules, diagrams and exports;
    "speed" measures seconds and memory; "studio" those of the app.
    """
    run = find_benchmark(name).main
    further = {"data": data, "row": row, "seeds": seeds}
    further |= {"sets": sets, "sizes": sizes, "methods": methods}
    further = {name: value for name, value in further.items() if value is not None}
    for option in further:
        if option not in inspect.signature(run).parameters:
            raise InputError(f"The benchmark {name!r} takes no {_OPTIONS[option]}.")
    if data is not None and not data.is_dir():
        raise InputError(f"There is no folder {str(data)!r}.")
    run(out, quick=quick, console=new_console(), **further)


def find_benchmark(name: str) -> ModuleType:
    """Import a benchmark by its name.

    Parameters
    ----------
    name : str
        Which.

    Returns
    -------
    module
        It has a ``main(path, quick, console)``; some take more, such as ``data``.

    Raises
    ------
    InputError
        When there is no such benchmark, or no checkout.
    """
    if not _FOLDER.is_dir():
        raise InputError(
            "The benchmarks need a checkout of the repository, installed with "
            "`pip install -e '.[bench]'`: a wheel does not hold them."
        )
    known = sorted(path.stem for path in _FOLDER.glob("[a-z]*.py"))
    if name not in known:
        raise InputError(
            f"There is no benchmark {name!r}. There are: {', '.join(known)}."
        )
    package = ModuleType(_PACKAGE)
    package.__path__ = [str(_FOLDER)]
    sys.modules.setdefault(_PACKAGE, package)
    return importlib.import_module(f"{_PACKAGE}.{name}")
