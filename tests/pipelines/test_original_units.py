from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction import FeatureHasher
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from interpretkd._base import InputError
from interpretkd.data import Schema
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.models import NODE_ARRAYS, Nodes, Tree
from interpretkd.pipelines import PreparedTeacher, in_original_units
from interpretkd.rules import extract_rules
from interpretkd.runs import load, save
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent

nan = np.nan


def random_tree(schema: Schema, codes: Any, rng: Any, n_tests: int) -> Tree:
    """Grow at random; thresholds lie on values, beside them, and between."""
    feature, threshold, missing_left, left, right = [-1], [0.0], [False], [-1], [-1]
    for _ in range(n_tests):
        node = int(rng.choice([i for i, f in enumerate(feature) if f < 0]))
        j = int(rng.integers(codes.shape[1]))
        known = codes[~np.isnan(codes[:, j]), j]
        one, other = rng.choice(known, 2) if len(known) else (np.float32(0),) * 2
        towards = np.float32(rng.choice([-np.inf, np.inf]))
        at = rng.choice([one, np.nextafter(one, towards), (one + other) / 2])
        feature[node], threshold[node] = j, float(np.float32(at))
        missing_left[node] = bool(rng.integers(2))
        left[node], right[node] = len(feature), len(feature) + 1
        for values, new in (
            *((feature, -1), (threshold, 0.0), (missing_left, False)),
            *((left, -1), (right, -1)),
        ):
            values.extend([new, new])  # type: ignore[list-item]
    nodes = as_nodes(schema, feature, threshold, missing_left, left, right)
    value = np.arange(len(feature), dtype=float)[:, None]  # a leaf tells its index
    return Tree(nodes, value, np.ones(len(feature)))


def as_nodes(schema: Schema, *tests: Any) -> Nodes:
    arrays: Any = dict(zip(NODE_ARRAYS, [*map(np.array, tests), []], strict=True))
    arrays["left_categories"] = np.zeros(0, dtype=np.bool_)
    return Nodes(schema, roots=np.zeros(1, dtype=np.int32), **arrays)


def one_test(schema: Schema, feature: int, threshold: float) -> Nodes:
    """Test one column; missing values go left."""
    tests = [feature, -1, -1], [threshold, 0, 0], [True, False, False]
    return as_nodes(schema, *tests, [1, -1, -1], [2, -1, -1])


def prepared_tree(preparation: Any, X: Any, rng: Any, n_tests: int = 8) -> Tree:
    prepared = preparation.transform(X)
    prepared = prepared.toarray() if hasattr(prepared, "toarray") else prepared
    schema = Schema.from_data(prepared)
    return random_tree(schema, schema.encode(prepared), rng, n_tests)


def assert_same(tree: Tree, new: Tree, preparation: Any, X: Any) -> None:
    prepared = preparation.transform(X)
    prepared = prepared.toarray() if hasattr(prepared, "toarray") else prepared
    np.testing.assert_array_equal(new.predict(X), tree.predict(prepared))


CITIES = ["Oslo", "Rome", "Nice", "Lyon", "Bonn"]


def mixed_rows(n_rows: int, seed: int, gaps: bool) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "age": rng.integers(18, 90, n_rows).astype(float),
            "income": np.float32(rng.lognormal(10, 1, n_rows)),
            "city": rng.choice(CITIES, n_rows, p=[0.4, 0.3, 0.2, 0.08, 0.02]),
            "level": rng.choice(["low", "mid", "high"], n_rows),
            "zone": rng.integers(1, 5, n_rows),
            "member": rng.integers(2, size=n_rows).astype(bool),
        }
    )
    if gaps:
        for name in ("age", "income", "city", "level"):
            rows.loc[rng.random(n_rows) < 0.1, name] = None
    return rows


SCALERS = [
    StandardScaler(),
    MinMaxScaler((-1, 3)),
    MaxAbsScaler(),
    RobustScaler(),
    FunctionTransformer(np.log1p, np.expm1, check_inverse=False),
    FunctionTransformer(np.negative),
    "passthrough",
    make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), MinMaxScaler()),
    KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"),
    KBinsDiscretizer(3, encode="ordinal", strategy="uniform"),
    make_pipeline(StandardScaler(), KBinsDiscretizer(3, strategy="uniform")),
    QuantileTransformer(n_quantiles=20),
    QuantileTransformer(n_quantiles=10, output_distribution="normal"),
    PowerTransformer(),
]
ENCODERS = [
    OneHotEncoder(handle_unknown="ignore"),
    OneHotEncoder(drop="first"),
    OneHotEncoder(drop="if_binary", handle_unknown="ignore", sparse_output=False),
    OneHotEncoder(min_frequency=0.1, handle_unknown="infrequent_if_exist"),
    OrdinalEncoder(),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    make_pipeline(OrdinalEncoder(), StandardScaler()),
]


@pytest.mark.parametrize("scaler", SCALERS, ids=lambda s: str(s)[:40])
@pytest.mark.parametrize("gaps", [False, True])
def test_numbers(scaler: Any, gaps: bool) -> None:
    X = mixed_rows(200, 0, gaps)
    if gaps:
        scaler = make_pipeline(SimpleImputer(strategy="median"), scaler)
    steps = [
        ("n", scaler, ["age", "income"]),
        ("gap", MissingIndicator(features="all"), ["age"]),
    ]
    preparation = ColumnTransformer(steps).fit(X)
    rng = np.random.default_rng(1)
    for _ in range(4):
        tree = prepared_tree(preparation, X, rng)
        new = in_original_units(tree, preparation, X)
        assert new.schema.names == ("age", "income")
        assert_same(tree, new, preparation, mixed_rows(500, 5, gaps))


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda e: str(e)[:60])
@pytest.mark.parametrize("gaps", [False, True])
def test_categories(encoder: Any, gaps: bool) -> None:
    X = mixed_rows(300, 0, gaps)
    columns = ["city", "level", "zone", "member"]
    preparation = ColumnTransformer([("c", encoder, columns)]).fit(X)
    rng = np.random.default_rng(1)
    for _ in range(4):
        tree = prepared_tree(preparation, X, rng)
        new = in_original_units(tree, preparation, X)
        assert [f.kind for f in new.schema.features] == ["categorical"] * 4
        assert new.schema.features[2].categories == (1, 2, 3, 4)
        assert new.schema.features[3].is_boolean
        assert_same(tree, new, preparation, mixed_rows(500, 5, gaps))


@pytest.mark.parametrize("n_rows", [1, 2, 40])
def test_few_rows(n_rows: int) -> None:
    train = mixed_rows(200, 0, False)
    preparation = ColumnTransformer(
        [("n", StandardScaler(), ["age"]), ("c", OneHotEncoder(), ["city", "zone"])]
    ).fit(train)
    tree = prepared_tree(preparation, train, np.random.default_rng(0))
    new = in_original_units(tree, preparation, train[:n_rows])
    assert_same(tree, new, preparation, train)


def ulps_apart(values: Any, rng: Any) -> Any:
    """Return values beside those given, at most one float32 away."""
    towards = rng.choice(np.array([-np.inf, np.inf], dtype=np.float32), len(values))
    near = np.nextafter(values, towards)
    return np.where(rng.random(len(values)) < 0.5, near, values)


@given(st.data(), st.integers(0, 2**31), st.booleans())
@settings(max_examples=40)
def test_any_row_reaches_the_same_leaf(data: Any, seed: int, gaps: bool) -> None:
    """Rows of new combinations, with gaps, on thresholds and one ulp off."""
    rng = np.random.default_rng(seed)
    X = mixed_rows(120, seed, gaps)
    sure = [s for s in SCALERS if "Power" not in str(s) and "Quantile" not in str(s)]
    scalers = data.draw(st.tuples(*[st.sampled_from(sure)] * 2))
    encoders = data.draw(st.tuples(*[st.sampled_from(ENCODERS)] * 2))
    if gaps:
        scalers = tuple(make_pipeline(SimpleImputer(), s) for s in scalers)
    choose: Any = data.draw(st.sampled_from([list, lambda c: [X.columns.get_loc(*c)]]))
    preparation = ColumnTransformer(
        [
            ("a", scalers[0], choose(["age"])),
            ("b", scalers[1], choose(["income"])),
            ("c", encoders[0], ["city", "member"]),
            ("d", encoders[1], ["level", "zone"]),
        ]
    ).fit(X)
    tree = prepared_tree(preparation, X, rng, n_tests=12)
    new = in_original_units(tree, preparation, X)
    rows = pd.DataFrame(
        {name: rng.permutation(np.resize(X[name], 400)) for name in X.columns}
    ).astype(X.dtypes)
    for place, name in ((0, "age"), (1, "income")):
        cuts = new.nodes.threshold[new.nodes.feature == place]
        cuts = cuts[cuts < 1e38]
        if len(cuts):
            values = ulps_apart(rng.choice(cuts, len(rows)), rng)
            some = rng.random(len(rows)) < 0.5
            rows.loc[some, name] = np.maximum(values[some], np.float32(-0.5))
    assert_same(tree, new, preparation, rows)


UNITS = StandardScaler()
ORDINAL = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
AGE = ["age", "income"]


@pytest.mark.parametrize(
    "preparation",
    [
        make_pipeline(
            ColumnTransformer([("n", StandardScaler(), AGE)]), MinMaxScaler()
        ),
        ColumnTransformer([("n", UNITS, slice("age", "income"))]),
        ColumnTransformer([("n", UNITS, slice(0, 2))]),
        ColumnTransformer([("n", UNITS, [True, True, False, False, False, False])]),
        ColumnTransformer([("n", UNITS, [-6, -5])]),
        ColumnTransformer([("n", UNITS, make_column_selector("income|age"))]),
        ColumnTransformer(
            [
                ("n", UNITS, make_column_selector(dtype_include="number")),
                ("c", OrdinalEncoder(), make_column_selector(dtype_exclude="number")),
            ]
        ),
        ColumnTransformer(
            [("c", OneHotEncoder(), ["city"])], remainder=OrdinalEncoder()
        ),
        ColumnTransformer(
            [("c", OneHotEncoder(), ["city"]), ("no", "drop", ["level"])]
        ),
        ColumnTransformer(
            [("inner", ColumnTransformer([("n", UNITS, ["age"])]), AGE)],
            sparse_threshold=0,
        ),
        ColumnTransformer(
            [("n", FeatureUnion([("s", UNITS), ("m", MinMaxScaler())]), AGE)]
        ),
        ColumnTransformer([("n", "passthrough", ["age"]), ("s", UNITS, ["age"])]),
        ColumnTransformer(
            [("n", UNITS, AGE), ("c", OneHotEncoder(sparse_output=False), ["city"])]
        ).set_output(transform="pandas"),
        FunctionTransformer(lambda X: 1.0 * (X[["age"]] > 40)),
    ],
    ids=lambda p: str(p)[:30],
)
def test_ways_to_choose_columns(preparation: Any) -> None:
    X = mixed_rows(150, 3, False)
    preparation = clone(preparation).fit(X)
    tree = prepared_tree(preparation, X, np.random.default_rng(3))
    new = in_original_units(tree, preparation, X)
    assert_same(tree, new, preparation, X)


def test_prepared_columns_may_be_categories_themselves() -> None:
    X = mixed_rows(150, 3, True)
    shout = FunctionTransformer(lambda f: f.apply(lambda c: c.str.upper()))
    preparation = (
        ColumnTransformer(
            [
                ("n", SimpleImputer(), AGE),
                ("t", shout, ["city", "level"]),
                ("b", "passthrough", ["member"]),
            ],
            verbose_feature_names_out=False,
        )
        .set_output(transform="pandas")
        .fit(X)
    )
    target = X["age"].fillna(0) * X["city"].isin(["Rome", "Lyon"]) + 50 * X["member"]
    student = CartStudent(12, search="greedy").fit(preparation.transform(X), target)
    assert "ROME" in student.tree_.schema.features[2].categories
    new = in_original_units(student.tree_, preparation, X)
    assert "Rome" in new.schema.features[2].categories
    assert_same(student.tree_, new, preparation, mixed_rows(300, 4, True))


def test_dropped_columns_are_not_asked_for() -> None:
    X = mixed_rows(50, 0, False).assign(note=[f"row {i}" for i in range(50)])
    preparation = ColumnTransformer([("n", StandardScaler(), ["age"])]).fit(X)
    tree = prepared_tree(preparation, X, np.random.default_rng(0))
    new = in_original_units(tree, preparation, X)
    assert new.schema.names == ("age",)
    fresh = mixed_rows(50, 1, False)[["age"]]
    np.testing.assert_array_equal(
        new.predict(fresh), tree.predict(preparation.transform(fresh))
    )


def test_arrays_and_functions() -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.float64, np.float32, np.int64):
        X = (rng.random((100, 3)) * 50).astype(dtype)
        scaler = StandardScaler().fit(X)
        tree = prepared_tree(scaler, X, rng)
        for preparation in (scaler, scaler.transform, make_pipeline(scaler)):
            new = in_original_units(tree, preparation, X)
            assert new.schema.names == ("x0", "x1", "x2")
            assert_same(tree, new, scaler, X)


def test_an_array_of_mixed_cells() -> None:
    X = mixed_rows(100, 0, False)[["age", "city"]].to_numpy(dtype=object)
    preparation = ColumnTransformer(
        [("n", StandardScaler(), [0]), ("c", OneHotEncoder(), [1])]
    ).fit(X)
    tree = prepared_tree(preparation, X, np.random.default_rng(0))
    new = in_original_units(tree, preparation, X)
    assert [f.kind for f in new.schema.features] == ["numeric", "categorical"]
    assert_same(tree, new, preparation, X)


def test_polars_frames() -> None:
    import polars as pl

    X = pl.DataFrame({"age": [20.0, 30, 40] * 5, "city": ["Rome", "Oslo", "Rome"] * 5})
    preparation = ColumnTransformer(
        [("n", StandardScaler(), ["age"]), ("c", OneHotEncoder(), ["city"])]
    ).fit(X)
    tree = prepared_tree(preparation, X, np.random.default_rng(0))
    new = in_original_units(tree, preparation, X)
    assert_same(tree, new, preparation, X)


def test_thresholds_are_those_of_the_original() -> None:
    X = pd.DataFrame({"age": [20.0, 30, 40, 50] * 5, "city": ["Rome", "Oslo"] * 10})
    preparation = ColumnTransformer(
        [("n", FunctionTransformer(lambda x: 100 - x), ["age"])]
    ).fit(X)
    schema = Schema.from_data(preparation.transform(X))
    nodes = one_test(schema, 0, 65)
    tree = Tree(nodes, np.array([[0.0], [1.0], [2.0]]), np.array([20.0, 15.0, 5.0]))
    new = in_original_units(tree, preparation, X)
    # 100 - x <= 65 is x >= 35: the largest number that goes the other way, once the
    # difference is rounded to float32.
    cut = new.nodes.threshold[0]
    above = np.nextafter(cut, np.float32(99))
    assert np.float32(100 - float(cut)) > 65 >= np.float32(100 - float(above))
    assert abs(float(cut) - 35) < 1e-5
    assert new.value[:, 0].tolist() == [0, 2, 1]
    assert new.cover.tolist() == [20, 5, 15]
    assert new.nodes.missing_left[0] == np.False_


def test_missing_values_go_where_the_imputer_sends_them() -> None:
    X = pd.DataFrame({"age": [20.0, nan, 40.0, 50.0, 60.0]})
    preparation = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    preparation.fit(X)
    tree = CartStudent(2, search="greedy").fit(
        preparation.transform(X), [0.0, 1.0, 1.0, 1.0, 1.0]
    )
    new = in_original_units(tree.tree_, preparation, X)
    assert new.nodes.missing_left[0] == np.False_
    assert new.schema.features[0].has_missing
    assert new.predict(X)[:, 0].tolist() == [0, 1, 1, 1, 1]


def test_unknown_to_the_encoder_but_among_the_rows() -> None:
    train = mixed_rows(100, 0, False)
    preparation = ColumnTransformer(
        [("c", OneHotEncoder(handle_unknown="ignore", drop="first"), ["city", "zone"])]
    ).fit(train)
    X = train.assign(
        city=train["city"].where(train["age"] > 30, "Graz"),
        zone=train["zone"].where(train["age"] > 40, 9),
    )
    tree = prepared_tree(preparation, train, np.random.default_rng(0))
    with pytest.warns(UserWarning, match="unknown categories"):
        new = in_original_units(tree, preparation, X)
    assert "Graz" in new.schema.features[0].categories
    assert 9 in new.schema.features[1].categories
    with pytest.warns(UserWarning, match="unknown categories"):
        assert_same(tree, new, preparation, X)


def test_what_an_imputer_fills_in_is_no_category() -> None:
    X = mixed_rows(100, 0, True)
    imputer = SimpleImputer(strategy="constant", fill_value="unknown")
    preparation = ColumnTransformer(
        [("c", make_pipeline(imputer, OneHotEncoder()), ["city", "level"])]
    ).fit(X)
    tree = prepared_tree(preparation, X, np.random.default_rng(0))
    new = in_original_units(tree, preparation, X)
    assert new.schema.features[0].categories == tuple(sorted(CITIES))
    assert_same(tree, new, preparation, X)


def test_categories_of_pandas() -> None:
    X = mixed_rows(100, 0, True)
    levels = pd.CategoricalDtype(["low", "mid", "high", "never"], ordered=True)
    X = X.assign(level=X["level"].astype(levels), city=X["city"].astype("category"))
    encoder = OneHotEncoder(handle_unknown="ignore")
    preparation = ColumnTransformer([("c", encoder, ["city", "level"])]).fit(X)
    tree = prepared_tree(preparation, X, np.random.default_rng(0))
    new = in_original_units(tree, preparation, X)
    assert new.schema.features[1].categories == ("low", "mid", "high", "never")
    assert_same(tree, new, preparation, X)


def test_target_encoders() -> None:
    X = mixed_rows(200, 0, False)
    preparation = ColumnTransformer([("c", TargetEncoder(), ["city", "zone"])])
    preparation.fit(X, X["age"] > 40)
    tree = prepared_tree(preparation, X, np.random.default_rng(0))
    new = in_original_units(tree, preparation, X)
    assert_same(tree, new, preparation, mixed_rows(300, 1, False))


def test_dates() -> None:
    days = pd.Series(pd.date_range("2020-01-01", periods=200, freq="3D"))
    X = pd.DataFrame({"since": days, "age": np.arange(200.0)})
    age = FunctionTransformer(
        lambda f: (pd.Timestamp("2024-01-01") - f) / pd.Timedelta("365.25D")
    )
    preparation = ColumnTransformer(
        [("d", make_pipeline(age, StandardScaler()), ["since"])]
    ).fit(X)
    tree = CartStudent(2, search="greedy").fit(
        preparation.transform(X), 1.0 * (days <= "2020-07-08")
    )
    new = in_original_units(tree.tree_, preparation, X)
    feature = new.schema.features[0]
    assert feature.is_date
    between = feature.text(float(new.nodes.threshold[0]))
    assert "2020-07-08" <= between < "2020-07-11"
    every = pd.DataFrame({"since": pd.date_range("2020-06-01", "2020-08-31")})
    np.testing.assert_array_equal(
        new.predict(every), tree.tree_.predict(preparation.transform(every))
    )


def test_bins_become_intervals_without_copies_on_one_side() -> None:
    X = pd.DataFrame({"age": np.arange(100.0)})
    bins = KBinsDiscretizer(5, strategy="uniform").fit(X)
    target = np.select([X["age"] < 40, X["age"] < 60], [1.0, 5.0], 1.0)
    student = CartStudent(2, search="greedy").fit(bins.transform(X).toarray(), target)
    new = in_original_units(student.tree_, bins, X)
    assert new.nodes.threshold[new.nodes.feature == 0].tolist() == [
        pytest.approx(39.6, abs=1e-5), pytest.approx(59.4, abs=1e-5)
    ]  # fmt: skip
    assert new.n_leaves == 3
    assert new.cover[new.nodes.is_leaf].sum() == pytest.approx(100)
    np.testing.assert_allclose(new.value[0], student.tree_.value[0])
    np.testing.assert_array_equal(new.cover, [100, 40, 60, 20, 40])


def test_tests_that_are_decided_are_left_out() -> None:
    X = pd.DataFrame({"city": CITIES * 10})
    encoder = OneHotEncoder(sparse_output=False).fit(X)
    target = X["city"].map({c: float(i**2) for i, c in enumerate(sorted(CITIES))})
    student = CartStudent(None, search="greedy").fit(encoder.transform(X), target)
    new = in_original_units(student.tree_, encoder, X)
    assert new.n_leaves == len(CITIES)
    np.testing.assert_array_equal(new.predict(X)[:, 0], target)


DERIVED = [
    (PCA(2), "pca0", "PCA"),
    (
        PolynomialFeatures(interaction_only=True, include_bias=False),
        "age income",
        "Pol",
    ),
    (Normalizer(), "age", "Normalizer"),
    (FunctionTransformer(lambda X: X[["age"]] + X[["income"]].to_numpy()), "x", "Fun"),
]


@pytest.mark.parametrize(("step", "name", "kind"), DERIVED, ids=lambda s: str(s)[:20])
def test_derived_columns_are_named(step: Any, name: str, kind: str) -> None:
    X = mixed_rows(100, 0, False)
    preparation = ColumnTransformer(
        [("mixed", make_pipeline(step, StandardScaler()), AGE), ("z", UNITS, ["zone"])],
    ).fit(X)
    schema = Schema.from_data(preparation.transform(X))
    nodes = one_test(schema, 2 if kind == "Pol" else 0, 0.0)
    tree = Tree(nodes, np.zeros((3, 1)), np.ones(3))
    with pytest.raises(InputError) as caught:
        in_original_units(tree, preparation, X)
    text = str(caught.value)
    assert name in text
    assert kind in text
    assert "derived from several original columns, 'age', 'income'" in text


def test_derived_columns_that_no_test_reads_do_no_harm() -> None:
    X = mixed_rows(100, 0, False)
    preparation = ColumnTransformer(
        [("z", UNITS, ["zone"]), ("pca", PCA(2), AGE)], sparse_threshold=0
    ).fit(X)
    prepared = preparation.transform(X)
    schema = Schema.from_data(prepared)
    tree = random_tree(
        schema, schema.encode(prepared)[:, :1], np.random.default_rng(0), 3
    )
    new = in_original_units(tree, preparation, X)
    assert new.schema.names == ("age", "income", "zone")
    assert_same(tree, new, preparation, X)


def test_waves_and_hashes_are_refused() -> None:
    X = mixed_rows(200, 0, False)
    waves = FunctionTransformer(lambda f: np.sin(f * 10)).fit(X[["age"]])
    tree = prepared_tree(waves, X[["age"]], np.random.default_rng(0))
    with pytest.raises(InputError, match=r"derived from 'age' by going up and down"):
        in_original_units(tree, waves, X[["age"]])
    hasher = FeatureHasher(4, input_type="string")
    hashed = FunctionTransformer(lambda f: hasher.transform(f.to_numpy().tolist()))
    cities = X[["city", "level"]]
    tree = prepared_tree(hashed.fit(cities), cities, np.random.default_rng(0))
    with pytest.raises(InputError, match="derived from several original columns"):
        in_original_units(tree, hashed, cities)


def test_an_imputer_that_looks_around_is_refused_only_where_it_does() -> None:
    X = mixed_rows(100, 0, False)[AGE]
    imputer = make_pipeline(KNNImputer(), StandardScaler()).fit(X)
    tree = prepared_tree(imputer, X, np.random.default_rng(0))
    assert_same(tree, in_original_units(tree, imputer, X), imputer, X)
    X = mixed_rows(100, 0, True)[AGE]
    with pytest.raises(InputError, match="KNNImputer"):
        in_original_units(tree, imputer, X)


def test_values_that_float32_cannot_tell_apart_are_counted() -> None:
    X = pd.DataFrame({"t": 1e9 + np.arange(20.0)})
    scaler = StandardScaler().fit(X)
    student = CartStudent(2, search="greedy").fit(
        scaler.transform(X), 1.0 * (X["t"] > 1e9 + 5)
    )
    assert_same(student.tree_, in_original_units(student.tree_, scaler, X), scaler, X)


def test_values_that_nothing_keeps_apart_are_counted() -> None:
    far = np.append(-1e12 + np.arange(21.0), 1e12 + np.arange(20.0))
    X = pd.DataFrame({"t": far})
    scaler = FunctionTransformer(lambda rows: np.maximum(rows - 1e12, -100.0)).fit(X)
    student = CartStudent(2, search="greedy").fit(
        scaler.transform(X), 1.0 * (X["t"] > 1e12 + 5)
    )
    with pytest.raises(InputError, match=r"\d+ of 41 rows of X would reach another"):
        in_original_units(student.tree_, scaler, X)


def test_wrong_arguments() -> None:
    X = mixed_rows(50, 0, False)
    scaler = StandardScaler().fit(X[AGE])
    tree = prepared_tree(scaler, X[AGE], np.random.default_rng(0))
    pipeline = make_pipeline(scaler, LogisticRegression()).fit(X[AGE], X["member"])
    wrong: list[tuple[Any, Any, Any, str]] = [
        (None, scaler, X[AGE], "'fitted' parameter must be a Tree, a Forest or"),
        (tree, None, X[AGE], "'preparation' parameter must be .* Got NoneType"),
        (tree, pipeline, X[AGE], r"Leave out .* pipeline\[:-1\]"),
        (tree, StandardScaler(), X[AGE], "must turn X into the columns"),
        (tree, scaler, X, "must turn X into the columns"),
        (tree, scaler, X[AGE][:0], "at least one"),
        (tree, StandardScaler().fit(X[["age"]]), X[["age"]], "must have 2 columns"),
    ]
    for fitted, preparation, rows, sentence in wrong:
        with pytest.raises(InputError, match=sentence):
            in_original_units(fitted, preparation, rows)


def _prepared_german(german: Any) -> tuple[Any, Any, Any, Any]:
    data = german.data
    numeric = [f.name for f in german.schema.features if not f.is_categorical]
    preparation = ColumnTransformer(
        [
            ("n", StandardScaler(), numeric),
            (
                "c",
                OneHotEncoder(sparse_output=False),
                [name for name in data.columns if name not in numeric],
            ),
        ]
    ).fit(data)
    Z = preparation.transform(data)
    network = LogisticRegression(max_iter=200).fit(Z, german.target)
    return preparation, Z, network, data


def test_a_whole_model(german: Any, tmp_path: Any) -> None:
    preparation, Z, network, X = _prepared_german(german)
    model = DistilledClassifier(
        FrozenEstimator(network),
        CartStudent(8, search="greedy"),
        target="soft",
        random_state=0,
    ).fit(Z, german.target)
    new = in_original_units(model, preparation, X)
    assert type(new) is DistilledClassifier
    assert model.schema_.names[0] == "x0"
    np.testing.assert_array_equal(new.logits(X), model.logits(Z))
    np.testing.assert_array_equal(new.predict_proba(X), model.predict_proba(Z))
    np.testing.assert_array_equal(new.baseline_logits(X), model.baseline_logits(Z))
    assert str(new.fidelity(X)) == str(model.fidelity(Z))
    np.testing.assert_array_equal(new.teacher_.logits(X), model.teacher_.logits(Z))
    assert new.tree_.names == model.tree_.names
    rules = extract_rules(new, X, german.target)
    before = extract_rules(model, Z, german.target)
    assert sorted(r.n_rows for r in rules.rules) == sorted(
        r.n_rows for r in before.rules
    )
    assert {c.feature.name for r in rules.rules for c in r.conditions} <= set(X.columns)
    path = save(new, tmp_path / "run", X, german.target)
    np.testing.assert_array_equal(load(path).predict(X), model.predict(Z))


def test_models_of_other_tasks_and_students(german: Any) -> None:
    rng = np.random.default_rng(0)
    X = mixed_rows(300, 0, False)[["age", "income", "zone"]]
    scaler = StandardScaler().fit(X)
    Z = scaler.transform(X)
    forest = RandomForestRegressor(5, random_state=0).fit(Z, X["age"])
    for student in (
        CartStudent(6, search="greedy"),
        BoostedStudent(10, max_depth=3, n_jobs=1),
        BoostedStudent(max_leaves=8),
    ):
        model = DistilledRegressor(FrozenEstimator(forest), student, random_state=0)
        model.fit(Z)
        new = in_original_units(model, scaler, X)
        np.testing.assert_array_equal(new.predict(X), model.predict(Z))
        assert new.baseline_ is None
    labels = rng.integers(2, size=(300, 3))
    several = OneVsRestClassifier(LogisticRegression()).fit(Z, labels)
    labelled = DistilledClassifier(
        FrozenEstimator(several), CartStudent(6, search="greedy"), random_state=0
    ).fit(Z, labels)
    new_labelled = in_original_units(labelled, scaler, X)
    np.testing.assert_array_equal(new_labelled.predict(X), labelled.predict(Z))
    assert str(new_labelled.fidelity(X)) == str(labelled.fidelity(Z))
    linear = DistilledRegressor(FrozenEstimator(forest), LinearStudent()).fit(Z)
    with pytest.raises(InputError, match=r"Only trees .* Got LinearStudent"):
        in_original_units(linear, scaler, X)


def test_a_prepared_teacher_can_be_distilled_and_compared() -> None:
    X = mixed_rows(200, 0, False)
    preparation = ColumnTransformer(
        [("n", StandardScaler(), AGE), ("c", OneHotEncoder(), ["city"])]
    ).fit(X)
    network = LogisticRegression().fit(preparation.transform(X), X["member"])
    teacher = PreparedTeacher(network, preparation)
    assert teacher.task_ == "multiclass"
    assert teacher.n_parameters == network.coef_.size + 1
    assert teacher.classes_ is not None
    model = DistilledClassifier(
        FrozenEstimator(teacher), CartStudent(4, search="greedy"), random_state=0
    ).fit(X, X["member"])
    whole = make_pipeline(preparation, network)
    np.testing.assert_allclose(
        model.teacher_.logits(X)[:, 1] - model.teacher_.logits(X)[:, 0],
        whole.decision_function(X),
        atol=1e-9,
    )
