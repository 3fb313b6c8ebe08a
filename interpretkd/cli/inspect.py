"""The commands that read a run: `rules`, `tree`, `explain` and `predict`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from interpretkd.cli._console import RunFolder, warn
from interpretkd.cli._reading import (
    DateOrder,
    DecimalMark,
    Encoding,
    Sep,
    table_options,
)


class Theme(StrEnum):
    """The colours of a diagram."""

    auto = "auto"
    light = "light"
    dark = "dark"


class Order(StrEnum):
    """What rules are sorted by."""

    coverage = "coverage"
    fidelity = "fidelity"
    accuracy = "accuracy"
    lift = "lift"
    recall = "recall"
    confidence = "confidence"
    probability = "probability"
    disagreements = "disagreements"
    teacher_rmse = "teacher_rmse"
    label_rmse = "label_rmse"
    number = "number"
    conditions = "conditions"
    prediction = "prediction"
    tree = "tree"


class Unknown(StrEnum):
    """What becomes of a cell that a run cannot read."""

    error = "error"
    missing = "missing"
    skip = "skip"


OnUnknown = Annotated[
    Unknown,
    typer.Option(
        help="What becomes of a cell that cannot be read, such as a category that was "
        "not seen in training: an error, a missing value, or its row is left out."
    ),
]


class Direction(StrEnum):
    """Where a diagram grows to."""

    auto = "auto"
    down = "down"
    right = "right"


def rules(
    run: RunFolder,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Measure on these rows instead of the run's evaluation rows."
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="The column of the labels in --data.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write to a .csv, .txt, .md, .tex or .html file instead."),
    ] = None,
    order: Annotated[
        Order | None, typer.Option(help="What to sort by; coverage if not given.")
    ] = None,
    readable: Annotated[
        bool,
        typer.Option(
            "--readable",
            help="Round exact thresholds, as runs of old have them, so that none of "
            "the evaluation rows (or of --data) changes its leaf.",
        ),
    ] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="Join leaves that decide the same.")
    ] = False,
) -> None:
    """Show the rules of a run's tree; of other students what they add up."""
    from interpretkd.models import Tree
    from interpretkd.rules import extract_rules
    from interpretkd.runs import load_run

    loaded = load_run(run)
    X, y, logits, groups = _rows_to_measure(loaded, data, target)
    if not isinstance(loaded.model.student_.form_, Tree):
        if readable or merge or order is not None:
            raise ValueError(
                "--order, --readable and --merge are for the rules of a tree. Got the "
                f"run of a {type(loaded.model.student_).__name__}."
            )
        typer.echo(_sum_in_words(loaded.model, X, out))
        return
    found = extract_rules(
        loaded.model, X, y, teacher_logits=logits, merge=merge, groups=groups
    )
    if readable:
        if X is None:
            raise ValueError("--readable needs rows: give them with --data.")
        found = found.readable(X)
    found = found.sort((order or Order.coverage).value)
    if out is None:
        typer.echo(str(found))
        return
    typer.echo(f"{len(found)} rules: {found.write(out)}")


def tree(
    run: RunFolder,
    out: Annotated[
        Path, typer.Option(help="A .svg, .pdf, .png, .dot or .gv file.")
    ] = Path("tree.svg"),
    max_depth: Annotated[
        int | None, typer.Option(min=1, help="Fold what lies deeper.")
    ] = None,
    direction: Annotated[
        Direction, typer.Option(help="Where a picture grows to.")
    ] = Direction.auto,
    theme: Annotated[
        Theme | None, typer.Option(help="The colours of a picture.")
    ] = None,
    number: Annotated[
        int | None, typer.Option(min=0, help="Of boosted trees: which one, from 0.")
    ] = None,
    page_depth: Annotated[
        int | None, typer.Option(min=1, help="Of a .pdf: make pages of this depth.")
    ] = None,
) -> None:
    """Draw a run's tree."""
    from interpretkd.drawing import save_diagram
    from interpretkd.runs import load

    settings = {} if out.suffix in (".dot", ".gv") else {"direction": direction.value}
    drawn = save_diagram(
        load(run),
        out,
        max_depth=max_depth,
        theme=None if theme is None else theme.value,
        page_depth=page_depth,
        tree=number,
        **settings,
    )
    typer.echo(f"{drawn}")


def explain(
    run: RunFolder,
    row: Annotated[int, typer.Argument(min=1, help="Of the evaluation rows, from 1.")],
    immutable: Annotated[
        list[str] | None,
        typer.Option(help="A column that may not change; give it again for more."),
    ] = None,
    only_up: Annotated[
        list[str] | None,
        typer.Option(help="A column of numbers or dates that may only rise."),
    ] = None,
    only_down: Annotated[
        list[str] | None,
        typer.Option(help="A column of numbers or dates that may only fall."),
    ] = None,
) -> None:
    """Say why a run's student decides one row as it does, and what would change it."""
    from interpretkd.explain import explain_row
    from interpretkd.runs import analyse_run, load_run

    found = analyse_run(load_run(run))
    if row > len(found):
        raise ValueError(f"The row must be an integer in [1, {len(found)}]. Got {row}.")
    one = found.X[row - 1 : row]
    explained = explain_row(
        found.model,
        one,
        X=found.X,
        teacher_logits=found.answers[row - 1 : row],
        immutable=immutable or (),
        only_up=only_up or (),
        only_down=only_down or (),
    )
    typer.echo(str(explained))


def predict(
    run: RunFolder,
    table: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="A CSV or Parquet file with a header."),
    ],
    out: Annotated[Path, typer.Option(help="A .csv or .parquet file.")],
    keep: Annotated[
        list[str] | None,
        typer.Option(
            help="A column of DATA to keep beside the decisions; may be repeated. If "
            "not given, ids: columns that the run does not know and that tell every "
            "row apart."
        ),
    ] = None,
    all_columns: Annotated[
        bool, typer.Option("--all-columns", help="Keep every column of DATA.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Add the rule in words; of a tree.")
    ] = False,
    on_unknown: OnUnknown = Unknown.error,
    sep: Sep = None,
    decimal: DecimalMark = None,
    dates: DateOrder = None,
    encoding: Encoding = "utf-8",
) -> None:
    """Let a run's student decide new rows, which need only the columns it reads."""
    from interpretkd.runs import load_run, predict_table

    path, notes = predict_table(
        load_run(run),
        table,
        out,
        keep=keep,
        keep_all=all_columns,
        explain=explain,
        on_unknown=on_unknown.value,
        options=table_options(sep, decimal, dates, encoding),
    )
    for note in notes:
        warn(note)
    typer.echo(f"{path}")


def evaluate(
    run: RunFolder,
    table: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="A CSV or Parquet file with later rows."),
    ],
    target: Annotated[
        str | None,
        typer.Option(
            help="The column of the labels; if not given, that of the training, where "
            "DATA has it."
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="The column that says which rows belong together; if not given, that "
            "of the training, where DATA has it."
        ),
    ] = None,
    on_unknown: OnUnknown = Unknown.error,
    out: Annotated[
        Path | None, typer.Option(help="Write all that was measured to a .json file.")
    ] = None,
    sep: Sep = None,
    decimal: DecimalMark = None,
    dates: DateOrder = None,
    encoding: Encoding = "utf-8",
) -> None:
    """Say whether a run is still as faithful, on later rows, as when it was signed."""
    from interpretkd.runs import load_run, recheck_table

    loaded = load_run(run)
    found = recheck_table(
        loaded,
        table,
        target,
        group=group,
        on_unknown=on_unknown.value,
        options=table_options(sep, decimal, dates, encoding),
    )
    if out is not None:
        _write_json(out, found.to_dict())
    typer.echo(str(found))


def _write_json(out: Path, values: dict[str, Any]) -> None:
    import json

    from interpretkd._base import write_atomically

    if out.suffix.lower() != ".json":
        raise ValueError(f"What was measured is written to a .json file. Got {out!s}.")
    write_atomically(out, json.dumps(values, indent=1, allow_nan=False).encode())


def _sum_in_words(model: Any, X: Any, out: Path | None) -> str:
    """Say what boosted trees or coefficients add up; write it as a table if asked."""
    from interpretkd._base import csv_text, write_atomically
    from interpretkd.explain import linear_terms, shape_effects
    from interpretkd.models import Linear

    if X is None:
        raise ValueError("This student is a sum over rows: give them with --data.")
    is_linear = isinstance(model.student_.form_, Linear)
    found: Any = linear_terms(model, X) if is_linear else shape_effects(model, X)
    if out is None:
        return str(found)
    if out.suffix.lower() != ".csv":
        raise ValueError(
            f"What a sum of effects adds is written to a .csv file. Got {out.name!r}."
        )
    table = found.table if is_linear else found.to_frame()
    write_atomically(out, csv_text(table).encode())
    return f"{len(table)} lines: {out}"


def _rows_to_measure(
    loaded: Any, data: Path | None, target: str | None
) -> tuple[Any, Any, Any, Any]:
    """Return rows, labels, the teacher's logits (None: it has to be asked), groups."""
    from interpretkd.runs import read_rows_for, take_labels, take_rows_for

    if data is not None:
        read = read_rows_for(loaded.model, data, target=target, about=loaded.about)
        for note in read.notes:
            warn(note)
        labels = take_labels(loaded.model, read.frame, target)
        return take_rows_for(loaded.model, read.frame), labels, None, None
    kept = loaded.evaluation
    if kept is None:
        return None, None, None, None
    return kept.X, kept.y, kept.answers, kept.groups
