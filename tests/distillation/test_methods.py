"""What people look for on a model: each method is the function of the same name."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

import interpretkd as ikd


@pytest.fixture(scope="module")
def told(german, german_teacher):
    split = german.split()
    X, y = german.data, german.target
    student = ikd.CartStudent(6, search="greedy")
    model = ikd.DistilledClassifier(
        FrozenEstimator(german_teacher), student, random_state=0
    )
    model.fit(X.iloc[split.transfer], y[split.transfer])
    return model, X.iloc[split.test], y[split.test]


def test_evaluate(told):
    model, X, y = told
    assert model.evaluate(X, y).to_dict() == ikd.evaluate(model, X, y).to_dict()
    assert "fidelity to the teacher" in model.evaluate(X, y).verdict


def test_rules(told):
    model, X, y = told
    assert str(model.rules(X, y, merge=True)) == str(
        ikd.extract_rules(model, X, y, merge=True)
    )
    assert len(model.rules()) == model.tree_.n_leaves


def test_explain(told):
    model, X, _ = told
    row = X.iloc[[0]]
    assert str(model.explain(row, X=X)) == str(ikd.explain_row(model, row, X=X))


def test_export(told):
    model, X, _ = told
    own = model.export("sql", X, dialect="duckdb")
    assert own.content == ikd.export_student(model, "sql", X, dialect="duckdb").content
    with pytest.raises(ikd.InputError, match="'to' parameter"):
        model.export("cobol")


def test_save(told, tmp_path):
    model, X, y = told
    path = model.save(tmp_path / "run", X, y, about={"data": "german"})
    again = ikd.load(path)
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.fidelity([[0.0]]),
        lambda model: model.evaluate([[0.0]]),
        lambda model: model.rules(),
        lambda model: model.explain([0.0]),
        lambda model: model.export("sql"),
        lambda model: model.save("nowhere"),
        lambda model: model.report([[0.0]]),
        lambda model: model.app([[0.0]]),
    ],
)
def test_a_model_that_is_not_fitted_says_so(ask):
    model = ikd.DistilledClassifier(LogisticRegression())
    with pytest.raises(NotFittedError, match="DistilledClassifier instance is not"):
        ask(model)
