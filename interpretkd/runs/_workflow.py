"""From a table to a saved run: what the command line and the app do.

Every run is made the same way. The student is fitted to the rows that trained the
teacher (`train`) and to more (`transfer`); every number that is shown was measured on
others (`test`), which neither has seen. Which are which: `_task.py`.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from sklearn.frozen import FrozenEstimator

from interpretkd._base import InputError, check_choice, check_integer, one_line
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.evaluation import Analysis, Evaluation, analyse
from interpretkd.methods import Columns
from interpretkd.runs._bundle import save
from interpretkd.runs._destination import check_destination
from interpretkd.runs._task import Task
from interpretkd.students import (
    BoostedStudent,
    CartStudent,
    LinearStudent,
    ScoredTreeStudent,
)
from interpretkd.targets import classes_as_named, classes_in_order
from interpretkd.teachers import (
    BatchPlan,
    CNNRegressorTeacher,
    CNNTeacher,
    EnsembleTeacher,
    MLPRegressorTeacher,
    MLPTeacher,
    OnnxTeacher,
)

STUDENTS = ("cart", "scored", "boosted", "linear")
MOST_NETWORKS = 25
"""Networks of one ensemble."""

_OnEpoch: TypeAlias = Callable[[float, int], object]

_NETWORKS: Mapping[tuple[str, str], Any] = {
    ("mlp", "multiclass"): MLPTeacher,
    ("mlp", "regression"): MLPRegressorTeacher,
    ("cnn", "multiclass"): CNNTeacher,
    ("cnn", "regression"): CNNRegressorTeacher,
}


@dataclass(frozen=True)
class Member:
    """One network of an ensemble, by itself.

    Parameters
    ----------
    name : str
        Its kind and its seed.
    score : float
        On the test rows.
    measure : {"accuracy", "R2"}
        What the score is: R2 of the values, for regression.
    """

    name: str
    score: float
    measure: str


@dataclass(frozen=True, eq=False)
class Outcome:
    """A saved run and what was measured on its test rows.

    Parameters
    ----------
    found : Analysis
        The fitted model on the test rows, evaluated.
    path : Path
        The run's folder.
    members : tuple of Member, default=()
        The networks of an ensemble, one by one.
    """

    found: Analysis
    path: Path
    members: tuple[Member, ...] = ()

    @property
    def model(self) -> DistilledClassifier | DistilledRegressor:
        """The fitted model."""
        model: DistilledClassifier | DistilledRegressor = self.found.model
        return model

    @property
    def evaluation(self) -> Evaluation:
        """Fidelity, accuracy and sizes on the test rows."""
        return self.found.evaluation


def _members_of(teacher: Any, task: Task) -> tuple[Member, ...]:
    """Judge the networks of an ensemble, each by itself."""
    if not isinstance(teacher, EnsembleTeacher):
        return ()
    test = task.split.test
    X, y = task.X.iloc[test], task.y[test]
    measure = "R2" if task.kind == "regression" else "accuracy"
    return tuple(
        Member(
            f"{type(one).__name__}, seed {one.random_state}",
            float(one.score(X, y)),
            measure,
        )
        for one in teacher.estimators_
    )


def _member_facts(members: tuple[Member, ...]) -> dict[str, str]:
    if not members:
        return {}
    scores = ", ".join(f"{member.score:.3f}" for member in members)
    return {
        "networks of the teacher": f"{len(members)}, which differ in their seed",
        f"{members[0].measure} of each network": scores,
    }


def train_teacher(
    task: Task,
    teacher: str = "mlp",
    *,
    n_networks: int = 1,
    class_order: Sequence[str] | None = None,
    seed: int = 0,
    verbose: bool = False,
    on_epoch: _OnEpoch | None = None,
    **settings: Any,
) -> Any:
    """Train a network on the task's training rows, or open an ONNX file.

    Parameters
    ----------
    task : Task
        The rows.
    teacher : str, default="mlp"
        "mlp", "cnn", or the path of an .onnx file.
    n_networks : int, default=1
        In [1, 25]: of several, which differ in their seeds, the probabilities are
        averaged (the values, for regression). It takes so many times as long.
    class_order : sequence of str, default=None
        The classes in the order of an .onnx file's outputs; None for those of the
        task, sorted: numbers by their value, texts by their letters.
    seed : int, default=0
        Of the network, and of several the first one's.
    verbose : bool, default=False
        Whether to show progress.
    on_epoch : callable, default=None
        Called after every step with the epochs that are done, parts of one included,
        and the most there will be, of all networks; training may end before.
    **settings
        Parameters of the network.

    Returns
    -------
    estimator
        A fitted teacher.

    Raises
    ------
    InputError
        For any other teacher; for an order without every class, or for what knows its
        classes or has none; for several ONNX files, and for some columns of images.
    """
    check_integer("train_teacher", "n_networks", n_networks, 1, MOST_NETWORKS)
    is_file = teacher.lower().endswith(".onnx")
    if class_order is not None and (not is_file or task.kind == "regression"):
        raise InputError(
            "An order of the classes is for the outputs of an .onnx file that "
            f"classifies. Got the teacher {teacher!r} for a {task.kind} task."
        )
    if is_file and n_networks > 1:
        raise InputError(
            "Several networks that differ in their seeds are trained here. Got the "
            f"teacher {teacher!r}, which is trained."
        )
    if is_file:
        return _open_file(teacher, task, class_order)
    if (teacher, task.kind) not in _NETWORKS:
        raise InputError(
            f"The teacher must be 'mlp', 'cnn' or an .onnx file. Got {teacher!r}."
        )
    if teacher == "cnn" and task.student_columns:
        raise InputError(
            "The columns that a student may read are for tables. Got the teacher "
            "'cnn', which reads images."
        )
    network = _NETWORKS[teacher, task.kind]

    def train(i: int) -> Any:
        one = network(random_state=seed + i, verbose=verbose, **settings)
        return _trained(one, task, _as_part(on_epoch, i, n_networks))

    networks = [train(i) for i in range(n_networks)]
    if n_networks == 1:
        return networks[0]
    how = "logits" if task.kind == "regression" else "probabilities"
    return EnsembleTeacher(networks, how=how)


def _trained(network: Any, task: Task, on_epoch: _OnEpoch | None) -> Any:
    rows = task.split.train
    groups = None if task.groups is None else task.groups[rows]
    with _counting_steps(network, len(rows), on_epoch):
        return network.fit(task.X.iloc[rows], task.y[rows], groups=groups)


def _as_part(on_epoch: _OnEpoch | None, i: int, n: int) -> _OnEpoch | None:
    """Count the epochs of one network among those of all."""
    if on_epoch is None or n == 1:
        return on_epoch
    return lambda done, most: on_epoch(i * most + done, n * most)


def _open_file(path: str, task: Task, class_order: Sequence[str] | None) -> OnnxTeacher:
    """Open an ONNX file; its outputs have no names, so their order is told."""
    if task.kind == "regression":
        return OnnxTeacher(path, task=task.kind, output="values")
    if class_order is None:
        classes = classes_in_order(task.y)
    else:
        classes = classes_as_named(class_order, task.y)
    file = OnnxTeacher(path, task=task.kind)
    n_outputs = None
    with contextlib.suppress(InputError, AttributeError):  # it does not always tell
        n_outputs = len(file.classes_)
    if n_outputs not in (None, len(classes)):
        told = ", ".join(one_line(str(name)) for name in classes.tolist()[:10])
        raise InputError(
            f"The ONNX file {path!r} has {n_outputs} outputs, and there are "
            f"{len(classes)} classes ({told}{', ...' if len(classes) > 10 else ''}): "
            "name them all, in the order of the outputs, with class_order "
            "(--class-order)."
        )
    return file.set_params(classes=classes)


@contextlib.contextmanager
def _counting_steps(
    network: Any, n_rows: int, on_epoch: _OnEpoch | None
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
    alpha: float | Literal["auto"] = 0.0,
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
    alpha : float or "auto", default=0.0
        In [0, 1]: the weight of the labels in the targets; "auto" compares a few on the
        validation part.
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

    Raises
    ------
    InputError
        Before the student is fitted where the run cannot be saved; a run that is there
        is replaced.
    """
    check_destination(path, overwrite=True)
    frozen = FrozenEstimator(teacher)
    common: dict[str, Any] = {"alpha": alpha, "validation_fraction": 0.1}
    common |= {"random_state": seed, "view": _view(task)}
    model: Any
    if task.kind == "regression":
        model = DistilledRegressor(frozen, student, **common)
    else:
        model = DistilledClassifier(frozen, student, target=target, **common)
    tell(f"Fitting the student and its baseline to {_rows_text(task)}")
    own, groups = task.student_rows, task.groups
    is_file = isinstance(teacher, OnnxTeacher)  # who knows what it was fitted to
    model.fit(
        task.X.iloc[own],
        task.y[own],
        task.unlabelled,
        groups=None if groups is None else groups[own],
        teacher_rows=None if is_file else np.isin(own, task.split.train),
    )
    tell(f"Judging on {len(task.split.test):,} rows that neither has seen")
    test = task.split.test
    X, y = task.X.iloc[test], task.y[test]
    members = _members_of(teacher, task)
    about = dict(task.about) | _member_facts(members)
    about |= {"command": command} if command else {}
    judged = None if groups is None else groups[test]
    found = analyse(model, X, y, about=about, groups=judged)
    _ = found.evaluation  # what cannot be judged is not saved
    kept: Any = {"teacher_logits": found.answers, "about": about, "groups": judged}
    return Outcome(found, save(model, path, X, y, **kept), members)


def _view(task: Task) -> Columns | None:
    return Columns(list(task.student_columns)) if task.student_columns else None


def _rows_text(task: Task) -> str:
    text = f"{len(task.student_rows):,} rows"
    if task.unlabelled is None:
        return text
    return f"{text} and {len(task.unlabelled):,} without labels"


def new_student(
    name: str,
    *,
    max_leaves: int = 16,
    max_columns: int = 3,
    budget: int | None = None,
    max_terms: int | None = None,
    seed: int = 0,
) -> Any:
    """Return a student by the name that the command line gives it.

    Parameters
    ----------
    name : {"cart", "scored", "boosted", "linear"}
        The family.
    max_leaves : int, default=16
        In [2, inf): the size of a "cart" or "scored" student.
    max_columns : int, default=3
        In [1, inf): the columns that a test of a "scored" student adds up.
    budget : int or None, default=None
        In [2, inf): the leaves of all trees of a "boosted" student; None for no bound.
    max_terms : int or None, default=None
        In [1, inf): the columns that a "linear" student uses; None for all.
    seed : int, default=0
        Of all but "linear".

    Returns
    -------
    regressor
        The student, not fitted.
    """
    check_choice("new_student", "name", name, STUDENTS)
    if name == "cart":
        return CartStudent(max_leaves, random_state=seed)
    if name == "scored":
        return ScoredTreeStudent(max_leaves, max_columns=max_columns, random_state=seed)
    if name == "boosted":
        return BoostedStudent(max_leaves=budget, random_state=seed)
    return LinearStudent(max_terms=max_terms)
