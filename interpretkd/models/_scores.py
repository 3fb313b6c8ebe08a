"""Scores: whole-number points for a few columns, added up; and trees that test them.

A score is a column made of others: "2 x duration + 1 x (amount / 1000)". A tree over
scores is a `Tree` like any other whose schema, a `ScoredSchema`, says how rows come by
those columns, so what reads a tree (rules, drawings, explanations) reads this one too.

The sum is defined once, for every reader and export. With ``most`` the largest `tens`
of a score's terms, each term has the whole weight ``points * 10**(most - tens)``, below
2**29 in size: times a float32 it is exact in float64. These products are added up in
float64 in the order of the terms, from 0, the sum is divided by ``10**most`` and
rounded to float32, as every column is. No product is rounded, so a compiler that fuses
multiplication and addition decides alike; of whole numbers nothing is rounded at all.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd._base import InputError, threshold_text
from interpretkd.data import Codes, Feature, Rows, Schema
from interpretkd.models._conditions import Condition

LARGEST_WEIGHT = 2**29
"""Above, a weight times a float32 may be no float64."""
_MOST_TENS = 8
_LARGEST = float(np.finfo(np.float32).max)

SCORE_ARRAYS = {
    "plain": np.int32,
    "term_score": np.int32,
    "term_column": np.int32,
    "term_points": np.int32,
    "term_tens": np.int32,
    "term_fill": np.float32,
    "term_is_set": np.bool_,
    "term_set": np.bool_,
}
"""The arrays that a `ScoredSchema` is saved as, with their types.

``term_set`` holds, for each term that is a set, in order, one value a category of its
column and one for missing: whether it counts.
"""


@dataclass(frozen=True)
class Term:
    """What one column adds to a score.

    Parameters
    ----------
    column : int
        Its position in the given schema. Dates, and numbers that are counted from an
        origin, are not added up: their codes are not what people read.
    points : int
        Not 0, below 2**29 in size: what a unit of the number adds, or a cell that is in
        the set.
    tens : int, default=0
        In [0, 8]: the unit is ``10**tens``; for a number only.
    fill : float, default=0.0
        The number that a missing cell counts as; a finite float32.
    categories : tuple of int or None, default=None
        The categories, in rising order, that get the points. None for a number, ()
        for "is missing" of a number.
    missing : bool, default=False
        Whether a missing cell is in the set; for a set only.
    """

    column: int
    points: int
    tens: int = 0
    fill: float = 0.0
    categories: tuple[int, ...] | None = None
    missing: bool = False

    @property
    def is_set(self) -> bool:
        """Whether it has points for being in a set rather than for each unit."""
        return self.categories is not None

    def condition(self, schema: Schema) -> Condition:
        """Return when a cell gets the points of a set.

        Parameters
        ----------
        schema : Schema
            The given columns.

        Returns
        -------
        Condition
            Such as "home is rent or missing".
        """
        feature = schema.features[self.column]
        return Condition(
            feature,
            self.column,
            categories=self.categories or (),
            values=feature.is_categorical,
            missing=self.missing,
        )

    def text(self, schema: Schema) -> str:
        """Say what it adds, without its sign.

        Parameters
        ----------
        schema : Schema
            The given columns.

        Returns
        -------
        str
            "2 x age", "1 x (amount / 1000)", "2 x age (35 if missing)" or
            "(3 if home is rent)".
        """
        feature, points = schema.features[self.column], abs(self.points)
        if self.is_set:
            return f"({points} if {self.condition(schema).brief})"
        name = _clear(feature.name)
        if self.tens:
            name = f"({name} / {10**self.tens})"
        gap = (
            f" ({threshold_text(self.fill)} if missing)" if feature.has_missing else ""
        )
        return f"{points} x {name}{gap}"


@dataclass(frozen=True)
class Score:
    """A sum of points, a column of its own.

    Parameters
    ----------
    terms : tuple of Term
        At least one, no two alike but for their points, in the order in which they are
        added up.

    Examples
    --------
    >>> schema = Schema((Feature("duration"), Feature("amount")))
    >>> Score((Term(0, 2), Term(1, -1, tens=3))).text(schema)
    '2 x duration - 1 x (amount / 1000)'
    """

    terms: tuple[Term, ...]

    @property
    def unit(self) -> int:
        """What the sum of whole weights is divided by, a power of ten."""
        return 10 ** max(term.tens for term in self.terms)

    @property
    def weights(self) -> tuple[int, ...]:
        """The whole weight of each term: of a sum that is `unit` times the score."""
        return tuple(t.points * (self.unit // 10**t.tens) for t in self.terms)

    @property
    def columns(self) -> tuple[int, ...]:
        """The given columns that it reads, in rising order."""
        return tuple(sorted({term.column for term in self.terms}))

    def text(self, schema: Schema) -> str:
        """Say the sum.

        Parameters
        ----------
        schema : Schema
            The given columns.

        Returns
        -------
        str
            Such as "2 x duration + 1 x age".
        """
        parts = []
        for term in self.terms:
            sign = "-" if term.points < 0 else "+"
            parts.append(f"{sign} {term.text(schema)}")
        whole = " ".join(parts)
        return whole[2:] if whole[0] == "+" else f"-{whole[2:]}"

    def parts(self, schema: Schema, codes: Codes) -> tuple[tuple[str, float], ...]:
        """Say what each term adds for one row.

        Parameters
        ----------
        schema : Schema
            The given columns.
        codes : ndarray of shape (n_features,), float32
            The row, as ``schema.encode`` returns it.

        Returns
        -------
        tuple of (str, float)
            Each term in words, without its sign, and what it adds.
        """
        found = []
        for term in self.terms:
            x = float(codes[term.column])
            gap = math.isnan(x)
            if term.is_set:
                holds = term.missing if gap else int(x) in (term.categories or ())
                found.append((term.text(schema), float(term.points * holds)))
                continue
            counted = term.fill if gap else x
            found.append((term.text(schema), term.points * counted / 10**term.tens))
        return tuple(found)


class _Packed(NamedTuple):
    """Scores as compiled code takes them."""

    start: NDArray[np.int64]
    column: NDArray[np.int32]
    weight: NDArray[np.float64]
    unit: NDArray[np.float64]
    fill: NDArray[np.float32]
    set_start: NDArray[np.int64]
    in_set: NDArray[np.bool_]
    n_in_set: NDArray[np.int64]


@dataclass(frozen=True)
class ScoredSchema(Schema):
    """The columns that a scored tree tests: some of the given ones, then scores.

    It encodes rows of the given columns.

    Parameters
    ----------
    given : Schema
        The columns of the rows.
    plain : tuple of int
        The positions, in rising order, of the given columns that are tested by
        themselves.
    scores : tuple of Score
        No two alike.

    Attributes
    ----------
    features : tuple of Feature
        The columns in `plain`, then one number a score, named after what it adds up.
    image_shape : None
        Scores are no pixels.

    Raises
    ------
    InputError
        When a column, a category or a number is out of range.

    Examples
    --------
    >>> given = Schema((Feature("duration"), Feature("amount")))
    >>> score = Score((Term(0, 2), Term(1, 1, tens=3)))
    >>> schema = ScoredSchema(given, (0,), (score,))
    >>> schema.names
    ('duration', '2 x duration + 1 x (amount / 1000)')
    >>> schema.encode(np.array([[12.0, 4500.0]]))
    array([[12. , 28.5]], dtype=float32)
    """

    features: tuple[Feature, ...] = field(init=False)
    image_shape: tuple[int, ...] | None = field(init=False, default=None)
    given: Schema
    plain: tuple[int, ...]
    scores: tuple[Score, ...]

    def __post_init__(self) -> None:
        n_given = len(self.given)
        if any(not 0 <= column < n_given for column in self.plain):
            raise InputError(
                f"The plain columns of a scored schema must lie in [0, {n_given}). Got "
                f"{self.plain}."
            )
        if any(a >= b for a, b in pairwise(self.plain)):
            raise InputError(
                f"The plain columns of a scored schema must rise. Got {self.plain}."
            )
        if len(set(self.scores)) != len(self.scores):
            raise InputError("No two scores of a schema may be alike.")
        for score in self.scores:
            _check_score(score, self.given)
        features = [self.given.features[column] for column in self.plain]
        taken = {feature.name for feature in features}
        for score in self.scores:
            name = score.text(self.given)
            while name in taken:  # a column may be named like a sum
                name = f"{name} (score)"
            taken.add(name)
            features.append(Feature(name))
        object.__setattr__(self, "features", tuple(features))
        super().__post_init__()

    def encode(self, X: Any) -> Codes:
        """Turn rows of the given columns into codes.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_samples, n_given)
            As of `Schema.encode`.

        Returns
        -------
        ndarray of shape (n_samples, n_features), float32
            The plain columns, then the scores.
        """
        return self.see(self.given.encode(X))

    def encode_checked(self, X: Rows) -> Codes:
        """Turn rows of the given columns, which are checked, into codes.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_samples, n_given)
            As of `Schema.encode_checked`.

        Returns
        -------
        ndarray of shape (n_samples, n_features), float32
            As of `encode`.
        """
        return self.see(self.given.encode_checked(X))

    def see(self, codes: Codes) -> Codes:
        """Return the columns of rows that are encoded already.

        Parameters
        ----------
        codes : ndarray of shape (n_samples, n_given), float32
            Rows as ``given.encode`` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features), float32
            As of `encode`.
        """
        n_plain = len(self.plain)
        seen = np.empty((len(codes), len(self.features)), dtype=np.float32)
        seen[:, :n_plain] = codes[:, list(self.plain)]
        _add_up(np.asarray(codes, dtype=np.float32), *self._packed, seen, n_plain)
        return seen

    def score_at(self, position: int) -> Score | None:
        """Return the score that a column is.

        Parameters
        ----------
        position : int
            In [0, n_features).

        Returns
        -------
        Score or None
            None for a given column.
        """
        place = position - len(self.plain)
        return self.scores[place] if place >= 0 else None

    def columns_of(self, position: int) -> tuple[int, ...]:
        """Return the given columns that a column is made of.

        Parameters
        ----------
        position : int
            In [0, n_features).

        Returns
        -------
        tuple of int
            Their positions, in rising order.
        """
        score = self.score_at(position)
        return (self.plain[position],) if score is None else score.columns

    @cached_property
    def _packed(self) -> _Packed:
        terms = [term for score in self.scores for term in score.terms]
        counts = np.asarray([len(score.terms) for score in self.scores], dtype=np.int64)
        sets = [_members(term, self.given) if term.is_set else [] for term in terms]
        sizes = np.asarray([len(members) for members in sets], dtype=np.int64)
        weights = [weight for score in self.scores for weight in score.weights]
        return _Packed(
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            np.asarray([term.column for term in terms], dtype=np.int32),
            np.asarray(weights, dtype=np.float64),
            np.asarray([score.unit for score in self.scores], dtype=np.float64),
            np.asarray([term.fill for term in terms], dtype=np.float32),
            np.where(sizes > 0, np.cumsum(sizes) - sizes, -1),
            np.asarray(list(chain.from_iterable(sets)), dtype=np.bool_),
            sizes,
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is tested and added up by name, for saving.

        Returns
        -------
        dict
            The `SCORE_ARRAYS`; the given columns are not among them.
        """
        terms = [term for score in self.scores for term in score.terms]
        sets = [_members(term, self.given) for term in terms if term.is_set]
        owner = [i for i, score in enumerate(self.scores) for _ in score.terms]
        values = {
            "plain": self.plain,
            "term_score": owner,
            "term_column": [term.column for term in terms],
            "term_points": [term.points for term in terms],
            "term_tens": [term.tens for term in terms],
            "term_fill": [term.fill for term in terms],
            "term_is_set": [term.is_set for term in terms],
            "term_set": list(chain.from_iterable(sets)),
        }
        return {
            name: np.asarray(values[name], dtype=dtype)
            for name, dtype in SCORE_ARRAYS.items()
        }

    @classmethod
    def from_arrays(
        cls, given: Schema, arrays: Mapping[str, NDArray[Any]]
    ) -> "ScoredSchema":
        """Build a schema from `to_arrays`' values, checking each.

        Parameters
        ----------
        given : Schema
            The columns of the rows.
        arrays : mapping of str to ndarray
            What `to_arrays` returned, perhaps by way of a file.

        Returns
        -------
        ScoredSchema
            The columns.
        """
        for name, dtype in SCORE_ARRAYS.items():
            if arrays[name].ndim != 1 or arrays[name].dtype != dtype:
                raise InputError(
                    f"The array '{name}' of scores must be a list of "
                    f"{np.dtype(dtype).name}. Got shape {arrays[name].shape}, dtype "
                    f"{arrays[name].dtype}."
                )
        lists = {name: arrays[name].tolist() for name in SCORE_ARRAYS}
        by_term = [lists[f"term_{part}"] for part in _PARTS]
        if len({len(values) for values in by_term}) != 1:
            raise InputError("The arrays of scores must have one value a term each.")
        owner, members = lists["term_score"], iter(lists["term_set"])
        terms = [
            _term(given, members, *part) for part in zip(*by_term[1:], strict=True)
        ]
        if next(members, None) is not None:
            raise InputError("The sets of scores hold more than their columns have.")
        ends = [i for i in range(1, len(owner)) if owner[i] != owner[i - 1]]
        cuts = [0, *ends, len(owner)] if owner else [0]
        scores = [Score(tuple(terms[a:b])) for a, b in pairwise(cuts)]
        if [owner[cut] for cut in cuts[:-1]] != list(range(len(scores))):
            raise InputError("The scores of terms must rise from 0 by ones.")
        return cls(given, tuple(lists["plain"]), tuple(scores))


_PARTS = ("score", "column", "points", "tens", "fill", "is_set")


def _term(
    given: Schema,
    members: Any,
    column: int,
    points: int,
    tens: int,
    fill: float,
    is_set: bool,
) -> Term:
    if not is_set:
        return Term(column, points, tens, fill)
    if not 0 <= column < len(given):
        raise InputError(
            f"The columns of scores must lie in [0, {len(given)}). Got {column}."
        )
    size = len(given.features[column].categories) + 1
    inside = [member for _, member in zip(range(size), members, strict=False)]
    if len(inside) != size:
        raise InputError("The sets of scores hold less than their columns have.")
    categories = tuple(i for i in range(size - 1) if inside[i])
    return Term(column, points, tens, fill, categories, inside[-1])


def _members(term: Term, given: Schema) -> list[bool]:
    """Return by category, and for missing, whether it gets the points."""
    within = set(term.categories or ())
    n_categories = len(given.features[term.column].categories)
    return [*(i in within for i in range(n_categories)), term.missing]


def _check_score(score: Score, given: Schema) -> None:
    if not score.terms:
        raise InputError("A score needs at least one term.")
    kinds = [(t.column, t.categories, t.missing) for t in score.terms]
    if len(set(kinds)) != len(kinds):
        raise InputError("No two terms of a score may be about the same.")
    for term in score.terms:
        _check_term(term, given)
    if max(map(abs, score.weights)) >= LARGEST_WEIGHT:
        raise InputError(
            "The units of a score lie too far apart: points times the largest unit "
            f"over a term's own must stay below 2**29. Got {score.weights}."
        )


def _check_term(term: Term, given: Schema) -> None:
    if not 0 <= term.column < len(given):
        raise InputError(
            f"The columns of scores must lie in [0, {len(given)}). Got {term.column}."
        )
    feature = given.features[term.column]
    if not 0 < abs(term.points) < LARGEST_WEIGHT or not 0 <= term.tens <= _MOST_TENS:
        raise InputError(
            "A term of a score needs points other than 0 and below 2**29 in size, and "
            f"tens in [0, {_MOST_TENS}]. Got {term.points} and {term.tens}."
        )
    if not math.isfinite(term.fill) or abs(term.fill) > _LARGEST:
        raise InputError(
            f"What a missing number counts as must be finite. Got {term.fill}."
        )
    if float(np.float32(term.fill)) != term.fill:
        raise InputError(
            f"What a missing number counts as must be a float32. Got {term.fill!r}."
        )
    if not term.is_set:
        if feature.is_categorical or feature.is_date or feature.scale is not None:
            raise InputError(
                "Only numbers that are their own codes are added up. Got the column "
                f"{feature.name!r}."
            )
        if term.missing:
            raise InputError("A missing number counts as its fill, in no set.")
        return
    allowed = range(len(feature.categories))
    rises = list(term.categories or ()) == sorted(set(term.categories or ()))
    if not rises or not set(term.categories or ()) <= set(allowed):
        raise InputError(
            f"The categories of column {feature.name!r} in a score must rise in "
            f"[0, {len(allowed)}). Got {term.categories}."
        )
    if term.tens or term.fill:
        raise InputError("A set of a score has neither tens nor a fill.")


def _clear(name: str) -> str:
    """Put a name into quotes that could be taken for a part of the sum."""
    if not any(sign in name for sign in (" + ", " - ", " x ", " / ", '"')):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True)
def _add_up(  # type: ignore[no-untyped-def]
    codes, start, column, weight, unit, fill, set_start, in_set, n_in_set, seen, first
):
    """Write each row's scores into the columns of `seen` from `first` on."""
    largest = 3.4028234663852886e38
    for i in range(len(codes)):
        for s in range(len(unit)):
            total = 0.0
            for t in range(start[s], start[s + 1]):
                x = codes[i, column[t]]
                gap = np.isnan(x)
                if set_start[t] >= 0:
                    place = n_in_set[t] - 1 if gap or n_in_set[t] == 1 else np.int64(x)
                    holds = in_set[set_start[t] + place]
                    if n_in_set[t] == 1:  # "is missing" of a number
                        holds = holds and gap
                    if holds:
                        total += weight[t]
                else:
                    total += weight[t] * np.float64(fill[t] if gap else x)
            value = total / unit[s]
            seen[i, first + s] = np.float32(min(max(value, -largest), largest))
