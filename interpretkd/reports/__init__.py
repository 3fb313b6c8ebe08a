"""The document that a model-risk officer signs, and its writers.

Belongs here: sections, blocks, and HTML, Markdown, JSON and PDF.
Does not: measuring (`evaluation`), pictures (`drawing`).
Read first: `_report.py` (`make_report`), `_document.py` (what a document is).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.reports._document import *
    from interpretkd.reports._manual_sections import (
        INFO as INFO,
        read_info as read_info,
    )
    from interpretkd.reports._report import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _document: Block Bullets Code Document Figure Paragraph Section Table
        _manual_sections: INFO read_info
        _report: Report make_report report_on
        """,
    )
