"""How a run's table was written, kept with the run: new files are read alike."""

import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.data import Feature, ReadTable, Schema, TableOptions, read_rows

NOTES_FACT = "notes on reading"
"""What a run's description calls what was unusual about its table."""

_WRITTEN = "how columns are written"
_MOST_NOTES = 20


def reading_facts(
    table: ReadTable, options: TableOptions, notes: tuple[str, ...]
) -> dict[str, str]:
    """Say how a table was read, as facts of a run.

    Parameters
    ----------
    table : ReadTable
        The table.
    options : TableOptions
        How it was read.
    notes : tuple of str
        What was unusual.

    Returns
    -------
    dict of str to str
        Empty where all was as usual.
    """
    facts = {}
    if notes:
        more = len(notes) - _MOST_NOTES
        facts[NOTES_FACT] = " ".join(notes[:_MOST_NOTES])
        facts[NOTES_FACT] += f" And {more} more." if more > 0 else ""
    written: dict[str, Any] = {}
    if table.formats:
        written["formats"] = dict(table.formats)
    if options.na_values:
        written["missing"] = list(options.na_values)
    if written:
        facts[_WRITTEN] = json.dumps(written, ensure_ascii=False)
    return facts


def read_rows_for(
    model: Any,
    path: str | os.PathLike[str],
    *,
    target: str | None = None,
    about: Mapping[str, str | int | float] | None = None,
    options: TableOptions | None = None,
    only: Collection[str] | None = None,
    further: Sequence[Feature] = (),
    keep_unread: bool = False,
) -> ReadTable:
    """Read new rows of a file as a fitted model knows them.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    path : str or path
        A CSV or Parquet file with the model's columns; others are passed over.
    target : str or None, default=None
        The column of the labels, which is wanted as well.
    about : mapping of str to str, int or float, default=None
        `Run.about`: how the columns were written in training.
    options : TableOptions, default=None
        How the file is written, where it is not found out.
    only : collection of str, default=None
        The model's columns that are wanted; None for all.
    further : sequence of Feature, default=()
        Other columns that are wanted, too.
    keep_unread : bool, default=False
        As of `data.read_rows`.

    Returns
    -------
    ReadTable
        The columns, for `take_rows_for` and `take_labels`, and what is to be said.

    Raises
    ------
    InputError
        For a file that cannot be read, an absent column, and cells that are not what
        the column was in training.
    """
    formats, words = _written(about or {})
    told = TableOptions() if options is None else options
    values = {part: getattr(told, part) for part in ("sep", "decimal", "encoding")}
    told = TableOptions(**values, dates=told.dates, na_values=(*words, *told.na_values))
    labels = () if target is None else (_labels(model, target),)
    schema = model.schema_
    if only is not None:
        schema = Schema(tuple(f for f in schema.features if f.name in only))
    return read_rows(
        path,
        schema,
        further=(*labels, *further),
        options=told,
        formats=formats,
        keep_unread=keep_unread,
    )


def label_feature(target: str, classes: NDArray[Any]) -> Feature:
    """Return the column of the labels, in the type of the classes.

    Parameters
    ----------
    target : str
        Its name.
    classes : ndarray of shape (n_classes,)
        The classes.

    Returns
    -------
    Feature
        With a category for each class.
    """
    return Feature(target, "categorical", tuple(classes.tolist()))


def group_feature(name: str) -> Feature:
    """Return the column of the groups: no name is known, and each stays as it is.

    Parameters
    ----------
    name : str
        Its name.

    Returns
    -------
    Feature
        With a category that no file holds.
    """
    return Feature(name, "categorical", ("\0",))


@contextmanager
def saying_of(name: str) -> Iterator[None]:
    """Say of which file something is wrong, where several are read.

    Parameters
    ----------
    name : str
        The file's name.

    Yields
    ------
    None

    Raises
    ------
    InputError
        With the name before what is wrong, if it is not in it.
    """
    try:
        yield
    except InputError as error:
        if name in str(error):
            raise
        raise InputError(f"In {name!r}: {error}") from error


def group_keys(known: "pd.Series[Any]") -> Callable[[Any], str]:
    """Return what tells groups apart, however a file spells them.

    Parameters
    ----------
    known : Series
        The groups of the table that all others are compared with.

    Returns
    -------
    callable
        From a group to its key: blanks around it do not count, and among numbers "7.0",
        which is what 7 becomes where one is missing, is 7.
    """
    names = known.dropna().unique().tolist()
    if names and all(isinstance(name, int | float) for name in names):
        return _number_key
    if names and all(re.fullmatch(r"\s*-?\d+\s*", str(name)) for name in names):
        return lambda name: re.sub(r"^(-?\d+)\.0+$", r"\1", str(name).strip())
    return lambda name: str(name).strip()


def _number_key(name: Any) -> str:
    text = str(name).strip()
    with suppress(ValueError):  # in full, where a float would round
        return str(int(text))
    with suppress(ValueError):
        number = float(text)
        return str(int(number)) if number.is_integer() else str(number)
    return text


def _labels(model: Any, target: str) -> Feature:
    if not hasattr(model, "classes_"):
        return Feature(target)
    return label_feature(target, model.classes_)


def _written(about: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Read back what `reading_facts` wrote, checking each value."""
    text = about.get(_WRITTEN)
    if text is None:
        return {}, ()
    try:
        told = json.loads(str(text))
        formats, words = dict(told.get("formats", {})), tuple(told.get("missing", ()))
        good = all(isinstance(t, str) for t in (*formats, *formats.values(), *words))
    except (ValueError, TypeError, AttributeError):
        good = False
    if not good:
        raise InputError(
            f"The run does not say how its columns are written. Got {str(text)[:80]!r}."
        )
    return formats, words
