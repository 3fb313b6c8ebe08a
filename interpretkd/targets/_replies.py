"""Other logits in the place of a teacher's: surer, cut short, or in another order."""

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array


def certain_logits(labels: Array, certainty: float, task: str = "multiclass") -> Array:
    """Return logits that say labels with one certainty.

    Parameters
    ----------
    labels : ndarray of shape (n_samples, n_outputs)
        0 and 1; at least two columns for "multiclass".
    certainty : float
        In (0.5, 1): the probability of what the label says. The other classes share
        the rest evenly.
    task : {"multiclass", "multilabel"}, default="multiclass"
        Whether the labels exclude each other.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs), float64
        Logits.

    Examples
    --------
    >>> np.exp(certain_logits(np.eye(3)[:1], 0.9)).round(3)
    array([[0.9 , 0.05, 0.05]])
    """
    said = labels > 0.5
    if task == "multilabel":
        odds = np.log(certainty) - np.log1p(-certainty)
        return np.where(said, odds, -odds)
    other = (1 - certainty) / (labels.shape[1] - 1)
    return np.where(said, np.log(certainty), np.log(other))


def spread_rest(logits: Array, k: int) -> Array:
    """Keep the largest probabilities of each row; the others share the rest evenly.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)
        Logits.
    k : int
        In [1, inf): how many are kept; of equal ones the first.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        The same logits where a class is kept; decisions stay.

    Examples
    --------
    >>> spread_rest(np.log([[0.6, 0.1, 0.3]]), 1).round(3)
    array([[-0.511, -1.609, -1.609]])
    """
    logits = np.asarray(logits, dtype=np.float64)
    n_rest = logits.shape[1] - k
    if n_rest <= 1:  # a single one has the whole rest already
        return logits
    rest = np.argsort(-logits, axis=1, kind="stable")[:, k:]
    small = np.take_along_axis(logits, rest, axis=1)
    # Their mean probability; in this form nothing becomes 0 that was above it.
    top = small[:, :1]
    level = top + np.log(np.exp(small - top).mean(axis=1, keepdims=True))
    spread: Array = logits.copy()
    np.put_along_axis(spread, rest, level, axis=1)
    return spread


def permute_rest(logits: Array, rng: np.random.Generator) -> Array:
    """Deal out the probabilities of each row anew, all but the largest one.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)
        Logits.
    rng : numpy.random.Generator
        Deals, in each row by itself.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        The same numbers in each row; decisions stay.
    """
    logits = np.asarray(logits, dtype=np.float64)
    best, dealt = logits.argmax(axis=1), logits.copy()
    rest = np.ones(dealt.shape, dtype=np.bool_)
    rest[np.arange(len(dealt)), best] = False
    small = dealt[rest].reshape(len(dealt), -1)
    dealt[rest] = rng.permuted(small, axis=1).ravel()
    tied = dealt.argmax(axis=1) != best  # one as large now stands before it
    dealt[tied] = logits[tied]
    return dealt


def best_outputs(
    logits: Array, k: int, task: str = "multiclass"
) -> tuple[NDArray[np.bool_], Array]:
    """Return the most probable whole outputs of each row, the best first.

    Of classes an output is one class, of labels a set of them. Labels are taken as
    independent, so that a set is as probable as the product says: the sets come by
    their cost, the sum of what each other choice than the best costs.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_outputs)
        Logits.
    k : int
        In [1, inf): how many outputs; of equal ones the first.
    task : {"multiclass", "multilabel"}, default="multiclass"
        Whether the outputs are single classes or sets of labels.

    Returns
    -------
    outputs : ndarray of shape (n_samples, k, n_outputs), bool
        Which class, or which labels; fewer than k where there are no more.
    share : ndarray of shape (n_samples, k), float64
        Their probabilities, divided by the sum of these.

    Examples
    --------
    >>> outputs, share = best_outputs(np.log([[0.2, 0.5, 0.3]]), 2)
    >>> outputs[0].astype(int), share.round(3)
    (array([[0, 1, 0],
           [0, 0, 1]]), array([[0.625, 0.375]]))
    """
    logits = np.asarray(logits, dtype=np.float64)
    if task == "multilabel":
        outputs, cost = _best_sets(logits, k)
    else:
        best = np.argsort(-logits, axis=1, kind="stable")[:, :k]
        cost = -np.take_along_axis(logits, best, axis=1)
        outputs = np.eye(logits.shape[1], dtype=np.bool_)[best]
    share = np.exp(cost[:, :1] - cost)
    return outputs, share / share.sum(axis=1, keepdims=True)


def _best_sets(logits: Array, k: int) -> tuple[NDArray[np.bool_], Array]:
    """Return the k cheapest sets of labels, and their costs above the best one.

    Label by label: the k cheapest of some labels are among the k cheapest of all but
    one of these, with the last as it is or the other way round.
    """
    n_rows, n_labels = logits.shape
    cost = np.zeros((n_rows, 1))
    flipped = np.zeros((n_rows, 1, n_labels), dtype=np.bool_)
    for label in range(n_labels):
        other = flipped.copy()
        other[:, :, label] = True
        both = np.concatenate([cost, cost + np.abs(logits[:, [label]])], axis=1)
        order = np.argsort(both, axis=1, kind="stable")[:, :k]
        flipped = np.concatenate([flipped, other], axis=1)
        flipped = np.take_along_axis(flipped, order[:, :, None], axis=1)
        cost = np.take_along_axis(both, order, axis=1)
    return flipped ^ (logits > 0)[:, None, :], cost
