"""Rows around the given ones: what `transfer="auto"` draws."""

from typing import Any

import numpy as np

from interpretkd._base import check_boolean, check_integer, check_real
from interpretkd.data import Codes, Rows, Schema
from interpretkd.methods._context import Context
from interpretkd.methods._generators import _Drawn, _source
from interpretkd.targets import decide
from interpretkd.transfer import TransferSet, draw_rows, local_rows


class Local(_Drawn):
    """Rows from a Gaussian around each given one, in the shape of its neighbours.

    Where columns go together around a row, they go together in what is drawn. A
    category, a number of few values and a gap become now and then those of a neighbour;
    numbers keep to their range, whole ones stay whole. Where the teacher decides for
    one class, a row's neighbours are of its class.

    Parameters
    ----------
    n_rows : int, float or "auto", default="auto"
        In [0, inf): how many rows, or (a float) how many for each given one; "auto"
        draws 20 for each given one, 10,000 at most.
    n_neighbours : int, default=10
        In [1, inf): how many neighbours give the shape.
    spread : float, default=1.0
        In [0, inf): how far numbers move, in the deviations of the steps to the
        neighbours.
    by_class : bool, default=True
        Whether neighbours are rows of the same decision.
    share : float or "auto", default="auto"
        In [0, 1]: their weight together, beside that of the given rows; no made row
        counts more than a given one. "auto" is 1 up to 4,000 given rows, and falls
        with their number: the more rows there are, the less others can tell.
    budget : int or None, default=None
        As of `Mix`.

    Notes
    -----
    It asks one question a row. 0 rows or a share of 0 change nothing.

    References
    ----------
    Breiman (1998), "Using convex pseudo-data to increase prediction accuracy"; as
    label-free augmentation told by Abbasi et al. (2020) and Gou et al. (2021).

    Examples
    --------
    >>> print(Local(2000))
    Further rows: 2,000, drawn around the given ones as their neighbours lie
    """

    def __init__(
        self,
        n_rows: Any = "auto",
        *,
        n_neighbours: int = 10,
        spread: float = 1.0,
        by_class: bool = True,
        share: Any = "auto",
        budget: int | None = None,
    ) -> None:
        self.n_rows = n_rows
        self.n_neighbours = n_neighbours
        self.spread = spread
        self.by_class = by_class
        self.share = share
        self.budget = budget

    @property
    def _words(self) -> str:
        return "drawn around the given ones as their neighbours lie"

    def check(self) -> None:
        """Check how rows are drawn, and the parameters of all generators.

        Raises
        ------
        InputError
            When one is out of range.
        """
        super().check()
        check_integer("Local", "n_neighbours", self.n_neighbours, 1)
        check_real("Local", "spread", self.spread, 0, float("inf"), closed="left")
        check_boolean("Local", "by_class", self.by_class)

    def draw(self, transfer_set: TransferSet, context: Context, n_rows: int) -> Rows:
        """Return new rows.

        Parameters
        ----------
        transfer_set, context, n_rows : TransferSet, Context, int
            As of `RowGenerator.draw`.

        Returns
        -------
        DataFrame or ndarray of shape (n_rows, n_features)
            In original columns.
        """
        source, kinds = _source(transfer_set), None
        if self.by_class and context.task == "multiclass":
            kinds = decide(source.answers)

        def drawn(
            schema: Schema, codes: Codes, n_rows: int, rng: np.random.Generator
        ) -> Codes:
            return local_rows(
                schema,
                codes,
                n_rows,
                rng,
                kinds=kinds,
                n_neighbours=self.n_neighbours,
                spread=self.spread,
            )

        drawing = (context.schema, source.encoded.codes, n_rows, drawn, context.rng)
        return draw_rows(*drawing, like=transfer_set.rows)
