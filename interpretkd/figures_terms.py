"""Figures of what a student adds up: the coefficients, the shapes of effects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._errors import InputError
from interpretkd._validation import check_integer
from interpretkd.displays import (
    COLOURS,
    LINES,
    MARKERS,
    Display,
    label,
    panels,
    shortened,
)
from interpretkd.effects import Effects
from interpretkd.linear import Linear
from interpretkd.outputs import read_outputs
from interpretkd.schema import Feature
from interpretkd.terms import linear_terms

__all__ = ["CoefficientDisplay", "ShapeDisplay"]

Array: TypeAlias = NDArray[np.float64]

_MOST_PANELS = 12
_MOST_CATEGORIES = 14


@dataclass(frozen=True, eq=False)
class CoefficientDisplay(Display):
    """The terms of a weighted sum, signed, the largest first; `from_model` makes it.

    Parameters
    ----------
    data : DataFrame
        One row a term and output: term, feature, output, coefficient (what one unit
        adds), and where rows were given deviation and standardised (what a usual
        difference adds).
    unit : str
        What is added up.
    n_terms : int, default=10
        In [1, inf): how many are drawn for each output.
    """

    unit: str
    n_terms: int = 10

    @classmethod
    def from_model(
        cls, model: Any, X: ArrayLike | None = None, *, n_terms: int = 10
    ) -> Self:
        """Read the coefficients of a linear student.

        Parameters
        ----------
        model : DistilledClassifier, DistilledRegressor, LinearStudent or Linear
            Fitted.
        X : array-like or frame of shape (n_samples, n_features), default=None
            Rows by which the terms are compared: each is drawn as what one standard
            deviation adds. Without them it is what one unit adds, whose size depends
            on the unit.
        n_terms : int, default=10
            In [1, inf): how many are drawn for each output; `frame` has all.

        Returns
        -------
        CoefficientDisplay
            What is drawn.

        Raises
        ------
        InputError
            For a model without a linear student.
        """
        check_integer("CoefficientDisplay.from_model", "n_terms", n_terms, 1)
        form, outputs = read_outputs(model, Linear)
        if X is not None:
            return cls(linear_terms(model, X).table, outputs.unit, n_terms)
        weights = outputs.show(form.coefficients)
        columns = form.schema.columns(indicate_missing=True)
        data = pd.DataFrame(
            [
                (term, form.schema.names[column.feature], name, weights[i, j])
                for i, (term, column) in enumerate(
                    zip(form.terms, columns, strict=True)
                )
                for j, name in enumerate(outputs.names)
                if weights[i, j]
            ],
            columns=["term", "feature", "output", "coefficient"],
        )
        order = np.argsort(-_floats(data, "coefficient", size=True), kind="stable")
        return cls(data.iloc[order].reset_index(drop=True), outputs.unit, n_terms)

    @property
    def title(self) -> str:
        """What is shown, in a few words."""
        return f"What the terms add to the {self.unit}"

    @property
    def alt(self) -> str:
        """The same in a sentence or two, for those who do not see it."""
        if not len(self.data):
            return f"{self.title}: nothing, no term has a coefficient."
        parts = []
        for name, part in self._outputs():
            top = ", ".join(
                f"{shortened(term)} {value:+.3g}"
                for term, value in zip(
                    part["term"][:3], part[self._column][:3], strict=True
                )
            )
            about = "" if name == "output" else f"{shortened(name)}: "
            parts.append(f"{about}{top}")
        return f"{self.title} ({self._said}), the largest first: {'; '.join(parts)}."

    @property
    def _column(self) -> str:
        return "standardised" if "standardised" in self.data else "coefficient"

    @property
    def _said(self) -> str:
        if self._column == "standardised":
            return "one standard deviation of the column"
        return "one unit of the column"

    @property
    def _inches(self) -> tuple[float, float]:
        sizes = [len(part) for _, part in self._outputs()] or [1]
        n_rows = len(sizes) if len(sizes) < 3 else -(-len(sizes) // 2)
        return 8.0, 0.6 + n_rows * (0.6 + 0.23 * max(sizes))

    def _outputs(self) -> list[tuple[str, pd.DataFrame]]:
        groups = self.data.groupby("output", sort=True)
        return [
            (str(name), part.head(self.n_terms))
            for name, part in list(groups)[:_MOST_PANELS]
        ]

    def _draw(self, ax: Any) -> None:
        parts = self._outputs()
        if not parts:
            ax.set_axis_off()
            ax.text(0.5, 0.5, "no term has a coefficient", ha="center")
            return
        if len(parts) == 1:
            self._draw_output(ax, *parts[0])
            ax.set_xlabel(f"what {self._said} adds to the {self.unit}")
            return
        n_columns = 1 if len(parts) < 3 else 2
        grid = panels(ax, -(-len(parts) // n_columns), n_columns)
        flat = [each for row in grid for each in row]
        for each in flat[len(parts) :]:
            each.set_axis_off()
        for each, (name, part) in zip(flat, parts, strict=False):
            self._draw_output(each, name, part)
        for each in flat[max(0, len(parts) - n_columns) : len(parts)]:
            each.set_xlabel(f"adds to the {self.unit}")

    def _draw_output(self, ax: Any, name: str, part: pd.DataFrame) -> None:
        longest = 40 if len(self._outputs()) < 3 else 22
        values = _floats(part, self._column)
        places = np.arange(len(values))
        bars = ax.barh(
            places,
            values,
            0.7,
            color=[COLOURS[0] if value > 0 else "white" for value in values],
            edgecolor=[COLOURS[0] if value > 0 else COLOURS[1] for value in values],
        )
        for bar, value in zip(bars, values, strict=True):
            bar.set_hatch("" if value > 0 else "////")
        ax.bar_label(bars, [f"{value:+.3g}" for value in values], padding=3, fontsize=8)
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set_yticks(places, [label(term, longest) for term in part["term"]])
        ax.invert_yaxis()
        ax.margins(x=0.2)
        ax.grid(visible=False, axis="y")
        if name != "output":
            ax.set_title(label(name), fontsize=9.5, loc="left")


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
            What `effects.shape_effects` returned, or a table like its `to_frame`.
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
            column = max(self._shown, key=lambda c: float(np.ptp(_floats(seen, c))))
            own = _floats(seen, column)
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
        weight = _floats(self.data, "n_rows")
        strength = {c: float(weight @ _floats(self.data, c) ** 2) for c in names}
        kept = sorted(names, key=lambda c: -strength[c])[: len(COLOURS)]
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
        return words(value) if words and np.isfinite(value) else f"{value:.4g}"

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
            counted = _floats(part[~part["missing"].astype(bool)], "low")
            if np.isnan(counted).any():
                self._draw_categories(each, name, part)
            else:
                self._draw_numbers(each, name, part)

    def _draw_numbers(self, place: Any, name: str, part: pd.DataFrame) -> None:
        (top,), (bottom,) = panels(place, 2, height_ratios=(3, 1))
        bottom.sharex(top)
        absent = part["missing"].to_numpy(dtype=bool)
        known = part[~absent]
        edges = _finite([*_floats(known, "low"), *_floats(known, "high")[-1:]])
        aside = edges[-1] + 0.08 * (edges[-1] - edges[0])
        for i, column in enumerate(self._shown):
            look = {"color": COLOURS[i], "linestyle": LINES[i], "linewidth": 1.6}
            top.stairs(_floats(known, column), edges, baseline=None, **look)
            if absent.any():
                value = _floats(part[absent], column)
                top.plot([aside], value, marker=MARKERS[i], color=COLOURS[i])
        top.axhline(0, color="black", linewidth=0.8)
        look = {"color": "#999999", "edgecolor": "#555555"}
        bottom.stairs(_floats(known, "n_rows"), edges, fill=True, **look)
        if absent.any():
            wide = 0.05 * (edges[-1] - edges[0])
            n_missing = _floats(part[absent], "n_rows")
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
        part = _joined_categories(part)
        ((left, right),) = panels(place, 1, 2, width_ratios=(3, 1))
        places = np.arange(len(part))
        absent = part["missing"].to_numpy(dtype=bool)
        said = [self._text(row) for _, row in part.iterrows()]
        if len(self._shown) == 1:
            values = _floats(part, self._shown[0])
            bars = left.barh(
                places, values, 0.7, color=COLOURS[0], edgecolor=COLOURS[0]
            )
            for bar, missing in zip(bars, absent, strict=True):
                if missing:
                    bar.set(hatch="////", facecolor="white")
        else:
            for i, column in enumerate(self._shown):
                look = {"marker": MARKERS[i], "color": COLOURS[i], "linestyle": "none"}
                left.plot(_floats(part, column), places, **look)
        left.axvline(0, color="black", linewidth=0.8)
        counts = right.barh(
            places, _floats(part, "n_rows"), 0.7, color="#999999", edgecolor="#555555"
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


def _floats(frame: pd.DataFrame, column: str, *, size: bool = False) -> Array:
    numbers = frame[column].to_numpy(dtype=np.float64)
    return np.abs(numbers) if size else numbers


def _effects(frame: pd.DataFrame) -> list[str]:
    return [
        c for c in map(str, frame.columns) if c == "effect" or c[:10] == "effect on "
    ]


def _finite(edges: ArrayLike) -> Array:
    """Return where intervals end, the outer two as far out as can be seen."""
    full = np.asarray(edges, dtype=np.float64)
    inner = full[np.isfinite(full)]
    if not len(inner):
        return np.array([0.0, 1.0])
    pad = 0.08 * float(np.ptp(inner)) or 0.5
    return np.where(
        np.isfinite(full), full, np.where(full < 0, inner[0] - pad, inner[-1] + pad)
    )


def _joined_categories(part: pd.DataFrame) -> pd.DataFrame:
    """Keep the categories with most rows, and join the others."""
    if len(part) <= _MOST_CATEGORIES + 1:
        return part
    known = part[~part["missing"].astype(bool)]
    order = np.argsort(-_floats(known, "n_rows"), kind="stable")
    kept = known.iloc[np.sort(order[: _MOST_CATEGORIES - 1])]
    rest = known.iloc[np.sort(order[_MOST_CATEGORIES - 1 :])]
    weight = _floats(rest, "n_rows")
    weight = weight if weight.any() else np.ones(len(rest))
    one = rest.iloc[[0]].copy()
    one["category"] = f"{len(rest):,} others (mean)"
    one["n_rows"] = int(_floats(rest, "n_rows").sum())
    for column in _effects(part):
        one[column] = np.average(_floats(rest, column), weights=weight)
    return pd.concat([kept, one, part[part["missing"].astype(bool)]])


def _legend(names: list[str]) -> tuple[list[Any], list[str]]:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=COLOURS[i], linestyle=LINES[i], marker=MARKERS[i])
        for i in range(len(names))
    ]
    return handles, [label(name.removeprefix("effect on "), 20) for name in names]
