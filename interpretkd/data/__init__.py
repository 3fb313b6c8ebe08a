"""Rows as people have them: columns, their kinds, their codes, tables, splits.

Belongs here: reading tables, judging columns, encoding rows, splitting, cell edits.
Does not: models of any kind; the data sets that ship (`datasets`).
Read first: `_schema.py` (columns and kinds), `_rows.py` (rows on their way in).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.data._cells import *
    from interpretkd.data._columns import *
    from interpretkd.data._distances import *
    from interpretkd.data._feature import Codes as Codes, Feature as Feature
    from interpretkd.data._frames import (
        Given as Given,
        as_frame as as_frame,
        plain_value as plain_value,
        to_pandas as to_pandas,
        value_name as value_name,
    )
    from interpretkd.data._images import *
    from interpretkd.data._rows import *
    from interpretkd.data._scale import Scale as Scale
    from interpretkd.data._schema import *
    from interpretkd.data._splits import *
    from interpretkd.data._tables import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _cells: replace_cells spreads value_text
        _columns: RowChoice check_columns choose_rows describe_columns
            split_target target_balance
        _distances: even_space
        _feature: Codes Feature
        _frames: Given as_frame plain_value to_pandas value_name
        _images: image_schema
        _rows: Encoded as_columns batches checked_rows learn_schema stack_rows
            take_rows
        _scale: Scale
        _schema: Column MISSING Rows Schema VALUE check_schema expand
        _splits: Split hold_out split_rows
        _tables: parse_table read_table require_columns
        """,
    )
