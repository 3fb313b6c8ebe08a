"""The run bundle: a folder of plain files, checked before anything is built.

    manifest.json       format, versions, the SHA-256 of every other file
    model.json          task, classes, target, methods, students' settings
    schema.json         the columns
    student.npz         the student's arrays; baseline.npz the baseline's
    view.npz            what the student's view has learnt, where it has one
    teacher.json        what the teacher is
    teacher.safetensors its weights, for a network of ours; teacher.onnx for ONNX;
                        teacher.zip for one that was taught itself, and an ensemble
    evaluation.parquet  the evaluation rows, their labels, the teacher's logits, and
                        its decisions where these are not what the logits decide

Nothing in it can run code. A teacher that is none of these is only described: its
logits on the evaluation rows are there, it itself is not. A method that is code - a
user's own step, a function - is there as a sentence.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from interpretkd._base import InputError, Shown, check_integer, naming_file, one_line
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.models import size_of, view_size_text
from interpretkd.runs._destination import _as_folder, _check_replaceable
from interpretkd.runs._evaluation_rows import (
    EvaluationRows,
    _evaluation,
    _evaluation_file,
)
from interpretkd.runs._folder import _facts, _verified, _write_folder
from interpretkd.runs._given_teacher import _give_teacher
from interpretkd.runs._limits import MOST_UNPACKED, Room, bounded_table
from interpretkd.runs._model_files import _model_files, _model_of
from interpretkd.runs._replace import _naming_target
from interpretkd.runs._teacher_files import _Place


@dataclass(frozen=True, eq=False, repr=False)
class Run(Shown):
    """What a bundle holds.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        The fitted model.
    evaluation : EvaluationRows or None
        The rows it is judged on, where some were saved.
    manifest : dict
        Format, versions and hashes.
    """

    model: DistilledClassifier | DistilledRegressor
    evaluation: EvaluationRows | None
    manifest: dict[str, Any]

    @property
    def about(self) -> dict[str, str | int | float]:
        """What `save` was told of where the model comes from."""
        return dict(self.manifest["about"])

    def __str__(self) -> str:
        """Say what was distilled into what, and what is known of the run."""
        student = self.model.student_
        size, unit = size_of(student.form_)
        of = "" if size is None else f" of {size:,} {unit}"
        of += view_size_text(self.model)
        rows = "no evaluation rows" if self.evaluation is None else self.evaluation
        lines = [
            f"{type(student).__name__}{of}, taught by a {_teacher_name(self.model)}; "
            f"{rows}"
        ]
        lines += [one_line(f"  {name}: {text}") for name, text in self.about.items()]
        return "\n".join(lines)


def _teacher_name(model: DistilledClassifier | DistilledRegressor) -> str:
    estimator = model.teacher_.estimator
    return one_line(getattr(estimator, "description", type(estimator).__name__))


def save(
    model: DistilledClassifier | DistilledRegressor,
    path: str | os.PathLike[str],
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    teacher_logits: ArrayLike | None = None,
    about: Mapping[str, str | int | float] | None = None,
    groups: ArrayLike | None = None,
) -> Path:
    """Save a distilled model as a run bundle.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        A fitted model with a `CartStudent`, `ScoredTreeStudent`, `BoostedStudent`,
        `LinearStudent` or `CommitteeStudent`.
    path : str or path
        The folder to make. A run bundle that is there is replaced; any other folder
        that is not empty is left alone.
    X : array-like or frame of shape (n_samples, n_features), default=None
        Rows to judge the run on; they, and the teacher's logits of them, are saved.
    y : array-like of shape (n_samples,), default=None
        Their labels.
    teacher_logits : array-like of shape (n_samples, n_outputs), default=None
        What the teacher said of these rows, its logits or its `Answers`; None asks it.
    about : mapping of str to str, int or float, default=None
        Where the model comes from, for its report: the data and their hash, the
        command, the seed. It is kept in the manifest, word for word.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to; kept as numbers, without the groups' names. None takes
        the rows as independent.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        For a student or view that is none of ours, a folder that holds something else
        or cannot be written, and labels or logits without rows or that do not fit them.

    Notes
    -----
    The run is written beside the folder and put in its place when it is whole. On Linux
    and macOS a reader beside it sees the old run or the new one at any moment; where
    the system cannot exchange two folders (Windows, some network drives), there is
    nothing at the path for an instant, which `load` waits out. Of two that save at
    once, the last one's run stays, whole.
    """
    target = _as_folder(path)
    _check_model(model)
    facts = _facts({} if about is None else about)
    if X is None and (y is not None or teacher_logits is not None):
        given = "y" if y is not None else "teacher_logits"
        raise InputError(
            f"{given!r} was given without X: labels and logits are saved with the rows "
            "they belong to, so give save these as X."
        )
    with _naming_target(target):
        _check_replaceable(target)
    files = _model_files(model)
    if X is not None:
        judged = _evaluation_file(model, X, y, teacher_logits, groups)
        files["evaluation.parquet"] = judged
    _write_folder(target, files, facts)
    return target


def _check_model(model: Any) -> None:
    if not isinstance(model, DistilledClassifier | DistilledRegressor):
        raise InputError(
            "Only a DistilledClassifier or DistilledRegressor can be saved as a run. "
            f"Got a {type(model).__name__}."
        )
    check_is_fitted(model)


def load(
    path: str | os.PathLike[str],
    *,
    teacher: Any = None,
    most_bytes: int = MOST_UNPACKED,
) -> DistilledClassifier | DistilledRegressor:
    """Load a distilled model from a run bundle.

    Parameters
    ----------
    path : str or path
        The folder that `save` made.
    teacher : object, default=None
        The fitted teacher, for a run that holds none (a function, a torch module, a
        model of another library); it must say of the run's rows what was saved with
        them. None takes what is in the run.
    most_bytes : int, default=500 * 2**20
        In [1, inf): what its files may unpack to; more is refused before it takes up
        the memory.

    Returns
    -------
    DistilledClassifier or DistilledRegressor
        The fitted model; its predictions are equal to the bit to those of the saved
        one, and so are its parameters, but for what has no place in a file: a random
        generator is None, a method of one's own a `methods.AbsentStep` with its
        sentence, which `fit` refuses.

    Raises
    ------
    BundleError
        When anything in the folder is not as it was written.
    InputError
        When the teacher given is not the run's.
    """
    return load_run(path, teacher=teacher, most_bytes=most_bytes).model


def load_run(
    path: str | os.PathLike[str],
    *,
    late_teacher: bool = False,
    teacher: Any = None,
    most_bytes: int = MOST_UNPACKED,
) -> Run:
    """Load a run bundle with its evaluation rows.

    Parameters
    ----------
    path : str or path
        The folder that `save` made.
    late_teacher : bool, default=False
        Whether a network is built only when it is first asked, which saves the second
        that torch takes to load. Its files' hashes are checked at once, what is in
        them then.
    teacher : object, default=None
        The fitted teacher, for a run that holds none (a function, a torch module, a
        model of another library); it must say of the run's rows what was saved with
        them. None takes what is in the run.
    most_bytes : int, default=500 * 2**20
        In [1, inf): what its files may unpack to; more is refused before it takes up
        the memory.

    Returns
    -------
    Run
        The model, the rows it is judged on, the manifest.

    Raises
    ------
    BundleError
        When anything in the folder is not as it was written.
    InputError
        When the teacher given is not the run's.
    """
    check_integer("load_run", "most_bytes", most_bytes, 1)
    folder = _as_folder(path)
    files, manifest = _verified(folder, most_bytes)
    room = Room(most_bytes)
    model, state = _model_of(files, _Place(folder, late_teacher), room)
    evaluation = None
    if "evaluation.parquet" in files:
        with naming_file("evaluation.parquet"):
            rows = bounded_table(files["evaluation.parquet"], room).to_pandas()
            evaluation = _evaluation(rows, model, state)
    if teacher is not None:
        _give_teacher(model, evaluation, teacher)
    return Run(model, evaluation, manifest)
