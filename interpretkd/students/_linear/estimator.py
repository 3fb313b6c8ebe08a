"""The weighted sum, as an estimator."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from interpretkd._base import (
    check_boolean,
    check_choice,
    check_integer,
    check_real,
)
from interpretkd.data import Codes
from interpretkd.models import Linear, Scorecard, read_scorecards
from interpretkd.students._base import LOSSES, Watch, _Given, _link, _Student
from interpretkd.students._boosted.rounds import Score
from interpretkd.students._linear.path import (
    LinearPath,
    _cross_validate,
    _linear_path,
    _relax,
    _watch_path,
)
from interpretkd.students._linear.points import _fit_points
from interpretkd.students._linear.solvers import PENALTIES, SPARSE, _fit_linear
from interpretkd.students._threads import few_threads
from interpretkd.targets import Target

_ROUGHLY = 1e-4
"""How exactly a path is solved that only selects features, to be fitted anew."""


class LinearStudent(_Student):
    """A weighted sum of the columns for each target column.

    Standardises inside and reports coefficients in original units. Fitted to soft
    targets it is multinomial logistic regression on probabilities instead of labels.

    Parameters
    ----------
    penalty : {"l2", "l1", "group"}, default="l2"
        "l1" sets single coefficients to 0, "group" whole features.
    strength : float, default=1e-4
        In [0, inf): the weight of the penalty beside the mean loss.
    loss : {"auto", "squared_error", "softmax", "sigmoid"}, default="auto"
        "softmax" and "sigmoid" are cross-entropy with probabilities; "auto" takes
        the softmax when every row of the targets is a distribution over two or more
        columns, else squared error.
    max_iter : int, default=500
        In [1, inf): the most steps of the solver.
    max_terms : int, "auto" or None, default=None
        In [1, inf): the most features that are used. They, and for a sparse penalty
        its strength, are chosen on a path of strengths from the first feature to all;
        with "l2" the group penalty chooses, and the chosen are fitted anew. "auto"
        takes the fewest whose score is within one standard error of the best: on
        watched rows, else by cross-validation. None uses all.
    points : bool, default=False
        Whether the coefficients become whole points of a scorecard.
    max_points : int, default=10
        In [1, inf): the points lie between this and its negative.

    Attributes
    ----------
    linear_ : Linear
        The frozen coefficients, also as `form_`.
    scorecards_ : tuple of Scorecard
        With `points` the cards, one an output (for two classes one, about the second).
    path_ : LinearPath or None
        With `max_terms` what it was chosen from, as a table by ``path_.to_frame()``.
    n_iter_ : int
        The steps that the solver took.
    schema_ : Schema
        The columns it reads.

    Notes
    -----
    Hints (of `TrainingData`) are guide columns that are fitted beside the targets under
    half the squared error, and left out of the form. Under the group penalty, and where
    `max_terms` chooses by it, a feature counts by what it tells about both; the other
    penalties tie no column to another, and refuse hints.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"age": [20.0, 30.0, 40.0, 50.0]})
    >>> student = LinearStudent(strength=0).fit(X, [1.0, 2.0, 3.0, 4.0])
    >>> student.linear_.to_frame().round(3)
                 output 0
    term
    (intercept)      -1.0
    age               0.1
    """

    form_: Linear
    n_iter_: int
    path_: LinearPath | None = None

    def __init__(
        self,
        penalty: str = "l2",
        *,
        strength: float = 1e-4,
        loss: str = "auto",
        max_iter: int = 500,
        max_terms: int | str | None = None,
        points: bool = False,
        max_points: int = 10,
    ) -> None:
        self.penalty = penalty
        self.strength = strength
        self.loss = loss
        self.max_iter = max_iter
        self.max_terms = max_terms
        self.points = points
        self.max_points = max_points

    @property
    def linear_(self) -> Linear:
        """The frozen coefficients."""
        check_is_fitted(self)
        return self.form_

    @property
    def family(self) -> str:  # type: ignore[override]
        """What it is among students: "points" where the coefficients are points."""
        return "points" if self.points else "linear"

    @property
    def validation(self) -> str:
        """What validation rows are for: "watch" where terms are chosen, else "none"."""
        return "watch" if isinstance(self.max_terms, str) else "none"

    @property
    def scorecards_(self) -> tuple[Scorecard, ...]:
        """The points, to be added up by hand."""
        check_is_fitted(self)
        return read_scorecards(self.form_)

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        watch: Watch | None = None,
    ) -> Self:
        """Find the coefficients.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.
        y : array-like of shape (n_samples, n_columns) or (n_samples,)
            Target columns.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.
        watch : (X_held_out, score), default=None
            Rows that are not fitted, and a function that turns predictions of them,
            of shape (n_rows, n_columns), into a number, the larger the better: a mean
            over the rows. With ``max_terms="auto"`` the features are chosen by it.

        Returns
        -------
        LinearStudent
            Itself.
        """
        return self._fit_rows(X, y, sample_weight, watch)

    def _check(self) -> None:
        name = "LinearStudent"
        check_choice(name, "penalty", self.penalty, PENALTIES)
        check_real(name, "strength", self.strength, 0, closed="left")
        check_choice(name, "loss", self.loss, LOSSES)
        check_integer(name, "max_iter", self.max_iter, 1)
        if isinstance(self.max_terms, str):
            check_choice(name, "max_terms", self.max_terms, ("auto",))
        else:
            check_integer(name, "max_terms", self.max_terms, 1, optional=True)
        check_boolean(name, "points", self.points)
        check_integer(name, "max_points", self.max_points, 1)

    def squares(self, target: Target) -> bool:
        """Say whether columns that are all scaled and moved alike are as good.

        Under the other penalties a smaller scale is a stronger penalty.

        Parameters
        ----------
        target : Target
            What it would be fitted to.

        Returns
        -------
        bool
            Whether it would decide the same.
        """
        plain = self.penalty == "l2" and self.max_terms is None and not self.points
        return plain and super().squares(target)

    @property
    def hint_refusal(self) -> str | None:
        """Why hints would not change this student, a clause; None where they can."""
        if self.penalty == "group" or (self.penalty == "l2" and self.max_terms):
            return None
        return (
            f"LinearStudent({self.penalty!r}) finds the coefficients of each target "
            "column by themselves, so that hints share no choice of columns with them; "
            "give LinearStudent(max_terms=5) or LinearStudent('group'), which take them"
        )

    def _fit(self, given: _Given, held_out: tuple[Codes, Score] | None) -> None:
        with few_threads(given.rows.codes.size):
            self._fit_given(given, held_out)

    def _fit_given(self, given: _Given, held_out: tuple[Codes, Score] | None) -> None:
        codes, targets, weight = given.rows.codes, given.targets, given.weight
        link = _link("LinearStudent", self.loss, targets)
        self.path_ = None
        if self.max_terms is None:
            self.form_, self.n_iter_ = _fit_linear(
                self.schema_,
                codes,
                targets,
                weight,
                link=link,
                penalty=self.penalty,
                strength=self.strength,
                max_iter=self.max_iter,
                hints=given.hints,
            )
        else:
            self._choose_terms(given, link, held_out)
        if self.points:
            self.form_ = _fit_points(
                self.form_,
                codes,
                targets,
                weight,
                max_points=self.max_points,
                strength=self.strength,
            )

    def _choose_terms(
        self, given: _Given, link: str, held_out: tuple[Codes, Score] | None
    ) -> None:
        path, self.n_iter_ = self._path(given, link)
        if held_out is not None:
            path = _watch_path(path, *held_out)
        elif self.validation == "watch":

            def fit_path(index: NDArray[np.intp]) -> LinearPath:
                known = path.strengths.tolist()
                return self._path(given.take(index), link, known)[0]

            path = _cross_validate(
                path, fit_path, given.rows.codes, given.targets, given.weight
            )
        if isinstance(self.max_terms, str):
            chosen = path.within_one_error()
        else:
            assert self.max_terms is not None
            chosen = path.within_budget(self.max_terms)
        self.path_, self.form_ = path, path.forms[chosen]

    def _path(
        self, given: _Given, link: str, strengths: list[float] | None = None
    ) -> tuple[LinearPath, int]:
        codes, targets, weight = given.rows.codes, given.targets, given.weight
        path, n_steps = _linear_path(
            self.schema_,
            codes,
            targets,
            weight,
            link=link,
            penalty=self.penalty if self.penalty in SPARSE else "group",
            strengths=strengths,
            max_terms=None if isinstance(self.max_terms, str) else self.max_terms,
            max_iter=self.max_iter,
            tol=1e-6 if self.penalty in SPARSE else _ROUGHLY,
            hints=given.hints,
        )
        if self.penalty in SPARSE:
            return path, n_steps
        relaxed, more = _relax(
            path, codes, targets, weight, strength=self.strength, max_iter=self.max_iter
        )
        return relaxed, n_steps + more
