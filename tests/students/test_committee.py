"""Several students of one teacher, whose answers are averaged."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV

from interpretkd._base import BundleError, InputError
from interpretkd.data import Encoded
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.models import Forest, Linear, Tree
from interpretkd.runs import load, save
from interpretkd.students import (
    BoostedStudent,
    CartStudent,
    CommitteeStudent,
    LinearStudent,
    TrainingData,
    as_student,
)

Array = NDArray[np.float64]
RNG = np.random.default_rng(0)
ROWS = pd.DataFrame(
    {
        "age": np.where(np.arange(240) % 7 == 0, np.nan, RNG.normal(40, 9, 240)),
        "home": RNG.choice(["own", "rent", "free"], 240),
        "smoker": RNG.choice([False, True], 240),
        "debt": RNG.exponential(9, 240),
    }
)
RAW = np.column_stack(
    [
        ROWS["age"].fillna(60) / 20 + 2.0 * (ROWS["home"] == "own"),
        ROWS["smoker"] * 3.0,
        ROWS["debt"] / 6,
    ]
)
SOFT = softmax(RAW, axis=1)
GREEDY = CartStudent(6, search="greedy")
BOOSTED = BoostedStudent(8, max_depth=2, n_jobs=1)
MEMBERS = [
    GREEDY,
    CartStudent(4),
    BOOSTED,
    BoostedStudent(max_leaves=12),
    LinearStudent(),
    LinearStudent("group"),
    LinearStudent(max_terms=2),
]
each_member = pytest.mark.parametrize("member", MEMBERS, ids=repr)


def _margins(student: Any) -> Array:
    form = student.form_
    return form.predict(ROWS) if isinstance(form, Tree) else form.margins(ROWS)


@each_member
@pytest.mark.parametrize("over", ["rows", "columns", "classes"])
def test_one_member_is_that_student(member: Any, over: str) -> None:
    if over == "classes" and not _shares(member):
        return
    alone = clone(member).fit(ROWS, SOFT)
    committee = CommitteeStudent(member, 1, over=over).fit(ROWS, SOFT)
    np.testing.assert_array_equal(committee.predict(ROWS), alone.predict(ROWS))
    assert type(committee.form_) is type(alone.form_)
    for name, array in alone.form_.to_arrays().items():
        np.testing.assert_array_equal(committee.form_.to_arrays()[name], array)


def _shares(member: Any) -> bool:
    return isinstance(member, CartStudent) or member.hint_refusal is None


@each_member
@pytest.mark.parametrize("over", ["rows", "columns"])
def test_the_answer_is_the_mean_of_the_members(member: Any, over: str) -> None:
    committee = CommitteeStudent(member, 3, over=over).fit(ROWS, SOFT)
    assert len(committee.members_) == 3
    mean = np.mean([_margins(one) for one in committee.members_], axis=0)
    np.testing.assert_allclose(_margins(committee), mean, rtol=1e-6, atol=1e-6)
    own = Linear if isinstance(member, LinearStudent) else Forest
    assert type(committee.form_) is own
    np.testing.assert_array_equal(
        committee.predict(ROWS), committee.form_.predict(ROWS)
    )


def test_members_have_parts_of_the_rows() -> None:
    committee = CommitteeStudent(GREEDY, 4).fit(ROWS, SOFT)
    trees = [member.tree_ for member in committee.members_]
    assert [tree.cover[0] for tree in trees] == [60, 60, 60, 60]
    assert len({tree.value[0].tobytes() for tree in trees}) == 4
    # Together they have seen each row once.
    mean = np.mean([tree.value[0] for tree in trees], axis=0)
    np.testing.assert_allclose(mean, SOFT.mean(axis=0))


@pytest.mark.parametrize("member", [GREEDY, BOOSTED, LinearStudent()], ids=repr)
def test_members_read_parts_of_the_columns(member: Any) -> None:
    committee = CommitteeStudent(member, 3, over="columns").fit(ROWS, RAW)
    read = [_read(one.form_) for one in committee.members_]
    assert all(read)
    assert sorted(column for own in read for column in own) == [0, 1, 2, 3]
    assert all(one.form_.schema == committee.schema_ for one in committee.members_)


def _read(form: Any) -> set[int]:
    if isinstance(form, Linear):
        return set(form.features)
    return set(form.nodes.feature.tolist()) - {-1}


@pytest.mark.parametrize(
    "member", [GREEDY, CartStudent(6, search="refined"), LinearStudent("group")]
)
def test_members_answer_for_parts_of_the_classes(member: Any) -> None:
    committee = CommitteeStudent(member, 2, over="classes").fit(ROWS, SOFT)
    first, second = (one.form_.predict(ROWS) for one in committee.members_)
    assert first.shape[1] + second.shape[1] == 3
    said = committee.predict(ROWS)
    parts = {tuple(column.round(5)) for column in np.hstack([first, second]).T}
    assert {tuple(column.round(5)) for column in said.T} == parts
    # A member is fitted to its columns by squared error, whatever decides in the end.
    squared = clone(member).set_params(
        **{"objective": "squared_error"}
        if isinstance(member, CartStudent)
        else {"loss": "squared_error"}
    )
    order = np.random.default_rng(0).permutation(3)
    own = np.sort(order[:2])
    np.testing.assert_allclose(
        said[:, own], squared.fit(ROWS, SOFT[:, own]).predict(ROWS), atol=1e-6
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_member_of_some_classes_decides_for_none(n_classes: int) -> None:
    X, y = load_iris(return_X_y=True)
    X, y = X[y < n_classes], y[y < n_classes]
    teacher = FrozenEstimator(LogisticRegression(max_iter=300).fit(X, y))
    for target in ("auto", "hard", "soft", "logits"):
        committee = CommitteeStudent(CartStudent(3), n_classes, over="classes")
        model = DistilledClassifier(teacher, committee, target=target).fit(X, y)
        assert model.fidelity(X).value > 0.9
        assert model.student_.student.objective == "squared_error"
        one = CommitteeStudent(CartStudent(3), 1, over="classes")
        model = DistilledClassifier(teacher, one, target=target).fit(X, y)
        assert model.student_.student.objective == "disagreement"


def test_parts_are_drawn_by_the_seed() -> None:
    def values(seed: int) -> list[float]:
        committee = CommitteeStudent(GREEDY, 3, random_state=seed).fit(ROWS, SOFT)
        form = committee.form_
        assert isinstance(form, Forest)
        return list(form.value.tolist())

    assert values(1) == values(1) != values(2)


def test_weights_and_hints_go_to_the_members() -> None:
    encoded = Encoded.of(ROWS)
    weight = RNG.integers(0, 3, 240).astype(float)
    hints = 5 * RNG.normal(size=(240, 2))
    committee = CommitteeStudent(GREEDY, 2, over="columns")
    assert committee.hint_refusal is None
    data = TrainingData(ROWS, encoded, SOFT, weight, hints=hints)
    hinted = clone(committee).fit_encoded(data)
    plain = clone(committee).fit_encoded(TrainingData(ROWS, encoded, SOFT, weight))
    assert [m.tree_.cover[0] for m in plain.members_] == [weight.sum()] * 2
    assert not np.array_equal(hinted.form_.nodes.feature, plain.form_.nodes.feature)
    boosted = CommitteeStudent(BOOSTED)
    assert boosted.hint_refusal == BOOSTED.hint_refusal
    with pytest.raises(InputError, match="Hints would change nothing"):
        boosted.fit_encoded(data)


def test_members_that_watch_watch_the_committees_rows() -> None:
    scored: list[int] = []

    def score(outputs: Array) -> float:
        scored.append(len(outputs))
        return -float(((outputs - SOFT[180:]) ** 2).sum())

    committee = CommitteeStudent(BoostedStudent(60, patience=3, n_jobs=1), 2)
    assert committee.validation == "watch"
    committee.fit(ROWS[:180], SOFT[:180], watch=(ROWS[180:], score))
    assert set(scored) == {60}
    assert all(0 < len(one.scores_) < 60 for one in committee.members_)
    assert CommitteeStudent(CartStudent()).validation == "none"
    parts = CommitteeStudent(LinearStudent("group", max_terms="auto"), over="classes")
    assert parts.validation == "none"


TEACHERS: dict[str, Any] = {}


def _distilled(member: Any, over: str, target: str) -> tuple[Any, Any, Any]:
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X, y = X.iloc[:200, :5], y[:200]
    if "cancer" not in TEACHERS:
        TEACHERS["cancer"] = FrozenEstimator(LogisticRegression(C=0.1).fit(X, y))
    committee = CommitteeStudent(member, 2, over=over)
    return (
        DistilledClassifier(TEACHERS["cancer"], committee, target=target).fit(X, y),
        X,
        y,
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("member", "over"),
    [
        (CartStudent(3), "rows"),
        (CartStudent(3), "columns"),
        (CartStudent(3), "classes"),
        (BoostedStudent(4, max_depth=2, n_jobs=1), "rows"),
        (LinearStudent(), "columns"),
    ],
    ids=str,
)
@pytest.mark.parametrize("target", ["auto", "logits", "hard"])
def test_a_distilled_committee_is_saved_and_exported(
    member: Any, over: str, target: str, tmp_path: Path
) -> None:
    model, X, y = _distilled(member, over, target)
    assert model.fidelity(X).value > 0.75
    assert type(model.student_) is CommitteeStudent
    loaded = load(save(model, tmp_path / "run", X, y))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert repr(loaded.student_) == repr(model.student_)
    assert repr(loaded.student) == repr(model.student)
    assert repr(loaded.baseline_) == repr(model.baseline_)
    for to in ("python", "sql"):
        assert "200 of 200 rows equal" in str(model.export(to, X))


def test_probabilities_are_brought_to_the_teachers() -> None:
    for target in ("logits", "soft"):
        model, X, _ = _distilled(CartStudent(3), "rows", target)
        teacher = TEACHERS["cancer"].predict_proba(X)
        loss = -(teacher * np.log(model.predict_proba(X))).sum(axis=1).mean()
        entropy = -(teacher * np.log(np.maximum(teacher, 1e-300))).sum(axis=1).mean()
        assert loss - entropy < 0.25
    assert model.reading_.temperature != 1


def test_a_committee_of_regressors() -> None:
    X, y = load_diabetes(return_X_y=True)
    teacher = FrozenEstimator(LinearRegression().fit(X, y))
    model = DistilledRegressor(teacher, CommitteeStudent(n_members=3)).fit(X, y)
    assert model.student_.form_.n_trees == 3
    assert model.student_.form_.n_leaves == 12
    assert model.fidelity(X).value > 0.6


def test_the_members_settings_can_be_searched() -> None:
    grid = {"student__max_leaves": [2, 6], "over": ["rows", "columns"]}
    search = GridSearchCV(CommitteeStudent(GREEDY, 2), grid, cv=3).fit(ROWS, RAW)
    assert search.best_params_["student__max_leaves"] == 6


def test_a_saved_committee_with_a_strange_member_is_refused(tmp_path: Path) -> None:
    model, X, y = _distilled(CartStudent(3), "rows", "logits")
    run = save(model, tmp_path / "run", X, y)
    text = (run / "model.json").read_text()
    for wrong in ("CommitteeStudent", "Popen"):
        state = json.loads(text)
        state["student"]["member"]["class"] = wrong
        changed = json.dumps(state).encode()
        (run / "model.json").write_bytes(changed)
        manifest = json.loads((run / "manifest.json").read_text())
        manifest["sha256"]["model.json"] = sha256(changed).hexdigest()
        (run / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(BundleError):
            load(run)


class Own(CartStudent):
    pass


@pytest.mark.parametrize(
    ("committee", "message"),
    [
        (CommitteeStudent(n_members=0), "'n_members' parameter"),
        (CommitteeStudent(over="cells"), "'over' parameter"),
        (CommitteeStudent(Ridge()), "must be a CartStudent, .* Got a Ridge"),
        (CommitteeStudent(Own(4)), "Got a Own"),
        (CommitteeStudent(CommitteeStudent()), "Got a CommitteeStudent"),
        (CommitteeStudent(CartStudent(1)), "'max_leaves' parameter of CartStudent"),
        (CommitteeStudent(LinearStudent(points=True)), "no whole points"),
        (CommitteeStudent(BOOSTED, over="classes"), "which fits each by itself"),
        (CommitteeStudent(LinearStudent(), over="classes"), "fits each by itself"),
        (
            CommitteeStudent(n_members=5, over="columns"),
            "at most 4 over the columns of n_features=4. Got 5",
        ),
        (CommitteeStudent(n_members=241), "at most 240 over the rows of n_samples=240"),
        (CommitteeStudent(over="classes"), "at most 3 over the classes"),
    ],
)
def test_what_cannot_be_is_refused(committee: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        committee.fit(ROWS, SOFT)


def test_a_committee_is_one_of_ours() -> None:
    committee = CommitteeStudent()
    assert as_student(committee) is committee
    assert committee.family == "committee"
    assert not committee.continues
    assert committee.weight_refusal is None
    quick = committee.without_search()
    assert quick.student.search == "greedy"
    assert committee.student is None
