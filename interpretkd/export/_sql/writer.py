"""What all parts of one statement share: names, values, the columns that are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interpretkd._base import InputError, one_line
from interpretkd.data import Feature
from interpretkd.export._specification import _border_of, _ModelSpec
from interpretkd.export._sql.columns import _cleaned, _date_note, _end
from interpretkd.export._sql.dialects import _border, _double_type, _literal
from interpretkd.export._sql.names import (
    _fresh,
    _names_in_table,
    _neutral_names,
    _quoted,
    _short_name,
    _table_name,
)
from interpretkd.export._sql.scores import _score_sql
from interpretkd.models import ALL_NUMBERS, Linear, Nodes

_MOST_NESTED = 8
"""SQLite's parser gives up at about twenty CASEs within one another."""
_DEEPEST = 300
"""SQLite and DuckDB refuse expressions deeper than 1,000."""
_OWN = ("refused", "leaf", "rule", "top", "total", "decided")
"""Columns of the steps; further ones have a space in their names."""


@dataclass
class _Writer:
    """What all parts of one statement share.

    Parameters
    ----------
    spec : ModelSpec
        The student.
    dialect : str
        Out of `DIALECTS`.
    table : str
        The table, its schema before a dot.
    keep : list of str
        The columns beside the predictions.
    in_table : mapping of str to str
        Under which name the table holds each column; empty for the dialect's.
    """

    spec: _ModelSpec
    dialect: str
    table: str
    keep: list[str]
    in_table: Mapping[str, str]
    stages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = self.spec.schema.names
        self.source = f"{_table_name(self.table)} AS t"
        self.in_table = self.in_table or _names_in_table(names, self.dialect)
        self.alias = _neutral_names(names, _OWN)
        self.kept = [f"kept {i}" for i in range(len(self.keep))]
        self.sums = [f"sum {i}" for i in range(self.spec.form.n_outputs)]
        self.prefix = "student"
        while self.table.casefold().startswith(self.prefix):
            self.prefix += "_"

    @property
    def double(self) -> str:
        """The type of float64."""
        return _double_type(self.dialect)

    @property
    def used(self) -> list[Feature]:
        """The features that the form reads."""
        return [self.spec.schema.features[i] for i in self.spec.used]

    @property
    def read(self) -> list[str]:
        """What is written for each column that the form reads, behind its name."""
        return [self.column(feature) for feature in self.used]

    @property
    def carried(self) -> list[str]:
        """The columns to keep, as every step has them."""
        return [_quoted(name) for name in self.kept]

    @property
    def restored(self) -> list[str]:
        """The columns to keep, under their own names again."""
        return [
            f"w.{_quoted(alias)} AS {_quoted(self._named(name))}"
            for alias, name in zip(self.kept, self.keep, strict=True)
        ]

    def column(self, feature: Feature) -> str:
        """Name a column as the steps do."""
        return _quoted(self.alias[feature.name])

    def tested(self, position: int) -> str:
        """Name a column that is tested: one that is read, or a sum."""
        if position in self.spec.scores:
            return _quoted(f"score {position}")
        return self.column(self.spec.schema.features[self.spec.given(position)])

    def scores(self) -> list[str]:
        """Write the sums of points, for a step after the cells."""
        return [
            f"{_score_sql(score, self.spec.schema, self.dialect, self.column)} AS "
            f"{self.tested(position)}"
            for position, score in self.spec.scores.items()
        ]

    def end(self, feature: Feature, position: int, threshold: float) -> str:
        """Write the threshold of a test; sums are not rounded to float32."""
        if position in self.spec.scores:
            return _border(_border_of(feature, threshold), self.dialect)
        return _end(feature, threshold, self.dialect)

    def step(self, name: str) -> str:
        """Name a step."""
        return _quoted(f"{self.prefix} {name}")

    def literal(self, value: Any) -> str:
        """Write a value."""
        return _literal(value, self.dialect)

    def levels(self, feature: Feature, chosen: Any) -> str:
        """Write some categories."""
        return ", ".join(self.literal(feature.categories[i]) for i in chosen)

    def stage(self, name: str, columns: list[str], source: str) -> None:
        """Add a step that is done once."""
        listed = ",\n  ".join(columns)
        self.stages.append(
            f"{self.step(name)} AS MATERIALIZED (\nSELECT\n  {listed}\nFROM {source}\n)"
        )

    def cells(self) -> list[str]:
        """Write the columns to keep, those that are read, and whether all can be.

        What is read is NULL where it is missing.
        """
        columns = [
            f"t.{_quoted(self._named(name))} AS {_quoted(alias)}"
            for name, alias in zip(self.keep, self.kept, strict=True)
        ]
        refused, counted = [], isinstance(self.spec.form, Linear)
        for feature in self.used:
            raw = f"t.{_quoted(self.in_table[feature.name])}"
            clean, wrong = _cleaned(feature, raw, self.dialect, counted=counted)
            columns.append(f"{clean} AS {self.column(feature)}")
            refused.append(wrong)
        condition = "\n    OR ".join(refused) or "1 = 0"
        columns.append(f'CASE WHEN {condition} THEN 1 ELSE 0 END AS "refused"')
        return columns

    def comment(self) -> str:
        """Say what the statement does, in lines of comment."""
        lines = [
            f"A student of interpretkd, for {self.dialect}: one row for each row of "
            f"the table {self.table}.",
            "NULL and NaN are missing values; a row that the student would refuse "
            "gets NULL.",
        ]
        lines += [_date_note(f) for f in self.used if f.kind == "date"]
        lines += [
            f"score {position}: {score.text(self.spec.schema)}."
            for position, score in self.spec.scores.items()
        ]
        renamed = {self.spec.schema.names[i] for i in self.spec.used} | set(self.keep)
        lines += [
            f"The column {name!r} is read as {given!r}: {self.dialect} has no "
            "other name for it in this table."
            for name, given in self.in_table.items()
            if name != given and name in renamed
        ]
        return "".join(f"-- {one_line(line)}\n" for line in lines)

    def walk(self, nodes: Nodes, tree: int, say: Any) -> str:
        """Write one tree: nested, or one line a leaf where it is too deep for that."""
        root = int(nodes.roots[tree])
        depth = int(nodes.depths[nodes.members(tree)].max())
        if depth > _DEEPEST:
            raise InputError(
                f"A tree that asks {depth:,} tests in a row has no SQL: databases "
                f"take up to {_DEEPEST}. Export it to another format."
            )
        if depth > _MOST_NESTED:
            return self._flat(nodes, root, say)
        return self._nested(nodes, root, say, 1)

    def _named(self, name: str) -> str:
        return self.in_table.get(name, name)

    def _nested(self, nodes: Nodes, node: int, say: Any, depth: int) -> str:
        pad = "  " * depth
        if nodes.feature[node] < 0:
            return f"{pad}{say(node)}"
        left = self._nested(nodes, int(nodes.left[node]), say, depth + 1)
        right = self._nested(nodes, int(nodes.right[node]), say, depth + 1)
        test = self._test(nodes, node, left=True)
        return f"{pad}CASE WHEN {test} THEN\n{left}\n{pad}ELSE\n{right}\n{pad}END"

    def _flat(self, nodes: Nodes, root: int, say: Any) -> str:
        lines, waiting = [], [(root, "")]
        while waiting:
            node, path = waiting.pop()
            if nodes.feature[node] < 0:
                lines.append(f"  WHEN {path} THEN {say(node)}")
                continue
            joined = f"{path} AND " if path else ""
            for child, left in ((nodes.right, False), (nodes.left, True)):
                test = self._test(nodes, node, left=left)
                waiting.append((int(child[node]), f"{joined}({test})"))
        return "  CASE\n" + "\n".join(lines) + "\n  END"

    def _test(self, nodes: Nodes, node: int, *, left: bool) -> str:
        """Write when a row goes to this side; the missing values come first."""
        position = int(nodes.feature[node])
        feature, column = nodes.schema.features[position], self.tested(position)
        if feature.is_categorical:
            chosen = np.flatnonzero(nodes.left_set(node) == left).tolist()
            some = f"{column} IN ({self.levels(feature, chosen)})"
            passes = some if chosen else "1 = 0"
        elif nodes.threshold[node] >= np.float32(ALL_NUMBERS):
            passes = "1 = 1" if left else "1 = 0"
        else:
            sign = "<=" if left else ">"
            border = self.end(feature, position, float(nodes.threshold[node]))
            passes = f"{column} {sign} {border}"
        if bool(nodes.missing_left[node]) == left:
            return f"{column} IS NULL OR {passes}"
        return f"{column} IS NOT NULL AND {passes}"


def _output_columns(spec: _ModelSpec) -> list[str]:
    """Name the columns that the statement adds.

    They are "prediction" and "probability_<class>" for each class;
    "prediction_<label>" and then "probability_<label>" for each label; "prediction", or
    "prediction_<output>" for each output, for regression. Long names are cut, and those
    that are there already get an underscore.
    """
    labels = [str(label) for label in spec.labels]
    each = [f"prediction_{label}" for label in labels]
    if spec.task == "regression":
        wanted = ["prediction"] if len(labels) == 1 else each
    else:
        before = ["prediction"] if spec.task == "multiclass" else each
        wanted = [*before, *(f"probability_{label}" for label in labels)]
    taken = {name.casefold() for name in spec.schema.names}
    found = []
    for name in wanted:
        found.append(_fresh(_short_name(name), taken))
        taken.add(found[-1].casefold())
    return found
