"""Pictures of trees as SVG, PNG, PDF and DOT; colours; the base of all figures.

Belongs here: shapes, layout, text widths, colours, and how a picture is written.
Does not: what is measured and shown in figures (`evaluation`, `explain`).
Read first: `_tree.py` (from a tree to shapes), `_drawing.py` (from shapes to a file).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.drawing._branch import *
    from interpretkd.drawing._colours import (
        LINE_COLOURS as LINE_COLOURS,
        SIGNED_COLOURS as SIGNED_COLOURS,
        Theme as Theme,
        colours as colours,
    )
    from interpretkd.drawing._display import *
    from interpretkd.drawing._drawing import *
    from interpretkd.drawing._files import *
    from interpretkd.drawing._graphviz import *
    from interpretkd.drawing._look import *
    from interpretkd.drawing._pixels import *
    from interpretkd.drawing._shapes import (
        FONT_SIZES as FONT_SIZES,
        Pixels as Pixels,
        Polygon as Polygon,
        Rect as Rect,
        Shape as Shape,
        Strokes as Strokes,
        Text as Text,
        moved as moved,
    )
    from interpretkd.drawing._text_metrics import *
    from interpretkd.drawing._tree import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _branch: DrawnBranch DrawnNode branch_outline draw_branch
        _colours: LINE_COLOURS SIGNED_COLOURS Theme colours
        _display: Display LINES MARKERS check_classes label numbers panels
            shortened
        _drawing: Drawing pages_pdf
        _files: save_diagram
        _graphviz: tree_diagram
        _look: Look
        _pixels: as_png pixel_place
        _shapes: FONT_SIZES Pixels Polygon Rect Shape Strokes Text moved
        _text_metrics: text_width wrap
        _tree: DIRECTIONS draw_pages draw_tree look_of tree_svg
        """,
    )
