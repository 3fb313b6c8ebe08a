"""The data sets that ship with the library, each with its source and licence.

Belongs here: `load_*` functions and the search for their files.
Does not: how rows are split (`data`), and tables that users bring (`data`).
Read first: `_loaders.py`; the files lie in `datasets/` at the top of the repository.
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.datasets._loaders import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _loaders: Dataset load_breast_cancer load_connect4 load_digits
            load_german_credit load_italy_power load_mnist
        """,
    )
