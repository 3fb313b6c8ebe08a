"""Fidelity as what scikit-learn's searches maximise."""

from typing import Any

from numpy.typing import ArrayLike

from interpretkd.metrics._agreement import check_distilled, plain_fidelity
from interpretkd.metrics._rows import rows_to_measure
from interpretkd.targets import answers_of


def fidelity_scorer(model: Any, X: ArrayLike, y: Any = None) -> float:
    """Return the fidelity of a fitted model, as a scorer of scikit-learn does.

    Give it as ``scoring=fidelity_scorer`` to `GridSearchCV`, `HalvingGridSearchCV` or
    `cross_val_score` over students, sizes and steps. Each fold is judged on its own
    held-out rows and against the raw answers of the model's teacher.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    X : array-like or frame of shape (n_samples, n_features)
        Rows that it was not fitted to.
    y : object, default=None
        Passed over: labels say nothing of fidelity.

    Returns
    -------
    float
        At most 1: the share of equal decisions; R2 of the values, for regression.

    Raises
    ------
    InputError
        For anything but a distilled model; for columns that are lacking.

    Notes
    -----
    Freeze the teacher, ``FrozenEstimator(teacher)``: an unfitted one is fitted anew in
    each fold, and each student is compared with a teacher of its own. It costs one
    question a row to the teacher. The score by which the best was chosen is too good;
    report the `fidelity` of ``search.best_estimator_`` on rows that the search has not
    seen.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> import interpretkd as ikd
    >>> X, y = load_iris(return_X_y=True)
    >>> teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    >>> student = ikd.CartStudent(search="greedy")
    >>> model = ikd.DistilledClassifier(teacher, student, random_state=0)
    >>> grid = {"student__max_leaves": [2, 4], "transfer": [None, ikd.methods.Munge()]}
    >>> search = GridSearchCV(model, grid, scoring=fidelity_scorer, cv=3)
    >>> search.fit(X, y).best_params_["student__max_leaves"]
    4
    """
    check_distilled("fidelity_scorer", model)
    rows = rows_to_measure(model, X)
    said = answers_of(model.teacher_, rows)
    return plain_fidelity(model.task_, model.logits(rows), said)
