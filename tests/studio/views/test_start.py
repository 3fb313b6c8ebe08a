import io
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from interpretkd.runs import Job, find_runs
from interpretkd.runs.jobs import Progress


def _zipped(run: Path, **more: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in run.iterdir():
            archive.write(path, f"run/{path.name}")
        for name, content in more.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _title(app: Any) -> str:
    assert not app.exception
    return str(app.title[0].value)


def _in_runs(tmp_path: Path, run: Path, name: str) -> Path:
    return Path(shutil.copytree(run, tmp_path / "runs" / name))


def test_without_a_run_the_demos_are_offered(studio: Any) -> None:
    app = studio(None, "start")
    assert _title(app) == "Start"
    for demo in ("german", "digits", "connect4"):
        assert app.button(key=f"make_{demo}").label.startswith("Make ")
    said = " ".join(caption.value for caption in app.caption)
    assert "Making it takes about 10 seconds." in said


def test_runs_are_listed_with_what_they_are_and_opened(
    studio: Any, make_run: Any, tmp_path: Path
) -> None:
    _in_runs(tmp_path, make_run("german"), "credit")
    _in_runs(tmp_path, make_run("cancer_linear"), "health/cancer")
    app = studio(None, "start")
    texts = [text.value for text in app.markdown]
    assert "german · one tree" in texts
    assert "cancer_linear · coefficients" in texts
    key = {run.name: run.key for run in find_runs(tmp_path / "runs")}["credit"]
    opened = app.button(key=f"open_{key}").click().run()
    assert _title(opened) == "Overview"
    assert opened.session_state["_run"] == key


def test_a_long_list_of_runs_is_cut(studio: Any, make_run: Any, tmp_path: Path) -> None:
    run = make_run("regression")
    for i in range(10):
        path = _in_runs(tmp_path, run, f"run{i}")
        manifest = path / "manifest.json"
        manifest.write_text(manifest.read_text() + "\n" * i)  # a key of its own
    app = studio(None, "start")
    assert len([b for b in app.button if b.label == "Open"]) == 8
    app.toggle[0].set_value(True).run()
    assert len([b for b in app.button if b.label == "Open"]) == 10


def _open_folder(app: Any, path: object) -> Any:
    app.text_input[0].set_value(str(path))
    return next(b for b in app.button if b.label == "Open the folder").click().run()


def test_a_run_in_another_folder_is_opened(studio: Any, make_run: Any) -> None:
    app = _open_folder(studio(None, "start"), make_run("german"))
    assert _title(app) == "Overview"


@pytest.mark.parametrize("path", ["", "   ", "no such folder", "a\0b", "<b>x</b>"])
def test_a_folder_without_run_is_one_sentence(studio: Any, path: str) -> None:
    app = _open_folder(studio("german", "start"), path)
    assert _title(app) == "Start"
    assert len(app.error) == 1
    assert "\n" not in app.error[0].value
    assert app.session_state["_chosen"] is not None


def test_a_damaged_run_is_one_sentence(
    studio: Any, make_run: Any, tmp_path: Path
) -> None:
    path = Path(shutil.copytree(make_run("german"), tmp_path / "damaged"))
    (path / "schema.json").write_text("{}")
    app = studio("german", "start")
    before = app.session_state["_chosen"]
    app = _open_folder(app, path)
    assert _title(app) == "Start"
    assert "the file is damaged" in app.error[0].value
    assert app.session_state["_chosen"] == before


def _upload(app: Any, name: str, content: bytes) -> Any:
    uploader = next(u for u in app.file_uploader if u.label.startswith("Zip"))
    return uploader.upload(name, content).run()


def test_a_zipped_run_is_unpacked_and_opened(
    studio: Any, make_run: Any, tmp_path: Path
) -> None:
    content = _zipped(make_run("hostile"))
    app = _upload(studio(None, "start"), "<b>../x</b>.zip", content)
    assert _title(app) == "Overview"
    (run,) = find_runs(tmp_path / "runs")
    assert run.path.parent == tmp_path / "runs"


BAD = {
    "pickle.zip": (b"\x80\x04\x95", "is a pickle"),
    "notes.txt": (b"hello", "is not a zip file"),
    "model.pkl": (b"hello", "is a pickle"),
    "cut.zip": (b"PK\x03\x04", "is not a readable zip file"),
    "program.zip": (b"MZ\x90\0", "is a program for Windows"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_upload_is_one_sentence(studio: Any, tmp_path: Path, name: str) -> None:
    content, said = BAD[name]
    app = _upload(studio("german", "start"), name, content)
    assert _title(app) == "Start"
    assert len(app.error) == 1
    assert said in app.error[0].value
    assert app.session_state["_chosen"] is not None
    assert find_runs(tmp_path / "runs") == ()


@pytest.mark.parametrize(
    "member", ["../../outside", "/outside", "teacher.pkl", "x" * 9]
)
def test_a_zip_with_more_than_a_run_is_refused(
    studio: Any, make_run: Any, tmp_path: Path, member: str
) -> None:
    content = _zipped(make_run("german"), **{member: b"x"})
    app = _upload(studio(None, "start"), "run.zip", content)
    assert _title(app) == "Start"
    assert len(app.error) == 1
    assert find_runs(tmp_path) == ()


def test_a_demo_that_is_made_is_opened_at_once(
    studio: Any, make_run: Any, tmp_path: Path
) -> None:
    for name in ("cart", "boosted", "linear"):
        _in_runs(tmp_path, make_run("german"), f"demo/german/{name}")
    app = studio(None, "start")
    assert "make_german" not in [button.key for button in app.button]
    assert _title(app.button(key="open_german").click().run()) == "Overview"


def test_a_demo_is_made_with_progress_and_cancelled(
    studio: Any, tmp_path: Path
) -> None:
    app = studio(None, "start")
    app.button(key="make_connect4").click().run()
    assert not app.exception
    _, job = app.session_state["_demo"]
    assert app.button(key="make_german").disabled
    assert "Step" in app.get("progress")[0].proto.text
    ends = time.monotonic() + 60
    while "Training" not in job.poll().text and time.monotonic() < ends:
        time.sleep(0.05)
    app.run()
    assert "Training the teacher" in app.get("progress")[0].proto.text
    app.button(key="cancel_job").click().run()
    assert job.poll().state == "cancelled"
    app.run()
    assert app.info[-1].value == "Runs that were finished before are kept."
    assert not app.button(key="make_german").disabled
    assert find_runs(tmp_path / "runs") == ()
    assert list((tmp_path / "runs" / "demo").iterdir()) == []


def test_what_became_of_a_demo_is_said(studio: Any, make_run: Any) -> None:
    def ended(progress: Progress) -> Any:
        job = Job.__new__(Job)
        job.poll = lambda: progress  # type: ignore[method-assign]
        return job

    app = studio(None, "start")
    failed = Progress("failed", "There is no *room*.")
    app.session_state["_demo"] = ("german", ended(failed))
    app.run()
    assert app.error[0].value == "There is no \\*room\\*\\."
    paths = (str(make_run("german")),)
    app.session_state["_demo"] = ("german", ended(Progress("done", paths=paths)))
    app.run()
    assert app.success[0].value == "The demo German credit is made."
    button = next(b for b in app.button if b.label == "Open what is made")
    assert _title(button.click().run()) == "Overview"
