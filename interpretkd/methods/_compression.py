"""Hidden layers in few columns: principal components, or an auto-encoder's codes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA, IncrementalPCA

from interpretkd._base import Array, InputError
from interpretkd.data import Rows, take_rows
from interpretkd.teachers import Teacher

_MOST_NUMBERS = 2**24
"""A layer of more is never held as a whole: 128 MB as float64."""
_FIRST = 4
"""So many times more columns are kept of such a layer before the last compression."""
_STEPS, _BATCH, _RATE = 200, 256, 2e-3
_FEWEST_INNER, _INNER = 16, 4


@dataclass(frozen=True, eq=False)
class Compressed:
    """Columns that stand for one or more layers.

    Parameters
    ----------
    columns : ndarray of shape (n_samples, n_columns), float64
        For all rows.
    kept : float
        How much of the layers' variance can be had from them, over the rows that they
        were learnt from.
    """

    columns: Array
    kept: float


def compress(
    teacher: Teacher,
    layers: Sequence[int | str],
    rows: Rows,
    given: NDArray[np.integer],
    n: int,
    how: str,
    rng: np.random.Generator,
) -> Compressed:
    """Compress hidden layers to a few columns.

    Parameters
    ----------
    teacher : Teacher
        Whose layers they are.
    layers : sequence of int or str
        Which; of several, each gets total variance 1.
    rows : DataFrame or ndarray of shape (n_samples, n_features)
        All rows.
    given : ndarray of int
        The positions of those from which is learnt.
    n : int
        Columns, at most.
    how : {"pca", "autoencoder"}
        By what.
    rng : numpy.random.Generator
        Of the auto-encoder, and of large decompositions.

    Returns
    -------
    Compressed
        The columns.

    Raises
    ------
    InputError
        When a layer says the same of all rows, or not finite numbers.
    """
    units = [_units_of(teacher, layer, rows, given, n) for layer in layers]
    whole = np.hstack(units)
    n = min(n, whole.shape[1], max(len(given) - 1, 1))
    seed = int(rng.integers(2**31))
    pca = PCA(n, random_state=seed).fit(whole[given])
    columns: Array = pca.transform(whole)
    lost = _squares(whole[given] - pca.inverse_transform(columns[given]))
    if how == "autoencoder":
        centred = whole - pca.mean_
        columns, lost = _encoded(centred, given, pca.components_, lost, rng)
    # What the first step left out of a large layer is lost, too.
    held = _squares(whole[given] - whole[given].mean(axis=0))
    return Compressed(columns, 1 - (len(units) - held + lost) / len(units))


def _units_of(
    teacher: Teacher,
    layer: int | str,
    rows: Rows,
    given: NDArray[np.integer],
    n: int,
) -> Array:
    """Return a layer of total variance 1 over the given rows; a large one reduced."""
    n_units = _ask(teacher, layer, rows, given[:1]).shape[1]
    if n_units * len(rows) <= _MOST_NUMBERS:
        said = _ask(teacher, layer, rows, np.arange(len(rows)))
        total = _squares(said[given] - said[given].mean(axis=0))
    else:
        said, total = _reduced(teacher, layer, rows, given, n_units, n)
    if not total > 0:
        raise InputError(
            f"The hidden layer {layer!r} gives no hints: it says the same of all rows."
        )
    scaled: Array = said / np.sqrt(total)
    return scaled


def _reduced(
    teacher: Teacher,
    layer: int | str,
    rows: Rows,
    given: NDArray[np.integer],
    n_units: int,
    n: int,
) -> tuple[Array, float]:
    """Return the first components of a layer that is read piece by piece."""
    n_columns = min(_FIRST * n, n_units, len(given))
    size = max(_MOST_NUMBERS // (4 * n_units), n_columns)
    pca = IncrementalPCA(n_columns)
    for part in _parts(given, size):
        pca.partial_fit(_ask(teacher, layer, rows, part))
    pieces = _parts(np.arange(len(rows)), size)
    said = [pca.transform(_ask(teacher, layer, rows, part)) for part in pieces]
    return np.vstack(said), float(pca.var_.sum())


def _parts(places: NDArray[np.integer], size: int) -> list[NDArray[np.integer]]:
    """Split positions into parts of at least `size`, where there are as many."""
    return np.array_split(places, max(1, len(places) // size))


def _ask(
    teacher: Teacher, layer: int | str, rows: Rows, places: NDArray[np.integer]
) -> Array:
    said = teacher.activations(take_rows(rows, places), layer)
    flat: Array = said.reshape(len(said), -1).astype(np.float64)
    if not np.isfinite(flat).all():
        raise InputError(
            f"The hidden layer {layer!r} must say finite numbers. Got infinity or NaN."
        )
    return flat


def _squares(deviations: Array) -> float:
    """Return the summed variance of columns, of their deviations."""
    return float((deviations**2).sum(axis=1).mean())


def _encoded(
    whole: Array,
    given: NDArray[np.integer],
    components: Array,
    lost: float,
    rng: np.random.Generator,
) -> tuple[Array, float]:
    """Return the codes of an auto-encoder, and what cannot be had back from them.

    It goes on from the principal components: beside them stand two layers that begin
    with nothing, so that it ends no worse. So few numbers need no torch, whose first
    optimiser takes seconds.
    """
    unit = np.sqrt(whole.shape[1])  # units of about deviation 1: steps of one size fit
    n, n_units = components.shape
    inner = max(_FEWEST_INNER, _INNER * n)
    coder = _Coder(
        components.T.copy(),
        _Bend(_drawn(n_units, inner, rng), np.zeros(inner), np.zeros((inner, n))),
        components.copy(),
        _Bend(_drawn(n, inner, rng), np.zeros(inner), np.zeros((inner, n_units))),
    )
    learnt = whole[given] * unit
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in coder.parameters]
    for step in range(1, _STEPS + 1):
        batch = rng.choice(len(given), min(_BATCH, len(given)), replace=False)
        slopes = coder.slopes(learnt[batch])
        for own, slope, (mean, square) in zip(
            coder.parameters, slopes, moments, strict=True
        ):
            mean += 0.1 * (slope - mean)  # Adam, by Kingma and Ba
            square += 0.001 * (slope**2 - square)
            rate = _RATE * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            own -= rate * mean / (np.sqrt(square) + 1e-8)
    after = _squares(learnt - coder.decode(coder.encode(learnt))) / unit**2
    if not after < lost:
        return whole @ components.T, lost
    return coder.encode(whole * unit) / unit, after


@dataclass(frozen=True, eq=False)
class _Bend:
    """What an auto-encoder adds to a linear map: ``tanh(x @ first + shift) @ last``."""

    first: Array
    shift: Array
    last: Array

    def __call__(self, x: Array) -> Array:
        said: Array = np.tanh(x @ self.first + self.shift) @ self.last
        return said

    def slopes(self, x: Array, of_said: Array) -> tuple[Array, list[Array]]:
        """Return the slopes by what was given, and by the three parameters."""
        bent = np.tanh(x @ self.first + self.shift)
        inner = (of_said @ self.last.T) * (1 - bent**2)
        own = [x.T @ inner, inner.sum(axis=0), bent.T @ of_said]
        return inner @ self.first.T, own


@dataclass(frozen=True, eq=False)
class _Coder:
    """An auto-encoder: a linear map to a few codes and back, with a bend each."""

    down: Array
    bend_down: _Bend
    up: Array
    bend_up: _Bend

    @property
    def parameters(self) -> list[Array]:
        """All arrays, in the order of `slopes`."""
        bends = (self.bend_down, self.bend_up)
        inner = [part for b in bends for part in (b.first, b.shift, b.last)]
        return [self.down, self.up, *inner]

    def encode(self, x: Array) -> Array:
        codes: Array = x @ self.down + self.bend_down(x)
        return codes

    def decode(self, codes: Array) -> Array:
        again: Array = codes @ self.up + self.bend_up(codes)
        return again

    def slopes(self, x: Array) -> list[Array]:
        """Return how the mean squared error changes with each parameter."""
        codes = self.encode(x)
        of_again = 2 * (self.decode(codes) - x) / len(x)
        of_codes, of_up = self.bend_up.slopes(codes, of_again)
        of_codes = of_codes + of_again @ self.up.T
        of_down = self.bend_down.slopes(x, of_codes)[1]
        return [x.T @ of_codes, codes.T @ of_again, *of_down, *of_up]


def _drawn(n_rows: int, n_columns: int, rng: np.random.Generator) -> Array:
    drawn: Array = rng.standard_normal((n_rows, n_columns)) / np.sqrt(n_rows)
    return drawn
