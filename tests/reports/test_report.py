"""The report: its figures are those of the library, and it opens without a network."""

import copy
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.evaluation import _analysis as analysis, analyse, evaluate
from interpretkd.methods import Hidden, KBest, Mix
from interpretkd.model_selection import frontier
from interpretkd.reports import Figure, Table, make_report, read_info, report_on
from interpretkd.reports._manual_sections import NOT_PROVIDED
from interpretkd.rules import extract_rules
from interpretkd.runs import analyse_run, load_run, save
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.teachers import CallableTeacher

GREEDY = CartStudent(8, search="greedy", random_state=0)
STUDENTS = {
    "cart": GREEDY,
    "boosted": BoostedStudent(max_leaves=24, random_state=0),
    "linear": LinearStudent(points=True),
}


@pytest.fixture(scope="module")
def split(german):
    parts = german.split()
    fitted = np.concatenate([parts.train, parts.transfer])
    X, y = german.data, german.target
    return (X.iloc[fitted], y[fitted]), (X.iloc[parts.test], y[parts.test])


@pytest.fixture(scope="module", params=STUDENTS)
def model(request, split, german_teacher):
    (X, y), _ = split
    student = STUDENTS[request.param]
    frozen = FrozenEstimator(german_teacher)
    return DistilledClassifier(frozen, student, target="hard", random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def tree(split, german_teacher):
    (X, y), _ = split
    frozen = FrozenEstimator(german_teacher)
    return DistilledClassifier(frozen, GREEDY, target="hard", random_state=0).fit(X, y)


def section(report, title):
    (found,) = (s for s in report.document.sections if s.title == title)
    return found


def titles(report):
    return [s.title for s in report.document.sections]


def test_what_is_measured_already_is_not_measured_again(model, split, monkeypatch):
    _, (X, y) = split
    found = analyse(model, X, y)
    # The rows that were made are asked about each time: they are part of no analysis.
    monkeypatch.setattr(model, "transfer_set_", None)
    first = report_on(found, n_refits=2)
    measures = ("evaluate", "extract_rules", "prune_path")
    for name in (*measures, "disagreements", "interventions", "stability"):
        monkeypatch.setattr(analysis, name, None)  # to be called no more
    monkeypatch.setattr(type(model), "logits", None)
    again = report_on(found, n_refits=2, examples=True)
    assert again.measures == first.measures
    assert titles(again) == titles(first)


@pytest.fixture(scope="module")
def lined_up(split, german_teacher):
    _, (X, y) = split
    students = [CartStudent(4, search="greedy"), LinearStudent(max_terms=3)]
    return frontier(
        FrozenEstimator(german_teacher), X, y, students=students, random_state=0
    )


def test_other_families_stand_beside_the_student(tree, split, lined_up, tmp_path):
    _, (X, y) = split
    plain = make_report(tree, X, y, n_refits=0)
    report = make_report(tree, X, y, n_refits=0, frontier=lined_up)
    n_before = len(section(plain, "Size").blocks)
    text, figure, table = section(report, "Size").blocks[n_before:]
    assert lined_up.reason in text.text
    assert f"{lined_up.n_test} test rows" in table.caption
    assert len(table.frame) == len(lined_up.points) == 2
    assert all(candidate.family in figure.text for candidate in lined_up.points)
    for candidate in lined_up.points:
        assert str(candidate.fidelity) in report.html()
        assert f"{candidate.fidelity.value:.3f}" in report.markdown()
    content = json.loads(report.write(tmp_path / "report.json").read_text())
    told = content["measures"]["frontier"]
    assert [one["fidelity"] for one in told] == [
        candidate.fidelity.value for candidate in lined_up.points
    ]
    assert "frontier" not in plain.measures


def test_other_families_stand_in_the_pdf(tree, split, lined_up):
    pytest.importorskip("typst")
    _, (X, y) = split
    plain = make_report(tree, X, y, n_refits=0).pdf()
    whole = make_report(tree, X, y, n_refits=0, frontier=lined_up).pdf()
    assert len(whole) > len(plain) + 3_000  # a figure and a table


def test_what_cannot_stand_beside_the_student_is_refused(tree, split, lined_up):
    _, (X, y) = split
    found = analyse(tree, X, y)
    shuffled = copy.copy(lined_up.models[0])
    shuffled.classes_ = lined_up.models[0].classes_[::-1]
    other = replace(lined_up.points[0], model=shuffled)
    X_iris, y_iris = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X_iris, y_iris))
    iris = frontier(teacher, X_iris, students=[GREEDY], random_state=0)
    for wrong, sentence in [
        (lined_up.to_frame(), "must be a Frontier.* Got a DataFrame"),
        (replace(lined_up, task="regression"), "that decide one of two classes"),
        (iris, "other columns"),
        (replace(lined_up, points=(other,)), "other classes"),
    ]:
        with pytest.raises(InputError, match=sentence):
            report_on(found, n_refits=0, frontier=wrong)


@pytest.mark.parametrize("n_refits", [1, -1, 2.5])
def test_a_number_of_refits_outside_is_refused(tree, split, n_refits):
    _, (X, y) = split
    with pytest.raises(InputError, match="'n_refits' parameter of make_report"):
        make_report(tree, X[:10], y[:10], n_refits=n_refits)


def test_every_kind_of_student_has_a_report(model, split):
    _, (X, y) = split
    report = model.report(X, y, n_refits=2)
    content = json.loads(report.json())
    measured = evaluate(model, X, y).to_dict()
    assert content["measures"]["evaluation"]["models"] == json.loads(
        json.dumps(measured["models"])
    )
    assert measured["verdict"] in report.markdown()
    assert len(report.html()) < 2_000_000
    for title in ("Summary", "Fidelity", "The student", "Slices", "Reproduction"):
        assert title in titles(report)


def test_neurons_that_rules_are_about_are_told_by_what_they_go_with(
    split, german_teacher
):
    (X, y), (new, labels) = split
    frozen = FrozenEstimator(german_teacher)
    how = {"view": Hidden(0), "transfer": None, "target": "hard", "random_state": 0}
    model = DistilledClassifier(frozen, GREEDY, **how).fit(X, y)
    report = report_on(analyse(model, new, labels), n_refits=0)
    (table,) = (
        block
        for block in section(report, "Distillation").blocks
        if isinstance(block, Table) and "the student reads" in block.frame
    )
    told = dict(table.frame.itertuples(index=False))
    conditions = [c for rule in extract_rules(model) for c in rule.conditions]
    assert set(told) == {condition.feature.name for condition in conditions}
    for name, goes_with in told.items():
        with_words = f"{name} (high for {goes_with})"
        assert model.view_.describe(name) in (name, with_words)
    assert len(set(told.values())) > 1


def test_the_review_has_every_rule_and_room_to_sign(tree, split):
    _, (X, y) = split
    report = make_report(tree, X, y, n_refits=0)
    table = next(
        b for b in section(report, "Rule review").blocks if isinstance(b, Table)
    )
    assert len(table.frame) == len(extract_rules(tree))
    assert (table.frame[["agrees with practice?", "comment"]] == "").all(axis=None)
    assert "Stability" not in titles(report)


def test_the_tables_add_up(tree, split):
    _, (X, y) = split
    found = analyse(tree, X, y)
    report = make_report(tree, X, y, n_refits=0)
    (right,) = (b for b in section(report, "Accuracy").blocks if isinstance(b, Table))
    rows = right.frame["rows"].tolist()
    assert sum(rows) == len(y)
    student = np.mean(tree.predict(X) == y)
    assert (rows[0] + rows[2]) / len(y) == pytest.approx(student)
    lost = 100 * (found.evaluation.teacher.accuracy.value - student)
    change = f"{abs(lost):.1f} points {'below' if lost > 0 else 'above'}"
    change = change if lost else "equal to"
    last = section(report, "Accuracy").blocks[-1].text
    assert last == f"The student's accuracy is {change} the teacher's."
    confusion = section(report, "Fidelity").blocks[-1].frame.drop(columns="")
    assert np.trace(confusion.to_numpy()) == found.agrees.sum()
    assert confusion.to_numpy().sum() == len(y)


def test_the_glossary_has_the_measures_of_the_tables(tree, split):
    _, (X, y) = split
    report = make_report(tree, X, y, n_refits=0)
    (words,) = section(report, "Glossary").blocks
    known = set(words.frame.iloc[:, 0])
    assert {"logits", "KL", "R2 of logits", "ECE"} <= known


def test_an_evaluation_shows_itself(tree, split):
    _, (X, y) = split
    found = evaluate(tree, X, y)
    page = found._repr_html_()
    assert found.verdict in page
    assert page.count("<tr>") == 4
    assert format(found.student.fidelity, ".1%") in page


def test_no_row_is_shown_unless_asked(tree, split):
    _, (X, y) = split
    marked = X.assign(credit_amount=X["credit_amount"] + 0.123)
    quiet = make_report(tree, marked, y, n_refits=0)
    assert "the teacher surest first" not in quiet.html()
    loud = make_report(tree, marked, y, n_refits=0, examples=True)
    assert "the teacher surest first" in loud.html()


def test_the_size_curve_ends_at_the_student(tree, split):
    _, (X, y) = split
    path = analyse(tree, X, y).sizes
    assert len(path.sizes) == tree.tree_.n_leaves
    halves = path.train[-1], path.validation[-1]
    fidelity = evaluate(tree, X, y).student.fidelity.value
    assert np.mean(halves) == pytest.approx(fidelity, abs=1e-9)


@pytest.mark.parametrize("student", STUDENTS.values(), ids=STUDENTS)
def test_regression(student):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    teacher = FrozenEstimator(LinearRegression().fit(X, y))
    model = DistilledRegressor(teacher, student, random_state=0).fit(X[:300], y[:300])
    report = model.report(X[300:], y[300:], n_refits=2)
    assert "R2" in report.markdown()
    assert json.loads(report.json())["measures"]["evaluation"]["task"] == "regression"


def test_several_labels():
    X, y = load_iris(return_X_y=True)
    labels = np.column_stack([y == 0, y == 1]).astype(int)
    teacher = MultiOutputClassifier(LogisticRegression()).fit(X, labels)
    model = DistilledClassifier(FrozenEstimator(teacher), GREEDY, random_state=0)
    report = model.fit(X, labels).report(X, labels, n_refits=2)
    assert "Disagreements" in titles(report)


def test_a_made_row_is_counted_once():
    """Its copies were called further rows about which the teacher was asked."""
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    model = DistilledClassifier(
        teacher,
        CartStudent(3, search="greedy"),
        target="soft",
        transfer=Mix(1.0),
        replies=KBest(2),
        random_state=0,
    )
    report = model.fit(X, y).report(X, y, n_refits=0)
    (line,) = [line for line in report.markdown().splitlines() if "made and" in line]
    assert line.split("|")[1:3] == [" Further rows, made and fitted to ", " 150 "]


def test_without_labels_there_is_no_accuracy(tree, split):
    _, (X, _) = split
    report = make_report(tree, X, n_refits=0)
    assert "Accuracy" not in titles(report)
    assert "accuracy is not known" in report.markdown()


def test_a_run_is_analysed_as_it_was_saved(tree, split, tmp_path):
    _, (X, y) = split
    run = load_run(save(tree, tmp_path / "run", X, y, about={"data": "<b>german</b>"}))
    found = analyse_run(run)
    np.testing.assert_array_equal(found.logits, tree.logits(X))
    assert found.teacher_answers
    made = make_report(run.model, found.X, found.y, about=run.about, n_refits=0)
    assert "<b>german" not in made.html()
    assert "&lt;b&gt;german" in made.html()
    bare = load_run(save(tree, tmp_path / "bare"))
    with pytest.raises(InputError, match="no evaluation rows"):
        analyse_run(bare)


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (
            '{"formats": {"day": "DD-MM-YYYY", "rate": "1234.5 %"}, "missing": ["-"]}',
            "day: DD-MM-YYYY; rate: 1234.5 %; missing: -",
        ),
        ("{no JSON", "{no JSON"),
        ("{" * 5_000, "{" * 5_000),
    ],
)
def test_how_columns_are_written_is_said_in_words(tree, split, kept, said):
    _, (X, y) = split
    about = {"how columns are written": kept}
    report = make_report(tree, X, y, about=about, n_refits=0)
    source = section(report, "The data").blocks[0].frame
    assert source.iloc[0].tolist() == ["how columns are written", said]


def test_free_sections_are_filled_or_say_so(tree, split, tmp_path):
    _, (X, y) = split
    path = tmp_path / "info.yml"
    path.write_text(
        "title: Loans\npurpose: [screening, 2020-01-01]\nowner: <b>me</b>\n"
    )
    report = make_report(tree, X, y, info=read_info(path), n_refits=0)
    assert report.document.title == "Loans"
    page = report.html()
    assert "screening; 2020-01-01" in page
    assert "<b>me" not in page
    assert NOT_PROVIDED in page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("purposes: x", "purpose"),
        ("purpose: {a: 1}", "purpose"),
        ("- a", "must map"),
        ("a: [", "YAML"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("purpose: !!python/object/apply:os.system ['true']", "YAML"),
        ("purpose: \x00", "YAML"),
    ],
)
def test_bad_info_is_one_sentence(tmp_path, text, said):
    path = tmp_path / "info.yml"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as error:
        read_info(path)
    assert "\n" not in str(error.value)


def test_pdf(tree, split):
    pytest.importorskip("typst")
    _, (X, y) = split
    assert make_report(tree, X, y, n_refits=0).pdf().startswith(b"%PDF-")


HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory):
    """A report whose every name is hostile, as a file."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            HOSTILE: rng.normal(size=300),
            "</script><script>alert(2)</script>": rng.choice(["=1+1", HOSTILE], 300),
            "عربي": rng.normal(size=300),
        }
    )
    y = np.where(X[HOSTILE] > 0, HOSTILE, '"];x')
    teacher = CallableTeacher(
        lambda rows: np.column_stack([-rows[HOSTILE], rows[HOSTILE]]),
        classes=np.unique(y),
    )
    model = DistilledClassifier(teacher, GREEDY, random_state=0).fit(X[:200], y[:200])
    path = tmp_path_factory.mktemp("report") / "report.html"
    about = {"data": HOSTILE, "command": HOSTILE}
    report = make_report(
        model,
        X[200:],
        y[200:],
        about=about,
        info={"title": HOSTILE},
        examples=True,
        n_refits=2,
    )
    report.write(path)
    return path


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_with_the_network_blocked(hostile_page, scheme):
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    assert chromium, "Chromium is needed: `make test` as root installs it"
    asked, said = [], []
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-background-networking", "--disable-quic"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        context = browser.new_context(offline=True, color_scheme=scheme)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on(
            "dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss())
        )
        page.goto(hostile_page.as_uri())
        assert page.locator("img, script, iframe, object").count() == 0
        assert HOSTILE in page.locator("h1").inner_text()
        assert page.locator("h2").count() >= 10
        overflow = "document.documentElement.scrollWidth - window.innerWidth"
        assert page.evaluate(overflow) <= 0
        browser.close()
    assert asked == [hostile_page.as_uri()]
    assert said == []


def test_figures_have_a_text(tree, split):
    _, (X, y) = split
    report = make_report(tree, X, y, n_refits=0)
    figures = [
        block
        for part in report.document.sections
        for block in part.blocks
        if isinstance(block, Figure)
    ]
    for figure in figures:
        assert figure.text.strip()
        assert "<script" not in figure.svg
        assert "http://www.w3.org" in figure.svg
        assert "prefers-color-scheme" not in figure.svg
