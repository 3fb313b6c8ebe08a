"""The conditions of one rule, to stand behind WHERE."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from interpretkd._base import check_choice
from interpretkd.data import Feature, Schema
from interpretkd.export._specification import _border_of
from interpretkd.export._sql.columns import _cleaned
from interpretkd.export._sql.dialects import DIALECTS, _border, _literal, _threshold
from interpretkd.export._sql.names import _quoted
from interpretkd.export._sql.scores import _score_sql
from interpretkd.models import Condition, Score, ScoredSchema


def conditions_sql(
    conditions: Sequence[Condition],
    *,
    dialect: str = "sqlite",
    schema: Schema | None = None,
) -> str:
    """Write the conditions of one rule, to stand behind WHERE.

    Thresholds are exact: they separate float64 numbers as the student, which rounds
    them to float32, does.

    Parameters
    ----------
    conditions : sequence of Condition
        As `Rule.conditions`; of a table of the student's own columns.
    dialect : {"sqlite", "postgresql", "duckdb"}, default="sqlite"
        For which database.
    schema : Schema or None, default=None
        The columns of the tree that the rule is of: where some are scores, they are
        written as sums of the given columns. None where there are none.

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
    >>> from interpretkd.data import Feature
    >>> home = Feature("home", "categorical", ("own", "rent", "it's free"))
    >>> age = Feature("age", "numeric")
    >>> rule = (Condition(home, 0, categories=(1, 2)), Condition(age, 1, low=0.5))
    >>> print(conditions_sql(rule))
    "home" IN ('rent', 'it''s free')
      AND "age" > 0.5000000298023224
    """
    check_choice("conditions_sql", "dialect", dialect, DIALECTS)
    parts = [_condition(one, dialect, _sum_of(one, schema)) for one in conditions]
    return "\n  AND ".join(parts) or "1 = 1"


def _sum_of(condition: Condition, schema: Schema | None) -> tuple[Score, Schema] | None:
    """Return what a condition adds up, and of which columns, if it does."""
    if not isinstance(schema, ScoredSchema):
        return None
    score = schema.score_at(condition.position)
    return None if score is None else (score, schema.given)


def _condition(
    condition: Condition, dialect: str, adds_up: tuple[Score, Schema] | None
) -> str:
    feature = condition.feature
    name = _quoted(feature.name)
    if adds_up is not None:
        name = f"({_score_sql(*adds_up, dialect, partial(_cell, dialect))})"
    missing = condition.missing and feature.has_missing
    passes = list(_passing(condition, name, dialect))
    if not passes:
        return f"{name} IS NULL" if missing else "1 = 0"
    joined = " AND ".join(passes)
    return f"({name} IS NULL OR {joined})" if missing else joined


def _cell(dialect: str, feature: Feature) -> str:
    return _cleaned(feature, _quoted(feature.name), dialect)[0]


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
    read = _cleaned(feature, name, dialect)[0] if feature.is_date else name
    ends = {">": condition.low, "<=": condition.high}
    known = {sign: end for sign, end in ends.items() if np.isfinite(end)}
    if not known:
        yield f"{name} IS NOT NULL"
    for sign, end in known.items():
        if feature.is_date:  # read as the student does, rounded
            yield f"{read} {sign} {_threshold(end, dialect)}"
        else:
            yield f"{read} {sign} {_border(_border_of(feature, end), dialect)}"
