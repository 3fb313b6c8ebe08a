"""Saved runs of every kind, for the tests of the studio."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes, make_multilabel_classification
from sklearn.frozen import FrozenEstimator

from interpretkd.datasets import _loaders as datasets
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.methods import Hidden
from interpretkd.runs import save
from interpretkd.students import (
    BoostedStudent,
    CartStudent,
    LinearStudent,
    ScoredTreeStudent,
)
from interpretkd.teachers import CallableTeacher, MLPRegressorTeacher, MLPTeacher

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "a_b*c* $x$ :red[d] :smile:",
    "quotes \"a'b`c",
    "two\nlines",
    "عربي 🌳",
    "=1+1|x",
    "https://example.com/a_b",
)
"""Names that mean something to HTML, Markdown, a spreadsheet."""


def _save(model: Any, path: Path, X: Any, y: Any, fitted: np.ndarray) -> Path:
    rest = ~fitted
    held_out = X[rest] if isinstance(X, np.ndarray) else X[rest].reset_index(drop=True)
    return save(model, path, held_out, y[rest], about={"data": path.name})


def _classifier(path: Path, data: Any, student: Any, n_rows: int, epochs: int) -> Path:
    """Train a small network and a student on the first half of the rows."""
    X, y = data.data.iloc[:n_rows], data.target[:n_rows]
    fitted = np.random.default_rng(0).random(len(y)) < 0.5
    teacher = MLPTeacher((16,), max_epochs=epochs, random_state=0)
    teacher.fit(X[fitted], y[fitted])
    model = DistilledClassifier(FrozenEstimator(teacher), student, random_state=0)
    return _save(model.fit(X[fitted], y[fitted]), path, X, y, fitted)


def _german(path: Path) -> Path:
    data = datasets.load_german_credit()
    return _classifier(path, data, CartStudent(12, search="greedy"), 1000, 10)


def _scored(path: Path) -> Path:
    data = datasets.load_german_credit()
    return _classifier(path, data, ScoredTreeStudent(8), 1000, 10)


def _scored_digits(path: Path) -> Path:
    data = datasets.load_digits()
    return _classifier(path, data, ScoredTreeStudent(12), 900, 15)


def _scored_values(path: Path) -> Path:
    return _regression(path, ScoredTreeStudent(6))


def _connect4(path: Path) -> Path:
    data = datasets.load_connect4()
    student = BoostedStudent(max_depth=3, n_rounds=15)
    return _classifier(path, data, student, 2000, 2)


def _neurons(path: Path) -> Path:
    """Images whose student reads as many neurons as they have pixels."""
    data = datasets.load_digits()
    X, y = data.data.iloc[:500], data.target[:500]
    fitted = np.random.default_rng(0).random(len(y)) < 0.5
    teacher = MLPTeacher((64,), max_epochs=5, random_state=0)
    teacher.fit(X[fitted], y[fitted])
    model = DistilledClassifier(
        FrozenEstimator(teacher),
        CartStudent(8, search="greedy"),
        view=Hidden(0),
        transfer=None,
        target="soft",
        random_state=0,
    )
    return _save(model.fit(X[fitted], y[fitted]), path, X, y, fitted)


def _digits(path: Path) -> Path:
    data = datasets.load_digits()
    return _classifier(path, data, CartStudent(20, search="greedy"), 900, 15)


def _digits_linear(path: Path) -> Path:
    return _classifier(path, datasets.load_digits(), LinearStudent(), 900, 15)


def _cancer_linear(path: Path) -> Path:
    student = LinearStudent(max_terms=6)
    return _classifier(path, datasets.load_breast_cancer(), student, 569, 15)


def _regression(path: Path, student: Any = None) -> Path:
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    y = y.to_numpy()
    fitted = np.arange(len(y)) % 2 == 0
    teacher = MLPRegressorTeacher((16,), max_epochs=20, random_state=0)
    teacher.fit(X[fitted], y[fitted])
    student = CartStudent(10, search="greedy") if student is None else student
    model = DistilledRegressor(FrozenEstimator(teacher), student, random_state=0)
    return _save(model.fit(X[fitted], y[fitted]), path, X, y, fitted)


def _regression_boosted(path: Path) -> Path:
    return _regression(path, BoostedStudent(max_depth=2, n_rounds=15))


def _multilabel(path: Path) -> Path:
    """Three labels; the teacher is a function, which a bundle can only describe."""
    X, y = make_multilabel_classification(
        600, n_features=8, n_classes=3, random_state=0
    )
    X = pd.DataFrame(X, columns=[f"word{i}" for i in range(8)])
    weights = np.random.default_rng(1).normal(size=(8, 3))

    def logits(rows: Any) -> np.ndarray:
        return (np.asarray(rows, dtype=float) - 6) @ weights

    teacher = CallableTeacher(logits, task="multilabel", classes=["news", "law", "art"])
    fitted = np.arange(600) < 300
    student = CartStudent(8, search="greedy")
    model = DistilledClassifier(FrozenEstimator(teacher), student, random_state=0)
    return _save(model.fit(X[fitted], y[fitted]), path, X, y, fitted)


def _hostile(path: Path) -> Path:
    """Names, categories and classes that are code elsewhere; numbers are missing."""
    rng = np.random.default_rng(0)
    numbers = {name: rng.normal(size=600).round(2) for name in HOSTILE[:-1]}
    X = pd.DataFrame(numbers)
    X[HOSTILE[-1]] = pd.Categorical(rng.choice(HOSTILE, 600))
    X.iloc[::11, 0] = np.nan
    score = X[HOSTILE[1]] + (X[HOSTILE[-1]] == HOSTILE[0]) + X[HOSTILE[0]].fillna(1)
    y = np.array(HOSTILE)[np.digitize(score, [0.0, 1.0])]
    fitted = np.arange(600) < 300
    teacher = MLPTeacher((8,), max_epochs=10, random_state=0).fit(X[fitted], y[fitted])
    student = CartStudent(10, search="greedy")
    model = DistilledClassifier(FrozenEstimator(teacher), student, random_state=0)
    return _save(model.fit(X[fitted], y[fitted]), path, X, y, fitted)


RUNS = {
    "german": _german,
    "scored": _scored,
    "scored_digits": _scored_digits,
    "scored_values": _scored_values,
    "connect4": _connect4,
    "digits": _digits,
    "digits_linear": _digits_linear,
    "neurons": _neurons,
    "cancer_linear": _cancer_linear,
    "regression": _regression,
    "regression_boosted": _regression_boosted,
    "multilabel": _multilabel,
    "hostile": _hostile,
}
"""Mixed data, sums of points, boosted trees, images, coefficients, values, labels,
hostile names.
"""
