"""The generators that ``transfer`` names by a text or a function."""

from typing import Any, ClassVar

from sklearn.base import BaseEstimator

from interpretkd._base import InputError
from interpretkd.data import Rows
from interpretkd.methods._context import Context
from interpretkd.methods._generators import _source
from interpretkd.methods._kinds import RowGenerator
from interpretkd.transfer import GENERATORS, TransferSet, draw_rows


class FromFunction(RowGenerator):
    """Rows that a function makes of codes; what texts and functions become.

    Parameters
    ----------
    function : {"mix", "resample"} or callable
        A name out of `transfer.GENERATORS`, or a function
        ``(schema, codes, n_rows, rng) -> codes``.
    n_rows : int, float or "auto", default="auto"
        In [0, inf): as of `RowGenerator`.
    share : float or "auto", default=1.0
        In [0, 1]: as of `RowGenerator`.
    """

    n_rows: Any
    is_default: ClassVar[bool] = True

    def __init__(
        self, function: Any = "mix", n_rows: Any = "auto", share: Any = 1.0
    ) -> None:
        self.function = function
        self.n_rows = n_rows
        self.share = share

    @property
    def origin(self) -> str:
        """The name that its rows carry."""
        name = self.function
        return name if isinstance(name, str) else "drawn"

    def check(self) -> None:
        """Check the function, and the parameters of all generators.

        Raises
        ------
        InputError
            For one that is no function or name, or is out of range.
        """
        named = isinstance(self.function, str) and self.function in GENERATORS
        if not callable(self.function) and not named:
            raise InputError(
                "The 'function' parameter of FromFunction must be a function or one of "
                f"{sorted(GENERATORS)}. Got {self.function!r}."
            )
        super().check()

    def draw(self, transfer_set: TransferSet, context: Context, n_rows: int) -> Rows:
        """Return new rows.

        Parameters
        ----------
        transfer_set, context, n_rows : TransferSet, Context, int
            As of `RowGenerator.draw`.

        Returns
        -------
        DataFrame or ndarray of shape (n_drawn, n_features)
            In original columns.
        """
        given = _source(transfer_set).encoded.codes
        drawing = (context.schema, given, n_rows, self.function, context.rng)
        return draw_rows(*drawing, like=transfer_set.rows)

    def __str__(self) -> str:
        """Say where the rows come from."""
        names = {
            "mix": "rows drawn between neighbours",
            "resample": "rows with cells of neighbours",
        }
        how = names.get(self.function) if isinstance(self.function, str) else None
        return f"Further rows: {how or 'drawn by a function'}"


class Auto(BaseEstimator):
    """A generator of rows that is used only where the student is better with them.

    Both are fitted to the rows kept; the rows are used unless the student is better
    without them on the validation rows by more than one standard error.

    Parameters
    ----------
    step : RowGenerator
        Whose rows are tried.
    """

    def __init__(self, step: Any) -> None:
        self.step = step

    def __str__(self) -> str:
        """Say what is tried."""
        return f"{self.step}, if the student is not better without them"
