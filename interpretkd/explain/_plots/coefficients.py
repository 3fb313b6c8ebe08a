"""A figure of the coefficients of a student."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from interpretkd._base import check_integer, signed_text
from interpretkd.drawing import LINE_COLOURS, Display, label, numbers, panels, shortened
from interpretkd.explain._linear_terms import linear_terms
from interpretkd.models import Linear, read_outputs

_MOST_PANELS = 12


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
        order = np.argsort(-np.abs(numbers(data, "coefficient")), kind="stable")
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
                f"{shortened(term)} {signed_text(value, 3)}"
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
        values = numbers(part, self._column)
        places = np.arange(len(values))
        bars = ax.barh(
            places,
            values,
            0.7,
            color=[LINE_COLOURS[0] if value > 0 else "white" for value in values],
            edgecolor=[
                LINE_COLOURS[0] if value > 0 else LINE_COLOURS[1] for value in values
            ],
        )
        for bar, value in zip(bars, values, strict=True):
            bar.set_hatch("" if value > 0 else "////")
        ax.bar_label(
            bars,
            [signed_text(value, 3) for value in values],
            padding=3,
            fontsize=8,
        )
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set_yticks(places, [label(term, longest) for term in part["term"]])
        ax.invert_yaxis()
        ax.margins(x=0.2)
        ax.grid(visible=False, axis="y")
        if name != "output":
            ax.set_title(label(name), fontsize=9.5, loc="left")
