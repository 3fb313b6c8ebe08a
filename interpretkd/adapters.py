"""What turns any fitted model into a teacher: something with logits.

`as_teacher` reads fitted estimators; `TorchTeacher`, `OnnxTeacher` and
`CallableTeacher` make estimators of trained modules, ONNX files and functions. They
are frozen: cloning or fitting leaves them as they are.
"""

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags
from sklearn.utils._tags import ClassifierTags, RegressorTags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from interpretkd._errors import InputError
from interpretkd._validation import check_choice, check_integer, closest
from interpretkd.logits import TASKS, decide, probabilities
from interpretkd.rows import batches
from interpretkd.schema import as_frame

__all__ = [
    "CallableTeacher",
    "OnnxTeacher",
    "Teacher",
    "TorchTeacher",
    "as_teacher",
]

Array: TypeAlias = NDArray[np.float64]

OUTPUTS = ("logits", "probabilities", "values")
_SMALLEST = 1e-12
"""Probabilities below this count as this much: their logarithm must be finite."""
_BATCH = 16_384


@dataclass(frozen=True, eq=False)
class Teacher:
    """A fitted model that can be asked for logits.

    Parameters
    ----------
    estimator : object
        The model itself.
    classes : ndarray of shape (n_classes,) or None
        In the order of the logits; None for regression, and where nobody knows.
    task : {"multiclass", "multilabel", "regression"}
        What the model does.
    n_parameters : int or None, default=None
        The numbers it has learnt, where they can be counted.
    size_bytes : int or None, default=None
        Their bytes.
    """

    estimator: Any
    classes: NDArray[Any] | None
    task: str
    n_parameters: int | None = None
    size_bytes: int | None = None

    def logits(self, X: Any) -> Array:
        """Ask the model, in batches.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits, one column a class (two for two classes) or label; the values, for
            regression.

        Raises
        ------
        InputError
            When the model returns another shape, or numbers that are not finite.
        """
        return _asker(self.estimator, self.task, self.classes)(X)


def as_teacher(estimator: Any) -> Teacher:
    """Make a teacher of a fitted model.

    Parameters
    ----------
    estimator : object
        Anything with `logits`; a fitted classifier with `predict_proba` (its
        logarithm is taken) or `decision_function`, of classes or of labels; a fitted
        regressor; any of these inside `FrozenEstimator`.

    Returns
    -------
    Teacher
        The handle; its logits are asked for in batches and checked.

    Raises
    ------
    NotFittedError
        When the estimator is not fitted.
    InputError
        When it is none of these.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> teacher = as_teacher(LogisticRegression(max_iter=1000).fit(X, y))
    >>> teacher.logits(X).shape, teacher.n_parameters
    ((150, 3), 15)
    """
    if isinstance(estimator, Teacher):
        return estimator
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    if hasattr(estimator, "__sklearn_tags__"):
        check_is_fitted(estimator)
    task, classes = _task(estimator), _classes(estimator)
    n_parameters, size_bytes = _sizes(estimator)
    _asker(estimator, task, classes)  # says at once what cannot be asked
    return Teacher(
        estimator=estimator,
        classes=None if task == "regression" else classes,
        task=task,
        n_parameters=n_parameters,
        size_bytes=size_bytes,
    )


def _asker(
    estimator: Any, task: str, classes: NDArray[Any] | None
) -> Callable[[Any], Array]:
    name = type(estimator).__name__
    n_outputs = None if classes is None or task == "regression" else len(classes)
    if hasattr(estimator, "logits"):
        return lambda X: _checked(estimator.logits(X), name, _length(X), n_outputs)
    if task == "regression" and hasattr(estimator, "predict"):
        method, kind = estimator.predict, "values"
    elif hasattr(estimator, "predict_proba"):
        method, kind = estimator.predict_proba, "probabilities"
    elif hasattr(estimator, "decision_function"):
        method, kind = estimator.decision_function, "logits"
    else:
        raise InputError(
            "A teacher needs a method logits, predict_proba or decision_function, or "
            f"predict if it is a regressor. Got {estimator!r}."
        )

    def part(rows: Any) -> Array:
        said = method(rows)
        if isinstance(said, list):
            said = _label_columns(said, estimator.classes_)
        return _to_logits(said, kind, task, name, len(rows), n_outputs)

    return lambda X: _in_batches(part, X, _BATCH)


def _task(estimator: Any) -> str:
    for name in ("task_", "task"):
        if getattr(estimator, name, None) in TASKS:
            return str(getattr(estimator, name))
    if _is_multilabel(estimator):
        return "multilabel"
    has_tags = hasattr(estimator, "__sklearn_tags__")
    if has_tags and is_regressor(estimator):
        return "regression"
    scores = ("logits", "predict_proba", "decision_function")
    if has_tags or any(hasattr(estimator, method) for method in scores):
        return "multiclass"
    return "regression"


def _is_multilabel(estimator: Any) -> bool:
    """Tell by what scikit-learn's classifiers remember of their labels."""
    last = _last_step(estimator)
    classes = getattr(last, "classes_", None)
    if isinstance(classes, list):
        if not all(set(np.asarray(c).tolist()) <= {0, 1} for c in classes):
            raise InputError(
                "A teacher of several outputs must be a classifier of labels, 0 or 1 "
                f"each. Got {type(last).__name__} with classes "
                f"{[np.asarray(c).tolist() for c in classes]}."
            )
        return True
    binarizer = getattr(last, "_label_binarizer", None)
    return bool(getattr(last, "multilabel_", False)) or (
        getattr(binarizer, "y_type_", None) == "multilabel-indicator"
    )


def _classes(estimator: Any) -> NDArray[Any] | None:
    classes = getattr(estimator, "classes_", None)
    if isinstance(classes, list):
        return np.arange(len(classes))
    return None if classes is None else np.asarray(classes)


def _label_columns(said: list[Any], classes: list[Any]) -> Array:
    """Return the probability of 1 for each label; some were never, or always, there."""
    columns = [
        np.asarray(part)[:, np.asarray(known) == 1].sum(axis=1)
        for part, known in zip(said, classes, strict=True)
    ]
    return np.column_stack(columns)


def _sizes(estimator: Any) -> tuple[int | None, int | None]:
    n_parameters = getattr(estimator, "n_parameters", None)
    size_bytes = getattr(estimator, "size_bytes", None)
    if n_parameters is not None or size_bytes is not None:
        return n_parameters, size_bytes
    last = _last_step(estimator)
    arrays: list[Any] = []
    for name in ("coef_", "intercept_", "coefs_", "intercepts_"):
        found = getattr(last, name, [])
        arrays.extend(found if isinstance(found, list) else [found])
    numbers = [np.asarray(array) for array in arrays]
    if not numbers or any(array.dtype.kind not in "fiu" for array in numbers):
        return None, None
    return sum(a.size for a in numbers), sum(a.nbytes for a in numbers)


def _last_step(estimator: Any) -> Any:
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


class _Frozen(BaseEstimator, ABC):
    """What the adapters share: whatever the model says becomes checked logits."""

    task: str
    classes: Any
    output: str
    batch_size: int
    _n_outputs: int | None

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Return itself: the model is trained already.

        Parameters
        ----------
        X, y : object, default=None
            Passed over.

        Returns
        -------
        estimator
            Itself.
        """
        return self

    def logits(self, X: ArrayLike) -> Array:
        """Return what the model says, as logits.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits, one column a class or label; the values, for regression.

        Raises
        ------
        InputError
            When the model's answer is of another shape or not finite.
        """
        return _in_batches(self._logits, X, self._rows_at_once)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the decisions (values, for regression).

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Classes, 0 and 1 for each label, or values.
        """
        logits = self.logits(X)
        if self.task == "regression":
            return logits[:, 0] if logits.shape[1] == 1 else logits
        decisions = decide(logits, self.task)
        return decisions if self.task == "multilabel" else self.classes_[decisions]

    # scikit-learn's decorator has no types.
    @available_if(lambda self: self.task != "regression")  # type: ignore[untyped-decorator]
    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class or label.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            In [0, 1]; the rows sum to 1 unless these are labels.
        """
        return probabilities(self.logits(X), self.task)

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes; their positions when none were given."""
        if self.task != "regression":
            if self.classes is not None:
                return np.asarray(self.classes)
            if self._n_outputs is None:
                self._try_one_row()
            if self._n_outputs is not None:
                return np.arange(self._n_outputs)
        raise AttributeError(f"This {type(self).__name__} knows of no classes_.")

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Self:
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # Whether missing values are allowed, the model alone knows; it is asked.
        tags.input_tags.allow_nan = True
        if self.task == "regression":
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        else:
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        return tags

    @property
    def _rows_at_once(self) -> int:
        return self.batch_size

    def _check(self, outputs: Sequence[str] = OUTPUTS) -> None:
        name = type(self).__name__
        check_choice(name, "task", self.task, TASKS)
        check_choice(name, "output", self.output, outputs)
        check_integer(name, "batch_size", self.batch_size, 1)
        wrong = "probabilities" if self.task == "regression" else "values"
        if self.output == wrong:
            raise InputError(
                f"The 'output' parameter of {name} cannot be {wrong!r} for the task "
                f"{self.task!r}."
            )
        self._n_outputs = None if self.classes is None else len(self.classes)

    def _logits(self, rows: Any) -> Array:
        return self._read(self._ask(rows), len(rows))

    def _read(self, said: Any, n_rows: int) -> Array:
        logits = _to_logits(
            said,
            self._kind(said),
            self.task,
            type(self).__name__,
            n_rows,
            None if self.task == "regression" else self._n_outputs,
        )
        self._n_outputs = logits.shape[1]
        return logits

    def _kind(self, said: Any) -> str:
        return self.output

    @abstractmethod
    def _ask(self, rows: Any) -> Any:
        """Return the model's raw answer to a batch."""

    def _try_one_row(self) -> None:
        """Find out how many outputs there are, where a row can be made up."""


class CallableTeacher(_Frozen):
    """Any function of rows as a teacher.

    Parameters
    ----------
    f : callable
        Rows (a part of the frame or array given) -> array of shape (n_samples,
        n_outputs).
    task : {"multiclass", "multilabel", "regression"}, default="multiclass"
        What it does.
    classes : array-like of shape (n_classes,), default=None
        In the order of its outputs; None for 0, 1, ...
    output : {"logits", "probabilities", "values"}, default="logits"
        What it returns. For "multiclass" a single column belongs to the second of
        two classes.
    batch_size : int, default=4096
        In [1, inf): the most rows in one call.

    Examples
    --------
    >>> import numpy as np
    >>> def f(rows):
    ...     return np.column_stack([-rows[:, 0], rows[:, 0]])
    >>> CallableTeacher(f, classes=["low", "high"]).predict(np.array([[-1.0], [2.0]]))
    array(['low', 'high'], dtype='<U4')
    """

    def __init__(
        self,
        f: Callable[[Any], Any],
        *,
        task: str = "multiclass",
        classes: Any = None,
        output: str = "logits",
        batch_size: int = 4096,
    ) -> None:
        self.f = f
        self.task = task
        self.classes = classes
        self.output = output
        self.batch_size = batch_size
        self._check()

    def _ask(self, rows: Any) -> Any:
        return self.f(rows)


class TorchTeacher(_Frozen):
    """A trained `torch.nn.Module` as a teacher.

    Parameters
    ----------
    module : torch.nn.Module
        Asked in evaluation mode, then put back into the mode it was in.
    task : {"multiclass", "multilabel", "regression"}, default="multiclass"
        What it does.
    classes : array-like of shape (n_classes,), default=None
        In the order of its outputs; None for 0, 1, ...
    output : {"logits", "probabilities", "values"}, default="logits"
        What it returns. For "multiclass" a single column belongs to the second of
        two classes.
    preprocess : callable, default=None
        Rows (a part of the frame or array given) -> array or tensor; None for the
        numbers as they are, as float32.
    input_shape : tuple of int, default=None
        The shape of one input, e.g. (1, 28, 28); None for the rows as they are.
    batch_size : int, default=1024
        In [1, inf): the most rows in one forward pass.
    device : str, default="auto"
        Where the module is moved; "auto" leaves it where it is.

    Examples
    --------
    >>> import numpy as np, torch
    >>> module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 3))
    >>> teacher = TorchTeacher(module, classes=["a", "b", "c"])
    >>> teacher.logits(np.zeros((2, 4))).shape, teacher.n_parameters
    ((2, 3), 67)
    >>> teacher.activations(np.zeros((2, 4)), "0").shape
    (2, 8)
    """

    def __init__(
        self,
        module: Any,
        *,
        task: str = "multiclass",
        classes: Any = None,
        output: str = "logits",
        preprocess: Callable[[Any], Any] | None = None,
        input_shape: tuple[int, ...] | None = None,
        batch_size: int = 1024,
        device: str = "auto",
    ) -> None:
        self.module = module
        self.task = task
        self.classes = classes
        self.output = output
        self.preprocess = preprocess
        self.input_shape = input_shape
        self.batch_size = batch_size
        self.device = device
        self._check()
        if not hasattr(module, "forward") or not hasattr(module, "parameters"):
            raise InputError(
                "The 'module' parameter of TorchTeacher must be a torch.nn.Module. "
                f"Got {module!r}."
            )

    @property
    def n_parameters(self) -> int:
        """The numbers in the module's parameters."""
        return sum(p.numel() for p in self.module.parameters())

    @property
    def size_bytes(self) -> int:
        """Their bytes."""
        return sum(p.numel() * p.element_size() for p in self.module.parameters())

    def activations(self, X: ArrayLike, layer: str) -> NDArray[Any]:
        """Return what a submodule says.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, ...)
            Rows.
        layer : str
            The submodule's name, as `module.named_modules` gives it.

        Returns
        -------
        ndarray of shape (n_samples, ...)
            Its output.

        Raises
        ------
        InputError
            When there is no such submodule, or it is not passed through.
        """
        modules = dict(self.module.named_modules())
        if layer not in modules:
            names = [name for name in modules if name]
            raise InputError(
                f"The module has no submodule {layer!r}.{closest(str(layer), names)} "
                f"It has {names}."
            )
        caught: list[Any] = []
        hook = modules[layer].register_forward_hook(
            lambda _module, _inputs, output: caught.append(output)
        )

        def part(rows: Any) -> NDArray[Any]:
            caught.clear()
            self._ask(rows)
            if len(caught) != 1 or not hasattr(caught[0], "numpy"):
                raise InputError(
                    f"The submodule {layer!r} must give one tensor in each forward "
                    f"pass. Got {[type(value).__name__ for value in caught]}."
                )
            array: NDArray[Any] = caught[0].detach().float().cpu().numpy()
            return array

        try:
            return _in_batches(part, X, self.batch_size)
        finally:
            hook.remove()

    def _ask(self, rows: Any) -> Any:
        import torch

        inputs = rows if self.preprocess is None else self.preprocess(rows)
        if not isinstance(inputs, torch.Tensor):
            inputs = torch.tensor(_numbers(inputs, np.float32))
        if self.input_shape is not None:
            inputs = _reshaped(inputs, self.input_shape)
        return self._forward(inputs)

    def _forward(self, inputs: Any) -> NDArray[Any]:
        import torch

        modes = [(module, module.training) for module in self.module.modules()]
        if self.device != "auto":
            self.module.to(self.device)
        home = next(self.module.parameters(), inputs).device
        try:
            self.module.eval()
            with torch.inference_mode():
                said = self.module(inputs.to(home))
        except RuntimeError as error:
            raise InputError(
                f"The module cannot read inputs of shape {tuple(inputs.shape)}. torch "
                f"says: {_first_line(error)}"
            ) from error
        finally:
            # Submodules may have been in different modes, so train() is not enough.
            for module, mode in modes:
                module.training = mode
        if not isinstance(said, torch.Tensor):
            raise InputError(
                f"The module must return one tensor. Got {type(said).__name__}."
            )
        array: NDArray[Any] = said.double().cpu().numpy()
        return array

    def _try_one_row(self) -> None:
        import torch

        shape = self.input_shape
        if shape is None:
            layers = [m for m in self.module.modules() if hasattr(m, "in_features")]
            shape = (layers[0].in_features,) if layers else None
        if shape is not None:
            # A guess: the first dense layer may read something else than the rows.
            with contextlib.suppress(InputError):
                self._read(self._forward(torch.zeros(1, *shape)), 1)


class OnnxTeacher(_Frozen):
    """An ONNX file as a teacher, run by onnxruntime.

    Parameters
    ----------
    path : str or path
        The file; its graph has one input of floating-point numbers.
    task : {"multiclass", "multilabel", "regression"}, default="multiclass"
        What it does.
    classes : array-like of shape (n_classes,), default=None
        In the order of its outputs; None for 0, 1, ...
    output : {"auto", "logits", "probabilities", "values"}, default="auto"
        What the graph returns; "auto" goes by the output's name, else takes rows
        that are distributions for probabilities.
    output_name : str, default=None
        Which of several outputs is meant; None for the one of floating-point
        numbers, or the one whose name says so.
    preprocess : callable, default=None
        Rows (a part of the frame or array given) -> array; None for the numbers as
        they are.
    batch_size : int, default=1024
        In [1, inf): the most rows in one run.

    Attributes
    ----------
    n_parameters : int or None
        The numbers in the graph's initializers; None where `onnx` is not installed.
    size_bytes : int
        The file's size, weights that lie beside it included.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        task: str = "multiclass",
        classes: Any = None,
        output: str = "auto",
        output_name: str | None = None,
        preprocess: Callable[[Any], Any] | None = None,
        batch_size: int = 1024,
    ) -> None:
        self.path = path
        self.task = task
        self.classes = classes
        self.output = output
        self.output_name = output_name
        self.preprocess = preprocess
        self.batch_size = batch_size
        self._check(("auto", *OUTPUTS))
        self._session = _open_session(Path(path))
        self._input = _only_input(self._session, path)
        self._output = _chosen_output(self._session, path, output_name)
        self._decided: str | None = None if output == "auto" else output
        if output == "auto":
            self._decided = _kind_by_name(self._output, task)
        self.n_parameters, self.size_bytes = _onnx_sizes(Path(path))

    def to_bytes(self) -> bytes:
        """Return the model as one file, with weights that lie beside it put inside.

        Returns
        -------
        bytes
            The content of an ONNX file.

        Raises
        ------
        InputError
            When `onnx` is not installed.
        """
        try:
            import onnx
        except ImportError as error:
            raise InputError(
                "Saving an ONNX teacher needs onnx. Install it with: "
                "pip install 'interpretkd[export]'"
            ) from error
        content: bytes = onnx.load(Path(self.path)).SerializeToString()
        return content

    @property
    def _rows_at_once(self) -> int:
        fixed = self._input.shape[0]
        return fixed if isinstance(fixed, int) else self.batch_size

    def _kind(self, said: Any) -> str:
        if self._decided is None:
            self._decided = _kind_by_values(said, self.task)
        return self._decided

    def _ask(self, rows: Any) -> Any:
        dtype = np.float64 if "double" in self._input.type else np.float32
        inputs = rows if self.preprocess is None else self.preprocess(rows)
        inputs = _numbers(inputs, dtype)
        sides = self._input.shape[1:]
        if len(sides) > 1 and all(isinstance(side, int) for side in sides):
            inputs = _reshaped(inputs, tuple(sides))
        n_rows, fixed = len(inputs), self._input.shape[0]
        if isinstance(fixed, int) and n_rows < fixed:
            inputs = np.concatenate([inputs, np.repeat(inputs[-1:], fixed - n_rows, 0)])
        return self._run(inputs)[:n_rows]

    def _run(self, inputs: NDArray[Any]) -> Any:
        try:
            return self._session.run([self._output], {self._input.name: inputs})[0]
        # onnxruntime's exceptions share no base class but Exception.
        except Exception as error:
            raise InputError(
                f"The ONNX file {str(self.path)!r} cannot read rows of shape "
                f"{inputs.shape}: its input {self._input.name!r} is {self._input.type} "
                f"of shape {self._input.shape}. onnxruntime says: {_first_line(error)}"
            ) from error

    def _try_one_row(self) -> None:
        sides = self._input.shape[1:]
        if sides and all(isinstance(side, int) for side in sides):
            fixed = self._input.shape[0]
            n_rows = fixed if isinstance(fixed, int) else 1
            dtype = np.float64 if "double" in self._input.type else np.float32
            said = np.asarray(self._run(np.zeros((n_rows, *sides), dtype)))
            if said.ndim == 2:
                one_column = said.shape[1] == 1 and self.task == "multiclass"
                self._n_outputs = 2 if one_column else said.shape[1]


def _open_session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            "An ONNX teacher needs onnxruntime. Install it with: "
            "pip install 'interpretkd[export]'"
        ) from error
    if not path.is_file():
        raise InputError(f"There is no ONNX file {str(path)!r}.")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # its warnings would go straight to stderr
    try:
        return onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
    # onnxruntime's exceptions share no base class but Exception.
    except Exception as error:
        raise InputError(
            f"The file {str(path)!r} is no ONNX model that can be run. onnxruntime "
            f"says: {_first_line(error)}"
        ) from error


def _only_input(session: Any, path: Any) -> Any:
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in ("tensor(float)", "tensor(double)"):
        found = [f"{i.name} {i.type} {i.shape}" for i in inputs]
        raise InputError(
            f"The ONNX file {str(path)!r} must have one input of floating-point "
            f"numbers. It has {found}."
        )
    return inputs[0]


def _chosen_output(session: Any, path: Any, wanted: str | None) -> str:
    outputs = {output.name: output for output in session.get_outputs()}
    found = [f"{o.name} {o.type} {o.shape}" for o in outputs.values()]
    if wanted is not None:
        if wanted not in outputs:
            raise InputError(
                f"The ONNX file {str(path)!r} has no output {wanted!r}. It has {found}."
            )
        return wanted
    floats = [n for n, o in outputs.items() if o.type in _FLOATS]
    for word in ("logit", "prob", "score"):
        named = [name for name in floats if word in name.lower()]
        if len(named) == 1:
            return named[0]
    if len(floats) == 1:
        return floats[0]
    raise InputError(
        f"The ONNX file {str(path)!r} must have one output of floating-point numbers "
        "(export scikit-learn's classifiers with zipmap=False), or 'output_name' must "
        f"say which is meant. It has {found}."
    )


_FLOATS = ("tensor(float)", "tensor(double)", "tensor(float16)")


def _kind_by_name(name: str, task: str) -> str | None:
    if task == "regression":
        return "values"
    if "prob" in name.lower():
        return "probabilities"
    return "logits" if "logit" in name.lower() else None


def _kind_by_values(said: Any, task: str) -> str:
    if task == "multilabel":
        raise InputError(
            "The 'output' parameter of OnnxTeacher must be 'logits' or 'probabilities' "
            "for labels: the output's name does not tell."
        )
    values = np.asarray(said)
    is_distribution = (
        values.ndim == 2
        and values.shape[1] > 1
        and values.min() >= 0
        and np.allclose(values.sum(axis=1), 1, atol=1e-3)
    )
    return "probabilities" if is_distribution else "logits"


def _onnx_sizes(path: Path) -> tuple[int | None, int]:
    size = path.stat().st_size
    try:
        import onnx
    except ImportError:
        return None, size
    graph = onnx.load(path, load_external_data=False).graph
    numbers = [int(np.prod(list(i.dims), dtype=np.int64)) for i in graph.initializer]
    beside = {
        entry.value
        for initializer in graph.initializer
        for entry in initializer.external_data
        if entry.key == "location"
    }
    size += sum((path.parent / name).stat().st_size for name in beside)
    return sum(numbers), size


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _in_batches(
    ask: Callable[[Any], NDArray[Any]], X: Any, batch_size: int
) -> NDArray[Any]:
    """Fill the answer piece by piece: only it grows with the rows."""
    frame = as_frame(X)
    rows = np.asarray(X) if frame is None else frame
    if rows.ndim < 2:
        raise InputError(f"X must have rows and columns. Got shape {rows.shape}.")
    answers: NDArray[Any] | None = None
    start = 0
    for piece in batches(rows, batch_size):
        part = ask(piece)
        if answers is None:
            answers = np.empty((len(rows), *part.shape[1:]), dtype=part.dtype)
        answers[start : start + len(part)] = part
        start += len(part)
    if answers is None:
        raise InputError(
            "Found an array with 0 samples while a minimum of 1 is required."
        )
    return answers


def _length(X: Any) -> int:
    frame = as_frame(X) if hasattr(X, "columns") else None
    return len(X) if frame is None else len(frame)


def _numbers(rows: Any, dtype: Any) -> NDArray[Any]:
    try:
        if isinstance(rows, pd.DataFrame):
            return rows.to_numpy(dtype=dtype, na_value=np.nan)
        return np.asarray(rows, dtype=dtype)
    except (ValueError, TypeError) as error:
        raise InputError(
            "The rows must be numbers; give a 'preprocess' function that turns others "
            f"into numbers. Got: {error}."
        ) from error


def _reshaped(inputs: Any, shape: tuple[int, ...]) -> Any:
    try:
        return inputs.reshape(len(inputs), *shape)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"Rows of shape {tuple(inputs.shape[1:])} do not fit the input shape "
            f"{tuple(shape)}."
        ) from error


def _to_logits(
    said: Any, kind: str, task: str, name: str, n_rows: int, n_outputs: int | None
) -> Array:
    """Turn a model's answer into logits: one column a class, label or value."""
    values = np.asarray(said, dtype=np.float64)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if kind == "probabilities":
        _check_probabilities(values, name)
    one_column = values.ndim == 2 and values.shape[1] == 1
    if task == "multiclass" and one_column:
        p = values
        values = np.hstack([1 - p, p] if kind == "probabilities" else [-p / 2, p / 2])
    if kind == "probabilities" and task == "multilabel":
        p = np.clip(values, _SMALLEST, 1 - _SMALLEST)
        values = np.log(p) - np.log1p(-p)
    elif kind == "probabilities":
        values = np.log(np.clip(values, _SMALLEST, None))
    return _checked(values, name, n_rows, n_outputs)


def _check_probabilities(values: Array, name: str) -> None:
    if values.size and not (values.min() >= -1e-6 and values.max() <= 1 + 1e-6):
        raise InputError(
            f"The probabilities of {name} must lie in [0, 1]. Got values from "
            f"{values.min():g} to {values.max():g}."
        )


def _checked(said: Any, name: str, n_rows: int, n_outputs: int | None) -> Array:
    logits = np.asarray(said, dtype=np.float64)
    expected = (n_rows, "n_outputs" if n_outputs is None else n_outputs)
    right = logits.ndim == 2 and len(logits) == n_rows
    if not right or (n_outputs is not None and logits.shape[1] != n_outputs):
        raise InputError(
            f"The answer of {name} must be of shape {expected}. Got {logits.shape}."
        )
    if not np.isfinite(logits).all():
        row = int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
        raise InputError(
            f"The answer of {name} must be finite. Got {logits[row].tolist()} for row "
            f"{row}."
        )
    return logits
