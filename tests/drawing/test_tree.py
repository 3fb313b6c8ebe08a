import base64
import io
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image
from sklearn.datasets import (
    load_diabetes,
    load_digits,
    load_iris,
    make_multilabel_classification,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from interpretkd._base import InputError
from interpretkd.data import Feature, Schema
from interpretkd.distillation import DistilledClassifier
from interpretkd.drawing import Drawing, colours, draw_pages, draw_tree, tree_svg
from interpretkd.explain import leaf_images
from interpretkd.models import Tree
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.teachers import CallableTeacher
from tests.students.cart.small_trees import HOSTILE, SCHEMA, TREES, new_tree

SVG = "{http://www.w3.org/2000/svg}"
OWN = {"svg", "title", "desc", "style", "rect", "g", "text", "path"}


def _student(n_leaves: int) -> CartStudent:
    return CartStudent(n_leaves, search="greedy")


@pytest.fixture(scope="module")
def iris() -> Any:
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X, np.asarray(["setosa", "versicolor", "virginica"])[y]


@pytest.fixture(scope="module")
def flowers(iris: Any) -> DistilledClassifier:
    X, names = iris
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, names))
    return DistilledClassifier(teacher, _student(6), random_state=0).fit(X, names)


@pytest.fixture(scope="module")
def labelled() -> tuple[DistilledClassifier, Any]:
    X, Y = make_multilabel_classification(200, 6, n_classes=3, random_state=0)
    models = [LogisticRegression(max_iter=1000).fit(X, y) for y in Y.T]
    teacher = CallableTeacher(
        lambda rows: np.column_stack([m.decision_function(rows) for m in models]),
        task="multilabel",
    )
    return DistilledClassifier(teacher, _student(5), random_state=0).fit(X), X


@pytest.fixture(scope="module")
def grown() -> Tree:
    """A tree of 60 leaves, some of them deep."""
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    return _student(60).fit(X, y).tree_


def _parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def _nodes(svg: str) -> dict[int, list[str]]:
    """Return the lines of each node's box."""
    return {
        int(group.attrib["data-node"]): [t.text or "" for t in group.iter(f"{SVG}text")]
        for group in _parsed(svg).iter(f"{SVG}g")
        if group.get("class") == "node"
    }


def _words(svg: str) -> list[str]:
    """Return the words at the branches."""
    texts = [t.text or "" for t in _parsed(svg).iter(f"{SVG}text")]
    return [text for text in texts if text in ("yes", "no")]


# --- what is in the picture


def test_a_picture_says_what_the_model_says(flowers: Any, iris: Any) -> None:
    X, _ = iris
    tree = flowers.tree_
    shown = _nodes(draw_tree(flowers).svg())
    assert set(shown) == set(range(len(tree.value)))
    leaves, chances = tree.apply(X), flowers.predict_proba(X)
    for i, said in enumerate(flowers.predict(X)):
        lines = shown[int(leaves[i])]
        assert lines[0] == f"{said} ({chances[i].max():.0%})"
    for node in np.flatnonzero(~tree.nodes.is_leaf).tolist():
        name = tree.schema.names[tree.nodes.feature[node]]
        assert " ".join(shown[node]).startswith(f"{name} <= ")
    # Rows that were generated are no training rows.
    shares = tree.shares
    assert tree.support[0] == len(X) < tree.cover[0]
    for node, lines in shown.items():
        said = f"{shares[node]:.1%} of rows".replace("100.0%", "100%")
        assert lines[-2:] == [said, f"#{node}"]


def test_every_branch_says_yes_or_no(grown: Tree) -> None:
    drawing = draw_tree(grown, most_leaves=1000)
    words = _words(drawing.svg())
    assert words.count("yes") == words.count("no") == grown.n_leaves - 1


def test_yes_stands_at_the_left_child(flowers: Any) -> None:
    lines = draw_tree(flowers).alt.splitlines()[1:]
    codes = flowers.tree_.nodes
    said = {i: line.strip().split(":")[0] for i, line in enumerate(lines)}
    # The outline is in preorder, as the nodes are.
    for node in np.flatnonzero(~codes.is_leaf).tolist():
        assert said[int(codes.left[node])] == "yes"
        assert said[int(codes.right[node])] == "no"


def test_the_bars_are_the_probabilities(flowers: Any, iris: Any) -> None:
    X, _ = iris
    leaves, chances = flowers.tree_.apply(X), flowers.predict_proba(X)
    bars: dict[int, dict[str, float]] = {}
    for group in _parsed(draw_tree(flowers).svg()).iter(f"{SVG}g"):
        node = int(group.attrib["data-node"])
        found = {}
        for rect in group.iter(f"{SVG}rect"):
            role, height = rect.attrib["class"], float(rect.attrib["height"])
            if re.fullmatch(r"c\d", role) and height == 8:
                found[role] = float(rect.attrib["width"]) + 0.8
        total = sum(found.values())
        bars[node] = {role: width / total for role, width in found.items()}
    for i, leaf in enumerate(leaves.tolist()):
        for k, chance in enumerate(chances[i]):
            assert bars[leaf].get(f"c{k}", 0) == pytest.approx(chance, abs=0.03)


def test_labels_have_a_bar_each(labelled: Any) -> None:
    model, X = labelled
    drawing = draw_tree(model)
    leaf = int(model.tree_.apply(X)[0])
    on = {str(label) for label in model.classes_[model.predict(X)[0].astype(bool)]}
    first = _nodes(drawing.svg())[leaf][0]
    assert first.startswith("{" + ", ".join(sorted(on)) + "}")
    chances = model.predict_proba(X)[0]
    for group in _parsed(drawing.svg()).iter(f"{SVG}g"):
        if group.get("data-node") == str(leaf):
            heights = {
                rect.attrib["class"]: float(rect.attrib["height"])
                for rect in group.iter(f"{SVG}rect")
                if re.fullmatch(r"c\d", rect.attrib["class"])
                and float(rect.attrib["width"]) != 5
            }
    for k, chance in enumerate(chances):
        assert heights[f"c{k}"] == pytest.approx(max(20 * chance, 0.8), abs=0.06)
    assert "Bars: probability of each label." in drawing.svg()


def test_values_have_a_scale(grown: Tree) -> None:
    svg = draw_tree(grown).svg()
    texts = [text.text for text in _parsed(svg).iter(f"{SVG}text")]
    assert texts[:2] == [f"{grown.value.min():.4g}", f"{grown.value.max():.4g}"]
    leaves = [node for node in _nodes(svg) if grown.nodes.is_leaf[node]]
    assert len(leaves) > 10
    for leaf in leaves:
        assert _nodes(svg)[leaf][0] == f"{grown.value[leaf, 0]:.6g}"


def test_several_values_have_a_bar_each(iris: Any) -> None:
    X, names = iris
    Y = np.c_[X["petal width (cm)"], -X["petal width (cm)"], names == "setosa"]
    svg = tree_svg(_student(3).fit(X, Y.astype(float)))
    assert "Bars: each output, from its smallest" in svg
    assert "output 2" in svg


def test_a_bare_tree_claims_no_probability(flowers: Any) -> None:
    # Its values are targets, perhaps of another temperature.
    svg = flowers.tree_.svg()
    assert "mean target of each class" in svg
    assert "probability" not in svg
    leaf = int(np.flatnonzero(flowers.tree_.nodes.is_leaf)[0])
    assert "%" not in _nodes(svg)[leaf][0]


def test_one_of_the_boosted_trees_is_drawn() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    student = BoostedStudent(5, max_depth=2).fit(X, y)
    for index in (0, 4):
        drawing = draw_tree(student, tree=index)
        assert drawing.title.startswith(f"Tree {index} of 5, numbers added to the sum:")
        tree = student.forest_.tree(index)
        shown = _nodes(drawing.svg())
        for leaf in np.flatnonzero(tree.nodes.is_leaf).tolist():
            assert shown[leaf][0] == f"{tree.value[leaf, 0]:+.4g}"
    assert (
        draw_tree(student.forest_, tree=0).shapes == draw_tree(student, tree=0).shapes
    )


def test_the_shares_of_a_boosted_tree_of_classes_are_no_rows() -> None:
    X, y = load_iris(return_X_y=True)
    student = BoostedStudent(2, max_depth=2).fit(X, np.eye(3)[y])
    assert student.forest_.link == "softmax"
    svg = draw_tree(student, tree=0).svg()  # xgboost covers curvature, not rows
    assert "% of weight" in svg
    assert "% of rows" not in svg


def test_a_tree_of_one_leaf_is_one_box() -> None:
    drawing = draw_tree(new_tree(None))
    assert drawing.title == "Decision tree: one leaf, no test"
    assert list(_nodes(drawing.svg())) == [0]
    assert draw_pages(new_tree(None))[0].svg()


@settings(max_examples=40)
@given(TREES, st.sampled_from(["down", "right"]), st.integers(0, 6))
def test_boxes_lie_apart_and_inside(tree: Tree, direction: str, depth: int) -> None:
    drawing = draw_tree(tree, direction=direction, max_depth=depth)
    boxes = []
    for group in _parsed(drawing.svg()).iter(f"{SVG}g"):
        rect = next(group.iter(f"{SVG}rect"))
        x, y, width, height = (
            float(rect.attrib[k]) for k in ("x", "y", "width", "height")
        )
        boxes.append((x, y, x + width, y + height))
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        assert x0 >= 0
        assert y0 >= 0
        assert x1 <= drawing.width
        assert y1 <= drawing.height
        for u0, v0, u1, v1 in boxes[:i]:
            assert x1 <= u0 or u1 <= x0 or y1 <= v0 or v1 <= y0


# --- folding, the way of a row, pages


@settings(max_examples=40)
@given(TREES, st.integers(0, 8))
def test_folding_loses_no_leaf(tree: Tree, depth: int) -> None:
    shown = _nodes(draw_tree(tree, max_depth=depth).svg())
    n_leaves = 0
    for node, lines in shown.items():
        assert tree.nodes.depths[node] <= depth
        found = re.fullmatch(r"(\d+) leaves below", lines[0])
        n_leaves += int(found[1]) if found else bool(tree.nodes.is_leaf[node])
    assert n_leaves == tree.n_leaves


@pytest.mark.parametrize("most", [1, 2, 7, 20, 64, 500])
def test_large_trees_are_folded_by_themselves(grown: Tree, most: int) -> None:
    shown = _nodes(draw_tree(grown, most_leaves=most).svg())
    ends = [n for n in shown if int(grown.nodes.left[n]) not in shown]
    assert 1 <= len(ends) <= most
    depth = max(grown.nodes.depths[n] for n in shown)
    deeper = _nodes(draw_tree(grown, max_depth=int(depth) + 1).svg())
    ends = [n for n in deeper if int(grown.nodes.left[n]) not in deeper]
    assert len(ends) > most or depth == grown.depth


@pytest.mark.parametrize("max_depth", [None, 0, 2])
def test_the_way_of_a_row_is_marked_and_unfolded(
    flowers: Any, iris: Any, max_depth: int | None
) -> None:
    X, _ = iris
    tree = flowers.tree_
    for i in (0, 70, 149):
        drawing = draw_tree(flowers, row=X.iloc[i], max_depth=max_depth)
        leaf = int(tree.apply(X.iloc[[i]])[0])
        way = [leaf]
        while way[-1] != 0:
            above = [
                n
                for n in range(len(tree.value))
                if way[-1] in (tree.nodes.left[n], tree.nodes.right[n])
            ]
            way += above
        root = _parsed(drawing.svg())
        marked = {
            int(group.attrib["data-node"])
            for group in root.iter(f"{SVG}g")
            if "on" in next(group.iter(f"{SVG}rect")).attrib["class"].split()
        }
        assert marked == set(way)
        hot = [p for p in root.iter(f"{SVG}path") if p.get("class") == "hot"]
        assert len(hot) == len(way) - 1
        assert "the row ends here" in _nodes(drawing.svg())[leaf]
        assert drawing.alt.count(", on the way of the row") == len(way)


@pytest.mark.parametrize("form", ["frame", "series", "dict", "array", "matrix"])
def test_a_row_may_come_in_any_form(flowers: Any, iris: Any, form: str) -> None:
    X, _ = iris
    row = {
        "frame": X.iloc[[70]],
        "series": X.iloc[70],
        "dict": X.iloc[70].to_dict(),
        "array": X.iloc[70].to_numpy(),
        "matrix": X.iloc[[70]].to_numpy(),
    }[form]
    assert draw_tree(flowers, row=row) == draw_tree(flowers, row=X.iloc[[70]])


def test_two_rows_are_refused(flowers: Any, iris: Any) -> None:
    X, _ = iris
    message = "The 'row' parameter of draw_tree must be one row. Got 2."
    with pytest.raises(InputError, match=re.escape(message)):
        draw_tree(flowers, row=X.iloc[:2])


def test_no_value_of_a_row_is_in_the_picture() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300)})
    tree = _student(8).fit(X, X["a"] * X["b"]).tree_
    row = pd.DataFrame({"a": [0.123456789], "b": [-0.987654321]})
    drawn = draw_tree(tree, row=row).svg() + "".join(
        page.svg() for page in draw_pages(tree, depth=1)
    )
    assert "12345" not in drawn
    assert "98765" not in drawn


@pytest.mark.parametrize("depth", [1, 2, 4, 50])
def test_pages_hold_each_node_once(grown: Tree, depth: int) -> None:
    drawings = draw_pages(grown, depth=depth)
    seen: list[int] = []
    for number, drawing in enumerate(drawings, start=1):
        svg = drawing.svg()
        shown = _nodes(svg)
        seen += [
            node
            for node, lines in shown.items()
            if not re.search(r"leaves: page", lines[0])
        ]
        head = f"Page {number} of {len(drawings)}"
        texts = [text.text or "" for text in _parsed(svg).iter(f"{SVG}text")]
        assert texts[0].startswith(head)
        for node, lines in shown.items():
            found = re.fullmatch(r"(\d+) leaves: page (\d+)", lines[0])
            if found:
                other = drawings[int(found[2]) - 1]
                assert f"goes on from node {node} on page {number}" in other.title
                assert _nodes(other.svg())[node]
    assert sorted(seen) == list(range(len(grown.value)))


def test_a_page_says_which_rows_come_there(grown: Tree) -> None:
    second = draw_pages(grown, depth=2)[1]
    assert re.search(r"Here: .*s5 (<=|>) .* and .*", second.title)


def test_branches_are_as_thick_as_their_share(grown: Tree) -> None:
    def widths(**settings: Any) -> list[float]:
        root = _parsed(draw_tree(grown, max_depth=1, **settings).svg())
        return [float(p.attrib["stroke-width"]) for p in root.iter(f"{SVG}path")]

    shares = grown.cover[[grown.nodes.left[0], grown.nodes.right[0]]] / grown.cover[0]
    assert widths(weigh_edges=True) == pytest.approx(1 + 9 * shares, abs=0.06)
    assert widths() == [1.2, 1.2]


# --- images


def test_a_test_of_a_pixel_shows_its_place() -> None:
    schema = Schema(tuple(Feature(f"p{i}", "pixel") for i in range(12)), (3, 4))
    tree = new_tree((7, 0.5, False, None, None), schema)  # row 1, column 3
    for drawn, columns in ((tree, None), (_without_shape(tree), schema)):
        root = _parsed(draw_tree(drawn, schema=columns).svg())
        group = next(iter(root.iter(f"{SVG}g")))
        box, frame, dot = list(group.iter(f"{SVG}rect"))[:3]
        unit = 34 / 4
        assert float(frame.attrib["width"]) == pytest.approx(4 * unit, abs=0.1)
        assert float(frame.attrib["height"]) == pytest.approx(3 * unit, abs=0.1)
        right = float(dot.attrib["x"]) - float(frame.attrib["x"])
        down = float(dot.attrib["y"]) - float(frame.attrib["y"])
        assert right == pytest.approx(3 * unit, abs=0.1)
        assert down == pytest.approx(1 * unit, abs=0.1)
        assert dot.attrib["class"] == "ink"
        assert box.attrib["class"] == "box"


def _without_shape(tree: Tree) -> Tree:
    schema = Schema(tree.schema.features)
    return replace(tree, nodes=replace(tree.nodes, schema=schema))


def test_a_test_of_a_channel_says_which() -> None:
    schema = Schema(tuple(Feature(f"p{i}", "pixel") for i in range(12)), (3, 2, 2))
    tree = new_tree((9, 0.5, False, None, None), schema)
    assert "100% of rows, channel 3" in _nodes(tree_svg(tree))[0]


def test_a_schema_that_does_not_fit_is_refused(grown: Tree) -> None:
    schema = Schema((Feature("a"),), (1, 1))
    message = "The 'schema' parameter of draw_tree must be a Schema of 10 columns"
    with pytest.raises(InputError, match=message):
        draw_tree(grown, schema=schema)


def _image(element: ElementTree.Element) -> Any:
    data = element.attrib["href"].removeprefix("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data, validate=True))))


def test_leaves_show_their_mean_image() -> None:
    X, y = load_digits(return_X_y=True)
    X = X[:400]
    names = [f"p{i}" for i in range(64)]
    schema = Schema(tuple(Feature(name, "pixel") for name in names), (8, 8))
    tree = _student(6).fit(X, np.eye(10)[y[:400]]).tree_
    drawing = draw_tree(
        tree, schema=schema, pictures=leaf_images(tree, X, schema=schema)
    )
    for group in _parsed(drawing.svg()).iter(f"{SVG}g"):
        if group.get("class") != "node":
            continue
        node, inside = int(group.attrib["data-node"]), list(group.iter(f"{SVG}image"))
        assert len(inside) == tree.nodes.is_leaf[node]
        if not inside:
            continue
        shown = _image(inside[0])[::8, ::8]
        mean = X[tree.apply(X) == node].mean(axis=0).reshape(8, 8)
        assert np.corrcoef(shown.ravel(), mean.ravel())[0, 1] > 0.99
    own = {node: np.eye(3) for node in range(len(tree.value))}
    assert draw_tree(tree, pictures=own).svg().count("<image ") == tree.n_leaves


# --- safe, accessible, and the same everywhere


NAMES = [*HOSTILE, "%s {0} ${HOME}", "]]>", "&#60;b&#62; &nosuch;", "\u202e tfel", "年"]


def _named(name: str) -> Tree:
    schema = Schema(
        (Feature(name), Feature(f"{name} 2", "categorical", (f"{name} 3", "radio")))
    )
    tree = new_tree((0, 30.0, False, (1, {0}, False, None, None), None), schema, 2)
    return replace(tree, names=(f"{name} 4", f"{name} 5"))


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names_are_text(name: str) -> None:
    tree = _named(name)
    for svg in (
        tree_svg(tree, title=name),
        *(p.svg() for p in draw_pages(tree, depth=1, title=name)),
    ):
        root = _parsed(svg)
        assert {e.tag.removeprefix(SVG) for e in root.iter()} <= OWN
        for element in root.iter():
            for key, value in element.attrib.items():
                assert not key.lower().startswith("on")
                assert "href" not in key
                assert "alert" not in value
        assert "url(" not in svg
        assert "<!--" not in svg
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", svg)
    titles = [t.text or "" for t in root.iter(f"{SVG}title")]
    plain = "".join(c if c.isprintable() else " " for c in name)
    assert any(f"Node 0: {plain} <= 30" in title for title in titles)


def test_arabic_names_do_not_turn_a_test_around() -> None:
    # By the bidirectional algorithm, numbers and signs between or behind letters that
    # run left would run left, too, but for the marks around the name.
    (test, *_) = _nodes(tree_svg(_named("السن بالسنوات")))[0]
    assert test == "\u200eالسن بالسنوات\u200e <= 30"


@settings(max_examples=25)
@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_any_name_makes_an_svg(name: str) -> None:
    # Only the letter is needed, so that two columns differ.
    root = _parsed(tree_svg(_named(f"x{name}"), title=name))
    assert len(list(root.iter(f"{SVG}g"))) == 5


def test_what_is_not_seen_can_be_read(flowers: Any) -> None:
    drawing = draw_tree(flowers)
    root = _parsed(drawing.svg(name="tree-1"))
    assert root.get("role") == "img"
    ids = {e.get("id"): e for e in root.iter() if e.get("id")}
    assert set(ids) == {"tree-1", "tree-1-t", "tree-1-d"}
    assert ids[root.get("aria-labelledby")].text == drawing.title
    described = ids[root.get("aria-describedby")].text or ""
    assert described == drawing.text
    assert len(described.splitlines()) == len(flowers.tree_.value)
    assert drawing.alt == f"{drawing.title}\n{drawing.text}"


def test_pictures_of_one_page_do_not_share_ids_or_styles(
    flowers: Any, grown: Tree
) -> None:
    drawn = [
        tree_svg(flowers),
        tree_svg(flowers, theme="dark"),
        tree_svg(flowers, max_depth=1),
        *(page.svg() for page in draw_pages(grown, depth=3)),
    ]
    ids = [found for svg in drawn for found in re.findall(r' id="([^"]+)"', svg)]
    assert len(ids) == len(set(ids)) == 3 * len(drawn)
    for svg in drawn:
        (own,) = re.findall(r'<svg [^>]*id="([^"]+)"', svg)
        style = re.findall("<style>(.*)</style>", svg)[0]
        style = style.replace("@media screen and (prefers-color-scheme:dark){", "")
        for selector in re.findall(r"([^{}]+)\{", style):
            assert all(part.startswith(f"#{own}") for part in selector.split(","))


@pytest.mark.parametrize("name", ["", "1a", "a b", 'a"', "é", "a" * 65, "-a"])
def test_a_name_that_is_no_id_is_refused(grown: Tree, name: str) -> None:
    with pytest.raises(InputError, match="The 'name' parameter of svg must be"):
        tree_svg(grown, name=name)


def test_themes_have_their_colours(flowers: Any) -> None:
    light, dark = (colours(theme) for theme in ("light", "dark"))
    themes = ("light", "dark", "auto")
    svg = {theme: tree_svg(flowers, theme=theme) for theme in themes}
    assert light["box"] in svg["light"]
    assert dark["box"] not in svg["light"]
    assert light["box"] not in svg["dark"]
    assert dark["box"] in svg["dark"]
    assert "prefers-color-scheme" not in svg["light"] + svg["dark"]
    before, after = svg["auto"].split("@media screen and (prefers-color-scheme:dark)")
    assert light["box"] in before
    assert dark["box"] in after


def _luminance(colour: str) -> float:
    channels = np.asarray([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(
        channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
    )
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _contrast(first: str, second: str) -> float:
    low, high = sorted([_luminance(first), _luminance(second)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_contrast(theme: str) -> None:
    by_role = colours(theme)
    for text in ("ink", "muted"):
        for ground in ("paper", "box", "leaf", "fold"):
            assert _contrast(by_role[text], by_role[ground]) >= 4.5
    for mark in ("above", "below", "both", "other"):  # with an outline of that colour
        assert _contrast(by_role[mark], by_role["mark"]) >= 4.5


def test_the_same_tree_gives_the_same_picture(flowers: Any) -> None:
    assert tree_svg(flowers) == tree_svg(flowers)
    drawing = draw_tree(flowers)
    assert drawing.png() == drawing.png()
    assert drawing.pdf() == drawing.pdf()


def test_a_notebook_shows_the_picture(flowers: Any) -> None:
    drawing = draw_tree(flowers, title="$x$ and $y$")
    shown = drawing._repr_html_()
    assert drawing.svg() in shown
    assert "mathjax_ignore" in shown  # names are no formulas
    assert tree_svg(flowers.tree_) in flowers.tree_._repr_html_()
    assert flowers.tree_.svg(theme="dark", max_depth=1) == tree_svg(
        flowers.tree_, theme="dark", max_depth=1
    )


def test_a_drawing_needs_neither_matplotlib_nor_graphviz() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = sys.modules['graphviz'] = None\n"
        "import numpy as np\n"
        "from interpretkd.drawing import tree_svg\n"
        "from interpretkd.students import CartStudent\n"
        "X = np.arange(40.0).reshape(-1, 2)\n"
        "print(tree_svg(CartStudent(3, search='greedy').fit(X, X))[:4])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "<svg\n"


# --- refused


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_depth": -1}, "The 'max_depth' parameter of draw_tree must be an int in"),
        ({"most_leaves": 0}, "The 'most_leaves' parameter of draw_tree must be an int"),
        ({"direction": "up"}, "The 'direction' parameter of draw_tree must be one of"),
        ({"weigh_edges": 1}, "The 'weigh_edges' parameter of draw_tree must be True"),
        ({"tree": 0}, "The 'tree' parameter of draw_tree is for boosted students"),
        ({"theme": "pink"}, "The 'theme' parameter of svg must be one of"),
    ],
)
def test_other_settings_are_refused(
    grown: Tree, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        tree_svg(grown, **settings)


def test_a_forest_needs_a_number() -> None:
    X, y = load_diabetes(return_X_y=True)
    student = BoostedStudent(3, max_depth=2).fit(X, y)
    for tree in (None, 3, -1, "0"):
        with pytest.raises(InputError, match=r"must be an int in \[0, 2\]"):
            draw_tree(student, tree=tree)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", [object(), None, SCHEMA])
def test_what_has_no_tree_is_refused(model: Any) -> None:
    with pytest.raises(InputError, match="Only trees are drawn"):
        draw_tree(model)


def test_a_weighted_sum_has_no_tree() -> None:
    X, y = load_diabetes(return_X_y=True)
    student = LinearStudent().fit(X, y)
    with pytest.raises(InputError, match="LinearStudent has none"):
        draw_tree(student)


def test_the_drawing_does_not_show_its_shapes(grown: Tree) -> None:
    drawing = draw_tree(grown, max_depth=0)
    assert isinstance(drawing, Drawing)
    assert len(repr(drawing)) < 400
