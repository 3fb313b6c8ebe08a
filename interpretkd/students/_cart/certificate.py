"""What was proven of a tree."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from interpretkd._base import (
    InputError,
    check_boolean,
    check_choice,
    check_integer,
    check_real,
)

_DEEPEST = 4
MEASURES = ("disagreement", "cost")


@dataclass(frozen=True)
class Certificate:
    """What is known about a tree's distance from the best one.

    Parameters
    ----------
    proven : bool
        Whether the tree is known to be the best, but for the solver's tolerance.
    cost : float
        What the tree costs on the rows, in their own units.
    bound : float
        No tree within the limits costs less. Equal to `cost` where the proof is
        exact, as it is for most disagreements; up to 0.04 % below it where costs are
        added up, which is the solver's tolerance; else what little is known.
    measure : {"disagreement", "cost"}
        Whether the cost is the weight of the rows that are decided otherwise.
    n_tests : int
        The tests searched.
    n_samples : int
        The rows.
    max_depth : int
        The depth allowed.
    max_leaves : int or None
        The leaves allowed; None for as many as the depth allows.
    min_samples_leaf : int
        The rows that each leaf had to keep.
    seconds : float
        How long it took.

    Examples
    --------
    >>> import numpy as np
    >>> from interpretkd.students._cart.optimal import solve
    >>> either = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=bool)
    >>> exclusive = np.array([[0, 1], [1, 0], [1, 0], [0, 1]], dtype=float)
    >>> print(solve(either, exclusive, max_depth=1).certificate)
    no tree of depth 1 over these 2 tests agrees more (proven in ... s on 4 rows)
    """

    proven: bool
    cost: float
    bound: float
    measure: str
    n_tests: int
    n_samples: int
    max_depth: int
    max_leaves: int | None
    min_samples_leaf: int
    seconds: float

    def __post_init__(self) -> None:
        check_boolean("Certificate", "proven", self.proven)
        check_real("Certificate", "cost", self.cost, 0, closed="left")
        check_real("Certificate", "bound", self.bound, 0, self.cost, closed="both")
        check_choice("Certificate", "measure", self.measure, MEASURES)
        for name in ("n_tests", "n_samples"):
            check_integer("Certificate", name, getattr(self, name), 0)
        check_integer("Certificate", "max_depth", self.max_depth, 1, _DEEPEST)
        check_integer("Certificate", "max_leaves", self.max_leaves, 1, optional=True)
        check_integer("Certificate", "min_samples_leaf", self.min_samples_leaf, 1)
        check_real("Certificate", "seconds", self.seconds, 0, closed="left")

    def __str__(self) -> str:
        rows = f"{self.seconds:.1f} s on {self.n_samples:,} rows"
        agrees = self.measure == MEASURES[0]
        if not self.proven:
            verb = "disagrees on" if agrees else "costs"
            return (
                f"not proven to be the best {self._tree}: it {verb} {self.cost:,.6g}, "
                f"any such tree at least {self.bound:,.6g} ({rows})"
            )
        better = "agrees more" if agrees else "costs less"
        if self.bound < self.cost:
            better += f", to within {1 - self.bound / self.cost:.2%}"
        return f"no {self._tree} {better} (proven in {rows})"

    @property
    def _tree(self) -> str:
        text = f"tree of depth {self.max_depth}"
        if self.max_leaves is not None and self.max_leaves < 2**self.max_depth:
            text += f" with {self.max_leaves} leaves"
        if self.min_samples_leaf > 1:
            text += f" of {self.min_samples_leaf} rows or more each"
        return f"{text} over these {self.n_tests:,} tests"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON.

        Returns
        -------
        dict
            What `from_dict` reads.
        """
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Certificate":
        """Build a certificate from `to_dict`'s values, checking each.

        Parameters
        ----------
        values : mapping of str to object
            What `to_dict` returned, perhaps by way of a file.

        Returns
        -------
        Certificate
            The certificate.

        Raises
        ------
        InputError
            When a field is missing, unknown, of another type or out of range.
        """
        names = [field.name for field in fields(cls)]
        if set(values) != set(names):
            raise InputError(
                f"A certificate needs the fields {names}. Got {[*values]}."
            )
        return cls(**values)
