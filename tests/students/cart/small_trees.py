"""Small trees of nested tests, and rows that are hard for them."""

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from interpretkd.data import Codes, Feature, Schema
from interpretkd.models import ALL_NUMBERS, Tree

nan = np.nan
FLOAT32 = np.float32

SCHEMA = Schema(
    (
        Feature("age", has_missing=True),
        Feature("dose"),
        Feature("purpose", "categorical", ("car (new)", "radio", "trip"), True),
        Feature("sex", "categorical", ("f", "m")),
        Feature("home", "categorical", ("own", "rent", "free", "boat")),
    )
)
AGE, DOSE, PURPOSE, SEX, HOME = range(5)

WIDE = st.floats(-(2.0**127), 2.0**127, width=32)
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "a\"b'c",
    "two\nlines",
    "x" * 200,
    "\u0627\u0644\u0639\u0645\u0631",
    "\U0001f600",
    "=1+1",
    "a|b",
    "back\\slash \\input{/etc/passwd}",
    "</script></style></table>",
    "100 % of a_b #1 $x$ ^2 ~ & {c}",
    "[link](http://evil.example) http://evil.example www.evil.example",
    "**bold** `code` <!-- --> &lt; &amp;",
    "- item 1. one",
    "",
)
"""Names that want to be something else."""

Test = tuple[int, Any, bool, Any, Any]
"""Feature, threshold or left set, whether missing goes left, left and right."""


def new_tree(root: Any, schema: Schema = SCHEMA, outputs: int = 1) -> Tree:
    """Build a tree of nested tests; anything that is no tuple is a leaf."""
    rows: list[list[Any]] = []
    sets: list[bool] = []

    def add(node: Any) -> int:
        own = len(rows)
        rows.append([-1, 0.0, False, -1, -1])
        if isinstance(node, tuple):
            feature, test, missing_left, left, right = node
            categories = schema.features[feature].categories
            if categories:
                sets.extend(i in test for i in range(len(categories)))
            threshold = 0.0 if categories else test
            below = add(left)
            rows[own] = [feature, threshold, missing_left, below, add(right)]
        return own

    add(root)
    columns = [np.asarray(column) for column in zip(*rows, strict=True)]
    names = ("feature", "threshold", "missing_left", "left", "right")
    arrays = dict(zip(names, columns, strict=True))
    # Sets come in node order, and parents were numbered before their children.
    arrays["left_categories"] = np.asarray(sets, dtype=bool)
    arrays["value"] = np.arange(len(rows) * outputs, dtype=float).reshape(-1, outputs)
    arrays["cover"] = np.ones(len(rows))
    return Tree.from_arrays(schema, arrays)


def frame_of(codes: Codes) -> pd.DataFrame:
    """Turn codes into the rows they stand for."""
    columns: dict[str, Any] = {}
    for i, feature in enumerate(SCHEMA.features):
        cells: list[Any] = codes[:, i].tolist()
        if feature.is_categorical:
            cells = [None if c != c else feature.categories[int(c)] for c in cells]
            columns[feature.name] = pd.Series(cells, dtype=object)
        else:
            columns[feature.name] = np.asarray(cells, dtype=FLOAT32)
    return pd.DataFrame(columns)


def hard_rows(tree: Tree, n_rows: int = 300) -> Codes:
    """Draw rows from thresholds, the ulps beside them, all categories, and NaN."""
    rng = np.random.default_rng(0)
    codes = np.empty((n_rows, len(SCHEMA)), dtype=FLOAT32)
    for i, feature in enumerate(SCHEMA.features):
        if feature.is_categorical:
            values = np.arange(len(feature.categories), dtype=FLOAT32)
        else:
            asked = tree.nodes.threshold[tree.nodes.feature == i]
            ends = [FLOAT32(-ALL_NUMBERS), FLOAT32(ALL_NUMBERS)]
            near = [np.nextafter(asked, end) for end in ends]
            values = np.concatenate([asked, *near, FLOAT32([0, 1e9, *ends])])
        codes[:, i] = rng.choice(np.append(values, FLOAT32(nan)), n_rows)
    return codes


@st.composite
def _tests(draw: st.DrawFn, children: st.SearchStrategy[Any]) -> Test:
    position = draw(st.integers(0, len(SCHEMA) - 1))
    feature = SCHEMA.features[position]
    test: Any
    if feature.is_categorical:
        every = list(range(len(feature.categories)))
        test = draw(st.sets(st.sampled_from(every)))
        if not feature.has_missing:  # a test that all training rows pass is not grown
            test = test if 0 < len(test) < len(every) else {0}
    else:
        test = draw(
            st.sampled_from([-1.5, 0.0, 0.1, 30.0, 47.3])
            | WIDE
            | (st.just(ALL_NUMBERS) if feature.has_missing else st.just(1.0))
        )
    return position, test, draw(st.booleans()), draw(children), draw(children)


TREES = st.recursive(st.just(None), _tests, max_leaves=12).map(new_tree)
