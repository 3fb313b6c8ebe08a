"""Names that are read when they are first asked for (PEP 562)."""

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

_LIBRARY = "interpretkd"


class _Room(ModuleType):
    """A subpackage that says what to call when it is called itself."""

    def __call__(self, *args: Any, **settings: Any) -> None:
        """Say that it is no function, and which of the library's are in it."""
        from interpretkd._base.errors import InputError

        library = sys.modules[_LIBRARY]
        known = [(name, getattr(library, name)) for name in library.__all__]
        meant = [
            f"{_LIBRARY}.{name}"
            for name, value in known
            if getattr(value, "__module__", "").startswith(f"{self.__name__}.")
        ]
        hint = f" Did you mean {' or '.join(meant)}?" if meant else ""
        raise InputError(f"{self.__name__} is a room of names, not a function.{hint}")


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
    if package.startswith(f"{_LIBRARY}."):
        sys.modules[package].__class__ = _Room
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
