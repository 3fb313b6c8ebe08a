"""Further rows like the given ones: between them, mixed out of them, or moved."""

from typing import Any, ClassVar

import numpy as np

from interpretkd._base import check_real
from interpretkd.data import Codes, Rows, Schema
from interpretkd.methods._context import Context
from interpretkd.methods._kinds import RowGenerator, _is_auto
from interpretkd.transfer import (
    TransferSet,
    augment_images,
    draw_rows,
    mix_neighbours,
    munge,
    resample_columns,
)


def _source(transfer_set: TransferSet) -> TransferSet:
    """Return the rows that others are drawn out of.

    Rows that other steps made, that stand there once more or have no weight are not
    among them: so a step before this one changes none of its rows.
    """
    counts = transfer_set.is_counted & (transfer_set.weights > 0)
    return transfer_set.take(np.flatnonzero(counts))


class _Drawn(RowGenerator):
    """Rows that a pure function of codes draws out of the given ones."""

    @property
    def _words(self) -> str:
        """What its rows are, after their number."""
        raise NotImplementedError

    def codes(
        self, schema: Schema, codes: Codes, n_rows: int, rng: np.random.Generator
    ) -> Codes:
        """Return new rows as codes."""
        raise NotImplementedError

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
        given = _source(transfer_set).encoded.codes
        drawing = (context.schema, given, n_rows, self.codes, context.rng)
        return draw_rows(*drawing, like=transfer_set.rows)

    def __str__(self) -> str:
        """Say what the rows are, and how many."""
        said = f"Further rows: {_amount(self.n_rows)}, {self._words}"
        if self.share != 1 and not _is_auto(self.share):
            said += f", of {self.share:g} of the weight of the given ones"
        if self.budget is not None:
            said += f", for {self.budget:,} questions about them at most"
        return said


def _amount(n_rows: Any) -> str:
    if _is_auto(n_rows):
        return "20 for each given one, 10,000 at most"
    if isinstance(n_rows, float | np.floating):
        return f"{n_rows:g} for each given one"
    return f"{n_rows:,}"


class Mix(_Drawn):
    """Rows between neighbours: the label-free form of SMOTE.

    A number lies evenly at random between those of a row and of one of its five
    nearest; a category is the one's or the other's; whole numbers stay whole.

    Parameters
    ----------
    n_rows : int or float, default=4.0
        In [0, inf): how many rows, or (a float) how many for each given one.
    share : float, default=1.0
        In [0, 1]: their weight together, beside that of the given rows; no made row
        counts more than a given one.
    budget : int or None, default=None
        In [1, inf): the most questions about these rows in the whole fit, and thus the
        most of them; they are drawn once then, of the rows without the validation
        rows. The given rows are asked about besides; see `queries_` of the model.

    Notes
    -----
    It asks one question a row, and a fit takes as much longer as there are more rows.
    0 rows or a share of 0 change nothing. Such rows are for students that can use more
    rows than there are. Measured here (row 28b of docs/methods.md: three small tables):
    fidelity -0.0 ± 4.1 points for trees of 64 leaves, +0.3 ± 4.9 for boosted ones,
    significant nowhere.

    References
    ----------
    Chawla, Bowyer, Hall & Kegelmeyer (2002), "SMOTE"; as label-free augmentation told
    by Abbasi et al. (2020) and Gou et al. (2021).

    Examples
    --------
    >>> print(Mix(2000))
    Further rows: 2,000, drawn between neighbours
    """

    def __init__(
        self, n_rows: Any = 4.0, *, share: float = 1.0, budget: int | None = None
    ) -> None:
        self.n_rows = n_rows
        self.share = share
        self.budget = budget

    @property
    def _words(self) -> str:
        return "drawn between neighbours"

    def codes(
        self, schema: Schema, codes: Codes, n_rows: int, rng: np.random.Generator
    ) -> Codes:
        """Return rows as `transfer.mix_neighbours` draws them.

        Parameters
        ----------
        schema, codes, n_rows, rng : Schema, ndarray, int, numpy.random.Generator
            As for `transfer.mix_neighbours`.

        Returns
        -------
        ndarray of shape (n_rows, n_features), float32
            New rows.
        """
        return mix_neighbours(schema, codes, n_rows, rng)


class Resample(_Drawn):
    """Rows half of whose cells come from neighbours, each from another one.

    Every value of a cell occurs in its column: no number is new.

    Parameters
    ----------
    n_rows : int or float, default=4.0
        In [0, inf): how many rows, or (a float) how many for each given one.
    share : float, default=1.0
        In [0, 1]: their weight together, beside that of the given rows; no made row
        counts more than a given one.
    budget : int or None, default=None
        In [1, inf): the most questions about these rows in the whole fit, and thus the
        most of them; they are drawn once then, of the rows without the validation
        rows. The given rows are asked about besides; see `queries_` of the model.

    Notes
    -----
    Cost and neutral values are those of `Mix`. Measured here (row 28c of
    docs/methods.md: three small tables): fidelity +2.0 ± 2.1 points for trees of 64
    leaves, -0.1 ± 1.0 for boosted ones, significant nowhere.

    References
    ----------
    Label-free augmentation as told by Abbasi et al. (2020) and Gou et al. (2021).

    Examples
    --------
    >>> print(Resample(share=0.5))
    Further rows: 4 for each given one, with cells of neighbours, of 0.5 of the weight \
of the given ones
    """

    def __init__(
        self, n_rows: Any = 4.0, *, share: float = 1.0, budget: int | None = None
    ) -> None:
        self.n_rows = n_rows
        self.share = share
        self.budget = budget

    @property
    def _words(self) -> str:
        return "with cells of neighbours"

    def codes(
        self, schema: Schema, codes: Codes, n_rows: int, rng: np.random.Generator
    ) -> Codes:
        """Return rows as `transfer.resample_columns` draws them.

        Parameters
        ----------
        schema, codes, n_rows, rng : Schema, ndarray, int, numpy.random.Generator
            As for `transfer.resample_columns`.

        Returns
        -------
        ndarray of shape (n_rows, n_features), float32
            New rows.
        """
        return resample_columns(schema, codes, n_rows, rng)


class Munge(_Drawn):
    """Rows by MUNGE, of the work in which a model was first compressed.

    Each cell of a row becomes, with probability `p`, that of its nearest row: a
    category as it is, a number x drawn from N(x', ``|x - x'| / s``) around the
    neighbour's x', within the column's range. Whole numbers stay whole.

    Parameters
    ----------
    n_rows : int or float, default=4.0
        In [0, inf): how many rows, or (a float) how many for each given one.
    p : float, default=0.5
        In (0, 1]: how many of the cells change; 0.2 to 0.8 in the paper.
    s : float, default=3.0
        In (0, inf): how close numbers stay to the neighbour's; 1 to 10 in the paper.
    share : float, default=1.0
        In [0, 1]: their weight together, beside that of the given rows; no made row
        counts more than a given one.
    budget : int or None, default=None
        In [1, inf): the most questions about these rows in the whole fit, and thus the
        most of them; they are drawn once then, of the rows without the validation
        rows. The given rows are asked about besides; see `queries_` of the model.

    Notes
    -----
    Measured here (row 39 of docs/methods.md: three small tables): fidelity +1.0 ± 4.0
    points for trees of 64 leaves, +0.3 ± 2.9 for boosted ones, significant nowhere.

    Cost and neutral values are those of `Mix`.

    References
    ----------
    Bucila, Caruana & Niculescu-Mizil (2006), "Model compression", named in Gou et al.
    (2021) as the origin of distillation.

    Examples
    --------
    >>> print(Munge(2.0))
    Further rows: 2 for each given one, by MUNGE (p = 0.5, s = 3)
    """

    def __init__(
        self,
        n_rows: Any = 4.0,
        *,
        p: float = 0.5,
        s: float = 3.0,
        share: float = 1.0,
        budget: int | None = None,
    ) -> None:
        self.n_rows = n_rows
        self.p = p
        self.s = s
        self.share = share
        self.budget = budget

    @property
    def _words(self) -> str:
        return f"by MUNGE (p = {self.p:g}, s = {self.s:g})"

    def check(self) -> None:
        """Check `p` and `s`, and the parameters of all generators.

        Raises
        ------
        InputError
            When one is out of range.
        """
        super().check()
        check_real("Munge", "p", self.p, 0, 1, closed="right")
        check_real("Munge", "s", self.s, 0)

    def codes(
        self, schema: Schema, codes: Codes, n_rows: int, rng: np.random.Generator
    ) -> Codes:
        """Return rows as `transfer.munge` draws them.

        Parameters
        ----------
        schema, codes, n_rows, rng : Schema, ndarray, int, numpy.random.Generator
            As for `transfer.munge`.

        Returns
        -------
        ndarray of shape (n_rows, n_features), float32
            New rows.
        """
        return munge(schema, codes, n_rows, rng, p=self.p, s=self.s)


class Images(_Drawn):
    """Images that are the given ones, shifted, turned, zoomed and bent a little.

    Each is moved by amounts drawn evenly within the bounds. Pixels keep to the range of
    the images, and whole numbers stay whole. What is not wanted is switched off by 0.

    Parameters
    ----------
    n_rows : int or float, default=4.0
        In [0, inf): how many images, or (a float) how many for each given one.
    shift : float, default=2.0
        In [0, inf): the most pixels, in each direction.
    turn : float, default=10.0
        In [0, 180]: the most degrees.
    zoom : float, default=0.1
        In [0, 1): the largest share by which an image grows or shrinks.
    sigma : float, default=4.0
        In (0, inf), pixels: the width over which the bending is smooth.
    alpha : float, default=8.0
        In [0, inf), pixels: the strength of the bending, noise in [-1, 1] smoothed by
        a Gaussian of width `sigma` and multiplied by it.
    share : float, default=1.0
        In [0, 1]: their weight together, beside that of the given rows; no made row
        counts more than a given one.
    budget : int or None, default=None
        In [1, inf): the most questions about these images in the whole fit, and thus
        the most of them; they are drawn once then, as those of `Mix` are. The given
        images are asked about besides; see `queries_` of the model.

    Notes
    -----
    Measured here (row 28d of docs/methods.md): fidelity -5.2 points for greedy trees,
    on digits and on MNIST, -1.2 for a linear student on digits. A small tree asks
    single pixels, and moved images make these say less.

    It needs images: rows that the teacher reads as such (its ``image_shape_``). Cost
    and neutral values are those of `Mix`.

    References
    ----------
    Simard, Steinkraus & Platt (2003), the elastic distortions; as label-free
    augmentation told by Abbasi et al. (2020) and Gou et al. (2021).

    Examples
    --------
    >>> print(Images(1.0, alpha=0))
    Further rows: 1 for each given one, images moved (2 pixels, 10 degrees, zoom 0.1)
    """

    needs: ClassVar[frozenset[str]] = frozenset({"images"})

    def __init__(
        self,
        n_rows: Any = 4.0,
        *,
        shift: float = 2.0,
        turn: float = 10.0,
        zoom: float = 0.1,
        sigma: float = 4.0,
        alpha: float = 8.0,
        share: float = 1.0,
        budget: int | None = None,
    ) -> None:
        self.n_rows = n_rows
        self.shift = shift
        self.turn = turn
        self.zoom = zoom
        self.sigma = sigma
        self.alpha = alpha
        self.share = share
        self.budget = budget

    @property
    def _words(self) -> str:
        bent = f", bent by {self.alpha:g} over {self.sigma:g}" if self.alpha else ""
        return (
            f"images moved ({self.shift:g} pixels, {self.turn:g} degrees, zoom "
            f"{self.zoom:g}{bent})"
        )

    def check(self) -> None:
        """Check how far images are moved, and the parameters of all generators.

        Raises
        ------
        InputError
            When one is out of range.
        """
        super().check()
        endless = float("inf")
        check_real("Images", "shift", self.shift, 0, endless, closed="left")
        check_real("Images", "turn", self.turn, 0, 180, closed="both")
        check_real("Images", "zoom", self.zoom, 0, 1, closed="left")
        check_real("Images", "sigma", self.sigma, 0)
        check_real("Images", "alpha", self.alpha, 0, endless, closed="left")

    def codes(
        self, schema: Schema, codes: Codes, n_rows: int, rng: np.random.Generator
    ) -> Codes:
        """Return images as `transfer.augment_images` draws them.

        Parameters
        ----------
        schema, codes, n_rows, rng : Schema, ndarray, int, numpy.random.Generator
            As for `transfer.augment_images`.

        Returns
        -------
        ndarray of shape (n_rows, n_features), float32
            New images.
        """
        bounds = {"shift": self.shift, "turn": self.turn, "zoom": self.zoom}
        bends = {"sigma": self.sigma, "alpha": self.alpha}
        return augment_images(schema, codes, n_rows, rng, **bounds, **bends)
