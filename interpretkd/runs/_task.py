"""What a run is made of: a table's rows, what to predict of them, who may see which.

The rows are split, seeded and stratified, into 64 % that train the teacher, 16 % more
for the student (`transfer`) and 20 % for judging (`test`); whole groups of them, where
rows belong together.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError, check_choice, closest, one_line
from interpretkd.data import (
    Feature,
    ReadTable,
    RowChoice,
    Schema,
    Split,
    TableOptions,
    choose_rows,
    counter_notes,
    group_notes,
    group_positions,
    id_columns,
    open_table,
    read_rows,
    refuse_columns,
    split_rows,
    split_target,
)
from interpretkd.datasets import Dataset
from interpretkd.runs._reading import (
    group_feature,
    group_keys,
    label_feature,
    reading_facts,
    saying_of,
)
from interpretkd.runs._unlabelled import _Known, _read_unlabelled

GROUP_FACT = "rows belong together by"
"""What a run's description calls the column of the groups."""


@dataclass(frozen=True, eq=False)
class Task:
    """Rows, what to predict of them, and who may see which.

    Parameters
    ----------
    name : str
        Of the data.
    X : DataFrame of shape (n_samples, n_features)
        Rows in original columns.
    y : ndarray of shape (n_samples,)
        Classes or values.
    kind : {"multiclass", "regression"}
        What is predicted.
    split : Split
        The rows for the teacher, for the student alone, and for judging.
    about : mapping, default={}
        What a report says of the data: source, hash, split.
    notes : tuple of str, default=()
        What was unusual about the table, in a sentence each.
    groups : ndarray of shape (n_samples,), int64, or None, default=None
        Which rows belong together; None where they are independent.
    unlabelled : DataFrame of shape (n_further, n_features) or None, default=None
        Further rows for the student, without labels.
    student_columns : tuple of str, default=()
        The columns that the student may read; () for all.
    """

    name: str
    X: pd.DataFrame
    y: NDArray[Any]
    kind: str
    split: Split
    about: Mapping[str, str | int | float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    groups: NDArray[np.int64] | None = None
    unlabelled: pd.DataFrame | None = None
    student_columns: tuple[str, ...] = ()

    @property
    def student_rows(self) -> NDArray[np.int64]:
        """The rows that the student is fitted to: train and transfer."""
        return np.concatenate([self.split.train, self.split.transfer])


def read_task(
    path: str | os.PathLike[str],
    target: str,
    *,
    drop: Sequence[str] = (),
    task: str = "auto",
    seed: int = 0,
    name: str | None = None,
    choice: RowChoice | None = None,
    options: TableOptions | None = None,
    drop_ids: bool = False,
    group: str | None = None,
    test: str | os.PathLike[str] | None = None,
    unlabelled: str | os.PathLike[str] | None = None,
    unlabelled_name: str | None = None,
    student_columns: Sequence[str] = (),
) -> Task:
    """Read a user's table and split its rows.

    Parameters
    ----------
    path : str or path
        A CSV or Parquet file.
    target : str
        The column to predict.
    drop : sequence of str, default=()
        Columns to leave out.
    task : {"auto", "classification", "regression"}, default="auto"
        Whether the target is a class or a quantity.
    seed : int, default=0
        Of the split.
    name : str, default=None
        What to call the data; None takes the file's name.
    choice : RowChoice, default=None
        Which rows are left out; None keeps all.
    options : TableOptions, default=None
        How the table is written, where it is not found out.
    drop_ids : bool, default=False
        Whether columns that tell every row apart are left out, too.
    group : str, default=None
        The column that says which rows belong together - a customer, a patient, a
        series -: no group is on two sides of a split. Nobody is fitted to it.
    test : str or path, default=None
        A file of further rows, on which the run is judged; it is read as the columns
        of `path` are. None keeps a fifth of the rows of `path`.
    unlabelled : str or path, default=None
        A file of further rows for the student, about which the teacher is asked; the
        target is not read. Rows that are held out, or of a group that is, are left out,
        and so are those that cannot be read.
    unlabelled_name : str, default=None
        What to call that file; None takes its own name.
    student_columns : sequence of str, default=()
        The columns that the student may read; () for all.

    Returns
    -------
    Task
        The rows, with texts as categories.

    Raises
    ------
    InputError
        For anything in the tables that cannot be used.
    """
    check_choice("read_task", "task", task, ("auto", "classification", "regression"))
    told = TableOptions() if options is None else options
    chosen = RowChoice() if choice is None else choice
    table = open_table(path, drop=drop, options=told)
    table, belongs = _take_group(table, group, target)
    ids = tuple(id_columns(table.frame, target)) if drop_ids else ()
    table = _without_ids(table, ids)
    refuse_columns(table.problems)
    rows, facts, places = _choose(table.frame, target, chosen, seed)
    try:
        X, y, kind = split_target(rows, target, task=task)
    except InputError as error:
        raise InputError(_with_words(str(error), target, table.notes)) from error
    groups = None if belongs is None else belongs.iloc[places]
    notes = (*table.notes, *counter_notes(X), *group_notes(X))
    n_test = 0
    if test is not None:
        given = _Given(X, y, kind, groups, target, group)
        judged, further = _read_test(test, given, table.formats, told, chosen)
        X = pd.concat([X, judged.X], ignore_index=True)
        y = np.concatenate([y, judged.y])
        if groups is not None:
            _refuse_shared(groups, judged.groups, Path(test).name)
            groups = pd.concat([groups, judged.groups], ignore_index=True)
        notes, n_test = (*notes, *further), len(judged.y)
        facts |= _file_facts("test data", test)
    known: Any = Schema.from_data(X).conform(X)
    strata = None if kind == "regression" else y
    place = None if groups is None else group_positions(groups, len(y))
    split = split_rows(len(y), strata, seed, n_test, place)
    if place is not None and len(np.unique(place[split.test])) < 2:
        raise InputError(
            f"The rows to judge the run on are of one group of {group!r}, which says "
            "nothing of others; there must be at least two."
        )
    rest: pd.DataFrame | None = None
    if unlabelled is not None:
        held_out = _Known(
            Schema.from_data(known),
            known.iloc[split.test],
            group,
            groups,
            None if groups is None else groups.iloc[split.test],
        )
        called = one_line(unlabelled_name or Path(unlabelled).name)
        rest, further = _read_unlabelled(
            unlabelled,
            held_out,
            table.formats,
            told,
            name=called,
            choice=chosen,
            seed=seed,
        )
        notes = (*notes, *further)
        facts |= _file_facts("unlabelled data", unlabelled)
        facts["unlabelled data"] = called
        facts["rows without labels for the student"] = len(rest)
    about: dict[str, str | int | float] = {
        **_file_facts("data", path),
        "target": target,
        "columns left out": ", ".join((*drop, *ids)) or "none",
        **facts,
        **reading_facts(table, told, notes),
        **_split_facts(split, seed, place),
    }
    if group is not None:
        about[GROUP_FACT] = group
    if name is not None:
        about["data"] = name
    data = str(about["data"])
    read = Task(data, known, y, kind, split, about, notes, place, rest)
    return with_student_columns(read, student_columns)


def with_student_columns(task: Task, names: Sequence[str]) -> Task:
    """Return a task whose student may read some of the columns alone.

    Parameters
    ----------
    task : Task
        Of any table.
    names : sequence of str
        The columns; () for all.

    Returns
    -------
    Task
        With them in the order of the table, and in its description.

    Raises
    ------
    InputError
        For a column that is not there.
    """
    if not names:
        return task
    known = [str(name) for name in task.X.columns]
    for name in names:
        if name not in known:
            raise InputError(
                f"There is no column {name!r} for the student to read."
                f"{closest(name, known)}"
            )
    kept = tuple(name for name in known if name in set(names))
    about = {**task.about, "columns the student may read": ", ".join(kept)}
    return replace(task, about=about, student_columns=kept)


@dataclass(frozen=True, eq=False)
class _Given:
    """The rows of a table, and what is what in them."""

    X: pd.DataFrame
    y: NDArray[Any]
    kind: str
    groups: "pd.Series[Any] | None"
    target: str
    group: str | None


def _file_facts(name: str, path: str | os.PathLike[str]) -> dict[str, str]:
    content = Path(path).read_bytes()
    return {
        name: Path(path).name,
        f"{name} SHA-256": hashlib.sha256(content).hexdigest(),
    }


def _with_words(said: str, target: str, notes: tuple[str, ...]) -> str:
    """Add to what is said of a target with gaps which words were taken for them."""
    if not said.startswith(f"The target {target!r} is missing"):
        return said
    start = f"Column {target!r}"
    words = [n for n in notes if n.startswith(start) and "read as missing" in n]
    return " ".join([said, *words])


def _take_group(
    table: ReadTable, group: str | None, target: str
) -> "tuple[ReadTable, pd.Series[Any] | None]":
    """Take the column of the groups out of a table."""
    if group is None:
        return table, None
    if group not in table.frame.columns:
        near = closest(group, table.frame.columns)
        raise InputError(f"There is no column {group!r} of groups.{near}")
    if group == target:
        raise InputError(f"The column {group!r} cannot be both target and group.")
    return _without(table, (group,)), table.frame[group]


def _choose(
    frame: pd.DataFrame, target: str, choice: RowChoice, seed: int
) -> tuple[pd.DataFrame, dict[str, str | int], NDArray[np.int64]]:
    """Leave rows out; return the others, what was done, and their positions."""
    marked = frame.copy()
    mark = "row"
    while mark in marked.columns:
        mark += "_"
    marked[mark] = np.arange(len(frame))
    rows, facts = choose_rows(marked, target, choice, seed=seed)
    return rows.drop(columns=mark), facts, rows[mark].to_numpy(dtype=np.int64)


def _read_test(
    path: str | os.PathLike[str],
    given: _Given,
    formats: Mapping[str, str],
    options: TableOptions,
    choice: RowChoice,
) -> tuple[_Given, tuple[str, ...]]:
    """Read the rows of another file as the columns of the first one are."""
    names = {str(one): one for one in np.unique(given.y).tolist()}
    wanted = [
        Feature(given.target)
        if given.kind == "regression"
        else label_feature(given.target, np.unique(given.y))
    ]
    if given.group is not None:
        wanted.append(group_feature(given.group))
    schema = Schema.from_data(given.X)
    with saying_of(Path(path).name):
        read = read_rows(path, schema, further=wanted, options=options, formats=formats)
    groups = None
    frame = read.frame
    if given.group is not None:
        groups = frame[given.group]
        frame = frame.drop(columns=given.group)
    frame, _, places = _choose(frame, given.target, replace(choice, most_rows=None), 0)
    y = frame.pop(given.target)
    if y.isna().any():
        row = int(np.flatnonzero(y.isna())[0]) + 1
        raise InputError(
            f"The target {given.target!r} is missing in {int(y.isna().sum())} rows of "
            f"{Path(path).name!r}, e.g. row {row}; remove such rows first."
        )
    labels: NDArray[Any]
    if given.kind == "regression":
        labels = y.to_numpy(dtype=np.float64)
    else:
        strange = sorted({str(one) for one in y} - set(names))
        if strange:
            raise InputError(
                f"The target {given.target!r} holds classes in {Path(path).name!r} "
                "that no training row has: "
                f"{', '.join(map(repr, strange[:5]))}."
            )
        labels = np.asarray([names[str(one)] for one in y], dtype=given.y.dtype)
    held = None if groups is None else _like(given.groups, groups.iloc[places])
    found = _Given(frame, labels, given.kind, held, given.target, given.group)
    return found, tuple(f"In {Path(path).name!r}: {note}" for note in read.notes)


def _refuse_shared(known: "pd.Series[Any]", judged: Any, test: str) -> None:
    names = set(map(str, known.dropna()))
    both = sorted(names & set(map(str, judged.dropna())))
    if both:
        raise InputError(
            f"A group must be on one side. {len(both)} of the groups of {test!r} are "
            f"among the other rows, too, e.g. {both[0]!r}."
        )


def _like(known: Any, groups: "pd.Series[Any]") -> "pd.Series[Any]":
    """Read the names of groups as those that are known were: 7 is "7" in another."""
    key = group_keys(known)
    names = {key(one): one for one in known.dropna().unique().tolist()}
    # As objects: categories that become one would be refused.
    plain = groups.astype(object)
    return plain.map(lambda one: names.get(key(one), one) if pd.notna(one) else one)


def _without_ids(table: ReadTable, names: Sequence[str]) -> ReadTable:
    if not names:
        return table
    said = f"Left out, since they tell every row apart: {', '.join(map(repr, names))}."
    left = _without(table, names)
    return replace(left, notes=(*left.notes, said))


def _without(table: ReadTable, names: Sequence[str]) -> ReadTable:
    """Leave columns out, with all that was said of them."""
    starts = tuple(f"Column {name!r}" for name in names)
    return ReadTable(
        table.frame.drop(columns=list(names)),
        tuple(note for note in table.notes if not note.startswith(starts)),
        {name: text for name, text in table.problems.items() if name not in names},
        {name: text for name, text in table.formats.items() if name not in names},
    )


def task_of(
    dataset: Dataset, *, seed: int = 0, student_columns: Sequence[str] = ()
) -> Task:
    """Return one of the shipped data sets as a task.

    Parameters
    ----------
    dataset : Dataset
        What one of the loaders returned.
    seed : int, default=0
        Of the split.
    student_columns : sequence of str, default=()
        The columns that the student may read; () for all.

    Returns
    -------
    Task
        Its rows and their split.

    Raises
    ------
    InputError
        For a column that is not there, and for any column of images.
    """
    if student_columns and dataset.image_shape is not None:
        raise InputError(
            "The columns that a student may read are for tables. Got images, whose "
            "columns are pixels."
        )
    split = dataset.split(seed)
    about: dict[str, str | int | float] = {
        "data": dataset.name,
        "data source": dataset.source,
        "data licence": dataset.licence,
        "data SHA-256": _values_hash(dataset),
        **_split_facts(split, seed),
    }
    rows, classes = dataset.data, dataset.target
    task = Task(dataset.name, rows, classes, "multiclass", split, about)
    return with_student_columns(task, student_columns)


def _split_facts(
    split: Split, seed: int, groups: NDArray[np.int64] | None = None
) -> dict[str, int]:
    of_groups = {}
    if groups is not None:
        of_groups["groups held out"] = len(np.unique(groups[split.test]))
    return {
        "rows that trained the teacher": len(split.train),
        "further rows for the student": len(split.transfer),
        "rows held out": len(split.test),
        **of_groups,
        "seed of the split": seed,
    }


def _values_hash(dataset: Dataset) -> str:
    """Return the hash of all values, whatever file they were read from."""
    rows = pd.util.hash_pandas_object(dataset.data, index=False).to_numpy()
    labels = pd.util.hash_array(np.asarray(dataset.target))
    return hashlib.sha256(rows.tobytes() + labels.tobytes()).hexdigest()
