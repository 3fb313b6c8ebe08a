import numpy as np
import pytest

from interpretkd._base import InputError
from interpretkd.models import LeafOutcomes, leaf_outcomes
from interpretkd.rules._counts import (
    _alike,
    _count_rows,
    _judge_rows,
    _Judged,
    _node_counts,
)
from tests.students.cart.small_trees import AGE, DOSE, frame_of, hard_rows, new_tree

CODES = np.zeros((6, 1), dtype=np.float32)


def _outcomes(classes: int = 2) -> LeafOutcomes:
    names = np.asarray([f"c{i}" for i in range(classes)], dtype=object)
    return LeafOutcomes("multiclass", np.asarray([[0], [1], [0]]), None, names)


def test_each_rule_is_counted_by_itself() -> None:
    place = np.asarray([0, 0, 0, 1, 1, 1])
    teacher = np.asarray([[0], [0], [1], [1], [1], [1]])
    labels = np.asarray([[0], [1], [1], [1], [-1], [0]])
    judged = _Judged(CODES, teacher, np.linspace(0.5, 1, 6), labels)
    first, second, third = _count_rows(judged, _outcomes(), place)
    assert (first["n_rows"], first["coverage"], first["n_disagree"]) == (3, 0.5, 1)
    assert first["fidelity"].value == pytest.approx(2 / 3)
    assert first["confidence"] == pytest.approx(0.6)
    assert first["accuracy"].value == pytest.approx(1 / 3)
    assert first["lift"] == pytest.approx((1 / 3) / (2 / 6))
    assert first["recall"] == pytest.approx(1 / 2)
    assert second["fidelity"].value == 1.0
    assert second["accuracy"].value == pytest.approx(1 / 3)
    assert second["lift"] == pytest.approx((1 / 3) / (3 / 6))
    assert third == {"n_rows": 0, "coverage": 0.0}


def test_label_sets_are_counted_as_wholes() -> None:
    names = np.asarray(["a", "b"], dtype=object)
    sets = LeafOutcomes("multilabel", np.asarray([[1, 0], [1, 1]]), None, names)
    labels = np.asarray([[1, 0], [1, 1], [1, 1], [1, 1], [0, 0], [1, 0]])
    judged = _Judged(CODES, None, None, labels)
    first, second = _count_rows(judged, sets, np.asarray([0, 0, 0, 1, 1, 1]))
    assert (first["accuracy"].value, first["recall"]) == (1 / 3, 1 / 2)
    assert first["lift"] == pytest.approx(1.0)
    assert (second["accuracy"].value, second["recall"]) == (1 / 3, 1 / 3)
    assert sets.predictions == [("a",), ("a", "b")]


def test_no_row_at_all_is_no_error() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    empty = _Judged(CODES[:0], nothing[:, None], np.zeros(0), nothing[:, None])
    for entry in _count_rows(empty, _outcomes(), nothing):
        assert entry == {"n_rows": 0, "coverage": 0.0}


@pytest.mark.parametrize("n_classes", [2, 40])
@pytest.mark.parametrize("kind", [object, str, int])
def test_labels_are_found_whatever_their_type(n_classes: int, kind: type) -> None:
    values = np.arange(n_classes).astype(kind)
    outcomes = LeafOutcomes("multiclass", np.zeros((1, 1), dtype=int), None, values)
    tree = new_tree(0, outputs=1)
    rows = hard_rows(tree, 3)
    unknown = np.asarray([n_classes]).astype(kind)
    judged = _judge_rows(
        None,
        tree,
        outcomes,
        frame_of(rows),
        np.concatenate([values[:2], unknown]).astype(kind),
    )
    assert judged.labels is not None
    np.testing.assert_array_equal(judged.labels.ravel(), [0, 1, -1])
    with pytest.raises(InputError, match="No label y is a class of the model"):
        _judge_rows(None, tree, outcomes, frame_of(rows), np.repeat(unknown, 3))


def test_pooled_chances_are_means_by_weight() -> None:
    chances = np.asarray([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    outcomes = LeafOutcomes("multiclass", np.asarray([[0], [1], [0]]), chances, None)
    groups = [np.asarray([0, 2]), np.asarray([1])]
    pooled = outcomes.pooled(groups, np.asarray([3.0, 1.0, 1.0]))
    np.testing.assert_allclose(pooled.chances, [[0.825, 0.175], [0.2, 0.8]])
    assert pooled.decisions.tolist() == [[0], [1]]
    assert pooled.probabilities == pytest.approx([0.825, 0.8])
    weightless = outcomes.pooled(groups, np.zeros(3))
    np.testing.assert_allclose(weightless.chances, [[0.75, 0.25], [0.2, 0.8]])


def test_the_highest_nodes_of_one_decision() -> None:
    tree = new_tree((AGE, 9.0, True, (DOSE, 1.0, True, 0, 0), (DOSE, 2.0, True, 0, 0)))
    assert _alike(tree, {2: "a", 3: "a", 5: "a", 6: "a"}) == {0: [2, 3, 5, 6]}
    assert _alike(tree, {2: "a", 3: "a", 5: "a", 6: "b"}) == {
        1: [2, 3],
        5: [5],
        6: [6],
    }
    assert _alike(tree, dict.fromkeys((2, 3), "a") | dict.fromkeys((5, 6), "b")) == {
        1: [2, 3],
        4: [5, 6],
    }


def test_rows_are_counted_at_every_node() -> None:
    tree = new_tree((AGE, 9.0, True, (DOSE, 1.0, True, 0, 0), (DOSE, 2.0, True, 0, 0)))
    codes = hard_rows(tree, 500)
    counts = _node_counts(tree, codes)
    assert counts[0] == 500
    left = np.isnan(codes[:, AGE]) | (codes[:, AGE] <= 9)
    assert counts[[1, 4]].tolist() == [left.sum(), (~left).sum()]
    assert counts[2] + counts[3] == counts[1]
    assert leaf_outcomes(tree, tree.value[[2, 3]]).predictions == [2.0, 3.0]
