"""Decisions of new rows: which columns are needed, kept, and what cannot be read."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

from interpretkd import BoostedStudent, CallableTeacher, CartStudent, LinearStudent
from interpretkd._base import InputError
from interpretkd.data import Schema, unseen_cells
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.runs import Run, load_run, new_rows, predict_table, save

RNG = np.random.default_rng(0)
ROWS = pd.DataFrame({"a": RNG.normal(size=60), "b": RNG.normal(size=60)})
HOSTILE = np.where(ROWS["a"] > 0, "=1+1", "-no").astype(str)


@pytest.fixture(scope="module")
def classifier() -> Run:
    teacher = LogisticRegression().fit(ROWS, HOSTILE)
    student = CartStudent(4, min_samples_leaf=1)
    model = DistilledClassifier(FrozenEstimator(teacher), student, random_state=0)
    return Run(model.fit(ROWS, HOSTILE), None, {"about": {}})


@pytest.fixture(scope="module")
def regressor() -> Run:
    teacher = LinearRegression().fit(ROWS, ROWS["a"] - ROWS["b"])
    model = DistilledRegressor(FrozenEstimator(teacher), CartStudent(6), random_state=0)
    return Run(model.fit(ROWS, ROWS["a"] - ROWS["b"]), None, {"about": {}})


@pytest.fixture(scope="module")
def homes(tmp_path_factory: Any) -> tuple[Run, pd.DataFrame]:
    """A saved run of a tree that reads two of its four columns."""
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            "age": rng.integers(18, 80, 400),
            "home": rng.choice(["own", "rent", "free"], 400),
            "since": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 900, 400), unit="D"),
            "noise": rng.choice(["x", "y"], 400),
        }
    )

    def says(X: pd.DataFrame) -> Any:
        on = (X["age"] > 40).to_numpy() == (X["home"] == "own").to_numpy()
        return np.where(on[:, None], [-2.0, 2.0], [2.0, -2.0])

    y = says(rows).argmax(axis=1)
    teacher = CallableTeacher(says, classes=[0, 1])
    model = DistilledClassifier(teacher, CartStudent(4), random_state=0)
    model.fit(rows[:300], y[:300])
    path = save(model, tmp_path_factory.mktemp("run") / "r", rows[300:], y[300:])
    return load_run(path), rows[300:]


def test_predictions_go_into_a_csv_file_without_formulas(
    classifier: Run, tmp_path: Path
) -> None:
    more = ROWS.assign(note="x")[["note", "b", "a"]]
    more.to_csv(tmp_path / "rows.csv", index=False)
    out, notes = predict_table(classifier, tmp_path / "rows.csv", tmp_path / "out.csv")
    got = pd.read_csv(out)
    assert list(got.columns) == [
        *("row", "rule", "prediction", "probability of -no", "probability of =1+1")
    ]
    assert notes == ()
    assert got["row"].tolist() == list(range(1, 61))
    read_back = pd.read_csv(tmp_path / "rows.csv")[["a", "b"]]
    model = classifier.model
    assert got["prediction"].str.startswith("'").all()
    np.testing.assert_array_equal(
        got["prediction"].str.removeprefix("'"), model.predict(read_back)
    )
    np.testing.assert_allclose(
        got.iloc[:, 3:].to_numpy(), model.predict_proba(read_back), rtol=1e-12
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "rows.csv"]


@pytest.mark.parametrize("name", ["rows.csv", "also.csv", "x/../rows.csv"])
def test_predictions_never_replace_the_rows(
    classifier: Run, tmp_path: Path, name: str
) -> None:
    (tmp_path / "x").mkdir()
    ROWS.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "also.csv").symlink_to("rows.csv")
    before = (tmp_path / "rows.csv").read_bytes()
    with pytest.raises(InputError, match=r"would replace the rows in .*another file"):
        predict_table(classifier, tmp_path / "rows.csv", tmp_path / name)
    assert (tmp_path / "rows.csv").read_bytes() == before


def test_negative_numbers_are_kept_as_they_stand(
    classifier: Run, tmp_path: Path
) -> None:
    rows = ROWS.assign(gain="-0,5", note="-x")
    rows.to_csv(tmp_path / "rows.csv", index=False, sep=";")
    out, _ = predict_table(
        classifier, tmp_path / "rows.csv", tmp_path / "out.csv", keep=["gain", "note"]
    )
    got = pd.read_csv(out)
    assert set(got["gain"]) == {"-0,5"}
    assert set(got["note"]) == {"'-x"}


def test_predictions_go_into_a_parquet_file(regressor: Run, tmp_path: Path) -> None:
    ROWS.to_parquet(tmp_path / "rows.parquet")
    made = predict_table(regressor, tmp_path / "rows.parquet", tmp_path / "o.parquet")
    got = pd.read_parquet(made[0])
    assert list(got.columns) == ["row", "rule", "prediction"]
    np.testing.assert_array_equal(got["prediction"], regressor.model.predict(ROWS))


def test_predictions_need_a_known_ending_and_the_columns(
    classifier: Run, tmp_path: Path
) -> None:
    ROWS.rename(columns={"a": "aa"}).to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(InputError) as caught:
        predict_table(classifier, tmp_path / "rows.csv", tmp_path / "out.json")
    assert str(caught.value) == (
        "Predictions are written to a .csv or .parquet file. Got 'out.json'."
    )
    with pytest.raises(InputError, match=r"lacks the columns 'a'\. Did you mean 'aa'"):
        predict_table(classifier, tmp_path / "rows.csv", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_only_the_columns_that_the_student_reads_are_needed(
    homes: Any, tmp_path: Path
) -> None:
    run, rows = homes
    rows[["home", "age"]].to_csv(tmp_path / "few.csv", index=False)
    out, notes = predict_table(run, tmp_path / "few.csv", tmp_path / "o.csv")
    got = pd.read_csv(out)
    assert notes == ()
    # 0 and 1 came in as numbers, and so they come out.
    assert got["prediction"].dtype.kind == "i"
    np.testing.assert_array_equal(got["prediction"], run.model.predict(rows))


def test_ids_are_kept_and_all_columns_on_request(homes: Any, tmp_path: Path) -> None:
    run, rows = homes
    table = rows.assign(
        client=[f"c{i}" for i in range(100)], prediction="mine", team="same"
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    ask = (run, tmp_path / "t.csv", tmp_path / "o.csv")
    plain = pd.read_csv(predict_table(*ask)[0])
    assert list(plain.columns)[:4] == ["row", "client", "rule", "prediction"]
    assert plain["client"].tolist() == table["client"].tolist()
    whole = pd.read_csv(predict_table(*ask, keep_all=True)[0])
    assert list(whole.columns)[1:8] == list(table.columns)
    assert (whole["prediction"] == "mine").all()
    np.testing.assert_array_equal(whole["prediction_"], run.model.predict(rows))
    some = pd.read_csv(predict_table(*ask, keep=["team"])[0])
    assert list(some.columns)[:3] == ["row", "team", "rule"]
    with pytest.raises(InputError, match="no column 'tema' to keep"):
        predict_table(*ask, keep=["tema"])


def test_each_row_has_the_rule_of_the_report_and_its_words(
    homes: Any, tmp_path: Path
) -> None:
    run, rows = homes
    rows.to_csv(tmp_path / "t.csv", index=False)
    out, _ = predict_table(run, tmp_path / "t.csv", tmp_path / "o.csv", explain=True)
    got = pd.read_csv(out)
    kept = run.evaluation
    assert kept is not None
    found = run.model.rules(kept.X, kept.y, teacher_logits=kept.teacher_logits)
    rules = {rule.number: rule for rule in found}
    codes = run.model.schema_.encode(rows)
    for i, (number, because) in enumerate(zip(got.rule, got.because, strict=True)):
        assert because == rules[number].condition_text
        row = codes[i : i + 1]
        assert all(condition.holds(row)[0] for condition in rules[number].conditions)


@pytest.mark.parametrize("student", [BoostedStudent(3), LinearStudent()])
def test_a_sum_has_no_rules(student: Any, tmp_path: Path) -> None:
    y = (ROWS["a"] > 0).to_numpy()
    teacher = FrozenEstimator(LogisticRegression().fit(ROWS, y))
    model = DistilledClassifier(teacher, student, random_state=0).fit(ROWS, y)
    ROWS.to_csv(tmp_path / "t.csv", index=False)
    ask = (Run(model, None, {"about": {}}), tmp_path / "t.csv", tmp_path / "o.csv")
    got = pd.read_csv(predict_table(*ask)[0])
    assert list(got.columns)[:2] == ["row", "prediction"]
    with pytest.raises(InputError, match="Only a tree's decisions have a rule"):
        predict_table(*ask, explain=True)


UNKNOWN = "row,age,home\n1,30,own\n2,50,castle\n3,,rent\n4,abc,rent\n5,inf,own\n"


def test_what_cannot_be_read_is_an_error_missing_or_left_out(
    homes: Any, tmp_path: Path
) -> None:
    run, _ = homes
    (tmp_path / "t.csv").write_text(UNKNOWN)
    ask = (run, tmp_path / "t.csv", tmp_path / "o.csv")
    with pytest.raises(InputError) as caught:
        predict_table(*ask)
    said = str(caught.value)
    assert "'castle'" in said
    assert "'abc'" in said
    assert "Rows 2, 4, 5." in said
    assert not (tmp_path / "o.csv").exists()
    out, notes = predict_table(*ask, on_unknown="skip")
    got = pd.read_csv(out)
    assert got["row"].tolist() == [1, 3]
    assert "'age' is missing in 1 of 5 rows, e.g. row 3; no row of" in notes[0]
    assert notes[1].startswith("Left out 3 rows: ")
    out, notes = predict_table(*ask, on_unknown="missing")
    got = pd.read_csv(out)
    assert got["row"].tolist() == [1, 2, 3, 4, 5]
    gaps = pd.DataFrame(
        {
            "age": [30, 50, np.nan, np.nan, np.nan],
            "home": ["own", None, "rent"] * 1 + ["rent", "own"],
        }
    ).assign(since=pd.Timestamp("2020-01-01"), noise="x")
    np.testing.assert_array_equal(got["prediction"], run.model.predict(gaps))
    assert notes[1].startswith("Taken for missing in 3 rows: ")


LEVELS = st.sampled_from(["own", "rent", "boat", None, "1", ""])
NUMBERS = st.one_of(
    st.floats(allow_nan=True, width=64), st.sampled_from(["abc", "1e3", None, 2**70])
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(LEVELS, NUMBERS), min_size=1, max_size=12))
def test_exactly_the_rows_that_encode_refuses_are_found(cells: Any) -> None:
    known = pd.DataFrame({"home": ["own", "rent"], "age": [1.0, 2.0]})
    schema = Schema.from_data(known)
    table = pd.DataFrame(cells, columns=["home", "age"], dtype=object)
    refused = []
    for i in range(len(table)):
        try:
            schema.encode(table.iloc[i : i + 1])
        except InputError:
            refused.append(i)
    assert unseen_cells(schema, table).rows.tolist() == refused


def test_no_row_left_is_said(homes: Any) -> None:
    run, rows = homes
    table = rows.assign(home="castle")
    with pytest.raises(InputError, match="No row is left"):
        new_rows(run.model, table, "skip")
