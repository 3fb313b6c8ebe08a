"""Several students of one teacher, whose answers are averaged, as an estimator."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from interpretkd._base import InputError, check_choice, check_integer
from interpretkd.data import Encoded
from interpretkd.models import average_forms
from interpretkd.students._base import Watch, _Given, _replace_auto, _seed, _Student
from interpretkd.students._boosted.estimator import BoostedStudent
from interpretkd.students._cart.estimator import CartStudent
from interpretkd.students._linear.estimator import LinearStudent
from interpretkd.targets import Target

_Member = CartStudent | BoostedStudent | LinearStudent

OVER = ("rows", "columns", "classes")


class CommitteeStudent(_Student):
    """Several small students of one teacher; the mean of what they say is the answer.

    Each member is fitted to its own part of the rows, of the columns, or of the target
    columns. What is left of them is one form: of trees or boosted trees a `Forest`, of
    weighted sums a `Linear`, so that whatever reads, draws or exports those reads a
    committee.

    Parameters
    ----------
    student : CartStudent, BoostedStudent, LinearStudent or None, default=None
        What each member is; it is cloned. What bounds it (`max_leaves`, `max_terms`,
        `time_limit`) bounds each member. None for ``CartStudent(4)``.
    n_members : int, default=4
        In [1, inf), and no more than there are parts to give.
    over : {"rows", "columns", "classes"}, default="rows"
        What is divided at random into `n_members` disjoint parts of about equal size.
        "rows": each member is fitted to its rows. "columns": each reads its columns
        alone. "classes": each answers for its target columns alone, and is fitted to
        them by squared error; for members whose target columns share tests or a choice
        of features.
    random_state : int, RandomState or None, default=0
        Of the parts.

    Attributes
    ----------
    form_ : Forest, Linear or Tree
        The frozen mean; of one member its form as it is.
    members_ : list of student
        The members as they were fitted; not kept in a saved run.
    schema_ : Schema
        The columns that any member may read.

    Notes
    -----
    Measured here (row 42 of docs/methods.md: nine sets): four trees of 4 leaves, on a
    quarter of the rows each, are 9.1 ± 4.9 points of fidelity below one tree of 16
    leaves, and above one tree of 4 leaves on all rows on three sets.

    Trees answer the mean of their leaves' values, which a `Forest` keeps in float32: it
    is that of the members to 1e-7 of the largest value, and where two classes are
    nearer than this, it may decide otherwise. Boosted trees and weighted sums are
    averaged before their link: for probabilities that is the geometric mean.

    A tree with a vector at each leaf becomes a tree for each output, and the leaves of
    the form are counted that way: one number each. Its `n_parameters` counts a
    member's tests once.

    A member that chooses (``search="auto"``, ``max_leaves="auto"``) does so on a fifth
    of its own rows; one that watches rows watches those of the committee.

    References
    ----------
    Alkhulaifi, Alsahli & Ahmad (2020), "Knowledge distillation in deep learning and its
    applications": an ensemble of student networks (table II).
    Abbasi et al. (2020), "Modeling teacher-student techniques in deep neural networks
    for knowledge distillation": of three students on three parts of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(80.0).reshape(-1, 1)
    >>> committee = CommitteeStudent(CartStudent(4, search="greedy"), n_members=3)
    >>> committee.fit(X, X[:, 0] ** 2).form_
    <Forest: 3 trees, 12 leaves, 1 output>
    """

    family = "committee"
    members_: list[_Member]

    def __init__(
        self,
        student: Any = None,
        n_members: int = 4,
        *,
        over: str = "rows",
        random_state: Any = 0,
    ) -> None:
        self.student = student
        self.n_members = n_members
        self.over = over
        self.random_state = random_state

    @property
    def validation(self) -> str:
        """What validation rows are for: "watch" where the members watch, else "none".

        A member that answers for some of the target columns has no score of its own.
        """
        watches = self._member.validation == "watch" and self.over != "classes"
        return "watch" if watches else "none"

    @property
    def hint_refusal(self) -> str | None:
        """Why hints would not change this student, a clause; None where they can."""
        return self._member.hint_refusal

    def squares(self, target: Target) -> bool:
        """Say whether columns that are all scaled and moved alike are as good.

        Parameters
        ----------
        target : Target
            What it would be fitted to.

        Returns
        -------
        bool
            As its member says.
        """
        return bool(self._member.squares(target))

    def prepare(self, target: Target) -> Self:
        """Return an unfitted copy whose member is prepared for the target.

        Parameters
        ----------
        target : Target
            What it will be fitted to.

        Returns
        -------
        CommitteeStudent
            The copy.
        """
        if self.over == "classes" and self.n_members > 1 and _is_of_classes(target):
            # No member can decide: it does not see the other classes.
            member = _replace_auto(clone(self._member), "objective", "squared_error")
        else:
            member = self._member.prepare(target)
        return clone(self).set_params(student=member)

    def without_search(self) -> Self:
        """Return a faster student that ranks targets in the same order.

        Returns
        -------
        CommitteeStudent
            An unfitted copy, whose members do not search.
        """
        return clone(self).set_params(student=self._member.without_search())

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        watch: Watch | None = None,
    ) -> Self:
        """Fit the members.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.
        y : array-like of shape (n_samples, n_columns) or (n_samples,)
            Target columns.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.
        watch : (X_held_out, score), default=None
            Rows that no member is fitted to, and a function that turns predictions of
            them, of shape (n_rows, n_columns), into a number, the larger the better:
            for members that watch their score.

        Returns
        -------
        CommitteeStudent
            Itself.

        Raises
        ------
        InputError
            For parameters out of range, for more members than parts, and for members
            to whom the parts would make no difference.
        """
        return self._fit_rows(X, y, sample_weight, watch)

    @property
    def _member(self) -> _Member:
        """What each member is."""
        if self.student is None:
            return CartStudent(4)
        if type(self.student) not in (CartStudent, BoostedStudent, LinearStudent):
            raise InputError(
                "The 'student' parameter of CommitteeStudent must be a CartStudent, "
                "BoostedStudent or LinearStudent. Got a "
                f"{type(self.student).__name__}."
            )
        member: _Member = self.student
        return member

    def _check(self) -> None:
        name = "CommitteeStudent"
        check_integer(name, "n_members", self.n_members, 1)
        check_choice(name, "over", self.over, OVER)
        member = self._member
        member._check()
        if isinstance(member, LinearStudent) and member.points and self.n_members > 1:
            raise InputError(
                "The 'student' parameter of CommitteeStudent must not be a "
                "LinearStudent(points=True): the mean of several cards has no whole "
                "points."
            )
        shares = isinstance(member, CartStudent) or member.hint_refusal is None
        if self.over == "classes" and not shares:
            raise InputError(
                "The 'over' parameter of CommitteeStudent may be 'classes' for members "
                "whose target columns share tests or a choice of features. Got "
                f"{member!r}, which fits each by itself already."
            )

    def _fit(self, given: _Given, held_out: Any) -> None:
        watched = held_out if self.validation == "watch" else None
        members, outputs = [], []
        for part in self._parts(given):
            members.append(self._fit_member(part.cut(given), watched))
            outputs.append(part.outputs)
        self.members_ = members
        self.form_ = average_forms([member.form_ for member in members], outputs)

    def _fit_member(self, given: _Given, held_out: Any) -> _Member:
        member = clone(self._member)
        member.schema_, member.n_features_in_ = given.rows.schema, self.n_features_in_
        if hasattr(self, "feature_names_in_"):
            member.feature_names_in_ = self.feature_names_in_
        member._flat = self._flat
        member._fit(given, held_out)
        return member

    def _parts(self, given: _Given) -> list["_Part"]:
        """Divide at random what is to be divided; each part is in its old order."""
        rows, (n_rows, n_outputs) = given.rows, given.targets.shape
        everything = _Part(np.arange(n_rows), np.arange(0), np.arange(n_outputs))
        if self.n_members == 1:
            return [everything]
        size, unit = {
            "rows": (n_rows, "n_samples"),
            "columns": (len(rows.schema), "n_features"),
            "classes": (n_outputs, "n_outputs"),
        }[self.over]
        if size < self.n_members:
            raise InputError(
                f"The 'n_members' parameter of CommitteeStudent must be at most {size} "
                f"over the {self.over} of {unit}={size}. Got {self.n_members}."
            )
        order = np.random.default_rng(_seed(self.random_state)).permutation(size)
        parts = [np.sort(part) for part in np.array_split(order, self.n_members)]
        if self.over == "rows":
            return [replace(everything, rows=part) for part in parts]
        if self.over == "classes":
            return [replace(everything, outputs=part) for part in parts]
        return [replace(everything, hidden=np.setdiff1d(order, part)) for part in parts]


@dataclass(frozen=True, eq=False)
class _Part:
    """What one member gets: rows, without some columns, for some outputs."""

    rows: NDArray[np.int64]
    hidden: NDArray[np.int64]
    outputs: NDArray[np.int64]

    def cut(self, given: _Given) -> _Given:
        part = given
        if len(self.rows) < len(given.rows):
            part = given.take(self.rows)
        if len(self.hidden):
            codes = part.rows.codes.copy(order="K")
            codes[:, self.hidden] = np.nan  # nothing can be told by what is always so
            part = replace(part, rows=Encoded(part.rows.schema, codes))
        if len(self.outputs) < given.targets.shape[1]:
            part = replace(part, targets=part.targets[:, self.outputs])
        return part


def _is_of_classes(target: Target) -> bool:
    """Say whether the columns of a target are only decided together."""
    return target.task == "multiclass"
