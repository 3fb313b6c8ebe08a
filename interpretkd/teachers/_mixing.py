"""One answer out of several teachers' answers to the same rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, log_softmax, logsumexp

from interpretkd._base import Array, InputError
from interpretkd.targets import Answers, decide, probabilities
from interpretkd.teachers._asking import _SMALLEST

_TIE = 1e-6
"""The part of the mean probability in a share of votes: it decides between equals."""


def _mixed(said: Sequence[Answers], weights: Array, how: str, task: str) -> Answers:
    """Mix answers with weights above 0 that sum to 1.

    Logits are mixed by their differences from the answer that counts most: where all
    say the same, the mixture is that to the last bit.
    """
    shapes = {answers.shape for answers in said}
    if len(shapes) > 1:
        raise InputError(
            "The teachers of an ensemble must have as many outputs each. They answer "
            f"with shapes {sorted(shapes)}."
        )
    logits = np.stack([answers.logits for answers in said])
    if how == "votes":
        decided = np.stack([decide(answers, task) for answers in said])
        return _voted(decided, logits, weights, task)
    if how == "logits":
        first = logits[weights.argmax()]
        mixture = first + np.tensordot(weights, logits - first, 1)
    else:
        mixture = _mixed_probabilities(logits, weights, task)
    return _as_agreed(mixture, said, task)


def _mixed_probabilities(logits: Array, weights: Array, task: str) -> Array:
    """Return log(sum v p); for labels the log-odds.

    Where all say the same, so does the mixture, to the last bit: then it has that
    answer's constant of the row, which softmax does not see.
    """
    main = logits[weights.argmax()]

    def mean(logs: Array) -> Array:
        mixture: Array = logsumexp(logs, axis=0, b=weights[:, None, None])
        return mixture

    if task == "multilabel":
        mixed = mean(log_expit(logits)) - mean(log_expit(-logits))
        same = (logits == main).all(axis=0)
    else:
        mixed = mean(log_softmax(logits, axis=2))
        same = (logits == main).all(axis=(0, 2))[:, None]
    return np.where(same, main, mixed)


def _as_agreed(logits: Array, said: Sequence[Answers], task: str) -> Answers:
    """Decide what all decide, be it by thresholds of their own."""
    if all(answers.own is None for answers in said):
        return Answers(logits)
    decided = np.stack([decide(answers, task) for answers in said])
    told = decide(logits, task)
    own = np.where((decided == decided[0]).all(axis=0), decided[0], told)
    return Answers(logits, None if np.array_equal(own, told) else own)


def _voted(
    decided: NDArray[np.int64], logits: Array, weights: Array, task: str
) -> Answers:
    """Count decisions; of classes with equally many votes the likeliest is decided."""
    likely = np.tensordot(weights, [probabilities(z, task) for z in logits], 1)
    votes = decided if task == "multilabel" else np.eye(logits.shape[2])[decided]
    share = (1 - _TIE) * np.tensordot(weights, votes, 1) + _TIE * likely
    share = np.clip(share, _SMALLEST, 1 - _SMALLEST)
    rest = np.log1p(-share) if task == "multilabel" else 0.0
    return Answers(np.log(share) - rest)
