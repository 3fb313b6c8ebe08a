"""Several forms made one: trees put side by side, answers averaged."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError
from interpretkd.data import MISSING, VALUE, Schema
from interpretkd.models._forest import Forest
from interpretkd.models._form import Form
from interpretkd.models._linear import Linear
from interpretkd.models._nodes import NODE_ARRAYS, Nodes
from interpretkd.models._tree import Tree


def common_schema(schemas: Sequence[Schema]) -> Schema:
    """Return the columns of several forms, of one and the same table.

    Parameters
    ----------
    schemas : sequence of Schema
        They may differ in which columns had missing values.

    Returns
    -------
    Schema
        The columns; a value was missing where one of them says so.

    Raises
    ------
    InputError
        When they are of other names, kinds, categories or units.
    """
    gaps = [[feature.has_missing for feature in s.features] for s in schemas]
    if len({len(schema) for schema in schemas}) == 1:
        missing = np.any(gaps, axis=0).tolist()
        found = [_with_gaps(schema, missing) for schema in schemas]
        if all(schema == found[0] for schema in found):
            return found[0]
    raise InputError(
        "Forms that are made one must read the same columns. Got columns of other "
        "names, kinds, categories or units."
    )


def _with_gaps(schema: Schema, missing: list[bool]) -> Schema:
    features = [
        replace(feature, has_missing=gap)
        for feature, gap in zip(schema.features, missing, strict=True)
    ]
    return replace(schema, features=tuple(features))


def join_nodes(parts: Sequence[Nodes]) -> Nodes:
    """Put the trees of several parts side by side.

    Parameters
    ----------
    parts : sequence of Nodes
        Trees over the same columns.

    Returns
    -------
    Nodes
        All of them, in this order.
    """
    sizes = [len(part.feature) for part in parts]
    starts = np.cumsum([0, *sizes[:-1]])
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in NODE_ARRAYS
    }
    shift = np.repeat(starts, sizes)
    for name in ("left", "right"):
        arrays[name] = np.where(arrays[name] < 0, -1, arrays[name] + shift)
    roots = [part.roots + start for part, start in zip(parts, starts, strict=True)]
    schema = common_schema([part.schema for part in parts])
    return Nodes(schema=schema, roots=np.concatenate(roots), **arrays)


def add_trees(forest: Forest, further: Forest) -> Forest:
    """Put the trees of a second forest behind those of the first.

    Parameters
    ----------
    forest : Forest
        Its base and link stay.
    further : Forest
        Trees for the same outputs; its base is not read.

    Returns
    -------
    Forest
        The sum of both.
    """
    return replace(
        forest,
        nodes=join_nodes([forest.nodes, further.nodes]),
        value=np.concatenate([forest.value, further.value]),
        cover=np.concatenate([forest.cover, further.cover]),
        column=np.concatenate([forest.column, further.column]),
    )


def average_forms(
    forms: Sequence[Form], outputs: Sequence[NDArray[np.integer]]
) -> Form:
    """Make one form of several, which says the mean of what they say.

    Parameters
    ----------
    forms : sequence of Tree, of Forest or of Linear
        Of one kind and over the same columns.
    outputs : sequence of ndarray of int
        For each form the outputs of the whole that its own are, in this order. The mean
        of an output is over the forms that have it.

    Returns
    -------
    Tree, Forest or Linear
        A single form as it is. Trees become a `Forest`, one tree an output of each,
        whose values are rounded to float32. Sums are averaged before their link.

    Raises
    ------
    InputError
        When the forms are of several kinds, columns or links.
    """
    kinds = {type(form) for form in forms}
    links = {getattr(form, "link", "identity") for form in forms}
    common_schema([form.schema for form in forms])
    if len(kinds) != 1 or len(links) != 1:
        raise InputError(
            "Forms are averaged that are of one kind and with the same link. Got "
            f"{sorted(k.__name__ for k in kinds)} with links "
            f"{sorted(links)}."
        )
    if len(forms) == 1:
        return forms[0]
    times = np.bincount(np.concatenate(outputs))
    shares = [1 / times[own] for own in outputs]
    if kinds == {Linear}:
        return _average_sums(forms, outputs, shares)  # type: ignore[arg-type]
    parts = [
        _column_trees(form, share) if isinstance(form, Tree) else _scaled(form, share)  # type: ignore[arg-type]
        for form, share in zip(forms, shares, strict=True)
    ]
    base = np.zeros(len(times))
    for part, own in zip(parts, outputs, strict=True):
        np.add.at(base, own, part.base)
    columns = [own[p.column] for p, own in zip(parts, outputs, strict=True)]
    return Forest(
        join_nodes([part.nodes for part in parts]),
        value=np.concatenate([part.value for part in parts]),
        cover=np.concatenate([part.cover for part in parts]),
        column=np.concatenate(columns),
        base=base,
        link=links.pop(),
    )


def _column_trees(tree: Tree, share: Array) -> Forest:
    """Return a tree as one tree an output, their values scaled."""
    return Forest(
        join_nodes([tree.nodes] * tree.n_outputs),
        value=(tree.value * share).T.ravel().astype(np.float32),
        cover=np.tile(tree.cover, tree.n_outputs).astype(np.float32),
        column=np.arange(tree.n_outputs, dtype=np.int32),
        base=np.zeros(tree.n_outputs),
    )


def _scaled(forest: Forest, share: Array) -> Forest:
    of_node = share[forest.column[forest.nodes.tree_of]]
    value = forest.value.astype(np.float64) * of_node
    base = forest.base * share
    return replace(forest, value=value.astype(np.float32), base=base)


def _average_sums(
    forms: Sequence[Linear],
    outputs: Sequence[NDArray[np.integer]],
    shares: Sequence[Array],
) -> Linear:
    """Average sums, each of which has its own number in the place of a missing one."""
    schema = forms[0].schema
    if any(form.schema != schema for form in forms):
        raise InputError(
            "Weighted sums are averaged where the same columns had missing values."
        )
    shape = len(forms[0].fill), int(max(own.max() for own in outputs)) + 1
    coefficients, intercept = np.zeros(shape), np.zeros(shape[1])
    fill = _common_fill(forms)
    moved = np.zeros(shape)
    for form, own, share in zip(forms, outputs, shares, strict=True):
        part = form.coefficients * share
        coefficients[:, own] += part
        intercept[own] += form.intercept * share
        moved[:, own] += part * (form.fill - fill)[:, None]
    # What one fill cannot say, "is missing" says where the column is there.
    columns = schema.columns(indicate_missing=True)
    value_of = {c.feature: i for i, c in enumerate(columns) if c.part == VALUE}
    for i, column in enumerate(columns):
        if column.part == MISSING and column.feature in value_of:
            coefficients[i] += moved[value_of[column.feature]]
    return Linear(schema, coefficients, intercept, fill, forms[0].link)


def _common_fill(forms: Sequence[Linear]) -> Array:
    """Return the mean number in the place of a missing one, by the coefficients."""
    fills = np.stack([form.fill for form in forms])
    weights = np.stack([np.abs(form.coefficients).sum(axis=1) for form in forms])
    weights[:, ~weights.any(axis=0)] = 1
    mean = (weights * fills).sum(axis=0) / weights.sum(axis=0)
    # Equal to the bit where they are equal.
    low = np.where(weights > 0, fills, np.inf).min(axis=0)
    high = np.where(weights > 0, fills, -np.inf).max(axis=0)
    return np.clip(mean, low, high)
