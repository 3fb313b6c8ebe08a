"""What every classifier with logits answers in scikit-learn's methods."""

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike, NDArray

from interpretkd._base import Array
from interpretkd.targets._answers import decide
from interpretkd.targets._logits import probabilities


class DecisionMixin:
    """Decisions and probabilities of an estimator that has logits.

    It needs ``logits(X)``, ``task_`` and ``classes_``.
    """

    task_: str
    classes_: NDArray[Any]

    if TYPE_CHECKING:

        def logits(self, X: ArrayLike) -> Array: ...

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the decisions.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Classes; 0 and 1 for each label.
        """
        decisions = decide(self.logits(X), self.task_)
        return decisions if self.task_ == "multilabel" else self.classes_[decisions]

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class or label, at temperature 1.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            In [0, 1]; the rows sum to 1 unless these are labels.
        """
        logits = self.logits(X)  # first of all says when the model is not fitted
        return probabilities(logits, self.task_)

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the logits; for two classes the second's less the first's.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
            Positive for the second of two classes, and for a label that is there.
        """
        logits = self.logits(X)
        if self.task_ == "multiclass" and logits.shape[1] == 2:
            return logits[:, 1] - logits[:, 0]
        return logits
