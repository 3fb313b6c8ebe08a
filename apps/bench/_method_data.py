"""What the benchmark "methods" is measured on: rows, networks, students.

A network is trained once for each data set and seed, and shared by all rows of
the benchmark. It is kept in a work folder as its arrays and settings (safetensors and
JSON): nothing that runs code is ever read back.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

# `interpretkd bench` makes this package when it runs: it is nowhere to be found before.
from interpretkd_bench._state import (  # type: ignore[import-not-found]
    LIBRARY,
    files_digest,
)
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from sklearn.frozen import FrozenEstimator

from interpretkd._base import InputError, write_atomically
from interpretkd.data import take_rows
from interpretkd.datasets import (
    load_breast_cancer,
    load_connect4,
    load_digits,
    load_german_credit,
    load_italy_power,
    load_mnist,
)
from interpretkd.runs import Task, read_task, task_of
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.targets import decide
from interpretkd.teachers import CNNTeacher, MLPTeacher, teacher_from_state

__all__ = [
    "SETTINGS",
    "STUDENTS",
    "TABLES",
    "Case",
    "Setting",
    "Store",
    "case_of",
    "settings_for",
]

TABLES = "tables"
"""Stands for all sets of the folder that is given."""
_MOST_FITTED, _MOST_JUDGED = 6_000, 4_000
_QUICK_FITTED, _QUICK_JUDGED = 400, 200


def _tree(max_leaves: int, seed: int, quick: bool) -> Any:
    if quick:
        return CartStudent(max_leaves // 2, search="greedy", random_state=seed)
    search: dict[str, Any] = {"search": "refined", "time_limit": 10.0}
    return CartStudent(max_leaves, **search, random_state=seed)


def _booster(seed: int, quick: bool) -> Any:
    size = {"n_rounds": 6, "max_depth": 2} if quick else {"n_rounds": 60}
    settings: dict[str, Any] = {"max_depth": 4, "patience": 20, "n_jobs": 1, **size}
    return BoostedStudent(**settings, random_state=seed)


STUDENTS: Mapping[str, Callable[[int, bool], Any]] = {
    "tree": lambda seed, quick: _tree(16, seed, quick),
    "large tree": lambda seed, quick: _tree(64, seed, quick),
    "greedy tree": lambda seed, _: CartStudent(16, search="greedy", random_state=seed),
    "booster": _booster,
    "linear": lambda _, quick: LinearStudent(),
}
"""By name; of a seed, and whether it is a trial."""


@dataclass(frozen=True)
class Setting:
    """How one data set is run.

    Parameters
    ----------
    load : callable
        Of a seed; returns the task.
    network : type, default=MLPTeacher
        The teacher's class.
    settings : mapping, default={}
        Its parameters.
    """

    load: Callable[[int], Task]
    network: Any = MLPTeacher
    settings: Mapping[str, Any] = field(default_factory=dict)


SETTINGS: Mapping[str, Setting] = {
    "connect4": Setting(lambda seed: task_of(load_connect4(), seed=seed)),
    "german_credit": Setting(lambda seed: task_of(load_german_credit(), seed=seed)),
    "breast_cancer": Setting(lambda seed: task_of(load_breast_cancer(), seed=seed)),
    "digits": Setting(
        lambda seed: task_of(load_digits(), seed=seed),
        CNNTeacher,
        {"channels": (16, 32), "hidden": (64,), "max_epochs": 20},
    ),
    "mnist": Setting(
        lambda seed: task_of(load_mnist(), seed=seed),
        CNNTeacher,
        {"channels": (16, 32), "hidden": (64,), "max_epochs": 8},
    ),
    "italy_power": Setting(lambda seed: task_of(load_italy_power(), seed=seed)),
}
_NETWORK = {"hidden": (64, 32), "max_epochs": 40}
_QUICK_NETWORK = {"hidden": (16, 8), "max_epochs": 4}
_QUICK_CNN = {"channels": (4,), "hidden": (16,), "max_epochs": 2}


def settings_for(data: Path | None = None) -> dict[str, Setting]:
    """List the sets and how each is run.

    Parameters
    ----------
    data : Path, default=None
        A folder of CSV files with a column "target".

    Returns
    -------
    dict of str to Setting
        Those that come along first, then the folder's by name.

    Raises
    ------
    InputError
        When the folder holds no CSV file.
    """

    def of_file(file: Path) -> Setting:
        return Setting(
            lambda seed: read_task(file, "target", task="classification", seed=seed)
        )

    files = sorted(data.glob("*.csv")) if data is not None else []
    if data is not None and not files:
        raise InputError(f"The folder {str(data)!r} holds no .csv file.")
    names = [file.name if file.stem in SETTINGS else file.stem for file in files]
    return {**SETTINGS, **dict(zip(names, map(of_file, files), strict=True))}


class Store:
    """Networks on disk: each is trained once.

    Parameters
    ----------
    folder : Path
        Where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files = [
            file
            for room in ("_base", "data", "targets", "teachers")
            for file in sorted((LIBRARY / room).rglob("*.py"))
        ]
        self._code = files_digest(*files)
        self._known: dict[str, Any] = {}

    def get(self, network: Any, X: pd.DataFrame, y: NDArray[Any]) -> Any:
        """Return a network that is fitted to rows, from disk if it lies there.

        Parameters
        ----------
        network : estimator
            Unfitted.
        X : DataFrame of shape (n_samples, n_features)
            Rows.
        y : ndarray of shape (n_samples,)
            Labels.

        Returns
        -------
        estimator
            Fitted.
        """
        key = self._key(network, X, y)
        if key not in self._known:
            self._known[key] = self._read_or_train(key, network, X, y)
        return self._known[key]

    def _read_or_train(
        self, key: str, network: Any, X: pd.DataFrame, y: NDArray[Any]
    ) -> Any:
        file = self.folder / f"{key}.safetensors"
        if file.is_file():
            try:
                return _read(file)
            except SafetensorError:
                file.unlink()  # damaged: it is trained anew
        network.fit(X, y)
        config, arrays = network.get_state()
        told = {"config": json.dumps(config)}
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(file, save(arrays, metadata=told))
        return network

    def _key(self, network: Any, X: pd.DataFrame, y: NDArray[Any]) -> str:
        digest = hashlib.sha256(self._code.encode())
        digest.update(f"{type(network).__name__} {network.get_params()}".encode())
        digest.update(pd.util.hash_pandas_object(X, index=False).to_numpy().tobytes())
        digest.update(pd.util.hash_array(np.asarray(y)).tobytes())
        return digest.hexdigest()[:24]


def _read(file: Path) -> Any:
    with safe_open(file, framework="numpy") as opened:
        config = json.loads(opened.metadata()["config"])
        # The handle is no dict: it has keys, and cannot be iterated itself.
        arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    return teacher_from_state(config, arrays)


@dataclass(frozen=True, eq=False)
class Case:
    """One data set and seed: rows, labels, networks.

    Parameters
    ----------
    data : str
        The set's name.
    seed : int
        Of split, networks and students.
    X, y : DataFrame, ndarray
        The rows that students are fitted to; the first `n_train` trained the networks.
    X_test, y_test : DataFrame, ndarray
        The rows that all is judged on.
    n_train : int
        See `X`.
    make : callable
        Of a seed: a network, unfitted.
    store : Store
        Of networks.
    quick : bool
        Whether it is a trial.
    """

    data: str
    seed: int
    X: pd.DataFrame
    y: NDArray[Any]
    X_test: pd.DataFrame
    y_test: NDArray[Any]
    n_train: int
    make: Callable[[int], Any]
    store: Store
    quick: bool = False

    def network(
        self,
        k: int = 0,
        *,
        rows: NDArray[np.integer] | None = None,
        labels: NDArray[Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return a network of this case, frozen.

        Parameters
        ----------
        k : int, default=0
            Which; they differ by their seeds.
        rows : ndarray of int, default=None
            The positions of the training rows that it sees; None for all.
        labels : ndarray of shape (n_train,), default=None
            Other labels of the training rows.
        settings : mapping, default=None
            Other parameters of the network.

        Returns
        -------
        FrozenEstimator
            Trained on rows of the first `n_train` alone.
        """
        seen = np.arange(self.n_train) if rows is None else np.asarray(rows)
        y = self.y[: self.n_train] if labels is None else labels
        network = self.make(100 * self.seed + k).set_params(**(settings or {}))
        fitted = self.store.get(network, take_rows(self.X, seen), y[seen])
        return FrozenEstimator(fitted)

    def networks(self, n: int) -> list[Any]:
        """Return several networks, the first of which is that of all other rows.

        Parameters
        ----------
        n : int
            How many.

        Returns
        -------
        list of FrozenEstimator
            They differ by their seeds.
        """
        return [self.network(k) for k in range(n)]

    def misled(self, share: float) -> Any:
        """Return a network that was trained with wrong labels among the right ones.

        Parameters
        ----------
        share : float
            The share of the training rows that have the label of another class.

        Returns
        -------
        FrozenEstimator
            The rows that students get have their right labels.
        """
        rng = np.random.default_rng(self.seed)
        y = self.y[: self.n_train].copy()
        classes = np.unique(y)
        chosen = rng.permutation(len(y))[: round(share * len(y))]
        moved = rng.integers(1, len(classes), len(chosen))
        place = np.searchsorted(classes, y[chosen])
        y[chosen] = classes[(place + moved) % len(classes)]
        return self.network(0, labels=y)

    def mindless(self) -> Any:
        """Return a network that was trained with the labels of other rows.

        Returns
        -------
        FrozenEstimator
            It knows the classes and nothing of them.
        """
        rng = np.random.default_rng(self.seed)
        return self.network(0, labels=rng.permutation(self.y[: self.n_train]))

    def untrained(self) -> Any:
        """Return a network of the same shape whose weights are those of its start.

        Returns
        -------
        FrozenEstimator
            All but untrained: one pass with steps of next to no length.
        """
        return self.network(1, settings={"max_epochs": 1, "learning_rate": 1e-12})

    @cached_property
    def decided(self) -> NDArray[np.int64]:
        """What the first network decides on the test rows."""
        return np.asarray(decide(self.network(0).estimator.logits(self.X_test)))

    @cached_property
    def truth(self) -> NDArray[np.int64]:
        """The positions of the test rows' labels among the network's classes."""
        classes = self.network(0).estimator.classes_
        return np.searchsorted(classes, self.y_test)

    def given(
        self, labelled: float, *, further: bool
    ) -> tuple[pd.DataFrame, NDArray[Any], pd.DataFrame | None]:
        """Return the rows to fit to.

        Parameters
        ----------
        labelled : float
            The share that is given with labels.
        further : bool
            Whether the others are given, too.

        Returns
        -------
        X, y, X_unlabelled : DataFrame, ndarray, DataFrame or None
            As `DistilledClassifier.fit` takes them.
        """
        if labelled == 1:
            return self.X, self.y, None
        order = np.random.default_rng(self.seed).permutation(len(self.y))
        n_first = round(labelled * len(order))
        first, others = np.sort(order[:n_first]), np.sort(order[n_first:])
        X = self.X.iloc[first]
        return X, self.y[first], self.X.iloc[others] if further else None


def case_of(
    name: str, setting: Setting, seed: int, store: Store, *, quick: bool = False
) -> Case:
    """Load a data set and split it.

    Parameters
    ----------
    name : str
        What it is called.
    setting : Setting
        How it is run.
    seed : int
        The seed.
    store : Store
        Of networks.
    quick : bool, default=False
        600 rows and a tiny network.

    Returns
    -------
    Case
        At most 6,000 rows to fit to and 4,000 to judge.
    """
    task = setting.load(seed)
    fitted, judged = (
        (_QUICK_FITTED, _QUICK_JUDGED) if quick else (_MOST_FITTED, _MOST_JUDGED)
    )
    rng = np.random.default_rng(seed)
    train = _some(task.split.train, round(0.8 * fitted), rng)
    transfer = _some(task.split.transfer, round(0.2 * fitted), rng)
    test = _some(task.split.test, judged, rng)
    rows = np.concatenate([train, transfer])
    settings = {**(_NETWORK if setting.network is MLPTeacher else {})}
    settings |= setting.settings
    if quick:
        is_dense = setting.network is MLPTeacher
        settings = _QUICK_NETWORK if is_dense else _QUICK_CNN

    def make(own: int) -> Any:
        return setting.network(random_state=own, **settings)

    own = [task.X.iloc[part].reset_index(drop=True) for part in (rows, test)]
    return Case(
        name,
        seed,
        own[0],
        task.y[rows],
        own[1],
        task.y[test],
        len(train),
        make,
        store,
        quick,
    )


def _some(
    rows: Sequence[int] | NDArray[np.int64], most: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    return np.sort(rng.permutation(rows)[:most])
