"""What the columns of a table are read as, and what is said of it."""

import datetime
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd._base import InputError
from interpretkd.data import (
    ReadTable,
    TableOptions,
    check_columns,
    counter_notes,
    group_notes,
    id_columns,
    open_table,
    parse_table,
    read_table,
    refuse_columns,
)

CASES = Path(__file__).parent / "cases"


def _parse(text: str | bytes, **told: Any) -> ReadTable:
    content = text.encode() if isinstance(text, str) else text
    return parse_table(content, "t.csv", options=TableOptions(**told))


def _column(cells: list[str], **told: Any) -> ReadTable:
    lines = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    return _parse("\n".join(["a", *lines]) + "\n", **told)


def _parquet(table: Any, **settings: Any) -> ReadTable:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, **settings)
    return parse_table(buffer.getvalue(), "t.parquet")


# --- numbers


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["0,5", "1,25", "3"], [0.5, 1.25, 3]),
        (["1,200.5", "900"], [1200.5, 900]),
        (["1.200,5", "900"], [1200.5, 900]),
        (["1,234,567", "1,200"], [1234567, 1200]),
        (["12,34,567", "1,200"], [1234567, 1200]),
        (["1.234.567", "1.200"], [1234567, 1200]),
        (["1 200", "34\u00a0000", "7\u202f000"], [1200, 34000, 7000]),
        (["1'200.5", "3\u2019400"], [1200.5, 3400]),
        (["12 %", "3.5%"], [12, 3.5]),
        (["$50", "-$1,200.50", "($3)"], [50, -1200.5, -3]),
        (["50 €", "1.200,50 €"], [50, 1200.5]),
        (["USD 5", "USD 7"], [5, 7]),
        (["\u22125", "+3"], [-5, 3]),
        # whoever writes 2,900 for 2.9 does not write 900 for 900.000
        (["2,900", "900", "12,500"], [2900, 900, 12500]),
    ],
)
def test_numbers_as_people_write_them_are_read_and_told(
    cells: list[str], values: list[float]
) -> None:
    found = _column(cells)
    assert not found.problems
    assert found.frame["a"].tolist() == values
    assert len(found.notes) == 1
    assert found.notes[0].startswith("Column 'a' is read as numbers: ")
    # each cell by itself is read alike, once the format is known
    assert found.formats["a"]


@pytest.mark.parametrize("cells", [["1,200", "2,345"], ["1.200", "900", "3.450"]])
def test_what_may_be_either_is_asked(cells: list[str]) -> None:
    found = _column(cells)
    assert found.problems["a"] == (
        f"Column 'a' holds numbers such as '{cells[0]}', which may be 1.2 or 1200; say "
        "what the decimal mark is (--decimal . or --decimal ,)."
    )
    with pytest.raises(InputError, match="--decimal"):
        refuse_columns(found.problems)
    small, large = (",", ".") if "," in cells[0] else (".", ",")
    assert _column(cells, decimal=small).frame["a"][0] == 1.2
    assert _column(cells, decimal=large).frame["a"][0] == 1200


def test_the_columns_beside_tell_the_decimal_mark() -> None:
    found = _parse("a;b\n1.200;0,5\n3.400;1,5\n")
    assert found.frame["a"].tolist() == [1200, 3400]
    found = _parse('a,b\n"1,200",0.5\n"3,400",1.5\n')
    assert found.frame["a"].tolist() == [1200, 3400]
    assert not found.problems


def test_plain_decimals_of_three_digits_are_plain() -> None:
    found = _column(["1.234", "5.678", "12.500"])
    assert (found.frame["a"].tolist(), found.notes) == ([1.234, 5.678, 12.5], ())


@pytest.mark.parametrize(
    ("cells", "part"),
    [
        (["1,5", "2.5", "1,7"], "written in several ways, e.g. '1,5' and '2.5'"),
        (["5%", "7"], "written in several ways, e.g. '5%' and '7'"),
        (["$5", "7 €"], "written in several ways"),
        (["1,5", "1,7", "x"], "1 of 3 values are not numbers, e.g. 'x' (row 3)"),
        (["1", "2", "?"], "1 of 3 values are not numbers, e.g. '?' (row 3)"),
        (["2024-01-01", "2024-01-02", "x"], "1 of 3 values are not dates, e.g. 'x'"),
        (
            ["31.02.2024", "1.2.2024", "2.2.2024"],
            "not dates, e.g. '31.02.2024' (row 1)",
        ),
        (["2024-01-01T10:00", "2024-01-01T10:00Z"], "with and without a time zone"),
        (["03/04/2024", "05/06/2024"], "--dates day-first or month-first"),
    ],
)
def test_columns_that_are_written_badly_are_told(cells: list[str], part: str) -> None:
    problem = _column(cells).problems["a"]
    assert part in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    "cells",
    [
        ["192.168.0.1", "10.0.0.1"],
        ["3 rooms", "4 rooms"],
        ["10-20", "20-30"],
        ["A", "1", "2", "B", "C"],
        ["1.2.3", "1.2.4"],
    ],
)
def test_other_texts_stay_texts(cells: list[str]) -> None:
    found = _column(cells)
    assert found.frame["a"].tolist() == cells
    assert not found.problems


def test_leading_zeros_stay_text_and_are_told() -> None:
    found = _column(["005", "010", "12"])
    assert found.frame["a"].tolist() == ["005", "010", "12"]
    assert found.notes == (
        "Column 'a' is read as text, not as numbers: '005' begins with a zero.",
    )
    assert _column(["005", "010"], kinds={"a": "number"}).frame["a"].tolist() == [5, 10]
    mixed = _column(["005", "010", "None"])
    assert mixed.frame["a"].tolist() == ["005", "010", "None"]
    assert not mixed.problems
    assert _column(["0", "10"]).frame["a"].tolist() == [0, 10]
    assert _column(["0.5", "00.5"]).frame["a"].tolist() == [0.5, 0.5]


def test_whole_numbers_beyond_64_bits_are_floats_with_a_word() -> None:
    found = _column(["10000000000000000000000000", "7"])
    assert found.frame["a"].tolist() == [1e25, 7]
    assert "2**63 and more, e.g. '1000000000" in found.notes[0]
    most = _column([str(2**63 - 1), str(2**53 + 1)])
    assert most.frame["a"].tolist() == [2**63 - 1, 2**53 + 1]
    assert most.notes == ()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
@settings(max_examples=25)
def test_floats_are_read_to_the_bit(values: list[float]) -> None:
    found = _column([repr(value) for value in values]).frame["a"]
    assert found.tolist() == values


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=20),
    st.sampled_from([("{:,.2f}", "."), ("{:,.2f}", ",")]),
    st.sampled_from(["", " %", " €"]),
)
@settings(max_examples=25)
def test_written_numbers_come_back(
    cents: list[int], style: tuple[str, str], mark: str
) -> None:
    values = [cent / 100 for cent in cents]
    texts = [style[0].format(value) + mark for value in values]
    if style[1] == ",":
        texts = [text.translate(str.maketrans(",.", ".,")) for text in texts]
    found = _column(texts)
    assert not found.problems
    assert found.frame["a"].tolist() == values


# --- dates


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        (["2024-12-24", "2024-01-02"], "2024-12-24"),
        (["2024/12/24", "2024/1/2"], "2024-12-24"),
        (["24.12.2024", "1.2.2024"], "2024-12-24"),
        (["01.02.2024", "03.04.2024"], "2024-02-01"),
        (["24/12/2024", "01/02/2024"], "2024-12-24"),
        (["12/24/2024", "01/02/2024"], "2024-12-24"),
        (["24-12-2024 18:30", "01-02-2024 07:00"], "2024-12-24 18:30"),
        (["24 Dec 2024", "1 January 2023"], "2024-12-24"),
        (["24. Dezember 2024", "1. März 2023"], "2024-12-24"),
        (["Dec 24, 2024", "May 1, 2023"], "2024-12-24"),
        (["12/24/2024 6:30 PM", "01/02/2024 12:00 am"], "2024-12-24 18:30"),
        (["2024-12", "2023-01"], "2024-12-01"),
        (["05.2024", "12.2023"], "2024-05-01"),
        (["05/2024", "12/2023"], "2024-05-01"),
        (["2024-12-24T18:30:05.25", "2023-01-01 00:00:00"], "2024-12-24 18:30:05.25"),
    ],
)
def test_dates_are_read_and_told(cells: list[str], first: str) -> None:
    found = _column([*cells, ""])
    assert not found.problems
    assert found.frame["a"][0] == pd.Timestamp(first)
    assert found.frame["a"].isna().tolist() == [False, False, True]
    assert found.notes[0].startswith("Column 'a' is read as dates: ")


def test_times_with_zones() -> None:
    found = _column(["2024-01-05T10:00:00Z", "2024-01-06T11:30:00+02:00"])
    assert found.frame["a"].tolist() == [
        pd.Timestamp("2024-01-05T10:00Z"),
        pd.Timestamp("2024-01-06T09:30Z"),
    ]
    same = _column(["2024-01-05 10:00+0100"]).frame["a"][0]
    assert same == pd.Timestamp("2024-01-05T09:00Z")
    assert same.utcoffset() == datetime.timedelta(hours=1)


def test_dates_that_may_be_either_are_told_by_others_or_by_a_person() -> None:
    text = "a,b\n03/04/2024,13/04/2024\n05/06/2024,01/02/2024\n"
    assert _parse(text).frame["a"][0] == pd.Timestamp("2024-04-03")
    for dates, first in (("day-first", "2024-04-03"), ("month-first", "2024-03-04")):
        found = _column(["03/04/2024", "05/06/2024"], dates=dates)
        assert found.frame["a"][0] == pd.Timestamp(first)
    assert not _column(["05/05/2024", "07/07/2024"]).problems


@pytest.mark.parametrize(
    ("form", "part"),
    [("{}:30", "a time of day"), ("{} kg", "a number with the unit 'kg'")],
)
def test_measures_among_texts_are_noticed(form: str, part: str) -> None:
    found = _column([form.format(i) for i in range(10)])
    assert found.frame["a"][3] == form.format(3)
    assert f"'{form.format(0)}' looks like {part};" in found.notes[0]
    problem = _column([f"{i} kg" for i in range(200)]).problems["a"]
    assert problem.endswith("unit 'kg'; write the numbers alone.")


def test_years_of_two_digits_are_noticed() -> None:
    found = _column(["24.12.24", "01.02.23"])
    assert found.frame["a"].tolist() == ["24.12.24", "01.02.23"]
    assert "year has two digits" in found.notes[0]


@given(
    st.lists(st.datetimes(datetime.datetime(1, 1, 1)), min_size=1, max_size=9),
    st.sampled_from(["%d.%m.{y:04} %H:%M:%S", "{y:04}-%m-%d %H:%M:%S.%f"]),
)
@settings(max_examples=25)
def test_written_dates_come_back(moments: list[datetime.datetime], form: str) -> None:
    if "%f" not in form:
        moments = [moment.replace(microsecond=0) for moment in moments]
    texts = [moment.strftime(form.format(y=moment.year)) for moment in moments]
    found = _column(texts)
    assert not found.problems
    got = found.frame["a"].to_numpy().astype("M8[us]")
    assert got.tolist() == moments


# --- words for missing values


def test_words_for_missing_are_counted_and_none_is_a_text() -> None:
    found = _column(["NA", "own", "None", "null", "", "own"])
    assert found.frame["a"].tolist()[1:3] == ["own", "None"]
    assert found.frame["a"].isna().sum() == 3
    assert found.notes == (
        "Column 'a': 2 cells read as missing ('NA' 1, 'null' 1); --keep-na-words keeps "
        "such words as texts.",
        "Column 'a': 'None' is a text like others (1 cell); --na-values None takes it "
        "for missing.",
    )
    kept = _column(["NA", "own", "", "null"], keep_na_words=True).frame["a"]
    assert kept.isna().tolist() == [False, False, True, False]
    told = _column(["?", "1", "None"], na_values=("?",)).frame["a"]
    assert told.isna().tolist() == [True, False, True]


def test_csv_and_parquet_agree_on_words_and_dates_and_marks() -> None:
    cells = ["NA", "own", "None", "", "nan", "rent"]
    days = ["24.12.2024", "", "1.2.2023", "3.4.2023", "5.5.2023", "7.7.2023"]
    shares = ["1 %", "2 %", "3 %", "NA", "5 %", "6,5 %"]
    frame = pd.DataFrame({"a": cells, "b": days, "c": shares})
    typed = _parquet(pyarrow.Table.from_pandas(frame))
    text = _parse(frame.to_csv(index=False, sep=";"))
    pd.testing.assert_frame_equal(typed.frame, text.frame)
    assert (typed.notes, typed.formats) == (text.notes, text.formats)


def test_texts_that_differ_by_blanks_or_case_are_noticed() -> None:
    found = _column(["good ", "good", "bad"])
    assert found.frame["a"].tolist() == ["good ", "good", "bad"]
    assert "'good ' and 'good' differ by blanks or case alone" in found.notes[0]
    assert not _column(["good", "bad"]).notes


# --- Parquet


def test_types_of_parquet() -> None:
    day = datetime.date(2024, 12, 24)
    table = pyarrow.table(
        {
            "amount": pyarrow.array([Decimal("80.91"), None, Decimal("0.10")]),
            "count": pyarrow.array([Decimal("7"), Decimal("8"), Decimal("9")]),
            "day": pyarrow.array([day, None, day]),
            "code": pyarrow.array(["1", "2", "3"]),
            "none": pyarrow.nulls(3),
        }
    )
    found = _parquet(table)
    assert not found.problems
    frame = found.frame
    assert frame["amount"].tolist()[::2] == [80.91, 0.1]
    assert frame["count"].tolist() == [7, 8, 9]
    assert frame["day"][0] == pd.Timestamp(day)
    assert frame["code"].tolist() == ["1", "2", "3"]
    assert frame["none"].isna().all()


@pytest.mark.parametrize(
    ("cells", "part"),
    [
        (pyarrow.array([datetime.time(1), datetime.time(2)]), "times of day"),
        (pyarrow.array([datetime.timedelta(1)] * 2), "spans of time"),
        (pyarrow.array([b"\xff", b"b"]), "bytes"),
        (pyarrow.array([b"ab", b"cd"], pyarrow.binary(2)), "bytes"),
        (pyarrow.array([[1], [2]]), "lists within cells"),
        (pyarrow.array([{"a": 1}, {"a": 2}]), "records within cells"),
    ],
    ids=["time", "duration", "binary", "fixed", "list", "struct"],
)
def test_other_types_get_a_sentence_of_their_own(cells: Any, part: str) -> None:
    table = pyarrow.table({"a": [1.0, 2.0], "c": cells})
    problem = _parquet(table).problems["c"]
    assert problem.startswith(f"Column 'c' holds {part}")
    assert problem.endswith("(--drop).")


def test_a_named_index_is_a_column() -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="home"))
    found = _parquet(pyarrow.Table.from_pandas(frame)).frame
    assert found["home"].tolist() == ["x", "y"]
    frame.index = pd.RangeIndex(5, 7, name="number")
    found = _parquet(pyarrow.Table.from_pandas(frame)).frame
    assert found["number"].tolist() == [5, 6]
    for index in (pd.RangeIndex(2), pd.Index([7, 9])):
        frame.index = index
        assert list(_parquet(pyarrow.Table.from_pandas(frame)).frame.columns) == ["a"]


# --- files


def test_encodings() -> None:
    text = "größe,b\n1,x\n2,y\n"
    for encoding in ("utf-16", "utf-8-sig"):  # their marks are known
        assert list(_parse(text.encode(encoding)).frame.columns) == ["größe", "b"]
    found = _parse(text.encode("latin-1"), encoding="latin-1")
    assert list(found.frame.columns) == ["größe", "b"]
    with pytest.raises(InputError, match="--encoding"):
        _parse(text.encode("latin-1"))
    with pytest.raises(InputError, match="encoding 'klingon' is not known"):
        TableOptions(encoding="klingon")


def test_delimiters_are_found_by_the_rows_and_can_be_told() -> None:
    found = _parse("a, b and c;d\n1;2\n3;4\n").frame
    assert list(found.columns) == ["a, b and c", "d"]
    assert _parse("a b\n1 2\n", sep=" ").frame.to_numpy().tolist() == [[1, 2]]
    assert _parse("a\tb\n1\t2\n", sep="\\t").frame.to_numpy().tolist() == [[1, 2]]
    with pytest.raises(InputError, match="--sep"):
        TableOptions(sep=",,")


def test_lines_of_every_kind() -> None:
    text = 'a,b\r\n"1\r\nx",x\r\n3,"y ""q"""\r\n\r\n4,z\r\n'
    assert _parse(text, kinds={"a": "text"}).frame["a"].tolist() == ["1\r\nx", "3", "4"]
    assert _parse("a,b\r1,x\r2,y\r").frame["b"].tolist() == ["x", "y"]


def test_blanks_around_names_are_passed_over_with_a_word() -> None:
    found = _parse(" a, b\n1,2\n")
    assert list(found.frame.columns) == ["a", "b"]
    assert "The blanks around the column's name ' a' and 1 more" in found.notes[0]


def test_kinds_need_their_column() -> None:
    with pytest.raises(InputError, match=r"no column 'cod' to read as text\. Did you"):
        _parse("code\n1\n", kinds={"cod": "text"})
    with pytest.raises(InputError, match="1 of 2 values are not numbers"):
        refuse_columns(_column(["1", "x"], kinds={"a": "number"}).problems)


# --- columns that nothing can be learnt from


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    rows = [f"row {i},{i if i else '?'},x" for i in range(150)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["id,n,b", *rows]))
    with pytest.raises(InputError) as caught:
        read_table(path)
    text = str(caught.value)
    assert text.startswith("2 columns cannot be used. Column 'id' holds 150 different")
    assert "Column 'n': 1 of 150 values are not numbers" in text
    assert text.endswith("--drop id --drop n.")
    with pytest.raises(InputError) as caught:
        check_columns(
            pd.DataFrame({f"c{i}": [f"{i}-{j}" for j in range(150)] for i in range(50)})
        )
    assert "And 42 more." in str(caught.value)
    assert len(str(caught.value)) < 1500


def test_columns_that_tell_rows_apart_are_found() -> None:
    n = 30
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "Unnamed: 0": np.arange(n),
            "customer_id": rng.permutation(n) * 7,
            "cents": rng.permutation(n) * 7,
            "name": [f"person {i}" for i in range(n)],
            "home": ["own", "rent"] * (n // 2),
            "income": rng.normal(size=n),
            "y": np.arange(n),
        }
    )
    assert id_columns(table, "y") == ["Unnamed: 0", "customer_id", "name"]
    assert [note[:26] for note in counter_notes(table, "y")] == [
        "Column 'Unnamed: 0' tells ",
        "Column 'customer_id' tells",
    ]


@pytest.mark.parametrize(
    ("name", "column", "first", "is_told"),
    [
        ("decimal_comma", "income", 1956.63, True),
        ("percent", "util", 10, True),
        ("thousands", "income", 2900, True),
        ("leadzero", "branch", "005", True),
        ("none_target", "y", "None", True),
        ("boolish", "flag", "False", False),
        ("mixcat", "grade", "A", False),
    ],
)
def test_small_files_that_came_out_wrong(
    name: str, column: str, first: Any, is_told: bool
) -> None:
    file = {"decimal_comma": "deccomma"}.get(name, name)
    found = open_table(CASES / f"{file}.csv")
    assert not found.problems
    assert found.frame[column][0] == first
    assert any(f"Column {column!r}" in note for note in found.notes) == is_told


@pytest.mark.parametrize("other", ["12A", "1.5", "True", "1E5", "17"])
def test_a_leading_zero_makes_a_column_of_codes(other: str) -> None:
    found = _column(["01", "02", other, "10"])
    assert found.frame.iloc[:, 0].tolist() == ["01", "02", other, "10"]
    assert "begins with a zero" in found.notes[0]


def test_names_that_come_back_are_noticed_and_categories_are_not() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "customer": [f"C{i:03d}" for i in rng.integers(0, 100, 400)],
            "home": rng.choice(["own", "rent"], 400),
            "age": rng.integers(18, 80, 400),
        }
    )
    (note,) = group_notes(table)
    assert note.startswith("Column 'customer' has ")
    assert "--group" in note
    assert group_notes(table, "customer") == ()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_excel_s_own_first_line_tells_the_delimiter(end: str) -> None:
    text = end.join(["sep=;", "a;b", "1,5;x", "2,5;y", ""])
    found = _parse(text)
    assert list(found.frame.columns) == ["a", "b"]
    assert found.frame["a"].tolist() == [1.5, 2.5]
