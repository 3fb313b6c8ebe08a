"""Rooms that are called, and models that are none, get a sentence."""

from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

import interpretkd as ikd

ROOMS = [
    ("explain", r"Did you mean interpretkd\.explain_row\?"),
    ("export", r"Did you mean interpretkd\.export_student\?"),
    ("rules", r"Did you mean interpretkd\.extract_rules\?"),
    ("runs", r"Did you mean interpretkd\.load or interpretkd\.save\?"),
    ("data", r"is a room of names, not a function\.$"),
]


@pytest.mark.parametrize(("room", "message"), ROOMS)
def test_a_room_says_what_to_call(room: str, message: str) -> None:
    with pytest.raises(ikd.InputError, match=message):
        getattr(ikd, room)(object(), [1.0])


@pytest.mark.parametrize("model", [3, "x", None, LogisticRegression()])
@pytest.mark.parametrize("function", ["evaluate", "fidelity", "make_report"])
def test_what_is_no_model(function: str, model: Any) -> None:
    message = f"The 'model' parameter of {function} must be a fitted"
    with pytest.raises(ikd.InputError, match=message):
        getattr(ikd, function)(model, np.zeros((3, 2)))


@pytest.mark.parametrize("function", ["evaluate", "fidelity"])
def test_a_model_that_is_not_fitted(function: str) -> None:
    model = ikd.DistilledClassifier(LogisticRegression())
    with pytest.raises(NotFittedError):
        getattr(ikd, function)(model, np.zeros((3, 2)))


def test_the_studio_needs_rows() -> None:
    with pytest.raises(ikd.InputError, match="give held-out rows as X"):
        ikd.studio.serve(object(), None)
