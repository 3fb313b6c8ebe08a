"""From a table to a saved run: what the command line and the app do.

Every run is made the same way. The rows are split, seeded and stratified, into 64 %
that train the teacher, 16 % more for the student (`transfer`) and 20 % for judging
(`test`). The student is fitted to the first two; every number that is shown was
measured on the last, which neither has seen.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator

from interpretkd._base import InputError, check_choice
from interpretkd.data import (
    ReadTable,
    RowChoice,
    Schema,
    Split,
    TableOptions,
    choose_rows,
    counter_notes,
    id_columns,
    open_table,
    refuse_columns,
    split_rows,
    split_target,
)
from interpretkd.datasets import Dataset
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.evaluation import Analysis, Evaluation, analyse
from interpretkd.runs._bundle import save
from interpretkd.runs._reading import reading_facts
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.teachers import (
    BatchPlan,
    CNNRegressorTeacher,
    CNNTeacher,
    MLPRegressorTeacher,
    MLPTeacher,
    OnnxTeacher,
)

STUDENTS = ("cart", "boosted", "linear")

_NETWORKS: Mapping[tuple[str, str], Any] = {
    ("mlp", "multiclass"): MLPTeacher,
    ("mlp", "regression"): MLPRegressorTeacher,
    ("cnn", "multiclass"): CNNTeacher,
    ("cnn", "regression"): CNNRegressorTeacher,
}


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
    """

    name: str
    X: pd.DataFrame
    y: NDArray[Any]
    kind: str
    split: Split
    about: Mapping[str, str | int | float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def student_rows(self) -> NDArray[np.int64]:
        """The rows that the student is fitted to: train and transfer."""
        return np.concatenate([self.split.train, self.split.transfer])


@dataclass(frozen=True, eq=False)
class Outcome:
    """A saved run and what was measured on its test rows.

    Parameters
    ----------
    found : Analysis
        The fitted model on the test rows, evaluated.
    path : Path
        The run's folder.
    """

    found: Analysis
    path: Path

    @property
    def model(self) -> DistilledClassifier | DistilledRegressor:
        """The fitted model."""
        model: DistilledClassifier | DistilledRegressor = self.found.model
        return model

    @property
    def evaluation(self) -> Evaluation:
        """Fidelity, accuracy and sizes on the test rows."""
        return self.found.evaluation


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

    Returns
    -------
    Task
        The rows, with texts as categories.

    Raises
    ------
    InputError
        For anything in the table that cannot be used.
    """
    check_choice("read_task", "task", task, ("auto", "classification", "regression"))
    told = TableOptions() if options is None else options
    table = open_table(path, drop=drop, options=told)
    ids = tuple(id_columns(table.frame, target)) if drop_ids else ()
    table = _without(table, ids)
    refuse_columns(table.problems)
    rows, facts = choose_rows(table.frame, target, choice or RowChoice(), seed=seed)
    try:
        X, y, kind = split_target(rows, target, task=task)
    except InputError as error:
        raise InputError(_with_words(str(error), target, table.notes)) from error
    notes = (*table.notes, *counter_notes(X))
    known: Any = Schema.from_data(X).conform(X)
    strata = None if kind == "regression" else y
    split = split_rows(len(y), strata, seed)
    about: dict[str, str | int | float] = {
        "data": Path(path).name if name is None else name,
        "data SHA-256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        "target": target,
        "columns left out": ", ".join((*drop, *ids)) or "none",
        **facts,
        **reading_facts(table, told, notes),
        **_split_facts(split, seed),
    }
    return Task(str(about["data"]), known, y, kind, split, about, notes)


def _with_words(said: str, target: str, notes: tuple[str, ...]) -> str:
    """Add to what is said of a target with gaps which words were taken for them."""
    if not said.startswith(f"The target {target!r} is missing"):
        return said
    start = f"Column {target!r}"
    words = [n for n in notes if n.startswith(start) and "read as missing" in n]
    return " ".join([said, *words])


def _without(table: ReadTable, names: Sequence[str]) -> ReadTable:
    """Leave columns out, with all that was said of them."""
    if not names:
        return table
    starts = tuple(f"Column {name!r}" for name in names)
    said = f"Left out, since they tell every row apart: {', '.join(map(repr, names))}."
    return ReadTable(
        table.frame.drop(columns=list(names)),
        (*(note for note in table.notes if not note.startswith(starts)), said),
        {name: text for name, text in table.problems.items() if name not in names},
        {name: text for name, text in table.formats.items() if name not in names},
    )


def task_of(dataset: Dataset, *, seed: int = 0) -> Task:
    """Return one of the shipped data sets as a task.

    Parameters
    ----------
    dataset : Dataset
        What one of the loaders returned.
    seed : int, default=0
        Of the split.

    Returns
    -------
    Task
        Its rows and their split.
    """
    split = dataset.split(seed)
    about: dict[str, str | int | float] = {
        "data": dataset.name,
        "data source": dataset.source,
        "data licence": dataset.licence,
        "data SHA-256": _values_hash(dataset),
        **_split_facts(split, seed),
    }
    return Task(dataset.name, dataset.data, dataset.target, "multiclass", split, about)


def _split_facts(split: Split, seed: int) -> dict[str, int]:
    return {
        "rows that trained the teacher": len(split.train),
        "further rows for the student": len(split.transfer),
        "rows held out": len(split.test),
        "seed of the split": seed,
    }


def _values_hash(dataset: Dataset) -> str:
    """Return the hash of all values, whatever file they were read from."""
    rows = pd.util.hash_pandas_object(dataset.data, index=False).to_numpy()
    labels = pd.util.hash_array(np.asarray(dataset.target))
    return hashlib.sha256(rows.tobytes() + labels.tobytes()).hexdigest()


def train_teacher(
    task: Task,
    teacher: str = "mlp",
    *,
    seed: int = 0,
    verbose: bool = False,
    on_epoch: Callable[[float, int], object] | None = None,
    **settings: Any,
) -> Any:
    """Train a network on the task's training rows, or open an ONNX file.

    Parameters
    ----------
    task : Task
        The rows.
    teacher : str, default="mlp"
        "mlp", "cnn", or the path of an .onnx file.
    seed : int, default=0
        Of the network.
    verbose : bool, default=False
        Whether to show progress.
    on_epoch : callable, default=None
        Called after every step with the epochs that are done, parts of one included,
        and the most there will be; training may end before.
    **settings
        Parameters of the network.

    Returns
    -------
    estimator
        A fitted teacher.

    Raises
    ------
    InputError
        For any other teacher.
    """
    if teacher.lower().endswith(".onnx"):
        kind = "values" if task.kind == "regression" else "auto"
        classes = None if task.kind == "regression" else np.unique(task.y)
        return OnnxTeacher(teacher, task=task.kind, classes=classes, output=kind)
    if (teacher, task.kind) not in _NETWORKS:
        raise InputError(
            f"The teacher must be 'mlp', 'cnn' or an .onnx file. Got {teacher!r}."
        )
    network = _NETWORKS[teacher, task.kind]
    rows = task.split.train
    estimator = network(random_state=seed, verbose=verbose, **settings)
    with _counting_steps(estimator, len(rows), on_epoch):
        return estimator.fit(task.X.iloc[rows], task.y[rows])


@contextlib.contextmanager
def _counting_steps(
    network: Any, n_rows: int, on_epoch: Callable[[float, int], object] | None
) -> Iterator[None]:
    """Count the optimizer's steps, which torch tells, as parts of an epoch."""
    if on_epoch is None:
        yield
        return
    from torch.optim.optimizer import register_optimizer_step_post_hook

    plan = BatchPlan(max_epochs=network.max_epochs, batch_size=network.batch_size)
    held_out = round(network.validation_fraction * n_rows)
    n_batches = plan.n_batches(max(n_rows - held_out, 2))
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1
        on_epoch(min(steps / n_batches, plan.max_epochs), plan.max_epochs)

    hook = register_optimizer_step_post_hook(count)
    try:
        yield
    finally:
        hook.remove()


def distil(
    task: Task,
    teacher: Any,
    student: Any,
    path: str | os.PathLike[str],
    *,
    target: str = "auto",
    alpha: float = 0.0,
    seed: int = 0,
    command: str | None = None,
    tell: Callable[[str], object] = lambda _: None,
) -> Outcome:
    """Distil a teacher into a student, judge it on the test rows, save the run.

    Parameters
    ----------
    task : Task
        The rows.
    teacher : estimator
        A fitted teacher.
    student : regressor
        One of our students.
    path : str or path
        The run's folder.
    target : {"auto", "hard", "soft", "logits"}, default="auto"
        What the student is fitted to; passed over for regression.
    alpha : float, default=0.0
        In [0, 1]: the weight of the labels in the targets.
    seed : int, default=0
        Of the validation part, a tenth of the rows.
    command : str or None, default=None
        What the user typed, kept with the run so that it can be made again.
    tell : callable, default does nothing
        Called with a line of text before each step.

    Returns
    -------
    Outcome
        The model, what was measured, and where it was saved.
    """
    frozen = FrozenEstimator(teacher)
    common = {"alpha": alpha, "validation_fraction": 0.1, "random_state": seed}
    model: Any
    if task.kind == "regression":
        model = DistilledRegressor(frozen, student, **common)
    else:
        model = DistilledClassifier(frozen, student, target=target, **common)
    tell(f"Fitting the student and its baseline to {len(task.student_rows):,} rows")
    model.fit(task.X.iloc[task.student_rows], task.y[task.student_rows])
    tell(f"Judging on {len(task.split.test):,} rows that neither has seen")
    test = task.split.test
    X, y = task.X.iloc[test], task.y[test]
    about = dict(task.about) | ({"command": command} if command else {})
    found = analyse(model, X, y, about=about)
    _ = found.evaluation  # what cannot be judged is not saved
    said = found.teacher_logits
    return Outcome(found, save(model, path, X, y, teacher_logits=said, about=about))


def new_student(
    name: str,
    *,
    max_leaves: int = 16,
    budget: int | None = None,
    max_terms: int | None = None,
    seed: int = 0,
) -> Any:
    """Return a student by the name that the command line gives it.

    Parameters
    ----------
    name : {"cart", "boosted", "linear"}
        The family.
    max_leaves : int, default=16
        In [2, inf): the size of a "cart" student.
    budget : int or None, default=None
        In [2, inf): the leaves of all trees of a "boosted" student; None for no bound.
    max_terms : int or None, default=None
        In [1, inf): the columns that a "linear" student uses; None for all.
    seed : int, default=0
        Of "cart" and "boosted".

    Returns
    -------
    regressor
        The student, not fitted.
    """
    check_choice("new_student", "name", name, STUDENTS)
    if name == "cart":
        return CartStudent(max_leaves, random_state=seed)
    if name == "boosted":
        return BoostedStudent(max_leaves=budget, random_state=seed)
    return LinearStudent(max_terms=max_terms)
