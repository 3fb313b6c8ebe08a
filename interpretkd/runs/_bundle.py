"""The run bundle: a folder of plain files, checked before anything is built.

    manifest.json       format, versions, the SHA-256 of every other file
    model.json          task, classes, target, students' settings
    schema.json         the columns
    student.npz         the student's arrays; baseline.npz the baseline's
    teacher.json        what the teacher is
    teacher.safetensors its weights, for a network of ours; teacher.onnx for ONNX
    evaluation.parquet  the evaluation rows, their labels, the teacher's logits, and
                        its decisions where these are not what the logits decide

Nothing in it can run code. A teacher that is neither a network of ours nor an ONNX file
is only described: its logits on the evaluation rows are there, it itself is not.
"""

import contextlib
import io
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from numpy.typing import ArrayLike, NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from interpretkd._base import (
    InputError,
    Shown,
    check_integer,
    counted,
    naming_file,
    one_line,
)
from interpretkd.data import Ranges, Schema, as_frame, group_positions
from interpretkd.distillation import (
    DistilledClassifier,
    DistilledRegressor,
    TargetTrial,
)
from interpretkd.models import size_of, view_size_text
from interpretkd.runs._destination import _as_folder, _check_replaceable
from interpretkd.runs._folder import (
    _facts,
    _json,
    _npz,
    _parse_json,
    _verified,
    _write_folder,
)
from interpretkd.runs._given_teacher import _give_teacher
from interpretkd.runs._limits import MOST_UNPACKED, Room, bounded_table, read_arrays
from interpretkd.runs._onnx_limits import _check_onnx
from interpretkd.runs._replace import _naming_target
from interpretkd.runs._settings import _plain_settings, _settings
from interpretkd.runs._student_state import (
    _as_given,
    _student,
    _student_of,
    _student_state,
)
from interpretkd.targets import TASKS, Answers, Target, answers_of, label_target
from interpretkd.teachers import (
    AbsentTeacher,
    LazyTeacher,
    OnnxTeacher,
    Teacher,
    as_teacher,
)


@dataclass(frozen=True, eq=False, repr=False)
class EvaluationRows(Shown):
    """The rows that a run is judged on.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
        Rows that neither teacher nor student was fitted to.
    y : ndarray of shape (n_samples,) or (n_samples, n_labels), or None
        Their labels (values, for regression), where they are known.
    teacher_logits : ndarray of shape (n_samples, n_outputs), float64
        What the teacher says of them.
    own : ndarray of shape (n_samples,) or (n_samples, n_outputs), or None, default=None
        What the teacher decides, where that is not what its logits do.
    groups : ndarray of shape (n_samples,), int64, or None, default=None
        Which rows belong together; None where they are independent.
    """

    X: Any
    y: NDArray[Any] | None
    teacher_logits: NDArray[np.float64]
    own: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None

    @property
    def answers(self) -> Answers:
        """The teacher's logits, with its own decisions."""
        return Answers(self.teacher_logits, self.own)

    def __str__(self) -> str:
        labels = "without labels" if self.y is None else "with labels"
        return f"{counted(len(self.teacher_logits), 'evaluation row')} {labels}"


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
        A fitted model with a `CartStudent`, `BoostedStudent`, `LinearStudent` or
        `CommitteeStudent`.
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
        For a student that is none of ours, a folder that holds something else or
        cannot be written, and labels or logits without rows or that do not fit them.

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
    files = {
        "model.json": _json(_model_state(model)),
        "schema.json": _json(model.schema_.to_dict()),
        "student.npz": _npz(model.student_.form_.to_arrays()),
        **_teacher_files(model.teacher_),
    }
    if model.baseline_ is not None:
        files["baseline.npz"] = _npz(model.baseline_.form_.to_arrays())
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
        one, and so are its parameters, but for a random generator and a function: they
        have no place in a file and are None.

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
    with naming_file("schema.json"):
        schema = Schema.from_dict(_parse_json(files["schema.json"]))
    with naming_file("model.json"):
        state = _parse_json(files["model.json"])
        model, student_state = _model(state, schema)
    for name, attribute in (("student", "student_"), ("baseline", "baseline_")):
        with naming_file(f"{name}.npz"):
            content = files.get(f"{name}.npz")
            fitted = None
            if content is not None:
                arrays = read_arrays(content, room)
                fitted = _student(student_state[name], schema, arrays, state)
            setattr(model, attribute, fitted)
    with naming_file("teacher.json"):
        _attach_teacher(model, files, folder, late=late_teacher)
    evaluation = None
    if "evaluation.parquet" in files:
        with naming_file("evaluation.parquet"):
            rows = bounded_table(files["evaluation.parquet"], room).to_pandas()
            evaluation = _evaluation(rows, model, state)
    with naming_file("student.npz"):
        _check_outputs(model)
    if teacher is not None:
        _give_teacher(model, evaluation, teacher)
    return Run(model, evaluation, manifest)


def _model_state(model: Any) -> dict[str, Any]:
    settings = model.get_params(deep=False)
    settings.pop("teacher")
    student = settings.pop("student")
    state = {
        "class": type(model).__name__,
        "settings": _plain_settings(settings),
        "task": model.task_,
        "target": asdict(model.target_),
        "reading": asdict(model.reading_),
        "trials": [asdict(trial) for trial in model.trials_],
        "validation_rows": model.validation_rows_.tolist(),
        "n_asked": model.n_asked_,
        "columns": list(model.schema_.names),
        "ranges": None if model.ranges_ is None else model.ranges_.to_list(),
        "from_frame": hasattr(model, "feature_names_in_"),
        "student": _student_state(model.student_),
        "student_parameter": None if student is None else _as_given(student),
        "baseline": None,
        "baseline_reading": None,
        "classes": None,
    }
    if model.baseline_ is not None:
        state["baseline"] = _student_state(model.baseline_)
        state["baseline_reading"] = asdict(model.baseline_reading_)
    if hasattr(model, "classes_"):
        classes = np.asarray(model.classes_)
        state["classes"] = {"kind": classes.dtype.kind, "values": classes.tolist()}
    return state


def _teacher_files(teacher: Teacher) -> dict[str, bytes]:
    estimator = teacher.estimator
    state: dict[str, Any] = {
        "kind": "described",
        "description": type(estimator).__name__,
        "n_parameters": teacher.n_parameters,
        "size_bytes": teacher.size_bytes,
        "names_classes": teacher.names_classes,
        "config": None,
    }
    files = {}
    if hasattr(estimator, "get_state"):
        from safetensors.numpy import save as to_safetensors

        config, arrays = estimator.get_state()
        state |= {"kind": "network", "config": config}
        files["teacher.safetensors"] = to_safetensors(arrays)
    elif isinstance(estimator, OnnxTeacher):
        state |= {"kind": "onnx", "config": _onnx_settings(estimator)}
        files["teacher.onnx"] = estimator.to_bytes()
    files["teacher.json"] = _json(state)
    return files


def _onnx_settings(teacher: OnnxTeacher) -> dict[str, Any]:
    settings = teacher.get_params(deep=False)
    classes = settings.pop("classes")
    settings.pop("path")
    if settings.pop("preprocess", None) is not None:
        raise InputError(
            "An OnnxTeacher with a preprocess function cannot be saved: code is never "
            "part of a run. Put the preprocessing into the ONNX graph."
        )
    plain = None if classes is None else np.asarray(classes).tolist()
    return {**settings, "classes": plain}


def _evaluation_file(
    model: Any,
    X: ArrayLike,
    y: ArrayLike | None,
    said: ArrayLike | None,
    groups: ArrayLike | None,
) -> bytes:
    frame = as_frame(X)
    rows = X if frame is None else frame
    answers = answers_of(model.teacher_, rows, said)
    logits = answers.logits
    if frame is None:
        frame = pd.DataFrame(np.asarray(X), columns=list(model.schema_.names))
    frame = model.schema_.conform(frame[list(model.schema_.names)])
    fitting = (len(frame), model.student_.form_.n_outputs)
    if logits.shape != fitting or not np.isfinite(logits).all():
        raise InputError(
            f"The teacher's logits must be finite, of shape {fitting}. Got "
            f"{logits.shape}."
        )
    columns = {f"x.{name}": frame.iloc[:, i] for i, name in enumerate(frame.columns)}
    if y is not None:
        labels = np.asarray(y)
        if len(labels) != len(frame):
            raise InputError(
                f"X and y must have the same number of rows. Got {len(frame)} and "
                f"{len(labels)}."
            )
        parts = {"y": labels} if labels.ndim == 1 else _numbered("y", labels)
        columns |= {name: pd.Series(part, frame.index) for name, part in parts.items()}
    if groups is not None:
        place = group_positions(groups, len(frame))
        columns["group"] = pd.Series(place, frame.index)
    logit_columns = _numbered("z", logits)
    if answers.own is not None:
        logit_columns |= _numbered("d", answers.own.reshape(len(frame), -1))
    columns |= {n: pd.Series(z, frame.index) for n, z in logit_columns.items()}
    table = pyarrow.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer)
    return buffer.getvalue()


def _numbered(prefix: str, matrix: NDArray[Any]) -> dict[str, NDArray[Any]]:
    return {f"{prefix}.{i}": column for i, column in enumerate(matrix.T)}


def _evaluation(
    frame: pd.DataFrame, model: Any, state: dict[str, Any]
) -> EvaluationRows:
    names = list(model.schema_.names)
    logits = frame[[n for n in frame.columns if n.startswith("z.")]].to_numpy()
    rows = frame[[f"x.{name}" for name in names]]
    rows.columns = pd.Index(names)
    model.schema_.encode(rows)  # says what does not fit
    if (
        not np.isfinite(logits).all()
        or logits.shape[1] != model.student_.form_.n_outputs
    ):
        raise InputError(
            f"The teacher's logits must be finite, {model.student_.form_.n_outputs} a "
            f"row. Got {logits.shape[1]}."
        )
    labels = None
    if "y" in frame.columns:
        labels = frame["y"].to_numpy()
    elif "y.0" in frame.columns:
        labels = frame[[n for n in frame.columns if n.startswith("y.")]].to_numpy()
    kept = rows if state["from_frame"] else rows.to_numpy()
    own = _own_decisions(frame, model.task_, logits.shape[1])
    groups = None
    if "group" in frame.columns:
        groups = group_positions(frame["group"], len(frame))
    return EvaluationRows(kept, labels, logits.astype(np.float64), own, groups)


def _own_decisions(
    frame: pd.DataFrame, task: str, n_outputs: int
) -> NDArray[np.int64] | None:
    """Read what the teacher decides, where that is kept beside its logits."""
    names = [name for name in frame.columns if name.startswith("d.")]
    if not names:
        return None
    own = frame[names].to_numpy()
    width, most = (n_outputs, 1) if task == "multilabel" else (1, n_outputs - 1)
    fits = own.shape[1] == width and own.dtype.kind in "iu" and task != "regression"
    if not fits or (len(own) and not 0 <= own.min() <= own.max() <= most):
        raise InputError(
            f"The teacher's decisions must be whole numbers in [0, {most}] in {width} "
            f"column(s). Got {own.dtype} in {own.shape[1]}."
        )
    decided = own.astype(np.int64)
    return decided if task == "multilabel" else decided[:, 0]


def _model(state: dict[str, Any], schema: Schema) -> tuple[Any, dict[str, Any]]:
    classes = {c.__name__: c for c in (DistilledClassifier, DistilledRegressor)}
    if state["class"] not in classes or state["task"] not in TASKS:
        raise InputError(f"unknown class or task {state['class']!r}, {state['task']!r}")
    model = classes[state["class"]](None, **_settings(state["settings"]))
    # Older runs do not say what was given, only what it became.
    as_given = state.get("student_parameter", state["student"])
    model.student = None if as_given is None else _student_of(as_given)
    if state["columns"] != list(schema.names):
        raise InputError("its columns are not those of schema.json")
    model.schema_, model.task_ = schema, state["task"]
    model.n_features_in_ = len(schema)
    ranges = state.get("ranges")  # older runs have none
    model.ranges_ = None if ranges is None else Ranges.from_list(ranges, len(schema))
    if state["from_frame"]:
        model.feature_names_in_ = np.asarray(schema.names, dtype=object)
    model.target_ = Target(**state["target"])
    # Runs of before know no reading: they were read as they were fitted.
    model.reading_ = Target(**state.get("reading", state["target"]))
    model.baseline_reading_ = None
    targets = [model.target_, model.reading_]
    if state["baseline"] is not None:
        reading = state.get("baseline_reading", asdict(label_target(model.task_)))
        model.baseline_reading_ = Target(**reading)
        targets.append(model.baseline_reading_)
    if any(target.task != model.task_ for target in targets):
        raise InputError("the target's task is not the model's")
    model.trials_ = tuple(map(_trial, state["trials"]))
    model.validation_rows_ = np.asarray(state["validation_rows"], dtype=np.int64)
    if state["classes"] is not None:
        kind, values = state["classes"]["kind"], state["classes"]["values"]
        if kind not in "biufUO" or not all(
            isinstance(value, str | int | float) for value in values
        ):
            raise InputError("the classes must be texts or numbers")
        model.classes_ = np.asarray(values, dtype=object if kind == "O" else None)
    elif model.task_ != "regression":
        raise InputError("a classifier needs classes")
    model._flat = bool(state["student"]["flat"])
    model.n_asked_ = int(state.get("n_asked", 0))
    return model, state


def _trial(state: dict[str, Any]) -> TargetTrial:
    target, name = Target(**state["target"]), str(state.get("name", ""))
    return TargetTrial(target, float(state["fidelity"]), int(state["n_rows"]), name)


def _attach_teacher(
    model: Any, files: dict[str, bytes], path: Path, *, late: bool
) -> None:
    state = _parse_json(files["teacher.json"])
    kind = state["kind"]
    if kind == "onnx":
        content = files["teacher.onnx"]
        with contextlib.suppress(ImportError):  # onnxruntime alone can run it
            _check_onnx(content, "teacher.onnx")
        model.teacher = OnnxTeacher.of_content(
            content, path / "teacher.onnx", **state["config"]
        )
        model.teacher_ = as_teacher(model.teacher)
    elif kind == "network" and not late:
        network = _network(state["config"], files["teacher.safetensors"])
        model.teacher = FrozenEstimator(network)
        model.teacher_ = as_teacher(network)
    elif kind in ("network", "described"):
        model.teacher = AbsentTeacher(str(state["description"]))
        if kind == "network":
            weights = files["teacher.safetensors"]
            model.teacher = LazyTeacher(state["config"], weights, _network)
            if len(model.teacher.schema_) != len(model.schema_):
                raise InputError("the teacher reads other columns than the student")
        model.teacher_ = Teacher(
            estimator=model.teacher,
            classes=getattr(model, "classes_", None),
            task=model.task_,
            n_parameters=state["n_parameters"],
            size_bytes=state["size_bytes"],
            names_classes=bool(state.get("names_classes", True)),
        )
    else:
        raise InputError(f"unknown kind of teacher {kind!r}")


def _network(config: dict[str, Any], content: bytes) -> Any:
    from safetensors.numpy import load as from_safetensors

    from interpretkd.teachers import teacher_from_state

    with naming_file("teacher.safetensors"):
        arrays = from_safetensors(content)
    return teacher_from_state(config, arrays)


def _check_outputs(model: Any) -> None:
    n_outputs = model.student_.form_.n_outputs
    n_classes = len(getattr(model, "classes_", range(n_outputs)))
    forms = [s.form_ for s in (model.student_, model.baseline_) if s is not None]
    if any(form.n_outputs != n_classes for form in forms):
        raise InputError(
            f"a student of {n_outputs} outputs does not fit {n_classes} classes"
        )
