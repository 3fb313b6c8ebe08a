"""Whether an estimator is trained already, and whether scikit-learn knows its kind."""

from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted


def is_fitted(estimator: Any) -> bool:
    """Say whether an estimator is fitted; what has logits and no `fit` is, always.

    Parameters
    ----------
    estimator : object
        What is asked about.

    Returns
    -------
    bool
        As `sklearn.utils.validation.check_is_fitted` sees it.
    """
    if hasattr(estimator, "logits") and not hasattr(estimator, "fit"):
        return True
    if isinstance(estimator, FrozenEstimator) and not has_tags(estimator):
        return True  # whoever freezes a class of their own says that it is
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True


def has_tags(estimator: Any) -> bool:
    """Say whether scikit-learn knows what it is; not of somebody's own class.

    One that is frozen has the method, and fails at what is inside.

    Parameters
    ----------
    estimator : object
        What is asked about.

    Returns
    -------
    bool
        Whether `sklearn.utils.get_tags` can be asked.
    """
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    return hasattr(estimator, "__sklearn_tags__")


def needs_labels(estimator: Any) -> bool:
    """Say whether a teacher cannot be had without labels.

    Parameters
    ----------
    estimator : object
        What is asked about.

    Returns
    -------
    bool
        False for a fitted one, and for one that says that its `fit` needs rows alone.
    """
    if is_fitted(estimator):
        return False
    says = getattr(estimator, "needs_labels", None)
    return says if isinstance(says, bool) else True
