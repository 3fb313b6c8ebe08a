"""A tree to walk about in: any part of it as a picture, open or folded."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from interpretkd._base import check_choice, check_integer
from interpretkd.drawing._drawing import Drawing
from interpretkd.drawing._look import Look
from interpretkd.drawing._tree import DIRECTIONS
from interpretkd.drawing._tree_shapes import _FEW_LEAVES, _drawing, _Part
from interpretkd.models import outline


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
class DrawnBranch:
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
) -> DrawnBranch:
    """Draw what is below a node, branch by branch open or folded.

    Parameters
    ----------
    look : Look
        The tree, as `drawing.look_of` returns it.
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
    DrawnBranch
        The picture and its nodes.

    Raises
    ------
    InputError
        For values that are not allowed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from interpretkd.drawing import look_of
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
    way = [] if way_to is None else look.way_to(way_to)
    depth = _fitting_depth(look, root, most_leaves) if max_depth is None else max_depth
    asked_for = (set(opened) | set(way)) - set(closed)
    open_, is_full = _opened(look, root, depth, asked_for, set(closed), most_nodes)
    part, nodes = _walked(look, root, open_, frozenset(way))
    ends = sum(node.kind != "test" for node in nodes)
    if direction == "auto":
        direction = "down" if ends <= _FEW_LEAVES else "right"
    drawing = _drawing(look, part, direction, [], weigh_edges=False)
    return DrawnBranch(drawing, nodes, direction, depth, is_full)


def branch_outline(look: Look, root: int = 0) -> str:
    """Write what is below a node as indented lines.

    Parameters
    ----------
    look : Look
        The tree, as `drawing.look_of` returns it.
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
    inside = look.below(root)
    leaves = np.flatnonzero(inside & look.tree.nodes.is_leaf).tolist()
    ends = {leaf: f"{look.said[leaf]} (#{leaf}, {look.rows(leaf)})" for leaf in leaves}
    tests = np.flatnonzero(~look.tree.nodes.is_leaf).tolist()
    heads = {node: f"#{node}, {look.rows(node)}" for node in tests}
    return outline(look.tree.nodes, ends, heads)


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
    asked_for: Collection[int],
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
            may = depth < max_depth or node in asked_for
            asked = node in asked_for if only else may
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
