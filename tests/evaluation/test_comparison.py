from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.evaluation import (
    analyse,
    chart_sizes,
    compare,
    evaluate,
    why_not_comparable,
)
from interpretkd.metrics import fidelity_by_slice, mcnemar, paired_bootstrap
from interpretkd.runs import same_rows_runs, save, saved_run
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent

FAMILIES = {
    "cart": CartStudent(6, search="greedy"),
    "boosted": BoostedStudent(max_depth=2, n_rounds=5),
    "linear": LinearStudent(),
}


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    y = np.array(["a", "b", "c"])[y]
    fitted = np.arange(len(y)) % 3 == 0
    teacher = LogisticRegression(max_iter=1000).fit(X[fitted], y[fitted])
    return _all(DistilledClassifier, teacher, X, y, fitted)


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    y = y.to_numpy()
    fitted = np.arange(len(y)) % 2 == 0
    teacher = LinearRegression().fit(X[fitted], y[fitted])
    return _all(DistilledRegressor, teacher, X, y, fitted)


def _all(kind, teacher, X, y, fitted):
    found = {}
    for name, student in FAMILIES.items():
        model = kind(FrozenEstimator(teacher), student, random_state=0)
        model.fit(X[fitted], y[fitted])
        found[name] = analyse(model, X[~fitted].reset_index(drop=True), y[~fitted])
    return found


@pytest.mark.parametrize("data", ["iris", "diabetes"])
def test_whole_students_have_the_measures_of_their_evaluation(request, data):
    found = request.getfixturevalue(data)
    side_by_side = compare(found)
    assert side_by_side.numbers is None
    assert side_by_side.n_rows == len(found["cart"])
    scores = zip(
        found.values(),
        side_by_side.fidelity,
        side_by_side.accuracy,
        side_by_side.baseline_accuracy,
        strict=True,
    )
    for one, fidelity, accuracy, baseline in scores:
        evaluation = evaluate(one.model, one.X, one.y)
        for ours, theirs in (
            (fidelity, evaluation.student.fidelity),
            (accuracy, evaluation.student.accuracy),
            (baseline, evaluation.baseline.accuracy),
            (side_by_side.teacher_accuracy, evaluation.teacher.accuracy),
        ):
            assert ours.n == theirs.n
            ends = (ours.value, ours.low, ours.high)
            assert ends == pytest.approx((theirs.value, theirs.low, theirs.high))


def test_sizes_are_measured_on_the_rows_that_did_not_choose_them(iris):
    side_by_side = compare(iris, sizes={"cart": (2, 3, 6)})
    names = [one.name for one in side_by_side.students]
    assert names[:3] == [
        "cart (tree, 6 leaves)",
        "cart (tree, 2 leaves)",
        "cart (tree, 3 leaves)",
    ]
    assert len(names) == 5  # the whole tree stands there once
    cut = iris["cart"].cut(2)
    np.testing.assert_array_equal(side_by_side.numbers, cut.numbers)
    assert side_by_side.fidelity[1] == cut.evaluation.student.fidelity
    assert side_by_side.baseline_accuracy[1] == cut.evaluation.baseline.accuracy
    linear = side_by_side.students[-1]
    np.testing.assert_array_equal(linear.logits, iris["linear"].logits[cut.numbers])
    assert side_by_side.fidelity[0].n == len(cut.numbers)


def test_a_size_is_added_among_the_others(iris):
    side_by_side = compare(iris, sizes={"cart": (2, 4)})
    added = side_by_side.with_size("cart", iris["cart"].cut(3))
    expected = compare(iris, sizes={"cart": (2, 3, 4)})
    assert added.to_frame().equals(expected.to_frame())
    assert len(side_by_side) == len(added) - 1
    with pytest.raises(InputError, match="own rows"):
        compare(iris).with_size("cart", iris["cart"].cut(3))


def test_table_marks_what_nothing_beats(iris):
    side_by_side = compare(iris, sizes={"cart": (2, 3, 4, 5)})
    for by in ("items", "size", "parameters", "bytes"):
        for measure in ("fidelity", "accuracy"):
            frame = side_by_side.to_frame(by=by, measure=measure)
            for i, row in frame.iterrows():
                rest = frame.drop(index=i)
                no_larger = rest[rest[by] <= row[by]]
                beaten = (no_larger[measure] > row[measure]).any() or (
                    (no_larger[measure] == row[measure])
                    & ((no_larger[by] < row[by]) | (no_larger.index < i))
                ).any()
                assert row["front"] == (not beaten)
    assert frame["family"].tolist()[-2:] == ["boosted", "linear"]
    assert frame["unit"].tolist()[-2:] == ["leaves", "terms"]
    with pytest.raises(InputError, match="'by' parameter"):
        side_by_side.to_frame(by="weight")


def test_pairs_are_compared_row_by_row(iris, diabetes):
    side_by_side = compare(iris)
    first, last = iris["cart"], iris["linear"]
    pair = side_by_side.pair(0, 2)
    assert pair.agreement.value == np.mean(
        first.student_decisions == last.student_decisions
    )
    assert pair.fidelity == mcnemar(
        first.teacher_decisions, first.student_decisions, last.student_decisions
    )
    assert pair.accuracy == mcnemar(
        first.labels, first.student_decisions, last.student_decisions
    )
    turned = side_by_side.pair(2, 0).fidelity
    assert turned.difference.value == -pair.fidelity.difference.value
    with pytest.raises(InputError, match="second"):
        side_by_side.pair(0, 3)
    values = compare(diabetes).pair(0, 2)
    one, two = diabetes["cart"], diabetes["linear"]
    expected = paired_bootstrap(one.teacher_logits, one.logits, two.logits)
    assert values.fidelity == expected
    assert expected.direction == -1


def test_slices_are_those_of_each_student(iris):
    side_by_side = compare(iris)
    column = "petal width (cm)"
    found = side_by_side.slices(column, [0, 2])
    for number, name in ((0, "cart"), (2, "linear")):
        part = found[found["number"] == number].reset_index(drop=True)
        one = iris[name]
        expected = fidelity_by_slice(one.model, one.X, column)
        pd.testing.assert_frame_equal(part[expected.columns.tolist()], expected)
    assert found.groupby("number")["n"].sum().tolist() == [len(one)] * 2
    assert len(side_by_side.slices(column)) == 3 * len(found) / 2


def test_without_labels_there_is_no_accuracy(iris):
    side_by_side = compare({"a": replace(iris["cart"], y=None)})
    assert side_by_side.accuracy is None
    assert side_by_side.teacher_accuracy is None
    assert side_by_side.baseline_accuracy == (None,)
    assert side_by_side.to_frame()["accuracy"].isna().all()


def test_what_does_not_fit_is_refused_with_the_reason(iris, diabetes):
    cart = iris["cart"]
    assert why_not_comparable(cart, iris["linear"]) is None
    fewer = replace(cart, X=cart.X[:-1], y=cart.y[:-1], teacher_logits=cart.logits[:-1])
    moved = replace(cart, X=cart.X + 1)
    labels = replace(cart, y=np.roll(cart.y, 7))
    retrained = replace(cart, teacher_logits=cart.teacher_logits * 2)
    for other, reason in (
        (diabetes["cart"], "it decides a value, not one of"),
        (fewer, f"other evaluation rows ({len(cart) - 1} of them, not {len(cart)})"),
        (moved, "other evaluation rows"),
        (labels, "other labels"),
        (retrained, "another teacher"),
    ):
        assert reason in why_not_comparable(cart, other)
        with pytest.raises(InputError, match="b cannot be compared with a: it"):
            compare({"a": cart, "b": other})
    with pytest.raises(InputError, match="at least one"):
        compare({})


def test_other_columns_and_classes_are_named(iris):
    cart = iris["cart"]
    X, y = load_iris(return_X_y=True, as_frame=True)
    renamed = X.rename(columns={"petal width (cm)": "width"})
    for rows, labels, reason in (
        (renamed, np.array(["a", "b", "c"])[y], "other columns (only it has 'width')"),
        (X.iloc[:, :3], y, "other columns (it lacks 'petal width (cm)')"),
        (X[X.columns[::-1]], y, "other columns (in another order)"),
        (X, np.array(["a", "b", "d"])[y], "other classes (only it has 'd')"),
    ):
        teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(rows, labels))
        model = DistilledClassifier(teacher, CartStudent(3), random_state=0)
        other = analyse(model.fit(rows, labels), rows, labels)
        assert reason in why_not_comparable(cart, other)


def test_steps_hold_the_sizes_that_matter(iris):
    path = iris["cart"].sizes
    found = chart_sizes(path, also=[5])
    assert found == tuple(sorted(set(found)))
    assert found[0] >= 2
    assert {5, path.sizes[-1]} <= set(found)
    assert {size for size in (path.choose(), path.choose("knee")) if size > 1} <= set(
        found
    )


def test_runs_of_the_same_rows_are_found(iris, tmp_path):
    runs = {}
    for name, n_rows in (("cart", 50), ("linear", 50), ("boosted", 40)):
        one = iris[name]
        path = save(one.model, tmp_path / name, one.X[:n_rows], one.y[:n_rows])
        runs[name] = saved_run(path)
    save(iris["cart"].model, tmp_path / "bare")
    bare = saved_run(tmp_path / "bare")
    cart, linear, boosted = (runs[name] for name in ("cart", "linear", "boosted"))
    assert same_rows_runs(cart, [linear, boosted, bare]) == (linear,)
    assert same_rows_runs(bare, [cart, bare]) == ()
    (linear.path / "manifest.json").write_text("[]")
    assert same_rows_runs(cart, [linear]) == ()
