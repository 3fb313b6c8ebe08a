from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize
from scipy.special import rel_entr, softmax
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.naive_bayes import GaussianNB

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier
from interpretkd.students import CartStudent
from interpretkd.targets import decide
from interpretkd.teachers import (
    CallableTeacher,
    ColumnsTeacher,
    EnsembleTeacher,
    SpecialistTeacher,
    as_teacher,
    is_fitted,
)
from interpretkd.teachers._panels import _agreed_shares

IRIS, SPECIES = load_iris(return_X_y=True, as_frame=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
DIGITS, FIGURES = load_digits(return_X_y=True)
DIGITS = DIGITS / 16
GENERAL = GaussianNB().fit(DIGITS[::3], FIGURES[::3])
PLACE = np.arange(len(DIGITS))
GREEDY = CartStudent(6, search="greedy")


@cache
def _expert(figures: tuple[int, ...], rest: Any = None) -> LogisticRegression:
    rows = PLACE % 3 == 0
    labels = FIGURES
    if rest is None:
        rows = rows & np.isin(FIGURES, figures)
    else:
        labels = np.where(np.isin(FIGURES, figures), FIGURES, rest)
    return LogisticRegression(max_iter=300).fit(DIGITS[rows], labels[rows])


def _says(p: Any, classes: Any) -> CallableTeacher:
    p = np.asarray(p)
    return CallableTeacher(
        lambda rows: np.tile(p, (len(rows), 1)), classes=classes, output="probabilities"
    )


def _divergence(q: np.ndarray, general: np.ndarray, said: list[Any]) -> float:
    total = rel_entr(general, q).sum()
    for own, p in said:
        parts = np.append(q[own], np.delete(q, own).sum())
        total += rel_entr(p, parts).sum()
    return float(total)


class TestSpecialists:
    def test_one_specialist_is_the_mean(self) -> None:
        general = _says([0.5, 0.3, 0.2], ["a", "b", "c"])
        expert = _says([0.1, 0.8, 0.1], ["rest", "b", "a"])
        teacher = SpecialistTeacher(general, {("a", "b"): expert})
        found = teacher.predict_proba(np.zeros((2, 1)))
        np.testing.assert_allclose(found, [[0.3, 0.55, 0.15]] * 2)
        divided = SpecialistTeacher(
            general, {("a", "b"): _says([0.25, 0.75], ["a", "b"])}
        )
        np.testing.assert_allclose(
            divided.predict_proba(np.zeros((1, 1))), [[0.35, 0.45, 0.2]]
        )
        whole = SpecialistTeacher(
            general, {("a", "b"): _says([0.1, 0.1, 0.8], ["b", "c", "a"])}
        )
        np.testing.assert_allclose(
            whole.predict_proba(np.zeros((1, 1))), [[0.65, 0.2, 0.15]]
        )

    @settings(deadline=None, max_examples=25)
    @given(st.integers(0, 2**31), st.integers(1, 3), st.integers(3, 5))
    def test_no_other_distribution_is_nearer(
        self, seed: int, n_specialists: int, n_classes: int
    ) -> None:
        rng = np.random.default_rng(seed)
        general = softmax(2 * rng.normal(size=(3, n_classes)), axis=1)
        sizes = rng.integers(1, n_classes, n_specialists)
        own = [rng.choice(n_classes, size, replace=False) for size in sizes]
        shares = [softmax(2 * rng.normal(size=(3, len(o) + 1)), axis=1) for o in own]
        asked = rng.random((3, n_specialists)) < 0.8
        asked[:, 0] = True
        found = _agreed_shares(general, own, shares, asked)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        for i in range(3):
            said = [(own[m], shares[m][i]) for m in range(n_specialists) if asked[i, m]]
            best = minimize(
                lambda z, i=i, said=said: _divergence(softmax(z), general[i], said),
                np.log(general[i]),
                method="BFGS",
            ).fun
            assert _divergence(found[i], general[i], said) <= best + 1e-6

    def test_without_specialists_it_is_the_general_teacher(self) -> None:
        careful = FixedThresholdClassifier(
            LogisticRegression(max_iter=1000), threshold=0.9, pos_label=True
        ).fit(IRIS, SPECIES == 1)
        alone = as_teacher(careful).answers(IRIS)
        assert alone.own is not None
        said = as_teacher(SpecialistTeacher(careful, {})).answers(IRIS)
        np.testing.assert_array_equal(said.logits, alone.logits)
        np.testing.assert_array_equal(said.own, alone.own)

    def test_it_is_asked_about_its_rows_alone(self) -> None:
        seen = []
        expert = _expert((4, 9))

        def says(rows: Any) -> Any:
            seen.append(rows)
            return expert.predict_log_proba(rows)

        panel = {(4, 9): CallableTeacher(says, classes=[4, 9])}
        said = SpecialistTeacher(GENERAL, panel).logits(DIGITS)
        general = as_teacher(GENERAL).logits(DIGITS)
        due = np.isin(general.argmax(axis=1), [4, 9])
        np.testing.assert_array_equal(np.vstack(seen), DIGITS[due])
        np.testing.assert_array_equal(said[~due], general[~due])
        assert (said[due] != general[due]).any(axis=1).all()
        seen.clear()
        SpecialistTeacher(GENERAL, panel, n_likeliest=2).logits(DIGITS)
        two = np.isin(np.argsort(-general, axis=1)[:, :2], [4, 9]).any(axis=1)
        assert len(np.vstack(seen)) == two.sum() > due.sum()

    @pytest.mark.parametrize("rest", [None, -1])
    def test_accuracy_on_the_specialists_classes_rises(self, rest: Any) -> None:
        keys = ((1, 8, 9), (3, 9, 5), (4, 7))
        general = GaussianNB(var_smoothing=0.3).fit(DIGITS[::3], FIGURES[::3])
        panel = {key: _expert(key, rest) for key in keys}
        teacher = SpecialistTeacher(general, panel)
        test = PLACE % 3 != 0
        theirs = test & np.isin(FIGURES, np.concatenate(keys))
        before = general.score(DIGITS[theirs], FIGURES[theirs])
        after = teacher.score(DIGITS[theirs], FIGURES[theirs])
        assert after > before + 0.01
        wrong = {key: _swapped(expert, key[:2]) for key, expert in panel.items()}
        control = SpecialistTeacher(general, wrong)
        assert control.score(DIGITS[theirs], FIGURES[theirs]) < before

    def test_unfitted_ones_are_fitted_to_their_rows(self) -> None:
        teacher = SpecialistTeacher(
            GaussianNB(), {("versicolor", "virginica"): LogisticRegression()}
        )
        with pytest.raises(NotFittedError):
            teacher.predict(IRIS)
        with pytest.raises(ValueError, match="requires y"):
            teacher.fit(IRIS)
        teacher.fit(IRIS, NAMES)
        fitted = teacher.specialists_["versicolor", "virginica"].estimator
        rows = NAMES != "setosa"
        alone = LogisticRegression().fit(IRIS[rows], NAMES[rows])
        np.testing.assert_array_equal(fitted.coef_, alone.coef_)
        assert not is_fitted(clone(teacher))
        assert teacher.n_parameters is None

    def test_fitted_ones_outlive_a_clone_and_teach(self) -> None:
        teacher = SpecialistTeacher(GENERAL, {(4, 9): _expert((4, 9))})
        assert is_fitted(teacher)
        np.testing.assert_array_equal(
            clone(teacher).logits(DIGITS[:50]), teacher.logits(DIGITS[:50])
        )
        for given_teacher in (teacher, FrozenEstimator(teacher)):
            model = DistilledClassifier(given_teacher, GREEDY, random_state=0)
            model.fit(DIGITS[:300])
            np.testing.assert_array_equal(
                model.teacher_.predict(DIGITS), teacher.predict(DIGITS)
            )
        again = SpecialistTeacher(
            teacher.general_.estimator,
            {key: one.estimator for key, one in teacher.specialists_.items()},
        )
        np.testing.assert_array_equal(again.logits(DIGITS), teacher.logits(DIGITS))

    def test_on_its_rows_the_likeliest_class_is_decided(self) -> None:
        class Never(GaussianNB):
            def predict(self, X: Any) -> Any:
                return np.zeros(len(X), dtype=int)

        general = Never().fit(DIGITS, FIGURES)
        answers = as_teacher(general).answers(DIGITS)
        said = as_teacher(SpecialistTeacher(general, {(4, 9): _expert((4, 9))}))
        decided = decide(said.answers(DIGITS))
        due = np.isin(answers.logits.argmax(axis=1), [4, 9])
        assert set(decided[due]) >= {4, 9}
        assert not decided[~due].any()

    @pytest.mark.parametrize(
        ("panel", "text"),
        [
            ({(4, 9): _expert((4, 8))}, "must know these classes alone"),
            ({(4, 9): _expert((4, 9, 7))}, "must know these classes alone"),
            ({("4", "9"): _expert((4, 9))}, "as these are written"),
            ({tuple(range(10)): GENERAL}, "some of the general teacher's classes"),
            ({4: _expert((4, 9))}, "tuples of different classes"),
            ({(4, 4): _expert((4, 9))}, "tuples of different classes"),
            ([_expert((4, 9))], "must be a dict"),
            ({(4, 9): Ridge().fit(DIGITS, FIGURES)}, "must be a classifier"),
            ({(4,): _says([1.0], [4])}, "one class alone"),
            ({(4, 9): object()}, "must be an estimator"),
        ],
    )
    def test_what_is_no_specialist_is_refused(self, panel: Any, text: str) -> None:
        with pytest.raises(InputError, match=text):
            SpecialistTeacher(GENERAL, panel).predict(DIGITS)

    def test_what_is_no_general_teacher_is_refused(self) -> None:
        X, y = load_diabetes(return_X_y=True)
        for general in (Ridge().fit(X, y), CallableTeacher(lambda rows: rows)):
            with pytest.raises(InputError, match="names of its classes"):
                SpecialistTeacher(general, {}).logits(X)
        for n in (0, 11):
            with pytest.raises(InputError, match="'n_likeliest'"):
                SpecialistTeacher(GENERAL, {}, n_likeliest=n).logits(DIGITS)
        with pytest.raises(InputError, match="rows of each"):
            SpecialistTeacher(GaussianNB(), {(4, 11): GaussianNB()}).fit(
                DIGITS, FIGURES
            )


def _swapped(expert: Any, key: tuple[int, int]) -> CallableTeacher:
    """The same expert with its two classes exchanged."""
    classes = expert.classes_.copy()
    a, b = (list(classes).index(figure) for figure in key)
    classes[[a, b]] = classes[[b, a]]
    return CallableTeacher(expert.predict_log_proba, classes=classes)


class TestColumns:
    @pytest.mark.parametrize("as_frame", [True, False])
    def test_a_teacher_reads_its_columns(self, as_frame: bool) -> None:
        rows = IRIS if as_frame else IRIS.to_numpy()
        part = rows.iloc[:, [2, 0]] if as_frame else rows[:, [2, 0]]
        alone = LogisticRegression().fit(part, NAMES)
        columns = [[2, 0], [-2, 0]]
        if as_frame:
            columns.append(["petal length (cm)", "sepal length (cm)"])
        for chosen in columns:
            fitted = ColumnsTeacher(LogisticRegression(), chosen).fit(rows, NAMES)
            given_one = ColumnsTeacher(alone, chosen)
            for teacher in (fitted, given_one, clone(given_one)):
                np.testing.assert_allclose(
                    teacher.predict_proba(rows), alone.predict_proba(part), rtol=1e-9
                )
            assert as_teacher(given_one).n_parameters == 9

    def test_teachers_of_different_columns_are_averaged(self) -> None:
        halves = [list(IRIS.columns[:2]), list(IRIS.columns[2:])]
        parts = [LogisticRegression().fit(IRIS[half], NAMES) for half in halves]
        teacher = EnsembleTeacher(
            [ColumnsTeacher(p, half) for p, half in zip(parts, halves, strict=True)],
            how="probabilities",
        )
        mean = np.mean(
            [p.predict_proba(IRIS[h]) for p, h in zip(parts, halves, strict=True)],
            axis=0,
        )
        np.testing.assert_allclose(teacher.predict_proba(IRIS), mean)
        model = DistilledClassifier(teacher, GREEDY, random_state=0).fit(IRIS)
        assert model.fidelity(IRIS).value > 0.8

    def test_values(self) -> None:
        X, y = load_diabetes(return_X_y=True)
        teacher = ColumnsTeacher(LinearRegression(), [2, 8]).fit(X, y)
        alone = LinearRegression().fit(X[:, [2, 8]], y)
        np.testing.assert_array_equal(teacher.predict(X), alone.predict(X[:, [2, 8]]))

    def test_what_is_absent_is_named(self) -> None:
        model = LogisticRegression()
        cases = [
            (["petal length"], IRIS, r"lack.* Did you mean 'petal length \(cm\)'"),
            (["x"], IRIS.to_numpy(), "array without names"),
            ([4], IRIS, "the column at 4, but the rows have 4"),
            ([0, 0], IRIS, "'columns' parameter"),
            ([0, "x"], IRIS, "'columns' parameter"),
            ([], IRIS, "'columns' parameter"),
            ("x", IRIS, "'columns' parameter"),
        ]
        for columns, rows, text in cases:
            with pytest.raises(InputError, match=text):
                ColumnsTeacher(model, columns).fit(rows, NAMES)

    def test_an_array_of_known_columns_is_read(self) -> None:
        teacher = ColumnsTeacher(GaussianNB(), ["petal width (cm)"]).fit(IRIS, NAMES)
        with pytest.warns(UserWarning, match="valid feature names"):
            said = teacher.predict(IRIS.to_numpy())
        np.testing.assert_array_equal(said, teacher.predict(IRIS))
        assert isinstance(IRIS, pd.DataFrame)
