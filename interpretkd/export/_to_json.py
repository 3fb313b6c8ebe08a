"""A student as JSON: the published schema, and reading it back."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.data import Schema
from interpretkd.export._parity import Checker, Decided, _asked
from interpretkd.export._question import Question
from interpretkd.export._specification import _form_kind, _ModelSpec
from interpretkd.models import (
    NODE_ARRAYS,
    Forest,
    Linear,
    Nodes,
    Score,
    ScoredSchema,
    ScoredTree,
    Term,
    Tree,
)
from interpretkd.targets import LINKS, TARGET_KINDS, TASKS, Target

STUDENT_FORMAT = "interpretkd-student/1"
"""What a file calls itself; a reader refuses any other."""

_LARGEST_FILE = 1 << 28


def _json_text(spec: _ModelSpec) -> str:
    """Write a student as JSON, as `json_schema` describes it."""
    target = spec.target
    content = {
        "format": STUDENT_FORMAT,
        "task": spec.task,
        "labels": list(spec.labels),
        "target": {
            "kind": target.kind,
            "temperature": target.temperature,
            "alpha": target.alpha,
        },
        "schema": spec.schema.to_dict(),
        "form": _form_kind(spec.form),
        "link": spec.link,
        **_WRITERS[_form_kind(spec.form)](spec.form),
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def read_json(text: str | bytes) -> _ModelSpec:
    """Read a student that `_json_text` wrote, checking everything.

    Parameters
    ----------
    text : str or bytes
        A file's content.

    Returns
    -------
    ModelSpec
        The student; ``predict(X)`` gives its values and decisions, ``form`` is the
        `Tree`, `Forest` or `Linear`.

    Raises
    ------
    InputError
        For anything that is not such a student.
    """
    if len(text) > _LARGEST_FILE:
        raise InputError("The student's JSON is larger than 256 MiB.")
    try:
        content = json.loads(text, parse_constant=_refuse)
        return _read(content)
    except InputError as error:
        raise InputError(f"The student's JSON cannot be used: {error}") from error
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise InputError(
            f"The student's JSON cannot be read: {type(error).__name__} {error}."
        ) from error
    except (AttributeError, RecursionError) as error:
        raise InputError(
            f"The student's JSON has another shape: {type(error).__name__}."
        ) from error


def _json_checker(spec: _ModelSpec) -> tuple[str, Checker]:
    """Return what reads the text, and a function that asks the student read."""
    again = read_json(_json_text(spec))

    def ask(question: Question) -> Decided:
        return _asked(question, again.predict)

    return "interpretkd's own reader", ask


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of exported students.

    Returns
    -------
    dict
        The schema. In words: a node tests ``float32(x) <= threshold`` or "category in
        `left_categories`" (positions in `categories`), where x of a "scaled" feature is
        ``ceil((ceil(x) - origin) / unit)`` (without ceil, unless `whole`), and a
        missing value goes left when `missing_left` is true; a child's index is larger
        than its parent's. A tree's leaf has one value an output. A "scored_tree" tests
        the columns in `plain`, then one number a score: from 0, the terms in their
        order, each ``points * 10**(most - tens)`` (`most` the largest `tens` of the
        score) times float32(x) or `fill` where x is missing, or, with `categories`,
        times 1 if x is one of them, or missing and `missing` is true, else 0; all in
        float64, divided by ``10**most``, limited to float32 and rounded to it. A forest
        adds each
        tree's leaf to the output that `column` names, from `base`; a linear form adds
        ``coefficient * x``, from `intercept`; then comes `link`. Values become
        probabilities as `target` says.
    """
    number, whole = {"type": "number"}, {"type": "integer", "minimum": 0}
    label = {"type": ["string", "number", "boolean"]}
    numbers = {"type": "array", "items": number, "minItems": 1}
    leaf = {
        "value": {"anyOf": [number, numbers]},
        "cover": {"type": "number"},
        "support": whole,
    }
    inner = {
        "feature": whole,
        "threshold": number,
        "left_categories": {"type": "array", "items": whole, "uniqueItems": True},
        "missing_left": {"type": "boolean"},
        "left": {"type": "integer", "minimum": 1},
        "right": {"type": "integer", "minimum": 1},
    }
    tested = _object({**inner, **leaf}, ["threshold", "left_categories", "support"])
    node = {
        "anyOf": [
            _object(leaf, ["support"]),
            {
                **tested,
                "oneOf": [
                    {"required": ["threshold"]},
                    {"required": ["left_categories"]},
                ],
            },
        ]
    }
    nodes = {"type": "array", "items": node, "minItems": 1}
    feature = _object(
        {
            "name": {"type": "string"},
            "kind": {"enum": ["numeric", "categorical", "pixel", "date", "scaled"]},
            "categories": {"type": "array", "items": label},
            "has_missing": {"type": "boolean"},
            "calendar": {"type": ["object", "null"]},
            "scale": {"type": "object"},
        },
        ["calendar", "scale"],
    )
    target = _object(
        {
            "kind": {"enum": list(TARGET_KINDS)},
            "temperature": {"type": "number", "exclusiveMinimum": 0},
            "alpha": {"type": "number", "minimum": 0, "maximum": 1},
        }
    )
    shape = {"type": "array", "items": {"type": "integer", "minimum": 1}}
    columns = _object(
        {
            "features": {"type": "array", "items": feature, "minItems": 1},
            "image_shape": {"anyOf": [{**shape, "maxItems": 3}, {"type": "null"}]},
        }
    )
    term = _object(
        {
            "column": whole,
            "points": {"type": "integer", "not": {"const": 0}},
            "tens": {"type": "integer", "minimum": 0, "maximum": 8},
            "fill": number,
        }
    )
    set_term = _object(
        {
            "column": whole,
            "points": {"type": "integer", "not": {"const": 0}},
            "categories": {"type": "array", "items": whole, "uniqueItems": True},
            "missing": {"type": "boolean"},
        }
    )
    score = {"type": "array", "items": {"oneOf": [term, set_term]}, "minItems": 1}
    table = {"type": "array", "items": numbers}
    optional = {"anyOf": [numbers, {"type": "null"}]}
    parts: dict[str, dict[str, Any]] = {
        "tree": {"nodes": nodes},
        "scored_tree": {
            "nodes": nodes,
            "plain": {"type": "array", "items": whole, "uniqueItems": True},
            "scores": {"type": "array", "items": score},
        },
        "forest": {
            "nodes": nodes,
            "roots": {"type": "array", "items": whole, "minItems": 1},
            "column": {"type": "array", "items": whole, "minItems": 1},
            "base": numbers,
        },
        "linear": {
            "coefficients": table,
            "intercept": numbers,
            "fill": numbers,
            "steps": optional,
            "multiplier": optional,
        },
    }
    common = {
        "format": {"const": STUDENT_FORMAT},
        "task": {"enum": list(TASKS)},
        "labels": {"type": "array", "items": label, "minItems": 1},
        "target": target,
        "schema": columns,
        "link": {"enum": list(LINKS)},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:interpretkd:student:1",
        "title": "A distilled student",
        "oneOf": [
            _object({**common, "form": {"const": form}, **part})
            for form, part in parts.items()
        ],
    }


def _object(properties: dict[str, Any], optional: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _write_tree(tree: Tree) -> dict[str, Any]:
    nodes = _write_nodes(tree.nodes, tree.value.tolist(), tree.cover)
    if tree.support is not None:
        for entry, rows in zip(nodes, tree.support.tolist(), strict=True):
            entry["support"] = rows
    return {"nodes": nodes}


def _write_scored_tree(tree: ScoredTree) -> dict[str, Any]:
    schema = tree.scored_schema
    scores = [[_write_term(term) for term in score.terms] for score in schema.scores]
    return {**_write_tree(tree), "plain": list(schema.plain), "scores": scores}


def _write_term(term: Term) -> dict[str, Any]:
    common = {"column": term.column, "points": term.points}
    if term.is_set:
        chosen = list(term.categories or ())
        return {**common, "categories": chosen, "missing": term.missing}
    return {**common, "tens": term.tens, "fill": term.fill}


def _write_forest(forest: Forest) -> dict[str, Any]:
    values = forest.value.astype(np.float64).tolist()
    return {
        "nodes": _write_nodes(forest.nodes, values, forest.cover),
        "roots": forest.nodes.roots.tolist(),
        "column": forest.column.tolist(),
        "base": forest.base.tolist(),
    }


def _write_linear(linear: Linear) -> dict[str, Any]:
    names = ("coefficients", "intercept", "fill", "steps", "multiplier")
    arrays = {name: getattr(linear, name) for name in names}
    return {n: None if a is None else a.tolist() for n, a in arrays.items()}


_WRITERS: dict[str, Any] = {
    "tree": _write_tree,
    "scored_tree": _write_scored_tree,
    "forest": _write_forest,
    "linear": _write_linear,
}


def _write_nodes(
    nodes: Nodes, values: list[Any], cover: NDArray[Any]
) -> list[dict[str, Any]]:
    written = []
    for node, feature in enumerate(nodes.feature.tolist()):
        entry: dict[str, Any] = {}
        if feature >= 0:
            entry["feature"] = feature
            if nodes.category_start[node] >= 0:
                chosen = np.flatnonzero(nodes.left_set(node))
                entry["left_categories"] = chosen.tolist()
            else:
                entry["threshold"] = float(nodes.threshold[node])
            entry["missing_left"] = bool(nodes.missing_left[node])
            entry["left"] = int(nodes.left[node])
            entry["right"] = int(nodes.right[node])
        entry |= {"value": values[node], "cover": float(cover[node])}
        written.append(entry)
    return written


def _refuse(constant: str) -> None:
    raise InputError(f"{constant} is not allowed.")


def _read(content: dict[str, Any]) -> _ModelSpec:
    if content["format"] != STUDENT_FORMAT:
        raise InputError(
            f"The format must be {STUDENT_FORMAT!r}. Got {content['format']!r}."
        )
    schema = Schema.from_dict(content["schema"])
    settings = content["target"]
    target = Target(
        settings["kind"], settings["temperature"], settings["alpha"], content["task"]
    )
    if content["form"] not in _READERS:
        raise InputError(
            f"The form must be out of {', '.join(_READERS)}. Got {content['form']!r}."
        )
    form = _READERS[content["form"]](schema, content)
    labels = content["labels"]
    names = isinstance(form, Tree) and content["task"] == "regression"
    if names and not all(isinstance(label, str) for label in labels):
        raise InputError("The labels of values must be texts.")
    return _ModelSpec(form, target, tuple(labels))


def _read_tree(schema: Schema, content: dict[str, Any]) -> Tree:
    return Tree.from_arrays(schema, _tree_arrays(schema, content))


def _read_scored_tree(given: Schema, content: dict[str, Any]) -> ScoredTree:
    plain = tuple(_place(position, len(given)) for position in content["plain"])
    scores = [Score(tuple(map(_read_term, terms))) for terms in content["scores"]]
    schema = ScoredSchema(given, plain, tuple(scores))
    arrays = _tree_arrays(schema, content)
    tests = {name: arrays[name] for name in NODE_ARRAYS}
    nodes = Nodes(schema=schema, roots=np.zeros(1, dtype=np.int32), **tests)
    own = (arrays["value"], arrays["cover"])
    return ScoredTree(nodes, *own, support=arrays.get("support"))


def _read_term(content: dict[str, Any]) -> Term:
    column, points = _whole([content["column"], content["points"]]).tolist()
    if "categories" not in content:
        tens = _whole([content["tens"]]).tolist()
        return Term(column, points, *tens, *_numbers([content["fill"]], 1).tolist())
    if type(content["missing"]) is not bool:
        raise InputError("The 'missing' of a set must be true or false.")
    chosen = tuple(_whole(content["categories"]).tolist())
    return Term(column, points, categories=chosen, missing=content["missing"])


def _tree_arrays(schema: Schema, content: dict[str, Any]) -> dict[str, Any]:
    nodes = content["nodes"]
    arrays = _read_nodes(schema, nodes)
    arrays["value"] = _numbers([node["value"] for node in nodes], 2)
    arrays["cover"] = _numbers([node["cover"] for node in nodes], 1)
    if any("support" in node for node in nodes):
        arrays["support"] = _whole([node["support"] for node in nodes])
    if content["link"] != "identity":
        raise InputError("A tree has no link but 'identity'.")
    return arrays


def _read_forest(schema: Schema, content: dict[str, Any]) -> Forest:
    nodes = content["nodes"]
    arrays = _read_nodes(schema, nodes)
    arrays["value"] = _numbers([node["value"] for node in nodes], 1)
    arrays["cover"] = _numbers([node["cover"] for node in nodes], 1)
    arrays["roots"] = _whole(content["roots"])
    arrays["column"] = _whole(content["column"])
    arrays["base"] = _numbers(content["base"], 1)
    return Forest.from_arrays(schema, arrays, content["link"])


def _read_linear(schema: Schema, content: dict[str, Any]) -> Linear:
    dims = {"coefficients": 2, "intercept": 1, "fill": 1, "steps": 1, "multiplier": 1}
    arrays = {
        name: _numbers(content[name], n)
        for name, n in dims.items()
        if content[name] is not None
    }
    return Linear.from_arrays(schema, arrays, content["link"])


_READERS: dict[str, Any] = {
    "tree": _read_tree,
    "scored_tree": _read_scored_tree,
    "forest": _read_forest,
    "linear": _read_linear,
}


def _read_nodes(schema: Schema, nodes: list[dict[str, Any]]) -> dict[str, Any]:
    sets: list[NDArray[np.bool_]] = [np.zeros(0, dtype=bool)]
    for node in nodes:
        if "left_categories" in node:
            feature = schema.features[_place(node["feature"], len(schema))]
            chosen = np.zeros(len(feature.categories), dtype=bool)
            for position in node["left_categories"]:
                chosen[_place(position, len(chosen))] = True
            sets.append(chosen)
    wanted = [node["missing_left"] for node in nodes if "feature" in node]
    if not all(isinstance(flag, bool) for flag in wanted):
        raise InputError("The 'missing_left' of a node must be true or false.")
    return {
        "feature": _whole([node.get("feature", -1) for node in nodes]),
        "threshold": _numbers([node.get("threshold", 0.0) for node in nodes], 1),
        "missing_left": np.asarray([node.get("missing_left", False) for node in nodes]),
        "left": _whole([node.get("left", -1) for node in nodes]),
        "right": _whole([node.get("right", -1) for node in nodes]),
        "left_categories": np.concatenate(sets),
    }


def _place(position: Any, size: int) -> int:
    if type(position) is not int or not 0 <= position < size:
        raise InputError(f"A position must lie in [0, {size}). Got {position!r}.")
    return position


def _whole(values: list[Any]) -> NDArray[np.int64]:
    if not all(type(value) is int and abs(value) < 2**31 for value in values):
        raise InputError("Positions must be whole numbers.")
    return np.asarray(values, dtype=np.int64)


def _numbers(values: list[Any], n_dims: int) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.dtype.kind not in "if" or array.ndim != n_dims:
        raise InputError(f"Numbers in {n_dims} dimension(s) are needed.")
    return array.astype(np.float64)
