"""Logits and what is made of them: probabilities, decisions, and the links between."""

import numpy as np

from interpretkd._base import Array, check_choice
from interpretkd.targets._answers import Answers, decide

TASKS = ("multiclass", "multilabel", "regression")
LINKS = ("identity", "softmax", "sigmoid")


def log_probabilities(logits: Array, temperature: float = 1.0) -> Array:
    """Return the log-softmax over the columns.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)
        Logits.
    temperature : float, default=1.0
        In (0, inf).

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        Logarithms of probabilities, in nats.
    """
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))


def probabilities(logits: Array, task: str = "multiclass") -> Array:
    """Return probabilities at temperature 1.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_outputs)
        Logits.
    task : {"multiclass", "multilabel"}, default="multiclass"
        Softmax over the columns, or a sigmoid for each.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs), float64
        Probabilities.
    """
    return soft_targets(logits, 1.0, task)


def soft_targets(
    logits: Array, temperature: float = 1.0, task: str = "multiclass"
) -> Array:
    """Return probabilities at a temperature.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_outputs)
        Logits.
    temperature : float, default=1.0
        In (0, inf); above 1 it flattens, below 1 it sharpens.
    task : {"multiclass", "multilabel"}, default="multiclass"
        Softmax over the columns, or a sigmoid for each.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs), float64
        Probabilities; the rows sum to 1 for "multiclass".

    References
    ----------
    Hinton, Vinyals & Dean (2015), "Distilling the knowledge in a neural network".
    """
    if task == "multilabel":
        return apply_link(np.asarray(logits, np.float64) / temperature, "sigmoid")
    return np.exp(log_probabilities(logits, temperature))


def hard_targets(logits: Array | Answers, task: str = "multiclass") -> Array:
    """Return the decision as 0 and 1.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_outputs), or Answers
        Logits; the answers of a teacher, whose decisions may be its own.
    task : {"multiclass", "multilabel"}, default="multiclass"
        Of logits the largest column (the first of equals), or every positive one.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs), float64
        Zeros and ones.
    """
    decided = decide(logits, task)
    if task == "multilabel":
        return decided.astype(np.float64)
    return np.eye(np.shape(logits)[1])[decided]


def centred_logits(logits: Array) -> Array:
    """Return logits less their row mean: the part that the softmax sees.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)
        Logits.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        Rows that sum to 0.
    """
    logits = np.asarray(logits, dtype=np.float64)
    return logits - logits.mean(axis=1, keepdims=True)


def apply_link(margins: Array, link: str) -> Array:
    """Turn sums into predictions.

    Parameters
    ----------
    margins : ndarray of shape (n_samples, n_outputs)
        Sums.
    link : {"identity", "softmax", "sigmoid"}
        The function.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs), float64
        The sums themselves, or probabilities.
    """
    if link == "softmax":
        return np.exp(log_probabilities(margins))
    if link == "sigmoid":
        return 0.5 * (1 + np.tanh(0.5 * np.asarray(margins, dtype=np.float64)))
    check_choice("apply_link", "link", link, LINKS)
    return margins
