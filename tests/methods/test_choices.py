"""What "auto" chooses of alpha and weights, and how it is told."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LinearRegression

import interpretkd as ikd
from interpretkd.distillation._choosing import ALPHAS, weighted_mean
from interpretkd.distillation._deliberating import _Choice
from interpretkd.methods import Confidence
from interpretkd.teachers import CallableTeacher

CANCER, TRUE = load_breast_cancer(return_X_y=True)
CART = ikd.CartStudent(4, search="greedy")
SETTINGS = {"target": "soft", "transfer": None, "random_state": 0}


def _teacher(flipped):
    """Return one that is wrong, though not sure, where the radius is a middle one."""

    def logits(rows):
        says = (15.0 - rows[:, 0]) / 4
        says = np.where((rows[:, 0] > 12) & flipped, -0.3, says)
        return np.column_stack([-says, says])

    return CallableTeacher(logits, classes=[0, 1], output="logits")


def _fit(teacher, y=TRUE, student=CART, X=CANCER, **settings):
    return ikd.DistilledClassifier(teacher, student, **SETTINGS | settings).fit(X, y)


def test_labels_count_where_the_teacher_errs():
    found = _fit(_teacher(True), alpha="auto")
    plain = _fit(_teacher(True))
    assert found.target_.alpha > 0
    assert found.score(CANCER, TRUE) > plain.score(CANCER, TRUE) + 0.05
    assert found.fidelity(CANCER).value <= plain.fidelity(CANCER).value
    fixed = _fit(_teacher(True), alpha=found.target_.alpha)
    np.testing.assert_array_equal(found.logits(CANCER), fixed.logits(CANCER))


def test_labels_do_not_count_where_they_are_the_teachers():
    teacher = _teacher(False)
    decided = teacher.predict(CANCER)
    found = _fit(teacher, decided, alpha="auto", target="hard")
    assert found.target_.alpha == 0
    plain = _fit(teacher, decided, target="hard")
    np.testing.assert_array_equal(found.logits(CANCER), plain.logits(CANCER))


def test_what_was_tried_of_alpha_is_told():
    model = _fit(_teacher(True), alpha="auto")
    assert [trial.target.alpha for trial in model.trials_] == [*ALPHAS]
    held_out = model.validation_rows_
    kept = np.setdiff1d(np.arange(len(TRUE)), held_out)
    decided = _teacher(True).predict(CANCER[held_out])
    for trial in model.trials_:
        assert str(trial).endswith("by accuracy")
        assert trial.n_rows == len(kept)
    best = max(trial.accuracy for trial in model.trials_)
    chosen = next(t for t in model.trials_ if t.target.alpha == model.target_.alpha)
    plain = model.trials_[0]
    error = np.sqrt(plain.accuracy * (1 - plain.accuracy) / len(held_out))
    assert chosen.accuracy == best > plain.accuracy + error
    assert plain.fidelity > chosen.fidelity
    share = (decided == TRUE[held_out]).mean()
    assert plain.accuracy == pytest.approx(share, abs=0.05)


def test_alpha_of_values_is_chosen_by_their_errors():
    X, y = load_diabetes(return_X_y=True)
    wrong = LinearRegression().fit(X[:, :1], y)
    teacher = CallableTeacher(
        lambda rows: wrong.predict(rows[:, :1]), task="regression"
    )
    model = ikd.DistilledRegressor(
        teacher, CART, alpha="auto", transfer=None, random_state=0
    ).fit(X, y, sample_weight=np.ones(len(y)))
    assert model.target_.alpha == 0.5
    assert model.trials_[0].accuracy < model.trials_[-1].accuracy < 1
    for trial in model.trials_:
        assert -10 < trial.fidelity <= 1  # R2, not 1 less a squared error
    bare = ikd.DistilledRegressor(
        teacher, CART, alpha="auto", transfer=None, random_state=0
    ).fit(X, y)
    for one, other in zip(model.trials_, bare.trials_, strict=True):
        assert one.fidelity == pytest.approx(other.fidelity)


def test_weights_are_compared_on_folds_and_on_validation_rows():
    model = _fit(_teacher(False), weights="auto")
    names = [str(trial) for trial in model.trials_]
    assert names == [
        f"{word} confidence weights, {where}"
        for where in ("on folds", "on validation rows")
        for word in ("without", "with")
    ]
    n_kept = len(TRUE) - len(model.validation_rows_)
    assert [t.n_rows for t in model.trials_] == [n_kept - n_kept // 5] * 2 + [
        n_kept
    ] * 2
    gain, there = (
        model.trials_[k + 1].fidelity - model.trials_[k].fidelity for k in (0, 2)
    )
    if model.recipe_:
        assert model.recipe_ == (str(Confidence()),)
        assert gain > 0 <= there
    else:
        assert gain <= 0.02 or there < 0


@pytest.mark.parametrize(
    ("on_folds", "on_validation", "taken"),
    [(0.05, 0.01, True), (0.05, -0.01, False), (0.0, 0.05, False), (-0.05, 0.1, False)],
)
def test_weights_are_taken_where_both_agree(
    monkeypatch, on_folds, on_validation, taken
):
    """By a gain on folds above one standard error, and no loss on other rows."""

    def missed(self, recipe, target, rows, judged):
        weighs = bool(recipe.steps["weights"])
        is_validation = len(judged) == len(self.parts.held_out)
        gain = on_validation if is_validation else on_folds
        lost = np.zeros(len(judged))
        lost[: round((0.3 - weighs * gain) * len(judged))] = 1
        return lost

    monkeypatch.setattr(_Choice, "_missed", missed)
    model = _fit(_teacher(False), weights="auto", validation_fraction=0.3)
    assert bool(model.recipe_) == taken
    same = _fit(
        _teacher(False),
        weights=Confidence() if taken else None,
        validation_fraction=0.3,
    )
    np.testing.assert_array_equal(model.logits(CANCER), same.logits(CANCER))


@pytest.mark.parametrize("n_groups", [2, 3, 4])
def test_fewer_groups_than_folds_are_fewer_folds(n_groups):
    X, y = CANCER[:60], TRUE[:60]
    model = _fit(_teacher(False), y, X=X, weights="auto")
    groups = np.arange(60) % n_groups
    model.fit(X, y, groups=groups)
    # One of the groups is held out; with a single one left there is nothing to compare.
    n_left = len(np.unique(np.delete(groups, model.validation_rows_)))
    assert len(model.trials_) == (4 if n_left > 1 else 0)
    if n_left == 1:
        assert model.recipe_ == ()


@pytest.mark.parametrize("n_counted", [1, 2, 4, 6])
def test_few_rows_that_count_choose_weights_among_themselves(n_counted):
    X, y = CANCER[:60], TRUE[:60]
    plain = _fit(_teacher(False), y, X=X)
    counted = np.delete(np.arange(60), plain.validation_rows_)[:n_counted]
    weight = np.isin(np.arange(60), counted) * 2.0
    model = ikd.DistilledClassifier(
        _teacher(False), CART, weights="auto", **SETTINGS
    ).fit(X, y, sample_weight=weight)
    assert [t.n_rows for t in model.trials_[:1]] == ([5] if n_counted == 6 else [])


def test_both_are_chosen_after_the_target():
    model = _fit(_teacher(True), target="auto", alpha="auto", weights="auto")
    assert len(model.trials_) == 6 + 4 + 4 + 2
    assert model.trials_[6].target.kind == model.trials_[10].target.kind
    assert model.trials_[10].target.alpha > 0


def test_groups_are_as_sure_as_they_are_many():
    values = np.repeat([1.0, 0, 0, 1], 25)
    weights = np.ones(100)
    groups = np.repeat(np.arange(4), 25)
    assert weighted_mean(values, weights) == pytest.approx((0.5, 0.05))
    assert weighted_mean(values, weights, groups) == pytest.approx((0.5, 0.25))
    singly = weighted_mean(values, weights, np.arange(100))
    assert singly == pytest.approx(weighted_mean(values, weights))


def test_rows_of_one_group_are_not_many_witnesses():
    """Alpha gains on one customer of many rows alone: that is no reason."""
    rng = np.random.default_rng(0)
    groups = np.append(np.repeat(np.arange(5), 40), np.arange(5, 205))
    X = np.column_stack([(groups == 4) | (groups == 3), rng.normal(size=400)])
    teacher = CallableTeacher(
        lambda rows: np.column_stack([0 * rows[:, 1], rows[:, 1]]),
        classes=[0, 1],
        output="logits",
    )
    y = teacher.predict(X)
    alone = np.isin(groups, (3, 4))
    y[alone] = 1 - y[alone]

    def chosen(of):
        return _fit(teacher, y, X=X, alpha="auto", target="hard").fit(X, y, groups=of)

    model = chosen(groups)
    among = set(groups[model.validation_rows_].tolist())
    assert len({3, 4} & among) <= 1
    assert model.target_.alpha == 0
    assert chosen(None).target_.alpha > 0
