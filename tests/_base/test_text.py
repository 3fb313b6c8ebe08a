import numpy as np
import pytest
from hypothesis import given, strategies as st

from interpretkd._base import joined, number_text, one_line, prediction_text


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_numbers_name_their_float32_and_no_other(value: float) -> None:
    text = number_text(value)
    assert np.float32(float(text)) == np.float32(value)
    assert set(text) <= set("-.0123456789")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.0, "0"),
        (1e20, "100000000000000000000"),
        (-2.5, "-2.5"),
        (1e-9, "0.000000001"),
    ],
)
def test_numbers_are_told_without_exponent(value: float, text: str) -> None:
    assert number_text(value) == text


@given(st.text())
def test_a_text_becomes_one_line_of_its_length(text: str) -> None:
    line = one_line(text)
    assert len(line) == len(text)
    assert line.isprintable() or not line
    assert len(line.splitlines()) <= 1


def test_marks_that_turn_the_writing_are_taken_out() -> None:
    assert one_line("a\u202eb\u2066c\x1b[31m") == "a b c [31m"
    assert one_line("\u0627\u0644\u0639\u0645\u0631 \U0001f600") == (
        "\u0627\u0644\u0639\u0645\u0631 \U0001f600"
    )


def test_lists_are_cut_only_where_that_saves_something() -> None:
    names = list("abcdefg")
    assert joined(names) == "a, b, c, d, e, f, g"
    assert joined(names, 6) == "a, b, c, d, e, f, g"
    assert joined(names, 5) == "a, b, c, d, e and 2 more"
    assert joined([], 5) == ""


@pytest.mark.parametrize(
    ("prediction", "text"),
    [
        (1234567.0, "1,234,567"),
        (("a", "b"), "{a, b}"),
        ((), "{}"),
        ([1.0, 0.25], "(1, 0.25)"),
        ("good", "good"),
        (2, "2"),
    ],
)
def test_predictions_in_words(prediction: object, text: str) -> None:
    assert prediction_text(prediction) == text
