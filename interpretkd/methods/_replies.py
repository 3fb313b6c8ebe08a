"""Other answers in the teacher's place: the labels', or those of near rows."""

from typing import Any, ClassVar

import numpy as np

from interpretkd._base import Array, check_integer, check_real
from interpretkd.methods._context import Context
from interpretkd.methods._kinds import Reply
from interpretkd.methods._step import Use
from interpretkd.targets import (
    apply_link,
    certain_logits,
    decide,
    probabilities,
)
from interpretkd.transfer import TransferSet, neighbour_graph, smooth

_TINY = np.finfo(np.float64).tiny


class Conditional(Reply):
    """The label in the teacher's place, wherever the teacher errs.

    Where the label y is known and the teacher decides otherwise, it says
    ``certainty`` of y, and the other classes share ``1 - certainty`` evenly; of several
    labels those are replaced that are wrong. Everywhere else the teacher speaks: for
    one without errors nothing changes.

    Costs nothing. It is for a teacher that errs on the rows it teaches, and for a
    student that shall be right: it teaches disagreement, so judge it by accuracy and
    expect fidelity to fall. Where labels are noisy themselves it teaches their noise;
    ``alpha="auto"``, which compares, is the safer way.

    Parameters
    ----------
    certainty : float, default=0.95
        In (0.5, 1): a probability.

    Notes
    -----
    Measured here (row 16 of docs/methods.md: two tables, networks whose training labels
    were spoilt): accuracy +0.7 ± 4.8 points, no set significant. It lowers fidelity by
    design.

    References
    ----------
    Meng, Li, Zhao & Gong (2019), "Conditional teacher-student learning"; as told by
    Alkhulaifi, Alsahli & Ahmad (2020).

    Examples
    --------
    >>> print(Conditional())
    Where the teacher errs, the label is taught with certainty 0.95
    """

    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    tasks: ClassVar[tuple[str, ...]] = ("multiclass", "multilabel")

    def __init__(self, certainty: float = 0.95) -> None:
        self.certainty = certainty

    def check(self) -> None:
        """Check the certainty.

        Raises
        ------
        InputError
            When it is out of range.
        """
        check_real(type(self).__name__, "certainty", self.certainty, 0.5, 1)

    def reply(self, transfer_set: TransferSet, context: Context) -> Array:
        """Return the logits of the label where the teacher errs.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Reply.reply`.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Elsewhere the logits as they are.
        """
        labels = transfer_set.labels
        assert labels is not None  # it needs them
        said = _indicated(transfer_set, context.task)
        errs = (said != (labels > 0.5)) & transfer_set.is_labelled[:, None]
        if context.task == "multiclass":
            errs = errs.any(axis=1, keepdims=True)
        true = certain_logits(labels, self.certainty, context.task)
        return np.where(errs, true, transfer_set.logits)

    def __str__(self) -> str:
        """Say what is taught where."""
        return (
            "Where the teacher errs, the label is taught with certainty "
            f"{self.certainty:g}"
        )


class Virtual(Reply):
    """A teacher that is none: the label with one certainty, for every row.

    It says ``certainty`` of the label y and shares ``1 - certainty`` evenly among the
    other classes (of several labels, between yes and no); of a row without label it
    says so of what the teacher decides. That is label smoothing, and the student is
    the baseline's, with other probabilities.

    Costs nothing. It is for boosted and linear students with a softmax. Under squared
    error it is refused: there the tests are those of the labels themselves. So are hard
    targets. As any student's, the probabilities get one temperature in the end, by
    what the teacher says of the validation rows: what they learn of restraint is not
    kept where the teacher has none. No row of docs/methods.md measures it yet.

    Parameters
    ----------
    certainty : float, default=0.9
        In (0.5, 1): a probability; the paper takes 0.9 to 0.99, and a temperature of
        20.

    References
    ----------
    Yuan, Tay, Li, Wang & Feng (2020), "Revisiting knowledge distillation via label
    smoothing regularization", the teacher-free form; as told by Gou, Yu, Maybank & Tao
    (2021).

    Examples
    --------
    >>> print(Virtual())
    A virtual teacher says the label with certainty 0.9
    """

    tasks: ClassVar[tuple[str, ...]] = ("multiclass", "multilabel")

    def __init__(self, certainty: float = 0.9) -> None:
        self.certainty = certainty

    def check(self) -> None:
        """Check the certainty.

        Raises
        ------
        InputError
            When it is out of range.
        """
        check_real(type(self).__name__, "certainty", self.certainty, 0.5, 1)

    def refusal(self, use: Use) -> str | None:
        """Say where smoothed labels teach what labels teach.

        Parameters
        ----------
        use : Use
            As of `Step.refusal`.

        Returns
        -------
        str or None
            For squared error, and for hard targets.
        """
        if use.is_hard:
            return (
                "hard targets of it are the labels themselves, as alpha=1 teaches them"
            )
        if all(use.student.squares(target) for target in use.targets):
            return (
                "a student that lowers a squared error has the same tests for smoothed "
                "labels as for the labels themselves, which target='hard' with alpha=1 "
                "teaches; take a boosted or linear student with soft targets"
            )
        return None

    def reply(self, transfer_set: TransferSet, context: Context) -> Array:
        """Return the logits of smoothed labels.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Reply.reply`.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Two values of logits.
        """
        said = _indicated(transfer_set, context.task).astype(np.float64)
        if transfer_set.labels is not None:
            known = transfer_set.is_labelled[:, None]
            said = np.where(known, transfer_set.labels, said)
        return certain_logits(said, self.certainty, context.task)

    def __str__(self) -> str:
        """Say what is taught."""
        return f"A virtual teacher says the label with certainty {self.certainty:g}"


class Smoothed(Reply):
    """Answers moved towards those of near rows.

    Each row is joined with its nearest rows, in columns of equal spread, and those that
    choose it: a graph with W of 0 and 1 and ``S = D^-1/2 W D^-1/2``. A step makes the
    probabilities p ``(1 - beta) p + beta S p``; the limit of all steps is ``(1 - beta)
    (I - beta S)^-1 p``. What a row gets is a mean: its weights are divided by their
    sum. Values, of a regression, are smoothed themselves. The rows are those that the
    student is fitted to; held-out ones take no part.

    Costs one search for neighbours. It teaches something else than the teacher, so
    judge it by accuracy, of a teacher that has learnt the noise of its labels.

    Parameters
    ----------
    beta : float, default=0.3
        In [0, 1): the share of the neighbours; 0 changes nothing.
    n_neighbours : int, default=5
        In [1, inf): how many each row chooses.
    n_steps : int or None, default=1
        In [1, inf); None for the limit.

    Notes
    -----
    Measured here (row 32 of docs/methods.md: nine sets, spoilt labels): accuracy +0.0 ±
    0.9 points; it helped on none.

    References
    ----------
    Graph-based distillation as told by Abbasi et al. (2020); the limit is that of Zhou,
    Bousquet, Lal, Weston & Scholkopf (2003), "Learning with local and global
    consistency".

    Examples
    --------
    >>> print(Smoothed())
    Answers are smoothed over 5 near rows, which have a share of 0.3
    """

    keeps_decisions: ClassVar[bool] = True

    def __init__(
        self, beta: float = 0.3, n_neighbours: int = 5, n_steps: int | None = 1
    ) -> None:
        self.beta = beta
        self.n_neighbours = n_neighbours
        self.n_steps = n_steps

    def check(self) -> None:
        """Check share, neighbours and steps.

        Raises
        ------
        InputError
            When one is out of range.
        """
        name = type(self).__name__
        check_real(name, "beta", self.beta, 0, 1, closed="left")
        check_integer(name, "n_neighbours", self.n_neighbours, 1)
        check_integer(name, "n_steps", self.n_steps, 1, optional=True)

    def reply(self, transfer_set: TransferSet, context: Context) -> Array:
        """Return the smoothed answers.

        Parameters
        ----------
        transfer_set, context : TransferSet, Context
            As of `Reply.reply`.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits (values, for regression).
        """
        logits = transfer_set.logits
        if self.beta == 0:
            return logits
        codes = transfer_set.encoded.codes
        graph = neighbour_graph(context.schema, codes, self.n_neighbours)

        def smoothed(values: Array) -> Array:
            return smooth(values, graph, self.beta, self.n_steps)

        if context.task == "regression":
            return smoothed(logits)
        if context.task == "multilabel":
            on, off = (apply_link(sign * logits, "sigmoid") for sign in (1, -1))
            return _log(smoothed(on)) - _log(smoothed(off))
        return _log(smoothed(probabilities(logits)))

    def __str__(self) -> str:
        """Say how far answers are smoothed."""
        how = {None: ", in the limit", 1: ""}.get(
            self.n_steps, f", in {self.n_steps} steps"
        )
        return (
            f"Answers are smoothed over {self.n_neighbours} near rows, which have a "
            f"share of {self.beta:g}{how}"
        )


def _indicated(transfer_set: TransferSet, task: str) -> Any:
    """Return what the teacher decides, as columns of yes and no."""
    decided = decide(transfer_set.answers, task)
    if task == "multilabel":
        return decided == 1
    return np.eye(transfer_set.logits.shape[1], dtype=np.bool_)[decided]


def _log(shares: Array) -> Array:
    logs: Array = np.log(np.maximum(shares, _TINY))
    return logs
