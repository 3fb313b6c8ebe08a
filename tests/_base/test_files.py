"""What is written is whole, and what goes wrong names the file that was asked for."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from interpretkd._base.files import csv_text, write_atomically


@pytest.mark.parametrize("name", ["none/report.html", "n" * 300])
def test_an_error_never_names_the_temporary_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match=r"No such file|too long") as error:
        write_atomically(tmp_path / name, b"x")
    assert error.value.filename == str(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@given(name=st.text("aü.", min_size=1, max_size=127).filter(lambda n: n.strip(".")))
def test_any_name_that_a_file_may_have_is_written(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    for content in (b"one", b"two"):
        write_atomically(folder / name, content)
        assert [path.name for path in folder.iterdir()] == [name]
        assert (folder / name).read_bytes() == content


@given(
    number=st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
    form=st.sampled_from(["{}", "{:+}", "{:,}", "{} %"]),
    mark=st.sampled_from([".", ","]),
)
def test_numbers_that_are_held_as_texts_are_left_alone(
    number: float, form: str, mark: str
) -> None:
    text = form.format(number).replace(".", mark)
    cells = pd.DataFrame({"n": [text, "x"]})
    assert csv_text(cells) == cells.to_csv(index=False, lineterminator="\n")


@pytest.mark.parametrize("text", ["-1+1", "-", "+A1", "-1-cmd", "--1", "=1", "-1\n=1"])
def test_what_a_spreadsheet_would_compute_is_disarmed(text: str) -> None:
    assert "'" + text in csv_text(pd.DataFrame({"n": [text]}))
