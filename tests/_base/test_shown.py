"""Numbers as people read them, and results that show no raw arrays."""

import html
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from sklearn.frozen import FrozenEstimator

import interpretkd as ikd
from interpretkd import evaluation
from interpretkd._base import (
    amount_text,
    number_text,
    prediction_text,
    signed_text,
    thousands_apart,
    threshold_text,
)
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.export import export_student
from interpretkd.runs import load_run
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.teachers import CallableTeacher

LONGEST = 200


@given(st.floats(-1e14, 1e14).filter(lambda x: x == 0 or abs(x) >= 1e-6))
def test_an_amount_is_near_and_has_no_exponent(value):
    text = amount_text(value)
    assert "e" not in text
    assert float(text.replace(",", "")) == pytest.approx(value, rel=1e-5)
    assert signed_text(value, 6).lstrip("+-") == text.lstrip("-")
    assert prediction_text(value) == text
    whole = text.lstrip("-").partition(".")[0]
    assert [len(part) for part in whole.split(",")][1:] == [3] * whole.count(",")


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_threshold_is_exact(value):
    text = threshold_text(value)
    assert np.float32(text.replace(",", "")) == np.float32(value)
    assert text.replace(",", "") == number_text(value)
    assert ("," in text) == (abs(float(np.float32(value))) >= 10_000)


def test_what_is_no_plain_number_is_left_alone():
    assert amount_text(math.nan) == "nan"
    assert amount_text(-math.inf) == "-inf"
    assert amount_text(3e20) == "3e+20"
    assert thousands_apart("1e+17") == "1e+17"
    assert amount_text(999_999.7) == "1,000,000"
    assert prediction_text([1234.5, -0.0000005]) == "(1,234.5, -5e-07)"


def _value(X):
    return X["area <b>"].to_numpy() * 9_000 + X["price"].to_numpy()


def _logits(X):
    high = (_value(X) - 2.5e6) / 3e5
    return np.column_stack([np.zeros(len(X)), high])


@pytest.fixture(scope="module", params=["classes", "values"])
def results(request, tmp_path_factory):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"area <b>": rng.uniform(20, 300, 200), "price": rng.uniform(1e4, 3e6, 200)}
    )
    y, student = _value(X), CartStudent(4, search="greedy")
    if request.param == "classes":
        y = np.where(y > 2.5e6, "<i>high", "low")
        teacher = CallableTeacher(_logits, classes=["low", "<i>high"])
        kind = DistilledClassifier
    else:
        teacher, kind = CallableTeacher(_value, task="regression"), DistilledRegressor
    model = kind(FrozenEstimator(teacher), student, random_state=0).fit(X, y)
    path = model.save(
        tmp_path_factory.mktemp("run") / "run", X, y, about={"data": "<u>homes.csv"}
    )
    analysis = ikd.evaluation.analyse(model, X, y)
    return {
        "tree": model.tree_,
        "rules": model.rules(X, y),
        "rule": model.rules(X, y)[0],
        "run": load_run(path),
        "rows": load_run(path).evaluation,
        "export": export_student(model, "sql", X),
        "estimate": model.fidelity(X),
        "row": model.explain(X.iloc[[0]]),
        "disagreements": evaluation.disagreements(model, X),
        "interventions": evaluation.interventions(model, X, n_rows=20),
        "stability": evaluation.stability(model, X, n_refits=2),
        "comparison": evaluation.compare({"<u>one": analysis, "two": analysis}),
        "evaluation": model.evaluate(X, y),
        "forest": BoostedStudent(n_rounds=3).fit(X, _value(X)).form_,
        "linear": LinearStudent().fit(X, _value(X)).form_,
    }


def test_results_are_short_at_a_prompt_and_whole_in_a_notebook(results):
    for name, result in results.items():
        assert 0 < len(repr(result)) <= LONGEST, name
        assert "\n" not in repr(result), name
        assert "array(" not in f"{result}{result!r}", name
        assert len(str(result)) < 2_500, name
        assert "e+0" not in str(result), name
        shown = result._repr_html_()
        assert "<b>" not in shown, name
        assert "<i>" not in shown, name
        assert "<u>" not in shown, name
        assert "array(" not in shown, name


def test_what_is_said_is_in_the_html(results):
    for name in ("rule", "run", "export", "estimate"):
        lines = str(results[name]).splitlines()
        plain = html.unescape(results[name]._repr_html_())
        assert all(line in plain for line in lines), name
    assert "&lt;u&gt;one" in results["comparison"]._repr_html_()


def test_a_run_says_what_it_is(results):
    first, about = str(results["run"]).splitlines()
    assert first == (
        "CartStudent of 4 leaves, taught by a CallableTeacher; 200 evaluation rows "
        "with labels"
    )
    assert about == "  data: <u>homes.csv"


def test_a_comparison_says_who_is_how_good(results):
    lines = str(results["comparison"]).splitlines()
    assert lines[0] == "2 students on 200 rows"
    assert lines[1].startswith("  <u>one (tree, 4 leaves); fidelity ")
    assert "; accuracy of the baseline " in lines[2]
    assert lines[2].endswith("parameters " + lines[1].rsplit(" ", 1)[1])


def test_a_tree_is_printed_as_a_tree(results):
    tree = results["tree"]
    lines = str(tree).splitlines()
    assert len(lines) == 6
    assert any(line.startswith("  ") for line in lines)
    assert repr(tree) == f"<Tree: 3 tests, 4 leaves, depth {tree.depth}>"
