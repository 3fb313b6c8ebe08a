"""What is known of a node of a tree, on rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import check_integer, one_line
from interpretkd.drawing import Look
from interpretkd.evaluation._analysis import Analysis
from interpretkd.metrics import Estimate, part_interval
from interpretkd.models import Condition, path_conditions


@dataclass(frozen=True, eq=False)
class NodeFacts:
    """What is known of a node, on the rows of an analysis.

    Parameters
    ----------
    node : int
        Its index in the tree.
    parent : int
        The node above it; -1 for the root.
    conditions : tuple of Condition
        What a row must be to come here.
    test : str
        What is asked here; "" at a leaf.
    says : str
        What is predicted here, or would be.
    n_leaves : int
        The leaves below it; of a leaf 1.
    rows : ndarray of int
        The positions, from 0, of the rows that come here.
    share : float
        In [0, 1]: their share of all rows.
    fidelity : Estimate or None
        The share of them on which the student decides as the teacher; None for
        regression and without rows.
    teacher_rmse : float or None
        For regression: the root of the mean squared difference between the student's
        and the teacher's values.
    answers : DataFrame
        Who says what of them. One row a class (a label) that anybody gives: class,
        then how many rows teacher, student and, where known, label give it. For
        regression one row an output and speaker: output, who, mean, smallest, largest.
    """

    node: int
    parent: int
    conditions: tuple[Condition, ...]
    test: str
    says: str
    n_leaves: int
    rows: NDArray[np.int64]
    share: float
    fidelity: Estimate | None
    teacher_rmse: float | None
    answers: pd.DataFrame

    @property
    def sentence(self) -> str:
        """The way here and what follows, in one line."""
        where = " AND ".join(condition.brief for condition in self.conditions)
        follows = f"ask whether {self.test}" if self.test else self.says
        return one_line(f"IF {where or 'always'} THEN {follows}")


def node_facts(
    found: Analysis,
    look: Look,
    node: int,
    reached: NDArray[np.integer] | None = None,
) -> NodeFacts:
    """Tell what is known of a node.

    Parameters
    ----------
    found : Analysis
        The student and its rows.
    look : Look
        Its tree, or one of its trees, as `drawing.look_of` returns it.
    node : int
        In [0, n_nodes).
    reached : ndarray of shape (n_samples,), int, or None, default=None
        The leaf of each row, if it is known: ``look.tree.nodes.apply(found.codes)``.

    Returns
    -------
    NodeFacts
        All of it.

    Raises
    ------
    InputError
        When there is no such node.
    """
    check_integer("node_facts", "node", node, 0, len(look.features) - 1)
    if reached is None:
        reached = look.tree.nodes.apply(found.codes)
    rows = np.flatnonzero(look.below(node)[reached])
    fidelity = rmse = None
    if found.has_classes and len(rows):
        groups = None if found.groups is None else found.groups[rows]
        fidelity = part_interval(found.agrees[rows], groups)
    elif len(rows):
        apart = found.logits[rows] - found.teacher_logits[rows]
        rmse = float(np.sqrt((apart**2).mean()))
    above = look.way_to(node)[1:]
    is_leaf = look.is_leaf[node]
    return NodeFacts(
        node,
        above[0] if above else -1,
        path_conditions(look.tree.nodes)[node],
        "" if is_leaf else str(look.test(node)),
        look.said[node] if is_leaf else look.tendency(node),
        look.n_leaves[node],
        rows,
        len(rows) / max(len(found), 1),
        fidelity,
        rmse,
        _answers(found, rows),
    )


def example_rows(
    found: Analysis, rows: NDArray[np.integer], most: int = 5
) -> NDArray[np.int64]:
    """Choose some rows to look at: first those on which the two disagree.

    Parameters
    ----------
    found : Analysis
        The student and its rows.
    rows : ndarray of int
        The positions to choose from.
    most : int, default=5
        In [1, inf): how many.

    Returns
    -------
    ndarray of int64
        Positions. Of values those that differ most come first.

    Raises
    ------
    InputError
        For no number.
    """
    check_integer("example_rows", "most", most, 1)
    if found.has_classes:
        key = found.agrees[rows].astype(np.float64)
    else:
        key = -np.abs(found.logits[rows] - found.teacher_logits[rows]).max(axis=1)
    return np.asarray(rows[np.argsort(key, kind="stable")][:most], dtype=np.int64)


def _answers(found: Analysis, rows: NDArray[np.integer]) -> pd.DataFrame:
    said: dict[str, Any] = {
        "teacher": found.teacher_decisions,
        "student": found.student_decisions,
    }
    if found.labels is not None:
        said["label"] = found.labels
    said = {who: values[rows] for who, values in said.items()}
    if not found.has_classes:
        return _values(said)
    names = [str(name) for name in found.model.classes_]
    counts = {}
    for who, values in said.items():
        if found.task == "multilabel":
            counts[who] = values.sum(axis=0).astype(np.int64)
        else:
            known = values[values >= 0]
            counts[who] = np.bincount(known, minlength=len(names))
    frame = pd.DataFrame({"class": names} | counts)
    given = frame[frame[list(counts)].sum(axis=1) > 0]
    return given.sort_values(
        "teacher", ascending=False, kind="stable", ignore_index=True
    )


def _values(said: dict[str, Any]) -> pd.DataFrame:
    n_outputs = said["teacher"].shape[1]
    records = []
    for j in range(n_outputs):
        for who, values in said.items():
            column = values[:, j]
            ends = (np.nan,) * 3
            if len(column):
                ends = (column.mean(), column.min(), column.max())
            name = f"output {j}" if n_outputs > 1 else "value"
            records.append((name, who, *map(float, ends)))
    columns = ["output", "who", "mean", "smallest", "largest"]
    return pd.DataFrame(records, columns=columns)
