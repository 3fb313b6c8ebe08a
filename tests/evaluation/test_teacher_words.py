"""What an evaluation says of the teacher and the labels beside its figures."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier
from interpretkd.evaluation import evaluate
from interpretkd.metrics import fidelity, fidelity_by_class, fidelity_by_slice
from interpretkd.reports import make_report
from interpretkd.runs import analyse_run, load_run, save
from interpretkd.students import CartStudent
from interpretkd.teachers import CallableTeacher

RNG = np.random.default_rng(0)
ROWS = pd.DataFrame(RNG.normal(size=(240, 3)), columns=["a", "b", "c"])
PLACES = np.digitize(ROWS["a"], [-0.5, 0.5])
NAMES = np.array(["low", "middle", "high"])


def _scores(rows: Any) -> Any:
    a = np.asarray(rows)[:, 0]
    return np.column_stack([-0.5 - a, 0.5 - np.abs(a), a - 0.5]) * 4


def _distil(teacher: Any) -> Any:
    student = CartStudent(4, search="greedy")
    return DistilledClassifier(
        teacher, student, transfer=None, target="soft", random_state=0
    ).fit(ROWS)


@pytest.fixture(scope="module")
def model() -> Any:
    return _distil(CallableTeacher(_scores, classes=NAMES))


def test_nothing_is_said_where_all_is_well(model: Any) -> None:
    assert evaluate(model, ROWS, NAMES[PLACES]).cautions == ()


@settings(max_examples=20, deadline=None)
@given(st.permutations([0, 1, 2]))
def test_an_order_that_makes_it_wrong_is_told(order: list[int]) -> None:
    model = _distil(CallableTeacher(_scores, classes=NAMES[order]))
    found = evaluate(model, ROWS, NAMES[PLACES])
    if order == [0, 1, 2]:
        assert found.cautions == ()
        return
    (note,) = [text for text in found.cautions if "order of the classes" in text]
    assert note.startswith(
        f"The teacher is right in {found.teacher.accuracy.value:.1%}"
    )
    assert note.endswith("check the order of the classes.")
    assert "100.0%" in note


def test_a_run_and_a_report_say_it_too(tmp_path: Any) -> None:
    model = _distil(CallableTeacher(_scores, classes=NAMES[[2, 1, 0]]))
    y = NAMES[PLACES]
    expected = evaluate(model, ROWS, y).cautions
    run = load_run(save(model, tmp_path / "run", ROWS, y))
    assert analyse_run(run).evaluation.cautions == expected
    text = make_report(model, ROWS, y).markdown()
    assert "check the order of the classes" in text


def test_a_teacher_that_names_its_classes_is_left_alone() -> None:
    y = NAMES[PLACES]
    wrong = NAMES[[1, 2, 0]][PLACES]
    teacher = FrozenEstimator(LogisticRegression().fit(ROWS, wrong))
    told = evaluate(_distil(teacher), ROWS, y).cautions
    assert not any("order of the classes" in text for text in told)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["low", "middle", "high", "odd", "<b>"]), min_size=5))
def test_labels_that_nobody_knows_are_counted(model: Any, labels: list[str]) -> None:
    y = np.resize(np.array(labels, dtype=object), len(ROWS))
    unknown = ~np.isin(y.astype(str), NAMES)
    if unknown.all():
        with pytest.raises(InputError, match="None of the labels"):
            evaluate(model, ROWS, y)
        return
    found = evaluate(model, ROWS, y)
    told = [note for note in found.cautions if "no class that the model knows" in note]
    assert bool(told) == unknown.any()
    if told:
        assert told[0].startswith(f"{unknown.sum()} of 240 label")
        assert all(repr(name) in told[0] for name in set(y[unknown]))
        assert "<b>" not in found._repr_html_()
    right = (NAMES[PLACES] == y).mean()
    assert found.teacher.accuracy.value == right


def _one_column(rows: Any) -> Any:
    return 1 / (1 + np.exp(-np.asarray(rows)[:, :1]))


def test_probabilities_taken_for_logits_are_told() -> None:
    model = _distil(CallableTeacher(_one_column, output="logits"))
    (note,) = evaluate(model, ROWS).cautions
    assert "lie in [0, 1], as probabilities do" in note
    several = _distil(
        CallableTeacher(
            lambda rows: np.hstack([_one_column(rows), 1 - _one_column(rows)]),
            output="logits",
        )
    )
    (note,) = evaluate(several, ROWS).cautions
    assert "lie in [0, 1] and sum to 1 in every row" in note


def test_lacking_columns_are_named_in_a_sentence(model: Any) -> None:
    few = ROWS[["a", "b"]]
    for ask in (
        lambda: model.evaluate(few, NAMES[PLACES]),
        lambda: fidelity(model, few),
        lambda: fidelity_by_class(model, few),
        lambda: fidelity_by_slice(model, few, "a"),
    ):
        with pytest.raises(InputError, match="They lack 'c'") as caught:
            ask()
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"the 3 columns .* They have 2\."):
        model.evaluate(ROWS.to_numpy()[:, :2])


def test_columns_are_taken_by_name(model: Any) -> None:
    turned = ROWS.assign(group="x")[["group", "c", "b", "a"]]
    found = evaluate(model, turned, slices=["group"])
    assert found.student == evaluate(model, ROWS).student
    assert found.slices["group"]["n"].tolist() == [240]
