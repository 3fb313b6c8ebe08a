"""Sums of points in the languages that are programs: Python and C.

Each is added up in float64 in the order of its terms, as `ScoredTree` does. That it is
then rounded to float32 is left to the threshold, which becomes the last float64 number
that would be rounded to it.
"""

from collections.abc import Iterator

from interpretkd._base import one_line
from interpretkd.data import Feature
from interpretkd.export._specification import _ModelSpec
from interpretkd.models import ALL_NUMBERS, Term


def _python_scores(spec: _ModelSpec) -> Iterator[str]:
    """Write what adds up ``s3`` and the like from ``x0`` and the like."""
    for position, score in spec.scores.items():
        name = f"s{position}"
        yield f"    # {one_line(score.text(spec.schema))}"
        yield f"    {name} = 0.0"
        for term, weight in zip(score.terms, score.weights, strict=True):
            x = f"x{term.column}"
            if term.is_set:
                holds = _python_set(term, x, spec.schema.features[term.column])
                yield f"    {name} += {weight} if {holds} else 0"
            else:
                number = f"{term.fill!r} if {x} is None else _single({x})"
                yield f"    {name} += {weight} * ({number})"
        if score.unit > 1:
            yield f"    {name} /= {score.unit}"


def _python_set(term: Term, x: str, feature: Feature) -> str:
    levels = [feature.categories[i] for i in term.categories or ()]
    tests = [f"{x} is None"] if term.missing else []
    tests += (
        [f"{x} in ({''.join(f'{level!a}, ' for level in levels)})"] if levels else []
    )
    return " or ".join(tests) or "False"


def _c_scores(spec: _ModelSpec, name: str) -> Iterator[str]:
    """Write a function of the row for each sum; it is never more than FLT_MAX."""
    for position, score in spec.scores.items():
        yield f"static double {name}_score_{position}(const float *x)"
        yield "{"
        yield "    double sum = 0.0;"
        for term, weight in zip(score.terms, score.weights, strict=True):
            x = f"x[{term.column}]"
            if term.is_set:
                yield f"    sum += {_c_set(term, x)} ? {float(weight)!r} : 0.0;"
            else:
                number = f"isnan({x}) ? {term.fill!r} : (double){x}"
                yield f"    sum += {float(weight)!r} * ({number});"
        yield f"    return fmin(sum / {float(score.unit)!r}, {ALL_NUMBERS!r});"
        yield "}"
        yield ""


def _c_set(term: Term, x: str) -> str:
    tests = [f"isnan({x})"] if term.missing else []
    tests += [f"{x} == {i}.0f" for i in term.categories or ()]
    return f"({' || '.join(tests) or '0'})"
