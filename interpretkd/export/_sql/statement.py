"""A student as one SELECT statement, for SQLite, PostgreSQL and DuckDB.

The statement is a chain of common table expressions: columns cleaned, the tree as a
nested CASE, the meaning of its leaves as a table; or sums, probabilities, decision.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interpretkd._base import check_choice, one_line
from interpretkd.data import MISSING, VALUE, Feature
from interpretkd.export._specification import (
    SMALLEST,
    _border_of,
    _check_texts,
    _ModelSpec,
)
from interpretkd.export._sql.columns import _cleaned, _date_note
from interpretkd.export._sql.dialects import (
    DIALECTS,
    _border,
    _check_distinct,
    _double_type,
    _fresh,
    _literal,
    _quoted,
    _short_name,
)
from interpretkd.models import ALL_NUMBERS, Condition, Forest, Linear, Nodes, Tree

_MOST_NESTED = 8
"""SQLite's parser gives up at about twenty CASEs within one another."""
_MOST_TERMS = 100
"""SQLite and DuckDB refuse expressions deeper than 1,000."""


def _sql_text(
    spec: _ModelSpec,
    *,
    dialect: str = "sqlite",
    table: str = "rows",
    keep: Sequence[str] | None = None,
) -> str:
    """Write a student as one SELECT statement.

    A row that the student would refuse - a category not seen in training, an infinite
    number, in SQLite a text among numbers - gets NULL everywhere. NULL is a missing
    value, and so is NaN. Beside the predictions stand the columns to `keep`; None
    keeps those of the student.
    """
    check_choice("sql_text", "dialect", dialect, DIALECTS)
    _check_texts(spec)
    kept = list(spec.schema.names if keep is None else keep)
    writer = _Writer(spec, dialect, table, kept)
    read = [spec.schema.names[position] for position in spec.used]
    _check_distinct([*kept, *read], dialect)
    return writer.statement()


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


def conditions_sql(conditions: Sequence[Condition], *, dialect: str = "sqlite") -> str:
    """Write the conditions of one rule, to stand behind WHERE.

    Thresholds are exact: they separate float64 numbers as the student, which rounds
    them to float32, does.

    Parameters
    ----------
    conditions : sequence of Condition
        As `Rule.conditions`; of a table of the student's own columns.
    dialect : {"sqlite", "postgresql", "duckdb"}, default="sqlite"
        For which database.

    Returns
    -------
    str
        An expression that is true for the rows that meet all of them. NULL is a
        missing value (and not NaN, which `_sql_text` knows too); it meets no condition
        of a column that had none in training.

    Raises
    ------
    InputError
        For dates that the database cannot count.

    Examples
    --------
    >>> home = Feature("home", "categorical", ("own", "rent", "it's free"))
    >>> age = Feature("age", "numeric")
    >>> rule = (Condition(home, 0, categories=(1, 2)), Condition(age, 1, low=0.5))
    >>> print(conditions_sql(rule))
    "home" IN ('rent', 'it''s free')
      AND "age" > 0.5000000298023224e0
    """
    check_choice("conditions_sql", "dialect", dialect, DIALECTS)
    parts = [_condition(condition, dialect) for condition in conditions]
    return "\n  AND ".join(parts) or "1 = 1"


def _condition(condition: Condition, dialect: str) -> str:
    feature = condition.feature
    name = _quoted(feature.name)
    missing = condition.missing and feature.has_missing
    passes = list(_passing(condition, name, dialect))
    if not passes:
        return f"{name} IS NULL" if missing else "1 = 0"
    joined = " AND ".join(passes)
    return f"({name} IS NULL OR {joined})" if missing else joined


def _passing(condition: Condition, name: str, dialect: str) -> Iterator[str]:
    """Write which values pass; nothing when none does."""
    feature = condition.feature
    if feature.is_categorical:
        if len(condition.categories) == len(feature.categories):
            yield f"{name} IS NOT NULL"
        elif condition.categories:
            chosen = (feature.categories[i] for i in condition.categories)
            yield f"{name} IN ({', '.join(_literal(c, dialect) for c in chosen)})"
        return
    if not condition.values:
        return
    read = (
        _cleaned(feature, name, dialect, single=False)[0] if feature.is_date else name
    )
    ends = {">": condition.low, "<=": condition.high}
    known = {sign: end for sign, end in ends.items() if np.isfinite(end)}
    if not known:
        yield f"{name} IS NOT NULL"
    for sign, end in known.items():
        yield f"{read} {sign} {_border(_border_of(feature, end), dialect)}"


@dataclass
class _Writer:
    """What all parts of one statement share."""

    spec: _ModelSpec
    dialect: str
    table: str
    keep: list[str]
    stages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        taken = {name.casefold() for name in self.spec.schema.names}
        self.kept = [_fresh(f"kept {i}", taken) for i in range(len(self.keep))]
        self.refused = _fresh("refused", taken)
        self.sums = [_fresh(f"sum {i}", taken) for i in range(self.spec.form.n_outputs)]
        self.alias: dict[str, str] = {}
        short: set[str] = set()
        for feature in self.spec.schema.features:
            self.alias[feature.name] = _fresh(_short_name(feature.name), short)
            short.add(self.alias[feature.name].casefold())
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

    def statement(self) -> str:
        """Join the parts."""
        self._input()
        form = self.spec.form
        if isinstance(form, Tree):
            end = self._tree(form)
        else:
            self._sums(form)
            end = self._meaning()
        chain = ",\n".join(self.stages)
        return f"{self._comment()}WITH\n{chain}\n{end}"

    def _column(self, feature: Feature) -> str:
        return _quoted(self.alias[feature.name])

    def _table(self, name: str) -> str:
        return _quoted(f"{self.prefix} {name}")

    def _comment(self) -> str:
        lines = [
            f"A student of interpretkd, for {self.dialect}: one row for each row of "
            f"the table {self.table}.",
            "NULL and NaN are missing values; a row that the student would refuse "
            "gets NULL.",
        ]
        lines += [_date_note(f) for f in self.used if f.kind == "date"]
        return "".join(f"-- {one_line(line)}\n" for line in lines)

    def _stage(self, name: str, columns: list[str], source: str) -> None:
        listed = ",\n  ".join(columns)
        self.stages.append(
            f"{self._table(name)} AS MATERIALIZED (\n"
            f"SELECT\n  {listed}\nFROM {source}\n)"
        )

    def _input(self) -> None:
        """Clean what is read: one column a feature, NULL where it is missing."""
        columns = [
            f"t.{_quoted(name)} AS {_quoted(alias)}"
            for name, alias in zip(self.keep, self.kept, strict=True)
        ]
        refused, multiplied = [], isinstance(self.spec.form, Linear)
        for feature in self.used:
            raw = f"t.{_quoted(feature.name)}"
            clean, wrong = _cleaned(feature, raw, self.dialect, single=multiplied)
            columns.append(f"{clean} AS {self._column(feature)}")
            refused.append(wrong)
        condition = "\n    OR ".join(refused) or "1 = 0"
        columns.append(
            f"CASE WHEN {condition} THEN 1 ELSE 0 END AS {_quoted(self.refused)}"
        )
        self._stage("input", columns, f"{_quoted(self.table)} AS t")

    def _tree(self, tree: Tree) -> str:
        case = self._walk(tree.nodes, 0, str)
        refused = f"{_quoted(self.refused)} = 1"
        leaf = f'CASE WHEN {refused} THEN NULL ELSE\n{case}\nEND AS "leaf"'
        self._stage("walked", [*map(_quoted, self.kept), leaf], self._table("input"))
        outputs = _output_columns(self.spec)
        leaves = np.flatnonzero(tree.nodes.is_leaf)
        values, decisions = self.spec.results(tree.value[leaves])
        lines = [
            f"({leaf}, {', '.join(self._outcome(values[i], decisions[i]))})"
            for i, leaf in enumerate(leaves)
        ]
        named = ", ".join(map(_quoted, ["leaf", *outputs]))
        body = ",\n  ".join(lines)
        self.stages.append(f"{self._table('leaves')}({named}) AS (VALUES\n  {body}\n)")
        columns = [*self._restored(), *(f"m.{_quoted(output)}" for output in outputs)]
        return (
            f"SELECT\n  {(',' + chr(10) + '  ').join(columns)}\n"
            f"FROM {self._table('walked')} AS w LEFT JOIN {self._table('leaves')} AS m "
            'ON m."leaf" = w."leaf"'
        )

    def _outcome(self, values: Any, decisions: Any) -> Iterator[str]:
        """Write what a leaf means, in the order of `_output_columns`."""
        if self.spec.task == "multiclass":
            yield self._literal(self.spec.labels[int(decisions)])
        elif self.spec.task == "multilabel":
            yield from (str(int(on)) for on in decisions)
        for value in values:
            yield f"CAST({self._literal(float(value))} AS {self.double})"

    def _restored(self) -> list[str]:
        return [
            f"w.{_quoted(alias)} AS {_quoted(name)}"
            for name, alias in zip(self.keep, self.kept, strict=True)
        ]

    def _walk(self, nodes: Nodes, tree: int, say: Any) -> str:
        """Write one tree: nested, or one line a leaf where it is too deep for that."""
        root = int(nodes.roots[tree])
        if nodes.depths[nodes.members(tree)].max() > _MOST_NESTED:
            return self._flat(nodes, root, say)
        return self._nested(nodes, root, say, 1)

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
        feature = self.spec.schema.features[int(nodes.feature[node])]
        column = self._column(feature)
        if feature.is_categorical:
            chosen = np.flatnonzero(nodes.left_set(node) == left).tolist()
            some = f"{column} IN ({self._levels(feature, chosen)})"
            passes = some if chosen else "1 = 0"
        elif nodes.threshold[node] >= np.float32(ALL_NUMBERS):
            passes = "1 = 1" if left else "1 = 0"
        else:
            sign = "<=" if left else ">"
            exact = _border_of(feature, float(nodes.threshold[node]))
            passes = f"{column} {sign} {_border(exact, self.dialect)}"
        if bool(nodes.missing_left[node]) == left:
            return f"{column} IS NULL OR {passes}"
        return f"{column} IS NOT NULL AND {passes}"

    def _levels(self, feature: Feature, chosen: Any) -> str:
        return ", ".join(self._literal(feature.categories[i]) for i in chosen)

    def _literal(self, value: Any) -> str:
        return _literal(value, self.dialect)

    def _sums(self, form: Forest | Linear) -> None:
        """Add term by term, in the student's order, some terms a stage."""
        if isinstance(form, Forest):
            terms, base = self._forest_terms(form), form.base
        else:
            terms, base = self._linear_terms(form), form.intercept
        sums = [self._literal(float(start)) for start in base]
        most = max(len(column) for column in terms)
        features = [self._column(feature) for feature in self.used]
        carried = [*map(_quoted, self.kept), *features, _quoted(self.refused)]
        source = self._table("input")
        for i, first in enumerate(range(0, max(most, 1), _MOST_TERMS)):
            columns = []
            for k, column in enumerate(terms):
                added = [sums[k], *column[first : first + _MOST_TERMS]]
                columns.append(f"{' + '.join(added)} AS {_quoted(self.sums[k])}")
            self._stage(f"added {i}", [*carried, *columns], source)
            source = self._table(f"added {i}")
            sums = [_quoted(name) for name in self.sums]
        nulls = [
            f"CASE WHEN {_quoted(self.refused)} = 1 THEN NULL ELSE CAST({s} AS "
            f"{self.double}) END AS {s}"
            for s in sums
        ]
        self._stage("summed", [*map(_quoted, self.kept), *nulls], source)

    def _forest_terms(self, forest: Forest) -> list[list[str]]:
        def value(node: int) -> str:
            return self._literal(float(forest.value[node]))

        terms: list[list[str]] = [[] for _ in range(forest.n_outputs)]
        for tree, column in enumerate(forest.column):
            case = self._walk(forest.nodes, tree, value)
            terms[column].append(f"({case})")
        return terms

    def _linear_terms(self, linear: Linear) -> list[list[str]]:
        terms: list[list[str]] = [[] for _ in range(linear.n_outputs)]
        columns = self.spec.schema.columns(indicate_missing=True)
        for row, column in zip(linear.coefficients, columns, strict=True):
            feature = self.spec.schema.features[column.feature]
            name = self._column(feature)
            fill = self._literal(float(linear.fill[columns.index(column)]))
            for k, weight in enumerate(row):
                if weight == 0:
                    continue
                factor = self._literal(float(weight))
                if column.part == VALUE:
                    term = f"{factor} * COALESCE({name}, {fill})"
                elif column.part == MISSING:
                    term = f"CASE WHEN {name} IS NULL THEN {factor} ELSE 0e0 END"
                else:
                    level = self._levels(feature, [column.part])
                    term = f"CASE WHEN {name} = {level} THEN {factor} ELSE 0e0 END"
                terms[k].append(f"({term})")
        return terms

    def _meaning(self) -> str:
        """From sums to probabilities and a decision, in the student's own steps."""
        source = self._link(self._table("summed"))
        source = self._decode(source)
        outputs = _output_columns(self.spec)
        logits = [f"w.{_quoted(name)}" for name in self.sums]
        if self.spec.task == "regression":
            named = zip(logits, outputs, strict=True)
            said = [f"{z} AS {_quoted(name)}" for z, name in named]
        elif self.spec.task == "multilabel":
            chosen = [
                f"CASE WHEN {z} > 0e0 THEN 1 WHEN {z} <= 0e0 THEN 0 END" for z in logits
            ]
            chances = [f"0.5e0 * (1e0 + TANH(0.5e0 * {z}))" for z in logits]
            both = [*chosen, *chances]
            said = [f"{e} AS {_quoted(o)}" for e, o in zip(both, outputs, strict=True)]
        else:
            source = self._softmax(source, "chances", decided=True)
            said = [f"w.decided AS {_quoted(outputs[0])}"]
            said += [
                f"w.{_quoted(name)} AS {_quoted(o)}"
                for name, o in zip(self.sums, outputs[1:], strict=True)
            ]
        listed = ",\n  ".join([*self._restored(), *said])
        return f"SELECT\n  {listed}\nFROM {source} AS w"

    def _link(self, source: str) -> str:
        if self.spec.link == "softmax":
            return self._softmax(source, "linked", decided=False)
        if self.spec.link == "sigmoid":
            return self._each(source, "linked", "0.5e0 * (1e0 + TANH(0.5e0 * {}))")
        return source

    def _decode(self, source: str) -> str:
        target = self.spec.target
        if target.kind == "logits":
            return source
        factor = self._literal(
            float(target.temperature) if target.kind == "soft" else 1.0
        )
        least, most = self._literal(SMALLEST), self._literal(1 - SMALLEST)
        if target.task == "multilabel":
            inside = f"{self._least(most, self._most('{0}', least))}"
            expression = f"{factor} * (LN({inside}) - LN(1e0 - {inside}))"
        else:
            expression = f"{factor} * LN({self._most('{0}', least)})"
        return self._each(source, "logits", expression)

    def _each(self, source: str, name: str, expression: str) -> str:
        columns = [
            f"{expression.format(_quoted(s))} AS {_quoted(s)}" for s in self.sums
        ]
        self._stage(name, [*map(_quoted, self.kept), *columns], source)
        return self._table(name)

    def _softmax(self, source: str, name: str, *, decided: bool) -> str:
        """Replace the sums by probabilities; the first of the largest is decided."""
        kept, sums = [*map(_quoted, self.kept)], [*map(_quoted, self.sums)]
        top = self._most(*sums)
        self._stage(f"{name} 1", [*kept, *sums, f"{top} AS top"], source)
        # PostgreSQL takes exp(-800) for an error.
        powers = [f"EXP({self._most(f'{s} - top', '-700e0')})" for s in sums]
        columns = [f"{s} - top AS {s}" for s in sums]
        columns.append(f"LN({' + '.join(powers)}) AS total")
        choice = [
            f"WHEN {s} = top THEN {self._literal(label)}"
            for s, label in zip(sums, self.spec.labels, strict=True)
        ]
        if decided:
            columns.append(f"CASE {' '.join(choice)} END AS decided")
        self._stage(f"{name} 2", [*kept, *columns], self._table(f"{name} 1"))
        chances = [f"EXP({self._most(f'{s} - total', '-700e0')}) AS {s}" for s in sums]
        chances += ["decided"] if decided else []
        self._stage(name, [*kept, *chances], self._table(f"{name} 2"))
        return self._table(name)

    def _most(self, *values: str) -> str:
        function = "MAX" if self.dialect == "sqlite" else "GREATEST"
        return f"{function}({', '.join(values)})"

    def _least(self, *values: str) -> str:
        function = "MIN" if self.dialect == "sqlite" else "LEAST"
        return f"{function}({', '.join(values)})"
