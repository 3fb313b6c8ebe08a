"""The view of a network's neurons."""

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, one_line
from interpretkd.data import (
    MISSING,
    VALUE,
    Column,
    Feature,
    Rows,
    Schema,
    expand,
    take_rows,
)
from interpretkd.methods._context import Context
from interpretkd.methods._step import Use
from interpretkd.methods._view import DerivedView
from interpretkd.teachers import Teacher

_LOOKED_AT = 2_000
"""So many rows tell what a neuron goes with."""
_NAMED, _CLEAR = 2, 0.2
"""So many columns are named, if they go with the neuron at least so much."""


class Hidden(DerivedView):
    """The student reads what a hidden layer of the teacher says.

    A classical student on learnt features: often far more faithful than one of the same
    size on the rows, and less readable, for its tests are about neurons; `describe`
    says what a neuron goes with. The student needs the network up to this layer, so
    that is counted in its size. Each question to the student costs a pass through that
    part of the network; a convolution has a column for each unit of each place, of 4
    bytes a row.

    Parameters
    ----------
    layer : int or str, default=0
        Position of a hidden layer, negative ones from the last, or its name; see
        `Teacher.layers`. A layer that returns the rows changes nothing but names.

    Attributes
    ----------
    schema_ : Schema
        The neurons: "neuron 17", numbered from 0, or for a convolution "channel 3, row
        2, column 5".
    teacher_ : Teacher
        Whose layer is read.
    about_ : tuple of str
        What each neuron goes with, "" where no column stands out.

    Notes
    -----
    Measured here (row 10 of docs/methods.md: nine sets, trees of the first layer):
    fidelity +2.2 ± 2.4 points, significant on three sets, worse on one; the network up
    to the layer counts as part of the student.

    References
    ----------
    Mahbod et al. (2017), deep features for a support vector machine, as told in S1.

    Examples
    --------
    >>> print(Hidden(0))
    The student reads the neurons of hidden layer 0
    """

    needs: ClassVar[frozenset[str]] = frozenset({"activations"})
    teacher_: Teacher
    about_: tuple[str, ...]

    def __init__(self, layer: int | str = 0) -> None:
        self.layer = layer

    def check(self) -> None:
        """Check that the layer is a position or a name.

        Raises
        ------
        InputError
            When it is neither.
        """
        check_layer("Hidden", self.layer)

    def refusal(self, use: Use) -> str | None:
        """Say why a linear student of the last hidden layer is none.

        Parameters
        ----------
        use : Use
            As of `Step.refusal`.

        Returns
        -------
        str or None
            A clause.
        """
        names = use.teacher.layers
        is_last = bool(names) and self.layer in (-1, len(names) - 1, names[-1])
        if is_last and _is_linear(use.student):
            return (
                "a linear student of the last hidden layer is the teacher's own last "
                "layer, learnt once more"
            )
        return None

    def fit(self, rows: Rows, context: Context) -> Self:
        """Name the neurons, and find what each goes with.

        Parameters
        ----------
        rows, context : DataFrame or ndarray, Context
            As of `View.fit`.

        Returns
        -------
        View
            Itself.
        """
        self.teacher_ = context.teacher
        some = rows
        if len(rows) > _LOOKED_AT:
            some = take_rows(
                rows, np.sort(context.rng.choice(len(rows), _LOOKED_AT, replace=False))
            )
        try:
            said = self.teacher_.activations(some, self.layer)
        except InputError as error:
            raise layer_error("Hidden", error) from error
        names = _unit_names(said.shape[1:])
        self.schema_ = Schema(tuple(Feature(name) for name in names))
        self.n_parameters_, self.size_bytes_ = self.teacher_.size_to(self.layer)
        self.about_ = _about(_flat(said), some, context.schema)
        return self

    def columns(self, rows: Rows) -> pd.DataFrame:
        """Return what the neurons say of rows.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        DataFrame of shape (n_samples, n_units), float32
            A column a neuron.
        """
        said = _flat(self.teacher_.activations(rows, self.layer))
        if not np.isfinite(said).all():
            raise InputError(
                f"The hidden layer {self.layer!r} must say finite numbers. Got "
                "infinity or NaN."
            )
        if said.shape[1] != len(self.schema_):
            raise InputError(
                f"The hidden layer {self.layer!r} must have {len(self.schema_)} "
                f"neurons, as when the student was fitted. Got {said.shape[1]}."
            )
        index = rows.index if isinstance(rows, pd.DataFrame) else None
        return pd.DataFrame(said, index=index, columns=list(self.schema_.names))

    def describe(self, feature: int | str) -> str:
        """Say what a neuron goes with, in the rows that the view was fitted to.

        Parameters
        ----------
        feature : int or str
            Its position or name in `schema_`.

        Returns
        -------
        str
            Such as "neuron 17 (high for large duration, small amount)": the two columns
            of the largest correlation, if that is at least 0.2. What a neuron goes with
            is not all that it does.

        Raises
        ------
        InputError
            When there is no such neuron.
        """
        names = self.schema_.names
        place = names.index(feature) if feature in names else feature
        if isinstance(place, str) or not 0 <= place < len(names):
            raise InputError(
                f"The 'feature' parameter of describe must be a neuron's name or an "
                f"int in [0, {len(names) - 1}]. Got {feature!r}."
            )
        about = self.about_[place]
        return f"{names[place]} (high for {about})" if about else names[place]

    @property
    def n_parameters(self) -> int:
        """The numbers of the network up to this layer."""
        return self.n_parameters_

    @property
    def size_bytes(self) -> int:
        """Their bytes."""
        return self.size_bytes_

    def __str__(self) -> str:
        """Say which layer is read."""
        return (
            f"The student reads the neurons of hidden layer {_layer_text(self.layer)}"
        )


def check_layer(owner: str, layer: Any, *others: str) -> None:
    """Check that a layer is a position or a name.

    Parameters
    ----------
    owner : str
        The class whose parameter it is.
    layer : object
        What the user gave.
    *others : str
        What else is allowed, for the message.

    Raises
    ------
    InputError
        When it is neither.
    """
    is_position = isinstance(layer, int | np.integer) and not isinstance(layer, bool)
    if not is_position and not isinstance(layer, str):
        allowed = ", ".join(
            ("an int, the position of a hidden layer, or its name", *others)
        )
        raise InputError(
            f"The 'layer' parameter of {owner} must be {allowed}. Got {layer!r}."
        )


def layer_error(owner: str, error: InputError) -> InputError:
    """Return what a teacher says of a layer as said of the class that asked for it.

    Parameters
    ----------
    owner : str
        The class whose parameter the layer is.
    error : InputError
        Of `Teacher.activations`.

    Returns
    -------
    InputError
        The same in its name.
    """
    asked = "The 'layer' parameter of activations"
    return InputError(str(error).replace(asked, f"The 'layer' parameter of {owner}"))


def _layer_text(layer: int | str) -> str:
    return one_line(layer) if isinstance(layer, str) else str(layer)


def _is_linear(student: Any) -> bool:
    """Tell a sum of columns: ours, and those of scikit-learn, however wrapped."""
    for name in ("regressor", "student", "estimator", "steps"):
        inner = getattr(student, name, None)
        if inner is not None:
            return _is_linear(inner[-1][1] if name == "steps" else inner)
    return any(
        kind.__name__ == "LinearStudent" or kind.__module__.startswith("sklearn.linear")
        for kind in type(student).__mro__
    )


def _flat(said: NDArray[Any]) -> NDArray[Any]:
    return said.reshape(len(said), -1)


def _unit_names(shape: tuple[int, ...]) -> list[str]:
    """Name the units of a layer by their place in it."""
    if len(shape) == 3:
        channels, height, width = (range(side) for side in shape)
        return [
            f"channel {c}, row {i}, column {j}"
            for c in channels
            for i in height
            for j in width
        ]
    return [f"neuron {i}" for i in range(int(np.prod(shape)))]


def _about(said: NDArray[Any], rows: Rows, schema: Schema) -> tuple[str, ...]:
    """Say of each neuron with which columns it goes, by their correlation."""
    columns = schema.columns(indicate_missing=False)
    codes = schema.encode(rows)
    matrix = _standardised(expand(codes, columns).astype(np.float64))
    neurons = _standardised(said.astype(np.float64))
    agreement = neurons.T @ matrix / max(len(said), 1)
    return tuple(_in_words(own, columns, schema) for own in agreement)


def _standardised(matrix: Array) -> Array:
    """Return columns of mean 0 and deviation 1; missing cells 0, constants 0."""
    known = ~np.isnan(matrix)
    counts = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, matrix, 0.0)
    centred = np.where(known, centred - centred.sum(axis=0) / counts, 0.0)
    deviation = np.sqrt((centred**2).sum(axis=0) / len(matrix))
    return centred / np.where(deviation > 0, deviation, np.inf)


def _in_words(agreement: Array, columns: tuple[Column, ...], schema: Schema) -> str:
    """Return the columns of the largest correlation, each feature once."""
    said: dict[int, str] = {}
    for place in np.argsort(-np.abs(agreement), kind="stable"):
        if abs(agreement[place]) < _CLEAR or len(said) == _NAMED:
            break
        column = columns[place]
        text = one_line(schema.features[column.feature].name)
        rises = agreement[place] > 0
        if column.part == VALUE and schema.features[column.feature].is_date:
            text = f"late {text}" if rises else f"early {text}"
        elif column.part == VALUE:
            text = f"large {text}" if rises else f"small {text}"
        else:
            is_or_not = "is" if rises else "is not"
            level = "missing"
            if column.part != MISSING:
                level = one_line(schema.features[column.feature].text(column.part))
            text = f"{text} {is_or_not} {level}"
        said.setdefault(column.feature, text)
    return ", ".join(said.values())
