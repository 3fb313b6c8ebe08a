"""Starts and ends the Streamlit app, which lies in `apps/studio`.

Belongs here: the server's command line, its port, its end.
Does not: pages and what they show.
Read first: `launcher.py`.
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.studio.launcher import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        launcher: OpenStudio RUN RUNS find_studio free_port open_studio serve
        """,
    )
