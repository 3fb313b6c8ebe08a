from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from skl2onnx import to_onnx
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier
from interpretkd.targets import log_probabilities
from interpretkd.teachers import (
    CallableTeacher,
    OnnxTeacher,
    Teacher,
    TorchTeacher,
    as_teacher,
)

IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
MANY, LABELS = make_multilabel_classification(120, 6, n_classes=3, random_state=0)


def _module(n_outputs: int = 3) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, n_outputs)
        )
        module(torch.tensor(IRIS, dtype=torch.float32))
    return module.eval()


def _plain(module: nn.Module, rows: Any = IRIS) -> np.ndarray:
    with torch.inference_mode():
        return module(torch.tensor(np.asarray(rows), dtype=torch.float32)).numpy()


class TestAsTeacher:
    def test_a_classifier_gives_its_log_probabilities(self) -> None:
        model = LogisticRegression(max_iter=1000).fit(IRIS, NAMES)
        teacher = as_teacher(FrozenEstimator(model))
        np.testing.assert_allclose(
            teacher.logits(IRIS), model.predict_log_proba(IRIS), atol=1e-12
        )
        assert teacher.estimator is model
        assert teacher.classes.tolist() == model.classes_.tolist()
        assert (teacher.task, teacher.n_parameters) == ("multiclass", 15)
        assert teacher.size_bytes == 15 * 8

    def test_a_probability_of_0_has_a_finite_logarithm(self) -> None:
        model = DecisionTreeClassifier().fit(IRIS, SPECIES)
        logits = as_teacher(model).logits(IRIS)
        assert logits.min() == pytest.approx(np.log(1e-12))
        assert as_teacher(model).n_parameters is None

    def test_two_classes_have_two_columns(self) -> None:
        two = SPECIES > 0
        model = LinearSVC().fit(IRIS, two)
        logits = as_teacher(model).logits(IRIS)
        margin = model.decision_function(IRIS)
        np.testing.assert_allclose(logits, np.column_stack([-margin / 2, margin / 2]))
        decided = model.classes_[logits.argmax(axis=1)]
        np.testing.assert_array_equal(decided, model.predict(IRIS))

    def test_a_decision_function_of_several_classes(self) -> None:
        model = RidgeClassifier().fit(IRIS, SPECIES)
        np.testing.assert_allclose(
            as_teacher(model).logits(IRIS), model.decision_function(IRIS)
        )

    def test_one_against_one_is_refused(self) -> None:
        y = np.arange(150) % 4
        model = SVC(decision_function_shape="ovo").fit(IRIS, y)
        with pytest.raises(InputError, match="6 pairs of its 4 classes"):
            as_teacher(model).logits(IRIS)

    @pytest.mark.parametrize(
        "model",
        [
            MLPClassifier((5,), solver="lbfgs", max_iter=2000, random_state=0),
            RandomForestClassifier(5, random_state=0),
            OneVsRestClassifier(LogisticRegression()),
            MultiOutputClassifier(LogisticRegression()),
            make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression())),
            RidgeClassifier(),
        ],
        ids=lambda model: type(model).__name__,
    )
    def test_labels_have_a_logit_each(self, model: Any) -> None:
        model = clone(model).fit(MANY, LABELS)
        teacher = as_teacher(model)
        assert teacher.task == "multilabel"
        assert teacher.classes.tolist() == [0, 1, 2]
        logits = teacher.logits(MANY)
        clear = np.abs(logits) > 1e-9
        same = (logits > 0) == (model.predict(MANY) == 1)
        assert same[clear].all()
        assert clear.mean() > 0.9

    def test_a_label_that_was_never_there(self) -> None:
        labels = LABELS.copy()
        labels[:, 1] = 0
        model = RandomForestClassifier(5, random_state=0).fit(MANY, labels)
        assert (as_teacher(model).logits(MANY)[:, 1] < -20).all()

    def test_several_outputs_that_are_no_labels_are_refused(self) -> None:
        y = np.column_stack([SPECIES, SPECIES])
        model = DecisionTreeClassifier().fit(IRIS, y)
        with pytest.raises(InputError, match="classifier of labels"):
            as_teacher(model)

    @pytest.mark.parametrize("n_columns", [1, 2])
    def test_a_regressor_gives_its_values(self, n_columns: int) -> None:
        X, y = load_diabetes(return_X_y=True)
        targets = np.column_stack([y, y**2])[:, :n_columns]
        model = Ridge().fit(X, targets[:, 0] if n_columns == 1 else targets)
        teacher = as_teacher(model)
        assert (teacher.task, teacher.classes) == ("regression", None)
        expected = np.asarray(model.predict(X)).reshape(len(X), n_columns)
        np.testing.assert_array_equal(teacher.logits(X), expected)
        assert teacher.n_parameters == n_columns * 11

    def test_an_mlps_numbers_are_counted(self) -> None:
        model = MLPClassifier((5,), solver="lbfgs", max_iter=2000).fit(IRIS, SPECIES)
        assert as_teacher(model).n_parameters == 4 * 5 + 5 + 5 * 3 + 3

    def test_anything_with_logits_will_do(self) -> None:
        class Own:
            classes_ = ("a", "b")

            def logits(self, X: Any) -> Any:
                return [[0, 1]] * len(X)

        teacher = as_teacher(Own())
        assert teacher.logits(IRIS).dtype == np.float64
        assert teacher.classes.tolist() == ["a", "b"]
        assert as_teacher(teacher) is teacher

    def test_a_distilled_model_is_a_teacher(self) -> None:
        model = LogisticRegression(max_iter=1000).fit(IRIS, NAMES)
        student = DistilledClassifier(FrozenEstimator(model), random_state=0)
        teacher = as_teacher(student.fit(IRIS, NAMES))
        np.testing.assert_array_equal(teacher.logits(IRIS), student.logits(IRIS))
        assert teacher.n_parameters == student.n_parameters

    def test_what_is_not_fitted_is_refused(self) -> None:
        for model in (LogisticRegression(), FrozenEstimator(Ridge())):
            with pytest.raises(NotFittedError):
                as_teacher(model)

    @pytest.mark.parametrize(
        "other", [object(), 3, "model", KMeans(2, n_init=1).fit(IRIS)]
    )
    def test_anything_else_is_refused(self, other: Any) -> None:
        with pytest.raises(InputError, match="logits, predict_proba"):
            as_teacher(other)

    def test_many_rows_are_asked_in_batches(self) -> None:
        X = np.tile(IRIS, (300, 1))
        model = LogisticRegression(max_iter=1000).fit(IRIS, SPECIES)
        seen = []

        class Watched(LogisticRegression):
            def predict_proba(self, X: Any) -> Any:
                seen.append(len(X))
                return super().predict_proba(X)

        watched = Watched()
        vars(watched).update(vars(model))
        logits = as_teacher(watched).logits(X)
        assert max(seen) < len(X) == sum(seen)
        np.testing.assert_allclose(logits, model.predict_log_proba(X), atol=1e-12)


class TestTorchTeacher:
    def test_it_says_what_the_module_says(self) -> None:
        module = _module()
        teacher = TorchTeacher(module, classes=["a", "b", "c"], batch_size=7)
        logits = teacher.logits(IRIS)
        np.testing.assert_allclose(logits, _plain(module), atol=1e-6)
        assert logits.dtype == np.float64
        best = np.array(["a", "b", "c"])[logits.argmax(axis=1)]
        np.testing.assert_array_equal(teacher.predict(IRIS), best)
        oracle = torch.softmax(torch.tensor(logits), dim=1).numpy()
        np.testing.assert_allclose(teacher.predict_proba(IRIS), oracle, atol=1e-12)
        assert teacher.n_parameters == 4 * 8 + 8 + 16 + 8 * 3 + 3
        assert teacher.size_bytes == 4 * teacher.n_parameters

    def test_frames_are_read(self) -> None:
        module = _module()
        for frame in (pd.DataFrame(IRIS), pl.DataFrame(IRIS)):
            logits = TorchTeacher(module).logits(frame)
            np.testing.assert_allclose(logits, _plain(module), atol=1e-6)
        words = pd.DataFrame({"x": ["a", "b"]})
        with pytest.raises(InputError, match="'preprocess'"):
            TorchTeacher(module).logits(words)

    def test_rows_are_prepared(self) -> None:
        module = _module()
        words = pd.DataFrame({"row": [f"r{i}" for i in range(150)]})

        def prepare(rows: pd.DataFrame) -> torch.Tensor:
            places = rows["row"].str[1:].astype(int).to_numpy()
            return torch.tensor(IRIS[places], dtype=torch.float32)

        teacher = TorchTeacher(module, preprocess=prepare, batch_size=40)
        np.testing.assert_allclose(teacher.logits(words), _plain(module), atol=1e-6)

    def test_images_get_their_shape(self) -> None:
        module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)).eval()
        rows = np.random.default_rng(0).random((5, 16))
        teacher = TorchTeacher(module, input_shape=(1, 4, 4))
        assert teacher.classes_.tolist() == [0, 1]
        expected = _plain(module, rows.reshape(5, 1, 4, 4))
        np.testing.assert_allclose(teacher.logits(rows), expected, atol=1e-6)
        assert teacher.activations(rows, "0").shape == (5, 2, 2, 2)
        with pytest.raises(InputError, match="do not fit the input shape"):
            teacher.logits(rows[:, :9])

    def test_the_modules_modes_are_put_back(self) -> None:
        module = _module().train()
        module[1].eval()
        before = [part.training for part in module.modules()]
        state = {name: value.clone() for name, value in module.state_dict().items()}
        teacher = TorchTeacher(module)
        np.testing.assert_array_equal(teacher.logits(IRIS), teacher.logits(IRIS))
        assert [part.training for part in module.modules()] == before
        after = module.state_dict()
        assert all(torch.equal(after[name], state[name]) for name in state)

    def test_activations_are_the_submodules(self) -> None:
        module = _module()
        teacher = TorchTeacher(module, batch_size=9)
        np.testing.assert_allclose(
            teacher.activations(IRIS, "2"), _plain(module[:3]), atol=1e-6
        )
        assert not module[2]._forward_hooks
        with pytest.raises(InputError, match="no submodule '7'"):
            teacher.activations(IRIS, "7")

    def test_classes_are_found(self) -> None:
        assert TorchTeacher(_module(5)).classes_.tolist() == [0, 1, 2, 3, 4]

        class Hidden(nn.Module):
            def forward(self, rows: torch.Tensor) -> torch.Tensor:
                return rows[:, :2]

        teacher = TorchTeacher(Hidden())
        assert as_teacher(teacher).classes is None
        teacher.logits(IRIS)
        assert teacher.classes_.tolist() == [0, 1]

    def test_regression_gives_values(self) -> None:
        teacher = TorchTeacher(_module(1), task="regression")
        assert teacher.predict(IRIS).shape == (150,)
        assert not hasattr(teacher, "predict_proba")
        assert not hasattr(teacher, "classes_")
        assert as_teacher(teacher).task == "regression"

    def test_it_teaches_frozen(self) -> None:
        teacher = TorchTeacher(_module(), classes=NAMES[[0, 50, 100]])
        assert clone(teacher) is teacher.fit(IRIS, NAMES) is teacher
        for frozen in (teacher, FrozenEstimator(teacher)):
            model = DistilledClassifier(frozen, target="soft", random_state=0)
            assert model.fit(IRIS).teacher_.estimator is teacher
            assert model.fidelity(IRIS).value > 0.8

    def test_wrong_modules_and_answers_are_refused(self) -> None:
        with pytest.raises(InputError, match=r"must be a torch.nn.Module"):
            TorchTeacher(len)
        with pytest.raises(InputError, match="cannot read inputs of shape"):
            TorchTeacher(_module()).logits(IRIS[:, :3])
        with pytest.raises(InputError, match=r"must return one tensor. Got tuple"):
            TorchTeacher(nn.LSTM(4, 3)).logits(IRIS)
        with pytest.raises(InputError, match=r"\(150, 2\). Got \(150, 3\)"):
            TorchTeacher(_module(), classes=["a", "b"]).logits(IRIS)


class TestCallableTeacher:
    @given(arrays(np.float64, (6, 3), elements=st.floats(0.01, 1)))
    def test_probabilities_become_logits(self, weights: np.ndarray) -> None:
        p = weights / weights.sum(axis=1, keepdims=True)
        teacher = CallableTeacher(lambda rows: p[: len(rows)], output="probabilities")
        logits = teacher.logits(np.zeros((6, 1)))
        np.testing.assert_allclose(logits, np.log(p))
        np.testing.assert_allclose(teacher.predict_proba(np.zeros((6, 1))), p)
        np.testing.assert_allclose(logits, log_probabilities(logits), atol=1e-9)

    def test_label_probabilities_become_logits(self) -> None:
        p = np.array([[0.0, 0.25, 1.0]])
        teacher = CallableTeacher(
            lambda rows: p, task="multilabel", output="probabilities"
        )
        np.testing.assert_allclose(teacher.predict_proba(p), p, atol=1e-11)
        assert np.isfinite(teacher.logits(p)).all()

    @pytest.mark.parametrize("output", ["logits", "probabilities"])
    def test_a_single_column_is_the_second_class(self, output: str) -> None:
        z = np.array([-2.0, 0.5])
        p = 1 / (1 + np.exp(-z))
        said = z if output == "logits" else p
        teacher = CallableTeacher(
            lambda rows: said[:, None], classes=["no", "yes"], output=output
        )
        np.testing.assert_allclose(teacher.predict_proba(IRIS[:2])[:, 1], p)
        assert teacher.predict(IRIS[:2]).tolist() == ["no", "yes"]

    def test_rows_come_in_batches(self) -> None:
        sizes = []

        def f(rows: Any) -> Any:
            assert isinstance(rows, pd.DataFrame)
            sizes.append(len(rows))
            return np.column_stack([rows["a"], -rows["a"]])

        frame = pd.DataFrame({"a": np.arange(10.0)})
        logits = CallableTeacher(f, batch_size=4).logits(frame)
        assert sizes == [4, 4, 2]
        np.testing.assert_array_equal(logits[:, 0], np.arange(10.0))

    @pytest.mark.parametrize(
        ("said", "text"),
        [
            (np.full((2, 3), np.nan), r"finite. Got \[nan, nan, nan\] for row 0"),
            (np.zeros((3, 3)), r"Got \(3, 3\)"),
            (np.zeros((2, 3, 1)), r"Got \(2, 3, 1\)"),
        ],
    )
    def test_wrong_answers_are_refused(self, said: Any, text: str) -> None:
        with pytest.raises(InputError, match=text):
            CallableTeacher(lambda rows: said).logits(IRIS[:2])

    def test_impossible_probabilities_are_refused(self) -> None:
        teacher = CallableTeacher(lambda rows: rows, output="probabilities")
        with pytest.raises(InputError, match=r"lie in \[0, 1\]"):
            teacher.logits(IRIS)

    @pytest.mark.parametrize(
        ("settings", "text"),
        [
            ({"task": "ranking"}, "'task'"),
            ({"output": "labels"}, "'output'"),
            ({"output": "values"}, "'output'"),
            ({"task": "regression", "output": "probabilities"}, "'output'"),
            ({"batch_size": 0}, "'batch_size'"),
        ],
    )
    def test_wrong_settings_are_named(self, settings: Any, text: str) -> None:
        with pytest.raises(InputError, match=text):
            CallableTeacher(len, **settings)

    def test_no_rows_are_refused(self) -> None:
        with pytest.raises(InputError, match="0 samples"):
            CallableTeacher(lambda rows: rows).logits(IRIS[:0])


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "module.onnx"
    rows = (torch.zeros(2, 4),)
    torch.onnx.export(
        _module(),
        rows,
        path,
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("n")},),
        verbose=False,
    )
    return path


def _of_sklearn(model: Any, path: Path, **options: Any) -> Path:
    onnx_model = to_onnx(model, IRIS[:1].astype(np.float32), **options)
    path.write_bytes(onnx_model.SerializeToString())
    return path


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
class TestOnnxTeacher:
    def test_an_exported_module_says_the_same(self, exported: Path) -> None:
        teacher = OnnxTeacher(exported, batch_size=40)
        assert teacher.classes_.tolist() == [0, 1, 2]
        np.testing.assert_allclose(teacher.logits(IRIS), _plain(_module()), atol=1e-5)
        session = onnxruntime.InferenceSession(exported)
        name = session.get_inputs()[0].name
        said = session.run(None, {name: IRIS.astype(np.float32)})[0]
        np.testing.assert_allclose(teacher.logits(IRIS), said, atol=1e-6)
        assert teacher.n_parameters >= TorchTeacher(_module()).n_parameters - 16
        files = [exported, *exported.parent.glob("*.data")]
        assert teacher.size_bytes == sum(file.stat().st_size for file in files)

    def test_idle_threads_sleep(
        self, exported: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = "interpretkd.teachers._onnx_file.allowed_threads"
        monkeypatch.setattr(place, lambda: 3)
        options = OnnxTeacher(exported)._session.get_session_options()
        assert options.intra_op_num_threads == 3
        key = "session.intra_op.allow_spinning"
        assert options.get_session_config_entry(key) == "0"

    def test_one_file_holds_all(self, exported: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy.onnx"
        copy.write_bytes(OnnxTeacher(exported).to_bytes())
        np.testing.assert_array_equal(
            OnnxTeacher(copy).logits(IRIS), OnnxTeacher(exported).logits(IRIS)
        )

    def test_scikit_learns_probabilities_are_recognised(self, tmp_path: Path) -> None:
        model = LogisticRegression(max_iter=1000).fit(IRIS, SPECIES)
        path = _of_sklearn(
            model, tmp_path / "m.onnx", options={"zipmap": False}, target_opset=17
        )
        for output in ("auto", "probabilities"):
            teacher = OnnxTeacher(path, classes=["a", "b", "c"], output=output)
            np.testing.assert_allclose(
                teacher.logits(IRIS), model.predict_log_proba(IRIS), atol=1e-4
            )
        chosen = OnnxTeacher(path, output_name="probabilities")
        np.testing.assert_array_equal(chosen.logits(IRIS), teacher.logits(IRIS))
        with pytest.raises(InputError, match="no output 'logits'"):
            OnnxTeacher(path, output_name="logits")

    def test_a_zipmap_is_refused_with_advice(self, tmp_path: Path) -> None:
        model = LogisticRegression(max_iter=1000).fit(IRIS, SPECIES)
        path = _of_sklearn(model, tmp_path / "m.onnx", target_opset=17)
        with pytest.raises(InputError, match="zipmap=False"):
            OnnxTeacher(path)

    def test_a_regressor_gives_values(self, tmp_path: Path) -> None:
        model = LinearRegression().fit(IRIS[:, :], IRIS[:, 0] * 2)
        path = _of_sklearn(model, tmp_path / "m.onnx", target_opset=17)
        teacher = OnnxTeacher(path, task="regression")
        np.testing.assert_allclose(
            teacher.predict(IRIS), model.predict(IRIS), atol=1e-5
        )

    def test_a_fixed_batch_of_images(self, tmp_path: Path) -> None:
        module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)).eval()
        path = tmp_path / "m.onnx"
        torch.onnx.export(
            module, (torch.zeros(4, 1, 4, 4),), path, dynamo=True, verbose=False
        )
        rows = np.random.default_rng(0).random((6, 16))
        teacher = OnnxTeacher(path, output="logits")
        expected = _plain(module, rows.reshape(6, 1, 4, 4))
        np.testing.assert_allclose(teacher.logits(rows), expected, atol=1e-5)
        assert teacher.classes_.tolist() == [0, 1]

    def test_labels_need_to_be_told(self, exported: Path) -> None:
        with pytest.raises(InputError, match="'logits' or 'probabilities'"):
            OnnxTeacher(exported, task="multilabel").logits(IRIS)
        teacher = OnnxTeacher(exported, task="multilabel", output="logits")
        np.testing.assert_array_equal(teacher.predict(IRIS), teacher.logits(IRIS) > 0)

    def test_bad_files_are_one_clear_error(self, tmp_path: Path, capfd: Any) -> None:
        with pytest.raises(InputError, match="There is no ONNX file"):
            OnnxTeacher(tmp_path / "absent.onnx")
        for content in (b"", b"not a model", b"\x08\x07" * 400):
            path = tmp_path / "bad.onnx"
            path.write_bytes(content)
            with pytest.raises(InputError, match="ONNX"):
                OnnxTeacher(path)
        assert capfd.readouterr().err == ""

    def test_rows_of_another_width_are_refused(self, exported: Path) -> None:
        with pytest.raises(InputError, match=r"cannot read rows of shape \(150, 3\)"):
            OnnxTeacher(exported).logits(IRIS[:, :3])

    def test_it_teaches_frozen(self, exported: Path) -> None:
        teacher = OnnxTeacher(exported)
        assert clone(teacher) is teacher
        model = DistilledClassifier(teacher, target="soft", random_state=0).fit(IRIS)
        assert model.teacher_.n_parameters == teacher.n_parameters
        assert model.fidelity(IRIS).value > 0.8


def test_the_handle_is_frozen() -> None:
    teacher = as_teacher(Ridge().fit(IRIS, SPECIES))
    assert isinstance(teacher, Teacher)
    with pytest.raises(AttributeError):
        teacher.task = "multiclass"  # type: ignore[misc]
