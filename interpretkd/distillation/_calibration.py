"""Making a student's probabilities the teacher's: leaves refilled, or one temperature.

What a student was fitted to serves its decisions: with hard targets a leaf says 0.99
where the teacher says 0.88 of the same rows, and with a temperature the mean of a leaf
is not the mean of what is read out of it. So, once the structure is settled, the leaves
of a tree are filled anew with the teacher's mean probabilities; what adds up gets one
temperature. Neither needs a further question to the teacher.
"""

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from interpretkd._base import Array
from interpretkd.distillation._fitting import fit_student
from interpretkd.models import Forest, Linear, Nodes, Tree, codes_of
from interpretkd.students import CartStudent, as_student
from interpretkd.targets import (
    Target,
    decide,
    deciding,
    deciding_labels,
    log_probabilities,
    probabilities,
)
from interpretkd.transfer import TransferSet

_ENOUGH_GIVEN = 20
"""Given rows from which on the drawn ones in a leaf do not count."""

_ENOUGH_TO_SCALE = 20
"""Rows below which no temperature is looked for."""

_MOST_SCALED = 20.0
"""Logits are scaled by so much at most, or by one over it."""


@dataclass(frozen=True, eq=False)
class Taught:
    """A fitted student, and how its outputs are read.

    Parameters
    ----------
    student : regressor
        The fitted student.
    reading : Target
        Whose `decode` turns the student's outputs into logits.
    """

    student: Any
    reading: Target

    def logits(self, transfer_set: TransferSet) -> Array:
        """Return what the student says of the rows of a transfer set.

        Parameters
        ----------
        transfer_set : TransferSet
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits (values, for regression).
        """
        outputs = as_student(self.student).predict_encoded(
            transfer_set.rows, transfer_set.encoded
        )
        return self.reading.decode(outputs)


def teach(
    student: Any,
    target: Target,
    transfer_set: TransferSet,
    held_out: TransferSet | None = None,
    *,
    alpha: float | None = None,
) -> Taught:
    """Fit a copy of a student to a target, and make its probabilities the teacher's.

    Parameters
    ----------
    student : regressor
        It is cloned.
    target : Target
        What it is fitted to.
    transfer_set : TransferSet
        The rows it is fitted to.
    held_out : TransferSet, default=None
        Other rows: on them a student that watches its score does so, and the
        temperature of one that is no tree is found.
    alpha : float, default=None
        In [0, 1]: the weight of the labels in the probabilities; None for the target's.

    Returns
    -------
    Taught
        The fitted copy, and how its outputs are read.
    """
    meant = target if alpha is None else replace(target, alpha=alpha)
    watches = as_student(student).validation == "watch"
    fitted = fit_student(student, target, transfer_set, held_out if watches else None)
    scale = 1.0
    if held_out is not None and not _is_refilled(fitted):
        scale = _best_scale(Taught(fitted, target), meant, held_out)
    return _calibrated(fitted, target, meant, transfer_set, scale)


def _teacher_decides(transfer_set: TransferSet, task: str) -> NDArray[Any]:
    """Return the teacher's own decisions about the rows of a transfer set."""
    return decide(transfer_set.answers, task)


def _calibrated(
    student: Any,
    target: Target,
    meant: Target,
    transfer_set: TransferSet,
    scale: float = 1.0,
) -> Taught:
    """Return a fitted student with the probabilities of what was meant.

    `target` is what it was fitted to, `meant` whose `mixture` its probabilities shall
    be. `scale` is the factor of the logits of a student that is no tree.
    """
    if target.task == "regression":
        return Taught(student, target)
    if not _is_refilled(student):
        return _scaled(Taught(student, target), scale)
    filled = copy.copy(student)
    refill = _Refill(student, target, meant, transfer_set)
    filled.form_ = refill(student.form_)
    fit = student.search_
    path = fit.path and replace(fit.path, whole=refill(fit.path.whole))
    filled.search_ = replace(fit, tree=filled.form_, path=path)
    return Taught(filled, replace(target, kind="soft", temperature=1.0))


def _is_refilled(student: Any) -> bool:
    """Say whether the leaves are refilled, and no temperature is looked for.

    Of a tree with monotone constraints they are not: means of other columns than those
    it was fitted to could break the order that was promised, a temperature cannot.
    Subclasses are trees as long as they predict as trees; they may have fewer
    parameters.
    """
    if not isinstance(student, CartStudent):
        return False
    as_tree = type(student).predict is CartStudent.predict
    return as_tree and getattr(student, "monotone", None) is None


def _with_means(taught: Taught, transfer_set: TransferSet) -> Taught:
    """Return a tree of values with the mean of the teacher's in its nodes."""
    student, tree = copy.copy(taught.student), taught.student.form_
    leaf = tree.nodes.apply(transfer_set.encoded.codes)
    wanted = taught.reading.encode(transfer_set.answers, transfer_set.labels)
    columns = np.column_stack([wanted, np.ones(len(leaf))])
    sums = _node_sums(tree.nodes, leaf, columns * transfer_set.weights[:, None])
    reached = sums[:, -1:] > 0
    mean = sums[:, :-1] / np.where(reached, sums[:, -1:], 1)
    student._set_tree(replace(tree, value=np.where(reached, mean, tree.value)))
    return Taught(student, taught.reading)


class _Refill:
    """Filling the nodes of trees with the mean of what is meant, over their rows."""

    def __init__(
        self,
        student: CartStudent,
        target: Target,
        meant: Target,
        transfer_set: TransferSet,
    ) -> None:
        self.target, self.task = target, target.task
        self.codes = codes_of(student.form_, transfer_set.encoded.codes)
        self.weight = transfer_set.weights
        self.given = transfer_set.is_given
        self.means = meant.mixture(transfer_set.logits, transfer_set.labels)
        self.votes = _votes(meant, transfer_set)
        self.costs = _costs(student, self.votes.shape[1])
        # What was proven is proven of the tree's own decisions.
        self.proven = student.certificate_ is not None

    def __call__(self, tree: Tree) -> Tree:
        """Return the tree with other values, inner nodes' too: they may become leaves.

        A node decides as it did or as the mean does, whichever agrees with more of its
        rows; where that is not what the mean says, the mean is moved to the tie.
        """
        leaf = tree.nodes.apply(self.codes)
        mean = self._mean(tree, leaf)
        votes = _node_sums(tree.nodes, leaf, self.votes * self.weight[:, None])
        own = decide(self.target.decode(tree.value), self.task)
        if self.task == "multilabel":
            off = _node_sums(tree.nodes, leaf, (1 - self.votes) * self.weight[:, None])
            by_mean = mean > 0.5
            agrees = np.where(by_mean, votes - off, off - votes) >= 0
            value = deciding_labels(mean, np.where(agrees, by_mean, own == 1))
        else:
            by_mean, node = mean.argmax(axis=1), np.arange(len(mean))
            cost = votes @ self.costs
            slack = 1e-9 * votes.sum(axis=1)
            agrees = cost[node, by_mean] <= cost[node, own] + slack
            agrees &= not self.proven
            value = deciding(mean, np.where(agrees, by_mean, own))
        return replace(tree, value=value)

    def _mean(self, tree: Tree, leaf: NDArray[np.integer]) -> Array:
        """Return the mean at each node, over the given rows where they are enough.

        Drawn rows stand between the given ones, where the teacher is less sure than
        about rows as they come: they help to decide, and would spoil the share.
        """
        columns = np.column_stack([self.means, np.ones(len(leaf))])
        columns *= self.weight[:, None]
        sums = _node_sums(tree.nodes, leaf, columns)
        given = _node_sums(tree.nodes, leaf, columns * self.given[:, None])
        counts = _node_sums(tree.nodes, leaf, self.given[:, None].astype(np.float64))
        sums = np.where((counts >= _ENOUGH_GIVEN) & (given[:, -1:] > 0), given, sums)
        reached = sums[:, -1:] > 0
        own = probabilities(self.target.decode(tree.value), self.task)
        return np.where(reached, sums[:, :-1] / np.where(reached, sums[:, -1:], 1), own)


def _votes(meant: Target, transfer_set: TransferSet) -> Array:
    """Return what each row wants decided, by the teacher and by its label."""
    decisions = _teacher_decides(transfer_set, meant.task)
    if meant.task == "multiclass":
        decisions = np.eye(transfer_set.logits.shape[1])[decisions]
    hard = replace(meant, kind="hard", temperature=1.0)
    # Logits of these decisions, for the mixture of decisions and labels.
    return hard.encode(decisions - 0.5, transfer_set.labels)


def _costs(student: CartStudent, n_classes: int) -> Array:
    """Return what each decision (column) costs where a row wants another (row)."""
    given = getattr(student, "class_cost", None)
    if given is not None:
        return np.asarray(given, dtype=np.float64)
    return 1 - np.eye(n_classes)


def _node_sums(nodes: Nodes, leaf: NDArray[np.integer], columns: Array) -> Array:
    """Add up columns over the rows of each node."""
    n_nodes = len(nodes.feature)
    by_leaf = [np.bincount(leaf, column, n_nodes) for column in columns.T]
    sums: Array = np.stack(by_leaf, axis=1).astype(np.float64)
    for node in np.flatnonzero(~nodes.is_leaf)[::-1]:  # children before parents
        sums[node] = sums[nodes.left[node]] + sums[nodes.right[node]]
    return sums


def _best_scale(taught: Taught, meant: Target, rows: TransferSet) -> float:
    """Return the factor of the logits that brings them closest to what is meant.

    The least mean divergence over rows that the student was not fitted to. It is found
    on one line, where the divergence has one valley, and never changes a decision.
    What is meant is moved a little towards even shares, the less the more rows there
    are, as Platt (1999) does: where all rows are decided right, the labels alone would
    ask for certainty.
    """
    if meant.task == "regression" or len(rows) < _ENOUGH_TO_SCALE:
        return 1.0
    logits = taught.logits(rows)
    wanted = meant.mixture(rows.logits, rows.labels)
    even = 0.5 if meant.task == "multilabel" else 1 / wanted.shape[1]
    wanted += (even - wanted) / (len(rows) + 2)
    weight = rows.weights / rows.weights.sum()

    def loss(log_scale: float) -> float:
        scaled = np.exp(log_scale) * logits
        if meant.task == "multilabel":
            entropy = np.logaddexp(0, scaled) - wanted * scaled
        else:
            entropy = -wanted * log_probabilities(scaled)
        return float(weight @ entropy.sum(axis=1))

    end = float(np.log(_MOST_SCALED))
    found = minimize_scalar(loss, bounds=(-end, end), method="bounded")
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0


def _scaled(taught: Taught, scale: float) -> Taught:
    """Return a student whose logits are scaled.

    Probabilities are read at another temperature. Logits are scaled themselves, in the
    frozen arrays, which every export writes down; only ours have them.
    """
    student, target = taught.student, taught.reading
    if scale == 1:
        return taught
    if target.kind != "logits":
        before = target.temperature if target.kind == "soft" else 1.0
        reading = replace(target, kind="soft", temperature=before * scale)
        return Taught(student, reading)
    if as_student(student) is not student:  # not one of ours
        return taught
    copied = copy.copy(student)
    copied.form_ = _scaled_form(student.form_, scale)
    path = getattr(student, "path_", None)
    if path is not None:
        forms = tuple(_scaled_form(form, scale) for form in path.forms)
        copied.path_ = replace(path, forms=forms)
    return Taught(copied, target)


def _scaled_form(form: Any, scale: float) -> Any:
    """Return a form whose sums, or values, are scaled."""
    if isinstance(form, Tree):
        return replace(form, value=scale * form.value)
    if isinstance(form, Forest):
        value = (scale * form.value.astype(np.float64)).astype(np.float32)
        return replace(form, value=value, base=scale * form.base)
    assert isinstance(form, Linear)
    multiplier = None if form.multiplier is None else scale * form.multiplier
    return replace(
        form,
        coefficients=scale * form.coefficients,
        intercept=scale * form.intercept,
        multiplier=multiplier,
    )
