"""The picture of the rooms: drawn from the contract and the imports, then checked."""

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SETTINGS = """
[tool.importlinter]
root_package = "house"

[[tool.importlinter.contracts]]
type = "layers"
containers = ["house"]
layers = ["attic", "hall | (pool)", "kitchen | stairs", "cellar"]
ignore_imports = ["house.cellar._wine -> house.attic"]
"""

# The attic's import of the cellar is implied by the way over hall and kitchen.
FILES = {
    "__init__.py": "",
    "attic/__init__.py": "from house.hall import door\nfrom house.cellar import wine\n",
    "hall.py": "import house.kitchen\n\n\ndoor = 1\n",
    "kitchen.py": "def cook():\n    from house.cellar import wine\n\n    return wine\n",
    "stairs.py": "",
    "cellar/__init__.py": "from house.cellar._wine import wine\n",
    "cellar/_wine.py": "wine = 1\n\n\ndef carry():\n    import house.attic\n",
}


@pytest.fixture
def house(tmp_path):
    """A project of five rooms in four layers, with the script in its place."""
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "rooms.py", tmp_path / "docs")
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    for name, text in FILES.items():
        path = tmp_path / "house" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def rooms(project, *flags):
    return subprocess.run(
        [sys.executable, str(project / "docs" / "rooms.py"), *flags],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def drawn(house):
    if not shutil.which("dot"):
        pytest.skip("Graphviz is not installed")
    done = rooms(house)
    assert done.returncode == 0, done.stderr
    return house


def picture(project):
    return project / "docs" / "rooms.svg"


def titles(project, kind):
    groups = ET.fromstring(picture(project).read_bytes()).iterfind(".//{*}g")
    return sorted(
        group.findtext("{*}title") for group in groups if group.get("class") == kind
    )


def heights(project):
    """Return how far down each room stands, in the order of reading."""
    groups = ET.fromstring(picture(project).read_bytes()).iterfind(".//{*}g")
    found = {}
    for group in groups:
        if group.get("class", "").startswith("node layer"):
            found[group.findtext("{*}title")] = float(group.find("{*}text").get("y"))
    return found


def test_implied_and_excepted_imports_are_left_out(drawn):
    assert titles(drawn, "edge") == ["attic->hall", "hall->kitchen", "kitchen->cellar"]


def test_a_layer_is_a_line_the_highest_on_top(drawn):
    down = heights(drawn)
    assert set(down) == {"attic", "hall", "kitchen", "stairs", "cellar"}
    assert down["attic"] < down["hall"] < down["kitchen"] < down["cellar"]
    assert down["stairs"] == down["kitchen"]


def test_the_same_code_gives_the_same_picture(drawn):
    first = picture(drawn).read_bytes()
    assert rooms(drawn).returncode == 0
    assert picture(drawn).read_bytes() == first


def test_the_check_passes_on_what_was_drawn_and_writes_nothing(drawn):
    before = picture(drawn).stat().st_mtime_ns
    done = rooms(drawn, "--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert picture(drawn).stat().st_mtime_ns == before


def test_the_check_names_a_new_import(drawn):
    (drawn / "house" / "stairs.py").write_text("import house.cellar\n")
    done = rooms(drawn, "--check")
    assert done.returncode == 1
    assert "only in the code: stairs->cellar (edge)" in done.stderr


def test_the_check_names_a_room_that_changed_its_layer(drawn):
    moved = SETTINGS.replace(
        '"kitchen | stairs", "cellar"', '"kitchen", "cellar|stairs"'
    )
    (drawn / "pyproject.toml").write_text(moved)
    done = rooms(drawn, "--check")
    assert done.returncode == 1
    assert "only in the picture: stairs (node layer1)" in done.stderr
    assert "only in the code: stairs (node layer0)" in done.stderr


def test_the_check_wants_a_picture(house):
    done = rooms(house, "--check")
    assert done.returncode == 1
    assert done.stderr.startswith("There is no docs/rooms.svg")


def test_a_room_without_a_layer_is_named(house):
    (house / "house" / "shed.py").write_text("")
    done = rooms(house)
    assert done.returncode == 1
    assert done.stderr == "These rooms stand in no layer: shed.\n"


def test_our_own_picture_is_what_the_code_gives():
    done = rooms(ROOT, "--check")
    assert done.returncode == 0, done.stderr
