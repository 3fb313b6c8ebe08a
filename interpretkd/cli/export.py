"""The commands that write a run for others: `export` and `report`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from interpretkd.cli._console import RunFolder, warn, watched


class Format(StrEnum):
    """What a student is exported to."""

    sql = "sql"
    python = "python"
    c = "c"
    json = "json"
    onnx = "onnx"
    pmml = "pmml"
    dot = "dot"
    csv = "csv"


class Dialect(StrEnum):
    """The databases that SQL is written for."""

    sqlite = "sqlite"
    postgresql = "postgresql"
    duckdb = "duckdb"


def export(
    run: RunFolder,
    to: Annotated[
        Format, typer.Option("--to", help="The language. A tree alone: csv, dot.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="The file; else student.ENDING.")
    ] = None,
    dialect: Annotated[Dialect, typer.Option(help="Of SQL.")] = Dialect.sqlite,
    table: Annotated[
        str, typer.Option(help="Of SQL: the table with the rows, or SCHEMA.TABLE.")
    ] = "rows",
    keep: Annotated[
        list[str] | None,
        typer.Option(
            help="Of SQL: a column of the table to keep beside the predictions, such "
            "as an id; may be repeated. If not given, those that the student reads."
        ),
    ] = None,
) -> None:
    """Write a run's student in another language, if it decides the same."""
    from interpretkd.export import export_student as written
    from interpretkd.runs import NOTES_FACT, load_run

    loaded = load_run(run)
    unit = loaded.about.get(NOTES_FACT)
    if unit:  # 12 % was read as 12: where it is 0.12, the statement is wrong
        warn(f"It reads columns as training read them. {unit}")
    rows = None if loaded.evaluation is None else loaded.evaluation.X
    made = written(
        loaded.model,
        to.value,
        rows,
        dialect=dialect.value,
        table=table,
        keep=keep or None,
    )
    typer.echo(f"{made.write(out or Path(f'student.{made.ending}'))}: {made}")


def report(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="A .html, .md, .json or .pdf file.")] = Path(
        "report.html"
    ),
    info: Annotated[
        Path | None,
        typer.Option(help="A YAML file that fills the free sections."),
    ] = None,
    examples: Annotated[
        bool, typer.Option("--examples", help="Show single rows of the data, too.")
    ] = False,
    refits: Annotated[
        int, typer.Option(min=0, help="Students fitted anew for the stability; or 0.")
    ] = 5,
) -> None:
    """Write all that is known of a run into one file, for a person to sign."""
    from interpretkd.reports import read_info, report_on
    from interpretkd.runs import analyse_run, load_run

    told = {} if info is None else read_info(info)
    with watched([1.0, 4.0 + 2.0 * refits, 1.0]) as steps:
        steps.begin("Opening the run")
        found = analyse_run(load_run(run))
        steps.begin("Measuring")
        made = report_on(
            found, info=told, examples=examples, n_refits=refits, on_section=steps.part
        )
        steps.begin("Writing")
        written = made.write(out)
    typer.echo(f"{written}")
