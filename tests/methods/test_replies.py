"""Replies: what each teaches, that it differs, and where it is refused."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV

import interpretkd as ikd
from interpretkd.methods import (
    Conditional,
    KBest,
    Permuted,
    Smoothed,
    TopK,
    Virtual,
)
from interpretkd.targets import (
    Target,
    best_outputs,
    decide,
    permute_rest,
    probabilities,
    spread_rest,
)
from interpretkd.teachers import CallableTeacher
from interpretkd.transfer import GIVEN, REPEATED, neighbour_graph, smooth

FEW = settings(max_examples=30)
X, Y = load_iris(return_X_y=True)
LABELS = np.column_stack([Y > 0, X[:, 1] > 3, X[:, 0] > 5.8]).astype(int)


def _iris_logits(rows):
    """Say something of iris that is wrong for some rows."""
    return rows @ np.array([[1.0, 0, -1], [2, -1, -2], [-2, 0, 1.5], [-1, -1, 4]]) + [
        1,
        3.5,
        -3,
    ]


def _label_logits(rows):
    return np.column_stack([rows[:, 2] - 2.5, rows[:, 1] - 3.1, rows[:, 0] - 6.0])


TEACHER = CallableTeacher(_iris_logits, classes=[0, 1, 2], output="logits")
TWO = CallableTeacher(
    lambda rows: _iris_logits(rows)[:, 1:], classes=[0, 1], output="logits"
)
OF_LABELS = CallableTeacher(_label_logits, task="multilabel", output="logits")
CART = ikd.CartStudent(5, search="greedy")
BOOSTED = ikd.BoostedStudent(n_rounds=15, max_depth=2, n_jobs=1)


def _fit(replies, teacher=TEACHER, student=CART, y=Y, **settings):
    settings = {"target": "soft", "transfer": None, "random_state": 0} | settings
    model = ikd.DistilledClassifier(teacher, student, replies=replies, **settings)
    return model.fit(X, y)


def _same(one, other):
    np.testing.assert_array_equal(one.logits(X), other.logits(X))


def _same_tests(one, other):
    np.testing.assert_array_equal(one.tree_.nodes.feature, other.tree_.nodes.feature)
    np.testing.assert_array_equal(
        one.tree_.nodes.threshold, other.tree_.nodes.threshold
    )
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


def _differs(one, other):
    assert not np.array_equal(one.logits(X), other.logits(X))


# Conditional


def test_conditional_changes_as_many_rows_as_the_teacher_errs():
    model = _fit(Conditional(0.9))
    taught = model.transfer_set_
    changed = (taught.logits != _iris_logits(X)).any(axis=1)
    wrong = TEACHER.predict(X) != Y
    assert 0 < wrong.sum() < 75
    np.testing.assert_array_equal(changed, wrong)
    said = probabilities(taught.logits)[wrong]
    np.testing.assert_allclose(said[np.arange(len(said)), Y[wrong]], 0.9)
    np.testing.assert_allclose(np.sort(said)[:, :2], 0.05)


def test_conditional_leaves_rows_without_label_alone():
    model = ikd.DistilledClassifier(
        TEACHER, CART, replies=Conditional(), transfer=None, random_state=0
    )
    wrong = TEACHER.predict(X) != Y
    model.fit(X[:75], Y[:75], X_unlabelled=X[75:])
    changed = (model.transfer_set_.logits != _iris_logits(X)).any(axis=1)
    np.testing.assert_array_equal(changed, wrong & (np.arange(150) < 75))


def test_conditional_of_a_perfect_teacher_is_the_plain_model():
    right = TEACHER.predict(X)
    _same(_fit(Conditional(), y=right), _fit(None, y=right))
    _differs(_fit(Conditional()), _fit(None))


def test_conditional_changes_single_labels():
    model = _fit(Conditional(0.8), OF_LABELS, y=LABELS)
    said, own = model.transfer_set_.logits, _label_logits(X)
    wrong = (own > 0) != (LABELS == 1)
    assert wrong.any()
    np.testing.assert_array_equal(said != own, wrong)
    np.testing.assert_allclose(
        expit(said[wrong]), np.where(LABELS == 1, 0.8, 0.2)[wrong]
    )


class Shifted(LogisticRegression):
    """One that decides otherwise than its probabilities say."""

    def predict(self, X):
        return np.where(X[:, 3] > 1.4, 2, super().predict(X))


@pytest.fixture(scope="module")
def shifted():
    return FrozenEstimator(Shifted(max_iter=1000).fit(X, Y))


def test_conditional_judges_the_teachers_own_decisions(shifted):
    taught, plain = (_fit(s, shifted).transfer_set_ for s in (Conditional(), None))
    wrong = shifted.predict(X) != Y
    assert (decide(plain.answers) != decide(plain.logits)).any()
    changed = (taught.logits != plain.logits).any(axis=1)
    np.testing.assert_array_equal(changed, wrong)
    np.testing.assert_array_equal(decide(taught.answers), Y)


def test_conditional_needs_labels():
    model = ikd.DistilledClassifier(TEACHER, CART, replies=Conditional())
    said = "The step Conditional of DistilledClassifier needs labels: `fit` was given"
    with pytest.raises(ikd.InputError, match=said):
        model.fit(X)


@pytest.mark.parametrize("certainty", [0.5, 1.0, 0.2, "high"])
def test_certainty_lies_above_one_half(certainty):
    said = r"The 'certainty' parameter of Conditional must be a float in \(0.5, 1\)"
    with pytest.raises(ikd.InputError, match=said):
        _fit(Conditional(certainty))


# Virtual


@pytest.mark.parametrize("certainty", [0.9, 0.99])
def test_virtual_is_label_smoothing(certainty):
    model = _fit(Virtual(certainty), student=BOOSTED)
    smoothed = np.where(np.eye(3)[Y] == 1, certainty, (1 - certainty) / 2)
    held_out = model.validation_rows_
    kept = np.setdiff1d(np.arange(150), held_out)
    np.testing.assert_allclose(
        probabilities(model.transfer_set_.logits), smoothed[kept]
    )
    decided = TEACHER.predict(X[held_out])

    def score(outputs):
        return float((outputs.argmax(axis=1) == decided).mean())

    by_hand = clone(BOOSTED).fit(X[kept], smoothed[kept], watch=(X[held_out], score))
    np.testing.assert_allclose(by_hand.predict(X), model.student_.predict(X), atol=1e-5)


def test_virtual_takes_the_teachers_decision_where_there_is_no_label():
    linear = ikd.LinearStudent()
    model = _fit(Virtual(0.9), student=linear, y=None)
    said = probabilities(model.transfer_set_.logits)
    np.testing.assert_array_equal(said.argmax(axis=1), TEACHER.predict(X))
    np.testing.assert_allclose(said.max(axis=1), 0.9)
    model = ikd.DistilledClassifier(
        TEACHER, linear, target="soft", replies=Virtual(), transfer=None
    ).fit(X[:75], Y[:75], X[75:])
    known = np.append(Y[:75], TEACHER.predict(X[75:]))
    np.testing.assert_array_equal(decide(model.transfer_set_.logits), known)


def test_virtual_smooths_labels_one_by_one():
    model = _fit(Virtual(0.9), OF_LABELS, ikd.LinearStudent(), LABELS)
    smoothed = np.where(LABELS == 1, 0.9, 0.1)
    np.testing.assert_allclose(expit(model.transfer_set_.logits), smoothed)


@pytest.mark.parametrize("search", ["greedy", "refined", "auto"])
def test_virtual_is_refused_of_trees_whatever_their_search(search):
    said = "The step Virtual of DistilledClassifier would do nothing: a student that"
    with pytest.raises(ikd.InputError, match=said):
        _fit(Virtual(), student=ikd.CartStudent(5, search=search))


@pytest.mark.parametrize(
    ("student", "settings", "refused"),
    [
        (BOOSTED, {"target": "hard"}, "hard targets of it"),
        (BOOSTED, {"target": "logits"}, "squared error"),
        (BOOSTED, {"target": "auto"}, None),
        (ikd.BoostedStudent(5, loss="squared_error", n_jobs=1), {}, "squared error"),
        (ikd.LinearStudent(), {"target": "logits"}, "squared error"),
        (ikd.LinearStudent("l1", strength=0.1), {"target": "logits"}, None),
        (ikd.LinearStudent(), {"temperature": 20.0}, None),
    ],
)
def test_where_virtual_does_something(student, settings, refused):
    if refused is None:
        _fit(Virtual(), student=student, **settings)
        return
    with pytest.raises(ikd.InputError, match=refused):
        _fit(Virtual(), student=student, **settings)


@pytest.mark.parametrize("search", ["greedy", "refined"])
@pytest.mark.parametrize("kind", ["soft", "logits"])
def test_what_is_refused_would_have_had_the_labels_tests(monkeypatch, kind, search):
    monkeypatch.setattr(Virtual, "refusal", lambda self, use: None)
    student = ikd.CartStudent(5, search=search)
    assert student.squares(Target(kind))
    rng = np.random.default_rng(0)  # no two tests are as good, as iris has them
    rows = rng.normal(size=(150, 4))
    y = (rows[:, :3] + rng.normal(size=(150, 3))).argmax(axis=1)

    def fit(**settings):
        settings |= {"transfer": None, "random_state": 0}
        return ikd.DistilledClassifier(TEACHER, student, **settings).fit(rows, y)

    smoothed = fit(replies=Virtual(), target=kind)
    by_labels = fit(target="hard", alpha=1.0)
    _same_tests(smoothed, by_labels)
    np.testing.assert_array_equal(smoothed.predict(rows), by_labels.predict(rows))


@pytest.mark.parametrize(
    "student",
    [
        ikd.BoostedStudent(8, loss="squared_error", patience=8, n_jobs=1),
        ikd.LinearStudent(loss="squared_error"),
    ],
)
def test_what_squares_decides_the_same_of_scaled_columns(student):
    assert student.squares(Target("soft"))
    columns = np.eye(3)[Y]
    plain = clone(student).fit(X, columns).predict(X)
    scaled = clone(student).fit(X, 0.4 * columns + 0.2).predict(X)
    np.testing.assert_allclose(0.4 * plain + 0.2, scaled, atol=2e-4)


def test_what_does_not_square():
    costly = ikd.CartStudent(class_cost=1 - np.eye(3))
    assert not costly.squares(Target("hard"))
    assert not ikd.CartStudent(min_gain=0.01).squares(Target("hard"))
    assert not ikd.LinearStudent("group").squares(Target("logits"))
    assert not BOOSTED.squares(Target("soft"))
    assert BOOSTED.squares(Target("logits", task="regression"))


# Smoothed


def test_smoothed_is_a_mean_of_near_rows():
    model = _fit(Smoothed(0.4, n_neighbours=3))
    rows = model.transfer_set_
    codes = rows.encoded.codes
    space = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    far = ((space[:, None] - space[None]) ** 2).sum(axis=2)
    np.fill_diagonal(far, np.inf)
    near = np.zeros_like(far)
    np.put_along_axis(near, np.argsort(far, axis=1)[:, :3], 1, axis=1)
    joined = np.maximum(near, near.T)
    degree = joined.sum(axis=1)
    mixed = 0.6 * np.eye(150) + 0.4 * joined / np.sqrt(np.outer(degree, degree))
    expected = mixed @ softmax(_iris_logits(X), axis=1)
    expected /= expected.sum(axis=1, keepdims=True)
    said = probabilities(rows.logits)
    near_ties = np.abs(said - expected).max(axis=1) > 1e-6
    assert near_ties.sum() <= 15  # rows as near as another: either may be chosen
    _differs(model, _fit(None))
    _differs(model, _fit(Smoothed(0.8, n_neighbours=3)))


@pytest.mark.parametrize("step", [Smoothed(0.0), TopK(3)])
@pytest.mark.parametrize("student", [CART, BOOSTED])
def test_neutral_values_change_nothing(step, student):
    _same(_fit(step, student=student), _fit(None, student=student))
    _same(_fit([step, step], student=student), _fit(None, student=student))


@FEW
@given(st.integers(0, 10**6), st.floats(0, 0.95), st.sampled_from([1, 2, 7, None]))
def test_smoothing_keeps_within_the_values(seed, beta, n_steps):
    rng = np.random.default_rng(seed)
    schema = ikd.data.Encoded.of(rng.normal(size=(25, 2)))
    graph = neighbour_graph(schema.schema, schema.codes, 4)
    dense = graph.toarray()
    np.testing.assert_allclose(dense, dense.T)
    assert np.abs(np.linalg.eigvalsh(dense)).max() <= 1 + 1e-9
    assert np.all(dense.diagonal() == 0)
    values = rng.normal(size=(25, 3))
    moved = smooth(values, graph, beta, n_steps)
    assert (moved >= values.min(axis=0)).all()
    assert (moved <= values.max(axis=0)).all()
    np.testing.assert_allclose(smooth(np.ones((25, 1)), graph, beta, n_steps), 1)
    if n_steps is None:
        whole = (1 - beta) * np.linalg.inv(np.eye(25) - beta * dense)
        weights = whole / whole.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(moved, weights @ values, atol=1e-6)


def test_many_steps_are_the_limit():
    encoded = ikd.data.Encoded.of(X)
    graph = neighbour_graph(encoded.schema, encoded.codes, 5)
    np.testing.assert_allclose(
        smooth(X, graph, 0.7, 200), smooth(X, graph, 0.7, None), atol=1e-6
    )


def test_smoothed_labels_and_values():
    own = _label_logits(X)
    said = _fit(Smoothed(0.5), OF_LABELS, y=LABELS).transfer_set_.logits
    assert said.min() >= own.min()
    assert said.max() <= own.max()
    rows, values = load_diabetes(return_X_y=True)
    rows, values = rows[:150], values[:150]
    teacher = LinearRegression().fit(rows, values)

    def fit(replies):
        frozen = CallableTeacher(teacher.predict, task="regression")
        model = ikd.DistilledRegressor(
            frozen, CART, replies=replies, transfer=None, random_state=0
        )
        return model.fit(rows, values)

    plain, smoothed = fit(None), fit(Smoothed(0.5))
    taught = smoothed.transfer_set_.logits
    assert taught.std() < plain.transfer_set_.logits.std()
    assert not np.array_equal(plain.predict(rows), smoothed.predict(rows))
    np.testing.assert_array_equal(fit(Smoothed(0.0)).predict(rows), plain.predict(rows))
    for step in (Conditional(), Virtual(), TopK(), KBest(), Permuted()):
        said = f"The step {type(step).__name__} of DistilledRegressor is for multicla"
        with pytest.raises(ikd.InputError, match=said):
            fit(step)


# TopK and Permuted


@FEW
@given(st.integers(0, 10**6), st.integers(3, 7), st.integers(1, 7), st.booleans())
def test_the_rest_is_even_and_its_sum_is_kept(seed, n_classes, k, ties):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 30, (20, n_classes))
    if ties:
        logits = rng.integers(0, 3, (20, n_classes)).astype(float)
    cut = spread_rest(logits, k)
    before, after = softmax(logits, axis=1), softmax(cut, axis=1)
    np.testing.assert_array_equal(cut.argmax(axis=1), logits.argmax(axis=1))
    for old, new, raw, z in zip(before, after, logits, cut, strict=True):
        kept = np.argsort(-raw, kind="stable")[:k]
        np.testing.assert_array_equal(z[kept], raw[kept])
        np.testing.assert_allclose(new[kept], old[kept], rtol=1e-9)
        rest = np.delete(new, kept)
        assert len(set(rest.tolist())) <= 1
    assert np.isfinite(cut).all()


def test_top_one_decides_as_hard_targets():
    cut = _fit(TopK(1))
    said = probabilities(cut.transfer_set_.logits)
    assert (np.sort(said, axis=1)[:, 0] == np.sort(said, axis=1)[:, 1]).all()
    np.testing.assert_array_equal(decide(cut.transfer_set_.logits), TEACHER.predict(X))
    _differs(cut, _fit(None))


@FEW
@given(st.integers(0, 10**6), st.integers(3, 6), st.booleans())
def test_permuting_keeps_decision_and_numbers(seed, n_classes, ties):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(30, n_classes))
    if ties:
        logits = rng.integers(0, 2, (30, n_classes)).astype(float)
    dealt = permute_rest(logits, rng)
    np.testing.assert_array_equal(dealt.argmax(axis=1), logits.argmax(axis=1))
    np.testing.assert_array_equal(np.sort(dealt, axis=1), np.sort(logits, axis=1))
    if not ties:
        assert (dealt != logits).any()


def test_permuted_differs_by_seed_alone():
    _same(_fit(Permuted()), _fit(Permuted()))
    _differs(_fit(Permuted()), _fit(None))
    dealt = [_fit(Permuted(), random_state=s).transfer_set_.logits for s in (0, 1)]
    assert not np.array_equal(*dealt)
    _differs(_fit(Permuted()), _fit(TopK(1)))  # its control: an even rest


@pytest.mark.parametrize(
    ("step", "teacher", "settings", "said"),
    [
        (Permuted(), TWO, {}, "of two classes only one is not decided"),
        (Permuted(), TEACHER, {"target": "hard"}, "hard targets are the teacher's dec"),
        (TopK(1), TWO, {}, "of two classes the smaller one"),
        (TopK(2), TEACHER, {}, "of 3 classes k=2 leaves one, which has the whole rest"),
        (TopK(4), TEACHER, {}, "k=4 and the teacher has 3 classes"),
        (TopK(1), TEACHER, {"target": "hard"}, "hard targets are the teacher's dec"),
        (KBest(1), TEACHER, {"target": "hard"}, "hard targets are the teacher's best"),
        (KBest(3), TEACHER, {}, "the 3 classes of a row, weighted by their pro"),
        (KBest(3), TEACHER, {"target": "auto"}, "the 3 classes of a row"),
        (
            KBest(),
            TWO,
            {"student": BOOSTED, "target": "hard"},
            "the 2 classes of a",
        ),
    ],
)
def test_refusals(step, teacher, settings, said):
    y = np.minimum(Y, 1) if teacher is TWO else Y
    name = type(step).__name__
    with pytest.raises(ikd.InputError, match=f"{name} of .* would do nothing: {said}"):
        _fit(step, teacher, y=y, **settings)


@pytest.mark.parametrize("step", [TopK(1), Permuted()])
def test_of_labels_there_is_no_rest(step):
    with pytest.raises(
        ikd.InputError, match=r"is for multiclass teachers\. Got a multi"
    ):
        _fit(step, OF_LABELS, y=LABELS)


# KBest


@FEW
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 9))
def test_the_best_sets_are_those_of_all_sets(seed, n_labels, k):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (4, n_labels))
    outputs, share = best_outputs(logits, k, "multilabel")
    assert outputs.shape == (4, min(k, 2**n_labels), n_labels)
    every = np.array([*product([False, True], repeat=n_labels)])
    for row, found, own in zip(logits, outputs, share, strict=True):
        chance = np.where(every, expit(row), expit(-row)).prod(axis=1)
        best = np.argsort(-chance)[: len(found)]
        np.testing.assert_array_equal(found, every[best])
        np.testing.assert_allclose(own, chance[best] / chance[best].sum())


def test_each_row_is_taught_once_for_each_output():
    weight = np.linspace(1, 2, 150)
    model = ikd.DistilledClassifier(
        TEACHER, CART, replies=KBest(2), target="soft", transfer=None, random_state=0
    ).fit(X, Y, sample_weight=weight)
    rows = model.transfer_set_
    assert len(rows) == 300
    assert Counter(rows.origins.tolist()) == {GIVEN: 150, REPEATED: 150}
    np.testing.assert_allclose(
        rows.weights[:150] + rows.weights[150:], weight / weight.mean()
    )
    best = np.argsort(-_iris_logits(X), axis=1)[:, :2]
    np.testing.assert_array_equal(decide(rows.logits), best.T.ravel())
    assert probabilities(rows.logits).max(axis=1).min() > 0.99999
    assert int(model.tree_.support[0]) == 150  # no row is counted twice
    assert model.queries_ == 150


def test_all_outputs_are_the_probabilities_to_a_greedy_tree(monkeypatch):
    _differs(_fit(KBest(2)), _fit(None))
    _fit(KBest(3), student=ikd.CartStudent(5, search="refined"), target="hard")
    warm = {"student": ikd.LinearStudent(), "temperature": 4.0}
    _differs(_fit(KBest(3), **warm), _fit(None, **warm))
    monkeypatch.setattr(KBest, "refusal", lambda self, use: None)
    for kind, temperature in (("soft", 1), ("soft", 4.0), ("hard", 1), ("logits", 1)):
        _same_tests(_fit(KBest(3), target=kind, temperature=temperature), _fit(None))


@pytest.mark.parametrize("behind", [KBest(2), Conditional()])
def test_whole_outputs_stand_last(behind):
    with pytest.raises(ikd.InputError, match=r"KBest must stand last in a list .* Got"):
        _fit([KBest(2), behind])
    _fit([Conditional(), KBest(2)])


@pytest.mark.parametrize("step", [TopK(1), Permuted()])
def test_auto_tries_no_target_with_which_a_step_does_nothing(step):
    def tried(steps):  # those without a name of their own are of targets
        trials = _fit(steps, target="auto").trials_
        return {trial.target.kind for trial in trials if not trial.name}

    assert tried(step) == {"soft", "logits"}
    assert tried(None) == {"hard", "soft", "logits"}


def test_steps_that_leave_no_target_are_refused():
    class NotSoft(Permuted):
        def refusal(self, use):
            kinds = {target.kind for target in use.targets}
            return "it is soft" if kinds == {"soft"} else None

    class NotOthers(Permuted):
        def refusal(self, use):
            kinds = {target.kind for target in use.targets}
            return None if "soft" in kinds else "it is not soft"

    with pytest.raises(ikd.InputError, match="With each target that target='auto'"):
        _fit([NotSoft(), NotOthers()], target="auto")


def test_one_output_is_the_decision():
    _same_tests(_fit(KBest(1)), _fit(None, target="hard"))


def test_sets_of_labels_are_whole_outputs():
    rows = _fit(KBest(3), OF_LABELS, y=LABELS).transfer_set_
    outputs, share = best_outputs(_label_logits(X), 3, "multilabel")
    np.testing.assert_array_equal(
        decide(rows.logits, "multilabel"), np.vstack(outputs.swapaxes(0, 1))
    )
    np.testing.assert_allclose(rows.weights, share.T.ravel())
    assert len(_fit(KBest(50), OF_LABELS, y=LABELS).transfer_set_) == 8 * 150


def test_made_rows_stay_made():
    model = _fit(KBest(2), transfer="mix")
    found = Counter(model.transfer_set_.origins.tolist())
    assert found == {GIVEN: 150, REPEATED: 150, "mix": 6000}


def test_the_best_output_is_the_teachers_own(shifted):
    own = shifted.predict(X)
    said = _fit(KBest(2), shifted).transfer_set_.logits
    np.testing.assert_array_equal(decide(said[:150]), own)


@pytest.mark.parametrize("step", [TopK(1), Permuted(), Smoothed(0.01)])
def test_the_teachers_own_decisions_stay(shifted, step):
    kept = _fit(step, shifted).transfer_set_
    np.testing.assert_array_equal(decide(kept.answers), shifted.predict(X))


def test_a_student_without_weights_refuses_several_outputs():
    from sklearn.neighbors import KNeighborsRegressor

    said = "KBest of DistilledClassifier would do nothing: the fit of KNeighborsRegr"
    with pytest.raises(ikd.InputError, match=said):
        _fit(KBest(2), student=KNeighborsRegressor())
    _fit(KBest(1), student=KNeighborsRegressor())


# All of them


STEPS = [Conditional(), Virtual(), Smoothed(), TopK(1), Permuted(), KBest(2)]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_a_step_is_a_name_and_numbers(step):
    copy = clone(step)
    assert copy == step
    assert copy is not step
    assert all(
        isinstance(value, int | float | str | None)
        for value in step.get_params().values()
    )
    model = _fit(step, student=BOOSTED)
    again = _fit(clone(step), student=BOOSTED)
    _same(model, again)
    _differs(model, _fit(None, student=BOOSTED))
    assert str(step) in model.recipe_
    assert "\n" not in str(step)
    assert str(step) != repr(step)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Virtual(1.0), "'certainty' parameter of Virtual must be a float in (0.5, 1)"),
        (Smoothed(1.0), "'beta' parameter of Smoothed must be a float in [0, 1)"),
        (Smoothed(n_neighbours=0), "'n_neighbours' parameter of Smoothed must be an "),
        (Smoothed(n_steps=0), "'n_steps' parameter of Smoothed must be an int in [1"),
        (TopK(0), "'k' parameter of TopK must be an int in [1, inf)"),
        (KBest(1.5), "'k' parameter of KBest must be an int in [1, inf)"),
    ],
)
def test_parameters_out_of_range(step, said):
    with pytest.raises(ikd.InputError) as error:
        _fit(step)
    assert said in str(error.value)


def test_searches_reach_into_steps():
    model = ikd.DistilledClassifier(
        TEACHER, CART, target="soft", transfer=None, random_state=0
    )
    found = GridSearchCV(
        clone(model).set_params(replies=Conditional()),
        {"replies__certainty": [0.6, 0.95]},
        cv=2,
    ).fit(X, Y)
    assert found.best_params_["replies__certainty"] in (0.6, 0.95)
    lists = {"replies": [None, TopK(1), [Conditional(), Smoothed()]]}
    found = GridSearchCV(model, lists, cv=2).fit(X, Y)
    assert not np.isnan(found.cv_results_["mean_test_score"]).any()


def test_lists_run_from_left_to_right():
    both = _fit([Conditional(0.9), TopK(1)]).transfer_set_
    _, other = (_fit(steps).transfer_set_ for steps in (None, [TopK(1)]))
    wrong = TEACHER.predict(X) != Y
    np.testing.assert_array_equal(both.logits[~wrong], other.logits[~wrong])
    assert not np.array_equal(both.logits[wrong], other.logits[wrong])
