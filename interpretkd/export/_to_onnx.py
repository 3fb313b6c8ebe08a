"""A student as an ONNX graph, written node by node.

No converter is asked: those we tried got trees with missing values or several outputs
wrong without a word. The graph finds each tree's leaf with one TreeEnsembleRegressor,
whose outputs are leaf numbers, and looks the leaves' values up in float64 tables, so
that nothing is rounded on the way to a decision.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.data import MISSING, VALUE, Scale
from interpretkd.export._onnx_graph import _Graph, _is_counted
from interpretkd.export._parity import Checker, Decided, NotChecked
from interpretkd.export._question import Question
from interpretkd.export._specification import (
    LARGEST,
    SMALLEST,
    _check_texts,
    _ModelSpec,
)
from interpretkd.models import ALL_NUMBERS, Forest, Linear, Nodes, Term, Tree

_MOST_LEAVES = 1 << 24
"""Above it float32 does not hold every leaf number."""
_SELF = Scale(0, 1, False)
"""The scale of what stands for itself."""


def _onnx_bytes(spec: _ModelSpec) -> bytes:
    """Write a student as an ONNX model.

    Input "X", float32 (n_samples, n_features), holds codes: numbers, a category's
    position, NaN for missing. It is float64 where a column has a scale: its numbers are
    given as they are, and counted here. Outputs "values", float32 (n_samples,
    n_outputs), and, unless it is a regression, "decision": the class (int64 or string)
    of each row, or 0 and 1 for each label. A row that the student would refuse gets
    NaN, and as its class "" or, of whole numbers, -1, or one less than the smallest
    class where that is below 0. The columns and their categories are in the model's
    metadata, under "interpretkd.schema".
    """
    try:
        import onnx
    except ImportError as error:
        raise InputError(
            "The package onnx is needed for this export: pip install "
            "'interpretkd[export]'."
        ) from error
    _check_texts(spec)
    graph = _Graph(onnx)
    form = spec.form
    if _is_counted(spec):
        graph.codes = _counted(graph, spec)
    usable = _usable(graph, spec)
    if isinstance(form, Tree):
        values, decision = _tree(graph, spec, form)
    else:
        write: Any = _forest if isinstance(form, Forest) else _linear
        values, decision = _meaning(graph, spec, write(graph, spec, form))
    values = graph.add("Where", usable, values, graph.constant(np.float64(np.nan)))
    graph.add("Cast", values, to=onnx.TensorProto.FLOAT, out="values")
    n_outputs = form.n_outputs
    outputs = [("values", onnx.TensorProto.FLOAT, [None, n_outputs])]
    if spec.task != "regression":
        outputs.append(_decide(graph, spec, usable, decision))
    return graph.model(spec, outputs)


def _onnx_checker(spec: _ModelSpec) -> tuple[str, Checker]:
    """Return what runs the model, and a function that does."""
    try:
        import onnxruntime
    except ImportError:
        return "onnxruntime", _absent
    session: list[Any] = []

    def ask(question: Question) -> Decided:
        if not session:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            session.append(
                onnxruntime.InferenceSession(
                    _onnx_bytes(spec), options, providers=["CPUExecutionProvider"]
                )
            )
        said = session[0].run(None, {"X": _inputs(spec, question)})
        values = said[0].astype(np.float64)
        if spec.task == "regression":
            return Decided(values, np.zeros(len(values), dtype=np.int64))
        if spec.task == "multilabel":
            return Decided(values, said[1])
        place = {str(name): i for i, name in enumerate(_class_names(spec))}
        decided = [place.get(str(label), -1) for label in said[1].tolist()]
        return Decided(values, np.asarray(decided))

    return f"onnxruntime {onnxruntime.__version__}", ask


def _inputs(spec: _ModelSpec, question: Question) -> NDArray[Any]:
    """Return what a caller gives: codes, but numbers with a scale as they are."""
    if not _is_counted(spec):
        return question.codes
    inputs = question.codes.astype(np.float64)
    features = enumerate(spec.schema.features)
    scaled = [i for i, feature in features if feature.scale is not None]
    cells = question.cells(scaled)
    for place, column in zip(scaled, cells.values(), strict=True):
        inputs[:, place] = [np.nan if value is None else value for value in column]
    return inputs


def _absent(question: Question) -> Decided:
    raise NotChecked("the package onnxruntime is not installed")


def _counted(graph: _Graph, spec: _ModelSpec) -> str:
    """Turn numbers into codes, as `Scale.encode` does."""
    scales = [feature.scale or _SELF for feature in spec.schema.features]
    origin = graph.constant(np.asarray([float(scale.origin) for scale in scales]))
    unit = graph.constant(np.asarray([float(scale.unit) for scale in scales]))
    whole = graph.constant(np.asarray([scale.whole for scale in scales]))
    number = graph.add("Where", whole, graph.add("Ceil", "X"), "X")
    codes = graph.add("Div", graph.add("Sub", number, origin), unit)
    codes = graph.add("Where", whole, graph.add("Ceil", codes), codes)
    for sign, compare in ((1, "Greater"), (-1, "Less")):
        end = graph.constant(np.float64(sign * ALL_NUMBERS))
        codes = graph.add("Where", graph.add(compare, codes, end), end, codes)
    beyond = graph.add("Greater", graph.add("Abs", "X"), graph.constant(LARGEST))
    infinite = graph.constant(np.float64(np.inf))
    codes = graph.add("Where", beyond, infinite, codes)
    return graph.add("Cast", codes, to=graph.onnx.TensorProto.FLOAT)


def _usable(graph: _Graph, spec: _ModelSpec) -> str:
    """Tell for each row whether the student would take it, shape (n_samples, 1)."""
    if not spec.used:
        return graph.constant(np.ones((1, 1), dtype=bool))
    used = graph.add(
        "Gather", graph.codes, graph.constant(np.asarray(spec.used)), axis=1
    )
    features = [spec.schema.features[i] for i in spec.used]
    sizes = [len(feature.categories) for feature in features]
    low = np.asarray([0 if n else -ALL_NUMBERS for n in sizes], dtype=np.float32)
    high = np.asarray([n - 1 if n else ALL_NUMBERS for n in sizes], dtype=np.float32)
    kinds = np.asarray([n == 0 for n in sizes])
    above = graph.add("GreaterOrEqual", used, graph.constant(low))
    below = graph.add("LessOrEqual", used, graph.constant(high))
    whole = graph.add("Equal", used, graph.add("Floor", used))
    whole = graph.add("Or", whole, graph.constant(kinds))
    inside = graph.add("And", graph.add("And", above, below), whole)
    good = graph.add("Or", inside, graph.add("IsNaN", used))
    counted = graph.add("Cast", good, to=graph.onnx.TensorProto.FLOAT)
    least = graph.add("ReduceMin", counted, axes=[1], keepdims=1)
    return graph.add("Cast", least, to=graph.onnx.TensorProto.BOOL)


def _leaves(graph: _Graph, spec: _ModelSpec, nodes: Nodes) -> tuple[str, list[Any]]:
    """Find each tree's leaf: its number among that tree's, (n_samples, n_trees)."""
    tests = _Tests(graph, spec, nodes)
    leaves = []
    for tree in range(len(nodes.roots)):
        members = nodes.members(tree)
        leaves.append(members[nodes.is_leaf[members]])
        tests.add_tree(tree, members)
    found = graph.add(
        "TreeEnsembleRegressor",
        tests.matrix(),
        domain="ai.onnx.ml",
        n_targets=len(nodes.roots),
        aggregate_function="SUM",
        post_transform="NONE",
        **tests.attributes,
    )
    if max(map(len, leaves)) > _MOST_LEAVES:
        raise InputError("A tree of more than 16,777,216 leaves has no ONNX export.")
    return graph.add("Cast", found, to=graph.onnx.TensorProto.INT64), leaves


class _Tests:
    """The attributes of the ensemble, and the columns that its tests read.

    A test of categories becomes a column of its own, 0 where the row goes left and 1
    where it goes right: the operator knows no sets.
    """

    def __init__(self, graph: _Graph, spec: _ModelSpec, nodes: Nodes) -> None:
        self.graph, self.spec, self.nodes = graph, spec, nodes
        names = "treeids nodeids featureids hitrates modes values truenodeids"
        names += " falsenodeids missing_value_tracks_true"
        self.tests: dict[str, list[Any]] = {n: [] for n in names.split()}
        self.targets: dict[str, list[Any]] = {
            n: [] for n in ("treeids", "nodeids", "ids", "weights")
        }
        self.sides: dict[tuple[int, bytes], int] = {}
        n_given = len(spec.schema)
        self.scores = {score: n_given + i for i, score in enumerate(spec.scores)}

    @property
    def attributes(self) -> dict[str, Any]:
        """What the operator is told."""
        found = {f"nodes_{name}": values for name, values in self.tests.items()}
        return found | {f"target_{n}": values for n, values in self.targets.items()}

    def add_tree(self, tree: int, members: Any) -> None:
        """Add one tree; its leaves count from 0."""
        place = {int(node): i for i, node in enumerate(members)}
        leaf = 0
        for node in map(int, members):
            is_leaf = self.nodes.feature[node] < 0
            column, border, missing = (0, 0.0, 0) if is_leaf else self._test(node)
            left, right = int(self.nodes.left[node]), int(self.nodes.right[node])
            values = (
                tree,
                place[node],
                column,
                1.0,
                "LEAF" if is_leaf else "BRANCH_LEQ",
                border,
                0 if is_leaf else place[left],
                0 if is_leaf else place[right],
                missing,
            )
            for listed, value in zip(self.tests.values(), values, strict=True):
                listed.append(value)
            if is_leaf:
                said = (tree, place[node], tree, float(leaf))
                for listed, value in zip(self.targets.values(), said, strict=True):
                    listed.append(value)
                leaf += 1

    def matrix(self) -> str:
        """Return the name of the columns that the tests read."""
        columns = [self.graph.codes]
        if self.scores:
            columns.append(_scores(self.graph, self.spec))
        for position, sides in self.sides:
            size = len(sides)  # the last one is for missing
            table = np.frombuffer(sides, dtype=np.uint8).astype(np.float32)
            graph = self.graph
            code = graph.add(
                "Gather", graph.codes, graph.constant(np.asarray([position])), axis=1
            )
            gap = graph.add("IsNaN", code)
            last = graph.constant(np.float32(size - 1))
            filled = graph.add("Where", gap, last, code)
            zero = graph.constant(np.float32(0))
            filled = graph.add("Min", graph.add("Max", filled, zero), last)
            index = graph.add("Cast", filled, to=graph.onnx.TensorProto.INT64)
            columns.append(graph.add("Gather", graph.constant(table), index))
        if len(columns) == 1:
            return self.graph.codes
        return self.graph.add("Concat", *columns, axis=1)

    def _test(self, node: int) -> tuple[int, float, int]:
        tested = int(self.nodes.feature[node])
        missing = int(self.nodes.missing_left[node])
        if tested in self.scores:
            return self.scores[tested], float(self.nodes.threshold[node]), missing
        position = self.spec.given(tested)
        if not self.spec.schema.features[position].is_categorical:
            return position, float(self.nodes.threshold[node]), missing
        goes_right = [not left for left in self.nodes.left_set(node)]
        sides = bytes([*goes_right, not missing])
        column = self.sides.setdefault((position, sides), len(self.sides))
        return len(self.spec.schema) + len(self.scores) + column, 0.5, 0


def _scores(graph: _Graph, spec: _ModelSpec) -> str:
    """Add up all sums of points at once, term by term: (n_samples, n_scores).

    What a term adds up is a number or, of a set, 0 or 1 out of a table.
    """
    scores = list(spec.scores.values())
    to_double = {"to": graph.onnx.TensorProto.DOUBLE}
    total = graph.constant(np.zeros((1, len(scores))))
    for place in range(max(len(score.terms) for score in scores)):
        # A shorter sum goes on with nothing: 0 times its first column.
        terms = [
            (*score.terms, score.terms[0])[min(place, len(score.terms))]
            for score in scores
        ]
        weights = [
            (*score.weights, 0)[min(place, len(score.weights))] for score in scores
        ]
        columns = graph.constant(np.asarray([term.column for term in terms]))
        code = graph.add("Gather", graph.codes, columns, axis=1)
        gap = graph.add("IsNaN", code)
        fill = graph.constant(np.asarray([term.fill for term in terms]))
        number = graph.add("Where", gap, fill, graph.add("Cast", code, **to_double))
        counted = _of_sets(graph, spec, terms, code, gap, number)
        weight = graph.constant(np.asarray(weights, dtype=np.float64))
        total = graph.add("Add", total, graph.add("Mul", weight, counted))
    unit = graph.constant(np.asarray([float(score.unit) for score in scores]))
    value = graph.add("Div", total, unit)
    for limit, nearer in ((ALL_NUMBERS, "Min"), (-ALL_NUMBERS, "Max")):
        value = graph.add(nearer, value, graph.constant(np.float64(limit)))
    return graph.add("Cast", value, to=graph.onnx.TensorProto.FLOAT)


def _of_sets(
    graph: _Graph, spec: _ModelSpec, terms: list[Term], code: str, gap: str, number: str
) -> str:
    """Take 1 or 0 for the terms that are sets: whether the category is in it."""
    if not any(term.is_set for term in terms):
        return number
    tables = [_table(spec, term) for term in terms]
    sizes = np.asarray([len(table) for table in tables])
    start = graph.constant((np.cumsum(sizes) - sizes).astype(np.float32))
    last = graph.constant((sizes - 1).astype(np.float32))
    most = graph.constant((sizes - 2).astype(np.float32))
    zero = graph.constant(np.float32(0))
    inside = graph.add("Max", graph.add("Min", code, most), zero)
    place = graph.add("Add", graph.add("Where", gap, last, inside), start)
    index = graph.add("Cast", place, to=graph.onnx.TensorProto.INT64)
    flags = graph.add("Gather", graph.constant(np.concatenate(tables)), index)
    is_set = graph.constant(np.asarray([term.is_set for term in terms]))
    return graph.add("Where", is_set, flags, number)


def _table(spec: _ModelSpec, term: Term) -> NDArray[np.float64]:
    """Return by category, and at the end for missing, whether it is in the set."""
    n_categories = len(spec.schema.features[term.column].categories)
    table = np.zeros(max(n_categories, 1) + 1)
    table[list(term.categories or ())] = 1.0
    table[-1] = term.missing
    return table


def _tree(graph: _Graph, spec: _ModelSpec, tree: Tree) -> tuple[str, str]:
    found, leaves = _leaves(graph, spec, tree.nodes)
    values, decisions = spec.results(tree.value[leaves[0]])
    flat = graph.add("Squeeze", found, graph.constant(np.asarray([1])))
    said = graph.add("Gather", graph.constant(values), flat, axis=0)
    return said, graph.add("Gather", graph.constant(decisions), flat, axis=0)


def _forest(graph: _Graph, spec: _ModelSpec, forest: Forest) -> str:
    found, leaves = _leaves(graph, spec, forest.nodes)
    sizes = [len(listed) for listed in leaves]
    starts = np.cumsum([0, *sizes[:-1]])
    table = forest.value[np.concatenate(leaves)].astype(np.float64)
    index = graph.add("Add", found, graph.constant(starts.astype(np.int64)))
    added = graph.add("Gather", graph.constant(table), index)
    owner = np.eye(forest.n_outputs)[forest.column]
    sums = graph.add("MatMul", added, graph.constant(owner))
    return graph.add("Add", sums, graph.constant(np.array(forest.base)))


def _linear(graph: _Graph, spec: _ModelSpec, linear: Linear) -> str:
    columns = spec.schema.columns(indicate_missing=True)
    features = np.asarray([column.feature for column in columns])
    parts = np.asarray([column.part for column in columns])
    spread = graph.add("Gather", graph.codes, graph.constant(features), axis=1)
    gap = graph.add("IsNaN", spread)
    to_double = {"to": graph.onnx.TensorProto.DOUBLE}
    number = graph.add("Cast", spread, **to_double)
    number = graph.add("Where", gap, graph.constant(np.array(linear.fill)), number)
    number = graph.add(  # what is refused must not spoil the sums of other columns
        "Where", graph.constant(parts == VALUE), number, graph.constant(np.float64(0))
    )
    level = graph.constant(parts.astype(np.float32))
    equal = graph.add(
        "And", graph.add("Equal", spread, level), graph.constant(parts >= 0)
    )
    missing = graph.add("And", gap, graph.constant(parts == MISSING))
    flag = graph.add("Cast", graph.add("Or", equal, missing), **to_double)
    matrix = graph.add("Add", number, flag)
    weights = graph.constant(np.array(linear.coefficients))
    sums = graph.add("MatMul", matrix, weights)
    return graph.add("Add", sums, graph.constant(np.array(linear.intercept)))


def _meaning(graph: _Graph, spec: _ModelSpec, sums: str) -> tuple[str, str]:
    """From sums to probabilities and logits, in the student's own steps."""
    target, z = spec.target, sums
    if spec.link == "softmax":
        z = _softmax(graph, z)
    elif spec.link == "sigmoid":
        z = _sigmoid(graph, z)
    if target.kind != "logits":
        z = graph.add("Max", z, graph.constant(np.float64(SMALLEST)))
        if target.task == "multilabel":
            z = graph.add("Min", z, graph.constant(np.float64(1 - SMALLEST)))
            rest = graph.add("Sub", graph.constant(np.float64(1)), z)
            z = graph.add("Sub", graph.add("Log", z), graph.add("Log", rest))
        else:
            z = graph.add("Log", z)
        factor = target.temperature if target.kind == "soft" else 1.0
        z = graph.add("Mul", z, graph.constant(np.float64(factor)))
    if target.task == "regression":
        return z, z
    if target.task == "multilabel":
        on = graph.add("Greater", z, graph.constant(np.float64(0)))
        flags = graph.add("Cast", on, to=graph.onnx.TensorProto.INT64)
        return _sigmoid(graph, z), flags
    return _softmax(graph, z), graph.add("ArgMax", z, axis=1, keepdims=0)


def _softmax(graph: _Graph, z: str) -> str:
    top = graph.add("ReduceMax", z, axes=[1], keepdims=1)
    power = graph.add("Exp", graph.add("Sub", z, top))
    axes = graph.constant(np.asarray([1]))
    return graph.add("Div", power, graph.add("ReduceSum", power, axes, keepdims=1))


def _sigmoid(graph: _Graph, z: str) -> str:
    """Return 1 / (1 + exp(-z)); far out that is 0 or 1, as it should be."""
    power = graph.add("Exp", graph.add("Neg", z))
    one = graph.constant(np.float64(1))
    return graph.add("Div", one, graph.add("Add", one, power))


def _decide(graph: _Graph, spec: _ModelSpec, usable: str, decision: str) -> Any:
    kinds = graph.onnx.TensorProto
    if spec.task == "multilabel":
        minus = graph.constant(np.int64(-1))
        graph.add("Where", usable, decision, minus, out="decision")
        return "decision", kinds.INT64, [None, len(spec.labels)]
    names = _class_names(spec)
    refused = min(-1, min(names) - 1) if isinstance(names[0], int) else ""
    table = graph.constant(np.asarray([*names, refused]))
    flat = graph.add("Squeeze", usable, graph.constant(np.asarray([1])))
    beyond = graph.constant(np.int64(len(names)))
    index = graph.add("Where", flat, decision, beyond)
    graph.add("Gather", table, index, out="decision")
    kind = kinds.INT64 if isinstance(names[0], int) else kinds.STRING
    return "decision", kind, [None]


def _class_names(spec: _ModelSpec) -> list[Any]:
    """Return whole numbers if all classes are, else texts."""
    if all(type(label) is int and abs(label) < 2**63 for label in spec.labels):
        return list(spec.labels)
    return [str(label) for label in spec.labels]
