"""What the package shows of itself, and what importing it costs."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import interpretkd

MODULES = sorted(m.name for m in pkgutil.iter_modules(interpretkd.__path__))
FOLDER = Path(interpretkd.__file__).parent


def test_there_are_modules():
    assert "distillation" in MODULES


def by_kind(name):
    """Order as ruff does (RUF022): constants, classes, functions."""
    return (not name.isupper(), not name[0].isupper(), name)


@pytest.mark.parametrize("name", MODULES)
def test_all_is_sorted_and_names_what_is_public(name):
    module = importlib.import_module(f"interpretkd.{name}")
    tree = ast.parse((FOLDER / f"{name}.py").read_text())
    defined = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
    }
    commands = {"bench", "demo", "distill", "explain", "export", "predict"}
    commands |= {"report", "rules", "studio", "tree"}
    options = {"Data", "Dialect", "Direction", "Format", "Kind", "Student"}
    options |= {"TargetKind", "Theme"}
    if name == "cli":
        defined -= commands | options
    assert defined <= set(module.__all__)
    assert len(module.__all__) == len(set(module.__all__))
    assert module.__all__ == sorted(module.__all__, key=by_kind)
    for exported in module.__all__:
        assert hasattr(module, exported)


def imported_by(statement):
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in done.stdout.split()}


def test_the_root_costs_nothing():
    assert not imported_by("import interpretkd") & {"numpy", "torch", "pandas"}


@pytest.mark.parametrize("name", ["trees", "linear", "targets", "rules", "metrics"])
def test_reading_a_student_needs_no_network_library(name):
    heavy = {"torch", "xgboost", "matplotlib", "streamlit"}
    assert not imported_by(f"import interpretkd.{name}") & heavy
