"""What adds to a decision adds up to what the model itself says, in its own units."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.frozen import FrozenEstimator

from interpretkd._base import amount_text
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.explain import explain_row, linear_terms, shape_effects, try_values
from interpretkd.models import Forest
from interpretkd.students import BoostedStudent, LinearStudent
from interpretkd.targets import apply_link
from interpretkd.teachers import CallableTeacher

TARGETS: tuple[dict[str, Any], ...] = (
    {"target": "hard"},
    {"target": "logits"},
    {"target": "soft", "temperature": 1.0},
    {"target": "soft", "temperature": 4.0},
)
LOSSES = ("auto", "squared_error")
WEIGHTS = np.array([[1.0, -1.0, 0.3], [-0.5, 0.2, 1.0], [2.0, 0.5, -1.0]])
X = np.random.default_rng(0).normal(size=(120, 3))


def _student(family: str, loss: str) -> Any:
    if family == "boosted":
        return BoostedStudent(n_rounds=6, max_depth=2, loss=loss)
    return LinearStudent(loss=loss)


def _classifier(n_classes: int, student: Any, **settings: Any) -> Any:
    def logits(rows: Any) -> Any:
        return 3 * np.asarray(rows) @ WEIGHTS[:, :n_classes]

    task = settings.pop("task", "multiclass")
    teacher = CallableTeacher(logits, classes=list("abc")[:n_classes], task=task)
    teacher = FrozenEstimator(teacher.fit(X))
    return (
        DistilledClassifier(teacher, student, transfer=None, random_state=0)
        .set_params(**settings)
        .fit(X)
    )


def _explained(model: Any, row: int) -> Any:
    return explain_row(model, X[row], X=X, n_counterfactuals=0)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("family", ["boosted", "linear"])
@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_of_classes(n_classes: int, target: Any, family: str, loss: str) -> None:
    model = _classifier(n_classes, _student(family, loss), **target)
    logits = model.logits(X)
    for i in range(8):
        found = _explained(model, i)
        total = found.contributions.iloc[:, 2:].sum().to_numpy()
        assert list(found.sums.values()) == pytest.approx(total)
        if found.sums_of[0].startswith("the probability"):
            said = model.student_.predict(X[[i]])[0]
            temperature = model.reading_.temperature  # that of the target or better
            assert (f" at temperature {temperature:.3g} of" in found.sums_of[0]) == (
                temperature != 1
            )
        elif n_classes == 2:
            assert found.sums_of == ("the logit of b",)
            said = model.decision_function(X)[[i]]
            chance = apply_link(total[None], "sigmoid")[0]
            np.testing.assert_allclose(chance, model.predict_proba(X)[i, 1], atol=1e-9)
        else:
            assert found.sums_of[0] == "the logit of a less the mean of all"
            said = logits[i] - logits[i].mean()
        np.testing.assert_allclose(total, said, atol=1e-9)


@pytest.mark.parametrize("family", ["boosted", "linear"])
@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_of_labels(target: Any, family: str) -> None:
    model = _classifier(3, _student(family, "auto"), task="multilabel", **target)
    found = _explained(model, 5)
    total = found.contributions.iloc[:, 2:].sum().to_numpy()
    assert found.sums_of == tuple(f"the logit of {name}" for name in "abc")
    np.testing.assert_allclose(total, model.logits(X)[5], atol=1e-9)


@pytest.mark.parametrize("family", ["boosted", "linear"])
def test_of_values(family: str) -> None:
    teacher = CallableTeacher(
        lambda rows: 1e4 * np.asarray(rows)[:, 0], task="regression"
    )
    model = DistilledRegressor(
        FrozenEstimator(teacher.fit(X)), _student(family, "auto")
    )
    model.set_params(transfer=None, random_state=0).fit(X)
    found = _explained(model, 5)
    assert found.sums == {"the value": pytest.approx(model.predict(X)[5], abs=1e-9)}
    assert f"The value is {amount_text(model.predict(X)[5], 4)}: " in str(found)


@settings(max_examples=25, deadline=None)
@given(
    row=st.integers(0, len(X) - 1),
    temperature=st.floats(0.5, 8),
    family=st.sampled_from(["boosted", "linear"]),
    n_classes=st.sampled_from([2, 3]),
)
def test_they_have_the_units_of_the_effects(
    row: int, temperature: float, family: str, n_classes: int
) -> None:
    student = _student(family, "auto")
    model = _classifier(n_classes, student, target="soft", temperature=temperature)
    found = _explained(model, row)
    if isinstance(model.student_.form_, Forest):
        effects = shape_effects(model, X, n_pairs=None)
        np.testing.assert_allclose(
            effects.margins(X)[row], list(found.sums.values()), atol=1e-4
        )
        return
    added = linear_terms(model, X)
    own = added.to_frame(row).set_index("feature").iloc[:, 1:]
    theirs = found.contributions[1:].set_index("feature").iloc[:, 1:]
    np.testing.assert_allclose(theirs.loc[own.index], own, atol=1e-9)
    np.testing.assert_allclose(
        added.base, found.contributions.iloc[0, 2:].astype(float), atol=1e-9
    )


def test_a_sum_that_is_cut_off_says_so() -> None:
    model = _classifier(2, LinearStudent(strength=0.0), target="soft", temperature=2.0)
    far = np.array([[60.0, -60.0, 0.0]])
    found = explain_row(model, far, n_counterfactuals=0)
    assert found.contributions["feature"].iloc[-1] == "(limit)"
    total = found.contributions.iloc[:, 2].sum()
    assert total == pytest.approx(model.decision_function(far)[0], abs=1e-9)
    parts = try_values(model, X[[0]], {0: 60.0, 1: -60.0}).parts
    assert "(limit)" in set(parts["feature"])


def test_separate_classes_are_told_apart() -> None:
    student = BoostedStudent(n_rounds=6, max_depth=2, loss="sigmoid")
    model = _classifier(3, student, target="soft", temperature=2.0)
    found = _explained(model, 3)
    assert found.sums_of[0] == "the separate logit of a"
    margins = model.student_.form_.margins(X[[3]])[0]
    assert list(found.sums.values()) == pytest.approx(margins, abs=1e-9)
