"""A tree with all that is said at its nodes, in words and in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, one_line, prediction_text, signed_text
from interpretkd.models import Condition, Tree, leaf_outcomes, node_test

_LONGEST_TITLE = 2000


@dataclass(frozen=True, eq=False)
class Look:
    """A tree with all that its boxes say.

    Parameters
    ----------
    tree : Tree
        The tree.
    name : str
        What it is, in a few words.
    kind : {"classes", "labels", "value", "values"}
        What the bars show: shares of one whole, the chance of each label, one number,
        several numbers.
    said : tuple of str
        By node what would be predicted there.
    bars : ndarray of shape (n_nodes, n_columns), float64
        In [0, 1]: the lengths of the bars.
    names : tuple of str
        The names of the columns.
    pictures : mapping of int to ndarray
        By leaf a picture to show there, values in [0, 1].
    meaning : str
        What the bars mean, in a few words.
    image_shape : tuple of int or None, default=None
        (height, width) or (channels, height, width) when the columns are pixels.
    noun : str, default="rows"
        What the shares are shares of.
    """

    tree: Tree
    name: str
    kind: str
    said: tuple[str, ...]
    bars: Array
    names: tuple[str, ...]
    pictures: Mapping[int, NDArray[Any]]
    meaning: str
    image_shape: tuple[int, ...] | None = None
    noun: str = "rows"

    @cached_property
    def share(self) -> list[float]:
        """By node the share of the training rows that come by."""
        shares: list[float] = self.tree.shares.tolist()
        return shares

    @cached_property
    def n_leaves(self) -> list[int]:
        """By node the leaves below it; of a leaf 1."""
        left, right = self.children
        counts = [1] * len(left)
        for node in reversed(range(len(left))):
            if left[node] >= 0:
                counts[node] = counts[left[node]] + counts[right[node]]
        return counts

    @cached_property
    def _tests(self) -> dict[int, Condition]:
        return {}

    def test(self, node: int) -> Condition:
        """Return the test of a node that is no leaf.

        Parameters
        ----------
        node : int
            The node.

        Returns
        -------
        Condition
            What sends a row to the left, which is "yes".
        """
        if node not in self._tests:
            self._tests[node] = node_test(self.tree.nodes, node)
        return self._tests[node]

    @cached_property
    def is_leaf(self) -> list[bool]:
        """By node whether it is a leaf."""
        leaves: list[bool] = self.tree.nodes.is_leaf.tolist()
        return leaves

    @cached_property
    def features(self) -> list[int]:
        """By node the column tested; -1 at leaves."""
        columns: list[int] = self.tree.nodes.feature.tolist()
        return columns

    @cached_property
    def children(self) -> tuple[list[int], list[int]]:
        """By node its left and its right child; -1 at leaves."""
        return self.tree.nodes.left.tolist(), self.tree.nodes.right.tolist()

    @cached_property
    def best(self) -> list[int]:
        """By node the column that is highest."""
        columns: list[int] = self.bars.argmax(axis=1).tolist()
        return columns

    def way_to(self, node: int) -> list[int]:
        """Return a node and all above it.

        Parameters
        ----------
        node : int
            The node.

        Returns
        -------
        list of int
            From the node up, the root last.
        """
        left, right = self.children
        way = [node]
        # Children come behind their parents: one walk back finds all of them.
        for above in range(node - 1, -1, -1):
            if way[-1] in (left[above], right[above]):
                way.append(above)
        return way

    def below(self, node: int) -> NDArray[np.bool_]:
        """Mark a node and all below it.

        Parameters
        ----------
        node : int
            The node.

        Returns
        -------
        ndarray of shape (n_nodes,), bool
            Whether each node is that, or below it.
        """
        left, right = self.children
        marks = np.zeros(len(left), dtype=np.bool_)
        waiting = [node]
        while waiting:
            here = waiting.pop()
            marks[here] = True
            if left[here] >= 0:
                waiting += [left[here], right[here]]
        return marks

    def rows(self, node: int) -> str:
        """Say which share of the training rows comes by a node.

        Parameters
        ----------
        node : int
            The node.

        Returns
        -------
        str
            A percentage; what is rounded to nothing is told from nothing.
        """
        share = self.share[node]
        text = f"{share:.1%}".replace("100.0%", "100%")
        return f"{'<0.1%' if 0 < share < 0.0005 else text} of {self.noun}"

    def tendency(self, node: int) -> str:
        """Say what most of the rows at a node, or their mean, would be answered.

        Parameters
        ----------
        node : int
            The node.

        Returns
        -------
        str
            A few words.
        """
        is_mean = self.kind in ("value", "values")
        return f"{'mean' if is_mean else 'mostly'} {self.said[node]}"

    def _in_words(self, node: int, folded: str | None) -> str:
        """Say in one line what a node's box shows; `folded` stands for a branch."""
        rows = f"({self.rows(node)})"
        if folded is not None:
            return f"{folded}, {self.tendency(node)} {rows}"
        if self.is_leaf[node]:
            return f"{self.said[node]} {rows}"
        return f"{self.test(node).brief} {rows}"

    def title(self, node: int, folded: str | None) -> str:
        """Say all that is known of a node.

        Parameters
        ----------
        node : int
            The node.
        folded : str or None
            What is said of the branch, if it is not drawn.

        Returns
        -------
        str
            One line.
        """
        parts = [] if folded is None else [folded]
        if not self.is_leaf[node]:
            parts.append(str(self.test(node)))
            parts.append(self.tendency(node))
        else:
            parts.append(self.said[node])
        parts.append(self.rows(node))
        if self.kind in ("classes", "labels"):
            shares = zip(self.names, self.bars[node].tolist(), strict=True)
            parts.append(", ".join(f"{name} {share:.1%}" for name, share in shares))
        text = one_line(f"Node {node}: {'; '.join(parts)}")
        return text if len(text) <= _LONGEST_TITLE else f"{text[:_LONGEST_TITLE]}…"


def _look_at(
    model: Any, tree: Tree, name: str, pictures: Mapping[int, NDArray[Any]]
) -> Look:
    """Bring together what the boxes of a tree say."""
    if model is None:
        said = [signed_text(value, 4) for value in tree.value[:, 0].tolist()]
        bars, names, meaning = _scaled(tree.value), ["value"], "what is added"
        return Look(
            tree, name, "value", tuple(said), bars, tuple(names), pictures, meaning
        )
    outcomes = leaf_outcomes(model, tree.value)
    said = [
        one_line(prediction_text(prediction)) + ("" if c is None else f" ({c:.0%})")
        for prediction, c in zip(
            outcomes.predictions, outcomes.probabilities, strict=True
        )
    ]
    classes = outcomes.classes
    names = (
        [f"output {i}" for i in range(tree.n_outputs)]
        if classes is None
        else [one_line(str(label)) for label in classes.tolist()]
    )
    if outcomes.chances is not None:
        several = outcomes.task == "multilabel"
        kind, bars = "labels" if several else "classes", outcomes.chances
        meaning = f"probability of each {'label' if several else 'class'}"
    elif classes is not None and _are_shares(tree.value):
        # At which temperature, only the model knows: no probabilities.
        kind, bars, meaning = "classes", tree.value, "mean target of each class"
    else:
        kind, bars = "value" if tree.n_outputs == 1 else "values", _scaled(tree.value)
        meaning = "the value"
        if kind == "values":
            meaning = "each output, from its smallest to its largest value"
    return Look(tree, name, kind, tuple(said), bars, tuple(names), pictures, meaning)


def _are_shares(value: Array) -> bool:
    return bool((value >= 0).all() and np.allclose(value.sum(axis=1), 1, atol=1e-6))


def _scaled(value: Array) -> Array:
    """Bring each column into [0, 1]."""
    low, high = value.min(axis=0), value.max(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        # Halves, for the difference of two huge values may be none.
        part = (value / 2 - low / 2) / np.where(high > low, high / 2 - low / 2, 1)
    return np.clip(np.nan_to_num(part), 0, 1)
