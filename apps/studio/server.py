"""Streamlit's own command; once it serves, what the first page needs is loaded.

The browser takes a second or two to come up, and so do the libraries: side by side, a
person waits for one of them only.
"""

import contextlib
import gc
import pkgutil
import socket
import sys
import threading
import time

# Nothing that is being loaded is garbage: looking for some takes a quarter of the time.
# It stands before the import of Streamlit, so that this is loaded without, too.
gc.disable()

from streamlit.web.cli import main  # noqa: E402

_FIRST = ("interpretkd.runs:analyse_run", "altair")
_LATER, _SECONDS_LATER = ("interpretkd.teachers:MLPTeacher",), 10.0
"""Torch, which pages that ask the teacher need; when the first page is there."""


def load_ahead(port: int) -> None:
    """Load what pages need, after the server has loaded what it needs."""
    while not _listens(port):
        time.sleep(0.02)
    # The app may end meanwhile; what really is amiss, a page says.
    with contextlib.suppress(Exception):
        try:
            for name in _FIRST:
                pkgutil.resolve_name(name)
        finally:
            gc.freeze()
            gc.enable()
        time.sleep(_SECONDS_LATER)
        for name in _LATER:
            pkgutil.resolve_name(name)


def _listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    threading.Thread(
        target=load_ahead, args=(int(sys.argv.pop(1)),), daemon=True
    ).start()
    sys.exit(main())
