"""The launcher: what it starts, and that a real server comes up and goes."""

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

from interpretkd._base import InputError
from interpretkd.cli import app
from interpretkd.distillation import DistilledClassifier
from interpretkd.runs import find_runs
from interpretkd.students import CartStudent
from interpretkd.studio import RUN, RUNS, find_studio, free_port, launcher as studio
from interpretkd.studio.launcher import _command, _environment


def test_it_listens_here_alone_and_tells_nobody():
    flags = _command(port=8701, browser=False)
    for flag in (
        "--server.address=127.0.0.1",
        "--server.port=8701",
        "--server.headless=true",
        "--server.showEmailPrompt=false",
        "--browser.gatherUsageStats=false",
        "--server.maxUploadSize=200",
        "--global.minCachedMessageSize=1000000000",
    ):
        assert flag in flags
    assert "--server.headless=false" in _command(port=8701)


def test_the_app_is_told_of_run_and_runs_folder(tmp_path, monkeypatch):
    monkeypatch.setenv(RUN, "of another start")
    run = tmp_path / "run"
    run.mkdir()
    (run / "manifest.json").write_text("{}")
    assert _environment(run, tmp_path)[RUN] == str(run.resolve())
    assert _environment(None, tmp_path)["OMP_WAIT_POLICY"] == "PASSIVE"
    assert RUN not in _environment(None, tmp_path)
    assert _environment(None, tmp_path)[RUNS] == str(tmp_path.resolve())
    with pytest.raises(InputError, match="There is no run"):
        _environment(tmp_path / "absent", tmp_path)


def test_a_taken_port_is_passed_over(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        first = taken.getsockname()[1]  # the system gives none of the last hundreds
        monkeypatch.setattr(studio, "_FIRST_PORT", first)
        assert free_port() > first
        monkeypatch.setattr(studio, "_N_PORTS", 1)
        with pytest.raises(InputError, match="are taken"):
            free_port()


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_outside_is_refused(port):
    with pytest.raises(InputError, match=r"in \[1, 65535\]"):
        _command(port=port)


def test_without_the_extra_one_line_and_exit_2(monkeypatch):
    monkeypatch.setattr(studio.importlib.util, "find_spec", lambda name: None)
    result = CliRunner().invoke(app, ["app"])
    assert result.exit_code == 2
    assert result.stderr.strip() == (
        "Error: The studio needs Streamlit: pip install 'interpretkd[app]' brings it."
    )


def test_without_its_files_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(studio, "_PLACES", (tmp_path,))
    with pytest.raises(InputError, match="install interpretkd again"):
        find_studio()


def test_what_is_no_run_is_refused_before_anything_starts(tmp_path):
    with pytest.raises(InputError, match="There is no run"):
        studio.open_studio(tmp_path, browser=False)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_command_starts_a_server_and_ends_with_it(tmp_path, ending):
    port = free_port()
    arguments = ["app", "--runs", str(tmp_path), "--port", str(port), "--no-browser"]
    started = [str(Path(sys.executable).with_name("interpretkd")), *arguments]
    with subprocess.Popen(
        started, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            assert _answer(f"http://127.0.0.1:{port}/_stcore/health") == b"ok"
            assert _status_of_stream(port, "localhost") == b"101"
            assert _status_of_stream(port, "evil.example") == b"403"
        finally:
            process.send_signal(ending)
            process.wait(timeout=20)
        assert process.returncode == 0
        assert not _listens(port)
        said = process.stdout.read().decode()
    assert f"http://127.0.0.1:{port}" in said
    assert "Traceback" not in said


def test_a_notebook_opens_it_beside_itself():
    X, y = load_iris(return_X_y=True, as_frame=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    model = DistilledClassifier(teacher, CartStudent(3, search="greedy")).fit(X, y)
    opened = model.app(X, y, browser=False)
    assert _answer(f"{opened.url}/_stcore/health") == b"ok"
    assert opened.url in opened._repr_html_()
    folder = Path(opened.folder.name)
    assert [run.name for run in find_runs(folder)] == ["notebook"]
    opened.stop()
    opened.stop()
    assert not _listens(int(opened.url.rsplit(":", 1)[1]))
    assert not folder.exists()
    assert str(opened).endswith("stopped")


def test_an_app_that_does_not_come_up_is_said(monkeypatch):
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    model = DistilledClassifier(teacher, CartStudent(3, search="greedy")).fit(X, y)
    failing = [sys.executable, "-c", "raise SystemExit(1)"]
    monkeypatch.setattr(studio, "_command", lambda **settings: failing)
    with pytest.raises(InputError, match="does not start on port 8999"):
        model.app(X, y, port=8999)


def _listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def _status_of_stream(port: int, host: str) -> bytes:
    """Open the app's stream as a page of another host would, and read the answer."""
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        f"Host: {host}:{port}",
        f"Origin: http://{host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
        stream.sendall("\r\n".join([*lines, "", ""]).encode())
        return stream.recv(100).split()[1]


def _answer(url: str) -> bytes:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                return answer.read()
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")
