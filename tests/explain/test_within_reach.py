"""A counterfactual can be: its numbers were seen, and its columns may change."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.frozen import FrozenEstimator

from interpretkd._base import InputError
from interpretkd.data import Ranges
from interpretkd.distillation import DistilledClassifier
from interpretkd.explain import explain_row
from interpretkd.runs import load, load_run, save
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.teachers import CallableTeacher

SAVED = Path(__file__).parents[1] / "runs" / "saved"


def _people(n: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 76, n),
            "income": rng.normal(3000, 500, n).round(2),
            "home": rng.choice(["own", "rent"], n),
        }
    )


def _logits(rows: pd.DataFrame) -> Any:
    z = (rows["age"] - 47) / 60 + (rows["income"] - 3200) / 400
    z = z.to_numpy() + (rows["home"] == "own").to_numpy() * 0.4
    return np.column_stack([np.zeros(len(rows)), 1.5 * z])


PEOPLE = _people()


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    teacher = CallableTeacher(_logits, classes=["no", "yes"]).fit(PEOPLE)
    students = {
        "tree": CartStudent(8, search="greedy"),
        "boosted": BoostedStudent(n_rounds=10, max_depth=2),
        "linear": LinearStudent(),
    }
    return {
        name: DistilledClassifier(
            FrozenEstimator(teacher), student, transfer=None, random_state=0
        ).fit(PEOPLE)
        for name, student in students.items()
    }


@settings(max_examples=60, deadline=None)
@given(
    which=st.sampled_from(["tree", "boosted", "linear"]),
    age=st.integers(10, 90),
    income=st.floats(1000, 5000).map(lambda x: round(x, 2)),
    home=st.sampled_from(["own", "rent"]),
    immutable=st.sets(st.sampled_from(["age", "income", "home"]), max_size=2),
    up=st.sets(st.sampled_from(["age", "income"]), max_size=2),
    gives_rows=st.booleans(),
)
def test_what_changes_was_seen_and_may_change(
    models: Any,
    which: str,
    age: int,
    income: float,
    home: str,
    immutable: set[str],
    up: set[str],
    gives_rows: bool,
) -> None:
    row = {"age": age, "income": income, "home": home}
    known = _people(40, seed=1) if gives_rows else None
    seen = PEOPLE if known is None else known
    found = explain_row(
        models[which],
        row,
        X=known,
        immutable=sorted(immutable),
        only_up=sorted(up),
        n_counterfactuals=5,
    )
    assert bool(found.counterfactuals) != bool(found.none_found)
    for one in found.counterfactuals:
        changed = one.row.iloc[0]
        for name in row:
            if changed[name] == row[name]:
                continue
            assert name not in immutable
            if name == "home":
                continue
            assert name not in up or changed[name] > row[name]
            low, high = np.float32(seen[name].min()), np.float32(seen[name].max())
            assert low <= np.float32(changed[name]) <= high
            assert name != "age" or float(changed[name]).is_integer()
        assert (one.plausibility is None) == (known is None)


def test_nothing_within_reach_is_said_in_a_sentence(models: Any) -> None:
    far = {"age": 20, "income": 900.0, "home": "rent"}
    for model in models.values():
        found = explain_row(model, far, X=PEOPLE, immutable=["income"])
        assert found.counterfactuals == ()
        assert "within what was seen of them" in found.none_found
        assert found.none_found in str(found)
        assert found.none_found in found._repr_html_()
    none = explain_row(models["tree"], far, n_counterfactuals=0)
    assert none.none_found == "No change was looked for."


def test_what_is_like_no_row_comes_last() -> None:
    """Two columns that go together: moving one alone leads to where nobody is."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    rows = np.column_stack([x, x + rng.normal(size=200) / 50, rng.normal(size=200)])
    weights = np.array([2.0, 0.0, 1.9])
    teacher = CallableTeacher(
        lambda X: np.column_stack([np.zeros(len(X)), np.asarray(X) @ weights]),
        classes=[0, 1],
    )
    model = DistilledClassifier(
        FrozenEstimator(teacher.fit(rows)), LinearStudent(), transfer=None
    ).fit(rows)
    found = explain_row(model, [-0.9, -0.9, -0.2], X=rows).counterfactuals
    features = [one.changes[0].feature for one in found]
    assert features.index("x2") < features.index("x0")
    assert found[-1].stands_alone
    assert not found[0].stands_alone
    assert "hardly any given row is like that" in str(found[-1])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"immutable": "ages"}, "'immutable' .* Got 'ages'. Did you mean 'age'?"),
        ({"only_up": ["home"]}, "'only_up' .* columns of numbers"),
        ({"only_down": 3}, "'only_down' .* must hold column names. Got 3"),
    ],
)
def test_columns_that_cannot_be_limited(models: Any, given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        explain_row(models["tree"], PEOPLE.iloc[0], **given)


def test_a_run_keeps_the_ranges(models: Any, tmp_path: Any) -> None:
    save(models["linear"], tmp_path / "run", PEOPLE)
    loaded = load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.ranges_.low, models["linear"].ranges_.low)
    assert loaded.ranges_.whole.tolist() == [True, False, False]
    row = PEOPLE.iloc[3]
    logits = models["linear"].teacher_.logits(PEOPLE.iloc[[3]])
    texts = [
        str(
            [
                c.changes
                for c in explain_row(one, row, teacher_logits=logits).counterfactuals
            ]
        )
        for one in (loaded, models["linear"])
    ]
    assert texts[0] == texts[1]


def test_an_older_run_without_ranges_moves_no_number_of_a_line() -> None:
    run = load_run(SAVED / "linear")
    assert run.model.ranges_ is None
    numbers = {f.name for f in run.model.schema_.features if not f.is_categorical}
    X, logits = run.evaluation.X, run.evaluation.teacher_logits
    for i in range(5):
        found = explain_row(run.model, X[i : i + 1], teacher_logits=logits[i])
        changed = {c.feature for one in found.counterfactuals for c in one.changes}
        assert not changed & numbers
        assert found.counterfactuals or "give rows as X" in found.none_found
        assert explain_row(run.model, X[i : i + 1], X=X, teacher_logits=logits[i])


@pytest.mark.parametrize(
    "values",
    [None, [], [[0, 1, True]], [[1, 0, True], [0, 1, True]], [[0, 1, 1], [0, 1, True]],
     [["0", 1, True], [0, 1, True]], [[0, None, True], [0, 1, True]], [[0], [1]]],
)  # fmt: skip
def test_ranges_that_cannot_be_are_refused(values: Any) -> None:
    with pytest.raises(InputError, match="range"):
        Ranges.from_list(values, 2)


def test_ranges_are_plain_values() -> None:
    found = Ranges(
        np.array([np.nan, 1.5]), np.array([np.nan, 2.0]), np.array([False] * 2)
    )
    values = json.loads(json.dumps(found.to_list()))
    again = Ranges.from_list(values, 2)
    np.testing.assert_array_equal(again.low, found.low)
