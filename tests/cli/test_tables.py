"""Tables on the command line: what is told, what is asked, and new files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from interpretkd.cli import main
from interpretkd.runs import load_run


@pytest.fixture
def cli(capsys: Any, monkeypatch: Any, tmp_path: Path) -> Any:
    """Run a command in an empty folder; return (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return stop.value.code, said.out, said.err

    return run


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    n = 120
    amount = rng.integers(1000, 9999, n)
    days = rng.integers(0, 12, n)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(days, "D")
    frame = pd.DataFrame(
        {
            "amount": [f"{value:,}" for value in amount],
            "day": [f"{d:%d/%m/%Y}" for d in day],
            "code": rng.choice(["01", "02", "None"], n),
            "y": np.where((amount > 5000) & (days > 3), "good", "bad"),
        }
    )
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def test_what_is_open_is_asked_and_what_is_unusual_is_told(
    cli: Any, table: Path, tmp_path: Path
) -> None:
    order = ("distill", table, "--target", "y", "--out", "run", "--max-leaves", 3)
    code, _, err = cli(*order)
    assert code == 1
    assert err.startswith("Error: 2 columns cannot be used. Column 'amount'")
    assert "--decimal . or --decimal ," in err
    assert "--dates day-first or month-first" in err
    assert err.count("\n") == 1
    code, _, err = cli(*order, "--decimal", ".", "--dates", "day-first")
    assert code == 0
    assert err.startswith("Note: Column 'amount' is read as numbers: '")
    assert "Note: Column 'day' is read as dates: '" in err
    assert "Note: Column 'code': 'None' is a text like others" in err
    whole = _decided(cli, table)
    lines = table.read_text().splitlines()
    one = tmp_path / "one.csv"
    one.write_text("\n".join([lines[0], lines[7]]))
    assert _decided(cli, one) == whole[6:7]
    gap = tmp_path / "gap.csv"
    gap.write_text("amount,day,code\n,,01\n")
    code, _, err = cli("predict", "run", gap, "--out", "out.csv")
    assert code == 0
    # Of what the student does not read nothing is to be said.
    assert err.startswith("Note: Column 'amount' is missing in 1 of 1 rows")
    code, out, err = cli("rules", "run", "--data", table, "--target", "y")
    assert (code, err) == (0, "")
    assert "amount > " in out
    code, _, err = cli("export", "run", "--to", "sql")
    assert code == 0
    start = "Note: It reads columns as training read them. Column 'amount' is read as"
    assert err.startswith(start)


def _decided(cli: Any, rows: Path) -> list[str]:
    code, _, err = cli("predict", "run", rows, "--out", "out.csv")
    assert (code, err) == (0, "")
    return pd.read_csv("out.csv")["prediction"].tolist()


def test_wrong_words_are_told(cli: Any, table: Path) -> None:
    order = ("distill", table, "--target", "y", "--out", "run")
    for told, part in (
        (("--as", "amount"), "--as must be COLUMN=text"),
        (("--as", "amounts=number"), "no column 'amounts' to read as number. Did you"),
        (("--sep", ",,"), "--sep"),
        (("--encoding", "klingon"), "'klingon' is not known"),
    ):
        code, _, err = cli(*order, *told)
        assert (code, part in err) == (1, True), err


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (("TRUE", "FALSE"), [False, True]),
        (("+1", "-1"), [-1, 1]),
        (("10%", "20%"), [10, 20]),
        (("24.12.2024", "31.01.2024"), ["2024-01-31", "2024-12-24"]),
    ],
)
def test_labels_are_read_again_as_the_training_read_them(
    cli: Any, tmp_path: Path, labels: tuple[str, str], classes: list[Any]
) -> None:
    x = np.random.default_rng(0).normal(size=120).round(3)
    frame = pd.DataFrame({"x": x, "w": x[::-1], "y": np.where(x > 0, *labels)})
    frame.to_csv("table.csv", index=False)
    order = ("distill", "table.csv", "--target", "y", "--out", "run")
    assert cli(*order, "--max-leaves", 3)[0] == 0
    assert load_run("run").model.classes_.tolist() == classes
    code, out, err = cli("evaluate", "run", "table.csv")
    assert (code, err) == (0, "")
    assert "The accuracy is not significantly different" in out
    assert cli(*order, "--max-leaves", 3, "--test", "table.csv", "--overwrite")[0] == 0
    for to in ("onnx", "python", "sql"):
        assert cli("export", "run", "--to", to)[0] == 0


def test_errors_of_the_system_are_a_sentence(cli: Any, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=60).round(3)
    frame = pd.DataFrame({"x": x, "y": np.where(x > 0, "a", "b")})
    frame.to_csv("table.csv", index=False)
    order = ("distill", "table.csv", "--target", "y", "--out", "run")
    assert cli(*order, "--max-leaves", 3)[0] == 0
    code, _, err = cli("predict", "run", "table.csv", "--out", "none/p.csv")
    reason = "No such file or directory"
    assert (code, err) == (1, f"Error: 'none/p.csv' cannot be used: {reason}.\n")
