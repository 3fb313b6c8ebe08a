"""Linear students in words: what each term adds, row by row, and points as rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import (
    Array,
    InputError,
    amount_text,
    check_integer,
    html_table,
    one_line,
    signed_text,
)
from interpretkd.data import Schema
from interpretkd.models import (
    Linear,
    Outputs,
    Points,
    Scorecard,
    design_matrix,
    read_outputs,
    read_scorecards,
    rows_seen,
)

_MOST_LINES = 15


@dataclass(frozen=True, eq=False)
class Contributions:
    """What the terms of a linear student add; `linear_terms` makes it.

    Parameters
    ----------
    schema : Schema
        The columns.
    outputs : Outputs
        What is added up.
    base : ndarray of shape (n_shown,), float64
        The sums of the mean training row; of three classes and more these and `values`
        are those less their mean, which decides the same.
    values : ndarray of shape (n_samples, n_features, n_shown), float64
        What is added to it for each row; ``base + values.sum(axis=1)`` are the sums.
    terms : DataFrame
        See `table`.
    shown : tuple of ndarray of shape (n_samples,), object
        For each feature its values in words.
    """

    schema: Schema
    outputs: Outputs
    base: Array
    values: Array
    terms: pd.DataFrame
    shown: tuple[NDArray[Any], ...]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def sums(self) -> Array:
        """The student's sums, shape (n_samples, n_shown)."""
        return self.base + self.values.sum(axis=1)

    @property
    def table(self) -> pd.DataFrame:
        """What each term is worth, the strongest first.

        One row a term that has a coefficient other than 0 and output: term, feature,
        output, coefficient (what one unit adds), deviation (the standard deviation of
        the column over the rows), standardised (their product: what one standard
        deviation adds). Of several classes the coefficients are as they were fitted,
        not less their mean, so that what a sparse penalty set to 0 is no term.
        """
        return self.terms.copy()

    def to_frame(self, row: int | None = None) -> pd.DataFrame:
        """Return what each feature adds, signed.

        Parameters
        ----------
        row : int or None, default=None
            In [0, n_samples): one row, the features that have a coefficient, sorted by
            how much they add. None for all rows.

        Returns
        -------
        DataFrame
            Of one row: feature, value (in words), one contribution an output. Of all:
            one row a row, one column a feature (for several outputs a feature and
            output).
        """
        names = self.schema.names
        outputs = self.outputs.names
        if row is None:
            single = pd.Index(names, name="feature")
            several = pd.MultiIndex.from_product(
                [names, outputs], names=["feature", "output"]
            )
            flat = self.values.reshape(len(self), -1)
            return pd.DataFrame(flat, columns=single if len(outputs) == 1 else several)
        check_integer("Contributions.to_frame", "row", row, 0, len(self) - 1)
        own = self.values[row]
        order = np.argsort(-np.abs(own).max(axis=1), kind="stable")
        used = set(self.terms["feature"])
        order = np.asarray([i for i in order if names[i] in used], dtype=np.int64)
        heads = [f"contribution to {name}" for name in outputs]
        heads = ["contribution"] if len(outputs) == 1 else heads
        return pd.DataFrame(
            {
                "feature": [names[i] for i in order],
                "value": [self.shown[i][row] for i in order],
                **{head: own[order, i] for i, head in enumerate(heads)},
            }
        )

    def importances(self) -> pd.DataFrame:
        """Return how much each feature adds on these rows.

        Returns
        -------
        DataFrame
            One row a feature that has a coefficient, the strongest first: feature,
            strength (the standard deviation of what it adds), mean_size (the mean of
            its absolute value), both over the outputs together.
        """
        deviation = np.sqrt(self.values.var(axis=0).sum(axis=1))
        size = np.abs(self.values).mean(axis=0).sum(axis=1)
        used = set(self.terms["feature"])
        order = np.argsort(-deviation, kind="stable")
        order = np.asarray([i for i in order if self.schema.names[i] in used], int)
        return pd.DataFrame(
            {
                "feature": [self.schema.names[i] for i in order],
                "strength": deviation[order],
                "mean_size": size[order],
            }
        )

    def __repr__(self) -> str:
        return f"Contributions({len(self)} rows, {len(self.terms)} terms)"

    def __str__(self) -> str:
        about = "; ".join(
            f"{self.outputs.describe(i)} {signed_text(base, 4)}"
            for i, base in enumerate(self.base[:5].tolist())
        )
        several = len(self.outputs.names) > 1
        lines = [one_line(f"Intercept, for a mean row: {about}."), ""]
        lines.append("Contribution of one standard deviation (and of one unit):")
        for term in self.terms.head(_MOST_LINES).itertuples(index=False):
            to = f", to {term.output}" if several else ""
            adds, own = map(signed_text, (term.standardised, term.coefficient))
            text = f"{adds}  {term.term} ({own}){to}"
            lines.append(f"  {one_line(text)}")
        if len(self.terms) > _MOST_LINES:
            lines.append(f"  and {len(self.terms) - _MOST_LINES:,} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        numbers = ("coefficient", "deviation", "standardised")
        cells = self.terms.drop(columns="feature").head(_MOST_LINES)
        cells = cells.astype(dict.fromkeys(numbers, object))
        for name in numbers:
            cells[name] = [
                signed_text(value, 3) for value in self.terms[name][: len(cells)]
            ]
        caption = f"What {len(self.terms):,} terms add, over {len(self):,} rows"
        return html_table(cells.astype(str), numbers, caption)


def linear_terms(model: Any, X: ArrayLike) -> Contributions:
    """Split the sums of a linear student into what each feature adds.

    Parameters
    ----------
    model : DistilledClassifier, DistilledRegressor, LinearStudent or Linear
        Fitted. Of a distilled model the contributions are to its own logits (values,
        for regression): for two classes to the second's against the first's, for more
        to each class's logit less the mean of all.
    X : array-like or frame of shape (n_samples, n_features)
        Rows.

    Returns
    -------
    Contributions
        Signed, against the mean training row, for each row and feature; and the terms'
        table, standardised over these rows.

    Raises
    ------
    InputError
        For a model without a linear student, and without rows.

    Examples
    --------
    >>> from interpretkd.students import LinearStudent
    >>> X = pd.DataFrame({"age": [20.0, 30.0, 40.0, 50.0], "home": list("abab")})
    >>> student = LinearStudent(strength=0).fit(X, [1.0, 2.5, 3.0, 4.5])
    >>> added = linear_terms(student, X)
    >>> added.to_frame(row=1).round(2)
      feature value  contribution
    0     age    30         -0.50
    1    home     b          0.25
    >>> added.base.round(2), added.sums[1].round(2)
    (array([2.75]), array([2.5]))
    """
    form, outputs = read_outputs(model, Linear)
    schema = form.schema
    codes = schema.encode(rows_seen(model, X))
    if not len(codes):
        raise InputError("linear_terms needs at least one row X.")
    matrix = design_matrix(schema, codes, form.fill)
    centred = outputs.centred()
    weights = centred.show(form.coefficients)
    owner = np.asarray([c.feature for c in schema.columns(indicate_missing=True)])
    values = np.empty((len(codes), len(schema), weights.shape[1]))
    for i in range(len(schema)):
        own = owner == i
        values[:, i] = (matrix[:, own] - form.fill[own]) @ weights[own]
    base = centred.show(form.intercept + form.fill @ form.coefficients)
    shown = tuple(
        np.asarray([feature.text(code) for code in column.tolist()], dtype=object)
        for feature, column in zip(schema.features, codes.T, strict=True)
    )
    own_weights = outputs.show(form.coefficients)
    terms = _terms(form, outputs, own_weights, matrix.std(axis=0))
    return Contributions(schema, outputs, base, values, terms, shown)


def model_scorecards(model: Any) -> tuple[Scorecard, ...]:
    """Read the points scorecards of a model, with the classes' names.

    Parameters
    ----------
    model : DistilledClassifier, DistilledRegressor, LinearStudent or Linear
        Fitted, with ``LinearStudent(points=True)``.

    Returns
    -------
    tuple of Scorecard
        One an output; for two classes one, about the second. Probabilities are those
        that the model itself returns, at temperature 1, whatever the target was (but
        for its limit: a target at temperature T knows none below ``1e-6 ** T``).

    Raises
    ------
    InputError
        For a model without points.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from interpretkd.distillation import DistilledClassifier
    >>> from interpretkd.students import LinearStudent
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> teacher = FrozenEstimator(GaussianNB().fit(X, y))
    >>> student = LinearStudent(max_terms=2, points=True)
    >>> model = DistilledClassifier(teacher, student, target="soft", random_state=0)
    >>> print(points_text(model_scorecards(model.fit(X, y))[0]))
    Start with 13 points.
    Add -7 for every 0.05 of mean concave points.
    Add -2 for every 0.05 of worst concave points.
    More points speak for 1: above -0.425 its probability is above 50 %.
    """
    form, outputs = read_outputs(model, Linear)
    classes = getattr(model, "classes_", None)
    names = None if classes is None else [str(name) for name in classes]
    cards, by = read_scorecards(form, names), outputs.scale
    if by == 1:
        return cards
    return tuple(
        replace(card, multiplier=by * card.multiplier, intercept=by * card.intercept)
        for card in cards
    )


def points_text(card: Scorecard) -> str:
    """Say a scorecard in sentences, one a rule.

    Parameters
    ----------
    card : Scorecard
        One of `model_scorecards`.

    Returns
    -------
    str
        One line a rule; the last says what the total means.
    """
    lines = [f"Start with {_points(card.base)}."]
    lines += [_sentence(row) for row in card.rows]
    lines.append(_meaning(card))
    return "\n".join(one_line(line) for line in lines)


def _sentence(row: Points) -> str:
    if row.step is None:
        return f"Add {row.points:+d} if {row.term}."
    return f"Add {row.points:+d} for every {row.step:g} of {row.term}."


def _meaning(card: Scorecard) -> str:
    if card.link == "identity":
        return (
            f"The value for {card.name} is {amount_text(card.multiplier, 4)} times the "
            f"total, {signed_text(card.intercept, 4)}."
        )
    if card.link == "softmax":
        return (
            f"Do so for each class: each point multiplies the odds of {card.name} by "
            f"{amount_text(np.exp(card.multiplier), 3)}."
        )
    even = -card.intercept / card.multiplier
    return (
        f"More points speak for {card.name}: above {amount_text(even, 3)} its "
        "probability is above 50 %."
    )


def _points(number: int) -> str:
    return f"{number:d} point{'' if abs(number) == 1 else 's'}"


def _terms(
    form: Linear, outputs: Outputs, weights: Array, deviation: Array
) -> pd.DataFrame:
    schema = form.schema
    columns: Sequence[Any] = schema.columns(indicate_missing=True)
    rows = [
        {
            "term": term,
            "feature": schema.names[column.feature],
            "output": name,
            "coefficient": weights[i, j],
            "deviation": deviation[i],
            "standardised": weights[i, j] * deviation[i],
        }
        for i, (term, column) in enumerate(zip(form.terms, columns, strict=True))
        for j, name in enumerate(outputs.names)
        if weights[i, j]
    ]
    names = ["term", "feature", "output", "coefficient", "deviation", "standardised"]
    frame = pd.DataFrame(rows, columns=names)
    order = np.argsort(-frame["standardised"].abs().to_numpy(float), kind="stable")
    return frame.iloc[order].reset_index(drop=True)
