"""The protocol: order, chance, questions, refusals, and rows that no step may see."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV

from interpretkd import (
    BoostedStudent,
    CallableTeacher,
    CartStudent,
    DistilledClassifier,
    DistilledRegressor,
    InputError,
    LinearStudent,
)
from interpretkd.methods import (
    Auto,
    Columns,
    Confidence,
    EachTeacher,
    FromFunction,
    Hint,
    Questions,
    Reply,
    RowGenerator,
    Scheme,
    Step,
    Weighting,
)
from interpretkd.teachers import as_teacher
from interpretkd.transfer import GIVEN, REPEATED, UNLABELLED

GREEDY = CartStudent(6, search="greedy")


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :6]
    teacher = LogisticRegression(max_iter=10_000).fit(X, y)
    return X, y, FrozenEstimator(teacher)


class Turned(Reply):
    """The teacher's answers for every other class."""

    def __init__(self, turn=True):
        self.turn = turn

    def reply(self, transfer_set, context):
        return -transfer_set.logits if self.turn else transfer_set.logits


class Near(RowGenerator):
    """Given rows, moved a little."""

    def __init__(self, n_rows=0.5, share=1.0, budget=None):
        self.n_rows, self.share, self.budget = n_rows, share, budget

    def draw(self, transfer_set, context, n_rows):
        place = context.rng.integers(len(transfer_set), size=n_rows)
        rows = np.asarray(transfer_set.rows, dtype=float)[place]
        return rows * (1 + 0.01 * context.rng.random(rows.shape))


class Noted(Weighting):
    """Weights that do nothing, and note what they are given."""

    def __init__(self, seen=None):
        self.seen = seen

    def __sklearn_clone__(self):
        return self

    def weigh(self, transfer_set, context):
        self.seen.append((transfer_set, context.rng.random()))
        return np.ones(len(transfer_set))


class First(Hint):
    """The first column as a guide."""

    def __init__(self, share=0.3):
        self.share = share

    def columns(self, transfer_set, context):
        return np.asarray(transfer_set.rows, dtype=float)[:, :1]


class Twice(Scheme):
    """Fit, and let the student teach itself once more."""

    def run(self, transfer_set, context, fit):
        first = fit(transfer_set)
        logits = first.logits(transfer_set)
        return fit(replace(transfer_set, logits=logits, own=None))


def fitted(cancer, student=GREEDY, labels=True, **given):
    X, y, teacher = cancer
    given = {"target": "soft", "transfer": None, "random_state": 0, **given}
    return DistilledClassifier(teacher, student, **given).fit(X, y if labels else None)


# --- rows that are held out


@pytest.mark.parametrize(
    "student",
    [GREEDY, CartStudent("auto"), BoostedStudent(5, n_jobs=1), LinearStudent()],
    ids=str,
)
def test_no_step_sees_a_held_out_row_before_all_is_chosen(cancer, student):
    X, y, _ = cancer
    rows = np.column_stack([X, np.arange(len(X))])  # a marker in every row
    asked = FrozenEstimator(LogisticRegression(max_iter=10_000).fit(rows, y))
    seen = []
    model = DistilledClassifier(
        asked, student, weights=[Noted(seen)], transfer=Near(), random_state=0
    ).fit(rows, y)
    held_out = set(model.validation_rows_.tolist())
    marks = [set(part.rows[part.is_given, -1].astype(int)) for part, _ in seen]
    whole = [len(mark) == len(X) for mark in marks]
    assert len(marks) > 1
    for mark, is_whole in zip(marks, whole, strict=True):
        assert is_whole or not mark & held_out
    if isinstance(student, BoostedStudent):  # it watches them to the end
        assert not any(whole)
    elif student is GREEDY:  # one fit alone is to all rows
        assert sum(whole) == 1
    elif isinstance(student, CartStudent):  # then a pool, of two draws
        assert whole == sorted(whole)
        assert sum(whole) == 2


@pytest.mark.parametrize("student", [BoostedStudent(5, n_jobs=1), CartStudent(4)])
def test_what_is_chosen_on_held_out_rows_is_judged_by_the_raw_teacher(cancer, student):
    X, _, teacher = cancer
    model = fitted(cancer, student, target="auto", replies=Turned(), labels=False)
    assert all(trial.fidelity < 0.5 for trial in model.trials_)
    assert model.fidelity(X).value < 0.5
    told = model.transfer_set_
    decided = told.logits.argmax(axis=1)
    raw = teacher.estimator.decision_function(np.asarray(told.rows)) > 0
    assert (decided != raw).all()


# --- neutral values change nothing


@pytest.mark.parametrize(
    "neutral",
    [
        {"replies": Turned(False)},
        {"weights": Confidence(0.0)},
        {"transfer": Near(0)},
        {"transfer": Near(share=0.0)},
        {"hints": First(0.0)},
        {"replies": [], "weights": [], "hints": [], "transfer": []},
        {"replies": [Turned(), Turned()]},
    ],
    ids=str,
)
@pytest.mark.parametrize("student", [GREEDY, CartStudent(6, random_state=0)])
def test_a_neutral_step_changes_nothing(cancer, neutral, student):
    X, _, _ = cancer
    plain, other = fitted(cancer, student), fitted(cancer, student, **neutral)
    np.testing.assert_array_equal(plain.tree_.nodes.feature, other.tree_.nodes.feature)
    np.testing.assert_allclose(plain.logits(X), other.logits(X), rtol=0, atol=1e-12)


def test_no_step_does_not_move_the_chance_of_another(cancer):
    seen = []
    alone = fitted(cancer, transfer=Near(), weights=Noted(seen))
    both = fitted(cancer, transfer=Near(), weights=[Confidence(0.0), Noted(seen)])
    made = [
        model.transfer_set_.rows[~model.transfer_set_.is_given]
        for model in (alone, both)
    ]
    np.testing.assert_array_equal(*made)
    assert len({chance for _, chance in seen}) == 1
    two = fitted(cancer, transfer=[Near(), Near()])
    first, second = np.split(two.transfer_set_.rows[~two.transfer_set_.is_given], 2)
    np.testing.assert_array_equal(first, made[0])
    assert not np.array_equal(first, second)


# --- order, weights, hints, rows


def test_the_slots_are_applied_in_their_order(cancer):
    seen = []
    model = fitted(
        cancer, weights=[Noted(seen)], transfer=Near(), replies=Turned(), hints=First()
    )
    told = seen[-1][0]
    made = ~told.is_given
    assert made.any()
    assert told.hints is None  # they come behind the weights
    raw = model.teacher_.logits(told.rows)
    np.testing.assert_array_equal(told.logits, -raw)  # replies to made rows, too
    hints = model.transfer_set_.hints
    assert hints.shape == (len(told), 1)
    np.testing.assert_allclose(hints.var(axis=0).sum(), 0.3)


@given(
    counts=st.lists(st.floats(0, 9), min_size=30, max_size=30).filter(
        lambda counts: np.count_nonzero(counts) > 15
    ),
    exponent=st.floats(0, 2),
    n_rows=st.integers(0, 40),
    share=st.floats(0, 1),
)
@settings(max_examples=15, deadline=None)
def test_weights_keep_their_mean_and_made_rows_their_share(
    counts, exponent, n_rows, share
):
    rows = np.linspace(-1, 1, 30)[:, None]
    teacher = CallableTeacher(
        lambda X: np.column_stack([X[:, 0], -X[:, 0]]), classes=[0, 1]
    )
    model = DistilledClassifier(
        teacher,
        CartStudent(2, search="greedy", min_samples_leaf=1),
        target="soft",
        transfer=Near(n_rows, share),
        weights=Confidence(exponent),
        random_state=0,
    ).fit(rows, sample_weight=counts)
    told = model.transfer_set_
    before = np.sum(counts) / np.mean(counts)
    made = min(n_rows, share * before) if n_rows else 0
    assert told.weights.sum() == pytest.approx(before + made)
    assert (told.weights >= 0).all()
    assert (~told.is_given).sum() == (n_rows if share > 0 else 0)


def test_made_rows_are_marked_and_count_in_no_support(cancer):
    X, y, teacher = cancer
    model = DistilledClassifier(
        teacher, GREEDY, target="soft", transfer=Near(1.0), random_state=0
    ).fit(X[:400], y[:400], X_unlabelled=X[400:])
    table = model.transfer_set_.to_frame()
    counts = table["(origin)"].value_counts()
    assert dict(counts) == {GIVEN: 400, UNLABELLED: 169, "near": 569}
    assert table["(label)"].notna().sum() == 400
    assert set(table["(decision)"]) == {0, 1}
    assert model.tree_.support[0] == 569
    assert model.n_asked_ == 569
    assert (table["(label)"][:400].astype(int) == y[:400]).all()


def test_rows_that_occur_once_more_count_once_in_a_support(cancer):
    class Again(Reply):
        def apply(self, transfer_set, context):
            index = np.tile(np.arange(len(transfer_set)), 2)
            both = transfer_set.take(index)
            origin = np.repeat([GIVEN, REPEATED], len(transfer_set))
            return replace(both, origin=origin, weight=0.5 * both.weights)

    plain, twice = fitted(cancer), fitted(cancer, replies=Again())
    assert len(twice.transfer_set_) == 2 * len(plain.transfer_set_)
    assert (twice.tree_.support == plain.tree_.support).all()
    np.testing.assert_allclose(
        plain.logits(cancer[0]), twice.logits(cancer[0]), atol=1e-9
    )


def test_the_frame_names_the_classes_and_the_columns():
    rows = pd.DataFrame({"a": np.linspace(-1, 1, 40), "b": ["x", "y"] * 20})
    teacher = CallableTeacher(
        lambda X: np.column_stack([X["a"], -X["a"]]), classes=["no", "yes"]
    )
    model = DistilledClassifier(teacher, GREEDY, target="soft", transfer=None)
    table = model.fit(rows).transfer_set_.to_frame()
    assert list(table) == ["a", "b", "(origin)", "(weight)", "(decision)"]
    assert list(table["(decision)"].iloc[[0, -1]]) == ["yes", "no"]
    X, y = load_diabetes(return_X_y=True)
    taught = DistilledRegressor(FrozenEstimator(LinearRegression().fit(X, y)), GREEDY)
    values = taught.fit(X, y).transfer_set_.to_frame()
    known = taught.teacher_.logits(X)[:, 0]
    np.testing.assert_allclose(values["(decision)"][: len(X)], known)


def test_the_frame_keeps_columns_that_are_called_as_its_own():
    names = ["(weight)", "(origin)", "(decision)", "(label)", "((label))"]
    rows = pd.DataFrame(np.random.default_rng(0).random((40, 5)), columns=names)
    teacher = CallableTeacher(
        lambda X: np.column_stack([X["(weight)"], 1 - X["(weight)"]]), classes=[0, 1]
    )
    model = DistilledClassifier(teacher, GREEDY, target="soft", transfer=None)
    taught = model.fit(rows, [0, 1] * 20).transfer_set_
    table = taught.to_frame()
    assert list(table)[5:] == [
        "((origin))",
        "((weight))",
        "((decision))",
        "(((label)))",
    ]
    pd.testing.assert_frame_equal(table[names], rows)
    assert table["(((label)))"].tolist() == [0, 1] * 20


def test_a_transfer_set_shows_itself_in_a_line(cancer):
    model = fitted(cancer, transfer=Near(500), hints=First(), labels=False)
    assert repr(model.transfer_set_) == (
        "<TransferSet: 1,069 rows, 569 given, 500 near; 2 columns of logits, 1 of "
        "hints>"
    )
    X, y = load_diabetes(return_X_y=True)
    teacher = FrozenEstimator(LinearRegression().fit(X, y))
    taught = DistilledRegressor(teacher, GREEDY, transfer=None).fit(X, y)
    assert repr(taught.transfer_set_) == (
        "<TransferSet: 442 rows, 442 given; 1 column of values>"
    )


# --- sample weights


def test_weights_of_rows_are_those_of_student_and_baseline(cancer):
    X, y, _ = cancer
    counts = np.where(X[:, 0] > 14, 20.0, 1.0)
    model = fitted(cancer)
    weighed = fitted(cancer)
    weighed = DistilledClassifier(**weighed.get_params(deep=False)).fit(
        X, y, sample_weight=counts
    )
    scaled = clone(weighed).fit(X, y, sample_weight=1e-6 * counts)
    for name in ("logits", "baseline_logits"):
        one, other = getattr(model, name)(X), getattr(weighed, name)(X)
        assert not np.allclose(one, other)
        np.testing.assert_allclose(getattr(scaled, name)(X), other, atol=1e-9)
    direct = CartStudent(6, search="greedy").fit(
        X, np.eye(2)[y], sample_weight=counts / counts.mean()
    )
    np.testing.assert_array_equal(
        direct.tree_.nodes.threshold, weighed.baseline_.tree_.nodes.threshold
    )


def test_weights_are_repeated_and_removed_rows(cancer):
    X, y, teacher = cancer
    X = np.round(10 * X / X.std(axis=0)) / 10 * X.std(axis=0)  # few values: same bins
    counts = np.random.default_rng(0).integers(0, 4, len(X))
    often = np.repeat(np.arange(len(X)), counts)
    fixed = {"target": "soft", "transfer": None, "random_state": 0}
    model = DistilledClassifier(teacher, GREEDY, **fixed)
    weighed = clone(model).fit(X, y, sample_weight=counts).student_.tree_
    repeated = clone(model).fit(X[often], y[often]).student_.tree_
    plain = clone(model).fit(X, y).student_.tree_
    np.testing.assert_array_equal(weighed.nodes.feature, repeated.nodes.feature)
    np.testing.assert_array_equal(weighed.apply(X[often]), repeated.apply(X[often]))
    assert not np.array_equal(weighed.apply(X), plain.apply(X))


def test_a_teacher_that_is_fitted_here_gets_the_weights(cancer):
    X, y, _ = cancer
    counts = np.where(y == 1, 50.0, 1.0)
    unfitted = LogisticRegression(max_iter=10_000)
    model = DistilledClassifier(unfitted, GREEDY, target="soft", random_state=0)
    kept = np.setdiff1d(np.arange(len(X)), model.fit(X, y).validation_rows_)
    weighed = clone(model).fit(X, y, sample_weight=counts)
    share = counts / counts.mean()
    known = clone(unfitted).fit(X[kept], y[kept], sample_weight=share[kept])
    np.testing.assert_allclose(
        weighed.teacher_.estimator.coef_, known.coef_, rtol=1e-3, atol=1e-3
    )


def test_rows_to_fit_to_must_have_weight(cancer):
    X, y, _ = cancer
    model = fitted(cancer)
    counts = np.zeros(len(X))
    counts[model.validation_rows_] = 1
    again = DistilledClassifier(**model.get_params(deep=False))
    with pytest.raises(InputError, match="all lie in the validation part"):
        again.fit(X, y, sample_weight=counts)
    held_out_without = again.fit(X, y, sample_weight=1 - counts)
    assert np.isfinite(held_out_without.logits(X)).all()


@pytest.mark.parametrize(
    ("bad", "got"),
    [
        ([1.0], "Got shape (1,)."),
        ([-1.0] * 569, "Got numbers from -1 to -1."),
        ([np.nan] * 569, "Got nan."),
        ([np.inf] * 569, "Got inf."),
        ([0.0] * 569, "Got numbers from 0 to 0."),
        (["x"] * 569, "could not convert string to float: 'x'."),
        ({}, "not 'dict'."),
    ],
    ids=str,
)
def test_weights_that_are_none_are_said(cancer, bad, got):
    X, y, teacher = cancer
    with pytest.raises(InputError, match="sample_weight must be 569 numbers") as error:
        DistilledClassifier(teacher, GREEDY).fit(X, y, sample_weight=bad)
    assert got in str(error.value)


# --- schemes


def test_a_scheme_says_in_which_order_is_fitted(cancer):
    X, _, _ = cancer
    model = fitted(cancer, BoostedStudent(10, n_jobs=1), scheme=Twice())
    plain = fitted(cancer, BoostedStudent(10, n_jobs=1))
    assert not np.allclose(model.logits(X), plain.logits(X))
    assert model.fidelity(X).value > 0.9
    assert model.recipe_ == ("Twice()",)


def test_a_scheme_must_return_what_it_fitted(cancer):
    class Nothing(Scheme):
        def run(self, transfer_set, context, fit):
            return 3

    with pytest.raises(InputError, match="scheme Nothing must return what its `fit`"):
        fitted(cancer, scheme=Nothing())


# --- questions


def test_a_row_is_asked_about_once(cancer):
    X, _, teacher = cancer
    asked = []

    def told(rows):
        asked.append(len(rows))
        return teacher.estimator.decision_function(rows)[:, None] * [[-0.5, 0.5]]

    model = DistilledClassifier(
        CallableTeacher(told, classes=[0, 1]),
        GREEDY,
        transfer=Near(1.0),
        random_state=0,
    )
    asked.clear()
    model.fit(X)
    assert sum(asked) == model.queries_ == len(X) + model.n_asked_ + 455

    questions = Questions(as_teacher(teacher))
    rows = np.vstack([X[:50], X[:20]])
    said = questions.ask(rows)
    np.testing.assert_array_equal(said.logits[:20], said.logits[50:])
    np.testing.assert_allclose(said.logits, as_teacher(teacher).logits(rows))
    assert questions.n_asked == 50
    questions.ask(X[30:60])
    assert questions.n_asked == 60


@given(
    data=st.lists(
        st.tuples(
            st.floats(allow_nan=True, allow_infinity=False, width=32),
            st.sampled_from(["x", "y", None]),
            st.integers(-3, 3),
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=30, deadline=None)
def test_answers_are_those_of_the_same_row(data):
    rows = pd.DataFrame(data, columns=["a", "b", "c"])
    rows["b"] = rows["b"].astype("category")
    counts = []

    def told(frame):
        counts.append(len(frame))
        first = np.nan_to_num(frame["a"].to_numpy(dtype=float), nan=0.5).clip(-1e6, 1e6)
        second = frame["b"].astype(object).map({"x": 1.0, "y": 2.0}).fillna(3.0)
        return np.column_stack([first + frame["c"], second.to_numpy(dtype=float)])

    teacher = as_teacher(CallableTeacher(told, classes=[0, 1], output="logits"))
    questions = Questions(teacher)
    for part in (rows, rows.iloc[::-1], rows.iloc[: len(rows) // 2 + 1]):
        said = questions.ask(part.reset_index(drop=True))
        np.testing.assert_array_equal(said.logits, told(part))


@pytest.mark.parametrize("form", ["int64", "Int64", "uint64", "array", "objects"])
def test_numbers_beyond_the_floats_are_told_apart(form):
    numbers = [2**60 + place for place in range(20)]
    frame = pd.DataFrame({"id": pd.Series(numbers, dtype="int64"), "z": [0] * 20})
    rows = {
        "array": frame.to_numpy(),
        "objects": frame.astype(object).to_numpy(),
    }.get(form)
    if rows is None:
        rows = frame.astype({"id": form})
    if form == "Int64":
        rows.loc[[3, 7], "id"] = pd.NA

    def told(asked):
        first = pd.DataFrame(asked).iloc[:, 0]
        odd = np.where(first.isna(), 5, first.fillna(0).astype("int64") % 2)
        return odd[:, None] * [[1.0, -1.0]]

    questions = Questions(as_teacher(CallableTeacher(told, classes=[0, 1])))
    np.testing.assert_array_equal(questions.ask(rows).logits, told(rows))
    assert questions.n_asked == (19 if form == "Int64" else 20)
    small = np.array([[1, 2], [3, 4]])
    for kind in (float, "float32", "int8", "uint64"):
        questions.ask(small.astype(kind))
        questions.ask(pd.DataFrame(small.astype(kind)))
    assert questions.n_asked == (21 if form == "Int64" else 22)


@pytest.mark.parametrize("budget", [None, 7])
def test_a_budget_is_kept(cancer, budget):
    model = fitted(cancer, BoostedStudent(3, n_jobs=1), transfer=Near(40, 1.0, budget))
    assert model.n_asked_ == (budget or 40)
    assert model.queries_ == len(cancer[0]) + model.n_asked_


# --- what is refused


class Picky(Reply):
    def __init__(self, need):
        self.need = need

    @property
    def needs(self):
        return frozenset({self.need})

    def reply(self, transfer_set, context):
        return transfer_set.logits


@pytest.mark.parametrize(
    ("need", "why"),
    [
        ("labels", "`fit` was given no labels y"),
        ("images", "the rows are no images that the teacher reads as such"),
        ("activations", "the teacher shows no hidden layers"),
        ("gradients", "the teacher has no derivatives by its inputs"),
        ("checkpoints", "the teacher kept no checkpoints"),
    ],
)
def test_what_a_step_lacks_is_said(cancer, need, why):
    sentence = f"The step Picky of DistilledClassifier needs {need}: {why}"
    with pytest.raises(InputError) as error:
        fitted(cancer, replies=Picky(need), labels=False)
    assert str(error.value).startswith(sentence)
    if need == "labels":
        assert fitted(cancer, replies=Picky(need)).queries_ > 0


class Idle(Step):
    slot = "replies"
    tasks = ("regression",)

    def apply(self, transfer_set, context):
        return transfer_set

    def refusal(self, use):
        return f"there is {use.n_outputs} value"


def test_a_step_of_another_task_or_without_effect_is_refused(cancer):
    with pytest.raises(InputError, match="is for regression teachers"):
        fitted(cancer, replies=Idle())
    X, y = load_diabetes(return_X_y=True)
    teacher = FrozenEstimator(LinearRegression().fit(X, y))
    with pytest.raises(InputError) as error:
        DistilledRegressor(teacher, GREEDY, replies=[Idle()]).fit(X)
    assert str(error.value) == (
        "The step Idle of DistilledRegressor would do nothing: there is 1 value."
    )


class Slotted(Step):
    slot = "replies"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"replies": Confidence()}, "'replies' parameter of DistilledClassifier must"),
        ({"weights": [Turned()]}, "'weights' parameter of DistilledClassifier must"),
        (
            {"weights": "best"},
            "'weights' parameter of DistilledClassifier must be 'auto', a Weighting, a "
            "list of them, or None. Got 'best'.",
        ),
        ({"weights": "confidence"}, "Got 'confidence'; write methods.Confidence()."),
        ({"weights": Confidence}, "Confidence'>; write methods.Confidence()."),
        ({"weights": Noted}, "Noted'>; write Noted()."),
        ({"weights": Weighting}, "_kinds.Weighting'>."),
        ({"transfer": "munge"}, "or None. Got 'munge'; write methods.Munge()."),
        ({"transfer": ["mix", "each_teacher"]}, "write methods.EachTeacher()."),
        ({"hints": Confidence()}, "Got Confidence(); Confidence goes into weights=."),
        ({"replies": EachTeacher}, "EachTeacher'>; EachTeacher goes into transfer=."),
        ({"hints": Columns([0])}, "; Columns goes into view=."),
        ({"view": ["a"]}, "None. Got ['a']; write methods.Columns([...]) for columns"),
        ({"view": "a"}, "Got 'a'; write methods.Columns([...]) for columns"),
        ({"view": Columns}, "Columns'>; write methods.Columns(...)."),
        ({"view": Step()}, "must be a View or None. Got Step()."),
        ({"replies": Step()}, "Got Step(); one that belongs there has slot = 'repl"),
        ({"scheme": Scheme()}, "Scheme must define run(transfer_set, context, fit)."),
        ({"weights": Weighting()}, "Weighting must define weigh(transfer_set, context"),
        ({"transfer": RowGenerator()}, "must define draw(transfer_set, context, n_r"),
        ({"hints": Hint()}, "Hint must define columns(transfer_set, context)."),
        ({"replies": Slotted()}, "Slotted must define apply(transfer_set, context)."),
        ({"transfer": FromFunction([1])}, "must be a function or one of"),
        ({"hints": 3}, "'hints' parameter of DistilledClassifier must be a Hint"),
        ({"transfer": Auto(Turned())}, "'transfer' parameter of DistilledClassifier"),
        ({"view": Turned()}, "'view' parameter of DistilledClassifier must be a View"),
        ({"scheme": Turned()}, "'scheme' parameter of DistilledClassifier must be a S"),
        ({"weights": Confidence(-1)}, "'exponent' parameter of Confidence must be a"),
        ({"hints": First(-1)}, "'share' parameter of First must be a float"),
        ({"transfer": Near(-1)}, "'n_rows' parameter of Near must be an int"),
        ({"transfer": Near(1.0, 2)}, "'share' parameter of Near must be a float in"),
        ({"transfer": FromFunction("x")}, "'function' parameter of FromFunction must"),
        ({"alpha": "best"}, "'alpha' parameter of DistilledClassifier must be a float"),
    ],
    ids=str,
)
def test_what_is_no_step_is_said(cancer, given, sentence):
    with pytest.raises(InputError) as error:
        fitted(cancer, **given)
    assert sentence in str(error.value)


def test_what_a_step_returns_is_checked(cancer):
    class Short(Reply):
        def reply(self, transfer_set, context):
            return transfer_set.logits[:3]

    with pytest.raises(InputError, match="replies of Short must have the shape"):
        fitted(cancer, replies=Short())


def returning(kind, name, made):
    """Return a step of a kind whose one method returns what a function makes."""
    steps = {name: lambda self, transfer_set, context, *n_rows: made(transfer_set)}
    return type("Own", (kind,), steps)()


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda rows: np.full(len(rows), np.nan), "What Own returns must be finite"),
        (lambda rows: None, "must be numbers. Got NoneType of dtype object."),
        (lambda rows: "x", "What Own returns must be numbers. Got str of dtype <U1."),
        (lambda rows: np.ones(len(rows)) * 1j, "must be numbers. Got ndarray of dtyp"),
        (lambda rows: [["x"], [2.0, 3]], "What Own returns must be numbers. "),
        (lambda rows: -np.ones(len(rows)), "569 numbers in [0, inf), not all zero"),
        (lambda rows: np.arange(len(rows)) - 2.5, "Got numbers from -2.5 to 565.5."),
        (lambda rows: np.zeros(len(rows)), "Got numbers from 0 to 0."),
        (lambda rows: 1.0, "Got shape ()."),
    ],
)
def test_weights_of_a_step_are_checked(cancer, made, sentence):
    with pytest.raises(InputError) as error:
        fitted(cancer, weights=returning(Weighting, "weigh", made))
    assert sentence in str(error.value)


@pytest.mark.parametrize("unit", [1e-320, 1e305])
def test_the_unit_of_weights_does_not_matter(cancer, unit):
    X, y, teacher = cancer
    counts = np.where(X[:, 0] > 14, 1e3, 1.0)
    known = counts / counts.mean()
    own = returning(Weighting, "weigh", lambda rows: counts * unit)
    weights = fitted(cancer, weights=own).transfer_set_.weights
    np.testing.assert_allclose(weights, known, rtol=1e-3)  # few bits are left at 1e-320
    model = DistilledClassifier(teacher, GREEDY, target="soft", transfer=None)
    weights = model.fit(X, y, sample_weight=counts * unit).transfer_set_.weights
    np.testing.assert_allclose(weights, known, rtol=1e-3)


def test_hints_have_a_row_for_each_row(cancer):
    def taught(made):
        return fitted(cancer, hints=returning(Hint, "columns", made)).transfer_set_

    wide = taught(lambda rows: rows.rows[:, :2])
    np.testing.assert_allclose(wide.hints.var(axis=0).sum(), 0.3)
    assert taught(lambda rows: rows.rows[:, 0]).hints.shape == (569, 1)
    huge = taught(lambda rows: rows.rows[:, :2] * 2.0**600)
    np.testing.assert_array_equal(huge.hints, wide.hints)
    for wrong in (
        lambda rows: rows.rows[:, :2].T,
        lambda rows: np.vstack([rows.rows, rows.rows]),
        lambda rows: rows.rows[:3, 0],
        lambda rows: 1.0,
    ):
        with pytest.raises(InputError, match=r"hints of Own must have the shape \(569"):
            taught(wrong)
    for same in (np.ones((569, 2)), np.ones((569, 0))):
        with pytest.raises(InputError, match="hints of Own must vary"):
            taught(lambda rows, same=same: same)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda rows: None, "rows of the 6 columns that it is given. Got None."),
        (lambda rows: np.ones((3, 4)), "6 columns that it is given. Got shape (3, 4)."),
        (lambda rows: np.ones(6), "columns that it is given. Got shape (6,)."),
        (lambda rows: np.ones((0, 6)), "Own.draw must return rows. Got none."),
        (lambda rows: np.full((3, 6), np.nan), "must return rows. Got only gaps."),
        (lambda rows: np.full((3, 6), np.inf), "Input X contains infinity"),
        (lambda rows: np.full((3, 6), "a"), "X must hold numbers only"),
    ],
)
def test_drawn_rows_are_checked(cancer, made, sentence):
    with pytest.raises(InputError) as error:
        fitted(cancer, transfer=returning(RowGenerator, "draw", made))
    assert str(error.value).startswith("Own.draw must return rows")
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda rows: rows[["b", "c"]], "3 columns that it is given. There is no 'a'."),
        (lambda rows: rows.assign(b="z"), "'z'"),
        (lambda rows: rows.assign(a="z"), "'z'"),
    ],
)
def test_drawn_frames_are_checked(draw, sentence):
    with pytest.raises(InputError) as error:
        in_frames(draw)
    assert str(error.value).startswith("Own.draw must return rows of the 3 columns")
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    "draw", [lambda rows: rows[["c", "b", "a"]], lambda rows: rows.to_numpy(object)]
)
def test_drawn_rows_get_the_form_of_the_given_ones(draw):
    taught = in_frames(draw).transfer_set_
    made = taught.rows[~taught.is_given].reset_index(drop=True)
    pd.testing.assert_frame_equal(made, taught.rows[:5], check_dtype=False)
    np.testing.assert_array_equal(taught.logits[40:], taught.logits[:5])


def in_frames(draw):
    """Fit to a frame and what is drawn out of its first five rows."""
    rows = pd.DataFrame(
        {"a": np.linspace(-1, 1, 40), "b": ["x", "y"] * 20, "c": np.arange(40)}
    )
    teacher = CallableTeacher(
        lambda X: np.column_stack([X["a"], -X["a"]]).astype(float), classes=[0, 1]
    )
    own = returning(RowGenerator, "draw", lambda rows: draw(rows.rows[:5]))
    model = DistilledClassifier(teacher, GREEDY, target="soft", transfer=own)
    return model.fit(rows)


def test_how_many_rows_were_drawn_is_said(cancer):
    own = returning(RowGenerator, "draw", lambda rows: rows.rows[:5])
    model = fitted(cancer, transfer=own)
    assert model.recipe_[-1] == "Own.draw made 5 rows and not 2,276"
    own.n_rows = 5
    assert len(fitted(cancer, transfer=own).recipe_) == 1
    own.budget = own.n_rows = 4
    with pytest.raises(InputError, match=r"4 rows at most, .* 4 questions. Got 5"):
        fitted(cancer, transfer=own)


def step_of(made):
    """Return a step that returns what a function makes of the transfer set."""

    class Own(Step):
        slot = "replies"

        def apply(self, transfer_set, context):
            return made(transfer_set)

    return Own()


def written(transfer_set):
    transfer_set.logits[:] *= 3
    return transfer_set


def cut_in_place(transfer_set):
    rows = transfer_set.rows
    if isinstance(rows, pd.DataFrame):
        rows["x0"] = rows["x0"].clip(upper=0)
    else:
        np.minimum(rows, 0, out=rows)
    return transfer_set


@pytest.mark.parametrize("change", [written, cut_in_place])
@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame], ids=["array", "frame"])
def test_a_step_cannot_change_what_the_next_fit_begins_with(change, form):
    rows = pd.DataFrame({"x0": np.linspace(-1, 1, 40), "x1": 0.0})
    rows = rows if form is pd.DataFrame else rows.to_numpy()
    kept = rows.copy()
    teacher = CallableTeacher(
        lambda X: np.asarray(X)[:, :1] * [[1.0, -1.0]], classes=[0, 1]
    )
    model = DistilledClassifier(
        teacher, CartStudent(2, search="greedy"), replies=step_of(change), transfer=None
    )
    with pytest.raises(InputError, match="step Own must not change in place what it"):
        model.fit(rows)
    assert np.array_equal(rows, kept)


def test_students_are_fitted_to_arrays_that_are_not_locked(cancer):
    class Asked(Step):
        slot = "replies"

        def apply(self, transfer_set, context):
            assert not transfer_set.logits.flags.writeable
            context.fit(transfer_set)
            return replace(transfer_set, weight=2 * transfer_set.weights)

    taught = fitted(cancer, replies=Asked()).transfer_set_
    assert taught.logits.flags.writeable
    assert taught.rows.flags.writeable
    assert (taught.weights == 2).all()


def test_rows_that_a_step_changed_are_the_students(cancer):
    moved = step_of(lambda rows: replace(rows, rows=rows.rows * 0 + 7.0))
    assert fitted(cancer, replies=moved).tree_.n_leaves == 1


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda rows: None, "must return a TransferSet. Got NoneType."),
        (lambda rows: rows.logits, "must return a TransferSet. Got ndarray."),
        (lambda rows: rows.take(np.arange(0)), "of at least one row, with all of"),
        (lambda rows: replace(rows, weight=np.ones(3)), "569 logits, 569 labels, 3 w"),
        (
            lambda rows: replace(rows, logits=rows.logits[:, :1]),
            "must return a TransferSet with logits of 2 columns. Got shape (569, 1).",
        ),
    ],
)
def test_a_step_must_return_a_transfer_set(cancer, made, sentence):
    with pytest.raises(InputError) as error:
        fitted(cancer, replies=step_of(made))
    assert sentence in str(error.value)


# --- scikit-learn's contract


def test_steps_are_equal_by_their_parameters():
    assert Confidence(1.0) == Confidence(1.0) != Confidence(2.0)
    assert clone(Near(3, 0.5, 7)) == Near(3, 0.5, 7)
    assert Confidence(1.0) != Turned()
    assert len({Confidence(1.0), Confidence(1.0)}) == 1


def test_lists_are_cloned_and_single_steps_reached_into(cancer):
    X, y, teacher = cancer
    steps = [Confidence(1.0), Confidence(0.5)]
    model = DistilledClassifier(teacher, GREEDY, target="hard", weights=steps)
    copied = clone(model)
    assert copied.weights == steps
    assert copied.weights[0] is not steps[0]
    assert (
        clone(model.set_params(weights=Confidence())).get_params()["weights__exponent"]
        == 2
    )
    search = GridSearchCV(
        DistilledClassifier(teacher, GREEDY, weights=Confidence(), transfer=None),
        {"weights__exponent": [0.0, 1.0], "target": ["hard", "soft"]},
        cv=2,
    ).fit(X, y)
    assert set(search.best_params_) == {"weights__exponent", "target"}


@pytest.mark.parametrize(
    "student", [CartStudent(4, random_state=0), BoostedStudent(8, n_jobs=1)], ids=str
)
def test_rows_that_mislead_are_used_when_told_and_not_when_tried(cancer, student):
    class Turning(Near):
        def answer(self, rows, context):
            return replace(context.ask(rows), logits=-9 * context.ask(rows).logits)

    assert fitted(cancer, student, transfer=Turning(2.0)).n_asked_ > 0
    assert fitted(cancer, student, transfer=Auto(Turning(2.0))).n_asked_ == 0
    assert "Near(" in str(Auto(Near()))
