"""Weights of the rows by what the teacher says of them, or by a condition."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import (
    Array,
    InputError,
    check_choice,
    check_real,
    one_line,
)
from interpretkd.data import Rows
from interpretkd.methods._context import Context
from interpretkd.methods._positions import positions_of
from interpretkd.methods._step import Weighting
from interpretkd.metrics import row_divergences
from interpretkd.targets import probabilities
from interpretkd.transfer import TransferSet

_FLOOR = 0.05
"""No row counts less beside the surest one: an unsure one is still a row."""


class Confidence(Weighting):
    """Rows count by how sure the teacher is of its decision.

    The weight is ``max(p) ** exponent``, never below 0.05, with the mean kept at 1; for
    labels the mean over them of ``max(p, 1 - p)``. Where replies have taken the
    teacher's place it is theirs that count.

    Costs nothing. When this was designed fidelity rose by 0.7 to 1.0 points on average,
    with greedy trees, from -4 to +6 by table: let ``weights="auto"`` choose. Measured
    further: see the methods' page.

    Parameters
    ----------
    exponent : float, default=2.0
        In [0, inf); 0 changes nothing.

    References
    ----------
    Furlanello et al. (2018), "confidence-weighted by teacher max"; Kim et al. (2019);
    as told by Abbasi et al. (2020).

    Examples
    --------
    >>> print(Confidence())
    Rows count by the teacher's confidence to the power 2
    """

    tasks: ClassVar[tuple[str, ...]] = ("multiclass", "multilabel")

    def __init__(self, exponent: float = 2.0) -> None:
        self.exponent = exponent

    def check(self) -> None:
        """Check the exponent.

        Raises
        ------
        InputError
            When it is out of range.
        """
        name = type(self).__name__
        check_real(name, "exponent", self.exponent, 0, float("inf"), closed="left")

    def weigh(self, transfer_set: TransferSet, context: Context) -> Array:
        """Return how sure the teacher is of each row.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Weighting.weigh`.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            In [0.05, 1].
        """
        chance = probabilities(transfer_set.logits, context.task)
        if context.task == "multilabel":
            sure = np.maximum(chance, 1 - chance).mean(axis=1)
        else:
            sure = chance.max(axis=1)
        return np.maximum(sure**self.exponent, _FLOOR)

    def __str__(self) -> str:
        """Say how rows count."""
        return f"Rows count by the teacher's confidence to the power {self.exponent:g}"


class Error(Weighting):
    """Rows count by how far the teacher is from the label.

    The weight is ``(1 - p_y) ** exponent``, with p_y the teacher's probability of the
    label, and the mean of this over several labels. For values it is ``(r / (r + m)) **
    exponent``, with r the distance of the teacher from the true values, in their
    deviations, and m the median distance. It is never below 0.05, and the mean is
    kept; a row without label counts as labelled ones do on average. It is the teacher
    that is asked, whatever replies have taken its place.

    Costs nothing. It teaches where the teacher is unsure or wrong, so expect it to
    help, if at all, together with `Conditional` or `alpha`, which say what is right
    there. Measured: see the methods' page.

    Parameters
    ----------
    exponent : float, default=1.0
        In [0, inf); 0 changes nothing.

    References
    ----------
    Furlanello et al. (2018) and Kim et al. (2019), weights of rows; as told by Abbasi
    et al. (2020).

    Examples
    --------
    >>> print(Error())
    Rows count by the teacher's error to the power 1
    """

    needs: ClassVar[frozenset[str]] = frozenset({"labels"})

    def __init__(self, exponent: float = 1.0) -> None:
        self.exponent = exponent

    def check(self) -> None:
        """Check the exponent.

        Raises
        ------
        InputError
            When it is out of range.
        """
        name = type(self).__name__
        check_real(name, "exponent", self.exponent, 0, float("inf"), closed="left")

    def weigh(self, transfer_set: TransferSet, context: Context) -> Array:
        """Return how wrong the teacher is on each row.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Weighting.weigh`.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            In [0.05, 1].
        """
        place = np.flatnonzero(transfer_set.is_labelled)
        labelled = transfer_set.take(place)
        logits = context.ask(labelled.rows).logits  # which costs no further question
        assert labelled.labels is not None
        far = _distance(logits, labelled.labels, context.task)
        own = np.maximum(far**self.exponent, _FLOOR)
        mean = np.average(own, weights=labelled.weights)
        weight = np.full(len(transfer_set), mean)
        weight[place] = own
        return weight

    def __str__(self) -> str:
        """Say how rows count."""
        return f"Rows count by the teacher's error to the power {self.exponent:g}"


class Masked(Weighting):
    """Only rows that a mask marks count in full: there the student shall imitate.

    The weight is 1 where the mask holds, else `outside`; the mean is kept.

    Costs nothing. Fidelity inside the mask can rise, and falls outside: judge it there
    (``fidelity`` of these rows). Measured: see the methods' page.

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


class Hardness(Weighting):
    """A share of the rows alone: the easiest, or the hardest, for the student so far.

    Rows are ranked by ``KL(p || student)``, with p what is taught and a quick student
    fitted to it (its distance squared, for values); `share` of them count, the others
    do not. Fewer rows are learnt faster: what counts is the time to the same fidelity.

    Costs one quick fit, without search. Easy rows alone teach what the student says
    already; hard ones may be beyond its size. Measured: see the methods' page.

    Parameters
    ----------
    share : float, default=0.5
        In (0, 1]: of the rows that count so far; 1 changes nothing.
    order : {"easiest", "hardest"}, default="easiest"
        Which of them.

    References
    ----------
    Jin, Peng, Wu, Liu, Liu, Liang, Yan & Hu (2019), "Knowledge distillation via route
    constrained optimization", from easy to hard; as told by Alkhulaifi, Alsahli & Ahmad
    (2020).

    Examples
    --------
    >>> print(Hardness(0.8))
    The easiest 80 % of the rows count, by what a quick student makes of them
    """

    needs: ClassVar[frozenset[str]] = frozenset({"student"})

    def __init__(self, share: float = 0.5, order: str = "easiest") -> None:
        self.share = share
        self.order = order

    def check(self) -> None:
        """Check share and order.

        Raises
        ------
        InputError
            When one is out of range.
        """
        name = type(self).__name__
        check_real(name, "share", self.share, 0, 1, closed="right")
        check_choice(name, "order", self.order, ("easiest", "hardest"))

    def weigh(self, transfer_set: TransferSet, context: Context) -> Array:
        """Return 1 for the rows that count, 0 for the others.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Weighting.weigh`.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Of equally hard rows the first ones count.
        """
        said = context.student.logits(transfer_set)
        if context.task == "regression":
            hard = ((said - transfer_set.logits) ** 2).sum(axis=1)
        else:
            hard = row_divergences(transfer_set.logits, said, context.task)
        counts = np.flatnonzero(transfer_set.weights > 0)
        sign = 1 if self.order == "easiest" else -1
        ranked = counts[np.argsort(sign * hard[counts], kind="stable")]
        weight = np.zeros(len(transfer_set))
        weight[ranked[: max(1, round(self.share * len(ranked)))]] = 1
        return weight

    def __str__(self) -> str:
        """Say which rows count."""
        return (
            f"The {self.order} {100 * self.share:g} % of the rows count, by what a "
            "quick student makes of them"
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


def _distance(logits: Array, labels: Array, task: str) -> Array:
    """Return how far a teacher is from the labels, in [0, 1]."""
    if task != "regression":
        says = probabilities(logits, task)
        if task == "multilabel":
            return np.where(labels > 0.5, 1 - says, says).mean(axis=1)
        return 1 - says[np.arange(len(says)), labels.argmax(axis=1)]
    spread = labels.std(axis=0)
    apart = (logits - labels) / np.where(spread > 0, spread, 1)
    far = np.sqrt((apart**2).sum(axis=1))
    usual = float(np.median(far))
    return far / np.where(far + usual > 0, far + usual, 1)


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
