"""The sum that decides a row, in the units of the model's own answer."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from interpretkd._base import Array, one_line
from interpretkd.data import Codes
from interpretkd.models import Outputs, path_contributions, read_outputs

_ROUNDING = 1e-9
"""What the parts of a sum may miss it by, as a part of it, without a word."""


@dataclass(frozen=True, eq=False)
class _RowSum:
    """What a boosted or linear student adds up for one row, as the model tells it.

    The units are those of `shape_effects` and `linear_terms`: of two classes the logit
    of the second against the first, of more each logit less the mean of all, labels'
    logits, values.

    Parameters
    ----------
    outputs : Outputs
        What is added up.
    base : ndarray of shape (n_shown,)
        What a mean row comes to.
    parts : ndarray of shape (n_features, n_shown)
        What each feature adds to it.
    limit : ndarray of shape (n_shown,)
        What is taken off in the end, where the student says less than the smallest
        probability that counts (see `Target.decode`); 0 almost always.
    """

    outputs: Outputs
    base: Array
    parts: Array
    limit: Array

    @classmethod
    def of(cls, model: Any, codes: Codes, logits: Array) -> "_RowSum":
        """Split what the model says of one row."""
        form = model.student_.form_
        outputs = read_outputs(model, type(form))[1].centred()
        base, parts = map(outputs.show, path_contributions(form, codes))
        limit = np.zeros(len(base))
        if outputs.unit in ("logit", "value"):
            total, said = base + parts.sum(axis=0), outputs.show_logits(logits)
            off = said - total
            limit = np.where(np.abs(off) > _ROUNDING * (1 + np.abs(said)), off, 0.0)
        return cls(outputs, base, parts, limit)

    @property
    def about(self) -> tuple[str, ...]:
        """What each shown number is, such as "the logit of good"."""
        names = [
            one_line(self.outputs.describe(i)) for i in range(len(self.outputs.names))
        ]
        if self.outputs.exclusive and len(names) > 1:
            names = [f"{name} less the mean of all" for name in names]
        return tuple(names)
