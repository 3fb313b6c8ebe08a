"""How a table is written, where it cannot be seen, and what reading it found out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from interpretkd._base import InputError, check_choice

DATE_ORDERS = ("day-first", "month-first")
KINDS = ("text", "number", "date")


@dataclass(frozen=True)
class TableOptions:
    r"""What a person says of a table where the file alone does not tell.

    Parameters
    ----------
    sep : str or None, default=None
        The delimiter of a CSV file, one character ("\\t" for a tab); None finds it.
    decimal : {".", ","} or None, default=None
        The decimal mark of numbers; None finds it, column by column.
    encoding : str, default="utf-8"
        Of a CSV file, such as "latin-1" or "utf-16".
    dates : {"day-first", "month-first"} or None, default=None
        What 03/04/2024 is; None asks where the column leaves it open.
    na_values : tuple of str, default=()
        Further words that stand for a missing value, such as "?".
    keep_na_words : bool, default=False
        Whether "NA", "NaN", "null" and the like are texts in columns of texts, not
        missing values. An empty cell of a CSV file is missing all the same.
    kinds : mapping of str to {"text", "number", "date"}, default={}
        What some columns are, by name, whatever they look like.

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> TableOptions(decimal=",", na_values=("?",)).decimal
    ','
    """

    sep: str | None = None
    decimal: str | None = None
    encoding: str = "utf-8"
    dates: str | None = None
    na_values: tuple[str, ...] = ()
    keep_na_words: bool = False
    kinds: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.sep == "\\t":
            object.__setattr__(self, "sep", "\t")
        object.__setattr__(self, "na_values", tuple(self.na_values))
        fits = self.sep is None or (len(self.sep) == 1 and self.sep not in '\r\n"')
        if not fits or (self.sep is not None and ord(self.sep) > 127):
            raise InputError(
                "The delimiter (--sep) must be one plain character other than a quote. "
                f"Got {self.sep!r}."
            )
        if self.decimal is not None:
            check_choice("TableOptions", "decimal", self.decimal, (".", ","))
        if self.dates is not None:
            check_choice("TableOptions", "dates", self.dates, DATE_ORDERS)
        try:
            "".encode(self.encoding)
        except (LookupError, ValueError, TypeError) as error:
            raise InputError(
                f"The encoding {self.encoding!r} is not known; such as 'utf-8', "
                "'latin-1' or 'utf-16' is."
            ) from error
        for kind in self.kinds.values():
            check_choice("TableOptions", "kinds", kind, KINDS)


@dataclass(frozen=True, eq=False)
class ReadTable:
    """A table as it was read.

    Parameters
    ----------
    frame : DataFrame
        Its rows.
    notes : tuple of str, default=()
        What was read in another way than it is written, or looks odd: a sentence each.
    problems : mapping of str to str, default={}
        Why a column cannot be used, in a sentence, by its name.
    formats : mapping of str to str, default={}
        How columns are written that are numbers or dates in another form than a
        computer's, by name: further files of the kind are read alike.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
