"""Rows drawn like others, and students that are fitted to them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

from interpretkd._base import InputError
from interpretkd.data import Schema, stack_rows
from interpretkd.distillation import (
    DistilledClassifier,
    DistilledRegressor,
    fit_student,
)
from interpretkd.distillation._choosing import _choose_search
from interpretkd.distillation._recipe import _Recipe
from interpretkd.methods import Context, Questions, RowGenerator
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.targets import Target
from interpretkd.teachers import CallableTeacher, as_teacher
from interpretkd.transfer import (
    GENERATORS,
    TransferSet,
    draw_rows,
    mix_neighbours,
    resample_columns,
)

nan = np.nan
SEEDS = st.integers(0, 2**32 - 1)
each_generator = pytest.mark.parametrize("name", list(GENERATORS))


def mixed_rows(seed=0, n_rows=60):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "dose": rng.normal(size=n_rows).astype(np.float32),
            "age": rng.integers(18, 80, n_rows).astype(float),
            "home": rng.choice(["own", "rent", "free"], n_rows).astype(object),
            "smoker": rng.choice([False, True], n_rows),
            "debt": rng.exponential(size=n_rows),
            "one": np.full(n_rows, 3.5),
            "grade": pd.Categorical(
                rng.choice(["low", "high"], n_rows), ["low", "mid", "high"]
            ),
        }
    )
    frame.loc[rng.random(n_rows) < 0.3, "age"] = nan
    frame.loc[rng.random(n_rows) < 0.3, "home"] = None
    frame.loc[rng.random(n_rows) < 0.2, "debt"] = nan
    return frame


@each_generator
@given(seed=SEEDS, n_given=st.integers(2, 40), n_rows=st.integers(2, 60))
@settings(max_examples=40)
def test_drawn_rows_are_of_the_given_rows_kind(name, seed, n_given, n_rows):
    frame = mixed_rows(seed, n_given)
    frame.loc[0, "home"] = "own"
    schema = Schema.from_data(frame)
    codes = schema.encode(frame)
    drawn = GENERATORS[name](schema, codes, n_rows, np.random.default_rng(seed))
    assert drawn.shape == (n_rows, len(schema))
    assert drawn.dtype == np.float32
    for j, feature in enumerate(schema.features):
        own, new = codes[:, j], drawn[:, j]
        if not np.isnan(own).any():
            assert not np.isnan(new).any()
        own, new = own[~np.isnan(own)], new[~np.isnan(new)]
        if len(own) == 0:
            assert len(new) == 0
            continue
        if len(new) == 0:
            continue
        slack = 1e-6 * np.abs(own).max()
        assert own.min() - slack <= new.min() <= new.max() <= own.max() + slack
        if feature.is_categorical or name == "resample":
            assert np.isin(new, own).all()
        elif feature.name == "age":
            assert (new == np.round(new)).all()


def test_numbers_lie_between_two_rows_that_are_near():
    # Two heaps far apart: nothing may lie between them.
    rng = np.random.default_rng(0)
    heaps = rng.normal(size=(40, 2)) + np.repeat([[0.0, 0.0], [50.0, 80.0]], 20, axis=0)
    codes = heaps.astype(np.float32)
    schema = Schema.from_data(codes)
    for name in GENERATORS:
        drawn = GENERATORS[name](schema, codes, 500, np.random.default_rng(1))
        first, second = drawn[:, 0] < 25, drawn[:, 1] < 40
        np.testing.assert_array_equal(first, second)
        assert 0.4 < first.mean() < 0.6
        near = np.where(first[:, None], drawn, drawn - [50, 80])
        assert np.abs(near).max() < 5
    mixed = mix_neighbours(schema, codes, 500, np.random.default_rng(1))
    assert not np.isin(mixed[:, 0], codes[:, 0]).all()  # new values, not only new rows
    swapped = resample_columns(schema, codes, 500, np.random.default_rng(1))
    both = {tuple(row) for row in codes.tolist()}
    new = [tuple(row) not in both for row in swapped.tolist()]
    assert np.mean(new) > 0.3  # cells of several rows


def test_mixed_categories_are_the_ones_or_the_others():
    frame = pd.DataFrame({"home": ["own", "rent"] * 10, "age": np.arange(20.0) // 2})
    schema = Schema.from_data(frame)
    codes = schema.encode(frame)
    drawn = mix_neighbours(schema, codes, 300, np.random.default_rng(0))
    assert set(drawn[:, 0]) == {0.0, 1.0}
    assert abs(drawn[:, 0].mean() - 0.5) < 0.15


@each_generator
def test_drawing_is_reproducible(name):
    frame = mixed_rows()
    schema = Schema.from_data(frame)
    codes = schema.encode(frame)
    one, again, other = (
        draw_rows(schema, codes, 50, name, seed, like=frame) for seed in (3, 3, 4)
    )
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)


@each_generator
def test_frames_lead_to_frames_and_arrays_to_arrays(name):
    frame = mixed_rows().rename(columns={"age": 7})
    schema = Schema.from_data(frame)
    conformed = schema.conform(frame)
    drawn = draw_rows(schema, schema.encode(frame), 25, name, 0, like=conformed)
    assert drawn.columns.tolist() == frame.columns.tolist()
    assert len(drawn) == 25
    for column, dtype in conformed.dtypes.items():
        if isinstance(dtype, pd.CategoricalDtype):
            assert drawn[column].dtype == dtype
        else:
            assert drawn[column].dtype.kind == "f"
    schema.encode(drawn)  # knows every category
    both = stack_rows(conformed, drawn)
    assert both["home"].dtype == conformed["home"].dtype
    np.testing.assert_array_equal(
        schema.encode(both),
        np.vstack([schema.encode(conformed), schema.encode(drawn)]),
    )

    numbers = np.random.default_rng(1).normal(size=(30, 3))
    array = draw_rows(*Schema.read(numbers), 25, name, 0, like=numbers)
    assert isinstance(array, np.ndarray)
    assert array.shape == (25, 3)
    assert array.dtype == np.float64


@each_generator
@pytest.mark.parametrize("gaps", [False, True])
def test_made_cells_have_the_dtype_of_given_ones(name, gaps):
    """Whole numbers came as float32: a teacher that reads texts knew none of them."""
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 9, 60)
    kinds = ["int64", "int8", "uint16", "Int64", "Int8", "int64[pyarrow]"]
    kinds += ["float64", "float32", "Float64", "double[pyarrow]"]
    columns = {kind: pd.Series(whole).astype(kind) for kind in kinds}
    columns["object"] = pd.Series(whole.tolist(), dtype=object)
    columns["large"] = pd.Series(rng.integers(2**40, 2**50, 60))
    columns["real"] = pd.Series(rng.normal(size=60))
    frame = pd.DataFrame(columns)
    if gaps:
        for column in ("Int64", "Int8", "int64[pyarrow]", "Float64", "real"):
            frame.loc[::5, column] = pd.NA if column != "real" else nan
    schema, codes = Schema.read(frame)
    drawn = draw_rows(schema, codes, 40, name, 0, like=frame)
    pd.testing.assert_series_equal(drawn.dtypes, frame.infer_objects().dtypes)
    pd.testing.assert_series_equal(stack_rows(frame, drawn).dtypes, frame.dtypes)
    assert drawn["Int64"].isna().any() == gaps
    if not gaps:
        rows = np.column_stack([whole, whole[::-1]]).astype(np.uint8)
        made = draw_rows(*Schema.read(rows), 40, name, 0, like=rows)
        assert made.dtype == np.uint8


def test_numbers_that_a_dtype_does_not_hold_stay_as_they_are():
    frame = pd.DataFrame({"a": np.arange(9), "b": np.arange(9).astype("int8")})
    frame["c"] = frame["a"].astype("Int64")
    schema, codes = Schema.read(frame)
    for odd in (0.5, nan, 300.0):
        cells = np.tile(np.float32([[odd], [1]]), 3)
        drawn = draw_rows(schema, codes, 2, lambda *given, c=cells: c, 0, like=frame)
        np.testing.assert_array_equal(drawn.to_numpy(np.float64, na_value=nan), cells)
        array = np.asarray(frame[["a", "b"]], dtype=np.int8)
        drawn = draw_rows(
            *Schema.read(array), 2, lambda *given, c=cells: c[:, :2], 0, like=array
        )
        np.testing.assert_array_equal(drawn, cells[:, :2])


def test_a_teacher_that_reads_texts_says_of_made_rows_what_it_means():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"code": rng.integers(1, 9, 80), "b": rng.normal(size=80)})

    def logits(rows):
        low = rows["code"].astype(str).isin(["1", "2", "3", "4"]).to_numpy()
        return np.where(low, 2.0, -2.0)[:, None] * [[-1, 1]]

    teacher = CallableTeacher(logits, classes=[0, 1])
    model = DistilledClassifier(
        teacher,
        CartStudent(2, search="greedy"),
        target="soft",
        transfer="resample",
        random_state=0,
    ).fit(frame)
    used = model.transfer_set_
    assert not used.is_given.all()
    np.testing.assert_array_equal(used.logits, logits(used.rows))
    np.testing.assert_array_equal(used.logits[:, 1] > 0, used.rows["code"] <= 4)
    assert model.fidelity(frame).value == 1


def test_only_some_rows_are_looked_among_for_neighbours(monkeypatch):
    monkeypatch.setattr("interpretkd.transfer._neighbours._REFERENCES", 30)
    codes = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    schema = Schema.from_data(codes)
    drawn = resample_columns(schema, codes, 2_000, np.random.default_rng(0))
    # One cell of a row may come from elsewhere: from the thirty, then.
    where = {value: i for i, value in enumerate(codes[:, 0].tolist())}
    rows = np.array([where[value] for value in drawn[:, 0].tolist()])
    swapped = drawn[:, 1] != codes[rows, 1]
    assert swapped.any()
    assert len(set(drawn[swapped, 1].tolist())) < 300


def test_a_function_draws_the_rows():
    frame = mixed_rows()
    schema = Schema.from_data(frame)
    seen = []

    def double(given, codes, n_rows, rng):
        assert given is schema
        assert isinstance(rng, np.random.Generator)
        seen.append(n_rows)
        return np.vstack([codes, codes])[:50]

    drawn = draw_rows(schema, schema.encode(frame), 99, double, 0, like=frame)
    assert seen == [99]
    np.testing.assert_array_equal(schema.encode(drawn), schema.encode(frame[:50]))


@pytest.mark.parametrize("shape", [(3, 2), (7,), (0, 7), (2, 7, 1)])
def test_a_function_that_draws_no_rows_is_refused(shape):
    frame = mixed_rows()
    schema, codes = Schema.read(frame)
    with pytest.raises(InputError) as error:
        draw_rows(schema, codes, 9, lambda *given: np.zeros(shape), 0, like=frame)
    assert str(error.value) == (
        "The 'transfer' function must return codes of shape (n_rows, 7). Got shape "
        f"{shape}."
    )


# --- students that are fitted to them


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :8]
    teacher = LogisticRegression(max_iter=10_000).fit(X[:300], y[:300])
    return X[300:], y[300:], FrozenEstimator(teacher)


@pytest.mark.parametrize("transfer", ["auto", "mix", "resample", None])
def test_a_searching_student_may_ask_the_teacher_more(cancer, transfer):
    X, y, teacher = cancer
    student = CartStudent(6)
    model = DistilledClassifier(
        teacher, student, target="soft", transfer=transfer, random_state=0
    ).fit(X, y)
    # Asked about as many rows as told, of the weight of the given ones together.
    asked = {None: {0}}.get(transfer, {0, 20 * len(X)})
    assert model.n_asked_ in asked
    weight = len(X) if model.n_asked_ == 0 else 2 * len(X)
    assert model.tree_.cover[0] == pytest.approx(weight)
    assert model.tree_.n_leaves <= 6
    assert model.baseline_.tree_.cover[0] == pytest.approx(len(X))  # labels alone
    assert model.fidelity(X).value > 0.9
    again = DistilledClassifier(
        teacher, student, target="soft", transfer=transfer, random_state=0
    ).fit(X, y)
    np.testing.assert_array_equal(again.logits(X), model.logits(X))


@pytest.mark.parametrize(
    ("student", "transfer"),
    [
        (BoostedStudent(10, max_depth=2, n_jobs=1), "mix"),
        (BoostedStudent(10, max_depth=2, n_jobs=1), "resample"),
        (BoostedStudent(max_leaves=4), "mix"),
        (LinearStudent(), "mix"),
        (LinearStudent(), "resample"),
        (CartStudent(4, search="greedy"), "resample"),
    ],
)
def test_every_student_takes_further_rows_when_told_to(cancer, student, transfer):
    X, y, teacher = cancer
    model = DistilledClassifier(
        teacher, student, target="soft", transfer=transfer, random_state=0
    ).fit(X, y)
    if not isinstance(student, CartStudent):
        kept = len(X) - len(model.validation_rows_)
        fitted_to = len(X) if isinstance(student, LinearStudent) else kept
        assert model.n_asked_ == 20 * fitted_to
    assert model.fidelity(X).value > 0.85
    bare = DistilledClassifier(
        teacher, student, target="soft", transfer=None, random_state=0
    ).fit(X, y)
    assert bare.n_asked_ == 0
    if model.n_asked_:
        assert model.queries_ > len(X)
        assert not np.array_equal(bare.logits(X), model.logits(X))


def test_auto_asks_no_more_for_students_that_do_not_search(cancer):
    X, _, teacher = cancer
    for student in (LinearStudent(), BoostedStudent(5, n_jobs=1)):
        model = DistilledClassifier(teacher, student, target="soft", random_state=0)
        assert model.fit(X).n_asked_ == 0


def test_drawn_rows_never_reach_those_that_are_watched(cancer):
    X, _, teacher = cancer
    given = []

    class Counting(BoostedStudent):
        def fit(self, X, y, sample_weight=None, watch=None):
            given.append((len(X), len(watch[0]), np.sum(sample_weight)))
            return super().fit(X, y, sample_weight, watch)

    model = DistilledClassifier(
        teacher,
        Counting(5, n_jobs=1),
        target="soft",
        transfer="mix",
        random_state=0,
    ).fit(X)
    n_held_out = len(model.validation_rows_)
    kept = len(X) - n_held_out
    assert given == [(21 * kept, n_held_out, pytest.approx(2 * kept))]


def test_a_function_of_ones_own_says_what_to_ask(cancer):
    X, _, teacher = cancer
    called = []

    def shifted(schema, codes, n_rows, rng):
        called.append(n_rows)
        return codes[:40] + 1

    model = DistilledClassifier(
        teacher, LinearStudent(), target="soft", transfer=shifted, random_state=0
    ).fit(X)
    assert model.n_asked_ == 40
    kept = len(X) - len(model.validation_rows_)
    assert called == [20 * len(X), 20 * kept]  # the rows kept, for a temperature
    searching = DistilledClassifier(
        teacher, CartStudent(4), target="soft", transfer=shifted, random_state=0
    ).fit(X)
    assert called[2:] == 2 * [20 * len(X)]  # two draws; ours are judged by others
    assert searching.n_asked_ == 40  # what is asked for is used; "auto" may not


@pytest.mark.parametrize(
    ("transfer", "sentence"),
    [
        (
            "smote",
            "The 'transfer' parameter of {} must be 'auto', 'mix', 'resample', a "
            "function, a RowGenerator, a list of them, or None. Got 'smote'.",
        ),
        (
            3,
            "The 'transfer' parameter of {} must be 'auto', 'mix', 'resample', a "
            "function, a RowGenerator, a list of them, or None. Got 3.",
        ),
        (
            lambda schema, codes, n_rows, rng: codes[:, :2],
            "The 'transfer' function must return codes of shape (n_rows, 4). Got shape",
        ),
    ],
)
def test_what_cannot_be_asked_about_is_said(transfer, sentence):
    X, y = load_iris(return_X_y=True)
    classifier = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    regressor = FrozenEstimator(LinearRegression().fit(X, y))
    for kind, teacher in (
        (DistilledClassifier, classifier),
        (DistilledRegressor, regressor),
    ):
        with pytest.raises(InputError) as error:
            kind(teacher, CartStudent(3), transfer=transfer, random_state=0).fit(X)
        assert str(error.value).startswith(sentence.format(kind.__name__))


def test_regressions_ask_more_too():
    X, y = load_diabetes(return_X_y=True)
    teacher = FrozenEstimator(LinearRegression().fit(X, y))
    model = DistilledRegressor(
        teacher, BoostedStudent(30, n_jobs=1), transfer="mix", random_state=0
    ).fit(X)
    assert model.n_asked_ == 20 * (len(X) - len(model.validation_rows_))
    tree = DistilledRegressor(teacher, CartStudent(8), random_state=0).fit(X)
    assert tree.n_asked_ in (0, 20 * len(X))
    assert tree.fidelity(X).value > 0.6


def _reads_frames(X):
    assert isinstance(X, pd.DataFrame)
    score = 2.0 * (X["home"] == "own") - X["smoker"].astype(float)
    score = score + X["age"].astype(float).fillna(50) / 40 - 1.5
    return np.column_stack([-score, score])


@pytest.mark.parametrize("transfer", ["auto", "mix"])
def test_teachers_of_frames_are_asked_about_frames(transfer):
    frame = mixed_rows(1, 150)
    frame["count"] = pd.array([1, 2, None] * 50, dtype="Int64")
    teacher = CallableTeacher(_reads_frames, classes=["no", "yes"])
    for student in (CartStudent(5), BoostedStudent(10, n_jobs=1)):
        model = DistilledClassifier(
            teacher, student, target="soft", transfer=transfer, random_state=0
        ).fit(frame)
        assert model.fidelity(frame).value > 0.8
        assert set(model.predict(frame)) == {"no", "yes"}


def test_polars_rows_are_drawn_as_pandas():
    frame = mixed_rows(1, 150).drop(columns="grade")
    frame["home"] = frame["home"].astype("str")
    teacher = CallableTeacher(_reads_frames, classes=["no", "yes"])
    said = []
    for rows in (frame, pl.from_pandas(frame)):
        model = DistilledClassifier(
            teacher,
            BoostedStudent(10, n_jobs=1),
            target="soft",
            transfer="mix",
            random_state=0,
        ).fit(rows)
        said.append(model.logits(rows))
    np.testing.assert_array_equal(*said)


# --- whether they serve


def transfer_set(n_rows, seed):
    rows = np.random.default_rng(seed).uniform(-1, 1, (n_rows, 1))
    return TransferSet(rows, _step(rows))


def _step(rows):
    inside = (rows[:, 0] > 0) & (rows[:, 0] < 50)
    return np.column_stack([np.where(inside, -4.0, 4.0), np.where(inside, 4.0, -4.0)])


SOFT = Target("soft", task="multiclass")
REFINED = {"search": "refined"}


class _Rows(RowGenerator):
    """Rows within an interval."""

    def __init__(self, low, high, n_rows, share):
        self.low, self.high, self.n_rows, self.share = low, high, n_rows, share

    def draw(self, transfer_set, context, n_rows):
        return context.rng.uniform(self.low, self.high, (n_rows, 1))


def _recipe(*transfer):
    teacher = as_teacher(CallableTeacher(_step, classes=[0, 1]))
    schema = transfer_set(100, 0).encoded.schema
    context = Context(teacher, schema, "multiclass", 0, Questions(teacher))
    return _Recipe(context, transfer, tries=True)


def test_rows_that_mislead_are_not_used():
    own, held_out = transfer_set(100, 0), transfer_set(60, 1)
    far = _Rows(90.0, 110.0, 1.0, 1.0)  # decided otherwise, and as heavy
    near = _Rows(-1.0, 1.0, 500, 1.0)
    student = CartStudent(2, search="refined")
    for recipe, expected in [
        (_recipe(), ({}, False)),
        (_recipe(far), (REFINED, False)),
        (_recipe(near), (REFINED, True)),
        (replace(_recipe(far), tries=False), (REFINED, True)),
    ]:
        found = _choose_search(student, SOFT, SOFT, own, held_out, recipe)
        assert (found.chosen, found.asks) == expected


def test_what_is_auto_is_chosen():
    own, held_out = transfer_set(200, 0), transfer_set(100, 1)
    student = CartStudent("auto")
    chosen = _choose_search(student, SOFT, SOFT, own, held_out, _recipe()).chosen
    assert chosen["max_leaves"] == 2
    assert chosen["search"] in ("greedy", "refined")
    fitted = fit_student(CartStudent().set_params(**chosen), SOFT, own)
    assert fitted.tree_.n_leaves == 2
    assert abs(fitted.tree_.nodes.threshold[0]) < 0.05


@pytest.mark.parametrize(
    ("target", "labelled", "objective"),
    [
        (Target("soft", task="multiclass"), False, "disagreement"),
        (Target("logits", task="multiclass"), False, "disagreement"),
        (Target("soft", alpha=0.5, task="multiclass"), True, "expected_disagreement"),
        (Target("soft", task="multilabel"), False, "label_disagreement"),
        (Target("logits", task="multilabel"), False, "squared_error"),
        (Target("logits", task="regression"), False, "squared_error"),
    ],
    ids=str,
)
def test_a_search_is_told_what_counts_for_its_target(target, labelled, objective):
    given = transfer_set(30, 0)
    labels = (given.logits > 0).astype(float) if labelled else None
    student = CartStudent(3, search="refined")
    given = TransferSet(given.rows, given.logits, labels)
    fitted = fit_student(student, target, given)
    assert fitted.objective == objective
    assert student.objective == "auto"
    fixed = fit_student(CartStudent(3, objective="squared_error"), target, given)
    assert fixed.objective == "squared_error"
