import re
import shutil
import subprocess
import sys
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.datasets import load_diabetes, load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from interpretkd._base import InputError
from interpretkd.data import Feature, Schema
from interpretkd.distillation import DistilledClassifier
from interpretkd.drawing import (
    _raster as raster,
    draw_pages,
    draw_tree,
    save_diagram,
    tree_diagram,
)
from interpretkd.models import Tree, node_test
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent

SVG = "{http://www.w3.org/2000/svg}"
OWN_ELEMENTS = {"svg", "g", "title", "polygon", "path", "text"}

needs_dot = pytest.mark.skipif(
    shutil.which("dot") is None, reason="Graphviz is not installed"
)


def _tree(
    age: str = "age",
    purpose: str = "purpose",
    category: str = "car (new)",
    names: tuple[str, ...] | None = None,
) -> Tree:
    """Return age <= 30 or missing? then: purpose is car (new)?"""
    schema = Schema(
        (
            Feature(age, has_missing=True),
            Feature(purpose, "categorical", (category, "radio", "trip")),
        )
    )
    arrays = {
        "feature": np.array([0, 1, -1, -1, -1]),
        "threshold": np.array([30.0, 0, 0, 0, 0]),
        "missing_left": np.array([True, False, False, False, False]),
        "left": np.array([1, 2, -1, -1, -1]),
        "right": np.array([4, 3, -1, -1, -1]),
        "left_categories": np.array([True, False, False]),
        "value": np.array([[0.5, 0.5], [0.4, 0.6], [0.9, 0.1], [0.2, 0.8], [1, 0]]),
        "cover": np.array([40.0, 30, 10, 20, 10]),
    }
    return replace(Tree.from_arrays(schema, arrays), names=names)


def _body(source: str) -> list[str]:
    """Return the lines of nodes and edges."""
    lines = [line.strip() for line in source.splitlines()]
    return [line for line in lines if line[:1].isdigit()]


def test_a_small_tree_in_dot() -> None:
    assert _body(tree_diagram(_tree(names=("good", "bad"))).source) == [
        r'0 [label="age <= 30 or missing\n100.0% of rows" fillcolor=white]',
        '0 -> 1 [label=" yes "]',
        '0 -> 4 [label=" no "]',
        r'1 [label="purpose is car (new)\n75.0% of rows" fillcolor=white]',
        '1 -> 2 [label=" yes "]',
        '1 -> 3 [label=" no "]',
        r'2 [label="good\n25.0% of rows" fillcolor="#99c7e0"]',
        r'3 [label="bad\n50.0% of rows" fillcolor="#f5d999"]',
        r'4 [label="good\n25.0% of rows" fillcolor="#99c7e0"]',
    ]


def test_leaves_without_names_show_their_values() -> None:
    leaves = _body(tree_diagram(_tree()).source)[-3:]
    assert [line.split('"')[1] for line in leaves] == [
        r"(0.9, 0.1)\n25.0% of rows",
        r"(0.2, 0.8)\n50.0% of rows",
        r"(1, 0)\n25.0% of rows",
    ]


def test_a_tree_of_one_leaf_is_one_node() -> None:
    X, y = load_diabetes(return_X_y=True)
    tree = CartStudent(min_samples_leaf=300).fit(X, y).tree_
    (line,) = _body(tree_diagram(tree).source)
    assert line.startswith(rf'0 [label="{y.mean():.6g}\n100.0% of rows"')


def test_below_max_depth_all_is_folded_into_one_node() -> None:
    tree = _tree(names=("good", "bad"))
    assert _body(tree_diagram(tree, max_depth=1).source) == [
        r'0 [label="age <= 30 or missing\n100.0% of rows" fillcolor=white]',
        '0 -> 1 [label=" yes "]',
        '0 -> 4 [label=" no "]',
        r'1 [label="2 leaves\nmostly bad\n75.0% of rows" fillcolor="#f5d999"]',
        r'4 [label="good\n25.0% of rows" fillcolor="#99c7e0"]',
    ]
    whole = tree_diagram(tree).source
    assert tree_diagram(tree, max_depth=2).source == whole
    assert tree_diagram(tree, max_depth=99).source == whole


@pytest.mark.parametrize("max_depth", [None, 1, 2, 3])
def test_folding_loses_no_leaf(max_depth: int | None) -> None:
    X, y = load_diabetes(return_X_y=True)
    tree = CartStudent(20).fit(X, y).tree_
    lines = _body(tree_diagram(tree, max_depth=max_depth).source)
    edges = [line for line in lines if "->" in line]
    labels = [line.split('"')[1] for line in lines if "->" not in line]
    assert len(edges) == len(labels) - 1
    leaves = sum(
        int(label.split()[0]) if " leaves" in label else 1
        for label in labels
        if "<=" not in label and ">" not in label
    )
    assert leaves == tree.n_leaves == 20


def test_the_diagram_of_a_tree_is_a_method() -> None:
    tree = _tree()
    assert tree.graphviz(max_depth=1).source == tree_diagram(tree, max_depth=1).source


def test_a_distilled_model_shows_its_classes_and_probabilities() -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = np.asarray(["setosa", "versicolor", "virginica"])[y]
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, names))
    for target in ("soft", "logits", "hard"):
        student = CartStudent(3)
        model = DistilledClassifier(teacher, student, target=target, random_state=0)
        model.fit(X, names)
        leaves = np.flatnonzero(model.tree_.nodes.is_leaf)
        reached = model.tree_.apply(X)
        chances = model.predict_proba(X)
        source = tree_diagram(model).source
        for leaf in leaves:
            row = int(np.flatnonzero(reached == leaf)[0])
            said = f"{model.predict(X)[row]} ({chances[row].max():.0%})"
            assert f'{leaf} [label="{said}\\n' in source


def test_no_row_is_in_the_diagram() -> None:
    X, y = load_diabetes(return_X_y=True)
    rows = pd.DataFrame({"a": X[:, 2], "secret": [f"row {i % 90}" for i in range(442)]})
    tree = CartStudent(2).fit(rows, y).tree_
    assert tree.schema.features[int(tree.nodes.feature[0])].name == "a"
    assert "row 1" not in tree_diagram(tree).source


@pytest.mark.parametrize("model", [LinearStudent(), LogisticRegression(), None])
def test_what_has_no_tree_is_refused(model: Any) -> None:
    with pytest.raises(InputError) as caught:
        tree_diagram(model)
    assert str(caught.value) == (
        f"Only trees are drawn; a {type(model).__name__} has none. Use a CartStudent "
        "or a BoostedStudent."
    )


@pytest.mark.parametrize("max_depth", [-1, 1.5, "2", True])
def test_max_depth_is_checked(max_depth: Any) -> None:
    with pytest.raises(InputError) as caught:
        tree_diagram(_tree(), max_depth=max_depth)
    assert str(caught.value) == (
        "The 'max_depth' parameter of tree_diagram must be an int in [0, inf) or None. "
        f"Got {max_depth!r}."
    )


# --- names are text, whatever they look like


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<b>bold</b>",
    "<",
    "<<TABLE><TR><TD>x</TD></TR></TABLE>>",
    '"];x[label="pwn',
    'x" URL="javascript:alert(1)" tooltip="',
    "say \"no\" and 'yes'",
    "back\\slash",
    "ends in \\",
    "two \\\\",
    'quote \\"',
    "\\N\\G\\L\\l\\r\\n\\E\\T",
    "{a|b}|<p>",
    "=1+1",
    "line\nbreak\r\nand\ttab",
    "bell\x07nul\x00del\x7f",
    "surrogate \ud800 alone",
    "right to left \u202e override",
    "السن بالسنوات",
    "年齢 🙂 é",
    "combining e\u0301",
    "x" * 200,
    "word " * 40,
    "]]>",
    "<!-- -->",
    "<?xml?>",
    "%s %d {0} ${HOME} `id`",
    # a damaged SVG. `&` must be written `&amp;`.
    "a &lt;b&gt; &amp; c",
    "&#60;script&#62;",
    "&#0; &#x1F; &#xD800; &#99999999;",
    "&nosuch; &eacute;",
    "&",
    "R&D; x",
    "",
    "   ",
]
each_name = pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))


def _svg(tree: Tree) -> ElementTree.Element:
    drawn = tree_diagram(tree).pipe(format="svg")
    return ElementTree.fromstring(drawn)


def _check_svg(root: ElementTree.Element, n_nodes: int) -> None:
    found = Counter(element.tag.removeprefix(SVG) for element in root.iter())
    assert set(found) <= OWN_ELEMENTS
    classes = Counter(element.get("class") for element in root.iter(f"{SVG}g"))
    assert classes == {"graph": 1, "node": n_nodes, "edge": n_nodes - 1}
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            assert "href" not in name
            assert "javascript" not in value


def _texts(root: ElementTree.Element, node: int) -> str:
    """Return what a node shows, without white space."""
    for group in root.iter(f"{SVG}g"):
        if group.get("class") == "node" and group.findtext(f"{SVG}title") == str(node):
            shown = "".join(text.text or "" for text in group.iter(f"{SVG}text"))
            return _squeezed(shown)
    raise AssertionError(f"There is no node {node}.")


def _squeezed(text: str) -> str:
    return "".join(c for c in text if c.isprintable() and not c.isspace())


@needs_dot
@each_name
def test_hostile_names_are_drawn_as_text(name: str) -> None:
    tree = _tree(name, f"{name} 2", f"{name} 3", (f"{name} 4", f"{name} 5"))
    root = _svg(tree)
    _check_svg(root, 5)
    longest = 120
    expected = {
        0: str(node_test(tree.nodes, 0)),
        1: str(node_test(tree.nodes, 1)),
        2: f"{name} 4",
        3: f"{name} 5",
        4: f"{name} 4",
    }
    for node, text in expected.items():
        plain = "".join(c if c.isprintable() else " " for c in text)
        if len(plain) > longest:
            plain = plain[: longest - 3] + "..."
        share = {0: "100.0", 1: "75.0", 2: "25.0", 3: "50.0", 4: "25.0"}[node]
        assert _texts(root, node) == _squeezed(f"{plain}{share}% of rows")


@needs_dot
@settings(max_examples=25)
@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_name_is_drawn_as_text(name: str) -> None:
    root = _svg(_tree(f"{name} 1", f"{name} 2", f"{name} 3", (name, f"{name} 5")))
    _check_svg(root, 5)
    assert _texts(root, 3) == _squeezed(f"{name} 5") + "50.0%ofrows"


@needs_dot
def test_dot_reads_the_source_without_a_complaint(tmp_path: Path) -> None:
    for i, name in enumerate(HOSTILE):
        path = tmp_path / f"{i}.dot"
        save_diagram(_tree(name, f"{name} 2", f"{name} 3", (name, "b")), path)
        done = subprocess.run(
            ["dot", "-Tcanon", str(path)], capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")


def test_long_names_are_wrapped_and_shortened() -> None:
    source = tree_diagram(_tree("x" * 500, names=("word " * 40, "b"))).source
    for line in _body(source):
        if "->" in line:
            continue
        label = line.split('"')[1]
        assert max(map(len, label.split(r"\n"))) <= 28
        assert len(label) < 170
    assert "..." in source


def test_control_characters_do_not_reach_the_source() -> None:
    for name in HOSTILE:
        for char in tree_diagram(_tree(name, names=(name, "b"))).source:
            assert char in "\n\t" or unicodedata.category(char)[0] != "C"


# --- files


@needs_dot
@pytest.mark.parametrize(
    ("ending", "magic"),
    [
        ("svg", b"<svg"),
        ("SVG", b"<svg"),
        ("pdf", b"%PDF"),
        ("png", b"\x89PNG"),
        ("dot", b"digraph {"),
        ("gv", b"digraph {"),
    ],
)
def test_a_diagram_is_saved(tmp_path: Path, ending: str, magic: bytes) -> None:
    path = tmp_path / f"tree.{ending}"
    assert save_diagram(_tree(), str(path), max_depth=1) == path
    assert path.read_bytes().startswith(magic)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_saved_text_is_that_of_the_diagram(tmp_path: Path) -> None:
    path = save_diagram(_tree("السن"), tmp_path / "tree.dot", max_depth=1)
    expected = tree_diagram(_tree("السن"), max_depth=1).source
    assert path.read_text(encoding="utf-8") == expected


def test_a_file_that_is_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "tree.dot"
    path.write_text("old" * 10_000)
    save_diagram(_tree(), path)
    assert path.read_text() == tree_diagram(_tree()).source


def test_a_picture_in_a_file_is_light_unless_asked_otherwise(tmp_path: Path) -> None:
    for theme, follows in ((None, False), ("light", False), ("auto", True)):
        path = save_diagram(_tree(), tmp_path / "tree.svg", theme=theme)
        assert ("prefers-color-scheme" in path.read_text()) == follows
    assert "prefers-color-scheme" in draw_tree(_tree()).svg()  # of a notebook


@pytest.mark.parametrize("name", ["tree.jpg", "tree", "tree.svg.exe", ".svg", "tree."])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        save_diagram(_tree(), tmp_path / name)
    assert str(caught.value) == (
        "A diagram's file must end in .svg, .pdf, .png, .dot, .gv. Got "
        f"{(tmp_path / name).name!r}."
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["pdf", "png"])
def test_without_typst_a_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    raster._fonts.cache_clear()
    with pytest.raises(InputError, match=r"pip install 'interpretkd\[viz\]'"):
        save_diagram(_tree(), tmp_path / f"tree.{ending}")
    assert list(tmp_path.iterdir()) == []
    assert save_diagram(_tree(), tmp_path / "tree.svg").exists()


def test_a_picture_is_that_of_the_drawing(tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    tree = CartStudent(6, search="greedy").fit(X, np.eye(3)[y]).tree_
    drawing = draw_tree(tree, direction="down", row=X[0], title="Iris")
    for ending, drawn in (
        ("svg", f"{drawing.svg(theme='dark')}\n".encode()),
        ("png", drawing.png(theme="dark")),
        ("pdf", drawing.pdf(theme="dark")),
    ):
        path = save_diagram(
            tree,
            tmp_path / f"tree.{ending}",
            direction="down",
            row=X[0],
            title="Iris",
            theme="dark",
        )
        assert path.read_bytes() == drawn


def test_a_large_tree_makes_a_pdf_of_many_pages(tmp_path: Path) -> None:
    X, y = load_diabetes(return_X_y=True)
    tree = CartStudent(40, search="greedy").fit(X, y).tree_
    path = save_diagram(tree, tmp_path / "tree.pdf", page_depth=3)
    n_pages = len(draw_pages(tree, depth=3))
    assert n_pages > 3
    assert path.read_bytes().count(b"/MediaBox") == n_pages


def test_one_of_the_boosted_trees_is_saved(tmp_path: Path) -> None:
    X, y = load_diabetes(return_X_y=True)
    student = BoostedStudent(3, max_depth=2).fit(X, y)
    for ending in ("svg", "dot"):
        paths = [
            save_diagram(student, tmp_path / f"{i}.{ending}", tree=i) for i in (0, 1)
        ]
        assert paths[0].read_bytes() != paths[1].read_bytes()
    with pytest.raises(InputError, match=r"int in \[0, 2\]. Got None"):
        save_diagram(student, tmp_path / "none.dot")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("a.svg", {"page_depth": 2}, "'page_depth' parameter of save_diagram is for"),
        ("a.pdf", {"page_depth": 2, "max_depth": 2}, "exclude each other"),
        ("a.dot", {"title": "x"}, "Graphviz has no setting 'title'"),
        ("a.gv", {"theme": "dark"}, "Graphviz has no setting 'theme'"),
        ("a.svg", {"theme": "pink"}, "'theme' parameter of save_diagram must be"),
        ("a.png", {"theme": "auto"}, "'theme' parameter of png must be one of"),
        ("a.pdf", {"theme": "auto"}, "'theme' parameter of pdf must be one of"),
    ],
)
def test_settings_that_a_format_lacks_are_refused(
    tmp_path: Path, name: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        save_diagram(_tree(), tmp_path / name, **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_needs_no_graphviz(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for ending in ("svg", "pdf", "png", "dot"):
        assert save_diagram(_tree(), tmp_path / f"tree.{ending}").exists()


def test_an_absent_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        save_diagram(_tree(), tmp_path / "none" / "tree.dot")
