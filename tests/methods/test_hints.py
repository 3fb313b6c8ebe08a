"""Hints from hidden layers: what they are, where they act, what they cost in memory."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

import interpretkd as ikd
from interpretkd.methods import Features
from interpretkd.methods._compression import compress
from interpretkd.teachers import as_teacher

X, Y = (part[:400] for part in load_digits(return_X_y=True))
SMALL = ikd.CartStudent(8, search="greedy")


@pytest.fixture(scope="module")
def network() -> Any:
    teacher = ikd.MLPTeacher((16, 6), max_epochs=10, random_state=0).fit(X, Y)
    return FrozenEstimator(teacher)


@pytest.fixture(scope="module")
def other() -> Any:
    return FrozenEstimator(
        ikd.MLPTeacher((10,), max_epochs=10, random_state=1).fit(X, Y)
    )


def fitted(teacher: Any, hints: Any, student: Any = SMALL, **settings: Any) -> Any:
    model = ikd.DistilledClassifier(
        teacher, student, target="soft", hints=hints, transfer=None, random_state=0
    )
    return model.fit(settings.pop("rows", X), settings.pop("y", Y), **settings)


def nodes_of(model: Any) -> Any:
    nodes = model.tree_.nodes
    return nodes.feature.tolist(), nodes.threshold.tolist(), model.tree_.value.tolist()


class Layers:
    """A teacher whose layers are what is asked for."""

    n_parameters, size_bytes = 0, 0
    classes = np.arange(2)

    def __init__(self, **layers: Any) -> None:
        self.named = layers
        self.layers = tuple(layers)
        self.most_rows = 0

    def logits(self, rows: Any) -> Any:
        return np.column_stack([-rows[:, 0], rows[:, 0]])

    def activations(self, rows: Any, layer: Any) -> Any:
        self.most_rows = max(self.most_rows, len(rows))
        name = layer if isinstance(layer, str) else self.layers[layer]
        return self.named[name](np.asarray(rows))


def made(rows: Any, layers: Any, n: int, how: str = "pca", **named: Any) -> Any:
    teacher = as_teacher(Layers(**named))
    places = np.arange(len(rows))
    return compress(teacher, layers, rows, places, n, how, np.random.default_rng(0))


class TestFeatures:
    @pytest.mark.parametrize("how", ["pca", "autoencoder"])
    def test_a_share_of_0_changes_nothing(self, network: Any, how: str) -> None:
        with_hints = fitted(network, Features(share=0, how=how))
        assert nodes_of(with_hints) == nodes_of(fitted(network, None))

    def test_the_tests_serve_the_layer_and_predict_the_target(
        self, network: Any
    ) -> None:
        """The more hints count, the better the leaves tell them, on other rows."""
        rows, known = load_digits(return_X_y=True)
        order = np.random.default_rng(1).permutation(len(rows))  # they are by writers
        train, test = order[:1200], order[1200:]
        layer = as_teacher(network).activations(rows, 0)
        hints = PCA(4).fit_transform(layer)
        told = []
        for share in (0.0, 1.0, 30.0):
            model = fitted(
                network, Features(0, 4, share), rows=rows[train], y=known[train]
            )
            leaves = model.tree_.apply(rows)
            means = {
                leaf: hints[train][leaves[train] == leaf].mean(axis=0)
                for leaf in np.unique(leaves[train])
            }
            guess = np.array([means[leaf] for leaf in leaves[test]])
            error = ((hints[test] - guess) ** 2).sum()
            told.append(1 - error / ((hints[test] - hints[test].mean(0)) ** 2).sum())
            assert model.tree_.n_outputs == 10
        assert told[0] < told[1] < told[2]

    def test_they_are_not_noise(self, network: Any) -> None:
        """Rows in another order give other hints: a stub would not know."""
        transfer_set = fitted(network, Features(0, 4, 1.0)).transfer_set_
        layer = as_teacher(network).activations(X, 0).astype(float)
        expected = PCA(4).fit_transform(layer)
        expected /= np.sqrt((expected**2).sum(axis=1).mean())
        own = transfer_set.hints
        assert np.allclose(np.abs(own), np.abs(expected), atol=1e-6)
        assert own.var(axis=0).sum() == pytest.approx(1.0)

    def test_the_same_seed_gives_the_same(self, network: Any) -> None:
        for how in ("pca", "autoencoder"):
            one, two = (fitted(network, Features(0, how=how)) for _ in range(2))
            assert np.array_equal(one.transfer_set_.hints, two.transfer_set_.hints)

    def test_what_is_kept_is_told(self, network: Any) -> None:
        model = fitted(network, Features(0, 4))
        layer = as_teacher(network).activations(X, 0)
        kept = PCA(4).fit(layer).explained_variance_ratio_.sum()
        assert model.recipe_ == (
            "Tests also serve 4 principal components of hidden layer 0, at 0.3 of the "
            "targets' variance",
            f"4 hint columns keep {kept:.1%} of the variance of hidden layer 0",
        )

    def test_the_layer_of_another_teacher(self, network: Any, other: Any) -> None:
        model = fitted(network, Features(0, 4, 1.0, teacher=other))
        expected = PCA(4).fit_transform(as_teacher(other).activations(X, 0))
        assert np.allclose(
            np.abs(np.corrcoef(model.transfer_set_.hints[:, 0], expected[:, 0])[0, 1]),
            1,
        )
        assert "another teacher (MLPTeacher)" in model.recipe_[0]
        forest = FrozenEstimator(DecisionTreeClassifier(max_depth=6).fit(X, Y))
        assert fitted(forest, Features(teacher=other)).recipe_
        # Copies keep it: that is what FrozenEstimator is for.
        again = clone(fitted(forest, Features(teacher=other))).fit(X, Y)
        assert again.predict(X).shape == (400,)

    def test_another_teacher_reads_rows_as_it_was_fitted_to(self) -> None:
        frame = pd.DataFrame(X[:, 20:24], columns=[10, 11, 12, 13])
        rows = frame.assign(level=pd.Categorical(Y > 4)).rename(columns={"level": 14})
        rows[14] = rows[14].astype(object).map({True: (1, 2), False: (3, 4)})
        networks = [
            ikd.MLPTeacher((4,), max_epochs=2, random_state=i).fit(rows, Y)
            for i in (0, 1)
        ]
        one, two = map(FrozenEstimator, networks)
        assert fitted(one, Features(teacher=two), rows=rows).transfer_set_.hints.any()

    def test_several_layers_count_the_same(self) -> None:
        rows = np.random.default_rng(0).normal(size=(100, 3))
        large = made(
            rows, ["a", "b"], 2, a=lambda r: 1000 * r[:, :1], b=lambda r: r[:, 1:2]
        )
        kept = [np.corrcoef(large.columns.T, rows[:, j])[2, :2] for j in (0, 1)]
        assert np.allclose([(c**2).sum() for c in kept], 1, atol=0.02)
        assert large.kept == pytest.approx(1)

    def test_auto_takes_the_layer_that_helps(self) -> None:
        rng = np.random.default_rng(0)
        rows = rng.normal(size=(400, 3))
        teacher = Layers(
            noise=lambda r: np.cos(1e5 * r), useful=lambda r: r[:, :1] * [1.0, 2.0]
        )
        teacher.logits = lambda r: np.column_stack(  # type: ignore[method-assign]
            [-np.sin(3 * r[:, 0]), np.sin(3 * r[:, 0])]
        )
        model = fitted(teacher, Features("auto", 2, 3.0), rows=rows, y=None)
        assert "Of 2 hidden layers, useful was best" in model.recipe_

    @pytest.mark.parametrize(
        "student",
        [ikd.BoostedStudent(3), ikd.LinearStudent(), RandomForestRegressor(2)],
        ids=repr,
    )
    def test_students_that_cannot_use_them_refuse(
        self, network: Any, student: Any
    ) -> None:
        with pytest.raises(ikd.InputError, match=r"Features of .* would do nothing"):
            fitted(network, Features(), student)

    def test_teachers_without_layers_are_refused(self) -> None:
        tree = FrozenEstimator(DecisionTreeClassifier(max_depth=2).fit(X, Y))
        with pytest.raises(ikd.InputError, match="needs activations"):
            fitted(tree, Features())
        with pytest.raises(ikd.InputError, match="must have hidden layers"):
            fitted(tree, Features(teacher=tree))

    @pytest.mark.parametrize(
        ("hints", "said"),
        [
            (Features(n=0), "'n' parameter"),
            (Features(share=-1), "'share' parameter"),
            (Features(how="svd"), "'how' parameter"),
            (Features(layer=None), "'layer' parameter of Features"),
            (Features(layer=[]), "'layer' parameter of Features"),
            (Features(layer=[0, 0.5]), "'layer' parameter of Features"),
            (
                Features(layer=7),
                "'layer' parameter of Features must .* 2 hidden layers",
            ),
            (Features(teacher=ikd.MLPTeacher()), "unfitted MLPTeacher: put"),
        ],
        ids=repr,
    )
    def test_what_is_wrong_is_said(self, network: Any, hints: Any, said: str) -> None:
        with pytest.raises(ikd.InputError, match=said):
            fitted(network, hints)

    @pytest.mark.parametrize("said", [0.0, np.nan])
    def test_a_layer_that_says_nothing_is_refused(self, said: float) -> None:
        teacher = Layers(flat=lambda rows: np.full((len(rows), 3), said))
        with pytest.raises(ikd.InputError, match="hidden layer -1"):
            fitted(teacher, Features(), y=None)

    def test_held_out_rows_are_never_asked_about(self, network: Any) -> None:
        """A student that watches is fitted to the rows kept: so are its hints."""
        seen = []

        def layer(rows: Any) -> Any:
            seen.append(rows)
            return rows[:, :5]

        teacher = Layers(first=layer)
        model = fitted(teacher, Features(0, 2), ikd.CartStudent(4), y=None)
        chosen_on = X[model.validation_rows_]
        first = seen[: len(seen) // 2]  # what was chosen; then it is fitted to all
        assert len(chosen_on) == 80
        assert max(map(len, first)) == 320
        held_out = {row.tobytes() for row in chosen_on}
        assert not held_out & {row.tobytes() for part in first for row in part}

    def test_made_rows_do_not_shape_the_compression(self, network: Any) -> None:
        rows = np.vstack([X[:200], X[:200] + 1000.0])
        places = np.arange(200)
        teacher = as_teacher(Layers(a=lambda r: r))
        asked = (teacher, ["a"], rows, places, 3, "pca", np.random.default_rng(0))
        both = compress(*asked)
        assert np.allclose(
            both.columns[:200], made(X[:200], ["a"], 3, a=lambda r: r).columns
        )
        assert both.columns.shape == (400, 3)

    def test_a_search_over_hints(self, network: Any) -> None:
        model = ikd.DistilledClassifier(network, SMALL, transfer=None, random_state=0)
        grid = {"hints": [None, Features(0, 2), [Features(-1, 2), Features(0, 2)]]}
        assert len(
            GridSearchCV(model, grid, cv=2).fit(X, Y).cv_results_["rank_test_score"]
        )
        one = clone(model).set_params(hints=Features(0, 2))
        assert one.set_params(hints__share=0.5).hints.share == 0.5

    def test_values_and_labels(self) -> None:
        values = X[:, :10].sum(axis=1)
        teacher = ikd.MLPRegressorTeacher((8,), max_epochs=3, random_state=0)
        model = ikd.DistilledRegressor(
            teacher, SMALL, hints=Features(share=1.0), random_state=0
        ).fit(X, values, X_unlabelled=X[:50] + 1)
        assert model.transfer_set_.hints.shape[1] == 8
        labels = (X[:, 20:23] > 8).astype(int)
        several = ikd.DistilledClassifier(
            ikd.MLPTeacher((8,), max_epochs=3, random_state=0),
            SMALL,
            hints=Features(n=3),
            random_state=0,
        ).fit(X, labels)
        assert several.predict(X).shape == labels.shape


class TestCompression:
    def test_large_layers_are_read_piece_by_piece(self, monkeypatch: Any) -> None:
        rng = np.random.default_rng(0)
        rows = rng.normal(size=(400, 5)) @ rng.normal(size=(5, 30))
        rows += 0.05 * rng.normal(size=rows.shape)

        def layer(given_rows: Any) -> Any:
            return given_rows.reshape(-1, 2, 3, 5)  # as a convolution has it

        whole = made(rows, ["maps"], 4, maps=layer)
        monkeypatch.setattr("interpretkd.methods._compression._MOST_NUMBERS", 7000)
        teacher = Layers(maps=layer)
        asked = (as_teacher(teacher), ["maps"], rows, np.arange(400))
        parts = compress(*asked, 4, "pca", np.random.default_rng(0))
        assert teacher.most_rows < 120
        agreement = np.abs(np.corrcoef(parts.columns.T, whole.columns.T)[:4, 4:])
        assert (np.diag(agreement) > 0.99).all()
        assert parts.kept == pytest.approx(whole.kept, abs=0.01)

    def test_an_autoencoder_follows_a_bend(self) -> None:
        z = np.random.default_rng(0).normal(size=(500, 1))
        rows = np.hstack([z, z**2, np.sin(2 * z)])
        linear, bent = (
            made(rows, ["a"], 1, how, a=lambda r: r) for how in ("pca", "autoencoder")
        )
        assert bent.kept > linear.kept + 0.05
        assert bent.columns.shape == (500, 1)

    @given(
        n_rows=st.integers(2, 40),
        n_units=st.integers(1, 12),
        n=st.integers(1, 15),
        how=st.sampled_from(["pca", "autoencoder"]),
        scale=st.sampled_from([1e-6, 1.0, 1e6]),
    )
    @settings(max_examples=25)
    def test_any_layer(
        self, n_rows: int, n_units: int, n: int, how: str, scale: float
    ) -> None:
        rows = np.random.default_rng(n_rows).normal(size=(n_rows, n_units)) * scale
        found = made(rows, ["a"], n, how, a=lambda r: r)
        assert found.columns.shape == (n_rows, min(n, n_units, max(n_rows - 1, 1)))
        assert np.isfinite(found.columns).all()
        linear = made(rows, ["a"], n, "pca", a=lambda r: r)
        assert linear.kept - 1e-9 <= found.kept <= 1 + 1e-9
        if n >= min(n_units, n_rows - 1):
            assert found.kept == pytest.approx(1)
