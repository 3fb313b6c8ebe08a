"""What the report says of the columns."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from interpretkd._base import markdown_table
from interpretkd.data import Schema
from interpretkd.distillation import DistilledClassifier
from interpretkd.reports._sections.setting import _columns
from interpretkd.students import BoostedStudent, LinearStudent


def test_columns_are_told_in_their_own_words():
    X = pd.DataFrame(
        {
            "since": pd.date_range("2021-03-01", periods=5),
            "at": pd.date_range("2021-03-01 08:30", periods=5, freq="h"),
            "price": [1e4, 2e5, 3_135_942, 50.5, 7e4],
            "year": [1999.0, 2001, 2002, np.nan, 2020],
            "home": ["a", "b", "a", "b", "a"],
        }
    )
    schema = Schema.from_data(X)
    found = SimpleNamespace(
        model=SimpleNamespace(schema_=schema), given_codes=schema.encode(X)
    )
    said = _columns(SimpleNamespace(found=found)).set_index("column")["values"]
    assert said.to_dict() == {
        "since": "2021-03-01 to 2021-03-05, median 2021-03-03",
        "at": "2021-03-01 08:30 to 2021-03-01 12:30, median 2021-03-01 10:30",
        "price": "50.5 to 3,135,942, median 70,000",
        "year": "1999 to 2020, median 2001",
        "home": "2 categories",
    }


def test_cells_of_tables_hold_dates_and_no_exponents():
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime(["2021-03-05", None]),
            "value": [3_135_942.4, 0.1234],
        }
    )
    cells = markdown_table(frame).splitlines()[2:]
    assert cells[0].replace("\\", "") == "| 2021-03-05 | 3,135,942 |"
    assert cells[1].replace("\\", "") == "| - | 0.1234 |"


def _table_of(student, caption):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "since": pd.Timestamp("2021-03-01")
            + pd.to_timedelta(rng.integers(0, 400, 120), "D"),
            "price": rng.normal(size=120),
        }
    )
    late = X["since"] > pd.Timestamp("2021-09-15")
    teacher = make_pipeline(
        FunctionTransformer(
            lambda rows: rows.assign(since=rows["since"].astype("int64"))
        ),
        DecisionTreeClassifier(random_state=0),
    ).fit(X, np.where(late, "late", "early"))
    model = DistilledClassifier(FrozenEstimator(teacher), student, random_state=0)
    text = model.fit(X).report(X).markdown()
    _, _, told = text.partition(f"*{caption}*")
    assert told
    return told.lstrip().partition("\n\n")[0].replace("\\", "").splitlines()


def test_coefficients_stand_beside_the_names_of_their_terms():
    head, _, *rows = _table_of(LinearStudent(), "All coefficients")
    assert head == "| term | early | late |"
    terms = [row.split("|")[1].strip() for row in rows]
    assert terms == ["(intercept)", "since", "price"]


def test_shapes_of_dates_end_at_dates():
    student = BoostedStudent(max_leaves=4)
    head, _, *rows = _table_of(student, "The shape of each effect")
    assert head.startswith("| feature | low | high |")
    ends = {row.split("|")[3].strip() for row in rows if row.startswith("| since")}
    dates = ends - {"inf", "-"}
    assert dates
    assert all(date.startswith("2021-") for date in dates)
