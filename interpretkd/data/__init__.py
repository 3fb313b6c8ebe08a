"""Rows as people have them: columns, their kinds, their codes, tables, splits.

Belongs here: reading tables, judging columns, encoding rows, splitting, cell edits.
Does not: models of any kind; the data sets that ship (`datasets`).
Read first: `_schema.py` (columns and kinds), `_rows.py` (rows on their way in).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.data._by_schema import *
    from interpretkd.data._cells import *
    from interpretkd.data._column_problems import (
        check_columns as check_columns,
        counter_notes as counter_notes,
        group_notes as group_notes,
        id_columns as id_columns,
        refuse_columns as refuse_columns,
    )
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
    from interpretkd.data._groups import *
    from interpretkd.data._images import *
    from interpretkd.data._ranges import *
    from interpretkd.data._rows import *
    from interpretkd.data._scale import Scale as Scale
    from interpretkd.data._schema import *
    from interpretkd.data._splits import *
    from interpretkd.data._table_options import (
        ReadTable as ReadTable,
        TableOptions as TableOptions,
    )
    from interpretkd.data._tables import (
        as_they_stand as as_they_stand,
        frame_of as frame_of,
        open_table as open_table,
        parse_table as parse_table,
        raw_columns as raw_columns,
        read_table as read_table,
        require_columns as require_columns,
    )
    from interpretkd.data._unseen import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _by_schema: parse_rows read_rows
        _cells: replace_cells spreads value_text
        _column_problems: check_columns counter_notes group_notes id_columns
            refuse_columns
        _columns: RowChoice choose_rows describe_columns split_target target_balance
        _distances: even_space
        _feature: Codes Feature
        _frames: Given as_frame plain_value to_pandas value_name
        _groups: group_positions
        _images: image_schema
        _ranges: Ranges
        _rows: Encoded as_columns batches checked_rows learn_schema stack_rows
            take_rows
        _scale: Scale
        _schema: Column MISSING Rows Schema VALUE check_schema expand
        _splits: Split hold_out split_rows
        _table_options: ReadTable TableOptions
        _tables: as_they_stand frame_of open_table parse_table raw_columns read_table
            require_columns
        _unseen: UnseenCells unseen_cells
        """,
    )
