"""The elements that a PMML document is made of."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

from interpretkd.data import Feature

Element = ET.Element


def _add(parent: Element, tag: str, **attributes: str) -> Element:
    return ET.SubElement(parent, tag, attributes)


def _segment(parent: Element, number: int) -> Element:
    segment = _add(parent, "Segment", id=str(number))
    _add(segment, "True")
    return segment


def _simple(feature: Feature, operator: str, **value: str) -> Element:
    attributes = {"field": feature.name, "operator": operator, **value}
    return Element("SimplePredicate", attributes)


def _all_or_none(feature: Feature, *, every: bool, missing: bool) -> Element:
    """Ask for a missing value alone: what is never unknown needs no default."""
    if every == missing:
        return Element("True" if every else "False")
    return _simple(feature, "isMissing" if missing else "isNotMissing")


def _derive(parent: Element, name: str, expression: Element) -> None:
    entry = _add(
        parent, "DerivedField", name=name, optype="continuous", dataType="double"
    )
    entry.append(expression)


def _apply(function: str, *arguments: Element) -> Element:
    element = Element("Apply", function=function)
    element.extend(arguments)
    return element


def _flag(feature: Feature, level: int) -> Element:
    value = _value(feature.categories[level])
    return Element("NormDiscrete", field=feature.name, value=value, mapMissingTo="0.0")


def _field(name: str) -> Element:
    return Element("FieldRef", field=name)


def _constant(value: float) -> Element:
    element = Element("Constant", dataType="double")
    element.text = repr(float(value))
    return element


def _kind(values: Sequence[Any]) -> str:
    if all(isinstance(value, bool) for value in values):
        return "boolean"
    if all(type(value) is int for value in values):
        return "integer"
    numbers = all(isinstance(value, int | float) for value in values)
    return "double" if numbers else "string"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _counted(feature: Feature) -> dict[str, str]:
    if feature.kind != "date":
        return {}
    calendar: Any = feature.calendar
    unit, origin = calendar.unit, calendar.origin
    return {"displayName": f"whole {unit}s since 1970-01-01 (UTC) less {origin}"}


def _single(name: str) -> Element:
    """Round to float32: Veltkamp, and below 2**-126 to multiples of 2**-149."""
    shifted = _apply("*", _field(name), _constant(536870913.0))
    normal = _apply("-", shifted, _apply("-", shifted, _field(name)))
    tiny = _apply("lessThan", _apply("abs", _field(name)), _constant(2.0**-126))
    raised = _apply("+", _field(name), _constant(1.5 * 2.0**-97))
    return _apply("if", tiny, _apply("-", raised, _constant(1.5 * 2.0**-97)), normal)
