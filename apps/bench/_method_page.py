"""The page for users: which method for which situation, by what was measured here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._comparison import (  # type: ignore[import-not-found]
    mean_interval,
)
from interpretkd_bench._method_tables import (  # type: ignore[import-not-found]
    Line,
    lines_of,
    summary,
)

from interpretkd._base import InputError

__all__ = ["BEGIN", "END", "SITUATIONS", "figures", "with_figures"]

BEGIN = "<!-- figures: begin (python docs/methods.py) -->"
END = "<!-- figures: end -->"


@dataclass(frozen=True)
class Situation:
    """What a user has, what to take then, and the rows that measured it.

    Parameters
    ----------
    has : str
        The situation.
    take : str
        In Markdown.
    rows : tuple of str
        Numbers of rows of the benchmark.
    """

    has: str
    take: str
    rows: tuple[str, ...]


SITUATIONS = (
    Situation(
        "a fitted network and rows without labels",
        "all the rows there are: `fit(X)`, or `fit(X, y, X_unlabelled=...)`",
        ("26",),
    ),
    Situation(
        "few labels, many rows, boosted trees",
        "`fit(X, y, X_unlabelled=...)`, `scheme=Interleaved()`: judged by accuracy",
        ("26b",),
    ),
    Situation(
        "few rows, and a small tree",
        '`transfer="auto"`, the default: rows drawn around the given ones, and the '
        "best of several trees",
        ("28",),
    ),
    Situation(
        "few rows, and boosted trees or a large tree",
        "`transfer=Mix()`, `Resample()` or `Munge()`, tried with and without by "
        "`Auto(...)`",
        ("28b", "28c", "39"),
    ),
    Situation(
        "images",
        "boosted trees or a linear student, and no method: moved and bent images "
        "(`transfer=Images()`) hurt trees",
        ("28d",),
    ),
    Situation(
        "a network that is sure of some rows and unsure of others",
        '`weights="auto"`, which takes `Confidence()` where it gains',
        ("17", "17b"),
    ),
    Situation(
        "rows that matter more than others",
        "`weights=Masked(...)`, judged on these rows: on all it costs",
        ("40",),
    ),
    Situation(
        "good labels, and a network that errs",
        '`alpha="auto"`, perhaps `replies=Conditional()`: judged by accuracy; '
        "`weights=Error()` cost some",
        ("1b", "16", "17c"),
    ),
    Situation(
        "a network that has learnt the noise of its labels",
        "a better network: `replies=Smoothed()` did not mend it, judged by accuracy",
        ("32",),
    ),
    Situation(
        "several networks",
        "`EnsembleTeacher([...])`; the student agrees with it, not with one of them",
        ("12", "12b", "13", "13b"),
    ),
    Situation(
        "classes that are easily confused, and networks for these",
        "`SpecialistTeacher(general, {(4, 9): expert})`, if the student is large "
        "enough to follow: judged by accuracy",
        ("14",),
    ),
    Situation(
        "a student that may read only some columns",
        "`view=Columns([...])`",
        ("11",),
    ),
    Situation("images, and a student with larger pixels", "`view=Pooled(2)`", ("11b",)),
    Situation(
        "series of which the beginning must do",
        "`view=Prefix(0.5)`",
        ("47", "47b", "47c"),
    ),
    Situation(
        "rows that will be noisier than those of training",
        "`view=Corrupted(noise=0.5)`; the figure is on clean rows, the claim on noisy "
        "ones",
        ("47d",),
    ),
    Situation(
        "no need to read the student, only to have a small one",
        "`view=Hidden(layer=0)`: the network up to there counts",
        ("10",),
    ),
    Situation(
        "a booster that is better than any tree",
        "a chain, the distilled booster as the teacher: no better than the network",
        ("22",),
    ),
    Situation(
        "several small trees in the place of one",
        "one tree of as many leaves: `CommitteeStudent(CartStudent(4), 4)` is below it",
        ("42", "42b"),
    ),
    Situation(
        "many classes, and answers that take space",
        "`replies=TopK(3)`, `KBest(3)`",
        ("34", "34b"),
    ),
    Situation(
        "little time for the fit",
        "`weights=Hardness(0.5)`: the easiest half of the rows, at a cost",
        ("49",),
    ),
    Situation(
        "a wish for a tree that also tells the network's features apart",
        "`hints=Features(layer=0)`",
        ("5", "45", "46"),
    ),
    Situation(
        "doubt whether an answer's smaller probabilities teach anything",
        '`replies=Permuted()`, `target="soft"` at other temperatures',
        ("1", "41"),
    ),
)
"""In the order of the page."""


def figures(records: Sequence[Mapping[str, Any]], states: Mapping[str, Any]) -> str:
    """Return what stands between the marks of the page.

    Parameters
    ----------
    records : sequence of mapping
        What `read_results` returned.
    states : mapping
        As of `lines_of`.

    Returns
    -------
    str
        Markdown: the situations with what was measured, and the table of all rows.
    """
    lines = lines_of(records, states)
    if not lines:
        return (
            "Nothing has been measured yet: `interpretkd bench methods --out "
            "apps/bench/results` does it.\n"
        )
    rows = ["| you have | take | measured here |", "| --- | --- | --- |"]
    for one in SITUATIONS:
        found = [_said(lines, number) for number in one.rows]
        measured = "; ".join(text for text in found if text) or "not yet"
        rows.append(f"| {one.has} | {one.take} | {measured} |")
    return "\n".join([*rows, "", "All rows:", "", summary(lines), ""])


def _said(lines: Sequence[Line], number: str) -> str:
    """Say in a few words what was found of a row."""
    own = [line for line in lines if line.record["number"] == number]
    parts = []
    for student in dict.fromkeys(line.student for line in own):
        found = [line for line in own if line.student == student]
        mean, half = mean_interval(line.plain.mean for line in found)
        words = [line.word for line in found]
        spread = f" ± {half:.1f}" if half == half else ""  # NaN for a single set
        old = "*" if any(line.is_old for line in found) else ""
        parts.append(
            f"{student} {mean:+.1f}{spread} on {len(found)} "
            f"set{'s' if len(found) > 1 else ''}, helps on {words.count('helps')}, "
            f"hurts on {words.count('hurts')}{old}"
        )
    if not parts:
        return ""
    record = own[0].record
    return f"{record['name']} ({record['judged_by']}): {', '.join(parts)}"


def with_figures(page: str, block: str) -> str:
    r"""Return a page with other figures.

    Parameters
    ----------
    page : str
        Its text, with `BEGIN` and `END`.
    block : str
        What `figures` returned.

    Returns
    -------
    str
        The page.

    Raises
    ------
    InputError
        When the marks are not there.

    Examples
    --------
    >>> page = with_figures(f"Before.\n{BEGIN}\nold\n{END}\nAfter.", "new\n")
    >>> "old" in page, "new" in page
    (False, True)
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(f"The page must have the marks {BEGIN!r} and {END!r}.")
    return f"{before}{BEGIN}\n\n{block}\n{END}{after}"
