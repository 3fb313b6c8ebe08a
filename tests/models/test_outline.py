import numpy as np
import pytest

from interpretkd.models import Tree, decision_cells, from_left, outline, path_conditions
from tests.students.cart.small_trees import AGE, DOSE, HOME, PURPOSE, SCHEMA, new_tree


@pytest.fixture
def tree() -> Tree:
    inner = (PURPOSE, {0}, False, (DOSE, 0.5, True, 0, 1), 2)
    return new_tree((AGE, 30.0, True, inner, (AGE, 60.0, False, 3, 4)))


def test_an_outline_says_each_branch_once(tree: Tree) -> None:
    ends = {3: "a", 4: "b", 5: "c", 7: "d", 8: "e"}
    heads = {0: "90 rows", 1: "50 rows", 2: "30 rows", 6: "40 rows"}
    assert outline(tree.nodes, ends, heads).splitlines() == [
        "90 rows",
        "age <= 30 or missing [50 rows]",
        "  purpose is car (new) [30 rows]",
        "    dose <= 0.5: a",
        "    dose > 0.5: b",
        "  purpose is not car (new) or missing: c",
        "age > 30 [40 rows]",
        "  age <= 60: d",
        "  age > 60 or missing: e",
    ]


def test_a_tree_prints_as_its_outline(tree: Tree) -> None:
    lines = str(tree).splitlines()
    assert len(lines) == 8
    assert lines[0] == "age <= 30 or missing"
    assert lines[1] == "  purpose is car (new)"
    assert all(line.endswith("% of rows)") for line in lines if ": " in line)
    assert sum(": " in line for line in lines) == tree.n_leaves
    nodes = new_tree((AGE, 30.0, True, 0, 1)).nodes
    value = np.array([[0.5, 0.5, 0], [0.9, 0.1, 0], [0.25, 0.5, 0.25]])
    named = Tree(nodes, value, np.array([8.0, 6.0, 2.0]), names=("a\n", "b", "c"))
    assert str(named).splitlines() == [
        "age <= 30 or missing: a  0.9, b 0.1, c 0 (75.0% of rows)",
        "age > 30: b 0.5, a  0.25, c 0.25 (25.0% of rows)",
    ]


def test_an_outline_leaves_out_what_leads_nowhere(tree: Tree) -> None:
    assert outline(tree.nodes, {4: "here"}, {}).splitlines() == [
        "age <= 30 or missing",
        "  purpose is car (new)",
        "    dose > 0.5: here",
    ]
    assert outline(tree.nodes, {1: "joined"}, {}) == "age <= 30 or missing: joined"
    assert outline(tree.nodes, {0: "all"}, {}) == "always: all"
    assert outline(tree.nodes, {}, {}) == ""


def test_an_outline_names_the_categories_that_are_left() -> None:
    tree = new_tree((HOME, {0, 1}, False, (HOME, {0, 3}, False, 0, 1), 2))
    assert outline(tree.nodes, {2: "a", 3: "b", 4: "c"}, {}).splitlines() == [
        "home is in {own, rent}",
        "  home is own: a",
        "  home is rent: b",
        "home is in {free, boat}: c",
    ]


def test_a_line_stays_a_line(tree: Tree) -> None:
    assert outline(tree.nodes, {1: "a\nb", 6: "c"}, {}).count("\n") == 1


def test_nodes_are_read_from_left_to_right(tree: Tree) -> None:
    order = from_left(tree.nodes)
    assert sorted(order) == sorted(order.values()) == list(range(9))
    for node in range(9):
        if not tree.nodes.is_leaf[node]:
            left, right = int(tree.nodes.left[node]), int(tree.nodes.right[node])
            assert order[node] < order[left] < order[right]


def test_a_decision_table_has_a_column_for_each_feature_asked(tree: Tree) -> None:
    conditions = path_conditions(tree.nodes)
    leaves = [node for node in conditions if tree.nodes.is_leaf[node]]
    cells = decision_cells(SCHEMA, [conditions[leaf] for leaf in leaves])
    assert list(cells.columns) == ["age", "purpose", "dose"]
    assert "-" in set(cells["dose"])
    assert SCHEMA.names[HOME] not in cells
    for leaf, row in zip(leaves, cells.to_numpy().tolist(), strict=True):
        said = {c.feature.name: c.cell for c in conditions[leaf]}
        assert row == [said.get(name, "-") for name in cells]


def test_rules_that_ask_nothing_make_no_column() -> None:
    assert decision_cells(SCHEMA, [()]).shape == (1, 0)
