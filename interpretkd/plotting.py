"""Tree diagrams."""

import os
import textwrap
from pathlib import Path
from typing import Any

from interpretkd._files import write_atomically
from interpretkd._validation import InputError, check_integer
from interpretkd.rules import leaf_decisions, node_test, prediction_text
from interpretkd.trees import Tree

__all__ = ["save_diagram", "tree_diagram"]

# Okabe & Ito (2008): told apart by the colour-blind; light, so that text stays black.
_FILLS = (
    "#a6d8f0", "#f6cf8b", "#8fd3b8", "#f3b8d6", "#c9c9c9", "#f5ef9a", "#9dbfe3",
    "#efb493",
)  # fmt: skip
_WIDTH, _LONGEST = 28, 120


def tree_diagram(model: Any, *, max_depth: int | None = None) -> Any:
    """Draw a tree with Graphviz.

    Each inner node shows its test in words; the branch on which it holds is marked
    "yes". Each node shows the share of the training rows that reach it, each leaf its
    prediction. No data row is inside.

    Parameters
    ----------
    model : Tree or fitted model with a `tree_`
        What to draw; a `DistilledClassifier` adds its classes' names.
    max_depth : int or None, default=None
        In [1, inf): tests below this depth are folded into one node; None draws all.

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

    check_integer("tree_diagram", "max_depth", max_depth, 1, optional=True)
    tree = getattr(model, "tree_", model)
    if not isinstance(tree, Tree):
        raise InputError(
            f"Only trees are drawn; {type(model).__name__} has none. Use a CartStudent."
        )
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
    decided, chances = leaf_decisions(model, tree.value)
    said = [_said(d, c) for d, c in zip(decided, chances, strict=True)]
    for node in range(len(tree.nodes.feature)):
        depth = tree.nodes.depths[node]
        if max_depth is not None and depth > max_depth:
            continue
        folded = depth == max_depth and not tree.nodes.is_leaf[node]
        _add_node(graph, tree, node, said[node], folded=folded)
        if not tree.nodes.is_leaf[node] and not folded:
            graph.edge(str(node), str(tree.nodes.left[node]), label=" yes ")
            graph.edge(str(node), str(tree.nodes.right[node]), label=" no ")
    return graphviz.Source(graph.source)


def save_diagram(
    model: Any, path: str | os.PathLike[str], *, max_depth: int | None = None
) -> Path:
    """Draw a tree into a file.

    Parameters
    ----------
    model : Tree or fitted model with a `tree_`
        What to draw.
    path : str or path
        The file; its ending says the format: .svg, .pdf, .png, or .dot and .gv for the
        text alone, which needs no Graphviz.
    max_depth : int or None, default=None
        In [1, inf): tests below this depth are folded into one node; None draws all.

    Returns
    -------
    Path
        The file, complete: it is written under another name and moved into place.

    Raises
    ------
    InputError
        For another ending, or when Graphviz's `dot` is not installed.
    """
    import graphviz

    target = Path(path)
    ending = target.suffix.lower().lstrip(".")
    if ending not in _FORMATS:
        raise InputError(
            f"A diagram's file must end in {', '.join('.' + f for f in _FORMATS)}. Got "
            f"{target.name!r}."
        )
    source = tree_diagram(model, max_depth=max_depth)
    if ending in ("dot", "gv"):
        drawn = source.source.encode()
    else:
        try:
            drawn = source.pipe(format=ending, quiet=True)
        except graphviz.ExecutableNotFound as error:
            raise InputError(
                f"Graphviz's 'dot' is needed to draw {target.name!r} and is not "
                "installed (Debian: apt install graphviz). A file that ends in .dot "
                "needs none."
            ) from error
        except graphviz.CalledProcessError as error:
            said = (error.stderr or b"").decode(errors="replace").strip()
            raise InputError(
                f"Graphviz's 'dot' could not draw {target.name!r}: "
                f"{said or f'it ended with status {error.returncode}'}."
            ) from error
    write_atomically(target, drawn)
    return target


_FORMATS = ("svg", "pdf", "png", "dot", "gv")


def _add_node(graph: Any, tree: Tree, node: int, said: str, *, folded: bool) -> None:
    import graphviz

    share = f"{tree.cover[node] / max(tree.cover[0], 1e-300):.1%} of rows"
    best = int(tree.value[node].argmax())
    several = tree.n_outputs > 1
    fill = _FILLS[best % len(_FILLS)] if several else _FILLS[0]
    if tree.nodes.is_leaf[node]:
        lines = [said, share]
    elif folded:
        below = _leaves_below(tree, node)
        lines = [f"{below} leaves", f"mostly {said}", share]
    else:
        fill = "white"
        lines = [str(node_test(tree.nodes, node)), share]
    # Names come from data: Graphviz may read no HTML, no escape, no &lt; in them.
    text = "\n".join(_wrap(line) for line in lines).replace("&", "&amp;")
    label = graphviz.nohtml(graphviz.escape(text).replace("\n", r"\n"))
    graph.node(str(node), label=label, fillcolor=fill)


def _said(prediction: Any, chance: float | None) -> str:
    text = prediction_text(prediction)
    return text if chance is None else f"{text} ({chance:.0%})"


def _leaves_below(tree: Tree, node: int) -> int:
    waiting, leaves = [node], 0
    while waiting:
        here = waiting.pop()
        if tree.nodes.is_leaf[here]:
            leaves += 1
        else:
            waiting += [int(tree.nodes.left[here]), int(tree.nodes.right[here])]
    return leaves


def _wrap(text: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text)
    shortened = plain if len(plain) <= _LONGEST else plain[: _LONGEST - 3] + "..."
    return "\n".join(textwrap.wrap(shortened, _WIDTH)) or " "
