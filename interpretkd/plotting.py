"""Tree diagrams as files, and as text for Graphviz.

SVG, PNG and PDF are drawn by `diagrams`, without any program beside Python.
"""

import os
import textwrap
from pathlib import Path
from typing import Any

from interpretkd._errors import InputError
from interpretkd._files import write_atomically
from interpretkd._validation import check_integer
from interpretkd.canvas import to_pdf
from interpretkd.diagrams import draw_pages, draw_tree, look_of
from interpretkd.node_boxes import Look
from interpretkd.palettes import check_theme

__all__ = ["save_diagram", "tree_diagram"]

# Okabe & Ito (2008): told apart by the colour-blind; light, so that text stays black.
_FILLS = (
    "#a6d8f0", "#f6cf8b", "#8fd3b8", "#f3b8d6", "#c9c9c9", "#f5ef9a", "#9dbfe3",
    "#efb493",
)  # fmt: skip
_WIDTH, _LONGEST = 28, 120
_FORMATS = ("svg", "pdf", "png", "dot", "gv")


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


def save_diagram(
    model: Any,
    path: str | os.PathLike[str],
    *,
    max_depth: int | None = None,
    theme: str | None = None,
    page_depth: int | None = None,
    **settings: Any,
) -> Path:
    """Draw a tree into a file.

    Parameters
    ----------
    model : Tree, Forest, student or fitted model
        What to draw.
    path : str or path
        The file; its ending says the format: .svg, which needs nothing; .pdf and .png,
        which need the extra ``[viz]``; .dot and .gv, text for Graphviz.
    max_depth : int or None, default=None
        In [0, inf): branches below this depth are folded. None draws all into text for
        Graphviz, and into a picture what `draw_tree` does.
    theme : {"auto", "light", "dark"} or None, default=None
        The colours. None is "auto" for .svg and "light" for .pdf and .png, which have
        no "auto".
    page_depth : int or None, default=None
        In [1, inf), for .pdf only: the tests below each other on one page of many; see
        `draw_pages`. None makes one page.
    **settings
        As of `draw_tree`; of text for Graphviz only `tree`.

    Returns
    -------
    Path
        The file, complete: it is written under another name and moved into place.

    Raises
    ------
    InputError
        For another ending, for settings that the format does not have, and without
        matplotlib where it is needed.
    """
    target = Path(path)
    ending = target.suffix.lower().lstrip(".")
    if ending not in _FORMATS:
        raise InputError(
            f"A diagram's file must end in {', '.join('.' + f for f in _FORMATS)}. Got "
            f"{target.name!r}."
        )
    if page_depth is not None and ending != "pdf":
        raise InputError(
            "The 'page_depth' parameter of save_diagram is for .pdf files. Got "
            f"{target.name!r}."
        )
    if ending in ("dot", "gv"):
        needless = sorted(set(settings) - {"tree"}) + (["theme"] if theme else [])
        if needless:
            raise InputError(
                f"Text for Graphviz has no setting {needless[0]!r}; .svg, .pdf and "
                ".png have it."
            )
        text: str = tree_diagram(model, max_depth=max_depth, **settings).source
        drawn = text.encode()
    elif page_depth is not None:
        if max_depth is not None:
            raise InputError(
                "Pages show the whole tree: 'max_depth' and 'page_depth' of "
                "save_diagram exclude each other."
            )
        sheets = draw_pages(model, depth=page_depth, **settings)
        drawn = to_pdf(sheets, theme=theme or "light")
    else:
        drawn = _picture(model, ending, theme, max_depth=max_depth, **settings)
    write_atomically(target, drawn)
    return target


def _picture(model: Any, ending: str, theme: str | None, **settings: Any) -> bytes:
    if theme is not None:
        check_theme("save_diagram", theme)
    drawing = draw_tree(model, **settings)
    if ending == "svg":
        return (drawing.svg(theme=theme or "auto") + "\n").encode()
    if ending == "png":
        return drawing.png(theme=theme or "light")
    return drawing.pdf(theme=theme or "light")


def _add_node(graph: Any, look: Look, node: int, *, folded: bool) -> None:
    import graphviz

    said, share = look.said[node], f"{look.share[node]:.1%} of rows"
    fill = _FILLS[look.best[node] % len(_FILLS)]
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
