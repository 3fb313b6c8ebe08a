import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from interpretkd._errors import InputError
from interpretkd.canvas import fonts, plain_text, to_pdf, to_png
from interpretkd.drawings import Curve, Drawing, Group, Pixels, Rect, Text
from interpretkd.palettes import colours


def _drawing(*shapes: Any, width: float = 60, height: float = 40) -> Drawing:
    return Drawing(width, height, "A picture", "", tuple(shapes))


def _pixels(drawing: Drawing, **settings: Any) -> Any:
    image = Image.open(io.BytesIO(to_png(drawing, **settings)))
    return np.asarray(image.convert("RGB"))


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_shapes_stand_where_they_should(theme: str) -> None:
    shapes = Group(
        3,
        "a node",
        (
            Rect(10, 5, 20, 10, "c0"),
            Pixels(40, 20, 10, 10, (("#ff0000", "#00ff00"), ("#0000ff", "#ffffff"))),
        ),
    )
    image = _pixels(_drawing(shapes), theme=theme, scale=2)
    palette = colours(theme)
    assert image.shape == (80, 120, 3)
    assert tuple(image[2, 2]) == _rgb(palette["paper"])
    assert tuple(image[20, 40]) == _rgb(palette["c0"])
    assert tuple(image[20, 17]) == _rgb(palette["paper"])
    assert tuple(image[34, 40]) == _rgb(palette["paper"])
    corners = [tuple(image[y, x]) for y in (43, 57) for x in (83, 97)]
    assert corners == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]


def test_a_curve_goes_from_its_start_to_its_end() -> None:
    image = _pixels(_drawing(Curve(10, 10, 50, 30, 3, hot=True)), scale=1)
    dark = image.sum(axis=2) < 300
    assert dark[9:12, 11].any()
    assert dark[28:32, 48].any()
    assert not dark[:5].any()


def test_text_is_drawn_and_is_no_formula() -> None:
    blank = _pixels(_drawing())
    for text in ("a < b", "$x^2$", r"\alpha", "$", "a_b^c%#&{}", "السن", "年 🙂", ""):
        image = _pixels(_drawing(Text(5, 20, text)))
        assert (image != blank).any() == bool(text.strip())


def test_what_no_font_has_is_marked() -> None:
    assert plain_text("plain <b>") == "plain <b>"
    assert plain_text("ü 30 ≤ ж") == "ü 30 ≤ ж"
    assert plain_text("\U000f0000") == "\N{SPACE}"  # unassigned: not printable
    assert plain_text("𓀀 x") in ("\ufffd x", "𓀀 x")
    assert fonts()[-1] is not None
    assert "DejaVu Sans" in fonts()


def test_sizes_follow_the_scale_up_to_a_limit() -> None:
    small = _drawing(width=100, height=50)
    assert _pixels(small, scale=0.5).shape == (25, 50, 3)
    assert _pixels(small, scale=3).shape == (150, 300, 3)
    wide = _drawing(width=40_000, height=10)
    assert _pixels(wide, scale=1).shape[1] == 30_000


def test_a_pdf_has_pages_of_their_size() -> None:
    drawn = to_pdf([_drawing(), _drawing(width=100, height=30_000)])
    assert drawn.startswith(b"%PDF")
    assert b"/MediaBox [ 0 0 60 40 ]" in drawn
    assert b"/MediaBox [ 0 0 48 14400 ]" in drawn
    assert b"CreationDate" not in drawn
    assert to_pdf([_drawing()]) == to_pdf([_drawing()])


@pytest.mark.parametrize("scale", [0, -1, 11, float("nan"), "2"])
def test_other_scales_are_refused(scale: Any) -> None:
    with pytest.raises(InputError, match="The 'scale' parameter of png must be"):
        to_png(_drawing(), scale=scale)


@pytest.mark.parametrize("draw", [to_png, lambda d, **k: to_pdf([d], **k)])
def test_other_themes_are_refused(draw: Any) -> None:
    with pytest.raises(InputError, match="must be one of 'light', 'dark'"):
        draw(_drawing(), theme="auto")


def test_no_global_figure_is_left_behind() -> None:
    to_png(_drawing(Text(5, 20, "x")))
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_the_users_own_style_changes_nothing(tmp_path: Path) -> None:
    import matplotlib as mpl

    drawing = _drawing(Rect(5, 5, 10, 10, "box", 3), Text(5, 30, "text"))
    before = to_png(drawing), to_pdf([drawing])
    style = {"savefig.bbox": "tight", "text.usetex": True, "savefig.transparent": True}
    with mpl.rc_context({**style, "savefig.facecolor": "red", "figure.dpi": 30}):
        assert (to_png(drawing), to_pdf([drawing])) == before
