import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.ensemble import RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB

from interpretkd._base import InputError
from interpretkd.data import Feature
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.evaluation import stability
from interpretkd.evaluation._stability import _agreement, _agreement_with
from interpretkd.evaluation._stability_parts import _rank_correlation, _Sameness
from interpretkd.models import Condition, feature_importance
from interpretkd.rules import extract_rules
from interpretkd.runs import load_run, save
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.targets import decide
from tests.students.cart.small_trees import HOSTILE

GREEDY = CartStudent(4, search="greedy")


def _iris(student: Any) -> Any:
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    model = DistilledClassifier(teacher, student, transfer=None, random_state=0)
    return model.fit(X), X


@pytest.fixture(scope="module")
def german_tree(german: Any, german_teacher: Any) -> Any:
    model = DistilledClassifier(
        FrozenEstimator(german_teacher), GREEDY, transfer=None, random_state=0
    )
    return model.fit(german.data, german.target)


# What the numbers are.


def test_agreement_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    for task, n_outputs in (("multiclass", 3), ("multilabel", 3)):
        logits = rng.normal(size=(5, 40, n_outputs))
        chosen = [decide(one, task).reshape(40, -1) for one in logits]
        pairs = [
            (a == b).all(axis=1).mean() for a, b in itertools.combinations(chosen, 2)
        ]
        found = _agreement(task, logits)
        assert found.value == pytest.approx(np.mean(pairs))
        assert found.low < found.value < found.high
        mine = rng.normal(size=(40, n_outputs))
        own = decide(mine, task).reshape(40, -1)
        shares = [(one == own).all(axis=1).mean() for one in chosen]
        found = _agreement_with(task, mine, logits)
        assert found.value == pytest.approx(np.mean(shares))


def test_agreement_of_values_is_the_common_variance() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(4000, 1))
    values = truth + 0.5 * rng.normal(size=(6, 4000, 1))
    assert _agreement("regression", values).value == pytest.approx(0.8, abs=0.02)
    assert _agreement("regression", values[:1].repeat(3, axis=0)).value == 1
    assert _agreement_with("regression", values[0], values[1:]).value == pytest.approx(
        0.8, abs=0.02
    )
    assert _agreement_with("regression", values[0], values[:1]).value == 1


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    ranks = np.stack([rng.permutation(7) for _ in range(4)]).astype(float)
    pairs = itertools.combinations(ranks, 2)
    expected = np.mean([spearmanr(a, b).statistic for a, b in pairs])
    assert _rank_correlation(ranks) == pytest.approx(expected)
    assert _rank_correlation(np.vstack([ranks, np.ones(7)])) == pytest.approx(expected)
    assert np.isnan(_rank_correlation(np.ones((3, 7))))


def test_when_conditions_are_the_same() -> None:
    same = _Sameness(np.asarray([0.5, 1.0]), 0.5)
    age = Feature("age")
    home = Feature("home", "categorical", ("own", "rent", "free", "boat"))

    def years(low: float = -np.inf, high: float = np.inf) -> Condition:
        return Condition(age, 0, low, high)

    def homes(*places: int) -> Condition:
        return Condition(home, 1, categories=places)

    assert same.of_conditions(years(high=3.0), years(high=3.5))
    assert not same.of_conditions(years(high=3.0), years(high=3.51))
    assert not same.of_conditions(years(high=3.0), years(low=3.0))  # the other way
    assert not same.of_conditions(years(1.0, 3.0), years(high=3.0))
    assert same.of_conditions(homes(0, 1), homes(0))
    assert not same.of_conditions(homes(0, 1), homes(0, 2))
    assert same.of_rules([years(1.0), homes(0)], [homes(0), years(1.2)])
    assert not same.of_rules([years(1.0)], [homes(0), years(1.2)])
    assert not same.of_rules([years(1.0)], [homes(0)])


# What is found.


def test_a_sharp_threshold_stays_and_a_chance_one_does_not() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(400, 5))
    values = np.where(X[:, 0] > 0.5, 4.0, 0.0) + rng.normal(size=400)
    fitted = RandomForestRegressor(20, random_state=0).fit(X, values)
    model = DistilledRegressor(
        FrozenEstimator(fitted),
        CartStudent(6, search="greedy"),
        transfer=None,
        random_state=0,
    ).fit(X)
    found = stability(model, X, teacher_logits=values[:, None], n_refits=8)
    root = found.parts.iloc[0]
    assert root["node"] == 0
    assert root["survives"] == root["found"] == 1
    assert 0.45 < root["low"] <= root["high"] < 0.55
    assert root["threshold"] == pytest.approx(0.5, abs=0.02)
    others = found.parts.iloc[1:]
    assert others["survives"].mean() < 0.6
    assert found.features["feature"][0] == "x0"
    assert found.features["root"][0] == 1
    assert found.rules is not None
    assert found.rules["decided_alike"].isna().all()
    assert found.features["n_tests"].sum() == pytest.approx(5)


def test_without_chance_all_comes_out_again() -> None:
    X = np.tile(np.asarray([[0.0], [1.0], [2.0], [3.0]]), (50, 1))
    y = (X[:, 0] > 1).astype(int)
    teacher = FrozenEstimator(LogisticRegression().fit(X, y))
    model = DistilledClassifier(
        teacher, CartStudent(2, search="greedy"), transfer=None, random_state=0
    ).fit(X)
    found = stability(model, X, n_refits=4)
    assert found.agreement.value == found.with_model.value == 1
    assert found.fidelity == (1, 1, 1, 1)
    assert found.parts["survives"].tolist() == [1]
    assert found.parts[["low", "threshold", "high"]].iloc[0].tolist() == [1.0] * 3
    assert found.rules is not None
    assert found.rules["survives"].tolist() == [1, 1]
    assert found.rules["decided_alike"].tolist() == [1, 1]


def test_trees(german: Any, german_tree: Any) -> None:
    X = german.data
    found, again = (
        stability(german_tree, X, n_refits=5, random_state=1) for _ in range(2)
    )
    pd.testing.assert_frame_equal(found.parts, again.parts)
    assert found.agreement == again.agreement
    assert (found.n_refits, found.n_compared) == (5, 300)
    assert found.agreement.low <= found.agreement.value <= found.agreement.high
    assert len(found.fidelity) == 5
    tree = german_tree.tree_
    assert (
        found.to_frame()["node"].tolist()
        == np.flatnonzero(~tree.nodes.is_leaf).tolist()
    )
    assert found.parts["survives"].le(found.parts["found"]).all()
    rules = extract_rules(german_tree)
    assert found.rules is not None
    assert found.rules["leaf"].tolist() == [rule.leaf for rule in rules]
    assert found.rules["coverage"].sum() == pytest.approx(1)
    assert found.features["root"].sum() == pytest.approx(1)
    used = set(found.features[found.features["used_by_model"]]["feature"])
    tested = tree.nodes.feature[~tree.nodes.is_leaf]
    assert used == {tree.schema.names[j] for j in tested}
    assert len(str(found).splitlines()) == 2 + len(found.parts) + len(found.rules)
    assert found._repr_html_().count("<table") == 3
    other = stability(german_tree, X, n_refits=5, random_state=2)
    assert other.agreement != found.agreement


def test_the_share_of_refits_with_a_test(german: Any, german_tree: Any) -> None:
    X = german.data
    strict = stability(german_tree, X, n_refits=5, tolerance=0, overlap=1.0)
    mild = stability(german_tree, X, n_refits=5, tolerance=1e9, overlap=0.01)
    assert (strict.parts["survives"] <= mild.parts["survives"]).all()
    numeric = mild.parts["threshold"].notna()
    pd.testing.assert_series_equal(
        mild.parts["survives"][numeric], mild.parts["found"][numeric], check_names=False
    )
    assert strict.parts["survives"].sum() < mild.parts["survives"].sum()


def test_linear_students() -> None:
    model, X = _iris(LinearStudent())
    found = stability(model, X, n_refits=5)
    form = model.student_.form_
    assert found.rules is None
    assert len(found.parts) == 12
    np.testing.assert_allclose(
        found.parts["coefficient"], form.coefficients.reshape(-1)
    )
    assert (found.parts["low"] <= found.parts["high"]).all()
    strong = found.parts["low"] * found.parts["high"] > 0
    agrees = np.sign(found.parts["low"]) == np.sign(found.parts["coefficient"])
    assert (found.parts["same_sign"][strong & agrees] >= 0.8).all()
    assert "same sign in" in str(found)


def test_two_classes_have_one_difference_and_terms_may_be_absent() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": rng.normal(size=120), "b": rng.choice(["x", "y", "z"], 120)}
    )
    frame.loc[:2, "a"] = np.nan  # a rare indicator, absent from many draws
    truth = (frame["a"].fillna(0) > 0).astype(int)
    fitted = LogisticRegression().fit(frame[["a"]].fillna(0), truth)
    logits = fitted.decision_function(frame[["a"]].fillna(0))[:, None] * [0, 1]
    from interpretkd.teachers import CallableTeacher

    def ask(rows: Any) -> Any:
        return fitted.decision_function(rows[["a"]].fillna(0))[:, None] * [0, 1]

    teacher = CallableTeacher(ask, classes=[0, 1], output="logits")
    model = DistilledClassifier(
        teacher, LinearStudent("l1", strength=0.01), transfer=None, random_state=0
    ).fit(frame)
    found = stability(model, frame, teacher_logits=logits, n_refits=4)
    form = model.student_.form_
    assert set(found.parts["output"]) == {"1"}
    weight = dict(zip(form.terms, np.diff(form.coefficients)[:, 0], strict=True))
    for part in found.parts.to_dict("records"):
        assert part["coefficient"] == pytest.approx(weight[part["term"]])
    main = found.parts.set_index("term").loc["a"]
    assert main["same_sign"] == 1
    assert main["zero"] == 0
    assert main["low"] > 0


def test_boosted_students() -> None:
    model, X = _iris(BoostedStudent(n_rounds=10, max_depth=2))
    found = stability(model, X, n_refits=4)
    importance = feature_importance(model.student_.form_)
    assert (
        found.parts["importance"].tolist()
        == sorted(importance)[::-1][: len(found.parts)]
    )
    assert importance.sum() == pytest.approx(1)
    assert found.features["feature"][0] in ("x2", "x3")
    assert found.rank_correlation is not None
    assert 0.3 < found.rank_correlation <= 1
    assert (found.parts["rank_low"] <= found.parts["rank_high"]).all()
    assert found._repr_html_().count("<table") == 1
    budget, X = _iris(BoostedStudent(max_leaves=8))
    assert stability(budget, X, n_refits=2).n_refits == 2


def test_values_and_labels() -> None:
    X, y = load_diabetes(return_X_y=True)
    teacher = FrozenEstimator(RandomForestRegressor(10, random_state=0).fit(X, y))
    model = DistilledRegressor(teacher, GREEDY, transfer=None, random_state=0).fit(X)
    found = stability(model, X, n_refits=4)
    assert 0.5 < found.agreement.value < 1
    assert "of the variance" in str(found)
    X, Y = make_multilabel_classification(120, 6, n_classes=3, random_state=0)
    fitted = MultiOutputClassifier(GaussianNB()).fit(X, Y)
    labeller = DistilledClassifier(
        FrozenEstimator(fitted), GREEDY, transfer=None, random_state=0
    ).fit(X)
    found = stability(labeller, X, n_refits=3)
    assert 0 < found.agreement.value < 1


def test_the_settings_are_the_models() -> None:
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    student = CartStudent("auto", max_depth=3)
    model = DistilledClassifier(teacher, student, alpha=0.3, random_state=0).fit(X, y)
    with pytest.raises(InputError, match="alpha above 0"):
        stability(model, X, n_refits=2)
    for search in ("same", "greedy"):
        found = stability(model, X, y, n_refits=2, search=search)
        assert found.n_refits == 2
    assert model.student_.get_params()["search"] != "auto"  # nothing left to choose


def test_a_loaded_run(tmp_path: Any) -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    teacher = FrozenEstimator(GaussianNB().fit(X, y))
    model = DistilledClassifier(teacher, GREEDY, transfer=None, random_state=0).fit(X)
    save(model, tmp_path / "run", X, y)
    run = load_run(tmp_path / "run")
    rows = run.evaluation
    found = stability(run.model, rows.X, teacher_logits=rows.teacher_logits, n_refits=3)
    again = stability(model, X, n_refits=3)
    assert found.agreement == again.agreement
    pd.testing.assert_frame_equal(found.parts, again.parts)
    with pytest.raises(InputError, match="not saved with this run"):
        stability(run.model, rows.X)


def test_names_from_data_stay_text() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 3)), columns=list(HOSTILE[:3]))
    y = np.asarray(HOSTILE)[(frame.iloc[:, 0] > 0).astype(int)]
    teacher = FrozenEstimator(LogisticRegression().fit(frame, y))
    for student in (GREEDY, BoostedStudent(n_rounds=3), LinearStudent()):
        model = DistilledClassifier(teacher, student, transfer=None).fit(frame)
        found = stability(model, frame, n_refits=2)
        assert "<img" not in found._repr_html_()
        assert all(line.isprintable() for line in str(found).splitlines())


def test_progress_is_shown_only_when_asked_for(capsys: Any) -> None:
    model, X = _iris(GREEDY)
    stability(model, X, n_refits=2)
    assert capsys.readouterr().out == ""
    stability(model, X, n_refits=2, verbose=True)
    assert "Fitting students anew" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_refits": 1}, "must be an int in"),
        ({"search": "optimal"}, "must be one of"),
        ({"held_out": 1.0}, "must be a float in"),
        ({"tolerance": -1.0}, "must be a float in"),
        ({"overlap": 0}, "must be a float in"),
        ({"verbose": 1}, "must be True or False"),
        ({"X": np.zeros((19, 4))}, "must be 20 or more. Got 19"),
    ],
)
def test_what_cannot_be_used(given: Any, message: str) -> None:
    model, X = _iris(GREEDY)
    with pytest.raises(InputError, match=message):
        stability(model, **{"X": X, **given})
