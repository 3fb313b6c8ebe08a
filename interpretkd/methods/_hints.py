"""Hints: guide columns for a student's tests, from what the teacher hides."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from interpretkd._base import Array, InputError, check_choice, check_integer, one_line
from interpretkd.methods._compression import compress
from interpretkd.methods._context import Context
from interpretkd.methods._hidden import check_layer, layer_error
from interpretkd.methods._kinds import Hint
from interpretkd.targets import probabilities
from interpretkd.teachers import Teacher, as_teacher
from interpretkd.transfer import TransferSet

_HOW = {"pca": "principal components", "autoencoder": "codes of an auto-encoder"}
_LEFT_OUT = 1 / 3
"""Of the rows, for choosing a layer."""


class Features(Hint):
    """A student's tests also serve what a hidden layer of the teacher says, compressed.

    The layer's units are compressed to `n` columns, `h`; a tree then splits where it
    lowers ``sum of w (z - mean z)^2 + share * sum of w (h - mean h)^2``, both sides of
    total variance 1, and predicts `z` alone. Learnt from the given rows; further ones
    are only compressed. It costs a pass of the network over the rows and, in growing,
    ``(K + n) / K`` times the work for `K` target columns; no question. Where there are
    few outputs and the layer is larger, hints may tell rows apart that the outputs do
    not; for small trees on tables expect no gain.

    Parameters
    ----------
    layer : int, str or list of these, default=-1
        Position of a hidden layer, negative ones from the last, or its name; see
        `Teacher.layers`. Of several, each gets total variance 1 and they are compressed
        together. "auto" takes the layer with whose hints a quick student comes nearest
        to the teacher, on a third of the rows that it was not fitted to.
    n : int, default=8
        In [1, inf): columns; as many as there are at most.
    share : float, default=0.3
        In [0, inf): the hints' variance beside that of the targets; 0 changes nothing.
    how : {"pca", "autoencoder"}, default="pca"
        Principal components (layers of more than 2**24 numbers batch by batch), or the
        bottleneck of an auto-encoder that goes on from these in 200 steps. How much of
        the layer is kept stands in `recipe_`.
    teacher : object, default=None
        Another fitted teacher whose layer it is: one teaches what is decided, the other
        by what it knows. Put an estimator into `FrozenEstimator`, so that copies of the
        model keep it fitted. None for the model's own.

    Notes
    -----
    Measured here (row 5 of docs/methods.md: nine sets): fidelity -0.8 ± 0.7 points for
    small greedy trees, +0.1 ± 0.3 for large ones; but the leaves do know more of the
    layer than those of trees with columns drawn by lot, on eight sets of nine.

    References
    ----------
    Romero et al. (2015), FitNets; He et al. (2019), features of a teacher compressed by
    an auto-encoder; several layers: Sun et al. (2019), patient distillation.

    Examples
    --------
    >>> print(Features(layer=0, n=4))
    Tests also serve 4 principal components of hidden layer 0, at 0.3 of the targets' \
variance
    """

    def __init__(
        self,
        layer: Any = -1,
        n: int = 8,
        share: float = 0.3,
        how: str = "pca",
        teacher: Any = None,
    ) -> None:
        self.layer = layer
        self.n = n
        self.share = share
        self.how = how
        self.teacher = teacher

    # Of another teacher the model's own needs no layers.
    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """What the model's teacher must have."""
        return frozenset({"activations"} if self.teacher is None else ())

    def check(self) -> None:
        """Check the parameters, and that another teacher is fitted and has layers.

        Raises
        ------
        InputError
            For one out of range.
        """
        super().check()
        check_integer("Features", "n", self.n, 1)
        check_choice("Features", "how", self.how, _HOW)
        for layer in _listed(self.layer):
            check_layer("Features", layer, "a list of these", "'auto'")
        if self.teacher is None:
            return
        teacher = _fitted(self.teacher)
        if "activations" not in teacher.offers:
            raise InputError(
                "The 'teacher' parameter of Features must have hidden layers that can "
                f"be read. Got a {type(teacher.estimator).__name__}."
            )

    def columns(self, transfer_set: TransferSet, context: Context) -> Array:
        """Return the compressed layer.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Hint.columns`.

        Returns
        -------
        ndarray of shape (n_samples, <= n), float64
            The guide columns.
        """
        teacher = self._asked(context)
        layers: list[int | str] = _listed(self.layer)
        if layers == ["auto"]:
            layers = [self._nearest(transfer_set, context, teacher)]
        given = np.flatnonzero(transfer_set.is_given)
        asked = (teacher, layers, transfer_set.rows, given)
        try:
            made = compress(*asked, self.n, self.how, context.rng)
        except InputError as error:
            raise layer_error("Features", error) from error
        context.tell(
            f"{made.columns.shape[1]} hint columns keep {made.kept:.1%} of the "
            f"variance of hidden {_layers_text(layers)}"
        )
        return made.columns

    def _asked(self, context: Context) -> Teacher:
        """Return the teacher whose layer it is, reading rows as it was fitted to."""
        if self.teacher is None:
            return context.teacher
        other = _fitted(self.teacher)
        if other.reads is not None or context.restore is None:
            return other
        return replace(other, reads=context.restore)

    def _nearest(
        self, transfer_set: TransferSet, context: Context, teacher: Teacher
    ) -> str:
        """Return the layer that helps a quick student most."""
        names = teacher.layers
        if not names or context.fit is None:
            raise InputError(
                "The 'layer' parameter of Features can be 'auto' only for a teacher "
                "that names its layers, where a student is fitted."
            )
        real = context.rng.permutation(np.flatnonzero(transfer_set.is_given))
        n_left = max(1, round(_LEFT_OUT * len(real)))
        left, kept = (
            transfer_set.take(np.sort(part)) for part in (real[:n_left], real[n_left:])
        )
        losses = [self._loss_with(name, kept, left, context) for name in names]
        # Of two that are as near, the later layer: it is nearer to the outputs.
        best = len(names) - 1 - int(np.argmin(losses[::-1]))
        context.tell(f"Of {len(names)} hidden layers, {one_line(names[best])} was best")
        return names[best]

    def _loss_with(
        self,
        name: str,
        kept: TransferSet,
        left: TransferSet,
        context: Context,
    ) -> float:
        assert context.fit is not None
        apart = replace(context, notes=[])
        fixed = type(self)(name, self.n, self.share, self.how, self.teacher)
        hinted = fixed.apply(kept, apart)
        said, meant = context.fit(hinted).logits(left), left.logits
        if context.task != "regression":
            said, meant = (probabilities(z, context.task) for z in (said, meant))
        share = left.weights / left.weights.sum()
        return float(share @ ((said - meant) ** 2).sum(axis=1))

    def __str__(self) -> str:
        """Say what the hints are."""
        whose = ""
        if self.teacher is not None:
            whose = f" of another teacher ({_kind_of(self.teacher)})"
        return (
            f"Tests also serve {self.n} {_HOW.get(self.how, self.how)} of hidden "
            f"{_layers_text(_listed(self.layer))}{whose}, at {self.share:g} of the "
            "targets' variance"
        )


def _listed(layer: Any) -> list[Any]:
    """Return layers as a list: of one, and of none, what was given."""
    is_list = isinstance(layer, list | tuple | np.ndarray) and len(layer) > 0
    return list(layer) if is_list else [layer]


def _fitted(given: Any) -> Teacher:
    try:
        return as_teacher(given)
    except NotFittedError as error:
        raise InputError(
            "The 'teacher' parameter of Features must be fitted. Got an unfitted "
            f"{type(given).__name__}: put a fitted one into FrozenEstimator, so that "
            "copies keep it fitted."
        ) from error


def _layers_text(layers: list[Any]) -> str:
    names = " and ".join(one_line(str(layer)) for layer in layers)
    return f"layer {names}" if len(layers) == 1 else f"layers {names}"


def _kind_of(given: Any) -> str:
    while hasattr(given, "estimator"):
        given = given.estimator
    return type(given).__name__
