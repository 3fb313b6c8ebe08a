"""CSV files as columns of texts: encoding, delimiter, header, and rows of one width."""

import codecs
import csv
import itertools
import re
from collections.abc import Iterator
from typing import Any

import pyarrow
import pyarrow.csv

from interpretkd._base import InputError
from interpretkd.data._arrow_memory import arrow_reader
from interpretkd.data._table_options import TableOptions
from interpretkd.data._text_column import TextColumn

_DELIMITERS = ",;\t|"
_LOOKED_AT = 20
_EXCEL_LINE = re.compile(r"sep=([^\r\n])\r?\n")
"""Excel's own first line, which tells the delimiter."""
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def csv_columns(
    content: bytes, name: str, options: TableOptions
) -> tuple[list[TextColumn], tuple[str, ...]]:
    """Split a CSV file into columns; every cell is a text.

    Parameters
    ----------
    content : bytes
        The whole file.
    name : str
        Its name, for messages.
    options : TableOptions
        The delimiter and the encoding, where they are told.

    Returns
    -------
    columns : list of TextColumn
        In the file's order, perhaps of no row.
    notes : tuple of str
        What is odd about the header.

    Raises
    ------
    InputError
        For another encoding, a duplicate header, and rows of another width.
    """
    text = _decoded(content, name, options.encoding).lstrip("\r\n")
    if "\0" in text:
        raise _unreadable(name, "it holds NUL bytes")
    if "\n" not in text:  # the line ends of old Macs
        text = text.replace("\r", "\n")
    told = _EXCEL_LINE.match(text)
    text = text[told.end() :] if told else text
    try:
        sep, written, start = _header(text, options.sep or (told and told[1]))
        header, notes = _names(written)
        check_header(header, name)
        body = text[start:].encode()
        if not body.strip(b"\r\n"):
            return [TextColumn.of(n, pyarrow.array([], "string")) for n in header], ()
        table = _parsed(body, header, sep)
    except csv.Error as error:
        raise _unreadable(name, str(error)) from None
    except (pyarrow.ArrowException, UnicodeError) as error:
        _check_widths(text, sep, len(header), name)
        reason = str(error).splitlines()[0][:200].rstrip(".")
        raise _unreadable(name, reason) from None
    if text.count('"') % 2 and _ends_quoted(text, sep):
        raise _unreadable(name, "a quote is opened and never closed")
    return [TextColumn.of(n, table.column(i)) for i, n in enumerate(header)], notes


def check_header(header: list[str], name: str) -> None:
    """Refuse a header that names a column twice.

    Parameters
    ----------
    header : list of str
        The names.
    name : str
        The file, for messages.

    Raises
    ------
    InputError
        When it does.
    """
    twice = [column for i, column in enumerate(header) if column in header[:i]]
    if twice:
        raise InputError(
            f"The header of {name!r} names a column twice: "
            f"{', '.join(map(repr, dict.fromkeys(twice[:5])))}."
        )


def _unreadable(name: str, reason: str) -> InputError:
    return InputError(f"The file {name!r} is not a readable CSV file: {reason}.")


def _decoded(content: bytes, name: str, encoding: str) -> str:
    told = codecs.lookup(encoding).name
    if told == "utf-8":
        is_wide = content.startswith(_WIDE) and b"\0" in content[:256]
        encoding = "utf-16" if is_wide else "utf-8"
        told = codecs.lookup(encoding).name
    try:
        return content.decode("utf-8-sig" if told == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        if told != "utf-8":
            raise InputError(
                f"The file {name!r} is not text in the encoding {encoding!r} (byte "
                f"{error.start})."
            ) from error
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"The file {name!r} is not UTF-8 text (byte {error.start}, line {line}); "
            "save it as UTF-8 CSV, or name its encoding (--encoding latin-1, say)."
        ) from error


def _header(text: str, told: str | None) -> tuple[str, list[str], int]:
    """Return the delimiter, the names, and where the rows begin.

    The delimiter is the one that splits the header into most columns, out of those
    that split the first rows into as many.
    """
    found = {sep: _first_rows(text, sep) for sep in (told or _DELIMITERS)}

    def rank(sep: str) -> tuple[bool, int]:
        widths = {len(row) for row in found[sep] if row}
        wide = len(found[sep][0])
        return len(widths) == 1 and wide > 1, wide

    best = max(found, key=rank)
    reader = csv.reader(_lines(text), delimiter=best)
    next(reader)
    start = sum(map(len, itertools.islice(_lines(text), reader.line_num)))
    return best, found[best][0], start


def _lines(text: str) -> Iterator[str]:
    """Walk through the lines without a copy of the text."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _first_rows(text: str, sep: str) -> list[list[str]]:
    reader = csv.reader(_lines(text), delimiter=sep)
    rows = [next(reader)]
    try:
        rows += itertools.islice(reader, _LOOKED_AT)
    except csv.Error:
        rows.append([""] * 10**6)  # as wide as no header: this is not the delimiter
    return rows


def _names(written: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the names without blanks around them; an empty one gets a number."""
    names = [name.strip() for name in written]
    names = [name or f"Unnamed: {i}" for i, name in enumerate(names)]
    if len(set(names)) < len(names):
        return [name or f"Unnamed: {i}" for i, name in enumerate(written)], ()
    odd = [n for n in written if n.strip() and n != n.strip()]
    if not odd:
        return names, ()
    more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
    note = f"The blanks around the column's name {odd[0]!r}{more} are passed over."
    return names, (note,)


def _parsed(body: bytes, header: list[str], sep: str) -> Any:
    places = [str(i) for i in range(len(header))]
    return pyarrow.csv.read_csv(
        arrow_reader(body),
        pyarrow.csv.ReadOptions(
            column_names=places,
            block_size=max(1 << 20, min(len(body) + 1, 1 << 24)),
        ),
        pyarrow.csv.ParseOptions(delimiter=sep, newlines_in_values=True),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(places, pyarrow.large_string()),
            strings_can_be_null=False,
        ),
    )


def _check_widths(text: str, sep: str, n_columns: int, name: str) -> None:
    """Say in which line a row is longer or shorter than the header."""
    reader = csv.reader(_lines(text), delimiter=sep)
    try:
        for row in reader:
            if row and len(row) != n_columns:
                raise _unreadable(
                    name,
                    f"Expected {n_columns} fields in line {reader.line_num}, saw "
                    f"{len(row)}",
                )
    except csv.Error as error:
        raise _unreadable(name, str(error)) from None


def _ends_quoted(text: str, sep: str) -> bool:
    try:
        for _ in csv.reader(_lines(text), delimiter=sep, strict=True):
            pass
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False
