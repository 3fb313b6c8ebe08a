"""What is installed from a wheel: the same library, data and studio."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Build the wheel and unpack it, as an installation does."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d"]
    subprocess.run([*build, str(folder)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed, code, folder, **told):
    environment = os.environ | {"PYTHONPATH": str(installed), **told}
    done = subprocess.run(
        [sys.executable, "-c", f"import interpretkd; {code}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_it_is_the_installed_one(installed, tmp_path):
    (place,) = run(installed, "print(interpretkd.__file__)", tmp_path)
    assert Path(place).is_relative_to(installed)


def test_every_file_of_the_studio_is_there(installed):
    sources = ROOT / "apps" / "studio"
    kept = {
        path.relative_to(sources)
        for path in sources.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    place = installed / "interpretkd" / "_studio"
    assert Path(".streamlit/config.toml") in kept
    assert kept == {
        path.relative_to(place) for path in place.rglob("*") if path.is_file()
    }


def test_the_studio_shows_a_run(installed, make_run, tmp_path):
    code = (
        "from interpretkd.studio import find_studio;"
        "from streamlit.testing.v1 import AppTest;"
        "app = AppTest.from_file(str(find_studio()), default_timeout=100).run();"
        "print(find_studio()); print(app.title[0].value); assert not app.exception"
    )
    told = {"INTERPRETKD_RUN": str(make_run("german"))}
    place, title = run(installed, code, tmp_path, **told)
    assert Path(place).is_relative_to(installed)
    assert title == "Overview"


def test_data_comes_along(installed, tmp_path):
    code = (
        "from interpretkd.datasets import load_german_credit as load;"
        "print(len(load().target))"
    )
    assert run(installed, code, tmp_path) == ["1000"]


def test_benchmarks_stay_in_the_checkout(installed, tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from interpretkd.cli import main; main()",
            "bench",
            "speed",
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The benchmarks need a checkout")
    assert done.stderr.count("\n") == 1
