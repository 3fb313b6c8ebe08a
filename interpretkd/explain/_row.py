"""Why the student decides one row as it does, and what would make it decide otherwise.

The teacher stands beside each answer: whether it decides the row alike, and whether it
goes along when the row is changed.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import (
    Array,
    InputError,
    check_integer,
    check_real,
    joined,
    one_line,
)
from interpretkd.data import (
    Codes,
    Rows,
    as_frame,
    replace_cells,
    value_name,
    value_text,
)
from interpretkd.distillation import (
    certainty,
    check_model,
    decisions,
    given_rows,
    output_names,
    same_decisions,
    teacher_is_here,
    teacher_says,
)
from interpretkd.explain._counterfactuals import _nearest_rows
from interpretkd.explain._crowd import _Crowd
from interpretkd.explain._desired import _Desired
from interpretkd.explain._row_explanation import (
    Change,
    Counterfactual,
    PathStep,
    RowExplanation,
)
from interpretkd.explain._row_sum import _RowSum
from interpretkd.explain._scale import _Limits, _Scale, _scale_of
from interpretkd.models import (
    ALL_NUMBERS,
    Linear,
    ScoredSchema,
    ScoredTree,
    Tree,
    check_given_columns,
    codes_seen,
    decision_path,
    given_schema,
    has_own_columns,
    rows_seen,
    schema_seen,
)
from interpretkd.targets import Answers, answers_of, probabilities


def explain_row(
    model: Any,
    row: Any,
    *,
    X: ArrayLike | None = None,
    teacher_logits: ArrayLike | None = None,
    desired: Any = None,
    immutable: Sequence[str] = (),
    only_up: Sequence[str] = (),
    only_down: Sequence[str] = (),
    n_counterfactuals: int = 3,
    min_difference: float | None = None,
) -> RowExplanation:
    """Explain one row: the way to its decision, and counterfactuals, best first.

    The best change is the one of fewest features, and of these the smallest and most
    plausible: a number's change counts in standard deviations of its column, another
    category (or a value where one is missing) as 1, and to that comes how far the
    changed row stands from all given ones; what is like none of them comes last. A
    number is put just across the threshold, at one of few digits at most a hundredth of
    a deviation further; where a column holds whole numbers only, at a whole one; and
    never beyond what was seen of its column. No value is ever taken away. For a tree
    all leaves are looked at. For boosted and linear students all changes of one feature
    are; where none serves, features are added one by one, each time the one that helps
    most, up to four, and there may be a better change.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted, with a student of ours, or loaded.
    row : Series, mapping, one-row frame or array-like of shape (n_features,)
        The row, in original columns.
    X : array-like or frame of shape (n_samples, n_features), default=None
        Rows that tell how far each column spreads and where its numbers lie, such as
        the training rows. Without them numbers keep to the range of the training rows
        (old runs do not know it), and a change counts in units of what the student
        knows: the span of its thresholds, or the size of the number.
    teacher_logits : array-like of shape (n_outputs,) or (1, n_outputs), default=None
        What the teacher says of the row; None asks it.
    desired : object, default=None
        The class to be decided; for labels those that shall be on, and no other; for
        regression the ends (low, high) of an interval. None for any other decision.
    immutable : sequence of str, default=()
        Columns that may not change.
    only_up, only_down : sequence of str, default=()
        Columns of numbers or dates that may only rise, or only fall.
    n_counterfactuals : int, default=3
        In [0, inf): how many changes are looked for. Each has another outcome, or other
        features, than all nearer ones.
    min_difference : float, default=None
        In (0, inf), for regression without `desired`: how far a value must move; None
        for the standard deviation of what a tree's leaves say, and for other students
        a tenth of the size of the value.

    Returns
    -------
    RowExplanation
        The explanation. The teacher "goes along" with a change when it decides the
        changed row as the student does; for regression when its value comes to lie
        in the desired interval, or moves at least `min_difference` in the student's
        direction. A teacher that was not saved with the run cannot be asked about
        changed rows.

    Raises
    ------
    InputError
        For a model without a student of ours, a `row` that is not one row, unknown
        columns, classes or labels, and when the teacher is absent and `teacher_logits`
        too.

    References
    ----------
    Wachter, Mittelstadt & Russell (2018), "Counterfactual explanations without opening
    the black box".

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
    >>> print(explain_row(model.fit(X), X.iloc[70], X=X, n_counterfactuals=1))
    The student says 2 ...
    """
    owner = "explain_row"
    check_model(owner, model)
    check_integer(owner, "n_counterfactuals", n_counterfactuals, 0)
    if min_difference is not None:
        check_real(owner, "min_difference", min_difference, 0)
    rows = given_rows(model, _one_row(model, row))
    if teacher_logits is not None and not isinstance(teacher_logits, Answers):
        teacher_logits = _as_logits(teacher_logits)
    teacher = teacher_says(model, rows, teacher_logits)
    student = np.asarray(model.logits(rows))
    own_columns = has_own_columns(model)
    if own_columns:
        if desired is not None or any(map(len, (immutable, only_up, only_down))):
            check_given_columns("What would change a decision", model)
        n_counterfactuals = 0
    codes = codes_seen(model, rows)[0]
    own = codes
    if isinstance(model.student_.form_, ScoredTree):
        schema = given_schema(model.student_.form_)
        own = schema.encode(rows_seen(model, rows))[0]
    known = None if X is None else codes_seen(model, given_rows(model, X))
    form, told = model.student_.form_, _by_own_columns(model)
    limits = _Limits.of(told.schema_, immutable, only_up, only_down)
    scale = _scale_of(told, codes, known, limits)
    crowd = _Crowd.around(told.schema_, known, codes)
    if min_difference is None:
        min_difference = _difference(model, student)
    desired = _Desired.of(model, student[0], desired, min_difference)
    found = _nearest_rows(
        form, model.reading_, codes, desired, scale, n_counterfactuals, crowd
    )
    counterfactuals = _counterfactuals(
        model, rows, codes, found, desired, scale, crowd, teacher
    )
    chances = [certainty(model.task_, logits) for logits in (student, teacher)]
    student_chance, teacher_chance = (c if c is None else float(c[0]) for c in chances)
    agrees = None
    if model.task_ != "regression":
        agrees = bool(same_decisions(model.task_, student, teacher)[0])
    features = told.schema_.features
    is_tree = isinstance(form, Tree)
    sums = None if is_tree else _RowSum.of(model, codes, student[0])
    return RowExplanation(
        values={
            f.name: value_text(f, float(code))
            for f, code in zip(features, codes, strict=True)
        },
        prediction=decisions(model, student)[0],
        teacher_prediction=decisions(model, teacher)[0],
        outputs=tuple(output_names(model)),
        student_scores=_scores(model, student),
        teacher_scores=_scores(model, teacher),
        probability=student_chance,
        teacher_probability=teacher_chance,
        agrees=agrees,
        leaf=int(form.nodes.apply(codes[None])[0]) if is_tree else None,
        steps=_steps(form, codes, own, None if X is None else scale) if is_tree else (),
        contributions=None if sums is None else _parts(told, codes, sums, student[0]),
        counterfactuals=counterfactuals,
        is_as_desired=desired.is_met_already,
        sums_of=() if sums is None else sums.about,
        none_found=""
        if counterfactuals
        else _none_found(form, desired, scale, n_counterfactuals, told),
    )


def _by_own_columns(model: Any) -> Any:
    """Return a model whose columns are those that its student's tests are about."""
    if not has_own_columns(model):
        return model
    told = copy.copy(model)
    told.schema_, told.ranges_ = schema_seen(model), None
    return told


def disagreeing_rows(
    task: str, student: ArrayLike, teacher: ArrayLike
) -> NDArray[np.intp]:
    """Return the rows that are worth a look: where student and teacher disagree.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    student, teacher : array-like of shape (n_samples, n_outputs)
        Logits of the same rows (values, for regression); of the teacher also its
        `Answers`.

    Returns
    -------
    ndarray of shape (n_found,)
        Positions, from 0, in order. For regression, where nothing is decided, the rows
        with the largest tenth of the distances, as far as there is one at all.

    Examples
    --------
    >>> disagreeing_rows("multiclass", [[0, 1], [1, 0]], [[0, 2], [0, 2]])
    array([1])
    """
    pair = [np.asarray(logits, dtype=np.float64) for logits in (student, teacher)]
    if task != "regression":
        said = teacher if isinstance(teacher, Answers) else pair[1]
        return np.flatnonzero(~same_decisions(task, pair[0], said))
    if not len(pair[0]):
        return np.arange(0)
    distance = np.abs(pair[0] - pair[1]).reshape(len(pair[0]), -1).max(axis=1)
    limit = np.quantile(distance, 0.9)
    return np.flatnonzero((distance >= limit) & (distance > 0))


def _one_row(model: Any, row: Any) -> Rows:
    names = model.schema_.names
    if isinstance(row, str | Real):
        what = f"{'number' if isinstance(row, Real) else 'text'} {row!s}"
        how = "X[position]"
        if hasattr(model, "feature_names_in_"):
            how = "X.iloc[[position]] or X.loc[[label]]"
        raise InputError(
            f"The 'row' parameter of explain_row must be one row of {len(names)} "
            f"columns. Got the {one_line(what)}; give the row itself: {how}."
        )
    if isinstance(row, pd.Series | Mapping):
        row = _cells_of(model, {value_name(n): value for n, value in row.items()})
    frame = as_frame(row)
    if frame is None:
        array: NDArray[Any] = _as_cells(row, len(names))
        array = array.reshape(1, -1) if array.ndim == 1 else array
        if array.shape != (1, len(names)):
            raise InputError(
                f"The 'row' parameter of explain_row must be one row of {len(names)} "
                f"columns. Got shape {array.shape}."
            )
        if model.schema_.holds_numbers:
            array = _as_numbers(model, array)
        if not hasattr(model, "feature_names_in_"):
            return array
        frame = model.schema_.frame_of_array(array).infer_objects()
    absent = [name for name in names if name not in frame.columns]
    if len(frame) != 1 or absent:
        some = joined([one_line(repr(name)) for name in absent], 5)
        what = f"a row without {some}" if absent else f"{len(frame)} rows"
        raise InputError(
            f"The 'row' parameter of explain_row must be one row of the {len(names)} "
            f"columns of the model. Got: {what}."
        )
    frame = frame[list(names)]
    # One cell alone does not say what its column holds.
    frame = frame.astype(object).infer_objects()
    for f in model.schema_.features:
        if frame[f.name].isna().all() and not f.is_categorical and not f.is_date:
            frame[f.name] = frame[f.name].astype(float)
    if model.schema_.holds_numbers:
        _as_numbers(model, frame.to_numpy(dtype=object))
    return frame if hasattr(model, "feature_names_in_") else frame.to_numpy()


def _cells_of(model: Any, row: dict[str, Any]) -> pd.DataFrame:
    """Return a frame of one row; what is no text is the category of its text."""
    levels = {f.name for f in model.schema_.features if f.is_categorical}
    odd = {
        name: value_name(value)
        for name, value in row.items()
        if name in levels and isinstance(value, tuple | Decimal)
    }
    return pd.DataFrame({name: [odd.get(name, row[name])] for name in row})


def _as_cells(row: Any, n_columns: int) -> NDArray[np.object_]:
    try:
        return np.asarray(row, dtype=object)
    except ValueError as error:  # cells that are rows themselves
        raise InputError(
            f"The 'row' parameter of explain_row must be one row of {n_columns} "
            f"columns. Got {one_line(repr(row))[:80]}."
        ) from error


def _as_numbers(model: Any, row: NDArray[Any]) -> NDArray[np.float64]:
    """Return a row of numbers as such, or say which cell is none."""
    numbers = []
    for name, cell in zip(model.schema_.names, row[0].tolist(), strict=True):
        try:
            numbers.append(math.nan if cell is None or cell is pd.NA else float(cell))
        except (TypeError, ValueError) as error:
            raise InputError(
                f"Column {name!r} of the row must hold a number. Got "
                f"{one_line(repr(cell))[:80]}."
            ) from error
    return np.asarray([numbers], dtype=np.float64)


def _as_logits(given: Any) -> Array:
    try:
        return np.asarray(given, dtype=np.float64).reshape(1, -1)
    except (TypeError, ValueError) as error:
        raise InputError(
            "The 'teacher_logits' parameter of explain_row must be numbers. Got "
            f"{one_line(repr(given))[:80]}."
        ) from error


def _difference(model: Any, student: Array) -> float:
    """Return how far a value must move to count as another one."""
    if model.task_ != "regression":
        return 0.0
    form = model.student_.form_
    if isinstance(form, Tree):
        leaf = form.nodes.is_leaf
        value, weight = form.value[leaf], form.cover[leaf]
        mean = np.average(value, axis=0, weights=weight)
        spread = np.sqrt(np.average((value - mean) ** 2, axis=0, weights=weight))
        return float(spread.max())
    return float(max(0.1 * np.abs(student).max(), 1e-12))


def _scores(model: Any, said: Array | Answers) -> Array:
    logits = np.asarray(said)
    if model.task_ == "regression":
        return np.asarray(logits[0])
    return probabilities(logits, model.task_)[0]


def _steps(
    tree: Tree, codes: Codes, given: Codes, scale: _Scale | None
) -> tuple[PathStep, ...]:
    """Return what a row fulfils on its way; `given` are the codes of its columns."""
    steps, schema = [], tree.schema
    for node, test in decision_path(tree.nodes, codes):
        feature, j = test.feature, test.position
        x, threshold = float(codes[j]), float(tree.nodes.threshold[node])
        margin = relative = None
        is_number = not feature.is_categorical and not np.isnan(x)
        if is_number and threshold < ALL_NUMBERS:
            margin = abs(x - threshold)
            relative = None if scale is None else margin / float(scale.units[j])
            margin *= feature.unit
        name, value = one_line(feature.name), value_text(feature, x)
        score = schema.score_at(j) if isinstance(schema, ScoredSchema) else None
        parts = () if score is None else score.parts(given_schema(tree), given)
        said = one_line(str(test))
        steps.append(PathStep(node, name, value, said, margin, relative, parts))
    return tuple(steps)


def _parts(model: Any, codes: Codes, found: _RowSum, student: Array) -> pd.DataFrame:
    size = np.abs(found.parts)
    several = model.task_ == "multiclass" and size.shape[1] > 1
    size = size[:, student.argmax()] if several else size.max(axis=1)
    order = np.argsort(-size, kind="stable")
    features = [model.schema_.features[j] for j in order]
    names = ["(base)", *(one_line(f.name) for f in features)]
    values = [
        value_text(f, float(code))
        for f, code in zip(features, codes[order], strict=True)
    ]
    lines = [found.base, *found.parts[order]]
    if found.limit.any():
        names, values, lines = [*names, "(limit)"], [*values, ""], [*lines, found.limit]
    heads = [f"to {one_line(name)}" for name in found.outputs.names]
    heads = heads if len(student) > 1 else ["to value"]
    given = pd.DataFrame({"feature": names, "value": ["", *values]})
    return pd.concat([given, pd.DataFrame(np.vstack(lines), columns=heads)], axis=1)


def _counterfactuals(
    model: Any,
    rows: Rows,
    codes: Codes,
    found: Sequence[Array],
    desired: _Desired,
    scale: _Scale,
    crowd: _Crowd | None,
    teacher: Answers,
) -> tuple[Counterfactual, ...]:
    counterfactuals = []
    here = teacher_is_here(model)
    shares = None
    if crowd is not None and len(found):
        shares = crowd.plausibility(np.stack(found)).tolist()
    for i, values in enumerate(found):
        row = replace_cells(model.schema_, rows, values[None])
        student = np.asarray(model.logits(row))
        if not desired.met(student)[0]:
            continue  # the cell cannot hold that number, such as a day out of range
        said = answers_of(model.teacher_, row) if here else None
        chance = certainty(model.task_, student)
        counterfactuals.append(
            Counterfactual(
                _changes(model, codes, values, scale),
                row,
                decisions(model, student)[0],
                None if chance is None else float(chance[0]),
                None if said is None else decisions(model, said)[0],
                None if said is None else desired.followed(student[0], teacher, said),
                None if shares is None else shares[i],
            )
        )
    return tuple(counterfactuals)


def _none_found(
    form: Any, desired: _Desired, scale: _Scale, n_asked: int, model: Any
) -> str:
    """Say in a sentence why there is no counterfactual."""
    if desired.is_met_already:
        return "The student decides as desired already: nothing has to change."
    if isinstance(form, ScoredTree):
        return "No change was looked for: the student's tests add up columns."
    if has_own_columns(model):
        return (
            "No change was looked for: the student reads columns that its view makes "
            "of the rows, and no change of these is one of the row."
        )
    if n_asked == 0:
        return "No change was looked for."
    if isinstance(form, Linear) and not scale.knows_ranges:
        return (
            "No change was found: what numbers the columns can hold is not known, for "
            "the run is an old one; give rows as X."
        )
    within = "of the columns that may change, within what was seen of them,"
    if isinstance(form, Tree):
        return f"No change {within} makes the student decide otherwise."
    return (
        f"No change {within} was found that makes the student decide otherwise: "
        "neither of one column nor of a few, one after the other."
    )


def _changes(
    model: Any, codes: Codes, values: Array, scale: _Scale
) -> tuple[Change, ...]:
    changes = []
    after = values.astype(np.float32)
    for j in np.flatnonzero((codes != after) & ~np.isnan(after)).tolist():
        feature = model.schema_.features[j]
        x, new = float(codes[j]), float(values[j])
        moves = not feature.is_categorical and not np.isnan(x)
        size = abs(new - x) / float(scale.units[j]) if moves else 1.0
        texts = (value_text(feature, x), value_text(feature, new))
        changes.append(Change(one_line(feature.name), *texts, size))
    return tuple(changes)
