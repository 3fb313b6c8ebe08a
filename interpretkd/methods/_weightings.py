"""Weights of the rows by what the teacher, or a student, says of them."""

from typing import ClassVar

import numpy as np

from interpretkd._base import Array, check_choice, check_real
from interpretkd.methods._context import Context
from interpretkd.methods._kinds import Weighting
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

    Costs nothing.

    Parameters
    ----------
    exponent : float, default=2.0
        In [0, inf); 0 changes nothing.

    Notes
    -----
    Measured here (row 17 of docs/methods.md: nine sets): fidelity +0.0 ± 0.8 points for
    trees of 16 leaves, -0.8 ± 0.7 for boosted ones. Take ``weights="auto"``, which
    compares.

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

    Costs nothing. It teaches most where the teacher is unsure or wrong; beside
    `Conditional` it would learn the noise of the labels above all.

    Parameters
    ----------
    exponent : float, default=1.0
        In [0, inf); 0 changes nothing.

    Notes
    -----
    Measured here (row 17c of docs/methods.md: six tables): accuracy -1.5 ± 0.9 points;
    it hurt on one table and helped on none.

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


class Hardness(Weighting):
    """A share of the rows alone: the easiest, or the hardest, for the student so far.

    Rows are ranked by ``KL(p || student)``, with p what is taught and a quick student
    fitted to it (its distance squared, for values); `share` of them count, the others
    do not. Fewer rows are learnt faster: what counts is the time to the same fidelity.

    Costs one quick fit, without search, to all columns, whatever view there is. Easy
    rows alone teach what the student says already; hard ones may be beyond its size.

    Parameters
    ----------
    share : float, default=0.5
        In (0, 1]: of the rows that count so far; 1 changes nothing.
    order : {"easiest", "hardest"}, default="easiest"
        Which of them.

    Notes
    -----
    Measured here (row 49 of docs/methods.md: six sets, the easiest half of the rows):
    fidelity -2.4 ± 3.1 points to all rows; half of the rows drawn by lot did not do
    worse.

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
