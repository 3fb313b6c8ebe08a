"""Students of many families and sizes, what they measure, and what is too large."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interpretkd._base import InputError, check_integer
from interpretkd.models import Forest, Linear, Tree
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent, as_student

CANDIDATE_LEAVES = (4, 8, 16, 32, 64, 128)

LINEAR_TERMS = (1, 2, 3, 5, 8, 12, 20, 32, 50)

POINTS_TERMS = (3, 5, 8, 12)
"""The sizes that are tried by default."""

EFFORTS = ("quick", "thorough")
"""How much is tried: see `frontier`."""


@dataclass(frozen=True)
class Budget:
    """How large a student may be; each bound is for those that it means something for.

    Parameters
    ----------
    max_rules : int or None, default=None
        In [2, inf): the leaves of all its trees together.
    max_depth : int or None, default=None
        In [1, inf): the tests that a row passes in one tree.
    max_terms : int or None, default=None
        In [1, inf): the features of a weighted sum.
    """

    max_rules: int | None = None
    max_depth: int | None = None
    max_terms: int | None = None

    def __post_init__(self) -> None:
        for name, fewest in (("max_rules", 2), ("max_depth", 1), ("max_terms", 1)):
            check_integer("frontier", name, getattr(self, name), fewest, optional=True)

    def allows(self, form: Any) -> bool:
        """Say whether a student keeps within the bounds.

        Parameters
        ----------
        form : Tree, Forest, Linear or other
            The student's form; of others nothing is known, and nothing forbidden.

        Returns
        -------
        bool
            Whether it does.
        """
        if isinstance(form, Linear):
            return _within(len(form.features), self.max_terms)
        if not isinstance(form, Tree | Forest):
            return True
        depth = int(form.nodes.depths.max())
        return _within(form.n_leaves, self.max_rules) and _within(depth, self.max_depth)


@dataclass(frozen=True)
class Candidate:
    """A student that is to be fitted.

    Parameters
    ----------
    family : str
        What it belongs to, such as "tree".
    student : regressor
        The student, not fitted.
    terms : tuple of int, default=()
        Of a linear student with a path: the numbers of terms at which it is measured.
    limit : int or None, default=None
        A size of which less is taken only where more would not help: when that
        happens, the family's larger students are not fitted.
    """

    family: str
    student: Any
    terms: tuple[int, ...] = ()
    limit: int | None = None


def _default_candidates(
    n_features: int, budget: Budget, effort: str = "thorough"
) -> list[Candidate]:
    """Return the students that are tried when none are named.

    Trees and boosted trees of several sizes, a linear path, and scorecards; the bounds
    of the budget are among the sizes. Trees are found anew at each size: the best
    small tree is no part of a large one. On digits (three splits) trees of 8 and 16
    leaves agreed with their teacher on 6.8 and 4.5 points more rows than the best parts
    of a tree of 128 leaves had done; on German credit there was no difference. A quick
    search leaves every second size out.
    """
    depth, every = budget.max_depth, 2 if effort == "quick" else 1
    leaves = _sizes(CANDIDATE_LEAVES[::every], budget.max_rules)
    few = leaves if depth is None else _sizes(tuple(leaves), None, 2**depth)
    terms = _sizes(LINEAR_TERMS, budget.max_terms, n_features)
    points = _sizes(POINTS_TERMS[::every], budget.max_terms, n_features)
    return [
        *(Candidate("tree", CartStudent(n, max_depth=depth), limit=n) for n in few),
        *(Candidate("boosted", BoostedStudent(max_leaves=n)) for n in leaves),
        Candidate("linear", LinearStudent(max_terms=terms[-1]), tuple(terms)),
        *(Candidate("points", LinearStudent(max_terms=n, points=True)) for n in points),
    ]


def cost_of(candidate: Candidate) -> float:
    """Say about how long a student takes, where the first tree takes 1.

    Parameters
    ----------
    candidate : Candidate
        The student.

    Returns
    -------
    float
        As measured on 240 and 1,500 rows, where the first has to load code, too; of
        the students of others 1.
    """
    student = candidate.student
    if isinstance(student, BoostedStudent):
        leaves = student.max_leaves or 8 * student.n_rounds
        return float(0.05 + leaves / 150)
    if isinstance(student, CartStudent):
        return 0.2 if student.search == "greedy" else 0.7
    return 0.25 if isinstance(student, LinearStudent) else 1.0


def _given_candidates(students: Any) -> list[Candidate]:
    """Read the students that a caller names, one by one or by family."""
    named: list[tuple[str, Any]] = []
    if isinstance(students, Mapping):
        for name, value in students.items():
            several = value if isinstance(value, Sequence) else [value]
            named += [(str(name), student) for student in several]
    elif isinstance(students, Sequence) and not isinstance(students, str):
        named = [(as_student(student).family, student) for student in students]
    for _, student in named:
        if not hasattr(student, "fit") or not hasattr(student, "get_params"):
            raise InputError(
                "The 'students' parameter of frontier must hold regressors. Got "
                f"{student!r}."
            )
    if not named:
        raise InputError(
            "The 'students' parameter of frontier must be None, or hold at least one "
            f"student in a list or dict. Got {students!r}."
        )
    return [Candidate(family, student) for family, student in named]


def _within(size: int, bound: int | None) -> bool:
    return bound is None or size <= bound


def _sizes(
    known: Sequence[int], bound: int | None, most: int | None = None
) -> list[int]:
    """Return the sizes up to a bound, and the bound itself."""
    largest = known[-1] if bound is None else bound
    if most is not None:
        largest = min(largest, most)
    return sorted({*(size for size in known if size < largest), largest})
