"""What the structure of a fitted preparation tells: levels, dropped columns, names.

What a preparation computes is found out by asking it (`_probing.py`). Its pipelines and
column transformers are looked into only for what no row may show: the levels that its
encoders know, the columns that it does not read, and the names in messages.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from interpretkd.data import plain_value


def _known_levels(preparation: Any, cells: pd.DataFrame, names: Any) -> dict[int, Any]:
    """Find the levels that scikit-learn's encoders know of the columns they read."""
    found: dict[int, list[Any]] = {}
    _walk(preparation, list(range(cells.shape[1])), list(names), {}, found)
    for c, levels in found.items():
        own = cells[c].dropna()
        fills = [level.filled for level in levels if isinstance(level, _Filled)]
        plain = [level for level in levels if not isinstance(level, _Filled)]
        present = [level for level in fills if bool((own == level).any())]
        found[c] = list(dict.fromkeys([*plain, *present]))
    return found


def _unread_columns(preparation: Any, names: Any) -> set[int]:
    """Find the columns that a column transformer, as the first step, drops."""
    first = preparation
    while hasattr(first, "steps"):
        first = first.steps[0][1]
    if not hasattr(first, "transformers_"):
        return set()
    read: set[int] = set()
    for _, transformer, columns in first.transformers_:
        if not (isinstance(transformer, str) and transformer == "drop"):
            read.update(_positions(columns, list(names)))
    return set(range(len(names))) - read


def _name_and_step(preparation: Any, j: int, fallback: str) -> tuple[str, str]:
    """Say what a prepared column is called, and which step makes it."""
    name = fallback
    try:
        names = preparation.get_feature_names_out()
        name = str(names[j])
    except Exception:  # some transformers have none, each in its own way
        name = fallback
    return name, _step(preparation, j) or type(preparation).__name__


@dataclass(frozen=True)
class _Filled:
    """A level that an encoder knows only because an imputer fills it in."""

    filled: Any


def _walk(
    step: Any,
    columns: list[int],
    names: list[str],
    fills: dict[int, Any],
    found: dict[int, list[Any]],
) -> None:
    """Follow columns by their positions as far as these are sure to be kept."""
    if hasattr(step, "steps"):
        for _, part in step.steps:
            if part is None or isinstance(part, str):
                continue
            _walk(part, columns, names, fills, found)
            if not _keeps_positions(part):
                return
            fills = {**fills, **_constants(part, columns)}
        return
    if hasattr(step, "transformers_"):
        for _, part, chosen in step.transformers_:
            if not isinstance(part, str):
                places = _positions(chosen, names)
                below = [columns[place] for place in places]
                _walk(part, below, [names[p] for p in places], fills, found)
        return
    if hasattr(step, "transformer_list"):
        for _, part in step.transformer_list:
            _walk(part, columns, names, fills, found)
        return
    levels = getattr(step, "categories_", None)
    if isinstance(levels, list) and len(levels) == len(columns):
        for c, own in zip(columns, levels, strict=True):
            known = [plain_value(v) for v in own if not pd.isna(v)]
            marked = [_Filled(v) if c in fills and v == fills[c] else v for v in known]
            found.setdefault(c, []).extend(marked)


def _constants(step: Any, columns: list[int]) -> dict[int, Any]:
    if getattr(step, "strategy", None) != "constant":
        return {}
    return dict(zip(columns, getattr(step, "statistics_", ()), strict=False))


def _keeps_positions(step: Any) -> bool:
    """Whether the first columns that come out are those that went in."""
    kind = type(step).__name__
    if kind == "SimpleImputer":
        gone = pd.isna(pd.Series(step.statistics_, dtype=object)).any()
        return not gone or step.keep_empty_features
    return kind == "FunctionTransformer" and step.validate is False


def _positions(columns: Any, names: list[str]) -> list[int]:
    """Read the columns of a fitted column transformer."""
    if isinstance(columns, str | int | np.integer):
        columns = [columns]
    if isinstance(columns, slice):
        start, stop = (
            names.index(end) if isinstance(end, str) else end
            for end in (columns.start, columns.stop)
        )
        if isinstance(columns.stop, str):
            stop += 1  # slices of names include the last one
        return list(range(len(names))[start : stop : columns.step])
    chosen = list(columns)
    if chosen and all(isinstance(c, bool | np.bool_) for c in chosen):
        return [i for i, c in enumerate(chosen) if c]
    places = range(len(names))
    return [names.index(c) if isinstance(c, str) else places[c] for c in chosen]


_COLUMN_BY_COLUMN = (
    *("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler"),
    *("QuantileTransformer", "PowerTransformer", "SimpleImputer"),
)


def _step(preparation: Any, j: int) -> str:
    """Name the last step that can have mixed columns."""
    if hasattr(preparation, "steps"):
        for name, part in reversed(preparation.steps):
            kind = type(part).__name__
            if part is None or isinstance(part, str) or kind in _COLUMN_BY_COLUMN:
                continue
            return _step(part, j) or f"step {name!r} ({kind})"
        return ""
    for name, places in getattr(preparation, "output_indices_", {}).items():
        if places.start <= j < places.stop:
            part = preparation.named_transformers_.get(name)
            inner = _step(part, j - places.start)
            return inner or f"step {name!r} ({type(part).__name__})"
    return ""
