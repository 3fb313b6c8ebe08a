"""Fidelity over the rows: nested shares, held-out rows, what more rows are worth."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

from interpretkd import (
    CallableTeacher,
    CartStudent,
    DistilledClassifier,
    DistilledRegressor,
    InputError,
)
from interpretkd.methods import Confidence, Munge
from interpretkd.metrics import Estimate, accuracy, fidelity
from interpretkd.model_selection import (
    LearningCurve,
    LearningCurveDisplay,
    LearningPoint,
    learning_curve,
)
from interpretkd.model_selection._learning_curve import _Apart, _with_draws

GREEDY = CartStudent(6, search="greedy")
FAST = {"target": "hard", "transfer": None, "random_state": 3}


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:400, :6]
    teacher = LogisticRegression(max_iter=10_000).fit(X, y[:400])
    return X, y[:400], FrozenEstimator(teacher)


@pytest.fixture
def fits(monkeypatch):
    """Note each fitted model, and the rows that it was given."""
    found = []

    def noting(own):
        def fit(self, X, y=None, X_unlabelled=None, **settings):
            found.append((self, X, X_unlabelled))
            return own(self, X, y, X_unlabelled, **settings)

        return fit

    for kind in (DistilledClassifier, DistilledRegressor):
        monkeypatch.setattr(kind, "fit", noting(kind.fit))
    return found


def places(rows, whole):
    where = {row.tobytes(): i for i, row in enumerate(np.ascontiguousarray(whole))}
    return {where[row.tobytes()] for row in np.ascontiguousarray(rows)}


def test_what_is_told_is_measured_on_rows_that_no_student_saw(cancer, fits):
    X, y, teacher = cancer
    steps = {"transfer": Munge(40), "weights": Confidence()}
    model = DistilledClassifier(teacher, GREEDY, **FAST | steps)
    shares = (0.1, 0.4, 1.0)
    curve = learning_curve(model, X, y, shares=shares, n_repeats=1, random_state=0)
    seen = [places(rows, X) for _, rows, _ in fits]
    assert [len(part) for part in seen] == [30, 120, 300]
    assert seen[0] < seen[1] < seen[2]
    held_out = sorted(set(range(len(X))) - seen[2])
    assert curve.n_test == len(held_out) == 100
    frame = curve.to_frame()
    assert frame["n_rows"].tolist() == [30, 120, 300]
    assert curve.n_rows == 300
    for (fitted, _, _), point in zip(list(fits), curve.points, strict=True):
        own = fidelity(fitted, X[held_out])
        assert point.fidelity == own
        right = accuracy(y[held_out], fitted.predict(X[held_out]))
        assert point.accuracy == right
        assert fitted.n_asked_ == 40
        assert fitted.teacher_.estimator.teacher.estimator is teacher.estimator
    decided = teacher.predict(X[held_out])
    assert curve.constant_fidelity == np.bincount(decided).max() / 100
    assert curve.teacher_accuracy == accuracy(y[held_out], decided)
    again = learning_curve(model, X, y, shares=shares, n_repeats=1, random_state=0)
    pd.testing.assert_frame_equal(frame, again.to_frame())
    assert curve.slope == again.slope
    assert not hasattr(model, "student_")


@pytest.mark.parametrize("n_repeats", [1, 3])
def test_the_slope_is_that_of_the_upper_part(cancer, n_repeats):
    X, y, teacher = cancer
    for kind, own, values in (
        (DistilledClassifier, teacher, y),
        (DistilledRegressor, FrozenEstimator(LinearRegression().fit(X, y)), y * 1.0),
    ):
        settings = {k: v for k, v in FAST.items() if k != "target"}
        curve = learning_curve(
            kind(own, GREEDY, **settings),
            X,
            values,
            shares=(0.05, 0.25, 0.5, 1.0),
            n_repeats=n_repeats,
            random_state=0,
        )
        upper = curve.to_frame().iloc[1:]
        slope = np.polyfit(np.log2(upper["n_rows"]), upper["fidelity"], 1)[0]
        assert curve.slope.value == pytest.approx(slope, abs=1e-9)
        assert curve.slope.low <= slope <= curve.slope.high
        assert curve.slope_from == 75
        doubled, half = curve.worth(curve.n_rows), curve.worth(150)
        assert doubled == curve.slope
        assert half.value == pytest.approx(slope * np.log2(1.5))
        assert curve.to_frame()["deviation"].isna().all() == (n_repeats == 1)
        with pytest.raises(InputError, match=r"must be an int in \[1, 300\]"):
            curve.worth(301)


def test_the_interval_of_the_slope_holds_the_truth():
    """Of many held-out samples as many intervals hold the mean slope as they say."""
    from interpretkd.model_selection._learning_curve import _Fit, _slope
    from interpretkd.model_selection._partition import _EvaluationRows
    from interpretkd.targets import Answers

    rng, held = np.random.default_rng(0), 0
    either = 0.5 * rng.random((2, 100_000)).sum(axis=0)
    bounds = np.quantile(either, [0.7, 0.76])
    teacher = Answers(np.tile([1.0, 0.0], (300, 1)))
    tested = _EvaluationRows(None, teacher)
    for _ in range(50):
        hard = rng.random(300)  # both students fail on the same rows, mostly
        fits = []
        for n_rows, bound in zip((100, 400), bounds, strict=True):
            right = 0.5 * (hard + rng.random(300)) < bound
            said = np.where(right[:, None], [1.0, 0.0], [0.0, 1.0])
            fits.append(_Fit(n_rows, said, None, None, None))
        slope = _slope([fits], tested, "multiclass")
        held += slope.low <= 0.03 <= slope.high
    assert 44 <= held <= 50


def test_draws_widen_an_interval():
    rows = Estimate(0.5, 0.4, 0.7, 100)
    assert _with_draws(rows, [0.5]) == rows
    wide = _with_draws(rows, [0.4, 0.5, 0.6])
    error = 4.302652729911275 * 0.1 / np.sqrt(3)
    assert wide.low == pytest.approx(0.5 - np.hypot(0.1, error))
    assert wide.high == pytest.approx(0.5 + np.hypot(0.2, error))


@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 6), min_size=20, max_size=30),
    n_further=st.integers(0, 30),
    grouped=st.booleans(),
)
@settings(max_examples=60)
def test_shares_are_nested_and_of_whole_groups(seed, sizes, n_further, grouped):
    groups = np.random.default_rng(seed).permutation(
        np.repeat(np.arange(len(sizes)), sizes)
    )
    kept = np.arange(len(groups)) + 100
    part = _Apart(kept, kept, n_further, groups if grouped else None, None)
    shares = (0.7, 0.9, 1.0)
    draws = part.draws(shares, np.random.default_rng(seed))
    before: tuple[set[int], set[int]] = (set(), set())
    for share, (own, further) in zip(shares, draws, strict=True):
        assert before[0] <= set(own.tolist())
        assert before[1] <= set(further.tolist())
        before = set(own.tolist()), set(further.tolist())
        assert len(further) == round(share * n_further)
        if grouped:
            inside = set(groups[own - 100].tolist())
            assert not inside & set(np.delete(groups, own - 100).tolist())
            assert abs(len(own) - share * len(kept)) <= max(sizes)
        else:
            assert abs(len(own) - share * len(kept)) <= 0.5 + 1e-9
    assert before[0] == set(kept.tolist())


def test_groups_are_held_out_whole_and_widen_the_intervals(cancer, fits):
    X, y, teacher = cancer
    groups = np.arange(len(X)) // 8
    model = DistilledClassifier(teacher, GREEDY, **FAST)
    shares = (0.3, 1.0)
    curve = learning_curve(
        model, X, y, shares=shares, n_repeats=1, groups=groups, random_state=0
    )
    seen = [sorted(places(rows, X)) for _, rows, _ in fits]
    held_out = np.setdiff1d(np.arange(len(X)), seen[1])
    for inside in seen:
        outside = np.setdiff1d(np.arange(len(X)), inside)
        assert not set(groups[inside]) & set(groups[outside])
    own = fidelity(fits[1][0], X[held_out], groups=groups[held_out])
    assert curve.points[1].fidelity == own


def test_unlabelled_rows_are_shared_out_too(cancer, fits):
    X, y, teacher = cancer
    model = DistilledClassifier(teacher, GREEDY, **FAST)
    given = (model, X[:200], y[:200], X[200:], (0.2, 1.0))
    curve = learning_curve(*given, n_repeats=1, random_state=0)
    assert [len(further) for _, _, further in fits] == [40, 200]
    assert [point.n_rows for point in curve.points] == [30 + 40, 150 + 200]
    assert places(fits[0][2], X) < places(fits[1][2], X)
    assert curve.n_test == 50
    plain = learning_curve(model, X[:200], shares=(0.2, 1.0), random_state=0)
    assert plain.to_frame()["accuracy"].isna().all()
    assert plain.teacher_accuracy is None


def test_a_rare_category_is_known_at_every_share():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"home": rng.choice(["own", "rent"], 200), "age": rng.normal(size=200)}
    )
    frame["home"] = frame["home"].astype(object)
    frame.loc[[3, 77, 120], "home"] = "boat"
    frame["many"] = [f"n{i % 40}" for i in range(200)]

    def answers(rows):
        assert isinstance(rows["home"].iloc[0], str)
        score = rows["age"].to_numpy() + (rows["home"] == "own").to_numpy() - 0.5
        return np.column_stack([-score, score])

    teacher = CallableTeacher(answers, classes=["no", "yes"])
    y = np.where(frame["age"] > 0, "yes", "no")
    model = DistilledClassifier(teacher, GREEDY, **FAST)
    curve = learning_curve(model, frame, y, shares=(0.1, 1.0), random_state=0)
    assert curve.points[-1].fidelity.value > 0.8
    assert curve.points[-1].accuracy.value > 0.6


def point(n_rows, value):
    return LearningPoint(n_rows / 400, n_rows, Estimate(value, 0, 1, 90), None, 0.1)


def curve_of(low, high, n_repeats=3, task="multiclass"):
    slope = Estimate((low + high) / 2, low, high, 90)
    points = (point(100, 0.7), point(400, 0.8))
    return LearningCurve(points, slope, 100, task, 90, n_repeats, None, 0.6)


@pytest.mark.parametrize(
    ("curve", "sentence"),
    [
        (
            curve_of(0.012, 0.03),
            "400 more rows, as many again, are worth about +2.1 points of fidelity "
            "[+1.2, +3.0]: so much it rose with each doubling from 100 to 400 rows.",
        ),
        (
            curve_of(-0.02, 0.008),
            "The curve is flat: -0.6 points of fidelity [-2.0, +0.8] with each "
            "doubling from 100 to 400 rows.",
        ),
        (
            curve_of(-0.03, 0.05),
            "The curve is too noisy to say what more rows are worth: +1.0 points of "
            "fidelity [-3.0, +5.0] with each doubling from 100 to 400 rows.",
        ),
        (
            curve_of(-0.05, -0.03),
            "More rows were worth nothing: fidelity fell, by -4.0 points of fidelity "
            "[-5.0, -3.0] with each doubling from 100 to 400 rows.",
        ),
        (
            curve_of(0.1, 0.2, 1, "regression"),
            "400 more rows, as many again, are worth about +0.150 [+0.100, +0.200] of "
            "R2: so much it rose with each doubling from 100 to 400 rows. The interval "
            "is that of the 90 held-out rows alone: the rows were drawn once.",
        ),
    ],
)
def test_the_verdict(curve, sentence):
    assert curve.verdict == sentence
    assert sentence in str(curve)
    assert sentence in curve._repr_html_()


def test_one_share_says_nothing(cancer):
    X, y, teacher = cancer
    model = DistilledClassifier(teacher, GREEDY, **FAST)
    curve = learning_curve(model, X, y, shares=[1.0], n_repeats=1)
    assert curve.slope is None
    assert curve.verdict.startswith("One share of the rows does not say")
    with pytest.raises(InputError, match="Give two or more shares"):
        curve.worth(10)


def test_the_figure():
    display = LearningCurveDisplay.from_curve(curve_of(0.012, 0.03))
    assert display.alt.startswith(
        "Fidelity against rows (share of rows): fidelity from 0.700 at 100 to 0.800 "
        "at 400. 400 more rows"
    )
    ax = display.plot().ax_
    assert ax.get_ylabel() == "share of rows"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sorted(labels) == ["fidelity", "the commonest decision"]
    values = LearningCurveDisplay.from_curve(curve_of(0.1, 0.2, 1, "regression"))
    assert values.unit == "R2"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"shares": (0.01, 1.0)}, "A share of 0.01 of 300 rows is 3. learning_curve"),
        ({"shares": (1.0, 0.5)}, "must hold rising shares in"),
        ({"shares": ()}, "must hold rising shares in"),
        ({"shares": (0.5, 1.5)}, "The 'shares' parameter of learning_curve must be"),
        ({"n_repeats": 0}, "The 'n_repeats' parameter of learning_curve must be"),
        ({"test_size": 1.0}, "The 'test_size' parameter of learning_curve must be"),
        ({"test_size": 0.99}, "learning_curve cannot hold 396 of 400 rows out"),
        ({"X_unlabelled": np.zeros((9, 3))}, "The rows X_unlabelled must have the 6"),
        ({"groups": np.zeros(400)}, "There must be at least two groups"),
    ],
)
def test_what_cannot_be_traced_is_said(cancer, settings, sentence):
    X, y, teacher = cancer
    model = DistilledClassifier(teacher, GREEDY, **FAST)
    with pytest.raises(InputError, match=sentence.replace("(", r"\(")):
        learning_curve(model, X, y, **settings)


def test_the_teacher_must_stay_the_same(cancer):
    X, y, _ = cancer
    model = DistilledClassifier(LogisticRegression(), GREEDY, **FAST)
    with pytest.raises(InputError, match="must be fitted, as FrozenEstimator"):
        learning_curve(model, X, y)
    with pytest.raises(InputError, match="The 'model' parameter of learning_curve"):
        learning_curve(LogisticRegression(), X, y)
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(InputError, match="The 'X' parameter of learning_curve"):
        learning_curve(
            DistilledRegressor(FrozenEstimator(LinearRegression().fit(X, y))), X[0], y
        )
