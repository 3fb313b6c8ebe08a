"""Exports: a student in another language, proved equal to it before it is written."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import (
    Array,
    InputError,
    Shown,
    check_choice,
    counted,
    csv_text,
    write_atomically,
)
from interpretkd.data import Rows, as_frame
from interpretkd.drawing import tree_diagram
from interpretkd.export._parity import Checker, Parity, _asked, check
from interpretkd.export._read_pmml import _pmml_checker
from interpretkd.export._specification import _form_kind, _model_spec, _ModelSpec
from interpretkd.export._sql.checker import _sql_checker
from interpretkd.export._sql.dialects import DIALECTS
from interpretkd.export._sql.statement import _sql_text
from interpretkd.export._to_c import _c_checker, _c_text
from interpretkd.export._to_json import _json_checker, _json_text
from interpretkd.export._to_onnx import _onnx_bytes, _onnx_checker
from interpretkd.export._to_pmml import _pmml_text
from interpretkd.export._to_python import _python_checker, _python_text
from interpretkd.models import Tree, check_reads_given, rows_seen
from interpretkd.rules import RuleSet, extract_rules

EXPORTS = ("sql", "python", "c", "json", "onnx", "pmml", "dot", "csv")
"""The formats, by the names that the command line gives them."""

_ENDINGS = {"python": "py"}
_IN_WORDS = {"tree": "tree", "forest": "sum of trees", "linear": "linear model"}
_LONGEST = 300
"""Letters of what a library says."""
_ROUNDED = 1e-6
"""ONNX says its values in float32."""


@dataclass(frozen=True, eq=False, repr=False)
class Export(Shown):
    """A student in another language.

    Parameters
    ----------
    to : str
        The format, out of `EXPORTS`.
    content : bytes
        The file.
    parity : Parity
        How it was compared with the student.
    """

    to: str
    content: bytes
    parity: Parity

    def __str__(self) -> str:
        return str(self.parity)

    @property
    def _headline(self) -> str:
        return f"{self.to}, {counted(len(self.content), 'byte')}; {self.parity}"

    @property
    def text(self) -> str:
        """The file as text.

        Raises
        ------
        InputError
            For ONNX, which is no text.
        """
        if self.to == "onnx":
            raise InputError("An ONNX file is no text: take its 'content'.")
        return self.content.decode()

    @property
    def ending(self) -> str:
        """How a file of this format is called: "sql", "py", "c", ..."""
        return _ENDINGS.get(self.to, self.to)

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the file, whole or not at all.

        Parameters
        ----------
        path : str or path
            The file; one that is there is replaced.

        Returns
        -------
        Path
            The file.
        """
        target = Path(path)
        write_atomically(target, self.content)
        return target


def export_student(
    model: Any,
    to: str,
    X: Rows | None = None,
    *,
    dialect: str = "sqlite",
    table: str = "rows",
    keep: list[str] | None = None,
    name: str = "student",
) -> Export:
    """Write a student in another language and check that it decides the same.

    The check runs what was written - SQL in SQLite or DuckDB, C by a compiler, ONNX in
    onnxruntime - on the given rows and on rows made from the student's own thresholds:
    on each, one float32 and one float64 step beside it, missing, every category; very
    small and very large numbers; and rows that the student refuses, such as those of a
    category that it has not seen. What an export does with these: SQL says NULL in all
    columns of the answer, Python raises ValueError, C returns -1, ONNX says NaN, and
    -1 or "" for the class; PMML calls the value invalid. Columns that the student does
    not read are not looked at.

    Parameters
    ----------
    model : DistilledClassifier, DistilledRegressor, student, Tree, Forest or Linear
        What to export. A student by itself knows no classes: it is exported as values.
    to : {"sql", "python", "c", "json", "onnx", "pmml", "dot", "csv"}
        The format. "dot" and "csv" (the rules) are for trees.
    X : array-like or frame of shape (n_samples, n_features), default=None
        Rows to check on, best the evaluation rows; None leaves the made ones.
    dialect : {"sqlite", "postgresql", "duckdb"}, default="sqlite"
        Of SQL.
    table : str, default="rows"
        Of SQL: the table that holds the rows, its schema before a dot if it has one. A
        name that holds a dot itself stands in double quotes, such as '"a.b"'.
    keep : list of str, default=None
        Of SQL: the columns of the table beside the predictions, such as an id; None
        for those that the student reads.
    name : str, default="student"
        Of C: what every name begins with.

    Returns
    -------
    Export
        The file's content and the outcome of the check, as a sentence with ``str``.

    Raises
    ------
    InputError
        For a format that cannot hold this student, and whatever else its libraries
        refuse; the text says why.
    ParityError
        When any row comes out otherwise.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from interpretkd.distillation import DistilledClassifier
    >>> from interpretkd.students import CartStudent
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    >>> model = DistilledClassifier(teacher, CartStudent(3), random_state=0).fit(X)
    >>> print(export_student(model, "sql", X))
    150 of 150 rows equal, 52 of 52 made-up rows equal (checked in SQLite ...)
    """
    check_choice("export_student", "to", to, EXPORTS)
    check_choice("export_student", "dialect", dialect, DIALECTS)
    if to not in ("dot", "csv"):  # a picture and rules name the columns they are about
        check_reads_given("An export", model)
    with _in_a_sentence(to):
        spec = _model_spec(model)
        frame = as_frame(X)
        rows = X if frame is None else frame
        if to == "csv" and rows is not None:
            rows = rows_seen(model, rows)
        if to in ("dot", "csv"):
            return _of_tree(model, spec, to, rows)
        settings = {"dialect": dialect, "table": table, "keep": keep}
        return _of_any(spec, to, rows, name, settings)


@contextmanager
def _in_a_sentence(to: str) -> Iterator[None]:
    """Turn what a library of the format raises into a sentence of ours."""
    try:
        yield
    except InputError:
        raise
    except RecursionError as error:
        raise InputError(
            f"The student is too deep for {to}: export it to another format."
        ) from error
    except Exception as error:  # whatever onnx, DuckDB or a compiler's run may raise
        said = " ".join(str(error).split())[:_LONGEST]
        raise InputError(
            f"The student cannot be exported to {to}: {type(error).__name__}, {said}"
        ) from error


def _of_any(
    spec: _ModelSpec, to: str, rows: Rows | None, name: str, settings: dict[str, Any]
) -> Export:
    writers: Mapping[str, tuple[Callable[[], str | bytes], Callable[..., Any]]] = {
        "sql": (
            lambda: _sql_text(spec, numbers=_numbers(spec, rows), **settings) + ";\n",
            lambda: _sql_checker(spec, settings["dialect"]),
        ),
        "python": (lambda: _python_text(spec), lambda: _python_checker(spec)),
        "c": (lambda: _c_text(spec, name=name), lambda: _c_checker(spec, name=name)),
        "json": (lambda: _json_text(spec), lambda: _json_checker(spec)),
        "onnx": (lambda: _onnx_bytes(spec), lambda: _onnx_checker(spec)),
        "pmml": (lambda: _pmml_text(spec), lambda: _pmml_checker(spec)),
    }
    write, checker = writers[to]
    written = write()
    by, ask = checker()
    allowed = {"allowed": _ROUNDED} if to == "onnx" else {}
    parity = check(spec, by, ask, rows, **allowed)
    content = written.encode() if isinstance(written, str) else written
    return Export(to, content, parity)


def _numbers(spec: _ModelSpec, rows: Rows | None) -> dict[int, int]:
    """Return the numbers of a tree's rules, as the rules of these rows have them."""
    if not isinstance(spec.form, Tree):
        return {}
    return {rule.leaf: rule.number for rule in extract_rules(spec.form, rows)}


def _of_tree(model: Any, spec: _ModelSpec, to: str, rows: Rows | None) -> Export:
    if not isinstance(spec.form, Tree):
        what = "a diagram" if to == "dot" else "a table of rules"
        kind = _IN_WORDS[_form_kind(spec.form)]
        raise InputError(
            f"Only a tree is {what}, and this student is a {kind}: "
            "export it to another format."
        )
    if to == "dot":
        drawn: str = tree_diagram(model).source
        return Export(to, drawn.encode(), Parity(reason="a DOT file is a picture"))
    rules = extract_rules(model)
    parity = check(spec, "interpretkd's own rules", _rules_checker(spec, rules), rows)
    return Export(to, csv_text(rules.to_frame()).encode(), parity)


def _rules_checker(spec: _ModelSpec, rules: RuleSet) -> Checker:
    """Ask the rules which leaf a row belongs to, by their conditions alone."""
    form: Any = spec.form
    leaves = np.asarray([rule.leaf for rule in rules])
    values, decisions = spec.results(form.value)

    def predict(rows: Rows) -> tuple[Array, NDArray[Any]]:
        found = leaves[rules.apply(rows)]
        return values[found], decisions[found]

    return lambda question: _asked(question, predict)
