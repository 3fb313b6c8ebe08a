"""An ensemble's members as single teachers: answers, weights, questions, refusals."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from interpretkd import (
    BoostedStudent,
    CartStudent,
    DistilledClassifier,
    DistilledRegressor,
    InputError,
    LinearStudent,
)
from interpretkd.methods import EachTeacher, Mix, Questions, RandomTeacher
from interpretkd.targets import decide
from interpretkd.teachers import CachedTeacher, EnsembleTeacher, as_teacher

GREEDY = CartStudent(6, search="greedy")
BOTH = (EachTeacher, RandomTeacher)


@pytest.fixture(scope="module")
def rows():
    X, y = load_breast_cancer(return_X_y=True)
    return X[:240, :6], y[:240]


@pytest.fixture(scope="module")
def members(rows):
    X, y = rows
    kinds = (
        LogisticRegression(max_iter=10_000),
        GaussianNB(),
        DecisionTreeClassifier(max_depth=2, random_state=0),
    )
    return [kind.fit(X[i::3], y[i::3]) for i, kind in enumerate(kinds)]


def ensemble(members, **settings):
    return FrozenEstimator(EnsembleTeacher(members, **settings))


def fitted(teacher, student, X, y=None, **settings):
    settings = {"target": "hard", "random_state": 0, "transfer": None} | settings
    return DistilledClassifier(teacher, student, **settings).fit(X, y)


def test_each_row_stands_once_for_every_member(rows, members):
    X, y = rows
    model = fitted(ensemble(members), GREEDY, X, y, transfer=EachTeacher())
    used = model.transfer_set_
    assert len(used) == 3 * len(X)
    for place, member in enumerate(members):
        part = used.take(np.arange(len(X)) + place * len(X))
        np.testing.assert_array_equal(part.rows, X)
        np.testing.assert_allclose(part.logits, as_teacher(member).logits(X))
        np.testing.assert_allclose(part.weights, 1 / 3)
        np.testing.assert_array_equal(part.labels, used.labels[: len(X)])
        assert set(part.origins) == {"given" if place == 0 else "repeated"}
    assert model.tree_.support[0] == len(X)  # a row counts once
    assert model.tree_.cover[0] == pytest.approx(len(X))
    assert model.n_asked_ == 0
    assert model.queries_ == 4 * len(X)  # the ensemble, and each member by itself


def test_each_row_has_the_answer_of_one_member(rows, members):
    X, _ = rows
    used = fitted(ensemble(members), GREEDY, X, transfer=RandomTeacher()).transfer_set_
    said = np.stack([as_teacher(member).logits(X) for member in members])
    same = np.isclose(said, used.logits).all(axis=2)
    assert same.any(axis=0).all()
    drawn = same.mean(axis=1)
    assert (abs(drawn - 1 / 3) < 0.12).all()
    assert used.origin is None
    again = fitted(ensemble(members), GREEDY, X, transfer=RandomTeacher())
    np.testing.assert_array_equal(used.logits, again.transfer_set_.logits)
    other = fitted(
        ensemble(members), GREEDY, X, transfer=RandomTeacher(), random_state=1
    )
    assert not np.array_equal(used.logits, other.transfer_set_.logits)


def test_made_rows_have_each_members_answer_too(rows, members):
    X, _ = rows
    steps = [Mix(50), EachTeacher()]
    model = fitted(ensemble(members), GREEDY, X, transfer=steps)
    origins = model.transfer_set_.to_frame()["(origin)"].value_counts().to_dict()
    assert origins == {"given": len(X), "repeated": 2 * len(X), "mix": 150}
    assert model.n_asked_ == 50  # a made row counts once, too
    turned = fitted(ensemble(members), GREEDY, X, transfer=[EachTeacher(), Mix(0.5)])
    # Half a row for each given one, though it stands there three times.
    assert turned.n_asked_ == round(0.5 * len(X))
    used = turned.transfer_set_
    assert used.weights[~used.is_given].max() == pytest.approx(1.0)


@pytest.mark.parametrize("step", [EachTeacher(), RandomTeacher()])
def test_hard_targets_are_each_members_own_decisions(rows, members, step):
    X, _ = rows
    used = fitted(ensemble(members), GREEDY, X, transfer=step).transfer_set_
    said = np.stack([decide(as_teacher(m).answers(X), "multiclass") for m in members])
    ours = decide(used.answers, "multiclass")
    if isinstance(step, EachTeacher):
        np.testing.assert_array_equal(ours.reshape(3, -1), said)
    else:
        assert (said == ours).any(axis=0).all()


def test_a_member_of_no_weight_is_not_asked(rows, members):
    X, _ = rows
    teacher = ensemble(members, weights=[0.5, 0.0, 0.5])
    used = fitted(teacher, GREEDY, X, transfer=EachTeacher()).transfer_set_
    assert len(used) == 2 * len(X)
    last = as_teacher(members[2]).logits(X)
    np.testing.assert_allclose(used.logits[len(X) :], last)
    alone = ensemble(members, weights=[0.0, 0.0, 1.0])
    for kind in BOTH:
        with pytest.raises(InputError, match="needs members: the teacher is no Ensem"):
            fitted(alone, GREEDY, X, transfer=kind())


@pytest.mark.parametrize("kind", BOTH)
def test_a_teacher_that_is_no_ensemble_is_refused(rows, members, kind):
    X, _ = rows
    with pytest.raises(InputError) as error:
        fitted(FrozenEstimator(members[0]), GREEDY, X, transfer=kind())
    assert str(error.value) == (
        f"The step {kind.__name__} of DistilledClassifier needs members: the teacher "
        "is no EnsembleTeacher of two or more members."
    )


@pytest.mark.parametrize(
    "student", [GREEDY, BoostedStudent(4, n_jobs=1), LinearStudent()]
)
@pytest.mark.parametrize(
    ("how", "target"), [("logits", "logits"), ("probabilities", "soft")]
)
def test_what_equals_the_ensemble_is_refused(rows, members, student, how, target):
    """The refusal is right: fitted by hand, the tests are those of the plain fit."""
    X, _ = rows
    teacher = ensemble(members, how=how)
    with pytest.raises(InputError, match=r"would do nothing: to a .* only the mean"):
        fitted(teacher, student, X, target=target, transfer=EachTeacher())
    fitted(teacher, student, X, transfer=RandomTeacher(), target=target)

    class Unrefused(EachTeacher):
        def refusal(self, use):
            return None

    plain = fitted(teacher, student, X, target=target)
    each = fitted(teacher, student, X, target=target, transfer=Unrefused())
    if isinstance(student, LinearStudent):
        np.testing.assert_allclose(each.logits(X), plain.logits(X), atol=0.05)
        return
    ours, theirs = each.student_.form_.nodes, plain.student_.form_.nodes
    np.testing.assert_array_equal(ours.feature, theirs.feature)
    np.testing.assert_allclose(ours.threshold, theirs.threshold, rtol=1e-5)


@pytest.mark.parametrize(
    ("student", "how", "target", "weights"),
    [
        (GREEDY, "logits", "soft", None),
        (GREEDY, "votes", "soft", None),
        (GREEDY, "logits", "hard", None),
        (GREEDY, "logits", "logits", [1, 2, 3]),
        (CartStudent(4, search="refined"), "logits", "logits", None),
        (BoostedStudent(4, n_jobs=1), "probabilities", "hard", None),
    ],
)
def test_what_differs_is_allowed(rows, members, student, how, target, weights):
    X, _ = rows
    teacher = ensemble(members, how=how, weights=weights)
    model = fitted(teacher, student, X, target=target, transfer=EachTeacher())
    assert "every member of the ensemble" in model.recipe_[0]


def test_values_of_members_are_refused_where_their_mean_counts():
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:200], y[:200]
    members = [LinearRegression(), DecisionTreeRegressor(max_depth=3, random_state=0)]
    members = [member.fit(X, y) for member in members]
    teacher = FrozenEstimator(EnsembleTeacher(members))
    with pytest.raises(InputError, match="only the mean of a row's values"):
        DistilledRegressor(teacher, GREEDY, transfer=EachTeacher()).fit(X)
    drawn = DistilledRegressor(teacher, GREEDY, transfer=RandomTeacher()).fit(X)
    said = np.stack([member.predict(X) for member in members])
    assert np.isclose(said, drawn.transfer_set_.logits[:, 0]).any(axis=0).all()


def test_members_stand_behind_a_teacher_that_remembers(rows, members):
    X, _ = rows
    cached = CachedTeacher(as_teacher(EnsembleTeacher(members)))
    used = fitted(cached, GREEDY, X, transfer=EachTeacher()).transfer_set_
    assert len(used) == 3 * len(X)


def test_questions_to_members_are_remembered_and_counted(rows, members):
    X, _ = rows
    questions = Questions(as_teacher(EnsembleTeacher(members)))
    questions.ask_given(X[:10])
    handle = as_teacher(members[1])
    one = questions.of_member(1, handle).ask(X[:8])
    again = questions.of_member(1, handle).ask(X[2:12])
    np.testing.assert_array_equal(one.logits[2:], again.logits[:6])
    assert questions.n_asked == 10 + 12
    assert questions.ask(X[:12]).shape == (12, 2)
    assert questions.n_asked == 12 + 12


@pytest.mark.parametrize("first", BOTH)
@pytest.mark.parametrize("second", BOTH)
def test_one_step_about_members_is_enough(rows, members, first, second):
    X, _ = rows
    said = f"{second.__name__} would put its answers in .* of {first.__name__}, which"
    with pytest.raises(InputError, match=said):
        fitted(ensemble(members), GREEDY, X, transfer=[first(), Mix(5), second()])


def test_auto_tries_no_target_with_which_members_are_the_ensemble(rows, members):
    X, _ = rows
    settings = {"target": "auto", "transfer": EachTeacher()}
    tried = fitted(ensemble(members), GREEDY, X, **settings).trials_
    assert {trial.target.kind for trial in tried} == {"hard", "soft"}
