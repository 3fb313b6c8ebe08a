"""What is said of a tree of scores: its tests are told and compared by their sums."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from interpretkd.data import Schema
from interpretkd.datasets import load_digits
from interpretkd.distillation import DistilledClassifier
from interpretkd.drawing import draw_tree
from interpretkd.evaluation import analyse, stability
from interpretkd.models import (
    Score,
    ScoredSchema,
    ScoredTree,
    Term,
    has_own_columns,
    items_of,
    on_common_scores,
)
from interpretkd.students import ScoredTreeStudent, grow


@pytest.fixture(scope="module")
def table() -> tuple[pd.DataFrame, Any]:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.integers(0, 30, (400, 3)), columns=["age", "years", "sum"])
    y = np.where(2 * rows["age"] + rows["years"] > 45, "bad", "good")
    return rows, y


@pytest.fixture(scope="module")
def model(table: tuple[pd.DataFrame, Any]) -> Any:
    rows, y = table
    teacher = FrozenEstimator(LogisticRegression(max_iter=5000).fit(rows, y))
    student = ScoredTreeStudent(3, max_columns=2)
    return DistilledClassifier(teacher, student, random_state=0).fit(rows, y)


def test_a_row_is_told_what_each_column_adds(model: Any, table: Any) -> None:
    row = table[0].iloc[[0]]
    found = model.explain(row)
    step = found.steps[0]
    total = sum(part for _, part in step.parts)
    assert total == float(step.value)
    assert len(step.parts) == 2
    assert "in all" in str(found)
    assert "adds up columns" in found.none_found or "add up columns" in found.none_found


def test_sums_are_counted_by_their_columns(model: Any) -> None:
    tree = model.tree_
    assert has_own_columns(model)
    assert items_of(model, model.student_.form_) == tree.n_terms + tree.n_leaves


def test_what_comes_again_is_told_by_sums(model: Any, table: Any) -> None:
    rows, y = table
    found = stability(model, rows, y, n_refits=2, random_state=0)
    names = set(model.tree_.schema.names)
    own = found.features[found.features["used_by_model"]]
    assert set(own["feature"]) == names
    assert len(found.parts) == len(model.tree_.nodes.feature) - model.tree_.n_leaves
    assert found.rules is not None


def test_scores_of_several_trees_stand_beside_another() -> None:
    given = Schema.from_data(pd.DataFrame({"a": [0.0, 1, 2, 3], "b": [1.0, 3, 2, 0]}))
    one, other = (Score((Term(0, p), Term(1, 1, fill=f))) for p, f in ((2, 1), (3, 1)))
    again = Score((Term(0, 2), Term(1, 1, fill=2.0)))
    trees = []
    for score in ((one,), (other, again)):
        schema = ScoredSchema(given, (0,), score)
        codes = schema.see(np.array([[0, 1], [1, 3], [2, 2], [3, 0]], np.float32))
        grown = grow(schema, codes, np.array([[0.0], [1], [1], [0]]))
        trees.append(ScoredTree(grown.nodes, grown.value, grown.cover))
    both = on_common_scores(trees)
    assert both[0].schema == both[1].schema
    assert len(both[0].scored_schema.scores) == 2
    for before, after in zip(trees, both, strict=True):
        assert str(before).replace("(score)", "") == str(after)
    rows = np.array([[0.5, 2], [2.5, 1]])
    np.testing.assert_array_equal(both[0].predict(rows), trees[0].predict(rows))


def test_the_baseline_is_cut_in_its_own_scores(model: Any, table: Any) -> None:
    rows, y = table
    found = analyse(model, rows, y)
    baseline = model.baseline_.form_
    cut = found._cut_baseline(2)
    assert cut.form_.n_leaves == 2
    assert cut.form_.schema == baseline.schema
    arrays = cut.form_.to_arrays()
    again = ScoredTree.from_arrays(baseline.schema.given, arrays)
    assert str(again) == str(cut.form_)


def test_pixels_of_a_sum_are_shown() -> None:
    digits = load_digits()
    X, y = digits.data[:300], np.asarray(digits.target[:300], dtype=int)
    tree = ScoredTreeStudent(3).fit(X, np.eye(10)[y]).tree_
    drawing = draw_tree(tree).svg(theme="light")
    terms = [term for score in tree.scored_schema.scores for term in score.terms]
    assert "Dots:" in drawing
    less = sum(term.points < 0 for term in terms)
    assert drawing.count('class="less"') == less > 0
    assert drawing.count('<rect class="ink"') == len(terms) - less > 0
