"""How a table is written: the options of every command that reads one."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from interpretkd.data import TableOptions


class Decimal(StrEnum):
    """The decimal marks."""

    point = "."
    comma = ","


class Dates(StrEnum):
    """What stands first in a date."""

    day = "day-first"
    month = "month-first"


Sep = Annotated[
    str | None, typer.Option(help="The delimiter of a CSV file, if not found.")
]
DecimalMark = Annotated[
    Decimal | None, typer.Option(help="The decimal mark, if not found.")
]
DateOrder = Annotated[
    Dates | None, typer.Option(help="What 03/04/2024 begins with, if not found.")
]
Encoding = Annotated[str, typer.Option(help="Of a CSV file, such as latin-1.")]


def table_options(
    sep: str | None,
    decimal: Decimal | None,
    dates: Dates | None,
    encoding: str,
    **more: Any,
) -> "TableOptions":
    """Put together what the command line was told of a table."""
    from interpretkd.data import TableOptions

    return TableOptions(
        sep=sep,
        decimal=None if decimal is None else decimal.value,
        dates=None if dates is None else dates.value,
        encoding=encoding,
        **more,
    )
