"""Steps that do what a stub would do as well: the controls of several rows."""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from interpretkd.methods import Context, Reply, Step, Weighting
from interpretkd.transfer import TransferSet

__all__ = ["OfOtherRows", "ShuffledReplies", "ShuffledWeights"]


class ShuffledWeights(Weighting):
    """The weights of another step, shuffled over the rows.

    Parameters
    ----------
    step : Weighting
        Whose weights.
    """

    def __init__(self, step: Any) -> None:
        self.step = step
        self.needs = step.needs

    def weigh(self, transfer_set: TransferSet, context: Context) -> Any:
        """Return the same numbers in another order.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Weighting.weigh`.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Weights.
        """
        own = self.step.weigh(transfer_set, context)
        return np.random.default_rng(context.seed).permutation(own)


class ShuffledReplies(Reply):
    """The teacher's replies, shuffled over the rows of some origins.

    Parameters
    ----------
    origins : tuple of str
        The rows whose replies are mixed up among themselves.
    """

    def __init__(self, origins: tuple[str, ...] = ("unlabelled",)) -> None:
        self.origins = origins

    def reply(self, transfer_set: TransferSet, context: Context) -> Any:
        """Return the replies of other rows.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Reply.reply`.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits.
        """
        logits = np.array(transfer_set.logits)
        places = np.flatnonzero(np.isin(transfer_set.origins, self.origins))
        logits[places] = logits[context.rng.permutation(places)]
        return logits


class OfOtherRows(Step):
    """As many replies changed as another step changes, of rows drawn by lot.

    Parameters
    ----------
    step : Reply
        Which replies it would change is counted, class by class of the label.
    """

    slot: ClassVar[str] = "replies"

    def __init__(self, step: Any) -> None:
        self.step = step
        self.needs = step.needs

    def apply(self, transfer_set: TransferSet, context: Context) -> TransferSet:
        """Return the set with the changed replies moved to other rows.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Step.apply`.

        Returns
        -------
        TransferSet
            The replies of the changed rows, on rows drawn by lot.
        """
        changed = self.step.apply(transfer_set, context)
        moved = np.flatnonzero((changed.logits != transfer_set.logits).any(axis=1))
        others = np.setdiff1d(np.arange(len(transfer_set)), moved)
        rng = np.random.default_rng(context.seed)
        chosen = rng.permutation(others)[: len(moved)]
        logits = np.array(transfer_set.logits)
        logits[chosen] = changed.logits[moved[: len(chosen)]]
        return replace(transfer_set, logits=logits, own=None)
