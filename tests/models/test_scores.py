"""Scores add up exactly what they say, and corrupt ones are errors."""

import math
import re
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays as drawn_arrays

from interpretkd._base import InputError
from interpretkd.data import Feature, Schema
from interpretkd.models import (
    Nodes,
    Score,
    ScoredSchema,
    ScoredTree,
    Term,
    given_schema,
)

GIVEN = Schema(
    (
        Feature("duration"),
        Feature("amount", has_missing=True),
        Feature("home", "categorical", ("own", "rent", "free"), has_missing=True),
        Feature("age"),
    )
)
SCORE = Score((Term(0, 2), Term(1, -1, tens=3, fill=2500.0), Term(2, 3, 0, 0.0, (1,))))


def tree_of(schema: Schema, **changes: Any) -> ScoredTree:
    arrays: dict[str, Any] = {
        "feature": [0, -1, -1],
        "threshold": [40, 0, 0],
        "missing_left": [False] * 3,
        "left": [1, -1, -1],
        "right": [2, -1, -1],
        "left_categories": np.zeros(0, dtype=bool),
        "roots": [0],
    }
    nodes = Nodes(schema, **{**arrays, **changes})
    return ScoredTree(nodes, [[0.3], [0.2], [0.6]], [4, 3, 1], support=[4, 3, 1])


@st.composite
def numeric_scores(draw: Any) -> Score:
    columns = draw(st.lists(st.integers(0, 4), min_size=1, max_size=5, unique=True))
    points = st.integers(-9, 9).filter(bool)
    fills = st.floats(-1e6, 1e6, width=32)
    return Score(
        tuple(
            Term(column, draw(points), draw(st.integers(0, 4)), draw(fills))
            for column in columns
        )
    )


@settings(max_examples=60, deadline=None)
@given(
    numeric_scores(),
    drawn_arrays(
        np.float32,
        (6, 5),
        elements=st.one_of(
            st.integers(-(2**20), 2**20).map(float), st.just(float("nan"))
        ),
    ),
)
def test_of_whole_numbers_the_sum_is_exact(score: Score, codes: Any) -> None:
    schema = ScoredSchema(Schema(tuple(map(Feature, "abcde"))), (), (score,))
    for row, seen in zip(codes, schema.see(codes)[:, 0], strict=True):
        exact = Fraction(0)
        for term in score.terms:
            x = float(row[term.column])
            counted = Fraction(term.fill if math.isnan(x) else x)
            exact += term.points * counted / 10**term.tens
        # From the exact sum to float64 and on to float32: what a program would do.
        assert seen == np.float32(float(exact))


def test_a_score_says_what_it_adds_up() -> None:
    schema = ScoredSchema(GIVEN, (3,), (SCORE,))
    text = "2 x duration - 1 x (amount / 1000) (2500 if missing) + (3 if home is rent)"
    assert schema.names == ("age", text)
    rows = pd.DataFrame(
        {
            "duration": [12, 12, 12],
            "amount": [4500.0, None, 0.0],
            "home": ["own", "rent", None],
            "age": [30, 40, 50],
        }
    )
    assert schema.encode(rows)[:, 1].tolist() == [19.5, 24.5, 24.0]
    codes = GIVEN.encode(rows)
    for row, seen in zip(codes, schema.see(codes), strict=True):
        assert sum(part for _, part in SCORE.parts(GIVEN, row)) == seen[1]


def test_is_missing_of_a_number_is_a_term() -> None:
    score = Score((Term(0, 1), Term(1, 2, categories=(), missing=True)))
    schema = ScoredSchema(GIVEN, (), (score,))
    assert schema.names == ("1 x duration + (2 if amount is missing)",)
    codes = np.array([[5, np.nan, 0, 0], [5, 7, 0, 0]], dtype=np.float32)
    assert schema.see(codes)[:, 0].tolist() == [7.0, 5.0]
    assert score.parts(GIVEN, codes[0])[1] == ("(2 if amount is missing)", 2.0)


def test_a_column_may_be_named_like_a_sum() -> None:
    name = "2 x a + 1 x b"
    given_columns = Schema((Feature("a"), Feature("b"), Feature(name)))
    score = Score((Term(0, 2), Term(1, 1)))
    schema = ScoredSchema(given_columns, (2,), (score,))
    assert schema.names == (name, f"{name} (score)")
    odd = Score((Term(2, 1), Term(0, 1)))
    assert ScoredSchema(given_columns, (), (odd,)).names == (
        '1 x "2 x a + 1 x b" + 1 x a',
    )


def test_a_tree_of_scores_is_saved_and_read() -> None:
    alone = Score((Term(1, 1, categories=(), missing=True), Term(3, 1)))
    tree = tree_of(ScoredSchema(GIVEN, (3,), (SCORE, alone)), feature=[1, -1, -1])
    again = ScoredTree.from_arrays(GIVEN, tree.to_arrays())
    assert again.schema == tree.schema
    assert given_schema(again) == GIVEN
    assert again.n_terms == 3
    assert str(again) == str(tree)


@pytest.mark.parametrize(
    ("term", "words"),
    [
        (Term(4, 1), r"lie in \[0, 4\)"),
        (Term(-1, 1), r"lie in \[0, 4\)"),
        (Term(0, 0), "points other than 0"),
        (Term(0, 1, tens=9), "tens in"),
        (Term(0, 1, fill=math.inf), "finite"),
        (Term(0, 1, fill=0.1), "float32"),
        (Term(0, 1, missing=True), "in no set"),
        (Term(2, 1), "Only numbers"),
        (Term(2, 1, categories=(3,)), "must rise"),
        (Term(2, 1, categories=(1, 0)), "must rise"),
        (Term(2, 1, tens=1, categories=(1,)), "neither tens nor"),
    ],
)
def test_a_term_out_of_range_is_refused(term: Term, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ScoredSchema(GIVEN, (), (Score((term,)),))


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ((Score(()),), "at least one term"),
        ((SCORE, SCORE), "alike"),
        ((Score((Term(0, 1), Term(0, 2))),), "about the same"),
        ((Score((Term(0, 9, tens=0), Term(3, 1, tens=8))),), "too far apart"),
    ],
)
def test_scores_that_do_not_fit_are_refused(
    scores: tuple[Score, ...], words: str
) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        ScoredSchema(GIVEN, (), scores)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_corrupt_arrays_are_errors_or_predict(data: Any) -> None:
    schema = ScoredSchema(GIVEN, (3,), (SCORE,))
    arrays = dict(tree_of(schema, feature=[1, -1, -1]).to_arrays())
    name = data.draw(st.sampled_from(sorted(arrays)))
    array = np.array(arrays[name])
    if array.size and data.draw(st.booleans()):
        place = data.draw(st.integers(0, array.size - 1))
        value = data.draw(st.sampled_from([-5, -1, 0, 1, 2, 3, 127, 2**30]))
        array.flat[place] = value
    else:
        array = array.ravel()[: data.draw(st.integers(0, array.size))]
    arrays[name] = array
    try:
        tree = ScoredTree.from_arrays(GIVEN, arrays)
    except InputError:
        return
    codes = np.array([[1, np.nan, 2, 3], [1e38, -1e38, np.nan, 0]], dtype=np.float32)
    assert np.isfinite(tree.predict_codes(tree.scored_schema.see(codes))).all()


def test_a_plain_schema_makes_no_scored_tree() -> None:
    with pytest.raises(InputError, match="ScoredSchema"):
        tree_of(GIVEN)


def test_a_tree_of_unknown_support_is_saved_and_read() -> None:
    tree = replace(tree_of(ScoredSchema(GIVEN, (), (SCORE,))), support=None)
    assert ScoredTree.from_arrays(GIVEN, tree.to_arrays()).support is None
