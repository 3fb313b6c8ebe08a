"""Several trees are fitted, and the one that agrees most with the teacher is kept."""

from dataclasses import replace

import numpy as np
import pytest

from interpretkd import (
    BoostedStudent,
    CallableTeacher,
    CartStudent,
    DistilledClassifier,
    DistilledRegressor,
    EnsembleTeacher,
)
from interpretkd.distillation import _base, _pooling
from interpretkd.methods import Auto, EachTeacher, FromFunction, Interleaved, Local
from interpretkd.students import as_student
from interpretkd.targets import Target, log_probabilities, probabilities


def network(n_outputs, seed=7):
    """Return a network of random weights: there is nothing that has to be trained."""
    rng = np.random.default_rng(seed)
    first, last = rng.normal(size=(6, 24)) / 2, rng.normal(size=(24, n_outputs))
    return lambda X: np.tanh(np.asarray(X) @ first) @ last


@pytest.fixture(scope="module")
def noisy():
    """Few rows, a teacher, labels that it does not always meet, many other rows."""
    rng = np.random.default_rng(0)
    X, logits = rng.normal(size=(4000, 6)), network(3)
    y = np.where(rng.random(4000) < 0.2, rng.integers(0, 3, 4000), logits(X).argmax(1))
    return X[:300], y[:300], CallableTeacher(logits, classes=[0, 1, 2]), X[300:]


def distilled(teacher, student=None, **settings):
    student = CartStudent(8, effort="quick") if student is None else student
    return DistilledClassifier(teacher, student, random_state=0, **settings)


def pooled(model):
    return [t for t in model.trials_ if t.name.endswith("the given ones")]


def test_the_tree_that_is_kept_agrees_most(noisy):
    X, y, teacher, _ = noisy
    model = distilled(teacher, CartStudent(8)).fit(X, y)
    tried = pooled(model)
    assert len(tried) == 6  # five of ours, and the labels' tree
    assert tried[-1].name.startswith("the labels' tree")
    best = max(tried, key=lambda trial: trial.fidelity)
    assert best.target == model.target_
    assert model.student_.get_params()["search"] in ("refined", "greedy")
    again = distilled(teacher, CartStudent(8)).fit(X, y)
    np.testing.assert_array_equal(
        again.tree_.nodes.threshold, model.tree_.nodes.threshold
    )


def test_trees_are_compared_on_rows_that_none_was_fitted_to(noisy, monkeypatch):
    X, _, teacher, _ = noisy
    fresh, taught = [], []
    one, fit = _pooling._Pool._fresh, _pooling._Pool._prepared
    monkeypatch.setattr(
        _pooling._Pool, "_fresh", lambda pool: fresh.append(one(pool)) or fresh[-1]
    )
    monkeypatch.setattr(
        _pooling._Pool,
        "_prepared",
        lambda pool, draw: taught.append(fit(pool, draw)) or taught[-1],
    )
    distilled(teacher, CartStudent(8)).fit(X)
    own = {row.tobytes() for part in taught for row in part.encoded.codes}
    assert len(fresh[0]) == 20 * len(X)
    assert not any(row.tobytes() in own for row in fresh[0].encoded.codes)
    np.testing.assert_allclose(fresh[0].logits, teacher.logits(fresh[0].rows))


def test_its_agreement_is_that_with_the_teacher(noisy, monkeypatch):
    """The figure of a trial, recomputed from the rows themselves."""
    X, _, teacher, _ = noisy
    seen = {}

    class Kept(_pooling._Judges):
        def agreement(self, taught):
            seen["rows"], seen["counts"] = self.rows, self.counts
            return super().agreement(taught)

    monkeypatch.setattr(_pooling, "_Judges", Kept)
    model = distilled(teacher).fit(X)
    best = max(trial.fidelity for trial in pooled(model))
    agree = [
        (model.predict(part.rows) == teacher.logits(part.rows).argmax(1)).mean()
        for part in seen["rows"]
    ]
    assert best == pytest.approx(np.average(agree, weights=seen["counts"]))


@pytest.mark.parametrize(("effort", "n_trees"), [("quick", 2), ("thorough", 16)])
def test_more_effort_tries_more_trees(noisy, effort, n_trees):
    X, _, teacher, _ = noisy
    student = CartStudent(3, effort=effort)
    tried = as_student(student).candidates(Target("hard"), free=True)
    assert len(tried) == n_trees
    if effort == "quick":
        assert len(pooled(distilled(teacher, student).fit(X))) == n_trees


def test_pooling_serves_where_rows_are_few(noisy):
    """Against the one tree of the given rows, on rows that nobody has seen."""
    X, _, teacher, others = noisy
    gains = []
    for seed in range(3):
        ours, alone = (
            DistilledClassifier(
                teacher, CartStudent(16), transfer=transfer, random_state=seed
            )
            .fit(X)
            .fidelity(others)
            .value
            for transfer in ("auto", None)
        )
        gains.append(ours - alone)
    assert np.mean(gains) > 0.01


@pytest.mark.parametrize(
    "settings",
    [
        {"alpha": 0.5},
        {"transfer": None},
        {"transfer": Local(200, budget=300)},
    ],
    ids=["labels", "no rows", "budget"],
)
def test_where_rows_drawn_afresh_cannot_judge_there_is_one_tree(noisy, settings):
    X, y, teacher, _ = noisy
    assert not pooled(distilled(teacher, **settings).fit(X, y))


@pytest.mark.parametrize(
    "student",
    [
        CartStudent(4, search="greedy"),
        CartStudent(4, class_cost=1 - np.eye(3)),
        CartStudent(4, feature_cost=[0.1] * 6),
        CartStudent(4, objective="cross_entropy"),
        BoostedStudent(3, n_jobs=1),
    ],
)
def test_other_students_are_fitted_once(noisy, student):
    X, _, teacher, _ = noisy
    assert not pooled(distilled(teacher, student, target="soft").fit(X))


def test_when_the_time_is_over_no_further_tree_is_tried(noisy):
    X, _, teacher, _ = noisy
    student = CartStudent(8, effort="thorough", time_limit=1e-6)
    model = distilled(teacher, student).fit(X)
    assert len(pooled(model)) == 1
    assert not model.student_.search_.in_time


def test_a_target_that_is_asked_for_is_kept(noisy):
    X, _, teacher, _ = noisy
    model = distilled(teacher, CartStudent(4), target="hard").fit(X)
    assert {trial.target.kind for trial in pooled(model)} == {"hard"}
    assert model.target_.kind == "hard"


def test_among_many_rows_the_validation_rows_judge(noisy, monkeypatch):
    X, y, teacher, _ = noisy
    monkeypatch.setattr(_base, "_ENOUGH_ROWS", 200)
    model = distilled(teacher, CartStudent(8)).fit(X, y)
    tried = [t for t in model.trials_ if t.name.endswith("on validation rows")]
    assert len(tried) == 5  # what differs in its further rows alone is tried once
    kept = len(X) - len(model.validation_rows_)
    assert {trial.n_rows for trial in tried} == {kept}
    assert model.n_asked_ == 0
    assert model.queries_ == len(X)
    # Its leaves answer what the teacher says of all the rows.
    np.testing.assert_array_equal(model.tree_.support[0], len(X))
    assert len(model.transfer_set_) == len(X)


def test_leaves_of_values_are_means_over_all_rows(noisy, monkeypatch):
    X = noisy[0]
    monkeypatch.setattr(_base, "_ENOUGH_ROWS", 200)
    teacher = CallableTeacher(network(2), task="regression")
    weight = np.random.default_rng(0).random(len(X))
    student = CartStudent(4, effort="quick")
    model = DistilledRegressor(teacher, student, random_state=0)
    model.fit(X, sample_weight=weight)
    said, values = model.predict(X), teacher.logits(X)
    leaf = model.tree_.nodes.apply(model.schema_.encode(X))
    for one in np.unique(leaf):
        here = leaf == one
        mean = np.average(values[here], axis=0, weights=weight[here])
        np.testing.assert_allclose(said[here], np.tile(mean, (here.sum(), 1)))


def test_the_size_is_chosen_before(noisy):
    X, _, teacher, _ = noisy
    model = distilled(teacher, CartStudent("auto", effort="quick")).fit(X)
    assert len(pooled(model)) == 2
    assert 2 <= model.tree_.n_leaves <= 64
    assert model.student_.max_leaves == max(model.tree_.n_leaves, 2)


def test_values_are_pooled_by_their_squared_error():
    gains = []
    for seed in range(3):
        X = np.random.default_rng(seed).normal(size=(3000, 6))
        teacher = CallableTeacher(network(1, seed), task="regression")
        ours, alone = (
            DistilledRegressor(teacher, CartStudent(12), transfer=rows, random_state=0)
            for rows in ("auto", None)
        )
        assert len(pooled(ours.fit(X[:300]))) == 5
        alone.fit(X[:300])
        gains.append(ours.fidelity(X[300:]).value - alone.fidelity(X[300:]).value)
    assert np.mean(gains) > 0.01


def test_labels_tree_is_kept_where_it_agrees_most(noisy, monkeypatch):
    X, y, teacher, _ = noisy
    agreement, of_labels = _pooling._Judges.agreement, _pooling._Pool.of_labels
    theirs = []

    def noted(pool, rival):
        theirs.append(of_labels(pool, rival))
        return theirs[-1]

    def rigged(judges, taught):
        return agreement(judges, taught) - 2 * (taught is not theirs[0].taught)

    monkeypatch.setattr(_pooling._Pool, "of_labels", noted)
    monkeypatch.setattr(_pooling._Judges, "agreement", rigged)
    model = distilled(teacher, CartStudent(8)).fit(X, y)
    assert model.target_ == Target("hard", alpha=1.0)
    assert pooled(model)[-1].name.startswith("the labels' tree")
    np.testing.assert_array_equal(
        model.tree_.nodes.threshold, model.baseline_.form_.nodes.threshold
    )
    assert model.n_asked_ == 0


def test_rows_that_are_asked_for_are_drawn(noisy):
    """A tree of the given rows alone may win only where rows are but tried."""
    X, _, teacher, _ = noisy
    for transfer, n_alone in ((Local(), 0), (Auto(Local()), 1), ("auto", 1)):
        model = distilled(teacher, CartStudent(4), transfer=transfer).fit(X)
        alone = [t for t in pooled(model) if "given rows alone" in t.name]
        assert len(alone) == n_alone


def test_only_steps_that_make_rows_draw_those_that_judge(noisy, monkeypatch):
    X, _, teacher, _ = noisy
    other = CallableTeacher(network(3, 1), classes=[0, 1, 2])
    both, fresh = EnsembleTeacher([teacher, other]), []
    one = _pooling._Pool._fresh
    monkeypatch.setattr(
        _pooling._Pool, "_fresh", lambda pool: fresh.append(one(pool)) or fresh[-1]
    )
    model = distilled(both, transfer=EachTeacher()).fit(X)
    assert not pooled(model)  # repeated rows are no others
    assert not fresh
    model = distilled(both, transfer=[Local(2.0), EachTeacher()]).fit(X)
    assert len(pooled(model)) == 2
    assert len(fresh[0]) == 2 * len(X)
    np.testing.assert_array_equal(model.teacher_.logits(fresh[0].rows), fresh[0].logits)


def test_fresh_rows_are_answered_by_the_teacher(noisy, monkeypatch):
    X, _, teacher, _ = noisy

    class Wrong(Local):
        def answer(self, rows, context):
            said = super().answer(rows, context)
            return replace(said, logits=-said.logits)

    fresh, one = [], _pooling._Pool._fresh
    monkeypatch.setattr(
        _pooling._Pool, "_fresh", lambda pool: fresh.append(one(pool)) or fresh[-1]
    )
    distilled(teacher, transfer=Wrong()).fit(X)
    np.testing.assert_allclose(fresh[0].logits, teacher.logits(fresh[0].rows))


@pytest.mark.parametrize("transfer", ["auto", None, "validation rows"])
def test_probabilities_of_monotone_trees_get_a_temperature(transfer, monkeypatch):
    rng = np.random.default_rng(0)
    X, test = rng.normal(size=(400, 3)), rng.normal(size=(4000, 3))

    def logits(X):
        return np.outer(np.asarray(X).sum(axis=1), [-1.0, 1.0])

    teacher = CallableTeacher(logits, classes=[0, 1])
    if transfer == "validation rows":
        monkeypatch.setattr(_base, "_ENOUGH_ROWS", 0)
        transfer = "auto"
    student = CartStudent(4, effort="quick", monotone=[1, 1, 1])
    soft = {"target": "soft", "temperature": 4.0, "transfer": transfer}
    model = distilled(teacher, student, **soft).fit(X)
    wanted, said = probabilities(logits(test)), model.logits(test)

    def loss(scale):
        return -(wanted * log_probabilities(scale * said)).sum(axis=1).mean()

    assert loss(1) < min(map(loss, np.geomspace(0.1, 10, 101))) + 0.03


def test_a_scheme_orders_its_own_fits(noisy):
    X, y, teacher, _ = noisy
    plain = BoostedStudent(4, n_jobs=1)
    model = distilled(teacher, plain, target="soft", scheme=Interleaved(2)).fit(X, y)
    assert not pooled(model)


def test_a_teacher_that_decides_otherwise_judges_by_its_decisions():
    """The trees are compared by what the teacher decides, not by its probabilities."""
    X = np.random.default_rng(0).normal(size=(200, 2))

    class Strict(CallableTeacher):
        def predict(self, X):
            return (np.asarray(X)[:, 0] > 1).astype(int)

    teacher = Strict(lambda X: np.column_stack([-X[:, 0], X[:, 0]]), classes=[0, 1])
    model = distilled(teacher).fit(X)
    test = np.random.default_rng(1).normal(size=(2000, 2))
    assert (model.predict(test) == teacher.predict(test)).mean() > 0.98


def test_rows_that_are_like_none_given_do_not_judge():
    """Junk judged junk: trees fitted to it were kept, at 7 points less of fidelity."""
    rng = np.random.default_rng(0)
    X, teacher = (
        rng.normal(size=(3000, 6)),
        CallableTeacher(network(3), classes=[0, 1, 2]),
    )

    def junk(schema, codes, n_rows, rng):
        return (rng.normal(size=(n_rows, codes.shape[1])) * 100).astype("float32")

    told, alone = (
        np.mean(
            [
                DistilledClassifier(
                    teacher, CartStudent(8), transfer=transfer, random_state=seed
                )
                .fit(X[:150])
                .fidelity(X[150:])
                .value
                for seed in range(3)
            ]
        )
        for transfer in (Auto(FromFunction(junk)), None)
    )
    assert told > alone - 0.01
