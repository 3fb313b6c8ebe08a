"""Waiting for the studio in a browser."""

from typing import Any


def wait_until_idle(page: Any) -> None:
    """Wait until the page is there, all of it, and no script runs."""
    page.locator("h1").first.wait_for(timeout=60_000)
    page.wait_for_function(
        """() => document.querySelector('[data-test-script-state]')
             ?.dataset.testScriptState === 'notRunning'""",
        timeout=60_000,
    )
    page.wait_for_function(
        "() => !document.querySelector('[data-testid=stSkeleton]')", timeout=60_000
    )
    page.wait_for_timeout(200)
