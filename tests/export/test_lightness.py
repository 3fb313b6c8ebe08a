"""What it costs to read a saved student: no library of networks, pages or plots."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "xgboost", "matplotlib", "streamlit"}


@pytest.mark.parametrize(
    "taken",
    [
        "models import Forest, Linear, Scorecard, Tree",
        "targets import Target",
        "rules import extract_rules",
        "metrics import fidelity",
    ],
)
def test_reading_a_student_needs_no_network_library(taken):
    code = f"import sys; from interpretkd.{taken}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {name.split(".")[0] for name in done.stdout.split()} & HEAVY
