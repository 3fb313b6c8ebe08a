"""Probabilities are the teacher's: refilled leaves, temperatures, the labels' tree."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.datasets import load_digits, load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeRegressor

from interpretkd.distillation import (
    DistilledClassifier,
    DistilledRegressor,
    fit_student,
    teach,
)
from interpretkd.distillation._calibration import _calibrated
from interpretkd.evaluation import analyse
from interpretkd.export import export_student
from interpretkd.methods import Confidence, Munge, Scheme
from interpretkd.metrics import kl_divergence
from interpretkd.runs import load
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.targets import Target, decide, probabilities
from interpretkd.teachers import CallableTeacher, MLPTeacher
from interpretkd.transfer import TransferSet


def _set(seed, task, n_classes, n_rows=60, labelled=True):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 5, (n_rows, 2)).astype(float)
    logits = rng.normal(0, 2, (n_rows, n_classes)) + rows @ rng.normal(
        0, 1, (2, n_classes)
    )
    labels = None
    if labelled:
        labels = (rng.random((n_rows, n_classes)) < 0.5).astype(float)
        if task == "multiclass":
            labels = np.eye(n_classes)[rng.integers(0, n_classes, n_rows)]
        labels[: n_rows // 5] = np.nan
    weight = rng.uniform(0.5, 2, n_rows)
    return TransferSet(rows, logits, labels, weight)


def _mixture(given_set, task, alpha):
    shares = probabilities(given_set.logits, task)
    known = ~np.isnan(given_set.labels).any(axis=1)
    shares[known] = (1 - alpha) * shares[known] + alpha * given_set.labels[known]
    return shares


def _votes(given_set, task, alpha):
    votes = decide(given_set.logits, task).astype(float)
    if task == "multiclass":
        votes = np.eye(given_set.logits.shape[1])[votes.astype(int)]
    known = ~np.isnan(given_set.labels).any(axis=1)
    votes[known] = (1 - alpha) * votes[known] + alpha * given_set.labels[known]
    return votes


KINDS = [("hard", 1.0), ("soft", 0.5), ("soft", 1.0), ("soft", 4.0), ("logits", 1.0)]


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**31),
    st.sampled_from(["multiclass", "multilabel"]),
    st.sampled_from(KINDS),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from(["greedy", "refined"]),
)
def test_leaves_say_the_mean_of_what_is_meant(seed, task, kind, alpha, search):
    rows = _set(seed, task, 3)
    target = Target(*kind, alpha, task)
    student = CartStudent(5, search=search)
    taught = teach(student, target, rows)
    raw = fit_student(student, target, rows)
    leaf = taught.student.form_.apply(rows.rows)
    assert (leaf == raw.form_.apply(rows.rows)).all()  # no test has changed
    said = probabilities(taught.logits(rows), task)
    before = decide(target.decode(raw.form_.value), task).reshape(
        len(raw.form_.value), -1
    )
    means, votes = _mixture(rows, task, alpha), _votes(rows, task, alpha)
    weight = rows.weights
    for one in np.unique(leaf):
        here = leaf == one
        mean = np.average(means[here], axis=0, weights=weight[here])
        wanted = np.average(votes[here], axis=0, weights=weight[here])
        got = said[here][0]
        if task == "multilabel":
            on, own = mean > 0.5, before[one] == 1
            keep = np.where(on == own, True, np.abs(wanted - 0.5) < 1e-9)
            better = np.where(on, wanted > 0.5, wanted < 0.5) | keep
            decided = np.where(better, on, own)
            assert ((got > 0.5) == decided).all()
            clear = decided == on
            np.testing.assert_allclose(got[clear], mean[clear], atol=3e-6)
            np.testing.assert_allclose(got[~clear], 0.5, atol=3e-6)
            continue
        best, own = mean.argmax(), before[one, 0]
        decided = best if wanted[best] >= wanted[own] - 1e-9 else own
        assert got.argmax() == decided
        if decided == best:
            np.testing.assert_allclose(got, mean, atol=1e-5)
        else:
            assert got[decided] - np.delete(got, decided).max() < 2e-6


SCORE = "interpretkd.distillation._teaching._score"


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    keep = y < 4
    X, y = X[keep][:, 18:30], y[keep]
    teacher = FrozenEstimator(MLPTeacher((8,), max_epochs=8, random_state=0).fit(X, y))
    return teacher, X[::2], y[::2], X[1::2], y[1::2]


@pytest.mark.parametrize("target", ["hard", "soft", "logits"])
@pytest.mark.parametrize(
    "student",
    [
        CartStudent(8, search="greedy"),
        BoostedStudent(15, max_depth=3, n_jobs=1),
        LinearStudent(max_iter=40, max_terms=6),
        DecisionTreeRegressor(max_leaf_nodes=8, random_state=0),
    ],
    ids=lambda s: type(s).__name__,
)
def test_held_out_rows_are_nearer_to_the_teacher(digits, student, target):
    teacher, X, y, X_test, _ = digits
    model = DistilledClassifier(
        teacher, student, target=target, transfer=None, random_state=0
    ).fit(X, y)
    asked = TransferSet(X, model.teacher_.logits(X))
    held_out = asked.take(model.validation_rows_)
    kept = np.setdiff1d(np.arange(len(X)), model.validation_rows_)
    watches = isinstance(student, BoostedStudent)
    raw = fit_student(
        student, model.target_, asked.take(kept) if watches else asked, held_out
    )
    before = model.target_.decode(
        np.asarray(getattr(raw, "regressor", raw).predict(X_test))
    )
    said = model.teacher_.logits(X_test)
    was = kl_divergence(said, before).value
    now = kl_divergence(said, model.logits(X_test)).value
    if not isinstance(student, CartStudent):  # a temperature decides nothing
        agree = before.argmax(axis=1) == model.predict(X_test)
        assert agree.mean() > 0.99
    assert now <= was * 1.05 + 1e-3
    if target == "hard":
        assert now < 0.9 * was
    assert (model.predict_proba(X_test).argmax(axis=1) == model.predict(X_test)).all()


def test_a_temperature_is_read_and_not_written_into_the_sums(digits):
    teacher, X, y, X_test, _ = digits
    model = DistilledClassifier(
        teacher, LinearStudent(max_iter=40), target="hard", random_state=0
    ).fit(X, y)
    assert model.target_ == Target("hard")
    assert model.reading_.kind == "soft"
    assert model.reading_.temperature < 1  # of a student that is too sure
    assert (
        model.logits(X_test) == model.reading_.decode(model.student_.predict(X_test))
    ).all()


def _torn():
    """Rows of one cell in which most are decided for 0, and the mean is for 1."""
    rows = np.repeat([[0.0], [1.0]], 50, axis=0)
    logits = np.array([[0.2, 0.0]] * 30 + [[-4.0, 0.0]] * 20 + [[-3.0, 0.0]] * 50)
    return rows, logits


def test_where_the_mean_decides_otherwise_the_decision_of_more_rows_stays(tmp_path):
    rows, logits = _torn()
    known = {0.0: logits[:50], 1.0: logits[50:]}
    teacher = CallableTeacher(
        lambda X: np.concatenate(
            [known[v][: (X[:, 0] == v).sum()] for v in (0.0, 1.0)]
        ),
        classes=["no", "yes"],
    )
    model = DistilledClassifier(
        teacher,
        CartStudent(2, search="greedy"),
        target="hard",
        transfer=None,
        random_state=0,
    ).fit(rows)
    shares = model.predict_proba(rows)
    assert list(model.predict(rows[[0, 60]])) == ["no", "yes"]
    assert (shares.argmax(axis=1) == (rows[:, 0] > 0.5)).all()
    assert (shares.astype(np.float32).argmax(axis=1) == (rows[:, 0] > 0.5)).all()
    np.testing.assert_allclose(shares[0], 0.5, atol=1e-6)
    np.testing.assert_allclose(shares[60], probabilities(logits[60:61])[0], atol=1e-6)
    for language in ("sql", "python", "onnx", "json"):
        found = export_student(model, language, rows)
        assert found.parity.n_equal == len(rows), language
    model.save(tmp_path / "run")
    again = load(tmp_path / "run")
    np.testing.assert_array_equal(again.predict_proba(rows), shares)
    assert again.reading_ == model.reading_
    assert again.target_ == model.target_ == Target("hard")


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_tree_says_the_means_of_its_larger_leaves(digits, kind):
    teacher, X, y, X_test, y_test = digits
    target, temperature = kind
    model = DistilledClassifier(
        teacher,
        CartStudent(8),
        target=target,
        temperature=temperature,
        transfer=None,
        random_state=0,
    ).fit(X, y)
    found = analyse(model, X_test, y_test).cut(3)
    leaf = found.tree.apply(X)
    shares = probabilities(model.teacher_.logits(X))
    for one in np.unique(leaf):
        mean = shares[leaf == one].mean(axis=0)
        said = found.model.predict_proba(X[leaf == one][:1])[0]
        if mean.argmax() == said.argmax():
            np.testing.assert_allclose(said, mean, atol=1e-5)
    assert found.evaluation.student.kl.value >= 0
    path = model.student_.search_.path
    assert path is None or (path.whole.value <= 1).all()


def test_the_chosen_size_keeps_its_path(digits):
    teacher, X, y, *_ = digits
    student = CartStudent("auto", search="greedy")
    model = DistilledClassifier(
        teacher, student, target="logits", transfer=None, random_state=0
    ).fit(X, y)
    found = model.student_.search_
    np.testing.assert_array_equal(found.tree.value, model.student_.tree_.value)
    np.testing.assert_allclose(model.student_.tree_.value.sum(axis=1), 1, atol=1e-5)


def test_a_monotone_tree_stays_monotone():
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 10, (200, 2))
    z = X[:, 0] - 5 + 2 * np.sin(3 * X[:, 0]) + X[:, 1]
    teacher = CallableTeacher(
        lambda X: np.column_stack([0 * X[:, 0], X[:, 0] - 5 + 2 * np.sin(3 * X[:, 0])]),
        classes=[0, 1],
    )
    student = CartStudent(12, search="greedy", monotone=[1, 0])
    model = DistilledClassifier(teacher, student, target="hard", random_state=0)
    model.fit(X, (z > 0).astype(int))
    line = np.column_stack([np.linspace(0, 10, 200), np.full(200, 5.0)])
    assert (np.diff(model.predict_proba(line)[:, 1]) >= 0).all()
    assert model.reading_.temperature < 1


def test_a_proof_stays_a_proof():
    pytest.importorskip("pystreed")
    X, y = load_iris(return_X_y=True)
    logistic = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    student = CartStudent(4, max_depth=2, search="optimal")
    model = DistilledClassifier(logistic, student, transfer=None, random_state=0)
    model.fit(X, y)
    assert model.student_.certificate_.proven
    wrong = (model.predict(X) != logistic.predict(X)).sum()
    assert wrong == round(model.student_.certificate_.cost)
    assert len(model.trials_) == 6  # the labels' tree would have no proof


def test_the_costs_of_decisions_stay_in_force():
    rows = np.repeat([[0.0], [1.0]], 50, axis=0)
    logits = np.where(rows > 0.5, [[-1.0, 0.0]], [[2.0, 0.0]])
    costs = np.array([[0.0, 1.0], [30.0, 0.0]])  # never overlook the second
    given = TransferSet(
        rows, logits + np.where(np.arange(100)[:, None] % 9, 0, [-6, 6])
    )
    taught = teach(
        CartStudent(2, search="refined", class_cost=costs), Target("soft"), given
    )
    assert (decide(taught.logits(given)) == 1).all()
    plain = teach(CartStudent(2, search="refined"), Target("soft"), given)
    assert set(decide(plain.logits(given))) == {0, 1}


def test_the_labels_tree_takes_the_place_of_a_worse_student(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (300, 2))
    y = (X[:, 0] > 0).astype(int)
    teacher = CallableTeacher(
        lambda X: np.column_stack(
            [0 * X[:, 0], np.sign(X[:, 0]) * np.where(X[:, 1] > 0, 6.0, 0.05)]
        ),
        classes=[0, 1],
    )
    scores = iter([(0.5, 0.0), (0.9, 0.0)])
    monkeypatch.setattr(SCORE, lambda *given: next(scores))
    model = DistilledClassifier(
        teacher, CartStudent(4), transfer=None, random_state=0
    ).fit(X, y)
    assert model.trials_[-1].name == "the labels' tree, leaves refilled"
    assert str(model.trials_[-1]) == model.trials_[-1].name
    assert model.target_ == Target("hard", alpha=1.0)
    assert model.n_asked_ == 0
    assert "tree that was fitted to the labels" in " ".join(
        model.evaluate(X, y).cautions
    )
    nodes, others = model.student_.tree_.nodes, model.baseline_.tree_.nodes
    np.testing.assert_array_equal(nodes.threshold, others.threshold)
    np.testing.assert_array_equal(nodes.feature, others.feature)
    leaf = model.student_.tree_.apply(X)
    shares = probabilities(model.teacher_.logits(X))
    for one in np.unique(leaf):
        mean = shares[leaf == one].mean(axis=0)
        said = model.predict_proba(X[leaf == one][:1])[0]
        if mean.argmax() == said.argmax():
            np.testing.assert_allclose(said, mean, atol=1e-5)


class FitOnce(Scheme):
    def run(self, transfer_set, context, fit):
        return fit(transfer_set)


@pytest.mark.parametrize(
    "asked",
    [
        {"weights": Confidence()},
        {"transfer": [Munge(1.0)]},
        {"transfer": "mix"},
        {"scheme": FitOnce()},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_a_method_that_is_asked_for_is_in_the_student(asked):
    X, y = load_iris(return_X_y=True)
    logistic = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    student = CartStudent(4, search="greedy")
    model = DistilledClassifier(logistic, student, random_state=0, **asked).fit(X, y)
    assert not [trial for trial in model.trials_ if "labels' tree" in trial.name]
    assert model.recipe_


def test_a_tie_leaves_the_student_its_place(monkeypatch):
    monkeypatch.setattr(SCORE, lambda *given: (0.9, 0.0))
    X, y = load_iris(return_X_y=True)
    logistic = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    model = DistilledClassifier(logistic, CartStudent(4), transfer=None, random_state=0)
    model.fit(X, y)
    assert model.target_.alpha == 0
    assert model.trials_[-2].target == model.target_


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 4.0])
def test_alpha_one_is_the_baseline_at_every_temperature(temperature):
    X, y = load_iris(return_X_y=True)
    y = np.where(np.arange(150) % 7, y, (y + 1) % 3)
    logistic = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    model = DistilledClassifier(
        logistic,
        CartStudent(6, search="greedy"),
        target="soft",
        temperature=temperature,
        alpha=1.0,
        random_state=0,
    ).fit(X, y)
    np.testing.assert_allclose(
        probabilities(model.logits(X)),
        probabilities(model.baseline_logits(X)),
        atol=1e-6,
    )


def test_few_validation_rows_give_no_temperature():
    X, y = load_iris(return_X_y=True)
    logistic = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    model = DistilledClassifier(
        logistic,
        LinearStudent(max_iter=40),
        target="hard",
        validation_fraction=0.1,
        random_state=0,
    ).fit(X, y)
    assert len(model.validation_rows_) == 15
    assert model.reading_ == model.target_


def test_values_are_left_alone():
    X = np.arange(60.0)[:, None]
    teacher = CallableTeacher(lambda X: X[:, 0] ** 2, task="regression")
    y = X[:, 0] ** 2 + 100
    for student in (CartStudent(4, search="greedy"), Ridge()):
        model = DistilledRegressor(
            teacher, student, alpha=0.5, transfer=None, random_state=0
        ).fit(X, y)
        assert model.reading_ == model.target_
        raw = fit_student(
            student,
            Target("logits", alpha=1.0, task="regression"),
            TransferSet(X, X**2, X**2 + 50.0),
        )
        expected = getattr(raw, "regressor", raw).predict(X)
        np.testing.assert_allclose(model.predict(X), expected, rtol=1e-9)


def test_drawn_rows_decide_and_do_not_count_in_full_leaves():
    rows = np.repeat([[0.0], [1.0]], 40, axis=0)
    logits = np.where(rows > 0.5, [[0.0, 2.0]], [[2.0, 0.0]])
    given = TransferSet(rows, logits)
    drawn = TransferSet(rows, 0.1 * logits, origin=np.full(80, "drawn"))
    target = Target("soft")
    whole = given.join(drawn)
    fitted = fit_student(CartStudent(2, search="greedy"), target, whole)
    said = _calibrated(fitted, target, target, whole).logits(given)
    np.testing.assert_allclose(probabilities(said), probabilities(logits), atol=1e-6)
    few = given.take(np.array([0, 1, 40, 41])).join(drawn)
    said = _calibrated(fitted, target, target, few).logits(given)
    assert (np.abs(probabilities(said) - probabilities(logits)) > 0.2).all()


def test_frames_with_gaps_are_refilled_alike(gaps, german):
    teacher = FrozenEstimator(
        MLPTeacher((4,), max_epochs=3, random_state=0).fit(
            gaps[:300], german.target[:300]
        )
    )
    model = DistilledClassifier(
        teacher, CartStudent(4, search="greedy"), transfer=None, target="hard"
    ).fit(gaps[:300])
    leaf = pd.Series(model.student_.tree_.apply(gaps[:300]))
    shares = probabilities(model.teacher_.logits(gaps[:300]))
    said = model.predict_proba(gaps[:300])
    means = pd.DataFrame(shares).groupby(leaf).transform("mean").to_numpy()
    same = means.argmax(axis=1) == said.argmax(axis=1)
    assert same.mean() > 0.5
    np.testing.assert_allclose(said[same], means[same], atol=1e-5)
