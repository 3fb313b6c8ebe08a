"""A tree to walk about in: any part of it as a picture, and what is known of a node."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._validation import check_choice, check_integer
from interpretkd.analysis import Analysis
from interpretkd.conditions import Condition, path_conditions
from interpretkd.diagrams import _FEW_LEAVES, DIRECTIONS, _drawing, _Part
from interpretkd.drawings import Drawing
from interpretkd.intervals import Estimate, wilson_interval
from interpretkd.node_boxes import Look
from interpretkd.outlines import outline
from interpretkd.wording import one_line

__all__ = [
    "DrawnNode",
    "NodeFacts",
    "TreeMap",
    "branch_outline",
    "draw_branch",
    "node_facts",
    "telling_rows",
]


@dataclass(frozen=True)
class DrawnNode:
    """A node of a picture.

    Parameters
    ----------
    node : int
        Its index in the tree.
    parent : int
        The node above it in the picture; -1 for the first.
    kind : {"test", "leaf", "folded"}
        A test whose branches are drawn, an answer, a test whose branches are not.
    level : int
        From 1: how far it is below the first.
    hot : bool
        Whether it is on the way that is marked.
    """

    node: int
    parent: int
    kind: str
    level: int
    hot: bool


@dataclass(frozen=True, eq=False)
class TreeMap:
    """A part of a tree, drawn.

    Parameters
    ----------
    drawing : Drawing
        The picture.
    nodes : tuple of DrawnNode
        What is in it, parents before their children.
    direction : {"down", "right"}
        Where it grows to.
    depth : int
        Below this depth, counted from the first node, branches are folded.
    is_full : bool
        Whether a branch that was asked for stayed folded, for the picture has as many
        nodes as it may have.
    """

    drawing: Drawing
    nodes: tuple[DrawnNode, ...]
    direction: str
    depth: int
    is_full: bool


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


def draw_branch(
    look: Look,
    *,
    root: int = 0,
    max_depth: int | None = None,
    most_leaves: int = 64,
    most_nodes: int = 400,
    opened: Collection[int] = (),
    closed: Collection[int] = (),
    direction: str = "auto",
    way_to: int | None = None,
) -> TreeMap:
    """Draw what is below a node, branch by branch open or folded.

    Parameters
    ----------
    look : Look
        The tree, as `diagrams.look_of` returns it.
    root : int, default=0
        In [0, n_nodes): the first node of the picture.
    max_depth : int or None, default=None
        In [0, inf): tests below this depth are folded, counted from `root`. None is
        the largest depth at which `most_leaves` boxes end the picture.
    most_leaves : int, default=64
        In [1, inf): what `max_depth` None means.
    most_nodes : int, default=400
        In [3, inf): further branches stay folded.
    opened, closed : collection of int, default=()
        Tests that are open, or folded, at any depth; others are left out.
    direction : {"auto", "down", "right"}, default="auto"
        Where the tree grows to; "auto" is down for up to 8 leaves.
    way_to : int or None, default=None
        In [0, n_nodes): the way to this node is marked, and open where it is not
        in `closed`.

    Returns
    -------
    TreeMap
        The picture and its nodes.

    Raises
    ------
    InputError
        For values that are not allowed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from interpretkd.diagrams import look_of
    >>> from interpretkd.students import CartStudent
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> student = CartStudent(3, search="greedy").fit(X, np.eye(3)[y])
    >>> drawn = draw_branch(look_of(student, "draw_branch"), max_depth=1)
    >>> [(node.node, node.parent, node.kind) for node in drawn.nodes]
    [(0, -1, 'test'), (1, 0, 'leaf'), (2, 0, 'folded')]
    """
    owner, last = "draw_branch", len(look.features) - 1
    check_integer(owner, "root", root, 0, last)
    check_integer(owner, "max_depth", max_depth, 0, optional=True)
    check_integer(owner, "most_leaves", most_leaves, 1)
    check_integer(owner, "most_nodes", most_nodes, 3)
    check_integer(owner, "way_to", way_to, 0, last, optional=True)
    check_choice(owner, "direction", direction, DIRECTIONS)
    way = [] if way_to is None else _way_up(look, way_to)
    depth = _fitting_depth(look, root, most_leaves) if max_depth is None else max_depth
    wanted = (set(opened) | set(way)) - set(closed)
    open_, is_full = _opened(look, root, depth, wanted, set(closed), most_nodes)
    part, nodes = _walked(look, root, open_, frozenset(way))
    ends = sum(node.kind != "test" for node in nodes)
    if direction == "auto":
        direction = "down" if ends <= _FEW_LEAVES else "right"
    drawing = _drawing(look, part, direction, [], weigh_edges=False)
    return TreeMap(drawing, nodes, direction, depth, is_full)


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
        Its tree, or one of its trees, as `diagrams.look_of` returns it.
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
    rows = np.flatnonzero(_below(look, node)[reached])
    fidelity = rmse = None
    if found.has_classes and len(rows):
        fidelity = wilson_interval(int(found.agrees[rows].sum()), len(rows))
    elif len(rows):
        apart = found.logits[rows] - found.teacher_logits[rows]
        rmse = float(np.sqrt((apart**2).mean()))
    above = _way_up(look, node)[1:]
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


def telling_rows(
    found: Analysis, rows: NDArray[np.integer], most: int = 5
) -> NDArray[np.int64]:
    """Choose some rows to look at: first those on which the two part.

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
    check_integer("telling_rows", "most", most, 1)
    if found.has_classes:
        key = found.agrees[rows].astype(np.float64)
    else:
        key = -np.abs(found.logits[rows] - found.teacher_logits[rows]).max(axis=1)
    return np.asarray(rows[np.argsort(key, kind="stable")][:most], dtype=np.int64)


def branch_outline(look: Look, root: int = 0) -> str:
    """Write what is below a node as indented lines.

    Parameters
    ----------
    look : Look
        The tree, as `diagrams.look_of` returns it.
    root : int, default=0
        In [0, n_nodes): the node.

    Returns
    -------
    str
        Tests in words, with the share of the training rows; a branch ends with what
        is predicted, and the leaf's number. Above `root` only the way there is told.

    Raises
    ------
    InputError
        When there is no such node.
    """
    check_integer("branch_outline", "root", root, 0, len(look.features) - 1)
    inside = _below(look, root)
    leaves = np.flatnonzero(inside & look.tree.nodes.is_leaf).tolist()
    ends = {leaf: f"{look.said[leaf]} (#{leaf}, {look.rows(leaf)})" for leaf in leaves}
    tests = np.flatnonzero(~look.tree.nodes.is_leaf).tolist()
    heads = {node: f"#{node}, {look.rows(node)}" for node in tests}
    return outline(look.tree.nodes, ends, heads)


def _way_up(look: Look, node: int) -> list[int]:
    """Return a node and all above it, the root last."""
    left, right = look.children
    way = [node]
    # Children come behind their parents: one walk back finds all of them.
    for above in range(node - 1, -1, -1):
        if way[-1] in (left[above], right[above]):
            way.append(above)
    return way


def _below(look: Look, node: int) -> NDArray[np.bool_]:
    """Mark a node and all below it."""
    left, right = look.children
    marks = np.zeros(len(left), dtype=np.bool_)
    waiting = [node]
    while waiting:
        here = waiting.pop()
        marks[here] = True
        if left[here] >= 0:
            waiting += [left[here], right[here]]
    return marks


def _fitting_depth(look: Look, root: int, most_leaves: int) -> int:
    """Return the largest depth at which no more boxes than that end the picture."""
    left, right = look.children
    level, n_ended, depth = [root], 0, 0
    while level:
        tests = [node for node in level if left[node] >= 0]
        n_ended += len(level) - len(tests)
        if not tests or n_ended + 2 * len(tests) > most_leaves:
            break
        level = [child for node in tests for child in (left[node], right[node])]
        depth += 1
    return depth


def _opened(
    look: Look,
    root: int,
    max_depth: int,
    wanted: Collection[int],
    closed: Collection[int],
    most_nodes: int,
) -> tuple[set[int], bool]:
    """Return the tests whose branches are drawn, and whether some had to be left."""
    left, right = look.children
    found: set[int] = set()
    is_full = False
    # Those that were asked for one by one come first when there is not room for all.
    for only in (True, False):
        waiting = [(root, 0)]
        for node, depth in waiting:  # which grows while it is walked along
            may = depth < max_depth or node in wanted
            asked = node in wanted if only else may
            if left[node] < 0 or node in closed or not asked:
                continue
            if node not in found and 2 * len(found) + 3 > most_nodes:
                is_full = True
                continue
            found.add(node)
            waiting += [(left[node], depth + 1), (right[node], depth + 1)]
    return found, is_full


def _walked(
    look: Look, root: int, open_: Collection[int], hot: frozenset[int]
) -> tuple[_Part, tuple[DrawnNode, ...]]:
    left, right = look.children
    folded: dict[int, str] = {}
    nodes: list[DrawnNode] = []
    waiting = [(root, -1, 1)]
    while waiting:
        node, parent, level = waiting.pop()
        kind = "leaf" if left[node] < 0 else "test" if node in open_ else "folded"
        nodes.append(DrawnNode(node, parent, kind, level, node in hot))
        if kind == "folded":
            folded[node] = f"{look.n_leaves[node]:,} leaves below"
        elif kind == "test":
            waiting += [(right[node], node, level + 1), (left[node], node, level + 1)]
    part = _Part(tuple(node.node for node in nodes), folded, hot)
    return part, tuple(nodes)


def _answers(found: Analysis, rows: NDArray[np.integer]) -> pd.DataFrame:
    said: dict[str, Any] = {"teacher": found.taught, "student": found.decided}
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
