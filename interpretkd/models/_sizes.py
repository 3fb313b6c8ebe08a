"""How large a student is: in its own unit, and in what a person has to read."""

from typing import Any

import numpy as np

from interpretkd.models._forest import Forest
from interpretkd.models._linear import Linear
from interpretkd.models._outputs import read_outputs
from interpretkd.models._scored_tree import ScoredTree
from interpretkd.models._tree import Tree


def size_of(form: Any) -> tuple[int | None, str]:
    """Return a student's size in its own unit.

    Parameters
    ----------
    form : Tree, Forest, Linear or other
        The student's form.

    Returns
    -------
    size : int or None
        The leaves of all its trees, or the features of its sum.
    unit : str
        "leaves" or "terms"; nothing is known of other forms.
    """
    if isinstance(form, Linear):
        return len(form.features), "terms"
    if isinstance(form, Tree | Forest):
        return form.n_leaves, "leaves"
    return None, ""


def items_of(model: Any, form: Any) -> int | None:
    """Count what a person has to read.

    Each test and each answer of a tree, whatever its leaf holds, for the reader wants
    its decision, and of a test that adds up columns each of these; each coefficient and
    intercept of a sum, of two classes those of one.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    form : Tree, Forest, Linear or other
        Its student's.

    Returns
    -------
    int or None
        The number; None for other forms.
    """
    if isinstance(form, ScoredTree):
        return form.n_terms + form.n_leaves
    if isinstance(form, Tree | Forest):
        return len(form.nodes.feature)
    if not isinstance(form, Linear):
        return None
    _, outputs = read_outputs(model, Linear)
    shown = outputs.show(form.coefficients)
    return int(np.count_nonzero(shown)) + shown.shape[1]
