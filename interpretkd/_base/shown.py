"""How results show themselves at a prompt and in a notebook: never as raw arrays."""

from interpretkd._base.markup import escape_html
from interpretkd._base.text import one_line

_LONGEST = 160


class Shown:
    """Shows itself by its text: one line as `repr`, all of it in a notebook.

    A dataclass that inherits it has ``repr=False``, and a `__str__` of its own.
    """

    def __repr__(self) -> str:
        """Return the text's first line, in angle brackets."""
        first = one_line(self._headline)
        if len(first) > _LONGEST:
            first = f"{first[: _LONGEST - 1]}…"
        return f"<{type(self).__name__}: {first}>"

    @property
    def _headline(self) -> str:
        return str(self).strip().split("\n", 1)[0]

    def _repr_html_(self) -> str:
        lines = "\n".join(map(escape_html, str(self).splitlines()))
        return f'<pre style="white-space: pre-wrap">{lines}</pre>'
