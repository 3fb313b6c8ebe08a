"""What Arrow's threads hold is Arrow's: they may outlive the interpreter."""

import io

import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest

from interpretkd.data import read_table


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_no_reader_holds_memory_of_python(monkeypatch, tmp_path, ending):
    table = pyarrow.table({"a": [1, 2, 3], "b": ["x", "y", "z"]})
    file = tmp_path / f"table.{ending}"
    with io.BytesIO() as content:
        if ending == "csv":
            pyarrow.csv.write_csv(table, content)
        else:
            pyarrow.parquet.write_table(table, content)
        file.write_bytes(content.getvalue())
    sources = []
    name = "csv.read_csv" if ending == "csv" else "parquet.read_table"
    module = pyarrow.csv if ending == "csv" else pyarrow.parquet
    read = getattr(module, name.split(".")[1])

    def watched(source, *given, **settings):
        sources.append(source)
        return read(source, *given, **settings)

    monkeypatch.setattr(module, name.split(".")[1], watched)
    assert len(read_table(file)) == 3
    (source,) = sources
    assert isinstance(source, pyarrow.BufferReader)  # no file of Python
    source.seek(0)
    assert source.read_buffer().parent.is_mutable  # which Python's bytes are not
