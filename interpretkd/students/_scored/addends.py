"""What a score may add up: numbers in a readable unit, categories, "is missing"."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.data import MISSING, VALUE, Codes, Column, Schema
from interpretkd.models import LARGEST_WEIGHT, Score, Term

_LARGEST_TENS = 8


@dataclass(frozen=True, eq=False)
class Addends:
    """The columns that may be added up, in units that make them alike in size.

    Parameters
    ----------
    schema : Schema
        The given columns.
    columns : tuple of Column
        A number, a category (1 or 0) or "is missing" (1 or 0). Dates, and numbers that
        are counted from an origin, are not among them.
    tens : ndarray of shape (n_addends,), int64
        The unit of a number is 10 to this power; 0 for what is 1 or 0.
    fill : ndarray of shape (n_addends,), float32
        What a missing number counts as.
    """

    schema: Schema
    columns: tuple[Column, ...]
    tens: NDArray[np.int64]
    fill: NDArray[np.float32]

    @classmethod
    def of(cls, schema: Schema, codes: Codes, weight: Array) -> "Addends":
        """Choose units for the columns of rows.

        Parameters
        ----------
        schema : Schema
            The columns.
        codes : ndarray of shape (n_samples, n_features), float32
            The rows.
        weight : ndarray of shape (n_samples,), float64
            How much each counts.

        Returns
        -------
        Addends
            Of each number the power of ten that is nearest to its spread; columns whose
            spread is within ten times the median's, and all pixels, share one unit, so
            that most sums need none.
        """
        columns = tuple(
            column
            for column in schema.columns(indicate_missing=True)
            if column.part != VALUE or _adds_up(schema, column.feature)
        )
        numbers = [i for i, column in enumerate(columns) if column.part == VALUE]
        spread, fill = np.ones(len(columns)), np.zeros(len(columns), dtype=np.float32)
        for i in numbers:
            spread[i], fill[i] = _of_number(codes[:, columns[i].feature], weight)
        tens = np.zeros(len(columns), dtype=np.int64)
        known = [i for i in numbers if spread[i] > 0]
        if known:
            logs = np.log10(spread[known])
            own = np.clip(np.rint(logs), -30, 30).astype(np.int64)
            middle = float(np.median(logs))
            near = np.abs(logs - middle) < 1
            near |= [schema.features[columns[i].feature].kind == "pixel" for i in known]
            tens[known] = np.where(near, int(np.clip(round(middle), -30, 30)), own)
        return cls(schema, columns, tens, fill)

    def values(self, codes: Codes, which: Sequence[int] | None = None) -> Codes:
        """Return columns in their units, missing numbers filled.

        Parameters
        ----------
        codes : ndarray of shape (n_samples, n_features), float32
            Rows of the given columns.
        which : sequence of int, default=None
            The addends; None for all.

        Returns
        -------
        ndarray of shape (n_addends, n_samples), float32
            One row an addend.
        """
        chosen = range(len(self.columns)) if which is None else which
        values = np.empty((len(chosen), len(codes)), dtype=np.float32)
        for row, i in enumerate(chosen):
            column = self.columns[i]
            code = codes[:, column.feature]
            if column.part == MISSING:
                values[row] = np.isnan(code)
            elif column.part == VALUE:
                gap = np.isnan(code)
                np.multiply(code, np.float32(10.0 ** -self.tens[i]), out=values[row])
                values[row][gap] = self.fill[i] * np.float32(10.0 ** -self.tens[i])
            else:
                values[row] = code == column.part
        return values

    def fits(self, which: Sequence[int], most: int) -> bool:
        """Say whether addends can stand in one score.

        Parameters
        ----------
        which : sequence of int
            The addends.
        most : int
            The most points that one may have.

        Returns
        -------
        bool
            False where their units lie too far apart to add them up exactly.
        """
        numbers = [int(self.tens[i]) for i in which if self._is_number(i)]
        if not numbers:
            return True
        base = self._base(which)
        spread = max(*numbers, base) - min(*numbers, base)
        return spread <= _LARGEST_TENS and most * 10**spread < LARGEST_WEIGHT

    def score(self, which: Sequence[int], points: Sequence[int]) -> Score:
        """Return the score that adds up addends times points.

        Parameters
        ----------
        which : sequence of int
            The addends.
        points : sequence of int
            None of them 0.

        Returns
        -------
        Score
            Numbers first, then sets, each the largest points first; categories of one
            column that have the same are one term.
        """
        base = self._base(which)
        terms: dict[tuple[int, ...], Term] = {}
        shared = gcd(*points)
        for i, own in zip(which, points, strict=True):
            column, whole = self.columns[i], own // shared
            if column.part == VALUE:
                tens = int(self.tens[i]) - base
                whole *= 10 ** max(-tens, 0)
                fill = float(self.fill[i])
                terms[(i,)] = Term(column.feature, whole, max(tens, 0), fill)
                continue
            key = (column.feature, whole, -1)
            known = terms.get(key, Term(column.feature, whole, categories=()))
            if column.part == MISSING:
                terms[key] = replace(known, missing=True)
            else:
                inside = tuple(sorted({*(known.categories or ()), column.part}))
                terms[key] = replace(known, categories=inside)
        size = {i: abs(p) for i, p in zip(which, points, strict=True)}
        order = sorted(terms, key=lambda key: _rank(key, size))
        found = [terms[key] for key in order]
        telling = [term for term in found if not self._holds_always(term)]
        return Score(tuple(telling or found[:1]))

    def _holds_always(self, term: Term) -> bool:
        feature = self.schema.features[term.column]
        if not term.is_set or not feature.is_categorical:
            return False
        covers = len(term.categories or ()) == len(feature.categories)
        return covers and (term.missing or not feature.has_missing)

    def _is_number(self, i: int) -> bool:
        return self.columns[i].part == VALUE

    def _base(self, which: Sequence[int]) -> int:
        """Return the power of ten in which the sum is told.

        The smallest unit of its numbers; 1 where points for a set are added, which
        have no unit.
        """
        numbers = [int(self.tens[i]) for i in which if self._is_number(i)]
        if not numbers:
            return 0
        return min(numbers) if len(numbers) == len(which) else 0


def _rank(
    key: tuple[int, ...], size: dict[int, int]
) -> tuple[bool, int, tuple[int, ...]]:
    """Say where a term stands: a number has its addend as its key, a set more."""
    is_set = len(key) > 1
    return is_set, -(abs(key[1]) if is_set else size[key[0]]), key


def _adds_up(schema: Schema, position: int) -> bool:
    feature = schema.features[position]
    return not feature.is_date and feature.scale is None


def _of_number(code: Codes, weight: Array) -> tuple[float, float]:
    """Return the spread of a number, and its mean in two digits."""
    there = ~np.isnan(code)
    known, mass = code[there].astype(np.float64), weight[there]
    if not mass.sum() > 0:
        return 0.0, 0.0
    mean = float(np.average(known, weights=mass))
    spread = math.sqrt(np.average((known - mean) ** 2, weights=mass))
    return spread, _short(mean)


def _short(value: float) -> float:
    return float(np.float32(float(f"{value:.2g}")))


def addend_spreads(values: Codes, weight: Array) -> tuple[Array, Array]:
    """Return the weighted mean and spread of each addend.

    Parameters
    ----------
    values : ndarray of shape (n_addends, n_samples), float32
        What `Addends.values` returned.
    weight : ndarray of shape (n_samples,), float64
        With a sum of 1.

    Returns
    -------
    mean, spread : ndarray of shape (n_addends,), float64
        The spread is infinite where nothing varies, so that nothing is gained there.
    """
    own = weight.astype(np.float32)
    mean = (values @ own).astype(np.float64)
    square = ((values * values) @ own).astype(np.float64)
    variance = np.maximum(square - mean**2, 0)
    constant = variance <= 1e-9 * np.maximum(square, 1e-30)
    return mean, np.where(constant, np.inf, np.sqrt(np.maximum(variance, 1e-300)))
