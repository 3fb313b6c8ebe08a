"""Steps that do what a stub would do as well: the controls of the rows."""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from interpretkd.methods import Context, Hidden, Hint, Reply, Step, Weighting
from interpretkd.targets import decide, probabilities
from interpretkd.teachers import as_teacher
from interpretkd.transfer import TransferSet

__all__ = [
    "HiddenOf",
    "OfNearest",
    "OfOtherRows",
    "RandomClasses",
    "RandomGraph",
    "RandomHints",
    "ShuffledReplies",
    "ShuffledWeights",
]


class ShuffledWeights(Weighting):
    """The weights of another step, shuffled over the rows.

    Parameters
    ----------
    step : Weighting
        Whose weights.
    """

    def __init__(self, step: Any) -> None:
        self.step = step

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """What the other step needs."""
        needs: frozenset[str] = self.step.needs
        return needs

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

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """What the other step needs."""
        needs: frozenset[str] = self.step.needs
        return needs

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


class OfNearest(Reply):
    """Rows of some origins get the reply of the nearest given row, not their own.

    Parameters
    ----------
    origins : tuple of str
        The made rows.
    """

    def __init__(self, origins: tuple[str, ...]) -> None:
        self.origins = origins

    def reply(self, transfer_set: TransferSet, context: Context) -> Any:
        """Return the replies.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Reply.reply`.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits.
        """
        from scipy.spatial import KDTree

        made = np.isin(transfer_set.origins, self.origins)
        codes = np.nan_to_num(np.asarray(transfer_set.encoded.codes, dtype=np.float64))
        spread = codes[~made].std(axis=0)
        codes = codes / np.where(spread > 0, spread, 1)
        _, nearest = KDTree(codes[~made]).query(codes[made])
        logits = np.array(transfer_set.logits)
        logits[made] = transfer_set.logits[~made][nearest]
        return logits


class RandomClasses(Reply):
    """The decided class and some others by lot keep their probabilities.

    Parameters
    ----------
    k : int
        How many classes keep theirs; the others share the rest evenly.
    """

    def __init__(self, k: int) -> None:
        self.k = k

    def reply(self, transfer_set: TransferSet, context: Context) -> Any:
        """Return the replies.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Reply.reply`.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits.
        """
        chance = probabilities(transfer_set.logits, "multiclass")
        n_rows, n_classes = chance.shape
        lot = context.rng.random(chance.shape)
        lot[np.arange(n_rows), decide(transfer_set.logits)] = -1  # always kept
        kept = np.argsort(np.argsort(lot, axis=1), axis=1) < self.k
        rest = np.where(kept, 0, chance).sum(axis=1, keepdims=True)
        even = rest / max(n_classes - self.k, 1)
        return np.log(np.maximum(np.where(kept, chance, even), 1e-12))


class RandomGraph(Reply):
    """Answers moved towards those of rows drawn by lot.

    Parameters
    ----------
    beta : float
        The share of the others.
    n_neighbours : int, default=5
        How many each row gets.
    """

    def __init__(self, beta: float, n_neighbours: int = 5) -> None:
        self.beta = beta
        self.n_neighbours = n_neighbours

    def reply(self, transfer_set: TransferSet, context: Context) -> Any:
        """Return the replies.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Reply.reply`.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits.
        """
        chance = probabilities(transfer_set.logits, "multiclass")
        others = [context.rng.permutation(chance) for _ in range(self.n_neighbours)]
        mixed = (1 - self.beta) * chance + self.beta * np.mean(others, axis=0)
        return np.log(np.maximum(mixed, 1e-12))


class RandomHints(Hint):
    """Guide columns drawn by lot, with the variance of others.

    Parameters
    ----------
    n : int
        How many.
    share : float
        As of `Hint`.
    """

    def __init__(self, n: int, share: float) -> None:
        self.n = n
        self.share = share

    def columns(self, transfer_set: TransferSet, context: Context) -> Any:
        """Return normal deviates.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Hint.columns`.

        Returns
        -------
        ndarray of shape (n_samples, n), float64
            They know nothing.
        """
        return context.rng.normal(size=(len(transfer_set), self.n))


class HiddenOf(Hidden):
    """What a hidden layer of another network says.

    Parameters
    ----------
    network : estimator
        Fitted.
    layer : int, default=0
        As of `Hidden`.
    """

    def __init__(self, network: Any, layer: int = 0) -> None:
        super().__init__(layer)
        self.network = network

    def fit(self, rows: Any, context: Context) -> Any:
        """Name the neurons of the other network.

        Parameters
        ----------
        rows, context : DataFrame or ndarray, Context
            As of `View.fit`.

        Returns
        -------
        View
            Itself.
        """
        return super().fit(rows, replace(context, teacher=as_teacher(self.network)))
