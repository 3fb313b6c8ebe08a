"""Points scorecards: linear forms that a reader can add up by hand.

Each coefficient becomes a whole number of points - for a category, or for every step
of a number, the step being a readable amount (1, 2 or 5 times a power of ten) near the
number's standard deviation. Points for a step, rather than for a bin, keep the card a
`Linear` form: it is saved, exported and predicts like any other, and does not jump
where a bin ends. The price is a multiplication: half a step is half its points.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from interpretkd._base import InputError, Whole, amount_text, one_line
from interpretkd.data import MISSING, VALUE
from interpretkd.models._linear import Linear
from interpretkd.targets import apply_link

_FAR = math.log(99)
"""The tables go from 1 % to 99 %."""
_MOST_ROWS = 21


@dataclass(frozen=True)
class Points:
    """One line of a scorecard.

    Parameters
    ----------
    term : str
        A number's name, "purpose is car (new)" or "age is missing".
    points : int
        What it adds to the total: once, or for every step of the number.
    step : float or None, default=None
        The step of a number, in its own units; None for all else. The points of
        "is missing" stand in the place of the number's.
    """

    term: str
    points: int
    step: float | None = None

    def __str__(self) -> str:
        name = one_line(self.term)
        return name if self.step is None else f"{name}, for every {self.step:g}"


@dataclass(frozen=True)
class Scorecard:
    """Points to add up, and what their total means.

    Parameters
    ----------
    name : str
        What it is about: a class, a label or an output.
    rows : tuple of Points
        The terms that have points, in the order of the columns.
    base : int
        What the total starts from.
    multiplier : float
        In (0, inf): what one point adds to the logit (the value, for regression).
    intercept : float
        The logit of a total of 0; at most half a point's worth.
    link : {"identity", "softmax", "sigmoid"}, default="sigmoid"
        "sigmoid": the logit's sigmoid is the probability. "softmax": the cards of all
        classes are added up, and ``exp(logit)`` are their odds. "identity": the logit
        is the value itself.

    Examples
    --------
    >>> rows = (Points("age", -1, 10.0), Points("home is rent", 3))
    >>> card = Scorecard("bad", rows, base=2, multiplier=0.5, intercept=0.0)
    >>> print(card)
    Scorecard of bad
      start                    +2
      age, for every 10        -1
      home is rent             +3
    <BLANKLINE>
    total  probability
       -9         0.01
       -8         0.02
    ...
    >>> total = 2 - 1 * 40 / 10 + 3  # 40 years old, rents
    >>> round(card.value(total), 3)
    0.622
    """

    name: str
    rows: tuple[Points, ...]
    base: int
    multiplier: float
    intercept: float
    link: str = "sigmoid"

    def value(self, total: float) -> float:
        """Return what a total means.

        Parameters
        ----------
        total : float
            The base and all points that apply.

        Returns
        -------
        float
            The probability, the odds beside the other cards', or the value.
        """
        logit = self.intercept + self.multiplier * total
        if self.link == "identity":
            return logit
        if self.link == "softmax":
            return math.exp(logit)
        return float(apply_link(np.asarray([[logit]]), "sigmoid")[0, 0])

    @property
    def table(self) -> pd.DataFrame:
        """What the totals mean: the columns total and probability (odds, value)."""
        totals = self._totals()
        values = [self.value(total) for total in totals]
        return pd.DataFrame({"total": totals, self._meaning: values})

    def to_frame(self) -> pd.DataFrame:
        """Return one row a term, the base first.

        Returns
        -------
        DataFrame
            The columns term, points and step (NaN where there is none).
        """
        lines = [Points("(start)", self.base), *self.rows]
        return pd.DataFrame(
            {
                "term": [line.term for line in lines],
                "points": [line.points for line in lines],
                "step": [math.nan if x.step is None else x.step for x in lines],
            }
        )

    def to_text(self) -> str:
        """Return the card and its table as text.

        Returns
        -------
        str
            Lines.
        """
        lines = [("start", self.base), *((str(row), row.points) for row in self.rows)]
        wide = max(24, *(len(name) + 1 for name, _ in lines))
        text = [f"Scorecard of {one_line(self.name)}"]
        text += [f"  {line:<{wide}} {points:>+2d}" for line, points in lines]
        text += ["", f"total  {self._meaning}"]
        wide = len(self._meaning)
        for total in self._totals():
            shown = self._show(self.value(total))
            text.append(f"{total:>5d}  {shown:>{wide}}")
        return "\n".join(text)

    def __str__(self) -> str:
        return self.to_text()

    @property
    def _meaning(self) -> str:
        return {"identity": "value", "softmax": "odds"}.get(self.link, "probability")

    def _show(self, value: float) -> str:
        return f"{value:.2f}" if self.link == "sigmoid" else amount_text(value, 4)

    def _totals(self) -> list[int]:
        """Return the whole totals between 1 % and 99 %, thinned out to a few."""
        far = 10.0 if self.link == "identity" else _FAR / self.multiplier
        centre = self.base if self.link == "identity" else 0.0
        if self.link != "identity":
            centre = -self.intercept / self.multiplier
        by = max(int(readable_step(2 * far / (_MOST_ROWS - 1), at_least=1)), 1)
        while 2 * far / by > _MOST_ROWS:
            by *= 2
        first, last = math.ceil((centre - far) / by), math.floor((centre + far) / by)
        return [by * i for i in range(first, last + 1)]


def read_scorecards(
    linear: Linear, outputs: Sequence[str] | None = None
) -> tuple[Scorecard, ...]:
    """Read the scorecards of a linear form that has points.

    Parameters
    ----------
    linear : Linear
        A form with whole points.
    outputs : sequence of str, default=None
        The outputs' names, such as the classes'.

    Returns
    -------
    tuple of Scorecard
        One an output; for two classes one, about the second.

    Raises
    ------
    InputError
        When the coefficients are no points.
    """
    points = linear.points
    if points is None or linear.multiplier is None:
        raise InputError(
            "A scorecard needs a linear form with points; fit LinearStudent with "
            "points=True."
        )
    names = outputs or [f"output {i}" for i in range(linear.n_outputs)]
    if linear.link == "softmax" and linear.n_outputs == 2:
        worth = float(linear.multiplier[1] - linear.multiplier[0])
        logit = float(linear.intercept[1] - linear.intercept[0])
        rows = tuple(_lines(linear, points[:, 1]))
        return (_card(str(names[1]), rows, worth, logit, "sigmoid"),)
    return tuple(
        _card(
            str(names[i]),
            tuple(_lines(linear, points[:, i])),
            float(linear.multiplier[i]),
            float(linear.intercept[i]),
            linear.link,
        )
        for i in range(linear.n_outputs)
    )


def _lines(linear: Linear, points: Whole) -> Iterator[Points]:
    assert linear.steps is not None
    columns = linear.schema.columns(indicate_missing=True)
    fixed = 0  # the points that a missing number has by what stands in for it
    for column, term, own, step, fill in zip(
        columns, linear.terms, points.tolist(), linear.steps, linear.fill, strict=True
    ):
        if column.part == VALUE:
            fixed = round(own * fill / step)
            if own:
                yield Points(term, own, float(step))
            continue
        is_number = not linear.schema.features[column.feature].is_categorical
        if column.part == MISSING and is_number:
            own += fixed
        if own:
            yield Points(term, own)


def _card(
    name: str, rows: tuple[Points, ...], multiplier: float, logit: float, link: str
) -> Scorecard:
    base = round(logit / multiplier)
    return Scorecard(name, rows, base, multiplier, logit - base * multiplier, link)


def readable_step(amount: float, at_least: float = 0.0) -> float:
    """Return the number out of 1, 2, 5 times a power of ten that is nearest.

    Parameters
    ----------
    amount : float
        In [0, inf).
    at_least : float, default=0.0
        The smallest number to return.

    Returns
    -------
    float
        Nearest by its ratio to the amount.

    Examples
    --------
    >>> readable_step(13.0), readable_step(0.3, at_least=1.0)
    (10.0, 1.0)
    """
    power = math.floor(math.log10(amount)) if amount > 0 else 0
    near = [float(f"{d}e{power + e}") for e in (0, 1) for d in (1, 2, 5)]
    best = min(near, key=lambda step: abs(math.log(step / amount)) if amount > 0 else 0)
    return max(best, at_least)
