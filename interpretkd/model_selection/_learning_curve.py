"""One model fitted to more and more of the rows: what further rows are worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_consistent_length

from interpretkd._base import Array, InputError, check_integer, check_real, one_line
from interpretkd.data import (
    Rows,
    Schema,
    as_frame,
    group_positions,
    hold_out,
    stack_rows,
    take_rows,
)
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.metrics import (
    Estimate,
    bootstrap_interval,
    label_matches,
    squared_parts,
)
from interpretkd.model_selection._learning_points import LearningCurve, LearningPoint
from interpretkd.model_selection._partition import _EvaluationRows
from interpretkd.targets import check_labels, decide
from interpretkd.teachers import CachedTeacher, is_fitted

_FEWEST_ROWS = 10

_UPPER = 4
"""The slope is that of the part from this fraction of the rows on: curves bend."""


def learning_curve(
    model: Any,
    X: ArrayLike,
    y: Any = None,
    X_unlabelled: ArrayLike | None = None,
    shares: Sequence[float] = (0.03, 0.1, 0.3, 1.0),
    *,
    n_repeats: int = 3,
    test_size: float = 0.25,
    groups: ArrayLike | None = None,
    random_state: Any = None,
) -> LearningCurve:
    """Fit a model to growing shares of the rows, and say what more rows are worth.

    A part of the rows is held out. Of the others, and of the unlabelled rows, each
    share is drawn so that a smaller one is a part of the next; the model is fitted
    anew to each, with all its steps, and measured on the held-out rows, which are real
    ones with the teacher's raw answers. The teacher stays the same throughout.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        With a fitted teacher, as ``FrozenEstimator(teacher)``. It is cloned.
    X : array-like or frame of shape (n_samples, n_features)
        Rows for the teacher to be asked about, best ones it was not trained on.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Labels (values, for regression); without them there is no accuracy.
    X_unlabelled : array-like or frame of shape (n_further, n_features), default=None
        Further rows without labels; of them each share is taken, too.
    shares : sequence of float, default=(0.03, 0.1, 0.3, 1.0)
        In (0, 1], rising: of the rows that are not held out.
    n_repeats : int, default=3
        In [1, inf): how often the shares are drawn, each time with another random
        state of the model. Of one draw the intervals do not know the chance.
    test_size : float, default=0.25
        In (0, 1): the share of `X` that is held out.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to: whole groups are held out and drawn, and intervals are
        over groups. An unlabelled row is a group of its own.
    random_state : int, RandomState or None, default=None
        Of what is held out and drawn, and of the models.

    Returns
    -------
    LearningCurve
        ``.verdict`` says in a sentence what more rows are worth, ``.to_frame()`` has
        the numbers, ``LearningCurveDisplay.from_curve(curve)`` draws them.

    Raises
    ------
    InputError
        For another model, a teacher that is not fitted, parameters out of range, and a
        share of fewer than 10 rows.

    Notes
    -----
    The worth of a doubling is the slope of a line through fidelity over log2(rows),
    by least squares, over the shares from a quarter of the largest on (the two largest
    at least): learning curves bend, and few rows say little of many. Its interval adds
    two independent errors: that of the held-out rows, on which all students are
    compared row by row (a bootstrap), and that of the draws (a t interval over the
    repeats). Nothing is said of more than one doubling. A curve of fidelity below that
    of the commonest decision is no curve of learning: `constant_fidelity`.

    It costs ``n_repeats * sum(shares)`` fits of the model, with the default 4.3, and
    as many questions to the teacher as these ask.

    References
    ----------
    Hinton, Vinyals & Dean (2015), distilling with 3 % of the rows, as told by
    Alkhulaifi, Alsahli & Ahmad (2020).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> import interpretkd as ikd
    >>> X, y = load_digits(return_X_y=True)
    >>> teacher = LogisticRegression(max_iter=1000).fit(X[:600] / 16, y[:600])
    >>> student = ikd.CartStudent(16, search="greedy")
    >>> model = ikd.DistilledClassifier(
    ...     FrozenEstimator(teacher), student, target="hard", transfer=None
    ... )
    >>> curve = ikd.model_selection.learning_curve(
    ...     model, X[600:] / 16, y[600:], random_state=0
    ... )
    >>> len(curve), curve.n_rows
    (4, 898)
    """
    shares = _checked(model, shares, n_repeats, test_size)
    known = _Known.read(model, X, y, X_unlabelled, groups)
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    parts = known.held_apart(test_size, seed)
    teacher = CachedTeacher(clone(model).teacher_for(X, y))
    tested = _EvaluationRows(
        take_rows(known.rows, parts.test),
        teacher.answers(take_rows(known.rows, parts.test)),
        None if known.labels is None else known.labels[parts.test],
        parts.test_groups,
    )
    fits: list[list[_Fit]] = []
    for repeat in range(n_repeats):
        draws = parts.draws(shares, np.random.default_rng([seed, repeat]))
        own = clone(model).set_params(teacher=teacher, random_state=seed + repeat)
        fits.append([_fitted(own, known, draw, tested) for draw in draws])
    return _curve(shares, fits, tested, teacher.task)


def _checked(
    model: Any, shares: Any, n_repeats: int, test_size: float
) -> tuple[float, ...]:
    name = "learning_curve"
    if not isinstance(model, DistilledClassifier | DistilledRegressor):
        raise InputError(
            f"The 'model' parameter of {name} must be a DistilledClassifier or "
            f"DistilledRegressor. Got {one_line(repr(model))[:80]}."
        )
    if not is_fitted(model.teacher):
        raise InputError(
            f"The teacher of the 'model' given to {name} must be fitted, as "
            "FrozenEstimator(teacher): one teacher has to answer at all shares. Got "
            f"{one_line(repr(model.teacher))[:80]}."
        )
    check_integer(name, "n_repeats", n_repeats, 1)
    check_real(name, "test_size", test_size, 0, 1)
    given = [shares] if isinstance(shares, int | float) else list(shares)
    numbers = [check_real(name, "shares", s, 0, 1, closed="right") for s in given]
    if not numbers or any(a >= b for a, b in pairwise(numbers)):
        raise InputError(
            f"The 'shares' parameter of {name} must hold rising shares in (0, 1]. Got "
            f"{one_line(repr(shares))[:80]}."
        )
    return tuple(numbers)


@dataclass(frozen=True, eq=False)
class _Known:
    """The rows of a curve, in one form, and what is known of them."""

    rows: Rows
    labels: NDArray[Any] | None
    further: Rows | None
    groups: NDArray[np.int64] | None
    stratified: bool

    @classmethod
    def read(cls, model: Any, X: Any, y: Any, X_unlabelled: Any, groups: Any) -> Any:
        """Check what the function was given."""
        rows, further = _as_rows("X", X), None
        if X_unlabelled is not None:
            further = _as_rows("X_unlabelled", X_unlabelled)
            _check_columns(rows, further)
        whole = rows if further is None else stack_rows(rows, further)
        whole = Schema.from_data(whole).conform(whole)  # a part may lack a category
        n_rows, labels = len(rows), None
        regression = isinstance(model, DistilledRegressor)
        if y is not None and regression:
            labels = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        elif y is not None:
            labels = check_labels(y)
        check_consistent_length(rows, labels)
        place = None if groups is None else group_positions(groups, n_rows)
        positions = np.arange(len(whole))
        return cls(
            take_rows(whole, positions[:n_rows]),
            labels,
            None if further is None else take_rows(whole, positions[n_rows:]),
            place,
            not regression and labels is not None and labels.ndim == 1,
        )

    def held_apart(self, test_size: float, seed: int) -> "_Apart":
        """Hold a part of the rows out."""
        n_rows = len(self.rows)
        size = round(test_size * n_rows)
        if not 1 <= size <= n_rows - _FEWEST_ROWS:
            raise InputError(
                f"learning_curve cannot hold {size} of {n_rows} rows out: at least 1, "
                f"and {_FEWEST_ROWS} to fit to, are needed."
            )
        strata = self.labels if self.stratified else None
        kept, test = hold_out(np.arange(n_rows), size, seed, strata, self.groups)
        n_further = 0 if self.further is None else len(self.further)
        own, of_test = None, None
        if self.groups is not None:
            own, of_test = self.groups[kept], self.groups[test]
        return _Apart(kept, test, n_further, own, of_test)


@dataclass(frozen=True, eq=False)
class _Apart:
    """The positions of the rows to draw from, and of those that are held out."""

    kept: NDArray[np.int64]
    test: NDArray[np.int64]
    n_further: int
    groups: NDArray[np.int64] | None
    test_groups: NDArray[np.int64] | None

    def draws(
        self, shares: Sequence[float], rng: np.random.Generator
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Return the rows and the unlabelled rows of each share, one in the next."""
        order, ends = self._order(rng)
        further = rng.permutation(self.n_further)
        drawn = []
        for share in shares:
            wanted = share * len(self.kept)
            n_rows = int(ends[np.abs(ends - wanted).argmin()])
            if n_rows < _FEWEST_ROWS:
                least = min(1.0, np.ceil(100 * _FEWEST_ROWS / len(self.kept)) / 100)
                raise InputError(
                    f"A share of {share:g} of {len(self.kept)} rows is {n_rows}. "
                    f"learning_curve needs {_FEWEST_ROWS}: give shares from "
                    f"{least:g} on."
                )
            own = np.sort(self.kept[order[:n_rows]])
            n_others = round(share * self.n_further)
            drawn.append((own, np.sort(further[:n_others])))
        return drawn

    def _order(
        self, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows in the order of drawing, and where a share may end."""
        n_rows = len(self.kept)
        if self.groups is None:
            return rng.permutation(n_rows), np.arange(1, n_rows + 1)
        known, place, sizes = np.unique(
            self.groups, return_inverse=True, return_counts=True
        )
        turn = rng.permutation(len(known))
        order = np.argsort(np.argsort(turn)[place], kind="stable")
        return order, np.cumsum(sizes[turn])[min(1, len(known) - 1) :]


@dataclass(frozen=True, eq=False)
class _Fit:
    """What one fitted model says of the held-out rows."""

    n_rows: int
    said: Array
    fidelity: Estimate
    accuracy: Estimate | None
    teacher_accuracy: Estimate | None


def _fitted(
    model: Any,
    known: _Known,
    draw: tuple[NDArray[np.int64], NDArray[np.int64]],
    tested: _EvaluationRows,
) -> _Fit:
    own, others = draw
    further = None
    if known.further is not None and len(others):
        further = take_rows(known.further, others)
    labels = None if known.labels is None else known.labels[own]
    groups = None if known.groups is None else known.groups[own]
    fitted = clone(model)
    fitted.fit(take_rows(known.rows, own), labels, further, groups=groups)
    logits = fitted.logits(tested.rows)
    return _Fit(
        len(own) + len(others),
        logits,
        tested.fidelity(logits, fitted.task_),
        tested.accuracy(logits, fitted),
        tested.accuracy(tested.answers, fitted),
    )


def _curve(
    shares: Sequence[float],
    fits: Sequence[Sequence[_Fit]],
    tested: _EvaluationRows,
    task: str,
) -> LearningCurve:
    """Put what the fits say together; each of them is one repeat's."""
    points = []
    for share, own in zip(shares, zip(*fits, strict=True), strict=True):
        values = [fit.fidelity.value for fit in own]
        known = [fit.accuracy for fit in own if fit.accuracy is not None]
        points.append(
            LearningPoint(
                share,
                round(float(np.mean([fit.n_rows for fit in own]))),
                _pooled([fit.fidelity for fit in own], task),
                _pooled(known, task) if known else None,
                float(np.std(values, ddof=1)) if len(own) > 1 else float("nan"),
            )
        )
    upper = _upper([point.n_rows for point in points])
    return LearningCurve(
        tuple(points),
        _slope([own[upper:] for own in fits], tested, task),
        points[upper].n_rows,
        task,
        len(tested.answers),
        len(fits),
        fits[0][0].teacher_accuracy,
        tested.constant_fidelity(task),
    )


def _upper(n_rows: Sequence[int]) -> int:
    """Return the first of the shares over which the slope is taken."""
    enough = [i for i, n in enumerate(n_rows) if _UPPER * n >= n_rows[-1]]
    return max(0, min(enough[0], len(n_rows) - 2))


def _slope(
    fits: Sequence[Sequence[_Fit]], tested: _EvaluationRows, task: str
) -> Estimate | None:
    """Return the change of fidelity by a doubling of the rows; None for one share.

    A slope is a weighted sum of the fidelities, and these are means over the rows: so
    it is the mean over the rows of each row's own weighted sum.
    """
    places = [np.log2([fit.n_rows for fit in own]) for own in fits]
    if any(np.ptp(place) == 0 for place in places):
        return None
    parts = []
    for own, place in zip(fits, places, strict=True):
        centred = place - place.mean()
        pull = centred / (centred**2).sum()
        rows = [_row_parts(fit.said, tested, task) for fit in own]
        gained = sum(a * row[:, 0] for a, row in zip(pull, rows, strict=True))
        parts.append(np.column_stack([gained, rows[0][:, 1]]))
    pooled = np.mean(parts, axis=0)
    estimate = bootstrap_interval(pooled, _ratio, groups=tested.groups)
    slopes = [float(_ratio(part.mean(axis=0)[None])[0]) for part in parts]
    return _with_draws(estimate, slopes)


def _row_parts(said: Array, tested: _EvaluationRows, task: str) -> Array:
    """Return what each row adds to the fidelity, and by what the sum is divided."""
    if task == "regression":
        parts = squared_parts(task, np.asarray(tested.answers), said)
        return parts * [-1.0, 1.0]
    same = label_matches(decide(tested.answers, task), decide(said, task))
    return np.column_stack([same, np.ones(len(same))])


def _ratio(means: Array) -> Array:
    spread = np.where(means[:, 1] > 0, means[:, 1], 1.0)
    quotient: Array = means[:, 0] / spread
    return quotient


def _pooled(estimates: Sequence[Estimate], task: str) -> Estimate:
    """Return the mean of the repeats' numbers, which are of the same rows."""
    ends = [np.mean([getattr(e, end) for e in estimates]) for end in ("low", "high")]
    values = [estimate.value for estimate in estimates]
    mean = Estimate(
        float(np.mean(values)), float(ends[0]), float(ends[1]), estimates[0].n
    )
    wide = _with_draws(mean, values)
    low = wide.low if task == "regression" else max(wide.low, 0.0)
    return Estimate(wide.value, low, min(wide.high, 1.0), wide.n)


def _with_draws(estimate: Estimate, values: Sequence[float]) -> Estimate:
    """Add the error of the draws to an interval over rows: the two are independent."""
    n_draws = len(values)
    if n_draws == 1:
        return estimate
    quantile = float(stdtrit(n_draws - 1, 0.975))
    error = quantile * float(np.std(values, ddof=1)) / np.sqrt(n_draws)
    value = estimate.value
    low = value - np.hypot(value - estimate.low, error)
    high = value + np.hypot(estimate.high - value, error)
    return Estimate(value, float(low), float(high), estimate.n)


def _as_rows(name: str, given: Any) -> Rows:
    """Return rows as a frame or an array; refuse what are none."""
    frame = as_frame(given)
    rows = np.asarray(given) if frame is None else frame
    if rows.ndim != 2 or not len(rows):
        raise InputError(
            f"The '{name}' parameter of learning_curve must be rows: a frame or an "
            f"array of shape (n_samples, n_features). Got {one_line(repr(given))[:80]}."
        )
    return rows


def _check_columns(rows: Rows, further: Rows) -> None:
    same = rows.shape[1] == further.shape[1]
    if same and isinstance(rows, pd.DataFrame) and isinstance(further, pd.DataFrame):
        same = set(rows.columns) == set(further.columns)
    if not same:
        raise InputError(
            f"The rows X_unlabelled must have the {rows.shape[1]} columns of X. Got "
            f"{further.shape[1]}, or others."
        )
