"""A figure of what each value of a feature adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from interpretkd._base import Array, InputError, check_integer
from interpretkd.data import Feature
from interpretkd.drawing import (
    LINE_COLOURS,
    LINES,
    MARKERS,
    Display,
    label,
    numbers,
    panels,
    shortened,
)
from interpretkd.explain._effects import Effects

_MOST_CATEGORIES = 14


@dataclass(frozen=True, eq=False)
class ShapeDisplay(Display):
    """What each value of some features adds; `from_effects` makes it.

    Parameters
    ----------
    data : DataFrame
        As `Effects.to_frame`: one row an interval or category, the columns feature,
        low, high, category, missing, one effect an output, n_rows.
    unit : str
        What is added to.
    known : tuple of Feature, default=()
        Those columns whose numbers have words of their own, such as dates.
    """

    unit: str
    known: tuple[Feature, ...] = ()

    @classmethod
    def from_effects(
        cls,
        effects: Effects | pd.DataFrame,
        features: Sequence[str] | None = None,
        *,
        n_features: int = 4,
    ) -> Self:
        """Show the shapes of the strongest features, or of the given ones.

        Parameters
        ----------
        effects : Effects or DataFrame
            What `explain.shape_effects` returned, or a table like its `to_frame`.
        features : sequence of str, default=None
            What to show; None for the first `n_features`.
        n_features : int, default=4
            In [1, inf): how many.

        Returns
        -------
        ShapeDisplay
            What is drawn.

        Raises
        ------
        InputError
            For an absent feature, and for a table of another form.
        """
        check_integer("ShapeDisplay.from_effects", "n_features", n_features, 1)
        unit = "output"
        known: tuple[Feature, ...] = ()
        if isinstance(effects, Effects):
            outputs = effects.outputs
            several = len(outputs.names) > 1
            unit = outputs.unit if several else outputs.describe(0).removeprefix("the ")
            known = effects.cells.schema.features
            data = effects.to_frame() if effects.mains else _no_effect()
        else:
            data = effects
        absent = [name for name in _SHAPE if name not in data]
        if absent or not (_effects(data) or data.empty):
            raise InputError(
                f"A table of effects needs the columns {', '.join(_SHAPE)} and those "
                f"of effects. Got {', '.join(map(str, data.columns))}."
            )
        there = list(dict.fromkeys(data["feature"]))
        chosen = there[:n_features] if features is None else list(features)
        strange = [name for name in chosen if name not in there]
        if strange:
            raise InputError(
                f"There is no effect of {strange[0]!r}. There are those of "
                f"{', '.join(map(repr, there[:20]))}."
            )
        parts = [data[data["feature"] == name] for name in chosen]
        kept = pd.concat(parts, ignore_index=True) if parts else data
        return cls(
            kept, unit, tuple(f for f in known if f.name in chosen and f.is_date)
        )

    @property
    def title(self) -> str:
        """What is shown, in a few words."""
        return f"What each value adds to the {shortened(self.unit, 40)}"

    @property
    def alt(self) -> str:
        """The same in a sentence or two, for those who do not see it."""
        if self.data.empty:
            return f"{self.title}: nothing, no feature has an effect."
        parts = []
        for name, part in self._features():
            seen = part[part["n_rows"] > 0] if (part["n_rows"] > 0).any() else part
            column = max(self._shown, key=lambda c: float(np.ptp(numbers(seen, c))))
            own = numbers(seen, column)
            said = [
                f"{own[i]:+.3g} at {self._text(seen.iloc[i])}"
                for i in (int(own.argmin()), int(own.argmax()))
            ]
            about = "" if column == "effect" else f" ({shortened(column, 40)})"
            parts.append(f"{shortened(name)}{about} from {said[0]} to {said[1]}")
        return f"{self.title}: {'; '.join(parts)}."

    @property
    def _inches(self) -> tuple[float, float]:
        return 8.0, 0.3 + 3.1 * max(1, -(-len(self._features()) // 2))

    @property
    def _adds(self) -> str:
        return f"adds ({self.unit.partition(' ')[0]})"

    @property
    def _shown(self) -> list[str]:
        """The effects that are drawn: of many outputs those that vary most."""
        names = _effects(self.data)
        weight = numbers(self.data, "n_rows")
        strength = {c: float(weight @ numbers(self.data, c) ** 2) for c in names}
        kept = sorted(names, key=lambda c: -strength[c])[: len(LINE_COLOURS)]
        return [name for name in names if name in kept]

    def _features(self) -> list[tuple[str, pd.DataFrame]]:
        groups = self.data.groupby("feature", sort=False)
        return [(str(name), part) for name, part in groups]

    def _text(self, row: Any) -> str:
        if row["missing"]:
            return "missing"
        if row["category"] is not None and not pd.isna(row["category"]):
            return shortened(row["category"])
        low, high = (self._number(row["feature"], row[end]) for end in ("low", "high"))
        if np.isneginf(row["low"]):
            return f"{high} and below" if np.isfinite(row["high"]) else "any value"
        return f"above {low}" if np.isposinf(row["high"]) else f"{low} to {high}"

    def _number(self, feature: str, value: float) -> str:
        words = {f.name: f.text for f in self.known}.get(feature)
        if words and np.isfinite(value):
            return words(value)
        is_long = np.isfinite(value) and value == int(value) and abs(value) >= 1e4
        return str(int(value)) if is_long else f"{value:.4g}"

    def _draw(self, ax: Any) -> None:
        parts = self._features()
        if not parts:
            ax.set_axis_off()
            ax.text(0.5, 0.5, "no feature has an effect", ha="center")
            return
        n_columns = min(2, len(parts))
        n_rows = -(-len(parts) // n_columns)
        if len(self._shown) > 1:
            (strip,), (ax,) = panels(ax, 2, height_ratios=(0.12, n_rows))
            handles, said = _legend(self._shown)
            strip.set_axis_off()
            strip.legend(handles, said, loc="center", ncols=min(4, len(said)))
        grid = panels(ax, n_rows, n_columns)
        flat = [each for row in grid for each in row]
        for each in flat[len(parts) :]:
            each.set_axis_off()
        for each, (name, part) in zip(flat, parts, strict=False):
            counted = numbers(part[~part["missing"].astype(bool)], "low")
            if np.isnan(counted).any():
                self._draw_categories(each, name, part)
            else:
                self._draw_numbers(each, name, part)

    def _draw_numbers(self, place: Any, name: str, part: pd.DataFrame) -> None:
        (top,), (bottom,) = panels(place, 2, height_ratios=(3, 1))
        bottom.sharex(top)
        absent = part["missing"].to_numpy(dtype=bool)
        known = part[~absent]
        edges = finite_edges([*numbers(known, "low"), *numbers(known, "high")[-1:]])
        aside = edges[-1] + 0.08 * (edges[-1] - edges[0])
        for i, column in enumerate(self._shown):
            look = {"color": LINE_COLOURS[i], "linestyle": LINES[i], "linewidth": 1.6}
            top.stairs(numbers(known, column), edges, baseline=None, **look)
            if absent.any():
                value = numbers(part[absent], column)
                top.plot([aside], value, marker=MARKERS[i], color=LINE_COLOURS[i])
        top.axhline(0, color="black", linewidth=0.8)
        look = {"color": "#999999", "edgecolor": "#555555"}
        bottom.stairs(numbers(known, "n_rows"), edges, fill=True, **look)
        if absent.any():
            wide = 0.05 * (edges[-1] - edges[0])
            n_missing = numbers(part[absent], "n_rows")
            bottom.bar([aside], n_missing, wide, hatch="////", fc="white", ec="#555555")
            for each in (top, bottom):
                each.axvline(edges[-1], color="#999999", linewidth=0.8, linestyle=":")
        self._ticks(bottom, name, edges, aside if absent.any() else None)
        top.tick_params(labelbottom=False)
        top.set_ylabel(self._adds)
        bottom.set_ylabel("rows")
        bottom.yaxis.get_major_locator().set_params(integer=True, nbins=2)
        top.set_title(label(name), fontsize=9.5, loc="left")

    def _ticks(self, ax: Any, name: str, edges: Array, aside: float | None) -> None:
        from matplotlib.ticker import MaxNLocator

        cuts, far = edges[1:-1], 0.15 * (edges[-1] - edges[0])
        if len(cuts) > 5:
            dates = any(f.name == name for f in self.known)
            locator = MaxNLocator(3 if dates else 5)
            cuts = np.asarray(locator.tick_values(edges[0], edges[-1]))
        ticks: list[float] = []
        for cut in cuts[(cuts >= edges[0]) & (cuts <= edges[-1])].tolist():
            if not ticks or cut - ticks[-1] >= far or len(cuts) > 5:
                ticks.append(cut)
        said = [self._number(name, tick) for tick in ticks]
        if aside is not None:
            ticks, said = [*ticks, aside], [*said, "missing"]
        ax.set_xticks(ticks, [label(text) for text in said])
        if aside is not None:
            last = ax.get_xticklabels()[-1]
            last.set_rotation(30)
            last.set_horizontalalignment("right")

    def _draw_categories(self, place: Any, name: str, part: pd.DataFrame) -> None:
        part = join_categories(part)
        ((left, right),) = panels(place, 1, 2, width_ratios=(3, 1))
        places = np.arange(len(part))
        absent = part["missing"].to_numpy(dtype=bool)
        said = [self._text(row) for _, row in part.iterrows()]
        if len(self._shown) == 1:
            values = numbers(part, self._shown[0])
            bars = left.barh(
                places, values, 0.7, color=LINE_COLOURS[0], edgecolor=LINE_COLOURS[0]
            )
            for bar, missing in zip(bars, absent, strict=True):
                if missing:
                    bar.set(hatch="////", facecolor="white")
        else:
            for i, column in enumerate(self._shown):
                look = {
                    "marker": MARKERS[i],
                    "color": LINE_COLOURS[i],
                    "linestyle": "none",
                }
                left.plot(numbers(part, column), places, **look)
        left.axvline(0, color="black", linewidth=0.8)
        counts = right.barh(
            places, numbers(part, "n_rows"), 0.7, color="#999999", edgecolor="#555555"
        )
        for bar, missing in zip(counts, absent, strict=True):
            if missing:
                bar.set(hatch="////", facecolor="white")
        left.set_yticks(places, [label(text, 22) for text in said])
        right.set_yticks(places, [])
        for each in (left, right):
            each.set_ylim(len(part) - 0.4, -0.6)
            each.xaxis.get_major_locator().set_params(nbins=4 if each is left else 2)
        left.grid(visible=False, axis="y")
        left.set_xlabel(self._adds)
        right.set_xlabel("rows")
        left.set_title(label(name), fontsize=9.5, loc="left")


_SHAPE = ("feature", "low", "high", "category", "missing", "n_rows")


def _no_effect() -> pd.DataFrame:
    return pd.DataFrame(columns=[*_SHAPE, "effect"])


def _effects(frame: pd.DataFrame) -> list[str]:
    return [
        c for c in map(str, frame.columns) if c == "effect" or c[:10] == "effect on "
    ]


def finite_edges(edges: ArrayLike) -> Array:
    """Return where intervals end, the outer two as far out as can be seen.

    Parameters
    ----------
    edges : array-like of shape (n_edges,)
        Where they end, in order; the first and the last may be infinite.

    Returns
    -------
    ndarray of shape (n_edges,), float64
        The same, all finite.
    """
    full = np.asarray(edges, dtype=np.float64)
    inner = full[np.isfinite(full)]
    if not len(inner):
        return np.array([0.0, 1.0])
    pad = 0.08 * float(np.ptp(inner)) or 0.5
    return np.where(
        np.isfinite(full), full, np.where(full < 0, inner[0] - pad, inner[-1] + pad)
    )


def join_categories(part: pd.DataFrame) -> pd.DataFrame:
    """Keep the categories with most rows, and join the others.

    Parameters
    ----------
    part : DataFrame
        The rows of one feature, as in `ShapeDisplay.data`.

    Returns
    -------
    DataFrame
        At most 15 rows; the joined ones have the mean effect of their rows.
    """
    if len(part) <= _MOST_CATEGORIES + 1:
        return part
    known = part[~part["missing"].astype(bool)]
    order = np.argsort(-numbers(known, "n_rows"), kind="stable")
    kept = known.iloc[np.sort(order[: _MOST_CATEGORIES - 1])]
    rest = known.iloc[np.sort(order[_MOST_CATEGORIES - 1 :])]
    weight = numbers(rest, "n_rows")
    weight = weight if weight.any() else np.ones(len(rest))
    one = rest.iloc[[0]].copy()
    one["category"] = f"{len(rest):,} others (mean)"
    one["n_rows"] = int(numbers(rest, "n_rows").sum())
    for column in _effects(part):
        one[column] = np.average(numbers(rest, column), weights=weight)
    return pd.concat([kept, one, part[part["missing"].astype(bool)]])


def _legend(names: list[str]) -> tuple[list[Any], list[str]]:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=LINE_COLOURS[i], linestyle=LINES[i], marker=MARKERS[i])
        for i in range(len(names))
    ]
    return handles, [label(name.removeprefix("effect on "), 20) for name in names]
