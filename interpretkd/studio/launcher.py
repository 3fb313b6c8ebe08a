"""Starting the studio: the Streamlit app that explores saved runs in a browser."""

import atexit
import html
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from interpretkd._base import InputError, check_integer, patient_threads
from interpretkd.runs import saved_run

RUN, RUNS = "INTERPRETKD_RUN", "INTERPRETKD_RUNS"
"""How the app is told which run to open, and where other runs lie."""
_PLACES = (
    Path(__file__).parents[1] / "_studio",  # in a wheel
    Path(__file__).parents[2] / "apps" / "studio",  # in a checkout
)
_FIRST_PORT, _N_PORTS = 8501, 50
_HOSTS = ("127.0.0.1", "localhost")
_PATIENCE = 60.0
"""Seconds within which the app must answer; a busy machine needs some of them."""


def find_studio() -> Path:
    """Return the app's script.

    Returns
    -------
    Path
        What `streamlit run` is given.

    Raises
    ------
    InputError
        Without the `app` extra, or when the installation is not whole.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise InputError(
            "The studio needs Streamlit: pip install 'interpretkd[app]' brings it."
        )
    for place in _PLACES:
        if (place / "app.py").is_file():
            return place / "app.py"
    raise InputError("The studio's files are missing: install interpretkd again.")


def _command(*, port: int, browser: bool = True) -> list[str]:
    """Return what starts the app.

    It listens to this machine alone, tells nobody of its use, asks for no e-mail
    address, watches no files, and shows the type of an error of our own instead of the
    code around it.
    """
    check_integer("studio", "port", port, 1, 65535)
    flags = {
        "server.address": _HOSTS[0],
        "server.port": str(port),
        "server.headless": str(not browser).lower(),
        "server.showEmailPrompt": "false",
        "server.fileWatcherType": "none",
        "server.maxUploadSize": "200",
        # Messages that the page is thought to know are not sent again, but who goes
        # back twice in a moment may have lost one: then the page breaks off.
        "global.minCachedMessageSize": "1000000000",
        "browser.gatherUsageStats": "false",
        "client.showErrorDetails": "type",
        "client.toolbarMode": "viewer",
    }
    script = find_studio()
    serve = [sys.executable, str(script.with_name("server.py")), str(port)]
    started = [*serve, "run", str(script)]
    # Or a page of another host, whose name is made to lead here, could read the runs.
    hosts = [f"--server.allowedHosts={host}" for host in _HOSTS]
    return [*started, *hosts, *(f"--{name}={value}" for name, value in flags.items())]


def _environment(
    run: str | os.PathLike[str] | None, runs: str | os.PathLike[str]
) -> dict[str, str]:
    """Return the surroundings that the app is started in."""
    told = patient_threads(os.environ) | {RUNS: str(Path(runs).resolve())}
    told.pop(RUN, None)
    if run is not None:
        told[RUN] = str(saved_run(run).path.resolve())
    return told


def open_studio(
    run: str | os.PathLike[str] | None = None,
    *,
    runs: str | os.PathLike[str] = "runs",
    port: int | None = None,
    browser: bool = True,
) -> int:
    """Start the app, and wait until it is ended.

    Parameters
    ----------
    run : str or path, default=None
        The run to open; None lets the user choose.
    runs : str or path, default="runs"
        The folder of runs that the app offers, and makes new ones in.
    port : int, default=None
        In [1, 65535]; None takes the first free one from 8501 on.
    browser : bool, default=True
        Whether to open it.

    Returns
    -------
    int
        The app's exit status; 0 when the user ended it.

    Raises
    ------
    InputError
        When there is no run, no free port, or no `app` extra.
    """
    told = _environment(run, runs)
    started = _command(port=free_port() if port is None else port, browser=browser)
    # Whoever ends this process ends the app with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with subprocess.Popen(started, env=told) as app:
        try:
            return app.wait()
        except KeyboardInterrupt:
            app.terminate()
            app.wait()
            return 0


@dataclass(frozen=True, eq=False)
class OpenStudio:
    """An app that runs beside a notebook, until it is stopped or the notebook ends.

    Parameters
    ----------
    url : str
        Where it is; a notebook shows it as a link.
    process : Popen
        The app.
    folder : TemporaryDirectory
        Holds the run that it shows; gone once it is stopped.
    """

    url: str
    process: "subprocess.Popen[bytes]"
    folder: "tempfile.TemporaryDirectory[str]"

    def stop(self) -> None:
        """End the app; once is enough, twice does no harm."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        self.folder.cleanup()
        atexit.unregister(self.stop)

    def __str__(self) -> str:
        ended = self.process.poll() is not None
        return f"The studio at {self.url}" + (", stopped" if ended else "")

    def _repr_html_(self) -> str:
        link = html.escape(self.url)
        return f'<a href="{link}" target="_blank" rel="noopener">Open the studio</a>'


def serve(
    model: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    port: int | None = None,
    browser: bool = True,
) -> OpenStudio:
    """Open the studio on a model, beside a notebook or a script.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted, with one of our students.
    X : array-like or frame of shape (n_samples, n_features)
        Rows that neither the teacher nor the student was fitted to.
    y : array-like of shape (n_samples,), default=None
        Their labels.
    port : int, default=None
        In [1, 65535]; None takes the first free one from 8501 on.
    browser : bool, default=True
        Whether to open it.

    Returns
    -------
    OpenStudio
        Its address, and a method to stop it.

    Raises
    ------
    InputError
        Without rows, without the `app` extra, for a student that cannot be saved,
        without a free port, and when the app does not come up.
    """
    if X is None:
        raise InputError(
            "The studio shows a model on rows: give held-out rows as X. Got None."
        )
    from interpretkd.runs import save  # slow, and the command needs none of it

    port = free_port() if port is None else port
    started = _command(port=port, browser=browser)
    folder = tempfile.TemporaryDirectory(prefix="interpretkd-")
    run = save(model, Path(folder.name) / "notebook", X, y)
    told = _environment(run, folder.name)
    with open(os.devnull, "wb") as nowhere:
        app = subprocess.Popen(
            started, env=told, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
    opened = OpenStudio(f"http://127.0.0.1:{port}", app, folder)
    atexit.register(opened.stop)
    _await(opened, port)
    return opened


def _await(opened: OpenStudio, port: int) -> None:
    end = time.monotonic() + _PATIENCE
    while opened.process.poll() is None and time.monotonic() < end:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    opened.stop()
    raise InputError(
        f"The studio does not start on port {port}: start it with `interpretkd app` to "
        "see why."
    )


def free_port() -> int:
    """Return the first port from 8501 on that nobody listens to.

    Returns
    -------
    int
        The port.

    Raises
    ------
    InputError
        When fifty in a row are taken.
    """
    for port in range(_FIRST_PORT, _FIRST_PORT + _N_PORTS):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    last = _FIRST_PORT + _N_PORTS - 1
    raise InputError(f"The ports {_FIRST_PORT} to {last} are taken: give another one.")
