"""A run whose student reads other columns than its teacher, after it was loaded."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator

import interpretkd as ikd
from interpretkd.methods import Columns, Confidence, Hidden
from interpretkd.runs import load_run, predict_table, recheck, recheck_table


@pytest.fixture(scope="module")
def rows(german: Any) -> Any:
    X, y = german.data.iloc[:400], german.target[:400]
    teacher = ikd.MLPTeacher((8,), max_epochs=5, random_state=0).fit(X[:200], y[:200])
    return X, y, FrozenEstimator(teacher)


def run_of(rows: Any, path: Any, view: Any) -> Any:
    X, y, teacher = rows
    model = ikd.DistilledClassifier(
        teacher,
        ikd.CartStudent(4, search="greedy"),
        view=view,
        weights=Confidence(1),
        transfer=None,
        target="soft",
        random_state=0,
    )
    model.fit(X[:200], y[:200])
    model.save(path / "run", X[200:], y[200:], about={"target": "credit"})
    return model, load_run(path / "run")


def test_neurons(rows: Any, tmp_path: Any) -> None:
    X, y, _ = rows
    model, run = run_of(rows, tmp_path, Hidden(0))
    assert "with the network up to its layer" in str(run)
    new = X[200:].reset_index(drop=True)
    new.to_csv(tmp_path / "new.csv", index=False)
    predict_table(run, tmp_path / "new.csv", tmp_path / "out.csv", explain=True)
    out = pd.read_csv(tmp_path / "out.csv")
    assert (out["prediction"].astype(str) == model.predict(new).astype(str)).all()
    rules = model.rules(X[200:], y[200:])
    numbers = np.asarray([rule.number for rule in rules])[rules.apply(new)]
    assert (out["rule"] == numbers).all()
    assert out["because"].str.contains("neuron").any()
    found = recheck(run, X[200:], y[200:])
    assert set(found.outside["column"]) <= set(X.columns)
    own = model.evaluate(X[200:], y[200:]).student
    assert found.now.student.size == own.size
    assert own.size.parameters > model.student_.form_.n_parameters
    text = run.model.report(X[200:], y[200:], n_refits=2).markdown()
    assert "The student reads the neurons" in text
    assert str(Confidence(1)) in text


def test_columns(rows: Any, tmp_path: Any) -> None:
    X, y, _ = rows
    read = [str(X.columns[0]), str(X.columns[1])]
    model, run = run_of(rows, tmp_path, Columns(read))
    X[200:][read].to_csv(tmp_path / "few.csv", index=False)
    predict_table(run, tmp_path / "few.csv", tmp_path / "out.csv")
    out = pd.read_csv(tmp_path / "out.csv")
    assert (out["prediction"].astype(str) == model.predict(X[200:]).astype(str)).all()
    with pytest.raises(ikd.InputError, match="lack"):
        recheck(run, X[200:][read], y[200:])
    with pytest.raises(ikd.InputError):
        recheck_table(run, tmp_path / "few.csv")
    text = run.model.report(X[200:], y[200:], n_refits=0).markdown()
    assert "network up to its layer" not in text
