"""The command line: parse, call the library, print.

Exit codes: 0 good; 1 something the user gave cannot be used, in one line on stderr; 2
wrong usage. Everything heavy is imported inside the commands, so that ``--help`` is
quick.
"""

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interpretkd import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from interpretkd.runs import Outcome

__all__ = ["app", "main"]

app = typer.Typer(
    name="interpretkd",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Distil a neural network into a small model that people can read, and show "
    "how far it can be trusted.",
)


class Data(StrEnum):
    """The data sets that come with the package."""

    connect4 = "connect4"
    german = "german"
    digits = "digits"
    mnist = "mnist"


class Student(StrEnum):
    """The families of students."""

    cart = "cart"
    boosted = "boosted"
    linear = "linear"


class Kind(StrEnum):
    """What a target column is."""

    auto = "auto"
    classification = "classification"
    regression = "regression"


class TargetKind(StrEnum):
    """What a student is fitted to."""

    auto = "auto"
    hard = "hard"
    soft = "soft"
    logits = "logits"


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


class Theme(StrEnum):
    """The colours of a diagram."""

    auto = "auto"
    light = "light"
    dark = "dark"


class Direction(StrEnum):
    """Where a diagram grows to."""

    auto = "auto"
    down = "down"
    right = "right"


class Dialect(StrEnum):
    """The databases that SQL is written for."""

    sqlite = "sqlite"
    postgresql = "postgresql"
    duckdb = "duckdb"


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")]
Seed = Annotated[int, typer.Option(min=0, help="Of splits, networks and students.")]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        What stands behind the program's name; None takes it from the process.

    Raises
    ------
    SystemExit
        Always, with the exit code.
    """
    try:
        typed = sys.argv[1:] if arguments is None else arguments
        app(arguments, obj=shlex.join(["interpretkd", *typed]))
    except (ValueError, OSError) as error:  # InputError and the library's own errors
        text = " ".join(str(error).split())
        typer.echo(f"Error: {text}", err=True)
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


@app.command()
def demo(
    data: Annotated[Data, typer.Option(help="Which data set.")] = Data.connect4,
    out: Annotated[
        Path, typer.Option(help="A folder for the runs and the diagram.")
    ] = Path("runs/demo"),
    max_leaves: Annotated[int, typer.Option(min=2, help="The size of the tree.")] = 16,
    seed: Seed = 0,
) -> None:
    """Train a network, distil it into three students, show what they are worth."""
    from interpretkd.demo import run_demo
    from interpretkd.plotting import save_diagram

    console = _console()
    outcomes = run_demo(
        data.value,
        out,
        max_leaves=max_leaves,
        seed=seed,
        verbose=console.is_terminal,
        tell=console.print,
    )
    _show_outcomes(console, outcomes)
    rules = outcomes["cart"].found.rules
    console.print(
        f"\n[b]The {len(rules)} rules of the tree[/b], by coverage of test rows"
    )
    console.print(str(rules), markup=False, highlight=False)
    diagram = save_diagram(outcomes["cart"].model, out / "tree.svg")
    console.print(
        f"\nTree diagram: {diagram}\nRuns: {', '.join(map(str, _paths(outcomes)))}"
    )


@app.command()
def distill(
    context: typer.Context,
    table: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="A CSV or Parquet file with a header."),
    ],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    teacher: Annotated[
        str, typer.Option(metavar="mlp|cnn|MODEL.onnx", help="What to distil.")
    ] = "mlp",
    student: Annotated[Student, typer.Option(help="Into what.")] = Student.cart,
    max_leaves: Annotated[
        int, typer.Option(min=2, help="The size of a cart student.")
    ] = 16,
    task: Annotated[Kind, typer.Option(help="What the target column is.")] = Kind.auto,
    fit_to: Annotated[
        TargetKind, typer.Option(help="What the student is fitted to.")
    ] = TargetKind.auto,
    alpha: Annotated[
        float, typer.Option(min=0, max=1, help="The weight of the labels.")
    ] = 0.0,
    drop: Annotated[
        list[str] | None, typer.Option(help="A column to leave out; may be repeated.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Distil a network trained on a table, or an ONNX file, into a saved run."""
    from interpretkd import runs

    console = _console()
    rows = runs.read_task(table, target, drop=drop or (), task=task.value, seed=seed)
    fitted = runs.train_teacher(rows, teacher, seed=seed, verbose=console.is_terminal)
    outcome = runs.distil(
        rows,
        fitted,
        runs.new_student(student.value, max_leaves=max_leaves, seed=seed),
        out,
        target=fit_to.value,
        alpha=alpha,
        seed=seed,
        command=context.obj,
    )
    _show_outcomes(console, {student.value: outcome})
    console.print(f"Run: {outcome.path}")


@app.command()
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
        str, typer.Option(help="coverage, fidelity, accuracy, lift, tree, ...")
    ] = "coverage",
    readable: Annotated[
        bool, typer.Option("--readable", help="Round the thresholds; no row moves.")
    ] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="Join leaves that decide the same.")
    ] = False,
) -> None:
    """Show the rules of a run's tree; of other students what they add up."""
    from interpretkd.persistence import load_run
    from interpretkd.rules import extract_rules
    from interpretkd.trees import Tree

    loaded = load_run(run)
    X, y, logits = _rows_to_measure(loaded, data, target)
    if not isinstance(loaded.model.student_.form_, Tree):
        typer.echo(_sum_in_words(loaded.model, X, out))
        return
    found = extract_rules(loaded.model, X, y, teacher_logits=logits, merge=merge)
    if readable:
        if X is None:
            raise ValueError("--readable needs rows: give them with --data.")
        found = found.readable(X)
    found = found.sort(order)
    if out is None:
        typer.echo(str(found))
        return
    typer.echo(f"{len(found)} rules: {found.write(out)}")


@app.command()
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
    from interpretkd.persistence import load
    from interpretkd.plotting import save_diagram

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


@app.command()
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
        str, typer.Option(help="Of SQL: the table with the rows.")
    ] = "rows",
) -> None:
    """Write a run's student in another language, if it decides the same."""
    from interpretkd.export import export as written
    from interpretkd.persistence import load_run

    loaded = load_run(run)
    rows = None if loaded.evaluation is None else loaded.evaluation.X
    made = written(loaded.model, to.value, rows, dialect=dialect.value, table=table)
    typer.echo(f"{made.write(out or Path(f'student.{made.ending}'))}: {made}")


@app.command()
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
    from interpretkd.analysis import analyse_run
    from interpretkd.info import read_info
    from interpretkd.persistence import load_run
    from interpretkd.report import report_on

    told = {} if info is None else read_info(info)
    found = analyse_run(load_run(run))
    made = report_on(found, info=told, examples=examples, n_refits=refits)
    typer.echo(f"{made.write(out)}")


@app.command()
def explain(
    run: RunFolder,
    row: Annotated[int, typer.Argument(min=1, help="Of the evaluation rows, from 1.")],
) -> None:
    """Say why a run's student decides one row as it does, and what would change it."""
    from interpretkd.analysis import analyse_run
    from interpretkd.explanations import explain_row
    from interpretkd.persistence import load_run

    found = analyse_run(load_run(run))
    if row > len(found):
        raise ValueError(f"The row must be an integer in [1, {len(found)}]. Got {row}.")
    one = found.X[row - 1 : row]
    logits = found.teacher_logits[row - 1 : row]
    typer.echo(str(explain_row(found.model, one, X=found.X, teacher_logits=logits)))


@app.command()
def predict(
    run: RunFolder,
    table: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="A CSV or Parquet file with a header."),
    ],
    out: Annotated[Path, typer.Option(help="A .csv or .parquet file.")],
) -> None:
    """Let a run's student decide new rows."""
    from interpretkd.persistence import load
    from interpretkd.tables import predict_table

    typer.echo(f"{predict_table(load(run), table, out)}")


@app.command("app")
def studio(
    run: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="The run to open.")
    ] = None,
    runs: Annotated[
        Path, typer.Option(help="A folder: its runs are offered, new ones made there.")
    ] = Path("runs"),
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Else the first free one from 8501 on."),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only say where the app is.")
    ] = False,
) -> None:
    """Explore runs in the browser, or train one there; on this machine alone."""
    from interpretkd.studio import find_studio, open_studio

    try:
        find_studio()
    except ValueError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(open_studio(run, shelf=runs, port=port, browser=not no_browser))


@app.command()
def bench(
    name: Annotated[
        str,
        typer.Argument(
            metavar="seeds|trees|boosted|rules|speed|studio",
            help="Which benchmark.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="A folder for the JSON and Markdown.")
    ] = Path("runs/bench"),
    data: Annotated[
        Path | None,
        typer.Option(
            help='Further sets for "trees": CSV files with a column "target".'
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer seeds, depths and epochs: a trial.")
    ] = False,
) -> None:
    """Run a benchmark.

    "seeds" is the seed paper's headline, on MNIST and Connect-4; "trees" compares small
    trees with those of other packages; "boosted" compares ways to spend a budget of
    leaves on boosted trees; "rules" times and checks rules, diagrams and exports;
    "speed" measures seconds and memory; "studio" those of the app.
    """
    from interpretkd.benchmarks import run_benchmark

    run_benchmark(name, out, data=data, quick=quick, console=_console())


def _console() -> "Console":
    from rich.console import Console

    found = Console(soft_wrap=True)
    if not found.is_terminal:  # a file or a pipe has no width of its own
        found = Console(soft_wrap=True, width=120)
    return found


def _paths(outcomes: "dict[str, Outcome]") -> list[Path]:
    return [outcome.path for outcome in outcomes.values()]


def _sum_in_words(model: Any, X: Any, out: Path | None) -> str:
    """Say what boosted trees or coefficients add up; write it as a table if asked."""
    from interpretkd._files import csv_text, write_atomically
    from interpretkd.effects import shape_effects
    from interpretkd.linear import Linear
    from interpretkd.terms import contributions

    if X is None:
        raise ValueError("This student is a sum over rows: give them with --data.")
    is_linear = isinstance(model.student_.form_, Linear)
    found: Any = contributions(model, X) if is_linear else shape_effects(model, X)
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
) -> tuple[Any, Any, Any]:
    """Return rows, labels and the teacher's logits (None: it has to be asked)."""
    from interpretkd.tables import read_table, take_labels, take_rows_for

    if data is not None:
        wanted = [*loaded.model.schema_.names, *([target] if target else [])]
        table = read_table(data, only=wanted)
        labels = take_labels(loaded.model, table, target)
        return take_rows_for(loaded.model, table), labels, None
    kept = loaded.evaluation
    return (None, None, None) if kept is None else (kept.X, kept.y, kept.teacher_logits)


def _show_outcomes(console: "Console", outcomes: "dict[str, Outcome]") -> None:
    """Print what was measured: one line a model, and a sentence a student."""
    from rich.table import Table

    first = next(iter(outcomes.values())).evaluation
    table = Table(
        title=f"On {first.n:,} test rows that nobody was fitted to",
        caption="score: distillation score by parameters, best near 0",
    )
    divergences = ("KL (nats)", "R2 of logits")
    shown = [name for name in first.to_text().columns if name not in divergences]
    table.add_column("", no_wrap=True)
    for name in [*shown, "score"]:
        table.add_column(str(name), justify="right", no_wrap=True)
    table.add_row("teacher", *first.to_text().loc["teacher", shown], "")
    for family, outcome in outcomes.items():
        score = outcome.evaluation.distillation_score["parameters"]
        for role, row in outcome.evaluation.to_text()[shown].drop("teacher").iterrows():
            last = f"{score:.3f}" if role == "student" and score is not None else ""
            table.add_row(f"{family} {role}", *row, last)
    console.print(table)
    for family, outcome in outcomes.items():
        model = outcome.model
        console.print(
            f"[b]{family}[/b] ({model.target_}): {outcome.evaluation.verdict}",
            highlight=False,
        )
