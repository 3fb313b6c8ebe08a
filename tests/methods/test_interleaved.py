"""Scheduled learning: which pass is fitted to what, and when it ends."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

from interpretkd import (
    BoostedStudent,
    CallableTeacher,
    CartStudent,
    DistilledClassifier,
    DistilledRegressor,
    InputError,
    LinearStudent,
)
from interpretkd.data import Schema
from interpretkd.methods import Context, Interleaved, Questions
from interpretkd.students import TrainingData
from interpretkd.targets import Target, probabilities
from interpretkd.teachers import as_teacher
from interpretkd.transfer import TransferSet

BOOSTED = BoostedStudent(12, max_depth=2, n_jobs=1)


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :6]
    teacher = LogisticRegression(max_iter=10_000).fit(X[:100], y[:100])
    return X[100:400], y[100:400], FrozenEstimator(teacher)


def fitted(cancer, every, student=BOOSTED, target="soft", **settings):
    X, y, teacher = cancer
    scheme = None if every == "none" else Interleaved(every)
    model = DistilledClassifier(
        teacher, student, target=target, scheme=scheme, random_state=0, **settings
    )
    return model.fit(X, y)


@pytest.mark.parametrize("target", ["soft", "logits", "hard"])
def test_no_pass_of_labels_is_the_plain_fit(cancer, target):
    one, other = (fitted(cancer, every, target=target) for every in (None, "none"))
    np.testing.assert_array_equal(one.logits(cancer[0]), other.logits(cancer[0]))
    assert one.queries_ == other.queries_
    assert one.recipe_ == ("No pass of labels",)


class Fits:
    """Fits nothing, and notes what it is asked to fit."""

    def __init__(self, n_rounds, patience=100, scores=()):
        self.student = BoostedStudent(n_rounds, patience=patience)
        self.scores = iter(scores)
        self.calls = []

    def __call__(self, rows, *, start=None, watches=True, **settings):
        assert not watches
        self.calls.append((rows, settings["n_rounds"]))
        return (start or 0) + settings["n_rounds"]

    def score(self, pupil):
        return next(self.scores, None)


def run(fits, every, task="multiclass"):
    rows = np.arange(8.0)[:, None]
    labels = np.eye(2)[np.arange(8) % 2]
    labels[5:] = np.nan
    if task == "regression":
        labels = labels[:, :1]
    logits = np.zeros(labels.shape)
    own = None if task == "regression" else np.zeros(8, dtype=np.int64)
    given = TransferSet(rows, logits, labels, own=own, task=task)
    teacher = as_teacher(
        CallableTeacher(lambda X: np.zeros((len(X), 2)), classes=[0, 1])
    )
    context = Context(teacher, Schema.from_data(rows), task, 0, Questions(teacher))
    return given, Interleaved(every).run(given, context, fits)


def test_every_so_manieth_round_is_the_labels():
    fits = Fits(10)
    given, kept = run(fits, 4)
    assert kept == 10
    assert [n for _, n in fits.calls] == [3, 1, 3, 1, 2]
    for rows, n_rounds in fits.calls:
        if n_rounds > 1:
            assert rows is given
            continue
        np.testing.assert_array_equal(rows.rows, given.rows[:5])
        chance = probabilities(rows.logits, "multiclass")
        np.testing.assert_allclose(chance[rows.labels == 1], 0.95)
        assert rows.own is None  # the label decides, not the teacher
        for kind in ("soft", "hard", "logits"):
            columns = Target(kind).encode(rows.answers, rows.labels)
            assert np.isfinite(columns).all()
            np.testing.assert_array_equal(
                columns.argmax(axis=1), rows.labels.argmax(axis=1)
            )
    fits = Fits(6)
    _, kept = run(fits, 2, "regression")
    labelled = fits.calls[1][0]
    np.testing.assert_array_equal(labelled.logits, labelled.labels)


def test_the_best_whole_cycle_is_kept_and_patience_counts_rounds():
    fits = Fits(40, patience=8, scores=[0.5, 0.8, 0.7, 0.75, 0.9])
    _, kept = run(fits, 4)
    assert kept == 8  # the second cycle
    assert sum(n for _, n in fits.calls) == 16  # 8 rounds without a better one
    fits = Fits(40, patience=9, scores=[0.5, 0.8, 0.7, 0.75, 0.9])
    assert run(fits, 4)[1] == 20


def test_the_rounds_are_those_of_a_loop_by_hand(cancer):
    """Of rows that are all labelled, with a patience above the rounds."""
    X, y, teacher = cancer
    model = fitted(cancer, 3)
    kept = np.setdiff1d(np.arange(len(X)), model.validation_rows_)
    lesson = model.transfer_set_
    np.testing.assert_array_equal(lesson.rows, X[kept])
    target, form, scores = model.target_, None, []
    labels = np.eye(2)[y[kept]]
    surely = np.where(labels > 0, np.log(0.95), np.log(0.05))
    forms = []
    for _ in range(4):
        for said, n_rounds in ((lesson.logits, 2), (surely, 1)):
            columns = target.encode(said)
            training = TrainingData(lesson.rows, lesson.encoded, columns, None)
            student = BoostedStudent(n_rounds, max_depth=2, n_jobs=1).prepare(target)
            going_on = {} if form is None else {"start": form}
            form = student.fit_encoded(training, **going_on).form_
        forms.append(form)
        held = X[model.validation_rows_]
        decided = form.predict(held).argmax(axis=1)
        scores.append((decided == teacher.predict(held)).mean())
    best = forms[int(np.argmax(scores))]
    np.testing.assert_array_equal(
        model.student_.form_.nodes.threshold, best.nodes.threshold
    )
    np.testing.assert_array_equal(model.student_.form_.value, best.value)


def test_labels_are_learnt_where_the_teacher_knows_little():
    X, y = load_diabetes(return_X_y=True)
    constant = CallableTeacher(lambda rows: 150 + rows[:, 0], task="regression")
    model, plain = (
        DistilledRegressor(
            constant, BOOSTED, scheme=Interleaved(every), random_state=0
        ).fit(X, y)
        for every in (2, None)
    )
    assert np.corrcoef(model.predict(X), y)[0, 1] > 0.4
    assert np.corrcoef(plain.predict(X), y)[0, 1] < 0.3


def test_unlabelled_rows_with_gaps_take_part_in_the_teachers_passes():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"dose": rng.normal(size=300), "home": rng.choice(["own", "rent"], 300)}
    )
    frame.loc[150:, "dose"] = np.where(rng.random(150) < 0.5, np.nan, 1.0)

    def answers(rows):
        score = rows["dose"].fillna(-2.0).to_numpy()
        return np.column_stack([-score, score])

    y = np.where(frame["dose"][:150] > 0.5, "yes", "no")
    teacher = CallableTeacher(answers, classes=["no", "yes"])
    model = DistilledClassifier(
        teacher, BOOSTED, target="soft", scheme=Interleaved(3), random_state=0
    ).fit(frame[:150], y, frame[150:])
    missing = frame[frame["dose"].isna()]
    assert (model.predict(missing) == "no").mean() > 0.9
    assert len(model.transfer_set_) == 300 - len(model.validation_rows_)


@pytest.mark.parametrize(
    ("student", "why"),
    [
        (CartStudent(4), "CartStudent(max_leaves=4) cannot go on from an earlier fit"),
        (LinearStudent(), "LinearStudent() cannot go on from an earlier fit"),
        (BoostedStudent(max_leaves=8), "cannot go on from an earlier fit; a Boosted"),
        (BoostedStudent(3), "would do nothing: of 3 rounds none is the 4th."),
    ],
)
def test_a_student_without_passes_is_refused(cancer, student, why):
    with pytest.raises(InputError) as error:
        fitted(cancer, 4, student)
    assert "The step Interleaved of DistilledClassifier would do nothing" in str(
        error.value
    )
    assert why in str(error.value)


def test_labels_are_needed_and_parameters_checked(cancer):
    X, y, teacher = cancer
    with pytest.raises(InputError, match="needs labels: `fit` was given no labels y"):
        DistilledClassifier(teacher, BOOSTED, scheme=Interleaved()).fit(X)
    for bad in (Interleaved(1), Interleaved(4, certainty=0.5)):
        with pytest.raises(InputError, match="parameter of Interleaved must be"):
            DistilledClassifier(teacher, BOOSTED, scheme=bad).fit(X, y)
    assert str(Interleaved(22)).startswith("Every 22nd pass")
    assert str(Interleaved(11)).startswith("Every 11th pass")


def test_several_labels_are_passes_too():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(200, 3))
    y = (X[:, :2] > 0).astype(int)
    teacher = FrozenEstimator(_Labels().fit(X, y))
    model = DistilledClassifier(
        teacher, BOOSTED, target="logits", scheme=Interleaved(2), random_state=0
    ).fit(X, y)
    assert (model.predict(X) == y).mean() > 0.9


def _Labels():
    from sklearn.multioutput import MultiOutputClassifier

    return MultiOutputClassifier(LogisticRegression())


def test_regression_of_a_linear_teacher():
    X, y = load_diabetes(return_X_y=True)
    teacher = FrozenEstimator(LinearRegression().fit(X, y))
    model = DistilledRegressor(
        teacher, BOOSTED, scheme=Interleaved(4), random_state=0
    ).fit(X, y)
    assert model.fidelity(X).value > 0.5
