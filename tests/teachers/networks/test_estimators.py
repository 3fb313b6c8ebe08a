import copy
import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import safetensors.numpy
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks

from interpretkd._base import InputError
from interpretkd.data import expand
from interpretkd.teachers import (
    CNNRegressorTeacher,
    CNNTeacher,
    MLPRegressorTeacher,
    MLPTeacher,
    as_teacher,
    teacher_from_state,
)
from interpretkd.teachers._networks.training import _split

NETWORKS = [MLPTeacher, MLPRegressorTeacher, CNNTeacher, CNNRegressorTeacher]


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@parametrize_with_checks([network() for network in NETWORKS])
def test_networks_keep_the_contract(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def digits() -> tuple[Any, ...]:
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)


@pytest.fixture(scope="module")
def mixed() -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers and categories, each with and without gaps; the label needs all."""
    rng = np.random.default_rng(0)
    n = 600
    frame = pd.DataFrame(
        {
            "age": rng.uniform(20, 70, n).round(),
            "income": rng.lognormal(10, 1, n),
            "home": rng.choice(["own", "rent", "free"], n),
            "job": rng.choice(["a", "b"], n).astype(object),
            "member": rng.random(n) < 0.5,
        }
    )
    score = (frame["age"] > 45).astype(int) + (frame["home"] == "rent")
    frame.loc[rng.random(n) < 0.2, "income"] = np.nan
    frame.loc[rng.random(n) < 0.2, "job"] = None
    score += frame["income"].isna() & frame["job"].isna()
    return frame, np.array(["none", "one", "two", "three"])[score]


@pytest.fixture(scope="module")
def fitted(digits: Any, mixed: Any) -> dict[str, Any]:
    """One small fitted teacher of each kind, with rows to ask it about."""
    frame, labels = mixed
    X, _, y, _ = digits
    short = {"max_epochs": 4, "random_state": 0, "keep_checkpoints": True}
    X_many, Y_many = make_multilabel_classification(300, 8, n_classes=3, random_state=0)
    return {
        "mlp": (MLPTeacher((16, 8), batch_size=32, **short).fit(frame, labels), frame),
        "labels": (MLPTeacher((16,), **short).fit(X_many, Y_many), X_many),
        "values": (
            MLPRegressorTeacher((16,), **short).fit(
                frame, np.column_stack([frame["age"], 1e6 + frame["age"] ** 2])
            ),
            frame,
        ),
        "cnn": (CNNTeacher((4, 8), hidden=(16,), **short).fit(X, y), X),
        "cnn values": (
            CNNRegressorTeacher((4,), hidden=(8,), **short).fit(X, X.sum(axis=1)),
            X,
        ),
    }


KINDS = ["mlp", "labels", "values", "cnn", "cnn values"]


@pytest.mark.parametrize(
    "teacher",
    [
        MLPTeacher(random_state=0),
        CNNTeacher((16, 32), hidden=(64,), max_epochs=15, random_state=0),
    ],
)
def test_digits_are_learnt(digits: Any, teacher: Any) -> None:
    X, X_test, y, y_test = digits
    teacher = clone(teacher).fit(X, y)
    assert teacher.score(X_test, y_test) > 0.95
    last = max(r["validation_accuracy"] for r in teacher.history_)
    assert last > 0.95


def test_the_diabetes_regressor_is_as_good_as_ridge() -> None:
    from sklearn.linear_model import Ridge

    X, y = load_diabetes(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    teacher = MLPRegressorTeacher((64,), batch_size=32, random_state=0).fit(X, y)
    assert (
        teacher.score(X_test, y_test)
        > Ridge(1e-2).fit(X, y).score(X_test, y_test) - 0.1
    )
    assert teacher.history_[0]["validation_r2"] is not None


def test_values_far_from_zero_keep_their_digits() -> None:
    X = np.linspace(0, 1, 300)[:, None]
    y = 1.7e9 + 1000 * X[:, 0]
    teacher = MLPRegressorTeacher((32,), batch_size=32, random_state=0).fit(X, y)
    assert teacher.score(X, y) > 0.95


def test_mixed_columns_with_gaps_are_learnt(mixed: Any) -> None:
    frame, labels = mixed
    teacher = MLPTeacher((64,), batch_size=32, dropout=0, random_state=0)
    teacher.fit(frame[:450], labels[:450])
    assert teacher.score(frame[450:], labels[450:]) > 0.9
    assert teacher.classes_.tolist() == ["none", "one", "three", "two"]


def test_polars_answers_as_pandas(fitted: Any, mixed: Any) -> None:
    teacher, frame = fitted["mlp"]
    columns = {c: frame[c].astype(object).where(frame[c].notna(), None) for c in frame}
    rows = pl.DataFrame({c: column.tolist() for c, column in columns.items()})
    assert rows["job"].null_count() > 0
    np.testing.assert_array_equal(teacher.logits(rows), teacher.logits(frame))
    again = clone(teacher).fit(rows, mixed[1])
    np.testing.assert_array_equal(again.logits(frame), teacher.logits(frame))


def test_logits_are_the_networks(fitted: Any) -> None:
    teacher, frame = fitted["mlp"]
    columns = teacher.schema_.columns(indicate_missing=True)
    matrix = expand(teacher.schema_.encode(frame), columns)
    with torch.inference_mode():
        expected = teacher.network_(torch.tensor(matrix)).numpy()
    logits = teacher.logits(frame)
    np.testing.assert_allclose(logits, expected, rtol=1e-12)
    assert logits.dtype == np.float64
    oracle = torch.softmax(torch.tensor(expected), dim=1).numpy()
    np.testing.assert_allclose(teacher.predict_proba(frame), oracle, atol=1e-12)
    np.testing.assert_array_equal(
        teacher.predict(frame), teacher.classes_[expected.argmax(axis=1)]
    )


def test_numbers_are_standardised_by_the_training_rows() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal([5, -3], [2, 0.1], (100, 2))
    X[:10, 0] = np.nan
    teacher = MLPTeacher((4,), max_epochs=1, random_state=0).fit(X, X[:, 1] > -3)
    inputs = teacher.network_.inputs
    np.testing.assert_allclose(inputs.mean[:1], [np.nanmean(X[:, 0])], rtol=1e-5)
    np.testing.assert_allclose(inputs.scale[:1], [np.nanstd(X[:, 0])], rtol=1e-5)
    # The indicator of the gaps stays 0 and 1.
    assert (inputs.mean[1], inputs.scale[1]) == (0, 1)


def test_pixels_have_one_scale_and_a_place(fitted: Any) -> None:
    teacher, _ = fitted["cnn"]
    assert teacher.network_.inputs.scale.shape == (1,)
    assert teacher.schema_.image_shape == (8, 8)
    assert {f.kind for f in teacher.schema_.features} == {"pixel"}


@pytest.mark.parametrize(
    ("given", "n_columns", "found"),
    [
        (None, 36, (6, 6)),
        (None, 10, (1, 10)),
        ((2, 5), 10, (2, 5)),
        ((3, 2, 2), 12, (3, 2, 2)),
    ],
)
def test_the_image_shape_is_given_or_found(
    given: Any, n_columns: int, found: Any
) -> None:
    X = np.random.default_rng(0).random((40, n_columns))
    teacher = CNNTeacher((4,), hidden=(4,), image_shape=given, max_epochs=1)
    teacher.fit(X, X[:, 0] > 0.5)
    assert teacher.schema_.image_shape == found
    assert teacher.image_shape_ == found
    assert teacher.logits(X).shape == (40, 2)


def test_labels_are_decided_each_on_its_own(fitted: Any) -> None:
    teacher, X = fitted["labels"]
    logits = teacher.logits(X)
    assert teacher.task_ == "multilabel"
    np.testing.assert_array_equal(teacher.predict(X), (logits > 0).astype(int))
    oracle = torch.sigmoid(torch.tensor(logits)).numpy()
    np.testing.assert_allclose(teacher.predict_proba(X), oracle, atol=1e-12)
    np.testing.assert_array_equal(teacher.decision_function(X), logits)


def test_labels_are_learnt() -> None:
    X, Y = make_multilabel_classification(600, 10, n_classes=4, random_state=1)
    teacher = MLPTeacher((64,), batch_size=64, max_epochs=20, random_state=0).fit(
        X[:450], Y[:450]
    )
    right = (teacher.predict(X[450:]) == Y[450:]).mean()
    always = max(Y[450:].mean(), 1 - Y[450:].mean())
    assert right > always + 0.15


@pytest.mark.parametrize("network", NETWORKS)
def test_the_same_seed_gives_the_same_bits(network: Any, digits: Any) -> None:
    X, _, y, _ = digits
    teachers = [
        network(max_epochs=2, hidden=(8,), random_state=seed).fit(X[:400], y[:400])
        for seed in (0, 0, 1)
    ]
    first, same, other = (t.get_state()[1] for t in teachers)
    assert all((first[name] == same[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)


def test_global_generators_are_left_alone(digits: Any) -> None:
    X, _, y, _ = digits
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    teacher = MLPTeacher((8,), max_epochs=1, random_state=0).fit(X, y)
    teacher_from_state(*teacher.get_state()).logits(X)
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_equal(np.random.get_state(), numpy_state)  # noqa: NPY002


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_survives_a_file_to_the_bit(fitted: Any, kind: str) -> None:
    teacher, rows = fitted[kind]
    config, arrays = teacher.get_state()
    config = json.loads(json.dumps(config, allow_nan=False))
    arrays = safetensors.numpy.load(safetensors.numpy.save(arrays))
    again = teacher_from_state(config, arrays)
    np.testing.assert_array_equal(again.logits(rows), teacher.logits(rows))
    np.testing.assert_array_equal(again.predict(rows), teacher.predict(rows))
    assert again.predict(rows).dtype == teacher.predict(rows).dtype
    assert again.get_params() == teacher.get_params()
    assert again.history_ == teacher.history_
    assert again.n_parameters == teacher.n_parameters
    assert again.get_state()[0] == teacher.get_state()[0]


def _damages() -> dict[str, Any]:
    def absent(config: Any, arrays: Any) -> None:
        arrays.pop("head.bias")

    def further(config: Any, arrays: Any) -> None:
        arrays["more"] = np.zeros(1, np.float32)

    def shape(config: Any, arrays: Any) -> None:
        arrays["head.bias"] = arrays["head.bias"][:-1]

    def dtype(config: Any, arrays: Any) -> None:
        arrays["head.bias"] = arrays["head.bias"].astype(np.float64)

    def infinite(config: Any, arrays: Any) -> None:
        arrays["head.bias"] = arrays["head.bias"] + np.float32(np.inf)

    def klass(config: Any, arrays: Any) -> None:
        config["class"] = "PipelineTeacher"

    def size(config: Any, arrays: Any) -> None:
        config["sizes"]["hidden"] = [10**9, 10**9]

    def size_type(config: Any, arrays: Any) -> None:
        config["sizes"]["hidden"] = "abc"

    def setting(config: Any, arrays: Any) -> None:
        config["settings"]["code"] = "x"

    def setting_value(config: Any, arrays: Any) -> None:
        config["settings"]["dropout"] = 7

    def classes(config: Any, arrays: Any) -> None:
        config["classes"]["values"].pop()

    def class_kind(config: Any, arrays: Any) -> None:
        config["classes"]["kind"] = "V"

    def class_type(config: Any, arrays: Any) -> None:
        config["classes"]["values"][0] = ["a"]

    def task(config: Any, arrays: Any) -> None:
        config["task"] = "regression"

    def column(config: Any, arrays: Any) -> None:
        config["schema"]["features"].pop()

    def key(config: Any, arrays: Any) -> None:
        config.pop("sizes")

    def history(config: Any, arrays: Any) -> None:
        config["history"] = 7

    return {name: f for name, f in locals().items() if callable(f)}


@pytest.mark.parametrize("damage", _damages().values(), ids=_damages().keys())
def test_a_damaged_state_is_refused(fitted: Any, damage: Any) -> None:
    config, arrays = copy.deepcopy(fitted["mlp"][0].get_state())
    damage(config, arrays)
    with pytest.raises(InputError):
        teacher_from_state(config, arrays)


@pytest.mark.parametrize("kind", KINDS)
def test_checkpoints_are_the_network_after_each_epoch(fitted: Any, kind: str) -> None:
    teacher, rows = fitted[kind]
    logits = teacher.logits(rows)
    assert len(teacher.checkpoints_) == len(teacher.history_) == 4
    stages = [teacher.at_checkpoint(epoch).logits(rows) for epoch in (1, 2, 3, 4)]
    losses = [record["validation_loss"] for record in teacher.history_]
    np.testing.assert_array_equal(stages[int(np.argmin(losses))], logits)
    assert (stages[0] != stages[3]).any()
    np.testing.assert_array_equal(teacher.logits(rows), logits)


def test_an_absent_checkpoint_is_refused(fitted: Any, digits: Any) -> None:
    with pytest.raises(InputError, match=r"\[1, 4\]"):
        fitted["mlp"][0].at_checkpoint(5)
    X, _, y, _ = digits
    with pytest.raises(InputError, match="keep_checkpoints=True"):
        MLPTeacher((4,), max_epochs=1).fit(X, y).at_checkpoint(1)


def test_activations_lead_to_the_logits(fitted: Any) -> None:
    teacher, rows = fitted["cnn"]
    assert teacher.activations(rows, 0).shape == (len(rows), 4, 4, 4)
    last = teacher.activations(rows)
    assert last.shape == (len(rows), 16)
    assert last.dtype == np.float32
    head = teacher.network_.head
    logits = last @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(logits, teacher.logits(rows), rtol=1e-4, atol=1e-5)


def test_more_rows_than_a_batch_are_answered_alike(fitted: Any) -> None:
    teacher, frame = fitted["mlp"]
    many = pd.concat([frame] * 4, ignore_index=True)
    logits = teacher.logits(many).reshape(4, len(frame), -1)
    for part in logits:
        np.testing.assert_allclose(part, teacher.logits(frame), rtol=1e-12)


def test_training_stops_early(digits: Any) -> None:
    X, _, y, _ = digits
    y = np.random.default_rng(0).permutation(y)
    teacher = MLPTeacher((64,), max_epochs=60, patience=2, dropout=0, random_state=0)
    losses = [record["validation_loss"] for record in teacher.fit(X, y).history_]
    assert len(losses) == int(np.argmin(losses)) + 1 + 2 < 60


def test_few_rows_are_all_trained_on() -> None:
    X, y = load_digits(return_X_y=True)
    teacher = MLPTeacher((8,), max_epochs=15, patience=1, random_state=0)
    history = teacher.fit(X[:100], y[:100]).history_
    assert len(history) == 15
    assert history[-1]["validation_loss"] is history[-1]["validation_accuracy"] is None


def test_the_held_out_part_has_each_class_in_proportion() -> None:
    strata = np.repeat([0, 1, 2, 3], [600, 300, 100, 1])
    generator = np.random.RandomState(0)
    kept, held_out = _split(1001, 0.1, strata, generator)
    assert np.bincount(strata[held_out]).tolist() == [60, 30, 10]
    # The only row of a class is trained on.
    assert sorted([*kept, *held_out]) == list(range(1001))


def test_progress_is_shown_on_stderr_when_wished(digits: Any, capsys: Any) -> None:
    X, _, y, _ = digits
    MLPTeacher((8,), max_epochs=2, random_state=0).fit(X, y)
    assert capsys.readouterr() == ("", "")
    MLPTeacher((8,), max_epochs=2, verbose=True, random_state=0).fit(X, y)
    out, err = capsys.readouterr()
    assert out == ""
    for text in ("epoch 2/2", "loss", "validation accuracy"):
        assert text in err


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"hidden": ()}, "'hidden'"),
        ({"hidden": (0,)}, "'hidden'"),
        ({"hidden": 5}, "'hidden'"),
        ({"max_epochs": 0}, "'max_epochs'"),
        ({"patience": 0}, "'patience'"),
        ({"batch_size": 1}, "'batch_size'"),
        ({"learning_rate": 0}, "'learning_rate'"),
        ({"weight_decay": -1}, "'weight_decay'"),
        ({"dropout": 1}, "'dropout'"),
        ({"label_smoothing": 1}, "'label_smoothing'"),
        ({"validation_fraction": 0.6}, "'validation_fraction'"),
        ({"batch_norm": 1}, "'batch_norm'"),
        ({"verbose": "yes"}, "'verbose'"),
        ({"device": "abacus"}, "'device'"),
        ({"device": "meta"}, "'device'"),
    ],
)
def test_wrong_settings_are_named(digits: Any, settings: Any, text: str) -> None:
    X, _, y, _ = digits
    with pytest.raises(InputError, match=text):
        MLPTeacher(**settings).fit(X, y)


def test_wrong_images_are_refused(digits: Any, mixed: Any) -> None:
    X, _, y, _ = digits
    with pytest.raises(InputError, match="'image_shape'"):
        CNNTeacher(image_shape=(7, 7)).fit(X, y)
    with pytest.raises(InputError, match="'channels'"):
        CNNTeacher(()).fit(X, y)
    with pytest.raises(InputError, match="categorical columns"):
        CNNTeacher().fit(*mixed)


def test_wrong_labels_are_refused(digits: Any) -> None:
    X, _, y, _ = digits
    with pytest.raises(InputError, match="one class"):
        MLPTeacher().fit(X, np.zeros(len(X)))
    with pytest.raises(InputError, match="labels, 0 or 1"):
        MLPTeacher().fit(X, np.column_stack([y, y]))
    gaps = y.astype(object)
    gaps[3] = None
    with pytest.raises(InputError, match="contains NaN"):
        MLPTeacher().fit(X, gaps)


def test_as_teacher_reads_the_networks(fitted: Any) -> None:
    for kind, task in zip(
        KINDS,
        ("multiclass", "multilabel", "regression", "multiclass", "regression"),
        strict=True,
    ):
        estimator, rows = fitted[kind]
        teacher = as_teacher(estimator)
        assert teacher.task == task
        assert (teacher.classes is None) == (task == "regression")
        assert teacher.size_bytes == 4 * teacher.n_parameters
        np.testing.assert_array_equal(teacher.logits(rows), estimator.logits(rows))
    with pytest.raises(NotFittedError):
        as_teacher(MLPTeacher())
