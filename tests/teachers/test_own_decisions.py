"""A teacher's decision is the teacher's: what its predict says, not its scores."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import sparse
from sklearn.datasets import load_iris, make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from interpretkd._base import InputError
from interpretkd.data import take_rows
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.evaluation import (
    ConfusionDisplay,
    analyse,
    compare,
    disagreements,
    evaluate,
    interventions,
    stability,
)
from interpretkd.explain import explain_row, try_values
from interpretkd.metrics import fidelity, fidelity_by_class, fidelity_by_slice
from interpretkd.model_selection import frontier
from interpretkd.pipelines import PreparedTeacher
from interpretkd.rules import extract_rules
from interpretkd.runs import analyse_run, load_run, save
from interpretkd.students import CartStudent
from interpretkd.targets import Answers, decide, hard_targets
from interpretkd.teachers import CachedTeacher, TorchTeacher, as_teacher
from interpretkd.transfer import TransferSet

X, Y = make_classification(500, 5, random_state=0, flip_y=0.1)
Y_TEXT = np.array(["no", "yes"])[Y]
TRAIN, TEST = slice(0, 300), slice(300, None)
IRIS, SPECIES = load_iris(return_X_y=True)


class Shifted:
    """Somebody's own teacher: scores, and decisions with a bias of their own."""

    classes_ = np.array(["a", "b", "c"])

    def __init__(self, bias: Any = (0.0, 0.0, 4.0)) -> None:
        self.bias = np.asarray(bias)

    def logits(self, X: Any) -> Any:
        rows = np.asarray(X)
        return np.column_stack([-rows[:, 2], rows[:, 0] - 5, rows[:, 2] - 4])

    def predict(self, X: Any) -> Any:
        return self.classes_[(self.logits(X) + self.bias).argmax(axis=1)]


class Labels:
    """Somebody's own teacher of labels, each with a threshold of its own."""

    task = "multilabel"
    classes_ = np.array(["small", "large"])

    def logits(self, X: Any) -> Any:
        return np.asarray(X)[:, :2] * [-1, 1]

    def predict(self, X: Any) -> Any:
        return sparse.csr_matrix((self.logits(X) > [0.5, -0.5]).astype(int))


def _threshold(value: float = 0.3) -> Any:
    return FixedThresholdClassifier(LogisticRegression(), threshold=value)


def _distil(teacher: Any, rows: Any = X, y: Any = None, **settings: Any) -> Any:
    student = CartStudent(6, search="greedy")
    settings = {"random_state": 0, "transfer": None, **settings}
    return DistilledClassifier(teacher, student, **settings).fit(rows, y)


@pytest.fixture(scope="module")
def threshold() -> Any:
    return FrozenEstimator(_threshold().fit(X[TRAIN], Y_TEXT[TRAIN]))


@pytest.fixture(scope="module")
def model(threshold: Any) -> Any:
    return _distil(threshold, X[TRAIN], Y_TEXT[TRAIN])


KINDS = {
    "threshold": lambda: _threshold().fit(X, Y),
    "a low threshold": lambda: _threshold(0.02).fit(X, Y_TEXT),
    "tuned threshold": lambda: TunedThresholdClassifierCV(
        LogisticRegression(), scoring="recall", cv=2
    ).fit(X, Y),
    "pipeline": lambda: make_pipeline(StandardScaler(), _threshold()).fit(X, Y),
    "search": lambda: GridSearchCV(_threshold(), {"threshold": [0.2]}, cv=2).fit(X, Y),
    "of a margin": lambda: FixedThresholdClassifier(
        LinearSVC(), threshold=0.7, response_method="decision_function"
    ).fit(X, Y),
    "one against one": lambda: OneVsOneClassifier(LogisticRegression()).fit(X, Y),
    "tree": lambda: DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, Y),
    "chain": lambda: ClassifierChain(LogisticRegression()).fit(X, (X[:, :3] > 0) * 1),
    "labels": lambda: OneVsRestClassifier(LogisticRegression()).fit(
        X, sparse.csr_matrix((X[:, :3] > 0.5).astype(int))
    ),
    "own": Shifted,
    "own labels": Labels,
}


@pytest.mark.parametrize("kind", KINDS)
def test_fidelity_is_agreement_with_predict(kind: str) -> None:
    teacher = KINDS[kind]()
    model = _distil(FrozenEstimator(teacher) if hasattr(teacher, "fit") else teacher)
    own = teacher.predict(X)
    own = own.toarray() if sparse.issparse(own) else own
    same = (model.predict(X) == own).reshape(len(X), -1).all(axis=1)
    assert model.fidelity(X).value == same.mean()
    assert fidelity(model, X).value == evaluate(model, X).student.fidelity.value
    np.testing.assert_array_equal(model.teacher_.predict(X), own)


@pytest.mark.parametrize("target", ["auto", "hard"])
def test_hard_targets_are_its_decisions(threshold: Any, target: str) -> None:
    model = _distil(threshold, X[TRAIN], target=target)
    assert model.target_.kind == "hard"
    agreement = (model.predict(X[TEST]) == threshold.predict(X[TEST])).mean()
    assert agreement > 0.9
    if target == "auto":
        kept = model.validation_rows_
        hard = next(t for t in model.trials_ if t.target.kind == "hard")
        assert hard.fidelity == max(trial.fidelity for trial in model.trials_)
        assert len(kept) == 60


def test_drawn_rows_are_answered_by_predict(threshold: Any) -> None:
    model = _distil(threshold, X[TRAIN], target="hard", transfer="mix")
    assert model.n_asked_ == 20 * 300
    assert model.fidelity(X[TEST]).value > 0.95


def test_an_equal_predict_changes_nothing() -> None:
    plain = LogisticRegression().fit(X, Y)

    class Silent:
        classes_ = plain.classes_

        def logits(self, rows: Any) -> Any:
            return as_teacher(plain).logits(rows)

    asked, unasked = _distil(FrozenEstimator(plain), y=Y), _distil(Silent(), y=Y)
    assert as_teacher(plain).answers(X).own is None
    assert asked.evaluate(X, Y).cautions == ()
    for one, other in zip(asked.trials_, unasked.trials_, strict=True):
        assert one == other
    np.testing.assert_array_equal(asked.logits(X), unasked.logits(X))


def test_our_own_decisions_are_not_asked_for_twice(model: Any) -> None:
    class Counting(DistilledClassifier):
        asked = 0

        def logits(self, X: Any) -> Any:
            type(self).asked += 1
            return super().logits(X)

    teacher = Counting(model.teacher, CartStudent(4, search="greedy"), random_state=0)
    teacher.fit(X[TRAIN])
    Counting.asked = 0
    as_teacher(teacher).answers(X)
    assert Counting.asked == 1


def test_predict_is_asked_in_batches() -> None:
    seen = []

    class Watched(FixedThresholdClassifier):
        def predict(self, X: Any) -> Any:
            seen.append(len(X))
            return super().predict(X)

    rows = np.tile(X, (40, 1))
    teacher = Watched(LogisticRegression(), threshold=0.3).fit(X, Y_TEXT)
    found = as_teacher(teacher).predict(rows)
    assert max(seen) < sum(seen) == len(rows)
    np.testing.assert_array_equal(found, teacher.predict(rows))


def test_all_that_is_measured_is_about_its_decisions(
    threshold: Any, model: Any
) -> None:
    rows, y = X[TEST], Y_TEXT[TEST]
    own, said = threshold.predict(rows), model.predict(rows)
    same = own == said
    found = evaluate(model, rows, y, slices={"half": np.arange(200) % 2})
    assert found.teacher.accuracy.value == (own == y).mean()
    assert found.student.fidelity.value == same.mean()
    baseline = decide(model.baseline_logits(rows))
    assert found.baseline.fidelity.value == (model.classes_[baseline] == own).mean()
    wrong = model.classes_[decide(model.teacher_.logits(rows))] != own
    assert 0 < wrong.mean() < 1
    assert f"in {wrong.mean():.1%} of the rows" in found.cautions[0]
    assert found.cautions[0] in str(found)
    assert found.cautions[0] in found._repr_html_()
    assert found.to_dict()["cautions"] == list(found.cautions)
    assert found.by_class["n"].tolist() == [(own == c).sum() for c in ("no", "yes")]
    pd.testing.assert_frame_equal(found.by_class, fidelity_by_class(model, rows))
    half = fidelity_by_slice(model, rows, np.arange(200) % 2)
    assert half["fidelity"].tolist() == [same[0::2].mean(), same[1::2].mean()]
    pd.testing.assert_frame_equal(found.slices["half"], half)

    rules = extract_rules(model, rows, y)
    assert sum(rule.n_disagree or 0 for rule in rules.rules) == (~same).sum()
    apart = disagreements(model, rows, y)
    assert apart.rate.value == (~same).mean()
    assert set(apart.rows["position"]) == set(np.flatnonzero(~same))
    assert apart.rows["teacher"].tolist() == own[apart.rows["position"]].tolist()
    chances = model.teacher_.predict_proba(rows)[apart.rows["position"]]
    of_own = np.where(apart.rows["teacher"] == "yes", chances[:, 1], chances[:, 0])
    np.testing.assert_allclose(apart.rows["teacher_confidence"], of_own)
    cells = ConfusionDisplay.from_model(model, rows).data
    assert cells["n_rows"].sum() == 200
    for i in np.flatnonzero(wrong)[:2].tolist():
        told = explain_row(model, rows[i], n_counterfactuals=1)
        assert told.teacher_prediction == own[i]
        assert told.agrees == same[i]
        np.testing.assert_allclose(
            told.teacher_scores, model.teacher_.predict_proba(rows[i : i + 1])[0]
        )
        for changed in told.counterfactuals:
            teacher = threshold.predict(changed.row)[0]
            assert changed.teacher_prediction == teacher
        what_if = try_values(model, rows[i : i + 1], {0: 0.0})
        assert what_if.teacher_before.decision == own[i]
    done = interventions(model, rows, n_rows=20)
    for rule in done.rules:
        covered = model.tree_.nodes.apply(model.schema_.encode(rows)) == rule.leaf
        assert not covered.any() or rule.fidelity.value == same[covered].mean()


def test_what_is_made_of_an_analysis_is_too(threshold: Any, model: Any) -> None:
    rows, y = X[TEST], Y_TEXT[TEST]
    own = threshold.predict(rows)
    same = own == model.predict(rows)
    found = analyse(model, rows, y)
    np.testing.assert_array_equal(found.agrees, same)
    np.testing.assert_array_equal(model.classes_[found.teacher_decisions], own)
    assert found.evaluation.student.fidelity.value == same.mean()
    assert found.rules.rules == extract_rules(model, rows, y).rules
    smaller = found.cut(2)
    np.testing.assert_array_equal(
        model.classes_[smaller.teacher_decisions], threshold.predict(smaller.X)
    )
    both = compare({"one": found, "two": found})
    assert both.fidelity[0].value == same.mean()
    assert both.teacher_accuracy.value == (own == y).mean()
    assert found.sizes is not None
    refits = found.stability(2)
    assert (
        refits.fidelity
        == stability(model, rows, y, n_refits=2, random_state=0).fidelity
    )


def test_a_plain_array_of_its_logits_does_not_hide_its_decisions(model: Any) -> None:
    rows = X[TEST]
    logits = model.teacher_.logits(rows)
    given = [evaluate(model, rows, teacher_logits=said) for said in (None, logits)]
    assert given[0].student.fidelity == given[1].student.fidelity
    apart = disagreements(model, rows, teacher_logits=logits)
    assert apart.rate == disagreements(model, rows).rate


def test_a_run_keeps_them(model: Any, tmp_path: Any) -> None:
    rows, y = X[TEST], Y_TEXT[TEST]
    run = load_run(save(model, tmp_path / "run", rows, y))
    before, after = analyse(model, rows, y), analyse_run(run)
    np.testing.assert_array_equal(after.teacher_logits, before.teacher_logits)
    np.testing.assert_array_equal(after.own, before.own)
    assert after.evaluation.cautions == before.evaluation.cautions
    assert after.evaluation.student.fidelity == before.evaluation.student.fidelity
    assert after.evaluation.teacher == before.evaluation.teacher
    assert after.rules.rules == before.rules.rules


def test_a_run_of_labels_keeps_them(tmp_path: Any) -> None:
    model = _distil(Labels())
    run = load_run(save(model, tmp_path / "run", X))
    assert run.evaluation is not None
    np.testing.assert_array_equal(run.evaluation.own, Labels().predict(X).toarray())
    fidelity = analyse_run(run).evaluation.student.fidelity
    assert fidelity == model.evaluate(X).student.fidelity


def test_a_run_without_them_holds_no_more_columns(tmp_path: Any) -> None:
    model = _distil(FrozenEstimator(LogisticRegression().fit(X, Y)))
    path = save(model, tmp_path / "run", X)
    names = pd.read_parquet(path / "evaluation.parquet").columns
    assert not [name for name in names if name.startswith("d.")]
    assert load_run(path).evaluation.own is None


def test_a_frontier_is_about_them(threshold: Any) -> None:
    found = frontier(
        threshold, X, Y_TEXT, students=[CartStudent(4, search="greedy")], random_state=0
    )
    rows = X[found.test_rows]
    point = found.points[0]
    same = point.model.predict(rows) == threshold.predict(rows)
    assert point.fidelity.value == same.mean()


def test_teachers_that_stand_before_others_pass_them_on(threshold: Any) -> None:
    teacher = as_teacher(threshold)
    expected = teacher.answers(X)
    prepared = PreparedTeacher(threshold, lambda rows: np.asarray(rows) + 0.0)
    for other in (CachedTeacher(teacher), prepared):
        said = as_teacher(other).answers(X)
        np.testing.assert_array_equal(said.own, expected.own)
        assert as_teacher(other).answers(X, said.logits).own is None
        seen = replace(as_teacher(other), decides_otherwise=True)
        again = seen.answers(X, said.logits)
        np.testing.assert_array_equal(again.own, expected.own)


def test_pairwise_scores_are_refused() -> None:
    for y, n in (
        (SPECIES, "3 pairs of its 3"),
        (np.arange(150) % 4, "6 pairs of its 4"),
    ):
        model = SVC(decision_function_shape="ovo").fit(IRIS, y)
        search = GridSearchCV(SVC(decision_function_shape="ovo"), {"C": [1.0]}, cv=2)
        for teacher in (model, make_pipeline(StandardScaler(), model), search):
            fitted = teacher.fit(IRIS, y)
            with pytest.raises(InputError, match=f"{n} classes.*'ovr'"):
                _distil(FrozenEstimator(fitted), IRIS)


def test_scores_that_contradict_the_decisions_are_refused() -> None:
    class Turned(Shifted):
        def logits(self, X: Any) -> Any:
            return -super().logits(X)

        def predict(self, X: Any) -> Any:
            return self.classes_[(-self.logits(X)).argmax(axis=1)]

    class Pairs(Shifted):
        """The three scores of three pairs, for three classes."""

        svc = SVC(decision_function_shape="ovo").fit(IRIS, SPECIES)

        def logits(self, X: Any) -> Any:
            return self.svc.decision_function(X)

        def predict(self, X: Any) -> Any:
            return self.classes_[self.svc.predict(X)]

    class LabelsTurned(Labels):
        def predict(self, X: Any) -> Any:
            return (self.logits(X) <= 0).astype(int)

    for teacher, rows in ((Turned(), IRIS), (Pairs(), IRIS), (LabelsTurned(), X)):
        name = type(teacher).__name__
        match = rf"{name} contradict its decisions: in \d"
        with pytest.raises(InputError, match=match):
            _distil(teacher, rows)


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (lambda n: ["d"] * n, r"decides 'd', which is not among .* 'a', 'b', 'c'"),
        (lambda n: [None] * n, "decides None, which is not among"),
        (lambda n: np.zeros((n, 3)), r"one class for each of the 150 rows. Got"),
        (lambda n: 1 / 0, "predict method of Odd says ZeroDivisionError: division by"),
    ],
)
def test_what_cannot_be_read_is_refused(answer: Any, match: str) -> None:
    class Odd(Shifted):
        def predict(self, X: Any) -> Any:
            return answer(len(X))

    with pytest.raises(InputError, match=match) as caught:
        _distil(Odd(), IRIS)
    assert "\n" not in str(caught.value)


def test_a_column_of_decisions_will_do() -> None:
    class Column(Shifted):
        def predict(self, X: Any) -> Any:
            return super().predict(X)[:, None]

    np.testing.assert_array_equal(
        as_teacher(Column()).predict(IRIS), Shifted().predict(IRIS)
    )


def test_a_subclass_of_ours_that_decides_otherwise_is_asked() -> None:
    import torch

    class Never(TorchTeacher):
        def predict(self, X: Any) -> Any:
            return np.zeros(len(X), dtype=int)

    torch.manual_seed(0)
    teacher = Never(torch.nn.Linear(4, 3))
    assert decide(as_teacher(teacher).answers(IRIS)).max() == 0


def test_the_handle_predicts() -> None:
    teacher = as_teacher(LogisticRegression(max_iter=1000).fit(IRIS, SPECIES))
    oracle = teacher.estimator
    np.testing.assert_array_equal(teacher.predict(IRIS), oracle.predict(IRIS))
    np.testing.assert_allclose(teacher.predict_proba(IRIS), oracle.predict_proba(IRIS))
    values = SimpleNamespace(task="regression", predict=lambda rows: rows[:, 0])
    np.testing.assert_array_equal(as_teacher(values).predict(IRIS), IRIS[:, 0])
    with pytest.raises(InputError, match="has no probabilities"):
        as_teacher(values).predict_proba(IRIS)


ANSWERS = st.integers(2, 4).flatmap(
    lambda k: st.lists(
        st.tuples(
            st.lists(st.floats(-9, 9), min_size=k, max_size=k), st.integers(0, k - 1)
        ),
        min_size=1,
        max_size=12,
    )
)


@settings(max_examples=60, deadline=None)
@given(ANSWERS, ANSWERS, st.data())
def test_answers_go_with_their_rows(one: Any, other: Any, data: Any) -> None:
    other = [(row[0][: len(one[0][0])], row[1]) for row in one] or other
    said = [
        Answers(np.array([r[0] for r in rows]), np.array([r[1] for r in rows]))
        for rows in (one, other)
    ]
    plain = Answers(said[1].logits)
    for second in (said[1], plain):
        both = said[0].join(second)
        oracle = [*decide(said[0]).tolist(), *decide(second).tolist()]
        assert decide(both).tolist() == oracle
        assert hard_targets(both).argmax(axis=1).tolist() == oracle
        index = np.array(data.draw(st.lists(st.integers(0, len(both) - 1), min_size=1)))
        assert decide(both[index]).tolist() == np.array(oracle)[index].tolist()
        rows = np.arange(2.0 * len(both)).reshape(-1, 2)
        kept = TransferSet(rows, both.logits, own=both.own).take(index)
        assert decide(kept.answers).tolist() == np.array(oracle)[index].tolist()
        np.testing.assert_array_equal(kept.rows, take_rows(rows, index))
        assert not len(both[index[:0]].differs("multiclass"))
    np.testing.assert_array_equal(np.asarray(both), both.logits)
    with pytest.raises(InputError, match="of the same rows"):
        Answers(both.logits, both.logits[:0, 0].astype(int))


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 4), st.integers(0, 2**16))
def test_whatever_it_decides_is_what_is_measured(n_classes: int, seed: int) -> None:
    """Scores and decisions of a teacher are drawn; agreement is with the latter."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 6, size=(60, 2)).astype(float)
    table = rng.normal(size=(6, 6, n_classes))
    bias = rng.normal(size=n_classes)

    class Drawn:
        classes_ = np.array(list("abcd"[:n_classes]))

        def logits(self, X: Any) -> Any:
            return table[tuple(np.asarray(X).astype(int).T)]

        def predict(self, X: Any) -> Any:
            return self.classes_[(self.logits(X) + bias).argmax(axis=1)]

    model = _distil(Drawn(), rows, target="hard")
    own = Drawn().predict(rows)
    assert model.fidelity(rows).value == (model.predict(rows) == own).mean()
    shares = evaluate(model, rows, own).teacher.accuracy
    assert shares.value == 1


class _Outside:
    """Somebody's own class, which knows nothing of scikit-learn."""

    def __init__(self, threshold=0.3, classes=("no", "yes")):
        self.threshold, self.classes_ = threshold, list(classes)

    def fit(self, X, y):
        raise AssertionError("it is trained")

    def predict_proba(self, X):
        chance = 1 / (1 + np.exp(-np.asarray(X, dtype=float)[:, 0]))
        return [[1 - p, p] for p in chance.tolist()]

    def predict(self, X):
        decided = np.asarray(self.predict_proba(X))[:, 1] > self.threshold
        return [self.classes_[int(on)] for on in decided]


@pytest.mark.parametrize("classes", [("no", "yes"), (0, 1)])
def test_a_frozen_class_of_ones_own_with_plain_lists_is_a_teacher(classes):
    rows = np.random.default_rng(0).normal(size=(200, 2))
    teacher = _Outside(classes=classes)
    model = DistilledClassifier(FrozenEstimator(teacher), CartStudent(max_leaves=3))
    model.fit(rows, teacher.predict(rows))
    assert model.classes_.tolist() == list(classes)
    agreed = np.mean(model.predict(rows) == np.asarray(teacher.predict(rows)))
    assert model.fidelity(rows).value == agreed
    assert agreed > 0.95


def test_a_class_of_ones_own_that_is_not_frozen_is_told_how():
    rows = np.random.default_rng(0).normal(size=(50, 2))
    with pytest.raises(InputError, match=r"one of _Outside.*FrozenEstimator\(\.\.\.\)"):
        DistilledClassifier(_Outside(), CartStudent(max_leaves=3)).fit(rows)


def test_a_frozen_class_of_ones_own_teaches_values_too():
    class Doubling:
        def predict(self, X):
            return 2 * np.asarray(X, dtype=float)[:, 0]

        def fit(self, X, y):
            raise AssertionError("it is trained")

    rows = np.random.default_rng(0).normal(size=(200, 2))
    model = DistilledRegressor(FrozenEstimator(Doubling()), CartStudent(max_leaves=8))
    assert model.fit(rows).fidelity(rows).value > 0.9
