import base64
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits as sklearn_digits
from sklearn.linear_model import LogisticRegression

from interpretkd._base import InputError
from interpretkd.data import Feature, Schema
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.explain import contribution_image, leaf_images, path_image
from interpretkd.models import (
    ALL_NUMBERS,
    Nodes,
    Tree,
    feature_importance,
    path_contributions,
    read_outputs,
)
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "a\"b'c",
    "line\nbreak",
    "x" * 200,
    "\u0645\u0631\u062d\u0628\u0627",
    "\U0001f642",
    "=1+1|\\",
    "</script>",
    "%_#$",
    "]]>&amp;<!--",
)
FORBIDDEN = ("script", "foreignObject", "a", "img", "use", "iframe")


def digit_schema() -> Schema:
    names = [f"r{i:02}c{j:02}" for i in range(8) for j in range(8)]
    return Schema(tuple(Feature(name, "pixel") for name in names), (8, 8))


def rgb_schema() -> Schema:
    names = [f"p{i}" for i in range(90)]
    return Schema(tuple(Feature(name, "pixel") for name in names), (3, 6, 5))


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    X, y = sklearn_digits(return_X_y=True)
    return X[:600].astype(np.float32), y[:600]


@pytest.fixture(scope="module")
def models(digits: Any) -> dict[str, Any]:
    X, y = digits
    teacher = LogisticRegression(max_iter=500, tol=1e-3).fit(X / 16, y)
    names = np.asarray(HOSTILE, dtype=object)[y].astype(str)
    hostile = LogisticRegression(max_iter=500, tol=1e-3).fit(X / 16, names)
    kinds = {
        "cart": CartStudent(max_leaves=16, search="greedy"),
        "linear": LinearStudent(),
        "boosted": BoostedStudent(max_leaves=16),
    }
    fitted = {
        kind: DistilledClassifier(teacher, student=student, random_state=0).fit(
            X / 16, y
        )
        for kind, student in kinds.items()
    }
    fitted["hostile"] = DistilledClassifier(
        hostile, student=kinds["cart"], random_state=0
    ).fit(X / 16, names)
    fitted["hostile linear"] = DistilledClassifier(
        hostile, student=kinds["linear"], random_state=0
    ).fit(X / 16, names)
    return fitted


def parsed(svg: str) -> ET.Element:
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    labels = root.get("aria-labelledby", "").split()
    assert set(labels) <= set(ids)
    assert root.findtext(f"{SVG}title")
    assert root.findtext(f"{SVG}desc")
    for element in root.iter():
        assert element.tag.removeprefix(SVG) not in FORBIDDEN
        assert not any(name.startswith("on") for name in element.attrib)
        address = element.get("href")
        assert address is None or address.startswith("data:image/png;base64,")
    assert "url(" not in svg
    assert "@import" not in svg
    return root


def rasters(svg: str) -> list[Any]:
    found = []
    for element in parsed(svg).iter(f"{SVG}image"):
        assert "image-rendering:pixelated" in element.get("style", "")
        data = element.get("href", "").removeprefix("data:image/png;base64,")
        image = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
        image.load()
        found.append(np.asarray(image))
    return found


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in parsed(svg).iter(f"{SVG}text")]


def shrunk(raster: Any, shape: tuple[int, int]) -> Any:
    """Take one of the equal pixels of each block."""
    factor = raster.shape[0] // shape[0]
    small = raster[::factor, ::factor]
    assert small.shape[:2] == shape
    large = np.repeat(np.repeat(small, factor, axis=0), factor, axis=1)
    np.testing.assert_array_equal(large, raster)
    return small


# Paths


@pytest.mark.parametrize("row", [0, 3, 77])
def test_path_pixels_are_those_of_the_tree(models: Any, digits: Any, row: int) -> None:
    model, X = models["cart"], digits[0] / 16
    tree = model.student_.tree_
    drawn = path_image(model, X[row], schema=digit_schema())
    node, passed = 0, []
    while not tree.nodes.is_leaf[node]:
        feature, threshold = tree.nodes.feature[node], tree.nodes.threshold[node]
        goes_left = np.float32(X[row, feature]) <= threshold
        passed.append((int(feature), float(threshold), bool(goes_left)))
        node = (tree.nodes.left if goes_left else tree.nodes.right)[node]
    assert drawn.leaf == node
    assert drawn.decision == str(model.predict(X[[row]])[0])
    np.testing.assert_array_equal(drawn.image[0], X[row].reshape(8, 8))
    assert [p.number for p in drawn.pixels] == list(range(1, len(passed) + 1))
    for pixel, (feature, threshold, goes_left) in zip(
        drawn.pixels, passed, strict=True
    ):
        assert (pixel.row, pixel.column) == divmod(feature, 8)
        assert pixel.feature == f"r{pixel.row:02}c{pixel.column:02}"
        assert pixel.threshold == threshold
        assert pixel.side == ("below" if goes_left else "above")
        assert pixel.value == X[row, feature]
        assert pixel.test in drawn.alt
    assert drawn.frame()["threshold"].tolist() == [p.threshold for p in drawn.pixels]


def test_path_picture_shows_row_markers_and_tests(models: Any, digits: Any) -> None:
    X = digits[0] / 16
    drawn = path_image(models["cart"], X[3], schema=digit_schema())
    svg = drawn.svg()
    (raster,) = rasters(svg)
    low, high = X[3].min(), X[3].max()
    expected = np.rint(255 * (X[3].astype(float) - low) / (high - low)).reshape(8, 8)
    assert np.abs(shrunk(raster, (8, 8)) - expected).max() <= 1
    written = texts(svg)
    assert {str(p.number) for p in drawn.pixels} <= set(",".join(written).split(","))
    joined = " ".join(written)
    assert all(p.test in joined for p in drawn.pixels)
    markers = [e.get("class", "").split()[0] for e in parsed(svg).iter(f"{SVG}polygon")]
    for side in {p.side for p in drawn.pixels}:
        assert side in markers
    # The shape says the side, too, not the colour alone.
    markers = {
        e.get("class", "").split()[0]: len(re.findall(",", e.get("points", "")))
        for e in parsed(svg).iter(f"{SVG}polygon")
    }
    assert markers["above"] == markers["below"] == 3
    assert drawn._repr_html_().count("<svg") == 1
    assert drawn.svg() == svg


def two_tests() -> Tree:
    """Ask a pixel of two channels twice, then whether another is there."""
    schema = Schema(
        tuple(Feature(f"p{i}", "pixel", has_missing=True) for i in range(8)), (2, 2, 2)
    )
    nodes = Nodes(
        schema=schema,
        feature=np.array([5, 5, 2, -1, -1, -1, -1], np.int32),
        threshold=np.array([9, 3, ALL_NUMBERS, 0, 0, 0, 0], np.float32),
        missing_left=np.zeros(7, bool),
        left=np.array([1, 3, 5, -1, -1, -1, -1], np.int32),
        right=np.array([2, 4, 6, -1, -1, -1, -1], np.int32),
        left_categories=np.zeros(0, bool),
        roots=np.zeros(1, np.int32),
    )
    return Tree(nodes, np.arange(7.0)[:, None], np.ones(7))


def test_path_of_one_pixel_twice_lies_between() -> None:
    row = np.full((2, 2, 2), 5.0)
    drawn = path_image(two_tests(), row)
    assert [p.side for p in drawn.pixels] == ["below", "above"]
    assert {(p.channel, p.row, p.column) for p in drawn.pixels} == {(1, 0, 1)}
    svg = drawn.svg()
    assert "1,2" in texts(svg)
    assert "between two" in texts(svg)
    assert "channel 1" in texts(svg)
    assert len(rasters(svg)) == 2


def test_path_through_missing_pixels() -> None:
    row = np.full(8, 5.0)
    row[[2, 5]] = np.nan
    drawn = path_image(two_tests(), row)
    assert [p.side for p in drawn.pixels] == ["missing", "missing"]
    assert [p.test for p in drawn.pixels] == ["p5 > 9 or missing", "p2 is missing"]
    assert drawn.alt.count("(here missing)") == 2
    assert drawn.leaf == 6
    first, _ = rasters(drawn.svg())
    assert shrunk(first, (2, 2))[1, 0, 1] == 0
    assert (shrunk(first, (2, 2))[..., 1] == 255).sum() == 3
    row[5] = 10
    drawn = path_image(two_tests(), np.where(np.isnan(row), 1, row))
    assert [p.side for p in drawn.pixels] == ["above", "present"]


def test_tree_of_one_leaf_has_a_path_without_tests(digits: Any) -> None:
    X = digits[0]
    schema = digit_schema()
    student = CartStudent(max_depth=1, search="greedy").fit(X, np.zeros(len(X)))
    drawn = path_image(student, X[0], schema=schema)
    assert drawn.pixels == ()
    parsed(drawn.svg())
    assert "0 pixel tests" in drawn.title


# Leaves


def test_leaf_means_equal_numpys(models: Any, digits: Any) -> None:
    model, X = models["cart"], digits[0] / 16
    drawn = leaf_images(model, X, schema=digit_schema())
    reached = model.student_.tree_.apply(X)
    assert {f.leaf for f in drawn.frames} == set(
        np.flatnonzero(model.student_.tree_.nodes.is_leaf).tolist()
    )
    sizes = [f.n_rows for f in drawn.frames]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == len(X)
    for frame in drawn.frames:
        rows = X[reached == frame.leaf]
        assert frame.n_rows == len(rows)
        assert frame.decision == str(model.predict(rows)[0])
        if len(rows) < 5:
            assert frame.mean is None
            continue
        assert frame.mean is not None
        np.testing.assert_allclose(
            frame.mean[0].ravel(), rows.mean(axis=0, dtype=np.float64), atol=1e-12
        )
    table = drawn.frame()
    assert table["share"].sum() == pytest.approx(1)
    pictures = rasters(drawn.svg())
    assert len(pictures) == table["is_shown"].sum()
    shown = [f.mean for f in drawn.frames if f.mean is not None]
    low, high = np.min(shown), np.max(shown)
    for raster, mean in zip(pictures, shown, strict=True):
        grey = 255 * (mean[0] - low) / (high - low)
        assert np.abs(shrunk(raster, (8, 8)) - grey).max() <= 1


def test_mean_of_few_rows_is_withheld(models: Any, digits: Any) -> None:
    X = digits[0] / 16
    drawn = leaf_images(models["cart"], X, schema=digit_schema(), min_rows=40)
    few = [f for f in drawn.frames if f.n_rows < 40]
    assert few
    assert len(few) < len(drawn.frames)
    assert all(f.mean is None for f in few)
    svg = drawn.svg()
    assert texts(svg).count("not shown:") == len(few)
    assert drawn.alt.count("not shown, fewer than 40 rows") == len(few)
    # Nothing at all to show is a picture as well.
    nothing = leaf_images(models["cart"], X[:3], schema=digit_schema())
    assert rasters(nothing.svg()) == []
    assert nothing.frames[0].n_rows >= nothing.frames[-1].n_rows == 0


def test_pixel_that_few_rows_know_has_no_mean(digits: Any) -> None:
    X, y = digits
    X = X.copy()
    student = CartStudent(max_leaves=2, search="greedy").fit(X, y.astype(float))
    X[4:, 7] = np.nan
    drawn = leaf_images(student, X, schema=digit_schema(), min_rows=5)
    assert drawn.frames[0].mean is not None
    for frame in drawn.frames:
        if frame.mean is not None:
            assert np.isnan(frame.mean[0, 0, 7])
            assert np.isnan(frame.mean).sum() == 1
    assert "left empty" in " ".join(texts(drawn.svg()))


def test_only_the_largest_leaves_are_drawn(models: Any, digits: Any) -> None:
    X = digits[0] / 16
    drawn = leaf_images(models["cart"], X, schema=digit_schema(), min_rows=1)
    svg = drawn.svg(most=3)
    assert len(rasters(svg)) == 3
    assert f"{len(drawn.frames) - 3} more of fewer rows" in " ".join(texts(svg))


def test_channels_stand_side_by_side() -> None:
    rng = np.random.default_rng(0)
    images = rng.random((300, 3, 6, 5)).astype(np.float32)
    flat = images.reshape(300, -1)
    y = flat[:, 3] + flat[:, 40] - flat[:, 80]
    student = CartStudent(max_leaves=6, search="greedy").fit(flat, y)
    drawn = leaf_images(student, images, schema=rgb_schema())
    reached = student.tree_.apply(flat)
    for frame in drawn.frames:
        assert frame.mean is not None
        np.testing.assert_allclose(
            frame.mean, images[reached == frame.leaf].mean(axis=0), atol=1e-6
        )
    assert len(rasters(drawn.svg())) == 3 * len(drawn.frames)
    linear = LinearStudent().fit(flat, y)
    assert len(rasters(contribution_image(linear, schema=rgb_schema()).svg())) == 3 + 1


# Linear and boosted students


def centred(logits: Any) -> Any:
    """Take off what is added to all classes: it changes nothing."""
    return logits - logits.mean(axis=1, keepdims=True)


def test_coefficients_are_the_students(models: Any, digits: Any) -> None:
    model, X = models["linear"], digits[0] / 16
    drawn = contribution_image(model, schema=digit_schema())
    shown = np.stack([p.values.ravel() for p in drawn.panels], axis=1)
    step = centred(model.logits(X[[5]])) - centred(model.logits(X[[9]]))
    np.testing.assert_allclose((X[[5]] - X[[9]]) @ shown, step, atol=1e-4)
    assert [p.name for p in drawn.panels] == [str(c) for c in model.classes_]
    best = np.abs(shown[:, 0]).argmax()
    assert f"strongest r{best // 8:02}c{best % 8:02} {shown[best, 0]:+.3g}" in drawn.alt
    np.testing.assert_array_equal(drawn.frame().to_numpy(), shown)


def test_colours_tell_the_sign_and_zero() -> None:
    X = np.zeros((60, 4), dtype=np.float32)
    rng = np.random.default_rng(1)
    X[:, :2] = rng.integers(0, 9, (60, 2))
    schema = Schema(tuple(Feature(f"p{i}", "pixel") for i in range(4)), (2, 2))
    student = LinearStudent().fit(X, 2.0 * X[:, 0] - 3.0 * X[:, 1])
    drawn = contribution_image(student, schema=schema)
    np.testing.assert_allclose(drawn.panels[0].values.ravel()[:2], [2, -3], atol=0.1)
    svg = drawn.svg()
    raster, _ = rasters(svg)
    (positive, negative), (zero, also_zero) = shrunk(raster, (2, 2)).astype(int)
    assert positive[0] > positive[2]
    assert negative[2] > negative[0]
    assert zero.tolist() == also_zero.tolist() == [205, 208, 212]
    strokes = [
        e.get("d", "")
        for e in parsed(svg).iter(f"{SVG}path")
        if e.get("class") in ("rim", "minus")
    ]
    assert [d.count("h") for d in strokes] == [1, 1]  # one minus sign, with its rim
    assert "2 of 4 pixels are 0" in drawn.alt


def test_importance_is_the_forests(models: Any, digits: Any) -> None:
    model = models["boosted"]
    drawn = contribution_image(model, schema=digit_schema())
    expected = feature_importance(model.student_.forest_)
    np.testing.assert_array_equal(drawn.panels[0].values.ravel(), expected)
    assert len(drawn.panels) == 1
    parsed(drawn.svg())


@pytest.mark.parametrize("kind", ["linear", "boosted"])
def test_contributions_of_a_row_add_up(models: Any, digits: Any, kind: str) -> None:
    model, X = models[kind], digits[0] / 16
    drawn = contribution_image(model, X[5], schema=digit_schema())
    form = model.student_.form_
    base, _ = path_contributions(form, form.schema.encode(X[[5]])[0])
    total = np.array([p.values.sum() for p in drawn.panels])
    _, outputs = read_outputs(model, type(form))
    added = centred(model.logits(X[[5]])) - centred(outputs.show(base)[None])
    assert np.abs(total).max() > 0.5
    np.testing.assert_allclose(total, added[0], atol=1e-4)
    assert len(drawn.panels) == 10
    parsed(drawn.svg(theme="dark"))


def test_two_classes_are_shown_against_each_other(digits: Any) -> None:
    X, y = digits[0] / 16, digits[1] > 4
    teacher = LogisticRegression(max_iter=500, tol=1e-3).fit(X, y)
    model = DistilledClassifier(teacher, student=LinearStudent()).fit(X, y)
    drawn = contribution_image(model, schema=digit_schema())
    assert [p.name for p in drawn.panels] == ["True"]
    assert np.corrcoef(drawn.panels[0].values.ravel(), teacher.coef_[0])[0, 1] > 0.5


def test_regression_and_multilabel(digits: Any) -> None:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    X, y = digits[0] / 16, digits[1]
    schema = digit_schema()
    cart = CartStudent(max_leaves=6, search="greedy")
    options: dict[str, Any] = {"max_iter": 5, "tol": 1e3, "n_iter_no_change": 1}
    teacher = MLPRegressor(hidden_layer_sizes=(4,), random_state=0, **options).fit(
        X, y.astype(float)
    )
    model: Any = DistilledRegressor(teacher, student=cart).fit(X, y.astype(float))
    assert float(path_image(model, X[0], schema=schema).decision) == pytest.approx(
        model.predict(X[[0]])[0], rel=1e-5
    )
    labels = np.stack([y % 2, y > 4], axis=1).astype(int)
    many = MLPClassifier(**options).fit(X, labels)
    model = DistilledClassifier(many, student=cart).fit(X, labels)
    drawn = leaf_images(model, X, schema=schema)
    assert all(f.decision.startswith("{") for f in drawn.frames)
    parsed(drawn.svg())


# Every picture


def all_pictures(models: Any, X: Any) -> list[Any]:
    schema = digit_schema()
    return [
        path_image(models["hostile"], X[1], schema=schema),
        leaf_images(models["hostile"], X, schema=schema),
        contribution_image(models["hostile linear"], schema=schema),
    ]


def test_hostile_classes_come_out_as_text(models: Any, digits: Any) -> None:
    for picture in all_pictures(models, digits[0] / 16):
        for theme in ("auto", "light", "dark"):
            svg = picture.svg(theme=theme)
            root = parsed(svg)
            assert "<img" not in svg
            assert "</script" not in svg
            assert all("\n" not in text for text in texts(svg))
            desc = root.findtext(f"{SVG}desc", "")
            assert len(desc.splitlines()) == len(picture.alt.splitlines())
        assert "<img" not in picture._repr_html_()
    said = leaf_images(models["hostile"], digits[0] / 16, schema=digit_schema()).alt
    assert HOSTILE[0] in said
    assert "line break" in said


def test_hostile_pixel_names_come_out_as_text(digits: Any) -> None:
    X, y = digits
    names = [f"{HOSTILE[i % len(HOSTILE)]}{i}" for i in range(64)]
    schema = replace(digit_schema(), features=tuple(Feature(n, "pixel") for n in names))
    tree = CartStudent(max_leaves=12, search="greedy").fit(X, y.astype(float))
    linear = LinearStudent().fit(X, y.astype(float))
    pictures: list[Any] = [
        path_image(tree, X[1], schema=schema),
        leaf_images(tree, X, schema=schema),
        contribution_image(linear, schema=schema),
    ]
    for picture in pictures:
        svg = picture.svg()
        desc = parsed(svg).findtext(f"{SVG}desc", "")
        assert len(desc.splitlines()) == len(picture.alt.splitlines())
        assert "<img" not in svg


def test_themes_and_ids(models: Any, digits: Any) -> None:
    pictures = all_pictures(models, digits[0] / 16)
    ids = [parsed(p.svg(theme=t)).get("id") for p in pictures for t in ("auto", "dark")]
    assert len(ids) == len(set(ids))
    assert "prefers-color-scheme:dark" in pictures[0].svg()
    assert "prefers-color-scheme" not in pictures[0].svg(theme="light")
    with pytest.raises(InputError, match="'theme' parameter of svg"):
        pictures[0].svg(theme="blue")


def test_the_teachers_shape_is_found() -> None:
    from interpretkd.teachers import CNNTeacher

    X, y = sklearn_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    teacher = CNNTeacher(image_shape=(8, 8), max_epochs=1, random_state=0).fit(X, y)
    model = DistilledClassifier(
        teacher, student=CartStudent(max_leaves=6, search="greedy"), random_state=0
    ).fit(X, y)
    assert path_image(model, X[0]).image.shape == (1, 8, 8)
    assert leaf_images(model, X).frames[0].mean is not None


def test_wrong_inputs_are_said_in_a_sentence(models: Any, digits: Any) -> None:
    X, schema = digits[0] / 16, digit_schema()
    flat = replace(schema, image_shape=None)
    for ask in (
        lambda: path_image(models["cart"], X[0]),
        lambda: leaf_images(models["cart"], X),
        lambda: contribution_image(models["linear"]),
        lambda: path_image(models["cart"], X[0], schema=flat),
    ):
        with pytest.raises(InputError, match="pixels of an image"):
            ask()
    with pytest.raises(InputError, match="must be a Schema of 64 columns"):
        path_image(models["cart"], X[0], schema=rgb_schema())
    with pytest.raises(InputError, match=r"must be one row\. Got 2"):
        path_image(models["cart"], X[:2], schema=schema)
    with pytest.raises(InputError, match="CartStudent"):
        path_image(models["linear"], X[0], schema=schema)
    with pytest.raises(InputError, match="LinearStudent or a BoostedStudent"):
        contribution_image(models["cart"], schema=schema)
    with pytest.raises(InputError, match="'min_rows'"):
        leaf_images(models["cart"], X, schema=schema, min_rows=0)
    with pytest.raises(InputError, match="'most'"):
        leaf_images(models["cart"], X, schema=schema).svg(most=0)


def test_categories_are_no_pixels() -> None:
    kinds = [Feature(f"p{i}", "categorical", ("a", "b")) for i in range(4)]
    linear = LinearStudent().fit(np.eye(4), np.arange(4.0))
    with pytest.raises(InputError, match="as numbers"):
        contribution_image(linear, schema=Schema(tuple(kinds), (2, 2)))
