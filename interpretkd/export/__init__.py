"""A student in another language: SQL, Python, C, JSON, ONNX, PMML, CSV; and DOT.

Belongs here: writers, and the check that what is written decides like the student.
Does not: pictures (`drawing`), reports (`reports`), saved runs (`runs`).
Read first: `_export.py` (`export_student`), `_specification.py` (what writers read).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.export._export import *
    from interpretkd.export._parity import Parity as Parity, ParityError as ParityError
    from interpretkd.export._sql.conditions import *
    from interpretkd.export._sql.dialects import *
    from interpretkd.export._to_json import (
        json_schema as json_schema,
        read_json as read_json,
    )
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _export: EXPORTS Export export_student
        _parity: Parity ParityError
        _sql.conditions: conditions_sql
        _sql.dialects: DIALECTS
        _to_json: json_schema read_json
        """,
    )
