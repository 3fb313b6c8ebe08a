"""The studio in a real browser: what it asks for and complains of is noted."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from interpretkd.studio.launcher import _command, _environment
from tests.studio.browsing import wait_until_idle


@pytest.fixture(scope="session")
def served(make_run: Any, tmp_path_factory: Any) -> Any:
    """Return a function from the name of a run to the address of a studio on it."""
    started: dict[str | None, tuple[subprocess.Popen[bytes], str]] = {}

    def serve(name: str | None) -> str:
        if name not in started:
            run = None if name is None else make_run(name)
            told = _environment(run, tmp_path_factory.mktemp("runs"))
            port = _any_port()
            told |= {"OMP_NUM_THREADS": "1"}
            flags = _command(port=port, browser=False)
            with open(os.devnull, "wb") as nowhere:
                process = subprocess.Popen(flags, env=told, stdout=nowhere)
            _await(port)
            started[name] = process, f"http://127.0.0.1:{port}"
        return started[name][1]

    yield serve
    for process, _ in started.values():
        process.terminate()
        process.wait()


def _any_port() -> int:
    """Return a port of the system's choice: other tests take those that are usual."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def _await(port: int) -> None:
    for _ in range(300):
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the studio does not come up")


@pytest.fixture(scope="module")
def chromium() -> Any:
    """Return Debian's Chromium; while it is there, so is an event loop of its own."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # a busy machine takes its time
    program = shutil.which("chromium")
    assert program, "Chromium is needed: `make test` as root installs it"
    flags = ["--no-sandbox", "--disable-background-networking", "--disable-quic"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def visit(served: Any, chromium: Any) -> Any:
    """Return a function that opens a page of a run; in the end, nothing was wrong."""
    asked: list[str] = []
    wrong: list[str] = []
    contexts = []

    def note(message: Any) -> None:
        # For a page below the root, Streamlit looks for its server below it first.
        if message.type == "error" and "/_stcore/" not in message.location["url"]:
            wrong.append(message.text)

    def open_page(
        run: str | None, path: str = "/", width: int = 1280, **more: Any
    ) -> Any:
        size = {"width": width, "height": 900}
        context = chromium.new_context(viewport=size, accept_downloads=True, **more)
        contexts.append(context)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss())
        )
        page.on("request", lambda request: asked.append(request.url))
        page.goto(served(run) + path)
        wait_until_idle(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
    here = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "file:")
    assert [url for url in asked if not url.startswith(here)] == []


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Return where pictures go: a folder of the environment's, or a temporary one."""
    folder = Path(os.environ.get("INTERPRETKD_SHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
