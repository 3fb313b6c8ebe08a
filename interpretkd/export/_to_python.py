"""A student as a Python module that needs nothing but Python."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from interpretkd._base import InputError, one_line
from interpretkd.data import MISSING, VALUE, Feature
from interpretkd.export._parity import Checker, Decided
from interpretkd.export._question import Question
from interpretkd.export._scores import _python_scores
from interpretkd.export._specification import (
    LARGEST,
    SMALLEST,
    _border_of,
    _check_texts,
    _ModelSpec,
)
from interpretkd.models import ALL_NUMBERS, Forest, Linear, Nodes, Tree

_MOST_NESTED = 12
_MICROSECONDS = {
    "day": 86_400_000_000,
    "hour": 3_600_000_000,
    "minute": 60_000_000,
    "second": 1_000_000,
    "millisecond": 1_000,
    "microsecond": 1,
}


def _python_text(spec: _ModelSpec) -> str:
    """Write a student as a Python module.

    The module has ``predict(row)`` and ``predict_proba(row)`` (``predict`` alone for
    regression) and imports the standard library only. A row is a mapping of column
    name to value; None and NaN are missing. A row that the student would refuse
    raises ValueError, an absent column KeyError.
    """
    _check_texts(spec)
    lines = [*_head(spec), *_reading(spec)]
    form = spec.form
    if isinstance(form, Tree):
        lines += _tree(spec, form)
    else:
        write: Any = _forest if isinstance(form, Forest) else _linear
        lines += write(spec, form)
        lines += _meaning(spec)
    lines += _answers(spec)
    return "\n".join(lines) + "\n"


def _python_checker(spec: _ModelSpec) -> tuple[str, Checker]:
    """Return what runs the module, and a function that does.

    Only a text that was written here, for this purpose, is run.
    """
    import platform

    # What runs is the text that `_python_text` has just written: names from data stand
    # in it as literals alone, and a file is never read.
    space: dict[str, Any] = {"__name__": "student"}
    exec(compile(_python_text(spec), "student.py", "exec"), space)

    def ask(question: Question) -> Decided:
        columns = question.cells(range(len(spec.schema)))
        names = list(columns)
        records = [
            dict(zip(names, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        ]
        return _collect(spec, space, records)

    return f"Python {platform.python_version()}", ask


def _collect(spec: _ModelSpec, space: dict[str, Any], records: list[Any]) -> Decided:
    n_outputs = spec.form.n_outputs
    values = np.full((len(records), n_outputs), np.nan)
    shape = (len(records), n_outputs) if spec.task == "multilabel" else len(records)
    decisions = np.full(shape, -1, dtype=np.int64)
    place = {label: i for i, label in enumerate(spec.labels)}
    for i, record in enumerate(records):
        try:
            said = space["predict"](record)
        except ValueError:  # a refused row
            continue
        if spec.task == "regression":
            values[i] = said
            continue
        chances = space["predict_proba"](record)
        values[i] = [chances[label] for label in spec.labels]
        if spec.task == "multilabel":
            decisions[i] = [label in said for label in spec.labels]
        else:
            decisions[i] = place[said]
    return Decided(values, decisions)


def _head(spec: _ModelSpec) -> Iterator[str]:
    answer = {
        "multiclass": "predict(row) is the class, predict_proba(row) a dict of class "
        "to probability.",
        "multilabel": "predict(row) is a list of the labels that are on, "
        "predict_proba(row)\na dict of label to probability.",
        "regression": "predict(row) is the value"
        + ("." if spec.form.n_outputs == 1 else "s, a list in the order of LABELS."),
    }[spec.task]
    yield f'''"""A student of interpretkd. It needs nothing but Python.

A row is a dict of column name to value; None and NaN are missing values. An absent
column is a KeyError; a category that was not seen in training, a text among numbers
and an infinite number are ValueErrors.

{answer}
"""
'''
    if any(spec.schema.features[i].kind == "date" for i in spec.used):
        yield "import datetime"
    if not isinstance(spec.form, Tree):
        yield "import math"
    if _rounds(spec):
        yield "import struct"
    yield ""
    yield f"LABELS = {_tuple(spec.labels)}"
    yield ""


def _reading(spec: _ModelSpec) -> Iterator[str]:
    yield f"""
def _number(row, name):
    value = row[name]
    if value is None or value != value:
        return None
    try:
        value = float(value)
    except OverflowError:
        raise ValueError(f"{{name!r}}: {{value!r}} is too large") from None
    if value != value:
        return None
    if not -{LARGEST!r} <= value <= {LARGEST!r}:
        raise ValueError(f"{{name!r}}: {{value!r}} is too large")
    return {"value" if not isinstance(spec.form, Linear) else "_single(value)"}


def _category(row, name, known):
    value = row[name]
    if value is None or value != value:
        return None
    if value not in known:
        raise ValueError(f"{{name!r}}: {{value!r}} was not seen in training")
    return value
"""
    if _rounds(spec):
        yield '''
def _single(value):
    """Round to float32, as the student does."""
    return struct.unpack("f", struct.pack("f", value))[0]
'''
    features = [spec.schema.features[i] for i in spec.used]
    multiplied = isinstance(spec.form, Linear)
    if multiplied and any(feature.scale for feature in features):
        counted = _COUNTED.replace("LARGEST", repr(LARGEST))
        yield counted.replace("MOST", repr(ALL_NUMBERS))
    if any(feature.kind == "date" for feature in features):
        yield _DATE.replace("CODE", "_single" if isinstance(spec.form, Linear) else "")
    yield ""
    yield "def _read(row):"
    if not features:
        yield "    return ()"
    for position, feature in zip(spec.used, features, strict=True):
        yield f"    x{position} = {_read(feature, multiplied=multiplied)}"
    yield from _python_scores(spec)
    if features:
        yield f"    return ({''.join(f'{name}, ' for name in _variables(spec))})"
    yield ""


def _rounds(spec: _ModelSpec) -> bool:
    """Say whether numbers are rounded to float32 before they are multiplied."""
    return isinstance(spec.form, Linear) or bool(spec.scores)


def _variables(spec: _ModelSpec) -> dict[str, str]:
    """Return the variables that are decided by, and what each of them is about."""
    if not spec.scores:
        return {f"x{i}": spec.schema.names[i] for i in spec.used}
    assert isinstance(spec.form, Tree)
    tested = np.unique(spec.form.nodes.feature)
    names = spec.form.schema.names
    return {_variable(spec, i): names[i] for i in tested[tested >= 0].tolist()}


def _variable(spec: _ModelSpec, tested: int) -> str:
    return f"s{tested}" if tested in spec.scores else f"x{spec.given(tested)}"


_DATE = '''
def _date(row, name, unit, origin, aware):
    """Count units of so many microseconds since the origin, rounded down."""
    value = row[name]
    if value is None or value != value:
        return None
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    if (value.tzinfo is not None) != aware:
        raise ValueError(f"{name!r}: a time zone is {'needed' if aware else 'unknown'}")
    zone = datetime.timezone.utc if aware else None
    since = value - datetime.datetime(1970, 1, 1, tzinfo=zone)
    return CODE(float(since // datetime.timedelta(microseconds=unit) - origin))
'''


_COUNTED = """
def _counted(row, name, origin, unit, whole):
    \"\"\"Count units since the origin, whole numbers in whole units.\"\"\"
    value = row[name]
    if value is None or value != value:
        return None
    try:
        value = float(value)
    except OverflowError:
        raise ValueError(f"{name!r}: {value!r} is too large") from None
    if value != value:
        return None
    if not -LARGEST <= value <= LARGEST:
        raise ValueError(f"{name!r}: {value!r} is too large")
    code = ((float(math.ceil(value)) if whole else value) - origin) / unit
    code = min(max(code, -MOST), MOST)
    return _single(float(math.ceil(code)) if whole else code)
"""


def _read(feature: Feature, *, multiplied: bool) -> str:
    name = _text(feature.name)
    if feature.is_categorical:
        return f"_category(row, {name}, {_tuple(feature.categories)})"
    if feature.kind != "date":
        if feature.scale is None or not multiplied:
            return f"_number(row, {name})"
        origin, unit = float(feature.scale.origin), float(feature.scale.unit)
        return f"_counted(row, {name}, {origin!r}, {unit!r}, {feature.scale.whole})"
    calendar: Any = feature.calendar
    if calendar.unit not in _MICROSECONDS:
        raise InputError(
            f"The dates of column {feature.name!r} are told apart by nanoseconds, "
            "which Python's own dates do not hold."
        )
    unit, aware = _MICROSECONDS[calendar.unit], calendar.zone is not None
    return f"_date(row, {name}, {unit}, {calendar.origin}, {aware})"


def _tree(spec: _ModelSpec, tree: Tree) -> Iterator[str]:
    leaves = np.flatnonzero(tree.nodes.is_leaf)
    place = {int(leaf): i for i, leaf in enumerate(leaves)}
    values, decisions = spec.results(tree.value[leaves])
    yield ""
    yield "# What each leaf says."
    yield "VALUES = ("
    for row in values.tolist():
        yield f"    {_tuple(row)},"
    yield ")"
    if spec.task != "regression":
        yield f"DECISIONS = {_tuple(decisions.tolist())}"
    yield ""
    yield from _walk(spec, tree.nodes, 0, "_leaf", lambda node: str(place[node]))


def _forest(spec: _ModelSpec, forest: Forest) -> Iterator[str]:
    def value(node: int) -> str:
        return repr(float(forest.value[node]))

    for tree in range(forest.n_trees):
        yield from _walk(spec, forest.nodes, tree, f"_tree_{tree}", value)
    yield ""
    yield "def _sums(x):"
    yield f"    sums = {forest.base.tolist()!r}"
    for tree, column in enumerate(forest.column):
        yield f"    sums[{column}] += _tree_{tree}(x)"
    yield "    return sums"
    yield ""


def _linear(spec: _ModelSpec, linear: Linear) -> Iterator[str]:
    yield ""
    yield "def _sums(x):"
    yield from _unpacked(spec)
    yield f"    sums = {linear.intercept.tolist()!r}"
    columns = spec.schema.columns(indicate_missing=True)
    for i, column in enumerate(columns):
        name = f"x{column.feature}"
        feature = spec.schema.features[column.feature]
        for k, weight in enumerate(linear.coefficients[i].tolist()):
            if weight == 0:
                continue
            if column.part == VALUE:
                gap = f"{float(linear.fill[i])!r} if {name} is None else {name}"
                yield f"    sums[{k}] += {weight!r} * ({gap})"
            elif column.part == MISSING:
                yield f"    sums[{k}] += {weight!r} if {name} is None else 0.0"
            else:
                level = _text(feature.categories[column.part])
                yield f"    sums[{k}] += {weight!r} if {name} == {level} else 0.0"
    yield "    return sums"
    yield ""


def _unpacked(spec: _ModelSpec) -> Iterator[str]:
    for place, (variable, name) in enumerate(_variables(spec).items()):
        yield f"    {variable} = x[{place}]  # {one_line(name)}"


def _walk(
    spec: _ModelSpec, nodes: Nodes, tree: int, name: str, say: Callable[[int], str]
) -> Iterator[str]:
    """Write a function of one tree; what lies deep goes on in a function below."""
    waiting = [(int(nodes.roots[tree]), name)]
    while waiting:
        root, called = waiting.pop()
        yield ""
        yield f"def {called}(x):"
        yield from _unpacked(spec)
        below: list[tuple[int, str]] = []
        yield from _branch(spec, nodes, root, 1, say, name, below)
        yield ""
        waiting += below


def _branch(
    spec: _ModelSpec,
    nodes: Nodes,
    node: int,
    depth: int,
    say: Callable[[int], str],
    name: str,
    below: list[tuple[int, str]],
) -> Iterator[str]:
    pad = "    " * depth
    if nodes.feature[node] < 0:
        yield f"{pad}return {say(node)}"
        return
    if depth > _MOST_NESTED:
        below.append((node, f"{name}_{node}"))
        yield f"{pad}return {name}_{node}(x)"
        return
    yield f"{pad}if {_test(spec, nodes, node)}:"
    left, right = int(nodes.left[node]), int(nodes.right[node])
    yield from _branch(spec, nodes, left, depth + 1, say, name, below)
    yield f"{pad}else:"
    yield from _branch(spec, nodes, right, depth + 1, say, name, below)


def _test(spec: _ModelSpec, nodes: Nodes, node: int) -> str:
    position = int(nodes.feature[node])
    feature, x = nodes.schema.features[position], _variable(spec, position)
    if feature.is_categorical:
        chosen = np.flatnonzero(nodes.left_set(node))
        levels = _tuple([feature.categories[i] for i in chosen])
        passes = f"{x} in {levels}"
    elif nodes.threshold[node] >= np.float32(ALL_NUMBERS):
        passes = f"{x} is not None"
    else:
        passes = f"{x} <= {_border_of(feature, float(nodes.threshold[node]))!r}"
        if position in spec.scores:  # which are never missing
            return passes
    if nodes.missing_left[node]:
        return f"{x} is None or {passes}"
    return f"{x} is not None and {passes}"


def _meaning(spec: _ModelSpec) -> Iterator[str]:
    """From sums to logits, in the student's own steps."""
    softmax = spec.link == "softmax" or spec.task == "multiclass"
    if softmax:
        yield """
def _softmax(values):
    top = max(values)
    total = math.log(sum(math.exp(value - top) for value in values))
    return [math.exp(value - top - total) for value in values]
"""
    if spec.link == "sigmoid" or spec.task == "multilabel":
        yield """
def _sigmoid(values):
    return [0.5 * (1.0 + math.tanh(0.5 * value)) for value in values]
"""
    yield ""
    yield "def _logits(row):"
    yield "    values = _sums(_read(row))"
    if spec.link != "identity":
        yield f"    values = _{spec.link}(values)"
    target = spec.target
    if target.kind != "logits":
        factor = repr(float(target.temperature if target.kind == "soft" else 1.0))
        if target.task == "multilabel":
            limits = f"min(max(value, {SMALLEST!r}), {1 - SMALLEST!r})"
            yield f"    values = [{limits} for value in values]"
            change = f"{factor} * (math.log(value) - math.log1p(-value))"
        else:
            change = f"{factor} * math.log(max(value, {SMALLEST!r}))"
        yield f"    values = [{change} for value in values]"
    yield "    return values"
    yield ""


def _answers(spec: _ModelSpec) -> Iterator[str]:
    from_leaf = isinstance(spec.form, Tree)
    if spec.task == "regression":
        source = "VALUES[_leaf(_read(row))]" if from_leaf else "_logits(row)"
        one = spec.form.n_outputs == 1
        yield ""
        yield "def predict(row):"
        yield f'    """Return the value{"" if one else "s"} of a row."""'
        yield f"    return {source}[0]" if one else f"    return list({source})"
        return
    chosen, chances = _CHOICES[from_leaf, spec.task]
    yield f'''
def predict(row):
    """Return what is decided for a row."""
    {chosen}


def predict_proba(row):
    """Return the probability of each label."""
    return dict(zip(LABELS, {chances}))'''


_CHOICES = {
    (True, "multiclass"): (
        "return LABELS[DECISIONS[_leaf(_read(row))]]",
        "VALUES[_leaf(_read(row))]",
    ),
    (True, "multilabel"): (
        "chosen = DECISIONS[_leaf(_read(row))]\n"
        "    return [label for label, on in zip(LABELS, chosen) if on]",
        "VALUES[_leaf(_read(row))]",
    ),
    (False, "multiclass"): (
        "logits = _logits(row)\n    return LABELS[logits.index(max(logits))]",
        "_softmax(_logits(row))",
    ),
    (False, "multilabel"): (
        "return [label for label, z in zip(LABELS, _logits(row)) if z > 0]",
        "_sigmoid(_logits(row))",
    ),
}


def _tuple(values: Any) -> str:
    return f"({''.join(f'{_text(value)}, ' for value in values)})"


def _text(value: Any) -> str:
    """Write a value in ASCII: no character that an editor would hide or turn round."""
    if isinstance(value, float) and math.isinf(value):  # its name is no literal
        return "1e999" if value > 0 else "-1e999"
    return ascii(tuple(value) if isinstance(value, list) else value)
