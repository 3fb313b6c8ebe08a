"""What can go wrong with what a user gave: one sentence for them, without a trace."""

import contextlib
from collections.abc import Iterator


class InputError(ValueError):
    """Something the user gave cannot be used; the text is one sentence for them.

    The command line prints it on stderr and exits with 1.
    """


class BundleError(InputError):
    """A run bundle cannot be read; the text says which file, what is wrong, and why."""


class PrecisionWarning(UserWarning):
    """Different values of a column are taken for one; the text names the column.

    The command line prints it on stderr, in one line.
    """


@contextlib.contextmanager
def naming_file(name: str) -> Iterator[None]:
    """Turn whatever goes wrong with a run's file into one sentence that names it.

    Parameters
    ----------
    name : str
        The file, as the run calls it.

    Yields
    ------
    None
        While the file is read and used.

    Raises
    ------
    BundleError
        For any exception in between; a `BundleError` has named its file and stays.
    """
    try:
        yield
    except BundleError:
        raise
    except Exception as error:  # any parser may raise anything on damaged bytes
        reason = str(error).strip().splitlines() or [type(error).__name__]
        if isinstance(error, KeyError):
            reason[0] = f"it lacks the part {reason[0][:80]}"
        elif isinstance(error, AttributeError | TypeError | IndexError):
            # Python's own words, "'list' object has no attribute ...", help nobody.
            reason[0] = "a part of it is not what a run holds there"
        elif isinstance(error, RecursionError):
            reason[0] = "it is nested too deep"
        elif not isinstance(error, InputError):
            reason[0] = f"{type(error).__name__}: {reason[0]}"
        raise BundleError(
            f"The run's file {name} cannot be used: {reason[0].rstrip('.')}."
        ) from error
