import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.ensemble import RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.evaluation import (
    disagreements,
    filter_disagreements,
    label_disagreements,
    leads,
)
from interpretkd.metrics import wilson_interval
from interpretkd.rules import extract_rules
from interpretkd.runs import load_run, save
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.targets import probabilities
from interpretkd.teachers import CallableTeacher
from tests.students.cart.small_trees import HOSTILE

SMALL = CartStudent(4, search="greedy")


@pytest.fixture(scope="module")
def german_model(german: Any, german_teacher: Any) -> Any:
    model = DistilledClassifier(
        FrozenEstimator(german_teacher), SMALL, transfer=None, random_state=0
    )
    return model.fit(german.data, german.target)


def test_rows_and_pairs_against_the_confusion(german: Any, german_model: Any) -> None:
    model, X, y = german_model, german.data, german.target
    found = disagreements(model, X, y)
    logits = model.teacher_.logits(X)
    teacher, student = model.classes_[logits.argmax(axis=1)], model.predict(X)
    parts = teacher != student
    assert 0 < parts.sum() < len(X)
    assert found.rate == wilson_interval(int(parts.sum()), len(X))
    frame = found.to_frame()
    assert sorted(frame["position"]) == np.flatnonzero(parts).tolist()
    assert len(frame) == len(found)
    place = frame["position"].to_numpy()
    assert frame["index"].tolist() == X.index[place].tolist()
    assert frame["teacher"].tolist() == teacher[place].tolist()
    assert frame["student"].tolist() == student[place].tolist()
    assert frame["label"].tolist() == np.asarray(y)[place].tolist()
    sure = probabilities(logits).max(axis=1)[place]
    np.testing.assert_array_equal(frame["teacher_confidence"], sure)
    assert (np.diff(sure) <= 0).all()
    for who, right in (("teacher", teacher), ("student", student)):
        said = (frame["right"] == who).to_numpy()
        np.testing.assert_array_equal(said, (right == np.asarray(y))[place])
    rules = extract_rules(model)
    numbers = rules.apply(X.iloc[place]) + 1
    assert frame["rule"].tolist() == numbers.tolist()
    table = found.table()
    counts = confusion_matrix(teacher, student, labels=list(table.index))
    np.fill_diagonal(counts, 0)
    np.testing.assert_array_equal(table, counts)
    assert found.pairs["n"].sum() == len(found)
    assert found.pairs["share"].sum() == pytest.approx(1)
    assert (found.pairs["teacher_right"] + found.pairs["student_right"]).sum() == (
        frame["right"] != "neither"
    ).sum()
    assert str(found).splitlines()[0] == found.sentence


def test_stored_logits_and_frames_with_an_index(german: Any, german_model: Any) -> None:
    X = german.data[::3]
    logits = german_model.teacher_.logits(X)
    found = disagreements(german_model, X, teacher_logits=logits)
    again = disagreements(german_model, X)
    pd.testing.assert_frame_equal(found.rows, again.rows)
    assert set(found.rows["index"] % 3) == {0}
    assert "label" not in found.rows
    assert "teacher_right" not in found.pairs
    opposite = disagreements(german_model, X, teacher_logits=-logits)
    assert len(opposite) == len(X) - len(found)


def test_a_region_is_found_and_its_rate_is_honest() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(2000, 4))
    y = ((X[:, 0] > 0.5) ^ ((X[:, 1] > 0.8) & (rng.random(2000) < 0.8))).astype(int)
    student = LogisticRegression().fit(X, (X[:, 0] > 0.5).astype(int))
    model = DistilledClassifier(
        FrozenEstimator(student), CartStudent(2), transfer=None, random_state=0
    ).fit(X)
    logits = np.where(y[:, None] == [0, 1], 2.0, 0.0)
    found = disagreements(model, X, teacher_logits=logits, max_leaves=2)
    worst, rest = found.regions
    assert worst.text.startswith("x1 > 0.")
    assert worst.rate is not None
    assert rest.rate is not None
    assert worst.rate.low < 0.8 < worst.rate.high
    assert rest.rate.high < 0.1
    assert worst.rate.n + rest.rate.n == 1000
    assert worst.coverage + rest.coverage == pytest.approx(1)
    # Where nothing tells them apart, the regions do not look as if something did.
    plain = model.logits(X)
    noise = np.where((rng.random(2000) < 0.3)[:, None], -plain, plain)
    for region in disagreements(model, X, teacher_logits=noise, max_leaves=4).regions:
        assert region.rate is None or region.rate.low < 0.3 < region.rate.high + 0.05


def test_nothing_to_tell() -> None:
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    model = DistilledClassifier(teacher, SMALL, transfer=None, random_state=0).fit(X)
    found = disagreements(model, X, y, teacher_logits=model.logits(X))
    assert len(found) == 0
    assert found.rate.value == 0
    assert found.regions == ()
    assert found.table().empty
    assert len(found.pairs) == len(found.regions_frame()) == 0
    assert str(found) == "Student and teacher agree on all 150 rows."
    assert "agree on all 150 rows" in found._repr_html_()
    assert {"teacher", "student", "teacher_confidence", "right"} <= set(found.rows)


def test_values() -> None:
    X, y = load_diabetes(return_X_y=True)
    teacher = FrozenEstimator(RandomForestRegressor(10, random_state=0).fit(X, y))
    model = DistilledRegressor(teacher, SMALL, transfer=None, random_state=0).fit(X)
    found = disagreements(model, X, y)
    gap = model.predict(X) - teacher.predict(X)
    place = found.rows["position"].to_numpy()
    np.testing.assert_allclose(found.rows["difference"], gap[place])
    assert (np.diff(np.abs(gap[place])) <= 0).all()
    assert found.tolerance is not None
    assert (np.abs(gap) > found.tolerance).sum() == len(found)
    assert 0.09 < found.rate.value < 0.11
    closer = np.abs(model.predict(X) - y) < np.abs(teacher.predict(X) - y)
    np.testing.assert_array_equal((found.rows["right"] == "student"), closer[place])
    assert found.pairs.empty
    assert found.table().empty
    rates = found.regions_frame()
    assert (rates["n"] * rates["rate"]).sum() / rates["n"].sum() == pytest.approx(
        np.abs(gap).mean(), rel=0.2
    )
    assert len(disagreements(model, X, tolerance=1e9)) == 0
    assert len(disagreements(model, X, tolerance=0.0)) == (gap != 0).sum()
    assert "differ" in str(found)


@given(
    scale=st.sampled_from([1e-3, 1.0, 1e6]), tolerance=st.none() | st.floats(0.0, 3.0)
)
@settings(max_examples=20, deadline=None)
def test_values_are_compared_in_their_own_unit(
    scale: float, tolerance: float | None
) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    teacher = CallableTeacher(lambda x: scale * np.asarray(x)[:, 0], task="regression")
    model = DistilledRegressor(FrozenEstimator(teacher.fit(X)), SMALL, transfer=None)
    model.set_params(random_state=0).fit(X)
    far = None if tolerance is None else tolerance * scale
    found = disagreements(model, X, tolerance=far)
    gap = np.abs(model.predict(X) - teacher.logits(X).ravel())
    numbers = [
        float(word.strip(".").replace(",", ""))
        for word in re.findall(r"than ([\d,.]+)", found.sentence)
    ]
    assert "e+" not in found.sentence
    if far is None:  # only the amounts are told, no share with an interval
        assert numbers == pytest.approx([np.median(gap), found.tolerance], rel=6e-3)
        assert "[" not in found.sentence
        return
    assert numbers[0] == pytest.approx(far, rel=6e-3)
    n = int((gap > far).sum())
    assert (f"on {n} of 60 rows" in found.sentence) == (n > 0)


@pytest.mark.parametrize(
    "student", [SMALL, BoostedStudent(n_rounds=5), LinearStudent()]
)
def test_labels_and_other_students(student: Any) -> None:
    X, Y = make_multilabel_classification(150, 6, n_classes=3, random_state=0)
    fitted = MultiOutputClassifier(GaussianNB()).fit(X, Y)
    model = DistilledClassifier(
        FrozenEstimator(fitted), student, transfer=None, random_state=0
    ).fit(X)
    found = disagreements(model, X, Y)
    parts = (fitted.predict(X) != model.predict(X)).any(axis=1)
    assert sorted(found.rows["position"]) == np.flatnonzero(parts).tolist()
    first = found.rows.iloc[0]
    on = np.flatnonzero(fitted.predict(X)[first["position"]]).tolist()
    assert first["teacher"] == tuple(on)
    assert found.table().to_numpy().sum() == len(found)
    assert ("leaf" in found.rows) == (student is SMALL)
    assert found._repr_html_().count("<table") == 3


def test_a_loaded_run(tmp_path: Any) -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    teacher = FrozenEstimator(GaussianNB().fit(X, y))
    model = DistilledClassifier(teacher, CartStudent(2), random_state=0).fit(X)
    save(model, tmp_path / "run", X, y)
    run = load_run(tmp_path / "run")
    rows = run.evaluation
    found = disagreements(run.model, rows.X, rows.y, teacher_logits=rows.teacher_logits)
    assert len(found) == len(disagreements(model, X, y)) > 0
    with pytest.raises(InputError, match="not saved with this run"):
        disagreements(run.model, rows.X)


def test_names_from_data_stay_text() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 3)), columns=list(HOSTILE[:3]))
    y = np.asarray(HOSTILE)[rng.integers(0, 7, 120)]
    teacher = FrozenEstimator(LogisticRegression().fit(frame, y))
    model = DistilledClassifier(teacher, CartStudent(2), random_state=0).fit(frame)
    found = disagreements(model, frame, y)
    assert "<img" not in found._repr_html_()
    assert all(line.isprintable() for line in str(found).splitlines())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_leaves": 1}, "must be an int in"),
        ({"tolerance": -1.0}, "must be a float in"),
        ({"teacher_logits": np.zeros((3, 3))}, "finite numbers of shape"),
        ({"y": [0, 1]}, "must have the shape"),
    ],
)
def test_what_cannot_be_used(given: Any, message: str) -> None:
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    model = DistilledClassifier(teacher, CartStudent(2), random_state=0).fit(X)
    with pytest.raises(InputError, match=message):
        disagreements(model, X, **given)


def test_filtered_rows_meet_every_condition(german: Any, german_model: Any) -> None:
    model, X, y = german_model, german.data, german.target
    logits = model.teacher_.logits(X)
    rows = disagreements(model, X, y).rows
    place = rows["position"].to_numpy()
    rows = rows.assign(lead=leads("multiclass", logits[place], model.logits(X)[place]))
    assert filter_disagreements(rows).equals(rows)
    for pair in disagreements(model, X, y).pairs.to_dict("records"):
        some = filter_disagreements(
            rows, teacher=pair["teacher"], student=pair["student"]
        )
        assert len(some) == pair["n"]
        assert set(some["teacher"]) == {pair["teacher"]}
        right = filter_disagreements(some, right="student")
        assert len(right) == pair["student_right"]
    leaf = int(rows["leaf"].iloc[0])
    assert (filter_disagreements(rows, leaf=leaf)["leaf"] == leaf).all()
    assert len(filter_disagreements(rows, leaf=leaf)) == (rows["leaf"] == leaf).sum()
    sure = filter_disagreements(rows, min_confidence=0.7)
    assert sure["teacher_confidence"].min() >= 0.7
    assert len(sure) == (rows["teacher_confidence"] >= 0.7).sum()
    # Of two classes the lead is all that the teacher's own has above the other.
    np.testing.assert_allclose(rows["lead"], 2 * rows["teacher_confidence"] - 1)
    near = filter_disagreements(rows, max_lead=0.1)
    assert 0 < len(near) == (rows["teacher_confidence"] <= 0.55).sum()
    assert not len(filter_disagreements(rows, teacher="nobody"))


def test_leads_are_differences_of_probabilities() -> None:
    rng = np.random.default_rng(0)
    teacher, student = rng.normal(size=(2, 50, 3))
    chance = probabilities(teacher)
    own, other = teacher.argmax(axis=1), student.argmax(axis=1)
    expected = [p[a] - p[b] for p, a, b in zip(chance, own, other, strict=True)]
    lead = leads("multiclass", teacher, student)
    np.testing.assert_allclose(lead, expected)
    assert (lead[own == other] == 0).all()
    assert (lead >= 0).all()
    one = leads("multilabel", [[2.0, -1.0]], [[2.0, 3.0]])
    on = probabilities(np.array([[2.0, -1.0]]), "multilabel")[0]
    np.testing.assert_allclose(one, [on[0] * (1 - on[1]) - on[0] * on[1]])


def test_labels_are_counted_and_narrowed_one_by_one() -> None:
    X, y = make_multilabel_classification(400, n_classes=3, random_state=0)
    teacher = FrozenEstimator(MultiOutputClassifier(GaussianNB()).fit(X, y))
    model = DistilledClassifier(teacher, SMALL, transfer=None, random_state=0).fit(X)
    logits, own = model.teacher_.logits(X), model.logits(X)
    counts = label_disagreements(model.classes_, logits > 0, own > 0)
    assert (counts["n"].diff().dropna() <= 0).all()
    rows = disagreements(model, X).rows
    position = {label: i for i, label in enumerate(model.classes_.tolist())}
    for record in counts.to_dict("records"):
        i = position[record["label"]]
        for who, other, says, not_so in (
            ("teacher", "student", logits, own),
            ("student", "teacher", own, logits),
        ):
            expected = np.flatnonzero((says[:, i] > 0) & (not_so[:, i] <= 0))
            assert record[f"{who}_only"] == len(expected)
            some = filter_disagreements(rows, **{who: record["label"]})
            assert sorted(some["position"]) == expected.tolist(), other
    assert len(filter_disagreements(rows[:0], teacher=0)) == 0
