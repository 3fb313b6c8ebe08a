"""The command line, run as a person would; bad input is one sentence and exit 1."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from interpretkd._base import __version__
from interpretkd.cli import inspect, main
from interpretkd.datasets import load_german_credit
from interpretkd.rules._ruleset import _ORDERS
from interpretkd.runs import load, load_run


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder; return (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return stop.value.code, said.out, said.err

    return run


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """German credit as a CSV with gaps, 400 rows."""
    data = load_german_credit()
    frame = data.data.iloc[:400].copy()
    frame.loc[::7, "age_in_years"] = np.nan
    frame.loc[::9, "purpose"] = None
    frame["creditability"] = data.target[:400]
    path = tmp_path_factory.mktemp("data") / "credit.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def run_folder(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "credit"
    with pytest.raises(SystemExit) as stop:
        main(
            [
                *("distill", str(table), "--target", "creditability"),
                *("--out", str(path), "--max-leaves", "6"),
            ]
        )
    assert stop.value.code == 0
    return path


def test_version(cli):
    assert cli("--version") == (0, f"{__version__}\n", "")


def test_python_m_is_the_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "interpretkd", "--version"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, f"{__version__}\n"), done.stderr


def test_help_names_every_command_and_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['interpretkd', '--help']\n"
        "from interpretkd.cli import main\n"
        "try:\n    main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'sklearn', 'pandas', 'numpy', 'scipy', 'xgboost', 'numba',"
        " 'matplotlib', 'streamlit'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    commands = (
        *("demo", "distill", "rules", "tree", "export", "report"),
        *("explain", "predict", "evaluate", "app", "bench"),
    )
    listed = re.findall(r"^\W*([a-z]+) {2,}[A-Z]", done.stdout, re.MULTILINE)
    assert listed == list(commands)


def test_wrong_usage_is_exit_2(cli):
    code, _, err = cli("distill")
    assert code == 2
    assert "Missing" in err
    assert cli("rules", "run", "--no-such-option")[0] == 2


@pytest.mark.parametrize("student", ["cart", "scored", "boosted", "linear"])
def test_distill(cli, table, student):
    code, out, err = cli(
        *("distill", table, "--target", "creditability", "--student", student),
        *("--out", "run"),
    )
    assert (code, err) == (0, "")
    assert f"{student} baseline" in out
    assert "istillation" in out  # the verdict
    run = load_run("run")
    assert list(run.model.classes_) == ["bad", "good"]
    assert len(run.evaluation.y) == 80
    assert run.about["command"].endswith(f"--student {student} --out run")
    digest = hashlib.sha256(Path(table).read_bytes()).hexdigest()
    assert run.about["data SHA-256"] == digest
    assert run.about["rows held out"] == 80


def test_max_leaves_bounds_boosted_trees(cli, table):
    code, _, err = cli(
        *("distill", table, "--target", "creditability", "--student", "boosted"),
        *("--max-leaves", 20, "--out", "run"),
    )
    assert (code, err) == (0, "")
    assert load("run").forest_.n_leaves <= 20


def test_max_leaves_is_refused_for_linear_students(cli, table):
    code, _, err = cli(
        *("distill", table, "--target", "creditability", "--student", "linear"),
        *("--max-leaves", 20, "--out", "run"),
    )
    assert (code, err) == (
        1,
        "Error: --max-leaves is for --student cart, scored and boosted. Got --student "
        "linear.\n",
    )


def test_the_size_of_a_tree_of_sums(cli, table):
    make = ("distill", table, "--target", "creditability", "--out", "run")
    code, _, err = cli(
        *make, "--student", "scored", "--max-leaves", 5, "--max-columns", 2
    )
    assert (code, err) == (0, "")
    found = load("run").student_
    assert (found.max_leaves, found.max_columns) == (5, 2)
    scores = found.form_.scored_schema.scores
    assert max(len(score.terms) for score in scores) == 2
    assert cli("rules", "run")[0] == 0
    assert cli("export", "run", "--to", "sql")[0] == 0
    code, _, err = cli(*make, "--overwrite", "--max-columns", 2)
    assert (code, err) == (
        1,
        "Error: --max-columns is for --student scored. Got --student cart.\n",
    )


def test_distill_regression_from_parquet(cli):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=300), "b": rng.choice(["x", "y"], 300)})
    frame["price"] = 3 * frame.a + (frame.b == "x") + rng.normal(0, 0.1, 300)
    frame.to_parquet("houses.parquet")
    code, out, err = cli(
        "distill", "houses.parquet", "--target", "price", "--out", "run"
    )
    assert (code, err) == (0, "")
    assert "(R2)" in out
    assert load("run").task_ == "regression"


def test_distill_a_cnn_on_the_pixels_of_a_table(cli):
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    frame = pd.DataFrame(X[:300], columns=[f"p{i}" for i in range(64)]).assign(
        digit=y[:300]
    )
    frame.to_csv("digits.csv", index=False)
    code, _, err = cli(
        *("distill", "digits.csv", "--target", "digit", "--teacher", "cnn"),
        *("--out", "run"),
    )
    assert (code, err) == (0, "")
    assert type(load("run").teacher_.estimator).__name__ == "CNNTeacher"


def test_distill_an_onnx_file(cli):
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    graph = skl2onnx.to_onnx(
        LogisticRegression(max_iter=999).fit(X, names),
        X[:1].astype(np.float32),
        options={"zipmap": False},
    )
    with open("net.onnx", "wb") as file:
        file.write(graph.SerializeToString())
    pd.DataFrame(X, columns=list("abcd")).assign(kind=names).to_csv(
        "t.csv", index=False
    )
    code, _, err = cli(
        *("distill", "t.csv", "--target", "kind", "--teacher", "net.onnx"),
        *("--out", "run", "--max-leaves", 4),
    )
    assert (code, err) == (0, "")
    assert load("run").fidelity(pd.DataFrame(X, columns=list("abcd"))).value > 0.85


def test_rules(cli, run_folder):
    code, out, err = cli("rules", run_folder)
    assert (code, err) == (0, "")
    lines = out.strip().splitlines()
    assert len(lines) == load(run_folder).tree_.n_leaves
    shares = [float(s) for s in re.findall(r"covers ([\d.]+)%", out)]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100, abs=0.5)
    assert "fidelity" in out
    assert "accuracy" in out


def test_rules_on_other_rows(cli, run_folder, table):
    code, out, err = cli(
        "rules", run_folder, "--data", table, "--target", "creditability"
    )
    assert (code, err) == (0, "")
    counts = [int(n) for n in re.findall(r"= (\d+) rows?", out)]
    assert sum(counts) == 400


@pytest.mark.parametrize("name", ["rules.csv", "rules.txt"])
def test_rules_to_a_file(cli, run_folder, name):
    code, out, _ = cli("rules", run_folder, "--out", name)
    assert code == 0
    assert name in out
    with open(name) as file:
        assert len(file.read().splitlines()) >= 6


@pytest.mark.parametrize("name", ["tree.svg", "tree.png", "tree.pdf", "tree.dot"])
def test_tree(cli, run_folder, name):
    code, out, err = cli("tree", run_folder, "--out", name)
    assert (code, out.strip(), err) == (0, name, "")
    with open(name, "rb") as file:
        start = file.read(5)
    assert start in (b"<svg ", b"\x89PNG\r", b"%PDF-", b"digra")


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_predict(cli, run_folder, table, name):
    code, _, err = cli("predict", run_folder, table, "--out", name)
    assert (code, err) == (0, "")
    found = pd.read_csv(name) if name.endswith("csv") else pd.read_parquet(name)
    rows = pd.read_csv(table)
    assert list(found.columns) == [
        "row",
        "rule",
        "prediction",
        "probability of bad",
        "probability of good",
    ]
    model = load(run_folder)
    expected = model.predict_proba(rows[list(model.schema_.names)])
    np.testing.assert_allclose(found.iloc[:, 3:], expected)


def test_demo_on_small_data(cli):
    code, out, err = cli(
        "demo", "--data", "digits", "--out", "demo", "--max-leaves", 12
    )
    assert (code, err) == (0, "")
    for family in ("cart", "boosted", "linear"):
        assert f"{family} student" in out
        assert load_run(f"demo/{family}").evaluation is not None
    assert "The 12 rules of the tree" in out
    with open("demo/tree.svg") as file:
        assert "<svg" in file.read()


# Bad input: one sentence on stderr, exit 1, no traceback, nothing written.

GOOD = "a,b,kind\n" + "".join(f"{i},{i % 7},{'yn'[i % 2]}\n" for i in range(60))
BAD_TABLES = {
    "unknown column": (GOOD, "knid", "There is no column 'knid'. Did you mean 'kind'?"),
    "constant target": (re.sub(r"[yn]\n", "y\n", GOOD), "kind", "is constant"),
    "text in numbers": (
        GOOD.replace("\n7,", "\nseven,"),
        "kind",
        "'a': 1 of 60 values",
    ),
    "empty file": ("", "kind", "is empty"),
    "only a header": ("a,b,kind\n", "kind", "has a header and no rows"),
    "one class": ("a,kind\n" + "1,y\n2,y\n" * 20, "kind", "there is one class"),
    "rare class": (GOOD + "1,1,z\n", "kind", "Class 'z' has 1"),
    "NaN target": (GOOD + "1,1,\n", "kind", "is missing in 1 of 61 rows, e.g. row 61"),
    "duplicate header": (GOOD.replace("a,b", "a,a", 1), "kind", "names a column twice"),
    "nothing but the target": ("kind\n" + "y\nn\n" * 20, "kind", "no column beside"),
    "identifiers": (
        "id,kind\n" + "".join(f"name {i},{'yn'[i % 2]}\n" for i in range(150)),
        "kind",
        "leave it out (--drop)",
    ),
    "ragged": (GOOD + "1,2,3,4,5\n", "kind", "is not a readable CSV file"),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_tables(cli, case):
    text, target, sentence = BAD_TABLES[case]
    with open("bad.csv", "w") as file:
        file.write(text)
    code, _, err = cli("distill", "bad.csv", "--target", target, "--out", "run")
    assert code == 1
    assert err.startswith("Error: ")
    assert sentence in err
    assert err.count("\n") == 1
    with pytest.raises(ValueError, match="is not a run"):
        load("run")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("distill", "none.csv", "--target", "t", "--out", "run"), "There is no file"),
        (("distill", "t.xls", "--target", "t", "--out", "run"), "There is no file"),
        (("rules", "nowhere"), "is not a run"),
        (("tree", "nowhere"), "is not a run"),
        (("predict", "nowhere", "t.csv", "--out", "o.csv"), "is not a run"),
        (("bench", "speed-of-light"), "There is no benchmark 'speed-of-light'"),
        (("bench", "seeds", "--data", "."), "'seeds' takes no folder of data"),
        (("bench", "trees", "--data", "nowhere"), "There is no folder 'nowhere'"),
        (("bench", "trees", "--data", "."), "holds no .csv file"),
    ],
)
def test_absent_things(cli, arguments, sentence):
    code, _, err = cli(*arguments)
    assert code == 1
    assert sentence in err
    assert err.count("\n") == 1


def test_bad_teachers(cli, table):
    with open("broken.onnx", "w") as file:
        file.write("not a network")
    common = ("distill", table, "--target", "creditability", "--out", "run")
    for teacher, sentence in [
        ("gpt", "must be 'mlp', 'cnn' or an .onnx file. Got 'gpt'"),
        ("none.onnx", "none.onnx"),
        ("broken.onnx", "broken.onnx"),
        ("cnn", "categorical"),
    ]:
        code, _, err = cli(*common, "--teacher", teacher)
        assert code == 1, teacher
        assert sentence in err
        assert err.count("\n") == 1


def test_rows_that_do_not_fit_the_run(cli, run_folder, table):
    rows = pd.read_csv(table)
    used = "status_of_existing_checking_account"
    rows.drop(columns=used).to_csv("lacks.csv", index=False)
    rows.assign(**{used: "space travel"}).to_csv("unseen.csv", index=False)
    rows.assign(creditability="fair").to_csv("labels.csv", index=False)
    for name, sentence in [
        ("lacks.csv", f"lacks the columns {used!r}"),
        ("unseen.csv", f"{used!r} holds categories that were not seen in training"),
    ]:
        code, _, err = cli("predict", run_folder, name, "--out", "o.csv")
        assert code == 1
        assert sentence in err
    code, _, err = cli(
        *("rules", run_folder, "--data", "labels.csv", "--target", "creditability")
    )
    assert code == 1
    assert "'fair'" in err


def test_bad_endings(cli, run_folder, table):
    for arguments in (
        ("rules", run_folder, "--out", "rules.doc"),
        ("tree", run_folder, "--out", "tree.gif"),
        ("predict", run_folder, table, "--out", "o.xlsx"),
    ):
        code, _, err = cli(*arguments)
        assert code == 1
        assert "Got " in err


def test_formulas_in_data_stay_text(cli):
    frame = pd.DataFrame({"home": ["=cmd()", "own"] * 40, "kind": ["=1+1", "b"] * 40})
    frame.to_csv("t.csv", index=False)
    assert cli("distill", "t.csv", "--target", "kind", "--out", "run")[0] == 0
    assert cli("predict", "run", "t.csv", "--out", "o.csv")[0] == 0
    assert cli("rules", "run", "--out", "rules.csv")[0] == 0
    with open("o.csv") as file:
        assert not re.search(r"(^|,)=", file.read(), re.MULTILINE)


def test_the_benchmark_of_the_seed_runs(cli):
    code, out, err = cli("bench", "seeds", "--quick", "--out", "bench")
    assert (code, err) == (0, "")
    assert "86.62" in out
    assert "73.42" in out
    with open("bench/seeds.md") as file:
        assert "A trial run" in file.read()


@pytest.mark.parametrize(
    "to", ["sql", "python", "c", "json", "onnx", "pmml", "dot", "csv"]
)
def test_export(cli, run_folder, to):
    code, out, err = cli("export", run_folder, "--to", to)
    assert (code, err) == (0, "")
    if to != "dot":
        assert "80 of 80 rows equal" in out
    assert Path(out.split(":")[0]).stat().st_size > 100


def test_export_of_what_cannot_be(cli, run_folder, tmp_path):
    assert cli("export", run_folder, "--to", "fortran")[0] == 2
    code, _, err = cli("export", run_folder, "--to", "sql", "--out", "no/such/file.sql")
    assert code == 1
    assert err.startswith("Error: ")
    assert list(tmp_path.iterdir()) == []


def test_report(cli, run_folder):
    Path("info.yml").write_text("title: Loans\nowner: Ada\n")
    for ending in ("html", "md", "json", "pdf"):
        code, out, err = cli(
            *("report", run_folder, "--out", f"r.{ending}", "--info", "info.yml"),
            *("--refits", "0"),
        )
        assert (code, out.strip(), err) == (0, f"r.{ending}", "")
    page = Path("r.html").read_text()
    assert "Loans" in page
    assert "interpretkd distill" in page  # the command that made the run
    Path("info.yml").write_text("ovner: Ada")
    code, _, err = cli("report", run_folder, "--out", "r2.html", "--info", "info.yml")
    assert code == 1
    assert "'owner'" in err
    assert not Path("r2.html").exists()


def test_explain_keeps_to_what_may_change(cli, run_folder):
    columns = load_run(run_folder).model.schema_.names
    asked = [part for name in columns for part in ("--immutable", name)]
    code, out, _ = cli("explain", run_folder, "3", *asked)
    assert code == 0
    assert "No change of the columns that may change" in out
    code, _, err = cli("explain", run_folder, "3", "--only-up", "no such")
    assert code == 1
    assert "must hold column names. Got 'no such'" in err


def test_explain(cli, run_folder):
    code, out, err = cli("explain", run_folder, "3")
    assert (code, err) == (0, "")
    assert "The student says" in out
    code, _, err = cli("explain", run_folder, "81")
    assert (code, err) == (1, "Error: The row must be an integer in [1, 80]. Got 81.\n")


def test_rules_as_asked(cli, run_folder):
    plain = cli("rules", run_folder)[1].splitlines()
    merged = cli("rules", run_folder, "--merge", "--readable")[1].splitlines()
    assert 0 < len(merged) <= len(plain)
    by_tree = cli("rules", run_folder, "--order", "tree")[1].splitlines()
    assert sorted(by_tree) == sorted(plain)
    code, _, err = cli("rules", run_folder, "--order", "beauty")
    assert code == 2
    assert "'--order'" in err


def test_rules_can_be_sorted_by_all_that_a_rule_set_can():
    assert {order.value for order in inspect.Order} == set(_ORDERS)


@pytest.mark.parametrize("student", ["boosted", "linear"])
def test_rules_of_a_sum(cli, table, student):
    make = ("distill", table, "--target", "creditability", "--student", student)
    assert cli(*make, "--out", "run")[0] == 0
    code, out, err = cli("rules", "run")
    assert (code, err) == (0, "")
    assert "status_of_existing_checking_account" in out
    assert cli("rules", "run", "--out", "effects.csv")[0] == 0
    assert len(pd.read_csv("effects.csv")) > 10
    code, _, err = cli("rules", "run", "--out", "effects.txt")
    assert code == 1
    assert ".csv" in err
    for options in (("--readable",), ("--merge",), ("--order", "tree")):
        code, _, err = cli("rules", "run", *options)
        assert code == 1
        assert "are for the rules of a tree. Got the run of a " in err
