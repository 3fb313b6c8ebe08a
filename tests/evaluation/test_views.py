"""A student that reads other columns than its teacher: each figure by its own."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

import interpretkd as ikd
from interpretkd.drawing import draw_tree
from interpretkd.evaluation import analyse, disagreements, interventions, stability
from interpretkd.explain import (
    inputs_of,
    linear_terms,
    positions_read,
    shape_effects,
    try_values,
)
from interpretkd.models import codes_seen
from interpretkd.reports import make_report
from interpretkd.rules import extract_rules, readable
from tests.views_for_tests import Blend, Some

STUDENTS = {
    "tree": ikd.CartStudent(4, search="greedy"),
    "boosted": ikd.BoostedStudent(max_leaves=12, n_rounds=4),
    "linear": ikd.LinearStudent(),
}


@pytest.fixture(scope="module")
def rows():
    X, y = load_iris(return_X_y=True, as_frame=True)
    X.columns = ["sl", "sw", "pl", "pw"]
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X.iloc[order].reset_index(drop=True), y.to_numpy()[order]
    return X[:100], y[:100], X[100:], y[100:]


def distilled(rows, view, student="tree", **settings):
    X, y, *_ = rows
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    own = {"transfer": None, "target": "hard", "random_state": 0, **settings}
    model = ikd.DistilledClassifier(teacher, STUDENTS[student], view=view, **own)
    return model.fit(X, y)


@pytest.fixture(scope="module", params=list(STUDENTS))
def derived(request, rows):
    return distilled(rows, Blend(held=1000), request.param)


@pytest.fixture(scope="module")
def tree(rows):
    return distilled(rows, Blend(held=1000))


def test_rules_are_counted_over_the_columns_that_the_student_reads(tree, rows):
    _, _, X, y = rows
    found = extract_rules(tree, X, y)
    for rule in found:
        assert all(c.feature.name.startswith("blend") for c in rule.conditions)
    said = tree.predict(X)
    place = found.apply(X)
    predicted = np.asarray([rule.prediction for rule in found])[place]
    assert (predicted == said).all()
    counts = np.bincount(place, minlength=len(found)).tolist()
    assert [rule.n_rows for rule in found] == counts
    agreed = (said == tree.teacher_.predict(X)).mean()
    n_agreed = sum(rule.n_rows - (rule.n_disagree or 0) for rule in found)
    assert n_agreed / len(X) == pytest.approx(agreed)
    rounded = found.readable(rows[0])
    assert (rounded.apply(rows[0]) == found.apply(rows[0])).all()
    assert readable(tree, rows[0]).n_changed == 0


def test_what_is_known_of_rows_is_told_by_leaf(tree, rows):
    _, _, X, y = rows
    found = analyse(tree, X, y)
    leaf = tree.tree_.nodes.apply(codes_seen(tree, X))
    outputs = tree.reading_.decode(tree.tree_.value[leaf])
    assert np.allclose(outputs, tree.logits(X))
    assert not np.array_equal(found.codes, found.given_codes)
    listed = disagreements(tree, X, y, teacher_logits=-tree.teacher_.logits(X)).rows
    assert (listed["leaf"].to_numpy() == leaf[listed["position"]]).all()
    drawn = draw_tree(tree, row=X.iloc[0])
    assert drawn.alt
    small = found.cut(2)
    assert small.rules.tree.n_leaves == 2


def test_what_is_about_the_rows_own_columns_is_refused(derived, rows):
    _, _, X, _ = rows
    row = X.iloc[[0]]
    refused = [
        lambda: inputs_of(derived, X),
        lambda: try_values(derived, row, {0: 5.0}),
        lambda: derived.explain(row, immutable=["sl"]),
        lambda: derived.explain(row, desired=1),
        lambda: derived.export("json"),
        lambda: derived.export("sql", X),
    ]
    if isinstance(derived.student, ikd.CartStudent):
        refused.append(lambda: interventions(derived, X))
    for ask in refused:
        with pytest.raises(ikd.InputError, match="view makes of them: 'blend 0'"):
            ask()


def test_one_row_is_explained_by_the_views_columns(derived, rows):
    _, _, X, _ = rows
    for place in range(5):
        told = derived.explain(X.iloc[[place]], X=X)
        assert told.prediction == derived.predict(X.iloc[[place]])[0]
        assert not told.counterfactuals
        assert list(told.values) == [f"blend {j}" for j in range(4)]
        if not told.is_as_desired:
            assert "its view makes" in told.none_found
        if told.leaf is not None:
            value = derived.tree_.value[told.leaf][None]
            assert np.allclose(
                derived.reading_.decode(value), derived.logits(X.iloc[[place]])
            )


def test_sums_are_told_by_the_views_columns(rows):
    boosted, linear = (
        distilled(rows, Blend(), kind, target="logits")
        for kind in ("boosted", "linear")
    )
    X = rows[2]
    effects = shape_effects(boosted, X, n_pairs=None)
    assert set(effects.features) <= {f"blend {j}" for j in range(4)}
    assert np.isfinite(effects.margins(X)).all()
    added = linear_terms(linear, X)
    said = linear.logits(X)
    sums = added.outputs.centred().show_logits(said)
    assert np.allclose(added.sums, sums - sums.mean(axis=1, keepdims=True), atol=1e-6)


def test_a_size_counts_what_the_student_needs_to_see(derived, rows):
    _, _, X, y = rows
    found = ikd.evaluate(derived, X, y)
    own = derived.student_.form_
    assert found.student.size.parameters == own.n_parameters + 1000
    assert found.student.size.bytes == own.size_bytes + 4000
    assert found.baseline.size.parameters == derived.baseline_.form_.n_parameters + 1000
    assert any("the network up to its layer" in text for text in found.cautions)


def test_a_report_of_a_view(derived, rows):
    _, _, X, y = rows
    text = make_report(derived, X, y, n_refits=2, examples=True).markdown()
    assert "The student reads mixtures of all columns" in text
    assert "network up to its layer" in text


def test_refits_read_through_the_view(derived, rows):
    X, y, *_ = rows
    found = stability(derived, X, y, n_refits=3)
    names = {f"blend {j}" for j in range(4)}
    assert set(found.features["feature"]) <= names
    assert min(found.fidelity) > 0.7


@pytest.mark.parametrize("kind", list(STUDENTS))
def test_masked_columns_are_of_no_account(rows, kind):
    X, y, new, truth = rows
    model = distilled(rows, Some(["sw", "pw"]), kind)
    assert set(positions_read(model)) <= {1, 3}
    strange = new.assign(sl=99.0, pl=-99.0)
    assert np.array_equal(model.logits(strange), model.logits(new))
    assert np.array_equal(model.logits(new[["sw", "pw"]]), model.logits(new))
    with pytest.raises(ikd.InputError, match="lack 'sl', 'pl'"):
        model.fidelity(new[["sw", "pw"]])
    with pytest.raises(ikd.InputError, match="lack 'pw'"):
        model.predict(new[["sl", "sw"]])
    found = ikd.evaluate(model, new, truth)
    assert found.student.size.parameters == model.student_.form_.n_parameters
    steady = stability(model, X, y, n_refits=3)
    assert set(steady.features["feature"]) <= {"sw", "pw"}
    for to in ("python", "json", "sql"):
        assert "rows equal" in str(model.export(to, new))
    told = model.explain(new.iloc[[0]], X=new, n_counterfactuals=2)
    for one in told.counterfactuals:
        assert {change.feature for change in one.changes} <= {"sw", "pw"}
    if kind == "tree":
        rules = extract_rules(model, new, truth)
        short = rules.apply(new[["sw", "pw"]])
        assert np.array_equal(short, rules.apply(new))


@settings(max_examples=12)
@given(st.integers(0, 10_000), st.sampled_from(["made", "masked"]), st.integers(2, 6))
def test_rules_part_rows_as_the_student_does(seed, kind, n_leaves):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(80, 3))
    teacher = ikd.CallableTeacher(
        lambda X: np.column_stack([X[:, 0] - X[:, 1], X[:, 2]]), classes=[0, 1]
    )
    view = Blend() if kind == "made" else Some([0, 2])
    student = ikd.CartStudent(n_leaves, search="greedy", min_samples_leaf=1)
    model = ikd.DistilledClassifier(
        teacher, student, view=view, transfer=None, target="hard", random_state=0
    ).fit(X)
    new = rng.normal(size=(60, 3))
    found = extract_rules(model, new)
    place = found.apply(new)
    predicted = np.asarray([rule.prediction for rule in found])[place]
    assert (predicted == model.predict(new)).all()
    agreed = model.fidelity(new).value
    n_agreed = sum(rule.n_rows - (rule.n_disagree or 0) for rule in found)
    assert n_agreed / len(new) == pytest.approx(agreed)
