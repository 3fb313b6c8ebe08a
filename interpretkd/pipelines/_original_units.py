"""Original units: rules about the columns that people know, not the prepared ones.

A student that was fitted to prepared columns (scaled, one-hot, binned, imputed) has
thresholds such as ``age <= -0.37`` and tests such as ``city_Paris <= 0.5``.
`in_original_units` says the same of the original columns, exactly.
"""

import copy
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from interpretkd._base import InputError
from interpretkd.data import Codes, Ranges, Schema, as_frame
from interpretkd.models import Forest, Nodes, Tree, check_given_columns
from interpretkd.pipelines._cuts import _find_cuts, _Original
from interpretkd.pipelines._probing import _transformation
from interpretkd.pipelines._rewriting import _rewrite, _Rewritten
from interpretkd.targets import Answers
from interpretkd.teachers import Teacher, as_teacher

Fitted = TypeVar("Fitted")


def in_original_units(fitted: Fitted, preparation: Any, X: ArrayLike) -> Fitted:
    """Rewrite a tree, or a whole model, from prepared to original columns.

    Each test is replaced by one or more tests of the original column that its
    prepared column comes from: a scaled number's threshold by the largest float32
    value that still goes left, a one-hot or ordinal column's by a set of categories,
    a bin's by an interval. Missing values go where the preparation would send them.
    The preparation itself is asked for every value, no inverse is trusted, and all
    rows of `X` are checked to reach the leaf that they reached.

    Parameters
    ----------
    fitted : Tree, Forest, DistilledClassifier or DistilledRegressor
        What was fitted to prepared columns; a model with a `CartStudent` or
        `BoostedStudent`.
    preparation : transformer or callable
        What prepared the columns, fitted: a `ColumnTransformer`, a pipeline without
        its model (``pipeline[:-1]``), or a function from rows to prepared rows.
    X : array-like or frame of shape (n_samples, n_columns)
        Original rows, best all training rows: they give the columns' names and
        categories, and what a model is known to have seen.

    Returns
    -------
    Tree, Forest, DistilledClassifier or DistilledRegressor
        The same for original columns; those that a `ColumnTransformer` drops are not
        among a frame's. A model's teacher is asked through the preparation; `fitted`
        itself is left as it is.

    Raises
    ------
    InputError
        When a tested column comes from several original ones (such as a principal
        component) or goes up and down with the original value, naming the column and
        the step; when a row of `X` would reach another leaf; when the student reads
        columns that a view makes.

    Notes
    -----
    A test stands for one of the original column between the values of `X` and some
    thousand more that are tried; what goes up and down between these is not seen.
    Values that the preparation itself refuses are not refused by the tree. Where a
    prepared column is not a function of one original column, distil the pipeline as
    a whole, on original columns: see the last example.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.preprocessing import OneHotEncoder, StandardScaler
    >>> from interpretkd.students import CartStudent
    >>> X = pd.DataFrame({"age": [20.0, 30, 40, 50] * 5, "city": ["Rome", "Oslo"] * 10})
    >>> preparation = make_column_transformer(
    ...     (StandardScaler(), ["age"]), (OneHotEncoder(), ["city"])
    ... )
    >>> tree = CartStudent(3, search="greedy").fit(
    ...     preparation.fit_transform(X),
    ...     2 * (X["age"] > 30) + (X["city"] == "Rome"),
    ... ).tree_
    >>> tree.nodes.threshold[0].round(2), tree.schema.names[0]
    (np.float32(0.0), 'x0')
    >>> tree = in_original_units(tree, preparation, X)
    >>> tree.nodes.threshold[0], tree.schema.names[0]
    (np.float32(35.0), 'age')

    A network that is one pipeline with its preparation needs no rewriting:

    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from interpretkd.distillation import DistilledClassifier
    >>> y = X["age"] > 30
    >>> teacher = make_pipeline(preparation, LogisticRegression()).fit(X, y)
    >>> student = CartStudent(3, search="greedy")
    >>> model = DistilledClassifier(FrozenEstimator(teacher), student, random_state=0)
    >>> model.fit(X).tree_.schema.names
    ('age', 'city')
    """
    found: Any
    if isinstance(fitted, Tree | Forest):
        found = _rewrite_form(fitted, _Original.learn(preparation, fitted.schema, X))
    elif hasattr(fitted, "teacher_") and hasattr(fitted, "student_"):
        found = _rewrite_model(fitted, preparation, X)
    else:
        raise InputError(
            "The 'fitted' parameter must be a Tree, a Forest or a fitted distilled "
            f"model. Got {type(fitted).__name__}."
        )
    return found


class PreparedTeacher(BaseEstimator):
    """A teacher of prepared columns that is asked about original ones.

    Parameters
    ----------
    teacher : estimator, adapter or Teacher
        Fitted to prepared columns.
    preparation : transformer or callable
        What prepares them, fitted.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or None
        The teacher's.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> scaler = StandardScaler().fit(X)
    >>> network = LogisticRegression().fit(scaler.transform(X), y)
    >>> PreparedTeacher(network, scaler).logits(X).shape
    (150, 3)
    """

    def __init__(self, teacher: Any, preparation: Any) -> None:
        self.teacher = teacher
        self.preparation = preparation

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> NDArray[Any] | None:
        """The teacher's classes; None for regression, and where nobody knows."""
        return self._teacher.classes

    @property
    def task_(self) -> str:
        """What the teacher does: "multiclass", "multilabel" or "regression"."""
        return self._teacher.task

    @property
    def names_classes(self) -> bool:
        """Whether the teacher itself knows the names of its classes."""
        return self._teacher.names_classes

    @property
    def n_parameters(self) -> int | None:
        """The numbers that the teacher has learnt, where they can be counted."""
        return self._teacher.n_parameters

    @property
    def size_bytes(self) -> int | None:
        """The bytes of these numbers."""
        return self._teacher.size_bytes

    @property
    def teacher_(self) -> Teacher:
        """The first teacher of a chain, asked through the preparation.

        Raises
        ------
        AttributeError
            When the teacher was taught by none.
        """
        teacher = self._teacher
        first = teacher.origin
        if first is teacher:
            raise AttributeError("The teacher of a PreparedTeacher was taught by none.")
        prepare, reads = _transformation(self.preparation), first.reads

        def read(X: Any) -> Any:
            return prepare(X) if reads is None else reads(prepare(X))

        return replace(first, reads=read)

    def fit(self, X: Any = None, y: Any = None) -> "PreparedTeacher":
        """Return itself: the teacher is trained already.

        Parameters
        ----------
        X, y : object, default=None
            Passed over.

        Returns
        -------
        PreparedTeacher
            Itself.
        """
        return self

    def logits(self, X: ArrayLike) -> NDArray[np.float64]:
        """Prepare the rows and ask the teacher.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_columns)
            Original rows.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            The teacher's logits (values, for regression).
        """
        return self._teacher.logits(_transformation(self.preparation)(X))

    def answers(self, X: ArrayLike) -> Answers:
        """Prepare the rows and ask the teacher, also for decisions of its own.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_columns)
            Original rows.

        Returns
        -------
        Answers
            As `Teacher.answers`.
        """
        return self._teacher.answers(_transformation(self.preparation)(X))

    @property
    def _teacher(self) -> Teacher:
        return as_teacher(self.teacher)


def _rewrite_model(model: Any, preparation: Any, X: Any) -> Any:
    check_is_fitted(model)
    check_given_columns("The way back to original units", model)
    changed = copy.copy(model)
    students = {"student_": model.student_, "baseline_": model.baseline_}
    fitted = [student for student in students.values() if student is not None]
    forms: list[Any] = [getattr(student, "form_", None) for student in fitted]
    if not all(isinstance(form, Tree | Forest) for form in forms):
        raise InputError(
            "Only trees can be put in original units: the 'student' must be a "
            f"CartStudent or a BoostedStudent. Got {type(model.student_).__name__}."
        )
    original = _Original.learn(preparation, forms[0].schema, X)
    for name, student in students.items():
        if student is not None:
            student = copy.copy(student)
            student.form_ = _rewrite_form(student.form_, original)
            # Short they are in the prepared columns alone.
            student.thresholds = "exact"
            # How the search went is told of the columns that it had.
            vars(student).pop("search_", None)
            _name_columns(student, original.schema, X)
            setattr(changed, name, student)
    _name_columns(changed, original.schema, X)
    # A view that leaves out columns does so of the prepared ones; the tests, and the
    # rows that taught, are by these no more.
    changed.view_ = changed.transfer_set_ = None
    changed.ranges_ = Ranges.of(original.schema, original.schema.encode(X))
    teacher = PreparedTeacher(model.teacher_, preparation)
    changed.teacher = FrozenEstimator(teacher)
    changed.teacher_ = replace(model.teacher_, estimator=teacher)
    return changed


def _name_columns(estimator: Any, schema: Schema, X: Any) -> None:
    estimator.schema_ = schema
    estimator.n_features_in_ = len(schema)
    vars(estimator).pop("feature_names_in_", None)
    if as_frame(X) is not None:
        estimator.feature_names_in_ = np.asarray(schema.names, dtype=object)


def _rewrite_form(form: Tree | Forest, original: _Original) -> Tree | Forest:
    splits, exchanged = _find_cuts(original, form.nodes)
    new = _rewrite(form.nodes, splits, original.schema)
    cells, prepared = original.asked.cells, original.asked.codes
    leaves = _same_leaves(form.nodes, new, original.encode(cells), prepared, "X")
    _same_leaves(
        form.nodes,
        new,
        original.encode(exchanged),
        original.asked.ask_frame(exchanged),
        "X with exchanged cells",
    )
    return _reassemble(form, new, leaves)


def _same_leaves(
    nodes: Nodes, new: _Rewritten, codes: Codes, prepared: Codes, rows: str
) -> NDArray[np.int64]:
    """Compare leaves; return the new ones, a column a tree."""
    trees = range(len(nodes.roots))
    leaves = np.column_stack([new.nodes.apply(codes, tree) for tree in trees])
    before = np.column_stack([nodes.apply(prepared, tree) for tree in trees])
    wrong = (new.origin[leaves] != before).any(axis=1)
    if wrong.any():
        raise InputError(
            f"In original units {wrong.sum()} of {len(wrong)} rows of {rows} would "
            f"reach another leaf, such as row {int(wrong.argmax())}: the preparation "
            "tells values apart that are equal as float32, or does not treat each "
            "column by itself."
        )
    return leaves.astype(np.int64)


def _reassemble(
    form: Tree | Forest, new: _Rewritten, leaves: NDArray[np.int64]
) -> Tree | Forest:
    """Give the new nodes their values; copies of a leaf share its cover."""
    value = np.asarray(form.value, dtype=np.float64).reshape(len(form.value), -1)
    value = value[new.origin]
    cover = _covers(np.asarray(form.cover, dtype=np.float64), new, leaves)
    nodes = new.nodes
    for node in np.flatnonzero(~nodes.is_leaf & ~new.stands_alone)[::-1]:
        children = [nodes.left[node], nodes.right[node]]
        weight = cover[children]
        cover[node] = weight.sum()
        share = weight / weight.sum() if weight.sum() > 0 else np.full(2, 0.5)
        value[node] = share @ value[children]
    if isinstance(form, Tree):
        support = None if form.support is None else _supports(form.support, new, leaves)
        return Tree(nodes, value, cover, form.names, support)
    return replace(
        form,
        nodes=nodes,
        value=value[:, 0].astype(np.float32),
        cover=cover.astype(np.float32),
    )


def _covers(
    old: NDArray[np.float64], new: _Rewritten, leaves: NDArray[np.int64]
) -> NDArray[np.float64]:
    share = _shares_of_copies(len(old), new, leaves)
    return np.where(new.nodes.is_leaf, old[new.origin] * share, old[new.origin])


def _supports(
    old: NDArray[np.int64], new: _Rewritten, leaves: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give each copy of a leaf whole rows of it, which add up to what it had."""
    share = _shares_of_copies(len(old), new, leaves)
    nodes, support = new.nodes, np.zeros(len(new.origin), dtype=np.int64)
    for leaf in np.unique(new.origin[nodes.is_leaf]):
        copies = np.flatnonzero(nodes.is_leaf & (new.origin == leaf))
        ends = np.rint(old[leaf] * np.cumsum(share[copies])).astype(np.int64)
        support[copies] = np.diff(ends, prepend=0)
    for node in np.flatnonzero(~nodes.is_leaf)[::-1]:  # children before parents
        support[node] = support[[nodes.left[node], nodes.right[node]]].sum()
    return support


def _shares_of_copies(
    n_old: int, new: _Rewritten, leaves: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how much of its old leaf each new one has, by the rows that reach it."""
    n_nodes = len(new.origin)
    n_rows = np.bincount(leaves.ravel(), minlength=n_nodes).astype(np.float64)
    is_leaf = new.nodes.is_leaf
    total = np.bincount(new.origin[is_leaf], n_rows[is_leaf], n_old)
    copies = np.bincount(new.origin[is_leaf], minlength=n_old)
    share: NDArray[np.float64] = np.where(
        total[new.origin] > 0,
        n_rows / np.maximum(total[new.origin], 1.0),
        1.0 / np.maximum(copies[new.origin], 1),
    )
    return share
