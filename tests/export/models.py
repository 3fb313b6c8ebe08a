"""Small fitted models of every form and task, for the tests of exports."""

from functools import cache

import numpy as np
import pandas as pd
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    make_multilabel_classification,
)
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator

from interpretkd.datasets import load_german_credit
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.models import Nodes, Tree
from interpretkd.students import (
    BoostedStudent,
    CartStudent,
    LinearStudent,
    ScoredTreeStudent,
)
from interpretkd.teachers import CallableTeacher

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "a\"b'c",
    "two\nlines",
    "x" * 200,
    "اسم",
    "🙂",
    "=1+1",
    "a|b",
    "back\\slash",
    "</script>",
    "100%",
    "a_b",
    "#",
    "$x",
    "*/ int y; /*",
    '"""',
    "-- drop",
    "'; DROP TABLE rows; --",
    "{x}",
    "??/",
    "]]>&amp;",
    "prediction",
    "select",
)


def students():
    return {
        "tree": CartStudent(12, search="greedy", random_state=0),
        "scored": ScoredTreeStudent(8),
        "boosted": BoostedStudent(max_leaves=64, random_state=0),
        "linear": LinearStudent(max_iter=50),
        "points": LinearStudent(max_points=5, points=True, max_iter=50),
    }


def forest(kind):
    return kind(n_estimators=10, max_depth=6, random_state=0)


def distilled(X, y, student, **settings):
    teacher = FrozenEstimator(forest(RandomForestClassifier).fit(X, y))
    settings = {"transfer": None, "random_state": 0, **settings}
    return DistilledClassifier(teacher, student, **settings).fit(X)


def with_gaps():
    data = load_german_credit()
    frame = data.data.copy()
    frame.loc[::7, "age_in_years"] = np.nan
    frame.loc[::9, "purpose"] = None
    return frame, data.target


@cache
def german(family):
    frame, target = with_gaps()
    classes = np.unique(target)

    def ask(X):
        X = pd.DataFrame(X)
        score = X["duration_in_month"].to_numpy(float) / 20 - 1.2
        score -= X["age_in_years"].fillna(20).to_numpy(float) / 60
        score += (X["purpose"].astype(object) == "education").to_numpy() * 0.7
        status = X["status_of_existing_checking_account"].astype(object)
        score += status.isin(["no checking account"]).to_numpy()
        return np.column_stack([score, -score])

    teacher = CallableTeacher(ask, task="multiclass", classes=classes)
    model = DistilledClassifier(
        teacher,
        students()[family],
        transfer=None,
        random_state=0,
        target="soft",
        temperature=2.0,
    )
    return model.fit(frame), frame


@cache
def plain(name, family):
    load = {"digits": load_digits, "cancer": load_breast_cancer, "iris": load_iris}
    X, y = load[name](return_X_y=True)
    target = "logits" if name == "cancer" else "soft"
    return distilled(X, y, students()[family], target=target), X


@cache
def diabetes(family, n_outputs=1):
    X, y = load_diabetes(return_X_y=True)
    y = y if n_outputs == 1 else np.column_stack([y, -0.5 * y])
    teacher = FrozenEstimator(forest(RandomForestRegressor).fit(X, y))
    model = DistilledRegressor(
        teacher, students()[family], transfer=None, random_state=0
    )
    return model.fit(X), X


@cache
def multilabel(family, target="soft"):
    X, _ = make_multilabel_classification(300, 8, n_classes=3, random_state=0)
    X = X.astype(float)

    def ask(rows):
        rows = np.asarray(rows, dtype=float)
        return np.column_stack([rows[:, i] - rows[:, i + 1] + 0.3 for i in range(3)])

    teacher = CallableTeacher(ask, task="multilabel")
    model = DistilledClassifier(
        teacher, students()[family], target=target, transfer=None, random_state=0
    )
    return model.fit(X), X


@cache
def hostile(family):
    """Names, categories and classes that would break out of careless texts."""
    rng = np.random.default_rng(0)
    n = 400
    numbers = {name: rng.normal(size=n) for name in HOSTILE[:18]}
    levels = np.asarray(HOSTILE, dtype=object)[rng.integers(0, len(HOSTILE), n)]
    frame = pd.DataFrame({**numbers, "kind\r\n;": levels, "truth": rng.random(n) > 0.5})
    frame.loc[::11, "kind\r\n;"] = None
    frame.loc[::13, HOSTILE[0]] = np.nan
    classes = np.asarray([HOSTILE[1], HOSTILE[2], HOSTILE[14]], dtype=object)

    def ask(X):
        first = X[HOSTILE[0]].fillna(0).to_numpy() + X[HOSTILE[2]].to_numpy()
        second = X["kind\r\n;"].isin(HOSTILE[:9]).to_numpy() * 1.5 - 0.7
        third = X["truth"].astype(bool).to_numpy() * X[HOSTILE[14]].to_numpy()
        return np.column_stack([first, second, third])

    teacher = CallableTeacher(ask, task="multiclass", classes=classes)
    model = DistilledClassifier(
        teacher, students()[family], target="logits", transfer=None, random_state=0
    )
    return model.fit(frame), frame


def chain_of_tests(schema, tests, leaves):
    """Make a chain: each test's left child is a leaf, its right one the next test."""
    n_tests = len(tests)
    n_nodes = 2 * n_tests + 1
    feature = np.full(n_nodes, -1)
    threshold, missing_left = np.zeros(n_nodes), np.zeros(n_nodes, dtype=bool)
    left, right = np.full(n_nodes, -1), np.full(n_nodes, -1)
    sets = [np.zeros(0, dtype=bool)]
    for i, (position, border, gap) in enumerate(tests):
        node = 2 * i
        feature[node], missing_left[node] = position, gap
        left[node], right[node] = node + 1, node + 2
        if schema.features[position].is_categorical:
            sets.append(np.asarray(border, dtype=bool))
        else:
            threshold[node] = border
    nodes = Nodes(
        schema,
        feature,
        threshold.astype(np.float32),
        missing_left,
        left,
        right,
        np.concatenate(sets),
        np.zeros(1, dtype=np.int32),
    )
    return Tree(
        nodes, np.asarray(leaves, dtype=float).reshape(n_nodes, -1), np.ones(n_nodes)
    )
