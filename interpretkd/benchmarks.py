"""Finding and running the benchmarks of ``apps/bench``."""

import importlib
import inspect
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from interpretkd._errors import InputError

__all__ = ["find_benchmark", "run_benchmark"]

_PLACES = (
    Path(__file__).parent / "_bench",  # in a wheel
    Path(__file__).parent.parent / "apps" / "bench",  # in a checkout
)
_PACKAGE = "interpretkd_bench"
"""What the benchmarks import their common parts from, wherever they lie."""


def run_benchmark(
    name: str,
    path: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    quick: bool = False,
    console: Any,
) -> None:
    """Run a benchmark; it writes ``NAME.json`` and ``NAME.md``.

    Parameters
    ----------
    name : str
        Which; "boosted", "rules", "seeds", "speed", "studio" or "trees".
    path : str or path
        The folder to write to.
    data : str or path, default=None
        A folder of further data sets, for a benchmark that takes one.
    quick : bool, default=False
        Whether to make it small: a trial of the machinery, whose numbers mean little.
    console : rich.console.Console
        Where to print.

    Raises
    ------
    InputError
        When there is no such benchmark or folder, or it takes no data.
    """
    run = find_benchmark(name).main
    further: dict[str, Any] = {}
    if data is not None:
        if "data" not in inspect.signature(run).parameters:
            raise InputError(f"The benchmark {name!r} takes no folder of data.")
        if not Path(data).is_dir():
            raise InputError(f"There is no folder {str(data)!r}.")
        further["data"] = Path(data)
    run(Path(path), quick=quick, console=console, **further)


def find_benchmark(name: str) -> ModuleType:
    """Import a benchmark by its name.

    Parameters
    ----------
    name : str
        Which.

    Returns
    -------
    module
        It has a ``main(path, quick, console)``; some take a ``data`` folder, too.

    Raises
    ------
    InputError
        When there is no such benchmark.
    """
    known = sorted({p.stem for place in _PLACES for p in place.glob("[a-z]*.py")})
    if name not in known:
        raise InputError(
            f"There is no benchmark {name!r}. There are: {', '.join(known) or 'none'}."
        )
    package = ModuleType(_PACKAGE)
    package.__path__ = [str(place) for place in _PLACES if place.is_dir()]
    sys.modules.setdefault(_PACKAGE, package)
    return importlib.import_module(f"{_PACKAGE}.{name}")
