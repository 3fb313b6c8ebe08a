"""New files are read as the run knows its columns, whatever their format and size."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd._base import InputError
from interpretkd.data import Feature, ReadTable, Schema, TableOptions, parse_rows
from interpretkd.data._dates import Calendar

WORDS = ("None", "NA", "nan", "", "True", "01", "1", "1E5", "own", "null", "2024-01-01")


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def _read(text: str, *features: Feature, **settings: Any) -> ReadTable:
    return parse_rows(text.encode(), "t.csv", Schema(features), **settings)


def _category(*levels: Any, gaps: bool = False) -> Feature:
    return Feature("c", "categorical", levels, has_missing=gaps)


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
@settings(max_examples=30)
def test_known_categories_are_read_alike_from_csv_and_parquet(cells: list[str]) -> None:
    schema = Schema((_category(*WORDS), Feature("n")))
    rows = pd.DataFrame({"c": cells, "n": np.arange(len(cells))})
    oracle = schema.encode(rows)
    for content, name in ((_csv(rows), "t.csv"), (_parquet(rows), "t.parquet")):
        found = parse_rows(content, name, schema)
        np.testing.assert_array_equal(schema.encode(found.frame), oracle)
        assert found.notes == ()


@pytest.mark.parametrize(
    ("levels", "text", "expected"),
    [
        (("False", "True"), "False", "False"),
        ((False, True), "False", False),
        ((False, True), "1", True),
        (("1", "A"), "1", "1"),
        (("1", "A"), "1.0", "1"),
        (("01", "1"), "01", "01"),
        ((1, 2), "2", 2),
        ((1.0, 2.5), "1", 1.0),
        (("own", "rent"), " own ", "own"),
        (("own", "rent"), "NA", None),
        (("own", "NA"), "NA", "NA"),
        (("own", "rent"), "None", "None"),
    ],
)
def test_one_row_is_read_as_its_column_is(
    levels: tuple[Any, ...], text: str, expected: Any
) -> None:
    found = (
        _read(f"c,d\n{text},x\n", _category(*levels, gaps=True)).frame["c"].tolist()[0]
    )
    assert (found, type(found)) == (expected, type(expected)) or (
        expected is None and pd.isna(found)
    )


def test_other_codes_are_not_taken_for_known_ones() -> None:
    schema = Schema((_category("1", "2"),))
    for text in ("01", "1.10", "1.5", "one"):
        rows = parse_rows(f"c\n{text}\n".encode(), "t.csv", schema).frame
        with pytest.raises(InputError, match="not seen in training"):
            schema.encode(rows)


@pytest.mark.parametrize(
    ("cells", "levels"),
    [
        ([1, 2, 1], ("1", "2")),
        ([1.0, 2.0, None], ("1", "2")),
        ([True, False, True], ("False", "True")),
        (["1", "2", "1"], (1, 2)),
        (
            pd.to_datetime(["2024-01-01", "2024-01-02", None]),
            ("2024-01-01", "2024-01-02"),
        ),
    ],
    ids=["ints", "floats", "bools", "texts", "dates"],
)
def test_typed_cells_meet_categories_of_other_types(
    cells: Any, levels: tuple[Any, ...]
) -> None:
    rows = pd.DataFrame({"c": cells})
    schema = Schema((_category(*levels, gaps=True),))
    typed = parse_rows(_parquet(rows), "t.parquet", schema).frame
    written = parse_rows(_csv(rows), "t.csv", schema).frame
    np.testing.assert_array_equal(schema.encode(typed), schema.encode(written))


def test_numbers_and_dates_are_read_as_in_training() -> None:
    columns = [Feature("n"), Schema.from_data(_days("2024-01-01")).features[0]]
    formats = {"n": "1.234,5 %", "d": "DD-MM-YYYY"}
    found = _read("n;d\n1.200;03/04/2024\n", *columns, formats=formats)
    assert found.frame["n"][0] == 1200
    assert found.frame["d"][0] == pd.Timestamp("2024-04-03")
    assert found.notes == ()
    # one that is written otherwise is read where it can be meant in one way alone
    found = _read("n;d\n12.5;24 Dec 2024\n", *columns, formats=formats)
    assert found.frame["n"][0] == 12.5
    plain = _read("n,d\n1.200,2024-04-03\n", *columns)
    assert plain.frame["n"][0] == 1.2
    assert plain.notes == ()


def _days(*texts: str) -> pd.DataFrame:
    return pd.DataFrame({"d": pd.to_datetime(list(texts))})


def test_what_may_be_either_is_asked_and_can_be_told() -> None:
    with pytest.raises(InputError, match=r"may be 1\.2 or 1200"):
        _read('n\n"1,200"\n', Feature("n"))
    options = TableOptions(decimal=".")
    assert _read('n\n"1,200"\n', Feature("n"), options=options).frame["n"][0] == 1200


@pytest.mark.parametrize(
    ("feature", "text", "part"),
    [
        (Feature("n"), "n\n1\nx\n", "1 of 2 values are not numbers, e.g. 'x' (row 2)"),
        (Feature("n"), "n\n1\ninf\n", "holds inf (row 2)"),
        (Feature("n"), "n\n1e39\n", "holds 1e+39 (row 1)"),
        (Feature("n"), "n\n2024-01-01\n", "values are not numbers"),
        (Feature("m"), "n\n1\n", "lacks the columns 'm'"),
        (
            Schema.from_data(_days("2024-01-01")).features[0],
            "d\n2024-01-01\n7\n",
            "1 of 2 values are not dates, e.g. '7' (row 2)",
        ),
    ],
)
def test_cells_of_another_kind_are_told(feature: Feature, text: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        _read(text, feature)
    assert part in str(caught.value)


def test_typed_columns_of_another_kind_are_told() -> None:
    rows = _days("2024-01-01").rename(columns={"d": "n"})
    with pytest.raises(InputError, match=r"not numbers, e\.g\. '2024-01-01'"):
        parse_rows(_parquet(rows), "t.parquet", Schema((Feature("n"),)))
    table = pyarrow.table({"n": [[1.0], [2.0]]})
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer)
    with pytest.raises(InputError, match="lists within cells"):
        parse_rows(buffer.getvalue(), "t.parquet", Schema((Feature("n"),)))


def test_gaps_that_training_did_not_have_are_told() -> None:
    text = "n,c\n1,own\n,\n3,NA\n"
    known = Feature("n"), _category("own")
    notes = _read(text, *known).notes
    assert notes[0] == (
        "Column 'n' is missing in 1 of 3 rows, e.g. row 2; no row of the training had "
        "it missing, so what is decided there was never measured."
    )
    assert notes[1].startswith("Column 'c' is missing in 2 of 3 rows, e.g. row 2;")
    used_to_it = Feature("n", has_missing=True), _category("own", gaps=True)
    assert _read(text, *used_to_it).notes == ()
    empty = _read("n,d,c\n,,own\n", Feature("n"), _category("own"))
    assert empty.frame["n"].isna().all()


def test_further_columns_come_last_and_strange_labels_stay() -> None:
    labels = Feature("y", "categorical", ("0", "1"))
    found = _read("y,n\n1.0,3\nx,4\n", Feature("n"), further=[labels])
    assert list(found.frame.columns) == ["n", "y"]
    assert found.frame["y"].tolist() == ["1", "x"]


def test_absent_files_are_told(tmp_path: Path) -> None:
    from interpretkd.data import read_rows

    with pytest.raises(InputError, match="There is no file"):
        read_rows(tmp_path / "none.csv", Schema((Feature("n"),)))


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("1234.5 %", "10%", "10"),
        ("1,234.5 $", '"$1,000"', "1000"),
        ("1.234,5", '"1.000,5"', "1000.5"),
        ("DD-MM-YYYY", "24.12.2024", "2024-12-24"),
        ("MM-DD-YYYY", "12/24/2024", "2024-12-24"),
    ],
)
def test_labels_are_read_as_they_were_written_in_training(
    form: str, text: str, expected: str
) -> None:
    label = Feature("y", "categorical", (expected, "other"))
    content = f"n,y\n1,{text}\n3,{text}\n"
    found = parse_rows(
        content.encode(),
        "t.csv",
        Schema((Feature("n"),)),
        further=[label],
        formats={"y": form},
    )
    assert found.frame["y"].tolist() == [expected] * 2


@pytest.mark.parametrize("text", ["1", "+1", "1.0", "1e0", "10E-1"])
def test_whole_numbers_are_classes_however_they_are_written(text: str) -> None:
    assert _read(f"c\n{text}\n", _category(-1, 1)).frame["c"].tolist() == [1]
    assert _read(f"c\n{text}\n", _category("-1", "01")).frame["c"].tolist() == [text]


def test_what_is_told_of_a_file_goes_before_how_training_was_written() -> None:
    feature = Feature("d", "date", calendar=Calendar("day"))
    formats = {"d": "DD-MM-YYYY"}
    for order, month in (("day-first", 4), ("month-first", 3), (None, 4)):
        options = TableOptions(dates=order)
        found = _read("d\n03/04/2024\n", feature, formats=formats, options=options)
        assert found.frame["d"].dt.month.tolist() == [month]
    number, formats = Feature("n"), {"n": "1,234.5"}
    for mark, value in ((".", 1200), (",", 1.2)):
        options = TableOptions(decimal=mark)
        found = _read('n\n"1,200"\n', number, formats=formats, options=options)
        assert found.frame["n"].tolist() == [value]


def _keep(text: str, *features: Feature) -> list[Any]:
    column = _read(text, *features, keep_unread=True).frame.iloc[:, 0]
    return column.tolist()


def test_what_cannot_be_read_stays_and_the_rest_is_written_in_one_way() -> None:
    number = Feature("n")
    assert _keep("n\n1.500\nabc\n", number) == [1.5, "abc"]
    assert _keep("n;w\n1.500;1\n2,5;1\nabc;1\n", number) == [1500, 2.5, "abc"]
    assert _keep("n;w\nabc;1\n2,5;1\n1.500;1\n;1\n", number)[:3] == ["abc", 2.5, 1500]
    date = Feature("n", "date", calendar=Calendar("day"))
    days = _keep("n\n03/04/2024\n04/13/2024\nabc\n04/31/2024\n", date)
    assert [str(day)[:10] for day in days[:2]] == ["2024-03-04", "2024-04-13"]
    assert days[2:] == ["abc", "04/31/2024"]
    assert _keep("n\nabc\n\n", number) == ["abc"]


@pytest.mark.parametrize(
    ("cells", "part"),
    [
        (("1.5", "2,5"), "written in several ways"),
        (("1.5", "abc", "2,5"), "written in several ways"),
        (("1,200", "abc"), r"may be 1\.2 or 1200"),
        (("1.234,5", "1,234.5"), "written in several ways"),
    ],
)
@pytest.mark.parametrize("keep_unread", [False, True])
def test_ways_of_writing_are_never_mixed(
    cells: tuple[str, ...], part: str, keep_unread: bool
) -> None:
    text = "".join(f"{cell};1\n" for cell in cells)
    said = part if keep_unread or "abc" not in cells else "are not numbers"
    with pytest.raises(InputError, match=said):
        _read(f"n;w\n{text}", Feature("n"), keep_unread=keep_unread)


@given(st.lists(st.sampled_from(["1.500", "2,5", "-7", "abc", ""]), min_size=1))
@settings(max_examples=30)
def test_the_order_of_rows_changes_no_reading(cells: list[str]) -> None:
    def read(order: list[str]) -> list[Any]:
        return _keep("n;w\n" + "".join(f"{c};1\n" for c in order), Feature("n"))

    assert read(cells[::-1])[::-1] == pytest.approx(read(cells), nan_ok=True)
