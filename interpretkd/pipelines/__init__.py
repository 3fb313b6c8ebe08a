"""Students behind a scikit-learn pipeline, told in the columns before it.

Belongs here: reading fitted transformers, rewriting tests in original columns.
Does not: fitting pipelines, which is scikit-learn's.
Read first: `_original_units.py` (the way back), `_probing.py` (one transformer asked).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.pipelines._original_units import (
        PreparedTeacher as PreparedTeacher,
        in_original_units as in_original_units,
    )
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _original_units: PreparedTeacher in_original_units
        """,
    )
