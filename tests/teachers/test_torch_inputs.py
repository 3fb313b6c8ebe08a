"""Torch modules of other types and forms, and what their outputs look like."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.students import CartStudent
from interpretkd.teachers import CallableTeacher, TorchTeacher, as_teacher

ROWS = np.random.default_rng(0).normal(size=(60, 4))
PLACES = np.random.default_rng(1).integers(0, 5, size=(60, 4)).astype(float)


def _linear(n_outputs: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(4, n_outputs)


def _looked_up() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(12, 3))


def _distil(teacher: Any, rows: Any) -> Any:
    student = CartStudent(3, search="greedy")
    return DistilledClassifier(
        teacher, student, transfer=None, target="soft", random_state=0
    ).fit(rows)


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
    st.integers(1, 40),
)
def test_modules_are_asked_in_the_type_of_their_weights(dtype: Any, n: int) -> None:
    module = _linear().to(dtype)
    said = TorchTeacher(module).logits(ROWS[:n])
    with torch.inference_mode():
        expected = module(torch.tensor(ROWS[:n]).to(dtype)).double().numpy()
    np.testing.assert_array_equal(said, expected)


def test_what_is_prepared_gets_the_type_too() -> None:
    module = _linear().double()
    teacher = TorchTeacher(module, preprocess=lambda rows: torch.tensor(rows).float())
    np.testing.assert_allclose(
        teacher.logits(ROWS), TorchTeacher(module).logits(ROWS), atol=1e-5
    )


def test_indices_are_looked_up() -> None:
    module = _looked_up()
    with torch.inference_mode():
        expected = module(torch.tensor(PLACES).long()).numpy()
    np.testing.assert_allclose(TorchTeacher(module).logits(PLACES), expected, atol=1e-6)
    with pytest.raises(InputError, match=r"has 5 entries.* The rows hold 1 to 5\."):
        TorchTeacher(module).logits(PLACES + 1)
    with pytest.raises(InputError, match="has 5 entries"):
        TorchTeacher(module).logits(PLACES - 9)
    with pytest.raises(InputError, match=r"looks up whole numbers.* Got \d\.5"):
        TorchTeacher(module).logits(PLACES + 0.5)


@pytest.mark.parametrize("n_rows", [None, 7])
@pytest.mark.parametrize("kind", ["numbers", "indices"])
def test_exported_programs_are_asked(n_rows: int | None, kind: str) -> None:
    module, rows = (_linear(), ROWS) if kind == "numbers" else (_looked_up(), PLACES)
    example = torch.tensor(rows[:7]).to(
        torch.float32 if kind == "numbers" else torch.int64
    )
    shapes = None if n_rows else ({0: torch.export.Dim("n")},)
    program = torch.export.export(module.eval(), (example,), dynamic_shapes=shapes)
    teacher = TorchTeacher(program, classes=["a", "b", "c"])
    expected = TorchTeacher(module).logits(rows)
    np.testing.assert_allclose(teacher.logits(rows), expected, atol=1e-6)
    assert teacher.n_parameters == sum(p.numel() for p in module.parameters())
    model = DistilledClassifier(
        teacher, CartStudent(3), transfer=None, random_state=0
    ).fit(rows)
    assert model.teacher_.predict(rows).tolist() == teacher.predict(rows).tolist()


def test_the_reason_is_the_modules_own() -> None:
    class Two(nn.Module):
        def forward(self, a: Any, b: Any) -> Any:
            return a + b

    with pytest.raises(InputError, match=r"TypeError: .*missing 1 required") as caught:
        TorchTeacher(Two()).logits(ROWS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrap", ["torch", "callable"])
def test_distributions_are_taken_for_probabilities(wrap: str) -> None:
    module = nn.Sequential(_linear(), nn.Softmax(1))
    expected = TorchTeacher(_linear()).predict_proba(ROWS)
    if wrap == "torch":
        teacher: Any = TorchTeacher(module)
    else:
        teacher = CallableTeacher(
            lambda rows: TorchTeacher(_linear()).predict_proba(rows)
        )
    np.testing.assert_allclose(teacher.predict_proba(ROWS), expected, atol=1e-6)
    model = DistilledClassifier(
        teacher, CartStudent(3), transfer=None, random_state=0
    ).fit(ROWS)
    note = model.evaluate(ROWS).cautions[0]
    assert "they are taken for probabilities" in note
    told = type(teacher)(teacher.get_params()["module" if wrap == "torch" else "f"])
    assert not told.is_guess


@settings(max_examples=20, deadline=None)
@given(st.integers(20, 60), st.sampled_from(["multiclass", "multilabel"]))
def test_a_column_of_sigmoids_is_asked_about(n_rows: int, task: str) -> None:
    module = nn.Sequential(_linear(1 if task == "multiclass" else 3), nn.Sigmoid())
    with pytest.raises(InputError, match=r"lie in \[0, 1\].*output='probabilities'"):
        TorchTeacher(module, task=task).logits(ROWS[:n_rows])
    told = TorchTeacher(module, task=task, output="probabilities")
    without = TorchTeacher(module[0], task=task)
    np.testing.assert_allclose(
        told.predict_proba(ROWS), without.predict_proba(ROWS), atol=1e-6
    )
    TorchTeacher(module, task=task, output="logits").logits(ROWS)


def test_values_of_a_regression_may_lie_anywhere() -> None:
    module = nn.Sequential(_linear(1), nn.Sigmoid())
    assert TorchTeacher(module, task="regression").logits(ROWS).shape == (60, 1)


def test_an_input_of_three_sides_makes_an_image() -> None:
    rows = np.random.default_rng(0).random((80, 64))
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2))
    teacher = TorchTeacher(module, input_shape=(1, 8, 8))
    model = DistilledClassifier(
        teacher, CartStudent(3), transfer=None, random_state=0
    ).fit(rows)
    assert model.schema_.image_shape == (1, 8, 8)
    assert {feature.kind for feature in model.schema_.features} == {"pixel"}
    assert model.tree_.schema == model.schema_
    sequence = TorchTeacher(nn.Flatten(), input_shape=(2, 2))
    assert sequence.image_shape_ is None


def test_functions_are_told_how_to_be_wrapped() -> None:
    for kind, match in (
        (DistilledClassifier, r"CallableTeacher\(f, classes=...\)"),
        (DistilledRegressor, r"CallableTeacher\(f, task='regression'\)"),
    ):
        with pytest.raises(InputError, match=match):
            kind(np.tanh).fit(ROWS)
    with pytest.raises(InputError, match="wrap a function in CallableTeacher"):
        as_teacher(lambda rows: rows)


def test_a_teacher_that_has_told_logits_may_say_few_alike_later() -> None:
    teacher = CallableTeacher(lambda rows: np.column_stack([-rows[:, 0], rows[:, 0]]))
    spread = np.linspace(-3, 3, 60)[:, None]
    teacher.logits(spread)
    assert np.ptp(teacher.logits(np.full((60, 1), 0.1))) == pytest.approx(0.2)
    anew = CallableTeacher(lambda rows: np.column_stack([-rows[:, 0], rows[:, 0]]))
    with pytest.raises(InputError, match="say which they are"):
        anew.logits(np.full((60, 1), 0.1))
