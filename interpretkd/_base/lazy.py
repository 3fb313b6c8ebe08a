"""Names that are read when they are first asked for (PEP 562)."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def attach(
    package: str, names: Mapping[str, Sequence[str]], rooms: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return what a package needs so that its names resolve on first use.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    names : mapping of str to sequence of str
        By module, relative to the package, the public names that it defines.
    rooms : sequence of str, default=()
        Subpackages that are public themselves.

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
    >>> load, listed, _ = attach("collections", {"abc": ["Mapping", "Sized"]})
    >>> load("Sized").__name__
    'Sized'
    >>> listed()
    ['Mapping', 'Sized']
    """
    places = {name: module for module, found in names.items() for name in found}
    public = sorted([*places, *rooms])

    def load(name: str) -> Any:
        if name in rooms:
            return import_module(f"{package}.{name}")
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{places[name]}"), name)

    return load, lambda: public, public
