import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.frozen import FrozenEstimator

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.drawing import branch_outline, draw_branch, draw_tree, look_of
from interpretkd.evaluation import analyse, example_rows, node_facts
from interpretkd.students import BoostedStudent, CartStudent
from interpretkd.teachers import CallableTeacher


@pytest.fixture(scope="module")
def found():
    X, y = load_iris(return_X_y=True, as_frame=True)

    def logits(rows):
        a = np.asarray(rows, dtype=float)
        return np.column_stack([-a[:, 2] * 3 + 7, a[:, 0] * 0.1, a[:, 3] * 5 - 8])

    teacher = FrozenEstimator(
        CallableTeacher(logits, task="multiclass", classes=["a", "b", "c"])
    )
    student = CartStudent(6, search="greedy")
    model = DistilledClassifier(teacher, student, random_state=0).fit(X)
    return analyse(model, X, np.array(["a", "b", "c"])[y])


@pytest.fixture(scope="module")
def look(found):
    return look_of(found.model, "test")


@pytest.fixture(scope="module")
def values():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    teacher = FrozenEstimator(
        CallableTeacher(
            lambda r: np.asarray(r)[:, 2:4] @ np.full((2, 1), 100),
            task="regression",
        )
    )
    model = DistilledRegressor(teacher, CartStudent(5, search="greedy"), random_state=0)
    return analyse(model.fit(X), X, y)


def kinds(drawn):
    return {node.node: node.kind for node in drawn.nodes}


def test_the_whole_tree_is_drawn_as_draw_tree_does(found, look):
    drawn = draw_branch(look)
    assert drawn.drawing.svg(name="a") == draw_tree(found.model).svg(name="a")
    assert not drawn.is_full
    assert len(drawn.nodes) == len(look.features)
    assert kinds(drawn) == {
        node: "leaf" if is_leaf else "test" for node, is_leaf in enumerate(look.is_leaf)
    }


def test_parents_come_first_and_levels_count_from_the_first_node(look):
    drawn = draw_branch(look)
    left, right = look.children
    level = {-1: 0}
    for node in drawn.nodes:
        assert node.level == level[node.parent] + 1
        level[node.node] = node.level
        if node.parent >= 0:
            assert node.node in (left[node.parent], right[node.parent])


def test_depth_folds_and_single_branches_open_and_close(look):
    flat = draw_branch(look, max_depth=1)
    folded = [node for node, kind in kinds(flat).items() if kind == "folded"]
    assert folded
    opened = draw_branch(look, max_depth=1, opened=folded)
    assert len(opened.nodes) > len(flat.nodes)
    assert kinds(opened)[folded[0]] == "test"
    closed = draw_branch(look, closed=[0])
    assert kinds(closed) == {0: "folded"}
    assert "leaves below" in closed.drawing.text
    # What does not exist, or is in another branch, changes nothing.
    assert kinds(draw_branch(look, max_depth=1, opened=[999])) == kinds(flat)


def test_a_branch_alone(look):
    inner = next(n for n in range(1, len(look.features)) if not look.is_leaf[n])
    drawn = draw_branch(look, root=inner)
    assert drawn.nodes[0].node == inner
    assert drawn.nodes[0].parent == -1
    ends = sum(node.kind == "leaf" for node in drawn.nodes)
    assert ends == look.n_leaves[inner]


def test_the_way_to_a_leaf_is_marked_and_open(look):
    leaf = int(np.flatnonzero(look.tree.nodes.depths == look.tree.depth)[0])
    drawn = draw_branch(look, max_depth=0, way_to=leaf)
    hot = {node.node for node in drawn.nodes if node.hot}
    assert {0, leaf} <= hot
    assert len(hot) == look.tree.depth + 1
    assert drawn.drawing.svg().count('class="hot"') == look.tree.depth
    # Folding by hand comes before the way.
    assert kinds(draw_branch(look, way_to=leaf, closed=[0])) == {0: "folded"}


def test_no_more_nodes_than_may_be_are_drawn_and_it_is_said(look):
    drawn = draw_branch(look, max_depth=99, most_nodes=5)
    assert len(drawn.nodes) <= 5
    assert drawn.is_full


@pytest.mark.parametrize("most_leaves", [1, 2, 3, 4, 5, 6])
def test_the_readable_depth_is_that_of_draw_tree(found, look, most_leaves):
    drawn = draw_branch(look, most_leaves=most_leaves)
    assert sum(node.kind != "test" for node in drawn.nodes) <= max(most_leaves, 1)
    usual = draw_tree(found.model, most_leaves=most_leaves)
    assert drawn.drawing.text == usual.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"root": 99},
        {"root": -1},
        {"max_depth": -1},
        {"most_nodes": 1},
        {"most_leaves": 0},
        {"direction": "up"},
        {"way_to": 1000},
    ],
)
def test_values_that_are_not_allowed(look, wrong):
    with pytest.raises(InputError):
        draw_branch(look, **wrong)


def test_facts_of_all_nodes_add_up(found, look):
    for node in range(len(look.features)):
        facts = node_facts(found, look, node)
        holds = np.ones(len(found), dtype=bool)
        for condition in facts.conditions:
            holds &= condition.holds(found.codes)
        assert facts.rows.tolist() == np.flatnonzero(holds).tolist()
        assert facts.share == len(facts.rows) / len(found)
        assert facts.fidelity.value == found.agrees[facts.rows].mean()
        for who in ("teacher", "student", "label"):
            assert facts.answers[who].sum() == len(facts.rows)
        assert facts.n_leaves == look.n_leaves[node]
        if facts.parent >= 0:
            assert node in [children[facts.parent] for children in look.children]
        assert (facts.test == "") == look.is_leaf[node]


def test_the_sentence_of_a_leaf_is_that_of_its_rule(found, look):
    for rule in found.rules:
        facts = node_facts(found, look, rule.leaf)
        assert facts.sentence.startswith(
            f"IF {rule.brief_text} THEN {rule.prediction_text}"
        )
        assert facts.fidelity == rule.fidelity
    assert node_facts(found, look, 0).sentence.startswith("IF always THEN ask whether")


def test_facts_of_values(values):
    look = look_of(values.model, "test")
    facts = node_facts(values, look, 1)
    apart = values.logits[facts.rows] - values.teacher_logits[facts.rows]
    assert facts.teacher_rmse == pytest.approx(np.sqrt((apart**2).mean()))
    assert facts.fidelity is None
    assert facts.answers["who"].tolist() == ["teacher", "student", "label"]
    assert facts.answers["mean"][2] == pytest.approx(values.y[facts.rows].mean())


def test_facts_of_one_of_boosted_trees(found):
    student = BoostedStudent(max_depth=2, n_rounds=3)
    model = DistilledClassifier(found.model.teacher, student, random_state=0)
    boosted = analyse(model.fit(found.X), found.X)
    look = look_of(boosted.model, "test", 2)
    facts = node_facts(boosted, look, 1)
    assert 0 < len(facts.rows) < len(boosted)
    assert "label" not in facts.answers
    assert len(draw_branch(look).nodes) == len(look.features)


def test_no_such_node(found, look):
    with pytest.raises(InputError, match="node"):
        node_facts(found, look, 99)
    with pytest.raises(InputError, match="root"):
        branch_outline(look, -1)


def test_rows_on_which_they_part_come_first(found, values):
    rows = np.arange(len(found))
    chosen = example_rows(found, rows, 20)
    parting = np.flatnonzero(~found.agrees)
    n_parting = min(20, len(parting))
    assert n_parting
    assert chosen[:n_parting].tolist() == parting[:20].tolist()
    assert len(chosen) == 20
    apart = np.abs(values.logits - values.teacher_logits).max(axis=1)
    first = example_rows(values, np.arange(len(values)), 3)
    assert apart[first].tolist() == sorted(apart, reverse=True)[:3]
    assert example_rows(found, np.array([], dtype=int)).tolist() == []


def test_the_outline_has_every_leaf_of_the_branch_and_no_other(look):
    inner = next(n for n in range(1, len(look.features)) if not look.is_leaf[n])
    text = branch_outline(look, inner)
    assert text.count(" (#") == look.n_leaves[inner]
    assert branch_outline(look).count(" (#") == look.tree.n_leaves


def test_hostile_names_stay_in_their_line():
    X = pd.DataFrame({"a\nb <script>": np.arange(60.0)})
    student = CartStudent(3, search="greedy").fit(X, np.sin(X.to_numpy()))
    look = look_of(student, "test")
    drawn = draw_branch(look)
    assert "<script>" not in drawn.drawing.svg()
    assert len(branch_outline(look).splitlines()) == len(look.features)
