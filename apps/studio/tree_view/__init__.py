"""The drawn tree as something to walk about in, by pointer and by keyboard."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from interpretkd.drawing import DrawnBranch

__all__ = ["tree_view"]

_LOWEST, _HIGHEST = 260, 620
"""Of the frame, in pixels."""
_HELP = (
    "Drag to move, Ctrl and the wheel to zoom. With Tab into the tree: arrow keys go "
    "from node to node, Shift and an arrow moves the picture, + - 0 zoom and fit, "
    "Enter chooses the node, o opens or folds its branch, Home goes to the first node."
)
_HTML = f"""
<div class="tree">
  <div class="bar" role="group" aria-label="View of the tree">
    <button type="button" data-do="in" aria-label="Zoom in">+</button>
    <button type="button" data-do="out" aria-label="Zoom out">&minus;</button>
    <button type="button" data-do="fit">Fit</button>
    <button type="button" data-do="fold">Open or fold the branch</button>
  </div>
  <div class="frame"></div>
  <p class="help" id="help">{_HELP}</p>
</div>
"""


def _text(ending: str) -> str:
    return Path(__file__).with_name(f"tree_view{ending}").read_text(encoding="utf-8")


_MOUNT = st.components.v2.component(
    "interpretkd_tree", html=_HTML, css=_text(".css"), js=_text(".js")
)


def tree_view(
    drawn: DrawnBranch,
    theme: str,
    selected: int,
    on_event: Callable[[], None],
    key: str,
) -> None:
    """Show a drawn tree.

    Parameters
    ----------
    drawn : DrawnBranch
        The picture.
    theme : {"light", "dark"}
        Its colours.
    selected : int
        The node that is chosen.
    on_event : callable
        Called when a person chose, opened or folded a node; what is held under `key`
        then has an ``event`` with the "kind" and the "node".
    key : str
        Of the component.
    """
    height = min(max(drawn.drawing.height, _LOWEST), _HIGHEST)
    data: dict[str, Any] = {
        "svg": drawn.drawing.svg(theme=theme),
        "label": drawn.drawing.title,
        "nodes": [node.__dict__ for node in drawn.nodes],
        "root": drawn.nodes[0].node,
        "direction": drawn.direction,
        "selected": selected,
        "height": round(height),
    }
    _MOUNT(key=key, data=data, on_event_change=on_event)
