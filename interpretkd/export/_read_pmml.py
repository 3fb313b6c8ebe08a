"""Reading back the part of PMML that `pmml` writes, to check it."""

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from interpretkd.export._parity import Checker, Decided
from interpretkd.export._question import Question
from interpretkd.export._specification import _ModelSpec
from interpretkd.export._to_pmml import NAMESPACE, _pmml_text

Record: TypeAlias = dict[str, Any]
Evaluator: TypeAlias = Callable[[Record], Any]
Test: TypeAlias = Callable[[Any], bool]
_PREFIX = f"{{{NAMESPACE}}}"


def _pmml_checker(spec: _ModelSpec) -> tuple[str, Checker]:
    """Return what reads the document, and a function that asks it."""
    evaluate = _read_pmml(_pmml_text(spec))

    def ask(question: Question) -> Decided:
        columns, codes = question.cells(spec.used), question.codes
        for position in spec.used:
            feature = spec.schema.features[position]
            if feature.kind == "date":  # the document reads counts
                counts = codes[:, position].astype(float).tolist()
                columns[feature.name] = [None if c != c else c for c in counts]
        names = list(columns)
        values = np.full((len(codes), spec.form.n_outputs), np.nan)
        decisions = np.full(len(codes), -1, dtype=np.int64)
        place = {_text(label): i for i, label in enumerate(spec.labels)}
        for i in range(len(codes)):
            said = evaluate({name: columns[name][i] for name in names})
            if said is None:  # a refused row
                continue
            if spec.task == "regression":
                values[i] = said[0]
            else:
                values[i] = [said[1][text] for text in place]
                decisions[i] = place[said[0]]
        return Decided(values, decisions)

    return "interpretkd's own PMML reader", ask


def _read_pmml(text: str) -> Callable[[Record], tuple[Any, dict[str, float]] | None]:
    """Return a function that evaluates a document of `_pmml_text` for one row.

    It takes a dict of column to value, and returns the predicted value (a class as its
    text) and the probabilities; None for values that the document calls invalid.
    """
    root = ET.fromstring(text)
    fields = root.findall(f"{_PREFIX}DataDictionary/{_PREFIX}DataField")
    valid = {field.get("name", ""): _validity(field) for field in fields}
    model = _model(next(child for child in root if _tag(child) in _MODELS))

    def evaluate(record: Record) -> tuple[Any, dict[str, float]] | None:
        known = all(v is None or valid[name](v) for name, v in record.items())
        return model(record) if known else None

    return evaluate


def _validity(field: ET.Element) -> Test:
    """Return what tells the values that a field may have."""
    allowed = {value.get("value") for value in _children(field, "Value")}
    for interval in _children(field, "Interval"):
        low = float(interval.get("leftMargin", ""))
        high = float(interval.get("rightMargin", ""))
        return lambda value: low <= float(value) <= high
    return lambda value: _text(value) in allowed


def _tag(element: ET.Element) -> str:
    return element.tag.removeprefix(_PREFIX)


def _children(element: ET.Element, tag: str) -> list[ET.Element]:
    return element.findall(f"{_PREFIX}{tag}")


def _model(model: ET.Element) -> Callable[[Record], tuple[Any, dict[str, float]]]:
    return _MODELS[_tag(model)](model)


def _tree(model: ET.Element) -> Callable[[Record], tuple[Any, dict[str, float]]]:
    classes = model.get("functionName") == "classification"
    root, derive = _node(_children(model, "Node")[0]), _derived(model)

    def ask(record: Record) -> tuple[Any, dict[str, float]]:
        node, known = root, derive(record)
        while node["children"]:
            node = _next(node, known)
        score = node["score"]
        return (score if classes else float(score)), node["chances"]

    return ask


def _node(element: ET.Element) -> dict[str, Any]:
    predicate = next(c for c in element if _tag(c) in _PREDICATES)
    distribution = _children(element, "ScoreDistribution")
    children = [_node(child) for child in _children(element, "Node")]
    return {
        "id": element.get("id"),
        "default": element.get("defaultChild"),
        "score": element.get("score"),
        "holds": _PREDICATES[_tag(predicate)](predicate),
        "chances": {
            e.get("value"): float(e.get("probability", "")) for e in distribution
        },
        "children": children,
    }


def _next(node: dict[str, Any], record: Record) -> dict[str, Any]:
    for child in node["children"]:
        holds = child["holds"](record)
        if holds is None:
            return next(c for c in node["children"] if c["id"] == node["default"])
        if holds:
            return child
    raise ValueError("no child's predicate holds")


def _simple(element: ET.Element) -> Evaluator:
    name, operator = element.get("field", ""), element.get("operator", "")
    value = element.get("value", "")
    if operator == "isMissing":
        return lambda record: record[name] is None
    if operator == "isNotMissing":
        return lambda record: record[name] is not None
    if operator == "equal":
        return lambda r: None if r[name] is None else _text(r[name]) == value
    border = float(value)
    if operator == "lessOrEqual":
        return lambda r: None if r[name] is None else r[name] <= border
    assert operator == "greaterThan"
    return lambda r: None if r[name] is None else r[name] > border


def _either(element: ET.Element) -> Evaluator:
    assert element.get("booleanOperator") == "or"
    parts = [_PREDICATES[_tag(child)](child) for child in element]

    def holds(record: Record) -> bool | None:
        said = [part(record) for part in parts]
        if any(said):
            return True
        return None if None in said else False

    return holds


_PREDICATES: dict[str, Any] = {
    "True": lambda element: lambda record: True,
    "False": lambda element: lambda record: False,
    "SimplePredicate": _simple,
    "CompoundPredicate": _either,
}


def _mining(model: ET.Element) -> Callable[[Record], tuple[Any, dict[str, float]]]:
    segmentation = _children(model, "Segmentation")[0]
    method = segmentation.get("multipleModelMethod")
    parts = [
        next(child for child in segment if _tag(child) in _MODELS)
        for segment in _children(segmentation, "Segment")
    ]
    members = [(_model(part), part) for part in parts]

    def add(record: Record) -> tuple[Any, dict[str, float]]:
        target = model.find(f"{_PREFIX}Targets/{_PREFIX}Target")
        start = 0.0 if target is None else float(target.get("rescaleConstant", "0"))
        return start + sum(ask(record)[0] for ask, _ in members), {}

    def follow(record: Record) -> tuple[Any, dict[str, float]]:
        known = dict(record)
        said: tuple[Any, dict[str, float]] = (None, {})
        for ask, part in members:
            said = ask(known)
            for output in part.findall(f"{_PREFIX}Output/{_PREFIX}OutputField"):
                if output.get("feature") == "predictedValue":
                    known[output.get("name", "")] = said[0]
        return said

    return add if method == "sum" else follow


def _regression(model: ET.Element) -> Callable[[Record], tuple[Any, dict[str, float]]]:
    derive = _derived(model)
    tables = []
    for table in _children(model, "RegressionTable"):
        terms = [
            (p.get("name", ""), float(p.get("coefficient", "")))
            for p in _children(table, "NumericPredictor")
        ]
        start = float(table.get("intercept", ""))
        tables.append((table.get("targetCategory"), start, terms))
    classes = model.get("functionName") == "classification"

    def ask(record: Record) -> tuple[Any, dict[str, float]]:
        known = derive(record)
        said = [
            start + sum(weight * known[name] for name, weight in terms)
            for _, start, terms in tables
        ]
        if not classes:
            return said[0], {}
        top = max(said)
        powers = [math.exp(value - top) for value in said]
        names = [str(name) for name, _, _ in tables]
        chances = dict(zip(names, [p / sum(powers) for p in powers], strict=True))
        return names[said.index(top)], chances

    return ask


def _derived(model: ET.Element) -> Callable[[Record], Record]:
    """Return what adds a model's derived fields to a row."""
    steps = [
        (entry.get("name", ""), _expression(entry[0]))
        for entry in model.findall(
            f"{_PREFIX}LocalTransformations/{_PREFIX}DerivedField"
        )
    ]

    def derive(record: Record) -> Record:
        known = dict(record)
        for name, step in steps:
            known[name] = step(known)
        return known

    return derive


_MODELS: dict[str, Any] = {
    "TreeModel": _tree,
    "MiningModel": _mining,
    "RegressionModel": _regression,
}


def _expression(element: ET.Element) -> Evaluator:
    if _tag(element) == "FieldRef":
        name = element.get("field", "")
        return lambda record: record[name]
    if _tag(element) == "Constant":
        text = element.text or ""
        constant = float(text) if element.get("dataType") == "double" else text
        return lambda record: constant
    if _tag(element) == "NormDiscrete":
        return _level(element)
    function = element.get("function", "")
    steps = [_expression(child) for child in element]
    replacement = element.get("mapMissingTo")

    def apply(record: Record) -> Any:
        values = [step(record) for step in steps]
        if None in values:
            return None if replacement is None else float(replacement)
        return _FUNCTIONS[function](values)

    return apply


def _level(element: ET.Element) -> Evaluator:
    name, value = element.get("field", ""), element.get("value", "")
    replacement = float(element.get("mapMissingTo", ""))

    def flag(record: Record) -> float:
        found = record[name]
        return replacement if found is None else float(_text(found) == value)

    return flag


_FUNCTIONS: dict[str, Any] = {
    "if": lambda v: v[1] if v[0] else v[2],
    "lessThan": lambda v: v[0] < v[1],
    "abs": lambda v: abs(v[0]),
    "sum": sum,
    "ceil": lambda v: float(math.ceil(v[0])),
    "max": max,
    "min": min,
    "exp": lambda v: math.exp(v[0]),
    "ln": lambda v: math.log(v[0]),
    "+": lambda v: v[0] + v[1],
    "-": lambda v: v[0] - v[1],
    "*": lambda v: v[0] * v[1],
    "/": lambda v: v[0] / v[1],
}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
