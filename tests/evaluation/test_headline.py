"""What stands beside a fidelity: what a constant would reach, and whose it is."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

import interpretkd as ikd
from interpretkd.evaluation import Evaluation, Scores, Size, stability
from interpretkd.methods import Confidence, Weighting
from interpretkd.metrics import Estimate, constant_fidelity, label_matches
from interpretkd.pipelines import in_original_units
from interpretkd.reports import make_report


@pytest.fixture(scope="module")
def rows():
    X, y = load_iris(return_X_y=True, as_frame=True)
    order = np.random.default_rng(0).permutation(len(X))
    return X.iloc[order].reset_index(drop=True), y.to_numpy()[order]


def settings(**more):
    return {"transfer": None, "target": "hard", "random_state": 0, **more}


@pytest.fixture(scope="module")
def chain(rows):
    X, y = rows
    network = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X[:90], y[:90]))
    first = ikd.DistilledClassifier(
        network, ikd.CartStudent(2, search="greedy"), **settings()
    ).fit(X[:90], y[:90])
    return ikd.DistilledClassifier(
        FrozenEstimator(first), ikd.CartStudent(2, search="greedy"), **settings()
    ).fit(X[:90], y[:90])


def test_of_a_chain_it_is_said_whose_fidelity_it_is(chain, rows):
    X, y = rows[0][90:], rows[1][90:]
    network = chain.teacher_.estimator.teacher_
    found = chain.evaluate(X, y)
    agreed = (chain.predict(X) == network.predict(X)).mean()
    assert found.student.fidelity.value == 1.0
    assert found.student.origin_fidelity.value == pytest.approx(agreed)
    assert found.student.origin_fidelity.value < 0.8
    assert found.origin == "LogisticRegression"
    of_teacher = (chain.teacher_.predict(X) == network.predict(X)).mean()
    assert found.teacher.origin_fidelity.value == pytest.approx(of_teacher)
    shown = format(found.student.origin_fidelity, ".1%")
    for text in (str(found), found._repr_html_(), found.verdict):
        assert shown in text
    assert "itself distilled" in str(found)
    assert found.to_dict()["models"]["student"]["origin_fidelity"]["value"] < 0.8
    assert "origin_fidelity_low" in found.to_frame()
    without = ikd.evaluate(chain, X)
    assert shown in without.verdict
    report = make_report(chain, X, y, n_refits=0).markdown()
    assert "Fidelity to the first teacher of the chain" in report


def test_of_no_chain_nothing_is_said(rows):
    X, y = rows
    network = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    model = ikd.DistilledClassifier(
        network, ikd.CartStudent(3, search="greedy"), **settings()
    ).fit(X[:90], y[:90])
    found = model.evaluate(X[90:], y[90:])
    assert found.origin is None
    assert "first teacher" not in str(found)
    assert "origin_fidelity" not in found.to_frame()


def test_a_chain_in_original_units_keeps_its_first_teacher(rows):
    X, y = rows
    scaler = StandardScaler().set_output(transform="pandas").fit(X)
    Z = scaler.transform(X)
    network = FrozenEstimator(LogisticRegression(max_iter=1000).fit(Z, y))
    small = ikd.CartStudent(2, search="greedy")
    first = ikd.DistilledClassifier(network, small, **settings()).fit(Z[:90], y[:90])
    second = ikd.DistilledClassifier(FrozenEstimator(first), small, **settings())
    model = in_original_units(second.fit(Z[:90], y[:90]), scaler, X)
    own = model.fidelity(X[90:], of="origin")
    assert own.value == second.fidelity(Z[90:], of="origin").value
    assert own.value < model.fidelity(X[90:]).value
    assert model.evaluate(X[90:]).origin == "LogisticRegression"
    assert model.transfer_set_ is None


def test_a_trivial_teacher_has_a_fidelity_that_tells_nothing(rows):
    X, _ = rows
    teacher = ikd.CallableTeacher(
        lambda X: np.tile([1.0, 0.0], (len(X), 1)), classes=["a", "b"]
    )
    model = ikd.DistilledClassifier(
        teacher, ikd.CartStudent(2, search="greedy"), **settings()
    ).fit(X[:90])
    found = model.evaluate(X[90:])
    assert found.student.fidelity.value == 1.0
    assert found.constant_fidelity == 1.0
    assert found.excess_fidelity["student"] is None
    assert "tells nothing" in str(found)
    assert "tells nothing" in found._repr_html_()


def test_values_have_no_commonest_decision(rows):
    X, _ = rows
    teacher = FrozenEstimator(LinearRegression().fit(X, X.iloc[:, 0]))
    student = ikd.CartStudent(3, search="greedy")
    model = ikd.DistilledRegressor(teacher, student, transfer=None).fit(X[:90])
    found = model.evaluate(X[90:])
    assert found.constant_fidelity is None
    assert found.beside == ()


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30), st.data())
def test_the_excess_is_zero_for_the_best_constant_and_one_for_a_twin(said, data):
    said = np.asarray(said)
    values, counts = np.unique(said, return_counts=True)
    best = np.full(len(said), values[counts.argmax()])
    m = constant_fidelity(said)
    assert m == label_matches(said, best).mean()
    f = data.draw(st.floats(0, 1))
    found = Evaluation(
        "multiclass",
        len(said),
        Scores(Size()),
        Scores(Size(), fidelity=Estimate(f, 0.0, 1.0, len(said))),
        constant_fidelity=m,
    )
    excess = found.excess_fidelity["student"]
    if m == 1:
        assert excess is None
        return
    assert excess.value == pytest.approx((f - m) / (1 - m))
    if excess.value < 0:
        assert f"stays {100 * (m - f):.1f} points below" in str(found)
    else:
        assert f"reaches {excess.value:.1%} [" in str(found)
    assert (excess.value > 0) == (f > m)
    assert excess.high == pytest.approx(1)


def test_refits_have_the_models_steps_and_chosen_weight_of_labels(rows, monkeypatch):
    X, y = rows
    network = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X[:90], y[:90]))
    small = ikd.CartStudent(3, search="greedy")
    seen = []
    own = Confidence.weigh

    def weigh(self, transfer_set, context):
        seen.append(len(transfer_set))
        return own(self, transfer_set, context)

    monkeypatch.setattr(Confidence, "weigh", weigh)
    model = ikd.DistilledClassifier(
        network, small, weights=Confidence(4), **settings(target="soft")
    ).fit(X[:90])
    seen.clear()
    found = stability(model, X[:90], n_refits=3)
    assert len(seen) >= 3
    assert found.notes == ()

    chosen = ikd.DistilledClassifier(network, small, **settings(alpha="auto"))
    assert stability(chosen.fit(X[:90], y[:90]), X[:90], y[:90], n_refits=2)

    weighted = ikd.DistilledClassifier(network, small, **settings(target="soft"))
    weighted.fit(X[:90], sample_weight=np.arange(1.0, 91.0))
    found = stability(weighted, X[:90], n_refits=2)
    assert any("sample_weight" in note for note in found.notes)
    assert "sample_weight" in str(found)
    told = stability(weighted, X[:90], n_refits=2, sample_weight=np.arange(1.0, 91.0))
    assert told.notes == ()
    with pytest.raises(ikd.InputError, match="sample_weight given to stability"):
        stability(weighted, X[:90], n_refits=2, sample_weight=[1.0])

    drawn = ikd.DistilledClassifier(network, small, **settings(transfer="mix"))
    drawn.fit(X[:90])
    if drawn.recipe_:
        found = stability(drawn, X[:90], n_refits=2)
        assert any("Further rows" in note for note in found.notes)


def test_a_report_tells_the_recipe_and_the_origin_of_rows_apart(rows):
    X, y = rows
    network = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X[:90], y[:90]))
    small = ikd.CartStudent(3, search="greedy")
    model = ikd.DistilledClassifier(
        network,
        small,
        weights="auto",
        **settings(target="soft", transfer="mix", alpha="auto"),
    ).fit(X[:90], y[:90])
    text = make_report(model, X[90:], y[90:], n_refits=0).markdown()
    assert "given rows, fitted to" in text
    assert "made rows, fitted to" in text
    assert "chosen by accuracy on validation rows" in text
    assert f"{model.queries_:,}" in text
    for sentence in model.recipe_:
        assert sentence in text
    assert "without confidence weights" in text


def test_rows_that_were_tried_and_not_used_are_not_told(rows, monkeypatch):
    X, y = rows
    network = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X[:90], y[:90]))
    monkeypatch.setattr("interpretkd.distillation._choosing._serves", lambda *_: False)
    model = ikd.DistilledClassifier(
        network, ikd.CartStudent(3), **settings(transfer="auto")
    ).fit(X[:90])
    assert model.n_asked_ == 0
    assert model.recipe_ == ()


def test_a_first_teacher_that_was_not_saved_is_said_to_be_unknown(
    chain, rows, tmp_path
):
    X, y = rows[0][90:], rows[1][90:]
    run = chain.save(tmp_path / "run", X, y)
    found = ikd.load(run).evaluate(X, y)
    assert found.origin is None
    assert any("itself distilled" in text for text in found.cautions)
    assert any("is not known" in text for text in found.cautions)


class Right(Weighting):
    """Rows with a label that the teacher decides count twice."""

    needs = frozenset({"labels"})

    def weigh(self, transfer_set, context):
        assert transfer_set.labels is not None
        right = transfer_set.labels.argmax(axis=1) == transfer_set.logits.argmax(axis=1)
        return np.where(right, 2.0, 1.0)

    def __str__(self):
        return "Rows that the teacher decides right count twice"


def test_a_step_about_labels_is_done_again_with_labels_alone(rows):
    X, y = rows[0][:90], rows[1][:90]
    network = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    small = ikd.CartStudent(3, search="greedy")
    model = ikd.DistilledClassifier(
        network, small, weights=Right(), **settings(target="soft")
    ).fit(X, y)
    assert stability(model, X, y, n_refits=2).notes == ()
    (note,) = stability(model, X, n_refits=2).notes
    assert str(Right()) in note
