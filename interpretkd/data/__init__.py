"""Rows as people have them: columns, their kinds, their codes, tables, splits.

Belongs here: reading tables, judging columns, encoding rows, splitting, cell edits.
Does not: models of any kind; the data sets that ship (`datasets`).
Read first: `_schema.py` (columns and kinds), `_rows.py` (rows on their way in).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.data._cells import (
        replace_cells as replace_cells,
        spreads as spreads,
        value_text as value_text,
    )
    from interpretkd.data._columns import (
        RowChoice as RowChoice,
        check_columns as check_columns,
        choose_rows as choose_rows,
        describe_columns as describe_columns,
        split_target as split_target,
        target_balance as target_balance,
    )
    from interpretkd.data._distances import even_space as even_space
    from interpretkd.data._feature import (
        Codes as Codes,
        Feature as Feature,
        plain_value as plain_value,
    )
    from interpretkd.data._images import image_schema as image_schema
    from interpretkd.data._rows import (
        Encoded as Encoded,
        as_columns as as_columns,
        batches as batches,
        checked_rows as checked_rows,
        learn_schema as learn_schema,
        stack_rows as stack_rows,
        take_rows as take_rows,
    )
    from interpretkd.data._schema import (
        MISSING as MISSING,
        VALUE as VALUE,
        Column as Column,
        Rows as Rows,
        Schema as Schema,
        as_frame as as_frame,
        check_schema as check_schema,
        expand as expand,
    )
    from interpretkd.data._splits import (
        Split as Split,
        hold_out as hold_out,
        split_rows as split_rows,
    )
    from interpretkd.data._tables import (
        parse_table as parse_table,
        read_table as read_table,
        require_columns as require_columns,
    )
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _cells: replace_cells spreads value_text
        _columns: RowChoice check_columns choose_rows describe_columns
            split_target target_balance
        _distances: even_space
        _feature: Codes Feature plain_value
        _images: image_schema
        _rows: Encoded as_columns batches checked_rows learn_schema stack_rows
            take_rows
        _schema: Column MISSING Rows Schema VALUE as_frame check_schema expand
        _splits: Split hold_out split_rows
        _tables: parse_table read_table require_columns
        """,
    )
