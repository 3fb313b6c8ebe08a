"""A run's folder is replaced at once: whoever looks sees one whole run, always."""

import errno
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from interpretkd._base import BundleError, InputError
from interpretkd.runs import _replace
from interpretkd.runs._destination import _check_replaceable
from interpretkd.runs._folder import _REQUIRED, _verified, _write_folder
from interpretkd.runs._replace import _put_in_place

WRITER = """
import sys
from pathlib import Path
from interpretkd.runs import _replace
from interpretkd.runs._folder import _REQUIRED, _write_folder
target, name, in_one_step = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "one"
if not in_one_step:
    _replace._swapper = lambda: None
number = 0
while True:
    number += 1
    text = f"{name} {number} ".encode() * 2000
    _write_folder(target, {file: text for file in _REQUIRED}, {"writer": name})
    print(number, flush=True)
"""


def _write(target: Path, text: str) -> None:
    _write_folder(target, {name: text.encode() for name in _REQUIRED}, {})


def _holds(target: Path) -> str:
    """Return the text that all files of a run hold; fails for a mixture."""
    files, _ = _verified(target)
    assert files.pop("manifest.json")
    (text,) = {content.decode() for content in files.values()}
    return text


@pytest.fixture(params=["one", "two"], ids=["one step", "two steps"])
def steps(request: Any, monkeypatch: Any) -> str:
    """Replace in one step, as Linux can, or in two, as elsewhere."""
    if request.param == "two":
        monkeypatch.setattr(_replace, "_swapper", lambda: None)
    elif _replace._swapper() is None:
        pytest.skip("this system cannot exchange two folders")
    return str(request.param)


def test_writers_that_are_killed_and_readers_beside_them(
    tmp_path: Path, steps: str
) -> None:
    """Two writers replace a run, are killed and started anew; two threads read it."""
    target = tmp_path / "run"
    _write(target, "first")
    ends = time.monotonic() + 30  # long before, unless the machine is busy
    wrong: list[str] = []
    seen: set[str] = set()
    absent = 0

    def read() -> None:
        nonlocal absent
        while any(writer.is_alive() for writer in writers):
            absent += not target.exists()
            try:
                seen.add(_holds(target)[:12])
            except (BundleError, ValueError) as error:
                wrong.append(str(error))

    def write(name: str) -> None:
        chance = random.Random(name)
        for _ in range(5):
            if time.monotonic() > ends:
                return
            command = [sys.executable, "-c", WRITER, str(target), name, steps]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
                assert child.stdout is not None
                child.stdout.readline()  # the first is in its place
                time.sleep(chance.uniform(0, 0.1))
                child.send_signal(signal.SIGKILL)

    writers = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    threads = [*writers, *(threading.Thread(target=read) for _ in range(2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # In two steps, a writer killed between them leaves nothing at the path: there the
    # next writer heals it, and only a reader that comes before sees that.
    if steps == "one":
        assert wrong == []
        assert absent == 0
    else:
        assert all("is not a run" in text for text in wrong)
    assert len(seen) > 3
    _write(target, "last")
    assert _holds(target) == "last"
    assert os.listdir(tmp_path) == ["run"]  # nothing of the killed ones is left


class _Breaks(Exception):
    pass


PLACES = ("mkdir", "write", "sync", "rename", "exchange", "aside", "remove")


@pytest.mark.parametrize("place", PLACES)
def test_whatever_breaks_leaves_a_whole_run(place: str) -> None:
    """Every step, every time it is taken, in both ways, over something and nothing."""
    kinds = (KeyboardInterrupt, OSError)
    ways = itertools.product(range(5), kinds, (True, False), (True, False))
    for call, kind, one_step, is_there in ways:
        _break_once(place, call, kind, one_step=one_step, is_there=is_there)


@given(
    place=st.sampled_from(PLACES),
    call=st.integers(0, 4),
    kind=st.sampled_from([_Breaks, MemoryError]),
    one_step=st.booleans(),
    is_there=st.booleans(),
)
@settings(max_examples=30)
def test_any_error_leaves_a_whole_run(
    place: str, call: int, kind: type[BaseException], one_step: bool, is_there: bool
) -> None:
    _break_once(place, call, kind, one_step=one_step, is_there=is_there)


def _break_once(
    place: str, call: int, kind: type[BaseException], *, one_step: bool, is_there: bool
) -> None:
    """An error at any step: old or new, whole; nothing beside it."""
    functions = {
        "mkdir": (Path, "mkdir"),
        "write": (_replace, "_write_synced"),
        "sync": (_replace, "_sync"),
        "rename": (os, "rename"),
        "exchange": (_replace, "_exchange"),
        "aside": (_replace, "_step_aside"),
        "remove": (shutil, "rmtree"),
    }
    owner, name = functions[place]
    calls = 0

    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        target = Path(folder) / "run"
        if is_there:
            _write(target, "old")
        if not one_step:
            patch.setattr(_replace, "_swapper", lambda: None)
        whole = getattr(owner, name)

        def breaking(*given: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call + 1:
                raise kind(errno.ENOSPC, "No space left on device", "/tmp/.run.x")
            return whole(*given, **more)

        patch.setattr(owner, name, breaking)
        try:
            _write(target, "new")
            failed = False
        except (KeyboardInterrupt, _Breaks, MemoryError, InputError) as error:
            failed, said = True, error
        patch.undo()
        if failed and kind is OSError:
            assert isinstance(said, InputError)
            assert ".run." not in str(said)
        if target.exists():
            assert _holds(target) in ("old", "new")
        else:
            assert failed
            assert not is_there
        if not failed:
            assert _holds(target) == "new"
        assert set(os.listdir(folder)) <= {"run"}


def test_a_full_disk_keeps_the_old_run(tmp_path: Path, monkeypatch: Any) -> None:
    target = tmp_path / "run"
    _write(target, "old")

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(_replace, "_write_synced", full)
    with pytest.raises(InputError) as error:
        _write(target, "new")
    said = f"The run cannot be written to {str(target)!r}: No space left on device."
    assert str(error.value) == said
    assert _holds(target) == "old"
    assert os.listdir(tmp_path) == ["run"]


def test_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "run"
    _write(target, "old")
    with _replace._holder(target) as holder:
        (holder / "new").mkdir()
        _write(target, "other")
        assert (holder / "new").is_dir()
        fresh = holder / "new"
        for name in _REQUIRED:
            (fresh / name).write_text("mine")
    assert _holds(target) == "other"
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.parametrize("name", [".run.notes", ".run.abcdefgh", ".run.abcdefgh.x"])
def test_what_is_not_left_by_a_writer_is_left_alone(tmp_path: Path, name: str) -> None:
    own = tmp_path / name
    own.mkdir()
    (own / "thesis.txt").write_text("my work")
    (tmp_path / ".run.linked00").symlink_to(own)
    _write(tmp_path / "run", "one")
    _write(tmp_path / "run", "two")
    assert (own / "thesis.txt").read_text() == "my work"


def test_a_link_stays_and_what_it_leads_to_is_replaced(
    tmp_path: Path, steps: str
) -> None:
    _write(tmp_path / "first", "old")
    (tmp_path / "latest").symlink_to("first")
    _write(tmp_path / "latest", "new")
    assert (tmp_path / "latest").is_symlink()
    assert _holds(tmp_path / "first") == _holds(tmp_path / "latest") == "new"


def test_a_folder_that_becomes_something_else_is_not_replaced(
    tmp_path: Path, steps: str
) -> None:
    """It was free when the writing began; somebody puts his work there meanwhile."""
    target = tmp_path / "run"

    def check(place: Path) -> None:
        _check_replaceable(place)

    def put_work_there(*given: Any) -> None:
        target.mkdir(exist_ok=True)
        (target / "thesis.txt").write_text("my work")
        whole(*given)

    whole = _replace._write_synced
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_replace, "_write_synced", put_work_there)
        with pytest.raises(InputError, match="is not a run"):
            _put_in_place(target, {"a": b"b"}, check)
    assert [path.name for path in target.iterdir()] == ["thesis.txt"]
    assert os.listdir(tmp_path) == ["run"]


def test_a_run_has_the_rights_that_files_get(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        _write(tmp_path / "run", "one")
    finally:
        os.umask(before)
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "run" / "model.json").stat().st_mode & 0o777 == 0o640


def test_a_long_name_is_as_good_as_a_short_one(tmp_path: Path) -> None:
    for name in ("n" * 255, "ü" * 127):
        _write(tmp_path / name, "one")
        _write(tmp_path / name, "two")
        assert _holds(tmp_path / name) == "two"
        shutil.rmtree(tmp_path / name)
    assert os.listdir(tmp_path) == []
