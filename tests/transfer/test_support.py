"""The training rows that people are told of are those that were given."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

import interpretkd as ikd
from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.drawing import draw_tree
from interpretkd.export import export_student, read_json
from interpretkd.models import Tree
from interpretkd.rules import extract_rules
from interpretkd.students import CartStudent


def _rows(seed, n_rows):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {"a": rng.normal(size=n_rows), "b": rng.integers(0, 9, n_rows).astype(float)}
    )
    return X, X["a"] + X["b"] / 4 + rng.normal(0, 0.5, n_rows) > 1


class Own(CartStudent):
    """A subclass is fitted to rows, not to codes."""


@given(
    seed=st.integers(0, 2**31 - 1),
    n_rows=st.integers(60, 120),
    transfer=st.sampled_from(["mix", "resample", "auto", None]),
    student=st.sampled_from([CartStudent(5), CartStudent(3, search="greedy"), Own(4)]),
)
@settings(max_examples=12, deadline=None)
def test_support_adds_up_to_the_given_rows(seed, n_rows, transfer, student):
    X, y = _rows(seed, n_rows)
    teacher = FrozenEstimator(LogisticRegression().fit(X, y))
    model = DistilledClassifier(
        teacher, student, target="soft", transfer=transfer, random_state=0
    ).fit(X)
    rules = extract_rules(model)
    assert sum(rule.n_rows for rule in rules) == n_rows
    assert sum(rule.coverage for rule in rules) == pytest.approx(1)
    counts = np.bincount(model.tree_.apply(X), minlength=len(model.tree_.cover))
    assert {rule.leaf: rule.n_rows for rule in rules} == {
        rule.leaf: counts[rule.leaf] for rule in rules
    }
    merged = extract_rules(model, merge=True)
    assert sum(rule.n_rows for rule in merged) == n_rows


@pytest.fixture(scope="module")
def model():
    X, _ = _rows(0, 200)
    teacher = FrozenEstimator(LinearRegression().fit(X, X["a"] ** 2 + X["b"]))
    student = CartStudent(6, search="refined")
    made = DistilledRegressor(teacher, student, transfer="mix", random_state=0).fit(X)
    assert made.n_asked_ == 20 * 200
    return made, X


def test_whatever_shows_shares_shows_those_of_the_given_rows(model):
    made, X = model
    tree = made.tree_
    assert tree.cover[0] == pytest.approx(400)  # the others weigh as much together
    assert tree.support[0] == 200
    assert extract_rules(made).outline().startswith("200 rows")
    counts = np.bincount(tree.apply(X), minlength=len(tree.cover))
    leaf = int(np.flatnonzero(tree.nodes.is_leaf)[0])
    share = f"{counts[leaf] / 200:.1%} of rows"
    assert share in str(tree)
    assert share in draw_tree(made)._repr_html_()
    assert made.student_.search_.tree is tree


def test_a_saved_run_and_an_export_keep_it(model, tmp_path):
    made, X = model
    made.save(tmp_path / "run", X)
    again = ikd.load(tmp_path / "run")
    np.testing.assert_array_equal(again.tree_.support, made.tree_.support)
    text = export_student(made, "json", X).text
    np.testing.assert_array_equal(read_json(text).form.support, made.tree_.support)
    old = json.loads(text)
    for node in old["nodes"]:
        del node["support"]
    assert read_json(json.dumps(old)).form.support is None


def test_a_cut_tree_keeps_it(model):
    _, X = model
    student = CartStudent("auto").fit(X, np.sin(X["a"] * 3), held_out=(X, X["b"]))
    for size in (2, 3):
        assert student.search_.path.tree(size).support[0] == len(X)
    weights = np.linspace(0.01, 0.2, len(X))
    weighted = CartStudent(4, search="greedy").fit(X, X["a"], weights).tree_
    assert weighted.support[0] == len(X)
    assert weighted.shares[weighted.nodes.is_leaf].sum() == pytest.approx(1)


def test_support_that_cannot_be_is_refused(model):
    arrays = model[0].tree_.to_arrays()
    schema = model[0].tree_.schema
    for wrong in (arrays["support"][1:], -arrays["support"], arrays["support"] + 1):
        with pytest.raises(InputError, match="support"):
            Tree.from_arrays(schema, {**arrays, "support": wrong})
    del arrays["support"]  # as in runs of old
    old = Tree.from_arrays(schema, arrays)
    np.testing.assert_array_equal(old.n_rows, old.cover)
