"""What docstrings say was measured is what the page of methods has."""

import re
from pathlib import Path
from typing import Any

import pytest

from interpretkd import methods, students, teachers

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
TOLD = re.compile(
    r"rows? (\w+)(?: and (\w+))? of docs/methods\.md(.*?)(?=\n\n|$)", re.S
)
FIGURE = re.compile(r"[-+]?\d+\.\d ± \d+\.\d|[-+]\d+\.\d")
MEASURED = {
    name: part
    for room in (methods, students, teachers)
    for name in dir(room)
    if TOLD.search((part := getattr(room, name)).__doc__ or "")
}


def test_methods_tell_what_was_measured():
    assert len(MEASURED) > 20


@pytest.mark.parametrize("name", MEASURED)
def test_a_docstring_has_the_figures_of_the_page(name: str) -> None:
    part: Any = MEASURED[name]
    *rows, text = TOLD.search(part.__doc__).groups()
    lines = [
        line
        for line in PAGE.read_text("utf-8").splitlines()
        if any(row and line.startswith(f"| {row} |") for row in rows)
    ]
    for figure in FIGURE.findall(" ".join(text.split())):
        assert any(figure in line for line in lines), (figure, lines)
