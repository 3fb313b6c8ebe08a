"""Makes small saved runs, one of every kind, and writes down what they answer.

The runs beside this file were made by the library of commit e112663 (on x86-64, with
numpy 2.4, torch 2.13 and xgboost 3.2) and are never made anew: they show that newer
code reads what older code wrote, and answers the same. Made again, only the seconds
that a fit took differ. A new kind of run gets a name of its own:

    python tests/runs/saved/make.py FOLDER [NAME ...]
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from interpretkd.datasets import _loaders as datasets
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.runs import load_run, save
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.teachers import (
    CallableTeacher,
    CNNTeacher,
    MLPRegressorTeacher,
    MLPTeacher,
    OnnxTeacher,
)


def cart(path: Path) -> None:
    """Categories and missing values; the target and the search are chosen."""
    _classify(path, *_german_with_gaps(), CartStudent(12))


def boosted(path: Path) -> None:
    """Trees that add up logits, over categories and missing values."""
    student = BoostedStudent(20, max_depth=3, n_jobs=1)
    _classify(path, *_german_with_gaps(), student, target="logits")


def linear(path: Path) -> None:
    """Coefficients of a few features, fitted to probabilities at a temperature."""
    data = datasets.load_breast_cancer()
    student = LinearStudent(max_terms=6)
    settings = {"target": "soft", "temperature": 2.0}
    _classify(path, data.data, data.target, student, **settings)


def points(path: Path) -> None:
    """A scorecard of whole points, over categories and missing values."""
    student = LinearStudent(max_terms=5, points=True)
    _classify(path, *_german_with_gaps(), student, target="soft")


def labels(path: Path) -> None:
    """Three labels, each of them there or not."""
    X, y = make_multilabel_classification(400, 8, n_classes=3, random_state=0)
    X = pd.DataFrame(X, columns=[f"word {i}" for i in range(8)])
    _classify(path, X, y, CartStudent(8, search="greedy"), target="soft")


def regression(path: Path) -> None:
    """Values instead of classes, and an array instead of a frame."""
    X, y = load_diabetes(return_X_y=True)
    fitted = _half(y)
    teacher = MLPRegressorTeacher((8,), max_epochs=15, random_state=0)
    teacher.fit(X[fitted], y[fitted])
    model = DistilledRegressor(
        FrozenEstimator(teacher), CartStudent(10), random_state=0
    )
    model.fit(X[fitted], y[fitted])
    _keep(model, path, X[~fitted], y[~fitted])


def images(path: Path) -> None:
    """8 x 8 pixels and a convolutional network, whose decisions are the target."""
    data = datasets.load_digits()
    X, y = data.data[:600], data.target[:600]
    fitted = _half(y)
    teacher = CNNTeacher((4,), hidden=(16,), max_epochs=10, random_state=0)
    teacher.fit(X[fitted], y[fitted])
    student = CartStudent(20, search="greedy")
    _teach(path, FrozenEstimator(teacher), X, y, fitted, student, target="hard")


def onnx(path: Path) -> None:
    """A teacher in an ONNX file, and three classes by name for boosted trees."""
    from skl2onnx import to_onnx

    X, numbers = load_iris(return_X_y=True)
    y = np.array(["setosa", "versicolor", "virginica"])[numbers]
    fitted = _half(y)
    regression = LogisticRegression(max_iter=1000).fit(X[fitted], y[fitted])
    options = {"zipmap": False}
    graph = to_onnx(regression, X[:1].astype(np.float32), options=options)
    file = path.with_suffix(".onnx")
    file.write_bytes(graph.SerializeToString())
    teacher = OnnxTeacher(
        file, classes=list(regression.classes_), output_name="probabilities"
    )
    student = BoostedStudent(10, max_depth=2, n_jobs=1)
    _teach(path, teacher, X, y, fitted, student)
    file.unlink()


def proven(path: Path) -> None:
    """A proven tree over a date, a truth value and a category.

    Its teacher is a function, of which a run keeps no more than the answers.
    """
    rng = np.random.default_rng(0)
    days = pd.to_timedelta(rng.integers(0, 700, 400), unit="D")
    X = pd.DataFrame(
        {
            "opened": pd.Series(pd.Timestamp("2020-01-01") + days),
            "insured": rng.random(400) < 0.5,
            "region": pd.Categorical(rng.choice(["north", "south", "west"], 400)),
        }
    )
    X.loc[::9, "opened"] = pd.NaT
    X.loc[::11, "region"] = None

    def ask(rows: Any) -> np.ndarray:
        late = (rows["opened"] > "2021-03-05").to_numpy()
        insured = rows["insured"].astype(bool).to_numpy()
        south = (rows["region"] == "south").to_numpy()
        score = np.where(late, south * 2.0 - 1, insured * 3.0 - 1.5)
        return np.column_stack([-score, score])

    y = (ask(X)[:, 1] + rng.normal(size=400) > 0).astype(int)
    student = CartStudent(max_leaves=5, max_depth=3, search="optimal")
    teacher = CallableTeacher(ask)
    _teach(path, teacher, X, y, _half(y), student, target="hard", transfer=None)


RUNS: tuple[Callable[[Path], None], ...] = (
    cart,
    boosted,
    linear,
    points,
    labels,
    regression,
    images,
    onnx,
    proven,
)


def _german_with_gaps() -> tuple[pd.DataFrame, np.ndarray]:
    data = datasets.load_german_credit()
    X = data.data.copy()
    X.loc[::7, "age_in_years"] = np.nan
    X.loc[::9, "purpose"] = None
    return X.iloc[:600], data.target[:600]


def _half(y: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).random(len(y)) < 0.6


def _classify(path: Path, X: Any, y: np.ndarray, student: Any, **settings: Any) -> None:
    """Teach a student by a network, both on more than half of the rows."""
    fitted = _half(y)
    teacher = MLPTeacher((8,), max_epochs=15, random_state=0).fit(X[fitted], y[fitted])
    _teach(path, FrozenEstimator(teacher), X, y, fitted, student, **settings)


def _teach(
    path: Path,
    teacher: Any,
    X: Any,
    y: np.ndarray,
    fitted: np.ndarray,
    student: Any,
    **settings: Any,
) -> None:
    model = DistilledClassifier(teacher, student, random_state=0, **settings)
    model.fit(X[fitted], y[fitted])
    _keep(model, path, X[~fitted], y[~fitted])


def _keep(model: Any, path: Path, X: Any, y: np.ndarray) -> None:
    """Save the run and, beside it, what the model answers on the run's own rows."""
    about = {"data": path.name, "made_at": "e112663", "seed": 0}
    save(model, path, X, y, about=about)
    kept = load_run(path).evaluation
    rows = kept.X
    np.savez_compressed(
        path.with_suffix(".npz"),
        allow_pickle=False,
        outputs=model.student_.predict(rows),
        logits=model.logits(rows),
        predictions=_plain(model.predict(rows)),
        baseline_outputs=model.baseline_.predict(rows),
        baseline_logits=model.baseline_logits(rows),
        teacher_logits=kept.teacher_logits,
        **_arithmetic(),
    )


def _arithmetic() -> dict[str, np.ndarray]:
    """Return what a few functions give here: processors differ in the last bit."""
    numbers = np.arange(1, 241) / 37
    functions = (np.exp, np.log, np.log1p, np.tanh)
    given = {f"np.{f.__name__}": f(numbers) for f in functions}
    left, right = numbers.reshape(40, 6), numbers[:12].reshape(6, 2)
    return {"numbers": numbers, **given, "product": left @ right}


def _plain(predictions: np.ndarray) -> np.ndarray:
    """Return texts as texts: an array of objects would need pickle."""
    return predictions.astype(str) if predictions.dtype == object else predictions


if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    for make in RUNS:
        if not names or make.__name__ in names:
            make(Path(folder) / make.__name__)
