"""Teachers out of a saved run: one waits to be built, one is not there at all."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from interpretkd._base import InputError, naming_file
from interpretkd.data import Schema
from interpretkd.teachers._base import Teacher, as_teacher
from interpretkd.teachers._inside import _StandsBefore


class AbsentTeacher(BaseEstimator):
    """Stands for a teacher that was not saved with the run.

    Parameters
    ----------
    description : str
        What it was.
    """

    def __init__(self, description: str) -> None:
        self.description = description

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def logits(self, X: ArrayLike) -> NDArray[np.float64]:
        """Say that the teacher is not there.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray
            Never.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(
            f"The teacher ({self.description}) was not saved with this run, so it "
            "cannot be asked about new rows: give it again with load(path, "
            "teacher=...). Its logits of the evaluation rows are in the run."
        )

    def activations(self, X: ArrayLike, layer: int | str = -1) -> NDArray[Any]:
        """Say that the teacher's hidden layers are not there.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows.
        layer : int or str, default=-1
            Which.

        Returns
        -------
        ndarray
            Never.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(
            f"The teacher ({self.description}) was not saved with this run, so its "
            "hidden layers cannot be read, nor rows by a student that reads these: "
            "give it again with load(path, teacher=...)."
        )


class LazyTeacher(_StandsBefore, BaseEstimator):
    """A saved network that is built when it is first asked.

    Parameters
    ----------
    config : dict
        What `get_state` of the network said of it.
    content : bytes
        Its arrays, as safetensors.
    build : callable
        Makes the network of these two. It is handed in, so that a run whose teacher
        nobody asks loads no torch.
    """

    _may_be_taught = False

    def __init__(
        self,
        config: dict[str, Any],
        content: bytes,
        build: Callable[[dict[str, Any], bytes], Any],
    ) -> None:
        self.config = config
        self.content = content
        self.build = build

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __repr__(self) -> str:  # scikit-learn's would write out the arrays
        return f"LazyTeacher({self.description})"

    @property
    def description(self) -> str:
        """The kind of network."""
        return str(self.config["class"])

    @property
    def schema_(self) -> Schema:
        """The columns that the network reads."""
        return Schema.from_dict(self.config["schema"])

    @cached_property
    def network(self) -> Any:
        """The network itself, built when this is first asked for."""
        with naming_file("teacher.json"):
            return self.build(self.config, self.content)

    # A property in the place of an attribute: the network is built when it is needed.
    @property
    def teacher(self) -> Teacher:  # type: ignore[override]
        """The network as a teacher."""
        return as_teacher(self.network)

    def logits(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return what the network says.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Its logits.

        Raises
        ------
        BundleError
            When the network's file cannot be used.
        """
        said: NDArray[np.float64] = self.network.logits(X)
        return said

    def get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return all that makes up the network, for another run.

        Returns
        -------
        config : dict
            JSON values.
        arrays : dict of ndarray
            The network's state dict.
        """
        state: tuple[dict[str, Any], dict[str, NDArray[Any]]] = self.network.get_state()
        return state
