"""How far a task is, and what is left; a bar where it is wished, and nowhere else."""

import sys
from typing import Any

import pytest
from hypothesis import given, strategies as st
from rich.console import Console

from interpretkd._base import Steps, duration_text, progress, showing

SECONDS = st.floats(0.01, 1e4)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@given(st.lists(SECONDS, min_size=1, max_size=6), SECONDS, st.integers(1, 9))
def test_a_machine_of_steady_pace_is_foretold(
    expected: list[float], pace: float, n_parts: int
) -> None:
    clock = Clock()
    steps = Steps(expected, now=clock)
    shares = []
    for step in expected:
        steps.begin("a step")
        for part in range(1, n_parts + 1):
            clock.time += pace * step / n_parts
            steps.part(part, n_parts)
            shares.append(steps.share)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert steps.seconds_left() == pytest.approx(0.0, abs=1e-6 * pace * sum(expected))


def test_what_was_seen_takes_the_place_of_what_was_expected() -> None:
    clock = Clock()
    steps = Steps([10.0, 30.0], now=clock)
    steps.begin("one")
    assert steps.seconds_left() == 40.0
    clock.time = 40.0  # four times as slow
    steps.begin("two")
    assert 30 * 3.4 < steps.seconds_left() < 30 * 4
    before = steps.seconds_left()
    clock.time += 10
    assert steps.seconds_left() == before - 10  # it goes on while nothing is told
    clock.time += 1e6
    assert steps.seconds_left() == 0.0


def test_a_step_that_was_not_expected_counts_nothing() -> None:
    steps = Steps([1.0])
    for text in ("known", "further", "more"):
        steps.begin(text)
    assert (steps.share, steps.text) == (1.0, "more")
    steps.end()
    assert steps.share == 1.0


def test_the_text_of_a_step_is_one_line() -> None:
    steps = Steps([1.0])
    steps.begin("Training\n[red] ...")
    assert steps.text == "Training [red]"


def test_nothing_is_shown_unless_wished(capsys: Any) -> None:
    with showing([1.0], shown=False) as steps:
        steps.begin("quiet")
    assert capsys.readouterr() == ("", "")
    with showing([1.0], shown=True) as steps:
        steps.begin("[b]loud[/b]")
        sys.stdout.write("said meanwhile\n")
    said = capsys.readouterr()
    assert said.out == "said meanwhile\n"
    assert "[b]loud[/b]" in said.err
    assert "left" not in said.err  # it has ended


def test_a_terminal_is_told_what_is_left(monkeypatch: Any) -> None:
    terminal = Console(force_terminal=True, width=100, record=True)
    monkeypatch.setattr(progress, "Console", lambda **_: terminal)
    with showing([50.0, 50.0], shown=True) as steps:
        steps.begin("the first")
        bar = progress._Bar(steps, console=terminal)
        terminal.print(*bar.get_renderables())
    assert "the first" in (said := terminal.export_text())
    assert "about 2 minutes left" in said


@given(st.floats(0, 1e6))
def test_durations_have_a_unit(seconds: float) -> None:
    number, unit = duration_text(seconds).split()
    assert int(number.replace(",", "")) >= 1
    assert unit in ("second", "seconds", "minute", "minutes")
    assert (unit.rstrip("s") == "minute") == (seconds >= 90)
