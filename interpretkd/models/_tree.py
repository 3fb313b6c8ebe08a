"""Trees as frozen arrays: the one view of every tree, whoever grew it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, Shown, amount_text, counted, joined
from interpretkd.data import Codes, Rows, Schema
from interpretkd.models._frozen import _FormBase
from interpretkd.models._nodes import NODE_ARRAYS, Nodes, _check_arrays, freeze
from interpretkd.models._outline import outline

_MOST_VALUES = 3
"""So many outputs of a leaf are printed, the largest first."""


@dataclass(frozen=True, eq=False, repr=False)
class Tree(Shown, _FormBase):
    """One tree with a vector at each node.

    Parameters
    ----------
    nodes : Nodes
        The tests of this one tree.
    value : ndarray of shape (n_nodes, n_outputs), float64
        The mean target of the training rows at each node, in a distilled model the
        probabilities that are meant there; a row's prediction is the
        value of its leaf.
    cover : ndarray of shape (n_nodes,), float64
        The weight of the training rows at each node.
    names : tuple of str or None, default=None
        The outputs' names, such as the classes'.
    support : ndarray of shape (n_nodes,), int64, or None, default=None
        How many of the training rows reach each node, whatever their weight: rows that
        were generated are not among them. None where it is not known.

    Raises
    ------
    InputError
        When the arrays do not fit one another or are not finite.
    """

    nodes: Nodes
    value: NDArray[np.float64]
    cover: NDArray[np.float64]
    names: tuple[str, ...] | None = None
    support: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        freeze(self, "value", np.float64, n_dims=2)
        freeze(self, "cover", np.float64, n_dims=1)
        n_nodes = len(self.nodes.feature)
        if len(self.nodes.roots) != 1 or self.nodes.roots[0] != 0:
            raise InputError("A single tree must start at node 0, and only there.")
        if len(self.value) != n_nodes or len(self.cover) != n_nodes:
            raise InputError(
                f"A tree of {n_nodes} nodes needs as many values and covers. Got "
                f"{len(self.value)} and {len(self.cover)}."
            )
        if self.value.shape[1] == 0 or not np.isfinite(self.value).all():
            raise InputError("A tree's values must be finite, at least one a node.")
        if not np.isfinite(self.cover).all() or (self.cover < 0).any():
            raise InputError("A tree's covers must be finite and not negative.")
        self._check_support()
        if self.names is not None and len(self.names) != self.n_outputs:
            raise InputError(
                f"A tree of {self.n_outputs} outputs needs as many names. Got "
                f"{len(self.names)}."
            )

    def __str__(self) -> str:
        """Return the tree as indented lines; a branch ends with its leaf's values."""
        leaves = np.flatnonzero(self.nodes.is_leaf).tolist()
        return outline(self.nodes, {leaf: self._leaf_text(leaf) for leaf in leaves}, {})

    @property
    def _headline(self) -> str:
        tests = counted(len(self.nodes.feature) - self.n_leaves, "test")
        return f"{tests}, {self.n_leaves:,} leaves, depth {self.depth}"

    def _check_support(self) -> None:
        if self.support is None:
            return
        freeze(self, "support", np.int64, n_dims=1)
        if len(self.support) != len(self.cover) or (self.support < 0).any():
            raise InputError("A tree's support must be a count, 0 or more, a node.")
        inner = np.flatnonzero(~self.nodes.is_leaf)
        below = self.support[self.nodes.left[inner]]
        if (below + self.support[self.nodes.right[inner]] != self.support[inner]).any():
            raise InputError("A test's support must be that of its branches together.")

    @cached_property
    def n_rows(self) -> Array:
        """The training rows that reach each node; their weight, if that is all known.

        Of shape (n_nodes,).
        """
        return self.cover if self.support is None else self.support.astype(np.float64)

    @property
    def shares(self) -> Array:
        """The same as a share of all, in [0, 1]."""
        return self.n_rows / max(float(self.n_rows[0]), 1e-300)

    def with_support(self, codes: Codes, weight: Array | None = None) -> "Tree":
        """Return the tree with other rows as its support.

        Parameters
        ----------
        codes : ndarray of shape (n_samples, n_features), float32
            The rows to count, as `Schema.encode` returns them.
        weight : ndarray of shape (n_samples,), float64, default=None
            How much each row counts, for the covers; None to leave these as they are.

        Returns
        -------
        Tree
            The same tests and values.
        """
        leaf = self.nodes.apply(codes)
        support = self._added_up(np.bincount(leaf, minlength=len(self.cover)))
        if weight is None:
            return replace(self, support=support)
        cover = self._added_up(np.bincount(leaf, weight, len(self.cover)))
        return replace(self, support=support, cover=cover)

    def _added_up(self, of_leaves: NDArray[Any]) -> NDArray[Any]:
        """Return numbers of the leaves with those of inner nodes, their sums."""
        for node in np.flatnonzero(~self.nodes.is_leaf)[::-1]:  # children come first
            below = [self.nodes.left[node], self.nodes.right[node]]
            of_leaves[node] = of_leaves[below].sum()
        return of_leaves

    def _leaf_text(self, leaf: int) -> str:
        share = f"{self.shares[leaf]:.1%} of rows"
        values = [amount_text(value, 4) for value in self.value[leaf].tolist()]
        if self.names is None:
            return f"{joined(values, _MOST_VALUES)} ({share})"
        largest = np.argsort(-self.value[leaf], kind="stable").tolist()
        named = [f"{self.names[i]} {values[i]}" for i in largest]
        return f"{joined(named, _MOST_VALUES)} ({share})"

    @property
    def schema(self) -> Schema:
        """The columns that the tree reads."""
        return self.nodes.schema

    @property
    def size_bytes(self) -> int:
        """The bytes of all arrays that it takes to decide and to say how surely."""
        decide = {**self.nodes.to_arrays(), "value": self.value, "cover": self.cover}
        return sum(array.nbytes for array in decide.values())

    @property
    def n_outputs(self) -> int:
        """The number of values a leaf holds."""
        return self.value.shape[1]

    @property
    def n_leaves(self) -> int:
        """The number of leaves."""
        return int(self.nodes.is_leaf.sum())

    @property
    def depth(self) -> int:
        """The largest number of tests that a row passes."""
        return int(self.nodes.depths.max())

    @property
    def n_parameters(self) -> int:
        """Two numbers a test (column; threshold or set) and `n_outputs` a leaf."""
        n_tests = len(self.nodes.feature) - self.n_leaves
        return 2 * n_tests + self.n_leaves * self.n_outputs

    def apply(self, X: Rows) -> NDArray[np.int32]:
        """Find the leaf of each row.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples,), int32
            The index of each row's leaf.
        """
        return self.nodes.apply(self.schema.encode(X))

    def svg(
        self, *, theme: str = "auto", name: str | None = None, **settings: Any
    ) -> str:
        """Draw the tree as SVG.

        Parameters
        ----------
        theme : {"auto", "light", "dark"}, default="auto"
            "auto" follows the reader's settings and prints light.
        name : str or None, default=None
            The element's id; None makes one from what is drawn.
        **settings
            As of `interpretkd.drawing.draw_tree`.

        Returns
        -------
        str
            One SVG element: no script, no address, no data row.
        """
        from interpretkd.drawing import tree_svg  # a method for convenience

        return tree_svg(self, theme=theme, name=name, **settings)

    def _predict(self, codes: Codes) -> Array:
        return np.take(self.value, self.nodes.apply(codes), axis=0)

    def _repr_html_(self) -> str:
        from interpretkd.drawing import draw_tree  # as above

        return draw_tree(self)._repr_html_()

    def graphviz(self, *, max_depth: int | None = None) -> Any:
        """Draw the tree with Graphviz.

        Parameters
        ----------
        max_depth : int or None, default=None
            Tests below this depth are folded into one node; None draws all.

        Returns
        -------
        graphviz.Source
            DOT text that renders to SVG, PDF or PNG where `dot` is installed.
        """
        from interpretkd.drawing import tree_diagram  # a method for convenience

        return tree_diagram(self, max_depth=max_depth)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for saving.

        Returns
        -------
        dict
            What `from_arrays` reads.
        """
        own: dict[str, NDArray[Any]] = {"value": self.value, "cover": self.cover}
        if self.support is not None:
            own["support"] = self.support
        return {**self.nodes.to_arrays(), **own}

    @classmethod
    def from_arrays(cls, schema: Schema, arrays: Mapping[str, NDArray[Any]]) -> "Tree":
        """Build a tree from `to_arrays`' values, checking each.

        Parameters
        ----------
        schema : Schema
            The columns.
        arrays : mapping of str to ndarray
            What `to_arrays` returned, perhaps by way of a file.

        Returns
        -------
        Tree
            The tree.
        """
        known = {"support"} & set(arrays)  # runs of old have none
        _check_arrays(arrays, {*NODE_ARRAYS, "value", "cover", *known})
        tests = {name: arrays[name] for name in NODE_ARRAYS}
        roots = np.zeros(1, dtype=np.int32)
        nodes = Nodes(schema=schema, roots=roots, **tests)
        own = (arrays["value"], arrays["cover"])
        return cls(nodes, *own, support=arrays.get("support"))
