"""The rooms: each is asked by its own name, and reads nothing before it is asked."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import interpretkd

LIBRARY = Path(interpretkd.__file__).parent
ROOMS = sorted(path.parent.name for path in LIBRARY.glob("*/__init__.py"))
FILES = [*LIBRARY.rglob("*.py"), *(LIBRARY.parent / "apps").rglob("*.py")]
HEAVY = {"numpy", "pandas", "torch", "xgboost", "sklearn", "streamlit", "matplotlib"}


def _imports(tree: ast.AST):
    """Yield module, name and line of what is imported from the library."""
    whole = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "interpretkd"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in whole:  # `data._schema`, with the room imported whole
                yield f"interpretkd.{node.value.id}", node.attr, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            if node.module.split(".")[0] == "interpretkd":
                for alias in node.names:
                    yield node.module, alias.name, node.lineno
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "interpretkd":
                    yield alias.name, "", node.lineno


def _room(path: Path) -> str:
    inside = path.is_relative_to(LIBRARY) and path.parent != LIBRARY
    return path.relative_to(LIBRARY).parts[0] if inside else ""


def _trespasses(tree: ast.AST, room: str) -> list[str]:
    """Return what is taken from another room past its door, or by a private name."""
    found = []
    for module, name, line in _imports(tree):
        parts = module.split(".")[1:]
        if not parts or parts[0] == room or parts == ["_base", "lazy"]:
            continue
        if len(parts) > 1 or (name.startswith("_") and name != "__version__"):
            found.append(f"line {line}: {name} from {module}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_other_rooms_are_asked_by_public_names(path: Path) -> None:
    if path.name == "__init__.py" and path.parent == LIBRARY:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert _trespasses(tree, _room(path)) == []


def test_a_trespass_is_seen() -> None:
    text = (
        "from interpretkd.data._schema import Schema\nfrom interpretkd.data import _x"
    )
    assert len(_trespasses(ast.parse(text), "metrics")) == 2
    whole = "from interpretkd import data\ndata._schema.Schema"
    assert len(_trespasses(ast.parse(whole), "metrics")) == 1
    assert _trespasses(ast.parse("from interpretkd.data._rows import a"), "data") == []


@pytest.mark.parametrize("room", ["", *(r for r in ROOMS if r != "cli")])
def test_every_public_name_resolves(room: str) -> None:
    package = importlib.import_module(f"interpretkd.{room}".rstrip("."))
    assert len(set(package.__all__)) == len(package.__all__) > 0
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="no attribute 'misspelt'"):
        _ = package.misspelt


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("DistilledClassfier", "Did you mean 'DistilledClassifier'?"),
        ("RuleSet", "It is in interpretkd.rules."),
        ("disagreements", "It is in interpretkd.evaluation."),
    ],
)
def test_a_name_that_is_absent_is_hinted_at(name: str, hint: str) -> None:
    with pytest.raises(AttributeError, match=re.escape(f"'{name}'. {hint}")):
        getattr(interpretkd, name)


def _defined(module: str) -> set[str]:
    """Return what a module defines without an underscore."""
    place = LIBRARY.parent / f"{module.replace('.', '/')}.py"
    names: set[str] = set()
    for node in ast.parse(place.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign):
            names.add(ast.unparse(node.target))
        elif isinstance(node, ast.Assign):
            names |= set(re.findall(r"\w+", ast.unparse(node.targets[0])))
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("room", ["", *(r for r in ROOMS if r != "cli")])
def test_type_checkers_see_the_same_names(room: str) -> None:
    place = LIBRARY / room / "__init__.py"
    tree = ast.parse(place.read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen: set[str] = set()
    for node in ast.walk(ast.Module(block.body, [])):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.names[0].name == "*":
            seen |= _defined(node.module)
        else:
            assert all(alias.asname == alias.name for alias in node.names)
            seen |= {alias.name for alias in node.names}
    package = importlib.import_module(f"interpretkd.{room}".rstrip("."))
    assert seen == set(package.__all__)


def test_no_name_has_two_meanings() -> None:
    """What is public is defined in one place; a program's `main` is no such name.

    Nor are its commands, which are called as what they call.
    """
    defined: dict[str, list[str]] = {}
    for path in LIBRARY.rglob("*.py"):
        if path.parent == LIBRARY / "cli":
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            is_thing = isinstance(node, ast.FunctionDef | ast.ClassDef)
            if is_thing and not node.name.startswith("_") and node.name != "main":
                defined.setdefault(node.name, []).append(str(path))
    twice = {name: where for name, where in defined.items() if len(where) > 1}
    assert twice == {}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_belongs_in_it(room: str) -> None:
    text = ast.get_docstring(
        ast.parse((LIBRARY / room / "__init__.py").read_text(encoding="utf-8"))
    )
    assert text is not None
    assert len(text.splitlines()) == 5
    assert "Belongs here: " in text
    assert "Does not: " in text
    assert "Read first: " in text


@pytest.mark.parametrize(
    "code",
    [
        "import interpretkd",
        "import interpretkd.metrics, interpretkd.students, interpretkd.runs",
        "import interpretkd.cli",
        "import interpretkd as ikd; dir(ikd); ikd.datasets; ikd.__version__",
        "import interpretkd as ikd; hasattr(ikd, 'RuleSet'); hasattr(ikd, 'misspelt')",
    ],
)
def test_nothing_is_read_before_it_is_asked_for(code: str) -> None:
    code += "\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) & HEAVY == set()
