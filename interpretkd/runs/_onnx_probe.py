"""The child that tries an ONNX file: ``python -m interpretkd.runs._onnx_probe``.

It ends with 3 when the memory that it is given is not enough. Whatever else is wrong
with the file is not said here, but by whoever opens it after.
"""

import contextlib
import sys
from pathlib import Path
from typing import Any

_TRIALS = ((0.0, 256), (1.0, 1), (1e6, 1))
"""Values and how many rows of them."""
_SHORT_OF_MEMORY = ("alloc", "memory", "length_error", "require more than")


def main() -> None:
    """Open a file and run it on made rows.

    Raises
    ------
    SystemExit
        With 3 when there is not enough memory.
    """
    import numpy as np
    import onnxruntime

    path, most = sys.argv[1], int(sys.argv[2])
    _limit_memory(most)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        for value, n_rows in _TRIALS:
            rows = {
                one.name: np.full(_sides(one.shape, n_rows), value, _dtype(one.type))
                for one in session.get_inputs()
            }
            session.run(None, rows)
    except MemoryError:
        sys.exit(3)
    except Exception as error:  # onnxruntime's share no base class
        if any(word in str(error).lower() for word in _SHORT_OF_MEMORY):
            sys.exit(3)


def _limit_memory(most: int) -> None:
    """Allow so many bytes beyond what is loaded, where the system keeps count."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most += pages * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _sides(shape: list[Any], n_rows: int) -> list[int]:
    """Return the sides of an input, with open ones set."""
    sides = [side if isinstance(side, int) and side > 0 else 1 for side in shape]
    if shape and not isinstance(shape[0], int):
        sides[0] = n_rows
    return sides


def _dtype(kind: str) -> str:
    return "float64" if "double" in kind else "float32"


if __name__ == "__main__":
    main()
