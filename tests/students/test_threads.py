"""A small fit waits for no threads of linear algebra, and leaves them as they are."""

from typing import Any

import numpy as np
import pytest
import xgboost
from threadpoolctl import threadpool_info, threadpool_limits

from interpretkd.students import BoostedStudent, LinearStudent
from interpretkd.students._boosted import rounds
from interpretkd.students._boosted.tree_sum import TreeSum
from interpretkd.students._linear import estimator
from interpretkd.students._threads import few_threads


def _blas() -> list[int]:
    pools = threadpool_info()
    return [one["num_threads"] for one in pools if one["user_api"] == "blas"]


def test_threads_are_given_back() -> None:
    before = _blas()
    with few_threads(10):
        assert set(_blas()) <= {1}
    assert _blas() == before
    with few_threads(10**9):
        assert _blas() == before


def test_threads_are_never_more_than_before() -> None:
    before = _blas()
    with threadpool_limits(limits=1, user_api="blas"):
        with few_threads(10**9):
            assert set(_blas()) <= {1}
        assert set(_blas()) <= {1}
    assert _blas() == before


@pytest.mark.parametrize(
    ("n_jobs", "many", "threads"), [(None, 10**9, 1), (None, 100, 2), (5, 10**9, 5)]
)
def test_rounds_take_threads_by_the_rows_or_as_many_as_told(
    n_jobs: int | None, many: int, threads: int, monkeypatch: Any
) -> None:
    seen: list[int] = []
    train = xgboost.train

    def noted(settings: dict[str, Any], *args: Any, **more: Any) -> Any:
        seen.append(settings["nthread"])
        return train(settings, *args, **more)

    monkeypatch.setattr(xgboost, "train", noted)
    monkeypatch.setattr("interpretkd._base.threads.allowed_threads", lambda: 2)
    monkeypatch.setattr(rounds, "_MANY_CELLS", many)
    X = np.random.default_rng(0).normal(size=(60, 2))
    BoostedStudent(3, n_jobs=n_jobs).fit(X, X[:, 0])
    assert seen == [threads]


@pytest.mark.parametrize("student", [BoostedStudent(max_leaves=8), LinearStudent()])
def test_small_fits_use_one(student: Any, monkeypatch: Any) -> None:
    seen: list[int] = []
    refit, linear = TreeSum.refit, estimator._fit_linear

    def refitted(self: Any) -> None:
        seen.extend(_blas())
        refit(self)

    def fitted(*args: Any, **settings: Any) -> Any:
        seen.extend(_blas())
        return linear(*args, **settings)

    monkeypatch.setattr(TreeSum, "refit", refitted)
    monkeypatch.setattr(estimator, "_fit_linear", fitted)
    X = np.random.default_rng(0).normal(size=(60, 2))
    student.fit(X, X[:, 0])
    assert seen
    assert set(seen) == {1}
