"""The benchmark "methods": every row does what it must, and is judged as is said."""

import doctest
import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from rich.console import Console
from scipy import stats
from sklearn.base import clone
from typer.testing import CliRunner

from interpretkd._base import InputError
from interpretkd.cli import app
from interpretkd.cli.bench import find_benchmark
from interpretkd.distillation import DistilledClassifier
from interpretkd.methods import Confidence
from interpretkd.metrics import compare_shares

methods = find_benchmark("methods")
data = sys.modules["interpretkd_bench._method_data"]
judging = sys.modules["interpretkd_bench._method_judging"]
tables = sys.modules["interpretkd_bench._method_tables"]
rows = sys.modules["interpretkd_bench._method_row"]
page = sys.modules["interpretkd_bench._method_page"]
claims = sys.modules["interpretkd_bench.method_rows._claims"]

ROOT = Path(__file__).parents[2]
BY_NUMBER = {row.number: row for row in methods.ROWS}


def run(path, **settings):
    """Run the benchmark; return what it printed."""
    with open(path / "said.txt", "w") as file:
        console = Console(file=file, soft_wrap=True)
        methods.main(path, console=console, **settings)
    return (path / "said.txt").read_text()


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """All rows as `--quick` runs them; an identity that does not hold is an error."""
    path = tmp_path_factory.mktemp("methods")
    run(path, quick=True)
    return path


@pytest.fixture
def small(monkeypatch):
    """A network that is trained in no time, and a row that takes little."""
    monkeypatch.setattr(data, "_NETWORK", {"hidden": (8,), "max_epochs": 3})
    return replace(BY_NUMBER["17"], data=("breast_cancer",), students=("greedy tree",))


@pytest.mark.parametrize("row", methods.ROWS, ids=lambda row: row.key)
def test_quick(trial, row):
    record = json.loads((trial / "methods-quick" / f"{row.key}.json").read_text())
    (cell,) = record["cells"]
    assert cell["problems"] == []
    names = {"baseline", "plain", "method", *(["control"] if row.control else [])}
    assert set(cell["results"]) == names
    for found in cell["results"].values():
        assert 0 <= found["fidelity_low"] <= found["fidelity"] <= found["fidelity_high"]
        excess = judging.excess(found["fidelity"], found["commonest"])
        assert found["excess"] == pytest.approx(excess, nan_ok=True)
        assert {"accuracy_reduction", "size_reduction_parameters"} <= set(found)
    for counts in cell["counts"].values():
        assert {sum(four) for four in counts.values()} == {cell["n_test"]}
    assert row.neutral is not None or row.neutral_text


def test_the_rows_are_those_of_the_issue():
    digits = {int(row.key[:2]) for row in methods.ROWS}
    wanted = {
        1,
        5,
        10,
        11,
        12,
        13,
        14,
        16,
        17,
        22,
        26,
        28,
        32,
        34,
        39,
        40,
        41,
        42,
        45,
        46,
    }
    assert wanted | {47, 49} <= digits
    assert len({row.key for row in methods.ROWS}) == len(methods.ROWS)
    told = {number for one in page.SITUATIONS for number in one.rows}
    assert told == set(BY_NUMBER)


def stub(frozen, student):
    return DistilledClassifier(frozen, student, transfer=None)


def tiny(frozen, student):
    return stub(frozen, clone(student).set_params(max_leaves=2))


def half(frozen, student):
    weights = Confidence(0.5)
    return DistilledClassifier(frozen, student, weights=weights, transfer=None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"build": stub, "neutral": stub, "control": stub}, "the control is the same"),
        ({"neutral": tiny}, "neutral setting is not plain"),
        (
            {"build": stub, "neutral": stub, "control": None, "claim": claims.differs},
            "same model as the plain",
        ),
    ],
    ids=["control", "neutral", "stub"],
)
def test_a_stub_is_exposed(tmp_path, change, said):
    with pytest.raises(InputError, match=said):
        run(tmp_path, quick=True, rows=[replace(BY_NUMBER["17"], **change)])


def test_measured_rows_are_known_and_one_runs_alone(tmp_path, small):
    other = replace(small, number="99", name="Half", build=half)
    said = run(tmp_path, rows=[small, other], seeds=2)
    assert "17 Confidence: " in said
    assert "known from" not in said
    files = sorted((tmp_path / "methods").glob("*.json"))
    assert [file.name for file in files] == ["17_confidence.json", "99_half.json"]
    first = [file.read_text() for file in files]
    assert run(tmp_path, rows=[small, other], seeds=2).count("known from") == 2
    assert [file.read_text() for file in files] == first
    run(tmp_path, rows=[small, other], seeds=2, row="17")
    again = json.loads(files[0].read_text())
    before = json.loads(first[0])
    assert again["cells"][0]["counts"] == before["cells"][0]["counts"]
    assert files[1].read_text() == first[1]
    with pytest.raises(InputError, match=r"no row '18'. There are: 17, 99"):
        run(tmp_path, rows=[small, other], row="18")

    text = (tmp_path / "methods.md").read_text()
    assert "| 17 | Confidence | breast\\_cancer |" in text
    before["state"]["library"] = "an older one"
    files[0].write_text(json.dumps(before))
    lines = tables.lines_of(
        tables.read_results(tmp_path / "methods"), methods._states([small])
    )
    assert [line.is_old for line in lines] == [True, True]  # 99 is no row any more
    assert "| 17* |" in tables.summary(lines)


def test_what_fails_is_told_and_the_others_go_on(tmp_path, small):
    def fail(frozen, student):
        raise MemoryError("too many | rows")

    broken = replace(small, number="98", name="Broken", build=fail)
    run(tmp_path, rows=[broken, small], seeds=1)
    text = (tmp_path / "methods.md").read_text()
    assert "98 Broken, breast\\_cancer, greedy tree, seed 0: MemoryError" in text
    assert "too many \\| rows" in text
    assert "| 17 | Confidence |" in text


def test_the_sets_of_a_student_stand_in_one_line(tmp_path, small):
    """They were apart: cells go from set to set, then from student to student."""
    sets, students = ("breast_cancer", "german_credit"), ("greedy tree", "linear")
    row = replace(small, data=sets, students=students)
    run(tmp_path, rows=[row], seeds=1)
    records = tables.read_results(tmp_path / "methods")
    lines = tables.lines_of(records, methods._states([row]))
    assert len(lines) == 4
    text = tables.summary(lines)
    assert len(text.splitlines()) == 4
    assert "| Confidence | greedy tree | 2 |" in text
    assert "| Confidence | linear | 2 |" in text
    assert page._said(lines, "17").count("on 2 sets") == 2


def test_a_number_also_stands_for_its_letters():
    found = methods._chosen(methods.ROWS, "17")
    assert [row.number for row in found] == ["17", "17b", "17c"]
    assert [row.number for row in methods._chosen(methods.ROWS, "17b")] == ["17b"]


# Networks


def test_a_network_is_trained_once_and_read_back_to_the_bit(tmp_path):
    told = ("breast_cancer", data.SETTINGS["breast_cancer"], 0)
    case = data.case_of(*told, data.Store(tmp_path), quick=True)
    logits = case.network(0).estimator.logits(case.X_test)
    (file,) = tmp_path.iterdir()
    assert file.suffix == ".safetensors"
    again = data.case_of(*told, data.Store(tmp_path), quick=True)
    changed = file.stat().st_mtime_ns
    np.testing.assert_array_equal(
        again.network(0).estimator.logits(case.X_test), logits
    )
    assert file.stat().st_mtime_ns == changed
    file.write_bytes(file.read_bytes()[:100])
    fresh = data.case_of(*told, data.Store(tmp_path), quick=True)
    np.testing.assert_array_equal(
        fresh.network(0).estimator.logits(case.X_test), logits
    )
    others = [case.network(1), case.misled(0.2), case.mindless(), case.untrained()]
    said = [one.estimator.logits(case.X_test) for one in others]
    assert all(not np.array_equal(one, logits) for one in said)
    assert len(list(tmp_path.iterdir())) == 5


def test_test_rows_are_never_fitted_to():
    setting = data.SETTINGS["german_credit"]
    case = data.case_of("german_credit", setting, 3, data.Store(Path("none")))
    task = setting.load(3)
    judged = set(map(tuple, case.X_test.astype(str).to_numpy()))
    fitted = set(map(tuple, case.X.astype(str).to_numpy()))
    assert not judged & fitted
    assert len(case.X_test) == len(task.split.test)
    X, y, others = case.given(0.25, further=True)
    assert (len(X), len(y), len(others)) == (200, 200, 600)


# Statistics


@given(
    st.lists(
        st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=20),
        min_size=2,
        max_size=5,
    )
)
def test_differences_are_paired_over_seeds_and_rows(seeds):
    pairs = [np.asarray(seed).T for seed in seeds]
    gaps = [100 * (one.mean() - other.mean()) for one, other in pairs]
    found = judging.compared(gaps, [judging.counts_of(*pair) for pair in pairs])
    one, two = np.concatenate(pairs, axis=1)
    assert found.p_value == pytest.approx(compare_shares(one, two).p_value)
    assert found.mean == pytest.approx(np.mean(gaps))
    error = stats.sem(gaps)
    expected = stats.t.ppf(0.975, len(gaps) - 1) * error
    assert found.half == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("mean", "half", "p_value", "word"),
    [
        (1.0, 0.5, 0.01, "helps"),
        (-1.0, 0.5, 0.01, "hurts"),
        (1.0, 1.5, 0.01, "nothing"),  # the seeds do not say so
        (1.0, 0.5, 0.06, "nothing"),  # the rows do not
        (1.0, float("nan"), 0.01, "nothing"),  # of one seed nobody knows
    ],
)
def test_words(mean, half, p_value, word):
    assert judging.word_of(judging.Difference(mean, half, p_value), p_value) == word


def test_a_teacher_of_one_decision_has_no_excess():
    assert judging.excess(0.9, 0.8) == pytest.approx(0.5)
    assert np.isnan(judging.excess(1.0, 1.0))


@pytest.mark.parametrize("module", [judging, page])
def test_examples(module):
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


# The page


def of_docs(name):
    path = ROOT / "docs" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"docs_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_results_give():
    assert of_docs("methods").main(["--check"]) == 0


def test_the_page_has_the_figures(tmp_path, small):
    run(tmp_path, rows=[small], seeds=2)
    text = f"Before.\n{page.BEGIN}\nold\n{page.END}\nAfter."
    written = methods.page(text, tmp_path / "methods")
    assert "Confidence (fidelity): greedy tree" in written
    assert "on 1 set, helps on" in written
    assert written.startswith("Before.")
    assert written.endswith("After.")
    assert methods.page(written, tmp_path / "methods") == written
    with pytest.raises(InputError, match="must have the marks"):
        methods.page("No marks.", tmp_path / "methods")
    (tmp_path / "methods" / "strange.json").write_text("[]")
    with pytest.raises(InputError, match=r"'strange.json' is no result"):
        methods.page(text, tmp_path / "methods")


# The command


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bench", "seeds", "--row", "17"], "'seeds' takes no row"),
        (["bench", "speed", "--seeds", "2"], "'speed' takes no number of seeds"),
        (["bench", "seeds", "--sets", "a"], "'seeds' takes no names of data sets"),
        (["bench", "trees", "--methods", "x"], "There is no method 'x'. There are:"),
        (["bench", "methods", "--row", "nine"], "There is no row 'nine'"),
        (["bench", "speed", "--data", "."], "'speed' takes no folder of data"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments, said, tmp_path):
    found = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)])
    assert isinstance(found.exception, InputError)
    assert said in str(found.exception)
