"""What of a student would come out again, had the rows been others.

The same student is fitted anew to rows drawn with replacement, with the same
teacher; what all these students share can be relied on, what only one has cannot.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from interpretkd._base import (
    Array,
    InputError,
    Shown,
    amount_text,
    check_boolean,
    check_choice,
    check_integer,
    check_real,
    html_block,
    html_table,
    one_line,
    prediction_text,
    signed_text,
    threshold_text,
)
from interpretkd.data import Encoded, spreads, take_rows
from interpretkd.distillation import (
    Refitting,
    Taught,
    check_model,
    given_rows,
    teacher_says,
)
from interpretkd.evaluation._evaluate import _truth
from interpretkd.evaluation._stability_parts import _comparable, _read, _Sameness
from interpretkd.metrics import Estimate, bootstrap_interval, measure_fidelity
from interpretkd.models import codes_seen, schema_seen
from interpretkd.targets import decide
from interpretkd.transfer import TransferSet

Index = NDArray[np.int64]

SEARCHES = ("same", "greedy")
_FEWEST_ROWS = 20
_FEWEST_REFITS = 2


@dataclass(frozen=True, eq=False, repr=False)
class Stability(Shown):
    """How far students fitted to other rows are alike.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    n_refits : int
        The students that were fitted anew.
    n_compared : int
        The rows on which they were compared; none of them was fitted to these.
    agreement : Estimate
        How far two of them agree, on average over all pairs: the share of rows that
        are decided alike; for regression the share of the values' variance that the
        students have in common. With a bootstrap interval over the rows.
    with_model : Estimate
        The same between them and the given model.
    fidelity : tuple of float
        The fidelity of each with the teacher, on the rows compared.
    features : DataFrame
        One row a feature, the most used first: feature, used (the share of students
        that use it) and used_by_model; for trees also root (the share whose first test
        it is) and n_tests (mean); for boosted students importance (the model's), rank,
        and the percentiles rank_low and rank_high.
    parts : DataFrame
        What the model is made of. For trees one row a test: node, test, survives (the
        share of students with such a test), found (the share with any test of this
        feature) and, for numbers, threshold and the percentiles low and high of the
        nearest threshold of this feature in each student that has one. For linear
        students one row a coefficient: term, output, coefficient, same_sign (the share
        of students in which it has the model's sign), zero (the share in which it is
        0), and the percentiles low and high. For boosted students as `features`.
    rules : DataFrame or None
        For trees one row a rule: rule, prediction, coverage (of the rows compared),
        survives (the share of students with a rule of the same prediction and the same
        conditions), decided_alike (how many of the covered rows the students decide as
        the rule, on average; None for regression), leaf.
    rank_correlation : float or None
        In [-1, 1], for boosted students: Spearman's, between the importance of the
        features in two of them, on average over all pairs.
    notes : tuple of str, default=()
        In what the students were fitted otherwise than the model, in sentences.
    """

    task: str
    n_refits: int
    n_compared: int
    agreement: Estimate
    with_model: Estimate
    fidelity: tuple[float, ...]
    features: pd.DataFrame
    parts: pd.DataFrame
    rules: pd.DataFrame | None = None
    rank_correlation: float | None = None
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return what the model is made of, and how much of it comes out again.

        Returns
        -------
        DataFrame
            As `parts`.
        """
        return self.parts

    @property
    def sentence(self) -> str:
        """How far the students agree, in one sentence."""
        measure = "of the rows"
        if self.task == "regression":
            measure = "of the variance"
        return (
            f"Two of {self.n_refits} students fitted to other rows agree on "
            f"{self.agreement:.1%} {measure}; with this model they do on "
            f"{self.with_model:.1%}."
        )

    def __str__(self) -> str:
        lines = [self.sentence, *self.notes]
        low, high = min(self.fidelity), max(self.fidelity)
        lines.append(f"Their fidelity lies between {low:.3f} and {high:.3f}.")
        if self.rank_correlation is not None:
            lines.append(f"Rank correlation of features: {self.rank_correlation:.2f}.")
        lines += [f"  {_part_text(part)}" for part in self.parts.to_dict("records")]
        if self.rules is not None:
            for rule in self.rules.to_dict("records"):
                says = one_line(prediction_text(rule["prediction"]))
                text = f"IF {rule['rule']} THEN {says}: in {rule['survives']:.0%}"
                if rule["decided_alike"] is not None:
                    text += f", decided alike {rule['decided_alike']:.0%}"
                lines.append(f"  {text}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        tables = [html_table(self.features, caption="Features")]
        if self.rank_correlation is None:
            tables.append(html_table(self.parts, caption="What the model is made of"))
        if self.rules is not None:
            says = self.rules["prediction"].map(prediction_text)
            tables.append(
                html_table(self.rules.assign(prediction=says), caption="Rules")
            )
        return html_block([self.sentence, *self.notes], tables)


def stability(
    model: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    teacher_logits: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    n_refits: int = 20,
    search: str = "same",
    held_out: float = 0.3,
    tolerance: float = 0.1,
    overlap: float = 0.5,
    random_state: Any = 0,
    verbose: bool = False,
) -> Stability:
    """Fit the same student to other rows, and see what stays.

    A part of the rows is kept for comparison. From the others as many are drawn, with
    replacement, for each student; all have the settings that the model's student had
    (what was "auto" there is chosen), the same target and view, and the replies,
    weights and hints of the model's steps. The teacher is asked once, about the given
    rows, and about no further ones: a model that was fitted to further rows
    (`n_asked_`) is steadier than its refits here. What is not done again is told in
    `notes`.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted, with a student of ours, or loaded.
    X : array-like or frame of shape (n_samples, n_features)
        Rows, best those that the model was fitted to.
    y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
        Their labels (values, for regression); needed for a model with ``alpha`` above
        0, and used by it and by steps that are about labels alone.
    teacher_logits : array-like of shape (n_samples, n_outputs), default=None
        What the teacher says of the rows; None asks it.
    sample_weight : array-like of shape (n_samples,), default=None
        In [0, inf): how much each row counts in the fits, as of the model's `fit`; in
        what is compared each counts once.
    n_refits : int, default=20
        In [2, inf): how many students are fitted; each takes about as long as the
        model's student did, without its trials of targets.
    search : {"same", "greedy"}, default="same"
        How trees are searched for: as the model's was, or greedily, which takes
        a hundredth of the time and says how stable a greedy tree of that size would
        be.
    held_out : float, default=0.3
        In (0, 1): the share of the rows that is kept for comparison.
    tolerance : float, default=0.1
        In [0, inf), in standard deviations of a column: thresholds that are no
        farther apart are the same.
    overlap : float, default=0.5
        In (0, 1]: sets of categories are the same from this Jaccard index on (shared
        categories by all categories in either).
    random_state : int, RandomState or None, default=0
        Of the rows drawn.
    verbose : bool, default=False
        Whether progress is shown.

    Returns
    -------
    Stability
        What was found.

    Raises
    ------
    InputError
        For a model without a student of ours, a parameter out of range, fewer than 20
        rows, and when the teacher is absent and `teacher_logits` too.

    Notes
    -----
    The tests of two trees are compared wherever they stand. A rule survives only when
    a rule of the other tree has the same prediction (for regression: any) and the same
    features, with the same ends and sets of categories: neither more nor fewer.
    ``decided_alike`` is milder, and what matters to those whom the rule decides about.

    References
    ----------
    Breiman (1996), "Heuristics of instability and stabilization in model selection";
    Efron & Tibshirani (1993), "An introduction to the bootstrap".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from interpretkd.distillation import DistilledClassifier
    >>> from interpretkd.students import CartStudent
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    >>> student = CartStudent(3, search="greedy")
    >>> model = DistilledClassifier(teacher, student, transfer=None, random_state=0)
    >>> found = stability(model.fit(X), X, n_refits=5)
    >>> found.n_refits, found.n_compared
    (5, 45)
    """
    owner = "stability"
    check_model(owner, model)
    check_integer(owner, "n_refits", n_refits, _FEWEST_REFITS)
    check_choice(owner, "search", search, SEARCHES)
    check_real(owner, "held_out", held_out, 0, 1)
    check_real(owner, "tolerance", tolerance, 0, closed="left")
    check_real(owner, "overlap", overlap, 0, 1, closed="right")
    check_boolean(owner, "verbose", verbose)
    rows = given_rows(model, X)
    if len(rows) < _FEWEST_ROWS:
        raise InputError(
            f"The rows X given to stability must be {_FEWEST_ROWS} or more. Got "
            f"{len(rows)}."
        )
    given = model.schema_.encode(rows)
    # Learnt anew, a column could get another scale: thresholds must be comparable.
    known = Encoded(model.schema_.of_rows(given), given)
    said = teacher_says(model, rows, teacher_logits)
    labels, weight = _labels(model, y), _weight(sample_weight, len(rows))
    classes = getattr(model, "classes_", None)
    asked = TransferSet(
        *(rows, said.logits, labels, weight, known, said.own),
        task=model.task_,
        classes=classes,
    )
    rng = check_random_state(random_state)
    kept, compared = _split(len(rows), held_out, rng)
    way = Refitting.of(model, asked.take(kept))
    refits = _refit(model, way, asked, kept, n_refits, search, rng, verbose)
    there = way.seen(asked.take(compared))
    logits = [refit.logits(there) for refit in refits]
    mine = np.asarray(model.logits(take_rows(rows, compared)))
    model, refits = _comparable(model, refits)
    task, codes = model.task_, codes_seen(model, rows)
    sameness = _Sameness(spreads(schema_seen(model), codes) * tolerance, overlap)
    return Stability(
        task=task,
        n_refits=n_refits,
        n_compared=len(compared),
        agreement=_agreement(task, np.stack(logits)),
        with_model=_agreement_with(task, mine, np.stack(logits)),
        fidelity=tuple(
            measure_fidelity(task, said[compared], one).value for one in logits
        ),
        **_read(model, refits, logits, codes[compared], sameness),
        notes=_notes(model, way, weight),
    )


def _weight(given: ArrayLike | None, n_rows: int) -> Array | None:
    if given is None:
        return None
    weight = np.asarray(given, dtype=np.float64)
    fits = weight.shape == (n_rows,) and bool(np.isfinite(weight).all())
    if not fits or weight.min() < 0 or not weight.any():
        raise InputError(
            f"The sample_weight given to stability must be {n_rows} numbers in "
            f"[0, inf), not all zero, one a row. Got shape {weight.shape}."
        )
    return weight / weight.mean()


def _notes(model: Any, way: Refitting, weight: Array | None) -> tuple[str, ...]:
    """Say in what the students differ from the model, where they do."""
    notes = [way.note] if way.note else []
    lesson = model.transfer_set_
    if weight is None and lesson is not None and model.weights is None:
        of_given = lesson.weights[lesson.is_given]
        if len(of_given) and np.ptp(of_given) > 0:
            notes.append(
                "The model's rows had weights; for these none were given "
                "(sample_weight)."
            )
    return tuple(notes)


def _labels(model: Any, y: ArrayLike | None) -> Array | None:
    if model.target_.alpha == 0 and (y is None or not model.recipe_):
        return None  # no target and no step is about them
    if y is None:
        raise InputError(
            "The labels y must be given to stability for a model with alpha above 0. "
            f"Got alpha {model.target_.alpha:g} and no y."
        )
    shape = (len(np.asarray(y)), model.student_.form_.n_outputs)
    truth = _truth(model, y, shape)
    if model.task_ != "multiclass":
        return truth.reshape(shape).astype(np.float64)
    known = np.eye(shape[1])[truth]
    known[truth < 0] = np.nan
    return known


def _split(
    n_rows: int, held_out: float, rng: np.random.RandomState
) -> tuple[Index, Index]:
    order = rng.permutation(n_rows)
    n_compared = min(max(round(held_out * n_rows), 2), n_rows - 5)
    return np.sort(order[n_compared:]), np.sort(order[:n_compared])


def _refit(
    model: Any,
    way: Refitting,
    asked: TransferSet,
    kept: Index,
    n_refits: int,
    search: str,
    rng: np.random.RandomState,
    verbose: bool,
) -> list[Taught]:
    from rich.progress import track

    student = clone(model.student_)
    if search == "greedy" and "search" in student.get_params():
        student.set_params(search="greedy")
    rounds = track(range(n_refits), "Fitting students anew", disable=not verbose)
    refits = []
    for _ in rounds:
        drawn = rng.choice(kept, len(kept))
        left = np.setdiff1d(kept, drawn)
        apart = asked.take(left) if len(left) else None
        refits.append(way.teach(student, asked.take(drawn), apart))
    return refits


def _agreement(task: str, logits: Array) -> Estimate:
    """Return how far two students agree, over all pairs, with an interval over rows."""
    n_students = len(logits)
    if task == "regression":
        within = logits.var(axis=0, ddof=1)
        return _common_variance(within, logits)
    alike = np.zeros(logits.shape[1])
    ends = np.stack([_keys(task, one) for one in logits])
    for column, keys in enumerate(ends.T):
        counts = np.unique(keys, return_counts=True)[1]
        alike[column] = (counts * (counts - 1)).sum()
    return bootstrap_interval(alike / (n_students * (n_students - 1)))


def _agreement_with(task: str, mine: Array, logits: Array) -> Estimate:
    if task == "regression":
        both = np.concatenate([logits, np.broadcast_to(mine, logits.shape)])
        return _common_variance(((logits - mine) ** 2).mean(axis=0) / 2, both)
    own = _keys(task, mine)
    alike = np.stack([_keys(task, one) == own for one in logits])
    return bootstrap_interval(alike.mean(axis=0))


def _common_variance(within: Array, values: Array) -> Estimate:
    """Return one less the variance between students over that over rows and students.

    Half the mean squared difference of two students is the variance within a row.
    """
    n_outputs = values.shape[2]
    squares, means = (values**2).mean(axis=0), values.mean(axis=0)
    columns = np.hstack([within, squares, means])

    def share(average: Array) -> Array:
        inside, square, mean = np.split(average, 3, axis=1)
        whole = (square - mean**2).sum(axis=1)
        return 1 - inside.sum(axis=1) / np.where(whole > 0, whole, np.inf)

    assert columns.shape[1] == 3 * n_outputs
    return bootstrap_interval(columns, share)


def _keys(task: str, logits: Array) -> NDArray[np.int64]:
    """Return a number a row: the same for the same decision."""
    chosen = decide(logits, task)
    if task != "multilabel":
        return chosen
    texts = ["".join(map(str, row)) for row in chosen.tolist()]
    return np.asarray([int("1" + text, 2) % (2**61 - 1) for text in texts])


def _part_text(part: dict[str, Any]) -> str:
    if "test" in part:
        text = f"{part['test']}: in {part['survives']:.0%}"
        if np.isfinite(part["low"]):
            ends = [
                threshold_text(end) if abs(end) < 2**24 else amount_text(end)
                for end in (part["low"], part["high"])
            ]
            text += f", threshold {ends[0]} to {ends[1]}"
        return text
    if "term" in part:
        own, low, high = (
            signed_text(part[end], 4) for end in ("coefficient", "low", "high")
        )
        return (
            f"{part['term']} to {part['output']}: {own} [{low}, {high}], same sign in "
            f"{part['same_sign']:.0%}"
        )
    return (
        f"{part['feature']}: rank {part['rank']:g} "
        f"[{part['rank_low']:g}, {part['rank_high']:g}]"
    )
