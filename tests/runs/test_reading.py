"""Tables that came out wrong: made into a run, told, and new files decided by it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from interpretkd._base import InputError
from interpretkd.data import RowChoice, TableOptions
from interpretkd.runs import (
    Outcome,
    distil,
    load_run,
    predict_table,
    read_rows_for,
    read_task,
    take_labels,
    train_teacher,
)
from interpretkd.students import CartStudent

CASES = Path(__file__).parent.parent / "data" / "cases"


def _made(path: Path, target: str, out: Path, **settings: Any) -> Outcome:
    task = read_task(path, target, **settings)
    teacher = train_teacher(task, hidden=(8,), max_epochs=5)
    student = CartStudent(4, search="greedy", random_state=0)
    return distil(task, teacher, student, out, target="hard")


def _decided(run: Path, rows: Path, notes: list[str] | None = None) -> list[str]:
    loaded = load_run(run)
    out = run.parent / f"{rows.name}.parquet"
    tell = [].append if notes is None else notes.append
    for note in predict_table(loaded, rows, out)[1]:
        tell(note)
    return pd.read_parquet(out)["prediction"].astype(str).tolist()


def _oracle(made: Outcome, rows: pd.DataFrame) -> list[str]:
    return [str(one) for one in made.model.predict(rows)]


def test_a_category_called_none_is_one_in_every_format(tmp_path: Path) -> None:
    made = _made(CASES / "t_none.parquet", "y", tmp_path / "run")
    kind = made.model.schema_.features[1]
    assert kind.categories == ("Attached", "Detached", "None")
    oracle = _oracle(made, pd.read_parquet(CASES / "t_none_new.parquet"))
    for ending in ("csv", "parquet"):
        notes: list[str] = []
        found = _decided(tmp_path / "run", CASES / f"t_none_new.{ending}", notes)
        assert (found, notes) == (oracle, [])


@pytest.mark.parametrize(
    ("name", "column"),
    [("boolish", "flag"), ("mixcat", "grade"), ("leadzero", "branch")],
)
def test_small_files_are_read_as_large_ones(
    name: str, column: str, tmp_path: Path
) -> None:
    made = _made(CASES / f"{name}.csv", "y", tmp_path / "run")
    rows = pd.read_csv(CASES / f"{name}.csv", dtype={column: str})
    oracle = _oracle(made, rows[list(made.model.schema_.names)])
    whole = _decided(tmp_path / "run", CASES / f"{name}.csv")
    assert whole == oracle
    lines = (CASES / f"{name}.csv").read_text().splitlines()
    for i in (0, 5, 9):
        one = tmp_path / "one.csv"
        one.write_text("\n".join([lines[0], lines[i + 1]]))
        assert _decided(tmp_path / "run", one) == [oracle[i]]


@pytest.mark.parametrize(
    ("name", "target", "column"),
    [
        ("deccomma.csv", "y", "income"),
        ("thousands.csv", "y", "income"),
        ("percent.csv", "y", "util"),
        ("dates.csv", "y", "seen"),
    ],
)
def test_how_columns_are_written_is_kept_with_the_run(
    name: str, target: str, column: str, tmp_path: Path
) -> None:
    made = _made(CASES / name, target, tmp_path / "run")
    about = load_run(tmp_path / "run").about
    assert column in json.loads(str(about["how columns are written"]))["formats"]
    assert f"Column {column!r} is read as" in str(about["notes on reading"])
    feature = {f.name: f for f in made.model.schema_.features}[column]
    assert feature.kind == ("date" if name == "dates.csv" else "numeric")
    whole = _decided(tmp_path / "run", CASES / name)
    lines = (CASES / name).read_text().splitlines()
    one = tmp_path / "one.csv"
    for i in range(3):
        one.write_text("\n".join([lines[0], lines[i + 1]]))
        assert _decided(tmp_path / "run", one) == [whole[i]]


def test_huge_whole_numbers_and_a_column_named_self(tmp_path: Path) -> None:
    made = _made(CASES / "huge_integers.csv", "y", tmp_path / "huge")
    assert "2**63 and more" in made.found.about["notes on reading"]
    assert len(_decided(tmp_path / "huge", CASES / "huge_integers.csv")) == 200
    _made(CASES / "self_column.csv", "deny", tmp_path / "self")
    found = _decided(tmp_path / "self", CASES / "self_column.csv")
    assert set(found) <= {"yes", "no"}


def test_decimals_are_numbers_as_rows_and_as_target() -> None:
    task = read_task(CASES / "p_dec.parquet", "y")
    assert task.X["amt"].dtype == np.float64
    task = read_task(CASES / "p_dec.parquet", "amt")
    assert task.kind == "regression"


def test_a_class_called_none_and_classes_with_zeros() -> None:
    task = read_task(CASES / "none_target.csv", "y")
    assert set(task.y) == {"Mild", "None", "Severe"}
    assert any("'None' is a text" in note for note in task.notes)
    assert set(read_task(CASES / "leadzero.csv", "y").y) == {"01", "02", "10"}


def test_a_class_called_na_is_asked_about_and_can_be_kept(tmp_path: Path) -> None:
    text = (CASES / "none_target.csv").read_text().replace("None", "NA")
    (tmp_path / "na.csv").write_text(text)
    with pytest.raises(
        InputError, match=r"missing in 95.*\('NA' 95\); --keep-na-words"
    ):
        read_task(tmp_path / "na.csv", "y")
    options = TableOptions(keep_na_words=True)
    task = read_task(tmp_path / "na.csv", "y", options=options)
    assert set(task.y) == {"Mild", "NA", "Severe"}


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    n = 200
    frame = pd.DataFrame(
        {
            "id": [f"row {i}" for i in range(n)],
            "a": rng.normal(size=n).round(3),
            "b": rng.normal(size=n),
            "y": np.where(rng.random(n) < 0.5, "yes", "no").astype(object),
        }
    )
    frame.loc[3, "y"] = None
    frame.loc[5, "b"] = np.inf
    frame["b"] = frame["b"].astype(object)
    frame.loc[7, "b"] = "?"
    frame.to_csv(tmp_path / "messy.csv")
    return tmp_path / "messy.csv"


def test_all_that_is_wrong_is_told_and_can_be_passed_over(messy: Path) -> None:
    with pytest.raises(InputError, match=r"2 columns cannot be used.*'id'.*'b'"):
        read_task(messy, "y")
    choice = RowChoice(infinite="drop", unlabelled="drop")
    options = TableOptions(na_values=("?",))
    with pytest.raises(InputError, match=r"infinite values: 1 in 'b', e.g. row 6"):
        read_task(messy, "y", drop=["id"], options=options)
    task = read_task(messy, "y", choice=choice, options=options, drop_ids=True)
    assert list(task.X.columns) == ["a", "b"]
    assert len(task.y) == 198
    assert task.about["columns left out"] == "Unnamed: 0, id"
    assert task.about["rows left out for a missing target"] == 1
    written = json.loads(str(task.about["how columns are written"]))
    assert written == {"missing": ["?"]}
    kept = read_task(messy, "y", drop=["id"], choice=choice, options=options)
    assert any("'Unnamed: 0' tells every row apart" in note for note in kept.notes)


def test_labels_of_new_rows_are_read_as_the_classes(tmp_path: Path) -> None:
    made = _made(CASES / "leadzero.csv", "y", tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    read = read_rows_for(
        loaded.model, CASES / "leadzero.csv", target="y", about=loaded.about
    )
    labels = take_labels(loaded.model, read.frame, "y")
    assert labels is not None
    expected = pd.read_csv(CASES / "leadzero.csv", dtype=str)["y"]
    assert labels.tolist() == expected.tolist()
    assert made.model.classes_.tolist() == ["01", "02", "10"]


@pytest.mark.parametrize("told", ["[]", "{", '{"formats": 3}', '{"missing": [1]}'])
def test_facts_that_were_changed_are_refused(told: str, tmp_path: Path) -> None:
    made = _made(CASES / "deccomma.csv", "y", tmp_path / "run")
    with pytest.raises(InputError, match="how its columns are written"):
        read_rows_for(
            made.model,
            CASES / "deccomma.csv",
            about={"how columns are written": told},
        )
