"""A picture: shapes and their size, that shows itself as SVG, PNG and PDF."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from interpretkd._base import check_choice, one_line
from interpretkd.drawing._colours import colours
from interpretkd.drawing._raster import _letter_size, _Sheet, _to_pdf, _to_png
from interpretkd.drawing._shapes import Shape
from interpretkd.drawing._svg import _to_svg


@dataclass(frozen=True)
class Drawing:
    """A picture; shows itself in a notebook.

    Parameters
    ----------
    width, height : float
        Its size in pixels.
    title : str
        What it shows, in a line.
    text : str
        The same for those who do not see it: all that the picture says.
    shapes : tuple
        What is drawn, the hindmost first.
    theme : {"auto", "light", "dark"}, default="auto"
        How a notebook shows it.
    """

    width: float
    height: float
    title: str
    text: str
    shapes: tuple[Shape, ...] = field(repr=False)
    theme: str = "auto"

    @property
    def alt(self) -> str:
        """The text that stands in for the picture."""
        return f"{self.title}\n{self.text}" if self.text else self.title

    def svg(self, *, theme: str = "auto", name: str | None = None) -> str:
        """Write the picture as an SVG element.

        Parameters
        ----------
        theme : {"auto", "light", "dark"}, default="auto"
            "auto" follows the reader's settings and prints light.
        name : str or None, default=None
            The element's id, which must be the only one of its page; None makes one
            from what is drawn, so that different pictures have different ids.

        Returns
        -------
        str
            It has no script, no XML declaration and no address, but for images that
            lie in it: it can be written to a file, and stand in a page beside others.

        Raises
        ------
        InputError
            For another theme, or a name that is no id.
        """
        size = (self.width, self.height)
        return _to_svg(self.shapes, size, self.title, self.text, theme=theme, name=name)

    def png(self, *, theme: str = "light", scale: float = 2) -> bytes:
        """Draw the picture as PNG.

        Parameters
        ----------
        theme : {"light", "dark"}, default="light"
            The colours.
        scale : float, default=2
            In (0, 10]: image pixels for one of the picture's; of a very large picture
            fewer are taken.

        Returns
        -------
        bytes
            The file's content; needs the extra ``[viz]``.
        """
        return _to_png(self._sheet("png", theme), scale)

    def pdf(self, *, theme: str = "light") -> bytes:
        """Draw the picture as a PDF of one page of its size.

        Parameters
        ----------
        theme : {"light", "dark"}, default="light"
            The colours.

        Returns
        -------
        bytes
            The file's content; needs the extra ``[viz]``.
        """
        return pages_pdf([self], theme=theme)

    def _sheet(self, owner: str, theme: str) -> _Sheet:
        check_choice(owner, "theme", theme, ("light", "dark"))
        size = (self.width, self.height)
        svg = _to_svg(
            self.shapes, size, self.title, "", theme=theme, letters=_letter_size()
        )
        alt = "\n".join(map(one_line, self.alt.splitlines()))
        return _Sheet(svg, alt, colours(theme)["paper"], *size)

    def _repr_html_(self) -> str:
        return (
            '<div class="tex2jax_ignore mathjax_ignore" style="overflow:auto;'
            f'max-height:85vh">{self.svg(theme=self.theme)}</div>'
        )


def pages_pdf(drawings: Sequence[Drawing], *, theme: str = "light") -> bytes:
    """Draw pictures as the pages of a PDF.

    Parameters
    ----------
    drawings : sequence of Drawing
        The pages, each of its own size.
    theme : {"light", "dark"}, default="light"
        The colours.

    Returns
    -------
    bytes
        The file's content; needs the extra ``[viz]``.

    Raises
    ------
    InputError
        For another theme, and when typst is not installed.
    """
    sheets = [drawing._sheet("pdf", theme) for drawing in drawings]
    return _to_pdf(sheets, one_line(drawings[0].title))
