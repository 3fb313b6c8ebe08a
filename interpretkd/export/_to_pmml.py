"""A student as PMML 4.4: a tree model, or a chain of models."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from interpretkd._base import InputError
from interpretkd.data import MISSING, VALUE, Feature
from interpretkd.export._pmml_elements import (
    Element,
    _add,
    _all_or_none,
    _apply,
    _constant,
    _counted,
    _derive,
    _field,
    _flag,
    _kind,
    _segment,
    _simple,
    _single,
    _value,
)
from interpretkd.export._specification import (
    LARGEST,
    SMALLEST,
    _border_of,
    _check_texts,
    _ModelSpec,
)
from interpretkd.models import ALL_NUMBERS, Forest, Linear, Nodes, Term, Tree

NAMESPACE = "http://www.dmg.org/PMML-4_4"


def _pmml_text(spec: _ModelSpec) -> str:
    """Write a student as PMML 4.4.

    A tree is a TreeModel; boosted trees are a chain of sums and a softmax; a linear
    student is a RegressionModel of derived fields. Outputs are "prediction" and
    "probability(<class>)". Dates are counts, as the field's displayName says. Values
    that the student would refuse are invalid, which PMML engines report.
    """
    _check_texts(spec)
    if spec.task == "multilabel" or (
        spec.task == "regression" and spec.form.n_outputs > 1
    ):
        raise InputError(
            "A PMML model predicts one target, and this student has "
            f"{spec.form.n_outputs}: export it to another format."
        )
    root = Element("PMML", version="4.4", xmlns=NAMESPACE)
    ET.SubElement(_add(root, "Header"), "Application", name="interpretkd")
    writer = _Writer(spec)
    writer.dictionary(root)
    if isinstance(spec.form, Tree):
        writer.tree_model(root, spec.form)
    elif isinstance(spec.form, Forest):
        writer.chain(root, spec.form)
    else:
        model = writer.last_model(root, writer.inputs())
        writer.outputs(model)
        steps = _add(model, "LocalTransformations")
        writer.linear_sums(steps, spec.form)
        writer.meaning(model, steps)
    text = ET.tostring(root, encoding="unicode")
    _check_characters(text)
    ET.indent(root)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{_ascii(root)}\n"


class _Writer:
    """The names that must not meet those of the columns, and the parts."""

    def __init__(self, spec: _ModelSpec) -> None:
        self.spec = spec
        self.taken = set(spec.schema.names)
        self.target = self._fresh("target")
        self.prediction = self._fresh("prediction")
        self.sums = [self._fresh(f"sum {k}") for k in range(spec.form.n_outputs)]
        self.names: dict[int, str] = {}

    def dictionary(self, root: Element) -> None:
        """Declare the columns and the target."""
        parent = _add(root, "DataDictionary")
        for position in self.spec.used:
            feature = self.spec.schema.features[position]
            if feature.is_categorical:
                kind = _kind(feature.categories)
                entry = _add(
                    parent,
                    "DataField",
                    name=feature.name,
                    optype="categorical",
                    dataType=kind,
                )
                for level in feature.categories:
                    _add(entry, "Value", value=_value(level))
                continue
            entry = _add(
                parent,
                "DataField",
                name=feature.name,
                optype="continuous",
                dataType="double",
                **_counted(feature),
            )
            limits = {"leftMargin": repr(-LARGEST), "rightMargin": repr(LARGEST)}
            _add(entry, "Interval", closure="closedClosed", **limits)
        classes = self.spec.task == "multiclass"
        entry = _add(
            parent,
            "DataField",
            name=self.target,
            optype="categorical" if classes else "continuous",
            dataType=_kind(self.spec.labels) if classes else "double",
        )
        if classes:
            for label in self.spec.labels:
                _add(entry, "Value", value=_value(label))

    def inputs(self) -> list[str]:
        """Name the columns that are read."""
        return [self.spec.schema.names[i] for i in self.spec.used]

    def tree_model(self, root: Element, tree: Tree) -> None:
        """Write one tree with classes or values at its leaves."""
        values, decisions = self.spec.results(tree.value)
        classes = self.spec.task == "multiclass"
        model = _add(root, "TreeModel", functionName=self._function, **_TREE)
        self._mining(model, self.inputs(), target=True)
        self.outputs(model)
        if self.spec.scores:
            self.names = self._scores(_add(model, "LocalTransformations"))

        def finish(element: Element, node: int) -> None:
            if not classes:
                element.set("score", repr(float(values[node, 0])))
                return
            element.set("score", _value(self.spec.labels[int(decisions[node])]))
            for label, chance in zip(self.spec.labels, values[node], strict=True):
                text = repr(float(chance))
                _add(
                    element,
                    "ScoreDistribution",
                    value=_value(label),
                    recordCount=text,
                    probability=text,
                )

        self._grow(model, tree.nodes, 0, finish)

    def chain(self, root: Element, forest: Forest) -> None:
        """Write one sum of trees an output, and what their sums mean."""
        top = _add(root, "MiningModel", functionName=self._function)
        self._mining(top, self.inputs(), target=True)
        segments = _add(top, "Segmentation", multipleModelMethod="modelChain")
        for k, name in enumerate(self.sums):
            segment = _segment(segments, k + 1)
            model = _add(segment, "MiningModel", functionName="regression")
            self._mining(model, self.inputs())
            output = _add(model, "Output")
            _add(
                output,
                "OutputField",
                name=name,
                optype="continuous",
                dataType="double",
                feature="predictedValue",
                isFinalResult="false",
            )
            self._sum(model, forest, k)
        segment = _segment(segments, len(self.sums) + 1)
        last = self.last_model(segment, self.sums)
        self.outputs(last)
        self.meaning(last, _add(last, "LocalTransformations"))

    def last_model(self, parent: Element, inputs: Sequence[str]) -> Element:
        """Begin the model whose regression tables hold the logits."""
        settings = {"functionName": self._function}
        if self.spec.task == "multiclass":
            settings["normalizationMethod"] = "softmax"
        model = _add(parent, "RegressionModel", **settings)
        self._mining(model, inputs, target=True)
        return model

    def outputs(self, model: Element) -> None:
        """Name what the model says."""
        output = _add(model, "Output")
        classes = self.spec.task == "multiclass"
        _add(
            output,
            "OutputField",
            name=self.prediction,
            optype="categorical" if classes else "continuous",
            dataType=_kind(self.spec.labels) if classes else "double",
            feature="predictedValue",
        )
        for label in self.spec.labels if classes else ():
            _add(
                output,
                "OutputField",
                name=self._fresh(f"probability({_value(label)})"),
                optype="continuous",
                dataType="double",
                feature="probability",
                value=_value(label),
            )

    def linear_sums(self, steps: Element, linear: Linear) -> None:
        """Derive the sums of a linear form."""
        columns = self.spec.schema.columns(indicate_missing=True)
        terms: list[list[Element]] = [[] for _ in self.sums]
        for i, column in enumerate(columns):
            if not linear.coefficients[i].any():
                continue
            feature = self.spec.schema.features[column.feature]
            derived = self._column(steps, feature, column.part, float(linear.fill[i]))
            for k, weight in enumerate(linear.coefficients[i].tolist()):
                if weight:
                    terms[k].append(_apply("*", _constant(weight), _field(derived)))
        for name, listed, start in zip(
            self.sums, terms, linear.intercept.tolist(), strict=True
        ):
            total = _constant(start)
            if listed:
                total = _apply("sum", total, *listed)
            _derive(steps, name, total)

    def meaning(self, model: Element, steps: Element) -> None:
        """From sums to logits, in the student's own steps, and their tables."""
        names, target = list(self.sums), self.spec.target
        if self.spec.link == "softmax":
            names = self._softmax(steps, names)
        elif self.spec.link == "sigmoid":
            names = [self._sigmoid(steps, name) for name in names]
        if target.kind != "logits":
            factor = target.temperature if target.kind == "soft" else 1.0
            for k, name in enumerate(names):
                names[k] = self._fresh(f"logit {k}")
                limited = _apply("max", _field(name), _constant(SMALLEST))
                logit = _apply("*", _constant(factor), _apply("ln", limited))
                _derive(steps, names[k], logit)
        for name, label in zip(names, self.spec.labels, strict=True):
            settings = {"intercept": "0.0"}
            if self.spec.task == "multiclass":
                settings["targetCategory"] = _value(label)
            table = _add(model, "RegressionTable", **settings)
            _add(table, "NumericPredictor", name=name, coefficient="1.0")
        if not len(steps):
            model.remove(steps)

    @property
    def _function(self) -> str:
        multiclass = self.spec.task == "multiclass"
        return "classification" if multiclass else "regression"

    def _mining(
        self, model: Element, inputs: Sequence[str], *, target: bool = False
    ) -> None:
        schema = _add(model, "MiningSchema")
        for name in inputs:
            _add(schema, "MiningField", name=name)
        if target:
            _add(schema, "MiningField", name=self.target, usageType="target")

    def _sum(self, model: Element, forest: Forest, k: int) -> None:
        targets = _add(model, "Targets")
        _add(targets, "Target", rescaleConstant=repr(float(forest.base[k])))
        trees = np.flatnonzero(forest.column == k).tolist()
        segments = _add(model, "Segmentation", multipleModelMethod="sum")

        def finish(element: Element, node: int) -> None:
            element.set("score", repr(float(forest.value[node])))

        for i, tree in enumerate(trees):
            segment = _segment(segments, i + 1)
            grown = _add(segment, "TreeModel", functionName="regression", **_TREE)
            self._mining(grown, self.inputs())
            self._grow(grown, forest.nodes, int(forest.nodes.roots[tree]), finish)
        if not trees:  # a sum needs a member
            segment = _segment(segments, 1)
            nothing = _add(segment, "TreeModel", functionName="regression", **_TREE)
            self._mining(nothing, self.inputs())
            _add(_add(nothing, "Node", id="0", score="0.0"), "True")

    def _grow(self, model: Element, nodes: Nodes, root: int, finish: Any) -> None:
        top = _add(model, "Node", id=str(root))
        _add(top, "True")
        waiting = [(root, top)]
        while waiting:
            node, element = waiting.pop()
            if nodes.feature[node] < 0:
                finish(element, node)
                continue
            left, right = int(nodes.left[node]), int(nodes.right[node])
            default = left if nodes.missing_left[node] else right
            element.set("defaultChild", str(default))
            for child, is_left in ((left, True), (right, False)):
                below = _add(element, "Node", id=str(child))
                below.append(self._predicate(nodes, node, left=is_left))
                waiting.append((child, below))

    def _predicate(self, nodes: Nodes, node: int, *, left: bool) -> Element:
        position = int(nodes.feature[node])
        feature = nodes.schema.features[position]
        if position in self.names:
            feature = replace(feature, name=self.names[position])
        missing = bool(nodes.missing_left[node]) == left
        if not feature.is_categorical:
            threshold = float(nodes.threshold[node])
            if threshold >= ALL_NUMBERS:
                return _all_or_none(feature, every=left, missing=missing)
            operator = "lessOrEqual" if left else "greaterThan"
            value = repr(_border_of(feature, threshold))
            return _simple(feature, operator, value=value)
        chosen = np.flatnonzero(nodes.left_set(node) == left).tolist()
        if len(chosen) in (0, len(feature.categories)):
            return _all_or_none(feature, every=bool(chosen), missing=missing)
        levels = [_value(feature.categories[i]) for i in chosen]
        each = [_simple(feature, "equal", value=level) for level in levels]
        if len(each) == 1:
            return each[0]
        either = Element("CompoundPredicate", booleanOperator="or")
        either.extend(each)
        return either

    def _scores(self, steps: Element) -> dict[int, str]:
        """Derive the sums of points; return their names by tested column.

        They are not rounded to float32: the threshold is the last float64 that would
        be rounded to it.
        """
        names = {}
        for position, score in self.spec.scores.items():
            terms = [
                _apply("*", _constant(float(weight)), self._term(steps, term))
                for term, weight in zip(score.terms, score.weights, strict=True)
            ]
            # "sum" may add up in any order; this is the student's.
            total = reduce(lambda one, other: _apply("+", one, other), terms)
            names[position] = self._fresh(self.spec.form.schema.names[position])
            unit = _constant(float(score.unit))
            _derive(steps, names[position], _apply("/", total, unit))
        return names

    def _term(self, steps: Element, term: Term) -> Element:
        """Return a number as float32, with its gaps filled, or 1 and 0 of a set."""
        feature = self.spec.schema.features[term.column]
        if not term.is_set:
            filled = self._fresh(f"column {len(self.taken)}")
            number = _apply("+", _field(feature.name), _constant(0.0))
            number.set("mapMissingTo", repr(term.fill))
            _derive(steps, filled, number)
            return _single(filled)
        flags = self._flags(steps, feature, term.categories or ())
        if term.missing:
            flags.append(_field(self._column(steps, feature, MISSING, 0.0)))
        return _apply("sum", *flags) if flags else _constant(0.0)

    def _column(self, steps: Element, feature: Feature, part: int, fill: float) -> str:
        """Derive one column of the expanded matrix.

        An engine was found to take isMissing inside an "if" for missing itself, so
        gaps are filled by `mapMissingTo` alone.
        """
        name = self._fresh(f"column {len(self.taken)}")
        if part == VALUE:
            # Veltkamp's rounding to float32: engines differ in what "float" means.
            number = self._counted(steps, feature)
            shifted = _apply("*", _field(number), _constant(536870913.0))
            rest = _apply("-", shifted, _field(number))
            single = _apply("-", shifted, rest)
            single.set("mapMissingTo", repr(fill))
            _derive(steps, name, single)
        elif part >= 0:
            _derive(steps, name, _flag(feature, part))
        elif feature.is_categorical:
            levels = range(len(feature.categories))
            present = _apply("sum", *self._flags(steps, feature, levels))
            _derive(steps, name, _apply("-", _constant(1.0), present))
        else:
            nothing = _apply("*", _constant(0.0), _field(feature.name))
            nothing.set("mapMissingTo", "1.0")
            _derive(steps, name, nothing)
        return name

    def _counted(self, steps: Element, feature: Feature) -> str:
        """Derive units since a scale's origin, whole ones rounded up."""
        scale = feature.scale
        if scale is None:
            return feature.name
        number = _field(feature.name)
        number = _apply("ceil", number) if scale.whole else number
        number = _apply("-", number, _constant(float(scale.origin)))
        number = _apply("/", number, _constant(float(scale.unit)))
        number = _apply("ceil", number) if scale.whole else number
        number = _apply("max", number, _constant(-ALL_NUMBERS))
        number = _apply("min", number, _constant(ALL_NUMBERS))
        name = self._fresh(f"units of {feature.name}")
        _derive(steps, name, number)
        return name

    def _flags(
        self, steps: Element, feature: Feature, levels: Sequence[int]
    ) -> list[Element]:
        flags = []
        for level in levels:
            name = self._fresh(f"level {len(self.taken)}")
            _derive(steps, name, _flag(feature, level))
            flags.append(_field(name))
        return flags

    def _softmax(self, steps: Element, names: list[str]) -> list[str]:
        top, total = self._fresh("top"), self._fresh("total")
        _derive(steps, top, _apply("max", *map(_field, names)))
        powers = []
        for k, name in enumerate(names):
            powers.append(self._fresh(f"power {k}"))
            less = _apply("-", _field(name), _field(top))
            _derive(steps, powers[k], _apply("exp", less))
        _derive(steps, total, _apply("sum", *map(_field, powers)))
        chances = []
        for k, power in enumerate(powers):
            chances.append(self._fresh(f"chance {k}"))
            _derive(steps, chances[k], _apply("/", _field(power), _field(total)))
        return chances

    def _sigmoid(self, steps: Element, name: str) -> str:
        chance = self._fresh(f"chance of {name}")
        negative = _apply("*", _constant(-1.0), _field(name))
        below = _apply("+", _constant(1.0), _apply("exp", negative))
        _derive(steps, chance, _apply("/", _constant(1.0), below))
        return chance

    def _fresh(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name


_TREE = {"missingValueStrategy": "defaultChild", "splitCharacteristic": "binarySplit"}


def _check_characters(text: str) -> None:
    for character in text:
        if (
            character < " " and character not in "\t\n\r"
        ) or character in "\ufffe\uffff":
            raise InputError(
                f"XML, and so PMML, does not know the character {character!r} of a "
                "name."
            )


def _ascii(root: Element) -> str:
    """Write all but ASCII as references: no encoding can be guessed wrongly."""
    return ET.tostring(root, encoding="us-ascii", xml_declaration=False).decode()
