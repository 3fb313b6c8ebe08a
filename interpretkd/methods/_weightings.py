"""Weights of the rows by what the teacher says of them."""

from typing import ClassVar

import numpy as np

from interpretkd._base import Array, check_real
from interpretkd.methods._context import Context
from interpretkd.methods._step import Weighting
from interpretkd.targets import probabilities
from interpretkd.transfer import TransferSet

_FLOOR = 0.05
"""No row counts less beside the surest one: an unsure one is still a row."""


class Confidence(Weighting):
    """Rows count by how sure the teacher is of its decision.

    The weight is ``max(p) ** exponent``, never below 0.05, with the mean kept at 1; for
    labels the mean over them of ``max(p, 1 - p)``.

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
