"""What a hidden layer said of a few made rows: by that another teacher is known.

A student that reads neurons reads nothing else, so a teacher that is given to a loaded
run must have the same ones. They are kept of made rows, for a run need hold no others,
and the same logits may come of other neurons.
"""

from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.data import Codes, Schema

_PROBE = "probe_"
_ASKED, _SAID = "probe_asked", "probe_said"
_N_ROWS = 16
_NEAR = 1e-3
"""So much of a neuron may differ: other machines add in another order."""


def _probe_arrays(model: Any) -> dict[str, NDArray[Any]]:
    """Return made rows and what the view's layer says of them; {} where none is."""
    view = model.view_
    if "activations" not in view.needs:
        return {}
    known: dict[str, NDArray[Any]] = getattr(view, _PROBE, {})
    if known:  # of a loaded run, whose teacher may be absent
        return known
    codes = _made(model)
    with suppress(Exception):  # a user's own may refuse made rows: nothing is kept then
        said = _says(model, codes, view.teacher_)
        if np.isfinite(said).all():
            return {_ASKED: codes, _SAID: said}
    return {}


def _take_probe(arrays: dict[str, NDArray[Any]], schema: Schema, own: Schema) -> Any:
    """Take made rows and answers out of a view's arrays; {} in older runs."""
    found = {n: arrays.pop(n) for n in (_ASKED, _SAID) if n in arrays}
    if not found:
        return {}
    n_rows = len(next(iter(found.values())))
    shapes = {_ASKED: (n_rows, len(schema)), _SAID: (n_rows, len(own))}
    for name, shape in shapes.items():
        made = found.get(name, np.zeros(0))
        fits = made.dtype.kind == "f" and made.shape == shape
        if not fits or not np.isfinite(made).all():
            raise InputError(f"its {name!r} must be finite numbers of shape {shape}")
    return found


def _check_probe(model: Any, teacher: Any) -> None:
    """Refuse a teacher whose layer says something else of the made rows."""
    known = getattr(model.view_, _PROBE, {})
    if not known:
        return
    said, says = known[_SAID], _says(model, known[_ASKED], teacher)
    if says.shape != said.shape or not np.allclose(says, said, _NEAR, _NEAR):
        raise InputError(
            f"The teacher given is not the run's: its hidden layer "
            f"{model.view_.layer!r}, which the student reads, says something else of "
            "made rows than was saved."
        )


def _made(model: Any) -> Codes:
    """Make rows within what is known of each column, the same ones each time."""
    rng, schema, ranges = np.random.default_rng(0), model.schema_, model.ranges_
    codes = rng.normal(size=(_N_ROWS, len(schema)))
    for j, feature in enumerate(schema.features):
        if feature.is_categorical:
            codes[:, j] = rng.integers(max(len(feature.categories), 1), size=_N_ROWS)
        elif ranges is not None and np.isfinite(ranges.low[j]):
            codes[:, j] = rng.uniform(ranges.low[j], ranges.high[j], _N_ROWS)
            if ranges.whole[j]:
                codes[:, j] = np.round(codes[:, j])
    made: Codes = codes.astype(np.float32)
    return made


def _says(model: Any, codes: Codes, teacher: Any) -> NDArray[Any]:
    """Return what the layer says of rows given by their codes."""
    columns = {}
    for j, feature in enumerate(model.schema_.features):
        own = codes[:, j]
        if feature.is_categorical:
            own = np.clip(np.floor(own), 0, len(feature.categories) - 1)
        columns[feature.name] = feature.decode(own)
    frame = pd.DataFrame(columns)
    rows = frame if hasattr(model, "feature_names_in_") else frame.to_numpy()
    said = np.asarray(teacher.activations(rows, model.view_.layer))
    return said.reshape(len(said), -1)
