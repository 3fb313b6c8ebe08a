"""What columns of texts are: numbers, dates, yes or no, or texts.

Every column is judged by all of its cells. Where a column leaves open how it is
written (is 1,200 more than a thousand, is 03/04 in March?), the columns beside it may
tell; else it is not guessed but asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from interpretkd.data._column_notes import (
    _either,
    _measure_note,
    _not_all,
    _number_note,
    _short,
    _similar_note,
    _wide_note,
    _word_notes,
    _zero_note,
)
from interpretkd.data._date_texts import DMY, MDY, MONTH_AND_YEAR, DateTexts, seem_dates
from interpretkd.data._number_texts import (
    NumberFormat,
    NumberTexts,
    are_plain,
    plain_values,
    seem_plain,
)
from interpretkd.data._table_options import TableOptions
from interpretkd.data._text_column import TextColumn

ORDERS = {"day-first": DMY, "month-first": MDY}
"""What stands first in a date, and the order that this is."""
_DOT_GROUPS = r"^[+-]?(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]+)$"


@dataclass(frozen=True, eq=False)
class Read:
    """A column as it was read.

    Parameters
    ----------
    values : Series of shape (n_samples,)
        Numbers, dates, booleans or texts.
    notes : tuple of str, default=()
        What is unusual, in a sentence each.
    problem : str, default=""
        Why it cannot be used, in a sentence.
    format : str, default=""
        How its numbers or dates are written; "" for the usual way, and for texts.
    is_text : bool, default=False
        Whether these are texts for sure, even if most of them are numbers.
    """

    values: "pd.Series[Any]"
    notes: tuple[str, ...] = ()
    problem: str = ""
    format: str = ""
    is_text: bool = False


@dataclass(frozen=True, eq=False)
class _Look:
    """What a column may be."""

    column: TextColumn
    kind: str
    known: NDArray[np.bool_]
    numbers: NumberTexts | None = None
    formats: tuple[NumberFormat, ...] = ()
    dates: DateTexts | None = None
    orders: tuple[str, ...] = ()
    problem: str = ""
    notes: tuple[str, ...] = ()
    is_text: bool = False


def read_columns(columns: Iterable[TextColumn], options: TableOptions) -> list[Read]:
    """Find out what columns of one file are, and read them.

    Parameters
    ----------
    columns : iterable of TextColumn
        The columns.
    options : TableOptions
        What a person says of them.

    Returns
    -------
    list of Read
        One a column.
    """
    looks = [_look(column, options) for column in columns]
    decimals = {look.formats[0].decimal for look in looks if _shows_decimal(look)}
    decimal = options.decimal or (decimals.pop() if len(decimals) == 1 else None)
    order = None if options.dates is None else ORDERS[options.dates]
    orders = {
        mark: look.orders[0]
        for look in looks
        if look.dates is not None and len(look.orders) == 1
        for mark in look.dates.marks
    }
    return [_read(look, decimal, order, orders, options) for look in looks]


def _shows_decimal(look: _Look) -> bool:
    """Say whether a column tells the decimal mark of its file."""
    if look.kind != "number" or len(look.formats) != 1 or look.numbers is None:
        return False
    form = look.formats[0]
    shown = pc.match_substring(look.numbers.bodies, form.decimal)
    return bool(pc.any(shown).as_py()) or form.group in (",", ".")


def _look(column: TextColumn, options: TableOptions) -> _Look:
    told = options.kinds.get(column.name)
    keep, words = options.keep_na_words, options.na_values
    text = ~column.missing(words, of_texts=True, keep=keep)
    if told == "text":
        return _Look(column, "text", text, is_text=True)
    known = ~column.missing(words, of_texts=False, keep=False)
    if not known.any():
        return _Look(column, "text" if text.any() and keep else "nothing", text)
    cells = column.part(known)
    as_text = _Look(column, "text", text)
    if told is None and column.is_typed and seem_plain(cells):
        return as_text  # the file says that they are texts
    if told is None:
        lower = set(pc.utf8_lower(cells.slice(0, 5)).to_pylist())
        if len(cells) <= 6 and lower <= {"true", "false"}:
            return as_text if column.is_typed else _Look(column, "boolean", known)
        # Codes such as 01 or 007A: as numbers some would lose what tells them apart.
        months = pc.match_substring_regex(cells, f"^{MONTH_AND_YEAR}$")
        zeros = pc.match_substring_regex(column.trimmed, r"^0[0-9]+$")
        zero = np.asarray(zeros.to_numpy(zero_copy_only=False), bool) & known
        if zero.any():
            note = _zero_note(column, zero)
            return replace(as_text, notes=(note,), is_text=True)
        if pc.all(months).as_py() and pc.any(pc.starts_with(cells, "0")).as_py():
            told = "date"
    if told != "date":
        found = _look_for_numbers(column, known, told)
        if found is not None:
            return found
    if told != "number":
        found = _look_for_dates(column, known)
        if found is not None:
            return found
    if told is not None:
        fits = look_alike(column, told)
        return replace(as_text, problem=_not_all(column, known & ~fits, told))
    return as_text


def look_alike(column: TextColumn, kind: str) -> NDArray[np.bool_]:
    """Say which texts look like numbers or dates by themselves.

    Parameters
    ----------
    column : TextColumn
        The texts.
    kind : {"number", "date"}
        What they may be.

    Returns
    -------
    ndarray of shape (n_texts,), bool
        One a text; a day that no month has is no date.
    """
    if kind == "date":
        dates = DateTexts.of(column.trimmed)
        moments = [dates.in_order(order) for order in (DMY, MDY)]
        return dates.looks & ~np.isnat(moments).all(axis=0)
    found = are_plain(column.trimmed)
    numbers = NumberTexts.of(column.trimmed)
    found[numbers.places[numbers.fit_somehow()]] = True
    return found


def _look_for_numbers(
    column: TextColumn, known: NDArray[np.bool_], told: str | None
) -> _Look | None:
    cells = column.part(known)
    if seem_plain(cells) and are_plain(cells).all():
        formats: tuple[NumberFormat, ...] = (NumberFormat(),)
        numbers = None
        if _may_be_grouped(cells):
            numbers = NumberTexts.of(cells)
            formats = tuple(numbers.formats())
        elif pc.any(pc.match_substring(cells.slice(0, 1000), ".")).as_py():
            numbers = NumberTexts.of(cells.slice(0, 1000))
        return _Look(column, "number", known, numbers, formats)
    if not _may_be_numbers(cells):
        return None
    numbers = NumberTexts.of(cells)
    if told == "number":
        numbers = replace(numbers, marks=np.full(len(numbers.marks), "", object))
    if numbers.all_fit:
        formats = tuple(numbers.formats())
        if formats:
            return _Look(column, "number", known, numbers, formats)
    return _mixed_numbers(column, known, numbers)


def _may_be_grouped(cells: Any) -> bool:
    """Say whether dots may stand between thousands in all of some plain numbers."""
    for some in (cells.slice(0, 200), cells):
        if not pc.all(pc.match_substring_regex(some, _DOT_GROUPS)).as_py():
            return False
    return bool(pc.any(pc.match_substring(cells, ".")).as_py())


def _may_be_numbers(cells: Any) -> bool:
    first = cells.slice(0, 200)
    return 2 * len(NumberTexts.of(first).places) >= len(first)


def _mixed_numbers(
    column: TextColumn, known: NDArray[np.bool_], numbers: NumberTexts
) -> _Look | None:
    """Refuse numbers that are written in several ways, or stand among texts."""
    fitting = numbers.fit_somehow()
    at = np.flatnonzero(known)[numbers.places[fitting]]
    good = np.zeros(len(known), bool)
    good[at] = True
    share = column.rows(good) / max(column.rows(known), 1)
    plain = are_plain(column.trimmed) & known
    if share <= 0.5 or (plain[good].all() and share < 1):
        return None
    name = repr(column.name)
    if share < 1:
        problem = _not_all(column, known & ~good, "number")
    else:
        first, _ = column.example(known)
        marks = numbers.marks
        other = marks != marks[0]
        if not other.any():
            other = ~numbers.fits(*_style_of(numbers))
        second = column.texts[int(np.flatnonzero(known)[np.flatnonzero(other)[0]])]
        problem = (
            f"Column {name} holds numbers that are written in several ways, e.g. "
            f"{_short(first)} and {_short(second.as_py())}; write them alike, or say "
            f"what they are (--as {column.name}=number or text)."
        )
    text = ~column.missing((), of_texts=True, keep=False)
    return _Look(column, "text", text, problem=problem)


def _style_of(numbers: NumberTexts) -> tuple[str, str]:
    """Return a style of the first number."""
    for style in ((".", ""), (",", ""), (".", ","), (",", ".")):
        if numbers.fits(*style)[0]:
            return style
    return ".", " "


def _look_for_dates(column: TextColumn, known: NDArray[np.bool_]) -> _Look | None:
    cells = column.part(known)
    if not seem_dates(cells):
        return None
    dates = DateTexts.of(cells)
    counts = column.counts[known]
    share = counts[dates.looks].sum() / max(counts.sum(), 1)
    text = ~column.missing((), of_texts=True, keep=False)
    if share <= 0.5:
        short = counts[dates.short].sum() / max(counts.sum(), 1)
        notes: tuple[str, ...] = ()
        if short > 0.5:
            example, _ = column.example(known)
            notes = (
                f"Column {column.name!r} is read as text: {_short(example)} looks like "
                "a date whose year has two digits; write four.",
            )
        return _Look(column, "text", text, notes=notes) if notes else None
    wrong = {order: np.isnat(dates.in_order(order)) for order in (DMY, MDY)}
    least = min(wrong, key=lambda order: counts[wrong[order]].sum())
    if wrong[least].any():
        bad = np.zeros(len(known), bool)
        bad[np.flatnonzero(known)[wrong[least]]] = True
        problem = _not_all(column, bad, "date")
        return _Look(column, "text", text, problem=problem)
    if dates.mix_zones:
        problem = (
            f"Column {column.name!r} holds times with and without a time zone; write "
            "all of them with one, or none."
        )
        return _Look(column, "text", text, problem=problem)
    orders = [order for order in wrong if not wrong[order].any()]
    if (dates.in_order(DMY) == dates.in_order(MDY)).all() or dates.marks == {"."}:
        orders = orders[:1]
    if not dates.marks:
        orders = []
    return _Look(column, "date", known, dates=dates, orders=tuple(orders))


def _read(
    look: _Look,
    decimal: str | None,
    order: str | None,
    orders: dict[str, str],
    options: TableOptions,
) -> Read:
    column, known = look.column, look.known
    if look.kind == "number":
        return _read_numbers(look, decimal)
    if look.kind == "date":
        return _read_dates(look, order, orders)
    if look.kind == "boolean":
        cells = pc.equal(pc.utf8_lower(column.part(known)), "true")
        return Read(column.spread(cells.to_numpy(zero_copy_only=False), known))
    if look.kind == "nothing":
        return Read(pd.Series(np.full(len(column.place), np.nan)))
    notes = look.notes
    if not look.problem:
        notes += (*_word_notes(column, known, options), *_similar_note(column, known))
        notes += () if look.is_text else _measure_note(column, known)
    texts = column.as_texts(~known)
    return Read(texts, notes, look.problem, is_text=look.is_text)


def _read_numbers(look: _Look, decimal: str | None) -> Read:
    column, known = look.column, look.known
    formats, numbers = look.formats, look.numbers
    problem = ""
    form = formats[0]
    if len(formats) > 1:
        fitting = [f for f in formats if f.decimal == decimal]
        assert numbers is not None
        has_comma = any(
            "," in (f.decimal + f.group) and f.group != "." for f in formats
        )
        grouped = numbers.look_grouped("," if has_comma else ".")
        if fitting:
            form = fitting[0]
        elif has_comma and grouped:
            form = next(f for f in formats if f.group == ",")
        elif has_comma or grouped:
            problem = _either(column, known, formats, numbers)
    cells = column.part(known)
    is_plain = form == NumberFormat() and bool(are_plain(cells).all())
    if is_plain:
        values = plain_values(cells)
    else:
        assert numbers is not None
        values = numbers.values(form)
    notes: tuple[str, ...] = ()
    if not is_plain and not problem:
        notes = (_number_note(column, known, values),)
    notes += _wide_note(column, known, values)
    text = "" if is_plain else form.text
    return Read(column.spread(values, known), notes, problem, text)


def _read_dates(look: _Look, order: str | None, orders: dict[str, str]) -> Read:
    column, known, dates = look.column, look.known, look.dates
    assert dates is not None
    problem, chosen = "", DMY
    if len(look.orders) == 1:
        chosen = look.orders[0]
    elif look.orders:
        told = order or _agreed(orders[m] for m in dates.marks if m in orders)
        if told is None:
            example, _ = column.example(known)
            problem = (
                f"Column {column.name!r} holds dates such as {_short(example)}, in "
                "which day and month may be either; say which comes first (--dates "
                "day-first or month-first)."
            )
        chosen = told or DMY
    moments = dates.days(chosen)
    example, row = column.example(known)
    values = column.spread(moments, known)
    notes = (
        ()
        if problem
        else (
            f"Column {column.name!r} is read as dates: {_short(example)} as "
            f"{values.iloc[row - 1]}.".replace(" 00:00:00", ""),
        )
    )
    return Read(values, notes, problem, chosen if look.orders else "")


def _agreed(orders: Iterable[str]) -> str | None:
    found = set(orders)
    return found.pop() if len(found) == 1 else None
