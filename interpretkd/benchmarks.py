"""Finding and running the benchmarks of ``apps/bench``."""

import importlib.util
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from interpretkd._validation import InputError

__all__ = ["find_benchmark", "run_benchmark"]

_PLACES = (
    Path(__file__).parent / "_bench",  # in a wheel
    Path(__file__).parent.parent / "apps" / "bench",  # in a checkout
)


def run_benchmark(
    name: str, path: str | os.PathLike[str], *, quick: bool = False, console: Any
) -> None:
    """Run a benchmark; it writes ``NAME.json`` and ``NAME.md``.

    Parameters
    ----------
    name : str
        Which; "seeds".
    path : str or path
        The folder to write to.
    quick : bool, default=False
        Whether to make it small: a trial of the machinery, whose numbers mean little.
    console : rich.console.Console
        Where to print.

    Raises
    ------
    InputError
        When there is no such benchmark.
    """
    find_benchmark(name).main(Path(path), quick=quick, console=console)


def find_benchmark(name: str) -> ModuleType:
    """Import a benchmark by its name.

    Parameters
    ----------
    name : str
        Which.

    Returns
    -------
    module
        It has a ``main(path, quick, console)``.

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
    file = next(p for place in _PLACES if (p := place / f"{name}.py").is_file())
    spec = importlib.util.spec_from_file_location(f"interpretkd_bench_{name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
