from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from interpretkd.data import Feature
from interpretkd.data._dates import Calendar
from interpretkd.models import (
    ALL_NUMBERS,
    Condition,
    Nodes,
    Tree,
    branch_tests,
    decision_path,
    node_test,
    path_conditions,
)
from tests.students.cart.small_trees import (
    AGE,
    DOSE,
    FLOAT32,
    HOME,
    PURPOSE,
    SCHEMA,
    SEX,
    TREES,
    WIDE,
    hard_rows,
    new_tree,
)

# --- texts


ALL = (0, 1, 2)


def _text(feature: int, **how: Any) -> str:
    return str(Condition(SCHEMA.features[feature], feature, **how))


@pytest.mark.parametrize(
    ("feature", "how", "text"),
    [
        (AGE, {"high": 30.0, "missing": False}, "age <= 30"),
        (AGE, {"high": 30.0, "missing": True}, "age <= 30 or missing"),
        (AGE, {"low": 25.5, "missing": False}, "age > 25.5"),
        (AGE, {"low": 25.0, "high": 30.0, "missing": False}, "25 < age <= 30"),
        (AGE, {"low": -2.0, "high": 0.25}, "-2 < age <= 0.25 or missing"),
        (AGE, {"values": False}, "age is missing"),
        (AGE, {"missing": False}, "age is not missing"),
        (DOSE, {"high": 1.0, "missing": True}, "dose <= 1"),  # it is never missing
        (PURPOSE, {"categories": (0,), "missing": False}, "purpose is car (new)"),
        (PURPOSE, {"categories": (0,)}, "purpose is car (new) or missing"),
        (PURPOSE, {"categories": (1, 2), "missing": False}, "purpose is not car (new)"),
        (PURPOSE, {"categories": ()}, "purpose is missing"),
        (
            PURPOSE,
            {"categories": (0, 1, 2), "missing": False},
            "purpose is not missing",
        ),
        (SEX, {"categories": (1,)}, "sex is m"),
        (HOME, {"categories": (0, 3)}, "home is in {own, boat}"),
        (HOME, {"categories": (0, 1, 3)}, "home is not free"),
    ],
)
def test_conditions_in_words(feature: int, how: dict[str, Any], text: str) -> None:
    assert _text(feature, **how) == text


def test_many_categories_are_told_by_the_shorter_list() -> None:
    five = Feature("c", "categorical", tuple("abcde"))
    assert str(Condition(five, 0, categories=(0, 1, 2))) == "c is not in {d, e}"
    assert str(Condition(five, 0, categories=(3, 4))) == "c is in {d, e}"


def test_categories_that_are_no_text_are_told() -> None:
    flag = Feature("smoker", "categorical", (False, True))
    assert str(Condition(flag, 0, categories=(1,))) == "smoker is true"


@pytest.mark.parametrize(
    ("how", "nothing"),
    [
        ({"missing": True}, True),
        ({"missing": False}, False),
        ({"high": 1.0}, False),
        ({"low": 1.0}, False),
        ({"values": False}, False),
    ],
)
def test_what_says_nothing(how: dict[str, Any], nothing: bool) -> None:
    assert Condition(SCHEMA.features[AGE], AGE, **how).says_nothing is nothing


def test_what_says_nothing_of_categories() -> None:
    purpose = SCHEMA.features[PURPOSE]
    whole = Condition(purpose, PURPOSE, categories=(0, 1, 2))
    assert whole.says_nothing
    assert not replace(whole, missing=False).says_nothing
    assert not replace(whole, categories=(0, 1)).says_nothing


@given(WIDE)
def test_printed_thresholds_are_the_same_float32(value: float) -> None:
    for how in ({"high": value}, {"low": value}):
        text = _text(DOSE, **how)
        printed = text.split()[-1].replace(",", "")
        assert FLOAT32(float(printed)) == FLOAT32(value)
        assert "e" not in printed  # no exponent: not all readers know it
    both = _text(DOSE, low=value, high=ALL_NUMBERS)
    assert FLOAT32(float(both.split(" < ")[0].replace(",", ""))) == FLOAT32(value)


@settings(max_examples=60)
@given(TREES)
def test_every_node_is_reached_under_its_conditions(tree: Tree) -> None:
    codes = hard_rows(tree)
    leaves = tree.nodes.apply(codes)
    for node, conditions in path_conditions(tree.nodes).items():
        holds = np.ones(len(codes), dtype=bool)
        for condition in conditions:
            holds &= condition.holds(codes)
        below = _below(tree, node)
        np.testing.assert_array_equal(holds, np.isin(leaves, below))


def _below(tree: Tree, node: int) -> list[int]:
    if tree.nodes.is_leaf[node]:
        return [node]
    left, right = int(tree.nodes.left[node]), int(tree.nodes.right[node])
    return _below(tree, left) + _below(tree, right)


def test_node_test_is_the_condition_to_go_left() -> None:
    tree = new_tree((AGE, 30.0, True, (HOME, {1, 2}, False, 0, 1), 2))
    assert str(node_test(tree.nodes, 0)) == "age <= 30 or missing"
    assert str(node_test(tree.nodes, 1)) == "home is in {rent, free}"


def test_a_forests_trees_can_be_read_one_by_one() -> None:
    stump = new_tree((DOSE, 0.5, True, 0, 1))
    nodes = stump.nodes
    assert isinstance(nodes, Nodes)
    conditions = path_conditions(nodes)
    assert {node: list(map(str, said)) for node, said in conditions.items()} == {
        0: [],
        1: ["dose <= 0.5"],
        2: ["dose > 0.5"],
    }


def test_branch_tests_part_every_row() -> None:
    tree = new_tree((AGE, 30.0, True, (PURPOSE, {0, 2}, False, 0, 1), 2))
    assert [str(c) for c in branch_tests(tree.nodes, 0)] == [
        "age <= 30 or missing",
        "age > 30",
    ]
    assert [str(c) for c in branch_tests(tree.nodes, 1)] == [
        "purpose is not radio",
        "purpose is radio or missing",
    ]
    codes = hard_rows(tree)
    for node in (0, 1):
        left, right = branch_tests(tree.nodes, node)
        np.testing.assert_array_equal(left.holds(codes), ~right.holds(codes))


def test_a_way_leads_to_the_row_s_leaf() -> None:
    tree = new_tree((AGE, 30.0, True, (PURPOSE, {0, 2}, False, 0, 1), 2))
    for codes in hard_rows(tree):
        way = decision_path(tree.nodes, codes)
        assert all(test.holds(codes[None])[0] for _, test in way)
        at = dict(way)
        leaf = int(tree.nodes.apply(codes[None])[0])
        above = [n for n in (0, 1) if _is_below(tree.nodes, leaf, n)]
        assert list(at) == above
    assert decision_path(new_tree(0).nodes, hard_rows(tree)[0]) == []


def _is_below(nodes: Nodes, leaf: int, node: int) -> bool:
    children = (int(nodes.left[node]), int(nodes.right[node]))
    return leaf in children or any(
        _is_below(nodes, leaf, child) for child in children if child > 0
    )


@pytest.mark.parametrize(
    ("feature", "how", "cell"),
    [
        (AGE, {"high": 30.0, "missing": False}, "<= 30"),
        (AGE, {"low": 25.0, "missing": True}, "> 25 or missing"),
        (AGE, {"low": 25.0, "high": 30.0, "missing": False}, "(25, 30]"),
        (AGE, {"values": False}, "missing"),
        (AGE, {"missing": False}, "not missing"),
        (HOME, {"categories": (0, 3)}, "in {own, boat}"),
        (HOME, {"categories": (0, 1, 3)}, "not free"),
        (SEX, {"categories": ()}, "missing"),
        (SEX, {"categories": (), "missing": False}, "in {}"),
    ],
)
def test_cells_say_what_passes(feature: int, how: dict[str, Any], cell: str) -> None:
    assert Condition(SCHEMA.features[feature], feature, **how).cell == cell


def test_only_brief_texts_leave_categories_out() -> None:
    town = Feature("town", "categorical", tuple(f"t{i}" for i in range(40)))
    condition = Condition(town, 0, categories=tuple(range(17)))
    assert condition.brief == "town is in {t0, t1, t2, t3, t4 and 12 more}"
    assert str(condition) == f"town is in {{{', '.join(f't{i}' for i in range(17))}}}"
    assert condition.cell == str(condition).removeprefix("town is ")
    others = Condition(town, 0, categories=tuple(range(20, 39)))
    assert others.brief == "town is in {t20, t21, t22, t23, t24 and 14 more}"
    most = Condition(town, 0, categories=tuple(range(10, 40)))
    assert most.brief == "town is not in {t0, t1, t2, t3, t4 and 5 more}"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a, b", '"a, b"'),
        ("{x}", '"{x}"'),
        ('say "no"', r'"say \"no\""'),
        (" edge", '" edge"'),
        ("", '""'),
        ("missing", '"missing"'),
        ("not a", '"not a"'),
        ("car (new) <= 3", "car (new) <= 3"),
    ],
)
def test_names_that_read_like_several_are_quoted(name: str, said: str) -> None:
    feature = Feature("c", "categorical", (name, "z", "y", "x"))
    assert str(Condition(feature, 0, categories=(0,))) == f"c is {said}"
    assert Condition(feature, 0, categories=(0, 1)).cell == f"in {{{said}, z}}"


def test_dates_are_told_as_dates() -> None:
    since = Feature("since", "date", calendar=Calendar("day"))
    assert str(Condition(since, 0, high=18691.5)) == "since <= 2021-03-05"
    assert str(Condition(since, 0, low=18691.5)) == "since > 2021-03-05"
    between = Condition(since, 0, low=18691.5, high=18700.0)
    assert str(between) == "2021-03-05 < since <= 2021-03-14"
    assert between.cell == "(2021-03-05, 2021-03-14]"
