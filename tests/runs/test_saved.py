"""Runs that older code saved load, and answer as they did when they were saved.

`saved/make.py` made them. Whatever changes in the library, they must not.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interpretkd._base import InputError
from interpretkd.rules import extract_rules
from interpretkd.runs import Run, load_run

SAVED = Path(__file__).parent / "saved"
FORMS = {
    "cart": "Tree",
    "boosted": "Forest",
    "linear": "Linear",
    "points": "Linear",
    "labels": "Tree",
    "regression": "Tree",
    "images": "Tree",
    "onnx": "Forest",
    "proven": "Tree",
}
NAMES = sorted(path.parent.name for path in SAVED.glob("*/manifest.json"))
TREES = [name for name, form in FORMS.items() if form == "Tree"]


def load(name: str) -> tuple[Run, Any, dict[str, np.ndarray]]:
    """Return a run, its evaluation rows, and what it answered when it was saved."""
    run = load_run(SAVED / name)
    assert run.evaluation is not None
    with np.load(SAVED / f"{name}.npz", allow_pickle=False) as file:
        return run, run.evaluation, dict(file)


def counts_alike(said: dict[str, np.ndarray]) -> bool:
    """Whether this machine gives the same last bit of a logarithm, a product, ..."""
    numbers = said["numbers"]
    product = numbers.reshape(40, 6) @ numbers[:12].reshape(6, 2)
    return np.array_equal(product, said["product"]) and all(
        np.array_equal(getattr(np, name)(numbers), said[f"np.{name}"])
        for name in ("exp", "log", "log1p", "tanh")
    )


def only_looks_up(form: Any) -> bool:
    """Whether predictions are stored numbers, or sums of them: alike everywhere."""
    return hasattr(form, "nodes") and getattr(form, "link", "identity") == "identity"


def assert_same(found: np.ndarray, said: np.ndarray, *, to_the_bit: bool) -> None:
    assert found.dtype == said.dtype
    if to_the_bit:
        np.testing.assert_array_equal(found, said)
    np.testing.assert_allclose(found, said, rtol=1e-12, atol=1e-12)


def test_none_is_missing() -> None:
    assert sorted(FORMS) == NAMES
    assert sorted(path.stem for path in SAVED.glob("*.npz")) == NAMES


@pytest.mark.parametrize("name", ["cart", "boosted", "proven"])
def test_thresholds_of_old_are_exact_and_support_is_not_known(name: str) -> None:
    run, _, _ = load(name)
    student = run.model.student_
    assert student.thresholds == "exact"
    if FORMS[name] == "Tree":
        tree = run.model.tree_
        assert tree.support is None
        assert sum(rule.coverage for rule in extract_rules(run.model)) == pytest.approx(
            1
        )


@pytest.mark.parametrize("name", NAMES)
def test_the_manifest_names_every_file(name: str) -> None:
    run, _, _ = load(name)  # refuses a file that is not what the manifest says
    files = {path.name for path in (SAVED / name).iterdir()}
    assert files == {"manifest.json", *run.manifest["sha256"]}
    assert run.about == {"data": name, "made_at": "e112663", "seed": 0}


@pytest.mark.parametrize("name", NAMES)
def test_student_and_baseline_answer_the_same(name: str) -> None:
    run, rows, said = load(name)
    model, X, alike = run.model, rows.X, counts_alike(said)
    assert type(model.student_.form_).__name__ == FORMS[name]
    for student, key in (
        (model.student_, "outputs"),
        (model.baseline_, "baseline_outputs"),
    ):
        exact = alike or only_looks_up(student.form_)
        assert_same(student.predict(X), said[key], to_the_bit=exact)
    assert_same(model.logits(X), said["logits"], to_the_bit=alike)
    assert_same(model.baseline_logits(X), said["baseline_logits"], to_the_bit=alike)
    np.testing.assert_array_equal(model.predict(X), said["predictions"])


@pytest.mark.parametrize("name", NAMES)
def test_the_teacher_answers_the_same(name: str) -> None:
    run, rows, said = load(name)
    np.testing.assert_array_equal(rows.teacher_logits, said["teacher_logits"])
    if name == "proven":
        with pytest.raises(InputError, match="was not saved"):
            run.model.teacher_.logits(rows.X)
        return
    again = run.model.teacher_.logits(rows.X)
    np.testing.assert_allclose(again, said["teacher_logits"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", TREES)
def test_the_rules_decide_the_same(name: str) -> None:
    run, rows, said = load(name)
    rules = extract_rules(run.model, rows.X, rows.y, teacher_logits=rows.teacher_logits)
    assert sum(rule.n_rows for rule in rules) == len(rows.X)
    decided = [rules[place].prediction for place in rules.apply(rows.X)]
    if name == "labels":
        decided = [[i in labels for i in range(3)] for labels in decided]
    np.testing.assert_array_equal(decided, said["predictions"])


def test_what_else_a_run_keeps() -> None:
    assert load("proven")[0].model.student_.certificate_.proven
    (card,) = load("points")[0].model.student_.scorecards_
    assert card.to_frame().size
    assert len(load("cart")[0].model.trials_) == 6
