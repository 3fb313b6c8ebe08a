"""Which of the given columns a form reads."""

from typing import Any

import numpy as np

from interpretkd.models._linear import Linear
from interpretkd.models._scores import ScoredSchema


def used_positions(form: Any) -> tuple[int, ...]:
    """Return which columns of the rows a student reads.

    Parameters
    ----------
    form : Tree, Forest or Linear
        The student's.

    Returns
    -------
    tuple of int
        Positions, from 0, in order; of a scored tree those that its scores are made
        of, too.
    """
    if isinstance(form, Linear):
        return form.features
    found = form.nodes.feature
    tested = np.unique(found[found >= 0]).tolist()
    return tuple(sorted({c for one in tested for c in columns_of(form, one)}))


def columns_of(form: Any, position: int) -> tuple[int, ...]:
    """Return which columns of the rows a tested column is made of.

    Parameters
    ----------
    form : Tree or Forest
        The student's.
    position : int
        A column of its schema, such as `Condition.position`.

    Returns
    -------
    tuple of int
        Positions, in order: the column itself, or those that a score adds up.
    """
    schema = form.schema
    if not isinstance(schema, ScoredSchema):
        return (position,)
    return schema.columns_of(position)
