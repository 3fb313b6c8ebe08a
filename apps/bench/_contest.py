"""What every way to a small tree gets, how large its tree may be, and what it returns.

The benchmark "trees" gives all of them the same rows; `Grown` is what it measures.
"""

import contextlib
import importlib
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd.data import VALUE, Codes, Column, Schema, expand
from interpretkd.targets import decide

__all__ = [
    "Budget",
    "Grown",
    "Method",
    "Positions",
    "Rows",
    "TrainingSet",
    "as_frame",
    "as_rows",
    "missing",
    "quiet",
]

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Budget:
    """How large a tree may be.

    Parameters
    ----------
    leaves : int or None, default=None
        The most leaves.
    depth : int or None, default=None
        The most tests of a row.
    """

    leaves: int | None = None
    depth: int | None = None

    def __str__(self) -> str:
        return f"depth {self.depth}" if self.depth else f"{self.leaves} leaves"


@dataclass(frozen=True, eq=False)
class Rows:
    """The same rows as people and as scikit-learn read them.

    Parameters
    ----------
    frame : DataFrame of shape (n_samples, n_features)
        Original columns.
    matrix : ndarray of shape (n_samples, n_columns), float32
        One column a category.
    """

    frame: pd.DataFrame
    matrix: Codes


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """What a student may know.

    Parameters
    ----------
    rows : Rows
        The rows of train and transfer.
    truth : ndarray of shape (n_samples,), int
        Their labels, as positions in the teacher's classes.
    teacher : estimator
        Fitted; has ``logits``.
    schema : Schema
        The columns.
    """

    rows: Rows
    truth: Positions
    teacher: Any
    schema: Schema

    @cached_property
    def logits(self) -> NDArray[np.float64]:
        """The teacher's logits, of shape (n_samples, n_classes)."""
        return self.teacher.logits(self.rows.frame)

    @cached_property
    def decided(self) -> Positions:
        """The teacher's decisions, as positions in its classes."""
        return decide(self.logits)

    def read(self, frame: pd.DataFrame) -> Rows:
        """Return rows in both forms.

        Parameters
        ----------
        frame : DataFrame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        Rows
            The same.
        """
        return as_rows(self.schema, frame)


@dataclass(frozen=True, eq=False)
class Grown:
    """A fitted tree, or a sum of some.

    Parameters
    ----------
    decide : callable
        Turns `Rows` into class positions.
    leaves, depth : int
        Its size; of several trees, the leaves of all and the depth of the deepest.
    note : str, default=""
        What else there is to say of it.
    n_trees : int, default=1
        How many trees are added up.
    cost : tuple of float or None, default=None
        Seconds and CPU seconds of the fit, where it was not made for this tree alone;
        None where they are to be measured.
    """

    decide: Callable[[Rows], Positions]
    leaves: int
    depth: int
    note: str = ""
    n_trees: int = 1
    cost: tuple[float, float] | None = None

    @property
    def items(self) -> int:
        """The conditions that a person reads: of a tree with two ways at each."""
        return self.leaves - self.n_trees


@dataclass(frozen=True)
class Method:
    """One way to a tree.

    Parameters
    ----------
    grow : callable
        Of a training set, a budget and a seed.
    package : str
        The distribution that does it.
    module : str
        What is imported of it.
    settings : str, default=""
        What sets this way apart from others of the package.
    allows : callable, default allows all
        Whether a budget is for it.
    """

    grow: Callable[[TrainingSet, Budget, int], Grown]
    package: str
    module: str
    settings: str = ""
    allows: Callable[[Budget], bool] = field(default=lambda budget: True)

    @property
    def version(self) -> str:
        """What a result of this method was made with."""
        named = f"{self.package} {version(self.package)}"
        return ", ".join(filter(None, [named, self.settings]))

    @property
    def is_ours(self) -> bool:
        """Whether this library does it: what fails in it is not passed over."""
        return self.package == "interpretkd"


def missing(methods: Mapping[str, Method]) -> dict[str, str]:
    """Find the methods whose package cannot be used here.

    Parameters
    ----------
    methods : mapping of str to Method
        Those wanted.

    Returns
    -------
    dict of str to str
        By name, why not.
    """
    reasons = {}
    for name, method in methods.items():
        try:
            with quiet():
                importlib.import_module(method.module)
        # Whatever a package dies of while it is imported, it cannot be used.
        except Exception as error:
            reasons[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    return reasons


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the peers from printing and warning into the benchmark's table."""
    nowhere = io.StringIO()
    with (
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


# Rows in both forms


def as_rows(schema: Schema, frame: pd.DataFrame) -> Rows:
    """Return rows in both forms.

    Parameters
    ----------
    schema : Schema
        The columns.
    frame : DataFrame of shape (n_samples, n_features)
        Rows in original columns.

    Returns
    -------
    Rows
        The same.
    """
    matrix = expand(schema.encode(frame), _columns(schema))
    return Rows(frame, np.ascontiguousarray(matrix))


def as_frame(schema: Schema, matrix: Any) -> pd.DataFrame:
    """Return the rows of an expanded matrix in original columns.

    Parameters
    ----------
    schema : Schema
        The columns.
    matrix : array-like of shape (n_samples, n_columns)
        One column a category, as `as_rows` makes it.

    Returns
    -------
    DataFrame of shape (n_samples, n_features)
        The same rows.
    """
    values, columns = np.asarray(matrix, dtype=np.float32), _columns(schema)
    found: dict[str, Any] = {}
    for i, feature in enumerate(schema.features):
        own = [j for j, column in enumerate(columns) if column.feature == i]
        if columns[own[0]].part == VALUE:
            found[feature.name] = values[:, own[0]]
            continue
        codes = values[:, own].argmax(axis=1)
        parts = np.asarray([columns[j].part for j in own])
        if len(own) == 1:  # two categories, of which the matrix shows the second
            codes = np.where(values[:, own[0]] > 0.5, parts[0], 1 - parts[0])
        else:
            codes = parts[codes]
        categories = pd.CategoricalDtype(list(feature.categories))
        # What is not a category's position is the indicator of a missing value.
        known = np.where(codes < 0, -1, codes)
        found[feature.name] = pd.Categorical.from_codes(known, dtype=categories)
    return pd.DataFrame(found)


def _columns(schema: Schema) -> tuple[Column, ...]:
    return schema.columns(indicate_missing=False)
