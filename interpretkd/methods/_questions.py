"""What a teacher was asked in one fit: each row once, and counted."""

import hashlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd.data import Rows, take_rows
from interpretkd.targets import Answers
from interpretkd.teachers import Teacher

_EXACT = 2.0**53 - 1
"""Up to here each whole number is a float of its own."""
_GAP = np.float64(np.nan).view(np.uint64)


class Questions:
    """A teacher's answers of one fit, kept row by row, so that none is asked twice.

    Parameters
    ----------
    teacher : Teacher
        The teacher.

    Attributes
    ----------
    kept : dict
        What steps keep from one of their uses to the next; see `Context.once`.
    """

    def __init__(self, teacher: Teacher) -> None:
        self.teacher = teacher
        self.kept: dict[str, Any] = {}
        self._n_own = 0
        self._place: dict[bytes, int] = {}
        self._said: list[Answers] = []
        self._of_members: dict[int, Questions] = {}

    @property
    def n_asked(self) -> int:
        """The questions so far: a given row each time it occurs, a further one once.

        A row about which members of an ensemble are asked apart is a question to each.
        """
        apart = sum(own.n_asked for own in self._of_members.values())
        return self._n_own + apart

    def of_member(self, place: int, member: Teacher) -> "Questions":
        """Return the questions to one member of an ensemble, kept and counted here.

        Parameters
        ----------
        place : int
            Which member it is.
        member : Teacher
            The member.

        Returns
        -------
        Questions
            The same ones whenever it is asked for.
        """
        return self._of_members.setdefault(place, Questions(member))

    def ask(self, rows: Rows) -> Answers:
        """Return what the teacher says of rows; it is asked about new ones alone.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        Answers
            The logits, with its own decisions where they are not those of the logits.
        """
        keys = _row_keys(rows)
        self._ask_new(keys, rows)
        places = np.array([self._place[key] for key in keys], dtype=np.int64)
        return self._all[places]

    def ask_given(self, rows: Rows) -> Answers:
        """Ask about the rows of a fit, all at once and as they stand.

        A teacher may say of two equal rows what it likes; the first answer is the one
        that is kept for further rows.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        Answers
            One a row.
        """
        said = self.teacher.answers(rows)
        for row, key in enumerate(_row_keys(rows)):
            self._place.setdefault(key, self._n_own + row)
        self._n_own += len(said)
        self._said.append(said)
        return said

    def _ask_new(self, keys: list[bytes], rows: Rows) -> None:
        """Ask about the rows whose keys are new."""
        fresh: dict[bytes, int] = {}
        for row, key in enumerate(keys):
            if key not in self._place:
                fresh.setdefault(key, row)
        if not fresh:
            return
        if len(fresh) < len(keys):
            rows = take_rows(rows, np.array([*fresh.values()]))
        said = self.teacher.answers(rows)
        for key in fresh:
            self._place[key] = self._n_own
            self._n_own += 1
        self._said.append(said)

    @property
    def _all(self) -> Answers:
        if len(self._said) > 1:
            whole = self._said[0]
            for part in self._said[1:]:
                whole = whole.join(part)
            self._said = [whole]
        return self._said[0]


def _row_keys(rows: Rows) -> list[bytes]:
    """Return a hash for each row: of the numbers themselves, of texts' hashes."""
    if isinstance(rows, pd.DataFrame):
        columns = [_numbers_of(rows.iloc[:, j]) for j in range(rows.shape[1])]
        matrix = np.column_stack(columns)
    elif rows.dtype == object:
        frame = pd.DataFrame(rows)
        matrix = np.column_stack([_numbers_of(frame[j]) for j in frame])
    else:
        matrix = _bits_of(rows)
    size = matrix.itemsize * matrix.shape[1]
    content = np.ascontiguousarray(matrix).tobytes()
    return [
        hashlib.blake2b(content[start : start + size], digest_size=16).digest()
        for start in range(0, len(content), size)
    ]


def _numbers_of(column: "pd.Series[Any]") -> NDArray[np.uint64]:
    """Return cells as 64 bits each: equal for equal cells."""
    if column.dtype.kind not in "biuf" or hasattr(column.dtype, "categories"):
        return pd.util.hash_array(column.to_numpy(dtype=object), categorize=True)
    if column.dtype.kind not in "iu":
        return _bits_of(column.to_numpy(dtype=np.float64, na_value=np.nan))
    whole = column.to_numpy(dtype=f"{column.dtype.kind}8", na_value=0)
    return np.where(column.isna(), _GAP, _bits_of(whole))


def _bits_of(numbers: NDArray[Any]) -> NDArray[np.uint64]:
    """Return numbers as 64 bits each: equal for equal ones, whatever their dtype."""
    bits = np.ascontiguousarray(numbers, dtype=np.float64).view(np.uint64)
    if numbers.dtype.kind not in "iu":
        return bits
    # Two whole numbers beyond may be one float; they are taken as they are.
    large = np.abs(bits.view(np.float64)) > _EXACT
    if not large.any():
        return bits
    return np.where(large, numbers.astype(np.uint64), bits)
