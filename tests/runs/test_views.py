"""A run keeps its view: what it has learnt, and the network whose neurons it reads."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator

import interpretkd as ikd
from interpretkd.methods import Columns, Corrupted, Hidden, Pooled, Prefix
from tests.methods.test_column_views import mixed

IMAGES, DIGITS = (part[:200] for part in load_digits(return_X_y=True))
STUDENTS = [
    ikd.CartStudent(5, search="greedy"),
    ikd.BoostedStudent(3),
    ikd.LinearStudent(),
]


def _small(kind: Any, rows: Any, y: Any, **settings: Any) -> Any:
    teacher = kind(max_epochs=1, random_state=0, **settings)
    return FrozenEstimator(teacher.fit(rows, y))


@pytest.fixture(scope="module")
def images() -> Any:
    gaps = IMAGES.copy()
    gaps[::7, :2] = np.nan  # a window of two pixels, and one of more
    return _small(ikd.MLPTeacher, gaps, DIGITS, hidden=(4, 3)), gaps, DIGITS


@pytest.fixture(scope="module")
def table() -> Any:
    rows = mixed(120)
    y = (rows["size"] > 0).to_numpy()
    return _small(ikd.MLPTeacher, rows, y, hidden=(4, 3)), rows, y


@pytest.mark.parametrize(
    "student", STUDENTS, ids=lambda student: type(student).__name__
)
@pytest.mark.parametrize(
    ("of", "view"),
    [
        ("table", Columns(["id", "kind", "since", "gap"])),
        ("table", Prefix(0.5)),
        ("table", Corrupted(0.2, 0.1, 0.1)),
        ("table", Hidden(0)),
        ("images", Pooled((1, 2), shape=(8, 8))),
        ("images", Pooled(3, "max", (8, 8))),
        ("images", Hidden("blocks.0")),
    ],
    ids=repr,
)
def test_a_loaded_view_sees_the_same(
    of: str, view: Any, student: Any, request: Any, tmp_path: Path
) -> None:
    teacher, rows, y = request.getfixturevalue(of)
    model = ikd.DistilledClassifier(
        teacher, student, view=view, transfer=None, target="soft", random_state=0
    ).fit(rows, y)
    found = ikd.load(model.save(tmp_path / "run", rows, y))
    assert np.array_equal(found.logits(rows), model.logits(rows))
    assert np.array_equal(found.baseline_logits(rows), model.baseline_logits(rows))
    assert found.size_bytes == model.size_bytes
    assert found.n_parameters == model.n_parameters
    assert found.recipe_ == model.recipe_
    if not isinstance(view, Corrupted):
        alone = (
            model.view_.see(rows)
            if isinstance(view, Hidden | Pooled)
            else rows.iloc[:, list(model.view_.reads_)]
        )
        assert np.array_equal(found.logits(alone), model.logits(rows))
    else:
        noisy = model.view_.corrupt(rows)
        pd.testing.assert_frame_equal(found.view_.corrupt(rows), noisy)
    if isinstance(view, Hidden):
        assert found.view_.describe(1) == model.view_.describe(1)
