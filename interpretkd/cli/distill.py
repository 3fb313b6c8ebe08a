"""The commands that make runs: `demo` and `distill`."""

import time
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from interpretkd.cli._console import Seed, new_console, warn, watched
from interpretkd.cli._reading import (
    DateOrder,
    DecimalMark,
    Encoding,
    Sep,
    table_options,
)

if TYPE_CHECKING:
    from rich.console import Console

    from interpretkd.runs import Outcome, Task


class Data(StrEnum):
    """The data sets that come with the package."""

    connect4 = "connect4"
    german = "german"
    digits = "digits"
    mnist = "mnist"


class Student(StrEnum):
    """The families of students."""

    cart = "cart"
    scored = "scored"
    boosted = "boosted"
    linear = "linear"


class Kind(StrEnum):
    """What a target column is."""

    auto = "auto"
    classification = "classification"
    regression = "regression"


class Infinite(StrEnum):
    """What becomes of infinite values."""

    refuse = "refuse"
    missing = "missing"
    drop = "drop"


class TargetKind(StrEnum):
    """What a student is fitted to."""

    auto = "auto"
    hard = "hard"
    soft = "soft"
    logits = "logits"


Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a run that is there.")
]


def demo(
    data: Annotated[Data, typer.Option(help="Which data set.")] = Data.connect4,
    out: Annotated[
        Path, typer.Option(help="A folder for the runs and the diagram.")
    ] = Path("runs/demo"),
    max_leaves: Annotated[int, typer.Option(min=2, help="The size of the tree.")] = 16,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Train a network, distil it into three students, show what they are worth."""
    from interpretkd.drawing import save_diagram
    from interpretkd.runs import DEMO_STUDENTS, DEMOS, check_destination, run_demo

    for family in DEMO_STUDENTS:
        check_destination(out / family, overwrite=overwrite)
    diagram = out / "tree.svg"
    if diagram.exists() and not (overwrite and diagram.is_file()):
        raise ValueError(
            f"There is {str(diagram)!r} already: give another folder, or allow to "
            "replace it with --overwrite."
        )
    console = new_console()
    with watched(DEMOS[data.value].seconds) as steps:

        def tell(text: str) -> None:
            console.print(text)
            steps.begin(text)

        outcomes = run_demo(
            data.value,
            out,
            max_leaves=max_leaves,
            seed=seed,
            tell=tell,
            on_epoch=steps.part,
        )
    _show_outcomes(console, outcomes)
    rules = outcomes["cart"].found.rules
    console.print(
        f"\n[b]The {len(rules)} rules of the tree[/b], by coverage of test rows"
    )
    console.print(str(rules), markup=False, highlight=False)
    save_diagram(outcomes["cart"].model, diagram)
    runs = ", ".join(str(outcome.path) for outcome in outcomes.values())
    console.print(f"\nTree diagram: {diagram}\nRuns: {runs}")


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
    ensemble: Annotated[
        int,
        typer.Option(
            min=1,
            max=25,
            metavar="N",
            help="Train N networks that differ in their seed, and distil the mean of "
            "their probabilities (values, for regression); it takes N times as long.",
        ),
    ] = 1,
    student: Annotated[Student, typer.Option(help="Into what.")] = Student.cart,
    max_leaves: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="The leaves of a cart or scored student (16 if not given), or of all "
            "trees of a boosted one (no bound if not given).",
        ),
    ] = None,
    max_columns: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="The columns that a test of a scored student adds up (3 if not "
            "given).",
        ),
    ] = None,
    task: Annotated[Kind, typer.Option(help="What the target column is.")] = Kind.auto,
    fit_to: Annotated[
        TargetKind, typer.Option(help="What the student is fitted to.")
    ] = TargetKind.auto,
    alpha: Annotated[
        str,
        typer.Option(
            metavar="NUMBER|auto",
            help="The weight of the labels, in [0, 1]; auto compares a few on "
            "validation rows.",
        ),
    ] = "0",
    class_order: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...|@FILE",
            help="The classes in the order of an ONNX file's outputs, or a text file "
            "with one a line; sorted if not given.",
        ),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(help="A column to leave out; may be repeated.")
    ] = None,
    drop_ids: Annotated[
        bool,
        typer.Option(
            "--drop-ids", help="Leave out the columns that tell every row apart."
        ),
    ] = False,
    drop_missing_target: Annotated[
        bool,
        typer.Option(
            "--drop-missing-target", help="Leave out the rows without a target."
        ),
    ] = False,
    group: Annotated[
        str | None,
        typer.Option(
            help="A column that says which rows belong together, such as a customer: "
            "no group is both trained on and judged on. Nobody is fitted to it."
        ),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(
            help="A file of further rows to judge the run on, instead of a fifth of "
            "DATA."
        ),
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            help="A file of further rows for the student, without labels: the teacher "
            "is asked about them."
        ),
    ] = None,
    student_columns: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...|@FILE",
            help="The columns that the student may read, or a text file with one a "
            "line; all if not given. The teacher reads all.",
        ),
    ] = None,
    infinite: Annotated[
        Infinite, typer.Option(help="Infinite values: what becomes of their rows.")
    ] = Infinite.refuse,
    read_as: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            metavar="COLUMN=text|number|date",
            help="What a column is, whatever it looks like; may be repeated.",
        ),
    ] = None,
    na_values: Annotated[
        list[str] | None,
        typer.Option(help="A further word for a missing value; may be repeated."),
    ] = None,
    keep_na_words: Annotated[
        bool,
        typer.Option(
            "--keep-na-words", help='Take "NA", "null" and the like for texts.'
        ),
    ] = False,
    sep: Sep = None,
    decimal: DecimalMark = None,
    dates: DateOrder = None,
    encoding: Encoding = "utf-8",
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Distil a network trained on a table, or an ONNX file, into a saved run."""
    from interpretkd import runs
    from interpretkd.data import RowChoice

    runs.check_destination(out, overwrite=overwrite)
    weight = _weight(alpha)
    console = new_console()
    size = _size(student, max_leaves, max_columns)
    rows = runs.read_task(
        table,
        target,
        drop=drop or (),
        task=task.value,
        seed=seed,
        choice=RowChoice(
            infinite=infinite.value,
            unlabelled="drop" if drop_missing_target else "refuse",
        ),
        options=table_options(
            sep,
            decimal,
            dates,
            encoding,
            na_values=tuple(na_values or ()),
            keep_na_words=keep_na_words,
            kinds=_kinds(read_as or []),
        ),
        drop_ids=drop_ids,
        group=group,
        test=test,
        unlabelled=unlabelled,
        student_columns=_names(student_columns, "--student-columns"),
    )
    for note in rows.notes:
        warn(note)
    with watched(_seconds(rows, teacher, ensemble, student)) as steps:

        def tell(text: str) -> None:
            steps.begin(text)
            if unlabelled:
                console.print(text)

        started = time.monotonic()
        steps.begin(f"The teacher ({teacher})")
        fitted = runs.train_teacher(
            rows,
            teacher,
            n_networks=ensemble,
            class_order=_names(class_order, "--class-order") or None,
            seed=seed,
            on_epoch=steps.part,
        )
        if ensemble > 1:
            seconds = time.monotonic() - started
            console.print(f"Trained {ensemble} networks in {seconds:,.0f} s.")
        outcome = runs.distil(
            rows,
            fitted,
            runs.new_student(student.value, seed=seed, **size),
            out,
            target=fit_to.value,
            alpha=weight,
            seed=seed,
            command=context.obj,
            tell=tell,
        )
    _show_outcomes(console, {student.value: outcome})
    console.print(f"Run: {outcome.path}")


def _seconds(
    rows: "Task", teacher: str, n_networks: int, student: Student
) -> tuple[float, float, float]:
    """Say about how long teacher, student and judging take on a machine at rest."""
    n_rows, n_columns = rows.X.shape
    networks = {"mlp": 0.0004, "cnn": 0.004}
    families = {
        Student.cart: 1.0,
        Student.scored: 2.0,
        Student.boosted: 1.5,
        Student.linear: 0.5,
    }
    return (
        0.1 + n_networks * networks.get(teacher, 0.0) * n_rows,
        2.0 + families[student] * 1e-5 * n_rows * n_columns,
        1.0 + 5e-5 * n_rows,
    )


def _size(
    student: Student, max_leaves: int | None, max_columns: int | None
) -> dict[str, int]:
    """Return how large a student may be, by the names that `new_student` gives it."""
    sizes = {Student.boosted: "budget"}
    sizes |= dict.fromkeys((Student.cart, Student.scored), "max_leaves")
    size = {}
    if max_leaves is not None:
        if student not in sizes:
            raise ValueError(
                "--max-leaves is for --student cart, scored and boosted. Got --student "
                f"{student.value}."
            )
        size[sizes[student]] = max_leaves
    if max_columns is not None:
        if student is not Student.scored:
            raise ValueError(
                f"--max-columns is for --student scored. Got --student {student.value}."
            )
        size["max_columns"] = max_columns
    return size


def _kinds(told: list[str]) -> dict[str, str]:
    """Split what `--as` was told into names and kinds."""
    pairs = [text.rpartition("=") for text in told]
    for (name, _, kind), text in zip(pairs, told, strict=True):
        if not name or kind not in ("text", "number", "date"):
            raise ValueError(
                f"--as must be COLUMN=text, COLUMN=number or COLUMN=date. Got {text!r}."
            )
    return {name: kind for name, _, kind in pairs}


def _weight(told: str) -> float | Literal["auto"]:
    """Return the weight of the labels, or that it is to be chosen."""
    if told == "auto":
        return "auto"
    with suppress(ValueError):
        if 0 <= float(told) <= 1:
            return float(told)
    raise ValueError(f"--alpha must be a number in [0, 1], or auto. Got {told!r}.")


def _names(told: str | None, option: str) -> list[str]:
    """Return names from between commas or from the lines of a file; none for None."""
    if told is None:
        return []
    if told.startswith("@"):
        parts = _lines_of(Path(told[1:]), option)
    else:
        parts = told.split(",")
    names = [name.strip() for name in parts]
    while told.startswith("@") and names and not names[-1]:
        names.pop()  # editors leave empty lines at the end
    if not names or "" in names:
        got = "an empty one" if names else "none"  # [] would be as if not given
        raise ValueError(
            f"{option} must be names with commas between, or a text file with one a "
            f"line. Got {got} in {told!r}."
        )
    return names


def _lines_of(path: Path, option: str) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{option} cannot read the text file {str(path)!r}."
        ) from error


def _show_outcomes(console: "Console", outcomes: "dict[str, Outcome]") -> None:
    """Print what was measured: one line a model, and a sentence a student."""
    from rich.table import Table

    from interpretkd._base import counted

    first = next(iter(outcomes.values())).evaluation
    table = Table(
        title=f"On {counted(first.n, 'test row')} that nobody was fitted to",
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
    for member in next(iter(outcomes.values())).members:
        said = f"{member.name}, by itself: {member.measure} {member.score:.3f}"
        console.print(said, markup=False, highlight=False)
    for family, outcome in outcomes.items():
        model = outcome.model
        console.print(
            f"[b]{family}[/b] ({model.target_}): {outcome.evaluation.verdict}",
            highlight=False,
        )
        for note in (*outcome.evaluation.beside, *outcome.evaluation.cautions):
            console.print(note, markup=False, highlight=False)
