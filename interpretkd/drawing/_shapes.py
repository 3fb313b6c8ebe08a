"""What pictures are made of: a few shapes, and nothing of how they are written."""

from typing import NamedTuple, TypeAlias

FONT_SIZES = {"title": 15.0, "body": 12.0, "small": 10.5, "tiny": 7.5}


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
    size : {"title", "body", "small", "tiny"}, default="body"
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
    png : bytes
        The image itself, as `drawing.as_png` writes it.
    """

    x: float
    y: float
    width: float
    height: float
    png: bytes


class Polygon(NamedTuple):
    """A mark with straight sides.

    Parameters
    ----------
    points : tuple of tuple of float
        (x, y) of its corners.
    role : str
        What it is, which gives its colour.
    """

    points: tuple[tuple[float, float], ...]
    role: str


class Strokes(NamedTuple):
    """Level lines, all alike.

    Parameters
    ----------
    starts : tuple of tuple of float
        (x, y) of the left end of each.
    length : float
        How long they are.
    width : float
        How thick they are.
    role : str
        What they are, which gives their colour.
    """

    starts: tuple[tuple[float, float], ...]
    length: float
    width: float
    role: str


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


Shape: TypeAlias = Rect | Text | Curve | Pixels | Polygon | Strokes | Group


def moved(shape: Shape, x: float, y: float) -> Shape:
    """Put a shape somewhere else.

    Parameters
    ----------
    shape : Rect, Text, Curve, Pixels, Polygon, Strokes or Group
        The shape.
    x, y : float
        How far it goes to the right and down.

    Returns
    -------
    Rect, Text, Curve, Pixels, Polygon, Strokes or Group
        The same shape there.

    Examples
    --------
    >>> moved(Rect(1, 2, 5, 5, "box"), 10, 20)[:4]
    (11, 22, 5, 5)
    """
    if isinstance(shape, Group):
        return shape._replace(shapes=tuple(moved(s, x, y) for s in shape.shapes))
    if isinstance(shape, Polygon):
        return shape._replace(points=tuple((a + x, b + y) for a, b in shape.points))
    if isinstance(shape, Strokes):
        return shape._replace(starts=tuple((a + x, b + y) for a, b in shape.starts))
    if isinstance(shape, Curve):
        start, end = (shape.x0 + x, shape.y0 + y), (shape.x1 + x, shape.y1 + y)
        return Curve(*start, *end, shape.width, shape.upright, shape.hot)
    return shape._replace(x=shape.x + x, y=shape.y + y)
