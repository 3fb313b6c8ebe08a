import io
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from interpretkd._base import InputError
from interpretkd.drawing import (
    Drawing,
    Pixels,
    Rect,
    Text,
    _raster as raster,
    as_png,
    colours,
    pages_pdf,
    text_width,
)
from interpretkd.drawing._shapes import Curve, Group

typst = pytest.importorskip("typst")


def _drawing(*shapes: Any, width: float = 60, height: float = 40) -> Drawing:
    return Drawing(width, height, "A picture", "", tuple(shapes))


def _pixels(drawing: Drawing, **settings: Any) -> Any:
    image = Image.open(io.BytesIO(drawing.png(**settings)))
    return np.asarray(image.convert("RGB"))


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_shapes_stand_where_they_should(theme: str) -> None:
    squares = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255] * 3]])
    squares = squares.astype(np.uint8)
    shapes = Group(
        3,
        "a node",
        (
            Rect(10, 5, 20, 10, "c0"),
            Pixels(40, 20, 10, 10, as_png(squares)),
        ),
    )
    image = _pixels(_drawing(shapes), theme=theme, scale=2)
    by_role = colours(theme)
    assert image.shape == (80, 120, 3)
    assert tuple(image[2, 2]) == _rgb(by_role["paper"])
    assert tuple(image[20, 40]) == _rgb(by_role["c0"])
    assert tuple(image[20, 17]) == _rgb(by_role["paper"])
    assert tuple(image[34, 40]) == _rgb(by_role["paper"])
    corners = [tuple(image[y, x]) for y in (43, 57) for x in (83, 97)]
    assert corners == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_edge_shines_through(theme: str) -> None:
    drawn = _drawing(width=60.3, height=40.7).png(theme=theme, scale=1.7)
    image = np.asarray(Image.open(io.BytesIO(drawn)).convert("RGBA"))
    assert (image == [*_rgb(colours(theme)["paper"]), 255]).all()


def test_a_curve_goes_from_its_start_to_its_end() -> None:
    image = _pixels(_drawing(Curve(10, 10, 50, 30, 3, hot=True)), scale=1)
    dark = image.sum(axis=2) < 300
    assert dark[9:12, 11].any()
    assert dark[28:32, 48].any()
    assert not dark[:5].any()


def _inked(text: str, *, bold: bool = False) -> float:
    """Return how wide a text is drawn, which is nearly as far as the pen goes."""
    drawing = _drawing(Text(20, 30, text, bold=bold), width=300)
    columns = (_pixels(drawing, scale=4) < 200).any(axis=(0, 2)).nonzero()[0]
    return float(columns[-1] - columns[0]) / 4


TEXTS = ("credit amount <= 9118.5", "status_of_account in {radio}", "WAVY")


@pytest.mark.parametrize("bold", [False, True])
def test_letters_are_as_wide_as_the_layout_thinks(bold: bool) -> None:
    if raster._letter_size() < 1:
        pytest.skip("no font is as wide as Helvetica")
    for text in TEXTS:
        assert _inked(text, bold=bold) == pytest.approx(
            text_width(text, 12, bold=bold), abs=2.1
        )


def test_without_fonts_letters_come_from_matplotlib_and_are_smaller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("matplotlib")
    make, bare = typst.Fonts, typst.Fonts(include_system_fonts=False)
    monkeypatch.setattr(
        typst,
        "Fonts",
        lambda font_paths=(): (
            make(include_system_fonts=False, font_paths=font_paths)
            if font_paths
            else bare
        ),
    )
    raster._fonts.cache_clear()
    try:
        assert raster._letter_size() < 1
        for text in TEXTS[:2]:
            assert _inked(text) == pytest.approx(text_width(text, 12), rel=0.09)
    finally:
        raster._fonts.cache_clear()


def test_text_is_drawn_and_is_no_markup() -> None:
    blank = _pixels(_drawing())
    for text in ("a < b", "$x^2$", "#read(1)", r"\alpha", "a_b^c%#&{}", "\ud800", ""):
        image = _pixels(_drawing(Text(5, 20, text)))
        assert (image != blank).any() == bool(text.strip("\ud800"))
    for text in ("السن", "年 🙂", "שלום <= 30", "x" * 5000):  # drawn, or as a box
        image = _pixels(_drawing(Text(5, 20, text)))
        assert (image != blank).any()


def test_hostile_titles_reach_no_markup() -> None:
    for title in ('"]) #panic("x")', '#read("/etc/passwd")', "\ud800", "a\nb", ""):
        drawing = Drawing(20, 20, title, f"{title}\n{title}", ())
        assert drawing.pdf().startswith(b"%PDF")
        assert drawing.png().startswith(b"\x89PNG")


def test_no_file_is_read(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "red.png")
    monkeypatch.chdir(tmp_path)
    for address in ("red.png", f"file://{tmp_path}/red.png", f"{tmp_path}/red.png"):
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8">'
            f'<image href="{address}" width="8" height="8"/></svg>'
        )
        with pytest.raises(RuntimeError, match=r"not found|not allowed"):
            raster._to_png(raster._Sheet(svg, "", "#ffffff", 8, 8))


def test_sizes_follow_the_scale_up_to_a_limit() -> None:
    small = _drawing(width=100, height=50)
    assert _pixels(small, scale=0.5).shape == (25, 50, 3)
    assert _pixels(small, scale=3).shape == (150, 300, 3)
    wide = _drawing(width=40_000, height=10)
    assert _pixels(wide, scale=1).shape[1] == 30_000


def test_a_large_picture_is_drawn_with_fewer_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(raster, "_MOST_PIXELS", 5000)
    assert _pixels(_drawing(width=100, height=50), scale=2).shape == (50, 100, 3)


def test_a_pdf_has_pages_of_their_size() -> None:
    drawn = pages_pdf([_drawing(), _drawing(width=100, height=30_000)])
    assert drawn.startswith(b"%PDF")
    assert b"/MediaBox[0 0 60 40]" in drawn
    assert b"/MediaBox[0 0 48 14400]" in drawn
    assert drawn.count(b"/MediaBox") == 2
    assert b"CreationDate" not in drawn
    assert pages_pdf([_drawing()]) == pages_pdf([_drawing()])


def test_the_same_picture_is_the_same_png() -> None:
    drawing = _drawing(Rect(5, 5, 10, 10, "box", 3), Text(5, 30, "text"))
    assert drawing.png() == drawing.png()


@pytest.mark.parametrize("scale", [0, -1, 11, float("nan"), "2"])
def test_other_scales_are_refused(scale: Any) -> None:
    with pytest.raises(InputError, match="The 'scale' parameter of png must be"):
        _drawing().png(scale=scale)


@pytest.mark.parametrize("draw", [Drawing.png, lambda d, **k: pages_pdf([d], **k)])
def test_other_themes_are_refused(draw: Any) -> None:
    with pytest.raises(InputError, match="must be one of 'light', 'dark'"):
        draw(_drawing(), theme="auto")


def test_typst_is_loaded_when_something_is_drawn() -> None:
    code = (
        "import sys; from interpretkd.drawing import Drawing\n"
        "drawing = Drawing(9, 9, '', '', ()); drawing.svg()\n"
        "assert 'typst' not in sys.modules; drawing.png()\n"
        "assert 'typst' in sys.modules and 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
