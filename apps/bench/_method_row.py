"""A row of the benchmark "methods": a method, beside plain distillation and a control.

What `Row.build` returns is what a user writes: the ten lines of the README, the test of
the identity at the neutral value and the benchmark's row are the same code.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from interpretkd.distillation import DistilledClassifier
from interpretkd.methods import Weighting

__all__ = [
    "Build",
    "Row",
    "Trial",
    "Unchanged",
    "first_network",
    "plainly",
    "taught_plainly",
]

Build = Callable[[Any, Any], DistilledClassifier]
"""From the frozen teacher (or several) and a student to a model."""


def plainly(frozen: Any, student: Any) -> DistilledClassifier:
    """Return plain distillation: no method, no rows but the given ones.

    Parameters
    ----------
    frozen : estimator
        The teacher.
    student : estimator
        The student.

    Returns
    -------
    DistilledClassifier
        Unfitted. ``transfer="auto"``, the default, is itself row 28.
    """
    return DistilledClassifier(frozen, student, transfer=None)


class Unchanged(Weighting):
    """Each row counts as it did: with a step, the student is one that is taught."""

    def weigh(self, transfer_set: Any, context: Any) -> Any:
        """Return 1 for each row.

        Parameters
        ----------
        transfer_set : TransferSet
            The rows so far.
        context : Context
            Not needed.

        Returns
        -------
        ndarray of shape (n_samples,)
            Ones.
        """
        return np.ones(len(transfer_set))


def taught_plainly(frozen: Any, student: Any) -> DistilledClassifier:
    """Return what a step is compared with: plain distillation, never the labels' tree.

    Without steps ``target="auto"`` also tries the tree of the labels; a student that
    is asked to be taught by a step is never that, and the difference would be told as
    the step's.

    Parameters
    ----------
    frozen : estimator
        The teacher.
    student : estimator
        The student.

    Returns
    -------
    DistilledClassifier
        Unfitted.
    """
    return DistilledClassifier(frozen, student, weights=Unchanged(), transfer=None)


def first_network(case: Any) -> Any:
    """Return the one network of a case, frozen.

    Parameters
    ----------
    case : Case
        Data set and seed.

    Returns
    -------
    estimator
        What most rows are built with.
    """
    return case.network(0)


@dataclass(frozen=True, eq=False)
class Trial:
    """What a claim looks at: one data set, seed and student.

    Parameters
    ----------
    case : Case
        Rows and networks.
    models : mapping of str to DistilledClassifier
        "plain", "method" and, where there is one, "control": fitted.
    judged : mapping of str to Judged
        The same and "baseline", on the held-out rows.
    """

    case: Any
    models: Mapping[str, Any]
    judged: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Row:
    """One method.

    Parameters
    ----------
    number : str
        Of the table of methods, with a letter where one has several rows.
    name : str
        Of the method.
    source : str
        Who proposed it.
    data : tuple of str
        The data sets; "tables" stands for all of the folder that is given.
    build : callable
        Of the teacher and a student: the model, unfitted.
    control : callable or None
        Builds what a stub would do as well as the method.
    control_text : str
        What that is.
    claim : callable
        Of a `Trial`: a number above 0 where what the paper says holds.
    claim_text : str
        What it says, in one sentence.
    neutral : mapping, callable or None, default=None
        The parameters at which the model must equal the plain one, or what builds it.
    neutral_text : str, default=""
        The reason where there is none.
    plain : callable, default=plainly
        Builds what the method is compared with.
    teachers : callable, default=first_network
        Of a `Case`: what `build` and `control` get in the teacher's place.
    plain_teachers : callable, default=first_network
        The same for `plain`.
    students : tuple of str, default=("tree",)
        Names of `STUDENTS`.
    judged_by : {"fidelity", "accuracy"}, default="fidelity"
        Whether it helps by that.
    of : {"network", "own"}, default="network"
        Whose fidelity: of the one network of the case, or of the model's own teacher.
    labelled : float, default=1.0
        The share of the rows that are given with labels.
    further : bool, default=False
        Whether method and control get the others, too, without labels.
    quick : str, default=""
        The data set of a trial; "" for "breast_cancer" in the place of tables, else
        the first of `data`.
    file : Path, default=None
        Where it is written; set by the list of all rows.
    """

    number: str
    name: str
    source: str
    data: tuple[str, ...]
    build: Build
    control: Build | None
    control_text: str
    claim: Callable[[Trial], float]
    claim_text: str
    neutral: Mapping[str, Any] | Build | None = None
    neutral_text: str = ""
    plain: Build = plainly
    teachers: Callable[[Any], Any] = first_network
    plain_teachers: Callable[[Any], Any] = first_network
    students: tuple[str, ...] = ("tree",)
    judged_by: str = "fidelity"
    of: str = "network"
    labelled: float = 1.0
    further: bool = False
    quick: str = ""
    file: Path | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """The name of its file of results: the number, two digits, and the name."""
        digits = "".join(c for c in self.number if c.isdigit())
        letters = self.number.removeprefix(digits)
        words = "".join(c if c.isalnum() else "_" for c in self.name.lower())
        return f"{int(digits):02d}{letters}_{words}"
