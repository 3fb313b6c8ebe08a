"""A student as one SELECT statement, for SQLite, PostgreSQL and DuckDB.

A small tree is one CASE over its rules, to be read by people. Everything else is a
chain of steps, each done once: columns cleaned, the tree as a nested CASE and the
meaning of its leaves as a table; or sums, probabilities, decision.
"""

from collections.abc import Mapping, Sequence

from interpretkd._base import InputError, check_choice
from interpretkd.export._specification import _check_texts, _ModelSpec
from interpretkd.export._sql.dialects import DIALECTS
from interpretkd.export._sql.sums import _sum_form
from interpretkd.export._sql.trees import _is_small, _large_tree, _plain_tree
from interpretkd.export._sql.writer import _Writer
from interpretkd.models import Tree
from interpretkd.rules import extract_rules


def _sql_text(
    spec: _ModelSpec,
    *,
    dialect: str = "sqlite",
    table: str = "rows",
    keep: Sequence[str] | None = None,
    numbers: Mapping[int, int] | None = None,
    names: Mapping[str, str] | None = None,
) -> str:
    """Write a student as one SELECT statement.

    A row that the student would refuse - a category not seen in training, an infinite
    number, in SQLite a text among numbers - gets NULL everywhere; columns that the
    student does not read are not looked at. NULL is a missing value, and so is NaN.
    Beside the predictions stand the columns to `keep`; None keeps those that the
    student reads.
    `numbers` are those of the rules, by their leaves; None takes the order of their
    coverage in training. `names` are those of the columns in the table, where the
    statement is asked of another database than the dialect's.
    """
    check_choice("sql_text", "dialect", dialect, DIALECTS)
    _check_texts(spec)
    read = [spec.schema.names[position] for position in spec.used]
    kept = _checked_names(read if keep is None else keep)
    writer = _Writer(spec, dialect, table, kept, names or {})
    form = spec.form
    if not isinstance(form, Tree):
        return writer.comment() + _sum_form(writer, form)
    if not _is_small(form):
        return writer.comment() + _large_tree(writer, form)
    given = numbers or {rule.leaf: rule.number for rule in extract_rules(form)}
    return writer.comment() + _plain_tree(writer, form, given)


def _checked_names(keep: Sequence[str]) -> list[str]:
    listed = isinstance(keep, list | tuple)
    if not listed or not all(isinstance(name, str) for name in keep):
        raise InputError(
            "The 'keep' parameter of an SQL export must be a list of column names. "
            f"Got {keep!r}."
        )
    return list(keep)
