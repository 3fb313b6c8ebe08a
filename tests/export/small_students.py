"""Small students made by lot: every family and task, columns of hostile names."""

import numpy as np

from interpretkd.data import Feature, Schema
from interpretkd.export._specification import _ModelSpec
from interpretkd.models import (
    Forest,
    Linear,
    Nodes,
    Score,
    ScoredSchema,
    ScoredTree,
    Term,
    Tree,
)
from interpretkd.targets import Target

NAMES = (
    "True",
    "AGE",
    "age",
    "Age",
    "",
    "select",
    'a "quoted" one',
    "rowid",
    "oid",
    "x" * 70 + "1",
    "x" * 70 + "2",
    "é" * 40,
    "two\nlines",
    "refused",
    "rule",
    "prediction",
    "column2",
    "age_1",
    "-- ; drop",
    "🙂",
)
LEVELS = (("own", "it's", "OWN"), (False, True), (1, 2, 30), (0.25, 1.5), ("", "x"))
FORMS = ("tree", "large tree", "scored", "large scored", "boosted", "linear")
TASKS = ("multiclass", "multilabel", "regression")


def small_student(rng, form, task):
    """Make a student by lot."""
    names = rng.permutation(np.asarray(NAMES, dtype=object))[: rng.integers(2, 6)]
    schema = Schema(tuple(feature(rng, name) for name in names))
    n_outputs = 1 if task == "regression" else 3
    make = {"boosted": forest, "linear": linear}.get(form, tree)
    if form.endswith("scored"):
        schema = scored_schema(rng, schema)
    made = make(rng, schema, n_outputs, 6 if form.startswith("large") else 2, task)
    kinds = ["logits"] if task == "regression" else ["logits", "soft", "hard"]
    kind = str(rng.choice(kinds))
    target = Target(kind, task=task, temperature=2.0 if kind == "soft" else 1.0)
    labels = ("value",) if n_outputs == 1 else ("a", "b'", "c")
    return _ModelSpec(made, target, labels)


def feature(rng, name):
    gaps = bool(rng.random() < 0.5)
    if rng.random() < 0.6:
        return Feature(name, has_missing=gaps)
    levels = LEVELS[rng.integers(len(LEVELS))]
    return Feature(name, "categorical", levels, has_missing=gaps)


def threshold(rng):
    exact = (0.0, 0.5, 0.1, 2.45, -1e-40, 1e-38, 1e38, 16777216.0, -3.0, 2.0**-149)
    return exact[rng.integers(len(exact))] if rng.random() < 0.5 else rng.normal()


def nodes(rng, schema, depth, n_trees):
    """Make full trees of this depth, the children of node i behind it."""
    size = 2 ** (depth + 1) - 1
    inner = 2**depth - 1
    total = n_trees * size
    columns = {
        "feature": np.full(total, -1),
        "threshold": np.zeros(total, dtype=np.float32),
        "missing_left": np.zeros(total, dtype=bool),
        "left": np.full(total, -1),
        "right": np.full(total, -1),
    }
    sets = [np.zeros(0, dtype=bool)]
    for first in range(0, total, size):
        for i in range(inner):
            node = first + i
            position = int(rng.integers(len(schema)))
            columns["feature"][node] = position
            columns["missing_left"][node] = rng.random() < 0.5
            columns["left"][node] = first + 2 * i + 1
            columns["right"][node] = first + 2 * i + 2
            if schema.features[position].is_categorical:
                n_levels = len(schema.features[position].categories)
                sets.append(rng.random(n_levels) < 0.5)
            else:
                columns["threshold"][node] = threshold(rng)
    roots = np.arange(0, total, size)
    return Nodes(schema, *columns.values(), np.concatenate(sets), roots)


def tree(rng, schema, n_outputs, depth, task):
    grown = nodes(rng, schema, depth, 1)
    size = len(grown.feature)
    values = rng.random((size, n_outputs))
    if task == "multiclass":
        values /= values.sum(axis=1, keepdims=True)
    kind = ScoredTree if isinstance(schema, ScoredSchema) else Tree
    return kind(grown, values, np.ones(size))


def scored_schema(rng, given):
    """Make a few sums by lot, and let some columns be tested alone."""
    scores = []
    while len(scores) < 3:
        columns = rng.permutation(len(given))[: rng.integers(1, len(given) + 1)]
        score = Score(tuple(term(rng, given, int(column)) for column in columns))
        scores += [] if score in scores else [score]
    plain = np.flatnonzero(rng.random(len(given)) < 0.5).tolist()
    return ScoredSchema(given, tuple(plain), tuple(scores))


def term(rng, given, column):
    points = int(rng.integers(1, 9)) * int(rng.choice([-1, 1]))
    n_levels = len(given.features[column].categories)
    if n_levels or rng.random() < 0.2:
        chosen = np.flatnonzero(rng.random(n_levels) < 0.5).tolist()
        missing = bool(rng.random() < 0.5)
        return Term(column, points, categories=tuple(chosen), missing=missing)
    fill = float(np.float32(rng.choice([0.0, 0.1, -2500.0, 1e-40, 1e30])))
    return Term(column, points, int(rng.integers(0, 5)), fill)


def forest(rng, schema, n_outputs, depth, task):
    n_trees = 2 * n_outputs
    grown = nodes(rng, schema, depth, n_trees)
    size = len(grown.feature)
    values = rng.normal(size=size).astype(np.float32)
    columns = np.arange(n_trees, dtype=np.int32) % n_outputs
    base = rng.normal(size=n_outputs)
    cover = np.ones(size, dtype=np.float32)
    return Forest(grown, values, cover, columns, base, LINKS[task])


def linear(rng, schema, n_outputs, depth, task):
    columns = schema.columns(indicate_missing=True)
    weights = rng.normal(size=(len(columns), n_outputs))
    weights[rng.random(weights.shape) < 0.3] = 0
    base = rng.normal(size=n_outputs)
    return Linear(schema, weights, base, rng.normal(size=len(columns)), LINKS[task])


LINKS = {"multiclass": "softmax", "multilabel": "sigmoid", "regression": "identity"}
