"""The steps of one fit, in their order, and the rows as the student gets them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError
from interpretkd.methods import (
    Auto,
    Confidence,
    Context,
    FromFunction,
    Local,
    Scheme,
    Step,
    Use,
    View,
    apply_steps,
    as_steps,
    check_part,
    check_steps,
)
from interpretkd.transfer import GENERATORS, GIVEN, UNLABELLED, TransferSet

_APART = 7919
"""Between the seeds of draws: neighbouring seeds are those of users."""


@dataclass(frozen=True, eq=False)
class _Recipe:
    """What is done to rows before a student is fitted to them.

    The held-out rows go through `seen` alone: no method can flatter itself.

    Parameters
    ----------
    context : Context
        What the steps may look at.
    transfer : tuple of RowGenerator
        Further rows.
    steps : mapping of str to tuple of Step
        "replies", "weights" and "hints", in this order.
    tries : bool
        Whether the further rows are used only if the student is not better without.
    view : View or None
        Fitted; what the student reads.
    scheme : Scheme or None
        The order of several fits.
    """

    context: Context
    transfer: tuple[Step, ...] = ()
    steps: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    tries: bool = False
    view: View | None = None
    scheme: Scheme | None = None

    @property
    def keeps_budget(self) -> bool:
        """Whether a generator has a budget of questions about its rows, for a fit."""
        return any(getattr(step, "budget", None) is not None for step in self.transfer)

    def with_weights(self, *weights: Step) -> "_Recipe":
        """Return the recipe with other weights."""
        return replace(self, steps={**self.steps, "weights": weights})

    def with_draw(self, number: int) -> "_Recipe":
        """Return the recipe whose steps draw anew; number 0 is its own draw."""
        seed = (self.context.seed + number * _APART) % 2**31
        return replace(self, context=replace(self.context, seed=seed))

    def prepared(self, rows: TransferSet, *, further: bool) -> TransferSet:
        """Return rows to fit to after all steps, with further rows or without."""
        transfer = self.transfer if further else ()
        return apply_steps((*transfer, *_all(self.steps)), rows, self.context)

    def read(self, prepared: TransferSet) -> TransferSet:
        """Return rows to fit to as the student reads them while it is fitted."""
        if self.view is None:
            return prepared
        return self.view.taught(prepared, self.context.for_scheme(self.view))

    def seen(self, rows: TransferSet) -> TransferSet:
        """Return rows as the student reads them when it is asked."""
        return rows if self.view is None else self.view.seen(rows)

    def lesson(self, rows: TransferSet, *, further: bool) -> TransferSet:
        """Return rows to fit to, after all steps and as the student reads them."""
        return self.read(self.prepared(rows, further=further))

    def for_baseline(self) -> "_Recipe":
        """Return what the baseline gets: the view alone."""
        return _Recipe(self.context, view=self.view)

    def sentences(self) -> tuple[str, ...]:
        """Return what is done, a sentence a step."""
        parts = (*self.transfer, *_all(self.steps), self.view, self.scheme)
        return tuple(str(part) for part in parts if part is not None)


@dataclass(frozen=True, eq=False)
class _Methods:
    """The method parameters of a model, checked; a recipe lacks but its context."""

    transfer: tuple[Step, ...]
    steps: Mapping[str, tuple[Step, ...]]
    tries: bool
    weighs: bool
    view: View | None
    scheme: Scheme | None

    @property
    def are_asked_for(self) -> bool:
        """Whether a step is asked for by name, so that the student must have it."""
        return bool(
            _all(self.steps) or self.scheme or (self.transfer and not self.tries)
        )

    def check(self, owner: str, use: Use, offers: frozenset[str]) -> None:
        """Check that each is for such a task, has what it needs, does something."""
        tried = (Confidence(),) if self.weighs else ()
        parts = (*self.transfer, *_all(self.steps), *tried, self.view, self.scheme)
        check_steps(owner, [part for part in parts if part is not None], use, offers)


def _methods(owner: str, model: Any) -> _Methods:
    """Read and check the method parameters of a model."""
    transfer, tries = _generators(owner, model.transfer)
    weights = model.weights
    weighs = isinstance(weights, str) and weights == "auto"
    steps = {
        "replies": as_steps(owner, "replies", model.replies),
        "weights": as_steps(owner, "weights", None if weighs else weights),
        "hints": as_steps(owner, "hints", model.hints),
    }
    check_part(owner, "view", model.view)
    check_part(owner, "scheme", model.scheme)
    return _Methods(transfer, steps, tries, weighs, model.view, model.scheme)


def _all(steps: Mapping[str, tuple[Step, ...]]) -> tuple[Step, ...]:
    return tuple(step for own in steps.values() for step in own)


def _generators(owner: str, given: Any) -> tuple[tuple[Step, ...], bool]:
    """Return the generators of rows, and whether they are only tried."""
    tries = isinstance(given, Auto) or (isinstance(given, str) and given == "auto")
    parts = given.step if isinstance(given, Auto) else given
    parts = parts if isinstance(parts, list | tuple) else [parts]
    steps = [_as_generator(part) for part in parts if part is not None]
    return as_steps(owner, "transfer", steps), tries


def _as_generator(given: Any) -> Any:
    if isinstance(given, str) and given == "auto":
        return Local()
    return FromFunction(given) if _is_named(given) or _is_function(given) else given


def _is_named(given: Any) -> bool:
    return isinstance(given, str) and given in GENERATORS


def _is_function(given: Any) -> bool:
    return callable(given) and not isinstance(given, Step | type)


def _made_rows(prepared: TransferSet) -> int:
    """Return how many rows were made; one that stands there again counts once."""
    return prepared.n_made


def _checked_weight(sample_weight: Any, n_given: int, n_rows: int) -> Array | None:
    """Return what rows count, of mean 1 over the given ones; further rows count 1."""
    if sample_weight is None:
        return None
    allowed = f"{n_given} numbers in [0, inf), not all zero, one a row"
    try:
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"The sample_weight must be {allowed}. {error}.") from error
    if weight.shape != (n_given,):
        got = f"shape {weight.shape}"
    elif not np.isfinite(weight).all():
        got = f"{weight[~np.isfinite(weight)][0]:g}"
    elif weight.min() < 0 or not weight.any():
        got = f"numbers from {weight.min():g} to {weight.max():g}"
    else:
        # By a power of two, which changes no bit: their sum may be no float.
        weight = np.ldexp(weight, -int(np.frexp(weight.max())[1]))
        return np.append(weight / weight.mean(), np.ones(n_rows - n_given))
    raise InputError(f"The sample_weight must be {allowed}. Got {got}.")


def _origin(n_given: int, n_rows: int) -> NDArray[np.str_] | None:
    """Return where the rows of a fit come from; None where all are given."""
    if n_given == n_rows:
        return None
    return np.repeat([GIVEN, UNLABELLED], [n_given, n_rows - n_given])


def _groups_of_all(
    place: NDArray[np.int64] | None, n_rows: int
) -> NDArray[np.int64] | None:
    """Return the group of each row; one without label is a group of its own."""
    if place is None:
        return None
    further = np.arange(n_rows - len(place)) + place.max() + 1
    return np.append(place, further)


def _rows_to_fit(rows: TransferSet, held_out: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions of rows to fit to, while held-out ones are judged on.

    A further row that equals a held-out one is held out, too: a file of all rows there
    are is a usual one of unlabelled rows.
    """
    others = np.setdiff1d(np.arange(len(rows)), held_out)
    further = np.flatnonzero(rows.origins == UNLABELLED)
    if not len(further):
        return others
    codes = np.ascontiguousarray(rows.encoded.codes)
    judged = {row.tobytes() for row in codes[held_out]}
    copies = [i for i in further if codes[i].tobytes() in judged]
    return np.setdiff1d(others, copies)
