import datetime
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

from interpretkd._base import InputError
from interpretkd.data import (
    RowChoice,
    Schema,
    check_columns,
    choose_rows,
    describe_columns,
    parse_table,
    read_table,
    split_target,
    target_balance,
)
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.runs import take_labels, take_rows_for
from interpretkd.students import CartStudent

nan = np.nan
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def _is_one_sentence(text: str) -> bool:
    return "\n" not in text and text[0].isupper() and text.endswith((".", "?"))


def _refusal(path: Path) -> str | None:
    """Return the sentence for a file that cannot be read, None for one that can."""
    try:
        Schema.from_data(read_table(path))
    except InputError as error:
        return str(error)
    return None


# --- files that can be read


TABLE = pd.DataFrame(
    {
        "age": [31.5, nan, 40.0],
        "home": ["own", "rent, old", None],
        "smoker": [True, False, True],
        "n": [1, 2, 3],
    }
)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_and_marks_are_found(
    write: Write, delimiter: str, encoding: str, end: str
) -> None:
    text = TABLE.to_csv(index=False, sep=delimiter, lineterminator=end)
    got = read_table(write(text.encode(encoding)))
    pd.testing.assert_frame_equal(got, TABLE, check_dtype=False)
    assert Schema.from_data(got).names == ("age", "home", "smoker", "n")


@pytest.mark.parametrize("name", ["t.csv", "t.CSV", "t.tsv", "t.txt"])
def test_endings_of_text_files(write: Write, name: str) -> None:
    assert read_table(write("a\tb\n1\t2\n", name)).to_numpy().tolist() == [[1, 2]]


@pytest.mark.parametrize("name", ["t.parquet", "t.PQ"])
def test_parquet_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    table = TABLE.assign(level=pd.Categorical(["a", "b", "a"], ["b", "a"]))
    table.index = pd.Index([7, 8, 9])
    table.to_parquet(path)
    got = read_table(path)
    assert got.index.tolist() == [0, 1, 2]
    assert list(got.columns) == [*TABLE.columns, "level"]
    assert got["level"].cat.categories.tolist() == ["b", "a"]
    np.testing.assert_array_equal(got["age"], TABLE["age"])


def test_paths_may_be_text(write: Write) -> None:
    assert len(read_table(str(write("a,b\n1,2\n")))) == 1


@pytest.mark.parametrize("gap", ["", "NA", "NaN", "null", "N/A"])
def test_gaps_are_missing_values(write: Write, gap: str) -> None:
    got = read_table(write(f"a,b\n1,x\n{gap},{gap}\n3,y\n"))
    assert got["a"].tolist()[::2] == [1, 3]
    assert got.isna().to_numpy().tolist() == [[False] * 2, [True] * 2, [False] * 2]


def test_quoted_cells_may_hold_anything(write: Write) -> None:
    text = 'name,n\n"a,b;c",1\n"line one\nline two",2\n"says ""no""",3\n"مرحبا 🙂",4\n'
    got = read_table(write(text))
    assert got["name"].tolist() == [
        *("a,b;c", "line one\nline two", 'says "no"', "مرحبا 🙂")
    ]


def test_a_delimiter_inside_a_quoted_header_is_text(write: Write) -> None:
    got = read_table(write('"a;b;c;d",n\nx,1\ny,2\n'))
    assert list(got.columns) == ["a;b;c;d", "n"]


def test_empty_lines_before_the_header_are_passed_over(write: Write) -> None:
    got = read_table(write("\n\na,b\n1,2\n"))
    assert got.columns.tolist() == ["a", "b"]
    with pytest.raises(InputError, match="names a column twice: 'a'"):
        read_table(write("\n\na,a\n1,2\n"))


def test_one_column_is_a_table(write: Write) -> None:
    assert read_table(write("a\n1\n2\n"))["a"].tolist() == [1, 2]


def test_columns_are_left_out(write: Write) -> None:
    got = read_table(write("a,b,c\n1,2,3\n"), drop=["b", "c"])
    assert list(got.columns) == ["a"]


def test_a_column_that_is_left_out_is_not_checked(write: Write) -> None:
    text = "id,a\n" + "".join(f"row {i},1\n" for i in range(150))
    assert list(read_table(write(text), drop=["id"]).columns) == ["a"]


def test_many_rows_of_mixed_columns_are_read_without_a_warning(write: Write) -> None:
    rows = ["1.5,x\n"] * 300_000
    rows[-1] = "two,x\n"
    with pytest.raises(InputError) as caught:
        read_table(write("a,b\n" + "".join(rows)))
    assert str(caught.value) == (
        "Column 'a': 1 of 300000 values are not numbers, e.g. 'two' (row 300000); if "
        "that stands for a missing value, name it (--na-values); if these are "
        "codes, say so (--as a=text)."
    )


# --- files that cannot


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (b"", "t.csv", "The file 't.csv' is empty."),
        (b" \n\t\n", "t.csv", "The file 't.csv' is empty."),
        (b"\xef\xbb\xbf", "t.csv", "The file 't.csv' is empty."),
        (b"\xef\xbb\xbf\n\n", "t.csv", "The file 't.csv' is empty."),
        (b"", "t.parquet", "The file 't.parquet' is empty."),
        (b"a,b\n", "t.csv", "The file 't.csv' has a header and no rows."),
        (b"a,b", "t.csv", "The file 't.csv' has a header and no rows."),
        (b"a,b\n\n\n", "t.csv", "The file 't.csv' has a header and no rows."),
        (
            b"a,b,a\n1,2,3\n",
            "t.csv",
            "The header of 't.csv' names a column twice: 'a'.",
        ),
        (
            b"\xef\xbb\xbfa,a\n1,2\n",
            "t.csv",
            "The header of 't.csv' names a column twice: 'a'.",
        ),
        (
            "name\nJosé\n".encode("latin-1"),
            "t.csv",
            "The file 't.csv' is not UTF-8 text (byte 8, line 2); save it as UTF-8 "
            "CSV, or name its encoding (--encoding latin-1, say).",
        ),
        (
            b"a,b\n1,2\n1,2,3\n",
            "t.csv",
            "The file 't.csv' is not a readable CSV file: Expected 2 fields in line 3, "
            "saw 3.",
        ),
        (
            b"a,b\n1,2\n",
            "t.xlsx",
            "A table must be a .csv, .tsv, .txt or .parquet file. Got 't.xlsx'.",
        ),
        (
            b"a,b\n1,2\n",
            "table",
            "A table must be a .csv, .tsv, .txt or .parquet file. Got 'table'.",
        ),
        (
            b"a,b\n1,2\n",
            "t.parquet",
            "The file 't.parquet' is not a readable Parquet file.",
        ),
        (
            b"age,b\n1,x\n2,x\nthree,x\n4,x\n",
            "t.csv",
            "Column 'age': 1 of 4 values are not numbers, e.g. 'three' (row 3); if "
            "that stands for a missing value, name it (--na-values); if these are "
            "codes, say so (--as age=text).",
        ),
        (
            b"age,b\n1,x\n,x\nthree,x\n4,x\n",
            "t.csv",
            "Column 'age': 1 of 4 values are not numbers, e.g. 'three' (row 3); if "
            "that stands for a missing value, name it (--na-values); if these are "
            "codes, say so (--as age=text).",
        ),
        (
            b"id\n" + b"".join(b"row %d\n" % i for i in range(101)),
            "t.csv",
            "Column 'id' holds 101 different texts in 101 rows, too many for "
            "categories; leave it out (--drop).",
        ),
    ],
)
def test_bad_files_are_told_in_a_sentence(
    write: Write, content: bytes, name: str, sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_table(write(content, name))
    assert str(caught.value) == sentence
    assert _is_one_sentence(sentence)


@pytest.mark.parametrize(
    "content",
    [
        # Shows bugs: pandas cuts long rows with a warning, fills short ones with NaN.
        b"a,b\n1,2,3\n4,5,6\n",
        b"a,b\n1,2,3\n",
        b"a,b\n1\n2\n",
        b"a,b,c\n1,2,3\n1,2\n",
        b'a,b\n"1,2\n3,4\n',  # the quote is not closed
        b"\x00\x01\x02\x03\x00",
        # Shows bugs: NUL bytes are taken for text.
        b"a,b\n1,\x002\n",
        b"PK\x03\x04" + bytes(range(128)) * 3,
        random.Random(0).randbytes(2000),
        b"a" * 200_000,
        b'"' + b"a" * 200_000 + b'",b\n1,2\n',
    ],
    ids=[
        *("all-long", "one-long", "all-short", "one-short", "quote", "nul"),
        *("nul-cell", "zip", "noise", "no-lines", "huge-name"),
    ],
)
def test_junk_is_told_in_a_sentence(write: Write, content: bytes) -> None:
    path = write(content)
    with pytest.raises(InputError) as caught:
        read_table(path)
    assert _is_one_sentence(str(caught.value))
    assert len(str(caught.value)) < 500


def test_absent_files_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputError) as caught:
            read_table(path)
        assert str(caught.value) == f"There is no file {str(path)!r}."


def test_damaged_parquet_is_told_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    rng = np.random.default_rng(0)
    pd.DataFrame({"a": rng.normal(size=200), "b": ["x", "y"] * 100}).to_parquet(path)
    good = path.read_bytes()
    damaged = [good[:20], good[:-20], good[20:], b"PAR1" + b"\0" * 50 + b"PAR1"]
    damaged += [
        good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :]
        for place in rng.integers(4, len(good) - 4, size=30)
    ]
    refusals = []
    for content in damaged:
        path.write_bytes(content)
        refusals.append(_refusal(path))
    assert None not in refusals[:4]  # a flipped byte may hit a number alone
    assert all(_is_one_sentence(text) for text in refusals if text is not None)


@pytest.mark.parametrize(
    "column",
    [
        # Shows bugs: TypeError, unhashable.
        [[1, 2], [3]],
        [{"a": 1}, {"a": 2}],
        [b"\xff\x00", b"b"],
        [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)],
        [datetime.time(1), datetime.time(2)],
        [Decimal("1.5"), Decimal("2.5")],
    ],
    ids=["lists", "dicts", "bytes", "dates", "times", "decimals"],
)
def test_parquet_columns_of_other_kinds_are_read_or_told(
    tmp_path: Path, column: list[Any]
) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": [1.0, 2.0], "c": column}).to_parquet(path)
    assert "Column 'c'" in (_refusal(path) or "Column 'c' is read")


def test_parquet_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_arrays([pyarrow.array([1])] * 2, names=["a", "a"])
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(InputError, match="names a column twice: 'a'"):
        read_table(tmp_path / "t.parquet")


def test_an_unknown_column_to_drop_is_told_with_a_hint(write: Write) -> None:
    with pytest.raises(InputError) as caught:
        read_table(write("age,home\n1,own\n"), drop=["agee"])
    assert str(caught.value) == (
        "There is no column 'agee' to drop. Did you mean 'age'?"
    )


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "t.csv"
    path.write_bytes(content)
    assert _refusal(path) != ""


# --- the target


def _table(target: list[Any]) -> pd.DataFrame:
    n_rows = len(target)
    return pd.DataFrame({"age": np.arange(n_rows) / 2, "y": pd.Series(target)})


@pytest.mark.parametrize(
    ("values", "task", "expected"),
    [
        (["a", "b"] * 5, "multiclass", ["a", "b"] * 5),
        ([0, 1] * 5, "multiclass", [0, 1] * 5),
        ([True, False] * 5, "multiclass", [True, False] * 5),
        (list(range(20)) * 5, "multiclass", list(range(20)) * 5),
        (list(range(21)) * 5, "regression", list(range(21)) * 5),
        ([0.5, 1.0] * 5, "regression", [0.5, 1.0] * 5),
    ],
)
def test_the_task_is_found(values: list[Any], task: str, expected: list[Any]) -> None:
    rows, y, found = split_target(_table(values), "y")
    assert (found, list(rows.columns), y.tolist()) == (task, ["age"], expected)
    kinds = {str: "U", int: "i", bool: "b"}
    assert y.dtype.kind == ("f" if task == "regression" else kinds[type(y.tolist()[0])])


def test_the_task_can_be_told() -> None:
    few, many = _table([1, 2] * 5), _table(list(range(21)) * 5)
    assert split_target(few, "y", task="regression")[2] == "regression"
    assert split_target(many, "y", task="classification")[2] == "multiclass"


@pytest.mark.parametrize("task", ["", "classify", "multiclass", None])
def test_an_unknown_task_is_refused(task: Any) -> None:
    with pytest.raises(InputError, match="task"):
        split_target(_table([1, 2] * 5), "y", task=task)


def test_columns_without_values_are_left_out() -> None:
    rows, _, _ = split_target(_table([0, 1] * 5).assign(empty=None), "y")
    assert list(rows.columns) == ["age"]


@pytest.mark.parametrize(
    ("values", "target", "task", "sentence"),
    [
        (
            [0, 1] * 5,
            "ages",
            "auto",
            "There is no column 'ages'. Did you mean 'age'? The columns are 'age', "
            "'y'.",
        ),
        (
            [0, 1] * 5,
            "zzz",
            "auto",
            "There is no column 'zzz'. The columns are 'age', 'y'.",
        ),
        (
            ["a"] * 10,
            "y",
            "auto",
            "The target 'y' is constant: every row has 'a', so there is one class and "
            "nothing to learn.",
        ),
        (
            ["a", "b", None, None] * 3,
            "y",
            "auto",
            "The target 'y' is missing in 6 of 12 rows, e.g. row 3; remove such rows "
            "first (--drop-missing-target).",
        ),
        (
            [0.5, nan, 1.5],
            "y",
            "auto",
            "The target 'y' is missing in 1 of 3 rows, e.g. row 2; remove such rows "
            "first (--drop-missing-target).",
        ),
        (
            ["a", "b"] * 5 + ["c"],
            "y",
            "auto",
            "Every class of the target 'y' must have at least 5 rows. Class 'c' has 1.",
        ),
        (
            ["a", "b"] * 5,
            "y",
            "regression",
            "The target 'y' must hold numbers for regression. Got e.g. 'a'.",
        ),
        (
            [True, False] * 5,
            "y",
            "regression",
            "The target 'y' must hold numbers for regression. Got e.g. True.",
        ),
    ],
)
def test_bad_targets_are_told_in_a_sentence(
    values: list[Any], target: str, task: str, sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        split_target(_table(values), target, task=task)
    assert str(caught.value) == sentence


def test_a_constant_number_is_shown_as_people_write_it() -> None:
    with pytest.raises(InputError) as caught:
        split_target(_table([1] * 10), "y")
    assert str(caught.value).startswith("The target 'y' is constant: every row has 1,")


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_target_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="The target 'y'"):
        split_target(_table([0.5, value, 1.5]), "y")


def test_the_target_cannot_be_all_there_is() -> None:
    table = _table([0, 1] * 5)
    with pytest.raises(InputError) as caught:
        split_target(table[["y"]], "y")
    assert str(caught.value) == "The table has no column beside the target 'y'."
    with pytest.raises(InputError, match="no column beside"):
        split_target(table.assign(age=None), "y")


# --- new rows for a model


def _rows(n_rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=n_rows), "b": rng.normal(size=n_rows)})


ROWS = _rows()
HOSTILE = np.where(ROWS["a"] > 0, "=1+1", "-no").astype(str)


@pytest.fixture(scope="module")
def classifier() -> DistilledClassifier:
    teacher = LogisticRegression().fit(ROWS, HOSTILE)
    student = CartStudent(4, min_samples_leaf=1)
    model = DistilledClassifier(FrozenEstimator(teacher), student, random_state=0)
    return model.fit(ROWS, HOSTILE)


@pytest.fixture(scope="module")
def regressor() -> DistilledRegressor:
    teacher = LinearRegression().fit(ROWS, ROWS["a"] - ROWS["b"])
    model = DistilledRegressor(FrozenEstimator(teacher), CartStudent(6), random_state=0)
    return model.fit(ROWS, ROWS["a"] - ROWS["b"])


def test_a_model_of_an_array_gets_an_array() -> None:
    X = ROWS.to_numpy()
    teacher = FrozenEstimator(LinearRegression().fit(X, X[:, 0]))
    model = DistilledRegressor(teacher, CartStudent(3), random_state=0).fit(X)
    table = pd.DataFrame(X, columns=["x0", "x1"]).assign(note="x")
    rows = take_rows_for(model, table)
    assert isinstance(rows, np.ndarray)
    np.testing.assert_array_equal(model.predict(rows), model.predict(X))


def test_labels_are_taken_in_the_form_of_the_classes(classifier: Any) -> None:
    labels = take_labels(classifier, ROWS.assign(y=HOSTILE), "y")
    np.testing.assert_array_equal(labels, HOSTILE)
    assert take_labels(classifier, ROWS, None) is None


def test_labels_of_other_types_meet_the_classes() -> None:
    y = (ROWS["a"] > 0).astype(int)
    teacher = FrozenEstimator(LogisticRegression().fit(ROWS, y))
    model = DistilledClassifier(teacher, CartStudent(3), random_state=0).fit(ROWS, y)
    for column in (y, y.astype(str)):
        labels = take_labels(model, ROWS.assign(y=column), "y")
        assert labels is not None
        np.testing.assert_array_equal(labels, y)
        assert labels.dtype.kind == "i"


def test_bad_labels_are_told_in_a_sentence(classifier: Any, regressor: Any) -> None:
    table = ROWS.assign(y=HOSTILE)
    with pytest.raises(InputError) as caught:
        take_labels(classifier, table, "yy")
    assert str(caught.value) == "There is no column 'yy'. Did you mean 'y'?"
    strange = table.assign(y="new")
    with pytest.raises(InputError) as caught:
        take_labels(classifier, strange, "y")
    assert str(caught.value) == (
        "The target 'y' holds classes that the model does not know: 'new'. It knows "
        "'-no', '=1+1'."
    )
    with pytest.raises(InputError, match=r"The target 'y' is missing in 60 rows\."):
        take_labels(classifier, table.assign(y=None), "y")
    with pytest.raises(InputError, match="The target 'y' must hold numbers"):
        take_labels(regressor, table, "y")


def test_rows_for_a_model_are_reordered_and_what_lacks_is_named(
    classifier: Any,
) -> None:
    turned = ROWS[list(ROWS.columns[::-1])].assign(further=1)
    assert list(take_rows_for(classifier, turned).columns) == list(
        classifier.schema_.names
    )
    with pytest.raises(InputError) as caught:
        take_rows_for(classifier, pd.DataFrame({"aa": [1.0], "=x": [2.0]}))
    text = str(caught.value)
    assert text.startswith("The table lacks the columns 'a'")
    assert "'aa'" in text
    assert "It has columns that are not asked for: 'aa', '=x'." in text


# --- what an upload holds, and which rows are used

MESSY = pd.DataFrame(
    {
        "age": [31.0, nan, np.inf, 40.0, 52.0, -np.inf],
        "=home": ["own", None, "rent", "own", "own", "own"],
        "mixed": ["1", "2", "3", "4", "n/a", "6"],
        "none": [nan] * 6,
        "is": [True, False, True, True, False, True],
        "day": pd.to_datetime(["2024-01-01"] * 6),
        "bad": ["yes", "no", "yes", None, "no", "yes"],
    }
)


def test_columns_are_described_with_what_is_wrong() -> None:
    found = describe_columns(MESSY).set_index("column")
    assert found["kind"].to_dict() == {
        "age": "number",
        "=home": "text",
        "mixed": "text",
        "none": "nothing",
        "is": "yes or no",
        "day": "date",
        "bad": "text",
    }
    assert found.loc["age", ["missing", "infinite", "different"]].tolist() == [1, 2, 5]
    assert found.loc["none", "missing"] == 6
    assert found.loc["mixed", "problem"] == (
        "Column 'mixed': 1 of 6 values are not numbers, e.g. 'n/a' (row 5); if that "
        "stands for a missing value, name it (--na-values); if these are "
        "codes, say so (--as mixed=text)."
    )
    assert (found["problem"] != "").sum() == 1
    with pytest.raises(InputError, match="'mixed'"):
        check_columns(MESSY)


def test_nested_columns_are_described() -> None:
    table = pd.DataFrame({"lists": [[1], [2]], "texts": [f"t{i}" for i in range(2)]})
    assert describe_columns(table)["different"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("choice", "rows", "facts"),
    [
        (RowChoice(infinite="missing"), 6, {"infinite values taken for missing": 2}),
        (RowChoice(infinite="drop"), 4, {"rows left out for infinite values": 2}),
        (
            RowChoice("drop", "missing", "drop"),
            2,
            {
                "rows left out for a missing target": 1,
                "infinite values taken for missing": 2,
                "rows left out for missing values": 3,
            },
        ),
        (
            RowChoice("drop", "drop"),
            2,
            {
                "rows left out for infinite values": 2,
                "rows left out for missing values": 2,
            },
        ),
    ],
)
def test_rows_are_left_out_as_chosen(
    choice: RowChoice, rows: int, facts: dict[str, int]
) -> None:
    table = MESSY[["age", "=home", "bad"]]
    before = table.copy()
    found, said = choose_rows(table, "bad", choice)
    assert len(found) == rows
    assert said == facts
    assert list(found.index) == list(range(rows))
    pd.testing.assert_frame_equal(table, before)
    numbers = found["age"].to_numpy()
    assert not np.isinf(numbers).any()


def test_what_is_refused_is_counted() -> None:
    with pytest.raises(InputError) as caught:
        choose_rows(MESSY, "bad", RowChoice())
    assert str(caught.value) == (
        "The table holds infinite values: 2 in 'age', e.g. row 3; take them for "
        "missing (--infinite missing), or leave their rows out (--infinite drop)."
    )
    with pytest.raises(InputError) as caught:
        choose_rows(MESSY, "bad", RowChoice("refuse", "drop"))
    assert "1 in 'age', 1 in '=home', 4 in 'none', 1 in 'bad', e.g. row" in str(
        caught.value
    )
    with pytest.raises(InputError, match="No row is left"):
        choose_rows(MESSY, "bad", RowChoice("drop", "missing"))


def test_of_too_many_rows_some_are_drawn_in_their_order() -> None:
    table = pd.DataFrame({"a": range(1000)})
    choice = RowChoice(most_rows=100)
    found, facts = choose_rows(table, "a", choice, seed=3)
    assert facts == {"rows drawn": "100 of 1,000"}
    assert found["a"].is_monotonic_increasing
    assert found["a"].nunique() == 100
    assert found.equals(choose_rows(table, "a", choice, seed=3)[0])
    assert not found.equals(choose_rows(table, "a", choice, seed=4)[0])


@pytest.mark.parametrize(
    "settings",
    [{"missing": "x"}, {"infinite": "x"}, {"unlabelled": "x"}, {"most_rows": 9}],
)
def test_a_choice_of_rows_is_checked(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="RowChoice"):
        RowChoice(**settings)


def test_a_target_is_counted() -> None:
    y = np.repeat([f"class {i}" for i in range(30)], range(30, 0, -1))
    found = target_balance(y, "multiclass", most=5)
    assert found["class"].tolist() == [
        *("class 0", "class 1", "class 2", "class 3", "26 other classes"),
    ]
    assert found["rows"].tolist() == [30, 29, 28, 27, 351]
    assert found["share"].sum() == pytest.approx(1)
    found = target_balance(np.array([0.0, 1.0, 10.0]), "regression", most=2)
    assert found.to_dict("list") == {
        "from": [0.0, 5.0],
        "to": [5.0, 10.0],
        "rows": [2, 1],
        "share": [2 / 3, 1 / 3],
    }


def test_bytes_are_parsed_as_their_file_is(write: Write) -> None:
    content = b"a;b\n1;x\n2;y\n"
    pd.testing.assert_frame_equal(
        parse_table(content, "t.csv").frame,
        read_table(write(content.decode(), "t.csv")),
    )


def test_classes_that_are_no_whole_numbers_are_texts() -> None:
    y = split_target(_table([0.5, 1, 10.25] * 5), "y", task="classification")[1]
    assert y.tolist() == ["0.5", "1", "10.25"] * 5
