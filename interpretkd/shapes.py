"""What pictures are made of: a few shapes, and nothing of how they are written."""

from typing import NamedTuple, TypeAlias

__all__ = ["FONT_SIZES", "Curve", "Group", "Pixels", "Rect", "Shape", "Text"]

FONT_SIZES = {"title": 15.0, "body": 12.0, "small": 10.5}


class Rect(NamedTuple):
    """A box.

    Parameters
    ----------
    x, y : float
        Its upper left corner.
    width, height : float
        Its size.
    role : str
        What it is, which gives its colours.
    radius : float, default=0
        That of its corners.
    hot : bool, default=False
        Whether it has a strong border.
    """

    x: float
    y: float
    width: float
    height: float
    role: str
    radius: float = 0
    hot: bool = False


class Text(NamedTuple):
    """One line of text.

    Parameters
    ----------
    x, y : float
        A point on its base line.
    text : str
        The text, whatever it says.
    role : str, default="ink"
        What it is, which gives its colour.
    size : {"title", "body", "small"}, default="body"
        Its size, in `FONT_SIZES`.
    anchor : {"start", "middle", "end"}, default="start"
        Which of its points is meant.
    bold : bool, default=False
        Whether it is set in bold.
    """

    x: float
    y: float
    text: str
    role: str = "ink"
    size: str = "body"
    anchor: str = "start"
    bold: bool = False


class Curve(NamedTuple):
    """A curve from a point to another, that starts and ends along one axis.

    Parameters
    ----------
    x0, y0 : float
        Where it starts.
    x1, y1 : float
        Where it ends.
    width : float, default=1.2
        How thick it is.
    upright : bool, default=False
        Whether that axis is the upright one.
    hot : bool, default=False
        Whether it has a strong colour.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    width: float = 1.2
    upright: bool = False
    hot: bool = False


class Pixels(NamedTuple):
    """An image.

    Parameters
    ----------
    x, y : float
        Its upper left corner.
    width, height : float
        Its size.
    rows : tuple of tuple of str
        For each row of it the colours of its pixels, as #rrggbb.
    """

    x: float
    y: float
    width: float
    height: float
    rows: tuple[tuple[str, ...], ...]


class Group(NamedTuple):
    """The shapes of one node of a tree.

    Parameters
    ----------
    node : int
        The node's index.
    title : str
        All that is known of it: a browser shows it under the pointer.
    shapes : tuple
        The shapes.
    """

    node: int
    title: str
    shapes: tuple["Shape", ...]


Shape: TypeAlias = Rect | Text | Curve | Pixels | Group
