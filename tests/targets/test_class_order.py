"""Numbers are put in order by their value, also where they are texts."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from interpretkd._base import InputError
from interpretkd.targets import classes_as_named, classes_in_order


@given(st.lists(st.integers(-(10**30), 10**30), min_size=1, max_size=30))
def test_whole_numbers_have_one_order_as_texts_and_as_numbers(
    numbers: list[int],
) -> None:
    texts = np.array([str(number) for number in numbers])
    expected = [str(number) for number in sorted(set(numbers))]
    assert classes_in_order(texts).tolist() == expected
    assert classes_in_order(texts.astype(object)).tolist() == expected
    small = np.array([number % 1000 for number in numbers])
    assert classes_in_order(small).tolist() == sorted(set(small.tolist()))


@given(st.lists(st.text(max_size=3), min_size=1, max_size=20))
def test_words_are_sorted_as_numpy_sorts_them(words: list[str]) -> None:
    labels = np.array(["a", *words], dtype=object)
    assert classes_in_order(labels).tolist() == np.unique(labels).tolist()


def test_fractions_and_zeros_in_front_are_numbers() -> None:
    assert classes_in_order(np.array(["10.0", "2.0", "1.5"])).tolist() == [
        "1.5",
        "2.0",
        "10.0",
    ]
    assert classes_in_order(np.array(["10", "02", "2"])).tolist() == ["02", "2", "10"]
    assert classes_in_order(np.array([True, False])).tolist() == [False, True]


@given(st.permutations(["b", "a", "10", "2"]))
def test_names_give_the_order(names: list[str]) -> None:
    labels = np.array(["a", "b", "2", "10", "a"])
    assert classes_as_named(names, labels).tolist() == names
    assert classes_as_named([*names, "more"], labels).tolist() == [*names, "more"]


@pytest.mark.parametrize("kind", [np.int64, np.float64, np.uint8])
def test_names_of_numbers_become_numbers(kind: type) -> None:
    labels = np.array([1, 10, 2], dtype=kind)
    found = classes_as_named(["10", "2", "1", "11"], labels)
    assert found.dtype == labels.dtype
    assert found.tolist() == [10, 2, 1, 11]


@pytest.mark.parametrize(
    ("names", "labels", "match"),
    [
        (["a"], ["a", "b"], "lacks 'b'"),
        (["a", "b", "a"], ["a", "b"], "names 'a' twice"),
        (["1", "x"], [1, 2], "must name numbers"),
        (["1"], [1, 2], "lacks '2'"),
    ],
)
def test_other_names_are_refused(names: list[str], labels: list, match: str) -> None:
    with pytest.raises(InputError, match=match):
        classes_as_named(names, np.array(labels))
