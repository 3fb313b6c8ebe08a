"""What the frozen forms of students have in common: predictions, and their size."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.data import Codes, Rows, Schema
from interpretkd.targets import apply_link


class _FormBase:
    """A form that predicts rows, whether in original columns or encoded already."""

    if TYPE_CHECKING:  # a field of one form, a property of the others

        @property
        def schema(self) -> Schema: ...

        def to_arrays(self) -> Mapping[str, NDArray[Any]]: ...

        def _predict(self, codes: Codes) -> Array: ...

    @property
    def size_bytes(self) -> int:
        """The bytes of all arrays, uncompressed."""
        return sum(array.nbytes for array in self.to_arrays().values())

    def predict(self, X: Rows) -> Array:
        """Return the predictions: of a tree its leaves' values, of sums their link.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            The predictions.
        """
        return self._predict(self.schema.encode(X))

    def predict_codes(self, codes: Codes) -> Array:
        """Return the predictions of rows that are encoded already.

        Parameters
        ----------
        codes : ndarray of shape (n_samples, n_features), float32
            Rows as `Schema.encode` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            As of `predict`.
        """
        return self._predict(codes)


class _SumForm(_FormBase):
    """A form that adds up margins, which a link turns into predictions."""

    if TYPE_CHECKING:

        @property
        def link(self) -> str: ...

        def _margins(self, codes: Codes) -> Array: ...

    def margins(self, X: Rows) -> Array:
        """Return the sums before the link.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            The sums.
        """
        return self._margins(self.schema.encode(X))

    def _predict(self, codes: Codes) -> Array:
        return apply_link(self._margins(codes), self.link)
