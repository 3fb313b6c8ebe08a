"""Views of some columns: what the student reads, needs, and never sees."""

import datetime
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import interpretkd as ikd
from interpretkd.methods import Columns, Corrupted, Prefix, View, positions_of

RNG = np.random.default_rng(0)
N = 240
X = RNG.normal(size=(N, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
TEACHER = FrozenEstimator(LogisticRegression().fit(X, Y))

STUDENTS = [
    ikd.CartStudent(4, search="greedy"),
    ikd.CartStudent(4),
    ikd.BoostedStudent(5),
    ikd.LinearStudent(),
    ikd.LinearStudent(penalty="l1"),
    RandomForestRegressor(3, random_state=0),
    DecisionTreeRegressor(max_leaf_nodes=4, random_state=0),
    LinearRegression(),
]


def fitted(
    view: View | None, student: Any = None, rows: Any = X, **settings: Any
) -> Any:
    student = ikd.CartStudent(4, search="greedy") if student is None else student
    model = ikd.DistilledClassifier(
        settings.pop("teacher", TEACHER),
        student,
        target="soft",
        view=view,
        transfer=None,
        random_state=0,
    )
    return model.fit(rows, settings.pop("y", Y), **settings)


def mixed(n: int = 160) -> pd.DataFrame:
    """Columns of every kind, with gaps, and whole numbers beyond float32."""
    rng = np.random.default_rng(1)
    day = datetime.date(2024, 1, 1)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "kind": rng.choice(["a", "b", "c"], n),
            "since": pd.to_datetime(
                [day + datetime.timedelta(int(i)) for i in range(n)]
            ),
            "on": rng.random(n) < 0.5,
            "id": 20_240_000_000 + rng.permutation(n),
            "gap": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
            "level": pd.Categorical(rng.choice(["low", "high"], n), ["low", "high"]),
        }
    )
    frame.loc[0, ["gap", "kind"]] = [np.nan, None]  # where the view looked first
    return frame


class Mixed:
    """A teacher that reads the mixed columns as they are."""

    classes_ = np.array(["no", "yes"])
    task_ = "multiclass"

    def logits(self, rows: pd.DataFrame) -> Any:
        z = rows["size"] + (rows["kind"] == "a") + 2.0 * rows["on"].astype(bool)
        z = z + (rows["id"] - 20_240_000_080) / 40 + rows["gap"].fillna(0)
        return np.column_stack([-z, z])


@pytest.mark.parametrize("student", [*STUDENTS[1:4], STUDENTS[5]], ids=repr)
@pytest.mark.parametrize(
    "view",
    [Columns(["x3", "x1", 0, "x2"]), Prefix(1, width=2), Corrupted(0)],
    ids=repr,
)
def test_neutral_values_change_nothing(student: Any, view: View) -> None:
    with_view, plain = fitted(view, student), fitted(None, student)
    assert np.array_equal(with_view.logits(X), plain.logits(X))
    assert np.array_equal(with_view.baseline_logits(X), plain.baseline_logits(X))


def test_an_array_of_the_columns_read_has_them_in_the_order_given() -> None:
    model = fitted(Columns([2, -4]))
    assert model.view_.reads_ == (0, 2)
    assert np.array_equal(model.predict(X[:, [2, 0]]), model.predict(X))
    frame = pd.DataFrame(X, columns=list("abcd"))
    teacher = FrozenEstimator(LogisticRegression().fit(frame, Y))
    named = fitted(Columns(["c", "a"]), rows=frame, teacher=teacher)
    both = frame[["a", "c"]]  # names tell, whatever the order
    assert np.array_equal(named.logits(both), named.logits(frame))


@pytest.mark.parametrize("student", STUDENTS, ids=repr)
def test_the_student_reads_its_columns_alone(student: Any) -> None:
    model = fitted(Columns([0, 2]), student)
    assert model.view_.reads_ == (0, 2)
    said = model.logits(X)
    others = X.copy()
    others[:, [1, 3]] = RNG.normal(size=(N, 2)) * 100
    others[::2, 1] = np.nan  # nobody reads it, and no teacher is asked
    assert np.array_equal(model.logits(others), said)
    assert np.array_equal(model.logits(X[:, [0, 2]]), said)
    assert np.array_equal(model.baseline_logits(X[:, [0, 2]]), model.baseline_logits(X))
    draws = isinstance(student, RandomForestRegressor) or repr(student) == repr(
        ikd.CartStudent(4)
    )
    if not draws:  # as if fitted to these alone
        alone = fitted(
            None,
            student,
            X[:, [0, 2]],
            teacher=ikd.CallableTeacher(_of_two, classes=[0, 1]),
        )
        assert np.allclose(alone.logits(X[:, [0, 2]]), said, atol=1e-6)


def _of_two(rows: Any) -> Any:
    """Say of two columns what the teacher says of the four with these."""
    place = {row[[0, 2]].tobytes(): i for i, row in enumerate(X)}
    index = [place[np.ascontiguousarray(row).tobytes()] for row in np.asarray(rows)]
    return ikd.teachers.as_teacher(TEACHER).logits(X[index])


def test_the_teacher_is_asked_about_all() -> None:
    seen = []

    def teacher(rows: Any) -> Any:
        seen.append(np.asarray(rows))
        return np.column_stack([-rows[:, 3], rows[:, 3]])

    fitted(Columns([0]), teacher=ikd.CallableTeacher(teacher, classes=[0, 1]))
    assert all((part[:, 1:] != 0).all() for part in seen)


def test_rules_and_explanations_ask_the_teacher_who_reads_all() -> None:
    rows = mixed()
    few = rows[["id", "kind"]]
    model = fitted(Columns(["id", "kind"]), None, rows, teacher=Mixed(), y=None)
    with pytest.raises(ikd.InputError, match="the teacher, beside whom it is"):
        model.rules(few)
    with pytest.raises(ikd.InputError, match="lack the columns"):
        model.export("python", few)
    with pytest.raises(ikd.InputError, match="a row without"):
        model.explain(few.iloc[[0]])


@pytest.mark.parametrize(
    "student",
    [ikd.CartStudent(4), ikd.BoostedStudent(4), ikd.LinearStudent()],
    ids=repr,
)
class TestMixedColumns:
    def test_only_these_are_needed(self, student: Any) -> None:
        rows = mixed()
        names = ["id", "kind", "gap"]
        model = fitted(Columns(names), student, rows, teacher=Mixed(), y=None)
        said = model.logits(rows)
        assert np.array_equal(model.logits(rows[["gap", "id", "kind"]]), said)
        assert np.array_equal(model.logits(rows[names].to_numpy(object)), said)
        spoilt = rows.assign(level="unheard of", on=3.5, since="text", size=np.inf)
        assert np.array_equal(model.logits(spoilt), said)
        assert not (set(range(7)) - set(model.view_.reads_)) & _used(model)

    def test_numbers_beyond_float32_stay_apart(self, student: Any) -> None:
        rows = mixed()
        model = fitted(Columns(["id"]), student, rows, teacher=Mixed(), y=None)
        assert len(np.unique(model.logits(rows), axis=0)) > 1
        one = pd.DataFrame({"id": [20_240_000_003, 20_240_000_157]})
        low, high = model.logits(one)[:, 1]
        assert low < high

    def test_what_is_lacking_is_named(self, student: Any) -> None:
        rows = mixed()
        model = fitted(Columns(["id", "kind"]), student, rows, teacher=Mixed(), y=None)
        with pytest.raises(ikd.InputError, match="They lack 'kind'"):
            model.predict(rows.drop(columns="kind"))
        with pytest.raises(ikd.InputError, match="7 columns, or the 2 that"):
            model.predict(rows.iloc[:, :5].to_numpy(object))
        with pytest.raises(ikd.InputError, match="unheard"):
            model.predict(rows.assign(kind="unheard"))
        with pytest.raises(ikd.InputError, match="the 7 columns"):
            model.fidelity(rows[["id", "kind"]])


def _used(model: Any) -> set[int]:
    form = model.student_.form_
    if hasattr(form, "nodes"):
        nodes = form.nodes
        return set(nodes.feature[~nodes.is_leaf].tolist())
    return set(form.features)


def test_another_librarys_student_gets_numbers_among_texts() -> None:
    rows = mixed()
    student = RandomForestRegressor(3, random_state=0)
    model = fitted(Columns(["size", "id"]), student, rows, teacher=Mixed(), y=None)
    assert list(model.student_.feature_names_in_) == ["size", "id"]
    assert model.predict(rows[["id", "size"]]).shape == (len(rows),)


def test_odd_names_and_repeated_labels() -> None:
    frame = pd.DataFrame(X, columns=pd.MultiIndex.from_product([["a", "b"], [1, 2]]))
    frame.index = np.zeros(N, dtype=int)
    teacher = FrozenEstimator(LogisticRegression().fit(X, Y))
    model = fitted(Columns([("b", 2), ("a", 1)]), rows=frame, teacher=teacher)
    whole = model.logits(frame)
    assert model.view_.reads_ == (0, 3)
    assert np.array_equal(model.logits(frame[[("a", 1), ("b", 2)]]), whole)


def test_names_that_are_numbers_are_not_taken_for_positions() -> None:
    schema = ikd.data.Schema.from_data(pd.DataFrame(X, columns=["2", "1", "10", "11"]))
    assert positions_of("f", "c", [1, 10, "2", -1], schema) == (1, 2, 0, 3)
    with pytest.raises(ikd.InputError, match="name of one column and the position"):
        positions_of("f", "c", [2], schema)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (Columns([]), "list of names"),
        (Columns(None), "list of names"),
        (Columns(["none"]), "Got 'none'"),
        (Columns([4]), r"position in \[0, 3\]. Got 4"),
        (Columns([True]), "Got True"),
        (Columns([{"x0": 1}, ["x1"]]), "Got {'x0': 1}"),
        (Prefix(0), r"float in \(0, 1\]"),
        (Prefix(1.1), r"float in \(0, 1\]"),
        (Prefix(0.5, width=3), "divide the number of columns, 4"),
        (Corrupted(-1), "noise"),
        (Corrupted(categories=2), "categories"),
        (Corrupted(missing=1), "missing"),
        ("Columns", "must be a View"),
    ],
    ids=repr,
)
def test_what_is_wrong_is_said(view: Any, said: str) -> None:
    with pytest.raises(ikd.InputError, match=said):
        fitted(view)


@given(
    n_steps=st.integers(1, 12),
    width=st.integers(1, 3),
    share=st.floats(0, 1, exclude_min=True),
)
@settings(max_examples=40)
def test_a_prefix_is_the_fewest_steps_of_its_share(
    n_steps: int, width: int, share: float
) -> None:
    schema = ikd.data.Schema.from_data(np.zeros((2, n_steps * width)))
    reads = Prefix(share, width).read_columns(schema)
    n_read = len(reads) // width
    assert reads == tuple(range(n_read * width))
    assert n_read >= share * n_steps - 1e-8
    assert n_read == 1 or n_read - 1 < share * n_steps


def test_a_prefix_predicts_before_the_series_ends() -> None:
    model = fitted(Prefix(0.5))
    assert model.recipe_ == ("The student reads the first 50 % of each series",)
    assert np.array_equal(model.predict(X[:, :2]), model.predict(X))


class TestCorrupted:
    def test_the_student_learns_from_noise_and_reads_what_it_is_given(self) -> None:
        model, plain = fitted(Corrupted(1.0)), fitted(None)
        assert (
            model.tree_.nodes.threshold.tolist() != plain.tree_.nodes.threshold.tolist()
        )
        assert np.array_equal(model.logits(X), model.logits(X.copy()))
        given_rows = model.transfer_set_.rows
        assert np.array_equal(given_rows, X)  # the teacher was asked about clean ones
        assert np.array_equal(fitted(Corrupted(1.0)).logits(X), model.logits(X))

    def test_the_amounts_are_what_they_say(self) -> None:
        rows = mixed(400)
        view = Corrupted(0.5, categories=0.4, missing=0.2)
        view = fitted(view, rows=rows, teacher=Mixed(), y=None).view_
        noisy = view.corrupt(rows)
        assert list(noisy.columns) == list(rows.columns)
        gaps = noisy.isna().to_numpy() & ~rows.isna().to_numpy()
        assert 0.17 < gaps.mean() / (~rows.isna().to_numpy()).mean() < 0.23
        moved = (noisy["size"] - rows["size"]).dropna()
        assert moved.std() == pytest.approx(0.5 * rows["size"].std(), rel=0.15)
        days = (noisy["since"] - rows["since"]).dropna() / pd.Timedelta(days=1)
        assert days.std() == pytest.approx(0.5 * 400 / np.sqrt(12), rel=0.2)
        both = noisy["level"].notna()
        changed = (noisy["level"].astype(str) != rows["level"].astype(str))[both].mean()
        assert 0.12 < changed < 0.28  # half of those drawn anew are the same again
        assert view.corrupt(rows, 1)["size"].tolist() != noisy["size"].tolist()

    def test_noise_beyond_all_numbers_is_cut_off(self) -> None:
        rows = mixed(60)
        view = fitted(Corrupted(1e300), rows=rows, teacher=Mixed(), y=None).view_
        noisy = view.corrupt(rows)
        known = rows[["size", "since"]].notna()
        assert (noisy[["size", "since"]].notna() == known).all(axis=None)
        assert np.isfinite(noisy["size"].dropna()).all()

    def test_gaps_go_to_students_that_read_them(self) -> None:
        model = fitted(Corrupted(0.1, missing=0.3))
        gaps = model.view_.corrupt(X)
        assert np.isnan(gaps).any()
        assert model.predict(gaps).shape == (N,)
        with pytest.raises(ikd.InputError, match="reads no missing cells"):
            fitted(Corrupted(missing=0.3), LinearRegression())

    @pytest.mark.parametrize("student", STUDENTS, ids=repr)
    def test_on_every_student(self, student: Any) -> None:
        assert fitted(Corrupted(0.5), student).predict(X).shape == (N,)

    def test_it_is_judged_on_noisy_rows(self) -> None:
        """The second column is hurt by noise alone in what is judged."""
        view = Corrupted(2.0)
        model = fitted(view)
        held_out = model.transfer_set_.take(model.validation_rows_)
        seen = model.view_.seen(held_out)
        assert not np.array_equal(seen.rows, held_out.rows)
        assert np.array_equal(seen.logits, held_out.logits)
        assert np.array_equal(model.view_.seen(held_out).rows, seen.rows)


class Marked(Columns):
    """Tells what rows a view was fitted to."""

    told: ClassVar[list[Any]] = []

    def fit(self, rows: Any, context: Any) -> Any:
        self.told.append(np.array(rows))
        return super().fit(rows, context)


@pytest.mark.parametrize("kind", [Columns, Corrupted])
def test_no_view_learns_from_held_out_rows(kind: Any) -> None:
    Marked.told.clear()
    model = fitted(Marked([0, 1]))
    kept = np.setdiff1d(np.arange(N), model.validation_rows_)
    assert np.array_equal(Marked.told[0], X[kept])
    rows = X.copy()
    rows[model.validation_rows_] += 1e4  # the marker
    view = Corrupted(0.1) if kind is Corrupted else Columns([0])
    before, after = fitted(view).view_, fitted(view, rows=rows).view_
    assert before.fill_ == after.fill_
    if kind is Corrupted:
        assert np.array_equal(before.deviations_, after.deviations_)


def test_other_tasks_further_rows_and_groups() -> None:
    values = X @ np.array([1.0, 2.0, 0.0, 1.0])
    forest = RandomForestRegressor(5, random_state=0)
    model = ikd.DistilledRegressor(
        forest,
        ikd.CartStudent(4, search="greedy"),
        view=Columns([1, 3]),
        random_state=0,
    ).fit(X, values, X_unlabelled=X + 0.1, groups=np.arange(N) // 4)
    assert np.array_equal(model.predict(X[:, [1, 3]]), model.predict(X))
    labels = (X[:, :2] > 0).astype(int)
    several = ikd.DistilledClassifier(
        DecisionTreeClassifier(max_depth=3, random_state=0),
        ikd.CartStudent(4, search="greedy"),
        view=Corrupted(0.2),
        random_state=0,
    ).fit(X, labels)
    assert several.predict(X).shape == labels.shape


def test_views_are_searched_and_cloned() -> None:
    model = ikd.DistilledClassifier(
        TEACHER, ikd.CartStudent(4, search="greedy"), view=Columns([0]), random_state=0
    )
    again = clone(model)
    assert again.view.columns == [0]
    assert again.view is not model.view
    grid = {"view__columns": [[2], [0, 1]]}
    search = GridSearchCV(model, grid, cv=2).fit(X, Y)
    assert search.best_params_ == {"view__columns": [0, 1]}
    views = {"view": [None, Prefix(0.25), Corrupted(0.1)]}
    assert GridSearchCV(model, views, cv=2).fit(X, Y).best_index_ in (0, 2)
