"""Tree diagrams as files.

SVG, PNG and PDF are drawn by `diagrams`, without any program beside Python.
"""

import os
from pathlib import Path
from typing import Any

from interpretkd._base import InputError, write_atomically
from interpretkd.drawing._colours import _check_theme
from interpretkd.drawing._drawing import pages_pdf
from interpretkd.drawing._graphviz import tree_diagram
from interpretkd.drawing._tree import draw_pages, draw_tree

_FORMATS = ("svg", "pdf", "png", "dot", "gv")


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
        The colours. None is "light": a file may stand on any paper. "auto", for .svg
        alone, follows the reader's settings.
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
        typst where it is needed.
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
        drawn = pages_pdf(sheets, theme=theme or "light")
    else:
        drawn = _picture(model, ending, theme, max_depth=max_depth, **settings)
    write_atomically(target, drawn)
    return target


def _picture(model: Any, ending: str, theme: str | None, **settings: Any) -> bytes:
    if theme is not None:
        _check_theme("save_diagram", theme)
    drawing = draw_tree(model, **settings)
    if ending == "svg":
        return (drawing.svg(theme=theme or "light") + "\n").encode()
    if ending == "png":
        return drawing.png(theme=theme or "light")
    return drawing.pdf(theme=theme or "light")
