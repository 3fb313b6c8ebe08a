"""Distillation, end to end, with real teachers on real data."""

import re
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from interpretkd._base import InputError
from interpretkd.data import Schema
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.evaluation import evaluate
from interpretkd.metrics import fidelity
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.students._boosted import estimator as students_boosted
from interpretkd.students._cart import binning, estimator as students_cart
from interpretkd.targets import hard_targets
from interpretkd.teachers import CallableTeacher, MLPTeacher

STUDENTS = [
    CartStudent(8),
    BoostedStudent(30, max_depth=3, n_jobs=1),
    LinearStudent(),
]


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


@pytest.fixture(scope="module")
def logistic(iris):
    return LogisticRegression(max_iter=1000).fit(*iris)


@pytest.mark.parametrize("student", STUDENTS)
def test_mixed_columns_with_gaps_reach_every_student(gaps, german, student):
    split = german.split()
    teacher = MLPTeacher((16,), max_epochs=10, random_state=0)
    teacher.fit(gaps.iloc[split.train], german.target[split.train])
    model = DistilledClassifier(FrozenEstimator(teacher), student, random_state=0)
    rows = np.concatenate([split.train, split.transfer])
    model.fit(gaps.iloc[rows], german.target[rows])
    X, y = gaps.iloc[split.test], german.target[split.test]

    assert set(model.predict(X)) <= {"bad", "good"}
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert model.fidelity(X).value > 0.65
    found = evaluate(model, X, y)
    assert found.baseline is not None
    assert "istillation" in found.verdict
    assert model.schema_.names == tuple(german.data.columns)


def test_a_frozen_teacher_is_used_as_it_is(iris, logistic):
    model = DistilledClassifier(FrozenEstimator(logistic), random_state=0).fit(iris[0])
    assert model.teacher_.estimator is logistic
    assert model.baseline_ is None
    with pytest.raises(InputError, match="There is no baseline"):
        model.baseline_logits(iris[0])


def test_an_unfitted_teacher_is_cloned_and_never_sees_the_validation_rows(iris):
    seen = []

    class Watched(LogisticRegression):
        def fit(self, X, y):
            seen.append(len(X))
            return super().fit(X, y)

    teacher = Watched(max_iter=1000)
    model = DistilledClassifier(teacher, random_state=0).fit(*iris)
    assert not hasattr(teacher, "coef_")
    assert seen == [len(iris[0]) - len(model.validation_rows_)]
    assert len(model.validation_rows_) == 30


def test_an_unfitted_teacher_needs_labels(iris):
    with pytest.raises(ValueError, match="requires y to be passed"):
        DistilledClassifier(LogisticRegression()).fit(iris[0])


def test_a_large_enough_tree_agrees_with_its_teacher_everywhere():
    X, y = load_iris(return_X_y=True)
    teacher = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)
    student = CartStudent(None, min_samples_leaf=1)
    model = DistilledClassifier(FrozenEstimator(teacher), student, target="hard")
    assert fidelity(model.fit(X), X).value == 1.0


def test_hard_targets_equal_cart_on_the_teachers_decisions(iris, logistic):
    X, _ = iris
    student = CartStudent(4, search="greedy")
    frozen = FrozenEstimator(logistic)
    model = DistilledClassifier(
        frozen, student, target="hard", transfer=None, random_state=0
    ).fit(X)
    columns = hard_targets(model.teacher_.logits(X))
    oracle = DecisionTreeRegressor(max_leaf_nodes=4, random_state=0).fit(X, columns)
    chosen = oracle.predict(X).argmax(axis=1)
    assert (model.predict(X) == model.classes_[chosen]).all()


def test_auto_takes_the_target_with_the_highest_validation_fidelity(iris, logistic):
    model = DistilledClassifier(FrozenEstimator(logistic), random_state=0).fit(*iris)
    quick, full = model.trials_[:6], model.trials_[6:]
    assert [trial.name for trial in quick] == [""] * 6
    best = max(trial.fidelity for trial in quick)
    assert {t.target: t.fidelity for t in quick}[full[0].target] == best
    assert full[0].name == (
        "the student, to decisions, further rows, draw 1, on fresh rows and the given "
        "ones"
    )
    assert full[-1].name == (
        "the labels' tree, leaves refilled, on fresh rows and the given ones"
    )
    taken = max(full, key=lambda trial: trial.fidelity)
    assert model.target_ == taken.target


def test_a_student_that_watches_is_not_fitted_to_the_validation_rows(iris, logistic):
    given = []

    class Counting(BoostedStudent):
        def fit(self, X, y, sample_weight=None, watch=None):
            given.append((len(X), len(watch[0])))
            return super().fit(X, y, sample_weight, watch)

    model = DistilledClassifier(
        FrozenEstimator(logistic), Counting(5, n_jobs=1), target="soft", random_state=0
    )
    model.fit(*iris)
    assert given == [(120, 30), (120, 30)]  # student and baseline


def test_alpha_one_listens_to_the_labels_alone(iris, logistic):
    X, y = iris
    wrong = np.roll(y, 50)  # labels that contradict the teacher
    settings = {"alpha": 1.0, "target": "soft", "random_state": 0}
    student = CartStudent(search="greedy")
    model = DistilledClassifier(FrozenEstimator(logistic), student, **settings)
    model.fit(X, wrong)
    assert (model.predict(X) == wrong).mean() > 0.9
    np.testing.assert_allclose(
        model.student_.predict(X), model.baseline_.predict(X), atol=1e-9
    )


def test_alpha_needs_labels(iris, logistic):
    model = DistilledClassifier(FrozenEstimator(logistic), alpha=0.5)
    with pytest.raises(InputError, match="'alpha' parameter of DistilledClassifier"):
        model.fit(iris[0])


def test_unlabelled_rows_teach_the_student_and_not_the_baseline(iris, logistic):
    X, y = iris
    frozen = FrozenEstimator(logistic)
    model = DistilledClassifier(
        frozen, CartStudent(4), target="soft", transfer=None, random_state=0
    )
    few = model.fit(X[::3], y[::3]).baseline_.predict(X)
    with_more = model.fit(X[::3], y[::3], X_unlabelled=X[1::3])
    np.testing.assert_array_equal(with_more.baseline_.predict(X), few)
    assert with_more.tree_.cover[0] == len(X[::3]) + len(X[1::3])
    assert with_more.validation_rows_.max() < len(X[::3])


def test_unlabelled_rows_that_are_held_out_do_not_choose():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    teacher = CallableTeacher(  # of each row by itself: there is nothing to learn
        lambda X: np.sin(1e6 * X[:, :1]) * [[-9, 9]], classes=[0, 1]
    )
    model = DistilledClassifier(
        teacher, BoostedStudent(50, n_jobs=1), random_state=0, target="soft"
    )
    plain = clone(model).fit(X)
    doubled = clone(model).fit(X, X_unlabelled=np.vstack([X, X[:5]]))
    n_rounds = [m.student_.forest_.n_trees for m in (plain, doubled)]
    assert n_rounds[1] <= n_rounds[0] + 10
    assert len(doubled.transfer_set_) == 240 + 305 - 60


def test_unlabelled_rows_may_bring_categories_of_their_own():
    rows = pd.DataFrame({"home": ["own", "rent"] * 20, "age": np.arange(40.0)})
    more = pd.DataFrame({"home": ["free"] * 10, "age": np.arange(10.0)})
    teacher = CallableTeacher(
        lambda X: np.column_stack([X["age"] - 20, 20 - X["age"]]),
        classes=["old", "new"],
    )
    model = DistilledClassifier(teacher, random_state=0).fit(rows, X_unlabelled=more)
    assert model.schema_.features[0].categories == ("free", "own", "rent")
    assert list(model.predict(more[:1])) == ["new"]


def test_a_multilabel_teacher_has_one_logit_a_label():
    X, y = make_multilabel_classification(400, 10, n_classes=3, random_state=0)
    frozen = FrozenEstimator(MLPTeacher((32,), random_state=0).fit(X, y))
    for student in STUDENTS:
        model = DistilledClassifier(frozen, student, random_state=0).fit(
            X[:300], y[:300]
        )
        assert model.task_ == "multilabel"
        assert model.predict(X).shape == y.shape
        assert ((model.predict_proba(X) > 0.5) == (model.predict(X) == 1)).all()
        found = evaluate(model, X[300:], y[300:])
        assert found.student.fidelity.value > 0.3  # all three labels at once


@pytest.mark.parametrize(
    "teacher",
    [
        MultiOutputClassifier(LogisticRegression()),
        MLPClassifier((8,), max_iter=20, random_state=0),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learns_multilabel_classifiers_teach(teacher):
    X, y = make_multilabel_classification(200, 6, n_classes=3, random_state=0)
    model = DistilledClassifier(FrozenEstimator(teacher.fit(X, y)), random_state=0)
    model.fit(X, y)
    assert model.task_ == "multilabel"
    said = (model.teacher_.logits(X) > 0).astype(int)
    assert (said == teacher.predict(X)).all()


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("student", [*STUDENTS, Ridge()])
def test_regression(student, n_outputs):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    values = y if n_outputs == 1 else np.column_stack([y, -y])
    teacher = LinearRegression().fit(X, values)
    model = DistilledRegressor(FrozenEstimator(teacher), student, random_state=0)
    model.fit(X[:300], values[:300])
    assert model.predict(X).shape == np.shape(values)
    found = evaluate(model, X[300:], values[300:])
    assert found.student.fidelity.value > 0.4
    assert "R2" in str(found)


def test_the_wrong_kind_of_teacher_is_refused(iris, logistic):
    X, _ = load_diabetes(return_X_y=True)
    regressor = FrozenEstimator(LinearRegression().fit(X, X[:, 0]))
    with pytest.raises(InputError, match="use DistilledRegressor"):
        DistilledClassifier(regressor).fit(X)
    with pytest.raises(InputError, match="use DistilledClassifier"):
        DistilledRegressor(FrozenEstimator(logistic)).fit(iris[0])


def test_the_wrong_kind_of_teacher_is_refused_before_it_is_fitted(iris):
    X, y = iris
    for model in (
        DistilledRegressor(LogisticRegression()),
        DistilledRegressor(make_pipeline(LogisticRegression())),
        DistilledClassifier(LinearRegression()),
    ):
        with pytest.raises(InputError, match=r"'teacher' parameter of .* must be a "):
            model.fit(X, y)


def test_a_torch_module_as_teacher_is_pointed_to_its_adapter(iris):
    module = torch.nn.Sequential(torch.nn.Linear(4, 3))
    with pytest.raises(InputError) as caught:
        DistilledClassifier(module).fit(*iris)
    assert str(caught.value) == (
        "The 'teacher' parameter of DistilledClassifier must be an estimator or an "
        "adapter. Got a torch module: wrap it in TorchTeacher(module, classes=...)."
    )
    with pytest.raises(InputError, match=r"TorchTeacher\(module, task='regression'\)"):
        DistilledRegressor(module).fit(*iris)


def test_a_classifier_as_student_is_refused(iris, logistic):
    with pytest.raises(InputError) as caught:
        DistilledClassifier(FrozenEstimator(logistic), DecisionTreeClassifier()).fit(
            *iris
        )
    assert str(caught.value) == (
        "The 'student' parameter of DistilledClassifier must be a regressor. Got "
        "DecisionTreeClassifier; use a CartStudent or the regressor of this kind."
    )


def test_a_distilled_model_is_a_teacher(iris, logistic):
    first = DistilledClassifier(
        FrozenEstimator(logistic), BoostedStudent(20, n_jobs=1), random_state=0
    ).fit(*iris)
    second = DistilledClassifier(FrozenEstimator(first), CartStudent(4), random_state=0)
    second.fit(*iris)
    np.testing.assert_array_equal(
        second.teacher_.logits(iris[0]), first.logits(iris[0])
    )
    assert second.teacher_.n_parameters == first.forest_.n_parameters
    assert list(second.classes_) == list(first.classes_)


def test_any_regressor_can_be_the_student(iris, logistic):
    model = DistilledClassifier(FrozenEstimator(logistic), Ridge(), random_state=0)
    assert model.fit(*iris).fidelity(iris[0]).value > 0.8
    with pytest.raises(AttributeError) as caught:
        _ = model.tree_
    assert str(caught.value) == (
        "Only a CartStudent gives a model 'tree_'. Got a Ridge as the student; use "
        "`student_`."
    )
    with pytest.raises(InputError, match="Got DistilledClassifier with a Ridge"):
        model.report(iris[0])


def test_a_scikit_learn_tree_is_not_taken_for_ours(iris, logistic):
    student = DecisionTreeRegressor(max_depth=2)
    model = DistilledClassifier(FrozenEstimator(logistic), student, random_state=0)
    model.fit(*iris)
    with pytest.raises(AttributeError, match="Got a DecisionTreeRegressor"):
        _ = model.tree_
    with pytest.raises(InputError, match="Got DistilledClassifier with a DecisionTree"):
        model.report(iris[0])


@pytest.mark.parametrize(
    ("student", "wrong", "right"),
    [
        (CartStudent(3, search="greedy"), "forest_", "tree_"),
        (BoostedStudent(3, n_jobs=1), "tree_", "forest_"),
        (LinearStudent(), "tree_", "student_.linear_"),
    ],
)
def test_another_students_form_is_pointed_to(iris, logistic, student, wrong, right):
    model = DistilledClassifier(FrozenEstimator(logistic), student, random_state=0)
    model.fit(iris[0])
    with pytest.raises(AttributeError, match=f"use `{re.escape(right)}`"):
        getattr(model, wrong)


def test_the_same_seed_gives_the_same_student(iris):
    def fitted():
        teacher = MLPTeacher((8,), max_epochs=5, random_state=0)
        return DistilledClassifier(teacher, random_state=0).fit(*iris).logits(iris[0])

    np.testing.assert_array_equal(fitted(), fitted())


def test_polars_and_pandas_give_the_same_student(gaps, german, german_teacher):
    frozen = FrozenEstimator(german_teacher)
    texts = {c: object for c in gaps if gaps[c].dtype == "category"}
    rows = gaps.astype(texts)
    pandas = DistilledClassifier(frozen, random_state=0).fit(rows)
    polars = DistilledClassifier(frozen, random_state=0).fit(pl.from_pandas(rows))
    np.testing.assert_array_equal(
        pandas.logits(rows), polars.logits(pl.from_pandas(rows))
    )


def test_unseen_categories_are_named(german, german_teacher):
    model = DistilledClassifier(FrozenEstimator(german_teacher), random_state=0)
    model.fit(german.data)
    strange = german.data[:1].astype({"purpose": object})
    strange["purpose"] = "space travel"
    with pytest.raises(InputError, match=r"Column 'purpose'.*'space travel'"):
        model.predict(strange)


def test_labels_that_the_teacher_does_not_know_are_refused(iris, logistic):
    y = iris[1].copy()
    y[0] = "lily"
    with pytest.raises(InputError, match="does not know: 'lily'"):
        DistilledClassifier(FrozenEstimator(logistic)).fit(iris[0], y)


def test_labels_with_gaps_are_refused(iris, logistic):
    y = iris[1].astype(object)
    y[3] = None
    with pytest.raises(InputError, match="none in row 3"):
        DistilledClassifier(FrozenEstimator(logistic)).fit(iris[0], y)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"temperature": -1},
            "The 'temperature' parameter of DistilledClassifier must be a float in "
            "(0, inf). Got -1.",
        ),
        (
            {"temperature": 3},
            "The 'temperature' parameter of DistilledClassifier needs target='soft'. "
            "Got temperature=3 with target='auto'.",
        ),
        (
            {"temperature": 3, "target": "hard"},
            "The 'temperature' parameter of DistilledClassifier needs target='soft'. "
            "Got temperature=3 with target='hard'.",
        ),
        (
            {"target": "softish"},
            "The 'target' parameter of DistilledClassifier must be one of 'auto', "
            "'hard', 'soft', 'logits'. Got 'softish'.",
        ),
        (
            {"alpha": 2},
            "The 'alpha' parameter of DistilledClassifier must be a float in [0, 1]. "
            "Got 2.",
        ),
        (
            {"validation_fraction": 0},
            "The 'validation_fraction' parameter of DistilledClassifier must be a "
            "float in (0, 0.5]. Got 0.",
        ),
    ],
)
def test_parameters_out_of_range(iris, logistic, settings, sentence):
    with pytest.raises(InputError) as error:
        DistilledClassifier(FrozenEstimator(logistic), **settings).fit(*iris)
    assert str(error.value) == sentence


def test_a_teacher_that_cannot_teach(iris):
    with pytest.raises(InputError, match="'teacher' parameter of DistilledClassifier"):
        DistilledClassifier("a network").fit(*iris)
    with pytest.raises(NotFittedError):
        DistilledClassifier(LogisticRegression()).predict(iris[0])


def test_it_can_be_searched(iris, logistic):
    model = DistilledClassifier(
        FrozenEstimator(logistic), CartStudent(), random_state=0
    )
    search = GridSearchCV(model, {"student__max_leaves": [2, 4]}, cv=3).fit(*iris)
    assert search.best_params_ == {"student__max_leaves": 4}


# --- one encoding a fit


@pytest.fixture
def work(monkeypatch):
    """Count the rows that are encoded, binned, and put into the bins of others."""
    done = Counter()

    def counted(owner, name, said, n_rows):
        real = getattr(owner, name)

        def count(*given):
            done[said, n_rows(given)] += 1
            return real(*given)

        monkeypatch.setattr(owner, name, count)

    counted(Schema, "encode", "encoded", lambda given: len(given[1]))
    counted(binning, "_bin_columns", "binned", lambda given: len(given[1]))
    counted(binning.Binned, "bin", "other bins", lambda given: len(given[1]))
    for search in ("greedy", "refined"):  # what compiles on the first use
        CartStudent(search=search).fit(np.arange(60.0)[:, None], np.arange(60.0))
    done.clear()
    return done


def _fitted(rows, student, **settings):
    X, y = rows
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    return DistilledClassifier(teacher, student, random_state=0, **settings).fit(X, y)


def test_rows_are_encoded_once_and_binned_once_for_each_set_of_them(iris, work):
    _fitted(iris, CartStudent(4), transfer=None)
    # The targets' trials, both choices (student, baseline) and both final fits.
    assert work == {
        ("encoded", 150): 1,
        ("binned", 120): 1,
        ("other bins", 30): 1,
        ("binned", 150): 1,
    }


def test_further_rows_are_encoded_once_and_bins_are_shared(iris, work):
    model = _fitted(iris, CartStudent(4))
    assert work["encoded", 150] == 1
    assert model.trials_[-1].name.endswith("the given ones")
    drawn = {("encoded", 20 * 120): 1, ("encoded", 20 * 150): 3}  # two, and to judge
    assert {k: n for k, n in work.items() if k[0] == "encoded"} == {
        ("encoded", 150): 1,
        **drawn,
    }
    fitted = {120: 1, 120 + 2400: 1, 150: 1, 150 + 3000: 2}
    assert {k[1]: n for k, n in work.items() if k[0] == "binned"} == fitted


def test_a_large_set_is_tried_on_a_part_of_its_own(iris, work, monkeypatch):
    monkeypatch.setattr("interpretkd.distillation._deliberating._TRIAL_ROWS", 100)
    _fitted(iris, CartStudent(4), transfer=None)
    assert {k[1]: n for k, n in work.items() if k[0] == "binned"} == {
        100: 1,  # six targets
        120: 1,
        150: 1,
    }


@pytest.mark.parametrize("student", [BoostedStudent(max_leaves=6), LinearStudent()])
def test_other_students_read_the_same_codes(iris, work, student):
    _fitted(iris, student)
    assert work["encoded", 150] == 1
    assert sum(n for (what, _), n in work.items() if what == "encoded") == 1
    fitted = {120: 1} if isinstance(student, BoostedStudent) else {}
    assert {k[1]: n for k, n in work.items() if k[0] == "binned"} == fitted


def test_boosting_without_a_budget_makes_its_bins_once(iris, monkeypatch):
    made = []
    real = students_boosted._boost.__globals__["_quantised"]

    def counting(rows):
        made.append(len(rows))
        return real(rows)

    monkeypatch.setattr("interpretkd.students._boosted.rounds._quantised", counting)
    model = _fitted(iris, BoostedStudent(5, n_jobs=1))
    assert made == [120]  # six targets, the student and the baseline
    target = np.eye(3)[np.unique(iris[1], return_inverse=True)[1]]
    kept = np.setdiff1d(np.arange(150), model.validation_rows_)
    held_out = model.validation_rows_
    alone = BoostedStudent(5, n_jobs=1).fit(
        iris[0][kept],
        target[kept],
        watch=(
            iris[0][held_out],
            lambda said: (said.argmax(1) == target[held_out].argmax(1)).mean(),
        ),
    )
    _same_arrays(model.baseline_, alone)


def test_students_of_others_get_rows_and_not_codes(iris):
    given = []

    class Frames(CartStudent):
        def fit(self, X, y, sample_weight=None, held_out=None):
            given.append(type(X))
            return super().fit(X, y, sample_weight, held_out)

    rows = pd.DataFrame(iris[0], columns=list("abcd")), iris[1]
    theirs = _fitted(rows, Frames(4), transfer=None)  # ours would be one of a pool
    assert set(given) == {pd.DataFrame}
    ours = _fitted(rows, CartStudent(4), transfer=None)
    _same_arrays(theirs.student_, ours.student_)
    _same_arrays(theirs.baseline_, ours.baseline_)
    assert list(ours.student_.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        ours.student_.predict(rows[0].rename(columns={"a": "z"}))


def test_a_subclass_whose_fit_takes_less_is_fitted_to_all_rows(iris):
    given = []

    class Narrow(CartStudent):
        def fit(self, X, y):
            given.append(len(X))
            return super().fit(X, y)

    _fitted(iris, Narrow(4, search="greedy"), target="hard")
    assert given == [150, 150]


def test_a_student_says_of_gaps_what_its_own_rows_have():
    X = np.arange(200.0).reshape(100, 2)
    X[3, 1] = np.nan
    y = (X[:, 0] > 100).astype(int)
    teacher = CallableTeacher(
        lambda X: np.column_stack([100 - X[:, 0], X[:, 0] - 100]), classes=[0, 1]
    )
    model = DistilledClassifier(
        teacher, LinearStudent(max_terms="auto"), target="hard", random_state=0
    ).fit(X, y)
    fitted = 3 not in model.validation_rows_
    assert [f.has_missing for f in model.student_.schema_.features] == [False, fitted]
    assert [f.has_missing for f in model.schema_.features] == [False, True]


# --- the baseline


def _same_arrays(one, other):
    arrays = other.form_.to_arrays()
    assert one.form_.to_arrays().keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(one.form_.to_arrays()[name], array)


@pytest.mark.parametrize("max_leaves", [6, "auto"])
def test_the_baseline_chooses_on_the_students_validation_rows(max_leaves):
    X, y = load_iris(return_X_y=True)
    y = np.where(np.random.default_rng(0).random(150) < 0.3, (y + 1) % 3, y)
    student = CartStudent(max_leaves)
    model = _fitted((X, y), student, transfer=None)
    targets, held_out = np.eye(3)[y], model.validation_rows_
    kept = np.setdiff1d(np.arange(150), held_out)
    chosen = CartStudent(max_leaves).fit(
        X[kept], targets[kept], held_out=(X[held_out], targets[held_out])
    )
    expected = CartStudent(max_leaves).set_params(**chosen.chosen_).fit(X, targets)
    _same_arrays(model.baseline_, expected)
    assert model.baseline_.get_params()["search"] == chosen.chosen_["search"]


def test_rows_without_label_are_no_part_of_the_baselines_choice(iris, monkeypatch):
    X, y = iris
    seen = []
    real = students_cart._fit_tree

    def watched(given, settings, held_out=None):
        seen.append(None if held_out is None else held_out.rows.codes)
        return real(given, settings, held_out)

    monkeypatch.setattr(students_cart, "_fit_tree", watched)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    model = DistilledClassifier(
        teacher, CartStudent(4), target="hard", transfer=None, random_state=0
    ).fit(X[::2], y[::2], X_unlabelled=X[1::2])
    validation = X[::2][model.validation_rows_].astype(np.float32)
    chosen_on = [codes for codes in seen if codes is not None]
    assert len(chosen_on) == 2  # student and baseline
    for codes in chosen_on:
        np.testing.assert_array_equal(codes, validation)
    assert len(seen) == 4
