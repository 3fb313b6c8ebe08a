"""A fitted view as JSON values and arrays, and back.

What a view of some columns reads is told by its parameters and the columns; what others
have learnt stands in a closed list. The teacher of one that reads neurons lies in the
run beside it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import InputError, one_line
from interpretkd.data import Schema
from interpretkd.methods import ColumnView, Hidden, View
from interpretkd.runs._layer_probe import _PROBE, _take_probe
from interpretkd.runs._settings import _from_plain, _to_plain
from interpretkd.runs._step_state import _from_state, _to_state
from interpretkd.teachers import AbsentTeacher, Teacher

_TEACHER = "teacher_"
_LARGEST = 2**63 - 1
_Check = Callable[[Any, Schema], bool]


def _is_count(value: Any, _: Schema) -> bool:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return is_whole and 0 <= value <= _LARGEST


def _are_texts(value: Any, own: Schema) -> bool:
    """Say whether there is a text of one line for each column, as a view writes it."""
    if not isinstance(value, tuple) or len(value) != len(own):
        return False
    return all(isinstance(text, str) and one_line(text) == text for text in value)


def _are_sides(value: Any, own: Schema) -> bool:
    return isinstance(value, tuple) and all(_is_count(side, own) for side in value)


def _has_rows(value: Any, own: Schema) -> bool:
    """Say whether an array has a row of finite numbers for each column."""
    is_array = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return is_array and len(value) == len(own) and bool(np.isfinite(value).all())


def _are_deviations(value: Any, own: Schema) -> bool:
    return _has_rows(value, own) and value.ndim == 1 and bool((value >= 0).all())


def _are_shares(value: Any, own: Schema) -> bool:
    """Say whether each row says how often a column's categories occur, or is 0."""
    if not _has_rows(value, own) or value.ndim != 2 or (value < 0).any():
        return False
    counts = [len(feature.categories) for feature in own.features]
    if value.shape[1] != max([1, *counts]):
        return False
    beyond = np.arange(value.shape[1]) >= np.asarray(counts)[:, None]
    sums = value.sum(axis=1)
    is_share = np.isclose(sums, 1) | ((sums == 0) & (value == 0).all(axis=1))
    return bool(is_share.all() and not value[beyond].any())


_LEARNT: dict[str, dict[str, _Check]] = {
    "Columns": {},
    "Prefix": {},
    "Corrupted": {
        "deviations_": _are_deviations,
        "shares_": _are_shares,
        "seed_": _is_count,
    },
    "Pooled": {"shape_": lambda v, own: _are_sides(v, own) and len(v) == 3},
    "Hidden": {
        "n_parameters_": _is_count,
        "size_bytes_": _is_count,
        "about_": _are_texts,
    },
}
"""What the views of ours learn, and how it is checked; the teacher comes by itself."""


def _view_state(view: View) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what makes up a fitted view."""
    name = type(view).__name__
    try:
        state = _to_state(view)
        learnt = {part: getattr(view, part) for part in _LEARNT[name]}
    except (TypeError, KeyError) as error:
        raise InputError(
            f"The view {name} cannot be saved: a run holds those of the library alone, "
            "and without its view a student cannot read rows."
        ) from error
    arrays = {n: v for n, v in learnt.items() if isinstance(v, np.ndarray)}
    settings = {n: _to_plain(v) for n, v in learnt.items() if n not in arrays}
    own = None if isinstance(view, ColumnView) else view.schema_.to_dict()
    return {"view": state, "settings": settings, "schema": own}, arrays


def _view_of(
    state: dict[str, Any], arrays: dict[str, NDArray[Any]], schema: Schema
) -> View:
    """Build a fitted view, checking each part; its teacher is attached later."""
    view = _from_state(state["view"])
    if not isinstance(view, View) or type(view).__name__ not in _LEARNT:
        raise InputError("it names no view of the library")
    view.check()
    if isinstance(view, ColumnView):
        view.of_columns(schema)
    else:
        view.schema_ = Schema.from_dict(state["schema"])
    if "activations" in view.needs:
        setattr(view, _PROBE, _take_probe(arrays, schema, view.schema_))
    settings = {name: _from_plain(value) for name, value in state["settings"].items()}
    learnt, checks = settings | arrays, _LEARNT[type(view).__name__]
    if set(learnt) != set(checks) or set(settings) & set(arrays):
        raise InputError(f"a {type(view).__name__} learns {sorted(checks)}")
    for name, value in learnt.items():
        if not checks[name](value, view.schema_):
            raise InputError(f"its {name!r} is nothing that a view learns")
        setattr(view, name, value)
    if not view.needs:
        _try_view(view, schema)
    return view


def _try_view(view: View, schema: Schema) -> None:
    """See one made row, and check that the columns are what the student reads."""
    row = schema.frame_of_array(np.zeros((1, len(schema))))
    for feature in schema.features:
        row[feature.name] = feature.decode(np.zeros(1))
    seen: Any = view.see(schema.conform(row))
    if tuple(map(str, seen.columns)) != view.schema_.names:
        raise InputError("the view does not see the columns that the student reads")


def _attach_to_view(view: View | None, teacher: Teacher) -> None:
    """Give a view that reads neurons the teacher that has them."""
    if view is not None and "activations" in view.needs:
        setattr(view, _TEACHER, teacher)


def _check_size(view: View | None, teacher: Teacher) -> None:
    """Check that the network up to the layer is as large as the run says.

    A late network is built for it: the student reads no row without. Of one that is
    not in the run the size is believed.
    """
    if not isinstance(view, Hidden) or isinstance(teacher.estimator, AbsentTeacher):
        return
    said, own = (view.n_parameters, view.size_bytes), teacher.size_to(view.layer)
    if said != own:
        raise InputError(
            f"the network up to the layer {view.layer!r} must have the numbers and "
            f"bytes {own}, and the run says {said}"
        )
