"""Views with columns of their own: neurons, and fewer, larger pixels."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings, strategies as st
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import interpretkd as ikd
from interpretkd.methods import Hidden, Pooled
from interpretkd.teachers import as_teacher

IMAGES, DIGITS = (part[:300] for part in load_digits(return_X_y=True))
SMALL = ikd.CartStudent(6, search="greedy")


@pytest.fixture(scope="module")
def network() -> Any:
    teacher = ikd.MLPTeacher((12, 6), max_epochs=8, random_state=0)
    return FrozenEstimator(teacher.fit(IMAGES, DIGITS))


def module(*before: Any, n_inputs: int = 64) -> Any:
    torch.manual_seed(0)
    net = torch.nn.Sequential(*before, torch.nn.Linear(n_inputs, 10))
    return ikd.TorchTeacher(net, classes=list(range(10)))


def fitted(teacher: Any, view: Any, student: Any = SMALL, rows: Any = IMAGES) -> Any:
    model = ikd.DistilledClassifier(
        teacher, student, target="soft", view=view, transfer=None, random_state=0
    )
    return model.fit(rows, DIGITS)


def nodes_of(model: Any) -> Any:
    nodes = model.tree_.nodes
    return nodes.feature.tolist(), nodes.threshold.tolist()


class TestHidden:
    def test_an_identity_layer_changes_nothing(self) -> None:
        teacher = module(torch.nn.Identity())
        own, plain = fitted(teacher, Hidden(0)), fitted(teacher, None)
        assert nodes_of(own) == nodes_of(plain)
        assert np.array_equal(own.logits(IMAGES), plain.logits(IMAGES))
        assert np.array_equal(
            own.baseline_logits(IMAGES), plain.baseline_logits(IMAGES)
        )
        assert own.size_bytes == plain.size_bytes

    @pytest.mark.parametrize(
        "student",
        [SMALL, ikd.BoostedStudent(3), ikd.LinearStudent(), RandomForestRegressor(2)],
        ids=repr,
    )
    def test_the_student_reads_the_neurons(self, network: Any, student: Any) -> None:
        model = fitted(network, Hidden(0), student)
        said = as_teacher(network).activations(IMAGES, 0)
        outputs = model.student_.predict(
            pd.DataFrame(said, columns=[f"neuron {i}" for i in range(12)])
        )
        assert np.allclose(model.reading_.decode(outputs), model.logits(IMAGES))
        # Whoever has the neurons needs no network.
        assert np.array_equal(model.logits(said), model.logits(IMAGES))

    def test_a_layer_that_is_not_there_is_that_of_the_view(self, network: Any) -> None:
        with pytest.raises(ikd.InputError, match="'layer' parameter of Hidden must be"):
            fitted(network, Hidden(9))

    def test_its_size_counts_the_network_up_to_there(self, network: Any) -> None:
        first, last = fitted(network, Hidden(0)), fitted(network, Hidden("blocks.1"))
        own = first.tree_.n_parameters
        assert first.n_parameters == own + 64 * 12 + 2 * 12  # weights, normalisation
        assert last.n_parameters == last.tree_.n_parameters + 64 * 12 + 24 + 12 * 6 + 12
        assert first.size_bytes == first.tree_.size_bytes + 4 * (64 * 12 + 24)
        assert (
            last.n_parameters < last.tree_.n_parameters + network.estimator.n_parameters
        )

    def test_the_size_of_a_modules_part(self) -> None:
        teacher = module(
            torch.nn.Sequential(torch.nn.Linear(64, 4), torch.nn.ReLU()), n_inputs=4
        )
        handle = as_teacher(teacher)
        assert handle.layers == ("0.0", "0.1")
        assert handle.size_to("0.0") == handle.size_to(1) == (64 * 4 + 4, 4 * 260)
        assert handle.size_to("1") == (260 + 50, 4 * 310)

    def test_a_teacher_without_a_size_is_refused(self) -> None:
        class Teacher:
            classes = np.arange(10)

            def logits(self, rows: Any) -> Any:
                return np.asarray(rows)[:, :10]

            def activations(self, rows: Any, layer: Any) -> Any:
                return np.asarray(rows)[:, :5]

        with pytest.raises(ikd.InputError, match="n_parameters and size_bytes"):
            fitted(Teacher(), Hidden(0))

    def test_neurons_are_described_by_what_they_go_with(self) -> None:
        rng = np.random.default_rng(0)
        rows = pd.DataFrame(
            {
                "amount": rng.normal(size=300),
                "noise": rng.normal(size=300),
                "home": rng.choice(["own", "rent"], 300),
            }
        )

        class Teacher:
            n_parameters, size_bytes, classes = 0, 0, np.arange(10)

            def logits(self, rows: Any) -> Any:
                return np.eye(10)[(rows["amount"] > 0).astype(int)]

            def activations(self, rows: Any, layer: Any) -> Any:
                rent = (rows["home"] == "rent").to_numpy(float)
                amount = rows["amount"].to_numpy()
                nothing = np.ones(len(rows))
                return np.column_stack([amount - rent, -amount, 3 * rent, nothing])

        view = fitted(Teacher(), Hidden(0), rows=rows).view_
        told = [view.describe(i) for i in range(4)]
        assert told == [
            "neuron 0 (high for large amount, home is not rent)",
            "neuron 1 (high for small amount)",
            "neuron 2 (high for home is rent)",
            "neuron 3",
        ]
        assert view.describe("neuron 2") == told[2]
        with pytest.raises(ikd.InputError, match="'feature' parameter of describe"):
            view.describe(4)

    def test_maps_are_named_by_place(self) -> None:
        teacher = ikd.CNNTeacher(
            channels=(2,), hidden=(4,), image_shape=(8, 8), max_epochs=1, random_state=0
        )
        model = fitted(FrozenEstimator(teacher.fit(IMAGES, DIGITS)), Hidden(0))
        said = as_teacher(teacher).activations(IMAGES[:2], 0)
        assert model.view_.schema_.names[-1] == "channel 1, row {}, column {}".format(
            *(side - 1 for side in said.shape[2:])
        )
        assert np.array_equal(model.view_.see(IMAGES[:2]), said.reshape(2, -1))

    @pytest.mark.parametrize("layer", [-1, 1, "blocks.1"])
    @pytest.mark.parametrize(
        "student",
        [
            ikd.LinearStudent(),
            Ridge(),
            make_pipeline(StandardScaler(), Ridge()),
            GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=2),
            ikd.students.CommitteeStudent(ikd.LinearStudent(), 2),
        ],
        ids=["ours", "ridge", "pipeline", "search", "committee"],
    )
    def test_a_sum_of_the_last_layer_is_refused(
        self, network: Any, layer: Any, student: Any
    ) -> None:
        with pytest.raises(ikd.InputError, match="own last layer"):
            fitted(network, Hidden(layer), student)
        assert fitted(network, Hidden(0), student).fidelity(IMAGES).value > 0.2

    @pytest.mark.parametrize(
        ("layer", "said"),
        [(2, "layer"), ("none", "layer"), (None, "position of"), (0.5, "position of")],
    )
    def test_an_absent_layer_is_refused(
        self, network: Any, layer: Any, said: str
    ) -> None:
        with pytest.raises(ikd.InputError, match=said):
            fitted(network, Hidden(layer))

    def test_a_teacher_without_layers_is_refused(self) -> None:
        teacher = FrozenEstimator(DecisionTreeClassifier().fit(IMAGES, DIGITS))
        with pytest.raises(ikd.InputError, match="shows no hidden layers"):
            fitted(teacher, Hidden(0))

    def test_a_module_without_scales_is_read(self) -> None:
        """A frame that a network was fitted to, with texts and gaps."""
        rows = pd.DataFrame({"n": np.arange(60.0), "t": ["a", "b", "c"] * 20})
        rows.loc[3, "n"] = np.nan
        rows.loc[5, "t"] = None
        y = np.arange(60) > 30
        teacher = ikd.MLPTeacher((4,), max_epochs=2, random_state=0).fit(rows, y)
        model = ikd.DistilledClassifier(
            FrozenEstimator(teacher), SMALL, view=Hidden(), random_state=0
        ).fit(rows, y)
        assert model.predict(rows).shape == (60,)
        assert 0 <= model.fidelity(rows).value <= 1

    def test_it_learns_from_kept_rows_alone(self, network: Any) -> None:
        before = fitted(network, Hidden(0))
        rows = IMAGES.copy()
        rows[before.validation_rows_] = 1e6  # the marker
        after = fitted(network, Hidden(0), rows=rows)
        assert after.view_.about_ == before.view_.about_
        assert after.view_.schema_ == before.view_.schema_


def test_a_clone_is_not_fitted(network: Any) -> None:
    model = fitted(network, Hidden(0))
    assert not hasattr(clone(model).view, "schema_")
    assert model.view is not model.view_


class TestPooled:
    def test_windows_of_one_pixel_change_nothing(self, network: Any) -> None:
        own = fitted(network, Pooled(1, shape=(8, 8)))
        plain = fitted(network, None)
        assert nodes_of(own) == nodes_of(plain)
        assert own.view_.schema_.names == plain.schema_.names
        assert np.array_equal(own.logits(IMAGES), plain.logits(IMAGES))

    def test_the_student_reads_small_images(self, network: Any) -> None:
        model = fitted(network, Pooled(2, shape=(8, 8)))
        small = IMAGES.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)
        assert np.array_equal(model.view_.see(IMAGES), small)
        assert model.view_.schema_.names[5] == "rows 2-3, columns 2-3"
        assert model.view_.schema_.image_shape == (4, 4)
        assert model.tree_.schema.image_shape == (4, 4)
        said = model.logits(IMAGES)
        frame = pd.DataFrame(small, columns=list(model.view_.schema_.names))
        assert np.array_equal(model.logits(small), said)
        assert np.array_equal(model.logits(frame[frame.columns[::-1]]), said)
        assert np.array_equal(
            model.baseline_logits(small), model.baseline_logits(IMAGES)
        )
        with pytest.raises(ValueError, match="17 features"):
            model.predict(np.zeros((3, 17)))

    def test_names_and_networks_tell_the_shape(self) -> None:
        names = [f"r{i:02d}c{j:02d}" for i in range(8) for j in range(8)]
        rows = pd.DataFrame(IMAGES, columns=names)
        named = FrozenEstimator(DecisionTreeClassifier().fit(rows, DIGITS))
        model = fitted(named, Pooled((2, 8), "max"), rows=rows)
        assert model.view_.schema_.image_shape == (4, 1)
        assert model.view_.schema_.names[0] == "rows 0-1, columns 0-7"
        teacher = ikd.CNNTeacher(
            channels=(2,), hidden=(4,), image_shape=(8, 8), max_epochs=1, random_state=0
        ).fit(IMAGES, DIGITS)
        own = fitted(FrozenEstimator(teacher), Pooled(4))
        assert own.view_.schema_.image_shape == (2, 2)

    @given(
        height=st.integers(1, 5),
        width=st.integers(1, 5),
        channels=st.integers(1, 2),
        size=st.tuples(st.integers(1, 4), st.integers(1, 6)),
        how=st.sampled_from(["mean", "max"]),
    )
    @settings(max_examples=25)
    def test_each_window_is_what_its_name_says(
        self, height: int, width: int, channels: int, size: Any, how: str
    ) -> None:
        rng = np.random.default_rng(0)
        images = rng.normal(size=(3, channels, height, width))
        images[0, :, 0, 0] = np.nan
        rows = images.reshape(3, -1)
        schema = ikd.data.Schema.from_data(rows)

        class Context:
            pass

        context: Any = Context()
        context.schema, context.teacher = schema, as_teacher(module())
        view = Pooled(size, how, (channels, height, width)).fit(rows, context)
        seen = view.see(rows)
        assert seen.shape[1] == len(view.schema_) == len(set(view.schema_.names))
        take = np.nanmean if how == "mean" else np.nanmax
        for name in view.schema_.names:
            if name in schema.names:
                expected = rows[:, schema.names.index(name)]
            else:
                parts = name.split(", ")
                channel = int(parts.pop(0).split()[1]) if channels > 1 else 0
                i, j = (
                    slice(int(span.split("-")[0]), int(span.split("-")[-1]) + 1)
                    for span in (part.split()[1] for part in parts)
                )
                window = images[:, channel, i, j].reshape(3, -1)
                whole = np.where(np.isnan(window).all(axis=1)[:, None], 0.0, window)
                expected = take(whole, axis=1)
                expected[np.isnan(window).all(axis=1)] = np.nan
            assert np.allclose(seen[name], expected, equal_nan=True)

    @pytest.mark.parametrize(
        ("view", "said"),
        [
            (Pooled(2), "needs rows that are images"),
            (Pooled(2, shape=(4, 4)), "the shape"),
            (Pooled(0), "'size' parameter"),
            (Pooled((1, 2, 3)), "'size' parameter"),
            (Pooled(True), "'size' parameter"),
            (Pooled(2, "sum"), "'how' parameter"),
            (Pooled(2, shape=(8,)), "'shape' parameter"),
            (Pooled(2, shape=8), "'shape' parameter"),
        ],
        ids=repr,
    )
    def test_what_is_wrong_is_said(self, network: Any, view: Any, said: str) -> None:
        with pytest.raises(ikd.InputError, match=said):
            fitted(network, view)
