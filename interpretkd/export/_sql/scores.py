"""Sums of points in SQL."""

from collections.abc import Callable

from interpretkd.data import Feature, Schema
from interpretkd.export._sql.dialects import _literal
from interpretkd.models import Score, Term


def _score_sql(
    score: Score, schema: Schema, dialect: str, cell: Callable[[Feature], str]
) -> str:
    """Write a sum of cells that are float32 numbers, or NULL where they are missing.

    It is not rounded to float32 itself: the last float64 that would be rounded to a
    threshold is what it is compared with.
    """
    terms = []
    for term, weight in zip(score.terms, score.weights, strict=True):
        feature = schema.features[term.column]
        column, factor = cell(feature), _literal(float(weight), dialect)
        if term.is_set:
            holds, nothing = (
                _in_set(feature, term, column, dialect),
                _literal(0.0, dialect),
            )
            terms.append(f"CASE WHEN {holds} THEN {factor} ELSE {nothing} END")
        else:
            terms.append(
                f"{factor} * COALESCE({column}, {_literal(term.fill, dialect)})"
            )
    total = "\n    + ".join(terms)
    if score.unit == 1:
        return f"({total})"
    return f"({total}) / {_literal(float(score.unit), dialect)}"


def _in_set(feature: Feature, term: Term, column: str, dialect: str) -> str:
    tests = [f"{column} IS NULL"] if term.missing else []
    if term.categories:
        levels = (feature.categories[i] for i in term.categories)
        listed = ", ".join(_literal(level, dialect) for level in levels)
        tests.append(f"{column} IN ({listed})")
    return " OR ".join(tests) or "1 = 0"
