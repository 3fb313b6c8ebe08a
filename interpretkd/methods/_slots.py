"""The slots of a model: what may stand where, and in which order it is applied."""

import re
from collections.abc import Iterable
from dataclasses import replace
from inspect import signature
from typing import Any

import pandas as pd

from interpretkd._base import InputError, joined, one_line
from interpretkd.methods._context import Context
from interpretkd.methods._kinds import Hint, Reply, RowGenerator, Weighting
from interpretkd.methods._scheme import Scheme
from interpretkd.methods._step import Step, Use
from interpretkd.methods._view import View
from interpretkd.transfer import GENERATORS, LOCKED, TransferSet

SLOTS = ("transfer", "replies", "weights", "hints")
"""In this order the steps of a model are applied."""

_KINDS: dict[str, type[Any]] = {
    "transfer": RowGenerator,
    "replies": Reply,
    "weights": Weighting,
    "hints": Hint,
    "view": View,
    "scheme": Scheme,
}
"""What may stand where."""
_NAMED = {
    "transfer": ("'auto'", *map(repr, GENERATORS), "a function"),
    "weights": ("'auto'",),
}
"""What else."""
_METHODS: tuple[tuple[type[Any], str, str], ...] = (
    (RowGenerator, "draw", "transfer_set, context, n_rows"),
    (Reply, "reply", "transfer_set, context"),
    (Weighting, "weigh", "transfer_set, context"),
    (Hint, "columns", "transfer_set, context"),
    (Step, "apply", "transfer_set, context"),
    (Scheme, "run", "transfer_set, context, fit"),
)
"""What a part of a kind must define."""

_READ_ONLY = re.compile(r"(destination|output array|sort array|^array) is read-only")
"""So numpy says that a locked array was written to."""

_WHY_NOT = {
    "labels": "`fit` was given no labels y",
    "images": "the rows are no images that the teacher reads as such",
    "activations": "the teacher shows no hidden layers",
    "gradients": "the teacher has no derivatives by its inputs",
    "checkpoints": "the teacher kept no checkpoints (keep_checkpoints=True)",
    "members": "the teacher is no EnsembleTeacher of two or more members",
    "student": "no student can be fitted here",
}


def as_steps(owner: str, slot: str, given: Any) -> tuple[Step, ...]:
    """Return what a parameter holds as steps, and check them.

    Parameters
    ----------
    owner : str
        The estimator whose parameter it is.
    slot : str
        The parameter: a name out of `SLOTS`.
    given : Step, sequence of Step, or None
        What the user gave.

    Returns
    -------
    tuple of Step
        None of them for None.

    Raises
    ------
    InputError
        For what is no step of this slot, or has parameters out of range.
    """
    steps = () if given is None else tuple(given) if _is_list(given) else (given,)
    for step in steps:
        if not isinstance(step, Step) or slot not in _slots_of(step):
            raise _misplaced(owner, slot, step)
        step.check()
        _check_defined(step)
    for place, step in enumerate(steps):
        step.check_among(steps, place)
    return steps


def check_part(owner: str, slot: str, given: Any) -> None:
    """Check what a parameter holds that is one part and no list: view or scheme.

    Parameters
    ----------
    owner : str
        The estimator whose parameter it is.
    slot : {"view", "scheme"}
        The parameter.
    given : View, Scheme or None
        What the user gave.

    Raises
    ------
    InputError
        For what is none, or has parameters out of range.
    """
    if given is None:
        return
    if not isinstance(given, _KINDS[slot]):
        raise _misplaced(owner, slot, given)
    given.check()
    _check_defined(given)


def _slots_of(part: Any) -> tuple[str, ...]:
    """Return where a part, or a class of such, may stand.

    One that is of no kind says so itself.
    """
    own = part if isinstance(part, type) else type(part)
    slots = tuple(slot for slot, kind in _KINDS.items() if issubclass(own, kind))
    return slots or (getattr(part, "slot", ""),)


def _check_defined(part: Any) -> None:
    """Check that a part has the one method of its kind, or is applied otherwise."""
    for kind, method, given in _METHODS:
        if not isinstance(part, kind):
            continue
        names = (method, "apply") if issubclass(kind, Step) else (method,)
        own = type(part)
        if all(getattr(own, name) is getattr(kind, name) for name in names):
            raise InputError(f"{own.__name__} must define {method}({given}).")
        return


def _misplaced(owner: str, slot: str, given: Any) -> InputError:
    """Return what is to be said of something that is no part for a slot."""
    allowed = f"a {_KINDS[slot].__name__} or None"
    if slot in SLOTS:
        one = joined([*_NAMED.get(slot, ()), f"a {_KINDS[slot].__name__}"])
        allowed = f"{one}, a list of them, or None"
    return InputError(
        f"The '{slot}' parameter of {owner} must be {allowed}. Got "
        f"{one_line(repr(given))}{_advice(slot, given)}."
    )


def _advice(slot: str, given: Any) -> str:
    """Say what was meant, where that can be told."""
    meant = _named(given) if isinstance(given, str) else given
    if slot == "view" and (meant is None or isinstance(given, list)):
        return "; write methods.Columns([...]) for columns of these names"
    if slot in SLOTS and isinstance(given, Step) and _slots_of(given) == ("",):
        return f"; one that belongs there has slot = {slot!r}"
    places = [place for place in _slots_of(meant) if place]
    if not places:
        return ""
    kind = meant if isinstance(meant, type) else type(meant)
    if slot not in places:
        return f"; {kind.__name__} goes into {joined(places)}="
    if kind in _KINDS.values() or not isinstance(meant, type):
        return ""
    needed = [
        own for own in signature(kind).parameters.values() if own.default is own.empty
    ]
    ours = "methods." if _is_ours(kind) else ""
    return f"; write {ours}{kind.__name__}({'...' if needed else ''})"


def _named(text: str) -> type | None:
    """Return the method of ours that a text names, but for capitals and endings."""
    from interpretkd import methods

    plain = text.lower().replace("_", "").replace(" ", "")
    names = [name for name in dir(methods) if name.lower() == plain]
    found = getattr(methods, names[0]) if names else None
    return found if isinstance(found, type) else None


def check_steps(owner: str, steps: Iterable[Step], use: Use, offers: Any) -> None:
    """Check that steps are for such a task, have what they need, and do something.

    Parameters
    ----------
    owner : str
        The estimator whose steps they are.
    steps : iterable of Step
        All of them.
    use : Use
        Student, targets, teacher.
    offers : frozenset of str
        What there is; see `Context.offers`.

    Raises
    ------
    InputError
        For one that is not, has not or does not, with the reason.
    """
    task = use.teacher.task
    for step in steps:
        name = type(step).__name__
        if task not in step.tasks:
            raise InputError(
                f"The step {name} of {owner} is for {joined(step.tasks)} teachers. Got "
                f"a {task} teacher."
            )
        lacking = [need for need in sorted(step.needs) if need not in offers]
        if lacking:
            why = joined([_WHY_NOT.get(need, f"no {need}") for need in lacking])
            raise InputError(
                f"The step {name} of {owner} needs {joined(lacking)}: {why}."
            )
        reason = step.refusal(use)
        if reason is not None:
            raise InputError(f"The step {name} of {owner} would do nothing: {reason}.")


def apply_steps(
    steps: Iterable[Step], transfer_set: TransferSet, context: Context
) -> TransferSet:
    """Apply steps one after another, each with a random stream of its own.

    Parameters
    ----------
    steps : iterable of Step
        In their order.
    transfer_set : TransferSet
        Rows to fit to; held-out ones never come here.
    context : Context
        What the steps may look at.

    Returns
    -------
    TransferSet
        The last one.
    """
    seen: dict[str, int] = {}
    for step in steps:
        name = type(step).__name__
        own = context.for_step(step, seen.get(name, 0), transfer_set)
        transfer_set = _applied(step, transfer_set, own)
        if own.notes:
            notes = (*transfer_set.notes, *own.notes)
            transfer_set = replace(transfer_set, notes=notes)
        seen[name] = seen.get(name, 0) + 1
    return transfer_set


def _applied(step: Step, before: TransferSet, context: Context) -> TransferSet:
    """Apply a step to arrays that it cannot change, and check what comes back.

    The next fit begins with the same arrays: what was changed in place would be changed
    once more in each.
    """
    shown, fit = before.locked(), context.fit
    if fit is not None:
        # Compiled code is compiled anew for locked arrays: students get the others.
        context = replace(context, fit=lambda rows: fit(_unlocked(rows, shown, before)))
    try:
        after = step.apply(shown, context)
    except ValueError as error:
        if not _READ_ONLY.search(str(error)):
            raise
        raise _changed(step) from error
    if _changes_frame(step, shown, before):
        raise _changed(step)
    _check_returned(step, after, before)
    if after.rows is not shown.rows and after.known is shown.known:
        after = replace(after, known=context.encode(after.rows))
    return _unlocked(after, shown, before)


def _unlocked(
    after: TransferSet, shown: TransferSet, before: TransferSet
) -> TransferSet:
    """Return what came of locked arrays with the arrays themselves."""
    if after is shown:
        return before
    same = {
        name: getattr(before, name)
        for name in LOCKED
        if getattr(after, name) is getattr(shown, name)
    }
    return replace(after, **same)


def _check_returned(step: Step, after: Any, before: TransferSet) -> None:
    """Check that a transfer set came back, and that its parts are of the same rows."""
    what = f"{type(step).__name__}.apply must return a TransferSet"
    if not isinstance(after, TransferSet):
        raise InputError(f"{what}. Got {type(after).__name__}.")
    parts = {name: getattr(after, name) for name in (*LOCKED, "known")}
    sizes = {name: len(part) for name, part in parts.items() if part is not None}
    if not len(after) or len({*sizes.values()}) > 1:
        told = joined([f"{size} {name}" for name, size in sizes.items()])
        raise InputError(f"{what} of at least one row, with all of each. Got {told}.")
    shape = after.logits.shape
    if shape[1:] != before.logits.shape[1:]:
        raise InputError(
            f"{what} with logits of {before.logits.shape[1]} columns. Got shape "
            f"{shape}."
        )


def _changes_frame(step: Step, shown: TransferSet, before: TransferSet) -> bool:
    """Tell whether a step of somebody else changed a frame, which cannot be locked."""
    if not isinstance(shown.rows, pd.DataFrame) or _is_ours(type(step)):
        return False
    return not shown.rows.equals(before.rows)


def _is_ours(kind: type) -> bool:
    return kind.__module__.startswith("interpretkd.")


def _changed(step: Step) -> InputError:
    return InputError(
        f"The step {type(step).__name__} must not change in place what it is given: "
        "the next fit begins with the same. Change a copy, and return that."
    )


def _is_list(given: Any) -> bool:
    return isinstance(given, list | tuple)
