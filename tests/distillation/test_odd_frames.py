"""Frames whose names or categories are no texts: one form, or one sentence."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import interpretkd
from interpretkd._base import InputError
from interpretkd.data import Given, as_frame
from interpretkd.distillation import DistilledClassifier
from interpretkd.students import CartStudent
from interpretkd.teachers import CallableTeacher

RNG = np.random.default_rng(0)
N = 240
NUMBERS = RNG.normal(size=(N, 3))
GROUP = RNG.integers(0, 3, N)
LABELS = np.where(NUMBERS[:, 0] + (GROUP == 1) > 0.3, "yes", "no")
EXPORTS = ("sql", "python", "json", "onnx", "pmml", "csv")


def _as_category(levels: list[Any]) -> pd.DataFrame:
    index = pd.Index(levels, tupleize_cols=False)
    column = pd.Categorical.from_codes(GROUP, index)
    return pd.DataFrame({"a": NUMBERS[:, 0], "level": column})


NAMES = {
    "whole": [0, 1, 2],
    "booleans": [True, 7, 8],
    "levels": pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]),
    "mixed": [0, "x", ("t", np.int64(2))],
}
LEVELS = {
    "intervals": list(pd.interval_range(0, 3)),
    "periods": list(pd.period_range("2020-01", periods=3, freq="M")),
    "tuples": [("a", 1), ("b", 2), ("c", 3)],
    "mixed": [1, "one", 2.5],
    "infinity": [1.5, np.inf, True],
}
FRAMES = {
    **{f"names: {kind}": (names, None) for kind, names in NAMES.items()},
    **{f"levels: {kind}": (None, levels) for kind, levels in LEVELS.items()},
}


def _frame(names: Any, levels: Any) -> pd.DataFrame:
    if levels is not None:
        return _as_category(levels)
    frame = pd.DataFrame(NUMBERS)
    frame.columns = pd.Index(names, tupleize_cols=isinstance(names, pd.MultiIndex))
    return frame


def _told(rows: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Answer by position, as a function of no names, from the frame as it was given."""
    score = rows.iloc[:, 0].to_numpy(dtype=float) * 3
    last = rows.iloc[:, -1]
    if isinstance(last.dtype, pd.CategoricalDtype):
        score = score + 3.0 * (last.cat.codes.to_numpy() == 1)
    return np.column_stack([-score, score])


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_is_the_same_through_fit_export_report_save_and_load(
    kind: str, tmp_path: Path
) -> None:
    X = _frame(*FRAMES[kind])
    teacher = CallableTeacher(_told, classes=["no", "yes"])
    student = CartStudent(3, search="greedy")
    model = DistilledClassifier(teacher, student, random_state=0).fit(X, LABELS)
    decided = model.predict(X)
    assert len(set(decided)) == 2
    for to in EXPORTS:
        if to == "sql" and kind == "names: booleans":
            continue  # SQLite takes "True" for a number
        model.export(to, X)
    assert str(model.explain(X.iloc[0], X=X))
    report = model.report(X, LABELS).write(tmp_path / "report.html")
    assert report.stat().st_size
    loaded = interpretkd.load(_saved(model, X, tmp_path))
    assert (loaded.predict(X) == decided).all()
    assert str(loaded.rules()) == str(model.rules())


def _saved(model: Any, X: pd.DataFrame, folder: Path) -> Path:
    path: Path = model.save(folder / "run", X, LABELS)
    return path


def test_a_frozen_teacher_is_asked_about_the_rows_it_was_fitted_to() -> None:
    X = _as_category(LEVELS["intervals"])
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["level"]), remainder="passthrough"
    )
    pipeline = make_pipeline(encoder, LogisticRegression()).fit(X, LABELS)
    model = DistilledClassifier(
        FrozenEstimator(pipeline), CartStudent(3), random_state=0
    )
    model.fit(X)
    told = model.teacher_.logits(as_frame(X))
    np.testing.assert_allclose(told, pipeline.predict_log_proba(X), rtol=1e-6)
    model.evaluate(X)


def test_a_frozen_teacher_gets_its_own_names() -> None:
    X = pd.DataFrame(NUMBERS)

    def told(rows: pd.DataFrame) -> np.ndarray[Any, Any]:
        return np.column_stack([-rows[0], rows[0]])

    model = DistilledClassifier(CallableTeacher(told), CartStudent(2), random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.fit(X).fidelity(X).value > 0.9


def test_a_teacher_that_is_fitted_here_knows_the_texts() -> None:
    X = _as_category(LEVELS["intervals"]).rename(columns={"a": 0, "level": 1})
    encoder = make_column_transformer((OneHotEncoder(), ["1"]), remainder="passthrough")
    pipeline = make_pipeline(encoder, LogisticRegression())
    model = DistilledClassifier(pipeline, CartStudent(3, search="greedy"))
    assert model.fit(X, LABELS).fidelity(X).value > 0.8


@pytest.mark.parametrize(
    ("X", "sentence"),
    [
        (
            pd.DataFrame(NUMBERS, columns=[0, "0", 1]),
            "Column names must differ. Got twice: ['0'].",
        ),
        (
            _as_category([1, "1", "x"]),
            "Column 'level' has two categories that read the same, '1'; rename one.",
        ),
        (
            pd.DataFrame({"a": NUMBERS[:, 0] + 0j}),
            "Column 'a' has dtype complex128. Allowed are numbers, texts, booleans, "
            "categories and dates.",
        ),
        (
            pd.DataFrame({"a": pd.Series([b"x"] * N, dtype=object)}),
            "Column 'a' holds values of the type bytes. Allowed are numbers, texts, "
            "booleans, categories and dates.",
        ),
    ],
)
def test_what_has_no_one_form_is_refused_before_training(
    X: pd.DataFrame, sentence: str
) -> None:
    teacher = CallableTeacher(_told, classes=["no", "yes"])
    with pytest.raises(InputError) as caught:
        DistilledClassifier(teacher, CartStudent(2)).fit(X, LABELS)
    assert str(caught.value) == sentence


def test_sparse_and_decimal_columns_are_numbers() -> None:
    sparse = pd.arrays.SparseArray([0.0, 0.0, 1.5])
    frame = as_frame(pd.DataFrame({"a": sparse}))
    assert frame is not None
    assert frame["a"].tolist() == [0.0, 0.0, 1.5]
    assert not isinstance(frame["a"].dtype, pd.SparseDtype)


def test_a_plain_frame_is_returned_as_it_is() -> None:
    frame = pd.DataFrame({"a": [1.0], "b": ["x"], "c": pd.Categorical(["y"])})
    assert as_frame(frame) is frame
    assert Given.of(frame) is None


names_ = st.one_of(
    st.text(max_size=3), st.integers(), st.booleans(), st.tuples(st.integers())
)
levels_ = st.one_of(names_, st.dates().map(pd.Timestamp), st.floats(allow_nan=False))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(names_, min_size=1, max_size=3, unique_by=str),
    st.lists(levels_, min_size=1, max_size=4, unique_by=str).filter(
        lambda levels: len(set(levels)) == len(levels)
    ),
)
def test_what_was_given_comes_back(names: list[Any], levels: list[Any]) -> None:
    index = pd.Index(levels, dtype=object, tupleize_cols=False)
    column = pd.Categorical.from_codes([*range(len(levels)), -1], index)
    frame = pd.DataFrame({i: pd.Series(column) for i in range(len(names))})
    frame.columns = pd.Index(names, dtype=object, tupleize_cols=False)
    form = as_frame(frame)
    assert form is not None
    assert all(isinstance(name, str) for name in form.columns)
    given_form = Given.of(frame)
    back = frame if given_form is None else given_form.restore(form)
    assert list(back.columns) == names
    for i in range(len(names)):
        assert back.iloc[:-1, i].tolist() == levels
        assert back.iloc[-1:, i].isna().all()
