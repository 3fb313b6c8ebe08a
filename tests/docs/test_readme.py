"""The README's example runs and prints as much as it shows."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_example_runs(capsys):
    text = README.read_text()
    found = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", text, re.DOTALL)
    assert found
    exec(compile(found[1], str(README), "exec"), {})
    printed = capsys.readouterr().out.strip().splitlines()
    shown = found[2].strip().splitlines()
    assert len(printed) == len(shown)
    assert [line[:14] for line in printed] == [line[:14] for line in shown]


def test_the_files_it_names_exist():
    for name in re.findall(r"\]\(([^)h][^)]*)\)", README.read_text()):
        assert (README.parent / name).exists(), name
