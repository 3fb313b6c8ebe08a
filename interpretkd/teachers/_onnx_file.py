"""An ONNX file as a teacher."""

import os
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, allowed_threads
from interpretkd.teachers._frozen import (
    _first_line,
    _Frozen,
    _numbers,
    _reshaped,
)


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
        self._open(None)

    @classmethod
    def of_content(
        cls, content: bytes, path: str | os.PathLike[str], **settings: Any
    ) -> Self:
        """Make a teacher of the content of a file, which may be gone meanwhile.

        Parameters
        ----------
        content : bytes
            All of it.
        path : str or path
            What it is called; nothing is read there.
        **settings
            The other parameters.

        Returns
        -------
        OnnxTeacher
            As of the file.
        """
        made = cls.__new__(cls)
        for name, parameter in signature(cls).parameters.items():
            setattr(made, name, settings.get(name, parameter.default))
        made.path = path
        made._open(content)
        return made

    def _open(self, content: bytes | None) -> None:
        """Open the file, or what is known of its content."""
        self._check()
        self._content = content
        self._session = _open_session(Path(self.path), content)
        self._input = _only_input(self._session, self.path)
        self._output = _chosen_output(self._session, self.path, self.output_name)
        self._named = _kind_by_name(self._output, self.task)
        self.n_parameters, self.size_bytes = _onnx_sizes(Path(self.path), content)

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
        if self._content is not None:
            return self._content
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
        if self.output == "auto" and self._named is not None:
            return self._named
        return super()._kind(said)

    def _kind_by_values(self, said: Any) -> str:
        if self.task == "multilabel":
            raise InputError(
                "The 'output' parameter of OnnxTeacher must be 'logits' or "
                "'probabilities' for labels: the output's name does not tell."
            )
        return super()._kind_by_values(said)

    def _check_told(self, said: Array) -> None:
        if self._named is None:
            super()._check_told(said)

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


def _open_session(path: Path, content: bytes | None) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            "An ONNX teacher needs onnxruntime. Install it with: "
            "pip install 'interpretkd[export]'"
        ) from error
    if content is None and not path.is_file():
        raise InputError(f"There is no ONNX file {str(path)!r}.")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # its warnings would go straight to stderr
    options.intra_op_num_threads = allowed_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            content or path, options, providers=["CPUExecutionProvider"]
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


def _chosen_output(session: Any, path: Any, name: str | None) -> str:
    outputs = {output.name: output for output in session.get_outputs()}
    found = [f"{o.name} {o.type} {o.shape}" for o in outputs.values()]
    if name is not None:
        if name not in outputs:
            raise InputError(
                f"The ONNX file {str(path)!r} has no output {name!r}. It has {found}."
            )
        return name
    floats = [n for n, o in outputs.items() if o.type in _FLOATS]
    for word in ("logit", "prob", "score"):
        named = [n for n in floats if word in n.lower()]
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


def _onnx_sizes(path: Path, content: bytes | None) -> tuple[int | None, int]:
    size = path.stat().st_size if content is None else len(content)
    try:
        import onnx
    except ImportError:
        return None, size
    if content is None:
        model = onnx.load(path, load_external_data=False)
    else:
        model = onnx.load_model_from_string(content)
    graph = model.graph
    numbers = [int(np.prod(list(i.dims), dtype=np.int64)) for i in graph.initializer]
    beside = {
        entry.value
        for initializer in graph.initializer
        for entry in initializer.external_data
        if entry.key == "location"
    }
    size += sum((path.parent / name).stat().st_size for name in beside)
    return sum(numbers), size
