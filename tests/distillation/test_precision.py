"""Columns that no code tells apart are named, where the user sees it."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from interpretkd._base import PrecisionWarning
from interpretkd.cli import main
from interpretkd.distillation import DistilledClassifier
from interpretkd.students import CartStudent
from interpretkd.teachers import CallableTeacher

IDS = pd.DataFrame({"id": 2**60 + np.arange(60), "age": np.arange(60.0) % 7})


def _told(rows: pd.DataFrame) -> Any:
    score = np.where(rows["age"] > 3, 2.0, -2.0)
    return np.column_stack([-score, score])


def _model() -> DistilledClassifier:
    student = CartStudent(2, search="greedy")
    return DistilledClassifier(
        CallableTeacher(_told), student, transfer=None, random_state=0
    )


def test_fit_names_a_crowded_column_and_the_report_does_too() -> None:
    with pytest.warns(PrecisionWarning, match="^Column 'id' holds numbers of more"):
        model = _model().fit(IDS)
    assert "some different values are taken for one" in model.report(IDS).markdown()


def test_an_exact_column_gives_no_warning() -> None:
    X = IDS.assign(id=20240101 + np.arange(60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _model().fit(X)


def test_the_command_line_says_it_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*_: Any, **__: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("Column 'id'\nholds", PrecisionWarning, stacklevel=1)

    monkeypatch.setattr("interpretkd.cli.app", run)
    main([])
    assert capsys.readouterr().err == "Warning: Column 'id' holds\n"
