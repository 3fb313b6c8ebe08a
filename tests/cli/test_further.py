"""`distill` with further rows, several networks, and columns of the student's own."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from interpretkd.cli import main
from interpretkd.runs import load_run
from interpretkd.teachers import EnsembleTeacher

COLUMNS = ["age", "amount", "home", "place"]


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of one layer and a few epochs, as the command line makes them."""
    from interpretkd.runs import _workflow

    for key, network in list(_workflow._NETWORKS.items()):
        if key[0] == "mlp":

            def small(network: Any = network, **settings: Any) -> Any:
                return network(hidden=(8,), max_epochs=4, **settings)

            monkeypatch.setitem(_workflow._NETWORKS, key, small)


@pytest.fixture
def cli(capsys: Any, monkeypatch: Any, tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return stop.value.code, said.out, said.err

    return run


def _rows(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "amount": rng.normal(size=n).round(4),
            "home": rng.choice(["own", "rent"], n),
            "place": rng.integers(0, 40, n),
        }
    )
    frame["y"] = np.where(frame["age"] / 50 + frame["amount"] > 1, "yes", "no")
    frame["value"] = frame["age"] + 9 * frame["amount"]
    return frame


@pytest.fixture
def table(tmp_path: Path) -> Path:
    _rows(240, 0).drop(columns="value").to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


@pytest.fixture
def further(tmp_path: Path) -> Path:
    rows = _rows(60, 1)[["home", *COLUMNS[:2], "place"]]
    rows.to_csv(tmp_path / "more.csv", index=False)
    return tmp_path / "more.csv"


def _order(table: Path, *more: object) -> tuple[object, ...]:
    return ("distill", table, "--target", "y", "--out", "run", "--max-leaves", 4, *more)


def test_all_three_work_together(
    cli: Any, table: Path, further: Path, tmp_path: Path
) -> None:
    code, out, err = cli(
        *_order(table, "--unlabelled", further, "--ensemble", 2),
        *("--student-columns", "amount, age"),
    )
    assert (code, err) == (0, "")
    assert "192 rows and 60 without labels" in " ".join(out.split())
    assert "Trained 2 networks in" in out
    assert "MLPTeacher, seed 0, by itself: accuracy 0." in out
    assert "MLPTeacher, seed 1, by itself: accuracy 0." in out
    run = load_run("run")
    assert run.about["columns the student may read"] == "age, amount"
    assert run.about["unlabelled data"] == "more.csv"
    assert run.about["rows without labels for the student"] == 60
    assert run.about["networks of the teacher"] == "2, which differ in their seed"
    assert len(run.about["accuracy of each network"].split(", ")) == 2
    assert isinstance(run.model.teacher_.estimator, EnsembleTeacher)
    assert run.model.view_.reads_ == (0, 1)
    assert "The student reads the columns age, amount" in run.model.recipe_
    new = _rows(9, 3)[["amount", "age"]]
    new.to_csv(tmp_path / "new.csv", index=False)
    code, _, err = cli("predict", "run", tmp_path / "new.csv", "--out", "said.csv")
    assert (code, err) == (0, "")
    assert pd.read_csv("said.csv")["prediction"].tolist() == [*run.model.predict(new)]
    code, out, _ = cli("report", "run", "--out", "report.html")
    assert code == 0
    text = Path("report.html").read_text(encoding="utf-8")
    assert "columns the student may read" in text.lower()


def test_the_teacher_of_an_ensemble_of_one_is_a_network(
    cli: Any, table: Path, tmp_path: Path
) -> None:
    assert cli(*_order(table, "--ensemble", 1))[0] == 0
    one = (tmp_path / "run" / "student.npz").read_bytes()
    assert cli(*_order(table, "--overwrite"))[0] == 0
    assert (tmp_path / "run" / "student.npz").read_bytes() == one
    assert load_run("run").model.view_ is None


def test_regression_averages_values(cli: Any, tmp_path: Path, further: Path) -> None:
    _rows(240, 0).drop(columns="y").to_csv(tmp_path / "table.csv", index=False)
    code, out, err = cli(
        *("distill", "table.csv", "--target", "value", "--out", "run"),
        *("--max-leaves", 4, "--ensemble", 2, "--unlabelled", further),
        *("--student-columns", "age"),
    )
    assert (code, err) == (0, "")
    assert "by itself: R2" in out
    run = load_run("run")
    X = run.evaluation.X
    members = [one.predict(X) for one in run.model.teacher_.estimator.estimators_]
    np.testing.assert_allclose(
        run.model.teacher_.predict(X), np.mean(members, axis=0), rtol=1e-6
    )


def test_what_is_held_out_is_left_out_of_further_rows(
    cli: Any, table: Path, tmp_path: Path
) -> None:
    whole = pd.read_csv(table)
    more = pd.concat([whole, _rows(30, 1)[[*COLUMNS, "y"]]])
    more["y"] = "unknown"  # the target is not read
    more.to_csv(tmp_path / "more.csv", index=False)
    code, _, err = cli(*_order(table, "--unlabelled", "more.csv"))
    assert code == 0
    assert "In 'more.csv': Left out 48 rows equal to one that is held out." in err
    run = load_run("run")
    assert run.about["rows without labels for the student"] == 222
    held = run.evaluation.X[COLUMNS].astype(str).agg("|".join, axis=1)
    assert len(held) == 48


def test_with_groups_and_a_test_file(cli: Any, table: Path, tmp_path: Path) -> None:
    more = _rows(80, 1)[COLUMNS]
    more.to_csv(tmp_path / "more.csv", index=False)
    order = _order(table, "--unlabelled", "more.csv", "--group", "place")
    code, _, err = cli(*order)
    assert code == 0
    assert "of a 'place' that is held out." in err
    run = load_run("run")
    assert 0 < run.about["rows without labels for the student"] < 80
    more.drop(columns="place").to_csv(tmp_path / "more.csv", index=False)
    code, _, err = cli(*order, "--overwrite")
    assert code == 0
    assert "It has no column 'place': whether its rows belong to a group" in err
    _rows(40, 2)[[*COLUMNS, "y"]].to_csv(tmp_path / "test.csv", index=False)
    code, out, err = cli(
        *_order(table, "--unlabelled", "more.csv", "--test", "test.csv", "--drop"),
        *("place", "--overwrite", "--student-columns", "home,age"),
    )
    assert (code, err) == (0, "")
    assert "On 40 test rows" in out


def test_cells_that_cannot_be_read_are_left_out(
    cli: Any, table: Path, tmp_path: Path
) -> None:
    more = _rows(30, 1)[COLUMNS].astype(object)
    more.loc[3, "home"] = "boat"
    more.loc[4, "amount"] = "much"
    more.loc[5, "age"] = np.inf
    more.to_csv(tmp_path / "more.csv", index=False)
    code, _, err = cli(*_order(table, "--unlabelled", "more.csv"))
    assert code == 0
    assert "Left out 3 rows that cannot be read: " in err
    assert "Rows 4, 5, 6." in err
    assert load_run("run").about["rows without labels for the student"] == 27


def test_the_weight_of_the_labels_may_be_chosen(cli: Any, table: Path) -> None:
    code, _, err = cli(*_order(table, "--alpha", "auto", "--fit-to", "soft"))
    assert (code, err) == (0, "")
    model = load_run("run").model
    assert model.alpha == "auto"
    assert len({trial.target.alpha for trial in model.trials_}) > 1


BAD = {
    "no file": (("--unlabelled", "none.csv"), "There is no file 'none.csv'."),
    "no columns": (("--unlabelled", "other.csv"), "In 'other.csv': The table lacks"),
    "no columns to be judged on": (
        ("--test", "other.csv"),
        "In 'other.csv': The table lacks",
    ),
    "no rows": (("--unlabelled", "empty.csv"), "has a header and no rows"),
    "an unknown column": (
        ("--student-columns", "age,amounts"),
        "There is no column 'amounts' for the student to read. Did you mean 'amount'?",
    ),
    "the target": (("--student-columns", "y"), "There is no column 'y'"),
    "no names": (("--student-columns", "age,,home"), "Got an empty one"),
    "a file of no names": (("--student-columns", "@none.txt"), "Got none in"),
    "a weight above 1": (
        ("--alpha", "1.5"),
        "--alpha must be a number in [0, 1], or auto. Got '1.5'.",
    ),
    "a weight that is no number": (("--alpha", "Auto"), "Got 'Auto'."),
    "no network": (("--ensemble", 0), "ensemble"),
    "too many": (("--ensemble", 26), "ensemble"),
    "of a file": (
        ("--ensemble", 2, "--teacher", "net.onnx"),
        "Got the teacher 'net.onnx', which is trained.",
    ),
    "of images": (
        ("--teacher", "cnn", "--student-columns", "age"),
        "Got the teacher 'cnn', which reads images.",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_makes_no_sense_is_said_before_anything_is_trained(
    cli: Any, table: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "none.txt").write_text("")
    (tmp_path / "other.csv").write_text("age,size\n1,2\n")
    (tmp_path / "empty.csv").write_text("age,amount,home,place\n")
    more, said = BAD[name]
    code, out, err = cli(*_order(table, *more))
    assert code in (1, 2)
    assert said in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in out + err
    assert not (tmp_path / "run").exists()
