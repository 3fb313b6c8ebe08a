"""The verdict's three parts, and what a reader must not overlook."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd.evaluation import evaluate
from interpretkd.metrics import kl_divergence, paired_divergence


class _Says(SimpleNamespace):
    """A model that says given logits of its rows."""

    n_parameters = size_bytes = None

    def logits(self, X):
        return self.said[: len(X)]


def _model(teacher, student, baseline=None, classes=("a", "b", "c"), task="multiclass"):
    def baseline_logits(X):
        return np.asarray(baseline, dtype=float)

    return SimpleNamespace(
        task_=task,
        classes_=np.asarray(classes, dtype=object),
        teacher_=_Says(said=np.asarray(teacher, dtype=float)),
        student_=None,
        baseline_=None if baseline is None else object(),
        logits=lambda X: np.asarray(student, dtype=float),
        baseline_logits=baseline_logits,
    )


def _logits(places, n_classes=3, sure=3.0):
    return sure * np.eye(n_classes)[np.asarray(places)]


def _found(teacher, student, labels=None, baseline=None, **settings):
    model = _model(
        _logits(teacher),
        _logits(student),
        None if baseline is None else _logits(baseline),
        **settings,
    )
    y = None if labels is None else model.classes_[np.asarray(labels)]
    return evaluate(model, np.zeros((len(teacher), 1)), y)


MIXED = np.tile([0, 1, 2], 40)


def test_a_good_student_needs_no_caution():
    assert _found(MIXED, MIXED, MIXED, MIXED).cautions == ()


def test_always_saying_the_commonest_label_is_said():
    labels = np.repeat([0, 1], [80, 40])
    found = _found(labels, np.zeros(120, dtype=int), labels)
    assert found.cautions[0] == (
        "The student's accuracy, 66.7%, is not clearly above the 66.7% of always "
        "saying 'a', the commonest label."
    )
    worse = _found(labels, 1 - labels, labels)
    assert "0.0%, is below the 66.7%" in worse.cautions[0]
    alone = _found(labels, np.zeros(120, dtype=int))
    assert "fidelity, 66.7%, is not clearly above the 66.7%" in alone.cautions[0]
    assert "what the teacher says most" in alone.cautions[0]


def test_classes_that_are_never_said_are_named_with_their_rows():
    student = np.where(MIXED == 2, 0, MIXED)
    found = _found(MIXED, student, MIXED)
    assert found.cautions == (
        "Of 120 rows, there is none of which the student says 'c' (the teacher of 40 "
        "and the labels of 40).",
        "The student's accuracy is 33.3 points below its teacher's (66.7% against "
        "100.0%).",
        "The student decides otherwise than the teacher on 33.3% of the rows: it is "
        "not the teacher in brief.",
    )
    of_labels = _found(student, student, MIXED)
    assert "says 'c' (the teacher of 0 and the labels of 40)" in of_labels.cautions[0]
    unlabelled = _found(MIXED, student)
    assert "'c' (the teacher of 40)." in unlabelled.cautions[0]


def test_many_classes_are_counted_and_the_commonest_named():
    names = [f"c{i}" for i in range(9)]
    teacher = np.repeat(np.arange(9), np.arange(20, 2, -2))
    model = _model(
        _logits(teacher, 9), _logits(np.zeros_like(teacher), 9), classes=names
    )
    sentence = evaluate(model, np.zeros((len(teacher), 1))).cautions[1]
    assert sentence.index("'c1' (the teacher of 18)") < sentence.index("'c5'")
    assert sentence.endswith(" and 3 more.")


def test_names_are_one_line_and_escaped_in_html():
    hostile = ("a", "<b>\nx", "c")
    found = _found(MIXED, np.where(MIXED == 1, 0, MIXED), MIXED, classes=hostile)
    assert "\n" not in found.cautions[0]
    assert "<b>" not in found._repr_html_()
    assert "&lt;b&gt;" in found._repr_html_()
    assert found.cautions[0] in str(found)
    assert found.to_dict()["cautions"] == list(found.cautions)


def test_labels_that_are_never_on_are_named():
    on = np.tile([[1, 0], [0, 1], [1, 1], [0, 0]], (30, 1))
    student = on * [1, 0]
    model = _model(on - 0.5, student - 0.5, classes=("x", "y"), task="multilabel")
    found = evaluate(model, np.zeros((120, 1)), on)
    assert found.cautions[0].startswith(
        "Of 120 rows, there is none of which the student says 'y' (the teacher of 60"
    )
    nothing = _model(on - 0.5, 0 * on - 0.5, classes=("x", "y"), task="multilabel")
    found = evaluate(nothing, np.zeros((120, 1)), on)
    assert "of always saying " in found.cautions[0]


def test_values_no_better_than_the_mean_are_said():
    values = np.random.default_rng(0).normal(size=(200, 1))
    model = _model(values, 0 * values + values.mean(), task="regression")
    said = evaluate(model, np.zeros((200, 1)), values[:, 0]).cautions
    assert said[0].startswith("The student's accuracy (R2), ")
    assert "is not clearly above 0" in said[0]
    assert "below its teacher's (" in said[1]
    good = _model(values, values, task="regression")
    assert evaluate(good, np.zeros((200, 1)), values[:, 0]).cautions == ()


def test_the_verdict_speaks_of_decisions_probabilities_and_distance():
    student = MIXED.copy()
    student[:12] = 0
    baseline = np.where(np.arange(120) % 4, MIXED, 0)
    found = _found(MIXED, student, MIXED, baseline)
    assert found.verdict.startswith("Distillation helped accuracy and fidelity: ")
    assert (
        "; its probabilities are significantly closer to those of the teacher (KL "
        in (found.verdict)
    )
    assert found.verdict.endswith(
        "; it decides 6.7% of the rows otherwise than the teacher, with an accuracy "
        "6.7 points below the 100.0% of the teacher."
    )


def test_probabilities_that_were_hurt_are_said():
    model = _model(_logits(MIXED), _logits(MIXED, sure=30.0), _logits(MIXED, sure=2.5))
    found = evaluate(model, np.zeros((120, 1)), model.classes_[MIXED])
    assert found.verdict.startswith("Distillation hurt probabilities: ")
    assert "significantly less close to those of the teacher" in found.verdict
    assert found.cautions == (
        "The student's probabilities are farther from the teacher's than those of the "
        "same student fitted to the labels alone.",
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(["multiclass", "multilabel"]))
def test_the_paired_divergence_is_that_of_the_divergences(seed, task):
    rng = np.random.default_rng(seed)
    teacher, a, b = rng.normal(0, 3, (3, 25, 3))
    test = paired_divergence(teacher, a, b, task)
    expected = (
        kl_divergence(teacher, b, task).value - kl_divergence(teacher, a, task).value
    )
    assert test.difference.value == pytest.approx(expected, abs=1e-12)
    assert test.only_first + test.only_second == 25
    again = paired_divergence(teacher, b, a, task)
    assert again.direction == -test.direction


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 6), st.booleans())
def test_a_class_is_named_when_it_is_never_said(seed, n_classes, labelled):
    rng = np.random.default_rng(seed)
    teacher, student, labels = rng.integers(0, n_classes, (3, 12))
    names = [f"n{i}" for i in range(n_classes)]
    model = _model(
        _logits(teacher, n_classes), _logits(student, n_classes), classes=names
    )
    y = model.classes_[labels] if labelled else None
    text = " ".join(evaluate(model, np.zeros((12, 1)), y).cautions)
    others = set(teacher.tolist()) | (set(labels.tolist()) if labelled else set())
    missed = others - set(student.tolist())
    assert ("none of which" in text) == bool(missed)
    named = {i for i in range(n_classes) if f"'n{i}' (the" in text}
    assert named <= missed
    assert len(named) == min(len(missed), 5)
