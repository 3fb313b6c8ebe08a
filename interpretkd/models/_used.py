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
    if not isinstance(form.schema, ScoredSchema):
        return tuple(tested)
    read = {column for one in tested for column in form.schema.columns_of(one)}
    return tuple(sorted(read))
