"""A fitted view as JSON values and arrays, and back.

What a view has learnt are its attributes that end in an underscore: numbers, and for
one that reads neurons the teacher, which lies in the run beside it.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.data import Schema
from interpretkd.methods import ColumnView, View
from interpretkd.runs._settings import _from_plain, _to_plain
from interpretkd.runs._step_state import _from_state, _is_known, _to_state
from interpretkd.teachers import Teacher

_NUMBERS = "biuf"
_HELD = "fill_"


def _view_state(
    view: View, schema: Schema
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what makes up a fitted view of rows of these columns."""
    if not _is_known(view):
        raise InputError(
            f"A view of one's own, such as {type(view).__name__}, cannot be saved: "
            "code is never part of a run, and without it the student cannot read rows."
        )
    learnt = {
        n: v for n, v in vars(view).items() if n not in view.get_params(deep=False)
    }
    own = learnt.pop("schema_")
    arrays, settings, reads_teacher = {}, {}, []
    if isinstance(view, ColumnView):
        arrays[_HELD] = _codes_of(learnt.pop(_HELD), schema)
        learnt.pop("reads_")  # by the parameters and the columns
    for name, value in learnt.items():
        if isinstance(value, Teacher):
            reads_teacher.append(name)
        elif isinstance(value, np.ndarray) and value.dtype.kind in _NUMBERS:
            arrays[name] = value
        else:
            settings[name] = _learnt(view, name, value)
    state = {
        "view": _to_state(view),
        "settings": settings,
        "teacher": reads_teacher,
        "schema": None if isinstance(view, ColumnView) else own.to_dict(),
    }
    return state, arrays


def _learnt(view: View, name: str, value: Any) -> Any:
    try:
        return _to_plain(value)
    except TypeError as error:
        raise InputError(
            f"The view {type(view).__name__} cannot be saved: it has learnt {name!r}, "
            "which is neither a number nor a text."
        ) from error


def _view_of(
    state: dict[str, Any], arrays: dict[str, NDArray[Any]], schema: Schema
) -> View:
    """Build a fitted view, checking each part; its teacher is attached later."""
    view = _from_state(state["view"])
    if not isinstance(view, View):
        raise InputError("it names no view")
    view.check()
    settings = {name: _from_plain(value) for name, value in state["settings"].items()}
    names = [*settings, *arrays, *state["teacher"]]
    for name in names:
        if not _may_be_learnt(view, name):
            raise InputError(f"a view learns no {name!r:.80}")
    if len(set(names)) != len(names):
        raise InputError("it holds a part of the view twice")
    if isinstance(view, ColumnView):
        view.schema_ = schema
        view.reads_ = view.read_columns(schema)
        view.fill_ = _cells_of(arrays.pop(_HELD), schema)
    else:
        view.schema_ = Schema.from_dict(state["schema"])
    for name, array in arrays.items():
        if array.dtype.kind not in _NUMBERS or not np.isfinite(array).all():
            raise InputError(f"its array {name!r} must hold finite numbers")
    for name, value in (settings | arrays).items():
        setattr(view, name, value)
    return view


def _may_be_learnt(view: View, name: Any) -> bool:
    """Say whether a name is free: no parameter, no method, nothing that is known."""
    if not isinstance(name, str) or not name.isidentifier():
        return False
    known = hasattr(view, name) or name in ("schema_", "reads_")
    return not known and not name.startswith("__")


def _attach_to_view(view: View | None, names: list[str], teacher: Teacher) -> None:
    """Give a view that reads neurons the teacher that has them."""
    for name in names:
        setattr(view, name, teacher)


def _codes_of(cells: list[Any], schema: Schema) -> NDArray[np.float32]:
    """Return one row as codes."""
    columns = {}
    for feature, cell in zip(schema.features, cells, strict=True):
        dtype = object if feature.is_categorical else None
        columns[feature.name] = pd.Series([cell], dtype=dtype)
    codes: NDArray[np.float32] = schema.encode(pd.DataFrame(columns))[0]
    return codes


def _cells_of(codes: NDArray[Any], schema: Schema) -> list[Any]:
    """Return the cells of one row; NaN is a missing one."""
    if codes.shape != (len(schema),) or codes.dtype != np.float32:
        raise InputError(f"its array {_HELD!r} must hold {len(schema)} codes")
    cells = []
    for feature, code in zip(schema.features, codes, strict=True):
        n_known = len(feature.categories) if feature.is_categorical else np.inf
        in_range = np.isfinite(code) and (
            not feature.is_categorical or (0 <= code < n_known and code == int(code))
        )
        if not np.isnan(code) and not in_range:
            raise InputError(f"its array {_HELD!r} holds no code of {feature.name!r}")
        cells.append(pd.Series(feature.decode(np.array([code])))[0])
    return cells
