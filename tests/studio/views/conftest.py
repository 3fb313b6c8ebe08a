"""The studio opened on one of the saved runs, without a browser."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from interpretkd.studio import RUN, RUNS, find_studio


@pytest.fixture
def studio(make_run: Any, tmp_path: Path, monkeypatch: Any) -> Any:
    """Return a function that opens a page of the studio on a run, with an address."""
    from streamlit.testing.v1 import AppTest

    monkeypatch.setenv(RUNS, str(tmp_path / "runs"))
    monkeypatch.delenv(RUN, raising=False)

    def open_page(run: str | None, page: str, /, **address: object) -> Any:
        if run is not None:
            monkeypatch.setenv(RUN, str(make_run(run)))
        app = AppTest.from_file(str(find_studio()), default_timeout=60)
        for name, value in address.items():
            app.query_params[name] = str(value)
        app.switch_page(f"views/{page}.py")
        return app.run()

    return open_page


@pytest.fixture
def follow() -> Any:
    """Return a function that follows the link of a page, as a click on it does."""

    def click(app: Any, label: str) -> Any:
        links = [one.proto for one in app.get("page_link")]
        link = next(one for one in links if one.label == label)
        app.query_params.clear()
        for name, values in parse_qs(link.query_string).items():
            app.query_params[name] = values[0]
        return app.switch_page(f"views/{link.page}.py").run()

    return click
