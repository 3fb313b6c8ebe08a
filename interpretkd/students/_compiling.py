"""A word to the user while compiled code is made, which happens once on a machine."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.event import Event, Listener, install_listener

_PATIENCE = 1.5
"""Seconds of compiling after which a user is told why a first fit takes long."""
_WORD = (
    "Compiling the tree engine: once on this machine, about 20 seconds in all for the "
    "first students."
)


@contextmanager
def saying_when_compiling() -> Iterator[None]:
    """Log one line if our code is compiled here, and not loaded from the cache.

    numba itself tells when it compiles: a fit that takes long for other reasons, on a
    busy machine, gets no word.

    Yields
    ------
    None
        While it is listened to.
    """
    with install_listener("numba:compile", _Word()) as word:
        try:
            yield
        finally:
            word.end()


class _Word(Listener):
    """Counts the seconds that our functions are compiled, in whatever thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running, self._begun, self._spent = 0, 0.0, 0.0
        self._timer: threading.Timer | None = None
        self._said = False

    def on_start(self, event: Event) -> None:
        """Begin to wait, unless a word was said."""
        if not _is_ours(event):
            return
        with self._lock:
            self._running += 1
            if self._running > 1:
                return
            self._begun = time.monotonic()
            if not self._said:
                left = max(_PATIENCE - self._spent, 0.0)
                self._timer = threading.Timer(left, self._say)
                self._timer.daemon = True
                self._timer.start()

    def on_end(self, event: Event) -> None:
        """Stop waiting when nothing is compiled any longer."""
        if not _is_ours(event):
            return
        with self._lock:
            self._running -= 1
            if not self._running:
                self._spent += time.monotonic() - self._begun
                self._stop()

    def end(self) -> None:
        """Say nothing from now on."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _say(self) -> None:
        with self._lock:
            if self._timer is None or self._said:
                return
            self._said = True
        logging.getLogger("interpretkd").warning(_WORD)


def _is_ours(event: Event) -> bool:
    details: Any = event.data
    function = getattr(details.get("dispatcher"), "py_func", None)
    return str(getattr(function, "__module__", "")).startswith("interpretkd.")
