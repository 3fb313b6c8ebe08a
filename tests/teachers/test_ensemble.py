from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    make_multilabel_classification,
)
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    train_test_split,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from interpretkd._base import InputError
from interpretkd.datasets import load_german_credit
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.model_selection import frontier
from interpretkd.students import CartStudent
from interpretkd.targets import Answers, decide
from interpretkd.teachers import (
    CallableTeacher,
    EnsembleTeacher,
    MLPTeacher,
    TorchTeacher,
    as_teacher,
    is_fitted,
)
from interpretkd.teachers._member_weights import _agreement_weights, _validated_weights

IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
HOW = ("logits", "probabilities", "votes")
GREEDY = CartStudent(4, search="greedy")


def _logistic(seed: int = 0, **settings: Any) -> LogisticRegression:
    rows = np.random.default_rng(seed).permutation(150)[:90]
    model = LogisticRegression(max_iter=2000, C=10.0**-seed, **settings)
    return model.fit(IRIS[rows], NAMES[rows])


THREE = [_logistic(seed) for seed in range(3)]


class TestMixing:
    def test_logits_are_averaged(self) -> None:
        teacher = EnsembleTeacher(THREE, weights=[3, 0, 1])
        said = [model.predict_log_proba(IRIS) for model in THREE]
        np.testing.assert_allclose(
            teacher.logits(IRIS), 0.75 * said[0] + 0.25 * said[2], atol=1e-12
        )
        assert teacher.weights_.tolist() == [0.75, 0, 0.25]

    def test_probabilities_are_averaged(self) -> None:
        teacher = EnsembleTeacher(THREE, how="probabilities", weights=(1, 1, 2))
        mean = np.average(
            [model.predict_proba(IRIS) for model in THREE], axis=0, weights=[1, 1, 2]
        )
        np.testing.assert_allclose(teacher.predict_proba(IRIS), mean, atol=1e-12)

    def test_votes_are_counted_and_ties_go_to_the_likeliest(self) -> None:
        def sure(column: int, chance: float) -> CallableTeacher:
            p = np.full(3, (1 - chance) / 2)
            p[column] = chance
            return CallableTeacher(
                lambda rows: np.tile(p, (len(rows), 1)), output="probabilities"
            )

        row = np.zeros((1, 1))
        two = EnsembleTeacher([sure(0, 0.4), sure(2, 0.9), sure(0, 0.4)], how="votes")
        assert two.predict(row).tolist() == [0]
        shares = two.predict_proba(row)
        np.testing.assert_allclose(shares, [[2 / 3, 0, 1 / 3]], atol=1e-5)
        tied = EnsembleTeacher([sure(0, 0.4), sure(2, 0.9)], how="votes")
        assert tied.predict(row).tolist() == [2]

    def test_labels_are_mixed_one_by_one(self) -> None:
        said = [np.array([[2.0, -3.0]]), np.array([[-1.0, -1.0]])]
        members = [
            CallableTeacher(lambda rows, z=z: z[: len(rows)], task="multilabel")
            for z in said
        ]
        row = np.zeros((1, 1))
        by_logits = EnsembleTeacher(members).logits(row)
        np.testing.assert_allclose(by_logits, [[0.5, -2.0]])
        mixed = EnsembleTeacher(members, how="probabilities").logits(row)
        np.testing.assert_allclose(expit(mixed), (expit(said[0]) + expit(said[1])) / 2)
        voted = EnsembleTeacher(members, how="votes", weights=[3, 1]).logits(row)
        np.testing.assert_allclose(voted[0, 0], logit(0.75), atol=1e-4)
        assert decide(voted, "multilabel").tolist() == [[1, 0]]

    def test_values_are_averaged(self) -> None:
        X, y = load_diabetes(return_X_y=True)
        members = [LinearRegression().fit(X, y), Ridge().fit(X, y)]
        teacher = EnsembleTeacher(members)
        mean = (members[0].predict(X) + members[1].predict(X)) / 2
        np.testing.assert_allclose(teacher.predict(X), mean)
        assert is_regressor(teacher)
        assert not hasattr(teacher, "predict_proba")
        assert teacher.n_parameters == 22
        with pytest.raises(InputError, match=r"'how' .* must be 'logits'"):
            EnsembleTeacher(members, how="votes").predict(X)

    @pytest.mark.parametrize("how", HOW)
    def test_one_or_equal_members_are_that_teacher(self, how: str) -> None:
        network = MLPTeacher((8,), max_epochs=3, random_state=0).fit(IRIS, NAMES)
        alone = as_teacher(network)
        for members in ([network], [network] * 3, [network] * 7):
            teacher = as_teacher(EnsembleTeacher(members, how=how))
            if how != "votes":
                np.testing.assert_array_equal(teacher.logits(IRIS), alone.logits(IRIS))
            np.testing.assert_array_equal(teacher.predict(IRIS), alone.predict(IRIS))

    @pytest.mark.parametrize("how", HOW)
    def test_decisions_of_their_own_are_kept(self, how: str) -> None:
        careful = FixedThresholdClassifier(
            LogisticRegression(max_iter=1000), threshold=0.9, pos_label=1
        ).fit(IRIS, SPECIES == 1)
        alone = as_teacher(careful).answers(IRIS)
        assert alone.own is not None
        same = as_teacher(EnsembleTeacher([careful, careful], how=how)).answers(IRIS)
        np.testing.assert_array_equal(decide(same), alone.own)
        plain = LogisticRegression(max_iter=1000).fit(IRIS, SPECIES == 1)
        outvoted = EnsembleTeacher([plain, careful, careful], how="votes")
        np.testing.assert_array_equal(outvoted.predict(IRIS), careful.predict(IRIS))

    @settings(deadline=None, max_examples=50)
    @given(
        arrays(np.float64, (3, 4, 3), elements=st.floats(-700, 700)),
        arrays(np.float64, 3, elements=st.floats(0.01, 1)),
        st.sampled_from(["multiclass", "multilabel"]),
    )
    def test_probabilities_whatever_they_are(
        self, logits: np.ndarray, weights: np.ndarray, task: str
    ) -> None:
        members = [
            CallableTeacher(
                lambda rows, z=z: z[: len(rows)], task=task, output="logits"
            )
            for z in logits
        ]
        teacher = EnsembleTeacher(members, how="probabilities", weights=weights)
        said = teacher.predict_proba(np.zeros((4, 1)))
        each = softmax(logits, axis=2) if task == "multiclass" else expit(logits)
        expected = np.tensordot(weights / weights.sum(), each, 1)
        np.testing.assert_allclose(said, expected, rtol=1e-7, atol=1e-12)
        same = EnsembleTeacher([members[0]] * 3, how="probabilities", weights=weights)
        np.testing.assert_array_equal(
            same.logits(np.zeros((4, 1))), members[0].logits(np.zeros((4, 1)))
        )


class TestMembers:
    def test_classes_in_another_order_are_aligned(self) -> None:
        order = [2, 0, 1]
        model = THREE[0]
        turned = CallableTeacher(
            lambda rows: model.predict_log_proba(rows)[:, order],
            classes=model.classes_[order],
        )
        teacher = EnsembleTeacher([model, turned])
        np.testing.assert_allclose(
            teacher.logits(IRIS), model.predict_log_proba(IRIS), atol=1e-12
        )
        assert teacher.classes_.tolist() == model.classes_.tolist()
        for member in teacher.members_:
            np.testing.assert_allclose(
                member.logits(IRIS), model.predict_log_proba(IRIS)
            )
            np.testing.assert_array_equal(member.predict(IRIS), model.predict(IRIS))
        assert teacher.estimators_ == (model, turned)

    def test_what_lies_inside_is_turned_as_well(self) -> None:
        module = torch.nn.Linear(4, 3)
        plain = TorchTeacher(module, classes=["a", "b", "c"])
        turned = EnsembleTeacher(
            [CallableTeacher(lambda r: r[:, :3], classes=["c", "a", "b"]), plain]
        ).members_[1]
        assert turned.offers == {"activations", "gradients"}
        np.testing.assert_allclose(
            turned.gradients(IRIS, 0), as_teacher(plain).gradients(IRIS, 2)
        )

    @pytest.mark.parametrize(
        ("other", "text"),
        [
            (LinearRegression().fit(IRIS, SPECIES), "does multiclass, .* regression"),
            (GaussianNB().fit(IRIS, SPECIES), "know the same classes.* knows 0, 1, 2"),
            (CallableTeacher(lambda r: r), "does not say its classes"),
            (object(), "must be an estimator, an adapter"),
            (LogisticRegression, "must be an estimator, an adapter"),
        ],
    )
    def test_what_differs_is_said(self, other: Any, text: str) -> None:
        with pytest.raises(InputError, match=text):
            EnsembleTeacher([*THREE, other]).logits(IRIS)

    @pytest.mark.parametrize(
        ("settings", "text"),
        [
            ({"members": []}, "one or more teachers"),
            ({"members": THREE[0]}, "one or more teachers"),
            ({"how": "median"}, "'how'"),
            ({"weights": [1, 2]}, "3 numbers"),
            ({"weights": [1, -1, 1]}, "3 numbers"),
            ({"weights": [0, 0, 0]}, "3 numbers"),
            ({"weights": [1, np.nan, 1]}, "3 numbers"),
            ({"weights": "best"}, "3 numbers"),
            ({"validation_fraction": 0.6}, "validation_fraction"),
        ],
    )
    def test_wrong_settings_are_named(self, settings: Any, text: str) -> None:
        teacher = EnsembleTeacher(**{"members": THREE, **settings})
        with pytest.raises(InputError, match=text):
            teacher.fit(IRIS, NAMES)

    def test_unknown_sizes_are_none(self) -> None:
        assert EnsembleTeacher(THREE).n_parameters == 3 * 15
        assert as_teacher(EnsembleTeacher(THREE)).size_bytes == 3 * 15 * 8
        assert EnsembleTeacher(THREE, weights=[1, 0, 1]).n_parameters == 30
        forest = RandomForestClassifier(3).fit(IRIS, NAMES)
        assert as_teacher(EnsembleTeacher([*THREE, forest])).n_parameters is None

    def test_it_can_be_put_together_again(self) -> None:
        members = [LogisticRegression(max_iter=1000), GaussianNB()]
        first = EnsembleTeacher(members, weights="validation").fit(IRIS, NAMES)
        again = EnsembleTeacher(list(first.estimators_), weights=first.weights_)
        np.testing.assert_allclose(again.logits(IRIS), first.logits(IRIS), atol=1e-12)


class TestFitting:
    def test_fitted_members_need_no_fit_and_outlive_a_clone(self) -> None:
        teacher = EnsembleTeacher(THREE)
        copy = clone(teacher)
        assert is_fitted(teacher)
        assert is_fitted(copy)
        assert copy.members[0] is THREE[0]
        assert is_classifier(teacher)
        np.testing.assert_array_equal(copy.logits(IRIS), teacher.logits(IRIS))

    def test_others_are_cloned_and_fitted(self) -> None:
        unfitted = GaussianNB()
        teacher = EnsembleTeacher([THREE[0], unfitted])
        with pytest.raises(NotFittedError):
            teacher.predict(IRIS)
        with pytest.raises(ValueError, match="requires y"):
            teacher.fit(IRIS)
        teacher.fit(IRIS, NAMES)
        assert teacher.estimators_[0] is THREE[0]
        assert not is_fitted(unfitted)
        assert not is_fitted(clone(teacher))
        alone = GaussianNB().fit(IRIS, NAMES)
        np.testing.assert_array_equal(
            teacher.estimators_[1].predict_proba(IRIS), alone.predict_proba(IRIS)
        )

    def test_members_do_not_see_the_rows_of_the_weights(self) -> None:
        seen = []

        class Watched(GaussianNB):
            def fit(self, X: Any, y: Any) -> Any:
                seen.append(X[:, 0].astype(int))
                return super().fit(X, y)

        X = np.column_stack([np.arange(150), IRIS])
        for weights in ("validation", "agreement"):
            teacher = EnsembleTeacher([Watched()], weights=weights, random_state=0)
            held_out = teacher.fit(X, NAMES).validation_rows_
            assert len(held_out) == 30
            np.testing.assert_array_equal(
                np.union1d(seen[-1], held_out), np.arange(150)
            )
            assert not set(seen[-1]) & set(held_out)
        frozen = EnsembleTeacher([Watched().fit(X, NAMES)], weights="validation")
        assert len(frozen.fit(X, NAMES).validation_rows_) == 150

    def test_groups_are_kept_whole(self) -> None:
        groups = np.repeat(np.arange(30), 5)
        order = np.random.default_rng(0).permutation(150)
        teacher = EnsembleTeacher([GaussianNB(), LogisticRegression()])
        teacher.set_params(weights="validation", random_state=0)
        teacher.fit(IRIS[order], NAMES[order], groups=groups)
        held_out = teacher.validation_rows_
        others = np.setdiff1d(np.arange(150), held_out)
        assert not set(groups[held_out]) & set(groups[others])

    def test_the_only_row_of_a_class_is_learnt(self) -> None:
        labels = NAMES.astype(object)
        labels[7] = "rare"
        teacher = EnsembleTeacher([GaussianNB()], weights="validation", random_state=0)
        assert "rare" in teacher.fit(IRIS, labels).classes_

    def test_a_search_reaches_its_settings(self) -> None:
        search = GridSearchCV(
            EnsembleTeacher([GaussianNB(), DummyClassifier()]),
            {"weights": [[1, 0], [0, 1]], "how": ["logits", "votes"]},
            cv=3,
        ).fit(IRIS, NAMES)
        assert search.best_params_["weights"] == [1, 0]


class TestWeights:
    @settings(deadline=None, max_examples=25)
    @given(st.integers(0, 2**31), st.integers(2, 4), st.sampled_from(HOW))
    def test_no_other_weights_tell_labels_better(
        self, seed: int, n_members: int, how: str
    ) -> None:
        rng = np.random.default_rng(seed)
        n = 60
        right = rng.integers(0, 3, n)
        said = [
            Answers(rng.normal(size=(n, 3)) + rng.uniform(0, 3) * np.eye(3)[right])
            for _ in range(n_members)
        ]
        found = _validated_weights(said, np.eye(3)[right], how, "multiclass")
        assert found.min() >= 0
        assert found.sum() == pytest.approx(1)

        rows, steep, likely = np.arange(n), [], []
        for answers in said:
            votes, z = decide(answers), answers.logits
            shares = np.bincount(right, minlength=3) / n
            met = [np.bincount(right[votes == k], minlength=3) for k in range(3)]
            met = [(c + 3 * shares) / (c.sum() + 3) for c in met]
            best = minimize_scalar(
                lambda s, z=z: -log_softmax(s * z, axis=1)[rows, right].mean(),
                bounds=(0, 20),
            ).x
            steep.append(best)
            of_vote = np.array([met[v][k] for v, k in zip(votes, right, strict=True)])
            own = softmax(best * z, axis=1)[rows, right]
            likely.append(of_vote if how == "votes" else own)

        def loss(weights: np.ndarray) -> float:
            if how == "logits":
                z = np.tensordot(weights * steep, [a.logits for a in said], 1)
                return -log_softmax(z, axis=1)[rows, right].mean()
            return -np.log(weights @ np.array(likely)).mean()

        if how == "logits":  # weights of logits as they are: back to tempered ones
            found = found / np.array(steep) / (found / np.array(steep)).sum()
        others = rng.dirichlet(np.full(n_members, 0.5), 50)
        assert loss(found) <= min(map(loss, others)) + 1e-4

    def test_values_by_least_squares(self) -> None:
        rng = np.random.default_rng(0)
        y = rng.normal(size=(400, 1))
        said = [Answers(y + s * rng.normal(size=(400, 1))) for s in (1.0, 0.5, 5.0)]
        found = _validated_weights(said, y, "logits", "regression")
        grid = [
            np.array([a, b, 1 - a - b])
            for a in np.linspace(0, 1, 101)
            for b in np.linspace(0, 1 - a, 101)
        ]
        errors = [
            ((np.tensordot(w, [a.logits for a in said], 1) - y) ** 2).mean()
            for w in grid
        ]
        np.testing.assert_allclose(found, grid[int(np.argmin(errors))], atol=0.02)
        np.testing.assert_allclose(found, [0.2, 0.8, 0], atol=0.05)  # 1 / variance

    def test_agreement_is_beyond_chance(self) -> None:
        rng = np.random.default_rng(0)
        right = (rng.random(4000) < 0.9).astype(int)
        off = [np.where(rng.random(4000) < 0.05, 1 - right, right) for _ in range(3)]
        by_lot = (rng.random(4000) < 0.9).astype(int)  # says "1" as often: 82 % alike
        said = [Answers(np.eye(2)[column]) for column in (*off, by_lot)]
        found = _agreement_weights(said, "multiclass")
        assert found[3] < 0.02
        np.testing.assert_allclose(found[:3], 1 / 3, atol=0.02)
        alike = _agreement_weights(said[:1] * 4, "multiclass")
        np.testing.assert_allclose(alike, 0.25)
        strangers = [Answers(np.eye(2)[rng.integers(0, 2, 9)]) for _ in range(2)]
        assert _agreement_weights(strangers, "multiclass").sum() == pytest.approx(1)

    def test_agreement_of_values(self) -> None:
        rng = np.random.default_rng(0)
        y = rng.normal(size=(500, 2))
        said = [Answers(y + 0.1 * rng.normal(size=y.shape)) for _ in range(3)]
        said += [Answers(rng.normal(size=y.shape)), Answers(np.ones_like(y))]
        found = _agreement_weights(said, "regression")
        assert found[3:].max() < 0.05
        np.testing.assert_allclose(found[:3], 1 / 3, atol=0.04)

    def test_labels_weigh_members(self) -> None:
        X, Y = make_multilabel_classification(400, 8, n_classes=3, random_state=0)
        good, bad = (
            MLPTeacher((16,), max_epochs=15, batch_size=20, random_state=0)
            for _ in range(2)
        )
        good.fit(X[:200], Y[:200])
        bad.fit(X[:200], Y[np.random.default_rng(0).permutation(200)])
        for how in HOW:
            teacher = EnsembleTeacher([good, bad], how=how, weights="validation")
            assert teacher.fit(X[200:], Y[200:]).weights_[1] < 0.05
        by_agreement = EnsembleTeacher([good, good, bad], weights="agreement")
        assert by_agreement.fit(X[200:]).weights_[2] < 0.2

    @pytest.mark.parametrize("how", HOW)
    def test_a_planted_bad_teacher_is_found(self, how: str) -> None:
        data = load_german_credit()
        X, y = data.data, np.asarray(data.target)
        rest, test = train_test_split(np.arange(len(X)), stratify=y, random_state=0)
        train, held = train_test_split(rest, stratify=y[rest], random_state=0)
        members = [
            MLPTeacher((16,), max_epochs=12, random_state=seed).fit(
                X.iloc[train], y[train]
            )
            for seed in range(3)
        ]
        shuffled = np.random.default_rng(1).permutation(y[train])
        planted = MLPTeacher((16,), max_epochs=12, random_state=9)
        members.append(planted.fit(X.iloc[train], shuffled))
        equal = EnsembleTeacher(members, how=how)
        found = EnsembleTeacher(members, how=how, weights="validation")
        found.fit(X.iloc[held], y[held])
        assert found.weights_[3] < 0.05
        agreed = EnsembleTeacher(members, how=how, weights="agreement")
        assert agreed.fit(X.iloc[held]).weights_[3] < 0.05
        rows = X.iloc[test]
        assert found.score(rows, y[test]) >= equal.score(rows, y[test]) - 0.03

    def test_who_votes_for_the_commonest_class_says_nothing(self) -> None:
        rng = np.random.default_rng(0)
        right = rng.choice(3, 600, p=[0.1, 0.25, 0.65])
        good = np.where(rng.random(600) < 0.25, rng.integers(0, 3, 600), right)
        said = [Answers(np.eye(3)[votes]) for votes in (good, np.full(600, 2))]
        found = _validated_weights(said, np.eye(3)[right], "votes", "multiclass")
        assert found[1] < 0.02

    def test_a_flat_teacher_is_no_cure_for_overconfidence(self) -> None:
        X, y = load_breast_cancer(return_X_y=True)
        trees = [
            DecisionTreeClassifier(random_state=s, max_features=5).fit(X[:300], y[:300])
            for s in range(3)
        ]
        flat = DummyClassifier(strategy="prior").fit(X, y)
        for how in HOW:
            teacher = EnsembleTeacher([*trees, flat], how=how, weights="validation")
            assert teacher.fit(X[300:], y[300:]).weights_[3] < 0.05


class TestTeaching:
    @pytest.mark.parametrize("frozen", [False, True])
    def test_fitted_members_teach_without_labels(self, frozen: bool) -> None:
        teacher: Any = EnsembleTeacher(THREE)
        teacher = FrozenEstimator(teacher) if frozen else teacher
        model = DistilledClassifier(teacher, GREEDY, random_state=0).fit(IRIS)
        assert model.teacher_.n_parameters == 45
        assert model.classes_.tolist() == THREE[0].classes_.tolist()
        assert model.fidelity(IRIS).value > 0.9

    def test_agreement_needs_rows_alone(self) -> None:
        teacher = EnsembleTeacher(THREE, weights="agreement")
        with pytest.raises(NotFittedError):
            teacher.logits(IRIS)
        model = DistilledClassifier(teacher, GREEDY, random_state=0).fit(IRIS)
        assert model.teacher_.estimator.weights_.shape == (3,)
        with pytest.raises(ValueError, match="requires y"):
            DistilledClassifier(EnsembleTeacher(THREE, weights="validation")).fit(IRIS)

    def test_values_by_agreement_need_rows_alone(self) -> None:
        X, y = load_diabetes(return_X_y=True)
        members = [LinearRegression().fit(X, y), Ridge().fit(X, y)]
        teacher = EnsembleTeacher(members, weights="agreement")
        model = DistilledRegressor(teacher, GREEDY, random_state=0).fit(X)
        np.testing.assert_allclose(model.teacher_.estimator.weights_, 0.5)

    def test_unfitted_members_are_fitted_to_the_kept_rows(self) -> None:
        teacher = EnsembleTeacher([LogisticRegression(max_iter=1000), GaussianNB()])
        model = DistilledClassifier(teacher, GREEDY, random_state=0).fit(IRIS, NAMES)
        kept = np.setdiff1d(np.arange(150), model.validation_rows_)
        alone = GaussianNB().fit(IRIS[kept], NAMES[kept])
        np.testing.assert_array_equal(
            model.teacher_.estimator.estimators_[1].theta_, alone.theta_
        )

    def test_values_teach(self) -> None:
        X, y = load_diabetes(return_X_y=True)
        teacher = EnsembleTeacher([LinearRegression(), Ridge()], weights="validation")
        model = DistilledRegressor(teacher, GREEDY, random_state=0).fit(X, y)
        assert model.teacher_.task == "regression"
        with pytest.raises(InputError, match="must be a classifier"):
            DistilledClassifier(teacher).fit(X, y)

    def test_fitted_members_get_rows_as_they_were(self) -> None:
        frame = pd.DataFrame(IRIS)  # the names are numbers
        seen = []

        def says(rows: pd.DataFrame) -> Any:
            seen.append(list(rows.columns))
            return np.column_stack([rows[0], rows[1], rows[2]])

        member = CallableTeacher(says, classes=["a", "b", "c"])
        for weights in (None, "agreement"):
            teacher = EnsembleTeacher([member, member], weights=weights)
            DistilledClassifier(teacher, GREEDY, random_state=0).fit(frame)
        assert all(columns == [0, 1, 2, 3] for columns in seen)

    def test_it_goes_into_a_frontier(self) -> None:
        found = frontier(EnsembleTeacher(THREE), IRIS, NAMES, students={"t": [GREEDY]})
        assert found.recommended is not None
