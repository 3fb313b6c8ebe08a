"""Further rows for the teacher to be asked about: like the given ones, but new.

A teacher answers any question for free. A search for a small tree that knows only a
few hundred rows learns their accidents; rows between and around them, answered by the
teacher, show it the teacher itself.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from interpretkd._base import Array, InputError
from interpretkd.data import Codes, Rows, Schema, even_space, value_name

Generator: TypeAlias = Callable[[Schema, Codes, int, np.random.Generator], Codes]

_NEIGHBOURS = 5

_REFERENCES = 5_000
"""Rows among which neighbours are looked for: the nearest of all are not needed."""


def mix_neighbours(
    schema: Schema, codes: Codes, n_rows: int, rng: np.random.Generator
) -> Codes:
    """Draw rows between neighbours.

    A number lies at random between those of a row and of one of its five nearest; a
    category is the one's or the other's. A column of whole numbers keeps to them.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.
    n_rows : int
        How many rows to draw.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    ndarray of shape (n_rows, n_features), float32
        New rows.

    References
    ----------
    Chawla, Bowyer, Hall & Kegelmeyer (2002), "SMOTE"; as label-free augmentation told
    by Abbasi et al. (2020) and Gou et al. (2021).
    """
    one, near = _neighbours(schema, codes, n_rows, 1, rng)
    first, second = codes[one], codes[near[:, 0]]
    share = rng.random((n_rows, 1), dtype=np.float32)
    mixed = first + share * (second - first)
    either = np.where(rng.random(mixed.shape) < share, second, first)
    for j, feature in enumerate(schema.features):
        gaps = np.isnan(mixed[:, j])
        if feature.is_categorical:
            gaps[:] = True
        elif _is_whole(codes[:, j]):
            mixed[:, j] = np.floor(mixed[:, j] + rng.random(n_rows))
        mixed[gaps, j] = either[gaps, j]
    return mixed.astype(np.float32)


def resample_columns(
    schema: Schema, codes: Codes, n_rows: int, rng: np.random.Generator
) -> Codes:
    """Draw rows half of whose cells come from neighbours, each from another one.

    Parameters
    ----------
    schema, codes, n_rows, rng : Schema, ndarray, int, numpy.random.Generator
        As for `mix_neighbours`.

    Returns
    -------
    ndarray of shape (n_rows, n_features), float32
        New rows; every cell's value occurs in its column.
    """
    n_features = codes.shape[1]
    one, near = _neighbours(schema, codes, n_rows, n_features, rng)
    drawn = codes[one]
    for j in range(n_features):
        swapped = rng.random(n_rows) < 0.5
        drawn[swapped, j] = codes[near[swapped, j], j]
    return drawn


GENERATORS: dict[str, Generator] = {
    "mix": mix_neighbours,
    "resample": resample_columns,
}


def draw_rows(
    schema: Schema,
    codes: Codes,
    n_rows: int,
    generator: str | Generator,
    seed: int | np.random.Generator,
    *,
    like: Rows,
) -> Rows:
    """Draw further rows, in the form of the given ones.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.
    n_rows : int
        How many to draw.
    generator : str or callable
        A name out of `GENERATORS`, or a function of the same parameters.
    seed : int or numpy.random.Generator
        Of the draw.
    like : DataFrame or ndarray of shape (any, n_features)
        The form that they get.

    Returns
    -------
    DataFrame or ndarray of shape (n_drawn, n_features)
        New rows.

    Raises
    ------
    InputError
        When a function does not return such rows.
    """
    generate = GENERATORS[generator] if isinstance(generator, str) else generator
    drawn = np.asarray(generate(schema, codes, n_rows, np.random.default_rng(seed)))
    if drawn.ndim != 2 or drawn.shape[1] != len(schema) or len(drawn) == 0:
        raise InputError(
            "The 'transfer' function must return codes of shape (n_rows, "
            f"{len(schema)}). Got shape {drawn.shape}."
        )
    return decode_rows(schema, drawn.astype(np.float32), like)


def decode_rows(schema: Schema, codes: Codes, like: Rows) -> Rows:
    """Return codes as rows, in the form of others.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_rows, n_features), float32
        Codes.
    like : DataFrame or ndarray of shape (any, n_features)
        The form that they get.

    Returns
    -------
    DataFrame or ndarray of shape (n_rows, n_features)
        Rows in original columns, of the dtypes of the others: a teacher may read cells
        as texts, and 3 is none of those that 3.0 is. Numbers that a dtype does not
        hold (gaps and fractions, in one of whole numbers) are float64.
    """
    if not isinstance(like, pd.DataFrame):
        pairs = zip(schema.features, codes.T, strict=True)
        rows = np.column_stack([feature.decode(column) for feature, column in pairs])
        with np.errstate(invalid="ignore"):
            whole = rows.astype(like.dtype) if like.dtype.kind in "iu" else rows
        return whole if np.array_equal(whole, rows) else rows
    columns: dict[Any, Any] = {}
    names = {value_name(name): name for name in like.columns}
    for feature, column in zip(schema.features, codes.T, strict=True):
        name, cells = names[feature.name], feature.decode(column)
        if not feature.is_categorical and not feature.is_date:
            cells = _in_dtype_of(like[name], cells)
        columns[name] = cells
    return pd.DataFrame(columns)


def _in_dtype_of(column: "pd.Series[Any]", numbers: Array) -> Any:
    """Return numbers in a column's dtype, or as they are if it does not hold them."""
    dtype = column.infer_objects().dtype
    if not pd.api.types.is_numeric_dtype(dtype):
        return numbers
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            cells = pd.Series(numbers).astype(dtype)
    except (TypeError, ValueError):  # gaps, or fractions
        return numbers
    held = cells.to_numpy(dtype=np.float64, na_value=np.nan)
    return cells if np.array_equal(held, numbers, equal_nan=True) else numbers


def _neighbours(
    schema: Schema, codes: Codes, n_rows: int, n_each: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw rows, and for each some of its nearest, in columns of equal spread."""
    space = even_space(schema, codes)
    among = rng.permutation(len(codes))[:_REFERENCES]
    n_near = min(_NEIGHBOURS + 1, len(among))
    search = NearestNeighbors(n_neighbors=n_near).fit(space[among])
    own, place = np.unique(rng.integers(len(codes), size=n_rows), return_inverse=True)
    near = among[search.kneighbors(space[own], return_distance=False)]
    chosen = rng.integers(n_near, size=(n_rows, n_each))
    return own[place], near[place[:, None], chosen]


def _turns(n_given: int, n_rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return whose turn it is: each row as often, in a random order."""
    rounds = -(-n_rows // n_given)
    order = np.concatenate([rng.permutation(n_given) for _ in range(rounds)])
    return order[:n_rows]


def _is_whole(column: NDArray[np.float32]) -> bool:
    known = column[~np.isnan(column)]
    return bool((known == np.floor(known)).all())
