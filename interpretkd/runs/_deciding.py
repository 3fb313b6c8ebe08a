"""A student's decisions of new rows, as a file: what `interpretkd predict` writes."""

import io
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import (
    InputError,
    check_choice,
    closest,
    counted,
    csv_text,
    write_atomically,
)
from interpretkd.data import (
    Schema,
    TableOptions,
    as_they_stand,
    require_columns,
    unseen_cells,
)
from interpretkd.explain import positions_read
from interpretkd.models import Tree
from interpretkd.rules import RuleSet, extract_rules
from interpretkd.runs._bundle import Run
from interpretkd.runs._reading import read_rows_for

UNKNOWN = ("error", "missing", "skip")


def used_columns(model: Any) -> frozenset[str]:
    """Return the names of the columns that a model's student, or its view, reads.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted, with a student of ours.

    Returns
    -------
    frozenset of str
        Of the model's columns; all of them for a student that reads columns made of
        them.
    """
    names = model.schema_.names
    return frozenset(names[i] for i in positions_read(model))


@dataclass(frozen=True, eq=False)
class NewRows:
    """New rows as a model can read them, and where they stand in their table.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
        The model's columns.
    numbers : ndarray of shape (n_samples,), int64
        The rows' positions in the table, from 0.
    notes : tuple of str
        What was done to them, in sentences.
    """

    X: Any
    numbers: NDArray[np.int64]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.numbers)


def new_rows(
    model: Any,
    table: pd.DataFrame,
    on_unknown: str = "error",
    *,
    needed: Collection[str] | None = None,
) -> NewRows:
    """Take the rows of a table that a fitted model is to decide.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted, with a student of ours.
    table : DataFrame
        New rows; of the model's columns, those that its student reads. Others are
        passed over.
    on_unknown : {"error", "missing", "skip"}, default="error"
        What becomes of a cell that the model cannot read - a category that was not
        seen in training, a text among numbers, infinity -: nothing is made; it counts
        as missing; its row is left out.
    needed : collection of str, default=None
        The columns that must be there; None for those that the student reads.

    Returns
    -------
    NewRows
        The rows. A column that is not needed is filled with any value.

    Raises
    ------
    InputError
        For an absent column, unknown cells that are refused, and when no row is left.
    """
    check_choice("new_rows", "on_unknown", on_unknown, UNKNOWN)
    schema = model.schema_
    used = used_columns(model) if needed is None else needed
    given = [str(name) for name in table.columns]
    require_columns(table, [name for name in schema.names if name in used])
    rows = pd.DataFrame(
        {
            feature.name: table.iloc[:, given.index(feature.name)]
            if feature.name in used
            else pd.Series(feature.decode(np.zeros(len(table))), table.index)
            for feature in schema.features
        }
    )
    unseen = unseen_cells(schema, rows)
    notes, which = [], counted(len(unseen.rows), "row")
    numbers = np.arange(len(rows))
    if len(unseen.rows) and on_unknown == "error":
        raise InputError(
            f"{unseen.in_words()} To leave such rows out, say --on-unknown skip; to "
            "take such cells for missing, --on-unknown missing (on_unknown=)."
        )
    if len(unseen.rows) and on_unknown == "skip":
        notes.append(f"Left out {which}: {unseen.in_words()}")
        numbers = np.setdiff1d(numbers, unseen.rows)
        rows = rows.iloc[numbers]
    elif len(unseen.rows):
        notes.append(f"Taken for missing in {which}: {unseen.in_words()}")
        for i, name in enumerate(unseen.columns):
            rows[name] = rows[name].astype(object).mask(unseen.cells[:, i], None)
    if not len(rows):
        raise InputError("No row is left: every one has a cell that is not known.")
    conformed = schema.conform(rows)
    is_frame = hasattr(model, "feature_names_in_")
    X = conformed if is_frame else conformed.to_numpy()
    return NewRows(X, numbers, tuple(notes))


def predict_table(
    run: Run,
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    keep: Sequence[str] | None = None,
    keep_all: bool = False,
    explain: bool = False,
    on_unknown: str = "error",
    options: TableOptions | None = None,
) -> tuple[Path, tuple[str, ...]]:
    """Let a run's student decide the rows of a file, and write its decisions.

    Parameters
    ----------
    run : Run
        What `load_run` returned.
    path : str or path
        A CSV or Parquet file with the columns that the student reads.
    out : str or path
        A .csv or .parquet file. It gets "row", the row's number in `path` from 1; the
        columns that are kept; "rule", the number of the rule that decides (of a tree;
        as in the run's report); "prediction"; and, for classes, one "probability of
        ..." a class.
    keep : sequence of str, default=None
        The columns of `path` to keep. None keeps those that the model does not know
        and that tell every row apart: ids.
    keep_all : bool, default=False
        Whether all columns of `path` are kept.
    explain : bool, default=False
        Whether to add "because", the rule in words; of a tree.
    on_unknown : {"error", "missing", "skip"}, default="error"
        As of `new_rows`.
    options : TableOptions, default=None
        How the file is written, where it is not found out.

    Returns
    -------
    path : Path
        The file written.
    notes : tuple of str
        What there is to say of the rows, in sentences.

    Raises
    ------
    InputError
        For rows that do not fit the model, another ending, the file that is read, and
        an unknown column to keep.
    """
    target = Path(out)
    if target.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(
            f"Predictions are written to a .csv or .parquet file. Got {target.name!r}."
        )
    if target.exists() and Path(path).exists() and target.samefile(path):
        raise InputError(
            f"The predictions would replace the rows in {str(path)!r}; give another "
            "file to write to."
        )
    model = run.model
    if explain and not isinstance(model.student_.form_, Tree):
        raise InputError(
            "Only a tree's decisions have a rule to be explained by. Got a "
            f"{type(model.student_).__name__}; explain single rows of it."
        )
    table = as_they_stand(path, options)
    kept = _kept_columns(model.schema_, table, keep, keep_all=keep_all)
    read = read_rows_for(
        model,
        path,
        about=run.about,
        options=options,
        only=used_columns(model),
        keep_unread=True,
    )
    rows = new_rows(model, read.frame, on_unknown)
    decided = _decided(run, rows, explain=explain)
    beside = table.iloc[rows.numbers][kept].reset_index(drop=True)
    numbers = pd.DataFrame({"row": rows.numbers + 1})
    written = _side_by_side(numbers, beside, decided)
    if target.suffix.lower() == ".csv":
        write_atomically(target, csv_text(written).encode())
    else:
        buffer = io.BytesIO()
        written.to_parquet(buffer, index=False)
        write_atomically(target, buffer.getvalue())
    return target, (*read.notes, *rows.notes)


def _kept_columns(
    schema: Schema, table: pd.DataFrame, keep: Sequence[str] | None, *, keep_all: bool
) -> list[Any]:
    if keep_all:
        return list(table.columns)
    if keep is None:
        others = [name for name in table.columns if str(name) not in schema.names]
        return [name for name in others if _tells_apart(table[name])]
    for name in keep:
        if name not in table.columns:
            raise InputError(
                f"There is no column {name!r} to keep.{closest(name, table.columns)}"
            )
    return list(keep)


def _tells_apart(column: "pd.Series[Any]") -> bool:
    """Whether every row has a value of its own; a measured number is no id."""
    if pd.api.types.is_float_dtype(column):
        return False
    return column.astype(str).is_unique and bool(column.notna().all())


def _decided(run: Run, rows: NewRows, *, explain: bool) -> pd.DataFrame:
    model = run.model
    said: dict[str, Any] = {}
    if isinstance(model.student_.form_, Tree):
        rules = _numbered_rules(run)
        place = rules.apply(rows.X)
        said["rule"] = np.asarray([rule.number for rule in rules])[place]
        if explain:
            texts = np.asarray([rule.condition_text for rule in rules], dtype=object)
            because = texts[place]
    decisions = np.asarray(model.predict(rows.X))
    wide = decisions.reshape(len(rows), -1)
    if decisions.ndim == 1:
        said["prediction"] = list(decisions)
    else:
        ends = getattr(model, "classes_", range(1, wide.shape[1] + 1))
        said |= {f"prediction {end}": wide[:, i] for i, end in enumerate(ends)}
    if hasattr(model, "classes_"):
        chances = model.predict_proba(rows.X)
        for i, name in enumerate(model.classes_):
            said[f"probability of {name}"] = chances[:, i]
    if explain:
        said["because"] = because
    return pd.DataFrame(said)


def _numbered_rules(run: Run) -> RuleSet:
    """Return the rules as the run's report numbers them."""
    kept = run.evaluation
    if kept is None:
        return extract_rules(run.model)
    logits = kept.teacher_logits
    return extract_rules(run.model, kept.X, kept.y, teacher_logits=logits)


def _side_by_side(*frames: pd.DataFrame) -> pd.DataFrame:
    """Join frames; a name that stands before gets an underscore."""
    columns: dict[str, Any] = {}
    taken = {str(name) for frame in frames[1:2] for name in frame.columns}
    for place, frame in enumerate(frames):
        for i, name in enumerate(map(str, frame.columns)):
            free = name
            while place != 1 and free in taken | set(columns):
                free += "_"
            columns[free] = frame.iloc[:, i]
    return pd.DataFrame(columns)
