from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from interpretkd.drawing import text_width, wrap
from interpretkd.drawing._tree_layout import _place_in_levels, _place_tidily

GAP = 3.0


def _arrays(shape: Any) -> tuple[list[int], list[int], list[int]]:
    """Number the nodes of a nested pair of pairs, parents before children."""
    left, right, depth = [-1], [-1], [0]
    waiting = [(0, shape)]
    while waiting:
        node, below = waiting.pop()
        if below is None:
            continue
        for child, side in zip(below, (left, right), strict=True):
            side[node] = len(left)
            left.append(-1)
            right.append(-1)
            depth.append(depth[node] + 1)
            waiting.append((side[node], child))
    return left, right, depth


SHAPES = st.recursive(st.none(), lambda c: st.tuples(c, c), max_leaves=40)


def _mirrored(shape: Any) -> Any:
    return None if shape is None else (_mirrored(shape[1]), _mirrored(shape[0]))


@given(SHAPES, st.randoms(use_true_random=False))
def test_boxes_of_one_level_keep_the_gap_and_their_order(
    shape: Any, random: Any
) -> None:
    left, right, depth = _arrays(shape)
    breadth = [random.uniform(1, 30) for _ in left]
    centre = _place_tidily(left, right, breadth, GAP)
    low, high = centre - np.array(breadth) / 2, centre + np.array(breadth) / 2
    assert low.min() == pytest.approx(0)
    # From left to right, as one reads the tree.
    order, waiting = [], [0]
    while waiting:
        node = waiting.pop()
        order.append(node)
        if left[node] >= 0:
            waiting += [right[node], left[node]]
    for level in range(max(depth) + 1):
        row = [node for node in order if depth[node] == level]
        for first, second in pairwise(row):
            assert low[second] - high[first] >= GAP - 1e-6


@given(SHAPES, st.randoms(use_true_random=False))
def test_a_parent_stands_in_the_middle_and_children_touch(
    shape: Any, random: Any
) -> None:
    left, right, depth = _arrays(shape)
    breadth = [random.uniform(1, 30) for _ in left]
    centre = _place_tidily(left, right, breadth, GAP)

    def below(node: int) -> list[int]:
        if left[node] < 0:
            return [node]
        return [node, *below(left[node]), *below(right[node])]

    for node, child in enumerate(left):
        if child < 0:
            continue
        middle = (centre[child] + centre[right[node]]) / 2
        assert centre[node] == pytest.approx(middle)
        # Nothing could be closer: on some level the two subtrees are one gap apart.
        first, second = below(child), below(right[node])
        gaps = [
            (centre[j] - breadth[j] / 2) - (centre[i] + breadth[i] / 2)
            for i in first
            for j in second
            if depth[i] == depth[j]
        ]
        assert min(gaps) == pytest.approx(GAP)


@given(SHAPES)
def test_a_mirrored_tree_has_a_mirrored_picture(shape: Any) -> None:
    def places(pairs: Any) -> list[list[float]]:
        left, right, depth = _arrays(pairs)
        centre = _place_tidily(left, right, [10.0] * len(left), GAP)
        levels: list[list[float]] = [[] for _ in range(max(depth) + 1)]
        for x, level in zip(centre, depth, strict=True):
            levels[level].append(float(x))
        return levels

    straight, mirrored = places(shape), places(_mirrored(shape))
    ends = [max(map(max, levels)) + 5 for levels in (straight, mirrored)]
    assert ends[0] == pytest.approx(ends[1])
    for here, there in zip(straight, mirrored, strict=True):
        turned = sorted(ends[0] - x for x in there)
        assert sorted(here) == pytest.approx(turned)


def test_equal_subtrees_look_equal() -> None:
    twig = ((None, None), None)
    left, right, _ = _arrays(((twig, None), (None, (None, twig))))
    centre = _place_tidily(left, right, [10.0] * len(left), GAP)

    def offsets(node: int) -> list[float]:
        if left[node] < 0:
            return []
        here = [centre[left[node]] - centre[node], centre[right[node]] - centre[node]]
        return [*here, *offsets(left[node]), *offsets(right[node])]

    first, second = left[left[0]], right[right[right[0]]]
    assert offsets(first) == pytest.approx(offsets(second))


def test_a_chain_is_deeper_than_the_stack() -> None:
    n_nodes = 20_001
    inner = [i % 2 == 0 and i + 2 < n_nodes for i in range(n_nodes)]
    left = [i + 1 if is_inner else -1 for i, is_inner in enumerate(inner)]
    right = [i + 2 if is_inner else -1 for i, is_inner in enumerate(inner)]
    centre = _place_tidily(left, right, [10.0] * n_nodes, GAP)
    assert np.ptp(centre) == pytest.approx((n_nodes // 2) * 6.5 + 6.5, rel=0.01)


def test_a_single_node_stands_at_its_half() -> None:
    assert _place_tidily([-1], [-1], [8.0], GAP).tolist() == [4.0]


def test_levels_are_as_long_as_their_longest_box() -> None:
    start, total = _place_in_levels([0, 1, 1, 2], [5.0, 7, 3, 4], 2.0)
    assert start.tolist() == [0, 7, 7, 16]
    assert total == 20


def test_widths_are_those_of_helvetica() -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.font_manager import FontManager, FontProperties, fontManager
    from matplotlib.textpath import TextToPath

    assert isinstance(fontManager, FontManager)
    if "Liberation Sans" not in {font.name for font in fontManager.ttflist}:
        pytest.skip("Liberation Sans is not installed")
    for weight in ("normal", "bold"):
        font = FontProperties(family="Liberation Sans", size=100, weight=weight)
        for text in (
            "credit amount <= 9118.5",
            "WAVY {car (used), radio}",
            "iiii|..'~",
        ):
            drawn, _, _ = TextToPath().get_text_width_height_descent(text, font, False)
            estimated = text_width(text, 100, bold=weight == "bold")
            assert estimated == pytest.approx(drawn, rel=0.03)  # kerning


@pytest.mark.parametrize(
    ("text", "least"),
    [("السن بالسنوات", 60), ("年齢年齢", 48), ("🙂🙂", 24), ("e\u0301", 6), ("é", 6)],
)
def test_other_scripts_have_a_width(text: str, least: float) -> None:
    assert least <= text_width(text, 12) <= 2.2 * least


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=300)


@given(WORDS, st.floats(40, 300), st.integers(1, 4))
def test_lines_fit_and_lose_nothing_but_their_middle(
    text: str, width: float, most: int
) -> None:
    lines = wrap(text, width, 12, most_lines=most)
    assert 1 <= len(lines) <= most
    for line in lines:
        # A single character may be wider than any line.
        assert text_width(line, 12) <= width + 0.01 or len(line) <= 1
    shown, whole = "".join("".join(lines).split()), "".join(text.split())
    if shown != whole:
        assert shown.count("…") > whole.count("…") or "…" in shown
        begin = shown.split("…")[0]
        assert whole.startswith(begin)


def test_the_end_of_a_test_is_kept() -> None:
    for name in ("word " * 60, "x" * 300, "a_long_name_of_parts_" * 20):
        lines = wrap(f"{name} <= 30 or missing", 180, 12)
        assert " ".join(lines).endswith("<= 30 or missing")
        assert len(lines) == 3


def test_a_long_name_is_broken_at_its_marks() -> None:
    lines = wrap("status_of_existing_checking_account is A11", 170, 12)
    assert lines == ("status_of_existing_checking_", "account is A11")
