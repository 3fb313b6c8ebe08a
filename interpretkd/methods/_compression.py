"""Hidden layers in few columns: principal components, or an auto-encoder's codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
    with nothing, so that it ends no worse.
    """
    import torch

    unit = np.sqrt(whole.shape[1])  # units of about deviation 1: steps of one size fit
    n, n_units = components.shape
    inner = max(_FEWEST_INNER, _INNER * n)

    def drawn(rows: int, columns: int) -> Any:
        start = rng.standard_normal((rows, columns)) / np.sqrt(rows)
        return torch.tensor(start, requires_grad=True)

    def zeros(*shape: int) -> Any:
        return torch.zeros(shape, dtype=torch.float64, requires_grad=True)

    down = [drawn(n_units, inner), zeros(inner), zeros(inner, n)]
    up = [drawn(n, inner), zeros(inner), zeros(inner, n_units)]
    linear = torch.tensor(components.T.copy(), requires_grad=True)
    back = torch.tensor(components.copy(), requires_grad=True)

    def encode(x: Any) -> Any:
        return x @ linear + torch.tanh(x @ down[0] + down[1]) @ down[2]

    def loss(x: Any) -> Any:
        code = encode(x)
        again = code @ back + torch.tanh(code @ up[0] + up[1]) @ up[2]
        return ((x - again) ** 2).sum(dim=1).mean()

    learnt = torch.tensor(whole[given] * unit)
    with torch.inference_mode(False), torch.enable_grad():
        steps = torch.optim.Adam([linear, back, *down, *up], lr=_RATE)
        for _ in range(_STEPS):
            batch = rng.choice(len(given), min(_BATCH, len(given)), replace=False)
            steps.zero_grad()
            loss(learnt[torch.from_numpy(batch)]).backward()
            steps.step()
    with torch.no_grad():
        after = float(loss(learnt)) / unit**2
        codes: Array = encode(torch.tensor(whole * unit)).numpy() / unit
    return (codes, after) if after < lost else (whole @ components.T, lost)
