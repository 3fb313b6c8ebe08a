"""What a teacher has besides its logits, each against an independent computation."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings, strategies as st
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from torch import nn

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier
from interpretkd.runs import load
from interpretkd.students import CartStudent
from interpretkd.teachers import (
    CachedTeacher,
    CallableTeacher,
    CNNTeacher,
    MLPRegressorTeacher,
    MLPTeacher,
    Teacher,
    TorchTeacher,
    as_teacher,
)

IRIS, SPECIES = load_iris(return_X_y=True)
ALL = {"activations", "gradients", "checkpoints"}


def _smooth(n_inputs: int = 4, n_outputs: int = 3, *, last: Any = None) -> nn.Module:
    """A module without kinks, so that differences tell its slopes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = [nn.Linear(n_inputs, 6), nn.Tanh(), nn.Linear(6, n_outputs)]
    return nn.Sequential(*parts, *([last] if last else [])).double().eval()


def _differences(teacher: Teacher, rows: np.ndarray, output: Any = None) -> np.ndarray:
    """The slopes by moving each column a little."""
    asked = teacher.logits(rows).argmax(axis=1) if output is None else output
    centre = teacher.task == "multiclass"

    def said(rows: np.ndarray) -> np.ndarray:
        logits = teacher.logits(rows)
        logits = logits - logits.mean(axis=1, keepdims=True) if centre else logits
        return logits[np.arange(len(rows)), asked]

    slopes, step = [], 1e-4
    for j in range(rows.shape[1]):
        up, down = rows.copy(), rows.copy()
        up[:, j] += step
        down[:, j] -= step
        slopes.append((said(up) - said(down)) / (2 * step))
    return np.column_stack(slopes)


@pytest.fixture(scope="module")
def mlp() -> MLPTeacher:
    network = MLPTeacher((8, 5), max_epochs=4, keep_checkpoints=True, random_state=0)
    return network.fit(IRIS, SPECIES)


class TestLayers:
    def test_a_network_is_read_by_position_and_name(self, mlp: MLPTeacher) -> None:
        teacher = as_teacher(FrozenEstimator(mlp))
        assert teacher.layers == ("blocks.0", "blocks.1")
        assert teacher.offers == ALL
        for layer, same in ((0, -2), (1, -1), ("blocks.0", 0), (np.int64(1), -1)):
            np.testing.assert_array_equal(
                teacher.activations(IRIS, layer), teacher.activations(IRIS, same)
            )
        assert teacher.activations(IRIS, 0).shape == (150, 8)
        head = mlp.network_.head
        last = teacher.activations(IRIS).astype(np.float64)
        said = last @ head.weight.detach().numpy().T + head.bias.detach().numpy()
        np.testing.assert_allclose(said, teacher.logits(IRIS), atol=1e-4)

    def test_a_module_is_read_by_position_and_name(self) -> None:
        module = _smooth(last=nn.Softmax(dim=1))
        teacher = as_teacher(TorchTeacher(module, batch_size=40))
        assert teacher.layers == ("0", "1")
        assert teacher.offers == {"activations", "gradients"}
        with torch.inference_mode():
            hidden = module[:2](torch.tensor(IRIS)).numpy()
        for layer in (1, -1, "1"):
            np.testing.assert_allclose(teacher.activations(IRIS, layer), hidden, 1e-6)
        assert teacher.activations(IRIS, "2").shape == (150, 3)  # by name, any of them

    def test_maps_stay_maps(self) -> None:
        X, y = load_digits(return_X_y=True)
        cnn = CNNTeacher((4,), (8,), max_epochs=1, random_state=0).fit(X[:200], y[:200])
        assert as_teacher(cnn).activations(X[:7], 0).shape == (7, 4, 4, 4)

    @pytest.mark.parametrize("layer", [2, -3, True, 0.0, "blocks.2", None])
    def test_an_absent_layer_is_refused(self, mlp: MLPTeacher, layer: Any) -> None:
        with pytest.raises(InputError, match=r"int in \[-2, 2\) or one of blocks.0"):
            as_teacher(mlp).activations(IRIS, layer)
        if layer != "blocks.2":
            with pytest.raises(InputError, match=r"int in \[-2, 2\) or one of 0, 1"):
                TorchTeacher(_smooth()).activations(IRIS, layer)

    def test_what_has_none_says_so(self) -> None:
        model = LogisticRegression(max_iter=1000).fit(IRIS, SPECIES)
        teacher = as_teacher(model)
        assert (teacher.layers, teacher.checkpoints) == ((), ())
        assert teacher.offers == frozenset()
        with pytest.raises(InputError, match="LogisticRegression, has no hidden"):
            teacher.activations(IRIS)
        with pytest.raises(InputError, match="cannot say how its logits change"):
            teacher.gradients(IRIS)
        alone = as_teacher(TorchTeacher(nn.Sequential(nn.Linear(4, 3))))
        assert alone.layers == ()
        with pytest.raises(InputError, match="0 hidden layers"):
            alone.activations(IRIS, 0)


class TestGradients:
    @pytest.mark.parametrize("last", [None, nn.Softmax(dim=1)])
    def test_a_modules_slopes_are_those_of_its_logits(self, last: Any) -> None:
        teacher = as_teacher(TorchTeacher(_smooth(last=last), batch_size=40))
        slopes = teacher.gradients(IRIS)
        np.testing.assert_allclose(slopes, _differences(teacher, IRIS), atol=1e-6)
        of_one = teacher.gradients(IRIS, 2)
        np.testing.assert_allclose(of_one, _differences(teacher, IRIS, 2), atol=1e-6)

    @pytest.mark.parametrize(
        ("n_outputs", "last", "task"),
        [
            (1, nn.Sigmoid(), "multiclass"),
            (1, None, "multiclass"),
            (3, nn.Sigmoid(), "multilabel"),
            (2, None, "regression"),
        ],
    )
    def test_outputs_of_every_kind(self, n_outputs: int, last: Any, task: str) -> None:
        kinds = {True: "probabilities", False: "auto"}
        module = _smooth(n_outputs=n_outputs, last=last)
        settings = {"task": task, "output": kinds[last is not None]}
        if task == "multiclass" and last is None:
            settings["output"] = "logits"
        teacher = as_teacher(TorchTeacher(module, **settings))
        np.testing.assert_allclose(
            teacher.gradients(IRIS, 1), _differences(teacher, IRIS, 1), atol=1e-6
        )
        if task != "multiclass":
            with pytest.raises(InputError, match="'output' parameter of gradients"):
                teacher.gradients(IRIS)

    def test_a_networks_slopes(self, mlp: MLPTeacher) -> None:
        teacher = as_teacher(mlp)
        slopes, by_steps = teacher.gradients(IRIS), _differences(teacher, IRIS)
        near = np.isclose(slopes, by_steps, atol=1e-3)  # but for kinks of ReLU
        assert near.mean() > 0.97
        asked = np.arange(150) % 3
        each = teacher.gradients(IRIS, asked)
        for k in range(3):
            np.testing.assert_allclose(
                each[asked == k], teacher.gradients(IRIS, k)[asked == k], atol=1e-6
            )

    def test_regression_has_one_output(self) -> None:
        X = np.random.default_rng(0).normal(size=(300, 2)) * [1, 1e8] + [0, 4e9]
        y = X[:, 0] + X[:, 1] / 1e8
        network = MLPRegressorTeacher((16,), max_epochs=15, random_state=0).fit(X, y)
        slopes = as_teacher(network).gradients(X)
        steps = _of_column(network, X, 1, 1e5)
        assert np.isclose(slopes[:, 1], steps, rtol=0.05).mean() > 0.95

    def test_no_slope_where_there_is_no_number(self) -> None:
        rng = np.random.default_rng(0)
        frame = pd.DataFrame(
            {
                "home": rng.choice(["own", "rent", "free"], 200),
                "age": np.where(rng.random(200) < 0.2, np.nan, rng.normal(size=200)),
                "day": pd.Timestamp("2020-01-01")
                + pd.to_timedelta(rng.integers(0, 99, 200), "D"),
            }
        )
        y = frame["age"].fillna(0).to_numpy() > 0
        teacher = as_teacher(MLPTeacher((4,), max_epochs=2).fit(frame, y))
        slopes = teacher.gradients(frame)
        assert slopes.shape == (200, 3)
        assert np.isnan(slopes[:, [0, 2]]).all()
        np.testing.assert_array_equal(np.isnan(slopes[:, 1]), frame["age"].isna())

    def test_where_torch_cannot_say(self) -> None:
        prepared = TorchTeacher(_smooth(), preprocess=lambda rows: rows * 2)
        assert "gradients" not in as_teacher(prepared).offers
        with pytest.raises(InputError, match="cannot say how its logits"):
            as_teacher(prepared).gradients(IRIS)
        with pytest.raises(InputError, match="no 'preprocess'"):
            prepared.gradients(IRIS)

        class Cut(nn.Module):
            def forward(self, rows: torch.Tensor) -> torch.Tensor:
                return rows.detach()[:, :3]

        with pytest.raises(InputError, match="do not depend on them"):
            TorchTeacher(Cut()).gradients(IRIS)

    @pytest.mark.parametrize("output", [3, -1, 0.5, "setosa", np.zeros(7, dtype=int)])
    def test_an_absent_output_is_refused(self, mlp: MLPTeacher, output: Any) -> None:
        for teacher in (as_teacher(mlp), as_teacher(TorchTeacher(_smooth()))):
            with pytest.raises(InputError, match="'output' parameter of gradients"):
                teacher.gradients(IRIS, output)

    def test_own_decisions_are_the_decided_class(self) -> None:
        class Careful(MLPTeacher):
            def predict(self, X: Any) -> Any:
                return np.full(len(X), 2)

        teacher = as_teacher(Careful((4,), max_epochs=1).fit(IRIS, SPECIES))
        np.testing.assert_array_equal(
            teacher.gradients(IRIS), teacher.gradients(IRIS, 2)
        )

    @settings(deadline=None, max_examples=15)
    @given(
        st.integers(1, 5), st.integers(2, 4), st.integers(1, 9), st.integers(0, 2**31)
    )
    def test_a_linear_modules_slopes_are_its_weights(
        self, n_features: int, n_classes: int, batch_size: int, seed: int
    ) -> None:
        rng = np.random.default_rng(seed)
        module = nn.Linear(n_features, n_classes).double()
        teacher = as_teacher(TorchTeacher(module, batch_size=batch_size))
        rows = rng.normal(size=(11, n_features))
        asked = rng.integers(0, n_classes, 11)
        weights = module.weight.detach().numpy()
        np.testing.assert_allclose(
            teacher.gradients(rows, asked), (weights - weights.mean(axis=0))[asked]
        )


def _of_column(network: Any, X: np.ndarray, j: int, step: float) -> np.ndarray:
    up, down = X.copy(), X.copy()
    up[:, j] += step
    down[:, j] -= step
    return (network.predict(up) - network.predict(down)) / (2 * step)


class TestCheckpoints:
    def test_they_are_teachers(self, mlp: MLPTeacher) -> None:
        teacher = as_teacher(mlp)
        stages = teacher.checkpoints
        assert [type(stage) for stage in stages] == [Teacher] * 4
        for epoch, stage in enumerate(stages, 1):
            np.testing.assert_array_equal(
                stage.logits(IRIS), mlp.at_checkpoint(epoch).logits(IRIS)
            )
        assert stages[0].classes is teacher.classes

    def test_none_were_kept(self) -> None:
        X, Y = make_multilabel_classification(60, 4, n_classes=2, random_state=0)
        teacher = as_teacher(MLPTeacher((4,), max_epochs=1).fit(X, Y))
        assert teacher.checkpoints == ()
        assert teacher.offers == {"activations", "gradients"}


class TestOrigin:
    def test_a_model_of_its_own_is_its_origin(self, mlp: MLPTeacher) -> None:
        teacher = as_teacher(mlp)
        assert teacher.origin is teacher
        cached = as_teacher(CachedTeacher(teacher))
        assert cached.origin is cached

    def test_a_chain_leads_to_its_first_teacher(self, mlp: MLPTeacher) -> None:
        student = CartStudent(4, search="greedy")
        first = DistilledClassifier(FrozenEstimator(mlp), student, random_state=0)
        second = DistilledClassifier(first, student, random_state=0)
        second.fit(IRIS, SPECIES)
        assert second.teacher_.origin.estimator is mlp
        cached = as_teacher(CachedTeacher(second.teacher_))
        assert cached.origin.estimator is mlp

    def test_it_reads_rows_as_the_user_has_them(self) -> None:
        frame = pd.DataFrame(IRIS)  # the names are numbers
        seen = []

        def says(rows: pd.DataFrame) -> Any:
            seen.append(list(rows.columns))
            return np.column_stack([rows[0], rows[1], rows[2]])

        student = CartStudent(3, search="greedy")
        first = DistilledClassifier(CallableTeacher(says), student, random_state=0)
        first.fit(frame)
        second = DistilledClassifier(FrozenEstimator(first), student, random_state=0)
        origin = second.fit(frame).teacher_.origin
        named = frame.set_axis([str(name) for name in frame.columns], axis=1)
        np.testing.assert_array_equal(origin.logits(named), origin.logits(frame))
        assert all(columns == [0, 1, 2, 3] for columns in seen)


def test_what_stands_before_a_teacher_has_what_that_one_has(mlp: MLPTeacher) -> None:
    teacher = as_teacher(mlp)
    before = as_teacher(CachedTeacher(teacher))
    assert (before.layers, before.offers) == (teacher.layers, ALL)
    for ask in ("activations", "gradients", "logits"):
        np.testing.assert_array_equal(
            getattr(before, ask)(IRIS), getattr(teacher, ask)(IRIS)
        )
    np.testing.assert_array_equal(
        before.checkpoints[1].logits(IRIS), teacher.checkpoints[1].logits(IRIS)
    )


def test_rows_are_read_before_they_are_asked_about(mlp: MLPTeacher) -> None:
    teacher = Teacher(mlp, mlp.classes_, "multiclass", reads=lambda X: X["rows"])
    given_rows: Any = {"rows": IRIS}
    plain = as_teacher(mlp)
    np.testing.assert_array_equal(
        teacher.activations(given_rows, 0), plain.activations(IRIS, 0)
    )
    np.testing.assert_array_equal(teacher.gradients(given_rows), plain.gradients(IRIS))
    np.testing.assert_array_equal(
        teacher.checkpoints[0].logits(given_rows), plain.checkpoints[0].logits(IRIS)
    )


def test_a_saved_network_is_read_when_it_is_built(
    mlp: MLPTeacher, tmp_path: Any
) -> None:
    student = CartStudent(4, search="greedy")
    model = DistilledClassifier(FrozenEstimator(mlp), student, random_state=0)
    model.fit(IRIS).save(tmp_path / "run")
    saved = load(tmp_path / "run").teacher_
    assert saved.layers == ("blocks.0", "blocks.1")
    assert saved.offers == {"activations", "gradients"}
    assert saved.origin is saved
    np.testing.assert_array_equal(saved.activations(IRIS, 0), mlp.activations(IRIS, 0))
