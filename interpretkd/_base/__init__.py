"""What every room stands on: errors, argument checks, files, text, markup.

Belongs here: what knows neither rows nor models, and is needed in many rooms.
Does not: anything that knows a schema, a teacher or a student.
Read first: `errors.py` (the one error that users meet), `lazy.py` (how rooms resolve).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd._base.errors import *
    from interpretkd._base.files import *
    from interpretkd._base.markup import *
    from interpretkd._base.progress import *
    from interpretkd._base.shown import *
    from interpretkd._base.text import *
    from interpretkd._base.threads import *
    from interpretkd._base.typing import *
    from interpretkd._base.validation import *
    from interpretkd._base.version import __version__ as __version__
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        errors: BundleError InputError PrecisionWarning naming_file
        files: csv_text write_atomically
        markup: UNKNOWN escape_html escape_markdown html_block html_page
            html_table latex_table markdown_table numeric_columns table_cells
        progress: Steps duration_text showing
        shown: Shown
        text: amount_text counted joined number_text one_line prediction_text
            signed_text thousands_apart threshold_text
        threads: allowed_threads patient_threads threads_for
        typing: Array Flags Whole
        validation: check_boolean check_choice check_integer check_real closest
        version: __version__
        """,
    )
