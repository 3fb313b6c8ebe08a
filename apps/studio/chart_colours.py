"""The colours of the pages' charts: those of the library's one palette."""

import streamlit as st

from interpretkd.drawing import LINE_COLOURS, Theme, colours

__all__ = ["BLUE", "GREEN", "GREY", "ORANGE", "PURPLE", "SKY", "VERMILION", "by_theme"]

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = LINE_COLOURS[:6]
GREY = "#808080"
"""For what stands in the background; it is seen on white and on black."""


def by_theme() -> Theme:
    """Return the palette by role, in the shades that the page's theme asks for."""
    return colours("dark" if st.context.theme.type == "dark" else "light")
