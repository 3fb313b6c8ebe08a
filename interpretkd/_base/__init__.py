"""What every room stands on: errors, argument checks, files, text, markup.

Belongs here: what knows neither rows nor models, and is needed in many rooms.
Does not: anything that knows a schema, a teacher or a student.
Read first: `errors.py` (the one error that users meet), `lazy.py` (how rooms resolve).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd._base.errors import (
        BundleError as BundleError,
        InputError as InputError,
        naming_file as naming_file,
    )
    from interpretkd._base.files import (
        csv_text as csv_text,
        write_atomically as write_atomically,
    )
    from interpretkd._base.markup import (
        UNKNOWN as UNKNOWN,
        escape_html as escape_html,
        escape_markdown as escape_markdown,
        html_block as html_block,
        html_page as html_page,
        html_table as html_table,
        latex_table as latex_table,
        markdown_table as markdown_table,
        numeric_columns as numeric_columns,
        table_cells as table_cells,
    )
    from interpretkd._base.text import (
        joined as joined,
        number_text as number_text,
        one_line as one_line,
        prediction_text as prediction_text,
    )
    from interpretkd._base.typing import Array as Array, Flags as Flags, Whole as Whole
    from interpretkd._base.validation import (
        check_boolean as check_boolean,
        check_choice as check_choice,
        check_integer as check_integer,
        check_real as check_real,
        closest as closest,
    )
    from interpretkd._base.version import __version__ as __version__
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        errors: BundleError InputError naming_file
        files: csv_text write_atomically
        markup: UNKNOWN escape_html escape_markdown html_block html_page
            html_table latex_table markdown_table numeric_columns table_cells
        text: joined number_text one_line prediction_text
        typing: Array Flags Whole
        validation: check_boolean check_choice check_integer check_real closest
        version: __version__
        """,
    )
