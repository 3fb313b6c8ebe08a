"""The rows that a run is judged on, with what the teacher said of them: one table."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import InputError, Shown, counted
from interpretkd.data import as_frame, group_positions
from interpretkd.targets import Answers, answers_of


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
