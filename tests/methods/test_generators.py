"""Further rows as steps: neutral values, budgets, chance, and what never counts."""

from dataclasses import replace
from functools import partial
from zlib import crc32

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor

from interpretkd import (
    BoostedStudent,
    CallableTeacher,
    CartStudent,
    CNNTeacher,
    DistilledClassifier,
    DistilledRegressor,
    InputError,
    LinearStudent,
)
from interpretkd.data import Schema
from interpretkd.methods import (
    Auto,
    Confidence,
    Context,
    EachTeacher,
    FromFunction,
    Images,
    Local,
    Mix,
    Munge,
    Resample,
    RowGenerator,
)
from interpretkd.students import as_student
from interpretkd.teachers import EnsembleTeacher, as_teacher
from interpretkd.transfer import TransferSet, draw_rows, local_rows

GREEDY = CartStudent(6, search="greedy")
TABULAR = (Mix, Resample, Munge, Local)
FAST = {"target": "soft", "random_state": 0}


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:260, :6]
    teacher = LogisticRegression(max_iter=10_000).fit(X, y[:260])
    return X, y[:260], FrozenEstimator(teacher)


class SeesImages:
    """A teacher that reads its columns as pixels, and counts its questions."""

    task, classes_, image_shape_ = "multiclass", np.arange(2), (8, 8)

    def __init__(self):
        self.seen = []

    def logits(self, X):
        self.seen.append(np.array(X))
        light = np.asarray(X)[:, 16:40].mean(axis=1) - 5
        return np.column_stack([-light, light])


def test_a_network_of_ours_reads_images(cancer):
    """It was refused: only torch modules told the shape of what they read."""
    X, y = load_digits(return_X_y=True)
    teacher = CNNTeacher((4,), hidden=(8,), max_epochs=1).fit(X[:150], y[:150])
    model = DistilledClassifier(
        FrozenEstimator(teacher), GREEDY, transfer=Images(10), **FAST
    ).fit(X[:150], y[:150])
    assert (model.transfer_set_.origins == "images").sum() == 10


def arrays(model):
    return model.student_.form_.nodes.threshold, model.student_.form_.value


@pytest.mark.parametrize("kind", [*TABULAR, Images])
@pytest.mark.parametrize("neutral", [{"n_rows": 0}, {"n_rows": 0.0}, {"share": 0.0}])
def test_a_neutral_generator_changes_nothing(cancer, kind, neutral):
    X, y, teacher = cancer
    if kind is Images:
        X, y, teacher = load_digits().data[:150], None, SeesImages()
    for student in (GREEDY, BoostedStudent(5, n_jobs=1)):
        plain, other = (
            DistilledClassifier(teacher, student, transfer=step, **FAST).fit(X, y)
            for step in (None, kind(**neutral))
        )
        for one, two in zip(arrays(plain), arrays(other), strict=True):
            np.testing.assert_array_equal(one, two)
        assert plain.queries_ == other.queries_
        assert other.n_asked_ == 0


@pytest.mark.parametrize("kind", TABULAR)
@pytest.mark.parametrize(
    "student",
    [GREEDY, CartStudent(4), BoostedStudent(5, n_jobs=1), LinearStudent()],
    ids=["greedy", "auto", "boosted", "linear"],
)
def test_a_budget_holds_for_the_whole_fit(cancer, kind, student):
    X, y, teacher = cancer
    step = kind(2.0, budget=90)
    model = DistilledClassifier(teacher, student, transfer=step, **FAST).fit(X, y)
    assert model.n_asked_ == 90
    assert len(X) < model.queries_ <= len(X) + 90
    assert str(step) in model.recipe_
    assert "for 90 questions about them at most" in str(step)


def test_what_is_drawn_once_is_drawn_without_the_validation_rows(cancer):
    X, _, teacher = cancer
    own = np.column_stack([X, np.arange(len(X)) * 1000.0])  # a row's own number
    asked = CallableTeacher(
        lambda rows: teacher.decision_function(rows[:, :-1]), classes=[0, 1]
    )
    for student in (CartStudent(4), LinearStudent()):
        step = Resample(400, budget=400)
        model = DistilledClassifier(asked, student, transfer=step, **FAST).fit(own)
        made = model.transfer_set_.take(np.flatnonzero(~model.transfer_set_.is_given))
        numbers = np.asarray(made.rows)[:, -1] / 1000
        assert not np.isin(numbers, model.validation_rows_).any()


@pytest.mark.parametrize("kind", TABULAR)
def test_the_same_seed_draws_the_same_rows(cancer, kind):
    X, y, teacher = cancer

    def rows(seed, **steps):
        steps = {"transfer": kind(120), **steps}
        model = DistilledClassifier(teacher, GREEDY, target="soft", **steps)
        table = model.set_params(random_state=seed).fit(X, y).transfer_set_.to_frame()
        made = table[table["(origin)"] == kind.__name__.lower()]
        return made.drop(columns="(weight)").reset_index(drop=True)

    one = rows(0)
    assert len(one) == 120
    pd.testing.assert_frame_equal(one, rows(0))
    pd.testing.assert_frame_equal(one, rows(0, weights=Confidence()))
    other = next(k for k in TABULAR if k is not kind)
    pd.testing.assert_frame_equal(one, rows(0, transfer=[other(50), kind(120)]))
    pd.testing.assert_frame_equal(one, rows(0, transfer=[kind(120), other(50)]))
    assert not one.equals(rows(1))
    two = rows(0, transfer=[kind(120), kind(120)])  # each has draws of its own
    assert len(two) == 240
    assert not two[:120].reset_index(drop=True).equals(two[120:].reset_index(drop=True))


@pytest.mark.parametrize("kind", TABULAR)
def test_made_rows_are_in_no_support_and_of_their_share(cancer, kind):
    X, y, teacher = cancer
    step = kind(3.0, share=0.5)
    model = DistilledClassifier(teacher, GREEDY, transfer=step, **FAST).fit(X, y)
    used = model.transfer_set_
    made = ~used.is_given
    assert made.sum() == 3 * len(X)
    assert used.weights[made].sum() == pytest.approx(0.5 * len(X))
    assert model.tree_.support[0] == len(X)
    assert model.tree_.cover[0] == pytest.approx(1.5 * len(X))
    assert model.baseline_.tree_.cover[0] == pytest.approx(len(X))
    few = kind(10).set_params(share=1.0)  # none counts more than a given one
    used = clone(model).set_params(transfer=few).fit(X, y).transfer_set_
    assert used.weights[~used.is_given].max() == pytest.approx(1.0)


@pytest.mark.parametrize("kind", TABULAR)
def test_frames_keep_their_columns(kind):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "home": rng.choice(["own", "rent"], 80).astype(object),
            "age": pd.array(rng.integers(18, 80, 80), dtype="Int64"),
            "debt": rng.exponential(size=80),
        }
    )
    frame.loc[::7, ["age", "home"]] = None
    seen = []

    def answers(rows):
        assert list(rows.columns) == list(frame.columns)
        seen.append(len(rows))
        score = (rows["home"] == "own").to_numpy(dtype=float) - rows["debt"].to_numpy()
        return np.column_stack([-score, score])

    teacher = CallableTeacher(answers, classes=["no", "yes"])
    model = DistilledClassifier(teacher, GREEDY, transfer=kind(200), **FAST).fit(frame)
    table = model.transfer_set_.to_frame()
    made = table[table["(origin)"] != "given"]
    assert set(made["home"].dropna()) <= {"own", "rent"}
    ages = made["age"].astype(float).dropna()
    assert (ages == ages.round()).all()
    assert ages.between(18, 80).all()
    assert made["home"].isna().any()
    assert model.queries_ == sum(seen)


def test_regressions_get_rows_too():
    X, y = load_diabetes(return_X_y=True)
    teacher = FrozenEstimator(LinearRegression().fit(X, y))
    model = DistilledRegressor(
        teacher, GREEDY, transfer=[Mix(100), Munge(100)], random_state=0
    ).fit(X[:200])
    origins = model.transfer_set_.to_frame()["(origin)"].value_counts().to_dict()
    assert origins == {"given": 200, "mix": 100, "munge": 100}


def test_images_are_moved_where_the_teacher_sees_images(cancer):
    rows, teacher = load_digits().data[:200], SeesImages()
    step = Images(1.0, budget=150)
    model = DistilledClassifier(teacher, GREEDY, transfer=step, **FAST).fit(rows)
    made = np.asarray(model.transfer_set_.rows)[~model.transfer_set_.is_given]
    assert len(made) == 150
    assert 0 <= made.min() <= made.max() <= 16
    np.testing.assert_array_equal(made, np.round(made))
    given = {tuple(row) for row in rows.tolist()}
    assert np.mean([tuple(row) in given for row in made.tolist()]) < 0.05
    assert model.queries_ == sum(len(part) for part in teacher.seen) <= 350
    X, y, plain = cancer
    with pytest.raises(InputError, match="The step Images of DistilledClassifier need"):
        DistilledClassifier(plain, GREEDY, transfer=Images()).fit(X, y)


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (Munge(p=0.0), r"The 'p' parameter of Munge must be a float in \(0, 1\]"),
        (Munge(s=0.0), "The 's' parameter of Munge must be a float in"),
        (Mix(-1), "The 'n_rows' parameter of Mix must be an int in"),
        (Resample(share=2.0), "The 'share' parameter of Resample must be"),
        (Mix(budget=0), "The 'budget' parameter of Mix must be"),
        (Images(zoom=1.0), "The 'zoom' parameter of Images must be"),
        (Images(sigma=0.0), "The 'sigma' parameter of Images must be"),
        (Images(turn=181.0), "The 'turn' parameter of Images must be"),
    ],
)
def test_what_is_out_of_range_is_said(cancer, step, sentence):
    X, y, teacher = cancer
    with pytest.raises(InputError, match=sentence):
        DistilledClassifier(teacher, GREEDY, transfer=step).fit(X, y)


# --- names and functions


NAMED = ("auto", "mix", lambda schema, codes, n_rows, rng: codes[rng.permutation(100)])


@pytest.mark.parametrize("transfer", NAMED, ids=["auto", "mix", "function"])
def test_rows_of_no_weight_teach_through_no_made_row(cancer, transfer):
    """The user had said 0 there, and a quarter of the made rows stood there."""
    X, y, teacher = cancer
    split = np.median(X[:, 0])
    model = DistilledClassifier(teacher, GREEDY, transfer=transfer, **FAST)
    model.fit(X, y, sample_weight=np.where(X[:, 0] > split, 0.0, 1.0))
    made = model.transfer_set_.take(np.flatnonzero(~model.transfer_set_.is_given))
    assert len(made)
    assert np.asarray(made.rows)[:, 0].max() <= split


@pytest.mark.parametrize("transfer", NAMED, ids=["auto", "mix", "function"])
def test_without_weights_the_same_rows_are_drawn_as_ever(cancer, transfer):
    X, y, teacher = cancer
    model = DistilledClassifier(teacher, GREEDY, transfer=transfer, **FAST).fit(X, y)
    used, seed = model.transfer_set_, model._seed()
    codes = model.schema_.encode(X)
    if transfer == "auto":
        kinds = model.teacher_.logits(X).argmax(axis=1)
        transfer = partial(local_rows, kinds=kinds)
        seed = [seed, crc32(b"Local"), 0]
    drawn = draw_rows(model.schema_, codes, 20 * len(X), transfer, seed, like=X)
    assert used.origins[: len(X)].tolist() == ["given"] * len(X)
    np.testing.assert_array_equal(used.rows, np.vstack([X, drawn]))
    ones = clone(model).fit(X, y, sample_weight=np.ones(len(X)))
    for one, two in zip(arrays(model), arrays(ones), strict=True):
        np.testing.assert_array_equal(one, two)


def test_one_row_of_weight_is_enough_to_draw_from(cancer):
    X, _, teacher = cancer
    schema = Schema.from_data(X)
    rows = TransferSet(X, teacher.decision_function(X)[:, None] * [[-1, 1]])
    rows = replace(rows, weight=np.eye(len(X))[3])
    context = Context(as_teacher(teacher), schema, "multiclass", 0, None)
    for step in (Local(), FromFunction("mix"), FromFunction("resample")):
        drawn = step.draw(rows, context, 7)
        np.testing.assert_array_equal(drawn, np.repeat(X[3:4], 7, axis=0).astype("f4"))


def test_a_name_draws_what_it_draws_alone(cancer):
    """It drew from the rows of the steps before, and 20 for each row's every copy."""
    X, y, teacher = cancer

    def made(transfer, name="mix", teacher=teacher, target="soft"):
        model = DistilledClassifier(
            teacher, GREEDY, transfer=transfer, target=target, random_state=0
        )
        used = model.fit(X[:100], y[:100]).transfer_set_
        return np.asarray(used.rows)[used.origins == name]

    alone = made("mix")
    assert len(alone) == 2000
    np.testing.assert_array_equal(made([Munge(1.0), "mix"]), alone)
    two = FrozenEstimator(EnsembleTeacher([teacher, GaussianNB().fit(X, y)]))
    rows = made([EachTeacher(), "mix"], teacher=two, target="hard")
    np.testing.assert_array_equal(rows, alone)


def test_each_of_several_names_or_functions_has_draws_of_its_own(cancer):
    """They shared one stream: every row was taught twice."""
    X, y, teacher = cancer

    def drawn(schema, codes, n_rows, rng):
        return rng.random((50, codes.shape[1]))

    for pair, one in ((["mix", "mix"], "mix"), ([drawn, drawn], drawn)):
        both, alone = (
            DistilledClassifier(teacher, GREEDY, transfer=transfer, **FAST)
            .fit(X[:60], y[:60])
            .transfer_set_
            for transfer in (pair, one)
        )
        first, second = np.asarray(alone.rows), np.asarray(both.rows)[len(alone) :]
        np.testing.assert_array_equal(both.rows[: len(alone)], first)
        assert not np.isin(second[:, 5], first[60:, 5]).all()


# --- what a generator of one's own draws


class Own(RowGenerator):
    """Whatever it is told to."""

    def __init__(self, drawn=None, n_rows=5, share=1.0):
        self.drawn, self.n_rows, self.share = drawn, n_rows, share

    def draw(self, transfer_set, context, n_rows):
        return self.drawn(transfer_set.rows)


def weighted(weights):
    return lambda rows: (rows[:5], weights)


@pytest.mark.parametrize(
    ("drawn", "sentence"),
    [
        (weighted([-1, 1, 1, 1, 1]), "Got shape (5,) from -1."),
        (weighted(np.zeros(5)), "must be 5 numbers in [0, inf), not all zero, one a"),
        (weighted(np.full(5, np.nan)), "Got shape (5,), not all of them finite."),
        (weighted([1, 1, 1, 1, np.inf]), "Got shape (5,), not all of them finite."),
        (weighted([[1], [1, 2], 1, 1, 1]), "Got shape (5,), not all of them finite."),
        (weighted(list("abcde")), "Got shape (5,), not all of them finite."),
        (weighted(np.ones(3)), "The weights that Own draws must be 5 numbers"),
        (weighted(np.ones((5, 1))), "Got shape (5, 1)."),
        (weighted(2.0), "Got shape ()."),
        (lambda rows: None, "Own.draw must return rows of the 6 columns"),
        (lambda rows: rows[:0], "Own.draw must return rows"),
        (lambda rows: rows[:, :4], "Own.draw must return rows of the 6 columns"),
        (lambda rows: rows[0], "Got shape (6,)."),
        (lambda rows: rows[:5] * np.inf, "Input X contains infinity"),
        (lambda rows: np.full((5, 6), "a"), "X must hold numbers only."),
    ],
)
def test_what_is_drawn_is_checked(cancer, drawn, sentence):
    X, y, teacher = cancer
    model = DistilledClassifier(teacher, GREEDY, transfer=Own(drawn), **FAST)
    with pytest.raises(InputError) as error:
        model.fit(X, y)
    assert sentence in str(error.value)


@pytest.mark.parametrize("weights", [[1, 1, 1, 1, 4], [1e308] * 4 + [1.7e308]])
def test_weights_of_drawn_rows_are_any_numbers(cancer, weights):
    X, y, teacher = cancer
    own = Own(weighted(weights))
    model = DistilledClassifier(teacher, GREEDY, transfer=own, **FAST).fit(X, y)
    given = np.asarray(weights) / max(weights)
    made = model.transfer_set_.weights[~model.transfer_set_.is_given]
    np.testing.assert_allclose(made, given / given.mean())


def test_drawn_columns_are_those_that_were_given(cancer):
    X, y, _ = cancer
    frame = pd.DataFrame(X, columns=list("abcdef"))
    teacher = FrozenEstimator(LogisticRegression(max_iter=10_000).fit(frame, y))

    def fitted(drawn):
        model = DistilledClassifier(teacher, GREEDY, transfer=Own(drawn), **FAST)
        return model.fit(frame, y).transfer_set_

    plain, turned = (
        fitted(lambda rows, names=names: rows[names][:5])
        for names in (list("abcdef"), list("fedcba"))
    )
    pd.testing.assert_frame_equal(plain.rows, turned.rows)
    np.testing.assert_array_equal(plain.logits, turned.logits)
    for names in (list("abcdeg"), list("abcdee")):
        with pytest.raises(InputError, match="There is no 'f'"):
            fitted(lambda rows, names=names: rows[:5].set_axis(names, axis=1))


# --- students that take no weights


@pytest.mark.parametrize(
    ("transfer", "n_drawn", "n_wanted"),
    [
        ("mix", 260, 5200),
        (Mix(4.0), 260, 1040),
        (Auto(Munge(4.0)), 260, 1040),
        (Mix(4.0, share=0.5), 130, 1040),
        (Resample(100), 100, None),
    ],
    ids=str,
)
def test_a_student_without_weights_gets_rows_that_count_alike(
    cancer, transfer, n_drawn, n_wanted
):
    """Names and generators of old were refused: made rows counted less than others."""
    X, y, teacher = cancer
    student = KNeighborsRegressor()
    assert as_student(student).weight_refusal is not None
    model = DistilledClassifier(teacher, student, transfer=transfer, **FAST).fit(X, y)
    assert model.n_asked_ == n_drawn
    np.testing.assert_array_equal(model.transfer_set_.weights, 1.0)
    told = [sentence for sentence in model.recipe_ if "takes no weights" in sentence]
    assert len(told) == (n_wanted is not None)
    if n_wanted is not None:
        assert told[0].startswith(f"Of {n_wanted:,} further rows (")
        assert f" {n_drawn:,} are drawn: the student takes no weights" in told[0]


def test_weights_that_a_student_cannot_take_are_refused(cancer):
    X, y, teacher = cancer
    model = DistilledClassifier(teacher, KNeighborsRegressor(), **FAST)
    with pytest.raises(InputError, match="Weights of rows would change nothing: the"):
        model.fit(X, y, sample_weight=np.arange(len(X)) + 1)
    twice = model.set_params(transfer=Own(lambda rows: np.vstack([rows, rows])))
    with pytest.raises(InputError, match="where they are more than the given ones"):
        twice.fit(X, y)
    alike = np.full(len(X), 0.1)  # equal but for rounding, with the made ones
    model.set_params(transfer=Mix(50)).fit(X, y, sample_weight=alike)
    assert model.n_asked_ == 50
