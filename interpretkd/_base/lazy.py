"""Names that are read when they are first asked for (PEP 562)."""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def attach(
    package: str, table: str, rooms: str = ""
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return what a package needs so that its names resolve on first use.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    table : str
        A line for each module, relative to the package: the module, a colon, and the
        public names that it defines. What stands in further lines belongs to the last.
    rooms : str, default=""
        Subpackages that are public themselves; they are named where a name that is
        absent here is one of theirs.

    Returns
    -------
    getattr : callable
        For the package's ``__getattr__``.
    dir : callable
        For its ``__dir__``.
    all : list of str
        For its ``__all__``.

    Examples
    --------
    >>> load, listed, _ = attach("collections", "abc: Mapping Sized")
    >>> load("Sized").__name__
    'Sized'
    >>> listed()
    ['Mapping', 'Sized']
    """
    places, module = {}, ""
    for word in table.split():
        if word.endswith(":"):
            module = word[:-1]
        else:
            places[word] = module
    public = sorted([*places, *rooms.split()])

    def load(name: str) -> Any:
        if name in places:
            return getattr(import_module(f"{package}.{places[name]}"), name)
        if name in public:
            return import_module(f"{package}.{name}")
        raise AttributeError(
            f"module {package!r} has no attribute {name!r}.{hint(name)}"
        )

    def hint(name: str) -> str:
        if name.startswith("_"):  # others look for these, not people
            return ""
        for room in rooms.split():
            if name in import_module(f"{package}.{room}").__all__:
                return f" It is in {package}.{room}."
        from interpretkd._base.validation import closest

        return closest(name, public)

    return load, lambda: list(public), list(public)
