"""A student as one C99 file without allocation, and without state."""

import ctypes
import shutil
import string
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from interpretkd._base import InputError, one_line
from interpretkd.data import MISSING, VALUE, Codes, Feature
from interpretkd.export._parity import Checker, Decided, NotChecked, ParityError
from interpretkd.export._question import Question
from interpretkd.export._scores import _c_scores
from interpretkd.export._specification import (
    LARGEST,
    SMALLEST,
    _check_texts,
    _double_threshold,
    _ModelSpec,
)
from interpretkd.models import ALL_NUMBERS, Forest, Linear, Nodes, Tree

_COMPILERS = ("cc", "gcc", "clang")
_MOST_NESTED = 24
_PATIENCE = 120
"""Seconds for the compiler."""


def _c_text(spec: _ModelSpec, *, name: str = "student") -> str:
    """Write a student as one C file.

    A row is an array of float, one a column of the schema: numbers as they are,
    categories as the positions that ``NAME_category`` returns, NaN for missing. The
    functions are listed at the file's top. A row that the student would refuse (an
    infinite number, a position out of range) is answered by -1. The file
    needs the mathematical library (-lm).
    """
    _check_texts(spec)
    known = isinstance(name, str) and name.isascii() and name.isidentifier()
    if not known or name.startswith("_"):
        raise InputError(
            "The 'name' parameter of c_text must be a C identifier that does not begin "
            f"with an underscore. Got {name!r}."
        )
    lines = [*_head(spec, name), *_names(spec, name)]
    lines += [*_number(spec, name), *_usable(spec, name)]
    form = spec.form
    if isinstance(form, Tree):
        lines += _tree(spec, form, name)
    else:
        write: Any = _forest if isinstance(form, Forest) else _linear
        lines += [*write(spec, form, name), *_meaning(spec, name)]
    return "\n".join([*lines, *_decide(spec, name)]) + "\n"


def _c_checker(spec: _ModelSpec, *, name: str = "student") -> tuple[str, Checker]:
    """Return what compiles the file, and a function that runs it."""
    compiler = next(filter(None, map(shutil.which, _COMPILERS)), None)
    compiled: list[Any] = []

    def ask(question: Question) -> Decided:
        if compiler is None:
            raise NotChecked("no C compiler was found")
        if not compiled:
            compiled.append(_compile(compiler, _c_text(spec, name=name)))
        library = compiled[0]
        return _run(spec, library, name, _read_rows(spec, library, name, question))

    by = "no C compiler" if compiler is None else f"C by {Path(compiler).name}"
    return by, ask


def _compile(compiler: str, text: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        done = _built(compiler, Path(folder), text)
        if done.returncode:
            if _built(compiler, Path(folder), _TRIAL).returncode:
                raise NotChecked(f"the C compiler {compiler} does not work")
            said = done.stderr.strip().splitlines()[:1]
            raise ParityError(
                f"Nothing was written: the C compiler refused it ({''.join(said)})."
            )
        return ctypes.CDLL(str(Path(folder) / "student.so"))


_TRIAL = "#include <math.h>\nint student(void);\nint student(void) { return 1; }"


def _built(
    compiler: str, folder: Path, text: str
) -> "subprocess.CompletedProcess[str]":
    source = folder / "student.c"
    source.write_text(text, encoding="utf-8")
    command = [compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    command += ["-O0", "-o", str(folder / "student.so"), str(source), "-lm"]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotChecked(
            f"the C compiler took more than {_PATIENCE} seconds"
        ) from error


def _read_rows(spec: _ModelSpec, library: Any, name: str, question: Question) -> Codes:
    """Return codes, those of numbers with a scale as C counts them."""
    codes = question.codes.copy()
    for column, cells in question.cells(list(_scales(spec))).items():
        place = spec.schema.names.index(column)
        number = library[f"{name}_number"]
        number.argtypes, number.restype = (
            (ctypes.c_int, ctypes.c_double),
            ctypes.c_float,
        )
        values = [np.nan if value is None else value for value in cells]
        codes[:, place] = [number(place, value) for value in values]
    return codes


def _run(spec: _ModelSpec, library: Any, name: str, codes: Codes) -> Decided:
    category, values_of = library[f"{name}_category"], library[f"{name}_values"]
    row_type, out_type = ctypes.POINTER(ctypes.c_float), ctypes.POINTER(ctypes.c_double)
    for position in spec.used:  # the texts that a caller has must find their codes
        for i, level in enumerate(spec.schema.features[position].categories):
            said = category(position, str(level).encode())
            if said != i:
                raise ParityError(
                    f"Nothing was written: in C {level!r} is category {said}, not {i}."
                )
    n_outputs = spec.form.n_outputs
    values = np.full((len(codes), n_outputs), np.nan)
    decisions = np.zeros(len(codes), dtype=np.int64)
    flags = np.zeros((len(codes), n_outputs), dtype=np.int32)
    for i, row in enumerate(np.ascontiguousarray(codes, dtype=np.float32)):
        x = row.ctypes.data_as(row_type)
        values_of(x, values[i].ctypes.data_as(out_type))
        if spec.task == "multiclass":
            decisions[i] = library[f"{name}_decide"](x)
        elif spec.task == "multilabel":
            on = flags[i].ctypes.data_as(ctypes.POINTER(ctypes.c_int))
            if library[f"{name}_decide"](x, on):
                flags[i] = -1
    return Decided(values, flags if spec.task == "multilabel" else decisions)


def _head(spec: _ModelSpec, name: str) -> Iterator[str]:
    yield "/* A student of interpretkd."
    yield ""
    yield f"   int {name}_category(int column, const char *text);"
    yield "       the code of a category (-1: not seen in training)"
    if _scales(spec):
        yield f"   float {name}_number(int column, double value);"
        yield "       the code of a number, for the columns that say so"
    what = "the values" if spec.task == "regression" else "the probabilities"
    yield f"   int {name}_values(const float *x, double *out);"
    yield f"       {what}, {spec.form.n_outputs} of them; 0, or -1 for a refused row"
    if spec.task == "multiclass":
        yield f"   int {name}_decide(const float *x);"
        yield f"       the position in {name}_LABELS, or -1 for a refused row"
    elif spec.task == "multilabel":
        yield f"   int {name}_decide(const float *x, int *out);"
        yield "       1 for each label that is on; 0, or -1 for a refused row"
    yield ""
    yield f"   x has {len(spec.schema)} floats, NAN for a missing value. Those read:"
    for position in spec.used:
        yield f"   x[{position}]  {_comment(spec.schema.features[position])}"
    yield "   Do not compile it with -ffast-math: that takes NAN away."
    yield "*/"
    yield "#include <float.h>"
    yield "#include <math.h>"
    yield "#include <string.h>"
    yield ""


def _scales(spec: _ModelSpec) -> dict[int, Any]:
    features = {i: spec.schema.features[i] for i in spec.used}
    return {i: f.scale for i, f in features.items() if f.scale is not None}


def _number(spec: _ModelSpec, name: str) -> Iterator[str]:
    """Write what counts the numbers that float does not hold."""
    if not _scales(spec):
        return
    yield f"float {name}_number(int column, double value)"
    yield "{"
    yield f"    if (fabs(value) > {_double(LARGEST)}) return (float)HUGE_VAL;"
    yield "    switch (column) {"
    for position, scale in _scales(spec).items():
        up = "ceil" if scale.whole else ""
        origin, unit = _double(float(scale.origin)), _double(float(scale.unit))
        yield f"    case {position}: value = {up}(({up}(value) - {origin}) / {unit});"
        yield "        break;"
    yield "    default: break;"
    yield "    }"
    most = _double(ALL_NUMBERS)
    yield f"    if (value > {most}) value = {most};"
    yield f"    if (value < -{most}) value = -{most};"
    yield "    return (float)value;"
    yield "}"
    yield ""


def _comment(feature: Feature) -> str:
    text = one_line(feature.name)
    if feature.scale is not None:
        text += ", a number's code"
    if feature.is_categorical:
        text += ", a category"
    elif feature.kind == "date":
        calendar: Any = feature.calendar
        text += (
            f", whole {calendar.unit}s since 1970-01-01 (UTC) less {calendar.origin}"
        )
    return text.replace("*/", "* /").replace("/*", "/ *").replace("??/", "?? /")


def _names(spec: _ModelSpec, name: str) -> Iterator[str]:
    labels = ", ".join(_string(str(label)) for label in spec.labels)
    yield f"const char *const {name}_LABELS[{len(spec.labels)}] = {{{labels}}};"
    yield ""
    for position in spec.used:
        feature = spec.schema.features[position]
        if feature.is_categorical:
            levels = ", ".join(_string(str(level)) for level in feature.categories)
            size = len(feature.categories)
            yield f"static const char *const {name}_levels_{position}[{size}] = {{"
            yield f"    {levels}}};"
    yield ""
    yield f"int {name}_category(int column, const char *text)"
    yield "{"
    yield "    const char *const *levels = NULL;"
    yield "    int i, n = 0;"
    yield "    switch (column) {"
    for position in spec.used:
        size = len(spec.schema.features[position].categories)
        if size:
            yield f"    case {position}: levels = {name}_levels_{position}; n = {size};"
            yield "        break;"
    yield "    default: break;"
    yield "    }"
    yield "    for (i = 0; i < n; i++)"
    yield "        if (strcmp(levels[i], text) == 0) return i;"
    yield "    return -1;"
    yield "}"
    yield ""


def _usable(spec: _ModelSpec, name: str) -> Iterator[str]:
    yield f"static int {name}_usable(const float *x)"
    yield "{"
    yield "    (void)x;"
    for position in spec.used:
        size = len(spec.schema.features[position].categories)
        x = f"x[{position}]"
        if size:
            fits = f"{x} >= 0.0f && {x} < {size}.0f && {x} == floorf({x})"
        else:
            fits = f"{x} >= -FLT_MAX && {x} <= FLT_MAX"
        yield f"    if (!isnan({x}) && !({fits})) return 0;"
    yield "    return 1;"
    yield "}"
    yield ""


def _tree(spec: _ModelSpec, tree: Tree, name: str) -> Iterator[str]:
    leaves = np.flatnonzero(tree.nodes.is_leaf)
    place = {int(leaf): i for i, leaf in enumerate(leaves)}
    values, decisions = spec.results(tree.value[leaves])
    n_leaves, n_outputs = values.shape
    yield f"static const double {name}_leaf_values[{n_leaves}][{n_outputs}] = {{"
    for row in values.tolist():
        yield f"    {{{', '.join(map(_double, row))}}},"
    yield "};"
    if spec.task == "multiclass":
        listed = ", ".join(map(str, decisions.tolist()))
        yield f"static const int {name}_leaf_decisions[{n_leaves}] = {{{listed}}};"
    elif spec.task == "multilabel":
        yield f"static const int {name}_leaf_decisions[{n_leaves}][{n_outputs}] = {{"
        for row in decisions.tolist():
            yield f"    {{{', '.join(map(str, row))}}},"
        yield "};"
    yield ""
    yield from _c_scores(spec, f"{name}_leaf")
    yield from _walk(
        spec, tree.nodes, 0, f"{name}_leaf", "int", lambda node: str(place[node])
    )
    yield f"int {name}_values(const float *x, double *out)"
    yield "{"
    yield f"    if (!{name}_usable(x)) return -1;"
    yield f"    memcpy(out, {name}_leaf_values[{name}_leaf(x)], "
    yield f"           {n_outputs} * sizeof *out);"
    yield "    return 0;"
    yield "}"
    yield ""


def _forest(spec: _ModelSpec, forest: Forest, name: str) -> Iterator[str]:
    def value(node: int) -> str:
        return _double(float(forest.value[node]))

    for tree in range(forest.n_trees):
        called = f"{name}_tree_{tree}"
        yield from _walk(spec, forest.nodes, tree, called, "double", value)
    yield f"static void {name}_sums(const float *x, double *out)"
    yield "{"
    for k, start in enumerate(forest.base.tolist()):
        yield f"    out[{k}] = {_double(start)};"
    for tree, column in enumerate(forest.column):
        yield f"    out[{column}] += {name}_tree_{tree}(x);"
    yield "}"
    yield ""


def _linear(spec: _ModelSpec, linear: Linear, name: str) -> Iterator[str]:
    yield f"static void {name}_sums(const float *x, double *out)"
    yield "{"
    yield "    (void)x;"
    for k, start in enumerate(linear.intercept.tolist()):
        yield f"    out[{k}] = {_double(start)};"
    for i, column in enumerate(spec.schema.columns(indicate_missing=True)):
        x = f"x[{column.feature}]"
        for k, weight in enumerate(linear.coefficients[i].tolist()):
            if weight == 0:
                continue
            if column.part == VALUE:
                fill = _double(float(linear.fill[i]))
                term = f"{_double(weight)} * (isnan({x}) ? {fill} : (double){x})"
            elif column.part == MISSING:
                term = f"isnan({x}) ? {_double(weight)} : 0.0"
            else:
                term = f"{x} == {column.part}.0f ? {_double(weight)} : 0.0"
            yield f"    out[{k}] += {term};"
    yield "}"
    yield ""


def _walk(
    spec: _ModelSpec,
    nodes: Nodes,
    tree: int,
    name: str,
    kind: str,
    say: Callable[[int], str],
) -> Iterator[str]:
    """Write a function of one tree; what lies deep goes on in another function."""
    waiting, written = [(int(nodes.roots[tree]), name)], []
    while waiting:
        root, called = waiting.pop()
        below: list[tuple[int, str]] = []
        lines = [f"static {kind} {called}(const float *x)", "{", "    (void)x;"]
        lines += _branch(spec, nodes, root, 1, say, name, below)
        written.append([*lines, "}", ""])
        waiting += below
    for lines in reversed(written):  # a function comes before its callers
        yield from lines


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
        yield f"{pad}return {say(node)};"
        return
    if depth > _MOST_NESTED:
        below.append((node, f"{name}_{node}"))
        yield f"{pad}return {name}_{node}(x);"
        return
    yield f"{pad}if ({_test(spec, nodes, node, name)}) {{"
    left, right = int(nodes.left[node]), int(nodes.right[node])
    yield from _branch(spec, nodes, left, depth + 1, say, name, below)
    yield f"{pad}}} else {{"
    yield from _branch(spec, nodes, right, depth + 1, say, name, below)
    yield f"{pad}}}"


def _test(spec: _ModelSpec, nodes: Nodes, node: int, name: str) -> str:
    tested = int(nodes.feature[node])
    if tested in spec.scores:
        border = _double_threshold(float(nodes.threshold[node]))
        return f"{name}_score_{tested}(x) <= {_double(border)}"
    position = spec.given(tested)
    x = f"x[{position}]"
    if spec.schema.features[position].is_categorical:
        chosen = np.flatnonzero(nodes.left_set(node)).tolist()
        passes = " || ".join(f"{x} == {i}.0f" for i in chosen) or "0"
    elif nodes.threshold[node] >= np.float32(ALL_NUMBERS):
        passes = "1"
    else:
        passes = f"{x} <= {float(nodes.threshold[node]).hex()}f"
    if nodes.missing_left[node]:
        return f"isnan({x}) || {passes}"
    return f"!isnan({x}) && ({passes})"


def _meaning(spec: _ModelSpec, name: str) -> Iterator[str]:
    """From sums to logits and probabilities, in the student's own steps."""
    n = spec.form.n_outputs
    if spec.link == "softmax" or spec.task == "multiclass":
        yield f"static void {name}_softmax(double *z)"
        yield "{"
        yield "    double top = z[0], total = 0.0;"
        yield "    int k;"
        yield f"    for (k = 1; k < {n}; k++) if (z[k] > top) top = z[k];"
        yield f"    for (k = 0; k < {n}; k++) total += exp(z[k] - top);"
        yield "    total = log(total);"
        yield f"    for (k = 0; k < {n}; k++) z[k] = exp(z[k] - top - total);"
        yield "}"
        yield ""
    if spec.link == "sigmoid" or spec.task == "multilabel":
        yield f"static void {name}_sigmoid(double *z)"
        yield "{"
        yield "    int k;"
        yield f"    for (k = 0; k < {n}; k++)"
        yield "        z[k] = 0.5 * (1.0 + tanh(0.5 * z[k]));"
        yield "}"
        yield ""
    yield f"static int {name}_logits(const float *x, double *z)"
    yield "{"
    yield f"    if (!{name}_usable(x)) return -1;"
    yield f"    {name}_sums(x, z);"
    if spec.link != "identity":
        yield f"    {name}_{spec.link}(z);"
    target = spec.target
    if target.kind != "logits":
        factor = _double(float(target.temperature if target.kind == "soft" else 1.0))
        yield f"    for (int k = 0; k < {n}; k++) {{"
        yield f"        z[k] = fmax(z[k], {_double(SMALLEST)});"
        if target.task == "multilabel":
            yield f"        z[k] = fmin(z[k], {_double(1 - SMALLEST)});"
            yield f"        z[k] = {factor} * (log(z[k]) - log1p(-z[k]));"
        else:
            yield f"        z[k] = {factor} * log(z[k]);"
        yield "    }"
    yield "    return 0;"
    yield "}"
    yield ""
    yield f"int {name}_values(const float *x, double *out)"
    yield "{"
    yield f"    if ({name}_logits(x, out)) return -1;"
    if spec.task != "regression":
        last = "softmax" if spec.task == "multiclass" else "sigmoid"
        yield f"    {name}_{last}(out);"
    yield "    return 0;"
    yield "}"
    yield ""


def _decide(spec: _ModelSpec, name: str) -> Iterator[str]:
    n, from_leaf = spec.form.n_outputs, isinstance(spec.form, Tree)
    if spec.task == "regression":
        return
    many = spec.task == "multilabel"
    yield f"int {name}_decide(const float *x{', int *out' if many else ''})"
    yield "{"
    if from_leaf:
        yield f"    if (!{name}_usable(x)) return -1;"
        leaf = f"{name}_leaf_decisions[{name}_leaf(x)]"
        if many:
            yield f"    memcpy(out, {leaf}, {n} * sizeof *out);"
        yield f"    return {0 if many else leaf};"
    else:
        yield f"    double z[{n}];"
        yield "    int k, best = 0;"
        yield f"    if ({name}_logits(x, z)) return -1;"
        change = "out[k] = z[k] > 0.0" if many else "if (z[k] > z[best]) best = k"
        yield f"    for (k = 0; k < {n}; k++) {change};"
        yield "    return best;"
    yield "}"


def _double(value: float) -> str:
    return repr(value)


def _string(text: str) -> str:
    """Write a text in which nothing is left that C could read in another way."""
    safe = string.ascii_letters + string.digits + " _.,:;()<>=-"
    inside = [chr(b) if chr(b) in safe else f"\\{b:03o}" for b in text.encode()]
    return f'"{"".join(inside)}"'
