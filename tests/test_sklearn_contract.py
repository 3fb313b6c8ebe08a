"""scikit-learn's contract, checked on every public estimator.

The network teachers are checked in test_teachers.py.
"""

from typing import Any

from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.utils.estimator_checks import parametrize_with_checks

from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.students import (
    BoostedStudent,
    CartStudent,
    CommitteeStudent,
    LinearStudent,
    ScoredTreeStudent,
)
from interpretkd.teachers import ColumnsTeacher, EnsembleTeacher, SpecialistTeacher

BOOSTED = BoostedStudent(n_rounds=30, max_depth=3, n_jobs=1)
ESTIMATORS = [
    CartStudent(),
    CartStudent(search="greedy"),
    ScoredTreeStudent(4),
    BOOSTED,
    BoostedStudent(max_leaves=32),
    LinearStudent(),
    LinearStudent("group"),
    LinearStudent(points=True),
    LinearStudent(max_terms=3),
    LinearStudent(max_terms=3, points=True),
    CommitteeStudent(CartStudent(4, search="greedy"), 2),
    CommitteeStudent(LinearStudent(), 1, over="columns"),
    CommitteeStudent(CartStudent(4, search="greedy"), 1, over="classes"),
    DistilledClassifier(LogisticRegression()),
    DistilledClassifier(LogisticRegression(), BOOSTED),
    DistilledClassifier(LogisticRegression(), LinearStudent()),
    DistilledClassifier(LogisticRegression(), ScoredTreeStudent(4)),
    DistilledClassifier(LogisticRegression(), Ridge()),
    DistilledClassifier(
        LogisticRegression(), CommitteeStudent(CartStudent(4, search="greedy"), 2)
    ),
    DistilledRegressor(LinearRegression()),
    DistilledRegressor(LinearRegression(), BOOSTED),
    DistilledRegressor(LinearRegression(), LinearStudent()),
    EnsembleTeacher([LogisticRegression(), GaussianNB()]),
    EnsembleTeacher([LogisticRegression(), GaussianNB()], weights="validation"),
    EnsembleTeacher([LogisticRegression(), GaussianNB()], how="votes"),
    EnsembleTeacher([LinearRegression(), Ridge()], weights="agreement"),
    SpecialistTeacher(LogisticRegression(), {}),
    ColumnsTeacher(LogisticRegression(), [0, -1]),
]


def expected_failures(estimator: Any) -> dict[str, str]:
    check = "check_sample_weight_equivalence_on_dense_data"
    if type(estimator) is CommitteeStudent and estimator.n_members > 1:
        return {check: "a row that comes twice may come to two members"}
    if isinstance(estimator, DistilledClassifier | DistilledRegressor):
        # Where no row is held out, it holds: tests/methods/test_protocol.py.
        return {check: "of other rows, others are held out to choose by"}
    if isinstance(estimator, EnsembleTeacher):
        reasons = {}
        if isinstance(estimator.weights, str):
            reasons[check] = "of other rows, others are held out to weigh members by"
        one_label = "check_classifiers_one_label_sample_weights"
        reasons[one_label] = "GaussianNB takes the logarithm of a share of 0"
        return reasons
    if type(estimator) is not BoostedStudent:
        return {}
    reason = "xgboost adds up in float32: equal to 1e-4 instead of 1e-7"
    if estimator.max_leaves is not None:
        reason = "of tests that gain equally much, rounding decides"
    return {check: reason}


@parametrize_with_checks(
    ESTIMATORS, expected_failed_checks=expected_failures, xfail_strict=False
)
def test_the_contract_is_kept(estimator: Any, check: Any) -> None:
    check(estimator)
