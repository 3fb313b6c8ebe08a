"""Boosting trees on target columns with xgboost, into frozen arrays."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, threads_for
from interpretkd.data import MISSING, VALUE, Codes, Column, Encoded, Schema, expand
from interpretkd.models import ALL_NUMBERS, Forest, Nodes, add_trees, common_schema
from interpretkd.targets import apply_link

Score: TypeAlias = Callable[[Array], float]

_MANY_CELLS = 1_000_000
"""Cells for which a further thread adds up a round's slopes faster than it waits."""


def _boost(
    rows: Encoded,
    targets: Array,
    sample_weight: Array | None = None,
    *,
    link: str = "identity",
    n_rounds: int = 400,
    learning_rate: float = 0.2,
    max_depth: int = 6,
    min_child_weight: float = 1.0,
    subsample: float = 1.0,
    column_share: float = 1.0,
    watch: tuple[Codes, Score] | None = None,
    patience: int = 100,
    seed: int = 0,
    n_jobs: int | None = None,
    start: Forest | None = None,
) -> tuple[Forest, list[float]]:
    """Boost one tree a round and target column.

    The parameters are those of `BoostedStudent`; ``link`` says which loss is lowered.
    Rows without weights are binned once, however often they are fitted. ``watch`` holds
    held-out codes and a function that turns predictions of them into a number, the
    larger the better: the rounds end when it has not risen for ``patience`` rounds, and
    those up to its best are kept, counted from a ``start``: none where none is better
    than it. With a ``start`` the rounds go on from its sums, and its trees come first.
    Returns the trees over the original columns, and the score after each round (none
    without ``watch``).
    """
    import xgboost

    columns = rows.schema.columns(indicate_missing=False)
    # Of two columns under a softmax one is enough: only their difference counts.
    first = 1 if link == "softmax" and targets.shape[1] == 2 else 0
    if start is None:
        mean = np.average(targets, axis=0, weights=sample_weight)
        base = _base_margins(mean, link)
    else:
        _check_start(start, rows.schema, targets.shape[1], link)
        base = start.base
    if start is not None and n_rounds == 0:
        return start, []
    threads = _threads(rows, columns, n_jobs)
    if sample_weight is None:
        matrix = rows.once(_quantised)
    else:  # weights move the bins
        matrix = xgboost.QuantileDMatrix(
            expand(rows.codes, columns), weight=sample_weight, nthread=threads
        )
    matrix.set_label(targets[:, first:])
    settings = {
        "tree_method": "hist",
        "objective": "reg:squarederror",
        "base_score": 0.0,
        "learning_rate": learning_rate,
        "max_depth": max_depth,
        "min_child_weight": min_child_weight,
        "subsample": subsample,
        "colsample_bytree": column_share,
        "disable_default_eval_metric": True,
        "seed": seed,
        "nthread": threads,
        "verbosity": 0,
    }

    level = base - base[:first].sum()

    def outputs(margins: NDArray[np.float32]) -> Array:
        own = margins.reshape(len(margins), -1).astype(np.float64) + level[first:]
        own = np.hstack([np.zeros((len(own), first)), own])
        return apply_link(own, link)

    history: dict[str, Any] = {}
    watching: dict[str, Any] = {}
    if watch is not None:
        held_out, score = watch
        watched = xgboost.QuantileDMatrix(
            expand(held_out, columns), ref=matrix, nthread=threads
        )
        if start is not None:
            watched.set_base_margin(_sums_so_far(start, held_out, first))
        watching = {
            "evals": [(watched, "")],
            "custom_metric": lambda margins, _: ("score", score(outputs(margins))),
            "callbacks": [
                xgboost.callback.EarlyStopping(
                    rounds=patience, maximize=True, save_best=True
                )
            ],
            "evals_result": history,
            "verbose_eval": False,
        }
    slopes = _loss_slopes(
        targets[:, first:], sample_weight, link, lambda m: outputs(m)[:, first:]
    )
    if start is not None:
        settings["seed"] = seed + start.n_trees  # or each pass would draw the same rows
        matrix.set_base_margin(_sums_so_far(start, rows.codes, first))
    try:
        booster = xgboost.train(settings, matrix, n_rounds, obj=slopes, **watching)
    finally:
        if start is not None:  # the next fit to these rows has none, or another
            matrix.set_base_margin(np.zeros((0, len(base) - first), dtype=np.float32))
    forest = _forest(rows.schema, columns, booster, base, link, first)
    scores = [float(s) for curve in history.values() for s in curve["score"]]
    if start is None:
        return forest, scores
    if watch is not None and watch[1](start.predict_codes(watch[0])) >= max(scores):
        return start, scores
    return add_trees(start, forest), scores


def _check_start(start: Forest, schema: Schema, n_outputs: int, link: str) -> None:
    """Refuse a start whose trees cannot be added to."""
    common_schema([start.schema, schema])
    if (start.n_outputs, start.link) != (n_outputs, link):
        raise InputError(
            f"The 'start' of a fit must have its {n_outputs} outputs and its link, "
            f"{link!r}. Got {start.n_outputs} and {start.link!r}."
        )


def _sums_so_far(start: Forest, codes: Codes, first: int) -> NDArray[np.float32]:
    """Return what the trees of a start have added, as xgboost is to go on from it."""
    added = np.zeros((len(codes), start.n_outputs))
    start.nodes.add_up(codes, start.value, start.column, added)
    return (added - added[:, :first].sum(axis=1, keepdims=True))[:, first:].astype(
        np.float32
    )


def _base_margins(mean: Array, link: str) -> Array:
    """Return the margins of a model that says the targets' mean to everyone.

    Of two classes the first has 0, of more their sum is 0.
    """
    if link == "identity":
        return mean
    inside = np.clip(mean, 1e-6, 1 - 1e-6)
    if link == "sigmoid":
        return np.log(inside) - np.log1p(-inside)
    margins = np.log(inside)
    return margins - (margins[0] if len(mean) == 2 else margins.mean())


def _loss_slopes(
    targets: Array,
    sample_weight: Array | None,
    link: str,
    predict: Callable[[NDArray[Any]], Array],
) -> Callable[[NDArray[Any], Any], tuple[Array, Array]]:
    """Return the loss's two derivatives by the margins, as xgboost asks for them.

    The loss is the squared error, or the cross-entropy; `predict` turns margins into
    outputs. Slopes and curvatures have the shape of the targets.
    """
    weight = 1.0 if sample_weight is None else sample_weight[:, None]

    def slopes(margins: NDArray[Any], _: Any) -> tuple[Array, Array]:
        predicted = predict(margins)
        curvature = np.ones_like(predicted)
        if link != "identity":
            curvature = np.maximum(predicted * (1 - predicted), 1e-6)
        return weight * (predicted - targets), weight * curvature

    return slopes


def _quantised(rows: Encoded) -> Any:
    import xgboost

    columns = rows.schema.columns(indicate_missing=False)
    threads = _threads(rows, columns)
    return xgboost.QuantileDMatrix(expand(rows.codes, columns), nthread=threads)


def _threads(
    rows: Encoded, columns: Sequence[Column], n_jobs: int | None = None
) -> int:
    return threads_for(len(rows) * len(columns), _MANY_CELLS, n_jobs)


def _forest(
    schema: Schema,
    columns: tuple[Column, ...],
    booster: Any,
    base: Array,
    link: str,
    first: int,
) -> Forest:
    """Read xgboost's trees; it goes left on ``x < t`` and we on ``x <= t``."""
    model = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
    trees = model["trees"]
    sizes = [len(tree["left_children"]) for tree in trees]
    roots = np.cumsum([0, *sizes[:-1]])

    def gather(name: str, dtype: Any) -> NDArray[Any]:
        return np.concatenate([np.asarray(tree[name], dtype=dtype) for tree in trees])

    shift = np.repeat(roots, sizes)
    left, right = gather("left_children", np.int64), gather("right_children", np.int64)
    leaf = left < 0
    conditions = gather("split_conditions", np.float32)
    nodes = _fold_tests(
        schema,
        columns,
        column=np.where(leaf, -1, gather("split_indices", np.int64)),
        threshold=np.where(leaf, 0, np.nextafter(conditions, np.float32(-np.inf))),
        missing_left=gather("default_left", bool) & ~leaf,
        left=np.where(leaf, -1, left + shift),
        right=np.where(leaf, -1, right + shift),
        roots=roots,
    )
    return Forest(
        nodes,
        value=np.where(leaf, conditions, 0),
        cover=gather("sum_hessian", np.float32),
        column=np.asarray(model["tree_info"]) + first,
        base=base,
        link=link,
    )


def _fold_tests(
    schema: Schema,
    columns: tuple[Column, ...],
    *,
    column: NDArray[np.integer],
    threshold: NDArray[np.float32],
    missing_left: NDArray[np.bool_],
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    roots: NDArray[np.integer],
) -> Nodes:
    """Turn tests on the expanded columns into tests on the original ones.

    Of each node: the expanded column (-1 at leaves), the largest value that goes left,
    whether a missing number does, and the children; of each tree its root.
    """
    feature_of = np.asarray([c.feature for c in columns] + [-1], dtype=np.int32)
    part_of = np.asarray([c.part for c in columns] + [VALUE])
    feature, part = feature_of[column], part_of[column]
    categorical = np.asarray([f.is_categorical for f in schema.features] + [False])
    # A test on an indicator sends 0 left: all that is not the category, not missing.
    on_missing, on_category = part == MISSING, part >= 0
    threshold = np.where(on_missing, np.float32(ALL_NUMBERS), threshold)
    threshold = np.where(categorical[feature], np.float32(0), threshold)
    missing_left = np.where(on_category, True, missing_left & ~on_missing)
    sets = [
        np.arange(len(schema.features[feature[node]].categories)) != part[node]
        for node in np.flatnonzero(categorical[feature])
    ]
    return Nodes(
        schema=schema,
        feature=feature,
        threshold=threshold.astype(np.float32),
        missing_left=missing_left,
        left=np.where(feature < 0, -1, left).astype(np.int32),
        right=np.where(feature < 0, -1, right).astype(np.int32),
        left_categories=np.concatenate(sets) if sets else np.zeros(0, dtype=bool),
        roots=roots.astype(np.int32),
    )
