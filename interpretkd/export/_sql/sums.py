"""Boosted trees, linear models and points in SQL: sums, then what they mean."""

from interpretkd.data import MISSING, VALUE
from interpretkd.export._specification import SMALLEST
from interpretkd.export._sql.names import _quoted
from interpretkd.export._sql.writer import _output_columns, _Writer
from interpretkd.models import Forest, Linear

_MOST_TERMS = 100
"""SQLite and DuckDB refuse expressions deeper than 1,000."""


def _sum_form(writer: _Writer, form: Forest | Linear) -> str:
    """Write a form that adds up, step by step.

    The sums of a refused row are NULL, and so is all that is made of them.
    """
    writer.stage("input", writer.cells(), writer.source)
    _add_up(writer, form)
    end = _meaning(writer)
    return "WITH\n" + ",\n".join(writer.stages) + f"\n{end}"


def _add_up(writer: _Writer, form: Forest | Linear) -> None:
    """Add term by term, in the student's order, some terms a stage."""
    if isinstance(form, Forest):
        terms, base = _forest_terms(writer, form), form.base
    else:
        terms, base = _linear_terms(writer, form), form.intercept
    sums = [writer.literal(float(start)) for start in base]
    most = max(len(column) for column in terms)
    carried = [*writer.carried, *writer.read, '"refused"']
    source = writer.step("input")
    for i, first in enumerate(range(0, max(most, 1), _MOST_TERMS)):
        columns = []
        for k, column in enumerate(terms):
            added = [sums[k], *column[first : first + _MOST_TERMS]]
            columns.append(f"{' + '.join(added)} AS {_quoted(writer.sums[k])}")
        writer.stage(f"added {i}", [*carried, *columns], source)
        source = writer.step(f"added {i}")
        sums = [_quoted(name) for name in writer.sums]
    known = [f"CAST({s} AS {writer.double})" for s in sums]
    nulls = [
        f'CASE WHEN "refused" = 1 THEN NULL ELSE {number} END AS {s}'
        for number, s in zip(known, sums, strict=True)
    ]
    writer.stage("summed", [*writer.carried, *nulls], source)


def _forest_terms(writer: _Writer, forest: Forest) -> list[list[str]]:
    def value(node: int) -> str:
        return writer.literal(float(forest.value[node]))

    terms: list[list[str]] = [[] for _ in range(forest.n_outputs)]
    for tree, column in enumerate(forest.column):
        terms[column].append(f"({writer.walk(forest.nodes, tree, value)})")
    return terms


def _linear_terms(writer: _Writer, linear: Linear) -> list[list[str]]:
    terms: list[list[str]] = [[] for _ in range(linear.n_outputs)]
    columns = writer.spec.schema.columns(indicate_missing=True)
    nothing = writer.literal(0.0)
    for row, column, gap in zip(
        linear.coefficients, columns, linear.fill.tolist(), strict=True
    ):
        feature = writer.spec.schema.features[column.feature]
        name = writer.column(feature)
        for k, weight in enumerate(row):
            if weight == 0:
                continue
            factor = writer.literal(float(weight))
            if column.part == VALUE:
                term = f"{factor} * COALESCE({name}, {writer.literal(gap)})"
            elif column.part == MISSING:
                term = f"CASE WHEN {name} IS NULL THEN {factor} ELSE {nothing} END"
            else:
                level = writer.levels(feature, [column.part])
                term = f"CASE WHEN {name} = {level} THEN {factor} ELSE {nothing} END"
            terms[k].append(f"({term})")
    return terms


def _meaning(writer: _Writer) -> str:
    """From sums to probabilities and a decision, in the student's own steps."""
    source = _link(writer, writer.step("summed"))
    source = _decode(writer, source)
    outputs = _output_columns(writer.spec)
    logits = [f"w.{_quoted(name)}" for name in writer.sums]
    if writer.spec.task == "regression":
        said = logits
    elif writer.spec.task == "multilabel":
        chosen = [f"CASE WHEN {z} > 0 THEN 1 WHEN {z} <= 0 THEN 0 END" for z in logits]
        said = [*chosen, *(_logistic(writer).format(z) for z in logits)]
    else:
        source = _softmax(writer, source, "chances", decided=True)
        said = ['w."decided"', *logits]
    named = [f"{e} AS {_quoted(o)}" for e, o in zip(said, outputs, strict=True)]
    listed = ",\n  ".join([*writer.restored, *named])
    return f"SELECT\n  {listed}\nFROM {source} AS w"


def _link(writer: _Writer, source: str) -> str:
    if writer.spec.link == "softmax":
        return _softmax(writer, source, "linked", decided=False)
    if writer.spec.link == "sigmoid":
        return _each(writer, source, "linked", _logistic(writer))
    return source


def _logistic(writer: _Writer) -> str:
    half, one = writer.literal(0.5), writer.literal(1.0)
    return f"{half} * ({one} + TANH({half} * {{0}}))"


def _decode(writer: _Writer, source: str) -> str:
    target = writer.spec.target
    if target.kind == "logits":
        return source
    factor = writer.literal(float(target.temperature) if target.kind == "soft" else 1.0)
    least, most = writer.literal(SMALLEST), writer.literal(1 - SMALLEST)
    inside = _at_least("{0}", least)
    if target.task != "multilabel":
        return _each(writer, source, "logits", f"{factor} * LN({inside})")
    source = _each(writer, source, "raised", inside)
    source = _each(writer, source, "limited", _at_most("{0}", most))
    one = writer.literal(1.0)
    return _each(
        writer, source, "logits", f"{factor} * (LN({{0}}) - LN({one} - {{0}}))"
    )


def _each(writer: _Writer, source: str, name: str, expression: str) -> str:
    columns = [f"{expression.format(_quoted(s))} AS {_quoted(s)}" for s in writer.sums]
    writer.stage(name, [*writer.carried, *columns], source)
    return writer.step(name)


def _softmax(writer: _Writer, source: str, name: str, *, decided: bool) -> str:
    """Replace the sums by probabilities; the first of the largest is decided."""
    kept, sums = writer.carried, [*map(_quoted, writer.sums)]
    first, second = f"{name} 1", f"{name} 2"
    writer.stage(first, [*kept, *sums, f'{_largest(writer, sums)} AS "top"'], source)
    columns = [f'{s} - "top" AS {s}' for s in sums]
    powers = [_power(writer, f'{s} - "top"') for s in sums]
    columns.append(f'LN({" + ".join(powers)}) AS "total"')
    if decided:
        choice = [
            f'WHEN {s} = "top" THEN {writer.literal(label)}'
            for s, label in zip(sums, writer.spec.labels, strict=True)
        ]
        columns.append(f'CASE {" ".join(choice)} END AS "decided"')
    writer.stage(second, [*kept, *columns], writer.step(first))
    spread = [_power(writer, f'{s} - "total"') for s in sums]
    chances = [f"{power} AS {s}" for power, s in zip(spread, sums, strict=True)]
    chances += ['"decided"'] if decided else []
    writer.stage(name, [*kept, *chances], writer.step(second))
    return writer.step(name)


def _power(writer: _Writer, exponent: str) -> str:
    """Write exp; PostgreSQL takes exp(-800) for an error."""
    return f"EXP({_at_least(exponent, writer.literal(-700.0))})"


def _largest(writer: _Writer, values: list[str]) -> str:
    """Write the largest; where one is NULL all are, for the row is refused."""
    if len(values) == 1:
        return values[0]
    function = "MAX" if writer.dialect == "sqlite" else "GREATEST"
    return f"{function}({', '.join(values)})"


def _at_least(value: str, least: str) -> str:
    """Limit a value; NULL stays NULL, which GREATEST would pass over."""
    return f"CASE WHEN {value} < {least} THEN {least} ELSE {value} END"


def _at_most(value: str, most: str) -> str:
    return f"CASE WHEN {value} > {most} THEN {most} ELSE {value} END"
