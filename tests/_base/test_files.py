"""What is written is whole, and what goes wrong names the file that was asked for."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from interpretkd._base.files import write_atomically


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
