"""What the pages at the root point to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")
NAMED = ("README.md", *PAGES)


def text(page):
    return (ROOT / page).read_text("utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    links = set(re.findall(r"\]\((?!https?:|#)([^)#]+)", text(page)))
    assert {link for link in links if not (ROOT / link).exists()} == set()


def test_the_readme_leads_to_every_page():
    assert all(f"]({page})" in text("README.md") for page in PAGES)


@pytest.mark.parametrize("page", NAMED)
def test_files_and_folders_that_are_named_exist(page):
    """A path in backticks is below the root, or below the library."""
    code = re.sub(r"```.*?```", "", text(page), flags=re.DOTALL)
    paths = set(re.findall(r"`([\w./]+/[\w./]*)`", code))
    places = (ROOT, ROOT / "interpretkd")
    assert {p for p in paths if not any((one / p).exists() for one in places)} == set()
