"""Letters that no font of this machine has: found, and written in another way.

An accessible PDF may not have a letter that cannot be drawn. Such a letter stands as
its number in Unicode, so that different names stay different, and the report says so.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from interpretkd.reports._document import Document

_REPORTED = re.compile(r"the text `\"((?:[^\"\\`]|\\.)*)\"` could not be displayed")
_ESCAPED = re.compile(r"\\u\{([0-9a-fA-F]+)\}")
_SHOWN = 5


def _letters_without_font(said: str) -> set[str]:
    r"""Read from what Typst said which letters no font has.

    Examples
    --------
    >>> _letters_without_font('error: the text `"漢"` could not be displayed with ...')
    {'漢'}
    """
    texts = [
        _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
        for text in _REPORTED.findall(said)
    ]
    return {letter for text in texts for letter in text if not letter.isascii()}


def _as_numbers(letters: Collection[str]) -> Mapping[int, str]:
    """Return what stands for each letter, for `str.translate`.

    Examples
    --------
    >>> "a 漢".translate(_as_numbers({"漢"}))
    'a [U+6F22]'
    """
    return {ord(letter): f"[U+{ord(letter):04X}]" for letter in letters}


def _with_note(document: Document, letters: Collection[str]) -> Document:
    """Say on the cover which letters stand as numbers."""
    if not letters:
        return document
    numbers = sorted(_as_numbers(letters).values())
    some = ", ".join(numbers[:_SHOWN]) + (", ..." if len(numbers) > _SHOWN else "")
    note = (
        f"No font of this machine has {len(numbers):,} of the letters: each stands as "
        f"its number in Unicode ({some}). The report as .html shows them."
    )
    return replace(document, facts=(*document.facts, ("Letters", note)))
