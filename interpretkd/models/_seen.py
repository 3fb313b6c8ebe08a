"""What a distilled model's student reads, where that is not what its teacher reads."""

from typing import Any

from interpretkd._base import InputError, joined, one_line
from interpretkd.data import Codes, Schema, checked_rows
from interpretkd.models._scores import ScoredSchema


def has_own_columns(model: Any) -> bool:
    """Say whether a student's tests are about columns that are made of those given.

    A view makes neurons and pooled pixels, a scored tree adds up points.

    Parameters
    ----------
    model : object
        A distilled model, a student or its form.

    Returns
    -------
    bool
        Whether its tests are about other columns than those of the rows.
    """
    return view_makes_columns(model) or _scored_schema(model) is not None


def view_makes_columns(model: Any) -> bool:
    """Say whether a student reads columns that a view makes: neurons, pooled pixels.

    Parameters
    ----------
    model : object
        A distilled model; of anything else there is no view.

    Returns
    -------
    bool
        Whether it does; a scored tree reads the rows' own columns, and adds them up.
    """
    return bool(getattr(getattr(model, "view_", None), "own_columns", False))


def _scored_schema(model: Any) -> ScoredSchema | None:
    """Return the columns that a student adds up, where it does."""
    student = getattr(model, "student_", model)
    schema = getattr(getattr(student, "form_", student), "schema", None)
    return schema if isinstance(schema, ScoredSchema) else None


def schema_seen(model: Any) -> Schema:
    """Return the columns that a student's tests and coefficients are about.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted or loaded.

    Returns
    -------
    Schema
        The scores of a scored tree, the view's own columns, or those of the rows.
    """
    scored = _scored_schema(model)
    if scored is not None:
        return scored
    owner = model.view_ if view_makes_columns(model) else model
    schema: Schema = owner.schema_
    return schema


def rows_seen(model: Any, X: Any) -> Any:
    """Return rows as the student of a model reads them, for its form to encode.

    Parameters
    ----------
    model : object
        A distilled model with a view or without; of anything else the rows stay.
    X : array-like or frame of shape (n_samples, n_features)
        Rows in original columns.

    Returns
    -------
    array-like or frame of shape (n_samples, n_seen)
        Rows that `schema_seen` encodes. Where a view only leaves out columns, the
        others stay as they are, and may be lacking: no test is about them.
    """
    view = getattr(model, "view_", None)
    if view is None:
        return X
    own = view.own_rows(X, model.schema_)
    if own is not None:
        return own
    whole = view.complete(X)
    if not view_makes_columns(model):
        return whole
    rows = checked_rows(model, whole, reset=False)
    return view.see(model.schema_.conform(rows))


def codes_seen(model: Any, X: Any) -> Codes:
    """Return rows as the codes that a student's tests are about.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted or loaded.
    X : array-like or frame of shape (n_samples, n_features)
        Rows in original columns.

    Returns
    -------
    ndarray of shape (n_samples, n_seen), float32
        Codes of `schema_seen`.
    """
    return schema_seen(model).encode(rows_seen(model, X))


def check_given_columns(owner: str, model: Any) -> None:
    """Refuse a student that reads other columns than those of the rows.

    Parameters
    ----------
    owner : str
        What needs the student's tests to be about the rows' own columns.
    model : object
        A distilled model; anything else passes.

    Raises
    ------
    InputError
        When the columns that its tests are about are made of others.
    """
    if not has_own_columns(model):
        return
    names = [one_line(repr(name)) for name in schema_seen(model).names]
    reads = "reads others that its view makes of them"
    if not view_makes_columns(model):
        reads = "adds them up in its tests"
    raise InputError(
        f"{owner} is about the columns of the rows, and this student {reads}: "
        f"{joined(names, 3)}. Its predictions, its fidelity, its rules and its drawing "
        "are there."
    )


def check_reads_given(owner: str, model: Any) -> None:
    """Refuse what a student must read the columns of the rows for.

    A scored tree does: its tests are about sums of these.

    Parameters
    ----------
    owner : str
        What is refused, at the beginning of the sentence.
    model : object
        A distilled model, a student or its form.

    Raises
    ------
    InputError
        When a view makes the columns that it reads.
    """
    if view_makes_columns(model):
        check_given_columns(owner, model)


def view_size(model: Any) -> tuple[int, int]:
    """Return what must be kept beside a student to see what it reads.

    Parameters
    ----------
    model : object
        A distilled model; of anything else nothing.

    Returns
    -------
    n_parameters, size_bytes : int
        Of a network up to the layer that the student reads; else 0.
    """
    view = getattr(model, "view_", None)
    if view is None:
        return 0, 0
    return int(view.n_parameters), int(view.size_bytes)


def view_size_text(model: Any) -> str:
    """Say of a size that it counts what the student needs to see.

    Parameters
    ----------
    model : object
        A distilled model.

    Returns
    -------
    str
        Such as ", with the network up to its layer (1,234 parameters)"; "" where a
        student stands by itself.
    """
    n_parameters = view_size(model)[0]
    if not n_parameters:
        return ""
    return f", with the network up to its layer ({n_parameters:,} parameters)"
