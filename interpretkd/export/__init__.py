"""A student in another language: SQL, Python, C, JSON, ONNX, PMML, each proved.

Belongs here: writers, and the check that what is written decides like the student.
Does not: pictures (`drawing`), reports (`reports`), saved runs (`runs`).
Read first: `_export.py` (`export_student`), `_specification.py` (what writers read).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.export._export import (
        EXPORTS as EXPORTS,
        export_student as export_student,
    )
    from interpretkd.export._sql.dialects import DIALECTS as DIALECTS
    from interpretkd.export._sql.statement import conditions_sql as conditions_sql
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        {
            "_export": ["EXPORTS", "export_student"],
            "_sql.dialects": ["DIALECTS"],
            "_sql.statement": ["conditions_sql"],
        },
    )
