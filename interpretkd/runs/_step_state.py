"""The methods of a model as JSON values and back.

A step, view or scheme of ours is its class and its numbers; the classes are those of
the room `methods`, and no other can be named. What holds code - a user's own step, a
function - is its sentence, and comes back as one that says so when it is used.
"""

import contextlib
from typing import Any

from interpretkd import methods
from interpretkd._base import InputError, one_line
from interpretkd.methods import (
    AbsentScheme,
    AbsentStep,
    Auto,
    FromFunction,
    Scheme,
    Step,
    View,
    as_steps,
)
from interpretkd.runs._settings import _from_plain, _to_plain
from interpretkd.transfer import GENERATORS

METHOD_SLOTS = ("transfer", "replies", "weights", "hints", "view", "scheme")
"""The parameters of a model that hold methods."""

_KINDS = (Step, View, Scheme, Auto)
_NO_METHODS = {
    *("Step", "Reply", "Hint", "Weighting", "RowGenerator", "Scheme"),
    *("View", "ColumnView", "DerivedView", "AbsentStep", "AbsentScheme"),
}
"""What methods are made of, and what stands for one: never saved as one of ours."""
_CLASS, _PARAMS, _SENTENCE = "class", "params", "sentence"
_LONGEST = 500


def _method_states(settings: dict[str, Any]) -> dict[str, Any]:
    """Take the methods out of a model's parameters, as JSON values."""
    return {slot: _slot_state(slot, settings.pop(slot)) for slot in METHOD_SLOTS}


def _methods_of(states: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that were made plain, checking each."""
    unknown = sorted(set(states) - set(METHOD_SLOTS))
    if unknown:
        raise InputError(f"unknown methods {unknown[0]!r:.80}")
    return {slot: _checked(slot, _from_slot(slot, states[slot])) for slot in states}


def _is_known(method: Any) -> bool:
    """Say whether a run can hold a method: its class is one of ours."""
    return type(method) is _class_named(type(method).__name__)


def _class_named(name: Any) -> type[Any] | None:
    if not isinstance(name, str) or name in _NO_METHODS or name not in dir(methods):
        return None
    found = getattr(methods, name)
    is_method = isinstance(found, type) and issubclass(found, _KINDS)
    return found if is_method else None


def _slot_state(slot: str, given: Any) -> Any:
    """Return what a parameter holds; each part that holds code as its sentence."""
    if isinstance(given, list):
        return [_slot_state(slot, part) for part in given]
    if isinstance(given, tuple):
        return {"kind": "tuple", "values": [_slot_state(slot, part) for part in given]}
    with contextlib.suppress(TypeError):
        return _to_state(given)
    if isinstance(given, View):
        raise InputError(
            f"A view of one's own, such as {type(given).__name__}, cannot be saved: "
            "code is never part of a run, and without it the student cannot read rows."
        )
    return {_SENTENCE: _sentence(slot, given)}


def _to_state(value: Any) -> Any:
    """Return a method or one of its parameters; TypeError for what holds code."""
    if isinstance(value, list):
        return [_to_state(part) for part in value]
    if isinstance(value, tuple):
        return {"kind": "tuple", "values": [_to_state(part) for part in value]}
    if not isinstance(value, _KINDS):
        return _to_plain(value)
    if not _is_known(value):
        raise TypeError
    params = value.get_params(deep=False)
    if isinstance(value, Auto):
        params = {"step": _slot_state("transfer", value.step)}
        return {_CLASS: "Auto", _PARAMS: params}
    plain = {name: _to_state(own) for name, own in params.items()}
    return {_CLASS: type(value).__name__, _PARAMS: plain}


def _sentence(slot: str, given: Any) -> str:
    if slot == "transfer" and callable(given) and not isinstance(given, _KINDS):
        given = FromFunction(given)
    return one_line(str(given))[:_LONGEST]


def _from_slot(slot: str, state: Any) -> Any:
    if isinstance(state, list):
        return [_from_slot(slot, part) for part in state]
    if isinstance(state, dict) and state.get("kind") == "tuple":
        return tuple(_from_slot(slot, part) for part in state["values"])
    if isinstance(state, dict) and _SENTENCE in state:
        return _stand_in(slot, state[_SENTENCE])
    return _from_state(state)


def _stand_in(slot: str, sentence: Any) -> AbsentStep | AbsentScheme:
    if not isinstance(sentence, str) or slot == "view":
        raise InputError(f"no {slot} can be {sentence!r:.80}")
    text = one_line(sentence)[:_LONGEST]
    return AbsentScheme(text) if slot == "scheme" else AbsentStep(text, slot)


def _from_state(state: Any) -> Any:
    if isinstance(state, list):
        return [_from_state(part) for part in state]
    if isinstance(state, dict) and state.get("kind") == "tuple":
        return tuple(_from_state(part) for part in state["values"])
    if not isinstance(state, dict) or _CLASS not in state:
        return _from_plain(state)
    kind, params = _class_named(state[_CLASS]), state[_PARAMS]
    if kind is None:
        raise InputError(f"unknown method {state[_CLASS]!r:.80}")
    if kind is Auto:
        return Auto(_from_slot("transfer", params["step"]))
    return kind(**{name: _from_state(own) for name, own in params.items()})


def _checked(slot: str, given: Any) -> Any:
    """Return what a parameter holds, if it may stand there and is within its range."""
    if slot in ("view", "scheme"):
        kind: type[Any] = View if slot == "view" else Scheme
        if given is not None and not isinstance(given, kind):
            raise InputError(f"no {slot} can be {given!r:.80}")
        if given is not None and not isinstance(given, AbsentScheme):
            given.check()
        return given
    inner = given.step if slot == "transfer" and isinstance(given, Auto) else given
    names = {"transfer": ("auto", *GENERATORS), "weights": ("auto",)}.get(slot, ())
    for part in inner if isinstance(inner, list | tuple) else (inner,):
        is_text = part is None or (isinstance(part, str) and part in names)
        if not is_text and not isinstance(part, AbsentStep):
            as_steps("a run", slot, part)
    return given
