"""Weights of the rows by a mask: a condition's, a function's, or the teacher's own."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, check_real, joined, one_line
from interpretkd.data import Rows
from interpretkd.methods._context import Context
from interpretkd.methods._kinds import Weighting
from interpretkd.methods._positions import positions_of
from interpretkd.transfer import TransferSet


class Masked(Weighting):
    """Only rows that a mask marks count in full: there the student shall imitate.

    The weight is 1 where the mask holds, else `outside`; the mean is kept.

    Costs nothing. Fidelity inside the mask can rise, and falls outside: judge it there
    (``fidelity`` of these rows).

    Parameters
    ----------
    mask : str, tuple or callable
        The name of a column of booleans (or of 0 and 1); a condition ``(column,
        comparison, value)`` such as ``("age", ">=", 60)``, with ``<``, ``<=``, ``>``,
        ``>=``, ``==``, ``!=`` or "in", in which a missing cell never holds; or a
        function from rows, in original columns, to one boolean a row - of what the
        teacher looks at, say.
    outside : float, default=0.0
        In [0, 1]: how much the other rows count; 1 changes nothing.

    Notes
    -----
    Measured here (row 40 of docs/methods.md: images with an empty middle, on digits and
    MNIST): fidelity on all rows -3.1 ± 15.8 points; on the rows that count in full it
    gained over as many rows drawn by lot on one set of two.

    References
    ----------
    Wang, Yuan, Zhang & Feng (2019), "Distilling object detectors with fine-grained
    feature imitation": the mask says where to imitate; as told by Alkhulaifi, Alsahli &
    Ahmad (2020).

    Examples
    --------
    >>> print(Masked(("age", ">=", 60), outside=0.2))
    Rows with age >= 60 count 1, others 0.2
    """

    def __init__(self, mask: Any, outside: float = 0.0) -> None:
        self.mask = mask
        self.outside = outside

    def check(self) -> None:
        """Check the mask's form, and `outside`.

        Raises
        ------
        InputError
            For what is no mask, and for a weight out of range.
        """
        check_real(type(self).__name__, "outside", self.outside, 0, 1, closed="both")
        if isinstance(self.mask, str) or callable(self.mask):
            return
        is_condition = isinstance(self.mask, tuple | list) and len(self.mask) == 3
        if not is_condition or self.mask[1] not in _COMPARISONS:
            raise InputError(
                "The 'mask' parameter of Masked must be a column's name, a function of "
                "rows, or (column, comparison, value) with a comparison out of "
                f"{', '.join(_COMPARISONS)}. Got {one_line(repr(self.mask))}."
            )

    def weigh(self, transfer_set: TransferSet, context: Context) -> Array:
        """Return 1 where the mask holds, else `outside`.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Weighting.weigh`.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Two values.

        Raises
        ------
        InputError
            When no row would count.
        """
        holds = self._holds(transfer_set.rows, context)
        if self.outside == 0 and not holds[transfer_set.weights > 0].any():
            raise InputError(
                f"The 'mask' parameter of Masked holds for none of the {len(holds)} "
                "rows, so that none would count: give another, or an 'outside' above 0."
            )
        return np.where(holds, 1.0, self.outside)

    def _holds(self, rows: Rows, context: Context) -> NDArray[np.bool_]:
        """Return the rows that the mask marks."""
        if callable(self.mask):
            marks = np.asarray(self.mask(rows))
            if marks.shape != (len(rows),) or not _is_boolean(marks):
                raise InputError(
                    "The 'mask' function of Masked must return one boolean a row, "
                    f"{len(rows)} of them. Got {marks.dtype} of shape {marks.shape}."
                )
            return marks.astype(np.bool_)
        is_column = isinstance(self.mask, str)
        name, comparison, value = (self.mask, "", None) if is_column else self.mask
        (place,) = positions_of("Masked", "mask", [name], context.schema)
        cells = pd.DataFrame(rows).iloc[:, place]
        known = cells.notna().to_numpy()
        if is_column:
            return _marked(name, cells, known)
        return known & _compared(
            self.mask, cells.where(cells.notna()), comparison, value
        )

    def __str__(self) -> str:
        """Say which rows count."""
        if callable(self.mask):
            which = "that a function marks"
        elif isinstance(self.mask, str):
            which = f"marked by {one_line(self.mask)}"
        else:
            which = f"with {one_line(' '.join(map(str, self.mask)))}"
        return f"Rows {which} count 1, others {self.outside:g}"


class Attended(Weighting):
    """Rows count where the teacher itself looks at given columns: a mask of its own.

    Its attention to a column is the slope of the decided logit there (of labels and
    values: of all outputs together), without sign, times the column's deviation. Rows
    are ranked by the part of their attention that lies on `columns`; the `share` of
    them with the largest part counts 1, the others `outside`; the mean is kept.

    Costs the slopes, three times what logits cost (once an output, for labels). It is
    for a student that shall explain what the teacher makes of some columns, or of a
    region of an image. No row of docs/methods.md measures it yet.

    Parameters
    ----------
    columns : sequence of str or int
        Names or positions of columns with numbers.
    share : float, default=0.5
        In (0, 1]: of the rows; 1 changes nothing.
    outside : float, default=0.0
        In [0, 1]: how much the other rows count; 1 changes nothing.

    References
    ----------
    Wang, Yuan, Zhang & Feng (2019), "Distilling object detectors with fine-grained
    feature imitation", a mask that the teacher draws; Zagoruyko & Komodakis (2017),
    attention by slopes; as told by Alkhulaifi, Alsahli & Ahmad (2020).

    Examples
    --------
    >>> print(Attended(["age", "duration"]))
    The 50 % of the rows where the teacher looks most at age, duration count 1, others 0
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradients"})

    def __init__(self, columns: Any, share: float = 0.5, outside: float = 0.0) -> None:
        self.columns = columns
        self.share = share
        self.outside = outside

    def check(self) -> None:
        """Check share and weight.

        Raises
        ------
        InputError
            When one is out of range.
        """
        name = type(self).__name__
        check_real(name, "share", self.share, 0, 1, closed="right")
        check_real(name, "outside", self.outside, 0, 1, closed="both")

    def weigh(self, transfer_set: TransferSet, context: Context) -> Array:
        """Return 1 where the teacher looks at the columns, else `outside`.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Weighting.weigh`.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Two values; of rows with equal parts the first ones count.

        Raises
        ------
        InputError
            For columns that are not there, and where all rows have the same part.
        """
        name = type(self).__name__
        places = positions_of(name, "columns", self.columns, context.schema)
        looks = _attention(transfer_set, context)
        whole = looks.sum(axis=1)
        part = looks[:, places].sum(axis=1) / np.where(whole > 0, whole, 1)
        if self.share < 1 and np.ptp(part) < 1e-9:
            raise InputError(
                f"The 'columns' parameter of {name} must tell rows apart: on all of "
                f"them {part.mean():.3g} of the teacher's attention lies there. Got "
                f"{one_line(repr(self.columns))}."
            )
        ranked = np.argsort(-part, kind="stable")
        weight = np.full(len(part), float(self.outside))
        weight[ranked[: max(1, round(self.share * len(part)))]] = 1
        return weight

    def __str__(self) -> str:
        """Say which rows count."""
        given = self.columns
        names = [given] if isinstance(given, str | int) else list(given)
        return (
            f"The {100 * self.share:g} % of the rows where the teacher looks most at "
            f"{one_line(joined([str(name) for name in names], 5))} count 1, others "
            f"{self.outside:g}"
        )


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda cells, value: cells < value,
    "<=": lambda cells, value: cells <= value,
    ">": lambda cells, value: cells > value,
    ">=": lambda cells, value: cells >= value,
    "==": lambda cells, value: cells == value,
    "!=": lambda cells, value: cells != value,
    "in": lambda cells, value: cells.isin(value),
}


def _attention(transfer_set: TransferSet, context: Context) -> Array:
    """Return how much a teacher's answer hangs on each number of each row."""
    outputs: Any = [None]
    if context.task != "multiclass":
        outputs = range(transfer_set.logits.shape[1])
    slopes = [context.teacher.gradients(transfer_set.rows, k) for k in outputs]
    known = np.nan_to_num(np.abs(slopes)).sum(axis=0)
    looks: Array = known * _deviations(transfer_set)
    return looks


def _deviations(transfer_set: TransferSet) -> Array:
    """Return the deviations of the columns in their own unit; of categories, 0."""
    found = np.zeros(len(transfer_set.encoded.schema))
    pairs = zip(
        transfer_set.encoded.schema.features, transfer_set.encoded.codes.T, strict=True
    )
    for place, (feature, column) in enumerate(pairs):
        if feature.is_categorical or feature.is_date:
            continue
        cells = feature.decode(column) if feature.scale else column
        known = cells[~np.isnan(cells)].astype(np.float64)
        found[place] = known.std() if len(known) else 0
    return found


def _is_boolean(cells: NDArray[Any]) -> bool:
    return cells.dtype == np.bool_ or bool(np.isin(cells, (0, 1)).all())


def _marked(name: str, cells: "pd.Series[Any]", known: Any) -> NDArray[np.bool_]:
    """Return where a column of booleans says yes; a missing cell says no."""
    there = cells[known].to_numpy()
    if not _is_boolean(there):
        raise InputError(
            "The 'mask' parameter of Masked must name a column of booleans, or of 0 "
            f"and 1; give (column, comparison, value) for another. Got "
            f"{one_line(repr(name))}."
        )
    marks = np.zeros(len(cells), dtype=np.bool_)
    marks[known] = there.astype(np.bool_)
    return marks


def _compared(
    mask: Any, cells: "pd.Series[Any]", comparison: str, value: Any
) -> NDArray[np.bool_]:
    """Return where a condition holds."""
    try:
        holds = _COMPARISONS[comparison](cells, value)
        return np.asarray(holds.fillna(False), dtype=np.bool_)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The 'mask' parameter of Masked must compare a column with a value of its "
            f"own kind. Got {one_line(repr(mask))} for cells of type {cells.dtype}."
        ) from error
