"""The benchmarks "trees" and "speed": whether what they print is what they measured."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from rich.console import Console
from scipy import stats
from sklearn.tree import DecisionTreeClassifier

import interpretkd
from interpretkd._base import InputError
from interpretkd.cli.bench import find_benchmark
from interpretkd.data import Schema
from interpretkd.datasets import load_breast_cancer, load_german_credit
from interpretkd.metrics import compare_shares
from interpretkd.runs import task_of, train_teacher

trees = find_benchmark("trees")
speed = find_benchmark("speed")
comparison = sys.modules["interpretkd_bench._comparison"]
engines = sys.modules["interpretkd_bench._engines"]
peers = sys.modules["interpretkd_bench._peers"]
state = sys.modules["interpretkd_bench._state"]

NETWORK = {"hidden": (16,), "max_epochs": 5}


def small(*methods):
    def load(seed):
        return task_of(load_breast_cancer(), seed=seed)

    budgets = (peers.Budget(leaves=4),)
    return {"cancer": trees.Setting(load, 1, budgets, NETWORK, methods)}


def run(path, settings):
    """Run "trees"; return what it printed and wrote."""
    with open(path / "said.txt", "w") as file:
        trees.main(path, console=Console(file=file, soft_wrap=True), settings=settings)
    record = json.loads((path / "trees.json").read_text())
    found = {(r["seed"], r["budget"], r["method"]): r for r in record["results"]}
    return (path / "said.txt").read_text(), found, record


def test_trees_quick(tmp_path):
    with open(tmp_path / "said.txt", "w") as file:
        console = Console(file=file, soft_wrap=True)
        trees.main(tmp_path, quick=True, console=console)
    record = json.loads((tmp_path / "trees.json").read_text())
    frame = pd.DataFrame(record["results"])
    expected = set(trees.METHODS) - set(record["left_out"])
    assert set(record["left_out"]) <= {"trustee", "mimic", "streed"}
    for budget, own in frame.groupby("budget"):
        assert set(own.method) == expected, budget
    assert frame[["fidelity", "accuracy", "train_fidelity"]].stack().between(0, 1).all()
    assert (frame.seconds > 0).all()
    assert (frame[frame.budget == "4 leaves"].leaves <= 4).all()
    assert (frame[frame.budget == "depth 3"].depth <= 3).all()
    gap = record["ours_less_naive"]["all sets"]["4 leaves"]
    at = frame[frame.budget == "4 leaves"].set_index("method").fidelity
    assert gap["value"] == pytest.approx(
        100 * (at["ours"] - at[["naive", "naive 5"]].max())
    )
    text = (tmp_path / "trees.md").read_text()
    assert "A trial run" in text
    assert "Depth 3: how far to the proven optimum" in text
    assert text.strip() in (tmp_path / "said.txt").read_text()


def test_naive_is_what_anybody_would_do(tmp_path):
    _, found, _ = run(tmp_path, small("naive", "labels 5"))
    task = task_of(load_breast_cancer(), seed=0)
    teacher = train_teacher(task, seed=0, **NETWORK)
    X, X_test = task.X.iloc[task.student_rows], task.X.iloc[task.split.test]
    naive = DecisionTreeClassifier(max_leaf_nodes=4, random_state=0)
    said = naive.fit(X.to_numpy(), teacher.predict(X)).predict(X_test.to_numpy())
    result = found[0, "4 leaves", "naive"]
    assert result["fidelity"] == (said == teacher.predict(X_test)).mean()
    assert result["accuracy"] == (said == task.y[task.split.test]).mean()
    labels = DecisionTreeClassifier(
        max_leaf_nodes=4, min_samples_leaf=5, random_state=0
    ).fit(X.to_numpy(), task.y[task.student_rows])
    said = labels.predict(X_test.to_numpy())
    result = found[0, "4 leaves", "labels 5"]
    assert result["accuracy"] == (said == task.y[task.split.test]).mean()


def test_a_stopped_run_goes_on(tmp_path):
    settings = small("naive", "soft", "logits")
    _, first, _ = run(tmp_path, settings)
    said, second, _ = run(tmp_path, settings)
    assert "known from cancer-0.json" in said
    assert first == second

    file = tmp_path / "trees" / "cancer-0.json"
    kept = json.loads(file.read_text())
    naive, _, logits = kept["trees"]
    naive["seconds"] = 12345.0  # as only a kept one can have
    logits["version"] = "an older one"
    kept["trees"] = [naive, logits]
    file.write_text(json.dumps(kept))
    said, third, _ = run(tmp_path, settings)
    assert "known from" not in said
    assert third[0, "4 leaves", "naive"]["seconds"] == 12345.0
    for name in ("soft", "logits"):
        for key in ("fidelity", "version", "leaves"):
            assert third[0, "4 leaves", name][key] == first[0, "4 leaves", name][key]

    kept["facts"]["teacher"] = "another one"
    kept["trees"] = [naive]
    file.write_text(json.dumps(kept))
    _, fourth, _ = run(tmp_path, settings)
    assert fourth[0, "4 leaves", "naive"]["seconds"] < 12345.0


@pytest.mark.parametrize(
    ("changed", "added", "counts"),
    [
        ("students/_cart/search.py", "_another = 1", True),
        ("data/_schema.py", "_another = 1", True),
        ("distillation/_base.py", "_another = 1", True),
        ("distillation/_base.py", "# what is said of it", False),
        ("distillation/_base.py", '"""What is said of it."""', False),
        ("reports/_report.py", "_another = 1", False),
        ("drawing/_svg.py", "_another = 1", False),
    ],
)
def test_trees_of_another_engine_are_not_taken_for_ours(
    tmp_path, changed, added, counts
):
    library = tmp_path / "library"
    shutil.copytree(Path(interpretkd.__file__).parent, library)
    before = state.source_digest(library)
    with (library / changed).open("a") as file:
        file.write(f"{added}\n")
    assert (state.source_digest(library) != before) is counts


def test_what_a_peer_cannot_do_is_told(tmp_path, monkeypatch):
    def fail(training, budget, seed):
        raise MemoryError("too many rows")

    broken = peers.Method(fail, "numpy", "numpy")
    methods = {**peers.METHODS, "trustee": broken}
    monkeypatch.setattr(trees, "METHODS", methods)
    said, found, record = run(tmp_path, small("naive", "trustee"))
    assert "trustee failed (MemoryError: too many rows)" in said
    assert set(found) == {(0, "4 leaves", "naive")}
    assert "trustee failed on cancer (1 tree): MemoryError" in said
    assert record["failed"][0]["failed"] == "MemoryError: too many rows"


def test_packages_that_are_not_there_are_named():
    methods = {
        "there": peers.Method(lambda *_: None, "numpy", "numpy"),
        "absent": peers.Method(lambda *_: None, "no-such", "no_such_package"),
    }
    reasons = peers.missing(methods)
    assert list(reasons) == ["absent"]
    assert "no_such_package" in reasons["absent"]


def test_the_sets_of_a_folder(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=60), "target": rng.choice([1, 2], 60)})
    for name in ("mine.csv", "digits.csv"):
        frame.to_csv(tmp_path / name, index=False)
    found = trees.settings_for(tmp_path)
    assert list(found)[:2] == ["digits.csv", "mine"]
    assert set(trees.SETTINGS) <= set(found)
    assert found["mine"].group == f"the sets of {tmp_path.name}"
    task = found["mine"].load(0)
    assert set(task.y) == {1, 2}
    assert list(task.X.columns) == ["x"]
    assert list(trees.settings_for(tmp_path, quick=True)) == [
        "digits.csv",
        "breast_cancer",
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no \.csv file"):
        trees.settings_for(tmp_path / "empty")


def test_peers_ask_the_teacher_about_the_same_rows():
    X = load_german_credit().data.iloc[:200].copy()
    X.loc[::7, "purpose"] = None
    X.loc[::9, "age_in_years"] = np.nan
    schema = Schema.from_data(X)
    back = peers._frame(schema, peers.as_rows(schema, X).matrix)
    np.testing.assert_array_equal(schema.encode(back), schema.encode(X))


@pytest.mark.parametrize("most", [5, 40])
def test_the_tests_that_pystreed_may_use(most):
    X = load_breast_cancer().data.to_numpy(np.float32)
    decided = (X[:, 20] > 17).astype(int)
    cuts = peers._Cuts.choose(X, decided, most, seed=0)
    again = peers._Cuts.choose(X, decided, most, seed=0)
    tests = cuts.tests(X)
    assert tests.shape == (len(X), most)
    assert set(np.unique(tests)) == {0, 1}
    np.testing.assert_array_equal(tests, again.tests(X))
    right = (tests == 1 - decided[:, None]).mean(axis=0)
    assert right.max() > 0.95  # the column that decides is among them


def test_pystreed_finds_what_greed_does_not():
    pytest.importorskip("pystreed")
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, size=(400, 6)).astype(np.float32)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    schema = Schema.from_data(frame)

    class Exclusive:
        def logits(self, rows):
            values = rows.to_numpy()
            return np.eye(2)[(values[:, 1] != values[:, 4]).astype(int)]

    rows = peers.as_rows(schema, frame)
    training = peers.TrainingSet(rows, np.zeros(400, int), Exclusive(), schema)
    grown = peers.METHODS["streed"].grow(training, peers.Budget(depth=2), 0)
    assert grown.note == "proven"
    assert (grown.leaves, grown.depth) == (4, 2)
    np.testing.assert_array_equal(grown.decide(rows), training.decided)


# Statistics


def results(fidelity):
    """Make results of 40 rows from {method: {set: [right rows of each seed]}}."""
    records = []
    for method, by_set in fidelity.items():
        for data, seeds in by_set.items():
            for seed, right in enumerate(seeds):
                agrees = np.arange(40) < right
                records.append(
                    {
                        "data": data,
                        "group": "",
                        "seed": seed,
                        "budget": "8 leaves",
                        "method": method,
                        "fidelity": right / 40,
                        "accuracy": right / 80,
                        "n_test": 40,
                        "agrees": np.packbits(agrees).tobytes().hex(),
                    }
                )
    return pd.DataFrame(records)


def test_differences():
    frame = results(
        {
            "ours": {"a": [36, 38], "b": [20, 24], "c": [10, 12]},
            "naive": {"a": [20, 22], "b": [21, 22], "c": [30, 32]},
            "naive 5": {"a": [1, 1], "b": [1, 1], "c": [1, 1]},
        }
    )
    gap = comparison.difference(frame, "8 leaves")
    assert gap.verdict == {"a": 1, "b": 0, "c": -1}
    assert gap.counts == (1, 1, 1)
    assert [gap.by_set[name][0] for name in "abc"] == pytest.approx([40, 1.25, -50])
    expected = stats.ttest_1samp([40, 1.25, -50], 0).confidence_interval(0.95)
    assert (gap.low, gap.high) == pytest.approx((expected.low, expected.high))
    within = stats.ttest_1samp([-2.5, 5.0], 0).confidence_interval(0.95)
    assert gap.by_set["b"][1] == pytest.approx((within.high - within.low) / 2)
    accuracy = comparison.difference(frame, "8 leaves", measure="accuracy")
    assert accuracy.value == pytest.approx(gap.value / 2)
    assert accuracy.verdict == {}
    assert comparison.difference(frame, "8 leaves", second="streed") is None


def test_the_better_variant_is_compared_with():
    frame = results(
        {
            "ours": {"a": [30]},
            "naive": {"a": [20], "b": [10]},
            "naive 5": {"a": [18], "b": [20]},
        }
    )
    assert comparison.best_variant(frame, "naive", "8 leaves") == "naive 5"
    assert comparison.best_variant(frame, "ours", "8 leaves") == "ours"
    gap = comparison.difference(frame, "8 leaves")
    assert gap.value == pytest.approx(100 * 12 / 40)
    assert np.isnan(gap.low)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_packed_rows_compare_as_they_were(pairs):
    one, two = np.asarray(pairs).T
    packed = [np.packbits(rows).tobytes().hex() for rows in (one, two)]
    back = [comparison.unpack(text, len(one)) for text in packed]
    np.testing.assert_array_equal(back[0], one)
    assert compare_shares(*back) == compare_shares(one, two)


# Speed


def test_speed(tmp_path):
    data = speed.Data("digits", 600, 64, 10)
    plan = speed.Plan(
        large=(),
        refined=data,
        growth={"rows": [speed.Job("ours", speed.Data("normal", 900, 4, 2), depth=0)]},
        predicted=speed.Data("normal", 2_000, 5, 2),
        engines=("ours",),
        repeats=1,
        growth_repeats=1,
    )
    said = tmp_path / "said.txt"
    with open(said, "w") as file:
        speed.main(tmp_path, console=Console(file=file, soft_wrap=True), plan=plan)
    record = json.loads((tmp_path / "speed.json").read_text())
    by_name = {
        (r["engine"], r["search"], r["measure"], r["data"]["name"]): r
        for r in record["results"]
    }
    refined = by_name["ours", "refined", "fit", "digits"]
    greedy = by_name["ours", "greedy", "fit", "digits"]
    assert refined["leaves"] <= 32
    assert refined["agreement"] >= greedy["agreement"]
    for engine in ("ours", "scikit-learn"):
        told = by_name[engine, "greedy", "predict", "normal"]
        assert told["rows_a_second_walk"] >= told["rows_a_second"] > 0
    wrong = by_name["ours", "greedy", "fit", "normal"]
    assert "max_depth" in wrong["error"]
    assert "Growth in rows" in (tmp_path / "speed.md").read_text()


def test_engines_grow_the_same_tree():
    job = speed.Job("ours", speed.Data("normal", 3_000, 6, 3), depth=3)
    X, Y = engines._load(job, None)
    again = engines._load(job, None)
    np.testing.assert_array_equal(X, again[0])
    np.testing.assert_array_equal(Y, again[1])
    quality = {}
    for engine in speed.PLAN.engines:
        predict, leaves, depth = engines._fit(engines.replace(job, engine=engine), X, Y)
        assert (leaves, depth) == (8, 3)
        quality[engine] = engines._r2(Y, np.asarray(predict(X)))
    assert quality["ours"] == pytest.approx(quality["scikit-learn"], abs=0.01)
    assert quality["xgboost"] == pytest.approx(quality["scikit-learn"], abs=0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_peak_memory_is_seen():
    before = engines._start_watching()
    held = np.ones(20_000_000)
    del held
    peak = engines._memory("VmHWM") - before
    assert 150e6 < peak < 250e6
    before = engines._start_watching()
    assert engines._memory("VmHWM") - before < 20e6


def test_scored_trees_are_measured_once(tmp_path):
    scored = find_benchmark("scored")
    scored.main(tmp_path, quick=True, console=Console())
    records = json.loads((tmp_path / "scored.json").read_text())
    told = {(record["tree"], record["further rows"]) for record in records}
    assert told == {(t, f) for t in ("axis", "k = 1", "k = 3") for f in (False, True)}
    by_tree = {r["tree"]: r for r in records if not r["further rows"]}
    assert by_tree["k = 3"]["fidelity"] > by_tree["axis"]["fidelity"]
    assert by_tree["k = 3"]["items"] <= 15 * 3 + 16
    scored.main(tmp_path, quick=True, console=Console())
    assert json.loads((tmp_path / "scored.json").read_text()) == records
    assert "k = 3" in (tmp_path / "scored.md").read_text()
