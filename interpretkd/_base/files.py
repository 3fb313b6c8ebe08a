"""Writing files: whole, and with nothing in them that a reader would execute."""

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

_NUMBER = re.compile(r"[+-]?[0-9.,]*[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?(?: ?%)?")


def csv_text(frame: pd.DataFrame) -> str:
    """Return a table as CSV in which no text is taken for a formula.

    A spreadsheet computes a cell that starts with =, +, -, @, tab or carriage return;
    such a text gets an apostrophe in front. Numbers are left alone, also those that
    are held as texts, such as -0,5.

    Parameters
    ----------
    frame : DataFrame
        The table.

    Returns
    -------
    str
        The CSV text with a header, without the index.

    Examples
    --------
    >>> print(csv_text(pd.DataFrame({"name": ["=1+1", "a"], "x": [-1, 2]})))
    name,x
    '=1+1,-1
    a,2
    <BLANKLINE>
    """
    safe = frame.map(_disarmed)
    safe.columns = pd.Index([_disarmed(str(name)) for name in frame.columns])
    text: str = safe.to_csv(index=False, lineterminator="\n")
    return text


def _disarmed(cell: Any) -> Any:
    dangerous = isinstance(cell, str) and cell.startswith(
        ("=", "+", "-", "@", "\t", "\r")
    )
    return f"'{cell}" if dangerous and not _NUMBER.fullmatch(cell) else cell


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file such that nobody ever sees half of it.

    Parameters
    ----------
    path : Path
        The file; one that is there is replaced.
    content : bytes
        What it shall hold.

    Raises
    ------
    OSError
        When the folder is absent or cannot be written to.
    """
    try:
        _write_beside(path, content)
    except OSError as error:  # it must name the file that was asked for
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_beside(path: Path, content: bytes) -> None:
    """Write to a temporary name, then move it in place."""
    prefix = f".{path.name[:50]}."  # a long name with more behind it may be too long
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=prefix)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
