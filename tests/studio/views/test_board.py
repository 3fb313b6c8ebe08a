"""What outlives a page: jobs and opened runs; and a run that is gone is said to be."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from interpretkd.runs import Job, find_runs, load_run
from tests.studio.views.test_train import (
    _csv,
    _people,
    _pick,
    _quick,
    _start,
    _upload,
)


def _title(app: Any) -> str:
    assert not app.exception
    return str(app.title[0].value)


def _read(text: str) -> str:
    return text.replace("\\", "").replace("\u2060", "")


def _errors(app: Any) -> str:
    return _read(" ".join(error.value for error in app.sidebar.error))


def _in_runs(tmp_path: Path, run: Path, name: str) -> Path:
    path = Path(shutil.copytree(run, tmp_path / "runs" / name))
    manifest = path / "manifest.json"
    manifest.write_text(manifest.read_text() + " " * len(name))  # a key of its own
    return path


def _key(tmp_path: Path, name: str) -> str:
    return {run.name: run.key for run in find_runs(tmp_path / "runs")}[name]


@pytest.fixture
def two(studio: Any, make_run: Any, tmp_path: Path) -> Any:
    """Return the page of a run, beside which lies another one."""
    for name in ("first", "second"):
        _in_runs(tmp_path, make_run("regression"), name)
    app = studio(None, "overview", run=_key(tmp_path, "second"))
    assert app.session_state["_chosen"].run.name == "second"
    return app


def test_a_run_that_is_deleted_is_said_and_none_shown(
    two: Any, studio: Any, tmp_path: Path
) -> None:
    key = _key(tmp_path, "second")
    shutil.rmtree(tmp_path / "runs" / "second")
    for _ in range(2):  # the next click, too
        two.run()
        assert "The run 'second' is no longer there" in _errors(two)
        assert two.session_state["_chosen"] is None
        assert two.sidebar.selectbox[0].value is None
    again = studio(None, "overview", run=key)  # loaded anew
    assert "The run 'second' is no longer there" in _errors(again)
    assert again.session_state["_chosen"] is None
    again.sidebar.selectbox[0].set_value(_key(tmp_path, "first")).run()
    assert again.session_state["_chosen"].run.name == "first"
    assert _errors(again) == ""
    assert _errors(again.run()) == ""


def test_the_last_run_that_is_deleted_is_said(two: Any, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "runs")
    two.run()
    assert "The run 'second' is no longer there" in _errors(two)
    assert two.session_state["_chosen"] is None


def test_a_run_that_is_made_anew_is_said(two: Any, tmp_path: Path) -> None:
    manifest = tmp_path / "runs" / "second" / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    two.run()
    assert "The run 'second' was replaced by another one since" in _errors(two)
    assert two.session_state["_chosen"] is None
    two.sidebar.selectbox[0].set_value(_key(tmp_path, "second")).run()
    assert two.session_state["_chosen"].run.key == _key(tmp_path, "second")


def test_a_link_to_a_run_that_is_not_here_shows_none(
    studio: Any, make_run: Any, tmp_path: Path
) -> None:
    _in_runs(tmp_path, make_run("regression"), "first")
    app = studio(None, "overview", run="<b>00</b>")
    assert "The link's run '<b>00</b>' is not among the runs here" in _errors(app)
    assert app.session_state["_chosen"] is None


def test_a_run_of_another_folder_is_found_when_the_page_is_loaded_anew(
    studio: Any, make_run: Any, tmp_path: Path
) -> None:
    _in_runs(tmp_path, make_run("regression"), "first")
    away = shutil.copytree(make_run("german"), tmp_path / "away" / "credit")
    app = studio(None, "start")
    app.text_input[0].set_value(str(away))
    _pick(app.button, "Open the folder").click().run()
    assert app.session_state["_chosen"].run.name == "credit"
    key = app.session_state["_chosen"].run.key
    again = studio(None, "overview", run=key)
    assert _title(again) == "Overview"
    assert again.session_state["_chosen"].run.path == Path(away)
    # Nobody opened this one: its key alone leads nowhere.
    other = shutil.copytree(make_run("digits"), tmp_path / "away" / "digits")
    (found,) = [run for run in find_runs(tmp_path / "away") if run.path == Path(other)]
    hidden = studio(None, "overview", run=found.key)
    assert hidden.session_state["_chosen"] is None
    shutil.rmtree(away)
    again.run()
    assert "The run 'credit' is no longer there" in _errors(again)


def _slow(app: Any) -> Any:
    app.number_input(key="train_epochs").set_value(500)
    return app.run()


def test_a_job_is_found_again_by_a_page_that_is_loaded_anew(
    studio: Any, tmp_path: Path
) -> None:
    job: Job = _start(_slow(_upload(studio(None, "train"), _csv(_people(2000)))))
    for page in ("train", "start"):
        again = studio(None, page)
        assert "Making people cart" in _read(again.markdown[-1].value)
        assert again.get("progress")[0].proto.text.startswith("Step ")
    (cancel,) = [b for b in again.button if b.label == "Cancel"]
    cancel.click().run()
    assert job.poll().state == "cancelled"
    for page in ("start", "train"):
        again = studio(None, page)
        assert "It was cancelled." in [info.value for info in again.info]
    _pick(again.button, "Dismiss").click().run()
    assert "It was cancelled." not in [info.value for info in again.info]
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_job_that_failed_says_so_when_the_page_is_loaded_anew(
    studio: Any, tmp_path: Path
) -> None:
    app = _quick(_upload(studio(None, "train"), _csv(_people())))
    job = _start(app)
    time.sleep(0.1)
    job._process.kill()
    assert job.wait(20).state == "failed"
    again = studio(None, "start")
    assert "ended before it was done" in _read(again.error[0].value)


def test_two_trainings_under_one_name_end_in_two_runs(
    studio: Any, tmp_path: Path
) -> None:
    pages = [
        _quick(_upload(studio(None, "train"), _csv(_people(n)))) for n in (200, 240)
    ]
    for page in pages:
        assert _pick(page.text_input, "Name of the run").value == "people cart"
    jobs = [_start(page) for page in pages]
    made = [Path(job.wait(120).paths[0]) for job in jobs]
    assert {path.name for path in made} == {"people cart", "people cart-2"}
    held_out = [len(load_run(path).evaluation.X) for path in made]  # type: ignore[union-attr]
    assert held_out == [40, 48]
    pages[0].run()
    assert f"It is among the runs as **{made[0].name}**." in _read(
        " ".join(caption.value for caption in pages[0].caption)
    )
