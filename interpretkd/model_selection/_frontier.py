"""Students of many families and sizes, fitted, measured and compared."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone, is_regressor
from sklearn.utils import check_random_state

from interpretkd._base import InputError, check_boolean, check_choice, one_line
from interpretkd.data import Given
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.model_selection._candidates import (
    EFFORTS,
    LINEAR_TERMS,
    Budget,
    Candidate,
    _default_candidates,
    _given_candidates,
)
from interpretkd.model_selection._partition import Partition, _EvaluationRows, partition
from interpretkd.model_selection._progress import _shown
from interpretkd.model_selection._results import (
    Frontier,
    FrontierPoint,
    _by_size,
    _most_faithful,
)
from interpretkd.models import items_of, size_of
from interpretkd.targets import Target
from interpretkd.teachers import CachedTeacher, as_teacher, is_fitted


def frontier(
    teacher: Any,
    X: ArrayLike,
    y: Any = None,
    *,
    students: Any = None,
    X_test: ArrayLike | None = None,
    y_test: Any = None,
    test_size: float = 0.25,
    validation_size: float = 0.2,
    max_rules: int | None = None,
    max_depth: int | None = None,
    max_terms: int | None = None,
    target: str = "auto",
    alpha: Any = 0.0,
    replies: Any = None,
    hints: Any = None,
    transfer: Any = "auto",
    weights: Any = None,
    view: Any = None,
    scheme: Any = None,
    sample_weight: ArrayLike | None = None,
    effort: str = "thorough",
    random_state: Any = None,
    verbose: bool = False,
) -> Frontier:
    """Trade fidelity off against size (Pareto): distil many students, recommend one.

    They are of many families and sizes; those that others surpass in both are listed,
    too. All are fitted on one part of the rows, chosen by their fidelity on a second,
    and reported on a third, beside the same students fitted to the labels alone.

    Parameters
    ----------
    teacher : estimator or adapter
        As for `DistilledClassifier`: a fitted one in ``FrozenEstimator``, or an
        unfitted one, which is fitted on a part of the first rows.
    X : array-like or frame of shape (n_samples, n_features)
        Rows for the teacher to be asked about, best ones it was not trained on.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Labels (values, for regression); without them there is no accuracy and no
        baseline.
    students : sequence of regressors, or dict of str to one or several, default=None
        What to fit; of a dict the keys name the families. None tries trees and boosted
        trees of 4 to 128 leaves, the path of a linear student, and points scorecards.
    X_test : array-like or frame of shape (n_test, n_features), default=None
        Rows to report on; None keeps a part of `X` apart.
    y_test : array-like of shape (n_test,) or (n_test, n_outputs), default=None
        Their labels.
    test_size : float, default=0.25
        In (0, 1): that part, without `X_test`.
    validation_size : float, default=0.2
        In (0, 1): the part of `X` by which students are chosen.
    max_rules, max_depth, max_terms : int or None, default=None
        The budget: the leaves of all trees of a student together, the tests a row
        passes in one tree, the features of a weighted sum. None for no bound.
    target, alpha : default="auto", 0.0
        As for `DistilledClassifier`; a regressor is always fitted to its values.
    replies, hints : default=None
        As for `DistilledClassifier`, for all students: one for which a step would do
        nothing is refused, so name `students` that it serves.
    transfer : default="auto"
        As for `DistilledClassifier`.
    weights, view, scheme : default=None
        As for `DistilledClassifier`, for all students.
    sample_weight : array-like of shape (n_samples,), default=None
        In [0, inf): how much each row of `X` counts where it is fitted to; validation
        and test rows count once each.
    effort : {"quick", "thorough"}, default="thorough"
        "quick" chooses the target once a family, by its middle student, where
        "thorough" does so for each, and leaves every second size out where no students
        are named: about half of the time.
    random_state : int, RandomState or None, default=None
        Of the parts and of what is drawn; the students have their own.
    verbose : bool, default=False
        Whether to show progress, and after the first student how long the others will
        take; where that is long, it is logged in any case.

    Returns
    -------
    Frontier
        All students with their numbers; ``frontier.recommended`` is a fitted model.

    Raises
    ------
    InputError
        For parameters out of range, labels of other rows, and when no student keeps
        within the budget.

    Notes
    -----
    Sizes of different families are compared by what a person has to read: the tests
    and answers of trees, the coefficients and intercepts of sums. Parameters would
    charge a tree of ten classes for ten numbers a leaf, of which its reader needs one
    decision. The recommended student is the smallest within one standard error of the
    most faithful (Breiman et al. 1984), the knee is that of `students.PruningPath`.
    Nothing is fitted to the validation and test rows, not even in the end.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> import interpretkd as ikd
    >>> X, y = load_iris(return_X_y=True)
    >>> students = [ikd.CartStudent(n, search="greedy") for n in (2, 3, 6)]
    >>> teacher = LogisticRegression(max_iter=1000)
    >>> found = ikd.frontier(teacher, X, y, students=students, random_state=0)
    >>> table = found.to_frame()[["student", "size", "items", "fidelity", "knee"]]
    >>> table.round(3)
      student  size  items  fidelity   knee
    0    tree     2      3     0.658  False
    1    tree     3      5     0.921   True
    2    tree     6     11     0.921  False
    >>> found.recommended.tree_.n_leaves
    3
    """
    check_boolean("frontier", "verbose", verbose)
    check_choice("frontier", "effort", effort, EFFORTS)
    _check_given(teacher, X)
    budget = Budget(max_rules, max_depth, max_terms)
    if is_fitted(teacher):
        regression = as_teacher(teacher).task == "regression"
    else:
        regression = is_regressor(teacher)
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    parts = partition(
        X,
        y,
        X_test=X_test,
        y_test=y_test,
        test_size=test_size,
        validation_size=validation_size,
        stratify=not regression,
        seed=seed,
    )
    n_features = parts.train.shape[1]
    if getattr(view, "own_columns", False):  # how many it makes is not known yet
        n_features = max(LINEAR_TERMS)
    counts = _of_training(sample_weight, parts, len(np.asarray(X)))
    candidates = (
        _default_candidates(n_features, budget, effort)
        if students is None
        else _given_candidates(students)
    )
    settings: dict[str, Any] = {
        "alpha": alpha,
        "replies": replies,
        "hints": hints,
        "transfer": transfer,
        "weights": weights,
        "view": view,
        "scheme": scheme,
        "random_state": seed,
    }
    kind: Any = DistilledRegressor
    if not regression:
        kind, settings = DistilledClassifier, {**settings, "target": target}
    fitted = kind(teacher, **settings).teacher_for(
        parts.train, parts.y_train, sample_weight=counts
    )
    given = Given.of(X)
    if given is not None and is_fitted(teacher):
        fitted = replace(fitted, reads=given.restore)
    cached = CachedTeacher(fitted)

    def fit(student: Any, chosen: Target | None) -> Any:
        model = kind(cached, student, **settings)
        if chosen is not None:
            known = {"target": chosen.kind, "temperature": chosen.temperature}
            model.set_params(**known)
        model.fit(parts.train, parts.y_train, sample_weight=counts)
        seen = model.teacher_.decides_otherwise
        model.teacher = teacher
        model.teacher_ = replace(fitted, decides_otherwise=seen)
        return model

    shares = effort == "quick" and settings.get("target") == "auto"
    fitting = _Fitting(fit, candidates, shares_target=shares)
    shown = _shown(candidates, effort, verbose=verbose)
    return _trace(cached, parts, shown, fitting, budget)


def _check_given(teacher: Any, X: Any) -> None:
    """Refuse what is no teacher, and no rows."""
    if not any(hasattr(teacher, name) for name in ("fit", "logits", "named_modules")):
        raise InputError(
            "The 'teacher' parameter of frontier must be an estimator or an adapter. "
            f"Got {one_line(repr(teacher))[:80]}."
        )
    if X is None or np.ndim(X) == 0 or isinstance(X, str):
        raise InputError(
            "The 'X' parameter of frontier must be rows: a frame or an array of shape "
            f"(n_samples, n_features). Got {one_line(repr(X))[:80]}."
        )


def _of_training(
    sample_weight: Any, parts: Partition, n_rows: int
) -> NDArray[np.float64] | None:
    """Return how much each training row counts."""
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_rows,):
        raise InputError(
            f"The sample_weight given to frontier must be {n_rows} numbers, one for "
            f"each row of X. Got shape {weight.shape}."
        )
    return weight[parts.train_rows]


class _Fitting:
    """Fits students; those of one family may share the target that one has chosen."""

    def __init__(
        self,
        fit: Callable[[Any, Target | None], Any],
        candidates: Sequence[Candidate],
        *,
        shares_target: bool,
    ) -> None:
        self._fit = fit
        self._middle: dict[str, Candidate] = {}
        self._models: dict[str, Any] = {}
        if shares_target:
            families: dict[str, list[Candidate]] = {}
            for candidate in candidates:
                families.setdefault(candidate.family, []).append(candidate)
            self._middle = {name: one[len(one) // 2] for name, one in families.items()}

    def __call__(self, candidate: Candidate) -> Any:
        """Return a fitted model."""
        middle = self._middle.get(candidate.family)
        if middle is None:
            return self._fit(candidate.student, None)
        if candidate.family not in self._models:
            self._models[candidate.family] = self._fit(middle.student, None)
        chooser = self._models[candidate.family]
        if candidate is middle:
            return chooser
        return self._fit(candidate.student, chooser.target_)


def _trace(
    teacher: CachedTeacher,
    parts: Partition,
    candidates: Iterable[Candidate],
    fit: Callable[[Candidate], Any],
    budget: Budget,
) -> Frontier:
    """Fit students and measure them; those over the budget are left out."""
    chosen_by = _EvaluationRows(parts.validation, teacher.answers(parts.validation))
    said = teacher.answers(parts.test)
    reported = _EvaluationRows(parts.test, said, parts.y_test)
    found: list[FrontierPoint] = []
    left_out: list[str] = []
    ended: set[str] = set()
    for candidate in candidates:
        if candidate.family in ended:
            continue
        for model in _versions(fit(candidate), candidate.terms):
            point = _measure(candidate.family, model, chosen_by, reported)
            if budget.allows(_form(model)):
                found.append(point)
            else:
                left_out.append(point.label)
            if candidate.limit is not None and (point.size or 0) < candidate.limit:
                ended.add(candidate.family)
    if not found:
        raise InputError(
            f"No student keeps within the budget. Tried: {'; '.join(left_out)}."
        )
    return Frontier(
        tuple(_marked(found, chosen_by.constant_fidelity(teacher.task))),
        task=teacher.task,
        train_rows=parts.train_rows,
        validation_rows=parts.validation_rows,
        test_rows=parts.test_rows,
        n_test=len(said),
        teacher_accuracy=reported.accuracy(said, found[0].model),
        left_out=tuple(left_out),
    )


def _versions(model: Any, terms: tuple[int, ...]) -> Iterator[Any]:
    """Yield a model at each number of terms on its path, or the model itself."""
    if not terms:
        yield model
        return
    known: set[int] = set()
    for n_terms in terms:
        version = copy.copy(model)
        version.student = clone(model.student).set_params(max_terms=n_terms)
        version.student_ = _at(model.student_, n_terms)
        if model.baseline_ is not None:
            version.baseline_ = _at(model.baseline_, n_terms)
        size = len(version.student_.form_.features)
        if size not in known and (size or n_terms == terms[-1]):
            known.add(size)
            yield version


def _at(student: Any, n_terms: int) -> Any:
    version = copy.copy(student).set_params(max_terms=n_terms)
    version.form_ = student.path_.forms[student.path_.within_budget(n_terms)]
    return version


def _measure(
    family: str, model: Any, validation: _EvaluationRows, test: _EvaluationRows
) -> FrontierPoint:
    task, form = model.task_, _form(model)
    chosen_by, reported = model.logits(validation.rows), model.logits(test.rows)
    baseline = None
    if model.baseline_ is not None and test.labels is not None:
        baseline = test.accuracy(model.baseline_logits(test.rows), model)
    size, unit = size_of(form)
    return FrontierPoint(
        family=family,
        model=model,
        size=size,
        unit=unit,
        items=items_of(model, form),
        n_parameters=model.n_parameters,
        fidelity=test.fidelity(reported, task),
        accuracy=test.accuracy(reported, model),
        baseline_accuracy=baseline,
        validation_fidelity=validation.fidelity(chosen_by, task).value,
        standard_error=validation.standard_error(chosen_by, task),
    )


def _form(model: Any) -> Any:
    return getattr(model.student_, "form_", None)


def _marked(found: Sequence[FrontierPoint], start: float) -> list[FrontierPoint]:
    best = _most_faithful(found)
    enough = best.validation_fidelity - best.standard_error
    good = [p for p in found if p.validation_fidelity >= enough]
    chosen = min(good, key=_by_size)
    front = _front(found)
    knee = _knee(front, start) if front else chosen
    return [
        replace(p, pareto=p in front, knee=p is knee, recommended=p is chosen)
        for p in found
    ]


def _front(found: Sequence[FrontierPoint]) -> list[FrontierPoint]:
    """Return those that nothing as small is as faithful as, by rising size."""
    front: list[FrontierPoint] = []
    for point in sorted((p for p in found if p.items is not None), key=_by_size):
        best = front[-1].validation_fidelity if front else -np.inf
        if point.validation_fidelity > best:
            front.append(point)
    return front


def _knee(front: Sequence[FrontierPoint], start: float) -> FrontierPoint:
    """Return the one farthest above the chord, as `students.PruningPath.choose`.

    As there the chord starts at one item: a student that says the same to all.
    """
    height = np.asarray([p.validation_fidelity for p in front])
    along = np.log2([float(p.items or 1) for p in front])
    chord = start + along / max(along[-1], 1e-12) * (height[-1] - start)
    return front[int((height - chord).argmax())]
