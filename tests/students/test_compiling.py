"""A word is said while code is compiled, and at no other time."""

import logging
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.event import trigger_event

from interpretkd.students import BoostedStudent, CartStudent, LinearStudent, _compiling

X = np.random.default_rng(0).normal(size=(60, 2))
STUDENTS = [
    CartStudent(3, search="greedy"),
    BoostedStudent(max_leaves=6),
    BoostedStudent(n_rounds=2),
    LinearStudent(),
]


@pytest.fixture(autouse=True)
def patience(monkeypatch: Any) -> None:
    monkeypatch.setattr(_compiling, "_PATIENCE", 0.02)


def _compile(seconds: float, module: str = "interpretkd.students") -> None:
    function = SimpleNamespace(py_func=SimpleNamespace(__module__=module))
    with trigger_event("numba:compile", data={"dispatcher": function}):
        time.sleep(seconds)


def _words(caplog: Any) -> list[str]:
    return [r.getMessage() for r in caplog.records if "Compiling" in r.getMessage()]


def test_a_word_is_said_once_while_it_compiles(caplog: Any) -> None:
    with _compiling.saying_when_compiling():
        _compile(0.15)
        assert len(_words(caplog)) == 1
        _compile(0.15)
    assert len(_words(caplog)) == 1


def test_many_short_compilations_are_long_together(
    caplog: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(_compiling, "_PATIENCE", 0.25)
    with _compiling.saying_when_compiling():
        for _ in range(6):
            _compile(0.1)
    assert len(_words(caplog)) == 1


def test_nothing_is_said_of_what_is_only_slow(caplog: Any) -> None:
    """As when code is loaded from the cache by a busy machine."""
    with _compiling.saying_when_compiling():
        _compile(0.0)
        time.sleep(0.15)
        _compile(0.15, module="sklearn.tree")
    _compile(0.15)
    assert not _words(caplog)


def test_a_real_function_of_ours_counts(caplog: Any) -> None:
    def add(x):
        for i in range(10):
            x = x + i * np.sqrt(x)
        return x

    add.__module__ = "interpretkd.students"
    with _compiling.saying_when_compiling():
        njit(add)(2.0)
        njit(add)(2)
    assert len(_words(caplog)) == 1


@pytest.mark.parametrize("student", STUDENTS, ids=lambda s: type(s).__name__)
def test_every_student_tells(student: Any, caplog: Any, monkeypatch: Any) -> None:
    """Each fit is listened to: what it compiles is said, what is cached is not."""
    student.fit(X, X[:, 0])
    caplog.clear()
    own = type(student)._fit

    def slowly(self: Any, *given: Any) -> None:
        time.sleep(0.1)
        own(self, *given)

    def compiling(self: Any, *given: Any) -> None:
        _compile(0.15)
        own(self, *given)

    monkeypatch.setattr(type(student), "_fit", slowly)
    student.fit(X, X[:, 0])
    assert not _words(caplog)
    monkeypatch.setattr(type(student), "_fit", compiling)
    with caplog.at_level(logging.WARNING, logger="interpretkd"):
        student.fit(X, X[:, 0])
    assert len(_words(caplog)) == 1
