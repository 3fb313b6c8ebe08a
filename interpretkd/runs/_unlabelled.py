"""Further rows without labels, for the student: the teacher is asked about them.

None of them may be a row that the run is judged on, nor belong to a group of those: the
student would have been told what it is asked.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError, counted
from interpretkd.data import (
    Feature,
    RowChoice,
    Schema,
    TableOptions,
    raw_columns,
    read_rows,
    take_rows,
    unseen_cells,
)
from interpretkd.runs._reading import group_feature, group_keys, saying_of


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known before further rows are read.

    Parameters
    ----------
    schema : Schema
        The columns.
    held_out : DataFrame
        The rows that the run is judged on.
    group : str or None
        The column that says which rows belong together.
    groups : Series or None
        The groups of all rows that are known.
    groups_held_out : Series or None
        Those of the rows that the run is judged on.
    """

    schema: Schema
    held_out: pd.DataFrame
    group: str | None = None
    groups: "pd.Series[Any] | None" = None
    groups_held_out: "pd.Series[Any] | None" = None


def _read_unlabelled(
    path: str | os.PathLike[str],
    known: _Known,
    formats: Mapping[str, str],
    options: TableOptions,
    *,
    name: str,
    choice: RowChoice,
    seed: int,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read rows as the columns of the labelled ones are; say which are left out."""
    file = Path(path)
    if not file.is_file():
        raise InputError(f"There is no file {str(file)!r}.")
    further: tuple[Feature, ...] = ()
    notes: list[str] = []
    if known.group is not None:
        there, _ = raw_columns(file.read_bytes(), file.name, options)
        if known.group in there:
            further = (group_feature(known.group),)
        else:
            notes.append(
                f"It has no column {known.group!r}: whether its rows belong to a group "
                "that is held out cannot be told."
            )
    with saying_of(name):
        read = read_rows(
            file,
            known.schema,
            further=further,
            options=options,
            formats=formats,
            keep_unread=True,
        )
    frame = read.frame
    notes += read.notes
    kept = np.ones(len(frame), dtype=np.bool_)

    def leave_out(rows: NDArray[np.bool_], why: str) -> None:
        if (rows & kept).any():
            n = int((rows & kept).sum())
            notes.append(f"Left out {counted(n, 'row')}{why}")
            kept[rows] = False

    if further:
        held, is_known = _group_facts(frame.pop(further[0].name), known)
        leave_out(held, f" of a {known.group!r} that is held out.")
        if not is_known:
            notes.append(
                f"None of its {known.group!r} is one of the rows with labels: if they "
                "are spelt otherwise here, rows of a group that is held out are kept."
            )
    unseen = unseen_cells(known.schema, frame)
    strange = np.isin(np.arange(len(frame)), unseen.rows)
    leave_out(strange, f" that cannot be read: {unseen.in_words()}")
    if choice.missing != "keep":
        leave_out(frame.isna().any(axis=1).to_numpy(), " with a missing value.")
    places = np.flatnonzero(kept)
    rows: Any = known.schema.conform(frame.iloc[places].reset_index(drop=True))
    same = _are_among(rows, known.held_out, known.schema)
    kept = np.ones(len(rows), dtype=np.bool_)
    leave_out(same, " equal to one that is held out.")
    chosen = np.flatnonzero(kept)
    if not len(chosen):
        raise InputError(f"No row of {name!r} is left. {' '.join(notes)}".rstrip())
    most = len(chosen) if choice.most_rows is None else choice.most_rows
    if len(chosen) > most:
        drawn = np.random.default_rng(seed).permutation(chosen)[:most]
        notes.append(f"Drew {most:,} of its {len(chosen):,} rows.")
        chosen = np.sort(drawn)
    found: Any = take_rows(rows, chosen)
    told = tuple(f"In {name!r}: {note}" for note in notes)
    return found.reset_index(drop=True), told


def _group_facts(
    names: "pd.Series[Any]", known: _Known
) -> tuple[NDArray[np.bool_], bool]:
    """Say which rows are of a group that is held out, and whether any group is known.

    A row without a group is of none.
    """
    if known.groups is None or known.groups_held_out is None:
        return np.zeros(len(names), dtype=np.bool_), True
    key = group_keys(known.groups)
    own = names.astype(object).map(lambda name: key(name) if pd.notna(name) else name)
    held_out = set(map(key, known.groups_held_out.dropna()))
    held: NDArray[np.bool_] = own.isin(held_out).to_numpy()
    some = own.dropna()
    is_known = some.empty or some.isin(set(map(key, known.groups.dropna()))).any()
    return held, bool(is_known)


def _are_among(
    rows: pd.DataFrame, others: pd.DataFrame, schema: Schema
) -> NDArray[np.bool_]:
    """Say which rows are, cell by cell, among others."""
    if not len(rows):
        return np.zeros(0, dtype=np.bool_)

    def keys(frame: pd.DataFrame) -> "pd.Series[Any]":
        codes = pd.DataFrame(schema.encode(frame) + 0.0)  # -0 is 0
        return pd.util.hash_pandas_object(codes, index=False)

    same: NDArray[np.bool_] = keys(rows).isin(keys(others)).to_numpy()
    return same
