"""A teacher whose answers are kept: the same rows are asked about once."""

import hashlib
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, get_tags

from interpretkd._base import Array
from interpretkd.targets import Answers
from interpretkd.teachers._base import Teacher
from interpretkd.teachers._inside import _StandsBefore


class CachedTeacher(_StandsBefore, BaseEstimator):
    """A teacher that keeps its answers, so that the same rows are asked about once.

    Parameters
    ----------
    teacher : Teacher
        The teacher itself.
    """

    def __init__(self, teacher: Teacher) -> None:
        self.teacher = teacher
        self._cache: dict[bytes, Answers] = {}

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Return itself: the teacher is trained already.

        Parameters
        ----------
        X, y : object, default=None
            Passed over.

        Returns
        -------
        CachedTeacher
            Itself.
        """
        return self

    def logits(self, X: Any) -> Array:
        """Return what the teacher says.

        Parameters
        ----------
        X : frame or ndarray of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits (values, for regression).
        """
        return self.answers(X).logits.copy()

    def answers(self, X: Any) -> Answers:
        """Return what the teacher says, with decisions of its own.

        Parameters
        ----------
        X : frame or ndarray of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        Answers
            As `Teacher.answers`; kept, so not to be changed.
        """
        key = _fingerprint(X)
        if key not in self._cache:
            self._cache[key] = self.teacher.answers(X)
        return self._cache[key]

    @property
    def task(self) -> str:
        """What the teacher decides."""
        return self.teacher.task

    @property
    def classes_(self) -> NDArray[Any] | None:
        """The teacher's classes."""
        return self.teacher.classes

    @property
    def image_shape_(self) -> tuple[int, ...] | None:
        """The shape of the images whose pixels the teacher reads, if it does."""
        return getattr(self.teacher.estimator, "image_shape_", None)

    @property
    def names_classes(self) -> bool:
        """Whether the teacher itself knows the names of its classes."""
        return self.teacher.names_classes

    def __sklearn_clone__(self) -> Self:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self.teacher.estimator)


def _fingerprint(X: Any) -> bytes:
    """Return a hash of rows: equal for equal rows only."""
    if not isinstance(X, pd.DataFrame) and np.asarray(X).dtype != object:
        array = np.ascontiguousarray(X)
        head, body = f"{array.shape} {array.dtype}", array.tobytes()
    else:
        frame = pd.DataFrame(X)
        body = pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()
        head = f"{frame.shape} {list(frame.columns)}"
    return hashlib.sha256(head.encode() + body).digest()
