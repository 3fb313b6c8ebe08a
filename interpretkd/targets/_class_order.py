"""The order of classes: numbers by their value, also where they are texts."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError, one_line

_NUMBER = re.compile(r"\s*[+-]?\d{1,400}(\.\d{0,400})?\s*", re.ASCII)


def classes_in_order(labels: NDArray[Any]) -> NDArray[Any]:
    """Return the classes that occur, in the order in which models number them.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
        Classes.

    Returns
    -------
    ndarray of shape (n_classes,)
        Sorted; texts that are all numbers by their value, as numbers would be.

    Examples
    --------
    >>> classes_in_order(np.array(["10", "2", "1", "2"])).tolist()
    ['1', '2', '10']
    >>> classes_in_order(np.array(["b", "10", "2"])).tolist()
    ['10', '2', 'b']
    """
    classes = np.unique(labels)
    texts = classes.tolist()
    if not texts or not all(
        isinstance(text, str) and _NUMBER.fullmatch(text) for text in texts
    ):
        return classes
    order = sorted(range(len(texts)), key=lambda i: (Decimal(texts[i].strip()), i))
    return np.asarray(classes[order])


def classes_as_named(names: Sequence[str], labels: NDArray[Any]) -> NDArray[Any]:
    """Return classes in the order that a user names them.

    Parameters
    ----------
    names : sequence of str
        All classes that a teacher knows, in the order of its outputs. Some may not
        occur among the labels.
    labels : ndarray of shape (n_samples,)
        Classes.

    Returns
    -------
    ndarray of shape (n_classes,)
        The names, as the labels are written.

    Raises
    ------
    InputError
        When a name stands twice, a label is not named, or a name cannot be one of the
        labels, such as a word among numbers.
    """
    given = [str(name) for name in names]
    kind = np.asarray(labels).dtype
    are_numbers = kind.kind in "iuf"
    if are_numbers and not all(_NUMBER.fullmatch(name) for name in given):
        raise InputError(
            "The labels are numbers, so the order of the classes must name numbers. It "
            f"names {_some(given)}."
        )
    keys = [Decimal(name.strip()) if are_numbers else name for name in given]
    twice = sorted({given[i] for i, key in enumerate(keys) if keys.count(key) > 1})
    if twice:
        raise InputError(f"The order of the classes names {_some(twice)} twice.")
    there = pd.unique(pd.Series(labels)).tolist()
    known = {Decimal(one) if are_numbers else str(one): one for one in there}
    lacking = [str(one) for key, one in known.items() if key not in set(keys)]
    if lacking:
        raise InputError(
            f"The order of the classes must name every class. It names {_some(given)}; "
            f"it lacks {_some(sorted(lacking))}."
        )
    if are_numbers:
        return np.asarray([known.get(key, key) for key in keys]).astype(kind)
    values = [known.get(key, key) for key in keys]
    return np.asarray(values, dtype=object if kind.kind == "O" else None)


def _some(names: Sequence[str]) -> str:
    told = ", ".join(one_line(repr(name)) for name in names[:10])
    return told + (f" and {len(names) - 10} more" if len(names) > 10 else "")
