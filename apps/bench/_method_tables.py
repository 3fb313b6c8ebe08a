"""The tables of the benchmark "methods", made of the JSON of its rows."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._comparison import (  # type: ignore[import-not-found]
    holm,
    mean_interval,
)
from interpretkd_bench._method_judging import (  # type: ignore[import-not-found]
    Difference,
    compared,
    word_of,
)

from interpretkd._base import InputError, escape_markdown

__all__ = ["Line", "lines_of", "markdown", "read_results", "summary"]

_AGAINST = {"helps": "better", "nothing": "no difference", "hurts": "worse"}
"""The words for a method beside its control."""
_WHOSE = {"network": "the network", "own": "its teacher"}


@dataclass(frozen=True, eq=False)
class Line:
    """One row of the benchmark on one data set with one student.

    Parameters
    ----------
    record : mapping
        The row's JSON.
    data, student : str
        Where.
    cells : tuple of mapping
        One a seed.
    plain : Difference
        Method less plain, by what the row is judged by.
    word : {"helps", "nothing", "hurts"}
        Of that, after Holm's correction over all lines.
    corrected : float
        Its p value.
    control : Difference or None
        Method less control.
    against : str
        "better", "no difference", "worse" than the control; "" without one.
    claim : tuple of float
        Mean and half width of the claim's number over the seeds.
    is_old : bool
        Whether it was measured on older code.
    """

    record: Mapping[str, Any]
    data: str
    student: str
    cells: tuple[Mapping[str, Any], ...]
    plain: Difference
    word: str
    corrected: float
    control: Difference | None
    against: str
    claim: tuple[float, float]
    is_old: bool

    @property
    def claimed(self) -> str:
        """Whether the claim holds: "holds", "open" or "fails"."""
        mean, half = self.claim
        if not abs(mean) > half:
            return "open"
        return "holds" if mean > 0 else "fails"

    def mean(self, model: str, name: str) -> float:
        """Return the mean of a number over the seeds; NaN where it is not known."""
        found = [cell["results"].get(model, {}).get(name) for cell in self.cells]
        known = [value for value in found if value is not None]
        return float(np.mean(known)) if known else math.nan


def read_results(folder: Path) -> list[dict[str, Any]]:
    """Read the JSON of all rows.

    Parameters
    ----------
    folder : Path
        Where they lie.

    Returns
    -------
    list of dict
        By the rows' numbers.

    Raises
    ------
    InputError
        For a file that is none of a row.
    """
    records = []
    for file in sorted(folder.glob("*.json")):
        try:
            record = json.loads(file.read_text())
            _ = record["number"], record["cells"], record["state"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{file.name!r} is no result of a row: {error}."
            ) from error
        records.append({**record, "key": file.stem})
    return records


def lines_of(
    records: Iterable[Mapping[str, Any]], states: Mapping[str, Any]
) -> list[Line]:
    """Judge all rows together.

    Parameters
    ----------
    records : iterable of mapping
        What `read_results` returned.
    states : mapping
        By the key of each row what its code is now.

    Returns
    -------
    list of Line
        One a row, data set and student; Holm's correction is over them all.
    """
    found: list[Line] = []
    for record in records:
        state = states.get(record["key"])
        is_old = state is None or any(
            state[name] != record["state"][name] for name in ("library", "files")
        )
        cells = [cell for cell in record["cells"] if "failed" not in cell]
        for (data, student), own in groupby(
            cells, lambda cell: (cell["data"], cell["student"])
        ):
            found.append(_line(record, data, student, tuple(own), is_old))
    return _corrected(found)


def _line(
    record: Mapping[str, Any],
    data: str,
    student: str,
    cells: tuple[Mapping[str, Any], ...],
    is_old: bool,
) -> Line:
    measure = record["judged_by"]
    claims = [cell["claim"] for cell in cells if cell["claim"] is not None]
    claim = mean_interval(claims) if claims else (math.nan, math.nan)
    control = None
    if all("control" in cell["results"] for cell in cells):
        control = _difference(cells, "control", measure)
    plain = _difference(cells, "plain", measure)
    told = (record, data, student, cells, plain, "nothing", plain.p_value, control)
    return Line(*told, "", claim, is_old)


def _difference(
    cells: Iterable[Mapping[str, Any]], other: str, measure: str
) -> Difference:
    gaps, counts = [], []
    for cell in cells:
        results = cell["results"]
        gaps.append(100 * (results["method"][measure] - results[other][measure]))
        counts.append(cell["counts"][other][measure])
    found: Difference = compared(gaps, counts)
    return found


def _corrected(lines: Sequence[Line]) -> list[Line]:
    from dataclasses import replace

    plain = holm([line.plain.p_value for line in lines])
    others = [line for line in lines if line.control is not None]
    control = iter(holm([line.control.p_value for line in others if line.control]))
    found = []
    for line, p_value in zip(lines, plain, strict=True):
        against = ""
        if line.control is not None:
            against = _AGAINST[word_of(line.control, next(control))]
        word = word_of(line.plain, p_value)
        found.append(replace(line, corrected=p_value, word=word, against=against))
    return found


def markdown(records: Sequence[Mapping[str, Any]], states: Mapping[str, Any]) -> str:
    """Write the report.

    Parameters
    ----------
    records : sequence of mapping
        What `read_results` returned.
    states : mapping
        As of `lines_of`.

    Returns
    -------
    str
        Markdown.
    """
    lines = lines_of(records, states)
    parts = ["# The methods, each beside plain distillation and a control", "", *_HEAD]
    parts += ["## In one table", "", summary(lines), ""]
    parts += ["## Does it help?", "", _table(lines, _HELP), ""]
    parts += ["## What each claims", "", *_claims(lines), ""]
    parts += [
        "## Accuracy, sizes and costs",
        "",
        _COSTS_HEAD,
        "",
        _table(lines, _COSTS),
    ]
    failed = _failures(records)
    if failed:
        parts += ["", "## What failed", "", *failed]
    return "\n".join([*parts, ""])


_HEAD = (
    "`interpretkd bench methods` writes this; `--row NUMBER` measures one row anew. "
    'Plain is the same student with `target="auto"` on the given rows alone; the '
    "baseline is the student on the labels (with the method's view, if it has one).",
    "",
    "Points are of 100. Behind ± stands half the width of a 95 % t interval over the "
    'seeds. The word is "helps" or "hurts" where this interval leaves out 0 and '
    "McNemar's exact test on the test rows of all seeds, corrected by Holm over all "
    'lines of this page, is below 5 %; else "nothing". The excess is the agreement '
    'above that of always saying the teacher\'s commonest decision. A claim "holds" '
    "where its number is above 0 by more than the t interval; claims are not "
    "corrected. * marks lines that were measured on older code.",
    "",
)
_COSTS_HEAD = (
    "Of the method, in percent: accuracy reduction against the teacher, improvement "
    "against the baseline, size reduction by parameters and by bytes (S0, S4); DS is "
    "the distillation score by parameters (S0). Seconds hold the baseline's fit; "
    "questions are different rows about which the teacher was asked."
)


def _share(line: Line, model: str, name: str) -> str:
    value = line.mean(model, name)
    return "" if math.isnan(value) else f"{100 * value:.1f}"


def _number(line: Line, model: str, name: str, spec: str = ".1f") -> str:
    value = line.mean(model, name)
    return "" if math.isnan(value) else f"{value:{spec}}"


def _gap(difference: Difference | None) -> str:
    return "" if difference is None else _plus_minus(difference.mean, difference.half)


def _plus_minus(mean: float, half: float) -> str:
    if math.isnan(mean):
        return ""
    return f"{mean:+.1f}" + ("" if math.isnan(half) else f" ± {half:.1f}")


_WHERE: dict[str, Callable[[Line], str]] = {
    "#": lambda line: str(line.record["number"]) + ("*" if line.is_old else ""),
    "method": lambda line: str(line.record["name"]),
    "data": lambda line: escape_markdown(line.data),
    "student": lambda line: line.student,
}
_HELP: dict[str, Callable[[Line], str]] = {
    **_WHERE,
    "judged by": lambda line: str(line.record["judged_by"]),
    "fidelity to": lambda line: _WHOSE[line.record["of"]],
    "teacher right": lambda line: _share(line, "plain", "teacher_accuracy"),
    "commonest": lambda line: _share(line, "method", "commonest"),
    "fidelity: baseline": lambda line: _share(line, "baseline", "fidelity"),
    "plain": lambda line: _share(line, "plain", "fidelity"),
    "with the method": lambda line: _share(line, "method", "fidelity"),
    "control": lambda line: _share(line, "control", "fidelity"),
    "excess: plain": lambda line: _number(line, "plain", "excess", ".3f"),
    "with it": lambda line: _number(line, "method", "excess", ".3f"),
    "method - plain": lambda line: _gap(line.plain),
    "p (Holm)": lambda line: f"{line.corrected:.3f}",
    "": lambda line: f"**{line.word}**" if line.word != "nothing" else line.word,
    "method - control": lambda line: _gap(line.control),
    "than the control": lambda line: line.against,
    "claim": lambda line: line.claimed,
}
_COSTS: dict[str, Callable[[Line], str]] = {
    **_WHERE,
    "accuracy: baseline": lambda line: _share(line, "baseline", "accuracy"),
    "plain": lambda line: _share(line, "plain", "accuracy"),
    "with the method": lambda line: _share(line, "method", "accuracy"),
    "control": lambda line: _share(line, "control", "accuracy"),
    "accuracy reduction": lambda line: _number(line, "method", "accuracy_reduction"),
    "improvement": lambda line: _number(line, "method", "accuracy_improvement"),
    "size reduction": lambda line: _number(
        line, "method", "size_reduction_parameters", ".2f"
    ),
    "by bytes": lambda line: _number(line, "method", "size_reduction_bytes", ".2f"),
    "DS": lambda line: _number(line, "method", "distillation_score_parameters", ".4f"),
    "seconds": lambda line: _number(line, "method", "seconds"),
    "of plain": lambda line: _number(line, "plain", "seconds"),
    "questions": lambda line: _number(line, "method", "queries", ",.0f"),
    "of plain ": lambda line: _number(line, "plain", "queries", ",.0f"),
}


def _table(lines: Sequence[Line], columns: Mapping[str, Callable[[Line], str]]) -> str:
    rows = [list(columns), ["---"] * len(columns)]
    rows += [[cell(line) for cell in columns.values()] for line in lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def summary(lines: Sequence[Line]) -> str:
    """Return a table of one line a row and student, over its data sets.

    Parameters
    ----------
    lines : sequence of Line
        What `lines_of` returned.

    Returns
    -------
    str
        Markdown: the mean difference over the sets with its t interval over them, and
        on how many sets it helps, does nothing, hurts.
    """
    head = [
        *("#", "method", "student", "sets", "by", "method - plain"),
        *("helps / nothing / hurts", "better / same / worse than the control"),
        "claim holds / open / fails",
    ]
    rows = [head, ["---"] * len(head)]
    together: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        together.setdefault((line.record["key"], line.student), []).append(line)
    rows += [_summed(own, student) for (_, student), own in together.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _summed(own: Sequence[Line], student: str) -> list[str]:
    first = own[0]
    mark = "*" if any(line.is_old for line in own) else ""

    def counted(words: Sequence[str], found: Sequence[str]) -> str:
        return " / ".join(str(found.count(word)) for word in words)

    against = [line.against for line in own]
    return [
        f"{first.record['number']}{mark}",
        str(first.record["name"]),
        student,
        str(len(own)),
        str(first.record["judged_by"]),
        _plus_minus(*mean_interval(line.plain.mean for line in own)),
        counted(("helps", "nothing", "hurts"), [line.word for line in own]),
        counted(tuple(_AGAINST.values()), against) if any(against) else "no control",
        counted(("holds", "open", "fails"), [line.claimed for line in own]),
    ]


def _claims(lines: Sequence[Line]) -> list[str]:
    texts = []
    for _, group in groupby(lines, lambda line: line.record["key"]):
        own = list(group)
        record = own[0].record
        control = record["control_text"]
        texts += [
            f"**{record['number']} {record['name']}** ({record['source']}). "
            f"Claim: {record['claim_text']}. Control: {control or 'none'}. Found: "
            + "; ".join(
                f"{escape_markdown(line.data)}, {line.student} "
                f"{_plus_minus(*line.claim) or 'not known'} ({line.claimed})"
                for line in own
            )
            + ".",
            "",
        ]
    return texts[:-1]


def _failures(records: Iterable[Mapping[str, Any]]) -> list[str]:
    return [
        f"- {record['number']} {record['name']}, {escape_markdown(cell['data'])}, "
        f"{cell['student']}, seed {cell['seed']}: {escape_markdown(cell['failed'])}"
        for record in records
        for cell in record["cells"]
        if "failed" in cell
    ]
