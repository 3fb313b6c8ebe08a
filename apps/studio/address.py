"""What stands in the address, so that a link leads to the same page and Back works.

Nothing else reads or writes it, beside the widgets that Streamlit binds to it.
"""

from typing import Any, NoReturn

import streamlit as st
from caches import whole
from session import chosen, remember, remembered

__all__ = [
    "go",
    "is_followed",
    "link",
    "look_at",
    "note",
    "noted",
    "number",
    "of_run",
    "row_number",
    "write",
]


def of_run() -> dict[str, str]:
    """Return what every page's address says: the run, and the size if it was cut."""
    found = chosen()
    if found is None:
        return {}
    size = {} if found.size is None else {"size": str(found.size)}
    return {"run": found.run.key, **size}


def number(name: str, default: int, low: int, high: int) -> int:
    """Return a whole number of the address; the default where there is none.

    Out of range or no number, it is the default, and the page says so.
    """
    given = st.query_params.get(name)
    if given is None:
        return default
    if given.isascii() and given.isdigit() and low <= int(given[:12]) <= high:
        return int(given)
    st.warning(
        f"The address asks for the {name} {given[:40]!r}; there are {low} to {high}. "
        f"This is {name} {default}.",
        title=f"No such {name}",
    )
    return default


def noted(name: str) -> str | None:
    """Return what the address says under a name; None where it says nothing."""
    found: str | None = st.query_params.get(name)
    return found


def note(name: str, text: str | None) -> None:
    """Write something under a name into the address; None takes it out."""
    if text is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != text:
        st.query_params[name] = text


def is_followed(name: str, widget: str) -> bool:
    """Say whether the address was changed by a person: typed, or by Back.

    Not so when the widget itself was moved: its next move may come before the address
    of the last one has reached the browser.
    """
    text, value = remembered("written", {}).get(name, (None, None))
    moved = st.session_state.get(widget) != value
    return not moved and st.query_params.get(name) != text


def write(name: str, text: str | None, widget: str) -> None:
    """Write what a widget says into the address, and note that it was us."""
    said = (text, st.session_state.get(widget))
    remember("written", remembered("written", {}) | {name: said})
    note(name, text)


def go(page: str, **where: Any) -> NoReturn:
    """Show another page, with what stands in its address."""
    texts = {name: str(value) for name, value in where.items()}
    st.switch_page(f"views/{page}.py", query_params=of_run() | texts)


def link(label: str, page: str, **where: Any) -> None:
    """Show a link to another page, with what stands in its address.

    A link and no button: only then does the browser's Back lead to the page as it was.
    """
    st.page_link(
        f"views/{page}.py",
        label=label,
        icon=":material/arrow_forward:",
        query_params=of_run() | {name: str(value) for name, value in where.items()},
    )


def row_number() -> int:
    """Return which row of the whole run is looked at, from 1; it is in the address."""
    n_rows = len(whole())
    row = number("row", min(remembered("row", 1), n_rows), 1, n_rows)
    st.query_params["row"] = str(row)
    remember("row", row)
    return row


def look_at(row: int) -> None:
    """Look at another row, from 1, on whatever page this is."""
    st.query_params["row"] = str(row)
    remember("row", row)
