"""Weightings: what each counts, that it differs, and where it is refused."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor

import interpretkd as ikd
from interpretkd.methods import (
    Attended,
    Conditional,
    Confidence,
    Context,
    Error,
    Hardness,
    Masked,
    Questions,
    apply_steps,
)
from interpretkd.metrics import row_divergences
from interpretkd.teachers import CallableTeacher
from interpretkd.transfer import TransferSet

X, Y = load_iris(return_X_y=True)
LABELS = np.column_stack([Y > 0, X[:, 1] > 3, X[:, 0] > 5.8]).astype(int)
FRAME = pd.DataFrame(
    {
        "length": X[:, 0],
        "wide": X[:, 1] > 3,
        "kind": np.where(X[:, 2] > 4, "long", "short"),
        "petal": X[:, 3],
    }
)


def _iris_logits(rows):
    rows = rows.to_numpy() if isinstance(rows, pd.DataFrame) else rows
    if rows.dtype == object:
        rows = np.column_stack(
            [rows[:, 0], rows[:, 1], rows[:, 2] == "long", rows[:, 3]]
        )
        rows = rows.astype(float) * [1, 1, 4, 1]
    return rows @ np.array([[1.0, 0, -1], [2, -1, -2], [-2, 0, 1.5], [-1, -1, 4]])


def _label_logits(rows):
    return np.column_stack([rows[:, 2] - 2.5, rows[:, 1] - 3.1, rows[:, 0] - 6.0])


TEACHER = CallableTeacher(_iris_logits, classes=[0, 1, 2], output="logits")
OF_LABELS = CallableTeacher(_label_logits, task="multilabel", output="logits")
CART = ikd.CartStudent(4, search="greedy")
BOOSTED = ikd.BoostedStudent(n_rounds=10, max_depth=2, n_jobs=1)
ROWS, VALUES = (part[:150] for part in load_diabetes(return_X_y=True))
FITTED = LinearRegression().fit(ROWS[:60], VALUES[:60])
OF_VALUES = CallableTeacher(FITTED.predict, task="regression")
EACH = {
    "Confidence": (Confidence(), Confidence(0)),
    "Error": (Error(), Error(0)),
    "Masked": (
        Masked(lambda rows: np.asarray(rows)[:, 0] > 5.5),
        Masked((0, ">", 5.5), 1),
    ),
    "Hardness": (Hardness(0.6), Hardness(1.0)),
}


def _fit(weights, teacher=TEACHER, student=CART, X=X, y=Y, **further):
    further = {"target": "soft", "transfer": None, "random_state": 0} | further
    model = ikd.DistilledClassifier(teacher, student, weights=weights, **further)
    return model.fit(X, y)


def _fit_values(weights):
    model = ikd.DistilledRegressor(
        OF_VALUES, CART, weights=weights, transfer=None, random_state=0
    )
    return model.fit(ROWS, VALUES)


def _weights(model):
    return model.transfer_set_.weights


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("student", [CART, BOOSTED], ids=["cart", "boosted"])
def test_neutral_values_change_nothing_and_others_do(name, student):
    step, neutral = EACH[name]
    plain = _fit(None, student=student)
    np.testing.assert_array_equal(
        _fit(neutral, student=student).logits(X), plain.logits(X)
    )
    other = _fit(step, student=student)
    assert not np.array_equal(other.logits(X), plain.logits(X))
    assert _weights(other).mean() == pytest.approx(1)
    shuffled = _fit(
        Masked(lambda rows: np.random.default_rng(1).random(len(rows)) < 0.5)
    )
    assert not np.array_equal(other.logits(X), shuffled.logits(X))  # a control


@pytest.mark.parametrize("name", EACH)
def test_weights_multiply_those_given(name):
    given = np.linspace(1, 3, 150)
    step, _ = EACH[name]
    model = ikd.DistilledClassifier(
        TEACHER, CART, weights=step, target="soft", transfer=None, random_state=0
    )
    both = _weights(clone(model).fit(X, Y, sample_weight=given))
    assert both.mean() == pytest.approx(1)
    if name == "Hardness":
        return  # the quick student has the weights, too
    alone = _weights(model.fit(X, Y))
    ratio = both / np.where(alone > 0, alone * given, 1)
    if name == "Error":
        assert np.ptp(ratio[alone > 0]) < 1e-9
    np.testing.assert_allclose(ratio[alone > 0], ratio[alone > 0][0])


def test_error_is_the_distance_from_the_label():
    chance = softmax(_iris_logits(X), axis=1)[np.arange(150), Y]
    expected = np.maximum((1 - chance) ** 2, 0.05)
    np.testing.assert_allclose(_weights(_fit(Error(2.0))), expected / expected.mean())
    off = np.abs(LABELS - expit(_label_logits(X))).mean(axis=1)
    found = _weights(_fit(Error(), OF_LABELS, y=LABELS))
    np.testing.assert_allclose(found, off / off.mean())


def test_error_asks_the_teacher_whatever_the_replies_are():
    plain, replied = _fit(Error()), _fit(Error(), replies=Conditional())
    np.testing.assert_allclose(_weights(plain), _weights(replied))
    assert replied.queries_ == plain.queries_ == len(np.unique(X, axis=0)) + 1


def test_error_of_values_is_the_residual():
    far = np.abs(FITTED.predict(ROWS) - VALUES) / VALUES.std()
    expected = far / (far + np.median(far))
    found = _weights(_fit_values(Error()))
    expected = np.maximum(expected, 0.05)
    np.testing.assert_allclose(found, expected / expected.mean())
    plain = _fit_values(None).predict(ROWS)
    np.testing.assert_array_equal(_fit_values(Error(0.0)).predict(ROWS), plain)
    assert not np.array_equal(_fit_values(Error()).predict(ROWS), plain)


def test_error_of_rows_without_label_is_the_mean():
    model = ikd.DistilledClassifier(
        TEACHER, CART, weights=Error(), transfer="mix", target="soft", random_state=0
    )
    model.fit(X[:100], Y[:100], X[100:])
    rows = model.transfer_set_
    own = rows.weights[:100]
    np.testing.assert_allclose(rows.weights[100:150], own.mean())
    assert own.std() > 0.1
    assert len(rows) == 150 + 3000
    with pytest.raises(ikd.InputError, match=r"The step Error of .* needs labels"):
        model.fit(X)


@pytest.mark.parametrize(
    ("mask", "holds"),
    [
        ("wide", FRAME["wide"]),
        (("length", ">=", 5.8), FRAME["length"] >= 5.8),
        (("length", "<", 5), FRAME["length"] < 5),
        (("kind", "==", "long"), FRAME["kind"] == "long"),
        (("kind", "!=", "long"), FRAME["kind"] != "long"),
        (("kind", "in", ("long", "none")), FRAME["kind"] == "long"),
        ((0, ">", 6), FRAME["length"] > 6),
        (["length", "<=", 5], FRAME["length"] <= 5),
        (lambda rows: rows["petal"] > 1, FRAME["petal"] > 1),
        (lambda rows: (rows["petal"] > 1).astype(int), FRAME["petal"] > 1),
    ],
)
def test_masks(mask, holds):
    expected = np.where(holds, 1.0, 0.25)
    model = _fit(Masked(mask, outside=0.25), X=FRAME)
    np.testing.assert_allclose(_weights(model), expected / expected.mean())
    assert "count 1, others 0.25" in model.recipe_[0]


def test_a_missing_cell_is_in_no_mask():
    rows = FRAME.copy()
    rows.loc[:9, "length"] = np.nan
    teacher = CallableTeacher(
        lambda rows: _iris_logits(rows.fillna({"length": 5})),
        classes=[0, 1, 2],
        output="logits",
    )
    for comparison in ("!=", "<"):
        model = _fit(Masked(("length", comparison, 99)), teacher, X=rows)
        np.testing.assert_array_equal(_weights(model) > 0, rows["length"].notna())


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (3, "must be a column's name, a function of rows, or"),
        (("length", "~", 3), "with a comparison out of <, <=, >, >=, ==, !=, in. Got"),
        (("length", ">"), "must be a column's name, a function of rows, or"),
        ("size", "must hold columns of the rows, by name or by position in [0, 3]"),
        ("length", "must name a column of booleans, or of 0 and 1"),
        (("kind", ">", 3), "must compare a column with a value of its own kind"),
        (("length", "in", 3), "must compare a column with a value of its own kind"),
        (("length", ">", 99), "holds for none of the 150 rows"),
        (lambda rows: rows["length"], "must return one boolean a row, 150 of them"),
        (lambda rows: [True], "must return one boolean a row, 150 of them"),
    ],
)
def test_what_is_no_mask(mask, said):
    with pytest.raises(ikd.InputError) as error:
        _fit(Masked(mask), X=FRAME)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_masks_of_values_and_labels():
    inside = ROWS[:, 2] > 0
    for model, there in (
        (_fit_values(Masked((2, ">", 0))), inside),
        (_fit(Masked((1, ">", 3)), OF_LABELS, y=LABELS), X[:, 1] > 3),
    ):
        np.testing.assert_array_equal(_weights(model) > 0, there)


def test_fidelity_rises_inside_the_mask():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(800, 4))
    teacher = CallableTeacher(
        lambda X: (
            np.where(X[:, [0]] > 0.5, X[:, 1:2] + X[:, 2:3], 3 * X[:, 3:])
            * np.array([3.0, -3.0])
        ),
        classes=[0, 1],
        output="logits",
    )
    inside = rows[400:][rows[400:, 0] > 0.5]
    masks = (None, Masked((0, ">", 0.5)), Masked((1, ">", 0.5)))
    plain, masked, other = (
        _fit(mask, teacher, X=rows[:400], y=None, target="hard").fidelity(inside).value
        for mask in masks
    )
    assert masked > max(plain, other) + 0.1


@pytest.mark.parametrize("order", ["easiest", "hardest"])
@pytest.mark.parametrize("kind", ["classes", "labels", "values"])
def test_hardness_counts_a_share(order, kind):
    step = Hardness(0.3, order)
    if kind == "values":
        model, plain = _fit_values(step), _fit_values(None)
        quick = ikd.CartStudent(4, search="greedy").fit(ROWS, FITTED.predict(ROWS))
        hard = (quick.predict(ROWS) - FITTED.predict(ROWS)) ** 2
    else:
        said = (TEACHER, Y) if kind == "classes" else (OF_LABELS, LABELS)
        model, plain = (_fit(s, said[0], y=said[1]) for s in (step, None))
        task = model.task_
        hard = row_divergences(said[0].logits(X), plain.logits(X), task)
    counts = _weights(model) > 0
    assert counts.sum() == 45
    np.testing.assert_allclose(_weights(model)[counts], 150 / 45)
    if order == "easiest":
        assert hard[counts].max() <= hard[~counts].min() + 1e-9
    else:
        assert hard[counts].min() >= hard[~counts].max() - 1e-9


@pytest.mark.parametrize("name", EACH)
def test_a_step_is_cloned_compared_and_searched(name):
    step, _ = EACH[name]
    assert clone(step) == step
    assert str(step) in _fit([step]).recipe_
    model = ikd.DistilledClassifier(
        TEACHER, CART, weights=step, target="soft", transfer=None, random_state=0
    )
    grid = {"Masked": "outside", "Hardness": "share"}.get(name, "exponent")
    found = GridSearchCV(model, {f"weights__{grid}": [0.5, 1.0]}, cv=2).fit(X, Y)
    assert not np.isnan(found.cv_results_["mean_test_score"]).any()


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Error(-1), "'exponent' parameter of Error must be a float in [0, inf)"),
        (Masked("wide", 2), "'outside' parameter of Masked must be a float in [0, 1]"),
        (Hardness(0), "'share' parameter of Hardness must be a float in (0, 1]"),
        (Hardness(0.5, "all"), "'order' parameter of Hardness must be one of 'easies"),
    ],
)
def test_parameters_out_of_range(step, said):
    with pytest.raises(ikd.InputError) as error:
        _fit(step)
    assert said in str(error.value)


@pytest.mark.parametrize("weights", [*(step for step, _ in EACH.values()), "auto"])
def test_a_student_without_weights_refuses(weights):
    said = "would do nothing: the fit of KNeighborsRegressor takes no sample_weight"
    with pytest.raises(ikd.InputError, match=said):
        _fit(weights, student=KNeighborsRegressor())


@pytest.mark.parametrize("weights", [Confidence(), "auto"])
def test_values_have_no_confidence(weights):
    said = "The step Confidence of DistilledRegressor is for multiclass, multilabel"
    with pytest.raises(ikd.InputError, match=said):
        _fit_values(weights)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(0, 5), st.booleans())
def test_weights_stay_in_their_range_and_keep_their_sum(seed, power, values):
    rng = np.random.default_rng(seed)
    task, teacher = ("regression", OF_VALUES) if values else ("multiclass", TEACHER)
    rows = rng.normal(size=(30, 10 if values else 4))
    weight = rng.uniform(0.1, 3, 30)
    said = ikd.teachers.as_teacher(teacher).logits(rows)
    labels = rng.normal(size=(30, 1)) if values else np.eye(3)[rng.integers(0, 3, 30)]
    labels[:7] = np.nan
    before = TransferSet(rows, said, labels, weight, task=task)
    asked = ikd.teachers.as_teacher(teacher)
    context = Context(asked, before.encoded.schema, task, 0, Questions(asked))
    steps = [Error(power), Masked(("x0", ">", -9), 0.5)]
    after = apply_steps(
        steps if values else [*steps, Confidence(power)], before, context
    )
    assert after.weights.sum() == pytest.approx(weight.sum())
    ratio = after.weights / weight
    assert ratio.min() > 0
    lowest = 0.05 if values else 0.05**2
    assert ratio.min() / ratio.max() >= lowest * (1 - 1e-9)


@pytest.mark.parametrize(
    "step", [Masked((0, ">", 5.5), 0.2), Masked((0, "in", (5.1, 4.9)), 0.2), Error()]
)
def test_a_run_keeps_weights(step, tmp_path):
    path = _fit(step).save(tmp_path / "run")
    assert ikd.load(path).weights == step


class Looking(torch.nn.Module):
    """One that reads column 1 where column 0 is above 0, else column 2."""

    def forward(self, rows):
        gate = torch.sigmoid(8 * rows[:, :1])
        said = gate * rows[:, 1:2] + (1 - gate) * rows[:, 2:3]
        return torch.hstack([-said, said])


LOOKING = np.random.default_rng(0).normal(size=(300, 4))


def _fit_looking(weights, **kinds):
    kinds = kinds or {"classes": [0, 1]}
    teacher = ikd.teachers.TorchTeacher(Looking(), **kinds)
    y = None if "classes" in kinds else (LOOKING[:, 1:3] > 0).astype(int)
    return _fit(weights, teacher, X=LOOKING, y=y)


def test_rows_count_where_the_teacher_looks():
    weight = _weights(_fit_looking(Attended([1], 0.4, outside=0.5)))
    counts = weight > weight.min()
    assert counts.sum() == 120
    assert (LOOKING[counts, 0] > 0.1).mean() > 0.95
    other = _weights(_fit_looking(Attended([2], 0.4)))
    assert (LOOKING[other > 0, 0] < -0.1).mean() > 0.95
    labels = _weights(_fit_looking(Attended([1], 0.4), task="multilabel"))
    assert (LOOKING[labels > 0, 0] > 0.1).mean() > 0.95


def test_attention_to_all_rows_alike_tells_none_apart():
    plain = _fit_looking(None).logits(LOOKING)
    for neutral in (Attended([1], 1.0), Attended([1], outside=1)):
        np.testing.assert_array_equal(_fit_looking(neutral).logits(LOOKING), plain)
    changed = _fit_looking(Attended([1])).logits(LOOKING)
    assert not np.array_equal(changed, plain)
    assert clone(Attended([1])) == Attended([1])
    said = "on all of them 0 of the teacher's attention lies there. Got [3]."
    with pytest.raises(ikd.InputError, match=re.escape(said)):
        _fit_looking(Attended([3]))
    with pytest.raises(ikd.InputError, match="on all of them 1 of the teacher's"):
        _fit_looking(Attended([0, 1, 2, 3]))
    with pytest.raises(ikd.InputError, match="'columns' parameter of Attended must"):
        _fit_looking(Attended(["age"]))


def test_attention_needs_slopes():
    said = "The step Attended of DistilledClassifier needs gradients: the teacher has"
    with pytest.raises(ikd.InputError, match=said):
        _fit(Attended([0]))
    with pytest.raises(ikd.InputError, match="'share' parameter of Attended must be"):
        _fit(Attended([0], 0))
    assert str(Attended("age", 0.25)) == (
        "The 25 % of the rows where the teacher looks most at age count 1, others 0"
    )
