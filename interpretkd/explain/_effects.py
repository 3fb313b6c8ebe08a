"""Boosted trees in a few pictures and sentences: how far a sum of trees is additive.

Hundreds of trees cannot be read one by one, their sum can: what each feature adds by
itself, which pairs add something together, and how much that leaves unsaid.
"""

from dataclasses import dataclass, field
from itertools import islice
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
from interpretkd.explain._additive_rules import (
    AdditiveRule,
    _leaf_rules,
    _set_condition,
)
from interpretkd.explain._functional_anova import _Cells, _decompose, _Decomposition
from interpretkd.models import Forest, Outputs, read_outputs, rows_seen

_MOST_LINES = 10
"""Features, pairs and rules that are printed; the tables have all."""


@dataclass(frozen=True)
class VarianceShares:
    """How much of the variance of a student's sums each part of a summary explains.

    Parameters
    ----------
    mains : float
        In (-inf, 1]: by what features add by themselves. With features that depend on
        each other it may even be below 0.
    pairs : float
        What pairs of features explain beyond that.
    rest : float
        What neither explains: three features and more together. The three sum to 1.
    """

    mains: float
    pairs: float
    rest: float

    def __str__(self) -> str:
        return (
            f"Of the variance {self.mains:.1%} is explained by single features, "
            f"{self.pairs:.1%} more by pairs; {self.rest:.1%} is left."
        )


@dataclass(frozen=True, eq=False)
class Effects:
    """The additive summary of boosted trees; `shape_effects` makes it.

    Parameters
    ----------
    cells : Cells
        What the effects are tables over.
    outputs : Outputs
        What is added up.
    counts : tuple of ndarray of shape (n_cells + 1,), int64
        For each feature the rows in each cell, the missing last.
    intercept : ndarray of shape (n_shown,), float64
        What the sums start from.
    mains : dict of int to ndarray of shape (n_cells + 1, n_shown)
        By position of the feature what each of its values adds, with a mean of 0.
    tables : dict of (int, int) to ndarray of shape (n_cells + 1, n_cells + 1, n_shown)
        What the strongest pairs add beyond that.
    strengths : DataFrame
        One row a pair that is asked for in one tree; see `pairs`.
    shares : VarianceShares
        How much of the student this explains; of all pairs, not only the strongest.
    rules : tuple of AdditiveRule
        The leaves that move most, the strongest first.
    n_rows, n_trees, n_leaves : int
        Of what it is made.
    variance : float
        Of the sums over the rows, summed over the outputs.
    model : object, default=None
        Whose trees they are, with the view that rows go through.
    """

    cells: _Cells
    outputs: Outputs
    counts: tuple[NDArray[np.int64], ...]
    intercept: Array
    mains: dict[int, Array]
    tables: dict[tuple[int, int], Array]
    strengths: pd.DataFrame
    shares: VarianceShares
    rules: tuple[AdditiveRule, ...]
    n_rows: int
    n_trees: int
    n_leaves: int
    variance: float
    model: Any = field(default=None, repr=False)

    @property
    def features(self) -> tuple[str, ...]:
        """The features that any tree asks for, the strongest first."""
        return tuple(self.importances()["feature"])

    def to_frame(self, feature: str | None = None) -> pd.DataFrame:
        """Return what each value of each feature adds.

        Parameters
        ----------
        feature : str or None, default=None
            One feature; None for all, the strongest first.

        Returns
        -------
        DataFrame
            One row an interval or category, the columns feature, low and high (NaN for
            a category; numbers in (low, high]), category (None for a number), missing
            (whether it is the row of missing values), one effect an output, and n_rows.
        """
        chosen = self._order if feature is None else [self._position(feature)]
        if not chosen:
            return self._shape(0).iloc[:0]
        return pd.concat([self._shape(i) for i in chosen], ignore_index=True)

    def importances(self) -> pd.DataFrame:
        """Return how much each feature adds by itself.

        Returns
        -------
        DataFrame
            One row a feature that a tree asks for, the strongest first: feature,
            strength (the root of the mean square of its effect over the rows), share
            (its square as a part of the variance of the sums), n_values (the intervals
            or categories that are told apart).
        """
        order = self._order
        strength = np.asarray([self._strength(i) for i in order])
        return pd.DataFrame(
            {
                "feature": [self.cells.schema.names[i] for i in order],
                "strength": strength,
                "share": strength**2 / max(self.variance, 1e-300),
                "n_values": self.cells.sizes[order],
            }
        )

    def pairs(self) -> pd.DataFrame:
        """Return how much pairs of features add together.

        Returns
        -------
        DataFrame
            One row a pair that is asked for in one tree, the strongest first: first,
            second, strength (the root of the mean square of the pair's effect over the
            rows), share (its square as a part of the variance of the sums), h (in
            [0, 1]: Friedman's and Popescu's H, the strength of the pair's effect as a
            part of that of all that both features add).
        """
        return self.strengths.copy()

    def pair(self, first: str, second: str) -> pd.DataFrame:
        """Return what two features add together, beyond each by itself.

        Parameters
        ----------
        first, second : str
            The features.

        Returns
        -------
        DataFrame
            One row a combination: the columns first and second with the features'
            values in words, one effect an output.

        Raises
        ------
        InputError
            For a pair that is not among the strongest that were kept.
        """
        i, j = self._position(first), self._position(second)
        turned = (j, i) in self.tables
        if not turned and (i, j) not in self.tables:
            raise InputError(
                f"The effect of {first!r} and {second!r} together was not kept; there "
                f"is none, or `n_pairs` of shape_effects, {len(self.tables)}, is too "
                "small."
            )
        table = self.tables[(j, i) if turned else (i, j)]
        table = table.transpose(1, 0, 2) if turned else table
        rows, columns = self._texts(i), self._texts(j)
        table = table[: len(rows), : len(columns)]
        frame = pd.DataFrame(
            {
                "first": np.repeat(np.asarray(rows, dtype=object), len(columns)),
                "second": np.tile(np.asarray(columns, dtype=object), len(rows)),
            }
        )
        return frame.assign(**self._columns(table.reshape(len(frame), -1)))

    def top_rules(self, n_rules: int | None = None) -> pd.DataFrame:
        """Return the leaves that move most.

        Parameters
        ----------
        n_rules : int or None, default=None
            In [1, inf): how many; None for all that were kept.

        Returns
        -------
        DataFrame
            One row a rule, the strongest first: rule, output, value (what is added,
            against the mean of the trees), coverage, n_rows, contribution (the size of
            the value times the coverage), n_trees (how many have this very leaf).
        """
        check_integer("Effects.top_rules", "n_rules", n_rules, 1, optional=True)
        rules = self.rules[:n_rules]
        return pd.DataFrame(
            {
                "rule": [rule.condition_text for rule in rules],
                "output": [rule.output for rule in rules],
                "value": [rule.value for rule in rules],
                "coverage": [rule.coverage for rule in rules],
                "n_rows": [rule.n_rows for rule in rules],
                "contribution": [rule.contribution for rule in rules],
                "n_trees": [rule.n_trees for rule in rules],
            }
        )

    def margins(self, X: ArrayLike) -> Array:
        """Add up what the summary says of rows: intercept, mains and the kept pairs.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_shown), float64
            The student's sums, but for pairs that were not kept and for what three
            features and more do together.
        """
        codes = self.cells.schema.encode(rows_seen(self.model, X))
        places = self.cells.places(codes)
        total = np.tile(self.intercept, (len(places), 1))
        for i, effect in self.mains.items():
            total += effect[places[:, i]]
        for (i, j), table in self.tables.items():
            total += table[places[:, i], places[:, j]]
        return total

    def __repr__(self) -> str:
        return f"Effects({len(self.mains)} features, {len(self.strengths)} pairs)"

    def __str__(self) -> str:
        lines = [self._title(), str(self.shares)]
        lines += self._listed("Features, by strength:", self._said_of_features())
        lines += self._listed("Pairs, by strength:", self._said_of_pairs())
        lines += self._listed("Rules, by value times coverage:", self._said_of_rules())
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        captions = {
            f"{self._title()} {self.shares}": self._cells_of_features(),
            "Pairs of features, by strength": self._cells_of_pairs(),
            "Rules of single trees, by value times coverage": self._cells_of_rules(),
        }
        return "".join(
            html_table(frame, _NUMBERS, caption)
            for i, (caption, frame) in enumerate(captions.items())
            if i == 0 or len(frame)
        )

    @property
    def _order(self) -> list[int]:
        return sorted(self.mains, key=lambda i: (-self._strength(i), i))

    def _strength(self, position: int) -> float:
        weight = self.counts[position] / max(self.n_rows, 1)
        return float(np.sqrt((weight @ self.mains[position] ** 2).sum()))

    def _position(self, feature: str) -> int:
        names = self.cells.schema.names
        if feature not in names or names.index(feature) not in self.mains:
            raise InputError(
                f"No tree asks for a feature {feature!r}. They ask for "
                f"{', '.join(map(repr, self.features[:20]))}."
            )
        return names.index(feature)

    def _columns(self, effect: Array) -> dict[str, Array]:
        if len(self.outputs.names) == 1:
            return {"effect": effect[:, 0]}
        names = [f"effect on {name}" for name in self.outputs.names]
        return {name: effect[:, i] for i, name in enumerate(names)}

    def _shape(self, position: int) -> pd.DataFrame:
        feature, cuts = self.cells.schema.features[position], self.cells.cuts[position]
        size = int(self.cells.sizes[position])
        n_values = self._n_shown(position)
        nothing = np.zeros((size + 1, len(self.outputs.names)))
        effect = self.mains.get(position, nothing)
        low, high = np.full((2, n_values), np.nan)
        category: list[Any] = [None] * n_values
        if feature.is_categorical:
            category[:size] = feature.categories
        else:
            ends = [feature.raw(cut, threshold=True) for cut in cuts.tolist()]
            low[:size], high[:size] = [-np.inf, *ends], [*ends, np.inf]
        return pd.DataFrame(
            {
                "feature": feature.name,
                "low": low,
                "high": high,
                "category": pd.Series(category, dtype=object),
                "missing": np.arange(n_values) == size,
                **self._columns(effect[:n_values]),
                "n_rows": self.counts[position][:n_values],
            }
        )

    def _n_shown(self, position: int) -> int:
        """Return the cells, that of missing values only where there can be any."""
        gaps = self.cells.schema.features[position].has_missing
        return int(self.cells.sizes[position]) + bool(gaps or self.counts[position][-1])

    def _texts(self, position: int) -> list[str]:
        n_shown = self._n_shown(position)
        return [
            _set_condition(self.cells, position, [(i, i + 1)], missing=False).cell
            if i < self.cells.sizes[position]
            else "missing"
            for i in range(n_shown)
        ]

    def _title(self) -> str:
        outputs = self.outputs
        about = outputs.describe(0)
        if len(outputs.names) > 1:
            about = f"the {outputs.units} of {', '.join(outputs.names[:5])}"
            about += ", ..." if len(outputs.names) > 5 else ""
        text = (
            f"{self.n_trees:,} trees with {self.n_leaves:,} leaves add up {about}; "
            f"effects over {self.n_rows:,} rows."
        )
        return one_line(text)

    def _listed(self, title: str, said: list[str]) -> list[str]:
        if not said:
            return []
        more = len(said) - _MOST_LINES
        tail = [f"  and {more:,} more"] if more > 0 else []
        return ["", title, *(f"  {line}" for line in said[:_MOST_LINES]), *tail]

    def _said_of_features(self) -> list[str]:
        names = self.cells.schema.names
        return [
            one_line(
                f"{amount_text(self._strength(i), 3)}  {names[i]}: {self._said(i)}"
            )
            for i in self._order
        ]

    def _said_of_pairs(self) -> list[str]:
        lines = zip(
            *(self.strengths[name] for name in ("first", "second", "strength", "h")),
            strict=True,
        )
        return [
            one_line(f"{amount_text(strength, 3)}  {first} and {second} (H {h:.2f})")
            for first, second, strength, h in lines
        ]

    def _said_of_rules(self) -> list[str]:
        several = len(self.outputs.names) > 1
        return [
            f"{rule}{one_line(f', to {rule.output}') if several else ''}"
            for rule in self.rules
        ]

    def _said(self, position: int) -> str:
        """Say in words how a feature works, on the output where it does most."""
        weight = self.counts[position] / max(self.n_rows, 1)
        effect = self.mains[position]
        output = int((weight @ effect**2).argmax())
        own, there = effect[:, output], np.flatnonzero(self.counts[position] > 0)
        texts = self._texts(position)
        lowest, highest = there[own[there].argmin()], there[own[there].argmax()]
        ends = {"lowest": lowest, "highest": highest}
        trend = ""
        if not self.cells.schema.features[position].is_categorical:
            trend = _trend(own[there[there < self.cells.sizes[position]]])
        if trend == "falls":
            ends = {"highest": highest, "lowest": lowest}
        said = f"{trend}: " if trend else ""
        said += ", ".join(
            f"{name} {signed_text(own[cell], 3)} at {texts[cell]}"
            for name, cell in ends.items()
        )
        if len(self.outputs.names) > 1:
            said += f", for {self.outputs.names[output]}"
        return said

    def _cells_of_features(self) -> pd.DataFrame:
        frame = self.importances().head(_MOST_LINES)
        return pd.DataFrame(
            {
                "feature": frame["feature"],
                "strength": [amount_text(x, 3) for x in frame["strength"]],
                "share": [f"{x:.1%}" for x in frame["share"]],
                "effect": [self._said(i) for i in self._order[:_MOST_LINES]],
            }
        ).astype(str)

    def _cells_of_pairs(self) -> pd.DataFrame:
        frame = self.strengths.head(_MOST_LINES)
        return pd.DataFrame(
            {
                "first": frame["first"],
                "second": frame["second"],
                "strength": [amount_text(x, 3) for x in frame["strength"]],
                "share": [f"{x:.1%}" for x in frame["share"]],
                "H": [f"{x:.2f}" for x in frame["h"]],
            }
        ).astype(str)

    def _cells_of_rules(self) -> pd.DataFrame:
        rules = self.rules[:_MOST_LINES]
        return pd.DataFrame(
            {
                "rule": [rule.condition_text for rule in rules],
                "adds": [signed_text(rule.value, 3) for rule in rules],
                "to": [rule.output for rule in rules],
                "covers": [f"{rule.coverage:.1%}" for rule in rules],
                "trees": [f"{rule.n_trees:,}" for rule in rules],
            }
        ).astype(str)


_NUMBERS = ("strength", "share", "H", "adds", "covers", "trees")


def shape_effects(
    model: Any, X: ArrayLike, *, n_pairs: int | None = 10, n_rules: int = 20
) -> Effects:
    """Return the feature effects of boosted trees, akin to partial dependence.

    What each feature adds by itself, and what pairs add.

    Parameters
    ----------
    model : DistilledClassifier, DistilledRegressor, BoostedStudent or Forest
        Fitted. Of a distilled model the effects are on its own logits (values, for
        regression): for two classes on the second's against the first's, for more on
        each class's logit less the mean of all.
    X : array-like or frame of shape (n_samples, n_features)
        Rows, such as the training rows: an effect is centred by how often each value
        occurs here.
    n_pairs : int or None, default=10
        In [0, inf): the tables of how many pairs are kept; None for all.
    n_rules : int, default=20
        In [0, inf): how many rules are kept.

    Returns
    -------
    Effects
        The summary, which says itself how much of the student it explains.

    Raises
    ------
    InputError
        For a model without boosted trees, and without rows.

    Notes
    -----
    Exact for every depth, by the functional analysis of variance under independent
    features (Hoeffding 1948; see `_functional_anova.py`). That is one choice of
    several. It is kept to because the parts are unique, add up to the margins, and do
    not depend on the order in which they are found; its price is that combinations of
    values count which the rows do not have, so the shares are measured on the rows as
    they are.

    References
    ----------
    Friedman & Popescu (2008), "Predictive learning via rule ensembles", for H and for
    rules ranked by what they contribute; Lou, Caruana, Gehrke & Hooker (2013),
    "Accurate intelligible models with pairwise interactions".

    Examples
    --------
    >>> from interpretkd.students import BoostedStudent
    >>> X = np.random.default_rng(0).integers(0, 4, size=(200, 2)).astype(float)
    >>> student = BoostedStudent(max_leaves=8).fit(X, 2.0 * (X[:, 0] > 1) - X[:, 1])
    >>> effects = shape_effects(student, X)
    >>> effects.importances().round(2)
      feature  strength  share  n_values
    0      x1      1.13   0.59         4
    1      x0      0.99   0.45         2
    >>> print(effects.shares)
    Of the variance 100.0% is explained by single features, 0.0% more by pairs; 0.0%
    is left.
    """
    check_integer("shape_effects", "n_pairs", n_pairs, 0, optional=True)
    check_integer("shape_effects", "n_rules", n_rules, 0)
    form, whole = read_outputs(model, Forest)
    outputs = whole.centred()
    codes = form.schema.encode(rows_seen(model, X))
    if not len(codes):
        raise InputError("shape_effects needs at least one row X.")
    parts = _decompose(form, codes)
    margins = np.tile(form.base, (len(codes), 1))
    form.nodes.add_up(codes, form.value, form.column, margins)
    margins = outputs.show(margins)
    places = parts.cells.places(codes)
    mains = {i: outputs.show(effect) for i, effect in parts.mains.items()}
    left = margins - outputs.show(parts.intercept)
    for i, effect in mains.items():
        left -= effect[places[:, i]]
    variance, after_mains = _variance(margins), _variance(left)
    tables, strengths = _strongest(parts, outputs, mains, places, left, n_pairs)
    if not variance:
        shares = VarianceShares(1.0, 0.0, 0.0)  # nothing to explain
    else:
        rest = _variance(left) / variance
        shares = VarianceShares(
            1 - after_mains / variance, after_mains / variance - rest, rest
        )
    strengths["share"] = strengths["strength"] ** 2 / max(variance, 1e-300)
    return Effects(
        cells=parts.cells,
        outputs=outputs,
        counts=tuple(
            np.bincount(places[:, i], minlength=size + 1)
            for i, size in enumerate(parts.cells.sizes.tolist())
        ),
        intercept=outputs.show(parts.intercept),
        mains=mains,
        tables=tables,
        strengths=strengths[["first", "second", "strength", "share", "h"]],
        shares=shares,
        rules=tuple(islice(_leaf_rules(parts, whole, codes), n_rules)),
        n_rows=len(codes),
        n_trees=form.n_trees,
        n_leaves=form.n_leaves,
        variance=variance,
        model=model,
    )


def _strongest(
    parts: _Decomposition,
    outputs: Outputs,
    mains: dict[int, Array],
    places: NDArray[np.int32],
    left: Array,
    n_pairs: int | None,
) -> tuple[dict[tuple[int, int], Array], pd.DataFrame]:
    """Measure all pairs, keep the strongest, and take all of them off what is left."""
    names = parts.cells.schema.names
    kept: dict[tuple[int, int], Array] = {}
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for i, j, raw in parts.pairs():
        table = outputs.show(raw)
        own = table[places[:, i], places[:, j]]
        left -= own
        both = own + mains[i][places[:, i]] + mains[j][places[:, j]]
        strength = float(np.sqrt((own**2).mean(axis=0).sum()))
        whole = _variance(both)
        h = float(np.sqrt(min(_variance(own) / whole, 1.0))) if whole > 1e-24 else 0.0
        found[i, j] = strength, h
        kept[i, j] = table
        if n_pairs is not None and len(kept) > n_pairs:
            del kept[min(kept, key=lambda pair: (found[pair][0], pair))]
    order = sorted(found, key=lambda pair: (-found[pair][0], pair))
    frame = pd.DataFrame(
        [(names[i], names[j], *found[i, j]) for i, j in order],
        columns=["first", "second", "strength", "h"],
    ).astype({"strength": np.float64, "h": np.float64})
    return {pair: kept[pair] for pair in order if pair in kept}, frame


def _variance(sums: Array) -> float:
    return float(sums.var(axis=0).sum())


def _trend(effect: Array) -> str:
    """Say how effects go on, from the smallest value of a number to the largest."""
    step = np.diff(effect)
    slack = 1e-9 * float(np.abs(effect).max(initial=0))
    if (np.abs(step) <= slack).all():
        return ""
    if (step >= -slack).all():
        return "rises"
    return "falls" if (step <= slack).all() else "up and down"
