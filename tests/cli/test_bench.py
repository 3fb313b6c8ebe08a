"""The benchmarks "trees" and "speed": whether what they print is what they measured."""

import json
import shutil
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from rich.console import Console
from scipy import stats
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier

import interpretkd
from interpretkd._base import InputError
from interpretkd.cli.bench import find_benchmark
from interpretkd.datasets import load_breast_cancer
from interpretkd.distillation import DistilledClassifier
from interpretkd.metrics import compare_shares
from interpretkd.runs import task_of, train_teacher
from interpretkd.students import CartStudent

trees = find_benchmark("trees")
speed = find_benchmark("speed")
comparison = sys.modules["interpretkd_bench._comparison"]
engines = sys.modules["interpretkd_bench._engines"]
contest = sys.modules["interpretkd_bench._contest"]
SETTINGS = sys.modules["interpretkd_bench._tree_settings"].SETTINGS
state = sys.modules["interpretkd_bench._state"]
tables = sys.modules["interpretkd_bench._tree_tables"]

NETWORK = {"hidden": (16,), "max_epochs": 5}


def small(*methods):
    def load(seed):
        return task_of(load_breast_cancer(), seed=seed)

    budgets = (contest.Budget(leaves=4),)
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
    theirs = [name for name, way in trees.METHODS.items() if not way.is_ours]
    assert set(record["left_out"]) <= {*theirs} - {"naive", "labels", "soft", "logits"}
    assert not record["failed"]
    for budget in contest.Budget(leaves=4), contest.Budget(depth=3):
        own = frame[frame.budget == str(budget)]
        taken = {name for name in expected if trees.METHODS[name].allows(budget)}
        assert set(own.method) == taken, budget
    assert frame[["fidelity", "accuracy", "train_fidelity"]].stack().between(0, 1).all()
    assert (frame.seconds > 0).all()
    assert (frame.cpu_seconds > 0).all()
    assert (frame[frame.budget == "4 leaves"]["items"] <= 3).all()
    single = frame[frame.method != "figs"]
    assert (single["items"] == single.leaves - 1).all()
    assert (frame[frame.budget == "depth 3"].depth <= 3).all()
    gap = record["ours_less_naive"]["all sets"]["4 leaves"]
    at = frame[frame.budget == "4 leaves"].set_index("method").fidelity
    assert gap["value"] == pytest.approx(
        100 * (at["ours"] - at[["naive", "naive 5"]].max())
    )
    text = (tmp_path / "trees.md").read_text()
    assert "A trial run" in text
    assert text.splitlines()[2].startswith(
        "`interpretkd bench trees --quick`, at commit"
    )
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


def test_what_an_older_benchmark_kept_is_measured_anew(tmp_path):
    settings = small("naive")
    run(tmp_path, settings)
    file = tmp_path / "trees" / "cancer-0.json"
    kept = json.loads(file.read_text())
    del kept["trees"][0]["cpu_seconds"]
    kept["trees"][0]["seconds"] = 12345.0
    file.write_text(json.dumps(kept))
    said, found, _ = run(tmp_path, settings)
    assert "known from" not in said
    assert found[0, "4 leaves", "naive"]["seconds"] < 12345.0


def test_a_part_and_then_the_whole(tmp_path):
    settings = small("naive", "soft", "logits")
    file = tmp_path / "trees" / "cancer-0.json"
    for part in ("logits", "naive"):
        with open(tmp_path / "said.txt", "w") as said:
            console = Console(file=said, soft_wrap=True)
            trees.main(tmp_path, methods=part, console=console, settings=settings)
        record = json.loads((tmp_path / "trees.json").read_text())
        assert record["command"] == f"interpretkd bench trees --methods {part}"
        assert [r["method"] for r in record["results"]] == [part]
    kept = {tree["method"]: tree for tree in json.loads(file.read_text())["trees"]}
    assert set(kept) == {"naive", "logits"}
    _, found, _ = run(tmp_path, settings)
    assert {method for _, _, method in found} == {"naive", "soft", "logits"}
    for name, tree in kept.items():
        assert found[0, "4 leaves", name]["seconds"] == tree["seconds"]


def test_parts():
    def names(part):
        return {
            name: (own.seeds, [f"{b} {m}" for b, m in own.pairs])
            for name, own in part.items()
        }

    budgets = [contest.Budget(leaves=4), contest.Budget(depth=3)]
    one = trees.Setting(None, 5, budgets, {}, ("naive", "figs"))
    whole = {"a": one, "b": trees.Setting(None, 1, budgets[:1], {}, ("naive",))}
    part = trees.restricted(whole, sizes="depth 3, 4 leaves", seeds=2)
    assert names(part) == {
        "a": (2, ["4 leaves naive", "4 leaves figs", "depth 3 naive"]),
        "b": (1, ["4 leaves naive"]),
    }
    part = trees.restricted(whole, sets="b,a", sizes="depth 3", methods="naive")
    assert names(part) == {"a": (5, ["depth 3 naive"])}
    with pytest.raises(InputError, match=r"no method 'nave'. There are: naive, figs\."):
        trees.restricted(whole, methods="naive,nave")
    with pytest.raises(InputError, match="None of the methods takes any of the sizes"):
        trees.restricted(whole, methods="figs", sizes="depth 3")


def test_ours_and_its_baseline_come_of_one_fit(tmp_path):
    _, found, record = run(tmp_path, small("ours", "ours on labels", "labels"))
    ours, baseline, labels = (
        found[0, "4 leaves", name] for name in ("ours", "ours on labels", "labels")
    )
    assert ours["seconds"] == baseline["seconds"] > labels["seconds"]
    assert ours["cpu_seconds"] == baseline["cpu_seconds"]
    task = task_of(load_breast_cancer(), seed=0)
    X, X_test = task.X.iloc[task.student_rows], task.X.iloc[task.split.test]
    teacher = train_teacher(task, seed=0, **NETWORK)
    model = DistilledClassifier(
        FrozenEstimator(teacher), CartStudent(4, random_state=0), random_state=0
    ).fit(X, task.y[task.student_rows])
    evaluation = model.evaluate(X_test, task.y[task.split.test])
    assert baseline["accuracy"] == pytest.approx(evaluation.baseline.accuracy.value)
    assert ours["accuracy"] == pytest.approx(evaluation.student.accuracy.value)
    assert ours["fidelity"] == pytest.approx(evaluation.student.fidelity.value)
    assert "state" in record


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

    broken = contest.Method(fail, "numpy", "numpy")
    methods = {**trees.METHODS, "trustee": broken}
    monkeypatch.setattr(trees, "METHODS", methods)
    said, found, record = run(tmp_path, small("naive", "trustee"))
    assert "trustee failed (MemoryError: too many rows)" in said
    assert set(found) == {(0, "4 leaves", "naive")}
    assert "trustee failed on cancer (1 tree): MemoryError" in said
    assert record["failed"][0]["failed"] == "MemoryError: too many rows"


def test_a_run_in_which_all_fails(tmp_path, monkeypatch):
    def fail(training, budget, seed):
        raise ValueError

    broken = contest.Method(fail, "numpy", "numpy")
    monkeypatch.setattr(trees, "METHODS", {**trees.METHODS, "naive": broken})
    said, found, _ = run(tmp_path, small("naive"))
    assert not found
    assert "naive failed on cancer (1 tree): ValueError" in said


def test_what_fails_in_ours_is_not_passed_over(tmp_path, monkeypatch):
    def fail(training, budget, seed):
        raise ValueError("a fault of ours")

    broken = contest.Method(fail, "interpretkd", "interpretkd")
    monkeypatch.setattr(trees, "METHODS", {**trees.METHODS, "ours": broken})
    with pytest.raises(ValueError, match="a fault of ours"):
        run(tmp_path, small("ours"))


def test_a_run_of_nothing_that_is_installed(tmp_path, monkeypatch):
    absent = contest.Method(None, "no-such", "no_such_package")
    monkeypatch.setattr(trees, "METHODS", {**trees.METHODS, "naive": absent})
    with pytest.raises(InputError, match=r"No method can be used here: .*no_such"):
        run(tmp_path, small("naive"))


def test_the_sets_of_a_folder(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=60), "target": rng.choice([1, 2], 60)})
    for name in ("mine.csv", "digits.csv"):
        frame.to_csv(tmp_path / name, index=False)
    found = trees.settings_for(tmp_path)
    assert list(found)[:2] == ["digits.csv", "mine"]
    assert set(SETTINGS) <= set(found)
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
                        "accuracy": (right + 1) // 2 / 40,
                        "n_test": 40,
                        "agrees": np.packbits(agrees).tobytes().hex(),
                        "right": np.packbits(agrees & (np.arange(40) % 2 == 0))
                        .tobytes()
                        .hex(),
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
    # Every second of the rows that are decided as by the teacher is right.
    assert [accuracy.by_set[name][0] for name in "abc"] == pytest.approx([20, 0, -25])
    assert accuracy.tests["a"].only_first == 16
    assert accuracy.verdict == {"a": 1, "b": 0, "c": -1}
    assert comparison.difference(frame, "8 leaves", second="streed") is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_test(p_values):
    # By Bonferroni's test of every subset: p of the worst one that a hypothesis is in.
    places = range(len(p_values))
    worst = [
        max(
            min(1.0, n * min(p_values[k] for k in subset))
            for n in range(1, len(p_values) + 1)
            for subset in combinations(places, n)
            if i in subset
        )
        for i in places
    ]
    assert comparison.holm(p_values) == pytest.approx(worst)


def test_verdicts_are_of_the_family():
    # Six rows more than the other's: p = 0.031, which one set alone may claim.
    one = results({"ours": {"a": [16]}, "naive": {"a": [10]}})
    assert comparison.difference(one, "8 leaves").verdict == {"a": 1}
    sets = {name: [16] for name in "ab"}
    two = results({"ours": sets, "naive": {"a": [10], "b": [16]}})
    gap = comparison.difference(two, "8 leaves")
    assert gap.tests["a"].p_value == pytest.approx(2 / 2**6)
    assert gap.verdict == {"a": 0, "b": 0}


def test_the_report_corrects_over_sets_and_sizes():
    # p is 0.016 at each size: enough for a family of three sets, not of six.
    other = {"a": [13], "b": [20], "c": [20]}
    ours = {name: [20] for name in "abc"}
    small, large = (
        results({"ours": ours, "naive": other}).assign(budget=size)
        for size in ("8 leaves", "16 leaves")
    )
    frame = pd.concat([small, large.assign(agrees=small.agrees[0], fidelity=0.5)])
    assert comparison.difference(frame, "8 leaves").verdict["a"] == 1
    family = tables._family(frame, "naive", "fidelity")
    assert family["won / tied / lost"] == "0 / 6 / 0"
    assert family["cells"] == "6"
    lost = tables._family(
        results({"ours": {"a": [1]}, "naive": {"a": [39]}}), "naive", "fidelity"
    )
    assert lost["won / tied / lost"] == "0 / 0 / 1"
    assert lost["lost"] == "a 8 leaves"


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
