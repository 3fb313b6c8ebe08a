"""Forms made one: what they say together, and how large they are."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd._base import InputError
from interpretkd.models import (
    Forest,
    Linear,
    Nodes,
    Tree,
    add_trees,
    average_forms,
    common_schema,
    join_nodes,
)
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent

SEEDS = st.integers(0, 2**32 - 1)


def _rows(seed: int, n_rows: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 10, n_rows).round()
    age[::5] = np.nan
    home = rng.choice(["own", "rent", "free"], n_rows).astype(object)
    home[::7] = None
    return pd.DataFrame({"age": age, "home": home, "debt": rng.exponential(9, n_rows)})


ROWS = _rows(0)
KINDS = [
    CartStudent(5, search="greedy", thresholds="exact"),
    BoostedStudent(3, max_depth=2, n_jobs=1),
    LinearStudent(),
]


def _forms(student: Any, seed: int, n_forms: int, n_outputs: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [
        student.fit(ROWS, rng.normal(size=(len(ROWS), n_outputs))).form_
        for _ in range(n_forms)
    ]


@pytest.mark.parametrize("student", KINDS, ids=["cart", "boosted", "linear"])
@given(SEEDS, st.integers(2, 4), st.integers(1, 3))
@settings(max_examples=8)
def test_a_mean_form_says_the_mean(
    student: Any, seed: int, n_forms: int, n_outputs: int
) -> None:
    forms = _forms(student, seed, n_forms, n_outputs)
    mean = average_forms(forms, [np.arange(n_outputs)] * n_forms)
    # Some of the members' numbers in the place of a missing one differ, say.
    if isinstance(mean, Linear):
        forms = [replace(form, fill=form.fill + i) for i, form in enumerate(forms)]
        mean = average_forms(forms, [np.arange(n_outputs)] * n_forms)
    expected = np.mean([form.predict(ROWS) for form in forms], axis=0)
    np.testing.assert_allclose(mean.predict(ROWS), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("student", KINDS, ids=["cart", "boosted", "linear"])
def test_each_output_is_the_mean_of_those_that_have_it(student: Any) -> None:
    one, two = _forms(student, 1, 2, 2)
    whole = average_forms([one, two], [np.array([0, 2]), np.array([2, 1])])
    first, second = one.predict(ROWS), two.predict(ROWS)
    both = (first[:, 1] + second[:, 0]) / 2
    expected = np.column_stack([first[:, 0], second[:, 1], both])
    np.testing.assert_allclose(whole.predict(ROWS), expected, atol=1e-5)
    assert average_forms([one], [np.arange(2)]) is one


def test_a_tree_for_each_output_counts_its_tests_once() -> None:
    trees = _forms(KINDS[0], 0, 3, 4)
    forest = average_forms(trees, [np.arange(4)] * 3)
    assert isinstance(forest, Forest)
    assert forest.n_trees == 12
    assert forest.n_leaves == 4 * sum(tree.n_leaves for tree in trees)
    assert forest.n_parameters == sum(tree.n_parameters for tree in trees)
    single = average_forms(_forms(KINDS[0], 0, 2, 1), [np.arange(1)] * 2)
    assert single.n_parameters == 2 * (2 * 4 + 5)


def test_only_trees_that_ask_the_same_for_others_share_their_tests() -> None:
    (tree,) = _forms(KINDS[0], 0, 1, 2)
    forest = average_forms([tree, tree], [np.arange(2)] * 2)
    assert forest.n_parameters == 2 * tree.n_parameters  # the first output comes again
    tests, leaves = tree.n_leaves - 1, forest.n_leaves
    same = replace(forest, column=np.zeros(4, dtype=np.int32))
    assert same.n_parameters == 2 * 4 * tests + leaves
    moved = forest.nodes.threshold.copy()
    last = np.flatnonzero(moved)[-1]  # of the last tree
    moved[last] += 1
    other = replace(forest, nodes=replace(forest.nodes, threshold=moved))
    assert other.n_parameters == 2 * 3 * tests + leaves
    boosted = BoostedStudent(4, max_depth=3, n_jobs=1).fit(ROWS, ROWS["debt"]).form_
    tests = int((~boosted.nodes.is_leaf).sum())
    assert boosted.n_parameters == 2 * tests + boosted.n_leaves


def test_trees_with_other_sets_or_sides_do_not_share() -> None:
    student = CartStudent(3, search="greedy")
    (tree,) = [student.fit(ROWS[["home"]], ROWS["home"].eq("own") * 1.0).form_]
    nodes = tree.nodes
    turned = replace(nodes, left_categories=~nodes.left_categories)
    sided = replace(nodes, missing_left=~nodes.missing_left & ~nodes.is_leaf)
    for others in (turned, sided):
        forest = _pair(tree, nodes, others)
        assert forest.n_parameters == 2 * 2 * (tree.n_leaves - 1) + forest.n_leaves
    shared = _pair(tree, nodes, nodes)
    assert shared.n_parameters == 2 * (tree.n_leaves - 1) + shared.n_leaves


def _pair(tree: Tree, one: Nodes, other: Nodes) -> Forest:
    return Forest(
        join_nodes([one, other]),
        value=np.tile(tree.value[:, 0], 2).astype(np.float32),
        cover=np.tile(tree.cover, 2).astype(np.float32),
        column=np.array([0, 1], dtype=np.int32),
        base=np.zeros(2),
    )


def test_each_node_knows_its_tree() -> None:
    forest = KINDS[1].fit(ROWS, np.random.default_rng(0).normal(size=(80, 2))).form_
    joined = add_trees(forest, forest).nodes
    assert len(joined.roots) == 2 * forest.n_trees
    for tree in range(len(joined.roots)):
        np.testing.assert_array_equal(
            np.flatnonzero(joined.tree_of == tree), joined.members(tree)
        )


def test_trees_are_added_with_one_base() -> None:
    one, two = _forms(KINDS[1], 3, 2, 2)
    total = one.predict(ROWS) + two.predict(ROWS) - two.base
    np.testing.assert_allclose(add_trees(one, two).predict(ROWS), total, atol=1e-6)


def test_forms_that_do_not_fit_are_refused() -> None:
    (tree,), (forest,), (linear,) = (_forms(student, 0, 1, 2) for student in KINDS)
    outputs = [np.arange(2)] * 2
    with pytest.raises(InputError, match=r"of one kind .* Got \['Forest', 'Tree'\]"):
        average_forms([tree, forest], outputs)
    with pytest.raises(InputError, match="with links"):
        average_forms([forest, replace(forest, link="sigmoid")], outputs)
    names = ROWS.rename(columns={"age": "years"})
    other = KINDS[0].fit(names, np.zeros(80)).form_
    with pytest.raises(InputError, match="must read the same columns"):
        average_forms([tree, other], outputs)
    full = LinearStudent().fit(ROWS.dropna(), np.zeros((len(ROWS.dropna()), 2))).form_
    with pytest.raises(InputError, match="where the same columns had missing values"):
        average_forms([linear, full], outputs)
    assert common_schema([full.schema, linear.schema]) == linear.schema
