"""What is said of columns as they are read: what is unusual, odd, wrong or open."""

from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute as pc
from numpy.typing import NDArray

from interpretkd._base import counted, one_line
from interpretkd.data._number_texts import NumberFormat, NumberTexts, are_plain
from interpretkd.data._table_options import TableOptions
from interpretkd.data._text_column import TextColumn

_MOST_SIMILAR, _FEWEST_MEASURES = 2000, 5
_TIME_OF_DAY = r"^[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?: ?[AaPp][Mm])?$"
_WITH_UNIT = r"^[-+]?[0-9][0-9.,' ]*(?P<unit>[^0-9.,' :/-][^0-9]{0,9})$"
_WIDEST_WHOLE = 2.0**63


def _not_all(column: TextColumn, wrong: NDArray[np.bool_], kind: str) -> str:
    if not wrong.any():
        return f"Column {column.name!r} holds {kind}s that are written in several ways."
    example, row = column.example(wrong)
    return (
        f"Column {column.name!r}: {column.rows(wrong)} of {len(column.place)} values "
        f"are not {kind}s, e.g. {_short(example)} (row {row}); if that stands for a "
        "missing value, name it (--na-values); if these are codes, say so "
        f"(--as {column.name}=text)."
    )


def _either(
    column: TextColumn,
    known: NDArray[np.bool_],
    formats: tuple[NumberFormat, ...],
    numbers: NumberTexts,
) -> str:
    mark = "," if any(f.group == "," for f in formats) else "."
    has = pc.match_substring(numbers.bodies, mark).to_numpy(zero_copy_only=False)
    first = int(np.flatnonzero(has)[0])
    example = column.texts[int(np.flatnonzero(known)[numbers.places[first]])].as_py()
    either = sorted(float(numbers.values(form)[first]) for form in formats)
    return (
        f"Column {column.name!r} holds numbers such as {_short(example)}, which may be "
        f"{either[0]:.15g} or {either[1]:.15g}; say what the decimal mark is "
        "(--decimal . or --decimal ,)."
    )


def _number_note(
    column: TextColumn, known: NDArray[np.bool_], values: NDArray[Any]
) -> str:
    """Show the first number that is written so that a computer would not read it."""
    odd = np.flatnonzero(~are_plain(column.part(known)))
    at = int(odd[0]) if len(odd) else 0
    example = column.texts[int(np.flatnonzero(known)[at])].as_py()
    return (
        f"Column {column.name!r} is read as numbers: {_short(example)} as "
        f"{values[at].item():.15g}."
    )


def _wide_note(
    column: TextColumn, known: NDArray[np.bool_], values: NDArray[Any]
) -> tuple[str, ...]:
    """Speak of whole numbers that no integer of 64 bits holds."""
    if values.dtype.kind != "f" or not (np.abs(values) >= _WIDEST_WHOLE).any():
        return ()
    cells = column.part(known)
    whole = pc.match_substring_regex(cells, r"^[+-]?[0-9]{19,}$")
    found = np.asarray(whole.to_numpy(zero_copy_only=False), bool)
    found &= np.abs(values) >= _WIDEST_WHOLE
    if not found.any():
        return ()
    example = cells[int(np.flatnonzero(found)[0])].as_py()
    return (
        f"Column {column.name!r} holds whole numbers of 2**63 and more, e.g. "
        f"{_short(example)}; they are rounded to about 16 digits.",
    )


def _zero_note(column: TextColumn, zero: NDArray[np.bool_]) -> str:
    example, _ = column.example(zero)
    return (
        f"Column {column.name!r} is read as text, not as numbers: {_short(example)} "
        "begins with a zero."
    )


def _word_notes(
    column: TextColumn, known: NDArray[np.bool_], options: TableOptions
) -> tuple[str, ...]:
    """Count the words that were taken for missing, and "None" that was not."""
    notes = []
    words = column.trimmed.to_pylist() if len(column.texts) <= 10**5 else []
    taken: dict[str, int] = {}
    for i in np.flatnonzero(~known).tolist() if words else []:
        if words[i] and words[i] not in options.na_values:
            taken[words[i]] = taken.get(words[i], 0) + int(column.counts[i])
    if taken:
        counts = ", ".join(f"{word!r} {count}" for word, count in taken.items())
        notes.append(
            f"Column {column.name!r}: {counted(sum(taken.values()), 'cell')} read as "
            f"missing ({counts}); --keep-na-words keeps such words as texts."
        )
    none = [i for i, word in enumerate(words) if word == "None" and known[i]]
    if none:
        cells = counted(int(column.counts[none].sum()), "cell")
        notes.append(
            f"Column {column.name!r}: 'None' is a text like others ({cells}); "
            "--na-values None takes it for missing."
        )
    return tuple(notes)


def _measure_note(column: TextColumn, known: NDArray[np.bool_]) -> tuple[str, ...]:
    """Notice times of day and numbers with a unit, which are no categories."""
    cells = column.part(known)
    if len(cells) < _FEWEST_MEASURES:
        return ()
    what = ""
    if pc.all(pc.match_substring_regex(cells, _TIME_OF_DAY)).as_py():
        what = "a time of day; give it as a number, such as hours since midnight"
    else:
        parts = pc.extract_regex(cells, _WITH_UNIT)
        if not parts.null_count:
            units = pc.unique(pc.struct_field(parts, "unit")).to_pylist()
            if len(units) == 1:
                what = f"a number with the unit {units[0]!r}; write the numbers alone"
    if not what:
        return ()
    example, _ = column.example(known)
    return (
        f"Column {column.name!r} is read as text: {_short(example)} looks like {what}.",
    )


def _similar_note(column: TextColumn, known: NDArray[np.bool_]) -> tuple[str, ...]:
    """Notice texts that differ by blanks around them or by case alone."""
    if known.sum() > _MOST_SIMILAR:
        return ()
    seen: dict[str, str] = {}
    for text in column.texts.filter(pyarrow.array(known)).to_pylist():
        key = " ".join(text.split()).casefold()
        if key in seen:
            return (
                f"Column {column.name!r}: {_short(seen[key])} and {_short(text)} "
                "differ by blanks or case alone and are taken for two different texts.",
            )
        seen[key] = text
    return ()


def _short(text: str, most: int = 40) -> str:
    text = one_line(text)
    return repr(text if len(text) <= most else text[: most - 3] + "...")
