"""Which rows a run is made of: groups on one side, and a test file of one's own."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd import CartStudent
from interpretkd._base import InputError
from interpretkd.runs import (
    analyse_run,
    distil,
    load_run,
    read_task,
    recheck,
    recheck_table,
    task_of,
    train_teacher,
)


def _visits(seed: int, n_patients: int = 40) -> pd.DataFrame:
    """Return visits of patients: who is ill is ill at every visit."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), rng.integers(3, 9, n_patients))
    age = rng.integers(20, 90, n_patients)[patient]
    ward = rng.choice(["north", "south"], len(patient))
    ill = ((age > 50) ^ (rng.random(n_patients) < 0.1)[patient]).astype(int)
    names = [f"p{i:03d}" for i in patient]
    return pd.DataFrame({"patient": names, "age": age, "ward": ward, "ill": ill})


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    path = tmp_path / "visits.csv"
    _visits(0).to_csv(path, index=False)
    return path


def test_no_patient_is_trained_on_and_judged_on(visits: Path) -> None:
    task = read_task(visits, "ill", group="patient")
    assert list(task.X.columns) == ["age", "ward"]
    assert task.groups is not None
    patient = pd.read_csv(visits)["patient"].to_numpy()
    sides = [set(patient[rows]) for rows in vars(task.split).values()]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 40
    assert task.about["rows belong together by"] == "patient"
    assert task.about["groups held out"] == len(sides[2])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 60))
def test_groups_are_apart_whatever_they_are(
    tmp_path_factory: Any, seed: int, n_patients: int
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.parquet"
    table = _visits(seed, n_patients)
    table["ill"] = np.arange(len(table)) % 2
    table.loc[::7, "patient"] = None
    table.to_parquet(path)
    task = read_task(path, "ill", group="patient", seed=seed)
    assert task.groups is not None
    sides = [set(task.groups[rows]) for rows in vars(task.split).values()]
    assert sum(map(len, sides)) == len(set.union(*sides))


SPELT = {
    "a float": lambda numbers: numbers.map("{}.0".format),
    "a blank": lambda numbers: numbers.map(" {}".format),
    "a missing one": lambda numbers: numbers.where(numbers.index > 0).astype(float),
}


@pytest.mark.parametrize("spelling", SPELT)
@pytest.mark.parametrize("given", ["numbers", "texts"])
def test_a_group_that_is_spelt_otherwise_is_held_out_all_the_same(
    tmp_path: Path, given: str, spelling: str
) -> None:
    table = _visits(0)
    table["patient"] = table["patient"].str[1:].astype(int)
    path, more = tmp_path / "visits.parquet", tmp_path / "more.csv"
    own = table.astype({"patient": str}) if given == "texts" else table
    own.to_parquet(path)
    task = read_task(path, "ill", group="patient")
    held = set(table["patient"].iloc[task.split.test])
    other = table.assign(age=table["age"] + 100)  # no row is equal to one held out
    other["patient"] = SPELT[spelling](other["patient"])
    other.drop(columns="ill").to_csv(more, index=False)
    rest = read_task(path, "ill", group="patient", unlabelled=more).unlabelled
    assert rest is not None
    ages = table["age"][~table["patient"].isin(held)] + 100
    kept = ages.tolist()
    if spelling == "a missing one" and 0 in held:
        kept = [other["age"].iloc[0], *kept]
    assert rest["age"].tolist() == kept
    other.dropna().to_csv(more, index=False)
    with pytest.raises(InputError, match="are among the other rows, too"):
        read_task(path, "ill", group="patient", test=more)


def test_groups_of_which_none_is_known_are_told(visits: Path, tmp_path: Path) -> None:
    more = _visits(1).drop(columns="ill")
    more["patient"] = more["patient"].str.replace("p", "patient ")
    more.to_csv(tmp_path / "more.csv", index=False)
    order = {"group": "patient", "unlabelled": tmp_path / "more.csv"}
    task = read_task(visits, "ill", **order)
    assert any("None of its 'patient' is one of the rows" in n for n in task.notes)


def test_a_run_of_groups_is_judged_over_groups(visits: Path, tmp_path: Path) -> None:
    task = read_task(visits, "ill", group="patient")
    teacher = train_teacher(task, hidden=(4,), max_epochs=3)
    student = CartStudent(3, search="greedy")
    made = distil(task, teacher, student, tmp_path / "run", target="hard")
    n_groups = task.about["groups held out"]
    assert made.evaluation.n_groups == n_groups
    assert f"of {n_groups} groups" in made.evaluation.verdict
    assert "intervals, which are over groups, are rough" in str(made.evaluation)
    again = analyse_run(load_run(made.path)).evaluation
    assert str(again) == str(made.evaluation)


def test_a_file_of_its_own_is_the_test(visits: Path, tmp_path: Path) -> None:
    later = _visits(5, 15).assign(further="x")
    later["patient"] = "later " + later["patient"]
    later.to_csv(tmp_path / "later.csv", index=False)
    task = read_task(visits, "ill", group="patient", test=tmp_path / "later.csv")
    n_first = len(pd.read_csv(visits))
    assert task.split.test.tolist() == list(range(n_first, n_first + len(later)))
    judged = task.X.iloc[task.split.test]
    assert judged["age"].tolist() == later["age"].tolist()
    assert judged["ward"].astype(str).tolist() == later["ward"].tolist()
    np.testing.assert_array_equal(task.y[task.split.test], later["ill"])
    assert task.about["test data"] == "later.csv"
    assert len(str(task.about["test data SHA-256"])) == 64


def test_a_test_file_is_read_as_the_first_one_is(tmp_path: Path) -> None:
    first = pd.DataFrame({"code": ["01", "1E5", "True"] * 20, "y": ["01", "2"] * 30})
    first.to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"y": ["01"], "code": ["01"]}).to_csv(tmp_path / "b.csv", index=False)
    task = read_task(tmp_path / "a.csv", "y", test=tmp_path / "b.csv")
    assert task.y[task.split.test].tolist() == ["01"]
    assert task.X.iloc[-1]["code"] == "01"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"ill": 2},
            "'ill' holds classes in 'later.csv' that no training row has: '2'",
        ),
        ({"ill": None}, "The target 'ill' is missing in"),
        ({"age": "old"}, "'age'"),
        (
            {},
            r"15 of the groups of 'later.csv' are among .*'p000'",
        ),
        ({"patient": "p9"}, "of one group of 'patient', which says nothing of others"),
    ],
)
def test_a_test_file_that_does_not_fit_is_said(
    visits: Path, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    _visits(5, 15).assign(**change).to_csv(tmp_path / "later.csv", index=False)
    with pytest.raises(InputError, match=said):
        read_task(visits, "ill", group="patient", test=tmp_path / "later.csv")


def test_rows_of_a_test_file_without_a_group_are_each_their_own(
    visits: Path, tmp_path: Path
) -> None:
    later = _visits(5, 15).assign(patient=None)
    later.to_csv(tmp_path / "later.csv", index=False)
    task = read_task(visits, "ill", group="patient", test=tmp_path / "later.csv")
    assert task.about["groups held out"] == len(later)


@pytest.mark.parametrize(
    ("group", "said"),
    [("pateint", "Did you mean 'patient'"), ("ill", "cannot be both target and group")],
)
def test_a_column_that_is_no_group_is_said(visits: Path, group: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_task(visits, "ill", group=group)


# --- is it still as faithful as when it was signed?


@pytest.fixture(scope="module")
def signed(tmp_path_factory: Any) -> Any:
    folder = tmp_path_factory.mktemp("signed")
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {"age": rng.integers(20, 60, 600), "size": rng.normal(size=600)}
    )
    rows["y"] = np.where(rows["age"] > 40, "old", "young")
    rows.to_csv(folder / "rows.csv", index=False)
    task = read_task(folder / "rows.csv", "y")
    teacher = train_teacher(task, hidden=(16,), max_epochs=40)
    made = distil(task, teacher, CartStudent(3), folder / "run")
    return load_run(made.path), rows


def test_rows_of_the_same_kind_leave_a_run_as_it_was(signed: Any) -> None:
    run, _ = signed
    kept = run.evaluation
    found = recheck(run, kept.X, kept.y)
    assert str(found.now) == str(found.signed)
    assert {name: c.value for name, c in found.changes.items()} == {
        "fidelity": 0,
        "accuracy": 0,
    }
    assert not found.is_worse
    assert found.n_outside == 0
    assert "No row lies outside" in str(found)


def test_rows_that_were_never_seen_are_counted_and_a_worse_run_is_said(
    signed: Any, tmp_path: Path
) -> None:
    run, rows = signed
    later = rows.copy()
    later.loc[:99, "age"] = 150
    later.loc[:199, "y"] = np.where(later["y"][:200] == "old", "young", "old")
    later.to_csv(tmp_path / "later.csv", index=False)
    found = recheck_table(run, tmp_path / "later.csv")
    assert found.is_worse
    assert found.changes["accuracy"].high < 0
    assert "The accuracy is lower than what the run was signed with" in found.verdict
    gap = found.changes["accuracy"]
    assert f"(difference {100 * gap.value:+.1f} points [" in found.verdict
    assert found.n_outside == 100
    assert found.outside.iloc[0][["column", "rows"]].tolist() == ["age", 100]
    assert "100 rows of 600 lie outside what the training rows had: age (above" in str(
        found
    )
    without = recheck_table(run, _without_labels(later, tmp_path))
    assert set(without.changes) == {"fidelity"}


def test_one_row_lies_outside_and_rows_without_a_group_are_their_own(
    signed: Any, tmp_path: Path
) -> None:
    run, rows = signed
    later = rows.head(60).copy()
    later["seller"] = [None] * 20 + ["a", "b"] * 20
    later.loc[0, "age"] = 150
    later.to_csv(tmp_path / "later.csv", index=False)
    found = recheck_table(run, tmp_path / "later.csv", group="seller")
    assert found.now.n_groups == 22
    assert "1 row of 60 lies outside" in found.outside_text


def _without_labels(rows: pd.DataFrame, folder: Path) -> Path:
    rows.drop(columns="y").to_csv(folder / "bare.csv", index=False)
    return folder / "bare.csv"


def test_a_column_of_the_student_that_is_no_text_is_a_sentence(visits: Path) -> None:
    with pytest.raises(InputError, match="There is no column 1 for the student"):
        read_task(visits, "ill", student_columns=[1])  # type: ignore[list-item]


def test_images_have_no_columns_for_the_student() -> None:
    from interpretkd.datasets import load_digits
    from interpretkd.runs.jobs import TrainOrder, _task

    digits = load_digits()
    with pytest.raises(InputError, match="whose columns are pixels"):
        task_of(digits, student_columns=[str(digits.data.columns[0])])
    order = TrainOrder("runs/x", "digits", unlabelled="more.csv")
    with pytest.raises(InputError, match="for a table of one's own"):
        _task(order)
