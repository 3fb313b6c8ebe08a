"""Trees as text for Graphviz."""

import textwrap
from typing import Any

from interpretkd._base import check_integer
from interpretkd.drawing._colours import _class_tint
from interpretkd.drawing._look import Look
from interpretkd.drawing._tree import look_of

_WIDTH, _LONGEST = 28, 120


def tree_diagram(
    model: Any, *, max_depth: int | None = None, tree: int | None = None
) -> Any:
    """Write a tree as text for Graphviz.

    Each inner node shows its test in words; the branch on which it holds is marked
    "yes". Each node shows the share of the training rows that reach it, each leaf its
    prediction. No data row is inside.

    Parameters
    ----------
    model : Tree, Forest, student or fitted model
        What to draw; a `DistilledClassifier` adds its classes' names.
    max_depth : int or None, default=None
        In [0, inf): tests below this depth are folded into one node; None draws all.
    tree : int or None, default=None
        In [0, n_trees): which tree of a boosted student; needed there, and only there.

    Returns
    -------
    graphviz.Source
        DOT text; ``.source`` is the text, ``.render()`` and ``.pipe()`` make SVG, PDF
        or PNG where Graphviz's `dot` is installed.

    Raises
    ------
    InputError
        When the model has no tree.
    """
    import graphviz

    check_integer("tree_diagram", "max_depth", max_depth, 0, optional=True)
    look = look_of(model, "tree_diagram", tree)
    nodes = look.tree.nodes
    graph = graphviz.Digraph(
        graph_attr={"bgcolor": "transparent", "fontname": "Helvetica"},
        node_attr={
            "shape": "box",
            "style": "rounded,filled",
            "fontname": "Helvetica",
            "fontsize": "11",
            "margin": "0.12,0.07",
        },
        edge_attr={"fontname": "Helvetica", "fontsize": "10"},
    )
    for node, is_leaf in enumerate(look.is_leaf):
        depth = nodes.depths[node]
        if max_depth is not None and depth > max_depth:
            continue
        folded = depth == max_depth and not is_leaf
        _add_node(graph, look, node, folded=folded)
        if not is_leaf and not folded:
            graph.edge(str(node), str(nodes.left[node]), label=" yes ")
            graph.edge(str(node), str(nodes.right[node]), label=" no ")
    return graphviz.Source(graph.source)


def _add_node(graph: Any, look: Look, node: int, *, folded: bool) -> None:
    import graphviz

    said, share = look.said[node], f"{look.share[node]:.1%} of rows"
    fill = _class_tint(look.best[node])
    if look.is_leaf[node]:
        lines = [said, share]
    elif folded:
        lines = [f"{look.n_leaves[node]} leaves", look.tendency(node), share]
    else:
        fill = "white"
        lines = [str(look.test(node)), share]
    # Names come from data: Graphviz may read no HTML, no escape, no &lt; in them.
    text = "\n".join(_wrap(line) for line in lines).replace("&", "&amp;")
    label = graphviz.nohtml(graphviz.escape(text).replace("\n", r"\n"))
    graph.node(str(node), label=label, fillcolor=fill)


def _wrap(text: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text)
    shortened = plain if len(plain) <= _LONGEST else plain[: _LONGEST - 3] + "..."
    return "\n".join(textwrap.wrap(shortened, _WIDTH)) or " "
