"""The order of several fits: a scheme composes fits, and never looks into one."""

from typing import Any, ClassVar, Protocol

from sklearn.base import BaseEstimator

from interpretkd._base import Array
from interpretkd.methods._context import Context
from interpretkd.methods._step import Use
from interpretkd.targets import TASKS
from interpretkd.transfer import TransferSet


class Pupil(Protocol):
    """A fitted student, as a scheme sees it."""

    def logits(self, transfer_set: TransferSet) -> Array:
        """Return what it says of the rows of a transfer set.

        Parameters
        ----------
        transfer_set : TransferSet
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits (values, for regression).
        """


class StudentFit(Protocol):
    """Fits the model's student to a transfer set."""

    @property
    def student(self) -> Any:
        """The student, unfitted; its parameters say how long it is fitted."""

    def __call__(
        self,
        transfer_set: TransferSet,
        *,
        start: Pupil | None = None,
        watches: bool = True,
        **settings: Any,
    ) -> Pupil:
        """Fit a copy of the student.

        Parameters
        ----------
        transfer_set : TransferSet
            The rows to fit to.
        start : Pupil, default=None
            A student fitted before, from which one that `continues` goes on.
        watches : bool, default=True
            Whether one that stops by its score on held-out rows does so in this fit; a
            scheme of many short fits judges their sum instead, by `score`.
        **settings
            Parameters of the student for this fit alone.

        Returns
        -------
        Pupil
            The fitted copy.
        """

    def score(self, pupil: Pupil) -> float | None:
        """Return the fidelity by which a student that watches is stopped.

        Parameters
        ----------
        pupil : Pupil
            What a fit returned.

        Returns
        -------
        float or None
            On the held-out rows, with the teacher's raw answers; None where none are
            held out for it.
        """


class Scheme(BaseEstimator):
    """The order of several fits.

    Attributes
    ----------
    needs : frozenset of str
        As of `Step`.
    tasks : tuple of str
        As of `Step`.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    tasks: ClassVar[tuple[str, ...]] = TASKS

    def check(self) -> None:
        """Check the parameters, before anything is fitted.

        Raises
        ------
        InputError
            For one out of range.
        """

    def refusal(self, use: Use) -> str | None:
        """Say why it would do nothing, if it would.

        Parameters
        ----------
        use : Use
            As of `Step.refusal`.

        Returns
        -------
        str or None
            A clause; None where it does something.
        """
        return None

    def run(
        self, transfer_set: TransferSet, context: Context, fit: StudentFit
    ) -> Pupil:
        """Fit as often as it takes, and return the student that is kept.

        Parameters
        ----------
        transfer_set : TransferSet
            The rows to fit to, after all steps.
        context : Context
            Teacher, columns, a random stream.
        fit : callable
            Fits the model's student; see `StudentFit`.

        Returns
        -------
        Pupil
            One that `fit` returned.
        """
        raise NotImplementedError

    def __str__(self) -> str:
        """Say in one sentence what it does."""
        return repr(self)
