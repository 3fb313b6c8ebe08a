"""One column of texts, each different one looked at once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute as pc
from numpy.typing import NDArray

_SOFT_WORDS = frozenset({"None", "NaT"})
_NA_WORDS = {
    *("NA", "N/A", "n/a", "#N/A", "#NA", "#N/A N/A", "<NA>", "NULL", "null"),
    *("NaN", "nan", "-NaN", "-nan", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN"),
}


@dataclass(frozen=True, eq=False)
class TextColumn:
    """The cells of a column as texts.

    Parameters
    ----------
    name : str
        Of the column.
    texts : Array of str
        The different texts, as they are written.
    place : ndarray of shape (n_samples,), int64
        Which of them each row has; -1 for none.
    is_typed : bool, default=False
        Whether the file says that these are texts (Parquet), or all is text (CSV).

    Examples
    --------
    >>> column = TextColumn.of("home", pyarrow.array(["own", " rent", "own", None]))
    >>> column.trimmed.to_pylist(), column.counts.tolist()
    (['own', 'rent'], [2, 1])
    """

    name: str
    texts: pyarrow.Array
    place: NDArray[np.int64]
    is_typed: bool = False

    @classmethod
    def of(cls, name: str, cells: Any, *, is_typed: bool = False) -> Self:
        """Find the different texts.

        Parameters
        ----------
        name : str
            Of the column.
        cells : Array or ChunkedArray of str
            The cells.
        is_typed : bool, default=False
            As above.

        Returns
        -------
        TextColumn
            The column.
        """
        whole = cells.cast(pyarrow.large_string())
        if isinstance(whole, pyarrow.ChunkedArray):
            whole = whole.combine_chunks()
        coded = whole.dictionary_encode()
        place = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
        return cls(name, coded.dictionary, place.astype(np.int64), is_typed)

    @cached_property
    def trimmed(self) -> pyarrow.Array:
        """The different texts without blanks around them."""
        return pc.utf8_trim_whitespace(self.texts)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How many rows have each text."""
        return np.bincount(self.place[self.place >= 0], minlength=len(self.texts))

    def missing(
        self, words: tuple[str, ...], *, of_texts: bool, keep: bool
    ) -> NDArray[np.bool_]:
        """Say which texts stand for a missing value.

        Parameters
        ----------
        words : tuple of str
            Those that a person named.
        of_texts : bool
            Whether the column holds texts: "None" is one, among numbers it is not.
        keep : bool
            Whether words are kept in columns of texts.

        Returns
        -------
        ndarray of shape (n_texts,), bool
            One a text.
        """
        known = {"", *words}
        if of_texts and keep:
            known = set(words) if self.is_typed else known
        else:
            known |= _NA_WORDS
        if not of_texts:
            known |= _SOFT_WORDS
        return is_one_of(self.trimmed, known)

    def part(self, chosen: NDArray[np.bool_]) -> pyarrow.Array:
        """Return some of the different texts, trimmed.

        Parameters
        ----------
        chosen : ndarray of shape (n_texts,), bool
            Which.

        Returns
        -------
        Array of str
            These.
        """
        return self.trimmed.filter(pyarrow.array(chosen))

    def example(self, chosen: NDArray[np.bool_]) -> tuple[str, int]:
        """Return the first of some texts in the order of the rows, and its row.

        Parameters
        ----------
        chosen : ndarray of shape (n_texts,), bool
            Which; at least one.

        Returns
        -------
        text : str
            As it is written.
        row : int
            From 1.
        """
        wanted = np.append(chosen, False)[self.place]
        row = int(np.flatnonzero(wanted)[0])
        return self.texts[int(self.place[row])].as_py(), row + 1

    def rows(self, chosen: NDArray[np.bool_]) -> int:
        """Count the rows with some of the texts.

        Parameters
        ----------
        chosen : ndarray of shape (n_texts,), bool
            Which.

        Returns
        -------
        int
            Rows.
        """
        return int(self.counts[chosen].sum())

    def spread(self, values: Any, known: NDArray[np.bool_]) -> "pd.Series[Any]":
        """Give each row what its text stands for.

        Parameters
        ----------
        values : ndarray or DatetimeIndex
            Of the known texts, in their order: numbers, booleans or dates.
        known : ndarray of shape (n_texts,), bool
            Which these are; all others are missing.

        Returns
        -------
        Series of shape (n_samples,)
            The column.
        """
        at = np.append(np.where(known, np.cumsum(known) - 1, -1), -1)[self.place]
        series = pd.Series(values)
        if len(series) == 0:
            return pd.Series(np.full(len(at), np.nan), dtype=object)
        if (at >= 0).all():
            return pd.Series(series.array.take(at))
        if series.dtype.kind in "iu":
            series = series.astype(np.float64)
        if series.dtype == bool:
            series = series.astype(object)
        return pd.Series(series.array.take(at, allow_fill=True))

    def as_texts(
        self, missing: NDArray[np.bool_], texts: pyarrow.Array | None = None
    ) -> "pd.Series[Any]":
        """Return the cells as texts.

        Parameters
        ----------
        missing : ndarray of shape (n_texts,), bool
            Which texts are no value.
        texts : Array of str or None, default=None
            What stands in place of each text; None leaves them.

        Returns
        -------
        Series of shape (n_samples,)
            Texts; missing cells are missing.
        """
        given = self.texts if texts is None else texts
        known = pc.if_else(pyarrow.array(~missing), given, None)
        at = pyarrow.array(self.place, mask=self.place < 0)
        return pd.Series(known.take(at).to_pandas())


def is_one_of(texts: pyarrow.Array, words: set[str]) -> NDArray[np.bool_]:
    """Say which texts are words of a set.

    Parameters
    ----------
    texts : Array of str
        The texts.
    words : set of str
        The words.

    Returns
    -------
    ndarray of shape (n_texts,), bool
        One a text.
    """
    values = pyarrow.array(sorted(words), type=texts.type)
    found = pc.is_in(texts, value_set=values).to_numpy(zero_copy_only=False)
    return np.asarray(found, dtype=bool)
